//! What is too large for a datagram (RFC 3261, 18.1.1).

use std::{net::SocketAddr, sync::Arc, time::Duration};

use songda_sip::{
    EndCause, Flow, Protocol, Targets, Trunk,
    machine::{Method, print_request},
};

use super::{Bench, SDP, far};

fn trunk(bytes: usize) -> Trunk {
    let mut trunk = Trunk { large_over_tcp: true, ..Bench::trunk() };
    trunk.headers.extra = vec![("X-Large".into(), "x".repeat(bytes))];
    trunk
}

impl Bench {
    /// The ways that the INVITEs took.
    fn protocols(&self) -> Vec<Protocol> {
        let sent = self.sent.iter().zip(&self.ways);
        sent.filter(|(request, _)| request.method == Method::INVITE).map(|(_, way)| way.protocol).collect()
    }

    /// The newest INVITE finds nobody.
    fn refuse(&mut self) {
        let bytes = print_request(&self.invite());
        self.core.undelivered(self.now, &bytes);
        self.drain();
    }
}

#[test]
fn an_invite_that_is_too_large_for_a_datagram_goes_over_tcp_and_so_does_its_call() {
    let mut bench = Bench::dialled(trunk(1300));
    assert_eq!(bench.protocols(), [Protocol::Tcp]);
    let invite = bench.invite();
    assert!(invite.headers.get("Via").unwrap().starts_with("SIP/2.0/TCP "));
    bench.answer(180, "a", &[], "");
    bench.hang_up();
    let cancel = bench.last(&Method::CANCEL);
    assert_eq!(cancel.headers.get("Via"), invite.headers.get("Via"));
    assert_eq!(bench.ways.last().map(|way| way.protocol), Some(Protocol::Tcp));
    bench.answer_to(&cancel, 200);
    bench.answer(487, "a", &[], "");
    bench.settle();
}

#[test]
fn one_that_fits_and_one_of_a_trunk_that_wants_none_of_it_are_datagrams() {
    assert_eq!(Bench::dialled(trunk(100)).protocols(), [Protocol::Udp]);
    let wants_none = Trunk { large_over_tcp: false, ..trunk(3000) };
    assert_eq!(Bench::dialled(wants_none).protocols(), [Protocol::Udp]);
}

#[test]
fn where_tcp_is_refused_it_is_a_datagram_after_all_and_that_is_known_for_ten_minutes() {
    let mut bench = Bench::dialled(trunk(1300));
    let first = bench.invite();
    bench.refuse();
    assert_eq!(bench.protocols(), [Protocol::Tcp, Protocol::Udp]);
    let second = bench.invite();
    let branch = |via: &str| via.split(";branch=").nth(1).unwrap().to_owned();
    let (before, after) = (first.headers.get("Via").unwrap(), second.headers.get("Via").unwrap());
    assert!(after.starts_with("SIP/2.0/UDP ") && branch(before) == branch(after), "{before} {after}");
    assert_eq!(first.headers.get("CSeq"), second.headers.get("CSeq"));
    // As any datagram it is repeated.
    bench.wait(Duration::from_millis(600));
    assert_eq!(bench.protocols(), [Protocol::Tcp, Protocol::Udp, Protocol::Udp]);
    bench.answer(200, "a", &[], SDP);
    assert!(bench.is_up());
    bench.hang_up();
    bench.dial(trunk(1300), far());
    assert_eq!(bench.protocols().last(), Some(&Protocol::Udp));
    bench.answer(200, "a", &[], SDP);
    bench.hang_up();
    bench.wait(Duration::from_mins(10));
    bench.dial(trunk(1300), far());
    assert_eq!(bench.protocols().last(), Some(&Protocol::Tcp));
    bench.answer(486, "a", &[], "");
    bench.settle();
}

#[test]
fn a_call_that_was_given_up_while_tcp_was_tried_goes_out_by_no_datagram() {
    let mut bench = Bench::dialled(trunk(1300));
    bench.secs(1);
    bench.hang_up();
    bench.secs(4);
    bench.refuse();
    assert_eq!(bench.protocols(), [Protocol::Tcp], "the party would ring for nobody");
    assert_eq!((bench.end().cause, bench.count(&Method::CANCEL)), (EndCause::Cancelled, 0));
    assert_eq!(bench.down, [true], "nobody has heard of it");
    bench.settle();
    // The next call knows that TCP leads nowhere there.
    let mut bench = Bench::dialled(trunk(1300));
    bench.hang_up();
    bench.refuse();
    bench.dial(trunk(1300), far());
    assert_eq!(bench.protocols().last(), Some(&Protocol::Udp));
    bench.answer(486, "a", &[], "");
    bench.settle();
}

#[test]
fn a_host_that_drops_tcp_has_its_time_by_datagram_before_the_next_one_is_asked() {
    let host = |number: u16| SocketAddr::from(([127, 0, 0, 1], 5070 + number));
    let ways = |count| Targets::new((0..count).map(|number| (Arc::from(""), Flow::udp(host(number))))).unwrap();
    let mut bench = Bench::dialled_at(trunk(1300), ways(2));
    // So long a connection is tried.
    bench.secs(5);
    assert_eq!(bench.protocols(), [Protocol::Tcp]);
    bench.refuse();
    bench.wait(Duration::from_millis(3_900));
    let to_second = |bench: &Bench| bench.ways.iter().filter(|way| way.remote == host(1)).count();
    assert_eq!((bench.protocols()[1], to_second(&bench)), (Protocol::Udp, 0));
    bench.wait(Duration::from_millis(200));
    assert_eq!(to_second(&bench), 1);
    let second = bench.invite();
    assert!(second.headers.get("Via").unwrap().starts_with("SIP/2.0/TCP "), "the next one may take TCP");
    bench.answer(486, "b", &[], "");
    bench.settle();
    // Where TCP is refused at once, four seconds count from there; where it is silent, both.
    for (refused, asks) in [(true, 4), (false, 9)] {
        let mut bench = Bench::dialled_at(trunk(1300), ways(2));
        if refused {
            bench.refuse();
        }
        bench.wait(Duration::from_millis(asks * 1_000 - 100));
        assert_eq!(to_second(&bench), 0);
        bench.wait(Duration::from_millis(200));
        assert_eq!(to_second(&bench), 1);
        bench.hang_up();
        bench.answer(487, "b", &[], "");
        bench.settle();
    }
}

#[test]
fn a_datagram_that_nobody_answers_either_is_a_timeout() {
    let mut bench = Bench::dialled(trunk(1300));
    bench.secs(3);
    bench.refuse();
    bench.secs(31);
    assert!(bench.events.is_empty());
    bench.secs(2);
    assert_eq!(bench.end().cause, EndCause::Timeout);
    bench.settle();
}

#[test]
fn a_new_offer_that_is_too_large_goes_over_tcp_too() {
    let mut bench = Bench::dialled(trunk(10));
    bench.answer(200, "a", &[], SDP);
    let large = format!("{SDP}a=x-large:{}\r\n", "x".repeat(1300));
    bench.act(|core, now, id| core.reoffer(now, id, &large));
    assert_eq!(bench.protocols(), [Protocol::Udp, Protocol::Tcp]);
    bench.answer(488, "a", &[], "");
    bench.hang_up();
    bench.settle();
}
