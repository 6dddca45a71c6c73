//! What a notary (司法链) says of a day root: that it was handed in, when, and where it stands.
//!
//! Whoever trusts neither the house nor its clock trusts the notary's key: a receipt is checked
//! with that alone, at any desk ([`NotaryReceipt::verify`]). What is handed in names a court, a
//! day and hashes, and no file, case or person ([`HandIn`]).

use serde::{Deserialize, Serialize};

use super::{DayRoot, Hashes, check_name};
use crate::{
    keys::{PublicKey, SIGNING_SUITE},
    said::Said,
};

/// What is handed in of a day root: what proves, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandIn {
    /// Court, by its id.
    pub court: String,
    /// Day of the court, as 2026-11-27.
    pub day: String,
    /// Root of the tree over the files of the day.
    pub root: Hashes,
    /// [`DayRoot::hashes`] of the root of the day before; none for the first of a court.
    pub previous: Option<Hashes>,
}

impl HandIn {
    /// Of a day root.
    pub fn of(root: &DayRoot) -> Self {
        Self { court: root.court.clone(), day: root.day.clone(), root: root.root, previous: root.previous }
    }

    /// The name under which it is handed in, however often: SHA-256 of its text, hex.
    pub fn key(&self) -> String {
        hex::encode(Hashes::of(&[self.text().as_bytes()]).sha256)
    }

    fn text(&self) -> String {
        let previous = self.previous.map_or_else(|| "none".to_owned(), |hashes| pair(&hashes));
        let Self { court, day, root, .. } = self;
        format!("court: {court}\nday: {day}\nroot: {}\nprevious: {previous}\n", pair(root))
    }
}

/// A stranger's word, where it is one: it goes into alarms and logs.
fn shown(word: &str) -> String {
    let plain = word.len() <= 32 && word.bytes().all(|sign| sign.is_ascii_alphanumeric() || sign == b'-');
    let is_word = plain && word.bytes().any(|sign| sign.is_ascii_alphabetic());
    if is_word { word.to_owned() } else { "of no known form".to_owned() }
}

fn pair(hashes: &Hashes) -> String {
    format!("{} {}", hex::encode(hashes.sha256), hex::encode(hashes.sm3))
}

/// A notary's signed answer (存证回执).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotaryReceipt {
    /// What was handed in.
    #[serde(flatten)]
    pub handed: HandIn,
    /// Number of the proof (存证编号).
    pub number: String,
    /// Height of the block in which it stands.
    pub block: u64,
    /// Transaction that wrote it.
    pub transaction: String,
    /// When it was written, Unix milliseconds, by the notary's clock.
    pub at_ms: i64,
    /// How it is signed: `ed25519`.
    pub suite: String,
    /// Which key of the notary signed: [`PublicKey::id`].
    pub key_id: String,
    /// The signature over [`NotaryReceipt::signed_bytes`], hex.
    pub signature: String,
}

/// Why a receipt proves nothing of a root.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReceiptFault {
    /// The text is none.
    Unreadable,
    /// A suite that is not known.
    UnknownSuite(String),
    /// The key that signed is not among those of the notary.
    UnknownKey(String),
    /// The key had been retired when it was signed.
    RetiredKey(String),
    /// The signature is not of these bytes.
    BadSignature,
    /// It is of something else than was handed in.
    Other(Part),
    /// It was written before there was a root to hand in.
    TooEarly {
        /// The notary's time.
        at_ms: i64,
        /// The root's.
        signed_ms: i64,
    },
}

/// A part of what is handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The court.
    Court,
    /// The day.
    Day,
    /// The root of the day.
    Root,
    /// The root of the day before.
    Previous,
}

impl Part {
    fn said(self) -> Said {
        match self {
            Self::Court => Said::new("part.court", "court"),
            Self::Day => Said::new("part.day", "day"),
            Self::Root => Said::new("part.root", "root"),
            Self::Previous => Said::new("part.previous", "day before"),
        }
    }
}

