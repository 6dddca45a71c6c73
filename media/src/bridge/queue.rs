//! A mouth that is mixed: its packets wait here, in the order in which they were said, until
//! the mixer's clock takes them, 40 to 60 ms later.
//!
//! The mouth's clock is not ours. When it runs faster, or slower, the frames that are taken
//! are one sample longer or shorter, until what waits is as much as it should be; so nothing
//! grows and nothing clicks. What was taken, or given up, is never taken again. What is missing by its
//! numbers, and what was given up, is told where the mouth speaks again.

use super::{LARGEST, fade::Fade};
use crate::{PACKET, timeline::QUIET};

/// Samples that may wait: 256 ms.
const RING: usize = 2_048;
/// What must wait before the first frame is taken: 40 ms.
const PRIMED: i32 = 2 * PACKET as i32;
/// Frames over which the least that waited is looked for: half a second.
const WINDOW: u32 = 25;
/// With always more than this left over, frames are taken a little faster.
const FULL: i32 = 2 * PACKET as i32;
/// With less than this left over now and then, a little slower.
const LOW: i32 = PACKET as i32 / 4;
/// With always more than this, a burst came after a stall: what is old is given up.
const STALE: i32 = 5 * PACKET as i32;
/// A packet that is further away in time belongs to another run of the source.
const FAR: i32 = 2 * crate::RATE as i32;
/// So many packets that all come too late: the source turned its clock back.
const TURNED: u32 = 10;
/// A number further ahead, or further back, is that of another run (RFC 3550, appendix A.1).
const DROPOUT: u16 = 3_000;
const MISORDER: u16 = 100;

/// What one mouth said and nobody has heard yet.
pub(super) struct Queue {
    samples: [i16; RING],
    covered: [u64; RING / 64],
    /// What is missing by its numbers.
    missing: [u64; RING / 64],
    ssrc: u32,
    /// Number of the newest packet of sound, how many without sound came after it, and the timestamp
    /// behind it.
    newest: u16,
    soundless: u16,
    said: u32,
    /// What is to be told.
    lost: u32,
    cut: bool,
    /// Timestamp of the next sample that is taken.
    read: u32,
    /// Timestamp behind the last one that waits.
    end: u32,
    anchored: bool,
    primed: bool,
    /// Frame length, samples: 159 to 161.
    pace: usize,
    least: i32,
    frames: u32,
    late: u32,
    covering: bool,
    fade: Fade,
}

/// What there is to tell of a frame: so many samples before this one of it were sent and did not come in
/// time, or sound that came was given up there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Lack {
    pub(super) lost: u32,
    pub(super) cut: bool,
    pub(super) at: usize,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            samples: [0; RING],
            covered: [0; RING / 64],
            missing: [0; RING / 64],
            ssrc: 0,
            newest: 0,
            soundless: 0,
            said: 0,
            lost: 0,
            cut: false,
            read: 0,
            end: 0,
            anchored: false,
            primed: false,
            pace: PACKET,
            least: i32::MAX,
            frames: 0,
            late: 0,
            covering: false,
            fade: Fade::default(),
        }
    }
}

impl Queue {
    /// Forgets everything: nobody mixes this mouth.
    pub(super) fn clear(&mut self) {
        if self.anchored {
            *self = Self::default();
        }
    }

    fn waiting(&self) -> i32 {
        self.end.wrapping_sub(self.read) as i32
    }

    /// A packet without sound has this number: it is not missing.
    pub(super) fn no_sound(&mut self, ssrc: u32, seq: u16) {
        if self.anchored && ssrc == self.ssrc && (1..DROPOUT).contains(&seq.wrapping_sub(self.newest)) {
            self.soundless = self.soundless.saturating_add(1);
        }
    }

    /// The number of a packet that begins there tells what is missing before it.
    fn number(&mut self, ssrc: u32, seq: u16, timestamp: u32, len: u32) {
        let step = seq.wrapping_sub(self.newest);
        if self.anchored && ssrc == self.ssrc {
            if step == 0 || step > MISORDER.wrapping_neg() {
                return;
            }
            let packets = if step < DROPOUT { i32::from((step - 1).saturating_sub(self.soundless)) } else { 0 };
            let gap = (timestamp.wrapping_sub(self.said) as i32).min(packets * LARGEST as i32).max(0);
            let to = timestamp.wrapping_sub(self.read) as i32;
            let here = to.saturating_sub(gap).clamp(0, RING as i32)..to.clamp(0, RING as i32);
            self.lost = self.lost.saturating_add((gap - here.len() as i32) as u32);
            for stamp in here.map(|ahead| self.read.wrapping_add(ahead as u32)) {
                self.missing[stamp as usize % RING / 64] |= 1 << (stamp % 64);
            }
        }
        (self.newest, self.soundless, self.said) = (seq, 0, timestamp.wrapping_add(len));
    }

