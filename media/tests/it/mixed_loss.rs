//! What the network loses of one who speaks to the party together with others: they are heard there, and
//! it is listed all the same.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use songda_media::{
    Gap, GapKind, Law, Rest, Supervision,
    inside::{Bridge, Egress, Head, View, Wires},
};

use crate::line::Shelf;

struct Nowhere;

impl Wires for Nowhere {
    fn to_party(&mut self, _: &[u8]) {}
    fn to_agent(&mut self, _: Head, _: u8, _: &[u8]) {}
    fn to_target(&mut self, _: Head, _: u8, _: &[u8]) {}
    fn to_supervisor(&mut self, _: Head, _: u8, _: &[u8]) {}
}

/// Who loses ten of his packets.
const MOUTHS: [&str; 4] = ["agent", "target", "supervisor", "party"];
/// From which on.
const LOST: u32 = 100;

/// A call in which an agent, a target and a supervisor all speak to the party.
fn call(t0: Instant) -> Bridge {
    let mut bridge = Bridge::new(Box::new(Shelf::default()), Egress::new(1, 0, 0), Egress::new(2, 0, 0));
    bridge.agent_speaks(Law::Pcma);
    bridge.party_speaks(Law::Pcma, None);
    bridge.rest(t0, 1_000_000, Rest::Talk);
    bridge.target(Egress::new(3, 0, 0), Law::Pcma, true);
    bridge.join();
    bridge.supervise(Egress::new(4, 0, 0), Law::Pcma, Supervision::Barge);
    bridge
}

/// One of them says this.
fn say(bridge: &mut Bridge, now: Instant, who: usize, no: u32, (payload_type, payload): (u8, &[u8])) {
    let (ssrc, seq, timestamp) = (70 + who as u32, no as u16, no * 160);
    let view = View { ssrc, seq, timestamp, payload_type, marker: false, payload };
    match who {
        0 => bridge.from_agent(now, &view, &mut Nowhere),
        1 => bridge.from_target(now, &view, &mut Nowhere),
        2 => bridge.from_supervisor(now, &view, &mut Nowhere),
        _ => bridge.from_party(now, 1_000_000, &view, &mut Nowhere),
    }
}

/// Who loses what, and what is listed of it.
fn listed(loses: &str, no_sound: bool) -> Vec<Gap> {
    let t0 = Instant::now();
    let mut bridge = call(t0);
    let at = |no| t0 + Duration::from_millis(20) * no;
    for no in 1..300u32 {
        for (place, who) in MOUTHS.into_iter().enumerate() {
            let missing = who == loses && (LOST..LOST + 10).contains(&no);
            if !missing {
                say(&mut bridge, at(no), place, no, (8, &[0x91; 160]));
            } else if no_sound {
                // A key has a number and is no sound.
                say(&mut bridge, at(no), place, no, (101, &[1; 4]));
            }
        }
        bridge.tick(at(no), &mut Nowhere);
    }
    bridge.close(at(299)).gaps
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever is lost, late or doubled of whomever, and whoever comes and goes: holes stand in order and
    /// in the recording.
    #[test]
    fn r4_1a_holes_of_a_mix_stand_in_order_whatever_the_network_does(
        fates in prop::collection::vec((0u8..8, 0u8..8, 0u8..8, 0u8..8), 50..400), turns in prop::collection::vec(0u8..40, 8),
    ) {
        let t0 = Instant::now();
        let mut bridge = call(t0);
        let mut now = t0;
        let mut kept: [Vec<u32>; 4] = std::array::from_fn(|_| Vec::new());
        for (no, (agent, target, supervisor, party)) in (1u32..).zip(&fates) {
            now = t0 + Duration::from_millis(20) * no;
            for (place, fate) in [agent, target, supervisor, party].into_iter().enumerate() {
                // Most follow the one before: stalls and losses come in runs.
                let before = no.checked_sub(2).and_then(|no| fates.get(no as usize / 16 * 16)).map_or(0, |fates| fates.0);
                match if *fate < 5 { before } else { *fate } {
                    5 => {}
                    6 => kept[place].push(no),
                    7 => {
                        say(&mut bridge, now, place, no, (8, &[0x91; 160]));
                        say(&mut bridge, now, place, no, (8, &[0x91; 160]));
                    }
                    _ => {
                        for no in std::mem::take(&mut kept[place]).into_iter().chain([no]) {
                            say(&mut bridge, now, place, no, (8, &[0x91; 160]));
                        }
                    }
                }
            }
            match turns.iter().position(|turn| u32::from(*turn) * 10 == no) {
                Some(0) => bridge.supervision(Supervision::Whisper),
                Some(1) => bridge.supervision(Supervision::Barge),
                Some(2) => bridge.drop_supervisor(),
                Some(3) => bridge.consult(),
                Some(4) => bridge.join(),
                Some(5) => bridge.drop_target(),
                Some(6) => bridge.hand_over(now),
                _ => {}
            }
            bridge.tick(now, &mut Nowhere);
        }
        let summary = bridge.close(now);
        for channel in 0..2 {
            let holes: Vec<_> = summary.gaps.iter().filter(|gap| gap.channel == channel).collect();
            prop_assert!(holes.windows(2).all(|pair| pair[0].to_frame <= pair[1].from_frame), "{:?}", holes);
            for gap in holes {
                prop_assert_eq!(gap.from_frame == gap.to_frame, gap.kind == GapKind::Cut, "{:?}", gap);
                prop_assert!(gap.to_frame <= summary.frames, "{:?} of {}", gap, summary.frames);
            }
        }
    }
}

#[test]
fn r4_1a_what_is_lost_of_one_of_three_who_speak_to_the_party_is_listed_on_the_left() {
    for who in MOUTHS {
        let gaps = listed(who, false);
        let [gap] = gaps[..] else { panic!("{who}: {gaps:?}") };
        assert_eq!((gap.channel, gap.kind), (u8::from(who == "party"), GapKind::Lost), "{who}: {gaps:?}");
        assert!((1_440..=1_760).contains(&(gap.to_frame - gap.from_frame)), "{who}: {gap:?}");
        // What is mixed waits for 40 to 60 ms.
        let begun = u64::from(LOST) * 160;
        assert!((begun - 320..=begun + 800).contains(&gap.from_frame), "{who}: {gap:?}");
        if who != "party" {
            assert_eq!(listed(who, true), [], "{who}: a key is no loss");
        }
    }
}
