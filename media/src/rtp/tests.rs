use std::{net::UdpSocket, time::Duration};

use super::*;

const HERE: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn leg(now: Instant) -> Line {
    Line::open(&mut Ports::new(HERE, &(0..=0), 0, 1).unwrap(), now, 1_000_000, 1).unwrap()
}

fn peer() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket
}

fn sound(seq: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 8];
    packet.extend(seq.to_be_bytes());
    packet.extend((u32::from(seq) * 160).to_be_bytes());
    packet.extend([0, 0, 0, 7]);
    packet.resize(172, 0x91);
    packet
}

fn described(peer: &UdpSocket, more: &str) -> String {
    let port = peer.local_addr().unwrap().port();
    format!("c=IN IP4 127.0.0.1\r\nm=audio {port} RTP/AVP 8\r\n{more}")
}

#[test]
fn foreign_packets_are_dropped_one_by_one_and_counted() {
    let now = Instant::now();
    let (mut leg, stranger) = (leg(now), peer());
    let remote = "c=IN IP4 127.0.0.2\r\nm=audio 4000 RTP/AVP 8\r\n";
    leg.set_remote(now, Remote::answered(remote, &Law::BOTH).unwrap()).unwrap();
    for seq in 0..2 {
        stranger.send_to(&sound(seq), ("127.0.0.1", leg.port())).unwrap();
    }
    let mut buffer = [0; 2048];
    assert_eq!(leg.receive(now, &mut buffer), Received::Dropped);
    assert_eq!(leg.receive(now, &mut buffer), Received::Dropped);
    assert_eq!(leg.receive(now, &mut buffer), Received::Nothing);
    assert_eq!((leg.quality().foreign, leg.quality().received), (2, 0));
}

#[test]
fn sound_goes_back_to_where_it_comes_from_and_reports_to_their_own_port_or_the_same() {
    for mux in [false, true] {
        let now = Instant::now();
        let (mut leg, described_as, speaks, control) = (leg(now), peer(), peer(), peer());
        let more = format!("a=rtcp:{}\r\n", control.local_addr().unwrap().port());
        let more = if mux { more + "a=rtcp-mux\r\n" } else { more };
        leg.set_remote(now, Remote::answered(&described(&described_as, &more), &Law::BOTH).unwrap()).unwrap();
        speaks.send_to(&sound(1), ("127.0.0.1", leg.port())).unwrap();
        let mut buffer = [0; 2048];
        assert_eq!(leg.receive(now, &mut buffer), Received::Packet(172));
        leg.send(now, &sound(9));
        assert_eq!(speaks.recv(&mut buffer).unwrap(), 172, "symmetric");
        leg.tick(now + Duration::from_secs(4));
        let reported = if mux { &speaks } else { &control };
        let len = reported.recv(&mut buffer).unwrap();
        assert!(is_rtcp(&buffer[..len]) && buffer[1] == 200, "a sender report");
        leg.close(now + Duration::from_secs(5));
        let len = reported.recv(&mut buffer).unwrap();
        let mut end = Control::new(now, 0, 5);
        assert!(end.take(now, &buffer[..len]) && crate::rtcp::is_goodbye(&buffer[..len]), "a goodbye");
    }
}