    /// Takes a packet: source, number and timestamp.
    pub(super) fn push(
        &mut self,
        (ssrc, seq, timestamp): (u32, u16, u32),
        samples: impl ExactSizeIterator<Item = i16>,
    ) {
        let len = samples.len() as i32;
        self.number(ssrc, seq, timestamp, len as u32);
        let mut ahead = timestamp.wrapping_sub(self.read) as i32;
        if !self.anchored || ssrc != self.ssrc || !(-FAR..FAR).contains(&ahead) || self.late >= TURNED {
            self.begin(ssrc, timestamp);
            ahead = 0;
        }
        if ahead + len <= 0 {
            self.late += 1;
            return;
        }
        self.late = 0;
        let gap = timestamp.wrapping_sub(self.end) as i32;
        if !self.primed && ahead > 0 && (self.waiting() == 0 || gap > PACKET as i32) {
            // Nothing was said for a while: time has passed by itself, and a lone packet before, for
            // which nobody waited, would come late and keep everything behind it late.
            self.give_up(ahead);
            ahead = 0;
        }
        if ahead + len > RING as i32 {
            self.give_up(ahead + len - RING as i32);
        }
        for (at, sample) in (0u32..).zip(samples) {
            let stamp = timestamp.wrapping_add(at);
            if stamp.wrapping_sub(self.read) < RING as u32 {
                self.samples[stamp as usize % RING] = sample;
                self.covered[stamp as usize % RING / 64] |= 1 << (stamp % 64);
                self.missing[stamp as usize % RING / 64] &= !(1 << (stamp % 64));
            }
        }
        let end = timestamp.wrapping_add(len as u32);
        if end.wrapping_sub(self.end) as i32 > 0 {
            self.end = end;
        }
    }

    fn begin(&mut self, ssrc: u32, timestamp: u32) {
        self.lost = self.missing.iter().fold(self.lost, |lost, word| lost.saturating_add(word.count_ones()));
        (self.covered, self.missing) = ([0; RING / 64], [0; RING / 64]);
        self.fade.cut();
        (self.ssrc, self.read, self.end) = (ssrc, timestamp, timestamp);
        (self.anchored, self.primed, self.late) = (true, false, 0);
        (self.pace, self.least, self.frames) = (PACKET, i32::MAX, 0);
    }

    /// So many samples are not heard any more.
    fn give_up(&mut self, count: i32) {
        for _ in 0..count.clamp(0, RING as i32) {
            self.cut |= self.take().is_some_and(|sample| sample.unsigned_abs() > QUIET);
        }
        if count > RING as i32 {
            self.read = self.read.wrapping_add((count - RING as i32) as u32);
        }
        if self.waiting() < 0 {
            self.end = self.read;
        }
        self.fade.cut();
    }

    fn take(&mut self) -> Option<i16> {
        let at = self.read as usize % RING;
        let bit = 1u64 << (self.read % 64);
        self.read = self.read.wrapping_add(1);
        let there = self.covered[at / 64] & bit != 0;
        self.lost += u32::from(self.missing[at / 64] & bit != 0);
        self.covered[at / 64] &= !bit;
        self.missing[at / 64] &= !bit;
        there.then_some(self.samples[at])
    }

    fn peek(&self) -> Option<i16> {
        let at = self.read as usize % RING;
        (self.covered[at / 64] & (1 << (self.read % 64)) != 0).then_some(self.samples[at])
    }

    /// The timestamp at which the next frame begins, when there is one of this source.
    pub(super) fn next_from(&self) -> Option<u32> {
        self.anchored.then_some(self.read)
    }

    /// The timestamp behind the last sample that was said, when there is one of this source.
    pub(super) fn said_to(&self) -> Option<u32> {
        self.anchored.then_some(self.end)
    }

    /// Twenty milliseconds: what was said, and silence where nothing was.
    pub(super) fn frame(&mut self, out: &mut [i16; PACKET]) -> Lack {
        self.primed = self.primed || self.waiting() >= PRIMED;
        if self.primed && self.waiting() <= 0 {
            self.primed = false;
            (self.least, self.frames, self.pace) = (i32::MAX, 0, PACKET);
        }
        if !self.primed {
            for sample in out {
                *sample = self.heard(None);
            }
            return Lack::default();
        }
        let lack = self.stretch(out);
        self.least = self.least.min(self.waiting());
        self.frames += 1;
        if self.frames >= WINDOW {
            if self.least > STALE {
                self.give_up(self.least - PRIMED);
            }
            self.pace = match self.least {
                least if least > FULL => PACKET + 1,
                least if least < LOW => PACKET - 1,
                _ => PACKET,
            };
            (self.least, self.frames) = (i32::MAX, 0);
        }
        // What never came is not waited for.
        if self.waiting() < 0 {
            self.end = self.read;
        }
        lack
    }

