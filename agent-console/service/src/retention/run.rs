//! An approved deletion, file by file, so that a kill leaves each of them before or after.
//!
//! In one transaction that holds the case's row, hold and standing are looked at once more and the
//! item says that its file is going. Then, with no transaction open, the file is taken away, from
//! the disk and from the S3 server. Then the books are written. A kill at any of these steps leaves
//! an item that says what may have become of the file: the next run looks, asks for the hold again,
//! and goes on from there; removing twice is no error. Before all of that the file is looked at (X2):
//! one that is lost or altered is marked and stays, for a certificate says that what was entered went,
//! and by this decision. Only one whose removal had begun may be absent. A hold that comes while a file is being taken
//! away is set at once and answered when the removal has ended: what is there then stays.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use songda_recordings::{
    keys::KeyProvider,
    said::Said,
    vault::{LostPiece, RecordingId, Removed, Vault, VaultError, s3::S3Error},
};
use songda_store::{Clock, Db, Objects, StoreError, Tx, alarms, audit, evidence};
use sqlx::{Row, any::AnyRow};

use super::{
    Certified, Class, certificate,
    plan::{due, timely},
    policy, proof, standing,
};
use crate::{
    ServiceError,
    evidence::{Examiner, Found, HOUSE, Which, case_line, files, files::SINCE, mark},
};

/// Carries out approved deletions.
#[derive(Clone)]
pub struct Deleter {
    /// Database.
    pub db: Db,
    /// Clock.
    pub clock: Clock,
    /// Files.
    pub objects: Objects,
    /// Recordings.
    pub vault: Arc<Vault>,
    /// Who signs the certificate.
    pub keys: Arc<dyn KeyProvider>,
}

impl std::fmt::Debug for Deleter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Deleter(…)")
    }
}

/// An approved request.
pub(super) struct Approved {
    pub(super) id: String,
    pub(super) court: String,
    pub(super) policy_version: i64,
    pub(super) asked: (String, i64),
    pub(super) decided: (String, i64),
    /// Who asked and who decided, by id: two persons may have one name.
    pub(super) accounts: (String, String),
    /// Why it was asked for and why it was approved.
    pub(super) reasons: (String, String),
    /// The end of the contract: no period counts.
    pub(super) is_end: bool,
}

struct Item {
    file: String,
    kind: String,
    class: Class,
    case: String,
    going: bool,
    /// What a recovery had set aside of it when its removal began, JSON.
    pieces: String,
}

impl Item {
    /// Whether it stands in the database, and not as a file beside it.
    fn is_in_books(&self) -> bool {
        matches!(self.kind.as_str(), evidence::TRANSCRIPT | evidence::CORRECTION)
    }

    fn case(&self) -> Option<&str> {
        Some(self.case.as_str()).filter(|case| !case.is_empty())
    }
}

/// So long after its last sign of life a removal counts as running, milliseconds.
const REMOVAL_MS: i64 = 2 * 60_000;
/// How often a removal that runs gives one.
const SIGN: Duration = Duration::from_secs(30);

/// Why a file that was there a moment ago, and whose removal took nothing away, is on no certificate.
const VANISHED: &str = "vanished";

/// Why a file could not be taken away: the file alone, the S3 server, which then has no answer for
/// any other either, or the books, where all stops.
enum Fault {
    File(String),
    Away(String),
    Books(ServiceError),
}

impl From<ServiceError> for Fault {
    fn from(error: ServiceError) -> Self {
        Self::Books(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Io { .. } | StoreError::Internal { .. } => Self::File(error.to_string()),
            other => Self::Books(other.into()),
        }
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self::Books(StoreError::from(error).into())
    }
}

/// Why a deletion was asked for, as it stands in its body; empty for one of a version that took none.
fn asked_because(body: &str) -> String {
    let body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    body["reason"].as_str().unwrap_or_default().to_owned()
}

fn item(row: &AnyRow) -> Result<Item, ServiceError> {
    let class: String = row.get(2);
    Ok(Item {
        file: row.get(0),
        kind: row.get(1),
        class: Class::parse(&class).ok_or(ServiceError::NotFound { kind: "class" })?,
        case: row.get(3),
        going: row.get::<String, _>(4) == "deleting",
        pieces: row.get(5),
    })
}

