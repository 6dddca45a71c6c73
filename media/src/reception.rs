//! What was received of one leg (RFC 3550, appendix A): losses, order, duplicates and jitter.

use std::time::{Duration, Instant};

use crate::{
    RATE,
    quality::{Concealment, FarEnd, Measured, Moment, Quality, opinion},
};

/// A sequence number that jumps further than this ahead, or further than `MISORDER` back, is
/// that of a new run when the next one follows it (RFC 3550, appendix A.1).
const DROPOUT: u16 = 3_000;
const MISORDER: u16 = 100;
/// A packet this far behind the fastest ones of the last seconds finds a listener's buffer
/// empty.
const LATE: f64 = RATE as f64 / 10.0;
/// The fastest packet is looked for anew each time this has passed.
const WINDOW: Duration = Duration::from_secs(4);

/// Counts one incoming stream, across all its sources.
#[derive(Debug, Default)]
pub struct Reception {
    current: Option<Stream>,
    total: Counts,
    jitter: f64,
    /// Where the present moment began.
    moment: Counts,
    moment_expected: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    expected: u64,
    received: u64,
    late: u64,
    reordered: u64,
    duplicates: u64,
    /// Runs of losses.
    runs: u64,
}

impl Counts {
    /// Packets that came, each once.
    fn distinct(&self) -> u64 {
        self.received.saturating_sub(self.duplicates)
    }

    fn lost(&self) -> u64 {
        self.expected.saturating_sub(self.distinct())
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            expected: self.expected.saturating_sub(before.expected),
            received: self.received.saturating_sub(before.received),
            late: self.late.saturating_sub(before.late),
            reordered: self.reordered.saturating_sub(before.reordered),
            duplicates: self.duplicates.saturating_sub(before.duplicates),
            runs: self.runs.saturating_sub(before.runs),
        }
    }

    /// Share of what was expected that did not come in time.
    fn missing(&self) -> f64 {
        if self.expected == 0 {
            return 0.0;
        }
        ((self.lost() + self.late) as f64 / self.expected as f64).min(1.0)
    }

    /// Mean run of losses over what it were if they were strewn evenly (G.107, section 7.6).
    fn burst_ratio(&self) -> f64 {
        let lost = self.lost();
        if lost == 0 || self.runs == 0 || self.expected == 0 {
            return 1.0;
        }
        let share = lost as f64 / self.expected as f64;
        (lost as f64 / self.runs as f64 * (1.0 - share)).max(1.0)
    }
}

#[derive(Debug)]
struct Stream {
    ssrc: u32,
    first: u64,
    highest: u64,
    /// The 64 numbers up to the highest that came.
    seen: u64,
    /// Number that begins a new run, should it come next.
    fresh: Option<u16>,
    received: u64,
    start: Instant,
    /// Of the last packet of sound.
    transit: Option<f64>,
    fastest: f64,
    fastest_before: f64,
    window_from: Instant,
    /// For the fraction lost of the next report.
    reported: (u64, u64),
}

impl Stream {
    fn new(now: Instant, ssrc: u32, seq: u16) -> Self {
        // Room below, so that what was sent before the first and comes after it has a number.
        let first = (1 << 16) + u64::from(seq);
        Self {
            ssrc,
            first,
            highest: first,
            seen: 1,
            fresh: None,
            received: 1,
            start: now,
            transit: None,
            fastest: f64::INFINITY,
            fastest_before: f64::INFINITY,
            window_from: now,
            reported: (0, 0),
        }
    }

    fn expected(&self) -> u64 {
        self.highest - self.first + 1
    }
}

/// What the next report says of a source (RFC 3550, section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) ssrc: u32,
    pub(crate) fraction_lost: u8,
    pub(crate) total_lost: i32,
    pub(crate) highest: u32,
    pub(crate) jitter: u32,
}

impl Reception {
    /// A packet of sound came; the timestamp says when it was said.
    pub fn packet(&mut self, now: Instant, ssrc: u32, seq: u16, timestamp: u32) {
        self.came(now, ssrc, seq, Some(timestamp));
    }

