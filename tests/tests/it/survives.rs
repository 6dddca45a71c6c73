//! A call outlives what happens to its agent's browser (E51), on the built server: the network
//! goes for ten seconds, the agent stays away, another window takes over.

use std::time::Duration;

use serde_json::{Value, json};
use songda_tests::agent::{Agent, until};

use crate::{
    evidence::command,
    road::{channels, tone},
    sound::{AGENT_HZ, PARTY_HZ, agent_hears, is_tone, loudness, stretch},
    world::World,
};

/// How long the network is away.
const LOSS: Duration = Duration::from_secs(10);
/// What the agent says in a test, seconds.
const SPEECH: f64 = 90.0;

/// An agent who has dialled the party of this number; answers his work order too.
pub(crate) async fn dialled(world: &World, url: &str, number: &str) -> (Agent, Value) {
    world.push(number).await;
    let mut agent = Agent::sign_in(url).await;
    let order = agent.take().await;
    agent.dial().await;
    (agent, order)
}

/// The same, once he talks to it.
pub(crate) async fn talking(world: &World, url: &str, number: &str) -> (Agent, Value) {
    let (mut agent, order) = dialled(world, url, number).await;
    agent.phase("talking").await;
    agent.peer.as_ref().unwrap().say(&tone(AGENT_HZ, SPEECH));
    (agent, order)
}

/// What the judge sees of the only call of a task, and its recording: left is what the party
/// was to hear, right is the party.
pub(crate) async fn recorded(world: &World, order: &Value) -> (Value, Vec<i16>, Vec<i16>) {
    let judge = world.server.cookie("J0001").await;
    // The carrier knows of the end before it is written down here.
    let over = |task: &Value| task["calls"][0]["recording"].is_object();
    let seen = world.task_until(&judge, order["task_id"].as_str().unwrap(), over).await;
    assert_eq!(seen["calls"].as_array().unwrap().len(), 1, "{seen:#}");
    let call = seen["calls"][0].clone();
    assert_eq!(call["recording"]["state"], "closed", "{call:#}");
    let path = format!("/api/v1/calls/{}/recording/download", call["id"].as_str().unwrap());
    let (status, wav) = world.server.file(&path, &judge).await;
    assert_eq!(status, 200);
    let (left, right) = channels(&wav);
    (call, left, right)
}

/// From and to of the only mark of this kind.
pub(crate) fn mark(call: &Value, kind: &str) -> (i64, i64) {
    let marks: Vec<&Value> = call["marks"].as_array().unwrap().iter().filter(|mark| mark["kind"] == kind).collect();
    assert_eq!(marks.len(), 1, "one {kind}: {}", call["marks"]);
    (marks[0]["from_ms"].as_i64().unwrap(), marks[0]["to_ms"].as_i64().unwrap())
}

