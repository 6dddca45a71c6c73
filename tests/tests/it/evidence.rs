//! Evidence as a court sees it: checked by the command, taken out of the house, kept by a hold,
//! and deleted by two persons (X2, X6, E71).

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::{Value, json};
use songda_tests::agent::{Agent, http, until};

use crate::{
    road::tone,
    server::{Server, songda},
    world::World,
};

const NUMBER: &str = "13800000001";
const CASE: &str = "（2026）陕0102民初1001号";

/// A party who was served by telephone, reported and returned; answers the task.
pub(crate) async fn served(world: &World) -> Value {
    world.push(NUMBER).await;
    let mut agent = Agent::sign_in(&world.server.url).await;
    let order = agent.take().await;
    agent.dial().await;
    agent.phase("notice").await;
    agent.peer.as_ref().unwrap().say(&tone(440.0, 40.0));
    agent.phase("talking").await;
    agent.stay(Duration::from_secs(21)).await;
    agent.tick_all(&order).await;
    agent.hang_up().await;
    agent.phase("ended").await;
    let (status, saved) = agent.save(json!({ "contact": "W1", "business": "B05", "heard_all": true })).await;
    assert_eq!(status, 200, "{saved}");
    let judge = world.server.cookie("J0001").await;
    let id = order["task_id"].as_str().unwrap();
    let delivered = |task: &Value| {
        let reports = task["reports"].as_array().unwrap();
        reports.len() == 2 && reports.iter().all(|report| report["delivered"]["state"] == "done")
    };
    world.task_until(&judge, id, delivered).await
}

/// What the command says, and its exit code.
pub(crate) fn command(server: &Server, arguments: &[&str]) -> (i32, String) {
    let config = server.folder.path().join("songda.toml");
    let done = Command::new(songda()).arg("--config").arg(config).args(arguments).output().unwrap();
    let errors = if done.status.success() { String::new() } else { String::from_utf8(done.stderr).unwrap() };
    (done.status.code().unwrap(), String::from_utf8(done.stdout).unwrap() + &errors)
}

/// The same where there is no house: another folder, no configuration.
pub(crate) fn elsewhere(bundle: &Path, more: &[&str]) -> (i32, String) {
    let empty = tempfile::tempdir().unwrap();
    let done = Command::new(songda())
        .current_dir(&empty)
        .env_clear()
        .args(["evidence", "verify", "--bundle"])
        .arg(bundle)
        .args(more)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&done.stderr);
    (done.status.code().unwrap(), String::from_utf8(done.stdout).unwrap() + &errors)
}

