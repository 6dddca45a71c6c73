//! SQL of work orders. `active_agent` and `active_task` are unique: the database itself
//! refuses a second work order at a time for an agent or a task.

use serde_json::json;
use songda_people::Actor;
use songda_service::{
    tasks,
    timeline::{self, By, Kind},
};
use songda_store::{Clock, Db, Tx, audit, new_id};
use sqlx::{Row, any::AnyRow};

use super::LIFETIME_MS;
use crate::DeskError;

/// A work order in an agent's hands.
#[derive(Debug, Clone)]
pub struct WorkOrder {
    /// Id.
    pub id: String,
    /// Task.
    pub task_id: String,
    /// Session it was sealed to.
    pub session: String,
    /// `offered` or `opened`.
    pub state: String,
    /// Unix milliseconds.
    pub expires_ms: i64,
}

fn read(row: &AnyRow) -> WorkOrder {
    WorkOrder { id: row.get(0), task_id: row.get(1), session: row.get(2), state: row.get(3), expires_ms: row.get(4) }
}

/// The work order an agent has in hand.
pub async fn active(db: &Db, agent: &str) -> Result<Option<WorkOrder>, DeskError> {
    let row = sqlx::query("SELECT id, task_id, session, state, expires_ms FROM work_orders WHERE active_agent = $1")
        .bind(agent)
        .fetch_optional(db.read())
        .await?;
    Ok(row.as_ref().map(read))
}

/// The agent who has the work order of this task in hand.
pub async fn holder(db: &Db, task: &str) -> Result<Option<String>, DeskError> {
    let row = sqlx::query("SELECT active_agent FROM work_orders WHERE active_task = $1")
        .bind(task)
        .fetch_optional(db.read())
        .await?;
    Ok(row.and_then(|row| row.get(0)))
}

/// Takes the next task of the queue for an agent: person lock, work order, timeline and
/// audit in one transaction. None when nothing is ready.
pub async fn offer(db: &Db, clock: &Clock, agent: &Actor, kid: &str) -> Result<Option<WorkOrder>, DeskError> {
    for _ in 0..5 {
        let mut tx = db.begin().await?;
        let Some(task) = tasks::next(&mut tx, clock, &agent.court_id).await? else { return Ok(None) };
        let until = clock.now_ms() + LIFETIME_MS;
        if !tasks::reserve(&mut tx, clock, &task, &agent.user_id, until).await? {
            continue; // somebody was faster; the transaction rolls back
        }
        let order = make(&mut tx, clock, agent, kid, task, until).await?;
        tx.commit().await?;
        return Ok(Some(order));
    }
    Ok(None)
}

/// A work order of this task for the agent who takes a call of its recipient; none when the
/// task is in other hands or not open any more.
pub async fn take_for_caller(
    tx: &mut Tx,
    clock: &Clock,
    agent: &Actor,
    kid: &str,
    task: &str,
) -> Result<Option<WorkOrder>, DeskError> {
    let until = clock.now_ms() + LIFETIME_MS;
    if !tasks::reserve_for_caller(tx, clock, task, &agent.user_id, until).await? {
        return Ok(None);
    }
    make(tx, clock, agent, kid, task.to_owned(), until).await.map(Some)
}

/// Makes the work order of a task that was reserved.
async fn make(
    tx: &mut Tx,
    clock: &Clock,
    agent: &Actor,
    kid: &str,
    task: String,
    until: i64,
) -> Result<WorkOrder, DeskError> {
    let id = new_id();
    sqlx::query(
        "INSERT INTO work_orders (id, task_id, agent_id, session, kid, state, active_agent, active_task, expires_ms,
                                  created_ms)
         VALUES ($1, $2, $3, $4, $5, 'offered', $3, $2, $6, $7)",
    )
    .bind(&id)
    .bind(&task)
    .bind(&agent.user_id)
    .bind(&agent.session)
    .bind(kid)
    .bind(until)
    .bind(clock.now_ms())
    .execute(&mut *tx.conn())
    .await?;
    let by = By { actor: &agent.user_id, name: &agent.name };
    timeline::append(tx, clock, &task, &by, Kind::Offered, &id, &json!({})).await?;
    note(tx, clock, agent, "work_order.offer", &id, json!({ "task": task })).await?;
    Ok(WorkOrder { id, task_id: task, session: agent.session.clone(), state: "offered".into(), expires_ms: until })
}

