//! Courts.

use songda_store::{Clock, Db, Tx, new_id};
use sqlx::Row;

use crate::PeopleError;

/// A court.
#[derive(Debug, Clone)]
pub struct Court {
    /// Id.
    pub id: String,
    /// 法院代字, e.g. 陕0102.
    pub code: String,
    /// Name.
    pub name: String,
    /// Reaches songda-sim only (X5).
    pub demo: bool,
}

/// Enters a court.
pub async fn create(tx: &mut Tx, clock: &Clock, code: &str, name: &str, demo: bool) -> Result<Court, PeopleError> {
    let court = Court { id: new_id(), code: code.to_owned(), name: name.to_owned(), demo };
    sqlx::query("INSERT INTO courts (id, code, name, demo, created_ms) VALUES ($1, $2, $3, $4, $5)")
        .bind(&court.id)
        .bind(code)
        .bind(name)
        .bind(i64::from(demo))
        .bind(clock.now_ms())
        .execute(&mut *tx.conn())
        .await?;
    Ok(court)
}

/// All courts.
pub async fn list(db: &Db) -> Result<Vec<Court>, PeopleError> {
    let rows = sqlx::query("SELECT id, code, name, demo FROM courts ORDER BY created_ms").fetch_all(db.read()).await?;
    Ok(rows
        .into_iter()
        .map(|row| Court { id: row.get(0), code: row.get(1), name: row.get(2), demo: row.get::<i64, _>(3) == 1 })
        .collect())
}

/// One court.
pub async fn by_id(db: &Db, id: &str) -> Result<Option<Court>, PeopleError> {
    Ok(list(db).await?.into_iter().find(|court| court.id == id))
}
