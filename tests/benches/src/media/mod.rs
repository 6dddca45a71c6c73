//! The media bench: what a relayed call costs, beside rtpengine in user space with one thread,
//! and what a browser's call costs beside a relayed one.
//!
//! Generator and server have a core each. A run is void when the machine had other work before
//! it, or the generator needed more than [`BUSY`] of its core. All kinds take turns, so that
//! whatever else the machine does meets all; the middle round counts.

mod browsers;
mod generate;
mod ng;
mod serve;
mod table;

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

pub(crate) use self::{generate::run as generate, serve::run as serve};
use self::{
    generate::{Order, Report},
    ng::Rtpengine,
    serve::{Calls, Inner, Place},
};
use crate::cpu;

/// More, and the generator is the bottleneck.
const BUSY: f64 = 0.8;
/// More before a run, and something else is measured too.
const IDLE: f64 = 0.2;
/// Browsers of the small end of the memory's slope.
const FEW: usize = 10;
/// Ports of rtpengine.
const PORTS: (u16, u16) = (42_000, 48_000);
/// Before a window: ours listens to how a call is answered for its first half minute, which is not
/// what a call costs as long as it lasts.
const SETTLED: Duration = Duration::from_secs(31);
/// The same for those that do nothing of the kind.
const WARM: Duration = Duration::from_secs(2);
/// Between two runs.
const PAUSE: Duration = Duration::from_secs(1);

/// What to measure.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Media {
    /// Calls of the comparison, 100 packets a second each.
    #[arg(long, default_value_t = 100)]
    calls: usize,
    /// Calls of browsers.
    #[arg(long, default_value_t = 50)]
    browsers: usize,
    /// Seconds of each window.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Rounds of each kind.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Core of the generator.
    #[arg(long, default_value_t = 0)]
    generator_core: usize,
    /// Core of the server.
    #[arg(long, default_value_t = 1)]
    server_core: usize,
    /// Folder on a real disk for the recordings.
    #[arg(long, default_value = "target")]
    record_in: PathBuf,
    /// Wait for so many seconds at most until the machine is idle.
    #[arg(long, default_value_t = 120)]
    patience: u64,
    /// Leave rtpengine out.
    #[arg(long)]
    without_peer: bool,
    /// Fail when a goal is missed, or the run is void.
    #[arg(long)]
    strict: bool,
}

/// What relays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// rtpengine, without a recording.
    Rtpengine,
    /// Ours, trunk to trunk.
    Relay,
    /// The same, recorded.
    Recorded,
    /// Ours, trunk to trunk, as many as there are browsers.
    FewRelay,
    /// Ours, browser to trunk, recorded.
    Browsers,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rtpengine => "rtpengine, relay",
            Self::Relay => "ours, relay",
            Self::Recorded => "ours, relay recorded",
            Self::FewRelay => "ours, relay, fewer",
            Self::Browsers => "ours, browsers recorded",
        }
    }
}

/// One window of one kind.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Round {
    pub(super) kind: Kind,
    pub(super) calls: usize,
    pub(super) report: Report,
    /// Of the server, share of a core.
    pub(super) cpu: f64,
    /// Of the server, microseconds of a call each second.
    pub(super) cpu_us_per_call_s: f64,
    /// Datagrams that the server's sockets dropped.
    pub(super) dropped: u64,
    /// Resident memory of the server, kB.
    pub(super) memory_kb: u64,
}

/// All that was measured.
#[derive(Debug, Serialize)]
pub(super) struct Measured {
    pub(super) load_before: f64,
    /// Version of rtpengine; none when it was left out.
    pub(super) peer: Option<String>,
    pub(super) direct: Report,
    pub(super) rounds: Vec<Round>,
    /// Memory with few browsers, kB each round.
    pub(super) few_kb: Vec<u64>,
}

