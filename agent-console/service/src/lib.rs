//! The law of service: cases, parties, orders, tasks, the timeline and the outcomes.
//!
//! An order that the court pushed becomes one task per recipient (`intake`). A task
//! waits in the queue (`tasks`), everything that happens to it stands in its timeline
//! (`timeline`), and the outcome of a call decides what follows (`outcomes`). Rules are
//! versioned data under `rules/`; nothing here speaks HTTP or SIP.

pub mod case_number;
pub mod cases;
pub mod evidence;
pub mod intake;
pub mod outcomes;
pub mod retention;
pub mod tasks;
pub mod timeline;
mod times;

pub use times::{date, day, midnight_after, moment};

/// Why something in the law of service could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// The database or the sealed columns refused.
    #[error(transparent)]
    Store(#[from] songda_store::StoreError),
    /// The row is not there, or not in the caller's scope.
    #[error("no {kind} with this id")]
    NotFound {
        /// What was looked for.
        kind: &'static str,
    },
    /// The state does not allow what was asked.
    #[error("{action} is not possible while the {kind} is {state}")]
    WrongState {
        /// What was asked.
        action: &'static str,
        /// What it was asked of.
        kind: &'static str,
        /// The state it is in.
        state: String,
    },
    /// A rule does not allow what was asked.
    #[error("{text}")]
    Refused {
        /// Stable code.
        code: &'static str,
        /// The field that is wrong; empty when it is the state.
        field: &'static str,
        /// Why, and what to do.
        text: String,
    },
}

impl From<sqlx::Error> for ServiceError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}
