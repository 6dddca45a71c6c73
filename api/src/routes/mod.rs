//! The routes, by audience. One list; each row names who may come in.

mod admin;
mod court;
mod health;
mod orders;
mod session;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderName, HeaderValue, StatusCode},
    middleware::{self, Next},
    response::Response,
    routing::{get, post},
};
use serde_json::{Value, json};
use songda_people::{Actor, Permission};
use songda_store::audit::{self, Entry};

use crate::{house::House, problem::Problem};

/// Largest push with its files, bytes.
const PUSH_LIMIT: usize = 64 << 20;
/// Largest other request, bytes.
const BODY_LIMIT: usize = 1 << 20;

/// Every route of the house.
pub fn router(house: House) -> Router {
    Router::new()
        .route("/health/live", get(health::live)) // everybody
        .route("/health/ready", get(health::ready)) // everybody
        .route("/api/v1/session", post(session::sign_in).delete(session::sign_out)) // everybody, me.read
        .route("/api/v1/session/key", post(session::register_key)) // desk.work
        .route("/api/v1/me", get(session::me)) // me.read
        .route("/api/v1/outcomes", get(court::outcomes)) // outcomes.read
        .route("/api/v1/cases", get(court::cases)) // case.read
        .route("/api/v1/cases/{id}", get(court::case)) // case.read
        .route("/api/v1/tasks", get(court::tasks)) // task.read
        .route("/api/v1/tasks/{id}", get(court::task)) // task.read
        .route("/api/v1/overview", get(court::overview)) // overview.read
        .route("/api/v1/alarms", get(admin::alarms)) // alarms.read
        .route("/api/v1/users", get(admin::users)) // users.read
        .route("/api/v1/audit", get(admin::audit_log)) // audit.read
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .merge(
            Router::new()
                .route("/api/v1/orders", get(orders::incomplete).post(orders::push)) // orders.read, machine account
                .layer(DefaultBodyLimit::max(PUSH_LIMIT)),
        )
        .fallback(|| async { Problem::not_found("address") })
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method.not_allowed", "this address does not take this method")
        })
        .layer(middleware::from_fn(guard_headers))
        .with_state(house)
}

/// Headers that every answer carries.
async fn guard_headers(request: axum::extract::Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("permissions-policy", "microphone=(self)"),
        ("content-security-policy", "default-src 'self'; frame-ancestors 'none'"),
    ] {
        response.headers_mut().entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Lets an actor in who may; one who may not is refused and written down.
async fn require(house: &House, actor: &Actor, permission: Permission) -> Result<(), Problem> {
    if actor.may(permission) {
        return Ok(());
    }
    note(house, actor, permission.code(), ("permission", permission.code()), "denied", json!({})).await?;
    Err(Problem::forbidden())
}

/// Writes an audit row.
async fn note(
    house: &House,
    actor: &Actor,
    action: &str,
    object: (&str, &str),
    result: &str,
    detail: Value,
) -> Result<(), Problem> {
    let mut tx = house.db.begin().await?;
    let entry = Entry {
        court: &actor.court_id,
        actor: &actor.user_id,
        actor_role: actor.role.code(),
        action,
        object_kind: object.0,
        object_id: object.1,
        case_id: None,
        ip: &actor.ip,
        result,
        detail,
    };
    audit::append(&mut tx, &house.clock, entry).await?;
    tx.commit().await?;
    Ok(())
}
