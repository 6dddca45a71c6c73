//! The outcome of a call: filled in as a draft, saved, or owed.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use songda_desk::{
    checklist,
    outcomes::{
        draft::{self, Form, Typed},
        owed,
    },
};
use songda_people::Permission;
use songda_store::clock::rfc3339;

use super::{calls::tick_rows, court::technical, note, require};
use crate::{
    desk::Desk,
    house::House,
    input::JsonBody,
    problem::Problem,
    shapes::{OwedCall, OwedCalls, ProblemBody, SavedOutcome, Words},
    who::SignedIn,
};

/// What an outcome says, whole or in part.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OutcomeChoice {
    /// W1 to W12, or empty when nobody answered.
    #[serde(default)]
    contact: String,
    /// B01 to B17, or empty when nobody answered.
    #[serde(default)]
    business: String,
    /// 已清楚、完整听取.
    #[serde(default)]
    heard_all: bool,
    /// For people, at most 500 characters; sealed. Its runs of digits come back masked; who
    /// sends the mask back keeps what is kept.
    #[serde(default)]
    note: String,
    /// What the business code asks for, by the id of the field.
    #[serde(default)]
    fields: std::collections::BTreeMap<String, OutcomeFieldValue>,
}

/// What was typed; or what the server keeps and shows only by its mask.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
#[serde(untagged)]
pub(super) enum OutcomeFieldValue {
    Typed(String),
    Kept {
        /// Always true.
        kept: bool,
        #[serde(default)]
        masked: String,
    },
}

impl From<OutcomeChoice> for Form {
    fn from(choice: OutcomeChoice) -> Self {
        let typed = |value| match value {
            OutcomeFieldValue::Typed(text) => Typed::Text(text),
            OutcomeFieldValue::Kept { kept, masked } => Typed::Kept { kept, masked },
        };
        Self {
            contact: choice.contact,
            business: choice.business,
            heard_all: choice.heard_all,
            note: choice.note,
            fields: choice.fields.into_iter().map(|(id, value)| (id, typed(value))).collect(),
        }
    }
}

impl From<Form> for OutcomeChoice {
    fn from(form: Form) -> Self {
        let value = |typed| match typed {
            Typed::Text(text) => OutcomeFieldValue::Typed(text),
            Typed::Kept { kept, masked } => OutcomeFieldValue::Kept { kept, masked },
        };
        Self {
            contact: form.contact,
            business: form.business,
            heard_all: form.heard_all,
            note: form.note,
            fields: form.fields.into_iter().map(|(id, typed)| (id, value(typed))).collect(),
        }
    }
}

/// Saves the outcome of an own call, also of one that is owed (待补录).
#[utoipa::path(post, path = "/api/v1/calls/{id}/outcome", tag = "desk", params(("id" = String, Path)),
    request_body = OutcomeChoice,
    responses((status = 200, body = SavedOutcome), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
        (status = 422, body = ProblemBody)))]
pub(super) async fn outcome(
    State(house): State<House>,
    State(desk): State<Option<Desk>>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
    JsonBody(choice): JsonBody<OutcomeChoice>,
) -> Result<Json<SavedOutcome>, Problem> {
    require(&house, &actor, Permission::OutcomeSave).await?;
    let desk = desk.ok_or_else(Problem::read_only)?;
    let saved = desk.seats.save_outcome(&actor, &id, choice.into()).await?;
    Ok(Json(SavedOutcome {
        attempt_no: saved.no,
        task_phase: saved.phase,
        next_zh: saved.next_zh,
        next_en: saved.next_en,
    }))
}

/// Keeps what is filled in so far, during the call too.
#[utoipa::path(put, path = "/api/v1/calls/{id}/draft", tag = "desk", params(("id" = String, Path)),
    request_body = OutcomeChoice,
    responses((status = 204), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
        (status = 422, body = ProblemBody)))]
pub(super) async fn keep_draft(
    State(house): State<House>,
    State(desk): State<Option<Desk>>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
    JsonBody(choice): JsonBody<OutcomeChoice>,
) -> Result<StatusCode, Problem> {
    require(&house, &actor, Permission::OutcomeSave).await?;
    let desk = desk.ok_or_else(Problem::read_only)?;
    draft::keep(desk.seats.ground(), &actor, &id, choice.into()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What is filled in so far; `null` where nothing is.
#[utoipa::path(get, path = "/api/v1/calls/{id}/draft", tag = "desk", params(("id" = String, Path)),
    responses((status = 200, body = Option<OutcomeChoice>), (status = 404, body = ProblemBody)))]
pub(super) async fn draft(
    State(house): State<House>,
    State(desk): State<Option<Desk>>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
) -> Result<Json<Option<OutcomeChoice>>, Problem> {
    require(&house, &actor, Permission::OutcomeSave).await?;
    let desk = desk.ok_or_else(Problem::read_only)?;
    let form = draft::of_agent(desk.seats.ground(), &actor, &id).await?;
    note(&house, &actor, "outcome.draft_open", ("call", &id), "ok", json!({ "kept": form.is_some() })).await?;
    Ok(Json(form.map(OutcomeChoice::from)))
}

/// The calls whose outcome this agent owes (待补录).
#[utoipa::path(get, path = "/api/v1/desk/owed", tag = "desk",
    responses((status = 200, body = OwedCalls), (status = 403, body = ProblemBody)))]
pub(super) async fn owed_calls(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
) -> Result<Json<OwedCalls>, Problem> {
    require(&house, &actor, Permission::DeskWork).await?;
    let mut items = Vec::new();
    for call in owed::list(&house.db, &actor.user_id).await? {
        let row = songda_desk::calls::own(&house.db, &actor, &call.call_id).await?;
        let ticks = checklist::ticks(&house.db, &call.call_id).await?;
        items.push(OwedCall {
            technical: technical(&call.technical).unwrap_or_else(|| Words {
                code: call.technical.clone(),
                zh: call.technical.clone(),
                en: call.technical.clone(),
            }),
            ticks: tick_rows(&row.script, ticks),
            call_id: call.call_id,
            task_number: call.task_number,
            case_number: call.case_number,
            recipient: call.recipient,
            phone_masked: call.phone_masked,
            ended_at: rfc3339(call.ended_ms),
            talk_ms: call.talk_ms,
            end_reason: call.end_reason,
        });
    }
    note(&house, &actor, "outcome.owed_list", ("user", &actor.user_id), "ok", json!({ "shown": items.len() })).await?;
    Ok(Json(OwedCalls { items }))
}
