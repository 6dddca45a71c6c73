//! Day roots, what waits for examination, how long evidence is kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use songda_service::retention::Removal;
use songda_store::clock::rfc3339;
use utoipa::ToSchema;

use super::Said;

/// The root of a day.
#[derive(Serialize, ToSchema)]
pub(crate) struct RootView {
    pub(crate) day: String,
    pub(crate) files: i64,
    /// SHA-256, hex.
    pub(crate) root: String,
    /// Which key signed it.
    pub(crate) key_id: String,
    pub(crate) made_at: String,
    /// When it was last looked at.
    pub(crate) checked_at: Option<String>,
    /// `intact`, `broken`, or `unchecked`.
    pub(crate) state: &'static str,
    /// What is wrong with it.
    pub(crate) said: Option<Said>,
    pub(crate) notary: NotaryView,
}

/// How the root of a day stands with the notary (司法链).
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct NotaryView {
    /// `off` (none is asked, and there is no receipt), `waiting`, `refused` (a receipt came that
    /// proves nothing of this root; it is asked again), `kept`, `broken` (the receipt is not what the
    /// notary signed), or `unchecked` (there is a receipt, and no key of a notary to check it with).
    pub(crate) state: &'static str,
    /// Number of the proof (存证编号).
    pub(crate) number: Option<String>,
    /// Height of the block.
    pub(crate) block: Option<u64>,
    pub(crate) transaction: Option<String>,
    /// When it was written, by the notary's clock.
    pub(crate) at: Option<String>,
    /// Why it waits, was refused or is broken.
    pub(crate) said: Option<Said>,
}

/// Day roots, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct RootsPage {
    pub(crate) items: Vec<RootView>,
    pub(crate) next_cursor: Option<String>,
    /// Files that are looked at again and again.
    pub(crate) files: i64,
    /// The longest that one of them has not been looked at: since when.
    pub(crate) oldest_look_at: Option<String>,
}

/// Something that is or was 待核查.
#[derive(Serialize, ToSchema)]
pub(crate) struct DoubtView {
    pub(crate) id: String,
    /// The file, or `root:` and the day.
    pub(crate) object_id: String,
    /// `recording`, `transcript`, `set_aside`, `report`, `document`, `root` …
    pub(crate) kind: String,
    /// What a document is called; version of a report.
    pub(crate) name: String,
    /// The call of a recording or transcript.
    pub(crate) call_id: Option<String>,
    pub(crate) case_id: Option<String>,
    pub(crate) case_number: String,
    pub(crate) task_id: Option<String>,
    pub(crate) task_number: String,
    /// `missing`, `altered` or `root`.
    pub(crate) verdict: String,
    /// What differs.
    pub(crate) said: Said,
    pub(crate) found_at: String,
    pub(crate) cleared_at: Option<String>,
    pub(crate) cleared_by: Option<String>,
    /// Why it was cleared.
    pub(crate) reason: String,
}

/// What is 待核查 first, then what was.
#[derive(Serialize, ToSchema)]
pub(crate) struct DoubtsView {
    pub(crate) items: Vec<DoubtView>,
    /// Where the next page starts; none on the last.
    pub(crate) next_cursor: Option<String>,
}

/// Why something is done.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Why {
    /// 1 to 500 characters; kept with the evidence.
    pub(crate) reason: String,
}

/// A class and its period.
#[derive(Serialize, ToSchema)]
pub(crate) struct ClassView {
    /// `recording`, `transcript`, `receipt`, `document` or `caller`.
    pub(crate) code: &'static str,
    /// Days from the return of the case to the court.
    pub(crate) days: i64,
    /// Days below which no court may go.
    pub(crate) least_days: i64,
}

/// The periods of a court.
#[derive(Serialize, ToSchema)]
pub(crate) struct PolicyView {
    /// 0: the defaults of the house.
    pub(crate) version: i64,
    pub(crate) valid_from: Option<String>,
    pub(crate) asked_by: String,
    pub(crate) approved_by: String,
    pub(crate) classes: Vec<ClassView>,
}

/// A legal hold.
#[derive(Serialize, ToSchema)]
pub(crate) struct HoldView {
    pub(crate) id: String,
    pub(crate) case_id: String,
    pub(crate) case_number: String,
    pub(crate) reason: String,
    pub(crate) set_by: String,
    pub(crate) set_at: String,
    pub(crate) lifted_by: Option<String>,
    pub(crate) lifted_at: Option<String>,
    pub(crate) lift_reason: String,
}

/// Holds of a case, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct HoldsView {
    pub(crate) items: Vec<HoldView>,
}

/// Something that one person asks for and another decides about.
#[derive(Serialize, ToSchema)]
pub(crate) struct RetentionRequest {
    pub(crate) id: String,
    /// `policy`, `deletion` or `contract_end`.
    pub(crate) kind: String,
    /// The days per class, or the totals of the deletion.
    pub(crate) body: Value,
    pub(crate) policy_version: i64,
    /// `waiting`, `refused`, `withdrawn`, `approved` (being carried out), `done`, or `ended` by two
    /// persons before it was done.
    pub(crate) state: String,
    pub(crate) asked_by: String,
    pub(crate) asked_at: String,
    /// Whether whoever reads this asked for it: he cannot decide about it.
    pub(crate) own: bool,
    pub(crate) decided_by: Option<String>,
    pub(crate) decided_at: Option<String>,
    /// Why it was approved or refused, by whoever did.
    pub(crate) reason: String,
    /// Why the house refused it, where no person did.
    pub(crate) refused: Option<Said>,
    /// Why it was asked for; empty for periods.
    pub(crate) asked_because: String,
    pub(crate) done_at: Option<String>,
    pub(crate) certificate: Option<String>,
    /// Who asked that an approved deletion ends, when somebody did.
    pub(crate) ending: Option<EndingView>,
}

