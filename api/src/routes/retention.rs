//! How long evidence is kept, legal holds, and deletions that two persons decide.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde_json::{Value, json};
use songda_people::{Actor, Permission};
use songda_service::{
    evidence::Signed,
    retention::{self as keeping, Class, Decision, HoldRow, ItemRow, Kept, Plan, Policy, RequestRow},
};
use songda_store::{StoreError, clock::rfc3339};

use super::{Look, court::own_case, note, note_look, require};
use crate::{
    house::House,
    input::{Asked, JsonBody},
    problem::Problem,
    shapes::{
        Amount, Arisen, CertificateView, ClassView, EndDecision, EndingView, HoldView, HoldsView, PolicyView,
        ProblemBody, Retention, RetentionDecision, RetentionItem, RetentionPlan, RetentionRequest,
        RetentionRequestDetail, WantedDeletion, WantedEnd, WantedPolicy, Why,
    },
    who::SignedIn,
};

fn policy_view(policy: &Policy) -> PolicyView {
    let class =
        |class: Class| ClassView { code: class.code(), days: policy.days(class), least_days: class.least_days() };
    PolicyView {
        version: policy.version,
        valid_from: (policy.version > 0).then(|| rfc3339(policy.valid_from_ms)),
        asked_by: policy.asked_by.clone(),
        approved_by: policy.approved_by.clone(),
        classes: Class::ALL.into_iter().map(class).collect(),
    }
}

fn hold_view(hold: HoldRow) -> HoldView {
    HoldView {
        id: hold.id,
        case_id: hold.case_id,
        case_number: hold.case_number,
        reason: hold.reason,
        set_by: hold.set_by,
        set_at: rfc3339(hold.set_ms),
        lifted_by: hold.lifted_by,
        lifted_at: hold.lifted_ms.map(rfc3339),
        lift_reason: hold.lift_reason,
    }
}

fn request_view(actor: &Actor, row: RequestRow) -> RetentionRequest {
    RetentionRequest {
        own: row.asked_by == actor.user_id,
        id: row.id,
        kind: row.kind,
        body: row.body.clone(),
        policy_version: row.policy_version,
        state: row.state,
        asked_by: row.asked_name,
        asked_at: rfc3339(row.asked_ms),
        decided_by: row.decided_name,
        decided_at: row.decided_ms.map(rfc3339),
        reason: row.reason,
        refused: row.refused.map(Into::into),
        asked_because: row.body["reason"].as_str().unwrap_or_default().to_owned(),
        done_at: row.done_ms.map(rfc3339),
        certificate: row.certificate,
        ending: row.ending.map(|ending| EndingView {
            own: ending.by == actor.user_id,
            by: ending.name,
            at: rfc3339(ending.at_ms),
            reason: ending.reason,
            agreed: ending.agreed,
        }),
    }
}

fn item_view(item: ItemRow) -> RetentionItem {
    RetentionItem {
        file: item.file_id,
        class: item.class,
        kind: item.kind,
        case_number: item.case_number,
        task_number: item.task_number,
        bytes: item.size,
        returned_at: None,
        due_at: rfc3339(item.due_ms),
        state: item.state,
        why: item.why,
    }
}

fn amount(kept: Kept) -> Amount {
    Amount { files: kept.files, bytes: kept.bytes }
}

fn plan_view(plan: &Plan) -> RetentionPlan {
    let item = |item: &keeping::Planned| RetentionItem {
        file: item.file.id.clone(),
        class: item.class.code().to_owned(),
        kind: item.file.kind.clone(),
        case_number: item.file.case_number.clone(),
        task_number: item.file.task_number.clone(),
        bytes: item.file.size,
        // At the end of the contract a case need not have come back.
        returned_at: (item.returned_ms > 0).then(|| rfc3339(item.returned_ms)),
        due_at: rfc3339(item.due_ms),
        state: "planned".to_owned(),
        why: String::new(),
    };
    RetentionPlan {
        at: rfc3339(plan.at_ms),
        policy_version: plan.policy.version,
        items: plan.items.iter().map(item).collect(),
        more: plan.more,
        total: Amount { files: plan.items.len() as i64, bytes: plan.bytes() },
        cases: plan.cases(),
        classes: plan.totals().into_iter().map(|(class, total)| (class.code(), amount(total))).collect(),
        kept: plan.kept.iter().map(|(why, kept)| (*why, amount(*kept))).collect(),
    }
}

