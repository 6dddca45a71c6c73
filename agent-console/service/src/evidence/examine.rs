//! A look at files: what lies there against what was entered.

use std::sync::Arc;

use songda_recordings::vault::{Manifest, RecordingId, Vault, VaultError, Verdict};
use songda_store::{Clock, Db, Objects, Sealer, StoreError, evidence as register};
use sqlx::Row;

use super::{FileRow, Found, HOUSE, Which, doubts, files, internal};
use crate::ServiceError;

/// Looks at evidence files.
#[derive(Debug, Clone)]
pub struct Examiner {
    /// Database.
    pub db: Db,
    /// Clock.
    pub clock: Clock,
    /// Sealed columns.
    pub sealer: Sealer,
    /// Files.
    pub objects: Objects,
    /// Recordings.
    pub vault: Arc<Vault>,
}

/// What a round of looks did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Files looked at.
    pub files: usize,
    /// Bytes of them.
    pub bytes: u64,
    /// Marked in this round.
    pub marked: usize,
}

impl Examiner {
    /// Looks at one file, writes down that it was looked at, and marks it when it is not as it
    /// was entered.
    pub async fn examine(&self, file: &FileRow, by: &str) -> Result<Found, ServiceError> {
        let found = self.look(file).await?;
        if matches!(found, Found::Deleted { .. }) {
            return Ok(found);
        }
        sqlx::query(
            "INSERT INTO evidence_checks (file_id, checked_ms, verdict) VALUES ($1, $2, $3)
             ON CONFLICT (file_id) DO UPDATE SET checked_ms = excluded.checked_ms, verdict = excluded.verdict",
        )
        .bind(&file.id)
        .bind(self.clock.now_ms())
        .bind(found.word())
        .execute(self.db.read())
        .await?;
        if found.is_broken() {
            doubts::mark(&self.db, &self.clock, file, &found, by).await?;
        }
        Ok(found)
    }

    /// Looks at those of all courts that were looked at longest ago, until `bytes` are read: one
    /// at least, however large. What cannot be read at this moment says nothing about a file, and
    /// is tried again.
    pub async fn round(&self, bytes: u64) -> Result<Progress, ServiceError> {
        let mut done = Progress::default();
        for file in files(&self.db, Which::Oldest(500)).await? {
            if done.bytes >= bytes {
                break;
            }
            match self.examine(&file, HOUSE).await {
                Ok(found) => done.marked += usize::from(found.is_broken()),
                Err(error) => tracing::error!(file = %file.id, %error, "an evidence file could not be looked at"),
            }
            done.files += 1;
            done.bytes += file.size.max(0) as u64;
        }
        Ok(done)
    }

    /// Looks at one file and changes nothing.
    pub async fn look(&self, file: &FileRow) -> Result<Found, ServiceError> {
        if let Some(request) = &file.deleted {
            return Ok(Found::Deleted { request: request.clone() });
        }
        let found = match file.kind.as_str() {
            register::RECORDING => self.recording(file).await?,
            register::TRANSCRIPT => self.transcript(file).await?,
            _ => self.object(file).await?,
        };
        if found == Found::Missing
            && let Some(request) = self.going(&file.id).await?
        {
            return Ok(Found::Deleted { request });
        }
        Ok(found)
    }

    /// The deletion that is taking this file away right now, or was when the process died.
    async fn going(&self, file: &str) -> Result<Option<String>, ServiceError> {
        let row = sqlx::query(
            "SELECT request_id FROM deletion_items WHERE file_id = $1 AND state IN ('deleting', 'deleted') LIMIT 1",
        )
        .bind(file)
        .fetch_optional(self.db.read())
        .await?;
        Ok(row.map(|row| row.get(0)))
    }

    async fn recording(&self, file: &FileRow) -> Result<Found, ServiceError> {
        let row = sqlx::query(
            "SELECT frames, sha256, sm3 FROM recordings WHERE id = $1
             UNION ALL SELECT frames, sha256, sm3 FROM inbound_recordings WHERE id = $1",
        )
        .bind(&file.id)
        .fetch_optional(self.db.read())
        .await?;
        let Some(row) = row else { return Ok(altered("its row among the recordings is gone")) };
        if !same(file, &row.get::<String, _>(1), &row.get::<String, _>(2)) {
            return Ok(altered("the hashes in its row among the recordings were changed"));
        }
        let id = RecordingId::new(&file.id).map_err(|error| internal("reading a recording's id", error))?;
        let manifest = Manifest {
            id: id.clone(),
            frames: row.get::<i64, _>(0).max(0) as u64,
            bytes: file.size.max(0) as u64,
            sha256: file.sha256.clone(),
            sm3: file.sm3.clone(),
            started_ms: 0,
            recovered: false,
            gaps: vec![],
        };
        let vault = self.vault.clone();
        let verdict = tokio::task::spawn_blocking(move || vault.verify(&id, &manifest))
            .await
            .map_err(|error| internal("looking at a recording", error))?
            .map_err(|error: VaultError| internal("looking at a recording", error))?;
        Ok(match verdict {
            Verdict::Intact => Found::Intact,
            Verdict::Missing => Found::Missing,
            Verdict::Altered { reason } => Found::Altered { reason },
        })
    }

