//! SQL of reports.

use songda_press::{Form, Paper, Template};
use songda_service::ServiceError;
use songda_store::{Clock, Db, Object, Objects, StoreError, Tx, new_id};
use sqlx::{Row, any::AnyRow};

use super::{Delivery, IN_FORCE, KIND, REPLACED, ReportRow, Result, SINK};

const COLUMNS: &str = "r.id, r.task_id, t.case_id, r.attempt_id, r.kind, r.version, r.state, r.supersedes, r.object_id, \
     r.sha256, r.sm3, r.pages, r.template, r.template_version, r.data_sha256, r.transcript_state, r.created_ms, \
     o.state, o.done_ms";

fn from(condition: &str) -> sqlx::AssertSqlSafe<String> {
    sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM reports r JOIN tasks t ON t.id = r.task_id
         LEFT JOIN outbox o ON o.object_id = r.object_id AND o.sink = '{SINK}' WHERE {condition}"
    ))
}

fn read(row: &AnyRow) -> ReportRow {
    ReportRow {
        id: row.get(0),
        task_id: row.get(1),
        case_id: row.get(2),
        attempt_id: row.get(3),
        kind: row.get(4),
        version: row.get(5),
        state: row.get(6),
        supersedes: row.get(7),
        object_id: row.get(8),
        sha256: row.get(9),
        sm3: row.get(10),
        pages: row.get(11),
        template: row.get(12),
        template_version: row.get(13),
        data_sha256: row.get(14),
        transcript_state: row.get(15),
        created_ms: row.get(16),
        delivery: row.get::<Option<String>, _>(17).map(|state| Delivery { state, done_ms: row.get(18) }),
    }
}

/// All versions of a task's report, newest first.
pub async fn list(db: &Db, task: &str) -> Result<Vec<ReportRow>> {
    let rows =
        sqlx::query(from("r.task_id = $1 ORDER BY r.version DESC, r.id DESC")).bind(task).fetch_all(db.read()).await?;
    Ok(rows.iter().map(read).collect())
}

/// One version, in this court.
pub async fn find(db: &Db, court: &str, id: &str) -> Result<ReportRow> {
    let row = sqlx::query(from("r.id = $1 AND t.court_id = $2")).bind(id).bind(court).fetch_optional(db.read()).await?;
    Ok(row.as_ref().map(read).ok_or(ServiceError::NotFound { kind: "report" })?)
}

/// The file of one version, checked against its hash.
pub async fn pdf(db: &Db, objects: &Objects, court: &str, id: &str) -> Result<Vec<u8>> {
    let report = find(db, court, id).await?;
    Ok(objects.get(db, &report.object_id).await?)
}

/// The version in force.
pub(super) async fn current(db: &Db, task: &str) -> Result<Option<ReportRow>> {
    let row = sqlx::query(from("r.task_id = $1 AND r.kind = $2 AND r.state = $3"))
        .bind(task)
        .bind(KIND)
        .bind(IN_FORCE)
        .fetch_optional(db.read())
        .await?;
    Ok(row.as_ref().map(read))
}

/// A version about to be stored.
pub(super) struct New<'a> {
    pub(super) task: &'a str,
    pub(super) case: &'a str,
    pub(super) attempt: &'a str,
    pub(super) replaces: Option<&'a ReportRow>,
    pub(super) object: &'a Object,
    pub(super) paper: &'a Paper,
    pub(super) template: Template,
    pub(super) form: &'a Form,
    pub(super) data_sha256: &'a str,
    pub(super) transcript_state: &'a str,
}

/// Stores the next version and takes the old one out of force. Answers none when another
/// version came first: what was rendered is out of date then.
pub(super) async fn insert(tx: &mut Tx, clock: &Clock, new: &New<'_>) -> Result<Option<ReportRow>> {
    if let Some(old) = new.replaces {
        let replaced = sqlx::query("UPDATE reports SET state = $2 WHERE id = $1 AND state = $3")
            .bind(&old.id)
            .bind(REPLACED)
            .bind(IN_FORCE)
            .execute(&mut *tx.conn())
            .await?;
        if replaced.rows_affected() != 1 {
            return Ok(None);
        }
    }
    let report = ReportRow {
        id: new_id(),
        task_id: new.task.to_owned(),
        case_id: new.case.to_owned(),
        attempt_id: new.attempt.to_owned(),
        kind: KIND.to_owned(),
        version: new.replaces.map_or(0, |old| old.version) + 1,
        state: IN_FORCE.to_owned(),
        supersedes: new.replaces.map(|old| old.id.clone()),
        object_id: new.object.id.clone(),
        sha256: new.object.sha256.clone(),
        sm3: new.object.sm3.clone(),
        pages: new.paper.pages as i64,
        template: new.template.id().to_owned(),
        template_version: new.form.version,
        data_sha256: new.data_sha256.to_owned(),
        transcript_state: new.transcript_state.to_owned(),
        created_ms: clock.now_ms(),
        delivery: None,
    };
    let inserted = sqlx::query(
        "INSERT INTO reports (id, task_id, attempt_id, kind, version, state, supersedes, object_id, sha256, sm3, pages,
                              template, template_version, data_sha256, transcript_state, created_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
    )
    .bind(&report.id)
    .bind(&report.task_id)
    .bind(&report.attempt_id)
    .bind(&report.kind)
    .bind(report.version)
    .bind(&report.state)
    .bind(report.supersedes.as_deref())
    .bind(&report.object_id)
    .bind(&report.sha256)
    .bind(&report.sm3)
    .bind(report.pages)
    .bind(&report.template)
    .bind(report.template_version)
    .bind(&report.data_sha256)
    .bind(&report.transcript_state)
    .bind(report.created_ms)
    .execute(&mut *tx.conn())
    .await;
    match inserted.map_err(StoreError::from) {
        Ok(_) => Ok(Some(report)),
        Err(StoreError::Unique) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
