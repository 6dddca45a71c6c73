//! SQL of desk phones.

use songda_calls::sip::PhoneAccount;
use songda_store::{Clock, Db, Sealer, Tx, new_id};
use sqlx::{Row, any::AnyRow};

use super::{PhoneForm, check_name, password, read_ha1s, write_ha1s};
use crate::{DeskError, telephony::Unfit};

/// A desk phone.
#[derive(Clone)]
pub struct PhoneRow {
    /// Id.
    pub id: String,
    /// Court.
    pub court_id: String,
    /// Extension: its user at the registrar.
    pub extension: String,
    /// Name.
    pub name: String,
    /// Whose it is.
    pub owner_id: Option<String>,
    /// Name of his account.
    pub owner_name: Option<String>,
    /// The realm for which its password was made: under another one it does not open.
    pub realm: String,
    /// Whether it may register.
    pub active: bool,
    /// When it was entered, unix milliseconds.
    pub created_ms: i64,
    ha1s_sealed: Vec<u8>,
}

impl std::fmt::Debug for PhoneRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PhoneRow").field("id", &self.id).field("extension", &self.extension).finish_non_exhaustive()
    }
}

const SELECT: &str =
    "SELECT p.id, p.court_id, p.extension, p.name, p.owner_id, u.name, p.realm, p.active, p.created_ms,
    p.ha1s_sealed FROM desk_phones p LEFT JOIN users u ON u.id = p.owner_id";

fn read(row: &AnyRow) -> PhoneRow {
    PhoneRow {
        id: row.get(0),
        court_id: row.get(1),
        extension: row.get(2),
        name: row.get(3),
        owner_id: row.get(4),
        owner_name: row.get(5),
        realm: row.get(6),
        active: row.get::<i64, _>(7) == 1,
        created_ms: row.get(8),
        ha1s_sealed: row.get(9),
    }
}

/// The desk phones of a court, by extension.
pub async fn list(db: &Db, court: &str) -> Result<Vec<PhoneRow>, DeskError> {
    let sql = format!("{SELECT} WHERE p.court_id = $1 ORDER BY p.extension");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(court).fetch_all(db.read()).await?;
    Ok(rows.iter().map(read).collect())
}

/// Those of them that may register.
pub async fn active(db: &Db, court: &str) -> Result<Vec<PhoneRow>, DeskError> {
    Ok(list(db, court).await?.into_iter().filter(|row| row.active).collect())
}

/// One desk phone of a court.
pub async fn find(db: &Db, court: &str, id: &str) -> Result<Option<PhoneRow>, DeskError> {
    let sql = format!("{SELECT} WHERE p.court_id = $1 AND p.id = $2");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(court).bind(id).fetch_optional(db.read()).await?;
    Ok(row.as_ref().map(read))
}

/// The accounts of all courts as the registrar of this realm takes them. One that cannot be
/// opened is left out and said; one of another realm needs a new password.
pub async fn accounts(db: &Db, sealer: &Sealer, realm: &str) -> Result<Vec<PhoneAccount>, DeskError> {
    let sql = format!("{SELECT} WHERE p.active = 1 AND p.realm = $1 ORDER BY p.extension");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(realm).fetch_all(db.read()).await?;
    let account = |row: PhoneRow| {
        let open = sealer.open_sealed("desk_phones", "ha1s_sealed", &row.id, &row.ha1s_sealed);
        let ha1s = open.ok().and_then(|kept| read_ha1s(&kept));
        if ha1s.is_none() {
            tracing::error!(phone = %row.id, "the secret of a desk phone cannot be read");
        }
        Some(PhoneAccount { user: row.extension, ha1s: ha1s? })
    };
    Ok(rows.iter().map(read).filter_map(account).collect())
}

/// Whoever owns a phone has an account of the court.
async fn check_owner(tx: &mut Tx, court: &str, owner: Option<&str>) -> Result<(), DeskError> {
    let Some(owner) = owner else { return Ok(()) };
    let found = sqlx::query("SELECT id FROM users WHERE court_id = $1 AND id = $2")
        .bind(court)
        .bind(owner)
        .fetch_optional(&mut *tx.conn())
        .await?;
    if found.is_none() {
        return Err(Unfit::field("owner_id", "must be somebody of the court").into());
    }
    Ok(())
}

