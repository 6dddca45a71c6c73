//! A notary (司法链): it takes the root of a court's day and answers with a signed proof.
//!
//! It is strict: who asks must show the key, name the hand-in, and send court, day and hashes and
//! nothing else. The same root again is the same proof; another root of the same day is refused.
//! Tests can make it be away, slow, or wrong in each way that a receipt can be.

mod key;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use time::Date;
use time::format_description::well_known::Iso8601;

use crate::journal::{Journal, ProofRecord, now_ms};
use key::Key;

const MAX_BODY: usize = 4 * 1024;
/// How long it takes when it is slow: longer than anybody waits.
const SLOW: Duration = Duration::from_mins(2);

/// How the notary behaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Notarising {
    /// As it should.
    #[default]
    Right,
    /// It answers 503 and makes no proof.
    Away,
    /// The proof is made, and the answer does not come.
    Slow,
    /// With a key that nobody knows.
    OtherKey,
    /// The signature is of another text.
    WrongSignature,
    /// The receipt is of another root.
    OtherRoot,
    /// The receipt says that it is from the year before.
    Early,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Hash([u8; 32]);

impl TryFrom<String> for Hash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut hash = [0; 32];
        hex::decode_to_slice(&text, &mut hash).map_err(|_| "no 64 hexadecimal digits")?;
        if hex::encode(hash) == text { Ok(Self(hash)) } else { Err("not in small letters") }
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hex::encode(hash.0)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hashes {
    sha256: Hash,
    sm3: Hash,
}

impl Hashes {
    fn text(&self) -> String {
        format!("{} {}", String::from(self.sha256), String::from(self.sm3))
    }
}

/// What is handed in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HandIn {
    court: String,
    day: String,
    root: Hashes,
    previous: Option<Hashes>,
}

/// A proof that was made.
struct Proof {
    name: String,
    of: HandIn,
    block: u64,
    at_ms: u64,
}

