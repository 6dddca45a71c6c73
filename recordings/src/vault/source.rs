//! Where the bytes of a sealed file come from.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use super::{RecordingId, VaultError, io};

/// Why bytes could not be read.
pub(crate) enum Unread {
    /// They are not there.
    Cut,
    /// The place did not answer.
    Failed(VaultError),
}

/// A sealed file, read at any place.
pub(crate) trait Source: Send {
    /// Bytes of the file when it was opened.
    fn length(&self) -> u64;

    /// Reads exactly so many bytes from there on.
    fn read(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), Unread>;

    /// Whether each reading takes a way over the network: then as few as can be.
    fn is_far(&self) -> bool {
        false
    }
}

/// A file in a folder.
pub(super) struct OnDisk {
    file: File,
    path: PathBuf,
    length: u64,
}

impl OnDisk {
    pub(super) fn open(path: &Path, id: &RecordingId) -> Result<Self, VaultError> {
        let file = File::open(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => VaultError::Missing(id.to_string()),
            _ => io("open", path)(error),
        })?;
        let length = file.metadata().map_err(io("measure", path))?.len();
        Ok(Self { file, path: path.to_owned(), length })
    }
}

impl Source for OnDisk {
    fn length(&self) -> u64 {
        self.length
    }

    fn read(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), Unread> {
        self.file.read_exact_at(buffer, offset).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => Unread::Cut,
            _ => Unread::Failed(io("read", &self.path)(error)),
        })
    }
}
