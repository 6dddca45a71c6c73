//! The bridge of one call: agent's packets to the party, the party's to the agent, the
//! recording notice between them, and both onto the timeline.
//!
//! Nothing here reads a clock or a socket. G.711 goes through as it is; it is decoded only
//! for the recording, and mixed only while a prompt plays.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use rtp_rs::{RtpPacketBuilder, Seq};

use crate::{
    Law, PACKET, Prompt, Quality, RATE,
    egress::{Egress, Head},
    reception::Reception,
    timeline::{Gap, LEFT, RIGHT, Timeline},
};

/// Takes the recording, one second at a time.
pub trait Tap: Send {
    /// The first sound: the recording's frame 0 lies at this Unix millisecond.
    fn started(&mut self, unix_ms: i64);
    /// One second of interleaved samples, the last block may be shorter. False when it
    /// cannot be kept; the call must then end.
    fn block(&mut self, frames: &[i16]) -> bool;
}

/// News of a call's sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaEvent {
    /// The browser's leg is up.
    BrowserConnected,
    /// The browser's leg is gone.
    BrowserLost,
    /// The first packet came from the carrier.
    PartyHeard,
    /// The prompt was played to its end; from here on both sides talk.
    PromptFinished {
        /// First frame of the prompt in the recording.
        from_frame: u64,
        /// First frame after it.
        to_frame: u64,
    },
    /// A block of the recording could not be kept.
    RecordingFailed,
}

/// What is left of a call's sound.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Frames handed to the tap.
    pub frames: u64,
    /// Holes.
    pub gaps: Vec<Gap>,
    /// From the agent's browser.
    pub agent: Quality,
    /// From the carrier.
    pub party: Quality,
    /// Samples that came too late for the recording.
    pub late_samples: u64,
    /// How often a channel was moved by one packet to follow a drifting clock.
    pub slips: u64,
    /// Frames of the prompt, as far as the party was sent it.
    pub prompt: Option<(u64, u64)>,
}

/// An RTP packet as the bridge sees it.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// Source.
    pub ssrc: u32,
    /// Sequence number.
    pub seq: u16,
    /// Timestamp.
    pub timestamp: u32,
    /// Payload type.
    pub payload_type: u8,
    /// Marker.
    pub marker: bool,
    /// Payload.
    pub payload: &'a [u8],
}

/// Where packets go.
pub trait Wires {
    /// A whole RTP packet to the carrier.
    fn to_party(&mut self, packet: &[u8]);
    /// A packet to the browser, which the WebRTC stack protects.
    fn to_agent(&mut self, head: Head, payload_type: u8, payload: &[u8]);
}

enum Mode {
    /// Nobody is connected yet.
    Waiting,
    /// Before the answer: the agent hears the carrier, the carrier hears silence.
    Early,
    /// The prompt plays to the party; the agent hears both.
    Prompt(Playing),
    /// Both talk.
    Talk,
}

/// A prompt under way.
struct Playing {
    prompt: Arc<Prompt>,
    /// Next sample.
    at: usize,
    /// Pseudo source of the left channel, another one each time it begins. A real SSRC may
    /// be equal without harm, because the source changes with the mode.
    source: u32,
    /// Frame of its first sample, this time.
    begun: u64,
}

const TICK: Duration = Duration::from_millis(20);
/// After this long without a packet of the agent the party gets silence from us.
const AGENT_SILENT: Duration = Duration::from_millis(60);
/// Samples of the party kept for mixing: 100 ms.
const MIX_LIMIT: usize = 5 * PACKET;
/// Largest audio payload that is taken: 120 ms.
const LARGEST: usize = 960;

/// The bridge of one call.
pub struct Bridge {
    mode: Mode,
    muted: bool,
    party_law: Law,
    agent_law: Law,
    party_events: Option<u8>,
    /// The carrier takes our sound at this time (RFC 3264, section 8.4).
    party_listens: bool,
    /// What the party was sent of the prompt, from the first time it began.
    prompted: Option<(u64, u64)>,
    to_party: Egress,
    to_agent: Egress,
    from_agent: Reception,
    from_party: Reception,
    agent_at: Option<Instant>,
    mix: VecDeque<i16>,
    next_tick: Option<Instant>,
    timeline: Timeline,
    started: Option<Instant>,
    tap: Box<dyn Tap>,
    tap_failed: bool,
    party_heard: bool,
    news: VecDeque<MediaEvent>,
}

