//! The left channel beside the wire: what is recorded of us lies as its timestamps say.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use songda_media::{
    Law, Prompt, Rest,
    inside::{Bridge, Egress, View},
};

use crate::line::{AGENT, Heard, NOTICE, Shelf};

const LOUD: i16 = 12_000;

/// An agent talks for a second, his packets `phase` milliseconds behind the beat and the last one
/// late by `late`; then an announcement plays, `after` milliseconds behind his last packet at least.
/// The frames by which the announcement lies off where its timestamps put it.
fn off(phase: u64, late: u64, after: u64) -> i64 {
    let shelf = Shelf::default();
    let mut bridge = Bridge::new(Box::new(shelf.clone()), Egress::new(1, 0, 0), Egress::new(2, 0, 0));
    let (t0, mut heard) = (Instant::now(), Heard::default());
    let at = |ms| t0 + Duration::from_millis(ms);
    bridge.rest(t0, 0, Rest::Talk);
    let last = 49 * 20 + phase + late;
    for ms in 0..last + after + 400 {
        if ms == last + after {
            bridge.announce(at(ms), 0, NOTICE, Arc::new(Prompt::from_samples(vec![LOUD; 1_600])));
        }
        let no = (0..50).find(|no| no * 20 + phase + if *no == 49 { late } else { 0 } == ms);
        if let Some(no) = no {
            let view = View {
                ssrc: 77,
                seq: no as u16,
                timestamp: no as u32 * 160,
                payload_type: 8,
                marker: false,
                payload: &[AGENT; 160],
            };
            bridge.from_agent(at(ms), &view, &mut heard);
        }
        bridge.tick(at(ms), &mut heard);
    }
    bridge.close(at(last + after + 400));
    let left: Vec<i16> = shelf.0.lock().unwrap().1.chunks_exact(2).map(|frame| frame[0]).collect();
    // By the octets in the middle of a packet: the seams are faded.
    let sent = |octet: u8| heard.party.iter().filter(move |(_, _, octets)| octets[80] == octet);
    let (voice, notice) = (sent(AGENT).next_back().unwrap().1, sent(Law::Pcma.encode(LOUD)).next().unwrap().1);
    let level = |octet: u8| Law::Pcma.decode(octet);
    let behind_voice = left.iter().rposition(|sample| *sample == level(AGENT)).unwrap() as i64 + 1;
    let notice_from = left.iter().rposition(|sample| *sample == LOUD).unwrap() as i64 + 1 - 1_600;
    let wire = i64::from(notice.wrapping_sub(voice) as i32) - 160;
    notice_from - behind_voice - wire
}

#[test]
fn what_we_say_behind_what_went_through_lies_where_its_timestamps_put_it() {
    for phase in [0, 1, 7, 12, 19] {
        for late in [0, 5, 25] {
            for after in [1, 8, 15, 19, 22, 31, 45, 70, 130] {
                let off = off(phase, late, after);
                assert!(off.abs() <= 8, "{phase} ms, late {late} ms, after {after} ms: {off} frames off");
            }
        }
    }
}
