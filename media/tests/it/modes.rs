//! Who hears whom in every mode of the bridge and after every switch from one to another, by tones:
//! everybody says a tone of his own. The recording is heard the same way; and no switch is a click.

use std::{
    f64::consts::TAU,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use rtp_rs::RtpReader;
use songda_media::{
    Law, MediaEvent, Prompt, Rest, Summary, Supervision,
    inside::{Bridge, Egress, Head, View, Wires},
};

use crate::line::Shelf;

mod whispers;

/// Whose tone it is, its frequency, Hz, and its loudness. Of persons none is at rest where packets meet.
const TONES: [(char, f64, f64); 7] = [
    ('a', 340.0, 3_000.0),
    ('t', 120.0, 3_000.0),
    ('p', 140.0, 3_000.0),
    ('s', 160.0, 3_000.0),
    ('m', 180.0, 3_000.0),
    ('r', 200.0, 3_000.0),
    ('n', 220.0, 3_000.0),
];
/// A tone is heard over this many samples: each has whole waves in them.
const WINDOW: usize = 2_400;
/// Packet times between two switches.
const STAY: u32 = 32;

/// Every tone has whole waves in this many samples.
const PERIOD: usize = 400;

fn sample(who: char, at: i64) -> i16 {
    static WAVES: OnceLock<Vec<[i16; PERIOD]>> = OnceLock::new();
    let wave = |(_, hz, full): (char, f64, f64)| {
        std::array::from_fn(|at| ((at as f64 * hz * TAU / 8_000.0).sin() * full) as i16)
    };
    let waves = WAVES.get_or_init(|| TONES.into_iter().map(wave).collect());
    waves[TONES.iter().position(|(name, ..)| *name == who).unwrap()][at as usize % PERIOD]
}

/// How loud a tone is in these samples (Goertzel).
fn loudness(samples: &[i16], hz: f64) -> f64 {
    let angle = hz * TAU / 8_000.0;
    let (mut one, mut two) = (0.0, 0.0);
    for sample in samples {
        let now = f64::from(*sample) + 2.0 * angle.cos() * one - two;
        (two, one) = (one, now);
    }
    let power = one * one + two * two - 2.0 * angle.cos() * one * two;
    2.0 * power.max(0.0).sqrt() / samples.len() as f64
}

/// The names of the tones that are heard in the last of these samples.
pub(crate) fn heard(samples: &[i16]) -> String {
    if samples.len() < WINDOW {
        return String::new();
    }
    let last = &samples[samples.len() - WINDOW..];
    let mut names = String::new();
    for (name, hz, full) in TONES {
        let found = loudness(last, hz);
        assert!(found > 0.9 * full || found < 0.05 * full, "half of {name} is heard: {found}");
        if found > 0.9 * full {
            names.push(name);
        }
    }
    names
}

/// What an ear was sent, as samples on its own clock.
#[derive(Default)]
struct Ear {
    samples: Vec<i16>,
    next: Option<(u32, u16, u32)>,
    /// Where the sound went on after nothing was sent for a while.
    seams: Vec<usize>,
    packets: usize,
}

impl Ear {
    fn take(&mut self, head: Head, payload_type: u8, payload: &[u8]) {
        let law = Law::of(payload_type).unwrap();
        if let Some((ssrc, seq, timestamp)) = self.next {
            assert_eq!((head.ssrc, head.seq), (ssrc, seq), "one stream, packet by packet");
            if head.timestamp != timestamp {
                assert!(head.timestamp.wrapping_sub(timestamp) < 0x8000_0000, "time never goes back");
                self.seams.push(self.samples.len());
            }
        }
        self.samples.extend(payload.iter().map(|octet| law.decode(*octet)));
        self.packets += 1;
        self.next = Some((head.ssrc, head.seq.wrapping_add(1), head.timestamp.wrapping_add(payload.len() as u32)));
    }
}

#[derive(Default)]
struct Ears {
    party: Ear,
    agent: Ear,
    target: Ear,
    supervisor: Ear,
}

impl Wires for Ears {
    fn to_party(&mut self, packet: &[u8]) {
        let packet = RtpReader::new(packet).unwrap();
        let (ssrc, seq) = (packet.ssrc(), packet.sequence_number().into());
        let head = Head { ssrc, seq, timestamp: packet.timestamp(), marker: packet.mark() };
        self.party.take(head, packet.payload_type(), packet.payload());
    }

    fn to_agent(&mut self, head: Head, payload_type: u8, payload: &[u8]) {
        self.agent.take(head, payload_type, payload);
    }

    fn to_target(&mut self, head: Head, payload_type: u8, payload: &[u8]) {
        self.target.take(head, payload_type, payload);
    }

    fn to_supervisor(&mut self, head: Head, payload_type: u8, payload: &[u8]) {
        self.supervisor.take(head, payload_type, payload);
    }
}

/// How agent, target and party stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    Talk,
    Hold,
    Ringing,
    Consult,
    ThreeWay,
    ThreeWayOnHold,
}

