//! The case system: what it sends, and what it takes.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Multipart, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sm3::Sm3;
use songda_sim::{Config, PushTarget, Running};

const REPORT: &[u8] = b"%PDF-1.7\nreport\n%%EOF\n";

async fn world() -> (Running, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let sim = songda_sim::start(Config::for_tests(folder.path().to_owned())).await.unwrap();
    (sim, folder)
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

fn event(seq: u32) -> Value {
    json!({
        "event": "report.ready", "source": "ajxt", "order_no": "SD1", "revision": 1, "party_ref": "p1", "task_id": "t1",
        "seq": seq, "at": "2026-11-23T22:00:00+08:00",
        "report": {"id": "r1", "version": 1, "supersedes": null, "pages": 1,
            "sha256": hex::encode(Sha256::digest(REPORT)), "sm3": hex::encode(Sm3::digest(REPORT))},
        "outcome": {"technical": "C01", "contact": "W1", "business": "B05"},
    })
}

async fn deliver(
    at: SocketAddr,
    bearer: Option<&str>,
    key: Option<&str>,
    event: &Value,
    report: &[u8],
) -> (u16, Value) {
    let form = Form::new()
        .part("event", Part::text(event.to_string()).mime_str("application/json").unwrap())
        .part("report", Part::bytes(report.to_vec()).file_name("r.pdf").mime_str("application/pdf").unwrap());
    let mut request = client().post(format!("http://{at}/case/events")).multipart(form);
    if let Some(bearer) = bearer {
        request = request.bearer_auth(bearer);
    }
    if let Some(key) = key {
        request = request.header("Idempotency-Key", key);
    }
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn an_event_is_taken_once_and_its_repeat_is_answered() {
    let (sim, _folder) = world().await;
    let at = sim.http_addr;
    let first = deliver(at, Some("events"), Some("k1"), &event(1), REPORT).await;
    let second = deliver(at, Some("events"), Some("k1"), &event(1), REPORT).await;
    assert_eq!((first, second), ((200, json!({"duplicate": false})), (200, json!({"duplicate": true}))));
    let events = sim.journal().events;
    assert_eq!((events.len(), events[0].deliveries, events[0].bytes), (1, 2, REPORT.len()));
    let page = client().get(format!("http://{at}/")).send().await.unwrap().text().await.unwrap();
    let link = page.split("href=\"").nth(1).unwrap().split('"').next().unwrap();
    let kept = client().get(format!("http://{at}{link}")).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(kept, REPORT);
}

#[tokio::test]
async fn an_event_without_key_or_with_a_wrong_hash_is_refused() {
    let (sim, _folder) = world().await;
    let at = sim.http_addr;
    assert_eq!(deliver(at, None, Some("k"), &event(1), REPORT).await.0, 401);
    assert_eq!(deliver(at, Some("wrong"), Some("k"), &event(1), REPORT).await.0, 401);
    assert_eq!(deliver(at, Some("events"), None, &event(1), REPORT).await.0, 400);
    let (status, problem) = deliver(at, Some("events"), Some("k"), &event(1), b"%PDF-1.7 other").await;
    assert_eq!((status, &problem["errors"][0]["path"]), (422, &json!("report.sha256")));
    assert_eq!(problem["errors"][1]["path"], "report.sm3");
    assert!(sim.journal().events.is_empty());
    assert_eq!(sim.journal().complaints.len(), 4);
}

#[tokio::test]
async fn a_key_or_sequence_number_is_not_taken_twice() {
    let (sim, _folder) = world().await;
    let at = sim.http_addr;
    assert_eq!(deliver(at, Some("events"), Some("k1"), &event(1), REPORT).await.0, 200);
    assert_eq!(deliver(at, Some("events"), Some("k1"), &event(2), REPORT).await.0, 409);
    assert_eq!(deliver(at, Some("events"), Some("k2"), &event(1), REPORT).await.0, 409);
    assert_eq!(deliver(at, Some("events"), Some("k2"), &event(2), REPORT).await.0, 200);
}

#[tokio::test]
async fn events_fail_as_often_as_was_asked_for() {
    let (sim, _folder) = world().await;
    let at = sim.http_addr;
    let knob = client().post(format!("http://{at}/_sim/fault")).json(&json!({"events": "503", "times": 2}));
    assert_eq!(knob.send().await.unwrap().status(), 200);
    for status in [503, 503, 200] {
        assert_eq!(deliver(at, Some("events"), Some("k"), &event(1), REPORT).await.0, status);
    }
}

#[tokio::test]
async fn garbage_is_refused_in_every_form() {
    let (sim, _folder) = world().await;
    let url = format!("http://{}/case/events", sim.http_addr);
    let post = || client().post(&url).bearer_auth("events").header("Idempotency-Key", "k");
    let kinds = [
        (post().body("x"), 415),
        (post().header("Content-Type", "application/json").body("{"), 400),
        (post().header("Content-Type", "application/json").body("[]"), 422),
        (post().header("Content-Type", "multipart/form-data").body("x"), 400),
        (post().multipart(Form::new().text("other", "x")), 422),
    ];
    for (request, status) in kinds {
        assert_eq!(request.send().await.unwrap().status(), status);
    }
    let say = client().post(format!("http://{}/_sim/say?number=13800008501", sim.http_addr)).body("x");
    assert_eq!(say.send().await.unwrap().status(), 400);
}

/// What the stand-in of the product got: order and hashes of its files by part name.
type Taken = Arc<Mutex<Vec<(Value, Vec<(String, String)>)>>>;

async fn take(State(taken): State<Taken>, headers: HeaderMap, mut form: Multipart) -> (StatusCode, String) {
    if headers["authorization"] != "Bearer machine" {
        return (StatusCode::UNAUTHORIZED, String::new());
    }
    let (mut order, mut files) = (Value::Null, Vec::new());
    while let Some(field) = form.next_field().await.unwrap() {
        let name = field.name().unwrap().to_owned();
        let bytes = field.bytes().await.unwrap();
        if name == "order" {
            order = serde_json::from_slice(&bytes).unwrap();
        } else {
            files.push((name, hex::encode(Sha256::digest(&bytes))));
        }
    }
    taken.lock().unwrap().push((order, files));
    (StatusCode::ACCEPTED, json!({"state": "received"}).to_string())
}

#[tokio::test]
async fn r1_1a_twenty_orders_are_pushed_with_their_files() {
    let taken = Taken::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().route("/api/v1/orders", post(take)).with_state(taken.clone());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });

    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::for_tests(folder.path().to_owned());
    config.push = Some(PushTarget { url, key: "machine".into() });
    let sim = songda_sim::start(config).await.unwrap();
    let push = client().post(format!("http://{}/_sim/push?samples=20", sim.http_addr));
    let records: Value = push.send().await.unwrap().json().await.unwrap();
    assert_eq!(records.as_array().unwrap().len(), 20);
    assert!(records.as_array().unwrap().iter().all(|r| r["status"] == 202 && r["reply"]["state"] == "received"));

    let taken = std::mem::take(&mut *taken.lock().unwrap());
    assert_eq!(taken.len(), 20);
    for (order, files) in &taken {
        for document in order["documents"].as_array().unwrap() {
            let named = files.iter().find(|(name, _)| document["file"] == name.as_str()).unwrap();
            assert_eq!(document["sha256"], named.1.as_str());
        }
    }
    assert_eq!(sim.journal().pushes.len(), 20);
    let samples: Value =
        client().get(format!("http://{}/_sim/samples", sim.http_addr)).send().await.unwrap().json().await.unwrap();
    assert_eq!(samples[0]["order"], taken[0].0);
}
