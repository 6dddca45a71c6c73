//! What was there before the register knew its kind: entered once, as it is then, and each is
//! written down in the audit log. What comes later without being entered is not believed.

use serde_json::json;
use songda_store::{audit, evidence as register};
use sqlx::Row;

use super::{Correction, Examiner, bind_call, enter_correction};
use crate::ServiceError;

/// Names under which it stands that they were taken in.
pub(super) const CALLS: &str = "calls";
const CORRECTIONS: &str = "corrections";
const TRANSCRIPTS: &str = "transcripts";

impl Examiner {
    /// Enters transcripts, corrections and calls of a version that did not; each kind once for
    /// this house. Answers how many. What does not open is told, and its kind tried again at the
    /// next start.
    pub async fn enter_earlier(&self) -> Result<usize, ServiceError> {
        let (mut entered, mut failed) = (0, None);
        for kind in [TRANSCRIPTS, CORRECTIONS, CALLS] {
            if self.was_taken_in(kind).await? {
                continue;
            }
            let taken = match kind {
                TRANSCRIPTS => self.transcripts().await,
                CORRECTIONS => self.corrections().await,
                _ => self.calls().await,
            };
            // What one kind meets keeps none of the others.
            let (done, whole) = match taken {
                Ok(taken) => taken,
                Err(error) => {
                    failed = Some(error);
                    continue;
                }
            };
            entered += done;
            if whole {
                sqlx::query(
                    "INSERT INTO evidence_taken_in (name, taken_ms) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
                )
                .bind(kind)
                .bind(self.clock.now_ms())
                .execute(self.db.read())
                .await?;
            }
        }
        failed.map_or(Ok(entered), Err)
    }

    pub(super) async fn was_taken_in(&self, kind: &str) -> Result<bool, ServiceError> {
        let row = sqlx::query("SELECT COUNT(*) FROM evidence_taken_in WHERE name = $1")
            .bind(kind)
            .fetch_one(self.db.read())
            .await?;
        Ok(row.get::<i64, _>(0) > 0)
    }

    async fn transcripts(&self) -> Result<(usize, bool), ServiceError> {
        let rows = sqlx::query(
            "SELECT c.id, c.court_id FROM transcripts t JOIN calls c ON c.id = t.call_id
             WHERE t.body_sealed IS NOT NULL
               AND NOT EXISTS (SELECT 1 FROM evidence_files f WHERE f.kind = 'transcript' AND f.owner_id = c.id)
             UNION ALL
             SELECT i.id, i.court_id FROM inbound_transcripts t JOIN inbound_calls i ON i.id = t.inbound_id
             WHERE t.body_sealed IS NOT NULL
               AND NOT EXISTS (SELECT 1 FROM evidence_files f WHERE f.kind = 'transcript' AND f.owner_id = i.id)",
        )
        .fetch_all(self.db.read())
        .await?;
        let (mut entered, mut whole) = (0, true);
        for row in rows {
            let (call, court): (String, String) = (row.get(0), row.get(1));
            let body = match self.transcript_body(&call).await? {
                Some(Ok(body)) => body,
                Some(Err(error)) => {
                    tracing::error!(call, %error, "a transcript of an earlier version does not open");
                    whole = false;
                    continue;
                }
                None => continue,
            };
            let (sha256, sm3) = register::hashes(&body);
            let entry = register::Entry {
                id: &register::transcript_id(&call),
                court: &court,
                kind: register::TRANSCRIPT,
                owner: &call,
                sha256: &sha256,
                sm3: &sm3,
                size: body.len() as i64,
            };
            let mut tx = self.db.begin().await?;
            register::book(&mut tx, &self.clock, entry).await?;
            let about = json!({ "kind": register::TRANSCRIPT, "call": call, "sha256": sha256 });
            let entry = audit::Entry::of_the_house(&court, "evidence.enter_old", ("call", &call), about);
            audit::append(&mut tx, &self.clock, entry).await?;
            tx.commit().await?;
            entered += 1;
        }
        Ok((entered, whole))
    }

    async fn corrections(&self) -> Result<(usize, bool), ServiceError> {
        let rows = sqlx::query(
            "SELECT e.id, e.call_id, e.line_no, e.editor_id, e.at_ms, e.text_sealed, c.court_id
             FROM transcript_edits e JOIN calls c ON c.id = e.call_id
             WHERE NOT EXISTS (SELECT 1 FROM evidence_files f WHERE f.id = 'E' || e.id) ORDER BY e.id",
        )
        .fetch_all(self.db.read())
        .await?;
        let (mut entered, mut whole) = (0, true);
        for row in rows {
            let (id, call): (String, String) = (row.get(0), row.get(1));
            let (by, court): (String, String) = (row.get(3), row.get(6));
            let opened = self.sealer.open_sealed("transcript_edits", "text_sealed", &id, &row.get::<Vec<u8>, _>(5));
            let Ok(words) = opened else {
                tracing::error!(call, "a correction of an earlier version does not open");
                whole = false;
                continue;
            };
            let text = String::from_utf8_lossy(&words);
            let (line_no, at_ms) = (row.get(2), row.get(4));
            let correction = Correction { id: &id, call: &call, line_no, by: &by, at_ms, text: &text };
            let mut tx = self.db.begin().await?;
            enter_correction(&mut tx, &self.clock, &court, &correction).await?;
            let about = json!({ "kind": register::CORRECTION, "call": call, "line": line_no });
            let entry = audit::Entry::of_the_house(&court, "evidence.enter_old", ("call", &call), about);
            audit::append(&mut tx, &self.clock, entry).await?;
            tx.commit().await?;
            entered += 1;
        }
        Ok((entered, whole))
    }

    /// Calls with a recording: page by page, some hundreds to a transaction.
    async fn calls(&self) -> Result<(usize, bool), ServiceError> {
        let (mut entered, mut after) = (0, String::new());
        loop {
            let mut tx = self.db.begin().await?;
            let rows = sqlx::query(
                "SELECT c.id, c.court_id FROM calls c JOIN recordings r ON r.call_id = c.id
                 WHERE c.id > $1 AND NOT EXISTS (SELECT 1 FROM evidence_files f WHERE f.id = 'B' || c.id)
                 ORDER BY c.id LIMIT 200",
            )
            .bind(&after)
            .fetch_all(&mut *tx.conn())
            .await?;
            let Some(last) = rows.last() else { return Ok((entered, true)) };
            after = last.get(0);
            for row in &rows {
                let (call, court): (String, String) = (row.get(0), row.get(1));
                match bind_call(&mut tx, &self.clock, &call).await {
                    Ok(()) => {}
                    // Its task or case is gone. It keeps no other from being entered, nor the check
                    // for those that are not: that will name it.
                    Err(ServiceError::NotFound { .. }) => {
                        tracing::error!(call, "what a call of an earlier version belongs to is not in the books");
                        continue;
                    }
                    Err(error) => return Err(error),
                }
                entered += 1;
                let about = json!({ "kind": register::CALL, "call": call });
                let entry = audit::Entry::of_the_house(&court, "evidence.enter_old", ("call", &call), about);
                audit::append(&mut tx, &self.clock, entry).await?;
            }
            tx.commit().await?;
        }
    }
}