/// The notary.
#[derive(Clone)]
pub(crate) struct Notary {
    journal: Journal,
    bearer: Arc<str>,
    key: Key,
    other: Key,
    manner: Arc<Mutex<Notarising>>,
    proofs: Arc<Mutex<Vec<Proof>>>,
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Notary {
    pub(crate) fn new(journal: Journal, bearer: &str) -> Result<Self, rustls::Error> {
        Ok(Self {
            journal,
            bearer: bearer.into(),
            key: Key::of("songda-sim notary")?,
            other: Key::of("songda-sim nobody")?,
            manner: Arc::default(),
            proofs: Arc::default(),
        })
    }

    pub(crate) fn behave(&self, manner: Notarising) {
        *locked(&self.manner) = manner;
    }

    pub(crate) fn public_key(&self) -> String {
        self.key.pem()
    }

    /// The HTTP routes.
    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/notary/roots", post(receive))
            .route("/notary/public-key", get(|State(notary): State<Self>| async move { notary.public_key() }))
            .route("/_sim/notary", post(set_manner))
            .layer(DefaultBodyLimit::max(MAX_BODY))
            .with_state(self)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Behave {
    manner: Notarising,
}

async fn set_manner(State(notary): State<Notary>, Json(body): Json<Behave>) -> Json<Value> {
    notary.behave(body.manner);
    Json(json!({"ok": true}))
}

fn refuse(status: StatusCode, code: &'static str) -> Response {
    (status, Json(json!({"status": status.as_u16(), "code": code}))).into_response()
}

async fn receive(State(notary): State<Notary>, headers: HeaderMap, body: Bytes) -> Response {
    let manner = *locked(&notary.manner);
    if manner == Notarising::Away {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "away");
    }
    match notary.take(&headers, &body) {
        Ok((of, block, at_ms)) => {
            if manner == Notarising::Slow {
                tokio::time::sleep(SLOW).await;
            }
            notary.receipt(of, block, at_ms, manner).map_or_else(
                || refuse(StatusCode::INTERNAL_SERVER_ERROR, "unsigned"),
                |receipt| Json(receipt).into_response(),
            )
        }
        Err((status, code)) => {
            notary.journal.complain("notary", format!("a hand-in was refused: {code}"));
            refuse(status, code)
        }
    }
}

type Refused = (StatusCode, &'static str);

impl Notary {
    /// Takes a hand-in; its block and time, those of before when it came before.
    fn take(&self, headers: &HeaderMap, body: &[u8]) -> Result<(HandIn, u64, u64), Refused> {
        let text =
            |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let token = text(header::AUTHORIZATION).strip_prefix("Bearer ").unwrap_or_default();
        if Sha256::digest(token) != Sha256::digest(self.bearer.as_bytes()) {
            return Err((StatusCode::UNAUTHORIZED, "unauthorised"));
        }
        if text(header::CONTENT_TYPE) != "application/json" {
            return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type"));
        }
        let name = headers.get("Idempotency-Key").and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !(16..=200).contains(&name.len()) {
            return Err((StatusCode::BAD_REQUEST, "idempotency-key-missing"));
        }
        let wrong = |_| (StatusCode::UNPROCESSABLE_ENTITY, "hand-in-invalid");
        let of: HandIn = serde_json::from_slice(body).map_err(wrong)?;
        let plain = (1..=200).contains(&of.court.len()) && of.court.chars().all(|sign| sign.is_ascii_alphanumeric());
        if !plain || Date::parse(&of.day, &Iso8601::DATE).is_err() {
            return Err((StatusCode::UNPROCESSABLE_ENTITY, "hand-in-invalid"));
        }
        let mut proofs = locked(&self.proofs);
        if proofs.iter().any(|proof| (proof.name == name) != (proof.of == of)) {
            return Err((StatusCode::CONFLICT, "name-of-another"));
        }
        if let Some(proof) = proofs.iter().find(|proof| proof.of.court == of.court && proof.of.day == of.day) {
            if proof.of != of {
                return Err((StatusCode::CONFLICT, "another-root-of-this-day"));
            }
            self.note(&of, proof.block);
            return Ok((of, proof.block, proof.at_ms));
        }
        let (block, at_ms) = (81_000 + proofs.len() as u64, now_ms());
        self.note(&of, block);
        proofs.push(Proof { name: name.to_owned(), of: of.clone(), block, at_ms });
        Ok((of, block, at_ms))
    }

    fn note(&self, of: &HandIn, block: u64) {
        let mut content = self.journal.lock();
        if let Some(proof) = content.proofs.iter_mut().find(|proof| proof.block == block) {
            proof.deliveries += 1;
            return;
        }
        let (court, day) = (of.court.clone(), of.day.clone());
        content.proofs.push(ProofRecord { court, day, block, deliveries: 1 });
    }

    /// The signed receipt, or one that is wrong in the manner that is set.
    fn receipt(&self, of: HandIn, block: u64, at_ms: u64, manner: Notarising) -> Option<Value> {
        let mut of = of;
        let mut at_ms = at_ms;
        match manner {
            Notarising::OtherRoot => of.root.sha256.0[0] ^= 1,
            Notarising::Early => at_ms -= 365 * 86_400_000,
            _ => {}
        }
        let key = if manner == Notarising::OtherKey { &self.other } else { &self.key };
        let (number, key_id) = (format!("CZ-{block:012}"), key.id());
        let transaction = hex::encode(Sha256::digest(format!("{} {} {block}", of.court, of.day)));
        let previous = of.previous.map_or_else(|| "none".to_owned(), |hashes| hashes.text());
        let text = format!(
            "notary receipt v1\nnumber: {number}\nblock: {block}\ntransaction: {transaction}\ntime: {at_ms}\n\
             court: {}\nday: {}\nroot: {}\nprevious: {previous}\nsuite: ed25519\nkey: {key_id}\n",
            of.court,
            of.day,
            of.root.text()
        );
        let wrong = if manner == Notarising::WrongSignature { "wrong" } else { "" };
        let signature = key.sign(&format!("{text}{wrong}"))?;
        let mut receipt = serde_json::to_value(of).ok()?;
        let rest = json!({
            "number": number, "block": block, "transaction": transaction, "at_ms": at_ms, "suite": "ed25519",
            "key_id": key_id, "signature": signature,
        });
        receipt.as_object_mut()?.extend(rest.as_object()?.clone());
        Some(receipt)
    }
}
