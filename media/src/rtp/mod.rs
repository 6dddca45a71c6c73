//! A leg of plain RTP, towards the carrier or towards a desk phone: a port for sound and one for
//! its control, who is heard there, and what is known of the way.

mod latch;
mod ports;

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    os::fd::{AsFd, BorrowedFd},
    time::Instant,
};

pub(crate) use self::ports::Ports;
use self::{
    latch::{Described, Latch, Verdict},
    ports::Pair,
};
use crate::{
    Law,
    quality::{Concealment, Moment, Quality},
    reception::Reception,
    rtcp::{Control, is_rtcp},
    sdp::{Own, Remote, SdpError, key_of},
    srtp::{Crypto, Security, Shield, Suite},
};

/// A leg and what is known of its other end.
#[derive(Debug)]
pub(crate) struct RtpLeg {
    /// Which of all legs of its thread.
    pub(crate) number: u32,
    sound: UdpSocket,
    control_socket: UdpSocket,
    port: u16,
    control_port: u16,
    /// Another call had the port a moment ago.
    used: bool,
    remote: Option<Remote>,
    latch: Latch,
    control: Control,
    /// Where its RTCP came from, when that is not the described place.
    control_from: Option<SocketAddr>,
    reception: Reception,
    security: Security,
    keys: Vec<Crypto>,
    shield: Option<Shield>,
    /// Sources that were not authentic; each costs the receiver a little memory.
    forged: u16,
    nat: bool,
    /// What is missing there is concealed.
    concealment: Concealment,
    told: bool,
}

/// What a look at the socket brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// A packet of the other end, of this many octets.
    Packet(usize),
    /// A packet of somebody else, or none of sound; it was dropped.
    Dropped,
    /// Nothing.
    Nothing,
}

/// Packets that are not authentic and still tried. More of them come from who guesses.
const FORGERIES: u16 = 1_000;

impl RtpLeg {
    /// A leg on a pair of ports of this thread.
    pub(crate) fn open(ports: &mut Ports, now: Instant, unix_ms: i64, number: u32) -> io::Result<Self> {
        let Pair { sound, control, used } = ports.take(now)?;
        let (port, control_port) = (sound.local_addr()?.port(), control.local_addr()?.port());
        let mut dice = [0u8; 8];
        getrandom::fill(&mut dice).map_err(io::Error::other)?;
        Ok(Self {
            number,
            sound,
            control_socket: control,
            port,
            control_port,
            used,
            remote: None,
            latch: Latch::default(),
            control: Control::new(now, unix_ms, u64::from_be_bytes(dice)),
            control_from: None,
            reception: Reception::default(),
            security: Security::Off,
            keys: Vec::new(),
            shield: None,
            forged: 0,
            nat: false,
            concealment: Concealment::No,
            told: false,
        })
    }

    /// How it is to be secured, from its next description on. Keys are made once for a leg.
    pub(crate) fn secure(&mut self, security: Security) -> io::Result<()> {
        self.security = security;
        if security != Security::Off && self.keys.is_empty() {
            for (tag, suite) in (1..).zip(Suite::ALL) {
                self.keys.push(Crypto::random(tag, suite).ok_or_else(|| io::Error::other("no random key"))?);
            }
        }
        Ok(())
    }

    /// Its packets may come from another address than the described one.
    pub(crate) fn set_nat(&mut self, nat: bool) {
        self.nat = nat;
    }

