//! Sessions that change: re-INVITE and UPDATE of either side, and what crosses what (RFC 3261,
//! 14; RFC 3311, 5.2; RFC 5407).

use std::time::Duration;

use songda_sip::{
    EndCause, LegEvent, Side,
    machine::{Method, Request},
};

use super::{Bench, SDP, sdp};

/// A call of ours that was answered by an end which takes UPDATE.
fn placed() -> Bench {
    let mut bench = Bench::new();
    bench.answer(200, "a", &[("Allow", "INVITE, ACK, BYE, UPDATE")], SDP);
    bench
}

/// A call that came in and is up.
fn taken() -> Bench {
    let mut bench = Bench::called(&[], SDP);
    bench.act(|core, now, id| core.answer(now, id, sdp(5000)));
    bench.ask("ACK", 1, "a", "");
    bench
}

fn reoffer(bench: &mut Bench, port: u16) -> Request {
    bench.act(|core, now, id| core.reoffer(now, id, &sdp(port)));
    bench.invite()
}

#[test]
fn a_new_description_of_ours_goes_out_by_re_invite_and_its_answer_is_told() {
    for mut bench in [placed(), taken()] {
        let invite = reoffer(&mut bench, 5100);
        let body = String::from_utf8(invite.body.clone()).unwrap();
        assert!(body.contains("m=audio 5100") && body.contains("o=- 1 2 IN"), "the version grows: {body}");
        bench.reply(&invite, 200, "a", &[], &sdp(6100));
        assert_eq!(bench.events.last(), Some(&LegEvent::ReofferAnswered { sdp: sdp(6100) }));
        let ack = bench.last(&Method::ACK);
        assert_eq!(ack.headers.cseq().unwrap().0, invite.headers.cseq().unwrap().0);
        let before = bench.count(&Method::ACK);
        // ACK lost: the 2xx comes again.
        bench.reply(&invite, 200, "a", &[], &sdp(6100));
        assert_eq!((bench.count(&Method::ACK), bench.last(&Method::ACK)), (before + 1, ack));
        // From here on that is what we have.
        bench.ask("INVITE", 9, "a", &sdp(6200));
        assert!(bench.body().contains("m=audio 5100"), "{}", bench.body());
        bench.ask("ACK", 9, "a", "");
        bench.hang_up();
        bench.settle();
    }
}

#[test]
fn a_refused_description_leaves_the_session_as_it_was() {
    for mut bench in [placed(), taken()] {
        let invite = reoffer(&mut bench, 5100);
        bench.reply(&invite, 488, "a", &[], "");
        assert_eq!(bench.events.last(), Some(&LegEvent::ReofferRefused { status: 488 }));
        bench.ask("INVITE", 9, "a", &sdp(6200));
        assert!(bench.status() == 200 && !bench.body().contains("5100"), "{}", bench.body());
        bench.ask("ACK", 9, "a", "");
        assert!(bench.is_up());
        bench.hang_up();
        bench.settle();
    }
}

#[test]
fn an_answer_that_no_telephone_can_take_leaves_the_session_as_it_was() {
    let mut bench = placed();
    let invite = reoffer(&mut bench, 5100);
    bench.reply(&invite, 200, "a", &[], &SDP.replace("RTP/AVP 8", "RTP/AVP 18"));
    assert_eq!(bench.events.last(), Some(&LegEvent::ReofferRefused { status: 488 }));
    assert!(bench.is_up());
    bench.hang_up();
    bench.settle();
}

#[test]
fn one_change_at_a_time_and_the_newest_wish_counts() {
    let mut bench = placed();
    let first = reoffer(&mut bench, 5100);
    reoffer(&mut bench, 5200);
    let still = reoffer(&mut bench, 5300);
    assert_eq!(first, still, "one at a time");
    bench.reply(&first, 200, "a", &[], &sdp(6100));
    let second = bench.invite();
    assert!(String::from_utf8(second.body.clone()).unwrap().contains("5300"));
    bench.reply(&second, 200, "a", &[], &sdp(6200));
    bench.secs(10);
    assert_eq!(bench.count(&Method::INVITE), 3);
    bench.hang_up();
    bench.settle();
}

