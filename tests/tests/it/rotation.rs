//! The house's keys are made anew beside the running house (`songda keys rotate`), in the middle of a call and
//! while a recording is played (X2).

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use songda_tests::agent::{Agent, http, until};

use crate::{
    evidence::{command, sql},
    road::tone,
    sound::{AGENT_HZ, PARTY_HZ, is_tone, stretch},
    survives::recorded,
    world::World,
};

/// A call that was recorded: its file for download, as it was read first.
struct Recorded {
    path: String,
    /// Of the recording.
    id: String,
    wav: Vec<u8>,
}

/// The call of this order is over: both are heard to its end.
async fn over(world: &World, order: &Value) -> Recorded {
    let (call, left, right) = recorded(world, order).await;
    let end = right.len() as i64 / 8;
    assert!(is_tone(stretch(&right, end - 2_000, end - 500), PARTY_HZ), "the party to the end");
    assert!(is_tone(stretch(&left, end - 1_500, end - 500), AGENT_HZ), "the agent to the end");
    let path = format!("/api/v1/calls/{}/recording/download", call["id"].as_str().unwrap());
    let judge = world.server.cookie("J0001").await;
    let (status, wav) = world.server.file(&path, &judge).await;
    assert_eq!(status, 200);
    let task = order["task_id"].as_str().unwrap();
    let id = world.server.sqlite(&format!("SELECT recording_id FROM calls WHERE task_id = '{task}'"));
    Recorded { path, id: id.trim_matches(['[', '(', '\'', ',', ')', ']']).to_owned(), wav }
}

async fn opens(world: &World, recording: &Recorded, when: &str) {
    let judge = world.server.cookie("J0001").await;
    let (status, wav) = world.server.file(&recording.path, &judge).await;
    assert!(status == 200 && wav == recording.wav, "{when}: {status}\n{}", world.server.log_tail());
}

/// The agent takes the order of this party, and talks.
async fn talks(world: &World, agent: &mut Agent, number: &str) -> Value {
    world.push(number).await;
    let order = agent.take().await;
    agent.dial().await;
    agent.phase("talking").await;
    agent.peer.as_ref().unwrap().say(&tone(AGENT_HZ, 60.0));
    agent.stay(Duration::from_secs(3)).await;
    order
}

/// He hangs up, and is free for the next.
async fn ends(agent: &mut Agent) {
    agent.hang_up().await;
    agent.phase("ended").await;
    let (status, said) = agent.save(json!({ "contact": "W1", "business": "B12" })).await;
    assert_eq!(status, 200, "{said}");
}

/// Plays a recording over and over until it is told to stop; how often it was whole.
fn play(world: &World, cookie: String, recording: &Recorded) -> (Arc<AtomicUsize>, impl AsyncFnOnce() + use<>) {
    let (played, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let (url, wav) = (format!("{}{}", world.server.url, recording.path), recording.wav.clone());
    let (count, stopped) = (played.clone(), stop.clone());
    let playing = tokio::spawn(async move {
        // Each time is written down, and needs not be more often than somebody could.
        let mut pace = tokio::time::interval(Duration::from_millis(100));
        while !stopped.load(Ordering::Relaxed) {
            pace.tick().await;
            let answer = http().get(&url).header("cookie", &cookie).send().await.unwrap();
            assert_eq!(answer.status(), 200);
            assert!(answer.bytes().await.unwrap() == wav, "every byte of it");
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    (played, async move || {
        stop.store(true, Ordering::Relaxed);
        playing.await.unwrap();
    })
}

async fn played_again(played: &AtomicUsize) {
    let enough = played.load(Ordering::Relaxed) + 2;
    until(async || played.load(Ordering::Relaxed), |count| *count >= enough).await.expect("it is played");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x2_keys_made_anew_in_the_middle_of_a_call_and_of_playing_open_what_was_recorded_before_then_and_after() {
    let mut world = World::start().await;
    let mut agent = Agent::sign_in(&world.server.url).await;
    let order = talks(&world, &mut agent, "13800008051").await;
    ends(&mut agent).await;
    let before = over(&world, &order).await;

    let order = talks(&world, &mut agent, "13800008052").await;
    let (played, stop) = play(&world, world.server.cookie("J0001").await, &before);
    played_again(&played).await;
    let key = world.server.folder.path().join("data/songda.key");
    let old_key = std::fs::read(&key).unwrap();
    let old_public = command(&world.server, &["keys", "public"]).1;
    let (code, said) = command(&world.server, &["keys", "rotate"]);
    assert!(code == 0 && said.contains("new keys (both)"), "{said}");
    played_again(&played).await;
    stop().await;
    agent.stay(Duration::from_secs(3)).await;
    ends(&mut agent).await;
    let during = over(&world, &order).await;

    let order = talks(&world, &mut agent, "13800008053").await;
    ends(&mut agent).await;
    let after = over(&world, &order).await;
    let public = command(&world.server, &["keys", "public"]).1;
    assert_eq!((old_public.matches("BEGIN").count(), public.matches("BEGIN").count()), (1, 2), "{public}");
    for (recording, when) in [(&before, "before"), (&during, "during"), (&after, "after")] {
        opens(&world, recording, when).await;
    }
    let (code, said) = command(&world.server, &["evidence", "verify"]);
    assert_eq!(code, 0, "{said}");
    world.server.kill_and_restart();
    for (recording, when) in [(&before, "before"), (&during, "during"), (&after, "after")] {
        opens(&world, recording, when).await;
    }
    let noted = "SELECT COUNT(*) FROM audit WHERE action = 'keys.rotate' AND result = 'ok'";
    assert_eq!(world.server.sqlite(noted), "[(1,)]", "who keeps the books sees it");

    // The running house sealed with the new key at once: the old one opens nothing of what came after it.
    let new_key = std::fs::read(&key).unwrap();
    std::fs::write(&key, old_key).unwrap();
    let (code, said) = command(&world.server, &["evidence", "verify"]);
    assert!(code == 1 && said.contains("restore the key"), "an older copy is told, and calls nothing altered: {said}");
    // And where nobody had seen the newer ones:
    sql(&world.server, "DELETE FROM newest_keys");
    let (code, said) = command(&world.server, &["evidence", "verify"]);
    let broken: Vec<&str> = said.lines().filter(|line| line.starts_with("BROKEN")).collect();
    let [only] = broken.as_slice() else { panic!("{said}") };
    assert!(code == 1 && only.starts_with(&format!("BROKEN recording {}", after.id)), "{said}");
    std::fs::write(&key, new_key).unwrap();
    let (code, said) = command(&world.server, &["evidence", "verify"]);
    assert_eq!(code, 0, "{said}");
}
