//! Who handed a call to whom, and when: evidence, and the books that move with it.

use std::collections::HashMap;

use serde_json::json;
use songda_people::Actor;
use songda_service::timeline::{self, By, Kind};
use songda_store::{Clock, Db, Tx};
use sqlx::{Row, any::AnyRow};

use crate::{
    DeskError,
    work_orders::{self, WorkOrder},
};

/// What rings: a colleague's seat, or a desk phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetKind {
    /// A colleague at the desk.
    Seat,
    /// A desk phone of the house.
    Phone,
}

impl TargetKind {
    /// The stored word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Seat => "seat",
            Self::Phone => "phone",
        }
    }
}

/// A transfer that begins.
#[derive(Debug)]
pub struct NewTransfer<'a> {
    /// Id.
    pub id: &'a str,
    /// Call.
    pub call: &'a str,
    /// Court.
    pub court: &'a str,
    /// Who hands it over.
    pub from: &'a str,
    /// `blind`, `attended` or `three_way`.
    pub mode: &'a str,
    /// What rings.
    pub kind: TargetKind,
    /// User or desk phone.
    pub to: &'a str,
    /// Its name.
    pub to_name: &'a str,
}

/// A transfer as it stands in the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferRow {
    /// Call.
    pub call_id: String,
    /// Name of who handed it over.
    pub from_name: String,
    /// `blind`, `attended` or `three_way`.
    pub mode: String,
    /// `seat` or `phone`.
    pub to_kind: String,
    /// Its name.
    pub to_name: String,
    /// `ringing`, `consulting`, `joined`, `done`, `left` or `failed`.
    pub state: String,
    /// Why it failed, or how the third left.
    pub reason: String,
    /// When it was asked for, unix milliseconds.
    pub asked_ms: i64,
    /// When it was done, or failed.
    pub settled_ms: Option<i64>,
    /// Place in the recording where it was done, milliseconds.
    pub offset_ms: Option<i64>,
}

fn read(row: &AnyRow) -> TransferRow {
    TransferRow {
        call_id: row.get(0),
        from_name: row.get(1),
        mode: row.get(2),
        to_kind: row.get(3),
        to_name: row.get(4),
        state: row.get(5),
        reason: row.get(6),
        asked_ms: row.get(7),
        settled_ms: row.get(8),
        offset_ms: row.get(9),
    }
}

const COLUMNS: &str = "x.call_id, u.name, x.mode, x.to_kind, x.to_name, x.state, x.reason, x.asked_ms, x.settled_ms, \
     x.offset_ms FROM call_transfers x JOIN users u ON u.id = x.from_agent";

/// Writes a transfer down before anybody rings.
pub async fn begin(tx: &mut Tx, clock: &Clock, new: &NewTransfer<'_>) -> Result<(), DeskError> {
    sqlx::query(
        "INSERT INTO call_transfers (id, call_id, court_id, from_agent, mode, to_kind, to_id, to_name, state, reason,
                                     asked_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'ringing', '', $9)",
    )
    .bind(new.id)
    .bind(new.call)
    .bind(new.court)
    .bind(new.from)
    .bind(new.mode)
    .bind(new.kind.word())
    .bind(new.to)
    .bind(new.to_name)
    .bind(clock.now_ms())
    .execute(&mut *tx.conn())
    .await?;
    Ok(())
}

/// Notes that both agents speak.
pub async fn consulting(tx: &mut Tx, clock: &Clock, id: &str) -> Result<(), DeskError> {
    sqlx::query(
        "UPDATE call_transfers SET state = 'consulting', consulted_ms = $2 WHERE id = $1 AND state = 'ringing'",
    )
    .bind(id)
    .bind(clock.now_ms())
    .execute(&mut *tx.conn())
    .await?;
    Ok(())
}

/// Notes that agent, target and party all talk.
pub async fn joined(tx: &mut Tx, clock: &Clock, id: &str) -> Result<(), DeskError> {
    sqlx::query(
        "UPDATE call_transfers SET state = 'joined', joined_ms = $2
         WHERE id = $1 AND state IN ('ringing', 'consulting')",
    )
    .bind(id)
    .bind(clock.now_ms())
    .execute(&mut *tx.conn())
    .await?;
    Ok(())
}

/// Notes that the third is in the call no more, and the agent goes on with the party, or that
/// the call ended with all three.
pub async fn left(tx: &mut Tx, clock: &Clock, id: &str, reason: &str) -> Result<(), DeskError> {
    sqlx::query(
        "UPDATE call_transfers SET state = 'left', reason = $2, settled_ms = $3 WHERE id = $1 AND state = 'joined'",
    )
    .bind(id)
    .bind(reason)
    .bind(clock.now_ms())
    .execute(&mut *tx.conn())
    .await?;
    Ok(())
}

/// Notes that it came to nothing.
pub async fn failed(tx: &mut Tx, clock: &Clock, id: &str, reason: &str) -> Result<(), DeskError> {
    sqlx::query(
        "UPDATE call_transfers SET state = 'failed', reason = $2, settled_ms = $3
         WHERE id = $1 AND state IN ('ringing', 'consulting')",
    )
    .bind(id)
    .bind(reason)
    .bind(clock.now_ms())
    .execute(&mut *tx.conn())
    .await?;
    Ok(())
}

