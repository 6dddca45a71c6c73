//! What happens in a call: shown to the agent, written down, and its end never lost.

use serde_json::json;
use songda_calls::{CallEnd, CallEvent, EndedBy, Farewell, Fault, Parting, PartySilence};
use songda_recordings::said::Said;
use songda_service::outcomes;
use songda_store::alarms;

use super::{
    call::{WrapUpTime, end_frame, ended_by, fault_words, line_facts, lost_end},
    seat::{AgentState, Seat, Unwritten},
    transfer::HUNG_UP,
};
use crate::{
    DeskError,
    calls::{self, Ending, Leg, legs::WayEnd},
    checklist::script,
    inbound,
    outcomes::owed::Why,
    progress, settings, transcripts,
};

/// Keys of the party that are counted.
const KEYS_SHOWN: usize = 32;

impl Seat {
    pub(super) async fn event(&mut self, event: Option<CallEvent>) {
        let Some(event) = event else {
            self.events = None;
            // Call control died without a word: the line is down, and this call must not
            // hold the agent and the task for ever.
            let live = self.call.as_ref().filter(|call| call.is_live()).map(|call| call.id.clone());
            if let Some(id) = live.filter(|_| self.unwritten.is_none()) {
                let end = lost_end(self.call.as_ref(), self.ground.clock.now_ms());
                self.unwritten = Some(Unwritten::new(id, Box::new(end)));
                self.write_end().await;
            }
            return;
        };
        if let Err(error) = self.call_event(event).await {
            tracing::error!(agent = %self.actor.user_id, %error, "a call event could not be written down");
            self.tell_error("desk.failed", "the server could not do this; it was written down");
        }
    }

    async fn call_event(&mut self, event: CallEvent) -> Result<(), DeskError> {
        let Some(event) = self.transfer_event(event).await? else { return Ok(()) };
        let Some(call) = &mut self.call else { return Ok(()) };
        let db = &self.ground.db;
        match event {
            CallEvent::BrowserAnswer { sdp } => {
                let body = json!({ "call_id": call.id, "sdp": sdp });
                self.tell("answer", body);
                return Ok(());
            }
            CallEvent::LegSaved { saved, way, kept } => {
                // Unkept, nothing goes out: dropping the sender says so.
                if self.keep_leg(&saved, way).await? {
                    let _ = kept.send(());
                }
                return Ok(());
            }
            CallEvent::TryFailed { way, status, q850, cause, down } => {
                return self.way_failed(way, &WayEnd { status, q850, cause: &cause, down }).await;
            }
            CallEvent::BrowserConnected => call.sound = true,
            CallEvent::Dialling => call.phase = "dialling",
            CallEvent::Ringing { at_ms } => {
                call.phase = "ringing";
                calls::mark(db, &call.id, "ringing_ms", at_ms).await?;
            }
            CallEvent::EarlyMedia { at_ms } => {
                call.phase = "early";
                call.recording = true;
                calls::mark(db, &call.id, "early_ms", at_ms).await?;
            }
            CallEvent::CalledBack => {
                let id = call.id.clone();
                self.was_called_back(&id).await?;
            }
            CallEvent::RecordingStarted { at_ms, at } => {
                call.recording = true;
                call.recording_from_ms = Some(at_ms);
                call.recording_from = Some(at);
                if call.stray.is_some() {
                    inbound::recording_began(db, &call.id, at_ms).await?;
                }
                calls::recording_began(db, &call.id, at_ms).await?;
            }
            CallEvent::Answered { at_ms } => {
                call.phase = "notice";
                call.recording = true;
                call.answered_ms = Some(at_ms);
                if call.stray.is_some() {
                    inbound::answered(db, &call.id, at_ms, None).await?;
                }
                calls::answered(db, &call.id, at_ms, None).await?;
                self.view();
            }
            CallEvent::NoticeStarted => call.phase = "notice",
            CallEvent::Marked(marks) => {
                if call.stray.is_some() {
                    inbound::marked(db, &call.id, &calls::marks_to_store(&marks)).await?;
                }
                calls::marked(db, &call.id, &calls::marks_to_store(&marks)).await?;
                return Ok(());
            }
            CallEvent::NoticeFinished { span } => {
                if call.stray.is_some() {
                    inbound::said(db, &call.id, &json!([span])).await?;
                }
                calls::said(db, &call.id, &json!([span])).await?;
                return Ok(());
            }
            CallEvent::Talking { at_ms } => {
                call.phase = "talking";
                call.talk_from_ms = Some(at_ms);
                let answered_ms = call.answered_ms.unwrap_or(at_ms);
                if call.stray.is_some() {
                    inbound::answered(db, &call.id, answered_ms, Some(at_ms)).await?;
                }
                calls::answered(db, &call.id, answered_ms, Some(at_ms)).await?;
                // From here its clock runs.
                self.view();
            }
            CallEvent::Muted(on) => call.muted = on,
            CallEvent::Held(on) => call.held = on,
            CallEvent::Parting { why } => {
                call.parting = Some(why.as_str());
                self.view();
            }
            CallEvent::Supervised { what, by } => self.supervised(what, by).await?,
            CallEvent::Unsupervised => self.unsupervised(),
            CallEvent::Digit { .. } => call.keys = (call.keys + 1).min(KEYS_SHOWN),
            CallEvent::Progress(status) => return self.line_says(&status).await,
            CallEvent::RecordingFailed => return self.recording_failed().await,
            CallEvent::Measured { at_ms, quality } => {
                let until = calls::measured_until(&quality, at_ms);
                if call.stray.is_some() {
                    inbound::measured(db, &call.id, &until).await?;
                }
                calls::measured(db, &call.id, &until).await?;
                return Ok(());
            }
            CallEvent::Quality(moments) => {
                call.quality = Some(moments);
                let body = json!({ "call_id": call.id, "quality": call.quality_shown() });
                self.tell("quality", body);
                self.view();
                return Ok(());
            }
            CallEvent::Ended(end) => {
                self.events = None;
                self.unwritten = Some(Unwritten::new(call.id.clone(), end));
                let told = self.transfer_over(HUNG_UP).await;
                self.write_end().await;
                return told;
            }
            event => {
                self.heard_or_not(&event);
                self.view();
            }
        }
        self.tell_call();
        Ok(())
    }

