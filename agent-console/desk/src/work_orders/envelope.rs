//! Sealing a work order to one browser session (R4.3a).
//!
//! HPKE base mode (RFC 9180) with DHKEM(P-256, HKDF-SHA256), HKDF-SHA256 and
//! AES-256-GCM to the key pair that the browser made at login. The associated data binds
//! work order, agent, session and expiry, so that an envelope cannot be moved.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hpke::{Deserializable, Kem, OpModeS, Serializable, aead::AesGcm256, kdf::HkdfSha256, kem::DhP256HkdfSha256};
use serde::Serialize;

use crate::DeskError;

/// The HPKE `info` of every work order.
pub const INFO: &[u8] = b"songda/work-order/v1";
/// KEM, KDF and AEAD ids of RFC 9180, section 7.
pub const SUITE: &str = "0010-0001-0002";

/// A sealed work order as it travels.
#[derive(Debug, Clone, Serialize)]
pub struct Envelope {
    /// Format.
    pub v: u8,
    /// Suite.
    pub suite: &'static str,
    /// Key it is sealed to.
    pub kid: String,
    /// Encapsulated key, base64url.
    pub enc: String,
    /// Ciphertext, base64url.
    pub ct: String,
    /// Associated data, the text exactly as authenticated.
    pub aad: String,
}

/// What an envelope is bound to. The fields stand in alphabetical order, which makes the
/// text canonical (RFC 8785).
#[derive(Debug, Serialize)]
pub struct Binding<'a> {
    /// Agent.
    pub agent: &'a str,
    /// Unix seconds after which the browser refuses it.
    pub exp: i64,
    /// Unix seconds.
    pub iat: i64,
    /// Session.
    pub sid: &'a str,
    /// Format.
    pub v: u8,
    /// Work order.
    pub wo: &'a str,
}

/// Seals `plain` to the public key of a browser session.
pub fn seal(kid: &str, public_key: &[u8], binding: &Binding<'_>, plain: &[u8]) -> Result<Envelope, DeskError> {
    let aad = serde_json::to_string(binding).map_err(|_| DeskError::Sealing)?;
    let key = <DhP256HkdfSha256 as Kem>::PublicKey::from_bytes(public_key).map_err(|_| DeskError::Sealing)?;
    let (enc, ct) = hpke::single_shot_seal::<AesGcm256, HkdfSha256, DhP256HkdfSha256>(
        &OpModeS::Base,
        &key,
        INFO,
        plain,
        aad.as_bytes(),
    )
    .map_err(|_| DeskError::Sealing)?;
    Ok(Envelope {
        v: 1,
        suite: SUITE,
        kid: kid.to_owned(),
        enc: URL_SAFE_NO_PAD.encode(enc.to_bytes()),
        ct: URL_SAFE_NO_PAD.encode(ct),
        aad,
    })
}
