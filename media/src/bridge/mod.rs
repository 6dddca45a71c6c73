//! The bridge of one call: agent's packets to the party, the party's to the agent, what is
//! played between them, and all of it onto the timeline. Beside them stand, for a while, whom
//! the agent passes the call on to or takes in as a third, and a supervisor.
//!
//! Who hears whom is one table. An ear that hears one mouth gets its packets as they are; G.711
//! is decoded for the recording, and mixed for an ear that hears more than one.
//!
//! Nothing here reads a clock or a socket.

mod company;
mod ear;
mod fade;
mod flow;
mod left;
mod listener;
mod play;
mod queue;
mod table;

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use rtp_rs::RtpReader;

pub(crate) use self::flow::packed;
pub use self::table::Supervision;
use self::{
    company::Guest,
    ear::{Ear, Parcel},
    left::{Left, Run},
    listener::Listener,
    queue::Queue,
    table::{Company, Ears, PEOPLE, Scene, TARGET},
};
use crate::{
    Law, Legs, Moments, PACKET, Prompt, RATE, digits,
    egress::{Egress, Head},
    progress::{Heard, Place},
    stage::{Rest, Span, Stage},
    timeline::{Gap, LEFT, Timeline},
    watch::{Silence, Watch},
};

/// Takes the recording, one second at a time.
pub trait Tap: Send {
    /// The first sound: when the recording's frame 0 lies, by the clock that does not jump and as the
    /// Unix millisecond of [`EngineConfig::unix_ms`](crate::EngineConfig).
    fn started(&mut self, frame_0: Instant, unix_ms: i64);
    /// One second of interleaved samples, the last block may be shorter. False when it
    /// cannot be kept; the call must then end.
    fn block(&mut self, frames: &[i16]) -> bool;
}

/// News of a call's sound. Frames are those of the recording.
#[derive(Debug, Clone, PartialEq)]
pub enum MediaEvent {
    /// The browser's leg is up.
    BrowserConnected,
    /// The browser's leg is gone.
    BrowserLost,
    /// The first packet came from the carrier.
    PartyHeard,
    /// An announcement was played to its end.
    PromptFinished(Span),
    /// The party pressed a key, by telephone-event (RFC 4733) or, where none was agreed, by its tones.
    Digit {
        /// `0` to `9`, `*`, `#`, `A` to `D`.
        digit: char,
        /// When.
        frame: u64,
    },
    /// No packet came from the browser for two seconds.
    AgentGone {
        /// When it was seen.
        frame: u64,
    },
    /// Packets come from a browser again.
    AgentBack {
        /// When.
        frame: u64,
    },
    /// Nothing was heard of the party for five seconds (E50).
    PartySilent {
        /// What is missing.
        silence: Silence,
        /// When it was seen.
        frame: u64,
    },
    /// The party is heard after it was told to be silent.
    PartyHeardAgain {
        /// When.
        frame: u64,
    },
    /// The browser of whom the call is passed on to is up.
    TargetConnected {
        /// Which leg it is, see [`GuestLeg`](crate::GuestLeg): news may come when the leg is gone.
        leg: u32,
    },
    /// The browser of whom the call is passed on to is gone.
    TargetLost {
        /// Which leg it was.
        leg: u32,
    },
    /// The supervisor's browser is up.
    SupervisorConnected {
        /// Which leg it is.
        leg: u32,
    },
    /// The supervisor's browser is gone.
    SupervisorLost {
        /// Which leg it was.
        leg: u32,
    },
    /// What the party's side sounds like.
    Heard(Heard),
    /// The target has the agent's place: what is told of the agent from here on is about him.
    HandedOver {
        /// From when on.
        frame: u64,
    },
    /// A block of the recording could not be kept.
    RecordingFailed,
    /// How well every leg was heard in the last five seconds.
    Quality(Moments),
    /// The same from the call's beginning to now, every ten seconds.
    Measured(Box<Legs>),
}

