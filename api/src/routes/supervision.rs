//! The supervisor's line into live calls (R4.4b): one WebSocket while he listens.
//!
//! It carries one call at a time. What he hears and says goes by his browser's own leg; here he
//! says which call, and what he does in it. A line that ends takes him out of the call, and the
//! call goes on.

use std::time::Duration;

use axum::{
    extract::{
        State,
        ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade},
    },
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};
use songda_desk::seats::{OverseerNews, Supervision, Watch};
use songda_people::{Actor, Permission, sessions};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};

use super::require;
use crate::{
    desk::Desk,
    house::House,
    problem::Problem,
    shapes::ProblemBody,
    who::{SignedIn, session_cookie},
};

/// Largest frame of a browser, bytes: an SDP offer with room.
const FRAME_LIMIT: usize = 64 * 1024;
/// A browser that is silent for this long is gone; it pings each five seconds.
const SILENCE_LIMIT: Duration = Duration::from_secs(15);
/// The session is looked at again this often.
const SESSION_CHECK: Duration = Duration::from_secs(30);
/// News of a call that may wait.
const NEWS: usize = 16;
/// Close codes in the range that applications may use (RFC 6455, section 7.4.2).
const BAD_FRAME: u16 = 4400;
const SIGNED_OUT: u16 = 4401;

/// A frame of the browser.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Frame {
    /// Into a call, or something else in the same one; the offer comes with the first.
    Listen {
        call_id: String,
        sdp: Option<String>,
    },
    Whisper {
        call_id: String,
        sdp: Option<String>,
    },
    Barge {
        call_id: String,
        sdp: Option<String>,
    },
    Leave,
    Ping,
}

impl Frame {
    fn wish(self) -> Option<(Supervision, String, Option<String>)> {
        match self {
            Self::Listen { call_id, sdp } => Some((Supervision::Listen, call_id, sdp)),
            Self::Whisper { call_id, sdp } => Some((Supervision::Whisper, call_id, sdp)),
            Self::Barge { call_id, sdp } => Some((Supervision::Barge, call_id, sdp)),
            Self::Leave | Self::Ping => None,
        }
    }
}

/// The supervisor's line into live calls: `listen`, `whisper`, `barge`, `leave`. Frames are
/// described in `docs/architecture.md`.
#[utoipa::path(get, path = "/api/v1/supervision/ws", tag = "supervisor",
    responses((status = 101, description = "WebSocket"), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody)))]
pub(super) async fn supervision(
    State(house): State<House>,
    State(desk): State<Option<Desk>>,
    SignedIn(actor): SignedIn,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    require(&house, &actor, Permission::CallSupervise).await?;
    let desk = desk.ok_or_else(Problem::read_only)?;
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return Ok(rejection.into_response()),
    };
    let cookie = session_cookie(&house, &headers).ok_or_else(Problem::no_session)?;
    let upgrade = upgrade.max_message_size(FRAME_LIMIT).max_frame_size(FRAME_LIMIT);
    Ok(upgrade.on_upgrade(move |mut socket| async move {
        let mut line = Line { house, desk, actor, cookie, watch: None };
        let why = line.serve(&mut socket).await;
        line.leave(why).await;
    }))
}

struct Line {
    house: House,
    desk: Desk,
    actor: Actor,
    cookie: String,
    /// The call that he is in.
    watch: Option<Watch>,
}

