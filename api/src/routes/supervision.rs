//! The supervisor's line into live calls (R4.4b): one WebSocket while he listens.
//!
//! It carries one call at a time. What he hears and says goes by his browser's own leg; here he
//! says which call, and what he does in it. A line that ends takes him out of the call, and the
//! call goes on. So do a sign-out and a right that is lost: they are looked at with each wish and
//! every few seconds, and a sign-out is told. A line that stands open in no call keeps no session alive.

use std::time::Duration;

use axum::{
    extract::{
        State,
        ws::{Message, WebSocket},
    },
    http::HeaderMap,
    response::Response,
};
use serde::Deserialize;
use serde_json::{Value, json};
use songda_desk::seats::{OverseerNews, Supervision, Watch};
use songda_people::{Actor, PeopleError, Permission, sessions};
use tokio::{sync::broadcast::error::RecvError, time::Instant};

use super::{
    line::{Asked, BAD_FRAME, Opened, SIGNED_OUT, SILENCE_LIMIT, close, open, send},
    require,
};
use crate::{desk::Desk, house::House, problem::Problem, shapes::ProblemBody, who::SignedIn};

/// Session and right are looked at again this often.
const SESSION_CHECK: Duration = Duration::from_secs(5);

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
    /// Which call it is about.
    fn call(&self) -> Option<&str> {
        match self {
            Self::Listen { call_id, .. } | Self::Whisper { call_id, .. } | Self::Barge { call_id, .. } => Some(call_id),
            Self::Leave | Self::Ping => None,
        }
    }

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
    asked: Asked,
) -> Result<Response, Problem> {
    require(&house, &actor, Permission::CallSupervise).await?;
    let Opened { upgrade, desk, cookie } = match open(&house, desk, &headers, asked)? {
        Ok(opened) => opened,
        Err(answer) => return Ok(answer),
    };
    Ok(upgrade.on_upgrade(move |mut socket| async move {
        let mut line = Line { house, desk, actor, cookie, watch: None };
        let gone = line.serve(&mut socket).await;
        // He is out of the call before anybody waits for his browser.
        line.leave(gone.why()).await;
        match gone {
            Gone::SignedOut => close(&mut socket, SIGNED_OUT, "session over").await,
            Gone::BadFrame => close(&mut socket, BAD_FRAME, "a frame that cannot be read").await,
            Gone::Left | Gone::Lost => {}
        }
    }))
}

/// How a line ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gone {
    /// The page closed it.
    Left,
    /// It fell silent, or broke.
    Lost,
    /// It said something that cannot be read.
    BadFrame,
    /// The session is over, or the right is lost.
    SignedOut,
}

