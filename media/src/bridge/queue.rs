//! A mouth that is mixed: its packets wait here, in the order in which they were said, until
//! the mixer's clock takes them, 40 to 60 ms later.
//!
//! The mouth's clock is not ours. When it runs faster, or slower, the frames that are taken
//! are one sample longer or shorter, until what waits is as much as it should be; so nothing
//! grows and nothing clicks. What was taken, or given up, is never taken again.

use super::fade::Fade;
use crate::PACKET;

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

/// What one mouth said and nobody has heard yet.
pub(super) struct Queue {
    samples: [i16; RING],
    covered: [u64; RING / 64],
    ssrc: u32,
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

impl Default for Queue {
    fn default() -> Self {
        Self {
            samples: [0; RING],
            covered: [0; RING / 64],
            ssrc: 0,
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

    /// Takes a packet.
    pub(super) fn push(&mut self, ssrc: u32, timestamp: u32, samples: impl ExactSizeIterator<Item = i16>) {
        let len = samples.len() as i32;
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
            }
        }
        let end = timestamp.wrapping_add(len as u32);
        if end.wrapping_sub(self.end) as i32 > 0 {
            self.end = end;
        }
    }

    fn begin(&mut self, ssrc: u32, timestamp: u32) {
        self.covered = [0; RING / 64];
        self.fade.cut();
        (self.ssrc, self.read, self.end) = (ssrc, timestamp, timestamp);
        (self.anchored, self.primed, self.late) = (true, false, 0);
        (self.pace, self.least, self.frames) = (PACKET, i32::MAX, 0);
    }

    /// So many samples are not heard any more.
    fn give_up(&mut self, count: i32) {
        for _ in 0..count.clamp(0, RING as i32) {
            self.take();
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
        self.covered[at / 64] &= !bit;
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
    pub(super) fn frame(&mut self, out: &mut [i16; PACKET]) {
        self.primed = self.primed || self.waiting() >= PRIMED;
        if self.primed && self.waiting() <= 0 {
            self.primed = false;
            (self.least, self.frames, self.pace) = (i32::MAX, 0, PACKET);
        }
        if !self.primed {
            for sample in out {
                *sample = self.heard(None);
            }
            return;
        }
        self.stretch(out);
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
    }

    /// `pace` samples, drawn to the length of a frame.
    fn stretch(&mut self, out: &mut [i16; PACKET]) {
        let pace = self.pace;
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
            *sample = self.heard(drawn);
        }
        while taken < pace {
            self.take();
            taken += 1;
        }
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
                queue.push(1, (sent * 160) as u32, packet(sent * 160));
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
            queue.push(1, no * 160, std::iter::repeat_n(1_000, 160));
        }
        queue.frame(&mut out);
        queue.frame(&mut out);
        assert_eq!(out[159], 1_000);
        // Late by two packets, and another time what was heard.
        queue.push(1, 0, std::iter::repeat_n(-20_000, 160));
        queue.push(1, 160, std::iter::repeat_n(-20_000, 160));
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
                queue.push(1, (no * 160) as u32, packet(no * 160));
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
                    queue.push(1, 0, std::iter::repeat_n(-20_000, 160));
                } else if no > pause {
                    queue.push(1, (no * 160) as u32, packet(no * 160));
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
                    queue.push(1, (no * 160) as u32, packet(no * 160));
                }
            }
            queue.frame(&mut out);
        }
        assert!(queue.waiting() <= 480, "{}", queue.waiting());
    }
}
