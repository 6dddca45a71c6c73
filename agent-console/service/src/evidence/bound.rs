//! What the words and the sound of a call belong to, entered in the register beside them.
//!
//! The leaf of a recording names its call and no more. Which task and case that call is of stands
//! in rows that anybody with the database could change. So a call is entered itself: a short text
//! with task, case and party, hashed as a file is, and compared with the rows at each look (X2).
//! A correction of a transcript is entered the same way.

use songda_store::{Clock, Tx, evidence as register};
use sqlx::{AnyConnection, Row};

use crate::ServiceError;

/// What a call belongs to, as the rows have it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bound {
    pub(super) court: String,
    pub(super) text: String,
}

/// Reads it; none when the call is not there, or its task or case is not.
pub(super) async fn read(conn: &mut AnyConnection, call: &str) -> Result<Option<Bound>, ServiceError> {
    let row = sqlx::query(
        "SELECT c.court_id, c.created_ms, t.id, t.number, k.id, k.number, t.party_id
         FROM calls c JOIN tasks t ON t.id = c.task_id JOIN cases k ON k.id = t.case_id WHERE c.id = $1",
    )
    .bind(call)
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| {
        let text = |at: usize| row.get::<String, _>(at);
        Bound {
            court: text(0),
            text: format!(
                "songda call v1\ncall: {call}\ncourt: {}\nbegan: {}\ntask: {} {}\ncase: {} {}\nparty: {}\n",
                text(0),
                row.get::<i64, _>(1),
                text(2),
                text(3),
                text(4),
                text(5),
                text(6)
            ),
        }
    }))
}

/// Enters what a call belongs to. One that was entered stays as it was.
pub async fn bind_call(tx: &mut Tx, clock: &Clock, call: &str) -> Result<(), ServiceError> {
    let bound = read(tx.conn(), call).await?.ok_or(ServiceError::NotFound { kind: "call" })?;
    let id = register::binding_id(call);
    let (sha256, sm3) = register::hashes(bound.text.as_bytes());
    let entry = register::Entry {
        id: &id,
        court: &bound.court,
        kind: register::CALL,
        owner: call,
        sha256: &sha256,
        sm3: &sm3,
        size: bound.text.len() as i64,
    };
    register::book(tx, clock, entry).await?;
    sqlx::query(
        "INSERT INTO evidence_calls (file_id, body) SELECT CAST($1 AS TEXT), CAST($2 AS TEXT)
         WHERE NOT EXISTS (SELECT 1 FROM evidence_calls WHERE file_id = $1) ON CONFLICT (file_id) DO NOTHING",
    )
    .bind(&id)
    .bind(&bound.text)
    .execute(&mut *tx.conn())
    .await?;
    Ok(())
}

/// The first line that two texts of a call do not share: what was entered, and what the rows say.
pub(super) fn difference(entered: &str, now: &str) -> Option<(String, String)> {
    if entered == now {
        return None;
    }
    let mut pairs = entered.lines().zip(now.lines());
    let found = pairs.find(|(was, is)| was != is).unwrap_or((entered, now));
    Some((found.0.to_owned(), found.1.to_owned()))
}

/// The line of the case, `case: id number`, of what was entered of a call.
pub(crate) fn case_line(entered: &str) -> Option<String> {
    entered.lines().find(|line| line.starts_with("case: ")).map(str::to_owned)
}

/// A correction of one line of a transcript.
#[derive(Debug, Clone, Copy)]
pub struct Correction<'a> {
    /// Id of its row.
    pub id: &'a str,
    /// Call.
    pub call: &'a str,
    /// Line.
    pub line_no: i64,
    /// Who corrected, by id.
    pub by: &'a str,
    /// When, unix milliseconds.
    pub at_ms: i64,
    /// The new text.
    pub text: &'a str,
}

impl Correction<'_> {
    /// What is hashed: whose, where, when and the words.
    pub(super) fn body(&self) -> String {
        let Self { call, line_no, by, at_ms, text, .. } = self;
        format!("songda correction v1\ncall: {call}\nline: {line_no}\nby: {by}\nat: {at_ms}\n\n{text}")
    }
}

/// Enters a correction, in the transaction that makes it.
pub async fn enter_correction(
    tx: &mut Tx,
    clock: &Clock,
    court: &str,
    correction: &Correction<'_>,
) -> Result<(), ServiceError> {
    let body = correction.body();
    let (sha256, sm3) = register::hashes(body.as_bytes());
    let entry = register::Entry {
        id: &register::correction_id(correction.id),
        court,
        kind: register::CORRECTION,
        owner: correction.call,
        sha256: &sha256,
        sm3: &sm3,
        size: body.len() as i64,
    };
    Ok(register::book(tx, clock, entry).await?)
}
