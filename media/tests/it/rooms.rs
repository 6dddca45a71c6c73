//! The modes once more through the real engine: browsers with WebRTC, the carrier with plain RTP.
//! Everybody says one loudness all the time; what an ear hears is the sum of those who are heard.

use std::{
    net::UdpSocket,
    sync::{Arc, mpsc},
};

use rtp_rs::{RtpPacketBuilder, RtpReader, Seq};
use songda_media::{CallMedia, Engine, Law, MediaEvent, Prompt, Rest, Supervision};
use tokio::sync::mpsc::Receiver;

use crate::{
    browser::Browser,
    engine::{Blocks, answer, config, port},
};

const AGENT: i32 = 800;
const TARGET: i32 = 1_900;
const SUPERVISOR: i32 = 4_300;
const PARTY: i32 = 9_900;
const MUSIC: i32 = -3_000;

fn octet(loudness: i32) -> u8 {
    Law::Pcma.encode(loudness as i16)
}

/// Two conversions of a law apart at most.
fn is(heard: Option<i32>, wanted: Option<i32>) -> bool {
    match (heard, wanted) {
        (Some(heard), Some(wanted)) => (heard - wanted).abs() <= wanted.abs() / 12 + 20,
        (_, None) => true,
        (None, Some(_)) => false,
    }
}

fn last(browser: &Browser) -> Option<i32> {
    let octet = browser.heard.as_ref()?.payload.last().copied()?;
    Some(Law::Pcma.decode(octet).into())
}

struct House {
    media: CallMedia,
    events: Receiver<MediaEvent>,
    carrier: UdpSocket,
    ours: u16,
    seq: u16,
    next: std::time::Instant,
    /// What the party heard last.
    party: Option<i32>,
    recorded: mpsc::Receiver<Vec<i16>>,
    _engine: Engine,
}

impl House {
    async fn open() -> Self {
        let engine = Engine::start(config()).unwrap();
        let (blocks, recorded) = mpsc::channel();
        let (media, events) = engine.open(Box::new(Blocks(blocks))).unwrap();
        let carrier = UdpSocket::bind("127.0.0.1:0").unwrap();
        carrier.set_nonblocking(true).unwrap();
        let ours = port(&media.trunk_offer().await.unwrap());
        media.trunk_answer(answer(&carrier)).await.unwrap();
        media.rest(Rest::Talk).unwrap();
        let next = std::time::Instant::now();
        Self { media, events, carrier, ours, seq: 0, next, party: None, recorded, _engine: engine }
    }

    /// The party's turn.
    fn turn(&mut self) {
        while self.next <= std::time::Instant::now() {
            self.next += std::time::Duration::from_millis(20);
            self.seq += 1;
            let packet = RtpPacketBuilder::new().payload_type(8).ssrc(5).sequence(Seq::from(self.seq));
            let octets = [octet(PARTY); 160];
            let packet = packet.timestamp(u32::from(self.seq) * 160).payload(&octets).build().unwrap();
            self.carrier.send_to(&packet, ("127.0.0.1", self.ours)).unwrap();
        }
        let mut buffer = [0u8; 500];
        while let Ok(len) = self.carrier.recv(&mut buffer) {
            let heard = RtpReader::new(&buffer[..len]).unwrap().payload().last().copied().unwrap();
            self.party = Some(Law::Pcma.decode(heard).into());
        }
    }

    /// Waits until everybody hears this sum for a while: party, agent, target, supervisor.
    async fn hears(&mut self, what: &str, browsers: &mut [&mut Browser], wanted: [Option<i32>; 4]) {
        let (mut streak, mut seen) = (0, 0);
        let (first, others) = browsers.split_first_mut().unwrap();
        let all = |first: &mut Browser| {
            self.turn();
            for other in others.iter_mut() {
                other.turn();
            }
            let ears = [
                self.party,
                last(first),
                others.first().and_then(|it| last(it)),
                others.get(1).and_then(|it| last(it)),
            ];
            let right = ears.into_iter().zip(wanted).all(|(heard, wanted)| is(heard, wanted));
            // Each turn is a millisecond or more; what counts is that packets came meanwhile.
            streak = if right { streak + u32::from(first.count > seen) } else { 0 };
            seen = first.count;
            (streak > 15).then_some(())
        };
        first.until(what, all).await;
    }

