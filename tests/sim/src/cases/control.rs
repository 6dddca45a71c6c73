//! The knobs of the carrier over HTTP.

use std::sync::PoisonError;

use axum::extract::{Json, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::oneshot;

use super::{Cases, order, wrong};
use crate::numbers::Number;
use crate::sip::control::{CallIn, Manners, Order};
use crate::sip::faults::{Failure, Fault};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FaultBody {
    events: Option<Status>,
    sip: Option<Status>,
    /// Only calls to this number fail.
    number: Option<String>,
    /// Contact of a 3xx.
    contact: Option<String>,
    #[serde(default = "once")]
    times: u32,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Status {
    Number(u16),
    Text(String),
}

impl Status {
    fn code(&self, least: u16) -> Option<u16> {
        let code = match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
        };
        code.filter(|c| (least..700).contains(c))
    }

    fn failure(&self, contact: Option<String>) -> Option<Failure> {
        match self {
            Self::Text(text) if text == "silence" => Some(Failure::Silence),
            Self::Text(text) if text == "stuck" => Some(Failure::Stuck),
            _ => self.code(300).map(|status| Failure::Status { status, contact }),
        }
    }
}

fn once() -> u32 {
    1
}

pub(super) async fn set_fault(State(cases): State<Cases>, Json(body): Json<FaultBody>) -> Response {
    if let Some(events) = &body.events {
        let Some(status) = events.code(400).and_then(|c| StatusCode::from_u16(c).ok()) else {
            return wrong("events is a status of 400 or more");
        };
        let fault = (body.times > 0).then_some((status, body.times));
        *cases.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }
    if let Some(sip) = &body.sip {
        let Some(failure) = sip.failure(body.contact) else {
            return wrong("sip is a status from 300 to 699, silence or stuck");
        };
        let number = match body.number.as_deref().map(Number::parse) {
            Some(None) => return wrong("number is no telephone number"),
            number => number.flatten(),
        };
        return order(&cases, Order::Fault(Fault { number, failure, times: body.times })).await;
    }
    if body.events.is_none() {
        return wrong("events or sip is needed");
    }
    Json(json!({"ok": true})).into_response()
}

pub(super) async fn call_in(State(cases): State<Cases>, Json(call): Json<CallIn>) -> Response {
    let (done, placed) = oneshot::channel();
    if cases.orders.send(Order::CallIn { call, done }).await.is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    match placed.await {
        Ok(Ok(call_id)) => Json(json!({"call_id": call_id})).into_response(),
        Ok(Err(why)) => wrong(why),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

pub(super) async fn behave(State(cases): State<Cases>, Json(manners): Json<Manners>) -> Response {
    let (done, changed) = oneshot::channel();
    if cases.orders.send(Order::Manners { manners, done }).await.is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    match changed.await {
        Ok(Ok(())) => Json(json!({"ok": true})).into_response(),
        Ok(Err(why)) => wrong(&why),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}
