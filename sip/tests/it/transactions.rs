//! Transactions, figure by figure (RFC 3261, 17; RFC 6026), in virtual time.

use std::time::{Duration, Instant};

use songda_sip::{
    Flow, Protocol,
    machine::{Event, Headers, Key, Layer, Message, Method, Output, Request, Response, T1, T2, T4, parse},
};

const T64: Duration = Duration::from_secs(32);

fn udp() -> Flow {
    Flow::udp("192.0.2.1:5060".parse().unwrap())
}

fn tcp() -> Flow {
    Flow { protocol: Protocol::Tcp, remote: "192.0.2.1:5060".parse().unwrap(), connection: 70_000 }
}

fn request(method: &Method, branch: &str) -> Request {
    let mut headers = Headers::default();
    headers.push("Via", format!("SIP/2.0/UDP 192.0.2.1:5060;rport;branch={branch}"));
    headers.push("From", "<sip:a@b>;tag=from");
    headers.push("To", "<sip:c@d>");
    headers.push("Call-ID", "one@b");
    headers.push("CSeq", format!("7 {method}"));
    headers.push("Max-Forwards", "70");
    Request { method: method.clone(), uri: "sip:c@d".into(), headers, body: Vec::new() }
}

fn response(request: &Request, status: u16) -> Response {
    Response::to(request, status, "to")
}

/// One layer and its clock.
struct Side {
    layer: Layer,
    begun: Instant,
    now: Instant,
}

impl Side {
    fn new() -> Self {
        let now = Instant::now();
        Self { layer: Layer::default(), begun: now, now }
    }

    /// What it sends and tells until then: when, and the method or the status, or the event.
    fn until(&mut self, end: Duration) -> Vec<(u64, String)> {
        let end = self.begun + end;
        let mut seen = Vec::new();
        loop {
            while let Some(output) = self.layer.poll() {
                let at = (self.now - self.begun).as_millis() as u64;
                seen.push((
                    at,
                    match output {
                        Output::Send(_, bytes) => match parse(&bytes).unwrap().0 {
                            Message::Request(request) => request.method.to_string(),
                            Message::Response(response) => response.status.to_string(),
                        },
                        Output::Event(Event::Request(..)) => "request".into(),
                        Output::Event(Event::Ack(..)) => "ack".into(),
                        Output::Event(Event::Cancelled(..)) => "cancelled".into(),
                        Output::Event(Event::Response(_, response, _)) => format!("got {}", response.status),
                        Output::Event(Event::Timeout(_)) => "timeout".into(),
                        Output::Event(Event::Unreachable(_)) => "unreachable".into(),
                        Output::Event(Event::Instead(..)) => "instead".into(),
                    },
                ));
            }
            let Some(due) = self.layer.next_deadline().filter(|due| *due <= end) else {
                self.now = end;
                return seen;
            };
            self.now = self.now.max(due);
            self.layer.tick(self.now);
        }
    }

    fn key(&mut self) -> Key {
        loop {
            if let Output::Event(Event::Request(key, ..)) = self.layer.poll().unwrap() {
                return key;
            }
        }
    }

    fn send(&mut self, request: &Request, to: Flow) -> Key {
        self.layer.send(self.now, request.clone(), to).unwrap()
    }

    fn hears(&mut self, response: Response) {
        self.layer.response(self.now, response, udp());
    }

    fn gets(&mut self, request: &Request, from: Flow) {
        self.layer.request(self.now, request.clone(), from);
    }

    fn answers(&mut self, key: &Key, response: &Response) -> bool {
        self.layer.respond(self.now, key, response)
    }
}

fn at(seen: &[(u64, String)]) -> Vec<(u64, &str)> {
    seen.iter().map(|(at, what)| (*at, what.as_str())).collect()
}

fn seconds(from: u64) -> Duration {
    Duration::from_millis(from)
}

