//! The master key in a file of mode 0600.

use std::{
    fmt, fs,
    io::{Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{KeyError, KeyProvider, open, seal};

const MAGIC: &[u8; 8] = b"SONGDAK1";
const LENGTH: usize = 8 + 32 + 32 + 32;

/// Master key and index key in a file. Layout: magic, 32 bytes master key, 32 bytes index
/// key, SHA-256 of all before it.
pub struct KeyFile {
    master: Zeroizing<[u8; 32]>,
    index: Zeroizing<[u8; 32]>,
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
        let io = |error| KeyError::Io { path: path.display().to_string(), error };
        let mut content = Zeroizing::new([0u8; LENGTH]);
        content[..8].copy_from_slice(MAGIC);
        getrandom::fill(&mut content[8..72]).map_err(|_| KeyError::Random)?;
        let check = Sha256::digest(&content[..72]);
        content[72..].copy_from_slice(&check);
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(io)?;
        file.write_all(&content[..]).map_err(io)?;
        file.sync_all().map_err(io)?;
        let folder =
            path.parent().filter(|folder| !folder.as_os_str().is_empty()).map_or(PathBuf::from("."), Path::to_owned);
        fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)?;
        Self::open(path)
    }

    /// Opens a key file.
    pub fn open(path: &Path) -> Result<Self, KeyError> {
        let name = || path.display().to_string();
        let mut file = fs::File::open(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => KeyError::Missing { path: name() },
            _ => KeyError::Io { path: name(), error },
        })?;
        let about = file.metadata().map_err(|error| KeyError::Io { path: name(), error })?;
        if about.mode() & 0o077 != 0 {
            return Err(KeyError::Permissions { path: name() });
        }
        let mut content = Zeroizing::new([0u8; LENGTH]);
        if about.len() != LENGTH as u64 || file.read_exact(&mut content[..]).is_err() {
            return Err(KeyError::Corrupt { path: name() });
        }
        if content[..8] != MAGIC[..] || content[72..] != Sha256::digest(&content[..72])[..] {
            return Err(KeyError::Corrupt { path: name() });
        }
        let mut master = Zeroizing::new([0u8; 32]);
        let mut index = Zeroizing::new([0u8; 32]);
        master.copy_from_slice(&content[8..40]);
        index.copy_from_slice(&content[40..72]);
        Ok(Self { master, index })
    }
}

impl KeyProvider for KeyFile {
    fn wrap(&self, key: &[u8; 32], aad: &[u8]) -> Result<Vec<u8>, KeyError> {
        seal(&self.master, aad, key)
    }

    fn unwrap(&self, wrapped: &[u8], aad: &[u8]) -> Result<Zeroizing<[u8; 32]>, KeyError> {
        let plain = Zeroizing::new(open(&self.master, aad, wrapped)?);
        let key: [u8; 32] = plain.as_slice().try_into().map_err(|_| KeyError::DoesNotOpen)?;
        Ok(Zeroizing::new(key))
    }

    fn mac(&self, label: &str, data: &[u8]) -> Result<[u8; 32], KeyError> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.index[..])
            .map_err(|_| KeyError::Unknown(label.to_owned()))?;
        mac.update(label.as_bytes());
        mac.update(&[0]);
        mac.update(data);
        Ok(mac.finalize().into_bytes().into())
    }
}