/// Runs the bench and prints its table and all rounds as JSON.
pub(crate) async fn run(order: &Media) -> anyhow::Result<()> {
    let cores = std::thread::available_parallelism()?.get();
    if order.generator_core.max(order.server_core) >= cores || order.generator_core == order.server_core {
        bail!("generator and server want a core each, and there are {cores}");
    }
    let peer = if order.without_peer { None } else { Some(ng::version().await?) };
    let load_before = idle(Duration::from_secs(order.patience)).await?;
    let direct = direct(order).await?;
    let mut measured = Measured { load_before, peer, direct, rounds: Vec::new(), few_kb: Vec::new() };
    for _ in 0..order.rounds {
        for kind in [Kind::Rtpengine, Kind::Relay, Kind::Recorded, Kind::FewRelay, Kind::Browsers] {
            if kind == Kind::Rtpengine && order.without_peer {
                continue;
            }
            tokio::time::sleep(PAUSE).await;
            let calls = if matches!(kind, Kind::FewRelay | Kind::Browsers) { order.browsers } else { order.calls };
            measured.rounds.push(round(order, kind, calls).await.with_context(|| kind.name().to_owned())?);
        }
        let few = round(order, Kind::Browsers, FEW.min(order.browsers)).await.context("few browsers")?;
        measured.few_kb.push(few.memory_kb);
    }
    let missed = table::missed(order, &measured);
    let mut out = table::table(order, &measured);
    for miss in &missed {
        out.push_str("missed: ");
        out.push_str(miss);
        out.push('\n');
    }
    crate::print(&out)?;
    crate::print(&serde_json::to_string(&measured)?)?;
    if order.strict && !missed.is_empty() {
        bail!("{} of the goals missed", missed.len());
    }
    Ok(())
}

fn load() -> anyhow::Result<f64> {
    let text = fs::read_to_string("/proc/loadavg")?;
    text.split(' ').next().and_then(|load| load.parse().ok()).context("no load average")
}

