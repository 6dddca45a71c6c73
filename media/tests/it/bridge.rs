use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use rtp_rs::RtpReader;
use songda_media::{
    Law, MediaEvent, Prompt, Tap,
    inside::{Bridge, Egress, Head, View, Wires},
};

#[derive(Default)]
struct Heard {
    party: Vec<(u8, u32, Vec<u8>)>,
    agent: Vec<(u8, u32, Vec<u8>)>,
}

impl Wires for Heard {
    fn to_party(&mut self, packet: &[u8]) {
        let reader = RtpReader::new(packet).unwrap();
        self.party.push((reader.payload_type(), reader.timestamp(), reader.payload().to_vec()));
    }

    fn to_agent(&mut self, head: Head, payload_type: u8, payload: &[u8]) {
        self.agent.push((payload_type, head.timestamp, payload.to_vec()));
    }
}

#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<(Option<i64>, Vec<i16>)>>);

impl Tap for Shelf {
    fn started(&mut self, unix_ms: i64) {
        self.0.lock().unwrap().0 = Some(unix_ms);
    }

    fn block(&mut self, frames: &[i16]) -> bool {
        self.0.lock().unwrap().1.extend_from_slice(frames);
        true
    }
}

struct Line {
    bridge: Bridge,
    shelf: Shelf,
    heard: Heard,
    t0: Instant,
    at: u64,
}

impl Line {
    fn new() -> Self {
        let shelf = Shelf::default();
        let bridge = Bridge::new(Box::new(shelf.clone()), Egress::new(1, 0, 0), Egress::new(2, 0, 0));
        Self { bridge, shelf, heard: Heard::default(), t0: Instant::now(), at: 0 }
    }

    fn now(&self) -> Instant {
        self.t0 + Duration::from_millis(self.at)
    }

    fn news(&mut self) -> Vec<MediaEvent> {
        std::iter::from_fn(|| self.bridge.news()).collect()
    }

    /// Twenty milliseconds: both ends send one packet of their octet, if they have one.
    fn step(&mut self, agent: Option<u8>, party: Option<u8>) {
        self.at += 20;
        let (now, no) = (self.now(), (self.at / 20) as u16);
        let packet = |ssrc: u32, payload: &'static [u8]| View {
            ssrc,
            seq: no,
            timestamp: u32::from(no) * 160,
            payload_type: 8,
            marker: false,
            payload,
        };
        if let Some(octet) = agent {
            let payload = Box::leak(vec![octet; 160].into_boxed_slice());
            self.bridge.from_agent(now, &packet(77, payload), &mut self.heard);
        }
        if let Some(octet) = party {
            let payload = Box::leak(vec![octet; 160].into_boxed_slice());
            self.bridge.from_party(now, 1_000_000 + self.at as i64, &packet(88, payload), &mut self.heard);
        }
        self.bridge.tick(now, &mut self.heard);
    }

    fn steps(&mut self, count: usize, agent: Option<u8>, party: Option<u8>) {
        for _ in 0..count {
            self.step(agent, party);
        }
    }

    fn close(self) -> (Vec<i16>, Vec<i16>, songda_media::Summary) {
        let now = self.now();
        let summary = self.bridge.close(now);
        let frames = self.shelf.0.lock().unwrap().1.clone();
        let side = |side: usize| frames.chunks_exact(2).map(|frame| frame[side]).collect();
        (side(0), side(1), summary)
    }
}

const AGENT: u8 = 0x90;
const PARTY: u8 = 0xb1;

#[test]
fn r2_1a_early_media_reaches_the_agent_and_the_recording_and_the_agent_reaches_nobody() {
    let mut line = Line::new();
    line.bridge.early(line.now());
    line.steps(100, Some(AGENT), Some(PARTY));
    assert_eq!(line.heard.agent.len(), 100);
    assert!(line.heard.agent.iter().all(|(kind, _, octets)| *kind == 8 && octets.iter().all(|octet| *octet == PARTY)));
    assert!(line.heard.party.iter().all(|(_, _, octets)| octets.iter().all(|octet| *octet == Law::Pcma.silence())));
    assert!(line.heard.party.len() >= 99, "a carrier that waits for our sound gets silence");
    assert_eq!(line.news(), [MediaEvent::PartyHeard]);
    assert_eq!(line.shelf.0.lock().unwrap().0, Some(1_000_000), "the recording starts with the first early media");
    let (left, right, _) = line.close();
    assert!(left.iter().all(|sample| *sample == 0));
    assert!(right[..15_000].iter().all(|sample| *sample == Law::Pcma.decode(PARTY)));
}

