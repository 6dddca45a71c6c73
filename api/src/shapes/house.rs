//! Sessions, accounts, alarms, the log, health and errors.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// An error (RFC 9457).
#[derive(Serialize, ToSchema)]
pub(crate) struct ProblemBody {
    /// Always `about:blank`; the code tells what it is.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// Words of the status.
    pub(crate) title: String,
    /// HTTP status.
    pub(crate) status: u16,
    /// Stable code.
    pub(crate) code: String,
    /// What was being done, to what, and what to do next.
    pub(crate) detail: String,
    /// The field at fault, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) field: Option<String>,
    /// Fields of an outcome, or steps of the script, that are missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) missing: Option<Vec<String>>,
    /// Every wrong field of a push.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) errors: Option<Vec<Value>>,
}

/// Who is signed in.
#[derive(Serialize, ToSchema)]
pub(crate) struct Me {
    pub(crate) user: MeUser,
    pub(crate) court: MeCourt,
    /// Permission codes.
    pub(crate) permissions: Vec<&'static str>,
    /// Demo mode.
    pub(crate) demo: bool,
}

/// The person.
#[derive(Serialize, ToSchema)]
pub(crate) struct MeUser {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) staff_no: String,
    /// `agent`, `supervisor`, `judge`, `clerk`, `admin` or `auditor`.
    pub(crate) role: &'static str,
}

/// The court.
#[derive(Serialize, ToSchema)]
pub(crate) struct MeCourt {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) code: String,
}

/// A browser's key as the house knows it.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionKey {
    pub(crate) kid: String,
    /// Stands in the envelope as `sid`.
    pub(crate) session_tag: String,
    pub(crate) expires_at: String,
}

/// An account.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserRow {
    pub(crate) id: String,
    pub(crate) login: String,
    pub(crate) name: String,
    pub(crate) staff_no: String,
    pub(crate) role: String,
    pub(crate) disabled: bool,
}

/// Accounts of the court.
#[derive(Serialize, ToSchema)]
pub(crate) struct Users {
    pub(crate) items: Vec<UserRow>,
}

/// Something that somebody must look at.
#[derive(Serialize, ToSchema)]
pub(crate) struct AlarmRow {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) object_id: String,
    /// What happened and what to do.
    pub(crate) said: Said,
    pub(crate) raised_at: String,
    pub(crate) last_at: String,
    pub(crate) times: i64,
}

/// Open alarms.
#[derive(Serialize, ToSchema)]
pub(crate) struct Alarms {
    pub(crate) items: Vec<AlarmRow>,
}

/// A row of the audit log.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditRow {
    pub(crate) seq: i64,
    pub(crate) at: String,
    /// Id of a user or a machine account, or `system`.
    pub(crate) actor: String,
    /// Name of the user; empty for machines.
    pub(crate) actor_name: String,
    pub(crate) role: String,
    pub(crate) action: String,
    pub(crate) object_kind: String,
    pub(crate) object_id: String,
    pub(crate) ip: String,
    pub(crate) result: String,
    pub(crate) detail: Value,
}

/// A page of the audit log, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditPage {
    pub(crate) items: Vec<AuditRow>,
    pub(crate) next_cursor: Option<i64>,
}

/// Health.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`, `degraded`, or `draining` once the server was told to end.
    pub(crate) status: &'static str,
    /// Demo mode: nothing here is real (X5).
    pub(crate) demo: bool,
    pub(crate) checks: Vec<Check>,
}

/// What is said to people: a page has words for the code in both languages.
#[derive(Serialize, ToSchema)]
pub(crate) struct Said {
    pub(crate) code: String,
    /// Figures and words that stand in it; one may be said itself. A name that ends in `_at_ms` holds
    /// Unix milliseconds.
    pub(crate) values: Value,
    /// The sentence in English.
    pub(crate) text: String,
}

impl From<songda_recordings::said::Said> for Said {
    fn from(said: songda_recordings::said::Said) -> Self {
        Self { code: said.code, values: said.values.into(), text: said.text }
    }
}

/// One part of the house.
#[derive(Serialize, ToSchema)]
pub(crate) struct Check {
    pub(crate) name: &'static str,
    /// `ok`, `warn` (it works, and somebody should look), `failed` or `off`.
    pub(crate) status: &'static str,
    /// For people; no personal data.
    pub(crate) said: Option<Said>,
}

impl Check {
    /// How a part stands, and what it says of itself.
    pub(crate) fn new(name: &'static str, status: &'static str, said: Option<songda_recordings::said::Said>) -> Self {
        Self { name, status, said: said.map(Into::into) }
    }
}
