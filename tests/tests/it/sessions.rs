//! A session that is over ends no call: the page is told, the line stays for what the call
//! needs, and closes behind it (E51).

use std::time::Duration;

use serde_json::json;
use songda_people::sessions;
use songda_store::{Clock, Db};
use songda_tests::agent::Agent;

use crate::{survives::talking, world::World};

/// Ends the agent's session behind the back of the server, as an administrator's hand or the
/// end of the day does.
async fn end_session(world: &World, agent: &Agent) {
    let path = world.server.folder.path().join("data/songda.db");
    let db = Db::open(&format!("sqlite://{}", path.display())).await.unwrap();
    let (_, cookie) = agent.cookie.split_once('=').unwrap();
    let actor = sessions::resume(&db, &Clock::system(), cookie, "127.0.0.1").await.unwrap().unwrap();
    sessions::logout(&db, &Clock::system(), &actor).await.unwrap();
    db.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e51_a_session_that_is_over_is_told_and_ends_no_call() {
    let world = World::start().await;
    let (mut agent, order) = talking(&world, &world.server.url, "13800008001").await;
    end_session(&world, &agent).await;
    agent.frame("session_expired").await;
    agent.stay(Duration::from_secs(2)).await;
    assert_eq!(agent.call["phase"], "talking", "{}", agent.call);

    // What a call needs is taken; everything else waits for a new session.
    agent.tick("identify").await;
    agent.call_until(|call| call["ticks"].as_array().is_some_and(|ticks| ticks.len() == 1)).await;
    assert_eq!(agent.save_draft(json!({ "contact": "W1" })).await, 401, "no session, no door");

    // Whoever signs in again has the call, and its sound by a new offer.
    agent.drop_line();
    let mut again = Agent::sign_in(&world.server.url).await;
    assert_eq!((&again.call["phase"], &again.call["resumable"]), (&json!("talking"), &json!(true)));
    again.resume().await;
    again.call_until(|call| call["resumable"] == false && call["away_until_at"].is_null()).await;
    again.stay(Duration::from_secs(1)).await;
    again.hang_up().await;
    again.phase_or_error("ended").await;
    assert_eq!(again.save(json!({ "contact": "W1", "business": "B12" })).await.0, 200);
    let judge = world.server.cookie("J0001").await;
    let task = world.task(&judge, order["task_id"].as_str().unwrap()).await;
    assert_eq!(task["calls"].as_array().map(Vec::len), Some(1), "one call, one recording");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e51_a_line_whose_session_is_over_closes_when_the_call_is_over() {
    let world = World::start().await;
    let (mut agent, _) = talking(&world, &world.server.url, "13800008001").await;
    end_session(&world, &agent).await;
    agent.frame("session_expired").await;
    agent.hang_up().await;
    agent.phase("ended").await;
    while agent.next().await.is_some() {}
}
