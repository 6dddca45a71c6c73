//! The dry run: what would go now, why, and how much it is; and what stays, and why.

use std::collections::{BTreeMap, HashMap, HashSet};

use songda_store::{Clock, Db, StoreError, evidence};
use sqlx::Row;

use super::{
    Class, Policy, policy,
    standing::{self, Block, Standing},
};
use crate::{
    ServiceError,
    evidence::{FileRow, Which, files},
};

const DAY_MS: i64 = 86_400_000;
/// Files of one deletion; what is more is due again the next time.
const MOST: usize = 2_000;
/// Files of a page of the register.
const PAGE: i64 = 2_000;

/// A file that would go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The file.
    pub file: FileRow,
    /// Its class.
    pub class: Class,
    /// When its case came back to the court, or when a caller of no case was entered, unix
    /// milliseconds.
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
    /// Whether it is the end of the contract, when no period counts.
    pub is_end: bool,
    /// What stays: `hold`, `open_task`, `live_call`, `not_returned`, `unsettled`, `doubt`,
    /// `no_root` or `not_due`.
    pub kept: BTreeMap<&'static str, Kept>,
}

impl Plan {
    /// Bytes of what would go.
    pub fn bytes(&self) -> i64 {
        self.items.iter().map(|item| item.file.size).sum()
    }

