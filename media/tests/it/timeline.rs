use proptest::prelude::*;
use songda_media::{GapKind, inside::Timeline};

const PACKET: usize = 160;

/// Feeds packets as (arrival frame, timestamp, samples) and gives back both channels.
fn record(channel: usize, packets: &[(u64, u32, Vec<i16>)], end: u64) -> (Vec<i16>, Timeline) {
    let mut timeline = Timeline::default();
    let mut out = Vec::new();
    for (arrival, ts, samples) in packets {
        timeline.flush(*arrival, |block| out.extend_from_slice(block));
        let seq = (*ts / PACKET as u32) as u16;
        timeline.hear(channel, *arrival, (9, seq, *ts), samples.iter().copied());
    }
    timeline.finish(end, |block| out.extend_from_slice(block));
    (out.chunks_exact(2).map(|frame| frame[channel]).collect(), timeline)
}

fn steady(count: u64) -> Vec<(u64, u32, Vec<i16>)> {
    (0..count).map(|no| (160 * (no + 1), 5_000u32.wrapping_add(no as u32 * 160), vec![no as i16 + 1; PACKET])).collect()
}

#[test]
fn packets_stand_where_they_arrived_without_a_hole() {
    let (channel, timeline) = record(1, &steady(200), 32_000);
    assert_eq!(channel.len(), 32_000);
    for (no, packet) in channel.chunks(PACKET).enumerate() {
        assert!(packet.iter().all(|sample| *sample == no as i16 + 1), "packet {no}");
    }
    assert!(timeline.gaps().is_empty());
}

#[test]
fn a_lost_packet_is_silence_and_is_written_down() {
    let mut packets = steady(200);
    packets.remove(100);
    packets.remove(100);
    let (channel, timeline) = record(0, &packets, 32_000);
    assert!(channel[16_000..16_320].iter().all(|sample| *sample == 0));
    assert_eq!(channel[16_320], 103);
    let gaps: Vec<_> = timeline.gaps().iter().map(|gap| (gap.channel, gap.from_frame, gap.to_frame)).collect();
    assert_eq!(gaps, [(0, 16_000, 16_320)]);
}

#[test]
fn a_hole_over_the_edge_of_a_block_is_one_hole() {
    let mut packets = steady(200);
    packets.drain(48..53);
    let (_, timeline) = record(1, &packets, 32_000);
    let gaps: Vec<_> = timeline.gaps().iter().map(|gap| (gap.from_frame, gap.to_frame)).collect();
    assert_eq!(gaps, [(7_680, 8_480)]);
}

#[test]
fn reordered_and_doubled_packets_change_nothing() {
    let mut packets = steady(200);
    for no in (10..190).step_by(7) {
        let (early, late) = (packets[no].0, packets[no + 1].0);
        packets[no].0 = late;
        packets[no + 1].0 = early;
        packets.swap(no, no + 1);
    }
    packets.insert(50, packets[49].clone());
    let (channel, timeline) = record(1, &packets, 32_000);
    assert!(channel.chunks(PACKET).enumerate().all(|(no, packet)| packet[80] == no as i16 + 1));
    assert!(timeline.gaps().is_empty());
}

#[test]
fn a_block_leaves_no_later_than_four_tenths_of_a_second_after_its_end() {
    let mut timeline = Timeline::default();
    let mut blocks = 0;
    for (arrival, ts, samples) in steady(70) {
        timeline.hear(1, arrival, (9, (ts / 160) as u16, ts), samples.iter().copied());
        timeline.flush(arrival, |_| blocks += 1);
        assert_eq!(blocks, usize::from(arrival >= 8_000 + 3_200), "at frame {arrival}");
    }
}

#[test]
fn a_new_source_starts_where_it_arrives() {
    let mut timeline = Timeline::default();
    let mut out = Vec::new();
    timeline.hear(1, 160, (1, 7, 1000), std::iter::repeat_n(1, PACKET));
    timeline.hear(1, 4_000, (2, 900, 900_000), std::iter::repeat_n(2, PACKET));
    timeline.hear(1, 4_160, (2, 901, 900_160), std::iter::repeat_n(3, PACKET));
    timeline.finish(8_000, |block| out.extend_from_slice(block));
    let right: Vec<i16> = out.chunks_exact(2).map(|frame| frame[1]).collect();
    assert_eq!(right.len(), 4_160);
    assert_eq!((right[0], right[159], right[160], right[3_840], right[4_000]), (1, 1, 0, 2, 3));
}

