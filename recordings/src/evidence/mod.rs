//! Day roots: what existed on a day, so that nobody can change it later without being seen.
//!
//! Each file of a day is a leaf of object id, SHA-256, SM3 and what the register says of it. The leaves stand in the order
//! of their ids in a Merkle tree of RFC 6962 section 2.1, built twice over the same leaves:
//! once with SHA-256 and once with SM3, so that the weakness of one hash breaks neither the
//! tree nor a leaf. The root of a day names the root of the day before and is signed with the
//! house's Ed25519 key. Roots, manifests and files are checked with the public key alone, at
//! any desk, without the house ([`Offline`]).
//!
//! Mechanism only: which files belong to a day, and what follows from a broken one, is
//! decided elsewhere (X2).

mod notary;
mod offline;
mod path;
mod root;
mod tree;

pub use notary::{HandIn, NotaryReceipt, Part, ReceiptFault};
pub use offline::{Checked, Listed, Offline, Standing, inside};
pub use path::Inclusion;
pub use root::{Chain, DayRoot, Draft, RootFault, check_chain};
pub(crate) use tree::Hashing;
pub use tree::{Facts, Hashes, Leaf, Tree};

/// Why a root or a list cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// An id or a court that cannot stand in signed text.
    #[error("{what} must be 1 to 200 characters without control characters")]
    BadName {
        /// Which.
        what: &'static str,
    },
    /// No hash.
    #[error("the {what} of {object} is not a hash of 64 hexadecimal digits")]
    BadHash {
        /// Which hash.
        what: &'static str,
        /// Of which object.
        object: String,
    },
    /// The same object twice in one day.
    #[error("{0} stands twice in one day: each file has one leaf")]
    Twice(String),
    /// No day.
    #[error("{0} is not a day: write it as 2026-11-27")]
    BadDay(String),
    /// The root before is of another court, or not before.
    #[error("the root of {day} cannot follow that of {before}: it must be of the same court and of an earlier day")]
    Order {
        /// Day that was to be signed.
        day: String,
        /// Day of the root before.
        before: String,
    },
    /// The key gave no signature.
    #[error("the day root could not be signed: {0}")]
    Key(#[from] crate::keys::KeyError),
}

/// A name that stands on a line of its own in signed text.
fn check_name(what: &'static str, text: &str) -> Result<(), EvidenceError> {
    let fits = (1..=200).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if fits { Ok(()) } else { Err(EvidenceError::BadName { what }) }
}
