//! Trunks, numbers and what causes mean. Domain 4 gives them to administrators, two for each
//! change: one asks, another approves. Taking out of use needs one.

mod causes;
mod changes;
mod live;
mod numbers;
mod phones;
mod trunks;

pub(super) use self::{
    causes::{causes, change_causes},
    changes::{change_proof, changes, decide},
    live::ladder,
    numbers::{add_number, change_number, numbers, pause_number, proof, upload_proof},
    phones::{add_phone, change_phone, phones, remove_phone, renew_phone, switch_phone},
    trunks::{add_trunk, change_trunk, pause_trunk, retry_trunk, trunks},
};

/// The documents of the handlers, for the list in `document`.
pub(super) mod described {
    pub(crate) use super::{
        causes::{__path_causes, __path_change_causes},
        changes::{__path_change_proof, __path_changes, __path_decide},
        live::__path_ladder,
        numbers::{
            __path_add_number, __path_change_number, __path_numbers, __path_pause_number, __path_proof,
            __path_upload_proof,
        },
        phones::{
            __path_add_phone, __path_change_phone, __path_phones, __path_remove_phone, __path_renew_phone,
            __path_switch_phone,
        },
        trunks::{__path_add_trunk, __path_change_trunk, __path_pause_trunk, __path_retry_trunk, __path_trunks},
    };
}

use std::collections::HashMap;

use axum::http::StatusCode;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;
use songda_desk::telephony::changes::{ChangeRow, Desk, Wanted, ask};
use songda_people::{Actor, users};
use songda_store::{StoreError, clock::rfc3339};

use crate::{
    house::House,
    problem::Problem,
    shapes::{ChangeKind, ChangeState, ChangeView},
};

/// What the desk keeps, as the contract shows it.
fn shown<T: DeserializeOwned>(kept: impl Serialize) -> Result<T, Problem> {
    let value = serde_json::to_value(kept).and_then(serde_json::from_value);
    value.map_err(|error| StoreError::internal("showing a trunk or number", error).into())
}

/// What came in, as the desk takes it; what does not fit is named by its field.
fn taken<T: DeserializeOwned>(form: impl Serialize) -> Result<T, Problem> {
    let value = serde_json::to_value(form).unwrap_or_default();
    serde_path_to_error::deserialize(value).map_err(|error| {
        let field = error.path().to_string();
        let text = format!("{field} does not fit: {}", error.inner());
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "telephony.unfit", text).with("field", json!(field))
    })
}

fn desk(house: &House) -> Desk<'_> {
    Desk { db: &house.db, clock: &house.clock, sealer: &house.sealer, demo: house.demo }
}

/// Asks for a change, and shows it as it waits.
async fn asked(
    house: &House,
    actor: &Actor,
    object: Option<&str>,
    base: i64,
    wanted: &Wanted,
) -> Result<ChangeView, Problem> {
    let row = ask(desk(house), actor, object, base, wanted).await?;
    view(&names(house, actor).await?, actor, row)
}

/// Names of the court's people, by id.
async fn names(house: &House, actor: &Actor) -> Result<HashMap<String, String>, Problem> {
    let users = users::list(&house.db, &actor.court_id).await?;
    Ok(users.into_iter().map(|user| (user.id, user.name)).collect())
}

fn view(names: &HashMap<String, String>, actor: &Actor, row: ChangeRow) -> Result<ChangeView, Problem> {
    let name = |id: &String| names.get(id).cloned().unwrap_or_default();
    let (kind, state): (ChangeKind, ChangeState) = (shown(&row.kind)?, shown(&row.state)?);
    Ok(ChangeView {
        kind,
        state,
        is_new: row.base_version == 0 && row.kind != "causes",
        proof: row.proof.is_some(),
        to: row.shown,
        asked_by_name: name(&row.asked_by),
        asked_at: rfc3339(row.asked_ms),
        decided_by_name: row.decided_by.as_ref().map(name),
        decided_at: row.decided_ms.map(rfc3339),
        reason: row.reason,
        own: row.asked_by == actor.user_id,
        id: row.id,
        object_id: row.object_id,
    })
}
