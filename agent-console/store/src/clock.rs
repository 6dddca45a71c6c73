//! The clock, and how times are written. Everything is stored as unix milliseconds (UTC)
//! and shown in Shanghai time, which has no summer time.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339, macros::format_description};

/// Where the time comes from.
#[derive(Debug, Clone)]
pub struct Clock {
    fixed: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// The clock of the machine.
    pub fn system() -> Self {
        Self { fixed: None }
    }

    /// A clock that stands until it is moved.
    pub fn fixed(at_ms: i64) -> Self {
        Self { fixed: Some(Arc::new(AtomicI64::new(at_ms))) }
    }

    /// Moves a fixed clock; the machine's clock is not ours to move.
    pub fn advance(&self, by_ms: i64) {
        if let Some(fixed) = &self.fixed {
            fixed.fetch_add(by_ms, Ordering::Relaxed);
        }
    }

    /// Unix milliseconds.
    pub fn now_ms(&self) -> i64 {
        match &self.fixed {
            Some(fixed) => fixed.load(Ordering::Relaxed),
            None => (OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000) as i64,
        }
    }
}

fn shanghai(ms: i64) -> OffsetDateTime {
    let offset = UtcOffset::from_hms(8, 0, 0).unwrap_or(UtcOffset::UTC);
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
        .to_offset(offset)
}

/// RFC 3339 with +08:00, to the millisecond.
pub fn rfc3339(ms: i64) -> String {
    shanghai(ms).format(&Rfc3339).unwrap_or_default()
}

/// `2026-11-23 09:12:05` in Shanghai.
pub fn stamp(ms: i64) -> String {
    let form = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    shanghai(ms).format(form).unwrap_or_default()
}

/// `2026年11月23日` in Shanghai.
pub fn date(ms: i64) -> String {
    let form = format_description!("[year]年[month padding:none]月[day padding:none]日");
    shanghai(ms).format(form).unwrap_or_default()
}
