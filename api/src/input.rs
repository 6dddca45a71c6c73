//! What a request carries, read so that a mistake is a problem with its field.
//!
//! The reason names the field and never repeats its value: a value may be a number.

use axum::{
    extract::{FromRequest, FromRequestParts, Query, Request},
    http::{StatusCode, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::problem::Problem;

/// A JSON body.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if kind.and_then(|kind| kind.split(';').next()).map(str::trim) != Some("application/json") {
            let text = "send the body as application/json";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "body.media_type", text).into_response());
        }
        let bytes = axum::body::Bytes::from_request(request, state).await.map_err(|_| {
            let text = "the body is larger than this address takes, or was cut off";
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body.too_large", text).into_response()
        })?;
        let mut reader = serde_json::Deserializer::from_slice(&bytes);
        let read = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let (path, cause) = (error.path().to_string(), error.inner());
            if cause.is_data() {
                let text = format!("`{path}` lacks something, or something in it is of the wrong kind");
                return Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "body.field", text).with("field", json!(path));
            }
            let text = format!("the body is no JSON: line {}, column {}", cause.line(), cause.column());
            Problem::new(StatusCode::BAD_REQUEST, "body.unreadable", text)
        });
        let value = read.map_err(Problem::into_response)?;
        reader.end().map_err(|_| {
            Problem::new(StatusCode::BAD_REQUEST, "body.unreadable", "something follows the JSON").into_response()
        })?;
        Ok(Self(value))
    }
}

/// The values behind the question mark.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(value)) => Ok(Self(value)),
            Err(_) => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "query.unreadable",
                "a value behind the question mark is of the wrong kind; the description lists what is taken",
            )),
        }
    }
}
