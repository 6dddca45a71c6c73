//! We call SIPp.

use sha2::{Digest as _, Sha256};
use songda_sip::{EndCause, Endpoint, LegEvent, Side, Trunk};

use super::{Call, Sipp, hop};
use crate::restart::{any_endpoint, free_port, order};

pub(super) fn media(seen: &[LegEvent], port: u16) -> bool {
    let wanted = format!("m=audio {port} ");
    seen.iter().any(|event| {
        matches!(event, LegEvent::EarlyMedia { sdp } | LegEvent::Answered { sdp } | LegEvent::Reoffered { sdp } if sdp.contains(&wanted))
    })
}

pub(super) fn position(seen: &[LegEvent], wanted: impl Fn(&LegEvent) -> bool) -> usize {
    seen.iter().position(wanted).unwrap_or_else(|| panic!("missing in {seen:?}"))
}

#[tokio::test]
async fn sipp_answers_and_we_hang_up() {
    let mut call = Call::place(Sipp::run(&["-sn", "uas"])).await;
    call.answered().await;
    assert!(call.rang());
    call.hang_up().await;
}

#[tokio::test]
async fn sipp_answers_and_hangs_up_itself() {
    let seen = Call::dial("basic").await.hung_up().await;
    let ringing = position(&seen, |event| *event == LegEvent::Ringing);
    assert!(ringing < position(&seen, |event| matches!(event, LegEvent::Answered { .. })));
    assert!(media(&seen, 6000), "{seen:?}");
}

#[tokio::test]
async fn sipp_announces_before_it_rings() {
    let mut call = Call::dial("early-media").await;
    call.answered().await;
    let seen = call.hang_up().await;
    let early = position(&seen, |event| matches!(event, LegEvent::EarlyMedia { .. }));
    assert!(early < position(&seen, |event| matches!(event, LegEvent::Answered { .. })), "{seen:?}");
    assert!(media(&seen, 6004));
}

#[tokio::test]
async fn sipp_is_cancelled_while_it_rings() {
    let mut call = Call::dial("cancel").await;
    call.until(|event| *event == LegEvent::Ringing).await;
    call.leg.handle().hang_up().await;
    let ended = call.ended().await;
    assert_eq!((ended.by, ended.cause), (Side::Us, EndCause::Cancelled));
}

#[tokio::test]
async fn a_cancel_waits_until_sipp_has_said_something() {
    let mut call = Call::dial("cancel-before-trying").await;
    call.leg.handle().hang_up().await;
    let ended = call.ended().await;
    assert_eq!((ended.by, ended.cause), (Side::Us, EndCause::Cancelled));
}

#[tokio::test]
async fn an_answer_of_sipp_that_crosses_our_cancel_is_hung_up() {
    let mut call = Call::dial("cancel-crossed").await;
    call.until(|event| *event == LegEvent::Ringing).await;
    call.leg.handle().hang_up().await;
    assert_eq!(call.ended().await.by, Side::Us);
}

#[tokio::test]
async fn sipp_challenges_announces_answers_and_hangs_up_itself() {
    let scenario = super::scenario("challenge.xml");
    let seen = Call::place(Sipp::run(&["-sf", &scenario])).await.hung_up().await;
    assert!(seen.iter().any(|event| matches!(event, LegEvent::EarlyMedia { sdp } if sdp.contains("6000"))), "{seen:?}");
}

/// SIPp 3.6 knows neither SHA-256 nor Proxy-Authorization: what it logged is recomputed here.
#[tokio::test]
async fn sipp_challenges_as_a_proxy_and_gets_sha_256() {
    let mut call = Call::dial("proxy-challenge").await;
    call.answered().await;
    let log = call.sipp.traced("logs");
    call.hang_up().await;
    let field = |name: &str| {
        let at = log.find(&format!("{name}=")).unwrap_or_else(|| panic!("no {name} in {log}")) + name.len() + 1;
        let rest = &log[at..];
        match rest.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next().unwrap().to_owned(),
            None => rest.split([',', ' ', '\n']).next().unwrap().to_owned(),
        }
    };
    let hash = |text: String| hex::encode(Sha256::digest(text));
    assert_eq!((field("nc").as_str(), field("qop").as_str(), field("realm").as_str()), ("00000001", "auth", "sipp"));
    let (secret, request) = (hash("court:sipp:secret".into()), hash(format!("INVITE:{}", field("uri"))));
    let (nonce, cnonce) = (field("nonce"), field(" cnonce"));
    assert_eq!(field("response"), hash(format!("{secret}:{nonce}:00000001:{cnonce}:auth:{request}")));
}

#[tokio::test]
async fn sipp_says_everything_in_compact_form() {
    let call = Call::dial("compact").await;
    let seen = call.hung_up().await;
    assert!(media(&seen, 6000), "{seen:?}");
}

