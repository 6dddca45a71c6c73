//! How a trunk stands, for people and for the choice.

use std::time::Instant;

/// Whether the carrier is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Nobody asks, or nothing came back yet. Calls go.
    Unknown,
    /// It answered.
    Alive,
    /// It did not answer twice in a row, or says that it serves nobody (503).
    Silent,
}

/// How a registration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// A static peer.
    Static,
    /// Under way for the first time.
    Trying,
    /// Registered.
    Until(Instant),
    /// Not registered; tried again.
    Failing {
        /// What the carrier said; none: nothing.
        status: Option<u16>,
        /// When it is tried again.
        again: Instant,
    },
    /// The carrier does not want us. Not tried again until somebody changes the settings or asks
    /// for it ([`super::Board::again`]): an alarm.
    Refused {
        /// What it said.
        status: u16,
    },
}

/// Why a trunk is up or down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Nothing is wrong.
    Fine,
    /// An operator paused it.
    Paused,
    /// The carrier does not answer.
    Silent,
    /// It is not registered yet.
    Registering,
    /// It cannot be registered at the moment.
    NotRegistered,
    /// The carrier refused the account: somebody must look at it.
    Refused,
    /// The carrier asked to be left alone for a while (503 with Retry-After).
    Resting,
}

impl Why {
    /// The word by which machines know it; it never changes.
    pub fn code(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Paused => "paused",
            Self::Silent => "silent",
            Self::Registering => "registering",
            Self::NotRegistered => "not_registered",
            Self::Refused => "refused",
            Self::Resting => "resting",
        }
    }
}

/// The last thing a carrier said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// When.
    pub at: Instant,
}

/// How one trunk stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkState {
    /// Id.
    pub id: String,
    /// Name, for people.
    pub name: String,
    /// New calls may go over it.
    pub up: bool,
    /// Why, or why not.
    pub why: Why,
    /// Since when it is so.
    pub since: Instant,
    /// The host in use.
    pub host: String,
    /// Registration.
    pub registration: Registration,
    /// Whether the carrier is there.
    pub health: Health,
    /// The last answer to REGISTER or OPTIONS.
    pub last_answer: Option<Answer>,
    /// Live calls.
    pub calls: u32,
}
