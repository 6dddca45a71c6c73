//! A clock that is read once and kept: no I/O, no task; what is heard from outside is told
//! to it.
//!
//! Three clocks are compared. The *machine's* is what everything else on this machine goes
//! by, and anybody may set it. The *house's* is the machine's reading at the start plus
//! what has passed since. The *reference* is what an NTP server said, plus what has passed
//! since; while none was heard it is the house's own, and only steps of the machine show.

use std::{
    fmt::Debug,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Instant, SystemTime, UNIX_EPOCH},
};

/// More than this off is told, milliseconds.
const OFF: i64 = 1_000;
/// More than this off, no new evidence is dated, milliseconds.
const WRONG: i64 = 60_000;

/// The two clocks of a machine.
pub trait Machine: Debug + Send + Sync {
    /// Unix milliseconds, as they are set on this machine.
    fn wall_ms(&self) -> i64;
    /// Milliseconds since some moment, never set.
    fn passed_ms(&self) -> i64;
}

/// The machine that we run on.
#[derive(Debug)]
pub(super) struct ThisMachine {
    start: Instant,
}

impl ThisMachine {
    pub(super) fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Machine for ThisMachine {
    fn wall_ms(&self) -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => since.as_millis() as i64,
            Err(before) => -(before.duration().as_millis() as i64),
        }
    }

    fn passed_ms(&self) -> i64 {
        self.start.elapsed().as_millis() as i64
    }
}

/// How far off the machine's clock is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// At most a second.
    Right,
    /// More than a second: told, and the house goes on by the reference.
    Off,
    /// More than a minute: no new call goes out.
    Wrong,
}

/// What the clock is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    /// Its own count since the start: no server was heard yet, or none is named.
    Own,
    /// An NTP server.
    Ntp {
        /// Seconds since it was heard.
        ago_s: i64,
    },
}

#[derive(Debug)]
pub(super) struct Kept {
    machine: Arc<dyn Machine>,
    /// House time minus what has passed.
    house: AtomicI64,
    /// Reference time minus what has passed.
    reference: AtomicI64,
    /// When a server was heard last, in passed milliseconds; -1 before the first time.
    heard: AtomicI64,
    /// The latest time that was told.
    told: AtomicI64,
}

impl Kept {
    pub(super) fn new(machine: Arc<dyn Machine>) -> Self {
        let base = machine.wall_ms() - machine.passed_ms();
        Self {
            machine,
            house: AtomicI64::new(base),
            reference: AtomicI64::new(base),
            heard: AtomicI64::new(-1),
            told: AtomicI64::new(i64::MIN),
        }
    }

    /// House time. Where the reference sets it back it stands until it is reached, so that
    /// what happened later is never dated earlier.
    pub(super) fn now_ms(&self) -> i64 {
        let now = self.house.load(Ordering::Relaxed) + self.machine.passed_ms();
        self.told.fetch_max(now, Ordering::Relaxed).max(now)
    }

    /// House time without that, in passed milliseconds' terms: what servers are asked with.
    pub(super) fn passed_ms(&self) -> i64 {
        self.machine.passed_ms()
    }

    /// The machine's clock against the reference.
    pub(super) fn offset_ms(&self) -> i64 {
        self.machine.wall_ms() - self.machine.passed_ms() - self.reference.load(Ordering::Relaxed)
    }

    /// The worse of two: the machine against the reference, and the house against it.
    pub(super) fn level(&self) -> Level {
        let house = self.house.load(Ordering::Relaxed) - self.reference.load(Ordering::Relaxed);
        let off = self.offset_ms().abs().max(house.abs());
        if off > WRONG {
            Level::Wrong
        } else if off > OFF {
            Level::Off
        } else {
            Level::Right
        }
    }

    pub(super) fn reference(&self) -> Reference {
        match self.heard.load(Ordering::Relaxed) {
            ..0 => Reference::Own,
            heard => Reference::Ntp { ago_s: (self.machine.passed_ms() - heard) / 1_000 },
        }
    }

