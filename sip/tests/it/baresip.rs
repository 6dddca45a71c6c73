//! baresip as the telephone whose call outlives our run (R4.2a).

use std::{net::SocketAddr, process::Stdio, sync::Arc, time::Duration};

use songda_sip::{Endpoint, EndpointConfig, Finished, LegEvent, Number, OutboundCall, SavedLeg, Trunk};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};
use tokio_util::sync::CancellationToken;

const NUMBER: &str = "13800000001";
const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 20000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n";

/// A telephone with this number.
struct Telephone {
    _child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Telephone {
    /// Another may take the port before it does, by UDP or by TCP: then it tries the next.
    async fn start(answers: bool) -> Self {
        for _ in 0..5 {
            let mut telephone = Self::spawn(answers);
            if telephone.said("baresip is ready").await {
                return telephone;
            }
        }
        panic!("baresip does not start");
    }

    fn spawn(answers: bool) -> Self {
        let port = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
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
        Self { _child: child, lines, port, _folder: folder }
    }

    /// Waits for these words; false when it ended without them.
    async fn said(&mut self, words: &str) -> bool {
        let said = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                if line.contains(words) {
                    return true;
                }
            }
            false
        };
        tokio::time::timeout(Duration::from_secs(20), said).await.unwrap_or_else(|_| panic!("no word of: {words}"))
    }

    async fn says(&mut self, words: &str) {
        assert!(self.said(words).await, "baresip ended and never said: {words}");
    }

    fn trunk(&self) -> Trunk {
        Trunk {
            name: "baresip".into(),
            proxy: format!("127.0.0.1:{}", self.port),
            domain: "127.0.0.1".into(),
            username: "court".into(),
            password: "secret".to_owned().into(),
        }
    }
}

async fn endpoint(listen: SocketAddr) -> Endpoint {
    let config = EndpointConfig { listen, advertise: None, user_agent: "songda-test".into() };
    Endpoint::start(config, CancellationToken::new()).await.unwrap()
}

/// A run that is killed when the telephone rings, or when it answered: its tasks vanish.
fn killed(trunk: Trunk, answered: bool) -> (SavedLeg, SocketAddr) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let call = OutboundCall {
        trunk: Arc::new(trunk),
        callee: Number::new(NUMBER),
        caller: Number::new("02988009000"),
        offer: OFFER.into(),
        ring_limit: Duration::from_secs(30),
    };
    let kept = runtime.block_on(async {
        let endpoint = endpoint("127.0.0.1:0".parse().unwrap()).await;
        let mut leg = endpoint.call(call).await.unwrap();
        let mut saved = leg.saved().clone();
        loop {
            match leg.next().await.expect("it ended") {
                LegEvent::Ringing if !answered => break,
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
    kept
}

fn restarted(answered: bool, how: Finished) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut telephone = runtime.block_on(Telephone::start(answered));
    let (saved, listen) = killed(telephone.trunk(), answered);
    runtime.block_on(async {
        if !answered {
            telephone.says("Incoming call").await;
        }
        let next = endpoint(listen).await;
        assert_eq!(next.finish(&saved, &telephone.trunk()).await, Ok(how));
        if answered {
            // By the first ACK, or by that of the next run when the first died with its run.
            telephone.says("Call established").await;
        }
        telephone.says("session closed").await;
    });
}

#[test]
fn r4_2a_a_telephone_that_talks_hears_the_bye_of_the_next_run() {
    restarted(true, Finished::HungUp);
}

#[test]
fn r4_2a_a_telephone_that_rings_falls_silent_by_the_next_run() {
    restarted(false, Finished::Cancelled);
}