/// Waits until nothing else has been run for a while, not for ever.
async fn idle(patience: Duration) -> anyhow::Result<f64> {
    let begun = Instant::now();
    loop {
        let load = load()?;
        if load < IDLE || begun.elapsed() >= patience {
            return Ok(load);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// A generator as a process of its own, on its core.
struct Generator {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Generator {
    async fn start(
        order: &Media,
        calls: usize,
        browsers: bool,
        warm: Duration,
    ) -> anyhow::Result<(Self, Vec<(Inner, SocketAddr)>)> {
        let (child, mut input, mut output) = start(order.generator_core, "media-generate")?;
        tell(&mut input, &Order { calls, browsers, seconds: order.seconds, warm: warm.as_secs_f64() }).await?;
        let ends = told(&mut output).await.context("the generator's ends")?;
        Ok((Self { child, input, output }, ends))
    }

    /// One window; what `look` sees when it begins and when it ends.
    async fn window<T>(mut self, places: &[Place], look: impl Fn() -> T) -> anyhow::Result<(T, T, Report)> {
        tell(&mut self.input, &places).await?;
        let _: String = told(&mut self.output).await.context("the window does not begin")?;
        let before = look();
        let _: String = told(&mut self.output).await.context("the window does not end")?;
        let after = look();
        let report = told(&mut self.output).await.context("no report of the generator")?;
        self.child.wait().await?;
        Ok((before, after, report))
    }
}

fn start(core: usize, what: &str) -> anyhow::Result<(Child, ChildStdin, Lines<BufReader<ChildStdout>>)> {
    let mut child = Command::new("taskset")
        .args(["-c", &core.to_string()])
        .arg(std::env::current_exe()?)
        .arg(what)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("taskset is needed: apt-get install util-linux")?;
    let input = child.stdin.take().context("no input")?;
    let output = BufReader::new(child.stdout.take().context("no output")?).lines();
    Ok((child, input, output))
}

async fn tell(to: &mut ChildStdin, what: &impl Serialize) -> anyhow::Result<()> {
    let line = serde_json::to_string(what)? + "\n";
    Ok(to.write_all(line.as_bytes()).await?)
}

async fn told<T: for<'a> Deserialize<'a>>(from: &mut Lines<BufReader<ChildStdout>>) -> anyhow::Result<T> {
    let line = from.next_line().await?.context("it ended")?;
    Ok(serde_json::from_str(&line)?)
}

/// The way without a server: each end sends to the other.
async fn direct(order: &Media) -> anyhow::Result<Report> {
    let (generator, ends) = Generator::start(order, order.calls, false, WARM).await?;
    let place = |(inner, trunk): &(Inner, SocketAddr)| match inner {
        // What a trunk's end sends comes to the end within the house, and the other way round.
        Inner::Plain(inner) => Place { inner: Ok(trunk.port()), trunk: inner.port() },
        Inner::Browser(_) => Place { inner: Ok(0), trunk: 0 },
    };
    let places: Vec<Place> = ends.iter().map(place).collect();
    Ok(generator.window(&places, || ()).await?.2)
}

async fn round(order: &Media, kind: Kind, calls: usize) -> anyhow::Result<Round> {
    let warm = if kind == Kind::Rtpengine { WARM } else { SETTLED };
    let (generator, ends) = Generator::start(order, calls, kind == Kind::Browsers, warm).await?;
    if kind == Kind::Rtpengine {
        let mut server = Rtpengine::start(order.server_core, PORTS).await?;
        let mut places = Vec::new();
        for (no, (inner, trunk)) in ends.iter().enumerate() {
            let Inner::Plain(inner) = inner else { bail!("rtpengine gets no browsers here") };
            let [to_trunk, to_inner] = server.call(no, [*trunk, *inner])?;
            places.push(Place { inner: Ok(to_inner), trunk: to_trunk });
        }
        let round = window(kind, calls, generator, &places, server.pid).await?;
        server.stop().await?;
        return Ok(round);
    }
    let record = matches!(kind, Kind::Recorded | Kind::Browsers).then(|| order.record_in.clone());
    let (mut child, mut input, mut output) = start(order.server_core, "media-serve")?;
    tell(&mut input, &Calls { calls: ends, record }).await?;
    let places: Vec<Place> = told(&mut output).await.context("the server's places")?;
    let pid = child.id().context("the server ended")?;
    let round = window(kind, calls, generator, &places, pid).await?;
    drop(input);
    child.wait().await?;
    Ok(round)
}

async fn window(kind: Kind, calls: usize, generator: Generator, places: &[Place], pid: u32) -> anyhow::Result<Round> {
    let look = || (Instant::now(), cpu::of_family(pid), dropped(pid), memory(pid));
    let (before, after, report) = generator.window(places, look).await?;
    let cpu = after.1.saturating_sub(before.1).as_secs_f64() / (after.0 - before.0).as_secs_f64();
    Ok(Round {
        kind,
        calls,
        report,
        cpu,
        cpu_us_per_call_s: cpu * 1e6 / calls as f64,
        dropped: after.2.saturating_sub(before.2),
        memory_kb: after.3,
    })
}

/// Datagrams that the sockets of a process dropped: the last column of `/proc/net/udp`.
fn dropped(pid: u32) -> u64 {
    let own: Vec<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|link| {
            let target = fs::read_link(link.path()).ok()?;
            Some(target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
        })
        .collect();
    let table = fs::read_to_string("/proc/net/udp").unwrap_or_default();
    let rows = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row.get(9).is_some_and(|inode| own.iter().any(|own| own == inode)))
        .filter_map(|row| row.last()?.parse::<u64>().ok())
        .sum()
}

/// Resident memory, kB.
fn memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

/// A description of an end that speaks A-law.
fn description(end: SocketAddr) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 8\r\n\
         a=rtpmap:8 PCMA/8000\r\na=sendrecv\r\n",
        ip = end.ip(),
        port = end.port()
    )
}

/// The port of the audio in a description.
fn port(sdp: &str) -> anyhow::Result<u16> {
    let line = sdp.lines().find_map(|line| line.strip_prefix("m=audio "));
    line.and_then(|line| line.split(' ').next()?.parse().ok()).with_context(|| format!("no port in {sdp:?}"))
}
