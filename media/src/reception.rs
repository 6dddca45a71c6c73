//! What was received: losses and jitter by RFC 3550, appendix A.

use std::time::Instant;

use serde::Serialize;

use crate::RATE;

/// Quality of one incoming stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Quality {
    /// Packets received.
    pub received: u64,
    /// Packets that never came.
    pub lost: u64,
    /// Interarrival jitter, milliseconds.
    pub jitter_ms: f64,
}

/// Counts one incoming stream.
#[derive(Debug, Default)]
pub(crate) struct Reception {
    current: Option<Stream>,
    before: Quality,
    jitter: f64,
}

#[derive(Debug)]
struct Stream {
    ssrc: u32,
    first: u64,
    highest: u64,
    received: u64,
    start: Instant,
    transit: f64,
}

impl Reception {
    pub(crate) fn packet(&mut self, now: Instant, ssrc: u32, seq: u16, timestamp: u32) {
        if self.current.as_ref().is_none_or(|stream| stream.ssrc != ssrc) {
            self.before = self.quality();
            let seq = u64::from(seq);
            let transit = -f64::from(timestamp);
            self.current = Some(Stream { ssrc, first: seq, highest: seq, received: 1, start: now, transit });
            return;
        }
        let Some(stream) = &mut self.current else { return };
        stream.received += 1;
        let step = seq.wrapping_sub(stream.highest as u16);
        if step < 0x8000 {
            stream.highest += u64::from(step);
        }
        let arrival = now.saturating_duration_since(stream.start).as_secs_f64() * f64::from(RATE);
        let transit = arrival - f64::from(timestamp);
        let difference = (transit - stream.transit).abs();
        stream.transit = transit;
        // A wrap of the timestamp is no jitter.
        if difference < f64::from(RATE) * 10.0 {
            self.jitter += (difference - self.jitter) / 16.0;
        }
    }

    pub(crate) fn quality(&self) -> Quality {
        let mut sum = self.before;
        if let Some(stream) = &self.current {
            sum.received += stream.received;
            sum.lost += (stream.highest - stream.first + 1).saturating_sub(stream.received);
        }
        sum.jitter_ms = (self.jitter / f64::from(RATE) * 10_000.0).round() / 10.0;
        sum
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn losses_are_counted_over_the_wrap_and_over_a_change_of_source() {
        let t0 = Instant::now();
        let mut reception = Reception::default();
        for step in 0..100u32 {
            if step % 10 == 3 {
                continue;
            }
            let seq = 65_500u16.wrapping_add(step as u16);
            reception.packet(t0 + Duration::from_millis(u64::from(step) * 20), 1, seq, step * 160);
        }
        reception.packet(t0 + Duration::from_secs(3), 2, 5, 0);
        reception.packet(t0 + Duration::from_secs(3), 2, 8, 480);
        let quality = reception.quality();
        assert_eq!((quality.received, quality.lost), (92, 12));
    }
}
