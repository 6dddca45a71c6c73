//! A look at files: what lies there against what was entered.

use std::sync::Arc;

use songda_recordings::{
    keys::{KeyError, KeyProvider},
    said::Said,
    vault::{Gap, Manifest, RecordingId, Vault, VaultError, Verdict},
};
use songda_store::{Clock, Db, Objects, Sealer, StoreError, alarms, evidence as register};
use sqlx::Row;

use super::{
    Correction, FileRow, Found, HOUSE, Marked, Which, altered, bound, doubts, earlier, files, internal, not_there,
    other_hash, other_length,
};
use crate::{
    ServiceError,
    retention::{Certified, Proof, under_way},
};

/// Looks in a row in which a file could not be read, after which somebody is told.
const FAILURES: i64 = 3;

/// Looks at evidence files.
#[derive(Clone)]
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
    /// Whose signature a certificate of a deletion must bear.
    pub keys: Arc<dyn KeyProvider>,
    /// Certificates that were checked already.
    pub certified: Certified,
}

impl std::fmt::Debug for Examiner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Examiner(…)")
    }
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
    /// was entered. One that cannot be read is told when that stays so.
    pub async fn examine(&self, file: &FileRow, by: &str) -> Result<Found, ServiceError> {
        let mut found = self.seen(file).await;
        if found.is_broken() && self.mark(file, &found, by).await? == Marked::Deleted {
            // It went by decision while it was looked at: what the books say of it now counts.
            let fresh = files(&self.db, Which::One(&file.id)).await?.pop();
            let fresh = fresh.ok_or(ServiceError::NotFound { kind: "evidence file" })?;
            found = self.seen(&fresh).await;
            if found.is_broken() {
                self.mark(&fresh, &found, by).await?;
            }
        }
        let row = sqlx::query(
            "INSERT INTO evidence_checks (file_id, checked_ms, verdict, failures) VALUES ($1, $2, $3, $4)
             ON CONFLICT (file_id) DO UPDATE SET checked_ms = excluded.checked_ms, verdict = excluded.verdict,
                 failures = CASE WHEN excluded.failures = 0 THEN 0 ELSE evidence_checks.failures + 1 END
             RETURNING failures",
        )
        .bind(&file.id)
        .bind(self.clock.now_ms())
        .bind(found.word())
        .bind(i64::from(matches!(found, Found::Unread { .. })))
        .fetch_one(self.db.read())
        .await?;
        if found == Found::Intact && file.is_recording() {
            let mut conn = self.db.read().acquire().await.map_err(StoreError::from)?;
            doubts::well_again(&mut conn, &file.id).await?;
        }
        self.tell_unread(file, &found, row.get(0)).await?;
        Ok(found)
    }

    async fn mark(&self, file: &FileRow, found: &Found, by: &str) -> Result<Marked, ServiceError> {
        let keys = self.keys.public_keys().map_err(|error| internal("reading the public keys", error))?;
        doubts::mark(&self.db, &self.clock, &keys, file, found, by).await
    }

    async fn seen(&self, file: &FileRow) -> Found {
        self.look(file).await.unwrap_or_else(|error| unread(&error))
    }

    async fn tell_unread(&self, file: &FileRow, found: &Found, failures: i64) -> Result<(), ServiceError> {
        match found {
            Found::Unread { by_key: true, .. } => {
                let said = Said::new(
                    "evidence.key",
                    "evidence does not open with the keys of this house: put the right key file back",
                );
                alarms::raise(&self.db, &self.clock, "evidence.key", "house", &said).await?;
            }
            Found::Unread { reason, .. } if failures >= FAILURES => {
                let said =
                    Said::new("evidence.unread", "the file {file} could not be read {failures} times in a row: {why}");
                let said = said.with("file", file.id.as_str()).with("failures", failures).with("why", reason.clone());
                let mut tx = self.db.begin().await?;
                alarms::raise_in(&mut tx, &self.clock, &file.court_id, ("evidence.unread", &file.id), &said).await?;
                tx.commit().await?;
            }
            Found::Unread { .. } => {}
            _ => {
                alarms::clear(&self.db, &self.clock, "evidence.unread", &file.id).await?;
                if *found == Found::Intact {
                    alarms::clear(&self.db, &self.clock, "evidence.key", "house").await?;
                }
            }
        }
        Ok(())
    }

    /// Looks at those of all courts that were looked at longest ago, until `bytes` are read: one
    /// at least, however large. What is gone by decision takes none of them.
    pub async fn round(&self, bytes: u64) -> Result<Progress, ServiceError> {
        let mut done = Progress::default();
        for file in files(&self.db, Which::Oldest(500)).await? {
            if done.bytes >= bytes {
                break;
            }
            match self.examine(&file, HOUSE).await {
                Ok(Found::Deleted { .. } | Found::Going { .. }) => continue,
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
            return self.gone(file, request).await;
        }
        let found = match file.kind.as_str() {
            register::RECORDING => self.recording(file).await?,
            register::TRANSCRIPT => self.transcript(file).await?,
            register::CORRECTION => self.correction(file).await?,
            register::CALL => self.call(file).await?,
            register::SET_ASIDE => self.set_aside(file).await?,
            register::NOTARY_RECEIPT => opened(file, self.notary_receipt(&file.id).await?.map(Ok)),
            _ => self.object(file).await?,
        };
        if matches!(found, Found::Missing { .. }) {
            let keys = self.keys.public_keys().map_err(|error| internal("reading the public keys", error))?;
            let mut conn = self.db.read().acquire().await.map_err(StoreError::from)?;
            if let Some(request) = under_way(&mut conn, &self.clock, &keys, &file.id).await? {
                return Ok(Found::Going { request });
            }
        }
        Ok(found)
    }

    /// A file that the books have as deleted: it must be gone, and a certificate must say so.
    async fn gone(&self, file: &FileRow, request: &str) -> Result<Found, ServiceError> {
        let there = match file.kind.as_str() {
            register::RECORDING => {
                let (vault, id) = (self.vault.clone(), recording_id(file)?);
                let there = tokio::task::spawn_blocking(move || vault.is_there(&id)).await;
                let there = there.map_err(|error| internal("looking for a recording", error))?;
                there.map_err(|error| internal("looking for a recording", error))?
            }
            register::TRANSCRIPT => self.transcript_body(&file.owner_id).await?.is_some(),
            register::CORRECTION => self.correction_body(file).await?.is_some(),
            register::SET_ASIDE => self.set_aside_is_there(file).await?,
            _ => self.objects.is_there(&file.id).await?,
        };
        if there {
            return Ok(altered("deletion.there", "the books say that it was deleted, and it is there"));
        }
        let keys = self.keys.public_keys().map_err(|error| internal("reading the public keys", error))?;
        let books = (&self.db, &self.clock, &self.objects);
        Ok(match self.certified.check(books, &keys, file, request).await? {
            Proof::Certificate => Found::Deleted { request: request.to_owned() },
            Proof::UnderWay => Found::Going { request: request.to_owned() },
            Proof::None(why) => {
                let said = Said::new(
                    "deletion.unproven",
                    "it is not there, and what the books say of its deletion does not hold: {why}",
                );
                Found::Missing { reason: said.with("why", why) }
            }
        })
    }

    async fn recording(&self, file: &FileRow) -> Result<Found, ServiceError> {
        let row = sqlx::query(
            "SELECT frames, sha256, sm3, gaps, state, started_ms, call_id FROM recordings WHERE id = $1
             UNION ALL SELECT frames, sha256, sm3, gaps, state, started_ms, inbound_id FROM inbound_recordings WHERE id = $1",
        )
        .bind(&file.id)
        .fetch_optional(self.db.read())
        .await?;
        let Some(row) = row else { return Ok(altered("recording.row_gone", "its row among the recordings is gone")) };
        if !same(file, &row.get::<String, _>(1), &row.get::<String, _>(2)) {
            return Ok(altered("recording.row_hashes", "the hashes in its row among the recordings were changed"));
        }
        // Its leaf names its call: a row that gives it to another one gives that call the wrong sound.
        if row.get::<String, _>(6) != file.owner_id {
            return Ok(altered("recording.row_call", "its row among the recordings gives it to another call"));
        }
        if let Some(why) = self.homeless(&file.owner_id).await? {
            return Ok(Found::Altered { reason: why });
        }
        let id = recording_id(file)?;
        let (gaps, state): (String, String) = (row.get(3), row.get(4));
        let Ok(gaps) = serde_json::from_str::<Vec<Gap>>(&gaps) else {
            let text = "the gaps in its row among the recordings cannot be read";
            return Ok(altered("recording.row_gaps_unreadable", text));
        };
        let manifest = Manifest {
            id: id.clone(),
            frames: row.get::<i64, _>(0).max(0) as u64,
            bytes: file.size.max(0) as u64,
            sha256: file.sha256.clone(),
            sm3: file.sm3.clone(),
            started_ms: row.get(5),
            recovered: state == "recovered",
            gaps,
        };
        let (vault, expected) = (self.vault.clone(), manifest.clone());
        let looked = tokio::task::spawn_blocking(move || {
            Ok::<_, VaultError>(match vault.verify(&id, &manifest)? {
                // The closing block tells what the WAV does not: the holes and how it ended.
                Verdict::Intact => (Verdict::Intact, Some(vault.manifest(&id)?), false),
                Verdict::Altered { reason } => {
                    let shut = matches!(vault.read(&id), Err(VaultError::Key(_)));
                    (Verdict::Altered { reason }, None, shut)
                }
                Verdict::Missing => (Verdict::Missing, None, false),
            })
        });
        let looked = looked.await.map_err(|error| internal("looking at a recording", error))?;
        let (verdict, closing, by_key) = looked.map_err(|error| internal("looking at a recording", error))?;
        // A key in the file that does not open is altered, or the house has another key than it
        // was sealed with: then nothing else opens, and nothing is said about the file.
        if by_key && let Err(error) = Sealer::open(&self.db, self.keys.clone()).await {
            let ours = matches!(error, StoreError::WrongKey | StoreError::OlderKey | StoreError::Key(_));
            return if ours { Ok(shut(&error)) } else { Err(error.into()) };
        }
        Ok(match verdict {
            Verdict::Intact => told_otherwise(&expected, &state, closing).unwrap_or(Found::Intact),
            Verdict::Missing => not_there(),
            Verdict::Altered { reason } => Found::Altered { reason },
        })
    }

    /// Why the call of a recording is none of the house's, if it is not: its row is gone, or
    /// nothing in the register says what task it is of.
    async fn homeless(&self, call: &str) -> Result<Option<Said>, ServiceError> {
        let row = sqlx::query(
            "SELECT (SELECT COUNT(*) FROM calls WHERE id = $1), (SELECT COUNT(*) FROM inbound_calls WHERE id = $1),
                    (SELECT COUNT(*) FROM evidence_files WHERE id = $2)",
        )
        .bind(call)
        .bind(register::binding_id(call))
        .fetch_one(self.db.read())
        .await?;
        let (calls, callers, bound): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
        if calls + callers == 0 {
            return Ok(Some(Said::new("call.gone", "its call is not in the books")));
        }
        let unbound = calls > 0 && bound == 0 && self.was_taken_in(earlier::CALLS).await?;
        let said = || Said::new("call.unbound", "nothing in the register says what task its call is of");
        Ok(unbound.then(said))
    }

    /// What a call belongs to, against what was entered.
    async fn call(&self, file: &FileRow) -> Result<Found, ServiceError> {
        let Some(entered) = self.binding(&file.id).await? else {
            return Ok(altered("call.text_gone", "the text of what its call belongs to is gone"));
        };
        let found = compared(file, entered.as_bytes());
        if found != Found::Intact {
            return Ok(found);
        }
        let mut conn = self.db.read().acquire().await.map_err(StoreError::from)?;
        let Some(now) = bound::read(&mut conn, &file.owner_id).await? else {
            return Ok(altered("call.homeless", "its call, or the task or the case of it, is not in the books"));
        };
        if let Some((was, is)) = bound::difference(&entered, &now.text) {
            let said = Said::new("call.moved", "entered as \"{was}\", and its rows say \"{is}\"");
            return Ok(Found::Altered { reason: said.with("was", was).with("is", is) });
        }
        let strays = sqlx::query(
            "SELECT COUNT(*) FROM attempts a JOIN calls c ON c.id = a.call_id WHERE c.id = $1 AND a.task_id <> c.task_id",
        )
        .bind(&file.owner_id)
        .fetch_one(&mut *conn)
        .await?;
        Ok(if strays.get::<i64, _>(0) > 0 {
            altered("call.outcome_elsewhere", "its outcome stands under another task")
        } else {
            Found::Intact
        })
    }

    async fn binding(&self, id: &str) -> Result<Option<String>, ServiceError> {
        let row = sqlx::query("SELECT body FROM evidence_calls WHERE file_id = $1")
            .bind(id)
            .fetch_optional(self.db.read())
            .await?;
        Ok(row.map(|row| row.get(0)))
    }

    /// A notary's receipt as it came; none when it is not there.
    async fn notary_receipt(&self, id: &str) -> Result<Option<Vec<u8>>, ServiceError> {
        let row = sqlx::query("SELECT body FROM evidence_notary_receipts WHERE file_id = $1")
            .bind(id)
            .fetch_optional(self.db.read())
            .await?;
        Ok(row.map(|row| row.get::<String, _>(0).into_bytes()))
    }

    async fn correction(&self, file: &FileRow) -> Result<Found, ServiceError> {
        Ok(opened(file, self.correction_body(file).await?))
    }

    /// A correction as it was entered; none when it is not there.
    async fn correction_body(&self, file: &FileRow) -> Result<Option<Result<Vec<u8>, StoreError>>, ServiceError> {
        let id = file.id.get(1..).unwrap_or_default();
        let row =
            sqlx::query("SELECT call_id, line_no, editor_id, at_ms, text_sealed FROM transcript_edits WHERE id = $1")
                .bind(id)
                .fetch_optional(self.db.read())
                .await?;
        let Some(row) = row else { return Ok(None) };
        let (call, by): (String, String) = (row.get(0), row.get(2));
        let words = self.sealer.open_sealed("transcript_edits", "text_sealed", id, &row.get::<Vec<u8>, _>(4));
        Ok(Some(words.map(|words| {
            let text = String::from_utf8_lossy(&words);
            let (line_no, at_ms) = (row.get(1), row.get(3));
            Correction { id, call: &call, line_no, by: &by, at_ms, text: &text }.body().into_bytes()
        })))
    }

    async fn transcript(&self, file: &FileRow) -> Result<Found, ServiceError> {
        Ok(opened(file, self.transcript_body(&file.owner_id).await?))
    }

    /// What the machine wrote of a call, as it was entered; none when it is not there, an error
    /// inside when its seal does not open.
    pub(super) async fn transcript_body(
        &self,
        call: &str,
    ) -> Result<Option<Result<Vec<u8>, StoreError>>, ServiceError> {
        let row = sqlx::query(
            "SELECT body_sealed FROM transcripts WHERE call_id = $1
             UNION ALL SELECT body_sealed FROM inbound_transcripts WHERE inbound_id = $1",
        )
        .bind(call)
        .fetch_optional(self.db.read())
        .await?;
        let Some(sealed) = row.and_then(|row| row.get::<Option<Vec<u8>>, _>(0)) else { return Ok(None) };
        let opened = self.sealer.open_sealed("transcripts", "body_sealed", call, &sealed);
        Ok(Some(opened.map(|body| body.to_vec())))
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
            return Ok(altered("file.row_gone", "its row among the files is gone"));
        }
        if !rows.iter().all(|row| same(file, &row.get::<String, _>(0), &row.get::<String, _>(1))) {
            return Ok(altered("file.row_hashes", "the hashes in one of its rows were changed"));
        }
        match self.objects.unsealed(&file.id).await {
            Ok(content) => Ok(compared(file, &content)),
            Err(StoreError::FileMissing(_)) => Ok(not_there()),
            Err(StoreError::FileAltered(_)) => Ok(altered("file.seal", "its seal does not open")),
            Err(StoreError::Key(error)) => Ok(shut(&error)),
            Err(error) => Err(error.into()),
        }
    }

    /// The clear content of a stored file or transcript, for whoever exports it.
    pub async fn content(&self, file: &FileRow) -> Result<Vec<u8>, ServiceError> {
        let body = match file.kind.as_str() {
            register::TRANSCRIPT => self.transcript_body(&file.owner_id).await?,
            register::CORRECTION => self.correction_body(file).await?,
            register::CALL => self.binding(&file.id).await?.map(|body| Ok(body.into_bytes())),
            register::NOTARY_RECEIPT => self.notary_receipt(&file.id).await?.map(Ok),
            _ => return Ok(self.objects.unsealed(&file.id).await?),
        };
        let body = body.ok_or(ServiceError::NotFound { kind: "evidence file" })?;
        body.map_err(|error| internal("opening an evidence file", error))
    }
}

