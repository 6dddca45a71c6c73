//! The committed OpenAPI document is the one that this version serves.

use std::path::Path;

#[test]
fn the_committed_document_is_the_one_that_is_served() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let made = songda_api::routes::document().to_pretty_json().unwrap() + "\n";
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == made, "api/openapi.json is not up to date: run the tests once with UPDATE_OPENAPI=1");
    assert!(made.contains("\"openapi\": \"3.1"), "OpenAPI 3.1");
}