impl Deleter {
    /// Carries out one request, from where a kill left it. One that is done, or was never
    /// approved, is left alone. A file that cannot be taken away stays, with why, and keeps no
    /// other: the next request names it again. One of which nobody can say whether it is there is
    /// `deleting` until somebody can: that is an error, and there is no certificate before that. The
    /// same holds while the S3 server does not answer: recordings wait for it, all else goes.
    pub async fn run(&self, request: &str) -> Result<(), ServiceError> {
        let row = sqlx::query(
            "SELECT court_id, policy_version, asked_name, asked_ms, COALESCE(decided_name, ''), COALESCE(decided_ms, 0),
                    asked_by, COALESCE(decided_by, ''), CASE WHEN ended_by IS NULL THEN 0 ELSE 1 END,
                    CASE WHEN kind = 'contract_end' THEN 1 ELSE 0 END,
                    body, reason
             FROM retention_requests WHERE id = $1 AND kind <> 'policy' AND state = 'approved'",
        )
        .bind(request)
        .fetch_optional(self.db.read())
        .await?;
        let Some(row) = row else { return Ok(()) };
        if row.get::<i64, _>(8) == 0 {
            timely(&self.clock)?;
        }
        let approved = Approved {
            id: request.to_owned(),
            court: row.get(0),
            policy_version: row.get(1),
            asked: (row.get(2), row.get(3)),
            decided: (row.get(4), row.get(5)),
            accounts: (row.get(6), row.get(7)),
            reasons: (asked_because(&row.get::<String, _>(10)), row.get(11)),
            is_end: row.get::<i64, _>(9) > 0,
        };
        let keys = self.keys.public_keys().map_err(|error| StoreError::internal("reading the public keys", error))?;
        let mut conn = self.db.read().acquire().await?;
        let proven = proof::check(&mut conn, &keys, request).await?;
        drop(conn);
        if let Err(why) = proven {
            return self.refuse(&approved, why).await;
        }
        let (mut after, mut unknown, mut away) = (String::new(), None, false);
        while let Some(item) = self.next(request, &after).await? {
            // A server that is away is asked once in a run, not for each recording.
            if !(away && item.kind == evidence::RECORDING) {
                match self.carry_out(&approved, &item).await {
                    Ok(()) => {}
                    Err(Fault::Books(error)) => return Err(error),
                    Err(Fault::File(why)) => unknown = self.after_fault(&approved, &item, why).await?.or(unknown),
                    Err(Fault::Away(why)) => {
                        away = true;
                        unknown = Some(self.waits(&approved, &item, &why).await?);
                    }
                }
            }
            after = item.file;
        }
        match unknown {
            Some(why) => Err(StoreError::internal("deleting evidence", why).into()),
            None => certificate::finish(self, &approved).await,
        }
    }

    /// A request that says that it is approved, and was not approved in this house as it stands
    /// there: nothing of it is carried out or certified, and people are told.
    async fn refuse(&self, approved: &Approved, why: Said) -> Result<(), ServiceError> {
        tracing::error!(request = %approved.id, %why, "a deletion that two persons did not decide was refused");
        let mut tx = self.db.begin().await?;
        let refused = sqlx::query(
            "UPDATE retention_requests SET state = 'refused', live = NULL, refused = $2 WHERE id = $1 AND state = 'approved'",
        )
        .bind(&approved.id)
        .bind(why.to_stored())
        .execute(&mut *tx.conn())
        .await?;
        if refused.rows_affected() != 1 {
            return Ok(());
        }
        let object = ("retention", approved.id.as_str());
        let entry = audit::Entry::of_the_house(&approved.court, "retention.forged", object, json!({ "why": why.text }));
        audit::append(&mut tx, &self.clock, audit::Entry { result: "denied", ..entry }).await?;
        let said = Said::new(
            "retention.forged",
            "the database had a request for a deletion that this house did not sign as approved by two persons ({why}): it was refused; find out who wrote it",
        );
        let about = ("retention.forged", approved.id.as_str());
        alarms::raise_in(&mut tx, &self.clock, &approved.court, about, &said.with("why", why)).await?;
        Ok(tx.commit().await?)
    }

