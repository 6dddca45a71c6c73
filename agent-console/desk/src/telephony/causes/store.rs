//! SQL of cause tables. Rows are only ever added: a result names the version that gave it.

use songda_service::{
    ServiceError,
    outcomes::{CauseRule, CauseTable},
};
use songda_store::{Clock, Db, Tx};
use sqlx::{Row, any::AnyRow};

use crate::{DeskError, telephony::Unfit};

/// One version of a trunk's table.
#[derive(Debug, Clone)]
pub struct Version {
    /// Counts from 1.
    pub version: i64,
    /// From when on it counts, unix milliseconds.
    pub valid_from_ms: i64,
    /// Rules, in order.
    pub rules: Vec<CauseRule>,
    /// Who approved it.
    pub changed_by: String,
    /// When, unix milliseconds.
    pub changed_ms: i64,
}

fn read(row: &AnyRow) -> Version {
    Version {
        version: row.get(0),
        valid_from_ms: row.get(1),
        rules: serde_json::from_str(&row.get::<String, _>(2)).unwrap_or_default(),
        changed_by: row.get(3),
        changed_ms: row.get(4),
    }
}

/// Every version of a trunk's table, the newest first.
pub async fn history(db: &Db, trunk: &str) -> Result<Vec<Version>, DeskError> {
    let rows = sqlx::query(
        "SELECT version, valid_from_ms, rules, changed_by, changed_ms FROM cause_tables WHERE trunk_id = $1
         ORDER BY version DESC LIMIT 200",
    )
    .bind(trunk)
    .fetch_all(db.read())
    .await?;
    Ok(rows.iter().map(read).collect())
}

/// The table that counts at this moment; without one of its own a trunk has the house's rules
/// alone.
pub async fn table_at(db: &Db, trunk: &str, at_ms: i64) -> Result<CauseTable, DeskError> {
    let row = sqlx::query(
        "SELECT version, valid_from_ms, rules, changed_by, changed_ms FROM cause_tables
         WHERE trunk_id = $1 AND valid_from_ms <= $2 ORDER BY version DESC LIMIT 1",
    )
    .bind(trunk)
    .bind(at_ms)
    .fetch_optional(db.read())
    .await?;
    let Some(found) = row.as_ref().map(read) else { return Ok(CauseTable::default()) };
    Ok(CauseTable { name: format!("trunk {trunk} v{}", found.version), rules: found.rules })
}

/// Adds the version that follows `base`.
pub async fn add(
    tx: &mut Tx,
    clock: &Clock,
    (court, trunk): (&str, &str),
    base: i64,
    valid_from_ms: i64,
    rules: &[CauseRule],
    by: &str,
) -> Result<(), DeskError> {
    CauseTable::check(rules)
        .map_err(|wrong| Unfit::field(format!("rules[{}].{}", wrong.rule - 1, wrong.field), wrong.what))?;
    let known = sqlx::query("SELECT id FROM trunks WHERE court_id = $1 AND id = $2")
        .bind(court)
        .bind(trunk)
        .fetch_optional(&mut *tx.conn())
        .await?;
    if known.is_none() {
        return Err(ServiceError::NotFound { kind: "trunk" }.into());
    }
    let last = sqlx::query("SELECT CAST(COALESCE(MAX(version), 0) AS BIGINT) FROM cause_tables WHERE trunk_id = $1")
        .bind(trunk)
        .fetch_one(&mut *tx.conn())
        .await?
        .get::<i64, _>(0);
    if last != base {
        return Err(Unfit::state("telephony.stale", "it was changed meanwhile: look at it again").into());
    }
    sqlx::query(
        "INSERT INTO cause_tables (trunk_id, version, valid_from_ms, rules, changed_by, changed_ms)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(trunk)
    .bind(base + 1)
    .bind(valid_from_ms.max(clock.now_ms()))
    .bind(serde_json::to_string(rules).unwrap_or_default())
    .bind(by)
    .bind(clock.now_ms())
    .execute(&mut *tx.conn())
    .await?;
    Ok(())
}
