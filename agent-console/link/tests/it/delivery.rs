//! The outbox reaches the case system, whatever happens to it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    extract::{Multipart, State},
    http::{HeaderMap, StatusCode},
    routing::post,
};
use serde_json::{Value, json};
use songda_link::{
    deliver::{CaseSystem, Deliverer, SINK},
    push::Pushed,
};
use songda_service::timeline;
use songda_store::{alarms, http, outbox};
use tokio::sync::Mutex;

use crate::house::{House, houses, message};

/// Idempotency key, event and file of one delivery.
type Got = (String, Value, Vec<u8>);

#[derive(Clone, Default)]
struct Receiver {
    refuse: Arc<AtomicUsize>,
    got: Arc<Mutex<Vec<Got>>>,
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, mut form: Multipart) -> StatusCode {
    let key = headers.get("Idempotency-Key").unwrap().to_str().unwrap().to_owned();
    assert_eq!(headers.get("Authorization").unwrap(), "Bearer sesame");
    let (mut event, mut report) = (Value::Null, Vec::new());
    while let Some(field) = form.next_field().await.unwrap() {
        match field.name().unwrap() {
            "event" => event = serde_json::from_slice(&field.bytes().await.unwrap()).unwrap(),
            _ => report = field.bytes().await.unwrap().to_vec(),
        }
    }
    let left = receiver.refuse.load(Ordering::SeqCst);
    if left > 0 {
        receiver.refuse.store(left - 1, Ordering::SeqCst);
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    receiver.got.lock().await.push((key, event, report));
    StatusCode::OK
}

async fn listening(receiver: Receiver) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/case/events", listener.local_addr().unwrap());
    let app = Router::new().route("/case/events", post(receive)).with_state(receiver);
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

fn deliverer(house: &House, url: String) -> Deliverer {
    http::install_crypto();
    Deliverer {
        db: house.on.db.clone(),
        clock: house.on.clock.clone(),
        sealer: house.on.sealer.clone(),
        objects: house.on.objects.clone(),
        http: http::client().unwrap(),
        target: CaseSystem { url, key: "sesame".into() },
    }
}

async fn put(house: &House, task: &str, version: i64) -> String {
    let mut tx = house.on.db.begin().await.unwrap();
    let court = &house.machine.court_id;
    let object = house.on.objects.put(&mut tx, court, "report", "application/pdf", b"%PDF-report").await.unwrap();
    let payload = json!({ "event": "report.ready", "version": version });
    let id = outbox::put(
        &mut tx,
        &house.on.clock,
        &house.on.sealer,
        court,
        SINK,
        "report.ready",
        task,
        &payload,
        Some(&object.id),
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    id
}

#[tokio::test]
async fn reports_arrive_in_order_with_their_file_after_the_case_system_came_back() {
    for house in houses().await {
        let Pushed::Received(answer) = house.push(&message()).await.unwrap() else { panic!("not received") };
        let task = answer["tasks"][0]["id"].as_str().unwrap();
        let ids = [put(&house, task, 1).await, put(&house, task, 2).await];
        let receiver = Receiver::default();
        receiver.refuse.store(5, Ordering::SeqCst);
        let deliverer = deliverer(&house, listening(receiver.clone()).await);
        for _ in 0..12 {
            deliverer.run_once().await.unwrap();
            house.on.clock.advance(600_000);
        }
        let got = receiver.got.lock().await;
        assert_eq!(got.iter().map(|(key, ..)| key.clone()).collect::<Vec<_>>(), ids, "{}", house.on.engine);
        assert_eq!(got[0].1, json!({ "event": "report.ready", "version": 1, "seq": 1 }));
        assert_eq!(got[1].2, b"%PDF-report");
        let events = timeline::list(&house.on.db, task).await.unwrap();
        assert_eq!(events.iter().filter(|event| event.kind == "delivered").count(), 2);
        assert!(alarms::open(&house.on.db).await.unwrap().is_empty(), "the alarm of the failures is cleared");
    }
}

#[tokio::test]
async fn a_case_system_that_is_not_there_raises_an_alarm_and_loses_nothing() {
    for house in houses().await {
        let Pushed::Received(answer) = house.push(&message()).await.unwrap() else { panic!("not received") };
        let id = put(&house, answer["tasks"][0]["id"].as_str().unwrap(), 1).await;
        let deliverer = deliverer(&house, "http://127.0.0.1:9/case/events".into());
        for _ in 0..5 {
            assert_eq!(deliverer.run_once().await.unwrap(), 0);
            house.on.clock.advance(600_000);
        }
        let open = alarms::open(&house.on.db).await.unwrap();
        assert_eq!((open.len(), open[0].object_id.as_str()), (1, id.as_str()), "{}", house.on.engine);
        let waiting = outbox::claim(&house.on.db, &house.on.clock, SINK, 1, 9).await.unwrap();
        assert_eq!((waiting.len(), waiting[0].attempts), (1, 5));
    }
}
