use std::{
    net::UdpSocket,
    sync::{Arc, mpsc},
    time::Duration,
};

use rtp_rs::{RtpPacketBuilder, RtpReader, Seq};
use songda_media::{CallMedia, Engine, EngineError, Law, MediaEvent, Prompt, Rest, Security};
use tokio::sync::mpsc::Receiver;

use crate::{
    browser::Browser,
    engine::{Blocks, answer, config, port},
};

const ONE: u8 = 0x90;
const TWO: u8 = 0xb1;

/// An answered call, and its carrier.
struct Answered {
    media: CallMedia,
    events: Receiver<MediaEvent>,
    carrier: UdpSocket,
    ours: u16,
    seq: u16,
    recorded: mpsc::Receiver<Vec<i16>>,
    _engine: Engine,
}

impl Answered {
    async fn open() -> Self {
        let engine = Engine::start(config()).unwrap();
        let (blocks, recorded) = mpsc::channel();
        let (media, events) = engine.open(Box::new(Blocks(blocks))).unwrap();
        let carrier = UdpSocket::bind("127.0.0.1:0").unwrap();
        carrier.set_nonblocking(true).unwrap();
        let ours = port(&media.trunk_offer().await.unwrap());
        media.trunk_answer(answer(&carrier)).await.unwrap();
        media.announce(1, Arc::new(Prompt::from_samples(vec![8_000; 160]))).unwrap();
        media.rest(Rest::Talk).unwrap();
        Self { media, events, carrier, ours, seq: 0, recorded, _engine: engine }
    }

    async fn browser(&self, says: u8) -> Browser {
        let mut browser = Browser::open(says);
        browser.answer(self.media.browser_offer(browser.offer.clone()).await.unwrap());
        browser
    }

    /// Turns this browser until the party and it hear each other.
    async fn both_ways(&mut self, browser: &mut Browser, says: u8) {
        let before = browser.count;
        while self.hears().is_some() {}
        let found = |browser: &mut Browser| {
            self.say();
            (self.hears() == Some(says) && browser.count > before).then_some(())
        };
        browser.until("sound both ways", found).await;
    }

    fn say(&mut self) {
        self.seq += 1;
        let packet = RtpPacketBuilder::new().payload_type(8).ssrc(5).sequence(Seq::from(self.seq));
        let packet = packet.timestamp(u32::from(self.seq) * 160).payload(&[0x91; 160]).build().unwrap();
        self.carrier.send_to(&packet, ("127.0.0.1", self.ours)).unwrap();
    }

    /// The last octet of the next packet that the party was sent.
    fn hears(&self) -> Option<u8> {
        let mut buffer = [0u8; 500];
        let len = self.carrier.recv(&mut buffer).ok()?;
        RtpReader::new(&buffer[..len]).unwrap().payload().last().copied()
    }

    /// Turns this browser until the call tells something of the browser; the rest is skipped.
    async fn told(&mut self, browser: &mut Browser) -> MediaEvent {
        let events = &mut self.events;
        let about_us = |news: &MediaEvent| {
            use MediaEvent::{AgentBack, AgentGone, BrowserConnected, BrowserLost};
            matches!(news, BrowserConnected | BrowserLost | AgentGone { .. } | AgentBack { .. })
        };
        browser.until("news of a browser", |_| events.try_recv().ok().filter(about_us)).await
    }
}

#[tokio::test]
async fn r4_2a_a_second_window_takes_the_sound_over_and_the_first_is_heard_of_no_more() {
    let mut call = Answered::open().await;
    let mut first = call.browser(ONE).await;
    assert_eq!(call.told(&mut first).await, MediaEvent::BrowserConnected);
    call.both_ways(&mut first, ONE).await;
    let old = first.heard.take().unwrap().header;
    let mut second = call.browser(TWO).await;
    assert_eq!(call.told(&mut second).await, MediaEvent::BrowserConnected);
    call.both_ways(&mut second, TWO).await;
    let new = second.heard.clone().unwrap().header;
    assert_eq!(new.ssrc, old.ssrc, "one stream goes on");
    assert!(new.sequence_number.wrapping_sub(old.sequence_number) < 0x8000, "its numbers too");
    // The first speaks on, and then closes: neither is noticed.
    while call.hears().is_some() {}
    for _ in 0..100 {
        first.turn();
        second.turn();
        assert_ne!(call.hears(), Some(ONE), "who was replaced is not heard");
    }
    first.close();
    call.both_ways(&mut second, TWO).await;
    while let Ok(news) = call.events.try_recv() {
        assert!(!matches!(news, MediaEvent::BrowserLost | MediaEvent::AgentGone { .. }), "{news:?}");
    }
    let summary = call.media.close().await.unwrap();
    assert_eq!(summary.frames as usize * 2, call.recorded.try_iter().flatten().count(), "one recording");
}

