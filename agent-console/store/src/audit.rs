//! The audit log: append-only, each row bound to the one before it (R9.5a, X2).

use serde_json::Value;
use sha2::{Digest, Sha256};
use sqlx::{Row, any::AnyRow};

use crate::{Clock, Db, Dialect, StoreError, Tx};

/// What is written down.
#[derive(Debug)]
pub struct Entry<'a> {
    /// Court, or empty for the house.
    pub court: &'a str,
    /// User id, machine account id or `system`.
    pub actor: &'a str,
    /// Role.
    pub actor_role: &'a str,
    /// Stable word, e.g. `recording.play`.
    pub action: &'a str,
    /// Kind of the object.
    pub object_kind: &'a str,
    /// Object.
    pub object_id: &'a str,
    /// Case it belongs to.
    pub case_id: Option<&'a str>,
    /// Address of the caller.
    pub ip: &'a str,
    /// `ok`, `denied`, `failed` …
    pub result: &'a str,
    /// Masked facts.
    pub detail: Value,
}

impl<'a> Entry<'a> {
    /// What the house did by itself, to this object (kind and id), with success.
    pub fn of_the_house(court: &'a str, action: &'a str, object: (&'a str, &'a str), detail: Value) -> Self {
        Self {
            court,
            actor: "system",
            actor_role: "system",
            action,
            object_kind: object.0,
            object_id: object.1,
            case_id: None,
            ip: "",
            result: "ok",
            detail,
        }
    }
}

/// A row as it is read.
#[derive(Debug, Clone)]
pub struct Record {
    /// Place in the log.
    pub seq: i64,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// Court.
    pub court: String,
    /// Actor.
    pub actor: String,
    /// Role.
    pub role: String,
    /// Action.
    pub action: String,
    /// Kind of the object.
    pub object_kind: String,
    /// Object.
    pub object_id: String,
    /// Case.
    pub case_id: Option<String>,
    /// Address.
    pub ip: String,
    /// Result.
    pub result: String,
    /// Facts.
    pub detail: String,
    prev_hash: String,
    hash: String,
}

/// What a check of the chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every row follows from the one before.
    Intact {
        /// Rows checked.
        rows: i64,
    },
    /// This row does not.
    Broken {
        /// Place in the log.
        seq: i64,
    },
}

/// Writes a row in the caller's transaction: what it tells of lasts, or neither does.
pub async fn append(tx: &mut Tx, clock: &Clock, entry: Entry<'_>) -> Result<i64, StoreError> {
    if tx.dialect() == Dialect::Postgres {
        // One writer at a time: the chain has one end.
        sqlx::query("SELECT CAST(pg_advisory_xact_lock(7341001) AS TEXT)").execute(&mut *tx.conn()).await?;
    }
    let last =
        sqlx::query("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetch_optional(&mut *tx.conn()).await?;
    let (seq, prev_hash) = match last {
        Some(row) => (row.get::<i64, _>(0) + 1, row.get::<String, _>(1)),
        None => (1, String::new()),
    };
    let mut row = Record {
        seq,
        at_ms: clock.now_ms(),
        court: entry.court.to_owned(),
        actor: entry.actor.to_owned(),
        role: entry.actor_role.to_owned(),
        action: entry.action.to_owned(),
        object_kind: entry.object_kind.to_owned(),
        object_id: entry.object_id.to_owned(),
        case_id: entry.case_id.map(str::to_owned),
        ip: entry.ip.to_owned(),
        result: entry.result.to_owned(),
        detail: entry.detail.to_string(),
        prev_hash,
        hash: String::new(),
    };
    row.hash = row.digest();
    sqlx::query(
        "INSERT INTO audit (seq, at_ms, court_id, actor, actor_role, action, object_kind, object_id, case_id, ip,
                            result, detail, prev_hash, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
    )
    .bind(row.seq)
    .bind(row.at_ms)
    .bind(&row.court)
    .bind(&row.actor)
    .bind(&row.role)
    .bind(&row.action)
    .bind(&row.object_kind)
    .bind(&row.object_id)
    .bind(row.case_id.as_deref())
    .bind(&row.ip)
    .bind(&row.result)
    .bind(&row.detail)
    .bind(&row.prev_hash)
    .bind(&row.hash)
    .execute(&mut *tx.conn())
    .await?;
    Ok(seq)
}

const COLUMNS: &str = "seq, at_ms, court_id, actor, actor_role, action, object_kind, object_id, case_id, ip, result, \
     detail, prev_hash, hash FROM audit";

fn read(row: &AnyRow) -> Record {
    Record {
        seq: row.get(0),
        at_ms: row.get(1),
        court: row.get(2),
        actor: row.get(3),
        role: row.get(4),
        action: row.get(5),
        object_kind: row.get(6),
        object_id: row.get(7),
        case_id: row.get(8),
        ip: row.get(9),
        result: row.get(10),
        detail: row.get(11),
        prev_hash: row.get(12),
        hash: row.get(13),
    }
}

impl Record {
    fn digest(&self) -> String {
        let mut hash = Sha256::new();
        let (seq, at) = (self.seq.to_string(), self.at_ms.to_string());
        for part in [
            &self.prev_hash,
            &seq,
            &at,
            &self.court,
            &self.actor,
            &self.role,
            &self.action,
            &self.object_kind,
            &self.object_id,
            self.case_id.as_deref().unwrap_or_default(),
            &self.ip,
            &self.result,
            &self.detail,
        ] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hex::encode(hash.finalize())
    }
}

/// Rows of a court, newest first, below `before`.
pub async fn list(db: &Db, court: &str, before: Option<i64>, limit: i64) -> Result<Vec<Record>, StoreError> {
    let sql = format!("SELECT {COLUMNS} WHERE court_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(court)
        .bind(before.unwrap_or(i64::MAX))
        .bind(limit)
        .fetch_all(db.read())
        .await?;
    Ok(rows.iter().map(read).collect())
}

/// Whether this actor of a court did this with this object since then, unix milliseconds.
pub async fn did_since(
    db: &Db,
    (court, actor): (&str, &str),
    action: &str,
    object_id: &str,
    since_ms: i64,
) -> Result<bool, StoreError> {
    let row = sqlx::query(
        "SELECT seq FROM audit WHERE actor = $1 AND at_ms > $2 AND court_id = $3 AND action = $4 AND object_id = $5
          AND result = 'ok' LIMIT 1",
    )
    .bind(actor)
    .bind(since_ms)
    .bind(court)
    .bind(action)
    .bind(object_id)
    .fetch_optional(db.read())
    .await?;
    Ok(row.is_some())
}

/// Checks the whole chain.
pub async fn verify(db: &Db) -> Result<Verdict, StoreError> {
    let sql = format!("SELECT {COLUMNS} WHERE seq > $1 ORDER BY seq LIMIT 1000");
    let (mut seq, mut prev) = (0, String::new());
    loop {
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql.clone())).bind(seq).fetch_all(db.read()).await?;
        if rows.is_empty() {
            return Ok(Verdict::Intact { rows: seq });
        }
        for row in rows.iter().map(read) {
            if row.seq != seq + 1 || row.prev_hash != prev || row.hash != row.digest() {
                return Ok(Verdict::Broken { seq: row.seq });
            }
            seq = row.seq;
            prev = row.hash;
        }
    }
}
