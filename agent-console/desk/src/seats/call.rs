//! What a seat knows of its live call, and how the line's facts are read.

use std::time::Instant;

use serde_json::{Value, json};
use songda_calls::{CallEnd, CallHandle, EndedBy, Facts, Farewell, Fault, Moments, Parting};
use songda_service::{cases::PhoneRow, outcomes::LineFacts};
use songda_store::clock::rfc3339;

use super::{supervision::Supervised, technical_words, transfer::Transfer};
use crate::{
    calls::CallRow,
    checklist::Tick,
    inbound::{Came, Inbound},
    settings::{Settings, WrapUp},
    telephony::Line,
};

/// A call as the agent sees it.
#[derive(Debug)]
pub(crate) struct LiveCall {
    pub(super) id: String,
    pub(super) work_order: String,
    pub(super) phone_id: String,
    /// The lines over which it may go, in the order in which they are tried.
    pub(super) ways: Vec<Line>,
    /// Which of them it goes now.
    pub(super) way: usize,
    pub(super) masked: String,
    pub(super) script: String,
    pub(super) phase: &'static str,
    pub(super) created_ms: i64,
    pub(super) answered_ms: Option<i64>,
    pub(super) talk_from_ms: Option<i64>,
    pub(super) recording_from_ms: Option<i64>,
    /// The same moment, while the call lives: places in the recording count from here.
    pub(super) recording_from: Option<Instant>,
    pub(super) muted: bool,
    pub(super) held: bool,
    pub(super) recording: bool,
    /// This line of the browser has the sound of the call.
    pub(super) sound: bool,
    /// Until when the agent must be back.
    pub(super) away_until_ms: Option<i64>,
    /// `heard`, `silent` or `mute`.
    pub(super) party: &'static str,
    pub(super) parting: Option<&'static str>,
    /// How well both ends were heard in the last seconds.
    pub(super) quality: Option<Moments>,
    /// How many keys the party pressed. Which they are is for the recording's marks: they may be a
    /// number or a password, and no agent sees them.
    pub(super) keys: usize,
    pub(super) ticks: Vec<Tick>,
    pub(super) end: Option<Value>,
    pub(super) wrap_up: Option<WrapUpTime>,
    /// Why the agent ended it politely, or empty.
    pub(super) end_reason: String,
    pub(super) saved: bool,
    /// What is filled in, as the agent may see it.
    pub(super) draft: Value,
    pub(super) handle: Option<CallHandle>,
    /// `out` or `in`.
    pub(super) direction: &'static str,
    /// By which way its party called while it was being called.
    pub(super) came: Option<Came>,
    /// Its row, when it came in and belongs to no task.
    pub(super) stray: Option<Inbound>,
    /// What stands of the open task of its party, where that task takes no call any more.
    pub(super) standing: Option<Standing>,
    /// It is being handed to somebody.
    pub(super) transfer: Option<Transfer>,
    /// Who supervises it.
    pub(super) supervised: Option<Supervised>,
    /// What the line says, as the agent may see it.
    pub(super) heard: Value,
}

/// A task whose party is on the line, and that is past its calls. A number is no proof of a person: who
/// he is and what his case is about is in the sealed envelope alone.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    pub(super) task_number: String,
    pub(super) phase: String,
    pub(super) next_step: String,
}

impl Standing {
    fn frame(&self) -> Value {
        json!({ "task_number": self.task_number, "phase": self.phase, "next_step": self.next_step })
    }
}

/// The time after a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct WrapUpTime {
    pub(super) policy: WrapUp,
    /// When it ends by itself; none where there is no clock.
    pub(super) until_ms: Option<i64>,
    pub(super) extended: bool,
    /// When it should be over, for the supervisor.
    pub(super) due_ms: i64,
}

impl WrapUpTime {
    /// The time after a call that ends now.
    pub(super) fn from(settings: &Settings, now_ms: i64) -> Self {
        let due_ms = now_ms + settings.wrap_up_ms();
        let until_ms = settings.wrap_up.is_timed().then_some(due_ms);
        Self { policy: settings.wrap_up, until_ms, extended: false, due_ms }
    }
}

impl LiveCall {
    /// A call that is about to be placed.
    pub(super) fn new(
        id: &str,
        work_order: &str,
        phone: &PhoneRow,
        script: &str,
        now_ms: i64,
        ways: Vec<Line>,
    ) -> Self {
        Self {
            id: id.to_owned(),
            work_order: work_order.to_owned(),
            phone_id: phone.id.clone(),
            ways,
            way: 0,
            masked: phone.masked.clone(),
            script: script.to_owned(),
            phase: "preparing",
            created_ms: now_ms,
            answered_ms: None,
            talk_from_ms: None,
            recording_from_ms: None,
            recording_from: None,
            muted: false,
            held: false,
            recording: false,
            sound: true,
            away_until_ms: None,
            party: "heard",
            parting: None,
            quality: None,
            keys: 0,
            ticks: Vec::new(),
            end: None,
            wrap_up: None,
            end_reason: String::new(),
            saved: false,
            draft: Value::Null,
            handle: None,
            direction: "out",
            came: None,
            stray: None,
            standing: None,
            transfer: None,
            supervised: None,
            heard: Value::Null,
        }
    }

