//! Reading a recording as WAV, by byte range.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

use zeroize::Zeroizing;

use super::{
    BLOCK_FRAMES, Manifest, Peaks, RecordingId, VaultError,
    format::{
        BLOCK_BYTES, BLOCK_HEAD, BODY_LIMIT, Closing, FRAME, Kind, MAGIC, OVERHEAD, WAV_HEAD, block_aad, key_aad,
        wav_header,
    },
    io,
};
use crate::{
    evidence::{Hashes, Hashing},
    keys::{KeyProvider, SUITE, open},
};

/// Where a block lies in the file.
#[derive(Debug, Clone, Copy)]
struct Block {
    offset: u64,
    sealed: usize,
}

/// A recording, read as the WAV file that everybody gets.
pub struct WavReader {
    id: RecordingId,
    file: File,
    key: Zeroizing<[u8; 32]>,
    blocks: Vec<Block>,
    frames: u64,
    end: u64,
    started_ms: i64,
    /// There when the file was finished.
    closing: Option<Closing>,
    /// The block that was opened last.
    cached: Option<(usize, Zeroizing<Vec<u8>>)>,
}

impl std::fmt::Debug for WavReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WavReader").field("id", &self.id).field("frames", &self.frames).finish_non_exhaustive()
    }
}

impl WavReader {
    pub(super) fn open(path: &Path, id: &RecordingId, keys: &dyn KeyProvider) -> Result<Self, VaultError> {
        let altered = |block, reason| VaultError::Altered { id: id.to_string(), block, reason };
        let mut file = File::open(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => VaultError::Missing(id.to_string()),
            _ => io("open", path)(error),
        })?;
        let length = file.metadata().map_err(io("measure", path))?.len();
        let mut head = [0u8; 11];
        // What the disk does not give is not what was cut off: only the latter may be thrown away.
        let cut = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => altered(0, "the header is cut"),
            _ => io("read", path)(error),
        };
        file.read_exact(&mut head).map_err(cut)?;
        if head[..8] != MAGIC[..] || head[8] != SUITE {
            return Err(altered(0, "the header is not a recording's"));
        }
        let mut wrapped = vec![0u8; usize::from(u16::from_be_bytes([head[9], head[10]]))];
        let mut started = [0u8; 8];
        file.read_exact(&mut wrapped).and_then(|()| file.read_exact(&mut started)).map_err(cut)?;
        let key = keys.unwrap(&wrapped, key_aad(id).as_bytes())?;
        let mut reader = Self {
            id: id.clone(),
            file,
            key,
            blocks: Vec::new(),
            frames: 0,
            end: (19 + wrapped.len()) as u64,
            started_ms: i64::from_be_bytes(started),
            closing: None,
            cached: None,
        };
        reader.closing = reader.index(length, path)?;
        if let Some(closing) = &reader.closing {
            if closing.frames != reader.frames {
                return Err(altered(reader.blocks(), "blocks are missing before the closing block"));
            }
        } else {
            reader.drop_torn_tail()?;
        }
        Ok(reader)
    }

    /// Walks the blocks. Answers the closing block when the file was finished.
    fn index(&mut self, length: u64, path: &Path) -> Result<Option<Closing>, VaultError> {
        loop {
            let mut head = [0u8; BLOCK_HEAD];
            self.file.seek(SeekFrom::Start(self.end)).map_err(io("seek", path))?;
            if length - self.end < BLOCK_HEAD as u64 {
                return Ok(None);
            }
            self.file.read_exact(&mut head).map_err(io("read", path))?;
            let sealed = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
            let next = self.end + (BLOCK_HEAD + sealed) as u64;
            let kind = Kind::read(head[4]);
            let clear = sealed.wrapping_sub(OVERHEAD);
            let fits = sealed > OVERHEAD
                && sealed <= BODY_LIMIT
                && next <= length
                && match kind {
                    Some(Kind::Audio) => clear <= BLOCK_BYTES && clear.is_multiple_of(FRAME),
                    Some(Kind::Closing) => true,
                    None => false,
                };
            if !fits {
                return Ok(None);
            }
            let block = Block { offset: self.end + BLOCK_HEAD as u64, sealed };
            if kind == Some(Kind::Closing) {
                let clear = self.unseal(block, self.blocks(), Kind::Closing)?;
                let closing = serde_json::from_slice(&clear).map_err(|_| VaultError::Altered {
                    id: self.id.to_string(),
                    block: self.blocks(),
                    reason: "the closing block cannot be read",
                })?;
                return Ok(Some(closing));
            }
            // Only the last block may be short: a short one in the middle is no place to go on.
            if !self.frames.is_multiple_of(BLOCK_FRAMES as u64) {
                return Ok(None);
            }
            self.blocks.push(block);
            self.frames += (clear / FRAME) as u64;
            self.end = next;
        }
    }

    /// Of a live file, a last block that does not open was torn by the kill, not altered.
    /// Only the last: each block is on the disk before the next one is taken.
    fn drop_torn_tail(&mut self) -> Result<(), VaultError> {
        let Some(block) = self.blocks.last().copied() else { return Ok(()) };
        match self.unseal(block, self.blocks() - 1, Kind::Audio) {
            Err(VaultError::Altered { .. }) => {}
            other => return other.map(|_| ()),
        }
        self.blocks.pop();
        self.frames -= ((block.sealed - OVERHEAD) / FRAME) as u64;
        self.end = block.offset - BLOCK_HEAD as u64;
        match self.blocks.last().copied() {
            Some(before) => self.unseal(before, self.blocks() - 1, Kind::Audio).map(|_| ()),
            None => Ok(()),
        }
    }

    fn unseal(&mut self, block: Block, place: u64, kind: Kind) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let altered = || VaultError::Altered { id: self.id.to_string(), block: place, reason: "its seal is broken" };
        let mut sealed = vec![0u8; block.sealed];
        let unread = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => altered(),
            _ => VaultError::Io { action: "read", path: self.id.to_string(), error },
        };
        self.file
            .seek(SeekFrom::Start(block.offset))
            .and_then(|_| self.file.read_exact(&mut sealed))
            .map_err(unread)?;
        let clear = open(&self.key, block_aad(&self.id, place, kind).as_bytes(), &sealed).map_err(|_| altered())?;
        Ok(Zeroizing::new(clear))
    }

    /// Frames per channel.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Unix milliseconds of frame 0.
    pub fn started_ms(&self) -> i64 {
        self.started_ms
    }

    /// Bytes of the WAV.
    pub fn wav_bytes(&self) -> u64 {
        WAV_HEAD + self.frames * FRAME as u64
    }

    /// Whether the closing block is there.
    pub(super) fn is_closed(&self) -> bool {
        self.closing.is_some()
    }

    /// What the closing block says; none when there is no such block.
    pub(super) fn manifest(&self) -> Option<Manifest> {
        self.closing.clone().map(|closing| Manifest {
            id: self.id.clone(),
            frames: closing.frames,
            bytes: self.wav_bytes(),
            sha256: closing.sha256,
            sm3: closing.sm3,
            started_ms: self.started_ms,
            recovered: closing.recovered,
            gaps: closing.gaps,
        })
    }

    pub(super) fn blocks(&self) -> u64 {
        self.blocks.len() as u64
    }

    pub(super) fn end(&self) -> u64 {
        self.end
    }

    pub(super) fn key(&self) -> Zeroizing<[u8; 32]> {
        self.key.clone()
    }

    /// Reads the WAV from `offset` on, as much as fits or is there; 0 at its end.
    pub fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize, VaultError> {
        let mut done = 0;
        while done < buffer.len() && offset + (done as u64) < self.wav_bytes() {
            let at = offset + done as u64;
            let step = if at < WAV_HEAD {
                let head = wav_header(self.frames);
                copy(&head[at as usize..], &mut buffer[done..])
            } else {
                let place = ((at - WAV_HEAD) / BLOCK_BYTES as u64) as usize;
                let within = ((at - WAV_HEAD) % BLOCK_BYTES as u64) as usize;
                let clear = self.block(place)?;
                copy(&clear[within..], &mut buffer[done..])
            };
            if step == 0 {
                break;
            }
            done += step;
        }
        Ok(done)
    }

    fn block(&mut self, place: usize) -> Result<&[u8], VaultError> {
        if self.cached.as_ref().is_none_or(|(cached, _)| *cached != place) {
            let block = self.blocks.get(place).copied().ok_or_else(|| VaultError::Altered {
                id: self.id.to_string(),
                block: place as u64,
                reason: "the block is missing",
            })?;
            let clear = self.unseal(block, place as u64, Kind::Audio)?;
            self.cached = Some((place, clear));
        }
        Ok(self.cached.as_ref().map_or(&[][..], |(_, clear)| clear))
    }

    /// Both channels.
    pub fn channels(&mut self) -> Result<(Vec<i16>, Vec<i16>), VaultError> {
        let mut left = Vec::with_capacity(self.frames as usize);
        let mut right = Vec::with_capacity(self.frames as usize);
        for place in 0..self.blocks.len() {
            for frame in self.block(place)?.chunks_exact(FRAME) {
                left.push(i16::from_le_bytes([frame[0], frame[1]]));
                right.push(i16::from_le_bytes([frame[2], frame[3]]));
            }
        }
        Ok((left, right))
    }

    /// Wave form: the loudest sample of each step, `per_second` steps a second.
    pub fn peaks(&mut self, per_second: u32) -> Result<Peaks, VaultError> {
        let step = (super::RATE / per_second.clamp(1, 100)) as usize;
        let (left, right) = self.channels()?;
        let loudest = |samples: &[i16]| -> Vec<u8> {
            samples
                .chunks(step)
                .map(|chunk| (chunk.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0) >> 7).min(255) as u8)
                .collect()
        };
        Ok(Peaks { left: loudest(&left), right: loudest(&right) })
    }

    /// SHA-256 and SM3 of the whole WAV, hex.
    pub(super) fn hashes(&mut self) -> Result<(String, String), VaultError> {
        let hashes = self.hash()?;
        Ok((hex::encode(hashes.sha256), hex::encode(hashes.sm3)))
    }

    fn hash(&mut self) -> Result<Hashes, VaultError> {
        let mut hashing = Hashing::default();
        hashing.update(&wav_header(self.frames));
        for place in 0..self.blocks.len() {
            hashing.update(self.block(place)?);
        }
        Ok(hashing.finish())
    }
}

/// Bytes and hashes of the WAV in a sealed file that was finished, wherever it lies.
pub(crate) fn hash_sealed(path: &Path, id: &RecordingId, keys: &dyn KeyProvider) -> Result<(u64, Hashes), VaultError> {
    let mut reader = WavReader::open(path, id, keys)?;
    if !reader.is_closed() {
        let block = reader.blocks();
        return Err(VaultError::Altered { id: id.to_string(), block, reason: "its end is cut off" });
    }
    Ok((reader.wav_bytes(), reader.hash()?))
}

fn copy(from: &[u8], to: &mut [u8]) -> usize {
    let length = from.len().min(to.len());
    to[..length].copy_from_slice(&from[..length]);
    length
}
