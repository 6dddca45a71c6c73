//! Roots that wait for the notary, and its receipts.

use std::collections::BTreeMap;

use serde_json::json;
use songda_recordings::{evidence::NotaryReceipt, said::Said};
use songda_store::{Clock, Db, alarms, audit, evidence as register, jobs::backoff_ms};
use sqlx::Row;

use crate::ServiceError;

/// What an alarm about one receipt is called.
const ALARM: &str = "evidence.notary_receipt";

/// A root whose turn it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) court: String,
    pub(super) day: String,
    /// The signed root.
    pub(super) body: String,
    /// Tries before this one.
    pub(super) tries: i64,
    /// Whether a receipt for it was refused before.
    pub(super) refused: bool,
}

/// Roots without a receipt that were made before `made_before_ms` and may be tried now: whichever was
/// put off the longest ago first, oldest day first among those that never were. A root that the
/// notary never takes is so never before one that it was not asked about.
pub(super) async fn due(db: &Db, made_before_ms: i64, now_ms: i64, most: i64) -> Result<Vec<Due>, ServiceError> {
    let rows = sqlx::query(
        "SELECT r.court_id, r.day, r.body, COALESCE(h.tries, 0), COALESCE(h.refused, 0) FROM evidence_roots r
         LEFT JOIN evidence_hand_ins h ON h.court_id = r.court_id AND h.day = r.day
         WHERE r.made_ms <= $1 AND COALESCE(h.next_ms, 0) <= $2
           AND NOT EXISTS (SELECT 1 FROM evidence_notary_receipts n WHERE n.court_id = r.court_id AND n.day = r.day)
         ORDER BY COALESCE(h.next_ms, 0), r.day, r.court_id LIMIT $3",
    )
    .bind(made_before_ms)
    .bind(now_ms)
    .bind(most)
    .fetch_all(db.read())
    .await?;
    let read = |row: sqlx::any::AnyRow| Due {
        court: row.get(0),
        day: row.get(1),
        body: row.get(2),
        tries: row.get(3),
        refused: row.get::<i64, _>(4) != 0,
    };
    Ok(rows.into_iter().map(read).collect())
}

/// Keeps a receipt that was checked, as a file of the register, with its audit row: all or none.
/// Answers whether it is new.
pub(super) async fn keep(db: &Db, clock: &Clock, receipt: &NotaryReceipt) -> Result<bool, ServiceError> {
    let (court, day) = (receipt.handed.court.as_str(), receipt.handed.day.as_str());
    let (id, body) = (register::notary_receipt_id(court, day), receipt.to_text());
    let mut tx = db.begin().await?;
    let kept = sqlx::query(
        "INSERT INTO evidence_notary_receipts (court_id, day, file_id, number, body, kept_ms)
         SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS TEXT),
                CAST($6 AS BIGINT)
         WHERE NOT EXISTS (SELECT 1 FROM evidence_notary_receipts WHERE court_id = $1 AND day = $2)
         ON CONFLICT (court_id, day) DO NOTHING",
    )
    .bind(court)
    .bind(day)
    .bind(&id)
    .bind(&receipt.number)
    .bind(&body)
    .bind(clock.now_ms())
    .execute(&mut *tx.conn())
    .await?;
    if kept.rows_affected() != 1 {
        return Ok(false);
    }
    let (sha256, sm3) = register::hashes(body.as_bytes());
    let entry = register::Entry {
        id: &id,
        court,
        kind: register::NOTARY_RECEIPT,
        owner: "",
        sha256: &sha256,
        sm3: &sm3,
        size: body.len() as i64,
    };
    register::book(&mut tx, clock, entry).await?;
    sqlx::query("DELETE FROM evidence_hand_ins WHERE court_id = $1 AND day = $2")
        .bind(court)
        .bind(day)
        .execute(&mut *tx.conn())
        .await?;
    let detail = json!({
        "number": receipt.number, "block": receipt.block, "transaction": receipt.transaction, "at_ms": receipt.at_ms,
        "key": receipt.key_id, "sha256": sha256,
    });
    let entry = audit::Entry::of_the_house(court, "evidence.notarised", ("evidence_root", day), detail);
    audit::append(&mut tx, clock, entry).await?;
    alarms::clear_in(&mut tx, clock, ALARM, &format!("{court}:{day}")).await?;
    tx.commit().await?;
    Ok(true)
}

/// What went wrong with a hand-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// There is no receipt, for the notary is away.
    Away(Said),
    /// There is none, for the notary answered and does not take this root.
    Declined(Said),
    /// There is one, and it proves nothing of this root.
    Refused(Said),
    /// The root itself is not what the house signed: the notary was not asked, and the examination of
    /// the chain tells it.
    NotGenuine(Said),
}

impl Failure {
    pub(super) fn why(&self) -> &Said {
        let (Self::Away(why) | Self::Declined(why) | Self::Refused(why) | Self::NotGenuine(why)) = self;
        why
    }
}