    async fn transcript(&self, file: &FileRow) -> Result<Found, ServiceError> {
        let Some(body) = self.transcript_body(&file.owner_id).await? else { return Ok(Found::Missing) };
        let Ok(body) = body else { return Ok(altered("its seal does not open")) };
        Ok(compared(file, &body))
    }

    /// What the machine wrote of a call, as it was entered; none when it is not there, an error
    /// text inside when its seal does not open.
    async fn transcript_body(&self, call: &str) -> Result<Option<Result<Vec<u8>, String>>, ServiceError> {
        let row = sqlx::query(
            "SELECT body_sealed FROM transcripts WHERE call_id = $1
             UNION ALL SELECT body_sealed FROM inbound_transcripts WHERE inbound_id = $1",
        )
        .bind(call)
        .fetch_optional(self.db.read())
        .await?;
        let Some(sealed) = row.and_then(|row| row.get::<Option<Vec<u8>>, _>(0)) else { return Ok(None) };
        let opened = self.sealer.open_sealed("transcripts", "body_sealed", call, &sealed);
        Ok(Some(opened.map(|body| body.to_vec()).map_err(|error| error.to_string())))
    }

    async fn object(&self, file: &FileRow) -> Result<Found, ServiceError> {
        // A document and a report carry the hashes once more, for whoever reads only them.
        let rows = sqlx::query(
            "SELECT sha256, sm3 FROM objects WHERE id = $1 UNION ALL
             SELECT sha256, sm3 FROM documents WHERE object_id = $1 UNION ALL
             SELECT sha256, sm3 FROM reports WHERE object_id = $1",
        )
        .bind(&file.id)
        .fetch_all(self.db.read())
        .await?;
        if rows.is_empty() {
            return Ok(altered("its row among the files is gone"));
        }
        if !rows.iter().all(|row| same(file, &row.get::<String, _>(0), &row.get::<String, _>(1))) {
            return Ok(altered("the hashes in one of its rows were changed"));
        }
        match self.objects.unsealed(&file.id).await {
            Ok(content) => Ok(compared(file, &content)),
            Err(StoreError::FileMissing(_)) => Ok(Found::Missing),
            Err(StoreError::FileAltered(_)) => Ok(altered("its seal does not open")),
            Err(error) => Err(error.into()),
        }
    }

    /// Enters transcripts of a version that kept no hashes of them, as they are now. Answers how
    /// many.
    pub async fn enter_old_transcripts(&self) -> Result<usize, ServiceError> {
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
        let mut entered = 0;
        for row in rows {
            let (call, court): (String, String) = (row.get(0), row.get(1));
            let body = match self.transcript_body(&call).await? {
                Some(Ok(body)) => body,
                Some(Err(error)) => {
                    tracing::error!(call, error, "a transcript of an earlier version does not open");
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
            tx.commit().await?;
            entered += 1;
        }
        Ok(entered)
    }

    /// The clear content of a stored file or transcript, for whoever exports it.
    pub async fn content(&self, file: &FileRow) -> Result<Vec<u8>, ServiceError> {
        if file.kind == register::TRANSCRIPT {
            let body = self.transcript_body(&file.owner_id).await?;
            let body = body.ok_or(ServiceError::NotFound { kind: "transcript" })?;
            return body.map_err(|error| internal("opening a transcript", error));
        }
        Ok(self.objects.unsealed(&file.id).await?)
    }
}

/// How many files of a court there are, and since when the one that was looked at longest ago
/// waits for its next look; none where one was never looked at, or there is none.
pub async fn looked_at(db: &Db, court: &str) -> Result<(i64, Option<i64>), ServiceError> {
    let row = sqlx::query(
        "SELECT COUNT(*), COUNT(s.file_id), MIN(s.checked_ms) FROM evidence_files f
         LEFT JOIN evidence_checks s ON s.file_id = f.id
         WHERE f.court_id = $1 AND NOT EXISTS (SELECT 1 FROM deletions g WHERE g.file_id = f.id)",
    )
    .bind(court)
    .fetch_one(db.read())
    .await?;
    let (all, seen): (i64, i64) = (row.get(0), row.get(1));
    Ok((all, (all == seen).then(|| row.get::<Option<i64>, _>(2)).flatten()))
}

fn altered(reason: &str) -> Found {
    Found::Altered { reason: reason.to_owned() }
}

fn same(file: &FileRow, sha256: &str, sm3: &str) -> bool {
    file.sha256 == sha256 && file.sm3 == sm3
}

fn compared(file: &FileRow, content: &[u8]) -> Found {
    let (sha256, sm3) = register::hashes(content);
    if content.len() as i64 != file.size {
        return Found::Altered { reason: format!("{} bytes instead of {}", content.len(), file.size) };
    }
    if same(file, &sha256, &sm3) { Found::Intact } else { altered("its hash differs from the register") }
}
