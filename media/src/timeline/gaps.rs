//! The list of holes: where the recording is silent because no sound was there to be kept, and
//! where sound that was there was left out.

use serde::Serialize;

use crate::PACKET;

/// Most holes that are written down one by one.
const LIMIT: usize = 10_000;

/// A hole: sound was expected and is not there. Frames of the recording; a cut has no length.
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
    /// No number tells: the sender stopped, another one followed, or the way became longer.
    #[default]
    Unknown,
    /// There are too many: several holes lie in here, and the sound between them.
    Unlisted,
    /// Sound that came was left out here, and what lies on both sides adjoins: it begins and ends
    /// at one frame.
    Cut,
}

/// The holes of one recording, each channel's in order.
#[derive(Debug)]
pub(super) struct Gaps {
    listed: [Vec<Gap>; 2],
    /// Holes that lie together within so many frames are listed as one.
    grain: u64,
}

impl Default for Gaps {
    fn default() -> Self {
        Self { listed: [Vec::new(), Vec::new()], grain: 2 * PACKET as u64 }
    }
}

impl Gaps {
    /// Writes a hole down; one that goes on over the edge of a block is one hole.
    pub(super) fn note(&mut self, gap: Gap) {
        let side = usize::from(gap.channel);
        self.make_room();
        let listed = &mut self.listed[side];
        // Behind it, or over its ends, stands only what was listed before its block left.
        let no = listed.partition_point(|other| other.from_frame <= gap.from_frame);
        let over = listed[..no].last().is_some_and(|last| last.to_frame > gap.from_frame)
            || listed.get(no).is_some_and(|next| next.from_frame < gap.to_frame);
        if over {
            self.add(gap);
            return;
        }
        match listed[..no].last_mut() {
            Some(last) if last.to_frame == gap.from_frame && last.kind == gap.kind => last.to_frame = gap.to_frame,
            // What is no hole after all makes room.
            Some(last) if !counts(last) => *last = gap,
            _ => listed.insert(no, gap),
        }
    }

    /// Writes down a hole that lies anywhere, as one with those of its kind that it meets, and with
    /// whatever it lies over.
    pub(super) fn add(&mut self, mut gap: Gap) {
        self.make_room();
        let listed = &mut self.listed[usize::from(gap.channel)];
        listed.retain(|other| {
            let over = other.from_frame < gap.to_frame && other.to_frame > gap.from_frame;
            let beside = other.from_frame == gap.to_frame || other.to_frame == gap.from_frame;
            let joins = over || (beside && other.kind == gap.kind);
            if joins {
                gap.from_frame = gap.from_frame.min(other.from_frame);
                gap.to_frame = gap.to_frame.max(other.to_frame);
                if other.kind != gap.kind && other.kind != GapKind::Cut {
                    gap.kind = GapKind::Unlisted;
                }
            }
            !joins
        });
        // A cut in what is lost is said by that.
        listed.retain(|other| other.to_frame <= gap.from_frame || other.from_frame >= gap.to_frame);
        let no = listed.partition_point(|other| other.to_frame <= gap.from_frame);
        listed.insert(no, gap);
    }

    /// No hole lies behind the last frame.
    pub(super) fn end(&mut self, end: u64) {
        for listed in &mut self.listed {
            listed.retain_mut(|gap| {
                gap.to_frame = gap.to_frame.min(end);
                gap.from_frame < end || gap.kind == GapKind::Cut
            });
        }
    }

    /// What is known only now about holes that left with their block.
    pub(super) fn explain(&mut self, channel: usize, from: u64, to: u64, kind: GapKind) {
        let listed = &mut self.listed[channel];
        let mut no = listed.len();
        while no > 0 && listed[no - 1].to_frame > from {
            no -= 1;
            let gap = listed[no];
            let stays = match gap.kind {
                GapKind::Unlisted | GapKind::Cut => true,
                // That it is lost is known.
                GapKind::Lost => kind == GapKind::Unknown,
                GapKind::Unsent | GapKind::Unknown => false,
            };
            if gap.from_frame >= to || gap.kind == kind || stays {
                continue;
            }
            let (begin, end) = (gap.from_frame.max(from), gap.to_frame.min(to));
            listed[no] = Gap { from_frame: begin, to_frame: end, kind, ..gap };
            if end < gap.to_frame {
                listed.insert(no + 1, Gap { from_frame: end, ..gap });
            }
            if gap.from_frame < begin {
                listed.insert(no, Gap { to_frame: begin, ..gap });
            }
        }
    }

