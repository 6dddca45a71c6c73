//! The agent's desk: one WebSocket per browser.
//!
//! The line relays frames; what they mean is the seat's. It watches two things itself: a
//! browser that is silent is gone, and a session that is over ends the line, but never a
//! call: then the page is told, and the line stays for what a call needs until it is over.

mod frame;

use std::time::Duration;

use axum::{
    Json,
    extract::{
        State,
        ws::{Message, Utf8Bytes, WebSocket},
    },
    http::HeaderMap,
    response::Response,
};
use serde_json::{Value, json};
use songda_desk::seats::{Command, takes_calls};
use songda_people::{
    Actor, Permission,
    courts::{self, Court},
    sessions,
};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};

use self::frame::Frame;
use super::{
    line::{Asked, BAD_FRAME, Opened, SIGNED_OUT, SILENCE_LIMIT, close, open, send},
    note, require,
};
use crate::{
    desk::Desk,
    house::House,
    problem::Problem,
    shapes::{ProblemBody, TransferPhone, TransferSeat, TransferTargets},
    who::SignedIn,
};

/// The first frame must come within this time.
const HELLO_LIMIT: Duration = Duration::from_secs(10);
/// The session is looked at again this often.
const SESSION_CHECK: Duration = Duration::from_secs(30);
/// Frames that may wait for a slow browser.
const QUEUE: usize = 128;
/// Longest name of a tab, characters.
const TAB_LIMIT: usize = 64;

/// The line to the agent's browser. Frames are described in `docs/architecture.md`.
#[utoipa::path(get, path = "/api/v1/desk/ws", tag = "desk",
    responses((status = 101, description = "WebSocket"), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody)))]
pub(super) async fn line(
    State(house): State<House>,
    State(desk): State<Option<Desk>>,
    SignedIn(actor): SignedIn,
    headers: HeaderMap,
    asked: Asked,
) -> Result<Response, Problem> {
    require(&house, &actor, Permission::DeskWork).await?;
    let Opened { upgrade, desk, cookie } = match open(&house, desk, &headers, asked)? {
        Ok(opened) => opened,
        Err(answer) => return Ok(answer),
    };
    let court = courts::by_id(&house.db, &actor.court_id).await?.ok_or_else(|| Problem::not_found("court"))?;
    Ok(upgrade.on_upgrade(move |socket| async move {
        let browser = Browser { house, desk, actor, cookie, court };
        browser.serve(socket).await;
    }))
}

/// To whom the agent may hand a call: colleagues at the desk, and desk phones.
#[utoipa::path(get, path = "/api/v1/desk/transfer-targets", tag = "desk",
    responses((status = 200, body = TransferTargets), (status = 403, body = ProblemBody), (status = 503, body = ProblemBody)))]
pub(super) async fn transfer_targets(
    State(house): State<House>,
    State(desk): State<Option<Desk>>,
    SignedIn(actor): SignedIn,
) -> Result<Json<TransferTargets>, Problem> {
    require(&house, &actor, Permission::DeskWork).await?;
    let desk = desk.ok_or_else(Problem::read_only)?;
    let seats = desk.seats.colleagues(&actor.court_id, &actor.user_id).await;
    let phones = desk.seats.desk_phones(&actor.court_id).await?;
    let shown = json!({ "seats": seats.len(), "phones": phones.len() });
    note(&house, &actor, "call.transfer_targets", ("user", &actor.user_id), "ok", shown).await?;
    Ok(Json(TransferTargets {
        seats: seats
            .into_iter()
            .map(|seat| TransferSeat {
                id: seat.user_id,
                name: seat.name,
                staff_no: seat.staff_no,
                state: seat.state.word(),
                free: takes_calls(seat.state),
            })
            .collect(),
        phones: phones
            .into_iter()
            .map(|phone| TransferPhone {
                id: phone.id,
                name: phone.name,
                extension: phone.extension,
                free: phone.registered,
            })
            .collect(),
    }))
}

struct Browser {
    house: House,
    desk: Desk,
    actor: Actor,
    cookie: String,
    court: Court,
}

/// How a line ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gone {
    /// The page closed it.
    Left,
    /// It fell silent, or broke.
    Lost,
}

/// What a line knows of itself.
struct Standing {
    /// The seat is this browser's: it was sent a snapshot.
    attached: bool,
    /// A call is on the line.
    calling: bool,
    /// The browser did something since the session was last looked at.
    acted: bool,
    /// The session is over.
    expired: bool,
}

