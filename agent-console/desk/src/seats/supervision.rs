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
    /// A colleague in the call sees it: he hears who barges in, and a whisper is for the agent alone.
    shown_to_third: bool,
}

impl Supervised {
    /// The `supervision` of a `call` frame.
    pub(super) fn frame(&self) -> Option<Value> {
        self.shown.then(|| self.words())
    }

    /// The `supervision` of a colleague's `transfer_offer` frame.
    pub(super) fn frame_of_third(&self) -> Option<Value> {
        self.shown_to_third.then(|| self.words())
    }

    fn words(&self) -> Value {
        json!({ "what": self.what.as_str(), "by_name": self.by })
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
            since_ms: self.since_ms(),
            answered: self.may_be_supervised(),
            supervised: self.supervised.as_ref().map(|it| (it.what.as_str(), it.by.clone())),
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
        let always = settings::of(&self.ground.db, &self.actor.court_id).await?.supervision == SupervisionShown::Always;
        let shown = what != Supervision::Listen || always;
        let shown_to_third = what == Supervision::Barge || always;
        if let Some(call) = &mut self.call {
            call.supervised = Some(Supervised { what, by, shown, shown_to_third });
        }
        self.tell_third();
        self.view();
        Ok(())
    }

    /// The colleague in the call sees who supervises, as far as he may.
    pub(super) fn tell_third(&self) {
        let Some(call) = &self.call else { return };
        if let Some(transfer) = call.transfer.as_ref().filter(|transfer| transfer.is_there()) {
            let shown = call.supervised.as_ref().and_then(Supervised::frame_of_third);
            transfer.tell(Command::TransferSupervised { call: call.id.clone(), shown });
        }
    }

    pub(super) fn unsupervised(&mut self) {
        if let Some(call) = &mut self.call {
            call.supervised = None;
        }
        self.tell_third();
        self.view();
    }
}

/// A supervisor's place in one call. Dropped, he is out of it.
#[derive(Debug)]
pub struct Watch {
    call: String,
    handle: CallHandle,
    entry: u64,
    news: mpsc::Receiver<OverseerNews>,
    heard: bool,
}

impl Watch {
    /// The call.
    pub fn call(&self) -> &str {
        &self.call
    }

    /// What he is told next; nothing when his place in the call is gone. May be dropped at any time.
    pub async fn next(&mut self) -> Option<OverseerNews> {
        let news = self.news.recv().await;
        self.heard |= matches!(news, Some(OverseerNews::On(_)));
        news
    }
}

/// Takes him out of the call. What came and was not told yet he heard all the same.
fn heard_untold(mut news: mpsc::Receiver<OverseerNews>) -> bool {
    news.close();
    let mut heard = false;
    while let Ok(told) = news.try_recv() {
        heard |= matches!(told, OverseerNews::On(_));
    }
    heard
}

/// News of an entry that may wait.
const NEWS: usize = 16;
/// Characters of a call's id (ULID).
const ID: usize = 26;

/// Whether this can be the id of a call at all: only such a one reaches seats and log.
fn is_id(call: &str) -> bool {
    call.len() == ID && call.bytes().all(|octet| octet.is_ascii_alphanumeric())
}

impl Seats {
    /// Lets a supervisor into a live call of his own court, with this offer of his browser. Or the
    /// code of why not.
    pub async fn supervise(
        &self,
        actor: &Actor,
        call: &str,
        what: Supervision,
        sdp: String,
    ) -> Result<Result<Watch, &'static str>, DeskError> {
        let known = is_id(call);
        let handle = if known { self.way_to(actor, call).await } else { Err("supervision.no_call") };
        let (code, result) = match &handle {
            Ok(_) => ("", "ok"),
            Err(code) => (*code, "denied"),
        };
        // Nobody is heard before it is written down who heard him.
        let object = if known { call } else { "-" };
        self.note_supervision(actor, action(what), object, result, json!({ "code": code })).await?;
        let handle = match handle {
            Ok(handle) => handle,
            Err(code) => return Ok(Err(code)),
        };
        let (sender, news) = mpsc::channel(NEWS);
        let overseer = Overseer { id: actor.user_id.clone(), name: actor.name.clone(), news: sender };
        let entry = handle.supervise(overseer, what, sdp).await;
        Ok(Ok(Watch { call: call.to_owned(), handle, entry, news, heard: false }))
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

    /// He wants to listen, whisper or barge in from here on.
    pub async fn change_supervision(&self, actor: &Actor, watch: &Watch, what: Supervision) -> Result<(), DeskError> {
        self.note_supervision(actor, action(what), &watch.call, "ok", json!({ "code": "" })).await?;
        watch.handle.supervision(watch.entry, what).await;
        Ok(())
    }

    /// Call control says that it is so.
    pub async fn supervision_began(&self, actor: &Actor, call: &str, what: Supervision) -> Result<(), DeskError> {
        self.note_supervision(actor, "call.supervised", call, "ok", json!({ "what": what.as_str() })).await
    }

    /// He leaves, is gone or was never there; he is out of the call before it is written down.
    pub async fn end_supervision(&self, actor: &Actor, watch: Watch, why: &str) -> Result<(), DeskError> {
        let Watch { call, news, heard, .. } = watch;
        let heard = heard | heard_untold(news);
        let detail = json!({ "why": why, "heard": heard });
        self.note_supervision(actor, "call.supervision_over", &call, "ok", detail).await
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r4_4b_who_left_before_he_was_told_that_he_hears_has_heard() {
        for (news, heard) in [
            (vec![OverseerNews::Answer("sdp".into()), OverseerNews::On(Supervision::Listen)], true),
            (vec![OverseerNews::Answer("sdp".into())], false),
            (vec![], false),
        ] {
            let (sender, told) = mpsc::channel(NEWS);
            for one in news {
                sender.try_send(one).unwrap();
            }
            assert_eq!(heard_untold(told), heard);
            assert!(sender.is_closed(), "he is out of the call");
        }
    }

    #[test]
    fn an_id_of_a_call_has_the_form_of_one_or_reaches_nothing() {
        assert!(is_id(&songda_store::new_id()));
        for wrong in [
            "",
            "none",
            &"0".repeat(27),
            &"x".repeat(64 * 1024),
            "01ARZ3NDEKTSV4RRFFQ69G5FA\u{e9}",
            "../../../../../etc/passwd.",
        ] {
            assert!(!is_id(wrong), "{}", &wrong[..wrong.len().min(30)]);
        }
    }
}
