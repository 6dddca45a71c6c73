//! Copies of closed recordings on an S3 server.
//!
//! A copy is the sealed file as it lies on its shelf, under the same name, and is written
//! once: an object that is there and equal is a success, one that differs is an error, and
//! none is ever written over. It counts as made when the whole of it was read back and has
//! the hash of the local file; a note beside the file says so, and only then may the local
//! file go. Keys never leave the house: the server holds sealed blocks.

mod config;
mod copy;
mod far;
mod notes;
mod remote;

pub use config::{Credentials, S3Config};
pub use copy::Copied;
pub(super) use far::Far;
pub(super) use notes::{Note, is_noted, remove_note, remove_notes};
pub use remote::Remote;

/// Why the S3 server, or a copy on it, could not be used. None of them holds a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum S3Error {
    /// The configuration does not hold.
    #[error("vault.s3: {0}")]
    Config(String),
    /// The server refused the keys.
    #[error("{place} refused to {action} ({code}): {advice}")]
    Refused {
        /// Bucket and server.
        place: String,
        /// What was being done.
        action: &'static str,
        /// The server's word for it.
        code: String,
        /// What to do.
        advice: &'static str,
    },
    /// The server did not answer, or not as one does.
    #[error("{place} could not {action}: {reason}; it is tried again")]
    Unreachable {
        /// Bucket and server.
        place: String,
        /// What was being done.
        action: &'static str,
        /// What happened.
        reason: String,
        /// It did answer, with an error that may be of this object alone: others may be asked for.
        answered: bool,
    },
    /// No such bucket, or no such object.
    #[error("{place} has no {object}")]
    NotThere {
        /// Bucket and server.
        place: String,
        /// Object.
        object: String,
    },
    /// Parts that were sent are not known any more.
    #[error("{place} has forgotten parts of a copy that it had: they are sent again")]
    Forgotten {
        /// Bucket and server.
        place: String,
    },
    /// The bucket keeps versions, so that what is removed can be had again.
    #[error(
        "{place} keeps versions of {object}: removed, it could be restored, so it was not. Copies belong into a bucket without versions and Object Lock: move them there and name it in vault.s3.bucket"
    )]
    KeepsVersions {
        /// Bucket and server.
        place: String,
        /// Object.
        object: String,
    },
    /// The object is there already and is another.
    #[error(
        "{place} holds another {object} than the vault: {difference}. It was not written over: look who wrote there, and keep both"
    )]
    Differs {
        /// Bucket and server.
        place: String,
        /// Object.
        object: String,
        /// What differs.
        difference: String,
    },
}

impl S3Error {
    /// Whether the server is not there, so that nothing else need be asked of it for now.
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Unreachable { answered: false, .. })
    }
}
