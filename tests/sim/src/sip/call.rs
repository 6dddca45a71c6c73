//! One call as the carrier sees it: the dialog, its timers and its requests.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::message::{Headers, Request, name_addr, tag};
use super::reply::{hop, route_set};
use super::transactions::{GIVE_UP, T1, T2, TxKey};
use crate::party::Behaviour;
use crate::rtp::sdp::Offer;

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Waiting for its media port before anything is said.
    Opening,
    /// 180 is out; `next` is the party's decision, if it takes one.
    Ringing { next: Option<Instant>, renew: Instant },
    /// The announcement plays in 183.
    Announcing,
    /// 200 is out.
    Answered,
    /// Nothing more happens; kept to recognise what arrives late.
    Over { until: Instant },
}

/// Bytes that are repeated at growing intervals until something arrives.
pub(crate) struct Repeating {
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
    next: Instant,
    interval: Duration,
    until: Instant,
}

/// What a tick of [`Repeating`] says.
pub(crate) enum Repeat {
    NotYet,
    Again,
    GiveUp,
}

impl Repeating {
    pub(crate) fn new(to: SocketAddr, bytes: Vec<u8>, now: Instant) -> Self {
        Self { to, bytes, next: now + T1, interval: T1, until: now + GIVE_UP }
    }

    pub(crate) fn tick(&mut self, now: Instant) -> Repeat {
        if now >= self.until {
            return Repeat::GiveUp;
        }
        if now < self.next {
            return Repeat::NotYet;
        }
        self.interval = (self.interval * 2).min(T2);
        self.next = now + self.interval;
        Repeat::Again
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.next.min(self.until)
    }
}

/// A call with all that its dialog needs.
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) invite: Request,
    pub(crate) key: TxKey,
    pub(crate) source: SocketAddr,
    pub(crate) local_tag: String,
    pub(crate) number: String,
    pub(crate) behaviour: Behaviour,
    pub(crate) offer: Option<Offer>,
    pub(crate) media: Option<SocketAddr>,
    pub(crate) session: u64,
    pub(crate) sdp_version: u32,
    pub(crate) remote_cseq: u32,
    pub(crate) remote_target: String,
    pub(crate) phase: Phase,
    /// A 200 to INVITE that waits for its ACK, with the `CSeq` the ACK must carry.
    pub(crate) accepted: Option<(u32, Repeating)>,
    /// Our BYE that waits for its answer, with its branch.
    pub(crate) bye: Option<(String, Repeating)>,
}

impl Call {
    /// Whether a request inside a dialog belongs to this call.
    pub(crate) fn owns(&self, request: &Request) -> bool {
        let to = request.headers.get("To").and_then(tag);
        let from = request.headers.get("From").and_then(tag);
        to == Some(&self.local_tag) && from == self.invite.headers.get("From").and_then(tag)
    }

    /// Whether the call is neither refused nor ended.
    pub(crate) fn is_live(&self) -> bool {
        !matches!(self.phase, Phase::Over { .. })
    }

    /// Our BYE, and where it goes.
    pub(crate) fn bye(&self, local: SocketAddr, branch: &str) -> (SocketAddr, Vec<u8>) {
        let routes = route_set(&self.invite);
        let get = |name: &str| self.invite.headers.get(name).unwrap_or_default();
        let mut headers = Headers::default();
        headers.push("Via", format!("SIP/2.0/UDP {local};branch={branch};rport"));
        headers.push("Max-Forwards", "70");
        headers.push("From", format!("{};tag={}", get("To"), self.local_tag));
        headers.push("To", get("From"));
        headers.push("Call-ID", self.id.clone());
        headers.push("CSeq", "1 BYE");
        for route in &routes {
            headers.push("Route", route.clone());
        }
        headers.push("User-Agent", "songda-sim");
        let next = routes.first().and_then(|r| name_addr(r)).map_or(self.remote_target.as_str(), |(uri, _)| uri);
        let to = hop(next).unwrap_or(self.source);
        let request = Request { method: "BYE".to_owned(), uri: self.remote_target.clone(), headers, body: Vec::new() };
        (to, request.bytes())
    }

    /// When this call has work next.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let phase = match self.phase {
            Phase::Ringing { next, renew } => Some(next.map_or(renew, |n| n.min(renew))),
            Phase::Over { until } => Some(until),
            _ => None,
        };
        let accepted = self.accepted.as_ref().map(|(_, r)| r.deadline());
        let bye = self.bye.as_ref().map(|(_, r)| r.deadline());
        [phase, accepted, bye].into_iter().flatten().min()
    }
}
