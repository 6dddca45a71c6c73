//! The road from push to package, with an agent who has no screen.

use std::{io::Write as _, process::Command, time::Duration};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use songda_tests::agent::{Agent, http};

use crate::{leaks, survives::dialled, world::World};

const NUMBER: &str = "13800000001";

/// Octets of a tone, A-law.
pub(crate) fn tone(hertz: f64, seconds: f64) -> Vec<u8> {
    let samples = (seconds * 8_000.0) as usize;
    let at = |at: usize| (at as f64 * hertz * std::f64::consts::TAU / 8_000.0).sin() * 8_000.0;
    (0..samples).map(|place| songda_media::Law::Pcma.encode(at(place) as i16)).collect()
}

/// Both channels of a WAV file, read by Python's `wave` as a court's own tools would.
pub(crate) fn channels(wav: &[u8]) -> (Vec<i16>, Vec<i16>) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(wav).unwrap();
    let script = "import sys,wave\nw=wave.open(sys.argv[1])\nassert (w.getnchannels(),w.getsampwidth(),w.getframerate())==(2,2,8000)\n\
                  sys.stdout.buffer.write(w.readframes(w.getnframes()))";
    let read = Command::new("python3").args(["-c", script]).arg(file.path()).output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let samples: Vec<i16> = read.stdout.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    samples.chunks_exact(2).map(|frame| (frame[0], frame[1])).unzip()
}

/// Power at a frequency in dB (Goertzel).
pub(crate) fn power(samples: &[i16], hertz: f64) -> f64 {
    let factor = 2.0 * (std::f64::consts::TAU * hertz / 8_000.0).cos();
    let (mut one, mut two) = (0.0, 0.0);
    for sample in samples {
        (one, two) = (f64::from(*sample) + factor * one - two, one);
    }
    10.0 * ((one * one + two * two - factor * one * two) / samples.len() as f64).max(1e-9).log10()
}

