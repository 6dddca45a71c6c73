//! SQL of calls that come in, from their first message to their end.

use serde_json::{Value, json};
use songda_calls::SavedLeg;
use songda_people::Actor;
use songda_recordings::vault::Manifest;
use songda_service::{
    tasks,
    timeline::{self, By, Kind},
};
use songda_store::{Clock, Db, Sealer, Tx, audit, masked::Phone};
use sqlx::{Row, any::AnyRow};

use super::{caller, caller::Match, hours::Hours};
use crate::{
    DeskError,
    calls::{
        Leg, Written,
        recorded::{self, Owner},
    },
    transcripts,
    work_orders::{self, WorkOrder},
};

/// How a number that was withheld is shown.
const WITHHELD: &str = "未显示号码";

/// A call that came in.
#[derive(Debug, Clone)]
pub struct Inbound {
    /// Id; that of the call in the books, once it belongs to a task.
    pub id: String,
    /// Court.
    pub court_id: String,
    /// The court's number that was called.
    pub called: String,
    /// Masked number of the caller.
    pub masked: String,
    /// Whether he let his number be seen.
    pub has_number: bool,
    /// `waiting`, `talking`, `message` or `ended`.
    pub state: String,
    /// Task to which the number belongs.
    pub task_id: Option<String>,
    /// Who took it.
    pub agent_id: Option<String>,
    /// It came.
    pub created_ms: i64,
    /// We answered.
    pub answered_ms: Option<i64>,
    /// The agent was heard from here on.
    pub talk_from_ms: Option<i64>,
    /// Recording.
    pub recording_id: String,
    /// What was said to the caller, as JSON.
    pub prompt_spans: String,
    /// Marks as JSON.
    pub marks: String,
    /// He leaves a message, or left one.
    pub message: bool,
}

const COLUMNS: &str = "i.id, i.court_id, i.called, i.masked, i.number_index, i.state, i.task_id, i.agent_id, i.created_ms, \
     i.answered_ms, i.talk_from_ms, i.recording_id, i.prompt_spans, i.marks, i.message FROM inbound_calls i";

fn read(row: &AnyRow) -> Inbound {
    Inbound {
        id: row.get(0),
        court_id: row.get(1),
        called: row.get(2),
        masked: row.get(3),
        has_number: !row.get::<String, _>(4).is_empty(),
        state: row.get(5),
        task_id: row.get(6),
        agent_id: row.get(7),
        created_ms: row.get(8),
        answered_ms: row.get(9),
        talk_from_ms: row.get(10),
        recording_id: row.get(11),
        prompt_spans: row.get(12),
        marks: row.get(13),
        message: row.get::<i64, _>(14) == 1,
    }
}

/// A call that has just come in.
#[derive(Debug)]
pub struct New<'a> {
    /// Id.
    pub id: &'a str,
    /// Court whose number was called.
    pub court: &'a str,
    /// That number.
    pub called: &'a str,
    /// Trunk.
    pub trunk: &'a str,
    /// The caller's number, where he let it be seen.
    pub number: Option<&'a Phone>,
    /// Recording.
    pub recording: &'a str,
    /// What he is spoken to in.
    pub language: &'a str,
}

impl Inbound {
    /// The call as it stands in the books when it has just come in.
    pub(super) fn arrived(new: &New<'_>, task: Option<&str>, now_ms: i64) -> Self {
        Self {
            id: new.id.to_owned(),
            court_id: new.court.to_owned(),
            called: new.called.to_owned(),
            masked: new.masked(),
            has_number: new.number.is_some(),
            state: "waiting".into(),
            task_id: task.map(str::to_owned),
            agent_id: None,
            created_ms: now_ms,
            answered_ms: None,
            talk_from_ms: None,
            recording_id: new.recording.to_owned(),
            prompt_spans: "[]".into(),
            marks: "[]".into(),
            message: false,
        }
    }
}

impl New<'_> {
    fn masked(&self) -> String {
        self.number.map_or_else(|| WITHHELD.to_owned(), Phone::to_string)
    }
}

/// Whether this party calls us at this moment, and nobody may call him (E46).
pub async fn party_calls(tx: &mut Tx, party: &str) -> Result<bool, DeskError> {
    let sql = "SELECT 1 FROM inbound_calls i JOIN parties p ON p.person_index = i.live_person WHERE p.id = $1 LIMIT 1";
    Ok(sqlx::query(sql).bind(party).fetch_optional(&mut *tx.conn()).await?.is_some())
}

