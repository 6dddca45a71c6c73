//! Files of the register with what they belong to: case, task, root, deletion.

use songda_store::{Db, Tx, evidence};
use sqlx::{Row, any::AnyRow};

use super::doubts::{PAGE, Place};
use crate::ServiceError;

/// An evidence file, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRow {
    /// Recording, stored file, transcript (`T` and its call), what a call belongs to (`B`), correction
    /// (`E`), or what was set aside (`L` and the name of the piece).
    pub id: String,
    /// Court.
    pub court_id: String,
    /// `recording`, `transcript`, `set_aside`, `report`, `document`, `push` …
    pub kind: String,
    /// The call of a recording, of what was set aside of one, of a transcript or a correction; empty
    /// for stored files.
    pub owner_id: String,
    /// SHA-256 of the clear content, hex.
    pub sha256: String,
    /// SM3 of the clear content, hex.
    pub sm3: String,
    /// Bytes of the clear content.
    pub size: i64,
    /// When it was entered, unix milliseconds.
    pub booked_ms: i64,
    /// From when its period counts at the earliest, unix milliseconds: its own entry, of a
    /// correction that of its transcript.
    pub since_ms: i64,
    /// Case, or empty.
    pub case_id: String,
    /// 案号, or empty.
    pub case_number: String,
    /// Task, or empty; the first one for a file of several.
    pub task_id: String,
    /// Its number, or empty.
    pub task_number: String,
    /// What a document is called; `v2` of a report; else empty.
    pub name: String,
    /// The day whose root it is in, and its leaf there.
    pub leaf: Option<(String, i64)>,
    /// The request by which it was deleted.
    pub deleted: Option<String>,
}

impl FileRow {
    /// How a person finds it: kind and id, and its name where it has one.
    pub fn label(&self) -> String {
        if self.name.is_empty() {
            format!("{} {}", self.kind, self.id)
        } else {
            format!("{} {} ({})", self.kind, self.id, self.name)
        }
    }

    /// Whether it lies in the vault, as a recording.
    pub fn is_recording(&self) -> bool {
        self.kind == evidence::RECORDING
    }
}

/// Which files are asked for.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    /// Of a case.
    Case(&'a str),
    /// Of a call: its recording and its transcript with its corrections, what it belongs to, what was
    /// set aside of it.
    Call(&'a str),
    /// One.
    One(&'a str),
    /// Those in the root of a court's day, in the order of its leaves.
    Root(&'a str, &'a str),
    /// Of a court, from this place on: when and id of the one before; at most so many.
    After(&'a str, (i64, &'a str), i64),
    /// Those of a court that were entered before this moment and are in no root.
    Unrooted(&'a str, i64),
    /// Those of all courts that were never looked at or longest ago, at most so many.
    Oldest(i64),
    /// Those of a page of doubts: court, place of the one before, and at most how many.
    Doubted(&'a str, &'a Place, i64),
}

/// Each part by its own index, on either engine.
pub(super) const OF_CASE: &str = "f.id IN (
    SELECT e.id FROM evidence_files e JOIN calls c ON c.id = e.owner_id JOIN tasks t ON t.id = c.task_id WHERE t.case_id = $1
    UNION SELECT e.id FROM evidence_files e JOIN inbound_calls i ON i.id = e.owner_id JOIN tasks t ON t.id = i.task_id WHERE t.case_id = $1
    UNION SELECT r.object_id FROM reports r JOIN tasks t ON t.id = r.task_id WHERE t.case_id = $1
    UNION SELECT d.object_id FROM documents d JOIN orders o ON o.id = d.order_id WHERE o.case_id = $1
    UNION SELECT o.body_object FROM orders o WHERE o.case_id = $1)";

/// When the period of a file begins to count. A correction has that of its transcript: they go
/// together.
pub(crate) const SINCE: &str = "COALESCE((SELECT w.booked_ms FROM evidence_files w
    WHERE f.kind = 'correction' AND w.id = 'T' || f.owner_id), f.booked_ms)";