impl Bridge {
    /// A bridge that hands its recording to `tap`. The streams start at random points.
    pub fn new(tap: Box<dyn Tap>, to_party: Egress, to_agent: Egress) -> Self {
        Self {
            mode: Mode::Waiting,
            muted: false,
            party_law: Law::Pcma,
            agent_law: Law::Pcma,
            party_events: None,
            party_listens: true,
            prompted: None,
            to_party,
            to_agent,
            from_agent: Reception::default(),
            from_party: Reception::default(),
            agent_at: None,
            mix: VecDeque::with_capacity(MIX_LIMIT),
            next_tick: None,
            timeline: Timeline::default(),
            started: None,
            tap,
            tap_failed: false,
            party_heard: false,
            news: VecDeque::new(),
        }
    }

    /// What was negotiated with the browser.
    pub fn agent_speaks(&mut self, law: Law) {
        self.agent_law = law;
    }

    /// What was negotiated with the carrier.
    pub fn party_speaks(&mut self, law: Law, events: Option<u8>) {
        self.party_law = law;
        self.party_events = events;
    }

    /// Whether the carrier takes our sound; a notice waits until it does.
    pub fn party_listens(&mut self, listens: bool) {
        self.party_listens = listens;
    }

    /// Before the answer: what the carrier sends is heard and recorded.
    pub fn early(&mut self, now: Instant) {
        if matches!(self.mode, Mode::Waiting) {
            self.mode = Mode::Early;
            self.next_tick = Some(now);
        }
    }

    /// Plays a prompt to the party; afterwards both talk.
    pub fn play_then_talk(&mut self, now: Instant, unix_ms: i64, prompt: Arc<Prompt>) {
        self.start(now, unix_ms);
        self.mix.clear();
        self.prompted = None;
        self.mode = Mode::Prompt(Playing { prompt, at: 0, source: 0, begun: 0 });
        self.next_tick = Some(now);
    }

    /// The party hears silence instead of the agent.
    pub fn mute(&mut self, on: bool) {
        self.muted = on;
    }

    /// The next thing that the call must know.
    pub fn news(&mut self) -> Option<MediaEvent> {
        self.news.pop_front()
    }

    fn start(&mut self, now: Instant, unix_ms: i64) -> u64 {
        if self.started.is_none() {
            // The packet that starts the recording holds the 20 ms before it.
            self.started = Some(now.checked_sub(TICK).unwrap_or(now));
            self.tap.started(unix_ms - TICK.as_millis() as i64);
        }
        self.frame(now)
    }

    /// The recording's live frame.
    fn frame(&self, now: Instant) -> u64 {
        self.started.map_or(0, |started| {
            now.saturating_duration_since(started).as_micros() as u64 * u64::from(RATE) / 1_000_000
        })
    }

    /// A packet of the browser.
    pub fn from_agent(&mut self, now: Instant, packet: &View<'_>, wires: &mut impl Wires) {
        self.from_agent.packet(now, packet.ssrc, packet.seq, packet.timestamp);
        if !matches!(self.mode, Mode::Talk) || packet.payload.is_empty() || packet.payload.len() > LARGEST {
            return;
        }
        self.agent_at = Some(now);
        let Some(law) = Law::of(packet.payload_type) else {
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
            self.timeline.place(LEFT, frame, packet.ssrc, packet.timestamp, silence);
        } else {
            convert(law, self.party_law, packet.payload, octets);
            let samples = packet.payload.iter().map(|octet| law.decode(*octet));
            self.timeline.place(LEFT, frame, packet.ssrc, packet.timestamp, samples);
        }
        send(head, self.party_law.payload_type(), octets, wires);
    }

