//! User accounts.

use songda_store::{Clock, Db, Tx, new_id};
use sqlx::Row;

use crate::{PeopleError, Role, passwords};

/// An account as an administrator sees it.
#[derive(Debug, Clone)]
pub struct User {
    /// Id.
    pub id: String,
    /// Login.
    pub login: String,
    /// Name.
    pub name: String,
    /// 工号.
    pub staff_no: String,
    /// Role word.
    pub role: String,
    /// Switched off.
    pub disabled: bool,
}

/// A new account.
#[derive(Debug)]
pub struct NewUser<'a> {
    /// Court.
    pub court: &'a str,
    /// Login, unique in the house.
    pub login: &'a str,
    /// Name.
    pub name: &'a str,
    /// 工号.
    pub staff_no: &'a str,
    /// Role.
    pub role: Role,
    /// Password, at least 10 characters of 3 kinds.
    pub password: &'a str,
}

/// Makes an account.
pub async fn create(tx: &mut Tx, clock: &Clock, user: &NewUser<'_>) -> Result<String, PeopleError> {
    passwords::check_strength(user.password)?;
    let id = new_id();
    sqlx::query(
        "INSERT INTO users (id, court_id, login, name, staff_no, role, password_hash, failed_logins, locked_until_ms,
                            created_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, $8)",
    )
    .bind(&id)
    .bind(user.court)
    .bind(user.login)
    .bind(user.name)
    .bind(user.staff_no)
    .bind(user.role.code())
    .bind(passwords::hash(user.password).await?)
    .bind(clock.now_ms())
    .execute(&mut *tx.conn())
    .await?;
    Ok(id)
}

/// Accounts of a court by login.
pub async fn list(db: &Db, court: &str) -> Result<Vec<User>, PeopleError> {
    let rows = sqlx::query(
        "SELECT id, login, name, staff_no, role, disabled_ms FROM users WHERE court_id = $1 ORDER BY login",
    )
    .bind(court)
    .fetch_all(db.read())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| User {
            id: row.get(0),
            login: row.get(1),
            name: row.get(2),
            staff_no: row.get(3),
            role: row.get(4),
            disabled: row.get::<Option<i64>, _>(5).is_some(),
        })
        .collect())
}
