//! How a court works at the desk, and what an outcome asks for, over HTTP.

use serde_json::{Value, json};

use crate::running::{Running, running};

async fn put(house: &Running, cookie: &str, body: Value) -> (u16, Value) {
    let answer = house.ask("PUT", "/api/v1/settings", cookie).json(&body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn a_supervisor_sets_the_time_after_a_call_and_what_does_not_fit_is_named() {
    let house = running().await;
    let supervisor = house.cookie("supervisor").await;
    let read = async || -> Value {
        house.ask("GET", "/api/v1/settings", &supervisor).send().await.unwrap().json().await.unwrap()
    };
    let first = json!({ "wrap_up": { "policy": "time_boxed", "seconds": 60 }, "supervision_shown": "spoken" });
    assert_eq!(read().await, first);
    let mut wanted = first.clone();
    wanted["supervision_shown"] = json!("always");
    assert_eq!(put(&house, &supervisor, wanted.clone()).await, (200, wanted.clone()));
    // What is left out stays as it is.
    wanted["wrap_up"] = json!({ "policy": "time_boxed_no_early_exit", "seconds": 120 });
    let only = json!({ "wrap_up": wanted["wrap_up"] });
    assert_eq!(put(&house, &supervisor, only).await, (200, wanted.clone()));
    for (body, field) in [
        (json!({ "wrap_up": { "policy": "never", "seconds": 60 } }), "wrap_up.policy"),
        (json!({ "wrap_up": { "policy": "optional", "seconds": 9 } }), "wrap_up.seconds"),
        (json!({ "wrap_up": { "policy": "optional", "seconds": 901 } }), "wrap_up.seconds"),
        (json!({ "wrap_up": { "policy": "optional" } }), "wrap_up"),
        (json!({ "wrap_up": { "policy": "optional", "seconds": 60 }, "supervision_shown": "x" }), "supervision_shown"),
        (json!({ "wrap_up": { "policy": "optional", "seconds": 60 }, "more": 1 }), "more"),
    ] {
        let (status, problem) = put(&house, &supervisor, body).await;
        assert_eq!((status, problem["field"].as_str()), (422, Some(field)), "{problem}");
    }
    assert_eq!(read().await, wanted, "what was refused changed nothing");
}

#[tokio::test]
async fn the_outcome_table_says_what_each_code_asks_for() {
    let house = running().await;
    let agent = house.cookie("agent").await;
    let table: Value = house.ask("GET", "/api/v1/outcomes", &agent).send().await.unwrap().json().await.unwrap();
    assert_eq!(table["version"], 2);
    let business =
        |code: &str| table["businesses"].as_array().unwrap().iter().find(|item| item["code"] == code).unwrap().clone();
    assert_eq!(business("B01")["one_of"], json!([["mobile", "email"]]));
    assert_eq!(
        (&business("B01")["fields"][0]["kind"], &business("B01")["fields"][0]["write_only"]),
        (&json!("mobile"), &json!(true))
    );
    let states: Vec<Value> = business("B11")["fields"][0]["options"]
        .as_array()
        .unwrap()
        .iter()
        .map(|option| option["code"].clone())
        .collect();
    assert_eq!(states, ["a", "b", "c", "d", "e", "f", "g"]);
    assert_eq!(business("B05")["fields"], json!([]));
}

#[tokio::test]
async fn a_draft_and_an_outcome_of_no_call_of_ones_own_are_not_there_and_repeat_no_number() {
    let house = running().await;
    let agent = house.cookie("agent").await;
    let body = json!({ "contact": "W1", "business": "B01", "fields": { "mobile": "13812345678", "email": { "kept": true, "masked": "x" } } });
    for (method, path) in [("PUT", "/api/v1/calls/none/draft"), ("POST", "/api/v1/calls/none/outcome")] {
        let answer = house.ask(method, path, &agent).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{method} {path}");
        assert!(!answer.text().await.unwrap().contains("13812345678"));
    }
    assert_eq!(house.ask("GET", "/api/v1/calls/none/draft", &agent).send().await.unwrap().status(), 404);
    let wrong = json!({ "fields": { "mobile": 13_812_345_678_u64 } });
    let answer = house.ask("PUT", "/api/v1/calls/none/draft", &agent).json(&wrong).send().await.unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert!(status == 422 && text.contains("fields.mobile") && !text.contains("13812345678"), "{text}");
    let owed: Value = house.ask("GET", "/api/v1/desk/owed", &agent).send().await.unwrap().json().await.unwrap();
    assert_eq!(owed, json!({ "items": [] }));
}
