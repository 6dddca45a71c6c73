//! The chain of evidence (X2): every file by name, in a signed root of its day, looked at again
//! and again, and marked when it is not what it was.
//!
//! A file is entered with both hashes in the transaction that makes it
//! ([`songda_store::evidence`]). `roots` makes the root of each day of a court, chained to the
//! day before and signed. `examine` compares files with the register, `chain` the register with
//! the roots. `bound` enters what a call belongs to, and what was corrected; `aside` what a recovery
//! set aside. `notary` hands the roots in at a notary, where that is wished. What does not fit is
//! 待核查 (`doubts`) until a person clears it with a reason; it is never hashed again to make it fit.

mod aside;
mod bound;
mod chain;
mod doubts;
mod earlier;
mod examine;
pub(crate) mod files;
pub mod notary;
mod roots;
mod signed;
mod whereabouts;

pub(crate) use bound::case_line;
pub use bound::{Correction, bind_call, enter_correction};
pub use chain::{RootCheck, check_chain, check_missing, check_oldest, check_root};
pub use doubts::{
    DoubtRow, Found, Marked, Place, all_standing_doubts, clear, doubts, doubts_of_case, mark, standing_doubts,
};
pub use examine::{Examiner, Progress, looked_at};
pub use files::{FileRow, Which, file, files, media_type};
pub use roots::{Days, LEAP_DAYS, RootRow, Roots, chain_of, leaf, root, roots};
pub use signed::Signed;

use songda_recordings::said::Said;

use crate::ServiceError;

/// What this house calls itself in the audit log when nobody asked.
pub const HOUSE: &str = "system";

/// Not where it should be.
fn not_there() -> Found {
    Found::Missing { reason: Said::new("file.missing", "the file is not there") }
}

/// Not as it was entered.
fn altered(code: &str, english: &str) -> Found {
    Found::Altered { reason: Said::new(code, english) }
}

/// Another length than was entered.
fn other_length(there: u64, entered: i64) -> Found {
    let said = Said::new("file.length", "{there} bytes instead of {entered}");
    Found::Altered { reason: said.with("there", there).with("entered", entered) }
}

/// Other hashes than were entered.
fn other_hash() -> Found {
    altered("file.hash", "its hash differs from the register")
}

fn internal(action: &'static str, error: impl std::fmt::Display) -> ServiceError {
    songda_store::StoreError::internal(action, error).into()
}
