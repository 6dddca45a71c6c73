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
    assert!(body["checks"].as_array().unwrap().iter().all(|check| check["detail"].is_null()), "details are not public");
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
