//! The actor of one seat: what it holds, and where each command goes.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use songda_calls::{CallEnd, CallEvent, CallHandle};
use songda_people::{Actor, courts::Court};
use songda_store::{Tx, audit};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{Command, SeatView, bell::over, call::LiveCall, handed::Handed, presence::Browser, targets::House};
use crate::{DeskError, Ground, inbound::Offer, work_orders::WorkOrder};

/// What an agent is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentState {
    /// No browser.
    Offline,
    /// Waits for a task.
    Ready,
    /// Has a work order.
    Reserved,
    /// Has a live call.
    Calling,
    /// Owes the outcome of a call.
    WrapUp,
    /// On a break.
    Paused,
}

impl AgentState {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Ready => "ready",
            Self::Reserved => "reserved",
            Self::Calling => "calling",
            Self::WrapUp => "wrap_up",
            Self::Paused => "paused",
        }
    }
}

/// The end of a call that could not be written down is tried again after this time.
pub(super) const WRITE_AGAIN: Duration = Duration::from_secs(5);

/// The end of a call that is not in the books yet.
pub(super) struct Unwritten {
    /// Its call: no other one ends by it.
    pub(super) call: String,
    pub(super) end: Box<CallEnd>,
    /// When it is tried again.
    pub(super) again_at: Instant,
}

impl Unwritten {
    pub(super) fn new(call: String, end: Box<CallEnd>) -> Self {
        Self { call, end, again_at: Instant::now() + WRITE_AGAIN }
    }
}

/// The seat.
pub(super) struct Seat {
    pub(super) ground: Ground,
    pub(super) actor: Actor,
    pub(super) court: Court,
    pub(super) show: watch::Sender<SeatView>,
    /// Counts what changes at any seat.
    pub(super) changes: Arc<watch::Sender<u64>>,
    pub(super) house: House,
    /// A call that rings here.
    pub(super) incoming: Option<Offer>,
    /// A colleague's call that rings or is talked over here.
    pub(super) handed: Option<Handed>,
    /// It is no agent's place: it follows a call that a desk phone has.
    pub(super) follows: bool,
    pub(super) state: AgentState,
    pub(super) since_ms: i64,
    pub(super) browser: Option<Browser>,
    /// Browsers that were told that another one is at work.
    pub(super) waiting: Vec<Browser>,
    /// The tab whose line was lost, and not closed: its sound may still flow.
    pub(super) lost_tab: Option<String>,
    /// Since when no browser is there, unix milliseconds.
    pub(super) alone_since_ms: Option<i64>,
    pub(super) order: Option<WorkOrder>,
    pub(super) call: Option<LiveCall>,
    pub(super) events: Option<mpsc::Receiver<CallEvent>>,
    /// The end of the call, as long as it could not be written down.
    pub(super) unwritten: Option<Unwritten>,
    /// Legs that have ended for us, and whose carrier has not answered yet.
    pub(super) leaving: JoinSet<()>,
}

impl Seat {
    pub(super) fn new(
        ground: Ground,
        actor: Actor,
        court: Court,
        show: watch::Sender<SeatView>,
        changes: Arc<watch::Sender<u64>>,
        house: House,
    ) -> Self {
        let since_ms = ground.clock.now_ms();
        Self {
            ground,
            actor,
            court,
            show,
            changes,
            house,
            incoming: None,
            handed: None,
            follows: false,
            state: AgentState::Offline,
            since_ms,
            browser: None,
            waiting: Vec::new(),
            lost_tab: None,
            alone_since_ms: None,
            order: None,
            call: None,
            events: None,
            unwritten: None,
            leaving: JoinSet::new(),
        }
    }

    pub(super) async fn run(mut self, mut inbox: mpsc::Receiver<Command>, cancel: CancellationToken) {
        let closing = self.house.closing.clone();
        let mut told = false;
        loop {
            let write_again = self.unwritten.as_ref().map(|unwritten| unwritten.again_at);
            let transfer_due = self.transfer_due();
            let (wrap_up_left, held) = (self.wrap_up_left(), self.order_held_for());
            tokio::select! {
                () = cancel.cancelled() => break,
                () = closing.cancelled(), if !told => {
                    told = true;
                    self.tell("closing", json!({}));
                }
                command = inbox.recv() => match command {
                    Some(command) => self.command(command).await,
                    None => break,
                },
                event = next_event(&mut self.events) => self.event(event).await,
                reason = over(self.incoming.as_mut().map(|offer| &mut offer.ring)) => {
                    let done = self.withdrawn(reason.unwrap_or("hung_up")).await;
                    self.done(done);
                }
                reason = over(self.handed.as_mut().map(Handed::ring)) => {
                    let done = self.handed_is_over(reason.unwrap_or("gone")).await;
                    self.done(done);
                }
                Ok(()) = self.house.queue.changed() => {
                    if self.state == AgentState::Ready {
                        let done = self.ready().await;
                        self.done(done);
                    }
                }
                () = until(write_again) => self.write_end().await,
                () = until(transfer_due) => self.transfer_is_due().await,
                () = after(wrap_up_left) => {
                    let done = self.time_is_up().await;
                    self.done(done);
                }
                () = after(held) => {
                    let done = self.give_up_order().await;
                    self.done(done);
                }
            }
        }
        // What a colleague handed over at this moment is this seat's to end.
        inbox.close();
        while let Some(command) = inbox.recv().await {
            if let Command::HandedOver(handed) = command {
                let done = self.handed_over(*handed).await;
                self.done(done);
            }
        }
        // The house closes: the line is given up, and its end is still written down.
        self.with_call(CallHandle::close);
        while self.events.is_some() {
            let event = next_event(&mut self.events).await;
            self.event(event).await;
        }
    }

