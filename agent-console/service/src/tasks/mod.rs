//! Tasks: one recipient of one order, in the call queue until the calls are done.
//!
//! `next` chooses the task that an agent gets: urgency first (hearing in three days, in
//! seven), then the court's own date, then age; only one call at a time per person.

mod back;
mod store;

pub use back::{SentBack, broken_call, call_back, may_call_again, send_back};
pub use store::{
    Move, Queue, TaskRow, after_attempt, after_late_attempt, close_with_report, find, has_untried_number,
    has_usable_number, list, next, phase, queue, release, reserve, reserve_for_caller,
};

/// Waits in the call queue.
pub const WAITING: &str = "待外呼";
/// An agent has it.
pub const CALLING: &str = "外呼中";
/// Served; the report is being made. The task is open until it exists (R3.2e).
pub const AWAITING_REPORT: &str = "待出报告";
/// Served and reported.
pub const SERVED: &str = "送达完成";
/// No number that can be called.
pub const SEARCHING: &str = "查找中";
/// Routed elsewhere: no call is wanted.
pub const ELSEWHERE: &str = "待转渠道";

/// What follows when no number is left, in both languages.
pub(crate) const NO_NUMBER: (&str, &str) =
    ("无可用号码，查找联系方式", "No usable number left: look for another contact");

/// What follows when a number can be dialled that could not, in both languages.
pub(crate) const NUMBER_USABLE: (&str, &str) =
    ("号码已可拨打，待外呼", "A number can be dialled now: waits for its call");

const DAY_MS: i64 = 86_400_000;

/// A hearing within this time is urgent (red), milliseconds.
pub(crate) const RED_MS: i64 = 3 * DAY_MS;
/// A hearing within this time comes before all later ones (yellow), milliseconds.
pub(crate) const YELLOW_MS: i64 = 7 * DAY_MS;

/// The phase in which a task begins.
pub(crate) fn first_phase(callable: bool, call_wanted: bool) -> &'static str {
    match (call_wanted, callable) {
        (false, _) => ELSEWHERE,
        (true, true) => WAITING,
        (true, false) => SEARCHING,
    }
}