#[tokio::test]
async fn sipp_repeats_its_answer_when_our_ack_was_lost_and_gets_it_again() {
    let (known, sipp) = tokio::sync::oneshot::channel();
    let hop = hop::losing("ACK ", async { std::net::SocketAddr::from(([127, 0, 0, 1], sipp.await.unwrap())) }).await;
    let sipp = Sipp::called("lost-ack", &["-key", "hop", &hop.to_string()]);
    known.send(sipp.port).unwrap();
    let mut call = Call::place(sipp).await;
    call.answered().await;
    // The repeat comes after 500 ms.
    call.traced("\nACK sip:").await;
    call.hang_up().await;
}

#[tokio::test]
async fn sipp_is_forked_and_the_second_answer_is_hung_up() {
    let mut call = Call::dial("fork").await;
    call.answered().await;
    call.traced("\nBYE sip:").await;
    let seen = call.hang_up().await;
    assert!(
        media(&seen, 6028) && seen.iter().filter(|e| matches!(e, LegEvent::Answered { .. })).count() == 1,
        "{seen:?}"
    );
}

#[tokio::test]
async fn sipp_has_a_reliable_announcement_and_a_reliable_ring() {
    let mut call = Call::dial("prack").await;
    call.answered().await;
    let seen = call.hang_up().await;
    let early = position(&seen, |event| matches!(event, LegEvent::EarlyMedia { .. }));
    assert!(early < position(&seen, |event| matches!(event, LegEvent::Answered { .. })), "{seen:?}");
    assert!(media(&seen, 6006));
}

#[tokio::test]
async fn sipp_wants_longer_sessions_and_gets_its_invite_again() {
    let long = |trunk: &mut Trunk| trunk.session_expires = Some(std::time::Duration::from_mins(30));
    let mut call = Call::place_with(Sipp::called("session-too-small", &[]), long).await;
    call.answered().await;
    call.hang_up().await;
}

#[tokio::test]
async fn sipp_moved_to_another_port_of_the_number_and_is_followed() {
    let mut call = Call::dial("moved").await;
    call.answered().await;
    call.hang_up().await;
}

#[tokio::test]
async fn sipp_presses_keys_by_info() {
    let mut call = Call::dial("keys").await;
    call.until(|event| matches!(event, LegEvent::Digit { digit: '#', .. })).await;
    let seen = call.hang_up().await;
    assert!(seen.contains(&LegEvent::Digit { digit: '5', ms: 160 }), "{seen:?}");
}

#[tokio::test]
async fn sipp_moved_to_another_number_and_is_not_followed() {
    let mut call = Call::dial("moved-away").await;
    let ended = call.ended().await;
    assert_eq!((ended.cause, ended.status), (EndCause::Refused, Some(302)));
}

#[tokio::test]
async fn sipp_has_no_line_before_it_rang_and_another_trunk_may_try() {
    let mut call = Call::dial("unavailable").await;
    let ended = call.ended().await;
    assert_eq!((ended.cause, ended.status, ended.q850), (EndCause::Refused, Some(503), Some(34)));
    assert!(!ended.provisional && ended.rang.is_none());
}

#[tokio::test]
async fn sipp_has_no_line_after_it_rang_and_no_other_trunk_may_try() {
    let mut call = Call::dial("unavailable-late").await;
    let ended = call.ended().await;
    assert_eq!((ended.cause, ended.status, ended.q850), (EndCause::Refused, Some(503), Some(41)));
    assert!(ended.provisional && ended.rang.is_some());
}

#[tokio::test]
async fn sipp_is_busy_and_the_cause_of_the_exchange_arrives() {
    let scenario = super::scenario("busy.xml");
    let mut call = Call::place(Sipp::run(&["-sf", &scenario])).await;
    let ended = call.ended().await;
    assert_eq!((ended.cause, ended.status, ended.q850), (EndCause::Refused, Some(486), Some(17)));
    assert!(ended.provisional && ended.rang.is_some());
}

#[tokio::test]
async fn a_carrier_that_is_not_there_is_not_alive() {
    let endpoint: Endpoint = any_endpoint().await;
    let trunk = Trunk {
        name: "nowhere".into(),
        proxy: "no.such.host.invalid:5060".into(),
        domain: "x".into(),
        username: String::new(),
        password: String::new().into(),
        ..Trunk::default()
    };
    let error = endpoint.probe(&trunk).await.unwrap_err();
    assert!(error.to_string().contains("nowhere"), "{error}");
}

#[tokio::test]
async fn sipp_takes_the_call_that_the_first_host_of_its_trunk_does_not() {
    let dead = free_port();
    let sipp = Sipp::called("basic", &[]);
    let second = format!("127.0.0.1:{}", sipp.port);
    let call = Call::place_with(sipp, |trunk| {
        trunk.proxy = format!("127.0.0.1:{dead}");
        trunk.hosts = vec![trunk.proxy.clone(), second.clone()];
    })
    .await;
    let order = order(Trunk { proxy: format!("127.0.0.1:{dead}"), hosts: vec![second.clone()], ..Trunk::default() });
    let endpoint = call.endpoint.clone();
    call.hung_up().await;
    // The next call does not wait for it again.
    let targets = endpoint.resolve(&order.trunk).await.unwrap();
    assert_eq!(targets.first().remote.to_string(), second);
    assert_eq!(targets.others().map(|other| other.remote.port()).collect::<Vec<_>>(), [dead]);
}
