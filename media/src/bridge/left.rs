//! The left channel of the recording: what the party hears from us, whoever makes it. One
//! follows the other without a click and without a hole.

use super::table::{Mouths, NOBODY};
use crate::{
    PACKET, RATE,
    timeline::{LEFT, Timeline},
};

/// Frames by which the machine must have stalled for what we make to be placed anew.
const STALL: u64 = RATE as u64 / 5;

/// What was heard up to so long ago is followed without a hole: a packet, and half of one for the way.
const NEXT: u64 = PACKET as u64 * 3 / 2;

/// What we make, one packet after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    /// Its pseudo source.
    pub(super) source: u64,
    /// Frame of its first sample.
    pub(super) begun: u64,
    /// Samples so far.
    pub(super) at: u64,
}

/// Who writes the left channel.
#[derive(Debug)]
pub(super) struct Left {
    writes: Mouths,
    /// Frame behind the last one that we made.
    made_to: u64,
}

impl Default for Left {
    fn default() -> Self {
        Self { writes: NOBODY, made_to: 0 }
    }
}

impl Left {
    /// A packet of a mouth went through to the party. Of silence it is nobody's.
    pub(super) fn passed(
        &mut self,
        timeline: &mut Timeline,
        frame: u64,
        mouth: Mouths,
        stamp: (u32, u16, u32),
        samples: impl ExactSizeIterator<Item = i16>,
    ) {
        if std::mem::replace(&mut self.writes, mouth) != mouth && timeline.end(LEFT) > 0 {
            timeline.seam(LEFT, mouth != NOBODY);
        }
        timeline.hear(LEFT, frame, stamp, samples);
    }

    /// A run of our own making that begins now: right behind what was heard last. A packet that went
    /// through ends with its arrival, and the next one is due now.
    pub(super) fn begin(&self, timeline: &Timeline, frame: u64, source: u64) -> Run {
        let (begun, end) = (frame.max(self.made_to), timeline.end(LEFT).max(self.made_to));
        let begun = if begun.saturating_sub(end) < NEXT && end > 0 { end } else { begun };
        Run { source, begun, at: 0 }
    }

    /// Twenty milliseconds that we made for the party, and the frames where they stand.
    pub(super) fn made(
        &mut self,
        timeline: &mut Timeline,
        run: &mut Run,
        mouths: Mouths,
        begins: bool,
        samples: &[i16],
    ) -> (u64, u64) {
        let turned = std::mem::replace(&mut self.writes, mouths) != mouths || begins;
        let from = run.begun + run.at;
        run.at += samples.len() as u64;
        // A packet sent now is heard from now on: its last sample lies ahead.
        self.made_to = run.begun + run.at;
        if turned {
            timeline.seam(LEFT, false);
        }
        timeline.place(LEFT, self.made_to, run.source, samples.iter().copied());
        (from, self.made_to)
    }
}

impl Run {
    /// The machine stood still: what follows is heard from now on.
    pub(super) fn catch_up(&mut self, frame: u64, source: u64) {
        if frame > self.begun + self.at + STALL {
            self.begun = frame - self.at;
            self.source = source;
        }
    }
}