impl Line {
    /// Answers why the line ended.
    async fn serve(&mut self, socket: &mut WebSocket) -> &'static str {
        let mut heard = Instant::now();
        let mut check = tokio::time::interval_at(heard + SESSION_CHECK, SESSION_CHECK);
        let (mut sink, mut news) = mpsc::channel(NEWS);
        loop {
            tokio::select! {
                told = news.recv(), if self.watch.is_some() => {
                    let frame = self.told(told).await;
                    if !send(socket, &frame).await {
                        return "lost";
                    }
                }
                message = socket.recv() => {
                    heard = Instant::now();
                    let text = match message {
                        Some(Ok(Message::Text(text))) => text,
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                        Some(Ok(Message::Close(_))) => return "left",
                        _ => return "lost",
                    };
                    let Ok(frame) = serde_json::from_str::<Frame>(&text) else {
                        close(socket, BAD_FRAME, "a frame that cannot be read").await;
                        return "lost";
                    };
                    let answer = match frame {
                        Frame::Ping => json!({ "type": "pong" }),
                        Frame::Leave => {
                            self.leave("left").await;
                            json!({ "type": "over", "why": "left" })
                        }
                        frame => {
                            // News of a call before are none of the next one.
                            if !self.is_in(&frame) {
                                (sink, news) = mpsc::channel(NEWS);
                            }
                            match self.wished(frame, &sink).await {
                                Some(answer) => answer,
                                None => continue,
                            }
                        }
                    };
                    if !send(socket, &answer).await {
                        return "lost";
                    }
                }
                () = tokio::time::sleep_until(heard + SILENCE_LIMIT) => return "lost",
                _ = check.tick() => {
                    let (db, clock) = (&self.house.db, &self.house.clock);
                    // Who listens is not idle. A database that does not answer ends nobody's work.
                    let alive = sessions::resume(db, clock, &self.cookie, &self.actor.ip).await;
                    if matches!(alive, Ok(None)) {
                        close(socket, SIGNED_OUT, "session over").await;
                        return "signed_out";
                    }
                }
            }
        }
    }

    fn is_in(&self, frame: &Frame) -> bool {
        let (Frame::Listen { call_id, sdp } | Frame::Whisper { call_id, sdp } | Frame::Barge { call_id, sdp }) = frame
        else {
            return true;
        };
        sdp.is_none() && self.watch.as_ref().is_some_and(|watch| watch.call() == call_id)
    }

    /// Into a call, or something else in the same one; what is to be answered at once.
    async fn wished(&mut self, frame: Frame, sink: &mpsc::Sender<OverseerNews>) -> Option<Value> {
        let (what, call, sdp) = frame.wish()?;
        let seats = self.desk.seats.clone();
        let done = match (&self.watch, sdp) {
            (Some(watch), None) if watch.call() == call => {
                seats.change_supervision(&self.actor, watch, what).await.map(|()| None)
            }
            (_, None) => return Some(json!({ "type": "error", "code": "supervision.no_offer" })),
            (_, Some(sdp)) => {
                // One call at a time.
                if self.watch.as_ref().is_some_and(|watch| watch.call() != call) {
                    self.leave("left").await;
                }
                seats.supervise(&self.actor, &call, what, sdp, sink.clone()).await.map(Some)
            }
        };
        match done {
            Ok(None) => None,
            Ok(Some(Ok(watch))) => {
                self.watch = Some(watch);
                None
            }
            Ok(Some(Err(code))) => Some(json!({ "type": "error", "code": code })),
            Err(error) => {
                tracing::error!(supervisor = %self.actor.user_id, %error, "a supervisor could not be let in");
                Some(json!({ "type": "error", "code": "desk.failed" }))
            }
        }
    }

    /// What call control tells, as a frame.
    async fn told(&mut self, told: Option<OverseerNews>) -> Value {
        match told {
            Some(OverseerNews::Answer(sdp)) => json!({ "type": "answer", "sdp": sdp }),
            Some(OverseerNews::On(what)) => {
                let call = self.watch.as_ref().map(Watch::call);
                json!({ "type": "on", "call_id": call, "what": word(what) })
            }
            Some(OverseerNews::Over(why)) => {
                self.leave(why.as_str()).await;
                json!({ "type": "over", "why": why.as_str() })
            }
            None => {
                self.leave("call_over").await;
                json!({ "type": "over", "why": "call_over" })
            }
        }
    }

    async fn leave(&mut self, why: &str) {
        let Some(watch) = self.watch.take() else { return };
        if let Err(error) = self.desk.seats.end_supervision(&self.actor, &watch, why).await {
            tracing::error!(supervisor = %self.actor.user_id, %error, "that a supervisor left could not be written down");
        }
    }
}

fn word(what: Supervision) -> &'static str {
    match what {
        Supervision::Listen => "listen",
        Supervision::Whisper => "whisper",
        Supervision::Barge => "barge",
    }
}

async fn send(socket: &mut WebSocket, frame: &Value) -> bool {
    let sent = timeout(SILENCE_LIMIT, socket.send(Message::Text(frame.to_string().into()))).await;
    matches!(sent, Ok(Ok(())))
}

async fn close(socket: &mut WebSocket, code: u16, reason: &'static str) {
    let _ = socket.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await;
}
