//! Calls to parties of every kind.

use std::time::Duration;

use crate::{
    caller::{CALLER, Identity},
    world::world,
};

#[tokio::test]
async fn an_invite_without_credentials_is_challenged_with_both_algorithms() {
    let world = world(|_| {}).await;
    let mut caller = world.caller("13800000001").await;
    caller.send("INVITE").await;
    let (before, response) = caller.final_response().await;
    assert_eq!((before.as_slice(), response.status()), (&[][..], 401));
    let challenges = response.headers("WWW-Authenticate");
    assert!(challenges[0].contains("algorithm=SHA-256") && challenges[1].contains("algorithm=MD5"));
    caller.send("ACK").await;
    let again = caller.receive_within(Duration::from_millis(900)).await;
    assert!(again.is_none(), "an acknowledged 401 is not repeated");
}

#[tokio::test]
async fn a_call_with_either_algorithm_is_answered_talks_and_ends_with_bye() {
    for algorithm in ["SHA-256", "MD5"] {
        let world = world(|_| {}).await;
        let mut caller = world.caller_as(Identity { algorithm, ..Identity::default() }).await;
        caller.dial().await;
        let (before, answer) = caller.final_response().await;
        assert_eq!((before.as_slice(), answer.status()), (&[100, 180][..], 200));
        caller.acknowledge_answer().await;
        let (heard, ()) = tokio::join!(caller.listen(60), caller.speak(answer.media(), 0x2A, 60));
        assert!(heard.iter().any(|code| !matches!(code, 0xD5 | 0x55)), "the party says something");
        caller.send("BYE").await;
        assert_eq!(caller.final_response().await.1.status(), 200);
        world.sim.stop().await;

        let call = world.call(&caller);
        assert_eq!((call.status, call.digest_ok, call.digest_algorithm), (Some(200), Some(true), Some(algorithm)));
        assert_eq!(
            (call.ended_by, call.behaviour, call.number.as_str()),
            (Some("caller"), Some("talk"), "13800000001")
        );
        assert!(call.acked_at >= call.answered_at && call.answered_at >= call.ringing_at && call.acked_at.is_some());
        assert_eq!((call.rtp.received, call.rtp.lost, call.rtp.sources), (60, 0, 1));
        assert_eq!(call.said[0].clip, "hello-f");
        let mut wav = hound::WavReader::open(call.audio.unwrap()).unwrap();
        assert_eq!(wav.samples::<i16>().map(Result::unwrap).filter(|s| s.abs() > 10_000).count(), 9_600);
        assert!(world.sim.journal().complaints.is_empty(), "{:?}", world.sim.journal().complaints);
    }
}

#[tokio::test]
async fn a_wrong_password_is_refused_after_the_challenge() {
    let world = world(|_| {}).await;
    let mut caller = world.caller_as(Identity { password: "guess", ..Identity::default() }).await;
    caller.dial().await;
    let (_, response) = caller.final_response().await;
    assert_eq!(response.status(), 403);
    assert!(response.header("Warning").contains("wrong response"));
    assert_eq!(world.call(&caller).digest_ok, Some(false));
}

#[tokio::test]
async fn r4_3c_a_caller_that_is_not_allowed_or_not_asserted_is_refused() {
    let world = world(|_| {}).await;
    let foreign = "02988001111";
    for (from, asserted) in [(foreign, Some(foreign)), (CALLER, None), (CALLER, Some(foreign)), (foreign, Some(CALLER))]
    {
        let mut caller = world.caller_as(Identity { from, asserted, ..Identity::default() }).await;
        caller.dial().await;
        let (_, response) = caller.final_response().await;
        assert_eq!(response.status(), 403, "{from} {asserted:?}");
        assert!(response.header("Warning").contains("allow-list"));
    }
}

#[tokio::test]
async fn an_old_nonce_is_challenged_again_as_stale() {
    let world = world(|config| config.nonce_lifetime = Duration::ZERO).await;
    let mut caller = world.caller("13800003001").await;
    caller.dial().await;
    let (_, response) = caller.final_response().await;
    assert_eq!(response.status(), 401);
    assert!(response.headers("WWW-Authenticate").iter().all(|c| c.ends_with("stale=true")));
}

#[tokio::test]
async fn one_algorithm_can_be_forced() {
    let world = world(|config| config.algorithms = vec![songda_sim::Algorithm::Md5]).await;
    let mut caller = world.caller("13800003001").await;
    caller.send("INVITE").await;
    let (_, response) = caller.final_response().await;
    assert_eq!(response.headers("WWW-Authenticate").len(), 1);
}

#[tokio::test]
async fn refusals_carry_their_status_and_reason() {
    let world = world(|_| {}).await;
    let cases: [(&str, &[u16], u16, &str); 6] = [
        ("13800003001", &[100], 486, "Q.850;cause=17"),
        ("13800006501", &[100], 503, "Q.850;cause=34"),
        ("13800006001", &[100, 180], 403, ""),
        ("13800003501", &[100, 180], 603, "Q.850;cause=21"),
        ("13800009001", &[100], 404, ""),
        ("13912345678", &[], 404, ""),
    ];
    for (number, before, status, reason) in cases {
        let mut caller = world.caller(number).await;
        caller.dial().await;
        let (provisional, response) = caller.final_response().await;
        assert_eq!((provisional.as_slice(), response.status()), (before, status), "{number}");
        assert_eq!(response.header("Reason"), reason, "{number}");
        caller.send("ACK").await;
    }
}

