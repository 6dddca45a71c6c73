//! Errors as `application/problem+json` (RFC 9457) with a stable code.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use songda_desk::DeskError;
use songda_papers::PapersError;
use songda_people::PeopleError;
use songda_service::{ServiceError, retention::Removal};
use songda_store::StoreError;

use crate::shapes::RemovalView;

/// An error as it is told outside. What happened inside stands in the log.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    more: Value,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), more: Value::Null }
    }

    /// Adds a member, e.g. `errors`.
    pub(crate) fn with(mut self, name: &str, value: Value) -> Self {
        if self.more.is_null() {
            self.more = json!({});
        }
        self.more[name] = value;
        self
    }

    pub(crate) fn not_found(kind: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no such {kind} here"))
    }

    /// Two persons decided that it goes: when, on what ground, and which certificate tells.
    pub(crate) fn deleted(kind: &str, removal: Option<Removal>) -> Self {
        let Some(removal) = removal.map(RemovalView::from) else {
            let text = format!("the {kind} is being deleted by decision of two persons");
            return Self::new(StatusCode::GONE, "evidence.deleted", text);
        };
        let why = if removal.ground == "period" { "its time was over" } else { "the contract had ended" };
        let text = format!(
            "the {kind} was deleted on {}, because {why}, by decision of two persons; the deletion certificate names its hashes",
            removal.deleted_at
        );
        Self::new(StatusCode::GONE, "evidence.deleted", text)
            .with("deleted_at", json!(removal.deleted_at))
            .with("ground", json!(removal.ground))
            .with("certificate", json!(removal.certificate))
    }

    pub(crate) fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "your role does not allow this")
    }

    /// The key is missing: nothing sealed can be read or written.
    pub(crate) fn read_only() -> Self {
        let text =
            "the house is read-only, because its key is missing; the health page of the administrator says what to do";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "house.read_only", text)
    }

    pub(crate) fn no_session() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "session.missing", "sign in first")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": self.detail,
        });
        if let Some(more) = self.more.as_object() {
            for (name, value) in more {
                body[name] = value.clone();
            }
        }
        let mut response = (self.status, Json(body)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a request failed");
        if matches!(error, StoreError::Full) {
            let text = "the disk of the server is full: nothing was written down; try again when there is room";
            return Self::new(StatusCode::INSUFFICIENT_STORAGE, "house.disk_full", text);
        }
        // Whoever looks at the evidence in turn marks it, and people are told.
        if matches!(error, StoreError::FileMissing(_)) {
            let text = "the file is not there: it is looked into, and is given out again once it is restored";
            return Self::new(StatusCode::NOT_FOUND, "file.missing", text);
        }
        if matches!(error, StoreError::FileAltered(_)) {
            let text = "the file is not what was entered and is not given out: it is looked into";
            return Self::new(StatusCode::CONFLICT, "file.altered", text);
        }
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the server could not do this; it was written down")
    }
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::NotFound { kind } => Self::not_found(kind),
            ServiceError::Store(error) => error.into(),
            ServiceError::Refused { code, field: "", text } => {
                let own = code.rsplit('.').next() == Some("own");
                Self::new(if own { StatusCode::FORBIDDEN } else { StatusCode::CONFLICT }, code, text)
            }
            ServiceError::Refused { code, field, text } => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, text).with("field", json!(field))
            }
            other => Self::new(StatusCode::CONFLICT, "wrong_state", other.to_string()),
        }
    }
}

impl From<PeopleError> for Problem {
    fn from(error: PeopleError) -> Self {
        let text = error.to_string();
        match error {
            PeopleError::Wrong => Self::new(StatusCode::UNAUTHORIZED, "login.wrong", text),
            PeopleError::Locked { until_ms } => Self::new(StatusCode::LOCKED, "login.locked", text)
                .with("until_at", json!(songda_store::clock::rfc3339(until_ms))),
            PeopleError::Disabled => Self::new(StatusCode::FORBIDDEN, "login.disabled", text),
            PeopleError::BadKey => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "key.bad", text),
            PeopleError::Store(error) => error.into(),
            _ => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "people.refused", text),
        }
    }
}

impl From<DeskError> for Problem {
    fn from(error: DeskError) -> Self {
        match error {
            DeskError::Service(error) => error.into(),
            DeskError::Outcome(refusal) => {
                let status = match refusal.code {
                    "call.not_ended" => StatusCode::CONFLICT,
                    _ => StatusCode::UNPROCESSABLE_ENTITY,
                };
                Self::new(status, refusal.code, refusal.text.clone())
                    .with("field", json!(refusal.field))
                    .with("missing", json!(refusal.missing))
            }
            DeskError::Unfit(unfit) if unfit.field.is_empty() => {
                let status = if unfit.code == "change.own" { StatusCode::FORBIDDEN } else { StatusCode::CONFLICT };
                Self::new(status, unfit.code, unfit.text)
            }
            DeskError::Unfit(unfit) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, unfit.code, unfit.text).with("field", json!(unfit.field))
            }
            DeskError::NoRoute(why) => Self::new(StatusCode::CONFLICT, why.code(), why.to_string()),
            DeskError::OutcomeSaved => Self::new(StatusCode::CONFLICT, "outcome.already_saved", error.to_string()),
            other => StoreError::internal("working at the desk", other).into(),
        }
    }
}

impl From<PapersError> for Problem {
    fn from(error: PapersError) -> Self {
        match error {
            PapersError::Service(error) => error.into(),
            PapersError::Store(error) => error.into(),
            other => StoreError::internal("reading a paper", other).into(),
        }
    }
}
