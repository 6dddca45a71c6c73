//! What goes wrong outside and inside: said by its code, and nothing half done.

use std::time::Duration;

use serde_json::{Value, json};
use songda_tests::agent::{Agent, until};

use crate::world::World;

async fn refused(agent: &mut Agent, code: &str) {
    agent.dial().await;
    let error = agent.frame_past_errors("error").await;
    assert_eq!(error["code"], code, "{error}");
}

async fn no_attempt(world: &World, task: &str) -> Value {
    let judge = world.server.cookie("J0001").await;
    let task = world.task(&judge, task).await;
    assert_eq!(task["attempts"], json!([]), "a failure of ours is no attempt");
    task
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_3c_a_wrong_trunk_password_is_told_and_counts_for_nothing() {
    let world = World::start_with(|sim| sim.password = "another".into()).await;
    world.push("13800000001").await;
    let mut agent = Agent::sign_in(&world.server.url).await;
    let order = agent.take().await;
    refused(&mut agent, "dial.trunk_refused").await;
    let task = no_attempt(&world, order["task_id"].as_str().unwrap()).await;
    assert_eq!(task["calls"][0]["technical"]["code"], "C11");
    assert!(!world.server.log().contains("secret"), "the password is not in the log");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_3c_a_caller_number_that_the_carrier_does_not_know_is_refused_and_no_attempt() {
    let world = World::start_with(|sim| sim.callers.clear()).await;
    world.push("13800000001").await;
    let mut agent = Agent::sign_in(&world.server.url).await;
    let order = agent.take().await;
    refused(&mut agent, "dial.trunk_refused").await;
    no_attempt(&world, order["task_id"].as_str().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trunk_that_is_down_is_told_and_counts_for_nothing() {
    let world = World::start().await;
    world.push("13800000001").await;
    world.sim.stop().await;
    let mut agent = Agent::sign_in(&world.server.url).await;
    let order = agent.take().await;
    refused(&mut agent, "dial.trunk_down").await;
    no_attempt(&world, order["task_id"].as_str().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_2f_without_the_notice_or_the_recording_no_call_goes_out() {
    let mut world = World::start().await;
    world.push("13800000001").await;
    let cases = [
        ("calls/prompts", "calls/missing", "dial.notice_missing"),
        ("free_floor = 0", "free_floor = 9000000000000000000", "dial.recording_unavailable"),
    ];
    for (from, to, code) in cases {
        world.server.configure(|text| text.replace(from, to));
        world.server.kill_and_restart();
        let mut agent = Agent::sign_in(&world.server.url).await;
        let order = agent.current_or_next().await;
        refused(&mut agent, code).await;
        no_attempt(&world, order["task_id"].as_str().unwrap()).await;
        world.server.configure(|text| text.replace(to, from));
    }
    assert_eq!(serde_json::to_value(world.sim.journal()).unwrap()["calls"], json!([]), "the carrier heard nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_2b_a_corrupt_model_leaves_the_call_its_report_and_an_alarm() {
    let mut world = World::start().await;
    world.push("13800001001").await;
    let broken = world.server.folder.path().join("broken.bin");
    std::fs::write(&broken, b"this is no model").unwrap();
    world.server.configure(|text| {
        let model = text.lines().find(|line| line.starts_with("model = ")).unwrap().to_owned();
        text.replace(&model, &format!("model = \"{}\"", broken.display()))
    });
    world.server.kill_and_restart();
    let mut agent = Agent::sign_in(&world.server.url).await;
    let order = agent.take().await;
    agent.dial().await;
    let end = agent.ended(Duration::from_secs(2)).await;
    assert_eq!(end["end"]["technical"]["code"], "C01");
    assert_eq!(agent.save(json!({ "contact": "W1", "business": "B12" })).await.0, 200);
    let judge = world.server.cookie("J0001").await;
    let task = order["task_id"].as_str().unwrap();
    let task = world.task_until(&judge, task, |task| task["reports"][0]["version"] == 1).await;
    assert_eq!(task["reports"][0]["transcript_state"], "转写待补");
    let supervisor = world.server.cookie("supervisor").await;
    let alarms = async || world.server.get("/api/v1/alarms", &supervisor).await.1;
    let seen = until(alarms, |alarms| alarms.contains("transcript.failed")).await;
    seen.unwrap_or_else(|_| panic!("no alarm: {}", world.server.log_tail()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_3a_foreign_keys_envelopes_and_frames_are_refused() {
    let world = World::start().await;
    world.push("13800000001").await;
    let mut agent = Agent::sign_in(&world.server.url).await;
    let order = agent.take().await;
    agent.send(json!({ "type": "opened", "work_order": "01SOMEBODYELSES" })).await;
    assert_eq!(agent.frame_past_errors("error").await["code"], "work_order.foreign");
    let foreign = json!({ "type": "dial", "work_order": "01SOMEBODYELSES", "phone_id": order["phones"][0]["phone_id"], "sdp": "v=0" });
    agent.send(foreign).await;
    assert_eq!(agent.frame_past_errors("error").await["code"], "work_order.foreign");
    let wild = json!({ "type": "dial", "work_order": order["work_order"], "phone_id": "none", "sdp": "v=0" });
    agent.send(wild).await;
    assert_eq!(agent.frame_past_errors("error").await["code"], "dial.phone_dead");
    let deaf = json!({ "type": "dial", "work_order": order["work_order"], "phone_id": order["phones"][0]["phone_id"], "sdp": "v=0" });
    agent.send(deaf).await;
    assert_eq!(agent.frame_past_errors("error").await["code"], "dial.browser_media");
    agent.send(json!({ "type": "dial", "phone": "13800000001" })).await;
    while agent.next().await.is_some() {}
    let mut agent = Agent::connect(&world.server.url, &agent.cookie).await;
    agent.send(json!({ "type": "hello", "kid": "unknown" })).await;
    assert_eq!(agent.next().await.unwrap()["code"], "key.unknown");
    assert!(agent.next().await.is_none());
    assert_eq!(serde_json::to_value(world.sim.journal()).unwrap()["calls"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1b_a_missing_or_altered_recording_is_said_and_raises_an_alarm() {
    let world = World::start().await;
    let mut agent = Agent::sign_in(&world.server.url).await;
    let judge = world.server.cookie("J0001").await;
    for (number, alter) in [("13800001001", true), ("13800001002", false)] {
        world.push(number).await;
        let order = agent.take().await;
        agent.dial().await;
        agent.ended(Duration::from_secs(1)).await;
        assert_eq!(agent.save(json!({ "contact": "W1", "business": "B12" })).await.0, 200);
        let task = world.task(&judge, order["task_id"].as_str().unwrap()).await;
        let call = task["calls"][0]["id"].as_str().unwrap().to_owned();
        let path = format!("/api/v1/calls/{call}/recording");
        let file = vault_files(&world)
            .into_iter()
            .max_by_key(|file| std::fs::metadata(file).unwrap().modified().unwrap())
            .unwrap();
        if alter {
            let mut bytes = std::fs::read(&file).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            std::fs::write(&file, bytes).unwrap();
        } else {
            std::fs::remove_file(&file).unwrap();
        }
        let (status, body) = world.server.get(&format!("{path}/audio"), &judge).await;
        let (expected, code) = if alter { (409, "recording.altered") } else { (404, "recording.missing") };
        assert!(status == expected && body.contains(code), "{status} {body}");
        let (status, checked) = world.server.get(&path, &judge).await;
        assert!(status == 200 && checked.contains(if alter { "altered" } else { "missing" }), "{checked}");
        let supervisor = world.server.cookie("supervisor").await;
        assert!(world.server.get("/api/v1/alarms", &supervisor).await.1.contains(code));
    }
}

fn vault_files(world: &World) -> Vec<std::path::PathBuf> {
    let mut folders = vec![world.server.folder.path().join("data/recordings")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files
}