impl ReceiptFault {
    /// In words.
    pub fn said(&self) -> Said {
        match self {
            Self::Unreadable => Said::new("receipt.unreadable", "the receipt cannot be read as one"),
            Self::UnknownSuite(suite) => {
                Said::new("receipt.unknown_suite", "the receipt is signed with the suite {suite}, which is not known")
                    .with("suite", suite.as_str())
            }
            Self::UnknownKey(key) => {
                Said::new("receipt.unknown_key", "the receipt is signed with key {key}, which is not the notary's")
                    .with("key", key.as_str())
            }
            Self::RetiredKey(key) => {
                Said::new("receipt.retired_key", "the receipt is signed with key {key}, which had been retired before")
                    .with("key", key.as_str())
            }
            Self::BadSignature => Said::new(
                "receipt.bad_signature",
                "the signature of the receipt does not fit: it was altered, or the notary signed wrongly",
            ),
            Self::Other(part) => Said::new("receipt.other", "the receipt is of another {part} than was handed in")
                .with("part", part.said()),
            Self::TooEarly { at_ms, signed_ms } => Said::new(
                "receipt.too_early",
                "the receipt is of {receipt_at_ms}, which is before the root was signed, at {signed_at_ms}",
            )
            .with("receipt_at_ms", *at_ms)
            .with("signed_at_ms", *signed_ms),
        }
    }
}

impl std::fmt::Display for ReceiptFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.said().fmt(f)
    }
}

impl std::error::Error for ReceiptFault {}

impl NotaryReceipt {
    /// The bytes that the notary signs: UTF-8 text, a line for each fact, each ended by a line
    /// feed.
    pub fn signed_bytes(&self) -> Vec<u8> {
        format!(
            "notary receipt v1\nnumber: {}\nblock: {}\ntransaction: {}\ntime: {}\n{}suite: {}\nkey: {}\n",
            self.number,
            self.block,
            self.transaction,
            self.at_ms,
            self.handed.text(),
            self.suite,
            self.key_id
        )
        .into_bytes()
    }

    /// The receipt as it is kept: one text for one receipt, so that no byte of it can be another.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads what [`Self::to_text`] wrote, and nothing that differs from it by a byte.
    pub fn from_text(text: &str) -> Result<Self, ReceiptFault> {
        let read: Self = serde_json::from_str(text).map_err(|_| ReceiptFault::Unreadable)?;
        if read.to_text() == text { Ok(read) } else { Err(ReceiptFault::Unreadable) }
    }

    /// Checks it against the root and the notary's public keys alone: signed by one of them, over
    /// exactly what was handed in of this root, and not before there was one.
    pub fn verify(&self, root: &DayRoot, keys: &[PublicKey]) -> Result<(), ReceiptFault> {
        if self.suite != SIGNING_SUITE {
            return Err(ReceiptFault::UnknownSuite(shown(&self.suite)));
        }
        let key = keys.iter().find(|key| key.id() == self.key_id);
        let key = key.ok_or_else(|| ReceiptFault::UnknownKey(shown(&self.key_id)))?;
        if !key.signs_at(self.at_ms) {
            return Err(ReceiptFault::RetiredKey(self.key_id.clone()));
        }
        let names = [
            ("the number", &self.number),
            ("the transaction", &self.transaction),
            ("the court", &self.handed.court),
            ("the day", &self.handed.day),
        ];
        let plain = names.into_iter().all(|(what, text)| check_name(what, text).is_ok());
        // Hex is written in one way, so that no other byte passes for the same signature.
        let signature = hex::decode(&self.signature).ok().filter(|bytes| hex::encode(bytes) == self.signature);
        if !plain || !signature.is_some_and(|bytes| key.verifies(&self.signed_bytes(), &bytes)) {
            return Err(ReceiptFault::BadSignature);
        }
        let (handed, asked) = (&self.handed, HandIn::of(root));
        if handed.court != asked.court {
            return Err(ReceiptFault::Other(Part::Court));
        }
        if handed.day != asked.day {
            return Err(ReceiptFault::Other(Part::Day));
        }
        if handed.root != asked.root {
            return Err(ReceiptFault::Other(Part::Root));
        }
        if handed.previous != asked.previous {
            return Err(ReceiptFault::Other(Part::Previous));
        }
        if self.at_ms < root.signed_ms {
            return Err(ReceiptFault::TooEarly { at_ms: self.at_ms, signed_ms: root.signed_ms });
        }
        Ok(())
    }
}
