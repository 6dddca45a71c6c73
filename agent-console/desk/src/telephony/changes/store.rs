//! SQL of changes that wait for a second person.

use serde_json::{Value, json};
use songda_people::Actor;
use songda_service::ServiceError;
use songda_store::{Clock, Db, Sealer, Tx, audit, new_id};
use sqlx::{Row, any::AnyRow};

use super::{Decision, Wanted};
use crate::{
    DeskError,
    telephony::{
        Unfit, causes, numbers,
        trunks::{self, Place},
    },
};

/// Changes of a court that may wait at a time.
const WAITING: i64 = 100;

/// A change.
#[derive(Debug, Clone)]
pub struct ChangeRow {
    /// Id.
    pub id: String,
    /// `trunk`, `number` or `causes`.
    pub kind: String,
    /// Trunk or number.
    pub object_id: String,
    /// The version that it changes; 0 for something new.
    pub base_version: i64,
    /// What it would set, without secrets.
    pub shown: Value,
    /// `waiting`, `applied`, `refused` or `withdrawn`.
    pub state: String,
    /// Who asked.
    pub asked_by: String,
    /// When, unix milliseconds.
    pub asked_ms: i64,
    /// Who decided.
    pub decided_by: Option<String>,
    /// When, unix milliseconds.
    pub decided_ms: Option<i64>,
    /// Why it was refused.
    pub reason: String,
    /// The file that proves the number which it is about.
    pub proof: Option<String>,
}

/// What is on file for a number counts for a change that waits: it names no other then.
const COLUMNS: &str = "SELECT id, kind, object_id, base_version, shown, state, asked_by, asked_ms, decided_by,
    decided_ms, reason, (SELECT n.proof_object FROM court_numbers n WHERE n.id = telephony_changes.object_id
                         AND telephony_changes.kind = 'number' AND telephony_changes.state = 'waiting')
    FROM telephony_changes";

fn read(row: &AnyRow) -> ChangeRow {
    let shown: Value = serde_json::from_str(&row.get::<String, _>(4)).unwrap_or_default();
    ChangeRow {
        proof: shown["proof"].as_str().map(str::to_owned).or_else(|| row.get(11)),
        shown,
        id: row.get(0),
        kind: row.get(1),
        object_id: row.get(2),
        base_version: row.get(3),
        state: row.get(5),
        asked_by: row.get(6),
        asked_ms: row.get(7),
        decided_by: row.get(8),
        decided_ms: row.get(9),
        reason: row.get(10),
    }
}

/// Changes of a court: those that wait first, then the latest of the others.
pub async fn list(db: &Db, court: &str) -> Result<Vec<ChangeRow>, DeskError> {
    let sql = format!(
        "{COLUMNS} WHERE court_id = $1 ORDER BY CASE WHEN state = 'waiting' THEN 0 ELSE 1 END, asked_ms DESC LIMIT 200"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(court).fetch_all(db.read()).await?;
    Ok(rows.iter().map(read).collect())
}

/// One change of a court.
pub async fn one(db: &Db, court: &str, id: &str) -> Result<Option<ChangeRow>, DeskError> {
    let sql = format!("{COLUMNS} WHERE id = $1 AND court_id = $2");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).bind(court).fetch_optional(db.read()).await?;
    Ok(row.as_ref().map(read))
}

/// What stands on what: the ground of a change.
#[derive(Debug, Clone, Copy)]
pub struct Desk<'a> {
    /// Database.
    pub db: &'a Db,
    /// Clock.
    pub clock: &'a Clock,
    /// Sealed columns.
    pub sealer: &'a Sealer,
    /// Demo mode.
    pub demo: bool,
}

/// Asks for a change of `object` at its version `base`, or for something new under a fresh id
/// when `object` is none. What could not be applied now is refused now.
pub async fn ask(
    desk: Desk<'_>,
    actor: &Actor,
    object: Option<&str>,
    base: i64,
    wanted: &Wanted,
) -> Result<ChangeRow, DeskError> {
    let (id, object) = (new_id(), object.map_or_else(new_id, str::to_owned));
    let mut tx = desk.db.begin().await?;
    apply(&mut tx, desk, &actor.court_id, &object, base, wanted, &actor.user_id).await?;
    // It could be applied: what it did is taken back, and waits.
    drop(tx);
    let mut tx = desk.db.begin().await?;
    let row = sqlx::query("SELECT COUNT(*) FROM telephony_changes WHERE court_id = $1 AND state = 'waiting'")
        .bind(&actor.court_id)
        .fetch_one(&mut *tx.conn())
        .await?;
    if row.get::<i64, _>(0) >= WAITING {
        return Err(Unfit::state("change.too_many", "too many changes wait for a second person already").into());
    }
    let (shown, plain) = (wanted.shown(), serde_json::to_vec(wanted).unwrap_or_default());
    let sealed = desk.sealer.seal(&actor.court_id, "trunk", "telephony_changes", "payload_sealed", &id, &plain)?;
    sqlx::query(
        "INSERT INTO telephony_changes (id, court_id, kind, object_id, base_version, shown, payload_sealed, state,
                                        asked_by, asked_ms, reason)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'waiting', $8, $9, '')",
    )
    .bind(&id)
    .bind(&actor.court_id)
    .bind(wanted.kind())
    .bind(&object)
    .bind(base)
    .bind(shown.to_string())
    .bind(sealed)
    .bind(&actor.user_id)
    .bind(desk.clock.now_ms())
    .execute(&mut *tx.conn())
    .await?;
    note(&mut tx, desk.clock, actor, "telephony.ask", (wanted.kind(), &object), json!({ "change": id, "to": shown }))
        .await?;
    let asked = find(&mut tx, &actor.court_id, &id).await?;
    tx.commit().await?;
    Ok(asked)
}

