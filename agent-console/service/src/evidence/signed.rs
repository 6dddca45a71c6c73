//! A signature beside a text: of the house, over its bytes, to be checked with public keys alone.

use serde::{Deserialize, Serialize};
use songda_recordings::keys::{KeyProvider, PublicKey, SIGNING_SUITE};

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
    pub fn check(&self, text: &str, at_ms: Option<i64>, keys: &[PublicKey]) -> Result<(), String> {
        if self.suite != SIGNING_SUITE {
            return Err(format!("it is signed with {}, which is not known", self.suite));
        }
        let key = keys.iter().find(|key| key.id() == self.key_id);
        let key = key.ok_or_else(|| format!("it is signed with the key {}, which is not trusted", self.key_id))?;
        if !at_ms.is_some_and(|at_ms| key.signs_at(at_ms)) && key.until_ms().is_some() {
            return Err(format!("the key {} had been retired when it was signed", self.key_id));
        }
        let bytes = hex::decode(&self.signature).map_err(|_| "its signature cannot be read".to_owned())?;
        if key.verifies(text.as_bytes(), &bytes) {
            Ok(())
        } else {
            Err("its signature does not fit: it was altered".into())
        }
    }
}
