//! Recordings and transcripts. Every play, download and correction is written down.

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::stream;
use serde::Deserialize;
use serde_json::json;
use songda_asr::Speaker;
use songda_desk::{
    calls::{self as rows, CallRow as Call},
    checklist::{self, Tick},
    escalations::Reason,
    transcripts::{self, Corrected},
};
use songda_papers::reports;
use songda_people::{Actor, Permission};
use songda_recordings::vault::{Manifest, VaultError, Verdict, WavReader};
use songda_service::{outcomes, tasks};
use songda_store::{StoreError, alarms, clock::rfc3339};
use tokio::{sync::mpsc, task::spawn_blocking};

use super::{
    court::{own_case, technical},
    note, require,
};
use crate::{
    house::House,
    input::{Asked, JsonBody},
    problem::Problem,
    shapes::{
        Attempt, AttemptField, CallRow, Delivered, GapRow, MarkRow, NetworkRow, OutcomeBrief, Peaks, ProblemBody,
        Recording, RecordingBrief, ReportRow, TickRow, Transcript, TranscriptBrief, TranscriptLine, Words,
    },
    who::SignedIn,
};

const FRAMES_PER_MS: u64 = 8;

/// Values of the wave form per second.
const PEAKS_PER_SECOND: u32 = 20;

/// Longest text of one line of a transcript, characters.
const LINE_LIMIT: usize = 2_000;

/// Calls of a task, oldest first.
pub(super) async fn calls_of(house: &House, task: &str) -> Result<Vec<CallRow>, Problem> {
    let attempts = rows::attempts(&house.db, &house.sealer, task).await?;
    let mut found = Vec::new();
    for call in rows::of_task(&house.db, task).await? {
        found.push(call_row(house, call, &attempts).await?);
    }
    Ok(found)
}

