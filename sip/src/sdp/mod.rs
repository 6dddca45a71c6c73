//! Session descriptions, as far as signalling must understand them (RFC 3264, RFC 6337).
//!
//! The media side makes our descriptions and reads those of the other end; here stands what an
//! offer may ask of a telephone call and what the answer to it is: one stream of G.711, in the clear
//! or secured by keys that stand in it (SDES, RFC 4568), with telephone-event, and everything else
//! declined. Reading is bounded.

mod answer;
mod crypto;
mod parse;
mod revise;

pub use self::{
    answer::{agreed, answer_to, first_answer_to},
    crypto::Srtp,
    parse::{Media, Session},
    revise::{following, unnarrowed},
};

/// Which way sound flows, from the side of whoever wrote the description (RFC 3264, 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// `a=sendrecv`, and what goes for nothing said.
    SendRecv,
    /// `a=sendonly`: he holds the other end.
    SendOnly,
    /// `a=recvonly`.
    RecvOnly,
    /// `a=inactive`.
    Inactive,
}

impl Direction {
    /// From its two halves.
    pub fn of(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// The name of an attribute.
    pub fn parse(attribute: &str) -> Option<Self> {
        match attribute {
            "sendrecv" => Some(Self::SendRecv),
            "sendonly" => Some(Self::SendOnly),
            "recvonly" => Some(Self::RecvOnly),
            "inactive" => Some(Self::Inactive),
            _ => None,
        }
    }

    /// As it stands in an attribute.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// Whether the writer sends.
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the writer receives.
    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}

/// Why an offer or an answer cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It is no session description, or longer than is read.
    #[error("the session description cannot be read")]
    Malformed,
    /// Fax (T.38), video, or no live audio at all.
    #[error("only sound is served")]
    MediaType,
    /// No RTP, or secured sound without a key that can be used.
    #[error("only RTP is served, in the clear or by a key that stands in the description where that is agreed")]
    Transport,
    /// Sound must be secured here, and there is no key that can be used (RFC 4568).
    #[error("sound must be secured here, and no key for it is offered")]
    Secured,
    /// Neither PCMA nor PCMU.
    #[error("only G.711 is served")]
    Codec,
    /// No address, or one of the other family.
    #[error("the session description has no address that can be reached")]
    Address,
}

impl Refusal {
    /// The status that answers an offer.
    pub fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            _ => 488,
        }
    }

    /// Code and text of a Warning header (RFC 3261, 20.43).
    pub fn warning(self) -> (u16, &'static str) {
        match self {
            Self::Malformed => (399, "Session description cannot be read"),
            Self::MediaType => (304, "Media type not available"),
            Self::Transport => (302, "Incompatible transport protocol"),
            Self::Secured => (302, "Secured sound (RTP/SAVP with a key) is required"),
            Self::Codec => (305, "Incompatible media format"),
            Self::Address => (301, "Incompatible network address formats"),
        }
    }
}