/// A closed page says goodbye, a lost network does not; the stack tells neither at once.
async fn is_missed(leave: impl FnOnce(Browser)) {
    let mut call = Answered::open().await;
    let mut first = call.browser(ONE).await;
    assert_eq!(call.told(&mut first).await, MediaEvent::BrowserConnected);
    call.both_ways(&mut first, ONE).await;
    leave(first);
    let gone = tokio::time::timeout(Duration::from_secs(5), async {
        loop {
            if let MediaEvent::AgentGone { frame } = call.events.recv().await.unwrap() {
                return frame;
            }
        }
    });
    let gone = gone.await.expect("told in time");
    let mut second = call.browser(TWO).await;
    assert_eq!(call.told(&mut second).await, MediaEvent::BrowserConnected);
    let back = call.told(&mut second).await;
    assert!(matches!(back, MediaEvent::AgentBack { frame } if frame > gone), "{back:?}");
    call.both_ways(&mut second, TWO).await;
    let summary = call.media.close().await.unwrap();
    let hole = summary.gaps.iter().find(|gap| gap.channel == 0 && gap.to_frame - gap.from_frame >= 16_000);
    assert!(hole.is_some_and(|hole| hole.from_frame < gone && hole.to_frame > gone), "{:?}", summary.gaps);
}

#[tokio::test]
async fn e51_a_browser_that_leaves_or_vanishes_is_missed_after_two_seconds_and_another_one_resumes() {
    tokio::join!(is_missed(Browser::close), is_missed(drop));
}

#[tokio::test]
async fn an_offer_that_cannot_be_used_costs_the_browser_that_is_there_nothing() {
    let mut call = Answered::open().await;
    let mut first = call.browser(ONE).await;
    assert_eq!(call.told(&mut first).await, MediaEvent::BrowserConnected);
    call.media.browser_offer("v=0\r\n".into()).await.unwrap_err();
    call.both_ways(&mut first, ONE).await;
}

impl Answered {
    /// The party hears music, the agent that it rings.
    fn hold(&self) {
        let prompt = |sample| Arc::new(Prompt::from_samples(vec![sample; 1_600]));
        self.media.rest(Rest::Hold { cue: 2, music: prompt(8_000) }).unwrap();
        self.media.ring_agent(prompt(-2_000)).unwrap();
    }

    /// What the party was sent meanwhile: nothing but music, once what was said before is gone.
    fn hears_only_music(&self) -> bool {
        std::iter::from_fn(|| self.hears()).all(|octet| octet == Law::Pcma.encode(8_000))
    }
}

fn last(browser: &Browser) -> Option<u8> {
    browser.heard.as_ref().and_then(|packet| packet.payload.first().copied())
}

#[tokio::test]
async fn r4_1a_a_colleagues_browser_is_spoken_to_aside_and_then_has_the_party() {
    let mut call = Answered::open().await;
    let mut agent = call.browser(ONE).await;
    assert_eq!(call.told(&mut agent).await, MediaEvent::BrowserConnected);
    for _ in 0..10 {
        call.both_ways(&mut agent, ONE).await;
    }
    call.hold();
    let mut target = Browser::open(TWO);
    target.answer(call.media.target_browser(target.offer.clone()).await.unwrap().answer);
    let events = &mut call.events;
    let connected = |_: &mut Browser| {
        agent.turn();
        events.try_recv().ok().filter(|news| matches!(news, MediaEvent::TargetConnected { .. }))
    };
    target.until("the target's sound is up", connected).await;
    while call.hears().is_some() {}
    call.media.consult().unwrap();
    let both = |target: &mut Browser| {
        agent.turn();
        call.say();
        assert!(call.hears_only_music());
        (last(target) == Some(ONE) && last(&agent) == Some(TWO)).then_some(())
    };
    target.until("agent and target hear each other", both).await;
    call.media.hand_over().unwrap();
    call.media.rest(Rest::Talk).unwrap();
    call.both_ways(&mut target, TWO).await;
    for _ in 0..100 {
        agent.turn();
        target.turn();
        assert_ne!(call.hears(), Some(ONE), "whose place was taken is not heard");
    }
    let said = agent.said;
    agent.close();
    call.both_ways(&mut target, TWO).await;
    let news: Vec<_> = std::iter::from_fn(|| call.events.try_recv().ok()).collect();
    assert!(news.iter().any(|news| matches!(news, MediaEvent::HandedOver { .. })), "{news:?}");
    assert!(
        !news.iter().any(|news| matches!(news, MediaEvent::BrowserLost | MediaEvent::TargetLost { .. })),
        "{news:?}"
    );
    // The new one may come back by another offer, as the old one could.
    let mut again = call.browser(0x85).await;
    // The recording holds what was said a moment before its end.
    for _ in 0..10 {
        call.both_ways(&mut again, 0x85).await;
    }
    let summary = call.media.close().await.unwrap();
    let frames: Vec<i16> = call.recorded.try_iter().flatten().collect();
    assert_eq!(summary.frames as usize * 2, frames.len(), "one recording");
    let [before] = summary.legs.agents_before.as_slice() else { panic!("{:?}", summary.legs) };
    assert!(before.received > 0 && before.received <= u64::from(said), "{before:?}");
    let later = u64::from(target.said) + u64::from(again.said);
    assert!((1..=later).contains(&summary.legs.agent.received), "his two legs are his: {:?}", summary.legs);
    let left: Vec<i16> = frames.iter().step_by(2).copied().collect();
    let first = |voice: u8| left.iter().position(|sample| *sample == Law::Pcma.decode(voice)).unwrap();
    assert!(first(ONE) < first(TWO) && first(TWO) < first(0x85));
}

