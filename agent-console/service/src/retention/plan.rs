//! The dry run: what would go now, why, and how much it is; and what stays, and why.

use std::collections::{BTreeMap, HashSet};

use songda_store::{Db, StoreError};
use sqlx::Row;

use super::{
    Class, Policy, policy,
    standing::{self, Standing},
};
use crate::{
    ServiceError,
    evidence::{FileRow, Which, files},
};

const DAY_MS: i64 = 86_400_000;
/// Files of one deletion; what is more is due again the next time.
const MOST: usize = 2_000;

/// A file that would go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The file.
    pub file: FileRow,
    /// Its class.
    pub class: Class,
    /// When its case came back to the court, unix milliseconds.
    pub returned_ms: i64,
    /// Since when it is due, unix milliseconds.
    pub due_ms: i64,
}

/// Files that stay, and why.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// Files.
    pub files: i64,
    /// Bytes.
    pub bytes: i64,
}

/// What a deletion would do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Moment for which it holds, unix milliseconds.
    pub at_ms: i64,
    /// Periods by which it was made.
    pub policy: Policy,
    /// What would go.
    pub items: Vec<Planned>,
    /// Whether there is more than one deletion takes.
    pub more: bool,
    /// What stays: `hold`, `open_task`, `not_returned`, `doubt` or `not_due`.
    pub kept: BTreeMap<&'static str, Kept>,
}

impl Plan {
    /// Bytes of what would go.
    pub fn bytes(&self) -> i64 {
        self.items.iter().map(|item| item.file.size).sum()
    }

    /// Files and bytes of what would go, per class.
    pub fn totals(&self) -> BTreeMap<Class, Kept> {
        let mut totals: BTreeMap<Class, Kept> = BTreeMap::new();
        for item in &self.items {
            let total = totals.entry(item.class).or_default();
            total.files += 1;
            total.bytes += item.file.size;
        }
        totals
    }

    fn keep(&mut self, why: &'static str, file: &FileRow) {
        let kept = self.kept.entry(why).or_default();
        kept.files += 1;
        kept.bytes += file.size;
    }
}

/// What would go of a court, or of one case, at this moment. Deletes nothing. A case of which
/// nothing may go is refused with the reason when it is asked for by itself.
pub async fn plan(db: &Db, court: &str, case: Option<&str>, at_ms: i64) -> Result<Plan, ServiceError> {
    let policy = policy(db, court).await?;
    let mut plan = Plan { at_ms, policy, items: vec![], more: false, kept: BTreeMap::new() };
    let doubted = doubted(db, court).await?;
    let mut conn = db.read().acquire().await.map_err(StoreError::from)?;
    let standings = standing::standings(&mut conn, court, case).await?;
    drop(conn);
    if let Some(case) = case {
        let one: &Standing = standings
            .iter()
            .find(|standing| standing.case_id == case)
            .ok_or(ServiceError::NotFound { kind: "case" })?;
        one.returned().map_err(|block| block.refused(&one.case_number))?;
    }
    for standing in standings {
        for file in files(db, Which::Case(&standing.case_id)).await? {
            let Some(class) = Class::of(&file.kind).filter(|class| class.is_deleted()) else { continue };
            if file.deleted.is_some() {
                continue;
            }
            let returned_ms = match standing.returned() {
                Ok(at_ms) => at_ms,
                Err(block) => {
                    plan.keep(block.word(), &file);
                    continue;
                }
            };
            let due_ms = returned_ms + plan.policy.days(class) * DAY_MS;
            if due_ms > at_ms {
                plan.keep("not_due", &file);
            } else if doubted.contains(&file.id) {
                plan.keep("doubt", &file);
            } else if plan.items.len() < MOST {
                plan.items.push(Planned { file, class, returned_ms, due_ms });
            } else {
                plan.more = true;
            }
        }
    }
    Ok(plan)
}

/// Files that wait for examination: nothing that is doubted is destroyed.
async fn doubted(db: &Db, court: &str) -> Result<HashSet<String>, ServiceError> {
    let rows = sqlx::query("SELECT object_id FROM evidence_doubts WHERE court_id = $1 AND open_object IS NOT NULL")
        .bind(court)
        .fetch_all(db.read())
        .await?;
    Ok(rows.into_iter().map(|row| row.get(0)).collect())
}