/// Decides about a change. Whoever asked for it cannot approve it; another person than he
/// cannot withdraw it, but refuse it.
pub async fn decide(desk: Desk<'_>, actor: &Actor, id: &str, decision: &Decision) -> Result<ChangeRow, DeskError> {
    let mut tx = desk.db.begin().await?;
    let change = find(&mut tx, &actor.court_id, id).await?;
    let own = change.asked_by == actor.user_id;
    let (state, reason) = match decision {
        Decision::Approve if own => {
            let detail = json!({ "change": id, "why": "change.own" });
            let entry = actor.did("telephony.decide", (&change.kind, &change.object_id), detail);
            audit::append(&mut tx, desk.clock, audit::Entry { result: "denied", ..entry }).await?;
            tx.commit().await?;
            return Err(Unfit::state("change.own", "another administrator must approve what you asked for").into());
        }
        Decision::Approve => ("applied", ""),
        Decision::Refuse { reason } => (if own { "withdrawn" } else { "refused" }, reason.as_str()),
    };
    if reason.chars().count() > 200 {
        return Err(Unfit::field("reason", "must have at most 200 characters").into());
    }
    // First of all the row: two persons who decide at once do not both decide.
    let row = sqlx::query(
        "UPDATE telephony_changes SET state = $3, decided_by = $4, decided_ms = $5, reason = $6
         WHERE id = $1 AND court_id = $2 AND state = 'waiting' RETURNING payload_sealed",
    )
    .bind(id)
    .bind(&actor.court_id)
    .bind(state)
    .bind(&actor.user_id)
    .bind(desk.clock.now_ms())
    .bind(reason)
    .fetch_optional(&mut *tx.conn())
    .await?;
    let Some(row) = row else {
        return Err(Unfit::state("change.decided", "somebody decided about it already").into());
    };
    if *decision == Decision::Approve {
        let sealed: Vec<u8> = row.get(0);
        let plain = desk.sealer.open_sealed("telephony_changes", "payload_sealed", id, &sealed)?;
        let wanted: Wanted = serde_json::from_slice(&plain)
            .map_err(|error| songda_store::StoreError::internal("reading a change that waits", error))?;
        let object = &change.object_id;
        apply(&mut tx, desk, &actor.court_id, object, change.base_version, &wanted, &actor.user_id).await?;
    }
    sqlx::query("UPDATE telephony_changes SET payload_sealed = NULL WHERE id = $1")
        .bind(id)
        .execute(&mut *tx.conn())
        .await?;
    let detail = json!({ "change": id, "asked_by": change.asked_by, "state": state, "reason": reason,
                         "to": change.shown });
    note(&mut tx, desk.clock, actor, "telephony.decide", (&change.kind, &change.object_id), detail).await?;
    let decided = find(&mut tx, &actor.court_id, id).await?;
    tx.commit().await?;
    Ok(decided)
}

async fn find(tx: &mut Tx, court: &str, id: &str) -> Result<ChangeRow, DeskError> {
    let sql = format!("{COLUMNS} WHERE id = $1 AND court_id = $2");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).bind(court).fetch_optional(&mut *tx.conn()).await?;
    row.as_ref().map(read).ok_or_else(|| ServiceError::NotFound { kind: "change" }.into())
}

async fn apply(
    tx: &mut Tx,
    desk: Desk<'_>,
    court: &str,
    object: &str,
    base: i64,
    wanted: &Wanted,
    by: &str,
) -> Result<(), DeskError> {
    match wanted {
        Wanted::Trunk { form } => {
            let place = Place { court, id: object, version: base, demo: desk.demo };
            trunks::put(tx, desk.clock, desk.sealer, place, form).await
        }
        Wanted::Number { form } => numbers::put(tx, desk.clock, court, object, base, form).await,
        Wanted::Causes { valid_from_ms, rules } => {
            causes::add(tx, desk.clock, (court, object), base, *valid_from_ms, rules, by).await
        }
    }
}

/// Writes down who did what to which trunk or number.
pub async fn note(
    tx: &mut Tx,
    clock: &Clock,
    actor: &Actor,
    action: &str,
    object: (&str, &str),
    detail: Value,
) -> Result<(), DeskError> {
    let entry = actor.did(action, (object.0, object.1), detail);
    audit::append(tx, clock, entry).await?;
    Ok(())
}
