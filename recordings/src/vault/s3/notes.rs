//! What is noted beside a closed recording: that its copy was checked, or how far it got.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::vault::{VaultError, io, sync_folder};

/// The whole copy was read back and equals the local file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::vault) struct Note {
    /// Bytes of the sealed file.
    pub(in crate::vault) bytes: u64,
    /// SHA-256 of the sealed file, hex.
    pub(in crate::vault) sha256: String,
    /// The server's mark of the object when it was read.
    pub(in crate::vault) e_tag: Option<String>,
}

/// How far a copy in parts got.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Started {
    /// SHA-256 of the sealed file, hex: a file that is another begins anew.
    pub(super) sha256: String,
    /// The server's name for the parts together.
    pub(super) upload: String,
    /// The server's marks of the parts that it has.
    pub(super) parts: Vec<String>,
    /// How often it was gone on with in vain since the last part.
    #[serde(default)]
    pub(super) vain: u32,
}

impl Note {
    pub(in crate::vault) fn path(file: &Path) -> PathBuf {
        file.with_extension("s3")
    }

    pub(in crate::vault) fn read(file: &Path) -> Option<Self> {
        read(&Self::path(file))
    }

    pub(super) fn write(&self, file: &Path) -> Result<(), VaultError> {
        write(&Self::path(file), self)
    }
}

/// Whether the copy of this file was checked.
pub(in crate::vault) fn is_noted(file: &Path) -> bool {
    Note::path(file).exists()
}

/// Removes what is noted beside a file.
pub(in crate::vault) fn remove_notes(file: &Path) -> Result<(), VaultError> {
    remove_note(file)?;
    remove(&Started::path(file))
}

/// Removes the note that the copy was checked.
pub(in crate::vault) fn remove_note(file: &Path) -> Result<(), VaultError> {
    remove(&Note::path(file))
}

fn remove(path: &Path) -> Result<(), VaultError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io("remove", path)(error)),
        _ => Ok(()),
    }
}

impl Started {
    pub(in crate::vault) fn path(file: &Path) -> PathBuf {
        file.with_extension("upload")
    }

    pub(super) fn read(file: &Path) -> Option<Self> {
        read(&Self::path(file))
    }

    pub(super) fn write(&self, file: &Path) -> Result<(), VaultError> {
        write(&Self::path(file), self)
    }

    pub(super) fn forget(file: &Path) {
        let _ = fs::remove_file(Self::path(file));
    }
}

/// What cannot be read counts as not there: then the work is done again.
fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn write(path: &Path, note: &impl Serialize) -> Result<(), VaultError> {
    let bytes = serde_json::to_vec(note).unwrap_or_default();
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&new).map_err(io("create", &new))?;
    file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(io("write", &new))?;
    fs::rename(&new, path).map_err(io("rename", &new))?;
    sync_folder(path)
}
