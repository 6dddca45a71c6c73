//! Telephones and proxies that others wrote.

mod baresip;
mod certificates;
mod jssip;
mod kamailio;
mod linphone;
mod process;

use std::{net::SocketAddr, time::Duration};

use songda_sip::{
    EndCause, Ended, Endpoint, EndpointConfig, IncomingCall, Leg, LegEvent, Listen, PhoneAccount, PhoneCall, Protocol,
    RegistrarSettings, Side, Trunk, machine::Ha1s,
};
use tokio::sync::mpsc::Receiver;
use tokio_util::sync::CancellationToken;

use self::certificates::Certificates;
use crate::restart::{OFFER, any_endpoint, order};

/// Longer than anything here takes.
const LIMIT: Duration = Duration::from_secs(30);

/// Waits for the first event that `wanted` knows.
async fn until(leg: &mut Leg, wanted: impl Fn(&LegEvent) -> bool) -> LegEvent {
    let mut seen = Vec::new();
    let found = async {
        while let Some(event) = leg.next().await {
            if wanted(&event) {
                return Some(event);
            }
            seen.push(event);
        }
        None
    };
    match tokio::time::timeout(LIMIT, found).await {
        Ok(Some(event)) => event,
        _ => panic!("it never came; seen: {seen:?}"),
    }
}

async fn answered(leg: &mut Leg) {
    until(leg, |event| matches!(event, LegEvent::Answered { .. })).await;
}

async fn ended(leg: &mut Leg) -> Ended {
    match until(leg, |event| matches!(event, LegEvent::Ended(_))).await {
        LegEvent::Ended(ended) => ended,
        other => panic!("{other:?}"),
    }
}

async fn ended_by(leg: &mut Leg, side: Side) {
    let ended = ended(leg).await;
    assert_eq!((ended.by, ended.cause), (side, EndCause::HungUp), "{ended:?}");
}

async fn dial(trunk: Trunk) -> (Endpoint, Leg) {
    let endpoint = any_endpoint().await;
    let leg = endpoint.call(order(trunk)).await.unwrap();
    (endpoint, leg)
}

/// An endpoint that listens for datagrams, and for this too.
fn house(protocol: Protocol, certificates: &Certificates) -> Endpoint {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut more = Listen::new(protocol, any);
    more.tls = matches!(protocol, Protocol::Tls | Protocol::Wss).then(|| certificates.server());
    let mut config = EndpointConfig::new(vec![Listen::new(Protocol::Udp, any), more], "songda-test");
    config.client_tls = certificates.client();
    config.edge.open = true;
    Endpoint::start(config, CancellationToken::new()).unwrap()
}

const REALM: &str = "court.test";

/// A house over `protocol` whose account 8001 may register.
async fn phones(protocol: Protocol, certificates: &Certificates) -> Endpoint {
    phones_by(protocol, certificates, RegistrarSettings::new(REALM)).await
}

async fn phones_by(protocol: Protocol, certificates: &Certificates, settings: RegistrarSettings) -> Endpoint {
    let mut listen = Listen::new(protocol, ([127, 0, 0, 1], 0).into());
    listen.tls = matches!(protocol, Protocol::Tls | Protocol::Wss).then(|| certificates.server());
    let mut config = EndpointConfig::new(vec![listen], "songda-test");
    config.phones = Some(settings);
    let endpoint = Endpoint::start(config, CancellationToken::new()).unwrap();
    let ha1s = Ha1s::derive("8001", REALM, "phone-secret");
    endpoint.set_phones(vec![PhoneAccount { user: "8001".into(), ha1s }]).await;
    endpoint
}

/// Calls the telephone that registered as 8001.
async fn dial_phone(endpoint: &Endpoint) -> Leg {
    let call = PhoneCall {
        user: "8001".into(),
        targets: endpoint.phone("8001").await,
        caller_name: "送达一组 转接".into(),
        offer: OFFER.into(),
        ring_limit: LIMIT,
    };
    endpoint.call_phone(call).await.expect("it is registered")
}

/// The next call that comes in; it rings.
async fn rings(calls: &mut Receiver<IncomingCall>) -> IncomingCall {
    let call = tokio::time::timeout(LIMIT, calls.recv()).await.ok().flatten().expect("a call comes in");
    call.leg.handle().ring().await;
    call
}

/// A call that comes in and is answered.
async fn taken(calls: &mut Receiver<IncomingCall>) -> Leg {
    let mut call = rings(calls).await;
    call.leg.handle().answer(OFFER.into()).await;
    until(&mut call.leg, |event| *event == LegEvent::Acknowledged).await;
    call.leg
}

/// We hang up, and the other end says so too.
async fn hang_up(leg: &mut Leg) {
    leg.handle().hang_up().await;
    ended_by(leg, Side::Us).await;
    until(leg, |event| *event == LegEvent::Down { answered: true }).await;
}
