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
const ONLY_ADDED: [&str; 16] = [
    "audit",
    "events",
    "attempts",
    "attempt_fields",
    "call_ticks",
    "escalations",
    "cause_tables",
    "evidence_files",
    "evidence_calls",
    "evidence_leaves",
    "evidence_roots",
    "evidence_root_copies",
    "evidence_notary_receipts",
    "retention_policies",
    "deletions",
    "deletion_certificates",
];

/// Tables whose hashes stay as they were written first, whatever else of a row changes (X2).
const HASHED: [&str; 5] = ["recordings", "inbound_recordings", "objects", "documents", "reports"];

/// What a file belongs to, where a row says so: it is written with the row and never changes (X2).
const OWNED: [(&str, &str); 4] = [
    ("recordings", "call_id"),
    ("inbound_recordings", "inbound_id"),
    ("documents", "object_id, order_id"),
    ("reports", "object_id, task_id"),
];

/// Keys of those of them that prove something, and of the hashed ones: SQLite's REPLACE, for
/// which it fires no trigger of a removal where the connection does not ask for that, finds the
/// row taken.
const KEYS: [(&str, &str); 19] = [
    ("audit", "seq = NEW.seq"),
    ("events", "task_id = NEW.task_id AND seq = NEW.seq"),
    ("attempts", "id = NEW.id OR (task_id = NEW.task_id AND no = NEW.no)"),
    ("evidence_files", "id = NEW.id"),
    ("evidence_calls", "file_id = NEW.file_id"),
    (
        "evidence_leaves",
        "file_id = NEW.file_id OR (court_id = NEW.court_id AND day = NEW.day AND leaf_no = NEW.leaf_no)",
    ),
    ("evidence_roots", "court_id = NEW.court_id AND day = NEW.day"),
    ("evidence_root_copies", "court_id = NEW.court_id AND day = NEW.day"),
    ("evidence_notary_receipts", "file_id = NEW.file_id OR (court_id = NEW.court_id AND day = NEW.day)"),
    ("retention_policies", "court_id = NEW.court_id AND version = NEW.version"),
    ("deletions", "file_id = NEW.file_id"),
    ("deletion_items", "request_id = NEW.request_id AND file_id = NEW.file_id"),
    ("deletion_certificates", "id = NEW.id OR request_id = NEW.request_id"),
    ("legal_holds", "id = NEW.id"),
    ("recordings", "id = NEW.id OR call_id = NEW.call_id"),
    ("inbound_recordings", "id = NEW.id OR inbound_id = NEW.inbound_id"),
    ("objects", "id = NEW.id"),
    ("documents", "id = NEW.id"),
    ("reports", "id = NEW.id"),
];

/// Tables of which some columns change as things go on, and the rest never does; with what a
/// row is once nothing of it changes any more.
const PARTLY: [(&str, &str, &str); 3] = [
    (
        "evidence_doubts",
        "id, court_id, object_id, verdict, said, found_ms, found_by, was",
        "OLD.cleared_ms IS NOT NULL",
    ),
    (
        "deletion_items",
        "request_id, file_id, class, kind, case_id, task_id, size, due_ms",
        "OLD.state IN ('deleted', 'kept', 'failed')",
    ),
    ("legal_holds", "id, court_id, case_id, reason, set_by, set_name, set_ms", "OLD.active_case IS NULL"),
];

/// The one change that a hold knows (E71): a person lifts it, with a reason.
const LIFTED: &str =
    "NEW.active_case IS NULL AND COALESCE(NEW.lifted_by, '') <> '' AND COALESCE(NEW.lifted_name, '') <> ''
    AND NEW.lifted_ms IS NOT NULL AND COALESCE(NEW.lift_reason, '') <> ''";

/// Refuses an event on a table; `when` narrows it to some rows.
async fn refuse(
    write: &AnyPool,
    dialect: Dialect,
    (name, event, table): (&str, &str, &str),
    when: Option<&str>,
    text: &str,
) -> Result<(), StoreError> {
    let when = when.map(|when| format!("WHEN ({when}) ")).unwrap_or_default();
    let sql = match dialect {
        Dialect::Sqlite => format!(
            "CREATE TRIGGER IF NOT EXISTS {table}_{name} BEFORE {event} ON {table} {when}\
             BEGIN SELECT RAISE(ABORT, '{text}'); END"
        ),
        Dialect::Postgres => format!(
            "CREATE OR REPLACE TRIGGER {table}_{name} BEFORE {event} ON {table} \
             FOR EACH ROW {when}EXECUTE FUNCTION only_added()"
        ),
    };
    sqlx::query(sqlx::AssertSqlSafe(sql)).execute(write).await?;
    Ok(())
}

/// The two engines write triggers differently; this is the one place where they do.
async fn guard(write: &AnyPool, dialect: Dialect) -> Result<(), StoreError> {
    if dialect == Dialect::Postgres {
        let refuse = "CREATE OR REPLACE FUNCTION only_added() RETURNS trigger LANGUAGE plpgsql AS \
                      'BEGIN RAISE EXCEPTION ''rows of % are only added'', TG_TABLE_NAME; END'";
        sqlx::query(refuse).execute(write).await?;
    }
    for table in HASHED {
        let text = format!("hashes of {table} are never changed");
        refuse(write, dialect, ("keep_hashes", "UPDATE OF sha256, sm3", table), None, &text).await?;
    }
    for (table, columns) in OWNED {
        let text = format!("what a row of {table} belongs to is never changed");
        refuse(write, dialect, ("keep_owner", &format!("UPDATE OF {columns}"), table), None, &text).await?;
    }
    for table in ONLY_ADDED {
        let text = format!("rows of {table} are only added");
        refuse(write, dialect, ("no_update", "UPDATE", table), None, &text).await?;
        refuse(write, dialect, ("no_delete", "DELETE", table), None, &text).await?;
    }
    // The round goes by it: what is taken out of it is never looked at again.
    refuse(write, dialect, ("no_delete", "DELETE", "evidence_checks"), None, "rows of evidence_checks stay").await?;
    for (table, columns, over) in PARTLY {
        let text = format!("this of {table} is never changed");
        refuse(write, dialect, ("keep_facts", &format!("UPDATE OF {columns}"), table), None, &text).await?;
        refuse(write, dialect, ("is_over", "UPDATE", table), Some(over), &text).await?;
        refuse(write, dialect, ("no_delete", "DELETE", table), None, &text).await?;
    }
    let (otherwise, text) = (format!("NOT ({LIFTED})"), "a hold is only lifted, by a person and with a reason");
    refuse(write, dialect, ("only_lift", "UPDATE", "legal_holds"), Some(&otherwise), text).await?;
    match dialect {
        Dialect::Sqlite => {
            for (table, same) in KEYS {
                let there = format!("EXISTS (SELECT 1 FROM {table} WHERE {same})");
                let text = format!("a row of {table} is never replaced");
                refuse(write, dialect, ("no_replace", "INSERT", table), Some(&there), &text).await?;
            }
        }
        Dialect::Postgres => {
            let partly = PARTLY.map(|(table, ..)| table);
            for table in ONLY_ADDED.iter().chain(&HASHED).chain(&partly).chain(&["evidence_checks"]) {
                let sql = format!(
                    "CREATE OR REPLACE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} \
                     FOR EACH STATEMENT EXECUTE FUNCTION only_added()"
                );
                sqlx::query(sqlx::AssertSqlSafe(sql)).execute(write).await?;
            }
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
                    // Without it REPLACE removes a row and no trigger hears of it.
                    "PRAGMA recursive_triggers = ON",
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
