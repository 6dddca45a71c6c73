//! What an agent's desk reads over HTTP, and how a court works there.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{TickRow, Words};

/// A call whose outcome waits (待补录).
#[derive(Serialize, ToSchema)]
pub(crate) struct OwedCall {
    pub(crate) call_id: String,
    pub(crate) task_number: String,
    pub(crate) case_number: String,
    pub(crate) recipient: String,
    pub(crate) phone_masked: String,
    pub(crate) ended_at: String,
    pub(crate) technical: Words,
    pub(crate) talk_ms: i64,
    /// Why the agent ended it politely, or empty.
    pub(crate) end_reason: String,
    pub(crate) ticks: Vec<TickRow>,
}

/// The calls whose outcome an agent owes, oldest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct OwedCalls {
    pub(crate) items: Vec<OwedCall>,
}

/// A colleague at the desk.
#[derive(Serialize, ToSchema)]
pub(crate) struct TransferSeat {
    pub(crate) id: String,
    pub(crate) name: String,
    /// 工号.
    pub(crate) staff_no: String,
    /// `ready`, `reserved`, `calling`, `wrap_up`, `paused` or `offline`.
    pub(crate) state: &'static str,
    /// A call may be handed to him.
    pub(crate) free: bool,
}

/// A desk phone of the court.
#[derive(Serialize, ToSchema)]
pub(crate) struct TransferPhone {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) extension: String,
    /// A device is registered.
    pub(crate) free: bool,
}

/// To whom an agent may hand a call, the free ones first.
#[derive(Serialize, ToSchema)]
pub(crate) struct TransferTargets {
    pub(crate) seats: Vec<TransferSeat>,
    pub(crate) phones: Vec<TransferPhone>,
}

/// How a court works at the desk.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeskSettings {
    pub(crate) wrap_up: WrapUpSetting,
    /// What agents see of a supervisor in their call: `spoken` (whispering and barging in) or
    /// `always` (listening too). Left out, it stays as it is.
    pub(crate) supervision_shown: Option<String>,
}

/// The time between a call and its outcome.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrapUpSetting {
    /// `optional`, `discretionary`, `time_boxed` or `time_boxed_no_early_exit`.
    pub(crate) policy: String,
    /// 10 to 900.
    pub(crate) seconds: i64,
}
