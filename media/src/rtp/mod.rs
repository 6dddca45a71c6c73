//! A leg of plain RTP, towards the carrier or towards a desk phone: a port for sound and one for
//! its control, who is heard there, and what is known of the way.
//!
//! The leg itself does no input or output: it is given what came with its moment and its sender,
//! and hands what is to leave to an [`Out`]. A [`Line`] is a leg with its two sockets.

mod latch;
mod line;
mod ports;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

pub use self::latch::MediaSource;
use self::latch::{Described, Latch, Verdict, WINDOW};
pub(crate) use self::{
    line::Line,
    ports::{Ports, Refusals},
};
use crate::{
    Law,
    quality::{Concealment, Moment, Quality},
    rate::REPORTS,
    reception::Reception,
    rtcp::{Control, is_rtcp},
    sdp::{Own, Remote, SdpError, is_event, key_of},
    srtp::{Crypto, Security, Shield, Suite},
};

/// A leg and what is known of its other end.
#[derive(Debug)]
pub(crate) struct RtpLeg {
    /// Which of all legs of its thread.
    pub(crate) number: u32,
    at: At,
    remote: Option<Remote>,
    /// It holds us by an address of zeros: neither sound nor its control goes out (RFC 3264, section 8.4).
    nowhere: bool,
    latch: Latch,
    control: Control,
    /// Whose RTCP is taken at the port of control, of those at its machine, and where ours goes.
    control_latch: Latch,
    reception: Reception,
    security: Security,
    keys: Vec<Crypto>,
    shield: Option<Shield>,
    /// Our answer to the first offer: later ones cannot agree on more than the suite in it.
    said: Said,
    /// The sources that were authentic last, of sound and of control.
    authentic: Option<u32>,
    authentic_control: Option<u32>,
    /// Packets of other sources that were not authentic; each costs the receiver a little memory.
    forged: u16,
    unauthentic: u64,
    refusals: Arc<Refusals>,
    source: MediaSource,
    /// What is missing there is concealed.
    concealment: Concealment,
    told: bool,
}

/// Our ports of a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct At {
    /// Of its sound.
    pub(crate) port: u16,
    /// Of its control.
    pub(crate) control: u16,
    /// Whether it speaks IPv4; IPv6 otherwise.
    pub(crate) is_ipv4: bool,
    /// Another call had the port a moment ago.
    pub(crate) used: bool,
}

/// Where what is to leave goes.
pub(crate) trait Out {
    /// From the port of sound.
    fn sound(&mut self, octets: &[u8], to: SocketAddr);
    /// From the port of control.
    fn control(&mut self, octets: &[u8], to: SocketAddr);
}

/// What we answered to an offer of the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    /// We were not asked.
    Nothing,
    /// It goes in the clear.
    Clear,
    /// It is secured by this suite.
    By(Suite),
}

/// What a datagram, or a look for one, brought.
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
/// So long the first packet of control decides: two of the longest intervals, for one may be lost.
const REPORTED: Duration = Duration::from_secs(15);

