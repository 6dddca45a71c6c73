//! Which ways a call may take: the court's numbers over its trunks, and in which order they
//! are tried.

use songda_calls::{
    Route,
    numbering::{self, Callee, Refusal},
};
use songda_store::{Clock, Db, Sealer, Tx, new_id};
use sqlx::Row;

use super::{
    ceilings::{self, Ceiling},
    numbers::today,
    trunks::{self, Place, Profile, TrunkForm, TrunkRow, TrunkState},
    turns,
};
use crate::DeskError;

/// Ways that one call tries, at most.
const ROUTES: usize = 4;

/// A trunk with a number under which calls may leave over it now.
#[derive(Debug, Clone)]
pub struct Line {
    /// The trunk.
    pub trunk: TrunkRow,
    /// The court's own number, public.
    pub number: String,
}

/// The ways of one call.
#[derive(Debug)]
pub struct Routes {
    /// In the order in which they are tried; never empty.
    pub routes: Vec<Route>,
    /// Their lines, in the same order.
    pub lines: Vec<Line>,
    /// Keys that are pressed after the answer.
    pub extension: Option<String>,
}

/// Why no call can go out now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoRoute {
    /// No active number with its proof on file has an active trunk.
    #[error("the court has no active number with proof on file that is valid today")]
    NoNumber,
    /// The number is none that may be dialled.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Every trunk carries as many calls as it may.
    #[error("every trunk carries as many calls as it may: try again in a moment")]
    Busy,
    /// Every trunk has reached its ceiling of the day.
    #[error("every trunk has reached its ceiling of calls for today")]
    Ceiling,
    /// Every trunk is down.
    #[error("no trunk of the court answers: no call goes out")]
    Down,
}

impl NoRoute {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoNumber => "dial.no_caller_number",
            Self::Refused(refusal) => refusal.code(),
            Self::Busy => "dial.lines_busy",
            Self::Ceiling => "dial.day_ceiling",
            Self::Down => "dial.trunk_down",
        }
    }
}

impl Line {
    fn route(&self, sealer: &Sealer, callee: &Callee) -> Result<Route, DeskError> {
        let profile = &self.trunk.profile;
        let dialled = profile.called.write(callee).map_err(NoRoute::from)?;
        let caller = numbering::caller(&self.number, profile.calling);
        Ok(Route { id: self.trunk.id.clone(), trunk: self.trunk.sip(sealer)?.into(), caller, callee: dialled.number })
    }
}

impl TrunkRow {
    /// Whether its carrier is on this machine: demo mode calls nobody else (X5).
    pub fn leads_nowhere_else(&self) -> bool {
        self.profile.leads_nowhere_else()
    }
}

/// What a number must be to be shown over a trunk: active, with its proof on file and valid on
/// the day `$2` (R12.1). Demo trunks serve demo mode and nothing else does (`$1`; X5).
const SHOWN: &str = "FROM court_numbers n JOIN number_trunks l ON l.number_id = n.id
         JOIN trunks t ON t.id = l.trunk_id
         WHERE n.active = 1 AND t.demo = $1
           AND (n.proof_object IS NOT NULL OR (t.demo = 1 AND n.licence <> ''))
           AND n.valid_from <= $2 AND (n.valid_until = '' OR n.valid_until >= $2)";

