//! Whether the carrier is there: OPTIONS (RFC 3261, 11), with hysteresis.
//!
//! One answer is enough to be up; two rounds without one make it down, where a round has asked
//! every host of the trunk. Any final answer counts, whatever it says, because somebody is
//! there, except 408 (a proxy that got no answer itself) and 503 (it serves nobody). An answer
//! is waited for eight seconds: by then the request was repeated four times.

use std::time::{Duration, Instant};

use super::{Ticket, backoff::share, state::Health};

/// Rounds without an answer until the carrier counts as silent.
const MISSES: u32 = 2;
/// So long an answer is waited for.
const WAIT: Duration = Duration::from_secs(8);
/// After a miss it is asked again this soon, or at its interval if that is sooner.
const AGAIN: Duration = Duration::from_secs(10);
/// Nobody is asked more often.
const LEAST: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Probe {
    pub(super) standing: Health,
    interval: Duration,
    misses: u32,
    /// Hosts that did not answer in this round.
    silent_hosts: usize,
    due: Instant,
    asked: Option<(Ticket, Instant)>,
}

/// What follows from a silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missed {
    /// Ask the next host at once.
    NextHost,
    /// Every host was asked.
    Round,
}

impl Probe {
    /// The first question goes out at once.
    pub(super) fn new(now: Instant, interval: Duration) -> Self {
        let interval = interval.max(LEAST);
        Self { standing: Health::Unknown, interval, misses: 0, silent_hosts: 0, due: now, asked: None }
    }

    pub(super) fn set_interval(&mut self, now: Instant, interval: Duration) {
        self.interval = interval.max(LEAST);
        self.due = self.due.min(now + self.interval);
    }

    /// Ask soon: a call met silence.
    pub(super) fn suspect(&mut self, now: Instant) {
        self.due = self.due.min(now);
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.asked.is_none() && self.due <= now
    }

    pub(super) fn asked(&mut self, now: Instant, ticket: Ticket) {
        self.asked = Some((ticket, now + WAIT));
    }

    /// No answer came in time.
    pub(super) fn overdue(&self, now: Instant) -> Option<Ticket> {
        self.asked.filter(|(_, until)| *until <= now).map(|(ticket, _)| ticket)
    }

    pub(super) fn next_deadline(&self) -> Instant {
        self.asked.map_or(self.due, |(_, until)| until)
    }

    /// A final answer, perhaps a late one. True when the carrier is there.
    pub(super) fn answered(&mut self, now: Instant, status: u16, random: u64) -> bool {
        if matches!(status, 408 | 503) {
            return false;
        }
        self.standing = Health::Alive;
        self.misses = 0;
        self.silent_hosts = 0;
        self.asked = None;
        // A tenth sooner or later: trunks are not all asked at the same moment.
        self.due = now + share(self.interval, 900, 1_100, random);
        true
    }

    /// The question with this ticket met silence; none when it is not the one that is waited for.
    pub(super) fn missed(&mut self, now: Instant, ticket: Ticket, hosts: usize) -> Option<Missed> {
        if self.asked.is_none_or(|(asked, _)| asked != ticket) {
            return None;
        }
        self.asked = None;
        self.silent_hosts += 1;
        if self.silent_hosts < hosts {
            self.due = now;
            return Some(Missed::NextHost);
        }
        self.silent_hosts = 0;
        self.misses = self.misses.saturating_add(1);
        if self.misses >= MISSES {
            self.standing = Health::Silent;
        }
        self.due = now + self.interval.min(AGAIN);
        Some(Missed::Round)
    }
}