/// A work order of a call goes over to the colleague who has the party now: his is a new one,
/// sealed to his session, and the person is locked for him.
pub async fn hand_over(
    tx: &mut Tx,
    clock: &Clock,
    before: &WorkOrder,
    by: &By<'_>,
    agent: &Actor,
    kid: &str,
) -> Result<WorkOrder, DeskError> {
    close(tx, clock, &before.id, &before.task_id, by, false).await?;
    let until = clock.now_ms() + LIFETIME_MS;
    sqlx::query("UPDATE person_locks SET agent_id = $2, until_ms = $3 WHERE task_id = $1")
        .bind(&before.task_id)
        .bind(&agent.user_id)
        .bind(until)
        .execute(&mut *tx.conn())
        .await?;
    make(tx, clock, agent, kid, before.task_id.clone(), until).await
}

/// A work order stays open for its call while its agent is free for another one: the house
/// holds it, under the id of the call.
pub async fn hold_for_call(tx: &mut Tx, order: &str, call: &str) -> Result<(), DeskError> {
    sqlx::query("UPDATE work_orders SET active_agent = $2 WHERE id = $1 AND active_agent IS NOT NULL")
        .bind(order)
        .bind(call)
        .execute(&mut *tx.conn())
        .await?;
    Ok(())
}

/// Binds a work order to the browser that asks for it again, after a reload or a new
/// login, with a new expiry. That browser must open it before it may dial. Answers false
/// when the order is not this agent's any more.
pub async fn renew(db: &Db, clock: &Clock, agent: &Actor, kid: &str, order: &mut WorkOrder) -> Result<bool, DeskError> {
    let until = clock.now_ms() + LIFETIME_MS;
    let mut tx = db.begin().await?;
    let renewed = sqlx::query(
        "UPDATE work_orders SET session = $2, kid = $3, expires_ms = $4, state = 'offered'
         WHERE id = $1 AND active_agent = $5",
    )
    .bind(&order.id)
    .bind(&agent.session)
    .bind(kid)
    .bind(until)
    .bind(&agent.user_id)
    .execute(&mut *tx.conn())
    .await?;
    if renewed.rows_affected() != 1 {
        return Ok(false);
    }
    note(&mut tx, clock, agent, "work_order.renew", &order.id, json!({})).await?;
    tx.commit().await?;
    order.session.clone_from(&agent.session);
    order.expires_ms = until;
    "offered".clone_into(&mut order.state);
    Ok(true)
}

/// Whether this agent holds the order, opened in this session and in time, at the moment
/// at which a call begins. Its time begins anew with the call.
pub async fn still_held(tx: &mut Tx, clock: &Clock, agent: &Actor, order: &str) -> Result<bool, DeskError> {
    let now = clock.now_ms();
    let held = sqlx::query(
        "UPDATE work_orders SET expires_ms = $4
         WHERE id = $1 AND active_agent = $2 AND session = $3 AND state = 'opened' AND expires_ms > $5",
    )
    .bind(order)
    .bind(&agent.user_id)
    .bind(&agent.session)
    .bind(now + LIFETIME_MS)
    .bind(now)
    .execute(&mut *tx.conn())
    .await?;
    Ok(held.rows_affected() == 1)
}

/// The browser opened the envelope. Answers false when it is not this agent's to open.
pub async fn opened(db: &Db, clock: &Clock, agent: &Actor, id: &str) -> Result<bool, DeskError> {
    let mut tx = db.begin().await?;
    let row = sqlx::query(
        "UPDATE work_orders SET state = 'opened', opened_ms = COALESCE(opened_ms, $4)
         WHERE id = $1 AND active_agent = $2 AND session = $3 AND expires_ms > $4 RETURNING task_id",
    )
    .bind(id)
    .bind(&agent.user_id)
    .bind(&agent.session)
    .bind(clock.now_ms())
    .fetch_optional(&mut *tx.conn())
    .await?;
    let Some(row) = row else {
        note(&mut tx, clock, agent, "work_order.open_refused", id, json!({})).await?;
        tx.commit().await?;
        return Ok(false);
    };
    let task: String = row.get(0);
    let by = By { actor: &agent.user_id, name: &agent.name };
    timeline::append(&mut tx, clock, &task, &by, Kind::Opened, id, &json!({})).await?;
    note(&mut tx, clock, agent, "work_order.open", id, json!({ "task": task })).await?;
    tx.commit().await?;
    Ok(true)
}

