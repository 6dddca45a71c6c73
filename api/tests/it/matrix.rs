//! Every endpoint × role, written by hand from domain 4. A route that is not here is
//! found by the count; a role that gets in where the matrix says no is a defect.

use songda_store::audit;

use crate::running::running;

/// method, path, then agent, supervisor, judge, clerk, admin, auditor.
const MATRIX: &[(&str, &str, [bool; 6])] = &[
    ("GET", "/api/v1/me", [true, true, true, true, true, true]),
    ("POST", "/api/v1/session/key", [true, false, false, false, false, false]),
    ("GET", "/api/v1/outcomes", [true, true, true, true, false, false]),
    ("GET", "/api/v1/cases", [false, true, true, true, false, false]),
    ("GET", "/api/v1/cases/none", [false, true, true, true, false, false]),
    ("GET", "/api/v1/tasks", [false, true, true, true, false, false]),
    ("GET", "/api/v1/tasks/none", [false, true, true, true, false, false]),
    ("GET", "/api/v1/overview", [false, true, false, false, false, false]),
    ("GET", "/api/v1/orders", [false, true, true, true, false, false]),
    ("GET", "/api/v1/alarms", [false, true, false, false, true, false]),
    ("GET", "/api/v1/users", [false, false, false, false, true, false]),
    ("GET", "/api/v1/audit", [false, false, false, false, false, true]),
    ("DELETE", "/api/v1/session", [true, true, true, true, true, true]),
];

const LOGINS: [&str; 6] = ["agent", "supervisor", "J0001", "C0001", "admin", "auditor"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_endpoint_lets_in_who_may_and_nobody_else() {
    let house = running().await;
    for (column, login) in LOGINS.into_iter().enumerate() {
        let cookie = house.cookie(login).await;
        let mut denied = 0;
        for (method, path, row) in MATRIX {
            let mut request = house.ask(method, path, &cookie);
            if *method == "POST" {
                request = request.json(&serde_json::json!({ "public_key": "AA" }));
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
        if *method == "POST" {
            request = request.json(&serde_json::json!({ "public_key": "AA" }));
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
