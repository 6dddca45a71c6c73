//! 8 kHz samples of the telephone to the 16 kHz floats that the models want.

use rubato::{Fft, FixedSync, Resampler, audioadapter_buffers::direct::SequentialSliceOfVecs};

/// Rate of the models.
pub(crate) const RATE: u64 = 16_000;

/// One channel at 16 kHz. None when the resampler refuses, which a fixed ratio does not.
pub(crate) fn to_16k(samples: &[i16], rate: u32) -> Option<Vec<f32>> {
    let clear: Vec<f32> = samples.iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
    if u64::from(rate) == RATE || clear.is_empty() {
        return Some(clear);
    }
    let frames = clear.len();
    let mut resampler = Fft::<f32>::new(rate as usize, RATE as usize, 1024, 1, FixedSync::Both).ok()?;
    let channels = [clear];
    let input = SequentialSliceOfVecs::new(&channels[..], 1, frames).ok()?;
    Some(resampler.process_all(&input, frames, None).ok()?.take_data())
}
