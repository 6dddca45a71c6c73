//! How browsers reach the server: by one UDP port or one TCP port, of one thread or of several.

use std::{
    net::UdpSocket,
    sync::{Arc, mpsc},
};

use rtp_rs::{RtpPacketBuilder, RtpReader, Seq};
use songda_media::{CallMedia, Engine, EngineConfig, MediaEvent, Prompt, Rest};
use tokio::sync::mpsc::Receiver;

use crate::{
    browser::Browser,
    engine::{Blocks, answer, config, port},
};

fn both(threads: usize) -> EngineConfig {
    EngineConfig { threads, web_tcp_listen: Some("127.0.0.1:0".parse().unwrap()), ..config() }
}

/// A call whose party speaks, and its browser.
struct Call {
    media: CallMedia,
    _events: Receiver<MediaEvent>,
    carrier: UdpSocket,
    ours: u16,
    seq: u16,
    says: u8,
    browser: Browser,
}

impl Call {
    async fn open(engine: &Engine, mut browser: Browser, says: u8) -> Self {
        let (blocks, _) = mpsc::channel();
        let (media, events) = engine.open(Box::new(Blocks(blocks))).unwrap();
        let carrier = UdpSocket::bind("127.0.0.1:0").unwrap();
        carrier.set_nonblocking(true).unwrap();
        let ours = port(&media.trunk_offer().await.unwrap());
        media.trunk_answer(answer(&carrier)).await.unwrap();
        media.announce(1, Arc::new(Prompt::from_samples(vec![8_000; 160]))).unwrap();
        media.rest(Rest::Talk).unwrap();
        let sdp = media.browser_offer(browser.offer.clone()).await.unwrap();
        assert!(sdp.contains(" udp ") && sdp.contains("tcptype passive"), "{sdp}");
        browser.answer(sdp);
        Self { media, _events: events, carrier, ours, seq: 0, says, browser }
    }

    /// Until the party and the browser have heard each other ten times more.
    async fn both_ways(&mut self) {
        let (mut heard, before) = (0, self.browser.count);
        let Self { carrier, ours, seq, says, browser, .. } = self;
        let found = |browser: &mut Browser| {
            *seq += 1;
            let packet = RtpPacketBuilder::new().payload_type(8).ssrc(5).sequence(Seq::from(*seq));
            let packet = packet.timestamp(u32::from(*seq) * 160).payload(&[0x91; 160]).build().unwrap();
            carrier.send_to(&packet, ("127.0.0.1", *ours)).unwrap();
            let mut buffer = [0u8; 500];
            while let Ok(len) = carrier.recv(&mut buffer) {
                heard += usize::from(RtpReader::new(&buffer[..len]).unwrap().payload().first() == Some(says));
            }
            (heard >= 10 && browser.count >= before + 10).then_some(())
        };
        browser.until("sound both ways", found).await;
    }
}

#[tokio::test]
async fn a_browser_without_udp_is_heard_and_hears_by_tcp() {
    let engine = Engine::start(both(1)).unwrap();
    assert!(engine.web_tcp_address().is_some());
    let mut call = Box::pin(Call::open(&engine, Browser::without_udp(0x90), 0x90)).await;
    call.both_ways().await;
    // Another one of the same call by UDP takes its place, and the connection is closed.
    let mut second = Browser::open(0xb1);
    second.answer(call.media.browser_offer(second.offer.clone()).await.unwrap());
    (call.browser, call.says) = (second, 0xb1);
    call.both_ways().await;
    let summary = call.media.close().await.unwrap();
    assert!(summary.legs.agent.received >= 20, "both browsers count: {:?}", summary.legs.agent);
}

#[tokio::test]
async fn calls_of_several_threads_share_the_ports_and_each_browser_reaches_its_own() {
    let engine = Engine::start(both(3)).unwrap();
    let mut calls = Vec::new();
    for no in 0..6u8 {
        let says = 0x80 + no;
        let browser = if no % 3 == 2 { Browser::without_udp(says) } else { Browser::open(says) };
        calls.push(Box::pin(Call::open(&engine, browser, says)).await);
    }
    let figures = engine.figures();
    assert_eq!(figures.len(), 3);
    for call in &mut calls {
        call.both_ways().await;
    }
    let figures = engine.figures();
    assert!(figures.iter().all(|thread| thread.calls == 2 && thread.sweeps > 0), "{figures:?}");
    assert!(figures.iter().all(|thread| thread.not_handed_over == 0), "{figures:?}");
    for call in calls {
        assert!(call.media.close().await.unwrap().legs.agent.received >= 10);
    }
}
