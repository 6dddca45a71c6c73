//! 待核查: what failed a check, until a person says what was found out.

use serde_json::json;
use songda_people::Actor;
use songda_recordings::{keys::PublicKey, said::Said};
use songda_store::{Clock, Db, Tx, alarms, audit, new_id};
use sqlx::{AnyConnection, Row, any::AnyRow};

use super::{FileRow, files::OF_CASE, internal};
use crate::{
    ServiceError,
    retention::{reason, under_way},
};

/// What a look at a file found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// As it was entered.
    Intact,
    /// Not there.
    Missing {
        /// Where it was looked for, or what the books say of it.
        reason: Said,
    },
    /// Not as it was entered.
    Altered {
        /// What differs.
        reason: Said,
    },
    /// Gone by decision, under this request, which two persons decided and whose certificate
    /// holds.
    Deleted {
        /// The request for its deletion.
        request: String,
    },
    /// It is being taken away under this request, which has no certificate yet: nothing is wrong
    /// so far, and nothing is proven.
    Going {
        /// The request for its deletion.
        request: String,
    },
    /// It could not be read, which says nothing about it: a disk or a server that does not
    /// answer, or a key that opens nothing.
    Unread {
        /// Why.
        reason: Said,
        /// Whether the key of the house is the reason: then it is that of many files.
        by_key: bool,
    },
}

impl Found {
    /// The stored word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Intact => "intact",
            Self::Missing { .. } => "missing",
            Self::Altered { .. } => "altered",
            Self::Deleted { .. } => "deleted",
            Self::Going { .. } => "going",
            Self::Unread { .. } => "unread",
        }
    }

    /// Whether a person must look into it.
    pub fn is_broken(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::Altered { .. })
    }

    /// What differs; nothing where nothing does.
    pub fn said(&self) -> Option<Said> {
        match self {
            Self::Altered { reason } | Self::Missing { reason } | Self::Unread { reason, .. } => Some(reason.clone()),
            Self::Going { request } => {
                let text = "it is being deleted under the request {request}, which has no certificate yet";
                Some(Said::new("deletion.going", text).with("request", request.as_str()))
            }
            Self::Intact | Self::Deleted { .. } => None,
        }
    }
}

/// Something that is or was in doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoubtRow {
    /// Id.
    pub id: String,
    /// The file, or `root:` and the day.
    pub object_id: String,
    /// `missing`, `altered` or `root`.
    pub verdict: String,
    /// What differs.
    pub said: Said,
    /// When it was found, unix milliseconds.
    pub found_ms: i64,
    /// When it was cleared, unix milliseconds.
    pub cleared_ms: Option<i64>,
    /// Name of who cleared it.
    pub cleared_by: Option<String>,
    /// Why.
    pub reason: String,
}

const FIELDS: &str = "SELECT id, object_id, verdict, said, found_ms, cleared_ms, cleared_name, reason";

fn read(row: &AnyRow) -> DoubtRow {
    DoubtRow {
        id: row.get(0),
        object_id: row.get(1),
        verdict: row.get(2),
        said: Said::from_stored(&row.get::<String, _>(3)),
        found_ms: row.get(4),
        cleared_ms: row.get(5),
        cleared_by: row.get(6),
        reason: row.get(7),
    }
}

/// A place in the list of doubts: that of the last one of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// 1 when it was cleared, else 0.
    pub(super) settled: i64,
    pub(super) found_ms: i64,
    pub(super) id: String,
}

impl Place {
    /// Before the first.
    pub const START: Self = Self { settled: -1, found_ms: 0, id: String::new() };

    /// Where a doubt stands.
    pub fn of(doubt: &DoubtRow) -> Self {
        Self { settled: doubt.cleared_ms.is_some().into(), found_ms: doubt.found_ms, id: doubt.id.clone() }
    }

