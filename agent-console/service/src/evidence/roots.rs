//! The root of each day of a court: made when the day is over, chained, signed, kept twice.

use std::{
    collections::BTreeSet,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use serde_json::json;
use songda_recordings::{
    evidence::{DayRoot, Draft, EvidenceError, Facts, Leaf, Tree},
    keys::KeyProvider,
    said::Said,
    vault::{Vault, s3::S3Error},
};
use songda_store::{Clock, Db, audit, evidence::hashes};
use sqlx::{Row, any::AnyRow};

use super::{FileRow, HOUSE, check_root, files, internal};
use crate::{ServiceError, date, midnight_after};

const DAY_MS: i64 = 86_400_000;
/// So many roots in a row that the S3 server answers with an error, and it is left alone for a minute.
const IN_A_ROW: usize = 20;
/// Days without a file and without a root after which a person must say that the clock is right:
/// a root that is dated wrong stays for ever.
pub const LEAP_DAYS: i64 = 14;

/// Makes day roots.
#[derive(Clone)]
pub struct Roots {
    /// Database.
    pub db: Db,
    /// Clock.
    pub clock: Clock,
    /// Who signs.
    pub keys: Arc<dyn KeyProvider>,
    /// Its S3 server, where there is one, gets a third copy.
    pub vault: Arc<Vault>,
    /// Where the second copy of each root lies: a file that is written once.
    pub folder: PathBuf,
}

impl std::fmt::Debug for Roots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Roots").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// A root as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootRow {
    /// Day.
    pub day: String,
    /// Files in it.
    pub files: i64,
    /// SHA-256 of its root, hex.
    pub root: String,
    /// What was signed, with its signature, as it is kept twice.
    pub body: String,
    /// When it was made, unix milliseconds.
    pub made_ms: i64,
    /// When it was last looked at, and what is wrong, if anything is.
    pub checked: Option<(i64, Option<Said>)>,
}

impl RootRow {
    /// The root itself.
    pub fn signed(&self) -> Result<DayRoot, ServiceError> {
        serde_json::from_str(&self.body).map_err(|error| internal("reading a day root", error))
    }
}

/// What is wrong, from what is kept of a look.
fn fault_of(verdict: &str) -> Option<Said> {
    (verdict != "intact").then(|| Said::from_stored(verdict))
}

const COLUMNS: &str = "SELECT r.day, r.files, r.root, r.body, r.made_ms, c.checked_ms, c.verdict FROM evidence_roots r
    LEFT JOIN evidence_root_checks c ON c.court_id = r.court_id AND c.day = r.day";

fn read(row: &AnyRow) -> RootRow {
    let checked: Option<i64> = row.get(5);
    RootRow {
        day: row.get(0),
        files: row.get(1),
        root: row.get(2),
        body: row.get(3),
        made_ms: row.get(4),
        checked: checked.map(|at_ms| (at_ms, fault_of(&row.get::<String, _>(6)))),
    }
}

/// Roots of a court, newest first, before this day.
pub async fn roots(db: &Db, court: &str, before: Option<&str>, limit: i64) -> Result<Vec<RootRow>, ServiceError> {
    let sql = format!(
        "{COLUMNS} WHERE r.court_id = $1 AND (CAST($2 AS TEXT) IS NULL OR r.day < $2) ORDER BY r.day DESC LIMIT $3"
    );
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(court).bind(before).bind(limit);
    Ok(query.fetch_all(db.read()).await?.iter().map(read).collect())
}

/// Every root of a court, oldest first.
pub async fn chain_of(db: &Db, court: &str) -> Result<Vec<RootRow>, ServiceError> {
    let sql = format!("{COLUMNS} WHERE r.court_id = $1 ORDER BY r.day");
    Ok(sqlx::query(sqlx::AssertSqlSafe(sql)).bind(court).fetch_all(db.read()).await?.iter().map(read).collect())
}

