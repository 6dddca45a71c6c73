//! linphone as the telephone at the other end.

use std::time::Duration;

use songda_sip::{LegEvent, Protocol, Side};
use tokio::process::Command;

use super::{
    LIMIT, REALM, answered, certificates::Certificates, dial, dial_phone, ended, ended_by, hang_up, house, phones,
    process::Process, taken, until,
};
use crate::restart::{any_endpoint, free_port, trunk};

/// A console of linphone.
struct Telephone {
    process: Process,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Telephone {
    async fn start() -> Self {
        Self::start_with("").await
    }

    /// With more lines in the part of its settings that is about SIP.
    async fn start_with(settings_of_sip: &str) -> Self {
        let port = free_port();
        let folder = tempfile::tempdir().unwrap();
        let settings = folder.path().join("linphonerc");
        let text =
            format!("[sip]\nsip_port={port}\nsip_tcp_port={port}\nsip_tls_port=-1\nuse_ipv6=0\n{settings_of_sip}");
        std::fs::write(&settings, text).unwrap();
        std::fs::create_dir_all(folder.path().join(".local/share/linphone")).unwrap();
        let mut command = Command::new("linphonec");
        command.arg("-c").arg(settings).env("HOME", folder.path()).env_remove("XDG_CONFIG_HOME");
        let mut process = Process::start("linphonec", &mut command);
        // It has no sound card here.
        process.tell("soundcard use files").await;
        process.says("Using wav files").await;
        Self { process, port, _folder: folder }
    }
}

#[tokio::test]
async fn linphone_rings_answers_and_we_hang_up() {
    let mut telephone = Telephone::start().await;
    let (_endpoint, mut leg) = dial(trunk(telephone.port, "secret")).await;
    until(&mut leg, |event| *event == LegEvent::Ringing).await;
    telephone.process.tell("answer").await;
    answered(&mut leg).await;
    telephone.process.says("connected").await;
    leg.handle().hang_up().await;
    ended_by(&mut leg, Side::Us).await;
    telephone.process.says("ended").await;
}

#[tokio::test]
async fn linphone_answers_and_hangs_up_itself() {
    let mut telephone = Telephone::start().await;
    let (_endpoint, mut leg) = dial(trunk(telephone.port, "secret")).await;
    until(&mut leg, |event| *event == LegEvent::Ringing).await;
    telephone.process.tell("answer").await;
    answered(&mut leg).await;
    telephone.process.says("connected").await;
    telephone.process.tell("terminate").await;
    ended_by(&mut leg, Side::Peer).await;
}

#[tokio::test]
async fn linphone_is_cancelled_while_it_rings_and_refuses_another_call() {
    let mut telephone = Telephone::start().await;
    let (endpoint, mut leg) = dial(trunk(telephone.port, "secret")).await;
    until(&mut leg, |event| *event == LegEvent::Ringing).await;
    leg.handle().hang_up().await;
    assert_eq!(ended(&mut leg).await.by, Side::Us);
    telephone.process.says("ended").await;
    let mut leg = endpoint.call(crate::restart::order(trunk(telephone.port, "secret"))).await.unwrap();
    until(&mut leg, |event| *event == LegEvent::Ringing).await;
    telephone.process.tell("terminate").await;
    let ended = ended(&mut leg).await;
    assert_eq!((ended.by, ended.status), (Side::Peer, Some(603)), "{ended:?}");
}

#[tokio::test]
async fn linphone_calls_and_either_side_hangs_up() {
    let mut telephone = Telephone::start().await;
    let endpoint = any_endpoint().await;
    let mut calls = endpoint.incoming().unwrap();
    let number = format!("call sip:02988009000@{}", endpoint.local_addr());
    telephone.process.tell(&number).await;
    let mut leg = taken(&mut calls).await;
    telephone.process.says("connected").await;
    hang_up(&mut leg).await;
    telephone.process.says("ended").await;
    telephone.process.tell(&number).await;
    let mut leg = taken(&mut calls).await;
    telephone.process.says("connected").await;
    telephone.process.tell("terminate").await;
    ended_by(&mut leg, Side::Peer).await;
}

#[tokio::test]
async fn linphone_calls_over_tls_and_either_side_hangs_up() {
    let certificates = Certificates::new();
    let roots = format!("root_ca={}\n", certificates.path("root.pem").display());
    let mut telephone = Telephone::start_with(&roots).await;
    let endpoint = house(Protocol::Tls, &certificates);
    let mut calls = endpoint.incoming().unwrap();
    // Its TLS compares names only.
    let port = endpoint.local_addr_on(Protocol::Tls).unwrap().port();
    let number = format!("call sip:02988009000@localhost:{port};transport=tls");
    telephone.process.tell(&number).await;
    let mut leg = taken(&mut calls).await;
    telephone.process.says("connected").await;
    hang_up(&mut leg).await;
    telephone.process.says("ended").await;
    telephone.process.tell(&number).await;
    let mut leg = taken(&mut calls).await;
    telephone.process.says("connected").await;
    telephone.process.tell("terminate").await;
    ended_by(&mut leg, Side::Peer).await;
}

#[tokio::test]
async fn linphone_registers_over_tls_and_is_called_over_its_own_connection() {
    let certificates = Certificates::new();
    let roots = format!("root_ca={}\n", certificates.path("root.pem").display());
    let mut telephone = Telephone::start_with(&roots).await;
    let endpoint = phones(Protocol::Tls, &certificates).await;
    let port = endpoint.local_addr_on(Protocol::Tls).unwrap().port();
    let account = format!("register sip:8001@{REALM} sip:localhost:{port};transport=tls phone-secret");
    telephone.process.tell(&account).await;
    // It says nothing of its success, and nobody is told of a phone that comes: we look again.
    let registered = async {
        let mut again = tokio::time::interval(Duration::from_millis(50));
        while endpoint.phone("8001").await.is_empty() {
            again.tick().await;
        }
    };
    tokio::time::timeout(LIMIT, registered).await.expect("linphone registers");
    for by in [Side::Us, Side::Peer] {
        let mut leg = dial_phone(&endpoint).await;
        until(&mut leg, |event| *event == LegEvent::Ringing).await;
        telephone.process.tell("answer").await;
        answered(&mut leg).await;
        telephone.process.says("connected").await;
        if by == Side::Us {
            hang_up(&mut leg).await;
            telephone.process.says("ended").await;
        } else {
            telephone.process.tell("terminate").await;
            ended_by(&mut leg, Side::Peer).await;
            telephone.process.says("ended").await;
        }
    }
}
