//! WAV files as the parties speak them: 8 kHz, PCM16, A-law or µ-law.
//!
//! `hound` does not read G.711, in which the held-out speech of the test model stands,
//! so the few chunks that matter are read here.

use std::path::Path;
use std::sync::Arc;

use super::g711::Law;

/// Which channel of a two-channel file a party speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Channel {
    /// The first channel.
    Left,
    /// The second channel, where recordings keep the party (and the default).
    #[default]
    Right,
}

/// Why a WAV file cannot be spoken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WavError {
    /// The file could not be read.
    #[error("cannot read the file: {0}")]
    Read(#[from] std::io::Error),
    /// It is no WAV file, or a chunk is cut off.
    #[error("not a whole RIFF/WAVE file")]
    NotWave,
    /// The format is another than 8 kHz PCM16, A-law or µ-law with one or two channels.
    #[error("only 8 kHz with one or two channels of PCM16, A-law or mu-law is spoken")]
    Format,
}

/// Reads a file; of two channels, `channel`.
pub(crate) fn read(path: &Path, channel: Channel) -> Result<Arc<[i16]>, WavError> {
    decode(&std::fs::read(path)?, channel)
}

/// Reads the bytes of a file; of two channels, `channel`.
pub(crate) fn decode(bytes: &[u8], channel: Channel) -> Result<Arc<[i16]>, WavError> {
    if bytes.get(..4) != Some(b"RIFF") || bytes.get(8..12) != Some(b"WAVE") {
        return Err(WavError::NotWave);
    }
    let (mut rest, mut format) = (&bytes[12..], None);
    while let Some((head, body)) = rest.split_at_checked(8) {
        let size = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let chunk = body.get(..size).ok_or(WavError::NotWave)?;
        match &head[..4] {
            b"fmt " => format = Some(Format::read(chunk)?),
            b"data" => return Ok(format.ok_or(WavError::NotWave)?.samples(chunk, channel)),
            _ => {}
        }
        rest = body.get(size + size % 2..).unwrap_or_default();
    }
    Err(WavError::NotWave)
}

struct Format {
    law: Option<Law>,
    channels: usize,
}

impl Format {
    fn read(chunk: &[u8]) -> Result<Self, WavError> {
        let short = |at: usize| chunk.get(at..at + 2).map(|b| u16::from_le_bytes([b[0], b[1]]));
        let (Some(tag), Some(channels), Some(bits)) = (short(0), short(2), short(14)) else {
            return Err(WavError::NotWave);
        };
        let rate = u32::from_le_bytes([chunk[4], chunk[5], chunk[6], chunk[7]]);
        let law = match (tag, bits) {
            (1, 16) => None,
            (6, 8) => Some(Law::A),
            (7, 8) => Some(Law::Mu),
            _ => return Err(WavError::Format),
        };
        if rate != 8000 || !(1..=2).contains(&channels) {
            return Err(WavError::Format);
        }
        Ok(Self { law, channels: usize::from(channels) })
    }

    fn samples(&self, data: &[u8], channel: Channel) -> Arc<[i16]> {
        let all: Vec<i16> = match self.law {
            Some(law) => data.iter().map(|&code| law.decode(code)).collect(),
            None => data.as_chunks::<2>().0.iter().map(|b| i16::from_le_bytes(*b)).collect(),
        };
        let first = usize::from(self.channels == 2 && channel == Channel::Right);
        all.into_iter().skip(first).step_by(self.channels).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(tag: u16, channels: u16, bits: u16, rate: u32, data: &[u8]) -> Vec<u8> {
        let mut b = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec();
        b.extend(tag.to_le_bytes());
        b.extend(channels.to_le_bytes());
        b.extend(rate.to_le_bytes());
        b.extend([0; 6]);
        b.extend(bits.to_le_bytes());
        b.extend(b"data");
        b.extend((data.len() as u32).to_le_bytes());
        b.extend(data);
        b
    }

    #[test]
    fn the_party_speaks_the_right_channel_unless_told_otherwise() {
        let bytes = file(1, 2, 16, 8000, &[1, 0, 2, 0, 3, 0, 4, 0]);
        assert_eq!(*decode(&bytes, Channel::default()).unwrap(), [2, 4]);
        assert_eq!(*decode(&bytes, Channel::Left).unwrap(), [1, 3]);
    }

    #[test]
    fn g711_is_decoded_and_other_formats_are_refused() {
        assert_eq!(decode(&file(6, 1, 8, 8000, &[0xD5]), Channel::Right).unwrap()[0], 8);
        assert!(matches!(decode(&file(1, 1, 16, 16000, &[]), Channel::Right), Err(WavError::Format)));
        assert!(matches!(decode(b"RIFF", Channel::Right), Err(WavError::NotWave)));
        let mut cut = file(1, 1, 16, 8000, &[0; 8]);
        cut.truncate(cut.len() - 1);
        assert!(matches!(decode(&cut, Channel::Right), Err(WavError::NotWave)));
    }
}
