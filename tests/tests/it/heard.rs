//! What the line says of a number, or of who answered, through the built server: recognised from the
//! sound, shown to the agent, confirmed by him, and in the record of the court.

use std::time::Duration;

use serde_json::{Value, json};
use songda_tests::agent::Agent;

use crate::{
    road::channels,
    sound::{is_tone, loudness, stretch},
    survives::{at_the_carrier, dialled},
    world::World,
};

/// A mailbox, and a call assistant.
const MAILBOX: &str = "13800007500";
const ASSISTANT: &str = "13800007600";

/// An agent on the line with a machine, of which he is told what it seems to be.
async fn with_a_machine(number: &str) -> (World, Agent, Value) {
    let world = World::start().await;
    let (mut agent, order) = dialled(&world, &world.server.url, number).await;
    agent.phase("talking").await;
    agent.stay(Duration::from_secs(8)).await;
    agent.call_until(|call| call["heard"]["code"]["code"] == "C10").await;
    (world, agent, order)
}

/// The agent's word on what the line says.
async fn judge(agent: &mut Agent, confirmed: bool) -> Value {
    let frame = json!({ "type": "judge", "call_id": agent.call["call_id"], "confirmed": confirmed });
    agent.send(frame).await;
    let wanted = if confirmed { "confirmed" } else { "rejected" };
    agent.call_until(|call| call["heard"]["state"] == wanted).await
}

/// The call as the judge sees it, once it is as wanted.
async fn judged(world: &World, order: &Value, wanted: impl Fn(&Value) -> bool) -> (Value, Value) {
    let task = order["task_id"].as_str().unwrap();
    let court = world.server.cookie("J0001").await;
    let seen = world.task_until(&court, task, |task| wanted(&task["calls"][0])).await;
    (seen["calls"][0].clone(), seen)
}

/// The stretch of both sides of the recording that the class names as what shows it.
async fn shown(world: &World, call: &Value) -> (Vec<i16>, Vec<i16>) {
    let (from, to, _) = span(call);
    let court = world.server.cookie("J0001").await;
    let path = format!("/api/v1/calls/{}/recording/download", call["id"].as_str().unwrap());
    let (status, wav) = world.server.file(&path, &court).await;
    assert_eq!(status, 200);
    let (left, right) = channels(&wav);
    assert!(to <= right.len() as i64 / 8, "{to} of {} ms", right.len() / 8);
    (stretch(&left, from, to).to_vec(), stretch(&right, from, to).to_vec())
}

fn span(call: &Value) -> (i64, i64, String) {
    let marks = call["marks"].as_array().unwrap();
    let mark = marks.iter().find(|mark| mark["kind"] == "heard").expect("where it is heard");
    (mark["from_ms"].as_i64().unwrap(), mark["to_ms"].as_i64().unwrap(), mark["text"].as_str().unwrap().to_owned())
}

