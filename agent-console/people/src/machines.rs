//! Machine accounts: the systems that push orders.

use songda_store::{Clock, Db, Tx, new_id};
use sqlx::Row;

use crate::{PeopleError, digest, secret};

/// A machine account that was let in.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Account.
    pub id: String,
    /// Court.
    pub court_id: String,
    /// 法院代字 of the court.
    pub court_code: String,
    /// Source system it may push for.
    pub source: String,
}

/// Makes an account; the key is shown this once and never stored.
pub async fn create(tx: &mut Tx, clock: &Clock, court: &str, source: &str) -> Result<String, PeopleError> {
    let (id, secret) = (new_id(), secret(32)?);
    sqlx::query(
        "INSERT INTO machine_accounts (id, court_id, source, secret_hash, created_ms) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(&id)
    .bind(court)
    .bind(source)
    .bind(digest(&secret))
    .bind(clock.now_ms())
    .execute(&mut *tx.conn())
    .await?;
    Ok(format!("sdk_{id}_{secret}"))
}

/// The account of a bearer key `sdk_<id>_<secret>`.
pub async fn verify(db: &Db, key: &str) -> Result<Option<Machine>, PeopleError> {
    let Some((id, secret)) = key.strip_prefix("sdk_").and_then(|rest| rest.split_once('_')) else { return Ok(None) };
    let row = sqlx::query(
        "SELECT m.court_id, c.code, m.source, m.secret_hash FROM machine_accounts m JOIN courts c ON c.id = m.court_id
         WHERE m.id = $1 AND m.disabled_ms IS NULL",
    )
    .bind(id)
    .fetch_optional(db.read())
    .await?;
    // The digests are compared, not the secrets: their timing tells nothing useful.
    Ok(row.filter(|row| row.get::<String, _>(3) == digest(secret)).map(|row| Machine {
        id: id.to_owned(),
        court_id: row.get(0),
        court_code: row.get(1),
        source: row.get(2),
    }))
}