#[test]
fn figure_5_an_invite_over_udp_is_repeated_with_doubled_pauses_until_timer_b() {
    let mut us = Side::new();
    us.send(&request(&Method::INVITE, "z9hG4bKa"), udp());
    let seen = us.until(T64 * 2);
    let sent: Vec<u64> = seen.iter().filter(|(_, what)| what == "INVITE").map(|(at, _)| *at).collect();
    assert_eq!(sent, [0, 500, 1500, 3500, 7500, 15_500, 31_500]);
    assert_eq!(seen.last().unwrap(), &(32_000, "timeout".to_owned()));
    assert!(us.layer.is_empty());
}

#[test]
fn figure_5_over_a_connection_nothing_is_repeated_and_timer_b_still_runs() {
    let mut us = Side::new();
    us.send(&request(&Method::INVITE, "z9hG4bKa"), tcp());
    assert_eq!(at(&us.until(T64 * 2)), [(0, "INVITE"), (32_000, "timeout")]);
    assert!(us.layer.is_empty());
}

#[test]
fn figure_5_a_refusal_is_acknowledged_again_for_each_repeat_until_timer_d() {
    let mut us = Side::new();
    let invite = request(&Method::INVITE, "z9hG4bKa");
    us.send(&invite, udp());
    us.hears(response(&invite, 180));
    assert_eq!(at(&us.until(seconds(20_000))), [(0, "INVITE"), (0, "got 180")], "a provisional stops timer A");
    us.hears(response(&invite, 486));
    us.hears(response(&invite, 486));
    assert_eq!(at(&us.until(seconds(30_000))), [(20_000, "ACK"), (20_000, "got 486"), (20_000, "ACK")]);
    assert_eq!(us.layer.len(), 1);
    us.until(seconds(52_000));
    assert!(us.layer.is_empty());
}

#[test]
fn figure_5_the_ack_of_a_refusal_is_that_of_its_invite() {
    let mut us = Side::new();
    let mut invite = request(&Method::INVITE, "z9hG4bKa");
    invite.headers.push("Route", "<sip:proxy;lr>");
    us.send(&invite, udp());
    us.layer.poll();
    us.hears(response(&invite, 404));
    let Some(Output::Send(_, bytes)) = us.layer.poll() else { panic!("no ACK") };
    let Some((Message::Request(ack), _)) = parse(&bytes) else { panic!("no request") };
    assert_eq!((ack.method, ack.uri.as_str()), (Method::ACK, "sip:c@d"));
    for name in ["Via", "From", "Call-ID", "Route"] {
        assert_eq!(ack.headers.get(name), invite.headers.get(name));
    }
    assert_eq!(ack.headers.get("To"), Some("<sip:c@d>;tag=to"));
    assert_eq!(ack.headers.get("CSeq"), Some("7 ACK"));
}

#[test]
fn figure_5_over_a_connection_timer_d_is_zero() {
    let mut us = Side::new();
    let invite = request(&Method::INVITE, "z9hG4bKa");
    us.send(&invite, tcp());
    us.hears(response(&invite, 486));
    assert_eq!(at(&us.until(seconds(0))), [(0, "INVITE"), (0, "ACK"), (0, "got 486")]);
    assert!(us.layer.is_empty());
}

#[test]
fn rfc_6026_each_2xx_is_told_until_timer_m_and_a_stray_one_after_it() {
    let mut us = Side::new();
    let invite = request(&Method::INVITE, "z9hG4bKa");
    us.send(&invite, tcp());
    for _ in 0..3 {
        us.hears(response(&invite, 200));
    }
    us.hears(response(&invite, 486));
    assert_eq!(at(&us.until(T64))[1..], [(0, "got 200"), (0, "got 200"), (0, "got 200")]);
    assert!(us.layer.is_empty());
    us.hears(response(&invite, 200));
    assert_eq!(at(&us.until(T64)), [(32_000, "got 200")]);
}

