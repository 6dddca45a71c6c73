//! The generator: both far ends of the calls in one process and one thread, so that the time
//! of a set-up is measured by one clock, in microseconds, and one core is enough.

mod callee;
mod caller;
mod repeat;
mod story;
mod text;
mod timers;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tokio::net::UdpSocket;

use self::{callee::Callee, caller::Caller};
use crate::{
    cpu,
    line::{Line, Quality},
};

/// What to generate.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Generate {
    /// Where calls go.
    #[arg(long)]
    pub(crate) to: SocketAddr,
    /// Where they are answered.
    #[arg(long)]
    pub(crate) answer_at: SocketAddr,
    /// Calls per second.
    #[arg(long)]
    pub(crate) rate: f64,
    /// How many calls.
    #[arg(long)]
    pub(crate) calls: u64,
    /// Milliseconds from answer to BYE.
    #[arg(long, default_value_t = 50)]
    pub(crate) hold_ms: u64,
    /// Calls end in many ways, not only by the caller's BYE.
    #[arg(long)]
    pub(crate) mixed: bool,
    #[command(flatten)]
    pub(crate) quality: Quality,
}

/// What came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Calls placed.
    pub(crate) placed: u64,
    /// Went as they should, to the end.
    pub(crate) completed: u64,
    /// Answered 503.
    pub(crate) refused: u64,
    /// Anything else.
    pub(crate) failed: u64,
    /// Messages of the generator that had to be sent again.
    pub(crate) repeats: u64,
    /// Why calls failed.
    pub(crate) why: BTreeMap<String, u64>,
    /// INVITE to 200, in microseconds.
    pub(crate) setup_p50: u64,
    /// The same.
    pub(crate) setup_p99: u64,
    /// Calls completed per second while calls were placed, without the first and last tenth.
    pub(crate) completed_per_second: f64,
    /// Share of its core that the generator used while calls were placed.
    pub(crate) busy: f64,
    /// Messages that the line lost.
    pub(crate) lost: u64,
}

/// Buffers as big as the system allows: what the kernel drops is no measure of the server.
const BUFFER: usize = 4 << 20;
/// Calls that are made up for at once when the generator was held up.
const BURST: u64 = 4;

fn open(address: SocketAddr) -> anyhow::Result<UdpSocket> {
    let socket = std::net::UdpSocket::bind(address).with_context(|| format!("cannot listen on {address}"))?;
    let options = socket2::SockRef::from(&socket);
    options.set_recv_buffer_size(BUFFER)?;
    options.set_send_buffer_size(BUFFER)?;
    socket.set_nonblocking(true)?;
    Ok(UdpSocket::from_std(socket)?)
}

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// From the calling side to the server.
    CallerOut,
    /// From the server to the calling side.
    CallerIn,
    /// From the called side to this address.
    CalleeOut(SocketAddr),
    /// From there to the called side.
    CalleeIn(SocketAddr),
}

/// Both ends and the line to the server.
struct Ends {
    called: UdpSocket,
    calling: UdpSocket,
    callee: Callee,
    caller: Caller,
    line: Line<Way>,
    server: SocketAddr,
}

impl Ends {
    async fn read(&mut self, buffer: &mut [u8]) {
        // In turns: answers of one end make work for the other.
        loop {
            let mut nothing = true;
            if let Ok((length, from)) = self.called.try_recv_from(buffer) {
                self.pass(Way::CalleeIn(from), buffer[..length].to_vec()).await;
                nothing = false;
            }
            if let Ok((length, _)) = self.calling.try_recv_from(buffer) {
                self.pass(Way::CallerIn, buffer[..length].to_vec()).await;
                nothing = false;
            }
            if nothing {
                return;
            }
            self.flush().await;
        }
    }

    async fn pass(&mut self, way: Way, bytes: Vec<u8>) {
        if let Some(bytes) = self.line.pass(Instant::now(), way, bytes) {
            self.arrive(way, &bytes).await;
        }
    }

