//! `kill -9` during calls: at most two seconds of sound are lost, and no state.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use songda_tests::agent::Agent;

use crate::{road::channels, world::World};

const KILLS: u32 = 5;

/// xorshift: the same moments in every run.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_2a_a_kill_during_a_call_loses_at_most_two_seconds_and_no_state() {
    let mut world = World::start().await;
    let mut random = Seeded(0x5eed_2026);
    for kill in 0..KILLS {
        // The tone never pauses, so that the far end's clock is in every packet.
        let number = format!("1380000800{kill}");
        world.push(&number).await;
        let mut agent = Agent::sign_in(&world.server.url).await;
        let order = agent.take().await;
        agent.dial().await;
        agent.phase("notice").await;
        tokio::time::sleep(Duration::from_millis(1_500 + random.below(7_000))).await;
        let killed_ms = unix_ms();
        world.server.kill_and_restart();

        let task = order["task_id"].as_str().unwrap();
        let judge = world.server.cookie("J0001").await;
        let seen = world.task(&judge, task).await;
        let call = &seen["calls"][0];
        assert!(!call["ended_at"].is_null(), "no call is live after the restart: {call}");
        assert_eq!((&call["technical"]["code"], &call["recording"]["state"]), (&json!("C01"), &json!("recovered")));
        let journal = serde_json::to_value(world.sim.journal()).unwrap();
        let dialled: Vec<&Value> =
            journal["calls"].as_array().unwrap().iter().filter(|call| call["number"] == number.as_str()).collect();
        assert_eq!(dialled.len(), 1, "the carrier saw {number} once");
        assert_eq!(
            (&dialled[0]["invites"], &dialled[0]["challenges"]),
            (&json!(2), &json!(1)),
            "asked and answered once"
        );
        let first_ms = dialled[0]["rtp"]["first_sent_at"].as_u64().unwrap();
        let path = format!("/api/v1/calls/{}/recording/download", call["id"].as_str().unwrap());
        let (status, wav) = world.server.file(&path, &judge).await;
        assert_eq!(status, 200);
        let (_, right) = channels(&wav);
        let lost = killed_ms as i64 - (first_ms + right.len() as u64 / 8) as i64;
        println!("kill {kill}: {} ms recorded, {lost} ms lost", right.len() / 8);
        assert!(lost <= 2_000, "{lost} ms lost");
        assert!(right.iter().rev().take(4_000).any(|sample| sample.unsigned_abs() > 1_000), "sound to its end");

        agent.reconnect(&world.server.url).await;
        assert_eq!(agent.call["phase"], "ended", "the outcome still waits: {}", agent.call);
        assert_eq!(agent.save(json!({ "contact": "W1", "business": "B08" })).await.0, 200);
        let seen = world.task(&judge, task).await;
        assert_eq!(seen["attempts"].as_array().unwrap().len(), 1);
    }
    let (well, said) = world.server.run(&["audit", "verify"]);
    assert!(well, "{said}");
    let auditor = world.server.cookie("auditor").await;
    let rows = all_rows(&world, &auditor).await;
    let count = |action: &str| rows.iter().filter(|row| row["action"] == action).count();
    assert_eq!(count("call.dial"), KILLS as usize);
    assert_eq!(count("call.recover"), KILLS as usize);
    assert_eq!(count("outcome.save"), KILLS as usize);
    assert_eq!(world.sim.journal().calls.len(), KILLS as usize, "no number was dialled twice");
}

async fn all_rows(world: &World, auditor: &str) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut cursor = String::new();
    loop {
        let (_, body) = world.server.get(&format!("/api/v1/audit{cursor}"), auditor).await;
        let page: Value = serde_json::from_str(&body).unwrap();
        rows.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_i64() {
            Some(next) => cursor = format!("?cursor={next}"),
            None => return rows,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_while_it_rings_leaves_no_attempt_and_nothing_is_dialled_again() {
    let mut world = World::start().await;
    world.push("13800002003").await;
    let mut agent = Agent::sign_in(&world.server.url).await;
    let order = agent.take().await;
    agent.dial().await;
    agent.phase("ringing").await;
    world.server.kill_and_restart();
    let judge = world.server.cookie("J0001").await;
    let task = world.task(&judge, order["task_id"].as_str().unwrap()).await;
    assert_eq!((&task["phase"], &task["attempts"]), (&json!("待外呼"), &json!([])), "back in the queue");
    assert!(!task["calls"][0]["ended_at"].is_null() && task["calls"][0]["recording"].is_null(), "{}", task["calls"]);
    assert_eq!(world.sim.journal().calls.len(), 1);
    let mut agent = Agent::sign_in(&world.server.url).await;
    let again = agent.take().await;
    assert_eq!(again["task_id"], order["task_id"], "the next agent gets it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_told_to_stop_hangs_up_first_and_closes_the_recording() {
    let mut world = World::start().await;
    world.push("13800008009").await;
    let mut agent = Agent::sign_in(&world.server.url).await;
    let order = agent.take().await;
    agent.dial().await;
    agent.phase("talking").await;
    assert!(world.server.stop(), "{}", world.server.log_tail());
    let journal = serde_json::to_value(world.sim.journal()).unwrap();
    assert_eq!(journal["calls"][0]["ended_by"], "caller", "the carrier's leg is not left up");
    world.server.kill_and_restart();
    let judge = world.server.cookie("J0001").await;
    let task = world.task(&judge, order["task_id"].as_str().unwrap()).await;
    assert_eq!(task["calls"][0]["recording"]["state"], "closed", "{}", task["calls"][0]);
}
