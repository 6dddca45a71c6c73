//! Which paper arises from which events.
//!
//! A saved outcome asks for the report of its task; a transcript that became ready asks
//! again. Each version is a file of its own that stays: the next one replaces it in the
//! list and never in the store (R2.4e). The press only sets type; what a paper says, and
//! when a new one is due, is decided here.

pub mod jobs;
pub mod reports;

/// Why a paper could not be made or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PapersError {
    /// The database, the files or the sealed columns refused.
    #[error(transparent)]
    Store(#[from] songda_store::StoreError),
    /// The law of service refused, or a row is not there.
    #[error(transparent)]
    Service(#[from] songda_service::ServiceError),
    /// The court could not be read.
    #[error(transparent)]
    People(#[from] songda_people::PeopleError),
    /// The press could not set the paper.
    #[error(transparent)]
    Press(#[from] songda_press::PressError),
    /// A transcript could not be read.
    #[error("the transcript of call {call} cannot be read: {reason}")]
    Transcript {
        /// Call.
        call: String,
        /// Why not.
        reason: String,
    },
    /// The outcome table that is built in cannot be read.
    #[error("the outcome table cannot be read: {0}")]
    Rules(&'static str),
    /// The task changed each time while its report was being set.
    #[error("the task {task} kept changing while its report was set")]
    Busy {
        /// Task.
        task: String,
    },
}

impl From<sqlx::Error> for PapersError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}