/// How many files of a court there are, and since when the one that was looked at longest ago
/// waits for its next look; none where one was never looked at, or there is none.
pub async fn looked_at(db: &Db, court: &str) -> Result<(i64, Option<i64>), ServiceError> {
    let row = sqlx::query(
        "SELECT COUNT(*), COUNT(s.file_id), MIN(s.checked_ms) FROM evidence_files f
         LEFT JOIN evidence_checks s ON s.file_id = f.id AND s.checked_ms > 0
         WHERE f.court_id = $1 AND NOT EXISTS (SELECT 1 FROM deletions g WHERE g.file_id = f.id)",
    )
    .bind(court)
    .fetch_one(db.read())
    .await?;
    let (all, seen): (i64, i64) = (row.get(0), row.get(1));
    Ok((all, (all == seen).then(|| row.get::<Option<i64>, _>(2)).flatten()))
}

/// The key of the house opens nothing.
fn shut(error: &impl std::fmt::Display) -> Found {
    let said = Said::new("file.shut", "the key of the house does not open it: {why}");
    Found::Unread { reason: said.with("why", error.to_string()), by_key: true }
}

fn unread(error: &ServiceError) -> Found {
    if matches!(error, ServiceError::Store(StoreError::Key(_))) {
        return shut(error);
    }
    let said = Said::new("file.unread", "it cannot be read: {why}");
    Found::Unread { reason: said.with("why", error.to_string()), by_key: false }
}

