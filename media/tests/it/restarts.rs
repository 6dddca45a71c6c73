//! A sender that begins anew under its old SSRC (RFC 3550, appendix A.1): a media server that hands a
//! call on from one of its parts to another, or plays an announcement again from its first number.

use songda_media::{Gap, GapKind, inside::Timeline};

const PACKET: u64 = 160;
const BEFORE: u64 = 4_000;

/// Hears packets (arrival in packet times and frames, number, timestamp, level) and answers the right
/// channel and its holes.
fn heard(packets: &[(u64, u16, u32, i16)]) -> (Vec<i16>, Vec<Gap>) {
    let (mut timeline, mut out) = (Timeline::default(), Vec::new());
    let end = packets.iter().map(|packet| packet.0).max().unwrap();
    for (arrival, seq, timestamp, level) in packets {
        timeline.flush(*arrival, |block| out.extend_from_slice(block));
        timeline.hear(1, *arrival, (9, *seq, *timestamp), std::iter::repeat_n(*level, PACKET as usize));
    }
    timeline.finish(end, |block| out.extend_from_slice(block));
    (out.chunks_exact(2).map(|frame| frame[1]).collect(), timeline.gaps())
}

fn arrival(no: u64) -> u64 {
    BEFORE + PACKET * (no + 1)
}

fn level(no: u64) -> i16 {
    1_000 + no as i16
}

/// Whether a packet lies, whole, where it was said.
fn is_there(right: &[i16], no: u64) -> bool {
    let at = (BEFORE + PACKET * no) as usize;
    right[at..at + PACKET as usize].iter().all(|sample| *sample == level(no))
}

/// Jumps of number and timestamp, on top of a packet's own step.
const JUMPS: [(u16, u32); 7] = [
    (30_000, 1 << 30),
    (30_000, 3 << 30),
    (5_000, 77_000_000),
    (2_000, 0u32.wrapping_sub(1 << 20)),
    (0u16.wrapping_sub(50), 0u32.wrapping_sub(1 << 20)),
    (0u16.wrapping_sub(20_000), 40_000),
    (0u16.wrapping_sub(150), 1 << 25),
];

#[test]
fn r4_2a_a_sender_that_begins_anew_under_its_ssrc_is_recorded_without_a_hole() {
    for (seq, timestamp) in JUMPS {
        for first in [1u64, 60, 200] {
            let packets: Vec<_> = (0..400u64)
                .map(|no| {
                    let (seq, timestamp) = if no < first { (0, 0) } else { (seq, timestamp) };
                    let seq = 7_000u16.wrapping_add(no as u16).wrapping_add(seq);
                    (arrival(no), seq, (no as u32 * 160).wrapping_add(timestamp), level(no))
                })
                .collect();
            let (right, gaps) = heard(&packets);
            for no in 0..400 {
                assert!(is_there(&right, no), "numbers {seq}, timestamps {timestamp} after {first}: packet {no}");
            }
            assert_eq!(gaps, [], "numbers {seq}, timestamps {timestamp} after {first}");
        }
    }
}

#[test]
fn the_hole_before_a_sender_that_begins_anew_is_no_loss_and_later_losses_are() {
    for (seq, timestamp) in JUMPS {
        let packets: Vec<_> = (0..400u64)
            .filter(|no| !(150..190).contains(no) && ![250, 251, 300].contains(no))
            .map(|no| {
                let (seq, timestamp) = if no < 150 { (0, 0) } else { (seq, timestamp) };
                let seq = 60_000u16.wrapping_add(no as u16).wrapping_add(seq);
                (arrival(no), seq, (no as u32 * 160).wrapping_add(timestamp), level(no))
            })
            .collect();
        let (right, gaps) = heard(&packets);
        let hole = |from: u64, to: u64, kind| Gap {
            channel: 1,
            from_frame: BEFORE + from * PACKET,
            to_frame: BEFORE + to * PACKET,
            kind,
        };
        let what = format!("numbers {seq}, timestamps {timestamp}");
        assert!((0..150).chain(190..250).chain(252..300).chain(301..400).all(|no| is_there(&right, no)), "{what}");
        assert_eq!(gaps[1..], [hole(250, 252, GapKind::Lost), hole(300, 301, GapKind::Lost)], "{what}");
        assert_eq!((gaps[0].from_frame, gaps[0].to_frame), (BEFORE + 150 * PACKET, BEFORE + 190 * PACKET), "{what}");
    }
}

#[test]
fn a_packet_of_before_that_is_overtaken_by_the_new_run_lies_where_it_was_said() {
    for (seq, timestamp) in JUMPS.into_iter().filter(|(seq, _)| (3_000..65_436).contains(seq)) {
        let mut packets: Vec<_> = (0..300u64)
            .map(|no| {
                let (seq, timestamp) = if no < 100 { (0, 0) } else { (seq, timestamp) };
                let seq = 7_000u16.wrapping_add(no as u16).wrapping_add(seq);
                (arrival(no), seq, (no as u32 * 160).wrapping_add(timestamp), level(no))
            })
            .collect();
        packets[99].0 = packets[100].0 + 60;
        packets.sort_by_key(|packet| packet.0);
        let (right, _) = heard(&packets);
        let missing: Vec<u64> = (0..300).filter(|no| !is_there(&right, *no)).collect();
        assert!(missing.is_empty(), "numbers {seq}, timestamps {timestamp}: {missing:?}");
    }
}

#[test]
fn one_packet_with_wild_numbers_moves_no_clock() {
    for (seq, timestamp) in JUMPS.into_iter().filter(|(seq, _)| (3_000..65_436).contains(seq)) {
        for late in [0, 100, 300] {
            let mut packets: Vec<_> = (0..300u64)
                .map(|no| (arrival(no) + if no == 151 { late } else { 0 }, no as u16, no as u32 * 160, level(no)))
                .collect();
            let wild = (arrival(150) + 10, 151u16.wrapping_add(seq), (151 * 160u32).wrapping_add(timestamp), 0);
            packets.insert(151, wild);
            packets.sort_by_key(|packet| packet.0);
            let (right, _) = heard(&packets);
            let missing: Vec<u64> = (0..300).filter(|no| !(150..153).contains(no) && !is_there(&right, *no)).collect();
            assert!(
                missing.is_empty(),
                "numbers {seq}, timestamps {timestamp}, the next {late} frames late: {missing:?}"
            );
        }
    }
}

#[test]
fn an_announcement_that_starts_again_at_its_first_number_is_recorded_but_for_its_first_moment() {
    for length in [25u64, 40, 62, 90, 100, 500, 2_900] {
        let packets: Vec<_> = (0..3 * length)
            .map(|no| (arrival(no), (no % length) as u16, (no % length) as u32 * 160, level(no)))
            .collect();
        let (right, gaps) = heard(&packets);
        // Three packets show that the fourth is no late one.
        let missing: Vec<u64> = (0..3 * length).filter(|no| !is_there(&right, *no)).collect();
        let wanted: Vec<u64> = [1, 2].into_iter().flat_map(|turn| turn * length..turn * length + 3).collect();
        assert_eq!(missing, wanted, "{length} packets");
        for turn in [1, 2] {
            let near = BEFORE + turn * length * PACKET..=BEFORE + (turn * length + 3) * PACKET;
            assert!(gaps.iter().any(|gap| near.contains(&gap.from_frame)), "{length} packets: {gaps:?}");
        }
    }
}