/// Ends a work order in the caller's transaction. `back` gives the task to the queue, once:
/// an order that ended already leaves the task to whoever has it now.
pub async fn close(
    tx: &mut Tx,
    clock: &Clock,
    order: &str,
    task: &str,
    by: &By<'_>,
    back: bool,
) -> Result<(), DeskError> {
    let ended = sqlx::query(
        "UPDATE work_orders SET state = 'done', active_agent = NULL, active_task = NULL, closed_ms = $2
         WHERE id = $1 AND active_agent IS NOT NULL",
    )
    .bind(order)
    .bind(clock.now_ms())
    .execute(&mut *tx.conn())
    .await?;
    if back && ended.rows_affected() == 1 {
        tasks::release(tx, task).await?;
        timeline::append(tx, clock, task, by, Kind::Released, order, &json!({})).await?;
    }
    Ok(())
}

/// A work order that went back to the queue, and who held it.
#[derive(Debug)]
pub struct Expired {
    /// Work order.
    pub id: String,
    /// Agent.
    pub agent: String,
}

/// Ends every work order whose time is over and that has neither a live call nor an
/// outcome to wait for; the tasks go back to the queue. The persons of all others stay
/// locked.
pub async fn expire_all(db: &Db, clock: &Clock) -> Result<Vec<Expired>, DeskError> {
    let mut tx = db.begin().await?;
    let rows = sqlx::query(
        "SELECT w.id, w.task_id, w.active_agent FROM work_orders w
         WHERE w.active_agent IS NOT NULL AND w.expires_ms <= $1
           AND NOT EXISTS (SELECT 1 FROM calls c WHERE c.live_task = w.task_id)
           AND NOT EXISTS (SELECT 1 FROM calls c WHERE c.work_order_id = w.id AND c.outcome_state = 'due')
         LIMIT 100",
    )
    .bind(clock.now_ms())
    .fetch_all(&mut *tx.conn())
    .await?;
    let mut expired = Vec::with_capacity(rows.len());
    for row in &rows {
        let (id, task, agent): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        close(&mut tx, clock, &id, &task, &timeline::SYSTEM, true).await?;
        system_note(&mut tx, clock, &id, &task).await?;
        expired.push(Expired { id, agent });
    }
    // A call, or an outcome that is still owed, may take longer than an order lives.
    sqlx::query(
        "UPDATE person_locks SET until_ms = $1
         WHERE task_id IN (SELECT active_task FROM work_orders WHERE active_task IS NOT NULL)",
    )
    .bind(clock.now_ms() + LIFETIME_MS)
    .execute(&mut *tx.conn())
    .await?;
    tx.commit().await?;
    Ok(expired)
}

async fn system_note(tx: &mut Tx, clock: &Clock, order: &str, task: &str) -> Result<(), DeskError> {
    let court = sqlx::query("SELECT court_id FROM tasks WHERE id = $1").bind(task).fetch_one(&mut *tx.conn()).await?;
    audit::append(
        tx,
        clock,
        audit::Entry::of_the_house(
            &court.get::<String, _>(0),
            "work_order.expire",
            ("work_order", order),
            json!({ "task": task }),
        ),
    )
    .await?;
    Ok(())
}

async fn note(
    tx: &mut Tx,
    clock: &Clock,
    agent: &Actor,
    action: &str,
    order: &str,
    detail: serde_json::Value,
) -> Result<(), DeskError> {
    audit::append(tx, clock, agent.did(action, ("work_order", order), detail)).await?;
    Ok(())
}
