//! A live call is handed to a colleague or to a desk phone, by our own bridge: the carrier's leg
//! stays as it is, and no REFER (RFC 3515) ever goes to the carrier.
//!
//! The seat that has the call leads: it asks, relays, and writes down. The colleague's side is
//! in [`handed`](super::handed). What call control tells decides; a seat only says what its
//! agent wants.

use std::time::Duration;

use serde_json::{Value, json};
use songda_calls::{CallEvent, CallHandle, TransferFault, TransferMode};
use songda_store::{clock::rfc3339, new_id};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};

use super::{
    Command,
    bell::{Bell, bell},
    handed::{HandedCall, TransferOffer},
    seat::{Seat, WRITE_AGAIN},
    targets::Target,
};
use crate::{
    DeskError,
    calls::transfers::{self, Done, NewTransfer, Taker, TargetKind},
    work_orders::WorkOrder,
};

/// It rings so long at a colleague's seat.
const RING: Duration = Duration::from_secs(20);
/// Why a transfer ends with its call.
pub(super) const HUNG_UP: &str = "hung_up";
/// And so long at a desk phone, where call control ends it.
const PHONE_RING: Duration = Duration::from_secs(25);
/// Another seat takes a command within this time.
const SEAT: Duration = Duration::from_secs(2);

/// How far a transfer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Ringing,
    /// Both agents speak, and the party waits.
    Consulting,
    /// All three talk.
    Joined,
    /// The party is over there, and the books do not say so yet.
    Done,
}

impl Phase {
    fn word(self) -> &'static str {
        match self {
            Self::Ringing => "ringing",
            Self::Consulting => "consulting",
            Self::Joined => "joined",
            Self::Done => "done",
        }
    }
}

/// A transfer of the call at hand.
#[derive(Debug)]
pub(super) struct Transfer {
    id: String,
    mode: TransferMode,
    kind: TargetKind,
    to: String,
    to_name: String,
    pub(super) phase: Phase,
    /// The colleague's seat.
    seat: Option<mpsc::Sender<Command>>,
    /// What rings there.
    bell: Option<Bell>,
    /// Who took it there.
    taker: Option<Taker>,
    /// Its agent took it back.
    cancelled: bool,
    /// When it has rung for long enough, or the books are tried again.
    due: Option<Instant>,
    until_ms: i64,
}

impl Transfer {
    /// The `transfer` of a `call` frame.
    pub(super) fn frame(&self) -> Value {
        json!({
            "mode": self.mode.as_str(),
            "kind": self.kind.word(),
            "to_name": self.to_name,
            "phase": self.phase.word(),
            "until_at": rfc3339(self.until_ms),
        })
    }

    /// The target talks, to the agent or to both.
    pub(super) fn is_there(&self) -> bool {
        matches!(self.phase, Phase::Consulting | Phase::Joined)
    }

    fn is_with(&self, agent: &str) -> bool {
        self.kind == TargetKind::Seat && self.to == agent
    }

    /// Tells the colleague's seat what it can do without: what ends it goes by the bell.
    pub(super) fn tell(&self, command: Command) {
        if let Some(seat) = &self.seat {
            let _ = seat.try_send(command);
        }
    }
}

impl Seat {
    /// The agent hands his call over.
    pub(super) async fn transfer(
        &mut self,
        call: &str,
        mode: TransferMode,
        kind: TargetKind,
        to: &str,
    ) -> Result<(), DeskError> {
        let talking = self
            .call
            .as_ref()
            .filter(|live| live.id == call && live.phase == "talking" && live.parting.is_none())
            .is_some_and(|live| live.is_live() && live.transfer.is_none());
        let Some(handle) = self.handle().filter(|_| talking).cloned() else {
            self.tell_error("transfer.not_now", "this call cannot be handed over now");
            return Ok(());
        };
        let target = match self.target(kind, to).await? {
            Ok(target) => target,
            Err((code, detail)) => {
                self.tell_error(code, detail);
                return Ok(());
            }
        };
        let id = new_id();
        let new = NewTransfer {
            id: &id,
            call,
            court: &self.actor.court_id,
            from: &self.actor.user_id,
            mode: mode.as_str(),
            kind,
            to,
            to_name: &target.name,
        };
        let mut tx = self.ground.db.begin().await?;
        transfers::begin(&mut tx, &self.ground.clock, &new).await?;
        let detail = json!({ "mode": new.mode, "kind": kind.word(), "to": to, "transfer": id });
        self.audit(&mut tx, "call.transfer", "call", call, "ok", detail).await?;
        tx.commit().await?;
        let Target { name, seat, to: rung } = target;
        let rings = if seat.is_some() { RING } else { PHONE_RING };
        if let Some(live) = &mut self.call {
            live.transfer = Some(Transfer {
                id,
                mode,
                kind,
                to: to.to_owned(),
                to_name: name,
                phase: Phase::Ringing,
                // How long a phone rings is call control's.
                due: seat.is_some().then(|| Instant::now() + RING),
                seat,
                bell: None,
                taker: None,
                cancelled: false,
                until_ms: self.ground.clock.now_ms() + rings.as_millis() as i64,
            });
        }
        handle.transfer(mode, rung);
        self.tell_call();
        Ok(())
    }

