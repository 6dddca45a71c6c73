//! The timers of all transactions: setting and stopping one costs the logarithm of their number.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::Key;

/// Round-trip estimate.
pub const T1: Duration = Duration::from_millis(500);
/// Longest retransmission interval.
pub const T2: Duration = Duration::from_secs(4);
/// How long a message may live in the network.
pub const T4: Duration = Duration::from_secs(5);
/// 64 × T1: timers B, D, F, H, J, L, M.
pub(crate) const T64: Duration = Duration::from_secs(32);
/// How long an INVITE may ring after its last provisional response (timer C, 16.6 and 16.7).
pub(crate) const TIMER_C: Duration = Duration::from_mins(3);
/// An INVITE that nobody answered by now gets its 100 (17.2.1).
pub(super) const TRYING: Duration = Duration::from_millis(200);
/// Whoever forgets to answer a request must not fill the table: one INVITE may ring that long.
pub(super) const FORGOTTEN: Duration = Duration::from_mins(5);

/// What a timer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timer {
    /// A, E or G; or the 100 that is due.
    Repeat,
    /// C.
    Ring,
    /// B, F or H.
    Timeout,
    /// D, I, J, K, L or M.
    Gone,
}

/// One timer that runs.
type Id = (Instant, u64);

/// The timers of one transaction: one for what is repeated, one for its end.
#[derive(Debug, Default)]
pub(super) struct Armed {
    repeat: Option<Id>,
    end: Option<Id>,
}

#[derive(Debug, Default)]
pub(super) struct Timers {
    running: BTreeMap<Id, (Key, Timer)>,
    counter: u64,
}

impl Timers {
    /// Sets a timer; the one of the same kind of this transaction stops.
    pub(super) fn arm(&mut self, armed: &mut Armed, at: Instant, key: &Key, timer: Timer) {
        self.counter += 1;
        let id = (at, self.counter);
        let place = if timer == Timer::Repeat { &mut armed.repeat } else { &mut armed.end };
        if let Some(old) = place.replace(id) {
            self.running.remove(&old);
        }
        self.running.insert(id, (key.clone(), timer));
    }

    /// Stops repeating.
    pub(super) fn quiet(&mut self, armed: &mut Armed) {
        if let Some(id) = armed.repeat.take() {
            self.running.remove(&id);
        }
    }

    /// Stops both.
    pub(super) fn disarm(&mut self, armed: &mut Armed) {
        for id in armed.repeat.take().into_iter().chain(armed.end.take()) {
            self.running.remove(&id);
        }
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.running.first_key_value().map(|((at, _), _)| *at)
    }

    /// One that is due.
    pub(super) fn due(&mut self, now: Instant) -> Option<(Key, Timer)> {
        let first = self.running.first_entry().filter(|first| first.key().0 <= now)?;
        Some(first.remove())
    }

    /// How many run.
    pub(super) fn len(&self) -> usize {
        self.running.len()
    }
}