    /// What became of a file whose removal failed: what is there stays, what is gone is written
    /// down as that. Answers why, where nobody can say.
    async fn after_fault(&self, approved: &Approved, item: &Item, why: String) -> Result<Option<String>, ServiceError> {
        let looked = match self.is_there(item).await {
            Ok(there) => self.missed(approved, item).await.map(|missed| (there, missed)),
            Err(fault) => Err(fault),
        };
        let (there, missed) = match looked {
            Ok(looked) => looked,
            Err(Fault::Books(error)) => return Err(error),
            Err(Fault::File(unknown) | Fault::Away(unknown)) => {
                tracing::error!(file = %item.file, why, unknown, "nobody can say whether an evidence file is gone");
                return self.waits(approved, item, &unknown).await.map(Some);
            }
        };
        let mut tx = self.db.begin().await?;
        let Some(begun) = self.begun(&mut tx, approved, item).await? else { return Ok(None) };
        tracing::error!(file = %item.file, why, there, "the removal of an evidence file failed");
        if there || !begun {
            self.settle(&mut tx, approved, item, ("failed", &why), &missed).await?;
            tx.commit().await?;
        } else {
            self.gone(tx, approved, item).await?;
        }
        Ok(None)
    }

    /// A file that waits for the next try: one whose removal had begun as that, and any other untouched.
    /// Nothing runs any more: a hold need not wait, and is asked before that. Answers which it is, and why.
    async fn waits(&self, approved: &Approved, item: &Item, why: &str) -> Result<String, ServiceError> {
        sqlx::query(
            "UPDATE deletion_items SET until_ms = $3
             WHERE request_id = $1 AND file_id = $2 AND state IN ('waiting', 'deleting')",
        )
        .bind(&approved.id)
        .bind(&item.file)
        .bind(self.clock.now_ms())
        .execute(self.db.read())
        .await?;
        Ok(format!("{}: {why}", item.file))
    }

    /// The next file in the order of their ids that is not settled.
    async fn next(&self, request: &str, after: &str) -> Result<Option<Item>, ServiceError> {
        let row = sqlx::query(
            "SELECT file_id, kind, class, case_id, state, pieces FROM deletion_items
             WHERE request_id = $1 AND file_id > $2 AND state IN ('waiting', 'deleting') ORDER BY file_id LIMIT 1",
        )
        .bind(request)
        .bind(after)
        .fetch_optional(self.db.read())
        .await?;
        row.as_ref().map(item).transpose()
    }

    async fn carry_out(&self, approved: &Approved, item: &Item) -> Result<(), Fault> {
        // What a killed run was at may be gone already; that is asked before any row is held.
        let mut there = !item.going || self.is_there(item).await?;
        let mut unread = if there { self.unread(item).await? } else { None };
        if unread.is_some() {
            // A server that is away says nothing about the file, which waits for it.
            there = self.is_there(item).await? || !item.going;
            unread = unread.filter(|_| there);
        }
        let (mut pieces, mut missed) = (String::new(), String::new());
        if there {
            pieces = self.pieces(item).await?;
            missed = self.missed(approved, item).await?;
        }
        let mut tx = self.db.begin().await?;
        // A hold may have come since the approval, and since a kill: it keeps what is still there.
        // What was taken away before it came is gone, and is written down as that.
        let stays = self.stays(&mut tx, approved, item).await?;
        if self.begun(&mut tx, approved, item).await?.is_none() {
            return Ok(());
        }
        if let Some(why) = stays.filter(|_| there) {
            self.settle(&mut tx, approved, item, ("kept", why), &missed).await?;
            return Ok(tx.commit().await?);
        }
        if let Some(why) = unread {
            self.settle(&mut tx, approved, item, ("failed", &why), &missed).await?;
            return Ok(tx.commit().await?);
        }
        if item.is_in_books() {
            // Words that stand in the books go with what the books say of them, or neither does.
            self.erase(&mut tx, item).await?;
            return Ok(self.gone(tx, approved, item).await?);
        }
        if there {
            // What is meant is said before it is done. A hold that comes from here on is set, and
            // answered once this removal has ended.
            self.begin(&mut tx, approved, item, REMOVAL_MS).await?;
            self.note(&mut tx, approved, item, &pieces).await?;
            tx.commit().await?;
            let went = self.taken_away(approved, item).await?;
            tx = self.db.begin().await?;
            if self.begun(&mut tx, approved, item).await?.is_none() {
                return Ok(());
            }
            if !went && !item.going {
                self.settle(&mut tx, approved, item, ("failed", VANISHED), "").await?;
                return Ok(tx.commit().await?);
            }
        }
        Ok(self.gone(tx, approved, item).await?)
    }