impl Gone {
    /// As it stands in the audit.
    fn why(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Lost | Self::BadFrame => "lost",
            Self::SignedOut => "signed_out",
        }
    }
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
    async fn serve(&mut self, socket: &mut WebSocket) -> Gone {
        let mut heard = Instant::now();
        let mut check = tokio::time::interval_at(heard + SESSION_CHECK, SESSION_CHECK);
        let mut over = self.desk.seats.sessions_over();
        loop {
            tokio::select! {
                told = news(&mut self.watch) => {
                    let frame = self.told(told).await;
                    if !send(socket, &frame).await {
                        return Gone::Lost;
                    }
                }
                session = over.recv() => {
                    let his = match session {
                        Ok(session) => session == self.actor.session,
                        // So many went at once that he may be one of them.
                        Err(RecvError::Lagged(_)) => matches!(self.may_go_on(false).await, Ok(false)),
                        Err(RecvError::Closed) => true,
                    };
                    if his {
                        return Gone::SignedOut;
                    }
                }
                message = socket.recv() => {
                    heard = Instant::now();
                    let text = match message {
                        Some(Ok(Message::Text(text))) => text,
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                        Some(Ok(Message::Close(_))) => return Gone::Left,
                        _ => return Gone::Lost,
                    };
                    let Ok(frame) = serde_json::from_str::<Frame>(&text) else { return Gone::BadFrame };
                    let answer = match frame {
                        Frame::Ping => Some(json!({ "type": "pong" })),
                        Frame::Leave => Some(self.over("left").await),
                        frame => match self.may_go_on(true).await {
                            Ok(false) => return Gone::SignedOut,
                            Ok(true) => self.wished(frame).await,
                            Err(error) => {
                                tracing::error!(supervisor = %self.actor.user_id, %error, "a session could not be read");
                                Some(json!({ "type": "error", "call_id": frame.call(), "code": "desk.failed" }))
                            }
                        },
                    };
                    if let Some(answer) = answer
                        && !send(socket, &answer).await
                    {
                        return Gone::Lost;
                    }
                }
                () = tokio::time::sleep_until(heard + SILENCE_LIMIT) => return Gone::Lost,
                _ = check.tick() => {
                    // Who listens is not idle. A database that does not answer ends nobody's work.
                    if matches!(self.may_go_on(self.watch.is_some()).await, Ok(false)) {
                        return Gone::SignedOut;
                    }
                }
            }
        }
    }

    /// Whether he is signed in still, and may supervise; a session in use begins its idle time anew.
    async fn may_go_on(&self, in_use: bool) -> Result<bool, PeopleError> {
        let (db, clock) = (&self.house.db, &self.house.clock);
        let actor = if in_use {
            sessions::resume(db, clock, &self.cookie, &self.actor.ip).await?
        } else {
            sessions::who(db, clock, &self.cookie, &self.actor.ip).await?
        };
        Ok(actor.is_some_and(|actor| actor.may(Permission::CallSupervise)))
    }

    /// Into a call, or something else in the same one; what is to be answered at once.
    async fn wished(&mut self, frame: Frame) -> Option<Value> {
        let (what, call, sdp) = frame.wish()?;
        let seats = self.desk.seats.clone();
        let watch = self.watch.as_ref().filter(|watch| watch.call() == call);
        let done = match (watch, sdp) {
            (Some(watch), None) => seats.change_supervision(&self.actor, watch, what).await.map(|()| None),
            (None, None) => Ok(Some(Err("supervision.no_offer"))),
            (_, Some(sdp)) => {
                // One call at a time, and one entry.
                self.leave("left").await;
                seats.supervise(&self.actor, &call, what, sdp).await.map(Some)
            }
        };
        let code = match done {
            Ok(None) => return None,
            Ok(Some(Ok(watch))) => {
                self.watch = Some(watch);
                return None;
            }
            Ok(Some(Err(code))) => code,
            Err(error) => {
                tracing::error!(supervisor = %self.actor.user_id, %error, "a supervisor could not be let in");
                "desk.failed"
            }
        };
        Some(json!({ "type": "error", "call_id": call, "code": code }))
    }

    /// What call control tells, as a frame; nothing more comes of a call that is over.
    async fn told(&mut self, told: Option<OverseerNews>) -> Value {
        let call = self.watch.as_ref().map(Watch::call).unwrap_or_default().to_owned();
        match told {
            Some(OverseerNews::Answer(sdp)) => json!({ "type": "answer", "call_id": call, "sdp": sdp }),
            Some(OverseerNews::On(what)) => {
                if let Err(error) = self.desk.seats.supervision_began(&self.actor, &call, what).await {
                    tracing::error!(%call, %error, "what a supervisor does could not be written down");
                }
                json!({ "type": "on", "call_id": call, "what": what.as_str() })
            }
            Some(OverseerNews::Over(why)) => self.over(why.as_str()).await,
            None => self.over("call_over").await,
        }
    }

    /// Out of the call, and the frame that says so.
    async fn over(&mut self, why: &str) -> Value {
        let call = self.watch.as_ref().map(|watch| watch.call().to_owned());
        self.leave(why).await;
        json!({ "type": "over", "call_id": call, "why": why })
    }

    async fn leave(&mut self, why: &str) {
        let Some(watch) = self.watch.take() else { return };
        if let Err(error) = self.desk.seats.end_supervision(&self.actor, watch, why).await {
            tracing::error!(supervisor = %self.actor.user_id, %error, "that a supervisor left could not be written down");
        }
    }
}

/// What he is told next of the call that he is in; never ready when he is in none.
async fn news(watch: &mut Option<Watch>) -> Option<OverseerNews> {
    match watch {
        Some(watch) => watch.next().await,
        None => std::future::pending().await,
    }
}
