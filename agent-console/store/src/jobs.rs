//! Jobs: work that follows from a transaction, done at least once by whoever claims it.

use std::{future::Future, sync::Arc, time::Duration};

use serde_json::Value;
use sqlx::Row;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{Clock, Db, Dialect, StoreError, Tx, new_id};

/// A claimed job.
#[derive(Debug, Clone)]
pub struct Job {
    /// Id.
    pub id: String,
    /// Kind.
    pub kind: String,
    /// Ids only; never personal data.
    pub payload: Value,
    /// Tries before this one.
    pub attempts: i64,
}

/// How long a worker may be at one job. Longer than any transcription may take, so that none
/// is done twice at once; what a kill left is taken up at the next start.
const LEASE_MS: i64 = 4 * 3_600_000;

/// Failed tries, about half an hour, after which people are told that something stays
/// undone. The job itself is tried on, every ten minutes: what was put right outside is
/// then done without anybody's hand.
pub const PATIENCE: i64 = 12;

/// Writes a job in the caller's transaction. While a job with the same `dedupe` waits,
/// another is not added; a running one is: it may have read the world already.
pub async fn enqueue(
    tx: &mut Tx,
    clock: &Clock,
    kind: &str,
    dedupe: Option<&str>,
    payload: &Value,
    run_at_ms: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO jobs (id, kind, dedupe, payload, state, run_at_ms, attempts, lease_until_ms, last_error, created_ms)
         VALUES ($1, $2, $3, $4, 'waiting', $5, 0, 0, '', $6) ON CONFLICT (dedupe) DO NOTHING",
    )
    .bind(new_id())
    .bind(kind)
    .bind(dedupe)
    .bind(payload.to_string())
    .bind(run_at_ms)
    .bind(clock.now_ms())
    .execute(&mut *tx.conn())
    .await?;
    Ok(())
}

/// Claims due jobs of these kinds for `lease_ms`. A job whose lease ran out is due again.
pub async fn claim(db: &Db, clock: &Clock, kinds: &[&str], lease_ms: i64, limit: i64) -> Result<Vec<Job>, StoreError> {
    let now = clock.now_ms();
    let (list, skip) = match db.dialect() {
        Dialect::Sqlite => ("SELECT value FROM json_each($1)", ""),
        Dialect::Postgres => ("SELECT json_array_elements_text(CAST($1 AS JSON))", "FOR UPDATE SKIP LOCKED"),
    };
    let sql = format!(
        "UPDATE jobs SET state = 'running', dedupe = NULL, lease_until_ms = $2 + $3, attempts = attempts + 1
         WHERE id IN (SELECT id FROM jobs WHERE kind IN ({list})
                      AND ((state = 'waiting' AND run_at_ms <= $2) OR (state = 'running' AND lease_until_ms <= $2))
                      ORDER BY run_at_ms, id LIMIT $4 {skip})
         RETURNING id, kind, payload, attempts"
    );
    let kinds = serde_json::to_string(kinds).unwrap_or_default();
    let mut tx = db.begin().await?;
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(kinds)
        .bind(now)
        .bind(lease_ms)
        .bind(limit)
        .fetch_all(&mut *tx.conn())
        .await?;
    tx.commit().await?;
    let mut jobs: Vec<_> = rows
        .into_iter()
        .map(|row| Job {
            id: row.get(0),
            kind: row.get(1),
            payload: serde_json::from_str(&row.get::<String, _>(2)).unwrap_or(Value::Null),
            attempts: row.get::<i64, _>(3) - 1,
        })
        .collect();
    // RETURNING keeps no order; ids grow with time.
    jobs.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(jobs)
}

/// The job is done.
pub async fn done(db: &Db, clock: &Clock, id: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE jobs SET state = 'done', done_ms = $2, last_error = '' WHERE id = $1")
        .bind(id)
        .bind(clock.now_ms())
        .execute(db.read())
        .await?;
    Ok(())
}

/// The try failed: again later.
pub async fn retry(db: &Db, clock: &Clock, job: &Job, error: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE jobs SET state = 'waiting', run_at_ms = $2, last_error = $3 WHERE id = $1")
        .bind(&job.id)
        .bind(clock.now_ms() + backoff_ms(job.attempts + 1))
        .bind(error)
        .execute(db.read())
        .await?;
    Ok(())
}

/// What the last run was doing when it ended is due at once. For the start of the one
/// process that works on this database.
pub async fn take_up_again(db: &Db, clock: &Clock) -> Result<(), StoreError> {
    // One that was running at every end so far may be what ended it: it comes later each time.
    sqlx::query(
        "UPDATE jobs SET state = 'waiting', lease_until_ms = 0,
                run_at_ms = CASE WHEN attempts > 2 THEN $1 + $2 * attempts ELSE run_at_ms END
         WHERE state = 'running'",
    )
    .bind(clock.now_ms())
    .bind(60_000_i64)
    .execute(db.read())
    .await?;
    sqlx::query("UPDATE outbox SET lease_until_ms = 0 WHERE state = 'waiting' AND lease_until_ms > 0")
        .execute(db.read())
        .await?;
    Ok(())
}

/// 1 s, 2 s, 4 s … up to ten minutes.
pub fn backoff_ms(tries: i64) -> i64 {
    (1_000_i64 << tries.clamp(1, 20).saturating_sub(1)).min(600_000)
}

/// How many jobs wait or run, for the health page.
pub async fn depth(db: &Db) -> Result<i64, StoreError> {
    let row =
        sqlx::query("SELECT COUNT(*) FROM jobs WHERE state IN ('waiting', 'running')").fetch_one(db.read()).await?;
    Ok(row.get(0))
}

/// Works until cancelled: claims jobs when woken, and each second for those whose time
/// has come. The handler answers an error text to try again later.
pub async fn work<F, H>(
    db: Db,
    clock: Clock,
    kinds: &'static [&'static str],
    wake: Arc<Notify>,
    cancel: CancellationToken,
    handler: H,
) where
    H: Fn(Job) -> F,
    F: Future<Output = Result<(), String>>,
{
    loop {
        let woken = wake.notified();
        match claim(&db, &clock, kinds, LEASE_MS, 1).await {
            Ok(jobs) if !jobs.is_empty() => {
                for job in jobs {
                    let outcome = match handler(job.clone()).await {
                        Ok(()) => done(&db, &clock, &job.id).await,
                        Err(error) => {
                            tracing::warn!(job = %job.id, kind = %job.kind, attempts = job.attempts + 1, %error, "job failed");
                            retry(&db, &clock, &job, &error).await
                        }
                    };
                    if let Err(error) = outcome {
                        tracing::error!(job = %job.id, %error, "the end of a job could not be written down");
                    }
                }
                if cancel.is_cancelled() {
                    return;
                }
                continue;
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "jobs could not be claimed"),
        }
        tokio::select! {
            () = cancel.cancelled() => return,
            () = woken => {}
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
    }
}
