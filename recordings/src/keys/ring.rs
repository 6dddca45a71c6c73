//! Envelope keys per court and purpose, wrapped by the provider.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, RwLock},
};

use zeroize::Zeroizing;

use super::{KeyError, KeyProvider, SUITE, open, seal};

/// An envelope key as the caller stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedKey {
    /// Id, named by everything sealed under the key.
    pub id: u32,
    /// Court.
    pub court: String,
    /// What it seals: `phone`, `id`, `document` …
    pub purpose: String,
    /// Version; the newest seals, all open.
    pub version: u32,
    /// The key, wrapped.
    pub wrapped: Vec<u8>,
}

impl WrappedKey {
    fn aad(id: u32, court: &str, purpose: &str, version: u32) -> String {
        format!("songda/envelope|{id}|{court}|{purpose}|{version}")
    }
}

struct Held {
    key: Zeroizing<[u8; 32]>,
    version: u32,
}

#[derive(Default)]
struct Table {
    by_id: HashMap<u32, Held>,
    newest: HashMap<(String, String), u32>,
}

/// The envelope keys in memory.
pub struct Keyring {
    provider: Arc<dyn KeyProvider>,
    table: RwLock<Table>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring(…)")
    }
}

impl Keyring {
    /// An empty ring over a provider.
    pub fn new(provider: Arc<dyn KeyProvider>) -> Self {
        Self { provider, table: RwLock::default() }
    }

    /// Takes stored keys in. Fails when the provider cannot unwrap one: it holds another
    /// master key.
    pub fn load(&self, keys: &[WrappedKey]) -> Result<(), KeyError> {
        for key in keys {
            let aad = WrappedKey::aad(key.id, &key.court, &key.purpose, key.version);
            let open = self.provider.unwrap(&key.wrapped, aad.as_bytes())?;
            self.hold(key.id, &key.court, &key.purpose, key.version, open)?;
        }
        Ok(())
    }

    /// Makes a new envelope key; the caller stores what is returned.
    pub fn mint(&self, id: u32, court: &str, purpose: &str) -> Result<WrappedKey, KeyError> {
        let mut key = Zeroizing::new([0u8; 32]);
        getrandom::fill(&mut key[..]).map_err(|_| KeyError::Random)?;
        let version = {
            let table = self.read()?;
            let newest = table.newest.get(&(court.to_owned(), purpose.to_owned()));
            newest.and_then(|id| table.by_id.get(id)).map_or(1, |held| held.version + 1)
        };
        let aad = WrappedKey::aad(id, court, purpose, version);
        let wrapped = self.provider.wrap(&key, aad.as_bytes())?;
        self.hold(id, court, purpose, version, key)?;
        Ok(WrappedKey { id, court: court.to_owned(), purpose: purpose.to_owned(), version, wrapped })
    }

    /// Whether there is a key for this court and purpose.
    pub fn has(&self, court: &str, purpose: &str) -> bool {
        self.read().is_ok_and(|table| table.newest.contains_key(&(court.to_owned(), purpose.to_owned())))
    }

    /// Seals under the newest key of court and purpose. `aad` names the place, as
    /// `table|column|row`, so that sealed data cannot be moved.
    ///
    /// Layout: suite, key id (4 bytes, big endian), nonce, ciphertext, tag.
    pub fn seal(&self, court: &str, purpose: &str, aad: &str, plain: &[u8]) -> Result<Vec<u8>, KeyError> {
        let table = self.read()?;
        let unknown = || KeyError::Unknown(format!("{purpose} of court {court}"));
        let id = *table.newest.get(&(court.to_owned(), purpose.to_owned())).ok_or_else(unknown)?;
        let held = table.by_id.get(&id).ok_or_else(unknown)?;
        let mut out = vec![SUITE];
        out.extend_from_slice(&id.to_be_bytes());
        out.extend(seal(&held.key, aad.as_bytes(), plain)?);
        Ok(out)
    }

    /// Opens what [`Self::seal`] made.
    pub fn open(&self, aad: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let (head, body) = sealed.split_first_chunk::<5>().ok_or(KeyError::DoesNotOpen)?;
        if head[0] != SUITE {
            return Err(KeyError::DoesNotOpen);
        }
        let id = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        let table = self.read()?;
        let held = table.by_id.get(&id).ok_or_else(|| KeyError::Unknown(format!("id {id}")))?;
        Ok(Zeroizing::new(open(&held.key, aad.as_bytes(), body)?))
    }

    /// Blind index: equal values of one court and kind have equal indexes, and nothing
    /// else can be read from one. 16 bytes in hex.
    pub fn blind_index(&self, court: &str, kind: &str, normalised: &str) -> Result<String, KeyError> {
        let mac = self.provider.mac(&format!("songda/index|{court}|{kind}"), normalised.as_bytes())?;
        Ok(hex::encode(&mac[..16]))
    }

    fn hold(
        &self,
        id: u32,
        court: &str,
        purpose: &str,
        version: u32,
        key: Zeroizing<[u8; 32]>,
    ) -> Result<(), KeyError> {
        let mut table = self.table.write().map_err(|_| KeyError::Unknown("a poisoned key table".into()))?;
        let place = (court.to_owned(), purpose.to_owned());
        let newer = match table.newest.get(&place).and_then(|id| table.by_id.get(id)) {
            Some(held) => version > held.version,
            None => true,
        };
        if newer {
            table.newest.insert(place, id);
        }
        table.by_id.insert(id, Held { key, version });
        Ok(())
    }

    fn read(&self) -> Result<std::sync::RwLockReadGuard<'_, Table>, KeyError> {
        self.table.read().map_err(|_| KeyError::Unknown("a poisoned key table".into()))
    }
}
