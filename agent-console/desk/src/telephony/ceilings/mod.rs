//! How much a trunk carries, and how much it may.

mod store;

pub use self::store::{loads, look};
use super::trunks::Profile;

/// What goes over a trunk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Calls that are up or being placed.
    pub live: i64,
    /// Calls of the last second.
    pub second: i64,
    /// Calls since midnight in Beijing.
    pub day: i64,
}

/// Which limit a trunk has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ceiling {
    /// Calls at a time, or per second: soon there is room again.
    Busy,
    /// Calls per day.
    Day,
}

impl Load {
    /// The limit of the trunk that keeps one more call off it.
    pub fn reached(&self, profile: &Profile) -> Option<Ceiling> {
        let full = |limit: u32, count: i64| limit > 0 && count >= i64::from(limit);
        if full(profile.calls_per_day, self.day) {
            return Some(Ceiling::Day);
        }
        let busy = full(profile.max_calls, self.live) || full(profile.max_calls_per_second, self.second);
        busy.then_some(Ceiling::Busy)
    }
}
