//! SQL of what the line said. What was decided is not overwritten by what is heard later, save that
//! a notice before the answer says nothing of who answers after it.

use serde_json::json;
use songda_calls::progress::LineStatus;
use songda_service::outcomes::{Judged, LineFacts, announced};
use songda_store::{Clock, Db, Sealer, Tx};
use sqlx::Row;

use super::Verdict;
use crate::DeskError;

/// What the line of a call says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// What.
    pub class: String,
    /// How surely, per cent.
    pub confidence: i64,
    /// `early` or `answered`.
    pub place: String,
    /// Where the evidence begins, milliseconds of the recording.
    pub from_ms: i64,
    /// Where it ends.
    pub to_ms: i64,
    /// The words, where words are the evidence.
    pub text: Option<String>,
    /// They were written by the test model.
    pub test_model: bool,
    /// `suggested`, `confirmed` or `rejected`.
    pub state: String,
    /// Confirmed, and the cause of the signalling says something else.
    pub conflict: bool,
    /// The technical code of the call after a decision, when it is over.
    pub technical: Option<String>,
}

/// Keeps what was heard; false when the agent has decided already, or has saved the outcome.
pub async fn put(
    db: &Db,
    clock: &Clock,
    sealer: &Sealer,
    (court, call): (&str, &str),
    status: &LineStatus,
) -> Result<bool, DeskError> {
    let words = status.words.as_ref();
    let sealed = match words {
        Some(words) => {
            Some(sealer.seal(court, "transcript", "call_progress", "text_sealed", call, words.text.as_bytes())?)
        }
        None => None,
    };
    let mut tx = db.begin().await?;
    let kept = sqlx::query(
        "INSERT INTO call_progress (call_id, court_id, class, confidence, place, from_ms, to_ms, text_sealed, rule, model,
                                    test_model, code, heard_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
         ON CONFLICT (call_id) DO UPDATE SET class = excluded.class, confidence = excluded.confidence,
                place = excluded.place, from_ms = excluded.from_ms, to_ms = excluded.to_ms,
                text_sealed = excluded.text_sealed, rule = excluded.rule, model = excluded.model,
                test_model = excluded.test_model, code = excluded.code, heard_ms = excluded.heard_ms,
                state = 'suggested', conflict = 0, decided_by = NULL, decided_ms = NULL
         WHERE (call_progress.state = 'suggested'
                OR (call_progress.place = 'early' AND excluded.place = 'answered'))
           AND NOT EXISTS (SELECT 1 FROM calls c WHERE c.id = excluded.call_id AND c.outcome_state = 'saved')",
    )
    .bind(call)
    .bind(court)
    .bind(status.class)
    .bind(i64::from(status.confidence))
    .bind(status.place_word())
    .bind(status.from_ms as i64)
    .bind(status.to_ms as i64)
    .bind(sealed)
    .bind(words.map_or("", |words| &words.rule))
    .bind(words.map_or("", |words| &words.model))
    .bind(i64::from(words.is_some_and(|words| words.test_model)))
    .bind(announced(status.class).unwrap_or_default())
    .bind(clock.now_ms())
    .execute(&mut *tx.conn())
    .await?;
    tx.commit().await?;
    Ok(kept.rows_affected() == 1)
}

/// What the line of a call says.
pub async fn find(db: &Db, sealer: &Sealer, call: &str) -> Result<Option<Heard>, DeskError> {
    let row = sqlx::query(
        "SELECT class, confidence, place, from_ms, to_ms, text_sealed, test_model, state, conflict
         FROM call_progress WHERE call_id = $1",
    )
    .bind(call)
    .fetch_optional(db.read())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let sealed: Option<Vec<u8>> = row.get(5);
    let text = match sealed {
        Some(sealed) => {
            let open = sealer.open_sealed("call_progress", "text_sealed", call, &sealed)?;
            Some(String::from_utf8_lossy(&open).into_owned())
        }
        None => None,
    };
    Ok(Some(Heard {
        class: row.get(0),
        confidence: row.get(1),
        place: row.get(2),
        from_ms: row.get(3),
        to_ms: row.get(4),
        text,
        test_model: row.get::<i64, _>(6) == 1,
        state: row.get(7),
        conflict: row.get::<i64, _>(8) == 1,
        technical: None,
    }))
}

