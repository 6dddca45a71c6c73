//! Where somebody speaks: `earshot` with hysteresis, and a gate against line tones.

use crate::resample::RATE;

/// Samples of one decision: 16 ms.
const FRAME: usize = 256;
/// Speech begins above this.
const ON: f32 = 0.5;
/// Speech goes on above this.
const STAY: f32 = 0.35;
/// Frames of silence that end an utterance: 400 ms.
const HANG: usize = 25;
/// Silence kept around an utterance, in samples: 250 ms.
const MARGIN: usize = 4_000;
/// Shorter speech than this is no utterance, in samples: 350 ms.
const SHORTEST: usize = 5_600;
/// Longest piece for one decoding, in samples: 28 s.
const LONGEST: usize = 28 * RATE as usize;

/// A stretch of speech, in samples at 16 kHz.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: usize,
    pub(crate) to: usize,
}

/// The stretches of speech in one channel.
pub(crate) fn spans(samples: &[f32]) -> Vec<Span> {
    let mut detector = earshot::Detector::default();
    let mut found = Vec::new();
    let mut open: Option<(usize, usize)> = None;
    for (at, frame) in samples.chunks_exact(FRAME).enumerate() {
        let speech = detector.predict_f32(frame);
        open = match open {
            None if speech > ON => Some((at, at)),
            Some((from, _)) if speech > STAY => Some((from, at)),
            Some((from, last)) if at - last > HANG || (at - from) * FRAME >= LONGEST => {
                found.push((from, last));
                None
            }
            other => other,
        };
    }
    found.extend(open);
    let spans = found.into_iter().map(|(from, last)| Span { from: from * FRAME, to: (last + 1) * FRAME });
    let mut kept: Vec<Span> = Vec::new();
    for span in spans.filter(|span| span.to - span.from >= SHORTEST && !is_tone(&samples[span.from..span.to])) {
        // Margins of neighbours may not overlap: nothing is decoded twice.
        let floor = kept.last().map_or(0, |last| last.to);
        let from = span.from.saturating_sub(MARGIN).max(floor);
        kept.push(Span { from, to: (span.to + MARGIN).min(samples.len()) });
    }
    kept
}

/// Whether nearly all of the energy lies at 450 Hz: ring-back, busy or congestion.
fn is_tone(samples: &[f32]) -> bool {
    let total: f32 = samples.iter().map(|sample| sample * sample).sum();
    if total <= f32::EPSILON {
        return true;
    }
    let mut at_450 = 0.0;
    for block in samples.chunks(1_600) {
        let energy: f32 =
            [430.0, 440.0, 450.0, 460.0, 470.0].into_iter().map(|tone| goertzel(block, tone)).fold(0.0, f32::max);
        at_450 += energy;
    }
    at_450 / total > 0.6
}

/// Energy of a block at one frequency, on the scale of the block's own energy.
fn goertzel(block: &[f32], frequency: f32) -> f32 {
    let coefficient = 2.0 * (std::f32::consts::TAU * frequency / RATE as f32).cos();
    let (mut one, mut two) = (0.0_f32, 0.0_f32);
    for sample in block {
        let next = sample + coefficient * one - two;
        two = one;
        one = next;
    }
    (one * one + two * two - coefficient * one * two) * 2.0 / block.len() as f32
}
