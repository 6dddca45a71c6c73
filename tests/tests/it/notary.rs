//! Day roots at the notary (X2), as a court sees it: handed in, checked without the house, and
//! nothing lost while it is away or wrong.

use std::path::Path;

use serde_json::{Value, json};
use songda_sim::Notarising;
use songda_tests::agent::until;

use crate::{
    evidence::{command, elsewhere, flip, post, read, sql, two_days_later},
    world::World,
};

const NUMBER: &str = "13800000001";
const CASE: &str = "（2026）陕0102民初1001号";

/// Switches it on at the next start.
fn configure(world: &World) {
    let at = |name: &str| world.server.folder.path().join(name);
    std::fs::write(at("notary.key"), "notary\n").unwrap();
    std::fs::write(at("notary.pem"), world.sim.notary_key()).unwrap();
    let section = format!(
        "[evidence.notary]\nurl = \"http://{}/notary/roots\"\nkey_file = \"{}\"\npublic_keys = \"{}\"\nsettle_s = 0\n",
        world.sim.http_addr,
        at("notary.key").display(),
        at("notary.pem").display(),
    );
    world.server.configure(|text| text + &section);
}

async fn roots(world: &World, admin: &str) -> Vec<Value> {
    let page = read(&world.server, "/api/v1/evidence/roots", admin).await;
    page["items"].as_array().unwrap().clone()
}