/// What is left of a call's sound.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Frames handed to the tap.
    pub frames: u64,
    /// Holes.
    pub gaps: Vec<Gap>,
    /// How well each leg was heard.
    pub legs: Legs,
    /// Samples that came too late for the recording.
    pub late_samples: u64,
    /// How often a channel was moved, mostly by 10 ms, to follow a drifting clock.
    pub slips: u64,
    /// Everything that was played, as far as the party was sent it, in order.
    pub played: Vec<Span>,
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

impl<'a> View<'a> {
    /// Reads a datagram; none when it is no RTP.
    pub(crate) fn read(datagram: &'a [u8]) -> Option<Self> {
        let reader = RtpReader::new(datagram).ok()?;
        Some(Self {
            ssrc: reader.ssrc(),
            seq: reader.sequence_number().into(),
            timestamp: reader.timestamp(),
            payload_type: reader.payload_type(),
            marker: reader.mark(),
            payload: reader.payload(),
        })
    }
}

impl View<'_> {
    /// What the timeline goes by: source, number and timestamp.
    pub(crate) fn stamp(&self) -> (u32, u16, u32) {
        (self.ssrc, self.seq, self.timestamp)
    }
}

/// Where packets go.
pub trait Wires {
    /// A whole RTP packet to the carrier.
    fn to_party(&mut self, packet: &[u8]);
    /// A packet to the agent's browser, which the WebRTC stack protects, or desk phone.
    fn to_agent(&mut self, head: Head, payload_type: u8, payload: &[u8]);
    /// The same to whom the call is passed on to, or who is in it as a third.
    fn to_target(&mut self, head: Head, payload_type: u8, payload: &[u8]);
    /// The same to the supervisor.
    fn to_supervisor(&mut self, head: Head, payload_type: u8, payload: &[u8]);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Nobody is connected yet.
    Waiting,
    /// Before the answer: the agent hears the carrier, the carrier hears silence.
    Early,
    /// After it: what the party hears stands on the stage.
    Open,
}

/// Ring-back for the agent, as long as the carrier sends none.
struct RingBack {
    tone: Arc<Prompt>,
    at: usize,
    /// Nothing of it was heard yet.
    begins: bool,
}

impl RingBack {
    fn of(tone: Arc<Prompt>) -> Self {
        Self { tone, at: 0, begins: true }
    }
}

/// Between two packets of what we make.
pub(crate) const TICK: Duration = Duration::from_millis(20);
/// Largest audio payload that is taken: 120 ms.
pub(crate) const LARGEST: usize = 960;

/// The bridge of one call.
pub struct Bridge {
    mode: Mode,
    muted: bool,
    party_events: Option<u8>,
    /// The carrier takes our sound at this time (RFC 3264, section 8.4).
    party_listens: bool,
    stage: Stage,
    ring_back: Option<RingBack>,
    company: Company,
    party: Ear,
    agent: Ear,
    target: Option<Guest>,
    supervisor: Option<(Guest, Supervision)>,
    /// What each mouth said for those who hear several at once.
    queues: [Queue; PEOPLE],
    /// When each mouth was heard last.
    heard_at: [Option<Instant>; PEOPLE],
    /// Where packets are put together.
    parcel: Parcel,
    keys_out: digits::Sender,
    /// Keys of the agent's own leg, and whether the event of the last one is passed on as it is.
    keys_of_agent: digits::Reader,
    passes_key: bool,
    keys_in: digits::Reader,
    /// Keys in the party's sound, where no telephone-event was agreed.
    tones_in: digits::tones::Hearer,
    /// Until then tones of ours may come back.
    own_tones_to: Option<Instant>,
    watch: Watch,
    left: Left,
    /// The mix that the party hears, in the recording.
    mixing: Option<Run>,
    next_tick: Option<Instant>,
    timeline: Timeline,
    started: Option<Instant>,
    tap: Box<dyn Tap>,
    tap_failed: bool,
    party_heard: bool,
    listener: Listener,
    news: VecDeque<MediaEvent>,
}