#[test]
fn re_invites_that_cross_get_491_and_the_caller_waits_longer() {
    for (mut bench, least, most) in [(placed(), 2_100, 4_000), (taken(), 0, 2_000)] {
        let invite = reoffer(&mut bench, 5100);
        bench.ask("INVITE", 9, "a", &sdp(6100));
        assert_eq!(bench.status(), 491, "ours is under way (14.2)");
        bench.ask("ACK", 9, "a", "");
        bench.reply(&invite, 491, "a", &[], "");
        let before = bench.count(&Method::INVITE);
        let begun = bench.now;
        while bench.count(&Method::INVITE) == before {
            let next = bench.core.next_deadline().unwrap();
            bench.wait(next.saturating_duration_since(bench.now));
            assert!(bench.now < begun + Duration::from_secs(5), "it never came again");
        }
        let waited = (bench.now - begun).as_millis();
        assert!((least..=most).contains(&waited), "{waited} ms (14.1)");
        let again = bench.invite();
        assert!(again.headers.cseq().unwrap().0 > invite.headers.cseq().unwrap().0);
        bench.reply(&again, 200, "a", &[], &sdp(6200));
        assert_eq!(bench.events.last(), Some(&LegEvent::ReofferAnswered { sdp: sdp(6200) }));
        bench.hang_up();
        bench.settle();
    }
}

#[test]
fn who_is_told_491_for_ever_gives_the_change_up_and_not_the_call() {
    let mut bench = placed();
    reoffer(&mut bench, 5100);
    for _ in 0..20 {
        let invite = bench.invite();
        bench.reply(&invite, 491, "a", &[], "");
        bench.secs(5);
    }
    assert_eq!(bench.events.last(), Some(&LegEvent::ReofferRefused { status: 491 }));
    assert!(bench.is_up() && bench.fresh(&Method::INVITE) < 10);
    bench.hang_up();
    bench.settle();
}

#[test]
fn a_change_that_is_told_to_come_later_comes_later() {
    let mut bench = placed();
    let invite = reoffer(&mut bench, 5100);
    bench.reply(&invite, 500, "a", &[("Retry-After", "3")], "");
    bench.wait(Duration::from_millis(2_999));
    assert_eq!(bench.count(&Method::INVITE), 2);
    bench.wait(Duration::from_millis(1));
    assert_eq!(bench.count(&Method::INVITE), 3);
    let invite = bench.invite();
    bench.reply(&invite, 200, "a", &[], &sdp(6100));
    bench.hang_up();
    bench.settle();
}

#[test]
fn a_change_that_is_challenged_is_sent_with_the_trunks_credentials() {
    let mut bench = placed();
    let invite = reoffer(&mut bench, 5100);
    let challenge = [("WWW-Authenticate", "Digest realm=\"r\", nonce=\"n1\", algorithm=MD5")];
    bench.reply(&invite, 401, "a", &challenge, "");
    let again = bench.invite();
    assert!(again.headers.get("Authorization").is_some());
    bench.reply(&again, 200, "a", &[], &sdp(6100));
    let ack = bench.last(&Method::ACK);
    assert_eq!(ack.headers.get("Authorization"), again.headers.get("Authorization"), "RFC 3261, 13.2.2.4");
    bench.hang_up();
    bench.settle();
}

#[test]
fn a_change_of_a_dialog_that_is_gone_ends_the_call() {
    for status in [Some(481), Some(408), None] {
        for mut bench in [placed(), taken()] {
            let invite = reoffer(&mut bench, 5100);
            match status {
                Some(status) => bench.reply(&invite, status, "a", &[], ""),
                None => bench.secs(33),
            }
            assert_eq!((bench.end().by, bench.end().cause), (Side::Timer, EndCause::Timeout), "{status:?}");
            assert_eq!(bench.fresh(&Method::BYE), 1, "RFC 3261, 12.2.1.2");
            bench.settle();
        }
    }
}

#[test]
fn a_call_that_is_hung_up_while_it_changes_is_over_whatever_comes_of_the_change() {
    for mut bench in [placed(), taken()] {
        let invite = reoffer(&mut bench, 5100);
        bench.hang_up();
        assert_eq!(bench.count(&Method::BYE), 1);
        let acks = bench.count(&Method::ACK);
        bench.reply(&invite, 200, "a", &[], &sdp(6100));
        assert_eq!(bench.count(&Method::ACK), acks + 1, "it is acknowledged all the same");
        assert!(!matches!(bench.events.last(), Some(LegEvent::ReofferAnswered { .. })));
        let bye = bench.last(&Method::BYE);
        bench.answer_to(&bye, 200);
        bench.settle();
    }
}

