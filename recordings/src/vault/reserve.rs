//! Room that is kept for the books.
//!
//! Recordings and database often share a file system, and what fills it need not be ours.
//! When it is full the ends of the calls under way must still be written down: with their
//! hashes, their alarm, their audit row. So a file of some size lies beside the recordings,
//! and is emptied when there is no room left. From then on no recording goes on: a call
//! without one ends anyway, and what was freed is for what has to be said about it. The
//! file is filled again once there is room for it above the floor.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    sync::atomic::{AtomicU8, Ordering},
};

use rustix::fs::{FallocateFlags, fallocate};

/// Room on the vault's file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Bytes free, without the reserve.
    pub free: u64,
    /// Bytes that must be free for a recording to begin.
    pub needed: u64,
}

impl Room {
    /// Whether a recording may begin.
    pub fn is_enough(self) -> bool {
        self.free >= self.needed
    }
}

#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
    bytes: u64,
    state: AtomicU8,
}

/// Nobody has asked for it: a command beside the server, or a test.
const IDLE: u8 = 0;
const HELD: u8 = 1;
const SPENT: u8 = 2;

impl Reserve {
    pub(super) fn new(path: PathBuf, bytes: u64) -> Self {
        Self { path, bytes, state: AtomicU8::new(IDLE) }
    }

    /// What is left for the books; no recording may go on.
    pub(super) fn is_spent(&self) -> bool {
        self.state.load(Ordering::Acquire) == SPENT
    }

    /// Bytes that must be free besides the floor before a recording may begin.
    pub(super) fn missing(&self) -> u64 {
        if self.is_spent() { self.bytes + self.low() } else { 0 }
    }

    /// Below this it is time to give it up.
    fn low(&self) -> u64 {
        self.bytes / 8
    }

    /// Keeps it where there is room, gives it up where there is none.
    pub(super) fn tend(&self, free: u64, floor: u64) -> io::Result<()> {
        if self.bytes == 0 {
            return Ok(());
        }
        match self.state.load(Ordering::Acquire) {
            HELD if free < self.low() => self.give_up(),
            HELD => Ok(()),
            // The last run left it there.
            IDLE if self.is_whole() && free >= self.low() => self.hold(),
            _ if free >= floor.saturating_add(self.bytes + self.low()) => self.hold(),
            _ => self.give_up(),
        }
    }

    fn is_whole(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|file| file.len() == self.bytes)
    }

    fn hold(&self) -> io::Result<()> {
        let taken = self.take();
        // Half a reserve is room that nobody has.
        self.state.store(if taken.is_ok() { HELD } else { SPENT }, Ordering::Release);
        taken.inspect_err(|_| drop(self.empty()))
    }

    /// Empties it, so that what must be written finds room.
    pub(super) fn give_up(&self) -> io::Result<()> {
        if self.bytes == 0 || self.state.swap(SPENT, Ordering::AcqRel) == SPENT {
            return Ok(());
        }
        tracing::error!("there is no room left: what was kept for the books is given up, and recordings stop");
        self.empty()
    }

    fn empty(&self) -> io::Result<()> {
        match OpenOptions::new().write(true).open(&self.path) {
            Ok(file) => file.set_len(0).and_then(|()| file.sync_all()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn take(&self) -> io::Result<()> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&self.path)?;
        if file.metadata()?.len() != self.bytes {
            file.set_len(0)?;
        }
        match fallocate(&file, FallocateFlags::empty(), 0, self.bytes) {
            Ok(()) => {}
            // A file system that cannot promise room takes zeros.
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => fill(&file, self.bytes)?,
            Err(error) => return Err(error.into()),
        }
        file.sync_all()?;
        fs::File::open(self.path.parent().unwrap_or(&self.path))?.sync_all()
    }
}

fn fill(mut file: &File, bytes: u64) -> io::Result<()> {
    let zeros = vec![0; 64 << 10];
    let mut left = bytes;
    while left > 0 {
        let step = left.min(zeros.len() as u64);
        file.write_all(&zeros[..step as usize])?;
        left -= step;
    }
    Ok(())
}

/// Whether this error says that there is no room.
pub(super) fn no_room(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
