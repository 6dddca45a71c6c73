//! Real sockets, a run that is killed, and the next one on its port.

use std::{
    net::{SocketAddr, TcpListener, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::{Duration, Instant},
};

use songda_sip::{Endpoint, EndpointConfig, LegEvent, Number, OutboundCall, SavedLeg, Trunk};
use tokio_util::sync::CancellationToken;

pub(crate) const NUMBER: &str = "13800000001";
pub(crate) const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 20000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n";

/// A port for another process, with the next one, which baresip takes too. Both are below those
/// that the system hands out by itself, or somebody would have them before that process starts.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let free = |port: u16| {
        let address = ("127.0.0.1", port);
        UdpSocket::bind(address).is_ok() && TcpListener::bind(address).is_ok()
    };
    loop {
        let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = 12_000 + 2 * ((std::process::id().wrapping_mul(61) + step) % 4_000) as u16;
        if free(port) && free(port + 1) {
            return port;
        }
    }
}

pub(crate) fn trunk(port: u16, password: &str) -> Trunk {
    Trunk {
        name: "peer".into(),
        proxy: format!("127.0.0.1:{port}"),
        domain: "127.0.0.1".into(),
        username: "court".into(),
        password: password.to_owned().into(),
        ..Trunk::default()
    }
}

pub(crate) fn order(trunk: Trunk) -> OutboundCall {
    OutboundCall {
        trunk: Arc::new(trunk),
        callee: Number::new(NUMBER),
        caller: Number::new("02988009000"),
        offer: OFFER.into(),
        ring_limit: Duration::from_secs(30),
    }
}

/// A run of the endpoint. A process that a test beside this one is just starting has copies of
/// our sockets until it runs its own program, so the port of a killed run may stay taken a moment.
pub(crate) async fn endpoint(listen: SocketAddr) -> Endpoint {
    let begun = Instant::now();
    loop {
        let config = EndpointConfig::udp(listen, "songda-test");
        match Endpoint::start(config, CancellationToken::new()) {
            Ok(endpoint) => return endpoint,
            Err(error) if begun.elapsed() > Duration::from_secs(5) => panic!("{error}"),
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

pub(crate) async fn any_endpoint() -> Endpoint {
    endpoint(SocketAddr::from(([127, 0, 0, 1], 0))).await
}

/// How far a call is when its run is killed.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Killed {
    Ringing,
    /// The answer is there, what ends it is not kept yet.
    Unkept,
    Answered,
}

/// A run that is killed: its tasks vanish and say nothing to anybody. What was kept of its leg,
/// and where it listened.
pub(crate) fn killed(trunk: Trunk, when: Killed) -> (SavedLeg, SocketAddr) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (saved, local) = runtime.block_on(async {
        let endpoint = any_endpoint().await;
        let mut leg = endpoint.call(order(trunk)).await.unwrap();
        let mut saved = leg.saved().clone();
        loop {
            match leg.next().await.expect("it ended") {
                LegEvent::Ringing if when == Killed::Ringing => break,
                LegEvent::Saved(_) if when == Killed::Unkept => break,
                LegEvent::Saved(confirmed) => saved = *confirmed,
                LegEvent::Answered { .. } => break,
                _ => {}
            }
        }
        let local = endpoint.local_addr();
        // Neither says goodbye.
        std::mem::forget((endpoint, leg));
        (saved, local)
    });
    runtime.shutdown_timeout(Duration::from_secs(5));
    (SavedLeg::from_bytes(&saved.to_bytes()).unwrap(), local)
}
