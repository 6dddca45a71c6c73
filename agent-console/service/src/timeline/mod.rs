//! The timeline of a task: what happened, who did it, when. Rows are only added.
//!
//! Each row carries the hash of the row before it, so that a row changed behind the
//! product's back shows (R2.3e). Texts for people are made from kind and detail at the
//! edge, in the reader's language; a row never holds an unmasked number.

mod store;

pub use store::{append, list, verify};

/// What kind of thing happened. The stored word is the stable part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The order arrived and the task was made.
    Received,
    /// The recipient has no number that can be called.
    NoNumber,
    /// A line was opened for the place of a number of his.
    NumberUsable,
    /// A work order was sealed to an agent.
    Offered,
    /// The agent opened the work order.
    Opened,
    /// The work order went back to the queue.
    Released,
    /// A call was placed.
    Dialled,
    /// The party called, and it became a call of the task.
    Incoming,
    /// The party called and was not spoken to.
    IncomingMissed,
    /// The agent handed the call to a colleague or to a desk phone.
    Transferred,
    /// The agent confirmed, or refused, what the line seemed to say.
    LineJudged,
    /// A call ended.
    CallEnded,
    /// The agent's outcome was saved; the call is an attempt.
    Attempt,
    /// The outcome is owed (待补录) and the task went back without it.
    Owed,
    /// The agent ended the call politely; nothing was agreed.
    EndedPolitely,
    /// A judge must look at it.
    Escalated,
    /// A report was rendered.
    Report,
    /// A report reached the case system.
    Delivered,
    /// A transcript became ready.
    Transcript,
    /// A transcript line was corrected.
    TranscriptEdited,
}

impl Kind {
    /// The stored word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::NoNumber => "no_number",
            Self::NumberUsable => "number_usable",
            Self::Offered => "offered",
            Self::Opened => "opened",
            Self::Released => "released",
            Self::Dialled => "dialled",
            Self::Incoming => "incoming",
            Self::IncomingMissed => "incoming_missed",
            Self::Transferred => "transferred",
            Self::LineJudged => "line_judged",
            Self::CallEnded => "call_ended",
            Self::Attempt => "attempt",
            Self::Owed => "owed",
            Self::EndedPolitely => "ended_politely",
            Self::Escalated => "escalated",
            Self::Report => "report",
            Self::Delivered => "delivered",
            Self::Transcript => "transcript",
            Self::TranscriptEdited => "transcript_edited",
        }
    }
}

/// Who did it, as it will be shown.
#[derive(Debug, Clone)]
pub struct By<'a> {
    /// User id, machine account id, or `system`.
    pub actor: &'a str,
    /// Name shown beside the event.
    pub name: &'a str,
}

/// The product itself.
pub const SYSTEM: By<'static> = By { actor: "system", name: "系统" };

/// One row of a timeline.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Event {
    /// Place in the task's timeline, from 1.
    pub seq: i64,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// User id, machine account id, or `system`.
    pub actor: String,
    /// Name shown.
    pub actor_name: String,
    /// Stored word of [`Kind`].
    pub kind: String,
    /// What it is about: a call, a report, an order.
    pub object_id: String,
    /// Masked facts for the text.
    pub detail: serde_json::Value,
}
