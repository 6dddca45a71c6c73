//! The telephone desk: agents and their seats, sealed work orders, calls, outcomes,
//! transcripts.
//!
//! One actor owns each agent's seat (`seats`); it offers the next task as a sealed work
//! order (`work_orders`), places the call through the court's own number (`telephony`,
//! `calls`) and waits for the outcome. The database is the truth: whatever a seat knows
//! can be read again after a reload or a restart (`recovery`).

pub mod calls;
pub mod checklist;
pub mod escalations;
pub mod inbound;
pub mod outcomes;
pub mod progress;
pub mod recovery;
pub mod seats;
pub mod settings;
pub mod telephony;
pub mod transcripts;
pub mod work_orders;

use std::sync::Arc;

use songda_calls::Switchboard;
use songda_recordings::vault::Vault;
use songda_service::ServiceError;
use songda_store::{Clock, Db, Sealer, StoreError};
use tokio::sync::Notify;

/// What the desk stands on.
#[derive(Clone)]
pub struct Ground {
    /// Database.
    pub db: Db,
    /// Clock.
    pub clock: Clock,
    /// Sealed columns.
    pub sealer: Sealer,
    /// Evidence vault.
    pub vault: Arc<Vault>,
    /// Call control.
    pub switchboard: Switchboard,
    /// Demo mode: demo trunks only, and nothing else (X5).
    pub demo: bool,
    /// Woken when a job was written.
    pub jobs: Arc<Notify>,
    /// Entry script of the console that is served, which tells a page that it is an old one.
    pub build: Arc<str>,
}

/// Why the desk could not do something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeskError {
    /// The law of service refused.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// An outcome does not fit the call.
    #[error(transparent)]
    Outcome(#[from] songda_service::outcomes::Refusal),
    /// A trunk, a number or a change does not fit.
    #[error(transparent)]
    Unfit(#[from] telephony::Unfit),
    /// No call can go out.
    #[error(transparent)]
    NoRoute(#[from] telephony::NoRoute),
    /// The outcome of this call was saved before.
    #[error("the outcome of this call is saved already; correct it through the judge")]
    OutcomeSaved,
    /// The work order could not be sealed.
    #[error("the work order cannot be sealed to this browser's key")]
    Sealing,
    /// The embedded outcome table cannot be read.
    #[error("the outcome table cannot be read: {0}")]
    Rules(&'static str),
}

impl From<StoreError> for DeskError {
    fn from(error: StoreError) -> Self {
        Self::Service(error.into())
    }
}

impl From<sqlx::Error> for DeskError {
    fn from(error: sqlx::Error) -> Self {
        Self::Service(error.into())
    }
}
