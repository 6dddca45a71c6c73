//! The list 未关联: calls that came in and belong to no task. Each is linked to one, or
//! dismissed with a reason, and both are written down.

use serde_json::json;
use songda_people::Actor;
use songda_service::{
    ServiceError,
    tasks::{self, TaskRow},
    timeline::{self, By, Kind},
};
use songda_store::{Clock, Db, Sealer, Tx, new_id};
use sqlx::{Row, any::AnyRow};

use super::{
    hours,
    store::{self, Inbound, note},
};
use crate::{DeskError, Ground, checklist};

/// A call in the list.
#[derive(Debug, Clone)]
pub struct Item {
    /// Id.
    pub id: String,
    /// `open`, `linked` or `dismissed`.
    pub state: String,
    /// It came.
    pub created_ms: i64,
    /// From the answer to the end, milliseconds.
    pub lasted_ms: i64,
    /// Masked number.
    pub masked: String,
    /// The court's number that was called.
    pub called: String,
    /// The caller left a message.
    pub message: bool,
    /// 待回拨.
    pub call_back: bool,
    /// Agent who spoke to him, or empty.
    pub agent: String,
    /// Talk, milliseconds.
    pub talk_ms: i64,
    /// Task whose number it is, or that it was linked to.
    pub task: Option<ItemTask>,
    /// State of the recording, and its length in milliseconds; `unsealed` and 0 where it began and was not
    /// closed: the server died in it or the disk is full, and the next start closes it as far as it goes.
    pub recording: Option<(String, i64)>,
    /// State of the transcript.
    pub transcript: Option<String>,
    /// Who settled it, or empty.
    pub settled_by: String,
    /// When.
    pub settled_ms: Option<i64>,
    /// Why it was dismissed.
    pub reason: String,
}

/// The task beside a call in the list.
#[derive(Debug, Clone)]
pub struct ItemTask {
    /// Task.
    pub id: String,
    /// Its number.
    pub number: String,
    /// Case number.
    pub case_number: String,
    /// Recipient.
    pub recipient: String,
}

/// Which calls are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// Those that wait to be settled.
    Open,
    /// Those that were linked or dismissed.
    Settled,
}

/// Calls of the list, newest first.
pub async fn items(
    db: &Db,
    court: &str,
    which: Listed,
    before: Option<&str>,
    limit: i64,
) -> Result<Vec<Item>, DeskError> {
    let settled = which == Listed::Settled;
    let rows = sqlx::query(
        "SELECT i.id, i.list_state, i.created_ms, i.answered_ms, i.ended_ms, i.masked, i.called, i.message, i.call_back,
                COALESCE(u.name, ''), i.talk_ms, t.id, t.number, k.number, p.name,
                COALESCE(r.state, c.state, CASE WHEN i.recording_from_ms IS NOT NULL THEN 'unsealed' END),
                COALESCE(r.frames, c.frames), COALESCE(s.state, d.state),
                COALESCE(v.name, ''), i.settled_ms, i.settled_reason
         FROM inbound_calls i LEFT JOIN users u ON u.id = i.agent_id LEFT JOIN users v ON v.id = i.settled_by
              LEFT JOIN tasks t ON t.id = i.task_id LEFT JOIN cases k ON k.id = t.case_id
              LEFT JOIN parties p ON p.id = t.party_id
              LEFT JOIN inbound_recordings r ON r.inbound_id = i.id LEFT JOIN recordings c ON c.call_id = i.id
              LEFT JOIN inbound_transcripts s ON s.inbound_id = i.id LEFT JOIN transcripts d ON d.call_id = i.id
         WHERE i.court_id = $1 AND ((CAST($2 AS BIGINT) = 0 AND i.list_state = 'open')
                                    OR (CAST($2 AS BIGINT) = 1 AND i.list_state IN ('linked', 'dismissed')))
           AND (CAST($3 AS TEXT) IS NULL OR i.id < $3)
         ORDER BY i.id DESC LIMIT $4",
    )
    .bind(court)
    .bind(i64::from(settled))
    .bind(before)
    .bind(limit)
    .fetch_all(db.read())
    .await?;
    Ok(rows.iter().map(item).collect())
}

