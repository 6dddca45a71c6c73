//! The server is told to end (SIGTERM): what is live comes to its end first, and nobody who was
//! answered is cut off without a word.

use std::time::Duration;

use serde_json::{Value, json};
use songda_tests::agent::{Agent, until};
use tokio::{io::AsyncWriteExt as _, net::TcpSocket};

use crate::{
    inbound::{accept, from, list, open, open_with},
    server::Machine,
    sound::{AGENT_HZ, PARTY_HZ, agent_hears, is_tone, loudness, stretch},
    survives::{at_the_carrier, recorded, talking},
    world::World,
};

/// An end for which nobody is waited; the carrier and who still reads get five seconds each.
const AT_ONCE: Duration = Duration::from_secs(12);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_new_calls_get_503_with_retry_after_while_a_live_call_talks_on() {
    let (mut world, at) = open().await;
    let (mut agent, order) = talking(&world, &world.server.url, "13800008021").await;
    world.push("13800008022").await;
    let mut idle = Agent::sign_in_as(&world.server.url, "agent2").await;
    idle.take().await;
    world.push("13800008023").await;
    world.server.terminate();
    agent.frame("closing").await;
    idle.frame("closing").await;

    let leg = world.sim.call_in(from("13800008024", at)).await.unwrap();
    let call = || async { world.sim.journal().calls.into_iter().find(|call| call.call_id == leg).unwrap() };
    let refused = until(call, |call| call.status.is_some()).await.unwrap();
    assert_eq!(refused.status, Some(503), "{refused:?}");
    assert!(refused.retry_after_s.is_some(), "{refused:?}");
    idle.dial().await;
    assert_eq!(idle.frame("error").await["code"], "dial.closing");
    let (status, health) = world.server.get("/health/ready", "").await;
    assert_eq!(status, 503);
    assert_eq!(serde_json::from_str::<Value>(&health).unwrap()["status"], "draining");

    // Another window finds the same, with the call in it.
    agent.reload().await;
    assert_eq!((&agent.snapshot["closing"], &agent.call["phase"]), (&json!(true), &json!("talking")));
    agent.resume().await;
    agent_hears(&mut agent, PARTY_HZ).await;
    agent.stay(Duration::from_secs(2)).await;
    agent.hang_up().await;
    agent.phase("ended").await;
    let (status, said) = agent.save(json!({ "contact": "W1", "business": "B06" })).await;
    assert_eq!(status, 200, "the outcome is saved before the end: {said}");
    let took = world.server.ended().await;
    assert!(took < AT_ONCE, "{took:?} after the last outcome");
    assert!(!agent.seen.iter().any(|frame| frame.contains("13800008023")), "no work is given any more");

    world.server.kill_and_restart();
    recorded(&world, &order).await;
    let judge = world.server.cookie("J0001").await;
    let task = world.task(&judge, order["task_id"].as_str().unwrap()).await;
    assert_eq!(task["attempts"].as_array().unwrap().len(), 1, "{task:#}");
    let complaints = world.sim.journal().complaints;
    assert!(complaints.is_empty(), "{complaints:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_at_the_limit_the_party_hears_the_apology_and_the_recording_is_whole() {
    let configure = |text: String| text.replace("ring_limit_s = 12", "ring_limit_s = 12\ndrain_s = 3");
    let machine = Machine { configure: Some(Box::new(configure)), ..Machine::default() };
    let mut world = World::start_on(|_| machine).await;
    let (mut agent, order) = talking(&world, &world.server.url, "13800008025").await;
    agent_hears(&mut agent, PARTY_HZ).await;
    world.server.terminate();
    agent.frame("closing").await;
    agent.call_until(|call| call["parting"] == "apology").await;
    world.server.ended().await;
    let seen = at_the_carrier(&world);
    assert_eq!((seen.ended_by, seen.reason.as_deref()), (Some("caller"), Some("Q.850;cause=31")));

    world.server.kill_and_restart();
    let (call, left, right) = recorded(&world, &order).await;
    assert_eq!((&call["parting"], &call["ended_by"]), (&json!("apology"), &json!("system")), "{call:#}");
    assert_eq!(call["outcome_state"], "due", "its agent says what came of it");
    let end = left.len() as i64 / 8;
    let words = stretch(&left, end - 4_000, end - 1_000);
    assert!(loudness(words) > 1e3 && !is_tone(words, AGENT_HZ), "the party is told");
    assert!(is_tone(stretch(&left, end - 11_000, end - 10_000), AGENT_HZ), "the agent until then");
    assert!(is_tone(stretch(&right, end - 10_000, end - 300), PARTY_HZ), "the party to the end");
    let lasted = (seen.ended_at.unwrap() - seen.rtp.first_sent_at.unwrap()) as i64;
    assert!((right.len() as i64 / 8 - lasted).abs() < 1_000, "{} ms recorded of {lasted}", right.len() / 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_at_the_limit_a_caller_who_waits_is_told_too_and_is_called_back() {
    let (mut world, at) = open_with("drain_s = 2\n").await;
    let leg = world.sim.call_in(from("13800008026", at)).await.unwrap();
    let call = || async { world.sim.journal().calls.into_iter().find(|call| call.call_id == leg) };
    until(&call, |call| call.as_ref().is_some_and(|call| call.rtp.received > 300)).await.unwrap();
    world.server.terminate();
    world.server.ended().await;
    let over = call().await.unwrap();
    assert_eq!((over.ended_by, over.reason.as_deref()), (Some("court"), Some("Q.850;cause=31")));
    world.server.kill_and_restart();
    let supervisor = world.server.cookie("supervisor").await;
    let listed = list(&world, &supervisor).await;
    assert_eq!((listed.len(), listed[0]["call_back"].as_bool()), (1, Some(true)), "{listed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_a_caller_who_waits_already_is_still_taken_by_an_agent() {
    let (mut world, at) = open().await;
    let (mut agent, _) = talking(&world, &world.server.url, "13800008028").await;
    let leg = world.sim.call_in(from("13800008029", at)).await.unwrap();
    let call = || async { world.sim.journal().calls.into_iter().find(|call| call.call_id == leg) };
    until(&call, |call| call.as_ref().is_some_and(|call| call.rtp.received > 0)).await.unwrap();
    world.server.terminate();
    agent.frame("closing").await;
    agent.hang_up().await;
    agent.phase("ended").await;
    assert_eq!(agent.save(json!({ "contact": "W1", "business": "B06" })).await.0, 200);
    let rings = agent.frame("incoming").await;
    accept(&mut agent, &rings).await;
    agent.phase("talking").await;
    agent_hears(&mut agent, PARTY_HZ).await;
    agent.hang_up().await;
    agent.phase("ended").await;
    let took = world.server.ended().await;
    assert!(took < AT_ONCE, "{took:?} after the last call");
    let complaints = world.sim.journal().complaints;
    assert!(complaints.is_empty(), "{complaints:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_without_a_call_ends_at_once_also_while_agents_sit_ready() {
    let mut world = World::start().await;
    let mut agent = Agent::sign_in(&world.server.url).await;
    agent.send(json!({ "type": "ready" })).await;
    agent.frame("queue").await;
    world.server.terminate();
    let took = world.server.ended().await;
    assert!(took < AT_ONCE, "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_a_stalled_download_does_not_hold_the_drain() {
    let mut world = World::start().await;
    let (mut agent, order) = talking(&world, &world.server.url, "13800008027").await;
    agent.stay(Duration::from_secs(3)).await;
    agent.hang_up().await;
    agent.phase("ended").await;
    assert_eq!(agent.save(json!({ "contact": "W1", "business": "B06" })).await.0, 200);
    let (call, ..) = recorded(&world, &order).await;

    // Who asks again and again and reads nothing: the answers fill every buffer on the way.
    let judge = world.server.cookie("J0001").await;
    let address = world.server.url.strip_prefix("http://").unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stalled = socket.connect(address.parse().unwrap()).await.unwrap();
    let path = format!("/api/v1/calls/{}/recording/download", call["id"].as_str().unwrap());
    let asked = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\ncookie: {judge}\r\n\r\n").repeat(200);
    stalled.write_all(asked.as_bytes()).await.unwrap();
    let before = std::cell::Cell::new(String::new());
    let stands = || async {
        let rows = world.server.sqlite("SELECT max(10, count(*)) FROM audit WHERE action = 'recording.download'");
        before.replace(rows.clone()) == rows && rows != "[(10,)]"
    };
    assert!(until(stands, |stands| *stands).await.is_ok(), "it goes on and on");
    world.server.terminate();
    let took = world.server.ended().await;
    assert!(took < AT_ONCE, "{took:?}");
    assert!(world.server.log().contains("somebody still read an answer"), "nothing was stalled");
    drop(stalled);
}
