use proptest::prelude::*;
use songda_media::inside::Timeline;

const PACKET: usize = 160;

/// Feeds packets as (arrival frame, timestamp, samples) and gives back both channels.
fn record(channel: usize, packets: &[(u64, u32, Vec<i16>)], end: u64) -> (Vec<i16>, Timeline) {
    let mut timeline = Timeline::default();
    let mut out = Vec::new();
    for (arrival, ts, samples) in packets {
        timeline.flush(*arrival, |block| out.extend_from_slice(block));
        timeline.place(channel, *arrival, 9, *ts, samples.iter().copied());
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
    assert!(timeline.gaps().next().is_none());
}

#[test]
fn a_lost_packet_is_silence_and_is_written_down() {
    let mut packets = steady(200);
    packets.remove(100);
    packets.remove(100);
    let (channel, timeline) = record(0, &packets, 32_000);
    assert!(channel[16_000..16_320].iter().all(|sample| *sample == 0));
    assert_eq!(channel[16_320], 103);
    let gaps: Vec<_> = timeline.gaps().map(|gap| (gap.channel, gap.from_frame, gap.to_frame)).collect();
    assert_eq!(gaps, [(0, 16_000, 16_320)]);
}

#[test]
fn a_hole_over_the_edge_of_a_block_is_one_hole() {
    let mut packets = steady(200);
    packets.drain(48..53);
    let (_, timeline) = record(1, &packets, 32_000);
    let gaps: Vec<_> = timeline.gaps().map(|gap| (gap.from_frame, gap.to_frame)).collect();
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
    assert!(timeline.gaps().next().is_none());
}

#[test]
fn a_block_leaves_no_later_than_four_tenths_of_a_second_after_its_end() {
    let mut timeline = Timeline::default();
    let mut blocks = 0;
    for (arrival, ts, samples) in steady(70) {
        timeline.place(1, arrival, 9, ts, samples.iter().copied());
        timeline.flush(arrival, |_| blocks += 1);
        assert_eq!(blocks, usize::from(arrival >= 8_000 + 3_200), "at frame {arrival}");
    }
}

#[test]
fn a_new_source_starts_where_it_arrives() {
    let mut timeline = Timeline::default();
    let mut out = Vec::new();
    timeline.place(1, 160, 1, 1000, std::iter::repeat_n(1, PACKET));
    timeline.place(1, 4_000, 2, 900_000, std::iter::repeat_n(2, PACKET));
    timeline.place(1, 4_160, 2, 900_160, std::iter::repeat_n(3, PACKET));
    timeline.finish(8_000, |block| out.extend_from_slice(block));
    let right: Vec<i16> = out.chunks_exact(2).map(|frame| frame[1]).collect();
    assert_eq!(right.len(), 4_160);
    assert_eq!((right[0], right[159], right[160], right[3_840], right[4_000]), (1, 1, 0, 2, 3));
}

#[test]
fn nothing_before_the_first_packet_is_called_a_hole() {
    let mut timeline = Timeline::default();
    timeline.place(0, 7_000, 1, 0, std::iter::repeat_n(1, PACKET));
    timeline.place(1, 160, 2, 0, std::iter::repeat_n(1, PACKET));
    timeline.finish(7_000, |_| {});
    assert!(timeline.gaps().all(|gap| gap.channel == 1), "{:?}", timeline.gaps().collect::<Vec<_>>());
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
