//! The files that recordings are written to.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::Path,
    sync::Arc,
};

use rustix::{
    fs::{CWD, RenameFlags, renameat_with},
    io::Errno,
};

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

/// Moves a file to a name that nothing has yet; [`io::ErrorKind::AlreadyExists`] where something
/// has it, which then stays as it is.
pub(super) fn move_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // A file system that cannot do so in one step. Killed between the two, one file has both
        // names, which a recovery sees.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            fs::hard_link(from, to).and_then(|()| fs::remove_file(from))
        }
        done => Ok(done?),
    }
}

/// What makes of an opened file the one that is written to.
pub(super) type Wrap = Arc<dyn Fn(File) -> Arc<dyn BlockFile> + Send + Sync>;

pub(super) fn plain() -> Wrap {
    Arc::new(|file| Arc::new(file))
}
