//! RFC 3263 against a small name server.

use std::{collections::HashMap, net::Ipv4Addr};

use songda_sip::CallError;
use tokio::net::UdpSocket;

use super::*;

/// One record as it stands in an answer: its kind and its data.
pub(crate) type Record = (u16, Vec<u8>);

const A: u16 = 1;
const SRV: u16 = 33;
const NAPTR: u16 = 35;

fn name(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for label in text.trim_end_matches('.').split('.').filter(|label| !label.is_empty()) {
        out.push(label.len() as u8);
        out.extend(label.as_bytes());
    }
    out.push(0);
    out
}

pub(crate) fn a(address: Ipv4Addr) -> Record {
    (A, address.octets().to_vec())
}

fn srv(priority: u16, port: u16, host: &str) -> Record {
    let mut data = Vec::new();
    for number in [priority, 10, port] {
        data.extend(number.to_be_bytes());
    }
    data.extend(name(host));
    (SRV, data)
}

fn naptr(order: u16, service: &str, replacement: &str) -> Record {
    let mut data = Vec::new();
    for number in [order, 10] {
        data.extend(number.to_be_bytes());
    }
    for text in ["s", service, ""] {
        data.push(text.len() as u8);
        data.extend(text.as_bytes());
    }
    data.extend(name(replacement));
    (NAPTR, data)
}

/// The names and kinds that were asked for.
pub(crate) type Asked = Arc<std::sync::Mutex<Vec<(String, u16)>>>;

/// Answers what it knows, for the moment only, and that there is no such name to everything else.
pub(crate) async fn serve(socket: Arc<UdpSocket>, zone: HashMap<&'static str, Vec<Record>>, asked: Asked) {
    let mut buffer = [0; 1500];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
        let query = &buffer[..length];
        let mut labels = Vec::new();
        let mut at = 12;
        while query[at] != 0 {
            let end = at + 1 + usize::from(query[at]);
            labels.push(String::from_utf8(query[at + 1..end].to_ascii_lowercase()).unwrap());
            at = end;
        }
        let question = &query[12..at + 5];
        let kind = u16::from_be_bytes([query[at + 1], query[at + 2]]);
        asked.lock().unwrap().push((labels.join("."), kind));
        let known = zone.get(labels.join(".").as_str());
        let found: Vec<&Record> = known.into_iter().flatten().filter(|(own, _)| *own == kind).collect();
        let mut answer = query[..2].to_vec();
        answer.extend([0x81, if known.is_some() { 0x80 } else { 0x83 }, 0, 1]);
        answer.extend((found.len() as u16).to_be_bytes());
        answer.extend([0; 4]);
        answer.extend(question);
        for (kind, data) in found {
            answer.extend([0xc0, 12]);
            answer.extend(kind.to_be_bytes());
            answer.extend([0, 1, 0, 0, 0, 0]);
            answer.extend((data.len() as u16).to_be_bytes());
            answer.extend(data);
        }
        socket.send_to(&answer, from).await.unwrap();
    }
}

