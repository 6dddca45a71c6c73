//! The door of an endpoint, over real sockets.

use std::{net::SocketAddr, time::Duration};

use songda_sip::{Endpoint, EndpointConfig, Listen, Protocol, Source, TrunkSettings};
use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;

use crate::restart::free_port;

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
        let (house, from) = (self.house, self.address());
        let number = if method == "BYE" { 2 } else { 1 };
        let body = if method == "INVITE" { SDP } else { "" };
        let text = format!(
            "{method} sip:13812345678@{house} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{call}{method};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:13912345678@carrier.test>;tag=1\r\nTo: <sip:13812345678@{house}>{tag}\r\n\
             Call-ID: {call}\r\nCSeq: {number} {method}\r\nContact: <sip:{from}>\r\n{extra}Content-Type: application/sdp\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.socket.send_to(text.as_bytes(), house).await.unwrap();
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
    carrier.send("INVITE", "live", "").await;
    let call = calls.recv().await.unwrap();
    call.leg.handle().answer(SDP.to_owned()).await;
    let accepted = carrier.answer().await;
    let tag = accepted.split("\r\nTo: ").nth(1).unwrap().split("\r\n").next().unwrap().split(";tag=").nth(1).unwrap();
    endpoint.drain().await;
    carrier.send("ACK", "live", &format!(";tag={tag}")).await;
    carrier.send("OPTIONS", "health", "").await;
    let refused = carrier.answer().await;
    assert!(refused.starts_with("SIP/2.0 503 ") && refused.contains("Retry-After: "), "{refused}");
    carrier.send("BYE", "live", &format!(";tag={tag}")).await;
    while !carrier.answer().await.starts_with("SIP/2.0 200 ") {}
}

/// RFC 3891, 3: whoever takes the place of a call must be one who may.
#[tokio::test]
async fn a_carrier_may_not_take_the_place_of_a_telephones_call() {
    let endpoint = endpoint();
    let mut calls = endpoint.incoming().unwrap();
    let carrier = Carrier::new(endpoint.local_addr()).await;
    let trunk =
        TrunkSettings { health: None, ..TrunkSettings::new("a", carrier.address().to_string(), "carrier.test") };
    endpoint.set_trunks(vec![trunk]).await;
    // It is known as soon as its host was looked up.
    let mut number = 0;
    let (call, name) = loop {
        number += 1;
        let name = format!("phone{number}");
        carrier.send("INVITE", &name, "").await;
        tokio::select! {
            call = calls.recv() => break (call.unwrap(), name),
            refused = carrier.answer() => assert!(refused.starts_with("SIP/2.0 403 "), "{refused}"),
        }
    };
    // As if a telephone had called.
    call.leg.handle().trust().await;
    call.leg.handle().answer(SDP.to_owned()).await;
    let accepted = carrier.answer().await;
    let tag = accepted.split("\r\nTo: ").nth(1).unwrap().split("\r\n").next().unwrap().split(";tag=").nth(1).unwrap();
    carrier.send("ACK", &name, &format!(";tag={tag}")).await;
    let replaces = format!("Replaces: {name};to-tag={tag};from-tag=1\r\n");
    carrier.send_with("INVITE", "thief", "", &replaces).await;
    tokio::select! {
        call = calls.recv() => panic!("it was taken: {:?}", call.unwrap().invite.replaces),
        refused = carrier.answer() => assert!(refused.starts_with("SIP/2.0 403 "), "{refused}"),
    }
}
