//! The agent's desk: one WebSocket per browser, and the outcome of a call.

use std::time::Duration;

use axum::{
    Json,
    extract::{
        Path, State,
        ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade},
    },
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};
use songda_desk::seats::Command;
use songda_people::{Actor, Permission, courts, sessions};
use songda_service::outcomes::Choice;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};

use super::require;
use crate::{
    desk::Desk,
    house::House,
    input::JsonBody,
    problem::Problem,
    shapes::{ProblemBody, SavedOutcome},
    who::{SignedIn, session_cookie},
};

/// Largest frame of a browser, bytes: an SDP offer with room.
const FRAME_LIMIT: usize = 64 * 1024;
/// The first frame must come within this time.
const HELLO_LIMIT: Duration = Duration::from_secs(10);
/// A browser that is silent for this long is gone; it pings each five seconds.
const SILENCE_LIMIT: Duration = Duration::from_secs(15);
/// The session is looked at again this often.
const SESSION_CHECK: Duration = Duration::from_secs(30);
/// Frames that may wait for a slow browser.
const QUEUE: usize = 128;

/// What was agreed in a call.
#[derive(Deserialize, utoipa::ToSchema)]
pub(super) struct OutcomeChoice {
    /// W1 to W12, or empty when nobody answered.
    #[serde(default)]
    contact: String,
    /// B01 to B17, or empty when nobody answered.
    #[serde(default)]
    business: String,
    /// 已清楚、完整听取.
    #[serde(default)]
    heard_all: bool,
    /// For people, at most 500 characters; sealed.
    #[serde(default)]
    note: String,
}

const NOTE_LIMIT: usize = 500;

/// Saves the outcome of an own call.
#[utoipa::path(post, path = "/api/v1/calls/{id}/outcome", tag = "desk", params(("id" = String, Path)),
    request_body = OutcomeChoice,
    responses((status = 200, body = SavedOutcome), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
        (status = 422, body = ProblemBody)))]
pub(super) async fn outcome(
    State(house): State<House>,
    State(desk): State<Option<Desk>>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
    JsonBody(choice): JsonBody<OutcomeChoice>,
) -> Result<Json<SavedOutcome>, Problem> {
    require(&house, &actor, Permission::OutcomeSave).await?;
    let desk = desk.ok_or_else(Problem::read_only)?;
    let note = choice.note.trim();
    if note.chars().count() > NOTE_LIMIT {
        let text = format!("`note` may hold {NOTE_LIMIT} characters");
        return Err(Problem::new(axum::http::StatusCode::UNPROCESSABLE_ENTITY, "outcome.note", text)
            .with("field", json!("note")));
    }
    let made = Choice {
        contact: choice.contact,
        business: choice.business,
        heard_all: choice.heard_all,
        ..Default::default()
    };
    let saved = desk.seats.save_outcome(&actor, &id, &made, note).await?;
    Ok(Json(SavedOutcome {
        attempt_no: saved.no,
        task_phase: saved.phase,
        next_zh: saved.next_zh,
        next_en: saved.next_en,
    }))
}

/// The line to the agent's browser. Frames are described in `docs/architecture.md`.
#[utoipa::path(get, path = "/api/v1/desk/ws", tag = "desk",
    responses((status = 101, description = "WebSocket"), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody)))]
pub(super) async fn line(
    State(house): State<House>,
    State(desk): State<Option<Desk>>,
    SignedIn(actor): SignedIn,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    require(&house, &actor, Permission::DeskWork).await?;
    let desk = desk.ok_or_else(Problem::read_only)?;
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return Ok(rejection.into_response()),
    };
    let cookie = session_cookie(&house, &headers).ok_or_else(Problem::no_session)?;
    let court = courts::by_id(&house.db, &actor.court_id).await?.ok_or_else(|| Problem::not_found("court"))?;
    let upgrade = upgrade.max_message_size(FRAME_LIMIT).max_frame_size(FRAME_LIMIT);
    Ok(upgrade.on_upgrade(move |socket| async move {
        let browser = Browser { house, desk, actor, cookie, court: court.name };
        browser.serve(socket).await;
    }))
}

/// A frame of the browser.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Frame {
    Hello { kid: String },
    Ready,
    Pause,
    Opened { work_order: String },
    Dial { work_order: String, phone_id: String, sdp: String },
    HangUp,
    Mute { on: bool },
    Ping,
}

struct Browser {
    house: House,
    desk: Desk,
    actor: Actor,
    cookie: String,
    court: String,
}

/// Close codes in the range that applications may use (RFC 6455, section 7.4.2).
const BAD_FRAME: u16 = 4400;
const SIGNED_OUT: u16 = 4401;