    async fn told(&mut self, browsers: &mut [&mut Browser], wanted: MediaEvent) {
        let (first, others) = browsers.split_first_mut().unwrap();
        let found = |_: &mut Browser| {
            self.turn();
            for other in others.iter_mut() {
                other.turn();
            }
            std::iter::from_fn(|| self.events.try_recv().ok()).find(|news| *news == wanted)
        };
        first.until("news", found).await;
    }
}

#[tokio::test]
async fn r4_1a_r4_4b_browsers_and_carrier_hear_whom_they_should_in_every_mode() {
    let mut house = House::open().await;
    let mut agent = Browser::open(octet(AGENT));
    agent.answer(house.media.browser_offer(agent.offer.clone()).await.unwrap());
    house.told(&mut [&mut agent], MediaEvent::BrowserConnected).await;
    house.hears("talk", &mut [&mut agent], [Some(AGENT), Some(PARTY), None, None]).await;

    // A colleague is consulted, then comes in.
    let music = Arc::new(Prompt::from_samples(vec![MUSIC as i16; 1_600]));
    house.media.rest(Rest::Hold { cue: 2, music }).unwrap();
    let mut target = Browser::open(octet(TARGET));
    let leg = house.media.target_browser(target.offer.clone()).await.unwrap();
    target.answer(leg.answer);
    let up = MediaEvent::TargetConnected { leg: leg.number };
    house.told(&mut [&mut agent, &mut target], up).await;
    house.media.consult().unwrap();
    let aside = [Some(MUSIC), Some(TARGET), Some(AGENT), None];
    house.hears("consultation", &mut [&mut agent, &mut target], aside).await;
    house.media.join().unwrap();
    house.media.rest(Rest::Talk).unwrap();
    let three = [Some(AGENT + TARGET), Some(TARGET + PARTY), Some(PARTY + AGENT), None];
    house.hears("three-way", &mut [&mut agent, &mut target], three).await;

    // A supervisor listens to all three, whispers, barges in.
    let mut supervisor = Browser::open(octet(SUPERVISOR));
    let offer = supervisor.offer.clone();
    let leg = house.media.supervise(offer, Supervision::Listen).await.unwrap();
    supervisor.answer(leg.answer);
    let up = MediaEvent::SupervisorConnected { leg: leg.number };
    house.told(&mut [&mut agent, &mut target, &mut supervisor], up).await;
    let all = Some(AGENT + TARGET + PARTY);
    let mut people = [&mut agent, &mut target, &mut supervisor];
    house.hears("listening", &mut people, [three[0], three[1], three[2], all]).await;
    house.media.supervision(Supervision::Whisper).unwrap();
    let agent_too = Some(TARGET + PARTY + SUPERVISOR);
    house.hears("whispering", &mut people, [three[0], agent_too, three[2], all]).await;
    house.media.supervision(Supervision::Barge).unwrap();
    let barged = [Some(AGENT + TARGET + SUPERVISOR), agent_too, Some(PARTY + AGENT + SUPERVISOR), all];
    house.hears("barging in", &mut people, barged).await;

    // He goes, the agent goes, the colleague has the party.
    house.media.drop_supervisor().unwrap();
    house.hears("without him", &mut people, [three[0], three[1], three[2], None]).await;
    house.media.hand_over().unwrap();
    house.hears("handed over", &mut [&mut target, &mut agent], [Some(TARGET), Some(PARTY), None, None]).await;

    let summary = house.media.close().await.unwrap();
    let frames: Vec<i16> = house.recorded.try_iter().flatten().collect();
    assert_eq!(summary.frames as usize * 2, frames.len());
    let side = |side: usize| frames.iter().skip(side).step_by(2).map(|sample| i32::from(*sample));
    let holds = |channel: usize, loudness: i32| side(channel).filter(|it| is(Some(*it), Some(loudness))).count();
    for loudness in [AGENT, MUSIC, AGENT + TARGET, AGENT + TARGET + SUPERVISOR, TARGET] {
        assert!(holds(0, loudness) > 1_000, "{loudness} is on the left");
    }
    assert!(holds(1, PARTY) * 10 > frames.len() / 2 * 8, "the party is on the right");
    assert_eq!(holds(1, PARTY + SUPERVISOR), 0);
}
