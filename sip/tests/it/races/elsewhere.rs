//! The other hosts of a trunk (RFC 3263, 4.3).

use std::{net::SocketAddr, sync::Arc, time::Duration};

use songda_sip::{
    EndCause, Flow, LegEvent, Protocol, Targets, Trunk,
    machine::{Method, Request},
};

use super::{Bench, SDP, far};

fn host(number: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 5070 + number))
}

/// So many hosts of one trunk, one after the other.
fn hosts(count: u16) -> Targets {
    Targets::new((0..count).map(|number| (Arc::from(format!("host{number}.test")), Flow::udp(host(number))))).unwrap()
}

fn dialled(count: u16) -> Bench {
    Bench::dialled_at(Bench::trunk(), hosts(count))
}

impl Bench {
    /// The different INVITEs, and where each went.
    fn invites_sent(&self) -> Vec<(Request, SocketAddr)> {
        let mut invites: Vec<(Request, SocketAddr)> = Vec::new();
        for (request, way) in self.sent.iter().zip(&self.ways).filter(|(request, _)| request.method == Method::INVITE) {
            if invites.iter().all(|(known, _)| known.headers.get("Via") != request.headers.get("Via")) {
                invites.push((request.clone(), way.remote));
            }
        }
        invites
    }

    fn asked(&self) -> Vec<SocketAddr> {
        self.invites_sent().into_iter().map(|(_, host)| host).collect()
    }
}

#[test]
fn a_host_without_room_is_left_for_the_next_one_and_rests_for_as_long_as_it_says() {
    let mut bench = dialled(3);
    bench.answer(503, "a", &[("Retry-After", "120")], "");
    bench.answer(100, "", &[], "");
    bench.answer(503, "b", &[], "");
    assert_eq!(bench.asked(), [host(0), host(1), host(2)]);
    let [first, second, _] = bench.invites_sent().try_into().unwrap();
    assert_eq!(first.0.headers.get("Call-ID"), second.0.headers.get("Call-ID"));
    assert_eq!(bench.count(&Method::ACK), 2, "each refusal is acknowledged");
    assert_eq!(bench.last, [(host(0), Duration::from_mins(2)), (host(1), Duration::from_mins(1))]);
    bench.answer(200, "c", &[], SDP);
    assert!(bench.is_up());
    bench.hang_up();
    bench.settle();
}

#[test]
fn the_last_host_that_fails_ends_the_call() {
    let mut bench = dialled(2);
    bench.answer(503, "a", &[], "");
    bench.answer(503, "b", &[("Retry-After", "7")], "");
    assert_eq!((bench.end().cause, bench.end().status), (EndCause::Refused, Some(503)));
    assert_eq!(bench.end().retry_after, Some(Duration::from_secs(7)));
    bench.settle();
}

#[test]
fn a_host_that_says_nothing_is_left_after_four_seconds() {
    let mut bench = dialled(2);
    bench.secs(3);
    assert_eq!(bench.asked(), [host(0)]);
    bench.secs(2);
    assert_eq!(bench.asked(), [host(0), host(1)]);
    bench.answer(180, "b", &[], "");
    bench.answer(200, "b", &[], SDP);
    assert!(bench.is_up());
    bench.hang_up();
    bench.settle();
}

#[test]
fn where_there_is_no_other_host_a_silent_one_is_waited_for() {
    let mut bench = dialled(1);
    bench.secs(31);
    assert!(bench.events.is_empty());
    bench.secs(2);
    assert_eq!((bench.end().cause, bench.asked()), (EndCause::Timeout, vec![host(0)]));
    bench.settle();
}

#[test]
fn a_host_that_tries_is_waited_for() {
    let mut bench = dialled(2);
    bench.answer(100, "", &[], "");
    bench.secs(20);
    assert_eq!(bench.asked(), [host(0)]);
    bench.hang_up();
    bench.answer(487, "a", &[], "");
    bench.settle();
}

