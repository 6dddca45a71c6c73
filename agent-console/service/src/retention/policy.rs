//! Periods per class, as versioned data of a court.
//!
//! Only what a deletion takes has a period. The audit log, in which the accesses stand too, and the
//! data of cases are kept as long as the house: the log is the proof of every deletion, and its time
//! is that of the case files, which no job deletes (domain 7; 网络安全法 23(3) and 网络数据安全管理条例
//! 12 ask for six months and three years at least).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use songda_people::Actor;
use songda_store::{Clock, Db, Tx, evidence};
use sqlx::Row;

use crate::{ServiceError, evidence::FileRow};

/// What is kept for a time of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Recordings (WAV), and what a recovery set aside of one.
    Recording,
    /// Transcripts and their corrections.
    Transcript,
    /// Reports and receipts (报告书, 回证).
    Receipt,
    /// Documents and order bodies that the court pushed.
    Document,
    /// Sound and words of callers who belong to no case, counted from their own entry.
    Caller,
}

/// Longest period, days: a hundred years.
const LONGEST: i64 = 36_525;

impl Class {
    /// Every class.
    pub const ALL: [Self; 5] = [Self::Recording, Self::Transcript, Self::Receipt, Self::Document, Self::Caller];

    /// The stored word.
    pub fn code(self) -> &'static str {
        match self {
            Self::Recording => "recording",
            Self::Transcript => "transcript",
            Self::Receipt => "receipt",
            Self::Document => "document",
            Self::Caller => "caller",
        }
    }

    /// The class with this word.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.code() == code)
    }

    /// The class of a file of this kind in the register; none for what is never deleted
    /// (certificates, what calls belong to, proofs of numbers).
    pub fn of(kind: &str) -> Option<Self> {
        match kind {
            evidence::RECORDING | evidence::SET_ASIDE => Some(Self::Recording),
            evidence::TRANSCRIPT | evidence::CORRECTION => Some(Self::Transcript),
            "report" => Some(Self::Receipt),
            "document" | "push" => Some(Self::Document),
            _ => None,
        }
    }

    /// The class of a file: that of its kind, or of a caller where it belongs to no case.
    pub fn of_file(file: &FileRow) -> Option<Self> {
        let is_callers = file.case_id.is_empty() && !file.owner_id.is_empty();
        match Self::of(&file.kind) {
            Some(Self::Recording | Self::Transcript) if is_callers => Some(Self::Caller),
            other => other,
        }
    }

    /// Days that hold where a court set none: recordings three years after the return, the
    /// rest ten (domain 7).
    pub fn default_days(self) -> i64 {
        match self {
            Self::Recording | Self::Caller => 1_096,
            _ => 3_653,
        }
    }

    /// Days below which no court may go. Records of entrusted processing: three years
    /// (网络数据安全管理条例 12). Sound and words have no period in law; a month keeps a slip of
    /// the pen from emptying the vault.
    pub fn least_days(self) -> i64 {
        match self {
            Self::Recording | Self::Transcript | Self::Document | Self::Caller => 30,
            Self::Receipt => 1_096,
        }
    }
}

/// The periods of a court.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// From 1; 0 are the defaults of the house.
    pub version: i64,
    /// Days per class.
    pub days: BTreeMap<Class, i64>,
    /// From when on, unix milliseconds.
    pub valid_from_ms: i64,
    /// Who asked for it.
    pub asked_by: String,
    /// Who approved it.
    pub approved_by: String,
}

impl Default for Policy {
    fn default() -> Self {
        let days = Class::ALL.into_iter().map(|class| (class, class.default_days())).collect();
        Self { version: 0, days, valid_from_ms: 0, asked_by: String::new(), approved_by: String::new() }
    }
}

impl Policy {
    /// Days of a class.
    pub fn days(&self, class: Class) -> i64 {
        self.days.get(&class).copied().unwrap_or_else(|| class.default_days())
    }
}

/// Days by class as they are stored. Classes that a version had and none deleted are passed over:
/// metadata, the audit log, accesses.
pub(super) fn stored(days: &BTreeMap<String, i64>) -> BTreeMap<Class, i64> {
    days.iter().filter_map(|(code, days)| Some((Class::parse(code)?, *days))).collect()
}

/// Every class once, each within its bounds.
pub(super) fn checked(days: &BTreeMap<Class, i64>) -> Result<(), ServiceError> {
    let refused = |field, text| Err(ServiceError::Refused { code: "retention.period", field, text });
    for class in Class::ALL {
        let Some(wanted) = days.get(&class) else {
            return refused(class.code(), "give the days of every class".to_owned());
        };
        if *wanted < class.least_days() {
            let text = format!("must be at least {} days: the law or the house asks for that", class.least_days());
            return refused(class.code(), text);
        }
        if *wanted > LONGEST {
            return refused(class.code(), format!("must be at most {LONGEST} days"));
        }
    }
    Ok(())
}

/// Every version of a court, newest first; the defaults when there is none.
pub async fn policies(db: &Db, court: &str) -> Result<Vec<Policy>, ServiceError> {
    let rows = sqlx::query(
        "SELECT version, periods, valid_from_ms, asked_by, approved_by FROM retention_policies
         WHERE court_id = $1 ORDER BY version DESC",
    )
    .bind(court)
    .fetch_all(db.read())
    .await?;
    let mut found = Vec::with_capacity(rows.len() + 1);
    for row in rows {
        let days = serde_json::from_str(&row.get::<String, _>(1))
            .map_err(|error| songda_store::StoreError::internal("reading periods", error))?;
        found.push(Policy {
            version: row.get(0),
            days: stored(&days),
            valid_from_ms: row.get(2),
            asked_by: row.get(3),
            approved_by: row.get(4),
        });
    }
    if found.is_empty() {
        found.push(Policy::default());
    }
    Ok(found)
}

/// The periods that hold now.
pub async fn policy(db: &Db, court: &str) -> Result<Policy, ServiceError> {
    Ok(policies(db, court).await?.into_iter().next().unwrap_or_default())
}

/// Enters the next version; of two at a time one finds its number taken.
pub(super) async fn enter(
    tx: &mut Tx,
    clock: &Clock,
    court: &str,
    days: &BTreeMap<Class, i64>,
    (asked_id, asked_by): (&str, &str),
    approved: &Actor,
) -> Result<(), ServiceError> {
    sqlx::query(
        "INSERT INTO retention_policies (court_id, version, periods, valid_from_ms, asked_by, approved_by, asked_id,
                                         approved_id)
         SELECT $1, COALESCE(MAX(version), 0) + 1, $2, $3, $4, $5, $6, $7 FROM retention_policies WHERE court_id = $1",
    )
    .bind(court)
    .bind(serde_json::json!(days).to_string())
    .bind(clock.now_ms())
    .bind(asked_by)
    .bind(&approved.name)
    .bind(asked_id)
    .bind(&approved.user_id)
    .execute(&mut *tx.conn())
    .await?;
    Ok(())
}
