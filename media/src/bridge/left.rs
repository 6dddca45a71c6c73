//! The left channel of the recording: what the party hears from us, whoever makes it. One
//! follows the other without a click and without a hole, as far from it as on the wire: whatever is
//! sent ends at the frame at which it is sent, made by us or passed on.

use super::table::{Mouths, NOBODY};
use crate::{
    PACKET, RATE,
    egress::NEXT,
    timeline::{LEFT, Timeline},
};

/// Frames by which the machine must have stalled for what we make to be placed anew.
const STALL: u64 = RATE as u64 / 5;

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
    /// When the newest packet was sent.
    sent: u64,
}

impl Default for Left {
    fn default() -> Self {
        Self { writes: NOBODY, made_to: 0, sent: 0 }
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
        let end = timeline.end(LEFT);
        timeline.hear(LEFT, frame, stamp, samples);
        if timeline.end(LEFT) > end {
            self.sent = frame;
        }
    }

    /// A run of our own making that begins now: so far behind what was sent last as its timestamps
    /// will stand behind that ([`Egress`](crate::egress::Egress)).
    pub(super) fn begin(&mut self, timeline: &Timeline, frame: u64, source: u64) -> Run {
        let (end, packet) = (timeline.end(LEFT).max(self.made_to), PACKET as u64);
        let (since, ends_now) = (frame.saturating_sub(self.sent), frame.saturating_sub(packet));
        let follows = if since < u64::from(NEXT) { end } else { (end + since - packet).min(ends_now.max(end)) };
        self.sent = ends_now;
        Run { source, begun: if end > 0 { follows } else { ends_now }, at: 0 }
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
        self.made_to = run.begun + run.at;
        self.sent += samples.len() as u64;
        if turned {
            timeline.seam(LEFT, false);
        }
        timeline.place(LEFT, self.made_to, run.source, samples.iter().copied());
        (from, self.made_to)
    }
}

impl Run {
    /// The machine stood still: what follows ends now.
    pub(super) fn catch_up(&mut self, frame: u64, source: u64) {
        if frame > self.begun + self.at + STALL {
            self.begun = frame - PACKET as u64 - self.at;
            self.source = source;
        }
    }
}
