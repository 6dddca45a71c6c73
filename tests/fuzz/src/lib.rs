//! What the fuzz targets do with an input. No panic and no wrong answer, whatever it is.
//!
//! `scripts/fuzz` runs them under libFuzzer with the counters of `instrument`; the tests of this
//! crate feed them every seed, so that a finding, once it is a seed, is never found again.

mod media;
mod messages;
mod secured;
mod sessions;
mod uris;
mod vaults;

pub use self::{
    media::{event, offer, rtcp, rtp, stun},
    messages::sip,
    secured::{carrier, frames, srtp},
    sessions::sdp,
    uris::uri,
    vaults::{tail, vault},
};

/// Panics at a word that nobody guesses at once, but everybody who is told how far he got.
pub fn planted(bytes: &[u8]) {
    if let [b'I', rest @ ..] = bytes
        && reached(1)
        && let [b'N', rest @ ..] = rest
        && reached(2)
        && let [b'V', rest @ ..] = rest
        && reached(3)
        && let [b'I', rest @ ..] = rest
        && reached(4)
        && let [b'T', rest @ ..] = rest
        && reached(5)
        && let [b'E', rest @ ..] = rest
        && reached(6)
    {
        assert!(!rest.starts_with(b"!"), "the planted fault");
    }
}

/// Keeps the compiler from making one comparison of many.
#[inline(never)]
fn reached(place: u8) -> bool {
    std::hint::black_box(place) > 0
}
