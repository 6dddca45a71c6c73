//! Reliable provisional responses (RFC 3262), given and taken, and what is lost of them.

use std::time::Duration;

use songda_sip::{EndCause, LegEvent, Side, machine::Method};

use super::{Bench, SDP, sdp};

const KNOWS: &[(&str, &str)] = &[("Supported", "100rel")];
const INSISTS: &[(&str, &str)] = &[("Require", "100rel")];

fn rseq(bench: &Bench) -> u32 {
    bench.answers.last().unwrap().headers.get("RSeq").unwrap().parse().unwrap()
}

fn prack(bench: &mut Bench, cseq: u32, rseq: u32, body: &str) {
    let rack = format!("{rseq} 1 INVITE");
    bench.ask_with("PRACK", cseq, "a", &[("RAck", &rack)], body);
}

#[test]
fn a_183_with_sound_is_reliable_where_the_caller_knows_how_and_is_repeated_until_its_prack() {
    let mut bench = Bench::called(KNOWS, SDP);
    bench.ring();
    assert_eq!(bench.answers.last().unwrap().headers.get("RSeq"), None, "180 alone need not be");
    bench.act(|core, now, id| core.progress(now, id, sdp(5000)));
    let answer = bench.answers.last().unwrap();
    assert_eq!((answer.status, answer.headers.get("Require")), (183, Some("100rel")));
    let number = rseq(&bench);
    // PRACK lost: 0.5, 1.5, 3.5 s (section 3).
    let mut counts = Vec::new();
    for ms in [499, 2, 998, 2, 1_998, 2] {
        bench.wait(Duration::from_millis(ms));
        counts.push(bench.given("INVITE", 183));
    }
    assert_eq!(counts, [1, 2, 2, 3, 3, 4]);
    prack(&mut bench, 2, number + 1, "");
    assert_eq!(bench.status(), 481, "none waits for that");
    prack(&mut bench, 3, number, "");
    assert_eq!(bench.status(), 200);
    prack(&mut bench, 4, number, "");
    assert_eq!(bench.status(), 481, "it was acknowledged already");
    bench.secs(20);
    assert_eq!(bench.given("INVITE", 183), 4);
    bench.act(|core, now, id| core.answer(now, id, sdp(5000)));
    assert_eq!((bench.status(), bench.body()), (200, String::new()), "the answer was given (RFC 6337, 3.1.1)");
    bench.ask("ACK", 1, "a", "");
    bench.hang_up();
    bench.settle();
}

#[test]
fn a_200_waits_for_the_prack_of_a_description() {
    let mut bench = Bench::called(KNOWS, SDP);
    bench.act(|core, now, id| core.progress(now, id, sdp(5000)));
    let number = rseq(&bench);
    bench.act(|core, now, id| core.answer(now, id, sdp(5000)));
    assert_eq!(bench.given("INVITE", 200), 0, "RFC 3262, section 3");
    prack(&mut bench, 2, number, "");
    assert_eq!((bench.given("PRACK", 200), bench.given("INVITE", 200)), (1, 1));
    bench.ask("ACK", 1, "a", "");
    bench.hang_up();
    bench.settle();
}

#[test]
fn who_insists_gets_every_18x_reliable_one_after_the_other() {
    let mut bench = Bench::called(INSISTS, SDP);
    bench.ring();
    let first = rseq(&bench);
    bench.act(|core, now, id| core.progress(now, id, sdp(5000)));
    assert_eq!(bench.given("INVITE", 183), 0, "one at a time");
    prack(&mut bench, 2, first, "");
    assert_eq!((bench.given("INVITE", 183), rseq(&bench)), (1, first + 1), "numbers grow by one");
    prack(&mut bench, 3, first + 1, "");
    bench.act(|core, now, id| core.answer(now, id, sdp(5000)));
    assert_eq!(bench.status(), 200);
    bench.ask("ACK", 1, "a", "");
    bench.hang_up();
    bench.settle();
}

#[test]
fn a_call_whose_pracks_never_come_is_refused() {
    let mut bench = Bench::called(INSISTS, SDP);
    bench.ring();
    bench.secs(33);
    assert_eq!((bench.status(), bench.end().by, bench.end().cause), (504, Side::Us, EndCause::Refused));
    bench.settle();
}

