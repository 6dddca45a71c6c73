//! A leg within the house, whatever device is behind it: a browser or a desk phone.

use std::time::Instant;

use crate::{
    bridge::{LARGEST, View, packed},
    egress::Head,
    quality::{Moment, Quality},
    rtp::Line,
    web::{Shore, WebLeg, WebNews},
};

/// A leg within the house: the agent's, or that of whom the call is passed on to.
pub(super) enum Inner {
    /// A browser, and its number among all browsers' legs.
    Browser(Box<WebLeg>, u64),
    /// A desk phone.
    Phone(Box<Line>),
}

/// What a leg within the house brings.
pub(super) enum Heard<'a> {
    News(WebNews),
    Packet(View<'a>),
}

impl Inner {
    /// A browser's turn in a sweep; true when something came.
    pub(super) fn turn(&mut self, now: Instant, mut heard: impl FnMut(Heard<'_>)) -> bool {
        let Self::Browser(web, _) = self else { return false };
        if !web.turn(now) {
            return false;
        }
        while let Some(news) = web.news() {
            heard(Heard::News(news));
        }
        while let Some(packet) = web.packet(now) {
            heard(Heard::Packet(View {
                ssrc: packet.header.ssrc,
                seq: packet.header.sequence_number,
                timestamp: packet.header.timestamp,
                payload_type: packet.header.payload_type,
                marker: packet.header.marker,
                payload: &packet.payload,
            }));
        }
        true
    }

    pub(super) fn send(&mut self, now: Instant, head: Head, payload_type: u8, payload: &[u8]) {
        match self {
            Self::Browser(web, _) => web.send(now, head, payload_type, payload),
            Self::Phone(leg) => {
                let mut packet = [0u8; LARGEST + 12];
                if let Some(len) = packed(head, payload_type, payload, &mut packet) {
                    leg.send(now, &packet[..len]);
                }
            }
        }
    }

    pub(super) fn flush(&mut self, now: Instant, shore: &mut Shore, stirred: bool) {
        match self {
            Self::Browser(web, _) if stirred || web.has_unsent() => web.flush(now, shore),
            Self::Browser(..) => {}
            Self::Phone(leg) => leg.tick(now),
        }
    }

    /// The leg of plain RTP of this number.
    pub(super) fn plain(&mut self, number: u32) -> Option<&mut Line> {
        match self {
            Self::Phone(leg) if leg.number == number => Some(leg),
            _ => None,
        }
    }

    pub(super) fn quality(&self) -> Quality {
        match self {
            Self::Browser(web, _) => web.quality(),
            Self::Phone(leg) => leg.quality(),
        }
    }

    pub(super) fn moment(&mut self) -> Option<Moment> {
        match self {
            Self::Browser(web, _) => web.moment(),
            Self::Phone(leg) => leg.moment(),
        }
    }

    /// How well the other end hears us, by its last report.
    pub(super) fn hears(&self) -> Option<Moment> {
        let quality = self.quality();
        quality.far.map(|far| far.moment(quality.rtt_ms))
    }
}
