//! Session timers (RFC 4028): one per dialog, and what becomes of a session that nobody
//! refreshes.

use std::time::Duration;

use songda_sip::{
    EndCause, LegEvent, Side, Trunk,
    machine::{Method, Request},
};

use super::{Bench, SDP, sdp};

fn wishing(seconds: u64) -> Bench {
    Bench::dialled(Trunk { session_expires: Some(Duration::from_secs(seconds)), ..Bench::trunk() })
}

fn asks(request: &Request) -> &str {
    request.headers.get("Session-Expires").unwrap()
}

#[test]
fn a_session_timer_is_asked_for_and_refreshed_by_update_at_half_time() {
    let mut bench = wishing(600);
    assert_eq!(asks(&bench.invite()), "600");
    assert!(bench.invite().headers.lists("Supported", "timer"));
    bench.answer(200, "a", &[("Session-Expires", "300;refresher=uac"), ("Allow", "INVITE, UPDATE")], SDP);
    bench.secs(149);
    assert_eq!(bench.count(&Method::UPDATE), 0);
    bench.secs(1);
    let update = bench.last(&Method::UPDATE);
    assert_eq!((asks(&update), update.body.is_empty()), ("300;refresher=uac", true));
    bench.answer_with(&update, 200, &[("Session-Expires", "300;refresher=uac")]);
    bench.secs(149);
    assert_eq!(bench.count(&Method::UPDATE), 1);
    bench.secs(1);
    assert_eq!(bench.count(&Method::UPDATE), 2);
    bench.hang_up();
    bench.settle();
}

#[test]
fn who_takes_no_update_is_refreshed_by_re_invite_with_the_same_description() {
    let mut bench = wishing(90);
    bench.answer(200, "a", &[("Session-Expires", "90;refresher=uac")], SDP);
    bench.secs(45);
    let invite = bench.invite();
    assert_eq!((asks(&invite), invite.body.as_slice()), ("90;refresher=uac", SDP.as_bytes()));
    let told = bench.events.len();
    bench.reply(&invite, 200, "a", &[("Session-Expires", "90;refresher=uac")], SDP);
    assert_eq!((bench.count(&Method::ACK), bench.events.len()), (2, told), "nothing changed, nothing is told");
    bench.secs(45);
    let invite = bench.invite();
    bench.reply(&invite, 200, "a", &[("Session-Expires", "90;refresher=uac")], &sdp(6100));
    assert_eq!(bench.events.last(), Some(&LegEvent::Reoffered { sdp: sdp(6100) }), "it moved on the occasion");
    bench.hang_up();
    bench.settle();
}

#[test]
fn a_desk_phone_that_knows_no_timers_is_asked_all_the_same_and_one_that_is_gone_is_hung_up() {
    let mut bench = Bench::dialled(Trunk {
        uri: Some("sip:801@192.0.2.80:5060".into()),
        session_expires: Some(Duration::from_secs(90)),
        ..Bench::trunk()
    });
    bench.answer(200, "a", &[], SDP);
    bench.secs(45);
    let invite = bench.invite();
    assert_eq!(asks(&invite), "90;refresher=uac");
    bench.reply(&invite, 200, "a", &[], SDP);
    bench.secs(44);
    assert_eq!(bench.count(&Method::BYE), 0, "it is there");
    bench.secs(1);
    assert_eq!(asks(&bench.invite()), "90;refresher=uac", "asked again, and now it says nothing");
    bench.secs(35);
    assert_eq!((bench.end().by, bench.end().cause), (Side::Timer, EndCause::Timeout));
    bench.settle();
}

#[test]
fn a_carrier_that_says_nothing_of_timers_has_none() {
    let mut bench = wishing(90);
    bench.answer(200, "a", &[], SDP);
    let sent = bench.sent.len();
    bench.secs(600);
    assert_eq!(bench.sent.len(), sent);
    bench.hang_up();
    bench.settle();
}

#[test]
fn a_session_that_the_other_end_does_not_refresh_is_hung_up_a_little_early() {
    // min(32 s, a third) before the end (section 10).
    for (interval, hung_up) in [("90", 60), ("300", 268)] {
        let mut bench = wishing(90);
        bench.answer(200, "a", &[("Session-Expires", &format!("{interval};refresher=uas"))], SDP);
        bench.secs(hung_up - 1);
        assert!(bench.is_up());
        bench.secs(1);
        assert_eq!((bench.end().by, bench.end().cause), (Side::Timer, EndCause::Timeout));
        assert_eq!(bench.count(&Method::BYE), 1);
        bench.settle();
    }
}

#[test]
fn a_session_of_a_second_or_none_is_not_hung_up_at_once() {
    for interval in ["0", "1", "89"] {
        let mut bench = wishing(90);
        bench.answer(200, "a", &[("Session-Expires", &format!("{interval};refresher=uas"))], SDP);
        bench.secs(59);
        assert!(bench.is_up(), "{interval}: no session is shorter than 90 seconds (RFC 4028, 4)");
        bench.hang_up();
        bench.settle();
    }
}

#[test]
fn a_refresh_of_the_other_end_begins_the_time_anew() {
    let mut bench = wishing(90);
    bench.answer(200, "a", &[("Session-Expires", "90;refresher=uas")], SDP);
    for step in 0..3 {
        bench.secs(50);
        let extra = [("Session-Expires", "90;refresher=uac"), ("Supported", "timer")];
        if step % 2 == 0 {
            bench.ask_with("UPDATE", 10 + step, "a", &extra, "");
        } else {
            bench.ask_with("INVITE", 10 + step, "a", &extra, SDP);
            bench.ask("ACK", 10 + step, "a", "");
        }
        let answer = bench.answers.last().unwrap();
        assert_eq!(answer.headers.get("Session-Expires"), Some("90;refresher=uac"));
        assert!(answer.headers.lists("Require", "timer"));
    }
    bench.secs(60);
    assert_eq!(bench.end().cause, EndCause::Timeout);
    bench.settle();
}

