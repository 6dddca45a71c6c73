//! Packets: what goes through to whom, and what waits for the mixes.

use std::time::{Duration, Instant};

use rtp_rs::{RtpPacketBuilder, Seq};

use super::{
    Bridge, LARGEST, MediaEvent, Mode, View, Wires,
    ear::{Ear, Parcel},
    table::{AGENT, Company, Mouths, NOBODY, PARTY},
};
use crate::{
    Law, RATE, digits,
    egress::Head,
    sdp::is_event,
    timeline::{LEFT, RIGHT},
    watch::Change,
};

/// A recording that begins with a packet of the carrier begins half a second before it: others
/// that it overtook, or that the network kept, lie there.
const BEFORE: usize = RATE as usize / 2;
/// So long after the last of our own tones an echo of it may still come.
const ECHO: Duration = Duration::from_millis(500);
/// News that may wait before further keys of the party are dropped.
const NEWS: usize = 64;

impl Bridge {
    /// A packet of the agent.
    pub fn from_agent(&mut self, now: Instant, packet: &View<'_>, wires: &mut impl Wires) {
        if let Some(change) = self.watch.agent_packet(now) {
            self.changed(now, change);
        }
        if Law::of(packet.payload_type).is_none() {
            // What is no G.711 was negotiated as telephone-event.
            self.timeline.no_sound(LEFT, packet.stamp());
            self.queues[AGENT.place()].no_sound(packet.ssrc, packet.seq);
            self.key_of_agent(now, packet, wires);
            return;
        }
        self.spoken(now, AGENT, packet, wires);
    }

    /// A telephone-event of the agent's leg. It goes through as it is where the party takes events and
    /// hears him alone; otherwise its key goes out once, in its turn, as one of the desk would.
    fn key_of_agent(&mut self, now: Instant, packet: &View<'_>, wires: &mut impl Wires) {
        let ears = self.ears();
        let heard = self.mode == Mode::Open && !self.muted && ears.party.has(AGENT);
        let alone = heard && ears.party == AGENT && !self.sends_keys();
        if let Some(key) = self.keys_of_agent.packet(packet) {
            self.passes_key = alone && self.party_events.is_some();
            if heard && (self.passes_key || self.keys_out.push_key(key)) {
                self.listener.keys();
            }
        }
        let passes = alone && self.passes_key && packet.payload.len() <= LARGEST;
        if let Some(events) = self.party_events.filter(|_| passes) {
            let Some(mut head) = self.party.to.relay(now, packet.ssrc, packet.seq, packet.timestamp) else { return };
            head.marker |= packet.marker;
            self.party.interrupted();
            send(head, events, packet.payload, wires);
        }
    }

    /// A packet of the carrier.
    pub fn from_party(&mut self, now: Instant, unix_ms: i64, packet: &View<'_>, wires: &mut impl Wires) {
        if is_event(self.party_events, packet.payload_type) && self.mode == Mode::Open {
            if let Some(digit) = self.keys_in.packet(packet)
                && self.news.len() < NEWS
            {
                self.news.push_back(MediaEvent::Digit { digit, frame: self.frame(now) });
            }
            self.timeline.no_sound(RIGHT, packet.stamp());
            // Whoever holds a key down sends no sound, and is not gone.
            if let Some(change) = self.watch.party_packet(now, std::iter::empty()) {
                self.changed(now, change);
            }
            return;
        }
        let Some(law) = Law::of(packet.payload_type) else {
            // Comfort noise (RFC 3389) and whatever else: nothing is missing where it was sent.
            self.timeline.no_sound(RIGHT, packet.stamp());
            return;
        };
        if self.mode == Mode::Waiting {
            return;
        }
        if packet.payload.is_empty() {
            self.timeline.no_sound(RIGHT, packet.stamp());
            return;
        }
        if packet.payload.len() > LARGEST {
            // Too long to be passed on; it came all the same.
            let frame = self.start(now, unix_ms, packet.payload.len() + BEFORE);
            let samples = packet.payload.iter().map(|octet| law.decode(*octet));
            self.timeline.hear(RIGHT, frame, packet.stamp(), samples);
            return;
        }
        if !self.party_heard {
            self.party_heard = true;
            if self.company != Company::Ringing {
                self.ring_back = None;
            }
            self.news.push_back(MediaEvent::PartyHeard);
        }
        let frame = self.start(now, unix_ms, packet.payload.len() + BEFORE);
        let samples = packet.payload.iter().map(|octet| law.decode(*octet));
        if let Some(change) = self.watch.party_packet(now, samples.clone()) {
            self.changed(now, change);
        }
        if self.keys_out.is_busy() {
            // An analog far end sends our own tones back: they are no keys of the party.
            self.own_tones_to = Some(now + ECHO);
            self.tones_in = digits::tones::Hearer::default();
        }
        let own = self.own_tones_to.is_some_and(|to| now < to);
        if self.party_events.is_none() && self.mode == Mode::Open && !own {
            let digit = self.tones_in.packet(packet.ssrc, packet.timestamp, samples.clone());
            if let Some(digit) = digit.filter(|_| self.news.len() < NEWS) {
                self.news.push_back(MediaEvent::Digit { digit, frame });
            }
        }
        self.timeline.hear(RIGHT, frame, packet.stamp(), samples.clone());
        self.listener.packet(frame, packet, samples);
        self.spoken(now, PARTY, packet, wires);
    }

