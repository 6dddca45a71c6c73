//! The browser's leg: WebRTC over one UDP port for all calls, and one TCP port beside it.

mod leg;
mod mux;
mod reports;
mod sources;
mod tcp;

use std::net::{SocketAddr, UdpSocket};

use rtc::shared::TransportProtocol;

pub(crate) use self::{
    leg::{WebLeg, WebNews},
    mux::{Door, Mux},
    tcp::{Framed, Frames, Lines, Passage},
};

/// Where browsers are told to find us. Each is one of the same two ports.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    /// At least one.
    pub(crate) udp: Vec<SocketAddr>,
    pub(crate) tcp: Vec<SocketAddr>,
}

/// Preference of a host by UDP, and by TCP of whose connections we are the passive side
/// (RFC 8445, section 5.1.2; RFC 6544, section 4.2). Each further address counts a little less.
const UDP: u32 = 2_130_706_431;
const TCP: u32 = 1_671_430_143;

impl Places {
    /// The address that stands for our UDP port.
    pub(crate) fn udp(&self) -> SocketAddr {
        self.udp.first().copied().unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)))
    }

    fn candidates(&self) -> impl Iterator<Item = String> {
        let line = |number: usize, by: &str, preference: u32, at: &SocketAddr, more: &str| {
            let (ip, port) = (at.ip(), at.port());
            format!("candidate:{number} 1 {by} {preference} {ip} {port} typ host{more}")
        };
        let less = |preference: u32, place: usize| preference - 256 * place as u32;
        let udp = self.udp.iter().enumerate().map(move |(at, place)| line(at + 1, "udp", less(UDP, at), place, ""));
        let tcp = self.tcp.iter().enumerate();
        udp.chain(tcp.map(move |(at, place)| line(at + 101, "tcp", less(TCP, at), place, " tcptype passive")))
    }
}

/// Where datagrams to browsers leave.
#[derive(Debug)]
pub(crate) struct Shore {
    pub(crate) udp: UdpSocket,
    pub(crate) tcp: Option<Lines>,
}

impl Shore {
    fn send(&mut self, by: TransportProtocol, to: SocketAddr, datagram: &[u8]) {
        if by != TransportProtocol::TCP {
            // A full socket buffer loses this packet as a full network would.
            let _ = self.udp.send_to(datagram, to);
        } else if let Some(lines) = &mut self.tcp {
            lines.send(to, datagram);
        }
    }
}