async fn call_row(house: &House, call: Call, attempts: &[rows::AttemptRow]) -> Result<CallRow, Problem> {
    let recording = rows::recording(&house.db, &call.id).await?;
    let transcript = transcripts::state(&house.db, &call.id).await?;
    let outcome = attempts.iter().find(|attempt| attempt.call_id == call.id);
    let ticks = checklist::ticks(&house.db, &call.id).await?;
    let network = rows::network(&house.db, &call.id).await?;
    Ok(CallRow {
        at: rfc3339(call.created_ms),
        answered_at: call.answered_ms.map(rfc3339),
        ended_at: call.ended_ms.map(rfc3339),
        technical: technical(&call.technical_code),
        answer_offset_ms: recording.as_ref().and_then(|(_, manifest)| answer_offset(&call, manifest)),
        recording: recording.map(|(state, manifest)| RecordingBrief {
            state,
            duration_ms: (manifest.frames / FRAMES_PER_MS) as i64,
            bytes: manifest.bytes as i64,
            gaps: manifest.gaps.len(),
            sha256: manifest.sha256,
            sm3: manifest.sm3,
        }),
        transcript: transcript.map(|(state, test_model)| TranscriptBrief { state, test_model }),
        outcome: outcome.map(|attempt| OutcomeBrief {
            contact: attempt.contact.clone(),
            business: attempt.business.clone(),
            heard_all: attempt.heard_all,
        }),
        end_reason: Reason::parse(&call.end_reason).map(|reason| {
            let (zh, en) = reason.text();
            Words { code: reason.word().to_owned(), zh: zh.to_owned(), en: en.to_owned() }
        }),
        marks: mark_rows(&call.marks),
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
        parting: Some(call.parting).filter(|word| !word.is_empty()),
        id: call.id,
        phone_masked: call.phone_masked,
        phone_source: call.phone_source,
        caller: call.caller,
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
    note(&house, &actor, "call.open", ("call", &id), "ok", json!({})).await?;
    Ok(Json(call_row(&house, call, &attempts).await?))
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
pub(super) async fn reports_of(house: &House, task: &str) -> Result<Vec<ReportRow>, Problem> {
    let found = reports::list(&house.db, task).await?;
    Ok(found
        .into_iter()
        .map(|report| ReportRow {
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

fn answer_offset(call: &Call, manifest: &Manifest) -> Option<i64> {
    call.answered_ms.map(|answered| (answered - manifest.started_ms).max(0))
}

/// A call that this actor may look into.
async fn own_call(house: &House, actor: &Actor, id: &str) -> Result<Call, Problem> {
    let call = rows::find(&house.db, &actor.court_id, id).await?.ok_or_else(|| Problem::not_found("call"))?;
    let task = tasks::find(&house.db, &actor.court_id, &call.task_id).await?;
    own_case(house, actor, &task.case_id, "call").await?;
    Ok(call)
}

/// The recording of a call with a fresh look at its file. What does not fit is written
/// down and raises an alarm; it is never set back (X2).
async fn examined(house: &House, actor: &Actor, call: &Call) -> Result<(String, Manifest, Verdict), Problem> {
    let Some((state, manifest)) = rows::recording(&house.db, &call.id).await? else {
        return Err(Problem::not_found("recording"));
    };
    let (vault, expected) = (house.vault.clone(), manifest.clone());
    let verdict = spawn_blocking(move || vault.verify(&expected.id, &expected))
        .await
        .map_err(|error| StoreError::internal("checking a recording", error))?;
    if house.read_only.is_some() {
        return Err(Problem::read_only());
    }
    let verdict = verdict.map_err(|error| {
        tracing::error!(call = %call.id, %error, "a recording could not be checked");
        let text = "the recording cannot be read at this moment; try again, and if it stays so look at the disk";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "recording.unreadable", text)
    })?;
    let (word, text) = match &verdict {
        Verdict::Intact => return Ok((state, manifest, verdict)),
        Verdict::Missing => ("missing", "录音文件缺失".to_owned()),
        Verdict::Altered { reason } => ("altered", format!("录音文件被改动：{reason}")),
    };
    alarms::raise(&house.db, &house.clock, &format!("recording.{word}"), manifest.id.as_str(), &text).await?;
    if state != word {
        rows::set_recording_state(&house.db, manifest.id.as_str(), word).await?;
        note(house, actor, "recording.check", ("recording", manifest.id.as_str()), word, json!({ "was": state }))
            .await?;
    }
    Ok((word.to_owned(), manifest, verdict))
}

/// The recording of a call, checked against its hashes.
#[utoipa::path(get, path = "/api/v1/calls/{id}/recording", tag = "court", params(("id" = String, Path)),
    responses((status = 200, body = Recording), (status = 404, body = ProblemBody)))]
pub(super) async fn recording(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
) -> Result<Json<Recording>, Problem> {
    require(&house, &actor, Permission::RecordingPlay).await?;
    let call = own_call(&house, &actor, &id).await?;
    let (state, manifest, verdict) = examined(&house, &actor, &call).await?;
    let (word, detail) = match verdict {
        Verdict::Intact => ("intact", None),
        Verdict::Missing => ("missing", Some("the file is not in the vault".to_owned())),
        Verdict::Altered { reason } => ("altered", Some(reason)),
    };
    note(&house, &actor, "recording.check", ("call", &id), word, json!({ "sha256": manifest.sha256 })).await?;
    Ok(Json(Recording {
        state,
        verdict: word,
        detail,
        duration_ms: manifest.frames / FRAMES_PER_MS,
        bytes: manifest.bytes,
        answer_offset_ms: answer_offset(&call, &manifest),
        gaps: manifest
            .gaps
            .iter()
            .map(|gap| GapRow {
                channel: if gap.channel == 0 { "left" } else { "right" },
                from_ms: gap.from_frame / FRAMES_PER_MS,
                to_ms: gap.to_frame / FRAMES_PER_MS,
            })
            .collect(),
        sha256: manifest.sha256,
        sm3: manifest.sm3,
    }))
}

/// A reader of a recording that is intact, or the problem to show instead.
async fn intact(house: &House, actor: &Actor, id: &str) -> Result<(Call, Manifest, WavReader), Problem> {
    let call = own_call(house, actor, id).await?;
    let (_, manifest, verdict) = examined(house, actor, &call).await?;
    match verdict {
        Verdict::Intact => {}
        Verdict::Missing => {
            return Err(Problem::new(
                StatusCode::NOT_FOUND,
                "recording.missing",
                "the recording's file is not in the vault; an alarm was raised",
            ));
        }
        Verdict::Altered { reason } => {
            let text = format!("the recording was altered and is not played: {reason}; an alarm was raised");
            return Err(Problem::new(StatusCode::CONFLICT, "recording.altered", text));
        }
    }
    let (vault, recording) = (house.vault.clone(), manifest.id.clone());
    let reader = spawn_blocking(move || vault.read(&recording))
        .await
        .map_err(|error| StoreError::internal("opening a recording", error))?
        .map_err(|error| StoreError::internal("opening a recording", error))?;
    Ok((call, manifest, reader))
}

/// A reader of a recording whose hashes were looked at before; each block is still opened
/// by its seal, and its length must be that of the hashed file.
async fn sealed(house: &House, actor: &Actor, id: &str) -> Result<(Manifest, WavReader), Problem> {
    let call = own_call(house, actor, id).await?;
    let Some((_, manifest)) = rows::recording(&house.db, &call.id).await? else {
        return Err(Problem::not_found("recording"));
    };
    let (vault, recording) = (house.vault.clone(), manifest.id.clone());
    match spawn_blocking(move || vault.read(&recording)).await {
        Ok(Ok(reader)) if reader.wav_bytes() == manifest.bytes => Ok((manifest, reader)),
        _ => intact(house, actor, id).await.map(|(_, manifest, reader)| (manifest, reader)),
    }
}

/// The recording as WAV, by byte range.
#[utoipa::path(get, path = "/api/v1/calls/{id}/recording/audio", tag = "court", params(("id" = String, Path)),
    responses((status = 200, content_type = "audio/wav"), (status = 206, content_type = "audio/wav"),
        (status = 404, body = ProblemBody), (status = 409, body = ProblemBody), (status = 416, body = ProblemBody)))]
pub(super) async fn audio(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    require(&house, &actor, Permission::RecordingPlay).await?;
    // The whole file is hashed before its beginning is played. What follows in the middle
    // rests on the seal of each block, so that a jump in a long call takes no time.
    let jump = headers.get(header::RANGE).is_some_and(|range| !range.as_bytes().starts_with(b"bytes=0-"));
    let (manifest, reader) = if jump {
        sealed(&house, &actor, &id).await?
    } else {
        intact(&house, &actor, &id).await.map(|(_, m, r)| (m, r))?
    };
    let total = reader.wav_bytes();
    let asked = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let range = match asked.map(|text| byte_range(text, total)) {
        None | Some(Some(Err(()))) => None,
        Some(Some(Ok(range))) => Some(range),
        Some(None) => {
            let problem = Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "range.outside", "the range lies outside");
            let mut response = problem.into_response();
            set(response.headers_mut(), header::CONTENT_RANGE, &format!("bytes */{total}"));
            return Ok(response);
        }
    };
    let (from, to) = range.unwrap_or((0, total));
    let detail = json!({ "sha256": manifest.sha256, "from": from, "to": to });
    note(&house, &actor, "recording.play", ("call", &id), "ok", detail).await?;
    let mut response = send(reader, from, to).into_response();
    let answer = response.headers_mut();
    wav_headers(answer, to - from);
    if range.is_some() {
        set(answer, header::CONTENT_RANGE, &format!("bytes {from}-{}/{total}", to - 1));
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}

/// The recording as a WAV file to keep.
#[utoipa::path(get, path = "/api/v1/calls/{id}/recording/download", tag = "court", params(("id" = String, Path)),
    responses((status = 200, content_type = "audio/wav"), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody)))]
