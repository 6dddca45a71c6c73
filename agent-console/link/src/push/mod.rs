//! Push: an order comes in from a case system (R1.1a, R1.1d).
//!
//! Unreadable is refused with every wrong field named; incomplete is kept as 待补正 with
//! what is missing; complete becomes case, parties, documents and one task per recipient
//! in one transaction. A repeat of the same key gets the first answer; the same key with
//! other content is refused with the fields that differ. Nothing is ever half-created.

mod fields;
mod message;

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use songda_people::machines::Machine;
use songda_service::{
    ServiceError,
    intake::{self, DocumentFacts, Existing, Intake},
    timeline::By,
};
use songda_store::{Clock, Db, Objects, Said, Sealer, StoreError, Tx, audit};

pub use fields::FieldError;
use fields::Problems;
use message::Message;

/// What a push needs from the house.
#[derive(Clone)]
pub struct Push {
    /// Database.
    pub db: Db,
    /// Clock.
    pub clock: Clock,
    /// Sealed columns.
    pub sealer: Sealer,
    /// Files.
    pub objects: Objects,
    /// Demo mode refuses numbers outside the demo range (X5).
    pub demo_numbers_only: bool,
}

/// What became of a push.
#[derive(Debug)]
pub enum Pushed {
    /// Tasks arose.
    Received(Value),
    /// Kept as 待补正.
    Incomplete(Value),
    /// Seen before: the first answer.
    Duplicate(Value),
}

/// Why a push was refused.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// Not JSON at all.
    #[error("the part `order` is not readable as JSON: {0}")]
    Unreadable(String),
    /// Fields are wrong; all of them are named.
    #[error("{} fields of the message are wrong", .0.len())]
    Wrong(Vec<FieldError>),
    /// The machine account may not push for this source or court.
    #[error("this account may not push for that source or court")]
    Foreign,
    /// The same key came with other content.
    #[error("this order was pushed before with other content")]
    Conflict {
        /// Fields that differ.
        differing: Vec<String>,
    },
    /// An earlier revision was already turned into tasks.
    #[error("revision {last} of this order is already being served; withdraw it before pushing another")]
    RevisionTaken {
        /// The revision that stands.
        last: i64,
    },
    /// The store failed.
    #[error(transparent)]
    Service(#[from] ServiceError),
}

impl From<StoreError> for PushError {
    fn from(error: StoreError) -> Self {
        Self::Service(error.into())
    }
}

impl Push {
    /// Takes a message and its files.
    pub async fn receive(
        &self,
        machine: &Machine,
        ip: &str,
        order: &[u8],
        files: HashMap<String, Bytes>,
    ) -> Result<Pushed, PushError> {
        let value: Value = serde_json::from_slice(order).map_err(|error| PushError::Unreadable(error.to_string()))?;
        if !value.is_object() {
            return Err(PushError::Unreadable("it must be an object".into()));
        }
        let mut problems = Problems::default();
        let message = message::read(&value, &mut problems);
        Self::check_files(&message, &files, &mut problems);
        if self.demo_numbers_only {
            check_demo_numbers(&message, &mut problems);
        }
        if !problems.wrong.is_empty() {
            return Err(PushError::Wrong(problems.wrong));
        }
        if message.key.source != machine.source || message.court != machine.court_code {
            return Err(PushError::Foreign);
        }
        let hash = content_hash(&value, &files);
        let mut tx = self.db.begin().await?;
        intake::stand_in_line(&mut tx, &machine.court_id, &message.key).await?;
        if let Some(first) = intake::existing(&mut tx, &machine.court_id, &message.key).await? {
            return self.repeated(tx, &first, &hash, &value).await;
        }
        self.create(tx, machine, ip, message, &value, &hash, &files, &problems).await
    }

    /// Each file must be the one whose hash the message names.
    fn check_files(message: &Message, files: &HashMap<String, Bytes>, problems: &mut Problems) {
        for document in message.documents.iter().filter(|document| !document.file.is_empty()) {
            let Some(bytes) = files.get(&document.file) else {
                let said = Said::new(
                    "gap.document_file_absent",
                    "the file of document {document} did not come with the message",
                );
                problems.missing(&format!("{}.file", document.path), "文件没有随消息到达", said);
                continue;
            };
            if !document.sha256.is_empty() && hex::encode(Sha256::digest(bytes)) != document.sha256 {
                problems.wrong(
                    &format!("{}.sha256", document.path),
                    "document.hash",
                    "the file that arrived has another SHA-256",
                );
            }
            if !bytes.starts_with(b"%PDF-") {
                problems.wrong(&format!("{}.file", document.path), "document.type", "the file is not a PDF");
            }
        }
    }

    async fn repeated(&self, mut tx: Tx, first: &Existing, hash: &str, value: &Value) -> Result<Pushed, PushError> {
        if first.content_hash == hash {
            let mut answer = first.answer.clone();
            answer["duplicate"] = json!(true);
            answer["existing_id"] = json!(first.id);
            return Ok(Pushed::Duplicate(answer));
        }
        let before = self.objects.get_in(&mut tx, &first.body_object).await?;
        let before: Value = serde_json::from_slice(&before).unwrap_or(Value::Null);
        let mut differing = Vec::new();
        differences("", &before, value, &mut differing);
        if differing.is_empty() {
            differing.push("files".into());
        }
        Err(PushError::Conflict { differing })
    }

