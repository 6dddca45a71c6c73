//! The door: the list of those who may call, rates, overload, drain.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use songda_sip::{
    Admit, Edge, EdgeSettings, Flow, Inbox, Load, Mark, Network, Protocol, Rate, Source,
    machine::{Message, Response, parse},
};

const CARRIER: &str = "192.0.2.10:5060";
const STRANGER: &str = "203.0.113.66:5060";

fn flow(address: &str) -> Flow {
    Flow::udp(address.parse().unwrap())
}

fn message(text: &str) -> Message {
    let (message, defects) = parse(text.replace('\n', "\r\n").as_bytes()).unwrap();
    assert_eq!(defects, [], "{text}");
    message
}

fn request(method: &str, call: &str, to_tag: &str) -> Message {
    let tag = if to_tag.is_empty() { String::new() } else { format!(";tag={to_tag}") };
    message(&format!(
        "{method} sip:12368@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK{call}\nMax-Forwards: 70\n\
         From: <sip:a@carrier.test>;tag=1\nTo: <sip:12368@192.0.2.1>{tag}\nCall-ID: {call}\nCSeq: 1 {method}\n\n"
    ))
}

fn edge(settings: EdgeSettings) -> Edge {
    let mut edge = Edge::new(settings, 7);
    edge.access().set_trunk("unicom", &[CARRIER.parse().unwrap()], &[]).unwrap();
    edge
}

fn rate(per_second: f64, burst: f64) -> Rate {
    Rate { per_second, burst }
}

fn unicom() -> Admit {
    Admit::Pass(Source::Trunk("unicom".into()))
}

fn answer(admit: Admit) -> Response {
    match admit {
        Admit::Answer(response) => response,
        other => panic!("not answered: {other:?}"),
    }
}

const CALM: Load = Load { queued: 0, oldest: Duration::ZERO };

#[test]
fn a_trunk_host_may_call_from_any_port_and_its_networks_too() {
    let (mut edge, now) = (edge(EdgeSettings::default()), Instant::now());
    let admit = |edge: &mut Edge, from: &str| edge.admit(now, &request("INVITE", from, ""), flow(from), CALM);
    assert_eq!(admit(&mut edge, "192.0.2.10:40000"), unicom());
    assert_eq!(admit(&mut edge, "[::ffff:192.0.2.10]:5060"), unicom());
    assert_eq!(answer(admit(&mut edge, "192.0.2.11:5060")).status, 403);
    let nets: Vec<Network> = vec!["198.51.100.0/25".parse().unwrap(), "2001:db8:7::/48".parse().unwrap()];
    edge.access().set_trunk("telecom", &[], &nets).unwrap();
    let telecom = Admit::Pass(Source::Trunk("telecom".into()));
    assert_eq!(admit(&mut edge, "198.51.100.127:5060"), telecom);
    assert_eq!(answer(admit(&mut edge, "198.51.100.128:5060")).status, 403);
    assert_eq!(admit(&mut edge, "[2001:db8:7:1::5]:5060"), telecom);
    // A trunk that is gone may not call any more.
    edge.access().set_trunk("telecom", &[], &[]).unwrap();
    assert_eq!(answer(admit(&mut edge, "198.51.100.5:5060")).status, 403);
}

#[test]
fn what_is_no_network_is_refused_and_none_and_all_are_networks() {
    for text in ["", "carrier.test", "192.0.2.0/33", "192.0.2.0/", "2001:db8::/129", "192.0.2.0/-1"] {
        assert!(text.parse::<Network>().is_err(), "{text}");
    }
    let all: Network = "0.0.0.0/0".parse().unwrap();
    assert!(all.holds("203.0.113.5".parse().unwrap()) && !all.holds("2001:db8::1".parse().unwrap()));
    assert!("::/0".parse::<Network>().unwrap().holds("2001:db8::1".parse().unwrap()));
}

