//! Saving an outcome: the call becomes an attempt and the task moves.

use serde_json::json;
use songda_store::{Clock, Sealer, Tx, jobs, new_id};
use sqlx::Row;

use super::{Catalogue, Choice};
use crate::{
    ServiceError, tasks,
    timeline::{self, By, Kind},
};

/// The call that becomes an attempt.
#[derive(Debug, Clone)]
pub struct CallToRecord<'a> {
    /// Court.
    pub court: &'a str,
    /// Call.
    pub call: &'a str,
    /// Task it belongs to.
    pub task: &'a str,
    /// Number that was dialled.
    pub phone: &'a str,
    /// Technical code set by the system.
    pub technical: &'a str,
    /// Agent.
    pub agent: By<'a>,
    /// Free note of the agent; sealed.
    pub note: &'a str,
}

/// What was saved.
#[derive(Debug, Clone)]
pub struct Saved {
    /// Attempt row.
    pub attempt: String,
    /// Number of the attempt within the task.
    pub no: i64,
    /// Phase of the task afterwards.
    pub phase: String,
    /// What follows, in Chinese.
    pub next_zh: String,
    /// What follows, in English.
    pub next_en: String,
}

struct Consequence {
    phase: String,
    next_zh: String,
    next_en: String,
    not_before_ms: i64,
    result: Option<String>,
}