    /// Sound that came was left out there.
    pub(super) fn mark(&mut self, channel: usize, at: u64) {
        self.make_room();
        let listed = &mut self.listed[channel];
        let no = listed.partition_point(|gap| gap.to_frame <= at);
        let at = match listed.get(no) {
            // In a hole that says so it is said.
            Some(hole) if hole.from_frame < at && tells(hole) => return,
            Some(hole) => hole.from_frame.min(at),
            None => at,
        };
        let mark = Gap { channel: channel as u8, from_frame: at, to_frame: at, kind: GapKind::Cut };
        if no == 0 || listed[no - 1] != mark {
            listed.insert(no, mark);
        }
    }

    /// Whether it is listed of each of these frames that it was sent and is not there.
    pub(super) fn covers(&self, channel: usize, from: u64, to: u64) -> bool {
        let mut left = to;
        for hole in self.listed[channel].iter().rev().filter(|gap| gap.kind != GapKind::Cut) {
            if hole.from_frame >= left {
                continue;
            }
            if left <= from || hole.to_frame < left || !tells(hole) {
                break;
            }
            left = hole.from_frame;
        }
        left <= from
    }

    fn make_room(&mut self) {
        if self.listed[0].len() + self.listed[1].len() >= LIMIT {
            self.coarsen();
        }
    }

    /// Makes room: short holes that lie near each other become one, in which they are not
    /// listed one by one; no nearer ones are left than there must be.
    fn coarsen(&mut self) {
        loop {
            let grain = self.grain;
            for listed in &mut self.listed {
                listed.dedup_by(|next, gap| {
                    let near = next.to_frame - gap.from_frame <= grain;
                    if near {
                        (gap.to_frame, gap.kind) = (gap.to_frame.max(next.to_frame), GapKind::Unlisted);
                    }
                    near
                });
            }
            if self.listed[0].len() + self.listed[1].len() <= LIMIT * 3 / 4 {
                return;
            }
            self.grain *= 2;
        }
    }

    /// Every hole in the order of time.
    pub(super) fn all(&self) -> Vec<Gap> {
        let mut all: Vec<Gap> = self.listed.iter().flatten().filter(|gap| counts(gap)).copied().collect();
        all.sort_by_key(|gap| (gap.from_frame, gap.channel));
        all
    }
}

/// That sound which was sent is not here.
fn tells(gap: &Gap) -> bool {
    matches!(gap.kind, GapKind::Lost | GapKind::Unlisted)
}

