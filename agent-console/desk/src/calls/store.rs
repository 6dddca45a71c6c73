//! SQL of calls and recordings.

use serde_json::{Value, json};
use songda_people::Actor;
use songda_recordings::vault::Manifest;
use songda_service::{
    ServiceError,
    outcomes::LineFacts,
    tasks,
    timeline::{self, By, Kind},
};
use songda_store::{Clock, Db, Tx};
use sqlx::{Row, any::AnyRow};

use super::{
    legs::{self, Way, WayEnd},
    recorded::{self, Owner},
    side::Written,
};
use crate::DeskError;

/// A call.
#[derive(Debug, Clone)]
pub struct CallRow {
    /// Id.
    pub id: String,
    /// Court.
    pub court_id: String,
    /// Task.
    pub task_id: String,
    /// Work order.
    pub work_order_id: String,
    /// Number by id.
    pub phone_id: String,
    /// Masked number.
    pub phone_masked: String,
    /// Where the number comes from.
    pub phone_source: String,
    /// Agent.
    pub agent_id: String,
    /// Agent's name.
    pub agent_name: String,
    /// Agent's 工号.
    pub staff_no: String,
    /// The court's number that was shown.
    pub caller: String,
    /// `dialling`, `ringing`, `talking` or `ended`.
    pub state: String,
    /// Click.
    pub created_ms: i64,
    /// First 18x.
    pub ringing_ms: Option<i64>,
    /// First early media.
    pub early_ms: Option<i64>,
    /// 200 OK.
    pub answered_ms: Option<i64>,
    /// The agent was heard from here on.
    pub talk_from_ms: Option<i64>,
    /// End.
    pub ended_ms: Option<i64>,
    /// Talk, milliseconds.
    pub talk_ms: i64,
    /// `agent`, `party` or `system`.
    pub ended_by: String,
    /// Technical code.
    pub technical_code: String,
    /// Counts as an attempt.
    pub is_attempt: bool,
    /// Recording, when there was media.
    pub recording_id: Option<String>,
    /// Prompt spans as JSON.
    pub prompt_spans: String,
    /// Language of the notice.
    pub language: String,
    /// Script that the agent read from.
    pub script: String,
    /// First frame of the recording.
    pub recording_from_ms: Option<i64>,
    /// Marks as JSON.
    pub marks: String,
    /// What the party was told at the end, or empty.
    pub parting: String,
    /// Why the agent ended it politely, or empty.
    pub end_reason: String,
    /// The line went dead in the middle of the consent (E45).
    pub broken_consent: bool,
    /// The call whose broken consent this one took up.
    pub resumed_from: Option<String>,
    /// Empty, `due`, `owed` or `saved`.
    pub outcome_state: String,
    /// Until when the outcome is to be saved.
    pub wrap_until_ms: Option<i64>,
    /// One more minute was asked for.
    pub wrap_extended: bool,
    /// `out`: we called; `in`: the party did.
    pub direction: String,
    /// Quality of every leg as JSON; until the end with `until_at`, and an empty object where nothing is
    /// known.
    pub quality: String,
}

const COLUMNS: &str = "c.id, c.court_id, c.task_id, c.work_order_id, c.phone_id, n.masked, n.source, c.agent_id, u.name, \
     u.staff_no, c.caller, c.state, c.created_ms, c.ringing_ms, c.early_ms, c.answered_ms, c.talk_from_ms, c.ended_ms, \
     c.talk_ms, c.ended_by, c.technical_code, c.is_attempt, c.recording_id, c.prompt_spans, \
     c.language, c.script, c.recording_from_ms, c.marks, c.parting, c.end_reason, c.broken_consent, c.resumed_from, \
     c.outcome_state, c.wrap_until_ms, c.wrap_extended, c.direction, c.quality \
     FROM calls c JOIN phones n ON n.id = c.phone_id JOIN users u ON u.id = c.agent_id";

fn read(row: &AnyRow) -> CallRow {
    CallRow {
        id: row.get(0),
        court_id: row.get(1),
        task_id: row.get(2),
        work_order_id: row.get(3),
        phone_id: row.get(4),
        phone_masked: row.get(5),
        phone_source: row.get(6),
        agent_id: row.get(7),
        agent_name: row.get(8),
        staff_no: row.get(9),
        caller: row.get(10),
        state: row.get(11),
        created_ms: row.get(12),
        ringing_ms: row.get(13),
        early_ms: row.get(14),
        answered_ms: row.get(15),
        talk_from_ms: row.get(16),
        ended_ms: row.get(17),
        talk_ms: row.get(18),
        ended_by: row.get(19),
        technical_code: row.get(20),
        is_attempt: row.get::<i64, _>(21) == 1,
        recording_id: row.get(22),
        prompt_spans: row.get(23),
        language: row.get(24),
        script: row.get(25),
        recording_from_ms: row.get(26),
        marks: row.get(27),
        parting: row.get(28),
        end_reason: row.get(29),
        broken_consent: row.get::<i64, _>(30) == 1,
        resumed_from: row.get(31),
        outcome_state: row.get(32),
        wrap_until_ms: row.get(33),
        wrap_extended: row.get::<i64, _>(34) == 1,
        direction: row.get(35),
        quality: row.get(36),
    }
}

