//! Packets and time: what goes through, what is made, and where it stands on the timeline.

use std::time::{Duration, Instant};

use rtp_rs::{RtpPacketBuilder, Seq};

use super::{Aside, Bridge, LARGEST, MIX_LIMIT, MediaEvent, Mode, TICK, View, Wires};
use crate::{
    Law, PACKET, RATE,
    digits::Turn,
    egress::Head,
    stage::Span,
    timeline::{LEFT, RIGHT},
    watch::Change,
};

/// After this long without a packet of the agent the party gets silence from us.
const AGENT_SILENT: Duration = Duration::from_millis(60);
/// What a late tick missed is made up for up to this much.
const BURST: Duration = Duration::from_millis(200);
/// Frames by which the machine must have stalled for what plays to be placed anew.
const STALL: u64 = RATE as u64 / 5;
/// News that may wait before further keys of the party are dropped.
const NEWS: usize = 64;

impl Bridge {
    /// A packet of the agent.
    pub fn from_agent(&mut self, now: Instant, packet: &View<'_>, wires: &mut impl Wires) {
        self.from_agent.packet(now, packet.ssrc, packet.seq, packet.timestamp);
        if let Some(change) = self.watch.agent_packet(now) {
            self.changed(now, change);
        }
        if self.aside != Aside::None {
            self.timeline.no_sound(LEFT, packet.stamp());
            self.speak_aside(now, packet, wires);
            return;
        }
        let heard = self.mode == Mode::Open && self.stage.is_talk() && !self.sends_keys();
        if !heard || packet.payload.is_empty() || packet.payload.len() > LARGEST {
            self.timeline.no_sound(LEFT, packet.stamp());
            return;
        }
        self.agent_at = Some(now);
        let Some(law) = Law::of(packet.payload_type) else {
            self.timeline.no_sound(LEFT, packet.stamp());
            // What is no G.711 was negotiated as telephone-event.
            if let Some(events) = self.party_events.filter(|_| !self.muted) {
                let mut head = self.to_party.relay(now, packet.ssrc, packet.seq, packet.timestamp);
                head.marker |= packet.marker;
                send(head, events, packet.payload, wires);
            }
            return;
        };
        let head = self.to_party.relay(now, packet.ssrc, packet.seq, packet.timestamp);
        let frame = self.frame(now);
        let mut octets = [0u8; LARGEST];
        let octets = &mut octets[..packet.payload.len()];
        // What the carrier does not take is heard by nobody.
        if self.muted || !self.party_listens {
            octets.fill(self.party_law.silence());
            let silence = std::iter::repeat_n(0i16, octets.len());
            self.timeline.hear(LEFT, frame, packet.stamp(), silence);
        } else {
            convert(law, self.party_law, packet.payload, octets);
            let samples = packet.payload.iter().map(|octet| law.decode(*octet));
            self.timeline.hear(LEFT, frame, packet.stamp(), samples);
        }
        send(head, self.party_law.payload_type(), octets, wires);
    }