#[test]
fn two_trunks_at_one_address_are_told_apart_by_port() {
    let mut edge = edge(EdgeSettings::default());
    edge.access().set_trunk("second", &["192.0.2.10:5070".parse().unwrap()], &[]).unwrap();
    let now = Instant::now();
    let second = Admit::Pass(Source::Trunk("second".into()));
    assert_eq!(edge.admit(now, &request("INVITE", "1", ""), flow("192.0.2.10:5070"), CALM), second);
    assert_eq!(edge.admit(now, &request("INVITE", "2", ""), flow("192.0.2.10:9999"), CALM), unicom());
}

#[test]
fn a_registered_phone_is_known_by_its_flow_and_no_longer_than_its_binding() {
    let (mut edge, now) = (edge(EdgeSettings { phones: true, ..EdgeSettings::default() }), Instant::now());
    let phone = Flow { protocol: Protocol::Wss, remote: "198.51.100.3:44444".parse().unwrap(), connection: 9 };
    assert_eq!(edge.admit(now, &request("REGISTER", "1", ""), phone, CALM), Admit::Prove);
    assert_eq!(answer(edge.admit(now, &request("INVITE", "2", ""), phone, CALM)).status, 403);
    edge.access().set_phone(&phone, "desk-4").unwrap();
    let known = Admit::Pass(Source::Phone("desk-4".into()));
    assert_eq!(edge.admit(now, &request("INVITE", "3", ""), phone, CALM), known);
    // Another connection from the same address is somebody else.
    let other = Flow { connection: 10, ..phone };
    assert_eq!(answer(edge.admit(now, &request("INVITE", "4", ""), other, CALM)).status, 403);
    edge.access().forget_phone(&phone);
    assert_eq!(answer(edge.admit(now, &request("INVITE", "5", ""), phone, CALM)).status, 403);
}

#[test]
fn strangers_are_answered_so_many_times_a_second_and_then_not_at_all() {
    let settings = EdgeSettings { strangers: rate(2.0, 3.0), ..EdgeSettings::default() };
    let (mut edge, now) = (edge(settings), Instant::now());
    let ask = |edge: &mut Edge, now, n: u32, from: &str| {
        edge.admit(now, &request("OPTIONS", &n.to_string(), ""), flow(from), CALM)
    };
    for n in 0..3 {
        assert_eq!(answer(ask(&mut edge, now, n, STRANGER)).status, 403);
    }
    for n in 3..50 {
        assert_eq!(ask(&mut edge, now, n, STRANGER), Admit::Drop);
    }
    // Another source has its own measure, and so has the next second.
    assert_eq!(answer(ask(&mut edge, now, 60, "203.0.113.67:5060")).status, 403);
    let later = now + Duration::from_secs(1);
    assert_eq!(answer(ask(&mut edge, later, 61, STRANGER)).status, 403);
    assert_eq!(answer(ask(&mut edge, later, 62, STRANGER)).status, 403);
    assert_eq!(ask(&mut edge, later, 63, STRANGER), Admit::Drop);
    assert_eq!((edge.counts().strangers_answered, edge.counts().strangers_dropped), (6, 48));
    // One neighbourhood of IPv6 is one source.
    let mut answered = 0;
    for n in 0..100_u32 {
        let from = format!("[2001:db8:1:1::{n:x}]:5060");
        answered += u32::from(ask(&mut edge, later, 100 + n, &from) != Admit::Drop);
    }
    assert_eq!(answered, 3);
}

#[test]
fn a_flood_in_a_hundred_thousand_names_fills_no_table_and_shuts_nobody_else_out() {
    let settings = EdgeSettings { strangers: rate(1.0, 2.0), ..EdgeSettings::default() };
    let (mut edge, now) = (edge(settings), Instant::now());
    let options = request("OPTIONS", "1", "");
    let mut answered = 0;
    for n in 0..100_000_u32 {
        let from = SocketAddr::new(std::net::Ipv4Addr::from_bits(0x0a00_0000 + n).into(), 5060);
        answered += u32::from(edge.admit(now, &options, Flow::udp(from), CALM) != Admit::Drop);
    }
    // Each of those that have a bucket once, and two for all the others together.
    assert_eq!(answered, 4096 + 2);
    assert_eq!(edge.admit(now, &request("INVITE", "2", ""), flow(CARRIER), CALM), unicom());
    // When the flood is over its buckets are full again, and make room.
    let later = now + Duration::from_secs(5);
    assert_eq!(answer(edge.admit(later, &options, flow(STRANGER), CALM)).status, 403);
}

