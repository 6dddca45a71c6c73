//! One call as the carrier sees it: the dialog, its timers and its requests.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::asking::Asking;
use super::changing::{Changed, Changing};
use super::message::{Headers, Request, name_addr, tag};
use super::reply::{hop, route_set};
use super::transactions::{GIVE_UP, T1, T2, TxKey};
use crate::party::{Behaviour, Errand};
use crate::rtp::sdp::Offer;

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Waiting for its media port before anything is said.
    Opening,
    /// A party dials the court; nobody answered yet.
    Calling,
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
    longest: Duration,
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
        Self { to, bytes, next: now + T1, interval: T1, longest: T2, until: now + GIVE_UP }
    }

    /// An INVITE, whose interval grows without end (RFC 3261, section 17.1.1.2).
    pub(crate) fn invite(to: SocketAddr, bytes: Vec<u8>, now: Instant) -> Self {
        Self { longest: GIVE_UP, ..Self::new(to, bytes, now) }
    }

    pub(crate) fn tick(&mut self, now: Instant) -> Repeat {
        if now >= self.until {
            return Repeat::GiveUp;
        }
        if now < self.next {
            return Repeat::NotYet;
        }
        self.interval = (self.interval * 2).min(self.longest);
        self.next = now + self.interval;
        Repeat::Again
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.next.min(self.until)
    }
}

/// Who began a call.
pub(crate) enum Origin {
    /// The court, with this transaction.
    Court(TxKey),
    /// A party, who dials the court.
    Party(Box<Asking>),
}

/// A call with all that its dialog needs.
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) origin: Origin,
    /// The INVITE that opened the call, whoever sent it.
    pub(crate) invite: Request,
    pub(crate) source: SocketAddr,
    pub(crate) local_tag: String,
    /// Tag of the court; empty until its first answer to a party's call.
    pub(crate) remote_tag: String,
    /// The last number that we gave to a request of our own in this dialog.
    pub(crate) local_cseq: u32,
    pub(crate) routes: Vec<String>,
    pub(crate) number: String,
    pub(crate) behaviour: Behaviour,
    pub(crate) errand: Errand,
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
    /// Our re-INVITE that waits for its answer, and what acknowledged the last one.
    pub(crate) changing: Option<Changing>,
    pub(crate) changed: Option<Changed>,
}

impl Call {
    /// Whether a request inside a dialog belongs to this call.
    pub(crate) fn owns(&self, request: &Request) -> bool {
        let to = request.headers.get("To").and_then(tag);
        let from = request.headers.get("From").and_then(tag);
        to == Some(&self.local_tag) && from == Some(&self.remote_tag)
    }

    /// A call that the court began.
    pub(crate) fn of_court(key: TxKey, invite: Request, source: SocketAddr, local_tag: String) -> Self {
        let contact = invite.headers.get("Contact").and_then(name_addr).map(|(uri, _)| uri.to_owned());
        Self {
            id: invite.headers.get("Call-ID").unwrap_or_default().to_owned(),
            origin: Origin::Court(key),
            source,
            local_tag,
            remote_tag: invite.headers.get("From").and_then(tag).unwrap_or_default().to_owned(),
            local_cseq: 0,
            routes: route_set(&invite.headers),
            number: String::new(),
            behaviour: Behaviour::Silent,
            errand: Errand::default(),
            offer: None,
            media: None,
            session: 1,
            sdp_version: 1,
            remote_cseq: invite.cseq().map_or(0, |(n, _)| n),
            remote_target: contact.unwrap_or_default(),
            phase: Phase::Opening,
            accepted: None,
            bye: None,
            changing: None,
            changed: None,
            invite,
        }
    }

    /// The transaction of the court's INVITE, if the court began the call.
    pub(crate) fn key(&self) -> Option<&TxKey> {
        match &self.origin {
            Origin::Court(key) => Some(key),
            Origin::Party(_) => None,
        }
    }

    /// What a party's own call waits for.
    pub(crate) fn asking(&mut self) -> Option<&mut Asking> {
        match &mut self.origin {
            Origin::Court(_) => None,
            Origin::Party(asking) => Some(asking),
        }
    }

    /// The other end, as the journal names it.
    pub(crate) fn other_end(&self) -> &'static str {
        match self.origin {
            Origin::Court(_) => "caller",
            Origin::Party(_) => "court",
        }
    }

    /// Whether the call is neither refused nor ended.
    pub(crate) fn is_live(&self) -> bool {
        !matches!(self.phase, Phase::Over { .. })
    }

    /// Our BYE, and where it goes.
    pub(crate) fn bye(&mut self, local: SocketAddr, branch: &str) -> (SocketAddr, Vec<u8>) {
        self.local_cseq += 1;
        let cseq = self.local_cseq;
        self.inside("BYE", cseq, local, branch)
    }

    /// A request of ours inside the dialog, and where it goes.
    pub(crate) fn inside(&self, method: &str, cseq: u32, local: SocketAddr, branch: &str) -> (SocketAddr, Vec<u8>) {
        let (to, request) = self.request(method, cseq, local, branch);
        (to, request.bytes())
    }

    /// The same, to be added to.
    pub(crate) fn request(&self, method: &str, cseq: u32, local: SocketAddr, branch: &str) -> (SocketAddr, Request) {
        let get = |name: &str| self.invite.headers.get(name).unwrap_or_default();
        let (from, to) = match self.origin {
            Origin::Court(_) => (format!("{};tag={}", get("To"), self.local_tag), get("From").to_owned()),
            Origin::Party(_) => (get("From").to_owned(), format!("{};tag={}", get("To"), self.remote_tag)),
        };
        let mut headers = Headers::default();
        headers.push("Via", format!("SIP/2.0/UDP {local};branch={branch};rport"));
        headers.push("Max-Forwards", "70");
        headers.push("From", from);
        headers.push("To", to);
        headers.push("Call-ID", self.id.clone());
        headers.push("CSeq", format!("{cseq} {method}"));
        for route in &self.routes {
            headers.push("Route", route.clone());
        }
        headers.push("User-Agent", "songda-sim");
        let next = self.routes.first().and_then(|r| name_addr(r)).map_or(self.remote_target.as_str(), |(uri, _)| uri);
        let to = hop(next).unwrap_or(self.source);
        let request = Request { method: method.to_owned(), uri: self.remote_target.clone(), headers, body: Vec::new() };
        (to, request)
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
        let changing = self.changing.as_ref().map(Changing::deadline);
        let asking = match &self.origin {
            Origin::Party(asking) if self.is_live() => asking.deadline(),
            _ => None,
        };
        [phase, accepted, bye, changing, asking].into_iter().flatten().min()
    }
}