    /// A packet came. One of a telephone-event says when its key was pressed (RFC 4733, section 2.3.4),
    /// and others whatever they like: they tell nothing of how late they are.
    pub(crate) fn came(&mut self, now: Instant, ssrc: u32, seq: u16, timestamp: Option<u32>) {
        if self.current.as_ref().is_none_or(|stream| stream.ssrc != ssrc) {
            self.begin(now, ssrc, seq, timestamp);
            return;
        }
        let Some(stream) = &mut self.current else { return };
        let step = seq.wrapping_sub(stream.highest as u16);
        if step >= DROPOUT && step <= MISORDER.wrapping_neg() {
            // Far off: one stray packet is no restart, a second one after it is.
            if stream.fresh == Some(seq) {
                self.begin(now, ssrc, seq, timestamp);
            } else {
                stream.fresh = Some(seq.wrapping_add(1));
            }
            return;
        }
        stream.fresh = None;
        let before = stream.expected();
        if step == 0 {
            self.total.duplicates += 1;
        } else if step < DROPOUT {
            stream.highest += u64::from(step);
            stream.seen = if step < 64 { stream.seen << step | 1 } else { 1 };
            self.total.runs += u64::from(step > 1);
        } else {
            let back = step.wrapping_neg();
            let bit = 1u64.checked_shl(back.into()).unwrap_or(0);
            let number = stream.highest - u64::from(back);
            if stream.seen & bit != 0 {
                self.total.duplicates += 1;
            } else {
                stream.seen |= bit;
                stream.first = stream.first.min(number);
                self.total.reordered += 1;
            }
        }
        stream.received += 1;
        self.total.received += 1;
        self.total.expected += stream.expected() - before;
        self.timing(now, timestamp);
    }

    fn begin(&mut self, now: Instant, ssrc: u32, seq: u16, timestamp: Option<u32>) {
        self.current = Some(Stream::new(now, ssrc, seq));
        self.total.expected += 1;
        self.total.received += 1;
        self.timing(now, timestamp);
    }

    fn timing(&mut self, now: Instant, timestamp: Option<u32>) {
        let (Some(stream), Some(timestamp)) = (&mut self.current, timestamp) else { return };
        let arrival = now.saturating_duration_since(stream.start).as_secs_f64() * f64::from(RATE);
        let transit = arrival - f64::from(timestamp);
        let before = stream.transit.replace(transit);
        let difference = before.map_or(f64::INFINITY, |before| (transit - before).abs());
        // The first one, a wrap of the timestamp, or a clock that was set, is no jitter.
        if difference >= f64::from(RATE) * 10.0 {
            (stream.fastest, stream.fastest_before, stream.window_from) = (transit, transit, now);
            return;
        }
        self.jitter += (difference - self.jitter) / 16.0;
        if now.saturating_duration_since(stream.window_from) >= WINDOW {
            (stream.fastest_before, stream.fastest, stream.window_from) = (stream.fastest, transit, now);
        }
        stream.fastest = stream.fastest.min(transit);
        if transit - stream.fastest.min(stream.fastest_before) > LATE {
            self.total.late += 1;
        }
    }

    /// Packets that came, and those that never did.
    pub fn counted(&self) -> (u64, u64) {
        (self.total.received, self.total.lost())
    }

    fn jitter_ms(&self) -> f64 {
        (self.jitter / f64::from(RATE) * 10_000.0).round() / 10.0
    }

    /// Everything so far.
    pub(crate) fn quality(&self, rtt_ms: Option<f64>, far: Option<FarEnd>, concealment: Concealment) -> Quality {
        let total = &self.total;
        let measured =
            Measured { loss: total.missing(), burst_ratio: total.burst_ratio(), jitter_ms: self.jitter_ms(), rtt_ms };
        Quality {
            received: total.received,
            lost: total.lost(),
            late: total.late,
            reordered: total.reordered,
            duplicates: total.duplicates,
            foreign: 0,
            excess: 0,
            unauthentic: 0,
            srtp: None,
            jitter_ms: measured.jitter_ms,
            rtt_ms,
            burst_ratio: (measured.burst_ratio * 100.0).round() / 100.0,
            mos: (total.received > 0).then(|| opinion(measured, concealment)),
            far,
        }
    }

