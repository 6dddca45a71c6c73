//! A supervisor in an agent's call (R4.4b): who may, what the agent sees of it, and what stands
//! in the audit. The call itself goes on whatever becomes of him.

use serde_json::{Value, json};
use songda_calls::{CallHandle, Overseer, OverseerNews, Supervision};
use songda_people::Actor;
use songda_store::audit;
use tokio::sync::{mpsc, oneshot};

use super::{
    CallView, Command, Seats,
    call::LiveCall,
    seat::{AgentState, Seat},
};
use crate::{
    DeskError,
    settings::{self, SupervisionShown},
};

/// A supervisor in the call at hand.
#[derive(Debug)]
pub(super) struct Supervised {
    what: Supervision,
    by: String,
    /// The agent sees it.
    shown: bool,
}

impl Supervised {
    /// The `supervision` of a `call` frame.
    pub(super) fn frame(&self) -> Option<Value> {
        self.shown.then(|| json!({ "what": word(self.what), "by_name": self.by }))
    }
}

/// The word on the wire and in the audit.
fn word(what: Supervision) -> &'static str {
    match what {
        Supervision::Listen => "listen",
        Supervision::Whisper => "whisper",
        Supervision::Barge => "barge",
    }
}

fn action(what: Supervision) -> &'static str {
    match what {
        Supervision::Listen => "call.listen",
        Supervision::Whisper => "call.whisper",
        Supervision::Barge => "call.barge",
    }
}

impl LiveCall {
    /// As supervisors see it.
    pub(super) fn view(&self) -> CallView {
        CallView {
            call_id: self.id.clone(),
            answered: self.may_be_supervised(),
            supervised: self.supervised.as_ref().map(|it| (word(it.what), it.by.clone())),
        }
    }

    fn may_be_supervised(&self) -> bool {
        self.is_live() && self.answered_ms.is_some() && self.parting.is_none()
    }
}

impl Seat {
    /// The way to the call at hand, for a supervisor.
    pub(super) fn supervise(&self, call: &str, reply: oneshot::Sender<Result<CallHandle, &'static str>>) {
        let here = self.call.as_ref().filter(|live| live.id == call && live.may_be_supervised());
        let handle = here.and_then(|live| live.handle.clone()).ok_or("supervision.not_now");
        let _ = reply.send(handle);
    }

    /// Somebody supervises the call at hand.
    pub(super) async fn supervised(&mut self, what: Supervision, by: String) -> Result<(), DeskError> {
        let shown = what != Supervision::Listen
            || settings::of(&self.ground.db, &self.actor.court_id).await?.supervision == SupervisionShown::Always;
        if let Some(call) = &mut self.call {
            call.supervised = Some(Supervised { what, by, shown });
        }
        self.view();
        Ok(())
    }

    pub(super) fn unsupervised(&mut self) {
        if let Some(call) = &mut self.call {
            call.supervised = None;
        }
        self.view();
    }
}

/// A supervisor's place in one call.
#[derive(Debug)]
pub struct Watch {
    call: String,
    handle: CallHandle,
}

impl Watch {
    /// The call.
    pub fn call(&self) -> &str {
        &self.call
    }
}

impl Seats {
    /// Lets a supervisor into a live call of his own court, with this offer of his browser. What
    /// becomes of it is told to `news`. Or the code of why not.
    pub async fn supervise(
        &self,
        actor: &Actor,
        call: &str,
        what: Supervision,
        sdp: String,
        news: mpsc::Sender<OverseerNews>,
    ) -> Result<Result<Watch, &'static str>, DeskError> {
        let handle = self.way_to(actor, call).await;
        let (code, result) = match &handle {
            Ok(_) => ("", "ok"),
            Err(code) => (*code, "denied"),
        };
        // Nobody is heard before it is written down who heard him.
        self.note_supervision(actor, action(what), call, result, json!({ "code": code })).await?;
        Ok(handle.map(|handle| {
            handle.supervise(Overseer { id: actor.user_id.clone(), name: actor.name.clone(), news }, what, sdp);
            Watch { call: call.to_owned(), handle }
        }))
    }

    async fn way_to(&self, actor: &Actor, call: &str) -> Result<CallHandle, &'static str> {
        let seat = {
            let chairs = self.chairs.lock().await;
            let own = chairs.get(&actor.user_id).is_some_and(|chair| chair.view.borrow().state == AgentState::Calling);
            if own {
                return Err("supervision.in_call");
            }
            chairs.values().find_map(|chair| {
                let view = chair.view.borrow();
                let here = view.call.as_ref().is_some_and(|live| live.call_id == call);
                (here && view.court_id == actor.court_id).then(|| chair.commands.clone())
            })
        };
        let (reply, answer) = oneshot::channel();
        let seat = seat.ok_or("supervision.no_call")?;
        seat.send(Command::Supervise { call: call.to_owned(), reply }).await.map_err(|_| "supervision.no_call")?;
        answer.await.map_err(|_| "supervision.no_call")?
    }

    /// He listens, whispers or barges in from here on.
    pub async fn change_supervision(&self, actor: &Actor, watch: &Watch, what: Supervision) -> Result<(), DeskError> {
        self.note_supervision(actor, action(what), &watch.call, "ok", json!({ "code": "" })).await?;
        watch.handle.supervision(&actor.user_id, what);
        Ok(())
    }

    /// He leaves, or is gone.
    pub async fn end_supervision(&self, actor: &Actor, watch: &Watch, why: &str) -> Result<(), DeskError> {
        watch.handle.supervision_over(&actor.user_id);
        self.note_supervision(actor, "call.supervision_over", &watch.call, "ok", json!({ "why": why })).await
    }

    async fn note_supervision(
        &self,
        actor: &Actor,
        action: &str,
        call: &str,
        result: &str,
        detail: Value,
    ) -> Result<(), DeskError> {
        let mut tx = self.ground.db.begin().await?;
        let entry = audit::Entry { result, ..actor.did(action, ("call", call), detail) };
        audit::append(&mut tx, &self.ground.clock, entry).await?;
        Ok(tx.commit().await?)
    }
}
