//! The transcription job: recording in, transcript out, by the child process.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use songda_asr::{PromptSpan, Request, Transcript, Worker};
use songda_recordings::{
    said::Said,
    vault::{Manifest, RecordingId, Vault},
};
use songda_store::{Clock, Db, Sealer, StoreError, Tx, alarms, jobs};
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
        // Who links it while the job runs moves row and recording from one way to the other.
        let done = self.run_call(call_id).await? || self.run_inbound(call_id).await? || self.run_call(call_id).await?;
        if !done {
            tracing::info!(call = call_id, "a transcript was asked for, and there is no recording");
        }
        Ok(())
    }

    /// One job of a task's call. Answers false when there is none, or no recording of it.
    async fn run_call(&self, call_id: &str) -> Result<bool, DeskError> {
        let row = sqlx::query("SELECT court_id FROM calls WHERE id = $1")
            .bind(call_id)
            .fetch_optional(self.db.read())
            .await?;
        let Some(row) = row else { return Ok(false) };
        let Some(call) = calls::find(&self.db, &row.get::<String, _>(0), call_id).await? else { return Ok(false) };
        let Some((_, manifest)) = recorded::find(&self.db, Owner::Call(call_id)).await? else { return Ok(false) };
        let transcript = self.written(&manifest, &call.prompt_spans, call.answered_ms).await?;
        let mut tx = self.db.begin().await?;
        store::save(&mut tx, &self.clock, &self.sealer, &call, &transcript).await?;
        self.report_again(&mut tx, call_id).await?;
        tx.commit().await?;
        alarms::clear(&self.db, &self.clock, "transcript.failed", call_id).await?;
        Ok(true)
    }

    /// One job of a call that is no task's. Answers false when there is none, or no recording
    /// of it.
    async fn run_inbound(&self, id: &str) -> Result<bool, DeskError> {
        let Some(court) = inbound::court_of(&self.db, id).await? else { return Ok(false) };
        let call = crate::inbound::find(&self.db, &court, id).await?;
        let Some((_, manifest)) = recorded::find(&self.db, Owner::Caller(id)).await? else { return Ok(false) };
        let transcript = self.written(&manifest, &call.prompt_spans, call.answered_ms).await?;
        let mut tx = self.db.begin().await?;
        inbound::save(&mut tx, &self.clock, &self.sealer, &court, id, &transcript).await?;
        self.report_again(&mut tx, id).await?;
        tx.commit().await?;
        alarms::clear(&self.db, &self.clock, "transcript.failed", id).await?;
        Ok(true)
    }

    /// The report of a call that has its outcome already is made once more, with the transcript.
    async fn report_again(&self, tx: &mut Tx, call: &str) -> Result<(), DeskError> {
        let row = sqlx::query("SELECT id, task_id FROM attempts WHERE call_id = $1")
            .bind(call)
            .fetch_optional(&mut *tx.conn())
            .await?;
        let Some(row) = row else { return Ok(()) };
        let (attempt, task): (String, String) = (row.get(0), row.get(1));
        let key = format!("report:{task}:{attempt}:transcript");
        let payload = json!({ "task": task, "attempt": attempt });
        jobs::enqueue(tx, &self.clock, "report", Some(&key), &payload, self.clock.now_ms()).await?;
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
        let (left, right) = tokio::task::spawn_blocking(move || vault.hear(&id)?.channels())
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
        let said = Said::new("transcript.failed", "a call could not be transcribed: {why}").with("why", error);
        alarms::raise(&self.db, &self.clock, "transcript.failed", call, &said).await?;
        Ok(())
    }
}
