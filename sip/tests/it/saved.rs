//! A leg outlives its process: another run ends it (R4.2a), in virtual time.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use songda_sip::{
    FinishError, Finished, LegEvent, Number, OutboundCall, SavedLeg, Trunk,
    machine::{CallCore, Message, Method, Out, Request, Response, parse, print_response},
};

const SDP: &str = "v=0\r\nm=audio 4000 RTP/AVP 8\r\n";

fn far() -> SocketAddr {
    "127.0.0.1:5070".parse().unwrap()
}

fn trunk() -> Arc<Trunk> {
    Arc::new(Trunk {
        name: "t".into(),
        proxy: far().to_string(),
        domain: "carrier.test".into(),
        username: "court".into(),
        password: "secret".to_owned().into(),
        ..Trunk::default()
    })
}

/// One run of the endpoint.
struct Run {
    core: CallCore,
    now: Instant,
    sent: Vec<Request>,
    events: Vec<LegEvent>,
    finished: Vec<Result<Finished, FinishError>>,
}

impl Run {
    fn new(port: u16, seed: u64) -> Self {
        let mut counter = seed;
        let random = move || {
            counter += 1;
            counter
        };
        let local = SocketAddr::from(([127, 0, 0, 1], port));
        let core = CallCore::new(local, "songda-test".into(), Box::new(random));
        Self { core, now: Instant::now(), sent: vec![], events: vec![], finished: vec![] }
    }

    fn dial(&mut self) -> String {
        let call = OutboundCall {
            trunk: trunk(),
            callee: Number::new("13800000001"),
            caller: Number::new("02988009000"),
            offer: SDP.into(),
            ring_limit: Duration::from_secs(50),
        };
        let id = self.core.dial(self.now, call, far());
        self.drain();
        id
    }

    fn finish(&mut self, saved: &SavedLeg) {
        self.core.finish_leg(self.now, saved, &trunk()).unwrap();
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(out) = self.core.poll() {
            match out {
                Out::Send(to, bytes) => {
                    assert_eq!(to.remote, far());
                    if let Some((Message::Request(request), defects)) = parse(&bytes) {
                        assert!(defects.is_empty(), "{defects:?}");
                        self.sent.push(request);
                    }
                }
                Out::Event(_, event) => self.events.push(event),
                Out::Finished(_, how) => self.finished.push(how),
                _ => {}
            }
        }
    }

    fn last(&self, method: &Method) -> Request {
        self.sent.iter().rfind(|request| request.method == *method).unwrap().clone()
    }

    fn count(&self, method: &Method) -> usize {
        self.sent.iter().filter(|request| request.method == *method).count()
    }

    fn answer(&mut self, request: &Request, status: u16, extra: &[(&str, &str)], body: &str) {
        let mut response = Response::to(request, status, "far");
        response.headers.push("Contact", "<sip:party@127.0.0.1:5070>");
        for (name, value) in extra {
            response.headers.push(name, *value);
        }
        response.body = body.as_bytes().to_vec();
        self.core.receive(self.now, &print_response(&response), far());
        self.drain();
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.core.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.core.tick(self.now);
            self.drain();
        }
        self.now = end;
    }

    fn settle(&mut self) {
        self.wait(Duration::from_secs(100));
        assert_eq!(self.core.load(), (0, 0), "tables are empty in the end");
        assert_eq!(self.count(&Method::INVITE), 0, "nothing is dialled");
        assert_eq!(self.finished.len(), 1, "told once");
    }
}

/// As it comes back from the database.
fn kept(saved: &SavedLeg) -> SavedLeg {
    SavedLeg::from_bytes(&saved.to_bytes()).unwrap()
}

const CHALLENGE: (&str, &str) = ("WWW-Authenticate", "Digest realm=\"carrier.test\", nonce=\"n1\", algorithm=SHA-256");