    /// Hangs up what is on the line, if anything is.
    pub(super) fn hang_up(&self) {
        if let Some(handle) = self.handle() {
            handle.hang_up();
        }
    }

    async fn command(&mut self, command: Command) {
        let done = match command {
            Command::Attach { number, actor, kid, public_key, sink, tab, take_over, sound } => {
                let browser = Browser::new(number, *actor, sink, kid, public_key, tab, sound);
                self.attach(browser, take_over).await
            }
            Command::TakeOver { number } => self.take_over(number).await,
            Command::Ready => self.ready().await,
            Command::Pause => self.pause().await,
            Command::Opened { work_order } => self.opened(&work_order).await,
            Command::Dial { work_order, phone_id, sdp, language } => {
                self.dial(&work_order, &phone_id, sdp, language).await
            }
            Command::Resume { call, sdp } => self.resume(&call, sdp).await,
            Command::EndPolitely { reason } => self.end_politely(&reason).await,
            Command::Tick { step, on, call } => self.tick(&step, on, call).await,
            Command::Judge { call, confirmed } => self.judge_line(&call, confirmed).await,
            Command::Heard { call } => self.line_was_read(&call).await,
            Command::Samples { call, items } => self.samples(&call, &items).await,
            Command::Later { call } => self.later(&call).await,
            Command::Extend { call } => self.extend(&call).await,
            Command::OutcomeSaved { call } => self.outcome_saved(&call).await,
            Command::LeftForLater { call } => self.left_for_later(&call).await,
            Command::Incoming(offer) => self.incoming(*offer).await,
            Command::Accept { call, sdp } => self.accept(&call, sdp).await,
            Command::Decline { call } => self.decline(&call).await,
            Command::Transfer { call, mode, kind, to } => self.transfer(&call, mode, kind, &to).await,
            Command::TransferComplete { call } => self.complete_transfer(&call).await,
            Command::TransferJoin { call } => self.join_transfer(&call).await,
            Command::TransferCancel { call } => self.cancel_transfer(&call).await,
            Command::TransferAccept { call, sdp } => self.transfer_accept(&call, sdp).await,
            Command::TransferDecline { call } => self.transfer_decline(&call).await,
            Command::TransferOffered(offer) => self.transfer_offered(*offer).await,
            Command::TransferConsulting { call } => self.transfer_consulting(&call).await,
            Command::TransferJoined { call } => self.transfer_joined(&call).await,
            Command::TransferSupervised { call, shown } => self.transfer_supervised(&call, shown).await,
            Command::HandedOver(handed) => self.handed_over(*handed).await,
            command => {
                self.at_once(command);
                Ok(())
            }
        };
        self.done(done);
    }

    /// What needs no database.
    fn at_once(&mut self, command: Command) {
        match command {
            Command::Detach { number, left } => self.detach(number, left),
            Command::SessionExpired { number } => self.session_expired(number),
            Command::SignedOut { session } => self.signed_out(&session),
            Command::Expired { work_order } => self.expired(&work_order),
            Command::CalledBack { task, came, incoming, reply } => self.called_back(&task, came, incoming, reply),
            Command::TransferAnswer { call, sdp } => self.transfer_answered(&call, &sdp),
            Command::TransferTaken { call, taker, sdp } => self.transfer_taken(&call, *taker, sdp),
            Command::TransferRefused { call, agent, why } => self.transfer_refused(&call, &agent, why),
            Command::Supervise { call, reply } => self.supervise(&call, reply),
            Command::HangUp => self.hang_up(),
            Command::Mute { on } => self.with_call(|handle| handle.mute(on)),
            Command::Hold { on } => self.with_call(|handle| handle.hold(on)),
            Command::Keypad { digits } => self.keypad(digits),
            _ => {}
        }
    }

    /// What could not be done is told, and written into the log.
    pub(super) fn done(&mut self, done: Result<(), DeskError>) {
        if let Err(error) = done {
            tracing::error!(agent = %self.actor.user_id, %error, "a seat could not do what it was asked");
            self.tell_error("desk.failed", "the server could not do this; it was written down");
        }
    }

    pub(super) async fn audit(
        &self,
        tx: &mut Tx,
        action: &str,
        kind: &str,
        object: &str,
        result: &str,
        detail: serde_json::Value,
    ) -> Result<(), DeskError> {
        let entry = audit::Entry {
            court: &self.actor.court_id,
            actor: &self.actor.user_id,
            actor_role: self.actor.role.code(),
            action,
            object_kind: kind,
            object_id: object,
            case_id: None,
            ip: &self.actor.ip,
            result,
            detail,
        };
        audit::append(tx, &self.ground.clock, entry).await?;
        Ok(())
    }
}

pub(super) async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

pub(super) async fn after(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

/// The next event of a live call; never ready without one.
pub(super) async fn next_event(events: &mut Option<mpsc::Receiver<CallEvent>>) -> Option<CallEvent> {
    match events {
        Some(receiver) => receiver.recv().await,
        None => std::future::pending().await,
    }
}
