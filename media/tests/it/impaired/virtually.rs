//! The timeline behind a bad network in virtual time: hundreds of networks.

use std::time::{Duration, Instant};

use songda_media::{Law, inside::Timeline};

use super::{BEHIND, PACKETS, Sent, octet};
use crate::impair::{Badness, Network};

/// The recording begins so long before the first packet.
const BEFORE: u64 = 4_000;
const FIRST: u16 = 65_400;
/// Blocks leave on a tick of this.
const TICK: Duration = Duration::from_millis(4);

/// Answers whether there was anything to look at.
fn through(what: &str, badness: Badness) -> bool {
    let (mut network, mut timeline, begun) = (Network::new(badness), Timeline::default(), Instant::now());
    let mut out: Vec<i16> = Vec::new();
    let frame = |at: Instant| BEFORE + at.duration_since(begun).as_micros() as u64 * 8 / 1_000;
    let (mut tick, mut no) = (begun, 0);
    while no < PACKETS + BEHIND || network.next().is_some() {
        let enters = (no < PACKETS + BEHIND).then(|| begun + Duration::from_millis(20) * u32::from(no));
        let at = [Some(tick), enters, network.next()].into_iter().flatten().min().unwrap();
        if at == tick {
            timeline.flush(frame(at), |block| out.extend_from_slice(block));
            tick += TICK;
        } else if Some(at) == enters {
            network.enter(at, &no.to_be_bytes());
            no += 1;
        } else if let Some(&[high, low]) = network.leave(at) {
            let no = u16::from_be_bytes([high, low]);
            let stamp = (5, FIRST.wrapping_add(no), 0u32.wrapping_sub(16_000).wrapping_add(u32::from(no) * 160));
            timeline.hear(1, frame(at), stamp, std::iter::repeat_n(Law::Pcma.decode(octet(no)), 160));
        }
    }
    timeline.finish(frame(tick), |block| out.extend_from_slice(block));
    let sent = Sent::new(network.fates());
    // Not what is tested here: its beginning, and a clock that was read by slow packets alone.
    if sent.dropped.contains(&0) || sent.is_void() {
        return false;
    }
    let right: Vec<i16> = out.chunks_exact(2).map(|frame| frame[1]).collect();
    let first = right.iter().position(|sample| *sample != 0).unwrap();
    sent.agrees(what, &right, first, &timeline.gaps(), 1);
    assert_eq!((timeline.late(), timeline.slips()), (0, 0), "{what}");
    true
}

#[test]
fn r4_2a_whatever_the_jitter_each_packet_finds_its_place_and_each_that_was_dropped_is_a_hole() {
    let (mut all, mut seen) = (0, 0);
    for jitter in [0, 15, 40, 60, 90, 120] {
        for seed in 0..60 {
            for (loss, others) in [(0, 0), (30, 0), (100, 50)] {
                let jitter_of = Duration::from_millis(jitter);
                let badness = Badness { loss, jitter: jitter_of, swapped: others, doubled: others, seed };
                let what = format!("jitter {jitter} ms, loss {loss}, others {others}, seed {seed}");
                (all, seen) = (all + 1, seen + u32::from(through(&what, badness)));
            }
        }
    }
    assert!(seen * 4 > all * 3, "{seen} of {all} networks were looked at");
}
