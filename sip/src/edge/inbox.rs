//! What was read from the network and not handled yet, with the time it was read.
//!
//! The socket's own queue is short and tells no times: it is emptied into this one before each
//! message, so that how long messages wait is measured and not guessed. What belongs to a call
//! goes before what begins one (RFC 7339, 5.10.1): a call that was taken comes up at once, also
//! when many others want to be.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::{Load, glance};
use crate::flow::{Flow, Protocol};

/// After so many that belong to calls, one that begins something has its turn: nobody keeps
/// everybody else out with messages within his own.
const TURN: usize = 16;

#[derive(Debug)]
struct Waiting<M> {
    read: Instant,
    flow: Flow,
    message: M,
}

/// Messages that wait, bounded in number and in size.
#[derive(Debug)]
pub struct Inbox<M> {
    /// What belongs to something, in order.
    inside: VecDeque<Waiting<M>>,
    /// INVITEs and REGISTERs that begin something, in order.
    fresh: VecDeque<Waiting<M>>,
    /// How many of `inside` were taken since one of `fresh` was.
    taken: usize,
    most: usize,
    most_bytes: usize,
    bytes: usize,
    lost: u64,
}

impl<M: AsRef<[u8]>> Inbox<M> {
    /// Room for so many messages, and until so many bytes wait: the last may go beyond.
    pub fn new(most: usize, most_bytes: usize) -> Self {
        Self { inside: VecDeque::new(), fresh: VecDeque::new(), taken: 0, most, most_bytes, bytes: 0, lost: 0 }
    }

    /// Something was read. When there is no room it is lost, as it would be in the network;
    /// whoever reads a stream asks [`Inbox::is_full`] first and lets it wait. Half of the room is
    /// kept free of datagrams that begin something: they come again.
    pub fn push(&mut self, now: Instant, flow: Flow, message: M) {
        let fresh = begins_something(message.as_ref());
        let crowded = fresh && flow.protocol == Protocol::Udp && self.fresh.len() >= self.most.div_ceil(2);
        if self.is_full() || crowded {
            self.lost += 1;
            return;
        }
        self.bytes += message.as_ref().len();
        let queue = if fresh { &mut self.fresh } else { &mut self.inside };
        queue.push_back(Waiting { read: now, flow, message });
    }

    /// The next, and how far behind the work is.
    pub fn pop(&mut self, now: Instant) -> Option<(Flow, M, Load)> {
        let load = self.load(now);
        let turn = self.taken >= TURN && !self.fresh.is_empty();
        let next = if turn { None } else { self.inside.pop_front() };
        self.taken = if next.is_some() { self.taken + 1 } else { 0 };
        let Waiting { flow, message, .. } = next.or_else(|| self.fresh.pop_front())?;
        self.bytes -= message.as_ref().len();
        Some((flow, message, load))
    }

    /// How far behind the work is.
    pub fn load(&self, now: Instant) -> Load {
        let waits = |queue: &VecDeque<Waiting<M>>| {
            queue.front().map_or(Duration::ZERO, |first| now.saturating_duration_since(first.read))
        };
        Load { queued: self.waiting(), oldest: waits(&self.inside).max(waits(&self.fresh)) }
    }

    /// No more fits in.
    pub fn is_full(&self) -> bool {
        self.waiting() >= self.most || self.bytes >= self.most_bytes
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting() == 0
    }

    /// Messages that found no room, since the start.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    fn waiting(&self) -> usize {
        self.inside.len() + self.fresh.len()
    }
}

/// An INVITE or a REGISTER without a tag in To, as far as a look tells. What is taken for one by
/// its looks only waits a little longer.
fn begins_something(message: &[u8]) -> bool {
    (message.starts_with(b"INVITE ") || message.starts_with(b"REGISTER ")) && !glance::to_has(message, b";tag=")
}
