//! The end of a deletion that was approved: one person asks for it, another decides (domain 4).
//!
//! What is gone by then gets its certificate, what is there stays. The end itself is made by the
//! same job that deletes, file by file, so that nothing is kept and taken away at once.

use serde_json::json;
use songda_people::Actor;
use songda_store::{Clock, Db, audit, jobs};
use sqlx::{Row, any::AnyRow};

use super::{JOB, reason, requests};
use crate::ServiceError;

/// What was asked for about the end of a deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Who asked, by id.
    pub by: String,
    /// His name.
    pub name: String,
    /// When, unix milliseconds.
    pub at_ms: i64,
    /// Why.
    pub reason: String,
    /// Name of who agreed; from then on nothing more goes.
    pub agreed: Option<String>,
}

impl Ending {
    pub(super) fn read(row: &AnyRow, from: usize) -> Option<Self> {
        let by: Option<String> = row.get(from);
        by.map(|by| Self {
            by,
            name: row.get::<Option<String>, _>(from + 1).unwrap_or_default(),
            at_ms: row.get::<Option<i64>, _>(from + 2).unwrap_or_default(),
            reason: row.get(from + 3),
            agreed: row.get(from + 4),
        })
    }
}

fn refused(code: &'static str, text: &str) -> ServiceError {
    ServiceError::Refused { code, field: "", text: text.to_owned() }
}

/// Asks that an approved deletion ends, with a reason.
pub async fn ask_for_end(db: &Db, clock: &Clock, actor: &Actor, id: &str, why: &str) -> Result<(), ServiceError> {
    let why = reason(why)?;
    let mut tx = db.begin().await?;
    requests::waiting(&mut tx, &actor.court_id, id).await?;
    let asked = sqlx::query(
        "UPDATE retention_requests SET ending_by = $3, ending_name = $4, ending_ms = $5, ending_reason = $6
         WHERE id = $1 AND court_id = $2 AND kind <> 'policy' AND state = 'approved' AND ending_by IS NULL",
    )
    .bind(id)
    .bind(&actor.court_id)
    .bind(&actor.user_id)
    .bind(&actor.name)
    .bind(clock.now_ms())
    .bind(why)
    .execute(&mut *tx.conn())
    .await?;
    if asked.rows_affected() != 1 {
        return Err(refused("retention.no_end", "it is not being carried out, or its end was asked for already"));
    }
    audit::append(&mut tx, clock, actor.did("retention.ask_end", ("retention", id), json!({ "reason": why }))).await?;
    Ok(tx.commit().await?)
}

/// Agrees to the end of a deletion, or lets it go on. Whoever asked for the end decides nothing
/// about it.
pub async fn decide_end(db: &Db, clock: &Clock, actor: &Actor, id: &str, agree: bool) -> Result<(), ServiceError> {
    let mut tx = db.begin().await?;
    let found = requests::waiting(&mut tx, &actor.court_id, id).await?;
    let Some(ending) = found.ending.filter(|ending| ending.agreed.is_none() && found.state == "approved") else {
        return Err(refused("retention.no_end", "nobody asked for its end, or it is over"));
    };
    if ending.by == actor.user_id || requests::same_person(&mut tx, &ending.by, actor).await? {
        let entry = actor.did("retention.decide_end", ("retention", id), json!({ "why": "retention.own" }));
        audit::append(&mut tx, clock, audit::Entry { result: "denied", ..entry }).await?;
        tx.commit().await?;
        return Err(refused("retention.own", "another person must decide about what you asked for"));
    }
    let query = if agree {
        sqlx::query(
            "UPDATE retention_requests SET ended_by = $3, ended_name = $4
             WHERE id = $1 AND state = 'approved' AND ending_by = $2 AND ended_by IS NULL",
        )
        .bind(id)
        .bind(&ending.by)
        .bind(&actor.user_id)
        .bind(&actor.name)
    } else {
        sqlx::query(
            "UPDATE retention_requests SET ending_by = NULL, ending_name = NULL, ending_ms = NULL, ending_reason = ''
             WHERE id = $1 AND state = 'approved' AND ending_by = $2 AND ended_by IS NULL",
        )
        .bind(id)
        .bind(&ending.by)
    };
    let decided = query.execute(&mut *tx.conn()).await?;
    if decided.rows_affected() != 1 {
        return Err(refused("retention.decided", "somebody decided about it already"));
    }
    if agree {
        // The job that failed so far comes late; this one comes now.
        let payload = json!({ "request": id });
        jobs::enqueue(&mut tx, clock, JOB, Some(&format!("{JOB}:{id}:end")), &payload, clock.now_ms()).await?;
    }
    let detail = json!({ "agree": agree, "asked_by": ending.by, "reason": ending.reason });
    audit::append(&mut tx, clock, actor.did("retention.decide_end", ("retention", id), detail)).await?;
    Ok(tx.commit().await?)
}