    /// A call that came in and that this agent takes.
    pub(super) fn incoming(call: &Inbound, recording_from: Option<(i64, Instant)>) -> Self {
        Self {
            id: call.id.clone(),
            work_order: String::new(),
            phone_id: String::new(),
            ways: Vec::new(),
            way: 0,
            masked: call.masked.clone(),
            script: String::new(),
            phase: "joining",
            created_ms: call.created_ms,
            answered_ms: call.answered_ms,
            talk_from_ms: None,
            recording_from_ms: recording_from.map(|(at_ms, _)| at_ms),
            recording_from: recording_from.map(|(_, at)| at),
            muted: false,
            held: false,
            recording: recording_from.is_some(),
            sound: true,
            away_until_ms: None,
            party: "heard",
            parting: None,
            quality: None,
            keys: 0,
            ticks: Vec::new(),
            end: None,
            wrap_up: None,
            end_reason: String::new(),
            saved: false,
            draft: Value::Null,
            handle: None,
            direction: "in",
            came: None,
            stray: Some(call.clone()),
            standing: None,
            transfer: None,
            supervised: None,
            heard: Value::Null,
        }
    }

    /// It is a call of this work order.
    pub(super) fn belongs(&mut self, work_order: &str, phone: &str, script: &str) {
        work_order.clone_into(&mut self.work_order);
        phone.clone_into(&mut self.phone_id);
        script.clone_into(&mut self.script);
        self.stray = None;
        self.standing = None;
    }

    /// Somebody else speaks to the party from here on: what the agent before him had switched
    /// is over.
    pub(super) fn now_with_another(&mut self) {
        (self.muted, self.held, self.sound, self.away_until_ms) = (false, false, true, None);
        // Nor is he judged by the other's network.
        self.quality = None;
        if let Some(stray) = &mut self.stray {
            stray.talk_from_ms = self.talk_from_ms;
        }
    }

    /// A call that ended and waits for its outcome, as it was written down.
    pub(super) fn ended(row: &CallRow, recorded: bool, settings: &Settings) -> Self {
        Self {
            id: row.id.clone(),
            work_order: row.work_order_id.clone(),
            phone_id: row.phone_id.clone(),
            ways: Vec::new(),
            way: 0,
            masked: row.phone_masked.clone(),
            script: row.script.clone(),
            phase: "ended",
            created_ms: row.created_ms,
            answered_ms: row.answered_ms,
            talk_from_ms: row.talk_from_ms,
            recording_from_ms: row.recording_from_ms,
            recording_from: None,
            muted: false,
            held: false,
            recording: false,
            sound: false,
            away_until_ms: None,
            party: "heard",
            parting: parting_word(&row.parting),
            quality: None,
            keys: 0,
            ticks: Vec::new(),
            end: Some(end_frame(&row.ended_by, &row.technical_code, true, row.talk_ms, recorded)),
            wrap_up: Some(WrapUpTime {
                policy: settings.wrap_up,
                until_ms: row.wrap_until_ms,
                extended: row.wrap_extended,
                due_ms: row
                    .wrap_until_ms
                    .unwrap_or_else(|| row.ended_ms.unwrap_or(row.created_ms) + settings.wrap_up_ms()),
            }),
            end_reason: row.end_reason.clone(),
            saved: false,
            draft: Value::Null,
            handle: None,
            direction: if row.direction == "in" { "in" } else { "out" },
            came: None,
            stray: None,
            standing: None,
            transfer: None,
            supervised: None,
            heard: Value::Null,
        }
    }

    /// Whether it is on the line, or on its way there.
    pub(super) fn is_live(&self) -> bool {
        self.end.is_none()
    }

    /// From where its clock runs: from the first moment of talk, and from the click until then.
    pub(super) fn since_ms(&self) -> i64 {
        self.talk_from_ms.unwrap_or(self.created_ms)
    }

    /// Where in the recording this moment is.
    pub(super) fn offset(&self) -> Option<i64> {
        self.recording_from.filter(|_| self.recording).map(|from| from.elapsed().as_millis() as i64)
    }

