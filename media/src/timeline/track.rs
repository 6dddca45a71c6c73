//! The samples of one channel from the edge on.

use super::{
    BLOCK,
    gaps::{Gap, GapKind, Gaps},
    marks::Marks,
    slots::{Slot, Slots},
};
use crate::RATE;

/// Frames that are kept at most: the machine may stand still for a second and a half before sound
/// of the two channels would part.
pub(super) const RING: u64 = 3 * RATE as u64;
/// Room is made by so many frames: 0.2 s.
const STEP: usize = RATE as usize / 5;
/// What a machine that stood still needed is given back above this: a block, and what waits.
const USUAL: usize = 9 * STEP;
/// Loudness is looked at in pieces of 10 ms.
const PIECE: u64 = RATE as u64 / 100;
/// No sample of what is called quiet is louder: -42 dBm0.
pub(crate) const QUIET: u16 = 256;

/// Frames of a seam: 4 ms.
const SEAM: i32 = 32;

/// What becomes of sound that lies where other is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// Both are heard.
    Both,
    /// It is hidden, and marked.
    Marked,
    /// It ends there, as it should.
    Ends,
}

/// Frames from the edge on; those behind the last one that was written are empty.
#[derive(Debug, Default)]
pub(super) struct Track {
    samples: Vec<i16>,
    slots: Slots,
    /// The edge: the frame of the first sample.
    edge: u64,
    /// The first frame that was heard: before it nothing is missing.
    expected_from: Option<u64>,
    /// Behind the last frame that was heard.
    pub(super) end: u64,
    /// Where sound was left out.
    marks: Marks,
}

impl Track {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Where a frame lies that has not left.
    fn place(&self, frame: u64) -> usize {
        debug_assert!(frame >= self.edge, "{frame} left before {}", self.edge);
        (frame - self.edge) as usize
    }

    /// Room for every frame before this one.
    fn reach(&mut self, to: u64) {
        let len = self.place(to.max(self.edge));
        if len > self.samples.len() {
            let len = len.next_multiple_of(STEP);
            self.samples.reserve_exact(len - self.samples.len());
            self.samples.resize(len, 0);
            self.slots.reach(len);
        }
    }

    /// Puts samples where they belong; nothing lies further than `RING` behind the edge. Of two
    /// who speak at once both are heard; where one is not, sound that it hides is marked. Answers
    /// how many came too late, and the loudest.
    pub(super) fn write(
        &mut self,
        flushed: u64,
        at: i64,
        over: Over,
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
        self.reach(from + len as u64);
        let begin = self.place(from);
        let hidden = if over == Over::Marked { (self.end.saturating_sub(from) as usize).min(len) } else { 0 };
        let here = &mut self.samples[begin..begin + len];
        let loudest = if over == Over::Both {
            let mut loudest = 0;
            for (step, (here, sample)) in here.iter_mut().zip(samples).enumerate() {
                *here = if self.slots.is_sound(begin + step) { here.saturating_add(sample) } else { sample };
                loudest = loudest.max(sample.unsigned_abs());
            }
            loudest
        } else {
            let mut is_hidden = false;
            for (step, (here, sample)) in here[..hidden].iter_mut().zip(&mut samples).enumerate() {
                is_hidden |= *here != sample && here.unsigned_abs() > QUIET && self.slots.is_sound(begin + step);
                *here = sample;
            }
            if is_hidden {
                self.marks.add(from);
            }
            here[hidden..].iter_mut().zip(samples).for_each(|(here, sample)| *here = sample);
            here.iter().fold(0, |loudest, sample| loudest.max(sample.unsigned_abs()))
        };
        self.slots.fill(begin, begin + len, Slot::Sound);
        self.end = self.end.max(from + len as u64);
        self.expected_from = Some(self.expected_from.map_or(from, |before| before.min(from)));
        (late as u64, loudest)
    }

    /// What was heard before this frame fades out in what begins there, within 4 ms, and what
    /// begins fades in, unless it is to be heard as it is: two sources meet without a click.
    pub(super) fn seam(&mut self, flushed: u64, at: i64, fades_in: bool) {
        let Ok(at) = u64::try_from(at) else { return };
        let before = (at > flushed).then(|| self.place(at) - 1).filter(|place| self.slots.is_sound(*place));
        let before = before.map_or(0, |place| i32::from(self.samples[place]));
        for step in 0..SEAM {
            let frame = at + step as u64;
            if frame < flushed || !self.slots.is_sound(self.place(frame)) {
                continue;
            }
            let place = self.place(frame);
            let here = i32::from(self.samples[place]);
            let here = if fades_in { here * (step + 1) / SEAM } else { here };
            let sum = here + before * (SEAM - 1 - step) / SEAM;
            self.samples[place] = sum.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
        }
    }

