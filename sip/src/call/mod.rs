//! Calls that we place: the INVITE session, its dialogs and what the carrier sends inside
//! them, without I/O.
//!
//! [`CallCore`] owns the transactions and all calls. Datagrams, commands and the time go
//! in; datagrams and [`LegEvent`]s come out of [`CallCore::poll`].

mod bye;
mod core;
mod dialog;
mod inherited;
mod inside;
mod outbound;
mod saved;

use std::{sync::Arc, time::Duration};

pub(crate) use self::saved::LegIds;
pub use self::{
    core::{CallCore, Out},
    inherited::{FinishError, Finished},
    saved::SavedLeg,
};
use crate::number::{Number, Secret};

/// A way to the public network.
#[derive(Debug, Clone)]
pub struct Trunk {
    /// Name, for people.
    pub name: String,
    /// `host:port` of the carrier.
    pub proxy: String,
    /// SIP domain of the account, used in From, To and Request-URI.
    pub domain: String,
    /// Digest user.
    pub username: String,
    /// Digest password.
    pub password: Secret,
}

/// A call to place.
#[derive(Debug, Clone)]
pub struct OutboundCall {
    /// Over which trunk.
    pub trunk: Arc<Trunk>,
    /// Number to dial.
    pub callee: Number,
    /// The court's own number: From and P-Asserted-Identity.
    pub caller: Number,
    /// Our SDP offer.
    pub offer: String,
    /// Given up after this long without an answer.
    pub ring_limit: Duration,
}

/// News of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LegEvent {
    /// The carrier works on it.
    Trying,
    /// It rings.
    Ringing,
    /// The carrier sends sound before the answer: ring-back or an announcement.
    EarlyMedia {
        /// Its SDP answer.
        sdp: String,
    },
    /// The leg as it must be kept from here on; told right before [`LegEvent::Answered`]. The
    /// answer is acknowledged when the next event is asked for, or two seconds later: a run
    /// that is killed before it kept this finds the answer repeated by the other end
    /// (RFC 3261, 13.3.1.4) and can still hang up.
    Saved(Box<SavedLeg>),
    /// The party answered.
    Answered {
        /// The SDP answer.
        sdp: String,
    },
    /// The carrier changed the session; we agreed with our last SDP.
    Reoffered {
        /// Its new SDP.
        sdp: String,
    },
    /// It is over. Always the last event.
    Ended(Ended),
}

/// Who ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// We did.
    Us,
    /// The other end or the carrier.
    Peer,
    /// A timer.
    Timer,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndCause {
    /// Refused before an answer.
    Refused,
    /// Hung up after the answer.
    HungUp,
    /// Given up by us before the answer.
    Cancelled,
    /// Not answered within the ring limit.
    RingLimit,
    /// The carrier did not answer our request.
    Timeout,
    /// The carrier did not take our credentials.
    AuthenticationFailed,
    /// The carrier's address cannot be found or reached.
    Transport,
}

/// The end of a call, with what is needed to judge it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Who.
    pub by: Side,
    /// How.
    pub cause: EndCause,
    /// Final status, when one came.
    pub status: Option<u16>,
    /// Cause of a Reason header with protocol Q.850 (RFC 3326).
    pub q850: Option<u8>,
    /// From the first 18x to the end or the answer.
    pub rang: Option<Duration>,
    /// A 18x was seen.
    pub provisional: bool,
}

impl CallCore {
    /// Requests of ours that wait for a final answer, probes aside.
    pub fn unanswered(&self) -> usize {
        self.layer.unanswered()
    }
}
