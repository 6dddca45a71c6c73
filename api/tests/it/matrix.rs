//! Every endpoint × role, written by hand from domain 4. A route that is not here is
//! found by the count; a role that gets in where the matrix says no is a defect.

use songda_store::audit;

use crate::{running::running, telephony};

/// method, path, then agent, supervisor, judge, clerk, admin, auditor.
const MATRIX: &[(&str, &str, [bool; 6])] = &[
    ("GET", "/api/v1/me", [true, true, true, true, true, true]),
    ("POST", "/api/v1/session/key", [true, false, false, false, false, false]),
    ("GET", "/api/v1/outcomes", [true, true, true, true, false, false]),
    ("GET", "/api/v1/cases", [false, true, true, true, false, false]),
    ("GET", "/api/v1/cases/none", [false, true, true, true, false, false]),
    ("GET", "/api/v1/tasks", [false, true, true, true, false, false]),
    ("GET", "/api/v1/tasks/none", [false, true, true, true, false, false]),
    ("GET", "/api/v1/desk/ws", [true, false, false, false, false, false]),
    ("GET", "/api/v1/desk/owed", [true, false, false, false, false, false]),
    ("GET", "/api/v1/desk/transfer-targets", [true, false, false, false, false, false]),
    ("POST", "/api/v1/calls/none/outcome", [true, false, false, false, false, false]),
    ("PUT", "/api/v1/calls/none/draft", [true, false, false, false, false, false]),
    ("GET", "/api/v1/calls/none/draft", [true, false, false, false, false, false]),
    ("GET", "/api/v1/calls/none", [false, true, true, true, false, false]),
    ("GET", "/api/v1/calls/none/recording", [false, true, true, true, false, false]),
    ("GET", "/api/v1/calls/none/recording/audio", [false, true, true, true, false, false]),
    ("GET", "/api/v1/calls/none/recording/peaks", [false, true, true, true, false, false]),
    ("GET", "/api/v1/calls/none/recording/download", [false, false, true, true, false, false]),
    ("GET", "/api/v1/calls/none/transcript", [false, true, true, true, false, false]),
    ("GET", "/api/v1/calls/none/transcript/download", [false, true, true, true, false, false]),
    ("PUT", "/api/v1/calls/none/transcript/lines/1", [false, true, true, true, false, false]),
    ("GET", "/api/v1/reports/none/pdf", [false, true, true, true, false, false]),
    ("GET", "/api/v1/health", [false, true, false, false, true, false]),
    ("GET", "/api/v1/overview", [false, true, false, false, false, false]),
    ("GET", "/api/v1/supervision/ws", [false, true, false, false, false, false]),
    ("GET", "/api/v1/settings", [false, true, false, false, false, false]),
    ("PUT", "/api/v1/settings", [false, true, false, false, false, false]),
    ("GET", "/api/v1/settings/inbound", [false, true, false, false, false, false]),
    ("PUT", "/api/v1/settings/inbound", [false, true, false, false, false, false]),
    ("GET", "/api/v1/inbound", [false, true, false, false, false, false]),
    ("POST", "/api/v1/inbound/none/link", [false, true, false, false, false, false]),
    ("POST", "/api/v1/inbound/none/dismiss", [false, true, false, false, false, false]),
    ("GET", "/api/v1/inbound/none/audio", [false, true, false, false, false, false]),
    ("GET", "/api/v1/inbound/none/transcript", [false, true, false, false, false, false]),
    ("GET", "/api/v1/orders", [false, true, true, true, false, false]),
    ("GET", "/api/v1/alarms", [false, true, false, false, true, false]),
    ("GET", "/api/v1/telephony/trunks", [false, false, false, false, true, false]),
    ("POST", "/api/v1/telephony/trunks", [false, false, false, false, true, false]),
    ("PUT", "/api/v1/telephony/trunks/none", [false, false, false, false, true, false]),
    ("POST", "/api/v1/telephony/trunks/none/pause", [false, false, false, false, true, false]),
    ("POST", "/api/v1/telephony/trunks/none/retry", [false, false, false, false, true, false]),
    ("GET", "/api/v1/telephony/trunks/none/causes", [false, false, false, false, true, false]),
    ("PUT", "/api/v1/telephony/trunks/none/causes", [false, false, false, false, true, false]),
    ("GET", "/api/v1/telephony/numbers", [false, false, false, false, true, false]),
    ("POST", "/api/v1/telephony/numbers", [false, false, false, false, true, false]),
    ("PUT", "/api/v1/telephony/numbers/none", [false, false, false, false, true, false]),
    ("POST", "/api/v1/telephony/numbers/none/pause", [false, false, false, false, true, false]),
    ("POST", "/api/v1/telephony/proofs", [false, false, false, false, true, false]),
    ("GET", "/api/v1/telephony/numbers/none/proof", [false, false, false, false, true, false]),
    ("GET", "/api/v1/telephony/phones", [false, false, false, false, true, false]),
    ("POST", "/api/v1/telephony/phones", [false, false, false, false, true, false]),
    ("PUT", "/api/v1/telephony/phones/none", [false, false, false, false, true, false]),
    ("POST", "/api/v1/telephony/phones/none/password", [false, false, false, false, true, false]),
    ("PUT", "/api/v1/telephony/phones/none/state", [false, false, false, false, true, false]),
    ("DELETE", "/api/v1/telephony/phones/none", [false, false, false, false, true, false]),
    ("GET", "/api/v1/telephony/calls/none/ladder", [false, false, false, false, true, false]),
    ("GET", "/api/v1/telephony/changes", [false, false, false, false, true, false]),
    ("GET", "/api/v1/telephony/changes/none/proof", [false, false, false, false, true, false]),
    ("POST", "/api/v1/telephony/changes/none/decision", [false, false, false, false, true, false]),
    ("GET", "/api/v1/cases/none/holds", [false, true, true, true, false, false]),
    ("POST", "/api/v1/cases/none/holds", [false, true, true, false, false, false]),
    ("POST", "/api/v1/cases/none/holds/lift", [false, true, true, false, false, false]),
    ("GET", "/api/v1/evidence/roots", [false, true, false, false, true, false]),
    ("GET", "/api/v1/evidence/doubts", [false, true, false, false, true, false]),
    ("POST", "/api/v1/evidence/doubts/none/clear", [false, true, false, false, false, false]),
    ("GET", "/api/v1/retention", [false, true, false, false, true, false]),
    ("GET", "/api/v1/retention/plan", [false, true, false, false, true, false]),
    ("GET", "/api/v1/retention/contract-end", [false, true, false, false, true, false]),
    ("POST", "/api/v1/retention/contract-end", [false, false, false, false, true, false]),
    ("POST", "/api/v1/retention/policy", [false, false, false, false, true, false]),
    ("POST", "/api/v1/retention/deletions", [false, false, false, false, true, false]),
    ("GET", "/api/v1/retention/requests/none", [false, true, false, false, true, false]),
    ("POST", "/api/v1/retention/requests/none/decision", [false, true, false, false, false, false]),
    ("POST", "/api/v1/retention/requests/none/withdraw", [false, false, false, false, true, false]),
    ("POST", "/api/v1/retention/requests/none/end", [false, false, false, false, true, false]),
    ("POST", "/api/v1/retention/requests/none/end/decision", [false, true, false, false, false, false]),
    ("GET", "/api/v1/retention/certificates/none", [false, true, false, false, true, false]),
    ("GET", "/api/v1/users", [false, false, false, false, true, false]),
    ("GET", "/api/v1/audit", [false, false, false, false, false, true]),
    ("DELETE", "/api/v1/session", [true, true, true, true, true, true]),
];

