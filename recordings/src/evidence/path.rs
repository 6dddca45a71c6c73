//! The way from a leaf to its root.

use serde::{Deserialize, Serialize};

use super::{Hashes, Leaf, tree::node};

/// An inclusion proof (RFC 6962 section 2.1.1): what one needs besides the file to come to
/// the root of its day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inclusion {
    /// Place of the leaf, from 0.
    pub index: u64,
    /// Leaves of the tree.
    pub leaves: u64,
    /// The partners, from the leaf up.
    pub path: Vec<Hashes>,
}

impl Inclusion {
    /// The root to which this path leads from the leaf (RFC 9162 section 2.1.3.2); none when
    /// the path does not fit a tree of so many leaves.
    pub fn root(&self, leaf: &Leaf) -> Option<Hashes> {
        if self.index >= self.leaves {
            return None;
        }
        let (mut at, mut last) = (self.index, self.leaves - 1);
        let mut hash = leaf.hash();
        let mut path = self.path.iter();
        while last > 0 {
            if at % 2 == 1 {
                hash = node(path.next()?, &hash);
            } else if at < last {
                hash = node(&hash, path.next()?);
            }
            at /= 2;
            last /= 2;
        }
        path.next().is_none().then_some(hash)
    }
}