    /// Who listens to this leg has a browser, which conceals what is missing.
    pub(crate) fn is_concealed(&mut self) {
        self.concealment = Concealment::Yes;
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The sockets that are to be swept.
    pub(crate) fn sockets(&self) -> (BorrowedFd<'_>, BorrowedFd<'_>) {
        (self.sound.as_fd(), self.control_socket.as_fd())
    }

    /// Our end of it, for descriptions.
    pub(crate) fn own<'a>(&'a self, id: u64, ip: std::net::IpAddr, laws: &'a [Law]) -> Own<'a> {
        let (address, control) = (SocketAddr::new(ip, self.port), self.control_port);
        Own { id, address, control, laws, security: self.security, keys: &self.keys }
    }

    /// What the other end said of itself.
    pub(crate) fn set_remote(&mut self, now: Instant, remote: Remote) -> Result<(), SdpError> {
        if !self.sound.local_addr().is_ok_and(|local| local.is_ipv4() == remote.address.is_ipv4()) {
            return Err(SdpError::NoAddress);
        }
        match (remote.crypto, &mut self.shield) {
            (None, shield) => *shield = None,
            (Some(theirs), shield) => {
                let ours = key_of(&self.keys, theirs.suite).ok_or(SdpError::NotSecured)?;
                let kept = shield.as_mut().is_some_and(|shield| shield.rekey(ours, theirs));
                if !kept {
                    *shield = Some(Shield::new(ours, theirs).ok_or(SdpError::NotSecured)?);
                }
                self.forged = 0;
            }
        }
        if self.remote.is_none_or(|old| old.control != remote.control) {
            self.control_from = None;
        }
        let described = Described { address: remote.address, nat: self.nat, strict: self.used, rate: remote.rate };
        self.latch.describe(now, described);
        self.control.start(now);
        self.remote = Some(remote);
        Ok(())
    }

    /// Looks for one packet of sound.
    pub(crate) fn receive(&mut self, now: Instant, buffer: &mut [u8]) -> Received {
        let (len, from) = match self.sound.recv_from(buffer) {
            Ok(got) => got,
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return Received::Dropped,
            Err(_) => return Received::Nothing,
        };
        if is_rtcp(&buffer[..len]) {
            // Whoever speaks it on the port of sound takes it there too (RFC 5761, section 5.1.1).
            self.controlled(now, from, buffer, len);
            return Received::Dropped;
        }
        let Some(len) = self.opened(now, from, buffer, len) else { return self.dropped(from) };
        let packet = &buffer[..len];
        let agreed = packet.get(1).is_some_and(|kind| self.expects(kind & 0x7f));
        if self.latch.admit(now, from, packet, agreed) != Verdict::Heard || len < 12 {
            return self.dropped(from);
        }
        let word = |at: usize| u32::from_be_bytes([packet[at], packet[at + 1], packet[at + 2], packet[at + 3]]);
        self.reception.packet(now, word(8), u16::from_be_bytes([packet[2], packet[3]]), word(4));
        Received::Packet(len)
    }

    /// The packet in the clear, when the leg is secured; none when it is nobody's.
    fn opened(&mut self, now: Instant, from: SocketAddr, buffer: &mut [u8], len: usize) -> Option<usize> {
        let Some(shield) = &mut self.shield else { return Some(len) };
        if !self.latch.may(now, from) || self.forged >= FORGERIES {
            self.latch.refuse();
            return None;
        }
        let opened = shield.open(buffer, len);
        if opened.is_none() {
            self.forged += 1;
            self.latch.refuse();
        }
        opened
    }

    fn dropped(&mut self, from: SocketAddr) -> Received {
        if !self.told {
            self.told = true;
            let machine = self.latch.is_its_machine(from);
            tracing::warn!(port = self.port, own_machine = machine, "dropped RTP that is not its other end's");
        }
        Received::Dropped
    }

    /// Looks for one packet of control; true when there was one.
    pub(crate) fn receive_control(&mut self, now: Instant, buffer: &mut [u8]) -> bool {
        match self.control_socket.recv_from(buffer) {
            Ok((len, from)) => {
                if self.controlled(now, from, buffer, len) && self.remote.is_some_and(|remote| !remote.mux) {
                    self.control_from = Some(from);
                }
                true
            }
            Err(error) => error.kind() == io::ErrorKind::ConnectionRefused,
        }
    }

    fn controlled(&mut self, now: Instant, from: SocketAddr, buffer: &mut [u8], len: usize) -> bool {
        let described = self.remote.is_some_and(|remote| remote.control == from);
        if !described && !self.latch.is_its_machine(from) {
            self.latch.refuse();
            return false;
        }
        let len = match &mut self.shield {
            Some(shield) => shield.open_control(buffer, len),
            None => Some(len),
        };
        len.is_some_and(|len| self.control.take(now, &buffer[..len]))
    }

    /// Whether it was agreed that packets of this type come.
    pub(crate) fn expects(&self, payload_type: u8) -> bool {
        Law::of(payload_type).is_some() || self.remote.is_some_and(|remote| remote.events == Some(payload_type))
    }

    pub(crate) fn send(&mut self, now: Instant, packet: &[u8]) {
        if self.remote.is_none_or(|remote| !remote.listens) {
            return;
        }
        let Some(address) = self.latch.answers_to() else { return };
        self.control.sent(now, packet);
        // A full socket buffer loses this packet as a full network would.
        let _ = match &mut self.shield {
            None => self.sound.send_to(packet, address),
            Some(shield) => match shield.seal(packet) {
                Some(sealed) => self.sound.send_to(&sealed, address),
                None => return,
            },
        };
    }

    /// Sends a report when one is due.
    pub(crate) fn tick(&mut self, now: Instant) {
        if self.control.is_due(now)
            && let Some(report) = self.control.report(now, &mut self.reception)
        {
            self.send_control(&report);
        }
    }

    /// Says goodbye (RFC 3550, section 6.3.7).
    pub(crate) fn close(&mut self, now: Instant) {
        if let Some(bye) = self.control.goodbye(now, &mut self.reception) {
            self.send_control(&bye);
        }
    }

    fn send_control(&mut self, report: &[u8]) {
        let Some(remote) = self.remote else { return };
        let sealed = self.shield.as_mut().map(|shield| shield.seal_control(report));
        let octets: &[u8] = match &sealed {
            None => report,
            Some(Some(sealed)) => sealed,
            Some(None) => return,
        };
        let _ = if remote.mux {
            self.sound.send_to(octets, self.latch.answers_to().unwrap_or(remote.address))
        } else {
            self.control_socket.send_to(octets, self.control_from.unwrap_or(remote.control))
        };
    }

    /// How well it is heard, from its beginning on.
    pub(crate) fn quality(&self) -> Quality {
        let quality = self.reception.quality(self.control.rtt_ms(), self.control.far(), self.concealment);
        Quality { foreign: self.latch.foreign(), excess: self.latch.excess(), ..quality }
    }

    /// How well it was heard since this was asked for the last time. None when nothing is to be
    /// expected.
    pub(crate) fn moment(&mut self) -> Option<Moment> {
        let moment = self.reception.moment(self.control.rtt_ms(), self.concealment);
        moment.filter(|_| self.remote.is_some_and(|remote| remote.talks))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const HERE: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn leg(now: Instant) -> RtpLeg {
        RtpLeg::open(&mut Ports::new(HERE, &(0..=0), 0, 1).unwrap(), now, 1_000_000, 1).unwrap()
    }

    fn peer() -> UdpSocket {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        socket
    }

    fn sound(seq: u16) -> Vec<u8> {
        let mut packet = vec![0x80, 8];
        packet.extend(seq.to_be_bytes());
        packet.extend((u32::from(seq) * 160).to_be_bytes());
        packet.extend([0, 0, 0, 7]);
        packet.resize(172, 0x91);
        packet
    }

    fn described(peer: &UdpSocket, more: &str) -> String {
        let port = peer.local_addr().unwrap().port();
        format!("c=IN IP4 127.0.0.1\r\nm=audio {port} RTP/AVP 8\r\n{more}")
    }

    #[test]
    fn foreign_packets_are_dropped_one_by_one_and_counted() {
        let now = Instant::now();
        let (mut leg, stranger) = (leg(now), peer());
        let remote = "c=IN IP4 127.0.0.2\r\nm=audio 4000 RTP/AVP 8\r\n";
        leg.set_remote(now, Remote::answered(remote, &Law::BOTH).unwrap()).unwrap();
        for seq in 0..2 {
            stranger.send_to(&sound(seq), ("127.0.0.1", leg.port())).unwrap();
        }
        let mut buffer = [0; 2048];
        assert_eq!(leg.receive(now, &mut buffer), Received::Dropped);
        assert_eq!(leg.receive(now, &mut buffer), Received::Dropped);
        assert_eq!(leg.receive(now, &mut buffer), Received::Nothing);
        assert_eq!((leg.quality().foreign, leg.quality().received), (2, 0));
    }

    #[test]
    fn sound_goes_back_to_where_it_comes_from_and_reports_to_their_own_port_or_the_same() {
        for mux in [false, true] {
            let now = Instant::now();
            let (mut leg, described_as, speaks, control) = (leg(now), peer(), peer(), peer());
            let more = format!("a=rtcp:{}\r\n", control.local_addr().unwrap().port());
            let more = if mux { more + "a=rtcp-mux\r\n" } else { more };
            leg.set_remote(now, Remote::answered(&described(&described_as, &more), &Law::BOTH).unwrap()).unwrap();
            speaks.send_to(&sound(1), ("127.0.0.1", leg.port())).unwrap();
            let mut buffer = [0; 2048];
            assert_eq!(leg.receive(now, &mut buffer), Received::Packet(172));
            leg.send(now, &sound(9));
            assert_eq!(speaks.recv(&mut buffer).unwrap(), 172, "symmetric");
            leg.tick(now + Duration::from_secs(4));
            let reported = if mux { &speaks } else { &control };
            let len = reported.recv(&mut buffer).unwrap();
            assert!(is_rtcp(&buffer[..len]) && buffer[1] == 200, "a sender report");
            leg.close(now + Duration::from_secs(5));
            let len = reported.recv(&mut buffer).unwrap();
            let mut end = Control::new(now, 0, 5);
            assert!(end.take(now, &buffer[..len]) && end.has_left(), "a goodbye");
        }
    }

    #[test]
    fn a_secured_leg_hears_only_who_has_the_key_and_takes_a_new_one() {
        let now = Instant::now();
        let (mut here, mut there, stranger) = (leg(now), leg(now), peer());
        for leg in [&mut here, &mut there] {
            leg.secure(Security::Required).unwrap();
        }
        let agree = |here: &mut RtpLeg, there: &mut RtpLeg| {
            let offer = here.own(1, HERE, &Law::BOTH).offer();
            let (remote, answer) = there.own(2, HERE, &Law::BOTH).answer(&offer).unwrap();
            there.set_remote(now, remote).unwrap();
            let remote = here.own(1, HERE, &Law::BOTH).answered(&answer).unwrap();
            here.set_remote(now, remote).unwrap();
        };
        agree(&mut here, &mut there);
        let mut buffer = [0; 2048];
        stranger.send_to(&sound(1), ("127.0.0.1", there.port())).unwrap();
        assert_eq!(there.receive(now, &mut buffer), Received::Dropped, "in the clear");
        for seq in 1..4 {
            here.send(now, &sound(seq));
            assert_eq!(there.receive(now, &mut buffer), Received::Packet(172));
            assert_eq!(buffer[..172], sound(seq));
        }
        here.keys.clear();
        here.secure(Security::Required).unwrap();
        agree(&mut here, &mut there);
        here.send(now, &sound(4));
        assert_eq!(there.receive(now, &mut buffer), Received::Packet(172), "after another key");
        here.tick(now + Duration::from_secs(4));
        assert_eq!(there.receive(now, &mut buffer), Received::Dropped, "its report");
        assert!(there.control.report(now, &mut there.reception).is_none(), "it has sent nothing to report on");
        assert_eq!(there.quality().foreign, 1);
    }
}