#[test]
fn a_bye_that_crosses_a_re_invite_ends_both() {
    for mut bench in [placed(), taken()] {
        let invite = reoffer(&mut bench, 5100);
        bench.ask("BYE", 9, "a", "");
        assert_eq!((bench.status(), bench.end().by), (200, Side::Peer));
        bench.reply(&invite, 481, "a", &[], "");
        bench.ask("INVITE", 10, "a", &sdp(6100));
        assert_eq!(bench.status(), 481, "there is no dialog any more");
        bench.settle();
    }
}

#[test]
fn a_re_invite_whose_ack_is_lost_gives_way_to_the_next() {
    for mut bench in [placed(), taken()] {
        bench.ask("INVITE", 9, "a", &sdp(6100));
        let first = bench.body();
        bench.ask("INVITE", 10, "a", &sdp(6200));
        assert_eq!(bench.status(), 200, "RFC 5407, 3.1.5: only the ACK was lost");
        assert_eq!(bench.body(), first, "our side did not change, so its version did not either");
        bench.ask("ACK", 10, "a", "");
        let before = bench.given("INVITE", 200);
        bench.secs(30);
        assert_eq!(bench.given("INVITE", 200), before);
        bench.hang_up();
        bench.settle();
    }
}

#[test]
fn a_re_invite_that_nobody_acknowledges_drops_no_call() {
    for mut bench in [placed(), taken()] {
        bench.ask("INVITE", 9, "a", &sdp(6100));
        bench.secs(40);
        assert!(bench.is_up());
        let invite = reoffer(&mut bench, 5100);
        bench.reply(&invite, 200, "a", &[], &sdp(6100));
        bench.hang_up();
        bench.settle();
    }
}

#[test]
fn ours_waits_until_theirs_is_acknowledged() {
    for mut bench in [placed(), taken()] {
        let before = bench.count(&Method::INVITE);
        bench.ask("INVITE", 9, "a", &sdp(6100));
        bench.act(|core, now, id| core.reoffer(now, id, &sdp(5100)));
        assert_eq!(bench.count(&Method::INVITE), before);
        bench.ask("ACK", 9, "a", "");
        assert_eq!(bench.count(&Method::INVITE), before + 1);
        bench.hang_up();
        bench.settle();
    }
}

#[test]
fn updates_that_cross_get_491_and_a_refresh_never_does() {
    for mut bench in [placed(), taken()] {
        let invite = reoffer(&mut bench, 5100);
        bench.ask("UPDATE", 9, "a", &sdp(6100));
        assert_eq!(bench.status(), 491, "RFC 3311, 5.2: our offer is open");
        bench.ask("UPDATE", 10, "a", "");
        assert_eq!(bench.status(), 200, "it offers nothing");
        bench.reply(&invite, 200, "a", &[], &sdp(6200));
        bench.ask("UPDATE", 11, "a", &sdp(6300));
        assert_eq!((bench.status(), bench.body().contains("m=audio 5100")), (200, true));
        assert_eq!(bench.events.last(), Some(&LegEvent::Reoffered { sdp: sdp(6300) }));
        bench.hang_up();
        bench.settle();
    }
}

#[test]
fn an_update_while_a_delayed_offer_is_open_gets_491() {
    let mut bench = placed();
    bench.ask("INVITE", 9, "a", "");
    bench.ask("UPDATE", 10, "a", &sdp(6100));
    assert_eq!(bench.status(), 491, "the offer in our 200 has no answer yet");
    bench.ask("ACK", 9, "a", &sdp(6200));
    assert_eq!(bench.events.last(), Some(&LegEvent::Reoffered { sdp: sdp(6200) }));
    bench.hang_up();
    bench.settle();
}

