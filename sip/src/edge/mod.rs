//! The door: who may come in, how often, and what is turned away when there is too much.
//!
//! Sans-IO. A message that belongs to a call is never held up here (RFC 7339, 5.10.1: requests
//! within a dialog go before new ones). New ones pass when their source is known ([`Access`]),
//! does not come too often ([`Rate`]), the work is not behind by more than the mark ([`Mark`])
//! and the house is not closing. What is turned away is answered without state (RFC 3261,
//! 8.2.7), the same way each time it is repeated, and the ACK of that answer goes no further.
//! Strangers are answered a few times a second and then not at all: nobody is hit by answers
//! to requests that someone else sent in his name.

mod access;
mod glance;
mod inbox;
mod ladder;
mod mask;
mod overload;
mod rate;
mod repeats;

use std::{net::IpAddr, time::Instant};

pub use self::{
    access::{Access, AccessFull, Network},
    inbox::Inbox,
    ladder::{Direction, Ladder, LadderLine},
    mask::mask,
    overload::{Load, Mark},
    rate::Rate,
};
use self::{overload::Overload, rate::Buckets, repeats::Repeats};
use crate::{
    flow::Flow,
    msg::{Message, Method, Request, Response},
};

/// Where a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The trunk with this id.
    Trunk(String),
    /// The desk phone that registered under this account.
    Phone(String),
    /// Somebody; only where the configuration lets everybody in: benches and tests.
    Open,
}

/// What becomes of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admit {
    /// It belongs to something that we may know: a response, an ACK, a CANCEL, a request within
    /// a dialog. The machines say so themselves when they do not.
    Inside,
    /// A new request from someone who may send it.
    Pass(Source),
    /// A REGISTER of somebody who must prove who he is.
    Prove,
    /// Answer with this, and forget it.
    Answer(Response),
    /// Say nothing.
    Drop,
}

/// What the door goes by.
#[derive(Debug, Clone, PartialEq)]
pub struct EdgeSettings {
    /// Everybody may call, as often as he likes: benches and tests.
    pub open: bool,
    /// Desk phones may register: a REGISTER of a stranger is asked for a proof.
    pub phones: bool,
    /// New requests of each trunk address or phone.
    pub known: Rate,
    /// Requests out of any dialog that each stranger gets an answer to.
    pub strangers: Rate,
    /// Messages within dialogs, and responses, that each address that is not on the list may
    /// send: a carrier's second machine takes part in calls, too.
    pub inside: Rate,
    /// Where overload begins.
    pub mark: Mark,
    /// Earliest time after which somebody who was turned away shall come again, in seconds.
    pub retry_after: u16,
}

impl Default for EdgeSettings {
    fn default() -> Self {
        Self {
            open: false,
            phones: false,
            known: Rate { per_second: 200.0, burst: 400.0 },
            strangers: Rate { per_second: 5.0, burst: 10.0 },
            inside: Rate { per_second: 500.0, burst: 1000.0 },
            mark: Mark::default(),
            retry_after: 5,
        }
    }
}

/// How often what was turned away, since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// New requests answered 503 because the work was behind.
    pub overload: u64,
    /// New requests answered 503 because the house closes.
    pub draining: u64,
    /// New requests answered 503 because their source sent too many.
    pub too_often: u64,
    /// Strangers' requests answered.
    pub strangers_answered: u64,
    /// Messages of strangers that nobody answered.
    pub strangers_dropped: u64,
}

/// The door.
#[derive(Debug)]
pub struct Edge {
    settings: EdgeSettings,
    access: Access,
    known: Buckets,
    strangers: Buckets,
    inside: Buckets,
    overload: Overload,
    admitted: Repeats,
    draining: bool,
    /// Makes our tags unlike those of another run.
    seed: u64,
    counts: Counts,
}

impl Edge {
    /// A door with nobody on its list. `seed` is random.
    pub fn new(settings: EdgeSettings, seed: u64) -> Self {
        Self {
            known: Buckets::new(settings.known),
            strangers: Buckets::new(settings.strangers),
            inside: Buckets::new(settings.inside),
            overload: Overload::new(settings.mark),
            settings,
            access: Access::default(),
            admitted: Repeats::default(),
            draining: false,
            seed,
            counts: Counts::default(),
        }
    }

    /// Who is known; changed while running.
    pub fn access(&mut self) -> &mut Access {
        &mut self.access
    }

