//! What is known of a leg: over real sockets, with a carrier that reports and one that does not.

use std::{
    net::UdpSocket,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use rtc::{
    rtcp::{
        packet::marshal, receiver_report::ReceiverReport, reception_report::ReceptionReport,
        sender_report::SenderReport,
    },
    shared::marshal::Unmarshal as _,
};
use rtp_rs::{RtpPacketBuilder, RtpReader, Seq};
use songda_media::{CallMedia, Engine, MediaEvent, Prompt, Rest};
use tokio::sync::mpsc::Receiver;

use crate::{
    browser::Browser,
    engine::{Blocks, answer, config, port},
};

/// An answered call, and a carrier with both its ports.
struct Carrier {
    media: CallMedia,
    events: Receiver<MediaEvent>,
    sound: UdpSocket,
    control: UdpSocket,
    ours: u16,
    _engine: Engine,
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket
}

async fn answered(more: &str) -> Carrier {
    let engine = Engine::start(config()).unwrap();
    let (blocks, _) = mpsc::channel();
    let (media, events) = engine.open(Box::new(Blocks(blocks))).unwrap();
    let (sound, control) = (socket(), socket());
    let offer = media.trunk_offer().await.unwrap();
    assert!(offer.contains("a=rtcp-mux\r\n"), "{offer}");
    let ours = port(&offer);
    let sdp = answer(&sound) + &format!("a=rtcp:{}\r\n{more}", control.local_addr().unwrap().port());
    media.trunk_answer(sdp).await.unwrap();
    media.rest(Rest::Talk).unwrap();
    Carrier { media, events, sound, control, ours, _engine: engine }
}

fn voice(seq: u16) -> Vec<u8> {
    let packet = RtpPacketBuilder::new().payload_type(8).ssrc(5).sequence(Seq::from(seq));
    packet.timestamp(u32::from(seq) * 160).payload(&[0x91; 160]).build().unwrap()
}

impl Carrier {
    /// Says packet after packet, every tenth lost on the way, until this is found between two.
    fn speak<T>(&self, from: u16, mut found: impl FnMut(u16) -> Option<T>) -> (T, u16) {
        let begun = Instant::now();
        for seq in from.. {
            if seq % 10 != 3 {
                self.sound.send_to(&voice(seq), ("127.0.0.1", self.ours)).unwrap();
            }
            if let Some(found) = found(seq) {
                return (found, seq + 1);
            }
            let due = begun + Duration::from_millis(20) * u32::from(seq - from + 1);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        unreachable!()
    }

    /// Our report, if it came where it must.
    fn report(&self, mux: bool) -> Option<SenderReport> {
        let socket = if mux { &self.sound } else { &self.control };
        socket.set_nonblocking(true).unwrap();
        let mut buffer = [0u8; 2048];
        let report = std::iter::from_fn(|| socket.recv(&mut buffer).ok().map(|len| buffer[..len].to_vec()))
            .find(|octets| octets[1] == 200)
            .map(|octets| SenderReport::unmarshal(&mut &octets[..octets.len().min(52)]).unwrap());
        socket.set_nonblocking(false).unwrap();
        report
    }
}

/// What a carrier that heard our report says of it `delay` later.
fn reply(report: &SenderReport, delay: Duration) -> Vec<u8> {
    let block = ReceptionReport {
        ssrc: report.ssrc,
        fraction_lost: 64,
        total_lost: 12,
        jitter: 80,
        last_sender_report: (report.ntp_time >> 16) as u32,
        delay: (delay.as_micros() * 65_536 / 1_000_000) as u32,
        ..ReceptionReport::default()
    };
    marshal(&[Box::new(ReceiverReport { ssrc: 5, reports: vec![block], ..ReceiverReport::default() })])
        .unwrap()
        .to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trunk_leg_reports_on_its_own_port_and_learns_what_the_carrier_hears() {
    for mux in [false, true] {
        let mut carrier = answered(if mux { "a=rtcp-mux\r\n" } else { "" }).await;
        // A second of sound first, so that there is something to report on.
        let (report, next) = carrier.speak(1, |seq| (seq > 50).then(|| carrier.report(mux)).flatten());
        let arrived = Instant::now();
        assert_eq!(report.reports[0].ssrc, 5);
        assert!(report.packet_count > 0 && report.octet_count == report.packet_count * 160, "{report:?}");
        // Two packets later the carrier answers.
        let (arrived_for, next) = carrier.speak(next, |seq| (seq > next + 1).then(|| arrived.elapsed()));
        let (from, to) = if mux { (&carrier.sound, carrier.ours) } else { (&carrier.control, carrier.ours + 1) };
        from.send_to(&reply(&report, arrived_for), ("127.0.0.1", to)).unwrap();
        // What is no report does no harm, and what is not RTP counts as no packet of the other end.
        for wild in [&[0x80, 201][..], &[0x81, 200, 0xff, 0xff, 0, 0, 0, 0]] {
            from.send_to(wild, ("127.0.0.1", to)).unwrap();
        }
        for octet in 0xf0..=0xff {
            from.send_to(&[octet; 40], ("127.0.0.1", to)).unwrap();
        }
        let mut events = std::mem::replace(&mut carrier.events, tokio::sync::mpsc::channel(1).1);
        let told = |_| {
            // Read, so that there is room for what comes last.
            let _ = carrier.report(mux);
            match events.try_recv() {
                Ok(MediaEvent::Quality(moments)) => moments.party,
                _ => None,
            }
        };
        let (moment, next) = carrier.speak(next, told);
        assert!((0.05..0.6).contains(&moment.loss) && moment.mos > 1.0 && moment.mos < 4.0, "{moment:?}");
        let summary = carrier.media.close().await.unwrap();
        let party = summary.legs.party;
        // The last packets may still be under way, a lost one among them.
        let known = party.received + party.lost;
        assert!(known + 4 > u64::from(next) && known < u64::from(next), "{party:?} {next}");
        assert!(party.lost + 1 >= known / 10, "{party:?} {next}");
        let rtt = party.rtt_ms.unwrap();
        assert!((0.0..200.0).contains(&rtt), "{rtt}");
        let far = party.far.unwrap();
        assert_eq!((far.lost, far.loss, far.jitter_ms), (12, 0.25, 10.0));
        // Whoever ends says so.
        let mut buffer = [0u8; 2048];
        let socket = if mux { &carrier.sound } else { &carrier.control };
        loop {
            let len = socket.recv(&mut buffer).unwrap();
            if (192..=223).contains(&buffer[1])
                && buffer[..len].windows(2).any(|pair| pair[0] & 0x9f == 0x81 && pair[1] == 203)
            {
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r4_1a_what_was_measured_so_far_is_told_in_the_midst_of_a_call_so_that_a_kill_leaves_it_known() {
    let mut carrier = answered("").await;
    let mut events = std::mem::replace(&mut carrier.events, tokio::sync::mpsc::channel(1).1);
    let told = |_| match events.try_recv() {
        Ok(MediaEvent::Measured(legs)) if legs.party.received > 0 => Some(legs),
        _ => None,
    };
    let (told, next) = carrier.speak(1, told);
    let end = carrier.media.close().await.unwrap().legs;
    let (party, whole) = (told.party, end.party);
    assert!(party.lost + 1 >= (party.received + party.lost) / 10, "every tenth is lost: {party:?}");
    assert!(party.received <= whole.received && party.received + 20 > u64::from(next) * 8 / 10, "{party:?} {next}");
    assert!(party.mos.is_some_and(|mos| mos < 4.0), "{party:?}");
    assert_eq!((told.agents_before.len(), told.target, told.supervisor), (0, None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_go_apart_after_an_offer_inside_the_call_whose_answer_names_no_rtcp_mux() {
    let carrier = answered("a=rtcp-mux\r\n").await;
    let control = carrier.control.local_addr().unwrap().port();
    let moved = answer(&carrier.sound) + &format!("a=rtcp:{control}\r\na=rtcp-mux\r\n");
    carrier.media.trunk_moved(moved).await.unwrap();
    let (report, _) = carrier.speak(1, |seq| (seq > 50).then(|| carrier.report(false)).flatten());
    assert_eq!(report.reports[0].ssrc, 5);
}

#[tokio::test]
async fn a_browser_reports_what_it_hears_of_us_and_so_the_round_trip_is_known() {
    let engine = Engine::start(config()).unwrap();
    let (blocks, _) = mpsc::channel();
    let (media, mut events) = engine.open(Box::new(Blocks(blocks))).unwrap();
    let mut browser = Browser::open(0x91);
    browser.answer(media.browser_offer(browser.offer.clone()).await.unwrap());
    // Something for it to hear.
    media.ring_back(Arc::new(Prompt::ring_back())).unwrap();
    let told = |_: &mut Browser| match events.try_recv() {
        Ok(MediaEvent::Quality(moments)) => moments.agent.filter(|moment| moment.rtt_ms.is_some()),
        _ => None,
    };
    let moment = browser.until("the round trip is told", told).await;
    assert!((0.0..1_000.0).contains(&moment.rtt_ms.unwrap()), "{moment:?}");
    let agent = media.close().await.unwrap().legs.agent;
    let far = agent.far.unwrap();
    assert!(agent.rtt_ms.is_some() && far.lost <= 2 && far.jitter_ms < 1_000.0, "{agent:?}");
}

#[tokio::test]
async fn injection_into_a_call_is_refused_and_counted() {
    let carrier = answered("").await;
    let stranger = socket();
    carrier.sound.send_to(&voice(1), ("127.0.0.1", carrier.ours)).unwrap();
    // Only once ours is heard can a stranger of the same machine be told from it.
    let mut buffer = [0u8; 2048];
    carrier.sound.recv(&mut buffer).unwrap();
    for seq in 2..12 {
        // Once the carrier's packet went through, the one before it was looked at.
        stranger.send_to(&voice(1_000 + seq), ("127.0.0.1", carrier.ours)).unwrap();
        carrier.sound.send_to(&voice(seq), ("127.0.0.1", carrier.ours)).unwrap();
        carrier.sound.recv(&mut buffer).unwrap();
        assert_eq!(RtpReader::new(&buffer[..172]).unwrap().payload_type(), 8);
    }
    let summary = carrier.media.close().await.unwrap();
    assert_eq!((summary.legs.party.received, summary.legs.party.foreign, summary.legs.party.lost), (11, 10, 0));
    assert!(stranger.set_nonblocking(true).is_ok() && stranger.recv(&mut buffer).is_err(), "nothing went to it");
}
