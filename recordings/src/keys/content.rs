//! What stands in a key file.
//!
//! First layout: `SONGDAK1`, 32 bytes master key, 32 bytes index key, SHA-256 of all before
//! it. Second layout: `SONGDAK2`, number of entries (2 bytes, big endian), entries of a kind
//! (1 byte) and 32 bytes, SHA-256 of all before it. Behind a retired key stands, as an entry of
//! its own, until when it signed: unix milliseconds (8 bytes, big endian), then zeros. A file of the first layout is read for
//! ever; it becomes one of the second when its keys are rotated.

use ::ring::signature::{Ed25519KeyPair, KeyPair};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{KeyError, PublicKey};

const FIRST: &[u8; 8] = b"SONGDAK1";
const SECOND: &[u8; 8] = b"SONGDAK2";
const CHECK: usize = 32;
const ENTRY: usize = 33;
/// A key a month for eighty years.
const ENTRIES: usize = 1_000;
/// The longest file.
pub(super) const LONGEST: u64 = (8 + 2 + ENTRIES * ENTRY + CHECK) as u64;

const MASTER: u8 = 1;
const INDEX: u8 = 2;
const SIGNING: u8 = 3;
const RETIRED: u8 = 4;
const UNTIL: u8 = 5;

pub(super) type Secret = Zeroizing<[u8; 32]>;

/// The keys of a file.
#[derive(Clone)]
pub(super) struct Content {
    /// The newest first: it alone wraps; all unwrap.
    pub(super) masters: Vec<Secret>,
    /// Never rotated: blind indexes in the database are made with it.
    pub(super) index: Secret,
    /// Seed of the Ed25519 key (RFC 8032 section 5.1.5).
    pub(super) signing: Secret,
    /// Public halves of the signing keys before, the newest first. Their secret halves are gone.
    pub(super) retired: Vec<PublicKey>,
}

impl Content {
    pub(super) fn new() -> Result<Self, KeyError> {
        Ok(Self { masters: vec![random()?], index: random()?, signing: random()?, retired: Vec::new() })
    }

    /// A new master key in front; those before it go on unwrapping.
    pub(super) fn rotate_master(&mut self) -> Result<(), KeyError> {
        self.masters.insert(0, random()?);
        Ok(())
    }

    /// A new signing key; of the one before only the public half stays.
    pub(super) fn rotate_signing(&mut self, now_ms: i64) -> Result<(), KeyError> {
        self.retired.insert(0, public(&self.pair()?)?.until(now_ms));
        self.signing = random()?;
        Ok(())
    }

    /// Whether these are the keys of before, perhaps rotated; else they are somebody else's.
    pub(super) fn follows(&self, before: &Self) -> bool {
        let known = || Some((self.public_keys().ok()?, before.public_keys().ok()?));
        self.index == before.index
            && before.masters.iter().all(|key| self.masters.contains(key))
            && known().is_some_and(|(now, then)| then.iter().all(|key| now.iter().any(|own| own.id() == key.id())))
    }

    pub(super) fn pair(&self) -> Result<Ed25519KeyPair, KeyError> {
        Ed25519KeyPair::from_seed_unchecked(&self.signing[..]).map_err(|_| KeyError::Unknown("signing".into()))
    }

    /// The public half of the key that signs now, then those before it.
    pub(super) fn public_keys(&self) -> Result<Vec<PublicKey>, KeyError> {
        let mut keys = vec![public(&self.pair()?)?];
        keys.extend(self.retired.iter().cloned());
        Ok(keys)
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (body, check) = bytes.split_at_checked(bytes.len().checked_sub(CHECK)?)?;
        if Sha256::digest(body)[..] != *check {
            return None;
        }
        match body.split_first_chunk::<8>()? {
            (FIRST, keys) => Self::read_first(keys),
            (SECOND, entries) => Self::read_second(entries),
            _ => None,
        }
    }

    fn read_first(keys: &[u8]) -> Option<Self> {
        let (master, index) = keys.split_at_checked(32)?;
        let (master, index) = (secret(master)?, secret(index)?);
        let signing = derived(&master)?;
        Some(Self { masters: vec![master], index, signing, retired: Vec::new() })
    }

    fn read_second(bytes: &[u8]) -> Option<Self> {
        let (count, entries) = bytes.split_first_chunk::<2>()?;
        let count = usize::from(u16::from_be_bytes(*count));
        if count > ENTRIES || entries.len() != count * ENTRY {
            return None;
        }
        let (mut masters, mut index, mut signing, mut retired) = (Vec::new(), None, None, Vec::new());
        for entry in entries.chunks_exact(ENTRY) {
            match entry[0] {
                MASTER => masters.push(secret(&entry[1..])?),
                INDEX if index.is_none() => index = Some(secret(&entry[1..])?),
                SIGNING if signing.is_none() => signing = Some(secret(&entry[1..])?),
                RETIRED => retired.push(PublicKey::new(entry[1..].try_into().ok()?)),
                UNTIL => {
                    let at_ms = i64::from_be_bytes(entry[1..9].try_into().ok()?);
                    let key = retired.pop().filter(|key: &PublicKey| key.until_ms().is_none())?;
                    retired.push(key.until(at_ms));
                }
                _ => return None,
            }
        }
        if masters.is_empty() {
            return None;
        }
        Some(Self { masters, index: index?, signing: signing?, retired })
    }

    /// Always the second layout; none when there are too many keys for one file.
    pub(super) fn write(&self) -> Option<Zeroizing<Vec<u8>>> {
        let spans = self.retired.iter().filter(|key| key.until_ms().is_some()).count();
        let count = self.masters.len() + 2 + self.retired.len() + spans;
        if count > ENTRIES {
            return None;
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(10 + count * ENTRY + CHECK));
        bytes.extend_from_slice(SECOND);
        bytes.extend_from_slice(&(count as u16).to_be_bytes());
        let secrets = self.masters.iter().map(|key| (MASTER, &**key));
        let secrets = secrets.chain([(INDEX, &*self.index), (SIGNING, &*self.signing)]);
        for (kind, key) in secrets {
            bytes.push(kind);
            bytes.extend_from_slice(key);
        }
        for key in &self.retired {
            bytes.push(RETIRED);
            bytes.extend_from_slice(key.bytes());
            if let Some(until_ms) = key.until_ms() {
                bytes.push(UNTIL);
                bytes.extend_from_slice(&until_ms.to_be_bytes());
                bytes.extend_from_slice(&[0; 24]);
            }
        }
        let check = Sha256::digest(&bytes[..]);
        bytes.extend_from_slice(&check);
        Some(bytes)
    }
}

fn random() -> Result<Secret, KeyError> {
    let mut key = Zeroizing::new([0u8; 32]);
    getrandom::fill(&mut key[..]).map_err(|_| KeyError::Random)?;
    Ok(key)
}

fn secret(bytes: &[u8]) -> Option<Secret> {
    bytes.try_into().ok().map(Zeroizing::new)
}

/// A file of the first layout has no signing key of its own: it is derived from its master
/// key, so that such a file, and its backup, signs without being written to.
fn derived(master: &Secret) -> Option<Secret> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&master[..]).ok()?;
    mac.update(b"songda/signing/v1");
    Some(Zeroizing::new(mac.finalize().into_bytes().into()))
}

fn public(pair: &Ed25519KeyPair) -> Result<PublicKey, KeyError> {
    let bytes = pair.public_key().as_ref().try_into().map_err(|_| KeyError::NoPublicKey)?;
    Ok(PublicKey::new(bytes))
}
