//! Who may do what: users, fixed roles, permissions, sessions, machine accounts.

pub mod courts;
pub mod machines;
mod passwords;
pub mod permissions;
pub mod sessions;
pub mod users;

pub use permissions::{Permission, Role};
pub use sessions::Actor;

/// Why somebody was not let in, or something about people could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PeopleError {
    /// Login or password is wrong. Which of both is not said.
    #[error("login or password is wrong")]
    Wrong,
    /// Too many wrong passwords.
    #[error("too many wrong passwords: locked for a quarter of an hour")]
    Locked {
        /// Unix milliseconds.
        until_ms: i64,
    },
    /// The account is switched off.
    #[error("this account is switched off")]
    Disabled,
    /// The password is too weak.
    #[error("a password needs at least 10 characters of 3 kinds: small and capital letters, digits, signs")]
    Weak,
    /// Not a P-256 public key.
    #[error("the public key must be an uncompressed P-256 point of 65 bytes")]
    BadKey,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] songda_store::StoreError),
}

impl From<sqlx::Error> for PeopleError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// A secret of `bytes` random bytes, base64url.
fn secret(bytes: usize) -> Result<String, PeopleError> {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let mut random = vec![0u8; bytes];
    getrandom::fill(&mut random)
        .map_err(|error| songda_store::StoreError::internal("drawing random numbers", error))?;
    Ok(URL_SAFE_NO_PAD.encode(random))
}

/// SHA-256 in hex, under which a secret is stored.
fn digest(text: &str) -> String {
    use sha2::{Digest, Sha256};
    hex::encode(Sha256::digest(text.as_bytes()))
}
