//! A court whose cases have evidence: a recording in the vault, its transcript, a report.

use std::{path::PathBuf, sync::Arc};

use songda_people::{Actor, Role};
use songda_recordings::{
    keys::KeyFile,
    vault::{RecordingId, Vault},
};
use songda_service::{
    cases,
    evidence::{Correction, Examiner, FileRow, Roots, Which, bind_call, enter_correction, files},
    retention::{Certified, Deleter},
};
use songda_store::{evidence, new_id};

use crate::house::{House, houses, party};

pub(crate) const DAY_MS: i64 = 86_400_000;

pub(crate) struct Shelf {
    pub(crate) house: House,
    pub(crate) vault: Arc<Vault>,
    pub(crate) keys: Arc<KeyFile>,
}

/// One case with one task, its call and what came of it.
pub(crate) struct Served {
    pub(crate) case: String,
    pub(crate) number: String,
    pub(crate) task_number: String,
    pub(crate) task: String,
    pub(crate) recording: String,
    pub(crate) transcript: String,
    pub(crate) report: String,
    pub(crate) document: String,
}

/// Whose a recording is, and whether the register says what its call is of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Bound,
    Unbound,
    Caller,
}

pub(crate) async fn shelves() -> Vec<Shelf> {
    let mut shelves = Vec::new();
    for house in houses().await {
        let keys = Arc::new(KeyFile::open(&house.on.folder.join("test.key")).unwrap());
        let vault = Arc::new(Vault::open(&house.on.folder.join("recordings"), keys.clone(), 0).unwrap());
        shelves.push(Shelf { house, vault, keys });
    }
    shelves
}

