//! What judge, clerk and supervisor read. Opening a case or a task is written down.

use axum::{
    Json,
    extract::{Path, Query, State},
};
use serde::Deserialize;
use serde_json::{Value, json};
use songda_people::{Actor, Permission};
use songda_service::{
    cases::{self as read, CaseRow, Scope},
    outcomes as table,
    tasks::{self as queue, TaskRow},
    timeline,
};
use songda_store::{alarms, clock::rfc3339};

use super::{note, require};
use crate::{house::House, problem::Problem, who::SignedIn};

const PAGE: i64 = 50;

/// A page of a list.
#[derive(Deserialize)]
pub(super) struct Page {
    q: Option<String>,
    phase: Option<String>,
    cursor: Option<String>,
}

/// The court for who may see it, the own cases for everybody else.
fn scope(actor: &Actor) -> Scope<'_> {
    if actor.may(Permission::CourtRead) { Scope::Court } else { Scope::Own(&actor.login) }
}

/// `GET /api/v1/outcomes`
pub(super) async fn outcomes(State(house): State<House>, SignedIn(actor): SignedIn) -> Result<Json<Value>, Problem> {
    require(&house, &actor, Permission::OutcomesRead).await?;
    let table =
        table::catalogue().map_err(|error| songda_store::StoreError::internal("reading the outcome table", error))?;
    Ok(Json(json!({ "version": table.version, "minimum_talk_ms": table.minimum_talk_ms, "technical": table.technical,
                    "contacts": table.contacts, "businesses": table.businesses })))
}

fn case_json(case: &CaseRow) -> Value {
    json!({ "id": case.id, "number": case.number, "cause": case.cause, "kind": case.kind, "procedure": case.procedure,
            "dept": case.dept, "judge_name": case.judge_name, "hearing_at": case.hearing_ms.map(rfc3339),
            "hearing_room": case.hearing_room, "evidence_until": case.evidence_until, "parties": case.parties,
            "tasks": { "total": case.tasks, "done": case.done }, "last_event_at": rfc3339(case.last_event_ms) })
}

fn task_json(task: &TaskRow) -> Value {
    json!({ "id": task.id, "number": task.number, "case_id": task.case_id, "case_number": task.case_number,
            "recipient": task.recipient, "position": task.position, "phase": task.phase, "result": task.result,
            "result_rule": task.result_rule, "result_at": task.result_ms.map(rfc3339), "next_step": task.next_step,
            "priority": task.priority, "attempts": task.attempts, "deadline": task.deadline,
            "last_event_at": rfc3339(task.last_event_ms) })
}

/// The id after which the next page starts.
fn next<T>(items: &[T], id: impl Fn(&T) -> &str) -> Option<String> {
    (items.len() as i64 == PAGE).then(|| items.last().map(|item| id(item).to_owned())).flatten()
}

/// `GET /api/v1/cases`
pub(super) async fn cases(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Query(page): Query<Page>,
) -> Result<Json<Value>, Problem> {
    require(&house, &actor, Permission::CaseRead).await?;
    let search = page.q.as_deref().filter(|text| !text.is_empty());
    let found = read::cases(&house.db, &actor.court_id, scope(&actor), search, page.cursor.as_deref(), PAGE).await?;
    let items: Vec<Value> = found.iter().map(case_json).collect();
    Ok(Json(json!({ "items": items, "next_cursor": next(&found, |case| &case.id) })))
}

/// `GET /api/v1/cases/{id}`
pub(super) async fn case(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    require(&house, &actor, Permission::CaseRead).await?;
    let case = read::case(&house.db, &actor.court_id, scope(&actor), &id).await?;
    let orders: Vec<Value> = read::orders_of_case(&house.db, &id)
        .await?
        .into_iter()
        .map(|order| {
            json!({ "id": order.id, "order_no": order.order_no, "revision": order.revision, "state": order.state,
                    "link": order.link, "order_kind": order.order_kind, "finish_by": order.finish_by,
                    "urgency": order.urgency, "gaps": order.gaps, "created_at": rfc3339(order.created_ms) })
        })
        .collect();
    let tasks = queue::list(&house.db, &actor.court_id, Some(&id), None, None, None, 1_000).await?;
    note(&house, &actor, "case.open", ("case", &id), "ok", json!({})).await?;
    let mut body = case_json(&case);
    body["orders"] = json!(orders);
    body["tasks_list"] = json!(tasks.iter().map(task_json).collect::<Vec<_>>());
    Ok(Json(body))
}

/// `GET /api/v1/tasks`
pub(super) async fn tasks(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Query(page): Query<Page>,
) -> Result<Json<Value>, Problem> {
    require(&house, &actor, Permission::TaskRead).await?;
    let login = if actor.may(Permission::CourtRead) { None } else { Some(actor.login.as_str()) };
    let (phase, cursor) = (page.phase.as_deref(), page.cursor.as_deref());
    let found = queue::list(&house.db, &actor.court_id, None, login, phase, cursor, PAGE).await?;
    let items: Vec<Value> = found.iter().map(task_json).collect();
    Ok(Json(json!({ "items": items, "next_cursor": next(&found, |task| &task.id) })))
}

/// `GET /api/v1/tasks/{id}`
pub(super) async fn task(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    require(&house, &actor, Permission::TaskRead).await?;
    let task = queue::find(&house.db, &actor.court_id, &id).await?;
    // Another judge's task is not there for this one (R2.4b).
    let case = read::case(&house.db, &actor.court_id, scope(&actor), &task.case_id)
        .await
        .map_err(|_| Problem::not_found("task"))?;
    let party = read::party(&house.db, &task.party_id).await?;
    let phones: Vec<Value> = read::phones(&house.db, &task.party_id)
        .await?
        .into_iter()
        .map(|phone| {
            json!({ "phone_id": phone.id, "masked": phone.masked, "source": phone.source, "label": phone.label,
                    "state": phone.state, "last_result": phone.last_result })
        })
        .collect();
    let documents: Vec<Value> = read::documents(&house.db, &id)
        .await?
        .into_iter()
        .map(|document| {
            json!({ "id": document.id, "name": document.name, "class": document.class, "pages": document.pages,
                    "copies": document.copies, "sha256": document.sha256, "sm3": document.sm3, "state": document.state })
        })
        .collect();
    let events: Vec<Value> = timeline::list(&house.db, &id)
        .await?
        .into_iter()
        .map(|event| {
            json!({ "seq": event.seq, "at": rfc3339(event.at_ms), "actor": event.actor_name, "kind": event.kind,
                    "object_id": event.object_id, "detail": event.detail })
        })
        .collect();
    note(&house, &actor, "task.open", ("task", &id), "ok", json!({})).await?;
    let mut body = task_json(&task);
    body["case"] = case_json(&case);
    body["recipient_kind"] = json!(party.kind);
    body["id_masked"] = json!(party.id_masked);
    body["id_state"] = json!(party.id_state);
    body["phones"] = json!(phones);
    body["documents"] = json!(documents);
    body["events"] = json!(events);
    Ok(Json(body))
}

/// `GET /api/v1/overview`
pub(super) async fn overview(State(house): State<House>, SignedIn(actor): SignedIn) -> Result<Json<Value>, Problem> {
    require(&house, &actor, Permission::OverviewRead).await?;
    let queue = queue::queue(&house.db, &house.clock, &actor.court_id).await?;
    let open = alarms::open(&house.db).await?.len();
    Ok(Json(json!({ "queue": { "ready": queue.ready, "later": queue.later, "calling": queue.calling,
                               "to_fix": queue.to_fix, "next_at": queue.next_ms.map(rfc3339) }, "alarms": open })))
}
