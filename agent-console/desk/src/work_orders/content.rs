//! What stands in a work order. Nothing here opens a sealed column.

use serde_json::{Value, json};
use songda_people::Actor;
use songda_service::{cases, tasks, timeline};
use songda_store::{Db, clock};

use super::WorkOrder;
use crate::{DeskError, calls, checklist};

/// The plain work order: names, case, documents, masked numbers, history and script.
pub async fn content(db: &Db, agent: &Actor, court_name: &str, order: &WorkOrder) -> Result<Value, DeskError> {
    let task = tasks::find(db, &agent.court_id, &order.task_id).await?;
    let case = cases::case(db, &agent.court_id, cases::Scope::Court, &task.case_id).await?;
    let court_order = cases::order(db, &task.order_id).await?;
    let party = cases::party(db, &task.party_id).await?;
    let others: Vec<Value> = cases::other_parties(db, &task.case_id, &task.party_id)
        .await?
        .into_iter()
        .map(|(position, name)| json!({ "position": position, "name": name }))
        .collect();
    let phones: Vec<Value> = cases::phones(db, &task.party_id)
        .await?
        .into_iter()
        .map(|phone| {
            let dialable = phone.state == "有效";
            json!({ "phone_id": phone.id, "masked": phone.masked, "source": phone.source, "label": phone.label,
                    "state": phone.state, "last_result": phone.last_result, "dialable": dialable,
                    "why_not": if dialable { "" } else { "phone.dead" } })
        })
        .collect();
    let documents: Vec<Value> = cases::documents(db, &task.id)
        .await?
        .into_iter()
        .map(|document| json!({ "name": document.name, "class": document.class, "pages": document.pages, "copies": document.copies }))
        .collect();
    let history: Vec<Value> = timeline::list(db, &task.id)
        .await?
        .iter()
        .rev()
        .filter_map(|event| {
            let (zh, en) = calls::history_text(event)?;
            Some(json!({ "at": clock::rfc3339(event.at_ms), "text_zh": zh, "text_en": en }))
        })
        .take(20)
        .collect();
    let script = checklist::script_for(&court_order.order_kind);
    // What was said in a call that was cut off need not be said again from its beginning.
    let resumed_from = match &task.resume_call {
        Some(call) => {
            let ticks: Vec<Value> = checklist::ticks(db, call)
                .await?
                .iter()
                .map(|tick| json!({ "step": tick.step, "at": clock::rfc3339(tick.at_ms), "offset_ms": tick.offset_ms }))
                .collect();
            json!({ "call_id": call, "ticks": ticks })
        }
        None => Value::Null,
    };
    Ok(json!({
        "v": 1,
        "work_order": order.id,
        "task_id": task.id,
        "task_number": task.number,
        "phase": task.phase,
        "next_step": task.next_step,
        "order_no": court_order.order_no,
        "link": court_order.link,
        "order_kind": court_order.order_kind,
        "finish_by": court_order.finish_by,
        "urgency": court_order.urgency,
        "court": { "name": court_name },
        "agent": { "name": agent.name, "staff_no": agent.staff_no },
        "case": { "number": case.number, "cause": case.cause, "kind": case.kind, "procedure": case.procedure,
                  "dept": case.dept, "judge_name": case.judge_name,
                  "hearing_at": case.hearing_ms.map(clock::rfc3339), "hearing_room": case.hearing_room,
                  "evidence_until": case.evidence_until },
        "recipient": { "name": party.name, "position": party.position, "kind": party.kind,
                       "id_masked": party.id_masked, "language": "" },
        "others": others,
        "phones": phones,
        "documents": documents,
        "history": history,
        "script_id": script.id,
        "script": script.steps,
        "resumed_from": resumed_from,
        "attempts": task.attempts,
    }))
}
