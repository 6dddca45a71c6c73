//! Transports over real sockets on loopback.

mod certificates;
pub(crate) mod dns;
mod keep_alive;
mod limits;
mod phone_calls;
mod streams;
mod tls;
mod trunk_calls;
mod websocket;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use songda_sip::{
    EdgeSettings, Endpoint, EndpointConfig, Leg, LegEvent, Listen, Number, OutboundCall, Protocol, Trunk,
    machine::{Frame, Framer, Headers, Message, Method, Request, Response, parse, print_request, print_response},
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;

const SDP: &str =
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 20000 RTP/AVP 8\r\n";
/// Nothing here takes so long unless it is broken.
const LIMIT: Duration = Duration::from_secs(10);

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// An endpoint that listens for these, open to everybody.
fn config(listens: Vec<Listen>) -> EndpointConfig {
    let config = EndpointConfig::new(listens, "songda-test");
    EndpointConfig { edge: EdgeSettings { open: true, ..config.edge }, ..config }
}

fn plain(protocols: &[Protocol]) -> EndpointConfig {
    config(protocols.iter().map(|protocol| Listen::new(*protocol, loopback())).collect())
}

fn start(config: EndpointConfig) -> Endpoint {
    Endpoint::start(config, CancellationToken::new()).unwrap()
}

fn order(proxy: String, domain: &str) -> OutboundCall {
    OutboundCall {
        trunk: Arc::new(Trunk { name: "t".into(), proxy, domain: domain.into(), ..Trunk::default() }),
        callee: Number::new("13800000001"),
        caller: Number::new("02988009000"),
        offer: SDP.into(),
        ring_limit: Duration::from_secs(30),
    }
}

/// The other end of one stream.
struct Peer<S> {
    stream: S,
    framer: Framer,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    fn new(stream: S) -> Self {
        Self { stream, framer: Framer::default() }
    }

    async fn message(&mut self) -> Message {
        loop {
            match self.framer.take().unwrap() {
                Some(Frame::Message(bytes)) => return parse(&bytes).unwrap().0,
                Some(Frame::Ping | Frame::Pong) => {}
                None => {
                    let mut chunk = [0; 4096];
                    let read = tokio::time::timeout(LIMIT, self.stream.read(&mut chunk)).await;
                    let read = read.expect("nothing comes").unwrap();
                    assert!(read > 0, "the connection was closed");
                    self.framer.push(&chunk[..read]);
                }
            }
        }
    }

    /// The next request of this method; others are passed over.
    async fn request(&mut self, method: &Method) -> Request {
        loop {
            if let Message::Request(request) = self.message().await
                && request.method == *method
            {
                return request;
            }
        }
    }

    async fn response(&mut self) -> Response {
        loop {
            if let Message::Response(response) = self.message().await {
                return response;
            }
        }
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    async fn answer(&mut self, request: &Request, contact: &str, body: &str) {
        let mut response = Response::to(request, 200, "far");
        response.headers.push("Contact", contact);
        response.body = body.as_bytes().to_vec();
        self.send(&print_response(&response)).await;
    }

    /// Waits until the other end closes.
    async fn closed(&mut self) {
        let mut chunk = [0; 4096];
        let end = async { while self.stream.read(&mut chunk).await.unwrap_or(0) > 0 {} };
        tokio::time::timeout(LIMIT, end).await.expect("it stays open");
    }
}

fn request(method: &Method, protocol: Protocol, sent_by: &str, branch: &str) -> Request {
    let mut headers = Headers::default();
    headers.push("Via", format!("SIP/2.0/{protocol} {sent_by};rport;branch=z9hG4bK{branch}"));
    headers.push("From", "<sip:13900000001@peer.test>;tag=near");
    headers.push("To", "<sip:12368@court.test>");
    headers.push("Call-ID", format!("{branch}@peer.test"));
    headers.push("CSeq", format!("1 {method}"));
    headers.push("Max-Forwards", "70");
    headers.push("Contact", format!("<sip:13900000001@{sent_by}>"));
    Request { method: method.clone(), uri: "sip:12368@court.test".into(), headers, body: Vec::new() }
}

fn options(protocol: Protocol, branch: &str) -> Vec<u8> {
    print_request(&request(&Method::OPTIONS, protocol, "127.0.0.1:9", branch))
}

/// Waits for an event.
async fn until(leg: &mut Leg, wanted: impl Fn(&LegEvent) -> bool) -> LegEvent {
    loop {
        let event = tokio::time::timeout(LIMIT, leg.next()).await.expect("nothing happens").expect("it is over");
        if wanted(&event) {
            return event;
        }
    }
}

async fn answered(leg: &mut Leg) {
    until(leg, |event| matches!(event, LegEvent::Answered { .. })).await;
}
