//! The recording's clock: two channels, one time, holes are silence and are written down.
//!
//! A packet is put where its timestamp says, measured from where the first packet of its
//! source arrived, and so each channel holds what was on the line at that moment. A block of
//! one second leaves when it lies 0.4 s behind live; until then late and reordered packets
//! find their place.
//!
//! The source's clock is not ours. It runs apart: then the channel is moved by 10 ms at a time,
//! in silence where there is some within reach, and at the quietest place where there is
//! none. It was read wrong, because the first packet was late: the next shows it. It stood
//! still: packets that are late are held back for at most 0.3 s, until it shows whether the
//! network kept them (then they belong where their timestamps say) or the sender stopped
//! (then they belong where they arrived, and so does all that follows).
//!
//! Why there is a hole is read from the sequence numbers: what nobody sent was not lost.

mod gaps;
mod source;
mod track;

use std::collections::VecDeque;

pub use self::gaps::{Gap, GapKind};
use self::{
    gaps::Gaps,
    source::{APART, Slip, Source, Stamp, Verdict},
    track::{QUIET, RING, Slot, Track},
};
use crate::{PACKET, RATE};

/// How far behind live a block leaves: 0.4 s.
const EDGE: u64 = RATE as u64 * 2 / 5;
/// Frames in a block.
const BLOCK: usize = RATE as usize;
/// Most samples and packets that are held back.
const HELD: usize = RATE as usize * 3 / 5;
const HELD_PACKETS: usize = 64;

/// Channel of what the party heard from us.
pub const LEFT: usize = 0;
/// Channel of what came from the party.
pub const RIGHT: usize = 1;

/// A packet that waits for the verdict.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    stamp: Stamp,
    offset: i64,
    len: usize,
}

/// One channel: its samples, whose they are, and what is held back of them.
struct Lane {
    track: Track,
    source: Option<Source>,
    /// Who was heard before: he may come back.
    before: Option<Source>,
    waiting: VecDeque<Waiting>,
    held: VecDeque<i16>,
    /// The next packet begins a seam, and whether it fades in.
    seam: Option<bool>,
}

impl Lane {
    fn new() -> Self {
        Self {
            track: Track::new(),
            source: None,
            before: None,
            waiting: VecDeque::with_capacity(HELD_PACKETS),
            held: VecDeque::with_capacity(HELD + PACKET),
            seam: None,
        }
    }