/// Writes attempt, timeline, task and the report job in the caller's transaction. The
/// choice must have passed [`super::check`]. A second attempt for the same call is
/// refused by the database.
pub async fn record(
    tx: &mut Tx,
    clock: &Clock,
    sealer: &Sealer,
    catalogue: &Catalogue,
    call: &CallToRecord<'_>,
    choice: &Choice,
) -> Result<Saved, ServiceError> {
    let attempt = new_id();
    let no: i64 = sqlx::query("SELECT CAST(COALESCE(MAX(no), 0) AS BIGINT) FROM attempts WHERE task_id = $1")
        .bind(call.task)
        .fetch_one(&mut *tx.conn())
        .await?
        .get::<i64, _>(0)
        + 1;
    let note = if call.note.is_empty() {
        None
    } else {
        Some(sealer.seal(call.court, "note", "attempts", "note_sealed", &attempt, call.note.as_bytes())?)
    };
    sqlx::query(
        "INSERT INTO attempts (id, task_id, no, call_id, technical_code, contact_code, business_code, heard_all,
                               note_sealed, agent_id, rule, at_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(&attempt)
    .bind(call.task)
    .bind(no)
    .bind(call.call)
    .bind(call.technical)
    .bind(&choice.contact)
    .bind(&choice.business)
    .bind(i64::from(choice.heard_all))
    .bind(note)
    .bind(call.agent.actor)
    .bind(catalogue.rule())
    .bind(clock.now_ms())
    .execute(&mut *tx.conn())
    .await?;
    mark_number(tx, clock, catalogue, call, choice).await?;
    let consequence = consequence(tx, clock, catalogue, call, choice).await?;
    timeline::append(
        tx,
        clock,
        call.task,
        &call.agent,
        Kind::Attempt,
        call.call,
        &json!({ "no": no, "technical": call.technical, "contact": choice.contact, "business": choice.business,
                 "heard_all": choice.heard_all, "next_zh": consequence.next_zh, "next_en": consequence.next_en }),
    )
    .await?;
    tasks::after_attempt(
        tx,
        clock,
        call.task,
        &tasks::Move {
            phase: &consequence.phase,
            next_step: &consequence.next_zh,
            next_call_ms: consequence.not_before_ms,
            result: consequence.result.as_deref(),
        },
    )
    .await?;
    jobs::enqueue(
        tx,
        clock,
        "report",
        Some(&format!("report:{}:{attempt}", call.task)),
        &json!({ "task": call.task, "attempt": attempt }),
        clock.now_ms(),
    )
    .await?;
    Ok(Saved { attempt, no, phase: consequence.phase, next_zh: consequence.next_zh, next_en: consequence.next_en })
}

/// A number that does not exist, or belongs to somebody else, is never dialled again.
async fn mark_number(
    tx: &mut Tx,
    clock: &Clock,
    catalogue: &Catalogue,
    call: &CallToRecord<'_>,
    choice: &Choice,
) -> Result<(), ServiceError> {
    let technical = catalogue.technical(call.technical);
    let state = match technical {
        _ if choice.contact == "W10" => Some("易主"),
        Some(code) if code.number != "keep" => Some(code.number.as_str()),
        _ => None,
    };
    let last = technical.map_or(call.technical, |code| code.zh.as_str());
    if let Some(state) = state {
        // Dead for every task that uses the number (E3, 2.5).
        sqlx::query(
            "UPDATE phones SET state = $1
             WHERE number_index = (SELECT p.number_index FROM phones p WHERE p.id = $2)",
        )
        .bind(state)
        .bind(call.phone)
        .execute(&mut *tx.conn())
        .await?;
        strand(tx, clock, call).await?;
    }
    // After the rows of the number: two agents who find it dead at once must not hold one
    // row each and wait for the other's.
    sqlx::query("UPDATE phones SET last_result = $1 WHERE id = $2")
        .bind(last)
        .bind(call.phone)
        .execute(&mut *tx.conn())
        .await?;
    Ok(())
}

/// Other waiting tasks that lost their last number with this one would never be offered
/// again: their contacts are looked for.
async fn strand(tx: &mut Tx, clock: &Clock, call: &CallToRecord<'_>) -> Result<(), ServiceError> {
    let stranded = sqlx::query(
        "SELECT t.id FROM tasks t
         WHERE t.court_id = $1 AND t.id <> $2 AND t.phase = '待外呼'
           AND EXISTS (SELECT 1 FROM phones n JOIN phones d ON d.number_index = n.number_index
                       WHERE n.party_id = t.party_id AND d.id = $3)
           AND NOT EXISTS (SELECT 1 FROM phones n WHERE n.party_id = t.party_id AND n.state = '有效')
         ORDER BY t.id",
    )
    .bind(call.court)
    .bind(call.task)
    .bind(call.phone)
    .fetch_all(&mut *tx.conn())
    .await?;
    for row in stranded {
        let task: String = row.get(0);
        // Not one that an agent got since: it is judged when the agent is done with it.
        let moved = sqlx::query(
            "UPDATE tasks SET phase = $2, next_step = $3, version = version + 1 WHERE id = $1 AND phase = $4",
        )
        .bind(&task)
        .bind(tasks::SEARCHING)
        .bind(tasks::NO_NUMBER.0)
        .bind(tasks::WAITING)
        .execute(&mut *tx.conn())
        .await?;
        if moved.rows_affected() != 1 {
            continue;
        }
        let detail = json!({ "next_zh": tasks::NO_NUMBER.0, "next_en": tasks::NO_NUMBER.1 });
        timeline::append(tx, clock, &task, &timeline::SYSTEM, Kind::NoNumber, call.call, &detail).await?;
    }
    Ok(())
}

async fn consequence(
    tx: &mut Tx,
    clock: &Clock,
    catalogue: &Catalogue,
    call: &CallToRecord<'_>,
    choice: &Choice,
) -> Result<Consequence, ServiceError> {
    if let Some(business) = catalogue.business(&choice.business) {
        if business.phase == "电话告知" {
            return phone_service(tx, catalogue, call).await;
        }
        // Who is to be called again needs a number: the one just dialled may have died.
        if business.phase != tasks::WAITING || tasks::has_usable_number(tx, call.task).await? {
            return Ok(Consequence {
                phase: business.phase.clone(),
                next_zh: business.next_zh.clone(),
                next_en: business.next_en.clone(),
                not_before_ms: clock.now_ms() + business.retry_minutes.unwrap_or(0) * 60_000,
                result: None,
            });
        }
    } else if tasks::has_untried_number(tx, call.task, call.phone).await? {
        return Ok(back_to_queue(clock.now_ms(), "换号再拨", "Try the next number"));
    } else if tasks::has_usable_number(tx, call.task).await? {
        let minutes = catalogue.technical(call.technical).and_then(|code| code.retry_minutes).unwrap_or(120);
        return Ok(back_to_queue(clock.now_ms() + minutes * 60_000, "间隔后再拨", "Call again later"));
    }
    Ok(Consequence {
        phase: tasks::SEARCHING.into(),
        next_zh: tasks::NO_NUMBER.0.into(),
        next_en: tasks::NO_NUMBER.1.into(),
        not_before_ms: 0,
        result: None,
    })
}

fn back_to_queue(not_before_ms: i64, zh: &str, en: &str) -> Consequence {
    Consequence { phase: "待外呼".into(), next_zh: zh.into(), next_en: en.into(), not_before_ms, result: None }
}

/// Rule S13: told by telephone, recorded, every document of a class that allows it.
async fn phone_service(
    tx: &mut Tx,
    catalogue: &Catalogue,
    call: &CallToRecord<'_>,
) -> Result<Consequence, ServiceError> {
    let rule = &catalogue.phone_service;
    let classes = sqlx::query(
        "SELECT d.class FROM task_documents t JOIN documents d ON d.id = t.document_id WHERE t.task_id = $1",
    )
    .bind(call.task)
    .fetch_all(&mut *tx.conn())
    .await?;
    let kind = sqlx::query("SELECT o.order_kind FROM orders o JOIN tasks t ON t.order_id = o.id WHERE t.id = $1")
        .bind(call.task)
        .fetch_one(&mut *tx.conn())
        .await?;
    // Nothing is served where there is nothing to serve; a mere notice needs no paper.
    let something = !classes.is_empty() || kind.get::<String, _>(0) == "仅通知";
    let all_allowed = something && classes.iter().all(|row| rule.classes.contains(&row.get::<String, _>(0)));
    if rule.allowed && all_allowed {
        sqlx::query("UPDATE task_documents SET state = '已送达' WHERE task_id = $1")
            .bind(call.task)
            .execute(&mut *tx.conn())
            .await?;
        return Ok(Consequence {
            phase: tasks::AWAITING_REPORT.into(),
            next_zh: "电话送达，出具报告书".into(),
            next_en: "Served by telephone, report follows".into(),
            not_before_ms: 0,
            result: Some(format!("{} v{}", rule.rule, catalogue.version)),
        });
    }
    Ok(Consequence {
        phase: "待转渠道".into(),
        next_zh: "已电话告知；文书须以其他方式送达".into(),
        next_en: "Told by telephone; the documents need another way".into(),
        not_before_ms: 0,
        result: None,
    })
}
