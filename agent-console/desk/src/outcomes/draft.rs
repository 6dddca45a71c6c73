//! What an agent filled in and has not saved yet. It is kept sealed, during the call too, so
//! that a reload, another window or another machine goes on where this one was.
//!
//! A number that was typed does not come back: it is shown by its mask, and whoever sends
//! the mask back keeps what is kept (R4.3b).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use songda_people::Actor;
use songda_service::{
    ServiceError,
    outcomes::{self, Catalogue, Choice, Field},
};
use songda_store::{Db, Sealer, Tx, audit, masked};
use sqlx::Row;

use crate::{DeskError, Ground, calls};

/// What is filled in so far.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// Contact code or empty.
    pub contact: String,
    /// Business code or empty.
    pub business: String,
    /// The tag 已清楚、完整听取.
    pub heard_all: bool,
    /// The note.
    pub note: String,
    /// What the business code asks for, by the id of the field.
    pub fields: BTreeMap<String, String>,
}

impl std::fmt::Debug for Draft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Draft({} {})", self.contact, self.business)
    }
}

impl Draft {
    /// The choice in it.
    pub fn choice(&self) -> Choice {
        Choice {
            contact: self.contact.clone(),
            business: self.business.clone(),
            heard_all: self.heard_all,
            fields: self.fields.clone(),
        }
    }
}

/// A field as a browser sends it and gets it back.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Typed {
    /// What was typed.
    Text(String),
    /// What is kept, by its mask.
    Kept {
        /// Always true.
        kept: bool,
        /// What may be shown of it.
        #[serde(default)]
        masked: String,
    },
}

impl std::fmt::Debug for Typed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "Typed",
            Self::Kept { .. } => "Kept",
        })
    }
}

/// A draft as a browser sends it and gets it back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Form {
    /// Contact code or empty.
    pub contact: String,
    /// Business code or empty.
    pub business: String,
    /// The tag 已清楚、完整听取.
    pub heard_all: bool,
    /// The note; runs of digits are masked on the way back.
    pub note: String,
    /// Fields by their id.
    pub fields: BTreeMap<String, Typed>,
}

/// Longest field, characters: what is too long is refused when it is saved for good.
const FIELD_LIMIT: usize = 300;
/// More fields than any outcome has.
const MOST_FIELDS: usize = 40;

/// What a form says, with what it leaves as it is kept.
pub fn resolve(form: Form, kept: Option<&Draft>) -> Result<Draft, outcomes::Refusal> {
    let nothing = Draft::default();
    let kept = kept.unwrap_or(&nothing);
    let too_much = |field: &str, text: &str| outcomes::Refusal {
        code: "outcome.field",
        field: field.to_owned(),
        text: text.to_owned(),
        missing: Vec::new(),
    };
    if form.fields.len() > MOST_FIELDS {
        return Err(too_much("fields", "more fields than any outcome has"));
    }
    let mut fields = BTreeMap::new();
    for (id, typed) in form.fields {
        let text = match typed {
            Typed::Text(text) => text,
            Typed::Kept { .. } => kept.fields.get(&id).cloned().unwrap_or_default(),
        };
        if text.chars().count() > FIELD_LIMIT {
            return Err(too_much(&id, "may hold 300 characters"));
        }
        if !text.is_empty() {
            fields.insert(id, text);
        }
    }
    let same = !kept.note.is_empty() && form.note == masked::mask_digits(&kept.note);
    let note = if same { kept.note.clone() } else { form.note };
    Ok(Draft { contact: form.contact, business: form.business, heard_all: form.heard_all, note, fields })
}

/// A draft as its agent may see it.
pub fn shown(draft: &Draft, catalogue: &Catalogue) -> Form {
    let fields = draft.fields.iter().filter_map(|(id, text)| {
        let field = field_of(catalogue, &draft.business, id)?;
        let mask = field.mask(text);
        let hidden = field.write_only || mask != *text;
        Some((id.clone(), if hidden { Typed::Kept { kept: true, masked: mask } } else { Typed::Text(text.clone()) }))
    });
    Form {
        contact: draft.contact.clone(),
        business: draft.business.clone(),
        heard_all: draft.heard_all,
        note: masked::mask_digits(&draft.note),
        fields: fields.collect(),
    }
}