/// A call about to be placed.
#[derive(Debug)]
pub struct NewCall<'a> {
    /// Id.
    pub id: &'a str,
    /// Court.
    pub court: &'a str,
    /// Task.
    pub task: &'a str,
    /// Work order.
    pub work_order: &'a str,
    /// Number by id.
    pub phone: &'a str,
    /// Masked number, for the timeline.
    pub masked: &'a str,
    /// The court's number.
    pub caller: &'a str,
    /// Recording.
    pub recording: &'a str,
    /// Trunk over which it goes.
    pub trunk: &'a str,
    /// Language of the notice.
    pub language: &'a str,
    /// Script that the agent reads from.
    pub script: &'a str,
}

/// Writes the row of a call before it is placed. Fails on the unique keys when the agent
/// or the task has a live call.
pub async fn begin(tx: &mut Tx, clock: &Clock, by: &By<'_>, call: &NewCall<'_>) -> Result<(), DeskError> {
    let resumed_from = tasks::broken_call(tx, call.task).await?;
    sqlx::query(
        "INSERT INTO calls (id, court_id, task_id, work_order_id, phone_id, agent_id, caller, state, live_agent,
                            live_task, created_ms, talk_ms, ended_by, end_facts, technical_code, is_attempt,
                            recording_id, prompt_spans, quality, trunk_id, language, script, resumed_from)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'dialling', $6, $3, $8, 0, '', '{}', '', 0, $9, '[]', '{}', $10, $11,
                 $12, $13)",
    )
    .bind(call.id)
    .bind(call.court)
    .bind(call.task)
    .bind(call.work_order)
    .bind(call.phone)
    .bind(by.actor)
    .bind(call.caller)
    .bind(clock.now_ms())
    .bind(call.recording)
    .bind(call.trunk)
    .bind(call.language)
    .bind(call.script)
    .bind(resumed_from.as_deref())
    .execute(&mut *tx.conn())
    .await?;
    let way = Way { court: call.court, call: call.id, no: 0, trunk: call.trunk, caller: call.caller };
    legs::begin(tx, clock, &way).await?;
    let detail = json!({ "masked": call.masked, "caller": call.caller, "resumes": resumed_from });
    timeline::append(tx, clock, call.task, by, Kind::Dialled, call.id, &detail).await?;
    Ok(())
}

/// Notes a moment of a live call: `ringing_ms` or `early_ms`, the first time only.
pub async fn mark(db: &Db, call: &str, moment: &'static str, at_ms: i64) -> Result<(), DeskError> {
    let sql = format!(
        "UPDATE calls SET state = 'ringing', {moment} = COALESCE({moment}, $2) WHERE id = $1 AND live_task IS NOT NULL"
    );
    let mut tx = db.begin().await?;
    sqlx::query(sqlx::AssertSqlSafe(sql)).bind(call).bind(at_ms).execute(&mut *tx.conn()).await?;
    Ok(tx.commit().await?)
}

/// Notes when the recording began: all its offsets count from there.
pub async fn recording_began(db: &Db, call: &str, at_ms: i64) -> Result<(), DeskError> {
    let mut tx = db.begin().await?;
    sqlx::query("UPDATE calls SET recording_from_ms = $2 WHERE id = $1 AND recording_from_ms IS NULL")
        .bind(call)
        .bind(at_ms)
        .execute(&mut *tx.conn())
        .await?;
    Ok(tx.commit().await?)
}

/// Writes down what is known of a live call by now.
async fn keep_live(db: &Db, sql: &'static str, call: &str, value: &Value) -> Result<(), DeskError> {
    let mut tx = db.begin().await?;
    sqlx::query(sql).bind(call).bind(value.to_string()).execute(&mut *tx.conn()).await?;
    Ok(tx.commit().await?)
}

/// Notes what was said to the party of a live call, so that a kill leaves it known.
pub async fn said(db: &Db, call: &str, spans: &Value) -> Result<(), DeskError> {
    keep_live(db, "UPDATE calls SET prompt_spans = $2 WHERE id = $1 AND live_task IS NOT NULL", call, spans).await
}

/// Keeps the marks of a live call so far, for a kill leaves nothing else of them.
pub async fn marked(db: &Db, call: &str, marks: &Value) -> Result<(), DeskError> {
    keep_live(db, "UPDATE calls SET marks = $2 WHERE id = $1 AND live_task IS NOT NULL", call, marks).await
}

