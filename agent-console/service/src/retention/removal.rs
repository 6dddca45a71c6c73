//! How a file went that is there no more: when, on what ground, and by which certificate.

use std::collections::HashMap;

use songda_store::Db;
use sqlx::{Row, any::AnyRow};

use crate::ServiceError;

/// The removal of a file by decision of two persons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// When it went, unix milliseconds.
    pub deleted_ms: i64,
    /// The certificate that names its hashes; none while the removal of the others still runs.
    pub certificate: Option<String>,
    /// The contract had ended; else its period was over.
    pub is_contract_end: bool,
}

const COLUMNS: &str =
    "SELECT d.file_id, d.deleted_ms, (SELECT c.id FROM deletion_certificates c WHERE c.request_id = r.id),
    CASE WHEN r.kind = 'contract_end' THEN 1 ELSE 0 END
    FROM deletions d JOIN retention_requests r ON r.id = d.request_id";

fn read(row: &AnyRow) -> Removal {
    Removal { deleted_ms: row.get(1), certificate: row.get(2), is_contract_end: row.get::<i64, _>(3) > 0 }
}

/// How this file went, if it did.
pub async fn removal(db: &Db, file: &str) -> Result<Option<Removal>, ServiceError> {
    let sql = format!("{COLUMNS} WHERE d.file_id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(file).fetch_optional(db.read()).await?;
    Ok(row.as_ref().map(read))
}

/// How the files of a case went that did, by file.
pub async fn removals_of(db: &Db, case: &str) -> Result<HashMap<String, Removal>, ServiceError> {
    let sql = format!(
        "{COLUMNS} JOIN deletion_items i ON i.request_id = d.request_id AND i.file_id = d.file_id WHERE i.case_id = $1"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(case).fetch_all(db.read()).await?;
    Ok(rows.iter().map(|row| (row.get(0), read(row))).collect())
}
