//! Sessions and the keys that browsers make for sealed work orders.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use sha2::{Digest, Sha256};
use songda_store::{Clock, Db, Dialect, Tx, audit};
use sqlx::Row;

use crate::{PeopleError, Permission, Role, digest, passwords, secret};

/// A session ends after this long without a request.
const IDLE_MS: i64 = 30 * 60_000;
/// A session ends after this long in any case.
const ABSOLUTE_MS: i64 = 12 * 3_600_000;
/// A browser key is renewed after this long.
const KEY_MS: i64 = 8 * 3_600_000;
/// Wrong passwords until an account is locked.
const TRIES: i64 = 5;
/// How long it stays locked.
const LOCK_MS: i64 = 15 * 60_000;

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub struct Actor {
    /// User.
    pub user_id: String,
    /// Login, as the court's systems know it.
    pub login: String,
    /// Name.
    pub name: String,
    /// 工号.
    pub staff_no: String,
    /// Court.
    pub court_id: String,
    /// Role.
    pub role: Role,
    /// Session, by the hash of its cookie.
    pub session: String,
    /// Address of the request.
    pub ip: String,
}

impl Actor {
    /// Whether the role grants this.
    pub fn may(&self, permission: Permission) -> bool {
        self.role.grants().contains(&permission)
    }

    /// What he did to this object (kind and id), with success, for the audit log.
    pub fn did<'a>(
        &'a self,
        action: &'a str,
        object: (&'a str, &'a str),
        detail: serde_json::Value,
    ) -> audit::Entry<'a> {
        audit::Entry {
            court: &self.court_id,
            actor: &self.user_id,
            actor_role: self.role.code(),
            action,
            object_kind: object.0,
            object_id: object.1,
            case_id: None,
            ip: &self.ip,
            result: "ok",
            detail,
        }
    }

    /// The name of the session that stands in sealed work orders: enough to bind, too
    /// little to find the session by.
    pub fn session_tag(&self) -> String {
        self.session.chars().take(16).collect()
    }
}

/// Signs in. Right or wrong, an audit row tells of it; five wrong passwords lock the
/// account for a quarter of an hour.
pub async fn login(
    db: &Db,
    clock: &Clock,
    login: &str,
    password: &str,
    ip: &str,
) -> Result<(Actor, String), PeopleError> {
    let row = sqlx::query(
        "SELECT id, court_id, name, staff_no, role, password_hash, disabled_ms FROM users WHERE login = $1",
    )
    .bind(login)
    .fetch_optional(db.read())
    .await?;
    let Some(row) = row else {
        // The same work as for a login that exists, so that the time tells nothing.
        passwords::hash(password).await?;
        return Err(PeopleError::Wrong);
    };
    let (user_id, court_id): (String, String) = (row.get(0), row.get(1));
    let now = clock.now_ms();
    let right = passwords::matches(password, &row.get::<String, _>(5)).await?;
    let disabled = row.get::<Option<i64>, _>(6).is_some();
    let role = Role::parse(&row.get::<String, _>(4));
    let mut tx = db.begin().await?;
    // Guesses made at the same time meet here one by one: the lock counts for each of them.
    let lock = match tx.dialect() {
        Dialect::Postgres => "SELECT locked_until_ms FROM users WHERE id = $1 FOR UPDATE",
        Dialect::Sqlite => "SELECT locked_until_ms FROM users WHERE id = $1",
    };
    let locked_until: i64 = sqlx::query(lock).bind(&user_id).fetch_one(&mut *tx.conn()).await?.get(0);
    let note = |action: &'static str, result: &'static str| audit::Entry {
        court: &court_id,
        actor: &user_id,
        actor_role: role.map_or("", Role::code),
        action,
        object_kind: "user",
        object_id: &user_id,
        case_id: None,
        ip,
        result,
        detail: json!({}),
    };
    if locked_until > now {
        audit::append(&mut tx, clock, note("session.login", "locked")).await?;
        tx.commit().await?;
        return Err(PeopleError::Locked { until_ms: locked_until });
    }
    let Some(role) = role.filter(|_| right && !disabled) else {
        if !right {
            sqlx::query(
                "UPDATE users SET locked_until_ms = CASE WHEN failed_logins + 1 >= $2 THEN $3 ELSE locked_until_ms END,
                        failed_logins = CASE WHEN failed_logins + 1 >= $2 THEN 0 ELSE failed_logins + 1 END
                 WHERE id = $1",
            )
            .bind(&user_id)
            .bind(TRIES)
            .bind(now + LOCK_MS)
            .execute(&mut *tx.conn())
            .await?;
        }
        audit::append(&mut tx, clock, note("session.login", if right { "disabled" } else { "denied" })).await?;
        tx.commit().await?;
        return Err(if right { PeopleError::Disabled } else { PeopleError::Wrong });
    };
    let cookie = secret(32)?;
    let session = digest(&cookie);
    sqlx::query("UPDATE users SET failed_logins = 0 WHERE id = $1").bind(&user_id).execute(&mut *tx.conn()).await?;
    sqlx::query(
        "INSERT INTO sessions (id_hash, user_id, created_ms, seen_ms, expires_ms, ip) VALUES ($1, $2, $3, $3, $4, $5)",
    )
    .bind(&session)
    .bind(&user_id)
    .bind(now)
    .bind(now + ABSOLUTE_MS)
    .bind(ip)
    .execute(&mut *tx.conn())
    .await?;
    audit::append(&mut tx, clock, note("session.login", "ok")).await?;
    tx.commit().await?;
    let actor = Actor {
        user_id: user_id.clone(),
        login: login.to_owned(),
        name: row.get(2),
        staff_no: row.get(3),
        court_id: court_id.clone(),
        role,
        session,
        ip: ip.to_owned(),
    };
    Ok((actor, cookie))
}

