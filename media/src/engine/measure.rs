//! What a media thread does, for whoever watches it.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::rtp::Refusals;

/// Upper borders of the classes of sweep times, microseconds.
const BORDERS: [u64; 13] = [50, 100, 200, 400, 700, 1_000, 2_000, 4_000, 5_000, 7_000, 10_000, 50_000, u64::MAX];

/// Counted by one thread; read by others.
#[derive(Debug, Default)]
pub(super) struct Measure {
    sweeps: [AtomicU64; BORDERS.len()],
    datagrams: AtomicU64,
    handed_over: AtomicU64,
    not_handed_over: AtomicU64,
    calls: AtomicU64,
    refusals: Arc<Refusals>,
}

/// What one media thread has done since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThreadFigures {
    /// Sweeps of a thread that had a call.
    pub sweeps: u64,
    /// So long took 99 of 100 sweeps, at most.
    pub sweep_p99: Duration,
    /// Datagrams that came, of all kinds.
    pub datagrams: u64,
    /// Datagrams that belonged to another thread and were handed over.
    pub handed_over: u64,
    /// The same, lost because that thread had too many already.
    pub not_handed_over: u64,
    /// Packets at ports towards carriers and desk phones that were somebody else's.
    pub foreign: u64,
    /// Those above three times the agreed rate, those of browsers among them.
    pub excess: u64,
    /// Those of secured legs that were not authentic, or were heard before.
    pub unauthentic: u64,
    /// Calls at this moment.
    pub calls: u64,
}

impl Measure {
    /// Of a thread whose ports count there what they refuse.
    pub(super) fn of_ports(refusals: Arc<Refusals>) -> Self {
        Self { refusals, ..Self::default() }
    }

    pub(super) fn swept(&self, took: Duration, datagrams: u64, calls: usize) {
        let micros = took.as_micros() as u64;
        let class = BORDERS.iter().position(|border| micros <= *border).unwrap_or(BORDERS.len() - 1);
        self.sweeps[class].fetch_add(1, Ordering::Relaxed);
        if datagrams > 0 {
            self.datagrams.fetch_add(datagrams, Ordering::Relaxed);
        }
        self.calls.store(calls as u64, Ordering::Relaxed);
    }

    pub(super) fn asleep(&self) {
        self.calls.store(0, Ordering::Relaxed);
    }

    pub(super) fn handed_over(&self, taken: bool) {
        (if taken { &self.handed_over } else { &self.not_handed_over }).fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn figures(&self) -> ThreadFigures {
        let classes = self.sweeps.each_ref().map(|class| class.load(Ordering::Relaxed));
        let sweeps: u64 = classes.iter().sum();
        let mut seen = 0;
        let class = classes.iter().position(|class| {
            seen += class;
            seen * 100 >= sweeps * 99
        });
        Self::of(self, sweeps, class.filter(|_| sweeps > 0).map_or(0, |class| BORDERS[class].min(1_000_000)))
    }

    fn of(&self, sweeps: u64, p99: u64) -> ThreadFigures {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        ThreadFigures {
            sweeps,
            sweep_p99: Duration::from_micros(p99),
            datagrams: load(&self.datagrams),
            handed_over: load(&self.handed_over),
            not_handed_over: load(&self.not_handed_over),
            foreign: load(&self.refusals.foreign),
            excess: load(&self.refusals.excess),
            unauthentic: load(&self.refusals.unauthentic),
            calls: load(&self.calls),
        }
    }
}

/// Datagrams that the system dropped because a socket of this process was full: what the kernel
/// counts as `SO_RXQ_OVFL` does, read from its table of sockets, so that no packet pays for it.
/// What a socket lost after the last look before it was closed is not seen.
#[derive(Debug, Default)]
pub(super) struct Drops(Mutex<(HashMap<u64, u64>, u64)>);

impl Drops {
    /// Since the start. Reads `/proc`; not for the media thread.
    pub(super) fn total(&self) -> u64 {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ours = sockets();
        let (before, total) = &mut *known;
        let mut now = HashMap::new();
        for table in ["/proc/self/net/udp", "/proc/self/net/udp6"] {
            let Ok(text) = std::fs::read_to_string(table) else { continue };
            for (inode, drops) in text.lines().skip(1).filter_map(line).filter(|(inode, _)| ours.contains(inode)) {
                *total += drops.saturating_sub(before.get(&inode).copied().unwrap_or(0));
                now.insert(inode, drops);
            }
        }
        *before = now;
        *total
    }
}

/// Inode and drops of a line of the kernel's table.
fn line(line: &str) -> Option<(u64, u64)> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    Some((words.get(9)?.parse().ok()?, words.get(12)?.parse().ok()?))
}

/// Inodes of the sockets of this process.
fn sockets() -> HashSet<u64> {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return HashSet::new() };
    let targets = entries.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    targets.filter_map(|target| target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn ninety_nine_of_a_hundred_sweeps_tell_the_time_of_a_sweep() {
        let measure = Measure::default();
        assert_eq!(measure.figures().sweep_p99, Duration::ZERO);
        for _ in 0..990 {
            measure.swept(Duration::from_micros(80), 2, 3);
        }
        for _ in 0..10 {
            measure.swept(Duration::from_millis(9), 0, 3);
        }
        let figures = measure.figures();
        assert_eq!((figures.sweeps, figures.sweep_p99), (1_000, Duration::from_micros(100)));
        assert_eq!((figures.datagrams, figures.calls), (1_980, 3));
        measure.swept(Duration::from_millis(9), 0, 3);
        assert_eq!(measure.figures().sweep_p99, Duration::from_millis(10));
    }

    #[test]
    fn what_a_full_socket_drops_is_counted_and_stays_counted() {
        let drops = Drops::default();
        let before = drops.total();
        let (full, sender) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let to = full.local_addr().unwrap();
        for _ in 0..20_000 {
            sender.send_to(&[0; 1_200], to).unwrap();
        }
        let after = drops.total();
        assert!(after > before, "{after} after {before}");
        drop(full);
        assert!(drops.total() >= after);
    }
}
