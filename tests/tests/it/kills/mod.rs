//! `kill -9` at any moment of a call (R4.2a): at most two seconds of sound are lost, and no
//! state; the carrier's leg is ended by the next run, and nothing is dialled twice.

mod moments;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use serde_json::{Value, json};
use songda_people::{
    Role, courts,
    users::{self, NewUser},
};
use songda_sim::journal::CallRecord;
use songda_store::{Clock, Db};
use songda_tests::agent::{Agent, until};

use crate::{road::channels, world::World};
use moments::{Moment, Seeded};

/// Calls at a time; each is at a moment of its own when the server is killed.
const AGENTS: usize = 5;
/// The kill comes so long after the last of them has come to its moment, at most.
const WITHIN_MS: u64 = 1_200;
/// What may be lost of a recording.
const LOST_MS: i64 = 2_000;
/// Within this time of its start a server has ended what the run before it left up.
const LEG_MS: u64 = 5_000;

/// Kills, 5 moments each: 20 moments, 100 with `scripts/test --long`.
fn kills() -> usize {
    if std::env::var_os("SONGDA_LONG").is_some() { 20 } else { 4 }
}

fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

/// Gives the court more agents; answers all logins.
async fn agents(world: &World) -> Vec<String> {
    let path = world.server.folder.path().join("data/songda.db");
    let db = Db::open(&format!("sqlite://{}", path.display())).await.unwrap();
    let court = courts::list(&db).await.unwrap().remove(0);
    let mut logins = vec!["agent".to_owned()];
    let mut tx = db.begin().await.unwrap();
    for number in 1..AGENTS {
        let login = format!("line{number}");
        let user = NewUser {
            court: &court.id,
            login: &login,
            name: "刘敏",
            staff_no: &format!("20{number}"),
            role: Role::Agent,
            password: "Songda-demo-2026",
        };
        users::create(&mut tx, &Clock::system(), &user).await.unwrap();
        logins.push(login);
    }
    tx.commit().await.unwrap();
    db.close().await;
    logins
}

/// A call that was on its way when the server was killed.
struct Call {
    moment: Moment,
    number: String,
    agent: Agent,
}

impl Call {
    /// What the carrier saw of it.
    fn at_the_carrier(&self, world: &World) -> Vec<CallRecord> {
        world.sim.journal().calls.into_iter().filter(|call| call.number == self.number).collect()
    }

    fn id(&self) -> &str {
        self.agent.call["call_id"].as_str().unwrap()
    }

    fn task(&self) -> &str {
        self.agent.work_order["task_id"].as_str().unwrap()
    }
}

/// Brings each agent to a moment of his own.
async fn bring(world: &World, moments: &[Moment]) -> Vec<Call> {
    let logins = agents(world).await;
    let mut calls = Vec::new();
    // Who must talk first begins first: nobody sits idle until his line counts as lost.
    for talk in [true, false] {
        for (place, moment) in moments.iter().enumerate().filter(|(_, moment)| moment.needs_talk() == talk) {
            let number = moment.number(place);
            world.push(&number).await;
            let mut agent = Agent::sign_in_as(&world.server.url, &logins[place]).await;
            agent.take().await;
            calls.push(Call { moment: *moment, number, agent });
        }
        let talkers = calls.iter_mut().filter(|_| talk);
        join_all(talkers.map(|call| Moment::talk(&mut call.agent))).await;
    }
    join_all(calls.iter_mut().map(|call| call.moment.enter(&mut call.agent))).await;
    calls
}

/// Waits until an agent on the line has heard this much more.
async fn heard_on(calls: &[Call], ms: u64) {
    let hears = |call: &&Call| matches!(call.moment, Moment::Talk | Moment::Notice | Moment::Hold | Moment::Parting);
    let call = calls.iter().find(hears).unwrap();
    let mut heard = call.agent.peer.as_ref().unwrap().hears();
    let enough = heard.borrow().len() + ms as usize * 8;
    let waited = tokio::time::timeout(Duration::from_secs(45), heard.wait_for(|heard| heard.len() >= enough)).await;
    waited.unwrap().unwrap();
}

/// The carrier's leg of a call was ended in time by the server that began at `began_ms`.
fn leg_was_ended(call: &Call, seen: &[CallRecord], began_ms: u64) {
    let moment = call.moment;
    assert!(seen.len() <= 1, "{moment:?}: dialled once: {seen:#?}");
    // Before the carrier takes the call there is nothing to end.
    let Some(leg) = seen.first().filter(|leg| leg.behaviour.is_some()) else {
        return assert_eq!(moment, Moment::Dialling, "the carrier saw no call: {seen:#?}");
    };
    // A call whose credentials are still fresh is not challenged at all.
    assert_eq!(leg.invites - leg.challenges, 1, "{moment:?}: one INVITE that counts");
    let (ended_at, by) = (leg.ended_at.unwrap(), leg.ended_by.unwrap());
    assert!(ended_at <= began_ms + LEG_MS, "{moment:?}: ended {} ms after the start", ended_at - began_ms);
    // An announcement comes to its own end.
    assert!(by == "caller" || moment == Moment::Early, "{moment:?}: ended by {by}");
}