/// A call that was answered after a challenge, by a run that then dies.
fn answered() -> (SavedLeg, Request) {
    let mut run = Run::new(5060, 0);
    run.dial();
    let first = run.last(&Method::INVITE);
    run.answer(&first, 401, &[CHALLENGE], "");
    let invite = run.last(&Method::INVITE);
    run.answer(&invite, 200, &[], SDP);
    let saved = run.events.iter().find_map(|event| match event {
        LegEvent::Saved(saved) => Some(kept(saved)),
        _ => None,
    });
    (saved.unwrap(), invite)
}

/// A call that rings after a challenge, by a run that then dies.
fn ringing() -> (SavedLeg, Vec<Request>) {
    let mut run = Run::new(5060, 0);
    let id = run.dial();
    let saved = kept(&run.core.saved(&id).unwrap());
    let first = run.last(&Method::INVITE);
    run.answer(&first, 401, &[CHALLENGE], "");
    let invite = run.last(&Method::INVITE);
    run.answer(&invite, 180, &[], "");
    (saved, vec![first, invite])
}

#[test]
fn r4_2a_the_leg_of_a_killed_run_gets_its_bye() {
    let (saved, invite) = answered();
    assert!(saved.is_answered());
    let mut run = Run::new(5061, 1_000);
    run.finish(&saved);
    let bye = run.last(&Method::BYE);
    assert_eq!(bye.uri, "sip:party@127.0.0.1:5070");
    for name in ["From", "Call-ID"] {
        assert_eq!(bye.headers.get(name), invite.headers.get(name));
    }
    assert!(bye.headers.get("To").unwrap().ends_with(";tag=far"));
    assert!(bye.headers.cseq().unwrap().0 > invite.headers.cseq().unwrap().0);
    run.answer(&bye, 200, &[], "");
    assert_eq!(run.finished, [Ok(Finished::HungUp)]);
    run.settle();
}

#[test]
fn a_bye_that_is_challenged_is_sent_again_with_the_trunks_credentials() {
    let (saved, _) = answered();
    let mut run = Run::new(5061, 1_000);
    run.finish(&saved);
    let bye = run.last(&Method::BYE);
    run.answer(&bye, 401, &[CHALLENGE], "");
    let again = run.last(&Method::BYE);
    assert!(again.headers.get("Authorization").unwrap().contains("username=\"court\""));
    assert!(run.finished.is_empty());
    run.answer(&again, 481, &[], "");
    assert_eq!(run.finished, [Ok(Finished::Gone)], "who knows of no call has none");
    run.settle();
}

#[test]
fn an_answer_whose_ack_was_lost_with_the_run_is_acknowledged_beside_the_bye() {
    let (saved, invite) = answered();
    let mut run = Run::new(5060, 1_000);
    run.finish(&saved);
    assert_eq!((run.sent[0].method.clone(), run.sent[1].method.clone()), (Method::ACK, Method::BYE));
    run.answer(&invite, 200, &[], SDP);
    let ack = run.last(&Method::ACK);
    assert_eq!(ack, run.sent[0], "the same for each repeat");
    assert_eq!(ack.headers.cseq().unwrap().0, invite.headers.cseq().unwrap().0);
    assert_eq!(ack.headers.get("Authorization"), invite.headers.get("Authorization"), "RFC 3261, 13.2.2.4");
    let bye = run.last(&Method::BYE);
    run.answer(&bye, 200, &[], "");
    assert_eq!((run.finished.clone(), run.count(&Method::BYE)), (vec![Ok(Finished::HungUp)], 1));
    run.settle();
}

