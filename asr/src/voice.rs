//! Where somebody speaks: `earshot` with hysteresis, behind a gate against line noise and
//! line tones, and how the stretches are put together for decoding.

use crate::resample::RATE;

/// Samples of one decision: 16 ms.
const FRAME: usize = 256;
/// Speech begins above this.
const ON: f32 = 0.5;
/// Speech goes on above this.
const STAY: f32 = 0.35;
/// Quieter than this, root mean square without its mean, nothing is speech: -60 dB of full
/// scale. The idle code of A-law is a constant that `earshot` may take for speech that goes on.
const FLOOR: f32 = 0.001;
/// Frames of silence that end a stretch: 200 ms.
const HANG: usize = 12;
/// Pauses up to this are decoded through, in samples: 500 ms.
const JOINED: usize = 8_000;
/// Silence kept around a piece, in samples: 250 ms.
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

/// The pieces of one channel that are decoded: cut at pauses, none longer than the model
/// hears at once.
pub(crate) fn pieces(samples: &[f32]) -> Vec<Span> {
    let spoken: Vec<Span> =
        stretches(samples).into_iter().filter(|span| !is_tone(&samples[span.from..span.to])).collect();
    let mut kept: Vec<Span> = Vec::new();
    for group in spoken.chunk_by(|one, next| next.from - one.to <= JOINED) {
        for span in cut(group) {
            if span.to - span.from < SHORTEST {
                continue;
            }
            // Margins of neighbours may not overlap: nothing is decoded twice.
            let floor = kept.last().map_or(0, |last| last.to);
            let from = span.from.saturating_sub(MARGIN).max(floor);
            kept.push(Span { from, to: (span.to + MARGIN).min(samples.len()) });
        }
    }
    kept
}

/// Stretches of speech without a pause of more than 200 ms.
fn stretches(samples: &[f32]) -> Vec<Span> {
    let mut detector = earshot::Detector::default();
    let mut found = Vec::new();
    let mut open: Option<(usize, usize)> = None;
    for (at, frame) in samples.chunks_exact(FRAME).enumerate() {
        let heard = detector.predict_f32(frame);
        let speech = if is_quiet(frame) { 0.0 } else { heard };
        open = match open {
            None if speech > ON => Some((at, at)),
            Some((from, last)) if (at - from) * FRAME >= LONGEST => {
                found.push((from, last));
                (speech > STAY).then_some((at, at))
            }
            Some((from, _)) if speech > STAY => Some((from, at)),
            Some((from, last)) if at - last > HANG => {
                found.push((from, last));
                None
            }
            other => other,
        };
    }
    found.extend(open);
    found.into_iter().map(|(from, last)| Span { from: from * FRAME, to: (last + 1) * FRAME }).collect()
}

/// One piece of neighbours, or several, cut at the longest pauses.
fn cut(group: &[Span]) -> Vec<Span> {
    let (Some(first), Some(last)) = (group.first(), group.last()) else { return Vec::new() };
    let whole = Span { from: first.from, to: last.to };
    let pause = |at: &usize| group[*at].from - group[*at - 1].to;
    match (1..group.len()).max_by_key(pause) {
        Some(at) if whole.to - whole.from > LONGEST => [cut(&group[..at]), cut(&group[at..])].concat(),
        _ => vec![whole],
    }
}

fn is_quiet(frame: &[f32]) -> bool {
    let length = frame.len() as f32;
    let mean = frame.iter().sum::<f32>() / length;
    let power = frame.iter().map(|sample| (sample - mean).powi(2)).sum::<f32>() / length;
    power < FLOOR * FLOOR
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

#[cfg(test)]
mod tests {
    use super::*;

    fn span(from_s: f64, to_s: f64) -> Span {
        Span { from: (from_s * 16_000.0) as usize, to: (to_s * 16_000.0) as usize }
    }

    #[test]
    fn r4_2b_a_long_talk_is_cut_at_its_longest_pauses_and_no_piece_is_longer_than_the_model_hears() {
        let talk = [span(0.0, 12.0), span(12.3, 20.0), span(20.45, 30.0), span(30.2, 41.0)];
        assert_eq!(cut(&talk), [span(0.0, 20.0), span(20.45, 41.0)]);
        assert_eq!(cut(&talk[..2]), [span(0.0, 20.0)]);
        assert!(cut(&[]).is_empty());
    }

    #[test]
    fn r4_2b_the_idle_code_of_the_line_is_no_speech() {
        assert!(is_quiet(&[8.0 / 32_768.0; FRAME]), "A-law sends a constant when nobody speaks");
        let hum: Vec<f32> = (0..FRAME).map(|at| if at % 2 == 0 { 0.0004 } else { -0.0004 }).collect();
        assert!(is_quiet(&hum));
        let voice: Vec<f32> = (0..FRAME).map(|at| (at as f32 * 0.2).sin() * 0.01).collect();
        assert!(!is_quiet(&voice), "a faint voice at -43 dB is heard");
    }
}