    #[expect(clippy::too_many_arguments, reason = "one step of receive, kept apart to be read")]
    async fn create(
        &self,
        mut tx: Tx,
        machine: &Machine,
        ip: &str,
        message: Message,
        value: &Value,
        hash: &str,
        files: &HashMap<String, Bytes>,
        problems: &Problems,
    ) -> Result<Pushed, PushError> {
        if let Some((last, state)) = intake::last_revision(&mut tx, &machine.court_id, &message.key).await?
            && (state != "待补正" || message.key.revision < last)
        {
            return Err(PushError::RevisionTaken { last });
        }
        let court = &machine.court_id;
        let body = value.to_string();
        let body = self.objects.put(&mut tx, court, "push", "application/json", body.as_bytes()).await?;
        let by = By { actor: &machine.id, name: &machine.source };
        let (pushed, order_id, result) = if problems.missing.is_empty() {
            let intake = self.intake(&mut tx, court, message, hash, body.id, files).await?;
            let accepted = intake::accept(&mut tx, &self.clock, &self.sealer, &by, &intake).await?;
            (Pushed::Received(accepted.answer()), accepted.order_id, "received")
        } else {
            let missing = &problems.missing;
            // Nothing that came is lost: the files are kept beside the message.
            for bytes in files.values() {
                self.objects.put(&mut tx, court, "push", "application/pdf", bytes).await?;
            }
            let key = (&message.key, message.case.number.as_str());
            let id = intake::keep_incomplete(&mut tx, &self.clock, court, key, hash, &body.id, missing).await?;
            (
                Pushed::Incomplete(json!({ "status": "incomplete", "order_id": id, "missing": missing })),
                id,
                "incomplete",
            )
        };
        audit::append(
            &mut tx,
            &self.clock,
            audit::Entry {
                court,
                actor: &machine.id,
                actor_role: "machine",
                action: "order.push",
                object_kind: "order",
                object_id: &order_id,
                case_id: None,
                ip,
                result,
                detail: json!({ "source": machine.source, "content": hash }),
            },
        )
        .await?;
        tx.commit().await?;
        Ok(pushed)
    }

    async fn intake(
        &self,
        tx: &mut Tx,
        court: &str,
        message: Message,
        hash: &str,
        body_object: String,
        files: &HashMap<String, Bytes>,
    ) -> Result<Intake, PushError> {
        let mut documents = Vec::with_capacity(message.documents.len());
        for document in message.documents {
            let bytes = files.get(&document.file).map(Bytes::as_ref).unwrap_or_default();
            let object = self.objects.put(tx, court, "document", "application/pdf", bytes).await?;
            documents.push(DocumentFacts {
                reference: document.reference,
                name: document.name,
                class: document.class,
                object_id: object.id,
                sha256: object.sha256,
                sm3: object.sm3,
                pages: document.pages,
                sealed: document.sealed,
                recipients: document.recipients,
                copies: document.copies,
            });
        }
        Ok(Intake {
            court_id: court.to_owned(),
            key: message.key,
            content_hash: hash.to_owned(),
            body_object,
            case: message.case,
            link: message.link,
            order_kind: message.order_kind,
            finish_by: message.finish_by,
            urgency: message.urgency,
            remark: message.remark,
            parties: message.parties,
            documents,
        })
    }
}

/// In demo mode only numbers of the demo range are taken; a real one is refused (X5).
fn check_demo_numbers(message: &Message, problems: &mut Problems) {
    for (party_index, party) in message.parties.iter().enumerate() {
        let path = format!("parties[{party_index}]");
        for (index, phone) in party.phones.iter().enumerate() {
            if !phone.number.is_demo() {
                problems.wrong(
                    &format!("{path}.phones[{index}].no"),
                    "demo.real_number",
                    "demo mode takes numbers of the demo range only",
                );
            }
        }
        for (index, representative) in party.representatives.iter().enumerate() {
            if representative.phone.as_ref().is_some_and(|phone| !phone.is_demo()) {
                problems.wrong(
                    &format!("{path}.agents[{index}].phone"),
                    "demo.real_number",
                    "demo mode takes numbers of the demo range only",
                );
            }
        }
    }
}

/// SHA-256 over the message (keys sorted) and its files by name, without `msg_id`, which
/// differs between repeats.
fn content_hash(value: &Value, files: &HashMap<String, Bytes>) -> String {
    let mut value = value.clone();
    if let Some(object) = value.as_object_mut() {
        object.remove("msg_id");
    }
    let mut hash = Sha256::new();
    hash.update(canonical(&value));
    let files: BTreeMap<_, _> = files.iter().collect();
    for (name, bytes) in files {
        hash.update([0]);
        hash.update(name);
        hash.update([0]);
        hash.update(Sha256::digest(bytes));
    }
    hex::encode(hash.finalize())
}

/// JSON with sorted keys.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let sorted: BTreeMap<_, _> = map.iter().collect();
            let parts: Vec<_> =
                sorted.iter().map(|(key, value)| format!("{}:{}", json!(key), canonical(value))).collect();
            format!("{{{}}}", parts.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

/// Paths at which two messages differ, at most fifty.
fn differences(path: &str, before: &Value, after: &Value, found: &mut Vec<String>) {
    if before == after || found.len() >= 50 || path == "msg_id" {
        return;
    }
    match (before, after) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let place = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                differences(&place, a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null), found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                differences(&format!("{path}[{index}]"), a, b, found);
            }
        }
        _ => found.push(path.to_owned()),
    }
}