#[test]
fn a_leg_that_rang_is_cancelled_under_the_branch_of_its_invite() {
    let (saved, invites) = ringing();
    assert!(!saved.is_answered());
    let mut run = Run::new(5061, 1_000);
    run.finish(&saved);
    assert_eq!(run.sent.len(), 1, "one CANCEL at a time");
    let (right, pending) = (run.last(&Method::CANCEL), &invites[1]);
    assert_eq!(right.headers.get("Via"), pending.headers.get("Via"));
    for name in ["From", "To", "Call-ID"] {
        assert_eq!(right.headers.get(name), pending.headers.get(name));
    }
    assert_eq!((right.uri.as_str(), right.headers.cseq().unwrap().0), (pending.uri.as_str(), 2));
    run.answer(&right, 200, &[], "");
    assert!(run.finished.is_empty(), "the INVITE has no final answer yet");
    run.answer(pending, 487, &[], "");
    assert_eq!(run.finished, [Ok(Finished::Cancelled)]);
    assert_eq!(run.last(&Method::ACK).headers.get("Via"), pending.headers.get("Via"), "the 487 is acknowledged");
    run.settle();
}

#[test]
fn an_answer_that_crosses_the_restart_is_acknowledged_and_hung_up() {
    let (saved, invites) = ringing();
    let mut run = Run::new(5060, 1_000);
    run.finish(&saved);
    run.answer(&invites[1], 200, &[], SDP);
    let ack = run.last(&Method::ACK);
    assert_eq!(ack.headers.cseq(), Some((2, Method::ACK)));
    let bye = run.last(&Method::BYE);
    assert_eq!(bye.uri, "sip:party@127.0.0.1:5070");
    run.answer(&bye, 200, &[], "");
    assert_eq!(run.finished, [Ok(Finished::HungUp)]);
    run.answer(&invites[1], 200, &[], SDP);
    assert_eq!((run.count(&Method::ACK), run.count(&Method::BYE)), (2, 1), "a repeat is acknowledged");
    run.settle();
}

/// The carrier knows none of the INVITEs that may be pending.
fn unknown(saved: &SavedLeg) -> Run {
    let mut run = Run::new(5061, 1_000);
    run.finish(saved);
    for asked in 1..=4 {
        assert_eq!(run.count(&Method::CANCEL), asked);
        let cancel = run.last(&Method::CANCEL);
        run.answer(&cancel, 481, &[], "");
    }
    assert!(run.finished.is_empty(), "it may have forgotten the INVITE with its answer");
    run
}

#[test]
fn a_leg_of_which_the_carrier_knows_nothing_is_over_when_no_answer_is_repeated() {
    let mut run = unknown(&ringing().0);
    run.wait(Duration::from_millis(4_499));
    assert!(run.finished.is_empty());
    run.wait(Duration::from_millis(1));
    assert_eq!(run.finished, [Ok(Finished::Gone)]);
    run.settle();
}

#[test]
fn an_answer_that_is_repeated_after_its_invite_is_forgotten_is_hung_up() {
    let (saved, invites) = ringing();
    for late in [false, true] {
        let mut run = unknown(&saved);
        run.wait(Duration::from_secs(if late { 8 } else { 4 }));
        run.answer(&invites[1], 200, &[], SDP);
        assert_eq!((run.count(&Method::ACK), run.count(&Method::BYE)), (1, 1));
        let bye = run.last(&Method::BYE);
        run.answer(&bye, 200, &[], "");
        assert_eq!(run.finished, [Ok(if late { Finished::Gone } else { Finished::HungUp })]);
        run.settle();
    }
}

#[test]
fn a_cancel_that_leads_to_nothing_is_followed_by_the_next() {
    let (saved, invites) = ringing();
    let mut run = Run::new(5061, 1_000);
    run.finish(&saved);
    let second = run.last(&Method::CANCEL);
    run.answer(&second, 200, &[], "");
    run.wait(Duration::from_millis(499));
    assert_eq!(run.count(&Method::CANCEL), 1);
    run.wait(Duration::from_millis(1));
    let first = run.last(&Method::CANCEL);
    assert_eq!(first.headers.get("Via"), invites[0].headers.get("Via"));
    // The challenge was not acknowledged before the kill: it comes again, and says nothing of the next.
    run.answer(&first, 200, &[], "");
    run.answer(&invites[0], 401, &[CHALLENGE], "");
    assert_eq!(run.last(&Method::ACK).headers.get("Via"), invites[0].headers.get("Via"));
    run.wait(Duration::from_millis(500));
    let third = run.last(&Method::CANCEL);
    assert_eq!(third.headers.cseq().unwrap().0, 3);
    run.answer(&third, 481, &[], "");
    let fourth = run.last(&Method::CANCEL);
    assert_eq!(fourth.headers.cseq().unwrap().0, 4);
    run.answer(&fourth, 481, &[], "");
    assert!(run.finished.is_empty());
    run.wait(Duration::from_secs(32));
    assert_eq!(run.finished, [Err(FinishError::Silent)], "the second has no end that we know");
    run.settle();
}

