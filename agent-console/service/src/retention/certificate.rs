//! The certificate of a deletion: who, what, when, and the hashes of what is gone, signed.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::{Value, json};
use songda_recordings::{
    evidence::{Leaf, Tree},
    keys::PublicKey,
    said::Said,
};
use songda_store::{Clock, Db, Objects, StoreError, audit, clock::rfc3339, evidence, new_id};
use sqlx::{AnyConnection, Row, any::AnyRow};

use super::{
    proof,
    run::{Approved, Deleter},
};
use crate::{
    ServiceError,
    evidence::{FileRow, Signed},
    moment,
};

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateRow {
    /// Id.
    pub id: String,
    /// The request that it is of.
    pub request_id: String,
    /// Its file, which is evidence itself.
    pub object_id: String,
    /// Files that went.
    pub files: i64,
    /// Bytes of them.
    pub bytes: i64,
    /// SHA-256 of the Merkle root of the list, hex.
    pub root: String,
    /// When, unix milliseconds.
    pub created_ms: i64,
}

const COLUMNS: &str = "SELECT id, request_id, object_id, files, bytes, root, created_ms FROM deletion_certificates";

fn read(row: &AnyRow) -> CertificateRow {
    CertificateRow {
        id: row.get(0),
        request_id: row.get(1),
        object_id: row.get(2),
        files: row.get(3),
        bytes: row.get(4),
        root: row.get(5),
        created_ms: row.get(6),
    }
}

/// All certificates of a court, oldest first, page by page: those behind `after`, which is when a
/// certificate was made, unix milliseconds, and its id.
pub async fn certificates_after(
    db: &Db,
    court: &str,
    after: (i64, &str),
    limit: i64,
) -> Result<Vec<CertificateRow>, ServiceError> {
    let sql = format!(
        "{COLUMNS} WHERE court_id = $1 AND (created_ms > $2 OR (created_ms = $2 AND id > $3))
         ORDER BY created_ms, id LIMIT $4"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(court).bind(after.0).bind(after.1).bind(limit);
    Ok(rows.fetch_all(db.read()).await?.iter().map(read).collect())
}

/// The certificates of a court, newest first.
pub async fn certificates(db: &Db, court: &str) -> Result<Vec<CertificateRow>, ServiceError> {
    let sql = format!("{COLUMNS} WHERE court_id = $1 ORDER BY created_ms DESC, id DESC LIMIT 200");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(court).fetch_all(db.read()).await?;
    Ok(rows.iter().map(read).collect())
}

/// The stored file of the certificate of a request, when there is one.
pub async fn certificate_of(db: &Db, request: &str) -> Result<Option<String>, ServiceError> {
    let row = sqlx::query("SELECT object_id FROM deletion_certificates WHERE request_id = $1")
        .bind(request)
        .fetch_optional(db.read())
        .await?;
    Ok(row.map(|row| row.get(0)))
}

/// One certificate: the row and its file, checked against its hash. The file is JSON with
/// `signed`, a text that is JSON itself, and the signature over the bytes of that text.
pub async fn certificate(
    db: &Db,
    objects: &Objects,
    court: &str,
    id: &str,
) -> Result<(CertificateRow, Value), ServiceError> {
    let sql = format!("{COLUMNS} WHERE id = $1 AND court_id = $2");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).bind(court).fetch_optional(db.read()).await?;
    let row = row.as_ref().map(read).ok_or(ServiceError::NotFound { kind: "certificate" })?;
    let content = objects.get(db, &row.object_id).await?;
    let body = serde_json::from_slice(&content)
        .map_err(|error| StoreError::internal("reading a deletion certificate", error))?;
    Ok((row, body))
}

