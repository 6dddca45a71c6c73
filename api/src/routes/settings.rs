//! How a court works at the desk.

use axum::{Json, extract::State, http::StatusCode};
use serde_json::json;
use songda_desk::settings::{self, Settings, SupervisionShown, WRAP_UP_S, WrapUp};
use songda_people::Permission;

use super::{note, require};
use crate::{
    house::House,
    input::JsonBody,
    problem::Problem,
    shapes::{DeskSettings, ProblemBody, WrapUpSetting},
    who::SignedIn,
};

fn shape(settings: Settings) -> DeskSettings {
    DeskSettings {
        wrap_up: WrapUpSetting { policy: settings.wrap_up.word().to_owned(), seconds: settings.wrap_up_s },
        supervision_shown: Some(settings.supervision.word().to_owned()),
    }
}

/// How the court works at the desk.
#[utoipa::path(get, path = "/api/v1/settings", tag = "supervisor",
    responses((status = 200, body = DeskSettings), (status = 403, body = ProblemBody)))]
pub(super) async fn settings(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
) -> Result<Json<DeskSettings>, Problem> {
    require(&house, &actor, Permission::SettingsManage).await?;
    let found = settings::of(&house.db, &actor.court_id).await?;
    note(&house, &actor, "settings.open", ("court", &actor.court_id), "ok", json!({})).await?;
    Ok(Json(shape(found)))
}

/// Changes it; calls that are being wrapped up keep the time they have.
#[utoipa::path(put, path = "/api/v1/settings", tag = "supervisor", request_body = DeskSettings,
    responses((status = 200, body = DeskSettings), (status = 403, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub(super) async fn change(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    JsonBody(wanted): JsonBody<DeskSettings>,
) -> Result<Json<DeskSettings>, Problem> {
    require(&house, &actor, Permission::SettingsManage).await?;
    let unfit = |field: &str, text: String| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "settings.unfit", text).with("field", json!(field))
    };
    let wrap_up = WrapUp::parse(&wanted.wrap_up.policy).ok_or_else(|| {
        let known: Vec<&str> = WrapUp::ALL.into_iter().map(WrapUp::word).collect();
        unfit("wrap_up.policy", format!("must be one of {}", known.join(", ")))
    })?;
    if !WRAP_UP_S.contains(&wanted.wrap_up.seconds) {
        let (from, to) = (WRAP_UP_S.start(), WRAP_UP_S.end());
        return Err(unfit("wrap_up.seconds", format!("must lie between {from} and {to}")));
    }
    let supervision = match wanted.supervision_shown {
        Some(word) => SupervisionShown::parse(&word)
            .ok_or_else(|| unfit("supervision_shown", "must be one of spoken, always".to_owned()))?,
        None => settings::of(&house.db, &actor.court_id).await?.supervision,
    };
    let to = Settings { wrap_up, wrap_up_s: wanted.wrap_up.seconds, supervision };
    settings::change(&house.db, &house.clock, &actor, &to).await?;
    Ok(Json(shape(to)))
}
