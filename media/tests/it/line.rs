use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use rtp_rs::RtpReader;
use songda_media::{
    MediaEvent, Prompt, Rest, Tap,
    inside::{Bridge, Egress, Head, View, Wires},
};

pub(crate) const NOTICE: u32 = 1;
pub(crate) const AGENT: u8 = 0x90;
pub(crate) const PARTY: u8 = 0xb1;

/// What either end was sent: payload type, timestamp, octets.
#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) party: Vec<(u8, u32, Vec<u8>)>,
    pub(crate) agent: Vec<(u8, u32, Vec<u8>)>,
}

impl Wires for Heard {
    fn to_party(&mut self, packet: &[u8]) {
        let reader = RtpReader::new(packet).unwrap();
        self.party.push((reader.payload_type(), reader.timestamp(), reader.payload().to_vec()));
    }

    fn to_agent(&mut self, head: Head, payload_type: u8, payload: &[u8]) {
        self.agent.push((payload_type, head.timestamp, payload.to_vec()));
    }

    fn to_target(&mut self, _: Head, _: u8, _: &[u8]) {
        panic!("these calls are passed on to nobody");
    }

    fn to_supervisor(&mut self, _: Head, _: u8, _: &[u8]) {
        panic!("nobody supervises these calls");
    }
}

/// When frame 0 was, by either clock, and the samples.
pub(crate) type Kept = (Option<(Instant, i64)>, Vec<i16>);

/// A recording that is kept in memory.
#[derive(Clone, Default)]
pub(crate) struct Shelf(pub(crate) Arc<Mutex<Kept>>);

impl Tap for Shelf {
    fn started(&mut self, frame_0: Instant, unix_ms: i64) {
        self.0.lock().unwrap().0 = Some((frame_0, unix_ms));
    }

    fn block(&mut self, frames: &[i16]) -> bool {
        self.0.lock().unwrap().1.extend_from_slice(frames);
        true
    }
}

/// One call in virtual time.
pub(crate) struct Line {
    pub(crate) bridge: Bridge,
    pub(crate) shelf: Shelf,
    pub(crate) heard: Heard,
    t0: Instant,
    at: u64,
}

impl Line {
    pub(crate) fn new() -> Self {
        let shelf = Shelf::default();
        let bridge = Bridge::new(Box::new(shelf.clone()), Egress::new(1, 0, 0), Egress::new(2, 0, 0));
        Self { bridge, shelf, heard: Heard::default(), t0: Instant::now(), at: 0 }
    }

    pub(crate) fn now(&self) -> Instant {
        self.t0 + Duration::from_millis(self.at)
    }

    pub(crate) fn began(&self) -> Instant {
        self.t0
    }

    /// A notice, as each call begins with one.
    pub(crate) fn notice(&mut self, prompt: Arc<Prompt>) {
        let now = self.now();
        self.bridge.announce(now, 1_000_000, NOTICE, prompt);
        self.bridge.rest(now, 1_000_000, Rest::Talk);
    }

    pub(crate) fn news(&mut self) -> Vec<MediaEvent> {
        std::iter::from_fn(|| self.bridge.news()).collect()
    }

    /// So many packet times pass in which nothing is done.
    pub(crate) fn stall(&mut self, packets: u64) {
        self.at += 20 * packets;
    }

    /// Twenty milliseconds: both ends send one packet of their octet, if they have one.
    pub(crate) fn step(&mut self, agent: Option<u8>, party: Option<u8>) {
        self.at += 20;
        let (now, no) = (self.now(), (self.at / 20) as u16);
        let view = |ssrc: u32, payload| View {
            ssrc,
            seq: no,
            timestamp: (self.at / 20) as u32 * 160,
            payload_type: 8,
            marker: false,
            payload,
        };
        let (said, answered) = ([agent.unwrap_or(0); 160], [party.unwrap_or(0); 160]);
        let (said, answered) = (view(77, &said), view(88, &answered));
        if agent.is_some() {
            self.bridge.from_agent(now, &said, &mut self.heard);
        }
        if party.is_some() {
            self.bridge.from_party(now, 1_000_000 + self.at as i64, &answered, &mut self.heard);
        }
        self.bridge.tick(now, &mut self.heard);
    }

    pub(crate) fn steps(&mut self, count: usize, agent: Option<u8>, party: Option<u8>) {
        for _ in 0..count {
            self.step(agent, party);
        }
    }

    pub(crate) fn close(self) -> (Vec<i16>, Vec<i16>, songda_media::Summary) {
        let now = self.now();
        let summary = self.bridge.close(now);
        let frames = self.shelf.0.lock().unwrap().1.clone();
        let side = |side: usize| frames.chunks_exact(2).map(|frame| frame[side]).collect();
        (side(0), side(1), summary)
    }
}
