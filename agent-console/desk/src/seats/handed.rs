//! A colleague's call rings here, is talked over, and becomes this seat's own.

use serde_json::{Value, json};
use songda_calls::{CallEvent, TransferFault, TransferMode};
use songda_store::clock::rfc3339;
use tokio::sync::mpsc;

use super::{
    Command,
    bell::{Bell, Ring},
    call::LiveCall,
    seat::{AgentState, Seat},
};
use crate::{DeskError, calls::transfers::Taker, work_orders::WorkOrder};

/// A call that rings at a colleague's seat.
#[derive(Debug)]
pub struct TransferOffer {
    pub(super) call: String,
    pub(super) from_name: String,
    pub(super) mode: TransferMode,
    pub(super) masked: String,
    /// None for a call of no task.
    pub(super) task: Option<String>,
    pub(super) until_ms: i64,
    /// The seat that has the call.
    pub(super) from: mpsc::Sender<Command>,
    /// How long it rings, is taken over or talked over here.
    pub(super) ring: Ring,
}

/// A call in the hands of the seat that took it over.
#[derive(Debug)]
pub struct HandedCall {
    pub(super) call: LiveCall,
    pub(super) events: mpsc::Receiver<CallEvent>,
    pub(super) order: Option<WorkOrder>,
    /// What rang at the seat that has it now: it is not over before the call is there.
    pub(super) bell: Option<Bell>,
}

/// A colleague's call at this seat, as long as it is not its own.
pub(super) struct Handed {
    offer: TransferOffer,
    /// `ringing`, `joining`, `consulting` or `joined`.
    phase: &'static str,
    /// The agent here let it go, and whoever leads has not said so yet: the call may be on its way
    /// here at this moment.
    leaving: bool,
    /// Who supervises it, as far as the agent here may see it.
    supervision: Option<Value>,
}

impl Handed {
    fn of(&self, call: &str) -> bool {
        self.offer.call == call
    }

    pub(super) fn ring(&mut self) -> &mut Ring {
        &mut self.offer.ring
    }

    fn rings(&self) -> bool {
        self.phase == "ringing"
    }

    /// The agent here talks to the colleague, or to all.
    fn is_in(&self) -> bool {
        matches!(self.phase, "consulting" | "joined")
    }

    /// Who has the call sees by the time, or by the sound, where his inbox is full.
    fn refuse(&self, agent: &str, why: TransferFault) {
        let _ = self.offer.from.try_send(Command::TransferRefused {
            call: self.offer.call.clone(),
            agent: agent.to_owned(),
            why,
        });
    }
}

impl Seat {
    /// A colleague's call rings here, unless the agent is busy.
    pub(super) async fn transfer_offered(&mut self, offer: TransferOffer) -> Result<(), DeskError> {
        let handed = Handed { offer, phase: "ringing", leaving: false, supervision: None };
        let free = matches!(self.state, AgentState::Ready | AgentState::Reserved) && self.call.is_none();
        if !free || self.browser.is_none() || self.rings() {
            handed.refuse(&self.actor.user_id, TransferFault::Busy);
            return Ok(());
        }
        let mut tx = self.ground.db.begin().await?;
        let detail = json!({ "task": handed.offer.task });
        self.audit(&mut tx, "call.transfer_offer", "call", &handed.offer.call, "ok", detail).await?;
        tx.commit().await?;
        self.handed = Some(handed);
        self.view();
        self.tell_handed().await
    }

    /// Something rings or is being taken over here.
    pub(super) fn rings(&self) -> bool {
        self.incoming.is_some() || self.handed.is_some()
    }

    async fn tell_handed(&mut self) -> Result<(), DeskError> {
        let frame = self.handed_frame().await?;
        self.tell("transfer_offer", frame);
        Ok(())
    }

    /// The `transfer_offer` of the contract; null when there is none.
    pub(super) async fn handed_frame(&self) -> Result<Value, DeskError> {
        let Some(Handed { offer, phase, supervision, .. }) = &self.handed else { return Ok(Value::Null) };
        let envelope = match &offer.task {
            Some(task) => self.sealed_while_it_rings(&offer.call, task).await?,
            None => Value::Null,
        };
        Ok(json!({
            "call_id": offer.call,
            "phone_masked": offer.masked,
            "from_name": offer.from_name,
            "mode": offer.mode.as_str(),
            "phase": phase,
            "known": offer.task.is_some(),
            "until_at": rfc3339(offer.until_ms),
            "supervision": supervision,
            "envelope": envelope,
        }))
    }

    /// One key: the agent takes it, with this offer of his browser.
    pub(super) async fn transfer_accept(&mut self, call: &str, sdp: String) -> Result<(), DeskError> {
        let here = self.handed.as_ref().filter(|handed| handed.of(call));
        // The key was pressed twice: he takes it already.
        if here.is_some_and(|handed| !handed.rings()) {
            return Ok(());
        }
        if here.is_none() || self.call.is_some() {
            return self.transfer_withdrawn(call, "gone").await;
        }
        self.give_back("incoming").await?;
        let mut tx = self.ground.db.begin().await?;
        self.audit(&mut tx, "call.transfer_accept", "call", call, "ok", json!({})).await?;
        tx.commit().await?;
        self.go(AgentState::Calling);
        let taker = Box::new(Taker { agent: self.actor.clone(), kid: self.kid() });
        let Some(handed) = &mut self.handed else { return Ok(()) };
        handed.phase = "joining";
        let taken = Command::TransferTaken { call: call.to_owned(), taker, sdp };
        if handed.offer.from.try_send(taken).is_err() {
            return self.transfer_withdrawn(call, "gone").await;
        }
        self.tell_handed().await
    }

