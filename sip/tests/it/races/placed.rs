//! Calls that we place: CANCEL and 200, lost messages, forks, challenges, ring limits.

use std::time::Duration;

use songda_sip::{
    EndCause, LegEvent, Side,
    machine::{Method, print_request},
};

use super::{Bench, SDP, far, sdp};

#[test]
fn r4_3c_the_invite_shows_the_courts_number_and_nothing_hides_it() {
    let bench = Bench::new();
    let invite = bench.invite();
    assert_eq!(invite.uri, "sip:13800000001@carrier.test");
    assert!(invite.headers.get("From").unwrap().starts_with("<sip:02988009000@carrier.test>;tag="));
    assert_eq!(invite.headers.get("P-Asserted-Identity"), Some("<sip:02988009000@carrier.test>"));
    assert_eq!(invite.headers.get("Privacy"), None);
}

#[test]
fn an_unanswered_invite_is_repeated_at_the_times_of_the_rfc_and_then_given_up() {
    let mut bench = Bench::new();
    let mut counts = Vec::new();
    // Timer A: after 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 s; timer B at 32 s.
    for ms in [499, 2, 998, 2, 1998, 2, 3998, 2, 7998, 2, 15998, 2] {
        bench.wait(Duration::from_millis(ms));
        counts.push(bench.count(&Method::INVITE));
    }
    assert_eq!(counts, [1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7]);
    bench.wait(Duration::from_secs(1));
    assert_eq!((bench.end().cause, bench.end().provisional), (EndCause::Timeout, false));
    bench.settle();
}

#[test]
fn an_answer_that_crosses_our_cancel_is_acknowledged_and_hung_up() {
    let mut bench = Bench::new();
    bench.answer(180, "a", &[], "");
    bench.hang_up();
    assert_eq!(bench.count(&Method::CANCEL), 1);
    bench.answer(200, "a", &[], SDP);
    assert_eq!((bench.count(&Method::ACK), bench.count(&Method::BYE)), (1, 1));
    assert_eq!((bench.end().by, bench.end().cause), (Side::Us, EndCause::Cancelled));
    let bye = bench.sent.last().unwrap().clone();
    bench.answer_to(&bye, 200);
    bench.settle();
}

#[test]
fn an_answer_without_a_tag_is_a_call_like_any_other() {
    let mut bench = Bench::new();
    bench.answer(180, "", &[], "");
    bench.answer(200, "", &[], SDP);
    bench.answer(200, "", &[], SDP);
    assert!(bench.events.iter().any(|event| matches!(event, LegEvent::Answered { .. })), "{:?}", bench.events);
    assert_eq!(bench.count(&Method::ACK), 2);
    bench.hang_up();
    let bye = bench.sent.last().unwrap().clone();
    assert_eq!(bye.method, Method::BYE);
    bench.answer_to(&bye, 200);
    bench.settle();
}

#[test]
fn a_cancel_waits_for_the_first_provisional_response() {
    let mut bench = Bench::new();
    bench.hang_up();
    assert_eq!(bench.count(&Method::CANCEL), 0);
    bench.answer(100, "", &[], "");
    assert_eq!(bench.count(&Method::CANCEL), 1);
    let cancel = bench.sent.last().unwrap().clone();
    assert_eq!(cancel.headers.get("Via"), bench.invite().headers.get("Via"));
    bench.answer_to(&cancel, 200);
    bench.answer(487, "a", &[], "");
    assert_eq!((bench.end().cause, bench.end().status), (EndCause::Cancelled, Some(487)));
    assert_eq!(bench.count(&Method::ACK), 1);
    bench.settle();
}

#[test]
fn each_repeated_200_is_acknowledged_again() {
    let mut bench = Bench::new();
    for _ in 0..3 {
        bench.answer(200, "a", &[], SDP);
    }
    assert_eq!(bench.count(&Method::ACK), 3);
    assert_eq!(bench.events, [LegEvent::Answered { sdp: SDP.into() }]);
    bench.hang_up();
    bench.settle();
}

