//! Three in a call, and a supervisor beside it, on the built server with songda-sim as the
//! carrier: who hears whom by tones, at each ear and in the recording.

use std::time::Duration;

use serde_json::{Value, json};
use songda_media::Law;
use songda_tests::{
    agent::{Agent, until},
    supervisor::Supervisor,
};

use crate::{
    browser::{Browser, Microphone},
    peers::{FarEnd, tone_file},
    phones,
    road::tone,
    sound::{self, AGENT_HZ, HALF, PARTY_HZ, stretch},
    survives::{at_the_carrier, mark, recorded, talking},
    world::World,
};

/// The judge's desk phone.
const JUDGE_HZ: f64 = 700.0;
/// The supervisor.
const SUPERVISOR_HZ: f64 = 1_400.0;
/// Everybody's tone.
const VOICES: [(char, f64); 4] = [('a', AGENT_HZ), ('j', JUDGE_HZ), ('p', PARTY_HZ), ('s', SUPERVISOR_HZ)];

fn tones(samples: &[i16]) -> String {
    sound::tones(samples, &VOICES)
}

fn last_half(heard: &[u8]) -> Vec<i16> {
    heard.iter().skip(heard.len().saturating_sub(HALF)).map(|octet| Law::Pcma.decode(*octet)).collect()
}

async fn agent_hears(agent: &mut Agent, wanted: &str) {
    agent.hears(|heard| heard.len() > HALF && tones(&last_half(heard)) == wanted).await;
}

async fn supervisor_hears(supervisor: &mut Supervisor, wanted: &str) {
    supervisor.hears(|heard| heard.len() > HALF && tones(&last_half(heard)) == wanted).await;
}

