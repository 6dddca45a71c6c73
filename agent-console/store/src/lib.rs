//! The ground: database, sealed columns, files, jobs, outbox, audit, alarms, clock.
//!
//! One set of queries runs on SQLite and PostgreSQL: `$N` parameters, and only TEXT,
//! BIGINT, DOUBLE PRECISION and BYTEA columns. Everything that changes does so in a
//! transaction together with its audit row.

pub mod alarms;
pub mod audit;
mod claim;
pub mod clock;
pub mod copies;
mod db;
pub mod disk;
mod error;
pub mod evidence;
pub mod http;
pub mod jobs;
pub mod masked;
pub mod newest;
mod objects;
pub mod outbox;
pub mod outlook;
mod sealer;
pub mod syncs;
pub mod testing;

pub use claim::Claim;
pub use clock::Clock;
pub use db::{Db, Dialect, Tx};
pub use error::StoreError;
pub use objects::{Object, Objects};
pub use sealer::{PURPOSES, Sealer};
pub use songda_recordings::said::Said;

/// A new id: an ULID, sorted by time.
pub fn new_id() -> String {
    use std::sync::{LazyLock, Mutex};
    static GENERATOR: LazyLock<Mutex<ulid::Generator>> = LazyLock::new(|| Mutex::new(ulid::Generator::new()));
    let made = GENERATOR.lock().ok().and_then(|mut generator| generator.generate().ok());
    made.unwrap_or_default().to_string()
}
