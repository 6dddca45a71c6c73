//! What an agent does in a call and what it is told: hold, keys, a polite end (E49), and a party
//! that is not heard (E50).

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{
    peers::FarEnd,
    road::{power, tone},
    sound::{AGENT_HZ, PARTY_HZ, agent_hears, is_tone, loudness, stretch},
    survives::{at_the_carrier, dialled, mark, recorded, talking},
    world::World,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_party_hears_words_and_music_and_then_the_agent_again() {
    let world = World::start().await;
    let (mut agent, order) = talking(&world, &world.server.url, "13800008006").await;
    agent.stay(Duration::from_secs(2)).await;
    agent.hold(true).await;
    agent.call_until(|call| call["held"] == true).await;
    agent.stay(Duration::from_secs(9)).await;
    agent_hears(&mut agent, PARTY_HZ).await;
    agent.hold(false).await;
    agent.call_until(|call| call["held"] == false).await;
    agent.peer.as_ref().unwrap().say(&tone(AGENT_HZ, 30.0));
    agent.stay(Duration::from_secs(3)).await;
    agent.hang_up().await;
    agent.phase("ended").await;

    let (call, left, right) = recorded(&world, &order).await;
    let (from, to) = mark(&call, "hold");
    assert!((8_500..15_000).contains(&(to - from)), "{from} to {to}");
    assert!(is_tone(stretch(&left, from - 1_500, from - 500), AGENT_HZ), "the agent before");
    for at in (from + 500..to - 3_000).step_by(1_000) {
        let part = stretch(&left, at, at + 2_500);
        assert!(loudness(part) > 1e3 && !is_tone(part, AGENT_HZ), "words or music, and not the agent: {at}");
    }
    assert!(is_tone(stretch(&left, to + 1_000, to + 2_000), AGENT_HZ), "the agent again");
    assert!(is_tone(stretch(&right, from, to), PARTY_HZ), "the party is heard all the time");
    let carrier = at_the_carrier(&world);
    // What the party heard begins with the first packet; words and music are in it.
    let heard = hound::WavReader::open(carrier.audio.unwrap()).unwrap().into_samples::<i16>();
    assert!(loudness(&heard.map(Result::unwrap).collect::<Vec<_>>()) > 1e3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_the_party_reach_the_agent_and_keys_of_the_agent_the_party() {
    let world = World::start().await;
    let (mut agent, order) = dialled(&world, &world.server.url, "13800007701").await;
    agent.phase("talking").await;
    agent.keypad("90*").await;
    assert_eq!(agent.notice("call.keypad_sent").await["keys"], 3);
    agent.call_until(|call| call["digits_in"] == "•••••").await;
    agent.stay(Duration::from_secs(1)).await;
    agent.hang_up().await;
    agent.phase("ended").await;

    let (call, ..) = recorded(&world, &order).await;
    let marked = |kind: &str| {
        let marks = call["marks"].as_array().unwrap().iter().filter(|mark| mark["kind"] == kind);
        marks.map(|mark| mark["text"].as_str().unwrap()).collect::<String>()
    };
    assert_eq!((marked("digit_in").as_str(), marked("digit_out").as_str()), ("1234#", "90*"));
    let carrier = at_the_carrier(&world);
    assert_eq!((carrier.rtp.dtmf.as_str(), carrier.rtp.dtmf_sent.as_str()), ("90*", "1234#"));
    let complaints = world.sim.journal().complaints;
    assert!(complaints.is_empty(), "{complaints:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e44_keys_that_sipp_tells_by_info_are_counted_for_the_agent_and_stand_in_the_courts_record() {
    let mut far = FarEnd::sipp_by("called/keys.xml", PARTY_HZ);
    let world = World::start_at(far.address).await;
    let (mut agent, order) = dialled(&world, &world.server.url, "13800000009").await;
    agent.call_until(|call| call["digits_in"] == "••").await;
    agent.hang_up().await;
    agent.phase("ended").await;
    assert!(far.succeeded(), "each INFO was answered: {}", far.log());
    let (call, ..) = recorded(&world, &order).await;
    let marks = call["marks"].as_array().unwrap().iter().filter(|mark| mark["kind"] == "digit_in");
    assert_eq!(marks.map(|mark| mark["text"].as_str().unwrap()).collect::<String>(), "5#");
    assert!(agent.seen.iter().all(|frame| !frame.contains("digit_in\"") && !frame.contains("5#")), "only how many");
}

/// Keys that sound in these samples (ITU-T Q.23), one after the other.
fn keys_in(samples: &[i16]) -> String {
    const KEYPAD: [&str; 4] = ["123A", "456B", "789C", "*0#D"];
    let both = |piece: &[i16]| {
        let all = loudness(piece) * piece.len() as f64;
        let share = |hertz: f64| 2.0 * 10_f64.powf(power(piece, hertz) / 10.0) / all;
        let row = [697.0, 770.0, 852.0, 941.0].map(share);
        let column = [1_209.0, 1_336.0, 1_477.0, 1_633.0].map(share);
        let most = |group: [f64; 4]| (0..4).max_by(|one, other| group[*one].total_cmp(&group[*other])).unwrap();
        let (at, to) = (most(row), most(column));
        let sounds = loudness(piece) > 1e5 && row[at] > 0.2 && column[to] > 0.2 && row[at] + column[to] > 0.8;
        sounds.then(|| KEYPAD[at].chars().nth(to).unwrap())
    };
    let mut found: Vec<Option<char>> = samples.chunks_exact(400).map(both).collect();
    found.dedup();
    found.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e44_keys_that_come_as_tones_are_counted_for_the_agent_and_stand_in_the_courts_record() {
    let world = World::start().await;
    let (mut agent, order) = dialled(&world, &world.server.url, "13800007751").await;
    agent.phase("talking").await;
    agent.keypad("90*").await;
    agent.call_until(|call| call["digits_in"] == "•••••").await;
    agent.stay(Duration::from_secs(1)).await;
    assert_eq!(agent.call["digits_in"], "•••••", "each is counted once");
    agent.hang_up().await;
    agent.phase("ended").await;

    let (call, _, right) = recorded(&world, &order).await;
    let marks = |kind: &str| -> Vec<(i64, String)> {
        let marks = call["marks"].as_array().unwrap().iter().filter(|mark| mark["kind"] == kind);
        marks.map(|mark| (mark["from_ms"].as_i64().unwrap(), mark["text"].as_str().unwrap().to_owned())).collect()
    };
    let pressed = marks("digit_in");
    assert_eq!(pressed.iter().map(|(_, key)| key.as_str()).collect::<String>(), "1234#");
    for (at, key) in &pressed {
        assert_eq!(keys_in(stretch(&right, at - 100, at + 150)), *key, "they are in the court's recording, at {at}");
    }
    let carrier = at_the_carrier(&world);
    assert_eq!((carrier.behaviour, carrier.rtp.dtmf_sent.as_str()), (Some("digits-as-tones"), "1234#"));
    assert_eq!(marks("digit_out").into_iter().map(|(_, key)| key).collect::<String>(), "90*");
    assert_eq!(carrier.rtp.defective, 0, "no event is sent to who agreed on none");
    let heard = hound::WavReader::open(carrier.audio.unwrap()).unwrap().into_samples::<i16>();
    assert_eq!(keys_in(&heard.map(Result::unwrap).collect::<Vec<_>>()), "90*", "the agent's keys are tones, too");
    for frame in &agent.seen {
        let said: Value = serde_json::from_str(frame).unwrap();
        let digits = said["digits_in"].as_str().unwrap_or_default();
        assert!(digits.chars().all(|shown| shown == '•'), "only how many: {frame}");
        assert!(!frame.contains("digit_in\"") && !frame.contains("34#"), "and none elsewhere: {frame}");
    }
}

/// Ends a call politely; the judge's view of the task, and the call.
async fn ended_politely(world: &World, number: &str, reason: &str) -> (Value, Value) {
    let (mut agent, order) = talking(world, &world.server.url, number).await;
    agent.end_politely(reason).await;
    agent.call_until(|call| call["parting"] == "farewell").await;
    let ended = agent.phase("ended").await;
    assert_eq!((&ended["end"]["by"], &ended["end_reason"]), (&json!("agent"), &json!(reason)), "{ended}");
    let (call, left, _) = recorded(world, &order).await;
    let end = left.len() as i64 / 8;
    let farewell = stretch(&left, end - 2_500, end - 200);
    assert!(loudness(farewell) > 1e3 && !is_tone(farewell, AGENT_HZ), "the party is told");
    let judge = world.server.cookie("J0001").await;
    (world.task(&judge, order["task_id"].as_str().unwrap()).await, call)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e49_an_abused_agent_ends_politely_and_the_judge_sees_why() {
    let world = World::start().await;
    let (task, call) = ended_politely(&world, "13800008011", "abuse").await;
    assert_eq!(call["parting"], "farewell");
    let escalations = task["escalations"].as_array().unwrap();
    assert_eq!((escalations.len(), &escalations[0]["reason"]), (1, &json!("abuse")), "{task:#}");
    assert_eq!(escalations[0]["call_id"], call["id"]);
    assert_eq!(at_the_carrier(&world).ended_by, Some("caller"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e49_a_child_on_the_line_ends_the_call_and_calls_no_judge() {
    let world = World::start().await;
    let (task, call) = ended_politely(&world, "13800008012", "child").await;
    assert_eq!((&task["escalations"], &call["end_reason"]["code"]), (&json!([]), &json!("child")), "{task:#}");
    assert_eq!(task["attempts"], json!([]), "nothing is agreed with a child");
}

/// From the answer until the agent is told that nothing is heard.
async fn told_of_silence(number: &str, kind: &str) {
    let world = World::start().await;
    let (mut agent, _) = dialled(&world, &world.server.url, number).await;
    agent.phase("notice").await;
    let answered = Instant::now();
    let notice = agent.notice("call.party_silent").await;
    let took = answered.elapsed();
    assert_eq!(notice["kind"], kind);
    assert!((4_000..6_000).contains(&took.as_millis()), "{took:?} after the answer");
    let shown = if kind == "mute" { "mute" } else { "silent" };
    agent.call_until(|call| call["party"] == shown).await;
    agent.hang_up().await;
    let end = loop {
        let call = agent.frame_past_errors("call").await;
        if call["phase"] == "ended" {
            break call["end"].clone();
        }
    };
    assert_eq!((&end["technical"]["code"], &end["is_attempt"]), (&json!("C11"), &json!(false)), "not counted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e50_a_way_that_carries_nothing_is_told_five_seconds_after_the_answer() {
    told_of_silence("13800008401", "no_packets").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e50_a_party_of_digital_silence_is_told_five_seconds_after_the_answer() {
    told_of_silence("13800007001", "mute").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e50_noise_is_no_silence() {
    let world = World::start().await;
    let (mut agent, _) = talking(&world, &world.server.url, "13800007801").await;
    agent.stay(Duration::from_secs(7)).await;
    assert_eq!(agent.call["party"], "heard");
    assert!(!agent.seen.iter().any(|frame| frame.contains("call.party_silent")));
}