/// Writes a call down before it is answered, and answers whose open task its number is in.
/// As long as it waits nobody is given that person to be called.
pub async fn begin(tx: &mut Tx, clock: &Clock, sealer: &Sealer, new: &New<'_>) -> Result<Option<Match>, DeskError> {
    let (mut sealed, mut index, masked) = (None, String::new(), new.masked());
    if let Some(number) = new.number {
        let open = number.reveal().as_bytes();
        sealed = Some(sealer.seal(new.court, "phone", "inbound_calls", "number_sealed", new.id, open)?);
        index = caller::index(sealer, new.court, number)?;
    }
    let found = if index.is_empty() { None } else { caller::find(tx, new.court, &index).await? };
    sqlx::query(
        "INSERT INTO inbound_calls (id, court_id, called, trunk_id, number_sealed, number_index, masked, state, live_person,
                                    task_id, phone_id, list_state, message, call_back, created_ms, talk_ms, ended_by,
                                    end_facts, recording_id, prompt_spans, marks, quality, language, settled_reason)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'waiting', $8, $9, $10, '', 0, 0, $11, 0, '', '{}', $12, '[]', '[]', '{}',
                 $13, '')",
    )
    .bind(new.id)
    .bind(new.court)
    .bind(new.called)
    .bind(new.trunk)
    .bind(sealed)
    .bind(index)
    .bind(&masked)
    .bind(found.as_ref().map(|found| found.person.clone()))
    .bind(found.as_ref().map(|found| found.task.clone()))
    .bind(found.as_ref().map(|found| found.phone.clone()))
    .bind(clock.now_ms())
    .bind(new.recording)
    .bind(new.language)
    .execute(&mut *tx.conn())
    .await?;
    let detail = json!({ "masked": masked, "called": new.called,
                         "task": found.as_ref().map(|found| found.task.as_str()) });
    system_note(tx, clock, new.court, "inbound.arrive", new.id, detail).await?;
    Ok(found)
}

/// How a call came in.
#[derive(Debug, Clone)]
pub struct Came {
    /// The court's number that was called.
    pub called: String,
    /// Over which trunk.
    pub trunk: String,
}

/// The party called while it was being called: it is its own call from here on, with the trunk
/// by which it came and a row of its own here. Ours stands among the ways that were tried.
pub async fn came_in(tx: &mut Tx, clock: &Clock, call: &str, came: Option<&Came>) -> Result<(), DeskError> {
    sqlx::query(
        "UPDATE calls SET direction = 'in', trunk_id = COALESCE($2, trunk_id), caller = COALESCE($3, caller)
         WHERE id = $1",
    )
    .bind(call)
    .bind(came.map(|came| came.trunk.clone()))
    .bind(came.map(|came| came.called.clone()))
    .execute(&mut *tx.conn())
    .await?;
    sqlx::query(
        "INSERT INTO inbound_calls (id, court_id, called, trunk_id, number_index, masked, state, task_id, phone_id,
                                    agent_id, list_state, message, call_back, created_ms, talk_ms, ended_by,
                                    end_facts, recording_id, prompt_spans, marks, quality, language, settled_reason)
         SELECT c.id, c.court_id, c.caller, COALESCE(c.trunk_id, ''), '', p.masked, 'ended', c.task_id, c.phone_id,
                c.agent_id, '', 0, 0, $2, 0, '', '{}', c.recording_id, '[]', '[]', '{}', c.language, ''
         FROM calls c JOIN phones p ON p.id = c.phone_id WHERE c.id = $1 ON CONFLICT (id) DO NOTHING",
    )
    .bind(call)
    .bind(clock.now_ms())
    .execute(&mut *tx.conn())
    .await?;
    Ok(())
}

/// Keeps what ends the leg of a call that is on the line, and by which name it is found on the
/// wire. Answers false for one that is over.
pub async fn keep_leg(db: &Db, sealer: &Sealer, court: &str, id: &str, leg: &SavedLeg) -> Result<bool, DeskError> {
    // Sealed for the row of `calls` into which it may move.
    let sealed = sealer.seal(court, "phone", "calls", "leg_sealed", id, &leg.to_bytes())?;
    let mut tx = db.begin().await?;
    let mut kept = 0;
    for sql in [
        "UPDATE inbound_calls SET leg_sealed = $2 WHERE id = $1 AND state <> 'ended'",
        "UPDATE calls SET leg_sealed = $2 WHERE id = $1 AND direction = 'in' AND live_task IS NOT NULL",
    ] {
        kept += sqlx::query(sql).bind(id).bind(sealed.clone()).execute(&mut *tx.conn()).await?.rows_affected();
    }
    // The other end chose it, and it may hold his number.
    let name = sealer.seal(court, "phone", "inbound_calls", "sip_call_sealed", id, leg.call_id().as_bytes())?;
    sqlx::query("UPDATE inbound_calls SET sip_call_sealed = $2 WHERE id = $1")
        .bind(id)
        .bind(name)
        .execute(&mut *tx.conn())
        .await?;
    tx.commit().await?;
    Ok(kept == 1)
}