const ROOMS: [Room; 6] = [Room::Talk, Room::Hold, Room::Ringing, Room::Consult, Room::ThreeWay, Room::ThreeWayOnHold];
const WATCHES: [Option<Supervision>; 4] =
    [None, Some(Supervision::Listen), Some(Supervision::Whisper), Some(Supervision::Barge)];

type Mode = (Room, Option<Supervision>);

fn modes() -> impl Iterator<Item = Mode> {
    ROOMS.into_iter().flat_map(|room| WATCHES.into_iter().map(move |watch| (room, watch)))
}

/// What each of them hears: party, agent, target, supervisor. In the order of the tones.
fn wanted((room, watch): Mode) -> [&'static str; 4] {
    use Supervision::{Barge, Listen, Whisper};
    match (room, watch) {
        (Room::Talk, None) => ["a", "p", "", ""],
        (Room::Talk, Some(Listen)) => ["a", "p", "", "ap"],
        (Room::Talk, Some(Whisper)) => ["a", "ps", "", "ap"],
        (Room::Talk, Some(Barge)) => ["as", "ps", "", "ap"],
        (Room::Hold, None) => ["m", "p", "", ""],
        (Room::Hold, Some(Listen)) => ["m", "p", "", "ap"],
        (Room::Hold, Some(Whisper | Barge)) => ["m", "ps", "", "ap"],
        (Room::Ringing, None) => ["m", "r", "", ""],
        (Room::Ringing, Some(Listen)) => ["m", "r", "", "ap"],
        (Room::Ringing, Some(Whisper | Barge)) => ["m", "sr", "", "ap"],
        (Room::Consult, None) => ["m", "t", "a", ""],
        (Room::Consult, Some(Listen)) => ["m", "t", "a", "at"],
        (Room::Consult, Some(Whisper)) => ["m", "ts", "a", "at"],
        (Room::Consult, Some(Barge)) => ["m", "ts", "as", "at"],
        (Room::ThreeWay, None) => ["at", "tp", "ap", ""],
        (Room::ThreeWay, Some(Listen)) => ["at", "tp", "ap", "atp"],
        (Room::ThreeWay, Some(Whisper)) => ["at", "tps", "ap", "atp"],
        (Room::ThreeWay, Some(Barge)) => ["ats", "tps", "aps", "atp"],
        (Room::ThreeWayOnHold, None) => ["m", "tp", "ap", ""],
        (Room::ThreeWayOnHold, Some(Listen)) => ["m", "tp", "ap", "atp"],
        (Room::ThreeWayOnHold, Some(Whisper)) => ["m", "tps", "ap", "atp"],
        (Room::ThreeWayOnHold, Some(Barge)) => ["m", "tps", "aps", "atp"],
    }
}

/// Everybody of a call, each with a law and a clock of his own.
struct House {
    bridge: Bridge,
    shelf: Shelf,
    ears: Ears,
    t0: Instant,
    no: u32,
    target: bool,
    supervisor: bool,
    /// The target took the agent's place.
    handed_over: bool,
    /// The supervisor's tone.
    says: char,
}

const LAWS: [Law; 4] = [Law::Pcma, Law::Pcmu, Law::Pcma, Law::Pcma];

impl House {
    fn new() -> Self {
        let shelf = Shelf::default();
        let (to_party, to_agent) = (Egress::new(1, 65_000, u32::MAX - 9_000), Egress::new(2, 9, 900));
        let bridge = Bridge::new(Box::new(shelf.clone()), to_party, to_agent);
        let t0 = Instant::now();
        let mut house = Self {
            bridge,
            shelf,
            ears: Ears::default(),
            t0,
            no: 0,
            target: false,
            supervisor: false,
            handed_over: false,
            says: 's',
        };
        house.bridge.agent_speaks(LAWS[0]);
        house.bridge.agent_connected(t0);
        house.bridge.party_speaks(LAWS[2], None);
        house.bridge.rest(t0, 1_000_000, Rest::Talk);
        house
    }

    fn now(&self) -> Instant {
        self.t0 + Duration::from_millis(20) * self.no
    }

