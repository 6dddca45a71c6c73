//! The stream that we send on one leg: one SSRC, one run of sequence numbers, one clock,
//! whatever source it comes from. Who listens never notices that the source changed.

use std::time::Instant;

use crate::{PACKET, probation::Probation};

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

/// What we made since a packet was passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Made {
    Nothing,
    /// Silence, in the place of packets that did not come.
    Silence,
    /// Something that is heard.
    Sound,
}

/// One outgoing stream.
#[derive(Debug)]
pub struct Egress {
    ssrc: u32,
    next_seq: u16,
    last_ts: u32,
    sent_at: Option<Instant>,
    /// The newest packet that was passed on.
    anchor: Option<Anchor>,
    /// What of our own making was sent since.
    made: Made,
    generating: bool,
    /// Which numbers before the next one were sent: bit n is the nth before.
    used: u64,
    probation: Probation,
}

/// A source that jumps further than this starts anew.
const JUMP: u32 = 10 * crate::RATE;
/// Behind silence of ours so many numbers are left for packets that may still come: 100 ms.
const ROOM: u16 = 5;
/// What follows a packet within this follows it without a hole: a packet, and half of one for the way.
pub(crate) const NEXT: u32 = PACKET as u32 * 3 / 2;

impl Egress {
    /// A stream with these random starting points.
    pub fn new(ssrc: u32, seq: u16, timestamp: u32) -> Self {
        Self {
            ssrc,
            next_seq: seq,
            last_ts: timestamp,
            sent_at: None,
            anchor: None,
            made: Made::Nothing,
            generating: false,
            used: 0,
            probation: Probation::default(),
        }
    }

    /// Its source.
    pub(crate) fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Header for a packet passed on from another stream. Losses and reordering of the source stay
    /// visible. None when it is not to be sent: it was before, or something of ours was sent in its
    /// place. No number is that of two packets.
    pub fn relay(&mut self, now: Instant, ssrc: u32, seq: u16, timestamp: u32) -> Option<Head> {
        let known = self.anchor.filter(|anchor| {
            let ahead = timestamp.wrapping_sub(anchor.ts_in);
            let step = seq.wrapping_sub(anchor.seq_in);
            anchor.ssrc == ssrc
                && (ahead < JUMP || ahead.wrapping_neg() < JUMP)
                && (step < 500 || step.wrapping_neg() < 500)
        });
        let step = known.map_or(0, |anchor| seq.wrapping_sub(anchor.seq_in));
        let is_next = self.made != Made::Nothing && (1..500).contains(&step);
        let follows = known.filter(|_| !is_next).map(|anchor| Head {
            ssrc: self.ssrc,
            seq: anchor.seq_out.wrapping_add(step),
            timestamp: anchor.ts_out.wrapping_add(timestamp.wrapping_sub(anchor.ts_in)),
            marker: false,
        });
        let is_over = follows.is_some_and(|head| self.is_used(head.seq));
        if is_over && !self.probation.is_passed(seq) {
            return None;
        }
        self.probation.end();
        let room = if is_next && self.made == Made::Silence { (step - 1).min(ROOM) } else { 0 };
        let head = follows.filter(|_| !is_over).unwrap_or_else(|| Head {
            ssrc: self.ssrc,
            seq: self.next_seq.wrapping_add(room),
            timestamp: self.resume(now),
            marker: true,
        });
        if self.take(head.seq) {
            (self.made, self.generating) = (Made::Nothing, false);
            self.last_ts = head.timestamp;
            self.sent_at = Some(now);
            self.anchor =
                Some(Anchor { ssrc, seq_in: seq, seq_out: head.seq, ts_in: timestamp, ts_out: head.timestamp });
        }
        Some(head)
    }

    /// Whether a packet with this number was sent, or may have been.
    fn is_used(&self, seq: u16) -> bool {
        let behind = self.next_seq.wrapping_sub(1).wrapping_sub(seq);
        behind < 0x8000 && self.used.checked_shr(behind.into()).is_none_or(|used| used & 1 != 0)
    }

    /// A packet with this number is sent; whether it is the newest.
    fn take(&mut self, seq: u16) -> bool {
        let ahead = seq.wrapping_sub(self.next_seq);
        if ahead < 0x8000 {
            self.used = self.used.checked_shl(u32::from(ahead) + 1).unwrap_or(0) | 1;
            self.next_seq = seq.wrapping_add(1);
            return true;
        }
        self.used |= 1u64.checked_shl(u32::from(ahead.wrapping_neg()) - 1).unwrap_or(0);
        false
    }

    /// Header for silence in the place of a packet that did not come in time.
    pub fn fill(&mut self, now: Instant) -> Head {
        let made = if self.made == Made::Sound { Made::Sound } else { Made::Silence };
        let head = self.generate(now);
        self.made = made;
        head
    }

    /// Header for a packet of our own making.
    pub fn generate(&mut self, now: Instant) -> Head {
        let (timestamp, marker) =
            if self.generating { (self.last_ts.wrapping_add(PACKET as u32), false) } else { (self.resume(now), true) };
        self.generating = true;
        self.sent_at = Some(now);
        self.make(timestamp, marker)
    }

    fn make(&mut self, timestamp: u32, marker: bool) -> Head {
        let head = Head { ssrc: self.ssrc, seq: self.next_seq, timestamp, marker };
        self.take(head.seq);
        (self.made, self.last_ts) = (Made::Sound, timestamp);
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
        self.make(self.last_ts, false)
    }

