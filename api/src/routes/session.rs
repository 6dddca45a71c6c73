//! Signing in and out, and the browser's key.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use songda_people::{Actor, Permission, courts, sessions};
use songda_store::clock::rfc3339;

use super::require;
use crate::{
    desk::Desk,
    house::House,
    input::JsonBody,
    problem::Problem,
    shapes::{Me, MeCourt, MeUser, ProblemBody, SessionKey},
    who::{SignedIn, cookie_name, ip, same_origin},
};

#[derive(Deserialize, utoipa::ToSchema)]
pub(super) struct Credentials {
    login: String,
    password: String,
}

/// `POST /api/v1/session`
#[utoipa::path(post, path = "/api/v1/session", tag = "session", request_body = Credentials,
    responses((status = 200, body = Me), (status = 401, body = ProblemBody), (status = 423, body = ProblemBody)))]
pub(super) async fn sign_in(
    State(house): State<House>,
    parts: Parts,
    JsonBody(credentials): JsonBody<Credentials>,
) -> Result<Response, Problem> {
    same_origin(&parts)?;
    let (actor, cookie) =
        sessions::login(&house.db, &house.clock, &credentials.login, &credentials.password, &ip(&parts)).await?;
    let secure = if house.secure { "; Secure" } else { "" };
    let cookie = format!("{}={cookie}; Path=/; HttpOnly; SameSite=Lax{secure}", cookie_name(house.secure));
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        headers.insert(header::SET_COOKIE, value);
    }
    Ok((headers, Json(about(&house, &actor).await?)).into_response())
}

/// `DELETE /api/v1/session`
#[utoipa::path(delete, path = "/api/v1/session", tag = "session",
    responses((status = 204), (status = 401, body = ProblemBody)))]
pub(super) async fn sign_out(
    State(house): State<House>,
    State(desk): State<Option<Desk>>,
    SignedIn(actor): SignedIn,
) -> Result<StatusCode, Problem> {
    require(&house, &actor, Permission::MeRead).await?;
    sessions::logout(&house.db, &house.clock, &actor).await?;
    if let Some(desk) = desk {
        desk.seats.signed_out(&actor).await;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /api/v1/me`
#[utoipa::path(get, path = "/api/v1/me", tag = "session",
    responses((status = 200, body = Me), (status = 401, body = ProblemBody)))]
pub(super) async fn me(State(house): State<House>, SignedIn(actor): SignedIn) -> Result<Json<Me>, Problem> {
    require(&house, &actor, Permission::MeRead).await?;
    Ok(Json(about(&house, &actor).await?))
}

async fn about(house: &House, actor: &Actor) -> Result<Me, Problem> {
    let court = courts::by_id(&house.db, &actor.court_id).await?.ok_or_else(|| Problem::not_found("court"))?;
    Ok(Me {
        user: MeUser {
            id: actor.user_id.clone(),
            name: actor.name.clone(),
            staff_no: actor.staff_no.clone(),
            role: actor.role.code(),
        },
        court: MeCourt { id: court.id, name: court.name, code: court.code },
        permissions: actor.role.grants().iter().map(|permission| permission.code()).collect(),
        demo: house.demo,
    })
}

#[derive(Deserialize, utoipa::ToSchema)]
pub(super) struct PublicKey {
    public_key: String,
}

/// `POST /api/v1/session/key`
#[utoipa::path(post, path = "/api/v1/session/key", tag = "session", request_body = PublicKey,
    responses((status = 200, body = SessionKey), (status = 422, body = ProblemBody)))]
pub(super) async fn register_key(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    JsonBody(key): JsonBody<PublicKey>,
) -> Result<Json<SessionKey>, Problem> {
    require(&house, &actor, Permission::DeskWork).await?;
    let point = URL_SAFE_NO_PAD.decode(&key.public_key).map_err(|_| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "key.bad", "public_key must be base64url without padding")
            .with("field", serde_json::json!("public_key"))
    })?;
    let key = sessions::register_key(&house.db, &house.clock, &actor, &point).await?;
    let expires_at = rfc3339(key.expires_ms);
    Ok(Json(SessionKey { kid: key.kid, session_tag: actor.session_tag(), expires_at }))
}
