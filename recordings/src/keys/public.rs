//! Public keys: what anybody needs to check a signature, and nothing more.

use ::ring::signature::{ED25519, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{KeyError, base64};

/// Suite of a signature: Ed25519 (RFC 8032).
pub const SIGNING_SUITE: &str = "ed25519";

/// `SubjectPublicKeyInfo` of an Ed25519 key up to the key itself (RFC 8410 section 4).
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";

/// What stands before the PEM of a key that signs no more: text around it is passed over by every
/// other tool (RFC 7468 section 2).
const UNTIL: &str = "Valid until (unix ms):";
/// How far two clocks may differ.
const SLACK_MS: i64 = 10 * 60_000;

/// The public half of a signing key, with the moment of its retirement. In JSON it is its PEM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey {
    bytes: [u8; 32],
    until_ms: Option<i64>,
}

/// A signature and what is needed to check it besides the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Which key signed: [`PublicKey::id`].
    pub key_id: String,
    /// How: [`SIGNING_SUITE`].
    pub suite: &'static str,
    /// The signature.
    pub bytes: Vec<u8>,
}

impl PublicKey {
    /// Takes the 32 bytes of RFC 8032 section 5.1.5.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self { bytes, until_ms: None }
    }

    /// The same, retired at this moment, unix milliseconds: what it signs later is not believed.
    #[must_use]
    pub fn until(self, at_ms: i64) -> Self {
        Self { until_ms: Some(at_ms), ..self }
    }

    /// When it was retired, unix milliseconds; none while it signs, or where that is not known.
    pub fn until_ms(&self) -> Option<i64> {
        self.until_ms
    }

    /// Whether what was signed at this moment, unix milliseconds, may bear this key.
    pub fn signs_at(&self, at_ms: i64) -> bool {
        self.until_ms.is_none_or(|until_ms| at_ms <= until_ms.saturating_add(SLACK_MS))
    }

    /// Name of the key: the first 8 bytes of its SHA-256, hex.
    pub fn id(&self) -> String {
        hex::encode(&Sha256::digest(self.bytes)[..8])
    }

    /// The key's bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// PEM as `openssl` and every other tool reads it (RFC 7468 section 13), under a line that says
    /// until when it signed, where it does no more.
    pub fn to_pem(&self) -> String {
        let der: Vec<u8> = SPKI.iter().chain(&self.bytes).copied().collect();
        let until = self.until_ms.map(|at_ms| format!("{UNTIL} {at_ms}\n")).unwrap_or_default();
        format!("{until}{BEGIN}\n{}\n{END}\n", base64::encode(&der))
    }

    /// Reads PEM of an Ed25519 key; text around it is passed over, but for the line of
    /// [`Self::to_pem`].
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let (before, rest) = pem.split_once(BEGIN).ok_or(KeyError::NoPublicKey)?;
        let body = rest.split_once(END).ok_or(KeyError::NoPublicKey)?.0;
        let until_ms = match before.lines().rev().find_map(|line| line.trim().strip_prefix(UNTIL)) {
            Some(at_ms) => Some(at_ms.trim().parse().map_err(|_| KeyError::NoPublicKey)?),
            None => None,
        };
        let der = base64::decode(body).ok_or(KeyError::NoPublicKey)?;
        let key = der.strip_prefix(&SPKI[..]).ok_or(KeyError::NoPublicKey)?;
        key.try_into().map(|bytes| Self { bytes, until_ms }).map_err(|_| KeyError::NoPublicKey)
    }

    /// Whether this key signed exactly these bytes.
    pub fn verifies(&self, signed: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.bytes).verify(signed, signature).is_ok()
    }
}

impl TryFrom<String> for PublicKey {
    type Error = KeyError;
    fn try_from(pem: String) -> Result<Self, KeyError> {
        Self::from_pem(&pem)
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.to_pem()
    }
}