/// Every line of a court on which a call may leave at this moment, over active trunks.
pub async fn lines_of(db: &Db, clock: &Clock, court: &str, demo: bool) -> Result<Vec<Line>, DeskError> {
    let sql = format!(
        "SELECT {}, n.number {SHOWN} AND n.court_id = $3 AND t.state = 'active'
         ORDER BY t.created_ms, t.id, CASE WHEN n.trunk_id = t.id THEN 0 ELSE 1 END, n.created_ms",
        trunks::COLUMNS
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(i64::from(demo))
        .bind(today(clock.now_ms()))
        .bind(court)
        .fetch_all(db.read())
        .await?;
    Ok(rows.iter().map(|row| Line { trunk: trunks::read(row), number: row.get(trunks::WIDTH) }).collect())
}

/// The numbers that may be shown over this trunk at this moment, in use or paused.
pub async fn numbers_over(db: &Db, clock: &Clock, trunk: &TrunkRow) -> Result<Vec<String>, DeskError> {
    let sql = format!(
        "SELECT n.number {SHOWN} AND t.id = $3 ORDER BY CASE WHEN n.trunk_id = t.id THEN 0 ELSE 1 END, n.created_ms"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(i64::from(trunk.demo))
        .bind(today(clock.now_ms()))
        .bind(&trunk.id)
        .fetch_all(db.read())
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Chooses the ways of a call among these lines: each trunk once, under its first number, and first
/// the one whose turn it is by weight. Trunks that are down, full, or not opened for this number are
/// left out. The call counts for the first trunk when the transaction is committed.
pub async fn choose(
    tx: &mut Tx,
    clock: &Clock,
    sealer: &Sealer,
    lines: Vec<Line>,
    callee: &Callee,
    is_down: impl Fn(&str) -> bool,
) -> Result<Routes, DeskError> {
    let Some(court) = lines.first().map(|line| line.trunk.court_id.clone()) else {
        return Err(NoRoute::NoNumber.into());
    };
    let mut each: Vec<Line> = Vec::new();
    for line in lines {
        if !each.iter().any(|other| other.trunk.id == line.trunk.id) {
            each.push(line);
        }
    }
    let refusal = each.iter().find_map(|line| line.trunk.profile.called.allows(callee).err());
    each.retain(|line| line.trunk.profile.called.allows(callee).is_ok());
    if let (true, Some(refusal)) = (each.is_empty(), refusal) {
        return Err(NoRoute::from(refusal).into());
    }
    each.retain(|line| !is_down(&line.trunk.id));
    if each.is_empty() {
        return Err(NoRoute::Down.into());
    }
    let loads = ceilings::loads(tx, clock, &court).await?;
    let load = |line: &Line| loads.get(&line.trunk.id).copied().unwrap_or_default();
    let reached: Vec<_> = each.iter().map(|line| load(line).reached(&line.trunk.profile)).collect();
    if reached.iter().all(Option::is_some) {
        let day = reached.iter().all(|ceiling| *ceiling == Some(Ceiling::Day));
        return Err(if day { NoRoute::Ceiling } else { NoRoute::Busy }.into());
    }
    each.retain(|line| load(line).reached(&line.trunk.profile).is_none());
    turns::take(tx, &court, &mut each).await?;
    each.truncate(ROUTES);
    let routes = each.iter().map(|line| line.route(sealer, callee)).collect::<Result<_, _>>()?;
    Ok(Routes { routes, lines: each, extension: callee.extension().map(str::to_owned) })
}

/// A demo trunk with its number, to be entered: it needs no proof, for it leads to songda-sim
/// only.
#[derive(Debug)]
pub struct NewLine<'a> {
    /// Court.
    pub court: &'a str,
    /// Name of the trunk.
    pub name: &'a str,
    /// host:port of the carrier.
    pub proxy: &'a str,
    /// SIP domain.
    pub domain: &'a str,
    /// Digest user.
    pub username: &'a str,
    /// Digest password.
    pub password: &'a str,
    /// The court's own number.
    pub number: &'a str,
    /// What the register says instead of a proof.
    pub licence: &'a str,
}

/// Enters a demo trunk and its number; answers the trunk's id.
pub async fn add_line(tx: &mut Tx, clock: &Clock, sealer: &Sealer, line: &NewLine<'_>) -> Result<String, DeskError> {
    let id = new_id();
    let form = TrunkForm {
        name: line.name.to_owned(),
        state: TrunkState::Active,
        domain: line.domain.to_owned(),
        username: line.username.to_owned(),
        password: Some(line.password.to_owned()),
        profile: Profile { hosts: vec![line.proxy.to_owned()], ..Profile::default() },
    };
    trunks::put(tx, clock, sealer, Place { court: line.court, id: &id, version: 0, demo: true }, &form).await?;
    let number = new_id();
    sqlx::query(
        "INSERT INTO court_numbers (id, court_id, trunk_id, number, licence, active, created_ms)
         VALUES ($1, $2, $3, $4, $5, 1, $6)",
    )
    .bind(&number)
    .bind(line.court)
    .bind(&id)
    .bind(line.number)
    .bind(line.licence)
    .bind(clock.now_ms())
    .execute(&mut *tx.conn())
    .await?;
    sqlx::query("INSERT INTO number_trunks (number_id, trunk_id) VALUES ($1, $2)")
        .bind(&number)
        .bind(&id)
        .execute(&mut *tx.conn())
        .await?;
    Ok(id)
}
