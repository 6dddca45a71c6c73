//! Calls of two hours, in virtual time.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use songda_media::{
    Law, Prompt, Rest, Summary,
    inside::{Bridge, Egress, View},
};

use crate::line::{Heard, Line, Shelf};

const SECONDS: usize = 2 * 3600;

#[test]
fn r4_2a_a_call_of_two_hours_is_whole_to_the_packet() {
    let mut line = Line::new();
    line.notice(Arc::new(Prompt::from_samples(vec![4_000; 1_600])));
    // A packet of the left and of the right at the same moment carry the same mark.
    let (one, two) = (Law::Pcma.encode(6_000), Law::Pcma.encode(-6_000));
    for second in 0..SECONDS {
        line.steps(25, Some(one), Some(one));
        line.steps(25, Some(two), Some(two));
        if second % 600 == 599 {
            line.heard = Heard::default();
        }
    }
    let (left, right, summary) = line.close();
    // The packet that starts the recording holds the 20 ms before it.
    assert!(left.len().abs_diff(SECONDS * 8_000) <= 160, "{} frames", left.len());
    assert_eq!(summary.late_samples, 0);
    // From the tenth second on, in the middle of each half second, both channels agree.
    for at in (80_000..left.len() - 4_000).step_by(4_000) {
        let middle = at + 2_000;
        assert_eq!(left[middle].signum(), right[middle].signum(), "at {} s", middle / 8_000);
    }
    let long: Vec<_> = summary.gaps.iter().filter(|gap| gap.to_frame - gap.from_frame > 320).collect();
    assert!(long.is_empty(), "{long:?}");
}

/// An end whose clock runs `ppm` fast, behind a network that loses and delays.
struct End {
    ssrc: u32,
    period_us: f64,
    no: u32,
    random: u64,
}

impl End {
    fn new(ssrc: u32, ppm: f64) -> Self {
        Self { ssrc, period_us: 20_000.0 / (1.0 + ppm / 1e6), no: 0, random: u64::from(ssrc) }
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % limit
    }

    /// When the next packet arrives, and whether it does.
    fn next(&mut self) -> (u64, bool) {
        self.no += 1;
        let sent = (f64::from(self.no) * self.period_us) as u64;
        (sent + self.below(15_000), self.below(100) > 2)
    }
}

/// In which second something was said, as a mark.
fn mark(at_us: u64) -> u8 {
    Law::Pcma.encode(if (at_us / 1_000_000).is_multiple_of(2) { 6_000 } else { -6_000 })
}

#[test]
fn r4_2a_clocks_that_run_apart_for_two_hours_leave_the_channels_together() {
    let shelf = Shelf::default();
    let mut bridge = Bridge::new(Box::new(shelf.clone()), Egress::new(1, 0, 0), Egress::new(2, 0, 0));
    let (t0, mut heard) = (Instant::now(), Heard::default());
    bridge.rest(t0, 0, Rest::Talk);
    let mut ends = [End::new(77, 100.0), End::new(88, -100.0)];
    let mut due = ends.each_mut().map(End::next);
    let end_us = SECONDS as u64 * 1_000_000;
    let mut at_us = 0;
    while at_us < end_us {
        at_us += 10_000;
        for (side, (end, due)) in ends.iter_mut().zip(&mut due).enumerate() {
            while due.0 <= at_us {
                let (arrives, comes) = *due;
                let octets = [mark(arrives); 160];
                let view = View {
                    ssrc: end.ssrc,
                    seq: end.no as u16,
                    timestamp: end.no.wrapping_mul(160),
                    payload_type: 8,
                    marker: false,
                    payload: &octets,
                };
                let now = t0 + Duration::from_micros(arrives);
                if comes && side == 0 {
                    bridge.from_agent(now, &view, &mut heard);
                } else if comes {
                    bridge.from_party(now, 0, &view, &mut heard);
                }
                *due = end.next();
            }
        }
        bridge.tick(t0 + Duration::from_micros(at_us), &mut heard);
        heard = Heard::default();
    }
    let summary: Summary = bridge.close(t0 + Duration::from_micros(end_us));
    let frames = std::mem::take(&mut shelf.0.lock().unwrap().1);
    assert!((frames.len() / 2).abs_diff(SECONDS * 8_000) <= 800, "{} frames", frames.len() / 2);
    // 100 ppm of two hours are 0.72 s, 72 times 10 ms, and each channel follows its own end.
    assert!((125..=160).contains(&summary.slips), "{}", summary.slips);
    assert_eq!(summary.late_samples, 0);
    let mut missing = 0;
    for second in 1..SECONDS - 1 {
        // What is said in a second stands in it: 20 ms of the recording's beginning, a packet,
        // the network's 15 ms and at most 20 ms of drift lie at either edge.
        for within in [480, 2_000, 4_000, 6_000, 7_520] {
            let frame = second * 8_000 + 160 + within;
            for (side, sample) in frames[2 * frame..2 * frame + 2].iter().enumerate() {
                missing += u32::from(*sample == 0);
                let wanted = if second % 2 == 0 { 1 } else { -1 };
                assert!(*sample == 0 || sample.signum() == wanted, "side {side} at {second} s + {within} samples");
            }
        }
    }
    // 2 % were lost.
    let looked = 10 * SECONDS as u32;
    assert!(missing < looked / 25, "{missing} of {looked} samples are holes");
}
