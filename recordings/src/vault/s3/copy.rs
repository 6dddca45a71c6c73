//! Copying one closed recording: from wherever the last try got, and as often as one likes.

use std::{fs::File, io::Read as _, os::unix::fs::FileExt as _, path::Path};

use object_store::path::Path as Object;
use sha2::{Digest as _, Sha256};

use super::{Note, Remote, S3Error, notes::Started};
use crate::vault::{RecordingId, VaultError, io};

/// Bytes of a part; servers take no less than 5 MiB for any but the last.
const PART: u64 = 8 << 20;

/// What a copy took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// Bytes of the sealed file.
    pub bytes: u64,
    /// Bytes that were sent now; none when the server had all of it.
    pub sent: u64,
}

impl Remote {
    /// Copies the sealed file of a recording and notes beside it that the copy was read back.
    pub(in crate::vault) fn copy(&self, id: &RecordingId, path: &Path) -> Result<Copied, VaultError> {
        let mut file = File::open(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => VaultError::Missing(id.to_string()),
            _ => io("open", path)(error),
        })?;
        let (bytes, sha256) = hash_file(&mut file).map_err(io("read", path))?;
        let sent = match self.head(id)? {
            Some(_) => 0,
            None => self.send(id, path, &file, bytes, &sha256)?,
        };
        let note = self.read_back(id, bytes, sha256)?;
        note.write(path)?;
        Started::forget(path);
        Ok(Copied { bytes, sent })
    }

    /// Sends what the server does not have yet, and says how much that was.
    fn send(&self, id: &RecordingId, path: &Path, file: &File, bytes: u64, sha256: &str) -> Result<u64, VaultError> {
        let object = self.object(id);
        if bytes <= PART {
            return Ok(if self.create(&object, piece(file, path, 0, bytes)?)? { bytes } else { 0 });
        }
        let known = Started::read(path).filter(|started| started.sha256 == sha256);
        let resumed = known.is_some();
        match self.send_parts(&object, path, file, bytes, sha256, known) {
            // The server has forgotten what was sent before.
            Err(VaultError::S3(S3Error::NotThere { .. } | S3Error::Unreachable { .. })) if resumed => {
                Started::forget(path);
                self.send_parts(&object, path, file, bytes, sha256, None)
            }
            done => done,
        }
    }

    fn send_parts(
        &self,
        object: &Object,
        path: &Path,
        file: &File,
        bytes: u64,
        sha256: &str,
        known: Option<Started>,
    ) -> Result<u64, VaultError> {
        let mut started = match known {
            Some(started) => started,
            None => Started { sha256: sha256.to_owned(), upload: self.begin(object)?, parts: Vec::new() },
        };
        started.write(path)?;
        let mut sent = 0;
        for place in started.parts.len()..bytes.div_ceil(PART) as usize {
            let from = place as u64 * PART;
            let part = piece(file, path, from, PART.min(bytes - from))?;
            sent += part.len() as u64;
            started.parts.push(self.part(object, &started.upload, place, part)?);
            started.write(path)?;
        }
        if !self.complete(object, &started.upload, &started.parts)? {
            self.abort(object, &started.upload);
        }
        Ok(sent)
    }

    /// Reads the whole copy and compares it with the local file.
    fn read_back(&self, id: &RecordingId, bytes: u64, sha256: String) -> Result<Note, VaultError> {
        let object = self.object(id);
        let differs = |difference: String| S3Error::Differs {
            place: self.place().to_owned(),
            object: object.to_string(),
            difference,
        };
        let not_there = || S3Error::NotThere { place: self.place().to_owned(), object: object.to_string() };
        let about = self.head(id)?.ok_or_else(not_there)?;
        if about.size != bytes {
            return Err(differs(format!("{} bytes instead of {bytes}", about.size)).into());
        }
        let mut hash = Sha256::new();
        for from in (0..bytes).step_by(PART as usize) {
            hash.update(self.range(&object, from..bytes.min(from + PART))?);
        }
        if hex::encode(hash.finalize()) != sha256 {
            return Err(differs("its SHA-256 is another".into()).into());
        }
        Ok(Note { bytes, sha256, e_tag: about.e_tag })
    }

    /// Whether the copy that was noted is still the one on the server.
    pub(in crate::vault) fn still_holds(&self, id: &RecordingId, note: &Note) -> Result<bool, S3Error> {
        let about = self.head(id)?;
        Ok(about.is_some_and(|about| about.size == note.bytes && about.e_tag == note.e_tag))
    }
}

fn hash_file(file: &mut File) -> std::io::Result<(u64, String)> {
    let mut hash = Sha256::new();
    let mut piece = vec![0; 256 << 10];
    let mut bytes = 0;
    loop {
        match file.read(&mut piece)? {
            0 => return Ok((bytes, hex::encode(hash.finalize()))),
            read => {
                hash.update(&piece[..read]);
                bytes += read as u64;
            }
        }
    }
}

fn piece(file: &File, path: &Path, from: u64, bytes: u64) -> Result<Vec<u8>, VaultError> {
    let mut piece = vec![0; bytes as usize];
    file.read_exact_at(&mut piece, from).map_err(io("read", path))?;
    Ok(piece)
}
