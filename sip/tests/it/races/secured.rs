//! Calls whose signalling is under TLS, and may carry keys of sound (RFC 4568, 7.1): nothing of
//! them is ever said in the clear, and what comes in the clear changes nothing.

use std::time::Duration;

use songda_sip::{EndCause, Flow, LegEvent, Protocol, Side, machine::Method};

use super::{Bench, SDP, far, sdp};

const SECURE: [Protocol; 2] = [Protocol::Tls, Protocol::Wss];

fn connection(protocol: Protocol, connection: u64) -> Flow {
    Flow { protocol, remote: far(), connection }
}

/// A call of ours over this connection that was answered.
fn placed(protocol: Protocol, extra: &[(&str, &str)]) -> Bench {
    let way = connection(protocol, 7);
    let mut bench = Bench::dialled_at(Bench::trunk(), way);
    bench.by = way;
    let allow = ("Allow", "INVITE, ACK, BYE, UPDATE");
    bench.answer(200, "a", &[&[allow], extra].concat(), SDP);
    assert!(matches!(bench.events.last(), Some(LegEvent::Answered { .. })), "{:?}", bench.events);
    bench
}

/// A call that came in over this connection and is up.
fn taken(protocol: Protocol, extra: &[(&str, &str)]) -> Bench {
    let mut bench = Bench::empty();
    (bench.by, bench.refuses) = (connection(protocol, 7), false);
    bench.names = (
        "<sip:13900000002@carrier.test>".into(),
        "<sip:02988009000@127.0.0.1:5060>".into(),
        "in-1@carrier.test".into(),
    );
    bench.ask_with("INVITE", 1, "a", extra, SDP);
    bench.act(|core, now, id| core.answer(now, id, sdp(5000)));
    bench.ask("ACK", 1, "a", "");
    bench
}

fn both(protocol: Protocol, extra: &[(&str, &str)]) -> [Bench; 2] {
    [placed(protocol, extra), taken(protocol, extra)]
}

/// Where our requests go once the connection is lost: a new description, and the end.
fn ways_after_the_loss(bench: &mut Bench, protocol: Protocol) -> Vec<Flow> {
    let before = bench.ways.len();
    bench.core.lost(&connection(protocol, 7));
    bench.act(|core, now, id| core.reoffer(now, id, &sdp(5100)));
    let invite = bench.invite();
    bench.by = bench.ways[before];
    bench.reply(&invite, 200, "a", &[], &sdp(6100));
    bench.hang_up();
    bench.secs(1);
    let bye = bench.last(&Method::BYE);
    bench.answer_to(&bye, 200);
    bench.settle();
    bench.ways.split_off(before)
}

#[test]
fn r4_1a_a_call_under_tls_never_goes_on_in_the_clear_when_its_connection_is_lost() {
    // Its Contact is `sip:party@127.0.0.1:5070`: datagrams.
    let routes =
        ["", "<sip:127.0.0.1:5090;lr>", "<sip:127.0.0.1:5090;transport=tcp;lr>", "<sip:127.0.0.1;transport=ws;lr>"];
    for protocol in SECURE {
        for route in routes {
            let extra = [("Record-Route", route)];
            for mut bench in both(protocol, if route.is_empty() { &[] } else { &extra }) {
                let ways = ways_after_the_loss(&mut bench, protocol);
                assert!(ways.len() >= 3, "INVITE, ACK, BYE: {ways:?}");
                assert!(ways.iter().all(|way| *way == connection(protocol, 0)), "{route}: {ways:?}");
            }
        }
    }
}

#[test]
fn a_call_under_tls_follows_a_route_that_is_under_tls_and_one_in_the_clear_any() {
    let place = "127.0.0.1:5091".parse().unwrap();
    for (protocol, route, next) in [
        (Protocol::Tls, "<sip:127.0.0.1:5091;transport=tls;lr>", Protocol::Tls),
        (Protocol::Tls, "<sips:127.0.0.1:5091;lr>", Protocol::Tls),
        (Protocol::Tcp, "<sip:127.0.0.1:5091;lr>", Protocol::Udp),
    ] {
        for mut bench in both(protocol, &[("Record-Route", route)]) {
            let ways = ways_after_the_loss(&mut bench, protocol);
            assert!(ways.iter().all(|way| *way == Flow::to(next, place)), "{route}: {ways:?}");
        }
    }
}