/// Who a cookie belongs to, if its session is alive; its idle time begins anew.
pub async fn resume(db: &Db, clock: &Clock, cookie: &str, ip: &str) -> Result<Option<Actor>, PeopleError> {
    let Some((actor, seen_ms)) = look(db, clock, cookie, ip).await? else { return Ok(None) };
    let now = clock.now_ms();
    if now - seen_ms > 30_000 {
        sqlx::query("UPDATE sessions SET seen_ms = $2 WHERE id_hash = $1")
            .bind(&actor.session)
            .bind(now)
            .execute(db.read())
            .await?;
    }
    Ok(Some(actor))
}

/// Whether a session is alive, without keeping it so: a page that only stands open is idle.
pub async fn is_alive(db: &Db, clock: &Clock, cookie: &str) -> Result<bool, PeopleError> {
    Ok(look(db, clock, cookie, "").await?.is_some())
}

/// Who a cookie belongs to, if its session is alive, without keeping it so.
pub async fn who(db: &Db, clock: &Clock, cookie: &str, ip: &str) -> Result<Option<Actor>, PeopleError> {
    Ok(look(db, clock, cookie, ip).await?.map(|(actor, _)| actor))
}

/// Whose session it is, and when it was last used.
async fn look(db: &Db, clock: &Clock, cookie: &str, ip: &str) -> Result<Option<(Actor, i64)>, PeopleError> {
    let session = digest(cookie);
    let now = clock.now_ms();
    let row = sqlx::query(
        "SELECT u.id, u.login, u.name, u.staff_no, u.court_id, u.role, s.seen_ms FROM sessions s JOIN users u ON u.id = s.user_id
         WHERE s.id_hash = $1 AND s.revoked_ms IS NULL AND s.expires_ms > $2 AND s.seen_ms > $3 AND u.disabled_ms IS NULL",
    )
    .bind(&session)
    .bind(now)
    .bind(now - IDLE_MS)
    .fetch_optional(db.read())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let Some(role) = Role::parse(&row.get::<String, _>(5)) else { return Ok(None) };
    let seen_ms = row.get(6);
    let actor = Actor {
        user_id: row.get(0),
        login: row.get(1),
        name: row.get(2),
        staff_no: row.get(3),
        court_id: row.get(4),
        role,
        session,
        ip: ip.to_owned(),
    };
    Ok(Some((actor, seen_ms)))
}