/// Ends a request whose files are all gone or kept; with a certificate when one is gone.
pub(super) async fn finish(house: &Deleter, approved: &Approved) -> Result<(), ServiceError> {
    let mut tx = house.db.begin().await?;
    // The row first: of two runs that come to the end at once one finds it done.
    let held = sqlx::query("UPDATE retention_requests SET state = state WHERE id = $1 AND state = 'approved'")
        .bind(&approved.id)
        .execute(&mut *tx.conn())
        .await?;
    if held.rows_affected() != 1 {
        return Ok(());
    }
    let rows = sqlx::query(
        "SELECT i.file_id, i.kind, i.class, COALESCE(k.number, ''), COALESCE(t.number, ''), f.sha256, f.sm3, i.size,
                f.booked_ms, COALESCE(l.day, ''), COALESCE(l.leaf_no, -1), i.due_ms, i.state, i.why,
                COALESCE(i.done_ms, 0), i.pieces
         FROM deletion_items i JOIN evidence_files f ON f.id = i.file_id
         LEFT JOIN cases k ON k.id = i.case_id LEFT JOIN tasks t ON t.id = i.task_id
         LEFT JOIN evidence_leaves l ON l.file_id = i.file_id
         WHERE i.request_id = $1 ORDER BY i.file_id",
    )
    .bind(&approved.id)
    .fetch_all(&mut *tx.conn())
    .await?;
    let (gone, kept): (Vec<&AnyRow>, Vec<&AnyRow>) = rows.iter().partition(|row| row.get::<String, _>(12) == "deleted");
    let now = house.clock.now_ms();
    let mut named = String::new();
    if !gone.is_empty() {
        let leaf = |row: &&AnyRow| {
            Leaf::from_hex(&row.get::<String, _>(0), &row.get::<String, _>(5), &row.get::<String, _>(6))
        };
        let tree = gone.iter().map(leaf).collect::<Result<_, _>>().and_then(Tree::new);
        let tree = tree.map_err(|error| StoreError::internal("building the tree of a deletion", error))?;
        let root = tree.root();
        let bytes: i64 = gone.iter().map(|row| row.get::<i64, _>(7)).sum();
        let court = sqlx::query("SELECT code, name FROM courts WHERE id = $1")
            .bind(&approved.court)
            .fetch_one(&mut *tx.conn())
            .await?;
        let id = new_id();
        let body = json!({
            "certificate": id,
            "court": { "code": court.get::<String, _>(0), "name": court.get::<String, _>(1) },
            "request": approved.id,
            "contract_end": approved.is_end,
            "asked": {
                "by": approved.asked.0, "account": approved.accounts.0, "at": rfc3339(approved.asked.1),
                "reason": approved.reasons.0,
            },
            "approved": {
                "by": approved.decided.0, "account": approved.accounts.1, "at": rfc3339(approved.decided.1),
                "reason": approved.reasons.1,
            },
            "policy_version": approved.policy_version,
            "finished_at": rfc3339(now),
            "bytes": bytes,
            "root": { "sha256": hex::encode(root.sha256), "sm3": hex::encode(root.sm3) },
            "files": gone.iter().map(|row| listed(row)).collect::<Vec<_>>(),
            "kept": kept.iter().map(|row| {
                json!({
                    "file": row.get::<String, _>(0), "case": row.get::<String, _>(3), "why": row.get::<String, _>(13),
                    // What lay aside of it and went before it was kept.
                    "set_aside_gone": pieces(row),
                })
            }).collect::<Vec<_>>(),
        });
        let signed = body.to_string();
        let Signed { suite, key_id, signature } = Signed::over(&signed, house.keys.as_ref())?;
        let file = json!({ "signed": signed, "suite": suite, "key_id": key_id, "signature": signature });
        let content = file.to_string();
        let put = (evidence::CERTIFICATE, "application/json");
        let object = house.objects.put(&mut tx, &approved.court, put.0, put.1, content.as_bytes()).await?;
        sqlx::query(
            "INSERT INTO deletion_certificates (id, court_id, request_id, object_id, files, bytes, root, created_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(&id)
        .bind(&approved.court)
        .bind(&approved.id)
        .bind(&object.id)
        .bind(gone.len() as i64)
        .bind(bytes)
        .bind(hex::encode(root.sha256))
        .bind(now)
        .execute(&mut *tx.conn())
        .await?;
        named = id;
    }
    sqlx::query(
        "UPDATE retention_requests SET state = CASE WHEN ended_by IS NULL THEN 'done' ELSE 'ended' END, live = NULL,
                done_ms = $2 WHERE id = $1",
    )
    .bind(&approved.id)
    .bind(now)
    .execute(&mut *tx.conn())
    .await?;
    let detail = json!({ "files": gone.len(), "kept": kept.len(), "certificate": named });
    let object = ("retention", approved.id.as_str());
    let entry = audit::Entry::of_the_house(&approved.court, "retention.done", object, detail);
    audit::append(&mut tx, &house.clock, entry).await?;
    Ok(tx.commit().await?)
}

fn listed(row: &AnyRow) -> Value {
    let leaf_no: i64 = row.get(10);
    json!({
        "file": row.get::<String, _>(0),
        "kind": row.get::<String, _>(1),
        "class": row.get::<String, _>(2),
        "case": row.get::<String, _>(3),
        "task": row.get::<String, _>(4),
        "sha256": row.get::<String, _>(5),
        "sm3": row.get::<String, _>(6),
        "bytes": row.get::<i64, _>(7),
        "entered_at": rfc3339(row.get(8)),
        "root_of": row.get::<String, _>(9),
        "leaf": (leaf_no >= 0).then_some(leaf_no),
        "due_at": rfc3339(row.get(11)),
        "deleted_at": rfc3339(row.get(14)),
        // What a recovery had set aside of a recording went with it.
        "set_aside": pieces(row),
    })
}

/// Pieces of a recording, as they stand in its item.
fn pieces(row: &AnyRow) -> Value {
    serde_json::from_str(&row.get::<String, _>(15)).unwrap_or_else(|_| json!([]))
}

/// Files of a certificate with their hashes.
type Files = BTreeMap<String, (String, String)>;

/// A request and the files of its certificate.
type Listed = (String, Arc<Files>);

/// Longest time for which nothing is heard of a deletion that was approved, milliseconds. After that
/// what it took away without a certificate is a loss. One that waits for an S3 server is heard of at
/// each try, which comes every ten minutes.
const PATIENCE_MS: i64 = 24 * 3_600_000;

/// When something was last heard of a deletion: a file that went, or one that could not be reached.
const HEARD: &str =
    "(SELECT MAX(CASE WHEN COALESCE(d.until_ms, 0) > COALESCE(d.done_ms, 0) THEN d.until_ms ELSE d.done_ms END)
     FROM deletion_items d WHERE d.request_id = r.id)";

