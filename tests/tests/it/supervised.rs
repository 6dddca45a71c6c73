//! The supervisor's line on the built server (R4.4b): what ends it, whose news it tells, and what
//! stands in the log. And a three-way that both of the house leave at once (R4.1a).

use std::time::Duration;

use serde_json::{Value, json};
use songda_tests::{
    agent::{Agent, http, until},
    supervisor::Supervisor,
};

use crate::{
    survives::{recorded, talking},
    world::World,
};

/// Rows about supervision, oldest first: action, result, object, detail.
async fn log(world: &World) -> Vec<(String, String, String, Value)> {
    let names = ["call.listen", "call.whisper", "call.barge", "call.supervised", "call.supervision_over"];
    log_of(world, &names).await
}

/// Rows of these actions, oldest first.
async fn log_of(world: &World, names: &[&str]) -> Vec<(String, String, String, Value)> {
    let auditor = world.server.cookie("auditor").await;
    let (status, body) = world.server.get("/api/v1/audit", &auditor).await;
    assert_eq!(status, 200, "{body}");
    let body: Value = serde_json::from_str(&body).unwrap();
    let words = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let rows = body["items"].as_array().unwrap().iter().rev();
    rows.map(|row| (words(row, "action"), words(row, "result"), words(row, "object_id"), row["detail"].clone()))
        .filter(|(action, ..)| names.contains(&action.as_str()))
        .collect()
}

async fn whispered(agent: &mut Agent) {
    agent.call_until(|call| call["supervision"]["what"] == "whisper").await;
}

