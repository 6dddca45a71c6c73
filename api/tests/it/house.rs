//! How the house opens.

use songda_recordings::keys::{KeyFile, PublicKey, Rotation};
use songda_store::alarms::Alarm;

use crate::running::{Running, reopened, running};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_3d_sealed_data_without_its_key_is_served_read_only_and_says_why() {
    let house = running().await;
    let key = house.machine_key.clone();
    let folder = house.stop().await;
    let file = folder.path().join("songda.key");
    let kept = folder.path().join("kept.key");
    std::fs::rename(&file, &kept).unwrap();
    let house = reopened(folder).await;
    let folder = {
        let admin = house.cookie("admin").await;
        let health: serde_json::Value =
            house.ask("GET", "/api/v1/health", &admin).send().await.unwrap().json().await.unwrap();
        let keys = health["checks"].as_array().unwrap().iter().find(|check| check["name"] == "keys").unwrap();
        assert!(keys["said"]["text"].as_str().unwrap().contains("songda.key"), "{keys}");
        assert_eq!(keys["said"]["values"]["why"]["code"], "keys.missing", "said in either language: {keys}");
        // It rings, too: nobody looks at the health page while nothing rings.
        let alarm = read_only_alarm(&house).await.unwrap();
        assert_eq!((alarm.said.code.as_str(), alarm.object_id.as_str()), ("house.read_only", "house"));
        assert_eq!(alarm.said.values["why"]["code"], "keys.missing");
        assert!(alarm.said.text.contains("songda.key"), "{}", alarm.said);
        let supervisor = house.cookie("supervisor").await;
        let shown = house.ask("GET", "/api/v1/alarms", &supervisor).send().await.unwrap().text().await.unwrap();
        assert!(shown.contains("house.read_only"), "whoever is there for alarms sees it: {shown}");
        let judge = house.cookie("J0001").await;
        assert_eq!(house.ask("GET", "/api/v1/cases", &judge).send().await.unwrap().status(), 200, "reading works");
        let push = house.ask("POST", "/api/v1/orders", "").header("authorization", format!("Bearer {key}"));
        let answer = push.send().await.unwrap();
        assert_eq!(answer.status(), 503);
        assert!(answer.text().await.unwrap().contains("house.read_only"));
        let agent = house.cookie("agent").await;
        assert_eq!(house.ask("GET", "/api/v1/desk/ws", &agent).send().await.unwrap().status(), 503, "no desk");
        assert!(!house.house.db.is_empty().await.unwrap());
        house.stop().await
    };
    assert!(!file.exists(), "a new key would hide that the old one is gone");
    std::fs::write(&file, "this is no key").unwrap();
    let house = reopened(folder).await;
    let admin = house.cookie("admin").await;
    let health = house.ask("GET", "/api/v1/health", &admin).send().await.unwrap().text().await.unwrap();
    assert!(
        health.contains("cannot be used") && health.contains("read-only"),
        "a damaged one is told as well: {health}"
    );
    let alarm = read_only_alarm(&house).await.unwrap();
    assert_eq!(alarm.said.values["why"]["code"], "keys.unusable", "the same alarm says why by now");
    let folder = house.stop().await;
    std::fs::remove_file(&file).unwrap();
    KeyFile::create(&file).unwrap();
    let house = reopened(folder).await;
    assert_eq!(read_only_alarm(&house).await.unwrap().said.values["why"]["code"], "keys.other");
    let folder = house.stop().await;
    std::fs::remove_file(&file).unwrap();
    std::fs::rename(&kept, &file).unwrap();
    let house = reopened(folder).await;
    let admin = house.cookie("admin").await;
    let health = house.ask("GET", "/api/v1/health", &admin).send().await.unwrap().text().await.unwrap();
    assert!(health.contains(r#""name":"keys","status":"ok""#), "with its key it is whole again: {health}");
    assert!(read_only_alarm(&house).await.is_none(), "and nothing rings");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x2_a_key_file_from_before_a_rotation_is_served_read_only_until_the_newest_is_back() {
    for what in [Rotation::Master, Rotation::Signing] {
        let house = running().await;
        let file = house.folder().join("songda.key");
        let (older, newest) = (house.folder().join("older.key"), house.folder().join("newest.key"));
        std::fs::copy(&file, &older).unwrap();
        songda_api::operator::rotate_keys(&house.house, &file, what).await.unwrap();
        let signs = house.house.keys.public_keys().unwrap().remove(0);
        let folder = house.stop().await;
        std::fs::rename(&file, &newest).unwrap();
        std::fs::rename(&older, &file).unwrap();
        let house = reopened(folder).await;
        let alarm = read_only_alarm(&house).await.unwrap();
        assert_eq!(alarm.said.values["why"]["code"], "keys.older", "{what:?}: {}", alarm.said);
        assert!(house.house.keys.sign(b"a root").is_err(), "{what:?}: nothing is signed with a retired key");
        let folder = house.stop().await;
        std::fs::rename(&newest, &file).unwrap();
        let house = reopened(folder).await;
        assert!(read_only_alarm(&house).await.is_none(), "{what:?}");
        assert_eq!(house.house.keys.public_keys().unwrap()[0], signs);
    }
}

async fn read_only_alarm(house: &Running) -> Option<Alarm> {
    let open = songda_store::alarms::open(&house.house.db).await.unwrap();
    open.into_iter().find(|alarm| alarm.kind == "house.read_only")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_answers_its_own_addresses_and_a_missing_file_is_no_page() {
    let house = running().await;
    let page = house.ask("GET", "/tasks/some-id", "").send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.headers().get("content-type").unwrap().to_str().unwrap().starts_with("text/html"));
    assert!(page.headers().get("content-security-policy").unwrap().to_str().unwrap().contains("default-src 'self'"));
    assert_eq!(house.ask("GET", "/assets/gone-123.js", "").send().await.unwrap().status(), 404);
    assert_eq!(house.ask("GET", "/favicon.gone", "").send().await.unwrap().status(), 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_keys_are_made_anew_while_the_house_runs_and_the_audit_log_says_so() {
    let house = running().await;
    let before = house.house.keys.public_keys().unwrap();
    let wrapped = house.house.keys.wrap(&[7; 32], b"here").unwrap();
    let file = house.folder().join("songda.key");
    let said = songda_api::operator::rotate_keys(&house.house, &file, Rotation::Both).await.unwrap();
    let after = house.house.keys.public_keys().unwrap();
    assert!(said.contains(&after[0].id()), "{said}");
    let ids = |keys: &[PublicKey]| keys.iter().map(PublicKey::id).collect::<Vec<_>>();
    assert_eq!(ids(&after[1..]), ids(&before), "the old public key stays");
    assert!(after[0].until_ms().is_none() && after[1].until_ms().is_some(), "and signs nothing later");
    assert_eq!(*house.house.keys.unwrap(&wrapped, b"here").unwrap(), [7; 32]);
    let printed = songda_api::operator::public_keys(&house.house).unwrap();
    assert_eq!(printed.matches("BEGIN PUBLIC KEY").count(), 2);
    assert_eq!(printed.matches("Valid until").count(), 1, "{printed}");
    let rows = songda_store::audit::list(&house.house.db, "", None, 500).await.unwrap();
    assert!(rows.iter().any(|row| row.action == "keys.rotate"), "written down for the house");
    let admin = house.cookie("admin").await;
    let health = house.ask("GET", "/api/v1/health", &admin).send().await.unwrap().text().await.unwrap();
    assert!(!health.contains("\"copies\""), "without a server there is nothing to tell: {health}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x2_a_day_root_that_cannot_be_read_is_shown_as_broken_and_hides_no_other() {
    let house = running().await;
    let admin = house.cookie("admin").await;
    let body = serde_json::json!({
        "court": "c", "day": "2026-11-23", "previous": null, "leaves": 0, "signed_ms": 1, "suite": "ed25519",
        "root": { "sha256": "00".repeat(32), "sm3": "00".repeat(32) }, "key_id": "k", "signature": "",
    });
    // Behind the product's back.
    let script = "import sqlite3,sys\nd=sqlite3.connect(sys.argv[1])\nfor day,body in zip(sys.argv[2::2],sys.argv[3::2]):\n \
                  d.execute('INSERT INTO evidence_roots (court_id, day, files, root, body, made_ms) \
                  SELECT id, ?1, 0, ?1, ?2, 0 FROM courts LIMIT 1',(day,body))\nd.commit()";
    let done = std::process::Command::new("python3")
        .args(["-c", script])
        .arg(house.folder().join("songda.db"))
        .args(["2026-11-23", &body.to_string(), "2026-11-24", "no JSON"])
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let page = house.ask("GET", "/api/v1/evidence/roots", &admin).send().await.unwrap();
    assert_eq!(page.status(), 200);
    let page: serde_json::Value = page.json().await.unwrap();
    let told = |day: &str| page["items"].as_array().unwrap().iter().find(|root| root["day"] == day).unwrap().clone();
    let broken = told("2026-11-24");
    assert_eq!((&broken["state"], &broken["said"]["code"]), (&"broken".into(), &"root.unreadable".into()), "{broken}");
    assert_eq!(told("2026-11-23")["key_id"], "k");
}