#[test]
fn r4_2a_an_answer_is_acknowledged_when_its_leg_is_kept_or_two_seconds_later() {
    let mut bench = Bench::new();
    bench.keeps = false;
    bench.answer(200, "a", &[], SDP);
    bench.wait(Duration::from_millis(1_900));
    bench.answer(200, "a", &[], SDP);
    assert_eq!(bench.count(&Method::ACK), 0, "a repeat is answered with the first");
    let id = bench.id.clone();
    bench.core.kept(bench.now, &id);
    bench.drain();
    assert_eq!(bench.count(&Method::ACK), 1);
    bench.wait(Duration::from_secs(5));
    bench.core.kept(bench.now, &id);
    bench.answer(200, "a", &[], SDP);
    assert_eq!(bench.count(&Method::ACK), 2, "one for each answer");
    bench.hang_up();
    bench.settle();

    let mut bench = Bench::new();
    bench.keeps = false;
    bench.answer(200, "a", &[], SDP);
    bench.wait(Duration::from_secs(2));
    assert_eq!(bench.count(&Method::ACK), 1, "who cannot keep it talks all the same");
    bench.hang_up();
    bench.settle();
}

#[test]
fn a_call_that_is_hung_up_before_it_was_kept_is_acknowledged_first() {
    for by_peer in [false, true] {
        let mut bench = Bench::new();
        bench.keeps = false;
        bench.answer(200, "a", &[], SDP);
        if by_peer {
            bench.ask("BYE", 1, "a", "");
        } else {
            bench.hang_up();
        }
        let methods: Vec<_> = bench.sent[1..].iter().map(|request| request.method.clone()).collect();
        assert_eq!(methods, if by_peer { vec![Method::ACK] } else { vec![Method::ACK, Method::BYE] });
        bench.settle();
    }
}

#[test]
fn a_second_fork_that_answers_is_hung_up_and_the_first_lives_on() {
    let mut bench = Bench::new();
    bench.answer(200, "a", &[], SDP);
    bench.answer(200, "b", &[], SDP);
    assert_eq!((bench.count(&Method::ACK), bench.count(&Method::BYE)), (2, 1));
    let bye = bench.sent.last().unwrap().clone();
    assert!(bye.headers.get("To").unwrap().ends_with("tag=b"), "{bye:?}");
    bench.answer(200, "b", &[], SDP);
    assert_eq!((bench.count(&Method::ACK), bench.count(&Method::BYE)), (3, 1), "a repeat is acknowledged only");
    let challenge = [("WWW-Authenticate", "Digest realm=\"r\", nonce=\"n1\", algorithm=MD5")];
    bench.answer_with(&bye, 401, &challenge);
    let again = bench.sent.last().unwrap();
    assert!(again.headers.get("To").unwrap().ends_with("tag=b") && again.headers.get("Authorization").is_some());
    assert!(bench.is_up());
    bench.ask("BYE", 1, "b", "");
    assert!(bench.status() == 200 && bench.is_up(), "a fork that lost hangs up: that is no word of the winner");
    bench.ask("BYE", 2, "b", "");
    assert_eq!(bench.status(), 481, "its dialog is over");
    bench.ask("BYE", 1, "a", "");
    assert_eq!((bench.end().by, bench.end().cause), (Side::Peer, EndCause::HungUp));
    bench.settle();
}

#[test]
fn a_fork_that_lost_changes_nothing_of_the_call() {
    for method in ["INVITE", "UPDATE"] {
        let mut bench = Bench::new();
        bench.answer(200, "a", &[], SDP);
        bench.answer(200, "b", &[], SDP);
        let told = bench.events.len();
        bench.ask(method, 1, "b", &sdp(4900));
        assert_eq!((bench.status(), bench.events.len()), (481, told), "{method}");
        bench.ask(method, 1, "a", &sdp(4950));
        assert_eq!((bench.status(), bench.events.len()), (200, told + 1), "{method}");
        bench.ask("ACK", 1, "a", "");
        bench.hang_up();
        bench.settle();
    }
}

