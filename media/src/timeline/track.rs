//! The samples of one channel from the edge on, in a ring.

use super::{
    BLOCK,
    gaps::{Gap, GapKind, Gaps},
};
use crate::{PACKET, RATE};

/// Frames that are kept: the machine may stand still for a second and a half before sound of
/// the two channels would part.
pub(super) const RING: u64 = 3 * RATE as u64;
/// Loudness is looked at in pieces of 10 ms.
const PIECE: u64 = RATE as u64 / 100;
/// No sample of what is called quiet is louder: -42 dBm0.
pub(super) const QUIET: u16 = 256;

/// Frames of a seam: 4 ms.
const SEAM: i32 = 32;

/// What is known of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// Nothing.
    Empty,
    /// Its packet is missing.
    Lost,
    /// No packet was sent for it.
    Unsent,
    /// It was heard.
    Sound,
}

#[derive(Debug)]
pub(super) struct Track {
    samples: Box<[i16]>,
    slots: Box<[Slot]>,
    /// The first frame that was heard: before it nothing is missing.
    expected_from: Option<u64>,
    /// Behind the last frame that was heard.
    pub(super) end: u64,
}

fn slot(frame: u64) -> usize {
    (frame % RING) as usize
}

impl Track {
    pub(super) fn new() -> Self {
        Self {
            samples: vec![0; RING as usize].into_boxed_slice(),
            slots: vec![Slot::Empty; RING as usize].into_boxed_slice(),
            expected_from: None,
            end: 0,
        }
    }

    /// Puts samples where they belong; the ring reaches so far. Of two who speak at once both
    /// are heard. Answers how many came too late, and the loudest.
    pub(super) fn write(
        &mut self,
        flushed: u64,
        at: i64,
        both: bool,
        mut samples: impl ExactSizeIterator<Item = i16>,
    ) -> (u64, u16) {
        let late = usize::try_from(flushed as i64 - at).unwrap_or(0).min(samples.len());
        let (from, len) = ((at + late as i64) as u64, samples.len() - late);
        if len == 0 {
            return (late as u64, 0);
        }
        if late > 0 {
            samples.nth(late - 1);
        }
        let begin = slot(from);
        let (first, again) = (len.min(RING as usize - begin), len.saturating_sub(RING as usize - begin));
        let mut loudest = 0;
        for places in [begin..begin + first, 0..again] {
            for (place, sample) in places.clone().zip(&mut samples) {
                let there = both && self.slots[place] == Slot::Sound;
                self.samples[place] = if there { self.samples[place].saturating_add(sample) } else { sample };
                loudest = loudest.max(sample.unsigned_abs());
            }
            self.slots[places].fill(Slot::Sound);
        }
        self.end = self.end.max(from + len as u64);
        self.expected_from = Some(self.expected_from.map_or(from, |before| before.min(from)));
        (late as u64, loudest)
    }

    /// What was heard before this frame fades out in what begins there, within 4 ms, and what
    /// begins fades in, unless it is to be heard as it is: two sources meet without a click.
    pub(super) fn seam(&mut self, flushed: u64, at: i64, fades_in: bool) {
        let Ok(at) = u64::try_from(at) else { return };
        let before = match at.checked_sub(1).map(slot) {
            Some(place) if self.slots[place] == Slot::Sound && at > flushed => i32::from(self.samples[place]),
            _ => 0,
        };
        for step in 0..SEAM {
            let frame = at + step as u64;
            let place = slot(frame);
            if frame < flushed || self.slots[place] != Slot::Sound {
                continue;
            }
            let here = i32::from(self.samples[place]);
            let here = if fades_in { here * (step + 1) / SEAM } else { here };
            let sum = here + before * (SEAM - 1 - step) / SEAM;
            self.samples[place] = sum.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
        }
    }

    /// Silence of ours behind the last frame: the channel is moved.
    pub(super) fn rest(&mut self, len: u64) {
        for frame in self.end..self.end + len {
            self.samples[slot(frame)] = 0;
            self.slots[slot(frame)] = Slot::Sound;
        }
        self.end += len;
    }

