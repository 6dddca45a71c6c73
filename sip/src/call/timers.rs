//! When each call wants to be looked at: one entry per call, in order of time.

use std::{collections::BTreeSet, time::Instant};

/// Setting and stopping one costs the logarithm of their number.
#[derive(Debug, Default)]
pub(super) struct Timers(BTreeSet<(Instant, String)>);

impl Timers {
    /// Moves the entry of a call. `armed` is where the call keeps what it asked for last.
    pub(super) fn set(&mut self, armed: &mut Option<Instant>, wanted: Option<Instant>, call: &str) {
        if *armed == wanted {
            return;
        }
        if let Some(old) = armed.take() {
            self.0.remove(&(old, call.to_owned()));
        }
        if let Some(at) = wanted {
            self.0.insert((at, call.to_owned()));
        }
        *armed = wanted;
    }

    /// When the next is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.first().map(|(at, _)| *at)
    }

    /// A call that is due; its entry is gone.
    pub(super) fn due(&mut self, now: Instant) -> Option<String> {
        if self.next()? > now {
            return None;
        }
        self.0.pop_first().map(|(_, call)| call)
    }
}