#[test]
fn r4_2f_the_notice_plays_to_the_party_while_the_agent_hears_both_and_is_muted() {
    let mut line = Line::new();
    line.bridge.early(line.now());
    let samples: Vec<i16> = (0..8_000).map(|at| ((at % 40) * 200 - 4_000) as i16).collect();
    let prompt = Arc::new(Prompt::from_samples(samples.clone()));
    line.bridge.play_then_talk(line.now(), 1_000_000, prompt);
    line.steps(50, Some(AGENT), Some(PARTY));
    let played: Vec<u8> = line.heard.party.iter().flat_map(|(_, _, octets)| octets.clone()).collect();
    let wanted: Vec<u8> = samples.iter().map(|sample| Law::Pcma.encode(*sample)).collect();
    assert_eq!(played[..8_000], wanted[..], "the party hears the notice and nothing of the agent");
    let mixed = &line.heard.agent[20].2;
    let alone = &line.heard.party[20].2;
    assert_ne!(mixed, alone, "the agent hears the party over the notice");
    line.steps(3, Some(AGENT), Some(PARTY));
    assert_eq!(line.news(), [MediaEvent::PartyHeard, MediaEvent::PromptFinished { from_frame: 320, to_frame: 8_320 }]);
    line.heard.party.clear();
    line.steps(50, Some(AGENT), Some(PARTY));
    assert!(line.heard.party.iter().all(|(_, _, octets)| octets.iter().all(|octet| *octet == AGENT)), "then both talk");
    let (left, right, summary) = line.close();
    let decoded: Vec<i16> = wanted.iter().map(|octet| Law::Pcma.decode(*octet)).collect();
    let found = left.windows(400).position(|window| {
        window.iter().zip(&samples).all(|(heard, said)| (i32::from(*heard) - i32::from(*said)).abs() < 300)
    });
    assert!(found.is_some_and(|at| at <= 480), "the notice stands in the left channel: {found:?} {}", decoded.len());
    assert!(right[2_000..12_000].iter().all(|sample| *sample == Law::Pcma.decode(PARTY)));
    assert_eq!(summary.party.lost, 0);
}

#[test]
fn a_notice_begins_when_the_carrier_takes_it_and_is_heard_whole() {
    let mut line = Line::new();
    line.bridge.early(line.now());
    line.bridge.party_listens(false);
    line.bridge.play_then_talk(line.now(), 1_000_000, Arc::new(Prompt::from_samples(vec![9_000; 8_000])));
    line.steps(50, Some(AGENT), Some(PARTY));
    assert_eq!(line.heard.party.len(), 0, "on hold nothing is played");
    assert_eq!(line.heard.agent.len(), 51, "the agent hears the party meanwhile");
    line.bridge.party_listens(true);
    line.steps(10, Some(AGENT), Some(PARTY));
    line.bridge.party_listens(false);
    line.steps(20, Some(AGENT), Some(PARTY));
    line.bridge.party_listens(true);
    line.heard.party.clear();
    line.steps(51, Some(AGENT), Some(PARTY));
    let loud = |octets: &[u8]| octets.iter().all(|octet| *octet == Law::Pcma.encode(9_000));
    assert_eq!(line.heard.party.iter().filter(|(_, _, octets)| loud(octets)).count(), 50, "from its first word again");
    let (from, to) = (8_160 + 160, 80 * 160 + 320 + 8_000);
    assert_eq!(line.news().last(), Some(&MediaEvent::PromptFinished { from_frame: from, to_frame: to }));
    let (left, _, summary) = line.close();
    let said = |at: usize| left[at] > 8_000;
    assert!(!said(7_000) && said(8_400) && !said(11_000) && said(13_200) && said(20_500));
    assert_eq!(summary.prompt, Some((from, to)));
}

#[test]
fn a_notice_that_nobody_took_is_not_said_to_be_in_the_recording() {
    for (steps, heard) in [(0, None), (10, Some((8_160, 9_600)))] {
        let mut line = Line::new();
        line.bridge.early(line.now());
        line.bridge.party_listens(false);
        line.bridge.play_then_talk(line.now(), 1_000_000, Arc::new(Prompt::from_samples(vec![9_000; 80_000])));
        line.steps(49, None, Some(PARTY));
        line.bridge.party_listens(true);
        line.steps(steps, None, Some(PARTY));
        let (_, _, summary) = line.close();
        assert_eq!(summary.prompt, heard);
    }
}

