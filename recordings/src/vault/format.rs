//! Layout of a vault file.
//!
//! Header: magic `SDVAULT2`, suite, length of the wrapped key (2 bytes), wrapped key,
//! start time (8 bytes). Then blocks: length of the sealed body (4 bytes), kind (1 byte),
//! sealed body. The body is bound to recording, start time, place and kind: with another time in
//! the header no block opens. All numbers big endian.
//!
//! Songda 0.1.0 wrote `SDVAULT1`, whose bodies are not bound to the start time. Such files are read,
//! and one that was left open is finished, by that rule for ever; no new one is made.

use serde::{Deserialize, Serialize};

use super::{BLOCK_FRAMES, CHANNELS, Gap, RATE, RecordingId};

/// Bytes of the magic.
const MAGIC: usize = 8;

/// By which rule a file was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// Of Songda 0.1.0: bodies are not bound to the start time.
    First,
    /// What is written now.
    Second,
}

impl Version {
    pub(super) fn magic(self) -> &'static [u8; MAGIC] {
        match self {
            Self::First => b"SDVAULT1",
            Self::Second => b"SDVAULT2",
        }
    }

    /// Reads the beginning of a file; none when it is no recording's.
    pub(super) fn read(head: &[u8]) -> Option<Self> {
        [Self::First, Self::Second].into_iter().find(|version| head.starts_with(version.magic()))
    }
}

/// Bytes of a header without the wrapped key.
pub(super) const HEAD: u64 = 19;
/// Bytes in front of each block's body.
pub(super) const BLOCK_HEAD: usize = 5;
/// One frame: two samples of two bytes.
pub(super) const FRAME: usize = 4;
/// Nonce and tag around the body.
pub(super) const OVERHEAD: usize = 28;
/// Largest body: a full block, or the closing block with its gaps.
pub(super) const BODY_LIMIT: usize = 1 << 20;
/// Bytes of a WAV header.
pub(super) const WAV_HEAD: u64 = 44;
/// Clear bytes of a full block.
pub(super) const BLOCK_BYTES: usize = BLOCK_FRAMES * FRAME;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Audio,
    Closing,
}

impl Kind {
    pub(super) fn byte(self) -> u8 {
        match self {
            Self::Audio => 1,
            Self::Closing => 2,
        }
    }

    pub(super) fn read(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Audio),
            2 => Some(Self::Closing),
            _ => None,
        }
    }
}

/// What the closing block says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Closing {
    pub(super) frames: u64,
    pub(super) sha256: String,
    pub(super) sm3: String,
    pub(super) recovered: bool,
    pub(super) gaps: Vec<Gap>,
}

pub(super) fn key_aad(id: &RecordingId) -> String {
    format!("songda/recording|{id}")
}

pub(super) fn block_aad(version: Version, id: &RecordingId, started_ms: i64, place: u64, kind: Kind) -> String {
    let kind = kind.byte();
    match version {
        Version::First => format!("songda/recording|{id}|{place}|{kind}"),
        Version::Second => format!("songda/recording|{id}|{started_ms}|{place}|{kind}"),
    }
}

/// The WAV header for this many frames: RIFF, PCM16, 8 kHz, two channels.
pub(super) fn wav_header(frames: u64) -> [u8; WAV_HEAD as usize] {
    let data = u32::try_from(frames * FRAME as u64).unwrap_or(u32::MAX - 36);
    let mut head = [0u8; WAV_HEAD as usize];
    let rate = RATE * u32::from(CHANNELS) * 2;
    head[0..4].copy_from_slice(b"RIFF");
    head[4..8].copy_from_slice(&(data + 36).to_le_bytes());
    head[8..16].copy_from_slice(b"WAVEfmt ");
    head[16..20].copy_from_slice(&16u32.to_le_bytes());
    head[20..22].copy_from_slice(&1u16.to_le_bytes());
    head[22..24].copy_from_slice(&CHANNELS.to_le_bytes());
    head[24..28].copy_from_slice(&RATE.to_le_bytes());
    head[28..32].copy_from_slice(&rate.to_le_bytes());
    head[32..34].copy_from_slice(&(FRAME as u16).to_le_bytes());
    head[34..36].copy_from_slice(&16u16.to_le_bytes());
    head[36..40].copy_from_slice(b"data");
    head[40..44].copy_from_slice(&data.to_le_bytes());
    head
}
