//! The register against the roots, and each root against its signature and the one before.

use std::collections::BTreeSet;

use songda_recordings::{evidence::DayRoot, keys::PublicKey, said::Said};
use sqlx::Row;

use super::{HOUSE, RootRow, Roots, Which, chain_of, doubts, files, internal, roots};
use crate::ServiceError;

/// How long after its hour a root is waited for.
const GRACE_MS: i64 = 15 * 60_000;

/// What a look at a root found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootCheck {
    /// Day.
    pub day: String,
    /// Files in it.
    pub files: i64,
    /// What is wrong; nothing when it is intact.
    pub fault: Option<Said>,
}

/// Looks at one root of a court: signature, chain, files, copy. Writes down that it was looked
/// at, and marks it when something does not fit. A day of which there never was a root is told
/// and not marked: the house makes it, or that day is none of the court's.
pub async fn check_root(roots: &Roots, court: &str, day: &str, by: &str) -> Result<RootCheck, ServiceError> {
    let row = roots::root(&roots.db, court, day).await?;
    let Some(row) = row else {
        return if roots.traces(court).await?.contains(day) {
            note(roots, court, day, 0, Some(gone()), by).await
        } else {
            let never = Said::new("root.never", "there is no root of this day");
            Ok(RootCheck { day: day.to_owned(), files: 0, fault: Some(never) })
        };
    };
    let keys = public_keys(roots)?;
    let fault = fault(roots, court, &row, &keys).await?;
    note(roots, court, day, row.files, fault, by).await
}

fn gone() -> Said {
    Said::new("root.gone", "there is no root of this day, and there was one")
}

/// Looks at every root of a court, and whether one is missing: between them, at the end, or of a
/// day of which a copy, the audit log or a file says that there was one. Days that are over and
/// have no root yet are told once, by the first of them. `after_ms` is when roots are made,
/// counted from midnight.
pub async fn check_chain(roots: &Roots, court: &str, after_ms: i64, by: &str) -> Result<Vec<RootCheck>, ServiceError> {
    let chain = chain_of(&roots.db, court).await?;
    // One that the house makes at this very minute is not missed.
    let days = roots.days(court, after_ms + GRACE_MS).await?;
    let last = chain.last().map(|row| row.day.clone());
    let mut found = check_missing(roots, court, by).await?;
    for row in &chain {
        found.push(check_root(roots, court, &row.day, by).await?);
    }
    let due = last.map_or(days.first, |last| roots::next(&last));
    if !due.is_empty() && due <= days.last && !found.iter().any(|check| check.day == due) {
        let said = Said::new("root.due", "the days from it to {last} are over and have no root: does the house run?");
        found.push(RootCheck { day: due, files: 0, fault: Some(said.with("last", days.last)) });
    }
    found.sort_by(|one, other| one.day.cmp(&other.day));
    Ok(found)
}

/// The days of a court of which there was a root, and is none: the days between its first and its
/// last, and those that a copy, the audit log or a file remembers. Marks each.
pub async fn check_missing(roots: &Roots, court: &str, by: &str) -> Result<Vec<RootCheck>, ServiceError> {
    let mut missed = roots.traces(court).await?;
    let there: BTreeSet<String> = sqlx::query("SELECT day FROM evidence_roots WHERE court_id = $1")
        .bind(court)
        .fetch_all(roots.db.read())
        .await?
        .into_iter()
        .map(|row| row.get(0))
        .collect();
    if let (Some(first), Some(last)) = (there.first(), there.last()) {
        let mut day = first.clone();
        while !day.is_empty() && day < *last {
            missed.insert(day.clone());
            day = roots::next(&day);
        }
    }
    let mut found = Vec::new();
    for day in missed.difference(&there) {
        found.push(note(roots, court, day, 0, Some(gone()), by).await?);
    }
    Ok(found)
}

/// Looks at the root of all courts that was looked at longest ago; nothing when there is none.
pub async fn check_oldest(roots: &Roots) -> Result<Option<RootCheck>, ServiceError> {
    let row = sqlx::query(
        "SELECT r.court_id, r.day FROM evidence_roots r
         LEFT JOIN evidence_root_checks c ON c.court_id = r.court_id AND c.day = r.day
         ORDER BY COALESCE(c.checked_ms, 0), r.day, r.court_id LIMIT 1",
    )
    .fetch_optional(roots.db.read())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let (court, day): (String, String) = (row.get(0), row.get(1));
    Ok(Some(check_root(roots, &court, &day, HOUSE).await?))
}