/// The end of an approved deletion, as it was asked for.
#[derive(Serialize, ToSchema)]
pub(crate) struct EndingView {
    pub(crate) by: String,
    pub(crate) at: String,
    pub(crate) reason: String,
    /// Whether whoever reads this asked for it: he cannot decide about it.
    pub(crate) own: bool,
    /// Who agreed; nothing more goes since.
    pub(crate) agreed: Option<String>,
}

/// Whether an approved deletion ends.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndDecision {
    /// No: it goes on.
    pub(crate) end: bool,
}

/// How long a court keeps what, and what was asked for.
#[derive(Serialize, ToSchema)]
pub(crate) struct Retention {
    pub(crate) policy: PolicyView,
    pub(crate) requests: Vec<RetentionRequest>,
    pub(crate) holds: Vec<HoldView>,
}

/// Files and bytes.
#[derive(Serialize, ToSchema)]
pub(crate) struct Amount {
    pub(crate) files: i64,
    pub(crate) bytes: i64,
}

/// A file that would go, or went.
#[derive(Serialize, ToSchema)]
pub(crate) struct RetentionItem {
    pub(crate) file: String,
    pub(crate) class: String,
    pub(crate) kind: String,
    pub(crate) case_number: String,
    pub(crate) task_number: String,
    pub(crate) bytes: i64,
    /// When the case came back to the court, or a caller of no case was entered; in a dry run only, and
    /// none where that does not count.
    pub(crate) returned_at: Option<String>,
    pub(crate) due_at: String,
    /// `planned`, `waiting`, `deleting`, `deleted`, `kept`, or `failed`: it could not be taken away.
    pub(crate) state: String,
    /// Why it was kept: `hold`, `open_task`, `live_call`, `not_returned`, `unsettled`, `linked`, `doubt`, `no_root`,
    /// `not_due` or `ended`; of one that failed, why, in words.
    pub(crate) why: String,
}

/// What a deletion would do now. Nothing is deleted by looking.
#[derive(Serialize, ToSchema)]
pub(crate) struct RetentionPlan {
    pub(crate) at: String,
    pub(crate) policy_version: i64,
    pub(crate) items: Vec<RetentionItem>,
    /// Whether there is more than one deletion takes.
    pub(crate) more: bool,
    pub(crate) total: Amount,
    /// Of how many cases; callers of no case count for none.
    pub(crate) cases: usize,
    pub(crate) classes: BTreeMap<&'static str, Amount>,
    /// What stays, by why it stays.
    pub(crate) kept: BTreeMap<&'static str, Amount>,
}

/// A request with its files.
#[derive(Serialize, ToSchema)]
pub(crate) struct RetentionRequestDetail {
    pub(crate) request: RetentionRequest,
    pub(crate) items: Vec<RetentionItem>,
}

/// Days per class.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WantedPolicy {
    /// Every class once.
    pub(crate) days: BTreeMap<String, i64>,
}

/// What is to be deleted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WantedDeletion {
    /// One case only; everything that is due when it is left out.
    pub(crate) case_id: Option<String>,
    /// Why, 1 to 500 characters; kept with the request and in the certificate. Without it the request is
    /// refused (`reason.unfit`).
    #[serde(default)]
    pub(crate) reason: String,
}

/// Everything of the court is to be deleted, because the contract ends.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WantedEnd {
    /// Why, 1 to 500 characters; kept with the request and in the certificate. Without it the request is
    /// refused (`reason.unfit`).
    #[serde(default)]
    pub(crate) reason: String,
}

/// What a second person says.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetentionDecision {
    pub(crate) approve: bool,
    /// Why, 1 to 500 characters; only periods are approved without.
    #[serde(default)]
    pub(crate) reason: String,
    /// How many files go, as the list of the request has it; needed to approve a deletion
    /// (`retention.count`).
    #[serde(default)]
    pub(crate) files: Option<i64>,
}

/// The id of what arose.
#[derive(Serialize, ToSchema)]
pub(crate) struct Arisen {
    pub(crate) id: String,
}

/// How a file went that is there no more: by decision of two persons.
#[derive(Serialize, ToSchema)]
pub(crate) struct RemovalView {
    pub(crate) deleted_at: String,
    /// `period`: its time was over; `contract_end`: the contract with the court had ended.
    pub(crate) ground: &'static str,
    /// The certificate that names its hashes; none while the removal of others still runs.
    pub(crate) certificate: Option<String>,
}

impl From<Removal> for RemovalView {
    fn from(removal: Removal) -> Self {
        Self {
            deleted_at: rfc3339(removal.deleted_ms),
            ground: if removal.is_contract_end { "contract_end" } else { "period" },
            certificate: removal.certificate,
        }
    }
}

/// A deletion certificate.
#[derive(Serialize, ToSchema)]
pub(crate) struct CertificateView {
    pub(crate) id: String,
    pub(crate) request_id: String,
    /// The file in which it is kept, which is evidence itself.
    pub(crate) object_id: String,
    /// What was signed, read.
    pub(crate) content: Value,
    /// The very text that was signed.
    pub(crate) signed: String,
    pub(crate) suite: String,
    pub(crate) key_id: String,
    pub(crate) signature: String,
    /// Whether the house's keys say that it was signed so.
    pub(crate) is_genuine: bool,
}
