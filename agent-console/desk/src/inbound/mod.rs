//! Calls that come in (R4.4a, R4.2d, E46): who calls the court's number, who takes it, and
//! what becomes of a call that belongs to nobody yet.
//!
//! Every call is written down before it is answered and recorded from the answer. One whose
//! number stands in an open task is offered to the agent who worked on it, and becomes a call
//! of that task when he takes it. Any other shows no agent a fact of any case, and stands in
//! the list 未关联 with its recording until a supervisor links it to a task or dismisses it
//! with a reason.

pub mod caller;
mod guest;
pub mod hours;
mod list;
mod reception;
mod store;

pub use list::{Item, Linked, Listed, dismiss, find, items, link, transcript};
pub(crate) use reception::{Changes, write};
pub use reception::{Handover, Offer, Word, receive};
pub use store::{
    Came, End, Inbound, New, TakenBy, answered, begin, came_in, end, keep_leg, marked, measured, message_begins,
    party_calls, recording_began, said, take_for_task, take_stray, unfinished, without_recording_row,
};