#[test]
fn byes_that_cross_end_the_call_once() {
    let mut bench = Bench::new();
    bench.answer(200, "a", &[], SDP);
    bench.hang_up();
    bench.ask("BYE", 1, "a", "");
    assert_eq!(bench.answers.last().unwrap().status, 200, "it hangs up what we hang up (RFC 5407, 3.3)");
    assert_eq!(bench.end().by, Side::Us);
    bench.settle();
}

#[test]
fn the_ring_limit_cancels_and_says_so() {
    let mut bench = Bench::new();
    bench.answer(180, "a", &[], "");
    bench.wait(Duration::from_secs(49));
    assert_eq!(bench.count(&Method::CANCEL), 0);
    bench.wait(Duration::from_secs(1));
    assert_eq!(bench.count(&Method::CANCEL), 1);
    bench.answer(487, "a", &[], "");
    let ended = bench.end();
    assert_eq!((ended.by, ended.cause, ended.rang), (Side::Timer, EndCause::RingLimit, Some(Duration::from_secs(50))));
    bench.settle();
}

#[test]
fn early_media_and_the_reason_of_a_dead_number_are_told() {
    let mut bench = Bench::new();
    bench.answer(183, "a", &[], SDP);
    bench.wait(Duration::from_secs(4));
    bench.answer(404, "a", &[("Reason", "SIP;cause=404, Q.850;cause=1;text=\"x\"")], "");
    assert_eq!(bench.events[0], LegEvent::EarlyMedia { sdp: SDP.into() });
    let ended = bench.end();
    assert_eq!((ended.status, ended.q850, ended.rang), (Some(404), Some(1), Some(Duration::from_secs(4))));
    bench.settle();
}

#[test]
fn a_reliable_provisional_is_acknowledged_by_prack_once() {
    let mut bench = Bench::new();
    let reliable = [("Require", "100rel"), ("RSeq", "41")];
    bench.answer(183, "a", &reliable, SDP);
    bench.answer(183, "a", &reliable, SDP);
    let pracks: Vec<_> = bench.sent.iter().filter(|request| request.method == Method::PRACK).collect();
    assert_eq!(pracks.len(), 1);
    assert_eq!(pracks[0].headers.get("RAck"), Some("41 1 INVITE"));
    let prack = pracks[0].clone();
    bench.answer_to(&prack, 200);
    bench.answer(200, "a", &[], SDP);
    bench.hang_up();
    let bye = bench.sent.last().unwrap();
    assert!(bye.headers.cseq().unwrap().0 > prack.headers.cseq().unwrap().0, "CSeq grows within the dialog");
    bench.settle();
}

#[test]
fn an_invite_is_numbered_by_the_invites_before_it_and_not_by_a_prack() {
    let mut bench = Bench::new();
    bench.answer(183, "a", &[("Require", "100rel"), ("RSeq", "1")], "");
    let challenge = [("WWW-Authenticate", "Digest realm=\"r\", nonce=\"n1\", algorithm=MD5")];
    bench.answer(401, "a", &challenge, "");
    assert_eq!(bench.invite().headers.cseq().unwrap().0, 2, "another run must know it to cancel it");
    bench.answer(486, "a", &[], "");
    bench.settle();
}

#[test]
fn the_highest_number_of_a_reliable_provisional_is_the_last_and_nothing_wraps() {
    let mut bench = Bench::new();
    bench.answer(183, "a", &[("Require", "100rel"), ("RSeq", "4294967295")], SDP);
    for number in ["0", "1", "4294967295"] {
        bench.answer(183, "a", &[("Require", "100rel"), ("RSeq", number)], SDP);
    }
    assert_eq!(bench.count(&Method::PRACK), 1, "RFC 3262, section 3: no wrap");
    bench.answer(200, "a", &[], SDP);
    assert!(bench.events.contains(&LegEvent::Answered { sdp: SDP.into() }), "the call lives on");
    bench.hang_up();
    bench.settle();
}