pub(super) async fn download(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    require(&house, &actor, Permission::RecordingDownload).await?;
    let (_, manifest, reader) = intact(&house, &actor, &id).await?;
    let total = reader.wav_bytes();
    note(&house, &actor, "recording.download", ("call", &id), "ok", json!({ "sha256": manifest.sha256 })).await?;
    let mut response = send(reader, 0, total).into_response();
    let answer = response.headers_mut();
    wav_headers(answer, total);
    set(answer, header::CONTENT_DISPOSITION, &format!("attachment; filename=\"recording-{id}.wav\""));
    Ok(response)
}

fn wav_headers(headers: &mut HeaderMap, length: u64) {
    set(headers, header::CONTENT_TYPE, "audio/wav");
    set(headers, header::CONTENT_LENGTH, &length.to_string());
    set(headers, header::ACCEPT_RANGES, "bytes");
}

fn set(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// One byte range (RFC 9110, section 14.1.2) as from and to, to excluded. None when it
/// lies outside; `Err` when it is no single byte range and the whole is to be sent.
fn byte_range(text: &str, total: u64) -> Option<Result<(u64, u64), ()>> {
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|range| range.trim().split_once('-')) else {
        return Some(Err(()));
    };
    let range = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(from), Ok(last)) if from <= last => (from, (last.saturating_add(1)).min(total)),
        (Ok(from), Err(_)) if last.is_empty() => (from, total),
        (Err(_), Ok(suffix)) if first.is_empty() => (total.saturating_sub(suffix), total),
        _ => return Some(Err(())),
    };
    (range.0 < range.1).then_some(Ok(range))
}

