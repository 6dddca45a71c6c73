//! The database: SQLite inside the process, or PostgreSQL.

use sqlx::{Any, AnyConnection, AnyPool, Connection as _, Row, any::AnyPoolOptions};

use crate::StoreError;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations");

/// Which engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// One file; a commit that was answered survives a power cut.
    Sqlite,
    /// A server of its own.
    Postgres,
}

/// The database.
#[derive(Debug, Clone)]
pub struct Db {
    read: AnyPool,
    write: AnyPool,
    dialect: Dialect,
}

/// A transaction. Rolled back when dropped.
#[derive(Debug)]
pub struct Tx {
    inner: sqlx::Transaction<'static, Any>,
    dialect: Dialect,
}

impl Db {
    /// Opens `sqlite:///path/file.db` (made when it is not there) or `postgres://…` and
    /// brings it to this version.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let dialect = if url.starts_with("sqlite:") {
            Dialect::Sqlite
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            Dialect::Postgres
        } else {
            return Err(StoreError::Database("the URL must begin with sqlite: or postgres:".into()));
        };
        let (read, write) = match dialect {
            Dialect::Sqlite => {
                let url = if url.contains('?') { url.to_owned() } else { format!("{url}?mode=rwc") };
                // One writer, so that writers queue instead of finding the file busy.
                (sqlite_pool(&url, 4).await?, sqlite_pool(&url, 1).await?)
            }
            Dialect::Postgres => {
                let pool = AnyPoolOptions::new().max_connections(10).connect(url).await?;
                (pool.clone(), pool)
            }
        };
        MIGRATIONS.run(&write).await.map_err(|error| StoreError::Migration(error.to_string()))?;
        guard(&write, dialect).await?;
        Ok(Self { read, write, dialect })
    }

    /// For reads and single statements.
    pub fn read(&self) -> &AnyPool {
        &self.read
    }

    /// Which engine.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Begins a transaction that will write.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        let inner = match self.dialect {
            Dialect::Sqlite => self.write.begin_with("BEGIN IMMEDIATE").await?,
            Dialect::Postgres => self.write.begin().await?,
        };
        Ok(Tx { inner, dialect: self.dialect })
    }

    /// Whether nothing was ever stored: then, and only then, a key file may be made.
    pub async fn is_empty(&self) -> Result<bool, StoreError> {
        let row = sqlx::query("SELECT (SELECT COUNT(*) FROM courts) + (SELECT COUNT(*) FROM data_keys)")
            .fetch_one(&self.read)
            .await?;
        Ok(row.get::<i64, _>(0) == 0)
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").fetch_one(&self.read).await?;
        Ok(())
    }

    /// Waits for what is running and closes.
    pub async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }
}

/// Tables whose rows are only ever added: the database itself refuses to change or remove one.
const ONLY_ADDED: [&str; 13] = [
    "audit",
    "events",
    "attempts",
    "attempt_fields",
    "call_ticks",
    "escalations",
    "cause_tables",
    "evidence_files",
    "evidence_leaves",
    "evidence_roots",
    "retention_policies",
    "deletions",
    "deletion_certificates",
];

/// Tables whose hashes stay as they were written first, whatever else of a row changes (X2).
const HASHED: [&str; 5] = ["recordings", "inbound_recordings", "objects", "documents", "reports"];

/// The two engines write triggers differently; this is the one place where they do.
async fn guard(write: &AnyPool, dialect: Dialect) -> Result<(), StoreError> {
    if dialect == Dialect::Postgres {
        let refuse = "CREATE OR REPLACE FUNCTION only_added() RETURNS trigger LANGUAGE plpgsql AS \
                      'BEGIN RAISE EXCEPTION ''rows of % are only added'', TG_TABLE_NAME; END'";
        sqlx::query(refuse).execute(write).await?;
    }
    for table in HASHED {
        let name = format!("{table}_keep_hashes");
        let sql = match dialect {
            Dialect::Sqlite => format!(
                "CREATE TRIGGER IF NOT EXISTS {name} BEFORE UPDATE OF sha256, sm3 ON {table} \
                 BEGIN SELECT RAISE(ABORT, 'hashes of {table} are never changed'); END"
            ),
            Dialect::Postgres => format!(
                "CREATE OR REPLACE TRIGGER {name} BEFORE UPDATE OF sha256, sm3 ON {table} \
                 FOR EACH ROW EXECUTE FUNCTION only_added()"
            ),
        };
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(write).await?;
    }
    for table in ONLY_ADDED {
        for verb in ["UPDATE", "DELETE"] {
            let name = format!("{table}_no_{}", verb.to_lowercase());
            let sql = match dialect {
                Dialect::Sqlite => format!(
                    "CREATE TRIGGER IF NOT EXISTS {name} BEFORE {verb} ON {table} \
                     BEGIN SELECT RAISE(ABORT, 'rows of {table} are only added'); END"
                ),
                Dialect::Postgres => format!(
                    "CREATE OR REPLACE TRIGGER {name} BEFORE {verb} ON {table} \
                     FOR EACH ROW EXECUTE FUNCTION only_added()"
                ),
            };
            sqlx::query(sqlx::AssertSqlSafe(sql)).execute(write).await?;
        }
    }
    Ok(())
}

async fn sqlite_pool(url: &str, size: u32) -> Result<AnyPool, StoreError> {
    let pool = AnyPoolOptions::new()
        .max_connections(size)
        // A transaction that a full disk broke was rolled back by SQLite itself; the driver
        // knows nothing of that, cannot roll back again, and would never begin another one
        // on this connection. Tested in tests/faults.
        .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
        .after_connect(|connection, _| {
            Box::pin(async move {
                for pragma in [
                    "PRAGMA busy_timeout = 10000",
                    "PRAGMA journal_mode = WAL",
                    "PRAGMA synchronous = FULL",
                    "PRAGMA foreign_keys = ON",
                ] {
                    sqlx::query(pragma).execute(&mut *connection).await?;
                }
                Ok(())
            })
        })
        .connect(url)
        .await?;
    Ok(pool)
}

impl Tx {
    /// The connection, for queries.
    pub fn conn(&mut self) -> &mut AnyConnection {
        &mut self.inner
    }

    /// Which engine.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Makes it last. On SQLite it is on the disk when this returns.
    pub async fn commit(self) -> Result<(), StoreError> {
        self.inner.commit().await?;
        Ok(())
    }
}
