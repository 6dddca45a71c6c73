//! The transcription job: recording in, transcript out, by the child process.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use songda_asr::{PromptSpan, Request, Transcript, Worker};
use songda_recordings::vault::{Manifest, RecordingId, Vault};
use songda_store::{Clock, Db, Sealer, StoreError, alarms, jobs};
use sqlx::Row;

use super::{inbound, store};
use crate::{
    DeskError,
    calls::{
        self,
        recorded::{self, Owner},
    },
};

/// Kind of the job.
pub const JOB: &str = "transcript";

/// Makes transcripts, one at a time.
#[derive(Clone)]
pub struct Transcriber {
    /// Database.
    pub db: Db,
    /// Clock.
    pub clock: Clock,
    /// Sealed columns.
    pub sealer: Sealer,
    /// Recordings.
    pub vault: Arc<Vault>,
    /// The child process.
    pub worker: Arc<Mutex<Worker>>,
}

impl Transcriber {
    /// Runs one job. When an attempt of the call has a report without transcript already,
    /// a new version of the report follows.
    pub async fn run(&self, payload: &Value) -> Result<(), DeskError> {
        let call_id = payload.get("call").and_then(Value::as_str).unwrap_or_default();
        let row = sqlx::query("SELECT court_id FROM calls WHERE id = $1")
            .bind(call_id)
            .fetch_optional(self.db.read())
            .await?;
        let Some(row) = row else { return self.run_inbound(call_id).await };
        let Some(call) = calls::find(&self.db, &row.get::<String, _>(0), call_id).await? else { return Ok(()) };
        let Some((_, manifest)) = recorded::find(&self.db, Owner::Call(call_id)).await? else { return Ok(()) };
        let transcript = self.written(&manifest, &call.prompt_spans, call.answered_ms).await?;
        let mut tx = self.db.begin().await?;
        store::save(&mut tx, &self.clock, &self.sealer, &call, &transcript).await?;
        let attempt = sqlx::query("SELECT id FROM attempts WHERE call_id = $1")
            .bind(call_id)
            .fetch_optional(&mut *tx.conn())
            .await?;
        if let Some(attempt) = attempt {
            let attempt: String = attempt.get(0);
            jobs::enqueue(
                &mut tx,
                &self.clock,
                "report",
                Some(&format!("report:{}:{attempt}:transcript", call.task_id)),
                &json!({ "task": call.task_id, "attempt": attempt }),
                self.clock.now_ms(),
            )
            .await?;
        }
        tx.commit().await?;
        alarms::clear(&self.db, &self.clock, "transcript.failed", call_id).await?;
        Ok(())
    }

    /// One job of a call that is no task's.
    async fn run_inbound(&self, id: &str) -> Result<(), DeskError> {
        let Some(court) = inbound::court_of(&self.db, id).await? else { return Ok(()) };
        let call = crate::inbound::find(&self.db, &court, id).await?;
        let Some((_, manifest)) = recorded::find(&self.db, Owner::Caller(id)).await? else { return Ok(()) };
        let transcript = self.written(&manifest, &call.prompt_spans, call.answered_ms).await?;
        let mut tx = self.db.begin().await?;
        inbound::save(&mut tx, &self.clock, &self.sealer, &court, id, &transcript).await?;
        tx.commit().await?;
        alarms::clear(&self.db, &self.clock, "transcript.failed", id).await?;
        Ok(())
    }

    /// What the machine makes of a recording.
    async fn written(
        &self,
        manifest: &Manifest,
        prompt_spans: &str,
        answered_ms: Option<i64>,
    ) -> Result<Transcript, DeskError> {
        let vault = self.vault.clone();
        let id: RecordingId = manifest.id.clone();
        let (left, right) = tokio::task::spawn_blocking(move || vault.read(&id)?.channels())
            .await
            .map_err(|error| StoreError::internal("reading a recording", error))?
            .map_err(|error| StoreError::internal("reading a recording", error))?;
        let spans: Vec<PromptSpan> = serde_json::from_str(prompt_spans).unwrap_or_default();
        let speech_from_ms = answered_ms.map_or(0, |answered| (answered - manifest.started_ms).max(0)) as u64;
        let request = Request { left, right, rate: 8_000, speech_from_ms, prompts: spans };
        let worker = self.worker.clone();
        let transcript = tokio::task::spawn_blocking(move || {
            worker.lock().unwrap_or_else(PoisonError::into_inner).transcribe(&request)
        })
        .await
        .map_err(|error| StoreError::internal("transcribing a call", error))?
        .map_err(|error| StoreError::internal("transcribing a call", error))?;
        Ok(transcript)
    }

    /// Notes that a try failed: the alarm says so at once, and when it stays so the
    /// transcript is shown as failed until a later try succeeds.
    pub async fn failed(&self, payload: &Value, error: &str, stays: bool) -> Result<(), DeskError> {
        let call = payload.get("call").and_then(Value::as_str).unwrap_or_default();
        if stays {
            store::fail(&self.db, call).await?;
            inbound::fail(&self.db, call).await?;
        }
        alarms::raise(&self.db, &self.clock, "transcript.failed", call, &format!("转写失败：{error}")).await?;
        Ok(())
    }
}