#[test]
fn a_trunk_that_calls_too_often_is_told_to_come_later() {
    let settings = EdgeSettings { known: rate(10.0, 10.0), ..EdgeSettings::default() };
    let (mut edge, now) = (edge(settings), Instant::now());
    let invite = |edge: &mut Edge, now, n: u32| {
        edge.admit(now, &request("INVITE", &format!("{n}-{now:?}").replace([' ', ','], ""), ""), flow(CARRIER), CALM)
    };
    for n in 0..10 {
        assert_eq!(invite(&mut edge, now, n), unicom());
    }
    // The repeat of a call that was let in costs nothing.
    assert_eq!(invite(&mut edge, now, 0), unicom());
    let refusal = answer(invite(&mut edge, now, 10));
    assert_eq!(refusal.status, 503);
    assert!(refusal.headers.get("Retry-After").is_some());
    assert_eq!(invite(&mut edge, now + Duration::from_millis(100), 11), unicom());
    assert_eq!(edge.counts().too_often, 1);
}

fn busy() -> Load {
    Load { queued: 10, oldest: Duration::from_millis(151) }
}

#[test]
fn above_the_mark_new_calls_get_503_while_calls_that_live_go_on() {
    let (mut edge, now) = (edge(EdgeSettings::default()), Instant::now());
    let from = flow(CARRIER);
    assert_eq!(edge.admit(now, &request("INVITE", "live", ""), from, CALM), unicom());
    for method in ["INVITE", "REGISTER"] {
        let refusal = answer(edge.admit(now, &request(method, method, ""), from, busy()));
        assert_eq!(refusal.status, 503);
        let after: u16 = refusal.headers.get("Retry-After").unwrap().parse().unwrap();
        assert!((5..=10).contains(&after), "{after}");
    }
    // The live call: its INVITE again, its ACK, CANCEL, re-INVITE, BYE, and what answers ours.
    assert_eq!(edge.admit(now, &request("INVITE", "live", ""), from, busy()), unicom());
    for method in ["ACK", "CANCEL", "INVITE", "BYE", "UPDATE", "PRACK", "INFO"] {
        let tag = if method == "CANCEL" { "" } else { "ours" };
        assert_eq!(edge.admit(now, &request(method, "live", tag), from, busy()), Admit::Inside, "{method}");
    }
    let Message::Request(bye) = request("BYE", "live", "ours") else { unreachable!() };
    let response = Message::Response(Response::to(&bye, 200, ""));
    assert_eq!(edge.admit(now, &response, from, busy()), Admit::Inside);
    // A carrier asks whether we are there: we are.
    assert_eq!(edge.admit(now, &request("OPTIONS", "7", ""), from, busy()), unicom());
    assert_eq!(edge.counts().overload, 2);
}

#[test]
fn overload_ends_only_at_half_the_mark() {
    let mark = Mark { queued: 100, oldest: Duration::from_millis(100) };
    let mut edge = edge(EdgeSettings { mark, ..EdgeSettings::default() });
    let load = |queued, ms| Load { queued, oldest: Duration::from_millis(ms) };
    let steps = [
        (load(100, 100), false),
        (load(101, 0), true),
        (load(51, 0), true),
        (load(50, 51), true),
        (load(50, 50), false),
        (load(0, 101), true),
        (load(0, 0), false),
    ];
    for (no, (load, on)) in steps.into_iter().enumerate() {
        let call = request("INVITE", &format!("step{no}"), "");
        match edge.admit(Instant::now(), &call, flow(CARRIER), load) {
            Admit::Answer(response) => {
                assert!(on && response.status == 503, "{load:?}");
                let seconds: u64 = response.headers.get("Retry-After").unwrap().parse().unwrap();
                assert!((5..=10).contains(&seconds), "{seconds}");
            }
            admitted => assert!(!on && admitted == unicom(), "{load:?}"),
        }
    }
}

