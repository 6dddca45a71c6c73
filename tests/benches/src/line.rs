//! A bad line: it loses, repeats and delays, so that messages overtake each other.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Longest delay.
const DELAY_MS: u64 = 60;
/// Shortest.
const TRAVEL: Duration = Duration::from_millis(1);

/// How bad a line is.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Quality {
    /// Of a hundred messages so many are lost.
    #[arg(long, default_value_t = 0)]
    pub(crate) loss: u64,
    /// Of a hundred messages so many are overtaken by others.
    #[arg(long, default_value_t = 0)]
    pub(crate) delayed: u64,
    /// Of a hundred messages so many come twice.
    #[arg(long, default_value_t = 0)]
    pub(crate) twice: u64,
}

/// What is under way, each with where it goes.
#[derive(Debug)]
pub(crate) struct Line<W> {
    quality: Quality,
    dice: u64,
    under_way: BTreeMap<(Instant, u64), (W, Vec<u8>)>,
    counter: u64,
    pub(crate) lost: u64,
}

impl<W: Copy> Line<W> {
    pub(crate) fn new(quality: Quality) -> Self {
        Self { quality, dice: 5, under_way: BTreeMap::new(), counter: 0, lost: 0 }
    }

    /// `SplitMix64`.
    fn roll(&mut self) -> u64 {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.dice;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A message enters; it comes back when it shall go on at once.
    pub(crate) fn pass(&mut self, now: Instant, way: W, bytes: Vec<u8>) -> Option<Vec<u8>> {
        let Quality { loss, delayed, twice } = self.quality;
        if loss + delayed + twice == 0 {
            return Some(bytes);
        }
        if self.roll() % 100 < loss {
            self.lost += 1;
            return None;
        }
        if self.roll() % 100 < twice {
            self.delay(now, way, bytes.clone());
        }
        if self.roll() % 100 < delayed {
            self.delay(now, way, bytes);
            return None;
        }
        Some(bytes)
    }

    /// The same in virtual time, where everything takes its time.
    pub(crate) fn post(&mut self, now: Instant, way: W, bytes: Vec<u8>) {
        if let Some(bytes) = self.pass(now, way, bytes) {
            self.put(now + TRAVEL, way, bytes);
        }
    }

    fn delay(&mut self, now: Instant, way: W, bytes: Vec<u8>) {
        let after = TRAVEL + Duration::from_millis(self.roll() % DELAY_MS);
        self.put(now + after, way, bytes);
    }

    fn put(&mut self, at: Instant, way: W, bytes: Vec<u8>) {
        self.counter += 1;
        self.under_way.insert((at, self.counter), (way, bytes));
    }

    /// What arrives now.
    pub(crate) fn due(&mut self, now: Instant) -> Option<(W, Vec<u8>)> {
        if self.next().is_none_or(|at| at > now) {
            return None;
        }
        self.under_way.pop_first().map(|(_, message)| message)
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.under_way.keys().next().map(|(at, _)| *at)
    }
}
