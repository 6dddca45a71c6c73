//! The recording's clock: two channels, one time, holes are silence and are written down.
//!
//! A packet is put where its timestamp says, measured from where the first packet of its
//! source arrived, and so each channel holds what was on the line at that moment. A block of
//! one second leaves when it lies 0.4 s behind live; until then late and reordered packets
//! find their place.
//!
//! The source's clock is not ours, and it is read in pieces (`source.rs`). It runs apart: then
//! the channel is moved by 10 ms at a time, in silence where there is some within reach, and at
//! the quietest place where there is none. A packet that is late and was not overtaken lies
//! where it arrived, and so does all that follows: its sender stood still, or the way became
//! longer. When the next ones show that the network only kept it, and when the first packet of
//! a source was late, what was put down is pulled back into the room before it (`place.rs`).
//! Where there is no room any more it is not cut but lies up to 0.4 s late, and is caught up
//! where it is quiet.
//!
//! No sound that came is lost without a hole that says so, or, where nothing is silent for it, a
//! cut: what was too late for its place, what other sound hides, and what was taken away to catch
//! up. Why there is a hole is read from the
//! sequence numbers: what nobody sent was not lost (`past.rs`). Of two sources that speak at
//! once both are heard. A sender that begins anew under its old SSRC, with other numbers and another
//! clock, is another source; one packet of that kind is none yet, and moves no clock (RFC 3550,
//! appendix A.1).

mod gaps;
mod marks;
mod past;
mod place;
mod slots;
mod source;
mod track;

use std::collections::VecDeque;

pub use self::gaps::{Gap, GapKind};
pub(crate) use self::track::QUIET;
use self::{gaps::Gaps, source::Source, track::Track};
use crate::{RATE, probation::Probation};

/// How far behind live a block leaves: 0.4 s.
const EDGE: u64 = RATE as u64 * 2 / 5;
/// Frames in a block.
const BLOCK: usize = RATE as usize;
/// Channel of what the party heard from us.
pub const LEFT: usize = 0;
/// Channel of what came from the party.
pub const RIGHT: usize = 1;

/// One channel: its samples, and whose they are.
struct Lane {
    track: Track,
    source: Option<Source>,
    /// Who was heard before: he may come back, or speak at the same time.
    before: Option<Source>,
    /// Whether it begins anew under numbers that are over.
    probation: Probation,
    /// The next packet begins a seam, and whether it fades in.
    seam: Option<bool>,
}

impl Lane {
    fn new() -> Self {
        Self { track: Track::new(), source: None, before: None, probation: Probation::default(), seam: None }
    }
}

/// The timeline of one recording.
pub struct Timeline {
    lanes: [Lane; 2],
    flushed: u64,
    /// Blocks that had to leave the rings before they were asked for.
    ahead: VecDeque<Box<[i16]>>,
    gaps: Gaps,
    late: u64,
    slips: u64,
}

impl std::fmt::Debug for Timeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Timeline").field("flushed", &self.flushed).finish_non_exhaustive()
    }
}

impl Default for Timeline {
    fn default() -> Self {
        Self {
            lanes: [Lane::new(), Lane::new()],
            flushed: 0,
            ahead: VecDeque::new(),
            gaps: Gaps::default(),
            late: 0,
            slips: 0,
        }
    }
}

impl Timeline {
    /// Puts samples of our own making, of source `id`, into a channel: they end at frame `now`.
    pub fn place(&mut self, channel: usize, now: u64, id: u64, samples: impl ExactSizeIterator<Item = i16>) {
        self.own(channel, now, id, samples);
    }

    /// Puts the samples of an RTP packet (source, number, timestamp) into a channel. `now` is the
    /// frame that is live at this moment.
    pub fn hear(
        &mut self,
        channel: usize,
        now: u64,
        stamp: (u32, u16, u32),
        samples: impl ExactSizeIterator<Item = i16>,
    ) {
        self.sound(channel, now, stamp, samples);
    }