#[test]
fn a_carrier_without_a_password_is_sent_the_cancel_of_the_first_invite_first() {
    let (saved, invites) = ringing();
    let mut run = Run::new(5061, 1_000);
    let open = Trunk { username: String::new(), ..(*trunk()).clone() };
    run.core.finish_leg(run.now, &saved, &open).unwrap();
    run.drain();
    assert_eq!(run.last(&Method::CANCEL).headers.get("Via"), invites[0].headers.get("Via"));
}

#[test]
fn forks_that_answer_around_a_restart_are_all_hung_up() {
    let (saved, invite) = answered();
    let mut run = Run::new(5061, 1_000);
    run.finish(&saved);
    let first = run.last(&Method::BYE);
    let mut other = Response::to(&invite, 200, "fork");
    other.headers.push("Contact", "<sip:fork@127.0.0.1:5070>");
    run.core.receive(run.now, &print_response(&other), far());
    run.drain();
    let second = run.last(&Method::BYE);
    assert_eq!((second.uri.as_str(), run.count(&Method::ACK)), ("sip:fork@127.0.0.1:5070", 2));
    run.answer(&first, 200, &[], "");
    assert!(run.finished.is_empty());
    run.answer(&second, 200, &[], "");
    assert_eq!(run.finished, [Ok(Finished::HungUp)]);
    run.settle();
}

#[test]
fn a_bye_that_is_refused_is_told() {
    let (saved, _) = answered();
    for (status, tries) in [(503, 1), (401, 2)] {
        let mut run = Run::new(5061, 1_000);
        run.finish(&saved);
        for _ in 0..tries {
            let bye = run.last(&Method::BYE);
            run.answer(&bye, status, &[CHALLENGE], "");
        }
        assert_eq!(run.finished, [Err(FinishError::Refused { status })]);
        assert_eq!(run.count(&Method::BYE), tries);
        run.settle();
    }
}

#[test]
fn a_challenge_that_comes_late_has_its_full_time_too() {
    let mut run = Run::new(5061, 1_000);
    run.finish(&answered().0);
    run.wait(Duration::from_secs(31));
    let bye = run.last(&Method::BYE);
    run.answer(&bye, 401, &[CHALLENGE], "");
    run.wait(Duration::from_secs(31));
    assert!(run.finished.is_empty());
    let again = run.last(&Method::BYE);
    run.answer(&again, 200, &[], "");
    assert_eq!(run.finished, [Ok(Finished::HungUp)]);
    run.settle();
}

#[test]
fn a_leg_keeps_the_name_under_which_it_was_dialled() {
    let (saved, invites) = ringing();
    let mut run = Run::new(5061, 1_000);
    let moved = Trunk { domain: "other.test".into(), ..(*trunk()).clone() };
    run.core.finish_leg(run.now, &saved, &moved).unwrap();
    run.drain();
    let cancel = run.last(&Method::CANCEL);
    assert_eq!(cancel.uri, invites[1].uri);
    assert_eq!(cancel.headers.get("To"), invites[1].headers.get("To"));
}

#[test]
fn a_leg_of_this_run_is_not_ended_as_one_of_another() {
    let mut run = Run::new(5060, 0);
    let id = run.dial();
    let saved = run.core.saved(&id).unwrap();
    assert_eq!(run.core.finish_leg(run.now, &saved, &trunk()), Err(FinishError::InUse));
}

