//! Changes of a session that SIPp or we want, in calls of either direction.

use songda_sip::LegEvent;

use super::{Call, called::media};
use crate::restart::OFFER;

fn moved() -> String {
    OFFER.replace("m=audio 20000", "m=audio 20002")
}

fn reoffers(seen: &[LegEvent]) -> usize {
    seen.iter().filter(|event| matches!(event, LegEvent::Reoffered { .. })).count()
}

#[tokio::test]
async fn sipp_moves_holds_and_goes_on_without_losing_the_call() {
    let seen = Call::dial("reinvite").await.hung_up().await;
    assert_eq!(reoffers(&seen), 3, "{seen:?}");
    assert!(media(&seen, 6010));
}

#[tokio::test]
async fn sipp_wants_our_offer_in_a_later_invite() {
    let mut call = Call::dial("reinvite-late").await;
    call.until(|event| matches!(event, LegEvent::Reoffered { .. } | LegEvent::ReofferAnswered { .. })).await;
    let seen = call.hang_up().await;
    assert!(
        seen.iter().any(|event| {
            matches!(event, LegEvent::Reoffered { sdp } | LegEvent::ReofferAnswered { sdp } if sdp.contains("m=audio 6012 "))
        }),
        "{seen:?}"
    );
}

#[tokio::test]
async fn sipp_offers_a_fax_and_pictures_and_keeps_its_sound() {
    let mut call = Call::dial("reinvite-fax").await;
    call.answered().await;
    call.traced("CSeq: 3 ACK").await;
    let seen = call.hang_up().await;
    assert_eq!(reoffers(&seen), 0, "{seen:?}");
}

#[tokio::test]
async fn sipp_takes_our_new_offer() {
    let mut call = Call::dial("reoffered").await;
    call.answered().await;
    call.leg.handle().reoffer(moved()).await;
    let answer = call.until(|event| matches!(event, LegEvent::ReofferAnswered { .. })).await;
    assert!(matches!(answer, LegEvent::ReofferAnswered { sdp } if sdp.contains("m=audio 6016 ")));
    call.hang_up().await;
}

#[tokio::test]
async fn sipp_refuses_our_new_offer_and_the_call_goes_on() {
    let mut call = Call::dial("reoffer-refused").await;
    call.answered().await;
    call.leg.handle().reoffer(moved()).await;
    call.until(|event| *event == LegEvent::ReofferRefused { status: 488 }).await;
    call.hang_up().await;
}

#[tokio::test]
async fn sipp_and_we_offer_at_once_in_a_call_of_ours() {
    let mut call = Call::dial("glare").await;
    call.answered().await;
    call.leg.handle().reoffer(moved()).await;
    call.until(|event| matches!(event, LegEvent::ReofferAnswered { .. })).await;
    call.hang_up().await;
}

#[tokio::test]
async fn sipp_and_we_offer_at_once_in_a_call_of_its() {
    let mut call = Call::answering("glare").await;
    call.acknowledged().await;
    call.leg.handle().reoffer(moved()).await;
    call.until(|event| matches!(event, LegEvent::ReofferAnswered { .. })).await;
    call.hang_up().await;
}

#[tokio::test]
async fn sipp_updates_before_and_after_our_call_is_answered() {
    let mut call = Call::dial("update").await;
    call.until(|event| matches!(event, LegEvent::Reoffered { sdp } if sdp.contains("m=audio 6024 "))).await;
    let seen = call.hang_up().await;
    assert!(media(&seen, 6022), "{seen:?}");
}

#[tokio::test]
async fn sipp_moves_holds_and_wants_our_offer_in_a_call_of_its() {
    let mut call = Call::answering("reinvite").await;
    call.acknowledged().await;
    let seen = call.hung_up().await;
    assert!(reoffers(&seen) >= 3, "{seen:?}");
}

#[tokio::test]
async fn sipp_takes_our_new_offer_in_a_call_of_its() {
    let mut call = Call::answering("reoffered").await;
    call.acknowledged().await;
    call.leg.handle().reoffer(moved()).await;
    let answer = call.until(|event| matches!(event, LegEvent::ReofferAnswered { .. })).await;
    assert!(matches!(answer, LegEvent::ReofferAnswered { sdp } if sdp.contains("m=audio 6034 ")));
    call.hang_up().await;
}

#[tokio::test]
async fn sipp_updates_a_call_of_its() {
    let mut call = Call::answering("update").await;
    call.until(|event| matches!(event, LegEvent::Reoffered { sdp } if sdp.contains("m=audio 6040 "))).await;
    call.hang_up().await;
}

#[tokio::test]
async fn sipp_offers_again_before_we_answered_and_twice_at_once() {
    let (mut call, _) = Call::ringing("overlapping").await;
    call.traced("SIP/2.0 500").await;
    call.leg.handle().answer(OFFER.into()).await;
    call.acknowledged().await;
    let seen = call.hung_up().await;
    let offered: Vec<&LegEvent> = seen.iter().filter(|event| matches!(event, LegEvent::Reoffered { .. })).collect();
    assert!(
        matches!(offered[..], [LegEvent::Reoffered { sdp: third }, LegEvent::Reoffered { sdp: fourth }]
            if third.contains("m=audio 6052 ") && fourth.contains("m=audio 6054 ")),
        "the one that came too early changed nothing: {offered:?}"
    );
}
