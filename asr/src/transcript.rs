//! The transcript: what is stored, shown and exported.

use serde::{Deserialize, Serialize};

/// Which model wrote a transcript.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// File name without its folder.
    pub name: String,
    /// SHA-256 of the file, hex.
    pub sha256: String,
    /// The bundled test model: synthetic voices only, never for real speech.
    pub test_only: bool,
}

/// Who spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Speaker {
    /// A prompt of ours, with its own text.
    System,
    /// The left channel.
    Agent,
    /// The right channel.
    Party,
}

/// One utterance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Number within the transcript, from 1.
    pub no: u32,
    /// Who.
    pub speaker: Speaker,
    /// From, milliseconds of the recording.
    pub from_ms: u64,
    /// To, milliseconds of the recording.
    pub to_ms: u64,
    /// What.
    pub text: String,
    /// Mean probability of its tokens, 0 to 1.
    pub confidence: f32,
    /// To be listened to before it is relied on.
    pub weak: bool,
    /// Looks invented; hidden by default, never deleted.
    pub hidden: bool,
}

/// A transcript as the machine wrote it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transcript {
    /// Format.
    pub version: u32,
    /// By which model.
    pub model: ModelInfo,
    /// In the order of time.
    pub lines: Vec<Line>,
}
