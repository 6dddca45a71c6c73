//! One timer per call; only the last one set counts.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    hash::Hash,
    time::Instant,
};

#[derive(Debug)]
pub(super) struct Timers<K: Ord> {
    heap: BinaryHeap<Reverse<(Instant, u64, K)>>,
    last: HashMap<K, u64>,
    counter: u64,
}

impl<K: Ord + Hash + Clone> Timers<K> {
    pub(super) fn new() -> Self {
        Self { heap: BinaryHeap::new(), last: HashMap::new(), counter: 0 }
    }

    pub(super) fn arm(&mut self, key: &K, at: Instant) {
        self.counter += 1;
        self.last.insert(key.clone(), self.counter);
        self.heap.push(Reverse((at, self.counter, key.clone())));
    }

    pub(super) fn disarm(&mut self, key: &K) {
        self.last.remove(key);
    }

    /// A call whose time has come.
    pub(super) fn due(&mut self, now: Instant) -> Option<K> {
        while self.heap.peek().is_some_and(|Reverse((at, ..))| *at <= now) {
            let Reverse((_, counter, key)) = self.heap.pop()?;
            if self.last.get(&key) == Some(&counter) {
                self.last.remove(&key);
                return Some(key);
            }
        }
        None
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, ..))| *at)
    }
}