#[test]
fn a_refusal_without_state_is_the_same_each_time_and_its_ack_goes_no_further() {
    let (mut edge, now) = (edge(EdgeSettings::default()), Instant::now());
    let invite = request("INVITE", "c1", "");
    let first = answer(edge.admit(now, &invite, flow(CARRIER), busy()));
    let again = answer(edge.admit(now, &invite, flow(CARRIER), busy()));
    assert_eq!(first, again);
    let to = first.headers.get("To").unwrap();
    assert!(Edge::is_over(format!("ACK sip:a@b SIP/2.0\r\nTo: {to}\r\n\r\n").as_bytes()), "{to}");
    // Of an answer that the core gave, it is not ours to swallow.
    assert_eq!(edge.admit(now, &request("ACK", "c1", "core"), flow(CARRIER), busy()), Admit::Inside);
}

#[test]
fn a_house_that_closes_takes_no_new_call_and_tells_the_carrier_so() {
    let (mut edge, now) = (edge(EdgeSettings::default()), Instant::now());
    assert_eq!(edge.admit(now, &request("INVITE", "live", ""), flow(CARRIER), CALM), unicom());
    edge.drain();
    for method in ["INVITE", "REGISTER", "OPTIONS"] {
        assert_eq!(answer(edge.admit(now, &request(method, method, ""), flow(CARRIER), CALM)).status, 503);
    }
    assert_eq!(edge.admit(now, &request("INVITE", "live", ""), flow(CARRIER), CALM), unicom());
    assert_eq!(edge.admit(now, &request("BYE", "live", "ours"), flow(CARRIER), CALM), Admit::Inside);
    assert_eq!(edge.counts().draining, 3);
}

#[test]
fn an_unlisted_machine_may_take_part_in_a_call_but_not_without_end() {
    let settings = EdgeSettings { inside: rate(1.0, 20.0), ..EdgeSettings::default() };
    let (mut edge, now) = (edge(settings), Instant::now());
    let bye = request("BYE", "live", "ours");
    for _ in 0..20 {
        assert_eq!(edge.admit(now, &bye, flow(STRANGER), CALM), Admit::Inside);
    }
    assert_eq!(edge.admit(now, &bye, flow(STRANGER), CALM), Admit::Drop);
    for _ in 0..2000 {
        assert_eq!(edge.admit(now, &bye, flow(CARRIER), CALM), Admit::Inside);
    }
}

#[test]
fn an_open_door_lets_everybody_in_until_there_is_too_much() {
    let settings = EdgeSettings { open: true, known: rate(1.0, 1.0), ..EdgeSettings::default() };
    let (mut edge, now) = (edge(settings), Instant::now());
    for n in 0..1000 {
        let invite = request("INVITE", &n.to_string(), "");
        assert_eq!(edge.admit(now, &invite, flow(STRANGER), CALM), Admit::Pass(Source::Open));
    }
    assert_eq!(answer(edge.admit(now, &request("INVITE", "x", ""), flow(STRANGER), busy())).status, 503);
}

#[test]
fn the_ack_of_what_was_turned_away_is_known_at_a_glance_and_no_other() {
    let text =
        |method: &str, to: &str| format!("{method} sip:a@b SIP/2.0\r\nCSeq: 1 ACK\r\n{to}\r\n\r\nTo: x;tag=door-1");
    assert!(Edge::is_over(text("ACK", "To: <sip:a@b>;tag=door-00ff").as_bytes()));
    assert!(Edge::is_over(text("ACK", "t:<sip:a@b>;TAG=door-00ff").as_bytes()));
    for other in [text("ACK", "To: <sip:a@b>;tag=7f"), text("BYE", "To: <sip:a@b>;tag=door-1"), text("ACK", "X: y")] {
        assert!(!Edge::is_over(other.as_bytes()), "{other}");
    }
}