/// A packet that was lost counts however short it is, and a cut. Where nothing was sent, or one
/// source follows another, less than 20 ms are only the seam.
fn counts(gap: &Gap) -> bool {
    matches!(gap.kind, GapKind::Lost | GapKind::Cut | GapKind::Unlisted)
        || gap.to_frame - gap.from_frame >= PACKET as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hole(channel: u8, no: u64) -> Gap {
        Gap { channel, from_frame: no * 1_000, to_frame: no * 1_000 + 160, kind: GapKind::Lost }
    }

    proptest! {
        #[test]
        fn r4_1a_holes_that_are_listed_early_or_twice_stand_in_order_beside_each_other(
            orders in prop::collection::vec((0u64..4_000, 1u64..900, 0usize..4), 1..60), end in 0u64..5_000,
        ) {
            const KINDS: [GapKind; 3] = [GapKind::Lost, GapKind::Unsent, GapKind::Unknown];
            let (mut gaps, mut left, mut lost) = (Gaps::default(), 0, Vec::new());
            for (at, len, what) in orders {
                match what {
                    // Of a block that leaves: one follows the other.
                    0 => {
                        gaps.note(Gap { channel: 0, from_frame: left, to_frame: left + len, kind: KINDS[at as usize % 3] });
                        left += len + at % 2;
                    }
                    1 => gaps.mark(0, at),
                    _ => {
                        gaps.add(Gap { channel: 0, from_frame: at, to_frame: at + len, kind: GapKind::Lost });
                        lost.push((at, at + len));
                    }
                }
                let listed = &gaps.listed[0];
                prop_assert!(listed.windows(2).all(|pair| pair[0].to_frame <= pair[1].from_frame), "{:?}", listed);
                prop_assert!(lost.iter().all(|(from, to)| gaps.covers(0, *from, *to)), "{:?}", listed);
            }
            gaps.end(end);
            let mut all = gaps.listed[0].iter();
            prop_assert!(all.all(|gap| gap.to_frame <= end && (gap.from_frame < gap.to_frame) == (gap.kind != GapKind::Cut)));
        }
    }

    #[test]
    fn a_list_that_is_full_becomes_coarser_and_loses_no_hole() {
        let mut gaps = Gaps::default();
        let holes = 5 * LIMIT as u64;
        for no in 0..holes {
            gaps.note(hole((no % 2) as u8, no));
        }
        let all = gaps.all();
        assert!((LIMIT / 8..=LIMIT).contains(&all.len()), "{}", all.len());
        for no in 0..holes {
            let Gap { channel, from_frame, to_frame, .. } = hole((no % 2) as u8, no);
            let within = |gap: &Gap| gap.channel == channel && gap.from_frame <= from_frame && gap.to_frame >= to_frame;
            assert!(all.iter().any(within), "hole {no}");
        }
        assert!(all.iter().all(|gap| gap.to_frame - gap.from_frame <= gaps.grain), "no coarser than it must be");
        assert!(gaps.grain <= 50_000, "{}", gaps.grain);
        assert_eq!(all.last().map(|gap| gap.kind), Some(GapKind::Lost), "the newest are listed one by one");
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
        gaps.explain(1, 50, 450, GapKind::Unsent);
        assert_eq!(gaps.all()[0], part(100, 400, GapKind::Unsent));
        gaps.explain(1, 200, 300, GapKind::Lost);
        let parts = [
            part(100, 200, GapKind::Unsent),
            part(200, 300, GapKind::Lost),
            part(300, 400, GapKind::Unsent),
            part(500, 580, GapKind::Lost),
        ];
        assert_eq!(gaps.listed[1], parts, "only what lies within");
    }

    #[test]
    fn a_cut_has_no_length_and_its_place_in_the_order() {
        let mut gaps = Gaps::default();
        let part = |from_frame, to_frame, kind| Gap { channel: 1, from_frame, to_frame, kind };
        gaps.note(part(100, 400, GapKind::Lost));
        gaps.note(part(800, 1_000, GapKind::Unsent));
        for at in [1_200, 300, 900, 0, 500, 500, 400] {
            gaps.mark(1, at);
        }
        let cut = |at| part(at, at, GapKind::Cut);
        let lost = part(100, 400, GapKind::Lost);
        let all = [cut(0), lost, cut(400), cut(500), cut(800), part(800, 1_000, GapKind::Unsent), cut(1_200)];
        assert_eq!(gaps.all(), all, "what lies in a hole of lost sound is told by it");
        gaps.explain(1, 0, 2_000, GapKind::Unknown);
        assert_eq!((gaps.all()[1], gaps.all()[5].kind), (lost, GapKind::Unknown));
        gaps.note(part(1_400, 1_500, GapKind::Lost));
        gaps.note(part(1_500, 1_700, GapKind::Unsent));
        assert!(gaps.covers(1, 1_400, 1_500) && gaps.covers(1, 150, 400));
        assert!(!gaps.covers(1, 1_390, 1_500) && !gaps.covers(1, 1_450, 1_510) && !gaps.covers(1, 450, 500));
        for at in 0..2 * LIMIT as u64 {
            gaps.mark(1, 2_000 + 400 * at);
        }
        let all = gaps.all();
        assert!(all.len() <= LIMIT);
        let near = |at: u64| all.iter().any(|gap| gap.from_frame <= at && gap.to_frame >= at);
        assert!((0..2 * LIMIT as u64).all(|no| near(2_000 + 400 * no)), "no cut is forgotten");
    }
}