    /// Silence of ours behind the last frame: the channel is moved.
    pub(super) fn rest(&mut self, len: u64) {
        self.silence(self.end, len);
        self.end += len;
    }

    /// So many frames from there on are silence of ours.
    fn silence(&mut self, from: u64, len: u64) {
        self.reach(from + len);
        let (from, to) = (self.place(from), self.place(from + len));
        self.samples[from..to].fill(0);
        self.slots.fill(from, to, Slot::Sound);
    }

    /// Says why there is no sound; where there is some, there is.
    pub(super) fn explain(&mut self, flushed: u64, from: u64, to: u64, why: Slot) {
        let (from, to) = (from.max(flushed), to.min(flushed + RING));
        if from >= to {
            return;
        }
        self.reach(to);
        let (mut at, to) = (self.place(from), self.place(to));
        while at < to {
            let next = self.slots.run(at, to);
            if !self.slots.is_sound(at) {
                self.slots.fill(at, next, why);
            }
            at = next;
        }
    }

    /// So many frames before this one are empty, and not handed out.
    pub(super) fn room(&self, flushed: u64, before: u64, most: u64) -> u64 {
        let from = before.saturating_sub(most).max(flushed).min(before);
        let empty = (from..before).rev().take_while(|frame| !self.slots.is_sound(self.place(*frame)));
        empty.count() as u64
    }

    /// What lies from there on up to the end lies elsewhere from now on.
    fn shift(&mut self, from: u64, to: u64) {
        let len = self.end.saturating_sub(from);
        if len == 0 {
            return;
        }
        self.reach(to + len);
        self.reach(self.end);
        let (old, new) = (self.place(from), self.place(to));
        self.samples.copy_within(old..old + len as usize, new);
        self.slots.copy(old..old + len as usize, new);
    }

    /// Nothing is known of these frames.
    fn clear(&mut self, from: u64, to: u64) {
        if from < to {
            self.reach(to);
            let (from, to) = (self.place(from), self.place(to));
            self.slots.fill(from, to, Slot::Empty);
        }
    }

    /// What lies between two frames comes nearer by so many. What would lie behind the edge is
    /// gone. What follows is moved, too.
    pub(super) fn pull(&mut self, flushed: u64, from: u64, by: u64) {
        let first = from.max(flushed + by);
        self.shift(first, first - by);
        self.clear(self.end.saturating_sub(by).max(flushed), self.end);
        self.end = self.end.saturating_sub(by).max(flushed);
        let first = from.saturating_sub(by);
        self.marks.nearer(from.saturating_sub(1), by, first.max(flushed));
        self.expected_from = self.expected_from.map(|expected| expected.min(first.max(flushed)));
    }

    /// What lies from there on is not kept. Answers how many frames.
    pub(super) fn drop_from(&mut self, flushed: u64, at: u64) -> u64 {
        let at = at.max(flushed).min(self.end);
        self.leave_out(at, self.end);
        self.clear(at, self.end);
        let gone = self.end - at;
        self.end = at;
        gone
    }

    /// Sound that came is missing before this frame.
    pub(super) fn mark(&mut self, frame: u64) {
        self.marks.add(frame);
    }

    /// These frames are taken away, and what follows adjoins: of sound that is told.
    fn leave_out(&mut self, from: u64, to: u64) {
        let (begin, end) = (self.place(from), self.place(to).min(self.samples.len()));
        let mut here = self.samples[begin.min(end)..end].iter().enumerate();
        let is_sound = here.any(|(no, sample)| sample.unsigned_abs() > QUIET && self.slots.is_sound(begin + no));
        self.marks.nearer(from, to - from, from);
        if is_sound {
            self.marks.add(from);
        }
    }

    /// Takes so many frames of the quietest sound away, and what follows comes nearer. Answers
    /// where; none when there is no unbroken sound of this length.
    pub(super) fn cut(&mut self, flushed: u64, len: u64) -> Option<u64> {
        let from = self.quietest(flushed, len)?;
        self.leave_out(from, from + len);
        self.shift(from + len, from);
        self.clear(self.end - len, self.end);
        self.end -= len;
        Some(from)
    }

