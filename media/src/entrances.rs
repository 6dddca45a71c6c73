//! What comes from the network, each kind by its own door, for the fuzz targets.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use rtc::shared::TransportProtocol;

use crate::{
    bridge::View,
    quality::FarEnd,
    reception::Reception,
    rtcp::Control,
    sdp::SdpError,
    web::{Door, Mux, Places, WebLeg},
};

/// An RTP packet as a leg reads it (RFC 3550, section 5.1).
pub fn read_rtp(datagram: &[u8]) -> Option<View<'_>> {
    View::read(datagram)
}

/// Our answer to a browser's offer.
pub fn browser_answer(offer: &str) -> Result<String, SdpError> {
    WebLeg::accept(Instant::now(), offer, &here(), 7).map(|(_, answer, ..)| answer)
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
        let (leg, ..) = WebLeg::accept(now, offer, &here(), 7)?;
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