impl RtpLeg {
    /// A leg at these ports.
    pub(crate) fn new(number: u32, at: At, refusals: Arc<Refusals>, now: Instant, unix_ms: i64) -> io::Result<Self> {
        let mut dice = [0u8; 8];
        getrandom::fill(&mut dice).map_err(io::Error::other)?;
        Ok(Self {
            number,
            at,
            remote: None,
            nowhere: false,
            latch: Latch::default(),
            control: Control::new(now, unix_ms, u64::from_be_bytes(dice)),
            control_latch: Latch::default(),
            reception: Reception::default(),
            security: Security::Off,
            keys: Vec::new(),
            shield: None,
            said: Said::Nothing,
            authentic: None,
            authentic_control: None,
            forged: 0,
            unauthentic: 0,
            refusals,
            source: MediaSource::default(),
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

    /// Where its packets may come from, from its next description on.
    pub(crate) fn set_source(&mut self, source: MediaSource) {
        self.source = source;
    }

    /// The addresses from which its signalling came: its packets may come from there, whatever it
    /// describes.
    pub(crate) fn is_known_at(&mut self, addresses: &[IpAddr]) {
        self.latch.know(addresses);
    }

    /// Our answer to its first offer agreed on this. Signalling answers later offers by that answer,
    /// and knows no more of us.
    pub(crate) fn has_said(&mut self, remote: &Remote) {
        self.said = remote.crypto.map_or(Said::Clear, |theirs| Said::By(theirs.suite));
    }

    /// Who listens to this leg has a browser, which conceals what is missing.
    pub(crate) fn is_concealed(&mut self) {
        self.concealment = Concealment::Yes;
    }

    pub(crate) fn port(&self) -> u16 {
        self.at.port
    }

    /// Our end of it, for descriptions.
    pub(crate) fn own<'a>(&'a self, id: u64, ip: IpAddr, laws: &'a [Law]) -> Own<'a> {
        let (address, control) = (SocketAddr::new(ip, self.at.port), self.at.control);
        let (security, keys) = match self.said {
            Said::Nothing => (self.security, &self.keys[..]),
            Said::Clear => (Security::Off, &[][..]),
            Said::By(suite) => {
                let at = self.keys.iter().position(|key| key.suite == suite);
                (self.security, at.map_or(&[][..], |at| &self.keys[at..=at]))
            }
        };
        Own { id, address, control, laws, security, keys }
    }

    /// Whether the other end has described itself.
    pub(crate) fn is_described(&self) -> bool {
        self.remote.is_some()
    }

    /// What the other end said of itself. An address of zeros, of any family, is no other place: who
    /// holds by it is heard where he was.
    pub(crate) fn set_remote(&mut self, now: Instant, mut remote: Remote) -> Result<(), SdpError> {
        let nowhere = remote.address.ip().is_unspecified();
        if self.at.is_ipv4 != remote.address.is_ipv4() && !nowhere {
            return Err(SdpError::NoAddress);
        }
        match (remote.crypto, &mut self.shield) {
            // The keys may come back, and their numbers go on then (RFC 3711, section 9.1).
            (None, shield) => shield.iter_mut().for_each(Shield::rest),
            (Some(theirs), shield) => {
                let ours = key_of(&self.keys, theirs.suite).ok_or(SdpError::NotSecured)?;
                let kept = shield.as_mut().is_some_and(|shield| shield.rekey(ours, theirs));
                if !kept {
                    *shield = Some(Shield::new(ours, theirs).ok_or(SdpError::NotSecured)?);
                }
                (self.forged, self.authentic, self.authentic_control) = (0, None, None);
            }
        }
        self.nowhere = nowhere;
        if let Some(before) = self.remote.filter(|_| nowhere) {
            (remote.address, remote.control) = (before.address, before.control);
        }
        let (nat, strict) = (self.source == MediaSource::Any, self.at.used || self.source == MediaSource::Strict);
        let described = Described { address: remote.address, nat, strict, rate: remote.rate, within: WINDOW };
        self.latch.describe(now, described);
        // It is asked of the described machine's packets alone, and of those of whom the port of sound hears.
        let control = Described { address: remote.control, nat: true, strict, rate: REPORTS, within: REPORTED };
        self.control_latch.describe(now, control);
        self.control.start(now);
        self.remote = Some(remote);
        Ok(())
    }

    /// A datagram of so many octets came to the port of sound. What is heard is left in the buffer in
    /// the clear.
    pub(crate) fn came(&mut self, now: Instant, from: SocketAddr, buffer: &mut [u8], len: usize) -> Received {
        if is_rtcp(&buffer[..len]) {
            // Whoever speaks it on the port of sound takes it there too (RFC 5761, section 5.1.1).
            self.controlled(now, from, buffer, len);
            return Received::Dropped;
        }
        let Some(len) = self.opened(now, from, buffer, len) else { return self.dropped(from) };
        let packet = &buffer[..len];
        let agreed = packet.get(1).is_some_and(|kind| self.expects(kind & 0x7f));
        let verdict = self.latch.admit(now, from, packet, agreed);
        if verdict != Verdict::Heard || len < 12 {
            let count = if verdict == Verdict::Excess { &self.refusals.excess } else { &self.refusals.foreign };
            count.fetch_add(1, Ordering::Relaxed);
            return self.dropped(from);
        }
        // What is not RTP (RFC 3550, A.1) is nobody's packet: it is neither heard nor counted.
        if packet[0] >> 6 != 2 {
            return Received::Dropped;
        }
        let word = |at: usize| u32::from_be_bytes([packet[at], packet[at + 1], packet[at + 2], packet[at + 3]]);
        let (source, seq) = (word(8), u16::from_be_bytes([packet[2], packet[3]]));
        self.reception.came(now, source, seq, Law::of(packet[1] & 0x7f).map(|_| word(4)));
        Received::Packet(len)
    }

    /// The packet in the clear, when the leg is secured; none when it is nobody's.
    fn opened(&mut self, now: Instant, from: SocketAddr, buffer: &mut [u8], len: usize) -> Option<usize> {
        let Some(shield) = self.shield.as_mut().filter(|shield| shield.is_up()) else { return Some(len) };
        let source = source_of(buffer, 8);
        let known = source.is_some() && source == self.authentic;
        if !self.latch.may(now, from) || (!known && self.forged >= FORGERIES) {
            self.refuse();
            return None;
        }
        let opened = shield.open(buffer, len);
        if opened.is_some() {
            self.authentic = source;
        } else {
            self.forged = self.forged.saturating_add(u16::from(!known));
            self.distrust();
        }
        opened
    }

    /// The same of control.
    fn opened_control(&mut self, buffer: &mut [u8], len: usize) -> Option<usize> {
        let Some(shield) = self.shield.as_mut().filter(|shield| shield.is_up()) else { return Some(len) };
        let source = source_of(buffer, 4);
        let known = source.is_some() && (source == self.authentic || source == self.authentic_control);
        if !known && self.forged >= FORGERIES {
            self.refuse();
            return None;
        }
        let opened = shield.open_control(buffer, len);
        if opened.is_some() {
            self.authentic_control = source;
        } else {
            self.forged = self.forged.saturating_add(u16::from(!known));
            self.distrust();
        }
        opened
    }

    /// A packet that is somebody else's.
    fn refuse(&mut self) {
        self.latch.refuse();
        self.refusals.foreign.fetch_add(1, Ordering::Relaxed);
    }

    /// A packet of a secured leg that is not authentic, or was heard before.
    fn distrust(&mut self) {
        self.unauthentic += 1;
        self.refusals.unauthentic.fetch_add(1, Ordering::Relaxed);
    }

    fn dropped(&mut self, from: SocketAddr) -> Received {
        if !self.told {
            self.told = true;
            let machine = self.latch.is_its_machine(from);
            tracing::warn!(port = self.at.port, own_machine = machine, "dropped RTP that is not its other end's");
        }
        Received::Dropped
    }

    /// A datagram of so many octets came to the port of control.
    pub(crate) fn control_came(&mut self, now: Instant, from: SocketAddr, buffer: &mut [u8], len: usize) {
        if self.controlled(now, from, buffer, len) {
            self.control_latch.settle(now, from);
        }
    }

    fn controlled(&mut self, now: Instant, from: SocketAddr, buffer: &mut [u8], len: usize) -> bool {
        let described = self.remote.is_some_and(|remote| remote.control == from);
        let beside = || self.latch.is_its_machine(from) && self.control_latch.may(now, from);
        // Who is heard may speak it from the port of its sound.
        if !described && self.latch.answers_to() != Some(from) && !beside() {
            self.refuse();
            return false;
        }
        let Some(len) = self.opened_control(buffer, len) else { return false };
        if !self.control_latch.affords(now) {
            self.refusals.excess.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        self.control.take(now, &buffer[..len])
    }

    /// Whether it was agreed that packets of this type come.
    pub(crate) fn expects(&self, payload_type: u8) -> bool {
        Law::of(payload_type).is_some() || self.remote.is_some_and(|remote| is_event(remote.events, payload_type))
    }

    /// Sends a packet of sound.
    pub(crate) fn send(&mut self, now: Instant, packet: &[u8], out: &mut impl Out) {
        if self.remote.is_none_or(|remote| !remote.listens) {
            return;
        }
        let Some(address) = self.latch.answers_to() else { return };
        self.control.sent(now, packet);
        match &mut self.shield {
            Some(shield) if shield.is_up() => {
                if let Some(sealed) = shield.seal(packet) {
                    out.sound(&sealed, address);
                }
            }
            rests => {
                if let Some(shield) = rests {
                    shield.pass(packet);
                }
                out.sound(packet, address);
            }
        }
    }

    /// Sends a report when one is due.
    pub(crate) fn tick(&mut self, now: Instant, out: &mut impl Out) {
        if self.control.is_due(now)
            && let Some(report) = self.control.report(now, &mut self.reception)
        {
            self.send_control(&report, out);
        }
    }

    /// Says goodbye (RFC 3550, section 6.3.7).
    pub(crate) fn close(&mut self, now: Instant, out: &mut impl Out) {
        if let Some(bye) = self.control.goodbye(now, &mut self.reception) {
            self.send_control(&bye, out);
        }
    }

    fn send_control(&mut self, report: &[u8], out: &mut impl Out) {
        let Some(remote) = self.remote.filter(|_| !self.nowhere) else { return };
        let sealed = self.shield.as_mut().filter(|shield| shield.is_up()).map(|shield| shield.seal_control(report));
        let octets: &[u8] = match &sealed {
            None => report,
            Some(Some(sealed)) => sealed,
            Some(None) => return,
        };
        if remote.mux {
            out.sound(octets, self.latch.answers_to().unwrap_or(remote.address));
        } else {
            out.control(octets, self.control_latch.answers_to().unwrap_or(remote.control));
        }
    }

    /// How well it is heard, from its beginning on.
    pub(crate) fn quality(&self) -> Quality {
        let quality = self.reception.quality(self.control.rtt_ms(), self.control.far(), self.concealment);
        Quality {
            foreign: self.latch.foreign(),
            excess: self.latch.excess() + self.control_latch.excess(),
            unauthentic: self.unauthentic,
            srtp: self.shield.as_ref().and_then(Shield::suite).map(Suite::name),
            ..quality
        }
    }

    /// How well it was heard since this was asked for the last time. None when nothing is to be
    /// expected.
    pub(crate) fn moment(&mut self) -> Option<Moment> {
        let moment = self.reception.moment(self.control.rtt_ms(), self.concealment);
        moment.filter(|_| self.remote.is_some_and(|remote| remote.talks))
    }
}

/// The source that stands there in a packet: behind eight octets in one of sound, four in one of control.
pub(crate) fn source_of(packet: &[u8], at: usize) -> Option<u32> {
    packet.get(at..at + 4).and_then(|octets| Some(u32::from_be_bytes(octets.try_into().ok()?)))
}

#[cfg(test)]
mod tests;
