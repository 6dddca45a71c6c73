//! Reads from the recording what nobody read while the call was set up: the notice was over too
//! soon, every reader was at work, or the server was ended.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use songda_asr::{Reading, Request, Worker, words};
use songda_calls::progress::{LineStatus, listen};
use songda_recordings::vault::{RecordingId, Vault};
use songda_store::{Clock, Db, Sealer, StoreError, Tx, jobs};
use sqlx::Row;

use super::store;
use crate::{
    DeskError,
    calls::{
        self,
        recorded::{self, Owner},
    },
};

/// Kind of the job.
pub const JOB: &str = "progress";

/// Puts a call whose beginning nobody read into the queue.
pub async fn enqueue(tx: &mut Tx, clock: &Clock, call: &str) -> Result<(), DeskError> {
    let payload = json!({ "call": call });
    Ok(jobs::enqueue(tx, clock, JOB, Some(&format!("progress:{call}")), &payload, clock.now_ms()).await?)
}

/// Listens to recordings, one at a time.
#[derive(Clone)]
pub struct Hearer {
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

impl Hearer {
    /// Runs one job; the agent of the call when something new was found.
    pub async fn run(&self, payload: &Value) -> Result<Option<String>, DeskError> {
        let id = payload.get("call").and_then(Value::as_str).unwrap_or_default();
        let row =
            sqlx::query("SELECT court_id FROM calls WHERE id = $1").bind(id).fetch_optional(self.db.read()).await?;
        let Some(row) = row else { return Ok(None) };
        let Some(call) = calls::find(&self.db, &row.get::<String, _>(0), id).await? else { return Ok(None) };
        let Some((_, manifest)) = recorded::find(&self.db, Owner::Call(id)).await? else { return Ok(None) };
        let answered_ms = call.answered_ms.map(|answered| (answered - manifest.started_ms).max(0) as u64);
        let status = self.heard(manifest.id.clone(), answered_ms).await?;
        let Some(status) = status.filter(|status| status.words.is_some()) else { return Ok(None) };
        let kept = store::put(&self.db, &self.clock, &self.sealer, (&call.court_id, id), &status).await?;
        Ok(kept.then_some(call.agent_id))
    }

    async fn heard(&self, recording: RecordingId, answered_ms: Option<u64>) -> Result<Option<LineStatus>, DeskError> {
        let (vault, worker) = (self.vault.clone(), self.worker.clone());
        let broke = |error: &dyn std::fmt::Display| StoreError::internal("reading what a line said", error.to_string());
        tokio::task::spawn_blocking(move || {
            let (_, right) =
                vault.hear(&recording).and_then(|mut read| read.channels()).map_err(|error| error.to_string())?;
            let table = words::table()?;
            let mut failed = None;
            let status = listen(&right, answered_ms, table, |samples| match read(&worker, samples) {
                Ok(reading) => reading,
                Err(error) => {
                    failed = Some(error);
                    None
                }
            });
            failed.map_or(Ok(status), Err)
        })
        .await
        .map_err(|error| broke(&error))?
        .map_err(|error: String| broke(&error).into())
    }
}

fn read(worker: &Mutex<Worker>, samples: Vec<i16>) -> Result<Option<Reading>, String> {
    let request = Request { left: Vec::new(), right: samples, rate: 8_000, speech_from_ms: 0, prompts: Vec::new() };
    let written = worker.lock().unwrap_or_else(PoisonError::into_inner).transcribe(&request);
    Ok(Reading::of(written.map_err(|error| error.to_string())?))
}
