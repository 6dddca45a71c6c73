//! Health, for whoever watches the machine. No personal data, no numbers.

use axum::{Json, extract::State, http::StatusCode};
use serde_json::{Value, json};
use songda_store::jobs;

use crate::house::House;

/// `GET /health/live`: the process answers.
pub(super) async fn live() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// `GET /health/ready`: what the house needs is there.
pub(super) async fn ready(State(house): State<House>) -> (StatusCode, Json<Value>) {
    let database = house.db.ping().await.is_ok();
    let vault = house.vault.free_bytes().is_ok();
    let depth = jobs::depth(&house.db).await.unwrap_or(-1);
    let word = |well: bool| if well { "ok" } else { "failed" };
    let well = database && vault;
    let status = if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let checks = json!([
        { "name": "database", "status": word(database) },
        { "name": "vault", "status": word(vault) },
        { "name": "jobs", "status": word(depth >= 0), "detail": depth },
    ]);
    (status, Json(json!({ "status": if well { "ok" } else { "degraded" }, "checks": checks })))
}