fn recording_id(file: &FileRow) -> Result<RecordingId, ServiceError> {
    RecordingId::new(&file.id).map_err(|error| internal("reading a recording's id", error))
}

/// What the row of a recording says otherwise than its closing block.
fn told_otherwise(row: &Manifest, state: &str, closing: Option<Manifest>) -> Option<Found> {
    let closing = closing?;
    if closing.gaps != row.gaps {
        return Some(altered("recording.row_gaps", "the gaps in its row among the recordings were changed"));
    }
    // A loss or an alteration stands where the state stood.
    let other = closing.recovered != row.recovered && matches!(state, "closed" | "recovered");
    let text = "whether it was recovered was changed in its row among the recordings";
    other.then(|| altered("recording.row_recovered", text))
}

/// What stands sealed in a row, against what was entered.
fn opened(file: &FileRow, body: Option<Result<Vec<u8>, StoreError>>) -> Found {
    match body {
        None => not_there(),
        Some(Ok(body)) => compared(file, &body),
        Some(Err(StoreError::Key(KeyError::DoesNotOpen))) => altered("file.seal", "its seal does not open"),
        Some(Err(error)) => shut(&error),
    }
}

fn same(file: &FileRow, sha256: &str, sm3: &str) -> bool {
    file.sha256 == sha256 && file.sm3 == sm3
}

fn compared(file: &FileRow, content: &[u8]) -> Found {
    let (sha256, sm3) = register::hashes(content);
    if content.len() as i64 != file.size {
        return other_length(content.len() as u64, file.size);
    }
    if same(file, &sha256, &sm3) { Found::Intact } else { other_hash() }
}
