//! Cases, tasks and the outcome table.

use serde::Serialize;
use songda_calls::{Moment, Moments};
use utoipa::ToSchema;

use super::{AlarmRow, CallRow, DoubtView, RemovalView, ReportRow, Said, Words};

/// What is missing in an order.
#[derive(Serialize, ToSchema)]
pub(crate) struct Missing {
    /// JSON path in the message.
    pub(crate) path: String,
    pub(crate) said: Said,
}

/// How many tasks, and how many are done.
#[derive(Serialize, ToSchema)]
pub(crate) struct Counts {
    pub(crate) total: i64,
    pub(crate) done: i64,
}

/// A case in a list.
#[derive(Serialize, ToSchema)]
pub(crate) struct CaseRow {
    pub(crate) id: String,
    pub(crate) number: String,
    pub(crate) cause: String,
    pub(crate) kind: String,
    pub(crate) dept: String,
    pub(crate) judge_name: String,
    pub(crate) hearing_at: Option<String>,
    pub(crate) parties: i64,
    pub(crate) tasks: Counts,
    pub(crate) last_event_at: String,
}

/// A page of cases.
#[derive(Serialize, ToSchema)]
pub(crate) struct Cases {
    pub(crate) items: Vec<CaseRow>,
    pub(crate) next_cursor: Option<String>,
}

/// A case with its orders and tasks.
#[derive(Serialize, ToSchema)]
pub(crate) struct CaseDetail {
    pub(crate) id: String,
    pub(crate) number: String,
    pub(crate) cause: String,
    pub(crate) kind: String,
    pub(crate) procedure: String,
    pub(crate) dept: String,
    pub(crate) judge_name: String,
    pub(crate) hearing_at: Option<String>,
    pub(crate) hearing_room: String,
    pub(crate) evidence_until: String,
    pub(crate) parties: i64,
    pub(crate) last_event_at: String,
    pub(crate) orders: Vec<OrderRow>,
    pub(crate) tasks: Vec<TaskRow>,
    /// What of its evidence is 待核查.
    pub(crate) doubts: Vec<DoubtView>,
}

/// An order of a case system.
#[derive(Serialize, ToSchema)]
pub(crate) struct OrderRow {
    pub(crate) id: String,
    pub(crate) source: String,
    pub(crate) order_no: String,
    pub(crate) revision: i64,
    pub(crate) state: String,
    pub(crate) link: String,
    pub(crate) order_kind: String,
    pub(crate) finish_by: String,
    pub(crate) urgency: String,
    pub(crate) gaps: Vec<Missing>,
    pub(crate) created_at: String,
}

/// Orders that wait for correction (待补正).
#[derive(Serialize, ToSchema)]
pub(crate) struct Orders {
    pub(crate) items: Vec<OrderRow>,
}

/// A task in a list.
#[derive(Serialize, ToSchema)]
pub(crate) struct TaskRow {
    pub(crate) id: String,
    pub(crate) number: String,
    pub(crate) case_id: String,
    pub(crate) case_number: String,
    pub(crate) recipient: String,
    pub(crate) position: String,
    pub(crate) phase: String,
    pub(crate) result: String,
    pub(crate) next_step: String,
    /// How many calls counted.
    pub(crate) attempts: i64,
    pub(crate) deadline: String,
    pub(crate) last_event_at: String,
}

/// A page of tasks.
#[derive(Serialize, ToSchema)]
pub(crate) struct Tasks {
    pub(crate) items: Vec<TaskRow>,
    pub(crate) next_cursor: Option<String>,
}

/// The case of a task.
#[derive(Serialize, ToSchema)]
pub(crate) struct TaskCase {
    pub(crate) id: String,
    pub(crate) number: String,
    pub(crate) cause: String,
    pub(crate) kind: String,
    pub(crate) procedure: String,
    pub(crate) dept: String,
    pub(crate) judge_name: String,
    pub(crate) clerk: String,
    pub(crate) hearing_at: Option<String>,
    pub(crate) hearing_room: String,
}

/// A step of the way (R2.4b).
#[derive(Serialize, ToSchema)]
pub(crate) struct Node {
    /// `pushed`, `received`, `calling`, `served` or `returned`.
    pub(crate) key: &'static str,
    pub(crate) at: Option<String>,
    /// `done`, `now` or `todo`.
    pub(crate) state: &'static str,
}

