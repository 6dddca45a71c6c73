//! What happened in a task until now.

use serde::Deserialize;
use songda_people::courts::{self, Court};
use songda_service::{
    ServiceError,
    cases::{self, CaseRow, DocumentRow, OrderRow, PartyRow, Scope},
    tasks::{self, TaskRow},
};
use songda_store::Db;
use sqlx::{Row, any::AnyRow};

use super::{Result, TranscriptText, Transcripts};
use crate::PapersError;

/// Everything that a report tells of.
pub(super) struct Facts {
    pub(super) court: Court,
    pub(super) task: TaskRow,
    pub(super) case: CaseRow,
    pub(super) order: OrderRow,
    pub(super) party: PartyRow,
    pub(super) documents: Vec<DocumentRow>,
    /// Ended calls, oldest first; those whose outcome is not saved yet are left out.
    pub(super) calls: Vec<Call>,
}

/// One call.
pub(super) struct Call {
    pub(super) id: String,
    pub(super) created_ms: i64,
    pub(super) ringing_ms: Option<i64>,
    pub(super) answered_ms: Option<i64>,
    pub(super) ended_ms: i64,
    pub(super) talk_ms: i64,
    /// The party called.
    pub(super) came_in: bool,
    /// The court's number.
    pub(super) own: String,
    pub(super) technical: String,
    pub(super) prompts: Vec<Prompt>,
    /// The party's number, masked.
    pub(super) party: String,
    pub(super) source: String,
    pub(super) agent: String,
    pub(super) staff_no: String,
    /// Handed over while it lasted, oldest first.
    pub(super) handed: Vec<Handed>,
    pub(super) attempt: Option<Attempt>,
    pub(super) recording: Option<Recording>,
    pub(super) transcript: Option<TranscriptText>,
}

/// The party of a call went over to somebody else of the house.
pub(super) struct Handed {
    pub(super) at_ms: i64,
    pub(super) from: String,
    pub(super) from_no: String,
    pub(super) to_phone: bool,
    pub(super) to: String,
}

/// The outcome that made the call an attempt.
pub(super) struct Attempt {
    pub(super) id: String,
    pub(super) contact: String,
    pub(super) business: String,
    pub(super) heard_all: bool,
    pub(super) rule: String,
}

/// The recording of a call.
pub(super) struct Recording {
    pub(super) id: String,
    pub(super) state: String,
    pub(super) started_ms: i64,
    /// At 8,000 a second.
    pub(super) frames: i64,
    pub(super) bytes: i64,
    pub(super) sha256: String,
    pub(super) sm3: String,
    /// Places that were filled with silence, and those where late sound was left out.
    pub(super) gaps: Option<(usize, usize)>,
}

/// A prompt that was played to the party.
#[derive(Deserialize)]
pub(super) struct Prompt {
    /// Milliseconds of the recording.
    pub(super) from_ms: i64,
}

/// Gathers the facts of a task.
pub(super) async fn gather(db: &Db, transcripts: &dyn Transcripts, task: &str) -> Result<Facts> {
    let court = sqlx::query("SELECT court_id FROM tasks WHERE id = $1").bind(task).fetch_optional(db.read()).await?;
    let court: String = court.ok_or(ServiceError::NotFound { kind: "task" })?.get(0);
    let task = tasks::find(db, &court, task).await?;
    let mut calls = calls(db, &task.id).await?;
    for call in calls.iter_mut().filter(|call| call.recording.is_some()) {
        let text = transcripts.text(&call.id).await;
        call.transcript = text.map_err(|reason| PapersError::Transcript { call: call.id.clone(), reason })?;
    }
    Ok(Facts {
        court: courts::by_id(db, &court).await?.ok_or(ServiceError::NotFound { kind: "court" })?,
        case: cases::case(db, &court, Scope::Court, &task.case_id).await?,
        order: cases::order(db, &task.order_id).await?,
        party: cases::party(db, &task.party_id).await?,
        documents: cases::documents(db, &task.id).await?,
        calls,
        task,
    })
}