impl Bridge {
    /// A bridge that hands its recording to `tap`. The streams start at random points.
    pub fn new(tap: Box<dyn Tap>, to_party: Egress, to_agent: Egress) -> Self {
        Self {
            mode: Mode::Waiting,
            muted: false,
            party_events: None,
            party_listens: true,
            stage: Stage::new(),
            ring_back: None,
            company: Company::Alone,
            party: Ear::new(to_party, Law::Pcma),
            agent: Ear::new(to_agent, Law::Pcma),
            target: None,
            supervisor: None,
            queues: std::array::from_fn(|_| Queue::default()),
            heard_at: [None; PEOPLE],
            parcel: Parcel::default(),
            keys_out: digits::Sender::default(),
            keys_of_agent: digits::Reader::default(),
            passes_key: false,
            keys_in: digits::Reader::default(),
            tones_in: digits::tones::Hearer::default(),
            own_tones_to: None,
            watch: Watch::default(),
            left: Left::default(),
            mixing: None,
            next_tick: None,
            timeline: Timeline::default(),
            started: None,
            tap,
            tap_failed: false,
            party_heard: false,
            listener: Listener::default(),
            news: VecDeque::new(),
        }
    }

    /// What was negotiated with the browser or the desk phone.
    pub fn agent_speaks(&mut self, law: Law) {
        self.agent.law = law;
    }

    /// A browser's leg is up; from here on its packets are missed when they stop.
    pub fn agent_connected(&mut self, now: Instant) {
        self.watch.agent_connected(now);
        self.timeline.another_source(LEFT);
        self.news.push_back(MediaEvent::BrowserConnected);
    }

    /// The browser's leg is gone.
    pub fn agent_lost(&mut self) {
        self.news.push_back(MediaEvent::BrowserLost);
    }

    /// What was negotiated with the carrier.
    pub fn party_speaks(&mut self, law: Law, events: Option<u8>) {
        self.party.law = law;
        self.party_events = events;
    }

    /// The law that was negotiated with the carrier.
    pub(crate) fn party_law(&self) -> Law {
        self.party.law
    }

    /// Whether the carrier takes our sound; an announcement waits until it does.
    pub fn party_listens(&mut self, listens: bool) {
        self.party_listens = listens;
    }

    /// The party has called us: what is at its end needs no finding out, and no ear listens.
    pub fn comes_in(&mut self) {
        self.listener.leave();
    }

    /// Before the answer: what the carrier sends is heard and recorded.
    pub fn early(&mut self, now: Instant) {
        if self.mode == Mode::Waiting {
            self.mode = Mode::Early;
            self.next_tick = Some(now);
            self.listener.begin(Place::Early, self.frame(now));
        }
    }

    /// Plays this to the agent over and over until the carrier sends sound or answers.
    pub fn ring_back(&mut self, now: Instant, tone: Arc<Prompt>) {
        if self.mode != Mode::Open && !self.party_heard {
            self.ring_back = Some(RingBack::of(tone));
            self.next_tick.get_or_insert(now);
        }
    }

    /// Plays a prompt to the party once, after those before it; who hears the party hears both,
    /// and nobody of the house is heard by it. The call is answered with the first of them.
    pub fn announce(&mut self, now: Instant, unix_ms: i64, cue: u32, prompt: Arc<Prompt>) {
        self.open(now, unix_ms);
        self.keys_out.cut();
        self.stage.announce(cue, prompt);
    }

    /// What the party hears when no announcement plays.
    pub fn rest(&mut self, now: Instant, unix_ms: i64, rest: Rest) {
        self.open(now, unix_ms);
        if !matches!(rest, Rest::Talk) {
            self.keys_out.cut();
        }
        self.stage.rest(rest);
    }

