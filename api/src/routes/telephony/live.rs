//! What signalling sees: how a trunk stands, and one call as it was on the wire.

use std::time::Instant;

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::json;
use songda_calls::sip::{Registration, TrunkState};
use songda_desk::calls::legs;
use songda_people::Permission;
use songda_store::{Clock, clock::rfc3339};

use super::shown;
use crate::{
    desk::Desk,
    house::House,
    problem::Problem,
    routes::{note, require},
    shapes::{CallLadder, LadderStep, LadderWay, ProblemBody, TrunkSignalling},
    who::SignedIn,
};

/// How the trunks stand, by id; nothing where there is no desk.
pub(super) fn states(desk: Option<&Desk>) -> Vec<TrunkState> {
    desk.map(|desk| desk.switchboard.endpoint().trunk_states().borrow().clone()).unwrap_or_default()
}

/// A state as the contract shows it.
pub(super) fn signalling(clock: &Clock, state: &TrunkState) -> TrunkSignalling {
    let now = Instant::now();
    let past = |at: Instant| rfc3339(clock.now_ms() - now.saturating_duration_since(at).as_millis() as i64);
    let ahead = |at: Instant| rfc3339(clock.now_ms() + at.saturating_duration_since(now).as_millis() as i64);
    TrunkSignalling {
        up: state.up,
        why: state.why.code().to_owned(),
        since: past(state.since),
        host: state.host.clone(),
        registered_until: match state.registration {
            Registration::Until(until) => Some(ahead(until)),
            _ => None,
        },
        last_status: state.last_answer.map(|answer| answer.status),
        last_answer_at: state.last_answer.map(|answer| past(answer.at)),
    }
}

/// One call as it was on the wire, whether it went out or came in; each trunk that was tried by
/// itself, numbers masked.
/// Only the latest calls of this run of the server are kept.
#[utoipa::path(get, path = "/api/v1/telephony/calls/{id}/ladder", tag = "telephony",
    params(("id" = String, Path)),
    responses((status = 200, body = CallLadder), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
pub(crate) async fn ladder(
    State(house): State<House>,
    State(desk): State<Option<Desk>>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
) -> Result<Json<CallLadder>, Problem> {
    require(&house, &actor, Permission::TelephonyManage).await?;
    let tried = legs::ways(&house.db, &house.sealer, &actor.court_id, &id).await?;
    if tried.is_empty() {
        return Err(Problem::not_found("call"));
    }
    let mut ways = Vec::new();
    for way in tried {
        let lines = match &desk {
            Some(desk) => desk.switchboard.endpoint().ladder(&way.sip_call_id).await,
            None => Vec::new(),
        };
        let steps: Vec<LadderStep> = shown(lines)?;
        ways.push(LadderWay {
            trunk_id: way.trunk_id,
            incoming: way.incoming,
            caller: way.caller,
            started_at: rfc3339(way.started_ms),
            ended_at: way.ended_ms.map(rfc3339),
            status: way.status,
            q850: way.q850,
            cause: way.cause,
            steps,
        });
    }
    note(&house, &actor, "call.ladder", ("call", &id), "ok", json!({ "ways": ways.len() })).await?;
    Ok(Json(CallLadder { ways }))
}
