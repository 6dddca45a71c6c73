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

/// The public half of a signing key. In JSON it is its PEM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey([u8; 32]);

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
        Self(bytes)
    }

    /// Name of the key: the first 8 bytes of its SHA-256, hex.
    pub fn id(&self) -> String {
        hex::encode(&Sha256::digest(self.0)[..8])
    }

    /// The key's bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// PEM as `openssl` and every other tool reads it (RFC 7468 section 13).
    pub fn to_pem(&self) -> String {
        let der: Vec<u8> = SPKI.iter().chain(&self.0).copied().collect();
        format!("{BEGIN}\n{}\n{END}\n", base64::encode(&der))
    }

    /// Reads PEM of an Ed25519 key; text around it is passed over.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let body = pem.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END)).ok_or(KeyError::NoPublicKey)?.0;
        let der = base64::decode(body).ok_or(KeyError::NoPublicKey)?;
        let key = der.strip_prefix(&SPKI[..]).ok_or(KeyError::NoPublicKey)?;
        key.try_into().map(Self).map_err(|_| KeyError::NoPublicKey)
    }

    /// Whether this key signed exactly these bytes.
    pub fn verifies(&self, signed: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(signed, signature).is_ok()
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