    fn transfer_of(&mut self, call: &str) -> Option<&mut Transfer> {
        self.call.as_mut().filter(|live| live.id == call)?.transfer.as_mut()
    }

    /// The colleague and the agent have spoken: he gets the party.
    pub(super) async fn complete_transfer(&mut self, call: &str) -> Result<(), DeskError> {
        let Some(id) = self.transfer_of(call).filter(|transfer| transfer.is_there()).map(|it| it.id.clone()) else {
            self.tell_error("transfer.not_now", "nobody was asked about this call");
            return Ok(());
        };
        self.with_call(CallHandle::complete_transfer);
        self.note_transfer("call.transfer_complete", call, &id).await
    }

    /// Whom the agent consults comes in to the party.
    pub(super) async fn join_transfer(&mut self, call: &str) -> Result<(), DeskError> {
        let consulting = |transfer: &&mut Transfer| transfer.phase == Phase::Consulting;
        let Some(id) = self.transfer_of(call).filter(consulting).map(|it| it.id.clone()) else {
            self.tell_error("transfer.not_now", "nobody was asked about this call");
            return Ok(());
        };
        self.with_call(CallHandle::join_all);
        self.note_transfer("call.three_way", call, &id).await
    }

    /// Back to the party.
    pub(super) async fn cancel_transfer(&mut self, call: &str) -> Result<(), DeskError> {
        let Some(transfer) = self.transfer_of(call) else { return Ok(()) };
        transfer.cancelled = true;
        let id = transfer.id.clone();
        self.with_call(CallHandle::cancel_transfer);
        self.note_transfer("call.transfer_cancel", call, &id).await
    }

    async fn note_transfer(&self, action: &str, call: &str, id: &str) -> Result<(), DeskError> {
        let mut tx = self.ground.db.begin().await?;
        self.audit(&mut tx, action, "call", call, "ok", json!({ "transfer": id })).await?;
        Ok(tx.commit().await?)
    }

    /// The colleague takes it, with this offer of his browser.
    pub(super) fn transfer_taken(&mut self, call: &str, taker: Taker, sdp: String) {
        let rings = |it: &&mut Transfer| it.phase == Phase::Ringing && it.is_with(&taker.agent.user_id);
        let Some(transfer) = self.transfer_of(call).filter(rings) else { return };
        transfer.taker = Some(taker);
        transfer.due = None;
        self.with_call(|handle| handle.transfer_taken(sdp));
    }

    /// The colleague does not take it, or lets it go.
    pub(super) fn transfer_refused(&mut self, call: &str, agent: &str, why: TransferFault) {
        if self.transfer_of(call).is_some_and(|transfer| transfer.is_with(agent)) {
            self.with_call(|handle| handle.transfer_refused(why));
        }
    }

    /// When the transfer needs the seat next.
    pub(super) fn transfer_due(&self) -> Option<Instant> {
        self.call.as_ref()?.transfer.as_ref()?.due
    }

    /// It rang long enough, or what is done is to be written down now.
    pub(super) async fn transfer_is_due(&mut self) {
        let Some(transfer) = self.call.as_mut().and_then(|call| call.transfer.as_mut()) else { return };
        transfer.due = None;
        if transfer.phase == Phase::Done {
            self.hand_over().await;
        } else {
            self.with_call(|handle| handle.transfer_refused(TransferFault::NoAnswer));
        }
    }

