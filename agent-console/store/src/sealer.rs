//! Sealed columns: envelope keys from the database, opened by the key provider.

use std::{collections::HashSet, fmt, sync::Arc};

use songda_recordings::keys::{KeyError, KeyProvider, Keyring, WrappedKey};
use sqlx::Row;
use zeroize::Zeroizing;

use crate::{
    Clock, Db, StoreError, Tx,
    masked::{IdNumber, Phone},
    newest,
};

/// What is sealed, each under a key of its own.
pub const PURPOSES: [&str; 10] =
    ["phone", "id", "address", "email", "payload", "document", "note", "transcript", "trunk", "remark"];

/// Seals and opens columns.
#[derive(Clone)]
pub struct Sealer {
    ring: Arc<Keyring>,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(…)")
    }
}

impl Sealer {
    /// Loads the envelope keys of a database. Another key file than the one that sealed
    /// them is told as such (R4.3d), and so is an older copy of it.
    pub async fn open(db: &Db, provider: Arc<dyn KeyProvider>) -> Result<Self, StoreError> {
        let rows = sqlx::query("SELECT id, court_id, purpose, version, wrapped FROM data_keys ORDER BY id")
            .fetch_all(db.read())
            .await?;
        let keys: Vec<_> = rows
            .into_iter()
            .map(|row| WrappedKey {
                id: row.get::<i64, _>(0) as u32,
                court: row.get(1),
                purpose: row.get(2),
                version: row.get::<i64, _>(3) as u32,
                wrapped: row.get(4),
            })
            .collect();
        let ring = Keyring::new(provider.clone());
        ring.load(&keys).map_err(|error| match error {
            KeyError::DoesNotOpen => StoreError::WrongKey,
            other => other.into(),
        })?;
        newest::check(db, provider.as_ref()).await?;
        Ok(Self { ring: Arc::new(ring) })
    }

    /// A sealer that opens and seals nothing, for a start without the key (R4.3d).
    pub fn shut(provider: Arc<dyn KeyProvider>) -> Self {
        Self { ring: Arc::new(Keyring::new(provider)) }
    }

    /// Makes the missing keys of a court.
    pub async fn ensure_court(&self, tx: &mut Tx, clock: &Clock, court: &str) -> Result<(), StoreError> {
        let row = sqlx::query("SELECT CAST(COALESCE(MAX(id), 0) AS BIGINT) FROM data_keys")
            .fetch_one(&mut *tx.conn())
            .await?;
        let first = row.get::<i64, _>(0) + 1;
        let have: HashSet<&str> = PURPOSES.into_iter().filter(|purpose| self.ring.has(court, purpose)).collect();
        let missing = PURPOSES.into_iter().filter(|purpose| !have.contains(purpose));
        for (id, purpose) in (first..).zip(missing) {
            let key = self.ring.mint(id as u32, court, purpose)?;
            sqlx::query(
                "INSERT INTO data_keys (id, court_id, purpose, version, wrapped, created_ms) VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(id)
            .bind(court)
            .bind(purpose)
            .bind(i64::from(key.version))
            .bind(key.wrapped)
            .bind(clock.now_ms())
            .execute(&mut *tx.conn())
            .await?;
        }
        Ok(())
    }

    /// Seals one column of one row.
    pub fn seal(
        &self,
        court: &str,
        purpose: &str,
        table: &str,
        column: &str,
        row: &str,
        plain: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        Ok(self.ring.seal(court, purpose, &place(table, column, row), plain)?)
    }

    /// Opens one column of one row.
    pub fn open_sealed(
        &self,
        table: &str,
        column: &str,
        row: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        Ok(self.ring.open(&place(table, column, row), sealed)?)
    }

    /// Blind index of a telephone number.
    pub fn phone_index(&self, court: &str, phone: &Phone) -> Result<String, StoreError> {
        Ok(self.ring.blind_index(court, "phone", phone.reveal())?)
    }

    /// Blind index of an identity number.
    pub fn id_index(&self, court: &str, id: &IdNumber) -> Result<String, StoreError> {
        Ok(self.ring.blind_index(court, "id", id.reveal())?)
    }
}

fn place(table: &str, column: &str, row: &str) -> String {
    format!("{table}|{column}|{row}")
}
