//! SQL of tasks and the queue.

use songda_store::{Clock, Db, Tx};
use sqlx::Row;

use super::{AWAITING_REPORT, CALLING, NO_NUMBER, SEARCHING, SERVED, WAITING};
use crate::ServiceError;

/// A task as lists and details show it.
#[derive(Debug, Clone)]
pub struct TaskRow {
    /// Id.
    pub id: String,
    /// Number shown to people.
    pub number: String,
    /// Court.
    pub court_id: String,
    /// Order.
    pub order_id: String,
    /// Case.
    pub case_id: String,
    /// Canonical case number.
    pub case_number: String,
    /// Recipient row.
    pub party_id: String,
    /// Recipient's name.
    pub recipient: String,
    /// 诉讼地位.
    pub position: String,
    /// Phase.
    pub phase: String,
    /// Result.
    pub result: String,
    /// Rule behind the result, with its version.
    pub result_rule: String,
    /// When the result was reached.
    pub result_ms: Option<i64>,
    /// What follows.
    pub next_step: String,
    /// The court's own date.
    pub deadline: String,
    /// Attempts so far.
    pub attempts: i64,
    /// Last event.
    pub last_event_ms: i64,
    /// Login of the judge in charge.
    pub judge_login: String,
    /// Login of the clerk in charge.
    pub clerk_login: String,
    /// How the order names the recipient.
    pub party_ref: String,
    /// The call whose broken consent the next one takes up.
    pub resume_call: Option<String>,
}

const COLUMNS: &str = "t.id, t.number, t.court_id, t.order_id, t.case_id, c.number, t.party_id, p.name, p.position, \
     t.phase, t.result, t.result_rule, t.result_ms, t.next_step, t.deadline, \
     (SELECT COUNT(*) FROM attempts a WHERE a.task_id = t.id), \
     (SELECT CAST(COALESCE(MAX(e.at_ms), 0) AS BIGINT) FROM events e WHERE e.task_id = t.id), \
     c.judge_login, c.clerk_login, t.party_ref, t.resume_call";

fn row(row: &sqlx::any::AnyRow) -> TaskRow {
    TaskRow {
        id: row.get(0),
        number: row.get(1),
        court_id: row.get(2),
        order_id: row.get(3),
        case_id: row.get(4),
        case_number: row.get(5),
        party_id: row.get(6),
        recipient: row.get(7),
        position: row.get(8),
        phase: row.get(9),
        result: row.get(10),
        result_rule: row.get(11),
        result_ms: row.get(12),
        next_step: row.get(13),
        deadline: row.get(14),
        attempts: row.get(15),
        last_event_ms: row.get(16),
        judge_login: row.get(17),
        clerk_login: row.get(18),
        party_ref: row.get(19),
        resume_call: row.get(20),
    }
}

/// The task with this id, in this court.
pub async fn find(db: &Db, court: &str, id: &str) -> Result<TaskRow, ServiceError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM tasks t JOIN cases c ON c.id = t.case_id JOIN parties p ON p.id = t.party_id
         WHERE t.id = $1 AND t.court_id = $2"
    );
    let found = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).bind(court).fetch_optional(db.read()).await?;
    found.as_ref().map(row).ok_or(ServiceError::NotFound { kind: "task" })
}

/// Tasks of a court, newest first: all, those of one case, or those in whose case
/// `login` is judge or clerk. `before` is the id after which the page starts.
pub async fn list(
    db: &Db,
    court: &str,
    case: Option<&str>,
    login: Option<&str>,
    phase: Option<&str>,
    before: Option<&str>,
    limit: i64,
) -> Result<Vec<TaskRow>, ServiceError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM tasks t JOIN cases c ON c.id = t.case_id JOIN parties p ON p.id = t.party_id
         WHERE t.court_id = $1
           AND (CAST($2 AS TEXT) IS NULL OR t.case_id = $2)
           AND (CAST($3 AS TEXT) IS NULL OR c.judge_login = $3 OR c.clerk_login = $3)
           AND (CAST($4 AS TEXT) IS NULL OR t.phase = $4)
           AND (CAST($5 AS TEXT) IS NULL OR t.id < $5)
         ORDER BY t.id DESC LIMIT $6"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(court)
        .bind(case)
        .bind(login)
        .bind(phase)
        .bind(before)
        .bind(limit)
        .fetch_all(db.read())
        .await?;
    Ok(rows.iter().map(row).collect())
}

