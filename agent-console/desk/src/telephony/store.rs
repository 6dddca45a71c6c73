//! SQL of trunks and court numbers.

use songda_calls::Trunk;
use songda_store::{Clock, Db, Sealer, Tx, new_id};
use sqlx::{Row, any::AnyRow};

use crate::DeskError;

/// A trunk with the number under which calls leave.
#[derive(Debug, Clone)]
pub struct Line {
    /// Name of the trunk.
    pub trunk: String,
    /// host:port of the carrier.
    pub proxy: String,
    /// SIP domain.
    pub domain: String,
    /// Digest user.
    pub username: String,
    /// Digest password, sealed.
    password_sealed: Vec<u8>,
    /// Id of the trunk.
    pub trunk_id: String,
    /// The court's own number, public.
    pub number: String,
}

impl Line {
    /// Whether its carrier is on this machine: demo mode calls nobody else (X5).
    pub fn leads_nowhere_else(&self) -> bool {
        self.proxy.parse::<std::net::SocketAddr>().is_ok_and(|address| address.ip().is_loopback())
    }

    /// The trunk as signalling takes it.
    pub fn trunk(&self, sealer: &Sealer) -> Result<Trunk, DeskError> {
        Ok(Trunk {
            name: self.trunk.clone(),
            proxy: self.proxy.clone(),
            domain: self.domain.clone(),
            username: self.username.clone(),
            password: self.password(sealer)?.into(),
            ..Trunk::default()
        })
    }

    fn password(&self, sealer: &Sealer) -> Result<String, DeskError> {
        let open = sealer.open_sealed("trunks", "password_sealed", &self.trunk_id, &self.password_sealed)?;
        Ok(String::from_utf8_lossy(&open).into_owned())
    }
}

/// The line on which a court's calls leave: its active number with proof on file. None
/// when there is none, and then no call can be placed. Demo trunks serve demo mode and
/// nothing else does (X5).
pub async fn line_for(db: &Db, court: &str, demo: bool) -> Result<Option<Line>, DeskError> {
    let row = sqlx::query(
        "SELECT t.name, t.proxy, t.domain, t.username, t.password_sealed, t.id, n.number
         FROM court_numbers n JOIN trunks t ON t.id = n.trunk_id
         WHERE n.court_id = $1 AND n.active = 1 AND n.licence <> '' AND t.demo = $2 ORDER BY n.created_ms LIMIT 1",
    )
    .bind(court)
    .bind(i64::from(demo))
    .fetch_optional(db.read())
    .await?;
    Ok(row.as_ref().map(line))
}

fn line(row: &AnyRow) -> Line {
    Line {
        trunk: row.get(0),
        proxy: row.get(1),
        domain: row.get(2),
        username: row.get(3),
        password_sealed: row.get(4),
        trunk_id: row.get(5),
        number: row.get(6),
    }
}

/// The line of a call that went out before, in whatever state its number is now: what is up
/// must be taken down. Demo mode knows demo trunks only (X5).
pub async fn line_of(db: &Db, court: &str, trunk: &str, demo: bool) -> Result<Option<Line>, DeskError> {
    let row = sqlx::query(
        "SELECT name, proxy, domain, username, password_sealed, id, '' FROM trunks
         WHERE court_id = $1 AND id = $2 AND demo = $3",
    )
    .bind(court)
    .bind(trunk)
    .bind(i64::from(demo))
    .fetch_optional(db.read())
    .await?;
    Ok(row.as_ref().map(line))
}

/// A trunk with its court number, to be entered.
#[derive(Debug)]
pub struct NewLine<'a> {
    /// Court.
    pub court: &'a str,
    /// Name of the trunk.
    pub name: &'a str,
    /// host:port of the carrier.
    pub proxy: &'a str,
    /// SIP domain.
    pub domain: &'a str,
    /// Digest user.
    pub username: &'a str,
    /// Digest password.
    pub password: &'a str,
    /// The court's own number.
    pub number: &'a str,
    /// Proof on file that the number is the court's.
    pub licence: &'a str,
    /// Leads to songda-sim only.
    pub demo: bool,
}

/// Enters a trunk and its number.
pub async fn add_line(tx: &mut Tx, clock: &Clock, sealer: &Sealer, line: &NewLine<'_>) -> Result<(), DeskError> {
    let id = new_id();
    let sealed = sealer.seal(line.court, "trunk", "trunks", "password_sealed", &id, line.password.as_bytes())?;
    sqlx::query(
        "INSERT INTO trunks (id, court_id, name, proxy, domain, username, password_sealed, demo, created_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(&id)
    .bind(line.court)
    .bind(line.name)
    .bind(line.proxy)
    .bind(line.domain)
    .bind(line.username)
    .bind(sealed)
    .bind(i64::from(line.demo))
    .bind(clock.now_ms())
    .execute(&mut *tx.conn())
    .await?;
    sqlx::query(
        "INSERT INTO court_numbers (id, court_id, trunk_id, number, licence, active, created_ms)
         VALUES ($1, $2, $3, $4, $5, 1, $6)",
    )
    .bind(new_id())
    .bind(line.court)
    .bind(&id)
    .bind(line.number)
    .bind(line.licence)
    .bind(clock.now_ms())
    .execute(&mut *tx.conn())
    .await?;
    Ok(())
}
