//! What judge, clerk and supervisor read. Opening a case or a task is written down.

use axum::{
    Json,
    extract::{Path, State},
};
use serde::Deserialize;
use serde_json::json;
use songda_desk::{
    escalations::{self, Escalation},
    outcomes::owed,
    seats::technical_words,
};
use songda_people::{Actor, Permission, users};
use songda_service::{
    ServiceError,
    cases::{self as read, CaseRow as Case, OrderRow as Order, Scope},
    outcomes as table,
    retention::removals_of,
    tasks::{self as queue, SERVED, TaskRow as Task},
    timeline::{self, Event},
};
use songda_store::{StoreError, alarms, clock::rfc3339};

use super::{Look, admin::alarm_row, calls, evidence::doubts_of, note, note_look, require};
use crate::{
    desk::Desk,
    house::House,
    input::Asked,
    problem::Problem,
    shapes::{
        AgentCall, AgentRow, Business, CaseDetail, CaseRow, Cases, Contact, Counts, Document, EscalationRow, Missing,
        Node, OrderRow, OutcomeField, OutcomeTable, Overview, Phone, ProblemBody, QueueCounts, TaskCase, TaskDetail,
        TaskEvent, TaskRow, Tasks, Words,
    },
    who::SignedIn,
};

const PAGE: i64 = 50;

/// A page of a list.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// Part of a case number or cause.
    q: Option<String>,
    /// Phase of tasks.
    phase: Option<String>,
    /// Where the page starts.
    cursor: Option<String>,
}

/// The court for who may see it, the own cases for everybody else.
pub(super) fn scope(actor: &Actor) -> Scope<'_> {
    if actor.may(Permission::CourtRead) { Scope::Court } else { Scope::Own(&actor.login) }
}

/// Another judge's case, and what hangs on it, is not there for this one (R2.4b).
pub(super) async fn own_case(house: &House, actor: &Actor, case: &str, kind: &str) -> Result<Case, Problem> {
    match read::case(&house.db, &actor.court_id, scope(actor), case).await {
        Ok(found) => Ok(found),
        Err(ServiceError::NotFound { .. }) => {
            note(house, actor, "case.open", ("case", case), "denied", json!({})).await?;
            Err(Problem::not_found(kind))
        }
        Err(error) => Err(error.into()),
    }
}

/// The outcome table (domain 2.4).
#[utoipa::path(get, path = "/api/v1/outcomes", tag = "desk",
    responses((status = 200, body = OutcomeTable), (status = 403, body = ProblemBody)))]
pub(super) async fn outcomes(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
) -> Result<Json<OutcomeTable>, Problem> {
    require(&house, &actor, Permission::OutcomesRead).await?;
    let table = table::catalogue().map_err(|error| StoreError::internal("reading the outcome table", error))?;
    let words = |code: &str, zh: &str, en: &str| Words { code: code.into(), zh: zh.into(), en: en.into() };
    Ok(Json(OutcomeTable {
        version: table.version,
        minimum_talk_ms: table.minimum_talk_ms,
        technical: table.technical.iter().map(|item| words(&item.code, &item.zh, &item.en)).collect(),
        contacts: table
            .contacts
            .iter()
            .map(|item| Contact { code: item.code.clone(), zh: item.zh.clone(), en: item.en.clone(), key: item.key })
            .collect(),
        businesses: table
            .businesses
            .iter()
            .map(|item| Business {
                code: item.code.clone(),
                zh: item.zh.clone(),
                en: item.en.clone(),
                key: item.key,
                next_zh: item.next_zh.clone(),
                next_en: item.next_en.clone(),
                contacts: item.contacts.clone(),
                heard_all: item.heard_all,
                fields: item
                    .fields
                    .iter()
                    .map(|field| OutcomeField {
                        id: field.id.clone(),
                        kind: field.kind.word(),
                        label_zh: field.label_zh.clone(),
                        label_en: field.label_en.clone(),
                        required: field.required,
                        write_only: field.write_only,
                        options: field.options.iter().map(|o| words(&o.code, &o.zh, &o.en)).collect(),
                    })
                    .collect(),
                one_of: item.one_of.clone(),
            })
            .collect(),
    }))
}