/// The field of the chosen outcome, or the most secret one of that name in another.
fn field_of<'a>(catalogue: &'a Catalogue, business: &str, id: &str) -> Option<&'a Field> {
    let of = |business: &'a outcomes::Business| business.fields.iter().find(|field| field.id == id);
    let chosen = catalogue.business(business).and_then(of);
    chosen.or_else(|| catalogue.businesses.iter().filter_map(of).max_by_key(|field| field.write_only))
}

/// The draft of a call.
pub async fn find(db: &Db, sealer: &Sealer, call: &str) -> Result<Option<Draft>, DeskError> {
    let row = sqlx::query("SELECT body_sealed FROM call_drafts WHERE call_id = $1")
        .bind(call)
        .fetch_optional(db.read())
        .await?;
    let Some(row) = row else { return Ok(None) };
    let open = sealer.open_sealed("call_drafts", "body_sealed", call, &row.get::<Vec<u8>, _>(0))?;
    Ok(serde_json::from_slice(&open).ok())
}

/// Puts a draft in the place of the one before, in the caller's transaction.
pub async fn put(tx: &mut Tx, ground: &Ground, court: &str, call: &str, draft: &Draft) -> Result<(), DeskError> {
    let body =
        serde_json::to_vec(draft).map_err(|error| songda_store::StoreError::internal("writing a draft", error))?;
    let sealed = ground.sealer.seal(court, "note", "call_drafts", "body_sealed", call, &body)?;
    sqlx::query(
        // Not behind an outcome that was saved meanwhile: nothing would ever take it away.
        "INSERT INTO call_drafts (call_id, body_sealed, saved_ms)
         SELECT c.id, $2, $3 FROM calls c WHERE c.id = $1 AND c.outcome_state <> 'saved'
         ON CONFLICT (call_id) DO UPDATE SET body_sealed = excluded.body_sealed, saved_ms = excluded.saved_ms",
    )
    .bind(call)
    .bind(sealed)
    .bind(ground.clock.now_ms())
    .execute(&mut *tx.conn())
    .await?;
    Ok(())
}

/// The draft is saved for good: it stands in the attempt now.
pub(super) async fn drop(tx: &mut Tx, call: &str) -> Result<(), DeskError> {
    sqlx::query("DELETE FROM call_drafts WHERE call_id = $1").bind(call).execute(&mut *tx.conn()).await?;
    Ok(())
}

/// Keeps the draft of a call of this agent, live or waiting for its outcome. The first one
/// of a call is in the log; the others, which come every few seconds, are not.
pub async fn keep(ground: &Ground, actor: &Actor, call: &str, form: Form) -> Result<(), DeskError> {
    let row = calls::own(&ground.db, actor, call).await?;
    if row.outcome_state == "saved" {
        return Err(DeskError::OutcomeSaved);
    }
    if row.state == "ended" && !row.is_attempt {
        return Err(ServiceError::NotFound { kind: "outcome to fill in" }.into());
    }
    let before = find(&ground.db, &ground.sealer, call).await?;
    let draft = resolve(form, before.as_ref())?;
    let mut tx = ground.db.begin().await?;
    put(&mut tx, ground, &row.court_id, call, &draft).await?;
    if before.is_none() {
        let entry = actor.did("outcome.draft", ("call", call), serde_json::json!({}));
        audit::append(&mut tx, &ground.clock, entry).await?;
    }
    Ok(tx.commit().await?)
}

/// The draft of a call of this agent, as he may see it.
pub async fn of_agent(ground: &Ground, actor: &Actor, call: &str) -> Result<Option<Form>, DeskError> {
    calls::own(&ground.db, actor, call).await?;
    let catalogue = outcomes::catalogue().map_err(DeskError::Rules)?;
    let draft = find(&ground.db, &ground.sealer, call).await?;
    Ok(draft.map(|draft| shown(&draft, catalogue)))
}
