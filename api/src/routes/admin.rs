//! Accounts, alarms and the audit log. None of them shows content.

use axum::{
    Json,
    extract::{Query, State},
};
use serde::Deserialize;
use serde_json::{Value, json};
use songda_people::{Permission, users as accounts};
use songda_store::{alarms as bells, audit, clock::rfc3339};

use super::{note, require};
use crate::{house::House, problem::Problem, who::SignedIn};

const PAGE: i64 = 100;

/// `GET /api/v1/alarms`
pub(super) async fn alarms(State(house): State<House>, SignedIn(actor): SignedIn) -> Result<Json<Value>, Problem> {
    require(&house, &actor, Permission::AlarmsRead).await?;
    let items: Vec<Value> = bells::open(&house.db)
        .await?
        .into_iter()
        .map(|alarm| {
            json!({ "id": alarm.id, "kind": alarm.kind, "object_id": alarm.object_id, "text": alarm.text,
                    "raised_at": rfc3339(alarm.raised_ms), "last_at": rfc3339(alarm.last_ms), "times": alarm.times })
        })
        .collect();
    Ok(Json(json!({ "items": items })))
}

/// `GET /api/v1/users`
pub(super) async fn users(State(house): State<House>, SignedIn(actor): SignedIn) -> Result<Json<Value>, Problem> {
    require(&house, &actor, Permission::UsersRead).await?;
    let items: Vec<Value> = accounts::list(&house.db, &actor.court_id)
        .await?
        .into_iter()
        .map(|user| {
            json!({ "id": user.id, "login": user.login, "name": user.name, "staff_no": user.staff_no,
                    "role": user.role, "disabled": user.disabled })
        })
        .collect();
    note(&house, &actor, "user.list", ("court", &actor.court_id), "ok", json!({})).await?;
    Ok(Json(json!({ "items": items })))
}

/// Where a page of the log starts.
#[derive(Deserialize)]
pub(super) struct Before {
    cursor: Option<i64>,
}

/// `GET /api/v1/audit`. Reading the log is in the log.
pub(super) async fn audit_log(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Query(before): Query<Before>,
) -> Result<Json<Value>, Problem> {
    require(&house, &actor, Permission::AuditRead).await?;
    let rows = audit::list(&house.db, &actor.court_id, before.cursor, PAGE).await?;
    note(&house, &actor, "audit.read", ("court", &actor.court_id), "ok", json!({})).await?;
    let next = (rows.len() as i64 == PAGE).then(|| rows.last().map(|row| row.seq)).flatten();
    let items: Vec<Value> = rows
        .into_iter()
        .map(|row| {
            json!({ "seq": row.seq, "at": rfc3339(row.at_ms), "actor": row.actor, "role": row.role,
                    "action": row.action, "object_kind": row.object_kind, "object_id": row.object_id, "ip": row.ip,
                    "result": row.result, "detail": row.detail })
        })
        .collect();
    Ok(Json(json!({ "items": items, "next_cursor": next })))
}