/// Notes that we answered, or from when on an agent is heard.
pub async fn answered(db: &Db, id: &str, answered_ms: i64, talk_from_ms: Option<i64>) -> Result<(), DeskError> {
    let mut tx = db.begin().await?;
    sqlx::query(
        "UPDATE inbound_calls SET answered_ms = COALESCE(answered_ms, $2), talk_from_ms = COALESCE(talk_from_ms, $3)
         WHERE id = $1 AND state <> 'ended'",
    )
    .bind(id)
    .bind(answered_ms)
    .bind(talk_from_ms)
    .execute(&mut *tx.conn())
    .await?;
    Ok(tx.commit().await?)
}

/// Notes that the caller leaves a message from here on.
pub async fn message_begins(db: &Db, id: &str) -> Result<(), DeskError> {
    let mut tx = db.begin().await?;
    sqlx::query("UPDATE inbound_calls SET state = 'message', message = 1 WHERE id = $1 AND state = 'waiting'")
        .bind(id)
        .execute(&mut *tx.conn())
        .await?;
    Ok(tx.commit().await?)
}

/// Notes when the recording began: all its offsets count from there.
pub async fn recording_began(db: &Db, id: &str, at_ms: i64) -> Result<(), DeskError> {
    note_down(db, id, "recording_from_ms", at_ms).await
}

/// Notes what was said to the caller, so that a kill leaves it known.
pub async fn said(db: &Db, id: &str, spans: &Value) -> Result<(), DeskError> {
    note_down(db, id, "prompt_spans", spans.to_string()).await
}

/// Keeps the marks of a call on the line so far.
pub async fn marked(db: &Db, id: &str, marks: &Value) -> Result<(), DeskError> {
    note_down(db, id, "marks", marks.to_string()).await
}

/// Keeps how well each leg of a call on the line was heard so far.
pub async fn measured(db: &Db, id: &str, quality: &Value) -> Result<(), DeskError> {
    note_down(db, id, "quality", quality.to_string()).await
}

async fn note_down<'q, T>(db: &Db, id: &str, column: &'static str, value: T) -> Result<(), DeskError>
where
    T: sqlx::Encode<'q, sqlx::Any> + sqlx::Type<sqlx::Any> + Send + 'q,
{
    let sql = format!("UPDATE inbound_calls SET {column} = $2 WHERE id = $1 AND state <> 'ended'");
    let mut tx = db.begin().await?;
    sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.to_owned()).bind(value).execute(&mut *tx.conn()).await?;
    Ok(tx.commit().await?)
}

/// The agent who takes a call, in his browser's session.
#[derive(Debug)]
pub struct TakenBy<'a> {
    /// Agent.
    pub agent: &'a Actor,
    /// Key of his browser.
    pub kid: &'a str,
    /// The work order that he has in hand.
    pub order: Option<&'a WorkOrder>,
    /// Script that he reads from.
    pub script: &'a str,
}

