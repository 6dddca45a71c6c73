//! A disk that is full, before a call and during one (R4.2a, E52).

use std::{path::Path, time::Duration};

use serde_json::{Value, json};
use songda_tests::agent::{Agent, until};

use super::{
    SmallDisk, alarm_until, alarms, check,
    clock::{Watch, reference},
};
use crate::{
    road::channels,
    server::{Machine, Server},
    world::World,
};

const MIB: u64 = 1 << 20;
/// Kept for the books on the small disk.
const RESERVE: u64 = 8 * MIB;

/// A machine whose data lies on a disk of its own, of 64 MiB.
fn small() -> Machine {
    let floor = format!("free_floor = {}\nreserve = {RESERVE}", 4 * MIB);
    let configure = Box::new(move |text: String| text.replace("free_floor = 0", &floor));
    Machine { disk: Some(64 * MIB), configure: Some(configure), ..Machine::default() }
}

fn disk(server: &Server) -> &SmallDisk {
    server.disk.as_ref().unwrap()
}

/// Everything that was left is taken, and then what was kept for the books as well.
async fn fill_to_the_last_byte(world: &World) {
    // What SQLite has in its log already it would write over without asking for room.
    world.server.sqlite("PRAGMA wal_checkpoint(TRUNCATE)");
    let disk = disk(&world.server);
    disk.fill();
    given_up(disk).await;
    disk.fill();
}

/// The house gave up what it kept for the books.
async fn given_up(disk: &SmallDisk) {
    let reserve = disk.file("recordings/reserve");
    let length = async || std::fs::metadata(&reserve).map_or(0, |file| file.len());
    until(length, |length| *length == 0).await.expect("the reserve is given up");
}

/// How long the room lasts, as Prometheus reads it.
async fn hours_left(world: &World) -> f64 {
    let metrics = world.server.metrics().await;
    let row = metrics.lines().find_map(|line| line.strip_prefix("songda_disk_hours_left "));
    row.map_or(f64::INFINITY, |hours| hours.parse().unwrap())
}

/// The number of 20 ms windows in which something can be heard.
fn loud(samples: &[i16]) -> usize {
    samples.chunks(160).filter(|window| window.iter().any(|sample| sample.unsigned_abs() > 500)).count()
}

/// The same of a file with one channel.
fn loud_in(wav: &Path) -> usize {
    let mut reader = hound::WavReader::open(wav).unwrap();
    let rate = reader.spec().sample_rate as usize / 8_000;
    let samples: Vec<i16> = reader.samples::<i16>().step_by(rate).map(Result::unwrap).collect();
    loud(&samples)
}

