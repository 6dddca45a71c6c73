//! The recording's clock: two channels, one time, holes are silence and are written down.
//!
//! A packet is put where its timestamp says, measured from where the first packet of its
//! source arrived. When the source's clock runs away from ours the channel is moved by one
//! packet at a time, so that both channels stay together for hours. A block of one second
//! leaves when it lies 0.4 s behind live; until then late and reordered packets find their
//! place.

use serde::Serialize;

use crate::{PACKET, RATE};

/// Samples kept per channel: four seconds.
const RING: usize = 4 * RATE as usize;
/// How far behind live a block leaves: 0.4 s.
const EDGE: u64 = RATE as u64 * 2 / 5;
/// Frames in a block.
const BLOCK: usize = RATE as usize;
/// A source whose timestamp disagrees with its arrival by more starts anew.
const JUMP: i64 = 2 * RATE as i64;
/// Over this long the least delayed packet is looked for.
const WINDOW: u64 = 4 * RATE as u64;
/// Most holes that are written down one by one.
const GAPS: usize = 10_000;

/// A hole: sound was expected and did not come. Frames of the recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// 0: what the party heard, 1: what came from the party.
    pub channel: u8,
    /// First frame.
    pub from_frame: u64,
    /// First frame after it.
    pub to_frame: u64,
}

/// Channel of what the party heard from us.
pub const LEFT: usize = 0;
/// Channel of what came from the party.
pub const RIGHT: usize = 1;

#[derive(Debug)]
struct Source {
    id: u64,
    first_ts: u32,
    base: i64,
    window_from: u64,
    least: i64,
}

struct Channel {
    samples: Box<[i16]>,
    covered: Box<[bool]>,
    source: Option<Source>,
    expected_from: Option<u64>,
    end: u64,
}

impl Channel {
    fn new() -> Self {
        Self {
            samples: vec![0; RING].into_boxed_slice(),
            covered: vec![false; RING].into_boxed_slice(),
            source: None,
            expected_from: None,
            end: 0,
        }
    }

    /// Where the packet belongs; and whether the channel had to be moved.
    fn position(&mut self, now: u64, id: u64, ts: u32, len: usize) -> (i64, bool) {
        let arrival = now as i64 - len as i64;
        if let Some(source) = self.source.as_mut().filter(|source| source.id == id) {
            let offset = i64::from(ts.wrapping_sub(source.first_ts) as i32);
            let late = arrival - (source.base + offset);
            if late.abs() <= JUMP {
                source.least = source.least.min(late);
                let mut moved = false;
                if now >= source.window_from + WINDOW {
                    let step = PACKET as i64;
                    if source.least.abs() >= step {
                        source.base += step * source.least.signum();
                        moved = true;
                    }
                    source.window_from = now;
                    source.least = i64::MAX;
                }
                return (source.base + offset, moved);
            }
        }
        self.source = Some(Source { id, first_ts: ts, base: arrival, window_from: now, least: 0 });
        (arrival, false)
    }
}

/// The timeline of one recording.
pub struct Timeline {
    channels: [Channel; 2],
    flushed: u64,
    block: Box<[i16]>,
    gaps: Vec<Gap>,
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
            channels: [Channel::new(), Channel::new()],
            flushed: 0,
            block: vec![0; BLOCK * 2].into_boxed_slice(),
            gaps: Vec::new(),
            late: 0,
            slips: 0,
        }
    }
}

impl Timeline {
    /// Puts samples of source `id` with RTP timestamp `ts` into a channel. `now` is the
    /// frame that is live at this moment.
    pub fn place(&mut self, channel: usize, now: u64, id: u64, ts: u32, samples: impl ExactSizeIterator<Item = i16>) {
        let (position, moved) = self.channels[channel].position(now, id, ts, samples.len());
        self.slips += u64::from(moved);
        let track = &mut self.channels[channel];
        for (at, sample) in (position..).zip(samples) {
            let Ok(at) = u64::try_from(at) else { continue };
            if at < self.flushed {
                self.late += 1;
                continue;
            }
            if at >= self.flushed + RING as u64 {
                break;
            }
            let slot = (at % RING as u64) as usize;
            track.samples[slot] = sample;
            track.covered[slot] = true;
            track.end = track.end.max(at + 1);
            track.expected_from = Some(track.expected_from.map_or(at, |from| from.min(at)));
        }
    }

    /// Another sender speaks in a channel from here on: its timestamps have nothing to do with
    /// those of the one before, also under the same id.
    pub fn another_source(&mut self, channel: usize) {
        self.channels[channel].source = None;
    }

    /// Hands out every block that lies behind the edge.
    pub fn flush(&mut self, now: u64, mut out: impl FnMut(&[i16])) {
        while now >= self.flushed + BLOCK as u64 + EDGE {
            self.take(BLOCK);
            out(&self.block);
        }
    }

    /// Hands out what is left, up to the last sample heard, and ends the timeline.
    pub fn finish(&mut self, now: u64, mut out: impl FnMut(&[i16])) {
        let end = self.channels.iter().map(|channel| channel.end).max().unwrap_or(0).min(now);
        while self.flushed < end {
            let frames = BLOCK.min((end - self.flushed) as usize);
            self.take(frames);
            out(&self.block[..frames * 2]);
        }
    }

    fn take(&mut self, frames: usize) {
        for (index, channel) in self.channels.iter_mut().enumerate() {
            let mut hole: Option<u64> = None;
            for at in 0..frames {
                let frame = self.flushed + at as u64;
                let slot = (frame % RING as u64) as usize;
                self.block[at * 2 + index] = if channel.covered[slot] { channel.samples[slot] } else { 0 };
                let missing = !channel.covered[slot] && channel.expected_from.is_some_and(|from| frame >= from);
                channel.covered[slot] = false;
                match (missing, hole) {
                    (true, None) => hole = Some(frame),
                    (false, Some(from)) => {
                        note(&mut self.gaps, index as u8, from, frame);
                        hole = None;
                    }
                    _ => {}
                }
            }
            if let Some(from) = hole {
                note(&mut self.gaps, index as u8, from, self.flushed + frames as u64);
            }
        }
        self.flushed += frames as u64;
    }

    /// Frames handed out so far.
    pub fn frames(&self) -> u64 {
        self.flushed
    }

    /// Holes so far, of a packet and more: where one source follows another a few samples
    /// may lie between them, and nothing is missing.
    pub fn gaps(&self) -> impl Iterator<Item = &Gap> {
        self.gaps.iter().filter(|gap| gap.to_frame - gap.from_frame >= PACKET as u64)
    }

    /// Samples that came after their block had left.
    pub fn late(&self) -> u64 {
        self.late
    }

    /// How often a channel was moved by one packet.
    pub fn slips(&self) -> u64 {
        self.slips
    }
}

/// Writes a hole down; one that goes on over the edge of a block is one hole.
fn note(gaps: &mut Vec<Gap>, channel: u8, from: u64, to: u64) {
    if let Some(last) = gaps.iter_mut().rev().take(2).find(|gap| gap.channel == channel && gap.to_frame == from) {
        last.to_frame = to;
    } else if gaps.len() < GAPS {
        gaps.push(Gap { channel, from_frame: from, to_frame: to });
    }
}
