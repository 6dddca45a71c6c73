//! Whose sound is heard, and where ours then goes, from the setting down to the socket.

use std::{
    net::UdpSocket,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use rtp_rs::{RtpPacketBuilder, RtpReader, Seq};
use songda_media::{CallMedia, CarrierSound, Engine, MediaEvent, MediaSource, Prompt, Rest, Security};

use crate::{
    browser::Browser,
    engine::{Blocks, answer, config, port},
};

/// Who is heard is told apart from everybody else by this octet.
const HEARD: u8 = 0x91;
/// Nothing takes longer, and every window of the engine is shorter.
const PATIENCE: Duration = Duration::from_secs(20);

fn packet(seq: u16, octet: u8) -> Vec<u8> {
    let packet = RtpPacketBuilder::new().payload_type(8).ssrc(5).sequence(Seq::from(seq));
    packet.timestamp(u32::from(seq) * 160).payload(&[octet; 160]).build().unwrap()
}

/// A socket at this address that waits for what comes.
fn at(ip: &str) -> UdpSocket {
    let socket = UdpSocket::bind((ip, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket
}

/// Waits until the engine has read so many datagrams.
async fn read(engine: &Engine, media: &CallMedia, datagrams: u64) {
    let begun = Instant::now();
    while engine.figures()[0].datagrams < datagrams {
        // An order is answered in a sweep, and each sweep reads on.
        assert!(media.digits("no key".into()).await.is_err());
        assert!(begun.elapsed() < PATIENCE, "{:?}", engine.figures());
    }
}

#[tokio::test]
async fn the_setting_of_a_trunk_says_whose_packets_are_heard_and_where_ours_go() {
    use MediaSource::{Any, Port, Strict};
    for (source, from, heard) in [
        (Any, "127.0.0.2", true),
        (Any, "127.0.0.1", true),
        (Port, "127.0.0.2", false),
        (Port, "127.0.0.1", true),
        (Strict, "127.0.0.2", false),
        (Strict, "127.0.0.1", false),
    ] {
        let engine = Engine::start(config()).unwrap();
        let (blocks, _recorded) = mpsc::channel();
        let (media, mut events) = engine.open(Box::new(Blocks(blocks))).unwrap();
        media.carrier(CarrierSound { source, ..CarrierSound::default() }).unwrap();
        let (described, speaks) = (at("127.0.0.1"), at(from));
        let ours = port(&media.trunk_offer().await.unwrap());
        media.trunk_answer(answer(&described)).await.unwrap();
        media.early().unwrap();
        speaks.send_to(&packet(1, HEARD), ("127.0.0.1", ours)).unwrap();
        read(&engine, &media, 1).await;
        media.announce(1, Arc::new(Prompt::from_samples(vec![8_000; 1_600]))).unwrap();
        media.rest(Rest::Talk).unwrap();
        let mut buffer = [0u8; 500];
        let answered = if heard { &speaks } else { &described }.recv(&mut buffer);
        assert!(answered.is_ok(), "ours goes elsewhere: {source:?} from {from}");
        let party = media.close().await.unwrap().legs.party;
        assert_eq!((party.received, party.foreign), (u64::from(heard), u64::from(!heard)), "{source:?} from {from}");
        let mut told = false;
        while let Some(news) = events.recv().await {
            told |= news == MediaEvent::PartyHeard;
        }
        assert_eq!(told, heard, "{source:?} from {from}");
    }
}

#[tokio::test]
async fn r4_1a_who_takes_a_call_over_is_not_judged_by_the_network_of_who_had_it_before() {
    let engine = Engine::start(config()).unwrap();
    let (blocks, _recorded) = mpsc::channel();
    let (media, _events) = engine.open(Box::new(Blocks(blocks))).unwrap();
    media.trunk_offer().await.unwrap();
    media.rest(Rest::Talk).unwrap();
    let mut so_far = 0;
    for step in [2, 1] {
        let phone = at("127.0.0.1");
        let ours = port(&media.phone_offer(Security::Off, Vec::new()).await.unwrap());
        assert!(media.phone_answer(answer(&phone)).await.unwrap(), "it listens");
        media.hand_over().unwrap();
        // Of the first one's sound every second packet is lost on the way.
        for seq in (1..=21).step_by(step) {
            phone.send_to(&packet(seq, HEARD), ("127.0.0.1", ours)).unwrap();
            so_far += 1;
            read(&engine, &media, so_far).await;
        }
    }
    let legs = media.close().await.unwrap().legs;
    let [before] = legs.agents_before.as_slice() else { panic!("{legs:?}") };
    assert_eq!((before.received, before.lost), (11, 10), "{before:?}");
    assert_eq!((legs.agent.received, legs.agent.lost), (21, 0), "{:?}", legs.agent);
    assert!(legs.agent.mos > before.mos && before.mos.is_some(), "{legs:?}");
    assert!(legs.target.is_none(), "whoever has the party is the agent: {legs:?}");
}

/// It describes the address inside its own network, as such phones do; its packets come from where it
/// registered.
#[tokio::test]
async fn r4_1a_a_desk_phone_behind_a_translator_is_heard_from_where_it_registered_and_hears_the_party() {
    let engine = Engine::start(config()).unwrap();
    let (blocks, _recorded) = mpsc::channel();
    let (media, _events) = engine.open(Box::new(Blocks(blocks))).unwrap();
    let carrier = at("127.0.0.1");
    let trunk = port(&media.trunk_offer().await.unwrap());
    media.trunk_answer(answer(&carrier)).await.unwrap();
    media.rest(Rest::Talk).unwrap();
    let (phone, stranger, next_door) = (at("127.0.0.2"), at("127.0.0.3"), at("127.0.0.2"));
    let devices = vec!["127.0.0.9".parse().unwrap(), "127.0.0.2".parse().unwrap()];
    let ours = port(&media.phone_offer(Security::Off, devices).await.unwrap());
    let described = answer(&phone).replace("127.0.0.1", "10.1.2.3");
    assert!(media.phone_answer(described).await.unwrap(), "it listens");
    media.hand_over().unwrap();
    for seq in 1..=5 {
        stranger.send_to(&packet(seq, 0xb1), ("127.0.0.1", ours)).unwrap();
    }
    phone.send_to(&packet(1, HEARD), ("127.0.0.1", ours)).unwrap();
    read(&engine, &media, 6).await;
    // From then on it alone is: another port of its router is somebody else.
    for seq in 2..=6 {
        next_door.send_to(&packet(seq, 0xb1), ("127.0.0.1", ours)).unwrap();
    }
    read(&engine, &media, 11).await;
    let mut buffer = [0u8; 500];
    let mut hears = |socket: &UdpSocket, octet: u8, mut speak: Box<dyn FnMut(u16) + '_>| {
        let begun = Instant::now();
        for seq in 10.. {
            speak(seq);
            let len = socket.recv(&mut buffer).unwrap();
            if RtpReader::new(&buffer[..len]).unwrap().payload().last() == Some(&octet) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{octet:x} is not heard");
        }
    };
    let say = |socket: &UdpSocket, to: u16, seq: u16, octet: u8| {
        socket.send_to(&packet(seq, octet), ("127.0.0.1", to)).unwrap();
    };
    hears(&carrier, HEARD, Box::new(|seq| say(&phone, ours, seq, HEARD)));
    hears(&phone, 0x85, Box::new(|seq| say(&carrier, trunk, seq, 0x85)));
    let summary = media.close().await.unwrap();
    assert_eq!(summary.legs.agent.foreign, 10, "the stranger and who is next door");
    for nobody in [stranger, next_door] {
        nobody.set_nonblocking(true).unwrap();
        assert!(nobody.recv(&mut buffer).is_err(), "nothing went to it");
    }
}

#[tokio::test]
async fn a_browser_that_says_far_more_than_was_agreed_is_counted_and_heard_as_far_as_that() {
    let engine = Engine::start(config()).unwrap();
    let (blocks, _recorded) = mpsc::channel();
    let (media, _events) = engine.open(Box::new(Blocks(blocks))).unwrap();
    let carrier = at("127.0.0.1");
    carrier.set_nonblocking(true).unwrap();
    media.trunk_offer().await.unwrap();
    media.trunk_answer(answer(&carrier)).await.unwrap();
    media.rest(Rest::Talk).unwrap();
    let mut browser = Browser::open(HEARD);
    browser.answer(media.browser_offer(browser.offer.clone()).await.unwrap());
    let mut buffer = [0u8; 500];
    let mut hears = || {
        let mut heard = 0;
        while let Ok(len) = carrier.recv(&mut buffer) {
            heard += usize::from(RtpReader::new(&buffer[..len]).unwrap().payload().last() == Some(&HEARD));
        }
        heard
    };
    browser.until("the agent is heard", |_| (hears() > 0).then_some(())).await;
    assert_eq!(engine.figures()[0].excess, 0, "who says what was agreed is never checked");
    let begun = Instant::now();
    browser
        .until("too much is counted", |browser| {
            // Twenty packets more, at once.
            browser.next -= Duration::from_millis(400);
            (engine.figures()[0].excess >= 500).then_some(())
        })
        .await;
    // Its stack still works, and it is heard again.
    hears();
    let mut again = 0;
    let heard = |_: &mut Browser| {
        again += hears();
        (again > 10).then_some(())
    };
    browser.until("the agent is heard again", heard).await;
    let agent = media.close().await.unwrap().legs.agent;
    assert!(agent.excess >= 500, "{agent:?}");
    // A second's allowance, what is earned, and what may have waited.
    let most = 150 + 200 * (begun.elapsed().as_secs() + 2);
    assert!(agent.received <= most, "not above {most}: {agent:?}");
}
