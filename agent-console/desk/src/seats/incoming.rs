//! A call that comes in and rings here: shown, taken with one key, or left to somebody else.
//!
//! What the agent sees of a caller whose number is in an open task is that task's work order,
//! sealed to his browser as always. A task that is past its calls, such as one whose channel is agreed,
//! is not taken up again by a call: while it rings its work order is shown with its state, and the call
//! belongs to nobody and names the task, to be linked in the list. Of anybody else he sees a masked number and no case.

use std::time::Duration;

use serde_json::{Value, json};
use songda_calls::{CallEnd, IncomingCall, TransferFault};
use songda_service::{cases, tasks};
use songda_store::clock::rfc3339;
use tokio::{sync::oneshot, time::timeout};

use super::{
    call::{LiveCall, Standing, end_frame, ended_by},
    seat::{AgentState, Seat},
};
use crate::{
    DeskError,
    calls::legs::{self, WayEnd},
    checklist,
    inbound::{self, Came, Handover, Offer, TakenBy, Word, caller::Match, hours},
    outcomes::owed::Why,
    work_orders::WorkOrder,
};

/// The reception gives a call away within this time: the agent's browser is answered first.
const RECEPTION: Duration = Duration::from_secs(5);
/// Script of a call of nobody known.
const GENERAL: &str = "general-v1";

impl Seat {
    /// A call rings here, unless the agent is busy.
    pub(super) async fn incoming(&mut self, offer: Offer) -> Result<(), DeskError> {
        let own = offer.found.as_ref().is_some_and(|found| found.holder.as_ref() == Some(&self.actor.user_id));
        let busy = match &self.call {
            Some(call) => call.is_live() || !own,
            None => !matches!(self.state, AgentState::Ready | AgentState::Reserved),
        };
        if busy || self.browser.is_none() || self.rings() {
            let _ = offer.word.try_send(Word::Decline { agent: self.actor.user_id.clone() });
            return Ok(());
        }
        let mut tx = self.ground.db.begin().await?;
        let detail = json!({ "task": offer.found.as_ref().map(|found| found.task.as_str()) });
        self.audit(&mut tx, "inbound.offer", "inbound", &offer.call, "ok", detail).await?;
        tx.commit().await?;
        self.incoming = Some(offer);
        self.view();
        let frame = self.incoming_frame().await?;
        self.tell("incoming", frame);
        Ok(())
    }

    /// The `incoming` of the contract; null when nothing rings.
    pub(super) async fn incoming_frame(&self) -> Result<Value, DeskError> {
        let Some(offer) = &self.incoming else { return Ok(Value::Null) };
        let envelope = match &offer.found {
            Some(found) => self.sealed_while_it_rings(&offer.call, &found.task).await?,
            None => Value::Null,
        };
        Ok(json!({
            "call_id": offer.call,
            "phone_masked": offer.masked,
            "known": offer.found.is_some(),
            "until_at": rfc3339(offer.until_ms),
            "envelope": envelope,
        }))
    }

    /// What is sealed for a call that rings: no work order yet, and bound to the call.
    pub(super) async fn sealed_while_it_rings(&self, call: &str, task: &str) -> Result<Value, DeskError> {
        let shown = WorkOrder {
            id: call.to_owned(),
            task_id: task.to_owned(),
            session: self.actor.session.clone(),
            state: "offered".into(),
            expires_ms: self.ground.clock.now_ms() + 120_000,
        };
        self.sealed(&shown).await
    }

    /// It does not ring here any more.
    pub(super) async fn withdrawn(&mut self, reason: &str) -> Result<(), DeskError> {
        let Some(offer) = self.incoming.take() else { return Ok(()) };
        self.view();
        self.tell("incoming_gone", json!({ "call_id": offer.call, "reason": reason }));
        self.look_again().await
    }

    /// The agent leaves it to somebody else.
    pub(super) async fn decline(&mut self, call: &str) -> Result<(), DeskError> {
        let Some(offer) = self.incoming.take_if(|offer| offer.call == call) else { return Ok(()) };
        let _ = offer.word.try_send(Word::Decline { agent: self.actor.user_id.clone() });
        let mut tx = self.ground.db.begin().await?;
        self.audit(&mut tx, "inbound.decline", "inbound", call, "ok", json!({})).await?;
        tx.commit().await?;
        self.view();
        self.tell("incoming_gone", json!({ "call_id": call, "reason": "declined" }));
        self.look_again().await
    }