#[test]
fn no_other_host_is_asked_once_it_rang() {
    let mut bench = dialled(2);
    bench.answer(180, "a", &[], "");
    bench.answer(503, "a", &[], "");
    assert_eq!((bench.end().status, bench.asked()), (Some(503), vec![host(0)]));
    bench.settle();
}

#[test]
fn a_word_of_the_callee_is_no_failure_of_the_host() {
    let busy = [("Reason", "Q.850;cause=17")];
    for (status, extra) in [(404, &[][..]), (408, &[]), (480, &[]), (486, &[]), (603, &[]), (500, &busy), (503, &busy)]
    {
        let mut bench = dialled(2);
        bench.answer(status, "a", extra, "");
        assert_eq!((bench.end().status, bench.asked()), (Some(status), vec![host(0)]));
        bench.settle();
    }
}

#[test]
fn c11_a_host_that_answers_any_5xx_is_left_for_the_next_one_of_the_same_trunk() {
    for status in [500, 502, 504, 580] {
        let mut bench = dialled(2);
        // Only a 503 says how long it lasts.
        bench.answer(status, "a", &[("Retry-After", "600"), ("Reason", "Q.850;cause=34")], "");
        assert_eq!(bench.asked(), [host(0), host(1)], "{status}");
        assert_eq!(bench.last, [(host(0), Duration::from_mins(1))]);
        bench.answer(status, "b", &[], "");
        assert_eq!((bench.end().status, bench.asked().len()), (Some(status), 2));
        bench.settle();
    }
}

#[test]
fn a_host_that_cannot_be_reached_is_left_at_once() {
    let tcp = |number| (Arc::from(""), Flow::to(Protocol::Tcp, host(number)));
    let mut bench = Bench::dialled_at(Bench::trunk(), Targets::new([tcp(0), tcp(1)]).unwrap());
    let bytes = songda_sip::machine::print_request(&bench.invite());
    bench.core.undelivered(bench.now, &bytes);
    bench.drain();
    assert_eq!(bench.asked(), [host(0), host(1)]);
    assert!(bench.invite().headers.get("Via").unwrap().starts_with("SIP/2.0/TCP "));
    bench.answer(200, "b", &[], SDP);
    assert!(bench.is_up());
    bench.hang_up();
    bench.settle();
}

#[test]
fn a_host_that_was_left_and_answers_first_after_all_has_the_call_and_the_other_is_let_go() {
    let mut bench = dialled(2);
    bench.secs(5);
    let first = bench.invites_sent()[0].0.clone();
    bench.answer(100, "", &[], "");
    bench.reply(&first, 200, "a", &[], SDP);
    assert!(bench.is_up());
    let cancel = bench.last(&Method::CANCEL);
    assert_eq!(cancel.headers.get("Via"), bench.invite().headers.get("Via"), "the second is cancelled");
    bench.answer_to(&cancel, 200);
    bench.answer(487, "b", &[], "");
    assert!(bench.is_up(), "its end is not that of the call");
    bench.hang_up();
    bench.settle();
}

#[test]
fn a_host_that_was_left_and_rings_late_is_cancelled_and_changes_nothing() {
    let mut bench = dialled(2);
    bench.secs(5);
    let first = bench.invites_sent()[0].0.clone();
    bench.reply(&first, 180, "a", &[], "");
    assert_eq!(bench.last(&Method::CANCEL).headers.get("Via"), first.headers.get("Via"));
    assert!(!bench.events.contains(&LegEvent::Ringing));
    bench.answer_to(&bench.last(&Method::CANCEL), 200);
    bench.reply(&first, 487, "a", &[], "");
    bench.answer(200, "b", &[], SDP);
    assert!(bench.is_up());
    // Or it answers, when it is too late.
    bench.reply(&first, 200, "a", &[], SDP);
    assert!(bench.is_up());
    bench.hang_up();
    bench.settle();
}

#[test]
fn a_call_that_is_given_up_asks_no_other_host() {
    let mut bench = dialled(2);
    bench.answer(100, "", &[], "");
    bench.hang_up();
    bench.answer(503, "a", &[], "");
    assert_eq!((bench.end().cause, bench.asked()), (EndCause::Cancelled, vec![host(0)]));
    bench.settle();
}