fn item(row: &AnyRow) -> Item {
    let (answered, ended): (Option<i64>, Option<i64>) = (row.get(3), row.get(4));
    let text = |at: usize| row.get::<Option<String>, _>(at).unwrap_or_default();
    Item {
        id: row.get(0),
        state: row.get(1),
        created_ms: row.get(2),
        lasted_ms: answered.zip(ended).map_or(0, |(from, to)| (to - from).max(0)),
        masked: row.get(5),
        called: row.get(6),
        message: row.get::<i64, _>(7) == 1,
        call_back: row.get::<i64, _>(8) == 1,
        agent: row.get(9),
        talk_ms: row.get(10),
        task: row.get::<Option<String>, _>(11).map(|id| ItemTask {
            id,
            number: text(12),
            case_number: text(13),
            recipient: text(14),
        }),
        recording: row
            .get::<Option<String>, _>(15)
            .map(|state| (state, row.get::<Option<i64>, _>(16).unwrap_or_default() / 8)),
        transcript: row.get(17),
        settled_by: row.get(18),
        settled_ms: row.get(19),
        reason: row.get(20),
    }
}

/// One call that came in, in this court.
pub async fn find(db: &Db, court: &str, id: &str) -> Result<Inbound, DeskError> {
    store::find(db, court, id).await?.ok_or_else(|| ServiceError::NotFound { kind: "inbound call" }.into())
}

/// What the machine wrote down of a call that is no task's: its lines, once they are there.
pub async fn transcript(db: &Db, sealer: &Sealer, id: &str) -> Result<Option<Vec<songda_asr::Line>>, DeskError> {
    let row = sqlx::query("SELECT body_sealed FROM inbound_transcripts WHERE inbound_id = $1")
        .bind(id)
        .fetch_optional(db.read())
        .await?;
    let Some(sealed) = row.and_then(|row| row.get::<Option<Vec<u8>>, _>(0)) else { return Ok(None) };
    let open = sealer.open_sealed("transcripts", "body_sealed", id, &sealed)?;
    let transcript: Option<songda_asr::Transcript> = serde_json::from_slice(&open).ok();
    Ok(transcript.map(|transcript| transcript.lines))
}

/// Dismisses a call with a reason. Its recording stays. Answers false when it was settled
/// before.
pub async fn dismiss(db: &Db, clock: &Clock, actor: &Actor, id: &str, reason: &str) -> Result<bool, DeskError> {
    let mut tx = db.begin().await?;
    if !settle(&mut tx, clock, actor, id, "dismissed", reason).await? {
        return Ok(false);
    }
    note(&mut tx, clock, actor, "inbound.dismiss", id, json!({ "reason": reason })).await?;
    tx.commit().await?;
    Ok(true)
}

async fn settle(
    tx: &mut Tx,
    clock: &Clock,
    actor: &Actor,
    id: &str,
    to: &'static str,
    reason: &str,
) -> Result<bool, DeskError> {
    let settled = sqlx::query(
        "UPDATE inbound_calls SET list_state = $3, settled_ms = $4, settled_by = $5, settled_reason = $6, call_back = 0
         WHERE id = $1 AND court_id = $2 AND list_state = 'open'",
    )
    .bind(id)
    .bind(&actor.court_id)
    .bind(to)
    .bind(clock.now_ms())
    .bind(&actor.user_id)
    .bind(reason)
    .execute(&mut *tx.conn())
    .await?;
    Ok(settled.rows_affected() == 1)
}

/// What linking a call to a task did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linked {
    /// It is a call of this task now. An agent who spoke to the caller owes its outcome.
    Done,
    /// It was settled before.
    SettledBefore,
}