fn text_of(pdf: &[u8]) -> String {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(pdf).unwrap();
    let read = Command::new("pdftotext").args(["-layout"]).arg(file.path()).arg("-").output().unwrap();
    String::from_utf8_lossy(&read.stdout).chars().filter(|c| !c.is_whitespace()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1a_r4_2a_a_push_becomes_a_call_an_attempt_a_report_and_a_package() {
    walk(World::start().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1a_r4_2a_the_road_is_the_same_on_postgresql() {
    walk(World::start_on_postgres().await).await;
}

async fn walk(world: World) {
    world.push(NUMBER).await;
    let mut agent = Agent::sign_in(&world.server.url).await;
    let order = agent.take().await;
    assert_eq!(order["phones"][0]["masked"], "138****0001");
    agent.dial().await;
    agent.phase("preparing").await;
    let (early, _) = agent.save(json!({ "contact": "W1", "business": "B05" })).await;
    assert!(early == 404 || early == 409, "no outcome before the end: {early}");
    agent.phase("notice").await;
    agent.peer.as_ref().unwrap().say(&tone(440.0, 40.0));
    agent.phase("talking").await;
    agent.stay(Duration::from_secs(21)).await;
    agent.tick_all(&order).await;
    agent.send(json!({ "type": "mute", "on": true })).await;
    assert_eq!(agent.frame("call").await["muted"], true);
    agent.stay(Duration::from_secs(2)).await;
    agent.hang_up().await;
    let end = agent.phase("ended").await["end"].clone();
    assert_eq!(
        (&end["technical"]["code"], &end["by"], &end["recorded"]),
        (&json!("C01"), &json!("agent"), &json!(true))
    );
    assert_eq!(agent.save(json!({ "business": "B05" })).await.0, 422, "who spoke must be said");
    let (status, saved) =
        agent.save(json!({ "contact": "W1", "business": "B05", "heard_all": true, "note": "语速慢" })).await;
    assert_eq!((status, &saved["attempt_no"]), (200, &json!(1)), "{saved}");
    assert_eq!(agent.save(json!({ "contact": "W1", "business": "B05" })).await.0, 409, "saved once");

    let judge = world.server.cookie("J0001").await;
    let id = order["task_id"].as_str().unwrap();
    let task = world
        .task_until(&judge, id, |task| {
            let reports = task["reports"].as_array().unwrap();
            reports.len() == 2 && reports.iter().all(|report| report["delivered"]["state"] == "done")
        })
        .await;
    assert_eq!((&task["phase"], &task["result"]), (&json!("送达完成"), &json!("送达成功")));
    assert_eq!(task["attempts"][0]["note"], "语速慢");
    let ticks = task["calls"][0]["ticks"].as_array().unwrap();
    assert!(ticks.len() == 7 && ticks.iter().all(|tick| tick["offset_ms"].as_i64() > Some(20_000)), "{ticks:?}");
    let states: Vec<_> = task["reports"].as_array().unwrap().iter().map(|report| report["state"].clone()).collect();
    assert_eq!(states, ["有效", "已被替代"], "the old version stays and is marked");
    assert!(task["nodes"].as_array().unwrap().iter().all(|node| node["state"] == "done"), "{}", task["nodes"]);
    recording(&world, &judge, &task["calls"][0]).await;
    transcript(&world, &judge, &task["calls"][0]).await;
    report(&world, &judge, &task).await;
    package(&world);
    secrecy(&world, &agent, &judge, &task).await;
}

/// R4.1b, R4.1c, R4.2e: played by range, downloaded, hashes those of the WAV, channels apart.
async fn recording(world: &World, judge: &str, call: &Value) {
    let path = format!("/api/v1/calls/{}/recording", call["id"].as_str().unwrap());
    let (_, checked) = world.server.get(&path, judge).await;
    let checked: Value = serde_json::from_str(&checked).unwrap();
    assert_eq!(checked["verdict"], "intact");
    let (status, wav) = world.server.file(&format!("{path}/download"), judge).await;
    assert_eq!(status, 200);
    assert_eq!(checked["sha256"], hex::encode(Sha256::digest(&wav)), "the hash is that of the WAV");
    assert_eq!(checked["bytes"], wav.len());
    let client = http();
    let part = client
        .get(format!("{}{path}/audio", world.server.url))
        .header("cookie", judge)
        .header("range", "bytes=1000-1999");
    let part = part.send().await.unwrap();
    assert_eq!(part.status(), 206);
    assert_eq!(
        part.headers().get("content-range").unwrap().to_str().unwrap(),
        format!("bytes 1000-1999/{}", wav.len())
    );
    assert_eq!(part.bytes().await.unwrap(), wav[1000..2000]);
    let outside = client
        .get(format!("{}{path}/audio", world.server.url))
        .header("cookie", judge)
        .header("range", "bytes=99999999-");
    assert_eq!(outside.send().await.unwrap().status(), 416);
    let (left, _) = channels(&wav);
    let talk = left.len() - 10 * 8_000..left.len() - 6 * 8_000;
    let quiet = left.len() - 12_000..left.len() - 4_000;
    assert!(power(&left[talk], 440.0) > 60.0, "the agent's voice is in the left channel");
    assert!(left[quiet].iter().all(|sample| sample.unsigned_abs() <= 8), "what was muted is silence");
    let (status, peaks) = world.server.get(&format!("{path}/peaks"), judge).await;
    assert!(status == 200 && peaks.contains("per_second"));
    let agent = world.server.cookie("agent").await;
    assert_eq!(world.server.get(&path, &agent).await.0, 403, "agents do not play recordings");
    let supervisor = world.server.cookie("supervisor").await;
    assert_eq!(
        world.server.get(&format!("{path}/download"), &supervisor).await.0,
        403,
        "supervisors play, and keep nothing"
    );
}

/// R4.2b: the notice stands as 系统 with its own words, speech has its speaker, and a
/// correction keeps the original.
async fn transcript(world: &World, judge: &str, call: &Value) {
    let path = format!("/api/v1/calls/{}/transcript", call["id"].as_str().unwrap());
    let (_, body) = world.server.get(&path, judge).await;
    let transcript: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(transcript["test_model"], true, "every transcript of the test model says so");
    let lines = transcript["lines"].as_array().unwrap();
    assert_eq!(lines[0]["speaker"], "system");
    assert!(lines[0]["text"].as_str().unwrap().contains("录音"));
    let said = lines.iter().find(|line| line["speaker"] == "party").expect("the party spoke");
    let no = said["no"].as_u64().unwrap();
    let answer = http()
        .put(format!("{}{path}/lines/{no}", world.server.url))
        .header("cookie", judge)
        .json(&json!({ "text": "经核对后的文字" }))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let line: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(
        (&line["text"], &line["original"], &line["edited_by"]),
        (&json!("经核对后的文字"), &said["text"], &json!("周明远"))
    );
    let (_, text) = world.server.get(&format!("{path}/download?format=txt"), judge).await;
    assert!(text.contains("测试模型") && text.contains("经核对后的文字") && text.contains("以录音为准"), "{text}");
    let (_, json) = world.server.get(&format!("{path}/download?format=json"), judge).await;
    assert!(serde_json::from_str::<Value>(&json).is_ok());
}

/// R2.4e, R3.2e: case, calls, transcript and hashes stand in the PDF.
async fn report(world: &World, judge: &str, task: &Value) {
    let newest = task["reports"][0]["id"].as_str().unwrap();
    let (status, pdf) = world.server.file(&format!("/api/v1/reports/{newest}/pdf?download=1"), judge).await;
    assert_eq!(status, 200);
    assert_eq!(task["reports"][0]["sha256"], hex::encode(Sha256::digest(&pdf)));
    let text = text_of(&pdf);
    let hash = task["calls"][0]["recording"]["sha256"].as_str().unwrap();
    for word in ["送达报告书", "王0001", "138****0001", "买卖合同纠纷", "第2版", &hash[..8], "刘敏", "送达结果：成功"]
    {
        assert!(text.contains(word), "{word} is not in the report: {text}");
    }
}

/// R1.1a: each version reaches the case system once, in order, without a complaint.
fn package(world: &World) {
    let journal = serde_json::to_value(world.sim.journal()).unwrap();
    assert_eq!(journal["complaints"], json!([]));
    let versions: Vec<_> = journal["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|entry| entry["event"]["report"]["version"].as_u64())
        .collect();
    assert_eq!(versions.get(..2), Some(&[1, 2][..]), "{}", journal["events"]);
    let call = &journal["calls"][0];
    assert_eq!(journal["calls"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&call["invites"], &call["caller"]),
        (&json!(2), &json!("02988009000")),
        "dialled once, from the court's number"
    );
    assert_eq!(call["asserted"], json!(["02988009000"]));
    assert_eq!(call["digest_algorithm"], "SHA-256");
}

/// R4.3b: no number in anything that reached the agent, the judge or a log.
async fn secrecy(world: &World, agent: &Agent, judge: &str, task: &Value) {
    let secret = [NUMBER.to_owned(), crate::world::id_no(1)];
    let (_, cases) = world.server.get("/api/v1/cases", judge).await;
    let auditor = world.server.cookie("auditor").await;
    let (_, audit) = world.server.get("/api/v1/audit", &auditor).await;
    for text in agent.seen.iter().chain([&cases, &audit, &world.server.log(), &task.to_string()]) {
        assert_eq!(leaks::find(text, &secret), None, "{}", text.chars().take(300).collect::<String>());
    }
    assert!(
        leaks::find(&format!("{} {NUMBER}", agent.seen.join(" ")), &secret).is_some(),
        "the search finds a planted one"
    );
    let (well, said) = world.server.run(&["audit", "verify"]);
    assert!(well, "{said}");
    for action in [
        "call.dial",
        "work_order.open",
        "outcome.save",
        "recording.play",
        "recording.download",
        "transcript.open",
        "transcript.edit",
        "report.download",
        "report.render",
    ] {
        assert!(audit.contains(action), "{action} is not in the log");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1c_a_download_is_the_file_of_the_report_and_who_may_not_is_refused_and_written_down() {
    let world = World::start().await;
    let (mut agent, order) = dialled(&world, &world.server.url, "13800005001").await;
    agent.ended(Duration::from_secs(30)).await;
    // The party hung up while the notice played: nothing can have been agreed.
    let (status, refused) = agent.save(json!({ "contact": "W1", "business": "B03" })).await;
    assert_eq!((status, &refused["code"]), (422, &json!("outcome.no_talk")));
    let hung_up = json!({ "contact": "W11", "business": "B07", "fields": { "kind": "hung_up" } });
    assert_eq!(agent.save(hung_up).await.0, 200);
    let judge = world.server.cookie("J0001").await;
    let task = order["task_id"].as_str().unwrap();
    let task = world.task_until(&judge, task, |task| !task["reports"].as_array().unwrap().is_empty()).await;
    let path = format!("/api/v1/calls/{}/recording/download", task["calls"][0]["id"].as_str().unwrap());
    let clerk = world.server.cookie("C0001").await;
    for cookie in [&judge, &clerk] {
        let (status, wav) = world.server.file(&path, cookie).await;
        assert_eq!((status, &wav[..4]), (200, &b"RIFF"[..]));
        assert_eq!(task["calls"][0]["recording"]["sha256"], hex::encode(Sha256::digest(&wav)));
    }
    let report = format!("/api/v1/reports/{}/pdf", task["reports"][0]["id"].as_str().unwrap());
    let text = text_of(&world.server.file(&report, &clerk).await.1);
    let hash = task["calls"][0]["recording"]["sha256"].as_str().unwrap();
    assert!(text.contains(hash), "the report names the hash of the file: {text}");
    for login in ["agent", "supervisor", "admin", "auditor"] {
        let cookie = world.server.cookie(login).await;
        assert_eq!(world.server.file(&path, &cookie).await.0, 403, "{login}");
    }
    let auditor = world.server.cookie("auditor").await;
    let (_, audit) = world.server.get("/api/v1/audit", &auditor).await;
    let audit: Value = serde_json::from_str(&audit).unwrap();
    let rows = audit["items"].as_array().unwrap();
    let count = |action: &str, result: &str| {
        rows.iter().filter(|row| row["action"] == action && row["result"] == result).count()
    };
    assert_eq!((count("recording.download", "ok"), count("recording.download", "denied")), (2, 4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_2e_each_side_stands_alone_in_its_channel() {
    let world = World::start().await;
    let (mut agent, order) = dialled(&world, &world.server.url, "13800008001").await;
    agent.phase("talking").await;
    agent.peer.as_ref().unwrap().say(&tone(440.0, 12.0));
    agent.stay(Duration::from_secs(9)).await;
    let heard = agent.peer.as_ref().unwrap().heard();
    agent.hang_up().await;
    agent.phase("ended").await;
    assert_eq!(agent.save(json!({ "contact": "W1", "business": "B12" })).await.0, 200);
    let heard: Vec<i16> = heard.iter().map(|octet| songda_media::Law::Pcma.decode(*octet)).collect();
    let late = &heard[heard.len() - 24_000..];
    assert!(power(late, 1_000.0) > power(late, 440.0) + 20.0, "the agent hears the party and not himself");
    let judge = world.server.cookie("J0001").await;
    let task = world.task(&judge, order["task_id"].as_str().unwrap()).await;
    let call = task["calls"][0]["id"].as_str().unwrap();
    let (_, wav) = world.server.file(&format!("/api/v1/calls/{call}/recording/download"), &judge).await;
    let (left, right) = channels(&wav);
    let part = left.len() - 5 * 8_000..left.len() - 8_000;
    let (left, right) = (&left[part.clone()], &right[part]);
    let (agents, partys) = (power(left, 440.0) - power(right, 440.0), power(right, 1_000.0) - power(left, 1_000.0));
    println!("440 Hz: left {agents:.1} dB over right; 1000 Hz: right {partys:.1} dB over left");
    assert!(agents >= 20.0 && partys >= 20.0, "{agents:.1} dB, {partys:.1} dB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r2_4c_r4_1d_each_answer_of_the_carrier_becomes_its_technical_code() {
    // Number, technical code, whether a recording of the early media stands, whether it counts.
    const LINES: [(&str, &str, bool, bool); 7] = [
        ("13800003001", "C03", false, true),
        ("13800003501", "C04", false, true),
        ("13800004001", "C07", true, true),
        ("13800004501", "C08", true, true),
        ("13800004601", "C06", true, true),
        ("13800002001", "C02", false, true),
        ("13800006501", "C11", false, false),
    ];
    let world = World::start().await;
    let mut agent = Agent::sign_in(&world.server.url).await;
    let judge = world.server.cookie("J0001").await;
    for (number, code, recorded, counts) in LINES {
        world.push(number).await;
        let order = agent.take().await;
        agent.dial().await;
        let end = agent.phase_or_error("ended").await["end"].clone();
        assert_eq!(
            (&end["technical"]["code"], &end["recorded"], &end["is_attempt"]),
            (&json!(code), &json!(recorded), &json!(counts)),
            "{number}"
        );
        let task = order["task_id"].as_str().unwrap().to_owned();
        if counts {
            let (status, saved) = agent.save(json!({ "heard_all": true })).await;
            assert_eq!(status, 422, "nobody can have heard: {saved}");
            assert_eq!(agent.save(json!({})).await.0, 200, "{number}");
        } else {
            agent.send(json!({ "type": "pause" })).await;
            agent.frame_past_errors("work_order_closed").await;
        }
        let task = world.task(&judge, &task).await;
        assert_eq!(
            task["attempts"].as_array().unwrap().len(),
            usize::from(counts),
            "{number}: a failure of ours is no attempt"
        );
        if code == "C07" {
            assert_eq!(task["phones"][0]["state"], "空号", "a dead number is not dialled again: {}", task["phones"]);
        }
    }
    let supervisor = world.server.cookie("supervisor").await;
    let (_, alarms) = world.server.get("/api/v1/alarms", &supervisor).await;
    assert!(alarms.contains("trunk.failed"), "the fault of the line is told: {alarms}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1a_a_call_is_placed_once_whatever_is_clicked_and_can_be_given_up_while_it_rings() {
    let world = World::start().await;
    let (mut agent, _) = dialled(&world, &world.server.url, "13800002002").await;
    agent.phase("dialling").await;
    let again = json!({ "type": "dial", "work_order": agent.work_order["work_order"],
                        "phone_id": agent.work_order["phones"][0]["phone_id"], "sdp": agent.peer.as_ref().unwrap().offer });
    agent.send(again.clone()).await;
    agent.send(again).await;
    agent.phase_or_error("ringing").await;
    agent.hang_up().await;
    let end = agent.phase_or_error("ended").await["end"].clone();
    assert_eq!((&end["technical"]["code"], &end["by"]), (&json!("C02"), &json!("agent")), "it rang and was given up");
    assert!(agent.seen.iter().any(|frame| frame.contains("dial.already_live")), "the second click is told");
    let judge = world.server.cookie("J0001").await;
    let task = world.task(&judge, agent.work_order["task_id"].as_str().unwrap()).await;
    assert!(task["events"].to_string().contains("提前挂断"), "{}", task["events"]);
    let journal = serde_json::to_value(world.sim.journal()).unwrap();
    assert_eq!(journal["calls"].as_array().unwrap().len(), 1);
    assert_eq!(journal["calls"][0]["ended_by"], "caller");
}
