//! Calls that come in: rung, answered, refused, cancelled, and what crosses what.

use std::time::Duration;

use songda_sip::{
    EndCause, LegEvent, Number, Reason, Rejection, Side,
    machine::{Headers, Method, Request},
};

use super::{Bench, SDP, far, sdp};

/// Answered with the description at port 5000, and acknowledged.
fn talking() -> Bench {
    let mut bench = Bench::called(&[], SDP);
    bench.act(|core, now, id| core.answer(now, id, sdp(5000)));
    bench.ask("ACK", 1, "a", "");
    assert_eq!(bench.events, [LegEvent::Acknowledged]);
    bench
}

#[test]
fn r4_4a_a_call_that_comes_in_says_who_calls_whom_with_what() {
    let asserted = [("P-Asserted-Identity", "<sip:+8613900000002@carrier.test>, <tel:+8613900000002>")];
    let mut bench = Bench::called(&asserted, SDP);
    let invite = &bench.invites[0];
    assert_eq!(invite.called, "02988009000");
    assert_eq!(invite.caller, Some(Number::new("+8613900000002")));
    assert_eq!(invite.offer.as_deref(), Some(SDP));
    assert_eq!(invite.flow.remote, far());
    let shown = format!("{invite:?}");
    assert!(!shown.contains("13900000002") && !shown.contains("02988009000"), "{shown}");
    bench.act(|core, now, id| core.reject(now, id, &Rejection::status(480)));
    bench.settle();
}

#[test]
fn a_caller_who_hides_stays_hidden() {
    for privacy in ["id", "user;critical", "header; id"] {
        let extra = [("P-Asserted-Identity", "<sip:13900000002@carrier.test>"), ("Privacy", privacy)];
        let bench = Bench::called(&extra, SDP);
        assert_eq!(bench.invites[0].caller, None, "{privacy}");
    }
}

#[test]
fn it_rings_is_answered_and_the_answer_is_repeated_until_its_ack() {
    let mut bench = Bench::called(&[], SDP);
    assert!(bench.answers.is_empty(), "the transaction says 100 if nobody rings at once");
    bench.wait(Duration::from_millis(250));
    assert_eq!(bench.status(), 100);
    bench.ring();
    let ringing = bench.answers.last().unwrap().clone();
    assert_eq!((ringing.status, ringing.headers.get("Require")), (180, None), "nobody asked for reliable ones");
    assert!(ringing.headers.get("Contact").is_some() && ringing.headers.tag("To").is_some(), "RFC 3261, 12.1.1");
    bench.act(|core, now, id| core.answer(now, id, sdp(5000)));
    assert_eq!((bench.status(), bench.body()), (200, sdp(5000)));
    assert_eq!(bench.answers.last().unwrap().headers.tag("To"), ringing.headers.tag("To"));
    // 0.5, 1.5, 3.5, 7.5 s, then every four (13.3.1.4).
    let mut counts = Vec::new();
    for ms in [499, 2, 998, 2, 1_998, 2, 3_998, 2, 3_998, 2] {
        bench.wait(Duration::from_millis(ms));
        counts.push(bench.given("INVITE", 200));
    }
    assert_eq!(counts, [1, 2, 2, 3, 3, 4, 4, 5, 5, 6]);
    bench.ask("ACK", 1, "a", "");
    assert_eq!(bench.events, [LegEvent::Acknowledged]);
    bench.secs(60);
    assert_eq!(bench.given("INVITE", 200), 6);
    bench.ask("ACK", 1, "a", "");
    assert_eq!(bench.events.len(), 1, "one ACK is enough");
    bench.ask("BYE", 2, "a", "");
    assert_eq!((bench.status(), bench.end().by, bench.end().cause), (200, Side::Peer, EndCause::HungUp));
    assert_eq!(bench.down, [true]);
    bench.settle();
}

#[test]
fn a_caller_who_waits_long_hears_of_us_every_minute() {
    let mut bench = Bench::called(&[], SDP);
    bench.ring();
    bench.secs(361);
    assert_eq!(bench.given("INVITE", 180), 7, "RFC 3261, 13.3.1.1");
    bench.act(|core, now, id| core.answer(now, id, sdp(5000)));
    assert_eq!(bench.status(), 200, "its transaction lives on");
    bench.ask("ACK", 1, "a", "");
    bench.hang_up();
    bench.settle();
}

