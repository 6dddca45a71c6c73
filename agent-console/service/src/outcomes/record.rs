//! Saving an outcome: the call becomes an attempt and the task moves.

use serde_json::json;
use songda_store::{Clock, Sealer, Tx, jobs, new_id};
use sqlx::Row;

use super::{Catalogue, Choice, Filled, Sets};
use crate::{
    ServiceError, intake, tasks,
    timeline::{self, By, Kind},
    times,
};

/// When an outcome is saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saving {
    /// While the agent still has the task.
    InTime,
    /// After the task went back without it (待补录): it moves only while nobody has called
    /// since.
    Late,
}

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
    /// What the code asked for, as [`super::check`] read it; sealed.
    pub fields: &'a [Filled],
    /// Whether the task is still in the agent's hands.
    pub saving: Saving,
    /// The line went dead in the middle of the consent (E45).
    pub broken_consent: bool,
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
    /// Before all others, once its time has come.
    front: bool,
    /// Takes up a broken consent.
    resumes: bool,
}

/// B07: the identity check was refused, or the line went before anything was agreed.
const CUT_OFF: &str = "B07";

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
    keep_fields(tx, sealer, call, &attempt).await?;
    mark_number(tx, clock, catalogue, call, choice).await?;
    let dialable = add_contacts(tx, clock, sealer, call).await?;
    let mut consequence = consequence(tx, clock, catalogue, call, choice, dialable).await?;
    let to = tasks::Move {
        phase: &consequence.phase,
        next_step: &consequence.next_zh,
        next_call_ms: consequence.not_before_ms,
        result: consequence.result.as_deref(),
        front: consequence.front,
        resumes: consequence.resumes.then_some(call.call),
        settles: !choice.business.is_empty() && choice.business != CUT_OFF,
    };
    let moved = match call.saving {
        Saving::InTime => {
            tasks::after_attempt(tx, clock, call.task, &to).await?;
            true
        }
        Saving::Late => tasks::after_late_attempt(tx, clock, call.task, call.call, &to).await?,
    };
    if moved && consequence.result.is_some() {
        served(tx, call.task).await?;
    }
    if !moved {
        consequence.phase = tasks::phase(tx, call.task).await?;
        LATE.0.clone_into(&mut consequence.next_zh);
        LATE.1.clone_into(&mut consequence.next_en);
    }
    timeline::append(
        tx,
        clock,
        call.task,
        &call.agent,
        Kind::Attempt,
        call.call,
        &json!({ "no": no, "technical": call.technical, "contact": choice.contact, "business": choice.business,
                 "heard_all": choice.heard_all, "late": call.saving == Saving::Late, "moved": moved,
                 "next_zh": consequence.next_zh, "next_en": consequence.next_en }),
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

/// What follows a late outcome of a task that somebody else has called since.
const LATE: (&str, &str) = ("结果已补录；任务已由他人继续办理", "Saved late; others have gone on with the task");

async fn keep_fields(tx: &mut Tx, sealer: &Sealer, call: &CallToRecord<'_>, attempt: &str) -> Result<(), ServiceError> {
    for field in call.fields {
        let row = format!("{attempt}/{}", field.id);
        let sealed = sealer.seal(call.court, "note", "attempt_fields", "value_sealed", &row, field.value.as_bytes())?;
        sqlx::query(
            "INSERT INTO attempt_fields (attempt_id, name, kind, value_sealed, masked, write_only)
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(attempt)
        .bind(&field.id)
        .bind(field.kind.word())
        .bind(sealed)
        .bind(&field.masked)
        .bind(i64::from(field.write_only))
        .execute(&mut *tx.conn())
        .await?;
    }
    Ok(())
}

/// What the party gave is entered as 待核实; answers whether a number came that can be dialled.
async fn add_contacts(
    tx: &mut Tx,
    clock: &Clock,
    sealer: &Sealer,
    call: &CallToRecord<'_>,
) -> Result<bool, ServiceError> {
    let row =
        sqlx::query("SELECT party_id FROM tasks WHERE id = $1").bind(call.task).fetch_one(&mut *tx.conn()).await?;
    let party: String = row.get(0);
    let mut dialable = false;
    for field in call.fields {
        let given = match field.sets {
            Some(Sets::Phone) => intake::Given::Phone(&field.value),
            Some(Sets::Address) => intake::Given::Address(&field.value),
            Some(Sets::Email) => intake::Given::Email(&field.value),
            Some(Sets::NextCall) | None => continue,
        };
        dialable |= intake::given_in_a_call(tx, clock, sealer, call.court, &party, given).await?;
    }
    Ok(dialable)
}

async fn served(tx: &mut Tx, task: &str) -> Result<(), ServiceError> {
    sqlx::query("UPDATE task_documents SET state = '已送达' WHERE task_id = $1")
        .bind(task)
        .execute(&mut *tx.conn())
        .await?;
    Ok(())
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
    new_number: bool,
) -> Result<Consequence, ServiceError> {
    let now = clock.now_ms();
    if let Some(business) = catalogue.business(&choice.business) {
        if business.phase == "电话告知" {
            return phone_service(tx, catalogue, call).await;
        }
        if new_number {
            return Ok(Consequence {
                front: true,
                ..back_to_queue(now, "新号码待核实，立即再拨", "Call the new number now")
            });
        }
        let minutes = business.retry_minutes.unwrap_or(0);
        let step = Consequence {
            phase: business.phase.clone(),
            next_zh: business.next_zh.clone(),
            next_en: business.next_en.clone(),
            ..back_to_queue(now + minutes * 60_000, "", "")
        };
        // Who is to be called again needs a number: the one just dialled may have died.
        if business.phase != tasks::WAITING {
            return Ok(Consequence { not_before_ms: now, ..step });
        }
        if tasks::has_usable_number(tx, call.task).await? {
            return match agreed_time(call) {
                Some(at_ms) => Ok(Consequence { not_before_ms: at_ms, front: true, ..step }),
                None => again(tx, clock, catalogue, call, step).await,
            };
        }
    } else if tasks::has_untried_number(tx, call.task, call.phone).await? {
        return Ok(back_to_queue(now, "换号再拨", "Try the next number"));
    } else if tasks::has_usable_number(tx, call.task).await? {
        let minutes = catalogue.technical(call.technical).and_then(|code| code.retry_minutes);
        let minutes = minutes.unwrap_or(catalogue.limits.gap_minutes);
        return Ok(back_to_queue(now + minutes * 60_000, "间隔后再拨", "Call again later"));
    }
    Ok(Consequence {
        phase: tasks::SEARCHING.into(),
        not_before_ms: 0,
        ..back_to_queue(0, tasks::NO_NUMBER.0, tasks::NO_NUMBER.1)
    })
}

/// Whose line went dead is called again before all others (E45), as far as the limits of
/// calling allow, and a consent that was begun is taken up.
async fn again(
    tx: &mut Tx,
    clock: &Clock,
    catalogue: &Catalogue,
    call: &CallToRecord<'_>,
    step: Consequence,
) -> Result<Consequence, ServiceError> {
    if !call.fields.iter().any(|field| field.cut_off) {
        return Ok(step);
    }
    Ok(match tasks::may_call_again(tx, clock, &catalogue.limits, call.task).await? {
        Some(at_ms) => Consequence {
            front: true,
            resumes: call.broken_consent,
            ..back_to_queue(at_ms, "线路中断，优先再拨", "Cut off: call again first")
        },
        None => step,
    })
}

/// When the party wants to be called back.
fn agreed_time(call: &CallToRecord<'_>) -> Option<i64> {
    let field = call.fields.iter().find(|field| field.sets == Some(Sets::NextCall))?;
    times::moment(&field.value)
}

fn back_to_queue(not_before_ms: i64, zh: &str, en: &str) -> Consequence {
    Consequence {
        phase: tasks::WAITING.into(),
        next_zh: zh.into(),
        next_en: en.into(),
        not_before_ms,
        result: None,
        front: false,
        resumes: false,
    }
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
        return Ok(Consequence {
            phase: tasks::AWAITING_REPORT.into(),
            result: Some(format!("{} v{}", rule.rule, catalogue.version)),
            ..back_to_queue(0, "电话送达，出具报告书", "Served by telephone, report follows")
        });
    }
    let (zh, en) = ("已电话告知；文书须以其他方式送达", "Told by telephone; the documents need another way");
    Ok(Consequence { phase: tasks::ELSEWHERE.into(), ..back_to_queue(0, zh, en) })
}