/// Links a call to a task: call, recording and transcript are the task's from here on. The
/// caller's number comes to the numbers of its recipient. When an agent spoke to the caller,
/// he owes the outcome; a message is no attempt, and its caller is called back.
pub async fn link(ground: &Ground, actor: &Actor, id: &str, task: &str) -> Result<Linked, DeskError> {
    let task = tasks::find(&ground.db, &actor.court_id, task).await?;
    let call = find(&ground.db, &actor.court_id, id).await?;
    let order = songda_service::cases::order(&ground.db, &task.order_id).await?;
    let script = checklist::script_for(&order.order_kind).id;
    let clock = &ground.clock;
    let hours = hours::of(&ground.db, &actor.court_id).await?;
    let mut tx = ground.db.begin().await?;
    if !settle(&mut tx, clock, actor, id, "linked", "").await? {
        return Ok(Linked::SettledBefore);
    }
    let phone = phone_of(&mut tx, clock, &ground.sealer, &call, &task.party_id).await?;
    let agent = call.agent_id.clone().filter(|_| call.talk_from_ms.is_some());
    let owed = agent.is_some();
    let agent = agent.unwrap_or_else(|| actor.user_id.clone());
    let work_order = new_id();
    sqlx::query(
        "INSERT INTO work_orders (id, task_id, agent_id, session, kid, state, expires_ms, created_ms, closed_ms)
         VALUES ($1, $2, $3, '', '', 'done', $4, $4, $4)",
    )
    .bind(&work_order)
    .bind(&task.id)
    .bind(&agent)
    .bind(clock.now_ms())
    .execute(&mut *tx.conn())
    .await?;
    sqlx::query(
        "INSERT INTO calls (id, court_id, task_id, work_order_id, phone_id, agent_id, caller, state, created_ms, answered_ms,
                            talk_from_ms, ended_ms, talk_ms, ended_by, end_facts, technical_code, is_attempt, recording_id,
                            prompt_spans, quality, trunk_id, language, script, recording_from_ms, marks, outcome_state,
                            owed_ms, direction)
         SELECT i.id, i.court_id, $2, $3, $4, $5, i.called, 'ended', i.created_ms, i.answered_ms, i.talk_from_ms,
                i.ended_ms, i.talk_ms, i.ended_by, i.end_facts, $6, $7, i.recording_id, i.prompt_spans, i.quality,
                i.trunk_id, i.language, $8, i.recording_from_ms, i.marks, $9, CASE WHEN $7 = 1 THEN $10 END, 'in'
         FROM inbound_calls i WHERE i.id = $1",
    )
    .bind(id)
    .bind(&task.id)
    .bind(&work_order)
    .bind(&phone)
    .bind(&agent)
    .bind(if owed { "C01" } else { "" })
    .bind(i64::from(owed))
    .bind(script)
    .bind(if owed { "owed" } else { "" })
    .bind(clock.now_ms())
    .execute(&mut *tx.conn())
    .await?;
    move_evidence(&mut tx, id).await?;
    songda_service::evidence::bind_call(&mut tx, clock, id).await?;
    sqlx::query("UPDATE inbound_calls SET task_id = $2, phone_id = $3 WHERE id = $1")
        .bind(id)
        .bind(&task.id)
        .bind(&phone)
        .execute(&mut *tx.conn())
        .await?;
    // Who was known had his call back when his call ended.
    let wants_call = !owed && call.has_number && call.task_id.as_ref() != Some(&task.id);
    if wants_call && !spoken_since(&mut tx, &task.id, call.created_ms).await? {
        tasks::call_back(&mut tx, &task.id, hours.next_opening(clock.now_ms())).await?;
    }
    let by = By { actor: &actor.user_id, name: &actor.name };
    let detail = json!({ "masked": call.masked, "linked": true });
    timeline::append(&mut tx, clock, &task.id, &by, Kind::Incoming, id, &detail).await?;
    note(&mut tx, clock, actor, "inbound.link", id, linked_detail(&call, &task)).await?;
    tx.commit().await?;
    Ok(Linked::Done)
}

