//! The number register (R12.1).

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;
use songda_desk::telephony::{
    changes::{self, Wanted},
    numbers::{self as register, NumberRow},
};
use songda_people::Permission;

use super::{asked, shown, taken};
use crate::{
    house::House,
    input::JsonBody,
    problem::Problem,
    routes::{note, require},
    shapes::{ChangeView, NumberChange, NumberForm, NumberView, Numbers, Paused, ProblemBody, ProofUploaded},
    who::SignedIn,
};

/// The numbers of the court.
#[utoipa::path(get, path = "/api/v1/telephony/numbers", tag = "telephony",
    responses((status = 200, body = Numbers), (status = 403, body = ProblemBody)))]
pub(crate) async fn numbers(State(house): State<House>, SignedIn(actor): SignedIn) -> Result<Json<Numbers>, Problem> {
    require(&house, &actor, Permission::TelephonyManage).await?;
    let now = house.clock.now_ms();
    let view = |row: NumberRow| {
        Ok::<_, Problem>(NumberView {
            registration: shown(row.registration)?,
            valid: row.is_valid(now),
            proof: row.proof_type,
            version: row.version,
            active: row.active,
            id: row.id,
            number: row.number,
            carrier: row.carrier,
            trunks: row.trunks,
            valid_from: row.valid_from,
            valid_until: row.valid_until,
            label: row.label,
        })
    };
    let items = register::list(&house.db, &actor.court_id).await?.into_iter().map(view).collect::<Result<_, _>>()?;
    note(&house, &actor, "number.list", ("court", &actor.court_id), "ok", json!({})).await?;
    Ok(Json(Numbers { items }))
}

/// Asks for a number to be entered.
#[utoipa::path(post, path = "/api/v1/telephony/numbers", tag = "telephony", request_body = NumberForm,
    responses((status = 202, body = ChangeView), (status = 403, body = ProblemBody),
              (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub(crate) async fn add_number(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    JsonBody(form): JsonBody<NumberForm>,
) -> Result<(StatusCode, Json<ChangeView>), Problem> {
    require(&house, &actor, Permission::TelephonyManage).await?;
    let wanted = Wanted::Number { form: taken(form)? };
    Ok((StatusCode::ACCEPTED, Json(asked(&house, &actor, None, 0, &wanted).await?)))
}

/// Asks for a change of a number.
#[utoipa::path(put, path = "/api/v1/telephony/numbers/{id}", tag = "telephony", request_body = NumberChange,
    params(("id" = String, Path)),
    responses((status = 202, body = ChangeView), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
              (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub(crate) async fn change_number(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
    JsonBody(change): JsonBody<NumberChange>,
) -> Result<(StatusCode, Json<ChangeView>), Problem> {
    require(&house, &actor, Permission::TelephonyManage).await?;
    found(&house, &actor.court_id, &id).await?;
    let wanted = Wanted::Number { form: taken(change.form)? };
    let view = asked(&house, &actor, Some(&id), change.version.max(1), &wanted).await?;
    Ok((StatusCode::ACCEPTED, Json(view)))
}

/// Takes a number out of use at once.
#[utoipa::path(post, path = "/api/v1/telephony/numbers/{id}/pause", tag = "telephony",
    params(("id" = String, Path)),
    responses((status = 200, body = Paused), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
pub(crate) async fn pause_number(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
) -> Result<Json<Paused>, Problem> {
    require(&house, &actor, Permission::TelephonyManage).await?;
    found(&house, &actor.court_id, &id).await?;
    let mut tx = house.db.begin().await?;
    let changed = register::pause(&mut tx, &house.clock, &actor.court_id, &id).await?;
    let detail = json!({ "changed": changed });
    changes::note(&mut tx, &house.clock, &actor, "number.pause", ("number", &id), detail).await?;
    tx.commit().await?;
    Ok(Json(Paused { changed }))
}

/// Takes a proof in: a PDF, PNG or JPEG of at most 10 MiB. It counts once a number names it.
#[utoipa::path(post, path = "/api/v1/telephony/proofs", tag = "telephony",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, body = ProofUploaded), (status = 403, body = ProblemBody),
              (status = 422, body = ProblemBody)))]
pub(crate) async fn upload_proof(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    content: Bytes,
) -> Result<(StatusCode, Json<ProofUploaded>), Problem> {
    require(&house, &actor, Permission::TelephonyManage).await?;
    let mut tx = house.db.begin().await?;
    let id = register::keep_proof(&mut tx, &house.objects, &actor.court_id, &content).await?;
    let media_type = register::media_type(&content).unwrap_or_default().to_owned();
    let detail = json!({ "media_type": media_type, "bytes": content.len() });
    changes::note(&mut tx, &house.clock, &actor, "number.proof_upload", ("object", &id), detail).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(ProofUploaded { id, media_type })))
}

/// The proof of a number.
#[utoipa::path(get, path = "/api/v1/telephony/numbers/{id}/proof", tag = "telephony",
    params(("id" = String, Path)),
    responses((status = 200, description = "the file", content_type = "application/octet-stream"),
              (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
pub(crate) async fn proof(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    require(&house, &actor, Permission::TelephonyManage).await?;
    let row = found(&house, &actor.court_id, &id).await?;
    let file = file(&house, &actor.court_id, row.proof.as_deref()).await?;
    note(&house, &actor, "number.proof_read", ("number", &id), "ok", json!({})).await?;
    Ok(file)
}

/// A proof as a file to be kept.
pub(super) async fn file(house: &House, court: &str, proof: Option<&str>) -> Result<Response, Problem> {
    let proof = match proof {
        Some(proof) => register::read_proof(&house.db, &house.objects, court, proof).await?,
        None => None,
    };
    let proof = proof.ok_or_else(|| Problem::not_found("proof"))?;
    let headers = [(header::CONTENT_TYPE, proof.media_type), (header::CONTENT_DISPOSITION, "attachment".into())];
    Ok((headers, proof.content).into_response())
}

async fn found(house: &House, court: &str, id: &str) -> Result<NumberRow, Problem> {
    register::find(&house.db, court, id).await?.ok_or_else(|| Problem::not_found("number"))
}
