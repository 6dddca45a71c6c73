//! What is spoken on a trunk: its codecs in their order, and no other (R12.1).

use songda_calls::{Answer, Welcome};
use songda_sip::{IncomingCall, OutboundCall, Rejection};

use super::*;

/// A carrier that does as it is told.
struct Carrier {
    endpoint: Endpoint,
    calls: mpsc::Receiver<IncomingCall>,
}

fn formats(sdp: &str) -> &str {
    let line = sdp.lines().find_map(|line| line.strip_prefix("m=audio ")).unwrap();
    line.split_once(" RTP/AVP ").unwrap().1
}

fn trunk(at: std::net::SocketAddr, codecs: &[&str]) -> Arc<Trunk> {
    Arc::new(Trunk {
        name: "carrier".into(),
        proxy: at.to_string(),
        domain: "carrier.test".into(),
        codecs: codecs.iter().map(|codec| (*codec).to_owned()).collect(),
        ..Trunk::default()
    })
}

impl Carrier {
    fn start() -> Self {
        let config = EndpointConfig::udp("127.0.0.1:0".parse().unwrap(), "carrier");
        let endpoint = Endpoint::start(config, CancellationToken::new()).unwrap();
        let calls = endpoint.incoming().unwrap();
        Self { endpoint, calls }
    }

    fn route(&self, id: &str, codecs: &[&str]) -> Route {
        Route {
            id: id.into(),
            trunk: trunk(self.endpoint.local_addr(), codecs),
            caller: Number::new("02988009000"),
            callee: Number::new(TONE),
        }
    }

    /// The next call, which it does not take; what was offered.
    async fn refuses(&mut self) -> String {
        let next = tokio::time::timeout(Duration::from_secs(20), self.calls.recv()).await;
        let IncomingCall { invite, leg, .. } = next.expect("no call comes").unwrap();
        leg.handle().reject(Rejection::status(503)).await;
        formats(&invite.offer.unwrap()).to_owned()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r12_1_a_trunk_offers_its_codecs_in_its_order_and_no_other() {
    let (house, mut carrier, peer) = (House::open().await, Carrier::start(), Peer::start());
    let orders: [&[&str]; 4] = [&["PCMU"], &["PCMA", "PCMU"], &["PCMU", "PCMA"], &["PCMA"]];
    let route = |(at, codecs): (usize, &&[&str])| carrier.route(&format!("trunk {at}"), codecs);
    let dial = Dial {
        call: "codecs".into(),
        recording: "codecs".into(),
        routes: orders.iter().enumerate().map(route).collect(),
        extension: None,
        browser_offer: peer.offer.clone(),
        court: String::new(),
        language: "zh".into(),
    };
    let (handle, events) = house.switchboard.dial(dial).await.unwrap();
    let mut call = Call { handle, events, peer, saved: Vec::new(), keeps: true };
    let offers = async {
        let mut offers = Vec::new();
        for _ in orders {
            offers.push(carrier.refuses().await);
        }
        offers
    };
    // Each trunk its own, when one follows the other.
    let (offers, end) = tokio::join!(offers, call.ended());
    assert_eq!(offers, ["0 101", "8 0 101", "0 8 101", "8 101"]);
    assert_eq!(end.facts.sip_status, Some(503), "{:?}", end.facts);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r12_1_a_caller_is_answered_in_the_order_of_his_trunk() {
    let (house, carrier) = (House::open().await, Carrier::start());
    let endpoint = house.switchboard.endpoint().clone();
    let mut calls = endpoint.incoming().unwrap();
    let sound = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let offer = |formats: &str| {
        let port = sound.local_addr().unwrap().port();
        format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP {formats}\r\n"
        )
    };
    for (at, (codecs, answered)) in [(&["PCMU", "PCMA"][..], Some("0")), (&["PCMA"], Some("8"))].into_iter().enumerate()
    {
        let order = OutboundCall {
            trunk: trunk(endpoint.local_addr(), &[]),
            callee: Number::new("02988009000"),
            caller: Number::new(TONE),
            offer: offer("8 0"),
            ring_limit: Duration::from_secs(30),
        };
        let mut leg = carrier.endpoint.call(order).await.unwrap();
        let mut incoming = Box::new(calls.recv().await.unwrap());
        incoming.codecs = codecs.iter().map(|codec| (*codec).to_owned()).collect();
        let answer = Answer {
            call: format!("call {at}"),
            recording: format!("recording{at}"),
            incoming,
            court: String::new(),
            language: "zh".into(),
            welcome: Welcome { open: true, wait: Duration::from_mins(1), message: None },
        };
        let (handle, mut events) = house.switchboard.answer(answer).await.unwrap();
        let seen = async {
            loop {
                match leg.next().await.expect("it is answered") {
                    songda_sip::LegEvent::Answered { sdp } => return Some(formats(&sdp).to_owned()),
                    songda_sip::LegEvent::Ended(_) => return None,
                    _ => {}
                }
            }
        };
        let seen = tokio::time::timeout(Duration::from_secs(20), seen).await.expect("no answer");
        assert_eq!(seen.as_deref(), answered, "{codecs:?}");
        handle.hang_up();
        while let Some(event) = events.recv().await {
            if let CallEvent::LegSaved { kept, .. } = event {
                let _ = kept.send(());
            }
        }
    }
}
