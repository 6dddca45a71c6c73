//! SQL of trunks.

use songda_calls::numbering::Abroad;
use songda_service::intake::{Region, open_for};
use songda_store::{Clock, Db, Sealer, Tx};
use sqlx::{Row, any::AnyRow};

use super::{Profile, TrunkForm, TrunkState};
use crate::{DeskError, telephony::Unfit};

/// A trunk.
#[derive(Clone)]
pub struct TrunkRow {
    /// Id.
    pub id: String,
    /// Court.
    pub court_id: String,
    /// Name.
    pub name: String,
    /// Whether calls go over it.
    pub state: TrunkState,
    /// SIP domain.
    pub domain: String,
    /// Digest user.
    pub username: String,
    pub(crate) password_sealed: Vec<u8>,
    /// How it is used.
    pub profile: Profile,
    /// Leads to songda-sim only.
    pub demo: bool,
    /// Counts changes, from 1.
    pub version: i64,
}

impl std::fmt::Debug for TrunkRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrunkRow").field("id", &self.id).field("name", &self.name).finish_non_exhaustive()
    }
}

impl TrunkRow {
    /// The digest password.
    pub fn password(&self, sealer: &Sealer) -> Result<String, DeskError> {
        let open = sealer.open_sealed("trunks", "password_sealed", &self.id, &self.password_sealed)?;
        Ok(String::from_utf8_lossy(&open).into_owned())
    }

    /// Whether a password is on file.
    pub fn has_password(&self, sealer: &Sealer) -> bool {
        self.password(sealer).is_ok_and(|password| !password.is_empty())
    }
}

/// The columns that [`read`] takes, of a table that is called `t`.
pub(crate) const COLUMNS: &str =
    "t.id, t.court_id, t.name, t.state, t.domain, t.username, t.password_sealed, t.profile, t.proxy, t.demo, t.version";

/// How many they are.
pub(crate) const WIDTH: usize = 11;

pub(crate) fn read(row: &AnyRow) -> TrunkRow {
    let mut profile: Profile = serde_json::from_str(&row.get::<String, _>(7)).unwrap_or_default();
    if profile.hosts.is_empty() {
        profile.hosts = vec![row.get(8)];
    }
    let paused = row.get::<String, _>(3) == TrunkState::Paused.word();
    TrunkRow {
        id: row.get(0),
        court_id: row.get(1),
        name: row.get(2),
        state: if paused { TrunkState::Paused } else { TrunkState::Active },
        domain: row.get(4),
        username: row.get(5),
        password_sealed: row.get(6),
        profile,
        demo: row.get::<i64, _>(9) == 1,
        version: row.get(10),
    }
}

/// The trunks of a court, or of all courts, the oldest first. Demo mode knows demo trunks
/// only, and nothing else knows them (X5).
pub async fn list(db: &Db, court: Option<&str>, demo: bool) -> Result<Vec<TrunkRow>, DeskError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM trunks t WHERE (CAST($1 AS TEXT) IS NULL OR t.court_id = $1) AND t.demo = $2
         ORDER BY t.created_ms, t.id"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(court).bind(i64::from(demo)).fetch_all(db.read()).await?;
    Ok(rows.iter().map(read).collect())
}

/// One trunk of a court.
pub async fn find(db: &Db, court: &str, id: &str, demo: bool) -> Result<Option<TrunkRow>, DeskError> {
    let sql = format!("SELECT {COLUMNS} FROM trunks t WHERE t.court_id = $1 AND t.id = $2 AND t.demo = $3");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(court)
        .bind(id)
        .bind(i64::from(demo))
        .fetch_optional(db.read())
        .await?;
    Ok(row.as_ref().map(read))
}

/// A trunk by its id, whichever court it is of: what stands on the wire is ended over the trunk
/// by which it came.
pub async fn by_id(db: &Db, id: &str, demo: bool) -> Result<Option<TrunkRow>, DeskError> {
    let sql = format!("SELECT {COLUMNS} FROM trunks t WHERE t.id = $1 AND t.demo = $2");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).bind(i64::from(demo)).fetch_optional(db.read()).await?;
    Ok(row.as_ref().map(read))
}

/// Which trunk is entered or changed.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Court.
    pub court: &'a str,
    /// Id.
    pub id: &'a str,
    /// The version that is changed; 0 for a new one.
    pub version: i64,
    /// Leads to songda-sim only.
    pub demo: bool,
}

/// The turn of a trunk that begins beside the others of its court.
const BESIDE: &str = "(SELECT COALESCE(MIN(o.turn), 0) FROM trunks o WHERE o.court_id = $2)";

