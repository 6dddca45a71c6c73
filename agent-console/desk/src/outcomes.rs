//! Saving the outcome of a call: the agent's choice, checked against the facts.

use serde_json::json;
use songda_people::Actor;
use songda_service::{
    ServiceError,
    outcomes::{self, CallFacts, CallToRecord, Choice, Saved, Saving},
    timeline::By,
};
use songda_store::{Db, StoreError, alarms, audit};
use sqlx::Row;

use crate::{DeskError, Ground, calls, work_orders};

/// Saves the outcome of a call of this agent: attempt, timeline, task, report job and
/// audit in one transaction (R4.1d).
pub async fn save(ground: &Ground, actor: &Actor, call: &str, choice: &Choice, note: &str) -> Result<Saved, DeskError> {
    let catalogue = outcomes::catalogue().map_err(DeskError::Rules)?;
    let row = calls::find(&ground.db, &actor.court_id, call)
        .await?
        .filter(|row| row.agent_id == actor.user_id)
        .ok_or(ServiceError::NotFound { kind: "call" })?;
    let recorded = match calls::recording(&ground.db, call).await? {
        Some((state, _)) => state == "closed" || state == "recovered",
        None => false,
    };
    let facts = CallFacts {
        ended: row.state == "ended",
        answered: row.answered_ms.is_some(),
        talk_ms: row.talk_ms,
        recorded,
        is_attempt: row.is_attempt,
        child: false,
        now_ms: ground.clock.now_ms(),
    };
    let mut tx = ground.db.begin().await?;
    let saved_before =
        sqlx::query("SELECT id FROM attempts WHERE call_id = $1").bind(call).fetch_optional(&mut *tx.conn()).await?;
    if saved_before.is_some() {
        return Err(DeskError::OutcomeSaved);
    }
    let fields = outcomes::check(catalogue, &facts, choice)?;
    let to_record = CallToRecord {
        court: &actor.court_id,
        call,
        task: &row.task_id,
        phone: &row.phone_id,
        technical: &row.technical_code,
        agent: By { actor: &actor.user_id, name: &actor.name },
        note,
        fields: &fields,
        saving: Saving::InTime,
        broken_consent: false,
    };
    let recorded = outcomes::record(&mut tx, &ground.clock, &ground.sealer, catalogue, &to_record, choice).await;
    let saved = match recorded {
        Err(ServiceError::Store(StoreError::Unique)) => return Err(DeskError::OutcomeSaved),
        other => other?,
    };
    work_orders::close(&mut tx, &ground.clock, &row.work_order_id, &row.task_id, &to_record.agent, false).await?;
    audit::append(
        &mut tx,
        &ground.clock,
        audit::Entry {
            court: &actor.court_id,
            actor: &actor.user_id,
            actor_role: actor.role.code(),
            action: "outcome.save",
            object_kind: "call",
            object_id: call,
            case_id: None,
            ip: &actor.ip,
            result: "ok",
            detail: json!({ "technical": row.technical_code, "contact": choice.contact, "business": choice.business,
                            "heard_all": choice.heard_all, "attempt": saved.no }),
        },
    )
    .await?;
    tx.commit().await?;
    alarms::clear(&ground.db, &ground.clock, "desk.owed", call).await?;
    ground.jobs.notify_waiters();
    Ok(saved)
}

/// Calls answered and outcomes saved by an agent since midnight in Shanghai.
pub async fn today(db: &Db, agent: &str, now_ms: i64) -> Result<(i64, i64), DeskError> {
    const DAY_MS: i64 = 86_400_000;
    const SHANGHAI_MS: i64 = 8 * 3_600_000;
    let midnight = (now_ms + SHANGHAI_MS) / DAY_MS * DAY_MS - SHANGHAI_MS;
    let answered = sqlx::query("SELECT COUNT(*) FROM calls WHERE agent_id = $1 AND answered_ms >= $2")
        .bind(agent)
        .bind(midnight)
        .fetch_one(db.read())
        .await?;
    let closed = sqlx::query("SELECT COUNT(*) FROM attempts WHERE agent_id = $1 AND at_ms >= $2")
        .bind(agent)
        .bind(midnight)
        .fetch_one(db.read())
        .await?;
    Ok((answered.get(0), closed.get(0)))
}
