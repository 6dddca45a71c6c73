//! SQL of the timeline.

use serde_json::Value;
use sha2::{Digest, Sha256};
use songda_store::{Clock, Db, Tx};
use sqlx::Row;

use super::{By, Event, Kind};
use crate::ServiceError;

/// Adds one row to the timeline of `task` and answers its place.
pub async fn append(
    tx: &mut Tx,
    clock: &Clock,
    task: &str,
    by: &By<'_>,
    kind: Kind,
    object: &str,
    detail: &Value,
) -> Result<i64, ServiceError> {
    let last = sqlx::query("SELECT seq, hash FROM events WHERE task_id = $1 ORDER BY seq DESC LIMIT 1")
        .bind(task)
        .fetch_optional(&mut *tx.conn())
        .await?;
    let (seq, previous) = match last {
        Some(row) => (row.get::<i64, _>(0) + 1, row.get::<String, _>(1)),
        None => (1, String::new()),
    };
    let at = clock.now_ms();
    let detail = detail.to_string();
    let mut hash = Sha256::new();
    for part in [&previous, task, &seq.to_string(), &at.to_string(), by.actor, kind.word(), object, &detail] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    sqlx::query(
        "INSERT INTO events (task_id, seq, at_ms, actor, actor_name, kind, object_id, detail, prev_hash, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(task)
    .bind(seq)
    .bind(at)
    .bind(by.actor)
    .bind(by.name)
    .bind(kind.word())
    .bind(object)
    .bind(detail)
    .bind(previous)
    .bind(hex::encode(hash.finalize()))
    .execute(&mut *tx.conn())
    .await?;
    Ok(seq)
}

/// The whole timeline of a task, oldest first.
pub async fn list(db: &Db, task: &str) -> Result<Vec<Event>, ServiceError> {
    let rows = sqlx::query(
        "SELECT seq, at_ms, actor, actor_name, kind, object_id, detail FROM events WHERE task_id = $1 ORDER BY seq",
    )
    .bind(task)
    .fetch_all(db.read())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Event {
            seq: row.get(0),
            at_ms: row.get(1),
            actor: row.get(2),
            actor_name: row.get(3),
            kind: row.get(4),
            object_id: row.get(5),
            detail: serde_json::from_str(&row.get::<String, _>(6)).unwrap_or(Value::Null),
        })
        .collect())
}
