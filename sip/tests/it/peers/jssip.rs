//! `JsSIP` in Node as a telephone in a browser: it registers over a secure WebSocket, calls and is
//! called over it (RFC 7118).

use std::path::Path;

use songda_sip::{Endpoint, LegEvent, Protocol, Side, Source};
use tokio::process::Command;

use super::{
    REALM, answered, certificates::Certificates, dial_phone, ended, ended_by, hang_up, phones, process::Process, rings,
    until,
};
use crate::restart::OFFER;

async fn telephone(endpoint: &Endpoint, certificates: &Certificates, password: &str) -> Process {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/peers/jssip/phone.js");
    let address = endpoint.local_addr_on(Protocol::Wss).unwrap();
    let mut command = Command::new("node");
    command.arg(program).arg(format!("wss://{address}/sip")).arg(format!("sip:8001@{REALM}")).arg(password);
    let mut process = Process::start("node", command.arg(certificates.path("root.pem")));
    process.says("\"connected\"").await;
    process.tell("register").await;
    process
}

#[tokio::test]
async fn jssip_registers_is_called_over_its_own_connection_and_either_side_hangs_up() {
    let certificates = Certificates::new();
    let endpoint = phones(Protocol::Wss, &certificates).await;
    let mut telephone = telephone(&endpoint, &certificates, "phone-secret").await;
    telephone.says("\"registered\"").await;
    for by in [Side::Us, Side::Peer] {
        let mut leg = dial_phone(&endpoint).await;
        telephone.says("\"incoming\"").await;
        telephone.tell("answer").await;
        answered(&mut leg).await;
        telephone.says("\"confirmed\"").await;
        if by == Side::Us {
            hang_up(&mut leg).await;
        } else {
            telephone.tell("hang-up").await;
            ended_by(&mut leg, Side::Peer).await;
        }
        telephone.says("\"ended\"").await;
    }
    let mut leg = dial_phone(&endpoint).await;
    telephone.says("\"incoming\"").await;
    telephone.tell("reject 603").await;
    assert_eq!(ended(&mut leg).await.status, Some(603));
    telephone.tell("unregister").await;
    telephone.says("\"unregistered\"").await;
    assert_eq!(endpoint.phone("8001").await, []);
}

#[tokio::test]
async fn jssip_calls_holds_and_either_side_hangs_up() {
    let certificates = Certificates::new();
    let endpoint = phones(Protocol::Wss, &certificates).await;
    let mut calls = endpoint.incoming().unwrap();
    let mut telephone = telephone(&endpoint, &certificates, "phone-secret").await;
    telephone.says("\"registered\"").await;
    for by in [Side::Us, Side::Peer] {
        telephone.tell("call 02988009000").await;
        let call = rings(&mut calls).await;
        assert_eq!(call.source, Source::Phone("8001".into()));
        assert_eq!((call.invite.called.as_str(), call.invite.flow.protocol), ("02988009000", Protocol::Wss));
        let mut leg = call.leg;
        telephone.says("\"progress\"").await;
        leg.handle().answer(OFFER.into()).await;
        until(&mut leg, |event| *event == LegEvent::Acknowledged).await;
        telephone.says("\"confirmed\"").await;
        if by == Side::Us {
            telephone.tell("hold").await;
            until(&mut leg, |event| matches!(event, LegEvent::Reoffered { .. })).await;
            telephone.says("\"held\"").await;
            hang_up(&mut leg).await;
        } else {
            telephone.tell("hang-up").await;
            ended_by(&mut leg, Side::Peer).await;
        }
        telephone.says("\"ended\"").await;
    }
}

#[tokio::test]
async fn jssip_with_a_wrong_password_is_not_registered() {
    let certificates = Certificates::new();
    let endpoint = phones(Protocol::Wss, &certificates).await;
    let mut telephone = telephone(&endpoint, &certificates, "guess").await;
    telephone.says("registration-failed").await;
    assert_eq!(endpoint.phone("8001").await, []);
}