/// Sends a part of a recording, piece by piece; a reader that goes away stops it.
fn send(mut reader: WavReader, from: u64, to: u64) -> Body {
    const PIECE: usize = 256 * 1024;
    let (sender, receiver) = mpsc::channel::<Result<Bytes, VaultError>>(4);
    spawn_blocking(move || {
        let mut at = from;
        let mut buffer = vec![0; PIECE];
        while at < to {
            let wanted = PIECE.min((to - at) as usize);
            let piece = match reader.read_at(at, &mut buffer[..wanted]) {
                Ok(0) => return,
                Ok(read) => {
                    at += read as u64;
                    Ok(Bytes::copy_from_slice(&buffer[..read]))
                }
                Err(error) => {
                    tracing::error!(%error, "a recording could not be read to its end");
                    at = to;
                    Err(error)
                }
            };
            if sender.blocking_send(piece).is_err() {
                return;
            }
        }
    });
    Body::from_stream(stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) }))
}

/// The wave form of a recording.
#[utoipa::path(get, path = "/api/v1/calls/{id}/recording/peaks", tag = "court", params(("id" = String, Path)),
    responses((status = 200, body = Peaks), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
pub(super) async fn peaks(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
) -> Result<Json<Peaks>, Problem> {
    require(&house, &actor, Permission::RecordingPlay).await?;
    let (_, manifest, mut reader) = intact(&house, &actor, &id).await?;
    note(&house, &actor, "recording.draw", ("call", &id), "ok", json!({ "sha256": manifest.sha256 })).await?;
    let peaks = spawn_blocking(move || reader.peaks(PEAKS_PER_SECOND))
        .await
        .map_err(|error| StoreError::internal("drawing a wave form", error))?
        .map_err(|error| StoreError::internal("drawing a wave form", error))?;
    Ok(Json(Peaks {
        per_second: PEAKS_PER_SECOND,
        left: STANDARD.encode(peaks.left),
        right: STANDARD.encode(peaks.right),
    }))
}

fn speaker(who: Speaker) -> &'static str {
    match who {
        Speaker::System => "system",
        Speaker::Agent => "agent",
        Speaker::Party => "party",
    }
}

fn line(corrected: Corrected) -> TranscriptLine {
    let line = corrected.line;
    TranscriptLine {
        no: line.no,
        speaker: speaker(line.speaker),
        from_ms: line.from_ms,
        to_ms: line.to_ms,
        text: line.text,
        original: corrected.original,
        weak: line.weak,
        hidden: line.hidden,
        edited_by: corrected.edit.as_ref().map(|edit| edit.editor.clone()),
        edited_at: corrected.edit.map(|edit| rfc3339(edit.at_ms)),
    }
}

async fn read_transcript(house: &House, call: &Call) -> Result<Transcript, Problem> {
    if house.read_only.is_some() {
        return Err(Problem::read_only());
    }
    let stored = transcripts::find(&house.db, &house.sealer, &call.id).await?;
    let stored = stored.ok_or_else(|| Problem::not_found("transcript"))?;
    let lines = match &stored.transcript {
        Some(transcript) => transcripts::lines(&house.db, &house.sealer, &call.id, transcript).await?,
        None => Vec::new(),
    };
    Ok(Transcript {
        state: stored.state,
        test_model: stored.test_model,
        model_name: stored.model_name,
        model_sha256: stored.model_sha256,
        lines: lines.into_iter().map(line).collect(),
    })
}

/// The transcript of a call, with its corrections.
#[utoipa::path(get, path = "/api/v1/calls/{id}/transcript", tag = "court", params(("id" = String, Path)),
    responses((status = 200, body = Transcript), (status = 404, body = ProblemBody)))]
pub(super) async fn transcript(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
) -> Result<Json<Transcript>, Problem> {
    require(&house, &actor, Permission::TranscriptRead).await?;
    let call = own_call(&house, &actor, &id).await?;
    let transcript = read_transcript(&house, &call).await?;
    note(&house, &actor, "transcript.open", ("call", &id), "ok", json!({})).await?;
    Ok(Json(transcript))
}

/// A correction.
#[derive(Deserialize, utoipa::ToSchema)]
pub(super) struct Correction {
    /// The line's new text.
    text: String,
}