#[test]
fn an_update_may_come_before_the_answer_of_either_side() {
    let mut bench = Bench::new();
    bench.answer(183, "a", &[], SDP);
    bench.ask("UPDATE", 5, "a", &sdp(6100));
    assert_eq!(bench.status(), 491, "our offer is not answered for good");
    bench.answer(183, "b", &[("Require", "100rel"), ("RSeq", "1"), ("Allow", "UPDATE, PRACK")], SDP);
    bench.ask("UPDATE", 5, "b", &sdp(6200));
    assert_eq!(bench.status(), 200);
    assert_eq!(bench.events.last(), Some(&LegEvent::Reoffered { sdp: sdp(6200) }));
    bench.act(|core, now, id| core.reoffer(now, id, &sdp(5100)));
    let update = bench.last(&Method::UPDATE);
    assert_eq!(update.headers.tag("To"), Some("b"));
    bench.reply(&update, 200, "b", &[], &sdp(6300));
    assert_eq!(bench.events.last(), Some(&LegEvent::ReofferAnswered { sdp: sdp(6300) }));
    bench.answer(200, "b", &[], SDP);
    assert_eq!(bench.events.last(), Some(&LegEvent::Answered { sdp: sdp(6300) }), "the last that was agreed");
    bench.hang_up();
    bench.settle();

    let mut bench = Bench::called(&[("Supported", "100rel"), ("Allow", "UPDATE")], SDP);
    bench.ring();
    bench.ask("UPDATE", 2, "a", &sdp(6100));
    assert_eq!(bench.status(), 500, "theirs is not answered yet (RFC 3311, 5.2)");
    assert!(bench.answers.last().unwrap().headers.get("Retry-After").is_some());
    bench.act(|core, now, id| core.progress(now, id, sdp(5000)));
    let rack = format!("{} 1 INVITE", bench.answers.last().unwrap().headers.get("RSeq").unwrap());
    bench.ask_with("PRACK", 3, "a", &[("RAck", &rack)], "");
    bench.ask("UPDATE", 4, "a", &sdp(6200));
    assert_eq!(bench.status(), 200);
    bench.act(|core, now, id| core.reoffer(now, id, &sdp(5100)));
    let update = bench.last(&Method::UPDATE);
    bench.reply(&update, 200, "a", &[], &sdp(6300));
    bench.act(|core, now, id| core.answer(now, id, sdp(5100)));
    bench.ask("ACK", 1, "a", "");
    bench.hang_up();
    bench.settle();
}

/// RFC 3311, 5.1: until then the caller may not even know of the dialog.
#[test]
fn an_update_before_the_answer_waits_for_the_prack_of_our_description() {
    let mut bench = Bench::called(&[("Supported", "100rel"), ("Allow", "UPDATE")], SDP);
    bench.act(|core, now, id| core.progress(now, id, sdp(5000)));
    let rack = format!("{} 1 INVITE", bench.answers.last().unwrap().headers.get("RSeq").unwrap());
    bench.act(|core, now, id| core.reoffer(now, id, &sdp(5100)));
    bench.secs(2);
    assert_eq!(bench.count(&Method::UPDATE), 0);
    bench.ask_with("PRACK", 2, "a", &[("RAck", &rack)], "");
    let update = bench.last(&Method::UPDATE);
    bench.reply(&update, 200, "a", &[], &sdp(6300));
    assert_eq!(bench.events.last(), Some(&LegEvent::ReofferAnswered { sdp: sdp(6300) }));
    bench.act(|core, now, id| core.answer(now, id, sdp(5100)));
    bench.ask("ACK", 1, "a", "");
    bench.hang_up();
    bench.settle();
}

#[test]
fn an_update_before_the_answer_that_finds_no_dialog_leaves_the_call_to_its_invite() {
    let mut bench = Bench::new();
    bench.answer(183, "a", &[("Require", "100rel"), ("RSeq", "1"), ("Allow", "UPDATE, PRACK")], SDP);
    bench.act(|core, now, id| core.reoffer(now, id, &sdp(5100)));
    bench.reply(&bench.last(&Method::UPDATE), 481, "a", &[], "");
    assert_eq!(bench.events.last(), Some(&LegEvent::ReofferRefused { status: 481 }));
    bench.hang_up();
    let cancel = bench.last(&Method::CANCEL);
    bench.answer_to(&cancel, 200);
    bench.answer(487, "a", &[], "");
    assert_eq!((bench.end().cause, bench.count(&Method::BYE)), (EndCause::Cancelled, 0));
    bench.settle();

    let mut bench = Bench::called(&[("Supported", "100rel"), ("Allow", "UPDATE")], SDP);
    bench.act(|core, now, id| core.progress(now, id, sdp(5000)));
    let rack = format!("{} 1 INVITE", bench.answers.last().unwrap().headers.get("RSeq").unwrap());
    bench.ask_with("PRACK", 2, "a", &[("RAck", &rack)], "");
    bench.act(|core, now, id| core.reoffer(now, id, &sdp(5100)));
    bench.reply(&bench.last(&Method::UPDATE), 481, "a", &[], "");
    assert_eq!((bench.is_up(), bench.count(&Method::BYE)), (true, 0));
    bench.act(|core, now, id| core.answer(now, id, sdp(5000)));
    assert_eq!(bench.given("INVITE", 200), 1, "the INVITE has its answer");
    bench.ask("ACK", 1, "a", "");
    bench.hang_up();
    bench.settle();
}

