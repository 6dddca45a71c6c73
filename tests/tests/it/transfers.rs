//! A live call is handed over (R4.1a): to a colleague at once or after asking, on the built
//! server with songda-sim as the carrier.

use std::time::Duration;

use serde_json::{Value, json};
use songda_sim::CallIn;
use songda_tests::agent::{Agent, until};

use crate::{
    inbound,
    peers::FarEnd,
    phones,
    road::tone,
    sound::{AGENT_HZ, PARTY_HZ, agent_hears, is_tone, loudness, stretch},
    survives::{at_the_carrier, mark, recorded, talking},
    world::World,
};

/// The second agent's voice.
const SECOND_HZ: f64 = 700.0;

/// A colleague who is ready and has nothing to do.
async fn colleague(world: &World) -> Agent {
    let mut agent = Agent::sign_in_as(&world.server.url, "agent2").await;
    agent.send(json!({ "type": "ready" })).await;
    agent.frame("queue").await;
    agent
}

/// His id, as the agent with the call is shown him.
async fn id_of(agent: &mut Agent) -> String {
    let targets = agent.transfer_targets().await;
    let seats = targets["seats"].as_array().unwrap();
    assert!(seats.len() == 1 && seats[0]["free"] == true, "{targets}");
    seats[0]["id"].as_str().unwrap().to_owned()
}

/// Actions of the log about transfers, oldest first.
async fn audited(world: &World) -> Vec<String> {
    let auditor = world.server.cookie("auditor").await;
    let (status, body) = world.server.get("/api/v1/audit", &auditor).await;
    assert_eq!(status, 200, "{body}");
    let body: Value = serde_json::from_str(&body).unwrap();
    let rows = body["items"].as_array().unwrap().iter().rev();
    let actions = rows.map(|row| row["action"].as_str().unwrap().to_owned());
    actions.filter(|action| action.starts_with("call.transfer") && action != "call.transfer_targets").collect()
}

