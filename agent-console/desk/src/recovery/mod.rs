//! After a restart: what was live when the server went away is closed, and nothing is
//! dialled again.
//!
//! A call that was answered keeps its recording up to the last sealed block and waits for
//! its outcome (待补录), with what its agent had confirmed of the line. One that was not answered is
//! our own failure and no attempt.

use std::collections::HashSet;

use serde_json::{Value, json};
use songda_recordings::{
    said::Said,
    vault::{Manifest, RecordingId, VaultError},
};
use songda_service::{
    cases, intake,
    outcomes::{self, CauseTable, LineFacts},
    tasks,
};
use songda_store::{StoreError, Tx, alarms, audit};

pub use self::legs::{end_left, end_legs};
use crate::{
    DeskError, Ground,
    calls::{self, CallRow, Ending, Leg},
    checklist, progress, settings, transcripts, work_orders,
};

mod inbound;
mod legs;

/// The agent's page needs some time to find the server again before his time runs.
const COMING_BACK_MS: i64 = 30_000;

/// What was put right.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Calls closed.
    pub calls: usize,
    /// Recordings closed at their last sealed block.
    pub recordings: usize,
}

/// Closes what a kill left open. Runs before anything is served.
pub async fn run(ground: &Ground) -> Result<Recovered, DeskError> {
    let indexed = intake::index_main_numbers(&ground.db, &ground.sealer).await?;
    if indexed > 0 {
        tracing::info!(numbers = indexed, "numbers of an earlier version can be found without their extension now");
    }
    let left = shelve(ground).await?;
    let mut done = Recovered { calls: 0, recordings: left.closed };
    for call in calls::unfinished(&ground.db).await? {
        let manifest = shelved(ground, &call).await?;
        close(ground, &call, manifest, &left.empty).await?;
        done.calls += 1;
    }
    for call in inbound::unfinished(&ground.db).await? {
        inbound::close(ground, &call).await?;
        done.calls += 1;
    }
    done.recordings += enter_all(ground).await?;
    calls::transfers::fail_all(&ground.db, &ground.clock).await?;
    work_orders::expire_all(&ground.db, &ground.clock).await?;
    Ok(done)
}

/// Puts recordings away that a full disk left open, now that there is room and their
/// calls are over. Answers how many were entered.
pub async fn put_away(ground: &Ground) -> Result<usize, DeskError> {
    shelve(ground).await?;
    enter_all(ground).await
}

/// What became of recordings that nobody writes any more.
struct Shelved {
    /// How many were closed.
    closed: usize,
    /// Those of which no second was ever whole.
    empty: HashSet<String>,
}

/// Closes recordings that nobody writes any more.
async fn shelve(ground: &Ground) -> Result<Shelved, DeskError> {
    let vault = ground.vault.clone();
    let closed = tokio::task::spawn_blocking(move || vault.finish_unclosed())
        .await
        .map_err(|error| StoreError::internal("closing unfinished recordings", error))?
        .map_err(|error| StoreError::internal("closing unfinished recordings", error))?;
    for stayed in &closed.stayed {
        let said = Said::new(
            "recording.stayed",
            "the recording {recording} could not be closed; its file stays for the next start: {why}",
        );
        let said = said.with("recording", stayed.id.as_str()).with("why", stayed.error.said());
        alarms::raise(&ground.db, &ground.clock, "recording.stayed", stayed.id.as_str(), &said).await?;
    }
    for aside in &closed.aside {
        let text = "{bytes} bytes of an unfinished recording belong to no block: they were moved to {file} and not deleted; look into it ({why})";
        let said = Said::new("recording.set_aside", text)
            .with("bytes", aside.bytes)
            .with("file", aside.file.display().to_string())
            .with("why", aside.why.said());
        alarms::raise(&ground.db, &ground.clock, "recording.set_aside", aside.id.as_str(), &said).await?;
    }
    let empty = closed.empty.iter().map(|id| id.as_str().to_owned()).collect();
    Ok(Shelved { closed: closed.closed.len(), empty })
}