/// The request that is taking this file away right now, or was when the process died: approved,
/// signed by this house, and heard of within the last day.
pub(crate) async fn under_way(
    conn: &mut AnyConnection,
    clock: &Clock,
    keys: &[PublicKey],
    file: &str,
) -> Result<Option<String>, ServiceError> {
    let sql = format!(
        "SELECT i.request_id, r.decided_ms, {HEARD}
         FROM deletion_items i JOIN retention_requests r ON r.id = i.request_id
         WHERE i.file_id = $1 AND i.state IN ('deleting', 'deleted') AND r.state = 'approved' LIMIT 1"
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(file).fetch_optional(&mut *conn).await?;
    let Some(row) = row.filter(|row| is_moving(clock, row.get(1), row.get(2))) else { return Ok(None) };
    let request: String = row.get(0);
    Ok(proof::check(conn, keys, &request).await?.is_ok().then_some(request))
}

fn is_moving(clock: &Clock, decided_ms: Option<i64>, heard_ms: Option<i64>) -> bool {
    decided_ms.max(heard_ms).is_some_and(|last_ms| (clock.now_ms() - last_ms).abs() <= PATIENCE_MS)
}

/// What proves that a file went by decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// A certificate of this house, whose signature and list hold, names it with its hashes.
    Certificate,
    /// Nothing yet: the deletion that two persons decided is being carried out.
    UnderWay,
    /// Nothing, and why.
    None(Said),
}

/// Checks what the books say of deletions; the certificate that was checked last is remembered.
#[derive(Debug, Clone, Default)]
pub struct Certified {
    last: Arc<Mutex<Option<Listed>>>,
}

