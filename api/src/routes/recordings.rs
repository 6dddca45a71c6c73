//! Recordings. Every look, play and download is written down.

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
use serde_json::json;
use songda_desk::calls::recorded::{self, Owner};
use songda_people::{Actor, Permission};
use songda_recordings::{
    said::Said,
    vault::{GapKind, Manifest, VaultError, Verdict, WavReader},
};
use songda_service::{
    evidence::{self, Found, Marked, Which},
    retention::removal,
};
use songda_store::{
    StoreError, alarms,
    audit::{self, Entry},
};
use tokio::{sync::mpsc, task::spawn_blocking};

use super::{
    calls::{FRAMES_PER_MS, answer_offset, own_call},
    note, require,
};
use crate::{
    house::House,
    problem::Problem,
    shapes::{GapRow, Peaks, ProblemBody, Recording},
    who::SignedIn,
};

/// State of a recording that went by decision.
const DELETED: &str = "deleted";
/// Values of the wave form per second.
const PEAKS_PER_SECOND: u32 = 20;

/// That it went by decision, and how.
async fn deleted(house: &House, manifest: &Manifest) -> Result<Problem, Problem> {
    Ok(Problem::deleted("recording", removal(&house.db, manifest.id.as_str()).await?))
}

/// A recording with a fresh look at its file. What does not fit is written
/// down and raises an alarm; it is never set back (X2).
async fn examined(house: &House, actor: &Actor, owner: Owner<'_>) -> Result<(String, Manifest, Verdict), Problem> {
    let Some((state, manifest)) = recorded::find(&house.db, owner).await? else {
        return Err(Problem::not_found("recording"));
    };
    if state == DELETED {
        return Err(deleted(house, &manifest).await?);
    }
    let (vault, expected) = (house.vault.clone(), manifest.clone());
    let verdict = spawn_blocking(move || vault.verify(&expected.id, &expected))
        .await
        .map_err(|error| StoreError::internal("checking a recording", error))?;
    if house.read_only.is_some() {
        return Err(Problem::read_only());
    }
    let verdict = verdict.map_err(|error| {
        tracing::error!(recording = %manifest.id.as_str(), %error, "a recording could not be checked");
        let text = "the recording cannot be read at this moment; try again, and if it stays so look at the disk";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "recording.unreadable", text)
    })?;
    let (word, said) = match &verdict {
        Verdict::Intact => return Ok((state, manifest, verdict)),
        Verdict::Missing => ("missing", gone()),
        Verdict::Altered { reason } => ("altered", reason.clone()),
    };
    if let Some(file) = evidence::files(&house.db, Which::One(manifest.id.as_str())).await?.pop() {
        let found = match &verdict {
            Verdict::Altered { .. } => Found::Altered { reason: said },
            _ => Found::Missing { reason: said },
        };
        // It may have gone by decision while it was looked at.
        let keys = house.keys.public_keys();
        let keys = keys.map_err(|error| StoreError::internal("reading the public keys", error))?;
        if evidence::mark(&house.db, &house.clock, &keys, &file, &found, &actor.user_id).await? == Marked::Deleted {
            return Err(deleted(house, &manifest).await?);
        }
    } else {
        alarms::raise(&house.db, &house.clock, &format!("recording.{word}"), manifest.id.as_str(), &said).await?;
    }
    if state != word {
        let mut tx = house.db.begin().await?;
        recorded::set_state(&mut tx, owner, word).await?;
        let entry = actor.did("recording.check", ("recording", manifest.id.as_str()), json!({ "was": state }));
        audit::append(&mut tx, &house.clock, Entry { result: word, ..entry }).await?;
        tx.commit().await?;
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
    let (state, manifest, verdict) = examined(&house, &actor, Owner::Call(&call.id)).await?;
    let (word, said) = match verdict {
        Verdict::Intact => ("intact", None),
        Verdict::Missing => ("missing", Some(gone().into())),
        Verdict::Altered { reason } => ("altered", Some(reason.into())),
    };
    note(&house, &actor, "recording.check", ("call", &id), word, json!({ "sha256": manifest.sha256 })).await?;
    Ok(Json(Recording {
        state,
        verdict: word,
        said,
        duration_ms: manifest.frames / FRAMES_PER_MS,
        bytes: manifest.bytes,
        answer_offset_ms: answer_offset(&call, &manifest),
        gaps_known: manifest.gaps.iter().all(|gap| gap.kind != GapKind::ListLost),
        gaps: manifest
            .gaps
            .iter()
            // A list that was lost is no hole that could be drawn.
            .filter(|gap| gap.kind != GapKind::ListLost)
            .map(|gap| GapRow {
                channel: if gap.channel == 0 { "left" } else { "right" },
                from_ms: gap.from_frame / FRAMES_PER_MS,
                to_ms: gap.to_frame / FRAMES_PER_MS,
                kind: gap_word(gap.kind),
            })
            .collect(),
        sha256: manifest.sha256,
        sm3: manifest.sm3,
    }))
}