async fn enter_all(ground: &Ground) -> Result<usize, DeskError> {
    let (mut entered, mut before) = (0, None);
    loop {
        let page = calls::without_recording_row(&ground.db, before.as_deref()).await?;
        let Some(last) = page.last() else { break };
        before = Some(last.id.clone());
        for call in &page {
            entered += usize::from(enter(ground, call).await?);
        }
    }
    Ok(entered + inbound::enter_all(ground).await?)
}

/// The recording of a call as its file on the shelf tells it, whichever run put it there.
async fn shelved(ground: &Ground, call: &CallRow) -> Result<Option<Manifest>, DeskError> {
    match call.recording_id.as_deref() {
        Some(recording) => on_shelf(ground, &call.id, recording).await,
        None => Ok(None),
    }
}

async fn on_shelf(ground: &Ground, call: &str, recording: &str) -> Result<Option<Manifest>, DeskError> {
    let Ok(id) = RecordingId::new(recording) else { return Ok(None) };
    let vault = ground.vault.clone();
    // Most of them never had any sound: the S3 server is asked for none of those.
    let read = tokio::task::spawn_blocking(move || vault.was_closed(&id).then(|| vault.manifest(&id)))
        .await
        .map_err(|error| StoreError::internal("reading a recording's end", error))?;
    match read {
        Some(Ok(manifest)) => Ok(Some(manifest).filter(|manifest| manifest.frames > 0)),
        None | Some(Err(VaultError::Missing(_))) => Ok(None),
        Some(Err(error)) => {
            tracing::error!(call, %error, "the recording of a call cannot be read");
            Ok(None)
        }
    }
}

/// Enters the recording of a call that ended without one being written down: the process
/// died between the shelf and the books, or the disk was full. False when there is none.
async fn enter(ground: &Ground, call: &CallRow) -> Result<bool, DeskError> {
    let Some(manifest) = shelved(ground, call).await? else { return Ok(false) };
    let mut tx = ground.db.begin().await?;
    // One that its own call could not close stopped where there was no room (录音缺失).
    calls::recorded::enter(
        &mut tx,
        &ground.clock,
        calls::recorded::Owner::Call(&call.id),
        &call.court_id,
        &manifest,
        manifest.recovered,
    )
    .await?;
    if call.answered_ms.is_some() {
        transcripts::enqueue(&mut tx, &ground.clock, &call.id).await?;
    }
    alarms::clear_in(&mut tx, &ground.clock, "recording.lost", &call.id).await?;
    note(&mut tx, ground, call, "recording.recover", json!({ "sha256": manifest.sha256 })).await?;
    tx.commit().await?;
    Ok(true)
}

/// What people are told of a recording that had begun and of which nothing could be closed: its file is
/// gone, or does not open. None where no second of it was ever whole.
async fn lost(ground: &Ground, call: &CallRow, empty: &HashSet<String>) -> Result<Option<Said>, DeskError> {
    let Some(recording) = call.recording_id.as_ref().filter(|id| !empty.contains(*id)) else { return Ok(None) };
    let Ok(id) = RecordingId::new(recording) else { return Ok(None) };
    let vault = ground.vault.clone();
    // One that was closed and cannot be read at this moment is there.
    let there = tokio::task::spawn_blocking(move || vault.was_closed(&id))
        .await
        .map_err(|error| StoreError::internal("looking for a recording", error))?;
    if there || call.recording_from_ms.is_none() {
        return Ok(None);
    }
    let task = tasks::find(&ground.db, &call.court_id, &call.task_id).await?;
    let case = cases::case(&ground.db, &call.court_id, cases::Scope::Court, &task.case_id).await?;
    let text = "the recording of a call of case {case}, task {task}, had begun, and after a stop of the server nothing of it could be closed: look for the file {recording} in recordings/live and in the backup, and start the server again";
    let said = Said::new("recording.lost", text).with("case", case.number.as_str());
    Ok(Some(said.with("task", task.number.as_str()).with("recording", recording.as_str())))
}