    /// Of how many cases it is; a caller of no case counts for none.
    pub fn cases(&self) -> usize {
        let of_a_case = self.items.iter().filter(|item| !item.file.case_id.is_empty());
        of_a_case.map(|item| item.file.case_id.as_str()).collect::<HashSet<_>>().len()
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

    /// Enters a file of a case, where it belongs to one of those that are meant.
    fn look_at(&mut self, file: FileRow, standings: &HashMap<&str, &Standing>, seen: &Seen) {
        let Seen { doubted, unsettled } = seen;
        let Some(class) = Class::of_file(&file) else { return };
        if file.deleted.is_some() {
            return;
        }
        let stands = match standings.get(file.case_id.as_str()) {
            Some(standing) if self.is_end => standing.ends(),
            Some(standing) => standing.returned(),
            // A caller of no case: there is no return to count from.
            None if class != Class::Caller && !self.is_end => return,
            None if unsettled.contains(&file.owner_id) => Err(Block::Unsettled),
            None => Ok(file.since_ms),
        };
        let returned_ms = match stands {
            Ok(at_ms) => at_ms,
            Err(block) => return self.keep(block.word(), &file),
        };
        let due_ms = if self.is_end { self.at_ms } else { due(returned_ms, file.since_ms, self.policy.days(class)) };
        let root = file.leaf.as_ref().map(|(day, _)| format!("root:{day}"));
        let is_doubted = doubted.contains(&file.id)
            || root.as_ref().is_some_and(|root| doubted.contains(root))
            // One about what its call belongs to is one about all that its call left.
            || doubted.contains(&evidence::binding_id(&file.owner_id));
        if due_ms > self.at_ms {
            self.keep("not_due", &file);
        } else if is_doubted {
            self.keep("doubt", &file);
        } else if root.is_none() {
            self.keep("no_root", &file);
        } else if self.items.len() < MOST {
            self.items.push(Planned { file, class, returned_ms, due_ms });
        } else {
            self.more = true;
        }
    }

    /// Page by page through the register, whatever the number of cases.
    async fn look_through(
        &mut self,
        db: &Db,
        court: &str,
        standings: &HashMap<&str, &Standing>,
        seen: &Seen,
    ) -> Result<(), ServiceError> {
        let mut after = (0, String::new());
        loop {
            let page = files(db, Which::After(court, (after.0, &after.1), PAGE)).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = (last.booked_ms, last.id.clone());
            for file in page {
                self.look_at(file, standings, seen);
            }
        }
    }

    fn keep(&mut self, why: &'static str, file: &FileRow) {
        let kept = self.kept.entry(why).or_default();
        kept.files += 1;
        kept.bytes += file.size;
    }
}

/// What keeps files beside their cases.
struct Seen {
    /// Files and roots that wait for examination.
    doubted: HashSet<String>,
    /// Callers whose call is not settled.
    unsettled: HashSet<String>,
}

/// What would go of a court, or of one case, at this moment. Deletes nothing. A case of which
/// nothing may go is refused with the reason when it is asked for by itself, and everything is
/// while the clock is not trusted.
pub async fn plan(db: &Db, clock: &Clock, court: &str, case: Option<&str>) -> Result<Plan, ServiceError> {
    timely(clock)?;
    let at_ms = clock.now_ms();
    let policy = policy(db, court).await?;
    let mut plan = Plan { at_ms, policy, items: vec![], more: false, is_end: false, kept: BTreeMap::new() };
    let doubted = doubted(db, court).await?;
    let mut conn = db.read().acquire().await.map_err(StoreError::from)?;
    let standings = standing::standings(&mut conn, court, case).await?;
    let seen = Seen { doubted, unsettled: standing::unsettled(&mut conn, court).await? };
    drop(conn);
    if let Some(case) = case {
        let one: &Standing = standings
            .iter()
            .find(|standing| standing.case_id == case)
            .ok_or(ServiceError::NotFound { kind: "case" })?;
        one.returned().map_err(|block| block.refused(&one.case_number))?;
    }
    let standings: HashMap<&str, &Standing> =
        standings.iter().map(|standing| (standing.case_id.as_str(), standing)).collect();
    if let Some(case) = case {
        for file in files(db, Which::Case(case)).await? {
            plan.look_at(file, &standings, &seen);
        }
        return Ok(plan);
    }
    plan.look_through(db, court, &standings, &seen).await?;
    Ok(plan)
}

/// What would go of a court at the end of the contract (PIPL 21): everything, whatever its period
/// and whether it was returned case by case. What is under a hold or 待核查 stays, and a court with
/// a live call waits. Deletes nothing.
pub async fn plan_end(db: &Db, clock: &Clock, court: &str) -> Result<Plan, ServiceError> {
    timely(clock)?;
    let (at_ms, policy) = (clock.now_ms(), policy(db, court).await?);
    let mut plan = Plan { at_ms, policy, items: vec![], more: false, is_end: true, kept: BTreeMap::new() };
    let doubted = doubted(db, court).await?;
    let mut conn = db.read().acquire().await.map_err(StoreError::from)?;
    let standings = standing::standings(&mut conn, court, None).await?;
    let seen = Seen { doubted, unsettled: standing::live_callers(&mut conn, court).await? };
    drop(conn);
    let standings: HashMap<&str, &Standing> =
        standings.iter().map(|standing| (standing.case_id.as_str(), standing)).collect();
    plan.look_through(db, court, &standings, &seen).await?;
    Ok(plan)
}

/// Since when a file is due: its days count from the return of its case, or from its own entry
/// where that was later, as of a caller who was linked to an old case.
pub(super) fn due(returned_ms: i64, since_ms: i64, days: i64) -> i64 {
    returned_ms.max(since_ms).saturating_add(days.saturating_mul(DAY_MS))
}

/// Nothing is reckoned, and nothing goes, by a clock that is wrong.
pub(super) fn timely(clock: &Clock) -> Result<(), ServiceError> {
    if clock.trusted() {
        return Ok(());
    }
    let text = "the clock of this house is not trusted: nothing is deleted until it is right again".to_owned();
    Err(ServiceError::Refused { code: "retention.clock", field: "", text })
}

/// Files that wait for examination: nothing that is doubted is destroyed.
async fn doubted(db: &Db, court: &str) -> Result<HashSet<String>, ServiceError> {
    let rows = sqlx::query("SELECT object_id FROM evidence_doubts WHERE court_id = $1 AND open_object IS NOT NULL")
        .bind(court)
        .fetch_all(db.read())
        .await?;
    Ok(rows.into_iter().map(|row| row.get(0)).collect())
}