/// Whose call it is in the judge's view, and how far its transfers came.
fn told(call: &Value) -> (String, Vec<(String, String)>) {
    let transfers = call["transfers"].as_array().unwrap();
    let words = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
    let rows = transfers.iter().map(|row| (words(row, "state"), words(row, "reason"))).collect();
    (call["agent"].as_str().unwrap().to_owned(), rows)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1a_after_asking_a_colleague_has_the_party_the_work_order_and_the_outcome_in_one_recording() {
    const NUMBER: &str = "13800008011";
    let world = World::start().await;
    let (mut first, order) = talking(&world, &world.server.url, NUMBER).await;
    let mut second = colleague(&world).await;
    first.stay(Duration::from_secs(2)).await;
    first.tick("identify").await;
    first.call_until(|call| call["ticks"].as_array().is_some_and(|ticks| ticks.len() == 1)).await;
    let to = id_of(&mut first).await;
    first.transfer("attended", "seat", &to).await;
    first.call_until(|call| call["transfer"]["phase"] == "ringing").await;
    let rings = second.frame("transfer_offer").await;
    assert_eq!((rings["from_name"].as_str(), rings["mode"].as_str()), (Some("刘敏"), Some("attended")));
    let shown = second.unseal(&rings["envelope"]);
    assert_eq!(shown["task_id"], order["task_id"]);
    second.take_over_call(&rings).await;
    // A key that is pressed twice takes the call once.
    second.send(json!({ "type": "transfer_accept", "call_id": rings["call_id"], "sdp": "v=0" })).await;
    first.call_until(|call| call["transfer"]["phase"] == "consulting").await;
    while second.frame("transfer_offer").await["phase"] != "consulting" {}
    second.peer.as_ref().unwrap().say(&tone(SECOND_HZ, 60.0));
    agent_hears(&mut second, AGENT_HZ).await;
    agent_hears(&mut first, SECOND_HZ).await;
    first.stay(Duration::from_secs(2)).await;
    first.send(json!({ "type": "transfer_complete", "call_id": first.call["call_id"] })).await;
    assert_eq!(first.frame("work_order_closed").await["reason"], "transferred");
    assert_eq!(first.frame("agent").await["state"], "ready", "he is free at once");
    let envelope = second.frame("work_order").await["envelope"].clone();
    let his = second.open(&envelope).await;
    assert_eq!(his["task_id"], order["task_id"]);
    assert_eq!(second.frame("transfer_gone").await["reason"], "accepted");
    second.phase("talking").await;
    assert_eq!(second.call["ticks"].as_array().unwrap().len(), 1, "what was said is known");
    agent_hears(&mut second, PARTY_HZ).await;
    second.stay(Duration::from_secs(3)).await;
    second.hang_up().await;
    second.phase("ended").await;
    let (status, body) = second
        .save(json!({ "contact": "W1", "business": "B07", "heard_all": false, "note": "", "fields": { "kind": "refused" } }))
        .await;
    assert_eq!(status, 200, "{body}");

    let (call, left, right) = recorded(&world, &order).await;
    let (from, to) = mark(&call, "transfer");
    assert!(is_tone(stretch(&left, from - 1_500, from - 500), AGENT_HZ), "the first agent before");
    for at in (from + 500..to - 1_500).step_by(500) {
        let part = stretch(&left, at, at + 1_000);
        assert!(!is_tone(part, AGENT_HZ) && !is_tone(part, SECOND_HZ), "nothing of what they said: {at}");
    }
    assert!(loudness(stretch(&left, from + 500, to - 500)) > 1e3, "words and music");
    assert!(is_tone(stretch(&left, to + 1_000, to + 2_500), SECOND_HZ), "the second agent after");
    assert!(is_tone(stretch(&right, from, to + 1_000), PARTY_HZ), "the party all the time");
    assert_eq!(told(&call), ("赵磊".to_owned(), vec![("done".into(), String::new())]));
    assert!(call["agent"] == "赵磊" && call["outcome_state"] == "saved", "{call:#}");
    let wanted = [
        "call.transfer",
        "call.transfer_offer",
        "call.transfer_accept",
        "call.transfer_consult",
        "call.transfer_complete",
        "call.transferred",
    ];
    assert_eq!(audited(&world).await, wanted);
    let carrier = at_the_carrier(&world);
    assert_eq!(serde_json::to_value(world.sim.journal()).unwrap()["complaints"], json!([]), "{carrier:?}");
    for agent in [&first, &second] {
        assert!(agent.seen.iter().all(|frame| !frame.contains(NUMBER)), "the number never reaches an agent");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1a_declined_the_agent_has_the_party_again_and_taken_at_once_the_colleague_has_it() {
    let world = World::start().await;
    let (mut first, order) = talking(&world, &world.server.url, "13800008012").await;
    let mut second = colleague(&world).await;
    first.stay(Duration::from_secs(1)).await;
    let to = id_of(&mut first).await;
    first.transfer("blind", "seat", &to).await;
    let rings = second.frame("transfer_offer").await;
    second.send(json!({ "type": "transfer_decline", "call_id": rings["call_id"] })).await;
    assert_eq!(second.frame("transfer_gone").await["reason"], "declined");
    first.notice("transfer.declined").await;
    first.call_until(|call| call["transfer"].is_null() && call["held"] == false).await;
    agent_hears(&mut first, PARTY_HZ).await;
    first.stay(Duration::from_secs(2)).await;

    first.transfer("blind", "seat", &to).await;
    let rings = second.frame("transfer_offer").await;
    // The page of the first agent is loaded anew while it rings: it knows of it again.
    first.reload().await;
    assert_eq!(first.call["transfer"]["phase"], "ringing", "{}", first.call);
    first.resume().await;
    second.take_over_call(&rings).await;
    second.phase("talking").await;
    assert_eq!(first.frame_past_errors("work_order_closed").await["reason"], "transferred");
    second.peer.as_ref().unwrap().say(&tone(SECOND_HZ, 60.0));
    agent_hears(&mut second, PARTY_HZ).await;
    second.stay(Duration::from_secs(3)).await;
    second.hang_up().await;
    second.phase("ended").await;

    let (call, left, _) = recorded(&world, &order).await;
    assert!(is_tone(stretch(&left, left.len() as i64 / 8 - 2_000, left.len() as i64 / 8 - 500), SECOND_HZ));
    let rows = vec![("failed".into(), "declined".into()), ("done".into(), String::new())];
    assert_eq!(told(&call), ("赵磊".to_owned(), rows));
    assert_eq!(call["outcome_state"], "due", "it is the second agent's to save");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1a_a_party_that_hangs_up_meanwhile_leaves_both_agents_in_order() {
    const NUMBER: &str = "13800008018";
    let (world, at) = inbound::open().await;
    world.push(NUMBER).await;
    let mut first = Agent::sign_in(&world.server.url).await;
    let order = first.take().await;
    // This party calls, and hangs up by itself.
    let calls = CallIn { hang_up_ms: Some(20_000), ..inbound::from(NUMBER, at) };
    world.sim.call_in(calls).await.unwrap();
    let rings = first.frame("incoming").await;
    inbound::accept(&mut first, &rings).await;
    first.phase("talking").await;
    let mut second = colleague(&world).await;
    let to = id_of(&mut first).await;
    first.transfer("attended", "seat", &to).await;
    let rings = second.frame("transfer_offer").await;
    second.take_over_call(&rings).await;
    first.call_until(|call| call["transfer"]["phase"] == "consulting").await;
    let (_, gone) = tokio::join!(first.phase("ended"), second.frame("transfer_gone"));
    assert_eq!(gone["reason"], "hung_up");
    assert_eq!(second.frame("agent").await["state"], "ready");
    let judge = world.server.cookie("J0001").await;
    let seen = world.task_until(&judge, order["task_id"].as_str().unwrap(), |task| {
        task["calls"][0]["transfers"][0]["state"] == "failed"
    });
    let seen = seen.await;
    assert_eq!(told(&seen["calls"][0]), ("刘敏".to_owned(), vec![("failed".into(), "hung_up".into())]));
    assert_eq!(seen["calls"][0]["outcome_state"], "due");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1a_a_colleague_who_does_not_answer_or_goes_gives_the_party_back() {
    let world = World::start().await;
    let (mut first, _) = talking(&world, &world.server.url, "13800008013").await;
    let mut second = colleague(&world).await;
    let to = id_of(&mut first).await;
    first.transfer("blind", "seat", &to).await;
    second.frame("transfer_offer").await;
    // Nobody touches it.
    let (_, gone) = tokio::join!(first.notice("transfer.no_answer"), second.frame("transfer_gone"));
    assert_eq!(gone["reason"], "no_answer");
    first.transfer("attended", "seat", &to).await;
    let rings = second.frame("transfer_offer").await;
    second.take_over_call(&rings).await;
    first.call_until(|call| call["transfer"]["phase"] == "consulting").await;
    second.drop_line();
    first.notice("transfer.lost").await;
    agent_hears(&mut first, PARTY_HZ).await;
    first.hang_up().await;
    first.phase("ended").await;
    let states = until(|| async { audited(&world).await }, |rows| rows.len() >= 7).await.unwrap();
    assert_eq!(states.iter().filter(|action| *action == "call.transfer_failed").count(), 2, "{states:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1a_a_desk_phone_gets_the_party_its_agent_the_next_task_and_the_outcome_is_owed() {
    let (world, at) = phones::open().await;
    let (done, said) = world.server.run(&["phone", "add", "8003", "--name", "值班室"]);
    assert!(done, "{said}");
    let mut phone = FarEnd::desk_phone(at, "8003", said.split_whitespace().nth(5).unwrap(), SECOND_HZ);
    let (mut first, order) = talking(&world, &world.server.url, "13800008014").await;
    let targets = loop {
        let targets = first.transfer_targets().await;
        if targets["phones"][0]["free"] == true {
            break targets;
        }
        first.stay(Duration::from_millis(500)).await;
    };
    let to = targets["phones"][0]["id"].as_str().unwrap().to_owned();
    first.transfer("attended", "phone", &to).await;
    first.call_until(|call| call["transfer"]["phase"] == "consulting").await;
    assert_eq!(first.call["transfer"]["to_name"], "值班室");
    agent_hears(&mut first, SECOND_HZ).await;
    let call = first.call["call_id"].clone();
    first.send(json!({ "type": "transfer_complete", "call_id": call })).await;
    assert_eq!(first.frame("work_order_closed").await["reason"], "transferred");
    // He has the next work order while the phone speaks to this party.
    world.push("13800008015").await;
    let next = first.frame("work_order").await["envelope"].clone();
    let next = first.open(&next).await;
    assert_ne!(next["task_id"], order["task_id"]);
    let heard = at_the_carrier(&world).rtp.received;
    until(|| async { at_the_carrier(&world).rtp.received }, |now| *now > heard + 150).await.unwrap();
    phone.leave();
    let owed = first.frame("owed").await;
    assert_eq!(owed["items"][0]["call_id"], call, "{owed}");

    let (row, left, right) = recorded(&world, &order).await;
    let (_, to) = mark(&row, "transfer");
    assert!(is_tone(stretch(&left, to + 1_000, to + 2_500), SECOND_HZ), "whoever speaks at the phone is recorded");
    assert!(is_tone(stretch(&right, to, to + 2_000), PARTY_HZ));
    assert_eq!(told(&row), ("刘敏".to_owned(), vec![("done".into(), String::new())]));
    assert!(row["outcome_state"] == "owed" && row["ended_by"] == "agent", "{row:#}");
    let choice =
        json!({ "contact": "W1", "business": "B07", "heard_all": false, "note": "", "fields": { "kind": "refused" } });
    let (status, body) = first.save_for(call.as_str().unwrap(), choice).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(world.sim.journal().complaints.len(), 0);
}