    fn prompt(who: char, packets: i64) -> Arc<Prompt> {
        Arc::new(Prompt::from_samples((0..packets * 160).map(|at| sample(who, at)).collect()))
    }

    fn go(&mut self, (room, watch): Mode) {
        let now = self.now();
        let with_target = matches!(room, Room::Consult | Room::ThreeWay | Room::ThreeWayOnHold);
        if self.target && !with_target {
            self.bridge.drop_target();
            self.target = false;
        } else if !self.target && with_target {
            self.bridge.target(Egress::new(3, 7, 70), LAWS[1], true);
            self.ears.target = Ear::default();
            self.target = true;
        }
        match room {
            Room::Ringing => self.bridge.ring_agent(now, Self::prompt('r', 40)),
            Room::Consult => self.bridge.consult(),
            Room::ThreeWay | Room::ThreeWayOnHold => self.bridge.join(),
            Room::Talk | Room::Hold => self.bridge.drop_target(),
        }
        let rest = match room {
            Room::Talk | Room::ThreeWay => Rest::Talk,
            // The waves of the music end where they began.
            _ => Rest::Hold { cue: 9, music: Self::prompt('m', 40) },
        };
        self.bridge.rest(now, 1_000_000, rest);
        match watch {
            Some(what) if self.supervisor => self.bridge.supervision(what),
            Some(what) => {
                self.bridge.supervise(Egress::new(4, 77, 7_777), LAWS[3], what);
                self.ears.supervisor = Ear::default();
            }
            None => self.bridge.drop_supervisor(),
        }
        self.supervisor = watch.is_some();
    }

    /// So many packet times in which everybody says his tone.
    fn run(&mut self, count: u32) {
        for _ in 0..count {
            self.no += 1;
            let (now, no) = (self.now(), self.no);
            let said = |who: char, law: Law| -> Vec<u8> {
                (0..160).map(|at| law.encode(sample(who, i64::from(no) * 160 + at))).collect()
            };
            let view = |ssrc: u32, law: Law, payload| View {
                ssrc,
                seq: (no + ssrc * 1_000) as u16,
                timestamp: no * 160 + ssrc.wrapping_mul(99_999_989),
                payload_type: law.payload_type(),
                marker: false,
                payload,
            };
            let (agent, target) = (said('a', LAWS[0]), said('t', LAWS[1]));
            let (party, supervisor) = (said('p', LAWS[2]), said(self.says, LAWS[3]));
            let ears = &mut self.ears;
            if self.handed_over {
                self.bridge.from_agent(now, &view(80, LAWS[1], &target), ears);
            } else {
                self.bridge.from_agent(now, &view(70, LAWS[0], &agent), ears);
            }
            if self.target {
                self.bridge.from_target(now, &view(80, LAWS[1], &target), ears);
            }
            if self.supervisor {
                self.bridge.from_supervisor(now, &view(60, LAWS[3], &supervisor), ears);
            }
            self.bridge.from_party(now, 1_000_000, &view(90, LAWS[2], &party), ears);
            self.bridge.tick(now, ears);
        }
    }

    /// What they hear at this moment: party, agent, target, supervisor.
    fn hear(&mut self, who: impl std::fmt::Debug) -> [String; 4] {
        let ears = [&self.ears.party, &self.ears.agent, &self.ears.target, &self.ears.supervisor];
        let before: Vec<usize> = ears.iter().map(|ear| ear.packets).collect();
        self.run(1);
        let ears = [&self.ears.party, &self.ears.agent, &self.ears.target, &self.ears.supervisor];
        let names: [String; 4] = std::array::from_fn(|at| {
            // Who is sent nothing hears nothing.
            if ears[at].packets > before[at] { heard(&ears[at].samples) } else { String::new() }
        });
        for name in &names {
            assert!(!name.contains('n'), "{who:?}");
        }
        names
    }

    /// No two samples lie further apart than the tones that were heard can make them, in no ear.
    fn no_clicks(&self, what: impl std::fmt::Debug, heard: &[[&str; 4]]) {
        let ears = [&self.ears.party, &self.ears.agent, &self.ears.target, &self.ears.supervisor];
        for (at, ear) in ears.into_iter().enumerate() {
            let names: String = heard.iter().map(|each| each[at]).collect();
            let (step, place) = largest(&ear.samples, &ear.seams);
            assert!(step <= bound(&names), "a click of {step} at {place} in ear {at} of {names}: {what:?}");
        }
    }

