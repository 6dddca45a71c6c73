//! One server per database.

use std::time::Duration;

use sqlx::AnyConnection;

use crate::{Db, Dialect, StoreError};

/// Which advisory lock of PostgreSQL a server of ours holds: `songda`, as octets. Another database
/// of the same PostgreSQL has locks of its own.
const LOCK: i64 = 0x736f_6e67_6461;
/// By these PostgreSQL misses within half a minute a machine that lost its power.
const MISSED: [&str; 3] =
    ["SET tcp_keepalives_idle = 10", "SET tcp_keepalives_interval = 5", "SET tcp_keepalives_count = 3"];
/// The lock did not come in time (PostgreSQL, appendix A: `lock_not_available`).
const TOO_LATE: &str = "55P03";

/// The database is this server's. Dropped, or with the process, it is free.
#[derive(Debug)]
pub struct Claim {
    _connection: AnyConnection,
}

impl Db {
    /// Takes the database for this server, and waits so long for one before that is dead and not missed
    /// yet. One in a file is taken with the folder it lies in: none is answered.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when another server has it.
    pub async fn claim(&self, patience: Duration) -> Result<Option<Claim>, StoreError> {
        if self.dialect() == Dialect::Sqlite {
            return Ok(None);
        }
        let mut connection = self.read().acquire().await?.detach();
        let limit = format!("SET lock_timeout = {}", patience.as_millis());
        for set in MISSED.into_iter().chain([limit.as_str()]) {
            sqlx::query(sqlx::AssertSqlSafe(set)).execute(&mut connection).await?;
        }
        let taken = sqlx::query("SELECT CAST(pg_advisory_lock($1) AS TEXT)").bind(LOCK).execute(&mut connection).await;
        match taken {
            Ok(_) => Ok(Some(Claim { _connection: connection })),
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(TOO_LATE) => Err(StoreError::Taken),
            Err(error) => Err(error.into()),
        }
    }
}
