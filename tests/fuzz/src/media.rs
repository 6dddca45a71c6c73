//! Sound: packets of a carrier and of a browser, keys, offers of browsers.

use std::{
    hint::black_box,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use songda_media::{
    GapKind, Law, MediaEvent, Rest, Tap,
    inside::{Bridge, BrowserDoor, Egress, Head, Reports, View, Wires, browser_answer, only_telephone, read_rtp},
};

/// Counts what leaves a bridge; every packet can be read.
#[derive(Default)]
struct Out(u64);

impl Wires for Out {
    fn to_party(&mut self, packet: &[u8]) {
        assert!(read_rtp(packet).is_some(), "we send what nobody reads");
        self.0 += 1;
    }

    fn to_agent(&mut self, _: Head, _: u8, payload: &[u8]) {
        assert!(!payload.is_empty() && payload.len() <= 960);
        self.0 += 1;
    }

    fn to_target(&mut self, _: Head, _: u8, _: &[u8]) {}

    fn to_supervisor(&mut self, _: Head, _: u8, _: &[u8]) {}
}

#[derive(Clone, Default)]
struct Frames(Arc<Mutex<u64>>);

impl Tap for Frames {
    fn started(&mut self, _: Instant, _: i64) {}

    fn block(&mut self, frames: &[i16]) -> bool {
        assert!(!frames.is_empty() && frames.len() <= 16_000 && frames.len().is_multiple_of(2));
        if let Ok(mut all) = self.0.lock() {
            *all += frames.len() as u64 / 2;
        }
        true
    }
}

/// A call, in virtual time.
struct Call {
    bridge: Bridge,
    frames: Frames,
    out: Out,
    now: Instant,
    begun: Instant,
}

impl Call {
    fn new() -> Self {
        let (frames, now) = (Frames::default(), Instant::now());
        let mut bridge = Bridge::new(Box::new(frames.clone()), Egress::new(1, 0, 0), Egress::new(2, 0, 0));
        bridge.party_speaks(Law::Pcma, Some(101));
        bridge.rest(now, 0, Rest::Talk);
        Self { bridge, frames, out: Out::default(), now, begun: now }
    }

    fn pass(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
        self.bridge.tick(self.now, &mut self.out);
    }

    /// What is recorded is told, holes lie within it and in order, and it is not longer than the
    /// call was, with the half second before its first packet and the 0.4 s by which what came faster than
    /// it was spoken may lie behind. A cut has no length, and nothing else has none.
    fn end(self) {
        let passed = self.now.duration_since(self.begun).as_millis() as u64 * 8 + 4_000 + 3_200 + 960;
        let summary = self.bridge.close(self.now);
        assert_eq!(Some(summary.frames), self.frames.0.lock().ok().map(|all| *all));
        assert!(summary.frames <= passed, "{} frames in {passed}", summary.frames);
        for gap in &summary.gaps {
            assert!((gap.from_frame == gap.to_frame) == (gap.kind == GapKind::Cut), "{gap:?}");
            assert!(gap.from_frame <= gap.to_frame && gap.to_frame <= summary.frames && gap.channel < 2, "{gap:?}");
        }
        for channel in 0..2 {
            let holes: Vec<_> = summary.gaps.iter().filter(|gap| gap.channel == channel).collect();
            assert!(holes.windows(2).all(|pair| pair[0].to_frame <= pair[1].from_frame), "{holes:?}");
        }
        black_box(summary);
    }
}

/// A call whose packets are these: each has two octets before it, which say how much time has
/// passed, whose it is, and how long it is.
pub fn rtp(bytes: &[u8]) {
    let mut call = Call::new();
    let mut rest = bytes;
    while let [time, len, tail @ ..] = rest {
        let (datagram, behind) = tail.split_at(usize::from(*len).min(tail.len()));
        rest = behind;
        call.pass(u64::from(time >> 1) * if time & 0x80 != 0 { 20 } else { 1 });
        let Some(view) = read_rtp(datagram) else { continue };
        assert!(view.payload.len() <= datagram.len());
        if time & 1 == 0 {
            call.bridge.from_party(call.now, 0, &view, &mut call.out);
        } else {
            call.bridge.from_agent(call.now, &view, &mut call.out);
        }
    }
    call.pass(20);
    call.end();
}

/// A run of telephone-events: six octets each, of which the first two say how far the number and
/// the timestamp have gone on. No more keys are read than events came, and only keys.
pub fn event(bytes: &[u8]) {
    let mut call = Call::new();
    let (mut seq, mut timestamp, mut events, mut keys) = (u16::MAX - 3, u32::MAX - 900, 0, 0);
    for piece in bytes.chunks(6) {
        let [step, marks, payload @ ..] = piece else { break };
        seq = seq.wrapping_add(u16::from(step & 0x0f));
        timestamp = timestamp.wrapping_add(u32::from(step >> 4) * 160 * if marks & 2 != 0 { 400 } else { 1 });
        call.pass(20);
        let view = View {
            ssrc: 7 + u32::from(marks & 4 != 0),
            seq,
            timestamp,
            payload_type: 101,
            marker: marks & 1 != 0,
            payload,
        };
        events += 1;
        call.bridge.from_party(call.now, 0, &view, &mut call.out);
        while let Some(news) = call.bridge.news() {
            if let MediaEvent::Digit { digit, .. } = news {
                assert!("0123456789*#ABCD".contains(digit));
                keys += 1;
            }
        }
    }
    assert!(keys <= events);
    call.end();
}

/// What is left of a browser's offer names nothing but telephony, and is what is left of it; an
/// answer to it can be read.
pub fn offer(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(kept) = only_telephone(&text) else { return };
    assert!(only_telephone(&kept).is_ok_and(|again| again == kept));
    for line in kept.lines().filter_map(|line| line.strip_prefix("a=rtpmap:")) {
        let name = line.split_once([' ', '\t']).map_or("", |(_, name)| name.trim()).to_ascii_uppercase();
        let known = ["PCMA/8000", "PCMU/8000", "TELEPHONE-EVENT/8000"];
        assert!(known.iter().any(|known| name.strip_suffix("/1").unwrap_or(&name) == *known), "{line}");
    }
    if let Ok(answer) = browser_answer(&text) {
        assert!(answer.contains("m=audio ") && answer.contains("a=ice-ufrag:"), "{answer}");
    }
}

/// What a browser offers.
const OFFER: &str = include_str!("../seeds/offer/chromium");

/// Datagrams on the port of all browsers: each has an octet before it that says how long it is and
/// from which of two addresses it comes. An address is known by a user name that is ours, and by
/// nothing else.
pub fn stun(bytes: &[u8]) {
    let Ok(mut door) = BrowserDoor::open(OFFER, "fuzz") else { panic!("a browser's offer is refused") };
    let (mut rest, mut known) = (bytes, [false; 2]);
    while let [first, tail @ ..] = rest {
        let (datagram, behind) = tail.split_at(usize::from(first & 0x7f).min(tail.len()));
        rest = behind;
        let place = usize::from(first >> 7);
        let from = SocketAddr::from(([198, 51, 100, 7], 5_000 + place as u16));
        let found = door.datagram(from, datagram);
        let named = datagram.windows(4).any(|word| word == b"fuzz");
        assert!(!found || named || known[place], "nobody said whose this is");
        assert!(found || !known[place], "an address is forgotten");
        known[place] |= found;
    }
}

/// Datagrams of the control protocol: each has two octets before it, how much time has passed and
/// how long it is. What is refused changes nothing; what we say ourselves can be read.
pub fn rtcp(bytes: &[u8]) {
    let (mut reports, mut other) = (Reports::open(7), Reports::open(8));
    let mut rest = bytes;
    while let [time, len, tail @ ..] = rest {
        let (datagram, behind) = tail.split_at(usize::from(*len).min(tail.len()));
        rest = behind;
        if let Some(ours) = reports.pass(Duration::from_millis(u64::from(*time) * 40)) {
            assert!(other.take(&ours), "we send what nobody reads");
        }
        let before = reports.figures();
        let counts = reports.take(datagram);
        let (rtt, far) = reports.figures();
        assert!(counts || before == (rtt, far), "what was refused counts");
        assert!(rtt.is_none_or(|rtt| (0.0..=10_000.1).contains(&rtt)), "{rtt:?}");
        assert!(far.is_none_or(|far| (0.0..=1.0).contains(&far.loss) && far.jitter_ms >= 0.0), "{far:?}");
    }
}
