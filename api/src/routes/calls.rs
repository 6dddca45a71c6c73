//! Calls of a task: what happened in each, and what stands beside its recording.

use std::collections::HashMap;

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::json;
use songda_desk::{
    calls::{self as rows, CallRow as Call, transfers},
    checklist::{self, Tick},
    escalations::Reason,
    progress, transcripts,
};
use songda_papers::reports;
use songda_people::{Actor, Permission};
use songda_recordings::vault::{GapKind, Manifest};
use songda_service::{
    outcomes,
    retention::{Removal, removals_of},
    tasks,
};
use songda_store::{clock::rfc3339, evidence};

use super::{
    court::{own_case, technical},
    note, require,
};
use crate::{
    house::House,
    problem::Problem,
    shapes::{
        Attempt, AttemptField, CallRow, CallSound, Delivered, MarkRow, NetworkRow, OutcomeBrief, ProblemBody,
        RecordingBrief, RemovalView, ReportRow, TickRow, TranscriptBrief, TransferRow, Words,
    },
    who::SignedIn,
};

/// Frames of a recording in a millisecond.
pub(super) const FRAMES_PER_MS: u64 = 8;

/// How files of a case went, by file.
pub(super) type Gone = HashMap<String, Removal>;

/// How this file went, if it did.
pub(super) fn went(gone: &Gone, file: &str) -> Option<RemovalView> {
    gone.get(file).cloned().map(RemovalView::from)
}

/// Calls of a task, oldest first.
pub(super) async fn calls_of(house: &House, task: &str, gone: &Gone) -> Result<Vec<CallRow>, Problem> {
    let attempts = rows::attempts(&house.db, &house.sealer, task).await?;
    let mut handed = transfers::of_task(&house.db, task).await?;
    let mut found = Vec::new();
    for call in rows::of_task(&house.db, task).await? {
        let transfers = handed.remove(&call.id).unwrap_or_default();
        found.push(call_row(house, call, &attempts, transfers, gone).await?);
    }
    Ok(found)
}

fn transfer_row(row: transfers::TransferRow) -> TransferRow {
    TransferRow {
        at: rfc3339(row.asked_ms),
        settled_at: row.settled_ms.map(rfc3339),
        from: row.from_name,
        to: row.to_name,
        kind: row.to_kind,
        mode: row.mode,
        state: row.state,
        reason: row.reason,
        offset_ms: row.offset_ms,
    }
}