#[test]
fn a_3xx_to_the_second_host_is_followed_to_where_that_was_found_written_with_its_port_or_not() {
    for (written, contact, port) in [
        ("host1.test", "<sip:13800000001@host1.test>", 5071),
        ("host1.test:5071", "<sip:13800000001@host1.test>", 5071),
        ("host1.test:5071", "<sip:13800000001@host1.test:5081>", 5081),
        ("127.0.0.1:5071", "<sip:13800000001@127.0.0.1:5071>", 5071),
        ("[::1]:5071", "<sip:13800000001@[::1]:5071>", 5071),
        // The number in another form is the same number.
        ("host1.test", "<sip:+8613800000001@host1.test>", 5071),
        ("host1.test", "<sip:8613800000001;phone-context=+86@host1.test;user=phone>", 5071),
        ("host1.test", "<sip:013800000001@host1.test>", 5071),
        // By name, and by the address that this name has.
        ("host1.test", "<sip:13800000001@127.0.0.1:5071>", 5071),
    ] {
        let trunk = Trunk { hosts: vec![written.to_owned()], proxy: "192.0.2.1:5070".into(), ..Bench::trunk() };
        let mut bench = Bench::dialled_at(trunk, hosts(2));
        bench.answer(302, "a", &[("Contact", contact)], "");
        assert_eq!(bench.asked().last().map(SocketAddr::port), Some(port), "{written} {contact}");
        assert_eq!(bench.asked().len(), 2);
        bench.answer(200, "b", &[], SDP);
        assert!(bench.is_up());
        bench.hang_up();
        bench.settle();
    }
    assert_eq!(far(), host(0));
}

#[test]
fn a_3xx_to_the_address_of_another_host_is_followed_and_sips_where_tls_is_spoken() {
    let (one, other) = (SocketAddr::from(([192, 0, 2, 1], 5070)), SocketAddr::from(([192, 0, 2, 2], 5070)));
    let at = |port| SocketAddr::new(other.ip(), port);
    for (protocol, contact, followed) in [
        (Protocol::Udp, "<sip:13800000001@192.0.2.2:5070>", Some(at(5070))),
        // An address without a port has the usual one (RFC 3263, 4.2).
        (Protocol::Udp, "<sip:13800000001@192.0.2.2>", Some(at(5060))),
        (Protocol::Tls, "<sip:13800000001@192.0.2.2>", Some(at(5061))),
        (Protocol::Tls, "<sips:13800000001@192.0.2.2:5070>", Some(at(5070))),
        (Protocol::Tls, "<sips:13800000001@two.test>", Some(at(5070))),
        (Protocol::Udp, "<sips:13800000001@192.0.2.2:5070>", None),
        (Protocol::Udp, "<sip:13800000001@192.0.2.3:5070>", None),
        (Protocol::Udp, "<sip:13800000002@192.0.2.2:5070>", None),
        (Protocol::Udp, "<sip:+113800000001@192.0.2.2:5070>", None),
    ] {
        let trunk = Trunk { proxy: "one.test".into(), hosts: vec!["two.test".into()], ..Bench::trunk() };
        let way = |name: &str, remote| (Arc::from(name), Flow::to(protocol, remote));
        let ways = Targets::new([way("one.test", one), way("two.test", other)]).unwrap();
        let mut bench = Bench::dialled_at(trunk, ways);
        bench.by = Flow::to(protocol, one);
        bench.answer(302, "a", &[("Contact", contact)], "");
        let asked: Vec<SocketAddr> = std::iter::once(one).chain(followed).collect();
        assert_eq!(bench.asked(), asked, "{protocol} {contact}");
        if followed.is_some() {
            assert_eq!(bench.ways.last().map(|way| way.protocol), Some(protocol));
            bench.answer(486, "b", &[], "");
        }
        assert_eq!(bench.end().status, Some(if followed.is_some() { 486 } else { 302 }));
        bench.settle();
    }
}
