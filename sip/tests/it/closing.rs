//! The end of an endpoint, over real sockets.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use songda_sip::{
    Endpoint, EndpointConfig, Leg, LegEvent, Number, OutboundCall, Trunk,
    machine::{Message, Method, Request, Response, parse, print_response},
};
use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;

const SDP: &str = "v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 20000 RTP/AVP 8\r\n";

/// The carrier's side of one call.
struct Carrier(UdpSocket);

impl Carrier {
    async fn next(&self, method: &Method) -> (Request, SocketAddr) {
        let mut buffer = [0; 4096];
        loop {
            let got = tokio::time::timeout(Duration::from_secs(5), self.0.recv_from(&mut buffer)).await;
            let (length, from) = got.expect("it says nothing").unwrap();
            if let Some((Message::Request(request), _)) = parse(&buffer[..length])
                && request.method == *method
            {
                return (request, from);
            }
        }
    }

    async fn answer(&self, request: &Request, to: SocketAddr, body: &str) {
        let mut response = Response::to(request, 200, "far");
        response.headers.push("Contact", format!("<sip:party@{}>", self.0.local_addr().unwrap()));
        response.body = body.as_bytes().to_vec();
        self.0.send_to(&print_response(&response), to).await.unwrap();
    }
}

fn order(carrier: &Carrier) -> OutboundCall {
    let trunk = Trunk {
        name: "t".into(),
        proxy: carrier.0.local_addr().unwrap().to_string(),
        domain: "127.0.0.1".into(),
        username: "court".into(),
        password: "secret".to_owned().into(),
        ..Trunk::default()
    };
    OutboundCall {
        trunk: Arc::new(trunk),
        callee: Number::new("13800000001"),
        caller: Number::new("02988009000"),
        offer: SDP.into(),
        ring_limit: Duration::from_secs(30),
    }
}

async fn talking() -> (Endpoint, Leg, Carrier) {
    let carrier = Carrier(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let listen = "127.0.0.1:0".parse().unwrap();
    let config = EndpointConfig::udp(listen, "songda-test");
    let endpoint = Endpoint::start(config, CancellationToken::new()).unwrap();
    let mut leg = endpoint.call(order(&carrier)).await.unwrap();
    let (invite, from) = carrier.next(&Method::INVITE).await;
    carrier.answer(&invite, from, SDP).await;
    assert!(matches!(leg.next().await, Some(LegEvent::Saved(_))));
    assert!(matches!(leg.next().await, Some(LegEvent::Answered { .. })));
    (endpoint, leg, carrier)
}

#[tokio::test]
async fn closing_waits_until_the_carrier_has_answered_the_bye() {
    let (endpoint, mut leg, carrier) = talking().await;
    let closing = tokio::spawn({
        let endpoint = endpoint.clone();
        async move { endpoint.close(Duration::from_secs(10)).await }
    });
    carrier.next(&Method::BYE).await;
    assert!(matches!(leg.next().await, Some(LegEvent::Ended(_))));
    let more = tokio::time::timeout(Duration::from_millis(100), endpoint.call(order(&carrier))).await;
    assert!(more.expect("it is refused at once").is_err(), "no new call while closing");
    // The first BYE is lost: the second is answered.
    let (bye, from) = carrier.next(&Method::BYE).await;
    assert!(!closing.is_finished());
    carrier.answer(&bye, from, "").await;
    assert!(tokio::time::timeout(Duration::from_secs(2), closing).await.unwrap().unwrap());
    assert!(!endpoint.close(Duration::from_secs(10)).await, "it has ended");
}

#[tokio::test]
async fn closing_ends_at_its_limit_and_says_that_an_answer_is_missing() {
    let (endpoint, _leg, carrier) = talking().await;
    assert!(!endpoint.close(Duration::from_millis(300)).await);
    carrier.next(&Method::BYE).await;
}

/// Orders to nobody, as many as the task takes before it has its turn.
async fn as_much_as_it_takes(endpoint: &Endpoint) {
    loop {
        let order = std::pin::pin!(endpoint.try_trunk_again("nobody"));
        let taken = tokio::task::unconstrained(async move { futures_util::poll!(order).is_ready() });
        if !taken.await {
            return;
        }
    }
}

#[tokio::test]
async fn a_leg_that_is_dropped_while_the_task_is_behind_is_hung_up_all_the_same() {
    let (endpoint, leg, carrier) = talking().await;
    as_much_as_it_takes(&endpoint).await;
    drop(leg);
    let (bye, from) = carrier.next(&Method::BYE).await;
    carrier.answer(&bye, from, "").await;
}

#[tokio::test]
async fn a_leg_that_nobody_holds_is_hung_up_at_its_next_news() {
    let carrier = Carrier(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let config = EndpointConfig::udp("127.0.0.1:0".parse().unwrap(), "songda-test");
    let endpoint = Endpoint::start(config, CancellationToken::new()).unwrap();
    let leg = endpoint.call(order(&carrier)).await.unwrap();
    let (invite, from) = carrier.next(&Method::INVITE).await;
    as_much_as_it_takes(&endpoint).await;
    // The word to hang up goes down with its runtime.
    std::thread::spawn(move || drop(leg)).join().unwrap();
    carrier.answer(&invite, from, SDP).await;
    carrier.next(&Method::BYE).await;
}