#[test]
fn the_time_that_messages_wait_is_measured_from_when_they_were_read() {
    let (mut inbox, start) = (Inbox::new(3, 1_000), Instant::now());
    let at = |ms| start + Duration::from_millis(ms);
    for ms in [0, 100, 120, 130] {
        inbox.push(at(ms), flow(CARRIER), ms.to_string());
    }
    assert_eq!((inbox.lost(), inbox.is_full()), (1, true));
    assert_eq!(inbox.load(at(200)), Load { queued: 3, oldest: Duration::from_millis(200) });
    let (from, first, load) = inbox.pop(at(200)).unwrap();
    assert_eq!((from, first.as_str()), (flow(CARRIER), "0"));
    assert_eq!(load, Load { queued: 3, oldest: Duration::from_millis(200) });
    assert_eq!(inbox.load(at(200)).oldest, Duration::from_millis(100));
    assert_eq!(inbox.pop(at(201)).unwrap().1, "100");
    assert_eq!(inbox.pop(at(201)).unwrap().1, "120");
    assert!(inbox.pop(at(201)).is_none() && inbox.is_empty());
    assert_eq!(inbox.load(at(500)), Load::default());
}

#[test]
fn what_belongs_to_a_call_goes_before_what_begins_one_and_never_for_ever() {
    let (mut inbox, start) = (Inbox::new(200, 100_000), Instant::now());
    let later = start + Duration::from_millis(90);
    let text = |method: &str, to: &str| format!("{method} sip:a@b SIP/2.0\r\nCSeq: 1 {method}\r\n{to}\r\n\r\n");
    inbox.push(start, flow(CARRIER), text("INVITE", "To: <sip:new@b>"));
    inbox.push(start, flow(CARRIER), text("REGISTER", "t: <sip:phone@b>"));
    inbox.push(later, flow(CARRIER), text("INVITE", "t : <sip:again@b> ;tag=1"));
    inbox.push(later, flow(CARRIER), "SIP/2.0 200 OK\r\nTo: <sip:a@b>;tag=2\r\n\r\n".to_owned());
    let next = |inbox: &mut Inbox<String>| inbox.pop(later).map(|(_, message, load)| (message, load.oldest)).unwrap();
    let (first, waits) = next(&mut inbox);
    assert!(first.contains("again") && waits == Duration::from_millis(90), "who begins waits since then: {waits:?}");
    assert!(next(&mut inbox).0.starts_with("SIP/2.0 200"));
    assert!(next(&mut inbox).0.contains("new"));
    // Somebody who sends within his call without an end keeps nobody out.
    for _ in 0..100 {
        inbox.push(later, flow(CARRIER), text("INFO", "To: <sip:a@b>;tag=3"));
    }
    let before = (0..100).take_while(|_| next(&mut inbox).0.starts_with("INFO")).count();
    assert_eq!(before, 16);
}

#[test]
fn a_flood_of_new_calls_leaves_room_for_those_that_live() {
    let (mut inbox, now) = (Inbox::new(10, 100_000), Instant::now());
    for number in 0..20 {
        inbox.push(now, flow(CARRIER), format!("INVITE sip:{number}@b SIP/2.0\r\nTo: <sip:a@b>\r\n\r\n"));
    }
    assert_eq!((inbox.load(now).queued, inbox.lost(), inbox.is_full()), (5, 15, false));
    inbox.push(now, flow(CARRIER), "BYE sip:a@b SIP/2.0\r\nTo: <sip:a@b>;tag=1\r\n\r\n".to_owned());
    assert!(inbox.pop(now).unwrap().1.starts_with("BYE"));
}

#[test]
fn messages_that_wait_are_bounded_by_their_bytes_too() {
    let (mut inbox, now) = (Inbox::new(100, 1_000), Instant::now());
    for _ in 0..3 {
        inbox.push(now, flow(CARRIER), [0_u8; 600]);
    }
    assert_eq!((inbox.load(now).queued, inbox.is_full(), inbox.lost()), (2, true, 1));
    inbox.pop(now).unwrap();
    assert!(!inbox.is_full());
    inbox.pop(now).unwrap();
    inbox.push(now, flow(CARRIER), [0_u8; 600]);
    assert_eq!((inbox.load(now).queued, inbox.lost()), (1, 1));
}
