//! The console: files that are built in, and one entry page for its own addresses.

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use songda_web::Asset;

use crate::problem::Problem;

/// antd writes its styles while it runs; sound and PDF come from here as blobs.
const POLICY: &str = "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; \
                      style-src 'self' 'unsafe-inline'; connect-src 'self'; object-src 'none'; \
                      frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/// Whatever no route took.
pub(super) async fn page(uri: Uri) -> Response {
    let path = uri.path();
    if path.starts_with("/api/") || path.starts_with("/health/") {
        return Problem::not_found("address").into_response();
    }
    if let Some(asset) = songda_web::asset(path) {
        return answer(asset);
    }
    // A file that is gone must not come back as a page.
    if path.starts_with("/assets/") || path.rsplit('/').next().is_some_and(|name| name.contains('.')) {
        return StatusCode::NOT_FOUND.into_response();
    }
    answer(songda_web::index())
}

fn answer(asset: Asset) -> Response {
    let mut headers = HeaderMap::new();
    let kept = if asset.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    if let Ok(kind) = HeaderValue::from_str(&asset.media_type) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    (headers, asset.bytes.into_owned()).into_response()
}