    /// The `call` of the contract.
    pub(super) fn frame(&self) -> Value {
        json!({
            "call_id": self.id,
            "work_order": self.work_order,
            "phone_id": self.phone_id,
            "phone_masked": self.masked,
            "phase": self.phase,
            "direction": self.direction,
            "known": self.stray.is_none(),
            "standing": self.standing.as_ref().map(Standing::frame),
            "created_at": rfc3339(self.created_ms),
            "answered_at": self.answered_ms.map(rfc3339),
            "talk_from_at": self.talk_from_ms.map(rfc3339),
            "since_at": rfc3339(self.since_ms()),
            "muted": self.muted,
            "held": self.held,
            "recording": self.recording,
            "recording_started_at": self.recording_from_ms.map(rfc3339),
            "away_until_at": self.away_until_ms.map(rfc3339),
            "resumable": self.is_live() && !self.sound,
            "party": self.party,
            "parting": self.parting,
            "quality": self.quality_shown(),
            "digits_in": "•".repeat(self.keys),
            "ticks": self.ticks.iter().map(tick_frame).collect::<Vec<_>>(),
            "end": self.end,
            "wrap_up": self.wrap_up.as_ref().map(|time| json!({
                "policy": time.policy.word(),
                "until_at": time.until_ms.map(rfc3339),
                "extended": time.extended,
            })),
            "end_reason": self.end_reason,
            "outcome_saved": self.saved,
            "draft": self.draft,
            "transfer": self.transfer.as_ref().map(Transfer::frame),
            "supervision": self.supervised.as_ref().and_then(Supervised::frame),
            "heard": self.heard,
        })
    }

    /// How well it is heard, as its agent sees it: a supervisor may listen unseen, and of his leg
    /// nothing is told.
    pub(super) fn quality_shown(&self) -> Option<Moments> {
        self.quality.map(|moments| Moments { supervisor: None, ..moments })
    }
}

fn tick_frame(tick: &Tick) -> Value {
    json!({ "step": tick.step, "at": rfc3339(tick.at_ms), "offset_ms": tick.offset_ms })
}

fn parting_word(stored: &str) -> Option<&'static str> {
    [Parting::Apology, Parting::Farewell, Parting::RecordingFailed]
        .into_iter()
        .map(Parting::as_str)
        .find(|word| *word == stored)
}

/// The `end` of a `CallState`.
pub(super) fn end_frame(by: &str, technical: &str, is_attempt: bool, talk_ms: i64, recorded: bool) -> Value {
    json!({ "by": by, "technical": technical_words(technical), "is_attempt": is_attempt, "talk_ms": talk_ms,
            "recorded": recorded })
}

/// What ended a call whose control died.
const LOST: &str = "call control stopped";

/// The end of a call whose control died without telling one.
pub(crate) fn lost_end(call: Option<&LiveCall>, now_ms: i64) -> CallEnd {
    let answered = call.is_some_and(|call| call.answered_ms.is_some());
    let talk_from = call.and_then(|call| call.talk_from_ms);
    CallEnd {
        facts: Facts {
            answered,
            cancelled_by_agent: false,
            ring_limit: false,
            fault: (!answered).then_some(Fault::Desk),
            sip_status: None,
            q850: None,
            provisional: false,
            rang_ms: 0,
            cause: LOST.into(),
            by: EndedBy::System,
            abandoned: false,
            parting: None,
        },
        ended_ms: now_ms,
        talk_ms: talk_from.map_or(0, |from| (now_ms - from).max(0)),
        recording: None,
        recording_incomplete: false,
        prompt_spans: Vec::new(),
        marks: Vec::new(),
        lost: true,
        quality: Value::Null,
        unread: false,
        farewell: Farewell::unknown(),
    }
}

/// The facts of the line from what call control saw.
pub(crate) fn line_facts(end: &CallEnd) -> LineFacts {
    let facts = &end.facts;
    LineFacts {
        answered: facts.answered,
        cancelled_by_agent: facts.cancelled_by_agent,
        ring_limit: facts.ring_limit,
        our_fault: facts.fault.is_some(),
        status: facts.sip_status,
        q850: facts.q850,
        provisional: facts.provisional,
        rang_ms: facts.rang_ms,
        cause: facts.cause.clone(),
        announced: None,
    }
}

/// How a failure of our own side is told to the agent.
pub(super) fn fault_words(end: &CallEnd) -> (&'static str, &'static str) {
    match (end.facts.fault, end.facts.sip_status) {
        (Some(Fault::Credentials), _) | (_, Some(401 | 407)) => {
            ("dial.trunk_password", "the carrier does not take the trunk's credentials; this is no attempt")
        }
        // A carrier answers 403 to wrong credentials and to a foreign calling number alike.
        (None, Some(403)) => (
            "dial.trunk_refused",
            "the carrier refused the trunk's credentials or the court's number; this is no attempt",
        ),
        (Some(Fault::LinesBusy), _) => ("dial.lines_busy", "every line is busy; this is no attempt"),
        (Some(Fault::Browser), _) => ("dial.browser_media", "the browser's sound did not come up; this is no attempt"),
        (Some(Fault::Recording), _) => {
            ("dial.recording_unavailable", "the recording could not be kept; this is no attempt")
        }
        _ if end.facts.answered => ("call.no_sound", "nothing was heard of the party; this is no attempt"),
        _ => ("dial.trunk_down", "the line failed on our side; this is no attempt"),
    }
}

/// Who ended it, as stored.
pub(crate) fn ended_by(end: &CallEnd) -> &'static str {
    match end.facts.by {
        EndedBy::Agent => "agent",
        EndedBy::Party => "party",
        EndedBy::System => "system",
    }
}
