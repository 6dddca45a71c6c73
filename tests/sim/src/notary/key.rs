//! The notary's key. That of a simulator is no secret: it is the same at each start, so that what
//! was signed before still checks.

use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::sign::SigningKey;
use sha2::{Digest as _, Sha256};

/// An Ed25519 private key in PKCS #8 up to its seed (RFC 8410, section 7).
const PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// An Ed25519 key (RFC 8032).
#[derive(Clone)]
pub(super) struct Key(Arc<dyn SigningKey>);

impl Key {
    /// The key that follows from a name.
    pub(super) fn of(name: &str) -> Result<Self, rustls::Error> {
        let der = [PKCS8.as_slice(), &Sha256::digest(name)].concat();
        rustls::crypto::ring::sign::any_eddsa_type(&PrivatePkcs8KeyDer::from(der)).map(Self)
    }

    pub(super) fn sign(&self, text: &str) -> Option<String> {
        let signer = self.0.choose_scheme(&[SignatureScheme::ED25519])?;
        signer.sign(text.as_bytes()).ok().map(hex::encode)
    }

    /// `SubjectPublicKeyInfo`, whose last 32 octets are the key.
    fn public(&self) -> Vec<u8> {
        self.0.public_key().map(|der| der.to_vec()).unwrap_or_default()
    }

    /// Name of the key: the first 8 octets of the SHA-256 of its 32, hex.
    pub(super) fn id(&self) -> String {
        let public = self.public();
        hex::encode(&Sha256::digest(&public[public.len().saturating_sub(32)..])[..8])
    }

    /// The public key as PEM (RFC 7468, section 13).
    pub(super) fn pem(&self) -> String {
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", base64(&self.public()))
    }
}

fn base64(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let word = three.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for at in 0..4 {
            let sign = char::from(SIGNS[(word >> (18 - 6 * at) & 63) as usize]);
            text.push(if at > three.len() { '=' } else { sign });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