async fn call_row(
    house: &House,
    call: Call,
    attempts: &[rows::AttemptRow],
    transfers: Vec<transfers::TransferRow>,
    gone: &Gone,
) -> Result<CallRow, Problem> {
    let recording = rows::recorded::find(&house.db, rows::recorded::Owner::Call(&call.id)).await?;
    let transcript = transcripts::state(&house.db, &call.id).await?;
    let outcome = attempts.iter().find(|attempt| attempt.call_id == call.id);
    let ticks = checklist::ticks(&house.db, &call.id).await?;
    let network = rows::network(&house.db, &call.id).await?;
    let heard = progress::find(&house.db, &house.sealer, &call.id).await?;
    Ok(CallRow {
        at: rfc3339(call.created_ms),
        answered_at: call.answered_ms.map(rfc3339),
        ended_at: call.ended_ms.map(rfc3339),
        technical: technical(&call.technical_code),
        answer_offset_ms: recording.as_ref().and_then(|(_, manifest)| answer_offset(&call, manifest)),
        unsealed: recording.is_none() && call.recording_from_ms.is_some() && call.ended_ms.is_some(),
        recording: recording.map(|(state, manifest)| RecordingBrief {
            state,
            duration_ms: (manifest.frames / FRAMES_PER_MS) as i64,
            bytes: manifest.bytes as i64,
            // What nobody sent is no loss, and a list that was lost is no hole.
            gaps: manifest.gaps.iter().filter(|gap| !matches!(gap.kind, GapKind::Unsent | GapKind::ListLost)).count(),
            removal: went(gone, manifest.id.as_str()),
            sha256: manifest.sha256,
            sm3: manifest.sm3,
        }),
        transcript: transcript.map(|(state, test_model)| TranscriptBrief {
            state,
            test_model,
            removal: went(gone, &evidence::transcript_id(&call.id)),
        }),
        outcome: outcome.map(|attempt| OutcomeBrief {
            contact: attempt.contact.clone(),
            business: attempt.business.clone(),
            heard_all: attempt.heard_all,
        }),
        end_reason: Reason::parse(&call.end_reason).map(|reason| {
            let (zh, en) = reason.text();
            Words { code: reason.word().to_owned(), zh: zh.to_owned(), en: en.to_owned() }
        }),
        transfers: transfers.into_iter().map(transfer_row).collect(),
        marks: heard
            .filter(progress::Heard::is_evidence)
            .map(heard_mark)
            .into_iter()
            .chain(mark_rows(&call.marks))
            .collect(),
        ticks: tick_rows(&call.script, ticks),
        network: network.map(|network| NetworkRow {
            samples: network.samples,
            impaired: network.impaired,
            rtt_ms: network.rtt_ms,
            rtt_max_ms: network.rtt_max_ms,
            jitter_ms: network.jitter_ms,
            loss: network.loss,
            loss_max: network.loss_max,
        }),
        quality: sound(&call.quality),
        parting: Some(call.parting).filter(|word| !word.is_empty()),
        id: call.id,
        phone_masked: call.phone_masked,
        phone_source: call.phone_source,
        caller: call.caller,
        direction: call.direction,
        agent: call.agent_name,
        is_attempt: call.is_attempt,
        talk_ms: call.talk_ms,
        ended_by: call.ended_by,
        outcome_state: call.outcome_state,
        language: call.language,
        script: call.script,
        broken_consent: call.broken_consent,
        resumed_from: call.resumed_from,
    })
}

/// How well it was heard, as it is kept with the call.
fn sound(kept: &str) -> Option<CallSound> {
    let sound: CallSound = serde_json::from_str(kept).ok()?;
    (sound.agent.is_some() || sound.party.is_some()).then_some(sound)
}

/// The span that shows what the line said, among the marks: it can be played from there.
fn heard_mark(heard: progress::Heard) -> MarkRow {
    MarkRow { kind: "heard".into(), from_ms: heard.from_ms, to_ms: heard.to_ms, text: heard.class }
}

fn mark_rows(stored: &str) -> Vec<MarkRow> {
    let marks: Vec<serde_json::Value> = serde_json::from_str(stored).unwrap_or_default();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let number = |value: &serde_json::Value| value.as_i64().unwrap_or_default();
    marks
        .iter()
        .map(|mark| MarkRow {
            kind: text(&mark["kind"]),
            from_ms: number(&mark["from_ms"]),
            to_ms: number(&mark["to_ms"]),
            text: text(&mark["text"]),
        })
        .collect()
}

/// Ticks with the words of their steps.
pub(super) fn tick_rows(script: &str, ticks: Vec<Tick>) -> Vec<TickRow> {
    let script = checklist::script(script);
    let row = |tick: Tick| {
        let step = script.steps.iter().find(|step| step.id == tick.step);
        TickRow {
            title_zh: step.map_or_else(|| tick.step.clone(), |step| step.title_zh.clone()),
            title_en: step.map_or_else(|| tick.step.clone(), |step| step.title_en.clone()),
            step: tick.step,
            at: rfc3339(tick.at_ms),
            offset_ms: tick.offset_ms,
        }
    };
    ticks.into_iter().map(row).collect()
}

/// A call with what stands beside its recording: marks, steps of the script, network.
#[utoipa::path(get, path = "/api/v1/calls/{id}", tag = "court", params(("id" = String, Path)),
    responses((status = 200, body = CallRow), (status = 404, body = ProblemBody)))]
