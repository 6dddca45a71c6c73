//! What is wrong with a recording's file.

use std::fmt;

use super::VaultError;
use crate::{keys::KeyError, said::Said};

/// Why a block, or the file around it, is not what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flaw {
    /// The header ends before its end.
    HeaderCut,
    /// The header is of something else.
    NoHeader,
    /// The key in the header opens nothing.
    Seal,
    /// There is no such block.
    BlockMissing,
    /// There is no closing block.
    EndCut,
    /// The closing block counts more blocks than there are.
    BlocksMissing,
    /// Bytes follow the closing block.
    Follows,
    /// Bytes follow the last block that are none.
    NoBlock,
    /// The closing block opens, and says nothing that could be read.
    Closing,
    /// Its sound has other hashes than its closing block says.
    Sound,
    /// What was written is not all there.
    Unwritten,
    /// A time for frame 0 comes too late.
    Begun,
    /// A block that is no second.
    NotASecond,
    /// One that holds sound is not given up.
    HoldsSound,
    /// The recording is closed already, and another of its name was still live.
    ClosedAlready,
    /// Not one block of it opens.
    NothingOpens,
    /// Something is written behind a header that cannot be read.
    HeaderUnreadable,
    /// Its end, from the first block that does not open.
    LostEnd,
}

impl Flaw {
    /// In words.
    pub fn said(self) -> Said {
        match self {
            Self::HeaderCut => Said::new("flaw.header_cut", "the header is cut"),
            Self::NoHeader => Said::new("flaw.no_header", "the header is not a recording's"),
            Self::Seal => Said::new("flaw.seal", "its seal is broken"),
            Self::BlockMissing => Said::new("flaw.block_missing", "the block is missing"),
            Self::EndCut => Said::new("flaw.end_cut", "its end is cut off"),
            Self::BlocksMissing => Said::new("flaw.blocks_missing", "blocks are missing before the closing block"),
            Self::Follows => Said::new("flaw.follows", "something follows the closing block"),
            Self::NoBlock => Said::new("flaw.no_block", "what follows its last block is no block"),
            Self::Closing => Said::new("flaw.closing", "the closing block cannot be read"),
            Self::Sound => Said::new("flaw.sound", "its sound is not what its closing block says"),
            Self::Unwritten => Said::new("flaw.unwritten", "what was written is not there"),
            Self::Begun => Said::new("flaw.begun", "it holds audio already"),
            Self::NotASecond => Said::new("flaw.not_a_second", "a block must be one second"),
            Self::HoldsSound => Said::new("flaw.holds_sound", "it holds audio and must be closed"),
            Self::ClosedAlready => {
                Said::new("flaw.closed_already", "a closed recording of this name is there already, and is kept")
            }
            Self::NothingOpens => Said::new("flaw.nothing_opens", "no block at its beginning opens"),
            Self::HeaderUnreadable => Said::new("flaw.header_unreadable", "its header cannot be read"),
            Self::LostEnd => Said::new("flaw.lost_end", "what follows its last whole block does not open"),
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.said().fmt(f)
    }
}

impl VaultError {
    /// Whether it is the file of one recording, or the place of it on the disk, that is damaged:
    /// nothing is said of any other.
    pub(super) fn is_of_the_file(&self) -> bool {
        matches!(self, Self::Altered { .. } | Self::Key(_) | Self::Io { .. })
    }

    /// In words.
    pub fn said(&self) -> Said {
        match self {
            Self::Altered { block, flaw, .. } => Said::new("recording.block", "it is altered at block {block}: {flaw}")
                .with("block", *block)
                .with("flaw", flaw.said()),
            Self::Missing(_) => Said::new("file.missing", "the file is not there"),
            Self::Key(KeyError::DoesNotOpen) => Said::new(
                "recording.key",
                "the key in it does not open: it was sealed under another key, moved, or altered",
            ),
            other => Said::new("vault.failed", "{why}").with("why", other.to_string()),
        }
    }
}