    /// Reads what [`Display`](std::fmt::Display) wrote; none when that is no place.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '-');
        let (settled, found_ms) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some(Self { settled, found_ms, id: parts.next()?.to_owned() })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}-{}", self.settled, self.found_ms, self.id)
    }
}

/// A page of the doubts of a court: what is open first, then the latest.
pub(super) const PAGE: &str = "FROM evidence_doubts WHERE court_id = $1
    AND ((CASE WHEN open_object IS NULL THEN 1 ELSE 0 END) > $2
         OR ((CASE WHEN open_object IS NULL THEN 1 ELSE 0 END) = $2 AND (found_ms < $3 OR (found_ms = $3 AND id > $4))))
    ORDER BY CASE WHEN open_object IS NULL THEN 1 ELSE 0 END, found_ms DESC, id LIMIT $5";

/// What is and was in doubt in a court, after a place: what is open first, then the latest.
pub async fn doubts(db: &Db, court: &str, after: &Place, most: i64) -> Result<Vec<DoubtRow>, ServiceError> {
    let sql = format!("{FIELDS} {PAGE}");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(court)
        .bind(after.settled)
        .bind(after.found_ms)
        .bind(&after.id)
        .bind(most)
        .fetch_all(db.read())
        .await?;
    Ok(rows.iter().map(read).collect())
}

/// How many marks of a court stand: what is 待核查 and nobody has cleared.
pub async fn standing_doubts(db: &Db, court: &str) -> Result<i64, ServiceError> {
    let row = sqlx::query("SELECT COUNT(*) FROM evidence_doubts WHERE court_id = $1 AND open_object IS NOT NULL")
        .bind(court)
        .fetch_one(db.read())
        .await?;
    Ok(row.get(0))
}

/// How many stand in all courts.
pub async fn all_standing_doubts(db: &Db) -> Result<i64, ServiceError> {
    let row = sqlx::query("SELECT COUNT(*) FROM evidence_doubts WHERE open_object IS NOT NULL");
    Ok(row.fetch_one(db.read()).await?.get(0))
}

/// The open doubts among the files of a case, oldest first.
pub async fn doubts_of_case(db: &Db, court: &str, case: &str) -> Result<Vec<DoubtRow>, ServiceError> {
    let sql = format!(
        "{FIELDS} FROM evidence_doubts d WHERE d.court_id = $2 AND d.open_object IS NOT NULL AND d.object_id IN
         (SELECT f.id FROM evidence_files f WHERE {OF_CASE}) ORDER BY d.found_ms, d.id"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(case).bind(court).fetch_all(db.read()).await?;
    Ok(rows.iter().map(read).collect())
}

/// The number of a case or a task; a dash where there is none.
fn number(text: &str) -> &str {
    if text.is_empty() { "—" } else { text }
}

fn open_key(court: &str, object: &str) -> String {
    format!("{court}:{object}")
}

fn alarm_of(verdict: &str, recording: bool) -> String {
    let kind = if recording { "recording" } else { "evidence" };
    format!("{kind}.{verdict}")
}

/// What became of a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marked {
    /// It is new.
    New,
    /// It was there.
    Before,
    /// None: the file was being deleted by decision while it was looked at.
    Deleted,
}

