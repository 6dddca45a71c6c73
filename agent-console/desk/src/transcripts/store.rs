//! SQL of transcripts. The machine's text is never changed; corrections are rows.

use serde_json::json;
use songda_asr::Transcript;
use songda_people::Actor;
use songda_service::{
    ServiceError,
    evidence::{Correction, enter_correction},
    timeline::{self, By, Kind},
};
use songda_store::{Clock, Db, Sealer, Tx, audit, evidence, jobs, new_id};
use sqlx::Row;

use super::JOB;
use crate::{DeskError, calls::CallRow};

/// A call's transcript.
#[derive(Debug, Clone)]
pub struct Stored {
    /// `waiting`, `ready` or `failed`.
    pub state: String,
    /// Name of the model.
    pub model_name: String,
    /// SHA-256 of the model.
    pub model_sha256: String,
    /// Made by the test model.
    pub test_model: bool,
    /// What the machine wrote, when ready.
    pub transcript: Option<Transcript>,
}

/// A correction of one line.
#[derive(Debug, Clone)]
pub struct Edit {
    /// Line.
    pub line_no: u32,
    /// New text.
    pub text: String,
    /// Who.
    pub editor: String,
    /// When.
    pub at_ms: i64,
}

/// A line as it is read: the newest correction, with the original beside it.
#[derive(Debug, Clone)]
pub struct Corrected {
    /// The line, its text replaced by the newest correction.
    pub line: songda_asr::Line,
    /// What the machine wrote, when it was corrected.
    pub original: Option<String>,
    /// The newest correction.
    pub edit: Option<Edit>,
}

/// Puts a call's transcript into waiting and its job into the queue.
pub async fn enqueue(tx: &mut Tx, clock: &Clock, call: &str) -> Result<(), DeskError> {
    sqlx::query(
        "INSERT INTO transcripts (call_id, state, model_name, model_sha256, test_model, body_sealed, created_ms)
         VALUES ($1, 'waiting', '', '', 0, NULL, $2) ON CONFLICT (call_id) DO NOTHING",
    )
    .bind(call)
    .bind(clock.now_ms())
    .execute(&mut *tx.conn())
    .await?;
    jobs::enqueue(tx, clock, JOB, Some(&format!("transcript:{call}")), &json!({ "call": call }), clock.now_ms())
        .await?;
    Ok(())
}

/// Stores what the machine wrote.
pub(super) async fn save(
    tx: &mut Tx,
    clock: &Clock,
    sealer: &Sealer,
    call: &CallRow,
    transcript: &Transcript,
) -> Result<(), DeskError> {
    let body = json!(transcript).to_string();
    let sealed = sealer.seal(&call.court_id, "transcript", "transcripts", "body_sealed", &call.id, body.as_bytes())?;
    let saved = sqlx::query(
        "UPDATE transcripts SET state = 'ready', model_name = $2, model_sha256 = $3, test_model = $4, body_sealed = $5,
                ready_ms = $6 WHERE call_id = $1 AND state IN ('waiting', 'failed')",
    )
    .bind(&call.id)
    .bind(&transcript.model.name)
    .bind(&transcript.model.sha256)
    .bind(i64::from(transcript.model.test_only))
    .bind(sealed)
    .bind(clock.now_ms())
    .execute(&mut *tx.conn())
    .await?;
    // A job whose end a kill did not let be written down comes again: it tells nothing twice.
    if saved.rows_affected() != 1 {
        return Ok(());
    }
    enter(tx, clock, &call.court_id, &call.id, body.as_bytes()).await?;
    let detail = json!({ "lines": transcript.lines.len(), "test_model": transcript.model.test_only });
    timeline::append(tx, clock, &call.task_id, &timeline::SYSTEM, Kind::Transcript, &call.id, &detail).await?;
    Ok(())
}

/// Enters what the machine wrote in the register of evidence.
pub(super) async fn enter(tx: &mut Tx, clock: &Clock, court: &str, call: &str, body: &[u8]) -> Result<(), DeskError> {
    let (sha256, sm3) = evidence::hashes(body);
    let id = evidence::transcript_id(call);
    let (kind, size) = (evidence::TRANSCRIPT, body.len() as i64);
    evidence::book(tx, clock, evidence::Entry { id: &id, court, kind, owner: call, sha256: &sha256, sm3: &sm3, size })
        .await?;
    Ok(())
}

/// Notes that a transcript could not be made, after the last try.
pub(super) async fn fail(db: &Db, call: &str) -> Result<(), DeskError> {
    let mut tx = db.begin().await?;
    sqlx::query("UPDATE transcripts SET state = 'failed' WHERE call_id = $1 AND state = 'waiting'")
        .bind(call)
        .execute(&mut *tx.conn())
        .await?;
    Ok(tx.commit().await?)
}

/// How the transcript of a call stands, and whether the test model made it.
pub async fn state(db: &Db, call: &str) -> Result<Option<(String, bool)>, DeskError> {
    let row = sqlx::query("SELECT state, test_model FROM transcripts WHERE call_id = $1")
        .bind(call)
        .fetch_optional(db.read())
        .await?;
    Ok(row.map(|row| (row.get(0), row.get::<i64, _>(1) == 1)))
}

