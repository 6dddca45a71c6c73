//! The door of an endpoint, over real sockets.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use songda_sip::{
    EdgeSettings, EndCause, Endpoint, EndpointConfig, IncomingCall, LegEvent, Listen, Mark, Protocol, Rate, Side,
    Source, TrunkSettings,
};
use tokio::{net::UdpSocket, sync::mpsc};
use tokio_util::sync::CancellationToken;

use crate::{
    restart::free_port,
    transports::dns::{Asked, a, serve},
};

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n";

struct Carrier {
    socket: UdpSocket,
    house: SocketAddr,
}

impl Carrier {
    async fn new(house: SocketAddr) -> Self {
        Self { socket: UdpSocket::bind("127.0.0.1:0").await.unwrap(), house }
    }

    fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    async fn send(&self, method: &str, call: &str, tag: &str) {
        self.send_with(method, call, tag, "").await;
    }

    async fn send_with(&self, method: &str, call: &str, tag: &str, extra: &str) {
        let number = if method == "BYE" { 1_000 } else { 1 };
        let body = if method == "INVITE" { SDP } else { "" };
        self.request(method, number, call, tag, &format!("{extra}Content-Type: application/sdp\r\n"), body).await;
    }

    async fn request(&self, method: &str, number: u32, call: &str, tag: &str, extra: &str, body: &str) {
        let (house, from) = (self.house, self.address());
        let text = format!(
            "{method} sip:13812345678@{house} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {from};branch=z9hG4bK{call}{method}{number};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:13912345678@carrier.test>;tag=1\r\nTo: <sip:13812345678@{house}>{tag}\r\n\
             Call-ID: {call}\r\nCSeq: {number} {method}\r\nContact: <sip:{from}>\r\n{extra}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.socket.send_to(text.as_bytes(), house).await.unwrap();
    }

    /// A call that is up, and our tag in it as it stands behind To.
    async fn talks(&self, calls: &mut mpsc::Receiver<IncomingCall>, name: &str) -> (IncomingCall, String) {
        self.send("INVITE", name, "").await;
        let call = calls.recv().await.unwrap();
        call.leg.handle().answer(SDP.to_owned()).await;
        let accepted = self.answer().await;
        let to = accepted.split("\r\nTo: ").nth(1).unwrap().split("\r\n").next().unwrap();
        let tag = format!(";tag={}", to.split(";tag=").nth(1).unwrap());
        self.send("ACK", name, &tag).await;
        (call, tag)
    }

    /// Calls until a call is taken: a trunk is known as soon as its host was looked up.
    async fn known(&self, calls: &mut mpsc::Receiver<IncomingCall>) -> (IncomingCall, String) {
        let mut number = 0;
        loop {
            number += 1;
            let name = format!("known{number}");
            self.send("INVITE", &name, "").await;
            tokio::select! {
                call = calls.recv() => return (call.unwrap(), name),
                refused = self.answer() => assert!(refused.starts_with("SIP/2.0 403 "), "{refused}"),
            }
        }
    }

    /// The next final answer.
    async fn answer(&self) -> String {
        let mut buffer = vec![0; 65_536];
        loop {
            let receiving = self.socket.recv_from(&mut buffer);
            let (length, _) = tokio::time::timeout(Duration::from_secs(10), receiving).await.expect("in time").unwrap();
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if !text.starts_with("SIP/2.0 1") {
                return text;
            }
        }
    }
}

fn endpoint() -> Endpoint {
    let listen = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let line = Listen::new(Protocol::Udp, listen);
    Endpoint::start(EndpointConfig::new(vec![line], "songda-test"), CancellationToken::new()).unwrap()
}

fn open_endpoint() -> Endpoint {
    let listen = SocketAddr::from(([127, 0, 0, 1], free_port()));
    Endpoint::start(EndpointConfig::udp(listen, "songda-test"), CancellationToken::new()).unwrap()
}

#[tokio::test]
async fn a_stranger_is_refused_where_he_asked_from() {
    let endpoint = endpoint();
    let _calls = endpoint.incoming().unwrap();
    let carrier = Carrier::new(endpoint.local_addr()).await;
    carrier.send("INVITE", "stranger", "").await;
    let refused = carrier.answer().await;
    assert!(refused.starts_with("SIP/2.0 403 "), "{refused}");
    assert!(refused.contains(&format!("rport={}", carrier.address().port())), "RFC 3581: {refused}");
    let tag = refused.split(";tag=door-").nth(1).unwrap().split("\r\n").next().unwrap();
    carrier.send("ACK", "stranger", &format!(";tag=door-{tag}")).await;
}

#[tokio::test]
async fn the_ladder_of_a_call_is_shown_with_its_numbers_hidden() {
    let endpoint = open_endpoint();
    let mut calls = endpoint.incoming().unwrap();
    let carrier = Carrier::new(endpoint.local_addr()).await;
    carrier.send("INVITE", "known", "").await;
    let call = calls.recv().await.unwrap();
    assert_eq!((call.source, call.invite.called.as_str()), (Source::Open, "13812345678"));
    call.leg.handle().answer(SDP.to_owned()).await;
    assert!(carrier.answer().await.starts_with("SIP/2.0 200 "));
    let lines = endpoint.ladder(call.leg.call_id()).await;
    let shown: Vec<String> = lines.iter().map(ToString::to_string).collect();
    assert!(shown[0].contains("<- UDP 127.0.0.1:") && shown[0].contains("INVITE sip:138****5678@"), "{shown:?}");
    assert!(
        shown.iter().any(|line| line.contains(" 200 OK | CSeq: 1 INVITE | SDP: audio 127.0.0.1:4000 8")),
        "{shown:?}"
    );
    assert!(!shown.concat().contains("12345678"), "{shown:?}");
    assert!(endpoint.ladder("another").await.is_empty());
}

#[tokio::test]
async fn a_house_that_closes_refuses_new_calls_and_lets_those_that_live_go_on() {
    let endpoint = open_endpoint();
    let mut calls = endpoint.incoming().unwrap();
    let carrier = Carrier::new(endpoint.local_addr()).await;
    let (_call, tag) = carrier.talks(&mut calls, "live").await;
    endpoint.drain().await;
    carrier.send("OPTIONS", "health", "").await;
    let refused = carrier.answer().await;
    assert!(refused.starts_with("SIP/2.0 503 ") && refused.contains("Retry-After: "), "{refused}");
    carrier.send("BYE", "live", &tag).await;
    while !carrier.answer().await.starts_with("SIP/2.0 200 ") {}
}

/// RFC 3891, 3: no call of ours may be taken over.
#[tokio::test]
async fn a_carrier_may_not_take_the_place_of_a_call() {
    let endpoint = endpoint();
    let mut calls = endpoint.incoming().unwrap();
    let carrier = Carrier::new(endpoint.local_addr()).await;
    let trunk =
        TrunkSettings { health: None, ..TrunkSettings::new("a", carrier.address().to_string(), "carrier.test") };
    endpoint.set_trunks(vec![trunk]).await;
    let (call, name) = carrier.known(&mut calls).await;
    call.leg.handle().answer(SDP.to_owned()).await;
    let accepted = carrier.answer().await;
    let tag = accepted.split("\r\nTo: ").nth(1).unwrap().split("\r\n").next().unwrap().split(";tag=").nth(1).unwrap();
    carrier.send("ACK", &name, &format!(";tag={tag}")).await;
    let replaces = format!("Replaces: {name};to-tag={tag};from-tag=1\r\n");
    carrier.send_with("INVITE", "thief", "", &replaces).await;
    tokio::select! {
        call = calls.recv() => panic!("it was taken: {:?}", call.unwrap().invite),
        refused = carrier.answer() => assert!(refused.starts_with("SIP/2.0 481 "), "{refused}"),
    }
}

#[tokio::test]
async fn a_name_server_that_is_silent_takes_nobody_off_the_list() {
    let names = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let zone = HashMap::from([("carrier.test", vec![a(Ipv4Addr::LOCALHOST)])]);
    let serving = tokio::spawn(serve(names.clone(), zone, Asked::default()));
    let line = Listen::new(Protocol::Udp, SocketAddr::from(([127, 0, 0, 1], free_port())));
    let config = EndpointConfig::new(vec![line], "songda-test");
    // The list is not known before the first answer: until then nobody is too often refused.
    let edge = EdgeSettings { strangers: Rate { per_second: 10_000.0, burst: 10_000.0 }, ..config.edge };
    let config = EndpointConfig { name_servers: vec![names.local_addr().unwrap()], edge, ..config };
    let endpoint = Endpoint::start(config, CancellationToken::new()).unwrap();
    let mut calls = endpoint.incoming().unwrap();
    let carrier = Carrier::new(endpoint.local_addr()).await;
    let host = format!("carrier.test:{}", carrier.address().port());
    let trunk = TrunkSettings { health: None, ..TrunkSettings::new("a", host, "carrier.test") };
    endpoint.set_trunks(vec![trunk.clone()]).await;
    let _first = carrier.known(&mut calls).await;
    serving.abort();
    assert!(serving.await.is_err_and(|error| error.is_cancelled()));
    // It looks again, and is left without an answer.
    endpoint.set_trunks(vec![trunk]).await;
    let question = async || {
        let mut buffer = [0; 1500];
        let asked = tokio::time::timeout(Duration::from_secs(10), names.recv_from(&mut buffer)).await;
        asked.expect("it is asked within seconds").unwrap();
    };
    question().await;
    // Three seconds later that look has failed, and after three more comes the next.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(4) {
        question().await;
    }
    carrier.send("INVITE", "later", "").await;
    tokio::select! {
        call = calls.recv() => assert_eq!(call.unwrap().source, Source::Trunk("a".into())),
        refused = carrier.answer() => panic!("it is a stranger now: {refused}"),
    }
}

