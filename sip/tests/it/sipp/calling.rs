//! SIPp calls us.

use std::time::{Duration, Instant};

use songda_sip::{EndCause, LegEvent, Rejection, Side};

use super::{Call, Sipp};
use crate::restart::{OFFER, any_endpoint};

#[tokio::test]
async fn sipp_calls_and_hangs_up_itself() {
    let (mut call, invite) = Call::ringing("basic").await;
    assert_eq!(invite.called, "02988009000");
    assert!(invite.caller.is_some_and(|caller| caller.reveal() == "13800000001"));
    assert!(invite.offer.is_some_and(|offer| offer.contains("m=audio 6000 ")));
    call.leg.handle().answer(OFFER.into()).await;
    call.acknowledged().await;
    call.hung_up().await;
}

#[tokio::test]
async fn sipp_calls_and_is_hung_up_on() {
    let mut call = Call::answering("hung-up").await;
    call.acknowledged().await;
    call.hang_up().await;
}

#[tokio::test]
async fn sipp_hears_us_before_the_answer() {
    let (mut call, _) = Call::taken("early-media").await;
    call.leg.handle().progress(OFFER.into()).await;
    call.traced("SIP/2.0 183").await;
    call.leg.handle().answer(OFFER.into()).await;
    call.acknowledged().await;
    call.hang_up().await;
}

#[tokio::test]
async fn sipp_gives_up_while_it_rings_here() {
    let (mut call, _) = Call::ringing("cancel").await;
    let ended = call.ended().await;
    assert_eq!((ended.by, ended.cause), (Side::Peer, EndCause::Cancelled));
}

#[tokio::test]
async fn sipp_is_refused_with_the_cause_that_we_chose() {
    let (mut call, _) = Call::ringing("refused").await;
    call.leg.handle().reject(Rejection { q850: Some(17), ..Rejection::status(486) }).await;
    let ended = call.ended().await;
    assert_eq!((ended.by, ended.cause, ended.status), (Side::Us, EndCause::Refused, Some(486)));
}

#[tokio::test]
async fn sipp_calls_in_compact_form_with_folded_lines() {
    let (mut call, invite) = Call::ringing("compact").await;
    assert!(invite.caller.is_some_and(|caller| caller.reveal() == "13800000001"));
    call.leg.handle().answer(OFFER.into()).await;
    call.acknowledged().await;
    call.hang_up().await;
}

#[tokio::test]
async fn sipp_acknowledges_late_and_the_answer_is_repeated_until_then() {
    let begun = Instant::now();
    let mut call = Call::answering("late-ack").await;
    call.acknowledged().await;
    assert!(begun.elapsed() > Duration::from_millis(2_500), "{:?}", begun.elapsed());
    let repeats = call.sipp.traced("messages").matches("\nSIP/2.0 200").count();
    // At 0, 0.5 and 1.5 s.
    assert_eq!(repeats, 3);
    call.hung_up().await;
}

#[tokio::test]
async fn sipp_never_acknowledges_and_is_hung_up_after_32_seconds() {
    let begun = Instant::now();
    let mut call = Call::answering("lost-ack").await;
    let ended = call.ended().await;
    assert!(ended.by == Side::Timer || ended.by == Side::Us, "{ended:?}");
    assert!((32..36).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    assert!(!call.seen.contains(&LegEvent::Acknowledged));
}

#[tokio::test]
async fn sipp_requires_reliable_announcements() {
    let (mut call, _) = Call::taken("prack").await;
    call.leg.handle().progress(OFFER.into()).await;
    call.traced("\nPRACK ").await;
    call.leg.handle().ring().await;
    // The answer waits here until the second PRACK was answered too.
    call.traced_times("SIP/2.0 200", 2).await;
    call.leg.handle().answer(OFFER.into()).await;
    call.acknowledged().await;
    call.hang_up().await;
}

#[tokio::test]
async fn sipp_sends_a_prack_that_our_answer_overtook() {
    let mut call = Call::answering("prack-late").await;
    call.acknowledged().await;
    call.hang_up().await;
}

#[tokio::test]
async fn sipp_offers_nothing_and_answers_our_offer() {
    let (mut call, invite) = Call::ringing("delayed-offer").await;
    assert_eq!(invite.offer, None);
    call.leg.handle().answer(OFFER.into()).await;
    let answer = call.until(|event| matches!(event, LegEvent::ReofferAnswered { .. })).await;
    assert!(matches!(answer, LegEvent::ReofferAnswered { sdp } if sdp.contains("m=audio 6030 ")));
    call.hang_up().await;
}

#[tokio::test]
async fn sipp_refreshes_its_session() {
    let call = Call::answering("session-timer").await;
    call.traced("CSeq: 3 ACK").await;
    call.hang_up().await;
}

/// Ninety seconds are the least that RFC 4028 permits (section 5): half of it passes.
#[tokio::test]
async fn sipp_leaves_the_refresh_to_us_and_gets_it_after_45_seconds() {
    let mut ours = Call::answering("session-timer-ours").await;
    let theirs = async {
        let mut call = Call::dial("session-timer").await;
        call.answered().await;
        let begun = Instant::now();
        call.traced("\nUPDATE ").await;
        (call, begun.elapsed())
    };
    let begun = Instant::now();
    ours.acknowledged().await;
    let ((), (theirs, second)) = tokio::join!(ours.traced("\nUPDATE "), theirs);
    let first = begun.elapsed();
    for waited in [first, second] {
        assert!((44..56).contains(&waited.as_secs()), "{waited:?}");
    }
    ours.hang_up().await;
    theirs.hang_up().await;
}

#[tokio::test]
async fn sipp_wants_sessions_that_are_too_short() {
    let mut call = Call::answering("session-too-small").await;
    call.acknowledged().await;
    call.hang_up().await;
}

#[tokio::test]
async fn sipp_requires_what_nobody_has_and_asks_what_we_can() {
    for name in ["extension", "options"] {
        let endpoint = any_endpoint().await;
        let _calls = endpoint.incoming();
        Sipp::calling(name, endpoint.local_addr()).succeeded().await;
    }
}