    /// Who is heard and who is not: the agent is told, and the call shows it.
    fn heard_or_not(&mut self, event: &CallEvent) {
        let Some(call) = &mut self.call else { return };
        match event {
            CallEvent::AgentAway { until_ms, .. } => {
                let first = call.away_until_ms.replace(*until_ms).is_none();
                if first {
                    self.tell_error("call.browser_lost", "the browser's sound was lost");
                }
            }
            CallEvent::AgentBack => {
                call.away_until_ms = None;
                self.tell_notice("call.agent_back", json!({}));
            }
            CallEvent::PartySilent { kind } => {
                call.party = if *kind == PartySilence::Mute { "mute" } else { "silent" };
                self.tell_notice("call.party_silent", json!({ "kind": kind.as_str() }));
            }
            CallEvent::PartyHeard => {
                call.party = "heard";
                self.tell_notice("call.party_heard", json!({}));
            }
            CallEvent::OfferRefused { reason } => self.tell_error("call.resume_refused", reason),
            CallEvent::DigitsRefused { reason } => self.tell_error("call.keypad_refused", reason),
            CallEvent::DigitsSent { digits, .. } => {
                self.tell_notice("call.keypad_sent", json!({ "keys": digits.len() }));
            }
            _ => {}
        }
    }

    async fn recording_failed(&mut self) -> Result<(), DeskError> {
        let Some(call) = &mut self.call else { return Ok(()) };
        call.recording = false;
        let id = call.id.clone();
        self.tell_call();
        self.tell_error("call.recording_failed", "the recording failed; the call is ended");
        self.alarm("recording.failed", &id, &calls::unwritten()).await;
        Ok(())
    }

    /// Writes the end of the call down. What cannot be written now is tried again, for the
    /// row holds agent and task until then.
    pub(super) async fn write_end(&mut self) {
        let Some(Unwritten { call, end, .. }) = self.unwritten.take() else { return };
        if self.call.as_ref().is_none_or(|here| here.id != call) {
            return;
        }
        let trunk = self.way_trunk();
        match self.ended(&call, &end).await {
            Ok(technical) => self.after_end(&call, &end, technical, trunk).await,
            Err(error) => {
                tracing::error!(agent = %self.actor.user_id, %error, "the end of a call could not be written down yet");
                self.unwritten = Some(Unwritten::new(call, end));
            }
        }
    }

