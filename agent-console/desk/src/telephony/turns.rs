//! Whose turn it is: of the trunks that may take the call at hand, each has its share by weight.
//!
//! Each trunk stands at a turn, and the one that stands lowest takes the call and moves on by one
//! call over its weight (Demers, Keshav and Shenker, "Analysis and simulation of a fair queueing
//! algorithm", 1989). Whoever stands lower than the one that takes the call could not take it, and
//! is moved up beside it: a trunk that was down, full or paused is owed nothing when it is back.
//! The turns are rows, so that a restart changes nothing.

use std::collections::HashMap;

use songda_store::Tx;
use sqlx::Row;

use super::Line;
use crate::DeskError;

/// What a call moves on a trunk of weight 1.
const CALL: i64 = 1_000_000;

/// Brings these lines of a court, one of each trunk, into the order of their turns, and counts
/// the call for the first. Whoever asks holds the trunks until he commits
/// ([`super::ceilings::loads`]).
pub(super) async fn take(tx: &mut Tx, court: &str, lines: &mut [Line]) -> Result<(), DeskError> {
    let rows =
        sqlx::query("SELECT id, turn FROM trunks WHERE court_id = $1").bind(court).fetch_all(&mut *tx.conn()).await?;
    let turns: HashMap<String, i64> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let turn = |line: &Line| turns.get(&line.trunk.id).copied().unwrap_or_default();
    lines.sort_by_key(turn);
    let Some(first) = lines.first() else { return Ok(()) };
    let (now, next) = (turn(first), turn(first) + CALL / i64::from(first.trunk.profile.weight.max(1)));
    sqlx::query("UPDATE trunks SET turn = CASE WHEN id = $2 THEN CAST($4 AS BIGINT) ELSE CAST($3 AS BIGINT) END WHERE court_id = $1 AND turn <= $3")
        .bind(court)
        .bind(&first.trunk.id)
        .bind(now)
        .bind(next)
        .execute(&mut *tx.conn())
        .await?;
    Ok(())
}
