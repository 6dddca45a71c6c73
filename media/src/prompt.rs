//! Prompts: read once, kept in both laws, played at no cost.

use std::path::{Path, PathBuf};

use rubato::{Fft, FixedSync, Resampler, audioadapter_buffers::direct::SequentialSliceOfVecs};
use symphonia::core::{
    codecs::audio::AudioDecoderOptions,
    errors::Error as Decode,
    formats::{FormatOptions, TrackType, probe::Hint},
    io::{MediaSourceStream, MediaSourceStreamOptions},
    meta::MetadataOptions,
};

use crate::{Law, PACKET, RATE};

/// Longest prompt, seconds.
const LONGEST: usize = 600;

/// Why a prompt cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PromptError {
    /// The file cannot be read.
    #[error("prompt {path} cannot be read: {source}; put the file there or correct the configuration")]
    Read {
        /// File.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// The file is no sound that we know.
    #[error("prompt {path} cannot be decoded: {reason}; WAV, FLAC, MP3 and OGG Vorbis are understood")]
    Format {
        /// File.
        path: PathBuf,
        /// Cause.
        reason: String,
    },
}

/// A prompt at 8 kHz.
pub struct Prompt {
    samples: Vec<i16>,
    pcma: Vec<u8>,
    pcmu: Vec<u8>,
}

impl std::fmt::Debug for Prompt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prompt").field("samples", &self.samples.len()).finish_non_exhaustive()
    }
}

impl Prompt {
    /// Reads a sound file, mixes it to one channel and brings it to 8 kHz.
    pub fn load(path: &Path) -> Result<Self, PromptError> {
        let bad = |reason: String| PromptError::Format { path: path.to_owned(), reason };
        let file = std::fs::File::open(path).map_err(|source| PromptError::Read { path: path.to_owned(), source })?;
        let (clear, rate) = decode(file).map_err(bad)?;
        let clear = to_8k(clear, rate).map_err(bad)?;
        if clear.len() < PACKET {
            return Err(bad("it is shorter than 20 ms".into()));
        }
        Ok(Self::from_samples(
            clear.iter().map(|sample| (sample * 32_767.0).clamp(-32_768.0, 32_767.0) as i16).collect(),
        ))
    }

    /// A prompt of samples at 8 kHz; the last packet is filled with silence.
    pub fn from_samples(mut samples: Vec<i16>) -> Self {
        samples.resize(samples.len().div_ceil(PACKET) * PACKET, 0);
        let law = |law: Law| samples.iter().map(|sample| law.encode(*sample)).collect();
        Self { pcma: law(Law::Pcma), pcmu: law(Law::Pcmu), samples }
    }

    /// Ring-back as the network of this country makes it: 450 Hz, one second on, four seconds
    /// off (ITU-T E.180, supplement 2).
    pub fn ring_back() -> Self {
        let second = RATE as usize;
        let tone = (0..second).map(|at| {
            let angle = at as f64 * 450.0 * std::f64::consts::TAU / f64::from(RATE);
            (angle.sin() * 6_000.0) as i16
        });
        Self::from_samples(tone.chain(std::iter::repeat_n(0, 4 * second)).collect())
    }

    /// The tone after which a caller speaks: 1 kHz, half a second.
    pub fn beep() -> Self {
        let tone = (0..RATE / 2).map(|at| {
            let angle = f64::from(at) * 1_000.0 * std::f64::consts::TAU / f64::from(RATE);
            (angle.sin() * 8_000.0) as i16
        });
        Self::from_samples(tone.collect())
    }

    /// Length in samples, a multiple of 160.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there is nothing to play.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// One packet's worth as samples and as octets.
    pub(crate) fn packet(&self, at: usize, law: Law) -> Option<(&[i16], &[u8])> {
        let octets = match law {
            Law::Pcma => &self.pcma,
            Law::Pcmu => &self.pcmu,
        };
        Some((self.samples.get(at..at + PACKET)?, octets.get(at..at + PACKET)?))
    }
}

fn decode(file: std::fs::File) -> Result<(Vec<f32>, u32), String> {
    let text = |error: Decode| error.to_string();
    let stream = MediaSourceStream::new(Box::new(file), MediaSourceStreamOptions::default());
    let mut format = symphonia::default::get_probe()
        .probe(&Hint::new(), stream, FormatOptions::default(), MetadataOptions::default())
        .map_err(text)?;
    let track = format.default_track(TrackType::Audio).ok_or("it holds no sound")?;
    let parameters =
        track.codec_params.as_ref().and_then(|parameters| parameters.audio()).ok_or("its codec is not named")?;
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(text)?;
    let id = track.id;
    let (mut mono, mut interleaved, mut rate) = (Vec::new(), Vec::<f32>::new(), 0);
    while let Some(packet) = format.next_packet().map_err(text)? {
        if packet.track_id != id {
            continue;
        }
        let buffer = decoder.decode(&packet).map_err(text)?;
        rate = buffer.spec().rate();
        let channels = buffer.num_planes().max(1);
        buffer.copy_to_vec_interleaved(&mut interleaved);
        mono.extend(interleaved.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() / channels as f32));
        if mono.len() > LONGEST * rate as usize {
            return Err(format!("it is longer than {LONGEST} seconds"));
        }
    }
    if rate == 0 { Err("it holds no sound".into()) } else { Ok((mono, rate)) }
}

fn to_8k(clear: Vec<f32>, rate: u32) -> Result<Vec<f32>, String> {
    if rate == RATE {
        return Ok(clear);
    }
    let frames = clear.len();
    let failed = |error: &dyn std::fmt::Display| format!("{rate} Hz cannot be brought to {RATE} Hz: {error}");
    let mut resampler =
        Fft::<f32>::new(rate as usize, RATE as usize, 1024, 1, FixedSync::Both).map_err(|error| failed(&error))?;
    let channels = [clear];
    let input = SequentialSliceOfVecs::new(&channels[..], 1, frames).map_err(|error| failed(&error))?;
    Ok(resampler.process_all(&input, frames, None).map_err(|error| failed(&error))?.take_data())
}