/// Takes the call so that its outcome is not saved meanwhile; false when it is saved.
pub(super) async fn take(tx: &mut Tx, call: &str) -> Result<bool, DeskError> {
    let taken =
        sqlx::query("UPDATE calls SET outcome_state = outcome_state WHERE id = $1 AND outcome_state <> 'saved'")
            .bind(call)
            .execute(&mut *tx.conn())
            .await?;
    Ok(taken.rows_affected() == 1)
}

/// What the line says of who answered, how surely, and what the agent made of it.
pub(super) async fn of_who_answered(tx: &mut Tx, call: &str) -> Result<Option<(String, i64, String)>, DeskError> {
    let row =
        sqlx::query("SELECT class, confidence, state FROM call_progress WHERE call_id = $1 AND place = 'answered'")
            .bind(call)
            .fetch_optional(&mut *tx.conn())
            .await?;
    Ok(row.map(|row| (row.get(0), row.get(1), row.get(2))))
}

/// What the agent confirmed.
pub(super) async fn confirmed(tx: &mut Tx, call: &str) -> Result<Option<String>, DeskError> {
    let row = sqlx::query("SELECT class FROM call_progress WHERE call_id = $1 AND state = 'confirmed'")
        .bind(call)
        .fetch_optional(&mut *tx.conn())
        .await?;
    Ok(row.map(|row| row.get(0)))
}

/// What was confirmed and what ended the call do not agree.
pub(super) async fn conflicts(tx: &mut Tx, call: &str) -> Result<(), DeskError> {
    sqlx::query("UPDATE call_progress SET conflict = 1 WHERE call_id = $1 AND state = 'confirmed'")
        .bind(call)
        .execute(&mut *tx.conn())
        .await?;
    Ok(())
}

/// What ended a call that is over, and over which trunk it went.
pub(super) async fn ending(tx: &mut Tx, call: &str) -> Result<Option<(LineFacts, Option<String>)>, DeskError> {
    let row = sqlx::query("SELECT end_facts, trunk_id FROM calls WHERE id = $1 AND state = 'ended'")
        .bind(call)
        .fetch_optional(&mut *tx.conn())
        .await?;
    Ok(row.map(|row| {
        let facts: String = row.get(0);
        (serde_json::from_str(&facts).unwrap_or_default(), row.get(1))
    }))
}

/// The technical code of a call that is over, judged anew. A code that would make an attempt of
/// what was none, or the reverse, is not taken: the page shows that they disagree.
pub(super) async fn judged(tx: &mut Tx, call: &str, facts: &LineFacts, judged: &Judged) -> Result<(), DeskError> {
    let catalogue = songda_service::outcomes::catalogue().map_err(DeskError::Rules)?;
    let attempt = catalogue.technical(judged.code).is_some_and(|code| code.attempt);
    sqlx::query(
        "UPDATE calls SET end_facts = $2, technical_code = $3, cause_rule = $4
         WHERE id = $1 AND state = 'ended' AND is_attempt = $5",
    )
    .bind(call)
    .bind(json!(facts).to_string())
    .bind(judged.code)
    .bind(&judged.rule)
    .bind(i64::from(attempt))
    .execute(&mut *tx.conn())
    .await?;
    Ok(())
}

/// Writes the agent's word down.
pub(super) async fn decided(
    tx: &mut Tx,
    clock: &Clock,
    agent: &str,
    call: &str,
    verdict: Verdict,
    conflict: bool,
) -> Result<(), DeskError> {
    sqlx::query(
        "UPDATE call_progress SET state = $2, conflict = $3, decided_by = $4, decided_ms = $5 WHERE call_id = $1",
    )
    .bind(call)
    .bind(verdict.word())
    .bind(i64::from(conflict))
    .bind(agent)
    .bind(clock.now_ms())
    .execute(&mut *tx.conn())
    .await?;
    Ok(())
}