/// The root waits on, and is tried again later. One that is not taken, or whose receipt was refused,
/// rings at once; a refused receipt stands in the audit log, the first time.
pub(super) async fn postpone(db: &Db, clock: &Clock, due: &Due, failure: &Failure) -> Result<(), ServiceError> {
    let (tries, now) = (due.tries + 1, clock.now_ms());
    let (why, is_refused) = (failure.why(), matches!(failure, Failure::Refused(_)));
    let refused = due.refused || is_refused;
    let mut tx = db.begin().await?;
    sqlx::query(
        "INSERT INTO evidence_hand_ins (court_id, day, tries, next_ms, refused, said)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (court_id, day) DO UPDATE SET tries = excluded.tries, next_ms = excluded.next_ms,
             refused = excluded.refused,
             said = CASE WHEN excluded.refused = 1 AND $7 = 0 THEN evidence_hand_ins.said ELSE excluded.said END",
    )
    .bind(&due.court)
    .bind(&due.day)
    .bind(tries)
    .bind(now + backoff_ms(tries))
    .bind(i64::from(refused))
    .bind(why.to_stored())
    // Why a receipt was refused stays until another comes, whatever the notary does meanwhile.
    .bind(i64::from(is_refused))
    .execute(&mut *tx.conn())
    .await?;
    let told = match failure {
        Failure::Declined(_) => {
            let text = "the notary did not take the root of {day}; it is tried again: {why}";
            Some(Said::new("evidence.notary_declined", text))
        }
        Failure::Refused(_) => {
            let text = "the notary's receipt for {day} proves nothing of its root; it is asked again: {why}";
            Some(Said::new("evidence.notary_receipt", text))
        }
        Failure::Away(_) | Failure::NotGenuine(_) => None,
    };
    if let Some(told) = told {
        let about = format!("{}:{}", due.court, due.day);
        let told = told.with("day", due.day.as_str()).with("why", why.clone());
        alarms::raise_in(&mut tx, clock, &due.court, (ALARM, &about), &told).await?;
    }
    if is_refused && !due.refused {
        let detail = json!({ "detail": why.text });
        let object = ("evidence_root", due.day.as_str());
        let entry = audit::Entry::of_the_house(&due.court, "evidence.notary_refused", object, detail);
        audit::append(&mut tx, clock, audit::Entry { result: "refused", ..entry }).await?;
    }
    Ok(tx.commit().await?)
}

/// How many roots of the house wait, how many of them because a receipt was refused, and the newest
/// day that has one.
pub(super) async fn counts(db: &Db) -> Result<(i64, i64, Option<String>), ServiceError> {
    let row = sqlx::query(
        "SELECT (SELECT COUNT(*) FROM evidence_roots r WHERE NOT EXISTS
                    (SELECT 1 FROM evidence_notary_receipts n WHERE n.court_id = r.court_id AND n.day = r.day)),
                (SELECT COUNT(*) FROM evidence_hand_ins WHERE refused = 1),
                (SELECT MAX(day) FROM evidence_notary_receipts)",
    )
    .fetch_one(db.read())
    .await?;
    Ok((row.get(0), row.get(1), row.get(2)))
}

/// The receipts of a court as they are kept, by day, from `first` to `last`.
pub async fn receipts(db: &Db, court: &str, first: &str, last: &str) -> Result<BTreeMap<String, String>, ServiceError> {
    let rows = sqlx::query(
        "SELECT day, body FROM evidence_notary_receipts WHERE court_id = $1 AND day >= $2 AND day <= $3 ORDER BY day",
    )
    .bind(court)
    .bind(first)
    .bind(last)
    .fetch_all(db.read())
    .await?;
    Ok(rows.into_iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Why a root still waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waits {
    /// Whether a receipt for it was refused.
    pub refused: bool,
    /// What the last try met.
    pub why: Said,
}

/// The days of a court whose hand-in failed so far, from `first` to `last`.
pub async fn waits(db: &Db, court: &str, first: &str, last: &str) -> Result<BTreeMap<String, Waits>, ServiceError> {
    let rows =
        sqlx::query("SELECT day, refused, said FROM evidence_hand_ins WHERE court_id = $1 AND day >= $2 AND day <= $3")
            .bind(court)
            .bind(first)
            .bind(last)
            .fetch_all(db.read())
            .await?;
    let read = |row: sqlx::any::AnyRow| {
        let waits = Waits { refused: row.get::<i64, _>(1) != 0, why: Said::from_stored(&row.get::<String, _>(2)) };
        (row.get::<String, _>(0), waits)
    };
    Ok(rows.into_iter().map(read).collect())
}

/// The days of a court, from `first` to `last`, that have no receipt because the one that came was
/// refused, and why in English.
pub async fn refused(db: &Db, court: &str, first: &str, last: &str) -> Result<BTreeMap<String, String>, ServiceError> {
    let waiting = waits(db, court, first, last).await?;
    Ok(waiting.into_iter().filter(|(_, waits)| waits.refused).map(|(day, waits)| (day, waits.why.text)).collect())
}