    /// The timestamp after a change of source: time has passed on the wire too.
    fn resume(&self, now: Instant) -> u32 {
        let Some(at) = self.sent_at else { return self.last_ts };
        let samples = now.saturating_duration_since(at).as_millis() as u32 * (crate::RATE / 1000);
        self.last_ts.wrapping_add(if samples < NEXT { PACKET as u32 } else { samples })
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
        let mut last = out.relay(t0, 1, 10, 1000).unwrap();
        assert!(last.marker);
        for step in 1..200u32 {
            let now = t0 + Duration::from_millis(u64::from(step) * 20);
            let head = match step / 50 {
                0 => out.relay(now, 1, 10 + step as u16, 1000 + step * 160).unwrap(),
                1 | 3 => out.generate(now),
                _ => out.relay(now, 99, step as u16, 77_000 + step * 160).unwrap(),
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
        let first = out.relay(t0, 1, 10, 1000).unwrap();
        let third = out.relay(t0, 1, 12, 1320).unwrap();
        let second = out.relay(t0, 1, 11, 1160).unwrap();
        assert_eq!(third.seq, first.seq.wrapping_add(2));
        assert_eq!(second.seq, first.seq.wrapping_add(1));
        assert_eq!(out.relay(t0, 1, 13, 1480).unwrap().seq, first.seq.wrapping_add(3));
        // What was sent before the first one, and comes behind it.
        assert_eq!(out.relay(t0, 1, 9, 840).unwrap().seq, first.seq.wrapping_sub(1));
    }

    #[test]
    fn no_number_is_that_of_two_packets_whatever_comes_late_or_twice_behind_what_we_made() {
        let t0 = Instant::now();
        let (mut out, mut used) = (egress(), std::collections::HashSet::new());
        let (mut dice, mut refused, mut passed) = (7u64, 0, 0);
        let mut below = |limit: u64| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (dice >> 33) % limit
        };
        let mut newest = 0u16;
        for step in 0..5_000u32 {
            let now = t0 + Duration::from_millis(u64::from(step) * 20);
            if step % 100 >= 90 {
                let head = if step % 200 >= 100 { out.generate(now) } else { out.fill(now) };
                assert!(used.insert(head.seq), "step {step}: made");
                continue;
            }
            // One in three is late by up to eight, one in ten comes twice.
            let seq = if below(3) == 0 { step.saturating_sub(below(9) as u32) } else { step } as u16;
            for _ in 0..=u32::from(below(10) == 0) {
                if let Some(head) = out.relay(now, 1, seq, u32::from(seq) * 160) {
                    assert!(used.insert(head.seq), "step {step}: {seq} passed on as {}", head.seq);
                    passed += 1;
                } else {
                    assert!(seq <= newest, "step {step}: {seq} is newer than {newest}");
                    refused += 1;
                }
                newest = newest.max(seq);
            }
        }
        assert!(passed > 3_000 && refused > 100, "{passed} {refused}");
    }

    #[test]
    fn a_late_packet_behind_what_we_made_has_a_number_of_its_own_or_is_not_sent() {
        let t0 = Instant::now();
        let at = |ms| t0 + Duration::from_millis(ms);
        // Silence leaves room for what may still come; a prompt was sent in its place.
        for prompt in [false, true] {
            let mut out = egress();
            let make = |out: &mut Egress, ms| if prompt { out.generate(at(ms)) } else { out.fill(at(ms)) };
            let tenth = out.relay(at(0), 1, 10, 1000).unwrap();
            make(&mut out, 60);
            let made = make(&mut out, 80);
            assert_eq!(out.relay(at(82), 1, 9, 840).unwrap().seq, tenth.seq.wrapping_sub(1), "its own was not used");
            let after = make(&mut out, 100);
            assert_eq!(after.timestamp.wrapping_sub(made.timestamp), 160, "a late one stops nothing");
            let thirteenth = out.relay(at(105), 1, 13, 1480).unwrap();
            let room = if prompt { 0 } else { 2 };
            assert_eq!((thirteenth.seq, thirteenth.marker), (after.seq.wrapping_add(1 + room), true));
            let twelfth = out.relay(at(106), 1, 12, 1320).map(|head| head.seq);
            assert_eq!(twelfth, (!prompt).then(|| thirteenth.seq.wrapping_sub(1)));
            assert_eq!(out.relay(at(107), 1, 13, 1480), None, "it was sent");
            assert_eq!(out.relay(at(120), 1, 14, 1640).unwrap().seq, thirteenth.seq.wrapping_add(1));
        }
    }

    #[test]
    fn a_sender_that_starts_again_at_its_first_number_is_passed_on_after_three_packets() {
        for before in [4u32, 40, 120, 400] {
            let t0 = Instant::now();
            let (mut out, mut heads) = (egress(), Vec::new());
            for step in 0..before + 50 {
                let now = t0 + Duration::from_millis(u64::from(step) * 20);
                let no = if step < before { step } else { step - before };
                heads.extend(out.relay(now, 1, no as u16, no * 160));
            }
            assert_eq!(heads.len() as u32, before + 47, "after {before}");
            assert!(heads.windows(2).all(|pair| pair[1].seq == pair[0].seq.wrapping_add(1)), "after {before}");
        }
    }
}