/// The root of a day.
pub async fn root(db: &Db, court: &str, day: &str) -> Result<Option<RootRow>, ServiceError> {
    let sql = format!("{COLUMNS} WHERE r.court_id = $1 AND r.day = $2");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(court).bind(day).fetch_optional(db.read()).await?;
    Ok(row.as_ref().map(read))
}

/// The tree over these files.
pub(super) fn tree(files: &[FileRow]) -> Result<Tree, ServiceError> {
    let leaves = files.iter().map(leaf).collect::<Result<_, _>>();
    leaves.and_then(Tree::new).map_err(|error| internal("building the tree of a day", error))
}

/// The leaf of a file: its hashes, and what the register says of it.
pub fn leaf(file: &FileRow) -> Result<Leaf, EvidenceError> {
    let facts =
        Facts { court: &file.court_id, kind: &file.kind, owner: &file.owner_id, bytes: file.size.max(0) as u64 };
    Ok(Leaf::from_hex(&file.id, &file.sha256, &file.sm3)?.with(&facts))
}

/// The day after this one.
pub(super) fn next(day: &str) -> String {
    midnight_after(day).map_or_else(String::new, date)
}

/// The days of which a court has roots, from the first to the last that must have one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Days {
    /// Day on which the court, or its oldest file, was entered.
    pub first: String,
    /// The last day that is over; before `first` while the first one is not.
    pub last: String,
}

impl Days {
    /// Whether a day is one of them.
    pub fn hold(&self, day: &str) -> bool {
        (self.first.as_str()..=self.last.as_str()).contains(&day)
    }
}

/// A root and its copy on the S3 server.
struct Far {
    court: String,
    day: String,
    body: String,
    /// Beside the file copy.
    mark: PathBuf,
    /// What the mark says when this very root lies on this very server: place and hash.
    wanted: String,
}

impl Far {
    /// When it was marked, if it is: when it was last compared.
    async fn marked(&self) -> Option<SystemTime> {
        let mark = tokio::fs::read_to_string(&self.mark).await.ok();
        mark.filter(|mark| *mark == self.wanted)?;
        tokio::fs::metadata(&self.mark).await.ok()?.modified().ok()
    }
}

/// What failed first, of several things of which none keeps another from being tried.
#[derive(Default)]
struct First(Option<ServiceError>);

impl First {
    /// What came of one of them; an error is logged, and kept when it is the first.
    fn of<T>(&mut self, court: &str, day: &str, done: Result<T, ServiceError>) -> Option<T> {
        done.map_err(|error| {
            tracing::error!(court, day, %error, "a day root could not be made or copied");
            let error = internal("working at a day root", format!("of the court {court}, {day}: {error}"));
            self.0.get_or_insert(error);
        })
        .ok()
    }

    /// How many were done, unless one failed.
    fn or(self, done: usize) -> Result<usize, ServiceError> {
        self.0.map_or(Ok(done), Err)
    }
}

impl Roots {
    /// Makes the roots of every court for each day that ended at least `after_ms` ago and has
    /// none, in the order of the days, those without a file too. Answers how many. Where the
    /// clock has leapt by [`LEAP_DAYS`] since anything was entered, it makes none and says so.
    pub async fn make_due(&self, after_ms: i64) -> Result<usize, ServiceError> {
        if let Some(days) = self.leapt().await? {
            let text = format!(
                "nothing was entered for {days} days: is the clock right? If it is, make the roots with \
                 `songda evidence roots`"
            );
            return Err(ServiceError::Refused { code: "evidence.leap", field: "", text });
        }
        self.make_all(after_ms).await
    }

    /// The same, when a person says that the clock is right.
    pub async fn make_all(&self, after_ms: i64) -> Result<usize, ServiceError> {
        let courts = sqlx::query("SELECT id FROM courts ORDER BY id").fetch_all(self.db.read()).await?;
        let (mut made, mut first) = (0, First::default());
        for court in courts {
            let court: String = court.get(0);
            made += first.of(&court, "its next day", self.make_of(&court, after_ms).await).unwrap_or(0);
        }
        first.or(made)
    }

