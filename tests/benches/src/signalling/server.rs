//! The two servers of the bench, each pinned to its core.

use std::{fs, net::SocketAddr, process::Stdio, time::Duration};

use anyhow::{Context as _, bail};
use tempfile::TempDir;
use tokio::{
    net::UdpSocket,
    process::{Child, Command},
};

use super::cgroup::Held;
use crate::{cpu, free_address};

/// Which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The product's crates: `songda-bench bridge`.
    Bridge,
    /// Debian's Kamailio as a stateful proxy.
    Kamailio,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bridge => "songda-bench bridge",
            Self::Kamailio => "kamailio, tm and rr",
        }
    }
}

/// A server that runs.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    pid: u32,
    pub(super) address: SocketAddr,
    held: Option<Held>,
    folder: TempDir,
}

const KAMAILIO: &str = include_str!("../../signalling/kamailio.cfg");
/// Time to start.
const START: Duration = Duration::from_secs(10);
/// So often it is asked whether it is there.
const AGAIN: Duration = Duration::from_millis(50);

impl Server {
    /// Starts one on a free port; it sends calls on to `next`.
    pub(super) async fn start(kind: Kind, core: usize, next: SocketAddr) -> anyhow::Result<Self> {
        let address = free_address()?;
        let folder = tempfile::tempdir()?;
        let mut command = Command::new("taskset");
        command.args(["-c", &core.to_string()]);
        match kind {
            Kind::Bridge => {
                let bridge = std::env::current_exe()?;
                command.arg(bridge).args(["bridge", "--listen", &address.to_string(), "--to", &next.to_string()]);
            }
            Kind::Kamailio => {
                let config = folder.path().join("kamailio.cfg");
                fs::write(&config, KAMAILIO)?;
                command.args(["kamailio", "-DD", "-E", "-m", "256", "-M", "16", "-f"]).arg(config);
                command.args(["-A", &format!("LISTEN=udp:{address}"), "-A", &format!("NEXT=\"sip:{next}\"")]);
            }
        }
        let log = fs::File::create(folder.path().join("log"))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("taskset is needed: apt-get install util-linux kamailio")?;
        let pid = child.id().context("the server ended at once")?;
        let mut server = Self { child, pid, address, held: None, folder };
        server.ready(kind).await?;
        Ok(server)
    }

    /// It answers OPTIONS, whatever it says.
    async fn ready(&mut self, kind: Kind) -> anyhow::Result<()> {
        let asking = UdpSocket::bind("127.0.0.1:0").await?;
        let own = asking.local_addr()?;
        let options = format!(
            "OPTIONS sip:ready@{to} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKready\r\nMax-Forwards: 0\r\n\
             From: <sip:bench@{own}>;tag=ready\r\nTo: <sip:ready@{to}>\r\nCall-ID: ready@{own}\r\n\
             CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
            to = self.address
        );
        let answered = async {
            let mut answer = [0; 2048];
            loop {
                asking.send_to(options.as_bytes(), self.address).await?;
                // What comes before it listens is lost, and comes again.
                if let Ok(answer) = tokio::time::timeout(AGAIN, asking.recv_from(&mut answer)).await {
                    return answer.map(drop);
                }
            }
        };
        tokio::select! {
            answered = tokio::time::timeout(START, answered) => match answered {
                Ok(answered) => Ok(answered?),
                Err(_) => bail!("{} does not answer", kind.name()),
            },
            status = self.child.wait() => {
                let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                bail!("{} ended: {}\n{log}", kind.name(), status?)
            }
        }
    }

    /// CPU time of all its processes.
    pub(super) fn cpu(&self) -> Duration {
        cpu::of_family(self.pid)
    }

    /// Holds it to a share of its core from now on.
    pub(super) fn hold(&mut self, share: f64) -> anyhow::Result<()> {
        self.held = Some(Held::to(share, &cpu::family(self.pid))?);
        Ok(())
    }

    /// Ends it.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        // Kamailio's children end with their parent when it is asked, not when it is killed.
        Command::new("kill").arg(self.pid.to_string()).status().await?;
        if tokio::time::timeout(START, self.child.wait()).await.is_err() {
            self.child.kill().await?;
        }
        Ok(())
    }
}