fn prompt(name: &str) -> usize {
    loud_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../agent-console/calls/prompts").join(name))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_2a_with_a_full_disk_no_call_goes_out_and_with_room_again_it_does() {
    let world = World::start_on(|_| small()).await;
    world.push("13800008021").await;
    let mut agent = Agent::sign_in(&world.server.url).await;
    let order = agent.take().await;
    assert_eq!(check(&world, "vault").await.0, "ok");
    disk(&world.server).fill();
    agent.dial().await;
    let error = agent.frame_past_errors("error").await;
    assert_eq!(error["code"], "dial.recording_unavailable", "{error}\n{}", world.server.log_tail());
    given_up(disk(&world.server)).await;
    alarm_until(&world, "disk.full", true).await;
    let (status, detail) = check(&world, "vault").await;
    assert!(status == "failed" && detail.contains("make room"), "{status} {detail}");
    assert_eq!(world.server.get("/health/ready", "").await.0, 503);
    let judge = world.server.cookie("J0001").await;
    let task = order["task_id"].as_str().unwrap();
    assert_eq!(world.task(&judge, task).await["attempts"], json!([]));
    assert_eq!(serde_json::to_value(world.sim.journal()).unwrap()["calls"], json!([]), "the carrier heard nothing");

    disk(&world.server).free();
    alarm_until(&world, "disk.full", false).await;
    assert_eq!(world.server.get("/health/ready", "").await.0, 200);
    agent.dial().await;
    let end = agent.ended(Duration::from_secs(1)).await;
    assert_eq!((&end["end"]["technical"]["code"], &end["end"]["recorded"]), (&json!("C01"), &json!(true)), "{end}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e52_a_disk_that_fills_up_is_told_while_calls_still_go_out_and_is_forgotten_when_an_hour_was_quiet() {
    let watch = Watch::new();
    let world = World::start_on(|sim| {
        let (Machine { disk, configure, .. }, reference) = (small(), reference(sim));
        let configure = Box::new(move |text: String| configure.unwrap()(text).replace("[data]\n", &reference));
        Machine { disk, configure: Some(configure), environment: watch.environment(), ..Machine::default() }
    })
    .await;
    // As on a machine that was asleep: its clock and the reference go on together.
    let pass = |minutes: i64| {
        watch.set(&format!("+{}", minutes * 60));
        world.sim.set_time_offset_ms(minutes * 60_000);
    };
    world.push("13800008026").await;
    disk(&world.server).take(20 * MIB as usize);
    assert_eq!(alarms(&world).await, Vec::<String>::new(), "nothing is told of a moment");
    pass(11);
    // About 30 MiB are left for recordings, and 20 MiB were written in eleven minutes. Nobody signs in while
    // the clock goes on: his session would be over.
    let left = until(async || hours_left(&world).await, |hours| hours.is_finite()).await.unwrap();
    assert!((0.1..0.5).contains(&left), "{left}");
    alarm_until(&world, "disk.filling", true).await;
    assert_eq!(check(&world, "vault").await.0, "ok", "there is room still");
    let (status, detail) = check(&world, "room").await;
    assert!(status == "warn" && detail.contains("MiB an hour"), "{status} {detail}");
    assert_eq!(world.server.get("/health/ready", "").await.0, 200);
    let mut agent = Agent::sign_in(&world.server.url).await;
    agent.take().await;
    agent.dial().await;
    let end = agent.ended(Duration::from_secs(1)).await;
    assert_eq!((&end["end"]["technical"]["code"], &end["end"]["recorded"]), (&json!("C01"), &json!(true)), "{end}");
    pass(80);
    until(async || hours_left(&world).await, |hours| hours.is_infinite()).await.unwrap();
    alarm_until(&world, "disk.filling", false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_2a_a_disk_that_fills_during_a_call_ends_it_with_a_notice_and_what_was_recorded_plays() {
    let world = World::start_on(|_| small()).await;
    world.push("13800008022").await;
    let mut agent = Agent::sign_in(&world.server.url).await;
    let order = agent.take().await;
    agent.dial().await;
    agent.phase("talking").await;
    agent.stay(Duration::from_secs(3)).await;
    disk(&world.server).fill();
    let end = agent.phase_or_error("ended").await;
    assert_eq!((&end["end"]["technical"]["code"], &end["end"]["by"]), (&json!("C01"), &json!("system")), "{end}");
    assert_eq!(end["end"]["recorded"], false, "录音缺失: {end}");
    for word in ["call.recording_failed", r#""parting":"recording_failed""#] {
        assert!(agent.seen.iter().any(|frame| frame.contains(word)), "the agent is told: {word}");
    }

    let (call, task) = (end["call_id"].as_str().unwrap(), order["task_id"].as_str().unwrap());
    let success = json!({ "contact": "W1", "business": "B05", "heard_all": true });
    let (status, body) = agent.save(success).await;
    assert_eq!((status, &body["code"]), (422, &json!("outcome.no_recording")), "no success without evidence: {body}");
    let heard = world.sim.journal().calls[0].audio.clone().unwrap();
    let (heard, spoken) = (loud_in(Path::new(&heard)), prompt("notice-zh.wav") + prompt("recording-failed-zh.wav"));
    assert!(heard * 10 >= spoken * 9, "the party was told: {heard} windows of {spoken}");

    // The disk is as full as before: what was kept for the books was enough.
    let judge = world.server.cookie("J0001").await;
    let seen = world.task(&judge, task).await;
    assert_eq!(seen["calls"][0]["recording"]["state"], "incomplete", "{}", seen["calls"][0]);
    let open = alarms(&world).await;
    for kind in ["disk.full", "recording.failed", "recording.incomplete"] {
        assert!(open.iter().any(|is| is == kind), "{kind} is not in {open:?}");
    }
    let (status, audio) = world.server.file(&format!("/api/v1/calls/{call}/recording/audio"), &judge).await;
    assert_eq!(status, 200);
    let (left, right) = channels(&audio);
    assert!(left.len() >= 3 * 8_000 && loud(&right) * 160 >= 2 * 8_000, "{} frames", left.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e52_the_end_of_a_call_that_no_book_had_room_for_is_written_when_there_is_room() {
    let world = World::start_on(|_| small()).await;
    world.push("13800008023").await;
    let mut agent = Agent::sign_in(&world.server.url).await;
    let order = agent.take().await;
    let task = order["task_id"].as_str().unwrap();
    // Signing in is written down, too, so it comes first.
    let judge = world.server.cookie("J0001").await;
    agent.dial().await;
    agent.phase("talking").await;
    agent.stay(Duration::from_secs(3)).await;
    fill_to_the_last_byte(&world).await;
    let carrier = async || serde_json::to_value(world.sim.journal()).unwrap()["calls"][0].clone();
    let ended = until(carrier, |call| !call["ended_at"].is_null()).await;
    let line = ended.unwrap_or_else(|call| panic!("the line is up still: {call}\n{}", world.server.log_tail()));
    assert_eq!(line["ended_by"], "caller", "a full disk keeps nobody from hanging up");
    let log = async || world.server.log();
    let unwritten = until(log, |log| log.contains("the end of a call could not be written down yet")).await;
    assert!(unwritten.is_ok(), "{}", world.server.log_tail());
    // What is shown is written down, too: nobody is shown anything.
    assert_eq!(world.server.get(&format!("/api/v1/tasks/{task}"), &judge).await.0, 507);
    let half = "SELECT c.state IN ('ended'), c.ended_ms, (SELECT COUNT(*) FROM recordings), (SELECT COUNT(*) FROM attempts) FROM calls c";
    assert_eq!(world.server.sqlite(half), "[(0, None, 0, 0)]", "nothing half-written");

    disk(&world.server).free();
    let played = |task: &Value| task["calls"][0]["recording"]["state"] == "incomplete";
    world.task_until(&judge, task, played).await;
    let ended_ms: i64 =
        world.server.sqlite("SELECT ended_ms FROM calls").trim_matches(['[', ']', '(', ')', ',']).parse().unwrap();
    let late = ended_ms - line["ended_at"].as_i64().unwrap();
    assert!(late.abs() < 1_000, "when it ended, not when it was written: {late} ms");
    agent.reconnect(&world.server.url).await;
    let end = agent.call.clone();
    assert_eq!((&end["phase"], &end["end"]["recorded"]), (&json!("ended"), &json!(false)), "{end}");
    let call = end["call_id"].as_str().unwrap();
    let (status, audio) = world.server.file(&format!("/api/v1/calls/{call}/recording/audio"), &judge).await;
    assert_eq!(status, 200);
    let (left, _) = channels(&audio);
    assert!(left.len() >= 3 * 8_000, "{} frames", left.len());
    let (well, said) = world.server.run(&["audit", "verify"]);
    assert!(well, "{said}");
    alarm_until(&world, "disk.full", false).await;
    let (status, body) = agent.save(json!({ "contact": "W1", "business": "B12" })).await;
    assert_eq!(status, 200, "{body}");
    let seen = world.task(&judge, task).await;
    assert_eq!(seen["attempts"].as_array().unwrap().len(), 1, "written once: {seen}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e52_an_order_that_finds_no_room_is_refused_whole_and_taken_in_when_there_is_room() {
    let world = World::start_on(|_| small()).await;
    let judge = world.server.cookie("J0001").await;
    fill_to_the_last_byte(&world).await;
    let (status, body) = world.try_push("13800008024").await;
    assert!(status == 507 && body.contains("house.disk_full"), "{status} {body}");
    for table in ["orders", "tasks", "cases", "objects"] {
        assert_eq!(world.server.sqlite(&format!("SELECT COUNT(*) FROM {table}")), "[(0,)]", "{table}");
    }
    disk(&world.server).free();
    world.push("13800008024").await;
    world.only_task(&judge).await;
    let (well, said) = world.server.run(&["audit", "verify"]);
    assert!(well, "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e52_a_server_that_is_killed_on_a_full_disk_comes_back_and_closes_what_it_left() {
    let mut world = World::start_on(|_| small()).await;
    world.push("13800008025").await;
    let mut agent = Agent::sign_in(&world.server.url).await;
    let order = agent.take().await;
    let task = order["task_id"].as_str().unwrap();
    agent.dial().await;
    agent.phase("talking").await;
    agent.stay(Duration::from_secs(3)).await;
    // Before it can do anything about it.
    world.server.freeze();
    disk(&world.server).fill();
    world.server.kill_and_restart();
    let judge = world.server.cookie("J0001").await;
    let seen = world.task(&judge, task).await;
    let call = &seen["calls"][0];
    assert!(!call["ended_at"].is_null(), "no call is live: {call}");
    assert!(["recovered", "incomplete"].contains(&call["recording"]["state"].as_str().unwrap()), "{call}");
    alarm_until(&world, "disk.full", true).await;
    assert_eq!(world.server.get("/health/ready", "").await.0, 503);

    // With not a byte left nothing that was up can be closed, and nothing may be served.
    fill_to_the_last_byte(&world).await;
    let said = world.server.kill_and_fail_to_start();
    assert!(said.contains("the disk is full: nothing was written down; make room"), "{said}");
    disk(&world.server).free();
    world.server.kill_and_restart();
    alarm_until(&world, "disk.full", false).await;
    assert_eq!(world.server.get("/health/ready", "").await.0, 200);
    let (well, said) = world.server.run(&["audit", "verify"]);
    assert!(well, "{said}");
}
