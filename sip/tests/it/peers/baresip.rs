//! baresip as the telephone at the other end, also of a call that outlives our run (R4.2a).

use songda_sip::{EndCause, Endpoint, Finished, LegEvent, Protocol, RegistrarSettings, Side, machine::Algorithm};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, process::Command};

use super::{
    REALM, answered, certificates::Certificates, dial, dial_phone, ended, ended_by, hang_up, house, phones_by,
    process::Process, rings, taken, until,
};
use crate::restart::{Killed, NUMBER, OFFER, any_endpoint, endpoint, free_port, killed, order, trunk};

/// A telephone with this number.
struct Telephone {
    process: Process,
    control: TcpStream,
    port: u16,
    _folder: tempfile::TempDir,
}

#[derive(Clone, Copy, PartialEq)]
enum Answers {
    AtOnce,
    WhenTold,
}

impl Telephone {
    async fn start(answers: Answers) -> Self {
        Self::start_with(answers, "udp", None).await
    }

    /// It calls over `transport`; with certificates it is also called by TLS, one port higher.
    async fn start_with(answers: Answers, transport: &str, certificates: Option<&Certificates>) -> Self {
        let port = free_port();
        let mode = if answers == Answers::AtOnce { "auto" } else { "manual" };
        let account = format!("<sip:{NUMBER}@127.0.0.1:{port};transport={transport}>;regint=0;answermode={mode}");
        Self::with_account(&account, port, certificates).await
    }

    /// A desk phone of `endpoint` with this password.
    async fn of_desk(endpoint: &Endpoint, transport: &str, password: &str, certificates: &Certificates) -> Self {
        let house = endpoint.local_addr();
        let account = format!(
            "<sip:8001@{house};transport={transport}>;auth_user=8001;auth_pass={password};regint=600;answermode=manual"
        );
        Self::with_account(&account, free_port(), Some(certificates)).await
    }

    async fn with_account(account: &str, port: u16, certificates: Option<&Certificates>) -> Self {
        let control = free_port();
        let folder = tempfile::tempdir().unwrap();
        let tls = certificates.map(|all| {
            format!(
                "sip_certificate {}\nsip_cafile {}\n",
                all.path("both.pem").display(),
                all.path("root.pem").display()
            )
        });
        let config = tls.unwrap_or_default()
            + &format!(
                "poll_method epoll\nsip_listen 127.0.0.1:{port}\nnet_interface 127.0.0.1\naudio_source aubridge,nobody\n\
             audio_player aubridge,nobody\nrtp_ports 33000-33999\nmodule_path /usr/lib/baresip/modules\n\
             module g711.so\nmodule aubridge.so\nmodule_app account.so\nmodule_app menu.so\n\
             module_app ctrl_tcp.so\nctrl_tcp_listen 127.0.0.1:{control}\n"
            );
        let account = format!("{account};audio_codecs=PCMA/8000/1\n");
        for (name, text) in [("config", config.as_str()), ("accounts", &account), ("contacts", "")] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let mut process = Process::start("baresip", Command::new("baresip").arg("-f").arg(folder.path()).arg("-v"));
        process.says("baresip is ready").await;
        let control = TcpStream::connect(("127.0.0.1", control)).await.unwrap();
        Self { process, control, port, _folder: folder }
    }

    async fn says(&mut self, words: &str) {
        self.process.says(words).await;
    }

