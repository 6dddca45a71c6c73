//! SQL of what goes over trunks.

use std::collections::HashMap;

use songda_store::{Clock, Db, Tx};
use sqlx::{Row, any::AnyRow};

use super::Load;
use crate::{DeskError, telephony::day_begins};

/// A try that began longer ago than this and never ended was left by a kill.
const LOST_MS: i64 = 12 * 3_600_000;

const LOADS: &str = "SELECT t.id, COUNT(*) FILTER (WHERE c.ended_ms IS NULL AND c.started_ms > $2),
        COUNT(*) FILTER (WHERE c.started_ms > $3), COUNT(*) FILTER (WHERE c.started_ms >= $4)
 FROM trunks t JOIN call_tries c ON c.trunk_id = t.id
 WHERE t.court_id = $1 AND (c.started_ms >= $4 OR c.ended_ms IS NULL) GROUP BY t.id";

/// What goes over the trunks of a court, by trunk. Whoever looks holds the trunks until he
/// commits, so that two calls of one moment do not both take the last place.
pub async fn loads(tx: &mut Tx, clock: &Clock, court: &str) -> Result<HashMap<String, Load>, DeskError> {
    sqlx::query("UPDATE trunks SET changed_ms = changed_ms WHERE court_id = $1")
        .bind(court)
        .execute(&mut *tx.conn())
        .await?;
    let now = clock.now_ms();
    let rows = sqlx::query(LOADS)
        .bind(court)
        .bind(now - LOST_MS)
        .bind(now - 1_000)
        .bind(day_begins(now))
        .fetch_all(&mut *tx.conn())
        .await?;
    Ok(rows.iter().map(read).collect())
}

/// The same, for whoever only looks.
pub async fn look(db: &Db, clock: &Clock, court: &str) -> Result<HashMap<String, Load>, DeskError> {
    let now = clock.now_ms();
    let rows = sqlx::query(LOADS)
        .bind(court)
        .bind(now - LOST_MS)
        .bind(now - 1_000)
        .bind(day_begins(now))
        .fetch_all(db.read())
        .await?;
    Ok(rows.iter().map(read).collect())
}

fn read(row: &AnyRow) -> (String, Load) {
    (row.get(0), Load { live: row.get(1), second: row.get(2), day: row.get(3) })
}