#[test]
fn a_call_that_nobody_answers_is_refused_at_last() {
    let mut bench = Bench::called(&[], SDP);
    bench.ring();
    bench.secs(600);
    assert_eq!((bench.status(), bench.end().cause), (480, EndCause::RingLimit));
    bench.settle();
}

#[test]
fn a_refusal_carries_its_cause_and_when_to_come_again() {
    let cases = [
        (Rejection::status(486), 486, None),
        (Rejection { q850: Some(17), ..Rejection::status(486) }, 486, Some(("Reason", "Q.850;cause=17"))),
        (
            Rejection { retry_after: Some(Duration::from_secs(30)), ..Rejection::status(503) },
            503,
            Some(("Retry-After", "30")),
        ),
        (
            Rejection { contact: Some("sip:02988009001@127.0.0.1:5060".into()), ..Rejection::status(302) },
            302,
            Some(("Contact", "<sip:02988009001@127.0.0.1:5060>")),
        ),
        (
            Rejection { words: Some("phones call nobody outside"), ..Rejection::status(403) },
            403,
            Some(("Warning", "399 127.0.0.1:5060 \"phones call nobody outside\"")),
        ),
        (Rejection::status(200), 480, None),
    ];
    for (rejection, status, header) in cases {
        let mut bench = Bench::called(&[], SDP);
        bench.act(|core, now, id| core.reject(now, id, &rejection));
        assert_eq!((bench.status(), bench.end().status), (status, Some(status)));
        assert_eq!((bench.end().by, bench.end().cause), (Side::Us, EndCause::Refused));
        if let Some((name, value)) = header {
            assert_eq!(bench.answers.last().unwrap().headers.get(name), Some(value));
        }
        bench.act(|core, now, id| core.answer(now, id, sdp(5000)));
        assert_eq!(bench.given("INVITE", 200), 0, "it is refused for good");
        bench.settle();
    }
}

#[test]
fn a_cancel_gets_its_200_and_the_invite_its_487() {
    let mut bench = Bench::called(&[], SDP);
    bench.ring();
    bench.cancel(1, "a", &[("Reason", "SIP;cause=200;text=\"Call completed elsewhere\", Q.850;cause=26")]);
    assert_eq!((bench.given("CANCEL", 200), bench.given("INVITE", 487)), (1, 1));
    assert_eq!((bench.end().by, bench.end().cause, bench.end().q850), (Side::Peer, EndCause::Cancelled, Some(26)));
    // CANCEL x 487: the CANCEL comes again while the 487 waits for its ACK.
    bench.cancel(1, "a", &[]);
    assert_eq!((bench.given("CANCEL", 200), bench.given("INVITE", 487)), (2, 1));
    bench.wait(Duration::from_millis(501));
    assert_eq!(bench.given("INVITE", 487), 2, "repeated until its ACK");
    bench.ask("ACK", 1, "a", "");
    bench.secs(10);
    assert_eq!(bench.given("INVITE", 487), 2);
    assert_eq!(bench.down, [true]);
    bench.settle();
}

#[test]
fn a_cancel_that_crosses_our_200_changes_nothing() {
    let mut bench = Bench::called(&[], SDP);
    bench.act(|core, now, id| core.answer(now, id, sdp(5000)));
    bench.cancel(1, "a", &[]);
    assert_eq!((bench.given("CANCEL", 200), bench.given("INVITE", 487)), (1, 0), "RFC 3261, 9.2");
    assert!(bench.is_up());
    bench.ask("ACK", 1, "a", "");
    bench.ask("BYE", 2, "a", "");
    bench.settle();
}

#[test]
fn an_answer_that_nobody_acknowledges_is_hung_up_after_32_seconds() {
    let mut bench = Bench::called(&[], SDP);
    bench.act(|core, now, id| core.answer(now, id, sdp(5000)));
    bench.secs(31);
    assert!(bench.is_up() && bench.sent.is_empty());
    bench.secs(2);
    assert_eq!((bench.end().by, bench.end().cause), (Side::Timer, EndCause::Timeout));
    assert_eq!(bench.fresh(&Method::BYE), 1, "RFC 3261, 13.3.1.4");
    assert!(bench.down.is_empty(), "it has not answered yet");
    let bye = bench.last(&Method::BYE);
    bench.answer_to(&bye, 481);
    assert_eq!(bench.down, [true]);
    bench.settle();
}