#[test]
fn figure_6_a_request_is_repeated_up_to_every_four_seconds_until_timer_f() {
    let mut us = Side::new();
    us.send(&request(&Method::BYE, "z9hG4bKa"), udp());
    let seen = us.until(T64);
    let sent: Vec<u64> = seen.iter().filter(|(_, what)| what == "BYE").map(|(at, _)| *at).collect();
    assert_eq!(sent, [0, 500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    assert_eq!(seen.last().unwrap(), &(32_000, "timeout".to_owned()));
    assert!(us.layer.is_empty());
}

#[test]
fn figure_6_a_provisional_slows_it_down_and_timer_k_absorbs_what_is_late() {
    let mut us = Side::new();
    let bye = request(&Method::BYE, "z9hG4bKa");
    us.send(&bye, udp());
    us.hears(response(&bye, 100));
    let seen = us.until(seconds(9_000));
    let sent: Vec<u64> = seen.iter().filter(|(_, what)| what == "BYE").map(|(at, _)| *at).collect();
    assert_eq!(sent, [0, 500, 4500, 8500]);
    us.hears(response(&bye, 200));
    us.hears(response(&bye, 200));
    assert_eq!(at(&us.until(seconds(9_000) + T4)), [(9_000, "got 200")]);
    assert!(us.layer.is_empty());
}

#[test]
fn figure_6_over_a_connection_timer_k_is_zero() {
    let mut us = Side::new();
    let bye = request(&Method::BYE, "z9hG4bKa");
    us.send(&bye, tcp());
    us.hears(response(&bye, 200));
    us.until(seconds(0));
    assert!(us.layer.is_empty());
}

#[test]
fn figure_7_an_invite_that_nobody_answers_gets_its_100_after_200_ms() {
    let mut them = Side::new();
    let invite = request(&Method::INVITE, "z9hG4bKa");
    them.gets(&invite, udp());
    assert_eq!(at(&them.until(seconds(1_000))), [(0, "request"), (200, "100")]);
    them.gets(&invite, udp());
    assert_eq!(at(&them.until(seconds(1_000))), [(1_000, "100")], "a repeat gets the last provisional");
}

#[test]
fn figure_7_a_refusal_is_repeated_until_its_ack_and_timer_i_absorbs_more_of_them() {
    let mut them = Side::new();
    let invite = request(&Method::INVITE, "z9hG4bKa");
    them.gets(&invite, udp());
    let key = them.key();
    assert!(them.answers(&key, &response(&invite, 486)));
    assert!(!them.answers(&key, &response(&invite, 200)), "one final answer is enough");
    assert_eq!(
        at(&them.until(seconds(8_000))),
        [(0, "486"), (500, "486"), (1_500, "486"), (3_500, "486"), (7_500, "486")]
    );
    let mut ack = request(&Method::ACK, "z9hG4bKa");
    ack.headers.set("CSeq", "7 ACK");
    them.gets(&ack, udp());
    them.gets(&ack, udp());
    assert_eq!(them.until(seconds(8_000) + T4), []);
    assert!(them.layer.is_empty());
}

#[test]
fn figure_7_without_an_ack_timer_h_ends_it() {
    let mut them = Side::new();
    let invite = request(&Method::INVITE, "z9hG4bKa");
    them.gets(&invite, udp());
    let key = them.key();
    them.answers(&key, &response(&invite, 486));
    let seen = them.until(T64 * 2);
    assert_eq!(seen.last().unwrap().0, 31_500);
    assert!(them.layer.is_empty());
}

#[test]
fn figure_7_over_a_connection_nothing_is_repeated_and_timer_i_is_zero() {
    let mut them = Side::new();
    let invite = request(&Method::INVITE, "z9hG4bKa");
    them.gets(&invite, tcp());
    let key = them.key();
    them.answers(&key, &response(&invite, 486));
    assert_eq!(at(&them.until(seconds(10_000))), [(0, "486")]);
    them.gets(&request(&Method::ACK, "z9hG4bKa"), tcp());
    them.until(seconds(10_000));
    assert!(them.layer.is_empty());
}

#[test]
fn rfc_6026_after_a_2xx_invites_are_absorbed_acks_told_and_repeats_let_through() {
    let mut them = Side::new();
    let invite = request(&Method::INVITE, "z9hG4bKa");
    them.gets(&invite, udp());
    let key = them.key();
    assert!(them.answers(&key, &response(&invite, 200)));
    them.gets(&invite, udp());
    assert!(them.answers(&key, &response(&invite, 200)));
    them.gets(&request(&Method::ACK, "z9hG4bKother"), udp());
    assert_eq!(at(&them.until(T64)), [(0, "200"), (0, "200"), (0, "ack")]);
    assert!(them.layer.is_empty());
}

#[test]
fn figure_8_a_repeat_gets_the_same_answer_until_timer_j() {
    let mut them = Side::new();
    let bye = request(&Method::BYE, "z9hG4bKa");
    them.gets(&bye, udp());
    them.gets(&bye, udp());
    let key = them.key();
    them.answers(&key, &response(&bye, 200));
    them.until(seconds(20_000));
    them.gets(&bye, udp());
    assert_eq!(at(&them.until(seconds(20_000))), [(20_000, "200")]);
    them.until(T64);
    assert!(them.layer.is_empty());
}

#[test]
fn figure_8_over_a_connection_timer_j_is_zero() {
    let mut them = Side::new();
    let bye = request(&Method::BYE, "z9hG4bKa");
    them.gets(&bye, tcp());
    let key = them.key();
    them.answers(&key, &response(&bye, 200));
    them.until(seconds(0));
    assert!(them.layer.is_empty());
}

#[test]
fn a_cancel_waits_for_a_provisional_and_the_487_for_32_seconds_at_most() {
    let mut us = Side::new();
    let invite = request(&Method::INVITE, "z9hG4bKa");
    let key = us.send(&invite, udp());
    us.layer.cancel_because(us.now, &key, "SIP;cause=480".into());
    assert_eq!(at(&us.until(seconds(400))), [(0, "INVITE")]);
    us.hears(response(&invite, 100));
    us.layer.cancel(us.now, &key);
    assert_eq!(at(&us.until(seconds(800))), [(400, "got 100"), (400, "CANCEL")], "and only once");
    us.hears(response(&request(&Method::CANCEL, "z9hG4bKa"), 200));
    let seen = us.until(T64 * 2);
    assert_eq!(seen.last().unwrap(), &(32_400, "timeout".to_owned()));
    assert!(us.layer.is_empty());
}

#[test]
fn a_cancel_after_the_final_answer_is_not_sent() {
    let mut us = Side::new();
    let invite = request(&Method::INVITE, "z9hG4bKa");
    let key = us.send(&invite, udp());
    us.hears(response(&invite, 180));
    us.hears(response(&invite, 200));
    us.layer.cancel(us.now, &key);
    assert!(us.until(T64).iter().all(|(_, what)| what != "CANCEL"));
}

#[test]
fn timer_c_cancels_what_rings_for_three_minutes_after_the_last_18x() {
    let mut us = Side::new();
    let invite = request(&Method::INVITE, "z9hG4bKa");
    us.send(&invite, udp());
    us.hears(response(&invite, 180));
    us.until(seconds(100_000));
    us.hears(response(&invite, 180));
    us.until(seconds(150_000));
    us.hears(response(&invite, 100));
    let seen = us.until(seconds(400_000));
    assert_eq!(seen.iter().find(|(_, what)| what == "CANCEL").unwrap().0, 280_000);
    assert_eq!(seen.last().unwrap(), &(312_000, "timeout".to_owned()));
    assert!(us.layer.is_empty());
}

#[test]
fn a_cancel_is_answered_for_its_invite_and_with_the_same_tag() {
    let mut them = Side::new();
    let invite = request(&Method::INVITE, "z9hG4bKa");
    them.gets(&invite, udp());
    let key = them.key();
    them.answers(&key, &response(&invite, 180));
    them.layer.poll();
    them.gets(&request(&Method::CANCEL, "z9hG4bKa"), udp());
    let Some(Output::Send(_, bytes)) = them.layer.poll() else { panic!("no answer") };
    let Some((Message::Response(answer), _)) = parse(&bytes) else { panic!("no response") };
    assert_eq!((answer.status, answer.headers.get("To")), (200, Some("<sip:c@d>;tag=to")));
    assert_eq!(at(&them.until(seconds(0))), [(0, "cancelled")]);
    them.gets(&request(&Method::CANCEL, "z9hG4bKnone"), udp());
    assert_eq!(at(&them.until(seconds(0))), [(0, "481")]);
}

#[test]
fn a_cancel_of_an_answered_invite_is_answered_and_does_nothing() {
    let mut them = Side::new();
    let invite = request(&Method::INVITE, "z9hG4bKa");
    them.gets(&invite, udp());
    let key = them.key();
    them.answers(&key, &response(&invite, 200));
    them.gets(&request(&Method::CANCEL, "z9hG4bKa"), udp());
    assert_eq!(at(&them.until(seconds(0))), [(0, "200"), (0, "200")]);
}

#[test]
fn a_peer_of_rfc_2543_is_matched_without_a_branch() {
    for via in ["SIP/2.0/UDP 192.0.2.1:5060", "SIP/2.0/UDP 192.0.2.1:5060;branch=1"] {
        let mut them = Side::new();
        let old = |method: &Method| {
            let mut request = request(method, "z9hG4bKx");
            request.headers.set("Via", via);
            request
        };
        let invite = old(&Method::INVITE);
        them.gets(&invite, udp());
        them.gets(&invite, udp());
        assert_eq!(at(&them.until(seconds(0))), [(0, "request"), (0, "100")], "the second is a repeat");
        them.gets(&old(&Method::CANCEL), udp());
        assert_eq!(at(&them.until(seconds(0))), [(0, "200"), (0, "cancelled")]);
        let other = {
            let mut other = old(&Method::INVITE);
            other.headers.set("CSeq", "8 INVITE");
            other
        };
        them.gets(&other, udp());
        let key = them.key();
        them.answers(&key, &response(&other, 486));
        let mut ack = old(&Method::ACK);
        ack.headers.set("CSeq", "8 ACK");
        ack.headers.set("To", "<sip:c@d>;tag=to");
        them.gets(&ack, udp());
        assert_eq!(at(&them.until(seconds(8_000))), [(0, "486")], "the ACK stopped the repeats");
    }
}

#[test]
fn a_request_that_comes_by_two_ways_is_served_once() {
    let mut them = Side::new();
    them.gets(&request(&Method::INVITE, "z9hG4bKone"), udp());
    them.gets(&request(&Method::INVITE, "z9hG4bKtwo"), udp());
    assert_eq!(at(&them.until(seconds(0))), [(0, "request"), (0, "482")]);
    // One that was asked for its credentials may come again as it is.
    let mut them = Side::new();
    let invite = request(&Method::INVITE, "z9hG4bKone");
    them.gets(&invite, udp());
    let key = them.key();
    them.answers(&key, &response(&invite, 401));
    them.gets(&request(&Method::INVITE, "z9hG4bKtwo"), udp());
    assert_eq!(at(&them.until(seconds(0))), [(0, "401"), (0, "request")]);
}

#[test]
fn a_request_that_cannot_be_sent_is_over_at_once_unless_it_was_answered() {
    let mut us = Side::new();
    let invite = request(&Method::INVITE, "z9hG4bKa");
    let key = us.send(&invite, tcp());
    us.layer.unreachable(us.now, &key);
    assert_eq!(at(&us.until(T64)), [(0, "INVITE"), (0, "unreachable")]);
    assert!(us.layer.is_empty());
    let mut us = Side::new();
    let key = us.send(&invite, tcp());
    us.hears(response(&invite, 200));
    us.layer.unreachable(us.now, &key);
    assert!(us.until(T64).iter().all(|(_, what)| what != "unreachable"));
}

#[test]
fn pauses_are_those_of_the_rfc() {
    assert_eq!((T1, T2, T4), (seconds(500), seconds(4_000), seconds(5_000)));
}

#[test]
fn setting_and_stopping_timers_is_cheap_with_a_hundred_thousand_transactions() {
    let mut us = Side::new();
    let begun = Instant::now();
    for n in 0..100_000 {
        let options = request(&Method::OPTIONS, &format!("z9hG4bK{n}"));
        us.send(&options, udp());
        us.hears(response(&options, 200));
        while us.layer.poll().is_some() {}
    }
    // One scan of all timers for each would take minutes.
    assert!(begun.elapsed() < seconds(20_000), "{:?}", begun.elapsed());
    us.until(T64);
    assert!(us.layer.is_empty());
}
