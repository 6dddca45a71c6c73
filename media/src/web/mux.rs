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

/// Addresses that are remembered. A user name can be seen on the way, and then come from any
/// address.
const ADDRESSES: usize = 65_536;

/// Addresses and user names of all browser legs, those of other threads too.
#[derive(Debug, Default)]
pub(crate) struct Mux {
    by_ufrag: HashMap<String, Door>,
    by_address: HashMap<SocketAddr, Door>,
}

impl Mux {
    pub(crate) fn add(&mut self, ufrag: String, door: Door) {
        self.by_ufrag.insert(ufrag, door);
    }

    /// Every leg of a call is gone.
    pub(crate) fn remove_call(&mut self, call: u64) {
        self.by_ufrag.retain(|_, door| door.call != call);
        self.by_address.retain(|_, door| door.call != call);
    }

    /// The leg with this user name.
    pub(crate) fn named(&self, datagram: &[u8]) -> Option<Door> {
        self.by_ufrag.get(ufrag(datagram)?).copied()
    }

    /// One leg is gone.
    pub(crate) fn remove(&mut self, leg: u64) {
        self.by_ufrag.retain(|_, door| door.leg != leg);
        self.by_address.retain(|_, door| door.leg != leg);
    }

    /// The leg of a datagram.
    ///
    /// An address counts for the leg that it showed the user name of, and is forgotten with it, so
    /// there are never more than the browsers use.
    pub(crate) fn find(&mut self, from: SocketAddr, datagram: &[u8]) -> Option<Door> {
        // A browser that starts anew from a known address says so with a new user name.
        if let Some(door) = self.named(datagram) {
            if self.by_address.len() < ADDRESSES || self.by_address.contains_key(&from) {
                self.by_address.insert(from, door);
            }
            return Some(door);
        }
        self.by_address.get(&from).copied()
    }
}

/// The receiver's part of the USERNAME attribute (RFC 8489, section 14.3) of a STUN
/// message.
fn ufrag(datagram: &[u8]) -> Option<&str> {
    const HEADER: usize = 20;
    const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
    const USERNAME: u16 = 0x0006;
    if datagram.first().is_none_or(|first| *first > 3) || datagram.get(4..8) != Some(&COOKIE) {
        return None;
    }
    let mut rest = datagram.get(HEADER..)?;
    while let [a, b, c, d, tail @ ..] = rest {
        let (kind, len) = (u16::from_be_bytes([*a, *b]), usize::from(u16::from_be_bytes([*c, *d])));
        if kind == USERNAME {
            return std::str::from_utf8(tail.get(..len)?).ok()?.split(':').next();
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