/// Enters a phone; its id and its password, which is told here and never again.
pub async fn add(
    tx: &mut Tx,
    clock: &Clock,
    sealer: &Sealer,
    court: &str,
    realm: &str,
    form: &PhoneForm,
) -> Result<(String, String), DeskError> {
    form.check()?;
    check_owner(tx, court, form.owner.as_deref()).await?;
    let taken = sqlx::query("SELECT id FROM desk_phones WHERE extension = $1")
        .bind(&form.extension)
        .fetch_optional(&mut *tx.conn())
        .await?;
    if taken.is_some() {
        return Err(Unfit::field("extension", "is that of another phone of this server").into());
    }
    let (id, password) = (new_id(), password()?);
    sqlx::query(
        "INSERT INTO desk_phones (id, court_id, extension, name, owner_id, realm, ha1s_sealed, active, created_ms,
                                  changed_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $8)",
    )
    .bind(&id)
    .bind(court)
    .bind(&form.extension)
    .bind(form.name.trim())
    .bind(&form.owner)
    .bind(realm)
    .bind(seal(sealer, court, &id, &write_ha1s(&form.extension, realm, &password))?)
    .bind(clock.now_ms())
    .execute(&mut *tx.conn())
    .await?;
    Ok((id, password))
}

fn seal(sealer: &Sealer, court: &str, id: &str, ha1s: &[u8]) -> Result<Vec<u8>, DeskError> {
    Ok(sealer.seal(court, "trunk", "desk_phones", "ha1s_sealed", id, ha1s)?)
}

/// Gives a phone another name or another owner. False when it is not there.
pub async fn change(
    tx: &mut Tx,
    clock: &Clock,
    court: &str,
    id: &str,
    name: &str,
    owner: Option<&str>,
) -> Result<bool, DeskError> {
    check_name(name)?;
    check_owner(tx, court, owner).await?;
    let done =
        sqlx::query("UPDATE desk_phones SET name = $3, owner_id = $4, changed_ms = $5 WHERE court_id = $1 AND id = $2")
            .bind(court)
            .bind(id)
            .bind(name.trim())
            .bind(owner)
            .bind(clock.now_ms())
            .execute(&mut *tx.conn())
            .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives a phone a new password: devices with the old one are thrown out.
pub async fn renew(
    tx: &mut Tx,
    clock: &Clock,
    sealer: &Sealer,
    phone: &PhoneRow,
    realm: &str,
) -> Result<String, DeskError> {
    let password = password()?;
    let ha1s = write_ha1s(&phone.extension, realm, &password);
    sqlx::query("UPDATE desk_phones SET realm = $3, ha1s_sealed = $4, changed_ms = $5 WHERE court_id = $1 AND id = $2")
        .bind(&phone.court_id)
        .bind(&phone.id)
        .bind(realm)
        .bind(seal(sealer, &phone.court_id, &phone.id, &ha1s)?)
        .bind(clock.now_ms())
        .execute(&mut *tx.conn())
        .await?;
    Ok(password)
}

/// Switches a phone on or off. False when it was so already, or is not there.
pub async fn set_active(tx: &mut Tx, clock: &Clock, court: &str, id: &str, active: bool) -> Result<bool, DeskError> {
    let done = sqlx::query(
        "UPDATE desk_phones SET active = $3, changed_ms = $4 WHERE court_id = $1 AND id = $2 AND active <> $3",
    )
    .bind(court)
    .bind(id)
    .bind(i64::from(active))
    .bind(clock.now_ms())
    .execute(&mut *tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes a phone out of the books. False when it is not there.
pub async fn remove(tx: &mut Tx, court: &str, id: &str) -> Result<bool, DeskError> {
    let done = sqlx::query("DELETE FROM desk_phones WHERE court_id = $1 AND id = $2")
        .bind(court)
        .bind(id)
        .execute(&mut *tx.conn())
        .await?;
    Ok(done.rows_affected() == 1)
}
