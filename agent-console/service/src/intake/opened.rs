//! Numbers outside the mainland: they are dialled once a line of the court is opened for their
//! place, and not before (E39).
//!
//! Which places the lines are opened for is the desk's to say; what becomes of the numbers on
//! file, and of the tasks that have no other, is decided here. The place stands in the mask of
//! a number, so that none has to be opened.

use serde_json::json;
use songda_store::{Clock, Tx, masked::Phone};
use sqlx::Row;

use crate::{
    ServiceError, tasks,
    timeline::{self, Kind},
};

/// A region outside the mainland.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Region {
    /// +852.
    HongKong,
    /// +853.
    Macau,
    /// +886.
    Taiwan,
    /// Everything else behind a plus.
    Foreign,
}

impl Region {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::HongKong, Self::Macau, Self::Taiwan, Self::Foreign];

    fn word(self) -> &'static str {
        match self {
            Self::HongKong => "hong_kong",
            Self::Macau => "macau",
            Self::Taiwan => "taiwan",
            Self::Foreign => "foreign",
        }
    }

    /// Where a number on file is; none in the mainland.
    fn of(number: &Phone) -> Option<Self> {
        let number = number.reveal();
        match number.get(..4) {
            Some("+852") => Some(Self::HongKong),
            Some("+853") => Some(Self::Macau),
            Some("+886") => Some(Self::Taiwan),
            _ if number.starts_with('+') => Some(Self::Foreign),
            _ => None,
        }
    }

    /// Which masks of numbers belong to it, of a table that is called `n`.
    fn masks(self) -> &'static str {
        match self {
            Self::HongKong => "n.masked LIKE '+852%'",
            Self::Macau => "n.masked LIKE '+853%'",
            Self::Taiwan => "n.masked LIKE '+886%'",
            Self::Foreign => {
                "n.masked LIKE '+%' AND n.masked NOT LIKE '+852%' AND n.masked NOT LIKE '+853%'
                 AND n.masked NOT LIKE '+886%'"
            }
        }
    }
}

/// Whether the court dials this number: one of the mainland, or of a place that a line of the
/// court is opened for.
pub async fn dialable(tx: &mut Tx, court: &str, number: &Phone) -> Result<bool, ServiceError> {
    let Some(place) = Region::of(number) else { return Ok(number.dialable()) };
    let row =
        sqlx::query("SELECT opened FROM courts WHERE id = $1").bind(court).fetch_optional(&mut *tx.conn()).await?;
    let opened: String = row.map(|row| row.get(0)).unwrap_or_default();
    Ok(opened.split(' ').any(|word| word == place.word()))
}

/// These are the places that the court's lines are opened for from now on. Numbers on file
/// there can be dialled, those of places that are closed cannot; tasks that get their first
/// usable number by it wait for their call, and those that lose their last one are looked for
/// in another way.
pub async fn open_for(tx: &mut Tx, clock: &Clock, court: &str, places: &[Region]) -> Result<(), ServiceError> {
    let open = |place: &Region| places.contains(place);
    let words: Vec<&str> = Region::ALL.into_iter().filter(open).map(Region::word).collect();
    let changed = sqlx::query("UPDATE courts SET opened = $2 WHERE id = $1 AND opened <> $2")
        .bind(court)
        .bind(words.join(" "))
        .execute(&mut *tx.conn())
        .await?;
    if changed.rows_affected() == 0 {
        return Ok(());
    }
    for place in Region::ALL {
        let (from, to) = if open(&place) { ("不可拨", "有效") } else { ("有效", "不可拨") };
        let sql = format!(
            "UPDATE phones SET state = $3 WHERE state = $2 AND id IN (
                 SELECT n.id FROM phones n JOIN parties p ON p.id = n.party_id JOIN cases c ON c.id = p.case_id
                 WHERE c.court_id = $1 AND {})",
            place.masks()
        );
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(court).bind(from).bind(to).execute(&mut *tx.conn()).await?;
    }
    for (kind, from, to, has) in [
        (Kind::NumberUsable, tasks::SEARCHING, tasks::WAITING, "EXISTS"),
        (Kind::NoNumber, tasks::WAITING, tasks::SEARCHING, "NOT EXISTS"),
    ] {
        let (next_zh, next_en) = if kind == Kind::NoNumber { tasks::NO_NUMBER } else { tasks::NUMBER_USABLE };
        // A number of the mainland is not opened: who is looked for although he has one stays so.
        let abroad = if kind == Kind::NumberUsable { "AND n.masked LIKE '+%'" } else { "" };
        let sql = format!(
            "UPDATE tasks SET phase = $3, next_step = $4, version = version + 1 WHERE court_id = $1 AND phase = $2
               AND EXISTS (SELECT 1 FROM phones n WHERE n.party_id = tasks.party_id AND n.masked LIKE '+%')
               AND {has} (SELECT 1 FROM phones n WHERE n.party_id = tasks.party_id AND n.state = '有效' {abroad})
             RETURNING id"
        );
        let moved = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(court)
            .bind(from)
            .bind(to)
            .bind(next_zh)
            .fetch_all(&mut *tx.conn())
            .await?;
        for row in moved {
            let (task, detail) = (row.get::<String, _>(0), json!({ "next_zh": next_zh, "next_en": next_en }));
            timeline::append(tx, clock, &task, &timeline::SYSTEM, kind, court, &detail).await?;
        }
    }
    Ok(())
}
