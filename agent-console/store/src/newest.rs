//! The newest keys that the house has used, so that an older copy of its key file is told (X2).
//!
//! A rotation only ever adds to a key file: the old master keys and public keys stay. So one that has
//! the newest of both has all of them, and one that lacks either is a copy from before a rotation.
//! It would open what was sealed before and start as if nothing were wrong, call all that came
//! later altered, and sign with a key that was retired.

use songda_recordings::keys::{KeyError, KeyProvider, PublicKey};
use sqlx::{AnyConnection, Row};

use crate::{Clock, Db, StoreError};

/// What the probe is bound to.
const BOUND: &[u8] = b"songda newest master key";

/// Looks whether the keys are the newest that this database knows of; [`StoreError::OlderKey`] when they
/// are not.
pub(crate) async fn check(db: &Db, keys: &dyn KeyProvider) -> Result<(), StoreError> {
    let row = sqlx::query("SELECT signing_key, probe FROM newest_keys WHERE id = 'house'");
    let Some(row) = row.fetch_optional(db.read()).await? else { return Ok(()) };
    let (signing, probe): (String, Vec<u8>) = (row.get(0), row.get(1));
    let signs = keys.public_keys()?.iter().any(|key| key.id() == signing);
    match keys.unwrap(&probe, BOUND) {
        Ok(_) if signs => Ok(()),
        Ok(_) | Err(KeyError::DoesNotOpen) => Err(StoreError::OlderKey),
        Err(error) => Err(error.into()),
    }
}

/// Notes the keys of now as the newest: at a start, once they were found to be, and after a rotation.
pub async fn note(conn: &mut AnyConnection, clock: &Clock, keys: &dyn KeyProvider) -> Result<(), StoreError> {
    let signing = keys.public_keys()?.first().map(PublicKey::id).unwrap_or_default();
    // What it seals is nothing: whether it opens is what counts.
    let probe = keys.wrap(&[0; 32], BOUND)?;
    sqlx::query(
        "INSERT INTO newest_keys (id, signing_key, probe, noted_ms) VALUES ('house', $1, $2, $3)
         ON CONFLICT (id) DO UPDATE SET signing_key = excluded.signing_key, probe = excluded.probe,
             noted_ms = excluded.noted_ms",
    )
    .bind(signing)
    .bind(probe)
    .bind(clock.now_ms())
    .execute(conn)
    .await?;
    Ok(())
}