#[test]
fn who_hangs_up_before_the_ack_of_his_answer_waits_for_it() {
    for comes in [true, false] {
        let mut bench = Bench::called(&[], SDP);
        bench.act(|core, now, id| core.answer(now, id, sdp(5000)));
        bench.act(|core, now, id| core.hang_up_with(now, id, Reason { q850: Some(31), sip: None }));
        assert_eq!((bench.end().by, bench.count(&Method::BYE)), (Side::Us, 0), "RFC 3261, 15");
        if comes {
            bench.ask("ACK", 1, "a", "");
        } else {
            bench.secs(33);
        }
        assert_eq!(bench.fresh(&Method::BYE), 1);
        let bye = bench.last(&Method::BYE);
        assert_eq!(bye.headers.get("Reason"), Some("Q.850;cause=31"));
        assert_eq!((bye.headers.tag("To"), bye.uri.as_str()), (Some("a"), "sip:party@127.0.0.1:5070"));
        assert!(bench.down.is_empty());
        bench.answer_to(&bye, 200);
        assert_eq!(bench.down, [true]);
        bench.settle();
    }
}

#[test]
fn a_bye_that_comes_before_the_ack_ends_the_call_and_its_repeats() {
    let mut bench = Bench::called(&[], SDP);
    bench.act(|core, now, id| core.answer(now, id, sdp(5000)));
    bench.ask("BYE", 2, "a", "");
    assert_eq!((bench.given("BYE", 200), bench.end().by), (1, Side::Peer));
    let answers = bench.given("INVITE", 200);
    bench.secs(40);
    assert_eq!((bench.given("INVITE", 200), bench.count(&Method::BYE)), (answers, 0));
    bench.settle();
}

#[test]
fn a_caller_may_hang_up_while_it_rings() {
    let mut bench = Bench::called(&[], SDP);
    bench.ring();
    bench.ask("BYE", 2, "a", "");
    assert_eq!((bench.given("BYE", 200), bench.given("INVITE", 487)), (1, 1), "RFC 3261, 15.1.2");
    assert_eq!((bench.end().by, bench.end().cause), (Side::Peer, EndCause::Cancelled));
    bench.settle();
}

#[test]
fn byes_that_cross_are_both_answered() {
    let mut bench = talking();
    bench.hang_up();
    bench.ask("BYE", 2, "a", "");
    assert_eq!(bench.status(), 200, "RFC 5407, 3.3");
    assert!(bench.down.is_empty(), "ours has no answer yet");
    let bye = bench.last(&Method::BYE);
    bench.answer_to(&bye, 481);
    assert_eq!((bench.down.clone(), bench.end().by), (vec![true], Side::Us));
    bench.settle();
}

#[test]
fn a_bye_that_is_never_answered_leaves_the_leg_in_doubt() {
    let mut bench = talking();
    bench.hang_up();
    bench.secs(31);
    assert!(bench.down.is_empty());
    bench.secs(2);
    assert_eq!((bench.down.clone(), bench.count(&Method::BYE)), (vec![false], 11));
    bench.settle();
}

#[test]
fn an_offer_may_come_with_our_answer_and_is_answered_by_the_ack() {
    for (answer, taken) in
        [(sdp(6000), true), (SDP.replace("RTP/AVP 8", "RTP/AVP 18").replace("8 PCMA", "18 G729"), false)]
    {
        let mut bench = Bench::called(&[], "");
        assert_eq!(bench.invites[0].offer, None);
        bench.act(|core, now, id| core.answer(now, id, sdp(5000)));
        assert_eq!(bench.body(), sdp(5000));
        bench.ask("INVITE", 2, "a", &sdp(6000));
        assert_eq!(bench.status(), 491, "our offer is not answered yet (RFC 5407, 3.1.5)");
        bench.ask("ACK", 1, "a", &answer);
        let told = bench.events.contains(&LegEvent::ReofferAnswered { sdp: answer.clone() });
        assert_eq!(told, taken, "what no telephone can take changes nothing: {:?}", bench.events);
        assert!(bench.events.contains(&LegEvent::Acknowledged) && bench.is_up());
        bench.hang_up();
        bench.settle();
    }
}