    /// A ready agent was offered nothing while it rang.
    pub(super) async fn look_again(&mut self) -> Result<(), DeskError> {
        if self.state == AgentState::Ready { self.next_task().await } else { Ok(()) }
    }

    /// Nobody sits here any more.
    pub(super) fn stop_ringing(&mut self) {
        if let Some(offer) = self.incoming.take() {
            let _ = offer.word.try_send(Word::Decline { agent: self.actor.user_id.clone() });
        }
        self.let_handed_go(TransferFault::Unreachable);
    }

    /// One key: the agent takes the call, with this offer of his browser.
    pub(super) async fn accept(&mut self, call: &str, sdp: String) -> Result<(), DeskError> {
        let Some(offer) = self.incoming.clone().filter(|offer| offer.call == call) else {
            self.tell("incoming_gone", json!({ "call_id": call, "reason": "taken" }));
            return Ok(());
        };
        if self.call.as_ref().is_some_and(LiveCall::is_live) {
            self.tell_error("call.another_live", "end the call on the line first");
            return Ok(());
        }
        let (reply, mut handed) = oneshot::channel();
        let word = Word::Take { agent: self.actor.user_id.clone(), offer: sdp, reply };
        let handover = if offer.word.try_send(word).is_err() {
            None
        } else if let Ok(handover) = timeout(RECEPTION, &mut handed).await {
            handover.ok()
        } else {
            // What came at the last moment is not dropped: the caller would be hung up.
            handed.close();
            handed.try_recv().ok()
        };
        let Some(handover) = handover else { return self.withdrawn("not_taken").await };
        self.take_call(&offer, handover).await
    }

    /// The caller listens already: whatever cannot be written, the call is this seat's, and its
    /// end will be written.
    async fn take_call(&mut self, offer: &Offer, handover: Handover) -> Result<(), DeskError> {
        let order = match self.enter_call(offer).await {
            Ok(order) => order,
            Err(error) => {
                tracing::error!(call = %offer.call, %error, "a caller's task could not be taken with his call");
                None
            }
        };
        self.incoming = None;
        let mut live = LiveCall::incoming(&handover.call, handover.recording_from);
        match (&order, &offer.found) {
            (Some((order, script)), Some(found)) => live.belongs(&order.id, &found.phone, script),
            (None, Some(found)) => {
                live.script = GENERAL.into();
                live.standing = self.standing(found).await;
            }
            _ => live.script = GENERAL.into(),
        }
        live.handle = Some(handover.handle);
        self.call = Some(live);
        self.events = Some(handover.events);
        let of_a_task = order.is_some();
        if let Some((order, _)) = order {
            self.order = Some(order);
        }
        self.go(AgentState::Calling);
        let envelope = if of_a_task { self.envelope().await.map(Some) } else { Ok(None) };
        if let Ok(Some(envelope)) = &envelope {
            self.tell("work_order", json!({ "envelope": envelope }));
        }
        self.tell("incoming_gone", json!({ "call_id": offer.call, "reason": "accepted" }));
        self.tell_call();
        self.tell("answer", json!({ "call_id": offer.call, "sdp": handover.answer }));
        envelope.map(drop)
    }

    /// What stands of a task that takes no call any more, such as one whose channel is agreed.
    async fn standing(&self, found: &Match) -> Option<Standing> {
        match tasks::find(&self.ground.db, &self.actor.court_id, &found.task).await {
            Ok(task) => Some(Standing { task_number: task.number, phase: task.phase, next_step: task.next_step }),
            Err(error) => {
                tracing::error!(task = %found.task, %error, "the task of a caller could not be read");
                None
            }
        }
    }

    /// Writes down who takes the call; with the work order of its task, where it has one.
    async fn enter_call(&mut self, offer: &Offer) -> Result<Option<(WorkOrder, &'static str)>, DeskError> {
        // He calls back about the call whose outcome is still to be saved: that one is owed.
        if let Some(ended) = self.call.as_ref().filter(|call| !call.is_live()).map(|call| call.id.clone()) {
            self.leave(&ended, Why::Asked).await?;
        }
        let task = offer.found.as_ref().map(|found| found.task.as_str());
        if self.order.as_ref().is_some_and(|order| Some(order.task_id.as_str()) != task) {
            self.give_back("incoming").await?;
        }
        let order = match &offer.found {
            Some(found) => self.take_for_task(offer, found).await?,
            None => None,
        };
        if order.is_none() {
            let mut tx = self.ground.db.begin().await?;
            inbound::take_stray(&mut tx, &self.ground.clock, &offer.call, &self.actor).await?;
            tx.commit().await?;
        }
        Ok(order)
    }