    /// Those of one court, which keeps no other from its own.
    async fn make_of(&self, court: &str, after_ms: i64) -> Result<usize, ServiceError> {
        let days = self.days(court, after_ms).await?;
        let last = sqlx::query("SELECT MAX(day) FROM evidence_roots WHERE court_id = $1")
            .bind(court)
            .fetch_one(self.db.read())
            .await?
            .get::<Option<String>, _>(0);
        let (mut made, mut day) = (0, last.map_or(days.first, |last| next(&last)));
        while !day.is_empty() && day <= days.last {
            made += usize::from(self.make(court, &day).await?);
            day = next(&day);
        }
        Ok(made)
    }

    /// Days since the newest file and the newest root of the house, when they are too many to
    /// be believed. A house that has neither is new.
    async fn leapt(&self) -> Result<Option<i64>, ServiceError> {
        let row = sqlx::query(
            "SELECT (SELECT MAX(booked_ms) FROM evidence_files), (SELECT MAX(made_ms) FROM evidence_roots)",
        )
        .fetch_one(self.db.read())
        .await?;
        let newest = row.get::<Option<i64>, _>(0).max(row.get::<Option<i64>, _>(1));
        let days = newest.map(|newest| (self.clock.now_ms() - newest) / DAY_MS);
        Ok(days.filter(|days| *days >= LEAP_DAYS))
    }

    /// The days of which a court has roots, when those are made `after_ms` after midnight.
    pub async fn days(&self, court: &str, after_ms: i64) -> Result<Days, ServiceError> {
        let row = sqlx::query(
            "SELECT created_ms, (SELECT MIN(booked_ms) FROM evidence_files WHERE court_id = $1) FROM courts WHERE id = $1",
        )
        .bind(court)
        .fetch_one(self.db.read())
        .await?;
        let created_ms: i64 = row.get(0);
        let first = row.get::<Option<i64>, _>(1).map_or(created_ms, |booked_ms| booked_ms.min(created_ms));
        Ok(Days { first: date(first), last: date(self.clock.now_ms() - after_ms - DAY_MS) })
    }

    /// The root that the next one of a court follows. One whose row was altered is marked, and what its
    /// copy says is followed; where neither is what the house signed, or the two are not the same,
    /// none may follow.
    async fn to_follow(&self, court: &str) -> Result<Option<DayRoot>, ServiceError> {
        let Some(row) = roots(&self.db, court, None, 1).await?.pop() else { return Ok(None) };
        let root = self.genuine(court, &row).await?;
        if root.is_none() || row.signed().ok() != root {
            check_root(self, court, &row.day, HOUSE).await?;
        }
        root.map(Some).ok_or_else(|| ServiceError::Refused {
            code: "evidence.root_altered",
            field: "",
            text: format!(
                "neither the root of {} nor its copy is what this house signed, or the two are not the same: put \
                 back what was altered, and the roots after it are made",
                row.day
            ),
        })
    }

    /// A root as this house signed it, by its row or, where that was altered, by its copy; none where
    /// neither is that, or both are and differ.
    pub(super) async fn genuine(&self, court: &str, row: &RootRow) -> Result<Option<DayRoot>, ServiceError> {
        let keys = self.keys.public_keys().map_err(|error| internal("reading the public keys", error))?;
        let read = |body: &str| {
            let root: Option<DayRoot> = serde_json::from_str(body).ok();
            root.filter(|root| root.court == court && root.day == row.day && root.verify(&keys).is_ok())
        };
        let kept = read(&row.body);
        let copy = match self.copied(court, &row.day).await {
            Ok(copy) => copy.as_deref().and_then(read),
            // A disk that does not answer says nothing against the row.
            Err(_) if kept.is_some() => None,
            Err(error) => return Err(error),
        };
        Ok(match (kept, copy) {
            (Some(kept), Some(copy)) if kept != copy => None,
            (kept, copy) => kept.or(copy),
        })
    }

