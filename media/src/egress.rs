//! The stream that we send on one leg: one SSRC, one run of sequence numbers, one clock,
//! whatever source it comes from. Who listens never notices that the source changed.

use std::time::Instant;

use crate::PACKET;

/// RTP header fields of the next packet (RFC 3550, section 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Our source.
    pub ssrc: u32,
    /// Sequence number.
    pub seq: u16,
    /// Timestamp, samples.
    pub timestamp: u32,
    /// First packet of a new source.
    pub marker: bool,
}

#[derive(Debug, Clone, Copy)]
struct Anchor {
    ssrc: u32,
    seq_in: u16,
    seq_out: u16,
    ts_in: u32,
    ts_out: u32,
}

/// One outgoing stream.
#[derive(Debug)]
pub struct Egress {
    ssrc: u32,
    next_seq: u16,
    last_ts: u32,
    sent_at: Option<Instant>,
    anchor: Option<Anchor>,
    generating: bool,
}

/// A source that jumps further than this starts anew.
const JUMP: u32 = 10 * crate::RATE;

impl Egress {
    /// A stream with these random starting points.
    pub fn new(ssrc: u32, seq: u16, timestamp: u32) -> Self {
        Self { ssrc, next_seq: seq, last_ts: timestamp, sent_at: None, anchor: None, generating: false }
    }

    /// Its source.
    pub(crate) fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Header for a packet passed on from another stream. Losses and reordering of the
    /// source stay visible.
    pub fn relay(&mut self, now: Instant, ssrc: u32, seq: u16, timestamp: u32) -> Head {
        self.generating = false;
        let known = self.anchor.filter(|anchor| {
            let ahead = timestamp.wrapping_sub(anchor.ts_in);
            let step = seq.wrapping_sub(anchor.seq_in);
            anchor.ssrc == ssrc
                && (ahead < JUMP || ahead.wrapping_neg() < JUMP)
                && (step < 500 || step.wrapping_neg() < 500)
        });
        let head = if let Some(anchor) = known {
            Head {
                ssrc: self.ssrc,
                seq: anchor.seq_out.wrapping_add(seq.wrapping_sub(anchor.seq_in)),
                timestamp: anchor.ts_out.wrapping_add(timestamp.wrapping_sub(anchor.ts_in)),
                marker: false,
            }
        } else {
            Head { ssrc: self.ssrc, seq: self.next_seq, timestamp: self.resume(now), marker: true }
        };
        let newest = head.seq.wrapping_sub(self.next_seq) < 0x8000;
        if newest {
            self.next_seq = head.seq.wrapping_add(1);
            self.last_ts = head.timestamp;
            self.sent_at = Some(now);
            self.anchor =
                Some(Anchor { ssrc, seq_in: seq, seq_out: head.seq, ts_in: timestamp, ts_out: head.timestamp });
        }
        head
    }

    /// Header for a packet of our own making.
    pub fn generate(&mut self, now: Instant) -> Head {
        self.anchor = None;
        let (timestamp, marker) =
            if self.generating { (self.last_ts.wrapping_add(PACKET as u32), false) } else { (self.resume(now), true) };
        self.generating = true;
        let head = Head { ssrc: self.ssrc, seq: self.next_seq, timestamp, marker };
        self.next_seq = self.next_seq.wrapping_add(1);
        self.last_ts = timestamp;
        self.sent_at = Some(now);
        head
    }

    /// Header for the first packet of a telephone-event, whose timestamp is that of all of it
    /// (RFC 4733, section 2.5.1.1).
    pub fn generate_marked(&mut self, now: Instant) -> Head {
        let mut head = self.generate(now);
        head.marker = true;
        self.generating = false;
        head
    }

    /// Header for the next packet of the event that began last.
    pub fn again(&mut self) -> Head {
        let head = Head { ssrc: self.ssrc, seq: self.next_seq, timestamp: self.last_ts, marker: false };
        self.next_seq = self.next_seq.wrapping_add(1);
        head
    }

    /// The timestamp after a change of source: time has passed on the wire too.
    fn resume(&self, now: Instant) -> u32 {
        let Some(at) = self.sent_at else { return self.last_ts };
        let samples = now.saturating_duration_since(at).as_millis() as u32 * (crate::RATE / 1000);
        self.last_ts.wrapping_add(samples.max(PACKET as u32))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn egress() -> Egress {
        Egress::new(7, 65_534, u32::MAX - 100)
    }

    #[test]
    fn a_change_of_source_keeps_one_ssrc_and_contiguous_sequence_numbers() {
        let t0 = Instant::now();
        let mut out = egress();
        let mut last = out.relay(t0, 1, 10, 1000);
        assert!(last.marker);
        for step in 1..200u32 {
            let now = t0 + Duration::from_millis(u64::from(step) * 20);
            let head = match step / 50 {
                0 => out.relay(now, 1, 10 + step as u16, 1000 + step * 160),
                1 | 3 => out.generate(now),
                _ => out.relay(now, 99, step as u16, 77_000 + step * 160),
            };
            assert_eq!(head.ssrc, 7);
            assert_eq!(head.seq, last.seq.wrapping_add(1), "step {step}");
            assert_eq!(head.timestamp.wrapping_sub(last.timestamp), 160, "step {step}");
            assert_eq!(head.marker, step % 50 == 0, "step {step}");
            last = head;
        }
    }

    #[test]
    fn losses_and_reordering_of_the_source_stay_visible() {
        let t0 = Instant::now();
        let mut out = egress();
        let first = out.relay(t0, 1, 10, 1000);
        let third = out.relay(t0, 1, 12, 1320);
        let second = out.relay(t0, 1, 11, 1160);
        assert_eq!(third.seq, first.seq.wrapping_add(2));
        assert_eq!(second.seq, first.seq.wrapping_add(1));
        assert_eq!(out.relay(t0, 1, 13, 1480).seq, first.seq.wrapping_add(3));
    }
}