    fn close(self) -> (Vec<i16>, Vec<i16>, Summary) {
        let now = self.now();
        let summary = self.bridge.close(now);
        let frames = self.shelf.0.lock().unwrap().1.clone();
        let side = |side: usize| frames.chunks_exact(2).map(|frame| frame[side]).collect();
        (side(0), side(1), summary)
    }
}

/// The largest step that these tones can make together where they fade in or out, in G.711. One
/// tone that is cut off at its height steps by 3000 alone.
fn bound(names: &str) -> i32 {
    let tones = TONES.iter().filter(|(name, ..)| names.contains(*name));
    let steps = tones.map(|(_, hz, full)| full * 2.0 * (hz * std::f64::consts::PI / 8_000.0).sin() + full / 32.0);
    let (sum, count) = steps.fold((0.0, 0), |(sum, count), step| (sum + step, count + 1));
    // The larger the sum, the coarser the law.
    (sum * 1.02) as i32 + if count > 2 { 520 } else { 260 }
}

/// The largest step from sample to sample, and where it is.
fn largest(samples: &[i16], seams: &[usize]) -> (i32, usize) {
    let steps = samples.windows(2).zip(1..).filter(|(_, at)| !seams.contains(at));
    steps.map(|(pair, at)| ((i32::from(pair[1]) - i32::from(pair[0])).abs(), at)).max().unwrap_or_default()
}

#[test]
fn r4_1a_r4_4b_who_hears_whom_is_so_in_every_mode_and_after_every_switch_and_no_switch_clicks() {
    for before in modes() {
        for after in modes() {
            let mut house = House::new();
            house.run(STAY);
            house.go(before);
            house.run(STAY);
            assert_eq!(house.hear(before), wanted(before), "{before:?} before {after:?}");
            let left_at = house.no as usize * 160;
            house.go(after);
            house.run(STAY);
            assert_eq!(house.hear(after), wanted(after), "{after:?} after {before:?}");
            let talk = wanted((Room::Talk, None));
            house.no_clicks((before, after), &[talk, wanted(before), wanted(after)]);
            let (left, right, _) = house.close();
            assert_eq!(heard(&left[..left_at - 160]), wanted(before)[0], "the left channel of {before:?}");
            assert_eq!(heard(&left[..left.len() - 160]), wanted(after)[0], "{after:?} after {before:?} on the left");
            assert_eq!(heard(&right[..right.len() - 160]), "p", "{after:?} on the right");
            let names = [talk[0], wanted(before)[0], wanted(after)[0]].concat();
            for (channel, names) in [(&left, names.as_str()), (&right, "p")] {
                let (step, at) = largest(&channel[400..], &[]);
                assert!(step <= bound(names), "a click of {step} at {at} of {left_at} recorded: {before:?} {after:?}");
            }
        }
    }
}

#[test]
fn r4_1a_an_announcement_in_a_three_way_reaches_the_party_alone_and_the_others_hear_it_beside_each_other() {
    for watch in WATCHES {
        let mut house = House::new();
        house.go((Room::ThreeWay, watch));
        house.run(STAY);
        house.bridge.announce(house.now(), 1_000_000, 5, House::prompt('n', 40));
        house.run(STAY);
        let ears = [&house.ears.party, &house.ears.agent, &house.ears.target, &house.ears.supervisor];
        let names: Vec<String> = ears.iter().map(|ear| heard(&ear.samples)).collect();
        let agent = if matches!(watch, None | Some(Supervision::Listen)) { "tpn" } else { "tpsn" };
        let target = if watch == Some(Supervision::Barge) { "apsn" } else { "apn" };
        let supervisor = if watch.is_some() { "atpn" } else { "" };
        assert_eq!(names, ["n", agent, target, supervisor], "{watch:?}");
        house.run(40);
        assert_eq!(house.hear(watch), wanted((Room::ThreeWay, watch)), "then all talk again");
        house.no_clicks(watch, &[["atn", "atpn", "atpn", "atpn"], wanted((Room::ThreeWay, watch))]);
    }
}