fn case_row(case: Case) -> CaseRow {
    CaseRow {
        id: case.id,
        number: case.number,
        cause: case.cause,
        kind: case.kind,
        dept: case.dept,
        judge_name: case.judge_name,
        hearing_at: case.hearing_ms.map(rfc3339),
        parties: case.parties,
        tasks: Counts { total: case.tasks, done: case.done },
        last_event_at: rfc3339(case.last_event_ms),
    }
}

pub(super) fn order_row(order: Order) -> OrderRow {
    OrderRow {
        id: order.id,
        source: order.source,
        order_no: order.order_no,
        revision: order.revision,
        state: order.state,
        link: order.link,
        order_kind: order.order_kind,
        finish_by: order.finish_by,
        urgency: order.urgency,
        gaps: order.gaps.into_iter().map(|gap| Missing { path: gap.path, said: gap.said.into() }).collect(),
        created_at: rfc3339(order.created_ms),
    }
}

fn task_row(task: Task) -> TaskRow {
    TaskRow {
        id: task.id,
        number: task.number,
        case_id: task.case_id,
        case_number: task.case_number,
        recipient: task.recipient,
        position: task.position,
        phase: task.phase,
        result: task.result,
        next_step: task.next_step,
        attempts: task.attempts,
        deadline: task.deadline,
        last_event_at: rfc3339(task.last_event_ms),
    }
}

/// The id after which the next page starts.
fn next<T>(items: &[T], id: impl Fn(&T) -> &str) -> Option<String> {
    (items.len() as i64 == PAGE).then(|| items.last().map(|item| id(item).to_owned())).flatten()
}

/// Cases: the own ones, or all of the court for who may see them.
#[utoipa::path(get, path = "/api/v1/cases", tag = "court", params(Page),
    responses((status = 200, body = Cases), (status = 403, body = ProblemBody)))]
pub(super) async fn cases(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Asked(page): Asked<Page>,
) -> Result<Json<Cases>, Problem> {
    require(&house, &actor, Permission::CaseRead).await?;
    let search = page.q.as_deref().filter(|text| !text.is_empty());
    let found = read::cases(&house.db, &actor.court_id, scope(&actor), search, page.cursor.as_deref(), PAGE).await?;
    let next_cursor = next(&found, |case| &case.id);
    note(&house, &actor, "case.list", ("court", &actor.court_id), "ok", json!({ "shown": found.len() })).await?;
    Ok(Json(Cases { items: found.into_iter().map(case_row).collect(), next_cursor }))
}

/// A case with its orders and tasks.
#[utoipa::path(get, path = "/api/v1/cases/{id}", tag = "court", params(("id" = String, Path)),
    responses((status = 200, body = CaseDetail), (status = 404, body = ProblemBody)))]
pub(super) async fn case(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
) -> Result<Json<CaseDetail>, Problem> {
    require(&house, &actor, Permission::CaseRead).await?;
    let case = own_case(&house, &actor, &id, "case").await?;
    let orders = read::orders_of_case(&house.db, &id).await?.into_iter().map(order_row).collect();
    let tasks = queue::list(&house.db, &actor.court_id, Some(&id), None, None, None, 1_000).await?;
    let doubts = doubts_of(&house, &actor.court_id, &id).await?;
    note(&house, &actor, "case.open", ("case", &id), "ok", json!({})).await?;
    Ok(Json(CaseDetail {
        id: case.id,
        number: case.number,
        cause: case.cause,
        kind: case.kind,
        procedure: case.procedure,
        dept: case.dept,
        judge_name: case.judge_name,
        hearing_at: case.hearing_ms.map(rfc3339),
        hearing_room: case.hearing_room,
        evidence_until: case.evidence_until,
        parties: case.parties,
        last_event_at: rfc3339(case.last_event_ms),
        orders,
        tasks: tasks.into_iter().map(task_row).collect(),
        doubts,
    }))
}

/// Tasks: of the own cases, or all of the court for who may see them.
#[utoipa::path(get, path = "/api/v1/tasks", tag = "court", params(Page),
    responses((status = 200, body = Tasks), (status = 403, body = ProblemBody)))]