/// Marks a file, unless it is marked: row, audit and alarm, all or none. `by` is a user id,
/// `operator` or [`HOUSE`](super::HOUSE). `keys` are those of the house, by which it signed what it
/// deletes.
pub async fn mark(
    db: &Db,
    clock: &Clock,
    keys: &[PublicKey],
    file: &FileRow,
    found: &Found,
    by: &str,
) -> Result<Marked, ServiceError> {
    let Some(said) = found.said() else { return Err(internal("marking a file", "nothing of it is broken")) };
    let verdict = found.word();
    let about = json!({ "kind": file.kind, "case": file.case_number, "task": file.task_number, "detail": said.text });
    let case = Some(file.case_id.as_str()).filter(|id| !id.is_empty());
    let alarm = Said::new("evidence.doubt", "{kind} {name} of the case {case}, task {task}: {why}")
        .with("kind", Said::new(&format!("evidence.kind.{}", file.kind), &file.kind))
        .with("name", if file.name.is_empty() { file.id.as_str() } else { file.name.as_str() })
        .with("case", number(&file.case_number))
        .with("task", number(&file.task_number))
        .with("why", said.clone());
    let new = Mark {
        court: &file.court_id,
        object: &file.id,
        verdict,
        said: &said,
        by,
        case,
        about,
        alarm: (alarm_of(verdict, file.is_recording()), file.id.clone()),
        rings: alarm,
    };
    let mut tx = db.begin().await?;
    // It may have gone by decision since it was looked at. One that the books had as deleted
    // before was judged with its certificate.
    if matches!(found, Found::Missing { .. }) && file.deleted.is_none() && goes(&mut tx, clock, keys, &file.id).await? {
        return Ok(Marked::Deleted);
    }
    enter(tx, clock, new, file.is_recording()).await
}

/// Marks the root of a day, unless it is marked.
pub(super) async fn mark_root(
    db: &Db,
    clock: &Clock,
    court: &str,
    day: &str,
    said: &Said,
    by: &str,
) -> Result<Marked, ServiceError> {
    let object = format!("root:{day}");
    let new = Mark {
        court,
        object: &object,
        verdict: "root",
        said,
        by,
        case: None,
        about: json!({ "day": day, "detail": said.text }),
        alarm: ("evidence.root".to_owned(), format!("{court}:{day}")),
        rings: Said::new("evidence.root", "the root of {day}: {why}").with("day", day).with("why", said.clone()),
    };
    enter(db.begin().await?, clock, new, false).await
}

/// Whether a file went under a request, or is going.
async fn goes(tx: &mut Tx, clock: &Clock, keys: &[PublicKey], file: &str) -> Result<bool, ServiceError> {
    let row =
        sqlx::query("SELECT COUNT(*) FROM deletions WHERE file_id = $1").bind(file).fetch_one(&mut *tx.conn()).await?;
    Ok(row.get::<i64, _>(0) > 0 || under_way(tx.conn(), clock, keys, file).await?.is_some())
}

struct Mark<'a> {
    court: &'a str,
    object: &'a str,
    verdict: &'a str,
    said: &'a Said,
    by: &'a str,
    case: Option<&'a str>,
    about: serde_json::Value,
    /// Kind and object.
    alarm: (String, String),
    rings: Said,
}

/// Tables of recordings.
const RECORDINGS: [&str; 2] = ["recordings", "inbound_recordings"];

async fn enter(mut tx: Tx, clock: &Clock, new: Mark<'_>, recording: bool) -> Result<Marked, ServiceError> {
    let mut was = String::new();
    if recording {
        for table in RECORDINGS {
            let sql = format!("SELECT state FROM {table} WHERE id = $1");
            let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(new.object);
            was = query.fetch_optional(&mut *tx.conn()).await?.map_or(was, |row| row.get(0));
        }
    }
    let entered = sqlx::query(
        "INSERT INTO evidence_doubts (id, court_id, object_id, open_object, verdict, said, found_ms, found_by, was)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (open_object) DO NOTHING",
    )
    .bind(new_id())
    .bind(new.court)
    .bind(new.object)
    .bind(open_key(new.court, new.object))
    .bind(new.verdict)
    .bind(new.said.to_stored())
    .bind(clock.now_ms())
    .bind(new.by)
    .bind(was)
    .execute(&mut *tx.conn())
    .await?;
    if entered.rows_affected() != 1 {
        return Ok(Marked::Before);
    }
    if recording {
        // What a report prints of it, until a person clears it and it is well.
        for table in RECORDINGS {
            let sql = format!("UPDATE {table} SET state = $2 WHERE id = $1 AND state <> 'deleted'");
            let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(new.object).bind(new.verdict);
            query.execute(&mut *tx.conn()).await?;
        }
    }
    let kind = if new.verdict == "root" { "evidence_root" } else { "evidence" };
    let entry = audit::Entry::of_the_house(new.court, "evidence.doubt", (kind, new.object), new.about);
    let entry = audit::Entry { actor: new.by, result: new.verdict, case_id: new.case, ..entry };
    audit::append(&mut tx, clock, entry).await?;
    alarms::raise_in(&mut tx, clock, new.court, (&new.alarm.0, &new.alarm.1), &new.rings).await?;
    tx.commit().await?;
    Ok(Marked::New)
}