/// The recording opens and holds all but its last two seconds.
#[expect(clippy::print_stdout, reason = "the figures are worth reading")]
async fn recording_is_kept(world: &World, judge: &str, call: &Call, row: &Value, killed_ms: u64) {
    let moment = call.moment;
    let recording = &row["recording"];
    let path = format!("/api/v1/calls/{}/recording/download", call.id());
    let right = if recording.is_null() {
        assert!(moment.is_live(), "{moment:?} has a recording: {row:#}");
        Vec::new()
    } else {
        let (status, wav) = world.server.file(&path, judge).await;
        assert_eq!(status, 200, "{moment:?}");
        channels(&wav).1
    };
    if !moment.is_answered() {
        return;
    }
    if right.len() > 8_000 {
        let mut last = right.iter().rev().take(4_000);
        assert!(last.any(|sample| sample.unsigned_abs() > 1_000), "{moment:?}: sound to its end");
    }
    if moment.is_live() {
        let first_ms = call.at_the_carrier(world)[0].rtp.first_sent_at.unwrap();
        let lost = killed_ms as i64 - (first_ms + right.len() as u64 / 8) as i64;
        println!("{moment:?}: {} ms recorded, {lost} ms lost", right.len() / 8);
        assert!(lost <= LOST_MS, "{moment:?}: {lost} ms lost");
        assert!(right.is_empty() || recording["state"] == "recovered", "{moment:?}: {recording}");
    } else {
        assert_eq!(recording["state"], "closed", "{moment:?}");
    }
}

/// What the books say of a call after the restart.
async fn books_are_whole(world: &World, judge: &str, call: &Call, killed_ms: u64) {
    let moment = call.moment;
    let seen = world.task(judge, call.task()).await;
    let row = &seen["calls"][0];
    assert_eq!(seen["calls"].as_array().unwrap().len(), 1, "{moment:?}: one call");
    assert!(!row["ended_at"].is_null(), "{moment:?}: no call is live after the restart: {row:#}");
    assert_eq!(seen["attempts"], json!([]), "{moment:?}: nothing is invented");
    recording_is_kept(world, judge, call, row, killed_ms).await;
    let wanted = match moment {
        Moment::Hold => "hold",
        Moment::Away => "agent_away",
        _ => "",
    };
    let marks = row["marks"].as_array().unwrap();
    assert!(wanted.is_empty() || marks.iter().any(|mark| mark["kind"] == wanted), "{moment:?}: {marks:?}");
    if row["technical"]["code"] != "C01" {
        assert!(!moment.is_answered(), "{moment:?}: {row:#}");
        assert_eq!(seen["phase"], "待外呼", "{moment:?}: back in the queue");
    }
}

