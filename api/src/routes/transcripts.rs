//! Transcripts: read, corrected beside the original, and kept as a file.

use axum::{
    Json,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;
use songda_asr::Speaker;
use songda_desk::{
    calls::CallRow as Call,
    transcripts::{self, Corrected},
};
use songda_people::Permission;
use songda_store::clock::rfc3339;

use super::{calls::own_call, note, recordings::set, require};
use crate::{
    house::House,
    input::{Asked, JsonBody},
    problem::Problem,
    shapes::{ProblemBody, Transcript, TranscriptLine},
    who::SignedIn,
};

/// Longest text of one line of a transcript, characters.
const LINE_LIMIT: usize = 2_000;

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
