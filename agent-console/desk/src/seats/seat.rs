//! The actor of one seat.

use std::time::Duration;

use serde_json::{Value, json};
use songda_calls::{CallEnd, CallEvent};
use songda_people::Actor;
use songda_service::{tasks, timeline::By};
use songda_store::{audit, clock::rfc3339};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    Command, SeatView,
    call::{LiveCall, end_frame},
    frames::Line,
};
use crate::{
    DeskError, Ground, calls,
    work_orders::{self, Binding, WorkOrder},
};

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

/// A call whose agent has no line any more is hung up after this time. Its sound alone may
/// live on, but nobody could end it.
const ALONE: Duration = Duration::from_mins(1);
/// The end of a call that could not be written down is tried again this often.
const WRITE_AGAIN: Duration = Duration::from_secs(1);

pub(super) struct Browser {
    number: u64,
    line: Line,
    kid: String,
    public_key: Vec<u8>,
}

/// One agent's seat.
pub(super) struct Seat {
    pub(super) ground: Ground,
    pub(super) actor: Actor,
    pub(super) court_name: String,
    show: watch::Sender<SeatView>,
    pub(super) state: AgentState,
    since_ms: i64,
    pub(super) browser: Option<Browser>,
    pub(super) order: Option<WorkOrder>,
    pub(super) call: Option<LiveCall>,
    pub(super) events: Option<mpsc::Receiver<CallEvent>>,
    /// The end of the call, as long as it could not be written down.
    pub(super) unwritten: Option<Box<CallEnd>>,
    alone_until: Option<Instant>,
}

impl Seat {
    pub(super) fn new(ground: Ground, actor: Actor, court_name: String, show: watch::Sender<SeatView>) -> Self {
        let since_ms = ground.clock.now_ms();
        Self {
            ground,
            actor,
            court_name,
            show,
            state: AgentState::Offline,
            since_ms,
            browser: None,
            order: None,
            call: None,
            events: None,
            unwritten: None,
            alone_until: None,
        }
    }

    pub(super) async fn run(mut self, mut inbox: mpsc::Receiver<Command>, cancel: CancellationToken) {
        loop {
            tokio::select! {
                () = cancel.cancelled() => break,
                command = inbox.recv() => match command {
                    Some(command) => self.command(command).await,
                    None => break,
                },
                event = next_event(&mut self.events) => self.event(event).await,
                () = after(self.unwritten.as_ref().map(|_| WRITE_AGAIN)) => self.write_end().await,
                () = until(self.alone_until) => {
                    self.alone_until = None;
                    self.hang_up();
                }
            }
        }
        // The house closes: the line is given up, and its end is still written down.
        self.hang_up();
        while self.events.is_some() {
            let event = next_event(&mut self.events).await;
            self.event(event).await;
        }
    }

    /// Hangs up what is on the line, if anything is.
    fn hang_up(&self) {
        if let Some(handle) = self.call.as_ref().and_then(|call| call.handle.as_ref()) {
            handle.hang_up();
        }
    }

    async fn command(&mut self, command: Command) {
        let done = match command {
            Command::Attach { number, actor, kid, public_key, sink } => {
                let browser = Browser { number, line: Line::new(sink), kid, public_key };
                self.attach(*actor, browser).await
            }
            Command::Detach { number } => {
                // An old line that ends after another took over detaches nobody.
                if self.browser.as_ref().is_some_and(|browser| browser.number == number) {
                    self.detach();
                }
                Ok(())
            }
            Command::SignedOut { session } => {
                if self.actor.session == session {
                    self.tell("bye", json!({ "reason": "logged_out" }));
                    self.detach();
                    self.hang_up();
                }
                Ok(())
            }
            Command::Expired { work_order } => {
                self.expired(&work_order);
                Ok(())
            }
            Command::Ready => self.ready().await,
            Command::Pause => self.pause().await,
            Command::Opened { work_order } => self.opened(&work_order).await,
            Command::Dial { work_order, phone_id, sdp } => self.dial(&work_order, &phone_id, sdp).await,
            Command::HangUp => {
                self.hang_up();
                Ok(())
            }
            Command::Mute { on } => {
                if let Some(handle) = self.call.as_ref().and_then(|call| call.handle.clone()) {
                    handle.mute(on);
                }
                Ok(())
            }
            Command::OutcomeSaved { call } => self.outcome_saved(&call).await,
            Command::QueueChanged => {
                if self.state == AgentState::Ready {
                    self.ready().await
                } else {
                    Ok(())
                }
            }
        };
        if let Err(error) = done {
            tracing::error!(agent = %self.actor.user_id, %error, "a seat could not do what it was asked");
            self.tell_error("desk.failed", &error.to_string());
        }
    }

