//! The two servers of the bench, each pinned to its core.

use std::{
    fs,
    net::{SocketAddr, UdpSocket},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use tempfile::TempDir;
use tokio::process::{Child, Command};

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

    /// Bound, and for Kamailio all of its processes there.
    async fn ready(&mut self, kind: Kind) -> anyhow::Result<()> {
        let begun = Instant::now();
        let wanted = if kind == Kind::Kamailio { 4 } else { 1 };
        loop {
            if let Some(status) = self.child.try_wait()? {
                let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                bail!("{} ended: {status}\n{log}", kind.name());
            }
            if UdpSocket::bind(self.address).is_err() && cpu::family(self.pid).len() >= wanted {
                return Ok(());
            }
            if begun.elapsed() > START {
                bail!("{} does not listen", kind.name());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
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