impl Certified {
    /// Whether this file went under this request: two persons decided, its item is on the list,
    /// and a certificate of this house names the file with its hashes.
    pub async fn check(
        &self,
        (db, clock, objects): (&Db, &Clock, &Objects),
        keys: &[PublicKey],
        file: &FileRow,
        request: &str,
    ) -> Result<Proof, ServiceError> {
        let sql = format!(
            "SELECT r.state, CASE WHEN r.decided_by IS NULL OR r.decided_by = r.asked_by THEN 1 ELSE 0 END,
                    (SELECT COUNT(*) FROM deletion_items i WHERE i.request_id = r.id AND i.file_id = $2
                      AND i.state = 'deleted'),
                    (SELECT c.object_id FROM deletion_certificates c WHERE c.request_id = r.id), r.decided_ms, {HEARD}
             FROM retention_requests r WHERE r.id = $1 AND r.kind <> 'policy' AND r.court_id = $3"
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(request).bind(&file.id).bind(&file.court_id);
        let row = row.fetch_optional(db.read()).await?;
        let no = |code, why| Ok(Proof::None(Said::new(code, why)));
        let Some(row) = row else { return no("deletion.no_request", "its request is not in the books") };
        let (state, alone, item): (String, i64, i64) = (row.get(0), row.get(1), row.get(2));
        let object: Option<String> = row.get(3);
        if alone > 0 {
            return no("deletion.alone", "not two persons decided about it");
        }
        if item == 0 {
            return no("deletion.not_listed", "it is not among the files of its request");
        }
        match (state.as_str(), object) {
            ("approved", None) if is_moving(clock, row.get(4), row.get(5)) => {
                let mut conn = db.read().acquire().await?;
                Ok(proof::check(&mut conn, keys, request).await?.map_or_else(Proof::None, |()| Proof::UnderWay))
            }
            ("approved", None) => no("deletion.still", "its deletion has stood still for a day and has no certificate"),
            ("approved" | "done" | "ended", Some(object)) => {
                let files = match self.files(db, objects, keys, &object, request).await? {
                    Ok(files) => files,
                    Err(why) => return Ok(Proof::None(why)),
                };
                let listed =
                    files.get(&file.id).is_some_and(|(sha256, sm3)| *sha256 == file.sha256 && *sm3 == file.sm3);
                if listed {
                    return Ok(Proof::Certificate);
                }
                no("deletion.not_named", "its certificate does not name it with its hashes")
            }
            _ => no("deletion.no_certificate", "there is no certificate"),
        }
    }

    async fn files(
        &self,
        db: &Db,
        objects: &Objects,
        keys: &[PublicKey],
        object: &str,
        request: &str,
    ) -> Result<Result<Arc<Files>, Said>, ServiceError> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, files)) = last.filter(|(known, _)| known == object) {
            return Ok(Ok(files));
        }
        let content = match objects.get(db, object).await {
            Ok(content) => content,
            Err(StoreError::FileMissing(_)) => {
                return Ok(Err(of_it(Said::new("file.missing", "the file is not there"))));
            }
            Err(StoreError::FileAltered(_)) => return Ok(Err(of_it(Said::new("file.seal", "its seal does not open")))),
            Err(error) => return Err(error.into()),
        };
        let files = match signed_files(&content, keys, request) {
            Ok(files) => Arc::new(files),
            Err(why) => return Ok(Err(of_it(why))),
        };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((object.to_owned(), files.clone()));
        Ok(Ok(files))
    }
}

/// When the deletion of a certificate was done, unix milliseconds.
pub fn finished_ms(told: &Value) -> Option<i64> {
    moment(told["finished_at"].as_str()?)
}

/// What is wrong with a certificate, told of what it should prove.
fn of_it(why: Said) -> Said {
    Said::new("deletion.certificate", "its certificate: {why}").with("why", why)
}

/// The files of a certificate whose signature, request and list hold.
pub fn signed_files(content: &[u8], keys: &[PublicKey], request: &str) -> Result<Files, Said> {
    let body: Value =
        serde_json::from_slice(content).map_err(|_| Said::new("certificate.unreadable", "it cannot be read"))?;
    let signed = body["signed"].as_str().ok_or_else(|| Said::new("certificate.no_text", "it has no signed text"))?;
    let seal = serde_json::from_value::<Signed>(body.clone());
    let seal = seal.map_err(|_| Said::new("certificate.unsigned", "it has no signature"))?;
    let told = serde_json::from_str::<Value>(signed);
    let told = told.map_err(|_| Said::new("certificate.unreadable_text", "its signed text cannot be read"))?;
    seal.check(signed, finished_ms(&told), keys)?;
    if told["request"] != request {
        return Err(Said::new("certificate.other", "it is of another request"));
    }
    let text = |file: &Value, name: &str| file[name].as_str().unwrap_or_default().to_owned();
    let listed = told["files"].as_array().ok_or_else(|| Said::new("certificate.no_list", "it has no list"))?;
    let leaves =
        listed.iter().map(|file| Leaf::from_hex(&text(file, "file"), &text(file, "sha256"), &text(file, "sm3")));
    let tree = leaves.collect::<Result<_, _>>().and_then(Tree::new);
    let tree = tree.map_err(|error| {
        Said::new("certificate.no_tree", "its files make no tree: {why}").with("why", error.to_string())
    })?;
    let root = tree.root();
    if told["root"]["sha256"] != hex::encode(root.sha256) || told["root"]["sm3"] != hex::encode(root.sm3) {
        return Err(Said::new("certificate.root", "its list does not lead to its root"));
    }
    Ok(listed.iter().map(|file| (text(file, "file"), (text(file, "sha256"), text(file, "sm3")))).collect())
}
