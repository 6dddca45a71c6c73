//! Alarms: what somebody must look at, once per kind and object until it is cleared.

use sqlx::Row;

use crate::{Clock, Db, StoreError, new_id};

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
    pub text: String,
    /// First time.
    pub raised_ms: i64,
    /// Last time.
    pub last_ms: i64,
    /// How often.
    pub times: i64,
}

/// Raises an alarm, or counts it once more.
pub async fn raise(db: &Db, clock: &Clock, kind: &str, object_id: &str, text: &str) -> Result<(), StoreError> {
    metrics::counter!("songda_alarms_total", "kind" => kind.to_owned()).increment(1);
    tracing::warn!(kind, object = object_id, "alarm raised");
    sqlx::query(
        "INSERT INTO alarms (id, kind, object_id, text, raised_ms, last_ms, times) VALUES ($1, $2, $3, $4, $5, $5, 1)
         ON CONFLICT (kind, object_id) DO UPDATE SET text = excluded.text, last_ms = excluded.last_ms,
             raised_ms = CASE WHEN alarms.cleared_ms IS NULL THEN alarms.raised_ms ELSE excluded.raised_ms END,
             times = CASE WHEN alarms.cleared_ms IS NULL THEN alarms.times + 1 ELSE 1 END, cleared_ms = NULL",
    )
    .bind(new_id())
    .bind(kind)
    .bind(object_id)
    .bind(text)
    .bind(clock.now_ms())
    .execute(db.read())
    .await?;
    Ok(())
}

/// What it was about is well again.
pub async fn clear(db: &Db, clock: &Clock, kind: &str, object_id: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE alarms SET cleared_ms = $3 WHERE kind = $1 AND object_id = $2 AND cleared_ms IS NULL")
        .bind(kind)
        .bind(object_id)
        .bind(clock.now_ms())
        .execute(db.read())
        .await?;
    Ok(())
}

/// Open alarms, newest first.
pub async fn open(db: &Db) -> Result<Vec<Alarm>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, kind, object_id, text, raised_ms, last_ms, times FROM alarms WHERE cleared_ms IS NULL
         ORDER BY last_ms DESC LIMIT 200",
    )
    .fetch_all(db.read())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Alarm {
            id: row.get(0),
            kind: row.get(1),
            object_id: row.get(2),
            text: row.get(3),
            raised_ms: row.get(4),
            last_ms: row.get(5),
            times: row.get(6),
        })
        .collect())
}
