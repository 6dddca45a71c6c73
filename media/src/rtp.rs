//! A leg of plain RTP: one UDP socket, towards the carrier or towards a desk phone.

use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    ops::RangeInclusive,
    time::{Duration, Instant},
};

use crate::{Law, sdp::Remote};

/// The socket and what is known of its other end.
#[derive(Debug)]
pub(crate) struct RtpLeg {
    socket: UdpSocket,
    port: u16,
    remote: Option<Remote>,
    /// Whom we listen to, and when he was heard last.
    heard_from: Option<(SocketAddr, Instant)>,
    foreign: u64,
}

/// What a look at the socket brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// A packet of the other end, of this many octets.
    Packet(usize),
    /// A packet of somebody else; it was dropped.
    Foreign,
    /// Nothing.
    Nothing,
}

/// Another port of the other end may follow one that was silent for this long.
const SILENT: Duration = Duration::from_secs(1);

impl RtpLeg {
    /// Takes an even port (RFC 3550, section 11) of the range, from a random place on; an
    /// empty range leaves it to the system.
    pub(crate) fn bind(ip: IpAddr, ports: &RangeInclusive<u16>) -> io::Result<Self> {
        let free = |port: u16| -> io::Result<Self> {
            let socket = UdpSocket::bind((ip, port))?;
            socket.set_nonblocking(true)?;
            let port = socket.local_addr()?.port();
            Ok(Self { socket, port, remote: None, heard_from: None, foreign: 0 })
        };
        let (low, high) = (u32::from(*ports.start()), u32::from(*ports.end()));
        if high == 0 || high < low {
            return free(0);
        }
        let even = (high - low) / 2 + 1;
        let mut random = [0u8; 2];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let start = u32::from(u16::from_be_bytes(random)) % even;
        for step in 0..even {
            let port = (low + low % 2) + 2 * ((start + step) % even);
            if port > high {
                continue;
            }
            match free(port as u16) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                other => return other,
            }
        }
        Err(io::Error::new(io::ErrorKind::AddrInUse, format!("every port of {low}-{high} is taken")))
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn set_remote(&mut self, remote: Remote) {
        if self.remote.is_none_or(|old| old.address != remote.address) {
            self.heard_from = None;
        }
        self.remote = Some(remote);
    }

    /// Looks for one packet. Only the address of the description is heard: whoever guesses a
    /// port must not be.
    pub(crate) fn receive(&mut self, now: Instant, buffer: &mut [u8]) -> Received {
        let (len, from) = match self.socket.recv_from(buffer) {
            Ok(got) => got,
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return Received::Foreign,
            Err(_) => return Received::Nothing,
        };
        if self.is_heard(now, from) {
            self.heard_from = Some((from, now));
            return Received::Packet(len);
        }
        self.foreign += 1;
        if self.foreign == 1 {
            tracing::warn!(port = self.port, "dropped RTP from an address that is not its other end's");
        }
        Received::Foreign
    }

    /// The address of the session description always counts. Behind an address translator
    /// the port may be another one: the first that is heard, until it falls silent.
    fn is_heard(&self, now: Instant, from: SocketAddr) -> bool {
        let Some(remote) = self.remote.filter(|remote| remote.address.ip() == from.ip()) else { return false };
        match self.heard_from {
            _ if from == remote.address => true,
            None => true,
            Some((known, at)) => known == from || now.saturating_duration_since(at) >= SILENT,
        }
    }

    /// Whether packets can be sent to an address from this socket.
    pub(crate) fn reaches(&self, address: SocketAddr) -> bool {
        self.socket.local_addr().is_ok_and(|local| local.is_ipv4() == address.is_ipv4())
    }

    /// Whether it was agreed that packets of this type come.
    pub(crate) fn expects(&self, payload_type: u8) -> bool {
        Law::of(payload_type).is_some() || self.remote.is_some_and(|remote| remote.events == Some(payload_type))
    }

    pub(crate) fn send(&self, packet: &[u8]) {
        if let Some(remote) = self.remote.filter(|remote| remote.listens) {
            // A full socket buffer loses this packet as a full network would.
            let _ = self.socket.send_to(packet, remote.address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leg(address: SocketAddr) -> RtpLeg {
        let mut leg = RtpLeg::bind("127.0.0.1".parse().unwrap(), &(0..=0)).unwrap();
        leg.set_remote(Remote { address, law: Law::Pcma, events: None, listens: true, talks: true });
        leg
    }

    #[test]
    fn the_address_of_the_description_is_heard_and_a_stale_stream_of_another_port_gives_way_to_it() {
        let (t0, right) = (Instant::now(), SocketAddr::from(([127, 0, 0, 1], 4000)));
        let stale = SocketAddr::from(([127, 0, 0, 1], 5000));
        let mut leg = leg(right);
        assert!(leg.is_heard(t0, stale), "behind a translator the port may differ");
        leg.heard_from = Some((stale, t0));
        assert!(leg.is_heard(t0, right), "the right one always counts");
        leg.heard_from = Some((right, t0));
        assert!(!leg.is_heard(t0 + SILENT / 2, stale));
        assert!(leg.is_heard(t0 + SILENT, stale), "the carrier moved: the old port is silent");
        assert!(!leg.is_heard(t0, SocketAddr::from(([127, 0, 0, 2], 4000))), "another machine is never heard");
    }

    #[test]
    fn foreign_packets_are_dropped_one_by_one_so_that_a_flood_starves_nobody() {
        let mut leg = leg(SocketAddr::from(([127, 0, 0, 2], 4000)));
        let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..2 {
            stranger.send_to(&[0x80; 172], ("127.0.0.1", leg.port())).unwrap();
        }
        let (mut buffer, now) = ([0; 2048], Instant::now());
        assert_eq!(leg.receive(now, &mut buffer), Received::Foreign);
        assert_eq!(leg.receive(now, &mut buffer), Received::Foreign);
        assert_eq!(leg.receive(now, &mut buffer), Received::Nothing);
    }
}
