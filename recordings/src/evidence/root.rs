//! The signed root of a day, and the chain of them.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{EvidenceError, Hashes, Tree, check_name};
use crate::{
    keys::{KeyProvider, PublicKey, SIGNING_SUITE},
    said::Said,
};

/// What a day root is made of.
#[derive(Debug, Clone)]
pub struct Draft<'a> {
    /// Court.
    pub court: &'a str,
    /// Day of the court, as 2026-11-27.
    pub day: &'a str,
    /// The root before; none for the first of a court.
    pub previous: Option<&'a DayRoot>,
    /// The files of the day.
    pub tree: &'a Tree,
    /// Unix milliseconds of the signature.
    pub signed_ms: i64,
}

/// The signed root of a day of a court.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayRoot {
    /// Court.
    pub court: String,
    /// Day of the court.
    pub day: String,
    /// [`DayRoot::hashes`] of the root before; none for the first of a court.
    pub previous: Option<Hashes>,
    /// Number of files.
    pub leaves: u64,
    /// Root of the tree over them.
    pub root: Hashes,
    /// Unix milliseconds of the signature.
    pub signed_ms: i64,
    /// How it is signed: `ed25519`.
    pub suite: String,
    /// Which key signed: [`PublicKey::id`].
    pub key_id: String,
    /// The signature over [`DayRoot::signed_bytes`], hex.
    pub signature: String,
}

/// What is wrong with a root.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RootFault {
    /// The key that signed is not among those given.
    UnknownKey(String),
    /// A suite that is not known.
    UnknownSuite(String),
    /// The key had been retired when it was signed, or before the day began.
    RetiredKey(String),
    /// The signature is not of these bytes.
    BadSignature,
    /// The root before is another, or is missing.
    BrokenChain {
        /// Day of the root before it in the list, `none` for none.
        before: String,
    },
    /// The same day twice, or days out of their order.
    OutOfOrder {
        /// Day of the root before it in the list.
        before: String,
    },
}

impl RootFault {
    /// In words.
    pub fn said(&self) -> Said {
        match self {
            Self::UnknownKey(key) => {
                Said::new("root.unknown_key", "it was signed with key {key}, which is not among the public keys given")
                    .with("key", key.as_str())
            }
            Self::UnknownSuite(suite) => {
                Said::new("root.unknown_suite", "it was signed with the suite {suite}, which is not known")
                    .with("suite", suite.as_str())
            }
            Self::RetiredKey(key) => {
                Said::new("root.retired_key", "it was signed with key {key}, which had been retired before")
                    .with("key", key.as_str())
            }
            Self::BadSignature => Said::new("root.bad_signature", "its signature does not fit: it was altered"),
            Self::BrokenChain { before } => Said::new(
                "root.broken_chain",
                "it does not follow the root given before it, of {before}: one was taken out or replaced",
            )
            .with("before", before.as_str()),
            Self::OutOfOrder { before } => {
                Said::new("root.out_of_order", "it is not later than the root before it, of {before}")
                    .with("before", before.as_str())
            }
        }
    }
}

impl std::fmt::Display for RootFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.said().fmt(f)
    }
}

impl std::error::Error for RootFault {}

impl DayRoot {
    /// Signs the root of a day.
    pub fn sign(draft: &Draft<'_>, keys: &dyn KeyProvider) -> Result<Self, EvidenceError> {
        check_name("the court", draft.court)?;
        check_day(draft.day)?;
        if let Some(before) = draft.previous.filter(|before| before.court != draft.court || *before.day >= *draft.day) {
            return Err(EvidenceError::Order { day: draft.day.to_owned(), before: before.day.clone() });
        }
        // The key's id is part of what is signed.
        let key = keys.public_keys()?.into_iter().next().ok_or(crate::keys::KeyError::NoPublicKey)?;
        let mut root = Self {
            court: draft.court.to_owned(),
            day: draft.day.to_owned(),
            previous: draft.previous.map(Self::hashes),
            leaves: draft.tree.len(),
            root: draft.tree.root(),
            signed_ms: draft.signed_ms,
            suite: SIGNING_SUITE.to_owned(),
            key_id: key.id(),
            signature: String::new(),
        };
        let mut signature = keys.sign(&root.signed_bytes())?;
        if signature.key_id != root.key_id {
            // The keys were rotated between the two questions.
            root.key_id = signature.key_id;
            signature = keys.sign(&root.signed_bytes())?;
        }
        root.signature = hex::encode(signature.bytes);
        Ok(root)
    }