    /// Makes the root of one day. What was entered on it, or before and is in no root, is in it.
    async fn make(&self, court: &str, day: &str) -> Result<bool, ServiceError> {
        let until_ms = midnight_after(day).ok_or_else(|| internal("making a day root", "this is no day"))?;
        let previous = self.to_follow(court).await?;
        let mut tx = self.db.begin().await?;
        let mut found = files::unrooted(&mut tx, court, until_ms).await?;
        found.sort_by(|one, other| one.id.cmp(&other.id));
        let tree = tree(&found)?;
        let now = self.clock.now_ms();
        let draft = Draft { court, day, previous: previous.as_ref(), tree: &tree, signed_ms: now };
        let root = DayRoot::sign(&draft, self.keys.as_ref()).map_err(|error| internal("signing a day root", error))?;
        let body = serde_json::to_string(&root).map_err(|error| internal("writing a day root", error))?;
        let sha256 = hex::encode(root.root.sha256);
        let entered = sqlx::query(
            "INSERT INTO evidence_roots (court_id, day, files, root, body, made_ms)
             SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS BIGINT), CAST($4 AS TEXT), CAST($5 AS TEXT),
                    CAST($6 AS BIGINT)
             WHERE NOT EXISTS (SELECT 1 FROM evidence_roots WHERE court_id = $1 AND day = $2)
             ON CONFLICT (court_id, day) DO NOTHING",
        )
        .bind(court)
        .bind(day)
        .bind(found.len() as i64)
        .bind(&sha256)
        .bind(&body)
        .bind(now)
        .execute(&mut *tx.conn())
        .await?;
        if entered.rows_affected() != 1 {
            return Ok(false);
        }
        for (leaf_no, file) in (0_i64..).zip(&found) {
            sqlx::query("INSERT INTO evidence_leaves (file_id, court_id, day, leaf_no) VALUES ($1, $2, $3, $4)")
                .bind(&file.id)
                .bind(court)
                .bind(day)
                .bind(leaf_no)
                .execute(&mut *tx.conn())
                .await?;
        }
        let detail = json!({ "files": found.len(), "root": sha256, "key": root.key_id });
        let entry = audit::Entry::of_the_house(court, "evidence.root", ("evidence_root", day), detail);
        audit::append(&mut tx, &self.clock, entry).await?;
        tx.commit().await?;
        // A kill here, or a disk that refuses, leaves the row without its copy: the next round
        // writes it.
        if let Err(error) = self.copy(court, day, &body).await {
            tracing::error!(court, day, %error, "the copy of a day root could not be written: it is tried again");
        }
        Ok(true)
    }

    /// Writes the copies that are still owed, after a kill or a disk that refused; answers how
    /// many. A copy that was written and is gone is not written again: that is for a person.
    pub async fn complete_copies(&self) -> Result<usize, ServiceError> {
        let rows = sqlx::query(
            "SELECT r.court_id, r.day, r.body FROM evidence_roots r WHERE NOT EXISTS
             (SELECT 1 FROM evidence_root_copies c WHERE c.court_id = r.court_id AND c.day = r.day)
             ORDER BY r.day, r.court_id",
        )
        .fetch_all(self.db.read())
        .await?;
        let (mut copied, mut first) = (0, First::default());
        for row in &rows {
            let (court, day, body): (String, String, String) = (row.get(0), row.get(1), row.get(2));
            copied += usize::from(first.of(&court, &day, self.copy(&court, &day, &body).await).is_some());
        }
        first.or(copied)
    }

    /// Keeps every root on the S3 server as well, where there is one: an object that is written
    /// once. A mark beside the file says which one is there, and where; another bucket gets all of them.
    /// Of those that are there the one that was compared longest ago is read and compared again. Answers
    /// how many were copied.
    ///
    /// One that fails keeps no other back. A server that is away is not asked for the others, and one
    /// that answers to many in a row with an error is left alone too; the next minute begins at another.
    pub async fn complete_far(&self) -> Result<usize, ServiceError> {
        let Some(remote) = self.vault.s3() else { return Ok(0) };
        let rows = sqlx::query("SELECT court_id, day, body FROM evidence_roots ORDER BY day, court_id")
            .fetch_all(self.db.read())
            .await?;
        let mut owed = Vec::new();
        let mut oldest: Option<(SystemTime, Far)> = None;
        for row in rows {
            let (court, day, body): (String, String, String) = (row.get(0), row.get(1), row.get(2));
            let mark = self.path(&court, &day).with_extension("s3");
            let wanted = format!("{}\n{}\n", remote.place(), hashes(body.as_bytes()).0);
            let far = Far { court, day, body, mark, wanted };
            match far.marked().await {
                None => owed.push(far),
                Some(at) if oldest.as_ref().is_none_or(|(before, _)| at < *before) => oldest = Some((at, far)),
                Some(_) => {}
            }
        }
        let minute = usize::try_from(self.clock.now_ms() / 60_000).unwrap_or(0);
        let begin = minute % owed.len().max(1);
        owed.rotate_left(begin);
        let (mut copied, mut failed, mut first) = (0, 0, First::default());
        let mut away = false;
        for far in owed {
            let (court, day) = (far.court.clone(), far.day.clone());
            let kept = self.keep_far(far).await?;
            away = matches!(kept, Err((true, _)));
            let kept = kept.map_err(|(_, why)| internal("copying it to the S3 server", why));
            let kept = first.of(&court, &day, kept).is_some();
            copied += usize::from(kept);
            failed = if kept { 0 } else { failed + 1 };
            if away || failed == IN_A_ROW {
                break;
            }
        }
        if let Some((_, far)) = oldest.filter(|_| !away) {
            let (court, day) = (far.court.clone(), far.day.clone());
            let kept = self.keep_far(far).await?;
            first.of(&court, &day, kept.map_err(|(_, why)| internal("comparing its copy on the S3 server", why)));
        }
        first.or(copied)
    }

    /// Has the S3 server hold this root, and marks that it does. One that is another there loses its mark:
    /// it is owed, and told each time, until it is the right one again. An error says whether the server
    /// is away, and why.
    async fn keep_far(&self, far: Far) -> Result<Result<(), (bool, String)>, ServiceError> {
        let Far { court, day, body, mark, wanted } = far;
        let (vault, name) = (self.vault.clone(), format!("roots/{court}/{day}.json"));
        let keep = move || match vault.s3().map(|remote| remote.keep(&name, body.as_bytes())) {
            Some(Err(error)) => {
                if matches!(error, S3Error::Differs { .. }) {
                    let _ = std::fs::remove_file(&mark);
                } else if !error.is_away() && std::fs::read(&mark).is_ok_and(|kept| kept == wanted.as_bytes()) {
                    // It was its turn: the next one is compared, and this one again after all others.
                    let _ = renew(&mark, wanted.as_bytes());
                }
                Err((error.is_away(), error.to_string()))
            }
            Some(Ok(())) | None => renew(&mark, wanted.as_bytes()).map_err(|error| (false, error.to_string())),
        };
        tokio::task::spawn_blocking(keep).await.map_err(|error| internal("copying a day root", error))
    }

    async fn copy(&self, court: &str, day: &str, body: &str) -> Result<(), ServiceError> {
        let (path, text) = (self.path(court, day), body.to_owned());
        tokio::task::spawn_blocking(move || write_once(&path, text.as_bytes()))
            .await
            .map_err(|error| internal("keeping a day root", error))?
            .map_err(|error| internal("keeping a day root beside the vault", error))?;
        sqlx::query("INSERT INTO evidence_root_copies (court_id, day, copied_ms) VALUES ($1, $2, $3)")
            .bind(court)
            .bind(day)
            .bind(self.clock.now_ms())
            .execute(self.db.read())
            .await?;
        Ok(())
    }

    /// Whether the second copy of a root was written once.
    pub(super) async fn was_copied(&self, court: &str, day: &str) -> Result<bool, ServiceError> {
        let row = sqlx::query("SELECT COUNT(*) FROM evidence_root_copies WHERE court_id = $1 AND day = $2")
            .bind(court)
            .bind(day)
            .fetch_one(self.db.read())
            .await?;
        Ok(row.get::<i64, _>(0) > 0)
    }

    /// The second copy of a root, if it is there. A disk that does not answer is an error and
    /// says nothing about it.
    pub(super) async fn copied(&self, court: &str, day: &str) -> Result<Option<String>, ServiceError> {
        match tokio::fs::read(self.path(court, day)).await {
            // What is no text is no copy of ours, and differs.
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(internal("reading the copy of a day root", error)),
        }
    }

    /// Days of which there ever was a root of a court, as its copies and the audit log have it.
    pub(super) async fn traces(&self, court: &str) -> Result<BTreeSet<String>, ServiceError> {
        let rows = sqlx::query(
            "SELECT object_id FROM audit WHERE object_kind = 'evidence_root' AND action = 'evidence.root' AND court_id = $1
             UNION SELECT day FROM evidence_root_copies WHERE court_id = $1
             UNION SELECT day FROM evidence_leaves WHERE court_id = $1",
        )
        .bind(court)
        .fetch_all(self.db.read())
        .await?;
        let mut days: BTreeSet<String> = rows.into_iter().map(|row| row.get(0)).collect();
        let mut folder = match tokio::fs::read_dir(self.folder.join(court)).await {
            Ok(folder) => folder,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(days),
            Err(error) => return Err(internal("listing the copies of the day roots", error)),
        };
        let listing = |error| internal("listing the copies of the day roots", error);
        while let Some(entry) = folder.next_entry().await.map_err(listing)? {
            let name = entry.file_name();
            days.extend(name.to_str().and_then(|name| name.strip_suffix(".json")).map(str::to_owned));
        }
        Ok(days)
    }

    fn path(&self, court: &str, day: &str) -> PathBuf {
        self.folder.join(court).join(format!("{day}.json"))
    }
}