/// A number of the party, masked.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the field is called phone_id wherever a number is meant and not shown")]
pub(crate) struct Phone {
    pub(crate) phone_id: String,
    pub(crate) masked: String,
    pub(crate) source: String,
    pub(crate) label: String,
    pub(crate) state: String,
    pub(crate) last_result: String,
}

/// A document to be served.
#[derive(Serialize, ToSchema)]
pub(crate) struct Document {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) class: String,
    pub(crate) pages: i64,
    pub(crate) copies: i64,
    pub(crate) sha256: String,
    pub(crate) sm3: String,
    pub(crate) state: String,
    /// How its file went, when it is there no more.
    pub(crate) removal: Option<RemovalView>,
}

/// A call that counted.
#[derive(Serialize, ToSchema)]
pub(crate) struct Attempt {
    pub(crate) no: i64,
    pub(crate) call_id: String,
    pub(crate) at: String,
    pub(crate) technical: String,
    pub(crate) contact: String,
    pub(crate) business: String,
    pub(crate) heard_all: bool,
    pub(crate) agent: String,
    pub(crate) note: String,
    /// What the outcome asked for.
    pub(crate) fields: Vec<AttemptField>,
}

/// A field of an outcome, as far as it may be shown.
#[derive(Serialize, ToSchema)]
pub(crate) struct AttemptField {
    pub(crate) id: String,
    pub(crate) label_zh: String,
    pub(crate) label_en: String,
    /// Numbers and addresses by their mask, choices in words.
    pub(crate) text_zh: String,
    pub(crate) text_en: String,
}

/// Something that the judge must look at.
#[derive(Serialize, ToSchema)]
pub(crate) struct EscalationRow {
    pub(crate) at: String,
    /// `abuse`, `threat`, `self_harm` or `other`.
    pub(crate) reason: String,
    pub(crate) reason_zh: String,
    pub(crate) reason_en: String,
    pub(crate) agent: String,
    pub(crate) call_id: String,
}

/// An event of the timeline, which is never changed.
#[derive(Serialize, ToSchema)]
pub(crate) struct TaskEvent {
    pub(crate) seq: i64,
    pub(crate) at: String,
    pub(crate) actor: String,
    pub(crate) kind: String,
    pub(crate) text_zh: String,
    pub(crate) text_en: String,
    pub(crate) call_id: Option<String>,
    pub(crate) report_id: Option<String>,
}

/// A task with everything that happened.
#[derive(Serialize, ToSchema)]
pub(crate) struct TaskDetail {
    pub(crate) id: String,
    pub(crate) number: String,
    pub(crate) case_id: String,
    pub(crate) case_number: String,
    pub(crate) recipient: String,
    pub(crate) position: String,
    pub(crate) phase: String,
    pub(crate) result: String,
    pub(crate) result_rule: String,
    pub(crate) result_at: Option<String>,
    pub(crate) next_step: String,
    pub(crate) deadline: String,
    pub(crate) last_event_at: String,
    pub(crate) case: TaskCase,
    pub(crate) order: OrderRow,
    pub(crate) recipient_kind: String,
    pub(crate) id_masked: String,
    pub(crate) id_state: String,
    pub(crate) nodes: Vec<Node>,
    pub(crate) phones: Vec<Phone>,
    pub(crate) documents: Vec<Document>,
    pub(crate) calls: Vec<CallRow>,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) reports: Vec<ReportRow>,
    pub(crate) events: Vec<TaskEvent>,
    /// Newest first.
    pub(crate) escalations: Vec<EscalationRow>,
    /// What of the evidence of its case is 待核查.
    pub(crate) doubts: Vec<DoubtView>,
}

/// The outcome table of domain 2.4.
#[derive(Serialize, ToSchema)]
pub(crate) struct OutcomeTable {
    pub(crate) version: u32,
    /// Talk without which 已清楚、完整听取 cannot be said.
    pub(crate) minimum_talk_ms: i64,
    pub(crate) technical: Vec<Words>,
    pub(crate) contacts: Vec<Contact>,
    pub(crate) businesses: Vec<Business>,
}

/// Who spoke.
#[derive(Serialize, ToSchema)]
pub(crate) struct Contact {
    pub(crate) code: String,
    pub(crate) zh: String,
    pub(crate) en: String,
    pub(crate) key: Option<u8>,
}

