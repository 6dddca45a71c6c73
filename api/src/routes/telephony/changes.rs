//! Changes that wait for a second person.

use axum::{
    Json,
    extract::{Path, State},
    response::Response,
};
use serde_json::json;
use songda_desk::telephony::changes::{self as waiting, Decision};
use songda_people::Permission;

use super::{desk, names, numbers::file, view};
use crate::{
    house::House,
    input::JsonBody,
    problem::Problem,
    routes::{note, require},
    shapes::{ChangeDecision, ChangeView, Changes, ProblemBody},
    who::SignedIn,
};

/// Changes of trunks, numbers and causes: those that wait first.
#[utoipa::path(get, path = "/api/v1/telephony/changes", tag = "telephony",
    responses((status = 200, body = Changes), (status = 403, body = ProblemBody)))]
pub(crate) async fn changes(State(house): State<House>, SignedIn(actor): SignedIn) -> Result<Json<Changes>, Problem> {
    require(&house, &actor, Permission::TelephonyManage).await?;
    let names = names(&house, &actor).await?;
    let rows = waiting::list(&house.db, &actor.court_id).await?;
    let items = rows.into_iter().map(|row| view(&names, &actor, row)).collect::<Result<_, _>>()?;
    note(&house, &actor, "telephony.changes", ("court", &actor.court_id), "ok", json!({})).await?;
    Ok(Json(Changes { items }))
}

/// The proof of the number that a change is about, for whoever decides about it: the one that
/// it brings, else the one on file.
#[utoipa::path(get, path = "/api/v1/telephony/changes/{id}/proof", tag = "telephony",
    params(("id" = String, Path)),
    responses((status = 200, description = "the file", content_type = "application/octet-stream"),
              (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
pub(crate) async fn change_proof(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    require(&house, &actor, Permission::TelephonyManage).await?;
    let change = waiting::one(&house.db, &actor.court_id, &id).await?.ok_or_else(|| Problem::not_found("change"))?;
    let file = file(&house, &actor.court_id, change.proof.as_deref()).await?;
    let detail = json!({ "change": id });
    note(&house, &actor, "number.proof_read", ("number", &change.object_id), "ok", detail).await?;
    Ok(file)
}

/// Approves or refuses. Whoever asked cannot approve; his refusal withdraws it.
#[utoipa::path(post, path = "/api/v1/telephony/changes/{id}/decision", tag = "telephony",
    request_body = ChangeDecision, params(("id" = String, Path)),
    responses((status = 200, body = ChangeView), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
              (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub(crate) async fn decide(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
    JsonBody(decision): JsonBody<ChangeDecision>,
) -> Result<Json<ChangeView>, Problem> {
    require(&house, &actor, Permission::TelephonyManage).await?;
    let decision = if decision.approve { Decision::Approve } else { Decision::Refuse { reason: decision.reason } };
    let row = waiting::decide(desk(&house), &actor, &id, &decision).await?;
    Ok(Json(view(&names(&house, &actor).await?, &actor, row)?))
}
