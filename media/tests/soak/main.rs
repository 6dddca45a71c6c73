//! Browsers come and go for days: nothing of them may stay. Alone in its binary, because it
//! counts what the whole process holds.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../it/browser.rs"]
mod browser;
#[path = "../../../tests/src/webrtc.rs"]
mod webrtc;

use std::{net::UdpSocket, sync::Arc, time::Instant};

use browser::Browser;
use rtp_rs::{RtpPacketBuilder, Seq};
use songda_media::{Engine, EngineConfig, MediaEvent, Prompt, Rest, Tap};

const CYCLES: usize = 200;
/// So many go on at the same time, because each only waits.
const AT_ONCE: usize = 4;
/// By then every cache has its size.
const WARM: usize = 100;
/// What may come on top after that, bytes.
const GROWTH: i64 = 1 << 20;

struct Deaf;

impl Tap for Deaf {
    fn started(&mut self, _: Instant, _: i64) {}
    fn block(&mut self, _: &[i16]) -> bool {
        true
    }
}

/// Resident memory, bytes.
fn resident() -> i64 {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<i64>().unwrap() * 1024
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// A call whose browser connects, is replaced by another, and is closed or lost.
async fn cycle(engine: &Engine, carrier: &UdpSocket, music: &Arc<Prompt>, no: usize) {
    let (media, mut events) = engine.open(Box::new(Deaf)).unwrap();
    let port = carrier.local_addr().unwrap().port();
    let ours = media.trunk_offer().await.unwrap();
    let ours = ours.lines().find_map(|line| line.strip_prefix("m=audio ")?.split(' ').next()?.parse::<u16>().ok());
    media.trunk_answer(format!("v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio {port} RTP/AVP 8\r\n")).await.unwrap();
    media.announce(1, music.clone()).unwrap();
    media.rest(Rest::Talk).unwrap();
    let mut legs = Vec::new();
    for _ in 0..=(no % 2) {
        let mut browser = if no % 4 == 3 { Browser::without_udp(0x90) } else { Browser::open(0x90) };
        browser.answer(media.browser_offer(browser.offer.clone()).await.unwrap());
        let up = |_: &mut Browser| (events.try_recv() == Ok(MediaEvent::BrowserConnected)).then_some(());
        browser.until("the leg is up", up).await;
        let mut seq = 0u16;
        let heard = |browser: &mut Browser| {
            seq += 1;
            let packet = RtpPacketBuilder::new().payload_type(8).ssrc(5).sequence(Seq::from(seq));
            let packet = packet.timestamp(u32::from(seq) * 160).payload(&[0x91; 160]).build().unwrap();
            carrier.send_to(&packet, ("127.0.0.1", ours?)).unwrap();
            (browser.count > 3).then_some(())
        };
        browser.until("the party is heard", heard).await;
        legs.push(browser);
    }
    // Some say goodbye, some are only gone; some calls are closed, some are dropped.
    for browser in legs.into_iter().skip(no % 3) {
        browser.close();
    }
    if no.is_multiple_of(5) {
        drop(media);
        while events.recv().await.is_some() {}
    } else {
        media.close().await.unwrap();
    }
}

#[tokio::test]
async fn r4_2a_two_hundred_browsers_that_came_and_went_leave_neither_descriptors_nor_memory() {
    let here = "127.0.0.1".parse().unwrap();
    let config =
        EngineConfig { web_tcp_listen: Some((here, 0).into()), ..EngineConfig::at(here, Arc::new(|| 1_000_000)) };
    let engine = Engine::start(config).unwrap();
    let carrier = UdpSocket::bind((here, 0)).unwrap();
    let music = Arc::new(Prompt::from_samples(vec![4_000; 320]));
    let mut held = Vec::new();
    for no in (0..CYCLES).step_by(AT_ONCE) {
        let one = |no| cycle(&engine, &carrier, &music, no);
        tokio::join!(one(no), one(no + 1), one(no + 2), one(no + 3));
        held.push((descriptors(), resident()));
    }
    let ((open, warm), (left, end)) = (held[WARM / AT_ONCE - 1], held[CYCLES / AT_ONCE - 1]);
    println!("descriptors {open} then {left}; resident {} kB, then {:+} kB", warm / 1024, (end - warm) / 1024);
    assert_eq!(left, open, "descriptors");
    assert!(end - warm <= GROWTH, "{} bytes more after cycle {CYCLES} than after {WARM}: {held:?}", end - warm);
}