/// Keeps how well each leg of a live call was heard until then, for a kill leaves nothing else of it.
pub async fn measured(db: &Db, call: &str, quality: &Value) -> Result<(), DeskError> {
    keep_live(db, "UPDATE calls SET quality = $2 WHERE id = $1 AND live_task IS NOT NULL", call, quality).await
}

/// Notes that the party answered, or from when on the agent is heard.
pub async fn answered(db: &Db, call: &str, answered_ms: i64, talk_from_ms: Option<i64>) -> Result<(), DeskError> {
    let mut tx = db.begin().await?;
    sqlx::query(
        "UPDATE calls SET state = 'talking', answered_ms = COALESCE(answered_ms, $2),
                talk_from_ms = COALESCE(talk_from_ms, $3)
         WHERE id = $1 AND live_task IS NOT NULL",
    )
    .bind(call)
    .bind(answered_ms)
    .bind(talk_from_ms)
    .execute(&mut *tx.conn())
    .await?;
    Ok(tx.commit().await?)
}

/// How a call ended.
#[derive(Debug)]
pub struct Ending<'a> {
    /// When.
    pub ended_ms: i64,
    /// `agent`, `party` or `system`.
    pub by: &'a str,
    /// Talk, milliseconds.
    pub talk_ms: i64,
    /// What the line did.
    pub facts: &'a LineFacts,
    /// Technical code.
    pub technical: &'a str,
    /// By which rule it was found, with its version.
    pub rule: &'a str,
    /// Counts as an attempt.
    pub is_attempt: bool,
    /// When the party answered, in case the row does not say so yet.
    pub answered_ms: Option<i64>,
    /// Closed recording.
    pub recording: Option<&'a Manifest>,
    /// A part of the recording was lost (录音缺失).
    pub incomplete: bool,
    /// Prompt spans; null: those that were written down meanwhile stand.
    pub prompt_spans: Value,
    /// Quality of every leg; null: what was measured meanwhile stands, and says until when.
    pub quality: Value,
    /// What a listener must know; null: what was written down meanwhile stands, and what had not
    /// ended by then ends now.
    pub marks: Value,
    /// What the party was told at the end, or empty.
    pub parting: &'a str,
    /// The line went dead in the middle of the consent (E45).
    pub broken_consent: bool,
    /// What was said before the talk was read by nobody.
    pub unread: bool,
    /// Until when its outcome is to be saved, where there is a clock.
    pub wrap_until_ms: Option<i64>,
    /// Whether the carrier's leg is down for certain.
    pub leg: Leg,
}

/// The carrier's leg of a call that is written down as ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leg {
    /// It is down.
    Down,
    /// It may still be up: another run of the server left it.
    MayBeUp,
}

/// Closes a call: row, recording, transcript in waiting, timeline. Answers false when it
/// was closed already.
pub async fn end(tx: &mut Tx, clock: &Clock, call: &CallRow, ending: &Ending<'_>) -> Result<bool, DeskError> {
    let written = Written {
        marks: call.marks.clone(),
        prompt_spans: call.prompt_spans.clone(),
        quality: call.quality.clone(),
        recording_from_ms: call.recording_from_ms,
    };
    let (prompt_spans, marks, quality) =
        written.unless_known(&ending.prompt_spans, &ending.marks, &ending.quality, ending.ended_ms);
    let closed = sqlx::query(
        "UPDATE calls SET state = 'ended', live_agent = NULL, live_task = NULL, ended_ms = $2, ended_by = $3,
                talk_ms = $4, end_facts = $5, technical_code = $6, is_attempt = $7,
                answered_ms = COALESCE(answered_ms, $8), prompt_spans = $9, quality = $10, marks = $11, parting = $12,
                broken_consent = $13, wrap_until_ms = $14, cause_rule = $15, outcome_state = CASE WHEN $7 = 1 THEN 'due' ELSE '' END
         WHERE id = $1 AND live_task IS NOT NULL",
    )
    .bind(&call.id)
    .bind(ending.ended_ms)
    .bind(ending.by)
    .bind(ending.talk_ms)
    .bind(json!(ending.facts).to_string())
    .bind(ending.technical)
    .bind(i64::from(ending.is_attempt))
    .bind(ending.answered_ms)
    .bind(prompt_spans)
    .bind(quality)
    .bind(marks)
    .bind(ending.parting)
    .bind(i64::from(ending.broken_consent))
    .bind(ending.wrap_until_ms.filter(|_| ending.is_attempt))
    .bind(ending.rule)
    .execute(&mut *tx.conn())
    .await?;
    if closed.rows_affected() != 1 {
        return Ok(false);
    }
    let facts = ending.facts;
    let down = ending.leg == Leg::Down;
    legs::ended(tx, clock, &call.id, &WayEnd { status: facts.status, q850: facts.q850, cause: &facts.cause, down })
        .await?;
    let recording = ending.recording.filter(|_| call.recording_id.is_some());
    if let Some(manifest) = recording {
        recorded::enter(tx, clock, Owner::Call(&call.id), &call.court_id, manifest, ending.incomplete).await?;
    }
    let detail = json!({ "technical": ending.technical, "by": ending.by, "talk_ms": ending.talk_ms,
                         "attempt": ending.is_attempt, "recorded": recording.is_some() && !ending.incomplete,
                         "given_up_early": ending.facts.given_up_early(), "parting": ending.parting,
                         "broken_consent": ending.broken_consent });
    timeline::append(tx, clock, &call.task_id, &timeline::SYSTEM, Kind::CallEnded, &call.id, &detail).await?;
    Ok(true)
}