#[test]
fn an_offer_that_no_telephone_can_take_is_refused_before_anybody_is_asked() {
    for media in ["audio 4000 RTP/SAVP 8", "audio 4000 RTP/AVP 18", "image 4000 udptl t38", "video 4000 RTP/AVP 96"] {
        let bench = Bench::called(&[], &SDP.replace("audio 4000 RTP/AVP 8", media));
        assert_eq!((bench.status(), bench.invites.len()), (488, 0), "{media}");
        assert!(bench.answers[0].headers.get("Warning").is_some());
    }
    let bench = Bench::called(&[], &format!("{SDP}m=video 5000 RTP/AVP 96\r\n"));
    assert_eq!(bench.invites.len(), 1, "who could do video too can be spoken with");
    let bench = Bench::called(&[("Content-Type", "application/isup")], "x");
    assert_eq!((bench.status(), bench.invites.len()), (415, 0));
    let bench = Bench::called(&[("Require", "100rel, gruu")], SDP);
    assert_eq!((bench.status(), bench.answers[0].headers.get("Unsupported")), (420, Some("gruu")));
}

#[test]
fn one_call_that_took_two_ways_is_taken_once() {
    let mut bench = Bench::called(&[], SDP);
    bench.ring();
    let (near, names) = (bench.names.1.clone(), bench.names.clone());
    bench.names.1 = near.split(";tag=").next().unwrap().to_owned();
    let text = format!(
        "INVITE sip:02988009000@127.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bKother\r\n\
         Max-Forwards: 70\r\nFrom: {};tag=a\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n",
        names.0, bench.names.1, names.2
    );
    bench.core.receive(bench.now, text.as_bytes(), far());
    bench.drain();
    assert_eq!((bench.status(), bench.invites.len()), (482, 1), "RFC 3261, 8.2.2.2");
    bench.names = names;
    bench.act(|core, now, id| core.answer(now, id, sdp(5000)));
    bench.ask("ACK", 1, "a", "");
    assert!(bench.is_up());
    bench.hang_up();
    bench.settle();
}

#[test]
fn two_calls_may_share_a_call_id_and_each_has_its_own_dialog() {
    let mut bench = talking();
    let near = bench.names.1.clone();
    bench.names.1 = near.split(";tag=").next().unwrap().to_owned();
    bench.ask("INVITE", 1, "b", SDP);
    assert_eq!(bench.invites.len(), 2);
    bench.wait(Duration::from_millis(300));
    bench.names.1 = near;
    bench.ask("BYE", 2, "b", "");
    assert_eq!(bench.status(), 481, "the tags of one with those of the other are no dialog");
    bench.ask("BYE", 2, "a", "");
    assert_eq!((bench.status(), bench.is_up()), (200, false));
    bench.secs(700);
    assert!(bench.core.is_empty(), "{:?}", bench.core);
}

#[test]
fn the_routes_of_an_invite_are_the_way_back() {
    let routes = [("Record-Route", "<sip:127.0.0.1:5071;lr>, <sip:10.0.0.9;lr>")];
    let mut bench = Bench::called(&routes, SDP);
    bench.act(|core, now, id| core.answer(now, id, sdp(5000)));
    let answer = bench.answers.last().unwrap();
    assert_eq!(answer.headers.list("Record-Route").count(), 2, "RFC 3261, 12.1.1");
    bench.ask("ACK", 1, "a", "");
    bench.hang_up();
    let bye = bench.last(&Method::BYE);
    let routes: Vec<_> = bye.headers.list("Route").collect();
    assert_eq!(routes, ["<sip:127.0.0.1:5071;lr>", "<sip:10.0.0.9;lr>"]);
    assert_eq!(bye.uri, "sip:party@127.0.0.1:5070");
    bench.answer_to(&bye, 200);
    bench.settle();
}

#[test]
fn keys_that_are_told_by_info_are_heard() {
    let mut bench = talking();
    let relay = [("Content-Type", "application/dtmf-relay")];
    bench.ask_with("INFO", 2, "a", &relay, "Signal=5\r\nDuration=160\r\n");
    bench.ask_with("INFO", 3, "a", &relay, "Signal= 11\r\nDuration= 90\r\n");
    bench.ask_with("INFO", 4, "a", &[("Content-Type", "application/dtmf")], "*");
    bench.ask_with("INFO", 5, "a", &[("Content-Type", "application/dtmf")], "not a key");
    bench.ask_with("INFO", 6, "a", &[("Content-Type", "application/media_control+xml")], "<x/>");
    assert_eq!(bench.given("INFO", 200), 5);
    let digits = [('5', 160), ('#', 90), ('*', 0)].map(|(digit, ms)| LegEvent::Digit { digit, ms });
    assert_eq!(bench.events[1..], digits);
    bench.hang_up();
    bench.settle();
}