/// Whether the recipient of this task was spoken to after this moment.
async fn spoken_since(tx: &mut Tx, task: &str, at_ms: i64) -> Result<bool, DeskError> {
    let row =
        sqlx::query("SELECT COUNT(*) FROM calls WHERE task_id = $1 AND created_ms > $2 AND talk_from_ms IS NOT NULL")
            .bind(task)
            .bind(at_ms)
            .fetch_one(&mut *tx.conn())
            .await?;
    Ok(row.get::<i64, _>(0) > 0)
}

fn linked_detail(call: &Inbound, task: &TaskRow) -> serde_json::Value {
    json!({ "task": task.id, "matched": call.task_id.as_ref() == Some(&task.id) })
}

/// Recording and transcript are the call's own from here on.
async fn move_evidence(tx: &mut Tx, id: &str) -> Result<(), DeskError> {
    for sql in [
        "INSERT INTO recordings (id, call_id, court_id, state, started_ms, frames, bytes, sha256, sm3, gaps, closed_ms)
         SELECT id, inbound_id, court_id, state, started_ms, frames, bytes, sha256, sm3, gaps, closed_ms
         FROM inbound_recordings WHERE inbound_id = $1",
        "DELETE FROM inbound_recordings WHERE inbound_id = $1",
        "INSERT INTO transcripts (call_id, state, model_name, model_sha256, test_model, body_sealed, created_ms, ready_ms)
         SELECT inbound_id, state, model_name, model_sha256, test_model, body_sealed, created_ms, ready_ms
         FROM inbound_transcripts WHERE inbound_id = $1",
        "DELETE FROM inbound_transcripts WHERE inbound_id = $1",
    ] {
        sqlx::query(sql).bind(id).execute(&mut *tx.conn()).await?;
    }
    Ok(())
}

/// The number of a caller among those of a recipient. One that is new there is entered
/// last; a number that was withheld stands there as one that nobody can dial.
async fn phone_of(
    tx: &mut Tx,
    clock: &Clock,
    sealer: &Sealer,
    call: &Inbound,
    party: &str,
) -> Result<String, DeskError> {
    let row = sqlx::query("SELECT number_sealed, number_index, masked FROM inbound_calls WHERE id = $1")
        .bind(&call.id)
        .fetch_one(&mut *tx.conn())
        .await?;
    let (sealed, index, masked): (Option<Vec<u8>>, String, String) = (row.get(0), row.get(1), row.get(2));
    let known = sqlx::query(
        "SELECT id FROM phones WHERE party_id = $1 AND (number_index = $2 OR (main_index = $2 AND $2 <> ''))
         ORDER BY CASE WHEN number_index = $2 THEN 0 ELSE 1 END, rank, id LIMIT 1",
    )
    .bind(party)
    .bind(&index)
    .fetch_optional(&mut *tx.conn())
    .await?;
    if let Some(known) = known {
        return Ok(known.get(0));
    }
    let id = new_id();
    let open = match &sealed {
        Some(sealed) => sealer.open_sealed("inbound_calls", "number_sealed", &call.id, sealed)?.to_vec(),
        None => Vec::new(),
    };
    let dialable = match songda_store::masked::Phone::parse(&String::from_utf8_lossy(&open)) {
        Ok(number) => songda_service::intake::dialable(tx, &call.court_id, &number).await?,
        Err(_) => false,
    };
    let number = sealer.seal(&call.court_id, "phone", "phones", "number_sealed", &id, &open)?;
    sqlx::query(
        "INSERT INTO phones (id, party_id, number_sealed, number_index, masked, source, label, rank, state, last_result,
                             created_ms, main_index)
         SELECT $1, $2, $3, $4, $5, '来电', '', COALESCE(MAX(rank), 0) + 1, $6, '', $7, $4 FROM phones WHERE party_id = $2",
    )
    .bind(&id)
    .bind(party)
    .bind(number)
    .bind(index)
    .bind(masked)
    .bind(if dialable { "有效" } else { "不可拨" })
    .bind(clock.now_ms())
    .execute(&mut *tx.conn())
    .await?;
    Ok(id)
}
