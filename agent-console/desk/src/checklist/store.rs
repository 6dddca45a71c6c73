//! SQL of ticks. Rows are only added: the last one of a step counts.

use serde::Serialize;
use songda_store::{Db, Tx};
use sqlx::Row;

use crate::DeskError;

/// A step that was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tick {
    /// Step of the script.
    pub step: String,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// Where in the recording; none for one that was ticked when it did not run.
    pub offset_ms: Option<i64>,
}

/// The steps of a call that are ticked, in the order in which they were.
pub async fn ticks(db: &Db, call: &str) -> Result<Vec<Tick>, DeskError> {
    let rows = sqlx::query("SELECT step, ticked, at_ms, offset_ms FROM call_ticks WHERE call_id = $1 ORDER BY seq")
        .bind(call)
        .fetch_all(db.read())
        .await?;
    let mut ticked: Vec<Tick> = Vec::new();
    for row in rows {
        let step: String = row.get(0);
        ticked.retain(|tick| tick.step != step);
        if row.get::<i64, _>(1) == 1 {
            ticked.push(Tick { step, at_ms: row.get(2), offset_ms: row.get(3) });
        }
    }
    Ok(ticked)
}

/// Ticks a step, or takes it back.
pub async fn tick(tx: &mut Tx, call: &str, tick: &Tick, on: bool) -> Result<(), DeskError> {
    sqlx::query(
        "INSERT INTO call_ticks (call_id, seq, step, ticked, at_ms, offset_ms)
         SELECT $1, CAST(COALESCE(MAX(seq), 0) AS BIGINT) + 1, $2, $3, $4, $5 FROM call_ticks WHERE call_id = $1",
    )
    .bind(call)
    .bind(&tick.step)
    .bind(i64::from(on))
    .bind(tick.at_ms)
    .bind(tick.offset_ms)
    .execute(&mut *tx.conn())
    .await?;
    Ok(())
}