#[test]
fn a_cancel_ends_what_waits_for_its_prack() {
    let mut bench = Bench::called(INSISTS, SDP);
    bench.ring();
    let number = rseq(&bench);
    bench.cancel(1, "a", &[]);
    assert_eq!(bench.given("INVITE", 487), 1);
    prack(&mut bench, 2, number, "");
    assert_eq!(bench.status(), 481);
    bench.ask("ACK", 1, "a", "");
    let before = bench.given("INVITE", 180);
    bench.secs(30);
    assert_eq!(bench.given("INVITE", 180), before);
    bench.settle();
}

#[test]
fn our_offer_in_a_183_is_answered_by_its_prack() {
    let mut bench = Bench::called(KNOWS, "");
    bench.act(|core, now, id| core.progress(now, id, sdp(5000)));
    let number = rseq(&bench);
    prack(&mut bench, 2, number, &sdp(6000));
    assert_eq!(bench.events, [LegEvent::ReofferAnswered { sdp: sdp(6000) }]);
    bench.act(|core, now, id| core.answer(now, id, sdp(5000)));
    assert_eq!(bench.body(), "");
    bench.ask("ACK", 1, "a", "");
    bench.hang_up();
    bench.settle();
}

#[test]
fn a_prack_may_bring_a_new_offer() {
    let mut bench = Bench::called(KNOWS, SDP);
    bench.act(|core, now, id| core.progress(now, id, sdp(5000)));
    let number = rseq(&bench);
    prack(&mut bench, 2, number, &sdp(6000));
    assert_eq!((bench.status(), bench.body().contains("m=audio 5000")), (200, true));
    assert_eq!(bench.events, [LegEvent::Reoffered { sdp: sdp(6000) }]);
    bench.act(|core, now, id| core.answer(now, id, sdp(5000)));
    bench.ask("ACK", 1, "a", "");
    bench.hang_up();
    bench.settle();
}

#[test]
fn an_offer_in_a_prack_that_no_telephone_can_take_is_refused_and_the_call_lives_on() {
    let mut bench = Bench::called(KNOWS, SDP);
    bench.act(|core, now, id| core.progress(now, id, sdp(5000)));
    let number = rseq(&bench);
    prack(&mut bench, 2, number, &SDP.replace("RTP/AVP 8", "RTP/AVP 18"));
    assert_eq!(bench.status(), 488, "RFC 3262, 5");
    assert!(bench.events.is_empty(), "{:?}", bench.events);
    let before = bench.given("INVITE", 183);
    bench.secs(20);
    assert_eq!(bench.given("INVITE", 183), before, "it came all the same");
    bench.act(|core, now, id| core.answer(now, id, sdp(5000)));
    assert_eq!(bench.status(), 200);
    bench.ask("ACK", 1, "a", "");
    bench.hang_up();
    bench.settle();
}

#[test]
fn each_fork_has_its_own_pracks() {
    let mut bench = Bench::new();
    for tag in ["a", "b"] {
        bench.answer(183, tag, &[("Require", "100rel"), ("RSeq", "7")], SDP);
    }
    // 1xx lost: the next of a row whose first never came is not taken.
    bench.answer(183, "b", &[("Require", "100rel"), ("RSeq", "9")], SDP);
    let pracks: Vec<_> = bench.sent.iter().filter(|request| request.method == Method::PRACK).cloned().collect();
    let to: Vec<_> = pracks.iter().map(|prack| prack.headers.tag("To").unwrap()).collect();
    assert_eq!(to, ["a", "b"]);
    assert_eq!(pracks[0].uri, "sip:party-a@127.0.0.1:5070");
    bench.answer(200, "b", &[], SDP);
    assert_eq!(bench.count(&Method::ACK), 1);
    bench.hang_up();
    let bye = bench.last(&Method::BYE);
    assert_eq!(bye.headers.tag("To"), Some("b"));
    assert!(bye.headers.cseq().unwrap().0 > pracks[1].headers.cseq().unwrap().0);
    bench.answer_to(&bye, 200);
    bench.settle();
}

#[test]
fn after_a_reliable_answer_the_copy_in_the_200_is_not_read() {
    let mut bench = Bench::new();
    bench.answer(183, "a", &[("Require", "100rel"), ("RSeq", "1")], &sdp(6000));
    bench.answer(200, "a", &[], &sdp(7000));
    assert_eq!(bench.events.last(), Some(&LegEvent::Answered { sdp: sdp(6000) }), "RFC 6337, 3.1.1");
    bench.hang_up();
    bench.settle();
}
