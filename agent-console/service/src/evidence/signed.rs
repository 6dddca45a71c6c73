//! A signature beside a text: of the house, over its bytes, to be checked with public keys alone.

use serde::{Deserialize, Serialize};
use songda_recordings::{
    keys::{KeyProvider, PublicKey, SIGNING_SUITE},
    said::Said,
};

use super::internal;
use crate::ServiceError;

/// The signature of a house over some text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// How: `ed25519`.
    pub suite: String,
    /// Which key: [`PublicKey::id`].
    pub key_id: String,
    /// The signature, hex.
    pub signature: String,
}

impl Signed {
    /// Signs a text.
    pub fn over(text: &str, keys: &dyn KeyProvider) -> Result<Self, ServiceError> {
        let made = keys.sign(text.as_bytes()).map_err(|error| internal("signing", error))?;
        Ok(Self { suite: made.suite.to_owned(), key_id: made.key_id, signature: hex::encode(made.bytes) })
    }

    /// Whether one of these keys signed exactly this text, at the moment that it names, unix
    /// milliseconds; why not, if not. A key that had been retired by then is not believed.
    pub fn check(&self, text: &str, at_ms: Option<i64>, keys: &[PublicKey]) -> Result<(), Said> {
        if self.suite != SIGNING_SUITE {
            let said = Said::new("seal.unknown_suite", "it is signed with {suite}, which is not known");
            return Err(said.with("suite", self.suite.as_str()));
        }
        let key = keys.iter().find(|key| key.id() == self.key_id);
        let key = key.ok_or_else(|| {
            Said::new("seal.unknown_key", "it is signed with the key {key}, which is not trusted")
                .with("key", self.key_id.as_str())
        })?;
        if !at_ms.is_some_and(|at_ms| key.signs_at(at_ms)) && key.until_ms().is_some() {
            let said = Said::new("seal.retired_key", "the key {key} had been retired when it was signed");
            return Err(said.with("key", self.key_id.as_str()));
        }
        // There is one text for it: no letter of it can be another, a capital neither.
        let bytes = hex::decode(&self.signature).ok().filter(|bytes| hex::encode(bytes) == self.signature);
        let bytes = bytes.ok_or_else(|| Said::new("seal.unreadable", "its signature cannot be read"))?;
        if key.verifies(text.as_bytes(), &bytes) {
            Ok(())
        } else {
            Err(Said::new("seal.unfit", "its signature does not fit: it was altered"))
        }
    }
}
