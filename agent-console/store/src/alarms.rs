//! Alarms: what somebody must look at, once per kind and object until it is cleared.

use songda_recordings::said::Said;
use sqlx::Row;

use crate::{Clock, Db, StoreError, Tx, new_id};

/// An open alarm.
#[derive(Debug, Clone)]
pub struct Alarm {
    /// Id.
    pub id: String,
    /// Stable word, e.g. `recording.altered`.
    pub kind: String,
    /// What it is about.
    pub object_id: String,
    /// What happened and what to do.
    pub said: Said,
    /// First time.
    pub raised_ms: i64,
    /// Last time.
    pub last_ms: i64,
    /// How often.
    pub times: i64,
}

const RAISE: &str =
    "INSERT INTO alarms (id, kind, object_id, said, raised_ms, last_ms, times, court_id) VALUES ($1, $2, $3, $4, $5, $5, 1, $6)
     ON CONFLICT (kind, object_id) DO UPDATE SET said = excluded.said, last_ms = excluded.last_ms,
         raised_ms = CASE WHEN alarms.cleared_ms IS NULL THEN alarms.raised_ms ELSE excluded.raised_ms END,
         times = CASE WHEN alarms.cleared_ms IS NULL THEN alarms.times + 1 ELSE 1 END, cleared_ms = NULL";

const CLEAR: &str = "UPDATE alarms SET cleared_ms = $3 WHERE kind = $1 AND object_id = $2 AND cleared_ms IS NULL";

/// Raises an alarm of the house, or counts it once more. Every court reads it: what it says names
/// no case and no person.
pub async fn raise(db: &Db, clock: &Clock, kind: &str, object_id: &str, said: &Said) -> Result<(), StoreError> {
    ring(kind, object_id);
    let query = sqlx::query(RAISE)
        .bind(new_id())
        .bind(kind)
        .bind(object_id)
        .bind(said.to_stored())
        .bind(clock.now_ms())
        .bind("");
    query.execute(db.read()).await?;
    Ok(())
}

/// Raises an alarm that only one court reads, in the transaction of what it tells: none without
/// the other.
pub async fn raise_in(
    tx: &mut Tx,
    clock: &Clock,
    court: &str,
    (kind, object_id): (&str, &str),
    said: &Said,
) -> Result<(), StoreError> {
    ring(kind, object_id);
    let query = sqlx::query(RAISE)
        .bind(new_id())
        .bind(kind)
        .bind(object_id)
        .bind(said.to_stored())
        .bind(clock.now_ms())
        .bind(court);
    query.execute(&mut *tx.conn()).await?;
    Ok(())
}

fn ring(kind: &str, object_id: &str) {
    metrics::counter!("songda_alarms_total", "kind" => kind.to_owned()).increment(1);
    tracing::warn!(kind, object = object_id, "alarm raised");
}

/// What it was about is well again.
pub async fn clear(db: &Db, clock: &Clock, kind: &str, object_id: &str) -> Result<(), StoreError> {
    sqlx::query(CLEAR).bind(kind).bind(object_id).bind(clock.now_ms()).execute(db.read()).await?;
    Ok(())
}

/// All that it was about is no matter any more.
pub async fn clear_kind(db: &Db, clock: &Clock, kind: &str) -> Result<(), StoreError> {
    let query = sqlx::query("UPDATE alarms SET cleared_ms = $2 WHERE kind = $1 AND cleared_ms IS NULL");
    query.bind(kind).bind(clock.now_ms()).execute(db.read()).await?;
    Ok(())
}

/// [`clear`] in a transaction.
pub async fn clear_in(tx: &mut Tx, clock: &Clock, kind: &str, object_id: &str) -> Result<(), StoreError> {
    sqlx::query(CLEAR).bind(kind).bind(object_id).bind(clock.now_ms()).execute(&mut *tx.conn()).await?;
    Ok(())
}

/// Open alarms that a court reads, its own and those of the house, newest first.
pub async fn open_for(db: &Db, court: &str) -> Result<Vec<Alarm>, StoreError> {
    listed(db, Some(court)).await
}

/// Open alarms of all courts, newest first.
pub async fn open(db: &Db) -> Result<Vec<Alarm>, StoreError> {
    listed(db, None).await
}

async fn listed(db: &Db, court: Option<&str>) -> Result<Vec<Alarm>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, kind, object_id, said, raised_ms, last_ms, times FROM alarms WHERE cleared_ms IS NULL
           AND (CAST($1 AS TEXT) IS NULL OR court_id = '' OR court_id = $1)
         ORDER BY last_ms DESC LIMIT 200",
    )
    .bind(court)
    .fetch_all(db.read())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Alarm {
            id: row.get(0),
            kind: row.get(1),
            object_id: row.get(2),
            said: Said::from_stored(&row.get::<String, _>(3)),
            raised_ms: row.get(4),
            last_ms: row.get(5),
            times: row.get(6),
        })
        .collect())
}