/// What was agreed.
#[derive(Serialize, ToSchema)]
pub(crate) struct Business {
    pub(crate) code: String,
    pub(crate) zh: String,
    pub(crate) en: String,
    pub(crate) key: Option<u8>,
    pub(crate) next_zh: String,
    pub(crate) next_en: String,
    /// Contacts with whom this may be agreed; empty means any.
    pub(crate) contacts: Vec<String>,
    /// Needs 已清楚、完整听取.
    pub(crate) heard_all: bool,
    /// What it asks for besides its code.
    pub(crate) fields: Vec<OutcomeField>,
    /// Groups of fields of which one is enough.
    pub(crate) one_of: Vec<Vec<String>>,
}

/// What an outcome asks for besides its code.
#[derive(Serialize, ToSchema)]
pub(crate) struct OutcomeField {
    pub(crate) id: String,
    /// `mobile`, `phone`, `email`, `address`, `date`, `datetime`, `text` or `choice`.
    pub(crate) kind: &'static str,
    pub(crate) label_zh: String,
    pub(crate) label_en: String,
    pub(crate) required: bool,
    /// Comes back only as its mask.
    pub(crate) write_only: bool,
    /// The answers to a choice.
    pub(crate) options: Vec<Words>,
}

/// The call queue.
#[derive(Serialize, ToSchema)]
pub(crate) struct QueueCounts {
    pub(crate) ready: i64,
    pub(crate) later: i64,
    pub(crate) calling: i64,
    pub(crate) to_fix: i64,
    pub(crate) next_at: Option<String>,
}

/// How well every leg of a live call was heard in the last five seconds.
#[derive(Serialize, ToSchema)]
pub(crate) struct CallQuality {
    /// What the party hears of the agent; none before anything came.
    pub(crate) agent: Option<LegQuality>,
    /// What the agent hears of the party.
    pub(crate) party: Option<LegQuality>,
    /// What is heard of the colleague or desk phone that the call is passed on to, or that is in it.
    pub(crate) target: Option<LegQuality>,
    /// What is heard of the supervisor, or what he hears while he only listens.
    pub(crate) supervisor: Option<LegQuality>,
}

/// One leg of a call in the last five seconds.
#[derive(Serialize, ToSchema)]
pub(crate) struct LegQuality {
    /// Opinion by the E-model (ITU-T G.107), 1 to 4.5.
    pub(crate) mos: f64,
    /// Share of the packets that were lost or late, 0 to 1.
    pub(crate) loss: f64,
    /// Jitter, milliseconds.
    pub(crate) jitter_ms: f64,
    /// Round-trip time, milliseconds; none before the other end has reported.
    pub(crate) rtt_ms: Option<f64>,
}

impl From<Moments> for CallQuality {
    fn from(moments: Moments) -> Self {
        let leg = |Moment { mos, loss, jitter_ms, rtt_ms }| LegQuality { mos, loss, jitter_ms, rtt_ms };
        let Moments { agent, party, target, supervisor } = moments;
        Self { agent: agent.map(leg), party: party.map(leg), target: target.map(leg), supervisor: supervisor.map(leg) }
    }
}

/// An agent at work.
#[derive(Serialize, ToSchema)]
pub(crate) struct AgentRow {
    pub(crate) name: String,
    pub(crate) staff_no: String,
    pub(crate) state: &'static str,
    pub(crate) since_at: String,
    /// When the time after the call should be over.
    pub(crate) due_at: Option<String>,
    /// It is over, and the agent is still at it.
    pub(crate) overrun: bool,
    /// The agent's sound is gone from a live call: when it is given up.
    pub(crate) away_until_at: Option<String>,
    /// How well every leg of a live call was heard in the last five seconds.
    pub(crate) quality: Option<CallQuality>,
    /// Outcomes that the agent owes (待补录).
    pub(crate) owed: i64,
    /// The call on his line.
    pub(crate) call: Option<AgentCall>,
}

/// A live call of an agent.
#[derive(Serialize, ToSchema)]
pub(crate) struct AgentCall {
    pub(crate) call_id: String,
    /// From where its clock runs, here and on the agent's page: the first moment of talk, and the click
    /// until then.
    pub(crate) since_at: String,
    /// The party answered: it may be supervised.
    pub(crate) answered: bool,
    /// What a supervisor does in it: `listen`, `whisper` or `barge`.
    pub(crate) supervision: Option<&'static str>,
    /// His name.
    pub(crate) supervisor: Option<String>,
}

/// Queue, agents and alarms.
#[derive(Serialize, ToSchema)]
pub(crate) struct Overview {
    /// The server's time, by which all these times are to be read.
    pub(crate) at: String,
    pub(crate) queue: QueueCounts,
    pub(crate) agents: Vec<AgentRow>,
    pub(crate) alarms: Vec<AlarmRow>,
}
