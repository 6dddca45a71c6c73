//! The OpenAPI document, made from the handlers and their types.

use axum::Json;
use utoipa::OpenApi;

use super::{
    admin, calls, court, desk, evidence, health, inbound, orders, outcomes, recordings, reports, retention, session,
    settings, supervision, telephony::described as telephony, transcripts,
};

#[derive(OpenApi)]
#[openapi(
    info(title = "Songda", description = "Service of process around a telephone call centre."),
    paths(
        health::live,
        health::ready,
        health::detailed,
        session::sign_in,
        session::sign_out,
        session::me,
        session::register_key,
        orders::push,
        orders::incomplete,
        desk::line,
        desk::transfer_targets,
        outcomes::outcome,
        outcomes::keep_draft,
        outcomes::draft,
        outcomes::owed_calls,
        court::outcomes,
        court::cases,
        court::case,
        court::tasks,
        court::task,
        court::overview,
        supervision::supervision,
        inbound::inbound_calls,
        inbound::link_inbound,
        inbound::dismiss_inbound,
        inbound::inbound_audio,
        inbound::inbound_transcript,
        inbound::inbound_settings,
        inbound::change_inbound_settings,
        settings::settings,
        settings::change,
        calls::call,
        recordings::recording,
        recordings::audio,
        recordings::peaks,
        recordings::download,
        transcripts::transcript,
        transcripts::transcript_file,
        transcripts::correct,
        reports::pdf,
        telephony::trunks,
        telephony::add_trunk,
        telephony::change_trunk,
        telephony::pause_trunk,
        telephony::retry_trunk,
        telephony::causes,
        telephony::change_causes,
        telephony::numbers,
        telephony::add_number,
        telephony::change_number,
        telephony::pause_number,
        telephony::upload_proof,
        telephony::proof,
        telephony::phones,
        telephony::add_phone,
        telephony::change_phone,
        telephony::renew_phone,
        telephony::switch_phone,
        telephony::remove_phone,
        telephony::changes,
        telephony::change_proof,
        telephony::decide,
        telephony::ladder,
        evidence::roots,
        evidence::doubts,
        evidence::clear_doubt,
        retention::retained,
        retention::dry_run,
        retention::end_plan,
        retention::ask_for_contract_end,
        retention::ask_for_policy,
        retention::ask_for_deletion,
        retention::retention_request,
        retention::decide_retention,
        retention::withdraw,
        retention::ask_for_end,
        retention::decide_end,
        retention::certificate,
        retention::holds,
        retention::set_hold,
        retention::lift_hold,
        admin::alarms,
        admin::users,
        admin::audit_log,
    )
)]
struct Document;

/// The document of this version.
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// `GET /api/openapi.json`
pub(super) async fn openapi() -> Json<utoipa::openapi::OpenApi> {
    Json(document())
}