    async fn arrive(&mut self, way: Way, bytes: &[u8]) {
        let now = Instant::now();
        match way {
            Way::CallerIn => self.caller.receive(now, bytes),
            Way::CalleeIn(from) => self.callee.receive(now, bytes, from),
            // What the system does not take is lost, as it may be.
            Way::CallerOut => drop(self.calling.send_to(bytes, self.server).await),
            Way::CalleeOut(to) => drop(self.called.send_to(bytes, to).await),
        }
    }

    async fn flush(&mut self) {
        for bytes in std::mem::take(&mut self.caller.out) {
            self.pass(Way::CallerOut, bytes).await;
        }
        for (to, bytes) in std::mem::take(&mut self.callee.out) {
            self.pass(Way::CalleeOut(to), bytes).await;
        }
    }

    async fn tick(&mut self) {
        let now = Instant::now();
        self.caller.tick(now);
        self.callee.tick(now);
        while let Some((way, bytes)) = self.line.due(now) {
            self.arrive(way, &bytes).await;
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        [self.caller.next_deadline(), self.callee.next_deadline(), self.line.next()].into_iter().flatten().min()
    }
}

/// Generates, and waits for what was begun.
pub(crate) async fn generate(order: &Generate) -> anyhow::Result<Report> {
    let called = open(order.answer_at)?;
    let calling = open(SocketAddr::new(order.answer_at.ip(), 0))?;
    let hold = Duration::from_millis(order.hold_ms);
    let mut ends = Ends {
        callee: Callee::new(called.local_addr()?, hold),
        caller: Caller::new(calling.local_addr()?, order.to, hold, order.mixed),
        line: Line::new(order.quality),
        server: order.to,
        called,
        calling,
    };
    let mut buffer = vec![0_u8; 65_536];
    let begun = Instant::now();
    let cpu_begun = cpu::of_process(std::process::id());
    let mut busy = None;
    loop {
        let now = Instant::now();
        let due = ((now - begun).as_secs_f64() * order.rate) as u64;
        // Late is late: what was missed is not made up for in one blow.
        for _ in ends.caller.placed..due.min(order.calls).min(ends.caller.placed + BURST) {
            ends.caller.place(Instant::now());
        }
        if ends.caller.placed == order.calls && busy.is_none() {
            let used = cpu::of_process(std::process::id()).saturating_sub(cpu_begun);
            busy = Some(used.as_secs_f64() / (now - begun).as_secs_f64());
        }
        ends.tick().await;
        ends.flush().await;
        ends.read(&mut buffer).await;
        if ends.caller.placed == order.calls && ends.caller.alive() + ends.callee.alive() == 0 {
            break;
        }
        let mut wake = now + Duration::from_millis(20);
        if ends.caller.placed < order.calls {
            wake = wake.min(begun + Duration::from_secs_f64((ends.caller.placed + 1) as f64 / order.rate));
        }
        wake = ends.next_deadline().map_or(wake, |at| at.min(wake));
        tokio::select! {
            _ = ends.called.readable() => {}
            _ = ends.calling.readable() => {}
            () = tokio::time::sleep_until(wake.into()) => {}
        }
    }
    Ok(report(&mut ends, busy.unwrap_or_default(), order))
}

fn report(ends: &mut Ends, busy: f64, order: &Generate) -> Report {
    let Ends { caller, callee, line, .. } = ends;
    caller.setup.sort_unstable();
    let setup = |share: f64| {
        let at = (caller.setup.len() as f64 * share) as usize;
        caller.setup.get(at.min(caller.setup.len().saturating_sub(1))).copied().unwrap_or_default()
    };
    let length = order.calls as f64 / order.rate * 1000.0;
    let middle = (length * 0.1) as u64..(length * 0.9) as u64;
    let completed = caller.completed_at.iter().filter(|at| middle.contains(at)).count();
    let mut why = caller.why.clone();
    if callee.lost > 0 {
        why.insert("the called side waited in vain".to_owned(), callee.lost);
    }
    Report {
        placed: caller.placed,
        completed: caller.completed,
        refused: caller.refused,
        failed: caller.failed,
        repeats: caller.repeats + callee.repeats,
        why,
        setup_p50: setup(0.5),
        setup_p99: setup(0.99),
        completed_per_second: completed as f64 / (length * 0.8 / 1000.0),
        busy,
        lost: line.lost,
    }
}
