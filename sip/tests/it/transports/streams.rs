//! TCP: a call takes one connection, and finds another way when that breaks.

use songda_sip::{EndCause, LegEvent};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use super::*;

#[tokio::test]
async fn a_call_over_tcp_takes_one_connection_and_names_it() {
    let carrier = TcpListener::bind(loopback()).await.unwrap();
    let endpoint = start(plain(&[Protocol::Udp, Protocol::Tcp]));
    let place = carrier.local_addr().unwrap();
    let mut leg = endpoint.call(order(format!("{place};transport=tcp"), "carrier.test")).await.unwrap();
    let mut peer = Peer::new(carrier.accept().await.unwrap().0);
    let invite = peer.request(&Method::INVITE).await;
    let ours = endpoint.local_addr_on(Protocol::Tcp).unwrap();
    assert!(invite.headers.get("Via").unwrap().starts_with(&format!("SIP/2.0/TCP {ours};")));
    assert_eq!(invite.headers.get("Contact"), Some(format!("<sip:songda-test@{ours};transport=tcp>").as_str()));
    peer.answer(&invite, &format!("<sip:party@{place};transport=tcp>"), SDP).await;
    answered(&mut leg).await;
    leg.handle().hang_up().await;
    peer.request(&Method::ACK).await;
    let bye = peer.request(&Method::BYE).await;
    peer.answer(&bye, "<sip:party@carrier.test>", "").await;
    until(&mut leg, |event| matches!(event, LegEvent::Down { answered: true })).await;
    // The next call takes the same connection.
    let _leg = endpoint.call(order(format!("{place};transport=tcp"), "carrier.test")).await.unwrap();
    peer.request(&Method::INVITE).await;
}

#[tokio::test]
async fn a_call_whose_connection_the_carrier_closed_ends_over_a_new_one() {
    let carrier = TcpListener::bind(loopback()).await.unwrap();
    let endpoint = start(plain(&[Protocol::Udp, Protocol::Tcp]));
    let place = carrier.local_addr().unwrap();
    let mut leg = endpoint.call(order(format!("{place};transport=tcp"), "carrier.test")).await.unwrap();
    let mut peer = Peer::new(carrier.accept().await.unwrap().0);
    let invite = peer.request(&Method::INVITE).await;
    peer.answer(&invite, "<sip:party@carrier.test;transport=tcp>", SDP).await;
    answered(&mut leg).await;
    let handle = leg.handle();
    let events = tokio::spawn(async move { until(&mut leg, |event| matches!(event, LegEvent::Down { .. })).await });
    peer.request(&Method::ACK).await;
    tokio::io::AsyncWriteExt::shutdown(&mut peer.stream).await.unwrap();
    peer.closed().await;
    handle.hang_up().await;
    let mut again = Peer::new(carrier.accept().await.unwrap().0);
    let bye = again.request(&Method::BYE).await;
    again.answer(&bye, "<sip:party@carrier.test>", "").await;
    assert_eq!(events.await.unwrap(), LegEvent::Down { answered: true });
}

#[tokio::test]
async fn a_carrier_that_takes_no_connection_ends_the_call_at_once() {
    let gone = TcpListener::bind(loopback()).await.unwrap();
    let place = gone.local_addr().unwrap();
    drop(gone);
    let endpoint = start(plain(&[Protocol::Udp]));
    let mut leg = endpoint.call(order(format!("{place};transport=tcp"), "carrier.test")).await.unwrap();
    let ended = until(&mut leg, |event| matches!(event, LegEvent::Ended(_))).await;
    let LegEvent::Ended(ended) = ended else { unreachable!() };
    assert_eq!((ended.cause, ended.status, ended.provisional), (EndCause::Transport, None, false));
}

/// A caller at a connection of his own, answered.
async fn caller(endpoint: &Endpoint, contact: &str) -> (Peer<TcpStream>, Leg) {
    let mut calls = endpoint.incoming().unwrap();
    let ours = endpoint.local_addr_on(Protocol::Tcp).unwrap();
    let mut peer = Peer::new(TcpStream::connect(ours).await.unwrap());
    let mut invite = request(&Method::INVITE, Protocol::Tcp, "127.0.0.1:9", "in");
    invite.headers.set("Contact", contact);
    invite.headers.push("Content-Type", "application/sdp");
    invite.body = SDP.into();
    peer.send(&print_request(&invite)).await;
    let call = tokio::time::timeout(LIMIT, calls.recv()).await.unwrap().unwrap();
    let mut leg = call.leg;
    leg.handle().answer(SDP.into()).await;
    let ok = loop {
        let response = peer.response().await;
        if response.status == 200 {
            break response;
        }
    };
    let mut ack = request(&Method::ACK, Protocol::Tcp, "127.0.0.1:9", "ack");
    for name in ["From", "To", "Call-ID"] {
        ack.headers.set(name, ok.headers.get(name).unwrap());
    }
    peer.send(&print_request(&ack)).await;
    until(&mut leg, |event| matches!(event, LegEvent::Acknowledged)).await;
    (peer, leg)
}

#[tokio::test]
async fn requests_to_a_caller_take_the_connection_that_he_opened() {
    let endpoint = start(plain(&[Protocol::Udp, Protocol::Tcp]));
    let (mut peer, leg) = caller(&endpoint, "<sip:caller@10.0.0.1:5060;transport=tcp>").await;
    leg.handle().hang_up().await;
    peer.request(&Method::BYE).await;
}

