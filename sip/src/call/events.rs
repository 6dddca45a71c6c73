//! What calls say to their owner, and what their owner says to them.

use std::{fmt, time::Duration};

use super::SavedLeg;
use crate::{flow::Flow, number::Number};

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
    /// The leg as it must be kept from here on; told right before [`LegEvent::Answered`], when
    /// a call that came in is answered by us, and when another host of the trunk is asked. The
    /// answer to a call of ours is acknowledged when the next event is asked for, or two seconds
    /// later: a run that is killed before it kept this finds the answer repeated by the other end
    /// (RFC 3261, 13.3.1.4) and can still hang up.
    Saved(Box<SavedLeg>),
    /// The party answered.
    Answered {
        /// The SDP answer.
        sdp: String,
    },
    /// The other end acknowledged our answer: the call that came in is up.
    Acknowledged,
    /// The other end changed the session; we agreed with our last SDP.
    Reoffered {
        /// Its new SDP.
        sdp: String,
    },
    /// The other end answered an offer of ours: a later one, or that of a call that came in
    /// without one.
    ReofferAnswered {
        /// Its SDP answer.
        sdp: String,
    },
    /// The other end did not take a later offer of ours: the session stays as it was.
    ReofferRefused {
        /// Final SIP status.
        status: u16,
    },
    /// A key was pressed, told by INFO (`application/dtmf-relay` or `application/dtmf`).
    Digit {
        /// `0`-`9`, `*`, `#`, `A`-`D`.
        digit: char,
        /// How long it was held, milliseconds; 0 when that was not said.
        ms: u32,
    },
    /// It is over for us. [`LegEvent::Down`] follows.
    Ended(Ended),
    /// It is over for the other end too, as far as we know. Always the last event.
    Down {
        /// The other end said so: it hung up itself, or answered our BYE or CANCEL. False when
        /// nothing came for 32 seconds: it may think that the call goes on.
        answered: bool,
    },
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
    /// Given up before the answer, by whoever called.
    Cancelled,
    /// Not answered within the ring limit.
    RingLimit,
    /// The other end did not answer a request of ours, or did not refresh the session in time.
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
    /// Final status, when one came; of a call that came in, the one that we gave.
    pub status: Option<u16>,
    /// Cause of a Reason header with protocol Q.850 (RFC 3326).
    pub q850: Option<u8>,
    /// From the first 18x to the end or the answer.
    pub rang: Option<Duration>,
    /// A 18x was seen, or given by us.
    pub provisional: bool,
    /// The carrier has no room and asks to be left alone for so long: Retry-After of a 503
    /// (RFC 3261, 21.5.4).
    pub retry_after: Option<Duration>,
}

/// A call that comes in.
#[derive(Clone, PartialEq, Eq)]
pub struct Invite {
    /// User part of the Request-URI: the number or account that is called.
    pub called: String,
    /// Who calls, by P-Asserted-Identity where there is one, else by From; none when that is no
    /// number, or hidden. The network of the caller says so, nobody proved it.
    pub caller: Option<Number>,
    /// Its SDP offer; without one the answer to the call makes the offer.
    pub offer: Option<String>,
    /// The way it came.
    pub flow: Flow,
}

impl fmt::Debug for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invite")
            .field("called", &Number::new(&self.called))
            .field("caller", &self.caller)
            .field("offer", &self.offer.is_some())
            .field("flow", &self.flow)
            .finish_non_exhaustive()
    }
}

/// How a call that comes in is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// SIP status, 300 to 699; anything else is taken as 480.
    pub status: u16,
    /// Cause of Q.850, told in a Reason header.
    pub q850: Option<u8>,
    /// When to try again.
    pub retry_after: Option<Duration>,
    /// Where to try instead, for a 3xx: a URI.
    pub contact: Option<String>,
    /// Why, for whoever looks at his telephone (RFC 3261, 20.43).
    pub words: Option<&'static str>,
}

impl Rejection {
    /// A bare status.
    pub fn status(status: u16) -> Self {
        Self { status, q850: None, retry_after: None, contact: None, words: None }
    }
}