/// Routes that need no session, each with its reason.
const OPEN: &[(&str, &str)] = &[
    ("GET", "/health/live"),      // says only that the process answers
    ("GET", "/health/ready"),     // says only which part is well
    ("GET", "/api/openapi.json"), // the contract
    ("POST", "/api/v1/session"),  // signing in
    ("POST", "/api/v1/orders"),   // a machine account's key
];

/// A body that is readable, so that the role is what decides.
fn body(path: &str) -> serde_json::Value {
    if path.ends_with("/session/key") {
        serde_json::json!({ "public_key": "AA" })
    } else if path.ends_with("/settings/inbound") {
        serde_json::json!({ "days": [1, 2, 3, 4, 5], "opens": "08:30", "closes": "17:30", "wait_s": 60, "message_s": 120 })
    } else if path.ends_with("/link") {
        serde_json::json!({ "task": "none" })
    } else if path.ends_with("/dismiss") {
        serde_json::json!({ "reason": "推销电话" })
    } else if path.ends_with("/settings") {
        serde_json::json!({ "wrap_up": { "policy": "time_boxed", "seconds": 60 } })
    } else if path.contains("/holds") || path.ends_with("/clear") {
        serde_json::json!({ "reason": "再审立案" })
    } else if path.ends_with("/retention/policy") {
        serde_json::json!({ "days": {} })
    } else if path.ends_with("/requests/none/end") {
        serde_json::json!({ "reason": "先停下" })
    } else if path.ends_with("/end/decision") {
        serde_json::json!({ "end": true })
    } else if path.ends_with("/requests/none/decision") {
        serde_json::json!({ "approve": true })
    } else if path.contains("/telephony/") {
        telephony::body(path)
    } else if path.contains("/transcript/lines/") {
        serde_json::json!({ "text": "更正" })
    } else {
        serde_json::json!({})
    }
}

