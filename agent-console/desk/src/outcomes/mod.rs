//! The outcome of a call: filled in as a draft, saved against the facts, or owed.

pub mod draft;
pub mod owed;

use serde_json::json;
use songda_people::Actor;
use songda_service::{
    ServiceError,
    outcomes::{self, CallFacts, CallToRecord, Choice, Refusal, Saved, Saving},
    timeline::By,
};
use songda_store::{Db, StoreError, Tx, alarms, audit};
use sqlx::Row;

use self::draft::Form;
use crate::{
    DeskError, Ground, calls,
    checklist::{self, Tick},
    progress, work_orders,
};

/// Longest note, characters.
const NOTE_LIMIT: usize = 500;

/// Saves the outcome of a call of this agent: attempt, timeline, task, report job and
/// audit in one transaction (R4.1d). An outcome that was owed (待补录) is saved the same way.
pub async fn save(ground: &Ground, actor: &Actor, call: &str, form: Form) -> Result<Saved, DeskError> {
    let catalogue = outcomes::catalogue().map_err(DeskError::Rules)?;
    let row = calls::own(&ground.db, actor, call).await?;
    if row.outcome_state == "saved" {
        return Err(DeskError::OutcomeSaved);
    }
    let kept = draft::find(&ground.db, &ground.sealer, call).await?;
    let filled = draft::resolve(form, kept.as_ref())?;
    let (choice, note) = (filled.choice(), filled.note.trim());
    if note.chars().count() > NOTE_LIMIT {
        let text = format!("`note` may hold {NOTE_LIMIT} characters");
        return Err(Refusal { code: "outcome.note", field: "note".into(), text, missing: Vec::new() }.into());
    }
    let recorded = match calls::recorded::find(&ground.db, calls::recorded::Owner::Call(call)).await? {
        Some((state, _)) => state == "closed" || state == "recovered",
        None => false,
    };
    let ticks = checklist::ticks(&ground.db, call).await?;
    let mut tx = ground.db.begin().await?;
    // What the agent says of the line may reach us at the same moment: from here on it waits.
    let row = calls::locked(&mut tx, &actor.court_id, call).await?.unwrap_or(row);
    let facts = CallFacts {
        ended: row.state == "ended",
        answered: row.answered_ms.is_some(),
        talk_ms: row.talk_ms,
        recorded,
        is_attempt: row.is_attempt,
        child: row.end_reason == "child",
        // A mailbox, or a notice behind a 200 OK: whoever took the call, nobody was reached.
        machine: row.answered_ms.is_some() && row.technical_code != "C01",
        now_ms: ground.clock.now_ms(),
    };
    let fields = outcomes::check(catalogue, &facts, &choice)?;
    all_said(&row.script, &choice, &ticks)?;
    let saving = take(&mut tx, call).await?;
    let technical = progress::picked(ground, &mut tx, actor, &row, &choice.contact).await?;
    let to_record = CallToRecord {
        court: &actor.court_id,
        call,
        task: &row.task_id,
        phone: &row.phone_id,
        technical: &technical,
        agent: By { actor: &actor.user_id, name: &actor.name },
        note,
        fields: &fields,
        saving,
        broken_consent: row.broken_consent,
    };
    let recorded = outcomes::record(&mut tx, &ground.clock, &ground.sealer, catalogue, &to_record, &choice).await;
    let saved = match recorded {
        Err(ServiceError::Store(StoreError::Unique)) => return Err(DeskError::OutcomeSaved),
        other => other?,
    };
    work_orders::close(&mut tx, &ground.clock, &row.work_order_id, &row.task_id, &to_record.agent, false).await?;
    draft::drop(&mut tx, call).await?;
    audit::append(
        &mut tx,
        &ground.clock,
        actor.did(
            "outcome.save",
            ("call", call),
            json!({ "technical": technical, "contact": choice.contact, "business": choice.business,
                            "heard_all": choice.heard_all, "attempt": saved.no, "late": saving == Saving::Late }),
        ),
    )
    .await?;
    tx.commit().await?;
    alarms::clear(&ground.db, &ground.clock, "desk.owed", call).await?;
    ground.jobs.notify_waiters();
    Ok(saved)
}

/// An agreement or a service needs every step that must be said (2.7).
fn all_said(script: &str, choice: &Choice, ticks: &[Tick]) -> Result<(), Refusal> {
    let unsaid = checklist::script(script).unsaid(&choice.business, ticks);
    if unsaid.is_empty() {
        return Ok(());
    }
    let titles: Vec<&str> = unsaid.iter().map(|step| step.title_en.as_str()).collect();
    Err(Refusal {
        code: "outcome.checklist",
        field: "checklist".into(),
        text: format!("these steps of the script were not ticked: {}", titles.join("; ")),
        missing: unsaid.iter().map(|step| step.id.clone()).collect(),
    })
}

/// Takes the call for saving: once, and told whether its task is still in the agent's hands.
async fn take(tx: &mut Tx, call: &str) -> Result<Saving, DeskError> {
    for (state, saving) in [("due", Saving::InTime), ("owed", Saving::Late)] {
        let taken = sqlx::query(
            "UPDATE calls SET outcome_state = 'saved', wrap_until_ms = NULL WHERE id = $1 AND outcome_state = $2",
        )
        .bind(call)
        .bind(state)
        .execute(&mut *tx.conn())
        .await?;
        if taken.rows_affected() == 1 {
            return Ok(saving);
        }
    }
    Err(DeskError::OutcomeSaved)
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
