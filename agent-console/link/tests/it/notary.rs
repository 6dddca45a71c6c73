//! The adapter to a notary, against one that answers as it is told.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use serde_json::{Value, json};
use songda_link::notary::{HttpNotary, TIMEOUT};
use songda_service::evidence::notary::{HandIn, Notary as _, NotaryError};
use songda_store::{Said, http};

/// What came: headers and body.
type Came = Vec<(HeaderMap, Bytes)>;

/// What it is to answer, and what came.
#[derive(Clone, Default)]
struct Double(Arc<Mutex<(u16, String, Came)>>);

impl Double {
    fn answers(&self, status: u16, body: impl Into<String>) {
        let mut told = self.0.lock().unwrap();
        (told.0, told.1) = (status, body.into());
    }

    fn came(&self) -> Came {
        self.0.lock().unwrap().2.clone()
    }
}

async fn receive(State(double): State<Double>, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    let mut told = double.0.lock().unwrap();
    told.2.push((headers, body));
    (StatusCode::from_u16(told.0).unwrap(), told.1.clone())
}

async fn listening(app: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/roots", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

async fn double() -> (Double, HttpNotary) {
    let double = Double::default();
    let url = listening(Router::new().route("/roots", post(receive)).with_state(double.clone())).await;
    (double, adapter(url))
}

fn adapter(url: String) -> HttpNotary {
    http::install_crypto();
    HttpNotary { http: http::client().unwrap(), url, key: "sesame".into(), timeout: TIMEOUT }
}

fn hash(sign: char) -> Value {
    json!({ "sha256": sign.to_string().repeat(64), "sm3": sign.to_string().repeat(64) })
}

fn root() -> HandIn {
    let text = json!({ "court": "c1", "day": "2026-11-27", "root": hash('a'), "previous": hash('b') });
    serde_json::from_value(text).unwrap()
}

fn receipt() -> Value {
    json!({
        "court": "c1", "day": "2026-11-27", "root": hash('a'), "previous": hash('b'), "number": "CZ-1", "block": 7,
        "transaction": "tx1", "at_ms": 1_795_700_000_000_i64, "suite": "ed25519", "key_id": "k", "signature": "00",
    })
}

#[tokio::test]
async fn x2_only_court_day_and_hashes_are_handed_in_under_a_name_that_follows_from_them() {
    let (double, notary) = double().await;
    double.answers(200, receipt().to_string());
    let mut other = root();
    other.previous = None;
    for root in [&root(), &root(), &other] {
        let answer = notary.hand_in(root).await.unwrap();
        assert_eq!((answer.number.as_str(), answer.block, &answer.handed), ("CZ-1", 7, &self::root()));
    }
    let came = double.came();
    let bodies: Vec<Value> = came.iter().map(|(_, body)| serde_json::from_slice(body).unwrap()).collect();
    let whole = json!({ "court": "c1", "day": "2026-11-27", "root": hash('a'), "previous": hash('b') });
    assert_eq!(bodies[0], whole, "these and no other");
    assert_eq!(bodies[2]["previous"], Value::Null, "the first of a court has none before it");
    let name = |at: usize| came[at].0["idempotency-key"].to_str().unwrap().to_owned();
    assert_eq!((name(0).len(), name(0) == name(1), name(0) == name(2)), (64, true, false));
    assert_eq!(came[0].0["authorization"], "Bearer sesame");
    assert_eq!(came[0].0["content-type"], "application/json");
}

#[tokio::test]
async fn x2_what_a_notary_answers_wrongly_is_told_without_what_a_stranger_may_have_put_in() {
    let (double, notary) = double().await;
    let long = format!("{{\"detail\":\"13800001234\n{}\"}}", "x".repeat(900));
    for (status, body, said) in [
        (401, String::new(), "status 401: nothing was said"),
        (409, "already another root".to_owned(), "status 409: already another root"),
        (503, long, "status 503: {\"detail\":\"*********** x"),
        (200, "13800001234".to_owned(), "no receipt: line 1, column 11"),
        (200, json!({ "number": "13800001234" }).to_string(), "no receipt: line 1"),
        (200, "x".repeat(70_000), "longer than 64 KiB"),
        (302, "elsewhere".to_owned(), "status 302: elsewhere"),
    ] {
        double.answers(status, body);
        let error = notary.hand_in(&root()).await.unwrap_err().to_string();
        assert!(error.contains(said) && error.len() < 400 && !error.contains("13800001234"), "{said}: {error}");
    }
}

#[tokio::test]
async fn x2_a_notary_that_is_not_there_or_does_not_answer_costs_its_time_and_no_more() {
    let away = adapter("http://127.0.0.1:9/roots".into());
    let error = away.hand_in(&root()).await.unwrap_err();
    assert_eq!(error, NotaryError::Unreachable(Said::new("notary.no_connection", "no connection")));
    let silent = post(|| async { std::future::pending::<()>().await });
    let mut slow = adapter(listening(Router::new().route("/roots", silent)).await);
    slow.timeout = Duration::from_millis(200);
    let error = slow.hand_in(&root()).await.unwrap_err();
    assert_eq!(
        error,
        NotaryError::Unreachable(Said::new("notary.no_answer", "no answer within {seconds} s").with("seconds", 0.2))
    );
    let shown = format!("{slow:?} {error}");
    assert!(!shown.contains("sesame") && !shown.contains("127.0.0.1"), "{shown}");
}