pub(super) async fn tasks(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Asked(page): Asked<Page>,
) -> Result<Json<Tasks>, Problem> {
    require(&house, &actor, Permission::TaskRead).await?;
    let login = if actor.may(Permission::CourtRead) { None } else { Some(actor.login.as_str()) };
    let (phase, cursor) = (page.phase.as_deref().filter(|phase| !phase.is_empty()), page.cursor.as_deref());
    let found = queue::list(&house.db, &actor.court_id, None, login, phase, cursor, PAGE).await?;
    let next_cursor = next(&found, |task| &task.id);
    note(&house, &actor, "task.list", ("court", &actor.court_id), "ok", json!({ "shown": found.len() })).await?;
    Ok(Json(Tasks { items: found.into_iter().map(task_row).collect(), next_cursor }))
}

/// A task with everything that happened.
#[utoipa::path(get, path = "/api/v1/tasks/{id}", tag = "court", params(("id" = String, Path), Look),
    responses((status = 200, body = TaskDetail), (status = 404, body = ProblemBody)))]
pub(super) async fn task(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
    Asked(looked): Asked<Look>,
) -> Result<Json<TaskDetail>, Problem> {
    require(&house, &actor, Permission::TaskRead).await?;
    let task = queue::find(&house.db, &actor.court_id, &id).await?;
    let case = own_case(&house, &actor, &task.case_id, "task").await?;
    let order = read::order(&house.db, &task.order_id).await?;
    let party = read::party(&house.db, &task.party_id).await?;
    let phones = read::phones(&house.db, &task.party_id).await?;
    let documents = read::documents(&house.db, &id).await?;
    let events = timeline::list(&house.db, &id).await?;
    let gone = removals_of(&house.db, &task.case_id).await?;
    let reports = calls::reports_of(&house, &id, &gone).await?;
    let nodes = nodes(&order, &task, &events, reports.first());
    let clerk = users::list(&house.db, &actor.court_id).await?.into_iter().find(|user| user.login == case.clerk_login);
    let calls = calls::calls_of(&house, &id, &gone).await?;
    let attempts = calls::attempts_of(&house, &id).await?;
    let doubts = doubts_of(&house, &actor.court_id, &task.case_id).await?;
    note_look(&house, &actor, "task.open", ("task", &id), looked.is_again()).await?;
    Ok(Json(TaskDetail {
        result_rule: task.result_rule.clone(),
        result_at: task.result_ms.map(rfc3339),
        case: TaskCase {
            id: case.id,
            number: case.number,
            cause: case.cause,
            kind: case.kind,
            procedure: case.procedure,
            dept: case.dept,
            judge_name: case.judge_name,
            clerk: clerk.map(|user| user.name).unwrap_or_default(),
            hearing_at: case.hearing_ms.map(rfc3339),
            hearing_room: case.hearing_room,
        },
        order: order_row(order),
        recipient_kind: party.kind,
        id_masked: party.id_masked,
        id_state: party.id_state,
        nodes,
        phones: phones
            .into_iter()
            .map(|phone| Phone {
                phone_id: phone.id,
                masked: phone.masked,
                source: phone.source,
                label: phone.label,
                state: phone.state,
                last_result: phone.last_result,
            })
            .collect(),
        documents: documents
            .into_iter()
            .map(|document| Document {
                removal: calls::went(&gone, &document.object_id),
                id: document.id,
                name: document.name,
                class: document.class,
                pages: document.pages,
                copies: document.copies,
                sha256: document.sha256,
                sm3: document.sm3,
                state: document.state,
            })
            .collect(),
        calls,
        attempts,
        reports,
        events: events.iter().map(event_row).collect(),
        escalations: escalations::of_task(&house.db, &id).await?.into_iter().map(escalation_row).collect(),
        doubts,
        id: task.id,
        number: task.number,
        case_id: task.case_id,
        case_number: task.case_number,
        recipient: task.recipient,
        position: task.position,
        phase: task.phase,
        result: task.result,
        next_step: task.next_step,
        deadline: task.deadline,
        last_event_at: rfc3339(task.last_event_ms),
    }))
}

fn escalation_row(escalation: Escalation) -> EscalationRow {
    let (zh, en) = escalation.reason.text();
    EscalationRow {
        at: rfc3339(escalation.at_ms),
        reason: escalation.reason.word().to_owned(),
        reason_zh: zh.to_owned(),
        reason_en: en.to_owned(),
        agent: escalation.agent,
        call_id: escalation.call_id,
    }
}