fn sql(which: Which<'_>) -> String {
    let (condition, order) = match which {
        Which::Case(_) => (OF_CASE.to_owned(), "x.booked_ms, x.id"),
        Which::Call(_) => ("f.owner_id = $1".to_owned(), "x.id"),
        Which::One(_) => ("f.id = $1".to_owned(), "x.id"),
        Which::Root(..) => (
            "f.id IN (SELECT e.file_id FROM evidence_leaves e WHERE e.court_id = $1 AND e.day = $2)".to_owned(),
            "l.leaf_no",
        ),
        Which::After(..) => (
            "f.court_id = $1 AND (f.booked_ms > $2 OR (f.booked_ms = $2 AND f.id > $3))
             ORDER BY f.booked_ms, f.id LIMIT $4"
                .to_owned(),
            "x.booked_ms, x.id",
        ),
        Which::Unrooted(..) => (
            "f.court_id = $1 AND f.booked_ms < $2
             AND NOT EXISTS (SELECT 1 FROM evidence_leaves e WHERE e.file_id = f.id)"
                .to_owned(),
            "x.booked_ms, x.id",
        ),
        // Gone ones too: whether they went by decision is looked at as well. The order is said
        // twice, or the round would begin anew with the same files each time.
        Which::Oldest(_) => (
            "f.id IN (SELECT s.file_id FROM evidence_checks s ORDER BY s.checked_ms, s.file_id LIMIT $1)".to_owned(),
            "(SELECT s.checked_ms FROM evidence_checks s WHERE s.file_id = x.id), x.id",
        ),
        Which::Doubted(..) => {
            (format!("f.id IN (SELECT p.object_id FROM (SELECT object_id {PAGE}) p)"), "x.booked_ms, x.id")
        }
    };
    format!(
        "SELECT x.id, x.court_id, x.kind, x.owner_id, x.sha256, x.sm3, x.size, x.booked_ms,
                COALESCE(k.id, ''), COALESCE(k.number, ''), COALESCE(t.id, ''), COALESCE(t.number, ''),
                COALESCE(x.name, ''), x.version, l.day, l.leaf_no, g.request_id, x.since_ms
         FROM (SELECT f.id, f.court_id, f.kind, f.owner_id, f.sha256, f.sm3, f.size, f.booked_ms,
                      {SINCE} AS since_ms,
                      COALESCE((SELECT c.task_id FROM calls c WHERE c.id = f.owner_id),
                               (SELECT i.task_id FROM inbound_calls i WHERE i.id = f.owner_id),
                               (SELECT MIN(r.task_id) FROM reports r WHERE r.object_id = f.id),
                               (SELECT MIN(td.task_id) FROM documents d JOIN task_documents td ON td.document_id = d.id
                                WHERE d.object_id = f.id)) AS task_id,
                      COALESCE((SELECT MIN(d.order_id) FROM documents d WHERE d.object_id = f.id),
                               (SELECT MIN(o.id) FROM orders o WHERE o.body_object = f.id)) AS order_id,
                      (SELECT MIN(d.name) FROM documents d WHERE d.object_id = f.id) AS name,
                      (SELECT MAX(r.version) FROM reports r WHERE r.object_id = f.id) AS version
               FROM evidence_files f WHERE {condition}) x
         LEFT JOIN tasks t ON t.id = x.task_id
         LEFT JOIN orders o ON o.id = x.order_id
         LEFT JOIN cases k ON k.id = COALESCE(t.case_id, o.case_id)
         LEFT JOIN evidence_leaves l ON l.file_id = x.id
         LEFT JOIN deletions g ON g.file_id = x.id
         ORDER BY {order}"
    )
}

fn read(row: &AnyRow) -> FileRow {
    let version: Option<i64> = row.get(13);
    let day: Option<String> = row.get(14);
    FileRow {
        id: row.get(0),
        court_id: row.get(1),
        kind: row.get(2),
        owner_id: row.get(3),
        sha256: row.get(4),
        sm3: row.get(5),
        size: row.get(6),
        booked_ms: row.get(7),
        case_id: row.get(8),
        case_number: row.get(9),
        task_id: row.get(10),
        task_number: row.get(11),
        name: version.map_or_else(|| row.get(12), |version| format!("v{version}")),
        leaf: day.map(|day| (day, row.get(15))),
        deleted: row.get(16),
        since_ms: row.get(17),
    }
}

/// The files that are asked for.
pub async fn files(db: &Db, which: Which<'_>) -> Result<Vec<FileRow>, ServiceError> {
    let sql = sql(which);
    let query = sqlx::query(sqlx::AssertSqlSafe(sql));
    let query = match which {
        Which::Case(id) | Which::Call(id) | Which::One(id) => query.bind(id),
        Which::Doubted(court, after, most) => {
            query.bind(court).bind(after.settled).bind(after.found_ms).bind(&after.id).bind(most)
        }
        Which::Root(court, day) => query.bind(court).bind(day),
        Which::After(court, (at_ms, id), most) => query.bind(court).bind(at_ms).bind(id).bind(most),
        Which::Unrooted(court, before_ms) => query.bind(court).bind(before_ms),
        Which::Oldest(most) => query.bind(most),
    };
    Ok(query.fetch_all(db.read()).await?.iter().map(read).collect())
}

/// The files of a court that no root holds yet, within a transaction.
pub(super) async fn unrooted(tx: &mut Tx, court: &str, before_ms: i64) -> Result<Vec<FileRow>, ServiceError> {
    let sql = sql(Which::Unrooted(court, before_ms));
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(court).bind(before_ms);
    Ok(query.fetch_all(&mut *tx.conn()).await?.iter().map(read).collect())
}

/// One file of a court.
pub async fn file(db: &Db, court: &str, id: &str) -> Result<FileRow, ServiceError> {
    let mut found = files(db, Which::One(id)).await?;
    found.pop().filter(|file| file.court_id == court).ok_or(ServiceError::NotFound { kind: "evidence file" })
}

/// The media type of a stored file; none for what is no stored file.
pub async fn media_type(db: &Db, id: &str) -> Result<Option<String>, ServiceError> {
    let row = sqlx::query("SELECT media_type FROM objects WHERE id = $1").bind(id).fetch_optional(db.read()).await?;
    Ok(row.map(|row| row.get(0)))
}
