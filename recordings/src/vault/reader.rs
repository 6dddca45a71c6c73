//! Reading a recording as WAV, by byte range. One block is in memory at a time.

use std::{path::Path, sync::Arc};

use zeroize::Zeroizing;

use super::{
    BLOCK_FRAMES, Flaw, Manifest, Peaks, RecordingId, VaultError,
    format::{BLOCK_BYTES, BLOCK_HEAD, Closing, FRAME, Kind, Version, WAV_HEAD, block_aad, key_aad, wav_header},
    layout::{Block, Layout},
    s3::{Far, Remote},
    source::{OnDisk, Source, Unread},
};
use crate::{
    evidence::Hashing,
    keys::{KeyProvider, SUITE, open},
};

/// A file of sealed blocks and the key to them.
pub(super) struct Sealed {
    id: RecordingId,
    source: Box<dyn Source>,
    version: Version,
    key: Zeroizing<[u8; 32]>,
    started_ms: i64,
    /// Where a copy lies that was checked, while what lies here was not found to be damaged.
    spare: Option<Arc<Remote>>,
}

impl Sealed {
    pub(super) fn length(&self) -> u64 {
        self.source.length()
    }

    pub(super) fn is_far(&self) -> bool {
        self.source.is_far()
    }

    pub(super) fn read(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), Unread> {
        self.source.read(offset, buffer)
    }

    pub(super) fn altered(&self, block: u64, flaw: Flaw) -> VaultError {
        VaultError::Altered { id: self.id.to_string(), block, flaw }
    }

    /// Opens a block; its head must be the one of its place, too. Where it does not open and a
    /// checked copy is elsewhere, it and all after it are read from there.
    pub(super) fn unseal(&mut self, block: Block, place: u64, kind: Kind) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let opened = self.unseal_here(block, place, kind);
        if !opened.as_ref().is_err_and(VaultError::is_of_the_file) {
            return opened;
        }
        let Some(remote) = self.spare.take() else { return opened };
        match Far::open(&remote, &self.id)? {
            Some(copy) if copy.length() == self.source.length() => self.source = Box::new(copy),
            _ => return opened,
        }
        tracing::error!(recording = %self.id, block = place, "the local file is damaged: its checked copy is read");
        self.unseal_here(block, place, kind)
    }

    fn unseal_here(&mut self, block: Block, place: u64, kind: Kind) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let mut bytes = vec![0u8; BLOCK_HEAD + block.sealed];
        match self.read(block.offset - BLOCK_HEAD as u64, &mut bytes) {
            Ok(()) => {}
            Err(Unread::Cut) => return Err(self.altered(place, Flaw::Seal)),
            Err(Unread::Failed(error)) => return Err(error),
        }
        let (head, sealed) = bytes.split_at(BLOCK_HEAD);
        if head[..4] != (block.sealed as u32).to_be_bytes() || head[4] != kind.byte() {
            return Err(self.altered(place, Flaw::Seal));
        }
        let aad = block_aad(self.version, &self.id, self.started_ms, place, kind);
        let clear = open(&self.key, aad.as_bytes(), sealed);
        clear.map(Zeroizing::new).map_err(|_| self.altered(place, Flaw::Seal))
    }

    pub(super) fn closing(&mut self, block: Block, place: u64) -> Result<Closing, VaultError> {
        let clear = self.unseal(block, place, Kind::Closing)?;
        serde_json::from_slice(&clear).map_err(|_| self.altered(place, Flaw::Closing))
    }
}

/// A recording, read as the WAV file that everybody gets.
pub struct WavReader {
    file: Sealed,
    layout: Layout,
    /// The block that was opened last.
    cached: Option<(u64, Zeroizing<Vec<u8>>)>,
}

impl std::fmt::Debug for WavReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WavReader").field("id", &self.file.id).field("frames", &self.frames()).finish_non_exhaustive()
    }
}

impl WavReader {
    /// Opens a file that was finished; one without its end is refused.
    pub(crate) fn finished(
        source: Box<dyn Source>,
        id: &RecordingId,
        keys: &dyn KeyProvider,
    ) -> Result<Self, VaultError> {
        let (mut file, head) = header(source, id, keys)?;
        let layout = Layout::finished(&mut file, head)?;
        Ok(Self { file, layout, cached: None })
    }

