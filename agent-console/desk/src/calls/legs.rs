//! What ends a carrier's leg after a kill. It holds the number: it is kept sealed, and only
//! as long as the leg may be up.

use songda_calls::SavedLeg;
use songda_store::{Db, Sealer, Tx};
use sqlx::Row;

use crate::DeskError;

/// A leg that may still be up.
#[derive(Debug)]
pub struct OpenLeg {
    /// Call.
    pub call: String,
    /// Court.
    pub court: String,
    /// Trunk over which it went.
    pub trunk: String,
    sealed: Vec<u8>,
}

impl OpenLeg {
    /// Opens what was kept; none when it cannot be read any more.
    pub fn open(&self, sealer: &Sealer) -> Result<Option<SavedLeg>, DeskError> {
        let open = sealer.open_sealed("calls", "leg_sealed", &self.call, &self.sealed)?;
        Ok(SavedLeg::from_bytes(&open))
    }
}

/// Keeps what ends the leg of a live call. Answers false for a call that is over.
pub async fn keep(db: &Db, sealer: &Sealer, court: &str, call: &str, leg: &SavedLeg) -> Result<bool, DeskError> {
    let sealed = sealer.seal(court, "phone", "calls", "leg_sealed", call, &leg.to_bytes())?;
    let mut tx = db.begin().await?;
    let kept = sqlx::query("UPDATE calls SET leg_sealed = $2 WHERE id = $1 AND live_task IS NOT NULL")
        .bind(call)
        .bind(sealed)
        .execute(&mut *tx.conn())
        .await?;
    tx.commit().await?;
    Ok(kept.rows_affected() == 1)
}

/// Every leg that may still be up, the latest first.
pub async fn open_legs(db: &Db) -> Result<Vec<OpenLeg>, DeskError> {
    let rows = sqlx::query(
        "SELECT id, court_id, COALESCE(trunk_id, ''), leg_sealed FROM calls WHERE leg_sealed IS NOT NULL
         ORDER BY created_ms DESC",
    )
    .fetch_all(db.read())
    .await?;
    Ok(rows
        .iter()
        .map(|row| OpenLeg { call: row.get(0), court: row.get(1), trunk: row.get(2), sealed: row.get(3) })
        .collect())
}

/// The leg is down: nothing of it is kept.
pub async fn forget(tx: &mut Tx, call: &str) -> Result<(), DeskError> {
    sqlx::query("UPDATE calls SET leg_sealed = NULL WHERE id = $1").bind(call).execute(&mut *tx.conn()).await?;
    Ok(())
}