#[test]
fn r4_1a_who_leaves_a_three_way_leaves_the_others_talking_and_the_supervisor_stays() {
    // A click shows only where the tones stand high at that moment.
    for (watch, later) in WATCHES.into_iter().flat_map(|watch| [0, 1, 3, 4].map(|later| (watch, later))) {
        let mut house = House::new();
        house.go((Room::ThreeWay, watch));
        house.run(STAY + later);
        // The agent goes: the target has his place.
        house.bridge.hand_over(house.now());
        (house.handed_over, house.target) = (true, false);
        house.ears.agent = std::mem::take(&mut house.ears.target);
        house.run(STAY);
        let [party, agent, _, supervisor] = house.hear(watch);
        let barges = watch == Some(Supervision::Barge);
        let speaks = barges || watch == Some(Supervision::Whisper);
        assert_eq!(party, if barges { "ts" } else { "t" }, "{watch:?}");
        assert_eq!(agent, if speaks { "ps" } else { "p" }, "{watch:?}");
        assert_eq!(supervisor, if watch.is_some() { "tp" } else { "" }, "{watch:?}");
        // And the supervisor goes.
        house.bridge.drop_supervisor();
        house.supervisor = false;
        house.run(STAY);
        let [party, agent, ..] = house.hear(watch);
        assert_eq!((party.as_str(), agent.as_str()), ("t", "p"));
        house.no_clicks(watch, &[["ats", "tpas", "tps", "atp"]]);
    }
}

#[test]
fn r4_1a_a_desk_phone_that_holds_in_a_three_way_pours_nothing_into_any_ear_or_the_recording() {
    for watch in WATCHES {
        let mut house = House::new();
        house.go((Room::ThreeWay, watch));
        house.run(STAY);
        house.bridge.hold_target(true);
        house.run(STAY);
        let speaks = matches!(watch, Some(Supervision::Whisper | Supervision::Barge));
        let party = if watch == Some(Supervision::Barge) { "as" } else { "a" };
        let supervisor = if watch.is_some() { "ap" } else { "" };
        let [party_hears, agent_hears, _, supervisor_hears] = house.hear(watch);
        let agent = if speaks { "ps" } else { "p" };
        assert_eq!([party_hears.as_str(), &agent_hears, &supervisor_hears], [party, agent, supervisor], "{watch:?}");
        let held_to = house.no as usize * 160;
        house.bridge.hold_target(false);
        house.run(STAY);
        assert_eq!(house.hear(watch), wanted((Room::ThreeWay, watch)), "and then he is there again");
        house.no_clicks(watch, &[wanted((Room::ThreeWay, watch)), [party, agent, "", supervisor]]);
        let (left, ..) = house.close();
        assert_eq!(heard(&left[..held_to - 160]), party, "{watch:?} on the left");
    }
}

#[test]
fn r4_1a_a_third_whose_packets_stop_for_some_seconds_is_in_the_call_still_and_in_the_end_he_is_lost() {
    let mut house = House::new();
    house.go((Room::Consult, None));
    house.bridge.target_connected(house.now());
    house.go((Room::ThreeWay, None));
    house.run(STAY);
    let lost = |house: &mut House| {
        let news = std::iter::from_fn(|| house.bridge.news());
        news.filter(|news| *news == MediaEvent::TargetLost { leg: 3 }).count()
    };
    house.target = false;
    house.run(14 * 50);
    assert_eq!(lost(&mut house), 0, "he may come back");
    house.target = true;
    house.run(STAY);
    assert_eq!(house.hear("back"), wanted((Room::ThreeWay, None)));
    house.target = false;
    house.run(16 * 50);
    assert_eq!(lost(&mut house), 1, "told once");
}

#[test]
fn a_muted_agent_is_silent_in_every_mix() {
    let mut house = House::new();
    house.go((Room::ThreeWay, Some(Supervision::Barge)));
    house.run(STAY);
    house.bridge.mute(true);
    house.run(STAY);
    assert_eq!(house.hear("muted"), ["ts", "tps", "ps", "tp"]);
    house.bridge.mute(false);
    house.run(STAY);
    assert_eq!(house.hear("unmuted"), wanted((Room::ThreeWay, Some(Supervision::Barge))));
}

#[test]
fn r4_4b_a_supervisor_whose_page_goes_is_told_once_and_nobody_else_notices() {
    let mut house = House::new();
    house.go((Room::Talk, Some(Supervision::Barge)));
    house.bridge.supervisor_connected();
    house.run(50);
    let news: Vec<MediaEvent> = std::iter::from_fn(|| house.bridge.news()).collect();
    assert!(news.contains(&MediaEvent::SupervisorConnected { leg: 4 }), "{news:?}");
    house.supervisor = false;
    house.run(200);
    let news = std::iter::from_fn(|| house.bridge.news());
    assert_eq!(news.filter(|news| *news == MediaEvent::SupervisorLost { leg: 4 }).count(), 1);
    let [party, agent, ..] = house.hear("gone");
    assert_eq!((party.as_str(), agent.as_str()), ("a", "p"));
    house.no_clicks("gone", &[["as", "ps", "", "ap"]]);
}