    /// What came since this was asked for the last time. None the first time, and before the
    /// first packet.
    pub(crate) fn moment(&mut self, rtt_ms: Option<f64>, concealment: Concealment) -> Option<Moment> {
        let since = self.total.since(&self.moment);
        self.moment = self.total;
        let known = std::mem::replace(&mut self.moment_expected, self.total.received > 0);
        if !known {
            return None;
        }
        if since.received == 0 {
            return Some(Moment { mos: 1.0, loss: 1.0, jitter_ms: self.jitter_ms(), rtt_ms });
        }
        let measured =
            Measured { loss: since.missing(), burst_ratio: since.burst_ratio(), jitter_ms: self.jitter_ms(), rtt_ms };
        let loss = (measured.loss * 1_000.0).round() / 1_000.0;
        Some(Moment { mos: opinion(measured, concealment), loss, jitter_ms: measured.jitter_ms, rtt_ms })
    }

    /// What the next report says of the present source; the fraction counts from the last one.
    pub(crate) fn block(&mut self) -> Option<Block> {
        let jitter = self.jitter;
        let stream = self.current.as_mut()?;
        let (expected, received) = (stream.expected(), stream.received);
        let (expected_before, received_before) = std::mem::replace(&mut stream.reported, (expected, received));
        let (due, came) = (expected - expected_before, received - received_before);
        let fraction_lost = (due.saturating_sub(came) * 256).checked_div(due).unwrap_or(0).min(255) as u8;
        Some(Block {
            ssrc: stream.ssrc,
            fraction_lost,
            total_lost: (expected as i64 - received as i64).clamp(-0x80_0000, 0x7f_ffff) as i32,
            // The first cycle of ours is none of theirs.
            highest: (stream.highest - (1 << 16)) as u32,
            jitter: jitter as u32,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn seen(reception: &Reception) -> Quality {
        reception.quality(None, None, Concealment::Yes)
    }

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
        let block = reception.block().unwrap();
        assert_eq!((block.total_lost, block.highest, block.fraction_lost), (10, 65_599, 25));
        reception.packet(t0 + Duration::from_secs(3), 2, 5, 0);
        reception.packet(t0 + Duration::from_secs(3), 2, 8, 480);
        let quality = seen(&reception);
        assert_eq!((quality.received, quality.lost), (92, 12));
        assert_eq!(reception.block().unwrap().ssrc, 2);
    }

    #[test]
    fn what_comes_late_twice_or_after_its_successor_is_told_apart() {
        let t0 = Instant::now();
        let mut reception = Reception::default();
        let mut hand = |at: u64, seq: u16| reception.packet(t0 + MS * at as u32, 7, seq, u32::from(seq) * 160);
        hand(20, 1);
        hand(0, 0);
        for seq in 2..100u16 {
            if seq == 50 || seq == 60 {
                continue;
            }
            hand(u64::from(seq) * 20, seq);
            if seq == 51 {
                hand(u64::from(seq) * 20 + 1, 50);
            }
            if seq == 70 {
                hand(u64::from(seq) * 20 + 1, 60);
                hand(u64::from(seq) * 20 + 2, 70);
                hand(u64::from(seq) * 20 + 3, 60);
            }
        }
        let quality = seen(&reception);
        assert_eq!((quality.received, quality.lost, quality.duplicates), (102, 0, 2));
        assert_eq!((quality.reordered, quality.late), (3, 2), "0, 50 and 60; 60 is 200 ms late, both times");
    }

    #[test]
    fn e44_a_key_that_is_held_makes_nobody_late_and_no_jitter() {
        let t0 = Instant::now();
        for begins in [0, 100] {
            let mut reception = Reception::default();
            for seq in 0..300u16 {
                let now = t0 + MS * 20 * u32::from(seq);
                // All packets of a key have the timestamp of its beginning, and each is numbered.
                let timestamp = (!(begins..begins + 100).contains(&seq)).then_some(u32::from(seq) * 160);
                reception.came(now, 1, seq, timestamp);
            }
            let quality = seen(&reception);
            assert_eq!((quality.received, quality.lost, quality.late), (300, 0, 0));
            assert!(quality.jitter_ms < 1.0, "{quality:?}");
        }
    }

    #[test]
    fn a_restart_of_the_sender_is_no_loss_and_a_stray_packet_is_none_either() {
        let t0 = Instant::now();
        let mut reception = Reception::default();
        for seq in 0..50u16 {
            reception.packet(t0 + MS * u32::from(seq) * 20, 1, seq, u32::from(seq) * 160);
        }
        reception.packet(t0 + MS * 1_000, 1, 40_000, 8_000);
        for seq in 50..60u16 {
            reception.packet(t0 + MS * u32::from(seq) * 20, 1, seq, u32::from(seq) * 160);
        }
        assert_eq!((seen(&reception).received, seen(&reception).lost), (60, 0));
        for seq in 20_000..20_010u16 {
            reception.packet(t0 + MS * 2_000, 1, seq, u32::from(seq) * 160);
        }
        let quality = seen(&reception);
        assert_eq!((quality.received, quality.lost), (69, 0), "its first packet only told that it began anew");
    }

    #[test]
    fn the_losses_of_two_hours_are_counted_over_every_wrap() {
        let t0 = Instant::now();
        let mut reception = Reception::default();
        let mut lost = 0;
        for step in 0..360_000u32 {
            if step % 33 == 5 {
                lost += 1;
                continue;
            }
            let late = Duration::from_micros(u64::from(step.wrapping_mul(2_654_435_761) % 15_000));
            let timestamp = (u32::MAX - 1_000_000).wrapping_add(step * 160);
            reception.packet(t0 + MS * 20 * step + late, 1, (step + 60_000) as u16, timestamp);
        }
        let quality = seen(&reception);
        assert_eq!((quality.received, quality.lost, quality.reordered, quality.late), (360_000 - lost, lost, 0, 0));
    }

    #[test]
    fn jitter_follows_the_published_estimator() {
        let t0 = Instant::now();
        let mut reception = Reception::default();
        let mut wanted = 0.0f64;
        for seq in 0..200u16 {
            // Every second packet is 8 ms late: each difference is 64 samples.
            let late = if seq % 2 == 1 { 8 } else { 0 };
            reception.packet(t0 + MS * (u32::from(seq) * 20 + late), 1, seq, u32::from(seq) * 160);
            if seq > 0 {
                wanted += (64.0 - wanted) / 16.0;
            }
        }
        assert!((f64::from(reception.block().unwrap().jitter) - wanted).abs() <= 1.0);
        assert!((seen(&reception).jitter_ms - 8.0).abs() < 0.05);
    }

    #[test]
    fn a_moment_is_what_came_since_the_last_one_and_silence_is_the_worst() {
        let t0 = Instant::now();
        let mut reception = Reception::default();
        assert_eq!(reception.moment(None, Concealment::Yes), None);
        for seq in 0..100u16 {
            reception.packet(t0 + MS * u32::from(seq) * 20, 1, seq, u32::from(seq) * 160);
        }
        assert_eq!(reception.moment(None, Concealment::Yes), None, "the first one has no beginning");
        for seq in (100..200u16).filter(|seq| seq % 10 != 0) {
            reception.packet(t0 + MS * u32::from(seq) * 20, 1, seq, u32::from(seq) * 160);
        }
        let moment = reception.moment(Some(40.0), Concealment::Yes).unwrap();
        assert!((moment.loss - 0.1).abs() < 0.011, "{moment:?}");
        assert!(moment.mos < 4.0 && moment.mos > 2.5, "{moment:?}");
        assert!(reception.moment(None, Concealment::Yes).unwrap().mos < 1.001);
        assert!(seen(&reception).lost >= 9);
    }

    #[test]
    fn losses_in_runs_have_a_higher_burst_ratio_than_strewn_ones() {
        let t0 = Instant::now();
        let ratio = |lost: &dyn Fn(u16) -> bool| {
            let mut reception = Reception::default();
            for seq in (0..1_000u16).filter(|seq| !lost(*seq)) {
                reception.packet(t0 + MS * u32::from(seq) * 20, 1, seq, u32::from(seq) * 160);
            }
            seen(&reception).burst_ratio
        };
        assert!((ratio(&|seq| seq % 20 == 5) - 1.0).abs() < 1e-9);
        assert!((ratio(&|seq| (100..150).contains(&seq)) - 47.5).abs() < 1.0);
    }
}
