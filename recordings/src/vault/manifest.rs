//! What is known of a recording once it is closed.

use serde::{Deserialize, Serialize};

use super::{RecordingId, SetAside, VaultError};
use crate::said::Said;

/// A hole in one channel: silence in the file, and listed here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// 0 left, 1 right.
    pub channel: u8,
    /// First frame.
    pub from_frame: u64,
    /// Frame after the last.
    pub to_frame: u64,
    /// Why; what was closed before this was told has none.
    #[serde(default)]
    pub kind: GapKind,
}

/// Why there is no sound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapKind {
    /// It was sent and did not come in time.
    Lost,
    /// Nothing was sent: the far end suppressed its silence, pressed a key, or stood still.
    Unsent,
    /// It cannot be told.
    #[default]
    Unknown,
    /// The list is full: holes lie in here that are not listed one by one.
    Unlisted,
    /// Sound that came was left out here: it has no length, and what lies on both sides adjoins.
    Cut,
    /// The list was lost with the process that kept it: whether holes lie in here is not known.
    ListLost,
}

/// Facts of a closed recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Recording.
    pub id: RecordingId,
    /// Frames per channel.
    pub frames: u64,
    /// Bytes of the WAV.
    pub bytes: u64,
    /// SHA-256 of the WAV, hex.
    pub sha256: String,
    /// SM3 of the WAV, hex.
    pub sm3: String,
    /// Unix milliseconds of frame 0.
    pub started_ms: i64,
    /// Closed after a kill, at its last whole block.
    pub recovered: bool,
    /// Holes; of one that was recovered a single one over each whole channel, [`GapKind::ListLost`].
    pub gaps: Vec<Gap>,
}

/// A recording that was closed after a kill.
#[derive(Debug, Clone)]
pub struct Recovered {
    /// Its manifest.
    pub manifest: Manifest,
}

/// A recording that could not be closed and still lies where it was written.
#[derive(Debug)]
pub struct Stayed {
    /// Recording.
    pub id: RecordingId,
    /// Why.
    pub error: VaultError,
}

/// What [`Vault::finish_unclosed`](super::Vault::finish_unclosed) did.
#[derive(Debug, Default)]
pub struct Finished {
    /// Closed and on the shelf.
    pub closed: Vec<Recovered>,
    /// Nothing but a header, and removed: no second of them was ever whole.
    pub empty: Vec<RecordingId>,
    /// Left as they are, for the next start.
    pub stayed: Vec<Stayed>,
    /// What did not open, or had the name of a closed one, and lies in `live/lost` now.
    pub aside: Vec<SetAside>,
}

impl IntoIterator for Finished {
    type Item = Recovered;
    type IntoIter = std::vec::IntoIter<Recovered>;

    /// Those that were closed.
    fn into_iter(self) -> Self::IntoIter {
        self.closed.into_iter()
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// As it was written.
    Intact,
    /// Not there.
    Missing,
    /// Not as it was written.
    Altered {
        /// What differs.
        reason: Said,
    },
}

/// What [`Vault::remove`](super::Vault::remove) took away. Where nothing was left to take,
/// all of it is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// Bytes of the sealed file that lay in the local folder; none when it was not there.
    pub local_bytes: Option<u64>,
    /// Bytes of the sealed copy on the S3 server; none when there was no copy, or no server.
    pub remote_bytes: Option<u64>,
}

/// Loudness for a wave form, 0 to 255, one value per step and channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peaks {
    /// Left.
    pub left: Vec<u8>,
    /// Right.
    pub right: Vec<u8>,
}