    /// Looks at a file before it is taken away: what is not as it was entered is marked, which keeps
    /// it. Answers why it could not be read, where it could not.
    async fn unread(&self, item: &Item) -> Result<Option<String>, ServiceError> {
        let examiner = Examiner {
            db: self.db.clone(),
            clock: self.clock.clone(),
            sealer: self.objects.sealer().clone(),
            objects: self.objects.clone(),
            vault: self.vault.clone(),
            keys: self.keys.clone(),
            certified: Certified::default(),
        };
        let file = files(&self.db, Which::One(&item.file)).await?.pop();
        let file = file.ok_or(ServiceError::NotFound { kind: "evidence file" })?;
        self.look_whose(&examiner, item, &file.owner_id).await?;
        Ok(match examiner.examine(&file, HOUSE).await? {
            Found::Unread { reason, .. } => Some(reason.text),
            _ => None,
        })
    }

    /// Looks at what the call of a file belongs to: one that was moved is marked, for the case whose
    /// hold counts is the one that was entered. So is one that was moved back since the list was made.
    async fn look_whose(&self, examiner: &Examiner, item: &Item, call: &str) -> Result<(), ServiceError> {
        let Some(bound) = files(&self.db, Which::One(&evidence::binding_id(call))).await?.pop() else { return Ok(()) };
        if examiner.examine(&bound, HOUSE).await? != Found::Intact {
            return Ok(());
        }
        let entered = examiner.content(&bound).await?;
        let Some(entered) = case_line(&String::from_utf8_lossy(&entered)).filter(|line| !names(line, &item.case))
        else {
            return Ok(());
        };
        let said = Said::new("call.moved", "entered as \"{was}\", and its rows say \"{is}\"");
        let reason = said.with("was", entered).with("is", format!("case: {}", item.case));
        let keys = self.keys.public_keys().map_err(|error| StoreError::internal("reading the public keys", error))?;
        mark(&self.db, &self.clock, &keys, &bound, &Found::Altered { reason }, HOUSE).await?;
        Ok(())
    }

    /// Takes a file away, and says from time to time that it is still at it: a hold waits for it.
    /// Answers whether there was anything to take.
    async fn taken_away(&self, approved: &Approved, item: &Item) -> Result<bool, Fault> {
        let mut removal = std::pin::pin!(self.take_away(item));
        loop {
            tokio::select! {
                done = &mut removal => return done,
                () = tokio::time::sleep(SIGN) => {
                    // The removal goes on whether or not this can be told.
                    if let Err(error) = self.sign(approved, item).await {
                        tracing::error!(file = %item.file, %error, "that a removal goes on could not be told");
                    }
                }
            }
        }
    }

    async fn sign(&self, approved: &Approved, item: &Item) -> Result<(), ServiceError> {
        let mut tx = self.db.begin().await?;
        self.begin(&mut tx, approved, item, REMOVAL_MS).await?;
        Ok(tx.commit().await?)
    }

    /// Says that the removal of a file begins or goes on, for so many milliseconds from now.
    async fn begin(&self, tx: &mut Tx, approved: &Approved, item: &Item, ms: i64) -> Result<(), ServiceError> {
        sqlx::query(
            "UPDATE deletion_items SET state = 'deleting', until_ms = $3
             WHERE request_id = $1 AND file_id = $2 AND state IN ('waiting', 'deleting')",
        )
        .bind(&approved.id)
        .bind(&item.file)
        .bind(self.clock.now_ms() + ms)
        .execute(&mut *tx.conn())
        .await?;
        Ok(())
    }