impl Shelf {
    pub(crate) fn engine(&self) -> &'static str {
        self.house.on.engine
    }

    pub(crate) fn examiner(&self) -> Examiner {
        let on = &self.house.on;
        Examiner {
            db: on.db.clone(),
            clock: on.clock.clone(),
            sealer: on.sealer.clone(),
            objects: on.objects.clone(),
            vault: self.vault.clone(),
            keys: self.keys.clone(),
            certified: Certified::default(),
        }
    }

    /// Lets time pass: a day, whose root is made, and the rest.
    pub(crate) async fn pass(&self, ms: i64) {
        self.house.on.clock.advance(DAY_MS);
        self.roots().make_due(3_600_000).await.unwrap();
        self.house.on.clock.advance(ms - DAY_MS);
    }

    /// Behind the product's back: without the trigger of this name.
    pub(crate) async fn without(&self, trigger: &str, table: &str) {
        let of = if self.engine() == "postgres" { format!(" ON {table}") } else { String::new() };
        let drop = format!("DROP TRIGGER {table}_{trigger}{of}");
        sqlx::query(sqlx::AssertSqlSafe(drop)).execute(self.house.on.db.read()).await.unwrap();
    }

    pub(crate) async fn sql(&self, sql: &'static str) -> Result<u64, sqlx::Error> {
        Ok(sqlx::query(sql).execute(self.house.on.db.read()).await?.rows_affected())
    }

    pub(crate) fn roots(&self) -> Roots {
        let on = &self.house.on;
        Roots {
            db: on.db.clone(),
            clock: on.clock.clone(),
            keys: self.keys.clone(),
            vault: self.vault.clone(),
            folder: on.folder.join("roots"),
        }
    }

    pub(crate) fn deleter(&self) -> Deleter {
        let on = &self.house.on;
        Deleter {
            db: on.db.clone(),
            clock: on.clock.clone(),
            objects: on.objects.clone(),
            vault: self.vault.clone(),
            keys: self.keys.clone(),
        }
    }

    pub(crate) fn actor(&self, role: Role) -> Actor {
        Actor {
            user_id: format!("u-{}", role.code()),
            login: role.code().into(),
            name: format!("name of {}", role.code()),
            staff_no: "1".into(),
            court_id: self.house.court.clone(),
            role,
            session: "s".into(),
            ip: "127.0.0.1".into(),
        }
    }

    /// A case with a call that was recorded, written down and reported. Its task is open.
    pub(crate) async fn case(&self, no: u32) -> Served {
        let on = &self.house.on;
        let number = format!("（2026）陕0102民初{no}号");
        let accepted =
            self.house.order(&format!("o{no}"), &number, vec![party("p1", None, &["13900000001"])], "D1").await;
        let task = &accepted.tasks[0];
        let (task_id, task_number) = (task.id.clone(), task.number.clone());
        let document: String = sqlx::query_scalar("SELECT object_id FROM documents WHERE order_id = $1")
            .bind(&accepted.order_id)
            .fetch_one(on.db.read())
            .await
            .unwrap();
        let party: String = sqlx::query_scalar("SELECT party_id FROM tasks WHERE id = $1")
            .bind(&task_id)
            .fetch_one(on.db.read())
            .await
            .unwrap();
        let phone = cases::phones(&on.db, &party).await.unwrap().remove(0).id;
        let call = self.house.ended_call(&task_id, &phone, "C01").await;
        let recording = self.record(&call, true).await;
        let transcript = self.write_down(&call).await;
        let report = self.report(&task_id, &call).await;
        Served { case: accepted.case_id, number, task_number, task: task_id, recording, transcript, report, document }
    }

    async fn record(&self, call: &str, bound: bool) -> String {
        self.record_of(call, if bound { Whose::Bound } else { Whose::Unbound }).await
    }

    async fn record_of(&self, call: &str, whose: Whose) -> String {
        let on = &self.house.on;
        let id = new_id();
        let name = RecordingId::new(&id).unwrap();
        let mut writer = self.vault.begin(&name, on.clock.now_ms()).unwrap();
        for second in 0..3 {
            let pcm: Vec<i16> = (0..16_000).map(|sample| ((sample * 7 + second * 13) % 991) as i16).collect();
            writer.append(&pcm).unwrap();
        }
        let manifest = writer.finish(vec![]).unwrap();
        let mut tx = on.db.begin().await.unwrap();
        let (table, owner) = match whose {
            Whose::Caller => ("inbound_recordings", "inbound_id"),
            Whose::Bound | Whose::Unbound => ("recordings", "call_id"),
        };
        let sql = format!(
            "INSERT INTO {table} (id, {owner}, court_id, state, started_ms, frames, bytes, sha256, sm3, gaps, closed_ms)
             VALUES ($1, $2, $3, 'closed', $4, $5, $6, $7, $8, '[]', $4)"
        );
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(&id)
            .bind(call)
            .bind(&self.house.court)
            .bind(on.clock.now_ms())
            .bind(manifest.frames as i64)
            .bind(manifest.bytes as i64)
            .bind(&manifest.sha256)
            .bind(&manifest.sm3)
            .execute(&mut *tx.conn())
            .await
            .unwrap();
        let entry = evidence::Entry {
            id: &id,
            court: &self.house.court,
            kind: evidence::RECORDING,
            owner: call,
            sha256: &manifest.sha256,
            sm3: &manifest.sm3,
            size: manifest.bytes as i64,
        };
        evidence::book(&mut tx, &on.clock, entry).await.unwrap();
        if whose == Whose::Bound {
            bind_call(&mut tx, &on.clock, call).await.unwrap();
        }
        tx.commit().await.unwrap();
        id
    }

    /// A person's correction of a line of a transcript, entered as the desk does; its id in the
    /// register.
    pub(crate) async fn corrected(&self, transcript: &str, text: &str) -> String {
        let on = &self.house.on;
        let (id, call, at_ms) = (new_id(), &transcript[1..], on.clock.now_ms());
        let court = &self.house.court;
        let sealed =
            on.sealer.seal(court, "transcript", "transcript_edits", "text_sealed", &id, text.as_bytes()).unwrap();
        let mut tx = on.db.begin().await.unwrap();
        sqlx::query(
            "INSERT INTO transcript_edits (id, call_id, line_no, text_sealed, editor_id, editor_name, at_ms)
             VALUES ($1, $2, 1, $3, 'u', 'name', $4)",
        )
        .bind(&id)
        .bind(call)
        .bind(sealed)
        .bind(at_ms)
        .execute(&mut *tx.conn())
        .await
        .unwrap();
        let correction = Correction { id: &id, call, line_no: 1, by: "u", at_ms, text };
        enter_correction(&mut tx, &on.clock, court, &correction).await.unwrap();
        tx.commit().await.unwrap();
        evidence::correction_id(&id)
    }

    /// One more call of the same task, recorded now.
    pub(crate) async fn recorded_again(&self, served: &Served) -> String {
        let call = self.called_again(served).await;
        self.record(&call, true).await
    }

    /// The same, as a version did that entered no calls.
    pub(crate) async fn recorded_unbound(&self, served: &Served) -> String {
        let call = self.called_again(served).await;
        self.record(&call, false).await
    }

    async fn called_again(&self, served: &Served) -> String {
        let on = &self.house.on;
        let phone: String = sqlx::query_scalar("SELECT phone_id FROM calls WHERE task_id = $1 LIMIT 1")
            .bind(&served.task)
            .fetch_one(on.db.read())
            .await
            .unwrap();
        self.house.ended_call(&served.task, &phone, "C01").await
    }

    async fn write_down(&self, call: &str) -> String {
        let on = &self.house.on;
        let body = format!("{{\"lines\":[\"{call}\"]}}");
        let sealed = on
            .sealer
            .seal(&self.house.court, "transcript", "transcripts", "body_sealed", call, body.as_bytes())
            .unwrap();
        let (sha256, sm3) = evidence::hashes(body.as_bytes());
        let id = evidence::transcript_id(call);
        let mut tx = on.db.begin().await.unwrap();
        sqlx::query(
            "INSERT INTO transcripts (call_id, state, model_name, model_sha256, test_model, body_sealed, created_ms)
             VALUES ($1, 'ready', '', '', 0, $2, 0)",
        )
        .bind(call)
        .bind(sealed)
        .execute(&mut *tx.conn())
        .await
        .unwrap();
        let (court, kind, size) = (self.house.court.as_str(), evidence::TRANSCRIPT, body.len() as i64);
        let entry = evidence::Entry { id: &id, court, kind, owner: call, sha256: &sha256, sm3: &sm3, size };
        evidence::book(&mut tx, &on.clock, entry).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    async fn report(&self, task: &str, call: &str) -> String {
        let on = &self.house.on;
        let mut tx = on.db.begin().await.unwrap();
        let content = format!("%PDF report of {task}");
        let put = on.objects.put(&mut tx, &self.house.court, "report", "application/pdf", content.as_bytes());
        let object = put.await.unwrap();
        let attempt = new_id();
        sqlx::query(
            "INSERT INTO attempts (id, task_id, no, call_id, technical_code, contact_code, business_code, heard_all,
                                   agent_id, rule, at_ms) VALUES ($1, $2, 1, $3, 'C01', 'W1', 'B01', 1, 'a', 'r', 0)",
        )
        .bind(&attempt)
        .bind(task)
        .bind(call)
        .execute(&mut *tx.conn())
        .await
        .unwrap();
        sqlx::query(
            "INSERT INTO reports (id, task_id, attempt_id, kind, version, state, object_id, sha256, sm3, pages, template,
                                  template_version, data_sha256, transcript_state, created_ms)
             VALUES ($1, $2, $3, 'T3-phone', 1, '有效', $4, $5, $6, 1, 't', 1, '', '已附', 0)",
        )
        .bind(new_id())
        .bind(task)
        .bind(&attempt)
        .bind(&object.id)
        .bind(&object.sha256)
        .bind(&object.sm3)
        .execute(&mut *tx.conn())
        .await
        .unwrap();
        tx.commit().await.unwrap();
        object.id
    }

    /// A recorded call of somebody who belongs to no case, in this state of the list.
    pub(crate) async fn caller(&self, list: &str) -> String {
        let on = &self.house.on;
        let call = new_id();
        sqlx::query(
            "INSERT INTO inbound_calls (id, court_id, called, trunk_id, number_index, masked, state, list_state, message,
                                        call_back, created_ms, talk_ms, ended_by, end_facts, recording_id, language,
                                        prompt_spans, quality, marks, settled_reason)
             VALUES ($1, $2, '', '', '', '', 'ended', $3, 1, 0, $4, 0, '', '{}', '', '', '[]', '{}', '[]', '')",
        )
        .bind(&call)
        .bind(&self.house.court)
        .bind(list)
        .bind(on.clock.now_ms())
        .execute(on.db.read())
        .await
        .unwrap();
        self.record_of(&call, Whose::Caller).await
    }

    /// The task of the case is served, and its report has reached the court.
    pub(crate) async fn returned(&self, served: &Served) {
        let on = &self.house.on;
        let mut tx = on.db.begin().await.unwrap();
        sqlx::query("UPDATE tasks SET phase = '送达完成', closed_ms = $2 WHERE id = $1")
            .bind(&served.task)
            .bind(on.clock.now_ms())
            .execute(&mut *tx.conn())
            .await
            .unwrap();
        sqlx::query(
            "INSERT INTO outbox (id, court_id, sink, topic, order_key, seq, payload_sealed, object_id, state, attempts,
                                 next_ms, lease_until_ms, last_error, created_ms, done_ms)
             VALUES ($1, $2, 'case-system', 'report.ready', $3, 1, $4, $5, 'done', 1, 0, 0, '', 0, $6)",
        )
        .bind(new_id())
        .bind(&self.house.court)
        .bind(&served.task)
        .bind(vec![0_u8])
        .bind(&served.report)
        .bind(on.clock.now_ms())
        .execute(&mut *tx.conn())
        .await
        .unwrap();
        tx.commit().await.unwrap();
    }

    pub(crate) async fn file(&self, id: &str) -> FileRow {
        files(&self.house.on.db, Which::One(id)).await.unwrap().remove(0)
    }

    pub(crate) fn sealed_recording(&self, id: &str) -> PathBuf {
        self.house.on.folder.join("recordings/closed").join(&id[..5]).join(format!("{id}.sdv"))
    }

    pub(crate) fn sealed_object(&self, id: &str) -> PathBuf {
        self.house.on.folder.join("objects").join(&id[..5]).join(format!("{id}.sealed"))
    }

    /// What the audit log says was done, newest first.
    pub(crate) async fn audited(&self, action: &str) -> Vec<songda_store::audit::Record> {
        let rows = songda_store::audit::list(&self.house.on.db, &self.house.court, None, 1_000).await.unwrap();
        rows.into_iter().filter(|row| row.action == action).collect()
    }
}

/// One bit of one byte in the middle of a file.
pub(crate) fn flip(path: &std::path::Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).unwrap();
}
