//! `POST /case/events`: what the product's outbox delivers, at least once.

use axum::Json;
use axum::extract::multipart::MultipartError;
use axum::extract::{FromRequest as _, Multipart, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Cases, event};
use crate::journal::{EventRecord, now_ms};

const MAX_EVENT: usize = 256 * 1024;
const MAX_EVENTS: usize = 2_000;
/// The largest body that is read.
pub(super) const MAX_BODY: usize = 32 * 1024 * 1024;

/// Why an event is refused.
struct Refusal(StatusCode, &'static str, Vec<Value>);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({"status": self.0.as_u16(), "code": self.1, "errors": self.2});
        let mut response = (self.0, Json(body)).into_response();
        let kind = header::HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}

fn refuse(status: StatusCode, code: &'static str) -> Refusal {
    Refusal(status, code, Vec::new())
}

/// Takes one event.
pub(super) async fn receive(State(cases): State<Cases>, request: Request) -> Response {
    match take(&cases, request).await {
        Ok(duplicate) => Json(json!({"duplicate": duplicate})).into_response(),
        Err(refusal) => {
            let code = refusal.1;
            if code != "fault" {
                cases.journal.complain("events", format!("an event was refused: {code}"));
            }
            refusal.into_response()
        }
    }
}

async fn take(cases: &Cases, request: Request) -> Result<bool, Refusal> {
    authorise(cases, request.headers())?;
    if let Some(status) = cases.take_fault() {
        return Err(refuse(status, "fault"));
    }
    let key = request.headers().get("Idempotency-Key").and_then(|v| v.to_str().ok()).map(str::to_owned);
    let Some(key) = key.filter(|k| !k.is_empty() && k.len() <= 200) else {
        return Err(refuse(StatusCode::BAD_REQUEST, "idempotency-key-missing"));
    };
    let (event, report) = read(request).await?;
    let faults = event::check(&event, report.as_deref());
    if !faults.is_empty() {
        return Err(Refusal(StatusCode::UNPROCESSABLE_ENTITY, "event-invalid", faults));
    }
    let hash = report.as_deref().map(|bytes| hex::encode(Sha256::digest(bytes)));
    store(cases, key, event, report, hash)
}

fn authorise(cases: &Cases, headers: &HeaderMap) -> Result<(), Refusal> {
    let sent = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let token = sent.and_then(|v| v.strip_prefix("Bearer ")).unwrap_or_default();
    // Compared by hash, so that the time taken says nothing about the key.
    if Sha256::digest(token) == Sha256::digest(cases.events_key.as_bytes()) {
        Ok(())
    } else {
        Err(refuse(StatusCode::UNAUTHORIZED, "unauthorised"))
    }
}

async fn read(request: Request) -> Result<(Value, Option<Vec<u8>>), Refusal> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if kind.starts_with("application/json") {
        let body = axum::body::to_bytes(request.into_body(), MAX_EVENT).await;
        let body = body.map_err(|_| refuse(StatusCode::PAYLOAD_TOO_LARGE, "too-large"))?;
        return Ok((json_of(&body)?, None));
    }
    if !kind.starts_with("multipart/form-data") {
        return Err(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type"));
    }
    let mut form = Multipart::from_request(request, &())
        .await
        .map_err(|_| refuse(StatusCode::BAD_REQUEST, "multipart-invalid"))?;
    let (mut event, mut report) = (None, None);
    while let Some(field) = form.next_field().await.map_err(|error| broken(&error))? {
        let name = field.name().unwrap_or_default().to_owned();
        let bytes = field.bytes().await.map_err(|error| broken(&error))?;
        match name.as_str() {
            "event" if event.is_none() && bytes.len() <= MAX_EVENT => {
                event = Some(json_of(&bytes)?);
            }
            "report" if report.is_none() => report = Some(bytes.to_vec()),
            _ => return Err(refuse(StatusCode::UNPROCESSABLE_ENTITY, "part-unexpected")),
        }
    }
    let event = event.ok_or_else(|| refuse(StatusCode::UNPROCESSABLE_ENTITY, "event-missing"))?;
    Ok((event, report))
}

fn broken(error: &MultipartError) -> Refusal {
    refuse(error.status(), "multipart-invalid")
}

fn json_of(bytes: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(bytes).map_err(|_| refuse(StatusCode::BAD_REQUEST, "json-invalid"))
}

/// Keeps the event; true when it was there already.
fn store(
    cases: &Cases,
    key: String,
    event: Value,
    report: Option<Vec<u8>>,
    sha256: Option<String>,
) -> Result<bool, Refusal> {
    let mut content = cases.journal.lock();
    if let Some(known) = content.events.iter_mut().find(|e| e.key == key) {
        if known.event != event || known.sha256 != sha256 {
            return Err(refuse(StatusCode::CONFLICT, "idempotency-key-reused"));
        }
        known.deliveries += 1;
        return Ok(true);
    }
    let same_place = |e: &EventRecord| e.event["order_no"] == event["order_no"] && e.event["seq"] == event["seq"];
    if content.events.iter().any(same_place) {
        return Err(refuse(StatusCode::CONFLICT, "seq-taken"));
    }
    if content.events.len() >= MAX_EVENTS {
        return Err(refuse(StatusCode::INSUFFICIENT_STORAGE, "full"));
    }
    let mut file = None;
    if let Some(bytes) = &report {
        let name = format!("report-{:05}.pdf", content.events.len() + 1);
        std::fs::write(cases.out_dir.join(&name), bytes)
            .map_err(|_| refuse(StatusCode::INSUFFICIENT_STORAGE, "not-stored"))?;
        file = Some(name);
    }
    let bytes = report.map_or(0, |b| b.len());
    content.events.push(EventRecord { at: now_ms(), key, deliveries: 1, event, report: file, sha256, bytes });
    Ok(false)
}
