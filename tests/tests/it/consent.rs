//! A line that goes dead in the middle of the consent (E45), and what an agreement needs.

use std::time::Duration;

use serde_json::json;
use songda_tests::agent::Agent;

use crate::{peers::tone_file, world::World};

/// A speaker of this number hangs up some seconds after the notice.
const NUMBER: &str = "13800008600";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e45_who_was_cut_off_in_the_consent_is_called_again_first_and_the_calls_are_linked() {
    let folder = tempfile::tempdir().unwrap();
    let say = format!("{NUMBER}={},hang_up_ms=16000", tone_file(folder.path(), 500.0, 8_000).display());
    let world = World::start_with(|sim| sim.say.push(say.parse().unwrap())).await;
    world.push(NUMBER).await;
    let mut agent = Agent::sign_in(&world.server.url).await;
    let order = agent.take().await;
    assert!(order["resumed_from"].is_null(), "{order}");
    agent.dial().await;
    agent.phase("talking").await;
    for step in ["identify", "verify", "documents", "consent"] {
        agent.tick(step).await;
    }
    agent.call_until(|call| call["ticks"].as_array().is_some_and(|ticks| ticks.len() == 4)).await;
    agent.stay(Duration::from_secs(30)).await;
    let first = agent.call.clone();
    assert_eq!((&first["phase"], &first["end"]["by"]), (&json!("ended"), &json!("party")));
    assert!(first["wrap_up"]["until_at"].is_string(), "{first}");

    let agreed = json!({ "contact": "W1", "business": "B01", "fields": { "mobile": "13800005678" } });
    let (status, refused) = agent.save(agreed).await;
    assert_eq!((status, &refused["code"]), (422, &json!("outcome.checklist")), "{refused}");
    assert_eq!(refused["missing"], json!(["rights", "facts", "heard"]));
    let (status, refused) = agent.save(json!({ "contact": "W1", "business": "B07" })).await;
    assert_eq!((status, &refused["code"], &refused["field"]), (422, &json!("outcome.field"), &json!("kind")));
    let cut = json!({ "contact": "W1", "business": "B07", "fields": { "kind": "line_lost" } });
    let (status, saved) = agent.save(cut).await;
    assert_eq!((status, &saved["task_phase"]), (200, &json!("待外呼")), "{saved}");

    // The agent is ready, and gets the same task before all others.
    let envelope = agent.frame("work_order").await["envelope"].clone();
    let next = agent.open(&envelope).await;
    assert_eq!((&next["task_id"], &next["resumed_from"]["call_id"]), (&order["task_id"], &first["call_id"]));
    let said: Vec<_> = next["resumed_from"]["ticks"].as_array().unwrap().iter().map(|tick| &tick["step"]).collect();
    assert_eq!(said, ["identify", "verify", "documents", "consent"]);
    agent.dial().await;
    agent.phase("talking").await;
    agent.hang_up().await;
    agent.phase("ended").await;

    let judge = world.server.cookie("J0001").await;
    let task = world.task(&judge, order["task_id"].as_str().unwrap()).await;
    let calls = task["calls"].as_array().unwrap();
    assert_eq!((calls[0]["broken_consent"].as_bool(), calls.len()), (Some(true), 2));
    assert_eq!(calls[1]["resumed_from"], first["call_id"]);
    assert!(calls[0]["ticks"].as_array().unwrap().iter().all(|tick| tick["offset_ms"].as_i64() > Some(0)));
    let told: Vec<_> =
        task["events"].as_array().unwrap().iter().filter_map(|event| event["text_zh"].as_str()).collect();
    assert!(told.iter().any(|text| text.contains("征询中断")), "{told:?}");
    assert!(told.iter().any(|text| text.contains("接续中断的征询")), "{told:?}");
}
