//! Orders: pushed by the case system, and those that wait for correction.

use std::collections::HashMap;

use axum::{
    Json,
    extract::{Multipart, State, multipart::MultipartRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde_json::json;
use songda_link::push::{PushError, Pushed};
use songda_people::Permission;
use songda_service::cases;

use super::{note, require};
use crate::{
    desk::Desk,
    house::House,
    problem::Problem,
    shapes::{Orders, ProblemBody},
    who::{Pusher, SignedIn},
};

/// Most files in one push.
const FILES: usize = 1_000;

/// `POST /api/v1/orders`: the message of domain 8.1 as `multipart/form-data`.
#[utoipa::path(post, path = "/api/v1/orders", tag = "push",
    request_body(content_type = "multipart/form-data", description = "Part `order`: the message as JSON; one part per file"),
    responses((status = 201, body = Value), (status = 200, body = Value), (status = 202, body = Value),
        (status = 400, body = ProblemBody), (status = 401, body = ProblemBody), (status = 409, body = ProblemBody),
        (status = 422, body = ProblemBody)))]
pub(super) async fn push(
    State(house): State<House>,
    State(desk): State<Option<Desk>>,
    pusher: Pusher,
    form: Result<Multipart, MultipartRejection>,
) -> Result<Response, Problem> {
    let form = form.map_err(|rejection| {
        let text = "send the push as multipart/form-data with a boundary";
        Problem::new(rejection.status(), "push.multipart", text)
    })?;
    let (order, files) = parts(form).await?;
    let pushed = house.push().receive(&pusher.machine, &pusher.ip, &order, files).await.map_err(problem)?;
    let (status, answer) = match pushed {
        Pushed::Received(answer) => {
            // Who is ready and waits gets it at once.
            if let Some(desk) = desk {
                desk.seats.queue_changed();
            }
            (StatusCode::CREATED, answer)
        }
        Pushed::Incomplete(answer) => (StatusCode::ACCEPTED, answer),
        Pushed::Duplicate(answer) => (StatusCode::OK, answer),
    };
    Ok((status, Json(answer)).into_response())
}

async fn parts(mut form: Multipart) -> Result<(Bytes, HashMap<String, Bytes>), Problem> {
    let broken = |error: axum::extract::multipart::MultipartError| {
        Problem::new(error.status(), "push.multipart", "a part of the form cannot be read, or it is too large")
    };
    let mut order = None;
    let mut files = HashMap::new();
    while let Some(field) = form.next_field().await.map_err(broken)? {
        let name = field.name().unwrap_or_default().to_owned();
        let bytes = field.bytes().await.map_err(broken)?;
        let twice = if name == "order" { order.replace(bytes).is_some() } else { files.insert(name, bytes).is_some() };
        if twice || files.len() > FILES {
            return Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "push.parts",
                "a part stands twice, or there are too many",
            ));
        }
    }
    let order = order.ok_or_else(|| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "push.no_order", "the part `order` with the message is missing")
    })?;
    Ok((order, files))
}

fn problem(error: PushError) -> Problem {
    let text = error.to_string();
    match error {
        PushError::Unreadable(_) => Problem::new(StatusCode::BAD_REQUEST, "push.unreadable", text),
        PushError::Wrong(errors) => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "push.wrong", text).with("errors", json!(errors))
        }
        PushError::Foreign => Problem::new(StatusCode::FORBIDDEN, "push.foreign", text),
        PushError::Conflict { differing } => {
            Problem::new(StatusCode::CONFLICT, "push.conflict", text).with("differing", json!(differing))
        }
        PushError::RevisionTaken { last } => {
            Problem::new(StatusCode::CONFLICT, "push.revision_taken", text).with("last", json!(last))
        }
        PushError::Service(error) => error.into(),
    }
}

/// `GET /api/v1/orders`: those that wait for correction (待补正).
#[utoipa::path(get, path = "/api/v1/orders", tag = "court",
    responses((status = 200, body = Orders), (status = 403, body = ProblemBody)))]
pub(super) async fn incomplete(State(house): State<House>, SignedIn(actor): SignedIn) -> Result<Json<Orders>, Problem> {
    require(&house, &actor, Permission::OrdersRead).await?;
    let orders = cases::incomplete_orders(&house.db, &actor.court_id).await?;
    note(&house, &actor, "order.list", ("court", &actor.court_id), "ok", json!({ "shown": orders.len() })).await?;
    Ok(Json(Orders { items: orders.into_iter().map(super::court::order_row).collect() }))
}
