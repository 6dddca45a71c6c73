//! The keys in a file of mode 0600.

use std::{
    fmt, fs,
    io::{Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{PoisonError, RwLock, RwLockReadGuard},
};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{
    KeyError, KeyProvider, PublicKey, SIGNING_SUITE, Signature,
    content::{Content, LONGEST, Secret},
    open, seal,
};

/// Master keys, index key and signing key in a file. The newest master key wraps, all of
/// them unwrap. A file that another process rotated is read again by itself.
pub struct KeyFile {
    path: PathBuf,
    held: RwLock<Held>,
}

struct Held {
    content: Content,
    seen: Seen,
}

/// By what a file that was replaced is told from the one that was read.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seen {
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl Seen {
    fn of(about: &fs::Metadata) -> Self {
        Self { inode: about.ino(), length: about.len(), modified: (about.mtime(), about.mtime_nsec()) }
    }
}

/// What [`KeyFile::rotate`] makes anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// The master key: what is sealed from now on.
    Master,
    /// The signing key of day roots.
    Signing,
    /// Both.
    Both,
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyFile(…)")
    }
}

impl KeyFile {
    /// Makes a new key file; fails when one is there. Only the owner may read it, and it
    /// is on the disk before this returns.
    pub fn create(path: &Path) -> Result<Self, KeyError> {
        write(path, &Content::new()?, path)?;
        sync_folder(path)?;
        Self::open(path)
    }

    /// Opens a key file.
    pub fn open(path: &Path) -> Result<Self, KeyError> {
        Ok(Self { path: path.to_owned(), held: RwLock::new(read(path)?) })
    }

    /// Makes new keys in a key file. What was sealed before still opens, and what was signed
    /// before still verifies: master keys stay for unwrapping, of signing keys the public
    /// half stays. The new file is on the disk before it takes the place of the old one; a
    /// server that runs takes it up by itself. What the key before signs after `now_ms`, unix
    /// milliseconds, is not believed. One rotation at a time; what a killed one left beside the
    /// file is nobody's key yet, and is cleared away.
    pub fn rotate(path: &Path, what: Rotation, now_ms: i64) -> Result<(), KeyError> {
        let alone = fs::File::open(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => KeyError::Missing { path: path.display().to_string() },
            _ => io(path)(error),
        })?;
        alone.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => KeyError::Busy { path: path.display().to_string() },
            fs::TryLockError::Error(error) => io(path)(error),
        })?;
        let mine = alone.metadata().map_err(io(path))?.ino();
        if fs::metadata(path).map_err(io(path))?.ino() != mine {
            // Another rotation came to its end between the two.
            return Err(KeyError::Busy { path: path.display().to_string() });
        }
        let mut content = read(path)?.content;
        if matches!(what, Rotation::Master | Rotation::Both) {
            content.rotate_master()?;
        }
        if matches!(what, Rotation::Signing | Rotation::Both) {
            content.rotate_signing(now_ms)?;
        }
        let mut new = path.as_os_str().to_owned();
        new.push(".new");
        let new = PathBuf::from(new);
        match fs::remove_file(&new) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(&new)(error)),
            _ => {}
        }
        write(&new, &content, path)?;
        fs::rename(&new, path).map_err(io(path))?;
        sync_folder(path)
    }

    /// The keys as they are now. A file that cannot be read takes nothing away.
    fn now(&self) -> RwLockReadGuard<'_, Held> {
        let seen = self.read_lock().seen;
        if fs::metadata(&self.path).is_ok_and(|about| Seen::of(&about) != seen) {
            match read(&self.path) {
                Ok(new) if new.content.follows(&self.read_lock().content) => {
                    *self.held.write().unwrap_or_else(PoisonError::into_inner) = new;
                }
                Ok(_) => tracing::error!("another key file lies where ours was: the keys before stay"),
                Err(error) => tracing::warn!(%error, "the key file changed and cannot be read: the keys before stay"),
            }
        }
        self.read_lock()
    }

    fn read_lock(&self) -> RwLockReadGuard<'_, Held> {
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyProvider for KeyFile {
    fn wrap(&self, key: &[u8; 32], aad: &[u8]) -> Result<Vec<u8>, KeyError> {
        let held = self.now();
        seal(held.content.masters.first().ok_or(KeyError::DoesNotOpen)?, aad, key)
    }

    fn unwrap(&self, wrapped: &[u8], aad: &[u8]) -> Result<Zeroizing<[u8; 32]>, KeyError> {
        let known = unwrap(&self.read_lock().content.masters, wrapped, aad);
        // Perhaps under a key that was made after the file was read.
        known.or_else(|_| unwrap(&self.now().content.masters, wrapped, aad))
    }

    fn mac(&self, label: &str, data: &[u8]) -> Result<[u8; 32], KeyError> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.read_lock().content.index[..])
            .map_err(|_| KeyError::Unknown(label.to_owned()))?;
        mac.update(label.as_bytes());
        mac.update(&[0]);
        mac.update(data);
        Ok(mac.finalize().into_bytes().into())
    }

    fn sign(&self, data: &[u8]) -> Result<Signature, KeyError> {
        let held = self.now();
        let bytes = held.content.pair()?.sign(data).as_ref().to_vec();
        let key = held.content.public_keys()?.swap_remove(0);
        Ok(Signature { key_id: key.id(), suite: SIGNING_SUITE, bytes })
    }

    fn public_keys(&self) -> Result<Vec<PublicKey>, KeyError> {
        self.now().content.public_keys()
    }
}

/// Tries the newest first; the seal tells which it was.
fn unwrap(masters: &[Secret], wrapped: &[u8], aad: &[u8]) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let plain = masters.iter().find_map(|master| open(master, aad, wrapped).ok()).ok_or(KeyError::DoesNotOpen)?;
    let plain = Zeroizing::new(plain);
    let key: [u8; 32] = plain.as_slice().try_into().map_err(|_| KeyError::DoesNotOpen)?;
    Ok(Zeroizing::new(key))
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> KeyError {
    let path = path.display().to_string();
    move |error| KeyError::Io { path: path.clone(), error }
}

fn read(path: &Path) -> Result<Held, KeyError> {
    let name = || path.display().to_string();
    let mut file = fs::File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => KeyError::Missing { path: name() },
        _ => KeyError::Io { path: name(), error },
    })?;
    let about = file.metadata().map_err(io(path))?;
    if about.mode() & 0o077 != 0 {
        return Err(KeyError::Permissions { path: name() });
    }
    if about.len() > LONGEST {
        return Err(KeyError::Corrupt { path: name() });
    }
    let mut bytes = Zeroizing::new(vec![0; about.len() as usize]);
    file.read_exact(&mut bytes).map_err(io(path))?;
    let content = Content::read(&bytes).ok_or_else(|| KeyError::Corrupt { path: name() })?;
    Ok(Held { content, seen: Seen::of(&about) })
}

/// Writes a file that is not there yet, for `whose` key file.
fn write(path: &Path, content: &Content, whose: &Path) -> Result<(), KeyError> {
    let bytes = content.write().ok_or_else(|| KeyError::Corrupt { path: whose.display().to_string() })?;
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(io(path))?;
    let written = file.write_all(&bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written.map_err(io(path))
}

fn sync_folder(path: &Path) -> Result<(), KeyError> {
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).map_or(PathBuf::from("."), Path::to_owned);
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(io(path))
}
