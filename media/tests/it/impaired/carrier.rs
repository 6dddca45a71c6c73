//! A carrier's sound through a bad network into the real engine.

use std::{
    net::UdpSocket,
    sync::mpsc,
    time::{Duration, Instant},
};

use rtp_rs::{RtpPacketBuilder, Seq};
use songda_media::{Engine, Rest, Summary};

use super::{BEHIND, PACKETS, Sent, octet};
use crate::{
    engine::{Blocks, config, port},
    impair::{Badness, Impaired},
};

/// The first number: they come round on the way.
const FIRST: u16 = 65_400;

/// Sends a packet every 20 ms through the network into an engine, and answers the recording's
/// right channel, what the engine says of it, and what became of each packet.
async fn through(badness: Badness) -> (Vec<i16>, Summary, Sent) {
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
    for no in 0..PACKETS + BEHIND {
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
    (frames.chunks_exact(2).map(|frame| frame[1]).collect(), summary, Sent::new(fates))
}

async fn agrees(badness: Badness) {
    let mut tries = 0;
    let (right, summary, sent) = loop {
        let seen = through(badness).await;
        tries += 1;
        if !seen.2.is_void() || tries == 4 {
            break seen;
        }
    };
    assert_eq!(sent.fates.len(), usize::from(PACKETS + BEHIND));
    assert_eq!(sent.dropped.is_empty(), badness.loss == 0, "{:?}", sent.dropped);
    let begun = right.iter().position(|sample| *sample != 0).unwrap();
    // The first lies where one that was not late would have: at most the jitter before.
    let jitter = badness.jitter.as_millis() as usize * 8 + 280;
    assert!((4_000 - jitter..=4_000).contains(&begun), "{begun}");
    sent.agrees(&format!("{badness:?}"), &right, begun, &summary.gaps, 1);
    assert_eq!((summary.late_samples, summary.slips), (0, 0));
}

#[tokio::test]
async fn r4_2a_a_bad_network_leaves_exactly_the_holes_that_it_made() {
    let [little, more, much] = [15, 60, 120].map(Duration::from_millis);
    tokio::join!(
        agrees(Badness { loss: 30, seed: 1, ..Badness::default() }),
        agrees(Badness { loss: 100, jitter: little, swapped: 50, doubled: 50, seed: 4 }),
        agrees(Badness { jitter: little, swapped: 100, doubled: 100, seed: 7, loss: 0 }),
        agrees(Badness { loss: 50, jitter: more, swapped: 50, doubled: 50, seed: 11 }),
        agrees(Badness { loss: 30, jitter: much, swapped: 50, doubled: 50, seed: 13 }),
    );
}
