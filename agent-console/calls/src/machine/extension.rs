//! A number with an extension (E39): whoever answers first is an exchange. Its keys are pressed
//! after the answer, and the notice waits until somebody at the extension answered: a voice after
//! the ring-back, or the end of it. Where nothing is heard a fixed time must do.

use std::time::{Duration, Instant};

/// An exchange listens for keys from here on.
const LISTENS: Duration = Duration::from_millis(1_500);
/// One key with its pause.
const KEY: Duration = Duration::from_millis(250);
/// From the last key until somebody at the extension can have answered, when nothing is heard.
const REACHED: Duration = Duration::from_secs(6);
/// After a ring the next one comes within this time, or it has ended.
const RINGS: Duration = Duration::from_millis(5_500);
/// An exchange that says that it puts the call through rings within this time after its words.
const PUTS_THROUGH: Duration = Duration::from_secs(2);
/// Who speaks longer than this hears the notice all the same.
const SPEAKS: Duration = Duration::from_secs(3);
/// However long it rings.
const PATIENCE: Duration = Duration::from_mins(1);

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Extension {
    /// There is none, or it was reached.
    None,
    /// Nobody answered yet.
    Ahead(String),
    /// The exchange answered.
    Answered { at: Instant, keys: String },
    /// The keys are on their way, and out at the first of these moments.
    Pressed { out: Instant, reached: Instant, last: Instant, rang: bool },
}

/// What is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Due {
    Press(String),
    Notice,
}

impl Extension {
    pub(super) fn of(keys: Option<String>) -> Self {
        keys.map_or(Self::None, Self::Ahead)
    }

    /// The call was answered; false when there is no extension to reach.
    pub(super) fn answered(&mut self, now: Instant) -> bool {
        let Self::Ahead(keys) = self else { return false };
        *self = Self::Answered { at: now + LISTENS, keys: std::mem::take(keys) };
        true
    }

    /// The extension rings.
    pub(super) fn rings(&mut self, now: Instant) {
        if let Self::Pressed { out, reached, last, rang } = self
            && now >= *out
        {
            *rang = true;
            *reached = (now + RINGS).min(*last);
        }
    }

    /// Somebody speaks, or has spoken.
    pub(super) fn voice(&mut self, now: Instant, on: bool) {
        let Self::Pressed { out, reached, last, rang } = self else { return };
        if now < *out {
            return;
        }
        let until = match (on, *rang) {
            (true, true) => now + SPEAKS,
            // The exchange, or somebody who was there at once: its end tells.
            (true, false) => (*reached).max(now + SPEAKS),
            (false, true) => now,
            (false, false) => now + PUTS_THROUGH,
        };
        *reached = until.min(*last);
    }

    pub(super) fn due(&self) -> Option<Instant> {
        match self {
            Self::None | Self::Ahead(_) => None,
            Self::Answered { at, .. } => Some(*at),
            Self::Pressed { reached, .. } => Some(*reached),
        }
    }

    pub(super) fn take_due(&mut self, now: Instant) -> Option<Due> {
        if self.due().is_none_or(|due| now < due) {
            return None;
        }
        match std::mem::replace(self, Self::None) {
            Self::Answered { keys, .. } => {
                let out = now + KEY * keys.len() as u32;
                *self = Self::Pressed { out, reached: out + REACHED, last: out + PATIENCE, rang: false };
                Some(Due::Press(keys))
            }
            _ => Some(Due::Notice),
        }
    }
}
