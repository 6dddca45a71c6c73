//! What connections may cost, and signs of life.

use songda_sip::Limits;
use tokio::net::{TcpStream, UdpSocket};

use super::*;

fn impatient(limits: Limits) -> Endpoint {
    start(EndpointConfig { limits, ..plain(&[Protocol::Udp, Protocol::Tcp]) })
}

async fn connect(endpoint: &Endpoint) -> Peer<TcpStream> {
    Peer::new(TcpStream::connect(endpoint.local_addr_on(Protocol::Tcp).unwrap()).await.unwrap())
}

fn short() -> Limits {
    Limits { patience: Duration::from_millis(200), ..Limits::default() }
}

#[tokio::test]
async fn whoever_connects_and_says_nothing_is_shown_out() {
    let endpoint = impatient(short());
    connect(&endpoint).await.closed().await;
}

#[tokio::test]
async fn whoever_sends_a_message_drop_by_drop_is_shown_out() {
    let endpoint = impatient(short());
    let mut peer = connect(&endpoint).await;
    peer.send(&options(Protocol::Tcp, "first")).await;
    assert_eq!(peer.response().await.status, 200);
    let slow = options(Protocol::Tcp, "slow");
    let (mut drops, mut tick) = (slow.iter(), tokio::time::interval(Duration::from_millis(20)));
    let (mut reader, mut writer) = tokio::io::split(peer.stream);
    let mut answer = [0; 64];
    loop {
        tokio::select! {
            // Shown out, with or without our last drop under way.
            read = reader.read(&mut answer) => return assert_eq!(read.unwrap_or(0), 0, "nothing is answered"),
            _ = tick.tick() => {
                let _ = writer.write_all(&[*drops.next().expect("it took all of it")]).await;
            }
        }
    }
}

#[tokio::test]
async fn a_message_that_does_not_say_where_it_ends_is_answered_and_the_connection_closed() {
    let endpoint = impatient(Limits::default());
    let mut peer = connect(&endpoint).await;
    let text = String::from_utf8(options(Protocol::Tcp, "endless")).unwrap();
    peer.send(text.replace("Content-Length: 0\r\n", "").as_bytes()).await;
    assert_eq!(peer.response().await.status, 400);
    peer.closed().await;
}

#[tokio::test]
async fn one_address_holds_only_so_many_connections() {
    let endpoint = impatient(Limits { per_source: 2, ..Limits::default() });
    let mut kept = Vec::new();
    for n in 0..2 {
        let mut peer = connect(&endpoint).await;
        peer.send(&options(Protocol::Tcp, &format!("in{n}"))).await;
        assert_eq!(peer.response().await.status, 200);
        kept.push(peer);
    }
    connect(&endpoint).await.closed().await;
    kept.pop().unwrap();
    // The place is free as soon as the end was seen.
    for n in 0.. {
        let mut peer = connect(&endpoint).await;
        let _ = peer.stream.write_all(&options(Protocol::Tcp, &format!("again{n}"))).await;
        let mut chunk = [0; 4096];
        if tokio::time::timeout(LIMIT, peer.stream.read(&mut chunk)).await.unwrap().is_ok_and(|read| read > 0) {
            return;
        }
    }
}

#[tokio::test]
async fn a_connection_that_is_silent_for_long_is_closed() {
    let endpoint = impatient(Limits { idle: Duration::from_millis(300), ..Limits::default() });
    let mut peer = connect(&endpoint).await;
    peer.send(&options(Protocol::Tcp, "once")).await;
    assert_eq!(peer.response().await.status, 200);
    peer.closed().await;
}

#[tokio::test]
async fn two_line_breaks_are_answered_by_one() {
    let endpoint = impatient(Limits::default());
    let mut peer = connect(&endpoint).await;
    peer.send(b"\r\n\r\n").await;
    let mut pong = [0; 2];
    tokio::time::timeout(LIMIT, peer.stream.read_exact(&mut pong)).await.unwrap().unwrap();
    assert_eq!(&pong, b"\r\n");
    let phone = UdpSocket::bind(loopback()).await.unwrap();
    phone.send_to(b"\r\n\r\n", endpoint.local_addr()).await.unwrap();
    let mut buffer = [0; 64];
    let (length, _) = tokio::time::timeout(LIMIT, phone.recv_from(&mut buffer)).await.unwrap().unwrap();
    assert_eq!(&buffer[..length], b"\r\n");
}

#[tokio::test]
async fn stun_on_the_port_of_sip_tells_a_phone_where_it_is() {
    let endpoint = impatient(Limits::default());
    let phone = UdpSocket::bind(loopback()).await.unwrap();
    let mut binding = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    binding.extend([7; 12]);
    phone.send_to(&binding, endpoint.local_addr()).await.unwrap();
    let mut buffer = [0; 64];
    let (length, _) = tokio::time::timeout(LIMIT, phone.recv_from(&mut buffer)).await.unwrap().unwrap();
    assert_eq!((length, &buffer[..2]), (32, &[1, 1][..]));
    let port = u16::from_be_bytes([buffer[26], buffer[27]]) ^ 0x2112;
    assert_eq!(port, phone.local_addr().unwrap().port());
}

#[tokio::test]
async fn a_connection_of_ours_gets_signs_of_life_and_one_that_stops_answering_is_given_up() {
    let carrier = tokio::net::TcpListener::bind(loopback()).await.unwrap();
    let endpoint = impatient(Limits { keep_alive: Duration::from_millis(100), ..short() });
    let place = carrier.local_addr().unwrap();
    let _leg = endpoint.call(order(format!("{place};transport=tcp"), "carrier.test")).await.unwrap();
    let mut peer = Peer::new(carrier.accept().await.unwrap().0);
    peer.request(&Method::INVITE).await;
    let mut ping = [0; 4];
    tokio::time::timeout(LIMIT, peer.stream.read_exact(&mut ping)).await.unwrap().unwrap();
    assert_eq!(&ping, b"\r\n\r\n");
    peer.send(b"\r\n").await;
    peer.closed().await;
}