#[test]
fn a_challenge_is_answered_once_and_a_wrong_password_ends_the_call() {
    let challenge = [("WWW-Authenticate", "Digest realm=\"r\", nonce=\"n1\", qop=\"auth\", algorithm=MD5")];
    let mut bench = Bench::new();
    bench.answer(401, "a", &challenge, "");
    let invite = bench.invite();
    assert_eq!(invite.headers.cseq().unwrap().0, 2);
    assert!(invite.headers.get("Authorization").unwrap().contains("username=\"court\""));
    bench.answer(401, "a", &challenge, "");
    assert_eq!((bench.end().cause, bench.end().status), (EndCause::AuthenticationFailed, Some(401)));
    bench.settle();
}

#[test]
fn an_old_nonce_is_one_more_try_and_the_stronger_hash_wins() {
    let mut bench = Bench::new();
    let both = [
        ("Proxy-Authenticate", "Digest realm=\"r\", nonce=\"n1\", qop=\"auth\", algorithm=MD5"),
        ("Proxy-Authenticate", "Digest realm=\"r\", nonce=\"n2\", qop=\"auth\", algorithm=SHA-256"),
    ];
    bench.answer(407, "a", &both, "");
    assert!(bench.invite().headers.get("Proxy-Authorization").unwrap().contains("algorithm=SHA-256"));
    let stale =
        [("Proxy-Authenticate", "Digest realm=\"r\", nonce=\"n3\", stale=true, qop=\"auth\", algorithm=SHA-256")];
    bench.answer(407, "a", &stale, "");
    assert!(bench.invite().headers.get("Proxy-Authorization").unwrap().contains("nonce=\"n3\""));
    bench.answer(200, "a", &[], SDP);
    assert!(bench.sent.last().unwrap().headers.get("Proxy-Authorization").is_some(), "the ACK carries it too");
    assert_eq!(bench.count(&Method::INVITE), 3);
    bench.hang_up();
    bench.settle();
}

#[test]
fn a_carriers_re_invite_is_agreed_to_with_our_sdp_and_repeated_until_its_ack() {
    let mut bench = Bench::new();
    bench.answer(200, "a", &[], SDP);
    let moved = &sdp(4900);
    bench.ask("INVITE", 1, "a", moved);
    assert_eq!(bench.answers.last().unwrap().status, 200);
    assert_eq!(bench.answers.last().unwrap().body, SDP.as_bytes());
    assert_eq!(bench.events.last(), Some(&LegEvent::Reoffered { sdp: moved.clone() }));
    bench.wait(Duration::from_millis(600));
    assert_eq!(bench.answers.iter().filter(|answer| answer.status == 200).count(), 2);
    bench.ask("INVITE", 2, "a", moved);
    assert_eq!(bench.answers.last().unwrap().status, 200, "only the ACK was lost (RFC 5407, 3.1.5)");
    bench.ask("ACK", 2, "a", "");
    let agreed = |bench: &Bench| bench.answers.iter().filter(|answer| answer.status == 200).count();
    let before = agreed(&bench);
    bench.wait(Duration::from_secs(5));
    assert_eq!(agreed(&bench), before);
    bench.hang_up();
    bench.settle();
}

#[test]
fn an_offer_in_our_200_is_answered_in_the_ack() {
    let mut bench = Bench::new();
    bench.answer(200, "a", &[], SDP);
    bench.ask("INVITE", 1, "a", "");
    bench.ask("ACK", 1, "a", &sdp(4950));
    assert!(matches!(bench.events.last(), Some(LegEvent::Reoffered { sdp }) if sdp.contains("4950")));
    bench.hang_up();
    bench.settle();
}

#[test]
fn fax_and_video_are_refused_and_the_call_lives_on() {
    let mut bench = Bench::new();
    bench.answer(200, "a", &[], SDP);
    bench.ask(
        "INVITE",
        1,
        "a",
        "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=image 4900 udptl t38\r\n",
    );
    assert_eq!(bench.answers.last().unwrap().status, 488);
    bench.ask("INVITE", 2, "a", "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 1 RTP/AVP 8\r\nm=video 5000 RTP/AVP 96\r\n");
    assert_eq!(bench.answers.last().unwrap().status, 488);
    bench.ask("BYE", 3, "a", "");
    assert_eq!(bench.answers.last().unwrap().status, 200);
    bench.settle();
}