    /// A command of its menu, as a netstring of JSON.
    async fn tell(&mut self, command: &str, parameters: &str) {
        let text = format!(r#"{{"command":"{command}","params":"{parameters}"}}"#);
        self.control.write_all(format!("{}:{text},", text.len()).as_bytes()).await.unwrap();
    }
}

#[tokio::test]
async fn baresip_answers_and_we_hang_up() {
    let mut telephone = Telephone::start(Answers::AtOnce).await;
    let (_endpoint, mut leg) = dial(trunk(telephone.port, "secret")).await;
    answered(&mut leg).await;
    telephone.says("Call established").await;
    leg.handle().hang_up().await;
    ended_by(&mut leg, Side::Us).await;
    telephone.says("session closed").await;
}

#[tokio::test]
async fn baresip_rings_answers_when_told_and_hangs_up_itself() {
    let mut telephone = Telephone::start(Answers::WhenTold).await;
    let (_endpoint, mut leg) = dial(trunk(telephone.port, "secret")).await;
    until(&mut leg, |event| *event == LegEvent::Ringing).await;
    telephone.says("Incoming call").await;
    telephone.tell("accept", "").await;
    answered(&mut leg).await;
    telephone.says("Call established").await;
    telephone.tell("hangup", "").await;
    ended_by(&mut leg, Side::Peer).await;
}

#[tokio::test]
async fn baresip_refuses_a_call_that_rings() {
    let mut telephone = Telephone::start(Answers::WhenTold).await;
    let (_endpoint, mut leg) = dial(trunk(telephone.port, "secret")).await;
    until(&mut leg, |event| *event == LegEvent::Ringing).await;
    telephone.says("Incoming call").await;
    telephone.tell("hangup", "").await;
    let ended = ended(&mut leg).await;
    assert_eq!((ended.by, ended.status), (Side::Peer, Some(486)), "{ended:?}");
}

#[tokio::test]
async fn baresip_calls_and_either_side_hangs_up() {
    let mut telephone = Telephone::start(Answers::WhenTold).await;
    let endpoint = any_endpoint().await;
    let mut calls = endpoint.incoming().unwrap();
    let number = format!("sip:02988009000@{}", endpoint.local_addr());
    telephone.tell("dial", &number).await;
    let call = rings(&mut calls).await;
    assert_eq!(call.invite.called, "02988009000");
    assert!(call.invite.caller.as_ref().is_some_and(|caller| caller.reveal() == NUMBER));
    let mut leg = call.leg;
    leg.handle().answer(OFFER.into()).await;
    until(&mut leg, |event| *event == LegEvent::Acknowledged).await;
    telephone.says("Call established").await;
    hang_up(&mut leg).await;
    telephone.says("session closed").await;

    telephone.tell("dial", &number).await;
    let mut leg = taken(&mut calls).await;
    telephone.says("Call established").await;
    telephone.tell("hangup", "").await;
    ended_by(&mut leg, Side::Peer).await;

    telephone.tell("dial", &number).await;
    let mut leg = rings(&mut calls).await.leg;
    telephone.says("180 Ringing").await;
    telephone.tell("hangup", "").await;
    assert_eq!(ended(&mut leg).await.cause, EndCause::Cancelled);
}

#[tokio::test]
async fn baresip_is_called_over_tls_and_either_side_hangs_up() {
    let certificates = Certificates::new();
    let mut telephone = Telephone::start_with(Answers::AtOnce, "tls", Some(&certificates)).await;
    let endpoint = house(Protocol::Tls, &certificates);
    let mut secure = trunk(telephone.port, "secret");
    secure.proxy = format!("127.0.0.1:{};transport=tls", telephone.port + 1);
    let mut leg = endpoint.call(order(secure.clone())).await.unwrap();
    answered(&mut leg).await;
    telephone.says("Call established").await;
    hang_up(&mut leg).await;
    telephone.says("session closed").await;
    let mut leg = endpoint.call(order(secure)).await.unwrap();
    answered(&mut leg).await;
    telephone.says("Call established").await;
    telephone.tell("hangup", "").await;
    ended_by(&mut leg, Side::Peer).await;
}

#[tokio::test]
async fn baresip_calls_over_tls_and_either_side_hangs_up() {
    let certificates = Certificates::new();
    let mut telephone = Telephone::start_with(Answers::WhenTold, "tls", Some(&certificates)).await;
    let endpoint = house(Protocol::Tls, &certificates);
    let mut calls = endpoint.incoming().unwrap();
    let number = format!("sip:02988009000@{};transport=tls", endpoint.local_addr_on(Protocol::Tls).unwrap());
    telephone.tell("dial", &number).await;
    let mut leg = taken(&mut calls).await;
    telephone.says("Call established").await;
    hang_up(&mut leg).await;
    telephone.says("session closed").await;
    telephone.tell("dial", &number).await;
    let mut leg = taken(&mut calls).await;
    telephone.says("Call established").await;
    telephone.tell("hangup", "").await;
    ended_by(&mut leg, Side::Peer).await;
}

#[tokio::test]
async fn a_telephone_with_a_certificate_of_somebody_else_is_not_called() {
    let telephone = Telephone::start_with(Answers::AtOnce, "tls", Some(&Certificates::new())).await;
    let endpoint = house(Protocol::Tls, &Certificates::new());
    let mut secure = trunk(telephone.port, "secret");
    secure.proxy = format!("127.0.0.1:{};transport=tls", telephone.port + 1);
    let mut leg = endpoint.call(order(secure)).await.unwrap();
    let ended = ended(&mut leg).await;
    assert_eq!((ended.cause, ended.provisional), (EndCause::Transport, false), "{ended:?}");
}

/// A house for telephones that give up where they are offered a hash that they do not know
/// (RFC 8760 asks them to look for another): this baresip is one of them.
async fn md5_phones(protocol: Protocol, certificates: &Certificates) -> Endpoint {
    let mut settings = RegistrarSettings::new(REALM);
    settings.challenge.algorithms = vec![Algorithm::Md5];
    phones_by(protocol, certificates, settings).await
}

#[tokio::test]
async fn baresip_as_a_desk_phone_registers_is_called_and_either_side_hangs_up() {
    let certificates = Certificates::new();
    for (protocol, transport) in [(Protocol::Udp, "udp"), (Protocol::Tls, "tls")] {
        let endpoint = md5_phones(protocol, &certificates).await;
        let mut telephone = Telephone::of_desk(&endpoint, transport, "phone-secret", &certificates).await;
        telephone.says("200 OK").await;
        for by in [Side::Us, Side::Peer] {
            let mut leg = dial_phone(&endpoint).await;
            until(&mut leg, |event| *event == LegEvent::Ringing).await;
            telephone.says("Incoming call from: 送达一组 转接 sip:anonymous@court.test").await;
            telephone.tell("accept", "").await;
            answered(&mut leg).await;
            telephone.says("Call established").await;
            if by == Side::Us {
                hang_up(&mut leg).await;
                telephone.says("session closed").await;
            } else {
                telephone.tell("hangup", "").await;
                ended_by(&mut leg, Side::Peer).await;
            }
        }
        let mut leg = dial_phone(&endpoint).await;
        telephone.says("Incoming call").await;
        telephone.tell("hangup", "").await;
        assert_eq!(ended(&mut leg).await.status, Some(486));
    }
}

#[tokio::test]
async fn baresip_with_a_wrong_password_is_not_registered() {
    let certificates = Certificates::new();
    let endpoint = md5_phones(Protocol::Udp, &certificates).await;
    let mut telephone = Telephone::of_desk(&endpoint, "udp", "guess", &certificates).await;
    telephone.says("401 Unauthorized").await;
    assert_eq!(endpoint.phone("8001").await, []);
}

fn restarted(when: Killed, how: Finished) {
    let answers = if when == Killed::Answered { Answers::AtOnce } else { Answers::WhenTold };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut telephone = runtime.block_on(Telephone::start(answers));
    let trunk = trunk(telephone.port, "secret");
    let (saved, listen) = killed(trunk.clone(), when);
    runtime.block_on(async {
        if answers == Answers::WhenTold {
            telephone.says("Incoming call").await;
        }
        let next = endpoint(listen).await;
        assert_eq!(next.finish(&saved, &trunk).await, Ok(how));
        if answers == Answers::AtOnce {
            // By the first ACK, or by that of the next run when the first died with its run.
            telephone.says("Call established").await;
        }
        telephone.says("session closed").await;
    });
}

#[test]
fn r4_2a_a_telephone_that_talks_hears_the_bye_of_the_next_run() {
    restarted(Killed::Answered, Finished::HungUp);
}

#[test]
fn r4_2a_a_telephone_that_rings_falls_silent_by_the_next_run() {
    restarted(Killed::Ringing, Finished::Cancelled);
}
