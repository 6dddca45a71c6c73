//! What comes from the network, each kind by its own door, for the fuzz targets.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use rtc::shared::TransportProtocol;

use crate::{
    Law, Security,
    bridge::View,
    quality::FarEnd,
    reception::Reception,
    rtcp::Control,
    sdp::{Own, Remote, SdpError},
    srtp::{Crypto, Shield},
    web::{Door, Framed, Frames, Mux, Places, WebLeg},
};

/// An RTP packet as a leg reads it (RFC 3550, section 5.1).
pub fn read_rtp(datagram: &[u8]) -> Option<View<'_>> {
    View::read(datagram)
}

/// Our answer to a browser's offer.
pub fn browser_answer(offer: &str) -> Result<String, SdpError> {
    WebLeg::accept(Instant::now(), offer, &here(), 7, &Arc::default()).map(|(_, answer, ..)| answer)
}

fn here() -> Places {
    let here = vec![SocketAddr::from(([192, 0, 2, 1], 4_000))];
    Places { udp: here.clone(), tcp: here }
}

/// The control protocol of one leg (RFC 3550, section 6), in virtual time.
#[derive(Debug)]
pub struct Reports {
    control: Control,
    reception: Reception,
    now: Instant,
}

impl Reports {
    /// Of a leg on which we send under this source.
    pub fn open(ssrc: u32) -> Self {
        let now = Instant::now();
        let mut control = Control::new(now, 1_700_000_000_000, 7);
        control.start(now);
        let mut packet = [0; 172];
        packet[0] = 0x80;
        packet[8..12].copy_from_slice(&ssrc.to_be_bytes());
        control.sent(now, &packet);
        Self { control, reception: Reception::default(), now }
    }

    /// Time passes; our report, when one is due.
    pub fn pass(&mut self, time: Duration) -> Option<Vec<u8>> {
        self.now += time;
        if self.control.is_due(self.now) { self.control.report(self.now, &mut self.reception) } else { None }
    }

    /// A datagram of the other end; whether it counts.
    pub fn take(&mut self, datagram: &[u8]) -> bool {
        self.control.take(self.now, datagram)
    }

    /// Round-trip time, and what the other end says of our stream.
    pub fn figures(&self) -> (Option<f64>, Option<FarEnd>) {
        (self.control.rtt_ms(), self.control.far())
    }
}

/// The shared port of browsers, and one browser's leg behind it.
pub struct BrowserDoor {
    mux: Mux,
    leg: WebLeg,
    now: Instant,
}

impl std::fmt::Debug for BrowserDoor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BrowserDoor").finish_non_exhaustive()
    }
}

impl BrowserDoor {
    /// A leg for this offer that is found under this user name.
    pub fn open(offer: &str, ufrag: &str) -> Result<Self, SdpError> {
        let now = Instant::now();
        let (leg, ..) = WebLeg::accept(now, offer, &here(), 7, &Arc::default())?;
        let mut mux = Mux::default();
        mux.add(ufrag.into(), Door { thread: 0, call: 1, leg: 1 });
        Ok(Self { mux, leg, now })
    }

    /// A datagram from there; whether it was for the leg.
    pub fn datagram(&mut self, from: SocketAddr, datagram: &[u8]) -> bool {
        self.now += Duration::from_millis(1);
        let found = self.mux.find(from, datagram).is_some();
        if found {
            self.leg.datagram(self.now, TransportProtocol::UDP, from, datagram);
            self.leg.turn(self.now);
            while self.leg.news().is_some() {}
            while self.leg.packet(self.now).is_some() {}
        }
        found
    }
}

/// Keys that are always the same, so that a finding is found again: of both suites, ours and theirs.
const KEYS: [&str; 4] = [
    "1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz",
    "2 AES_CM_128_HMAC_SHA1_32 inline:MTIzNDU2Nzg5QUJDREUwMTIzNDU2Nzg5QUJjZGVm",
    "1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj",
    "2 AES_CM_128_HMAC_SHA1_32 inline:NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj",
];

fn key(no: usize) -> Crypto {
    Crypto::parse(KEYS[no]).expect("a key of ours can be read")
}

/// What a carrier's session description says to us, with keys (RFC 4568) or without.
#[derive(Debug)]
pub struct CarrierDoor {
    keys: [Crypto; 2],
    security: Security,
}

impl CarrierDoor {
    /// A leg that is secured like this.
    pub fn new(security: Security) -> Self {
        Self { keys: [key(0), key(1)], security }
    }

    fn own(&self) -> Own<'_> {
        let (laws, address) = (&[Law::Pcma, Law::Pcmu][..], SocketAddr::from(([192, 0, 2, 1], 4_000)));
        Own { id: 1, address, control: 4_001, laws, security: self.security, keys: &self.keys }
    }

    /// It offers: what it wants, and our answer.
    pub fn offers(&self, sdp: &str) -> Result<(Remote, String), SdpError> {
        self.own().answer(sdp)
    }

    /// It answers our offer.
    pub fn answers(&self, sdp: &str) -> Result<Remote, SdpError> {
        self.own().answered(sdp)
    }

    /// Our offer.
    pub fn offer(&self) -> String {
        self.own().offer()
    }

    /// The keys that stand in what we say.
    pub fn keys_in(sdp: &str) -> Vec<Crypto> {
        sdp.lines().filter_map(|line| Crypto::parse(line.strip_prefix("a=crypto:")?)).collect()
    }
}

/// Both ends of a leg that is secured by keys of the session description (RFC 3711).
#[derive(Debug)]
pub struct SecuredDoor {
    there: Shield,
    here: Shield,
}

impl SecuredDoor {
    /// By the suite with the long tag, or by that with the short one.
    pub fn open(short: bool) -> Self {
        let at = usize::from(short);
        let shield = |ours, theirs| Shield::new(key(ours), key(theirs)).expect("a suite that is ours");
        Self { there: shield(2 + at, at), here: shield(at, 2 + at) }
    }

    /// The other end sends a packet, or its control.
    pub fn send(&mut self, packet: &[u8], control: bool) -> Option<Vec<u8>> {
        let sealed = if control { self.there.seal_control(packet) } else { self.there.seal(packet) };
        sealed.map(|sealed| sealed.to_vec())
    }

    /// A datagram comes; what is in it, when it is authentic and new.
    pub fn take(&mut self, datagram: &[u8], control: bool) -> Option<Vec<u8>> {
        let mut buffer = datagram.to_vec();
        let len = datagram.len();
        let opened = if control { self.here.open_control(&mut buffer, len) } else { self.here.open(&mut buffer, len) };
        opened.map(|len| buffer[..len].to_vec())
    }
}

/// The datagrams of a connection whose octets come in these pieces (RFC 4571), and whether it is
/// closed for a frame that is too long. `waits` is told how many octets are kept after each piece.
pub fn unframed<'a>(pieces: impl Iterator<Item = &'a [u8]>, mut waits: impl FnMut(usize)) -> (Vec<Vec<u8>>, bool) {
    let (mut frames, mut all) = (Frames::default(), Vec::new());
    for piece in pieces {
        frames.take(piece);
        loop {
            match frames.next() {
                Framed::Whole(frame) => all.push(frame.to_vec()),
                Framed::Partial => break,
                Framed::TooLong => return (all, true),
            }
            frames.pass();
        }
        waits(frames.len());
    }
    (all, false)
}