    /// Writes down what lies aside of a recording, before it goes.
    async fn note(&self, tx: &mut Tx, approved: &Approved, item: &Item, pieces: &str) -> Result<(), ServiceError> {
        sqlx::query("UPDATE deletion_items SET pieces = $3 WHERE request_id = $1 AND file_id = $2")
            .bind(&approved.id)
            .bind(&item.file)
            .bind(pieces)
            .execute(&mut *tx.conn())
            .await?;
        Ok(())
    }

    /// What lies aside of a recording, with what lay there when a removal began before: JSON, or
    /// empty.
    async fn pieces(&self, item: &Item) -> Result<String, Fault> {
        if item.kind != evidence::RECORDING {
            return Ok(String::new());
        }
        let id = recording(&item.file)?;
        let found = self.in_vault("looking for what was set aside", move |vault| vault.set_aside(&id)).await?;
        let mut all: Vec<LostPiece> = serde_json::from_str(&item.pieces).unwrap_or_default();
        for piece in found {
            if !all.iter().any(|known| known.file == piece.file) {
                all.push(piece);
            }
        }
        Ok(if all.is_empty() { String::new() } else { json!(all).to_string() })
    }

    /// What lay aside of a recording when its removal began, and is not there any more: JSON, or empty.
    async fn missed(&self, approved: &Approved, item: &Item) -> Result<String, Fault> {
        if item.kind != evidence::RECORDING {
            return Ok(String::new());
        }
        let row = sqlx::query("SELECT pieces FROM deletion_items WHERE request_id = $1 AND file_id = $2")
            .bind(&approved.id)
            .bind(&item.file)
            .fetch_one(self.db.read())
            .await?;
        let mut noted: Vec<LostPiece> = serde_json::from_str(&row.get::<String, _>(0)).unwrap_or_default();
        let id = recording(&item.file)?;
        let there = self.in_vault("looking for what was set aside", move |vault| vault.set_aside(&id)).await?;
        noted.retain(|known| !there.iter().any(|piece| piece.file == known.file));
        Ok(if noted.is_empty() { String::new() } else { json!(noted).to_string() })
    }

    /// Writes down that a file is gone.
    async fn gone(&self, mut tx: Tx, approved: &Approved, item: &Item) -> Result<(), ServiceError> {
        if item.kind == evidence::RECORDING {
            for table in ["recordings", "inbound_recordings"] {
                let sql = format!("UPDATE {table} SET state = 'deleted' WHERE id = $1");
                sqlx::query(sqlx::AssertSqlSafe(sql)).bind(&item.file).execute(&mut *tx.conn()).await?;
            }
            // The words of an announcement repeat it, where no transcript does.
            sqlx::query(
                "UPDATE call_progress SET text_sealed = NULL
                 WHERE call_id = (SELECT f.owner_id FROM evidence_files f WHERE f.id = $1)
                   AND NOT EXISTS (SELECT 1 FROM transcripts t WHERE t.call_id = call_progress.call_id
                                   AND t.body_sealed IS NOT NULL)",
            )
            .bind(&item.file)
            .execute(&mut *tx.conn())
            .await?;
        }
        sqlx::query("INSERT INTO deletions (file_id, court_id, request_id, deleted_ms) VALUES ($1, $2, $3, $4)")
            .bind(&item.file)
            .bind(&approved.court)
            .bind(&approved.id)
            .bind(self.clock.now_ms())
            .execute(&mut *tx.conn())
            .await?;
        self.state(&mut tx, approved, item, "deleted", "").await?;
        let detail = json!({ "request": approved.id, "kind": item.kind, "class": item.class.code() });
        let entry = audit::Entry::of_the_house(&approved.court, "evidence.delete", ("evidence", &item.file), detail);
        audit::append(&mut tx, &self.clock, audit::Entry { case_id: item.case(), ..entry }).await?;
        Ok(tx.commit().await?)
    }

