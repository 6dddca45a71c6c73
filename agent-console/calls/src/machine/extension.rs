//! A number with an extension (E39): whoever answers first is an exchange. Its keys are pressed
//! after the answer, and the notice waits until the extension can have been reached.

use std::time::{Duration, Instant};

/// An exchange listens for keys from here on.
const LISTENS: Duration = Duration::from_millis(1_500);
/// One key with its pause.
const KEY: Duration = Duration::from_millis(250);
/// From the last key until somebody at the extension can have answered.
const REACHED: Duration = Duration::from_secs(6);

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Extension {
    /// There is none, or it was reached.
    None,
    /// Nobody answered yet.
    Ahead(String),
    /// The exchange answered.
    Answered { at: Instant, keys: String },
    /// The keys are out.
    Pressed { reached: Instant },
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

    pub(super) fn due(&self) -> Option<Instant> {
        match self {
            Self::None | Self::Ahead(_) => None,
            Self::Answered { at, .. } => Some(*at),
            Self::Pressed { reached } => Some(*reached),
        }
    }

    pub(super) fn take_due(&mut self, now: Instant) -> Option<Due> {
        if self.due().is_none_or(|due| now < due) {
            return None;
        }
        match std::mem::replace(self, Self::None) {
            Self::Answered { keys, .. } => {
                *self = Self::Pressed { reached: now + KEY * keys.len() as u32 + REACHED };
                Some(Due::Press(keys))
            }
            _ => Some(Due::Notice),
        }
    }
}
