//! Signing in and out, and the browser's key.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Value, json};
use songda_people::{Actor, Permission, courts, sessions};
use songda_store::clock::rfc3339;

use super::require;
use crate::{
    house::House,
    problem::Problem,
    who::{SignedIn, cookie_name, ip, same_origin},
};

#[derive(Deserialize)]
pub(super) struct Credentials {
    login: String,
    password: String,
}

/// `POST /api/v1/session`
pub(super) async fn sign_in(
    State(house): State<House>,
    parts: Parts,
    Json(credentials): Json<Credentials>,
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
pub(super) async fn sign_out(State(house): State<House>, SignedIn(actor): SignedIn) -> Result<StatusCode, Problem> {
    require(&house, &actor, Permission::MeRead).await?;
    sessions::logout(&house.db, &house.clock, &actor).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /api/v1/me`
pub(super) async fn me(State(house): State<House>, SignedIn(actor): SignedIn) -> Result<Json<Value>, Problem> {
    require(&house, &actor, Permission::MeRead).await?;
    Ok(Json(about(&house, &actor).await?))
}

async fn about(house: &House, actor: &Actor) -> Result<Value, Problem> {
    let court = courts::by_id(&house.db, &actor.court_id).await?.ok_or_else(|| Problem::not_found("court"))?;
    let permissions: Vec<_> = actor.role.grants().iter().map(|permission| permission.code()).collect();
    Ok(json!({
        "user": { "id": actor.user_id, "name": actor.name, "staff_no": actor.staff_no, "role": actor.role.code() },
        "court": { "id": court.id, "name": court.name, "code": court.code },
        "permissions": permissions,
        "demo": house.demo,
    }))
}

#[derive(Deserialize)]
pub(super) struct PublicKey {
    public_key: String,
}

/// `POST /api/v1/session/key`
pub(super) async fn register_key(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Json(key): Json<PublicKey>,
) -> Result<Json<Value>, Problem> {
    require(&house, &actor, Permission::DeskWork).await?;
    let point = URL_SAFE_NO_PAD.decode(&key.public_key).map_err(|_| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "key.bad", "public_key must be base64url without padding")
    })?;
    let key = sessions::register_key(&house.db, &house.clock, &actor, &point).await?;
    Ok(Json(json!({ "kid": key.kid, "session_tag": actor.session_tag(), "expires_at": rfc3339(key.expires_ms) })))
}
