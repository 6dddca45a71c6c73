//! Session timers (RFC 4028, 4 and 5).

use super::{Headers, text};

/// Who refreshes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresher {
    /// The caller of the transaction.
    Uac,
    /// Its answerer.
    Uas,
}

impl Refresher {
    /// As it stands in the header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Uac => "uac",
            Self::Uas => "uas",
        }
    }
}

/// Session-Expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionExpires {
    /// Seconds.
    pub delta: u32,
    /// Who refreshes, where it is said.
    pub refresher: Option<Refresher>,
}

impl SessionExpires {
    /// Reads it; none where it is absent or cannot be.
    pub fn of(headers: &Headers) -> Option<Self> {
        let value = headers.get("Session-Expires")?;
        let (delta, tail) = value.split_at(value.find(';').unwrap_or(value.len()));
        let refresher = match text::param(tail, "refresher") {
            Some(word) if word.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
            Some(word) if word.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
            _ => None,
        };
        Some(Self { delta: text::seconds(delta.trim())?, refresher })
    }
}

impl std::fmt::Display for SessionExpires {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.delta)?;
        self.refresher.map_or(Ok(()), |refresher| write!(f, ";refresher={}", refresher.as_str()))
    }
}

/// Seconds of Min-SE (RFC 4028, 5).
pub fn min_se(headers: &Headers) -> Option<u32> {
    let value = headers.get("Min-SE")?;
    text::seconds(value.split(';').next()?.trim())
}
