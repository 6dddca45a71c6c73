//! How well every leg of a call is heard (RTCP, E-model): told live to the agent and to supervisors,
//! guests' legs too, and kept with the call. What a bad network loses costs opinion.

use std::time::Duration;

use serde_json::{Value, json};
use songda_tests::{agent::Agent, supervisor::Supervisor};

use crate::{
    survives::{recorded, talking},
    world::World,
};

/// Of so many packets of sound one is lost on the bad network.
const EACH: u64 = 2;

/// Whoever has a leg in a call.
const LEGS: [&str; 4] = ["agent", "party", "target", "supervisor"];

fn mos(leg: &Value) -> f64 {
    leg["mos"].as_f64().unwrap_or_else(|| panic!("no opinion: {leg}"))
}

/// Of a leg on the bad network: nobody is content with it, and whoever heard the clean call was, unless
/// the machine was so busy that much of that came too late to be heard.
fn is_worse(bad: &Value, clean: &Value) -> bool {
    let count = |key: &str| clean[key].as_f64().unwrap();
    let was_clean = count("late") < 0.03 * count("received");
    mos(bad) < 1.5 && mos(bad) <= mos(clean) && (!was_clean || mos(bad) + 1.0 < mos(clean))
}

/// What the overview says of the only live call, once it says something of all these legs; who sees it
/// meanwhile stays at his line.
async fn overview(
    world: &World,
    legs: &[&str],
    present: &mut [&mut Agent],
    mut supervisor: Option<&mut Supervisor>,
) -> Value {
    let cookie = world.server.cookie("supervisor").await;
    for _ in 0..60 {
        let (status, body) = world.server.get("/api/v1/overview", &cookie).await;
        assert_eq!(status, 200, "{body}");
        let body: Value = serde_json::from_str(&body).unwrap();
        let rows = body["agents"].as_array().unwrap().iter();
        let told = rows.map(|row| &row["quality"]).find(|told| legs.iter().all(|leg| told[leg].is_object()));
        if let Some(told) = told {
            return told.clone();
        }
        if let Some(supervisor) = &mut supervisor {
            supervisor.send(json!({ "type": "ping" })).await;
        }
        for agent in &mut *present {
            agent.stay(Duration::from_millis(300)).await;
        }
    }
    panic!("the overview says nothing of {legs:?}")
}

/// The next that the agent is told of both ends.
async fn told(agent: &mut Agent) -> Value {
    loop {
        let quality = agent.frame("quality").await["quality"].clone();
        if quality["agent"].is_object() && quality["party"].is_object() {
            return quality;
        }
    }
}

/// The agent's page and the overview count from the same moment.
async fn one_clock(world: &World, agent: &Agent) {
    let cookie = world.server.cookie("supervisor").await;
    let (_, body) = world.server.get("/api/v1/overview", &cookie).await;
    let seen: Value = serde_json::from_str(&body).unwrap();
    let call = seen["agents"].as_array().unwrap().iter().map(|row| &row["call"]).find(|call| call.is_object());
    let since = call.map(|call| call["since_at"].clone());
    assert_eq!(since.as_ref(), Some(&agent.call["since_at"]), "{body}");
    assert_eq!(since.as_ref(), Some(&agent.call["talk_from_at"]), "from the first moment of talk: {body}");
    assert!(seen["at"].as_str() > since.as_ref().and_then(Value::as_str), "by the server's time: {body}");
}

