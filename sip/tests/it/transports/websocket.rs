//! WebSocket for desk phones (RFC 7118), under TLS and without.

use futures_util::{SinkExt as _, StreamExt as _};
use songda_sip::ServerTls;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message as Frame, client::IntoClientRequest as _},
};

use super::{certificates::Authority, *};

pub(super) async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    subprotocol: Option<&str>,
) -> Result<WebSocketStream<S>, Error> {
    let mut request = "ws://court.test/".into_client_request()?;
    if let Some(subprotocol) = subprotocol {
        request.headers_mut().insert("Sec-WebSocket-Protocol", subprotocol.parse().unwrap());
    }
    client_async(request, stream).await.map(|(socket, _)| socket)
}

async fn asks<S: AsyncRead + AsyncWrite + Unpin>(mut socket: WebSocketStream<S>, protocol: Protocol) {
    let ask = String::from_utf8(options(protocol, "ws")).unwrap();
    socket.send(Frame::text(ask)).await.unwrap();
    let answer = tokio::time::timeout(LIMIT, socket.next()).await.unwrap().unwrap().unwrap();
    assert!(answer.is_text(), "a browser expects text");
    let Some((Message::Response(response), _)) = parse(&answer.into_data()) else { panic!("no response") };
    assert_eq!(response.status, 200);
    assert!(response.headers.get("Via").unwrap().starts_with(&format!("SIP/2.0/{protocol} ")));
    socket.send(Frame::text("\r\n\r\n")).await.unwrap();
    let pong = tokio::time::timeout(LIMIT, socket.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(pong.into_data().as_ref(), b"\r\n");
}

#[tokio::test]
async fn a_phone_in_a_browser_speaks_sip_over_a_websocket() {
    let endpoint = start(plain(&[Protocol::Udp, Protocol::Ws]));
    let stream = TcpStream::connect(endpoint.local_addr_on(Protocol::Ws).unwrap()).await.unwrap();
    asks(open(stream, Some("chat, sip")).await.unwrap(), Protocol::Ws).await;
}

#[tokio::test]
async fn a_websocket_that_does_not_speak_sip_is_refused() {
    let endpoint = start(plain(&[Protocol::Udp, Protocol::Ws]));
    for subprotocol in [None, Some("chat")] {
        let stream = TcpStream::connect(endpoint.local_addr_on(Protocol::Ws).unwrap()).await.unwrap();
        let Err(Error::Http(refusal)) = open(stream, subprotocol).await else { panic!("it was taken") };
        assert_eq!(refusal.status(), 400);
    }
}

#[tokio::test]
async fn a_websocket_may_run_under_tls() {
    let authority = Authority::new();
    let tls = ServerTls { identity: authority.sign("court", &["court.test"]), client_roots: None };
    let wss = Listen { tls: Some(tls), ..Listen::new(Protocol::Wss, loopback()) };
    let endpoint = start(config(vec![Listen::new(Protocol::Udp, loopback()), wss]));
    let stream = authority.connect(endpoint.local_addr_on(Protocol::Wss).unwrap(), "court.test").await;
    asks(open(stream, Some("sip")).await.unwrap(), Protocol::Wss).await;
}

#[tokio::test]
async fn what_is_for_a_phone_goes_back_over_its_websocket() {
    let endpoint = start(plain(&[Protocol::Udp, Protocol::Ws]));
    let mut calls = endpoint.incoming().unwrap();
    let stream = TcpStream::connect(endpoint.local_addr_on(Protocol::Ws).unwrap()).await.unwrap();
    let mut socket = open(stream, Some("sip")).await.unwrap();
    let mut invite = request(&Method::INVITE, Protocol::Ws, "df7jal23ls0d.invalid", "ws");
    invite.headers.set("Contact", "<sip:phone@df7jal23ls0d.invalid;transport=ws>");
    invite.headers.push("Content-Type", "application/sdp");
    invite.body = SDP.into();
    socket.send(Frame::binary(print_request(&invite))).await.unwrap();
    let call = tokio::time::timeout(LIMIT, calls.recv()).await.unwrap().unwrap();
    call.leg.handle().ring().await;
    loop {
        let got = tokio::time::timeout(LIMIT, socket.next()).await.unwrap().unwrap().unwrap();
        let Some((Message::Response(response), _)) = parse(&got.into_data()) else { panic!("no response") };
        if response.status == 180 {
            return;
        }
    }
}