/// Clears a doubt with what was found out. The file is not changed by that, nor its hashes: one
/// that still differs is marked anew by the next look. A recording that the last look found as it
/// was entered has its state of before again.
pub async fn clear(db: &Db, clock: &Clock, actor: &Actor, id: &str, why: &str) -> Result<(), ServiceError> {
    let why = reason(why)?;
    let sql = format!("{FIELDS} FROM evidence_doubts WHERE id = $1 AND court_id = $2");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).bind(&actor.court_id).fetch_optional(db.read()).await?;
    let doubt = row.as_ref().map(read).ok_or(ServiceError::NotFound { kind: "doubt" })?;
    let mut tx = db.begin().await?;
    let cleared = sqlx::query(
        "UPDATE evidence_doubts SET open_object = NULL, cleared_ms = $2, cleared_by = $3, cleared_name = $4, reason = $5
         WHERE id = $1 AND open_object IS NOT NULL",
    )
    .bind(id)
    .bind(clock.now_ms())
    .bind(&actor.user_id)
    .bind(&actor.name)
    .bind(why)
    .execute(&mut *tx.conn())
    .await?;
    if cleared.rows_affected() != 1 {
        let text = "somebody cleared it already".to_owned();
        return Err(ServiceError::Refused { code: "doubt.cleared", field: "", text });
    }
    well_again(tx.conn(), &doubt.object_id).await?;
    let detail = json!({ "doubt": id, "verdict": doubt.verdict, "detail": doubt.said.text, "reason": why });
    audit::append(&mut tx, clock, actor.did("evidence.clear", ("evidence", &doubt.object_id), detail)).await?;
    if let Some(day) = doubt.object_id.strip_prefix("root:") {
        alarms::clear_in(&mut tx, clock, "evidence.root", &format!("{}:{day}", actor.court_id)).await?;
    } else {
        for recording in [true, false] {
            alarms::clear_in(&mut tx, clock, &alarm_of(&doubt.verdict, recording), &doubt.object_id).await?;
        }
    }
    Ok(tx.commit().await?)
}

/// Gives a recording the state that it had before it was first marked, once every mark of it was cleared
/// and its last look found it as it was entered, whichever came first.
pub(super) async fn well_again(conn: &mut AnyConnection, recording: &str) -> Result<(), ServiceError> {
    for table in RECORDINGS {
        // What it was when it was marked anew was a mark, too.
        let sql = format!(
            "UPDATE {table} SET state = (SELECT d.was FROM evidence_doubts d WHERE d.object_id = $1
                 AND d.was NOT IN ('', 'missing', 'altered') ORDER BY d.found_ms DESC, d.id DESC LIMIT 1)
             WHERE id = $1 AND state IN ('missing', 'altered')
               AND EXISTS (SELECT 1 FROM evidence_checks s WHERE s.file_id = $1 AND s.verdict = 'intact')
               AND NOT EXISTS (SELECT 1 FROM evidence_doubts o WHERE o.object_id = $1 AND o.open_object IS NOT NULL)
               AND EXISTS (SELECT 1 FROM evidence_doubts d WHERE d.object_id = $1
                           AND d.was NOT IN ('', 'missing', 'altered'))"
        );
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(recording).execute(&mut *conn).await?;
    }
    Ok(())
}
