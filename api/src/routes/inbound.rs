//! Calls that came in and belong to no task (未关联): heard, linked or dismissed; and when a
//! court takes calls. Each look, play and decision is written down.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::Deserialize;
use serde_json::json;
use songda_desk::{
    calls::recorded::Owner,
    inbound::{
        self, Item, Linked, Listed,
        hours::{self, Hours, MESSAGE_S, WAIT_S, clock_minute, clock_text},
    },
};
use songda_people::Permission;
use songda_store::clock::rfc3339;

use super::{note, recordings, require};
use crate::{
    house::House,
    input::{Asked, JsonBody},
    problem::Problem,
    shapes::{
        DayOtherwise, DismissFor, InboundCall, InboundCalls, InboundLine, InboundSettings, InboundTask,
        InboundTranscript, LinkTo, ProblemBody,
    },
    who::SignedIn,
};

const PAGE: i64 = 50;
/// Length of a reason, characters.
const REASON: std::ops::RangeInclusive<usize> = 2..=200;

/// A page of the list.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// `open` (the default) or `settled`.
    state: Option<String>,
    /// Where the page starts.
    cursor: Option<String>,
}

fn shape(item: Item) -> InboundCall {
    let (recording, recording_ms) = item.recording.map_or((None, 0), |(state, ms)| (Some(state), ms));
    InboundCall {
        id: item.id,
        state: item.state,
        at: rfc3339(item.created_ms),
        lasted_ms: item.lasted_ms,
        phone_masked: item.masked,
        called: item.called,
        message: item.message,
        call_back: item.call_back,
        agent: item.agent,
        talk_ms: item.talk_ms,
        task: item.task.map(|task| InboundTask {
            id: task.id,
            number: task.number,
            case_number: task.case_number,
            recipient: task.recipient,
        }),
        recording,
        recording_ms,
        transcript: item.transcript,
        settled_by: item.settled_by,
        settled_at: item.settled_ms.map(rfc3339),
        reason: item.reason,
    }
}

/// Calls that came in and belong to no task, or did until they were settled; newest first.
#[utoipa::path(get, path = "/api/v1/inbound", tag = "supervisor", params(Page),
    responses((status = 200, body = InboundCalls), (status = 403, body = ProblemBody)))]
pub(super) async fn inbound_calls(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Asked(page): Asked<Page>,
) -> Result<Json<InboundCalls>, Problem> {
    require(&house, &actor, Permission::InboundManage).await?;
    let which = match page.state.as_deref() {
        None | Some("open") => Listed::Open,
        Some("settled") => Listed::Settled,
        Some(_) => {
            let text = "`state` is `open` or `settled`";
            return Err(Problem::new(StatusCode::BAD_REQUEST, "query.unreadable", text));
        }
    };
    let found = inbound::items(&house.db, &actor.court_id, which, page.cursor.as_deref(), PAGE).await?;
    let next_cursor = (found.len() as i64 == PAGE).then(|| found.last().map(|item| item.id.clone())).flatten();
    note(&house, &actor, "inbound.list", ("court", &actor.court_id), "ok", json!({ "shown": found.len() })).await?;
    Ok(Json(InboundCalls { items: found.into_iter().map(shape).collect(), next_cursor }))
}

fn settled() -> Problem {
    Problem::new(StatusCode::CONFLICT, "inbound.settled", "this call was linked or dismissed before")
}

/// Links a call to a task: it is a call of that task from here on.
#[utoipa::path(post, path = "/api/v1/inbound/{id}/link", tag = "supervisor", params(("id" = String, Path)),
    request_body = LinkTo, responses((status = 204), (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
pub(super) async fn link_inbound(
    State(house): State<House>,
    State(desk): State<Option<crate::desk::Desk>>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
    JsonBody(wanted): JsonBody<LinkTo>,
) -> Result<StatusCode, Problem> {
    require(&house, &actor, Permission::InboundManage).await?;
    let desk = desk.ok_or_else(Problem::read_only)?;
    match inbound::link(desk.seats.ground(), &actor, &id, &wanted.task).await? {
        Linked::Done => Ok(StatusCode::NO_CONTENT),
        Linked::SettledBefore => Err(settled()),
    }
}

/// Dismisses a call with a reason. Its recording is kept.
#[utoipa::path(post, path = "/api/v1/inbound/{id}/dismiss", tag = "supervisor", params(("id" = String, Path)),
    request_body = DismissFor, responses((status = 204), (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody), (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub(super) async fn dismiss_inbound(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
    JsonBody(wanted): JsonBody<DismissFor>,
) -> Result<StatusCode, Problem> {
    require(&house, &actor, Permission::InboundManage).await?;
    let reason = wanted.reason.trim();
    if !REASON.contains(&reason.chars().count()) {
        let text = format!("`reason` must have {} to {} characters", REASON.start(), REASON.end());
        return Err(
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "inbound.reason", text).with("field", json!("reason"))
        );
    }
    inbound::find(&house.db, &actor.court_id, &id).await?;
    let reason = songda_store::masked::mask_digits(reason);
    if inbound::dismiss(&house.db, &house.clock, &actor, &id, &reason).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(settled())
    }
}

/// The recording of such a call as WAV, by byte range.
#[utoipa::path(get, path = "/api/v1/inbound/{id}/audio", tag = "supervisor", params(("id" = String, Path)),
    responses((status = 200, content_type = "audio/wav"), (status = 206, content_type = "audio/wav"),
        (status = 404, body = ProblemBody), (status = 409, body = ProblemBody), (status = 416, body = ProblemBody)))]