async fn gone(agent: &mut Agent) {
    agent.call_until(|call| call["supervision"].is_null()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_4b_a_sign_out_takes_the_supervisor_out_of_the_call_at_once_and_the_log_says_what_was() {
    let world = World::start().await;
    let (mut agent, _) = talking(&world, &world.server.url, "13800008041").await;
    let call = agent.call["call_id"].as_str().unwrap().to_owned();
    let mut supervisor = Supervisor::sign_in(&world.server.url).await;
    let answer = supervisor.enter(&call, "whisper").await;
    assert_eq!((&answer["what"], &answer["call_id"]), (&json!("whisper"), &json!(call)));
    whispered(&mut agent).await;
    let begun = std::time::Instant::now();
    let url = format!("{}/api/v1/session", world.server.url);
    let out = http().delete(url).header("cookie", &supervisor.cookie).header("origin", &world.server.url);
    assert_eq!(out.send().await.unwrap().status(), 204);
    gone(&mut agent).await;
    assert!(begun.elapsed() < Duration::from_secs(4), "at once, and not when the session is looked at again");
    assert_eq!(supervisor.closed().await, Some(4401));
    let rows = until(|| log(&world), |rows| rows.len() == 3).await.unwrap();
    let told: Vec<_> =
        rows.iter().map(|(action, result, object, _)| (action.as_str(), result.as_str(), object)).collect();
    let wanted = ["call.whisper", "call.supervised", "call.supervision_over"].map(|action| (action, "ok", &call));
    assert_eq!(told, wanted);
    assert_eq!(rows[1].3["what"], "whisper");
    assert_eq!(rows[2].3, json!({ "why": "signed_out", "heard": true }));
    agent.hang_up().await;
    agent.phase("ended").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_4b_his_other_page_takes_his_place_and_the_page_before_ends_nothing_of_it() {
    let world = World::start().await;
    let (mut agent, _) = talking(&world, &world.server.url, "13800008042").await;
    let call = agent.call["call_id"].as_str().unwrap().to_owned();
    let mut first = Supervisor::sign_in(&world.server.url).await;
    assert_eq!(first.enter(&call, "whisper").await["what"], "whisper");
    whispered(&mut agent).await;
    let mut second = Supervisor::sign_in(&world.server.url).await;
    assert_eq!(second.enter(&call, "listen").await["what"], "listen");
    let over = first.frame("over").await;
    assert_eq!((&over["why"], &over["call_id"]), (&json!("elsewhere"), &json!(call)));
    // What the page before still wants is none of the place that the other one has.
    assert_eq!(first.change(&call, "barge").await["code"], "supervision.no_offer");
    drop(first);
    gone(&mut agent).await;
    assert_eq!(second.change(&call, "whisper").await["what"], "whisper", "he is there still");
    whispered(&mut agent).await;
    // Left and entered again within the same line.
    second.send(json!({ "type": "leave" })).await;
    assert_eq!(second.frame("over").await["why"], "left");
    gone(&mut agent).await;
    assert_eq!(second.enter(&call, "whisper").await["what"], "whisper");
    whispered(&mut agent).await;
    agent.hang_up().await;
    let over = second.frame("over").await;
    assert_eq!((&over["why"], &over["call_id"]), (&json!("call_over"), &json!(call)));
    agent.phase("ended").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_4b_what_is_no_id_of_a_call_is_refused_and_reaches_no_log() {
    let world = World::start().await;
    let mut supervisor = Supervisor::sign_in(&world.server.url).await;
    for wrong in ["x".repeat(60_000), "13800138000".to_owned(), String::new()] {
        let answer = supervisor.enter(&wrong, "listen").await;
        assert_eq!((&answer["code"], &answer["call_id"]), (&json!("supervision.no_call"), &json!(wrong)));
    }
    let rows = log(&world).await;
    assert_eq!(rows.len(), 3, "each try stands there");
    assert!(
        rows.iter().all(|(action, result, object, _)| action == "call.listen" && result == "denied" && object == "-")
    );
}

/// An agent, and a colleague who is in his call as a third; and the work order.
async fn joined(world: &World, number: &str) -> (Agent, Agent, Value) {
    let (mut first, order) = talking(world, &world.server.url, number).await;
    let mut second = Agent::sign_in_as(&world.server.url, "agent2").await;
    second.send(json!({ "type": "ready" })).await;
    second.frame("queue").await;
    let to = first.transfer_targets().await["seats"][0]["id"].as_str().unwrap().to_owned();
    first.transfer("three_way", "seat", &to).await;
    let rings = second.frame("transfer_offer").await;
    second.unseal(&rings["envelope"]);
    second.take_over_call(&rings).await;
    first.call_until(|call| call["transfer"]["phase"] == "joined").await;
    while second.frame("transfer_offer").await["phase"] != "joined" {}
    (first, second, order)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_4b_a_third_sees_who_barges_in_and_is_told_of_no_whisper_to_the_agent() {
    let world = World::start().await;
    let (mut first, mut second, _) = joined(&world, "13800008044").await;
    let call = first.call["call_id"].as_str().unwrap().to_owned();
    let mut supervisor = Supervisor::sign_in(&world.server.url).await;
    assert_eq!(supervisor.enter(&call, "whisper").await["what"], "whisper");
    whispered(&mut first).await;
    assert_eq!(supervisor.change(&call, "barge").await["what"], "barge");
    let shown = second.frame("transfer_offer").await;
    assert_eq!(shown["supervision"]["what"], "barge", "and this is the first that he is told: {shown}");
    supervisor.send(json!({ "type": "leave" })).await;
    assert!(second.frame("transfer_offer").await["supervision"].is_null());
    first.hang_up().await;
    first.call_until(|call| call["phase"] == "ended").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1a_a_three_way_that_both_leave_at_once_ends_with_an_apology_and_the_task_goes_on() {
    let world = World::start().await;
    let (mut first, mut second, order) = joined(&world, "13800008043").await;
    let call = json!(first.call["call_id"]);
    first.send(json!({ "type": "transfer_complete", "call_id": call })).await;
    second.send(json!({ "type": "transfer_decline", "call_id": call })).await;
    // Whoever of the two was first: nobody is stuck, and no party is left alone without a word.
    let reason = second.frame("transfer_gone").await["reason"].clone();
    if reason == "accepted" {
        // He left before the party was his, and his seat wrote it down first: nobody is with the party
        // then. Or his wish came when it was his already, and was none.
        let left = log_of(&world, &["call.transfer_decline"]).await;
        if left.iter().any(|(.., object, _)| json!(object) == call) {
            second.call_until(|call| call["parting"] == "apology").await;
        } else {
            second.hang_up().await;
        }
        second.call_until(|call| call["phase"] == "ended").await;
        let fields = json!({ "kind": "refused" });
        let outcome = json!({ "contact": "W1", "business": "B07", "heard_all": false, "note": "", "fields": fields });
        let (status, body) = second.save(outcome).await;
        assert_eq!(status, 200, "{body}");
        let (row, ..) = recorded(&world, &order).await;
        assert_eq!(row["outcome_state"], "saved");
    } else {
        assert_eq!(reason, "declined");
        first.call_until(|call| call["transfer"].is_null()).await;
        first.hang_up().await;
        first.phase("ended").await;
    }
}