#[test]
fn nothing_before_the_first_packet_is_called_a_hole() {
    let mut timeline = Timeline::default();
    timeline.hear(0, 7_000, (1, 0, 0), std::iter::repeat_n(1, PACKET));
    timeline.hear(1, 160, (2, 0, 0), std::iter::repeat_n(1, PACKET));
    timeline.finish(7_000, |_| {});
    assert!(timeline.gaps().iter().all(|gap| gap.channel == 1), "{:?}", timeline.gaps());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever the network does, a tone of one packet at each whole second is found within
    /// 40 ms of its place, and both channels keep one length.
    #[test]
    fn markers_stay_in_place_under_loss_jitter_and_drift(
        seed in any::<u64>(), loss in 0u64..8, jitter in 0u64..400, ppm in -300i64..300,
    ) {
        let mut random = seed | 1;
        let mut next = move |below: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % below.max(1)
        };
        let mut packets = Vec::new();
        for no in 0..1_500u64 {
            let marker = no % 50 == 0;
            if !marker && next(100) < loss {
                continue;
            }
            let sent = (160 * (no + 1)) as i64 * (1_000_000 + ppm) / 1_000_000;
            let late = if no == 0 { 0 } else { next(jitter + 1) };
            packets.push((sent as u64 + late, no as u32 * 160, vec![if marker { 9_000 } else { 1 }; PACKET], no));
        }
        packets.sort_by_key(|packet| packet.0);
        let fed: Vec<_> = packets.iter().map(|(at, ts, samples, _)| (*at, *ts, samples.clone())).collect();
        let (channel, _) = record(1, &fed, 260_000);
        for second in 0..30u64 {
            let wanted = (160 * 50 * second) as i64 * (1_000_000 + ppm) / 1_000_000;
            let from = (wanted - 320).max(0) as usize;
            let to = ((wanted + 480) as usize).min(channel.len());
            prop_assert!(
                channel[from..to].iter().filter(|sample| **sample == 9_000).count() >= 80,
                "marker {second} is not at {wanted}"
            );
        }
    }
}

/// A sender in virtual time: arrival frame, number, timestamp, samples.
fn heard(packets: &[(u64, u16, u32, i16)], len: usize, end: u64) -> (Vec<i16>, Timeline) {
    let mut timeline = Timeline::default();
    let mut out = Vec::new();
    for (arrival, seq, ts, level) in packets {
        timeline.flush(*arrival, |block| out.extend_from_slice(block));
        timeline.hear(1, *arrival, (9, *seq, *ts), std::iter::repeat_n(*level, len));
    }
    timeline.flush(end, |block| out.extend_from_slice(block));
    timeline.finish(end, |block| out.extend_from_slice(block));
    (out.chunks_exact(2).map(|frame| frame[1]).collect(), timeline)
}

fn holes(timeline: &Timeline) -> Vec<(u64, u64, GapKind)> {
    timeline.gaps().iter().map(|gap| (gap.from_frame, gap.to_frame, gap.kind)).collect()
}

#[test]
fn suppressed_silence_is_no_loss_also_when_its_block_has_left() {
    for (pause, lost) in [(100, false), (3_000, false), (100, true), (3_000, true)] {
        // Two spurts; between them the timestamp jumps, and the numbers go on unless one is lost.
        let packets: Vec<_> = (0..100u64)
            .map(|no| {
                let at = no + if no >= 50 { pause } else { 0 };
                let seq = no as u16 + u16::from(lost && no >= 50);
                (160 * (at + 1), seq, at as u32 * 160, 7)
            })
            .collect();
        let (right, timeline) = heard(&packets, PACKET, 160 * (pause + 101));
        // One number is missing: not more than one packet was lost.
        let end = 8_000 + pause * 160;
        let wanted = if lost {
            vec![(8_000, 8_160, GapKind::Lost), (8_160, end, GapKind::Unsent)]
        } else {
            vec![(8_000, end, GapKind::Unsent)]
        };
        assert_eq!(holes(&timeline), wanted);
        assert_eq!(right.iter().filter(|sample| **sample == 7).count(), 16_000);
    }
}

