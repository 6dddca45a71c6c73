//! Sequence numbers of 16 bits and timestamps of 32 come round: nothing in a call may notice,
//! wherever in it that happens.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use proptest::prelude::*;
use songda_media::{
    GapKind, Law, MediaEvent, Rest,
    inside::{Bridge, Egress, Reception, Timeline, View},
};

use crate::line::{Heard, Shelf};

/// Packets of a run; the wraps lie within.
const PACKETS: u64 = 150;

/// Starting points from which both come round within the run.
fn starts() -> impl Strategy<Value = (u16, u32)> {
    (1..PACKETS as u16, 1..PACKETS as u32 * 80).prop_map(|(seq, ts)| (0u16.wrapping_sub(seq), 0u32.wrapping_sub(ts)))
}

/// Which numbers never come.
fn losses() -> impl Strategy<Value = BTreeSet<u64>> {
    prop::collection::btree_set(1..PACKETS - 1, 0..30)
}

fn level(no: u64) -> i16 {
    100 + no as i16
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Each packet lies at its place, and each that is missing is a hole that says so; packets of
    /// every length, each wrap anywhere, any neighbours swapped, any doubled.
    #[test]
    fn r4_2a_the_timeline_notices_no_wrap(
        (seq, ts) in starts(), lost in losses(), ptime in prop::sample::select(vec![80u64, 160, 240, 320, 480]),
        swapped in prop::collection::btree_set(1..PACKETS - 2, 0..20), doubled in prop::collection::btree_set(1..PACKETS, 0..20),
    ) {
        let mut timeline = Timeline::default();
        let mut out: Vec<i16> = Vec::new();
        let mut order: Vec<u64> = (0..PACKETS).collect();
        for no in &swapped {
            order.swap(*no as usize, *no as usize + 1);
        }
        for (turn, no) in order.iter().enumerate() {
            let now = (turn as u64 + 1) * ptime;
            timeline.flush(now, |block| out.extend_from_slice(block));
            for _ in 0..=u32::from(doubled.contains(no)) {
                if !lost.contains(no) {
                    let stamp = (9, seq.wrapping_add(*no as u16), ts.wrapping_add((*no * ptime) as u32));
                    timeline.hear(1, now, stamp, std::iter::repeat_n(level(*no), ptime as usize));
                }
            }
        }
        timeline.finish(PACKETS * ptime, |block| out.extend_from_slice(block));
        // A swap of the long ones is more than the clock's 20 ms: what is cut there is seen below.
        let swaps_move = ptime > 160 && !swapped.is_empty();
        prop_assume!(!swaps_move);
        let right: Vec<i16> = out.chunks_exact(2).map(|frame| frame[1]).collect();
        for no in 0..PACKETS {
            let there = right.get((no * ptime) as usize..((no + 1) * ptime) as usize);
            let wanted = if lost.contains(&no) { 0 } else { level(no) };
            prop_assert!(there.is_some_and(|there| there.iter().all(|sample| *sample == wanted)), "packet {no}");
        }
        let mut holes = vec![];
        for no in &lost {
            match holes.last_mut() {
                Some((_, to)) if *to == no * ptime => *to += ptime,
                _ => holes.push((no * ptime, (no + 1) * ptime)),
            }
        }
        let gaps: Vec<_> = timeline.gaps().iter().map(|gap| (gap.from_frame, gap.to_frame)).collect();
        prop_assert_eq!(gaps, holes);
        prop_assert!(timeline.gaps().iter().all(|gap| gap.kind == GapKind::Lost));
        prop_assert_eq!((timeline.late(), timeline.slips()), (0, 0));
    }

    /// What is passed on keeps its distances in number and time, and what is made in between
    /// follows without a step back.
    #[test]
    fn what_we_send_goes_on_over_every_wrap(
        (seq_in, ts_in) in starts(), (seq_out, ts_out) in starts(), lost in losses(), ours in (20u64..60, 1u64..40),
    ) {
        let (t0, mut egress) = (Instant::now(), Egress::new(7, seq_out, ts_out));
        let mut last: Option<(u64, songda_media::inside::Head)> = None;
        for no in 0..PACKETS {
            let now = t0 + Duration::from_millis(20 * no);
            let generated = (ours.0..ours.0 + ours.1).contains(&no);
            if !generated && lost.contains(&no) {
                continue;
            }
            let head = if generated {
                egress.generate(now)
            } else {
                egress.relay(now, 5, seq_in.wrapping_add(no as u16), ts_in.wrapping_add(no as u32 * 160)).unwrap()
            };
            if let Some((before, last)) = last {
                let steps = if head.marker { 1 } else { no - before };
                prop_assert_eq!(head.seq, last.seq.wrapping_add(steps as u16), "packet {}", no);
                prop_assert_eq!(head.timestamp, last.timestamp.wrapping_add((no - before) as u32 * 160), "packet {}", no);
                prop_assert_eq!(head.marker, no == ours.0 || generated != (ours.0..ours.0 + ours.1).contains(&before));
            } else {
                prop_assert_eq!((head.seq, head.timestamp), (seq_out, ts_out));
            }
            prop_assert_eq!(head.ssrc, 7);
            last = Some((no, head));
        }
    }

    /// Losses are counted and keys read over every wrap.
    #[test]
    fn losses_and_keys_are_read_over_every_wrap(
        (seq, ts) in starts(), lost in losses(), keys in prop::collection::btree_map(1u64..14, 0u8..16, 0..8),
    ) {
        let mut bridge = Bridge::new(Box::new(Shelf::default()), Egress::new(1, 0, 0), Egress::new(2, 0, 0));
        let (t0, mut heard) = (Instant::now(), Heard::default());
        bridge.party_speaks(Law::Pcma, Some(101));
        bridge.rest(t0, 0, Rest::Talk);
        let (mut pressed, mut reception) = (Vec::new(), Reception::default());
        for no in 0..PACKETS {
            let now = t0 + Duration::from_millis(20 * (no + 1));
            // A key is held for seven packets of each ten, and its end is sent three times.
            let key = keys.get(&(no / 10)).filter(|_| no % 10 < 7);
            let begun = no / 10 * 10;
            let at = if key.is_some() { begun } else { no };
            let flags = if no % 10 >= 4 { 0x8a } else { 0x0a };
            let event = [key.copied().unwrap_or(0), flags, 0, 160];
            let view = View {
                ssrc: 3,
                seq: seq.wrapping_add(no as u16),
                timestamp: ts.wrapping_add(at as u32 * 160),
                payload_type: if key.is_some() { 101 } else { 8 },
                marker: key.is_some() && no == begun,
                payload: if key.is_some() { &event } else { &[0xb1; 160] },
            };
            if lost.contains(&no) {
                continue;
            }
            if key.is_some() && pressed.last() != Some(&begun) {
                pressed.push(begun);
            }
            reception.packet(now, view.ssrc, view.seq, view.timestamp);
            bridge.from_party(now, 0, &view, &mut heard);
        }
        let mut digits = String::new();
        while let Some(news) = bridge.news() {
            if let MediaEvent::Digit { digit, .. } = news {
                digits.push(digit);
            }
        }
        let wanted: String =
            pressed.iter().map(|begun| char::from(b"0123456789*#ABCD"[usize::from(keys[&(begun / 10)])])).collect();
        prop_assert_eq!(digits, wanted);
        let summary = bridge.close(t0 + Duration::from_millis(20 * PACKETS + 20));
        prop_assert_eq!(reception.counted(), (PACKETS - lost.len() as u64, lost.len() as u64));
        // What was no sound is no loss.
        let frames = |kind| -> u64 {
            let gaps = summary.gaps.iter().filter(|gap| gap.channel == 1 && gap.kind == kind);
            gaps.map(|gap| gap.to_frame - gap.from_frame).sum()
        };
        prop_assert!(frames(GapKind::Lost) <= lost.len() as u64 * 160 + pressed.len() as u64 * 7 * 160);
        if lost.is_empty() {
            prop_assert_eq!(frames(GapKind::Lost), 0);
            prop_assert_eq!(frames(GapKind::Unsent), pressed.len() as u64 * 7 * 160);
        }
    }
}