    /// The browser is gone. A live call goes on without it for a while.
    fn detach(&mut self) {
        self.browser = None;
        if self.call.as_ref().is_some_and(|call| call.end.is_none()) {
            self.alone_until = Some(Instant::now() + ALONE);
        }
        if matches!(self.state, AgentState::Ready | AgentState::Paused | AgentState::Reserved) {
            self.go(AgentState::Offline);
        }
    }

    /// The house gave this work order back to the queue: it is nobody's here any more.
    fn expired(&mut self, work_order: &str) {
        if self.call.is_some() || self.order.as_ref().is_none_or(|order| order.id != work_order) {
            return;
        }
        self.order = None;
        self.tell("work_order_closed", json!({ "work_order": work_order, "reason": "expired" }));
        self.go(if self.browser.is_some() { AgentState::Paused } else { AgentState::Offline });
    }

    async fn attach(&mut self, actor: Actor, browser: Browser) -> Result<(), DeskError> {
        if let Some(old) = &mut self.browser {
            old.line.send(self.ground.clock.now_ms(), "bye", json!({ "reason": "replaced" }));
        }
        self.actor = actor;
        self.browser = Some(browser);
        self.alone_until = None;
        // What the database says counts: the house may have given an order back meanwhile.
        self.order = work_orders::active(&self.ground.db, &self.actor.user_id).await?;
        if let Some(mut order) = self.order.take() {
            let kid = self.kid();
            let renewed =
                work_orders::renew(&self.ground.db, &self.ground.clock, &self.actor, &kid, &mut order).await?;
            if renewed {
                if self.call.is_none() {
                    self.call = self.unsaved(&order).await?;
                }
                self.order = Some(order);
            }
        }
        let state = match (&self.call, &self.order) {
            (Some(call), _) if call.end.is_none() => AgentState::Calling,
            (Some(_), _) => AgentState::WrapUp,
            (None, Some(_)) => AgentState::Reserved,
            (None, None) => AgentState::Paused,
        };
        self.go(state);
        self.snapshot().await
    }

    /// A call that ended and still waits for its outcome, after a restart or a reload.
    async fn unsaved(&self, order: &WorkOrder) -> Result<Option<LiveCall>, DeskError> {
        let row = calls::unsaved_of_agent(&self.ground.db, &self.actor.user_id, &order.id).await?;
        let Some(row) = row else { return Ok(None) };
        let recorded = calls::recording(&self.ground.db, &row.id).await?.is_some();
        Ok(Some(LiveCall {
            id: row.id,
            work_order: row.work_order_id,
            phone_id: row.phone_id,
            masked: row.phone_masked,
            phase: "ended",
            created_ms: row.created_ms,
            answered_ms: row.answered_ms,
            talk_from_ms: row.talk_from_ms,
            muted: false,
            recording: false,
            end: Some(end_frame(&row.ended_by, &row.technical_code, true, row.talk_ms, recorded)),
            handle: None,
        }))
    }

    async fn ready(&mut self) -> Result<(), DeskError> {
        if self.browser.is_none() || self.order.is_some() || self.call.is_some() {
            return Ok(());
        }
        let kid = self.kid();
        let offered = work_orders::offer(&self.ground.db, &self.ground.clock, &self.actor, &kid).await?;
        if let Some(order) = offered {
            self.order = Some(order);
            self.go(AgentState::Reserved);
            let envelope = self.envelope().await?;
            self.tell("work_order", json!({ "envelope": envelope }));
        } else {
            if self.state != AgentState::Ready {
                self.go(AgentState::Ready);
            }
            self.tell_queue().await?;
        }
        Ok(())
    }

    async fn pause(&mut self) -> Result<(), DeskError> {
        if self.call.is_some() {
            return Ok(());
        }
        self.give_back("paused").await?;
        self.go(AgentState::Paused);
        Ok(())
    }

    pub(super) async fn give_back(&mut self, reason: &str) -> Result<(), DeskError> {
        if let Some(order) = self.order.take() {
            let mut tx = self.ground.db.begin().await?;
            let by = By { actor: &self.actor.user_id, name: &self.actor.name };
            work_orders::close(&mut tx, &self.ground.clock, &order.id, &order.task_id, &by, true).await?;
            self.audit(&mut tx, "work_order.give_back", "work_order", &order.id, "ok", json!({})).await?;
            tx.commit().await?;
            self.tell("work_order_closed", json!({ "work_order": order.id, "reason": reason }));
        }
        Ok(())
    }

    async fn opened(&mut self, id: &str) -> Result<(), DeskError> {
        let mine = self.order.as_ref().is_some_and(|order| order.id == id);
        if mine && work_orders::opened(&self.ground.db, &self.ground.clock, &self.actor, id).await? {
            if let Some(order) = &mut self.order {
                order.state = "opened".into();
            }
        } else {
            self.tell_error("work_order.foreign", "this work order is not yours to open");
        }
        Ok(())
    }