/// The file of a recording is not where it should be.
fn gone() -> Said {
    Said::new("file.missing", "the file is not there")
}

/// What a hole in a recording is, in a word.
fn gap_word(kind: GapKind) -> &'static str {
    match kind {
        GapKind::Lost => "lost",
        GapKind::Unsent => "unsent",
        GapKind::Unlisted => "unlisted",
        GapKind::Cut => "cut",
        GapKind::Unknown | GapKind::ListLost => "unknown",
    }
}

/// A reader of a recording that is intact, or the problem to show instead.
async fn intact(house: &House, actor: &Actor, owner: Owner<'_>) -> Result<(Manifest, WavReader), Problem> {
    let (_, manifest, verdict) = examined(house, actor, owner).await?;
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
    let reader = spawn_blocking(move || vault.hear(&recording))
        .await
        .map_err(|error| StoreError::internal("opening a recording", error))?
        .map_err(|error| StoreError::internal("opening a recording", error))?;
    Ok((manifest, reader))
}

/// A reader of a recording whose hashes were looked at before; each block is still opened
/// by its seal, and its length must be that of the hashed file.
async fn sealed(house: &House, actor: &Actor, owner: Owner<'_>) -> Result<(Manifest, WavReader), Problem> {
    let Some((state, manifest)) = recorded::find(&house.db, owner).await? else {
        return Err(Problem::not_found("recording"));
    };
    if state == DELETED {
        return Err(deleted(house, &manifest).await?);
    }
    // What was found damaged is not played by its good blocks.
    if matches!(state.as_str(), "altered" | "missing") {
        return intact(house, actor, owner).await;
    }
    let (vault, recording) = (house.vault.clone(), manifest.id.clone());
    match spawn_blocking(move || vault.hear(&recording)).await {
        Ok(Ok(reader)) if reader.wav_bytes() == manifest.bytes => Ok((manifest, reader)),
        _ => intact(house, actor, owner).await,
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
    let call = own_call(&house, &actor, &id).await?;
    play(&house, &actor, Owner::Call(&call.id), ("call", &id), &headers).await
}

/// Plays a recording, or the part that is asked for, and writes that down.
pub(super) async fn play(
    house: &House,
    actor: &Actor,
    owner: Owner<'_>,
    object: (&str, &str),
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    // The whole file is hashed before its beginning is played. What follows in the middle
    // rests on the seal of each block, so that a jump in a long call takes no time.
    let jump = headers.get(header::RANGE).is_some_and(|range| !range.as_bytes().starts_with(b"bytes=0-"));
    let (manifest, reader) =
        if jump { sealed(house, actor, owner).await? } else { intact(house, actor, owner).await? };
    let (response, from, to) = ranged(headers, reader);
    if from < to {
        let detail = json!({ "sha256": manifest.sha256, "from": from, "to": to });
        note(house, actor, "recording.play", object, "ok", detail).await?;
    }
    Ok(response)
}

/// The part of a recording that is asked for, and which one that is; nothing when it lies
/// outside.
fn ranged(headers: &HeaderMap, reader: WavReader) -> (Response, u64, u64) {
    let total = reader.wav_bytes();
    let asked = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let range = match asked.map(|text| byte_range(text, total)) {
        None | Some(Some(Err(()))) => None,
        Some(Some(Ok(range))) => Some(range),
        Some(None) => {
            let problem = Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "range.outside", "the range lies outside");
            let mut response = problem.into_response();
            set(response.headers_mut(), header::CONTENT_RANGE, &format!("bytes */{total}"));
            return (response, 0, 0);
        }
    };
    let (from, to) = range.unwrap_or((0, total));
    let mut response = send(reader, from, to).into_response();
    let answer = response.headers_mut();
    wav_headers(answer, to - from);
    if range.is_some() {
        set(answer, header::CONTENT_RANGE, &format!("bytes {from}-{}/{total}", to - 1));
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    (response, from, to)
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
    let call = own_call(&house, &actor, &id).await?;
    let (manifest, reader) = intact(&house, &actor, Owner::Call(&call.id)).await?;
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

pub(super) fn set(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
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
    let call = own_call(&house, &actor, &id).await?;
    let (manifest, mut reader) = intact(&house, &actor, Owner::Call(&call.id)).await?;
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
