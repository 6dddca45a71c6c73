//! Copying one closed recording: from wherever the last try got, and as often as one likes.

use std::{fs::File, io::Read as _, os::unix::fs::FileExt as _, path::Path};

use object_store::{ObjectMeta, path::Path as Object};
use sha2::{Digest as _, Sha256};

use super::{Note, Remote, S3Error, is_noted, notes::Started};
use crate::vault::{RecordingId, VaultError, io};

/// Bytes of a part; servers take no less than 5 MiB for any but the last.
const PART: u64 = 8 << 20;

/// So often in a row it goes on in vain with the same part before it begins anew.
const IN_VAIN: u32 = 5;

/// What a copy took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// Bytes of the sealed file.
    pub bytes: u64,
    /// Bytes that were sent now; none when the server had all of it.
    pub sent: u64,
}

/// Whether a file was surely removed: a disk that fell away is an error, and no reason to remove
/// its copy.
fn is_gone(path: &Path) -> Result<bool, VaultError> {
    let folder = path.parent().unwrap_or(path);
    if !path.try_exists().map_err(io("look for", path))? {
        // The folder of a vault has files beside this one, or is there at least.
        std::fs::metadata(folder).map_err(io("look for", folder))?;
        return Ok(true);
    }
    Ok(false)
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
        // Another process removed it meanwhile: its copy must not outlive it. One that was thrown
        // out has its note.
        if is_gone(path)? && !is_noted(path) {
            self.give_up(id, path)?;
            self.delete(id)?;
            return Err(VaultError::Missing(id.to_string()));
        }
        note.write(path)?;
        // Somebody else's equal object came before our last part.
        self.give_up(id, path)?;
        Ok(Copied { bytes, sent })
    }

    /// Gives up a copy that was begun and not completed.
    pub(in crate::vault) fn give_up(&self, id: &RecordingId, path: &Path) -> Result<(), VaultError> {
        if let Some(started) = Started::read(path) {
            self.abort(&self.object(id), &started.upload)?;
        }
        Started::forget(path);
        Ok(())
    }

    /// Sends what the server does not have yet, and says how much that was.
    fn send(&self, id: &RecordingId, path: &Path, file: &File, bytes: u64, sha256: &str) -> Result<u64, VaultError> {
        let object = self.object(id);
        if bytes <= PART {
            return Ok(if self.create(&object, piece(file, path, 0, bytes)?)? { bytes } else { 0 });
        }
        match Started::read(path) {
            Some(known) if known.sha256 == sha256 => {
                let error = match self.send_parts(id, path, file, bytes, known.clone()) {
                    Err(VaultError::S3(error)) => error,
                    done => return done,
                };
                // How far it came this time.
                let known = Started::read(path).unwrap_or(known);
                if !has_forgotten(&error) {
                    // Some servers break over an upload that they do not know. A network that is
                    // away takes no new one either, and what was sent stays noted.
                    let vain = known.vain + 1;
                    if vain < IN_VAIN || !matches!(error, S3Error::Unreachable { .. }) {
                        Started { vain, ..known }.write(path)?;
                        return Err(error.into());
                    }
                }
                let anew = self.begin_anew(&object, path, sha256, Some(&known))?;
                self.send_parts(id, path, file, bytes, anew)
            }
            other => {
                let anew = self.begin_anew(&object, path, sha256, other.as_ref())?;
                self.send_parts(id, path, file, bytes, anew)
            }
        }
    }

    /// Begins a copy in parts, and gives up the one before it, once the server took the new one.
    fn begin_anew(
        &self,
        object: &Object,
        path: &Path,
        sha256: &str,
        before: Option<&Started>,
    ) -> Result<Started, VaultError> {
        let started = Started { sha256: sha256.to_owned(), upload: self.begin(object)?, parts: Vec::new(), vain: 0 };
        started.write(path)?;
        if let Some(before) = before
            && let Err(error) = self.abort(object, &before.upload)
        {
            tracing::warn!(%error, "parts of a copy that was given up stay on the server");
        }
        Ok(started)
    }

    /// Sends the parts that are missing. How far that is stays noted, whatever the network does.
    fn send_parts(
        &self,
        id: &RecordingId,
        path: &Path,
        file: &File,
        bytes: u64,
        mut started: Started,
    ) -> Result<u64, VaultError> {
        let object = &self.object(id);
        let mut sent = 0;
        for place in started.parts.len()..bytes.div_ceil(PART) as usize {
            if is_gone(path)? {
                self.give_up(id, path)?;
                return Err(VaultError::Missing(id.to_string()));
            }
            let from = place as u64 * PART;
            let part = piece(file, path, from, PART.min(bytes - from))?;
            sent += part.len() as u64;
            started.parts.push(self.part(object, &started.upload, place, part)?);
            started.vain = 0;
            started.write(path)?;
        }
        if !self.complete(object, &started.upload, &started.parts)? {
            self.abort(object, &started.upload)?;
        }
        Started::forget(path);
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

    /// Why the copy on the server is another than the one that was checked, if it is: it has another length
    /// or mark there, and is read again. One that is the same for all that has its note renewed.
    pub(in crate::vault) fn other_copy(
        &self,
        id: &RecordingId,
        path: &Path,
        about: &ObjectMeta,
    ) -> Result<Option<S3Error>, VaultError> {
        let Some(note) = Note::read(path) else { return Ok(None) };
        if about.size == note.bytes && (note.e_tag.is_none() || about.e_tag == note.e_tag) {
            return Ok(None);
        }
        match self.read_back(id, note.bytes, note.sha256) {
            Ok(note) => note.write(path).map(|()| None),
            Err(VaultError::S3(error @ S3Error::Differs { .. })) => Ok(Some(error)),
            Err(error) => Err(error),
        }
    }

    /// Whether the copy that was noted is still the one on the server.
    pub(in crate::vault) fn still_holds(&self, id: &RecordingId, note: &Note) -> Result<bool, S3Error> {
        let about = self.head(id)?;
        Ok(about.is_some_and(|about| about.size == note.bytes && about.e_tag == note.e_tag))
    }
}

/// Whether the server does not know what was sent to it before; s3s-fs says that access to it is
/// denied. A network that fails says nothing of the kind.
fn has_forgotten(error: &S3Error) -> bool {
    match error {
        S3Error::NotThere { .. } | S3Error::Forgotten { .. } => true,
        S3Error::Refused { code, .. } => code == "AccessDenied",
        _ => false,
    }
}

/// Bytes and SHA-256 of a file, hex.
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
