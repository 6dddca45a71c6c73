//! Accounts, alarms and the audit log. None of them shows content.

use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::json;
use songda_people::{Permission, users as accounts};
use songda_store::{
    alarms::{self as bells, Alarm},
    audit,
    clock::rfc3339,
};

use super::{note, require};
use crate::{
    house::House,
    input::Asked,
    problem::Problem,
    shapes::{AlarmRow, Alarms, AuditPage, AuditRow, ProblemBody, UserRow, Users},
    who::SignedIn,
};

const PAGE: i64 = 100;

pub(super) fn alarm_row(alarm: Alarm) -> AlarmRow {
    AlarmRow {
        id: alarm.id,
        kind: alarm.kind,
        object_id: alarm.object_id,
        said: alarm.said.into(),
        raised_at: rfc3339(alarm.raised_ms),
        last_at: rfc3339(alarm.last_ms),
        times: alarm.times,
    }
}

/// What somebody must look at.
#[utoipa::path(get, path = "/api/v1/alarms", tag = "admin",
    responses((status = 200, body = Alarms), (status = 403, body = ProblemBody)))]
pub(super) async fn alarms(State(house): State<House>, SignedIn(actor): SignedIn) -> Result<Json<Alarms>, Problem> {
    require(&house, &actor, Permission::AlarmsRead).await?;
    Ok(Json(Alarms { items: bells::open_for(&house.db, &actor.court_id).await?.into_iter().map(alarm_row).collect() }))
}

/// The accounts of the court.
#[utoipa::path(get, path = "/api/v1/users", tag = "admin",
    responses((status = 200, body = Users), (status = 403, body = ProblemBody)))]
pub(super) async fn users(State(house): State<House>, SignedIn(actor): SignedIn) -> Result<Json<Users>, Problem> {
    require(&house, &actor, Permission::UsersRead).await?;
    let items = accounts::list(&house.db, &actor.court_id)
        .await?
        .into_iter()
        .map(|user| UserRow {
            id: user.id,
            login: user.login,
            name: user.name,
            staff_no: user.staff_no,
            role: user.role,
            disabled: user.disabled,
        })
        .collect();
    note(&house, &actor, "user.list", ("court", &actor.court_id), "ok", json!({})).await?;
    Ok(Json(Users { items }))
}

/// Where a page of the log starts.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Before {
    /// Sequence number; rows before it are given.
    cursor: Option<i64>,
}

/// The audit log. Reading it is in it.
#[utoipa::path(get, path = "/api/v1/audit", tag = "admin", params(Before),
    responses((status = 200, body = AuditPage), (status = 403, body = ProblemBody)))]
pub(super) async fn audit_log(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Asked(before): Asked<Before>,
) -> Result<Json<AuditPage>, Problem> {
    require(&house, &actor, Permission::AuditRead).await?;
    let rows = audit::list(&house.db, &actor.court_id, before.cursor, PAGE).await?;
    note(&house, &actor, "audit.read", ("court", &actor.court_id), "ok", json!({})).await?;
    let people = songda_people::users::list(&house.db, &actor.court_id).await?;
    let name = |id: &str| people.iter().find(|user| user.id == id).map(|user| user.name.clone()).unwrap_or_default();
    let next_cursor = (rows.len() as i64 == PAGE).then(|| rows.last().map(|row| row.seq)).flatten();
    let items = rows
        .into_iter()
        .map(|row| AuditRow {
            seq: row.seq,
            at: rfc3339(row.at_ms),
            actor_name: name(&row.actor),
            actor: row.actor,
            role: row.role,
            action: row.action,
            object_kind: row.object_kind,
            object_id: row.object_id,
            ip: row.ip,
            result: row.result,
            detail: serde_json::from_str(&row.detail).unwrap_or_default(),
        })
        .collect();
    Ok(Json(AuditPage { items, next_cursor }))
}
