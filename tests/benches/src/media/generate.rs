//! Both ends of many calls as a process of its own: each end sends a packet every 20 ms, and
//! each packet says when it was sent.
//!
//! It reads one line that says how many ends there are, answers one line with where they are,
//! reads where their packets go, and tells when its window begins and ends.

use std::{
    collections::HashMap,
    io::{BufRead as _, Write as _},
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use super::{
    browsers::Browsers,
    serve::{Inner, Place},
};
use crate::cpu;

/// What is to be generated.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) calls: usize,
    /// The ends within the house are browsers.
    pub(super) browsers: bool,
    pub(super) seconds: f64,
    /// Before the window, seconds.
    pub(super) warm: f64,
}

/// What came of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Packets that were sent in the window.
    pub(super) sent: u64,
    /// Those of them that arrived.
    pub(super) received: u64,
    /// On the way, microseconds.
    pub(super) p50_us: u64,
    pub(super) p99_us: u64,
    pub(super) most_us: u64,
    /// The generator's share of its core.
    pub(super) busy: f64,
}

/// A packet is 20 ms of sound.
pub(super) const PERIOD: Duration = Duration::from_millis(20);
/// Every end must have heard something by then.
const CONNECTED: Duration = Duration::from_secs(30);
/// After it, for what is under way.
const TAIL: Duration = Duration::from_millis(500);
/// A sender report comes with so many packets: every 5 s.
const REPORTS: u64 = 250;
const MARK: &[u8; 4] = b"sdbm";
const BUFFER: usize = 8 << 20;

/// The payload: 160 octets that no law changes on the way.
pub(super) fn payload(call: u32, sent: Duration) -> [u8; 160] {
    let mut octets = [0xd5; 160];
    octets[..4].copy_from_slice(MARK);
    octets[4..8].copy_from_slice(&call.to_be_bytes());
    octets[8..16].copy_from_slice(&(sent.as_nanos() as u64).to_be_bytes());
    octets
}

/// What has arrived.
#[derive(Debug)]
pub(super) struct Ledger {
    base: Instant,
    heard: Mutex<Heard>,
    over: AtomicBool,
}

#[derive(Debug, Default)]
struct Heard {
    /// Nanoseconds of sending, and of the way.
    packets: Vec<(u64, u64)>,
    ends: HashMap<(bool, u32), u64>,
}

impl Ledger {
    fn new() -> Self {
        Self { base: Instant::now(), heard: Mutex::default(), over: AtomicBool::new(false) }
    }

    /// Since the generator began.
    pub(super) fn now(&self) -> Duration {
        self.base.elapsed()
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// A payload arrived at an end within the house, or at a carrier's.
    pub(super) fn heard(&self, inner: bool, payload: &[u8]) {
        let now = self.now().as_nanos() as u64;
        let (Some(mark), Some(call), Some(sent)) = (payload.get(..4), number(payload, 4), stamp(payload)) else {
            return;
        };
        if mark != MARK {
            return;
        }
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.packets.push((sent, now.saturating_sub(sent)));
        *heard.ends.entry((inner, call)).or_default() += 1;
    }

    fn ends(&self) -> usize {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).ends.len()
    }

    /// Of what was sent in a window: how many arrived, and how long they took, in order.
    fn window(&self, from: Duration, to: Duration) -> Vec<u64> {
        let window = from.as_nanos() as u64..to.as_nanos() as u64;
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ways: Vec<u64> =
            heard.packets.iter().filter(|(sent, _)| window.contains(sent)).map(|(_, way)| way / 1_000).collect();
        ways.sort_unstable();
        ways
    }
}

fn number(payload: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(payload.get(at..at + 4)?.try_into().ok()?))
}

fn stamp(payload: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(payload.get(8..16)?.try_into().ok()?))
}

/// An even port and the next (RFC 3550, section 11).
fn pair() -> anyhow::Result<(UdpSocket, UdpSocket)> {
    for _ in 0..1_000 {
        let rtp = UdpSocket::bind("127.0.0.1:0")?;
        let address = rtp.local_addr()?;
        if address.port().is_multiple_of(2)
            && let Ok(rtcp) = UdpSocket::bind((address.ip(), address.port() + 1))
        {
            socket2::SockRef::from(&rtp).set_recv_buffer_size(BUFFER)?;
            return Ok((rtp, rtcp));
        }
    }
    bail!("no two ports beside each other are free")
}

/// An end's stream to one place.
struct Stream {
    call: u32,
    ssrc: u32,
    to: SocketAddr,
    /// Of the carriers' end.
    trunk: bool,
}

fn say(line: &impl Serialize) -> anyhow::Result<()> {
    crate::print(&serde_json::to_string(line)?)?;
    Ok(std::io::stdout().flush()?)
}

fn told<T: for<'a> Deserialize<'a>>() -> anyhow::Result<T> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    serde_json::from_str(&line).context("not what the bench says")
}

