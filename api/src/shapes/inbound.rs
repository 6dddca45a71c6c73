//! Calls that came in and belong to no task.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A call that came in.
#[derive(Serialize, ToSchema)]
pub(crate) struct InboundCall {
    pub(crate) id: String,
    /// `open`, `linked` or `dismissed`.
    pub(crate) state: String,
    pub(crate) at: String,
    /// From the answer to the end.
    pub(crate) lasted_ms: i64,
    pub(crate) phone_masked: String,
    /// The court's own number, which is public.
    pub(crate) called: String,
    /// It has a voice message.
    pub(crate) message: bool,
    /// 待回拨.
    pub(crate) call_back: bool,
    /// Agent who spoke to the caller, or empty.
    pub(crate) agent: String,
    pub(crate) talk_ms: i64,
    /// Task whose number it is, or that it was linked to.
    pub(crate) task: Option<InboundTask>,
    /// State of the recording; `unsealed` where it was begun and not closed, none where there is none.
    pub(crate) recording: Option<String>,
    pub(crate) recording_ms: i64,
    /// `waiting`, `ready` or `failed`; none where none is made.
    pub(crate) transcript: Option<String>,
    pub(crate) settled_by: String,
    pub(crate) settled_at: Option<String>,
    /// Why it was dismissed.
    pub(crate) reason: String,
}

/// The task beside a call that came in.
#[derive(Serialize, ToSchema)]
pub(crate) struct InboundTask {
    pub(crate) id: String,
    pub(crate) number: String,
    pub(crate) case_number: String,
    pub(crate) recipient: String,
}

/// Calls that came in, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct InboundCalls {
    pub(crate) items: Vec<InboundCall>,
    pub(crate) next_cursor: Option<String>,
}

/// What a machine wrote down of such a call.
#[derive(Serialize, ToSchema)]
pub(crate) struct InboundTranscript {
    pub(crate) lines: Vec<InboundLine>,
}

/// A line of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct InboundLine {
    pub(crate) from_ms: u64,
    pub(crate) text: String,
}

/// The task to which a call is linked.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkTo {
    pub(crate) task: String,
}

/// Why a call is dismissed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DismissFor {
    /// 2 to 200 characters.
    pub(crate) reason: String,
}

/// A day on which it is otherwise.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DayOtherwise {
    /// `2026-10-01`.
    pub(crate) date: String,
    /// Calls are taken, at the hours of every day.
    pub(crate) open: bool,
}

/// When a court takes calls.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InboundSettings {
    /// Days of the week, 1 is Monday.
    pub(crate) days: Vec<u8>,
    /// `08:30`, in Shanghai.
    pub(crate) opens: String,
    pub(crate) closes: String,
    /// Days on which it is otherwise than the day of the week says: holidays, and the days that
    /// are worked instead. At most 100, each once.
    #[serde(default)]
    pub(crate) exceptions: Vec<DayOtherwise>,
    /// How long a caller waits for an agent: 15 to 600.
    pub(crate) wait_s: i64,
    /// Longest voice message: 0 to 300; with 0 none is taken.
    pub(crate) message_s: i64,
}
