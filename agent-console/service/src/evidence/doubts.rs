//! 待核查: what failed a check, until a person says what was found out.

use serde_json::json;
use songda_people::Actor;
use songda_store::{Clock, Db, alarms, audit, new_id};
use sqlx::{Row, any::AnyRow};

use super::FileRow;
use crate::{ServiceError, retention::reason};

/// What a look at a file found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// As it was entered.
    Intact,
    /// Not there.
    Missing,
    /// Not as it was entered.
    Altered {
        /// What differs.
        reason: String,
    },
    /// Gone by decision, under this request.
    Deleted {
        /// The request for its deletion.
        request: String,
    },
}

impl Found {
    /// The stored word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Intact => "intact",
            Self::Missing => "missing",
            Self::Altered { .. } => "altered",
            Self::Deleted { .. } => "deleted",
        }
    }

    /// Whether a person must look into it.
    pub fn is_broken(&self) -> bool {
        matches!(self, Self::Missing | Self::Altered { .. })
    }

    /// What differs, in words.
    pub fn detail(&self) -> String {
        match self {
            Self::Altered { reason } => reason.clone(),
            Self::Missing => "the file is not there".to_owned(),
            Self::Intact | Self::Deleted { .. } => String::new(),
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
    pub detail: String,
    /// When it was found, unix milliseconds.
    pub found_ms: i64,
    /// When it was cleared, unix milliseconds.
    pub cleared_ms: Option<i64>,
    /// Name of who cleared it.
    pub cleared_by: Option<String>,
    /// Why.
    pub reason: String,
}

const COLUMNS: &str =
    "SELECT id, object_id, verdict, detail, found_ms, cleared_ms, cleared_name, reason FROM evidence_doubts";

fn read(row: &AnyRow) -> DoubtRow {
    DoubtRow {
        id: row.get(0),
        object_id: row.get(1),
        verdict: row.get(2),
        detail: row.get(3),
        found_ms: row.get(4),
        cleared_ms: row.get(5),
        cleared_by: row.get(6),
        reason: row.get(7),
    }
}

/// What is and was in doubt in a court: what is open first, then the latest.
pub async fn doubts(db: &Db, court: &str) -> Result<Vec<DoubtRow>, ServiceError> {
    let sql = format!(
        "{COLUMNS} WHERE court_id = $1 ORDER BY CASE WHEN open_object IS NULL THEN 1 ELSE 0 END, found_ms DESC, id LIMIT 500"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(court).fetch_all(db.read()).await?;
    Ok(rows.iter().map(read).collect())
}

/// The open doubts among these files of a court.
pub async fn open_doubts_of(db: &Db, court: &str, files: &[String]) -> Result<Vec<DoubtRow>, ServiceError> {
    let sql = format!("{COLUMNS} WHERE open_object = $1");
    let mut found = Vec::new();
    for file in files {
        let row =
            sqlx::query(sqlx::AssertSqlSafe(sql.clone())).bind(open_key(court, file)).fetch_optional(db.read()).await?;
        found.extend(row.as_ref().map(read));
    }
    Ok(found)
}

fn open_key(court: &str, object: &str) -> String {
    format!("{court}:{object}")
}

fn alarm_of(verdict: &str, recording: bool) -> String {
    let kind = if recording { "recording" } else { "evidence" };
    format!("{kind}.{verdict}")
}

/// Marks a file, unless it is marked: row, audit and alarm. `by` is a user id, `operator` or
/// [`HOUSE`](super::HOUSE). Answers whether the mark is new.
pub async fn mark(db: &Db, clock: &Clock, file: &FileRow, found: &Found, by: &str) -> Result<bool, ServiceError> {
    let (verdict, detail) = (found.word(), found.detail());
    let about = json!({ "kind": file.kind, "case": file.case_number, "task": file.task_number, "detail": detail });
    let case = Some(file.case_id.as_str()).filter(|id| !id.is_empty());
    let new = Mark { court: &file.court_id, object: &file.id, verdict, detail: &detail, by, case, about };
    let entered = enter(db, clock, new, file.is_recording()).await?;
    if entered {
        let place = if file.task_number.is_empty() { String::new() } else { format!("，任务 {}", file.task_number) };
        let case = if file.case_number.is_empty() { "无案件" } else { &file.case_number };
        let text = format!("证据待核查：{}，{case}{place}：{detail}", file.label());
        alarms::raise(db, clock, &alarm_of(verdict, file.is_recording()), &file.id, &text).await?;
    }
    Ok(entered)
}

/// Marks the root of a day, unless it is marked.
pub(super) async fn mark_root(
    db: &Db,
    clock: &Clock,
    court: &str,
    day: &str,
    detail: &str,
    by: &str,
) -> Result<bool, ServiceError> {
    let object = format!("root:{day}");
    let about = json!({ "day": day, "detail": detail });
    let new = Mark { court, object: &object, verdict: "root", detail, by, case: None, about };
    let entered = enter(db, clock, new, false).await?;
    if entered {
        let text = format!("证据日根待核查：{day}：{detail}");
        alarms::raise(db, clock, "evidence.root", &format!("{court}:{day}"), &text).await?;
    }
    Ok(entered)
}

struct Mark<'a> {
    court: &'a str,
    object: &'a str,
    verdict: &'a str,
    detail: &'a str,
    by: &'a str,
    case: Option<&'a str>,
    about: serde_json::Value,
}

async fn enter(db: &Db, clock: &Clock, new: Mark<'_>, recording: bool) -> Result<bool, ServiceError> {
    let mut tx = db.begin().await?;
    let entered = sqlx::query(
        "INSERT INTO evidence_doubts (id, court_id, object_id, open_object, verdict, detail, found_ms, found_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (open_object) DO NOTHING",
    )
    .bind(new_id())
    .bind(new.court)
    .bind(new.object)
    .bind(open_key(new.court, new.object))
    .bind(new.verdict)
    .bind(new.detail)
    .bind(clock.now_ms())
    .bind(new.by)
    .execute(&mut *tx.conn())
    .await?;
    if entered.rows_affected() != 1 {
        return Ok(false);
    }
    if recording {
        // What a report prints of it, and what once failed is never set back.
        for table in ["recordings", "inbound_recordings"] {
            let sql = format!("UPDATE {table} SET state = $2 WHERE id = $1");
            let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(new.object).bind(new.verdict);
            query.execute(&mut *tx.conn()).await?;
        }
    }
    let kind = if new.verdict == "root" { "evidence_root" } else { "evidence" };
    let entry = audit::Entry::of_the_house(new.court, "evidence.doubt", (kind, new.object), new.about);
    let entry = audit::Entry { actor: new.by, result: new.verdict, case_id: new.case, ..entry };
    audit::append(&mut tx, clock, entry).await?;
    tx.commit().await?;
    Ok(true)
}

/// Clears a doubt with what was found out. The file is not changed by that, nor its hashes: one
/// that still differs is marked anew by the next look.
pub async fn clear(db: &Db, clock: &Clock, actor: &Actor, id: &str, why: &str) -> Result<(), ServiceError> {
    let why = reason(why)?;
    let sql = format!("{COLUMNS} WHERE id = $1 AND court_id = $2");
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
    let detail = json!({ "doubt": id, "verdict": doubt.verdict, "detail": doubt.detail, "reason": why });
    audit::append(&mut tx, clock, actor.did("evidence.clear", ("evidence", &doubt.object_id), detail)).await?;
    tx.commit().await?;
    if let Some(day) = doubt.object_id.strip_prefix("root:") {
        alarms::clear(db, clock, "evidence.root", &format!("{}:{day}", actor.court_id)).await?;
    } else {
        for recording in [true, false] {
            alarms::clear(db, clock, &alarm_of(&doubt.verdict, recording), &doubt.object_id).await?;
        }
    }
    Ok(())
}