    /// An RTP packet of a source that is heard, which holds no sound for this channel: comfort
    /// noise, a key, or something that is not passed on. Its number is not missing.
    pub fn no_sound(&mut self, channel: usize, (ssrc, seq, timestamp): (u32, u16, u32)) {
        let lane = &mut self.lanes[channel];
        let mut known = lane.source.iter_mut().chain(&mut lane.before);
        let is =
            |source: &&mut Source| source.heard && source.id == u64::from(ssrc) && !source.past.is_another_run(seq);
        let Some(source) = known.find(is) else { return };
        if source.past.knows(seq, timestamp) {
            return;
        }
        let offset = source.offset(timestamp);
        let at = source.frame(offset);
        for (from, to, why) in source.past.note(seq, timestamp, at, at).into_iter().flatten() {
            self.explain(channel, from, to, why);
        }
    }

    /// The next packet of a channel follows another source: neither its beginning nor the other's
    /// end is a click.
    pub(crate) fn seam(&mut self, channel: usize, fades_in: bool) {
        self.lanes[channel].seam = Some(fades_in);
    }

    /// Between these frames, where others may be heard, something that was sent to a channel is missing.
    pub(crate) fn lacks(&mut self, channel: usize, from: u64, to: u64) {
        if from < to {
            self.gaps.add(Gap { channel: channel as u8, from_frame: from, to_frame: to, kind: GapKind::Lost });
        }
    }

    /// Sound that came is left out before this frame.
    pub(crate) fn leaves_out(&mut self, channel: usize, frame: u64) {
        self.lanes[channel].track.mark(frame.max(self.flushed));
    }

    /// The frame behind the last one that stands in a channel.
    pub(crate) fn end(&self, channel: usize) -> u64 {
        self.lanes[channel].track.end
    }

    /// Another sender speaks in a channel from here on: its timestamps have nothing to do with
    /// those of the one before, also under the same id.
    pub fn another_source(&mut self, channel: usize) {
        let lane = &mut self.lanes[channel];
        (lane.source, lane.before) = (None, None);
    }

    /// Hands out every block that lies behind the edge.
    pub fn flush(&mut self, now: u64, mut out: impl FnMut(&[i16])) {
        while let Some(block) = self.ahead.pop_front() {
            out(&block);
        }
        while now >= self.flushed + BLOCK as u64 + EDGE {
            out(&self.take(BLOCK));
        }
    }

    /// Hands out what is left, up to the last sample heard, and ends the timeline.
    pub fn finish(&mut self, now: u64, mut out: impl FnMut(&[i16])) {
        while let Some(block) = self.ahead.pop_front() {
            out(&block);
        }
        // What we made ahead of time is heard by nobody any more; what came is kept.
        let heard = |lane: &Lane| {
            let sources = lane.source.iter().chain(&lane.before).filter(|source| source.heard);
            sources.map(|source| source.end).max().unwrap_or(0)
        };
        let end = |lane: &Lane| lane.track.end.min(now.max(u64::try_from(heard(lane)).unwrap_or(0)));
        let end = self.lanes.iter().map(end).max().unwrap_or(0);
        while self.flushed < end {
            let frames = BLOCK.min((end - self.flushed) as usize);
            out(&self.take(frames));
        }
        for (channel, lane) in self.lanes.iter_mut().enumerate() {
            lane.track.tell_all(channel, self.flushed, &mut self.gaps);
        }
        self.gaps.end(self.flushed);
    }

    fn take(&mut self, frames: usize) -> Box<[i16]> {
        let mut block = vec![0; frames * 2].into_boxed_slice();
        for (channel, lane) in self.lanes.iter_mut().enumerate() {
            lane.track.take(self.flushed, frames, channel, &mut block, &mut self.gaps);
        }
        self.flushed += frames as u64;
        block
    }

    /// Frames handed out so far.
    pub fn frames(&self) -> u64 {
        self.flushed
    }

    /// Holes so far, in order, and why they are there.
    pub fn gaps(&self) -> Vec<Gap> {
        self.gaps.all()
    }

    /// Samples that came after their block had left.
    pub fn late(&self) -> u64 {
        self.late
    }

    /// How often a channel was moved to follow a clock, in silence or at its quietest.
    pub fn slips(&self) -> u64 {
        self.slips
    }
}