    /// A packet of the carrier.
    pub fn from_party(&mut self, now: Instant, unix_ms: i64, packet: &View<'_>, wires: &mut impl Wires) {
        self.from_party.packet(now, packet.ssrc, packet.seq, packet.timestamp);
        let Some(law) = Law::of(packet.payload_type) else { return };
        if matches!(self.mode, Mode::Waiting) || packet.payload.is_empty() || packet.payload.len() > LARGEST {
            return;
        }
        if !self.party_heard {
            self.party_heard = true;
            self.news.push_back(MediaEvent::PartyHeard);
        }
        let frame = self.start(now, unix_ms);
        let samples = packet.payload.iter().map(|octet| law.decode(*octet));
        self.timeline.place(RIGHT, frame, packet.ssrc, packet.timestamp, samples.clone());
        if matches!(self.mode, Mode::Prompt(_)) {
            self.mix.extend(samples);
            while self.mix.len() > MIX_LIMIT {
                self.mix.pop_front();
            }
            return;
        }
        let mut head = self.to_agent.relay(now, packet.ssrc, packet.seq, packet.timestamp);
        head.marker |= packet.marker;
        wires.to_agent(head, packet.payload_type, packet.payload);
    }

    /// To be called at least every few milliseconds: makes what nobody sends.
    pub fn tick(&mut self, now: Instant, wires: &mut impl Wires) {
        while let Some(due) = self.next_tick.filter(|due| *due <= now) {
            // After a stall of the machine the missed packets are not sent in one burst.
            self.next_tick = Some(if now.saturating_duration_since(due) > 10 * TICK { now + TICK } else { due + TICK });
            match &mut self.mode {
                Mode::Waiting => {}
                Mode::Early => self.silence(now, wires),
                Mode::Talk => {
                    if self.agent_at.is_none_or(|at| now.saturating_duration_since(at) >= AGENT_SILENT) {
                        self.silence(now, wires);
                    }
                }
                Mode::Prompt(_) => self.prompt(now, wires),
            }
        }
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

    fn prompt(&mut self, now: Instant, wires: &mut impl Wires) {
        let frame = self.frame(now);
        let Mode::Prompt(playing) = &mut self.mode else { return };
        let mut mixed = [0u8; PACKET];
        let mut said: &[i16] = &[];
        if !self.party_listens {
            // What nobody takes is not played: it would count as heard. And who took only a
            // part of it hears it whole when he listens again.
            playing.at = 0;
        } else if let Some((samples, octets)) = playing.prompt.packet(playing.at, self.party_law) {
            if playing.at == 0 {
                playing.begun = frame;
                playing.source += 1;
            }
            send(self.to_party.generate(now), self.party_law.payload_type(), octets, wires);
            // A packet sent now is heard from now on: its last sample lies 20 ms ahead.
            let timestamp = playing.at as u32;
            self.timeline.place(LEFT, frame + PACKET as u64, playing.source, timestamp, samples.iter().copied());
            playing.at += PACKET;
            let from = self.prompted.map_or(playing.begun, |(from, _)| from);
            self.prompted = Some((from, playing.begun + playing.at as u64));
            said = samples;
        } else {
            let (from_frame, to_frame) = self.prompted.unwrap_or((frame, frame));
            self.mode = Mode::Talk;
            self.news.push_back(MediaEvent::PromptFinished { from_frame, to_frame });
            self.silence(now, wires);
            return;
        }
        for (at, octet) in mixed.iter_mut().enumerate() {
            let sum = i32::from(said.get(at).copied().unwrap_or(0)) + i32::from(self.mix.pop_front().unwrap_or(0));
            *octet = self.agent_law.encode(sum.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16);
        }
        wires.to_agent(self.to_agent.generate(now), self.agent_law.payload_type(), &mixed);
    }

    /// Ends the call's sound and hands out the rest of the recording.
    pub fn close(mut self, now: Instant) -> Summary {
        let frame = self.frame(now);
        let tap = &mut self.tap;
        self.timeline.finish(frame, |block| {
            tap.block(block);
        });
        let frames = self.timeline.frames();
        let prompt = self.prompted.map(|(from, to)| (from, to.min(frames)));
        Summary {
            frames,
            prompt: prompt.filter(|(from, to)| from < to),
            gaps: self.timeline.gaps().copied().collect(),
            agent: self.from_agent.quality(),
            party: self.from_party.quality(),
            late_samples: self.timeline.late(),
            slips: self.timeline.slips(),
        }
    }
}

fn convert(from: Law, to: Law, octets: &[u8], out: &mut [u8]) {
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
    let built = RtpPacketBuilder::new()
        .payload_type(payload_type)
        .marked(head.marker)
        .sequence(Seq::from(head.seq))
        .timestamp(head.timestamp)
        .ssrc(head.ssrc)
        .payload(payload)
        .build_into(&mut packet);
    if let Ok(len) = built {
        wires.to_party(&packet[..len]);
    }
}
