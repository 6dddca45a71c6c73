//! Whether the agent is there (E51).
//!
//! Three things tell that he is not: the browser's leg is down, its packets are missed, or
//! the desk saw the page go. He is back when none of them holds any more.

use std::time::{Duration, Instant};

/// An agent who was lost may come back within this time (E51).
const RESUME_LIMIT: Duration = Duration::from_secs(30);
/// A new offer in time has this long to bring sound, once.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// What is known of the agent's absence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Away {
    /// From when on.
    pub since: Instant,
    /// When he is given up.
    pub until: Instant,
}

/// What is seen of the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// The browser's leg went down.
    LegDown,
    /// The browser's leg is up.
    LegUp,
    /// His packets are missed.
    Missed,
    /// His packets come again.
    Packets,
    /// The desk saw the page go.
    PageGone,
    /// The desk sees the same page again.
    PageHere,
}

/// What a sign changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Left(Away),
    Returned,
}

#[derive(Debug, Default)]
pub(super) struct Presence {
    leg_down: bool,
    missed: bool,
    page_gone: bool,
    away: Option<Away>,
    /// An offer has been granted its time already, in this absence.
    granted: bool,
}

impl Presence {
    pub(super) fn away(&self) -> Option<Away> {
        self.away
    }

    pub(super) fn saw(&mut self, now: Instant, sign: Sign) -> Option<Change> {
        match sign {
            Sign::LegDown => self.leg_down = true,
            Sign::Missed => self.missed = true,
            Sign::PageGone => self.page_gone = true,
            Sign::PageHere => self.page_gone = false,
            // A leg that is up brings no word yet: whose packets were missed is back with them.
            Sign::LegUp => (self.leg_down, self.page_gone) = (false, false),
            Sign::Packets => (self.leg_down, self.page_gone, self.missed) = (false, false, false),
        }
        let gone = self.leg_down || self.missed || self.page_gone;
        match (gone, self.away) {
            (true, None) => {
                let away = Away { since: now, until: now + RESUME_LIMIT };
                self.away = Some(away);
                Some(Change::Left(away))
            }
            (false, Some(_)) => {
                self.away = None;
                self.granted = false;
                Some(Change::Returned)
            }
            _ => None,
        }
    }

    /// A new offer was taken: its sound may come a little later than the limit.
    pub(super) fn offered(&mut self, now: Instant) -> Option<Change> {
        let away = self.away.as_mut()?;
        let later = now + CONNECT_LIMIT;
        if self.granted || later <= away.until {
            return None;
        }
        self.granted = true;
        away.until = later;
        Some(Change::Left(*away))
    }
}