    /// Says why there is no sound; where there is some, there is.
    pub(super) fn explain(&mut self, flushed: u64, from: u64, to: u64, why: Slot) {
        for frame in from.max(flushed)..to.min(flushed + RING) {
            let slot = &mut self.slots[slot(frame)];
            if *slot != Slot::Sound {
                *slot = why;
            }
        }
    }

    /// So many frames before this one are empty, and not handed out.
    pub(super) fn room(&self, flushed: u64, before: u64, most: u64) -> u64 {
        let from = before.saturating_sub(most).max(flushed).min(before);
        let empty = (from..before).rev().take_while(|frame| self.slots[slot(*frame)] != Slot::Sound);
        empty.count() as u64
    }

    /// What lies between two frames comes nearer by so many. What would lie behind the edge is
    /// gone. What follows is moved, too.
    pub(super) fn pull(&mut self, flushed: u64, from: u64, by: u64) {
        for frame in from.max(flushed + by)..self.end {
            let (old, new) = (slot(frame), slot(frame - by));
            (self.samples[new], self.slots[new]) = (self.samples[old], self.slots[old]);
        }
        for frame in self.end.saturating_sub(by).max(flushed)..self.end {
            self.slots[slot(frame)] = Slot::Empty;
        }
        self.end = self.end.saturating_sub(by).max(flushed);
        let first = from.saturating_sub(by);
        self.expected_from = self.expected_from.map(|expected| expected.min(first.max(flushed)));
    }

    /// What lies from there on is not kept, and the packet's time before it says so.
    pub(super) fn drop_from(&mut self, flushed: u64, at: u64) -> u64 {
        let at = at.max(flushed);
        let from = at.saturating_sub(PACKET as u64).max(flushed);
        for frame in from..self.end {
            self.slots[slot(frame)] = if frame < at { Slot::Lost } else { Slot::Empty };
        }
        let gone = self.end.saturating_sub(from);
        self.end = self.end.min(at);
        gone
    }

    /// Takes so many frames of the quietest sound away, and what follows comes nearer. Answers
    /// where; none when there is no unbroken sound of this length.
    pub(super) fn cut(&mut self, flushed: u64, len: u64) -> Option<u64> {
        let from = self.quietest(flushed, len)?;
        for frame in from + len..self.end {
            let (old, new) = (slot(frame), slot(frame - len));
            (self.samples[new], self.slots[new]) = (self.samples[old], self.slots[old]);
        }
        for frame in self.end - len..self.end {
            self.slots[slot(frame)] = Slot::Empty;
        }
        self.end -= len;
        Some(from)
    }

    /// Puts silence of so many frames where it is quietest, and what follows goes away from it.
    pub(super) fn stretch(&mut self, flushed: u64, len: u64) -> Option<u64> {
        let from = self.quietest(flushed, len)?;
        for frame in (from..self.end).rev() {
            let (old, new) = (slot(frame), slot(frame + len));
            (self.samples[new], self.slots[new]) = (self.samples[old], self.slots[old]);
        }
        for frame in from..from + len {
            self.samples[slot(frame)] = 0;
            self.slots[slot(frame)] = Slot::Sound;
        }
        self.end += len;
        Some(from)
    }

    /// Where the quietest unbroken sound of this length lies; the newest of equals.
    fn quietest(&self, flushed: u64, len: u64) -> Option<u64> {
        let (pieces, mut best) = (len.div_ceil(PIECE), None::<(u64, u64)>);
        let (mut run, mut sum) = (0, 0);
        let mut loudness = [0; (RING / PIECE) as usize];
        let from = flushed.max(self.expected_from?);
        let count = (self.end.checked_sub(from)? / PIECE).min(loudness.len() as u64);
        for piece in 0..count {
            let start = self.end - (count - piece) * PIECE;
            let mut frames = (start..start + PIECE).map(slot);
            if !frames.clone().all(|at| self.slots[at] == Slot::Sound) {
                (run, sum) = (0, 0);
                continue;
            }
            let loud: u64 = frames.by_ref().map(|at| u64::from(self.samples[at].unsigned_abs())).sum();
            loudness[piece as usize] = loud;
            run += 1;
            sum += loud;
            if run > pieces {
                sum -= loudness[(piece - pieces) as usize];
            }
            if run >= pieces && best.is_none_or(|(least, _)| sum <= least) {
                best = Some((sum, start + PIECE - pieces * PIECE));
            }
        }
        best.map(|(_, from)| from)
    }

