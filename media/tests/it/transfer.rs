//! A call that is passed on: who hears whom before, meanwhile and after. Everybody says one
//! loudness of his own.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rtp_rs::RtpReader;
use songda_media::{
    Law, MediaEvent, Prompt, Rest, Summary,
    inside::{Bridge, Egress, Head, View, Wires},
};

use crate::line::Shelf;

const AGENT: i16 = 3_000;
const TARGET: i16 = 9_000;
const PARTY: i16 = -6_000;
const MUSIC: i16 = 15_000;
const RING: i16 = -1_500;
const EVENTS: u8 = 101;

/// What somebody was sent: whose voice it is, in which law, under which header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Word {
    loudness: i16,
    payload_type: u8,
    ssrc: u32,
    seq: u16,
    timestamp: u32,
}

#[derive(Default)]
struct Heard {
    party: Vec<Word>,
    agent: Vec<Word>,
    target: Vec<Word>,
    keys: Vec<u8>,
}

fn word(head: Head, payload_type: u8, payload: &[u8]) -> Word {
    // What appears has faded in by the end of its first packet.
    let loudness = Law::of(payload_type).map_or(0, |law| law.decode(payload[payload.len() - 1]));
    Word { loudness, payload_type, ssrc: head.ssrc, seq: head.seq, timestamp: head.timestamp }
}

impl Wires for Heard {
    fn to_party(&mut self, packet: &[u8]) {
        let packet = RtpReader::new(packet).unwrap();
        let (ssrc, seq) = (packet.ssrc(), packet.sequence_number().into());
        let head = Head { ssrc, seq, timestamp: packet.timestamp(), marker: packet.mark() };
        if packet.payload_type() == EVENTS {
            self.keys.push(packet.payload()[0]);
        }
        self.party.push(word(head, packet.payload_type(), packet.payload()));
    }

    fn to_agent(&mut self, head: Head, payload_type: u8, payload: &[u8]) {
        self.agent.push(word(head, payload_type, payload));
    }

    fn to_target(&mut self, head: Head, payload_type: u8, payload: &[u8]) {
        self.target.push(word(head, payload_type, payload));
    }

    fn to_supervisor(&mut self, _: Head, _: u8, _: &[u8]) {
        panic!("nobody supervises these calls");
    }
}

/// Which laws the three speak, and whether the target has a desk phone.
#[derive(Debug, Clone, Copy)]
struct Case {
    agent: Law,
    target: Law,
    party: Law,
    phone: bool,
}

fn cases() -> impl Iterator<Item = Case> {
    let laws = [Law::Pcma, Law::Pcmu];
    (0..16).map(move |at| Case {
        agent: laws[at & 1],
        target: laws[at >> 1 & 1],
        party: laws[at >> 2 & 1],
        phone: at & 8 != 0,
    })
}

struct Trio {
    bridge: Bridge,
    shelf: Shelf,
    heard: Heard,
    case: Case,
    /// Who of the house sends packets.
    target_speaks: bool,
    agent_speaks: bool,
    handed_over: bool,
    t0: Instant,
    no: u32,
}

impl Trio {
    /// A call in which both talk.
    fn talking(case: Case) -> Self {
        let shelf = Shelf::default();
        let bridge = Bridge::new(Box::new(shelf.clone()), Egress::new(1, 65_500, 7), Egress::new(2, 9, 900));
        let heard = Heard::default();
        let t0 = Instant::now();
        let mut trio = Self {
            bridge,
            shelf,
            heard,
            case,
            target_speaks: false,
            agent_speaks: true,
            handed_over: false,
            t0,
            no: 0,
        };
        trio.bridge.agent_speaks(case.agent);
        trio.bridge.agent_connected(t0);
        trio.bridge.party_speaks(case.party, Some(EVENTS));
        trio.bridge.rest(t0, 1_000_000, Rest::Talk);
        trio
    }

    fn now(&self) -> Instant {
        self.t0 + Duration::from_millis(20) * self.no
    }

    fn rest(&mut self, rest: Rest) {
        self.bridge.rest(self.now(), 1_000_000, rest);
    }