#[test]
fn a_carrier_that_is_silent_is_told_after_32_seconds() {
    for saved in [answered().0, ringing().0] {
        let mut run = Run::new(5061, 1_000);
        run.finish(&saved);
        run.wait(Duration::from_secs(31));
        assert!(run.finished.is_empty());
        run.wait(Duration::from_secs(3));
        assert_eq!(run.finished, [Err(FinishError::Silent)]);
        run.settle();
    }
}

#[test]
fn a_silent_carrier_may_be_tried_again() {
    let (saved, _) = answered();
    let mut run = Run::new(5061, 1_000);
    run.finish(&saved);
    assert_eq!(run.core.finish_leg(run.now, &saved, &trunk()), Err(FinishError::InUse), "one at a time");
    run.wait(Duration::from_secs(33));
    run.finish(&saved);
    let bye = run.last(&Method::BYE);
    run.answer(&bye, 200, &[], "");
    assert_eq!(run.finished, [Err(FinishError::Silent), Ok(Finished::HungUp)]);
}

#[test]
fn what_is_kept_shows_no_number_and_garbage_is_no_leg() {
    let (saved, _) = ringing();
    assert!(!format!("{saved:?}").contains("13800000001"), "{saved:?}");
    assert_eq!(SavedLeg::from_bytes(b"{}"), None);
    assert_eq!(SavedLeg::from_bytes(b""), None);
    let other = String::from_utf8(saved.to_bytes()).unwrap().replacen("\"version\":2", "\"version\":1", 1);
    assert_eq!(SavedLeg::from_bytes(other.as_bytes()), None, "another version wrote it");
}

#[test]
fn a_call_killed_between_a_challenge_and_the_next_invite_is_no_alarm() {
    let (saved, invites) = ringing();
    let mut run = Run::new(5061, 1_000);
    run.finish(&saved);
    // The second INVITE never arrived, and the challenge of the first was acknowledged.
    let second = run.last(&Method::CANCEL);
    run.answer(&second, 481, &[], "");
    let first = run.last(&Method::CANCEL);
    assert_eq!(first.headers.get("Via"), invites[0].headers.get("Via"));
    run.answer(&first, 200, &[], "");
    run.wait(Duration::from_millis(500));
    for _ in 3..=4 {
        let unknown = run.last(&Method::CANCEL);
        run.answer(&unknown, 481, &[], "");
    }
    assert!(run.finished.is_empty());
    run.wait(Duration::from_secs(40));
    assert_eq!(run.finished, [Ok(Finished::Gone)]);
    run.settle();
}

#[test]
fn r4_2a_the_answered_leg_of_a_call_that_came_in_gets_its_bye_from_the_next_run() {
    let mut run = Run::new(5060, 0);
    let invite = "INVITE sip:02988009000@127.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bKin\r\n\
                  Max-Forwards: 70\r\nFrom: <sip:13800000001@carrier.test>;tag=far\r\n\
                  To: <sip:02988009000@127.0.0.1:5060>\r\nCall-ID: in-1\r\nCSeq: 7 INVITE\r\n\
                  Contact: <sip:party@127.0.0.1:5070>\r\nContent-Length: 0\r\n\r\n";
    run.core.receive(run.now, invite.as_bytes(), far());
    run.drain();
    run.core.answer(run.now, "in-1", SDP.into());
    run.drain();
    let Some(LegEvent::Saved(saved)) = run.events.pop() else { panic!("{:?}", run.events) };
    let saved = kept(&saved);
    let mut next = Run::new(5061, 1_000);
    next.finish(&saved);
    let bye = next.last(&Method::BYE);
    assert_eq!((bye.uri.as_str(), bye.headers.tag("To")), ("sip:party@127.0.0.1:5070", Some("far")));
    assert!(bye.headers.get("From").unwrap().starts_with("<sip:02988009000@127.0.0.1:5060>;tag="));
    next.answer(&bye, 200, &[], "");
    assert_eq!(next.finished, [Ok(Finished::HungUp)]);
    next.settle();
}
