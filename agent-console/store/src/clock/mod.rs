//! The clock, and how times are written. Everything is stored as unix milliseconds (UTC)
//! and shown in Shanghai time, which has no summer time.
//!
//! The house reads the machine's clock once, when it starts, and counts from there by the
//! monotonic clock, corrected by a reference where one is named (X1). So a machine whose
//! clock is set wrong while a call is up bends no time of that call, and a house whose
//! machine says something else than the reference knows it: see [`Guard`].

mod guard;
mod kept;
mod ntp;

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339, macros::format_description};

pub use guard::Guard;
use kept::Kept;
pub use kept::{Level, Machine, Reference};

/// Where the time comes from. Cheap to clone; every clone is the same clock.
#[derive(Debug, Clone)]
pub struct Clock {
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    Fixed(Arc<AtomicI64>),
    Kept(Arc<Kept>),
}

impl Clock {
    /// The time of the machine as it is now, kept by the monotonic clock from here on.
    pub fn system() -> Self {
        Self::on(Arc::new(kept::ThisMachine::new()))
    }

    /// The same over the clocks of some machine.
    pub fn on(machine: Arc<dyn Machine>) -> Self {
        Self { source: Source::Kept(Arc::new(Kept::new(machine))) }
    }

    /// A clock that stands until it is moved.
    pub fn fixed(at_ms: i64) -> Self {
        Self { source: Source::Fixed(Arc::new(AtomicI64::new(at_ms))) }
    }

    /// Moves a fixed clock; another one is not ours to move.
    pub fn advance(&self, by_ms: i64) {
        if let Source::Fixed(fixed) = &self.source {
            fixed.fetch_add(by_ms, Ordering::Relaxed);
        }
    }

    /// Unix milliseconds. Never less than what was said before, unless the clock is a fixed one.
    pub fn now_ms(&self) -> i64 {
        match &self.source {
            Source::Fixed(fixed) => fixed.load(Ordering::Relaxed),
            Source::Kept(kept) => kept.now_ms(),
        }
    }

    /// Whether evidence may be dated by it: false while machine or house are more than a
    /// minute off the reference. Then no new call goes out; live ones go on.
    pub fn trusted(&self) -> bool {
        self.level() != Level::Wrong
    }

    /// How far off the machine's clock is, milliseconds; positive when it is fast.
    pub fn offset_ms(&self) -> i64 {
        self.kept().map_or(0, Kept::offset_ms)
    }

    /// How far off it is, in words.
    pub fn level(&self) -> Level {
        self.kept().map_or(Level::Right, Kept::level)
    }

    /// What it is compared with.
    pub fn reference(&self) -> Reference {
        self.kept().map_or(Reference::Own, Kept::reference)
    }

    fn kept(&self) -> Option<&Kept> {
        match &self.source {
            Source::Fixed(_) => None,
            Source::Kept(kept) => Some(kept),
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
