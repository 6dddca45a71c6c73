//! The ports towards carriers and desk phones: an even one for sound and the odd one above it
//! for its control (RFC 3550, section 11), and none of a call that has just ended.

use std::{
    collections::VecDeque,
    io,
    net::{IpAddr, UdpSocket},
    ops::RangeInclusive,
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, Instant},
};

/// A port rests so long after a call: what is still under way to it is heard by nobody.
const REST: Duration = Duration::from_mins(1);
/// Pairs that the system is asked for, at most, when it chooses.
const ASKED: usize = 16;

/// The ports of one thread.
#[derive(Debug)]
pub(crate) struct Ports {
    ip: IpAddr,
    /// Even ports of this thread; empty: the system chooses.
    even: Vec<u16>,
    next: usize,
    resting: VecDeque<(Instant, u16)>,
    refusals: Arc<Refusals>,
}

/// What was not heard at the ports of one thread, or of its browsers. Counted where it is dropped, read by others.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    /// Of somebody else.
    pub(crate) foreign: AtomicU64,
    /// Above three times the agreed rate.
    pub(crate) excess: AtomicU64,
    /// Of a secured leg, not authentic or heard before.
    pub(crate) unauthentic: AtomicU64,
}

/// A pair of ports.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) sound: UdpSocket,
    pub(crate) control: UdpSocket,
    /// Another call had it less than a minute ago, because no other was free.
    pub(crate) used: bool,
}

impl Ports {
    /// Every `threads`th even port of the range, from the `thread`th on; 0 to 0 leaves them to
    /// the system. They are taken in turn from a random place on.
    pub(crate) fn new(ip: IpAddr, range: &RangeInclusive<u16>, thread: usize, threads: usize) -> io::Result<Self> {
        let (low, high) = (u32::from(*range.start()), u32::from(*range.end()));
        let even: Vec<u16> = if high == 0 || high < low {
            Vec::new()
        } else {
            let all = (low + low % 2..high).step_by(2).map(|port| port as u16);
            all.skip(thread).step_by(threads.max(1)).collect()
        };
        if high != 0 && even.is_empty() {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, format!("{low}-{high} has no pair of ports")));
        }
        let mut random = [0u8; 4];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let next = u32::from_be_bytes(random) as usize % even.len().max(1);
        Ok(Self { ip, even, next, resting: VecDeque::new(), refusals: Arc::default() })
    }

    /// What was not heard at them.
    pub(crate) fn refusals(&self) -> &Arc<Refusals> {
        &self.refusals
    }

    /// A free pair.
    pub(crate) fn take(&mut self, now: Instant) -> io::Result<Pair> {
        while self.resting.front().is_some_and(|(until, _)| *until <= now) {
            self.resting.pop_front();
        }
        if self.even.is_empty() {
            return self.of_the_system();
        }
        for _ in 0..self.even.len() {
            let port = self.even[self.next];
            self.next = (self.next + 1) % self.even.len();
            if self.rests(port) {
                continue;
            }
            if let Some(pair) = self.pair(port)? {
                return Ok(pair);
            }
        }
        // Rather the one that rests the longest than no call at all.
        for at in 0..self.resting.len() {
            let port = self.resting[at].1;
            if let Some(pair) = self.pair(port)? {
                self.resting.remove(at);
                tracing::warn!(port, "every port towards carriers is taken or rests; widen telephony.trunk_ports");
                return Ok(Pair { used: true, ..pair });
            }
        }
        let (low, high) = (self.even.first(), self.even.last());
        let words = format!("every port of {}-{} is taken", low.unwrap_or(&0), high.unwrap_or(&0));
        Err(io::Error::new(io::ErrorKind::AddrInUse, words))
    }

    /// A call has ended: its port rests.
    pub(crate) fn give_back(&mut self, now: Instant, port: u16) {
        self.resting.push_back((now + REST, port));
    }

    fn rests(&self, port: u16) -> bool {
        self.resting.iter().any(|(_, resting)| *resting == port)
    }

    fn pair(&self, port: u16) -> io::Result<Option<Pair>> {
        let open = |port| match bind(self.ip, port) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(None),
            other => other.map(Some),
        };
        let Some(sound) = open(port)? else { return Ok(None) };
        let Some(control) = open(port + 1)? else { return Ok(None) };
        Ok(Some(Pair { sound, control, used: false }))
    }

    /// An even port and the one above it where the system gives them; else any two.
    fn of_the_system(&self) -> io::Result<Pair> {
        let mut refused = Vec::new();
        for _ in 0..ASKED {
            let sound = bind(self.ip, 0)?;
            let port = sound.local_addr()?.port();
            if port % 2 == 0
                && !self.rests(port)
                && let Some(control) = bind(self.ip, port.wrapping_add(1)).ok()
            {
                return Ok(Pair { sound, control, used: false });
            }
            // Kept, so that it is not given again.
            refused.push(sound);
        }
        let sound = bind(self.ip, 0)?;
        let used = self.rests(sound.local_addr()?.port());
        Ok(Pair { sound, control: bind(self.ip, 0)?, used })
    }
}

fn bind(ip: IpAddr, port: u16) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((ip, port))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn port(socket: &UdpSocket) -> u16 {
        socket.local_addr().unwrap().port()
    }

    /// Three pairs that are free at the moment.
    fn range() -> RangeInclusive<u16> {
        for low in (30_000..60_000u16).step_by(16) {
            let all: Vec<_> = (low..low + 6).map(|port| UdpSocket::bind((HERE, port))).collect();
            if all.iter().all(Result::is_ok) {
                return low..=low + 5;
            }
        }
        panic!("six ports in a row");
    }

    #[test]
    fn an_even_port_is_taken_with_the_one_above_and_rests_after_its_call() {
        let (t0, range) = (Instant::now(), range());
        let mut ports = Ports::new(HERE, &range, 0, 1).unwrap();
        let first = ports.take(t0).unwrap();
        let number = port(&first.sound);
        assert!(number.is_multiple_of(2) && port(&first.control) == number + 1 && !first.used);
        drop(first);
        ports.give_back(t0, number);
        let others: Vec<_> = (0..2).map(|_| ports.take(t0 + REST / 2).unwrap()).collect();
        assert!(others.iter().all(|pair| port(&pair.sound) != number && !pair.used));
        let again = ports.take(t0 + REST / 2).unwrap();
        assert!(port(&again.sound) == number && again.used, "the last resort, and it is told");
        assert_eq!(ports.take(t0).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(again);
        ports.give_back(t0, number);
        assert!(!ports.take(t0 + REST).unwrap().used, "it has rested");
    }

    #[test]
    fn threads_share_no_port_and_a_range_without_a_pair_is_refused() {
        let of = |thread| Ports::new(HERE, &(20_001..=20_010), thread, 2).unwrap().even;
        assert_eq!((of(0), of(1)), (vec![20_002, 20_006], vec![20_004, 20_008]));
        assert!(Ports::new(HERE, &(20_001..=20_002), 0, 1).is_err());
        let free = Ports::new(HERE, &(0..=0), 0, 1).unwrap().take(Instant::now()).unwrap();
        assert!(port(&free.sound) != port(&free.control));
    }
}
