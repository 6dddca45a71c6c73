//! The road from push to report, with an agent who has no screen.

use serde_json::json;

use songda_tests::agent::Agent;

use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1a_a_push_becomes_a_call_an_attempt_a_report_and_a_package() {
    let world = World::start().await;
    world.push("13800000001").await;
    let mut agent = Agent::sign_in(&world.server.url).await;
    let order = agent.take().await;
    assert_eq!(order["phones"][0]["masked"], "138****0001");
    agent.dial().await;
    agent.phase("notice").await;
    agent.phase("talking").await;
    agent.stay(std::time::Duration::from_secs(21)).await;
    agent.hang_up().await;
    let end = agent.phase("ended").await;
    assert_eq!(end["end"]["technical"]["code"], "C01", "{end}");
    let (status, saved) = agent.save(json!({ "contact": "W1", "business": "B05", "heard_all": true })).await;
    assert_eq!(status, 200, "{saved}");
    let judge = world.server.cookie("J0001").await;
    let id = order["task_id"].as_str().unwrap();
    let task = world.task_until(&judge, id, |task| {
        task["reports"]
            .as_array()
            .is_some_and(|reports| reports.iter().any(|report| report["transcript_state"] == "已附"))
    });
    let task = task.await;
    println!("{task:#}");
}
