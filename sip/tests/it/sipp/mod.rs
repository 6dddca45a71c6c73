//! SIPp over real sockets: it is called, it calls, it registers, it is registered at.
//!
//! A scenario says what SIPp sends and what it must see, in this order; SIPp ends with 0 only
//! when all of it came true. What we saw ourselves is asserted beside it.

mod called;
mod calling;
mod changes;
mod hop;
mod killed;
mod registers;
mod tcp;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use songda_sip::{EndCause, Ended, Endpoint, IncomingCall, Invite, Leg, LegEvent, Side, Trunk};
use tokio::{
    io::AsyncReadExt as _,
    net::unix::pipe,
    process::{Child, Command},
};

use crate::restart::{OFFER, any_endpoint, free_port, order, trunk};

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

    /// SIPp calls.
    pub(crate) fn calling(name: &str, to: SocketAddr) -> Self {
        Self::calling_with(name, to, &[])
    }

    pub(crate) fn calling_with(name: &str, to: SocketAddr, arguments: &[&str]) -> Self {
        let (scenario, to) = (scenario(&format!("calling/{name}.xml")), to.to_string());
        Self::run(&[&["-sf", scenario.as_str(), "-s", "02988009000", &to], arguments].concat())
    }

    /// SIPp saw every step of its scenario.
    pub(crate) async fn succeeded(&mut self) {
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

    /// Waits until its messages contain `text` so often. SIPp tells nobody when it has written:
    /// the system does.
    pub(crate) async fn wrote(&self, text: &str, times: usize) {
        let changes = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap();
        inotify::add_watch(&changes, self.folder.path(), WatchFlags::CREATE | WatchFlags::MODIFY).unwrap();
        // It is read as a pipe is: whatever comes says that something was written.
        let mut changes = pipe::Receiver::from_owned_fd_unchecked(changes).unwrap();
        let written = async {
            while self.traced("messages").matches(text).count() < times {
                assert!(changes.read(&mut [0; 4096]).await.unwrap() > 0);
            }
        };
        tokio::time::timeout(LIMIT, written).await.unwrap_or_else(|_| panic!("SIPp never wrote {text:?}"));
    }
}

pub(crate) fn scenario(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/sipp").join(name).display().to_string()
}

/// A call between SIPp and us.
pub(crate) struct Call {
    pub(crate) sipp: Sipp,
    pub(crate) leg: Leg,
    pub(crate) seen: Vec<LegEvent>,
    pub(crate) endpoint: Endpoint,
}

impl Call {
    /// We dial the scenario `name`.
    pub(crate) async fn dial(name: &str) -> Self {
        Self::place(Sipp::called(name, &[])).await
    }

    pub(crate) async fn place(sipp: Sipp) -> Self {
        Self::place_with(sipp, |_| {}).await
    }

    pub(crate) async fn place_with(sipp: Sipp, change: impl FnOnce(&mut Trunk)) -> Self {
        let endpoint = any_endpoint().await;
        let mut trunk = trunk(sipp.port, "secret");
        change(&mut trunk);
        let leg = endpoint.call(order(trunk)).await.unwrap();
        Self { sipp, leg, seen: Vec::new(), endpoint }
    }

    /// SIPp calls us by the scenario `name`; it rings here.
    pub(crate) async fn ringing(name: &str) -> (Self, Invite) {
        let (call, invite) = Self::taken(name).await;
        call.leg.handle().ring().await;
        (call, invite)
    }

    /// SIPp calls us by the scenario `name`, and nothing was said yet.
    pub(crate) async fn taken(name: &str) -> (Self, Invite) {
        let endpoint = any_endpoint().await;
        let to = endpoint.local_addr();
        Self::taken_at(endpoint, |_| Sipp::calling(name, to)).await
    }

    /// SIPp, which is started then, calls this endpoint.
    pub(crate) async fn taken_at(endpoint: Endpoint, start: impl FnOnce(&Endpoint) -> Sipp) -> (Self, Invite) {
        let mut calls = endpoint.incoming().expect("asked for once");
        let sipp = start(&endpoint);
        let taken = tokio::time::timeout(LIMIT, calls.recv()).await;
        let Ok(Some(IncomingCall { invite, leg, .. })) = taken else {
            panic!("no call came\nSIPp: {}\n{}", sipp.traced("errors"), sipp.traced("messages"));
        };
        (Self { sipp, leg, seen: Vec::new(), endpoint }, invite)
    }

    /// SIPp calls us by the scenario `name`, it rings, and we answer.
    pub(crate) async fn answering(name: &str) -> Self {
        let (call, _) = Self::ringing(name).await;
        call.leg.handle().answer(OFFER.into()).await;
        call
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

    pub(crate) async fn acknowledged(&mut self) {
        self.until(|event| *event == LegEvent::Acknowledged).await;
    }

    /// It ended, the other end said so too, and SIPp saw every step.
    pub(crate) async fn ended(&mut self) -> Ended {
        let ended = match self.until(|event| matches!(event, LegEvent::Ended(_))).await {
            LegEvent::Ended(ended) => ended.clone(),
            other => panic!("{other:?}"),
        };
        self.until(|event| *event == LegEvent::Down { answered: true }).await;
        self.sipp.succeeded().await;
        ended
    }

    /// We hang up, and SIPp saw every step.
    pub(crate) async fn hang_up(mut self) -> Vec<LegEvent> {
        self.leg.handle().hang_up().await;
        let ended = self.ended().await;
        assert_eq!((ended.by, ended.cause), (Side::Us, EndCause::HungUp), "{:?}", self.seen);
        self.seen
    }

    /// SIPp hangs up, and saw every step.
    pub(crate) async fn hung_up(mut self) -> Vec<LegEvent> {
        let ended = self.ended().await;
        assert_eq!((ended.by, ended.cause, ended.q850), (Side::Peer, EndCause::HungUp, Some(16)), "{:?}", self.seen);
        self.seen
    }

    pub(crate) fn rang(&self) -> bool {
        self.seen.contains(&LegEvent::Ringing)
    }

    /// Waits until SIPp's messages contain `text`.
    pub(crate) async fn traced(&self, text: &str) {
        self.sipp.wrote(text, 1).await;
    }

    /// Waits until SIPp's messages contain `text` so often.
    pub(crate) async fn traced_times(&self, text: &str, times: usize) {
        self.sipp.wrote(text, times).await;
    }
}
