//! What is too large for a datagram (RFC 3261, 18.1.1).

use std::time::Duration;

use songda_sip::{
    EndCause, Protocol, Trunk,
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
