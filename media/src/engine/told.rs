//! Which address of ours the other end of a leg of plain RTP is told.
//!
//! Carriers are told the public one, where there is such a one. A desk phone inside the house must
//! not be: its sound would go out to the border of the network, and few of those turn it back.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use super::EngineError;

/// Our addresses for plain RTP.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    /// What carriers are told.
    pub(super) carriers: IpAddr,
    /// The interface that is bound; unspecified: each.
    bound: IpAddr,
}

impl Told {
    /// Bound to this one, and known to carriers under that one when it differs.
    pub(super) fn new(bound: IpAddr, advertised: Option<IpAddr>) -> Result<Self, EngineError> {
        Ok(Self { carriers: specified(advertised.unwrap_or(bound))?, bound })
    }

    /// What a desk phone is told that has registered from these addresses: the inside address when
    /// it is inside with all of its devices, which are made one offer.
    pub(super) fn phone(self, devices: &[IpAddr]) -> IpAddr {
        match devices {
            [first, ..] if devices.iter().all(|ip| is_inside(*ip)) => {
                // Its sound comes to the sockets that are bound, and those have one family.
                let inside = || towards(*first).filter(|ip| ip.is_ipv4() == self.bound.is_ipv4());
                Some(self.bound).filter(|ip| !ip.is_unspecified()).or_else(inside).unwrap_or(self.carriers)
            }
            _ => self.carriers,
        }
    }
}

/// An address that somebody can be told.
pub(super) fn specified(ip: IpAddr) -> Result<IpAddr, EngineError> {
    if ip.is_unspecified() { Err(EngineError::Unspecified(ip)) } else { Ok(ip) }
}

/// Whether this address is one of a house and of no public network (RFC 1918, 3927, 4193, 4291).
fn is_inside(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_loopback() || ip.is_unicast_link_local(),
    }
}

/// The address that the system would send from to there. Nothing is sent.
fn towards(ip: IpAddr) -> Option<IpAddr> {
    let any: SocketAddr = if ip.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect((ip, 9)).ok()?;
    socket.local_addr().ok().map(|local| local.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_phone_inside_is_told_the_inside_address_and_one_outside_what_carriers_are_told() {
        let house = Told::new(ip("10.0.0.5"), Some(ip("203.0.113.5"))).unwrap();
        assert_eq!(house.carriers, ip("203.0.113.5"));
        for (devices, told) in [
            (&["10.0.0.77"][..], "10.0.0.5"),
            (&["192.168.3.4", "10.0.0.77"], "10.0.0.5"),
            (&["fd00::7"], "10.0.0.5"),
            (&["::ffff:10.0.0.77"], "10.0.0.5"),
            // Of both kinds: who is inside may reach the public address, who is outside no other.
            (&["10.0.0.77", "198.51.100.9"], "203.0.113.5"),
            (&["198.51.100.9"], "203.0.113.5"),
            (&["2001:db8::9"], "203.0.113.5"),
            (&[], "203.0.113.5"),
        ] {
            let devices: Vec<IpAddr> = devices.iter().map(|text| ip(text)).collect();
            assert_eq!(house.phone(&devices), ip(told), "{devices:?}");
        }
        // Listening everywhere, it is the one by which the phone is reached.
        let everywhere = Told::new(ip("0.0.0.0"), Some(ip("203.0.113.5"))).unwrap();
        assert_eq!(everywhere.phone(&[ip("127.0.0.1")]), ip("127.0.0.1"));
        assert_eq!(everywhere.phone(&[ip("::1")]), ip("203.0.113.5"), "no socket of the other family is bound");
        assert!(Told::new(ip("0.0.0.0"), None).is_err());
        let plain = Told::new(ip("10.0.0.5"), None).unwrap();
        assert_eq!(plain.phone(&[ip("198.51.100.9")]), ip("10.0.0.5"), "there is no other");
    }
}
