//! What is seen of a call afterwards: its ladder, the metrics, and why it ended (RFC 3326).

use std::time::Duration;

use serde_json::{Value, json};
use songda_sim::CallIn;
use songda_tests::agent::until;

use crate::{
    inbound::{from, open},
    survives::{at_the_carrier, talking},
    world::World,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ladder_of_a_call_shows_its_messages_in_order_and_no_number() {
    const NUMBER: &str = "13800008031";
    let world = World::start().await;
    let (mut agent, _) = talking(&world, &world.server.url, NUMBER).await;
    agent.stay(Duration::from_secs(1)).await;
    agent.hang_up().await;
    let id = agent.phase("ended").await["call_id"].as_str().unwrap().to_owned();
    let admin = world.server.cookie("admin").await;
    let path = format!("/api/v1/telephony/calls/{id}/ladder");
    let whole = |(status, body): &(u16, String)| *status == 200 && body.contains("BYE");
    let (_, body) = until(|| world.server.get(&path, &admin), whole).await.unwrap();
    let ladder: Value = serde_json::from_str(&body).unwrap();
    let ways = ladder["ways"].as_array().unwrap();
    assert_eq!((ways.len(), &ways[0]["incoming"]), (1, &json!(false)), "{ladder:#}");
    let steps = ways[0]["steps"].as_array().unwrap();
    let shown: Vec<String> = steps
        .iter()
        .map(|step| {
            let word = step["what"].as_str().unwrap().split(' ').next().unwrap();
            format!("{} {word}", step["direction"].as_str().unwrap())
        })
        .collect();
    let wanted =
        ["out INVITE", "in 401", "out ACK", "out INVITE", "in 100", "in 180", "in 200", "out ACK", "out BYE", "in 200"];
    assert_eq!(shown[..shown.len().min(wanted.len())], wanted, "{ladder:#}");
    assert!(steps.is_sorted_by_key(|step| step["after_ms"].as_u64()), "{ladder:#}");
    assert!(steps[0]["what"].as_str().unwrap().starts_with("INVITE sip:138****8031@"), "{}", steps[0]);
    assert!(steps[6]["sdp"].as_str().unwrap().starts_with("audio 127.0.0.1:"), "{}", steps[6]);
    assert_eq!(steps[8]["reason"], "Q.850;cause=16", "{}", steps[8]);
    let text = ways[0]["steps"].to_string();
    for number in [NUMBER, "02988009000"] {
        assert!(!text.contains(number) && !text.contains(&number[3..]), "{number} in {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_metrics_show_what_signalling_did_in_a_call() {
    let world = World::start().await;
    let (mut agent, _) = talking(&world, &world.server.url, "13800008032").await;
    agent.hang_up().await;
    agent.phase("ended").await;
    let value = |metrics: &str, name: &str| {
        let line = metrics.lines().find(|line| line.starts_with(name)).map(str::to_owned);
        line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
    };
    let over = |metrics: &String| value(metrics, "songda_sip_calls ") == Some(0.0);
    let metrics = until(|| world.server.metrics(), over).await.unwrap_or_else(|last| panic!("{last}"));
    for counted in [
        "songda_sip_requests_total{method=\"INVITE\"}",
        "songda_sip_messages_total{direction=\"out\",kind=\"request\",transport=\"UDP\"}",
        "songda_sip_messages_total{direction=\"in\",kind=\"response\",transport=\"UDP\"}",
        "songda_sip_responses_total{direction=\"in\",class=\"2xx\"}",
        "songda_sip_responses_total{direction=\"in\",class=\"4xx\"}",
    ] {
        assert!(value(&metrics, counted).is_some_and(|count| count > 0.0), "{counted} in {metrics}");
    }
    for shown in ["songda_sip_transactions_active", "songda_sip_queue_length{queue=\"commands\"}"] {
        assert!(value(&metrics, shown).is_some(), "{shown} in {metrics}");
    }
}

/// Q.850 says to every exchange on the way why a call of ours ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_bye_says_why_to_the_carrier() {
    let world = World::start().await;
    let (mut agent, _) = talking(&world, &world.server.url, "13800008033").await;
    agent.hang_up().await;
    agent.phase("ended").await;
    let told = until(|| async { at_the_carrier(&world).reason }, Option::is_some).await.unwrap();
    assert_eq!(told.as_deref(), Some("Q.850;cause=16"), "the agent hung up");
    let (world, at) = open().await;
    let leg =
        world.sim.call_in(CallIn { called: Some("02988009999".into()), ..from("13800008034", at) }).await.unwrap();
    let call = || async { world.sim.journal().calls.into_iter().find(|call| call.call_id == leg).unwrap() };
    let refused = until(call, |call| call.status.is_some()).await.unwrap();
    assert_eq!((refused.status, refused.reason.as_deref()), (Some(404), Some("Q.850;cause=1")), "no number of ours");
}
