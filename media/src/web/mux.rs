//! Which call a packet on the shared port belongs to.
//!
//! A browser is recognised by the user name of its first STUN check (RFC 8445, section
//! 7.2.2), and from then on by its address.

use std::{collections::HashMap, net::SocketAddr};

/// Addresses and user names of all browser legs, by call.
#[derive(Debug, Default)]
pub(crate) struct Mux {
    by_ufrag: HashMap<String, u64>,
    by_address: HashMap<SocketAddr, u64>,
}

impl Mux {
    pub(crate) fn add(&mut self, ufrag: String, call: u64) {
        self.by_ufrag.insert(ufrag, call);
    }

    pub(crate) fn remove(&mut self, call: u64) {
        self.by_ufrag.retain(|_, of| *of != call);
        self.by_address.retain(|_, of| *of != call);
    }

    /// The call of a datagram.
    pub(crate) fn find(&mut self, from: SocketAddr, datagram: &[u8]) -> Option<u64> {
        // A browser that starts anew from a known address says so with a new user name.
        if let Some(call) = ufrag(datagram).and_then(|ufrag| self.by_ufrag.get(ufrag).copied()) {
            self.by_address.insert(from, call);
            return Some(call);
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
        mux.add("one".into(), 1);
        mux.add("two".into(), 2);
        assert_eq!(mux.find(here, &[0x80, 0, 0]), None);
        assert_eq!(mux.find(here, &stun("two:theirs")), Some(2));
        assert_eq!(mux.find(here, &[0x80, 0, 0]), Some(2));
        assert_eq!(mux.find(there, &stun("three:theirs")), None);
        assert_eq!(mux.find(here, &stun("one:theirs")), Some(1), "the newest check wins");
        mux.remove(1);
        assert_eq!(mux.find(here, &[0x80, 0, 0]), None);
    }

    #[test]
    fn cut_and_wild_datagrams_are_nobodys() {
        let whole = stun("two:theirs");
        let mut mux = Mux::default();
        mux.add("two".into(), 2);
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
