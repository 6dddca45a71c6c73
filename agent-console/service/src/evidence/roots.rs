//! The root of each day of a court: made when the day is over, chained, signed, kept twice.

use std::{
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::json;
use songda_recordings::{
    evidence::{DayRoot, Draft, Leaf, Tree},
    keys::KeyProvider,
    vault::Vault,
};
use songda_store::{Clock, Db, StoreError, audit};
use sqlx::{Row, any::AnyRow};

use super::{FileRow, files, internal};
use crate::{ServiceError, date, midnight_after};

const DAY_MS: i64 = 86_400_000;

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
    /// When it was last looked at, and what was found: `intact`, or what is wrong.
    pub checked: Option<(i64, String)>,
}

impl RootRow {
    /// The root itself.
    pub fn signed(&self) -> Result<DayRoot, ServiceError> {
        serde_json::from_str(&self.body).map_err(|error| internal("reading a day root", error))
    }
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
        checked: checked.map(|at_ms| (at_ms, row.get(6))),
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
    let leaves = files.iter().map(|file| Leaf::from_hex(&file.id, &file.sha256, &file.sm3)).collect::<Result<_, _>>();
    leaves.and_then(Tree::new).map_err(|error| internal("building the tree of a day", error))
}

/// The day after this one.
pub(super) fn next(day: &str) -> String {
    midnight_after(day).map_or_else(String::new, date)
}

impl Roots {
    /// Makes the roots of every court for each day that ended at least `after_ms` ago and has
    /// none, in the order of the days, those without a file too. Answers how many.
    pub async fn make_due(&self, after_ms: i64) -> Result<usize, ServiceError> {
        let last = date(self.clock.now_ms() - after_ms - DAY_MS);
        let courts = sqlx::query("SELECT id, created_ms FROM courts ORDER BY id").fetch_all(self.db.read()).await?;
        let mut made = 0;
        for court in courts {
            let (court, created_ms): (String, i64) = (court.get(0), court.get(1));
            let mut day = self.first_without(&court, created_ms).await?;
            while !day.is_empty() && day <= last {
                made += usize::from(self.make(&court, &day).await?);
                day = next(&day);
            }
        }
        Ok(made)
    }

    async fn first_without(&self, court: &str, created_ms: i64) -> Result<String, ServiceError> {
        let row = sqlx::query(
            "SELECT (SELECT MAX(day) FROM evidence_roots WHERE court_id = $1),
                    (SELECT MIN(booked_ms) FROM evidence_files WHERE court_id = $1)",
        )
        .bind(court)
        .fetch_one(self.db.read())
        .await?;
        if let Some(last) = row.get::<Option<String>, _>(0) {
            return Ok(next(&last));
        }
        let first = row.get::<Option<i64>, _>(1).unwrap_or(created_ms);
        Ok(date(first.min(created_ms)))
    }