    /// Opens a file that may be written at this moment, or that a kill left open.
    pub(super) fn unfinished(path: &Path, id: &RecordingId, keys: &dyn KeyProvider) -> Result<Self, VaultError> {
        let (mut file, head) = header(Box::new(OnDisk::open(path, id)?), id, keys)?;
        let layout = Layout::unfinished(&mut file, head)?;
        Ok(Self { file, layout, cached: None })
    }

    /// The same, in which a block that is damaged here is read from its checked copy.
    pub(super) fn with_spare(mut self, remote: Option<Arc<Remote>>) -> Self {
        self.file.spare = remote;
        self
    }

    /// By which rule it was written.
    pub(super) fn version(&self) -> Version {
        self.file.version
    }

    /// Frames per channel.
    pub fn frames(&self) -> u64 {
        self.layout.frames()
    }

    /// Unix milliseconds of frame 0.
    pub fn started_ms(&self) -> i64 {
        self.file.started_ms
    }

    /// Bytes of the WAV.
    pub fn wav_bytes(&self) -> u64 {
        WAV_HEAD + self.frames() * FRAME as u64
    }

    /// What the closing block says; none when there is no such block.
    pub(super) fn manifest(&self) -> Option<Manifest> {
        self.layout.closing.clone().map(|closing| Manifest {
            id: self.file.id.clone(),
            frames: closing.frames,
            bytes: self.wav_bytes(),
            sha256: closing.sha256,
            sm3: closing.sm3,
            started_ms: self.file.started_ms,
            recovered: closing.recovered,
            gaps: closing.gaps,
        })
    }

    pub(super) fn blocks(&self) -> u64 {
        self.layout.blocks()
    }

    /// Bytes of the header.
    pub(super) fn head(&self) -> u64 {
        self.layout.head()
    }

    /// First byte behind the last block.
    pub(super) fn end(&self) -> u64 {
        self.layout.end()
    }

    pub(super) fn key(&self) -> Zeroizing<[u8; 32]> {
        self.file.key.clone()
    }

    /// Reads the WAV from `offset` on, as much as fits or is there; 0 at its end.
    pub fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize, VaultError> {
        let mut done = 0;
        while done < buffer.len() && offset.saturating_add(done as u64) < self.wav_bytes() {
            let at = offset + done as u64;
            let step = if at < WAV_HEAD {
                let head = wav_header(self.frames());
                copy(&head[at as usize..], &mut buffer[done..])
            } else {
                let place = (at - WAV_HEAD) / BLOCK_BYTES as u64;
                let within = ((at - WAV_HEAD) % BLOCK_BYTES as u64) as usize;
                let clear = self.block(place)?;
                copy(clear.get(within..).unwrap_or_default(), &mut buffer[done..])
            };
            if step == 0 {
                break;
            }
            done += step;
        }
        Ok(done)
    }

    fn block(&mut self, place: u64) -> Result<&[u8], VaultError> {
        if self.cached.as_ref().is_none_or(|(cached, _)| *cached != place) {
            let block = self.layout.block(place).ok_or_else(|| self.file.altered(place, Flaw::BlockMissing))?;
            let clear = self.file.unseal(block, place, Kind::Audio)?;
            self.cached = Some((place, clear));
        }
        Ok(self.cached.as_ref().map_or(&[][..], |(_, clear)| clear))
    }

    /// Gives each second in turn: left and right, and nothing of the seconds before it stays
    /// in memory.
    pub fn for_each_second(&mut self, mut take: impl FnMut(&[i16], &[i16])) -> Result<(), VaultError> {
        let mut left = Zeroizing::new(Vec::with_capacity(BLOCK_FRAMES));
        let mut right = Zeroizing::new(Vec::with_capacity(BLOCK_FRAMES));
        for place in 0..self.blocks() {
            left.clear();
            right.clear();
            for frame in self.block(place)?.chunks_exact(FRAME) {
                left.push(i16::from_le_bytes([frame[0], frame[1]]));
                right.push(i16::from_le_bytes([frame[2], frame[3]]));
            }
            take(&left, &right);
        }
        Ok(())
    }