async fn health(world: &World, admin: &str) -> Value {
    let health = read(&world.server, "/api/v1/health", admin).await;
    let checks = health["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == "notary").cloned().unwrap_or_default()
}

async fn alarms(world: &World, admin: &str) -> String {
    read(&world.server, "/api/v1/alarms", admin).await.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x2_day_roots_are_notarised_old_ones_too_and_a_flipped_receipt_is_named_without_the_house() {
    let mut world = World::start().await;
    world.push(NUMBER).await;
    // Nobody is asked yet.
    let made = two_days_later(&mut world).await;
    let admin = world.server.cookie("admin").await;
    assert!(made.iter().all(|root| root["notary"]["state"] == "off"), "{made:?}");
    assert_eq!(health(&world, &admin).await, Value::Null);
    let (code, said) = command(&world.server, &["evidence", "verify"]);
    assert!(code == 0 && !said.contains("notar"), "{said}");

    away_and_wrong(&mut world, made.len()).await;
    killed(&mut world, made.len()).await;
    taken_out(&world);
    altered(&mut world).await;
    off(&mut world).await;
}

/// Wrong receipts are refused, and an absence is told; neither is a fault of the evidence.
async fn away_and_wrong(world: &mut World, days: usize) {
    configure(world);
    world.sim.notarise(Notarising::WrongSignature);
    world.server.kill_and_restart();
    let admin = world.server.cookie("admin").await;
    let shown = until(|| roots(world, &admin), |roots| roots.iter().any(|root| root["notary"]["state"] == "refused"));
    let shown = shown.await.unwrap();
    assert!(json!(shown).to_string().contains("the signature of the receipt does not fit"), "{shown:?}");
    assert!(alarms(world, &admin).await.contains("evidence.notary_receipt"));
    world.sim.notarise(Notarising::OtherRoot);
    let other = |roots: &Vec<Value>| json!(roots).to_string().contains("another root than was handed in");
    until(|| roots(world, &admin), other).await.unwrap();
    world.sim.notarise(Notarising::Away);
    until(|| alarms(world, &admin), |told| told.contains("\"evidence.notary\"") && told.contains("503")).await.unwrap();
    let row = health(world, &admin).await;
    let detail = row["said"]["text"].as_str().unwrap();
    assert_eq!(row["status"], "warn");
    assert!(
        detail.contains(&format!("{days} waiting"))
            && detail.contains("of them refused")
            && detail.contains("tried again at")
    );
    let (code, said) = command(&world.server, &["evidence", "verify"]);
    assert!(code == 0 && said.contains("notarised: no day\n"), "{said}");
    // What came and proves nothing is told apart from what waits.
    let refused = "REFUSED receipt of the notary for 陕0102 ";
    assert!(said.contains(refused), "{said}");
    assert_eq!(read(&world.server, "/api/v1/evidence/doubts", &admin).await["items"], json!([]));
}

/// Killed while the notary has made the proof and not answered: there is one proof of each day.
async fn killed(world: &mut World, days: usize) {
    world.sim.notarise(Notarising::Slow);
    let before: u32 = deliveries(world);
    world.server.kill_and_restart();
    until(async || deliveries(world), |now| *now > before).await.unwrap();
    world.sim.notarise(Notarising::Right);
    world.server.kill_and_restart();
    let admin = world.server.cookie("admin").await;
    let kept = |roots: &Vec<Value>| roots.iter().all(|root| root["notary"]["state"] == "kept");
    let shown = until(|| roots(world, &admin), kept).await.unwrap();
    let journal = world.sim.journal();
    assert_eq!((shown.len(), journal.proofs.len()), (days, days), "{:?}", journal.proofs);
    assert!(journal.proofs.iter().any(|proof| proof.deliveries > 1), "{:?}", journal.proofs);
    assert!(journal.complaints.is_empty(), "{:?}", journal.complaints);
    assert!(shown.iter().all(|root| root["notary"]["number"].as_str().unwrap().starts_with("CZ-0000000")), "{shown:?}");
    let told = until(|| alarms(world, &admin), |told| !told.contains("evidence.notary")).await;
    assert!(told.is_ok(), "{told:?}");
    assert_eq!(health(world, &admin).await["status"], "ok");
    let auditor = world.server.cookie("auditor").await;
    let log = read(&world.server, "/api/v1/audit", &auditor).await.to_string();
    for action in ["evidence.notarised", "evidence.notary_refused"] {
        assert!(log.contains(action), "{action}: {log}");
    }
    let log = world.server.log();
    assert!(
        log.contains("the notary answered with a receipt") && !log.contains("Bearer"),
        "what went out and came back"
    );
}

fn deliveries(world: &World) -> u32 {
    world.sim.journal().proofs.iter().map(|proof| proof.deliveries).sum()
}

/// Taken out, the receipts are checked by the notary's key alone, and each flip is named by its day.
fn taken_out(world: &World) {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("bundle");
    let (code, said) = command(&world.server, &["evidence", "export", "--case", CASE, "--to", to.to_str().unwrap()]);
    assert_eq!(code, 0, "{said}");
    let beside = |name: &str| folder.path().join(name);
    let (house, notary, foreign) = (beside("house.pem"), beside("notary.pem"), beside("foreign.pem"));
    std::fs::copy(to.join("keys.pem"), &house).unwrap();
    std::fs::write(&notary, world.sim.notary_key()).unwrap();
    std::fs::copy(&house, &foreign).unwrap();
    let by =
        |keys: &Path| elsewhere(&to, &["--keys", house.to_str().unwrap(), "--notary-keys", keys.to_str().unwrap()]);
    let (code, said) = by(&notary);
    let days: Vec<String> = named(&to.join("receipts"));
    let (first, last) = (&days[0], &days[days.len() - 1]);
    assert!(code == 0 && said.contains(&format!("notarised: 陕0102 {first} to {last}\n")), "{said}");
    assert!(said.contains(", as given"), "{said}");
    // By the key in the folder it is told whose word that is.
    let (code, said) = elsewhere(&to, &["--keys", house.to_str().unwrap()]);
    assert!(code == 0 && said.contains("compare them with the notary's own"), "{said}");
    let (code, said) = by(&foreign);
    assert!(
        code == 1
            && said.contains(&format!("receipt of the notary for 陕0102 {first}: the receipt is signed with key")),
        "{said}"
    );
    let receipt = to.join(format!("receipts/{first}.json"));
    flip(&receipt);
    let (code, said) = by(&notary);
    assert!(code == 1 && said.contains(&format!("BROKEN receipt of the notary for 陕0102 {first}: ")), "{said}");
    assert!(!said.contains(&format!("for 陕0102 {last}: ")), "the others hold: {said}");
    flip(&receipt);
    assert_eq!(by(&notary).0, 0, "put back it is well again");
    let away = beside("away.json");
    std::fs::rename(&receipt, &away).unwrap();
    let (code, said) = by(&notary);
    assert!(code == 1 && said.contains(&format!("receipts/{first}.json")), "taken out of the folder: {said}");
    std::fs::rename(&away, &receipt).unwrap();
    assert_eq!(by(&notary).0, 0);
}

/// Days of which there is a receipt in a folder.
fn named(folder: &Path) -> Vec<String> {
    let mut days: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    days.sort();
    days
}

/// Behind the product's back: the day is named by the command, and the house finds it by itself.
async fn altered(world: &mut World) {
    let admin = world.server.cookie("admin").await;
    let day = roots(world, &admin).await[0]["day"].as_str().unwrap().to_owned();
    assert!(command(&world.server, &["evidence", "verify"]).1.contains("notarised: 陕0102"));
    sql(
        &world.server,
        &format!(
            "DROP TRIGGER evidence_notary_receipts_no_update;
             UPDATE evidence_notary_receipts SET body = replace(body, 'CZ-0', 'CZ-1') WHERE day = '{day}';"
        ),
    );
    world.server.kill_and_restart();
    let admin = world.server.cookie("admin").await;
    let doubts = async || read(&world.server, "/api/v1/evidence/doubts", &admin).await;
    let found = until(doubts, |found| found["items"].as_array().unwrap().len() == 1).await.unwrap();
    assert_eq!(found["items"][0]["kind"], "notary_receipt", "{found}");
    assert_eq!(roots(world, &admin).await[0]["notary"]["state"], "broken");
    let (code, said) = command(&world.server, &["evidence", "verify"]);
    assert!(code == 1 && said.contains(&format!("BROKEN receipt of the notary for 陕0102 {day}: ")), "{said}");
    assert!(said.contains("BROKEN notary_receipt N") && said.contains("NOT OK: 2 broken"), "{said}");
    let clear = format!("/api/v1/evidence/doubts/{}/clear", found["items"][0]["id"].as_str().unwrap());
    let why = json!({ "reason": "数据库被改动，已查明" });
    let supervisor = world.server.cookie("supervisor").await;
    assert_eq!(post(&world.server, &clear, &supervisor, &why).await.0, 204);
}

/// Switched off again, every receipt is shown, and none as one that was checked.
async fn off(world: &mut World) {
    world.server.configure(|text| text.split("[evidence.notary]").next().unwrap().to_owned());
    world.server.kill_and_restart();
    let admin = world.server.cookie("admin").await;
    let shown = roots(world, &admin).await;
    assert!(!shown.is_empty() && shown.iter().all(|root| root["notary"]["state"] == "unchecked"), "{shown:?}");
    assert!(shown.iter().all(|root| root["notary"]["number"].is_string()), "{shown:?}");
}