/// Enters a trunk, or changes the version that was looked at. It takes its share from here on.
pub async fn put(
    tx: &mut Tx,
    clock: &Clock,
    sealer: &Sealer,
    place: Place<'_>,
    form: &TrunkForm,
) -> Result<(), DeskError> {
    form.check()?;
    let Place { court, id, version, demo } = place;
    if demo && !form.profile.leads_nowhere_else() {
        return Err(Unfit::field("profile.hosts", "must be address:port on this machine in demo mode").into());
    }
    let taken = sqlx::query("SELECT id FROM trunks WHERE court_id = $1 AND name = $2 AND id <> $3")
        .bind(court)
        .bind(&form.name)
        .bind(id)
        .fetch_optional(&mut *tx.conn())
        .await?;
    if taken.is_some() {
        return Err(Unfit::field("name", "is that of another trunk of the court").into());
    }
    let seal = |password: &str| sealer.seal(court, "trunk", "trunks", "password_sealed", id, password.as_bytes());
    let profile = serde_json::to_string(&form.profile).unwrap_or_default();
    if version == 0 {
        let sql = format!(
            "INSERT INTO trunks (id, court_id, name, proxy, domain, username, password_sealed, demo, created_ms, state,
                                 profile, changed_ms, turn)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $9, {BESIDE})"
        );
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(id)
            .bind(court)
            .bind(&form.name)
            .bind(&form.profile.hosts[0])
            .bind(&form.domain)
            .bind(&form.username)
            .bind(seal(form.password.as_deref().unwrap_or_default())?)
            .bind(i64::from(demo))
            .bind(clock.now_ms())
            .bind(form.state.word())
            .bind(profile)
            .execute(&mut *tx.conn())
            .await?;
        return tell_places(tx, clock, court, demo).await;
    }
    let sql = format!(
        "UPDATE trunks SET name = $4, proxy = $5, domain = $6, username = $7, state = $8, profile = $9, changed_ms = $10,
                version = version + 1, turn = {BESIDE} WHERE court_id = $2 AND id = $1 AND version = $3"
    );
    let changed = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(id)
        .bind(court)
        .bind(version)
        .bind(&form.name)
        .bind(&form.profile.hosts[0])
        .bind(&form.domain)
        .bind(&form.username)
        .bind(form.state.word())
        .bind(profile)
        .bind(clock.now_ms())
        .execute(&mut *tx.conn())
        .await?;
    if changed.rows_affected() != 1 {
        return Err(Unfit::state("telephony.stale", "it was changed meanwhile: look at it again").into());
    }
    if let Some(password) = &form.password {
        sqlx::query("UPDATE trunks SET password_sealed = $2 WHERE id = $1")
            .bind(id)
            .bind(seal(password)?)
            .execute(&mut *tx.conn())
            .await?;
    }
    tell_places(tx, clock, court, demo).await
}

/// Once at the start: what was opened before this was kept anywhere.
pub(crate) async fn tell_all_places(db: &Db, clock: &Clock, demo: bool) -> Result<(), DeskError> {
    let courts = sqlx::query("SELECT DISTINCT court_id FROM trunks WHERE demo = $1")
        .bind(i64::from(demo))
        .fetch_all(db.read())
        .await?;
    for court in courts {
        let mut tx = db.begin().await?;
        tell_places(&mut tx, clock, &court.get::<String, _>(0), demo).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// The places abroad that the trunks in use are opened for decide which numbers on file can be
/// dialled (E39).
async fn tell_places(tx: &mut Tx, clock: &Clock, court: &str, demo: bool) -> Result<(), DeskError> {
    let rows = sqlx::query("SELECT profile FROM trunks WHERE court_id = $1 AND demo = $2 AND state = 'active'")
        .bind(court)
        .bind(i64::from(demo))
        .fetch_all(&mut *tx.conn())
        .await?;
    let profiles = rows.iter().filter_map(|row| serde_json::from_str::<Profile>(&row.get::<String, _>(0)).ok());
    let regions: Vec<Region> = profiles.flat_map(|profile| profile.called.abroad).map(region).collect();
    Ok(open_for(tx, clock, court, &regions).await?)
}

fn region(abroad: Abroad) -> Region {
    match abroad {
        Abroad::HongKong => Region::HongKong,
        Abroad::Macau => Region::Macau,
        Abroad::Taiwan => Region::Taiwan,
        Abroad::Foreign => Region::Foreign,
    }
}

/// Takes a trunk out of use at once. False when it was not in use.
pub async fn pause(tx: &mut Tx, clock: &Clock, court: &str, id: &str) -> Result<bool, DeskError> {
    let paused = sqlx::query(
        "UPDATE trunks SET state = 'paused', version = version + 1, changed_ms = $3
         WHERE court_id = $1 AND id = $2 AND state = 'active' RETURNING demo",
    )
    .bind(court)
    .bind(id)
    .bind(clock.now_ms())
    .fetch_optional(&mut *tx.conn())
    .await?;
    let Some(paused) = paused else { return Ok(false) };
    tell_places(tx, clock, court, paused.get::<i64, _>(0) == 1).await?;
    Ok(true)
}
