//! The clock of the server's machine is set while it runs (X1): libfaketime in the built
//! server, and the time server of songda-sim as the reference.

use std::{ffi::OsString, fs, path::PathBuf, time::Duration};

use serde_json::{Value, json};
use songda_tests::agent::{Agent, until};
use tempfile::TempDir;

use super::{alarm_until, alarms, check};
use crate::{road::channels, server::Machine, world::World};

/// The clock of a machine, as somebody sets it.
pub(super) struct Watch {
    folder: TempDir,
}

impl Watch {
    pub(super) fn new() -> Self {
        let watch = Self { folder: tempfile::tempdir().unwrap() };
        watch.set("+0");
        watch
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("time")
    }

    /// Sets it so far from the right time. At once, or a reader would find half of it.
    pub(super) fn set(&self, off: &str) {
        let new = self.folder.path().join("new");
        fs::write(&new, off).unwrap();
        fs::rename(new, self.file()).unwrap();
    }

    /// What a process needs to go by it. Its monotonic clock stays what it is.
    pub(super) fn environment(&self) -> Vec<(&'static str, OsString)> {
        vec![
            ("LD_PRELOAD", library().into()),
            ("FAKETIME_TIMESTAMP_FILE", self.file().into()),
            ("FAKETIME_NO_CACHE", "1".into()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
            ("NO_FAKE_STAT", "1".into()),
        ]
    }
}

fn library() -> PathBuf {
    let folders = fs::read_dir("/usr/lib").unwrap();
    let paths = folders.map(|folder| folder.unwrap().path().join("faketime/libfaketimeMT.so.1"));
    paths.into_iter().find(|path| path.exists()).expect("libfaketime is not installed: apt-get install faketime")
}

/// The section of a configuration that names the time server of songda-sim, in front of [data].
pub(super) fn reference(sim: &songda_sim::Running) -> String {
    format!("[clock]\nntp = [\"{}\"]\n[data]\n", sim.ntp_addr.unwrap())
}

fn calls(world: &World) -> Vec<Value> {
    let journal = serde_json::to_value(world.sim.journal()).unwrap();
    journal["calls"].as_array().unwrap().clone()
}

/// What the house wrote down of its one call: answer, talk and end, length of the talk, and
/// first frame of the recording.
fn times(world: &World) -> [i64; 5] {
    let sql = "SELECT c.answered_ms, c.talk_from_ms, c.ended_ms, c.talk_ms, r.started_ms
               FROM calls c JOIN recordings r ON r.call_id = c.id";
    let row = world.server.sqlite(sql);
    let values = row.trim_matches(['[', ']', '(', ')']).split(", ").map(|value| value.parse().unwrap());
    values.collect::<Vec<_>>().try_into().unwrap()
}

async fn refused(agent: &mut Agent, world: &World) {
    let before = calls(world).len();
    agent.dial().await;
    let error = agent.frame_past_errors("error").await;
    assert_eq!(error["code"], "dial.clock", "{error}\n{}", world.server.log_tail());
    let (status, detail) = check(world, "clock").await;
    assert!(status == "failed" && detail.contains("no call goes out"), "{status} {detail}");
    assert_eq!(world.server.get("/health/ready", "").await.0, 503);
    assert_eq!(calls(world).len(), before, "the carrier hears nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x1_a_clock_that_is_set_wrong_is_told_stops_new_calls_and_bends_no_live_one() {
    let watch = Watch::new();
    let world = World::start_on(|sim| {
        let reference = reference(sim);
        let configure = Box::new(move |text: String| text.replace("[data]\n", &reference));
        Machine { environment: watch.environment(), configure: Some(configure), ..Machine::default() }
    })
    .await;
    for number in ["13800008031", "13800008032"] {
        world.push(number).await;
    }
    let (status, detail) = check(&world, "clock").await;
    assert!(status == "ok" && detail.contains("NTP"), "{status} {detail}");
    assert!(!alarms(&world).await.iter().any(|kind| kind.starts_with("clock.")));

    // Five seconds: told, and a call goes out by the right time.
    watch.set("+5");
    alarm_until(&world, "clock.off", true).await;
    let mut agent = Agent::sign_in(&world.server.url).await;
    let order = agent.take().await;
    agent.dial().await;
    agent.phase("talking").await;
    agent.stay(Duration::from_secs(2)).await;

    // A minute and a half, and an hour back: the call that is up goes on.
    for (off, says) in [("+90", "+90."), ("-3600", "-3600.")] {
        watch.set(off);
        alarm_until(&world, "clock.wrong", true).await;
        let detail = async || check(&world, "clock").await.1;
        let seen = until(detail, |detail| detail.contains(&says[..says.len() - 1])).await;
        seen.unwrap_or_else(|detail| panic!("{off}: {detail}"));
        agent.stay(Duration::from_secs(2)).await;
    }
    assert_eq!(agent.call["phase"], "talking", "{}", agent.call);
    agent.hang_up().await;
    let end = agent.phase("ended").await;
    let line = calls(&world)[0].clone();
    let at = |key: &str| line[key].as_i64().unwrap();
    let (answered, ended) = (at("answered_at"), at("ended_at"));
    let near = |one: i64, other: i64, what: &str| assert!((one - other).abs() < 1_000, "{what}: {one} is not {other}");
    let [answered_ms, talk_from_ms, ended_ms, talk_ms, recorded_ms] = times(&world);
    near(answered_ms, answered, "answered");
    near(ended_ms, ended, "ended");
    near(ended_ms - answered_ms, ended - answered, "up");
    near(talk_ms, ended_ms - talk_from_ms, "talk");
    near(recorded_ms, answered_ms, "recording");
    let judge = world.server.cookie("J0001").await;
    let call = end["call_id"].as_str().unwrap();
    let (status, audio) = world.server.file(&format!("/api/v1/calls/{call}/recording/audio"), &judge).await;
    assert_eq!(status, 200);
    near(channels(&audio).0.len() as i64 / 8, ended - answered, "sound");
    // What was talked about is still saved; nothing new begins.
    assert_eq!(agent.save(json!({ "contact": "W1", "business": "B12" })).await.0, 200);
    let next = agent.take().await;
    assert_ne!(next["task_id"], order["task_id"]);
    refused(&mut agent, &world).await;

    watch.set("+0");
    alarm_until(&world, "clock.wrong", false).await;
    assert!(!alarms(&world).await.iter().any(|kind| kind.starts_with("clock.")));
    agent.dial().await;
    let end = agent.ended(Duration::from_secs(1)).await;
    assert_eq!(end["end"]["technical"]["code"], "C01", "{end}");
    let metrics = world.server.metrics().await;
    assert!(metrics.contains("songda_clock_trusted 1"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x1_without_a_reference_only_steps_are_seen_and_with_one_a_start_with_a_wrong_clock_as_well() {
    let watch = Watch::new();
    let environment = watch.environment();
    let mut world = World::start_on(|_| Machine { environment, ..Machine::default() }).await;
    world.push("13800008033").await;
    let (status, detail) = check(&world, "clock").await;
    assert!(status == "ok" && detail.contains("no reference is configured"), "{status} {detail}");
    let mut agent = Agent::sign_in(&world.server.url).await;
    agent.take().await;
    watch.set("-90");
    alarm_until(&world, "clock.wrong", true).await;
    refused(&mut agent, &world).await;

    let reference = reference(&world.sim);
    world.server.configure(|text| text.replace("[data]\n", &reference));
    world.server.kill_and_restart();
    let mut agent = Agent::sign_in(&world.server.url).await;
    agent.current_or_next().await;
    refused(&mut agent, &world).await;
}
