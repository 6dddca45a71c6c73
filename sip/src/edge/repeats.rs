//! Which calls were let in a moment ago, so that the same INVITE sent again is let in, too.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hasher as _},
    time::{Duration, Instant},
};

/// A client repeats its INVITE for 64 × T1 (RFC 3261, 17.1.1.2).
const KEPT: Duration = Duration::from_secs(32);
/// Calls of one generation; more come only where a repeat is the least problem.
const MOST: usize = 65_536;

/// Two generations of 32 s each: what is kept is at least one old.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    young: HashSet<u64>,
    old: HashSet<u64>,
    since: Option<Instant>,
}

impl Repeats {
    pub(super) fn contains(&self, key: u64) -> bool {
        self.young.contains(&key) || self.old.contains(&key)
    }

    pub(super) fn insert(&mut self, now: Instant, key: u64) {
        let since = *self.since.get_or_insert(now);
        let age = now.saturating_duration_since(since);
        if age >= KEPT || self.young.len() >= MOST {
            self.old = std::mem::take(&mut self.young);
            if age >= KEPT * 2 {
                self.old.clear();
            }
            self.since = Some(now);
        }
        self.young.insert(key);
    }
}

/// One number for a transaction.
pub(super) fn key(seed: u64, via: &str, call_id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u64(seed);
    hasher.write(via.as_bytes());
    hasher.write_u8(0);
    hasher.write(call_id.as_bytes());
    hasher.finish()
}
