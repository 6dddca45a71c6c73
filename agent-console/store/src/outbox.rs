//! Outbox: what leaves the house is written in the same transaction as what it tells of,
//! and leaves at least once, in order per key.

use serde_json::Value;
use sqlx::Row;

use crate::{Clock, Db, Dialect, Sealer, StoreError, Tx, jobs::backoff_ms, new_id};

/// A claimed message.
#[derive(Debug, Clone)]
pub struct Message {
    /// Id; travels as the idempotency key.
    pub id: String,
    /// Topic, e.g. `report.ready`.
    pub topic: String,
    /// Messages of one key leave in order.
    pub order_key: String,
    /// Place within the key.
    pub seq: i64,
    /// File that travels along.
    pub object_id: Option<String>,
    /// Tries before this one.
    pub attempts: i64,
    sealed: Vec<u8>,
}

impl Message {
    /// Opens the payload.
    pub fn open(&self, sealer: &Sealer) -> Result<Value, StoreError> {
        let open = sealer.open_sealed("outbox", "payload_sealed", &self.id, &self.sealed)?;
        let mut value: Value =
            serde_json::from_slice(&open).map_err(|error| StoreError::internal("reading an outbox payload", error))?;
        value["seq"] = self.seq.into();
        Ok(value)
    }
}

/// Puts a message into the outbox.
#[expect(clippy::too_many_arguments, reason = "each is a column")]
pub async fn put(
    tx: &mut Tx,
    clock: &Clock,
    sealer: &Sealer,
    court: &str,
    sink: &str,
    topic: &str,
    order_key: &str,
    payload: &Value,
    object_id: Option<&str>,
) -> Result<String, StoreError> {
    let id = new_id();
    let row =
        sqlx::query("SELECT CAST(COALESCE(MAX(seq), 0) AS BIGINT) FROM outbox WHERE sink = $1 AND order_key = $2")
            .bind(sink)
            .bind(order_key)
            .fetch_one(&mut *tx.conn())
            .await?;
    let sealed = sealer.seal(court, "payload", "outbox", "payload_sealed", &id, payload.to_string().as_bytes())?;
    sqlx::query(
        "INSERT INTO outbox (id, court_id, sink, topic, order_key, seq, payload_sealed, object_id, state, attempts,
                             next_ms, lease_until_ms, last_error, created_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'waiting', 0, $9, 0, '', $9)",
    )
    .bind(&id)
    .bind(court)
    .bind(sink)
    .bind(topic)
    .bind(order_key)
    .bind(row.get::<i64, _>(0) + 1)
    .bind(sealed)
    .bind(object_id)
    .bind(clock.now_ms())
    .execute(&mut *tx.conn())
    .await?;
    Ok(id)
}

/// Claims messages whose turn has come: of each key only the first that is not done.
pub async fn claim(db: &Db, clock: &Clock, sink: &str, lease_ms: i64, limit: i64) -> Result<Vec<Message>, StoreError> {
    let skip = match db.dialect() {
        Dialect::Sqlite => "",
        Dialect::Postgres => "FOR UPDATE SKIP LOCKED",
    };
    let sql = format!(
        "UPDATE outbox SET lease_until_ms = $2 + $3
         WHERE id IN (SELECT o.id FROM outbox o WHERE o.sink = $1 AND o.state = 'waiting' AND o.next_ms <= $2
                        AND o.lease_until_ms <= $2
                        AND NOT EXISTS (SELECT 1 FROM outbox e WHERE e.sink = o.sink AND e.order_key = o.order_key
                                          AND e.seq < o.seq AND e.state <> 'done')
                      ORDER BY o.created_ms, o.id LIMIT $4 {skip})
         RETURNING id, topic, order_key, seq, object_id, attempts, payload_sealed"
    );
    let mut tx = db.begin().await?;
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(sink)
        .bind(clock.now_ms())
        .bind(lease_ms)
        .bind(limit)
        .fetch_all(&mut *tx.conn())
        .await?;
    tx.commit().await?;
    let mut messages: Vec<_> = rows
        .into_iter()
        .map(|row| Message {
            id: row.get(0),
            topic: row.get(1),
            order_key: row.get(2),
            seq: row.get(3),
            object_id: row.get(4),
            attempts: row.get(5),
            sealed: row.get(6),
        })
        .collect();
    // RETURNING keeps no order; ids grow with time.
    messages.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(messages)
}

/// The receiver has it.
pub async fn done(tx: &mut Tx, clock: &Clock, id: &str) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE outbox SET state = 'done', done_ms = $2, attempts = attempts + 1, last_error = '' WHERE id = $1",
    )
    .bind(id)
    .bind(clock.now_ms())
    .execute(&mut *tx.conn())
    .await?;
    Ok(())
}

/// The try failed: again later, at most ten minutes apart, for as long as it takes. A
/// receiver that is away over a holiday costs time and never a message.
pub async fn retry(db: &Db, clock: &Clock, message: &Message, error: &str) -> Result<(), StoreError> {
    let tries = message.attempts + 1;
    sqlx::query("UPDATE outbox SET attempts = $2, next_ms = $3, lease_until_ms = 0, last_error = $4 WHERE id = $1")
        .bind(&message.id)
        .bind(tries)
        .bind(clock.now_ms() + backoff_ms(tries))
        .bind(error)
        .execute(db.read())
        .await?;
    Ok(())
}
