//! What the causes of a carrier mean on a trunk.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde_json::json;
use songda_desk::telephony::{causes as tables, changes::Wanted};
use songda_people::Permission;
use songda_service::outcomes::HOUSE;
use songda_store::clock::rfc3339;

use super::{asked, names, shown, taken, trunks::found};
use crate::{
    house::House,
    input::JsonBody,
    problem::Problem,
    routes::{note, require},
    shapes::{CauseChange, CauseTables, CauseVersion, ChangeView, ProblemBody},
    who::SignedIn,
};

/// The cause tables of a trunk.
#[utoipa::path(get, path = "/api/v1/telephony/trunks/{id}/causes", tag = "telephony",
    params(("id" = String, Path)),
    responses((status = 200, body = CauseTables), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
pub(crate) async fn causes(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
) -> Result<Json<CauseTables>, Problem> {
    require(&house, &actor, Permission::TelephonyManage).await?;
    found(&house, &actor.court_id, &id).await?;
    let names = names(&house, &actor).await?;
    let mut items = Vec::new();
    for version in tables::history(&house.db, &id).await? {
        items.push(CauseVersion {
            version: version.version,
            valid_from: rfc3339(version.valid_from_ms),
            rules: shown(&version.rules)?,
            changed_by_name: names.get(&version.changed_by).cloned().unwrap_or_default(),
            changed_at: rfc3339(version.changed_ms),
        });
    }
    note(&house, &actor, "trunk.causes", ("trunk", &id), "ok", json!({})).await?;
    Ok(Json(CauseTables { items, house: HOUSE.to_owned() }))
}

/// Asks for another version. Results keep the version that gave them.
#[utoipa::path(put, path = "/api/v1/telephony/trunks/{id}/causes", tag = "telephony", request_body = CauseChange,
    params(("id" = String, Path)),
    responses((status = 202, body = ChangeView), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
              (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub(crate) async fn change_causes(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
    JsonBody(change): JsonBody<CauseChange>,
) -> Result<(StatusCode, Json<ChangeView>), Problem> {
    require(&house, &actor, Permission::TelephonyManage).await?;
    found(&house, &actor.court_id, &id).await?;
    let valid_from_ms = match &change.valid_from {
        None => 0,
        Some(text) => songda_service::moment(text).ok_or_else(|| {
            let text = "valid_from must be a time such as 2026-11-27T09:00:00+08:00";
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "telephony.unfit", text).with("field", json!("valid_from"))
        })?,
    };
    let wanted = Wanted::Causes { valid_from_ms, rules: taken(change.rules)? };
    Ok((StatusCode::ACCEPTED, Json(asked(&house, &actor, Some(&id), change.version, &wanted).await?)))
}