/// How the queue stands.
#[derive(Debug, Clone, Default)]
pub struct Queue {
    /// Tasks that may be called now.
    pub ready: i64,
    /// Tasks that wait for their time.
    pub later: i64,
    /// Tasks that an agent has.
    pub calling: i64,
    /// Orders that wait for correction.
    pub to_fix: i64,
    /// When the next waiting task becomes ready.
    pub next_ms: Option<i64>,
}

/// How the queue of a court stands.
pub async fn queue(db: &Db, clock: &Clock, court: &str) -> Result<Queue, ServiceError> {
    let now = clock.now_ms();
    let row = sqlx::query(
        "SELECT COUNT(*) FILTER (WHERE phase = '待外呼' AND next_call_ms <= $2),
                COUNT(*) FILTER (WHERE phase = '待外呼' AND next_call_ms > $2),
                COUNT(*) FILTER (WHERE phase = '外呼中'),
                MIN(CASE WHEN phase = '待外呼' AND next_call_ms > $2 THEN next_call_ms END)
         FROM tasks WHERE court_id = $1",
    )
    .bind(court)
    .bind(now)
    .fetch_one(db.read())
    .await?;
    let to_fix = sqlx::query("SELECT COUNT(*) FROM orders WHERE court_id = $1 AND state = '待补正'")
        .bind(court)
        .fetch_one(db.read())
        .await?;
    Ok(Queue { ready: row.get(0), later: row.get(1), calling: row.get(2), next_ms: row.get(3), to_fix: to_fix.get(0) })
}

/// The task that comes next: what was cut off or owed first, then highest urgency at this moment, then deadline, then age, whose
/// person is not locked, does not call us at this moment (E46), and who has a number that can be called. A hearing that is over
/// presses nobody.
pub async fn next(tx: &mut Tx, clock: &Clock, court: &str) -> Result<Option<String>, ServiceError> {
    let row = sqlx::query(
        "SELECT t.id FROM tasks t JOIN parties p ON p.id = t.party_id
              JOIN cases c ON c.id = t.case_id JOIN orders o ON o.id = t.order_id
         WHERE t.court_id = $1 AND t.phase = '待外呼' AND t.next_call_ms <= $2
           AND NOT EXISTS (SELECT 1 FROM person_locks l WHERE l.person_index = p.person_index AND l.until_ms > $2)
           AND NOT EXISTS (SELECT 1 FROM inbound_calls i WHERE i.live_person = p.person_index)
           AND NOT EXISTS (SELECT 1 FROM work_orders w WHERE w.active_task = t.id)
           AND EXISTS (SELECT 1 FROM phones n WHERE n.party_id = p.id AND n.state = '有效')
         ORDER BY t.front DESC,
                  CASE WHEN o.urgency = 'urgent' THEN 0
                       WHEN c.hearing_ms IS NULL OR c.hearing_ms < $2 THEN 2
                       WHEN c.hearing_ms < $2 + $3 THEN 0
                       WHEN c.hearing_ms < $2 + $4 THEN 1 ELSE 2 END,
                  CASE WHEN t.deadline = '' THEN '9999' ELSE t.deadline END, t.created_ms, t.id
         LIMIT 1",
    )
    .bind(court)
    .bind(clock.now_ms())
    .bind(super::RED_MS)
    .bind(super::YELLOW_MS)
    .fetch_optional(&mut *tx.conn())
    .await?;
    Ok(row.map(|row| row.get(0)))
}

/// Takes a waiting task and locks its person until `until_ms`. Answers false when
/// somebody else was faster.
pub async fn reserve(tx: &mut Tx, clock: &Clock, task: &str, agent: &str, until_ms: i64) -> Result<bool, ServiceError> {
    let sql =
        "UPDATE tasks SET phase = '外呼中', version = version + 1, first_action_ms = COALESCE(first_action_ms, $2)
               WHERE id = $1 AND phase = '待外呼'";
    take(tx, clock, sql, task, agent, until_ms).await
}

