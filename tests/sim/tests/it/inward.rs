//! Parties who call the court.

use std::time::Duration;

use songda_sim::CallIn;

use crate::{
    court::Court,
    world::{World, world},
};

const PARTY: &str = "13800007001";

async fn called(call: CallIn) -> (World, Court, String) {
    let world = world(|_| {}).await;
    let court = Court::new(world.sim.sip_addr).await;
    let call_id = world.sim.call_in(CallIn { at: Some(court.address()), ..call }).await.unwrap();
    (world, court, call_id)
}

fn from(number: &str) -> CallIn {
    CallIn { from: number.into(), ..CallIn::default() }
}

fn record(world: &World, call_id: &str) -> songda_sim::journal::CallRecord {
    world.sim.journal().calls.into_iter().find(|c| c.call_id == call_id).unwrap()
}

fn no_complaints(world: &World) {
    let complaints = world.sim.journal().complaints;
    assert!(complaints.is_empty(), "{complaints:?}");
}

#[tokio::test]
async fn a_party_calls_talks_presses_keys_and_is_hung_up_on_by_the_court() {
    let call = CallIn { keys: Some("2".into()), keys_after_ms: 100, ..from("13800000001") };
    let (world, mut court, id) = called(call).await;
    let invite = court.receive_only("INVITE").await;
    assert!(invite.0.starts_with(&format!("INVITE sip:02988009000@{} SIP/2.0", court.address())), "{}", invite.0);
    assert!(invite.header("From").starts_with("<sip:13800000001@"));
    assert!(invite.header("P-Asserted-Identity").starts_with("<sip:13800000001@"));
    court.reply(&invite, 100, false).await;
    court.reply(&invite, 180, false).await;
    court.reply(&invite, 200, true).await;
    court.receive_only("ACK").await;
    // The court repeats its answer when the ACK was lost, and gets it again.
    court.reply(&invite, 200, true).await;
    court.receive_only("ACK").await;
    let mut buffer = [0; 2048];
    let (mut keys, mut sound) = (0, 0);
    while keys == 0 || sound < 5 {
        let (length, _) =
            tokio::time::timeout(Duration::from_secs(9), court.media.recv_from(&mut buffer)).await.unwrap().unwrap();
        match buffer[1] & 0x7F {
            101 => keys += 1,
            _ => sound += usize::from(buffer[12..length].iter().any(|code| !matches!(code, 0xD5 | 0x55))),
        }
    }
    court.inside(&invite, "INVITE").await;
    assert_eq!(court.receive().await.status(), 200);
    court.inside(&invite, "ACK").await;
    court.inside(&invite, "BYE").await;
    assert_eq!(court.receive().await.status(), 200);
    world.sim.stop().await;
    no_complaints(&world);
    let call = record(&world, &id);
    assert!(call.into_court && call.ringing_at.is_some() && call.acked_at.is_some());
    assert_eq!((call.caller.as_str(), call.number.as_str(), call.status), ("13800000001", "02988009000", Some(200)));
    assert_eq!((call.ended_by, call.rtp.dtmf_sent.as_str()), (Some("court"), "2"));
}

#[tokio::test]
async fn a_party_hangs_up_at_its_time() {
    let (world, court, id) = called(CallIn { hang_up_ms: Some(300), ..from(PARTY) }).await;
    let invite = court.receive_only("INVITE").await;
    court.reply_with(&invite, 200, true, "Record-Route: <sip:127.0.0.1:9;lr>\r\n").await;
    // Both go by the route of the answer, which leads nowhere here.
    assert!(court.receive_within(Duration::from_millis(600)).await.is_none());
    let call = record(&world, &id);
    assert_eq!((call.ended_by, call.status), (Some("party"), Some(200)));

    let id =
        world.sim.call_in(CallIn { at: Some(court.address()), hang_up_ms: Some(300), ..from(PARTY) }).await.unwrap();
    let invite = court.receive_only("INVITE").await;
    court.reply(&invite, 200, true).await;
    court.receive_only("ACK").await;
    let bye = court.receive_only("BYE").await;
    assert!(bye.0.starts_with("BYE sip:court@127.0.0.1:") && bye.header("CSeq") == "2 BYE", "{}", bye.0);
    assert!(bye.header("To").ends_with(";tag=court"));
    court.reply(&bye, 200, false).await;
    assert!(court.receive_within(Duration::from_millis(900)).await.is_none(), "an answered BYE is not repeated");
    assert_eq!(record(&world, &id).ended_by, Some("party"));
}