    /// Why a file stays at this moment, with its case held until the transaction ends.
    async fn stays(&self, tx: &mut Tx, approved: &Approved, item: &Item) -> Result<Option<&'static str>, ServiceError> {
        let court = approved.court.as_str();
        let ended = sqlx::query("SELECT COUNT(*) FROM retention_requests WHERE id = $1 AND ended_by IS NOT NULL")
            .bind(&approved.id)
            .fetch_one(&mut *tx.conn())
            .await?;
        if ended.get::<i64, _>(0) > 0 {
            return Ok(Some("ended"));
        }
        let days = policy(&self.db, court).await?.days(item.class);
        let stands = if item.case.is_empty() {
            standing::caller(tx.conn(), &item.file, approved.is_end).await?
        } else {
            let standing = standing::locked(tx.conn(), court, &item.case).await?;
            if approved.is_end { standing.ends() } else { standing.returned() }
        };
        let returned_ms = match stands {
            Ok(at_ms) => at_ms,
            Err(block) => return Ok(Some(block.word())),
        };
        let sql = format!(
            "SELECT {SINCE}, l.day, f.owner_id FROM evidence_files f
             LEFT JOIN evidence_leaves l ON l.file_id = f.id WHERE f.id = $1"
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(&item.file).fetch_one(&mut *tx.conn()).await?;
        if !approved.is_end && due(returned_ms, row.get(0), days) > self.clock.now_ms() {
            return Ok(Some("not_due"));
        }
        let Some(day) = row.get::<Option<String>, _>(1) else { return Ok(Some("no_root")) };
        // One about what its call belongs to is one about all that its call left.
        let doubts = sqlx::query("SELECT COUNT(*) FROM evidence_doubts WHERE open_object IN ($1, $2, $3)")
            .bind(format!("{court}:{}", item.file))
            .bind(format!("{court}:root:{day}"))
            .bind(format!("{court}:{}", evidence::binding_id(row.get(2))))
            .fetch_one(&mut *tx.conn())
            .await?;
        Ok((doubts.get::<i64, _>(0) > 0).then_some("doubt"))
    }

    /// Whether its removal has begun; none when somebody settled it meanwhile: the last commit of a
    /// run that was killed may have arrived after this one had read its list. The case's row is held
    /// by now.
    async fn begun(&self, tx: &mut Tx, approved: &Approved, item: &Item) -> Result<Option<bool>, ServiceError> {
        let row = sqlx::query(
            "SELECT state FROM deletion_items
             WHERE request_id = $1 AND file_id = $2 AND state IN ('waiting', 'deleting')",
        )
        .bind(&approved.id)
        .bind(&item.file)
        .fetch_optional(&mut *tx.conn())
        .await?;
        Ok(row.map(|row| row.get::<String, _>(0) == "deleting"))
    }