/// Behind the product's back, while it does not run.
pub(crate) fn sql(server: &Server, statements: &str) {
    let script = "import sqlite3,sys\nd=sqlite3.connect(sys.argv[1])\nd.executescript(sys.argv[2])\nd.commit()";
    let path = server.folder.path().join("data/songda.db");
    let done = Command::new("python3").args(["-c", script]).arg(path).arg(statements).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// All that is entered was two days ago, at any hour of the test; the next start makes the roots of
/// the days that are over, which are answered.
pub(crate) async fn two_days_later(world: &mut World) -> Vec<Value> {
    let back = 2 * 86_400_000_i64;
    let earlier = format!(
        "DROP TRIGGER evidence_files_no_update; UPDATE evidence_files SET booked_ms = booked_ms - {back};
         UPDATE courts SET created_ms = created_ms - {back};"
    );
    sql(&world.server, &earlier);
    world.server.kill_and_restart();
    let admin = world.server.cookie("admin").await;
    let rooted = async || read(&world.server, "/api/v1/evidence/roots", &admin).await["items"].clone();
    let all = |roots: &Value| roots[1].is_object() && roots[0]["day"].as_str() == Some(&yesterday());
    until(rooted, all).await.unwrap().as_array().unwrap().clone()
}

/// The last day that is over in the court.
fn yesterday() -> String {
    let done = Command::new("date").env("TZ", "CST-8").args(["-d", "yesterday", "+%F"]).output().unwrap();
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

pub(crate) fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

/// The one file below a folder of the data with this ending.
pub(crate) fn only(server: &Server, folder: &str, ending: &str) -> PathBuf {
    let mut found = Vec::new();
    for shelf in std::fs::read_dir(server.folder.path().join("data").join(folder)).unwrap() {
        let shelf = shelf.unwrap().path();
        found.extend(std::fs::read_dir(shelf).unwrap().map(|entry| entry.unwrap().path()));
    }
    found.retain(|path| path.to_str().unwrap().ends_with(ending));
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

pub(crate) async fn post(server: &Server, path: &str, cookie: &str, body: &Value) -> (u16, Value) {
    let request = http().post(format!("{}{path}", server.url)).header("cookie", cookie).json(body);
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default())
}

pub(crate) async fn read(server: &Server, path: &str, cookie: &str) -> Value {
    let (status, body) = server.get(path, cookie).await;
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x2_x6_e71_evidence_is_rooted_checked_here_and_elsewhere_held_and_deleted_by_two() {
    let mut world = World::start().await;
    let task = served(&world).await;
    let (code, said) = command(&world.server, &["evidence", "verify"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.starts_with("OK: 7 files"), "recording, call, transcript, two reports, document, push: {said}");
    assert!(said.contains("in no root yet"), "{said}");
    let roots = two_days_later(&mut world).await;
    assert!(roots.iter().all(|root| root["state"] != "broken"), "{roots:?}");
    let (code, said) = command(&world.server, &["evidence", "verify", "--json"]);
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &report["ok"], &report["not_in_a_root_yet"]), (0, &json!(true), &json!(0)), "{said}");

    refusals(&world);
    bundle(&world, &task).await;
    let listed = command(&world.server, &["court", "list"]).1;
    returned(&world, listed.split_whitespace().next().unwrap());
    broken(&world, &task).await;
    kept(&mut world, &task).await;
    let certificate = deletion(&mut world, &task).await;
    certified(&world, &certificate);
}

/// What names nothing is an error with a word of what to do, and marks nothing.
fn refusals(world: &World) {
    for (asked, said) in [
        (["--day", "yesterday"], "write it as 2026-11-27"),
        (["--day", "2062-11-27"], "is not over"),
        (["--call", "none"], "there is no evidence of a call none"),
        (["--case", "（2026）陕0102民初9999号"], "there is no case"),
        (["--court", "none"], "`songda court list` names them"),
    ] {
        let (code, answer) = command(&world.server, &["evidence", "verify", asked[0], asked[1]]);
        assert!(code == 1 && answer.contains(said), "{asked:?}: {code} {answer}");
    }
    assert_eq!(command(&world.server, &["evidence", "verify"]).0, 0, "nothing was marked by that");
}

/// The running house finds by itself what was altered, and rings.
async fn kept(world: &mut World, task: &Value) {
    let number = task["number"].as_str().unwrap();
    sql(&world.server, &format!("UPDATE tasks SET number = 'SD-9' WHERE number = '{number}';"));
    world.server.kill_and_restart();
    let admin = world.server.cookie("admin").await;
    let told = async || read(&world.server, "/api/v1/alarms", &admin).await;
    let alarms = until(told, |alarms| alarms.to_string().contains("evidence.altered")).await.unwrap();
    assert!(alarms.to_string().contains(CASE), "{alarms}");
    let (code, said) = command(&world.server, &["evidence", "verify"]);
    assert!(code == 1 && said.contains("BROKEN call B") && said.contains(number) && said.contains("SD-9"), "{said}");
    sql(&world.server, &format!("UPDATE tasks SET number = '{number}' WHERE number = 'SD-9';"));
    let listed = read(&world.server, "/api/v1/evidence/doubts", &admin).await;
    let doubt = listed["items"][0]["id"].as_str().unwrap();
    let supervisor = world.server.cookie("supervisor").await;
    let clear = format!("/api/v1/evidence/doubts/{doubt}/clear");
    let why = json!({ "reason": "任务编号被改动，已改回" });
    assert_eq!(post(&world.server, &clear, &supervisor, &why).await.0, 204);
    assert_eq!(command(&world.server, &["evidence", "verify"]).0, 0);
}

/// Taken out of the house it verifies by itself, and not when a byte of it was touched.
async fn bundle(world: &World, served: &Value) {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("bundle");
    let to_text = to.to_str().unwrap();
    let (code, said) = command(&world.server, &["evidence", "export", "--case", CASE, "--to", to_text]);
    assert_eq!(code, 0, "{said}");
    let auditor = world.server.cookie("auditor").await;
    let audited = read(&world.server, "/api/v1/audit", &auditor).await;
    let exports: Vec<&Value> =
        audited["items"].as_array().unwrap().iter().filter(|row| row["action"] == "evidence.export").collect();
    let results: Vec<&Value> = exports.iter().map(|row| &row["result"]).collect();
    assert_eq!(results, ["ok", "begun"], "who takes evidence out stands there before the first byte: {exports:?}");
    // By its own keys it fits itself and no more; by those of the house it is well.
    let (code, said) = elsewhere(&to, &[]);
    assert!(code == 2 && said.contains("KEYS NOT TRUSTED: 7 files"), "{said}");
    let known = folder.path().join("house.pem");
    std::fs::copy(to.join("keys.pem"), &known).unwrap();
    let known = known.to_str().unwrap();
    let (code, said) = elsewhere(&to, &["--keys", known]);
    assert!(code == 0 && said.contains("OK: 7 files"), "{said}");
    std::fs::write(to.join("files/more.wav"), b"x").unwrap();
    let (code, said) = elsewhere(&to, &["--keys", known]);
    assert!(code == 1 && said.contains("BROKEN files/more.wav"), "{said}");
    std::fs::remove_file(to.join("files/more.wav")).unwrap();
    let (again, said) = command(&world.server, &["evidence", "export", "--case", CASE, "--to", to_text]);
    assert!(again == 1 && said.contains("not empty"), "{said}");
    let wav = std::fs::read_dir(to.join("files")).unwrap().map(|entry| entry.unwrap().path());
    let wav = wav.into_iter().find(|path| path.extension().is_some_and(|kind| kind == "wav")).unwrap();
    flip(&wav);
    let (code, said) = elsewhere(&to, &[]);
    let broken = said.lines().find(|line| line.contains("BROKEN recording")).unwrap_or_else(|| panic!("{said}"));
    let task = format!("task {}", served["number"].as_str().unwrap());
    assert!(code == 1 && broken.contains(&format!("case {CASE}")) && broken.contains(&task), "{said}");
    flip(&wav);
    // The gaps of each recording go with it: they are silence in the file.
    let listing = to.join("bundle.json");
    let listed: Value = serde_json::from_str(&std::fs::read_to_string(&listing).unwrap()).unwrap();
    let recording = &served["calls"][0]["recording"];
    assert_eq!(listed["recordings"][0]["sha256"], recording["sha256"], "{listed}");
    assert_eq!(listed["recordings"][0]["recovered"], false);
    let gaps = listed["recordings"][0]["gaps"].as_array().unwrap().len();
    assert_eq!(json!(gaps), recording["gaps"], "{recording}");
    // A listing that was changed, a root that was taken out, keys of somebody else.
    let before = std::fs::read_to_string(&listing).unwrap();
    std::fs::write(&listing, before.replace("1001", "1002")).unwrap();
    assert!(elsewhere(&to, &[]).1.contains("signature does not fit"));
    std::fs::write(&listing, before).unwrap();
    let roots = to.join("roots.json");
    let before = std::fs::read_to_string(&roots).unwrap();
    let mut fewer: Vec<Value> = serde_json::from_str(&before).unwrap();
    fewer.remove(0);
    std::fs::write(&roots, json!(fewer).to_string()).unwrap();
    assert_eq!(elsewhere(&to, &[]).0, 1);
    std::fs::write(&roots, before).unwrap();
    let foreign = folder.path().join("foreign.pem");
    let other = songda_recordings::keys::KeyFile::create(&folder.path().join("other.key")).unwrap();
    let other = songda_recordings::keys::KeyProvider::public_keys(&other).unwrap();
    std::fs::write(&foreign, other[0].to_pem()).unwrap();
    let (code, said) = elsewhere(&to, &["--keys", foreign.to_str().unwrap()]);
    assert!(code == 1 && said.contains("not trusted"), "{said}");
    assert_eq!(elsewhere(&to, &["--keys", known]).0, 0, "put back it is well again");
}

/// Everything of the court, as it is returned at the end of the contract.
fn returned(world: &World, court: &str) {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("all");
    let asked = ["evidence", "export", "--court", court, "--all", "--to", to.to_str().unwrap()];
    let (code, said) = command(&world.server, &asked);
    assert!(code == 0 && said.contains("of the whole court"), "{said}");
    let (code, said) = elsewhere(&to, &["--keys", to.join("keys.pem").to_str().unwrap()]);
    assert!(code == 0 && said.contains("the whole court") && said.contains("OK: "), "{said}");
}

/// One byte of the sealed file: file, case and task by name, 待核查 on the judge's page, the hashes
/// as they were, until a supervisor clears it.
async fn broken(world: &World, task: &Value) {
    let judge = world.server.cookie("J0001").await;
    let path = format!("/api/v1/tasks/{}", task["id"].as_str().unwrap());
    let hashes = task["calls"][0]["recording"]["sha256"].clone();
    let sealed = only(&world.server, "recordings/closed", ".sdv");
    flip(&sealed);
    let (code, said) = command(&world.server, &["evidence", "verify", "--case", CASE]);
    let id = sealed.file_stem().unwrap().to_str().unwrap();
    assert_eq!(code, 1, "{said}");
    let (task_number, place) = (task["number"].as_str().unwrap(), format!("kept in {}", sealed.display()));
    for named in [format!("BROKEN recording {id}"), CASE.to_owned(), task_number.to_owned(), place] {
        assert!(said.contains(&named), "{named}: {said}");
    }
    let shown = read(&world.server, &path, &judge).await;
    assert_eq!(shown["doubts"][0]["object_id"], id, "{}", shown["doubts"]);
    assert_eq!(shown["calls"][0]["recording"]["state"], "altered");
    assert_eq!(shown["calls"][0]["recording"]["sha256"], hashes, "nothing was hashed again");
    let admin = world.server.cookie("admin").await;
    let listed = read(&world.server, "/api/v1/evidence/doubts", &admin).await;
    let doubt = &listed["items"][0];
    assert_eq!((&doubt["case_number"], &doubt["task_number"]), (&json!(CASE), &task["number"]));
    let alarms = read(&world.server, "/api/v1/alarms", &admin).await.to_string();
    assert!(alarms.contains("recording.altered") && alarms.contains(CASE), "{alarms}");
    // Nor are its good blocks played, wherever somebody jumps to.
    let audio =
        format!("{}/api/v1/calls/{}/recording/audio", world.server.url, task["calls"][0]["id"].as_str().unwrap());
    let jump = http().get(audio).header("cookie", &judge).header("range", "bytes=44-").send().await.unwrap();
    assert_eq!(jump.status().as_u16(), 409, "{}", jump.text().await.unwrap());
    // The file is back: the mark stays until a person takes it off.
    flip(&sealed);
    assert_eq!(command(&world.server, &["evidence", "verify", "--case", CASE]).0, 0);
    assert_eq!(read(&world.server, &path, &judge).await["doubts"].as_array().unwrap().len(), 1);
    let clear = format!("/api/v1/evidence/doubts/{}/clear", doubt["id"].as_str().unwrap());
    let why = json!({ "reason": "磁盘位翻转，已从备份恢复，散列一致" });
    assert_eq!(post(&world.server, &clear, &admin, &why).await.0, 403, "not the administrator");
    let supervisor = world.server.cookie("supervisor").await;
    assert_eq!(post(&world.server, &clear, &supervisor, &why).await.0, 204);
    assert_eq!(read(&world.server, &path, &judge).await["doubts"], json!([]));
}

/// Ten years later: a hold keeps what two persons decided to delete; lifted, it goes, with a
/// certificate, and the roots still verify.
async fn deletion(world: &mut World, task: &Value) -> Value {
    let back = 3_700 * 86_400_000_i64;
    // The hour of entry is that of the whole house: nothing is hashed by it.
    sql(
        &world.server,
        &format!(
            "DROP TRIGGER IF EXISTS evidence_files_no_update; UPDATE evidence_files SET booked_ms = booked_ms - {back};
             UPDATE outbox SET done_ms = done_ms - {back};"
        ),
    );
    let admin = world.server.cookie("admin").await;
    let supervisor = world.server.cookie("supervisor").await;
    let judge = world.server.cookie("J0001").await;
    let server = &world.server;
    let plan = read(server, "/api/v1/retention/plan", &admin).await;
    assert_eq!(plan["total"]["files"], 6, "{plan}");
    let (status, silent) = post(server, "/api/v1/retention/deletions", &admin, &json!({})).await;
    assert_eq!(
        (status, &silent["code"], &silent["field"]),
        (422, &json!("reason.unfit"), &json!("reason")),
        "{silent}"
    );
    let why = json!({ "reason": "保存期限届满" });
    let ask = async || post(server, "/api/v1/retention/deletions", &admin, &why).await;
    let (status, asked) = ask().await;
    assert_eq!(status, 201, "{asked}");
    let request = format!("/api/v1/retention/requests/{}", asked["id"].as_str().unwrap());
    let holds = format!("/api/v1/cases/{}/holds", task["case_id"].as_str().unwrap());
    assert_eq!(post(server, &holds, &judge, &json!({ "reason": "当事人申请再审" })).await.0, 204);
    let yes = json!({ "approve": true, "reason": "清单已核对", "files": 6 });
    let (status, _) = post(server, &format!("{request}/decision"), &admin, &yes).await;
    assert_eq!(status, 403, "who asked does not approve");
    for (hasty, code, field) in [
        (json!({ "approve": true }), "reason.unfit", "reason"),
        (json!({ "approve": true, "reason": "清单已核对" }), "retention.count", "files"),
        (json!({ "approve": true, "reason": "清单已核对", "files": 5 }), "retention.count", "files"),
    ] {
        let (status, refused) = post(server, &format!("{request}/decision"), &supervisor, &hasty).await;
        assert_eq!((status, &refused["code"], &refused["field"]), (422, &json!(code), &json!(field)), "{refused}");
    }
    let (status, _) = post(server, &format!("{request}/decision"), &supervisor, &yes).await;
    assert_eq!(status, 204);
    let state = async |path: &str| read(server, path, &supervisor).await;
    let done = until(|| state(&request), |found| found["request"]["state"] == "done").await.unwrap();
    let kept = done["items"].as_array().unwrap().iter().all(|item| item["state"] == "kept" && item["why"] == "hold");
    assert!(kept, "{done}");
    let case = json!({ "case_id": task["case_id"], "reason": "保存期限届满" });
    let (status, refused) = post(server, "/api/v1/retention/deletions", &admin, &case).await;
    assert_eq!((status, &refused["code"]), (409, &json!("retention.hold")), "{refused}");
    let lift = format!("{holds}/lift");
    assert_eq!(post(server, &lift, &judge, &json!({ "reason": "再审申请已驳回" })).await.0, 204);
    let (_, asked) = ask().await;
    let request = format!("/api/v1/retention/requests/{}", asked["id"].as_str().unwrap());
    post(server, &format!("{request}/decision"), &supervisor, &yes).await;
    let done = until(|| state(&request), |found| found["request"]["state"] == "done").await.unwrap();
    assert!(done["items"].as_array().unwrap().iter().all(|item| item["state"] == "deleted"), "{done}");
    let certificate = format!("/api/v1/retention/certificates/{}", done["request"]["certificate"].as_str().unwrap());
    let shown = read(server, &certificate, &admin).await;
    assert_eq!((&shown["is_genuine"], shown["content"]["files"].as_array().unwrap().len()), (&json!(true), 6));
    let recording = format!("/api/v1/calls/{}/recording", task["calls"][0]["id"].as_str().unwrap());
    let (status, gone) = server.get(&recording, &judge).await;
    let gone: Value = serde_json::from_str(&gone).unwrap();
    assert_eq!((status, &gone["code"]), (410, &json!("evidence.deleted")), "it is not lost, it is gone by decision");
    assert_eq!((&gone["ground"], &gone["certificate"]), (&json!("period"), &done["request"]["certificate"]), "{gone}");
    let seen = read(server, &format!("/api/v1/tasks/{}", task["id"].as_str().unwrap()), &judge).await;
    for removal in [&seen["calls"][0]["recording"]["removal"], &seen["reports"][0]["removal"]] {
        assert_eq!((&removal["ground"], removal["certificate"].is_string()), (&json!("period"), true), "{seen}");
    }
    let content = &shown["content"];
    assert_eq!((&content["asked"]["reason"], &content["approved"]["reason"]), (&json!("保存期限届满"), &yes["reason"]));
    let (code, said) = command(server, &["evidence", "verify"]);
    assert!(code == 0 && said.contains("6 files are gone under a deletion certificate"), "{said}");
    shown
}

/// What was deleted is proven by its certificate, here and elsewhere, and by no other.
fn certified(world: &World, certificate: &Value) {
    let server = &world.server;
    let folder = tempfile::tempdir().unwrap();
    let export = |name: &str| {
        let to = folder.path().join(name);
        let asked = ["evidence", "export", "--case", CASE, "--to", to.to_str().unwrap()];
        let (code, said) = command(server, &asked);
        (to, code, said)
    };
    let (to, code, said) = export("case");
    assert!(code == 0 && said.contains("6 deleted before"), "{said}");
    let keys = folder.path().join("house.pem");
    std::fs::copy(to.join("keys.pem"), &keys).unwrap();
    let keys = keys.to_str().unwrap();
    let (code, said) = elsewhere(&to, &["--keys", keys]);
    assert!(code == 0 && said.contains("6 deleted"), "{said}");
    let name = format!("certificates/{}.json", certificate["request_id"].as_str().unwrap());
    let sums = std::fs::read_to_string(to.join("SHA256SUMS")).unwrap();
    assert!(sums.contains(&name), "{sums}");
    // Any byte of it: of what was signed, of the signature, whose capitals say the same, of its form.
    let written = to.join(&name);
    let whole = std::fs::read_to_string(&written).unwrap();
    let signature = whole.find(certificate["signature"].as_str().unwrap()).unwrap();
    let letter = signature + whole[signature..].find(|c: char| c.is_ascii_lowercase()).unwrap();
    let listed = whole.find(certificate["content"]["files"][3]["sha256"].as_str().unwrap()).unwrap();
    for (at, bit) in [(0, 1), (listed, 1), (whole.len() / 2, 1), (signature, 1), (letter, 0x20), (whole.len() - 1, 1)] {
        let mut bytes = whole.clone().into_bytes();
        bytes[at] ^= bit;
        std::fs::write(&written, bytes).unwrap();
        let (code, said) = elsewhere(&to, &["--keys", keys]);
        assert!(code == 1 && said.contains("NOT OK: 6 broken"), "{at}: {said}");
        assert!(said.contains(&format!("its certificate {name}:")) && said.contains(CASE), "{at}: {said}");
    }
    std::fs::write(&written, &whole).unwrap();
    assert_eq!(elsewhere(&to, &["--keys", keys]).0, 0, "put back it is well again");
    // The one that the house keeps is damaged: what is there is written all the same, and it is said.
    let id = certificate["object_id"].as_str().unwrap();
    let sealed = server.folder.path().join(format!("data/objects/{}/{id}.sealed", &id[..5]));
    flip(&sealed);
    let (to, code, said) = export("damaged");
    let request = certificate["request_id"].as_str().unwrap();
    assert_eq!(said.matches(&format!("BROKEN certificate of the deletion {request}")).count(), 1, "{said}");
    assert!(code == 1 && said.contains("7 broken, 6 deleted before"), "{code} {said}");
    assert_eq!(std::fs::read_dir(to.join("files")).unwrap().count(), 1, "what its call was of is there");
    let (code, said) = elsewhere(&to, &["--keys", keys]);
    assert!(code == 1 && said.contains("NOT OK: 6 broken") && said.contains("it has no certificate"), "{said}");
    let (code, said) = command(server, &["evidence", "verify", "--keys", keys]);
    assert!(code == 1 && said.contains(&format!("certificate {id}")), "{said}");
    flip(&sealed);
}
