//! The routes, by audience. One list; each row names who may come in.

mod admin;
mod calls;
mod court;
mod desk;
mod document;
mod evidence;
mod health;
mod inbound;
mod line;
mod orders;
mod outcomes;
mod recordings;
mod reports;
mod retention;
mod session;
mod settings;
mod supervision;
mod telephony;
mod transcripts;
mod web;

pub use document::document;

use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRef, Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use serde_json::{Value, json};
use songda_people::{Actor, Permission};
use songda_store::audit::{self, Entry};

use crate::{desk::Desk, house::House, problem::Problem};

/// Largest push with its files, bytes.
const PUSH_LIMIT: usize = 64 << 20;
/// Largest proof of a number, bytes; one that is larger is told so by its own rule.
const PROOF_LIMIT: usize = songda_desk::telephony::numbers::PROOF_LIMIT + (1 << 20);
/// Largest other request, bytes.
const BODY_LIMIT: usize = 1 << 20;

/// What handlers stand on. Without the key there is no desk.
#[derive(Clone)]
struct Edge {
    house: House,
    desk: Option<Desk>,
}

impl FromRef<Edge> for House {
    fn from_ref(edge: &Edge) -> Self {
        edge.house.clone()
    }
}

impl FromRef<Edge> for Option<Desk> {
    fn from_ref(edge: &Edge) -> Self {
        edge.desk.clone()
    }
}