/// Transfers that were under way when the server went away came to nothing.
pub async fn fail_all(db: &Db, clock: &Clock) -> Result<(), DeskError> {
    let mut tx = db.begin().await?;
    sqlx::query(
        "UPDATE call_transfers SET state = 'failed', reason = 'restart', settled_ms = $1
         WHERE state IN ('ringing', 'consulting')",
    )
    .bind(clock.now_ms())
    .execute(&mut *tx.conn())
    .await?;
    sqlx::query("UPDATE call_transfers SET state = 'left', reason = 'restart', settled_ms = $1 WHERE state = 'joined'")
        .bind(clock.now_ms())
        .execute(&mut *tx.conn())
        .await?;
    Ok(tx.commit().await?)
}

/// The party is somebody else's from now on.
#[derive(Debug)]
pub struct Done<'a> {
    /// Transfer.
    pub id: &'a str,
    /// Call.
    pub call: &'a str,
    /// Task and work order of whoever handed it over; none for a call of no task.
    pub order: Option<&'a WorkOrder>,
    /// Who handed it over.
    pub from: &'a Actor,
    /// `blind` or `attended`.
    pub mode: &'a str,
    /// Its new name.
    pub to_name: &'a str,
    /// Place in the recording.
    pub offset_ms: Option<i64>,
}

/// The colleague who took it, in his browser's session.
#[derive(Debug, Clone)]
pub struct Taker {
    /// Agent.
    pub agent: Actor,
    /// Key of his browser.
    pub kid: String,
}

/// A colleague has the party: task and call are his, with what was ticked and filled in, under
/// a work order of his own. Answers that work order.
pub async fn to_colleague(
    tx: &mut Tx,
    clock: &Clock,
    done: &Done<'_>,
    taker: &Taker,
) -> Result<Option<WorkOrder>, DeskError> {
    let agent = &taker.agent;
    settle(tx, clock, done).await?;
    let Some(before) = done.order else {
        sqlx::query("UPDATE inbound_calls SET agent_id = $2 WHERE id = $1")
            .bind(done.call)
            .bind(&agent.user_id)
            .execute(&mut *tx.conn())
            .await?;
        return Ok(None);
    };
    let by = By { actor: &done.from.user_id, name: &done.from.name };
    let order = work_orders::hand_over(tx, clock, before, &by, agent, &taker.kid).await?;
    sqlx::query(
        "UPDATE calls SET agent_id = $2, live_agent = $2, work_order_id = $3 WHERE id = $1 AND live_task IS NOT NULL",
    )
    .bind(done.call)
    .bind(&agent.user_id)
    .bind(&order.id)
    .execute(&mut *tx.conn())
    .await?;
    tell(tx, clock, done, &before.task_id, TargetKind::Seat).await?;
    Ok(Some(order))
}

/// A desk phone has the party: the call stays the agent's, who owes its outcome; he is free
/// for another one, and the house holds task and line until it is over.
pub async fn to_phone(tx: &mut Tx, clock: &Clock, done: &Done<'_>) -> Result<(), DeskError> {
    settle(tx, clock, done).await?;
    let Some(order) = done.order else { return Ok(()) };
    work_orders::hold_for_call(tx, &order.id, done.call).await?;
    sqlx::query("UPDATE calls SET live_agent = NULL WHERE id = $1 AND live_task IS NOT NULL")
        .bind(done.call)
        .execute(&mut *tx.conn())
        .await?;
    tell(tx, clock, done, &order.task_id, TargetKind::Phone).await
}

async fn settle(tx: &mut Tx, clock: &Clock, done: &Done<'_>) -> Result<(), DeskError> {
    sqlx::query("UPDATE call_transfers SET state = 'done', settled_ms = $2, offset_ms = $3 WHERE id = $1")
        .bind(done.id)
        .bind(clock.now_ms())
        .bind(done.offset_ms)
        .execute(&mut *tx.conn())
        .await?;
    Ok(())
}

async fn tell(tx: &mut Tx, clock: &Clock, done: &Done<'_>, task: &str, kind: TargetKind) -> Result<(), DeskError> {
    let by = By { actor: &done.from.user_id, name: &done.from.name };
    let detail = json!({ "mode": done.mode, "kind": kind.word(), "to": done.to_name, "offset_ms": done.offset_ms });
    timeline::append(tx, clock, task, &by, Kind::Transferred, done.call, &detail).await?;
    Ok(())
}

/// The transfers of each call of a task, oldest first.
pub async fn of_task(db: &Db, task: &str) -> Result<HashMap<String, Vec<TransferRow>>, DeskError> {
    let sql = format!(
        "SELECT {COLUMNS} WHERE x.call_id IN (SELECT id FROM calls WHERE task_id = $1) ORDER BY x.asked_ms, x.id"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(task).fetch_all(db.read()).await?;
    let mut found: HashMap<String, Vec<TransferRow>> = HashMap::new();
    for row in rows.iter().map(read) {
        found.entry(row.call_id.clone()).or_default().push(row);
    }
    Ok(found)
}

/// The transfers of one call, oldest first.
pub async fn of_call(db: &Db, call: &str) -> Result<Vec<TransferRow>, DeskError> {
    let sql = format!("SELECT {COLUMNS} WHERE x.call_id = $1 ORDER BY x.asked_ms, x.id");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(call).fetch_all(db.read()).await?;
    Ok(rows.iter().map(read).collect())
}
