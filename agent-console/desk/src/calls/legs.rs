//! Each way that a call is tried, and what ends its leg after a kill. A leg holds the number:
//! it is kept sealed, and only as long as the leg may be up.

use songda_calls::SavedLeg;
use songda_store::{Clock, Db, Sealer, Tx, new_id};
use sqlx::{Row, any::AnyRow};

use crate::DeskError;

/// A leg that may still be up.
#[derive(Debug)]
pub struct OpenLeg {
    /// Call.
    pub call: String,
    /// Court.
    pub court: String,
    /// Trunk over which it went.
    pub trunk: String,
    /// The try; none for the leg of a call that came in, or that version 0.1 kept with its call.
    of: Option<String>,
    /// When it began, or was left; unix milliseconds.
    pub since_ms: i64,
    sealed: Vec<u8>,
}

impl OpenLeg {
    /// Opens what was kept; none when it cannot be read any more.
    pub fn open(&self, sealer: &Sealer) -> Result<Option<SavedLeg>, DeskError> {
        let open = match &self.of {
            Some(of) => sealer.open_sealed("call_tries", "leg_sealed", of, &self.sealed)?,
            None => sealer.open_sealed("calls", "leg_sealed", &self.call, &self.sealed)?,
        };
        Ok(SavedLeg::from_bytes(&open))
    }
}

/// One way of a call.
#[derive(Debug, Clone, Copy)]
pub struct Way<'a> {
    /// Court.
    pub court: &'a str,
    /// Call.
    pub call: &'a str,
    /// Which way, from 0.
    pub no: usize,
    /// Over which trunk.
    pub trunk: &'a str,
    /// The court's own number that is shown.
    pub caller: &'a str,
}

/// Writes down that a way is tried: from here on it counts for the limits of its trunk.
pub async fn begin(tx: &mut Tx, clock: &Clock, way: &Way<'_>) -> Result<(), DeskError> {
    sqlx::query(
        "INSERT INTO call_tries (id, call_id, no, court_id, trunk_id, caller, sip_call_id, started_ms, cause)
         VALUES ($1, $2, $3, $4, $5, $6, '', $7, '') ON CONFLICT (call_id, no) DO NOTHING",
    )
    .bind(new_id())
    .bind(way.call)
    .bind(way.no as i64)
    .bind(way.court)
    .bind(way.trunk)
    .bind(way.caller)
    .bind(clock.now_ms())
    .execute(&mut *tx.conn())
    .await?;
    Ok(())
}

/// Keeps what ends the leg of a live call, and that the call goes this way now. Answers false
/// for a call that is over.
pub async fn keep(db: &Db, clock: &Clock, sealer: &Sealer, way: &Way<'_>, leg: &SavedLeg) -> Result<bool, DeskError> {
    let mut tx = db.begin().await?;
    let live = sqlx::query("UPDATE calls SET trunk_id = $2, caller = $3 WHERE id = $1 AND live_task IS NOT NULL")
        .bind(way.call)
        .bind(way.trunk)
        .bind(way.caller)
        .execute(&mut *tx.conn())
        .await?;
    if live.rows_affected() != 1 {
        return Ok(false);
    }
    begin(&mut tx, clock, way).await?;
    let row = sqlx::query("SELECT id FROM call_tries WHERE call_id = $1 AND no = $2")
        .bind(way.call)
        .bind(way.no as i64)
        .fetch_one(&mut *tx.conn())
        .await?;
    let id: String = row.get(0);
    let sealed = sealer.seal(way.court, "phone", "call_tries", "leg_sealed", &id, &leg.to_bytes())?;
    sqlx::query("UPDATE call_tries SET leg_sealed = $2, sip_call_id = $3, trunk_id = $4, caller = $5 WHERE id = $1")
        .bind(&id)
        .bind(sealed)
        .bind(leg.call_id())
        .bind(way.trunk)
        .bind(way.caller)
        .execute(&mut *tx.conn())
        .await?;
    tx.commit().await?;
    Ok(true)
}

/// How a way ended.
#[derive(Debug, Clone, Copy)]
pub struct WayEnd<'a> {
    /// Final SIP status.
    pub status: Option<u16>,
    /// Q.850 cause.
    pub q850: Option<u8>,
    /// For people; never a number.
    pub cause: &'a str,
    /// Nothing of it can be up any more.
    pub down: bool,
}