#[test]
fn r4_1a_what_comes_in_the_clear_changes_no_call_that_is_under_tls() {
    for protocol in SECURE {
        for mut bench in both(protocol, &[]) {
            let (secure, told) = (bench.by, bench.events.len());
            for clear in [Protocol::Udp, Protocol::Tcp, Protocol::Ws] {
                bench.by = connection(clear, 9);
                bench.ask("INVITE", 9, "a", &sdp(6100));
                assert_eq!((bench.status(), bench.body().as_str()), (403, ""), "{clear}");
                bench.ask("ACK", 9, "a", "");
                bench.ask("UPDATE", 10, "a", &sdp(6200));
                assert_eq!(bench.status(), 403, "{clear}");
                bench.ask_with("INFO", 11, "a", &[("Content-Type", "application/dtmf")], "1");
                assert_eq!(bench.status(), 403, "{clear}");
                bench.secs(33);
            }
            assert_eq!(bench.events.len(), told, "nobody is told: {:?}", bench.events);
            // Nor did it use up a number.
            bench.by = secure;
            bench.ask("UPDATE", 8, "a", &sdp(6300));
            assert_eq!((bench.status(), bench.events.last()), (200, Some(&LegEvent::Reoffered { sdp: sdp(6300) })));
            // That a call is over is believed: it would stand for ever otherwise.
            bench.by = Flow::udp(far());
            bench.ask("BYE", 12, "a", "");
            assert_eq!((bench.status(), bench.end().by), (200, Side::Peer));
            bench.settle();
        }
    }
}

#[test]
fn r4_1a_an_ack_in_the_clear_moves_no_call_that_is_under_tls() {
    for protocol in SECURE {
        for mut bench in both(protocol, &[]) {
            let secure = bench.by;
            // Our offer, with our keys, is in the 200; the answer is in the ACK.
            bench.ask("INVITE", 9, "a", "");
            let told = bench.events.len();
            bench.by = Flow::udp(far());
            bench.ask("ACK", 9, "a", &sdp(6666));
            assert_eq!(bench.events.len(), told, "{:?}", bench.events);
            bench.by = secure;
            bench.ask("ACK", 9, "a", &sdp(6100));
            assert_eq!(bench.events.last(), Some(&LegEvent::Reoffered { sdp: sdp(6100) }));
            bench.hang_up();
            let bye = bench.last(&Method::BYE);
            bench.answer_to(&bye, 200);
            bench.settle();
        }
    }
}

#[test]
fn r4_1a_an_answer_in_the_clear_to_a_call_under_tls_is_nobodys() {
    for protocol in SECURE {
        let way = connection(protocol, 7);
        let mut bench = Bench::dialled_at(Bench::trunk(), way);
        for status in [100, 183, 200, 403] {
            bench.answer(status, "b", &[], SDP);
        }
        bench.secs(1);
        assert_eq!((bench.events.len(), bench.count(&Method::ACK)), (0, 0), "{:?}", bench.events);
        bench.by = way;
        bench.answer(200, "a", &[], SDP);
        assert!(matches!(bench.events.last(), Some(LegEvent::Answered { .. })));
        // Nor is one that comes when the transaction is over.
        bench.wait(Duration::from_secs(40));
        let acks = bench.count(&Method::ACK);
        bench.by = Flow::udp(far());
        bench.answer(200, "c", &[], SDP);
        assert_eq!((bench.count(&Method::ACK), bench.count(&Method::BYE)), (acks, 0));
        bench.by = way;
        bench.hang_up();
        let bye = bench.last(&Method::BYE);
        bench.answer_to(&bye, 200);
        assert_eq!(bench.end().cause, EndCause::HungUp);
        bench.settle();
    }
}
