//! The sources that a browser speaks under. The stack keeps something of each that a datagram names, before
//! it knows whether that is authentic; a browser has a few, and who forges its datagrams as many as he likes.

use crate::{rtcp::is_rtcp, rtp::source_of};

/// Sources of one browser that are taken.
const MOST: usize = 64;

/// Those that were named so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Sources(Vec<u32>);

impl Sources {
    /// With those that the browser's offer names (RFC 5576, section 4.1): nobody who is quicker than it
    /// keeps it out.
    pub(super) fn of(offer: &str) -> Self {
        let named =
            offer.lines().filter_map(|line| line.strip_prefix("a=ssrc:")?.split(' ').next()?.trim().parse().ok());
        let mut sources = Self::default();
        for source in named.take(MOST / 2) {
            if !sources.0.contains(&source) {
                sources.0.push(source);
            }
        }
        sources
    }

    /// Whether a datagram goes to the stack: what is no sound and no control does (RFC 7983, section 7), and
    /// of the others who was named before there were too many.
    pub(super) fn take(&mut self, datagram: &[u8]) -> bool {
        if !datagram.first().is_some_and(|first| (128..=191).contains(first)) {
            return true;
        }
        let Some(source) = source_of(datagram, if is_rtcp(datagram) { 4 } else { 8 }) else { return false };
        if self.0.contains(&source) {
            return true;
        }
        let room = self.0.len() < MOST;
        if room {
            self.0.push(source);
        }
        room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound(source: u32) -> Vec<u8> {
        [&[0x80, 8, 0, 1, 0, 0, 0, 1][..], &source.to_be_bytes(), &[0x91; 170]].concat()
    }

    fn control(source: u32) -> Vec<u8> {
        [&[0x80, 201, 0, 1][..], &source.to_be_bytes(), &[0x80, 0, 0, 1], &[0; 10]].concat()
    }

    #[test]
    fn x2_a_browser_is_heard_and_reports_however_many_sources_somebody_forges_in_its_name() {
        let mut sources = Sources::default();
        assert!(sources.take(&sound(7)) && sources.take(&control(9)));
        let mut taken = 0;
        for no in 0..100_000u32 {
            let forged = if no % 2 == 0 { sound(no + 1_000) } else { control(no + 1_000) };
            taken += usize::from(sources.take(&forged));
        }
        assert_eq!((taken, sources.0.len()), (MOST - 2, MOST));
        assert!(sources.take(&sound(7)) && sources.take(&control(9)) && sources.take(&control(7)));
        // Nor when they were first: its offer named it.
        let offer = "v=0\r\na=ssrc:7 cname:x\r\na=ssrc:7 msid:y z\r\na=ssrc:x\r\na=ssrc:9\r\n";
        let mut sources = Sources::of(offer);
        assert_eq!(sources.0, [7, 9]);
        for no in 0..1_000u32 {
            sources.take(&sound(no + 1_000));
        }
        assert!(sources.take(&sound(7)) && sources.take(&control(9)) && !sources.take(&sound(5)));
        // STUN and DTLS name nobody; a stump of sound is nobody's.
        assert!(sources.take(&[0, 1, 0, 0]) && sources.take(&[22; 40]) && sources.take(&[]));
        assert!(!sources.take(&sound(7)[..10]) && !sources.take(&control(7)[..6]));
    }
}