/// A machine at this number is told as one of these kinds, confirmed, and nobody was reached.
async fn recognised_confirmed_and_no_contact(number: &str, kinds: &[&str]) {
    let (world, mut agent, order) = with_a_machine(number).await;
    let heard = &agent.call["heard"];
    let kind = heard["class"].as_str().unwrap().to_owned();
    assert!(kinds.contains(&kind.as_str()), "{heard}");
    assert!(heard["confidence"].as_i64().unwrap() >= 60 && heard["state"] == "suggested", "{heard}");
    judge(&mut agent, true).await;
    agent.hang_up().await;
    let ended = agent.phase("ended").await;
    assert_eq!(ended["end"]["technical"]["code"], "C10", "confirmed, it is no call that reached somebody");
    let (status, body) = agent.save(json!({ "contact": "W1", "business": "B01", "heard_all": true })).await;
    assert_eq!((status, body["code"].as_str()), (422, Some("outcome.machine")), "{body}");
    let (status, body) = agent.save(json!({ "contact": "W12", "business": "" })).await;
    assert_eq!(status, 200, "{body}");
    let (call, task) = judged(&world, &order, |call| call["outcome"]["contact"] == "W12").await;
    assert_eq!(call["technical"]["code"], "C10");
    let (from, to, class) = span(&call);
    assert!(to > from && to < 20_000 && class == kind, "{from} {to} {class}");
    let (_, greeting) = shown(&world, &call).await;
    assert!(loudness(&greeting) > 1e4, "the greeting is in the span, on the party's side: {}", loudness(&greeting));
    assert!(task.to_string().contains("line_judged"), "the timeline tells it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e44_a_mailbox_is_recognised_confirmed_and_no_contact() {
    // Its first words are those of an assistant, too, and all of it is C10.
    recognised_confirmed_and_no_contact(MAILBOX, &["voicemail", "assistant", "machine"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e44_a_call_assistant_is_recognised_confirmed_and_no_contact() {
    recognised_confirmed_and_no_contact(ASSISTANT, &["assistant"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_2a_e50_a_notice_before_the_answer_is_read_confirmed_and_the_cause_of_the_exchange_stays_first() {
    let world = World::start().await;
    let (mut agent, order) = dialled(&world, &world.server.url, "13800004500").await;
    let ended = agent.phase("ended").await;
    assert_eq!(ended["end"]["technical"]["code"], "C08", "cause 20 alone says that it cannot be reached");
    let call = agent.call_until(|call| call["heard"]["class"] == "switched_off").await;
    assert_eq!((&call["heard"]["place"], &call["heard"]["code"]["code"]), (&json!("early"), &json!("C05")));
    assert!(call["heard"]["text"].as_str().unwrap().contains("关机"), "{}", call["heard"]);
    let call = judge(&mut agent, true).await;
    assert_eq!(call["heard"]["conflict"], true, "the exchange and its notice say different things");
    assert_eq!(call["end"]["technical"]["code"], "C08");
    // He may think again until the outcome is saved.
    judge(&mut agent, false).await;
    let call = judge(&mut agent, true).await;
    assert_eq!(call["heard"]["conflict"], true);
    let (status, body) = agent.save(json!({ "contact": "", "business": "" })).await;
    assert_eq!(status, 200, "{body}");
    let (call, task) = judged(&world, &order, |call| call["outcome_state"] == "saved").await;
    assert_eq!(span(&call).2, "switched_off");
    assert!(task.to_string().contains("line_judged"));
    let (ours, notice) = shown(&world, &call).await;
    assert!(loudness(&notice) > 1e4 && loudness(&ours) < 1.0, "the notice is the carrier's, and nothing is ours");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_2a_a_notice_on_a_line_that_is_silent_until_we_send_first_is_heard_recorded_and_read() {
    let world = World::start().await;
    let (mut agent, order) = dialled(&world, &world.server.url, "13800004590").await;
    agent.phase("ended").await;
    let call = agent.call_until(|call| call["heard"]["class"] == "switched_off").await;
    assert_eq!((&call["heard"]["place"], &call["heard"]["code"]["code"]), (&json!("early"), &json!("C05")));
    judge(&mut agent, true).await;
    let (call, _) = judged(&world, &order, |call| call["marks"].to_string().contains("\"heard\"")).await;
    let (ours, notice) = shown(&world, &call).await;
    assert!(loudness(&notice) > 1e4 && loudness(&ours) < 1.0, "the notice, and nothing of ours but silence");
    let line = at_the_carrier(&world);
    assert_eq!((line.behaviour, line.answered_at), (Some("switched-off-once-heard"), None));
    let (first, ours) = (line.rtp.first_sent_at.unwrap(), line.rtp.first_received_at.unwrap());
    assert!(line.early_media_at.unwrap() <= ours && ours <= first, "ours opens the way: {:?}", line.rtp);
    assert_eq!(line.rtp.heard_ms, 0, "it is silence: {:?}", line.rtp);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e44_a_machine_that_is_picked_without_confirming_is_no_answer_in_the_books() {
    let (world, mut agent, order) = with_a_machine(MAILBOX).await;
    agent.hang_up().await;
    let ended = agent.phase("ended").await;
    assert_eq!(ended["end"]["technical"]["code"], "C01", "nobody has confirmed it");
    let (status, body) = agent.save(json!({ "contact": "W12", "business": "" })).await;
    assert_eq!(status, 200, "{body}");
    let (call, task) = judged(&world, &order, |call| call["outcome"]["contact"] == "W12").await;
    assert_eq!(call["technical"]["code"], "C10");
    assert!(task.to_string().contains("line_judged"), "the timeline tells it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_2a_the_busy_tone_before_the_answer_is_known_by_its_rhythm() {
    let world = World::start().await;
    let (mut agent, order) = dialled(&world, &world.server.url, "13800003400").await;
    agent.phase("ended").await;
    let call = agent.call_until(|call| call["heard"]["class"] == "busy").await;
    let heard = &call["heard"];
    assert_eq!(
        (&heard["place"], &heard["code"]["code"], &heard["text"]),
        (&json!("early"), &json!("C03"), &Value::Null)
    );
    assert!(heard["confidence"].as_i64().unwrap() >= 85, "{heard}");
    let call = judge(&mut agent, true).await;
    assert_eq!((&call["heard"]["conflict"], &call["end"]["technical"]["code"]), (&json!(false), &json!("C03")));
    let (call, _) =
        judged(&world, &order, |call| call["recording"].is_object() && call["marks"].to_string().contains("\"heard\""))
            .await;
    let (ours, tone) = shown(&world, &call).await;
    assert!(is_tone(&tone, 450.0) && loudness(&ours) < 1.0, "450 Hz from the carrier's side alone");
    let on = tone.chunks_exact(400).filter(|piece| is_tone(piece, 450.0)).count() as f64;
    let share = on / (tone.len() / 400) as f64;
    assert!((0.3..0.7).contains(&share), "in its rhythm, as long on as off: {share}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_2a_a_notice_that_agrees_with_the_cause_is_in_the_record_and_what_is_refused_is_not() {
    let world = World::start().await;
    let (mut agent, order) = dialled(&world, &world.server.url, "13800004600").await;
    agent.phase("ended").await;
    agent.call_until(|call| call["heard"]["class"] == "suspended").await;
    let call = judge(&mut agent, true).await;
    assert_eq!((&call["heard"]["conflict"], &call["end"]["technical"]["code"]), (&json!(false), &json!("C06")));
    let (call, _) = judged(&world, &order, |call| call["technical"]["code"] == "C06").await;
    assert_eq!(span(&call).2, "suspended");
    judge(&mut agent, false).await;
    let (call, _) = judged(&world, &order, |call| !call["marks"].to_string().contains("\"heard\"")).await;
    assert_eq!(call["technical"]["code"], "C06", "the cause of the exchange says so by itself");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_2a_what_was_confirmed_while_it_rang_and_is_not_what_ended_the_call_is_shown_as_a_conflict() {
    let world = World::start().await;
    let (mut agent, _) = dialled(&world, &world.server.url, "13800003400").await;
    agent.call_until(|call| call["heard"]["class"] == "busy").await;
    let call = judge(&mut agent, true).await;
    assert!(call["end"].is_null() && call["heard"]["conflict"] == false, "nothing has ended it yet: {call}");
    // Five seconds of the tone: he gives up before the exchange does.
    agent.hang_up().await;
    let ended = agent.phase("ended").await;
    assert_eq!(ended["end"]["technical"]["code"], "C02", "given up by the agent");
    assert_eq!(ended["heard"]["conflict"], true, "the line was busy, and that is not what ended the call: {ended}");
}