/// Corrects a line; the original and who changed it stay.
#[utoipa::path(put, path = "/api/v1/calls/{id}/transcript/lines/{no}", tag = "court",
    params(("id" = String, Path), ("no" = u32, Path)), request_body = Correction,
    responses((status = 200, body = TranscriptLine), (status = 404, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub(super) async fn correct(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Path((id, no)): Path<(String, String)>,
    JsonBody(correction): JsonBody<Correction>,
) -> Result<Json<TranscriptLine>, Problem> {
    require(&house, &actor, Permission::TranscriptEdit).await?;
    let call = own_call(&house, &actor, &id).await?;
    let no = no.parse().map_err(|_| Problem::not_found("transcript line"))?;
    let text = correction.text.trim();
    if text.is_empty() || text.chars().count() > LINE_LIMIT || text.chars().any(char::is_control) {
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "transcript.text",
            format!("`text` must hold 1 to {LINE_LIMIT} characters on one line"),
        )
        .with("field", json!("text")));
    }
    transcripts::correct(&house.db, &house.clock, &house.sealer, &actor, &call, no, text).await?;
    let lines = read_transcript(&house, &call).await?.lines;
    let line = lines.into_iter().find(|line| line.no == no).ok_or_else(|| Problem::not_found("transcript line"))?;
    Ok(Json(line))
}

/// In which form a transcript is wanted.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// `txt` or `json`.
    format: Option<String>,
}

/// The transcript as a file.
#[utoipa::path(get, path = "/api/v1/calls/{id}/transcript/download", tag = "court",
    params(("id" = String, Path), Wanted),
    responses((status = 200, description = "text/plain or application/json"), (status = 404, body = ProblemBody)))]
pub(super) async fn transcript_file(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Problem> {
    require(&house, &actor, Permission::TranscriptRead).await?;
    let call = own_call(&house, &actor, &id).await?;
    let transcript = read_transcript(&house, &call).await?;
    let kind = if wanted.format.as_deref() == Some("json") { "json" } else { "txt" };
    note(&house, &actor, "transcript.download", ("call", &id), "ok", json!({ "format": kind })).await?;
    let mut response = if kind == "json" {
        Json(transcript).into_response()
    } else {
        let mut response = as_text(&call, &transcript).into_response();
        set(response.headers_mut(), header::CONTENT_TYPE, "text/plain; charset=utf-8");
        response
    };
    let name = format!("attachment; filename=\"transcript-{id}.{kind}\"");
    set(response.headers_mut(), header::CONTENT_DISPOSITION, &name);
    Ok(response)
}

fn as_text(call: &Call, transcript: &Transcript) -> String {
    use std::fmt::Write as _;
    let mut text = format!(
        "通话 {}　{}\n机器转写，以录音为准　模型 {}\n",
        call.id,
        rfc3339(call.created_ms),
        transcript.model_name
    );
    if transcript.test_model {
        text.push_str("本文字稿由测试模型生成，仅供演示，不得用于真实语音\n");
    }
    text.push('\n');
    for line in transcript.lines.iter().filter(|line| !line.hidden) {
        let who = match line.speaker {
            "system" => "系统",
            "agent" => "坐席",
            _ => "当事人",
        };
        let (minutes, seconds) = (line.from_ms / 60_000, line.from_ms / 1_000 % 60);
        let _ = write!(text, "[{minutes:02}:{seconds:02}] {who}：{}", line.text);
        if line.weak && line.edited_by.is_none() {
            text.push_str("（可信度低）");
        }
        if let Some(editor) = &line.edited_by {
            let _ = write!(text, "（{editor}更正，原文：{}）", line.original.as_deref().unwrap_or_default());
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::byte_range;

    #[test]
    fn byte_ranges_are_read_as_the_standard_says() {
        assert_eq!(byte_range("bytes=0-", 100), Some(Ok((0, 100))));
        assert_eq!(byte_range("bytes=10-19", 100), Some(Ok((10, 20))));
        assert_eq!(byte_range("bytes=90-999", 100), Some(Ok((90, 100))));
        assert_eq!(byte_range("bytes=-10", 100), Some(Ok((90, 100))));
        assert_eq!(byte_range("bytes=100-", 100), None, "outside");
        assert_eq!(byte_range("bytes=-0", 100), None, "outside");
        for odd in ["bytes=0-1,5-6", "bytes=20-10", "items=0-1", "bytes=x-y", ""] {
            assert_eq!(byte_range(odd, 100), Some(Err(())), "{odd}");
        }
        assert_eq!(byte_range("bytes=0-18446744073709551615", 100), Some(Ok((0, 100))));
    }
}
