//! What 20 ms of sound hold at the frequencies that lines, boxes and machines use, by the
//! algorithm of Goertzel.

use crate::{PACKET, RATE};

/// Line tones (450 Hz ± 25, GF 002-9002; 425 and 440 with 480 abroad), beeps from 900 to 1500 Hz,
/// information tones (950, 1400, 1800 Hz, ITU-T E.180), 1100 Hz of a fax that calls and 2100 Hz of
/// one that answers (ITU-T T.30, V.25).
const TONES: [f32; 20] = [
    425.0, 450.0, 475.0, 620.0, 900.0, 950.0, 1000.0, 1050.0, 1100.0, 1150.0, 1200.0, 1250.0, 1300.0, 1350.0, 1400.0,
    1450.0, 1500.0, 1800.0, 2085.0, 2115.0,
];
/// Where those of the line end.
const LINE: usize = 3;
/// Bins of a beep.
const BEEP: std::ops::Range<usize> = 4..17;
const INFORMATION_3: usize = 17;
/// Bins of an answering tone: 2100 Hz ± 15 lies between them.
const ANSWER: std::ops::Range<usize> = 18..20;
/// Across the telephone's band, for the shape of a sound.
const BANDS: [f32; 16] = [
    300.0, 400.0, 500.0, 600.0, 700.0, 850.0, 1000.0, 1200.0, 1400.0, 1600.0, 1800.0, 2000.0, 2300.0, 2600.0, 2900.0,
    3200.0,
];
const ALL: usize = TONES.len() + BANDS.len();

/// Share of the energy that one frequency must hold to be a tone: +1.8 dB over all else.
const PURE: f32 = 0.6;
/// The same for one that goes on, and for two that beat.
const STILL_PURE: f32 = 0.5;
/// Below this there is nothing to look at, dBFS.
const FAINT: f32 = -58.0;

/// A single frequency that holds most of the energy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pitch {
    /// 450 Hz and its kin abroad.
    Line,
    /// 900 to 1500 Hz, or 1800: which, in Hz.
    Beep(u16),
    /// 2100 Hz.
    Answer,
}

/// One block of 20 ms.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spectrum {
    /// Level, dBFS.
    pub(super) level: f32,
    /// The tone, when it is one.
    pub(super) pitch: Option<Pitch>,
    /// Shape over the band, of length 1; zeros when faint.
    pub(super) shape: [f32; BANDS.len()],
}

impl Spectrum {
    /// Nothing.
    pub(super) const EMPTY: Self = Self { level: -96.0, pitch: None, shape: [0.0; BANDS.len()] };

    /// How much alike two shapes are, 0 to 1.
    pub(super) fn likeness(&self, other: &Self) -> f32 {
        self.shape.iter().zip(&other.shape).map(|(a, b)| a * b).sum()
    }
}

/// Coefficients of the filters, made once for each ear.
#[derive(Debug)]
pub(super) struct Bank {
    coefficients: [f32; ALL],
}

impl Bank {
    pub(super) fn new() -> Self {
        let mut coefficients = [0.0; ALL];
        for (at, frequency) in TONES.iter().chain(&BANDS).enumerate() {
            coefficients[at] = 2.0 * (std::f32::consts::TAU * frequency / RATE as f32).cos();
        }
        Self { coefficients }
    }

    /// Looks at one block.
    pub(super) fn look(&self, block: &[i16; PACKET]) -> Spectrum {
        let mean = block.iter().map(|sample| f32::from(*sample)).sum::<f32>() / PACKET as f32;
        let mut clear = [0.0f32; PACKET];
        for (to, sample) in clear.iter_mut().zip(block) {
            *to = (f32::from(*sample) - mean) / 32_768.0;
        }
        let energy: f32 = clear.iter().map(|sample| sample * sample).sum();
        let level = 10.0 * (energy / PACKET as f32 + 1e-10).log10();
        if level < FAINT {
            return Spectrum { level, ..Spectrum::EMPTY };
        }
        let power = self.powers(&clear);
        let share = |at: usize| power[at] * 2.0 / (PACKET as f32 * energy);
        let mut shape = [0.0; BANDS.len()];
        let length = power[TONES.len()..].iter().sum::<f32>().sqrt().max(1e-9);
        for (to, power) in shape.iter_mut().zip(&power[TONES.len()..]) {
            *to = power.sqrt() / length;
        }
        Spectrum { level, pitch: pitch(share), shape }
    }

    /// Squared magnitude at each frequency, all filters side by side.
    fn powers(&self, clear: &[f32; PACKET]) -> [f32; ALL] {
        let (mut one, mut two) = ([0.0f32; ALL], [0.0f32; ALL]);
        for sample in clear {
            for at in 0..ALL {
                let next = sample + self.coefficients[at] * one[at] - two[at];
                two[at] = one[at];
                one[at] = next;
            }
        }
        let mut power = [0.0; ALL];
        for at in 0..ALL {
            power[at] = (one[at] * one[at] + two[at] * two[at] - self.coefficients[at] * one[at] * two[at]).max(0.0);
        }
        power
    }
}

/// The tone that holds most of the energy. One that lies between two bins shows in both.
fn pitch(share: impl Fn(usize) -> f32) -> Option<Pitch> {
    let most = |bins: std::ops::Range<usize>| bins.map(&share).fold(0.0, f32::max);
    if most(0..LINE) >= STILL_PURE {
        return Some(Pitch::Line);
    }
    if most(ANSWER) >= PURE {
        return Some(Pitch::Answer);
    }
    if share(INFORMATION_3) >= PURE {
        return Some(Pitch::Beep(TONES[INFORMATION_3] as u16));
    }
    let best = BEEP.max_by(|a, b| share(*a).total_cmp(&share(*b)))?;
    let beside = |at: usize| if BEEP.contains(&at) { share(at) } else { 0.0 };
    let held = share(best) + beside(best - 1).max(beside(best + 1));
    (held >= PURE).then_some(Pitch::Beep(TONES[best] as u16))
}
