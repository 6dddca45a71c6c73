//! Signing in, health, and the browser's key over HTTP.

use serde_json::{Value, json};

use crate::running::running;

#[tokio::test]
async fn who_signs_in_learns_his_permissions_and_a_wrong_password_says_nothing() {
    let house = running().await;
    let cookie = house.cookie("J0001").await;
    let me: Value = house.ask("GET", "/api/v1/me", &cookie).send().await.unwrap().json().await.unwrap();
    assert_eq!((me["user"]["role"].as_str(), me["demo"].as_bool()), (Some("judge"), Some(true)));
    assert!(me["permissions"].as_array().unwrap().contains(&json!("case.read")));
    for (login, password) in [("J0001", "wrong"), ("nobody", "wrong")] {
        let body = json!({ "login": login, "password": password });
        let answer = house.ask("POST", "/api/v1/session", "").json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 401);
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(
            (problem["code"].as_str(), problem["detail"].as_str()),
            (Some("login.wrong"), Some("login or password is wrong"))
        );
    }
    assert_eq!(house.ask("DELETE", "/api/v1/session", &cookie).send().await.unwrap().status(), 204);
    assert_eq!(house.ask("GET", "/api/v1/me", &cookie).send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn health_says_what_is_there_and_every_answer_is_guarded() {
    let house = running().await;
    let answer = house.ask("GET", "/health/ready", "").send().await.unwrap();
    assert_eq!(answer.headers().get("x-content-type-options").unwrap(), "nosniff");
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["status"], "ok");
    let checks: Vec<_> = body["checks"].as_array().unwrap().iter().filter_map(|check| check["name"].as_str()).collect();
    for part in ["database", "keys", "vault", "jobs", "notice", "calls", "fonts"] {
        assert!(checks.contains(&part), "{part} is not in {checks:?}");
    }
    assert!(body["checks"].as_array().unwrap().iter().all(|check| check["said"].is_null()), "details are not public");
}

#[tokio::test]
async fn a_malformed_push_is_a_problem_that_names_every_field() {
    let house = running().await;
    let send = |order: &'static str| {
        let form = reqwest::multipart::Form::new().text("order", order);
        house.ask("POST", "/api/v1/orders", "").bearer_auth(&house.machine_key).multipart(form).send()
    };
    let answer = send("{ not json").await.unwrap();
    assert_eq!(answer.status(), 400);
    assert_eq!(answer.json::<Value>().await.unwrap()["code"], "push.unreadable");
    let answer =
        send(r#"{"source":"ajxt","order_no":"a b","court":"陕0102","order_kind":"?","parties":5}"#).await.unwrap();
    assert_eq!(answer.status(), 422);
    let problem: Value = answer.json().await.unwrap();
    let paths: Vec<_> =
        problem["errors"].as_array().unwrap().iter().map(|error| error["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["order_no", "order_kind", "parties"]);
    let form = reqwest::multipart::Form::new().text("file", "x");
    let answer =
        house.ask("POST", "/api/v1/orders", "").bearer_auth(&house.machine_key).multipart(form).send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["code"], "push.no_order");
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_a_problem_that_names_the_field_and_repeats_no_value() {
    let house = running().await;
    let cases = [
        (r#"{"login":13812345678,"password":"x"}"#, 422, "body.field", Some("login")),
        (r#"{"login":"x"}"#, 422, "body.field", Some(".")),
        (r#"{"login":"x""#, 400, "body.unreadable", None),
        (r#"{"login":"x","password":"y"} {}"#, 400, "body.unreadable", None),
    ];
    for (body, status, code, field) in cases {
        let request = house.ask("POST", "/api/v1/session", "").header("content-type", "application/json").body(body);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status, "{body}");
        assert_eq!(answer.headers().get("content-type").unwrap(), "application/problem+json");
        let text = answer.text().await.unwrap();
        assert!(!text.contains("13812345678"), "{text}");
        let problem: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((problem["code"].as_str(), problem["field"].as_str()), (Some(code), field), "{problem}");
    }
    let push = house.ask("POST", "/api/v1/orders", "").bearer_auth(&house.machine_key).body("order=x");
    assert_eq!(push.send().await.unwrap().json::<Value>().await.unwrap()["code"], "push.multipart");
    let plain = house.ask("POST", "/api/v1/session", "").body("login=x").send().await.unwrap();
    assert_eq!(plain.json::<Value>().await.unwrap()["code"], "body.media_type");
    let auditor = house.cookie("auditor").await;
    let wild = house.ask("GET", "/api/v1/audit?cursor=13812345678x", &auditor).send().await.unwrap();
    assert_eq!(wild.status(), 400);
    let text = wild.text().await.unwrap();
    assert!(text.contains("query.unreadable") && !text.contains("13812345678"), "{text}");
}
