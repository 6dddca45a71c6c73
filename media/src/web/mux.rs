//! Which browser's leg a packet on the shared port belongs to.
//!
//! A browser is recognised by the user name of its first STUN check (RFC 8445, section
//! 7.2.2), and from then on by its address.

use std::{collections::HashMap, net::SocketAddr};

/// One browser's leg of one call; a call may have two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Door {
    /// The thread that has the call.
    pub(crate) thread: usize,
    /// The call.
    pub(crate) call: u64,
    /// Which of all legs.
    pub(crate) leg: u64,
}

/// Addresses of one leg that are remembered: a browser has a few. A user name can be seen on the way, and
/// then come from any address; that keeps nobody else out.
const ADDRESSES: usize = 16;

/// Addresses and user names of all browser legs, those of other threads too.
#[derive(Debug, Default)]
pub(crate) struct Mux {
    by_ufrag: HashMap<String, Door>,
    by_address: HashMap<SocketAddr, Place>,
    by_leg: HashMap<u64, Vec<SocketAddr>>,
    datagrams: u64,
}

/// What is known of an address.
#[derive(Debug, Clone, Copy)]
struct Place {
    door: Door,
    /// Which of all datagrams was its last one.
    last: u64,
}

impl Mux {
    pub(crate) fn add(&mut self, ufrag: String, door: Door) {
        self.by_ufrag.insert(ufrag, door);
    }

    /// Every leg of a call is gone.
    pub(crate) fn remove_call(&mut self, call: u64) {
        let Self { by_ufrag, by_address, by_leg, .. } = self;
        by_ufrag.retain(|_, door| {
            if door.call == call {
                by_leg.remove(&door.leg);
            }
            door.call != call
        });
        by_address.retain(|_, place| place.door.call != call);
    }

    /// The leg with this user name.
    pub(crate) fn named(&self, datagram: &[u8]) -> Option<Door> {
        self.by_ufrag.get(ufrag(datagram)?).copied()
    }

    /// One leg is gone.
    pub(crate) fn remove(&mut self, leg: u64) {
        self.by_ufrag.retain(|_, door| door.leg != leg);
        for address in self.by_leg.remove(&leg).into_iter().flatten() {
            self.by_address.remove(&address);
        }
    }

    /// The leg of a datagram.
    ///
    /// An address counts for the leg that it showed the user name of, and is forgotten with it, or when
    /// that leg has others that spoke later; so there are never more than the browsers use.
    pub(crate) fn find(&mut self, from: SocketAddr, datagram: &[u8]) -> Option<Door> {
        self.datagrams += 1;
        let named = self.named(datagram);
        if let Some(place) = self.by_address.get_mut(&from)
            && named.is_none_or(|door| door == place.door)
        {
            place.last = self.datagrams;
            return Some(place.door);
        }
        // A browser that starts anew from a known address says so with a new user name.
        self.bind(from, named?);
        named
    }

    fn bind(&mut self, from: SocketAddr, door: Door) {
        let Self { by_address, by_leg, datagrams, .. } = self;
        let before = by_address.insert(from, Place { door, last: *datagrams });
        if let Some(others) = before.and_then(|before| by_leg.get_mut(&before.door.leg)) {
            others.retain(|address| *address != from);
        }
        let addresses = by_leg.entry(door.leg).or_default();
        if addresses.len() >= ADDRESSES {
            let last = |address: &SocketAddr| by_address.get(address).map(|place| place.last);
            if let Some(silent) = (0..addresses.len()).min_by_key(|at| last(&addresses[*at])) {
                by_address.remove(&addresses.swap_remove(silent));
            }
        }
        addresses.push(from);
    }
}

/// The receiver's part of the USERNAME attribute (RFC 8489, section 14.3) of a STUN
/// message.
fn ufrag(datagram: &[u8]) -> Option<&str> {
    const USERNAME: u16 = 0x0006;
    std::str::from_utf8(attribute(datagram, USERNAME)?).ok()?.split(':').next()
}

/// Whether its sender says that we control (ICE-CONTROLLED, RFC 8445, section 16.1).
pub(super) fn claims_to_be_controlled(datagram: &[u8]) -> bool {
    const CONTROLLED: u16 = 0x8029;
    attribute(datagram, CONTROLLED).is_some()
}

