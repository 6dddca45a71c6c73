//! What is heard: tones in samples, and how loud it is.

use songda_media::Law;
use songda_tests::agent::Agent;

use crate::road::power;

/// The party's tone, by songda-sim.
pub(crate) const PARTY_HZ: f64 = 1_000.0;
/// The agent's.
pub(crate) const AGENT_HZ: f64 = 440.0;
/// Samples in half a second.
pub(crate) const HALF: usize = 4_000;
/// Samples over which one of several tones is looked for: short, because a mix follows the clock of
/// whoever speaks, and then no tone keeps its phase, nor its frequency within half a percent.
pub(crate) const PIECE: usize = 200;

/// Mean square.
pub(crate) fn loudness(samples: &[i16]) -> f64 {
    samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / samples.len().max(1) as f64
}

/// Whether more than half of what sounds is this tone.
pub(crate) fn is_tone(samples: &[i16], hertz: f64) -> bool {
    let all = loudness(samples) * samples.len() as f64;
    // Of a sine alone, Goertzel finds half of the energy.
    loudness(samples) > 1e4 && 2.0 * 10_f64.powf(power(samples, hertz) / 10.0) > 0.5 * all
}

/// In how much of what is heard each of these tones sounds, 0 to 1: where it holds a good part of
/// the sound.
pub(crate) fn shares(samples: &[i16], voices: &[(char, f64)]) -> Vec<(char, f64)> {
    let sounds = |piece: &[i16], hertz: f64| {
        let all = loudness(piece) * piece.len() as f64;
        all > 5e6 && 2.0 * 10_f64.powf(power(piece, hertz) / 10.0) > 0.08 * all
    };
    let pieces = (samples.len() / PIECE).max(1) as f64;
    let share = |hertz: f64| samples.chunks_exact(PIECE).filter(|piece| sounds(piece, hertz)).count() as f64 / pieces;
    voices.iter().map(|(name, hertz)| (*name, share(*hertz))).collect()
}

/// Whose tones sound most of the time.
pub(crate) fn tones(samples: &[i16], voices: &[(char, f64)]) -> String {
    shares(samples, voices).into_iter().filter(|(_, share)| *share > 0.5).map(|(name, _)| name).collect()
}

/// A stretch of a recording, in its milliseconds.
pub(crate) fn stretch(samples: &[i16], from_ms: i64, to_ms: i64) -> &[i16] {
    let place = |ms: i64| (ms.max(0) as usize * 8).min(samples.len());
    &samples[place(from_ms)..place(to_ms)]
}

/// Waits until the agent has heard half a second of a tone.
pub(crate) async fn agent_hears(agent: &mut Agent, hertz: f64) {
    let is = |heard: &[u8]| {
        let last: Vec<i16> =
            heard.iter().skip(heard.len().saturating_sub(HALF)).map(|octet| Law::Pcma.decode(*octet)).collect();
        last.len() == HALF && is_tone(&last, hertz)
    };
    agent.hears(is).await;
}