#[test]
fn comfort_noise_and_keys_keep_their_numbers() {
    let mut timeline = Timeline::default();
    for no in 0..100u64 {
        let (now, stamp) = (160 * (no + 1), (9, no as u16, no as u32 * 160));
        timeline.flush(now, |_| {});
        match no {
            // One frame of comfort noise stands for a while (RFC 3389), then a key.
            20 | 30 | 35 => {
                timeline.no_sound(1, (9, if no == 35 { 22 } else { no as u16 / 10 + 18 }, stamp.2));
            }
            21..40 => {}
            50..60 => timeline.no_sound(1, (9, no as u16 - 17, 50 * 160)),
            _ => {
                let seq = if no < 20 { no } else { no - 17 };
                timeline.hear(1, now, (9, seq as u16, stamp.2), std::iter::repeat_n(7, PACKET));
            }
        }
    }
    timeline.finish(16_000, |_| {});
    let unsent = |from: u64, to: u64| (from * 160, to * 160, GapKind::Unsent);
    assert_eq!(holes(&timeline), [unsent(20, 40), unsent(50, 60)]);
}

#[test]
fn a_sender_that_stands_still_is_found_where_it_goes_on_however_short_the_stall() {
    for stall in [3u64, 5, 10, 40, 70, 90, 250] {
        let packets: Vec<_> = (0..200u64)
            .map(|no| (160 * (no + 1 + if no >= 100 { stall } else { 0 }), no as u16, no as u32 * 160, no as i16 + 1))
            .collect();
        let (right, timeline) = heard(&packets, PACKET, 160 * (201 + stall));
        for no in 0..200u64 {
            let at = (160 * (no + if no >= 100 { stall } else { 0 })) as usize;
            assert!(right[at..at + 160].iter().all(|sample| *sample == no as i16 + 1), "stall {stall}, packet {no}");
        }
        assert_eq!(holes(&timeline), [(16_000, 16_000 + stall * 160, GapKind::Unsent)], "stall {stall}");
        assert_eq!(timeline.late(), 0);
    }
}

#[test]
fn what_the_network_kept_and_gives_back_at_once_lies_where_it_was_said() {
    // Up to the edge; what is older is lost, and what follows is in its place all the same.
    for kept in [10u64, 18, 100, 300] {
        let packets: Vec<_> = (0..700u64)
            .map(|no| {
                let at = if (100..100 + kept).contains(&no) { 100 + kept } else { no };
                (160 * (at + 1), no as u16, no as u32 * 160, no as i16 + 1)
            })
            .collect();
        let (right, timeline) = heard(&packets, PACKET, 160 * 701);
        for no in (0..100).chain(100 + kept..700) {
            let at = no as usize * 160;
            assert!(right[at..at + 160].iter().all(|sample| *sample == no as i16 + 1), "kept {kept}, packet {no}");
        }
        for no in 100..100 + kept {
            let there = &right[no as usize * 160..no as usize * 160 + 160];
            let level = no as i16 + 1;
            assert!(there.iter().all(|sample| *sample == level || *sample == 0), "kept {kept}, packet {no}");
        }
        let missing: u64 = holes(&timeline).iter().map(|(from, to, _)| to - from).sum();
        assert_eq!(missing, timeline.late(), "kept {kept}");
        assert!(if kept <= 18 { missing == 0 } else { missing < kept * 160 }, "kept {kept}: {missing} frames missing");
    }
}

#[test]
fn a_first_packet_that_was_late_moves_nothing_that_follows() {
    for late in [1u64, 3, 5, 10] {
        let packets: Vec<_> = (0..300u64)
            .map(|no| {
                (160 * (no.max(late) + 1), no as u16, no as u32 * 160, if no < 60 { 5 } else { 1_000 + no as i16 })
            })
            .collect();
        let (right, _) = heard(&packets, PACKET, 160 * 301);
        for no in 250..300 {
            let at = right.iter().position(|sample| *sample == 1_000 + no as i16).unwrap();
            assert!(at.abs_diff(no as usize * 160) <= 80, "late {late}, packet {no} at {at}");
        }
        assert!(right.len().abs_diff(48_000) <= 80, "{}", right.len());
    }
}

