//! baresip as the telephone at the other end, also of a call that outlives our run (R4.2a).

use songda_sip::{Finished, LegEvent, Side};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, process::Command};

use super::{answered, dial, ended, ended_by, process::Process, until};
use crate::restart::{Killed, NUMBER, endpoint, free_port, killed, trunk};

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
        let (port, control) = (free_port(), free_port());
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "poll_method epoll\nsip_listen 127.0.0.1:{port}\nnet_interface 127.0.0.1\naudio_source aubridge,nobody\n\
             audio_player aubridge,nobody\nrtp_ports 33000-33999\nmodule_path /usr/lib/baresip/modules\n\
             module g711.so\nmodule aubridge.so\nmodule_app account.so\nmodule_app menu.so\n\
             module_app ctrl_tcp.so\nctrl_tcp_listen 127.0.0.1:{control}\n"
        );
        let mode = if answers == Answers::AtOnce { "auto" } else { "manual" };
        let account = format!("<sip:{NUMBER}@127.0.0.1:{port}>;regint=0;answermode={mode};audio_codecs=PCMA/8000/1\n");
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
