//! SQL of the timeline.

use serde_json::Value;
use sha2::{Digest, Sha256};
use songda_store::{Clock, Db, Dialect, Tx};
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
    if tx.dialect() == Dialect::Postgres {
        // Two writers of one timeline stand in line here: each sees the row of the one before.
        sqlx::query("SELECT id FROM tasks WHERE id = $1 FOR UPDATE").bind(task).execute(&mut *tx.conn()).await?;
    }
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
    let hash = chained(&previous, task, seq, at, [by.actor, by.name, kind.word(), object, &detail]);
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
    .bind(hash)
    .execute(&mut *tx.conn())
    .await?;
    Ok(seq)
}

fn chained(previous: &str, task: &str, seq: i64, at: i64, told: [&str; 5]) -> String {
    let mut hash = Sha256::new();
    let place = [previous, task, &seq.to_string(), &at.to_string()].map(str::to_owned);
    for part in place.iter().map(String::as_str).chain(told) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex::encode(hash.finalize())
}

/// Checks every timeline; names the first task and place that does not follow from the
/// row before it.
pub async fn verify(db: &Db) -> Result<Option<(String, i64)>, ServiceError> {
    let rows = sqlx::query(
        "SELECT task_id, seq, at_ms, actor, actor_name, kind, object_id, detail, prev_hash, hash FROM events
         ORDER BY task_id, seq",
    )
    .fetch_all(db.read())
    .await?;
    let (mut of, mut before, mut place) = (String::new(), String::new(), 0);
    for row in rows {
        let (task, seq): (String, i64) = (row.get(0), row.get(1));
        if task != of {
            (of, before, place) = (task.clone(), String::new(), 0);
        }
        let told: [String; 5] = [row.get(3), row.get(4), row.get(5), row.get(6), row.get(7)];
        let hash = chained(&before, &task, seq, row.get(2), told.each_ref().map(String::as_str));
        if seq != place + 1 || row.get::<String, _>(8) != before || row.get::<String, _>(9) != hash {
            return Ok(Some((task, seq)));
        }
        (before, place) = (hash, seq);
    }
    Ok(None)
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