#[test]
fn every_described_endpoint_has_its_row() {
    let document = serde_json::to_value(songda_api::routes::document()).unwrap();
    let described: std::collections::BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            let path = path.replace("{id}", "none").replace("{no}", "1");
            methods
                .as_object()
                .unwrap()
                .keys()
                .map(move |method| (method.to_uppercase(), path.clone()))
                .collect::<Vec<_>>()
        })
        .collect();
    let rows = MATRIX.iter().map(|(method, path, _)| (*method, *path)).chain(OPEN.iter().copied());
    let written: std::collections::BTreeSet<(String, String)> =
        rows.map(|(method, path)| (method.to_owned(), path.to_owned())).collect();
    let without: Vec<_> = written.difference(&described).filter(|(_, path)| path != "/api/openapi.json").collect();
    assert!(without.is_empty(), "not described: {without:?}");
    let missing: Vec<_> = described.difference(&written).collect();
    assert!(missing.is_empty(), "no row: {missing:?}");
}

const LOGINS: [&str; 6] = ["agent", "supervisor", "J0001", "C0001", "admin", "auditor"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_endpoint_lets_in_who_may_and_nobody_else() {
    let house = running().await;
    for (column, login) in LOGINS.into_iter().enumerate() {
        let cookie = house.cookie(login).await;
        let mut denied = 0;
        for (method, path, row) in MATRIX {
            let mut request = house.ask(method, path, &cookie);
            if *method != "GET" {
                request = request.json(&body(path));
            }
            let status = request.send().await.unwrap().status().as_u16();
            if row[column] {
                assert!(![401, 403].contains(&status), "{login} {method} {path}: {status}");
            } else {
                denied += 1;
                assert_eq!(status, 403, "{login} {method} {path}");
            }
        }
        let rows = audit::list(&house.house.db, &court(&house.house).await, None, 500).await.unwrap();
        let written = rows.iter().filter(|row| row.result == "denied" && row.role == role(login)).count();
        assert!(written >= denied, "{login}: each refusal is in the log");
    }
}

fn role(login: &str) -> &str {
    match login {
        "J0001" => "judge",
        "C0001" => "clerk",
        other => other,
    }
}

async fn court(house: &songda_api::house::House) -> String {
    songda_people::courts::list(&house.db).await.unwrap().remove(0).id
}

#[tokio::test]
async fn nobody_gets_in_without_a_session_and_a_push_needs_its_key() {
    let house = running().await;
    for (method, path, _) in MATRIX {
        let mut request = house.ask(method, path, "songda=forged");
        if *method != "GET" {
            request = request.json(&body(path));
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 401, "{method} {path}");
        assert_eq!(answer.headers().get("content-type").unwrap(), "application/problem+json");
    }
    let cookie = house.cookie("J0001").await;
    assert_eq!(house.ask("POST", "/api/v1/orders", &cookie).send().await.unwrap().status(), 401);
    assert_eq!(house.ask("GET", "/api/v1/nothing", &cookie).send().await.unwrap().status(), 404);
    assert_eq!(house.ask("PATCH", "/api/v1/me", &cookie).send().await.unwrap().status(), 405);
    let foreign = house.ask("DELETE", "/api/v1/session", &cookie).header("origin", "https://evil.example");
    assert_eq!(foreign.send().await.unwrap().status(), 403, "another site cannot sign anybody out");
}
