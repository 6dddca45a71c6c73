//! What the network loses of one who speaks to the party together with others: they are heard there, and
//! it is listed all the same.

use std::time::{Duration, Instant};

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

/// A call in which three speak to the party, who loses what, and what is listed of it.
fn listed(loses: &str, no_sound: bool) -> Vec<Gap> {
    let mut bridge = Bridge::new(Box::new(Shelf::default()), Egress::new(1, 0, 0), Egress::new(2, 0, 0));
    let t0 = Instant::now();
    bridge.agent_speaks(Law::Pcma);
    bridge.party_speaks(Law::Pcma, None);
    bridge.rest(t0, 1_000_000, Rest::Talk);
    bridge.target(Egress::new(3, 0, 0), Law::Pcma, true);
    bridge.join();
    bridge.supervise(Egress::new(4, 0, 0), Law::Pcma, Supervision::Barge);
    for no in 1..300u32 {
        let now = t0 + Duration::from_millis(20) * no;
        for (ssrc, who) in (70..).zip(MOUTHS) {
            let missing = who == loses && (LOST..LOST + 10).contains(&no);
            if missing && !no_sound {
                continue;
            }
            // A key has a number and is no sound.
            let (payload_type, payload) = if missing { (101, &[1; 4][..]) } else { (8, &[0x91; 160][..]) };
            let view = View { ssrc, seq: no as u16, timestamp: no * 160, payload_type, marker: false, payload };
            match who {
                "agent" => bridge.from_agent(now, &view, &mut Nowhere),
                "target" => bridge.from_target(now, &view, &mut Nowhere),
                "supervisor" => bridge.from_supervisor(now, &view, &mut Nowhere),
                _ => bridge.from_party(now, 1_000_000, &view, &mut Nowhere),
            }
        }
        bridge.tick(now, &mut Nowhere);
    }
    bridge.close(t0 + Duration::from_millis(20) * 299).gaps
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
