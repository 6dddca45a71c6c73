//! What a recovery takes out of the way: kept in `live/lost`, and told.
//!
//! A recovery only believes that bytes are lost. A page that came back as zeros, a row of zeros in
//! a block, a header whose length was altered look the same as the end of a power cut, and what lies
//! behind them may be sound that can still be read by hand. So nothing but an empty file is removed:
//! a whole file is moved here, an end that is cut off is copied here before.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{Flaw, RecordingId, VaultError, files::move_new, io, sync_folder};
use crate::evidence::Hashing;

/// Something that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// Recording.
    pub id: RecordingId,
    /// Where it lies now.
    pub file: PathBuf,
    /// Bytes of it.
    pub bytes: u64,
    /// Why it was taken out of the way.
    pub why: Flaw,
}

/// A piece of a recording that lies aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostPiece {
    /// Name of the file in `live/lost`.
    pub file: String,
    /// Bytes of it.
    pub bytes: u64,
    /// SHA-256 of these bytes, sealed as they lie there, hex.
    pub sha256: String,
    /// SM3 of the same, hex.
    #[serde(default)]
    pub sm3: String,
}

/// The folder of what was set aside.
#[derive(Debug)]
pub(super) struct Lost {
    folder: PathBuf,
}

impl Lost {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Moves a whole file here.
    pub(super) fn whole(&self, path: &Path, id: &RecordingId, why: Flaw) -> Result<SetAside, VaultError> {
        let bytes = fs::metadata(path).map_err(io("measure", path))?.len();
        let file = self.place(|no| format!("{id}-{no}.sdv"), |file| move_new(path, file))?;
        sync_folder(&file)?;
        sync_folder(path)?;
        Ok(told(SetAside { id: id.clone(), file, bytes, why }))
    }

    /// Copies the end of a file here, which is cut off once this has returned. None where it is
    /// nothing but zeros.
    pub(super) fn end(&self, path: &Path, from: u64, id: &RecordingId) -> Result<Option<SetAside>, VaultError> {
        let mut source = File::open(path).map_err(io("open", path))?;
        if is_zeros(&mut source, from).map_err(io("read", path))? {
            return Ok(None);
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut bytes = 0;
        let file = self.place(
            |no| format!("{id}-{no}.from-{from}"),
            |file| {
                let mut copy = options.open(file)?;
                source.seek(SeekFrom::Start(from))?;
                let copied = io::copy(&mut source, &mut copy).and_then(|copied| {
                    bytes = copied;
                    copy.flush().and_then(|()| copy.sync_all())
                });
                // Half a copy is none.
                copied.inspect_err(|_| drop(fs::remove_file(file)))
            },
        )?;
        sync_folder(&file)?;
        Ok(Some(told(SetAside { id: id.clone(), file, bytes, why: Flaw::LostEnd })))
    }

    /// The pieces of a recording, by name.
    pub(super) fn of(&self, id: &RecordingId) -> Result<Vec<LostPiece>, VaultError> {
        let pieces = self.names(Some(id))?.into_iter().map(|(_, name)| self.piece(&name));
        Ok(pieces.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    /// Where a piece lies, whether it is there or not.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// One piece; none when it is gone.
    pub(super) fn piece(&self, name: &str) -> Result<Option<LostPiece>, VaultError> {
        let Some(mut file) = self.open(name)? else { return Ok(None) };
        let (mut hashing, mut part, mut bytes) = (Hashing::default(), vec![0; 256 << 10], 0);
        loop {
            match file.read(&mut part).map_err(io("read", &self.folder.join(name)))? {
                0 => break,
                read => {
                    hashing.update(&part[..read]);
                    bytes += read as u64;
                }
            }
        }
        let hashes = hashing.finish();
        let (sha256, sm3) = (hex::encode(hashes.sha256), hex::encode(hashes.sm3));
        Ok(Some(LostPiece { file: name.to_owned(), bytes, sha256, sm3 }))
    }

    /// Opens a piece; none when it is gone, or when nothing here is called so.
    pub(super) fn open(&self, name: &str) -> Result<Option<File>, VaultError> {
        if owner(name).is_none() {
            return Ok(None);
        }
        let path = self.folder.join(name);
        match File::open(&path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // A disk that fell away has no piece of this name either.
                let above = self.folder.parent().unwrap_or(&self.folder);
                fs::metadata(above).map_err(io("look for", above))?;
                Ok(None)
            }
            Err(error) => Err(io("open", &path)(error)),
        }
    }

    /// Every piece, by name.
    pub(super) fn all(&self) -> Result<Vec<(RecordingId, String)>, VaultError> {
        self.names(None)
    }

    /// Removes one piece. Answers whether it was there.
    pub(super) fn remove_piece(&self, name: &str) -> Result<bool, VaultError> {
        if owner(name).is_none() {
            return Ok(false);
        }
        let path = self.folder.join(name);
        let was_there = match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io("remove", &path)(error)),
            removed => removed.is_ok(),
        };
        // Also where it was gone: the try that took it away may have failed at this.
        if self.folder.exists() {
            sync_folder(&path)?;
        }
        Ok(was_there)
    }

    /// Whether there is a piece of a recording.
    pub(super) fn holds(&self, id: &RecordingId) -> Result<bool, VaultError> {
        Ok(!self.names(Some(id))?.is_empty())
    }

    /// Removes the pieces of a recording.
    pub(super) fn remove(&self, id: &RecordingId) -> Result<(), VaultError> {
        self.names(Some(id))?.iter().try_for_each(|(_, name)| self.remove_piece(name).map(drop))
    }

    /// The pieces of one recording, or of all.
    fn names(&self, id: Option<&RecordingId>) -> Result<Vec<(RecordingId, String)>, VaultError> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(io("list", &self.folder))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(io("list", &self.folder))?.file_name().to_string_lossy().into_owned();
            if let Some(own) = owner(&name).filter(|own| id.is_none_or(|id| id == own)) {
                names.push((own, name));
            }
        }
        names.sort();
        Ok(names)
    }

    /// Puts something under the first name that is free.
    fn place(
        &self,
        name: impl Fn(u32) -> String,
        mut put: impl FnMut(&Path) -> io::Result<()>,
    ) -> Result<PathBuf, VaultError> {
        fs::create_dir_all(&self.folder).map_err(io("make", &self.folder))?;
        sync_folder(&self.folder)?;
        let mut no = 1;
        loop {
            let file = self.folder.join(name(no));
            match put(&file) {
                Ok(()) => return Ok(file),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => no += 1,
                Err(error) => return Err(io("set aside into", &file)(error)),
            }
        }
    }
}

/// The recording that a piece of this name is of: what stands before the hyphen, which no id has.
fn owner(name: &str) -> Option<RecordingId> {
    let (own, rest) = name.split_once('-')?;
    (!rest.contains('/')).then(|| RecordingId::new(own).ok()).flatten()
}

fn told(aside: SetAside) -> SetAside {
    tracing::error!(
        recording = %aside.id, file = %aside.file.display(), bytes = aside.bytes, why = %aside.why,
        "a part of an unfinished recording was set aside"
    );
    aside
}

fn is_zeros(file: &mut File, from: u64) -> io::Result<bool> {
    file.seek(SeekFrom::Start(from))?;
    let mut piece = vec![0; 64 << 10];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(true),
            read if piece[..read].iter().any(|byte| *byte != 0) => return Ok(false),
            _ => {}
        }
    }
}
