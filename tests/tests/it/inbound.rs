//! A party calls the court (R4.4a, R4.2d, E46): songda-sim calls the built server.

use std::{net::UdpSocket, time::Duration};

use serde_json::{Value, json};
use songda_sim::CallIn;
use songda_tests::{
    agent::{Agent, http, until},
    peer::Peer,
};

use crate::{
    leaks,
    road::channels,
    server::Machine,
    sound::{PARTY_HZ, agent_hears, is_tone},
    world::World,
};

/// The world, with a server whose signalling port parties know, open at any hour.
pub(crate) async fn open() -> (World, std::net::SocketAddr) {
    open_with("").await
}

/// The same, with more lines under `[telephony]`.
pub(crate) async fn open_with(lines: &'static str) -> (World, std::net::SocketAddr) {
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let listen = format!("{lines}sip_listen = \"{port}\"");
    let configure = move |text: String| text.replace("sip_listen = \"127.0.0.1:0\"", &listen);
    let machine = Machine { configure: Some(Box::new(configure)), ..Machine::default() };
    let world = World::start_on(|_| machine).await;
    let hours =
        json!({ "days": [1, 2, 3, 4, 5, 6, 7], "opens": "00:00", "closes": "24:00", "wait_s": 60, "message_s": 30 });
    set_hours(&world, hours).await;
    (world, port)
}

