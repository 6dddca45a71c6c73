//! What comes from the network, each kind by its own door, for the fuzz targets.

use std::{net::SocketAddr, time::Instant};

use crate::{
    bridge::View,
    sdp::SdpError,
    web::{Places, WebLeg},
};

/// An RTP packet as a leg reads it (RFC 3550, section 5.1).
pub fn read_rtp(datagram: &[u8]) -> Option<View<'_>> {
    View::read(datagram)
}

/// Our answer to a browser's offer.
pub fn browser_answer(offer: &str) -> Result<String, SdpError> {
    let here = vec![SocketAddr::from(([192, 0, 2, 1], 4_000))];
    WebLeg::accept(Instant::now(), offer, &Places { udp: here.clone(), tcp: here }, 7).map(|(_, answer, ..)| answer)
}