    /// What call control tells of a transfer; gives back what is nothing of it.
    pub(super) async fn transfer_event(&mut self, event: CallEvent) -> Result<Option<CallEvent>, DeskError> {
        match event {
            CallEvent::TransferRinging => self.offer_to_colleague().await,
            CallEvent::TransferAnswer { sdp } => {
                let call = self.call.as_ref();
                if let Some((id, transfer)) = call.and_then(|call| Some((call.id.clone(), call.transfer.as_ref()?))) {
                    transfer.tell(Command::TransferAnswer { call: id, sdp });
                }
            }
            CallEvent::TransferConsulting => self.consulting().await?,
            CallEvent::ThreeWay => self.three_way().await?,
            CallEvent::TransferFailed { why } => self.came_to_nothing(why).await?,
            CallEvent::Transferred { .. } => {
                if let Some(transfer) = self.call.as_mut().and_then(|call| call.transfer.as_mut()) {
                    transfer.phase = Phase::Done;
                    self.hand_over().await;
                }
            }
            event => return Ok(Some(event)),
        }
        Ok(None)
    }

    /// The party is on hold, and it rings at the colleague's seat.
    async fn offer_to_colleague(&mut self) {
        let Some(here) = self.house.chair(&self.actor.user_id).await else { return };
        let task = self.order.as_ref().map(|order| order.task_id.clone());
        let Some(call) = &mut self.call else { return };
        let Some(transfer) = call.transfer.as_mut().filter(|transfer| transfer.kind == TargetKind::Seat) else {
            return;
        };
        let (bell, ring) = bell();
        let offer = TransferOffer {
            call: call.id.clone(),
            from_name: self.actor.name.clone(),
            mode: transfer.mode,
            masked: call.masked.clone(),
            task: task.filter(|_| call.stray.is_none()),
            until_ms: transfer.until_ms,
            from: here,
            ring,
        };
        transfer.bell = Some(bell);
        let sent = transfer.seat.as_ref().map(|seat| seat.try_send(Command::TransferOffered(Box::new(offer))));
        if !matches!(sent, Some(Ok(()))) {
            self.with_call(|handle| handle.transfer_refused(TransferFault::Unreachable));
        }
    }

    async fn consulting(&mut self) -> Result<(), DeskError> {
        let Some(call) = &mut self.call else { return Ok(()) };
        let (id, Some(transfer)) = (call.id.clone(), &mut call.transfer) else { return Ok(()) };
        transfer.phase = Phase::Consulting;
        transfer.due = None;
        transfer.tell(Command::TransferConsulting { call: id.clone() });
        let transfer = transfer.id.clone();
        self.tell_third();
        self.tell_call();
        let mut tx = self.ground.db.begin().await?;
        transfers::consulting(&mut tx, &self.ground.clock, &transfer).await?;
        self.audit(&mut tx, "call.transfer_consult", "call", &id, "ok", json!({ "transfer": transfer })).await?;
        Ok(tx.commit().await?)
    }

    async fn three_way(&mut self) -> Result<(), DeskError> {
        let Some(call) = &mut self.call else { return Ok(()) };
        let (id, Some(transfer)) = (call.id.clone(), &mut call.transfer) else { return Ok(()) };
        transfer.phase = Phase::Joined;
        transfer.due = None;
        transfer.tell(Command::TransferJoined { call: id.clone() });
        let transfer = transfer.id.clone();
        self.tell_third();
        self.tell_call();
        let mut tx = self.ground.db.begin().await?;
        transfers::joined(&mut tx, &self.ground.clock, &transfer).await?;
        self.audit(&mut tx, "call.three_way_began", "call", &id, "ok", json!({ "transfer": transfer })).await?;
        Ok(tx.commit().await?)
    }

    /// The agent has the party again, unless the call is over with it.
    async fn came_to_nothing(&mut self, why: TransferFault) -> Result<(), DeskError> {
        let transfer = self.call.as_ref().and_then(|call| call.transfer.as_ref());
        // What nobody took back ends with its call.
        if why == TransferFault::Cancelled && transfer.is_some_and(|transfer| !transfer.cancelled) {
            return self.transfer_over(HUNG_UP).await;
        }
        let three = transfer.is_some_and(|transfer| transfer.phase == Phase::Joined);
        self.transfer_over(why.as_str()).await?;
        let about = if three { "three_way" } else { "transfer" };
        self.tell_notice(&format!("{about}.{}", why.as_str()), json!({}));
        self.tell_call();
        Ok(())
    }