    /// An item that is over without its file being gone: `kept` or `failed`, and why; with what lay
    /// aside of it and went all the same.
    async fn settle(
        &self,
        tx: &mut Tx,
        approved: &Approved,
        item: &Item,
        (state, why): (&'static str, &str),
        missed: &str,
    ) -> Result<(), ServiceError> {
        self.note(tx, approved, item, missed).await?;
        self.state(tx, approved, item, state, why).await?;
        let mut detail = json!({ "request": approved.id, "why": why });
        if !missed.is_empty() {
            detail["set_aside_gone"] = serde_json::from_str(missed).unwrap_or_default();
        }
        let entry = audit::Entry::of_the_house(&approved.court, "evidence.keep", ("evidence", &item.file), detail);
        let result = if state == "failed" { "failed" } else { entry.result };
        audit::append(tx, &self.clock, audit::Entry { case_id: item.case(), result, ..entry }).await?;
        Ok(())
    }

    async fn state(
        &self,
        tx: &mut Tx,
        approved: &Approved,
        item: &Item,
        state: &str,
        why: &str,
    ) -> Result<(), ServiceError> {
        sqlx::query(
            "UPDATE deletion_items SET state = $3, why = $4, done_ms = $5 WHERE request_id = $1 AND file_id = $2",
        )
        .bind(&approved.id)
        .bind(&item.file)
        .bind(state)
        .bind(why)
        .bind((state != "deleting").then(|| self.clock.now_ms()))
        .execute(&mut *tx.conn())
        .await?;
        Ok(())
    }

    /// Whether a file that lies outside the books is there.
    async fn is_there(&self, item: &Item) -> Result<bool, Fault> {
        match item.kind.as_str() {
            evidence::RECORDING => {
                let id = recording(&item.file)?;
                let look = move |vault: &Vault| match vault.is_there(&id) {
                    // A checked copy on a server that is named no more is there, and stays.
                    Err(VaultError::CopyElsewhere { .. }) => Ok(true),
                    found => found,
                };
                self.in_vault("looking for a recording", look).await
            }
            evidence::SET_ASIDE => {
                let name = piece(&item.file);
                let found = self.in_vault("looking for what was set aside", move |vault| vault.piece(&name));
                Ok(found.await?.is_some())
            }
            _ if item.is_in_books() => Ok(true),
            _ => Ok(self.objects.is_there(&item.file).await?),
        }
    }

    /// Takes a file away, from the disk and from the S3 server, with no transaction open: a
    /// server that does not answer keeps nobody from the books. One that is gone is no error: the
    /// answer says whether it was there.
    async fn take_away(&self, item: &Item) -> Result<bool, Fault> {
        match item.kind.as_str() {
            evidence::RECORDING => {
                let id = recording(&item.file)?;
                let removed = self.in_vault("removing a recording", move |vault| vault.remove(&id)).await?;
                Ok(removed != Removed::default())
            }
            evidence::SET_ASIDE => {
                let name = piece(&item.file);
                self.in_vault("removing what was set aside", move |vault| vault.remove_piece(&name)).await
            }
            _ => Ok(self.objects.remove(&item.file).await?),
        }
    }

    /// Asks the vault on a thread that may wait.
    async fn in_vault<T: Send + 'static>(
        &self,
        action: &'static str,
        work: impl FnOnce(&Vault) -> Result<T, VaultError> + Send + 'static,
    ) -> Result<T, Fault> {
        let vault = self.vault.clone();
        let done = tokio::task::spawn_blocking(move || work(&vault)).await;
        let done = done.map_err(|error| StoreError::internal(action, error))?;
        done.map_err(|error| match error {
            // One that refuses is there, and may refuse this file alone, such as one under a lock.
            VaultError::S3(S3Error::Unreachable { .. }) => Fault::Away(error.to_string()),
            error => StoreError::internal(action, error).into(),
        })
    }

    /// Takes words away that stand in the books.
    async fn erase(&self, tx: &mut Tx, item: &Item) -> Result<(), Fault> {
        if item.kind == evidence::CORRECTION {
            let id = item.file.get(1..).unwrap_or_default();
            sqlx::query("DELETE FROM transcript_edits WHERE id = $1").bind(id).execute(&mut *tx.conn()).await?;
            return Ok(());
        }
        for sql in [
            "UPDATE transcripts SET body_sealed = NULL, state = 'deleted' WHERE call_id = $1",
            "UPDATE inbound_transcripts SET body_sealed = NULL, state = 'deleted' WHERE inbound_id = $1",
            // The words of an announcement repeat what the recording says.
            "UPDATE call_progress SET text_sealed = NULL WHERE call_id = $1",
        ] {
            sqlx::query(sql).bind(call(&item.file)).execute(&mut *tx.conn()).await?;
        }
        Ok(())
    }
}

/// Whether a line `case: id number` is of this case.
fn names(line: &str, case: &str) -> bool {
    line.split(' ').nth(1) == Some(case)
}

fn recording(file: &str) -> Result<RecordingId, ServiceError> {
    Ok(RecordingId::new(file).map_err(|error| StoreError::internal("reading a recording's id", error))?)
}

/// The name of a piece that was set aside.
fn piece(file: &str) -> String {
    evidence::set_aside_name(file).unwrap_or_default().to_owned()
}

/// The call of a transcript's id.
fn call(file: &str) -> &str {
    file.strip_prefix('T').unwrap_or(file)
}