#[test]
fn a_secured_leg_hears_only_who_has_the_key_and_takes_a_new_one() {
    let now = Instant::now();
    let (mut here, mut there, stranger) = (leg(now), leg(now), peer());
    for leg in [&mut here, &mut there] {
        leg.secure(Security::Required).unwrap();
    }
    let agree = |here: &mut Line, there: &mut Line| {
        let offer = here.own(1, HERE, &Law::BOTH).offer();
        let (remote, answer) = there.own(2, HERE, &Law::BOTH).answer(&offer).unwrap();
        there.set_remote(now, remote).unwrap();
        let remote = here.own(1, HERE, &Law::BOTH).answered(&answer).unwrap();
        here.set_remote(now, remote).unwrap();
    };
    agree(&mut here, &mut there);
    let mut buffer = [0; 2048];
    stranger.send_to(&sound(1), ("127.0.0.1", there.port())).unwrap();
    assert_eq!(there.receive(now, &mut buffer), Received::Dropped, "in the clear");
    for seq in 1..4 {
        here.send(now, &sound(seq));
        assert_eq!(there.receive(now, &mut buffer), Received::Packet(172));
        assert_eq!(buffer[..172], sound(seq));
    }
    here.keys.clear();
    here.secure(Security::Required).unwrap();
    agree(&mut here, &mut there);
    here.send(now, &sound(4));
    assert_eq!(there.receive(now, &mut buffer), Received::Packet(172), "after another key");
    here.tick(now + Duration::from_secs(4));
    assert_eq!(there.receive(now, &mut buffer), Received::Dropped, "its report");
    assert!(there.leg.control.report(now, &mut there.leg.reception).is_none(), "it has sent nothing to report on");
    let quality = there.quality();
    assert_eq!((quality.foreign, quality.unauthentic), (0, 1), "the one in the clear");
    assert_eq!(quality.srtp, Some("AES_CM_128_HMAC_SHA1_80"));
}