async fn calls(db: &Db, task: &str) -> Result<Vec<Call>> {
    let rows = sqlx::query(
        "SELECT c.id, c.created_ms, c.ringing_ms, c.answered_ms, c.ended_ms, c.talk_ms, c.caller, c.technical_code,
                c.prompt_spans, n.masked, n.source, u.name, u.staff_no,
                a.id, a.contact_code, a.business_code, a.heard_all, a.rule,
                r.id, r.state, r.started_ms, r.frames, r.bytes, r.sha256, r.sm3, r.gaps, c.direction
         FROM calls c JOIN phones n ON n.id = c.phone_id JOIN users u ON u.id = c.agent_id
              LEFT JOIN attempts a ON a.call_id = c.id LEFT JOIN recordings r ON r.call_id = c.id
         WHERE c.task_id = $1 AND c.state = 'ended' AND ((c.is_attempt = 0 AND c.direction = 'out') OR a.id IS NOT NULL)
         ORDER BY c.created_ms, c.id",
    )
    .bind(task)
    .fetch_all(db.read())
    .await?;
    let mut calls: Vec<Call> = rows.iter().map(call).collect();
    let rows = sqlx::query(
        "SELECT x.call_id, x.settled_ms, u.name, u.staff_no, x.to_kind, x.to_name
         FROM call_transfers x JOIN users u ON u.id = x.from_agent JOIN calls c ON c.id = x.call_id
         WHERE c.task_id = $1 AND x.state = 'done' ORDER BY x.settled_ms, x.id",
    )
    .bind(task)
    .fetch_all(db.read())
    .await?;
    for row in &rows {
        let of: String = row.get(0);
        if let Some(call) = calls.iter_mut().find(|call| call.id == of) {
            call.handed.push(Handed {
                at_ms: row.get(1),
                from: row.get(2),
                from_no: row.get(3),
                to_phone: row.get::<String, _>(4) == "phone",
                to: row.get(5),
            });
        }
    }
    Ok(calls)
}

fn call(row: &AnyRow) -> Call {
    let created_ms = row.get(1);
    Call {
        id: row.get(0),
        created_ms,
        ringing_ms: row.get(2),
        answered_ms: row.get(3),
        ended_ms: row.get::<Option<i64>, _>(4).unwrap_or(created_ms),
        talk_ms: row.get(5),
        came_in: row.get::<String, _>(26) == "in",
        own: row.get(6),
        technical: row.get(7),
        prompts: serde_json::from_str(&row.get::<String, _>(8)).unwrap_or_default(),
        party: row.get(9),
        source: row.get(10),
        agent: row.get(11),
        staff_no: row.get(12),
        handed: Vec::new(),
        attempt: row.get::<Option<String>, _>(13).map(|id| Attempt {
            id,
            contact: row.get(14),
            business: row.get(15),
            heard_all: row.get::<i64, _>(16) == 1,
            rule: row.get(17),
        }),
        recording: row.get::<Option<String>, _>(18).map(|id| Recording {
            id,
            state: row.get(19),
            started_ms: row.get(20),
            frames: row.get(21),
            bytes: row.get(22),
            sha256: row.get(23),
            sm3: row.get(24),
            gaps: interruptions(&row.get::<String, _>(25)),
        }),
        transcript: None,
    }
}

/// How many interruptions a list of holes tells of, and how many cuts; none where the list itself
/// was lost.
fn interruptions(gaps: &str) -> Option<(usize, usize)> {
    let gaps: Vec<serde_json::Value> = serde_json::from_str(gaps).unwrap_or_default();
    // Where the far end sent nothing, nothing is missing.
    let missing = gaps.iter().filter(|gap| gap["kind"] != "unsent" && gap["kind"] != "cut").count();
    let cuts = gaps.iter().filter(|gap| gap["kind"] == "cut").count();
    gaps.iter().all(|gap| gap["kind"] != "list_lost").then_some((missing, cuts))
}

impl Facts {
    /// The latest attempt, with its call.
    pub(super) fn latest(&self) -> Option<(&Call, &Attempt)> {
        self.calls.iter().rev().find_map(|call| Some((call, call.attempt.as_ref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::interruptions;

    #[test]
    fn holes_and_cuts_are_counted_apart_and_a_lost_list_tells_of_none() {
        let list = |kinds: &[&str]| {
            serde_json::json!(kinds.iter().map(|kind| serde_json::json!({ "kind": kind })).collect::<Vec<_>>())
                .to_string()
        };
        assert_eq!(interruptions(&list(&["lost", "cut", "unsent", "unlisted", "cut", "unknown"])), Some((3, 2)));
        assert_eq!(interruptions(&list(&["unsent"])), Some((0, 0)));
        assert_eq!(interruptions(&list(&["list_lost", "list_lost"])), None);
    }
}