async fn resolving(zone: Vec<(&'static str, Vec<Record>)>) -> Endpoint {
    watched(zone, Asked::default()).await
}

async fn watched(zone: Vec<(&'static str, Vec<Record>)>, asked: Asked) -> Endpoint {
    let socket = UdpSocket::bind(loopback()).await.unwrap();
    let name_servers = vec![socket.local_addr().unwrap()];
    tokio::spawn(serve(Arc::new(socket), zone.into_iter().collect(), asked));
    start(EndpointConfig { name_servers, ..plain(&[Protocol::Udp]) })
}

async fn found(endpoint: &Endpoint, proxy: &str) -> Vec<(Protocol, String)> {
    let call = order(proxy.to_owned(), "carrier.test");
    let targets = endpoint.resolve(&call.trunk).await.unwrap();
    let all = std::iter::once(targets.first()).chain(targets.others());
    all.map(|flow| (flow.protocol, flow.remote.to_string())).collect()
}

#[tokio::test]
async fn a_domain_names_its_transport_its_servers_and_their_ports() {
    let endpoint = resolving(vec![
        (
            "carrier.test",
            vec![naptr(20, "SIP+D2U", "_sip._udp.carrier.test"), naptr(10, "SIP+D2T", "_sip._tcp.carrier.test")],
        ),
        ("_sip._tcp.carrier.test", vec![srv(20, 5070, "spare.carrier.test"), srv(10, 5080, "main.carrier.test")]),
        ("_sip._udp.carrier.test", vec![srv(10, 5090, "main.carrier.test")]),
        ("main.carrier.test", vec![a(Ipv4Addr::new(192, 0, 2, 1))]),
        ("spare.carrier.test", vec![a(Ipv4Addr::new(192, 0, 2, 2))]),
    ])
    .await;
    let at = |protocol, place: &str| (protocol, place.to_owned());
    assert_eq!(
        found(&endpoint, "carrier.test").await,
        [at(Protocol::Tcp, "192.0.2.1:5080"), at(Protocol::Tcp, "192.0.2.2:5070"), at(Protocol::Udp, "192.0.2.1:5090")]
    );
    assert_eq!(found(&endpoint, "carrier.test;transport=udp").await, [at(Protocol::Udp, "192.0.2.1:5090")]);
    // Who names a port asks for no servers (4.2).
    assert_eq!(found(&endpoint, "main.carrier.test:5099").await, [at(Protocol::Udp, "192.0.2.1:5099")]);
}

#[tokio::test]
async fn a_transport_that_is_given_asks_for_no_naptr_and_a_port_that_is_given_for_no_srv() {
    let asked = Asked::default();
    let main = a(Ipv4Addr::new(192, 0, 2, 1));
    let zone = vec![
        ("carrier.test", vec![naptr(10, "SIP+D2U", "_sip._udp.carrier.test"), main.clone()]),
        ("_sip._tcp.carrier.test", vec![srv(10, 5080, "carrier.test")]),
        ("_sips._tcp.carrier.test", vec![srv(10, 5081, "carrier.test")]),
    ];
    let endpoint = watched(zone, asked.clone()).await;
    let kinds = || {
        let mut kinds: Vec<u16> = asked.lock().unwrap().drain(..).map(|(_, kind)| kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    };
    // RFC 3263, 4.1: the transport is known; 4.2: the servers are not.
    for (proxy, at) in [
        ("carrier.test;transport=tcp", (Protocol::Tcp, "192.0.2.1:5080")),
        ("carrier.test;transport=tls", (Protocol::Tls, "192.0.2.1:5081")),
    ] {
        assert_eq!(found(&endpoint, proxy).await, [(at.0, at.1.to_owned())]);
        let kinds = kinds();
        assert!(kinds.contains(&SRV) && !kinds.contains(&NAPTR), "{proxy}: {kinds:?}");
    }
    // 4.2: who names a port wants that port.
    for (proxy, protocol) in [
        ("carrier.test:5099;transport=udp", Protocol::Udp),
        ("carrier.test:5099;transport=tcp", Protocol::Tcp),
        ("carrier.test:5099;transport=tls", Protocol::Tls),
    ] {
        assert_eq!(found(&endpoint, proxy).await, [(protocol, "192.0.2.1:5099".to_owned())]);
        assert!(kinds().iter().all(|kind| ![SRV, NAPTR].contains(kind)), "{proxy}");
    }
    // An address asks nobody at all.
    assert_eq!(found(&endpoint, "192.0.2.9;transport=tls").await, [(Protocol::Tls, "192.0.2.9:5061".to_owned())]);
    assert!(kinds().is_empty());
}

#[tokio::test]
async fn without_srv_the_domain_itself_is_the_server() {
    let endpoint = resolving(vec![("carrier.test", vec![a(Ipv4Addr::new(192, 0, 2, 1))])]).await;
    let at = |protocol, place: &str| (protocol, place.to_owned());
    assert_eq!(found(&endpoint, "carrier.test").await, [at(Protocol::Udp, "192.0.2.1:5060")]);
    assert_eq!(found(&endpoint, "sips:carrier.test").await, [at(Protocol::Tls, "192.0.2.1:5061")]);
}

#[tokio::test]
async fn a_domain_that_serves_nothing_or_does_not_exist_is_not_found() {
    let endpoint = resolving(vec![("_sip._udp.carrier.test", vec![srv(0, 0, ".")])]).await;
    for proxy in ["carrier.test;transport=udp", "nowhere.test"] {
        let call = order(proxy.to_owned(), "carrier.test");
        assert!(matches!(endpoint.resolve(&call.trunk).await, Err(CallError::Resolve { .. })), "{proxy}");
    }
}