    /// A server said that when this much had passed it was `at_ms`. The house follows it up
    /// to a minute. Further only where the machine says the same: then two agree against
    /// the house, which stood still with a machine that was put to sleep.
    pub(super) fn heard(&self, passed_ms: i64, at_ms: i64) {
        let reference = at_ms - passed_ms;
        self.reference.store(reference, Ordering::Relaxed);
        self.heard.store(passed_ms, Ordering::Relaxed);
        let house = self.house.load(Ordering::Relaxed);
        if (reference - house).abs() <= WRONG || self.offset_ms().abs() <= OFF {
            self.house.store(reference, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine whose clocks are set by hand.
    #[derive(Debug, Default)]
    struct ByHand {
        wall: AtomicI64,
        passed: AtomicI64,
    }

    impl ByHand {
        fn pass(&self, ms: i64) {
            self.wall.fetch_add(ms, Ordering::Relaxed);
            self.passed.fetch_add(ms, Ordering::Relaxed);
        }

        fn set(&self, by_ms: i64) {
            self.wall.fetch_add(by_ms, Ordering::Relaxed);
        }
    }

    impl Machine for ByHand {
        fn wall_ms(&self) -> i64 {
            self.wall.load(Ordering::Relaxed)
        }

        fn passed_ms(&self) -> i64 {
            self.passed.load(Ordering::Relaxed)
        }
    }

    const START: i64 = 1_795_395_600_000;

    fn kept() -> (Arc<ByHand>, Kept) {
        let machine = Arc::new(ByHand { wall: START.into(), passed: 700.into() });
        (machine.clone(), Kept::new(machine))
    }

    fn hear(machine: &ByHand, kept: &Kept, at_ms: i64) {
        kept.heard(machine.passed_ms(), at_ms);
    }

    #[test]
    fn x1_time_goes_on_by_what_passes_whatever_the_machine_is_set_to() {
        let (machine, kept) = kept();
        machine.pass(10_000);
        for by in [5_000, 90_000, -3_600_000] {
            machine.set(by);
            assert_eq!(kept.now_ms(), START + 10_000);
        }
    }

    #[test]
    fn x1_a_step_of_the_machine_shows_without_any_server_and_is_over_when_it_is_taken_back() {
        let (machine, kept) = kept();
        for (by, level) in [(1_000, Level::Right), (5_000, Level::Off), (60_000, Level::Off), (60_001, Level::Wrong)] {
            for by in [by, -by] {
                machine.set(by);
                assert_eq!((kept.offset_ms(), kept.level()), (by, level));
                machine.set(-by);
                assert_eq!((kept.offset_ms(), kept.level()), (0, Level::Right));
            }
        }
        assert_eq!(kept.reference(), Reference::Own);
    }

    #[test]
    fn x1_the_house_follows_the_reference_up_to_a_minute_and_its_time_never_runs_back() {
        let (machine, kept) = kept();
        hear(&machine, &kept, START + 40_000);
        assert_eq!((kept.now_ms(), kept.offset_ms(), kept.level()), (START + 40_000, -40_000, Level::Off));
        hear(&machine, &kept, START + 30_000);
        assert_eq!(kept.now_ms(), START + 40_000, "it stands until it is reached");
        machine.pass(10_500);
        assert_eq!(kept.now_ms(), START + 40_500);
        machine.pass(5_000);
        assert_eq!(kept.reference(), Reference::Ntp { ago_s: 15 });
    }

    #[test]
    fn x1_a_reference_more_than_a_minute_away_is_not_followed_and_not_trusted() {
        let (machine, kept) = kept();
        hear(&machine, &kept, START + 61_000);
        assert_eq!((kept.now_ms(), kept.level()), (START, Level::Wrong));
        machine.set(58_000);
        assert_eq!(kept.level(), Level::Wrong, "the house itself is off still");
        hear(&machine, &kept, START);
        assert_eq!((kept.now_ms(), kept.level()), (START, Level::Off), "58 s of the machine are left");
    }

    #[test]
    fn x1_a_house_that_slept_with_its_machine_follows_when_machine_and_server_agree() {
        let (machine, kept) = kept();
        hear(&machine, &kept, START);
        machine.set(600_000);
        assert_eq!(kept.level(), Level::Wrong);
        hear(&machine, &kept, START + 600_200);
        assert_eq!((kept.now_ms(), kept.offset_ms(), kept.level()), (START + 600_200, -200, Level::Right));
    }
}