    /// Cuts announcements short; what was sent of the present one stands in the summary.
    pub fn hush(&mut self) {
        self.stage.hush();
    }

    fn open(&mut self, now: Instant, unix_ms: i64) {
        if self.mode != Mode::Open {
            self.start(now, unix_ms, PACKET);
            self.mode = Mode::Open;
            // Ring-back and announcements are no sign of who answered: he is heard from here on.
            self.party_heard = false;
            self.ring_back = None;
            self.next_tick = Some(now);
            self.watch.answered(now);
            self.listener.begin(Place::Answered, self.frame(now));
        }
    }

    /// Sends digits to the party, one after another: as telephone-events, or as tones where none were
    /// agreed. False before the answer, when one of them is no key, or when too many wait. What is played
    /// to the party meanwhile drops those that have not begun: a menu that has moved on must not get them
    /// late.
    pub fn digits(&mut self, digits: &str) -> bool {
        let taken = self.mode == Mode::Open && self.keys_out.push(digits);
        if taken {
            self.listener.keys();
        }
        taken
    }

    /// Everybody hears silence instead of the agent.
    pub fn mute(&mut self, on: bool) {
        self.muted = on;
    }

    /// When the next packet of what we make is due; none before there is any.
    pub(crate) fn next_tick(&self) -> Option<Instant> {
        self.next_tick
    }

    /// Whether there is something that the call must know.
    pub fn has_news(&self) -> bool {
        !self.news.is_empty()
    }

    /// The next thing that the call must know.
    pub fn news(&mut self) -> Option<MediaEvent> {
        self.news.pop_front()
    }

    /// Whether keys go out now, in the place of the agent's voice.
    fn sends_keys(&self) -> bool {
        self.keys_out.is_underway() || (self.keys_out.is_busy() && self.stage.is_talk() && self.party_listens)
    }

    /// Who hears whom at this moment.
    fn ears(&self) -> Ears {
        let scene = match self.mode {
            Mode::Waiting | Mode::Early => Scene::Before,
            Mode::Open if self.stage.is_announcing() => Scene::Announcement,
            Mode::Open if self.stage.is_talk() => Scene::Talk,
            Mode::Open => Scene::Apart,
        };
        // Before the answer the agent hears that it rings until the carrier sends sound.
        let company = if self.ring_back.is_some() { Company::Ringing } else { self.company };
        let ears = Ears::of(company, self.supervisor.as_ref().map(|(_, what)| *what), scene);
        let holds = self.target.as_ref().is_some_and(|target| target.holds);
        if holds { ears.without(TARGET) } else { ears }
    }

    fn start(&mut self, now: Instant, unix_ms: i64, samples: usize) -> u64 {
        if self.started.is_none() {
            // The packet that starts the recording holds the time before it.
            let before = Duration::from_micros(samples as u64 * 1_000_000 / u64::from(RATE));
            let frame_0 = now.checked_sub(before).unwrap_or(now);
            self.started = Some(frame_0);
            self.tap.started(frame_0, unix_ms - before.as_millis() as i64);
        }
        self.frame(now)
    }

    /// The recording's live frame.
    fn frame(&self, now: Instant) -> u64 {
        self.started.map_or(0, |started| {
            now.saturating_duration_since(started).as_micros() as u64 * u64::from(RATE) / 1_000_000
        })
    }

    /// Ends the call's sound and hands out the rest of the recording.
    pub fn close(mut self, now: Instant) -> Summary {
        let frame = self.frame(now);
        let tap = &mut self.tap;
        self.timeline.finish(frame, |block| {
            tap.block(block);
        });
        let frames = self.timeline.frames();
        Summary {
            frames,
            played: self.stage.finish(frames),
            gaps: self.timeline.gaps(),
            // Counted where packets arrive.
            legs: Legs::default(),
            late_samples: self.timeline.late(),
            slips: self.timeline.slips(),
        }
    }
}