/// The carrier's journal of the only call.
pub(crate) fn at_the_carrier(world: &World) -> songda_sim::journal::CallRecord {
    let mut calls = world.sim.journal().calls;
    assert_eq!(calls.len(), 1, "dialled once");
    calls.remove(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e51_a_network_lost_for_ten_seconds_is_one_call_one_recording_and_a_gap_in_its_marks() {
    let (world, proxy) = World::behind_proxy().await;
    let (mut agent, order) = talking(&world, &proxy.url(), "13800008007").await;
    agent_hears(&mut agent, PARTY_HZ).await;
    agent.stay(Duration::from_secs(2)).await;
    proxy.cut();
    // The party talks on meanwhile, and so its packets tell the time.
    let enough = at_the_carrier(&world).rtp.sent + LOSS.as_millis() as u64 / 20;
    until(|| async { at_the_carrier(&world).rtp.sent }, |sent| *sent >= enough).await.unwrap();
    proxy.mend();
    agent.resume().await;
    agent.peer.as_ref().unwrap().say(&tone(AGENT_HZ, SPEECH));
    agent.notice("call.agent_back").await;
    agent_hears(&mut agent, PARTY_HZ).await;
    agent.stay(Duration::from_secs(2)).await;
    assert_eq!((&agent.call["phase"], &agent.call["away_until_at"]), (&json!("talking"), &Value::Null));
    agent.hang_up().await;
    agent.phase("ended").await;

    let (call, left, right) = recorded(&world, &order).await;
    let (from, to) = mark(&call, "agent_away");
    assert!((9_500..13_000).contains(&(to - from)), "the gap is that of the network: {from} to {to}");
    assert!(is_tone(stretch(&left, from - 1_500, from - 500), AGENT_HZ), "the agent before it");
    // Two seconds without a packet, then the words and the music.
    let gap = stretch(&left, from + 2_500, to - 500);
    assert!(loudness(gap) > 1e5 && !is_tone(gap, AGENT_HZ), "the party hears that it is to wait");
    assert!(is_tone(stretch(&left, to + 1_000, to + 2_000), AGENT_HZ), "the agent after it");
    assert!(is_tone(stretch(&right, from - 1_500, to + 1_000), PARTY_HZ), "the party throughout");
    let carrier = at_the_carrier(&world);
    assert_eq!(
        (carrier.invites, carrier.rtp.sources, carrier.ended_by),
        (2, 1, Some("caller")),
        "the party saw nothing"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e51_an_agent_who_stays_away_owes_the_outcome_and_the_task_is_first_in_line() {
    let world = World::start().await;
    let (mut agent, order) = talking(&world, &world.server.url, "13800008001").await;
    world.push("13800008002").await;
    agent.stay(Duration::from_secs(1)).await;
    agent.drop_line();
    agent.peer.take().unwrap().vanish();
    let (judge, task) = (world.server.cookie("J0001").await, order["task_id"].as_str().unwrap());
    world.task_until(&judge, task, |task| task["calls"][0]["outcome_state"] == "owed").await;
    assert_eq!(at_the_carrier(&world).ended_by, Some("caller"), "the party is released");

    let (call, left, _) = recorded(&world, &order).await;
    assert_eq!(
        (&call["technical"]["code"], &call["parting"], &call["outcome_state"]),
        (&json!("C01"), &json!("apology"), &json!("owed")),
        "{call:#}"
    );
    let (from, to) = mark(&call, "agent_away");
    assert!((28_000..45_000).contains(&(to - from)), "thirty seconds to come back, and the apology: {from} to {to}");
    for second in 1..(to - from) / 1_000 - 1 {
        let at = from + second * 1_000;
        assert!(loudness(stretch(&left, at, at + 3_000)) > 10.0, "never long without prompt or music: {at}");
    }

    let url = world.server.url.clone();
    agent.reconnect(&url).await;
    assert_eq!((&agent.call, &agent.snapshot["work_order"]), (&Value::Null, &Value::Null), "the agent is free");
    assert_eq!(agent.snapshot["owed"][0]["call_id"], call["id"], "{}", agent.snapshot);
    let next = agent.take().await;
    assert_eq!(next["task_id"], order["task_id"], "the task of the lost call comes first");
    let (status, body) =
        agent.save_for(call["id"].as_str().unwrap(), json!({ "contact": "W1", "business": "B06" })).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(agent.owed().await["items"], json!([]), "nothing is owed any more");
    let seen = world.task(&judge, order["task_id"].as_str().unwrap()).await;
    assert_eq!(seen["attempts"].as_array().unwrap().len(), 1, "one attempt: {seen:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e51_a_second_window_is_asked_takes_the_call_over_and_the_first_is_told() {
    let world = World::start().await;
    let (mut first, order) = talking(&world, &world.server.url, "13800008003").await;
    let mut second = first.second_window().await;
    let occupied = second.frame("occupied").await;
    assert_eq!(occupied["in_call"], true);
    agent_hears(&mut first, PARTY_HZ).await;
    assert_eq!(first.call["phase"], "talking", "nothing changes before the agent has said so");

    second.take_over().await;
    assert_eq!(second.call["resumable"], true, "{}", second.snapshot);
    assert_eq!(first.frame("bye").await["reason"], "replaced");
    first.peer.take().unwrap().vanish();
    second.resume().await;
    second.peer.as_ref().unwrap().say(&tone(AGENT_HZ, SPEECH));
    agent_hears(&mut second, PARTY_HZ).await;
    second.stay(Duration::from_secs(2)).await;
    assert!(first.next().await.is_none(), "the first window has no line any more");
    second.hang_up().await;
    second.phase("ended").await;
    let (_, left, right) = recorded(&world, &order).await;
    let end = right.len() as i64 / 8;
    assert!(is_tone(stretch(&left, end - 1_500, end - 500), AGENT_HZ), "the second window is heard");
    assert!(is_tone(stretch(&right, end - 1_500, end - 500), PARTY_HZ));
    at_the_carrier(&world);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e51_a_page_that_was_loaded_anew_has_its_call_and_its_sound_again() {
    let world = World::start().await;
    let (mut agent, order) = talking(&world, &world.server.url, "13800008004").await;
    for _ in 0..3 {
        agent.reload().await;
        assert_eq!((&agent.call["phase"], &agent.call["resumable"]), (&json!("talking"), &json!(true)));
        agent.resume().await;
        agent.peer.as_ref().unwrap().say(&tone(AGENT_HZ, SPEECH));
        agent_hears(&mut agent, PARTY_HZ).await;
    }
    agent.stay(Duration::from_secs(2)).await;
    agent.hang_up().await;
    agent.phase("ended").await;
    let (_, left, right) = recorded(&world, &order).await;
    let end = right.len() as i64 / 8;
    assert!(is_tone(stretch(&left, end - 1_500, end - 500), AGENT_HZ));
    at_the_carrier(&world);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e51_a_browser_that_is_silent_for_fifteen_seconds_is_off_line_and_is_offered_nothing() {
    let world = World::start().await;
    let mut agent = Agent::sign_in(&world.server.url).await;
    agent.send(json!({ "type": "ready" })).await;
    agent.frame("agent").await;
    let supervisor = world.server.cookie("supervisor").await;
    let state = || async {
        let (_, body) = world.server.get("/api/v1/overview", &supervisor).await;
        let overview: Value = serde_json::from_str(&body).unwrap();
        overview["agents"][0]["state"].clone()
    };
    assert_eq!(state().await, "ready");
    // Nobody reads or pings meanwhile.
    let seen = until(state, |state| state == "offline").await;
    assert!(seen.is_ok(), "{seen:?}");
    world.push("13800008005").await;
    let mut later = Agent::sign_in(&world.server.url).await;
    assert_eq!(later.snapshot["work_order"], Value::Null, "it was kept for nobody");
    later.take().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e52_a_second_server_on_the_same_house_is_refused_and_the_call_of_the_first_goes_on() {
    let world = World::start().await;
    let url = world.server.url.clone();
    let (mut agent, order) = talking(&world, &url, "13800000001").await;
    // It would take the call for one that a dead server left behind.
    let (code, said) = command(&world.server, &["serve"]);
    assert!(code != 0 && said.contains("another server works in the data folder"), "{code}: {said}");
    agent.stay(Duration::from_secs(2)).await;
    agent.hang_up().await;
    agent.phase("ended").await;
    let (call, left, _) = recorded(&world, &order).await;
    assert!(call["recording"]["duration_ms"].as_i64() > Some(2_000), "{call:#}");
    assert!(left.iter().any(|sample| *sample != 0));
}
