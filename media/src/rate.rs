//! How many packets of one end are taken: nobody's above three times the agreed rate, so that who
//! floods a leg costs no more than that. What waited while the machine, or the way to it, stood still
//! is not above it.

use std::time::{Duration, Instant};

/// Packets of control in a second, as some devices send them; the standard wants one each five seconds
/// (RFC 3550, section 6.2).
pub(crate) const REPORTS: u32 = 5;
/// Times the agreed rate.
const GENEROSITY: u64 = 3;
/// What waited for so long comes at once and is heard: 20 s.
const WAITED: Duration = Duration::from_secs(20);
/// Parts of a packet in which the allowance is counted.
const PARTS: u64 = 1_000_000;

/// The allowance of one end: a second of it at most, and what waited.
#[derive(Debug, Default)]
pub(crate) struct Allowance {
    parts: u64,
    counted: Option<Instant>,
    excess: u64,
}

impl Allowance {
    /// The first second's, of an end that may send so many packets in one.
    pub(crate) fn of(rate: u32) -> Self {
        Self { parts: full(rate), ..Self::default() }
    }

    /// Whether one more packet is taken, of an end that may send so many in a second by now.
    pub(crate) fn affords(&mut self, now: Instant, rate: u32) -> bool {
        let since = now.saturating_duration_since(self.counted.unwrap_or(now)).as_micros() as u64;
        self.counted = Some(now);
        let earned = since.saturating_mul(GENEROSITY * u64::from(rate));
        let waited = since.min(WAITED.as_micros() as u64).saturating_mul(rate.into());
        let most = full(rate).saturating_add(waited).max(self.parts);
        self.parts = self.parts.saturating_add(earned).min(most);
        if self.parts < PARTS {
            self.excess += 1;
            return false;
        }
        self.parts -= PARTS;
        true
    }

    /// Packets that were not taken.
    pub(crate) fn excess(&self) -> u64 {
        self.excess
    }
}

/// The allowance of one second.
fn full(rate: u32) -> u64 {
    GENEROSITY * u64::from(rate) * PARTS
}
