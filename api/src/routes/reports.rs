//! Reports as PDF.

use axum::{
    extract::{Path, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;
use songda_papers::reports;
use songda_people::Permission;
use songda_service::retention::removal;

use super::{court::own_case, note, require};
use crate::{house::House, input::Asked, problem::Problem, shapes::ProblemBody, who::SignedIn};

/// How the file is wanted.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct How {
    /// 1: as a file to keep.
    download: Option<u8>,
}

/// One version of a report.
#[utoipa::path(get, path = "/api/v1/reports/{id}/pdf", tag = "court", params(("id" = String, Path), How),
    responses((status = 200, content_type = "application/pdf"), (status = 404, body = ProblemBody),
        (status = 410, body = ProblemBody)))]
pub(super) async fn pdf(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
    Asked(how): Asked<How>,
) -> Result<Response, Problem> {
    require(&house, &actor, Permission::ReportRead).await?;
    let report = reports::find(&house.db, &actor.court_id, &id).await?;
    own_case(&house, &actor, &report.case_id, "report").await?;
    if let Some(removal) = removal(&house.db, &report.object_id).await? {
        return Err(Problem::deleted("report", Some(removal)));
    }
    let bytes = reports::pdf(&house.db, &house.objects, &actor.court_id, &id).await?;
    let keep = how.download == Some(1);
    let action = if keep { "report.download" } else { "report.open" };
    let detail = json!({ "version": report.version, "sha256": report.sha256 });
    note(&house, &actor, action, ("report", &id), "ok", detail).await?;
    let place = if keep { "attachment" } else { "inline" };
    let name = format!("{place}; filename=\"report-{id}-v{}.pdf\"", report.version);
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/pdf"));
    if let Ok(name) = HeaderValue::from_str(&name) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}
