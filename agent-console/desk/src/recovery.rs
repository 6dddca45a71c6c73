//! After a restart: what was live when the server went away is closed, and nothing is
//! dialled again.
//!
//! A call that was answered keeps its recording up to the last sealed block and waits for
//! its outcome (待补录). One that was not answered is our own failure and no attempt.

use std::collections::HashMap;

use serde_json::json;
use songda_recordings::vault::Manifest;
use songda_service::outcomes::LineFacts;
use songda_store::audit;

use crate::{
    DeskError, Ground,
    calls::{self, CallRow, Ending},
    transcripts, work_orders,
};

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
    let vault = ground.vault.clone();
    let closed = tokio::task::spawn_blocking(move || vault.finish_unclosed())
        .await
        .map_err(|error| songda_store::StoreError::internal("closing unfinished recordings", error))?
        .map_err(|error| songda_store::StoreError::internal("closing unfinished recordings", error))?;
    let mut manifests: HashMap<String, Manifest> =
        closed.into_iter().map(|recovered| (recovered.manifest.id.to_string(), recovered.manifest)).collect();
    let mut done = Recovered { calls: 0, recordings: manifests.len() };
    for call in calls::unfinished(&ground.db).await? {
        let manifest = call.recording_id.as_ref().and_then(|id| manifests.remove(id));
        close(ground, &call, manifest.filter(|manifest| manifest.frames > 0)).await?;
        done.calls += 1;
    }
    work_orders::expire_all(&ground.db, &ground.clock).await?;
    Ok(done)
}

async fn close(ground: &Ground, call: &CallRow, manifest: Option<Manifest>) -> Result<(), DeskError> {
    let answered = call.answered_ms.is_some();
    let facts = LineFacts {
        answered,
        our_fault: !answered,
        provisional: call.ringing_ms.is_some(),
        cause: "server restart".into(),
        ..Default::default()
    };
    let ended_ms = match &manifest {
        Some(manifest) => manifest.started_ms + (manifest.frames / 8) as i64,
        None => ground.clock.now_ms(),
    };
    let talk_ms = call.talk_from_ms.map_or(0, |from| (ended_ms - from).max(0));
    let ending = Ending {
        ended_ms,
        by: "system",
        talk_ms,
        facts: &facts,
        technical: if answered { "C01" } else { "C11" },
        is_attempt: answered,
        answered_ms: call.answered_ms,
        recording: manifest.as_ref(),
        prompt_spans: json!([]),
        quality: json!({}),
    };
    let mut tx = ground.db.begin().await?;
    calls::end(&mut tx, &ground.clock, call, &ending).await?;
    if answered && manifest.is_some() {
        transcripts::enqueue(&mut tx, &ground.clock, &call.id).await?;
    }
    if !answered {
        let by = songda_service::timeline::SYSTEM;
        work_orders::close(&mut tx, &ground.clock, &call.work_order_id, &call.task_id, &by, true).await?;
    }
    audit::append(
        &mut tx,
        &ground.clock,
        audit::Entry {
            court: &call.court_id,
            actor: "system",
            actor_role: "system",
            action: "call.recover",
            object_kind: "call",
            object_id: &call.id,
            case_id: None,
            ip: "",
            result: "ok",
            detail: json!({ "answered": answered, "recorded": manifest.is_some() }),
        },
    )
    .await?;
    tx.commit().await?;
    Ok(())
}