/// A call that comes in while more waits than may: 503; what belongs to a live call is served.
#[tokio::test]
async fn a_flood_at_a_real_socket_gets_503_and_the_live_call_ends_well() {
    let config = EndpointConfig::udp(SocketAddr::from(([127, 0, 0, 1], free_port())), "songda-test");
    let mark = Mark { queued: 16, ..config.edge.mark };
    let config = EndpointConfig { edge: EdgeSettings { mark, ..config.edge }, ..config };
    let endpoint = Endpoint::start(config, CancellationToken::new()).unwrap();
    let mut calls = endpoint.incoming().unwrap();
    let carrier = Carrier::new(endpoint.local_addr()).await;
    let (mut live, tag) = carrier.talks(&mut calls, "live").await;
    // As much as the socket holds, and more than may wait; the endpoint runs while we wait.
    let flood = Carrier::new(endpoint.local_addr()).await;
    for number in 0..80 {
        flood.send("INVITE", &format!("flood{number}"), "").await;
    }
    carrier.send("BYE", "live", &tag).await;
    assert!(carrier.answer().await.starts_with("SIP/2.0 200 "));
    let mut events = Vec::new();
    while let Some(event) = live.leg.next().await {
        events.push(event);
    }
    assert!(
        matches!(
            &events[events.len() - 2..],
            [LegEvent::Ended(ended), LegEvent::Down { answered: true }]
                if (ended.by, ended.cause) == (Side::Peer, EndCause::HungUp)
        ),
        "{events:?}"
    );
    let mut refused = 0;
    while refused < 40 {
        let answer = flood.answer().await;
        assert!(answer.starts_with("SIP/2.0 503 ") && answer.contains("\r\nRetry-After: "), "{answer}");
        refused += 1;
    }
    // It is over, and calls are taken again.
    carrier.send("INVITE", "after", "").await;
    while calls.recv().await.unwrap().leg.call_id() != "after" {}
}

#[tokio::test]
async fn a_flood_of_keys_hides_neither_the_end_of_a_call_nor_that_nothing_of_it_is_left() {
    let endpoint = open_endpoint();
    let mut calls = endpoint.incoming().unwrap();
    let carrier = Carrier::new(endpoint.local_addr()).await;
    let (mut call, tag) = carrier.talks(&mut calls, "keys").await;
    // Whoever has it is busy.
    for number in 2..402 {
        carrier.request("INFO", number, "keys", &tag, "Content-Type: application/dtmf\r\n", "5").await;
        assert!(carrier.answer().await.starts_with("SIP/2.0 200 "));
    }
    carrier.send("BYE", "keys", &tag).await;
    assert!(carrier.answer().await.starts_with("SIP/2.0 200 "));
    let mut events = Vec::new();
    while let Some(event) = call.leg.next().await {
        events.push(event);
    }
    let keys = events.iter().filter(|event| matches!(event, LegEvent::Digit { .. })).count();
    assert!((100..256).contains(&keys), "bounded: {keys}");
    assert!(events.contains(&LegEvent::Acknowledged));
    assert!(matches!(&events[events.len() - 2..], [LegEvent::Ended(_), LegEvent::Down { answered: true }]));
}
