//! SIPp over real sockets: it is called, it calls, it registers, it is registered at.
//!
//! A scenario says what SIPp sends and what it must see, in this order; SIPp ends with 0 only
//! when all of it came true. What we saw ourselves is asserted beside it.

mod called;
mod hop;
mod killed;

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use songda_sip::{EndCause, Ended, Endpoint, Leg, LegEvent, Side};
use tokio::process::{Child, Command};

use crate::restart::{any_endpoint, free_port, order, trunk};

/// Longer than any scenario takes.
const LIMIT: Duration = Duration::from_secs(70);

/// SIPp for one call, on a port of its own.
pub(crate) struct Sipp {
    child: Child,
    pub(crate) port: u16,
    folder: tempfile::TempDir,
}

impl Sipp {
    /// With these arguments beside the usual ones.
    pub(crate) fn run(arguments: &[&str]) -> Self {
        let port = free_port();
        let folder = tempfile::tempdir().unwrap();
        let limit = (LIMIT.as_secs() - 5).to_string();
        let child = Command::new("sipp")
            .args(arguments)
            .args(["-i", "127.0.0.1", "-p", &port.to_string(), "-m", "1", "-nostdin"])
            .args(["-timeout", &limit, "-timeout_error", "-trace_err", "-trace_msg", "-trace_logs"])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("SIPp is needed: apt-get install sip-tester");
        Self { child, port, folder }
    }

    /// SIPp waits for our call.
    pub(crate) fn called(name: &str, arguments: &[&str]) -> Self {
        let scenario = scenario(&format!("called/{name}.xml"));
        Self::run(&[&["-sf", scenario.as_str()], arguments].concat())
    }

    /// SIPp saw every step of its scenario.
    pub(crate) async fn succeeded(mut self) {
        let status = tokio::time::timeout(LIMIT, self.child.wait()).await;
        let good = status.is_ok_and(|status| status.is_ok_and(|status| status.success()));
        assert!(good, "SIPp: {}\n{}", self.traced("errors"), self.traced("messages"));
    }

    /// What it wrote into its log by `<log>`.
    pub(crate) fn traced(&self, kind: &str) -> String {
        let end = format!("_{kind}.log");
        let files = std::fs::read_dir(self.folder.path()).unwrap().map(|file| file.unwrap().path());
        let wanted: Vec<PathBuf> = files.filter(|path| path.to_str().unwrap().ends_with(&end)).collect();
        wanted.iter().map(|path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned()).collect()
    }
}

pub(crate) fn scenario(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/sipp").join(name).display().to_string()
}

/// A call of ours to SIPp.
pub(crate) struct Called {
    pub(crate) sipp: Sipp,
    pub(crate) leg: Leg,
    pub(crate) seen: Vec<LegEvent>,
    _endpoint: Endpoint,
}

impl Called {
    /// Dials the scenario `name`.
    pub(crate) async fn dial(name: &str) -> Self {
        Self::dial_with(name, &[]).await
    }

    pub(crate) async fn dial_with(name: &str, arguments: &[&str]) -> Self {
        Self::place(Sipp::called(name, arguments)).await
    }

    pub(crate) async fn place(sipp: Sipp) -> Self {
        let endpoint = any_endpoint().await;
        let leg = endpoint.call(order(trunk(sipp.port, "secret"))).await.unwrap();
        Self { sipp, leg, seen: Vec::new(), _endpoint: endpoint }
    }

    /// Waits for the first event that `wanted` knows.
    pub(crate) async fn until(&mut self, wanted: impl Fn(&LegEvent) -> bool) -> &LegEvent {
        let found = async {
            while let Some(event) = self.leg.next().await {
                let found = wanted(&event);
                self.seen.push(event);
                if found {
                    return true;
                }
            }
            false
        };
        let found = tokio::time::timeout(LIMIT, found).await.unwrap_or(false);
        assert!(
            found,
            "it never came; seen: {:?}\nSIPp: {}\n{}",
            self.seen,
            self.sipp.traced("errors"),
            self.sipp.traced("messages")
        );
        self.seen.last().unwrap()
    }

    pub(crate) async fn answered(&mut self) {
        self.until(|event| matches!(event, LegEvent::Answered { .. })).await;
    }

    pub(crate) async fn ended(&mut self) -> Ended {
        match self.until(|event| matches!(event, LegEvent::Ended(_))).await {
            LegEvent::Ended(ended) => ended.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// We hang up, and SIPp saw every step.
    pub(crate) async fn hang_up(mut self) -> Vec<LegEvent> {
        self.leg.handle().hang_up().await;
        let ended = self.ended().await;
        assert_eq!((ended.by, ended.cause), (Side::Us, EndCause::HungUp), "{:?}", self.seen);
        self.sipp.succeeded().await;
        self.seen
    }

    /// SIPp hangs up, and saw every step.
    pub(crate) async fn hung_up(mut self) -> Vec<LegEvent> {
        let ended = self.ended().await;
        assert_eq!((ended.by, ended.cause, ended.q850), (Side::Peer, EndCause::HungUp, Some(16)), "{:?}", self.seen);
        self.sipp.succeeded().await;
        self.seen
    }

    pub(crate) fn rang(&self) -> bool {
        self.seen.contains(&LegEvent::Ringing)
    }
}
