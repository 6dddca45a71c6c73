//! The files that recordings are written to.

use std::{fs::File, io, os::unix::fs::FileExt, sync::Arc};

/// A file that a recording is written to: of a file system, or of a test that stalls.
pub trait BlockFile: Send + Sync {
    /// Writes all of it at this place. It need not be on the disk when this returns.
    fn write(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Returns when everything that was written is on the disk.
    fn sync(&self) -> io::Result<()>;

    /// Cuts the file to this length.
    fn cut(&self, length: u64) -> io::Result<()>;
}

impl BlockFile for File {
    fn write(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

/// What makes of an opened file the one that is written to.
pub(super) type Wrap = Arc<dyn Fn(File) -> Arc<dyn BlockFile> + Send + Sync>;

pub(super) fn plain() -> Wrap {
    Arc::new(|file| Arc::new(file))
}
