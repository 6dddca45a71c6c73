//! Tasks that go back to the queue without an outcome: first in line, within the limits of
//! calling again (2.5).

use songda_store::{Clock, Tx};
use sqlx::Row;

use super::{CALLING, ELSEWHERE, SEARCHING, WAITING, has_usable_number, phase, store::unlock};
use crate::{ServiceError, outcomes::Limits, times};

/// What people read of a task that was sent back.
const OWED: &str = "通话结果待补录，优先再拨";
/// What people read of a task whose recipient called in vain.
const CALL_BACK: &str = "来电未接通，优先回拨";
/// What people read of a task that may not be called any more.
const EXHAUSTED: &str = "拨打次数已满，查找其他联系方式";

/// When a task may be called again at the earliest; none when its limits are used up. Only
/// calls of ours count: who calls us is not bothered.
pub async fn may_call_again(
    tx: &mut Tx,
    clock: &Clock,
    limits: &Limits,
    task: &str,
) -> Result<Option<i64>, ServiceError> {
    let now = clock.now_ms();
    // A number counts for everybody within a day, and for this task over all its days.
    let rows = sqlx::query(
        "SELECT (SELECT COUNT(*) FROM calls c WHERE c.task_id = t.id AND c.phone_id = n.id AND c.is_attempt = 1
                  AND c.direction = 'out'),
                (SELECT COUNT(*) FROM calls c JOIN phones d ON d.id = c.phone_id
                 WHERE d.number_index = n.number_index AND c.is_attempt = 1 AND c.direction = 'out' AND c.created_ms >= $2),
                (SELECT COUNT(*) FROM calls c WHERE c.task_id = t.id AND c.is_attempt = 1 AND c.direction = 'out')
         FROM tasks t JOIN phones n ON n.party_id = t.party_id WHERE t.id = $1 AND n.state = '有效'",
    )
    .bind(task)
    .bind(times::midnight(now))
    .fetch_all(&mut *tx.conn())
    .await?;
    let mut earliest = None;
    for row in rows {
        let (ever, today, whole): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
        if ever >= limits.per_number || whole >= limits.per_task {
            continue;
        }
        let free = if today >= limits.per_number_day { times::next_day(now, &limits.from) } else { now };
        earliest = Some(earliest.map_or(free, |at: i64| at.min(free)));
    }
    Ok(earliest)
}

/// Why a task goes back.
#[derive(Debug, Clone, Copy)]
pub struct SentBack<'a> {
    /// Task.
    pub task: &'a str,
    /// Not to be called before, unless its limits are used up.
    pub not_before_ms: i64,
    /// The call whose broken consent the next one takes up.
    pub resumes: Option<&'a str>,
}

/// Sends a task that an agent has back to the queue, before all others, and frees its
/// person. One whose limits are used up is looked for in another way.
pub async fn send_back(tx: &mut Tx, clock: &Clock, limits: &Limits, back: &SentBack<'_>) -> Result<(), ServiceError> {
    let free = may_call_again(tx, clock, limits, back.task).await?;
    let (phase, next_step, at_ms) = match free {
        Some(at_ms) => (WAITING, OWED, at_ms.max(back.not_before_ms)),
        None => (SEARCHING, EXHAUSTED, 0),
    };
    sqlx::query(
        "UPDATE tasks SET phase = $2, next_step = $3, next_call_ms = $4, front = 1,
                resume_call = COALESCE($5, resume_call),
                version = version + 1 WHERE id = $1 AND phase = $6",
    )
    .bind(back.task)
    .bind(phase)
    .bind(next_step)
    .bind(at_ms)
    .bind(back.resumes)
    .bind(CALLING)
    .execute(&mut *tx.conn())
    .await?;
    unlock(tx, back.task).await
}

/// The recipient of an open task called us and reached nobody: he comes before all others, not
/// before `at_ms`. An agent who has the task keeps it; it comes first when he gives it back. One
/// that waits for no call waits for one now, when there is a number that can be called.
pub async fn call_back(tx: &mut Tx, task: &str, at_ms: i64) -> Result<(), ServiceError> {
    let is = phase(tx, task).await?;
    let to = match is.as_str() {
        WAITING | CALLING => is.as_str(),
        SEARCHING | ELSEWHERE if has_usable_number(tx, task).await? => WAITING,
        _ => return Ok(()),
    };
    sqlx::query(
        "UPDATE tasks SET phase = $2, front = 1, next_call_ms = $3, next_step = $4, version = version + 1
         WHERE id = $1 AND phase = $5",
    )
    .bind(task)
    .bind(to)
    .bind(at_ms)
    .bind(CALL_BACK)
    .bind(&is)
    .execute(&mut *tx.conn())
    .await?;
    Ok(())
}

/// The call whose broken consent the next call of this task takes up.
pub async fn broken_call(tx: &mut Tx, task: &str) -> Result<Option<String>, ServiceError> {
    let row = sqlx::query("SELECT resume_call FROM tasks WHERE id = $1").bind(task).fetch_one(&mut *tx.conn()).await?;
    Ok(row.get(0))
}