/// An agent takes a call of a task: it is a call of this task from here on, with a work order
/// of his. None when the call is over or the task is not to be had any more.
pub async fn take_for_task(
    tx: &mut Tx,
    clock: &Clock,
    id: &str,
    found: &Match,
    by: &TakenBy<'_>,
) -> Result<Option<WorkOrder>, DeskError> {
    let sql = "UPDATE inbound_calls SET state = 'ended', live_person = NULL, leg_sealed = NULL, agent_id = $2
               WHERE id = $1 AND state = 'waiting'";
    // The leg moves into the call's own row, in this transaction or not at all.
    let row = sqlx::query("SELECT leg_sealed FROM inbound_calls WHERE id = $1 AND state = 'waiting'")
        .bind(id)
        .fetch_optional(&mut *tx.conn())
        .await?;
    let Some(row) = row else { return Ok(None) };
    let leg: Option<Vec<u8>> = row.get(0);
    let taken = sqlx::query(sql).bind(id).bind(&by.agent.user_id).execute(&mut *tx.conn()).await?;
    if taken.rows_affected() != 1 {
        return Ok(None);
    }
    let order = match by.order.filter(|order| order.task_id == found.task) {
        Some(order) => order.clone(),
        None => match work_orders::take_for_caller(tx, clock, by.agent, by.kid, &found.task).await? {
            Some(order) => order,
            None => return Ok(None),
        },
    };
    sqlx::query(
        "INSERT INTO calls (id, court_id, task_id, work_order_id, phone_id, agent_id, caller, state, live_agent, live_task,
                            created_ms, answered_ms, talk_ms, ended_by, end_facts, technical_code, is_attempt, recording_id,
                            prompt_spans, quality, trunk_id, language, script, recording_from_ms, marks, leg_sealed,
                            resumed_from, direction)
         SELECT i.id, i.court_id, $2, $3, $4, $5, i.called, 'talking', $5, $2, i.created_ms, i.answered_ms, 0, '', '{}',
                '', 0, i.recording_id, i.prompt_spans, i.quality, i.trunk_id, i.language, $6, i.recording_from_ms, i.marks, $7,
                t.resume_call, 'in'
         FROM inbound_calls i JOIN tasks t ON t.id = $2 WHERE i.id = $1",
    )
    .bind(id)
    .bind(&found.task)
    .bind(&order.id)
    .bind(&found.phone)
    .bind(&by.agent.user_id)
    .bind(by.script)
    .bind(leg)
    .execute(&mut *tx.conn())
    .await?;
    let name = By { actor: &by.agent.user_id, name: &by.agent.name };
    timeline::append(tx, clock, &found.task, &name, Kind::Incoming, id, &json!({})).await?;
    note(tx, clock, by.agent, "inbound.take", id, json!({ "task": found.task })).await?;
    Ok(Some(order))
}

/// An agent takes a call of no task. The person whose task could not be had with it is on the
/// line all the same, and is nobody else's to call meanwhile. Answers false when it is over, or somebody has it.
pub async fn take_stray(tx: &mut Tx, clock: &Clock, id: &str, agent: &Actor) -> Result<bool, DeskError> {
    let taken = sqlx::query(
        "UPDATE inbound_calls SET state = 'talking', agent_id = $2
         WHERE id = $1 AND state = 'waiting'",
    )
    .bind(id)
    .bind(&agent.user_id)
    .execute(&mut *tx.conn())
    .await?;
    if taken.rows_affected() == 1 {
        note(tx, clock, agent, "inbound.take", id, json!({ "task": null })).await?;
    }
    Ok(taken.rows_affected() == 1)
}

async fn written(tx: &mut Tx, id: &str) -> Result<Option<Written>, DeskError> {
    let row = sqlx::query("SELECT marks, prompt_spans, quality, recording_from_ms FROM inbound_calls WHERE id = $1")
        .bind(id)
        .fetch_optional(&mut *tx.conn())
        .await?;
    Ok(row.map(|row| Written {
        marks: row.get(0),
        prompt_spans: row.get(1),
        quality: row.get(2),
        recording_from_ms: row.get(3),
    }))
}

/// How a call that is no task's ended.
#[derive(Debug)]
pub struct End<'a> {
    /// When.
    pub ended_ms: i64,
    /// `agent`, `party` or `system`.
    pub by: &'a str,
    /// Talk, milliseconds.
    pub talk_ms: i64,
    /// When it was answered, in case the row does not say so yet.
    pub answered_ms: Option<i64>,
    /// What the line did.
    pub facts: Value,
    /// Closed recording.
    pub recording: Option<&'a Manifest>,
    /// A part of it was lost.
    pub incomplete: bool,
    /// What was said to the caller; null: what was written down meanwhile stands.
    pub prompt_spans: Value,
    /// Quality of every leg; null: what was measured meanwhile stands, and says until when.
    pub quality: Value,
    /// What a listener must know; null: what was written down meanwhile stands, and what had not
    /// ended by then ends now.
    pub marks: Value,
    /// The caller left a message.
    pub message: bool,
    /// Whether its leg is down for certain.
    pub leg: Leg,
}

