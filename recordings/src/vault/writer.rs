//! Writing a recording.

mod recover;

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
    sync::{Arc, PoisonError},
    time::Duration,
};

use zeroize::Zeroizing;

use super::{
    BLOCK_FRAMES, CHANNELS, Flaw, Gap, GapKind, Manifest, RecordingId, Vault, VaultError, WavReader, Writing,
    files::move_new,
    format::{BLOCK_BYTES, BLOCK_HEAD, Closing, FRAME, Kind, OVERHEAD, Version, WAV_HEAD, block_aad, key_aad},
    io,
    layout::{SLOT, UNSYNCED},
    reserve::{Reserve, no_room},
    shelf::Shelf,
    sync_folder,
    syncs::{Syncs, Tail, Unsynced},
};
pub(super) use recover::Resumed;

use crate::keys::{KeyError, SUITE, open, seal};

/// An open recording. Dropped without [`Writer::finish`], it stays live and is closed by
/// [`Vault::finish_unclosed`].
pub struct Writer {
    id: RecordingId,
    version: Version,
    key: Zeroizing<[u8; 32]>,
    tail: Arc<Tail>,
    syncs: Arc<Syncs>,
    /// Bytes of the header.
    head: u64,
    /// Where the next block begins.
    end: u64,
    live: std::path::PathBuf,
    shelf: Arc<Shelf>,
    keys: Arc<dyn crate::keys::KeyProvider>,
    started_ms: i64,
    place: u64,
    frames: u64,
    /// A short block was written: it must have been the last.
    short: bool,
    /// The closing block is there already: only the way to the shelf is missing.
    manifest: Option<Manifest>,
    reserve: Arc<Reserve>,
    patience: Duration,
    _written: Written,
}

/// Notes that a recording is being written, for as long as it is.
struct Written {
    all: Writing,
    id: RecordingId,
}

impl Written {
    /// None while it is being written already.
    fn enter(vault: &Vault, id: &RecordingId) -> Option<Self> {
        let new = vault.writing.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone());
        new.then(|| Self { all: vault.writing.clone(), id: id.clone() })
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("id", &self.id).field("frames", &self.frames).finish_non_exhaustive()
    }
}

