//! From the facts of the line to the technical code, in the order of domain 2.4:
//! our own fault first, then Q.850, then what was announced and confirmed by the agent, then the
//! status with the ring time.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::announced;

/// What the line did, as signalling saw it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineFacts {
    /// A 200 OK arrived and the call was up.
    pub answered: bool,
    /// The agent gave up while it was not answered yet.
    pub cancelled_by_agent: bool,
    /// Our ring limit ended it.
    pub ring_limit: bool,
    /// The carrier refused our credentials, or could not be reached, or media failed.
    pub our_fault: bool,
    /// Final SIP status.
    pub status: Option<u16>,
    /// Cause of the Reason header (Q.850).
    pub q850: Option<u8>,
    /// A 18x was seen.
    pub provisional: bool,
    /// From the first 18x to the end, in milliseconds.
    pub rang_ms: i64,
    /// What ended the call, in the words of the signalling, for people.
    pub cause: String,
    /// The class that was heard on the line, once the agent has confirmed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub announced: Option<String>,
}

impl LineFacts {
    /// The code of what was announced and confirmed, when it says something of the party.
    pub fn announced_code(&self) -> Option<&'static str> {
        let code = announced::announced(self.announced.as_deref()?)?;
        Some(announced::before_ringing(code, self.rang_ms))
    }

    /// 提前挂断: it rang, and the agent gave up before anybody could have answered for good.
    /// The attempt stands and says so.
    pub fn given_up_early(&self) -> bool {
        self.cancelled_by_agent && judge(self) == "C02"
    }
}

impl fmt::Display for LineFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} status {:?} q850 {:?} rang {} ms", self.cause, self.status, self.q850, self.rang_ms)
    }
}

/// A bare 480 is "no answer" from this ring time on, "not reachable" below it.
const RANG_UNANSWERED_MS: i64 = 20_000;
/// A 486 after more ringing than this was a person's refusal.
const RANG_REJECTED_MS: i64 = 2_000;

/// The technical code of a call.
pub fn judge(facts: &LineFacts) -> &'static str {
    // A failure of ours between the answer and the talk reached nobody (2.4: own fault first).
    if facts.our_fault {
        return "C11";
    }
    // Whoever took the call was a machine, or the network with a notice: nobody was reached.
    if facts.answered {
        return facts.announced_code().unwrap_or("C01");
    }
    if ours(facts) {
        return "C11";
    }
    if facts.cancelled_by_agent {
        return if facts.provisional { "C02" } else { "C12" };
    }
    if facts.ring_limit {
        // Where it never rang, our time limit proves nothing about the party.
        return if facts.provisional { "C02" } else { "C11" };
    }
    if let Some(code) = facts.q850.and_then(by_q850) {
        return code;
    }
    facts.announced_code().unwrap_or_else(|| by_status(facts))
}

fn ours(facts: &LineFacts) -> bool {
    match facts.status {
        Some(401 | 407 | 488 | 606) => true,
        // Without any ringing a 403 answers our credentials or our calling number.
        Some(403) => !facts.provisional && facts.q850.is_none(),
        // Silence after our own CANCEL is no fault of the line.
        Some(408) | None => !facts.provisional && !facts.cancelled_by_agent,
        Some(status) => (500..600).contains(&status),
    }
}

pub(super) fn by_q850(cause: u8) -> Option<&'static str> {
    match cause {
        1 | 22 | 28 => Some("C07"),
        17 => Some("C03"),
        18 | 19 => Some("C02"),
        20 => Some("C08"),
        21 => Some("C04"),
        27 => Some("C06"),
        34 | 38 | 41 | 42 | 44 | 47 => Some("C11"),
        _ => None,
    }
}

fn by_status(facts: &LineFacts) -> &'static str {
    match facts.status {
        Some(404 | 410 | 484 | 604) => "C07",
        Some(600) => "C03",
        Some(486) if facts.rang_ms <= RANG_REJECTED_MS => "C03",
        Some(486 | 603) => "C04",
        Some(403) => "C09",
        // Without a final answer: it rang, and then nothing more came.
        Some(408 | 487) | None => "C02",
        Some(480) if facts.rang_ms >= RANG_UNANSWERED_MS => "C02",
        Some(480) => "C08",
        // An answer nobody foresaw proves nothing about the party.
        Some(_) => "C11",
    }
}
