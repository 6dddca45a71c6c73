//! Parts of the house that are gone: its key file, the process that transcribes.

use std::{cell::RefCell, fs, process::Command, time::Duration};

use serde_json::json;
use songda_tests::agent::{Agent, http, until};

use super::{alarm_until, check};
use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_3d_a_server_without_its_key_file_serves_read_only_and_says_why_until_it_is_back() {
    let mut world = World::start().await;
    world.push("13800008041").await;
    let (file, kept) = (world.server.folder.path().join("data/songda.key"), world.server.folder.path().join("kept"));
    fs::rename(&file, &kept).unwrap();
    for wrong in [None, Some("this is no key")] {
        if let Some(text) = wrong {
            fs::write(&file, text).unwrap();
        }
        world.server.kill_and_restart();
        assert_eq!(world.server.get("/health/live", "").await.0, 200);
        assert_eq!(world.server.get("/health/ready", "").await.0, 503);
        let (status, detail) = check(&world, "keys").await;
        assert!(status == "failed" && detail.contains("read-only") && detail.contains("songda.key"), "{detail}");
        let judge = world.server.cookie("J0001").await;
        let (status, tasks) = world.server.get("/api/v1/tasks", &judge).await;
        assert!(status == 200 && tasks.contains("待外呼"), "what is not sealed is shown: {status} {tasks}");
        let push = http().post(format!("{}/api/v1/orders", world.server.url)).bearer_auth(&world.server.machine_key);
        let answer = push.send().await.unwrap();
        assert_eq!(answer.status(), 503);
        assert!(answer.text().await.unwrap().contains("house.read_only"));
        let agent = world.server.cookie("agent").await;
        let (status, body) = world.server.get("/api/v1/desk/ws", &agent).await;
        assert!(status == 503 && body.contains("house.read_only"), "no desk: {status} {body}");
    }
    assert_eq!(serde_json::to_value(world.sim.journal()).unwrap()["calls"], json!([]));

    fs::rename(&kept, &file).unwrap();
    world.server.kill_and_restart();
    assert_eq!(world.server.get("/health/ready", "").await.0, 200);
    let mut agent = Agent::sign_in(&world.server.url).await;
    agent.take().await;
    agent.dial().await;
    let end = agent.ended(Duration::from_secs(1)).await;
    assert_eq!(end["end"]["technical"]["code"], "C01", "nothing was lost: {end}");
}

/// Kills each process that transcribes, at work or about to be, and none of those before.
fn kill_each(server: u32, killed: &RefCell<Vec<u32>>) {
    let found = children(server).into_iter().filter(|child| ends_with(*child, "asr-worker\0"));
    for child in found.filter(|child| !killed.borrow().contains(child)).collect::<Vec<_>>() {
        assert!(Command::new("kill").args(["-KILL", &child.to_string()]).status().unwrap().success());
        killed.borrow_mut().push(child);
    }
}

fn children(process: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap().flatten();
    let lists = threads.map(|thread| fs::read_to_string(thread.path().join("children")).unwrap_or_default());
    lists.flat_map(|list| list.split_whitespace().map(|child| child.parse().unwrap()).collect::<Vec<_>>()).collect()
}

fn ends_with(process: u32, words: &str) -> bool {
    fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default().ends_with(words)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e52_a_transcriber_that_is_killed_at_its_work_is_started_again_and_the_transcript_comes() {
    let mut world = World::start().await;
    // The process that reads the network's notices during a call is another one.
    world.server.configure(|config| config.replace("[asr]\n", "[asr]\nnotices = 0\n"));
    world.server.kill_and_restart();
    world.push("13800001001").await;
    let judge = world.server.cookie("J0001").await;
    let mut agent = Agent::sign_in(&world.server.url).await;
    let order = agent.take().await;
    agent.dial().await;
    // A process that is started now waits for its configuration, and does not come to an end before it
    // is killed.
    let config = world.server.folder.path().join("songda.toml");
    let kept = config.with_extension("kept");
    fs::rename(&config, &kept).unwrap();
    assert!(Command::new("mkfifo").arg(&config).status().unwrap().success());
    agent.ended(Duration::from_secs(8)).await;
    // The same process reads what the line said, too, and that may come first: it dies at each of its
    // works until it was the transcript at which it died.
    let failed = "SELECT kind, attempts FROM jobs WHERE kind IN ('progress', 'transcript') AND last_error <> ''";
    let (killed, server) = (RefCell::default(), world.server.pid());
    // One may die before it was given any work: no job fails of that, and the next one is killed too.
    let look = || async {
        kill_each(server, &killed);
        world.server.sqlite(failed)
    };
    until(look, |works| works.contains("transcript")).await.unwrap();
    fs::rename(&kept, &config).unwrap();
    // One that was started before that waits for ever.
    kill_each(server, &killed);
    let task = order["task_id"].as_str().unwrap();
    let seen = world.task_until(&judge, task, |task| task["calls"][0]["transcript"]["state"] == "ready").await;
    let tries = world.server.sqlite("SELECT attempts FROM jobs WHERE kind = 'transcript'");
    assert_ne!(tries, "[(1,)]", "it died at its work, and the work was taken up again");
    let path = format!("/api/v1/calls/{}/transcript", seen["calls"][0]["id"].as_str().unwrap());
    let (status, transcript) = world.server.get(&path, &judge).await;
    assert!(status == 200 && transcript.contains("\"party\""), "{status} {transcript}");
    alarm_until(&world, "transcript.failed", false).await;
    assert_eq!(agent.save(json!({ "contact": "W1", "business": "B12" })).await.0, 200);
}