#[tokio::test]
async fn a_number_can_be_withheld_and_still_have_its_voice() {
    let (_world, court, _) = called(CallIn { withheld: true, ..from("13800008001") }).await;
    let invite = court.receive_only("INVITE").await;
    assert!(invite.header("From").starts_with("\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag="));
    assert_eq!((invite.header("Privacy"), invite.header("P-Asserted-Identity")), ("id", ""));
    assert!(!invite.0.contains("13800008001"));
    court.reply(&invite, 200, true).await;
    court.receive_only("ACK").await;
    let mut buffer = [0; 2048];
    tokio::time::timeout(Duration::from_secs(5), court.media.recv_from(&mut buffer)).await.unwrap().unwrap();
    assert!(buffer[12..172].iter().any(|code| !matches!(code, 0xD5 | 0x55)), "1000 Hz");
}

#[tokio::test]
async fn a_party_that_loses_patience_cancels_once_something_came_back() {
    let (world, court, id) = called(CallIn { give_up_ms: Some(100), ..from(PARTY) }).await;
    let invite = court.receive_only("INVITE").await;
    // No CANCEL before a provisional answer; the INVITE comes again instead.
    let again = court.receive_only("INVITE").await;
    assert_eq!(again.header("Via"), invite.header("Via"));
    court.reply(&invite, 180, false).await;
    let cancel = court.receive_only("CANCEL").await;
    assert_eq!(cancel.header("Via"), invite.header("Via"));
    assert_eq!(cancel.header("CSeq"), "1 CANCEL");
    court.reply(&cancel, 200, false).await;
    court.reply(&invite, 487, false).await;
    let ack = court.receive_only("ACK").await;
    assert_eq!((ack.header("Via"), ack.header("CSeq")), (invite.header("Via"), "1 ACK"));
    let call = record(&world, &id);
    assert_eq!((call.ended_by, call.status), (Some("party"), Some(487)));
    no_complaints(&world);
}

#[tokio::test]
async fn an_answer_that_crosses_the_cancel_is_hung_up() {
    let (world, court, id) = called(CallIn { give_up_ms: Some(200), ..from(PARTY) }).await;
    let invite = court.receive_only("INVITE").await;
    court.reply(&invite, 180, false).await;
    let cancel = court.receive_only("CANCEL").await;
    court.reply(&invite, 200, true).await;
    court.receive_only("ACK").await;
    let bye = court.receive_only("BYE").await;
    court.reply(&cancel, 200, false).await;
    court.reply(&bye, 200, false).await;
    assert_eq!(record(&world, &id).ended_by, Some("party"));
    no_complaints(&world);
}

#[tokio::test]
async fn a_court_that_refuses_gets_its_ack_and_a_challenge_is_complained_of() {
    let (world, court, id) = called(from(PARTY)).await;
    let invite = court.receive_only("INVITE").await;
    court.reply(&invite, 503, false).await;
    court.receive_only("ACK").await;
    let call = record(&world, &id);
    assert_eq!((call.ended_by, call.status), (Some("court"), Some(503)));
    no_complaints(&world);

    world.sim.call_in(CallIn { at: Some(court.address()), ..from(PARTY) }).await.unwrap();
    let invite = court.receive_only("INVITE").await;
    court.reply(&invite, 401, false).await;
    court.receive_only("ACK").await;
    assert_eq!(world.sim.journal().complaints[0].what, "the court asks a carrier for credentials");
}

#[tokio::test]
async fn a_call_finds_the_registered_contact_and_else_the_static_peer() {
    let peer = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = peer.local_addr().unwrap();
    let world = world(|config| config.court = Some(address)).await;
    world.sim.call_in(from(PARTY)).await.unwrap();
    let mut buffer = [0; 2048];
    tokio::time::timeout(Duration::from_secs(5), peer.recv_from(&mut buffer)).await.unwrap().unwrap();
    assert!(buffer.starts_with(b"INVITE sip:02988009000@"));

    let mut court = Court::new(world.sim.sip_addr).await;
    let contact = court.contact();
    assert_eq!(court.register(&contact).await.status(), 200);
    world.sim.call_in(from(PARTY)).await.unwrap();
    let invite = court.receive_only("INVITE").await;
    assert!(invite.0.starts_with(&format!("INVITE sip:court@{} SIP/2.0", court.address())), "{}", invite.0);
    assert!(invite.header("P-Called-Party-ID").starts_with("<sip:02988009000@"));
}

#[tokio::test]
async fn a_call_in_can_be_asked_for_by_http() {
    let world = world(|_| {}).await;
    let court = Court::new(world.sim.sip_addr).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}/_sim/call-in", world.sim.http_addr);
    let body = serde_json::json!({"from": PARTY, "at": court.address().to_string()});
    let placed: serde_json::Value = client.post(&url).json(&body).send().await.unwrap().json().await.unwrap();
    let invite = court.receive_only("INVITE").await;
    assert_eq!(placed["call_id"], invite.header("Call-ID"));
    let nowhere = client.post(&url).json(&serde_json::json!({"from": PARTY})).send().await.unwrap();
    assert_eq!(nowhere.status(), 400);
}