    async fn outcome_saved(&mut self, call: &str) -> Result<(), DeskError> {
        if self.call.as_ref().is_none_or(|live| live.id != call) {
            return Ok(());
        }
        self.call = None;
        if let Some(order) = self.order.take() {
            self.tell("work_order_closed", json!({ "work_order": order.id, "reason": "saved" }));
        }
        self.tell_today().await?;
        if self.browser.is_some() {
            self.go(AgentState::Ready);
            self.ready().await
        } else {
            self.go(AgentState::Offline);
            Ok(())
        }
    }

    async fn envelope(&self) -> Result<Value, DeskError> {
        let (Some(order), Some(browser)) = (&self.order, &self.browser) else { return Ok(Value::Null) };
        let plain = work_orders::content(&self.ground.db, &self.actor, &self.court_name, order).await?;
        let binding = Binding {
            agent: &self.actor.user_id,
            exp: order.expires_ms / 1000,
            iat: self.ground.clock.now_ms() / 1000,
            sid: &self.actor.session_tag(),
            v: 1,
            wo: &order.id,
        };
        let envelope = work_orders::seal(&browser.kid, &browser.public_key, &binding, plain.to_string().as_bytes())?;
        Ok(json!(envelope))
    }

    async fn snapshot(&mut self) -> Result<(), DeskError> {
        let envelope = self.envelope().await?;
        let queue = tasks::queue(&self.ground.db, &self.ground.clock, &self.actor.court_id).await?;
        let (answered, closed) = self.today().await?;
        let body = json!({
            "agent": { "state": self.state.word(), "since_at": rfc3339(self.since_ms) },
            "work_order": envelope,
            "call": self.call.as_ref().map(LiveCall::frame),
            "today": { "answered": answered, "closed": closed },
            "queue": { "ready": queue.ready, "later": queue.later, "next_at": queue.next_ms.map(rfc3339) },
        });
        self.tell("snapshot", body);
        Ok(())
    }

    async fn today(&self) -> Result<(i64, i64), DeskError> {
        crate::outcomes::today(&self.ground.db, &self.actor.user_id, self.ground.clock.now_ms()).await
    }

    pub(super) async fn tell_today(&mut self) -> Result<(), DeskError> {
        let (answered, closed) = self.today().await?;
        self.tell("today", json!({ "answered": answered, "closed": closed }));
        Ok(())
    }

    async fn tell_queue(&mut self) -> Result<(), DeskError> {
        let queue = tasks::queue(&self.ground.db, &self.ground.clock, &self.actor.court_id).await?;
        self.tell(
            "queue",
            json!({ "ready": queue.ready, "later": queue.later, "next_at": queue.next_ms.map(rfc3339) }),
        );
        Ok(())
    }

    pub(super) fn tell_call(&mut self) {
        if let Some(frame) = self.call.as_ref().map(LiveCall::frame) {
            self.tell("call", frame);
        }
    }

    pub(super) fn tell_error(&mut self, code: &str, detail: &str) {
        let call = self.call.as_ref().map(|call| call.id.clone());
        self.tell("error", json!({ "code": code, "detail": detail, "call_id": call }));
    }

    pub(super) fn tell(&mut self, kind: &str, body: Value) {
        let now = self.ground.clock.now_ms();
        if let Some(browser) = &mut self.browser
            && !browser.line.send(now, kind, body)
        {
            self.browser = None;
        }
    }

    pub(super) fn go(&mut self, state: AgentState) {
        self.state = state;
        self.since_ms = self.ground.clock.now_ms();
        let since_ms = self.since_ms;
        self.show.send_modify(|view| {
            view.state = state;
            view.since_ms = since_ms;
        });
        self.tell("agent", json!({ "state": state.word(), "since_at": rfc3339(since_ms) }));
    }

    fn kid(&self) -> String {
        self.browser.as_ref().map(|browser| browser.kid.clone()).unwrap_or_default()
    }

    pub(super) async fn audit(
        &self,
        tx: &mut songda_store::Tx,
        action: &str,
        kind: &str,
        object: &str,
        result: &str,
        detail: Value,
    ) -> Result<(), DeskError> {
        audit::append(
            tx,
            &self.ground.clock,
            audit::Entry {
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
            },
        )
        .await?;
        Ok(())
    }
}

async fn after(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// The next event of a live call; never ready without one.
async fn next_event(events: &mut Option<mpsc::Receiver<CallEvent>>) -> Option<CallEvent> {
    match events {
        Some(receiver) => receiver.recv().await,
        None => std::future::pending().await,
    }
}