async fn close(
    ground: &Ground,
    call: &CallRow,
    manifest: Option<Manifest>,
    empty: &HashSet<String>,
) -> Result<(), DeskError> {
    let lost = if manifest.is_some() { None } else { lost(ground, call, empty).await? };
    let answered = call.answered_ms.is_some();
    let mut facts = LineFacts {
        answered,
        our_fault: !answered,
        provisional: call.ringing_ms.is_some(),
        cause: "server restart".into(),
        ..Default::default()
    };
    // What the agent said of the line before the kill is said: a machine that he confirmed is no answer.
    progress::confirmed(ground, &call.id, &mut facts).await?;
    let judged = CauseTable::default().judge(&facts);
    let catalogue = outcomes::catalogue().map_err(DeskError::Rules)?;
    let ended_ms = match &manifest {
        Some(manifest) => manifest.started_ms + (manifest.frames / 8) as i64,
        None => ground.clock.now_ms(),
    };
    let settings = settings::of(&ground.db, &call.court_id).await?;
    let wrap_up = settings.wrap_up;
    let talk_ms = call.talk_from_ms.map_or(0, |from| (ended_ms - from).max(0));
    let ending = Ending {
        ended_ms,
        by: "system",
        talk_ms,
        facts: &facts,
        technical: judged.code,
        rule: &judged.rule,
        is_attempt: catalogue.technical(judged.code).is_some_and(|code| code.attempt),
        answered_ms: call.answered_ms,
        recording: manifest.as_ref(),
        incomplete: false,
        // The notice, when it was said to its end before the kill.
        prompt_spans: serde_json::from_str(&call.prompt_spans).unwrap_or_default(),
        // As it was measured until shortly before the kill.
        quality: Value::Null,
        marks: calls::marks_until(&call.marks, manifest.as_ref().map(|manifest| (manifest.frames / 8) as i64)),
        parting: "",
        broken_consent: answered
            && checklist::script(&call.script).consent_is_open(&checklist::ticks(&ground.db, &call.id).await?),
        wrap_until_ms: wrap_up.is_timed().then(|| ground.clock.now_ms() + settings.wrap_up_ms() + COMING_BACK_MS),
        // What was said before the talk is read from the recording.
        unread: call.direction == "out",
        // Who takes it down asks the carrier, and writes that down by himself.
        leg: Leg::MayBeUp,
    };
    let mut tx = ground.db.begin().await?;
    calls::end(&mut tx, &ground.clock, call, &ending).await?;
    progress::settled(&mut tx, &call.id, &facts, judged.code).await?;
    if answered && manifest.is_some() {
        transcripts::enqueue(&mut tx, &ground.clock, &call.id).await?;
    }
    if ending.unread && manifest.is_some() {
        progress::enqueue(&mut tx, &ground.clock, &call.id).await?;
    }
    if !answered {
        let by = songda_service::timeline::SYSTEM;
        work_orders::close(&mut tx, &ground.clock, &call.work_order_id, &call.task_id, &by, true).await?;
    }
    if let Some(said) = &lost {
        alarms::raise_in(&mut tx, &ground.clock, &call.court_id, ("recording.lost", &call.id), said).await?;
    }
    let detail = json!({ "answered": answered, "recorded": manifest.is_some(), "lost": lost.is_some() });
    note(&mut tx, ground, call, "call.recover", detail).await?;
    tx.commit().await?;
    Ok(())
}

async fn note(tx: &mut Tx, ground: &Ground, call: &CallRow, action: &str, detail: Value) -> Result<(), DeskError> {
    audit::append(tx, &ground.clock, audit::Entry::of_the_house(&call.court_id, action, ("call", &call.id), detail))
        .await?;
    Ok(())
}