    fn is_known(&self, stamp: Stamp) -> bool {
        let Some(seq) = stamp.seq else { return false };
        self.waiting.iter().any(|waiting| waiting.stamp == stamp)
            || self.source.as_ref().is_some_and(|source| source.past.knows(seq, stamp.timestamp))
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
    /// Puts samples of our own making, of source `id` with timestamp `ts`, into a channel.
    /// `now` is the frame that is live at this moment.
    pub fn place(&mut self, channel: usize, now: u64, id: u64, ts: u32, samples: impl ExactSizeIterator<Item = i16>) {
        self.sound(channel, now, Stamp { source: id, seq: None, timestamp: ts }, samples);
    }

    /// Puts the samples of an RTP packet into a channel.
    pub fn hear(
        &mut self,
        channel: usize,
        now: u64,
        (ssrc, seq, timestamp): (u32, u16, u32),
        samples: impl ExactSizeIterator<Item = i16>,
    ) {
        self.sound(channel, now, Stamp { source: ssrc.into(), seq: Some(seq), timestamp }, samples);
    }

    /// An RTP packet of the source that is heard, which holds no sound for this channel: comfort
    /// noise, a key, or something that is not passed on. Its number is not missing.
    pub fn no_sound(&mut self, channel: usize, (ssrc, seq, timestamp): (u32, u16, u32)) {
        let lane = &mut self.lanes[channel];
        let Some(source) = lane.source.as_mut().filter(|source| source.id == u64::from(ssrc)) else { return };
        if source.past.knows(seq, timestamp) {
            return;
        }
        let at = source.base + source.offset(timestamp);
        self.number(channel, seq, timestamp, at, at);
    }

    /// The next packet of a channel follows another source: neither its beginning nor the other's
    /// end is a click.
    pub(crate) fn seam(&mut self, channel: usize, fades_in: bool) {
        self.settle(channel, None);
        self.lanes[channel].seam = Some(fades_in);
    }

    /// The frame behind the last one that stands in a channel.
    pub(crate) fn end(&self, channel: usize) -> u64 {
        self.lanes[channel].track.end
    }

    /// Another sender speaks in a channel from here on: its timestamps have nothing to do with
    /// those of the one before, also under the same id.
    pub fn another_source(&mut self, channel: usize) {
        self.settle(channel, None);
        let lane = &mut self.lanes[channel];
        (lane.source, lane.before) = (None, None);
    }

    fn sound(&mut self, channel: usize, now: u64, stamp: Stamp, samples: impl ExactSizeIterator<Item = i16>) {
        let arrival = now as i64 - samples.len() as i64;
        if self.lanes[channel].source.as_ref().is_none_or(|source| source.id != stamp.source) {
            self.turn(channel, now, stamp, arrival);
        }
        let lane = &mut self.lanes[channel];
        if lane.is_known(stamp) {
            return;
        }
        let Some(source) = &mut lane.source else { return };
        let offset = source.offset(stamp.timestamp);
        let late = arrival - (source.base + offset);
        match source.judge(now, late) {
            Verdict::Held => {
                let later = source.later(now);
                self.hold(channel, Waiting { stamp, offset, len: samples.len() }, samples);
                if let Some(later) = later {
                    self.anchor(channel, now, later);
                }
            }
            Verdict::Early(by) => {
                self.settle(channel, None);
                self.draw_in(channel, arrival, by);
                self.anchor(channel, now, by);
                self.slips += 1;
                self.put(channel, stamp, offset, samples);
            }
            Verdict::Usual => {
                self.settle(channel, None);
                self.put(channel, stamp, offset, samples);
            }
        }
    }

    /// Another source has the channel now; one that was there just before has kept its clock.
    fn turn(&mut self, channel: usize, now: u64, stamp: Stamp, arrival: i64) {
        self.settle(channel, None);
        let lane = &mut self.lanes[channel];
        let back = lane.before.take().filter(|before| before.id == stamp.source);
        lane.before = lane.source.take();
        lane.source = Some(match back {
            Some(mut back) => {
                back.return_at(now, arrival);
                back
            }
            None => Source::new(now, stamp, arrival),
        });
    }

    /// Keeps a packet back. When there is no room, the network is giving back what it kept:
    /// the oldest goes where its timestamp says.
    fn hold(&mut self, channel: usize, packet: Waiting, samples: impl Iterator<Item = i16>) {
        loop {
            let lane = &self.lanes[channel];
            if lane.waiting.is_empty()
                || (lane.waiting.len() < HELD_PACKETS && lane.held.len() + packet.len <= HELD + PACKET)
            {
                break;
            }
            self.release(channel);
        }
        let lane = &mut self.lanes[channel];
        lane.waiting.push_back(packet);
        lane.held.extend(samples);
    }

    /// The oldest of what was held goes where its timestamp says.
    fn release(&mut self, channel: usize) {
        let lane = &mut self.lanes[channel];
        let Some(packet) = lane.waiting.pop_front() else { return };
        let mut held = std::mem::take(&mut lane.held);
        self.put(channel, packet.stamp, packet.offset, held.drain(..packet.len));
        self.lanes[channel].held = held;
    }

    /// All that was held goes where its timestamp says, the clock set on by so much if it is.
    fn settle(&mut self, channel: usize, later: Option<i64>) {
        if let (Some(later), Some(source)) = (later, &mut self.lanes[channel].source) {
            source.base += later;
        }
        while !self.lanes[channel].waiting.is_empty() {
            self.release(channel);
        }
    }

    /// The source's clock is read anew.
    fn anchor(&mut self, channel: usize, now: u64, by: i64) {
        if let Some(source) = &mut self.lanes[channel].source {
            source.anchor(now, by);
        }
        self.settle(channel, None);
    }

    /// Takes out of what was heard of the source what a packet at `arrival` would lie upon, `by`
    /// at most.
    fn draw_in(&mut self, channel: usize, arrival: i64, by: i64) {
        let Lane { track, source: Some(source), .. } = &mut self.lanes[channel] else { return };
        let len = (source.end - arrival).min(-by);
        if len > 0
            && let Some(from) = track.cut(source.reach(self.flushed), len as u64)
        {
            source.moved(from as i64 + len, -len);
        }
    }

    fn put(&mut self, channel: usize, stamp: Stamp, offset: i64, samples: impl ExactSizeIterator<Item = i16>) {
        let Some(source) = &self.lanes[channel].source else { return };
        let (at, len) = (source.base + offset, samples.len() as i64);
        while at + len > (self.flushed + RING) as i64 {
            let block = self.take(BLOCK);
            self.ahead.push_back(block);
        }
        let (late, loudest) = self.lanes[channel].track.write(self.flushed, at, samples);
        self.late += late;
        if let Some(fades_in) = self.lanes[channel].seam.take() {
            self.lanes[channel].track.seam(self.flushed, at, fades_in);
        }
        if let Some(source) = &mut self.lanes[channel].source {
            source.end = source.end.max(at + len);
        }
        if late > 0 {
            // It was sent, and is not there.
            self.explain(channel, at, at + len, Slot::Lost);
        }
        if let Some(seq) = stamp.seq {
            self.number(channel, seq, stamp.timestamp, at, at + len);
        }
        self.slip(channel, at + len, len.min(APART), loudest);
    }

    /// A number came, and what it tells of its neighbours.
    fn number(&mut self, channel: usize, seq: u16, timestamp: u32, from: i64, to: i64) {
        let Some(source) = &mut self.lanes[channel].source else { return };
        for (from, to, why) in source.past.note(seq, timestamp, from, to).into_iter().flatten() {
            self.explain(channel, from, to, why);
        }
    }

    /// Says why there is no sound between two frames, wherever there is none.
    fn explain(&mut self, channel: usize, from: i64, to: i64, why: Slot) {
        let (Ok(from), Ok(to)) = (u64::try_from(from), u64::try_from(to)) else { return };
        if from >= to {
            return;
        }
        self.lanes[channel].track.explain(self.flushed, from, to, why);
        if from < self.flushed {
            let kind = if why == Slot::Unsent { GapKind::Unsent } else { GapKind::Lost };
            self.gaps.explain(channel, from, to, kind);
        }
    }

    /// Follows a clock that ran apart. A packet that is quiet is the place for it: the next one
    /// begins 10 ms later, or lies upon its end.
    fn slip(&mut self, channel: usize, end: i64, step: i64, loudest: u16) {
        let Lane { track, source: Some(source), .. } = &mut self.lanes[channel] else { return };
        let newest = track.end as i64 == end && track.end > self.flushed;
        let reach = source.reach(self.flushed);
        let by = match source.slip() {
            Slip::Quiet(way) if newest && loudest <= QUIET => {
                if way > 0 {
                    track.rest(step as u64);
                    source.moved(end, step);
                }
                step * way
            }
            Slip::Now(way) => {
                let moved = if way > 0 { track.stretch(reach, step as u64) } else { track.cut(reach, step as u64) };
                if let Some(from) = moved {
                    source.moved(if way > 0 { from as i64 } else { from as i64 + step }, step * way);
                }
                step * way
            }
            Slip::Quiet(_) | Slip::No => return,
        };
        source.slipped(by);
        self.slips += 1;
    }

    /// Hands out every block that lies behind the edge.
    pub fn flush(&mut self, now: u64, mut out: impl FnMut(&[i16])) {
        for channel in [LEFT, RIGHT] {
            self.decide(channel, now);
        }
        while let Some(block) = self.ahead.pop_front() {
            out(&block);
        }
        while now >= self.flushed + BLOCK as u64 + EDGE {
            out(&self.take(BLOCK));
        }
    }

    /// What is held cannot wait any longer. A few packets that are too late for where their
    /// timestamps say belong where they arrived.
    fn decide(&mut self, channel: usize, now: u64) {
        let Lane { source: Some(source), waiting, .. } = &self.lanes[channel] else { return };
        let Some(newest) = waiting.back() else { return };
        let by = match (source.later(now), source.lateness(now)) {
            (Some(later), _) => later,
            (None, Some(later)) if source.base + newest.offset < self.flushed as i64 => later,
            (None, Some(_)) => 0,
            (None, None) => return,
        };
        self.anchor(channel, now, by);
    }

    /// Hands out what is left, up to the last sample heard, and ends the timeline.
    pub fn finish(&mut self, now: u64, mut out: impl FnMut(&[i16])) {
        for channel in [LEFT, RIGHT] {
            self.decide(channel, now.saturating_add(BLOCK as u64));
        }
        while let Some(block) = self.ahead.pop_front() {
            out(&block);
        }
        let end = self.lanes.iter().map(|lane| lane.track.end).max().unwrap_or(0).min(now);
        while self.flushed < end {
            let frames = BLOCK.min((end - self.flushed) as usize);
            out(&self.take(frames));
        }
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