#[tokio::test]
async fn r4_1a_a_desk_phone_is_spoken_to_aside_and_then_has_the_party_in_its_own_law() {
    const SAYS: u8 = 0x99;
    let mut call = Answered::open().await;
    let mut agent = call.browser(ONE).await;
    call.both_ways(&mut agent, ONE).await;
    let phone = UdpSocket::bind("127.0.0.1:0").unwrap();
    phone.set_nonblocking(true).unwrap();
    let sdp = answer(&phone).replace("RTP/AVP 8", "RTP/AVP 0");
    assert!(matches!(call.media.phone_answer(sdp.clone()).await, Err(EngineError::NoPhone)));
    call.hold();
    let ours = port(&call.media.phone_offer(Security::Off, Vec::new()).await.unwrap());
    assert_ne!(ours, call.ours, "a port of its own");
    assert!(matches!(call.media.phone_answer("v=0\r\n".into()).await, Err(EngineError::Sdp(_))));
    assert!(call.media.phone_answer(sdp.clone()).await.unwrap(), "it listens");
    call.media.consult().unwrap();
    let mut seq = 0;
    let mut speak = |payload_type: u8| {
        seq += 1;
        let packet = RtpPacketBuilder::new().payload_type(payload_type).ssrc(9).sequence(Seq::from(seq));
        let packet = packet.timestamp(u32::from(seq) * 160).payload(&[SAYS; 160]).build().unwrap();
        phone.send_to(&packet, ("127.0.0.1", ours)).unwrap();
    };
    let heard = || {
        let mut buffer = [0u8; 500];
        let len = phone.recv(&mut buffer).ok()?;
        let packet = RtpReader::new(&buffer[..len]).unwrap();
        Some((packet.payload_type(), packet.payload().last().copied()?))
    };
    let (ulaw, alaw) = (Law::Pcmu, Law::Pcma);
    let in_ulaw = |octet: u8| Some((0, ulaw.encode(alaw.decode(octet))));
    let says = alaw.encode(ulaw.decode(SAYS));
    while call.hears().is_some() {}
    let both = |agent: &mut Browser| {
        speak(0);
        call.say();
        assert!(call.hears_only_music());
        (std::iter::from_fn(heard).last() == in_ulaw(ONE) && last(agent) == Some(says)).then_some(())
    };
    agent.until("agent and phone hear each other", both).await;
    call.media.hand_over().unwrap();
    call.media.rest(Rest::Talk).unwrap();
    let taken = |_: &mut Browser| {
        speak(0);
        // Comfort noise was not agreed, and is nobody's key.
        speak(13);
        call.say();
        (call.hears() == Some(says) && std::iter::from_fn(heard).last() == in_ulaw(0x91)).then_some(())
    };
    agent.until("the phone has the party", taken).await;
    assert!(!call.media.phone_answer(sdp.clone() + "a=sendonly\r\n").await.unwrap(), "it holds");
    while heard().is_some() {}
    for _ in 0..20 {
        call.say();
        agent.turn();
        assert_eq!(heard(), None, "who holds is sent nothing");
    }
    assert!(call.media.phone_answer(sdp).await.unwrap(), "it is back");
    let again = |_: &mut Browser| {
        speak(0);
        call.say();
        (call.hears() == Some(says) && std::iter::from_fn(heard).last() == in_ulaw(0x91)).then_some(())
    };
    agent.until("the phone has the party again", again).await;
    call.media.close().await.unwrap();
}

/// RFC 3264, section 6.1: who answers our offer with a number of its own sends keys under ours.
#[tokio::test]
async fn e44_keys_that_come_under_the_number_that_we_offered_are_read_whatever_the_answer_names() {
    let Answered { media, mut events, carrier, ours, _engine, .. } = Answered::open().await;
    let takes_keys = answer(&carrier).replace("RTP/AVP 8", "RTP/AVP 8 97") + "a=rtpmap:97 telephone-event/8000\r\n";
    media.trunk_answer(takes_keys).await.unwrap();
    for (key, payload_type) in [(1, 101), (2, 97)] {
        let packet = RtpPacketBuilder::new().payload_type(payload_type).ssrc(5).sequence(Seq::from(u16::from(key)));
        let packet = packet.timestamp(u32::from(key) * 1_600).payload(&[key, 0x8a, 3, 32]).build().unwrap();
        carrier.send_to(&packet, ("127.0.0.1", ours)).unwrap();
    }
    let mut pressed = String::new();
    while pressed.len() < 2 {
        match events.recv().await.unwrap() {
            MediaEvent::Digit { digit, .. } => pressed.push(digit),
            MediaEvent::PartySilent { .. } => panic!("no key was read but {pressed}"),
            _ => {}
        }
    }
    assert_eq!(pressed, "12");
    media.close().await.unwrap();
}