    /// It came to nothing: the colleague is told, and the books say why.
    pub(super) async fn transfer_over(&mut self, reason: &'static str) -> Result<(), DeskError> {
        let Some(call) = &mut self.call else { return Ok(()) };
        let Some(transfer) = call.transfer.take() else { return Ok(()) };
        let id = call.id.clone();
        if let Some(bell) = transfer.bell {
            bell.stop(reason);
        }
        let mut tx = self.ground.db.begin().await?;
        let detail = json!({ "transfer": transfer.id, "why": reason });
        if transfer.phase == Phase::Joined {
            transfers::left(&mut tx, &self.ground.clock, &transfer.id, reason).await?;
            self.audit(&mut tx, "call.three_way_over", "call", &id, "ok", detail).await?;
        } else {
            transfers::failed(&mut tx, &self.ground.clock, &transfer.id, reason).await?;
            self.audit(&mut tx, "call.transfer_failed", "call", &id, "ok", detail).await?;
        }
        Ok(tx.commit().await?)
    }

    /// The party is over there: books and seat follow. What cannot be written now is tried
    /// again; until then the call stays here.
    async fn hand_over(&mut self) {
        match self.write_hand_over().await {
            Ok(order) => self.let_go(order).await,
            Err(error) => {
                tracing::error!(agent = %self.actor.user_id, %error, "a transfer could not be written down yet");
                if let Some(transfer) = self.call.as_mut().and_then(|call| call.transfer.as_mut()) {
                    transfer.due = Some(Instant::now() + WRITE_AGAIN);
                }
            }
        }
    }

    /// Answers the work order of whoever has the party.
    async fn write_hand_over(&self) -> Result<Option<WorkOrder>, DeskError> {
        let Some(call) = &self.call else { return Ok(None) };
        let Some(transfer) = &call.transfer else { return Ok(None) };
        let order = self.order.as_ref().filter(|_| call.stray.is_none());
        let done = Done {
            id: &transfer.id,
            call: &call.id,
            order,
            from: &self.actor,
            mode: transfer.mode.as_str(),
            to_name: &transfer.to_name,
            offset_ms: call.offset(),
        };
        let clock = &self.ground.clock;
        let mut tx = self.ground.db.begin().await?;
        let order = if let Some(taker) = &transfer.taker {
            transfers::to_colleague(&mut tx, clock, &done, taker).await?
        } else {
            transfers::to_phone(&mut tx, clock, &done).await?;
            order.cloned()
        };
        let detail = json!({ "transfer": transfer.id, "mode": done.mode, "kind": transfer.kind.word(),
                             "to": transfer.to, "offset_ms": done.offset_ms });
        self.audit(&mut tx, "call.transferred", "call", &call.id, "ok", detail).await?;
        tx.commit().await?;
        Ok(order)
    }

    /// The call leaves this seat, and its agent is free.
    async fn let_go(&mut self, order: Option<WorkOrder>) {
        let (Some(mut call), Some(events)) = (self.call.take(), self.events.take()) else { return };
        let Some(Transfer { seat, taker, bell, .. }) = call.transfer.take() else { return };
        let before =
            std::mem::replace(&mut call.work_order, order.as_ref().map(|it| it.id.clone()).unwrap_or_default());
        call.now_with_another();
        self.order = None;
        let handed = Box::new(HandedCall { call, events, order, bell });
        let left = match (seat, &taker) {
            (Some(seat), Some(_)) => match timeout(SEAT, seat.reserve()).await {
                Ok(Ok(place)) => {
                    place.send(Command::HandedOver(handed));
                    None
                }
                _ => Some(handed),
            },
            _ => Some(handed),
        };
        // A phone has no seat; and a colleague's that is gone takes nothing any more.
        if let Some(mut handed) = left {
            if let Some(bell) = handed.bell.take() {
                bell.stop("gone");
            }
            self.follow(handed, taker.map_or_else(|| self.actor.clone(), |taker| taker.agent));
        }
        self.tell_notice("transfer.done", json!({}));
        let freed = self.free_again(&before, "transferred").await;
        self.done(freed);
    }
}
