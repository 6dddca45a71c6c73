//! What a call came to: technical, contact and business code (domain 2.4), and what follows.
//!
//! The technical code is judged from the facts of the line (`technical`). Who spoke and
//! what was agreed is the agent's word, accepted only when the facts bear it
//! (`acceptance`). Saving it makes the call an attempt and moves the task (`record`).
//! The codes, their words and their consequences are versioned data.

mod acceptance;
mod announced;
mod causes;
mod fields;
mod record;
mod technical;

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

pub use acceptance::{CallFacts, Choice, Refusal, check};
pub use announced::{ANNOUNCED, announced};
pub use causes::{CauseRule, CauseTable, HOUSE, Judged, WrongRule};
pub use fields::{Field, FieldKind, FieldOption, Filled, Sets};
pub use record::{CallToRecord, Saved, Saving, record};
pub use technical::{LineFacts, judge};

/// One technical code, set by the system.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Technical {
    /// `C01` … `C13`.
    pub code: String,
    /// Name in Chinese.
    pub zh: String,
    /// Name in English.
    pub en: String,
    /// Whether the call counts as an attempt at service.
    pub attempt: bool,
    /// Minutes until the number may be tried again; none where retrying is decided otherwise.
    pub retry_minutes: Option<i64>,
    /// `keep`, or the state that the number gets for good.
    pub number: String,
}

/// Who spoke.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Contact {
    /// `W1` … `W12`.
    pub code: String,
    /// Name in Chinese.
    pub zh: String,
    /// Name in English.
    pub en: String,
    /// Digit key on the agent's desk.
    pub key: Option<u8>,
}

/// What was agreed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Business {
    /// `B01` … `B17`.
    pub code: String,
    /// Name in Chinese.
    pub zh: String,
    /// Name in English.
    pub en: String,
    /// Digit key on the agent's desk.
    pub key: Option<u8>,
    /// The phase in which the task waits afterwards.
    pub phase: String,
    /// Minutes until the next call, where the task goes back to the queue.
    #[serde(default)]
    pub retry_minutes: Option<i64>,
    /// What follows, in Chinese.
    pub next_zh: String,
    /// What follows, in English.
    pub next_en: String,
    /// Contacts with whom this may be agreed; empty means any.
    #[serde(default)]
    pub contacts: Vec<String>,
    /// Needs the tag 已清楚、完整听取.
    #[serde(default)]
    pub heard_all: bool,
    /// What it asks for besides its code.
    #[serde(default)]
    pub fields: Vec<Field>,
    /// Groups of fields of which one is enough.
    #[serde(default)]
    pub one_of: Vec<Vec<String>>,
}

/// How often a number, and a task, may be called (2.5).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Limits {
    /// Calls of one number in one day.
    pub per_number_day: i64,
    /// Calls of one number for one task.
    pub per_number: i64,
    /// Calls of one task.
    pub per_task: i64,
    /// Between two calls where nothing else is said, minutes.
    pub gap_minutes: i64,
    /// When calls begin on the next day, e.g. `08:30`.
    pub from: String,
}

/// When a call alone is service (rule S13).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PhoneService {
    /// Rule id.
    pub rule: String,
    /// Document classes that may be served by telephone (L3).
    pub classes: Vec<String>,
    /// Whether the court allows it at all.
    pub allowed: bool,
}

/// The outcome table in force.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Catalogue {
    /// Version of the table.
    pub version: u32,
    /// How often may be called.
    pub limits: Limits,
    /// Talk below this, in milliseconds, cannot be 已清楚、完整听取 (R4.1d).
    pub minimum_talk_ms: i64,
    /// Technical codes.
    pub technical: Vec<Technical>,
    /// Contact codes.
    pub contacts: Vec<Contact>,
    /// Business codes.
    pub businesses: Vec<Business>,
    /// Service by telephone.
    pub phone_service: PhoneService,
}

static CATALOGUE: LazyLock<Result<Catalogue, String>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../rules/outcomes-v2.json")).map_err(|error| error.to_string())
});

/// The outcome table in force; an error when the embedded table cannot be read, which
/// the server finds at its start.
pub fn catalogue() -> Result<&'static Catalogue, &'static str> {
    CATALOGUE.as_ref().map_err(String::as_str)
}

impl Catalogue {
    /// The technical code with this name.
    pub fn technical(&self, code: &str) -> Option<&Technical> {
        self.technical.iter().find(|item| item.code == code)
    }

    /// The contact code with this name.
    pub fn contact(&self, code: &str) -> Option<&Contact> {
        self.contacts.iter().find(|item| item.code == code)
    }

    /// The business code with this name.
    pub fn business(&self, code: &str) -> Option<&Business> {
        self.businesses.iter().find(|item| item.code == code)
    }

    /// Name of the table with its version, stored with each attempt.
    pub fn rule(&self) -> String {
        format!("outcomes v{}", self.version)
    }
}