/// A call with a third and a supervisor in it, whose legs are all shown.
async fn with_guests(world: &World, url: &str, first: &mut Agent, second: &mut Agent) {
    one_clock(world, first).await;
    let live = told(first).await;
    assert!(mos(&live["agent"]) >= 1.0 && live["agent"]["jitter_ms"].is_number(), "{live}");
    let to = first.transfer_targets().await["seats"][0]["id"].as_str().unwrap().to_owned();
    first.transfer("three_way", "seat", &to).await;
    let rings = second.frame("transfer_offer").await;
    second.unseal(&rings["envelope"]);
    second.take_over_call(&rings).await;
    first.call_until(|call| call["transfer"]["phase"] == "joined").await;
    let call = first.call["call_id"].as_str().unwrap().to_owned();
    let mut supervisor = Supervisor::sign_in(url).await;
    assert_eq!(supervisor.enter(&call, "listen").await["what"], "listen");
    let seen = overview(world, &LEGS, &mut [&mut *first, &mut *second], Some(&mut supervisor)).await;
    assert!(LEGS.iter().all(|leg| (1.0..=4.5).contains(&mos(&seen[leg]))), "{seen}");
    first.hang_up().await;
    first.call_until(|call| call["phase"] == "ended").await;
    // Nothing of who listens unseen reaches the agent, and what is heard of the third does.
    let frames: Vec<Value> = first.seen.iter().filter_map(|frame| serde_json::from_str(frame).ok()).collect();
    assert!(frames.iter().all(|frame| frame["quality"]["supervisor"].is_null()), "told to the agent");
    assert!(frames.iter().any(|frame| frame["quality"]["target"].is_object()), "the third's leg is shown");
}

/// What is kept of all its legs.
fn kept_of_guests(kept: &Value) {
    for leg in LEGS {
        let leg = &kept[leg];
        assert!((1.0..=4.5).contains(&mos(leg)) && leg["jitter_ms"].is_number(), "{kept}");
    }
    for leg in ["agent", "party", "target"] {
        assert!(kept[leg]["received"].as_i64().unwrap() > 100, "{kept}");
    }
    // Browsers report by RTCP what they hear.
    for leg in ["agent", "target", "supervisor"] {
        assert!(kept[leg]["rtt_ms"].is_number() && kept[leg]["far"]["loss"].is_number(), "{kept}");
    }
    assert_eq!(kept["agent"]["lost"], 0, "this network loses nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1a_r4_4b_each_legs_quality_is_told_live_and_kept_and_what_is_lost_on_the_way_costs_opinion() {
    let (world, proxy) = World::behind_proxy().await;
    let (mut first, order) = talking(&world, &proxy.url(), "13800008051").await;
    let mut second = Agent::sign_in_as(&proxy.url(), "agent2").await;
    second.send(json!({ "type": "ready" })).await;
    with_guests(&world, &proxy.url(), &mut first, &mut second).await;

    proxy.lose(EACH);
    world.push("13800008052").await;
    let envelope = second.frame("work_order").await["envelope"].clone();
    let next = second.open(&envelope).await;
    second.dial().await;
    second.phase("talking").await;
    // The first of them may have seen its beginning.
    told(&mut second).await;
    let live = told(&mut second).await;
    let seen = overview(&world, &["agent", "party"], &mut [&mut second], None).await;
    second.hang_up().await;
    second.phase("ended").await;

    let (call, ..) = recorded(&world, &order).await;
    kept_of_guests(&call["quality"]);
    let clean = &call["quality"]["agent"];
    let (call, ..) = recorded(&world, &next).await;
    let bad = &call["quality"]["agent"];
    let (received, lost) = (bad["received"].as_f64().unwrap(), bad["lost"].as_f64().unwrap());
    assert!((lost / (received + lost) - 1.0 / EACH as f64).abs() < 0.1, "{bad}");
    assert!((0.4..=1.0).contains(&live["agent"]["loss"].as_f64().unwrap()), "{live}");
    for worse in [&live["agent"], &seen["agent"], bad] {
        assert!(is_worse(worse, clean), "{worse} {clean}");
    }
    assert!(call["quality"]["target"].is_null() && call["quality"]["supervisor"].is_null(), "nobody was there");
    // Alone it is the same.
    let judge = world.server.cookie("J0001").await;
    let path = format!("/api/v1/calls/{}", call["id"].as_str().unwrap());
    let (status, alone) = world.server.get(&path, &judge).await;
    let alone: Value = serde_json::from_str(&alone).unwrap();
    assert!(status == 200 && alone["quality"] == call["quality"], "{alone:#}");
}
