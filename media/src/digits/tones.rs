//! Digits as tones in the sound (ITU-T Q.23), for carriers with which no telephone-event was agreed:
//! heard within the limits of ITU-T Q.24, and made.
//!
//! Heard: the filters of Goertzel for the eight frequencies over windows of 12.75 ms, one each 5 ms. A
//! window is a digit when one tone of each group stands out of its group, both hold most of the window's
//! energy, and their levels fit. Five windows in a row begin a digit: 40 ms of tone always hold five
//! whole ones, and 23 ms, with what a window may miss at either end, never more than four. Five without it end
//! it: a gap of 10 ms spoils four at most. Speech holds two pure tones seldom, and never for that long.
//!
//! While nothing is heard only each fourth window is looked at: five in a row hold one of those. Where it
//! is a digit, those before it are looked at too, and each one from there on.

use std::f32::consts::TAU;

use crate::{PACKET, RATE};

/// Frequencies of the rows and columns, Hz.
const ROWS: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const COLUMNS: [f32; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
const KEYS: [[u8; 4]; 4] = [*b"123A", *b"456B", *b"789C", *b"*0#D"];

/// Samples of a window, and from one to the next.
const WINDOW: usize = 102;
const STEP: usize = 40;
/// Windows that begin a digit, and that end one.
const BEGINS: u8 = 5;
const ENDS: u8 = 5;
/// While nothing is heard one of so many windows is looked at; fewer than begin a digit.
const EACH: usize = 4;
/// Samples that are kept: the windows that were not looked at.
const KEPT: usize = WINDOW + (EACH - 1) * STEP;
/// Amplitude of a tone of -36 dBm0; Q.24 lets everything above -25 dBm0 be heard and nothing below
/// -55 dBm0.
const QUIETEST: f32 = 355.0;
/// The column may be so much stronger than the row, and the row than the column (Q.24: 4 and 8 dB must be
/// heard), as powers; frequencies off by 1.5 % take another 2 dB.
const COLUMN_OVER_ROW: f32 = 4.0;
const ROW_OVER_COLUMN: f32 = 10.0;
/// A tone stands out of its group by 4.8 dB: what a row that is 8 dB stronger leaks into the columns leaves
/// no more.
const STANDS_OUT: f32 = 3.0;
/// Share of the window's energy that both tones hold. With 1.5 % off it is 0.77, with 3.5 % 0.53.
const PURE: f32 = 0.72;
/// Packets that may be missing within a digit.
const MISSING: u32 = 3 * PACKET as u32;

/// Amplitudes of what we send: -9 dBm0 in the row, -7 dBm0 in the column.
const ROW: f32 = 7_939.0;
const COLUMN: f32 = 9_997.0;
/// Samples over which it swells and fades.
const EDGE: usize = 40;

/// Hears digits in one stream.
#[derive(Debug)]
pub(crate) struct Hearer {
    factors: [f32; 8],
    samples: [f32; KEPT],
    filled: usize,
    /// Whole windows that were not looked at.
    unseen: usize,
    /// Source, and the timestamp that comes next.
    next: Option<(u32, u32)>,
    /// What the last windows were, and how many in a row.
    last: Option<char>,
    run: u8,
    present: Option<char>,
    missed: u8,
}

impl Default for Hearer {
    fn default() -> Self {
        let mut factors = [0.0; 8];
        for (factor, hertz) in factors.iter_mut().zip(ROWS.into_iter().chain(COLUMNS)) {
            *factor = 2.0 * (TAU * hertz / RATE as f32).cos();
        }
        Self {
            factors,
            samples: [0.0; KEPT],
            filled: 0,
            unseen: 0,
            next: None,
            last: None,
            run: 0,
            present: None,
            missed: 0,
        }
    }
}

impl Hearer {
    /// The digit that begins in this packet. Packets that come twice or too late are not heard.
    pub(crate) fn packet(
        &mut self,
        ssrc: u32,
        timestamp: u32,
        samples: impl ExactSizeIterator<Item = i16>,
    ) -> Option<char> {
        let end = timestamp.wrapping_add(samples.len() as u32);
        if let Some((_, next)) = self.next.filter(|(source, _)| *source == ssrc) {
            let ahead = timestamp.wrapping_sub(next);
            if (ahead as i32) < 0 && ahead.wrapping_neg() < RATE {
                return None;
            }
            if ahead > MISSING {
                self.cut();
            }
        } else {
            self.cut();
        }
        self.next = Some((ssrc, end));
        let mut digit = None;
        for sample in samples {
            self.samples[self.filled] = f32::from(sample);
            self.filled += 1;
            if self.filled == WINDOW + self.unseen * STEP {
                self.unseen += 1;
                digit = digit.or(self.windows());
            }
        }
        digit
    }

    /// Nothing before this belongs to what follows.
    fn cut(&mut self) {
        (self.filled, self.unseen) = (0, 0);
        (self.last, self.run, self.present, self.missed) = (None, 0, None, 0);
    }

    /// The digit that begins in the windows that are looked at now.
    fn windows(&mut self) -> Option<char> {
        let calm = self.last.is_none() && self.present.is_none();
        if calm && self.unseen < EACH {
            return None;
        }
        let newest = self.look(self.filled - WINDOW);
        let mut digit = None;
        if !calm || newest.is_some() {
            for no in 0..self.unseen - 1 {
                digit = digit.or(self.window(self.look(no * STEP)));
            }
            digit = digit.or(self.window(newest));
        }
        self.samples.copy_within(self.filled - (WINDOW - STEP)..self.filled, 0);
        (self.filled, self.unseen) = (WINDOW - STEP, 0);
        digit
    }

    /// The digit that begins with a window that is this one.
    fn window(&mut self, hit: Option<char>) -> Option<char> {
        self.run = if hit == self.last { self.run.saturating_add(1) } else { 1 };
        self.last = hit;
        if self.present.is_some() && hit != self.present {
            self.missed += 1;
            if self.missed >= ENDS {
                self.present = None;
            }
        } else {
            self.missed = 0;
        }
        let begins = hit.filter(|_| self.run >= BEGINS && self.present != hit)?;
        (self.present, self.missed) = (Some(begins), 0);
        Some(begins)
    }

    /// The digit of the window that begins there.
    fn look(&self, from: usize) -> Option<char> {
        let samples = &self.samples[from..from + WINDOW];
        let energy: f32 = samples.iter().map(|sample| sample * sample).sum();
        let window = WINDOW as f32;
        // A tone of this amplitude has that energy.
        if energy < QUIETEST * QUIETEST * window {
            return None;
        }
        // All filters side by side.
        let (mut one, mut two) = ([0.0f32; 8], [0.0f32; 8]);
        for sample in samples {
            for at in 0..8 {
                let next = sample + self.factors[at] * one[at] - two[at];
                (two[at], one[at]) = (one[at], next);
            }
        }
        let mut powers = [0.0; 8];
        for (at, power) in powers.iter_mut().enumerate() {
            // As the energy that a tone of this power has in the window.
            *power = (one[at] * one[at] + two[at] * two[at] - self.factors[at] * one[at] * two[at]) * 2.0 / window;
        }
        let (rows, columns) = powers.split_at(4);
        let (row, column) = (best(rows)?, best(columns)?);
        let (low, high) = (rows[row], columns[column]);
        let quiet = QUIETEST * QUIETEST * window / 2.0;
        let fits = low >= quiet && high >= quiet && high <= low * COLUMN_OVER_ROW && low <= high * ROW_OVER_COLUMN;
        (fits && low + high >= PURE * energy).then(|| char::from(KEYS[row][column]))
    }
}

/// The place of the tone that stands out of its group.
fn best(group: &[f32]) -> Option<usize> {
    let at = (0..group.len()).max_by(|one, other| group[*one].total_cmp(&group[*other]))?;
    let alone = |other: usize| other == at || group[at] > group[other] * STANDS_OUT;
    (0..group.len()).all(alone).then_some(at)
}

/// Twenty milliseconds of the tone of a digit, of which `at` is the first sample; it lasts `lasts`
/// samples. Silence for what is no key.
pub(crate) fn make(code: u8, at: usize, lasts: usize, out: &mut [i16; PACKET]) {
    let key = super::key(code).map(|key| key as u8);
    let place = (0..16).find(|place| Some(KEYS[place / 4][place % 4]) == key);
    for (step, sample) in out.iter_mut().enumerate() {
        let now = at + step;
        let Some(place) = place.filter(|_| now < lasts) else {
            *sample = 0;
            continue;
        };
        let edge = now.min(lasts - 1 - now).min(EDGE) as f32 / EDGE as f32;
        let turn = TAU * now as f32 / RATE as f32;
        let sound = ROW * (turn * ROWS[place / 4]).sin() + COLUMN * (turn * COLUMNS[place % 4]).sin();
        *sample = (sound * edge) as i16;
    }
}

#[cfg(test)]
mod tests;
