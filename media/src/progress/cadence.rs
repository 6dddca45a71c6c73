//! The rhythm of the line's tone: what an exchange says with one frequency.
//!
//! GF 002-9002 (YD/T 729): 450 Hz ± 25; ring-back 1 s on, 4 s off; busy 0.35 s and 0.35 s; congestion
//! 0.7 s and 0.7 s; number that does not exist three times 0.1 s and then 0.4 s; dial tone without
//! end. Abroad (ITU-T E.180): ring-back 2 s on, 4 s off, busy 0.5 s, congestion 0.25 s. A tenth more
//! or less is still the same.

use super::SoundClass;

/// Milliseconds of one block.
const BLOCK: u32 = 20;
/// A hole of so many blocks in a tone is a lost packet, no pause.
const HOLE: u32 = 2;
/// Turns that are remembered.
const TURNS: usize = 16;
/// So many blocks of another sound end a rhythm.
const FOREIGN: u32 = 6;

/// A stretch of tone, or of none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Turn {
    on: bool,
    blocks: u32,
}

/// What the rhythm says, and how surely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rhythm {
    pub(super) class: SoundClass,
    pub(super) confidence: u8,
    /// Blocks back from now to where it began.
    pub(super) blocks: u32,
}

/// Follows the tone of the line.
#[derive(Debug)]
pub(super) struct Cadence {
    turns: [Turn; TURNS],
    len: usize,
    now: Turn,
    /// Blocks without the tone, of which it is not known yet whether they are a hole.
    missing: u32,
    foreign: u32,
}

impl Cadence {
    pub(super) fn new() -> Self {
        let nothing = Turn { on: false, blocks: 0 };
        Self { turns: [nothing; TURNS], len: 0, now: nothing, missing: 0, foreign: 0 }
    }

    /// Blocks for which the tone has been on without a pause, when it is heard now.
    pub(super) fn on_for(&self) -> u32 {
        if self.now.on && self.missing == 0 { self.now.blocks } else { 0 }
    }

    /// Whether the tone is heard now.
    pub(super) fn is_on(&self) -> bool {
        self.now.on
    }

    /// One block: the tone, another sound, or neither.
    pub(super) fn block(&mut self, tone: bool, other: bool) -> Option<Rhythm> {
        self.foreign = if other { self.foreign + 1 } else { 0 };
        if self.foreign >= FOREIGN {
            *self = Self { foreign: self.foreign, ..Self::new() };
            return None;
        }
        if self.now.on == tone {
            self.now.blocks += 1 + std::mem::take(&mut self.missing);
        } else if self.now.on {
            self.missing += 1;
            if self.missing > HOLE {
                let blocks = std::mem::take(&mut self.missing);
                self.turn(Turn { on: false, blocks });
            }
        } else {
            self.turn(Turn { on: true, blocks: 1 });
        }
        self.judge()
    }

    fn turn(&mut self, next: Turn) {
        // What came before the first tone belongs to no rhythm.
        if self.now.on || self.len > 0 {
            if self.len == TURNS {
                self.turns.copy_within(1.., 0);
                self.len -= 1;
            }
            self.turns[self.len] = self.now;
            self.len += 1;
        }
        self.now = next;
    }

    /// The turn `back` before the present one; zero is the last that is over.
    fn past(&self, back: usize) -> Option<Turn> {
        self.len.checked_sub(back + 1).map(|at| self.turns[at])
    }

    fn judge(&self) -> Option<Rhythm> {
        self.no_such_number().or_else(|| self.ring_back()).or_else(|| self.even()).or_else(|| self.dial_tone())
    }

    /// Three short ones and a long one.
    fn no_such_number(&self) -> Option<Rhythm> {
        let now = self.now;
        if now.on || now.blocks < HOLE + 1 || !near(self.past(0)?, 400) {
            return None;
        }
        let short = |turn: Turn| near(turn, 100);
        let figure = |from: usize| (from..from + 6).all(|back| self.past(back).is_some_and(short));
        if !figure(1) {
            return None;
        }
        let twice =
            self.past(7).is_some_and(|turn| near(turn, 400)) && self.past(8).is_some_and(|turn| near(turn, 400));
        let blocks = (0..7).filter_map(|back| self.past(back)).map(|turn| turn.blocks).sum::<u32>() + now.blocks;
        Some(Rhythm { class: SoundClass::NoSuchNumberTone, confidence: if twice { 95 } else { 80 }, blocks })
    }

    /// A long one, and a pause that is longer.
    fn ring_back(&self) -> Option<Rhythm> {
        let ring = |turn: Turn| turn.on && (near(turn, 1_000) || near(turn, 2_000));
        let pause = |turn: Turn| !turn.on && near(turn, 4_000);
        let class = SoundClass::RingBack;
        if self.now.on {
            // The second ring has begun.
            let (last, before) = (self.past(0)?, self.past(1)?);
            return (pause(last) && ring(before)).then_some(Rhythm {
                class,
                confidence: 90,
                blocks: self.now.blocks + last.blocks + before.blocks,
            });
        }
        let before = self.past(0).filter(|turn| ring(*turn))?;
        let again = self.past(1).is_some_and(pause);
        let waited = self.now.blocks * BLOCK;
        let confidence = match (again, waited) {
            (true, 200..) => 95,
            (false, 2_000..) => 70,
            _ => return None,
        };
        (waited <= 6_000).then_some(Rhythm { class, confidence, blocks: before.blocks + self.now.blocks })
    }

    /// As long as its pause, over and over.
    fn even(&self) -> Option<Rhythm> {
        let mut turns = 0;
        let (mut sum, mut blocks) = (0, 0);
        while let Some(turn) = self.past(turns) {
            let mean = if turns == 0 { turn.blocks } else { sum / turns as u32 };
            let apart = turn.blocks.abs_diff(mean);
            if apart * BLOCK > 40 + mean * BLOCK / 6 {
                break;
            }
            sum += turn.blocks;
            blocks += turn.blocks;
            turns += 1;
        }
        if turns < 3 || self.now.blocks * 2 > sum {
            return None;
        }
        let length = sum * BLOCK / turns as u32;
        let class = match length {
            200..=299 | 600..=800 => SoundClass::Congestion,
            300..=400 | 440..=560 => SoundClass::Busy,
            _ => return None,
        };
        let confidence = match turns {
            3 => 75,
            4 => 85,
            _ => 95,
        };
        Some(Rhythm { class, confidence, blocks: blocks + self.now.blocks })
    }

    /// It does not end.
    fn dial_tone(&self) -> Option<Rhythm> {
        let long = self.now.on && self.now.blocks * BLOCK >= 3_000;
        long.then_some(Rhythm { class: SoundClass::DialTone, confidence: 80, blocks: self.now.blocks })
    }
}

/// About as long as that, in milliseconds: a tenth, and a block at each end.
fn near(turn: Turn, ms: u32) -> bool {
    (turn.blocks * BLOCK).abs_diff(ms) <= ms / 10 + 2 * BLOCK
}
