//! Closed recordings in the books: those of calls of a task, and those of callers of no task.

use serde_json::json;
use songda_recordings::vault::{Manifest, RecordingId};
use songda_service::evidence::bind_call;
use songda_store::{Clock, Db, StoreError, Tx, evidence};
use sqlx::Row;

use crate::DeskError;

/// Whose recording it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner<'a> {
    /// A call of a task, by id.
    Call(&'a str),
    /// A call that came in and is no task's, by id.
    Caller(&'a str),
}

impl<'a> Owner<'a> {
    /// Table, column of the owner, and the owner.
    fn place(self) -> (&'static str, &'static str, &'a str) {
        match self {
            Self::Call(id) => ("recordings", "call_id", id),
            Self::Caller(id) => ("inbound_recordings", "inbound_id", id),
        }
    }
}

/// Enters a closed recording; one of which a part was lost proves nothing whole.
pub async fn enter(
    tx: &mut Tx,
    clock: &Clock,
    owner: Owner<'_>,
    court: &str,
    manifest: &Manifest,
    incomplete: bool,
) -> Result<(), DeskError> {
    let (table, column, id) = owner.place();
    let state = match (incomplete, manifest.recovered) {
        (true, _) => "incomplete",
        (false, true) => "recovered",
        (false, false) => "closed",
    };
    let sql = format!(
        "INSERT INTO {table} (id, {column}, court_id, state, started_ms, frames, bytes, sha256, sm3, gaps, closed_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
    );
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(manifest.id.as_str())
        .bind(id)
        .bind(court)
        .bind(state)
        .bind(manifest.started_ms)
        .bind(manifest.frames as i64)
        .bind(manifest.bytes as i64)
        .bind(&manifest.sha256)
        .bind(&manifest.sm3)
        .bind(json!(manifest.gaps).to_string())
        .bind(clock.now_ms())
        .execute(&mut *tx.conn())
        .await?;
    let entry = evidence::Entry {
        id: manifest.id.as_str(),
        court,
        kind: evidence::RECORDING,
        owner: id,
        sha256: &manifest.sha256,
        sm3: &manifest.sm3,
        size: manifest.bytes as i64,
    };
    evidence::book(tx, clock, entry).await?;
    // The leaf of the recording names its call; what that is of has one of its own.
    if let Owner::Call(id) = owner {
        bind_call(tx, clock, id).await?;
    }
    Ok(())
}

/// State and manifest of a recording, as the database knows it.
pub async fn find(db: &Db, owner: Owner<'_>) -> Result<Option<(String, Manifest)>, DeskError> {
    let (table, column, id) = owner.place();
    let sql =
        format!("SELECT state, id, started_ms, frames, bytes, sha256, sm3, gaps FROM {table} WHERE {column} = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).fetch_optional(db.read()).await?;
    let Some(row) = row else { return Ok(None) };
    let id = RecordingId::new(&row.get::<String, _>(1))
        .map_err(|error| StoreError::internal("reading a recording's id", error))?;
    let state: String = row.get(0);
    let manifest = Manifest {
        id,
        started_ms: row.get(2),
        frames: row.get::<i64, _>(3) as u64,
        bytes: row.get::<i64, _>(4) as u64,
        sha256: row.get(5),
        sm3: row.get(6),
        recovered: state == "recovered",
        gaps: serde_json::from_str(&row.get::<String, _>(7))
            .map_err(|error| StoreError::internal("reading the gaps of a recording", error))?,
    };
    Ok(Some((state, manifest)))
}

/// Notes what a check of the file found: `missing` or `altered`. What once failed is
/// never set back (X2).
pub async fn set_state(tx: &mut Tx, owner: Owner<'_>, state: &str) -> Result<(), DeskError> {
    let (table, column, id) = owner.place();
    let sql = format!("UPDATE {table} SET state = $2 WHERE {column} = $1 AND state <> 'deleted'");
    sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).bind(state).execute(&mut *tx.conn()).await?;
    Ok(())
}