#[test]
fn a_second_invite_before_the_first_is_answered_comes_later() {
    let mut bench = Bench::called(&[], SDP);
    bench.ring();
    bench.ask("INVITE", 2, "a", &sdp(6100));
    assert_eq!(bench.status(), 500, "RFC 3261, 14.2");
    assert!(bench.answers.last().unwrap().headers.get("Retry-After").is_some());
    bench.ask("ACK", 2, "a", "");
    bench.act(|core, now, id| core.answer(now, id, sdp(5000)));
    bench.ask("ACK", 1, "a", "");
    assert!(bench.is_up());
    bench.hang_up();
    bench.settle();
}

#[test]
fn whoever_holds_is_held_and_the_call_goes_on() {
    let cases = [
        (SDP.replace("sendrecv", "sendonly"), "a=recvonly"),
        (SDP.replace("sendrecv", "inactive"), "a=inactive"),
        (SDP.replace("c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0"), "a=sendrecv"),
        (SDP.replace("c=IN IP4 127.0.0.1", "c=IN IP6 ::"), "a=sendrecv"),
    ];
    for (offer, _) in &cases {
        for mut bench in [placed(), taken()] {
            bench.ask("INVITE", 9, "a", offer);
            assert_eq!(bench.status(), 200, "{offer}");
            assert_eq!(bench.events.last(), Some(&LegEvent::Reoffered { sdp: offer.clone() }));
            bench.ask("ACK", 9, "a", "");
            bench.ask("INVITE", 10, "a", SDP);
            assert_eq!(bench.status(), 200);
            assert!(bench.body().contains("a=sendrecv"), "and let go: {}", bench.body());
            bench.ask("ACK", 10, "a", "");
            bench.hang_up();
            bench.settle();
        }
    }
    for (offer, direction) in &cases[..2] {
        let mut bench = placed();
        bench.ask("INVITE", 9, "a", offer);
        assert!(bench.body().contains(direction), "{}", bench.body());
    }
}

#[test]
fn an_ack_without_g711_to_an_offer_of_ours_drops_no_call() {
    let mut bench = placed();
    let before = bench.events.len();
    bench.ask("INVITE", 9, "a", "");
    bench.ask("ACK", 9, "a", &SDP.replace("RTP/AVP 8", "RTP/AVP 18"));
    assert_eq!((bench.events.len(), bench.is_up()), (before, true), "nobody is told of what cannot be used");
    bench.ask("INVITE", 10, "a", "");
    bench.ask("ACK", 10, "a", "");
    assert!(bench.is_up());
    bench.hang_up();
    bench.settle();
}

#[test]
fn everything_that_comes_twice_is_done_once() {
    let mut bench = taken();
    for _ in 0..2 {
        bench.ask("INVITE", 9, "a", &sdp(6100));
    }
    for _ in 0..2 {
        bench.ask("ACK", 9, "a", "");
        bench.ask("UPDATE", 10, "a", &sdp(6200));
        bench.ask_with("INFO", 11, "a", &[("Content-Type", "application/dtmf")], "1");
    }
    let told = |event: &LegEvent| bench.events.iter().filter(|told| *told == event).count();
    assert_eq!(told(&LegEvent::Reoffered { sdp: sdp(6100) }), 1);
    assert_eq!(told(&LegEvent::Reoffered { sdp: sdp(6200) }), 1);
    assert_eq!(told(&LegEvent::Digit { digit: '1', ms: 0 }), 1);
    for _ in 0..2 {
        bench.ask("BYE", 12, "a", "");
    }
    assert_eq!(bench.given("BYE", 200), 2);
    bench.settle();
}