fn event_row(event: &Event) -> TaskEvent {
    let (text_zh, text_en) =
        songda_desk::calls::history_text(event).unwrap_or_else(|| (event.kind.clone(), event.kind.clone()));
    let of_call = [
        "dialled",
        "transferred",
        "call_ended",
        "owed",
        "ended_politely",
        "escalated",
        "transcript",
        "transcript_edited",
    ];
    let is_call = of_call.contains(&event.kind.as_str());
    let object = (!event.object_id.is_empty()).then(|| event.object_id.clone());
    TaskEvent {
        seq: event.seq,
        at: rfc3339(event.at_ms),
        actor: event.actor_name.clone(),
        kind: event.kind.clone(),
        text_zh,
        text_en,
        call_id: object.clone().filter(|_| is_call),
        report_id: object.filter(|_| event.kind == "report"),
    }
}

/// The five steps that a court looks for (R2.4b).
fn nodes(order: &Order, task: &Task, events: &[Event], report: Option<&crate::shapes::ReportRow>) -> Vec<Node> {
    let first = |kind: &str| events.iter().filter(|event| event.kind == kind).map(|event| event.at_ms).min();
    let served =
        (task.phase == SERVED || task.result_ms.is_some()).then(|| task.result_ms.unwrap_or(task.last_event_ms));
    let returned = report.and_then(|report| report.delivered.as_ref()?.at.clone());
    let times = [
        ("pushed", Some(rfc3339(order.created_ms))),
        ("received", first("received").map(rfc3339)),
        ("calling", first("dialled").map(rfc3339)),
        ("served", served.map(rfc3339)),
        ("returned", returned),
    ];
    let current = times.iter().position(|(_, at)| at.is_none());
    times
        .into_iter()
        .enumerate()
        .map(|(place, (key, at))| Node {
            key,
            state: if at.is_some() {
                "done"
            } else if Some(place) == current {
                "now"
            } else {
                "todo"
            },
            at,
        })
        .collect()
}

/// Queue, agents and alarms.
#[utoipa::path(get, path = "/api/v1/overview", tag = "supervisor",
    responses((status = 200, body = Overview), (status = 403, body = ProblemBody)))]
pub(super) async fn overview(
    State(house): State<House>,
    State(desk): State<Option<Desk>>,
    SignedIn(actor): SignedIn,
) -> Result<Json<Overview>, Problem> {
    require(&house, &actor, Permission::OverviewRead).await?;
    let queue = queue::queue(&house.db, &house.clock, &actor.court_id).await?;
    let seats = match &desk {
        Some(desk) => desk.seats.views(&actor.court_id).await,
        None => Vec::new(),
    };
    let owed = owed::counts(&house.db, &actor.court_id).await?;
    let now = house.clock.now_ms();
    let mut agents: Vec<AgentRow> = seats
        .into_iter()
        .map(|seat| AgentRow {
            due_at: seat.due_ms.map(rfc3339),
            overrun: seat.due_ms.is_some_and(|due| due < now),
            away_until_at: seat.away_until_ms.map(rfc3339),
            quality: seat.quality.map(Into::into),
            owed: owed.iter().find(|(agent, _)| *agent == seat.user_id).map_or(0, |(_, count)| *count),
            name: seat.name,
            staff_no: seat.staff_no,
            state: seat.state.word(),
            since_at: rfc3339(seat.since_ms),
            call: seat.call.map(|call| {
                let (supervision, supervisor) =
                    call.supervised.map_or((None, None), |(what, by)| (Some(what), Some(by)));
                let (call_id, since_at) = (call.call_id, rfc3339(call.since_ms));
                AgentCall { call_id, since_at, answered: call.answered, supervision, supervisor }
            }),
        })
        .collect();
    agents.sort_by(|a, b| a.staff_no.cmp(&b.staff_no));
    Ok(Json(Overview {
        at: rfc3339(now),
        queue: QueueCounts {
            ready: queue.ready,
            later: queue.later,
            calling: queue.calling,
            to_fix: queue.to_fix,
            next_at: queue.next_ms.map(rfc3339),
        },
        agents,
        alarms: alarms::open_for(&house.db, &actor.court_id).await?.into_iter().map(alarm_row).collect(),
    }))
}

/// Words of a technical code.
pub(super) fn technical(code: &str) -> Option<Words> {
    if code.is_empty() {
        return None;
    }
    let words = technical_words(code);
    let word = |key: &str| words.get(key).and_then(|value| value.as_str()).unwrap_or(code).to_owned();
    Some(Words { code: code.to_owned(), zh: word("zh"), en: word("en") })
}
