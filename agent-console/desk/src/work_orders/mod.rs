//! Work orders: one task in the hands of one agent, sealed to his browser.
//!
//! A work order holds names, case, documents, script and `phone_id` with the masked
//! number. The number itself stays in the server (R4.3b).

mod content;
mod envelope;
mod store;

pub use content::content;
pub use envelope::{Binding, Envelope, INFO, SUITE, seal};
pub use store::{
    WorkOrder, active, close, expire_all, hand_over, hold_for_call, holder, offer, opened, renew, still_held,
    take_for_caller,
};

/// How long a work order may lie open, in milliseconds.
pub const LIFETIME_MS: i64 = 30 * 60_000;
