//! What was read from the network and not handled yet, in order, with the time it was read.
//!
//! The socket's own queue is short and tells no times: it is emptied into this one before each
//! message, so that how long messages wait is measured and not guessed.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::Load;
use crate::flow::Flow;

#[derive(Debug)]
struct Waiting<M> {
    read: Instant,
    flow: Flow,
    message: M,
}

/// Messages that wait, bounded in number and in size.
#[derive(Debug)]
pub struct Inbox<M> {
    waiting: VecDeque<Waiting<M>>,
    most: usize,
    most_bytes: usize,
    bytes: usize,
    lost: u64,
}

impl<M: AsRef<[u8]>> Inbox<M> {
    /// Room for so many messages, and until so many bytes wait: the last may go beyond.
    pub fn new(most: usize, most_bytes: usize) -> Self {
        Self { waiting: VecDeque::new(), most, most_bytes, bytes: 0, lost: 0 }
    }

    /// Something was read. When there is no room it is lost, as it would be in the network;
    /// whoever reads a stream asks [`Inbox::is_full`] first and lets it wait.
    pub fn push(&mut self, now: Instant, flow: Flow, message: M) {
        if self.is_full() {
            self.lost += 1;
        } else {
            self.bytes += message.as_ref().len();
            self.waiting.push_back(Waiting { read: now, flow, message });
        }
    }

    /// The oldest, and how far behind the work is with it.
    pub fn pop(&mut self, now: Instant) -> Option<(Flow, M, Load)> {
        let queued = self.waiting.len();
        let Waiting { read, flow, message } = self.waiting.pop_front()?;
        self.bytes -= message.as_ref().len();
        Some((flow, message, Load { queued, oldest: now.saturating_duration_since(read) }))
    }

    /// How far behind the work is.
    pub fn load(&self, now: Instant) -> Load {
        let oldest = self.waiting.front().map_or(Duration::ZERO, |first| now.saturating_duration_since(first.read));
        Load { queued: self.waiting.len(), oldest }
    }

    /// No more fits in.
    pub fn is_full(&self) -> bool {
        self.waiting.len() >= self.most || self.bytes >= self.most_bytes
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Messages that found no room, since the start.
    pub fn lost(&self) -> u64 {
        self.lost
    }
}