/// A file that is written once, read-only, and on the disk when this returns.
fn write_once(path: &Path, body: &[u8]) -> std::io::Result<()> {
    let half = written_beside(path, body)?;
    std::fs::hard_link(&half, path).or_else(|error| match error.kind() {
        // Written before a kill. One of other content is left for whoever looks at it.
        std::io::ErrorKind::AlreadyExists => Ok(()),
        _ => Err(error),
    })?;
    std::fs::remove_file(&half)?;
    sync_names(path, |folder| std::fs::File::open(folder)?.sync_all())
}

/// A mark of ours, in the place of the one before.
fn renew(path: &Path, body: &[u8]) -> std::io::Result<()> {
    std::fs::rename(written_beside(path, body)?, path)?;
    sync_names(path, |folder| std::fs::File::open(folder)?.sync_all())
}

/// Half a file from a kill is no copy: it comes under its name only whole.
fn written_beside(path: &Path, body: &[u8]) -> std::io::Result<PathBuf> {
    std::fs::create_dir_all(path.parent().unwrap_or(path))?;
    let half = path.with_extension("part");
    let _ = std::fs::remove_file(&half);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o400).open(&half)?;
    file.write_all(body)?;
    file.sync_all()?;
    Ok(half)
}

/// The name of a file stands in the folder of its court, that one's in the folder of the roots, and
/// that one's beside the vault: each may be new, and one that is lost takes every copy with it.
fn sync_names(path: &Path, sync: impl FnMut(&Path) -> std::io::Result<()>) -> std::io::Result<()> {
    path.ancestors().skip(1).take(3).try_for_each(sync)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x2_the_names_of_the_folders_above_a_copy_are_on_the_disk_before_it_counts_as_written() {
        let mut synced = Vec::new();
        let path = Path::new("/data/roots/COURT/2026-11-23.json");
        let kept = sync_names(path, |folder| {
            synced.push(folder.to_owned());
            Ok(())
        });
        kept.unwrap();
        assert_eq!(synced, ["/data/roots/COURT", "/data/roots", "/data"].map(PathBuf::from));
        let refused = sync_names(path, |_| Err(std::io::ErrorKind::Other.into()));
        assert!(refused.is_err(), "a copy whose name is not on the disk is owed");
    }
}