/// Takes an open task whose recipient called by himself, whether he was to be called or not.
pub async fn reserve_for_caller(
    tx: &mut Tx,
    clock: &Clock,
    task: &str,
    agent: &str,
    until_ms: i64,
) -> Result<bool, ServiceError> {
    let sql =
        "UPDATE tasks SET phase = '外呼中', version = version + 1, first_action_ms = COALESCE(first_action_ms, $2)
               WHERE id = $1 AND phase IN ('待外呼', '查找中', '待转渠道')";
    take(tx, clock, sql, task, agent, until_ms).await
}

async fn take(
    tx: &mut Tx,
    clock: &Clock,
    sql: &'static str,
    task: &str,
    agent: &str,
    until_ms: i64,
) -> Result<bool, ServiceError> {
    let now = clock.now_ms();
    let taken = sqlx::query(sql).bind(task).bind(now).execute(&mut *tx.conn()).await?;
    if taken.rows_affected() != 1 {
        return Ok(false);
    }
    let locked = sqlx::query(
        "INSERT INTO person_locks (person_index, task_id, agent_id, until_ms)
         SELECT p.person_index, t.id, $2, $3 FROM tasks t JOIN parties p ON p.id = t.party_id WHERE t.id = $1
         ON CONFLICT (person_index) DO UPDATE SET task_id = excluded.task_id, agent_id = excluded.agent_id,
                                                  until_ms = excluded.until_ms
         WHERE person_locks.until_ms <= $4",
    )
    .bind(task)
    .bind(agent)
    .bind(until_ms)
    .bind(now)
    .execute(&mut *tx.conn())
    .await?;
    Ok(locked.rows_affected() == 1)
}

/// Gives a task back to the queue, and its person free. One whose last number died with
/// another task meanwhile would never be offered again: its contacts are looked for.
pub async fn release(tx: &mut Tx, task: &str) -> Result<(), ServiceError> {
    let usable = has_usable_number(tx, task).await?;
    let (phase, next_step) = if usable { (WAITING, None) } else { (SEARCHING, Some(NO_NUMBER.0)) };
    sqlx::query(
        "UPDATE tasks SET phase = $2, next_step = COALESCE($3, next_step), version = version + 1
         WHERE id = $1 AND phase = '外呼中'",
    )
    .bind(task)
    .bind(phase)
    .bind(next_step)
    .execute(&mut *tx.conn())
    .await?;
    unlock(tx, task).await
}

pub(super) async fn unlock(tx: &mut Tx, task: &str) -> Result<(), ServiceError> {
    sqlx::query("DELETE FROM person_locks WHERE task_id = $1").bind(task).execute(&mut *tx.conn()).await?;
    Ok(())
}

/// Where a task goes after an attempt.
#[derive(Debug)]
pub struct Move<'a> {
    /// New phase.
    pub phase: &'a str,
    /// Proposal shown to people.
    pub next_step: &'a str,
    /// Not to be called before.
    pub next_call_ms: i64,
    /// Rule that makes the service effective, when it does.
    pub result: Option<&'a str>,
    /// Before all others, once its time has come.
    pub front: bool,
    /// The call whose broken consent the next one takes up.
    pub resumes: Option<&'a str>,
    /// Somebody was spoken to and it came to something: no earlier consent is open any more.
    pub settles: bool,
}

/// The columns of a move; its values are bound by [`moved`].
const MOVE: &str = "UPDATE tasks SET phase = $2, next_step = $3, next_call_ms = $4, version = version + 1,
        result = CASE WHEN CAST($5 AS TEXT) IS NULL THEN result ELSE '送达成功' END,
        result_rule = COALESCE($5, result_rule),
        result_ms = CASE WHEN CAST($5 AS TEXT) IS NULL THEN result_ms ELSE $6 END,
        front = $7, resume_call = CASE WHEN $10 = 1 THEN NULL ELSE COALESCE($8, resume_call) END
     WHERE id = $1 AND ";