/// Signs out: the session and its browser keys are dead.
pub async fn logout(db: &Db, clock: &Clock, actor: &Actor) -> Result<(), PeopleError> {
    let mut tx = db.begin().await?;
    let now = clock.now_ms();
    sqlx::query("UPDATE sessions SET revoked_ms = $2 WHERE id_hash = $1")
        .bind(&actor.session)
        .bind(now)
        .execute(&mut *tx.conn())
        .await?;
    sqlx::query("UPDATE agent_keys SET revoked_ms = $2 WHERE session = $1 AND revoked_ms IS NULL")
        .bind(&actor.session)
        .bind(now)
        .execute(&mut *tx.conn())
        .await?;
    note(&mut tx, clock, actor, "session.logout", &actor.user_id).await?;
    tx.commit().await?;
    Ok(())
}

/// A registered browser key.
#[derive(Debug, Clone)]
pub struct BrowserKey {
    /// Key id.
    pub kid: String,
    /// Uncompressed P-256 point.
    pub public_key: Vec<u8>,
    /// Unix milliseconds.
    pub expires_ms: i64,
}

/// Registers the public key of a browser; an older one of the session dies.
pub async fn register_key(db: &Db, clock: &Clock, actor: &Actor, public_key: &[u8]) -> Result<BrowserKey, PeopleError> {
    if public_key.len() != 65 || public_key[0] != 0x04 {
        return Err(PeopleError::BadKey);
    }
    let kid: String = URL_SAFE_NO_PAD.encode(Sha256::digest(public_key)).chars().take(16).collect();
    let now = clock.now_ms();
    let mut tx = db.begin().await?;
    sqlx::query("UPDATE agent_keys SET revoked_ms = $2 WHERE session = $1 AND revoked_ms IS NULL AND kid <> $3")
        .bind(&actor.session)
        .bind(now)
        .bind(&kid)
        .execute(&mut *tx.conn())
        .await?;
    let registered = sqlx::query(
        "INSERT INTO agent_keys (kid, session, user_id, public_key, created_ms, expires_ms) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (kid) DO UPDATE SET session = excluded.session, expires_ms = excluded.expires_ms, revoked_ms = NULL
         WHERE agent_keys.user_id = excluded.user_id",
    )
    .bind(&kid)
    .bind(&actor.session)
    .bind(&actor.user_id)
    .bind(public_key.to_vec())
    .bind(now)
    .bind(now + KEY_MS)
    .execute(&mut *tx.conn())
    .await?;
    if registered.rows_affected() != 1 {
        return Err(PeopleError::BadKey);
    }
    note(&mut tx, clock, actor, "session.key", &kid).await?;
    tx.commit().await?;
    Ok(BrowserKey { kid, public_key: public_key.to_vec(), expires_ms: now + KEY_MS })
}

/// The living key of a session with this id.
pub async fn browser_key(db: &Db, clock: &Clock, actor: &Actor, kid: &str) -> Result<Option<BrowserKey>, PeopleError> {
    let row = sqlx::query(
        "SELECT public_key, expires_ms FROM agent_keys
         WHERE kid = $1 AND session = $2 AND revoked_ms IS NULL AND expires_ms > $3",
    )
    .bind(kid)
    .bind(&actor.session)
    .bind(clock.now_ms())
    .fetch_optional(db.read())
    .await?;
    Ok(row.map(|row| BrowserKey { kid: kid.to_owned(), public_key: row.get(0), expires_ms: row.get(1) }))
}

async fn note(tx: &mut Tx, clock: &Clock, actor: &Actor, action: &str, object: &str) -> Result<(), PeopleError> {
    audit::append(
        tx,
        clock,
        audit::Entry {
            court: &actor.court_id,
            actor: &actor.user_id,
            actor_role: actor.role.code(),
            action,
            object_kind: "session",
            object_id: object,
            case_id: None,
            ip: &actor.ip,
            result: "ok",
            detail: json!({}),
        },
    )
    .await?;
    Ok(())
}
