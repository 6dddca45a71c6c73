//! Passwords: argon2id, off the async threads.

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use songda_store::StoreError;

use crate::PeopleError;

/// At least 10 characters of 3 kinds (domain 4).
pub(crate) fn check_strength(password: &str) -> Result<(), PeopleError> {
    let kinds = [
        password.chars().any(|c| c.is_ascii_lowercase()),
        password.chars().any(|c| c.is_ascii_uppercase()),
        password.chars().any(|c| c.is_ascii_digit()),
        password.chars().any(|c| !c.is_ascii_alphanumeric()),
    ];
    let enough = password.chars().count() >= 10 && kinds.into_iter().filter(|kind| *kind).count() >= 3;
    if enough { Ok(()) } else { Err(PeopleError::Weak) }
}

/// The hash under which a password is stored.
pub(crate) async fn hash(password: &str) -> Result<String, PeopleError> {
    let password = password.to_owned();
    let hashed = tokio::task::spawn_blocking(move || {
        Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string())
    })
    .await
    .map_err(|error| StoreError::internal("hashing a password", error))?;
    Ok(hashed.map_err(|error| StoreError::internal("hashing a password", error))?)
}

/// Whether a password is the one that was stored.
pub(crate) async fn matches(password: &str, stored: &str) -> Result<bool, PeopleError> {
    let (password, stored) = (password.to_owned(), stored.to_owned());
    let verified = tokio::task::spawn_blocking(move || {
        PasswordHash::new(&stored)
            .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    })
    .await
    .map_err(|error| StoreError::internal("checking a password", error))?;
    Ok(verified)
}