#[tokio::test]
async fn an_empty_number_is_announced_before_it_is_refused() {
    let world = world(|_| {}).await;
    let mut caller = world.caller("+8613800004001").await;
    caller.dial().await;
    assert_eq!(caller.receive().await.status(), 100);
    let early = caller.receive().await;
    assert_eq!(early.status(), 183);
    assert!(early.media().port() > 0);
    let announced = caller.listen(100).await;
    assert!(announced.iter().filter(|c| !matches!(c, 0xD5 | 0x55)).count() > 5_000, "speech in early media");
    let (_, response) = caller.final_response().await;
    assert_eq!((response.status(), response.header("Reason")), (404, "Q.850;cause=1"));
    caller.send("ACK").await;
    let call = world.call(&caller);
    assert_eq!((call.ended_by, call.answered_at), (Some("party"), None));
    assert!(call.ended_at.unwrap() - call.early_media_at.unwrap() > 5_000);
    assert_eq!(call.said[0].clip, "notice-empty");
}

#[tokio::test]
async fn a_ringing_call_is_cancelled() {
    let world = world(|_| {}).await;
    let mut caller = world.caller("13800002001").await;
    caller.dial().await;
    assert_eq!(caller.receive().await.status(), 100);
    assert_eq!(caller.receive().await.status(), 180);
    caller.send("CANCEL").await;
    let (one, two) = (caller.receive().await, caller.receive().await);
    assert_eq!((one.status(), two.status()), (200, 487));
    assert!(one.header("CSeq").ends_with("CANCEL") && two.header("CSeq").ends_with("INVITE"));
    let repeated = caller.receive().await;
    assert_eq!(repeated.status(), 487, "487 is repeated until its ACK");
    caller.send("ACK").await;
    let call = world.call(&caller);
    assert_eq!((call.status, call.ended_by, call.answered_at), (Some(487), Some("caller"), None));
}

#[tokio::test]
async fn a_party_hangs_up_in_the_middle_of_a_sentence() {
    let world = world(|_| {}).await;
    let mut caller = world.caller("13800005001").await;
    caller.dial().await;
    let (_, answer) = caller.final_response().await;
    assert_eq!(answer.status(), 200);
    caller.acknowledge_answer().await;
    let bye = caller.receive().await;
    assert!(bye.0.starts_with("BYE sip:02988009000@127.0.0.1:"), "{}", bye.0);
    let local = caller.socket.local_addr().unwrap();
    let reply = format!(
        "SIP/2.0 200 OK\r\nVia: {}\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {}\r\nContact: <sip:{local}>\r\n\r\n",
        bye.header("Via"),
        bye.header("From"),
        bye.header("To"),
        bye.header("Call-ID"),
        bye.header("CSeq")
    );
    caller.socket.send_to(reply.as_bytes(), world.sim.sip_addr).await.unwrap();
    assert!(caller.receive_within(Duration::from_millis(1_200)).await.is_none(), "an answered BYE is not repeated");
    assert_eq!(world.call(&caller).ended_by, Some("party"));
}

#[tokio::test]
async fn a_tone_party_sends_one_thousand_hertz() {
    let world = world(|_| {}).await;
    let mut caller = world.caller("13800008000").await;
    caller.dial().await;
    caller.final_response().await;
    caller.acknowledge_answer().await;
    let audio = caller.listen(20).await;
    // 1000 Hz at 8 kHz is a period of eight samples, of which two are the zeros.
    let period = &audio[800..808];
    assert!(audio[800..1_600].chunks(8).all(|chunk| chunk == period), "{period:?}");
    assert!(period.iter().collect::<std::collections::HashSet<_>>().len() >= 5);
    caller.send("BYE").await;
    assert_eq!(caller.final_response().await.1.status(), 200);
}

#[tokio::test]
async fn a_speaker_plays_what_it_was_given_and_hangs_up_at_its_time() {
    let world = world(|_| {}).await;
    let wav = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/voices/hello-m.wav")).unwrap();
    let url = format!("http://{}/_sim/say?number=13800008501&delay_ms=100&hang_up_ms=2000", world.sim.http_addr);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    assert_eq!(client.post(url).body(wav).send().await.unwrap().status(), 200);
    let mut caller = world.caller("13800008501").await;
    caller.dial().await;
    caller.final_response().await;
    caller.acknowledge_answer().await;
    let audio = caller.listen(70).await;
    assert!(audio.iter().filter(|c| !matches!(c, 0xD5 | 0x55)).count() > 5_000);
    assert!(caller.receive().await.0.starts_with("BYE "));
    let call = world.call(&caller);
    assert!(call.script_over);
    let lasted = call.ended_at.unwrap() - call.answered_at.unwrap();
    assert!((1_900..2_500).contains(&lasted), "{lasted}");
}

#[tokio::test]
async fn a_fault_can_be_asked_for() {
    let world = world(|_| {}).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}/_sim/fault", world.sim.http_addr);
    let body = serde_json::json!({"sip": "503", "times": 1});
    assert_eq!(client.post(url).json(&body).send().await.unwrap().status(), 200);
    for status in [503, 486] {
        let mut caller = world.caller("13800003001").await;
        caller.dial().await;
        assert_eq!(caller.final_response().await.1.status(), status);
        caller.send("ACK").await;
    }
}