    /// The agent leaves it to the colleague, or lets him go on alone.
    pub(super) async fn transfer_decline(&mut self, call: &str) -> Result<(), DeskError> {
        let Some(handed) = self.handed.as_mut().filter(|handed| handed.of(call)) else { return Ok(()) };
        let is_in = handed.is_in();
        handed.leaving = is_in;
        let refused = Command::TransferRefused {
            call: call.to_owned(),
            agent: self.actor.user_id.clone(),
            why: TransferFault::Declined,
        };
        // Whoever leads says when it is over here; a full inbox only makes that later.
        let leader = handed.offer.from.clone();
        self.house.tasks.spawn(async move {
            let _ = leader.send(refused).await;
        });
        let mut tx = self.ground.db.begin().await?;
        self.audit(&mut tx, "call.transfer_decline", "call", call, "ok", json!({})).await?;
        tx.commit().await?;
        // Who is in the call goes by the word of whoever leads: he may be leaving it, too.
        if is_in { Ok(()) } else { self.transfer_withdrawn(call, "declined").await }
    }

    /// Nothing of it rings or is talked over here any more.
    pub(super) async fn transfer_withdrawn(&mut self, call: &str, reason: &str) -> Result<(), DeskError> {
        self.tell("transfer_gone", json!({ "call_id": call, "reason": reason }));
        if self.handed.take_if(|handed| handed.of(call)).is_none() {
            return Ok(());
        }
        if self.state == AgentState::Calling && self.call.is_none() {
            self.go(AgentState::Ready);
        }
        self.view();
        self.look_again().await
    }

    /// Whoever leads says so, or is gone.
    pub(super) async fn handed_is_over(&mut self, reason: &str) -> Result<(), DeskError> {
        let Some(call) = self.handed.as_ref().map(|handed| handed.offer.call.clone()) else { return Ok(()) };
        self.transfer_withdrawn(&call, reason).await
    }

    /// Our answer to the browser that takes the call.
    pub(super) fn transfer_answered(&mut self, call: &str, sdp: &str) {
        if self.handed.as_ref().is_some_and(|handed| handed.of(call)) {
            self.tell("answer", json!({ "call_id": call, "sdp": sdp }));
        }
    }

    /// The colleague is heard here.
    pub(super) async fn transfer_consulting(&mut self, call: &str) -> Result<(), DeskError> {
        let Some(handed) = self.handed.as_mut().filter(|handed| handed.of(call)) else { return Ok(()) };
        handed.phase = "consulting";
        self.tell_handed().await
    }

    /// The party is heard here, and hears this agent.
    pub(super) async fn transfer_joined(&mut self, call: &str) -> Result<(), DeskError> {
        let Some(handed) = self.handed.as_mut().filter(|handed| handed.of(call)) else { return Ok(()) };
        handed.phase = "joined";
        self.tell_handed().await
    }

    /// Somebody supervises the call, or nobody does any more.
    pub(super) async fn transfer_supervised(&mut self, call: &str, shown: Option<Value>) -> Result<(), DeskError> {
        let Some(handed) = self.handed.as_mut().filter(|handed| handed.of(call)) else { return Ok(()) };
        if handed.supervision == shown {
            return Ok(());
        }
        handed.supervision = shown;
        self.tell_handed().await
    }

    /// Nobody sits here any more, or another page does, which has no sound of it.
    pub(super) fn let_handed_go(&mut self, why: TransferFault) {
        if let Some(handed) = self.handed.take() {
            handed.refuse(&self.actor.user_id, if handed.rings() { why } else { TransferFault::Lost });
        }
    }

    /// Another page of the agent goes on where the one before was: what rings, rings there.
    pub(super) fn handed_meets_page(&mut self) {
        if self.handed.as_ref().is_some_and(|handed| !handed.rings()) {
            self.let_handed_go(TransferFault::Lost);
        }
    }

    /// The party is this agent's, with work order, ticks and draft.
    pub(super) async fn handed_over(&mut self, handed: HandedCall) -> Result<(), DeskError> {
        if self.call.is_some() {
            // He went, and has another call by now: nobody is with this party.
            if let Some(handle) = &handed.call.handle {
                handle.forsaken();
            }
            self.follow(Box::new(handed), self.actor.clone());
            return Ok(());
        }
        let HandedCall { call, events, order, bell } = handed;
        let left = self.handed.take().is_some_and(|handed| handed.leaving);
        drop(bell);
        let id = call.id.clone();
        self.call = Some(call);
        self.events = Some(events);
        self.order = order;
        self.go(AgentState::Calling);
        if left {
            // Both went at the same moment, and nobody is with the party.
            self.with_call(songda_calls::CallHandle::forsaken);
        } else if self.browser.is_none() {
            // He went at the very moment: the party waits for him as for anybody.
            self.lose_sound();
        }
        self.refresh_draft().await?;
        if self.order.is_some() {
            let envelope = self.envelope().await?;
            self.tell("work_order", json!({ "envelope": envelope }));
        }
        self.tell("transfer_gone", json!({ "call_id": id, "reason": "accepted" }));
        self.tell_call();
        Ok(())
    }
}