pub(super) async fn call(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
) -> Result<Json<CallRow>, Problem> {
    require(&house, &actor, Permission::TaskRead).await?;
    let call = own_call(&house, &actor, &id).await?;
    let attempts = rows::attempts(&house.db, &house.sealer, &call.task_id).await?;
    let transfers = transfers::of_call(&house.db, &id).await?;
    let task = tasks::find(&house.db, &actor.court_id, &call.task_id).await?;
    let gone = removals_of(&house.db, &task.case_id).await?;
    note(&house, &actor, "call.open", ("call", &id), "ok", json!({})).await?;
    Ok(Json(call_row(&house, call, &attempts, transfers, &gone).await?))
}

/// Attempts of a task in their order.
pub(super) async fn attempts_of(house: &House, task: &str) -> Result<Vec<Attempt>, Problem> {
    let attempts = rows::attempts(&house.db, &house.sealer, task).await?;
    Ok(attempts
        .into_iter()
        .map(|attempt| Attempt {
            no: attempt.no,
            call_id: attempt.call_id,
            at: rfc3339(attempt.at_ms),
            technical: attempt.technical,
            contact: attempt.contact,
            heard_all: attempt.heard_all,
            agent: attempt.agent,
            note: attempt.note,
            fields: fields_of(&attempt.business, attempt.fields),
            business: attempt.business,
        })
        .collect())
}

/// The fields of an attempt with the words of the outcome table.
fn fields_of(business: &str, fields: Vec<rows::AttemptField>) -> Vec<AttemptField> {
    let table = outcomes::catalogue().ok().and_then(|catalogue| catalogue.business(business));
    let row = |stored: rows::AttemptField| {
        let field = table.and_then(|table| table.fields.iter().find(|field| field.id == stored.name));
        let option = field.and_then(|field| field.options.iter().find(|option| option.code == stored.masked));
        AttemptField {
            label_zh: field.map_or_else(|| stored.name.clone(), |field| field.label_zh.clone()),
            label_en: field.map_or_else(|| stored.name.clone(), |field| field.label_en.clone()),
            text_zh: option.map_or_else(|| stored.masked.clone(), |option| option.zh.clone()),
            text_en: option.map_or(stored.masked, |option| option.en.clone()),
            id: stored.name,
        }
    };
    fields.into_iter().map(row).collect()
}

/// Reports of a task, newest first.
pub(super) async fn reports_of(house: &House, task: &str, gone: &Gone) -> Result<Vec<ReportRow>, Problem> {
    let found = reports::list(&house.db, task).await?;
    Ok(found
        .into_iter()
        .map(|report| ReportRow {
            removal: went(gone, &report.object_id),
            id: report.id,
            kind: report.kind,
            version: report.version,
            state: report.state,
            sha256: report.sha256,
            sm3: report.sm3,
            pages: report.pages,
            created_at: rfc3339(report.created_ms),
            transcript_state: report.transcript_state,
            template: report.template,
            template_version: report.template_version.to_string(),
            delivered: report
                .delivery
                .map(|delivery| Delivered { state: delivery.state, at: delivery.done_ms.map(rfc3339) }),
        })
        .collect())
}

pub(super) fn answer_offset(call: &Call, manifest: &Manifest) -> Option<i64> {
    call.answered_ms.map(|answered| (answered - manifest.started_ms).max(0))
}

/// A call that this actor may look into.
pub(super) async fn own_call(house: &House, actor: &Actor, id: &str) -> Result<Call, Problem> {
    let call = rows::find(&house.db, &actor.court_id, id).await?.ok_or_else(|| Problem::not_found("call"))?;
    let task = tasks::find(&house.db, &actor.court_id, &call.task_id).await?;
    own_case(house, actor, &task.case_id, "call").await?;
    Ok(call)
}
