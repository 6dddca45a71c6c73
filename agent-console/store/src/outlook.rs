//! How long the room on the disk will last, so that people are told before it is full (E52).

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use songda_recordings::vault::Room;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// The present rate is that of the last hour: a busy one is seen, a busy minute is not.
const WINDOW_MS: i64 = HOUR_MS;
/// A rate is told from so much of it on.
const LEAST_MS: i64 = 10 * MINUTE_MS;

/// What is to be expected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lasts {
    /// Bytes that are written in an hour, at the present rate.
    pub bytes_per_hour: u64,
    /// Hours until no recording may begin; none while nothing is written.
    pub hours: Option<f64>,
}

/// Watches the room over time. Free room that grows in between (something was deleted) hides
/// nothing of what is written.
#[derive(Debug)]
pub struct Outlook {
    warn_hours: f64,
    seen: Mutex<VecDeque<(i64, u64)>>,
}

impl Outlook {
    /// Warns below so many hours.
    pub fn new(warn_hours: u32) -> Self {
        Self { warn_hours: f64::from(warn_hours), seen: Mutex::default() }
    }

    /// Hours below which people are told.
    pub fn warn_hours(&self) -> f64 {
        self.warn_hours
    }

    /// Takes note of the room at a moment; more than once a minute changes nothing.
    pub fn observe(&self, now_ms: i64, room: Room) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.back() {
            // A clock that was set says nothing about the disk.
            Some((at_ms, _)) if now_ms < *at_ms => seen.clear(),
            Some((at_ms, _)) if now_ms - at_ms < MINUTE_MS => return,
            _ => {}
        }
        seen.push_back((now_ms, room.free));
        while seen.front().is_some_and(|(at_ms, _)| now_ms - at_ms > WINDOW_MS) {
            seen.pop_front();
        }
    }

    /// How long this room lasts; none before enough was seen.
    pub fn lasts(&self, room: Room) -> Option<Lasts> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (from_ms, to_ms) = (seen.front()?.0, seen.back()?.0);
        let span_ms = to_ms - from_ms;
        if span_ms < LEAST_MS {
            return None;
        }
        let pairs = seen.iter().zip(seen.iter().skip(1));
        let written: u64 = pairs.map(|((_, before), (_, after))| before.saturating_sub(*after)).sum();
        let per_hour = written as f64 * HOUR_MS as f64 / span_ms as f64;
        let left = room.free.saturating_sub(room.needed) as f64;
        Some(Lasts { bytes_per_hour: per_hour as u64, hours: (per_hour >= 1.0).then(|| left / per_hour) })
    }

    /// Whether people are to be told, given whether they are told now: it must get a fifth
    /// better before they are told that it is well again.
    pub fn warns(&self, room: Room, told: bool) -> bool {
        let limit = if told { self.warn_hours * 1.2 } else { self.warn_hours };
        self.lasts(room).and_then(|lasts| lasts.hours).is_some_and(|hours| hours < limit)
    }
}

#[cfg(test)]
mod tests {
    use super::{HOUR_MS, MINUTE_MS, Outlook, Room};

    const GIB: u64 = 1 << 30;

    fn room(free: u64) -> Room {
        Room { free, needed: 2 * GIB }
    }

    #[test]
    fn e52_the_hours_that_are_left_follow_from_the_last_hour_and_are_told_in_time() {
        let outlook = Outlook::new(24);
        // A hundred calls write about 11 GiB in an hour; here one GiB each ten minutes.
        let free = |minute: i64| 100 * GIB - GIB / 10 * minute as u64;
        for minute in 0..10 {
            outlook.observe(minute * MINUTE_MS, room(free(minute)));
            assert_eq!(outlook.lasts(room(free(minute))), None, "too little was seen");
        }
        for minute in 10..=60 {
            outlook.observe(minute * MINUTE_MS, room(free(minute)));
        }
        let lasts = outlook.lasts(room(free(60))).unwrap();
        assert!(lasts.bytes_per_hour.abs_diff(6 * GIB) < 1_000, "{lasts:?}");
        assert!((lasts.hours.unwrap() - 92.0 / 6.0).abs() < 0.01, "{lasts:?}");
        assert!(outlook.warns(room(free(60)), false));
        assert!(!Outlook::new(15).warns(room(free(60)), false), "it knows nothing yet");
    }

    #[test]
    fn what_is_deleted_in_between_hides_nothing_of_what_is_written() {
        let outlook = Outlook::new(24);
        outlook.observe(0, room(100 * GIB));
        outlook.observe(20 * MINUTE_MS, room(90 * GIB));
        outlook.observe(40 * MINUTE_MS, room(150 * GIB));
        outlook.observe(60 * MINUTE_MS, room(140 * GIB));
        assert_eq!(outlook.lasts(room(140 * GIB)).unwrap().bytes_per_hour, 20 * GIB);
    }

    #[test]
    fn a_quiet_house_has_no_end_in_sight_and_a_busy_hour_is_forgotten_in_time() {
        let outlook = Outlook::new(24);
        outlook.observe(0, room(100 * GIB));
        outlook.observe(30 * MINUTE_MS, room(50 * GIB));
        assert!(outlook.warns(room(50 * GIB), false));
        for minute in 31..=120 {
            outlook.observe(minute * MINUTE_MS, room(50 * GIB));
        }
        let lasts = outlook.lasts(room(50 * GIB)).unwrap();
        assert_eq!((lasts.bytes_per_hour, lasts.hours), (0, None));
        assert!(!outlook.warns(room(50 * GIB), true));
        // The clock was set back: what was seen before says nothing now.
        outlook.observe(HOUR_MS, room(50 * GIB));
        assert_eq!(outlook.lasts(room(50 * GIB)), None);
    }
}
