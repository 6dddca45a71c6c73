//! Where a trunk registered over datagrams its flow is kept open, through whatever translates
//! addresses on the way (RFC 5626, 4.4.1 and 8).

use songda_sip::{Limits, TrunkSettings};
use tokio::net::UdpSocket;

use super::*;

/// A carrier at which one registers.
struct Carrier(UdpSocket);

impl Carrier {
    async fn new() -> Self {
        Self(UdpSocket::bind(loopback()).await.unwrap())
    }

    fn trunk(&self, id: &str) -> TrunkSettings {
        let host = self.0.local_addr().unwrap().to_string();
        let peer = TrunkSettings { health: None, ..TrunkSettings::new(id, host, "carrier.test") };
        TrunkSettings { register: true, username: "court".into(), ..peer }
    }

    async fn next(&self) -> (Vec<u8>, SocketAddr) {
        let mut buffer = vec![0; 65_536];
        let received = tokio::time::timeout(LIMIT, self.0.recv_from(&mut buffer)).await;
        let (length, from) = received.expect("nothing comes").unwrap();
        buffer.truncate(length);
        (buffer, from)
    }

    /// The next REGISTER, and where it came from.
    async fn asked(&self) -> (Request, SocketAddr) {
        loop {
            let (bytes, from) = self.next().await;
            if let Some((Message::Request(request), _)) = parse(&bytes) {
                assert_eq!(request.method, Method::parse("REGISTER"));
                return (request, from);
            }
        }
    }

    async fn grant(&self, (request, from): &(Request, SocketAddr)) {
        let mut response = Response::to(request, 200, "far");
        response.headers.push("Contact", request.headers.get("Contact").unwrap());
        self.0.send_to(&print_response(&response), from).await.unwrap();
    }

    /// The next sign of life; it comes from where the REGISTER came from.
    async fn sign_of_life(&self) -> SocketAddr {
        loop {
            let (bytes, from) = self.next().await;
            if bytes == Frame::PING {
                return from;
            }
        }
    }
}

#[tokio::test]
async fn the_flow_of_a_registered_trunk_is_kept_alive_also_when_another_registers_meanwhile() {
    let limits = Limits { keep_alive: Duration::from_millis(50), ..Limits::default() };
    let endpoint = start(EndpointConfig { limits, ..plain(&[Protocol::Udp]) });
    let (one, other) = (Carrier::new().await, Carrier::new().await);
    endpoint.set_trunks(vec![one.trunk("one")]).await;
    let asked = one.asked().await;
    one.grant(&asked).await;
    for _ in 0..2 {
        assert_eq!(one.sign_of_life().await, asked.1);
    }
    endpoint.set_trunks(vec![one.trunk("one"), other.trunk("other")]).await;
    let asked = other.asked().await;
    // The other one takes its time; at least one of these is of that time.
    for _ in 0..3 {
        one.sign_of_life().await;
    }
    other.grant(&asked).await;
    for _ in 0..2 {
        assert_eq!(other.sign_of_life().await, asked.1);
    }
    // Who is no trunk any more is left alone: the last that he hears is that we go.
    endpoint.set_trunks(vec![one.trunk("one")]).await;
    let gone = other.asked().await;
    assert_eq!(gone.0.headers.get("Expires"), Some("0"));
}
