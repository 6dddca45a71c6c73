//! The time of one call: the house's clock is read once, when it begins, and from then on
//! only what passes counts (X1). A clock that jumps bends no call.

use std::time::Instant;

/// The time of one call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallClock {
    begun: Instant,
    begun_ms: i64,
}

impl CallClock {
    /// A call that begins at this Unix millisecond.
    pub(crate) fn new(begun: Instant, begun_ms: i64) -> Self {
        Self { begun, begun_ms }
    }

    /// When it began, Unix milliseconds.
    pub(crate) fn begun_ms(&self) -> i64 {
        self.begun_ms
    }

    /// Unix milliseconds of a moment of the call, or of one just before it: a recording that begins with
    /// early sound holds half a second before that.
    pub(crate) fn at(&self, moment: Instant) -> i64 {
        self.begun_ms + span_ms(self.begun, moment) as i64 - span_ms(moment, self.begun) as i64
    }
}

/// Milliseconds from one moment to another; none when the second lies before the first.
pub(crate) fn span_ms(from: Instant, to: Instant) -> u64 {
    to.saturating_duration_since(from).as_millis() as u64
}
