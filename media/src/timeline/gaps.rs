//! The list of holes: where the recording is silent because no sound was there to be kept.

use serde::Serialize;

use crate::PACKET;

/// Most holes that are written down one by one.
const LIMIT: usize = 10_000;

/// A hole: sound was expected and is not there. Frames of the recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// 0: what the party heard, 1: what came from the party.
    pub channel: u8,
    /// First frame.
    pub from_frame: u64,
    /// First frame after it.
    pub to_frame: u64,
    /// Why.
    pub kind: GapKind,
}

/// Why there is no sound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GapKind {
    /// It was sent and did not come in time: numbers are missing (RFC 3550, section 5.1).
    Lost,
    /// Nothing was sent, and the numbers go on: silence suppression and comfort noise (RFC
    /// 3389), a key instead of a voice (RFC 4733), a sender that stood still.
    Unsent,
    /// No number tells: the sender stopped, or another one followed.
    #[default]
    Unknown,
    /// The list is full: holes lie in here that are not listed one by one.
    Unlisted,
}

/// The holes of one recording, each channel's in order.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    listed: [Vec<Gap>; 2],
    /// From the first to the last hole that found the list full.
    beyond: [Option<Gap>; 2],
}

impl Gaps {
    /// Writes a hole down; one that goes on over the edge of a block is one hole.
    pub(super) fn note(&mut self, gap: Gap) {
        let side = usize::from(gap.channel);
        let full = self.listed[0].len() + self.listed[1].len() >= LIMIT;
        if let Some(beyond) = &mut self.beyond[side] {
            beyond.to_frame = gap.to_frame;
            return;
        }
        match self.listed[side].last_mut() {
            Some(last) if last.to_frame == gap.from_frame && last.kind == gap.kind => last.to_frame = gap.to_frame,
            // What is no hole after all makes room.
            Some(last) if !counts(last) => *last = gap,
            _ if full => self.beyond[side] = Some(Gap { kind: GapKind::Unlisted, ..gap }),
            _ => self.listed[side].push(gap),
        }
    }

    /// What is known only now about holes that left with their block: nothing was sent for all of
    /// it, or some of it was lost.
    pub(super) fn explain(&mut self, channel: usize, from: u64, to: u64, kind: GapKind) {
        for gap in self.listed[channel].iter_mut().rev().take_while(|gap| gap.to_frame > from) {
            let within = from <= gap.from_frame && gap.to_frame <= to;
            if within || (kind == GapKind::Lost && gap.from_frame < to) {
                gap.kind = kind;
            }
        }
    }

    /// Every hole in the order of time.
    pub(super) fn all(&self) -> Vec<Gap> {
        let beyond = self.beyond.iter().flatten();
        let mut all: Vec<Gap> = self.listed.iter().flatten().filter(|gap| counts(gap)).chain(beyond).copied().collect();
        all.sort_by_key(|gap| (gap.from_frame, gap.channel));
        all
    }
}

/// A packet that was lost counts however short it is. Where nothing was sent, or one source
/// follows another, less than 20 ms are only the seam.
fn counts(gap: &Gap) -> bool {
    gap.kind == GapKind::Lost || gap.to_frame - gap.from_frame >= PACKET as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hole(channel: u8, no: u64) -> Gap {
        Gap { channel, from_frame: no * 1_000, to_frame: no * 1_000 + 160, kind: GapKind::Lost }
    }

    #[test]
    fn a_full_list_says_that_it_is_full_and_how_far_the_rest_reaches() {
        let mut gaps = Gaps::default();
        for no in 0..LIMIT as u64 + 50 {
            gaps.note(hole((no % 2) as u8, no));
        }
        let all = gaps.all();
        assert_eq!(all.len(), LIMIT + 2);
        let beyond: Vec<_> = all.iter().filter(|gap| gap.kind == GapKind::Unlisted).collect();
        let (first, last) = (LIMIT as u64, LIMIT as u64 + 49);
        assert_eq!((beyond[0].channel, beyond[0].from_frame), (0, first * 1_000));
        assert_eq!((beyond[1].channel, beyond[1].to_frame), (1, last * 1_000 + 160));
    }

    #[test]
    fn a_hole_that_goes_on_is_one_and_a_seam_is_none() {
        let mut gaps = Gaps::default();
        let part = |from_frame, to_frame, kind| Gap { channel: 1, from_frame, to_frame, kind };
        gaps.note(part(0, 80, GapKind::Unknown));
        gaps.note(part(100, 200, GapKind::Unknown));
        gaps.note(part(200, 400, GapKind::Unknown));
        gaps.note(part(500, 580, GapKind::Lost));
        assert_eq!(gaps.all(), [part(100, 400, GapKind::Unknown), part(500, 580, GapKind::Lost)]);
        gaps.explain(1, 100, 450, GapKind::Unsent);
        assert_eq!(gaps.all()[0].kind, GapKind::Unsent);
        gaps.explain(1, 300, 500, GapKind::Unsent);
        gaps.explain(1, 400, 500, GapKind::Lost);
        assert_eq!(gaps.all()[0].kind, GapKind::Unsent, "only what lies within");
        gaps.explain(1, 300, 500, GapKind::Lost);
        assert_eq!(gaps.all()[0].kind, GapKind::Lost);
    }
}