/// A way failed, and the next one is tried.
pub async fn failed(db: &Db, clock: &Clock, call: &str, no: usize, end: &WayEnd<'_>) -> Result<(), DeskError> {
    let mut tx = db.begin().await?;
    sqlx::query(
        "UPDATE call_tries SET ended_ms = $3, status = $4, q850 = $5, cause = $6,
                leg_sealed = CASE WHEN $7 = 1 THEN NULL ELSE leg_sealed END
         WHERE call_id = $1 AND no = $2 AND ended_ms IS NULL",
    )
    .bind(call)
    .bind(no as i64)
    .bind(clock.now_ms())
    .bind(end.status.map(i64::from))
    .bind(end.q850.map(i64::from))
    .bind(end.cause)
    .bind(i64::from(end.down))
    .execute(&mut *tx.conn())
    .await?;
    Ok(tx.commit().await?)
}

/// The call is over, and so is the way that it went last.
pub(super) async fn ended(tx: &mut Tx, clock: &Clock, call: &str, end: &WayEnd<'_>) -> Result<(), DeskError> {
    sqlx::query(
        "UPDATE call_tries SET ended_ms = $2, status = $3, q850 = $4, cause = $5,
                leg_sealed = CASE WHEN $6 = 1 THEN NULL ELSE leg_sealed END
         WHERE call_id = $1 AND ended_ms IS NULL",
    )
    .bind(call)
    .bind(clock.now_ms())
    .bind(end.status.map(i64::from))
    .bind(end.q850.map(i64::from))
    .bind(end.cause)
    .bind(i64::from(end.down))
    .execute(&mut *tx.conn())
    .await?;
    if end.down {
        sqlx::query("UPDATE calls SET leg_sealed = NULL WHERE id = $1").bind(call).execute(&mut *tx.conn()).await?;
    }
    Ok(())
}

/// The carrier answered: the way that an ended call went last is down.
pub async fn down(db: &Db, call: &str) -> Result<(), DeskError> {
    let mut tx = db.begin().await?;
    sqlx::query(
        "UPDATE call_tries SET leg_sealed = NULL
         WHERE call_id = $1 AND ended_ms IS NOT NULL
           AND no = (SELECT MAX(later.no) FROM call_tries later WHERE later.call_id = $1)",
    )
    .bind(call)
    .execute(&mut *tx.conn())
    .await?;
    for sql in [
        "UPDATE calls SET leg_sealed = NULL WHERE id = $1",
        "UPDATE inbound_calls SET leg_sealed = NULL WHERE id = $1 AND state = 'ended'",
    ] {
        sqlx::query(sql).bind(call).execute(&mut *tx.conn()).await?;
    }
    Ok(tx.commit().await?)
}

/// Every leg that may still be up, the latest first.
pub async fn open_legs(db: &Db) -> Result<Vec<OpenLeg>, DeskError> {
    let rows = sqlx::query(
        "SELECT call_id, court_id, trunk_id, id, leg_sealed, started_ms FROM call_tries WHERE leg_sealed IS NOT NULL
         UNION ALL
         SELECT id, court_id, COALESCE(trunk_id, ''), '', leg_sealed, created_ms FROM calls
         WHERE leg_sealed IS NOT NULL
         UNION ALL
         SELECT id, court_id, trunk_id, '', leg_sealed, created_ms FROM inbound_calls WHERE leg_sealed IS NOT NULL
         ORDER BY 6 DESC",
    )
    .fetch_all(db.read())
    .await?;
    Ok(rows.iter().map(open_leg).collect())
}

/// Legs of ways that were left before this moment without a word, while their calls went
/// another way: over the next trunk, or by the party's own call.
pub async fn left(db: &Db, before_ms: i64) -> Result<Vec<OpenLeg>, DeskError> {
    let rows = sqlx::query(
        "SELECT call_id, court_id, trunk_id, id, leg_sealed, ended_ms FROM call_tries
         WHERE leg_sealed IS NOT NULL AND ended_ms < $1
           AND (no < (SELECT MAX(later.no) FROM call_tries later WHERE later.call_id = call_tries.call_id)
                OR EXISTS (SELECT 1 FROM calls c WHERE c.id = call_tries.call_id AND c.direction = 'in'))
         ORDER BY started_ms LIMIT 100",
    )
    .bind(before_ms)
    .fetch_all(db.read())
    .await?;
    Ok(rows.iter().map(open_leg).collect())
}