/// Periods in force, holds that stand, and what was asked for.
#[utoipa::path(get, path = "/api/v1/retention", tag = "retention",
    params(Look), responses((status = 200, body = Retention), (status = 403, body = ProblemBody)))]
pub(super) async fn retained(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Asked(looked): Asked<Look>,
) -> Result<Json<Retention>, Problem> {
    require(&house, &actor, Permission::RetentionRead).await?;
    let court = &actor.court_id;
    let policy = keeping::policy(&house.db, court).await?;
    let requests = keeping::requests(&house.db, court).await?;
    let holds = keeping::active_holds(&house.db, court).await?;
    note_look(&house, &actor, "retention.open", ("court", court), looked.is_again()).await?;
    Ok(Json(Retention {
        policy: policy_view(&policy),
        requests: requests.into_iter().map(|row| request_view(&actor, row)).collect(),
        holds: holds.into_iter().map(hold_view).collect(),
    }))
}

/// The dry run: what would go now, why, and how much. Nothing is deleted by it.
#[utoipa::path(get, path = "/api/v1/retention/plan", tag = "retention",
    responses((status = 200, body = RetentionPlan), (status = 403, body = ProblemBody)))]
pub(super) async fn dry_run(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
) -> Result<Json<RetentionPlan>, Problem> {
    require(&house, &actor, Permission::RetentionRead).await?;
    let plan = keeping::plan(&house.db, &house.clock, &actor.court_id, None).await?;
    let detail = json!({ "files": plan.items.len(), "bytes": plan.bytes() });
    note(&house, &actor, "retention.plan", ("court", &actor.court_id), "ok", detail).await?;
    Ok(Json(plan_view(&plan)))
}

/// The dry run of the end of the contract (PIPL 21): everything of the court that would go.
/// Nothing is deleted by it.
#[utoipa::path(get, path = "/api/v1/retention/contract-end", tag = "retention",
    responses((status = 200, body = RetentionPlan), (status = 403, body = ProblemBody)))]
pub(super) async fn end_plan(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
) -> Result<Json<RetentionPlan>, Problem> {
    require(&house, &actor, Permission::RetentionRead).await?;
    let plan = keeping::plan_end(&house.db, &house.clock, &actor.court_id).await?;
    let detail = json!({ "files": plan.items.len(), "bytes": plan.bytes(), "contract_end": true });
    note(&house, &actor, "retention.plan", ("court", &actor.court_id), "ok", detail).await?;
    Ok(Json(plan_view(&plan)))
}

/// Asks for the deletion of everything of the court at the end of the contract; another person
/// decides. Refused while a case is under a hold, and before all of it was returned.
#[utoipa::path(post, path = "/api/v1/retention/contract-end", tag = "retention", request_body = WantedEnd,
    responses((status = 201, body = Arisen), (status = 403, body = ProblemBody), (status = 409, body = ProblemBody),
        (status = 422, body = ProblemBody)))]
pub(super) async fn ask_for_contract_end(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    JsonBody(wanted): JsonBody<WantedEnd>,
) -> Result<(StatusCode, Json<Arisen>), Problem> {
    require(&house, &actor, Permission::RetentionAsk).await?;
    let id = keeping::ask_for_contract_end(&house.db, &house.clock, &actor, &wanted.reason).await?;
    Ok((StatusCode::CREATED, Json(Arisen { id })))
}

/// Asks for other periods; another person decides.
#[utoipa::path(post, path = "/api/v1/retention/policy", tag = "retention", request_body = WantedPolicy,
    responses((status = 201, body = Arisen), (status = 403, body = ProblemBody), (status = 409, body = ProblemBody),
        (status = 422, body = ProblemBody)))]