/// Generates one window.
pub(crate) fn run() -> anyhow::Result<()> {
    let order: Order = told()?;
    let ledger = Arc::new(Ledger::new());
    let (inner, trunk) = (pair()?, pair()?);
    let at = |socket: &UdpSocket| socket.local_addr();
    let (mut browsers, mut ends) = (None, Vec::new());
    if order.browsers {
        let (all, offers) = Browsers::open(order.calls)?;
        browsers = Some(all);
        for offer in offers {
            ends.push((Inner::Browser(offer), at(&trunk.0)?));
        }
    } else {
        for _ in 0..order.calls {
            ends.push((Inner::Plain(at(&inner.0)?), at(&trunk.0)?));
        }
    }
    say(&ends)?;
    let places: Vec<Place> = told()?;
    let to = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let (mut streams, mut answers) = (Vec::new(), Vec::new());
    for (call, place) in (0..).zip(places) {
        streams.push(Stream { call, ssrc: 2 * call + 1, to: to(place.trunk), trunk: true });
        match place.inner {
            Ok(port) => streams.push(Stream { call, ssrc: 2 * call + 2, to: to(port), trunk: false }),
            Err(answer) => answers.push(answer),
        }
    }
    let mut hearing = Vec::new();
    for (socket, within) in [(&inner.0, true), (&trunk.0, false)] {
        let (socket, ledger) = (socket.try_clone()?, ledger.clone());
        socket.set_read_timeout(Some(Duration::from_millis(100)))?;
        hearing.push(thread::spawn(move || hear(&socket, within, &ledger)));
    }
    if let Some(browsers) = browsers {
        let ledger = ledger.clone();
        hearing.push(thread::spawn(move || browsers.run(&answers, &ledger)));
    }
    let sending = {
        let ledger = ledger.clone();
        thread::spawn(move || send(&streams, [&inner, &trunk], &ledger))
    };
    while ledger.ends() < 2 * order.calls {
        if ledger.now() > CONNECTED {
            bail!("{} of {} ends hear something", ledger.ends(), 2 * order.calls);
        }
        thread::sleep(PERIOD);
    }
    thread::sleep(Duration::from_secs_f64(order.warm));
    let own = std::process::id();
    let (from, used) = (ledger.now(), cpu::of_process(own));
    say(&"begin")?;
    thread::sleep(Duration::from_secs_f64(order.seconds));
    let (to, used) = (ledger.now(), cpu::of_process(own).saturating_sub(used));
    say(&"end")?;
    thread::sleep(TAIL);
    ledger.over.store(true, Ordering::Relaxed);
    let by_sockets = sending.join().map_err(|_| anyhow::anyhow!("the sender died"))?;
    let mut sent = by_sockets.iter().filter(|at| (from..to).contains(*at)).count() as u64;
    for hearing in hearing {
        let by_browsers = hearing.join().map_err(|_| anyhow::anyhow!("an end died"))?;
        sent += by_browsers.iter().filter(|at| (from..to).contains(*at)).count() as u64;
    }
    let ways = ledger.window(from, to);
    let at = |share: f64| ways.get((ways.len() as f64 * share) as usize).copied().unwrap_or_default();
    say(&Report {
        sent,
        received: ways.len() as u64,
        p50_us: at(0.5),
        p99_us: at(0.99),
        most_us: ways.last().copied().unwrap_or_default(),
        busy: used.as_secs_f64() / to.saturating_sub(from).as_secs_f64(),
    })
}

fn hear(socket: &UdpSocket, inner: bool, ledger: &Ledger) -> Vec<Duration> {
    let mut buffer = [0; 2048];
    while !ledger.is_over() {
        if let Ok(len) = socket.recv(&mut buffer)
            && len > 12
        {
            ledger.heard(inner, &buffer[12..len]);
        }
    }
    Vec::new()
}

/// Sends until it is over, the streams evenly over the packet time; when each packet was sent.
fn send(streams: &[Stream], [inner, trunk]: [&(UdpSocket, UdpSocket); 2], ledger: &Ledger) -> Vec<Duration> {
    let mut sent = Vec::new();
    let step = PERIOD / streams.len().max(1) as u32;
    let begun = ledger.now();
    for no in 0u64.. {
        for (place, stream) in (0u32..).zip(streams) {
            let due = begun + PERIOD * no as u32 + step * place;
            if let Some(wait) = due.checked_sub(ledger.now()) {
                thread::sleep(wait);
            }
            if ledger.is_over() {
                return sent;
            }
            let now = ledger.now();
            let mut packet = [0; 172];
            packet[..2].copy_from_slice(&[0x80, 8]);
            packet[2..4].copy_from_slice(&(no as u16).to_be_bytes());
            packet[4..8].copy_from_slice(&(no as u32 * 160).to_be_bytes());
            packet[8..12].copy_from_slice(&stream.ssrc.to_be_bytes());
            packet[12..].copy_from_slice(&payload(stream.call, now));
            let (rtp, rtcp) = if stream.trunk { trunk } else { inner };
            if rtp.send_to(&packet, stream.to).is_ok() {
                sent.push(now);
            }
            if (no + u64::from(place)).is_multiple_of(REPORTS) {
                let to = SocketAddr::new(stream.to.ip(), stream.to.port() + 1);
                let _ = rtcp.send_to(&report(stream.ssrc, no), to);
            }
        }
    }
    sent
}

/// A sender report without a block (RFC 3550, section 6.4.1), and the name that must follow.
fn report(ssrc: u32, packets: u64) -> Vec<u8> {
    let mut out = vec![0x80, 200, 0, 6];
    out.extend(ssrc.to_be_bytes());
    out.extend([0; 8]);
    out.extend((packets as u32 * 160).to_be_bytes());
    out.extend((packets as u32).to_be_bytes());
    out.extend((packets as u32 * 160).to_be_bytes());
    out.extend([0x81, 202, 0, 3]);
    out.extend(ssrc.to_be_bytes());
    out.extend([1, 2, b'x', b'y', 0, 0, 0, 0]);
    out
}
