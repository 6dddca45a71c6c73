//! Who asks: the session behind a cookie, or the machine behind a key.

use std::net::SocketAddr;

use axum::{
    extract::{ConnectInfo, FromRef, FromRequestParts},
    http::{HeaderMap, Method, StatusCode, header, request::Parts},
};
use songda_people::{
    Actor,
    machines::{self, Machine},
    sessions,
};

use crate::{house::House, problem::Problem};

/// The address of the other end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

pub(crate) fn ip(parts: &Parts) -> String {
    parts.extensions.get::<ConnectInfo<Peer>>().map(|info| info.0.0.ip().to_string()).unwrap_or_default()
}

/// Name of the session cookie: bound to host and TLS where there is TLS.
pub(crate) fn cookie_name(secure: bool) -> &'static str {
    if secure { "__Host-songda" } else { "songda" }
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| {
            let (key, value) = pair.trim().split_once('=')?;
            (key == name).then_some(value)
        })
}

/// Somebody who is signed in.
pub(crate) struct SignedIn(pub(crate) Actor);

impl<S: Send + Sync> FromRequestParts<S> for SignedIn
where
    House: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let house = &House::from_ref(state);
        same_origin(parts)?;
        let name = cookie_name(house.secure);
        let value = cookie(&parts.headers, name).ok_or_else(Problem::no_session)?.to_owned();
        let actor = sessions::resume(&house.db, &house.clock, &value, &ip(parts)).await?;
        actor.map(Self).ok_or_else(Problem::no_session)
    }
}

/// The session cookie itself, for a line that outlives one request.
pub(crate) fn session_cookie(house: &House, headers: &HeaderMap) -> Option<String> {
    cookie(headers, cookie_name(house.secure)).map(str::to_owned)
}

/// An unsafe request must come from our own pages, and so must a WebSocket, which a
/// browser opens with GET from anywhere.
pub(crate) fn same_origin(parts: &Parts) -> Result<(), Problem> {
    let safe = parts.method == Method::GET || parts.method == Method::HEAD;
    if safe && !parts.headers.contains_key(header::UPGRADE) {
        return Ok(());
    }
    let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let host = header(header::HOST).unwrap_or_default();
    match header(header::ORIGIN) {
        Some(origin) if origin.split_once("://").is_none_or(|(_, from)| from != host) => {
            Err(Problem::new(StatusCode::FORBIDDEN, "origin.foreign", "this request came from another site"))
        }
        _ => Ok(()),
    }
}

/// A system that pushes.
pub(crate) struct Pusher {
    pub(crate) machine: Machine,
    pub(crate) ip: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Pusher
where
    House: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let house = &House::from_ref(state);
        let refused = || {
            Problem::new(
                StatusCode::UNAUTHORIZED,
                "key.missing",
                "send the key of your machine account as a bearer token",
            )
        };
        let key = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let key = key.and_then(|value| value.strip_prefix("Bearer ")).ok_or_else(refused)?;
        let machine = machines::verify(&house.db, key).await?.ok_or_else(refused)?;
        Ok(Self { machine, ip: ip(parts) })
    }
}