pub(super) async fn ask_for_policy(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    JsonBody(wanted): JsonBody<WantedPolicy>,
) -> Result<(StatusCode, Json<Arisen>), Problem> {
    require(&house, &actor, Permission::RetentionAsk).await?;
    let mut days = BTreeMap::new();
    for (code, wanted) in wanted.days {
        let class = Class::parse(&code).ok_or_else(|| {
            let text = "there is no such class: the retention page lists them";
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "retention.class", text).with("field", json!(code))
        })?;
        days.insert(class, wanted);
    }
    let id = keeping::ask_for_policy(&house.db, &house.clock, &actor, &days).await?;
    Ok((StatusCode::CREATED, Json(Arisen { id })))
}

/// Asks for the deletion of what is due; another person decides. What is under a legal hold, open
/// or not returned is refused.
#[utoipa::path(post, path = "/api/v1/retention/deletions", tag = "retention", request_body = WantedDeletion,
    responses((status = 201, body = Arisen), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub(super) async fn ask_for_deletion(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    JsonBody(wanted): JsonBody<WantedDeletion>,
) -> Result<(StatusCode, Json<Arisen>), Problem> {
    require(&house, &actor, Permission::RetentionAsk).await?;
    let case = wanted.case_id.as_deref();
    let id = keeping::ask_for_deletion(&house.db, &house.clock, &actor, case, &wanted.reason).await?;
    Ok((StatusCode::CREATED, Json(Arisen { id })))
}

/// A request with its files.
#[utoipa::path(get, path = "/api/v1/retention/requests/{id}", tag = "retention", params(("id" = String, Path)),
    responses((status = 200, body = RetentionRequestDetail), (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody)))]
pub(super) async fn retention_request(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
) -> Result<Json<RetentionRequestDetail>, Problem> {
    require(&house, &actor, Permission::RetentionRead).await?;
    let row = keeping::request(&house.db, &actor.court_id, &id).await?;
    let items = keeping::items(&house.db, &id).await?;
    note(&house, &actor, "retention.request", ("retention", &id), "ok", json!({})).await?;
    Ok(Json(RetentionRequestDetail {
        request: request_view(&actor, row),
        items: items.into_iter().map(item_view).collect(),
    }))
}

/// Approves a request, or refuses it, with a reason. Whoever approves a deletion says how many files
/// its list has. Whoever asked cannot.
#[utoipa::path(post, path = "/api/v1/retention/requests/{id}/decision", tag = "retention",
    params(("id" = String, Path)), request_body = RetentionDecision,
    responses((status = 204), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub(super) async fn decide_retention(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
    JsonBody(decision): JsonBody<RetentionDecision>,
) -> Result<StatusCode, Problem> {
    require(&house, &actor, Permission::RetentionDecide).await?;
    let reason = decision.reason.as_str();
    let decision = if decision.approve {
        Decision::Approve { reason, files: decision.files }
    } else {
        Decision::Refuse { reason }
    };
    keeping::decide(&house.db, &house.clock, house.keys.as_ref(), &actor, &id, decision).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes back what nobody has decided about yet.
#[utoipa::path(post, path = "/api/v1/retention/requests/{id}/withdraw", tag = "retention",
    params(("id" = String, Path)),
    responses((status = 204), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody)))]
