//! baresip as the telephone whose call outlives our run (R4.2a).

use std::{process::Stdio, time::Duration};

use songda_sip::Finished;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use crate::restart::{Killed, NUMBER, endpoint, free_port, killed, trunk};

/// A telephone with this number.
struct Telephone {
    _child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Telephone {
    async fn start(answers: bool) -> Self {
        let port = free_port();
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "poll_method epoll\nsip_listen 127.0.0.1:{port}\nnet_interface 127.0.0.1\naudio_source aubridge,nobody\n\
             audio_player aubridge,nobody\nrtp_ports 33000-33999\nmodule_path /usr/lib/baresip/modules\n\
             module g711.so\nmodule aubridge.so\nmodule_app account.so\nmodule_app menu.so\n"
        );
        let mode = if answers { "auto" } else { "manual" };
        let account = format!("<sip:{NUMBER}@127.0.0.1:{port}>;regint=0;answermode={mode};audio_codecs=PCMA/8000/1\n");
        for (name, text) in [("config", config.as_str()), ("accounts", &account), ("contacts", "")] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let mut child = Command::new("baresip")
            .arg("-f")
            .arg(folder.path())
            .arg("-v")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("baresip is needed: apt-get install baresip-core");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut telephone = Self { _child: child, lines, port, _folder: folder };
        telephone.says("baresip is ready").await;
        telephone
    }

    async fn says(&mut self, words: &str) {
        let said = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                if line.contains(words) {
                    return;
                }
            }
            panic!("baresip ended and never said: {words}");
        };
        tokio::time::timeout(Duration::from_secs(20), said).await.unwrap_or_else(|_| panic!("no word of: {words}"));
    }
}

fn restarted(when: Killed, how: Finished) {
    let answered = when == Killed::Answered;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut telephone = runtime.block_on(Telephone::start(answered));
    let trunk = trunk(telephone.port, "secret");
    let (saved, listen) = killed(trunk.clone(), when);
    runtime.block_on(async {
        if !answered {
            telephone.says("Incoming call").await;
        }
        let next = endpoint(listen).await;
        assert_eq!(next.finish(&saved, &trunk).await, Ok(how));
        if answered {
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
