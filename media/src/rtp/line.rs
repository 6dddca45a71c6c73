//! A leg of plain RTP with its two sockets: what comes is given to the leg, and what it sends leaves.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    ops::{Deref, DerefMut},
    os::fd::{AsFd, BorrowedFd},
    time::Instant,
};

use super::{At, Out, Ports, Received, RtpLeg, ports::Pair};

/// A leg and its sockets. Everything but input and output is the leg's.
#[derive(Debug)]
pub(crate) struct Line {
    pub(super) sockets: Sockets,
    pub(super) leg: RtpLeg,
}

/// A port for sound and one for its control.
#[derive(Debug)]
pub(super) struct Sockets {
    pub(super) sound: UdpSocket,
    control: UdpSocket,
}

impl Out for Sockets {
    // A full socket buffer loses a packet as a full network would.
    fn sound(&mut self, octets: &[u8], to: SocketAddr) {
        let _ = self.sound.send_to(octets, to);
    }

    fn control(&mut self, octets: &[u8], to: SocketAddr) {
        let _ = self.control.send_to(octets, to);
    }
}

impl Line {
    /// A leg on a pair of ports of this thread.
    pub(crate) fn open(ports: &mut Ports, now: Instant, unix_ms: i64, number: u32) -> io::Result<Self> {
        let Pair { sound, control, used } = ports.take(now)?;
        let here = sound.local_addr()?;
        let at = At { port: here.port(), control: control.local_addr()?.port(), is_ipv4: here.is_ipv4(), used };
        let leg = RtpLeg::new(number, at, ports.refusals().clone(), now, unix_ms)?;
        Ok(Self { sockets: Sockets { sound, control }, leg })
    }

    /// The sockets that are to be swept.
    pub(crate) fn sockets(&self) -> (BorrowedFd<'_>, BorrowedFd<'_>) {
        (self.sockets.sound.as_fd(), self.sockets.control.as_fd())
    }

    /// Looks for one packet of sound.
    pub(crate) fn receive(&mut self, now: Instant, buffer: &mut [u8]) -> Received {
        match self.sockets.sound.recv_from(buffer) {
            Ok((len, from)) => self.leg.came(now, from, buffer, len),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Received::Dropped,
            Err(_) => Received::Nothing,
        }
    }

    /// Looks for one packet of control; true when there was one.
    pub(crate) fn receive_control(&mut self, now: Instant, buffer: &mut [u8]) -> bool {
        match self.sockets.control.recv_from(buffer) {
            Ok((len, from)) => {
                self.leg.control_came(now, from, buffer, len);
                true
            }
            Err(error) => error.kind() == io::ErrorKind::ConnectionRefused,
        }
    }

    /// Sends a packet of sound.
    pub(crate) fn send(&mut self, now: Instant, packet: &[u8]) {
        self.leg.send(now, packet, &mut self.sockets);
    }

    /// Sends a report when one is due.
    pub(crate) fn tick(&mut self, now: Instant) {
        self.leg.tick(now, &mut self.sockets);
    }

    /// Says goodbye.
    pub(crate) fn close(&mut self, now: Instant) {
        self.leg.close(now, &mut self.sockets);
    }
}

impl Deref for Line {
    type Target = RtpLeg;

    fn deref(&self) -> &RtpLeg {
        &self.leg
    }
}

impl DerefMut for Line {
    fn deref_mut(&mut self) -> &mut RtpLeg {
        &mut self.leg
    }
}
