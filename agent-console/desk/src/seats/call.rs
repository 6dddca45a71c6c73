//! What a seat knows of its live call, and how the line's facts are read.

use serde_json::{Value, json};
use songda_calls::{CallEnd, CallHandle, EndedBy, Facts, Fault};
use songda_service::outcomes::LineFacts;
use songda_store::clock::rfc3339;

use super::technical_words;

/// A call as the agent sees it.
#[derive(Debug)]
pub(super) struct LiveCall {
    pub(super) id: String,
    pub(super) work_order: String,
    pub(super) phone_id: String,
    pub(super) masked: String,
    pub(super) phase: &'static str,
    pub(super) created_ms: i64,
    pub(super) answered_ms: Option<i64>,
    pub(super) talk_from_ms: Option<i64>,
    pub(super) muted: bool,
    pub(super) recording: bool,
    pub(super) end: Option<Value>,
    pub(super) handle: Option<CallHandle>,
}

impl LiveCall {
    /// The `CallState` of the contract.
    pub(super) fn frame(&self) -> Value {
        json!({
            "call_id": self.id,
            "work_order": self.work_order,
            "phone_id": self.phone_id,
            "phone_masked": self.masked,
            "phase": self.phase,
            "created_at": rfc3339(self.created_ms),
            "answered_at": self.answered_ms.map(rfc3339),
            "talk_from_at": self.talk_from_ms.map(rfc3339),
            "muted": self.muted,
            "recording": self.recording,
            "end": self.end,
            "outcome_saved": false,
        })
    }
}

/// The `end` of a `CallState`.
pub(super) fn end_frame(by: &str, technical: &str, is_attempt: bool, talk_ms: i64, recorded: bool) -> Value {
    json!({ "by": by, "technical": technical_words(technical), "is_attempt": is_attempt, "talk_ms": talk_ms,
            "recorded": recorded })
}

/// The end of a call whose control died without telling one.
pub(super) fn lost_end(call: Option<&LiveCall>, now_ms: i64) -> CallEnd {
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
            cause: "call control stopped".into(),
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
        quality: Value::Null,
    }
}

/// The facts of the line from what call control saw.
pub(super) fn line_facts(end: &CallEnd) -> LineFacts {
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
        (Some(Fault::Browser), _) => ("dial.browser_media", "the browser's sound did not come up; this is no attempt"),
        (Some(Fault::Recording), _) => {
            ("dial.recording_unavailable", "the recording could not be kept; this is no attempt")
        }
        _ => ("dial.trunk_down", "the line failed on our side; this is no attempt"),
    }
}

/// Who ended it, as stored.
pub(super) fn ended_by(end: &CallEnd) -> &'static str {
    match end.facts.by {
        EndedBy::Agent => "agent",
        EndedBy::Party => "party",
        EndedBy::System => "system",
    }
}