/// The transcript of a call.
pub async fn find(db: &Db, sealer: &Sealer, call: &str) -> Result<Option<Stored>, DeskError> {
    let row = sqlx::query(
        "SELECT state, model_name, model_sha256, test_model, body_sealed FROM transcripts WHERE call_id = $1",
    )
    .bind(call)
    .fetch_optional(db.read())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let sealed: Option<Vec<u8>> = row.get(4);
    let transcript = match sealed {
        Some(sealed) => {
            let open = sealer.open_sealed("transcripts", "body_sealed", call, &sealed)?;
            serde_json::from_slice(&open).ok()
        }
        None => None,
    };
    Ok(Some(Stored {
        state: row.get(0),
        model_name: row.get(1),
        model_sha256: row.get(2),
        test_model: row.get::<i64, _>(3) == 1,
        transcript,
    }))
}

async fn edits(db: &Db, sealer: &Sealer, call: &str) -> Result<Vec<Edit>, DeskError> {
    let rows = sqlx::query(
        "SELECT id, line_no, text_sealed, editor_name, at_ms FROM transcript_edits WHERE call_id = $1 ORDER BY at_ms, id",
    )
    .bind(call)
    .fetch_all(db.read())
    .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let (id, sealed): (String, Vec<u8>) = (row.get(0), row.get(2));
        let open = sealer.open_sealed("transcript_edits", "text_sealed", &id, &sealed)?;
        found.push(Edit {
            line_no: row.get::<i64, _>(1) as u32,
            text: String::from_utf8_lossy(&open).into_owned(),
            editor: row.get(3),
            at_ms: row.get(4),
        });
    }
    Ok(found)
}

/// The lines of a transcript with their newest corrections.
pub async fn lines(db: &Db, sealer: &Sealer, call: &str, transcript: &Transcript) -> Result<Vec<Corrected>, DeskError> {
    let edits = edits(db, sealer, call).await?;
    Ok(transcript
        .lines
        .iter()
        .map(|line| {
            let edit = edits.iter().rev().find(|edit| edit.line_no == line.no).cloned();
            let mut shown = line.clone();
            let original = edit.as_ref().map(|edit| std::mem::replace(&mut shown.text, edit.text.clone()));
            Corrected { line: shown, original, edit }
        })
        .collect())
}

/// Corrects one line. The original and every earlier correction stay.
pub async fn correct(
    db: &Db,
    clock: &Clock,
    sealer: &Sealer,
    actor: &Actor,
    call: &CallRow,
    line_no: u32,
    text: &str,
) -> Result<(), DeskError> {
    let stored = find(db, sealer, &call.id).await?.and_then(|stored| stored.transcript);
    if !stored.is_some_and(|transcript| transcript.lines.iter().any(|line| line.no == line_no)) {
        return Err(ServiceError::NotFound { kind: "transcript line" }.into());
    }
    let (id, at_ms) = (new_id(), clock.now_ms());
    let sealed = sealer.seal(&call.court_id, "transcript", "transcript_edits", "text_sealed", &id, text.as_bytes())?;
    let mut tx = db.begin().await?;
    // One that is being deleted is not corrected: whoever comes second finds it gone.
    let held = sqlx::query("UPDATE transcripts SET state = state WHERE call_id = $1 AND state = 'ready'")
        .bind(&call.id)
        .execute(&mut *tx.conn())
        .await?;
    if held.rows_affected() != 1 {
        return Err(ServiceError::NotFound { kind: "transcript" }.into());
    }
    sqlx::query(
        "INSERT INTO transcript_edits (id, call_id, line_no, text_sealed, editor_id, editor_name, at_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&id)
    .bind(&call.id)
    .bind(i64::from(line_no))
    .bind(sealed)
    .bind(&actor.user_id)
    .bind(&actor.name)
    .bind(at_ms)
    .execute(&mut *tx.conn())
    .await?;
    let line = i64::from(line_no);
    let correction = Correction { id: &id, call: &call.id, line_no: line, by: &actor.user_id, at_ms, text };
    enter_correction(&mut tx, clock, &call.court_id, &correction).await?;
    // A report that prints the old words gets a new version.
    let attempt = sqlx::query("SELECT id FROM attempts WHERE call_id = $1")
        .bind(&call.id)
        .fetch_optional(&mut *tx.conn())
        .await?;
    if let Some(attempt) = attempt {
        let attempt: String = attempt.get(0);
        let payload = json!({ "task": call.task_id, "attempt": attempt });
        let key = format!("report:{}:{attempt}:edit:{id}", call.task_id);
        jobs::enqueue(&mut tx, clock, "report", Some(&key), &payload, clock.now_ms()).await?;
    }
    let by = By { actor: &actor.user_id, name: &actor.name };
    timeline::append(&mut tx, clock, &call.task_id, &by, Kind::TranscriptEdited, &call.id, &json!({ "line": line_no }))
        .await?;
    audit::append(&mut tx, clock, actor.did("transcript.edit", ("call", &call.id), json!({ "line": line_no }))).await?;
    tx.commit().await?;
    Ok(())
}