#[test]
fn a_session_whose_refresh_is_refused_is_tried_again_and_then_hung_up() {
    let mut bench = wishing(90);
    bench.answer(200, "a", &[("Session-Expires", "90;refresher=uac"), ("Allow", "UPDATE")], SDP);
    bench.secs(45);
    let update = bench.last(&Method::UPDATE);
    bench.answer_with(&update, 503, &[]);
    assert!(bench.is_up(), "the session lives until its end");
    bench.secs(14);
    assert!(bench.count(&Method::UPDATE) > 1 && bench.is_up());
    for _ in 0..3 {
        let update = bench.last(&Method::UPDATE);
        bench.answer_with(&update, 503, &[]);
    }
    bench.secs(2);
    assert_eq!((bench.end().by, bench.fresh(&Method::BYE)), (Side::Timer, 1));
    bench.settle();
}

#[test]
fn a_refresh_that_crosses_a_bye_ends_with_it() {
    let mut bench = wishing(90);
    bench.answer(200, "a", &[("Session-Expires", "90;refresher=uac"), ("Allow", "UPDATE")], SDP);
    bench.secs(45);
    bench.ask("BYE", 9, "a", "");
    assert_eq!((bench.status(), bench.end().by), (200, Side::Peer));
    let update = bench.last(&Method::UPDATE);
    bench.answer_to(&update, 481);
    assert_eq!((bench.count(&Method::BYE), bench.down.clone()), (0, vec![true]));
    bench.settle();
}

#[test]
fn a_timer_that_is_too_short_for_the_way_is_asked_for_again_longer() {
    let mut bench = wishing(90);
    bench.answer(422, "a", &[("Min-SE", "1800")], "");
    let invite = bench.invite();
    assert_eq!((asks(&invite), invite.headers.get("Min-SE")), ("1800", Some("1800")));
    assert_eq!(invite.headers.cseq().unwrap().0, 2);
    bench.answer(422, "a", &[("Min-SE", "1800")], "");
    assert_eq!((bench.end().cause, bench.end().status), (EndCause::Refused, Some(422)), "it does not learn");
    bench.settle();
}

#[test]
fn a_refresh_that_is_too_short_is_sent_again_longer() {
    let mut bench = wishing(90);
    bench.answer(200, "a", &[("Session-Expires", "90;refresher=uac"), ("Allow", "UPDATE")], SDP);
    bench.secs(45);
    let update = bench.last(&Method::UPDATE);
    bench.answer_with(&update, 422, &[("Min-SE", "120")]);
    bench.wait(Duration::from_millis(1));
    let update = bench.last(&Method::UPDATE);
    assert_eq!((asks(&update), update.headers.get("Min-SE")), ("120;refresher=uac", Some("120")));
    bench.answer_with(&update, 200, &[("Session-Expires", "120;refresher=uac")]);
    assert!(bench.is_up());
    bench.hang_up();
    bench.settle();
}

#[test]
fn a_timer_of_the_caller_is_agreed_to_or_told_to_be_longer() {
    let bench = Bench::called(&[("Session-Expires", "60"), ("Supported", "timer")], SDP);
    let answer = bench.answers.last().unwrap();
    assert_eq!((answer.status, answer.headers.get("Min-SE"), bench.invites.len()), (422, Some("90"), 0));

    // Asked for; who refreshes; whether the caller must know of it.
    let cases = [
        (vec![("Session-Expires", "90"), ("Supported", "timer")], Some("90;refresher=uac"), true),
        (vec![("Session-Expires", "90;refresher=uas"), ("Supported", "timer")], Some("90;refresher=uas"), false),
        (vec![("Session-Expires", "90")], Some("90;refresher=uas"), false),
        (vec![("Supported", "timer")], None, false),
    ];
    for (extra, agreed, required) in cases {
        let mut bench = Bench::called(&extra, SDP);
        bench.act(|core, now, id| core.answer(now, id, sdp(5000)));
        let answer = bench.answers.last().unwrap();
        assert_eq!(answer.headers.get("Session-Expires"), agreed, "{extra:?}");
        assert_eq!(answer.headers.lists("Require", "timer"), required, "{extra:?}");
        bench.ask("ACK", 1, "a", "");
        bench.secs(50);
        let refreshed = bench.fresh(&Method::UPDATE) + bench.fresh(&Method::INVITE);
        assert_eq!(refreshed, usize::from(agreed == Some("90;refresher=uas")), "{extra:?}");
        bench.hang_up();
        bench.settle();
    }
}

#[test]
fn a_re_invite_without_a_timer_ends_the_timer_and_not_the_call() {
    let mut bench = wishing(90);
    bench.answer(200, "a", &[("Session-Expires", "90;refresher=uas")], SDP);
    bench.ask("UPDATE", 9, "a", "");
    assert_eq!(bench.answers.last().unwrap().headers.get("Session-Expires"), None);
    bench.secs(200);
    assert!(bench.is_up());
    bench.ask_with("UPDATE", 10, "a", &[("Session-Expires", "60"), ("Supported", "timer")], "");
    assert_eq!((bench.status(), bench.is_up()), (422, true));
    bench.hang_up();
    bench.settle();
}
