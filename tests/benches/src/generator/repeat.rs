//! A message that is sent until something comes back (RFC 3261, 17.1.1.2, 17.1.2.2, 13.3.1.4).

use std::time::{Duration, Instant};

use super::text::{T1, T2, T64};

#[derive(Debug)]
pub(super) struct Repeat {
    pub(super) bytes: Vec<u8>,
    interval: Duration,
    longest: Duration,
    until: Instant,
}

impl Repeat {
    /// An INVITE: twice as long each time.
    pub(super) fn invite(now: Instant, bytes: Vec<u8>) -> Self {
        Self { bytes, interval: T1, longest: T64, until: now + T64 }
    }

    /// Everything else: at most T2.
    pub(super) fn other(now: Instant, bytes: Vec<u8>) -> Self {
        Self { longest: T2, ..Self::invite(now, bytes) }
    }

    /// When it goes out first again.
    pub(super) fn first(&self, now: Instant) -> Instant {
        now + self.interval
    }

    /// When it goes out again after this time; never, where nothing is hoped for any more.
    pub(super) fn next(&mut self, now: Instant) -> Option<Instant> {
        self.interval = (self.interval * 2).min(self.longest);
        (now < self.until).then(|| now + self.interval)
    }
}
