//! Calls that came in and were on the line when the server went away: they stand in the list
//! with what was recorded of them.

use serde_json::{Value, json};

use super::on_shelf;
pub(super) use crate::inbound::unfinished;
use crate::{
    DeskError, Ground,
    calls::{
        self, Leg,
        recorded::{self, Owner},
    },
    inbound::{self, End, Inbound, hours},
};

/// Closes one. Its leg is taken down by itself.
pub(super) async fn close(ground: &Ground, call: &Inbound) -> Result<(), DeskError> {
    let manifest = on_shelf(ground, &call.id, &call.recording_id).await?;
    let length_ms = manifest.as_ref().map(|manifest| (manifest.frames / 8) as i64);
    let recorded_to = manifest.as_ref().zip(length_ms).map(|(manifest, length_ms)| manifest.started_ms + length_ms);
    let ended_ms = recorded_to.unwrap_or_else(|| ground.clock.now_ms());
    let end = End {
        ended_ms,
        by: "system",
        talk_ms: call.talk_from_ms.map_or(0, |from| (ended_ms - from).max(0)),
        answered_ms: call.answered_ms,
        facts: json!({ "cause": "server restart" }),
        recording: manifest.as_ref(),
        incomplete: false,
        prompt_spans: serde_json::from_str(&call.prompt_spans).unwrap_or_default(),
        // As it was measured until shortly before the kill.
        quality: Value::Null,
        marks: calls::marks_until(&call.marks, length_ms),
        // What was said before the kill is kept, whole or not.
        message: call.message,
        leg: Leg::MayBeUp,
    };
    let hours = hours::of(&ground.db, &call.court_id).await?;
    let mut tx = ground.db.begin().await?;
    inbound::end(&mut tx, &ground.clock, &hours, call, &end).await?;
    Ok(tx.commit().await?)
}

/// Enters recordings whose calls ended without one being written down; answers how many.
pub(super) async fn enter_all(ground: &Ground) -> Result<usize, DeskError> {
    let mut entered = 0;
    let mut before = None;
    loop {
        let page = inbound::without_recording_row(&ground.db, before.as_deref()).await?;
        let Some(last) = page.last() else { return Ok(entered) };
        before = Some(last.id.clone());
        for call in &page {
            entered += usize::from(enter(ground, call).await?);
        }
    }
}

/// Enters the recording of one; false when there is none.
async fn enter(ground: &Ground, call: &Inbound) -> Result<bool, DeskError> {
    let Some(manifest) = on_shelf(ground, &call.id, &call.recording_id).await? else { return Ok(false) };
    let mut tx = ground.db.begin().await?;
    recorded::enter(&mut tx, &ground.clock, Owner::Caller(&call.id), &call.court_id, &manifest, manifest.recovered)
        .await?;
    if call.talk_from_ms.is_some() || call.message {
        crate::transcripts::enqueue_inbound(&mut tx, &ground.clock, &call.id).await?;
    }
    tx.commit().await?;
    Ok(true)
}
