//! 待补录: calls whose outcome was not saved in time.
//!
//! Nothing is invented: the call stays what it was, the task goes back to the queue before
//! all others within the limits of calling, and its agent saves the outcome when he can.

use serde_json::json;
use songda_people::Actor;
use songda_service::{
    outcomes,
    tasks::{self, SentBack},
    timeline::{self, By, Kind},
};
use songda_store::{Db, audit};
use sqlx::Row;

use crate::{
    DeskError, Ground,
    calls::{self, CallRow},
    work_orders,
};

/// A call whose outcome waits.
#[derive(Debug, Clone)]
pub struct Owed {
    /// Call.
    pub call_id: String,
    /// Task.
    pub task_number: String,
    /// Case.
    pub case_number: String,
    /// Recipient.
    pub recipient: String,
    /// Masked number.
    pub phone_masked: String,
    /// End of the call.
    pub ended_ms: i64,
    /// Technical code.
    pub technical: String,
    /// Talk, milliseconds.
    pub talk_ms: i64,
    /// Ended because a child was on the line.
    pub end_reason: String,
}

/// The calls whose outcome an agent owes, oldest first.
pub async fn list(db: &Db, agent: &str) -> Result<Vec<Owed>, DeskError> {
    let rows = sqlx::query(
        "SELECT c.id, t.number, k.number, p.name, n.masked, COALESCE(c.ended_ms, c.created_ms), c.technical_code,
                c.talk_ms, c.end_reason
         FROM calls c JOIN tasks t ON t.id = c.task_id JOIN cases k ON k.id = t.case_id
              JOIN parties p ON p.id = t.party_id JOIN phones n ON n.id = c.phone_id
         WHERE c.outcome_state = 'owed' AND c.agent_id = $1 ORDER BY c.created_ms, c.id LIMIT 200",
    )
    .bind(agent)
    .fetch_all(db.read())
    .await?;
    Ok(rows
        .iter()
        .map(|row| Owed {
            call_id: row.get(0),
            task_number: row.get(1),
            case_number: row.get(2),
            recipient: row.get(3),
            phone_masked: row.get(4),
            ended_ms: row.get(5),
            technical: row.get(6),
            talk_ms: row.get(7),
            end_reason: row.get(8),
        })
        .collect())
}

/// How many outcomes each agent of a court owes.
pub async fn counts(db: &Db, court: &str) -> Result<Vec<(String, i64)>, DeskError> {
    let rows = sqlx::query(
        "SELECT agent_id, COUNT(*) FROM calls WHERE court_id = $1 AND outcome_state = 'owed' GROUP BY agent_id",
    )
    .bind(court)
    .fetch_all(db.read())
    .await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Why an outcome is left for later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The agent wants it so.
    Asked,
    /// The time after the call is up.
    TimeIsUp,
    /// The agent did not come back.
    AgentGone,
    /// The call ended at a desk phone, where nothing can be filled in.
    Transferred,
}

impl Why {
    fn word(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::TimeIsUp => "time_is_up",
            Self::AgentGone => "agent_gone",
            Self::Transferred => "transferred",
        }
    }
}

/// Leaves the outcome of a call for later: work order closed, task back, in one transaction.
/// Answers false when its outcome does not wait any more.
pub async fn leave(ground: &Ground, actor: Option<&Actor>, call: &CallRow, why: Why) -> Result<bool, DeskError> {
    let catalogue = outcomes::catalogue().map_err(DeskError::Rules)?;
    let now = ground.clock.now_ms();
    let mut tx = ground.db.begin().await?;
    let left = sqlx::query(
        "UPDATE calls SET outcome_state = 'owed', owed_ms = $2, wrap_until_ms = NULL
         WHERE id = $1 AND outcome_state = 'due'",
    )
    .bind(&call.id)
    .bind(now)
    .execute(&mut *tx.conn())
    .await?;
    if left.rows_affected() != 1 {
        return Ok(false);
    }
    let by = actor.map_or(timeline::SYSTEM, |actor| By { actor: &actor.user_id, name: &actor.name });
    work_orders::close(&mut tx, &ground.clock, &call.work_order_id, &call.task_id, &by, false).await?;
    // Who was cut off, or was told that we are sorry, is called at once. Who heard everything
    // is not called again before the gap of the rules is over.
    let cut_off = call.broken_consent || call.parting == "apology";
    let gap = catalogue.limits.gap_minutes * 60_000;
    let back = SentBack {
        task: &call.task_id,
        not_before_ms: if cut_off { now } else { call.ended_ms.unwrap_or(now) + gap },
        resumes: call.broken_consent.then_some(call.id.as_str()),
    };
    tasks::send_back(&mut tx, &ground.clock, &catalogue.limits, &back).await?;
    let detail = json!({ "why": why.word() });
    timeline::append(&mut tx, &ground.clock, &call.task_id, &by, Kind::Owed, &call.id, &detail).await?;
    let entry = audit::Entry {
        court: &call.court_id,
        actor: by.actor,
        actor_role: actor.map_or("system", |actor| actor.role.code()),
        action: "outcome.owe",
        object_kind: "call",
        object_id: &call.id,
        case_id: None,
        ip: actor.map_or("", |actor| actor.ip.as_str()),
        result: "ok",
        detail,
    };
    audit::append(&mut tx, &ground.clock, entry).await?;
    tx.commit().await?;
    Ok(true)
}

/// Calls whose time after the end is long up and that no seat looks after: those of the run
/// before, or of an agent who went home.
pub async fn overdue(db: &Db, now_ms: i64) -> Result<Vec<CallRow>, DeskError> {
    let rows = sqlx::query(
        "SELECT c.court_id, c.id FROM calls c JOIN work_orders w ON w.id = c.work_order_id
         WHERE c.outcome_state = 'due'
           AND (c.wrap_until_ms <= $1 OR (c.wrap_until_ms IS NULL AND w.expires_ms <= $1))
         LIMIT 100",
    )
    .bind(now_ms)
    .fetch_all(db.read())
    .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        found.extend(calls::find(db, &row.get::<String, _>(0), &row.get::<String, _>(1)).await?);
    }
    Ok(found)
}

/// How long an outcome may be owed before the supervisor is told.
const PATIENCE_MS: i64 = 30 * 60_000;

/// Calls whose outcome is owed for too long and about which no alarm is up.
pub async fn unsettled(db: &Db, now_ms: i64) -> Result<Vec<String>, DeskError> {
    let rows = sqlx::query(
        "SELECT c.id FROM calls c WHERE c.outcome_state = 'owed' AND c.owed_ms <= $1
           AND NOT EXISTS (SELECT 1 FROM alarms m WHERE m.kind = 'desk.owed' AND m.object_id = c.id
                             AND m.cleared_ms IS NULL)
         LIMIT 100",
    )
    .bind(now_ms - PATIENCE_MS)
    .fetch_all(db.read())
    .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