    fn hold(&mut self) {
        self.rest(Rest::Hold { cue: 9, music: Arc::new(Prompt::from_samples(vec![MUSIC; 1_600])) });
        self.bridge.ring_agent(self.now(), Arc::new(Prompt::from_samples(vec![RING; 1_600])));
    }

    fn target(&mut self) {
        self.bridge.target(Egress::new(3, 40, 4_000), self.case.target, self.case.phone);
        self.bridge.target_speaks(self.case.target);
        if !self.case.phone {
            self.bridge.target_connected(self.now());
        }
        self.target_speaks = true;
    }

    /// As the engine and the machine do it: the target's leg is the agent's from here on.
    fn hand_over(&mut self) {
        self.bridge.hand_over(self.now());
        self.handed_over = true;
        self.rest(Rest::Talk);
    }

    /// So many packet times in which everybody speaks; what was heard in them.
    fn steps(&mut self, count: u32) -> Heard {
        for _ in 0..count {
            self.no += 1;
            let (now, no) = (self.now(), self.no);
            let octets = |law: Law, loudness: i16| [law.encode(loudness); 160];
            let agent = octets(self.case.agent, AGENT);
            let target = octets(self.case.target, TARGET);
            let party = octets(self.case.party, PARTY);
            let view = |ssrc: u32, law: Law, payload| View {
                ssrc,
                seq: (no + ssrc * 1_000) as u16,
                timestamp: no * 160 + ssrc * 77_777,
                payload_type: law.payload_type(),
                marker: false,
                payload,
            };
            if self.agent_speaks && !self.handed_over {
                self.bridge.from_agent(now, &view(70, self.case.agent, &agent), &mut self.heard);
            }
            if self.target_speaks {
                let said = view(80, self.case.target, &target);
                if self.handed_over {
                    self.bridge.from_agent(now, &said, &mut self.heard);
                } else {
                    self.bridge.from_target(now, &said, &mut self.heard);
                }
            }
            let said = view(90, self.case.party, &party);
            self.bridge.from_party(now, 1_000_000 + i64::from(no) * 20, &said, &mut self.heard);
            self.bridge.tick(now, &mut self.heard);
        }
        std::mem::take(&mut self.heard)
    }

    /// Without what the party's side sounds like.
    fn news(&mut self) -> Vec<MediaEvent> {
        std::iter::from_fn(|| self.bridge.news()).filter(|news| !matches!(news, MediaEvent::Heard(_))).collect()
    }

    fn close(self) -> (Vec<i16>, Vec<i16>, Summary) {
        let now = self.now();
        let summary = self.bridge.close(now);
        let frames = self.shelf.0.lock().unwrap().1.clone();
        let side = |side: usize| frames.chunks_exact(2).map(|frame| frame[side]).collect();
        (side(0), side(1), summary)
    }
}

/// Two conversions of a law apart at most.
fn is(heard: i16, said: i16) -> bool {
    (i32::from(heard) - i32::from(said)).abs() <= i32::from(said.unsigned_abs()) / 10
}

fn only(words: &[Word], said: i16, at_least: usize) -> bool {
    words.len() >= at_least && words.iter().all(|word| is(word.loudness, said))
}