    /// From now on no new call is taken; those that live go on.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// What was turned away.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How far the work is behind; to be told also when no message comes.
    pub fn measure(&mut self, load: Load) {
        self.overload.measure(load);
    }

    /// Decides about one message. `load` is measured when the message is taken from the queue.
    pub fn admit(&mut self, now: Instant, message: &Message, flow: Flow, load: Load) -> Admit {
        self.overload.measure(load);
        match message {
            Message::Response(_) => self.inside(now, flow),
            Message::Request(request) if belongs(request) => self.inside(now, flow),
            Message::Request(request) => self.outside(now, request, flow),
        }
    }

    fn inside(&mut self, now: Instant, flow: Flow) -> Admit {
        if self.settings.open || self.access.knows(&flow) || self.inside.take(now, flow.ip()) {
            return Admit::Inside;
        }
        self.counts.strangers_dropped += 1;
        Admit::Drop
    }

    fn outside(&mut self, now: Instant, request: &Request, flow: Flow) -> Admit {
        let source = self.access.source(&flow).or(self.settings.open.then_some(Source::Open));
        let Some(source) = source else { return self.stranger(now, request, flow.ip()) };
        let key = self.key(request);
        let invite = request.method == Method::INVITE;
        if invite && self.admitted.contains(key) {
            // Sent again: its transaction answers, whatever has changed since.
            return Admit::Pass(source);
        }
        if self.draining && ends_with_the_house(request) {
            self.counts.draining += 1;
            return self.unavailable(request, key);
        }
        if is_new_work(&request.method) {
            if self.overload.is_on() {
                self.counts.overload += 1;
                return self.unavailable(request, key);
            }
            if source != Source::Open && !self.known.take(now, flow.ip()) {
                self.counts.too_often += 1;
                return self.unavailable(request, key);
            }
        }
        if invite {
            self.admitted.insert(now, key);
        }
        Admit::Pass(source)
    }

    fn stranger(&mut self, now: Instant, request: &Request, ip: IpAddr) -> Admit {
        if !self.strangers.take(now, ip) {
            self.counts.strangers_dropped += 1;
            return Admit::Drop;
        }
        self.counts.strangers_answered += 1;
        let key = self.key(request);
        if self.settings.phones && request.method == Method::parse("REGISTER") {
            if self.draining || self.overload.is_on() {
                return self.unavailable(request, key);
            }
            return Admit::Prove;
        }
        Admit::Answer(Response::to(request, 403, &tag(key)))
    }

    fn unavailable(&self, request: &Request, key: u64) -> Admit {
        let mut response = Response::to(request, 503, &tag(key));
        // Not all at once: who was turned away together shall not come back together.
        let spread = key % (u64::from(self.settings.retry_after) + 1);
        response.headers.push("Retry-After", (u64::from(self.settings.retry_after) + spread).to_string());
        Admit::Answer(response)
    }

    /// Whether this is the ACK of an answer that was given at the door: nobody waits for it, and
    /// it need not be read. No other tag of ours looks like that.
    pub fn is_over(message: &[u8]) -> bool {
        message.starts_with(b"ACK ") && glance::to_has(message, TAGGED)
    }

    /// The transaction, however often it is sent.
    fn key(&self, request: &Request) -> u64 {
        repeats::key(
            self.seed,
            request.headers.list("Via").next().unwrap_or_default(),
            request.headers.get("Call-ID").unwrap_or_default(),
        )
    }
}

/// So begin our tags of answers without state.
const TAG: &str = "door-";
/// The same in a header.
const TAGGED: &[u8] = b";tag=door-";

fn tag(key: u64) -> String {
    format!("{TAG}{key:016x}")
}

/// Work that only begins: a call, a registration.
fn is_new_work(method: &Method) -> bool {
    *method == Method::INVITE || *method == Method::parse("REGISTER")
}

/// Part of a transaction or a dialog (RFC 3261, 12.2.2).
fn belongs(request: &Request) -> bool {
    if request.method == Method::ACK || request.method == Method::CANCEL {
        return true;
    }
    request.headers.get("To").is_some_and(|to| crate::uri::tag_of(to).is_some())
}

/// A carrier that asks whether we are there shall send its calls elsewhere, too.
fn ends_with_the_house(request: &Request) -> bool {
    is_new_work(&request.method) || request.method == Method::OPTIONS
}