#[test]
fn what_the_agent_says_while_the_carrier_holds_is_silence_in_the_recording() {
    let mut line = talking();
    line.bridge.party_listens(false);
    line.steps(50, Some(AGENT), Some(PARTY));
    let (left, _, _) = line.close();
    assert!(left[1_600..8_000].iter().all(|sample| *sample == 0));
}

fn talking() -> Line {
    let mut line = Line::new();
    line.bridge.early(line.now());
    let prompt = Arc::new(Prompt::from_samples(vec![0; 160]));
    line.bridge.play_then_talk(line.now(), 1_000_000, prompt);
    line.steps(5, Some(AGENT), Some(PARTY));
    line.heard = Heard::default();
    line.news();
    line
}

#[test]
fn a_muted_agent_is_silence_for_the_party_and_for_the_recording() {
    let mut line = talking();
    line.bridge.mute(true);
    line.steps(50, Some(AGENT), Some(PARTY));
    assert_eq!(line.heard.party.len(), 50);
    assert!(line.heard.party.iter().all(|(_, _, octets)| octets.iter().all(|octet| *octet == Law::Pcma.silence())));
    line.bridge.mute(false);
    line.heard.party.clear();
    line.steps(50, Some(AGENT), Some(PARTY));
    assert!(line.heard.party.iter().all(|(_, _, octets)| octets.iter().all(|octet| *octet == AGENT)));
    let (left, _, summary) = line.close();
    assert!(left[1_600..8_000].iter().all(|sample| *sample == 0), "mute stands as silence");
    assert!(!summary.gaps.iter().any(|gap| gap.channel == 0 && gap.to_frame - gap.from_frame > 320), "mute is no hole");
}

#[test]
fn the_party_hears_silence_on_one_clock_when_the_browser_stops_and_the_hole_is_noted() {
    let mut line = talking();
    line.steps(25, Some(AGENT), Some(PARTY));
    line.steps(50, None, Some(PARTY));
    line.steps(25, Some(AGENT), Some(PARTY));
    let stamps: Vec<u32> = line.heard.party.iter().map(|(_, stamp, _)| *stamp).collect();
    assert!(stamps.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) <= 800), "{stamps:?}");
    assert!(stamps.len() >= 96, "{}", stamps.len());
    let (_, _, summary) = line.close();
    let hole = summary.gaps.iter().find(|gap| gap.channel == 0).unwrap();
    assert!((7_500..=8_100).contains(&(hole.to_frame - hole.from_frame)), "{hole:?}");
}

#[test]
fn a_carrier_of_the_other_law_is_spoken_to_in_its_own() {
    let mut line = talking();
    line.bridge.party_speaks(Law::Pcmu, None);
    line.steps(10, Some(AGENT), Some(PARTY));
    let wanted = Law::Pcmu.encode(Law::Pcma.decode(AGENT));
    assert!(line.heard.party.iter().all(|(kind, _, octets)| *kind == 0 && octets.iter().all(|octet| *octet == wanted)));
    assert!(line.heard.agent.iter().all(|(kind, _, _)| *kind == 8), "what the carrier sends goes through as it is");
}

#[test]
fn keys_of_the_agent_reach_the_carrier_under_its_payload_type_and_not_the_recording() {
    let mut line = talking();
    line.bridge.party_speaks(Law::Pcma, Some(101));
    let key =
        View { ssrc: 77, seq: 900, timestamp: 144_000, payload_type: 126, marker: true, payload: &[5, 10, 0, 160] };
    let now = line.now();
    line.bridge.from_agent(now, &key, &mut line.heard);
    assert_eq!(
        line.heard.party.last().map(|(kind, _, octets)| (*kind, octets.clone())),
        Some((101, vec![5, 10, 0, 160]))
    );
}

#[test]
fn a_recording_that_cannot_be_kept_is_said_at_once() {
    struct Broken;
    impl Tap for Broken {
        fn started(&mut self, _: i64) {}
        fn block(&mut self, _: &[i16]) -> bool {
            false
        }
    }
    let mut line = Line::new();
    line.bridge = Bridge::new(Box::new(Broken), Egress::new(1, 0, 0), Egress::new(2, 0, 0));
    line.bridge.early(line.now());
    line.steps(100, None, Some(PARTY));
    assert_eq!(line.news(), [MediaEvent::PartyHeard, MediaEvent::RecordingFailed]);
}
