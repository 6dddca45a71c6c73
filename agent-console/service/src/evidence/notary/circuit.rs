//! The breaker of the line to a notary: after some failures in a row it is left alone for a while,
//! then one root tries whether it is back. Time is passed in.

/// Failures in a row after which it is left alone.
const FAILURES: u32 = 3;
/// For how long at first; doubled with each failure after that.
const FIRST_MS: i64 = 10_000;
/// And for how long at most.
const LONGEST_MS: i64 = 600_000;

/// Whether roots may go out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Circuit {
    failures: u32,
    open_until_ms: i64,
}

impl Circuit {
    /// Whether a root may go out at this moment, Unix milliseconds.
    pub fn lets(&self, now_ms: i64) -> bool {
        now_ms >= self.open_until_ms
    }

    /// Until when it is left alone, Unix milliseconds; none where it is not.
    pub fn open_until(&self, now_ms: i64) -> Option<i64> {
        (!self.lets(now_ms)).then_some(self.open_until_ms)
    }

    /// A hand-in failed. Answers whether it is left alone from now on.
    pub fn failed(&mut self, now_ms: i64) -> bool {
        self.failures = self.failures.saturating_add(1);
        let Some(over) = self.failures.checked_sub(FAILURES) else { return false };
        self.open_until_ms = now_ms + (FIRST_MS << over.min(10)).min(LONGEST_MS);
        true
    }

    /// A hand-in was answered, whatever the answer.
    pub fn worked(&mut self) {
        *self = Self::default();
    }
}
