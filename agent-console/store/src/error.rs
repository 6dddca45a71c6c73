//! Errors of the ground. None repeats a value that was bound.

/// Why the ground could not do something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database refused.
    #[error("the database could not do what was asked: {0}")]
    Database(String),
    /// There is no room for what was to be written.
    #[error("the disk is full: nothing was written down; make room")]
    Full,
    /// A row with this key is there already.
    #[error("a row with this key is there already")]
    Unique,
    /// The migrations did not run.
    #[error("the database cannot be brought to this version: {0}")]
    Migration(String),
    /// The database holds sealed data and the key file does not open it.
    #[error("this key file does not open the sealed data of this database: put back the one that was made with it")]
    WrongKey,
    /// Another server works with this database.
    #[error("another server works with this database: end it first, or give this one a database of its own")]
    Taken,
    /// The key file is a copy from before a rotation of the keys.
    #[error("this key file is an older copy: keys were made anew since then; put back the newest one")]
    OlderKey,
    /// A key operation failed.
    #[error(transparent)]
    Key(#[from] songda_recordings::keys::KeyError),
    /// A stored file is missing.
    #[error("the stored file {0} is missing")]
    FileMissing(String),
    /// A stored file is not what was written.
    #[error("the stored file {0} was altered")]
    FileAltered(String),
    /// The file system refused.
    #[error("cannot {action} {path}: {error}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// To what.
        path: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// Something of ours failed.
    #[error("{action} failed: {error}")]
    Internal {
        /// What was being done.
        action: &'static str,
        /// Why.
        error: String,
    },
}

impl StoreError {
    /// Something of ours failed while doing `action`.
    pub fn internal(action: &'static str, error: impl std::fmt::Display) -> Self {
        Self::Internal { action, error: error.to_string() }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error.as_database_error() {
            Some(database) if database.is_unique_violation() => Self::Unique,
            // SQLITE_FULL, and disk_full of PostgreSQL.
            Some(database) if matches!(database.code().as_deref(), Some("13" | "53100")) => Self::Full,
            // The message of a database error may repeat values: its kind and code do not.
            Some(database) => Self::Database(format!("{:?} {}", database.kind(), database.code().unwrap_or_default())),
            None => Self::Database(error.to_string()),
        }
    }
}
