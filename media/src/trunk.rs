//! The carrier's leg: one UDP socket per call.

use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    ops::RangeInclusive,
};

use crate::sdp::Remote;

/// The socket to the carrier and what is known of its other end.
#[derive(Debug)]
pub(crate) struct TrunkLeg {
    socket: UdpSocket,
    port: u16,
    remote: Option<Remote>,
    heard_from: Option<SocketAddr>,
    foreign: u64,
}

impl TrunkLeg {
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

    /// The next packet that comes from the carrier's address. Others are counted and
    /// dropped: whoever guesses a port must not be heard.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> Option<usize> {
        loop {
            let (len, from) = match self.socket.recv_from(buffer) {
                Ok(got) => got,
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
                Err(_) => return None,
            };
            let Some(remote) = self.remote else { continue };
            // Behind an address translator the port may differ from the one in the SDP, but
            // once heard it stays.
            if from.ip() == remote.address.ip() && self.heard_from.is_none_or(|known| known == from) {
                self.heard_from = Some(from);
                return Some(len);
            }
            self.foreign += 1;
            if self.foreign == 1 {
                tracing::warn!(port = self.port, "dropped RTP from an address that is not the carrier's");
            }
        }
    }

    pub(crate) fn send(&self, packet: &[u8]) {
        if let Some(remote) = self.remote.filter(|remote| remote.listens) {
            // A full socket buffer loses this packet as a full network would.
            let _ = self.socket.send_to(packet, remote.address);
        }
    }
}