pub(super) async fn withdraw(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    require(&house, &actor, Permission::RetentionAsk).await?;
    keeping::withdraw(&house.db, &house.clock, &actor, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Asks that an approved deletion ends before it is done; another person decides.
#[utoipa::path(post, path = "/api/v1/retention/requests/{id}/end", tag = "retention", params(("id" = String, Path)),
    request_body = Why,
    responses((status = 204), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub(super) async fn ask_for_end(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
    JsonBody(why): JsonBody<Why>,
) -> Result<StatusCode, Problem> {
    require(&house, &actor, Permission::RetentionAsk).await?;
    keeping::ask_for_end(&house.db, &house.clock, &actor, &id, &why.reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Agrees that an approved deletion ends, or lets it go on. Whoever asked cannot. What is gone by
/// then gets its certificate, what is there stays.
#[utoipa::path(post, path = "/api/v1/retention/requests/{id}/end/decision", tag = "retention",
    params(("id" = String, Path)), request_body = EndDecision,
    responses((status = 204), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody)))]
pub(super) async fn decide_end(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
    JsonBody(decision): JsonBody<EndDecision>,
) -> Result<StatusCode, Problem> {
    require(&house, &actor, Permission::RetentionDecide).await?;
    keeping::decide_end(&house.db, &house.clock, &actor, &id, decision.end).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The certificate of a deletion, with its signature.
#[utoipa::path(get, path = "/api/v1/retention/certificates/{id}", tag = "retention", params(("id" = String, Path)),
    responses((status = 200, body = CertificateView), (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody)))]
pub(super) async fn certificate(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
) -> Result<Json<CertificateView>, Problem> {
    require(&house, &actor, Permission::RetentionRead).await?;
    let (row, body) = keeping::certificate(&house.db, &house.objects, &actor.court_id, &id).await?;
    let unreadable = |error| StoreError::internal("reading a deletion certificate", error);
    let signed = body["signed"].as_str().unwrap_or_default().to_owned();
    let signature: Signed = serde_json::from_value(body).map_err(unreadable)?;
    let content: Value = serde_json::from_str(&signed).map_err(unreadable)?;
    let keys = house.keys.public_keys().map_err(StoreError::from)?;
    let is_genuine = signature.check(&signed, keeping::finished_ms(&content), &keys).is_ok();
    note(&house, &actor, "retention.certificate", ("certificate", &id), "ok", json!({})).await?;
    Ok(Json(CertificateView {
        id: row.id,
        request_id: row.request_id,
        object_id: row.object_id,
        content,
        signed,
        suite: signature.suite,
        key_id: signature.key_id,
        signature: signature.signature,
        is_genuine,
    }))
}

/// The holds that a case has and had.
#[utoipa::path(get, path = "/api/v1/cases/{id}/holds", tag = "retention", params(("id" = String, Path)),
    responses((status = 200, body = HoldsView), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
pub(super) async fn holds(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
) -> Result<Json<HoldsView>, Problem> {
    require(&house, &actor, Permission::CaseRead).await?;
    own_case(&house, &actor, &id, "case").await?;
    let holds = keeping::holds_of(&house.db, &actor.court_id, &id).await?;
    note(&house, &actor, "hold.list", ("case", &id), "ok", json!({})).await?;
    Ok(Json(HoldsView { items: holds.into_iter().map(hold_view).collect() }))
}

/// Sets a legal hold on a case: nothing of it is deleted while it stands.
#[utoipa::path(post, path = "/api/v1/cases/{id}/holds", tag = "retention", params(("id" = String, Path)),
    request_body = Why,
    responses((status = 204), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub(super) async fn set_hold(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
    JsonBody(why): JsonBody<Why>,
) -> Result<StatusCode, Problem> {
    require(&house, &actor, Permission::HoldManage).await?;
    own_case(&house, &actor, &id, "case").await?;
    keeping::set_hold(&house.db, &house.clock, &actor, &id, &why.reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lifts the hold of a case.
#[utoipa::path(post, path = "/api/v1/cases/{id}/holds/lift", tag = "retention", params(("id" = String, Path)),
    request_body = Why,
    responses((status = 204), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub(super) async fn lift_hold(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
    JsonBody(why): JsonBody<Why>,
) -> Result<StatusCode, Problem> {
    require(&house, &actor, Permission::HoldManage).await?;
    own_case(&house, &actor, &id, "case").await?;
    keeping::lift_hold(&house.db, &house.clock, &actor, &id, &why.reason).await?;
    Ok(StatusCode::NO_CONTENT)
}
