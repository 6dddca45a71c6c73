//! What proves that two persons decided about this very list.
//!
//! A row that says `approved` proves nothing: whoever can write into the database could have
//! anything destroyed by it. So the house signs, in the transaction of the approval, who asked, who
//! approved, and the list as both saw it; what is carried out must be signed, and as it stands there.

use serde_json::json;
use sha2::{Digest as _, Sha256};
use songda_recordings::{
    keys::{KeyProvider, PublicKey},
    said::Said,
};
use sqlx::{AnyConnection, Row};

use crate::{ServiceError, evidence::Signed};

/// The text that is signed, and when it was approved, unix milliseconds. None when there is no such
/// request.
async fn text(conn: &mut AnyConnection, request: &str) -> Result<Option<(String, i64)>, ServiceError> {
    let row = sqlx::query(
        "SELECT court_id, kind, policy_version, body, asked_by, asked_name, asked_ms, COALESCE(decided_by, ''),
                COALESCE(decided_name, ''), COALESCE(decided_ms, 0), reason
         FROM retention_requests WHERE id = $1",
    )
    .bind(request)
    .fetch_optional(&mut *conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let text = |at: usize| row.get::<String, _>(at);
    let decided_ms: i64 = row.get(9);
    let mut told = json!({
        "approved_deletion": request,
        "court": text(0),
        "kind": text(1),
        "policy_version": row.get::<i64, _>(2),
        "body": text(3),
        "asked": { "by": text(4), "name": text(5), "at_ms": row.get::<i64, _>(6) },
        "approved": { "by": text(7), "name": text(8), "at_ms": decided_ms },
        "list": list(conn, request).await?,
    });
    // An approval of a version that took no reason was signed without one.
    if !text(10).is_empty() {
        told["approved"]["reason"] = json!(text(10));
    }
    Ok(Some((told.to_string(), decided_ms)))
}

/// SHA-256 over the list of a deletion as it was shown to both persons, hex: a line for each file, in
/// the order of their ids.
async fn list(conn: &mut AnyConnection, request: &str) -> Result<String, ServiceError> {
    let rows = sqlx::query(
        "SELECT file_id, class, kind, case_id, task_id, size, due_ms FROM deletion_items WHERE request_id = $1",
    )
    .bind(request)
    .fetch_all(conn)
    .await?;
    let mut lines: Vec<String> = rows
        .iter()
        .map(|row| {
            let text = |at: usize| row.get::<String, _>(at);
            let (size, due_ms): (i64, i64) = (row.get(5), row.get(6));
            format!("{}|{}|{}|{}|{}|{size}|{due_ms}\n", text(0), text(1), text(2), text(3), text(4))
        })
        .collect();
    // The order of a database's letters may be another.
    lines.sort();
    Ok(hex::encode(Sha256::digest(lines.concat())))
}

/// Signs an approval, in its own transaction.
pub(super) async fn sign(conn: &mut AnyConnection, keys: &dyn KeyProvider, request: &str) -> Result<(), ServiceError> {
    let (text, _) = text(conn, request).await?.ok_or(ServiceError::NotFound { kind: "request" })?;
    let seal = json!(Signed::over(&text, keys)?).to_string();
    sqlx::query("UPDATE retention_requests SET seal = $2 WHERE id = $1").bind(request).bind(seal).execute(conn).await?;
    Ok(())
}

/// Whether this house signed the approval as it stands there; why not, if not.
pub(crate) async fn check(
    conn: &mut AnyConnection,
    keys: &[PublicKey],
    request: &str,
) -> Result<Result<(), Said>, ServiceError> {
    let row = sqlx::query("SELECT seal FROM retention_requests WHERE id = $1")
        .bind(request)
        .fetch_optional(&mut *conn)
        .await?;
    let seal = row.map(|row| row.get::<String, _>(0)).unwrap_or_default();
    if seal.is_empty() {
        return Ok(Err(Said::new("approval.unsigned", "this house did not sign its approval")));
    }
    let Ok(seal) = serde_json::from_str::<Signed>(&seal) else {
        return Ok(Err(Said::new("approval.unreadable", "the signature of its approval cannot be read")));
    };
    let Some((text, decided_ms)) = text(conn, request).await? else {
        return Ok(Err(Said::new("approval.gone", "it is not in the books")));
    };
    let checked = seal.check(&text, Some(decided_ms), keys);
    Ok(checked.map_err(|why| Said::new("approval.unfit", "its approval: {why}").with("why", why)))
}