#[test]
fn a_new_offer_that_a_telephone_cannot_take_is_refused_and_the_call_lives_on() {
    let mut bench = Bench::new();
    bench.answer(200, "a", &[], SDP);
    let before = bench.events.len();
    for (at, media) in ["audio 4900 RTP/AVP 18 101", "audio 0 RTP/AVP 8", "audio 4900 RTP/SAVP 8"].iter().enumerate() {
        for (step, method) in ["INVITE", "UPDATE"].into_iter().enumerate() {
            let number = (2 * at + step) as u32 + 1;
            let offer =
                format!("v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm={media}\r\n");
            bench.ask(method, number, "a", &offer);
            assert_eq!(bench.answers.last().unwrap().status, 488, "{method} {media}");
        }
    }
    assert_eq!(bench.events.len(), before, "nobody is told of what was refused");
    bench.ask(
        "INVITE",
        9,
        "a",
        "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4900 RTP/AVP 18 8\r\n",
    );
    assert_eq!(bench.answers.last().unwrap().status, 200);
    bench.ask("ACK", 9, "a", "");
    bench.hang_up();
    bench.settle();
}

#[test]
fn what_arrives_inside_a_dialog_always_gets_an_answer() {
    for (method, status) in [("OPTIONS", 200), ("INFO", 200), ("UPDATE", 200), ("REFER", 405), ("JUMP", 501)] {
        let mut bench = Bench::new();
        bench.answer(200, "a", &[], SDP);
        bench.ask(method, 7, "a", "");
        assert_eq!(bench.answers.last().unwrap().status, status, "{method}");
        bench.ask("OPTIONS", 6, "a", "");
        assert_eq!(bench.answers.last().unwrap().status, 500, "{method}: out of order");
        bench.ask("BYE", 8, "stranger", "");
        assert_eq!(bench.answers.last().unwrap().status, 481, "another's tag");
        bench.hang_up();
        bench.settle();
    }
}

#[test]
fn a_via_behind_an_empty_one_is_answered_400_and_ends_nothing() {
    for empty in ["Via:\r\n", "Via: ,\r\n", "v: , ,\r\nVia:\r\n"] {
        let mut bench = Bench::new();
        let text = format!(
            "OPTIONS sip:127.0.0.1:5060 SIP/2.0\r\n{empty}Via: SIP/2.0/UDP h;branch=z9hG4bKx\r\nMax-Forwards: 70\r\n\
             From: <sip:x@h>;tag=x\r\nTo: <sip:127.0.0.1>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        );
        bench.core.receive(bench.now, text.as_bytes(), far());
        bench.drain();
        let answer = bench.answers.last().unwrap();
        let vias: Vec<&str> = answer.headers.all("Via").collect();
        assert_eq!((answer.status, vias), (400, vec!["SIP/2.0/UDP h;branch=z9hG4bKx;received=127.0.0.1"]), "{empty:?}");
        bench.answer(486, "a", &[], "");
        bench.settle();
    }
}

#[test]
fn a_stranger_who_calls_learns_nothing() {
    let mut bench = Bench::new();
    let invite = bench.invite();
    let mut request = invite;
    request.headers.set("Call-ID", "stranger");
    request.headers.set("Via", "SIP/2.0/UDP 127.0.0.1:5070;rport;branch=z9hG4bKstranger");
    bench.core.receive(bench.now, &print_request(&request), far());
    bench.drain();
    let answer = bench.answers.last().unwrap();
    assert_eq!(answer.status, 480);
    assert!(answer.headers.get("Via").unwrap().contains(";rport=5070;"), "{answer:?}");
    bench.answer(486, "a", &[], "");
    bench.settle();
}