async fn moved(
    tx: &mut Tx,
    clock: &Clock,
    task: &str,
    to: &Move<'_>,
    condition: &str,
    call: &str,
) -> Result<bool, ServiceError> {
    let moved = sqlx::query(sqlx::AssertSqlSafe(format!("{MOVE}{condition}")))
        .bind(task)
        .bind(to.phase)
        .bind(to.next_step)
        .bind(to.next_call_ms)
        .bind(to.result)
        .bind(clock.now_ms())
        .bind(i64::from(to.front))
        .bind(to.resumes)
        .bind(call)
        .bind(i64::from(to.settles && to.resumes.is_none()))
        .execute(&mut *tx.conn())
        .await?;
    Ok(moved.rows_affected() == 1)
}

/// Moves a task after an attempt and frees its person.
pub async fn after_attempt(tx: &mut Tx, clock: &Clock, task: &str, to: &Move<'_>) -> Result<(), ServiceError> {
    // $9 is not looked at here; PostgreSQL wants a use of it all the same.
    if !moved(tx, clock, task, to, "phase = '外呼中' AND CAST($9 AS TEXT) IS NOT NULL", "").await? {
        return Err(ServiceError::WrongState { action: "saving an outcome", kind: "task", state: CALLING.into() });
    }
    unlock(tx, task).await
}

/// Moves a task after an outcome that was owed, unless somebody has it, or has called since.
/// Answers whether it moved.
pub async fn after_late_attempt(
    tx: &mut Tx,
    clock: &Clock,
    task: &str,
    call: &str,
    to: &Move<'_>,
) -> Result<bool, ServiceError> {
    let untouched = "phase IN ('待外呼', '查找中') AND NOT EXISTS (
         SELECT 1 FROM calls c JOIN calls owed ON owed.id = $9
         WHERE c.task_id = tasks.id AND c.id <> owed.id AND c.created_ms >= owed.created_ms)";
    moved(tx, clock, task, to, untouched, call).await
}

/// The phase of a task, as this transaction sees it.
pub async fn phase(tx: &mut Tx, task: &str) -> Result<String, ServiceError> {
    let row = sqlx::query("SELECT phase FROM tasks WHERE id = $1").bind(task).fetch_one(&mut *tx.conn()).await?;
    Ok(row.get(0))
}

/// The report of a served task exists: now it is done.
pub async fn close_with_report(tx: &mut Tx, clock: &Clock, task: &str) -> Result<(), ServiceError> {
    sqlx::query("UPDATE tasks SET phase = $2, closed_ms = $3, version = version + 1 WHERE id = $1 AND phase = $4")
        .bind(task)
        .bind(SERVED)
        .bind(clock.now_ms())
        .bind(AWAITING_REPORT)
        .execute(&mut *tx.conn())
        .await?;
    Ok(())
}

/// Whether the recipient has a usable number, other than `phone`, that this task has not
/// tried yet.
pub async fn has_untried_number(tx: &mut Tx, task: &str, phone: &str) -> Result<bool, ServiceError> {
    let row = sqlx::query(
        "SELECT COUNT(*) FROM phones n JOIN tasks t ON t.party_id = n.party_id
         WHERE t.id = $1 AND n.id <> $2 AND n.state = '有效'
           AND NOT EXISTS (SELECT 1 FROM calls c WHERE c.task_id = t.id AND c.phone_id = n.id AND c.is_attempt = 1)",
    )
    .bind(task)
    .bind(phone)
    .fetch_one(&mut *tx.conn())
    .await?;
    Ok(row.get::<i64, _>(0) > 0)
}

/// Whether the recipient has any number that may be dialled, tried or not.
pub async fn has_usable_number(tx: &mut Tx, task: &str) -> Result<bool, ServiceError> {
    let row = sqlx::query(
        "SELECT COUNT(*) FROM phones n JOIN tasks t ON t.party_id = n.party_id WHERE t.id = $1 AND n.state = '有效'",
    )
    .bind(task)
    .fetch_one(&mut *tx.conn())
    .await?;
    Ok(row.get::<i64, _>(0) > 0)
}
