//! What the numbers of a source tell: which packets came, where they lie, what is missing.

use super::slots::Slot;
use crate::PACKET;

/// Numbers that are remembered: more than a second.
const PAST: usize = 64;
/// Numbers that jump further ahead, or further back, are another run (RFC 3550, appendix A.1).
const DROPOUT: u16 = 3_000;
const MISORDER: u16 = 100;

/// A span of frames, and why there is no sound in it.
pub(super) type Reason = (i64, i64, Slot);

/// A packet that was placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Placed {
    seq: u16,
    timestamp: u32,
    from: i64,
    to: i64,
}

/// Why nothing lies between two packets between whose numbers so many are missing: these were lost, and
/// of a longer hole the rest was never sent.
fn missing(before: Placed, numbers: u16, (from, to): (i64, i64)) -> (Option<Reason>, Option<Reason>) {
    let each = (before.to - before.from).max(to - from).max(1);
    let lost_to = before.to + i64::from(numbers) * each;
    if from - lost_to < PACKET as i64 {
        (Some((before.to, from, Slot::Lost)), None)
    } else {
        (Some((before.to, lost_to, Slot::Lost)), Some((lost_to, from, Slot::Unsent)))
    }
}

/// The numbers of the last packets, and where they lie.
#[derive(Debug)]
pub(super) struct Past {
    placed: [Option<Placed>; PAST],
    highest: Option<u16>,
}

impl Default for Past {
    fn default() -> Self {
        Self { placed: [None; PAST], highest: None }
    }
}

impl Past {
    fn get(&self, seq: u16) -> Option<Placed> {
        self.placed[usize::from(seq) % PAST].filter(|placed| placed.seq == seq)
    }

    /// Whether this very packet came before.
    pub(super) fn knows(&self, seq: u16, timestamp: u32) -> bool {
        self.get(seq).is_some_and(|placed| placed.timestamp == timestamp)
    }

    /// Whether this number follows none of those that came (RFC 3550, appendix A.1).
    pub(super) fn is_another_run(&self, seq: u16) -> bool {
        let step = self.highest.map_or(0, |highest| seq.wrapping_sub(highest));
        (DROPOUT..=MISORDER.wrapping_neg()).contains(&step)
    }

    /// How many numbers it lies behind the newest one; none when it is no older one.
    pub(super) fn behind(&self, seq: u16) -> Option<u16> {
        self.highest.map(|highest| highest.wrapping_sub(seq)).filter(|behind| (1..DROPOUT).contains(behind))
    }

    /// How many numbers are missing between the newest one and this one; none in another run.
    pub(super) fn missing(&self, seq: u16) -> u16 {
        let step = self.highest.map_or(0, |highest| seq.wrapping_sub(highest));
        if step < DROPOUT { step.saturating_sub(1) } else { 0 }
    }

    /// A packet lies there now: what that tells of the frames before and behind it.
    pub(super) fn note(&mut self, seq: u16, timestamp: u32, from: i64, to: i64) -> [Option<Reason>; 4] {
        let step = self.highest.map_or(0, |highest| seq.wrapping_sub(highest));
        if (DROPOUT..DROPOUT.wrapping_neg()).contains(&step) {
            *self = Self::default();
        }
        let newest = self.highest.filter(|_| step < DROPOUT);
        let (before, more) = match self.get(seq.wrapping_sub(1)) {
            Some(before) => (Some((before.to, from, Slot::Unsent)), None),
            None => match newest.and_then(|newest| self.get(newest)) {
                Some(before) => missing(before, step.saturating_sub(1), (from, to)),
                None => (None, None),
            },
        };
        let here = Placed { seq, timestamp, from, to };
        let (behind, rest) = match self.get(seq.wrapping_add(1)) {
            Some(next) => (Some((to, next.from, Slot::Unsent)), None),
            // It was overtaken: what is missing up to the next one that came is missing.
            None => {
                match (2..=step.wrapping_neg().min(PAST as u16)).find_map(|step| self.get(seq.wrapping_add(step))) {
                    Some(next) if newest.is_none() => {
                        missing(here, next.seq.wrapping_sub(seq) - 1, (next.from, next.to))
                    }
                    _ => (None, None),
                }
            }
        };
        if self.highest.is_none() || (1..DROPOUT).contains(&step) {
            self.highest = Some(seq);
        }
        self.placed[usize::from(seq) % PAST] = Some(here);
        [before, more, behind, rest]
    }

    /// What lies from there on was moved.
    pub(super) fn moved(&mut self, from: i64, by: i64) {
        for placed in self.placed.iter_mut().flatten() {
            if placed.from >= from {
                placed.from += by;
            }
            if placed.to > from {
                placed.to += by;
            }
        }
    }
}
