//! The notary: what it takes, what it refuses, and how it can be wrong.

use reqwest::RequestBuilder;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use songda_sim::{Config, Notarising, Running};

async fn world() -> (Running, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let sim = songda_sim::start(Config::for_tests(folder.path().to_owned())).await.unwrap();
    (sim, folder)
}

fn hashes(seed: &str) -> Value {
    let hash = hex::encode(Sha256::digest(seed));
    json!({ "sha256": hash, "sm3": hash })
}

fn root(day: &str, seed: &str) -> Value {
    json!({ "court": "01COURT", "day": day, "root": hashes(seed), "previous": null })
}

fn anybody(sim: &Running, body: &Value, name: &str) -> RequestBuilder {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let name = hex::encode(Sha256::digest(name));
    let request = client.post(format!("http://{}/notary/roots", sim.http_addr)).header("Idempotency-Key", name);
    request.json(body)
}

fn asked(sim: &Running, body: &Value, name: &str) -> RequestBuilder {
    anybody(sim, body, name).bearer_auth("notary")
}

async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn the_same_root_again_is_the_same_proof_and_another_one_of_the_day_is_refused() {
    let (sim, _folder) = world().await;
    let first = answer(asked(&sim, &root("2026-11-27", "a"), "a")).await;
    assert_eq!((first.0, &first.1["number"], &first.1["day"]), (200, &json!("CZ-000000081000"), &json!("2026-11-27")));
    assert_eq!(answer(asked(&sim, &root("2026-11-27", "a"), "a")).await, first);
    assert_eq!(answer(asked(&sim, &root("2026-11-28", "b"), "b")).await.1["block"], 81_001);
    let journal = sim.journal();
    let proofs: Vec<u32> = journal.proofs.iter().map(|proof| proof.deliveries).collect();
    assert_eq!((proofs, journal.complaints.len()), (vec![2, 1], 0));
    for (body, name) in [
        (root("2026-11-27", "c"), "c"),
        (root("2026-11-27", "c"), "a"),
        (root("2026-11-27", "a"), "other name of the same"),
    ] {
        assert_eq!(answer(asked(&sim, &body, name)).await.0, 409, "{name}");
    }
    assert_eq!(sim.journal().proofs.len(), 2, "none more");
    assert_eq!(sim.journal().complaints.len(), 3);
}

#[tokio::test]
async fn whoever_has_no_key_or_says_more_than_proves_is_refused() {
    let (sim, _folder) = world().await;
    let body = root("2026-11-27", "a");
    assert_eq!(answer(anybody(&sim, &body, "a").bearer_auth("another")).await.0, 401);
    let mut more = body.clone();
    more["files"] = 5.into();
    let mut person = body.clone();
    person["court"] = "新城区人民法院".into();
    let mut capital = body.clone();
    capital["root"]["sm3"] = capital["root"]["sm3"].as_str().unwrap().to_uppercase().into();
    for wrong in [more, person, capital, root("yesterday", "a"), json!({}), json!(1)] {
        assert_eq!(answer(asked(&sim, &wrong, "a")).await.0, 422, "{wrong}");
    }
    assert!(sim.journal().proofs.is_empty());
}

#[tokio::test]
async fn it_can_be_away_and_wrong_in_each_way_that_a_receipt_can_be() {
    let (sim, _folder) = world().await;
    sim.notarise(Notarising::Away);
    assert_eq!(answer(asked(&sim, &root("2026-11-27", "a"), "a")).await.0, 503);
    sim.notarise(Notarising::Right);
    let right = answer(asked(&sim, &root("2026-11-27", "a"), "a")).await.1;
    for (manner, field) in [
        (Notarising::OtherKey, "key_id"),
        (Notarising::WrongSignature, "signature"),
        (Notarising::OtherRoot, "root"),
        (Notarising::Early, "at_ms"),
    ] {
        sim.notarise(manner);
        let wrong = answer(asked(&sim, &root("2026-11-27", "a"), "a")).await.1;
        assert_ne!(wrong[field], right[field], "{manner:?}");
        assert_eq!(wrong["number"], right["number"], "{manner:?}: it is the same proof");
    }
    assert!(sim.notary_key().starts_with("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA"));
}
