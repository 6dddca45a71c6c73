//! A bad network in user space: between two UDP sockets it loses, delays, swaps and doubles
//! datagrams, by a seed, and says afterwards what became of each.
//!
//! [`Network`] is the network without I/O; [`Impaired`] puts it between a sender and a
//! receiver. Knows nothing of what it carries, and no other module of this crate, so that the
//! tests of every crate can take this file as a module.

use std::{
    collections::BTreeMap,
    io::{self, ErrorKind},
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// How bad a network is. Shares are in thousandths.
#[derive(Debug, Clone, Copy, Default)]
pub struct Badness {
    /// So many are lost.
    pub loss: u64,
    /// Each is delayed by up to this much.
    pub jitter: Duration,
    /// So many are overtaken by those behind them.
    pub swapped: u64,
    /// So many come twice.
    pub doubled: u64,
    /// Another one, another network.
    pub seed: u64,
}

/// No datagram is faster than this.
pub const TRAVEL: Duration = Duration::from_millis(2);
/// One that is overtaken is so much later, at most twice that.
const OVERTAKEN: Duration = Duration::from_millis(30);

/// What became of one datagram.
#[derive(Debug, Clone)]
pub struct Fate {
    /// Its octets.
    pub bytes: Vec<u8>,
    /// When it came.
    pub entered: Instant,
    /// When it was handed on: never when it was lost, twice when it was doubled.
    pub left: Vec<Instant>,
}

/// One way through a bad network, in whatever time the caller gives.
#[derive(Debug)]
pub struct Network {
    badness: Badness,
    dice: u64,
    fates: Vec<Fate>,
    under_way: BTreeMap<(Instant, u64), usize>,
    counter: u64,
}

impl Network {
    /// An empty one.
    pub fn new(badness: Badness) -> Self {
        Self { badness, dice: badness.seed, fates: Vec::new(), under_way: BTreeMap::new(), counter: 0 }
    }

    /// `SplitMix64`.
    fn below(&mut self, limit: u64) -> u64 {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.dice;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit.max(1)
    }

    fn delay(&mut self, most: Duration) -> Duration {
        Duration::from_micros(self.below(most.as_micros() as u64 + 1))
    }

    /// A datagram comes.
    pub fn enter(&mut self, now: Instant, bytes: &[u8]) {
        let Badness { loss, jitter, swapped, doubled, .. } = self.badness;
        // As many throws for each, so that what is lost does not change what becomes of others.
        let (lost, overtaken, twice) = (self.below(1_000), self.below(1_000), self.below(1_000));
        let (first, second, behind) = (self.delay(jitter), self.delay(jitter), self.delay(OVERTAKEN));
        let number = self.fates.len();
        self.fates.push(Fate { bytes: bytes.to_vec(), entered: now, left: Vec::new() });
        if lost < loss {
            return;
        }
        let late = if overtaken < swapped { OVERTAKEN + behind } else { Duration::ZERO };
        self.put(now + TRAVEL + first + late, number);
        if twice < doubled {
            self.put(now + TRAVEL + second, number);
        }
    }

    fn put(&mut self, at: Instant, number: usize) {
        self.counter += 1;
        self.under_way.insert((at, self.counter), number);
    }

    /// A datagram that is due.
    pub fn leave(&mut self, now: Instant) -> Option<&[u8]> {
        if self.next().is_none_or(|at| at > now) {
            return None;
        }
        let (_, number) = self.under_way.pop_first()?;
        let fate = &mut self.fates[number];
        fate.left.push(now);
        Some(&fate.bytes)
    }

    /// When the next one is due.
    pub fn next(&self) -> Option<Instant> {
        self.under_way.keys().next().map(|(at, _)| *at)
    }

    /// What became of all, in the order in which they came.
    pub fn fates(self) -> Vec<Fate> {
        self.fates
    }
}

/// A bad network between one sender and one receiver. The way back is a good one.
pub struct Impaired {
    /// Where the sender sends to.
    pub front: SocketAddr,
    ended: Arc<AtomicBool>,
    there: JoinHandle<Network>,
    home: JoinHandle<()>,
}

/// Sockets are looked at as often as this.
const LOOK: Duration = Duration::from_millis(20);

impl Impaired {
    /// Two sockets: the sender sends to the first, and the receiver hears the second, and must be
    /// told of it first.
    pub fn open() -> io::Result<(UdpSocket, UdpSocket)> {
        Ok((UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?))
    }

    /// Begins to carry what `sender` sends to the first socket on to `receiver`, from the second.
    pub fn between(
        (front, back): (UdpSocket, UdpSocket),
        sender: SocketAddr,
        receiver: SocketAddr,
        badness: Badness,
    ) -> io::Result<Self> {
        let address = front.local_addr()?;
        let ended = Arc::new(AtomicBool::new(false));
        let (front_again, back_again) = (front.try_clone()?, back.try_clone()?);
        let (until, until_too) = (ended.clone(), ended.clone());
        let there = thread::spawn(move || {
            let mut network = Network::new(badness);
            while !until.load(Ordering::Relaxed) || network.next().is_some() {
                carry(&front, &mut network, &back, receiver);
            }
            network
        });
        let home = thread::spawn(move || {
            let mut buffer = [0; 2048];
            let _ = back_again.set_read_timeout(Some(LOOK));
            while !until_too.load(Ordering::Relaxed) {
                if let Ok((len, _)) = back_again.recv_from(&mut buffer) {
                    let _ = front_again.send_to(&buffer[..len], sender);
                }
            }
        });
        Ok(Self { front: address, ended, there, home })
    }

    /// Ends when all that is under way has arrived; what became of each.
    pub fn end(self) -> Vec<Fate> {
        self.ended.store(true, Ordering::Relaxed);
        let _ = self.home.join();
        self.there.join().map(Network::fates).unwrap_or_default()
    }
}

/// Waits for the next datagram or the next that is due, and carries it on.
fn carry(from: &UdpSocket, network: &mut Network, to: &UdpSocket, receiver: SocketAddr) {
    let now = Instant::now();
    while let Some(bytes) = network.leave(now) {
        let _ = to.send_to(bytes, receiver);
    }
    let wait = network.next().map_or(LOOK, |at| at.saturating_duration_since(now));
    let _ = from.set_read_timeout(Some(wait.clamp(Duration::from_micros(100), LOOK)));
    let mut buffer = [0; 2048];
    match from.recv_from(&mut buffer) {
        Ok((len, _)) => network.enter(Instant::now(), &buffer[..len]),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
        // A receiver that is not there yet says so here.
        Err(_) => {}
    }
}