pub(super) async fn inbound_audio(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    require(&house, &actor, Permission::InboundManage).await?;
    let call = inbound::find(&house.db, &actor.court_id, &id).await?;
    recordings::play(&house, &actor, Owner::Caller(&call.id), ("inbound", &id), &headers).await
}

/// What a machine wrote down of such a call.
#[utoipa::path(get, path = "/api/v1/inbound/{id}/transcript", tag = "supervisor", params(("id" = String, Path)),
    responses((status = 200, body = InboundTranscript), (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody)))]
pub(super) async fn inbound_transcript(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
) -> Result<Json<InboundTranscript>, Problem> {
    require(&house, &actor, Permission::InboundManage).await?;
    inbound::find(&house.db, &actor.court_id, &id).await?;
    let lines = inbound::transcript(&house.db, &house.sealer, &id).await?;
    let lines = lines.ok_or_else(|| Problem::not_found("transcript"))?;
    note(&house, &actor, "transcript.open", ("inbound", &id), "ok", json!({})).await?;
    let masked = |text: &str| songda_store::masked::mask_digits(text);
    Ok(Json(InboundTranscript {
        lines: lines.iter().map(|line| InboundLine { from_ms: line.from_ms, text: masked(&line.text) }).collect(),
    }))
}

fn settings_shape(hours: &Hours) -> InboundSettings {
    InboundSettings {
        days: hours.days.clone(),
        opens: clock_text(hours.opens),
        closes: clock_text(hours.closes),
        exceptions: hours
            .exceptions
            .iter()
            .map(|(day, open)| DayOtherwise { date: hours::day_text(*day), open: *open })
            .collect(),
        wait_s: hours.wait_s,
        message_s: hours.message_s,
    }
}

/// When the court takes calls.
#[utoipa::path(get, path = "/api/v1/settings/inbound", tag = "supervisor",
    responses((status = 200, body = InboundSettings), (status = 403, body = ProblemBody)))]
pub(super) async fn inbound_settings(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
) -> Result<Json<InboundSettings>, Problem> {
    require(&house, &actor, Permission::SettingsManage).await?;
    let found = hours::of(&house.db, &actor.court_id).await?;
    note(&house, &actor, "settings.open", ("court", &actor.court_id), "ok", json!({})).await?;
    Ok(Json(settings_shape(&found)))
}

/// Changes it; callers who wait already keep the time they have.
#[utoipa::path(put, path = "/api/v1/settings/inbound", tag = "supervisor", request_body = InboundSettings,
    responses((status = 200, body = InboundSettings), (status = 403, body = ProblemBody),
        (status = 422, body = ProblemBody)))]
pub(super) async fn change_inbound_settings(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    JsonBody(wanted): JsonBody<InboundSettings>,
) -> Result<Json<InboundSettings>, Problem> {
    require(&house, &actor, Permission::SettingsManage).await?;
    let unfit = |field: &str, text: String| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "settings.unfit", text).with("field", json!(field))
    };
    let mut days = wanted.days;
    days.sort_unstable();
    days.dedup();
    if days.is_empty() || !days.iter().all(|day| (1..=7).contains(day)) {
        return Err(unfit("days", "must name at least one day of the week, 1 to 7".into()));
    }
    let minute = |field: &str, text: &str| {
        clock_minute(text).ok_or_else(|| unfit(field, "must be a time of the day like 08:30".into()))
    };
    let (opens, closes) = (minute("opens", &wanted.opens)?, minute("closes", &wanted.closes)?);
    if opens >= closes {
        return Err(unfit("closes", "must lie behind `opens`".into()));
    }
    for (field, value, within) in [("wait_s", wanted.wait_s, WAIT_S), ("message_s", wanted.message_s, MESSAGE_S)] {
        if !within.contains(&value) {
            return Err(unfit(field, format!("must lie between {} and {}", within.start(), within.end())));
        }
    }
    if wanted.exceptions.len() > hours::EXCEPTIONS {
        return Err(unfit("exceptions", format!("must be {} days at most", hours::EXCEPTIONS)));
    }
    let mut exceptions = BTreeMap::new();
    for (at, otherwise) in wanted.exceptions.iter().enumerate() {
        let field = format!("exceptions[{at}].date");
        let day =
            hours::day_of(&otherwise.date).ok_or_else(|| unfit(&field, "must be a day like 2026-10-01".into()))?;
        if exceptions.insert(day, otherwise.open).is_some() {
            return Err(unfit(&field, "stands there twice".into()));
        }
    }
    let to = Hours { days, opens, closes, exceptions, wait_s: wanted.wait_s, message_s: wanted.message_s };
    hours::change(&house.db, &house.clock, &actor, &to).await?;
    Ok(Json(settings_shape(&to)))
}