/// Actions of the log that begin like this, with who did them, oldest first.
async fn audited(world: &World, names: &[&str]) -> Vec<(String, Value)> {
    let auditor = world.server.cookie("auditor").await;
    let (status, body) = world.server.get("/api/v1/audit", &auditor).await;
    assert_eq!(status, 200, "{body}");
    let body: Value = serde_json::from_str(&body).unwrap();
    let rows = body["items"].as_array().unwrap().iter().rev();
    let told = rows.map(|row| (row["action"].as_str().unwrap().to_owned(), row["result"].clone()));
    told.filter(|(action, _)| names.contains(&action.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1a_the_judge_comes_in_by_his_desk_phone_and_goes_on_with_the_party_when_the_agent_leaves() {
    let (world, at) = phones::open().await;
    let (done, said) = world.server.run(&["phone", "add", "8003", "--name", "王法官"]);
    assert!(done, "{said}");
    let mut phone = FarEnd::desk_phone(at, "8003", said.split_whitespace().nth(5).unwrap(), JUDGE_HZ);
    let (mut agent, order) = talking(&world, &world.server.url, "13800008031").await;
    let to = loop {
        let targets = agent.transfer_targets().await;
        if targets["phones"][0]["free"] == true {
            break targets["phones"][0]["id"].as_str().unwrap().to_owned();
        }
        agent.stay(Duration::from_millis(500)).await;
    };
    agent.transfer("attended", "phone", &to).await;
    agent.call_until(|call| call["transfer"]["phase"] == "consulting").await;
    agent_hears(&mut agent, "j").await;
    agent.send(json!({ "type": "transfer_join", "call_id": agent.call["call_id"] })).await;
    agent.call_until(|call| call["transfer"]["phase"] == "joined").await;
    agent_hears(&mut agent, "jp").await;
    agent.stay(Duration::from_secs(3)).await;
    agent.send(json!({ "type": "transfer_complete", "call_id": agent.call["call_id"] })).await;
    assert_eq!(agent.frame("work_order_closed").await["reason"], "transferred");
    let heard = at_the_carrier(&world).rtp.received;
    until(|| async { at_the_carrier(&world).rtp.received }, |now| *now > heard + 150).await.unwrap();
    phone.leave();
    agent.frame("owed").await;

    let (call, left, right) = recorded(&world, &order).await;
    let (from, to) = mark(&call, "three_way");
    assert_eq!(tones(stretch(&left, from + 1_000, from + 2_000)), "aj", "both are heard by the party");
    assert_eq!(tones(stretch(&left, to + 1_000, to + 2_000)), "j", "then the judge alone");
    assert_eq!(tones(stretch(&right, from, to + 2_000)), "p");
    assert_eq!((&call["transfers"][0]["state"], &call["ended_by"]), (&json!("done"), &json!("agent")));
    let wanted = ["call.three_way", "call.three_way_began", "call.transferred"];
    let log = audited(&world, &wanted).await;
    assert_eq!(log.iter().map(|(action, _)| action.as_str()).collect::<Vec<_>>(), wanted);
    assert_eq!(world.sim.journal().complaints.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_4b_a_supervisor_listens_whispers_and_barges_in_and_each_is_in_the_call_record_and_the_audit() {
    let world = World::start().await;
    let (mut agent, order) = talking(&world, &world.server.url, "13800008032").await;
    let call = agent.call["call_id"].as_str().unwrap().to_owned();
    let mut supervisor = Supervisor::sign_in(&world.server.url).await;
    assert_eq!(supervisor.enter("none", "listen").await["code"], "supervision.no_call");
    assert_eq!(supervisor.enter(&call, "listen").await["what"], "listen");
    supervisor.peer.as_ref().unwrap().say(&tone(SUPERVISOR_HZ, 60.0));
    supervisor_hears(&mut supervisor, "ap").await;
    agent_hears(&mut agent, "p").await;
    agent.stay(Duration::from_secs(2)).await;
    assert!(agent.call["supervision"].is_null(), "silent listening is not shown: {}", agent.call);

    assert_eq!(supervisor.change(&call, "whisper").await["what"], "whisper");
    agent.call_until(|call| call["supervision"]["what"] == "whisper").await;
    agent_hears(&mut agent, "ps").await;
    supervisor_hears(&mut supervisor, "ap").await;
    agent.stay(Duration::from_secs(3)).await;

    assert_eq!(supervisor.change(&call, "barge").await["what"], "barge");
    agent.call_until(|call| call["supervision"]["what"] == "barge").await;
    agent_hears(&mut agent, "ps").await;
    agent.stay(Duration::from_secs(3)).await;

    // His page goes: the call is untouched.
    drop(supervisor);
    agent.call_until(|call| call["supervision"].is_null()).await;
    agent_hears(&mut agent, "p").await;
    agent.stay(Duration::from_secs(2)).await;
    agent.hang_up().await;
    agent.phase("ended").await;

    let (row, left, right) = recorded(&world, &order).await;
    let (listened, whispered) = (mark(&row, "listened"), mark(&row, "whispered"));
    let barged = mark(&row, "barged");
    assert_eq!(tones(stretch(&left, listened.1 - 1_500, listened.1 - 500)), "a");
    for at in (whispered.0..whispered.1 - 1_000).step_by(500) {
        assert_eq!(tones(stretch(&left, at, at + 1_000)), "a", "a whisper is in no recording");
    }
    assert_eq!(tones(stretch(&left, barged.0 + 1_000, barged.1 - 500)), "as");
    assert_eq!(tones(stretch(&left, barged.1 + 1_000, barged.1 + 2_000)), "a");
    assert_eq!(tones(stretch(&right, listened.0, barged.1)), "p");
    let marks = row["marks"].as_array().unwrap();
    let who = |kind: &str| marks.iter().find(|mark| mark["kind"] == kind).unwrap()["text"].clone();
    assert!(who("listened") == who("barged") && who("listened") != "", "with who it was: {marks:?}");
    let names = ["call.listen", "call.whisper", "call.barge", "call.supervision_over"];
    let (ok, denied) = (json!("ok"), json!("denied"));
    let wanted = [
        ("call.listen", &denied),
        ("call.listen", &ok),
        ("call.whisper", &ok),
        ("call.barge", &ok),
        ("call.supervision_over", &ok),
    ];
    let log = audited(&world, &names).await;
    assert_eq!(log.iter().map(|(action, result)| (action.as_str(), result)).collect::<Vec<_>>(), wanted);
}

/// Counts how often the page asks for the microphone from here on.
const COUNT_MICROPHONES: &str = "(() => { const devices = navigator.mediaDevices; \
    const open = devices.getUserMedia.bind(devices); devices.asked = 0; \
    devices.getUserMedia = (wanted) => { devices.asked += 1; return open(wanted); }; return 1; })()";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_4b_a_supervisor_at_chromium_listens_without_a_microphone_whispers_barges_in_and_stops_by_keyboard() {
    let world = World::start().await;
    let (mut agent, order) = talking(&world, &world.server.url, "13800008033").await;
    let folder = tempfile::tempdir().unwrap();
    let microphone = tone_file(folder.path(), SUPERVISOR_HZ, 48_000).display().to_string();
    let (url, plays) = (world.server.url.as_str(), microphone.as_str());
    let mut page = meanwhile(&mut agent, async {
        let mut page = Browser::open(url, Microphone { plays: Some(plays), denied: false }).await;
        page.sign_in("supervisor", "/overview?raw=1").await;
        page.evaluate(COUNT_MICROPHONES).await;
        page.click("[data-testid^=listen-]:enabled").await;
        page.wait("[data-testid=supervise-bar][data-on=listen]").await;
        let heard = page.act(json!({ "do": "hears" })).await.as_f64().unwrap();
        let of_the_call = [AGENT_HZ, PARTY_HZ].iter().any(|hertz| (heard - hertz).abs() < 20.0);
        assert!(of_the_call, "a side of the call: {heard} Hz");
        let asked = page.evaluate("navigator.mediaDevices.asked").await;
        assert_eq!(asked, 0, "who listens is asked for no microphone");
        page.shot("overview-listening").await;
        page
    })
    .await;
    agent_hears(&mut agent, "p").await;
    meanwhile(&mut agent, async {
        page.press("Alt+w").await;
        page.wait("[data-testid=supervise-bar][data-on=whisper]").await;
    })
    .await;
    agent_hears(&mut agent, "ps").await;
    agent.stay(Duration::from_secs(2)).await;
    meanwhile(&mut agent, async {
        page.click("[data-testid=supervise-barge]").await;
        page.wait("[data-testid=supervise-bar][data-on=barge]").await;
        page.shot("overview-barged").await;
    })
    .await;
    agent.call_until(|call| call["supervision"]["what"] == "barge").await;
    agent.stay(Duration::from_secs(3)).await;
    meanwhile(&mut agent, page.press("Alt+e")).await;
    agent.call_until(|call| call["supervision"].is_null()).await;
    agent_hears(&mut agent, "p").await;
    agent.hang_up().await;
    agent.phase("ended").await;
    page.close().await;

    let (row, left, right) = recorded(&world, &order).await;
    let (whispered, barged) = (mark(&row, "whispered"), mark(&row, "barged"));
    assert_eq!(tones(stretch(&left, whispered.0, whispered.1)), "a", "a whisper is in no recording");
    assert_eq!(tones(stretch(&left, barged.0 + 1_000, barged.1 - 500)), "as");
    assert_eq!(tones(stretch(&right, whispered.0, barged.1)), "p");
}

/// The agent's page says that it is there while something else is done.
async fn meanwhile<T>(agent: &mut Agent, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    let mut pings = tokio::time::interval(Duration::from_secs(5));
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = pings.tick() => agent.send(json!({ "type": "ping" })).await,
        }
    }
}