    /// Hands out so many frames from the edge on into every second place, and notes the holes.
    pub(super) fn take(&mut self, flushed: u64, frames: usize, channel: usize, block: &mut [i16], gaps: &mut Gaps) {
        debug_assert!(flushed.is_multiple_of(BLOCK as u64) && RING.is_multiple_of(BLOCK as u64));
        let start = slot(flushed);
        let (samples, slots) = (&self.samples[start..start + frames], &mut self.slots[start..start + frames]);
        for ((out, sample), slot) in block.iter_mut().skip(channel).step_by(2).zip(samples).zip(&*slots) {
            *out = if *slot == Slot::Sound { *sample } else { 0 };
        }
        let mut at = match self.expected_from {
            Some(from) => from.saturating_sub(flushed).min(frames as u64) as usize,
            None => frames,
        };
        while let Some(hole) = slots[at..].iter().position(|slot| *slot != Slot::Sound) {
            let from = at + hole;
            let why = slots[from];
            at = slots[from..].iter().position(|slot| *slot != why).map_or(frames, |len| from + len);
            gaps.note(Gap {
                channel: channel as u8,
                from_frame: flushed + from as u64,
                to_frame: flushed + at as u64,
                kind: match why {
                    Slot::Lost => GapKind::Lost,
                    Slot::Unsent => GapKind::Unsent,
                    Slot::Empty | Slot::Sound => GapKind::Unknown,
                },
            });
        }
        slots.fill(Slot::Empty);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_is_the_quietest_and_never_a_hole() {
        let mut track = Track::new();
        let loud = |frame: u64| if (2_000..2_160).contains(&frame) { 5 } else { 1_000 + (frame % 7) as i16 };
        track.write(0, 0, false, (0..4_000u32).map(|frame| loud(frame.into())));
        // A hole is quieter than anything, and evidence.
        track.explain(0, 1_000, 1_160, Slot::Lost);
        for frame in 1_000..1_160 {
            track.slots[slot(frame)] = Slot::Lost;
        }
        assert_eq!(track.cut(0, 160), Some(2_000));
        assert_eq!(track.end, 3_840);
        let left: Vec<i16> = (1_160..3_840).map(|frame| track.samples[slot(frame)]).collect();
        let wanted: Vec<i16> = (1_160..4_000).filter(|frame| !(2_000..2_160).contains(frame)).map(loud).collect();
        assert_eq!(left, wanted);
        assert_eq!(track.slots[slot(3_840)], Slot::Empty);
        assert_eq!(track.slots[slot(1_100)], Slot::Lost);
    }

    #[test]
    fn what_is_put_in_is_silence_and_nothing_else_is_changed() {
        let mut track = Track::new();
        let loud = |frame: u64| if (8_080..8_240).contains(&frame) { -3 } else { 1_000 };
        track.write(8_000, 8_000, false, (8_000..9_600u32).map(|frame| loud(frame.into())));
        assert_eq!(track.stretch(8_000, 160), Some(8_080));
        let all: Vec<i16> = (8_000..9_760).map(|frame| track.samples[slot(frame)]).collect();
        let wanted: Vec<i16> = (8_000..8_080).map(loud).chain([0; 160]).chain((8_080..9_600).map(loud)).collect();
        assert_eq!(all, wanted);
        assert!(Track::new().cut(0, 160).is_none());
    }
}