    /// `pace` samples, drawn to the length of a frame.
    fn stretch(&mut self, out: &mut [i16; PACKET]) -> Lack {
        let (pace, mut lack) = (self.pace, Lack::default());
        let mut taken = 0;
        let mut here = None;
        for (at, sample) in out.iter_mut().enumerate() {
            let place = at * pace;
            while taken <= place / PACKET {
                here = self.take();
                taken += 1;
            }
            let between = (place % PACKET) as i32;
            let drawn = match (here, self.peek().filter(|_| between > 0)) {
                (Some(here), Some(next)) => {
                    Some((i32::from(here) + (i32::from(next) - i32::from(here)) * between / PACKET as i32) as i16)
                }
                (here, _) => here,
            };
            if drawn.is_some() && (self.lost > 0 || self.cut) {
                lack = Lack { lost: lack.lost + self.lost, cut: lack.cut | self.cut, at };
                (self.lost, self.cut) = (0, false);
            }
            *sample = self.heard(drawn);
        }
        while taken < pace {
            self.take();
            taken += 1;
        }
        lack
    }

    /// A sample, or the hole in its place; neither begins nor ends with a click.
    fn heard(&mut self, sample: Option<i16>) -> i16 {
        if sample.is_some() != self.covering {
            self.covering = sample.is_some();
            self.fade.cut();
        }
        self.fade.next(sample.unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEAT: u64 = 20_000;

    fn tone(at: i64) -> i16 {
        ((at as f64 * 400.0 * std::f64::consts::TAU / 8_000.0).sin() * 8_000.0) as i16
    }

    /// A packet that begins there.
    fn of(from: i64) -> (u32, u16, u32) {
        (1, (from / 160) as u16, from as u32)
    }

    fn packet(from: i64) -> impl ExactSizeIterator<Item = i16> {
        (0..PACKET).map(move |at| tone(from + at as i64))
    }

    /// A mouth whose clock is wrong by so many millionths; the largest number of samples that
    /// waited in the second half, and the largest step from sample to sample.
    fn drift(ppm: i64, seconds: u64) -> (i32, i32) {
        let mut queue = Queue::default();
        let (mut sent, mut most, mut step, mut last) = (0i64, 0, 0, 0i16);
        for beat in 0..seconds * 50 {
            let now = beat * BEAT;
            while i128::from(sent) * 20_000 * 1_000_000 <= i128::from(now) * i128::from(1_000_000 + ppm) {
                queue.push(of(sent * 160), packet(sent * 160));
                sent += 1;
            }
            let mut out = [0; PACKET];
            queue.frame(&mut out);
            for sample in out {
                step = step.max((i32::from(sample) - i32::from(last)).abs());
                last = sample;
            }
            if beat > seconds * 25 {
                most = most.max(queue.waiting());
            }
        }
        (most, step)
    }

    #[test]
    fn clocks_that_drift_apart_neither_let_the_delay_grow_nor_click() {
        // The tone itself steps by 8000 · 2π · 400 / 8000.
        for ppm in [-3_000, -100, 0, 100, 3_000] {
            let (most, step) = drift(ppm, 600);
            assert!(most <= 560, "{ppm}: {most} samples wait");
            assert!(step <= 2_540, "{ppm}: {step}");
        }
    }

    #[test]
    fn what_was_heard_or_given_up_is_not_heard_again() {
        let mut queue = Queue::default();
        let mut out = [0; PACKET];
        for no in 0..3u32 {
            queue.push(of(i64::from(no) * 160), std::iter::repeat_n(1_000, 160));
        }
        queue.frame(&mut out);
        queue.frame(&mut out);
        assert_eq!(out[159], 1_000);
        // Late by two packets, and another time what was heard.
        queue.push(of(0), std::iter::repeat_n(-20_000, 160));
        queue.push(of(160), std::iter::repeat_n(-20_000, 160));
        let mut lowest = 0;
        for _ in 0..20 {
            queue.frame(&mut out);
            lowest = lowest.min(*out.iter().min().unwrap());
        }
        assert!(lowest >= -20, "{lowest}");
    }

    #[test]
    fn a_hole_is_silence_without_a_click_and_time_goes_on_in_it() {
        let mut queue = Queue::default();
        let (mut heard, mut out) = (Vec::new(), [0; PACKET]);
        for no in 0..50i64 {
            if no != 20 {
                queue.push(of(no * 160), packet(no * 160));
            }
            queue.frame(&mut out);
            heard.extend(out);
        }
        let steps = heard.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs());
        assert!(steps.max().unwrap() <= 2_520 + 250);
        let begun = heard.iter().position(|sample| *sample != 0).unwrap();
        let silent = heard[begun + 100..].windows(100).position(|window| window.iter().all(|it| *it == 0)).unwrap();
        assert!((19 * 160..=21 * 160).contains(&(silent + 100)), "{silent}");
    }

    #[test]
    fn a_lone_packet_before_a_pause_is_not_heard_behind_it_and_delays_nothing() {
        for pause in 2..12i64 {
            let mut queue = Queue::default();
            let (mut heard, mut out) = (Vec::new(), [0; PACKET]);
            let mut most = 0;
            for no in 0..60i64 {
                if no == 0 {
                    queue.push(of(0), std::iter::repeat_n(-20_000, 160));
                } else if no > pause {
                    queue.push(of(no * 160), packet(no * 160));
                }
                queue.frame(&mut out);
                heard.extend(out);
                most = most.max(queue.waiting());
            }
            assert!(most <= 2 * PRIMED, "{most} samples wait after a pause of {pause}");
            assert!(heard.iter().all(|sample| *sample > -10_000), "after a pause of {pause} it is heard");
            assert!(heard.iter().any(|sample| *sample > 7_000), "and what follows is");
        }
    }

    #[test]
    fn after_a_stall_what_comes_in_a_burst_is_given_up() {
        let mut queue = Queue::default();
        let mut out = [0; PACKET];
        for no in 0..400i64 {
            let burst = if no == 100 { 90..101 } else { no..no + 1 };
            if !(90..100).contains(&no) {
                for no in burst {
                    queue.push(of(no * 160), packet(no * 160));
                }
            }
            queue.frame(&mut out);
        }
        assert!(queue.waiting() <= 480, "{}", queue.waiting());
    }

    /// A mouth of which packets come in these packet times: those of these numbers, or, without sound,
    /// whatever has a number. Frames of which it is told that so much was lost before them, or cut.
    fn lacks(beats: i64, comes: impl Fn(i64) -> Vec<(i64, bool)>) -> Vec<(i64, Lack)> {
        let (mut queue, mut out, mut told) = (Queue::default(), [0; PACKET], Vec::new());
        for beat in 0..beats {
            for (no, sound) in comes(beat) {
                if sound {
                    queue.push(of(no * 160), packet(no * 160));
                } else {
                    queue.no_sound(1, no as u16);
                }
            }
            let lack = queue.frame(&mut out);
            if lack.lost > 0 || lack.cut {
                told.push((beat, lack));
            }
        }
        told
    }

    #[test]
    fn r4_1a_what_was_lost_of_a_mouth_is_told_where_it_speaks_again_however_long_it_was_away() {
        for lost in [1, 2, 3, 10, 30, 150, 400] {
            let told = lacks(600, |no| if (50..50 + lost).contains(&no) { Vec::new() } else { vec![(no, true)] });
            let [(beat, lack)] = told[..] else { panic!("{lost}: {told:?}") };
            assert_eq!((i64::from(lack.lost), lack.cut), (lost * 160, false), "{lost}");
            assert!((50 + lost..=53 + lost).contains(&beat), "{lost}: {beat}");
        }
        let twice = lacks(200, |no| if no % 50 == 10 { Vec::new() } else { vec![(no, true)] });
        assert_eq!(twice.iter().map(|(_, lack)| lack.lost).collect::<Vec<_>>(), [160; 4]);
    }

    #[test]
    fn r4_1a_nothing_was_lost_where_nothing_was_sent_or_a_key_was_or_it_came_in_time() {
        // A pause in which no number is missing, and one in which keys have the numbers.
        let mut queue = Queue::default();
        let (mut out, mut seq) = ([0; PACKET], 0);
        for no in 0..200i64 {
            let paused = (50..80).contains(&no);
            let key = (120..140).contains(&no);
            seq += u16::from(!paused);
            if key {
                queue.no_sound(1, seq);
            } else if !paused {
                queue.push((1, seq, (no * 160) as u32), packet(no * 160));
            }
            assert_eq!(queue.frame(&mut out), Lack::default(), "{no}");
        }
        let overtaken = |no: i64| match no % 20 {
            10 => Vec::new(),
            11 => vec![(no, true), (no - 1, true)],
            _ => vec![(no, true)],
        };
        assert_eq!(lacks(200, overtaken), []);
    }

    #[test]
    fn r4_1a_what_is_given_up_after_a_stall_is_told() {
        let told = lacks(400, |no| match no {
            90..100 => Vec::new(),
            100 => (90..101).map(|no| (no, true)).collect(),
            _ => vec![(no, true)],
        });
        let [(_, lack)] = told[..] else { panic!("{told:?}") };
        assert_eq!((lack.lost, lack.cut), (0, true));
    }
}
