//! Which address of ours a message names: it depends on the way that the message takes.

use std::{fmt::Write as _, net::SocketAddr};

use crate::flow::{Flow, Protocol};

/// The addresses that we listen on, as the others see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// Never empty.
    listens: Vec<(Protocol, SocketAddr)>,
    /// User part of our Contact; an empty one has none.
    user: String,
}

impl Addresses {
    /// From the listeners, the main one first.
    pub fn new(main: (Protocol, SocketAddr), others: impl IntoIterator<Item = (Protocol, SocketAddr)>) -> Self {
        Self { listens: std::iter::once(main).chain(others).collect(), user: String::new() }
    }

    /// With this user part in our Contact.
    #[must_use]
    pub fn named(mut self, user: &str) -> Self {
        user.clone_into(&mut self.user);
        self
    }

    /// The main one.
    pub fn main(&self) -> SocketAddr {
        self.listens[0].1
    }

    /// The first address of this transport.
    pub fn on(&self, protocol: Protocol) -> Option<SocketAddr> {
        self.listens.iter().find(|(own, _)| *own == protocol).map(|(_, address)| *address)
    }

    /// The listener that this flow would come back to: of its transport and address family,
    /// else of its transport, else of its family, else the main one.
    fn of(&self, flow: &Flow) -> (Protocol, SocketAddr) {
        let family = |address: &SocketAddr| address.is_ipv6() == flow.remote.is_ipv6();
        let fits = |(protocol, address): &&(Protocol, SocketAddr)| {
            2 * u8::from(*protocol == flow.protocol) + u8::from(family(address))
        };
        // The first of those that fit best.
        self.listens.iter().rev().max_by_key(fits).copied().unwrap_or(self.listens[0])
    }

    /// `host:port` for Via.
    pub fn sent_by(&self, flow: &Flow) -> SocketAddr {
        self.of(flow).1
    }

    /// Via of a request of ours that takes this flow.
    pub fn via(&self, flow: &Flow, branch: &str) -> String {
        format!("SIP/2.0/{} {};rport;branch=z9hG4bK{branch}", flow.protocol, self.sent_by(flow))
    }

    /// Contact for the other end of this flow.
    pub fn contact(&self, flow: &Flow) -> String {
        let (protocol, address) = self.of(flow);
        let at = if self.user.is_empty() { "" } else { "@" };
        let mut contact = format!("<sip:{}{at}{address}", self.user);
        if protocol != Protocol::Udp {
            let _ = write!(contact, ";transport={}", protocol.via().to_ascii_lowercase());
        }
        contact.push('>');
        contact
    }
}

impl From<SocketAddr> for Addresses {
    /// Datagrams alone.
    fn from(address: SocketAddr) -> Self {
        Self::new((Protocol::Udp, address), [])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn via_and_contact_name_the_listener_that_the_flow_comes_back_to() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let ours = Addresses::new(
            (Protocol::Udp, at("192.0.2.1:5060")),
            [
                (Protocol::Udp, at("[2001:db8::1]:5060")),
                (Protocol::Tls, at("192.0.2.1:5061")),
                (Protocol::Wss, at("192.0.2.1:8443")),
            ],
        );
        assert_eq!(ours.contact(&Flow::udp(at("198.51.100.7:5060"))), "<sip:192.0.2.1:5060>");
        let ours = ours.named("songda");
        let (v4, v6) = (at("198.51.100.7:5060"), at("[2001:db8::7]:5060"));
        assert_eq!(ours.contact(&Flow::udp(v4)), "<sip:songda@192.0.2.1:5060>");
        assert_eq!(ours.contact(&Flow::udp(v6)), "<sip:songda@[2001:db8::1]:5060>");
        assert_eq!(ours.contact(&Flow::to(Protocol::Wss, v4)), "<sip:songda@192.0.2.1:8443;transport=wss>");
        assert_eq!(ours.via(&Flow::to(Protocol::Tls, v4), "1"), "SIP/2.0/TLS 192.0.2.1:5061;rport;branch=z9hG4bK1");
        // Nobody can reach us by TCP: what is answered comes by the connection, the rest by UDP.
        assert_eq!(ours.via(&Flow::to(Protocol::Tcp, v6), "1"), "SIP/2.0/TCP [2001:db8::1]:5060;rport;branch=z9hG4bK1");
        assert_eq!(ours.contact(&Flow::to(Protocol::Tcp, v4)), "<sip:songda@192.0.2.1:5060>");
    }
}