    /// Puts silence of so many frames where it is quietest, and what follows goes away from it.
    pub(super) fn stretch(&mut self, flushed: u64, len: u64) -> Option<u64> {
        let from = self.quietest(flushed, len)?;
        self.shift(from, from + len);
        self.silence(from, len);
        self.marks.farther(from, len);
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
            let (at, to) = (self.place(start), self.place(start + PIECE));
            if !self.slots.is_sound(at) || self.slots.run(at, to) < to {
                (run, sum) = (0, 0);
                continue;
            }
            let loud: u64 = self.samples[at..to].iter().map(|sample| u64::from(sample.unsigned_abs())).sum();
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
        debug_assert!(flushed == self.edge && flushed.is_multiple_of(BLOCK as u64));
        self.reach(flushed + frames as u64);
        let mut at = match self.expected_from {
            Some(from) => from.saturating_sub(flushed).min(frames as u64) as usize,
            None => frames,
        };
        while at < frames {
            let (from, why) = (at, self.slots.get(at));
            at = self.slots.run(from, frames);
            let kind = match why {
                Slot::Sound => {
                    let out = block.iter_mut().skip(from * 2 + channel).step_by(2);
                    out.zip(&self.samples[from..at]).for_each(|(out, sample)| *out = *sample);
                    continue;
                }
                Slot::Lost => GapKind::Lost,
                Slot::Unsent => GapKind::Unsent,
                Slot::Empty => GapKind::Unknown,
            };
            gaps.note(Gap {
                channel: channel as u8,
                from_frame: flushed + from as u64,
                to_frame: flushed + at as u64,
                kind,
            });
        }
        self.tell(channel, flushed + frames as u64, gaps);
        self.leave(frames);
    }

    /// Lists where sound was left out before this frame.
    pub(super) fn tell(&mut self, channel: usize, before: u64, gaps: &mut Gaps) {
        while let Some(at) = self.marks.take(before) {
            gaps.mark(channel, at);
        }
    }

    /// Lists the rest of them, no further than there.
    pub(super) fn tell_all(&mut self, channel: usize, end: u64, gaps: &mut Gaps) {
        while let Some(at) = self.marks.take(u64::MAX) {
            gaps.mark(channel, at.min(end));
        }
    }

    /// The first frames have left.
    fn leave(&mut self, frames: usize) {
        self.samples.drain(..frames);
        self.slots.leave(frames.next_multiple_of(4));
        self.edge += frames as u64;
        if self.samples.capacity() > USUAL && self.samples.len() <= USUAL {
            self.samples.shrink_to(USUAL);
            self.slots.shrink_to(USUAL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_is_the_quietest_and_never_a_hole() {
        let mut track = Track::new();
        let loud = |frame: u64| if (2_000..2_160).contains(&frame) { 5 } else { 1_000 + (frame % 7) as i16 };
        track.write(0, 0, Over::Marked, (0..4_000u32).map(|frame| loud(frame.into())));
        // A hole is quieter than anything, and evidence.
        track.explain(0, 1_000, 1_160, Slot::Lost);
        track.slots.fill(1_000, 1_160, Slot::Lost);
        assert_eq!(track.cut(0, 160), Some(2_000));
        assert_eq!(track.end, 3_840);
        let left: Vec<i16> = (1_160..3_840).map(|frame| track.samples[track.place(frame)]).collect();
        let wanted: Vec<i16> = (1_160..4_000).filter(|frame| !(2_000..2_160).contains(frame)).map(loud).collect();
        assert_eq!(left, wanted);
        assert_eq!(track.slots.get(3_840), Slot::Empty);
        assert_eq!(track.slots.get(1_100), Slot::Lost);
    }

    #[test]
    fn what_is_put_in_is_silence_and_nothing_else_is_changed() {
        let mut track = Track { edge: 8_000, ..Track::new() };
        let loud = |frame: u64| if (8_080..8_240).contains(&frame) { -3 } else { 1_000 };
        track.write(8_000, 8_000, Over::Marked, (8_000..9_600u32).map(|frame| loud(frame.into())));
        assert_eq!(track.stretch(8_000, 160), Some(8_080));
        let all: Vec<i16> = (8_000..9_760).map(|frame| track.samples[track.place(frame)]).collect();
        let wanted: Vec<i16> = (8_000..8_080).map(loud).chain([0; 160]).chain((8_080..9_600).map(loud)).collect();
        assert_eq!(all, wanted);
        assert!(Track::new().cut(0, 160).is_none());
    }
}
