//! Legal holds (E71): while one stands on a case, no job deletes anything of it.

use std::time::{Duration, Instant};

use serde_json::json;
use songda_people::Actor;
use songda_store::{Clock, Db, StoreError, audit, new_id};
use sqlx::{Row, any::AnyRow};

use super::{reason, standing};
use crate::ServiceError;

/// A hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldRow {
    /// Id.
    pub id: String,
    /// Case.
    pub case_id: String,
    /// 案号.
    pub case_number: String,
    /// Why.
    pub reason: String,
    /// Name of who set it.
    pub set_by: String,
    /// When, unix milliseconds.
    pub set_ms: i64,
    /// Name of who lifted it.
    pub lifted_by: Option<String>,
    /// When, unix milliseconds.
    pub lifted_ms: Option<i64>,
    /// Why it was lifted.
    pub lift_reason: String,
}

const COLUMNS: &str = "SELECT h.id, h.case_id, k.number, h.reason, h.set_name, h.set_ms, h.lifted_name, h.lifted_ms,
    h.lift_reason FROM legal_holds h JOIN cases k ON k.id = h.case_id";

fn read(row: &AnyRow) -> HoldRow {
    HoldRow {
        id: row.get(0),
        case_id: row.get(1),
        case_number: row.get(2),
        reason: row.get(3),
        set_by: row.get(4),
        set_ms: row.get(5),
        lifted_by: row.get(6),
        lifted_ms: row.get(7),
        lift_reason: row.get(8),
    }
}

/// The holds that a case has and had, newest first.
pub async fn holds_of(db: &Db, court: &str, case: &str) -> Result<Vec<HoldRow>, ServiceError> {
    let sql = format!("{COLUMNS} WHERE h.court_id = $1 AND h.case_id = $2 ORDER BY h.set_ms DESC, h.id DESC LIMIT 100");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(court).bind(case).fetch_all(db.read()).await?;
    Ok(rows.iter().map(read).collect())
}

/// The holds of a court that stand, oldest first.
pub async fn active_holds(db: &Db, court: &str) -> Result<Vec<HoldRow>, ServiceError> {
    let sql =
        format!("{COLUMNS} WHERE h.court_id = $1 AND h.active_case IS NOT NULL ORDER BY h.set_ms, h.id LIMIT 500");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(court).fetch_all(db.read()).await?;
    Ok(rows.iter().map(read).collect())
}

/// How often it is looked whether a removal has ended, and for how long.
const LOOK: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(30);

/// Sets a hold on a case that has none. A file of it that is being taken away at this very moment
/// is waited for, up to half a minute: what is there when this answers that it is set stays. When
/// the removal runs even longer the hold stands, and the answer is `hold.removal`: whoever asks
/// again waits again, and hears `hold.there` once it has ended. Where a removal had begun and broke
/// off, as when the S3 server went away, the hold stands too, and the answer is `hold.unknown`: nobody
/// can say yet whether that file is still there. The next run of the deletion finds out, and keeps
/// what is.
pub async fn set_hold(db: &Db, clock: &Clock, actor: &Actor, case: &str, why: &str) -> Result<(), ServiceError> {
    set_hold_within(db, clock, actor, case, why, PATIENCE).await
}

/// The same with another patience than half a minute.
pub async fn set_hold_within(
    db: &Db,
    clock: &Clock,
    actor: &Actor,
    case: &str,
    why: &str,
    patience: Duration,
) -> Result<(), ServiceError> {
    let why = reason(why)?;
    let mut tx = db.begin().await?;
    standing::locked(tx.conn(), &actor.court_id, case).await?;
    let id = new_id();
    let set = sqlx::query(
        "INSERT INTO legal_holds (id, court_id, case_id, active_case, reason, set_by, set_name, set_ms)
         VALUES ($1, $2, $3, $3, $4, $5, $6, $7)",
    )
    .bind(&id)
    .bind(&actor.court_id)
    .bind(case)
    .bind(why)
    .bind(&actor.user_id)
    .bind(&actor.name)
    .bind(clock.now_ms())
    .execute(&mut *tx.conn())
    .await;
    match set.map_err(StoreError::from) {
        Ok(_) => {}
        Err(StoreError::Unique) => {
            drop(tx);
            removals_ended(db, clock, case, patience).await?;
            let text = "this case is under a hold already".to_owned();
            return Err(ServiceError::Refused { code: "hold.there", field: "", text });
        }
        Err(error) => return Err(error.into()),
    }
    let entry = actor.did("hold.set", ("case", case), json!({ "hold": id, "reason": why }));
    audit::append(&mut tx, clock, audit::Entry { case_id: Some(case), ..entry }).await?;
    tx.commit().await?;
    removals_ended(db, clock, case, patience).await
}

/// Waits until no file of a case is being taken away; an error where that is not known of one.
async fn removals_ended(db: &Db, clock: &Clock, case: &str, patience: Duration) -> Result<(), ServiceError> {
    let begun = Instant::now();
    loop {
        let row = sqlx::query(
            "SELECT COUNT(*), COUNT(CASE WHEN until_ms > $2 THEN 1 END)
             FROM deletion_items WHERE case_id = $1 AND state = 'deleting'",
        )
        .bind(case)
        .bind(clock.now_ms())
        .fetch_one(db.read())
        .await?;
        let (begun_files, running): (i64, i64) = (row.get(0), row.get(1));
        match (begun_files, running) {
            (0, _) => return Ok(()),
            (_, 1..) => {}
            (files, _) => {
                let text = format!(
                    "the hold stands; files whose removal had begun before it and broke off: {files}. Whether they are \
                     still there is not known before the deletion goes on, which keeps those that are"
                );
                return Err(ServiceError::Refused { code: "hold.unknown", field: "", text });
            }
        }
        if begun.elapsed() >= patience {
            let text = "the hold stands; the removal of a file that had begun before it still runs: \
                        try again to hear when it has ended";
            return Err(ServiceError::Refused { code: "hold.removal", field: "", text: text.to_owned() });
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Lifts the hold of a case.
pub async fn lift_hold(db: &Db, clock: &Clock, actor: &Actor, case: &str, why: &str) -> Result<(), ServiceError> {
    let why = reason(why)?;
    let mut tx = db.begin().await?;
    let lifted = sqlx::query(
        "UPDATE legal_holds SET active_case = NULL, lifted_by = $3, lifted_name = $4, lifted_ms = $5, lift_reason = $6
         WHERE active_case = $1 AND court_id = $2",
    )
    .bind(case)
    .bind(&actor.court_id)
    .bind(&actor.user_id)
    .bind(&actor.name)
    .bind(clock.now_ms())
    .bind(why)
    .execute(&mut *tx.conn())
    .await?;
    if lifted.rows_affected() != 1 {
        let text = "this case is under no hold".to_owned();
        return Err(ServiceError::Refused { code: "hold.none", field: "", text });
    }
    let entry = actor.did("hold.lift", ("case", case), json!({ "reason": why }));
    audit::append(&mut tx, clock, audit::Entry { case_id: Some(case), ..entry }).await?;
    Ok(tx.commit().await?)
}