#[test]
fn r4_1a_in_a_transfer_agent_and_target_hear_each_other_and_the_party_hears_music_then_the_target() {
    for case in cases() {
        let mut call = Trio::talking(case);
        let mut to_party = Vec::new();
        let talk = call.steps(50);
        assert!(only(&talk.party, AGENT, 50) && only(&talk.agent, PARTY, 50), "{case:?}");
        to_party.extend(talk.party);

        call.hold();
        let rings = call.steps(50);
        assert!(only(&rings.party, MUSIC, 50) && only(&rings.agent, RING, 50), "{case:?}");
        assert!(rings.target.is_empty(), "{case:?}");
        to_party.extend(rings.party);

        call.target();
        let answered = call.steps(5);
        assert!(only(&answered.party, MUSIC, 5) && only(&answered.agent, RING, 5), "{case:?}");
        assert!(answered.target.is_empty(), "nobody is heard before it is said who hears whom: {case:?}");
        to_party.extend(answered.party);

        call.bridge.consult();
        let aside = call.steps(100);
        assert!(only(&aside.party, MUSIC, 100), "the party hears nothing of it: {case:?}");
        assert!(only(&aside.agent, TARGET, 100) && only(&aside.target, AGENT, 100), "{case:?}");
        assert!(aside.target.iter().all(|word| word.payload_type == case.target.payload_type()));
        to_party.extend(aside.party);

        call.news();
        call.hand_over();
        assert_eq!(call.news(), [MediaEvent::HandedOver { frame: 206 * 160 }], "{case:?}");
        let after = call.steps(100);
        assert!(only(&after.party, TARGET, 100), "{case:?}");
        assert!(only(&after.agent, PARTY, 100), "the agent's place is the target's: {case:?}");
        assert!(!case.phone || after.agent.iter().all(|word| word.payload_type == case.target.payload_type()));
        assert!(after.agent.iter().all(|word| word.ssrc == 3) && after.target.is_empty(), "{case:?}");
        // Who was consulted hears one stream.
        for pair in aside.target.iter().chain(&after.agent).collect::<Vec<_>>().windows(2) {
            assert_eq!(pair[1].seq, pair[0].seq.wrapping_add(1), "{case:?}");
        }
        to_party.extend(after.party);

        assert!(to_party.iter().all(|word| word.payload_type == case.party.payload_type()));
        for pair in to_party.windows(2) {
            let (before, word) = (pair[0], pair[1]);
            assert_eq!((word.ssrc, word.seq), (1, before.seq.wrapping_add(1)), "{case:?}");
            assert_eq!(word.timestamp.wrapping_sub(before.timestamp), 160, "{case:?}");
        }

        let (left, right, summary) = call.close();
        assert_eq!(summary.frames, 306 * 160, "{case:?}");
        assert!(
            right[160..305 * 160].iter().all(|sample| is(*sample, PARTY)),
            "the party stands on the right: {case:?}"
        );
        assert!(!summary.gaps.iter().any(|gap| gap.to_frame - gap.from_frame > 320), "{:?}", summary.gaps);
        let voices = [(2..50, AGENT), (53..205, MUSIC), (208..305, TARGET)];
        for (packets, voice) in voices {
            let span = packets.start * 160..packets.end * 160;
            assert!(left[span].iter().all(|sample| is(*sample, voice)), "{voice} in the left channel: {case:?}");
        }
        let leaked = left[52 * 160..205 * 160].iter().any(|sample| is(*sample, AGENT) || is(*sample, TARGET));
        assert!(!leaked, "{case:?}");
    }
}

#[test]
fn r4_1a_a_target_that_is_let_go_leaves_the_call_as_it_was() {
    for case in cases() {
        let mut call = Trio::talking(case);
        call.hold();
        call.target();
        call.bridge.consult();
        call.steps(20);
        call.bridge.drop_target();
        call.rest(Rest::Talk);
        let heard = call.steps(50);
        assert!(only(&heard.party, AGENT, 50) && only(&heard.agent, PARTY, 50), "{case:?}");
        assert!(heard.target.is_empty() && heard.agent.iter().all(|word| word.ssrc == 2), "{case:?}");
        let (left, _, _) = call.close();
        // The music fades out past it, and no longer.
        assert!(left.iter().filter(|sample| is(**sample, TARGET)).count() < 32, "{case:?}");
        // And again, from the start.
        let mut call = Trio::talking(case);
        call.hold();
        call.bridge.drop_target();
        call.rest(Rest::Talk);
        assert!(only(&call.steps(20).party, AGENT, 20), "{case:?}");
    }
}

#[test]
fn a_muted_agent_is_silence_for_whom_he_consults() {
    let mut call = Trio::talking(Case { agent: Law::Pcma, target: Law::Pcmu, party: Law::Pcma, phone: true });
    call.hold();
    call.target();
    call.bridge.consult();
    call.bridge.mute(true);
    let heard = call.steps(20);
    assert!(heard.target.len() == 20 && heard.target.iter().all(|word| word.loudness.abs() < 16));
    call.bridge.mute(false);
    assert!(only(&call.steps(20).target, AGENT, 20));
}

