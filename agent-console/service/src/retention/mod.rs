//! How long evidence is kept, and how it goes (X6, E71).
//!
//! Each class of files has a period that counts from the return of its case to the court. What
//! is due is shown first (`plan`), asked for by one person and approved by another
//! (`requests`), and then deleted file by file with a certificate (`run`). A legal hold
//! (`holds`) beats all of that: it is looked for in the transaction that says that a file is about
//! to go. Then the file is taken away with no transaction open, and a second one writes that it is
//! gone; a hold that comes in between is set, and answered when the removal has ended.

mod certificate;
mod ending;
mod holds;
mod plan;
mod policy;
mod proof;
mod removal;
mod requests;
mod run;
mod standing;

pub(crate) use certificate::under_way;
pub use certificate::{
    CertificateRow, Certified, Proof, certificate, certificate_of, certificates, certificates_after, finished_ms,
    signed_files,
};
pub use ending::{Ending, ask_for_end, decide_end};
pub use holds::{HoldRow, active_holds, holds_of, lift_hold, set_hold, set_hold_within};
pub use plan::{Kept, Plan, Planned, plan, plan_end};
pub use policy::{Class, Policy, policies, policy};
pub use removal::{Removal, removal, removals_of};
pub use requests::{
    Decision, ItemRow, RequestRow, ask_for_contract_end, ask_for_deletion, ask_for_policy, decide, items, request,
    requests, withdraw,
};
pub use run::Deleter;

use crate::ServiceError;

/// Kind of the job that carries out an approved deletion.
pub const JOB: &str = "retention.delete";

/// Longest reason, characters.
const REASON: usize = 500;

/// A reason that a person gave, without blanks around it.
pub(crate) fn reason(text: &str) -> Result<&str, ServiceError> {
    let text = text.trim();
    let refused = |text: &str| ServiceError::Refused { code: "reason.unfit", field: "reason", text: text.into() };
    match text.chars().count() {
        0 => Err(refused("say why: the reason is kept with the evidence")),
        1..=REASON => Ok(text),
        _ => Err(refused("the reason may have at most 500 characters")),
    }
}