/// The agent's page finds the server again, and the call has an outcome if somebody answered.
async fn outcome_is_saved(world: &World, judge: &str, call: &mut Call) {
    let moment = call.moment;
    let before = world.task(judge, call.task()).await;
    let answered = before["calls"][0]["technical"]["code"] == "C01";
    if answered {
        call.agent.reconnect(&world.server.url).await;
        assert_eq!(call.agent.call["phase"], "ended", "{moment:?}: the outcome still waits: {}", call.agent.call);
        let cut_off = json!({ "contact": "W11", "business": "B07", "fields": { "kind": "line_lost" } });
        let (status, said) = call.agent.save(cut_off).await;
        assert_eq!(status, 200, "{moment:?}: {said}");
    }
    let seen = world.task(judge, call.task()).await;
    let attempts = seen["attempts"].as_array().unwrap().len();
    assert_eq!(attempts, usize::from(answered), "{moment:?}: one attempt or none");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_2a_a_kill_at_any_moment_loses_two_seconds_at_most_no_state_and_leaves_no_leg_up() {
    let mut random = Seeded(0x5eed_2026);
    for kill in 0..kills() {
        let moments: Vec<Moment> =
            (0..AGENTS).map(|place| Moment::ALL[(kill * AGENTS + place) % Moment::ALL.len()]).collect();
        let mut world = World::start().await;
        let mut calls = bring(&world, &moments).await;
        heard_on(&calls, random.below(WITHIN_MS)).await;
        let killed_ms = unix_ms();
        world.server.kill_and_restart();

        let pending = |calls: &[CallRecord]| calls.iter().any(|leg| leg.behaviour.is_some() && leg.ended_at.is_none());
        let seen = until(|| async { world.sim.journal().calls }, |calls| !pending(calls)).await;
        let seen = seen.unwrap_or_else(|up| panic!("legs stay up: {up:#?}\n{}", world.server.log_tail()));
        assert!(seen.len() <= AGENTS, "no number was dialled twice");
        let judge = world.server.cookie("J0001").await;
        for call in &calls {
            leg_was_ended(call, &call.at_the_carrier(&world), killed_ms);
            books_are_whole(&world, &judge, call, killed_ms).await;
        }
        for call in &mut calls {
            outcome_is_saved(&world, &judge, call).await;
        }
        let (well, said) = world.server.run(&["audit", "verify"]);
        assert!(well, "{said}");
        assert!(world.sim.journal().calls.len() <= AGENTS, "and is not dialled later");
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
    assert_eq!(task["calls"][0]["unsealed"], false, "nothing was recorded: {}", task["calls"]);
    assert_eq!(world.sim.journal().calls.len(), 1);
    let mut agent = Agent::sign_in(&world.server.url).await;
    let again = agent.take().await;
    assert_eq!(again["task_id"], order["task_id"], "the next agent gets it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_browser_measured_of_its_network_until_a_kill_stays_with_the_call() {
    let mut world = World::start().await;
    world.push("13800008013").await;
    let mut agent = Agent::sign_in(&world.server.url).await;
    let order = agent.take().await;
    agent.dial().await;
    agent.phase("talking").await;
    let item = |rtt: u32, quality: &str| json!({ "at": "2026-11-28T09:00:00+08:00", "rtt_ms": rtt, "jitter_ms": 4, "loss": 0.02, "quality": quality });
    let items = [item(40, "good"), item(200, "fair"), item(60, "good")];
    agent.send(json!({ "type": "samples", "call_id": agent.call["call_id"], "items": items })).await;
    let kept = async || world.server.sqlite("SELECT COUNT(*) FROM call_samples");
    until(kept, |count| count == "[(3,)]").await.unwrap();
    world.server.kill_and_restart();
    let judge = world.server.cookie("J0001").await;
    let task = world.task(&judge, order["task_id"].as_str().unwrap()).await;
    let network = &task["calls"][0]["network"];
    assert_eq!((&network["samples"], &network["impaired"]), (&json!(3), &json!(1)), "{network}");
    assert_eq!((&network["rtt_ms"], &network["rtt_max_ms"]), (&json!(100.0), &json!(200.0)), "{network}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1a_how_well_each_leg_was_heard_until_a_kill_stays_with_the_call_and_says_until_when() {
    let mut world = World::start().await;
    world.push("13800008014").await;
    let mut agent = Agent::sign_in(&world.server.url).await;
    let order = agent.take().await;
    agent.dial().await;
    agent.phase("talking").await;
    let told = async |world: &World| -> Value {
        let rows = world.server.sqlite("SELECT quality FROM calls");
        serde_json::from_str(rows.trim_start_matches("[('").trim_end_matches("',)]")).unwrap()
    };
    let measured = loop {
        let measured = told(&world).await;
        if measured["agent"]["mos"].is_number() && measured["party"]["mos"].is_number() {
            break measured;
        }
        agent.stay(Duration::from_millis(200)).await;
    };
    world.server.kill_and_restart();
    let judge = world.server.cookie("J0001").await;
    let task = world.task(&judge, order["task_id"].as_str().unwrap()).await;
    let (call, kept) = (&task["calls"][0], &task["calls"][0]["quality"]);
    assert!(!call["ended_at"].is_null(), "{call}");
    for leg in ["agent", "party"] {
        assert!(kept[leg]["received"].as_i64() >= measured[leg]["received"].as_i64(), "{kept} {measured}");
        assert!((1.0..=4.5).contains(&kept[leg]["mos"].as_f64().unwrap()), "{kept}");
    }
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{call}")).to_owned();
    assert!(text(&kept["until_at"]) >= text(&measured["until_at"]), "{kept}");
    assert!(text(&kept["until_at"]) > text(&call["answered_at"]), "{call}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_told_twice_to_stop_hangs_up_at_once_and_closes_the_recording() {
    let mut world = World::start().await;
    world.push("13800008009").await;
    let mut agent = Agent::sign_in(&world.server.url).await;
    let order = agent.take().await;
    agent.dial().await;
    agent.phase("talking").await;
    world.server.terminate();
    agent.frame("closing").await;
    world.server.terminate();
    let took = world.server.ended().await;
    assert!(took < Duration::from_secs(10), "{took:?}: nobody is waited for");
    let journal = serde_json::to_value(world.sim.journal()).unwrap();
    assert_eq!(journal["calls"][0]["ended_by"], "caller", "the carrier's leg is not left up");
    assert_eq!(journal["calls"][0]["reason"], "Q.850;cause=31", "nobody wanted that");
    world.server.kill_and_restart();
    let judge = world.server.cookie("J0001").await;
    let task = world.task(&judge, order["task_id"].as_str().unwrap()).await;
    assert_eq!(task["calls"][0]["recording"]["state"], "closed", "{}", task["calls"][0]);
    assert_eq!(task["calls"][0]["ended_by"], "system", "nobody hung up");
}
