//! Tasks: one recipient of one order, in the call queue until the calls are done.
//!
//! `next` chooses the task that an agent gets: urgency first (hearing in three days, in
//! seven), then the court's own date, then age; only one call at a time per person.

mod store;

pub use store::{
    Move, Queue, TaskRow, after_attempt, close_with_report, find, has_other_number, list, next, number_is_usable,
    queue, release, reserve,
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

const DAY_MS: i64 = 86_400_000;

/// Place in the queue by the hearing: 0 within three days, 1 within seven, else 2.
pub fn priority(now_ms: i64, hearing_ms: Option<i64>, urgent: bool) -> i64 {
    match hearing_ms.map(|at| at - now_ms) {
        _ if urgent => 0,
        Some(left) if left < 3 * DAY_MS => 0,
        Some(left) if left < 7 * DAY_MS => 1,
        _ => 2,
    }
}

/// The phase in which a task begins.
pub(crate) fn first_phase(callable: bool, call_wanted: bool) -> &'static str {
    match (call_wanted, callable) {
        (false, _) => ELSEWHERE,
        (true, true) => WAITING,
        (true, false) => SEARCHING,
    }
}
