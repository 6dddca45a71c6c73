//! Desk phones that registered by TLS: their sound is secured by keys, too.

use std::path::Path;

use serde_json::json;
use songda_tests::agent::until;

use crate::{
    peers::FarEnd,
    phones,
    secured::Secured,
    sound::{AGENT_HZ, HALF, PARTY_HZ, agent_hears, is_tone},
    survives::{at_the_carrier, recorded, talking},
};

/// The judge's voice.
const JUDGE_HZ: f64 = 700.0;

/// baresip on the judge's desk, which registers by TLS and secures sound like this.
fn judge(secured: &Secured, keys: &Path, password: &str, menc: &str) -> FarEnd {
    let menc = if menc.is_empty() { String::new() } else { format!(";mediaenc={menc}") };
    FarEnd::baresip_with(Some(JUDGE_HZ), Some(keys), |_| {
        format!(
            "<sip:8003@{};transport=tls>;auth_user=8003;auth_pass={password};regint=600;answermode=auto;\
             audio_codecs=PCMA/8000/1{menc}\n",
            secured.tls
        )
    })
}

/// Waits until he has heard half a second of this from now on.
async fn hears(phone: &FarEnd, hertz: f64) {
    let enough = phone.heard().len() + HALF;
    let is = |heard: &Vec<i16>| heard.len() >= enough && is_tone(&heard[heard.len() - HALF..], hertz);
    assert!(until(|| async { phone.heard() }, is).await.is_ok(), "{hertz} Hz: {}", phone.log());
}

/// The judge is asked and has the party then; the suite by which his leg was secured stands with the
/// call.
async fn handed_over(srtp: &str, menc: &str, suite: Option<&str>) {
    // This baresip knows MD5 only.
    let lines = format!("phone_realm = \"phones.court.test\"\nphone_digest = \"md5\"\nphone_srtp = \"{srtp}\"");
    let secured = Secured::open_with(&lines).await;
    let world = &secured.world;
    let password = phones::enter(world, "8003", "王法官").await;
    let mut phone = judge(&secured, secured.keys.path(), &password, menc);
    let (mut agent, order) = talking(world, &world.server.url, "13800008034").await;
    let to = loop {
        let targets = agent.transfer_targets().await;
        if targets["phones"][0]["free"] == true {
            break targets["phones"][0]["id"].as_str().unwrap().to_owned();
        }
        agent.stay(std::time::Duration::from_millis(500)).await;
    };
    agent.transfer("attended", "phone", &to).await;
    agent.call_until(|call| call["transfer"]["phase"] == "consulting").await;
    agent_hears(&mut agent, JUDGE_HZ).await;
    hears(&phone, AGENT_HZ).await;
    agent.send(json!({ "type": "transfer_complete", "call_id": agent.call["call_id"] })).await;
    assert_eq!(agent.frame("work_order_closed").await["reason"], "transferred");
    hears(&phone, PARTY_HZ).await;
    // He holds and comes back, by descriptions of his own with his keys in them.
    let _held = phone.tell("hold", "").await;
    phone.says("call: hold", 1).await;
    let _resumed = phone.tell("resume", "").await;
    phone.says("call: resume", 1).await;
    // Of what he hears from here on baresip keeps no file: that the party hears him again is told.
    let before = at_the_carrier(world).rtp.received;
    assert!(until(|| async { at_the_carrier(world).rtp.received }, |now| *now > before + 150).await.is_ok());
    phone.leave();
    agent.frame("owed").await;
    let quality = secured.quality().await;
    assert_eq!(quality["agent"]["srtp"].as_str(), suite, "{menc}: {quality}");
    // baresip numbers its reports anew after each description: those that look replayed are refused.
    assert!(quality["agent"]["unauthentic"].as_u64().unwrap() <= 4, "{quality}");
    assert!(!world.server.log().contains("inline:"), "no key is told");
    let (_, left, _) = recorded(world, &order).await;
    let last = left.len() - 2 * HALF;
    assert!(is_tone(&left[last..last + HALF], JUDGE_HZ), "the party hears him at the end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1a_a_desk_phone_that_registered_by_tls_has_its_sound_secured_where_it_knows_keys() {
    handed_over("optional", "srtp", Some("AES_CM_128_HMAC_SHA1_80")).await;
    handed_over("optional", "", None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1a_where_keys_are_required_of_desk_phones_one_that_takes_nothing_else_hears_and_is_heard() {
    handed_over("required", "srtp-mand", Some("AES_CM_128_HMAC_SHA1_80")).await;
}