impl Writer {
    pub(super) fn begin(vault: &Vault, id: &RecordingId, started_ms: i64) -> Result<Self, VaultError> {
        let live = vault.live_path(id);
        // Before there is a file: one that nobody is writing counts as left open.
        let written = Written::enter(vault, id).ok_or_else(|| io("create", &live)(ErrorKind::AlreadyExists.into()))?;
        if vault.shelf.holds(id) {
            return Err(VaultError::Shelved(id.to_string()));
        }
        let mut key = Zeroizing::new([0u8; 32]);
        getrandom::fill(&mut key[..]).map_err(|_| KeyError::Random)?;
        let wrapped = vault.keys.wrap(&key, key_aad(id).as_bytes())?;
        let mut head = Vec::with_capacity(96);
        head.extend_from_slice(Version::Second.magic());
        head.push(SUITE);
        head.extend_from_slice(&(wrapped.len() as u16).to_be_bytes());
        head.extend_from_slice(&wrapped);
        head.extend_from_slice(&started_ms.to_be_bytes());
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&live).map_err(io("create", &live))?;
        file.write_all(&head).and_then(|()| file.sync_all()).map_err(io("write", &live))?;
        sync_folder(&live)?;
        Ok(Self {
            id: id.clone(),
            version: Version::Second,
            key,
            tail: vault.syncs.tail((vault.files)(file), head.len() as u64),
            syncs: vault.syncs.clone(),
            head: head.len() as u64,
            end: head.len() as u64,
            live,
            shelf: vault.shelf.clone(),
            keys: vault.keys.clone(),
            started_ms,
            place: 0,
            frames: 0,
            short: false,
            manifest: None,
            reserve: vault.reserve.clone(),
            patience: vault.patience,
            _written: written,
        })
    }

    /// Says when frame 0 was heard, for a recording that was opened before any sound came.
    /// Too late once a block was sealed.
    pub fn start_at(&mut self, unix_ms: i64) -> Result<(), VaultError> {
        if self.place > 0 {
            return Err(VaultError::Altered { id: self.id.to_string(), block: 0, flaw: Flaw::Begun });
        }
        let stamp = unix_ms.to_be_bytes();
        self.tail.file().write(&stamp, self.head - stamp.len() as u64).map_err(io("write", &self.live))?;
        self.syncs.rewritten(&self.tail);
        self.started_ms = unix_ms;
        Ok(())
    }

    /// Seconds sealed so far, in frames.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Seals one block of interleaved samples and waits until it is on the disk. Every
    /// block but the last must be a whole second.
    pub fn append(&mut self, pcm: &[i16]) -> Result<(), VaultError> {
        self.put(pcm)?;
        self.wait()
    }

    /// Seals one block of interleaved samples and writes it. A kill of the process leaves it
    /// where it is; it is on the disk about half a second later, without anybody waiting for
    /// that. While the disk does not keep up, up to 60 seconds may be on their way to it; then
    /// this waits, and when no sync returns for half a minute it ends with [`VaultError::Stalled`]:
    /// every block that it took is in the file.
    pub fn put(&mut self, pcm: &[i16]) -> Result<(), VaultError> {
        let channels = usize::from(CHANNELS);
        let whole = pcm.len() == BLOCK_FRAMES * channels;
        if self.short || pcm.is_empty() || pcm.len() > BLOCK_FRAMES * channels || !pcm.len().is_multiple_of(channels) {
            return Err(VaultError::Altered { id: self.id.to_string(), block: self.place, flaw: Flaw::NotASecond });
        }
        if self.reserve.is_spent() {
            // What is left is for the books.
            return Err(VaultError::Full { floor: self.reserve.missing() });
        }
        let room = self.syncs.wait_below(&self.tail, (UNSYNCED - 1) * SLOT, self.patience);
        self.settle(room)?;
        let mut clear = Zeroizing::new(Vec::with_capacity(BLOCK_BYTES));
        for sample in pcm {
            clear.extend_from_slice(&sample.to_le_bytes());
        }
        self.write(Kind::Audio, &clear)?;
        self.short = !whole;
        self.frames += (clear.len() / FRAME) as u64;
        if self.syncs.written(&self.tail, self.end) {
            return Ok(());
        }
        // Nobody else brings it to the disk.
        self.wait()
    }

    /// Waits until everything is on the disk.
    fn wait(&mut self) -> Result<(), VaultError> {
        let waited = self.syncs.now(&self.tail, self.end, self.patience);
        self.settle(waited)
    }

    fn settle(&mut self, waited: Result<(), Unsynced>) -> Result<(), VaultError> {
        match waited {
            Ok(()) => Ok(()),
            Err(Unsynced::Stalled) => Err(self.stalled()),
            Err(Unsynced::Failed(error)) => self.mend(error),
        }
    }

    fn stalled(&self) -> VaultError {
        VaultError::Stalled { id: self.id.to_string(), seconds: self.patience.as_secs() }
    }

    /// A sync failed. What it left on the disk is not known, and a later one that succeeds says
    /// nothing about it: what can be read back is written once more. From the first block that does
    /// not open on all is cut off, for nothing may stand at the wrong time; what opens is never cut,
    /// even where the disk goes on failing.
    fn mend(&mut self, error: std::io::Error) -> Result<(), VaultError> {
        if no_room(&error) {
            self.give_up();
        }
        let end = self.end;
        let opens = self.write_again(self.tail.durable()).map_err(io("write again", &self.live))?;
        if opens < end {
            tracing::error!(recording = %self.id, bytes = end - opens, %error, "a sync failed and blocks were lost");
            self.cut(opens);
            self.recount();
        } else {
            self.tail.was_cut(end);
        }
        match self.syncs.now(&self.tail, self.end, self.patience) {
            Ok(()) if opens == end => {
                tracing::warn!(recording = %self.id, %error, "a sync failed; what was written was written again");
                Ok(())
            }
            Ok(()) => Err(io("sync", &self.live)(error)),
            Err(Unsynced::Failed(again)) => Err(io("sync", &self.live)(again)),
            Err(Unsynced::Stalled) => Err(self.stalled()),
        }
    }

    /// Writes the blocks from there on once more, as far as they can be read and open, and says how
    /// far that is.
    fn write_again(&self, from: u64) -> std::io::Result<u64> {
        let stamp = self.started_ms.to_be_bytes();
        self.tail.file().write(&stamp, self.head - stamp.len() as u64)?;
        let file = fs::File::open(&self.live)?;
        let mut at = from;
        while let Some(block) = self.read_back(&file, at) {
            self.tail.file().write(&block, at)?;
            at += block.len() as u64;
        }
        Ok(at)
    }

    /// A block that stands there and opens.
    fn read_back(&self, file: &fs::File, at: u64) -> Option<Vec<u8>> {
        let mut head = [0; BLOCK_HEAD];
        file.read_exact_at(&mut head, at).ok()?;
        let sealed = u64::from(u32::from_be_bytes([head[0], head[1], head[2], head[3]]));
        let kind = Kind::read(head[4])?;
        if at + BLOCK_HEAD as u64 + sealed > self.end {
            return None;
        }
        let mut block = vec![0; BLOCK_HEAD + sealed as usize];
        file.read_exact_at(&mut block, at).ok()?;
        let place = (at - self.head).div_ceil(SLOT);
        let aad = block_aad(self.version, &self.id, self.started_ms, place, kind);
        open(&self.key, aad.as_bytes(), &block[BLOCK_HEAD..]).ok().map(Zeroizing::new)?;
        Some(block)
    }

    /// Counts what is left after a cut.
    fn recount(&mut self) {
        let blocks = self.end - self.head;
        let short = (blocks % SLOT).saturating_sub((BLOCK_HEAD + OVERHEAD) as u64) / FRAME as u64;
        self.place = blocks.div_ceil(SLOT);
        self.frames = blocks / SLOT * BLOCK_FRAMES as u64 + short;
        self.short = short > 0;
    }

    fn give_up(&self) {
        if let Err(error) = self.reserve.give_up() {
            tracing::error!(%error, "what was kept for the books could not be given up");
        }
    }

    fn write(&mut self, kind: Kind, clear: &[u8]) -> Result<(), VaultError> {
        let aad = block_aad(self.version, &self.id, self.started_ms, self.place, kind);
        let sealed = seal(&self.key, aad.as_bytes(), clear)?;
        let mut block = Vec::with_capacity(sealed.len() + BLOCK_HEAD);
        block.extend_from_slice(&(sealed.len() as u32).to_be_bytes());
        block.push(kind.byte());
        block.extend_from_slice(&sealed);
        let mut done = self.tail.file().write(&block, self.end);
        if let Err(error) = &done {
            // A torn block would hide later ones: cut it off before saying so.
            let full = no_room(error);
            self.cut(self.end);
            if full {
                self.give_up();
                // The end belongs to the books.
                if kind == Kind::Closing {
                    done = self.tail.file().write(&block, self.end);
                    if done.is_err() {
                        self.cut(self.end);
                    }
                }
            }
        }
        done.map_err(io("write", &self.live))?;
        self.end += block.len() as u64;
        self.place += 1;
        Ok(())
    }

    fn cut(&mut self, end: u64) {
        if let Err(error) = self.tail.file().cut(end) {
            tracing::error!(recording = %self.id, %error, "the torn end of a recording could not be cut off");
        }
        self.tail.was_cut(end);
        self.end = end;
    }

    /// Closes the recording with the holes that are known, hashes it as WAV, and puts it
    /// on its shelf. When that fails, on a full disk for one or on one that stands still
    /// ([`VaultError::Stalled`], after half a minute), every sealed second stays where it is and
    /// [`Vault::finish_unclosed`] closes it when there is room.
    pub fn finish(self, gaps: Vec<Gap>) -> Result<Manifest, VaultError> {
        self.close(gaps, false)
    }

    /// The list of holes was lost with the process that would have written it.
    pub(super) fn finish_recovered(self) -> Result<Manifest, VaultError> {
        let to_frame = self.frames;
        let unknown = |channel| Gap { channel, from_frame: 0, to_frame, kind: GapKind::ListLost };
        self.close([0, 1].map(unknown).to_vec(), true)
    }

    fn close(mut self, gaps: Vec<Gap>, recovered: bool) -> Result<Manifest, VaultError> {
        let manifest = match self.manifest.take() {
            Some(manifest) => manifest,
            None => self.seal_end(gaps, recovered)?,
        };
        self.shelve()?;
        Ok(manifest)
    }

    /// Writes the closing block, when every block before it is on the disk.
    fn seal_end(&mut self, gaps: Vec<Gap>, recovered: bool) -> Result<Manifest, VaultError> {
        match self.wait() {
            Ok(()) => {}
            Err(error @ VaultError::Stalled { .. }) => return Err(error),
            // What was lost is told; what is there is closed.
            Err(error) => {
                tracing::error!(recording = %self.id, %error, "the end of a recording did not come to the disk");
            }
        }
        let mut reader = WavReader::unfinished(&self.live, &self.id, self.keys.as_ref())?;
        if reader.frames() != self.frames {
            let (id, block) = (self.id.to_string(), reader.blocks());
            return Err(VaultError::Altered { id, block, flaw: Flaw::Unwritten });
        }
        let (sha256, sm3) = reader.hashes()?;
        let closing = Closing { frames: self.frames, sha256, sm3, recovered, gaps };
        let clear = serde_json::to_vec(&closing).unwrap_or_default();
        self.write_closing(&clear)?;
        Ok(Manifest {
            id: self.id.clone(),
            frames: closing.frames,
            bytes: WAV_HEAD + closing.frames * FRAME as u64,
            sha256: closing.sha256,
            sm3: closing.sm3,
            started_ms: self.started_ms,
            recovered,
            gaps: closing.gaps,
        })
    }

    /// Where no room is left for it, what was kept for the books is given up for it.
    fn write_closing(&mut self, clear: &[u8]) -> Result<(), VaultError> {
        let begin = self.end;
        self.write(Kind::Closing, clear)?;
        match self.wait() {
            // It alone was lost.
            Err(VaultError::Io { .. }) if self.end == begin => {
                self.write(Kind::Closing, clear)?;
                self.wait()
            }
            done => done,
        }
    }

    fn shelve(&self) -> Result<(), VaultError> {
        let closed = self.shelf.path(&self.id);
        let folder = closed.parent().unwrap_or(&closed);
        fs::create_dir_all(folder).map_err(io("make", folder))?;
        sync_folder(folder)?;
        move_new(&self.live, &closed).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => VaultError::Shelved(self.id.to_string()),
            _ => io("shelve", &self.live)(error),
        })?;
        // It is on its shelf. Should the power fail before the folders are on the disk, it
        // is found in `live` with its closing block and shelved again.
        if let Err(error) = sync_folder(&closed).and_then(|()| sync_folder(&self.live)) {
            tracing::warn!(recording = %self.id, %error, "a shelved recording's folder is not on the disk yet");
        }
        self.shelf.took(&self.id);
        Ok(())
    }

    /// Removes a recording in which nothing was ever heard.
    pub fn abandon(self) -> Result<(), VaultError> {
        if self.frames > 0 {
            return Err(VaultError::Altered { id: self.id.to_string(), block: 0, flaw: Flaw::HoldsSound });
        }
        fs::remove_file(&self.live).map_err(io("remove", &self.live))
    }
}