#[tokio::test]
async fn a_call_whose_caller_lost_his_connection_goes_on_where_his_contact_says() {
    let endpoint = start(plain(&[Protocol::Udp, Protocol::Tcp]));
    let contact = UdpSocket::bind(loopback()).await.unwrap();
    let (peer, mut leg) = caller(&endpoint, &format!("<sip:caller@{}>", contact.local_addr().unwrap())).await;
    drop(peer);
    // Until the end of the connection was seen, a request finds none and the next one does.
    let mut buffer = [0; 4096];
    leg.handle().reoffer(SDP.replace("20000", "20002")).await;
    let handle = leg.handle();
    tokio::spawn(async move { while leg.next().await.is_some() {} });
    let got = tokio::time::timeout(std::time::Duration::from_secs(3), contact.recv_from(&mut buffer)).await;
    let (length, from) = if let Ok(got) = got {
        got.unwrap()
    } else {
        handle.hang_up().await;
        tokio::time::timeout(LIMIT, contact.recv_from(&mut buffer)).await.unwrap().unwrap()
    };
    let Some((Message::Request(request), _)) = parse(&buffer[..length]) else { panic!("no request") };
    assert!(matches!(request.method, Method::INVITE | Method::BYE), "{}", request.method);
    assert_eq!(Some(from), endpoint.local_addr_on(Protocol::Udp));
}

#[tokio::test]
async fn an_answer_whose_connection_broke_goes_to_the_place_that_via_names() {
    let endpoint = start(plain(&[Protocol::Udp, Protocol::Tcp]));
    let mut calls = endpoint.incoming().unwrap();
    let home = TcpListener::bind(loopback()).await.unwrap();
    let sent_by = home.local_addr().unwrap().to_string();
    let mut peer = Peer::new(TcpStream::connect(endpoint.local_addr_on(Protocol::Tcp).unwrap()).await.unwrap());
    let mut invite = request(&Method::INVITE, Protocol::Tcp, &sent_by, "in");
    invite.headers.push("Content-Type", "application/sdp");
    invite.body = SDP.into();
    peer.send(&print_request(&invite)).await;
    let call = tokio::time::timeout(LIMIT, calls.recv()).await.unwrap().unwrap();
    tokio::io::AsyncWriteExt::shutdown(&mut peer.stream).await.unwrap();
    peer.closed().await;
    call.leg.handle().ring().await;
    let mut again = Peer::new(tokio::time::timeout(LIMIT, home.accept()).await.unwrap().unwrap().0);
    assert_eq!(again.response().await.status, 180);
}

#[tokio::test]
async fn over_ipv6_we_name_our_ipv6_address() {
    let six = SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, 0));
    let endpoint = start(config(vec![Listen::new(Protocol::Udp, loopback()), Listen::new(Protocol::Udp, six)]));
    let carrier = UdpSocket::bind(six).await.unwrap();
    let _leg = endpoint.call(order(carrier.local_addr().unwrap().to_string(), "carrier.test")).await.unwrap();
    let mut buffer = [0; 4096];
    let (length, from) = tokio::time::timeout(LIMIT, carrier.recv_from(&mut buffer)).await.unwrap().unwrap();
    let Some((Message::Request(invite), _)) = parse(&buffer[..length]) else { panic!("no request") };
    assert!(invite.headers.get("Via").unwrap().starts_with(&format!("SIP/2.0/UDP {from};")), "{invite:?}");
    assert!(from.is_ipv6());
}

/// An order whose INVITE is too large for a datagram.
fn large(place: std::net::SocketAddr) -> OutboundCall {
    let mut order = order(place.to_string(), "carrier.test");
    let trunk = Arc::make_mut(&mut order.trunk);
    trunk.large_over_tcp = true;
    trunk.headers.extra = vec![("X-Large".into(), "x".repeat(1300))];
    order
}

#[tokio::test]
async fn an_invite_that_is_too_large_for_a_datagram_takes_a_connection_to_the_same_host() {
    let carrier = TcpListener::bind(loopback()).await.unwrap();
    let endpoint = start(plain(&[Protocol::Udp, Protocol::Tcp]));
    let place = carrier.local_addr().unwrap();
    let mut leg = endpoint.call(large(place)).await.unwrap();
    let mut peer = Peer::new(carrier.accept().await.unwrap().0);
    let invite = peer.request(&Method::INVITE).await;
    assert!(invite.headers.get("Contact").unwrap().contains(";transport=tcp"));
    peer.answer(&invite, &format!("<sip:party@{place}>"), SDP).await;
    answered(&mut leg).await;
    leg.handle().hang_up().await;
    // Everything within the call takes the connection, too (RFC 5923).
    peer.request(&Method::ACK).await;
    let bye = peer.request(&Method::BYE).await;
    peer.answer(&bye, "<sip:party@carrier.test>", "").await;
    until(&mut leg, |event| matches!(event, LegEvent::Down { answered: true })).await;
}

#[tokio::test]
async fn an_invite_that_is_too_large_for_a_datagram_is_one_after_all_where_nobody_takes_connections() {
    let carrier = UdpSocket::bind(loopback()).await.unwrap();
    let endpoint = start(plain(&[Protocol::Udp, Protocol::Tcp]));
    let _leg = endpoint.call(large(carrier.local_addr().unwrap())).await.unwrap();
    let mut buffer = vec![0; 65_536];
    let (length, _) = tokio::time::timeout(LIMIT, carrier.recv_from(&mut buffer)).await.unwrap().unwrap();
    let Some((Message::Request(invite), _)) = parse(&buffer[..length]) else { panic!("no request") };
    assert!(length > 1300 && invite.headers.get("Via").unwrap().starts_with("SIP/2.0/UDP "));
    assert!(!invite.headers.get("Contact").unwrap().contains("transport=tcp"));
}