#[test]
fn the_prompt_that_asks_to_hold_is_not_heard_over_the_ring_back() {
    let mut call = Trio::talking(Case { agent: Law::Pcma, target: Law::Pcma, party: Law::Pcma, phone: false });
    call.steps(10);
    call.hold();
    let words = Arc::new(Prompt::from_samples(vec![-20_000; 1_600]));
    call.bridge.announce(call.now(), 1_000_000, 4, words);
    let heard = call.steps(9);
    assert!(only(&heard.party, -20_000, 9) && only(&heard.agent, RING, 9));
}

#[test]
fn keys_that_are_pressed_aside_reach_nobody_and_the_targets_reach_the_party() {
    let mut call = Trio::talking(Case { agent: Law::Pcma, target: Law::Pcma, party: Law::Pcma, phone: true });
    let key = |seq: u16, code: u8| (seq, [code, 10, 0, 160]);
    let event = |seq: u16, payload| View { ssrc: 70, seq, timestamp: 160, payload_type: EVENTS, marker: true, payload };
    call.hold();
    call.target();
    call.bridge.consult();
    let (seq, payload) = key(1, 5);
    let now = call.now();
    call.bridge.from_agent(now, &event(seq, &payload), &mut call.heard);
    call.bridge.from_target(now, &event(seq, &payload), &mut call.heard);
    let heard = call.steps(20);
    assert!(heard.keys.is_empty() && only(&heard.target, AGENT, 20) && only(&heard.agent, TARGET, 20));
    call.hand_over();
    call.steps(5);
    let (seq, payload) = key(2, 7);
    let now = call.now();
    call.bridge.from_agent(now, &event(seq, &payload), &mut call.heard);
    assert_eq!(call.steps(1).keys, [7], "the phone's keys go to the party");
    assert!(call.bridge.digits("9"), "and those of the desk");
    let heard = call.steps(10);
    assert!(!heard.keys.is_empty() && heard.keys.iter().all(|key| *key == 9));
}

#[test]
fn r4_1a_the_new_browser_is_missed_when_its_packets_stop_and_a_desk_phone_is_not() {
    for phone in [false, true] {
        let mut call = Trio::talking(Case { agent: Law::Pcma, target: Law::Pcma, party: Law::Pcma, phone });
        call.hold();
        call.target();
        call.hand_over();
        call.steps(100);
        call.news();
        call.target_speaks = false;
        let heard = call.steps(200);
        assert!(heard.party.len() >= 195, "the party's stream goes on");
        let gone = call.news().iter().any(|news| matches!(news, MediaEvent::AgentGone { .. }));
        assert_eq!(gone, !phone);
    }
}

#[test]
fn e51_an_agent_who_is_lost_while_he_consults_is_missed_as_ever() {
    let mut call = Trio::talking(Case { agent: Law::Pcma, target: Law::Pcma, party: Law::Pcma, phone: false });
    call.hold();
    call.target();
    call.bridge.consult();
    call.steps(10);
    call.news();
    call.agent_speaks = false;
    call.steps(110);
    assert!(matches!(call.news()[..], [MediaEvent::AgentGone { .. }]));
    call.hand_over();
    assert!(only(&call.steps(50).party, TARGET, 50), "and the target gets the party");
}

#[test]
fn r4_1a_a_browser_that_falls_silent_before_it_has_the_party_is_lost_and_told_once() {
    for phone in [false, true] {
        let mut call = Trio::talking(Case { agent: Law::Pcma, target: Law::Pcma, party: Law::Pcma, phone });
        call.hold();
        call.target();
        call.bridge.consult();
        call.steps(100);
        call.news();
        call.target_speaks = false;
        call.steps(98);
        assert_eq!(call.news(), []);
        call.steps(200);
        assert_eq!(call.news(), if phone { vec![] } else { vec![MediaEvent::TargetLost { leg: 3 }] });
    }
}