/// Every route of the house.
pub fn router(house: House, desk: Option<Desk>) -> Router {
    let edge = Edge { house, desk };
    Router::new()
        .route("/health/live", get(health::live)) // everybody
        .route("/health/ready", get(health::ready)) // everybody
        .route("/api/openapi.json", get(document::openapi)) // everybody
        .route("/api/v1/health", get(health::detailed)) // health.read
        .route("/api/v1/session", post(session::sign_in).delete(session::sign_out)) // everybody, me.read
        .route("/api/v1/session/key", post(session::register_key)) // desk.work
        .route("/api/v1/me", get(session::me)) // me.read
        .route("/api/v1/outcomes", get(court::outcomes)) // outcomes.read
        .route("/api/v1/desk/ws", get(desk::line)) // desk.work
        .route("/api/v1/desk/owed", get(outcomes::owed_calls)) // desk.work
        .route("/api/v1/desk/transfer-targets", get(desk::transfer_targets)) // desk.work
        .route("/api/v1/calls/{id}/outcome", post(outcomes::outcome)) // outcome.save
        .route("/api/v1/calls/{id}/draft", get(outcomes::draft).put(outcomes::keep_draft)) // outcome.save
        .route("/api/v1/cases", get(court::cases)) // case.read
        .route("/api/v1/cases/{id}", get(court::case)) // case.read
        .route("/api/v1/cases/{id}/holds", get(retention::holds).post(retention::set_hold)) // case.read, hold.manage
        .route("/api/v1/cases/{id}/holds/lift", post(retention::lift_hold)) // hold.manage
        .route("/api/v1/tasks", get(court::tasks)) // task.read
        .route("/api/v1/tasks/{id}", get(court::task)) // task.read
        .route("/api/v1/calls/{id}", get(calls::call)) // task.read
        .route("/api/v1/calls/{id}/recording", get(recordings::recording)) // recording.play
        .route("/api/v1/calls/{id}/recording/audio", get(recordings::audio)) // recording.play
        .route("/api/v1/calls/{id}/recording/peaks", get(recordings::peaks)) // recording.play
        .route("/api/v1/calls/{id}/recording/download", get(recordings::download)) // recording.download
        .route("/api/v1/calls/{id}/transcript", get(transcripts::transcript)) // transcript.read
        .route("/api/v1/calls/{id}/transcript/download", get(transcripts::transcript_file)) // transcript.read
        .route("/api/v1/calls/{id}/transcript/lines/{no}", put(transcripts::correct)) // transcript.edit
        .route("/api/v1/reports/{id}/pdf", get(reports::pdf)) // report.read
        .route("/api/v1/overview", get(court::overview)) // overview.read
        .route("/api/v1/supervision/ws", get(supervision::supervision)) // call.supervise
        .route("/api/v1/settings", get(settings::settings).put(settings::change)) // settings.manage
        .route("/api/v1/telephony/trunks", get(telephony::trunks).post(telephony::add_trunk)) // telephony.manage
        .route("/api/v1/telephony/trunks/{id}", put(telephony::change_trunk)) // telephony.manage
        .route("/api/v1/telephony/trunks/{id}/pause", post(telephony::pause_trunk)) // telephony.manage
        .route("/api/v1/telephony/trunks/{id}/retry", post(telephony::retry_trunk)) // telephony.manage
        .route("/api/v1/telephony/trunks/{id}/causes", get(telephony::causes).put(telephony::change_causes)) // telephony.manage
        .route("/api/v1/telephony/numbers", get(telephony::numbers).post(telephony::add_number)) // telephony.manage
        .route("/api/v1/telephony/numbers/{id}", put(telephony::change_number)) // telephony.manage
        .route("/api/v1/telephony/numbers/{id}/pause", post(telephony::pause_number)) // telephony.manage
        .route("/api/v1/telephony/numbers/{id}/proof", get(telephony::proof)) // telephony.manage
        .route("/api/v1/telephony/phones", get(telephony::phones).post(telephony::add_phone)) // telephony.manage
        .route("/api/v1/telephony/phones/{id}", put(telephony::change_phone).delete(telephony::remove_phone)) // telephony.manage
        .route("/api/v1/telephony/phones/{id}/password", post(telephony::renew_phone)) // telephony.manage
        .route("/api/v1/telephony/phones/{id}/state", put(telephony::switch_phone)) // telephony.manage
        .route("/api/v1/telephony/changes", get(telephony::changes)) // telephony.manage
        .route("/api/v1/telephony/changes/{id}/proof", get(telephony::change_proof)) // telephony.manage
        .route("/api/v1/telephony/changes/{id}/decision", post(telephony::decide)) // telephony.manage
        .route("/api/v1/telephony/calls/{id}/ladder", get(telephony::ladder)) // telephony.manage
        .route("/api/v1/settings/inbound", get(inbound::inbound_settings).put(inbound::change_inbound_settings)) // settings.manage
        .route("/api/v1/inbound", get(inbound::inbound_calls)) // inbound.manage
        .route("/api/v1/inbound/{id}/link", post(inbound::link_inbound)) // inbound.manage
        .route("/api/v1/inbound/{id}/dismiss", post(inbound::dismiss_inbound)) // inbound.manage
        .route("/api/v1/inbound/{id}/audio", get(inbound::inbound_audio)) // inbound.manage
        .route("/api/v1/inbound/{id}/transcript", get(inbound::inbound_transcript)) // inbound.manage
        .route("/api/v1/evidence/roots", get(evidence::roots)) // evidence.read
        .route("/api/v1/evidence/doubts", get(evidence::doubts)) // evidence.read
        .route("/api/v1/evidence/doubts/{id}/clear", post(evidence::clear_doubt)) // evidence.clear
        .route("/api/v1/retention", get(retention::retained)) // retention.read
        .route("/api/v1/retention/plan", get(retention::dry_run)) // retention.read
        .route("/api/v1/retention/contract-end", get(retention::end_plan).post(retention::ask_for_contract_end)) // retention.read, retention.ask
        .route("/api/v1/retention/policy", post(retention::ask_for_policy)) // retention.ask
        .route("/api/v1/retention/deletions", post(retention::ask_for_deletion)) // retention.ask
        .route("/api/v1/retention/requests/{id}", get(retention::retention_request)) // retention.read
        .route("/api/v1/retention/requests/{id}/decision", post(retention::decide_retention)) // retention.decide
        .route("/api/v1/retention/requests/{id}/withdraw", post(retention::withdraw)) // retention.ask
        .route("/api/v1/retention/requests/{id}/end", post(retention::ask_for_end)) // retention.ask
        .route("/api/v1/retention/requests/{id}/end/decision", post(retention::decide_end)) // retention.decide
        .route("/api/v1/retention/certificates/{id}", get(retention::certificate)) // retention.read
        .route("/api/v1/alarms", get(admin::alarms)) // alarms.read
        .route("/api/v1/users", get(admin::users)) // users.read
        .route("/api/v1/audit", get(admin::audit_log)) // audit.read
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .merge(
            Router::new()
                .route("/api/v1/orders", get(orders::incomplete).post(orders::push)) // orders.read, machine account
                .layer(DefaultBodyLimit::max(PUSH_LIMIT)),
        )
        .merge(
            Router::new()
                .route("/api/v1/telephony/proofs", post(telephony::upload_proof)) // telephony.manage
                .layer(DefaultBodyLimit::max(PROOF_LIMIT)),
        )
        .fallback(web::page)
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method.not_allowed", "this address does not take this method")
        })
        .layer(middleware::from_fn_with_state(edge.clone(), only_reads_without_key))
        .layer(middleware::from_fn(guard_headers))
        .with_state(edge)
}

/// Without its key the house takes nothing in; signing in and out still works (R4.3d).
async fn only_reads_without_key(State(edge): State<Edge>, request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if edge.house.read_only.is_some() && !reads && request.uri().path() != "/api/v1/session" {
        return Problem::read_only().into_response();
    }
    next.run(request).await
}

/// Headers that every answer carries.
async fn guard_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("permissions-policy", "microphone=(self)"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
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

/// Whether a page looks again by itself, as those do that stay open.
#[derive(serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Look {
    /// 1: the page is open already and looks again; that is written down once an hour.
    again: Option<u8>,
}

impl Look {
    fn is_again(&self) -> bool {
        self.again == Some(1)
    }
}

/// How long a page that stays open is one look.
const ONE_LOOK_MS: i64 = 3_600_000;

/// Writes down that somebody opened something: each time, and once an hour while his page stays open
/// and looks again.
async fn note_look(
    house: &House,
    actor: &Actor,
    action: &str,
    object: (&str, &str),
    is_again: bool,
) -> Result<(), Problem> {
    let since_ms = house.clock.now_ms() - ONE_LOOK_MS;
    if is_again && audit::did_since(&house.db, (&actor.court_id, &actor.user_id), action, object.1, since_ms).await? {
        return Ok(());
    }
    note(house, actor, action, object, "ok", json!({})).await
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