impl Browser {
    async fn serve(self, mut socket: WebSocket) {
        let Ok(Some(Ok(Message::Text(first)))) = timeout(HELLO_LIMIT, socket.recv()).await else {
            return close(&mut socket, BAD_FRAME, "hello expected").await;
        };
        let Ok(Frame::Hello { kid }) = serde_json::from_str(&first) else {
            return close(&mut socket, BAD_FRAME, "hello expected").await;
        };
        let key = sessions::browser_key(&self.house.db, &self.house.clock, &self.actor, &kid).await;
        let key = match key {
            Ok(Some(key)) => key,
            Ok(None) => {
                let refused = json!({ "seq": 1, "type": "error", "code": "key.unknown",
                                      "detail": "this browser's key is not registered for this session" });
                let _ = socket.send(Message::Text(refused.to_string().into())).await;
                return close(&mut socket, BAD_FRAME, "unknown key").await;
            }
            Err(error) => {
                tracing::error!(%error, "a browser's key could not be read");
                return;
            }
        };
        let seat = self.desk.seats.seat(&self.actor, &self.court).await;
        let (sink, frames) = mpsc::channel(QUEUE);
        let number = self.desk.seats.next_line();
        let attach =
            Command::Attach { number, actor: Box::new(self.actor.clone()), kid, public_key: key.public_key, sink };
        if seat.send(attach).await.is_err() {
            return;
        }
        self.relay(&mut socket, &seat, frames).await;
        let _ = seat.send(Command::Detach { number }).await;
    }

    async fn relay(&self, socket: &mut WebSocket, seat: &mpsc::Sender<Command>, mut frames: mpsc::Receiver<Value>) {
        let mut heard = Instant::now();
        let mut check = tokio::time::interval_at(heard + SESSION_CHECK, SESSION_CHECK);
        // Whoever acts or has a call on the line is not idle; a page that stands open is.
        let (mut acted, mut calling) = (true, false);
        loop {
            tokio::select! {
                frame = frames.recv() => {
                    // The seat let go: signed out, or another browser took over.
                    let Some(frame) = frame else { return close(socket, SIGNED_OUT, "released").await };
                    calling = has_live_call(&frame).unwrap_or(calling);
                    let sent = timeout(SILENCE_LIMIT, socket.send(Message::Text(frame.to_string().into()))).await;
                    if !matches!(sent, Ok(Ok(()))) {
                        return;
                    }
                }
                message = socket.recv() => {
                    heard = Instant::now();
                    match message {
                        Some(Ok(Message::Text(text))) => {
                            acted |= !text.contains("\"ping\"");
                            if !self.frame(socket, seat, &text).await {
                                return close(socket, BAD_FRAME, "a frame that cannot be read").await;
                            }
                        }
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                        _ => return,
                    }
                }
                () = tokio::time::sleep_until(heard + SILENCE_LIMIT) => return,
                _ = check.tick() => {
                    if !self.session_goes_on(acted || calling).await {
                        return close(socket, SIGNED_OUT, "session over").await;
                    }
                    acted = false;
                }
            }
        }
    }

    /// Whether the session is alive; one that is in use begins its idle time anew.
    async fn session_goes_on(&self, in_use: bool) -> bool {
        let (db, clock) = (&self.house.db, &self.house.clock);
        let alive = if in_use {
            sessions::resume(db, clock, &self.cookie, &self.actor.ip).await.map(|actor| actor.is_some())
        } else {
            sessions::is_alive(db, clock, &self.cookie).await
        };
        // A database that does not answer ends nobody's work.
        alive.unwrap_or(true)
    }

    /// Passes a frame on to the seat. False when it cannot be read.
    async fn frame(&self, socket: &mut WebSocket, seat: &mpsc::Sender<Command>, text: &Utf8Bytes) -> bool {
        let Ok(frame) = serde_json::from_str::<Frame>(text) else { return false };
        let command = match frame {
            Frame::Hello { .. } => return false,
            Frame::Ping => {
                return socket.send(Message::Text(json!({ "type": "pong" }).to_string().into())).await.is_ok();
            }
            Frame::Ready => Command::Ready,
            Frame::Pause => Command::Pause,
            Frame::Opened { work_order } => Command::Opened { work_order },
            Frame::Dial { work_order, phone_id, sdp } => Command::Dial { work_order, phone_id, sdp },
            Frame::HangUp => Command::HangUp,
            Frame::Mute { on } => Command::Mute { on },
        };
        seat.send(command).await.is_ok()
    }
}

/// Whether the agent has a call on the line, as far as this frame tells.
fn has_live_call(frame: &Value) -> Option<bool> {
    match frame["type"].as_str()? {
        "call" => Some(frame["phase"] != "ended"),
        "snapshot" => Some(!frame["call"].is_null() && frame["call"]["phase"] != "ended"),
        _ => None,
    }
}

async fn close(socket: &mut WebSocket, code: u16, reason: &'static str) {
    let _ = socket.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await;
}