    /// Both channels whole, for whoever needs them so: 115 MB for an hour.
    pub fn channels(&mut self) -> Result<(Vec<i16>, Vec<i16>), VaultError> {
        let (mut left, mut right) = (Vec::new(), Vec::new());
        left.reserve_exact(self.frames() as usize);
        right.reserve_exact(self.frames() as usize);
        self.for_each_second(|one, other| {
            left.extend_from_slice(one);
            right.extend_from_slice(other);
        })?;
        Ok((left, right))
    }

    /// Wave form: the loudest sample of each step, `per_second` steps a second.
    pub fn peaks(&mut self, per_second: u32) -> Result<Peaks, VaultError> {
        let step = (super::RATE / per_second.clamp(1, 100)) as usize;
        let (mut left, mut right) = (Loudest::new(step), Loudest::new(step));
        self.for_each_second(|one, other| {
            left.take(one);
            right.take(other);
        })?;
        Ok(Peaks { left: left.finish(), right: right.finish() })
    }

    /// SHA-256 and SM3 of the whole WAV, hex.
    pub(super) fn hashes(&mut self) -> Result<(String, String), VaultError> {
        let mut hashing = Hashing::default();
        hashing.update(&wav_header(self.frames()));
        for place in 0..self.blocks() {
            hashing.update(self.block(place)?);
        }
        let hashes = hashing.finish();
        Ok((hex::encode(hashes.sha256), hex::encode(hashes.sm3)))
    }
}

/// Reads the header: the file with its key and its time, and bytes of the header.
fn header(source: Box<dyn Source>, id: &RecordingId, keys: &dyn KeyProvider) -> Result<(Sealed, u64), VaultError> {
    let (version, key) = (Version::Second, Zeroizing::new([0; 32]));
    let mut file = Sealed { id: id.clone(), source, version, key, started_ms: 0, spare: None };
    let mut head = [0u8; 11];
    // What the disk does not give is not what was cut off: only the latter may be thrown away.
    let cut = |unread| match unread {
        Unread::Cut => VaultError::Altered { id: id.to_string(), block: 0, flaw: Flaw::HeaderCut },
        Unread::Failed(error) => error,
    };
    file.read(0, &mut head).map_err(cut)?;
    if is_blank(&mut file) {
        return Err(file.altered(0, Flaw::HeaderCut));
    }
    match Version::read(&head) {
        Some(version) if head[8] == SUITE => file.version = version,
        _ => return Err(file.altered(0, Flaw::NoHeader)),
    }
    let wrapped = usize::from(u16::from_be_bytes([head[9], head[10]]));
    let mut rest = vec![0u8; wrapped + 8];
    file.read(head.len() as u64, &mut rest).map_err(cut)?;
    let (wrapped, started) = rest.split_at(wrapped);
    file.key = keys.unwrap(wrapped, key_aad(id).as_bytes())?;
    file.started_ms = started.try_into().map(i64::from_be_bytes).unwrap_or_default();
    Ok((file, (head.len() + rest.len()) as u64))
}

/// Whether a file is no longer than a header and nothing but zeros: these are what is shown of
/// what never came to the disk.
fn is_blank(file: &mut Sealed) -> bool {
    let mut bytes = vec![1; usize::try_from(file.length()).unwrap_or(usize::MAX).min(1 << 10)];
    file.length() <= bytes.len() as u64 && file.read(0, &mut bytes).is_ok() && bytes.iter().all(|byte| *byte == 0)
}

/// The loudest sample of each step of a stream.
struct Loudest {
    step: usize,
    taken: usize,
    now: u16,
    steps: Vec<u8>,
}

impl Loudest {
    fn new(step: usize) -> Self {
        Self { step, taken: 0, now: 0, steps: Vec::new() }
    }

    fn take(&mut self, samples: &[i16]) {
        for sample in samples {
            self.now = self.now.max(sample.unsigned_abs());
            self.taken += 1;
            if self.taken == self.step {
                self.put();
            }
        }
    }

    fn put(&mut self) {
        self.steps.push((self.now >> 7).min(255) as u8);
        (self.taken, self.now) = (0, 0);
    }

    fn finish(mut self) -> Vec<u8> {
        if self.taken > 0 {
            self.put();
        }
        self.steps
    }
}

fn copy(from: &[u8], to: &mut [u8]) -> usize {
    let length = from.len().min(to.len());
    to[..length].copy_from_slice(&from[..length]);
    length
}
