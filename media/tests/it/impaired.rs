//! The real engine behind a bad network: what the recording says was lost is what was dropped.

use std::{
    net::UdpSocket,
    sync::mpsc,
    time::{Duration, Instant},
};

use rtp_rs::{RtpPacketBuilder, RtpReader, Seq};
use songda_media::{Engine, GapKind, Law, Rest, Summary};

use crate::{
    engine::{Blocks, config, port},
    impair::{Badness, Fate, Impaired},
};

const PACKETS: u16 = 300;
/// The first number: they come round on the way.
const FIRST: u16 = 65_400;
/// What is later than this may have missed its block; the machine is to blame then.
const LATE: Duration = Duration::from_millis(300);

/// Each packet has a level of its own among its neighbours.
fn octet(no: u16) -> u8 {
    Law::Pcma.encode(2_000 + 700 * (no % 20) as i16)
}

/// Sends a packet every 20 ms through the network into an engine, and answers the recording's
/// right channel, what the engine says of it, and what became of each packet.
async fn through(badness: Badness) -> (Vec<i16>, Summary, Vec<Fate>) {
    let engine = Engine::start(config()).unwrap();
    let (blocks, recorded) = mpsc::channel();
    let (media, _events) = engine.open(Box::new(Blocks(blocks))).unwrap();
    let sockets = Impaired::open().unwrap();
    let sdp = format!("v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio {} RTP/AVP 8\r\n", sockets.1.local_addr().unwrap().port());
    let ours = port(&media.trunk_offer().await.unwrap());
    media.trunk_answer(sdp).await.unwrap();
    media.early().unwrap();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    let receiver = ([127, 0, 0, 1], ours).into();
    let network = Impaired::between(sockets, sender.local_addr().unwrap(), receiver, badness).unwrap();
    let begun = tokio::time::Instant::now();
    for no in 0..PACKETS {
        tokio::time::sleep_until(begun + Duration::from_millis(20) * u32::from(no)).await;
        let packet = RtpPacketBuilder::new()
            .payload_type(8)
            .ssrc(5)
            .sequence(Seq::from(FIRST.wrapping_add(no)))
            .timestamp(0u32.wrapping_sub(16_000).wrapping_add(u32::from(no) * 160));
        sender.send_to(&packet.payload(&[octet(no); 160]).build().unwrap(), network.front).unwrap();
        if no == PACKETS / 2 {
            media.rest(Rest::Talk).unwrap();
        }
    }
    let fates = tokio::task::spawn_blocking(move || network.end()).await.unwrap();
    // The last packet lies in a socket until it is read.
    let all = Instant::now() + Duration::from_millis(200);
    tokio::time::sleep_until(all.into()).await;
    let summary = media.close().await.unwrap();
    let frames: Vec<i16> = recorded.try_iter().flatten().collect();
    (frames.chunks_exact(2).map(|frame| frame[1]).collect(), summary, fates)
}

/// The sender, or the network, was kept from its work by the machine: it was late, or the first
/// packet, by which the clock is read, was so much later than others that it is read again.
fn is_void(fates: &[Fate]) -> bool {
    let begun = fates[0].entered;
    let late = |(no, fate): (u32, &Fate)| {
        let left = fate.left.iter().min()?;
        Some(left.duration_since(begun).as_secs_f64() - f64::from(no) * 0.02)
    };
    let lates: Vec<f64> = (0..).zip(fates).filter_map(late).collect();
    let (least, most) = (lates.iter().copied().fold(f64::MAX, f64::min), lates.iter().copied().fold(0.0, f64::max));
    lates[0] - least > 0.009 || most > LATE.as_secs_f64()
}

async fn agrees(badness: Badness) {
    let mut tries = 0;
    let (right, summary, fates) = loop {
        let seen = through(badness).await;
        tries += 1;
        if !is_void(&seen.2) || tries == 4 {
            break seen;
        }
    };
    assert_eq!(fates.len(), usize::from(PACKETS));
    let number = |fate: &Fate| {
        let seq: u16 = RtpReader::new(&fate.bytes).unwrap().sequence_number().into();
        seq.wrapping_sub(FIRST)
    };
    let dropped: Vec<u16> = fates.iter().filter(|fate| fate.left.is_empty()).map(number).collect();
    assert_eq!(dropped.is_empty(), badness.loss == 0, "{dropped:?}");
    assert!(!dropped.contains(&0) && !dropped.contains(&(PACKETS - 1)), "another seed: the edges are no holes");
    // Each packet is at its place, and nothing is where one was dropped.
    // The first lies where one that was not late would have: at most the jitter before.
    let begun = right.iter().position(|sample| *sample != 0).unwrap();
    assert!((4_000 - 400..=4_000).contains(&begun), "{begun}");
    let right = &right[begun..];
    assert_eq!(right.len(), usize::from(PACKETS) * 160, "slips {}", summary.slips);
    for no in 0..PACKETS {
        let there = &right[usize::from(no) * 160..usize::from(no + 1) * 160];
        let wanted = if dropped.contains(&no) { 0 } else { Law::Pcma.decode(octet(no)) };
        assert!(there.iter().all(|sample| *sample == wanted), "packet {no}: {:?}", &there[..4]);
    }
    // And the list says exactly that.
    let mut holes: Vec<(u64, u64)> = Vec::new();
    for no in dropped.iter().map(|no| u64::from(*no) * 160) {
        match holes.last_mut() {
            Some((_, to)) if *to == no => *to += 160,
            _ => holes.push((no, no + 160)),
        }
    }
    let listed = summary.gaps.iter().filter(|gap| gap.channel == 1);
    let listed: Vec<_> =
        listed.map(|gap| (gap.from_frame - begun as u64, gap.to_frame - begun as u64, gap.kind)).collect();
    let holes: Vec<_> = holes.into_iter().map(|(from, to)| (from, to, GapKind::Lost)).collect();
    assert_eq!(listed, holes);
    assert_eq!(summary.late_samples, 0);
}

#[tokio::test]
async fn r4_2a_a_bad_network_leaves_exactly_the_holes_that_it_made() {
    let jitter = Duration::from_millis(15);
    tokio::join!(
        agrees(Badness { loss: 30, seed: 1, ..Badness::default() }),
        agrees(Badness { loss: 100, jitter, swapped: 50, doubled: 50, seed: 4 }),
        agrees(Badness { jitter, swapped: 100, doubled: 100, seed: 7, loss: 0 }),
    );
}