fn open_leg(row: &AnyRow) -> OpenLeg {
    OpenLeg {
        call: row.get(0),
        court: row.get(1),
        trunk: row.get(2),
        of: Some(row.get::<String, _>(3)).filter(|of| !of.is_empty()),
        sealed: row.get(4),
        since_ms: row.get(5),
    }
}

/// The leg is down: nothing of it is kept.
pub async fn forget(tx: &mut Tx, leg: &OpenLeg) -> Result<(), DeskError> {
    let (statements, id): (&[&'static str], _) = match &leg.of {
        Some(of) => (&["UPDATE call_tries SET leg_sealed = NULL WHERE id = $1"], of),
        None => (
            &[
                "UPDATE calls SET leg_sealed = NULL WHERE id = $1",
                "UPDATE inbound_calls SET leg_sealed = NULL WHERE id = $1",
            ],
            &leg.call,
        ),
    };
    for sql in statements {
        sqlx::query(*sql).bind(id).execute(&mut *tx.conn()).await?;
    }
    Ok(())
}

/// A way that was tried, for people.
#[derive(Clone)]
pub struct TriedWay {
    /// Which, from 0.
    pub no: i64,
    /// Trunk.
    pub trunk_id: String,
    /// It came in.
    pub incoming: bool,
    /// The court's own number that was shown, or that was called.
    pub caller: String,
    /// Call-ID on the wire, or empty where nothing went out. That of one that came in may hold
    /// the caller's number: it stands in no log and reaches nobody.
    pub sip_call_id: String,
    /// When, unix milliseconds.
    pub started_ms: i64,
    /// End, unix milliseconds.
    pub ended_ms: Option<i64>,
    /// Final SIP status.
    pub status: Option<i64>,
    /// Q.850 cause.
    pub q850: Option<i64>,
    /// What ended it, for people.
    pub cause: String,
}

/// The name of a way on the wire. That of one that came in is sealed; what cannot be opened is
/// as good as none.
fn named(sealer: &Sealer, call: &str, row: &AnyRow) -> String {
    let Some(sealed) = row.get::<Option<Vec<u8>>, _>(10) else { return row.get(3) };
    match sealer.open_sealed("inbound_calls", "sip_call_sealed", call, &sealed) {
        Ok(open) => String::from_utf8_lossy(&open).into_owned(),
        Err(error) => {
            tracing::error!(%call, %error, "the Call-ID of a call that came in cannot be opened");
            String::new()
        }
    }
}

/// The ways of a call of this court, in the order in which they were tried. One that came in
/// has the way by which it came, behind ours where it crossed one (E46).
pub async fn ways(db: &Db, sealer: &Sealer, court: &str, call: &str) -> Result<Vec<TriedWay>, DeskError> {
    let rows = sqlx::query(
        "SELECT no, trunk_id, caller, sip_call_id, started_ms, ended_ms, status, q850, cause, CAST(0 AS BIGINT),
                CAST(NULL AS BYTEA)
         FROM call_tries WHERE call_id = $1 AND court_id = $2
         UNION ALL
         SELECT CAST(0 AS BIGINT), i.trunk_id, i.called, i.sip_call_id, i.created_ms, COALESCE(i.ended_ms, c.ended_ms),
                CAST(NULL AS BIGINT), CAST(NULL AS BIGINT), '', CAST(1 AS BIGINT), i.sip_call_sealed
         FROM inbound_calls i LEFT JOIN calls c ON c.id = i.id WHERE i.id = $1 AND i.court_id = $2
         ORDER BY 10, 1",
    )
    .bind(call)
    .bind(court)
    .fetch_all(db.read())
    .await?;
    Ok(rows
        .iter()
        .map(|row| TriedWay {
            no: row.get(0),
            trunk_id: row.get(1),
            caller: row.get(2),
            sip_call_id: named(sealer, call, row),
            started_ms: row.get(4),
            ended_ms: row.get(5),
            status: row.get(6),
            q850: row.get(7),
            cause: row.get(8),
            incoming: row.get::<i64, _>(9) == 1,
        })
        .collect())
}