    /// Makes the root of one day. What was entered on it, or before and is in no root, is in it.
    async fn make(&self, court: &str, day: &str) -> Result<bool, ServiceError> {
        let until_ms = midnight_after(day).ok_or_else(|| internal("making a day root", "this is no day"))?;
        let mut tx = self.db.begin().await?;
        let before = sqlx::query("SELECT body FROM evidence_roots WHERE court_id = $1 ORDER BY day DESC LIMIT 1")
            .bind(court)
            .fetch_optional(&mut *tx.conn())
            .await?;
        let previous: Option<DayRoot> = match before {
            Some(row) => Some(
                serde_json::from_str(&row.get::<String, _>(0))
                    .map_err(|error| internal("reading the root of the day before", error))?,
            ),
            None => None,
        };
        let mut found = files::unrooted(&mut tx, court, until_ms).await?;
        found.sort_by(|one, other| one.id.cmp(&other.id));
        let tree = tree(&found)?;
        let now = self.clock.now_ms();
        let draft = Draft { court, day, previous: previous.as_ref(), tree: &tree, signed_ms: now };
        let root = DayRoot::sign(&draft, self.keys.as_ref()).map_err(|error| internal("signing a day root", error))?;
        let body = serde_json::to_string(&root).map_err(|error| internal("writing a day root", error))?;
        let sha256 = hex::encode(root.root.sha256);
        let entered = sqlx::query(
            "INSERT INTO evidence_roots (court_id, day, files, root, body, made_ms) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(court)
        .bind(day)
        .bind(found.len() as i64)
        .bind(&sha256)
        .bind(&body)
        .bind(now)
        .execute(&mut *tx.conn())
        .await;
        match entered.map_err(StoreError::from) {
            Ok(_) => {}
            Err(StoreError::Unique) => return Ok(false),
            Err(error) => return Err(error.into()),
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
        // A kill here leaves the row without its file: the next start writes it.
        self.copy(court, day, &body).await?;
        Ok(true)
    }

    /// Writes the copies that a kill kept from being written; answers how many.
    pub async fn complete_copies(&self) -> Result<usize, ServiceError> {
        let rows = sqlx::query("SELECT court_id, day FROM evidence_roots").fetch_all(self.db.read()).await?;
        let mut written = 0;
        for row in rows {
            let (court, day): (String, String) = (row.get(0), row.get(1));
            if !tokio::fs::try_exists(self.path(&court, &day)).await.unwrap_or(false)
                && let Some(root) = root(&self.db, &court, &day).await?
                // One that was there and was seen has been taken away: that is for a person.
                && root.checked.is_none()
            {
                self.copy(&court, &day, &root.body).await?;
                written += 1;
            }
        }
        Ok(written)
    }

    /// Keeps every root on the S3 server as well, where there is one: an object that is written
    /// once. A mark beside the file says that it is there. Answers how many were copied.
    pub async fn complete_far(&self) -> Result<usize, ServiceError> {
        if self.vault.s3().is_none() {
            return Ok(0);
        }
        let rows = sqlx::query("SELECT court_id, day, body FROM evidence_roots ORDER BY day")
            .fetch_all(self.db.read())
            .await?;
        let mut copied = 0;
        for row in rows {
            let (court, day, body): (String, String, String) = (row.get(0), row.get(1), row.get(2));
            let mark = self.path(&court, &day).with_extension("s3");
            if tokio::fs::try_exists(&mark).await.unwrap_or(false) {
                continue;
            }
            let vault = self.vault.clone();
            let keep = move || match vault.s3() {
                Some(remote) => {
                    remote
                        .keep(&format!("roots/{court}/{day}.json"), body.as_bytes())
                        .map_err(|error| error.to_string())?;
                    write_once(&mark, b"").map_err(|error| error.to_string())
                }
                None => Ok(()),
            };
            tokio::task::spawn_blocking(keep)
                .await
                .map_err(|error| internal("copying a day root", error))?
                .map_err(|error| internal("copying a day root to the S3 server", error))?;
            copied += 1;
        }
        Ok(copied)
    }

    async fn copy(&self, court: &str, day: &str, body: &str) -> Result<(), ServiceError> {
        let (path, body) = (self.path(court, day), body.to_owned());
        tokio::task::spawn_blocking(move || write_once(&path, body.as_bytes()))
            .await
            .map_err(|error| internal("keeping a day root", error))?
            .map_err(|error| internal("keeping a day root beside the vault", error))
    }

    /// The second copy of a root, if it is there.
    pub(super) async fn copied(&self, court: &str, day: &str) -> Option<String> {
        tokio::fs::read_to_string(self.path(court, day)).await.ok()
    }

    fn path(&self, court: &str, day: &str) -> PathBuf {
        self.folder.join(court).join(format!("{day}.json"))
    }
}

/// A file that is written once, read-only, and on the disk when this returns.
fn write_once(path: &Path, body: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder)?;
    // Half a file from a kill is no copy: it comes under its name only whole.
    let half = path.with_extension("part");
    let _ = std::fs::remove_file(&half);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o400).open(&half)?;
    file.write_all(body)?;
    file.sync_all()?;
    std::fs::hard_link(&half, path).or_else(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Ok(()),
        _ => Err(error),
    })?;
    std::fs::remove_file(&half)?;
    std::fs::File::open(folder)?.sync_all()
}
