//! The ring-back in the agent's ear, and what is mixed beside it: whatever begins anew is no click.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use songda_media::{
    Law, Prompt, Rest, Supervision,
    inside::{Bridge, Egress, Head, Wires},
};

use crate::line::Shelf;

const HERTZ: f64 = 462.5;
const LOUD: f64 = 8_000.0;

/// What the agent hears.
#[derive(Default)]
struct Ear(Vec<i16>);

impl Wires for Ear {
    fn to_party(&mut self, _: &[u8]) {}

    fn to_agent(&mut self, _: Head, _: u8, payload: &[u8]) {
        self.0.extend(payload.iter().map(|octet| Law::Pcma.decode(*octet)));
    }

    fn to_target(&mut self, _: Head, _: u8, _: &[u8]) {}

    fn to_supervisor(&mut self, _: Head, _: u8, _: &[u8]) {}
}

/// A tone that begins at rest; each packet of it ends a quarter of a wave further, the first at its
/// peak.
fn tone() -> Arc<Prompt> {
    let sample = |at: usize| ((at as f64 * HERTZ * std::f64::consts::TAU / 8_000.0).sin() * LOUD) as i16;
    Arc::new(Prompt::from_samples((0..8_000).map(sample).collect()))
}

/// The largest step between two samples next to each other.
fn step(heard: &[i16]) -> i32 {
    heard.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max().unwrap()
}

struct Call {
    bridge: Bridge,
    ear: Ear,
    now: Instant,
}

impl Call {
    fn new() -> Self {
        let bridge = Bridge::new(Box::new(Shelf::default()), Egress::new(1, 0, 0), Egress::new(2, 0, 0));
        Self { bridge, ear: Ear::default(), now: Instant::now() }
    }

    /// So many packets, each in its time.
    fn passes(&mut self, packets: usize) {
        for _ in 0..packets {
            self.bridge.tick(self.now, &mut self.ear);
            self.now += Duration::from_millis(20);
        }
    }
}

/// The wave's own steepest step, what fades out beside it in 4 ms, and what A-law makes of both.
const NO_CLICK: i32 = 3_600;

#[test]
fn a_ring_back_that_begins_anew_before_the_answer_fades_into_itself() {
    let mut call = Call::new();
    call.bridge.early(call.now);
    call.bridge.ring_back(call.now, tone());
    call.passes(1);
    assert!(i32::from(*call.ear.0.last().unwrap()) > 7_000, "it is at its peak");
    // Another trunk rings.
    call.bridge.ring_back(call.now, tone());
    call.passes(3);
    assert_eq!(call.ear.0.len(), 640);
    assert!(step(&call.ear.0) < NO_CLICK, "{}", step(&call.ear.0));
    // And it is the whole tone from its beginning.
    let again = &call.ear.0[192..];
    let wave = |at: usize| ((at as f64 * HERTZ * std::f64::consts::TAU / 8_000.0).sin() * LOUD) as i32;
    let off = again.iter().zip(32..).map(|(heard, at)| (i32::from(*heard) - wave(at)).abs()).max().unwrap();
    assert!(off < 300, "{off}");
}

#[test]
fn a_second_target_that_rings_at_once_is_no_click_whoever_whispers_meanwhile() {
    for whispered in [false, true] {
        let mut call = Call::new();
        call.bridge.rest(call.now, 1_000_000, Rest::Talk);
        if whispered {
            call.bridge.supervise(Egress::new(3, 0, 0), Law::Pcma, Supervision::Whisper);
        }
        call.bridge.ring_agent(call.now, tone());
        call.passes(1);
        let rung = call.ear.0.len();
        assert!(i32::from(*call.ear.0.last().unwrap()) > 7_000, "it is at its peak");
        // The first declines, and the next one is asked before another packet is made.
        call.bridge.drop_target();
        call.bridge.ring_agent(call.now, tone());
        call.passes(3);
        let seam = &call.ear.0[rung - 40..];
        assert!(seam.len() > 400 && step(seam) < NO_CLICK, "{whispered}: {}", step(seam));
    }
}