#[test]
fn who_guesses_keys_for_long_is_not_tried_any_more_and_does_not_deafen_the_leg() {
    let now = Instant::now();
    let (mut here, mut there) = (leg(now), leg(now));
    for leg in [&mut here, &mut there] {
        leg.secure(Security::Required).unwrap();
    }
    let (remote, answer) = there.own(2, HERE, &Law::BOTH).answer(&here.own(1, HERE, &Law::BOTH).offer()).unwrap();
    there.set_remote(now, remote).unwrap();
    let remote = here.own(1, HERE, &Law::BOTH).answered(&answer).unwrap();
    here.set_remote(now, remote).unwrap();
    let mut buffer = [0; 2048];
    here.send(now, &sound(1));
    assert_eq!(there.receive(now, &mut buffer), Received::Packet(172));
    let source = here.sockets.sound.local_addr().unwrap();
    for no in 0..u32::from(FORGERIES) + 10 {
        let mut forged = sound(2);
        forged[8..12].copy_from_slice(&(1_000 + no).to_be_bytes());
        forged.extend([0; 10]);
        buffer[..forged.len()].copy_from_slice(&forged);
        assert_eq!(there.opened(now, source, &mut buffer, forged.len()), None);
    }
    assert_eq!((there.unauthentic, there.latch.foreign()), (u64::from(FORGERIES), 10));
    here.send(now, &sound(3));
    assert_eq!(there.receive(now, &mut buffer), Received::Packet(172), "who was authentic is heard");
    // The same of control: who was authentic is heard, and nobody else is tried.
    there.forged = 0;
    let mut seen = None;
    for no in 0..u32::from(FORGERIES) + 10 {
        let mut forged = [0x80, 201, 0, 1, 0, 0, 0, 0, 0x80, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        forged[4..8].copy_from_slice(&(1_000 + no).to_be_bytes());
        buffer[..forged.len()].copy_from_slice(&forged);
        there.control_came(now, source, &mut buffer, forged.len());
        seen = seen.or((there.latch.foreign() > 10).then_some(no));
    }
    assert_eq!((there.unauthentic, seen), (2 * u64::from(FORGERIES), Some(u32::from(FORGERIES))));
    here.tick(now + Duration::from_secs(4));
    assert_eq!(there.receive(now, &mut buffer), Received::Dropped, "its report");
    assert!(there.authentic_control.is_some() && there.unauthentic == 2 * u64::from(FORGERIES));
}

#[test]
fn a_strict_leg_hears_the_described_port_alone_and_answers_there() {
    let now = Instant::now();
    for (source, hears) in [(MediaSource::Strict, false), (MediaSource::Port, true), (MediaSource::Any, true)] {
        let (mut leg, named, speaks) = (leg(now), peer(), peer());
        leg.set_source(source);
        leg.set_remote(now, Remote::answered(&described(&named, ""), &Law::BOTH).unwrap()).unwrap();
        speaks.send_to(&sound(1), ("127.0.0.1", leg.port())).unwrap();
        let mut buffer = [0; 2048];
        assert_eq!(leg.receive(now, &mut buffer) == Received::Packet(172), hears, "{source:?}");
        leg.send(now, &sound(9));
        assert_eq!(if hears { &speaks } else { &named }.recv(&mut buffer).unwrap(), 172);
    }
}

#[test]
fn r4_1a_a_phone_behind_a_translator_is_heard_from_where_it_registered_and_answered_there() {
    let now = Instant::now();
    let (mut leg, speaks) = (leg(now), peer());
    leg.is_known_at(&[HERE]);
    let private = "c=IN IP4 10.1.2.3\r\nm=audio 4000 RTP/AVP 8\r\n";
    leg.set_remote(now, Remote::answered(private, &Law::BOTH).unwrap()).unwrap();
    let stranger = UdpSocket::bind("127.0.0.2:0").unwrap();
    stranger.send_to(&sound(1), ("127.0.0.1", leg.port())).unwrap();
    speaks.send_to(&sound(1), ("127.0.0.1", leg.port())).unwrap();
    let mut buffer = [0; 2048];
    assert_eq!(leg.receive(now, &mut buffer), Received::Dropped);
    assert_eq!(leg.receive(now, &mut buffer), Received::Packet(172));
    leg.send(now, &sound(9));
    assert_eq!(speaks.recv(&mut buffer).unwrap(), 172);
    // On hold and back it stays where it is.
    leg.set_remote(now, Remote::offered(private, &Law::BOTH).unwrap()).unwrap();
    leg.send(now, &sound(10));
    assert_eq!(speaks.recv(&mut buffer).unwrap(), 172);
    assert_eq!(leg.quality().foreign, 1);
}

#[test]
fn what_comes_above_three_times_the_agreed_rate_is_counted_and_not_heard() {
    let now = Instant::now();
    let (mut leg, speaks) = (leg(now), peer());
    leg.set_remote(now, Remote::answered(&described(&speaks, ""), &Law::BOTH).unwrap()).unwrap();
    let mut buffer = [0; 2048];
    let mut heard = 0;
    for seq in 0..400 {
        speaks.send_to(&sound(seq), ("127.0.0.1", leg.port())).unwrap();
        heard += u64::from(leg.receive(now, &mut buffer) == Received::Packet(172));
    }
    let quality = leg.quality();
    assert_eq!((heard, quality.received, quality.excess, quality.foreign), (150, 150, 250, 0));
    assert_eq!(leg.refusals.excess.load(Ordering::Relaxed), 250, "the house is told");
    // A second later as ever.
    speaks.send_to(&sound(400), ("127.0.0.1", leg.port())).unwrap();
    assert_eq!(leg.receive(now + Duration::from_secs(1), &mut buffer), Received::Packet(172));
}

/// RFC 3264, section 8.4: an address of zeros means hold, and is no place.
#[test]
fn e44_who_holds_by_zeros_of_any_family_is_heard_where_he_was_and_sent_nothing() {
    let now = Instant::now();
    let at = At { port: 4_000, control: 4_001, is_ipv4: true, used: false };
    let theirs = |port| SocketAddr::from(([192, 0, 2, 1], port));
    for zeros in ["IP4 0.0.0.0", "IP6 ::"] {
        let mut leg = RtpLeg::new(1, at, Arc::default(), now, 1_000_000).unwrap();
        let (mut buffer, mut left) = ([0; 2048], Left::default());
        let mut hears = |leg: &mut RtpLeg, seq| {
            buffer[..172].copy_from_slice(&sound(seq));
            leg.came(now, theirs(5_002), &mut buffer, 172)
        };
        let describe = |leg: &mut RtpLeg, address: &str| {
            let sdp = format!("c=IN {address}\r\nm=audio 5000 RTP/AVP 8\r\n");
            leg.set_remote(now, Remote::offered(&sdp, &Law::BOTH).unwrap())
        };
        // Who holds from the beginning has no place yet.
        describe(&mut leg, zeros).unwrap();
        leg.send(now, &sound(1), &mut left);
        leg.send_control(&REPORT, &mut left);
        assert_eq!(hears(&mut leg, 0), Received::Dropped);
        describe(&mut leg, "IP4 192.0.2.1").unwrap();
        assert_eq!(hears(&mut leg, 1), Received::Packet(172));
        describe(&mut leg, zeros).unwrap();
        leg.send(now, &sound(2), &mut left);
        leg.send_control(&REPORT, &mut left);
        assert_eq!((left.sound.len(), left.control.len()), (0, 0), "{zeros}");
        assert_eq!(hears(&mut leg, 2), Received::Packet(172), "{zeros}: its music");
        describe(&mut leg, "IP4 192.0.2.1").unwrap();
        leg.send(now, &sound(3), &mut left);
        assert_eq!(left.sound, [(sound(3), theirs(5_002))], "{zeros}: back again");
        assert_eq!(describe(&mut leg, "IP6 2001:db8::1"), Err(SdpError::NoAddress), "another family is none");
    }
}

/// A leg that has said something, and where its other end hears its sound and its reports.
fn with_control(now: Instant, source: MediaSource) -> (Line, UdpSocket, UdpSocket) {
    let (mut leg, speaks, control) = (leg(now), peer(), peer());
    leg.set_source(source);
    let more = format!("a=rtcp:{}\r\n", control.local_addr().unwrap().port());
    leg.set_remote(now, Remote::answered(&described(&speaks, &more), &Law::BOTH).unwrap()).unwrap();
    leg.send(now, &sound(9));
    (leg, speaks, control)
}

/// A report of somebody who has heard nothing (RFC 3550, section 6.4.2).
const REPORT: [u8; 8] = [0x80, 201, 0, 1, 0, 0, 0, 7];

#[test]
fn reports_go_to_whom_the_latch_says_and_to_no_other_port_of_the_same_machine() {
    let t0 = Instant::now();
    let mut buffer = [0; 2048];
    let speak = |leg: &mut Line, at: Instant, from: &UdpSocket| {
        from.send_to(&REPORT, ("127.0.0.1", leg.at.control)).unwrap();
        assert!(leg.receive_control(at, &mut [0; 2048]));
    };
    let mut reported = |leg: &mut Line, to: &UdpSocket| {
        leg.leg.send_control(&REPORT, &mut leg.sockets);
        assert_eq!(to.recv(&mut buffer).unwrap(), 8);
        to.set_nonblocking(true).unwrap();
        assert!(to.recv(&mut buffer).is_err(), "one alone");
        to.set_nonblocking(false).unwrap();
    };
    let thief = peer();
    // Who was described and has spoken is not turned away by another port.
    let (mut leg, _speaks, control) = with_control(t0, MediaSource::Port);
    reported(&mut leg, &control);
    speak(&mut leg, t0, &control);
    speak(&mut leg, t0, &thief);
    reported(&mut leg, &control);
    assert_eq!(leg.quality().foreign, 1);
    // Behind a translator the first one decides, until who was described speaks.
    let (mut leg, _speaks, control) = with_control(t0, MediaSource::Port);
    let translated = peer();
    speak(&mut leg, t0 + REPORTED / 2, &translated);
    speak(&mut leg, t0 + REPORTED / 2, &thief);
    reported(&mut leg, &translated);
    speak(&mut leg, t0 + REPORTED * 2, &translated);
    speak(&mut leg, t0 + REPORTED * 2, &control);
    speak(&mut leg, t0 + REPORTED * 2, &translated);
    reported(&mut leg, &control);
    assert_eq!(leg.quality().foreign, 2, "the thief once, and who was the other end for a while");
    // Too late, or on a strict line, it is nobody; and what is no report decides nothing.
    let (mut leg, _speaks, control) = with_control(t0, MediaSource::Port);
    thief.send_to(&[0x80, 201, 0, 9, 0, 0, 0, 7], ("127.0.0.1", leg.at.control)).unwrap();
    assert!(leg.receive_control(t0, &mut [0; 2048]));
    speak(&mut leg, t0 + REPORTED, &thief);
    reported(&mut leg, &control);
    let (mut leg, _speaks, control) = with_control(t0, MediaSource::Strict);
    speak(&mut leg, t0, &thief);
    reported(&mut leg, &control);
    assert_eq!(leg.quality().foreign, 1);
}

#[test]
fn control_above_three_times_what_is_usual_is_counted_and_not_taken() {
    let now = Instant::now();
    let (mut leg, speaks, control) = with_control(now, MediaSource::Port);
    for no in 0..100u32 {
        // Some to each of its ports.
        let to = if no % 2 == 0 { leg.at.control } else { leg.port() };
        let from = if no % 2 == 0 { &control } else { &speaks };
        from.send_to(&REPORT, ("127.0.0.1", to)).unwrap();
        let mut buffer = [0; 2048];
        if no % 2 == 0 {
            assert!(leg.receive_control(now, &mut buffer));
        } else {
            assert_eq!(leg.receive(now, &mut buffer), Received::Dropped);
        }
    }
    let quality = leg.quality();
    assert_eq!((quality.excess, quality.foreign), (85, 0));
    assert_eq!(leg.refusals.excess.load(Ordering::Relaxed), 85);
}

#[test]
fn a_leg_that_answered_in_the_clear_or_by_one_suite_agrees_on_no_more_later() {
    let now = Instant::now();
    let (mut here, mut there) = (leg(now), leg(now));
    for leg in [&mut here, &mut there] {
        leg.secure(Security::Optional).unwrap();
    }
    let all = here.own(1, HERE, &Law::BOTH).offer();
    let clear = "c=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 8\r\n";
    let remote = there.own(2, HERE, &Law::BOTH).offered(clear).unwrap();
    there.has_said(&remote);
    assert_eq!(there.own(2, HERE, &Law::BOTH).offered(&all).unwrap().crypto, None);
    let mut short: Vec<&str> = all.lines().filter(|line| !line.contains("_80 ")).collect();
    short.push("");
    let short = short.join("\r\n");
    there.said = Said::Nothing;
    let remote = there.own(2, HERE, &Law::BOTH).offered(&short).unwrap();
    there.has_said(&remote);
    let later = there.own(2, HERE, &Law::BOTH).offered(&all).unwrap();
    assert_eq!(later.crypto.map(|theirs| theirs.suite), Some(Suite::Short));
}

/// RFC 3711, section 9.1: a leg that goes in the clear and back has the same keys, and goes on where
/// it was.
#[test]
fn r4_1a_a_leg_that_goes_clear_and_is_secured_again_uses_no_number_twice_with_its_key() {
    let now = Instant::now();
    let (mut leg, peer) = (leg(now), peer());
    leg.secure(Security::Optional).unwrap();
    let theirs = [Crypto::random(1, Suite::Long).unwrap()];
    let address = peer.local_addr().unwrap();
    let own = Own { id: 2, address, control: 9, laws: &Law::BOTH, security: Security::Optional, keys: &theirs };
    let (_, secured) = own.answer(&leg.own(1, HERE, &Law::BOTH).offer()).unwrap();
    let clear = described(&peer, "a=rtcp-mux\r\n");
    let agree = |leg: &mut Line, answer: &str| {
        let remote = leg.own(1, HERE, &Law::BOTH).answered(answer).unwrap();
        leg.set_remote(now, remote).unwrap();
    };
    let mut reader = Shield::new(theirs[0], leg.keys[0]).unwrap();
    let mut buffer = [0; 2048];
    let mut reports = Vec::new();
    for round in 0..3u16 {
        agree(&mut leg, &secured);
        leg.send(now, &sound(10 * round + 1));
        let len = peer.recv(&mut buffer).unwrap();
        assert_eq!((len, reader.open(&mut buffer, len)), (182, Some(172)), "{round}: it goes on");
        leg.leg.send_control(&[0x80, 201, 0, 1, 0, 0, 0, 7], &mut leg.sockets);
        let len = peer.recv(&mut buffer).unwrap();
        assert_eq!((len, reader.open_control(&mut buffer.clone(), len)), (22, Some(8)), "{round}: no repeat");
        reports.push(buffer[8..12].to_vec());
        // What it has sealed once under this number it seals no second time.
        leg.send(now, &sound(10 * round + 1));
        agree(&mut leg, &clear);
        assert_eq!(leg.quality().srtp, None);
        leg.send(now, &sound(10 * round + 2));
        assert_eq!(peer.recv(&mut buffer).unwrap(), 172, "in the clear, and nothing was sealed again");
        assert_eq!(buffer[..172], sound(10 * round + 2));
        peer.send_to(&sound(round), ("127.0.0.1", leg.port())).unwrap();
        assert_eq!(leg.receive(now, &mut buffer), Received::Packet(172));
    }
    reports.dedup();
    assert_eq!(reports, [1u32, 2, 3].map(|index| (index | 1 << 31).to_be_bytes().to_vec()));
}

/// What left a leg, by port.
#[derive(Default)]
struct Left {
    sound: Vec<(Vec<u8>, SocketAddr)>,
    control: Vec<(Vec<u8>, SocketAddr)>,
}

impl Out for Left {
    fn sound(&mut self, octets: &[u8], to: SocketAddr) {
        self.sound.push((octets.to_vec(), to));
    }

    fn control(&mut self, octets: &[u8], to: SocketAddr) {
        self.control.push((octets.to_vec(), to));
    }
}

#[test]
fn two_legs_agree_speak_and_report_in_no_time_and_without_a_socket() {
    let now = Instant::now();
    let at = |port| At { port, control: port + 1, is_ipv4: true, used: false };
    let leg = |number, port| RtpLeg::new(number, at(port), Arc::default(), now, 1_000_000).unwrap();
    let (mut here, mut there) = (leg(1, 4_000), leg(2, 5_000));
    for leg in [&mut here, &mut there] {
        leg.secure(Security::Required).unwrap();
    }
    let offer = here.own(1, HERE, &Law::BOTH).offer();
    let (remote, answer) = there.own(2, HERE, &Law::BOTH).answer(&offer).unwrap();
    there.set_remote(now, remote).unwrap();
    let remote = here.own(1, HERE, &Law::BOTH).answered(&answer).unwrap();
    here.set_remote(now, remote).unwrap();
    let (mut left, mut buffer, mut heard) = (Left::default(), [0; 2048], 0);
    for seq in 0..250 {
        let moment = now + Duration::from_millis(20) * u32::from(seq);
        here.send(moment, &sound(seq), &mut left);
        here.tick(moment, &mut left);
        // Both ends agreed on one port for sound and its control.
        for (octets, to) in left.sound.drain(..) {
            assert_eq!(to, SocketAddr::new(HERE, 5_000));
            buffer[..octets.len()].copy_from_slice(&octets);
            if there.came(moment, SocketAddr::new(HERE, 4_000), &mut buffer, octets.len()) == Received::Packet(172) {
                assert_eq!(buffer[..172], sound(seq));
                heard += 1;
            }
        }
    }
    assert_eq!((heard, left.control.len()), (250, 0));
    let quality = there.quality();
    assert_eq!((quality.received, quality.foreign, quality.unauthentic), (250, 0, 0));
    // Its own report tells the other end's last one: the way there and back is known.
    let mut back = Left::default();
    let later = now + Duration::from_secs(6);
    there.send(later, &sound(1), &mut back);
    there.close(later, &mut back);
    let (bye, to) = back.sound.pop().unwrap();
    assert_eq!(to, SocketAddr::new(HERE, 4_000));
    buffer[..bye.len()].copy_from_slice(&bye);
    assert_eq!(here.came(later, SocketAddr::new(HERE, 5_000), &mut buffer, bye.len()), Received::Dropped);
    assert!(here.quality().rtt_ms.is_some(), "{:?}", here.quality());
}
