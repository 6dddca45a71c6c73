//! The Merkle tree of a day (RFC 6962 section 2.1), with SHA-256 and SM3 side by side.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sm3::Sm3;

use super::{EvidenceError, Inclusion, check_name};

/// A SHA-256 and an SM3 of the same bytes. In JSON both are hex.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Hex", into = "Hex")]
pub struct Hashes {
    /// SHA-256.
    pub sha256: [u8; 32],
    /// SM3 (GB/T 32905-2016).
    pub sm3: [u8; 32],
}

#[derive(Serialize, Deserialize)]
struct Hex {
    sha256: String,
    sm3: String,
}

impl Hashes {
    /// Reads two hashes of 64 hexadecimal digits; `object` is named when one is not.
    pub fn from_hex(object: &str, sha256: &str, sm3: &str) -> Result<Self, EvidenceError> {
        let read = |what, text: &str| {
            let mut hash = [0; 32];
            let done = hex::decode_to_slice(text, &mut hash);
            done.map(|()| hash).map_err(|_| EvidenceError::BadHash { what, object: object.to_owned() })
        };
        Ok(Self { sha256: read("SHA-256", sha256)?, sm3: read("SM3", sm3)? })
    }

    pub(super) fn of(parts: &[&[u8]]) -> Self {
        let mut hashing = Hashing::default();
        for part in parts {
            hashing.update(part);
        }
        hashing.finish()
    }
}

impl From<Hashes> for Hex {
    fn from(hashes: Hashes) -> Self {
        Self { sha256: hex::encode(hashes.sha256), sm3: hex::encode(hashes.sm3) }
    }
}

impl TryFrom<Hex> for Hashes {
    type Error = EvidenceError;
    fn try_from(text: Hex) -> Result<Self, EvidenceError> {
        Self::from_hex("a root", &text.sha256, &text.sm3)
    }
}

/// Both hashes of a stream.
#[derive(Default)]
pub(crate) struct Hashing {
    sha256: Sha256,
    sm3: Sm3,
}

impl Hashing {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.sm3.update(bytes);
    }

    pub(crate) fn finish(self) -> Hashes {
        Hashes { sha256: self.sha256.finalize().into(), sm3: self.sm3.finalize().into() }
    }
}

/// What a register says of a file besides its hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts<'a> {
    /// Court.
    pub court: &'a str,
    /// Kind of file.
    pub kind: &'a str,
    /// The call of a recording or transcript; empty for what has none.
    pub owner: &'a str,
    /// Bytes of the file.
    pub bytes: u64,
}

/// One file of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    object: String,
    hashes: Hashes,
    /// [`Facts`], a line each; empty when none were given.
    facts: String,
}

impl Leaf {
    /// A leaf of this object and the hashes of its file.
    pub fn new(object: &str, hashes: Hashes) -> Result<Self, EvidenceError> {
        check_name("the object id", object)?;
        Ok(Self { object: object.to_owned(), hashes, facts: String::new() })
    }

    /// The same, bound to what the register says of the file: whoever changes that leads to
    /// another root.
    #[must_use]
    pub fn with(self, facts: &Facts<'_>) -> Self {
        let Facts { court, kind, owner, bytes } = facts;
        Self { facts: format!("court: {court}\nkind: {kind}\nowner: {owner}\nbytes: {bytes}\n"), ..self }
    }

    /// The same with hashes in hex.
    pub fn from_hex(object: &str, sha256: &str, sm3: &str) -> Result<Self, EvidenceError> {
        Self::new(object, Hashes::from_hex(object, sha256, sm3)?)
    }

    /// Object id.
    pub fn object(&self) -> &str {
        &self.object
    }

    /// Leaf hash: zero byte, length of the id (2 bytes, big endian), id, SHA-256 and SM3 of
    /// the file, then the facts, UTF-8, to the end. The length keeps the id and the hashes apart.
    pub(super) fn hash(&self) -> Hashes {
        let length = (self.object.len() as u16).to_be_bytes();
        let Self { object, hashes, facts } = self;
        Hashes::of(&[&[0], &length, object.as_bytes(), &hashes.sha256, &hashes.sm3, facts.as_bytes()])
    }
}

/// Node hash: a one byte, left, right.
pub(super) fn node(left: &Hashes, right: &Hashes) -> Hashes {
    let join = |left: &[u8; 32], right: &[u8; 32]| [&[1][..], left, right].concat();
    Hashes {
        sha256: Sha256::digest(join(&left.sha256, &right.sha256)).into(),
        sm3: Sm3::digest(join(&left.sm3, &right.sm3)).into(),
    }
}

/// The tree of a day.
#[derive(Debug, Clone)]
pub struct Tree {
    /// Ids of the leaves in their order.
    objects: Vec<String>,
    /// Hashes of each level, leaves first. A last one without a partner goes up as it is,
    /// which is the split of RFC 6962 at the largest power of two.
    levels: Vec<Vec<Hashes>>,
}

impl Tree {
    /// Builds the tree of these files, in whatever order they come.
    pub fn new(mut leaves: Vec<Leaf>) -> Result<Self, EvidenceError> {
        leaves.sort_by(|one, other| one.object.cmp(&other.object));
        if let Some(twice) = leaves.windows(2).find(|pair| pair[0].object == pair[1].object) {
            return Err(EvidenceError::Twice(twice[0].object.clone()));
        }
        let mut levels = vec![leaves.iter().map(Leaf::hash).collect::<Vec<_>>()];
        while let Some(below) = levels.last().filter(|level| level.len() > 1) {
            let level = below.chunks(2).map(|pair| pair.get(1).map_or(pair[0], |right| node(&pair[0], right)));
            levels.push(level.collect());
        }
        Ok(Self { objects: leaves.into_iter().map(|leaf| leaf.object).collect(), levels })
    }

    /// Number of leaves.
    pub fn len(&self) -> u64 {
        self.objects.len() as u64
    }

    /// Whether the day had no file.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// The root; of an empty tree, the hashes of nothing.
    pub fn root(&self) -> Hashes {
        self.levels.last().and_then(|level| level.first()).copied().unwrap_or_else(|| Hashes::of(&[]))
    }

    /// The proof that this object is in the tree; none when it is not.
    pub fn proof(&self, object: &str) -> Option<Inclusion> {
        let index = self.objects.binary_search_by(|known| known.as_str().cmp(object)).ok()?;
        let mut at = index;
        let mut path = Vec::new();
        for level in &self.levels {
            path.extend(level.get(at ^ 1).copied());
            at /= 2;
        }
        Some(Inclusion { index: index as u64, leaves: self.len(), path })
    }
}