/// An attribute of a STUN message.
fn attribute(datagram: &[u8], wanted: u16) -> Option<&[u8]> {
    const HEADER: usize = 20;
    const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
    if datagram.first().is_none_or(|first| *first > 3) || datagram.get(4..8) != Some(&COOKIE) {
        return None;
    }
    let mut rest = datagram.get(HEADER..)?;
    while let [a, b, c, d, tail @ ..] = rest {
        let (kind, len) = (u16::from_be_bytes([*a, *b]), usize::from(u16::from_be_bytes([*c, *d])));
        if kind == wanted {
            return tail.get(..len);
        }
        rest = tail.get(len.next_multiple_of(4)..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stun(user: &str) -> Vec<u8> {
        let mut out = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        out.extend([0; 12]);
        out.extend([0x80, 0x22, 0, 3, b'a', b'b', b'c', 0]);
        out.extend([0, 6, 0, user.len() as u8]);
        out.extend(user.as_bytes());
        out.resize(out.len().next_multiple_of(4), 0);
        out
    }

    #[test]
    fn a_browser_is_known_by_its_first_check_and_then_by_its_address() {
        let mut mux = Mux::default();
        let (here, there) = ("192.0.2.1:1".parse().unwrap(), "192.0.2.2:1".parse().unwrap());
        let (one, two) = (Door { thread: 0, call: 1, leg: 1 }, Door { thread: 0, call: 2, leg: 2 });
        mux.add("one".into(), one);
        mux.add("two".into(), two);
        assert_eq!(mux.find(here, &[0x80, 0, 0]), None);
        assert_eq!(mux.find(here, &stun("two:theirs")), Some(two));
        assert_eq!(mux.find(here, &[0x80, 0, 0]), Some(two));
        assert_eq!(mux.find(there, &stun("three:theirs")), None);
        assert_eq!(mux.find(here, &stun("one:theirs")), Some(one), "the newest check wins");
        mux.remove_call(1);
        assert_eq!(mux.find(here, &[0x80, 0, 0]), None);
    }

    #[test]
    fn x2_who_shows_one_user_name_from_everywhere_keeps_no_other_browser_out() {
        let mut mux = Mux::default();
        let at = |no: u32| SocketAddr::from(([198, 51, (no / 65_536) as u8, 1], (no % 65_536) as u16));
        let (here, there) = ("192.0.2.1:1".parse().unwrap(), "192.0.2.2:1".parse().unwrap());
        let (one, two) = (Door { thread: 0, call: 1, leg: 1 }, Door { thread: 0, call: 2, leg: 2 });
        mux.add("one".into(), one);
        mux.add("two".into(), two);
        assert_eq!(mux.find(here, &stun("one:theirs")), Some(one));
        for no in 0..70_000 {
            assert_eq!(mux.find(at(no), &stun("one:theirs")), Some(one));
            assert_eq!(mux.find(here, &[0x80, 0, 0]), Some(one), "who goes on speaking is not forgotten");
        }
        assert_eq!(mux.find(there, &stun("two:theirs")), Some(two));
        assert_eq!(mux.find(there, &[22, 254, 253]), Some(two), "nor is the next one");
        assert_eq!((mux.by_address.len(), mux.by_leg[&1].len()), (ADDRESSES + 1, ADDRESSES));
        // One that is bound to another leg is none of its first one any more.
        assert_eq!(mux.find(here, &stun("two:theirs")), Some(two));
        mux.remove(1);
        assert_eq!((mux.find(here, &[0x80, 0, 0]), mux.by_address.len()), (Some(two), 2));
        mux.remove_call(2);
        assert!(mux.by_address.is_empty() && mux.by_leg.is_empty() && mux.by_ufrag.is_empty());
    }

    #[test]
    fn r4_1a_two_browsers_of_one_call_are_told_apart_and_one_may_go() {
        let mut mux = Mux::default();
        let (here, there) = ("192.0.2.1:1".parse().unwrap(), "192.0.2.2:1".parse().unwrap());
        let (agent, target) = (Door { thread: 0, call: 1, leg: 1 }, Door { thread: 0, call: 1, leg: 2 });
        mux.add("agent".into(), agent);
        mux.add("target".into(), target);
        assert_eq!(mux.find(here, &stun("agent:theirs")), Some(agent));
        assert_eq!(mux.find(there, &stun("target:theirs")), Some(target));
        mux.remove(1);
        assert_eq!(mux.find(here, &[0x80, 0, 0]), None);
        assert_eq!(mux.find(there, &[0x80, 0, 0]), Some(target));
        mux.remove_call(1);
        assert_eq!(mux.find(there, &stun("target:theirs")), None);
    }

    #[test]
    fn cut_and_wild_datagrams_are_nobodys() {
        let whole = stun("two:theirs");
        let mut mux = Mux::default();
        mux.add("two".into(), Door { thread: 0, call: 2, leg: 2 });
        let from = "192.0.2.1:1".parse().unwrap();
        for cut in 0..whole.len() - 4 {
            assert_eq!(mux.find(from, &whole[..cut]), None, "cut at {cut}");
        }
        let mut wild = whole;
        wild[22] = 0xff;
        wild[23] = 0xff;
        assert_eq!(mux.find(from, &wild), None);
    }
}