pub(crate) async fn set_hours(world: &World, hours: Value) {
    let cookie = world.server.cookie("supervisor").await;
    let url = format!("{}/api/v1/settings/inbound", world.server.url);
    let answer = http().put(url).header("cookie", cookie).json(&hours).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

pub(crate) async fn list(world: &World, cookie: &str) -> Vec<Value> {
    let (status, body) = world.server.get("/api/v1/inbound", cookie).await;
    assert_eq!(status, 200, "{body}");
    let body: Value = serde_json::from_str(&body).unwrap();
    body["items"].as_array().unwrap().clone()
}

async fn post(world: &World, cookie: &str, path: &str, body: Value) -> u16 {
    let url = format!("{}/api/v1/inbound/{path}", world.server.url);
    http().post(url).header("cookie", cookie).json(&body).send().await.unwrap().status().as_u16()
}

pub(crate) fn from(number: &str, at: std::net::SocketAddr) -> CallIn {
    CallIn { from: number.into(), at: Some(at), ..CallIn::default() }
}

/// Takes the call that rings.
pub(crate) async fn accept(agent: &mut Agent, rings: &Value) {
    let peer = Peer::start();
    let frame = json!({ "type": "accept", "call_id": rings["call_id"], "sdp": peer.offer });
    agent.peer = Some(peer);
    agent.send(frame).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_4a_who_calls_back_reaches_the_agent_with_his_work_order_and_it_becomes_a_call_of_his_task() {
    const NUMBER: &str = "13800008001";
    let (world, at) = open().await;
    world.push(NUMBER).await;
    let mut agent = Agent::sign_in(&world.server.url).await;
    agent.take().await;
    // A gateway that builds the Call-ID from the number of the caller.
    let call_in = CallIn { call_id: Some(format!("{NUMBER}-1@gateway")), ..from(NUMBER, at) };
    world.sim.call_in(call_in).await.unwrap();
    let rings = agent.frame("incoming").await;
    assert_eq!((rings["known"].as_bool(), rings["phone_masked"].as_str()), (Some(true), Some("138****8001")));
    accept(&mut agent, &rings).await;
    agent.phase("talking").await;
    assert_eq!((agent.call["direction"].as_str(), agent.call["known"].as_bool()), (Some("in"), Some(true)));
    agent.stay(Duration::from_secs(3)).await;
    agent.hang_up().await;
    agent.phase("ended").await;
    let judge = world.server.cookie("J0001").await;
    let task = world.only_task(&judge).await;
    let seen = world.task_until(&judge, &task, |task| !task["calls"][0]["recording"].is_null()).await;
    let id = seen["calls"][0]["id"].as_str().unwrap();
    let admin = world.server.cookie("admin").await;
    let (status, ladder) = world.server.get(&format!("/api/v1/telephony/calls/{id}/ladder"), &admin).await;
    assert!(status == 200 && ladder.contains("INVITE"), "it is found by its name on the wire: {ladder}");
    let auditor = world.server.cookie("auditor").await;
    let (_, audit) = world.server.get("/api/v1/audit", &auditor).await;
    let books = world.server.sqlite("SELECT * FROM inbound_calls") + &world.server.sqlite("SELECT * FROM calls");
    let metrics = world.server.metrics().await;
    for text in agent.seen.iter().chain([&ladder, &audit, &books, &metrics, &world.server.log(), &seen.to_string()]) {
        let found = leaks::find(text, &[NUMBER.to_owned()]);
        assert_eq!(found, None, "{}", text.chars().take(300).collect::<String>());
    }
    assert_eq!(
        (seen["calls"][0]["is_attempt"].as_bool(), seen["calls"][0]["outcome_state"].as_str()),
        (Some(true), Some("due"))
    );
    let supervisor = world.server.cookie("supervisor").await;
    assert!(list(&world, &supervisor).await.is_empty(), "it is a call of the task");
    assert_eq!(serde_json::to_value(world.sim.journal()).unwrap()["complaints"], json!([]));
}

const BUSY_HZ: f64 = 450.0;

/// Whoever has this number sounds like a busy line of this country: 0.35 s on, 0.35 s off.
async fn busy_tone(world: &World, number: &str) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut file, spec).unwrap();
    for place in 0..30 * 8_000u32 {
        let wave = (f64::from(place) * BUSY_HZ * std::f64::consts::TAU / 8_000.0).sin() * 6_000.0;
        writer.write_sample(if place / 2_800 % 2 == 0 { wave as i16 } else { 0 }).unwrap();
    }
    writer.finalize().unwrap();
    let url = format!("http://{}/_sim/say?number={number}", world.sim.http_addr);
    let answer = http().post(url).body(file.into_inner()).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e46_who_calls_while_he_is_called_is_joined_to_that_call_and_no_second_is_made() {
    const NUMBER: &str = "13800002001";
    let (world, at) = open().await;
    world.push(NUMBER).await;
    let mut agent = Agent::sign_in(&world.server.url).await;
    agent.take().await;
    agent.dial().await;
    agent.phase("ringing").await;
    busy_tone(&world, NUMBER).await;
    world.sim.call_in(from(NUMBER, at)).await.unwrap();
    agent.phase("talking").await;
    assert_eq!(agent.call["direction"], "in");
    // He called, and so nobody has to find out what is at his end, whatever it sounds like.
    agent_hears(&mut agent, BUSY_HZ).await;
    agent.stay(Duration::from_secs(6)).await;
    assert!(agent.call["heard"].is_null(), "{}", agent.call);
    let ours = world.sim.journal().calls.into_iter().find(|call| !call.into_court).unwrap();
    assert!(ours.ringing_at.is_some() && ours.answered_at.is_none() && ours.acked_at.is_none(), "{ours:?}");
    assert_eq!((ours.status, ours.ended_by), (Some(487), Some("caller")), "our leg was cancelled unanswered");
    agent.hang_up().await;
    agent.phase("ended").await;
    assert_eq!(world.sim.journal().calls.len(), 2, "his and ours, and no third");
    let judge = world.server.cookie("J0001").await;
    let task = world.only_task(&judge).await;
    let calls = world.task(&judge, &task).await["calls"].as_array().unwrap().len();
    assert_eq!(calls, 1, "one call");
    let books = "SELECT c.direction, COUNT(*), SUM(t.ended_ms > 0), SUM(i.sip_call_sealed IS NOT NULL), \
                        SUM(i.sip_call_id = t.sip_call_id) \
                 FROM calls c JOIN call_tries t ON t.call_id = c.id JOIN inbound_calls i ON i.id = c.id";
    assert_eq!(world.server.sqlite(books), "[('in', 1, 1, 1, 0)]", "our way stands beside his");
    assert_eq!(serde_json::to_value(world.sim.journal()).unwrap()["complaints"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_2d_a_caller_of_no_task_is_spoken_to_without_a_case_and_linked_afterwards() {
    const NUMBER: &str = "13800008002";
    let (world, at) = open().await;
    let mut agent = Agent::sign_in(&world.server.url).await;
    agent.send(json!({ "type": "ready" })).await;
    agent.frame("queue").await;
    world.sim.call_in(CallIn { withheld: true, ..from(NUMBER, at) }).await.unwrap();
    let rings = agent.frame("incoming").await;
    assert!(rings["known"] == false && rings["envelope"].is_null(), "{rings}");
    accept(&mut agent, &rings).await;
    agent.phase("talking").await;
    agent.stay(Duration::from_secs(2)).await;
    agent.hang_up().await;
    agent.phase("ended").await;
    let supervisor = world.server.cookie("supervisor").await;
    let listed = until(|| list(&world, &supervisor), |items| !items.is_empty()).await.unwrap();
    let id = listed[0]["id"].as_str().unwrap().to_owned();
    assert_eq!((listed[0]["task"].is_null(), listed[0]["call_back"].as_bool()), (true, Some(false)));
    let (status, wav) = world.server.file(&format!("/api/v1/inbound/{id}/audio"), &supervisor).await;
    assert!(status == 200 && wav.starts_with(b"RIFF"), "{status}");
    world.push("13800008003").await;
    let judge = world.server.cookie("J0001").await;
    let task = world.only_task(&judge).await;
    assert_eq!(post(&world, &supervisor, &format!("{id}/link"), json!({ "task": task })).await, 204);
    assert_eq!(post(&world, &supervisor, &format!("{id}/dismiss"), json!({ "reason": "推销" })).await, 409);
    let seen = world.task(&judge, &task).await;
    assert_eq!((seen["calls"][0]["id"].as_str(), seen["calls"][0]["recording"].is_null()), (Some(id.as_str()), false));
    let (status, _) = world.server.file(&format!("/api/v1/calls/{id}/recording/audio"), &judge).await;
    assert_eq!(status, 200, "its recording came along");
    assert_eq!(agent.owed().await["items"][0]["call_id"], id.as_str(), "its agent owes the outcome");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_4a_out_of_hours_a_caller_leaves_a_message_that_is_kept_and_to_be_called_back() {
    const NUMBER: &str = "13800008004";
    let (world, at) = open().await;
    // No minute of any day but the first.
    let hours = json!({ "days": [1], "opens": "00:00", "closes": "00:01", "wait_s": 60, "message_s": 3 });
    set_hours(&world, hours).await;
    world.sim.call_in(from(NUMBER, at)).await.unwrap();
    let supervisor = world.server.cookie("supervisor").await;
    let listed = until(|| list(&world, &supervisor), |items| !items.is_empty()).await.unwrap();
    assert_eq!((listed[0]["message"].as_bool(), listed[0]["call_back"].as_bool()), (Some(true), Some(true)));
    assert!(listed[0]["recording_ms"].as_i64().unwrap() > 10_000, "{}", listed[0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_2d_the_wav_of_a_message_is_right_in_every_size_after_a_kill_in_the_middle_of_it() {
    const NUMBER: &str = "13800008006";
    let (mut world, at) = open().await;
    let hours = json!({ "days": [1], "opens": "00:00", "closes": "00:01", "wait_s": 60, "message_s": 120 });
    set_hours(&world, hours).await;
    let leg = world.sim.call_in(from(NUMBER, at)).await.unwrap();
    let speaks = || async { world.server.sqlite("SELECT message FROM inbound_calls") };
    until(speaks, |rows| rows == "[(1,)]").await.unwrap();
    let sent = || async { world.sim.journal().calls.iter().find(|call| call.call_id == leg).unwrap().rtp.sent };
    let enough = sent().await + 100;
    until(sent, |sent| *sent >= enough).await.unwrap();
    let killed_ms = unix_ms();
    world.server.kill_and_restart();
    let supervisor = world.server.cookie("supervisor").await;
    let listed = until(|| list(&world, &supervisor), |items| !items.is_empty()).await.unwrap();
    assert_eq!((listed[0]["message"].as_bool(), listed[0]["call_back"].as_bool()), (Some(true), Some(true)));
    let path = format!("/api/v1/inbound/{}/audio", listed[0]["id"].as_str().unwrap());
    let (status, wav) = world.server.file(&path, &supervisor).await;
    assert_eq!(status, 200);
    let word = |at: usize| u32::from_le_bytes(wav[at..at + 4].try_into().unwrap());
    let half = |at: usize| u16::from_le_bytes(wav[at..at + 2].try_into().unwrap());
    assert_eq!((&wav[..4], word(4) as usize, &wav[8..16]), (&b"RIFF"[..], wav.len() - 8, &b"WAVEfmt "[..]));
    assert_eq!((half(20), half(22), word(24), half(34)), (1, 2, 8_000, 16), "PCM, both sides, 8 kHz, 16 bits");
    assert_eq!((word(28), half(32)), (32_000, 4), "octets a second, and of a frame");
    let data = 20 + word(16) as usize;
    assert_eq!((&wav[data..data + 4], word(data + 4) as usize), (&b"data"[..], wav.len() - data - 8));
    let (_, party) = channels(&wav);
    assert!(is_tone(&party[party.len() - 8_000..], PARTY_HZ), "the message is heard to its end");
    let calls = world.sim.journal().calls;
    let first_ms = calls.iter().find(|call| call.call_id == leg).unwrap().rtp.first_sent_at.unwrap() as i64;
    let lost = killed_ms - (first_ms + party.len() as i64 / 8);
    assert!(lost <= LOST_MS, "{lost} ms lost");
}

/// What the server may lose of a recording when it is killed.
const LOST_MS: i64 = 2_000;

fn unix_ms() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_4a_a_kill_while_a_caller_waits_ends_his_leg_keeps_his_recording_and_has_him_called_back() {
    const NUMBER: &str = "13800008005";
    let (mut world, at) = open().await;
    world.push(NUMBER).await;
    let judge = world.server.cookie("J0001").await;
    let task = world.only_task(&judge).await;
    // Nobody is at work: he hears the notice, and waits.
    let leg = world.sim.call_in(from(NUMBER, at)).await.unwrap();
    let call = || async { world.sim.journal().calls.into_iter().find(|call| call.call_id == leg) };
    let waits = until(&call, |call| call.as_ref().is_some_and(|call| call.rtp.received > 300)).await.unwrap().unwrap();
    let killed_ms = unix_ms();
    world.server.kill_and_restart();
    let call = || async { world.sim.journal().calls.into_iter().find(|call| call.call_id == leg) };
    let over = until(&call, |call| call.as_ref().is_some_and(|call| call.ended_at.is_some())).await;
    let over = over.unwrap_or_else(|_| panic!("his leg stays up\n{}", world.server.log_tail())).unwrap();
    assert_eq!(over.ended_by, Some("court"), "the next run hangs up");
    let supervisor = world.server.cookie("supervisor").await;
    let listed = until(|| list(&world, &supervisor), |items| !items.is_empty()).await.unwrap();
    assert_eq!((listed.len(), listed[0]["call_back"].as_bool()), (1, Some(true)), "{}", listed[0]);
    let recorded = listed[0]["recording_ms"].as_i64().unwrap();
    let lost = killed_ms - (waits.rtp.first_sent_at.unwrap() as i64 + recorded);
    assert!(lost <= LOST_MS, "{lost} ms lost of {recorded}");
    let seen = world.task(&judge, &task).await;
    assert!(seen["phase"] == "待外呼" && seen["attempts"] == json!([]), "{seen:#}");
}