/// Closes a call that is no task's: it stands in the list from here on, where there is
/// anything to settle. Who was not spoken to and can be called is to be called back; a task
/// whose number it is comes before all others as soon as the court is open. Answers false when
/// it was closed already.
pub async fn end(tx: &mut Tx, clock: &Clock, hours: &Hours, call: &Inbound, end: &End<'_>) -> Result<bool, DeskError> {
    let spoken = end.talk_ms > 0 || call.talk_from_ms.is_some();
    let call_back = !spoken && call.has_number;
    let listed = call_back || end.recording.is_some() || call.answered_ms.or(end.answered_ms).is_some();
    let Some(written) = written(tx, &call.id).await? else { return Ok(false) };
    let (prompt_spans, marks, quality) =
        written.unless_known(&end.prompt_spans, &end.marks, &end.quality, end.ended_ms);
    let closed = sqlx::query(
        "UPDATE inbound_calls SET state = 'ended', live_person = NULL, list_state = $2, message = $3, call_back = $4,
                ended_ms = $5, ended_by = $6, talk_ms = $7, end_facts = $8, answered_ms = COALESCE(answered_ms, $9),
                prompt_spans = $10, quality = $11, marks = $12 WHERE id = $1 AND state <> 'ended'",
    )
    .bind(&call.id)
    .bind(if listed { "open" } else { "" })
    .bind(i64::from(end.message))
    .bind(i64::from(call_back))
    .bind(end.ended_ms)
    .bind(end.by)
    .bind(end.talk_ms)
    .bind(end.facts.to_string())
    .bind(end.answered_ms)
    .bind(prompt_spans)
    .bind(quality)
    .bind(marks)
    .execute(&mut *tx.conn())
    .await?;
    if closed.rows_affected() != 1 {
        return Ok(false);
    }
    if end.leg == Leg::Down {
        sqlx::query("UPDATE inbound_calls SET leg_sealed = NULL WHERE id = $1")
            .bind(&call.id)
            .execute(&mut *tx.conn())
            .await?;
    }
    if let Some(manifest) = end.recording {
        recorded::enter(tx, clock, Owner::Caller(&call.id), &call.court_id, manifest, end.incomplete).await?;
        if spoken || end.message {
            transcripts::enqueue_inbound(tx, clock, &call.id).await?;
        }
    }
    if let Some(task) = call.task_id.as_ref().filter(|_| call_back) {
        tasks::call_back(tx, task, hours.next_opening(clock.now_ms())).await?;
        let detail = json!({ "message": end.message });
        timeline::append(tx, clock, task, &timeline::SYSTEM, Kind::IncomingMissed, &call.id, &detail).await?;
    }
    let detail = json!({ "by": end.by, "talk_ms": end.talk_ms, "message": end.message, "listed": listed });
    system_note(tx, clock, &call.court_id, "inbound.end", &call.id, detail).await?;
    Ok(true)
}

/// Calls of no task that were on the line when the server went away.
pub async fn unfinished(db: &Db) -> Result<Vec<Inbound>, DeskError> {
    let sql = format!("SELECT {COLUMNS} WHERE i.state <> 'ended'");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(db.read()).await?;
    Ok(rows.iter().map(read).collect())
}

/// Calls of no task that ended and have no recording in the books, newest first: a page of those
/// before this id, or of all.
pub async fn without_recording_row(db: &Db, before: Option<&str>) -> Result<Vec<Inbound>, DeskError> {
    let sql = format!(
        "SELECT {COLUMNS} LEFT JOIN inbound_recordings r ON r.inbound_id = i.id
         WHERE i.state = 'ended' AND i.list_state IN ('open', 'dismissed') AND r.id IS NULL
           AND (CAST($1 AS TEXT) IS NULL OR i.id < $1) ORDER BY i.id DESC LIMIT 500"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(before).fetch_all(db.read()).await?;
    Ok(rows.iter().map(read).collect())
}

/// One call that came in, in this court.
pub(super) async fn find(db: &Db, court: &str, id: &str) -> Result<Option<Inbound>, DeskError> {
    let sql = format!("SELECT {COLUMNS} WHERE i.id = $1 AND i.court_id = $2");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).bind(court).fetch_optional(db.read()).await?;
    Ok(row.as_ref().map(read))
}

async fn system_note(
    tx: &mut Tx,
    clock: &Clock,
    court: &str,
    action: &str,
    id: &str,
    detail: Value,
) -> Result<(), DeskError> {
    let entry = audit::Entry::of_the_house(court, action, ("inbound", id), detail);
    Ok(audit::append(tx, clock, entry).await.map(|_| ())?)
}

pub(super) async fn note(
    tx: &mut Tx,
    clock: &Clock,
    actor: &Actor,
    action: &str,
    id: &str,
    detail: Value,
) -> Result<(), DeskError> {
    let entry = actor.did(action, ("inbound", id), detail);
    Ok(audit::append(tx, clock, entry).await.map(|_| ())?)
}
