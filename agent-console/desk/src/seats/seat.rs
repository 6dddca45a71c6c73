//! The actor of one seat.

use serde_json::{Value, json};
use songda_calls::{CallEvent, Dial, DialError};
use songda_people::Actor;
use songda_service::{cases, outcomes, tasks, timeline::By};
use songda_store::{audit, clock::rfc3339, masked, new_id};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{
    Command, SeatView,
    call::{LiveCall, end_frame, ended_by, fault_words, line_facts},
    frames::Line,
};
use crate::{
    DeskError, Ground,
    calls::{self, Ending, NewCall},
    telephony, transcripts,
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

/// A number that was opened to be dialled.
struct Callee {
    number: songda_calls::Number,
    demo: bool,
}

impl Callee {
    /// Invented, and known to songda-sim only (X5).
    fn is_demo(&self) -> bool {
        self.demo
    }
}

struct Browser {
    line: Line,
    kid: String,
    public_key: Vec<u8>,
}

/// One agent's seat.
pub(super) struct Seat {
    ground: Ground,
    actor: Actor,
    court_name: String,
    show: watch::Sender<SeatView>,
    state: AgentState,
    since_ms: i64,
    browser: Option<Browser>,
    order: Option<WorkOrder>,
    call: Option<LiveCall>,
    events: Option<mpsc::Receiver<CallEvent>>,
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
            }
        }
        // The house closes: the line is given up, and its end is still written down.
        if let Some(handle) = self.call.as_ref().and_then(|call| call.handle.clone()) {
            handle.hang_up();
            while self.events.is_some() {
                let event = next_event(&mut self.events).await;
                self.event(event).await;
            }
        }
    }

    async fn command(&mut self, command: Command) {
        let done = match command {
            Command::Attach { actor, kid, public_key, sink } => self.attach(*actor, kid, public_key, sink).await,
            Command::Detach { session } => {
                self.detach(&session);
                Ok(())
            }
            Command::SignedOut { session } => {
                if self.actor.session == session {
                    self.tell("bye", json!({ "reason": "logged_out" }));
                }
                self.detach(&session);
                Ok(())
            }
            Command::Ready => self.ready().await,
            Command::Pause => self.pause().await,
            Command::Opened { work_order } => self.opened(&work_order).await,
            Command::Dial { work_order, phone_id, sdp } => self.dial(&work_order, &phone_id, sdp).await,
            Command::HangUp => {
                if let Some(handle) = self.call.as_ref().and_then(|call| call.handle.clone()) {
                    handle.hang_up();
                }
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

    /// A browser is gone. A live call goes on without it; call control ends it in time.
    fn detach(&mut self, session: &str) {
        if self.actor.session != session {
            return;
        }
        self.browser = None;
        if matches!(self.state, AgentState::Ready | AgentState::Paused | AgentState::Reserved) {
            self.go(AgentState::Offline);
        }
    }

    async fn attach(
        &mut self,
        actor: Actor,
        kid: String,
        public_key: Vec<u8>,
        sink: mpsc::Sender<Value>,
    ) -> Result<(), DeskError> {
        if let Some(old) = &mut self.browser {
            old.line.send(self.ground.clock.now_ms(), "bye", json!({ "reason": "replaced" }));
        }
        self.actor = actor;
        self.browser = Some(Browser { line: Line::new(sink), kid, public_key });
        if self.order.is_none() {
            self.order = work_orders::active(&self.ground.db, &self.actor.user_id).await?;
        }
        if let Some(mut order) = self.order.take() {
            let kid = self.kid();
            if order.session != self.actor.session || order.expires_ms <= self.ground.clock.now_ms() {
                work_orders::renew(&self.ground.db, &self.ground.clock, &self.actor, &kid, &mut order).await?;
            }
            if self.call.is_none() {
                self.call = self.unsaved(&order).await?;
            }
            self.order = Some(order);
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
        Ok(row.map(|row| LiveCall {
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
            end: Some(end_frame(&row.ended_by, &row.technical_code, true, row.talk_ms, row.recording_id.is_some())),
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

    async fn give_back(&mut self, reason: &str) -> Result<(), DeskError> {
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

    async fn dial(&mut self, work_order: &str, phone_id: &str, sdp: String) -> Result<(), DeskError> {
        let now = self.ground.clock.now_ms();
        let refusal = match &self.order {
            _ if self.call.as_ref().is_some_and(|call| call.end.is_none()) => {
                Some(("dial.already_live", "a call is already being placed"))
            }
            _ if self.call.is_some() => Some(("dial.outcome_pending", "save the outcome of the last call first")),
            None => Some(("work_order.foreign", "no work order is open here")),
            Some(order) if order.id != work_order => Some(("work_order.foreign", "this is not the open work order")),
            Some(order) if order.expires_ms <= now => {
                Some(("work_order.expired", "the work order has expired: reload to renew it"))
            }
            Some(order) if order.state != "opened" => {
                Some(("work_order.foreign", "the work order was not opened in this browser"))
            }
            Some(_) => None,
        };
        if let Some((code, detail)) = refusal {
            self.tell_error(code, detail);
            return Ok(());
        }
        let Some(order) = self.order.clone() else { return Ok(()) };
        let task = tasks::find(&self.ground.db, &self.actor.court_id, &order.task_id).await?;
        let phone = cases::phone(&self.ground.db, phone_id).await.ok().filter(|phone| phone.party_id == task.party_id);
        let Some(phone) = phone.filter(|phone| phone.state == "有效") else {
            self.tell_error("dial.phone_dead", "this number cannot be dialled");
            return Ok(());
        };
        let Some(line) = telephony::line_for(&self.ground.db, &self.actor.court_id, self.ground.demo).await? else {
            self.tell_error("dial.no_caller_number", "the court has no active number with proof on file");
            return Ok(());
        };
        let callee = self.open_number(&phone)?;
        let trunk = songda_calls::Trunk {
            name: line.trunk.clone(),
            proxy: line.proxy.clone(),
            domain: line.domain.clone(),
            username: line.username.clone(),
            password: line.password(&self.ground.sealer)?.into(),
        };
        if self.ground.demo && !(line.leads_nowhere_else() && callee.is_demo()) {
            self.tell_error("dial.demo_only", "demo mode calls invented numbers on this machine only");
            return Ok(());
        }
        let (id, recording) = (new_id(), new_id());
        let mut tx = self.ground.db.begin().await?;
        let by = By { actor: &self.actor.user_id, name: &self.actor.name };
        let new = NewCall {
            id: &id,
            court: &self.actor.court_id,
            task: &order.task_id,
            work_order: &order.id,
            phone: &phone.id,
            masked: &phone.masked,
            caller: &line.number,
            recording: &recording,
        };
        calls::begin(&mut tx, &self.ground.clock, &by, &new).await?;
        self.audit(&mut tx, "call.dial", "call", &id, "ok", json!({ "phone": phone.id, "task": order.task_id }))
            .await?;
        tx.commit().await?;
        self.call = Some(LiveCall {
            id: id.clone(),
            work_order: order.id.clone(),
            phone_id: phone.id.clone(),
            masked: phone.masked.clone(),
            phase: "preparing",
            created_ms: now,
            answered_ms: None,
            talk_from_ms: None,
            muted: false,
            recording: false,
            end: None,
            handle: None,
        });
        self.go(AgentState::Calling);
        self.tell_call();
        let dialled = self
            .ground
            .switchboard
            .dial(Dial {
                call: id.clone(),
                recording,
                trunk: trunk.into(),
                caller: songda_calls::Number::new(&line.number),
                callee: callee.number,
                browser_offer: sdp,
            })
            .await;
        match dialled {
            Ok((handle, events)) => {
                if let Some(call) = &mut self.call {
                    call.handle = Some(handle);
                }
                self.events = Some(events);
                Ok(())
            }
            Err(error) => self.not_dialled(&id, &error).await,
        }
    }

    /// The one place where the number on file is opened to be dialled.
    fn open_number(&self, phone: &cases::PhoneRow) -> Result<Callee, DeskError> {
        let open = self.ground.sealer.open_sealed("phones", "number_sealed", &phone.id, &phone.sealed)?;
        let text = String::from_utf8_lossy(&open);
        let demo = masked::Phone::parse(&text).is_ok_and(|phone| phone.is_demo());
        Ok(Callee { number: songda_calls::Number::new(&text), demo })
    }

    /// The call could not go out: it is closed as our own failure, no attempt.
    async fn not_dialled(&mut self, id: &str, error: &DialError) -> Result<(), DeskError> {
        let code = match error {
            DialError::RecordingUnavailable(_) => "dial.recording_unavailable",
            DialError::NoticeMissing(_) => "dial.notice_missing",
            DialError::BrowserOffer(_) => "dial.browser_media",
            DialError::AlreadyLive => "dial.already_live",
            _ => "dial.trunk_down",
        };
        tracing::warn!(call = %id, %error, "call did not go out");
        let facts = outcomes::LineFacts { our_fault: true, cause: error.to_string(), ..Default::default() };
        self.finish(
            id,
            &Ending {
                ended_ms: self.ground.clock.now_ms(),
                by: "system",
                talk_ms: 0,
                facts: &facts,
                technical: "C11",
                is_attempt: false,
                recording: None,
                prompt_spans: json!([]),
                quality: json!({}),
            },
        )
        .await?;
        self.tell_error(code, &error.to_string());
        Ok(())
    }

    async fn event(&mut self, event: Option<CallEvent>) {
        let Some(event) = event else {
            self.events = None;
            return;
        };
        if let Err(error) = self.call_event(event).await {
            tracing::error!(agent = %self.actor.user_id, %error, "a call event could not be written down");
            self.tell_error("desk.failed", &error.to_string());
        }
    }

    async fn call_event(&mut self, event: CallEvent) -> Result<(), DeskError> {
        let Some(call) = &mut self.call else { return Ok(()) };
        let (db, now) = (&self.ground.db, self.ground.clock.now_ms());
        match event {
            CallEvent::BrowserAnswer { sdp } => {
                let body = json!({ "call_id": call.id, "sdp": sdp });
                self.tell("answer", body);
                return Ok(());
            }
            CallEvent::Dialling => call.phase = "dialling",
            CallEvent::Ringing => {
                call.phase = "ringing";
                calls::mark(db, &call.id, "ringing_ms", now).await?;
            }
            CallEvent::EarlyMedia => {
                call.phase = "early";
                call.recording = true;
                calls::mark(db, &call.id, "early_ms", now).await?;
            }
            CallEvent::Answered { at_ms } => {
                call.phase = "notice";
                call.recording = true;
                call.answered_ms = Some(at_ms);
                calls::answered(db, &call.id, at_ms, None).await?;
            }
            CallEvent::NoticeStarted => call.phase = "notice",
            CallEvent::BrowserConnected | CallEvent::NoticeFinished { .. } => return Ok(()),
            CallEvent::Talking { at_ms } => {
                call.phase = "talking";
                call.talk_from_ms = Some(at_ms);
                calls::answered(db, &call.id, call.answered_ms.unwrap_or(at_ms), Some(at_ms)).await?;
            }
            CallEvent::Muted(on) => call.muted = on,
            CallEvent::BrowserLost => {
                let id = call.id.clone();
                self.tell(
                    "error",
                    json!({ "code": "call.browser_lost", "detail": "the browser's sound was lost", "call_id": id }),
                );
                return Ok(());
            }
            CallEvent::RecordingFailed => {
                call.recording = false;
                let id = call.id.clone();
                songda_store::alarms::raise(
                    &self.ground.db,
                    &self.ground.clock,
                    "recording.failed",
                    &id,
                    "录音写入失败，通话已结束",
                )
                .await?;
                self.tell("error", json!({ "code": "call.recording_failed", "detail": "the recording failed; the call was ended", "call_id": id }));
                return Ok(());
            }
            CallEvent::Ended(end) => {
                let id = call.id.clone();
                self.events = None;
                let facts = line_facts(&end);
                let technical = outcomes::judge(&facts);
                let is_attempt = outcomes::catalogue()
                    .map_err(DeskError::Rules)?
                    .technical(technical)
                    .is_some_and(|code| code.attempt);
                if technical == "C11" {
                    let text = format!("线路故障：{facts}");
                    songda_store::alarms::raise(
                        &self.ground.db,
                        &self.ground.clock,
                        "trunk.failed",
                        &self.actor.court_id,
                        &text,
                    )
                    .await?;
                    let (code, detail) = fault_words(&end);
                    self.tell_error(code, detail);
                }
                let ending = Ending {
                    ended_ms: end.ended_ms,
                    by: ended_by(&end),
                    talk_ms: end.talk_ms,
                    facts: &facts,
                    technical,
                    is_attempt,
                    recording: end.recording.as_ref(),
                    prompt_spans: json!(end.prompt_spans),
                    quality: json!(end.quality),
                };
                return self.finish(&id, &ending).await;
            }
        }
        self.tell_call();
        Ok(())
    }

    /// Writes the end of a call down and tells the agent what is next.
    async fn finish(&mut self, id: &str, ending: &Ending<'_>) -> Result<(), DeskError> {
        let row = calls::find(&self.ground.db, &self.actor.court_id, id).await?;
        if let Some(row) = row {
            let mut tx = self.ground.db.begin().await?;
            if calls::end(&mut tx, &self.ground.clock, &row, ending).await? {
                if ending.facts.answered && ending.recording.is_some() {
                    transcripts::enqueue(&mut tx, &self.ground.clock, id).await?;
                }
                let detail = json!({ "technical": ending.technical, "by": ending.by, "attempt": ending.is_attempt });
                self.audit(&mut tx, "call.end", "call", id, "ok", detail).await?;
            }
            tx.commit().await?;
            self.ground.jobs.notify_waiters();
        }
        metrics::counter!("songda_calls_total", "technical" => ending.technical.to_owned()).increment(1);
        if let Some(call) = &mut self.call {
            call.phase = "ended";
            call.recording = false;
            call.handle = None;
            call.end = Some(end_frame(
                ending.by,
                ending.technical,
                ending.is_attempt,
                ending.talk_ms,
                ending.recording.is_some(),
            ));
        }
        self.tell_call();
        if ending.is_attempt {
            self.go(AgentState::WrapUp);
        } else {
            self.call = None;
            self.go(AgentState::Reserved);
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

    async fn tell_today(&mut self) -> Result<(), DeskError> {
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

    fn tell_call(&mut self) {
        if let Some(frame) = self.call.as_ref().map(LiveCall::frame) {
            self.tell("call", frame);
        }
    }

    fn tell_error(&mut self, code: &str, detail: &str) {
        let call = self.call.as_ref().map(|call| call.id.clone());
        self.tell("error", json!({ "code": code, "detail": detail, "call_id": call }));
    }

    fn tell(&mut self, kind: &str, body: Value) {
        let now = self.ground.clock.now_ms();
        if let Some(browser) = &mut self.browser
            && !browser.line.send(now, kind, body)
        {
            self.browser = None;
        }
    }

    fn go(&mut self, state: AgentState) {
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

    async fn audit(
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

/// The next event of a live call; never ready without one.
async fn next_event(events: &mut Option<mpsc::Receiver<CallEvent>>) -> Option<CallEvent> {
    match events {
        Some(receiver) => receiver.recv().await,
        None => std::future::pending().await,
    }
}