impl Browser {
    async fn serve(self, mut socket: WebSocket) {
        let Ok(Some(Ok(Message::Text(first)))) = timeout(HELLO_LIMIT, socket.recv()).await else {
            return close(&mut socket, BAD_FRAME, "hello expected").await;
        };
        let Ok(Frame::Hello { kid, tab, take_over, sound }) = serde_json::from_str(&first) else {
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
        let attach = Command::Attach {
            number,
            actor: Box::new(self.actor.clone()),
            kid,
            public_key: key.public_key,
            sink,
            tab: tab.chars().take(TAB_LIMIT).collect(),
            take_over,
            sound,
        };
        if seat.send(attach).await.is_err() {
            return;
        }
        let gone = self.relay(&mut socket, &seat, number, frames).await;
        let _ = seat.send(Command::Detach { number, left: gone == Gone::Left }).await;
    }

    async fn relay(
        &self,
        socket: &mut WebSocket,
        seat: &mpsc::Sender<Command>,
        number: u64,
        mut frames: mpsc::Receiver<Value>,
    ) -> Gone {
        let mut heard = Instant::now();
        let mut check = tokio::time::interval_at(heard + SESSION_CHECK, SESSION_CHECK);
        let mut line = Standing { attached: false, calling: false, acted: true, expired: false };
        loop {
            tokio::select! {
                frame = frames.recv() => {
                    // The seat let go: signed out, or another browser took over.
                    let Some(frame) = frame else {
                        close(socket, SIGNED_OUT, "released").await;
                        return Gone::Left;
                    };
                    line.attached |= frame["type"] == "snapshot";
                    line.calling = has_live_call(&frame).unwrap_or(line.calling);
                    if !send(socket, &frame).await {
                        return Gone::Lost;
                    }
                    if line.expired && !line.calling {
                        close(socket, SIGNED_OUT, "session over").await;
                        return Gone::Left;
                    }
                }
                message = socket.recv() => {
                    heard = Instant::now();
                    match message {
                        Some(Ok(Message::Text(text))) => {
                            if !self.frame(socket, seat, number, &mut line, &text).await {
                                close(socket, BAD_FRAME, "a frame that cannot be read").await;
                                return Gone::Lost;
                            }
                        }
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                        Some(Ok(Message::Close(_))) => return Gone::Left,
                        _ => return Gone::Lost,
                    }
                }
                () = tokio::time::sleep_until(heard + SILENCE_LIMIT) => return Gone::Lost,
                _ = check.tick(), if !line.expired => {
                    // Whoever acts or has a call on the line is not idle; a page that stands open is.
                    if !self.session_goes_on(line.acted || line.calling).await {
                        if !line.calling {
                            close(socket, SIGNED_OUT, "session over").await;
                            return Gone::Left;
                        }
                        line.expired = true;
                        let _ = seat.send(Command::SessionExpired { number }).await;
                    }
                    line.acted = false;
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
    async fn frame(
        &self,
        socket: &mut WebSocket,
        seat: &mpsc::Sender<Command>,
        number: u64,
        line: &mut Standing,
        text: &Utf8Bytes,
    ) -> bool {
        let Ok(frame) = serde_json::from_str::<Frame>(text) else { return false };
        let command = match frame {
            Frame::Ping => {
                return socket.send(Message::Text(json!({ "type": "pong" }).to_string().into())).await.is_ok();
            }
            // Who was told that another browser is at work says hello again to take over.
            Frame::Hello { take_over: true, .. } if !line.attached => Some(Command::TakeOver { number }),
            Frame::Hello { .. } => None,
            // The seat is somebody else's, or nothing but a call goes on without a session.
            frame if !line.attached || (line.expired && !frame.is_of_a_call()) => {
                drop(frame);
                None
            }
            frame => frame.command(),
        };
        line.acted = true;
        match command {
            Some(command) => seat.send(command).await.is_ok(),
            None => true,
        }
    }
}

/// Whether the agent has a call on the line, as far as this frame tells.
fn has_live_call(frame: &Value) -> Option<bool> {
    match frame["type"].as_str()? {
        "call" => Some(frame["phase"] != "ended"),
        // Who asks about a colleague's call has a line up as well.
        "transfer_offer" => (frame["phase"] != "ringing").then_some(true),
        "transfer_gone" => (frame["reason"] != "accepted").then_some(false),
        "snapshot" => Some(!frame["call"].is_null() && frame["call"]["phase"] != "ended"),
        _ => None,
    }
}