    async fn take_for_task(
        &self,
        offer: &Offer,
        found: &Match,
    ) -> Result<Option<(WorkOrder, &'static str)>, DeskError> {
        let task = tasks::find(&self.ground.db, &self.actor.court_id, &found.task).await?;
        let court_order = cases::order(&self.ground.db, &task.order_id).await?;
        let script = checklist::script_for(&court_order.order_kind).id;
        let kid = self.kid();
        let by = TakenBy { agent: &self.actor, kid: &kid, order: self.order.as_ref(), script };
        let mut tx = self.ground.db.begin().await?;
        let order = inbound::take_for_task(&mut tx, &self.ground.clock, &offer.call, found, &by).await?;
        // Not to be had: nothing of it is written down, and it is a call of nobody known.
        let Some(order) = order else { return Ok(None) };
        tx.commit().await?;
        Ok(Some((order, script)))
    }

    /// The party of the work order calls while it is being called: that call takes the place of
    /// ours. Gives it back when nobody is being called here.
    pub(super) fn called_back(
        &mut self,
        task: &str,
        came: Came,
        incoming: Box<IncomingCall>,
        reply: oneshot::Sender<Option<Box<IncomingCall>>>,
    ) {
        let here = self.order.as_ref().is_some_and(|order| order.task_id == task);
        let placing = self.call.as_mut().filter(|call| here && call.is_live() && call.answered_ms.is_none());
        let Some((call, handle)) = placing.and_then(|call| call.handle.clone().map(|handle| (call, handle))) else {
            let _ = reply.send(Some(incoming));
            return;
        };
        // Call control takes the first and no other.
        call.came.get_or_insert(came);
        handle.called_back(incoming, reply);
    }

    /// It is the party's own call from here on.
    pub(super) async fn was_called_back(&mut self, id: &str) -> Result<(), DeskError> {
        let Some(call) = &mut self.call else { return Ok(()) };
        // Whatever cannot be written: the leg that is kept next is his.
        call.direction = "in";
        call.phase = "answering";
        let (way, came) = (call.way, call.came.clone());
        let mut tx = self.ground.db.begin().await?;
        inbound::came_in(&mut tx, &self.ground.clock, id, came.as_ref()).await?;
        self.audit(&mut tx, "inbound.join", "call", id, "ok", json!({})).await?;
        tx.commit().await?;
        let gave_way = WayEnd { status: None, q850: None, cause: "the party called us", down: false };
        legs::failed(&self.ground.db, &self.ground.clock, id, way, &gave_way).await?;
        self.tell_notice("call.called_back", json!({}));
        Ok(())
    }

    /// The call at hand belongs to no task.
    pub(super) fn has_stray(&self) -> bool {
        self.call.as_ref().is_some_and(|call| call.stray.is_some())
    }

    /// The end of a call that is no task's: nothing is to be filled in, and it stands in the list.
    pub(super) async fn stray_ended(&mut self, end: &CallEnd) -> Result<(), DeskError> {
        let Some(call) = &mut self.call else { return Ok(()) };
        let Some(mut stray) = call.stray.clone() else { return Ok(()) };
        stray.answered_ms = call.answered_ms.or(stray.answered_ms);
        stray.talk_from_ms = call.talk_from_ms;
        let hours = hours::of(&self.ground.db, &stray.court_id).await?;
        inbound::write(&self.ground, &hours, &stray, end).await?;
        call.phase = "ended";
        call.recording = false;
        call.handle = None;
        let recorded = end.recording.is_some() && !end.recording_incomplete;
        call.end = Some(end_frame(ended_by(end), "", false, end.talk_ms, recorded));
        self.tell_call();
        self.call = None;
        if self.browser.is_none() {
            self.go(AgentState::Offline);
            return Ok(());
        }
        self.go(AgentState::Ready);
        self.next_task().await
    }
}