    /// Somebody said this: it goes to whoever hears him alone, and waits for the mixes.
    pub(super) fn spoken(&mut self, now: Instant, mouth: Mouths, packet: &View<'_>, wires: &mut impl Wires) {
        let law = Law::of(packet.payload_type).filter(|_| (1..=LARGEST).contains(&packet.payload.len()));
        let Some(law) = law else {
            self.queues[mouth.place()].no_sound(packet.ssrc, packet.seq);
            if mouth == AGENT {
                self.timeline.no_sound(LEFT, packet.stamp());
            }
            return;
        };
        let ears = self.ears();
        let muted = mouth == AGENT && self.muted;
        self.heard_at[mouth.place()] = Some(now);
        if ears.mixed().has(mouth) {
            let said = |octet: &u8| if muted { 0 } else { law.decode(*octet) };
            self.queues[mouth.place()].push(packet.stamp(), packet.payload.iter().map(said));
        }
        if ears.party == mouth && !self.sends_keys() {
            self.reach_party(now, mouth, law, packet, muted, wires);
        } else if mouth == AGENT {
            self.timeline.no_sound(LEFT, packet.stamp());
        }
        let len = packet.payload.len();
        // What was heard before, or in whose place something else was, goes nowhere.
        let pass = |ear: &mut Ear, parcel: &mut Parcel| {
            let mut head = ear.to.relay(now, packet.ssrc, packet.seq, packet.timestamp)?;
            head.marker |= packet.marker;
            if muted {
                ear.silence(len, parcel);
            } else {
                ear.pass(mouth, law, packet, parcel);
            }
            Some((head, ear.law.payload_type()))
        };
        if ears.agent == mouth
            && let Some((head, payload_type)) = pass(&mut self.agent, &mut self.parcel)
        {
            wires.to_agent(head, payload_type, &self.parcel.octets[..len]);
        }
        if let Some(target) = self.target.as_mut().filter(|_| ears.target == mouth)
            && let Some((head, payload_type)) = pass(&mut target.ear, &mut self.parcel)
        {
            wires.to_target(head, payload_type, &self.parcel.octets[..len]);
        }
        if let Some((guest, _)) = self.supervisor.as_mut().filter(|_| ears.supervisor == mouth)
            && let Some((head, payload_type)) = pass(&mut guest.ear, &mut self.parcel)
        {
            wires.to_supervisor(head, payload_type, &self.parcel.octets[..len]);
        }
    }

    /// What the party hears stands on the left, too.
    fn reach_party(
        &mut self,
        now: Instant,
        mouth: Mouths,
        law: Law,
        packet: &View<'_>,
        muted: bool,
        wires: &mut impl Wires,
    ) {
        let (frame, len) = (self.frame(now), packet.payload.len());
        // What is too late for the carrier is lost to the recording, too: its number stays missing.
        let Some(head) = self.party.to.relay(now, packet.ssrc, packet.seq, packet.timestamp) else { return };
        let of = packet.stamp();
        // What the carrier does not take is heard by nobody.
        if muted || !self.party_listens {
            self.party.silence(len, &mut self.parcel);
            self.left.passed(&mut self.timeline, frame, NOBODY, of, std::iter::repeat_n(0, len));
        } else {
            self.party.pass(mouth, law, packet, &mut self.parcel);
            let samples = packet.payload.iter().map(|octet| law.decode(*octet));
            self.left.passed(&mut self.timeline, frame, mouth, of, samples);
        }
        send(head, self.party.law.payload_type(), &self.parcel.octets[..len], wires);
    }

    pub(super) fn changed(&mut self, now: Instant, change: Change) {
        let frame = self.frame(now);
        self.news.push_back(match change {
            Change::AgentGone => MediaEvent::AgentGone { frame },
            Change::AgentBack => MediaEvent::AgentBack { frame },
            Change::PartySilent(silence) => MediaEvent::PartySilent { silence, frame },
            Change::PartyHeardAgain => MediaEvent::PartyHeardAgain { frame },
        });
    }
}

pub(super) fn send(head: Head, payload_type: u8, payload: &[u8], wires: &mut impl Wires) {
    let mut packet = [0u8; LARGEST + 12];
    if let Some(len) = packed(head, payload_type, payload, &mut packet) {
        wires.to_party(&packet[..len]);
    }
}

/// An RTP packet; none when it does not fit.
pub(crate) fn packed(head: Head, payload_type: u8, payload: &[u8], packet: &mut [u8]) -> Option<usize> {
    RtpPacketBuilder::new()
        .payload_type(payload_type)
        .marked(head.marker)
        .sequence(Seq::from(head.seq))
        .timestamp(head.timestamp)
        .ssrc(head.ssrc)
        .payload(payload)
        .build_into(packet)
        .ok()
}
