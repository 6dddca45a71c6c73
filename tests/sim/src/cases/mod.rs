//! The court's case system over HTTP: it pushes orders, takes events and shows both.
//!
//! Everything under `/_sim` is for tests and the demo script: the knobs of the outside
//! world and its journal, which shows full numbers. It listens on the loopback address.

mod control;
mod event;
mod events;
mod identity;
mod page;
mod pdf;
mod push;
pub(crate) mod samples;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use time::Date;
use tokio::sync::mpsc;

pub use push::PushTarget;
pub use samples::Office;

use crate::journal::Journal;
use crate::numbers::Number;
use crate::party::voices::Clip;
use crate::rtp::wav::{self, Channel};
use crate::sip::control::Order;
use crate::sip::driver::Speech;
use push::Patience;

/// The case system.
#[derive(Clone)]
pub(crate) struct Cases {
    pub(crate) journal: Journal,
    pub(crate) events_key: Arc<str>,
    pub(crate) target: Option<PushTarget>,
    pub(crate) client: reqwest::Client,
    pub(crate) out_dir: PathBuf,
    pub(crate) day: Date,
    pub(crate) office: Arc<Office>,
    pub(crate) orders: mpsc::Sender<Order>,
    pub(crate) fault: Arc<Mutex<Option<(StatusCode, u32)>>>,
}

impl Cases {
    fn take_fault(&self) -> Option<StatusCode> {
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        let (status, times) = (*fault)?;
        *fault = (times > 1).then_some((status, times - 1));
        Some(status)
    }

    /// Pushes the first `count` samples at the start, waiting for the product to listen.
    pub(crate) async fn push_at_start(&self, count: usize) {
        if let Some(target) = &self.target {
            let samples = self.samples(count);
            push::push(&self.client, target, &samples, Patience::Wait, &self.journal).await;
        }
    }

    fn samples(&self, count: usize) -> Vec<samples::Sample> {
        let mut samples = samples::twenty(self.day, &self.office);
        samples.truncate(count);
        samples
    }

    /// The HTTP routes.
    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/", get(show))
            .route("/health", get(|| async { "ok" }))
            .route("/case/events", post(events::receive))
            .route("/case/reports/{file}", get(report))
            .route("/_sim/push", post(push_samples))
            .route("/_sim/samples", get(list_samples))
            .route("/_sim/fault", post(control::set_fault))
            .route("/_sim/call-in", post(control::call_in))
            .route("/_sim/carrier", post(control::behave))
            .route("/_sim/say", post(say))
            .route("/_sim/journal", get(journal))
            .layer(DefaultBodyLimit::max(events::MAX_BODY))
            .with_state(self)
    }
}

async fn show(State(cases): State<Cases>) -> Html<String> {
    Html(page::render(&cases.journal.content()))
}

async fn journal(State(cases): State<Cases>) -> Json<crate::journal::Content> {
    Json(cases.journal.content())
}

async fn report(State(cases): State<Cases>, Path(file): Path<String>) -> Response {
    let known = cases.journal.lock().events.iter().any(|e| e.report.as_deref() == Some(&file));
    if !known {
        return StatusCode::NOT_FOUND.into_response();
    }
    match tokio::fs::read(cases.out_dir.join(&file)).await {
        Ok(bytes) => ([(header::CONTENT_TYPE, "application/pdf")], bytes).into_response(),
        Err(_) => StatusCode::GONE.into_response(),
    }
}

#[derive(Deserialize)]
struct PushQuery {
    #[serde(default = "all_samples")]
    samples: usize,
}

fn all_samples() -> usize {
    20
}

#[derive(Deserialize)]
struct PushBody {
    to: String,
    key: String,
}

async fn push_samples(State(cases): State<Cases>, Query(query): Query<PushQuery>, body: Bytes) -> Response {
    let target = if body.is_empty() {
        cases.target.clone()
    } else {
        match serde_json::from_slice::<PushBody>(&body) {
            Ok(body) => Some(PushTarget { url: body.to, key: body.key }),
            Err(_) => return wrong("the body is empty or {\"to\": URL, \"key\": machine key}"),
        }
    };
    let Some(target) = target else {
        return wrong("no --push-to was given, nor a body with to and key");
    };
    let samples = cases.samples(query.samples);
    let records = push::push(&cases.client, &target, &samples, Patience::Once, &cases.journal).await;
    Json(records).into_response()
}

async fn list_samples(State(cases): State<Cases>) -> Json<Vec<Value>> {
    let samples = cases.samples(all_samples());
    Json(samples.into_iter().map(|s| json!({"expected": s.expected, "order": s.order})).collect())
}

#[derive(Deserialize)]
struct SayQuery {
    number: String,
    #[serde(default)]
    delay_ms: u32,
    hang_up_ms: Option<u64>,
    #[serde(default)]
    left: bool,
}

async fn say(State(cases): State<Cases>, Query(query): Query<SayQuery>, body: Bytes) -> Response {
    let Some(number) = Number::parse(&query.number) else {
        return wrong("number is no telephone number");
    };
    let channel = if query.left { Channel::Left } else { Channel::Right };
    let samples = match wav::decode(&body, channel) {
        Ok(samples) => samples,
        Err(error) => return wrong(&error.to_string()),
    };
    let hang_up_after = query.hang_up_ms.map(Duration::from_millis);
    let clip = Clip { name: "given".into(), samples };
    order(&cases, Order::Say { number, speech: Speech { clip, delay_ms: query.delay_ms, hang_up_after } }).await
}

async fn order(cases: &Cases, order: Order) -> Response {
    match cases.orders.send(order).await {
        Ok(()) => Json(json!({"ok": true})).into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

fn wrong(text: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({"status": 400, "text": text}))).into_response()
}