    /// The bytes that are signed: UTF-8 text, a line for each fact, each ended by a line
    /// feed. Anybody can write it again by hand.
    pub fn signed_bytes(&self) -> Vec<u8> {
        let previous = self
            .previous
            .map_or("none".into(), |root| format!("{} {}", hex::encode(root.sha256), hex::encode(root.sm3)));
        format!(
            "songda day root v1\ncourt: {}\nday: {}\nprevious: {previous}\nleaves: {}\nsha256: {}\nsm3: {}\n\
             signed: {}\nsuite: {}\nkey: {}\n",
            self.court,
            self.day,
            self.leaves,
            hex::encode(self.root.sha256),
            hex::encode(self.root.sm3),
            self.signed_ms,
            self.suite,
            self.key_id
        )
        .into_bytes()
    }

    /// Hashes of the signed bytes: what the next root names.
    pub fn hashes(&self) -> Hashes {
        Hashes::of(&[&self.signed_bytes()])
    }

    /// Checks the signature with public keys alone; a key that was retired before the signature, or
    /// before the day began, is not believed.
    pub fn verify(&self, keys: &[PublicKey]) -> Result<(), RootFault> {
        if self.suite != SIGNING_SUITE {
            return Err(RootFault::UnknownSuite(self.suite.clone()));
        }
        let key = keys.iter().find(|key| key.id() == self.key_id);
        let key = key.ok_or_else(|| RootFault::UnknownKey(self.key_id.clone()))?;
        if !key.signs_at(self.signed_ms) || begins_ms(&self.day).is_some_and(|at_ms| !key.signs_at(at_ms)) {
            return Err(RootFault::RetiredKey(self.key_id.clone()));
        }
        // There is one text for it: no letter of it can be another, a capital neither.
        let signature = hex::decode(&self.signature).ok().filter(|bytes| hex::encode(bytes) == self.signature);
        let signature = signature.ok_or(RootFault::BadSignature)?;
        let plain = check_name("the court", &self.court).is_ok() && check_day(&self.day).is_ok();
        if plain && key.verifies(&self.signed_bytes(), &signature) { Ok(()) } else { Err(RootFault::BadSignature) }
    }
}

/// What was found out about a court's roots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Court and day of each root with what is wrong with it, in the order given.
    pub roots: Vec<(String, String, Option<RootFault>)>,
}

impl Chain {
    /// Whether each root is signed and follows the one before.
    pub fn is_whole(&self) -> bool {
        self.roots.iter().all(|(_, _, fault)| fault.is_none())
    }
}

/// Checks signatures and chain of roots, which may be of several courts, each court's in the
/// order of its days. With `from_first`, the first of each court must be its very first; else
/// the list may begin anywhere.
pub fn check_chain(roots: &[DayRoot], keys: &[PublicKey], from_first: bool) -> Chain {
    let mut seen = HashSet::new();
    let mut found = Vec::with_capacity(roots.len());
    for (place, root) in roots.iter().enumerate() {
        let before = if seen.insert(&root.court) {
            None
        } else {
            roots[..place].iter().rev().find(|before| before.court == root.court)
        };
        let link = match before {
            Some(before) if before.day >= root.day => Err(RootFault::OutOfOrder { before: before.day.clone() }),
            Some(before) if root.previous != Some(before.hashes()) => {
                Err(RootFault::BrokenChain { before: before.day.clone() })
            }
            None if from_first && root.previous.is_some() => Err(RootFault::BrokenChain { before: "none".into() }),
            _ => Ok(()),
        };
        let fault = root.verify(keys).and(link).err();
        found.push((root.court.clone(), root.day.clone(), fault));
    }
    Chain { roots: found }
}

/// Ten characters of a day that there can be; days compare as their text does.
pub(super) fn check_day(day: &str) -> Result<(), EvidenceError> {
    let bytes = day.as_bytes();
    let number = |from: usize, to: usize| day.get(from..to).and_then(|part| part.parse::<u32>().ok());
    let fits = bytes.len() == 10
        && bytes
            .iter()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { *byte == b'-' } else { byte.is_ascii_digit() })
        && number(5, 7).is_some_and(|month| (1..=12).contains(&month))
        && number(8, 10).is_some_and(|day| (1..=31).contains(&day));
    if fits { Ok(()) } else { Err(EvidenceError::BadDay(day.to_owned())) }
}

/// A moment before which a day has begun nowhere, unix milliseconds: midnight at UTC+14. None for
/// what is no day.
fn begins_ms(day: &str) -> Option<i64> {
    check_day(day).ok()?;
    let number = |from: usize, to: usize| day.get(from..to).and_then(|part| part.parse::<i64>().ok());
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    // Days since 1970-01-01 of a date of the Gregorian calendar, the year beginning in March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1 - 719_468;
    Some((days * 24 - 14) * 3_600_000)
}