#[test]
fn a_clock_that_runs_apart_is_followed_in_silence() {
    for ppm in [400i64, -400] {
        // Ten seconds of talk, a second of quiet.
        let is_quiet = |no: u64| no % 550 >= 500;
        let packets: Vec<_> = (0..10_000u64)
            .map(|no| {
                let at = 800 + (160 * (no + 1)) as i64 * (1_000_000 + ppm) / 1_000_000;
                let level = if is_quiet(no) { 3 } else { 1_000 + (no % 20_000) as i16 };
                (at as u64, no as u16, no as u32 * 160, level)
            })
            .collect();
        let (right, timeline) = heard(&packets, PACKET, 160 * 10_050);
        // 200 s at 400 ppm are 80 ms.
        assert!((6..=9).contains(&timeline.slips()), "{ppm}: {}", timeline.slips());
        assert_eq!(holes(&timeline), [], "{ppm}: a moved channel has lost nothing");
        let mut talk = right.iter().filter(|sample| **sample >= 1_000);
        for no in (0..10_000u64).filter(|no| !is_quiet(*no)) {
            for _ in 0..160 {
                assert_eq!(
                    talk.next(),
                    Some(&(1_000 + (no % 20_000) as i16)),
                    "{ppm}: not a sample of talk is missing"
                );
            }
        }
    }
}

#[test]
fn a_duplicate_that_comes_after_the_channel_was_moved_changes_nothing() {
    let mut packets: Vec<_> = (0..150u64)
        .map(|no| (160 * (no + 1 + if no >= 100 { 40 } else { 0 }), no as u16, no as u32 * 160, no as i16 + 1))
        .collect();
    let twin = packets[140];
    packets.push((packets[149].0, twin.1, twin.2, -9));
    let (right, _) = heard(&packets, PACKET, 160 * 191);
    assert!(!right.contains(&-9));
}

#[test]
fn a_change_of_the_packet_time_or_of_the_source_leaves_no_hole() {
    let mut timeline = Timeline::default();
    let (mut now, mut ts) = (0u64, u32::MAX - 4_000);
    let mut out = Vec::new();
    for (no, len) in [80u64, 160, 240, 320, 480, 160].into_iter().flat_map(|len| [len; 40]).enumerate() {
        now += len;
        timeline.flush(now, |block| out.extend_from_slice(block));
        // A new source, as after a re-INVITE, half way.
        let source = 5 + u32::from(no >= 120);
        timeline.hear(1, now, (source, no as u16, ts), std::iter::repeat_n(7, len as usize));
        ts = ts.wrapping_add(len as u32);
        if no == 119 {
            ts = 77;
        }
    }
    timeline.finish(now, |block| out.extend_from_slice(block));
    assert!(out.chunks_exact(2).all(|frame| frame[1] == 7));
    assert_eq!((holes(&timeline), out.len() as u64 / 2), (vec![], now));
}

#[test]
fn a_machine_that_stands_still_for_a_second_loses_nothing() {
    let mut timeline = Timeline::default();
    let mut out = Vec::new();
    // Packets wait in the sockets, and are read one channel after the other.
    for no in 0..300u64 {
        let stalled = (100..150).contains(&no);
        let now = 160 * (if stalled { 150 } else { no } + 1);
        let channels: &[usize] = if stalled { &[0] } else { &[0, 1] };
        for channel in channels {
            timeline.hear(*channel, now, (9, no as u16, no as u32 * 160), std::iter::repeat_n(no as i16 + 1, PACKET));
        }
        if no == 149 {
            for no in 100..150u64 {
                timeline.hear(1, now, (9, no as u16, no as u32 * 160), std::iter::repeat_n(no as i16 + 1, PACKET));
            }
        }
        if !stalled {
            timeline.flush(now, |block| out.extend_from_slice(block));
        }
    }
    timeline.finish(48_000, |block| out.extend_from_slice(block));
    assert_eq!((timeline.late(), holes(&timeline)), (0, vec![]));
    for (at, frame) in out.chunks_exact(2).enumerate() {
        assert_eq!(frame, [(at / 160) as i16 + 1; 2], "frame {at}");
    }
}
