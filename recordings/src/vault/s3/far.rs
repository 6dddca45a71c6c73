//! A sealed file that is only on the server, read by ranges.

use std::sync::Arc;

use object_store::path::Path;

use super::{Remote, S3Error};
use crate::vault::{
    RecordingId, VaultError,
    source::{Source, Unread},
};

/// Bytes of a first reading somewhere: two blocks. A jump takes no more.
const LEAST: u64 = 64 << 10;
/// Bytes of a reading by one who reads on and on.
const MOST: u64 = 1 << 20;

/// The copy of a recording.
pub(in crate::vault) struct Far {
    remote: Arc<Remote>,
    object: Path,
    length: u64,
    /// What was read last, and where it lies.
    from: u64,
    window: Vec<u8>,
    /// Bytes of the next reading.
    ahead: u64,
}

impl Far {
    /// Opens the copy of a recording; none when there is no such. A bucket that is gone is an error.
    pub(in crate::vault) fn open(remote: &Arc<Remote>, id: &RecordingId) -> Result<Option<Self>, S3Error> {
        let object = remote.object(id);
        let found = remote.find(id)?.map(|about| about.size);
        Ok(found.map(|length| Self {
            remote: remote.clone(),
            object,
            length,
            from: 0,
            window: Vec::new(),
            ahead: LEAST,
        }))
    }
}

impl Source for Far {
    fn length(&self) -> u64 {
        self.length
    }

    fn read(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), Unread> {
        let wanted = buffer.len() as u64;
        let end = offset.checked_add(wanted).filter(|end| *end <= self.length).ok_or(Unread::Cut)?;
        let mut done = 0;
        let mut at = offset;
        while at < end {
            let has = self.from..self.from + self.window.len() as u64;
            if !has.contains(&at) {
                let goes_on = at == has.end && at > 0;
                self.ahead = if goes_on { (self.ahead * 2).min(MOST) } else { LEAST };
                let to = self.length.min(at + self.ahead.max(end - at));
                let read = self.remote.range(&self.object, at..to);
                self.window = read.map_err(|error| Unread::Failed(VaultError::S3(error)))?;
                self.from = at;
            }
            let part = &self.window[(at - self.from) as usize..];
            let step = part.len().min((end - at) as usize);
            buffer[done..done + step].copy_from_slice(&part[..step]);
            done += step;
            at += step as u64;
        }
        Ok(())
    }

    fn is_far(&self) -> bool {
        true
    }
}