/// Calls that ended, were to be recorded, and have no recording in the books, newest first: a page of
/// those before this id, or of all. Most of them never had any sound.
pub async fn without_recording_row(db: &Db, before: Option<&str>) -> Result<Vec<CallRow>, DeskError> {
    let sql = format!(
        "SELECT {COLUMNS} LEFT JOIN recordings r ON r.call_id = c.id
         WHERE c.state = 'ended' AND c.recording_id IS NOT NULL AND r.id IS NULL
           AND (CAST($1 AS TEXT) IS NULL OR c.id < $1) ORDER BY c.id DESC LIMIT 500"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(before).fetch_all(db.read()).await?;
    Ok(rows.iter().map(read).collect())
}

/// One call of a court.
pub async fn find(db: &Db, court: &str, id: &str) -> Result<Option<CallRow>, DeskError> {
    let sql = format!("SELECT {COLUMNS} WHERE c.id = $1 AND c.court_id = $2");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).bind(court).fetch_optional(db.read()).await?;
    Ok(row.as_ref().map(read))
}

/// One call of a court as it is now; until the transaction is over nobody else changes it.
pub(crate) async fn locked(tx: &mut Tx, court: &str, id: &str) -> Result<Option<CallRow>, DeskError> {
    sqlx::query("UPDATE calls SET outcome_state = outcome_state WHERE id = $1 AND court_id = $2")
        .bind(id)
        .bind(court)
        .execute(&mut *tx.conn())
        .await?;
    let sql = format!("SELECT {COLUMNS} WHERE c.id = $1 AND c.court_id = $2");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).bind(court).fetch_optional(&mut *tx.conn()).await?;
    Ok(row.as_ref().map(read))
}

/// A call of this agent: one of somebody else is not there.
pub async fn own(db: &Db, actor: &Actor, id: &str) -> Result<CallRow, DeskError> {
    let row = find(db, &actor.court_id, id).await?.filter(|row| row.agent_id == actor.user_id);
    row.ok_or_else(|| ServiceError::NotFound { kind: "call" }.into())
}

/// Calls of a task, oldest first.
pub async fn of_task(db: &Db, task: &str) -> Result<Vec<CallRow>, DeskError> {
    let sql = format!("SELECT {COLUMNS} WHERE c.task_id = $1 ORDER BY c.created_ms, c.id");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(task).fetch_all(db.read()).await?;
    Ok(rows.iter().map(read).collect())
}

/// Calls that were live when the server went away.
pub async fn unfinished(db: &Db) -> Result<Vec<CallRow>, DeskError> {
    let sql = format!("SELECT {COLUMNS} WHERE c.live_task IS NOT NULL");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(db.read()).await?;
    Ok(rows.iter().map(read).collect())
}

/// The agent's ended call that still waits for its outcome.
pub async fn unsaved_of_agent(db: &Db, agent: &str, work_order: &str) -> Result<Option<CallRow>, DeskError> {
    let sql = format!(
        "SELECT {COLUMNS} WHERE c.agent_id = $1 AND c.work_order_id = $2 AND c.outcome_state = 'due' ORDER BY c.created_ms DESC LIMIT 1"
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(agent).bind(work_order).fetch_optional(db.read()).await?;
    Ok(row.as_ref().map(read))
}

/// Gives a call of this agent more time for its outcome, once; answers until when.
pub async fn extend_wrap_up(tx: &mut Tx, agent: &str, call: &str, by_ms: i64) -> Result<Option<i64>, DeskError> {
    let row = sqlx::query(
        "UPDATE calls SET wrap_until_ms = wrap_until_ms + $3, wrap_extended = 1
         WHERE id = $1 AND agent_id = $2 AND outcome_state = 'due' AND wrap_extended = 0 AND wrap_until_ms IS NOT NULL
         RETURNING wrap_until_ms",
    )
    .bind(call)
    .bind(agent)
    .bind(by_ms)
    .fetch_optional(&mut *tx.conn())
    .await?;
    Ok(row.map(|row| row.get(0)))
}
