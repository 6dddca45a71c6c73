//! Keys: a provider that never gives its own key away, and envelope keys under it.

mod base64;
mod content;
mod file;
mod public;
mod ring;

use ::ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
pub use file::{KeyFile, Rotation};
pub use public::{PublicKey, SIGNING_SUITE, Signature};
pub use ring::{Keyring, WrappedKey};
use zeroize::Zeroizing;

/// Why a key operation failed. No variant carries key material or plain text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The key file is not there.
    #[error(
        "the key file {path} is missing: restore it from the backup of the keys; sealed data cannot be read without it"
    )]
    Missing {
        /// Path.
        path: String,
    },
    /// Others than the owner may read the key file.
    #[error("the key file {path} is readable by others: set its mode to 0600")]
    Permissions {
        /// Path.
        path: String,
    },
    /// The key file is damaged.
    #[error("the key file {path} is damaged: restore it from the backup of the keys")]
    Corrupt {
        /// Path.
        path: String,
    },
    /// The key file could not be read or written.
    #[error("the key file {path}: {error}")]
    Io {
        /// Path.
        path: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// Another rotation is at it.
    #[error("new keys are being made in {path} right now: wait for that, and look whether they are needed again")]
    Busy {
        /// Path.
        path: String,
    },
    /// Sealed data does not open: another key, another place, or altered.
    #[error("sealed data does not open: it was sealed under another key, moved, or altered")]
    DoesNotOpen,
    /// No envelope key with this id or purpose.
    #[error("there is no envelope key for {0}")]
    Unknown(String),
    /// The text is no public key.
    #[error("this is no Ed25519 public key in PEM: export it again with the house that signed")]
    NoPublicKey,
    /// The system gave no random numbers.
    #[error("the system gives no random numbers")]
    Random,
}

/// Holds the master key: a file, later an HSM.
pub trait KeyProvider: Send + Sync {
    /// Wraps a key under the master key, bound to `aad`.
    fn wrap(&self, key: &[u8; 32], aad: &[u8]) -> Result<Vec<u8>, KeyError>;
    /// Unwraps a key.
    fn unwrap(&self, wrapped: &[u8], aad: &[u8]) -> Result<Zeroizing<[u8; 32]>, KeyError>;
    /// HMAC-SHA-256 under a key of its own for `label`, for blind indexes.
    fn mac(&self, label: &str, data: &[u8]) -> Result<[u8; 32], KeyError>;
    /// Signs with the house's signing key of now, which is Ed25519.
    fn sign(&self, data: &[u8]) -> Result<Signature, KeyError>;
    /// The public half of the key that signs now, then of those that signed before it.
    fn public_keys(&self) -> Result<Vec<PublicKey>, KeyError>;
}

/// Suite of all sealed data of this version: AES-256-GCM.
pub const SUITE: u8 = 0x01;
const NONCE: usize = 12;
const TAG: usize = 16;

/// Seals with AES-256-GCM under a random nonce, which goes in front.
pub(crate) fn seal(key: &[u8; 32], aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, KeyError> {
    let mut nonce = [0u8; NONCE];
    getrandom::fill(&mut nonce).map_err(|_| KeyError::Random)?;
    let mut out = Vec::with_capacity(NONCE + plain.len() + TAG);
    out.extend_from_slice(&nonce);
    out.extend_from_slice(plain);
    let nonce = Nonce::assume_unique_for_key(nonce);
    let tag = cipher(key)?.seal_in_place_separate_tag(nonce, Aad::from(aad), &mut out[NONCE..]);
    out.extend_from_slice(tag.map_err(|_| KeyError::DoesNotOpen)?.as_ref());
    Ok(out)
}

/// Opens what [`seal`] made.
pub(crate) fn open(key: &[u8; 32], aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, KeyError> {
    let (nonce, body) = sealed.split_first_chunk::<NONCE>().ok_or(KeyError::DoesNotOpen)?;
    if body.len() < TAG {
        return Err(KeyError::DoesNotOpen);
    }
    let mut plain = body.to_vec();
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let length = cipher(key)?.open_in_place(nonce, Aad::from(aad), &mut plain).map(|plain| plain.len());
    plain.truncate(length.map_err(|_| KeyError::DoesNotOpen)?);
    Ok(plain)
}

fn cipher(key: &[u8; 32]) -> Result<LessSafeKey, KeyError> {
    UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new).map_err(|_| KeyError::DoesNotOpen)
}