    /// A packet of the carrier.
    pub fn from_party(&mut self, now: Instant, unix_ms: i64, packet: &View<'_>, wires: &mut impl Wires) {
        self.from_party.packet(now, packet.ssrc, packet.seq, packet.timestamp);
        if self.party_events == Some(packet.payload_type) && self.mode == Mode::Open {
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
        if self.mode == Mode::Waiting || packet.payload.is_empty() || packet.payload.len() > LARGEST {
            return;
        }
        if !self.party_heard {
            self.party_heard = true;
            if self.aside == Aside::None {
                self.ring_back = None;
            }
            self.news.push_back(MediaEvent::PartyHeard);
        }
        let frame = self.start(now, unix_ms, packet.payload.len());
        let samples = packet.payload.iter().map(|octet| law.decode(*octet));
        if let Some(change) = self.watch.party_packet(now, samples.clone()) {
            self.changed(now, change);
        }
        self.timeline.hear(RIGHT, frame, packet.stamp(), samples.clone());
        if self.stage.is_announcing() {
            self.mix.extend(samples);
            while self.mix.len() > MIX_LIMIT {
                self.mix.pop_front();
            }
            return;
        }
        if self.aside != Aside::None {
            return;
        }
        let mut head = self.to_agent.relay(now, packet.ssrc, packet.seq, packet.timestamp);
        head.marker |= packet.marker;
        if law == self.agent_law {
            wires.to_agent(head, packet.payload_type, packet.payload);
        } else {
            let mut octets = [0u8; LARGEST];
            let octets = &mut octets[..packet.payload.len()];
            convert(law, self.agent_law, packet.payload, octets);
            wires.to_agent(head, self.agent_law.payload_type(), octets);
        }
    }

    fn changed(&mut self, now: Instant, change: Change) {
        let frame = self.frame(now);
        self.news.push_back(match change {
            Change::AgentGone => MediaEvent::AgentGone { frame },
            Change::AgentBack => MediaEvent::AgentBack { frame },
            Change::PartySilent(silence) => MediaEvent::PartySilent { silence, frame },
            Change::PartyHeardAgain => MediaEvent::PartyHeardAgain { frame },
        });
    }

    /// To be called at least every few milliseconds: makes what nobody sends.
    pub fn tick(&mut self, now: Instant, wires: &mut impl Wires) {
        while let Some(due) = self.next_tick.filter(|due| *due <= now) {
            // After a stall of the machine the missed packets are not sent in one burst.
            self.next_tick = Some(if now.saturating_duration_since(due) > BURST { now + TICK } else { due + TICK });
            self.ring(now, wires);
            match self.mode {
                Mode::Waiting => {}
                Mode::Early => self.silence(now, wires),
                Mode::Open if self.sends_keys() => self.key(now, wires),
                Mode::Open if self.stage.is_talk() => {
                    if self.agent_at.is_none_or(|at| now.saturating_duration_since(at) >= AGENT_SILENT) {
                        self.silence(now, wires);
                    }
                }
                Mode::Open => self.play(now, wires),
            }
        }
        if let Some(change) = self.watch.tick(now, self.party_listens) {
            self.changed(now, change);
        }
        self.miss_target(now);
        let frame = self.frame(now);
        let (tap, failed) = (&mut self.tap, &mut self.tap_failed);
        let failed_before = *failed;
        self.timeline.flush(frame, |block| *failed |= !tap.block(block));
        if self.tap_failed && !failed_before {
            self.news.push_back(MediaEvent::RecordingFailed);
        }
    }

    fn silence(&mut self, now: Instant, wires: &mut impl Wires) {
        let head = self.to_party.generate(now);
        send(head, self.party_law.payload_type(), &[self.party_law.silence(); PACKET], wires);
    }

    /// The agent's ring-back, which is in no recording: the party does not hear it.
    fn ring(&mut self, now: Instant, wires: &mut impl Wires) {
        let Some(ring) = &mut self.ring_back else { return };
        let Some((_, octets)) = ring.tone.packet(ring.at, self.agent_law) else {
            ring.at = 0;
            return;
        };
        wires.to_agent(self.to_agent.generate(now), self.agent_law.payload_type(), octets);
        ring.at = (ring.at + PACKET) % ring.tone.len();
    }

    /// Twenty milliseconds of a key, in the place of the agent's voice.
    fn key(&mut self, now: Instant, wires: &mut impl Wires) {
        let (Some(turn), Some(events)) = (self.keys_out.turn(), self.party_events) else {
            // The carrier's new session takes none.
            self.keys_out.clear();
            return;
        };
        // What the party hears of us meanwhile is no voice, and nothing is missing.
        let (frame, source) = (self.frame(now), self.stage.source());
        self.timeline.place(LEFT, frame, source, 0, std::iter::repeat_n(0, PACKET));
        match turn {
            Turn::Event { payload, first } => {
                let head = if first { self.to_party.generate_marked(now) } else { self.to_party.again() };
                send(head, events, &payload, wires);
            }
            Turn::Pause => self.silence(now, wires),
        }
    }

    /// Twenty milliseconds of what is played.
    fn play(&mut self, now: Instant, wires: &mut impl Wires) {
        let frame = self.frame(now);
        let announcing = self.stage.is_announcing();
        let source = self.stage.source();
        let Some(playing) = self.stage.playing() else {
            self.silence(now, wires);
            return;
        };
        if playing.looped && playing.at >= playing.prompt.len() {
            playing.at = 0;
        }
        let mut said: &[i16] = &[];
        let prompt = playing.prompt.clone();
        if !self.party_listens {
            // What nobody takes is not played: it would count as heard. And who took only a
            // part of it hears it whole when he listens again.
            playing.at = 0;
        } else if let Some((samples, octets)) = prompt.packet(playing.at, self.party_law) {
            let due = playing.begun + playing.at as u64;
            if playing.at == 0 {
                // Late ticks send several packets at once, and what follows is heard after them.
                playing.begun = frame.max(self.played_to);
                playing.source = source;
            } else if frame > due + STALL {
                playing.begun = frame - playing.at as u64;
                playing.source = source;
            }
            send(self.to_party.generate(now), self.party_law.payload_type(), octets, wires);
            let from = playing.begun + playing.at as u64;
            playing.at += PACKET;
            self.played_to = playing.begun + playing.at as u64;
            // A packet sent now is heard from now on: its last sample lies 20 ms ahead.
            let timestamp = (playing.at - PACKET) as u32;
            self.timeline.place(LEFT, self.played_to, playing.source, timestamp, samples.iter().copied());
            playing.sent = Some((playing.sent.map_or(from, |(from, _)| from), self.played_to));
            said = samples;
        } else {
            // One without a sample has an end too.
            let (cue, from_frame, to_frame) = (playing.cue, frame, frame);
            let span = self.stage.next().unwrap_or(Span { cue, from_frame, to_frame });
            self.news.push_back(MediaEvent::PromptFinished(span));
            self.silence(now, wires);
            return;
        }
        if !announcing || self.aside != Aside::None {
            return;
        }
        let mut mixed = [0u8; PACKET];
        for (at, octet) in mixed.iter_mut().enumerate() {
            let sum = i32::from(said.get(at).copied().unwrap_or(0)) + i32::from(self.mix.pop_front().unwrap_or(0));
            *octet = self.agent_law.encode(sum.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16);
        }
        wires.to_agent(self.to_agent.generate(now), self.agent_law.payload_type(), &mixed);
    }
}

pub(super) fn convert(from: Law, to: Law, octets: &[u8], out: &mut [u8]) {
    if from == to {
        out.copy_from_slice(octets);
    } else {
        for (out, octet) in out.iter_mut().zip(octets) {
            *out = to.encode(from.decode(*octet));
        }
    }
}

fn send(head: Head, payload_type: u8, payload: &[u8], wires: &mut impl Wires) {
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
