//! SQL of attempts: what a call came to, as its agent saved it.

use songda_store::{Db, Sealer};
use sqlx::Row;

use crate::DeskError;

/// An attempt of a task, as it stands in the timeline for ever.
#[derive(Debug, Clone)]
pub struct AttemptRow {
    /// Number within the task.
    pub no: i64,
    /// Call.
    pub call_id: String,
    /// When.
    pub at_ms: i64,
    /// Technical code.
    pub technical: String,
    /// Who spoke, or empty.
    pub contact: String,
    /// Business code, or empty.
    pub business: String,
    /// 已清楚完整听取.
    pub heard_all: bool,
    /// Agent's name.
    pub agent: String,
    /// The agent's note.
    pub note: String,
    /// What the outcome asked for, as it may be shown.
    pub fields: Vec<AttemptField>,
}

/// A field of an attempt, as it may be shown.
#[derive(Debug, Clone)]
pub struct AttemptField {
    /// Name within the outcome.
    pub name: String,
    /// Kind of the field.
    pub kind: String,
    /// What may be shown of it.
    pub masked: String,
}

/// Attempts of a task in their order, with their notes opened.
pub async fn attempts(db: &Db, sealer: &Sealer, task: &str) -> Result<Vec<AttemptRow>, DeskError> {
    let rows = sqlx::query(
        "SELECT a.no, a.call_id, a.at_ms, a.technical_code, a.contact_code, a.business_code, a.heard_all, u.name, a.id,
                a.note_sealed
         FROM attempts a JOIN users u ON u.id = a.agent_id WHERE a.task_id = $1 ORDER BY a.no",
    )
    .bind(task)
    .fetch_all(db.read())
    .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let (id, sealed): (String, Option<Vec<u8>>) = (row.get(8), row.get(9));
        let note = match sealed {
            Some(sealed) => {
                let open = sealer.open_sealed("attempts", "note_sealed", &id, &sealed)?;
                String::from_utf8_lossy(&open).into_owned()
            }
            None => String::new(),
        };
        found.push(AttemptRow {
            no: row.get(0),
            call_id: row.get(1),
            at_ms: row.get(2),
            technical: row.get(3),
            contact: row.get(4),
            business: row.get(5),
            heard_all: row.get::<i64, _>(6) == 1,
            agent: row.get(7),
            note,
            fields: fields(db, &id).await?,
        });
    }
    Ok(found)
}

async fn fields(db: &Db, attempt: &str) -> Result<Vec<AttemptField>, DeskError> {
    let rows = sqlx::query("SELECT name, kind, masked FROM attempt_fields WHERE attempt_id = $1 ORDER BY name")
        .bind(attempt)
        .fetch_all(db.read())
        .await?;
    Ok(rows.iter().map(|row| AttemptField { name: row.get(0), kind: row.get(1), masked: row.get(2) }).collect())
}