    async fn ended(&mut self, id: &str, end: &CallEnd) -> Result<&'static str, DeskError> {
        if self.has_stray() {
            self.stray_ended(end).await?;
            return Ok("");
        }
        let mut facts = line_facts(end);
        progress::confirmed(&self.ground, id, &mut facts).await?;
        let judged = self.judge(&facts).await?;
        let technical = judged.code;
        let catalogue = outcomes::catalogue().map_err(DeskError::Rules)?;
        let is_attempt = catalogue.technical(technical).is_some_and(|code| code.attempt);
        let settings = settings::of(&self.ground.db, &self.actor.court_id).await?;
        let time = WrapUpTime::from(&settings, self.ground.clock.now_ms());
        // Who hangs up in the middle of the consent has a reason; a line that goes dead has none.
        let cut_off = end.facts.by != EndedBy::Agent;
        let open = self.call.as_ref().is_some_and(|call| script(&call.script).consent_is_open(&call.ticks));
        let ending = Ending {
            ended_ms: end.ended_ms,
            by: ended_by(end),
            talk_ms: end.talk_ms,
            facts: &facts,
            technical,
            rule: &judged.rule,
            is_attempt,
            answered_ms: self.call.as_ref().and_then(|call| call.answered_ms),
            recording: end.recording.as_ref(),
            incomplete: end.recording_incomplete,
            prompt_spans: calls::prompts_of(end),
            quality: json!(end.quality),
            marks: calls::marks_of(end),
            parting: end.facts.parting.map_or("", Parting::as_str),
            broken_consent: is_attempt && cut_off && open,
            wrap_until_ms: time.until_ms,
            unread: end.unread,
            leg: if end.farewell.is_down() { Leg::Down } else { Leg::MayBeUp },
        };
        if let Some(call) = &mut self.call {
            call.wrap_up = Some(time);
        }
        self.finish(id, &ending).await?;
        Ok(technical)
    }

    /// What ends the leg is kept until the carrier has answered. Where it never does, the next
    /// run of the server ends the leg.
    fn bid_farewell(&mut self, id: &str, farewell: Farewell) {
        while self.leaving.try_join_next().is_some() {}
        if farewell.is_down() {
            return;
        }
        let (db, call) = (self.ground.db.clone(), id.to_owned());
        self.leaving.spawn(async move {
            if farewell.heard().await
                && let Err(error) = calls::legs::down(&db, &call).await
            {
                tracing::error!(%call, %error, "a leg is down, and that could not be written");
            }
        });
    }

    /// What follows an end that is in the books; a fault in it undoes nothing and is not
    /// tried again.
    async fn after_end(&mut self, id: &str, end: &CallEnd, technical: &'static str, trunk: Option<String>) {
        self.bid_farewell(id, end.farewell.clone());
        let facts = line_facts(end);
        let owed = self.call.as_ref().is_some_and(|call| call.id == id && !call.is_live());
        let why = match (self.follows, end.facts.abandoned) {
            (true, _) => Some(Why::Transferred),
            (false, true) if self.browser.is_none() => Some(Why::AgentGone),
            _ => None,
        };
        if let Some(why) = why.filter(|_| owed) {
            let left = self.leave(id, why).await;
            self.done(left);
        }
        if end.recording_incomplete {
            let said = Said::new("recording.incomplete", "a part of the recording could not be kept");
            self.alarm("recording.incomplete", id, &said).await;
        }
        if technical == "C11" {
            let (code, detail) = fault_words(end);
            self.tell_error(code, detail);
        }
        let court = self.actor.court_id.clone();
        match (end.facts.fault, trunk) {
            // The agent's own machine, or ours, or too many at once: the line is not to blame.
            (Some(Fault::Browser | Fault::Recording | Fault::Desk | Fault::LinesBusy), _) => {}
            _ if technical == "C11" => {
                let said = match facts.status {
                    Some(status) => {
                        Said::new("trunk.failed", "a call failed on our side of the line ({status}): {why}")
                            .with("status", status)
                    }
                    None => Said::new("trunk.failed_silent", "a call failed on our side of the line: {why}"),
                };
                self.alarm("trunk.failed", &court, &said.with("why", facts.cause.as_str())).await;
            }
            // A call that came in says nothing of the lines by which we call.
            (None, Some(trunk)) => self.line_is_well(&court, &trunk).await,
            _ => {}
        }
    }

    /// Raises an alarm. What cannot be told must not undo what was written.
    pub(super) async fn alarm(&self, kind: &str, object: &str, said: &Said) {
        if let Err(error) = alarms::raise(&self.ground.db, &self.ground.clock, kind, object, said).await {
            tracing::error!(%error, kind, "an alarm could not be raised");
        }
    }

    /// Writes the end of a call down and tells the agent what is next.
    pub(super) async fn finish(&mut self, id: &str, ending: &Ending<'_>) -> Result<(), DeskError> {
        let row = calls::find(&self.ground.db, &self.actor.court_id, id).await?;
        if let Some(row) = row {
            let mut tx = self.ground.db.begin().await?;
            if calls::end(&mut tx, &self.ground.clock, &row, ending).await? {
                progress::settled(&mut tx, id, ending.facts, ending.technical).await?;
                if ending.facts.answered && ending.recording.is_some() {
                    transcripts::enqueue(&mut tx, &self.ground.clock, id).await?;
                }
                if ending.unread && ending.recording.is_some() {
                    progress::enqueue(&mut tx, &self.ground.clock, id).await?;
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
            call.held = false;
            call.away_until_ms = None;
            call.handle = None;
            call.end = Some(end_frame(
                ending.by,
                ending.technical,
                ending.is_attempt,
                ending.talk_ms,
                ending.recording.is_some() && !ending.incomplete,
            ));
        }
        // The end may disagree with what was confirmed. It is written down, whatever can be shown of it.
        if !self.has_stray()
            && let Err(error) = self.refresh_heard().await
        {
            tracing::error!(agent = %self.actor.user_id, %error, "what a line said could not be read again");
        }
        self.tell_call();
        if ending.is_attempt {
            self.go(AgentState::WrapUp);
        } else {
            self.call = None;
            if self.browser.is_none() {
                // Nobody is there to call again.
                self.give_back("agent_gone").await?;
                self.go(AgentState::Offline);
            } else {
                self.go(AgentState::Reserved);
            }
        }
        Ok(())
    }
}
