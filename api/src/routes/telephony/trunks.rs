//! Trunks.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde_json::json;
use songda_desk::telephony::{
    ceilings,
    changes::{self, Wanted},
    lines_of,
    trunks::{self as lines, TrunkRow},
};
use songda_people::Permission;

use super::{asked, live, shown, taken};
use crate::{
    desk::Desk,
    house::House,
    input::JsonBody,
    problem::Problem,
    routes::{note, require},
    shapes::{ChangeView, Paused, ProblemBody, TrunkChange, TrunkForm, TrunkView, Trunks},
    who::SignedIn,
};

/// The trunks of the court, and what goes over them now.
#[utoipa::path(get, path = "/api/v1/telephony/trunks", tag = "telephony",
    responses((status = 200, body = Trunks), (status = 403, body = ProblemBody)))]
pub(crate) async fn trunks(
    State(house): State<House>,
    State(desk): State<Option<Desk>>,
    SignedIn(actor): SignedIn,
) -> Result<Json<Trunks>, Problem> {
    require(&house, &actor, Permission::TelephonyManage).await?;
    let (court, demo) = (actor.court_id.as_str(), house.demo);
    let loads = ceilings::look(&house.db, &house.clock, court).await?;
    let usable = lines_of(&house.db, &house.clock, court, demo).await?;
    let states = live::states(desk.as_ref());
    let view = |row: TrunkRow| {
        let load = loads.get(&row.id).copied().unwrap_or_default();
        let numbers = usable.iter().filter(|line| line.trunk.id == row.id).map(|line| line.number.clone()).collect();
        Ok::<_, Problem>(TrunkView {
            state: shown(row.state)?,
            profile: shown(&row.profile)?,
            password_set: row.has_password(&house.sealer),
            version: row.version,
            demo: row.demo,
            numbers,
            live_calls: load.live,
            calls_today: load.day,
            signalling: states
                .iter()
                .find(|state| state.id == row.id)
                .map(|state| live::signalling(&house.clock, state)),
            id: row.id,
            name: row.name,
            domain: row.domain,
            username: row.username,
        })
    };
    let rows = lines::list(&house.db, Some(court), demo).await?;
    let items = rows.into_iter().map(view).collect::<Result<_, _>>()?;
    note(&house, &actor, "trunk.list", ("court", court), "ok", json!({})).await?;
    Ok(Json(Trunks { items }))
}

/// Asks for a new trunk; it is there once another administrator approves.
#[utoipa::path(post, path = "/api/v1/telephony/trunks", tag = "telephony", request_body = TrunkForm,
    responses((status = 202, body = ChangeView), (status = 403, body = ProblemBody),
              (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub(crate) async fn add_trunk(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    JsonBody(form): JsonBody<TrunkForm>,
) -> Result<(StatusCode, Json<ChangeView>), Problem> {
    require(&house, &actor, Permission::TelephonyManage).await?;
    let wanted = Wanted::Trunk { form: taken(form)? };
    Ok((StatusCode::ACCEPTED, Json(asked(&house, &actor, None, 0, &wanted).await?)))
}

/// Asks for a change of a trunk; it holds from the next call on once another administrator
/// approves.
#[utoipa::path(put, path = "/api/v1/telephony/trunks/{id}", tag = "telephony", request_body = TrunkChange,
    params(("id" = String, Path)),
    responses((status = 202, body = ChangeView), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
              (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub(crate) async fn change_trunk(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
    JsonBody(change): JsonBody<TrunkChange>,
) -> Result<(StatusCode, Json<ChangeView>), Problem> {
    require(&house, &actor, Permission::TelephonyManage).await?;
    found(&house, &actor.court_id, &id).await?;
    let wanted = Wanted::Trunk { form: taken(change.form)? };
    let view = asked(&house, &actor, Some(&id), change.version.max(1), &wanted).await?;
    Ok((StatusCode::ACCEPTED, Json(view)))
}

/// Takes a trunk out of use at once. What is up on it stays up.
#[utoipa::path(post, path = "/api/v1/telephony/trunks/{id}/pause", tag = "telephony",
    params(("id" = String, Path)),
    responses((status = 200, body = Paused), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
pub(crate) async fn pause_trunk(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
) -> Result<Json<Paused>, Problem> {
    require(&house, &actor, Permission::TelephonyManage).await?;
    let row = found(&house, &actor.court_id, &id).await?;
    let mut tx = house.db.begin().await?;
    let changed = lines::pause(&mut tx, &house.clock, &actor.court_id, &id).await?;
    let detail = json!({ "name": row.name, "changed": changed });
    changes::note(&mut tx, &house.clock, &actor, "trunk.pause", ("trunk", &id), detail).await?;
    tx.commit().await?;
    Ok(Json(Paused { changed }))
}

/// Has a trunk registered and asked whether it is there at once, also one whose carrier refused
/// the account: somebody has spoken to the carrier.
#[utoipa::path(post, path = "/api/v1/telephony/trunks/{id}/retry", tag = "telephony",
    params(("id" = String, Path)),
    responses((status = 204), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
pub(crate) async fn retry_trunk(
    State(house): State<House>,
    State(desk): State<Option<Desk>>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    require(&house, &actor, Permission::TelephonyManage).await?;
    let row = found(&house, &actor.court_id, &id).await?;
    note(&house, &actor, "trunk.retry", ("trunk", &id), "ok", json!({ "name": row.name })).await?;
    let desk = desk.ok_or_else(Problem::read_only)?;
    desk.switchboard.endpoint().try_trunk_again(&id).await;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn found(house: &House, court: &str, id: &str) -> Result<TrunkRow, Problem> {
    lines::find(&house.db, court, id, house.demo).await?.ok_or_else(|| Problem::not_found("trunk"))
}