#[test]
fn what_is_no_call_is_for_others_to_serve() {
    let mut bench = Bench::empty();
    bench.names = ("<sip:a@carrier.test>".into(), "<sip:b@127.0.0.1:5060>".into(), "other".into());
    for (at, method) in ["OPTIONS", "REGISTER", "MESSAGE", "NOTIFY", "REFER"].into_iter().enumerate() {
        bench.ask(method, at as u32 + 1, "a", "");
        let (key, request) = bench.outside.pop().unwrap();
        assert_eq!(request.method.as_str(), method);
        bench.core.decline(bench.now, &key, &request);
        bench.drain();
        let status = match method {
            "OPTIONS" => 200,
            "NOTIFY" => 481,
            _ => 405,
        };
        assert_eq!(bench.status(), status, "{method}");
        bench.names.1 = "<sip:b@127.0.0.1:5060>".into();
    }
    bench.secs(100);
    assert!(bench.core.is_empty(), "{:?}", bench.core);
}

#[test]
fn requests_of_others_are_answered_or_not_and_never_forgotten() {
    let mut bench = Bench::empty();
    let mut headers = Headers::default();
    for (name, value) in [
        ("Max-Forwards", "70"),
        ("From", "<sip:court@carrier.test>;tag=1"),
        ("To", "<sip:court@carrier.test>"),
        ("Call-ID", "reg"),
        ("CSeq", "1 REGISTER"),
        ("Contact", "<sip:court@127.0.0.1:5060>"),
    ] {
        headers.push(name, value);
    }
    let request = Request { method: Method::REGISTER, uri: "sip:carrier.test".into(), headers, body: vec![] };
    let key = bench.core.request(bench.now, request.clone(), far()).unwrap();
    bench.drain();
    let sent = bench.last(&Method::REGISTER);
    assert_eq!(sent.headers.all("Contact").collect::<Vec<_>>(), ["<sip:court@127.0.0.1:5060>"], "his own");
    bench.answer_to(&sent, 100);
    assert!(bench.answered.is_empty());
    bench.answer_to(&sent, 401);
    assert_eq!(bench.answered, [(key, Some(401))]);
    let key = bench.core.request(bench.now, request, far()).unwrap();
    bench.secs(40);
    assert_eq!(bench.answered[1..], [(key, None)]);
    assert!(bench.core.is_empty(), "{:?}", bench.core);
}

/// Answered as our sound answers: the first law of the offer alone, and the direction that follows.
fn answered_by_sound(direction: &str, answer: &str) -> Bench {
    let mut bench = Bench::called(&[], &SDP.replace("sendrecv", direction));
    let ours = sdp(5000).replace("sendrecv", answer);
    bench.act(|core, now, id| core.answer(now, id, ours));
    bench.ask("ACK", 1, "a", "");
    bench
}

#[test]
fn a_caller_may_change_to_the_other_law_and_back() {
    let mut bench = answered_by_sound("sendrecv", "sendrecv");
    // Of several the first is ours.
    for (number, law, ours) in [(2, "0", "0"), (3, "8", "8"), (4, "0 8", "8 0")] {
        bench.ask(
            "INVITE",
            number,
            "a",
            &sdp(6000).replace("RTP/AVP 8\r\na=rtpmap:8 PCMA/8000", &format!("RTP/AVP {law}")),
        );
        assert_eq!(bench.status(), 200, "{law}");
        assert!(bench.body().contains(&format!("m=audio 5000 RTP/AVP {ours}\r\n")), "{}", bench.body());
        bench.ask("ACK", number, "a", "");
    }
    bench.hang_up();
    bench.settle();
}

#[test]
fn a_call_that_began_on_hold_is_let_go_of() {
    for (offered, answered) in [("sendonly", "recvonly"), ("inactive", "inactive")] {
        let mut bench = answered_by_sound(offered, answered);
        bench.ask("INVITE", 2, "a", &sdp(6000));
        assert!(bench.status() == 200 && bench.body().contains("a=sendrecv"), "{offered}: {}", bench.body());
        bench.ask("ACK", 2, "a", "");
        bench.hang_up();
        bench.settle();
    }
}