fn public_keys(roots: &Roots) -> Result<Vec<PublicKey>, ServiceError> {
    roots.keys.public_keys().map_err(|error| internal("reading the public keys", error))
}

async fn fault(roots: &Roots, court: &str, row: &RootRow, keys: &[PublicKey]) -> Result<Option<Said>, ServiceError> {
    let wrong = |code, english| Ok(Some(Said::new(code, english)));
    let Ok(signed) = row.signed() else { return wrong("root.unreadable", "it cannot be read") };
    if signed.court != court || signed.day != row.day || signed.leaves as i64 != row.files {
        return wrong("root.row", "its row says something else than what was signed");
    }
    if let Err(fault) = signed.verify(keys) {
        return Ok(Some(fault.said()));
    }
    if row.root != hex::encode(signed.root.sha256) {
        return wrong("root.row_hash", "the hash in its row is not the signed one");
    }
    if let Some(fault) = link(roots, court, &signed).await? {
        return Ok(Some(fault));
    }
    let found = files(&roots.db, Which::Root(court, &row.day)).await?;
    let tree = match roots::tree(&found) {
        Ok(tree) => tree,
        Err(error) => {
            let said = Said::new("root.no_tree", "its files make no tree: {why}");
            return Ok(Some(said.with("why", error.to_string())));
        }
    };
    if tree.len() != signed.leaves {
        let said = Said::new("root.files", "the register has {files} files of this day, the root {leaves}");
        return Ok(Some(said.with("files", tree.len()).with("leaves", signed.leaves)));
    }
    if tree.root() != signed.root {
        return wrong("root.register", "the register of its files was changed: they do not lead to it");
    }
    match roots.copied(court, &row.day).await? {
        Some(copy) if copy == row.body => Ok(None),
        Some(_) => wrong("root.copy", "its copy beside the vault says something else"),
        // Until it is written the next round owes it.
        None if !roots.was_copied(court, &row.day).await? => Ok(None),
        None => wrong("root.copy_missing", "its copy beside the vault is missing"),
    }
}

/// Whether it follows the root of the very day before.
async fn link(roots: &Roots, court: &str, signed: &DayRoot) -> Result<Option<Said>, ServiceError> {
    let before = roots::roots(&roots.db, court, Some(&signed.day), 1).await?.pop();
    let Some(before) = before else {
        let first = signed.previous.is_none();
        return Ok((!first).then(|| Said::new("root.no_previous", "the root before it is missing")));
    };
    let day = before.day.as_str();
    if roots::next(day) != signed.day {
        return Ok(Some(Said::new("root.days", "the days between it and {before} have no root").with("before", day)));
    }
    let is_before = |root: &DayRoot| signed.previous == Some(root.hashes());
    // Where the row before was altered, which is its own fault, its copy says what was signed.
    let follows = before.signed().is_ok_and(|root| is_before(&root))
        || roots.genuine(court, &before).await?.is_some_and(|root| is_before(&root));
    let said = || Said::new("root.unlinked", "it does not follow the root of {before}").with("before", day);
    Ok((!follows).then(said))
}

async fn note(
    roots: &Roots,
    court: &str,
    day: &str,
    files: i64,
    fault: Option<Said>,
    by: &str,
) -> Result<RootCheck, ServiceError> {
    sqlx::query(
        "INSERT INTO evidence_root_checks (court_id, day, checked_ms, verdict) VALUES ($1, $2, $3, $4)
         ON CONFLICT (court_id, day) DO UPDATE SET checked_ms = excluded.checked_ms, verdict = excluded.verdict",
    )
    .bind(court)
    .bind(day)
    .bind(roots.clock.now_ms())
    .bind(fault.as_ref().map_or_else(|| "intact".to_owned(), Said::to_stored))
    .execute(roots.db.read())
    .await?;
    if let Some(fault) = &fault {
        doubts::mark_root(&roots.db, &roots.clock, court, day, fault, by).await?;
    }
    Ok(RootCheck { day: day.to_owned(), files, fault })
}
