//! Transcripts of calls that came in and belong to no task (yet).

use serde_json::json;
use songda_asr::Transcript;
use songda_store::{Clock, Db, Sealer, StoreError, Tx, jobs};
use sqlx::Row;

use super::JOB;
use crate::DeskError;

/// Puts the transcript of such a call into waiting and its job into the queue.
pub async fn enqueue_inbound(tx: &mut Tx, clock: &Clock, id: &str) -> Result<(), DeskError> {
    sqlx::query(
        "INSERT INTO inbound_transcripts (inbound_id, state, model_name, model_sha256, test_model, created_ms)
         VALUES ($1, 'waiting', '', '', 0, $2) ON CONFLICT (inbound_id) DO NOTHING",
    )
    .bind(id)
    .bind(clock.now_ms())
    .execute(&mut *tx.conn())
    .await?;
    let now = clock.now_ms();
    jobs::enqueue(tx, clock, JOB, Some(&format!("transcript:{id}")), &json!({ "call": id }), now).await?;
    Ok(())
}

/// The court of a call that is no task's.
pub(super) async fn court_of(db: &Db, id: &str) -> Result<Option<String>, DeskError> {
    let row = sqlx::query("SELECT court_id FROM inbound_calls WHERE id = $1 AND list_state <> 'linked'")
        .bind(id)
        .fetch_optional(db.read())
        .await?;
    Ok(row.map(|row| row.get(0)))
}

/// Stores what the machine wrote. A call that was linked meanwhile has its transcript there.
pub(super) async fn save(
    tx: &mut Tx,
    clock: &Clock,
    sealer: &Sealer,
    court: &str,
    id: &str,
    transcript: &Transcript,
) -> Result<(), DeskError> {
    let body = serde_json::to_vec(transcript).map_err(|error| StoreError::internal("writing a transcript", error))?;
    // Sealed for the row of `transcripts` into which it may move.
    let sealed = sealer.seal(court, "transcript", "transcripts", "body_sealed", id, &body)?;
    let mut saved = 0;
    for sql in [
        "UPDATE inbound_transcripts SET state = 'ready', model_name = $2, model_sha256 = $3, test_model = $4,
                body_sealed = $5, ready_ms = $6 WHERE inbound_id = $1 AND state IN ('waiting', 'failed')",
        "UPDATE transcripts SET state = 'ready', model_name = $2, model_sha256 = $3, test_model = $4, body_sealed = $5,
                ready_ms = $6 WHERE call_id = $1 AND state IN ('waiting', 'failed')",
    ] {
        saved += sqlx::query(sql)
            .bind(id)
            .bind(&transcript.model.name)
            .bind(&transcript.model.sha256)
            .bind(i64::from(transcript.model.test_only))
            .bind(sealed.clone())
            .bind(clock.now_ms())
            .execute(&mut *tx.conn())
            .await?
            .rows_affected();
    }
    if saved > 0 {
        super::store::enter(tx, clock, court, id, &body).await?;
    }
    Ok(())
}

/// Notes that it could not be made, after the last try.
pub(super) async fn fail(db: &Db, id: &str) -> Result<(), DeskError> {
    let mut tx = db.begin().await?;
    sqlx::query("UPDATE inbound_transcripts SET state = 'failed' WHERE inbound_id = $1 AND state = 'waiting'")
        .bind(id)
        .execute(&mut *tx.conn())
        .await?;
    Ok(tx.commit().await?)
}
