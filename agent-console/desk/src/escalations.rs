//! Calls that an agent ended politely (E49): why, and what a judge must look at.
//!
//! A child on the line ends the call and nothing more: no judge is called, nothing is agreed.

use songda_service::timeline::{self, By, Kind};
use songda_store::{Clock, Db, Tx, new_id};
use sqlx::Row;

use crate::{DeskError, calls::CallRow};

/// Why a call was ended politely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Abuse.
    Abuse,
    /// Threats.
    Threat,
    /// Talk of self-harm.
    SelfHarm,
    /// A child is on the line.
    Child,
    /// Something else.
    Other,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 5] = [Self::Abuse, Self::Threat, Self::SelfHarm, Self::Child, Self::Other];

    /// The stored word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Abuse => "abuse",
            Self::Threat => "threat",
            Self::SelfHarm => "self_harm",
            Self::Child => "child",
            Self::Other => "other",
        }
    }

    /// The reason with this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.word() == word)
    }

    /// For people, in Chinese and in English.
    pub fn text(self) -> (&'static str, &'static str) {
        match self {
            Self::Abuse => ("辱骂", "Abuse"),
            Self::Threat => ("威胁", "Threat"),
            Self::SelfHarm => ("自伤自杀表示", "Talk of self-harm"),
            Self::Child => ("未成年人接听", "A child on the line"),
            Self::Other => ("其他", "Other"),
        }
    }

    /// Whether a judge must look at it.
    pub fn escalates(self) -> bool {
        self != Self::Child
    }
}

/// Something that a judge must look at.
#[derive(Debug, Clone)]
pub struct Escalation {
    /// Call.
    pub call_id: String,
    /// Why.
    pub reason: Reason,
    /// Agent's name.
    pub agent: String,
    /// Unix milliseconds.
    pub at_ms: i64,
}

/// Notes why the agent ends a call politely, once per call, and calls the judge where the
/// reason asks for it. Answers false when it was noted before.
pub async fn note(tx: &mut Tx, clock: &Clock, by: &By<'_>, call: &CallRow, reason: Reason) -> Result<bool, DeskError> {
    let noted = sqlx::query("UPDATE calls SET end_reason = $2 WHERE id = $1 AND end_reason = ''")
        .bind(&call.id)
        .bind(reason.word())
        .execute(&mut *tx.conn())
        .await?;
    if noted.rows_affected() != 1 {
        return Ok(false);
    }
    let detail = serde_json::json!({ "reason": reason.word() });
    timeline::append(tx, clock, &call.task_id, by, Kind::EndedPolitely, &call.id, &detail).await?;
    if reason.escalates() {
        sqlx::query(
            "INSERT INTO escalations (id, court_id, task_id, call_id, agent_id, reason, at_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(new_id())
        .bind(&call.court_id)
        .bind(&call.task_id)
        .bind(&call.id)
        .bind(by.actor)
        .bind(reason.word())
        .bind(clock.now_ms())
        .execute(&mut *tx.conn())
        .await?;
        timeline::append(tx, clock, &call.task_id, by, Kind::Escalated, &call.id, &detail).await?;
    }
    Ok(true)
}

/// What a judge must look at in a task, newest first.
pub async fn of_task(db: &Db, task: &str) -> Result<Vec<Escalation>, DeskError> {
    let rows = sqlx::query(
        "SELECT e.call_id, e.reason, u.name, e.at_ms FROM escalations e JOIN users u ON u.id = e.agent_id
         WHERE e.task_id = $1 ORDER BY e.at_ms DESC, e.id DESC",
    )
    .bind(task)
    .fetch_all(db.read())
    .await?;
    Ok(rows
        .iter()
        .map(|row| Escalation {
            call_id: row.get(0),
            reason: Reason::parse(&row.get::<String, _>(1)).unwrap_or(Reason::Other),
            agent: row.get(2),
            at_ms: row.get(3),
        })
        .collect())
}
