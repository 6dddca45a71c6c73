use std::{
    net::UdpSocket,
    pin::pin,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use rtp_rs::{RtpPacketBuilder, RtpReader, Seq};
use songda_media::{
    CarrierSound, Engine, EngineConfig, EngineError, Law, MediaEvent, Prompt, Rest, SdpError, Security, Tap,
};

pub(crate) struct Blocks(pub(crate) mpsc::Sender<Vec<i16>>);

impl Tap for Blocks {
    fn started(&mut self, _: Instant, _: i64) {}
    fn block(&mut self, frames: &[i16]) -> bool {
        self.0.send(frames.to_vec()).is_ok()
    }
}

pub(crate) fn config() -> EngineConfig {
    EngineConfig::at("127.0.0.1".parse().unwrap(), Arc::new(|| 1_000_000))
}

pub(crate) fn answer(carrier: &UdpSocket) -> String {
    let port = carrier.local_addr().unwrap().port();
    format!("v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio {port} RTP/AVP 8\r\n")
}

pub(crate) fn port(sdp: &str) -> u16 {
    let line = sdp.lines().find_map(|line| line.strip_prefix("m=audio ")).unwrap();
    line.split(' ').next().unwrap().parse().unwrap()
}

fn packet(seq: u16) -> Vec<u8> {
    let stamp = u32::from(seq) * 160;
    let packet = RtpPacketBuilder::new().payload_type(8).ssrc(5).sequence(Seq::from(seq)).timestamp(stamp);
    packet.payload(&[0x91; 160]).build().unwrap()
}

#[tokio::test]
async fn a_carriers_sound_is_recorded_and_the_notice_reaches_the_carrier() {
    let engine = Engine::start(config()).unwrap();
    let (blocks, recorded) = mpsc::channel();
    let (media, mut events) = engine.open(Box::new(Blocks(blocks))).unwrap();
    let carrier = UdpSocket::bind("127.0.0.1:0").unwrap();
    carrier.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let ours = port(&media.trunk_offer().await.unwrap());
    media.trunk_answer(answer(&carrier)).await.unwrap();
    media.early().unwrap();
    // Somebody who is not the carrier is not heard.
    let stranger = UdpSocket::bind("127.0.0.2:0").unwrap();
    stranger.send_to(&packet(1), ("127.0.0.1", ours)).unwrap();
    carrier.send_to(&packet(1), ("127.0.0.1", ours)).unwrap();
    assert_eq!(events.recv().await, Some(MediaEvent::PartyHeard));
    media.announce(1, Arc::new(Prompt::from_samples(vec![8_000; 1_600]))).unwrap();
    media.rest(Rest::Talk).unwrap();
    let loud = (0..200).any(|_| {
        let mut buffer = [0u8; 500];
        let len = carrier.recv(&mut buffer).unwrap();
        RtpReader::new(&buffer[..len]).unwrap().payload().iter().all(|octet| *octet != 0xd5)
    });
    assert!(loud, "the notice reaches the carrier");
    assert!(matches!(events.recv().await, Some(MediaEvent::PromptFinished(_))));
    let summary = media.close().await.unwrap();
    let frames: Vec<i16> = recorded.try_iter().flatten().collect();
    assert_eq!(summary.frames as usize * 2, frames.len());
    assert_eq!(summary.legs.party.received, 1, "the stranger's packet does not count");
    assert!(frames.iter().step_by(2).any(|sample| *sample > 7_000), "left: the notice");
    assert!(frames.iter().skip(1).step_by(2).any(|sample| *sample != 0), "right: the party");
}

/// A packet of a key (RFC 4733) that the party holds, or lets go.
fn key(seq: u16, code: u8, stamp: u32, end: bool) -> Vec<u8> {
    let payload = [code, if end { 0x8a } else { 10 }, 0, 160];
    let packet = RtpPacketBuilder::new().payload_type(97).ssrc(5).sequence(Seq::from(seq)).timestamp(stamp);
    packet.payload(&payload).build().unwrap()
}

#[tokio::test]
async fn r4_4a_a_caller_is_answered_heard_and_recorded_before_any_browser_is_there() {
    let engine = Engine::start(config()).unwrap();
    let (blocks, recorded) = mpsc::channel();
    let (media, mut events) = engine.open(Box::new(Blocks(blocks))).unwrap();
    let carrier = UdpSocket::bind("127.0.0.1:0").unwrap();
    carrier.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    assert!(matches!(media.trunk_offered("v=0\r\n".into()).await, Err(EngineError::Sdp(SdpError::NoAudio))));
    let ours = port(&media.trunk_offered(answer(&carrier)).await.unwrap());
    media.announce(7, Arc::new(Prompt::beep())).unwrap();
    let mut buffer = [0; 2048];
    let len = carrier.recv(&mut buffer).unwrap();
    assert_eq!(RtpReader::new(&buffer[..len]).unwrap().payload_type(), 8);
    for seq in 1..=10 {
        carrier.send_to(&packet(seq), ("127.0.0.1", ours)).unwrap();
    }
    loop {
        if let MediaEvent::PromptFinished(span) = events.recv().await.unwrap() {
            assert_eq!((span.cue, span.to_frame - span.from_frame), (7, 4_000));
            break;
        }
    }
    let again = port(&media.trunk_offered(answer(&carrier)).await.unwrap());
    assert_eq!(again, ours, "its port stays");
    let summary = media.close().await.unwrap();
    assert!(summary.legs.party.received > 0 && summary.frames > 0);
    let frames: Vec<i16> = recorded.try_iter().flatten().collect();
    let heard = |side: usize| frames.iter().skip(side).step_by(2).any(|sample| sample.unsigned_abs() > 100);
    assert!(heard(0) && heard(1), "the tone on the left, the caller on the right");
}

#[tokio::test]
async fn keys_go_both_ways_under_the_carriers_payload_type() {
    let engine = Engine::start(config()).unwrap();
    let (blocks, _recorded) = mpsc::channel();
    let (media, mut events) = engine.open(Box::new(Blocks(blocks))).unwrap();
    let carrier = UdpSocket::bind("127.0.0.1:0").unwrap();
    carrier.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let ours = port(&media.trunk_offer().await.unwrap());
    media.trunk_answer(answer(&carrier)).await.unwrap();
    media.rest(Rest::Talk).unwrap();
    let refused = media.digits("1x".into()).await.unwrap_err();
    assert!(matches!(refused, EngineError::NoKeys), "{refused}");
    let takes_keys = answer(&carrier).replace("RTP/AVP 8", "RTP/AVP 8 97") + "a=rtpmap:97 telephone-event/8000\r\n";
    media.trunk_answer(takes_keys).await.unwrap();
    media.digits("4#".into()).await.unwrap();
    let mut sent = Vec::new();
    while sent.len() < 2 {
        let mut buffer = [0u8; 500];
        let len = carrier.recv(&mut buffer).unwrap();
        let packet = RtpReader::new(&buffer[..len]).unwrap();
        if packet.payload_type() == 97 && packet.mark() {
            sent.push(packet.payload()[0]);
        }
    }
    assert_eq!(sent, [4, 11]);
    let parts = [(10, false), (10, false), (10, true), (10, true), (1, false), (1, true)];
    for (seq, (code, end)) in (1u16..).zip(parts) {
        let stamp = if code == 10 { 160 } else { 1_600 };
        carrier.send_to(&key(seq, code, stamp, end), ("127.0.0.1", ours)).unwrap();
    }
    let mut pressed = String::new();
    while pressed.len() < 2 {
        if let Some(MediaEvent::Digit { digit, .. }) = events.recv().await {
            pressed.push(digit);
        }
    }
    assert_eq!(pressed, "*1");
    media.close().await.unwrap();
}

#[tokio::test]
async fn the_end_of_an_announcement_is_told_however_many_keys_wait() {
    let engine = Engine::start(config()).unwrap();
    let (blocks, _recorded) = mpsc::channel();
    let (media, mut events) = engine.open(Box::new(Blocks(blocks))).unwrap();
    let carrier = UdpSocket::bind("127.0.0.1:0").unwrap();
    carrier.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let ours = port(&media.trunk_offer().await.unwrap());
    let takes_keys = answer(&carrier).replace("RTP/AVP 8", "RTP/AVP 8 97") + "a=rtpmap:97 telephone-event/8000\r\n";
    media.trunk_answer(takes_keys).await.unwrap();
    media.announce(7, Arc::new(Prompt::from_samples(vec![8_000; 8_000]))).unwrap();
    media.rest(Rest::Talk).unwrap();
    // A machine gone wild presses keys until the announcement is over, and nobody reads the news.
    let mut buffer = [0u8; 500];
    let mut said = 0;
    for seq in 1u16.. {
        carrier.send_to(&key(seq, 1, u32::from(seq) * 800, true), ("127.0.0.1", ours)).unwrap();
        let len = carrier.recv(&mut buffer).unwrap();
        let silent = RtpReader::new(&buffer[..len]).unwrap().payload().iter().all(|octet| *octet == 0xd5);
        said += usize::from(!silent);
        for extra in 0..20 {
            let stamp = u32::from(seq) * 800 + extra * 40;
            carrier.send_to(&key(seq, 1, stamp, true), ("127.0.0.1", ours)).unwrap();
        }
        if silent && said > 0 {
            break;
        }
    }
    let mut keys = 0;
    while let Some(news) = events.recv().await {
        match news {
            MediaEvent::PromptFinished(span) => {
                assert_eq!(span.cue, 7);
                break;
            }
            MediaEvent::Digit { .. } => keys += 1,
            // A slow machine.
            MediaEvent::Quality(_) | MediaEvent::PartySilent { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(keys >= 64, "more than may wait were told: {keys}");
}

#[tokio::test]
async fn bad_offers_are_refused_and_hurt_no_other_call() {
    let engine = Engine::start(config()).unwrap();
    let (blocks, _recorded) = mpsc::channel();
    let (media, _events) = engine.open(Box::new(Blocks(blocks))).unwrap();
    let no_codec = media.browser_offer("v=0\r\n".into()).await.unwrap_err();
    assert!(matches!(no_codec, EngineError::Sdp(SdpError::NoCommonCodec)), "{no_codec}");
    let wild = "m=audio 9 UDP/TLS/RTP/SAVPF 8\r\na=rtpmap:8 PCMA/8000\r\n".to_owned();
    let refused = media.browser_offer(wild).await.unwrap_err();
    assert!(matches!(refused, EngineError::Sdp(SdpError::Refused(_))), "{refused}");
    media.trunk_offer().await.unwrap();
    let deaf = media.trunk_answer("v=0\r\nm=video 1 X 8\r\n".into()).await.unwrap_err();
    assert!(matches!(deaf, EngineError::Sdp(SdpError::NoAudio)), "{deaf}");
    assert_eq!(media.close().await.unwrap().frames, 0);
}

#[test]
fn listening_everywhere_needs_an_address_to_tell() {
    let everywhere = EngineConfig { web_listen: "0.0.0.0:0".parse().unwrap(), ..config() };
    assert!(matches!(Engine::start(everywhere.clone()), Err(EngineError::Unspecified(_))));
    let told = EngineConfig { web_advertise: vec!["192.0.2.1".parse().unwrap()], ..everywhere };
    assert_eq!(Engine::start(told).unwrap().web_address().ip().to_string(), "192.0.2.1");
}

/// The address that a session description names.
fn told(sdp: &str) -> &str {
    sdp.lines().find_map(|line| line.strip_prefix("c=IN IP4 ")).unwrap()
}

#[tokio::test]
async fn behind_nat_carriers_are_told_the_public_address_and_a_desk_phone_inside_the_one_of_the_house() {
    const PUBLIC: &str = "203.0.113.5";
    for bind in ["127.0.0.1", "0.0.0.0"] {
        let trunk_advertise = Some(PUBLIC.parse().unwrap());
        let config = EngineConfig { trunk_bind: bind.parse().unwrap(), trunk_advertise, ..config() };
        let engine = Engine::start(config).unwrap();
        let (blocks, _recorded) = mpsc::channel();
        let (media, _events) = engine.open(Box::new(Blocks(blocks))).unwrap();
        assert_eq!(told(&media.trunk_offer().await.unwrap()), PUBLIC);
        let carrier = UdpSocket::bind("127.0.0.1:0").unwrap();
        assert_eq!(told(&media.trunk_offered(answer(&carrier)).await.unwrap()), PUBLIC);
        for (phone, wanted) in [("127.0.0.1", "127.0.0.1"), ("198.51.100.9", PUBLIC)] {
            let offer = media.phone_offer(Security::Off, vec![phone.parse().unwrap()]).await.unwrap();
            assert_eq!(told(&offer), wanted, "{phone} with {bind}");
        }
    }
}

/// At the first sound it waits for a word or the end of `0`, or breaks when there is none.
struct Trouble(Option<mpsc::Receiver<()>>);

impl Tap for Trouble {
    fn started(&mut self, _: Instant, _: i64) {
        let _ = self.0.as_ref().expect("a call that breaks").recv();
    }
    fn block(&mut self, _: &[i16]) -> bool {
        true
    }
}

/// Lets the first sound of the carrier reach a call.
async fn sound(media: &songda_media::CallMedia) {
    let carrier = UdpSocket::bind("127.0.0.1:0").unwrap();
    let ours = port(&media.trunk_offer().await.unwrap());
    media.trunk_answer(answer(&carrier)).await.unwrap();
    media.early().unwrap();
    carrier.send_to(&packet(1), ("127.0.0.1", ours)).unwrap();
}

#[tokio::test]
async fn a_call_that_breaks_ends_alone() {
    let engine = Engine::start(config()).unwrap();
    let (broken, mut end) = engine.open(Box::new(Trouble(None))).unwrap();
    let (blocks, recorded) = mpsc::channel();
    let (other, mut events) = engine.open(Box::new(Blocks(blocks))).unwrap();
    sound(&broken).await;
    while end.recv().await.is_some() {}
    assert!(matches!(broken.close().await, Err(EngineError::Gone)), "its owner is told");
    sound(&other).await;
    assert_eq!(events.recv().await, Some(MediaEvent::PartyHeard));
    assert!(other.close().await.unwrap().frames > 0);
    assert!(recorded.try_iter().next().is_some());
    let (later, _events) = engine.open(Box::new(Trouble(None))).unwrap();
    later.close().await.unwrap();
}

#[tokio::test]
async fn a_call_ends_for_certain_however_many_orders_wait() {
    let engine = Engine::start(config()).unwrap();
    let (go, hold) = mpsc::channel();
    let (busy, _busy_events) = engine.open(Box::new(Trouble(Some(hold)))).unwrap();
    let (blocks, dropped_tap) = mpsc::channel();
    let (dropped, _dropped_events) = engine.open(Box::new(Blocks(blocks))).unwrap();
    dropped.trunk_offer().await.unwrap();
    sound(&busy).await;
    let full = loop {
        if let Err(error) = busy.mute(true) {
            break error;
        }
        tokio::task::yield_now().await;
    };
    assert!(matches!(full, EngineError::Overloaded), "{full}");
    drop(dropped);
    let mut closing = pin!(busy.close());
    tokio::select! {
        biased;
        ended = &mut closing => panic!("ended before its order was taken: {ended:?}"),
        () = std::future::ready(()) => go.send(()).unwrap(),
    }
    closing.await.unwrap();
    let gone = dropped_tap.recv_timeout(Duration::from_secs(5));
    assert_eq!(gone, Err(mpsc::RecvTimeoutError::Disconnected), "the tap of the dropped call is gone");
}

/// Power at a frequency, of a signal of this amplitude alone 1 (Goertzel).
fn share(samples: &[f64], hertz: f64) -> f64 {
    let factor = 2.0 * (std::f64::consts::TAU * hertz / 8_000.0).cos();
    let (mut one, mut two) = (0.0, 0.0);
    for sample in samples {
        (one, two) = (sample + factor * one - two, one);
    }
    let energy: f64 = samples.iter().map(|sample| sample * sample).sum();
    (one * one + two * two - factor * one * two) * 2.0 / samples.len() as f64 / energy.max(1.0)
}

#[tokio::test]
async fn e44_keys_go_both_ways_as_tones_where_no_telephone_event_was_agreed() {
    let engine = Engine::start(config()).unwrap();
    let (blocks, recorded) = mpsc::channel();
    let (media, mut events) = engine.open(Box::new(Blocks(blocks))).unwrap();
    let carrier = UdpSocket::bind("127.0.0.1:0").unwrap();
    carrier.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let ours = port(&media.trunk_offer().await.unwrap());
    media.trunk_answer(answer(&carrier)).await.unwrap();
    media.rest(Rest::Talk).unwrap();
    let say = |seq: u16, payload: &[u8]| {
        let packet = RtpPacketBuilder::new().payload_type(8).ssrc(9).sequence(Seq::from(seq));
        let packet = packet.timestamp(u32::from(seq) * 160).payload(payload).build().unwrap();
        carrier.send_to(&packet, ("127.0.0.1", ours)).unwrap();
    };
    // Sixty milliseconds of a 3, and silence.
    for seq in 1..=10u16 {
        let payload: Vec<u8> = (0..160u32)
            .map(|at| {
                let turn = std::f64::consts::TAU * f64::from(u32::from(seq) * 160 + at) / 8_000.0;
                let sound = ((turn * 697.0).sin() + (turn * 1_477.0).sin()) * 5_000.0;
                Law::Pcma.encode(if (3..6).contains(&seq) { sound as i16 } else { 0 })
            })
            .collect();
        say(seq, &payload);
    }
    let mut pressed = String::new();
    while pressed.is_empty() {
        if let MediaEvent::Digit { digit, .. } = events.recv().await.unwrap() {
            pressed.push(digit);
        }
    }
    assert_eq!(pressed, "3");
    // Ours go out, and an analog far end sends them back: no key of the party.
    media.digits("7".into()).await.unwrap();
    let (mut tones, mut seq) = (0, 11);
    while tones < 5 {
        let mut buffer = [0u8; 500];
        let len = carrier.recv(&mut buffer).unwrap();
        let packet = RtpReader::new(&buffer[..len]).unwrap();
        assert_eq!(packet.payload_type(), 8);
        let samples: Vec<f64> = packet.payload().iter().map(|octet| f64::from(Law::Pcma.decode(*octet))).collect();
        let (low, high) = (share(&samples, 852.0), share(&samples, 1_209.0));
        if low + high > 0.8 {
            assert!(low > 0.2 && high > 0.2, "{low} {high}");
            tones += 1;
        }
        say(seq, packet.payload());
        seq += 1;
    }
    for seq in seq..seq + 4 {
        say(seq, &[0xd5; 160]);
    }
    media.close().await.unwrap();
    while let Some(event) = events.recv().await {
        assert!(!matches!(event, MediaEvent::Digit { .. }), "{event:?}");
    }
    let left = recorded.try_iter().flatten().step_by(2).collect::<Vec<i16>>();
    assert!(left.iter().all(|sample| sample.unsigned_abs() < 50), "keys that we press are in no recording");
}

#[tokio::test]
async fn r4_1a_who_has_not_the_key_of_a_secured_leg_is_silence_and_is_counted() {
    let engine = Engine::start(config()).unwrap();
    let (blocks, recorded) = mpsc::channel();
    let (media, mut events) = engine.open(Box::new(Blocks(blocks))).unwrap();
    media.carrier(CarrierSound { security: Security::Required, ..CarrierSound::default() }).unwrap();
    let carrier = UdpSocket::bind("127.0.0.1:0").unwrap();
    let refused = media.trunk_offered(answer(&carrier)).await.unwrap_err();
    assert!(matches!(refused, EngineError::Sdp(SdpError::NotSecured)), "{refused}");
    let key = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n";
    let offer = answer(&carrier).replace("RTP/AVP", "RTP/SAVP") + key;
    let answered = media.trunk_offered(offer).await.unwrap();
    assert!(answered.contains("RTP/SAVP 8\r\n") && answered.contains("a=crypto:1 "), "{answered}");
    media.rest(Rest::Talk).unwrap();
    for seq in 1..=20u16 {
        // Sealed by another key, as far as we can tell.
        let packet = RtpPacketBuilder::new().payload_type(8).ssrc(9).sequence(Seq::from(seq));
        let packet = packet.timestamp(u32::from(seq) * 160).payload(&[0x91; 170]).build().unwrap();
        carrier.send_to(&packet, ("127.0.0.1", port(&answered))).unwrap();
    }
    let counted = async {
        while engine.figures()[0].unauthentic < 20 {
            // An order is answered in a sweep, and each sweep reads on.
            assert!(media.digits("no key".into()).await.is_err());
        }
    };
    tokio::time::timeout(Duration::from_secs(20), counted).await.expect("each is counted");
    let summary = media.close().await.unwrap();
    assert_eq!((summary.legs.party.received, summary.legs.party.unauthentic), (0, 20));
    assert_eq!(summary.legs.party.srtp, Some("AES_CM_128_HMAC_SHA1_80"));
    while let Some(news) = events.recv().await {
        assert_ne!(news, MediaEvent::PartyHeard);
    }
    assert!(recorded.try_iter().flatten().skip(1).step_by(2).all(|sample| sample == 0), "silence");
}
