//! What calls send by: the transactions, the names that go on the wire, and what waits to
//! come out.

use std::{
    collections::{HashMap, VecDeque},
    fmt::Write as _,
    net::SocketAddr,
    time::Instant,
};

use bytes::Bytes;

use super::{LegEvent, Out, carriers::Carriers, large::Large};
use crate::{
    flow::Flow,
    msg::{Request, Response},
    transport::Addresses,
    tx::{Key, Layer},
    wire::print_request,
};

/// What a transaction of ours, or one of the other end, is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Our INVITE that begins a call.
    Invite,
    /// Their INVITE that begins a call.
    Incoming,
    /// A re-INVITE or UPDATE of ours.
    Change,
    /// A PRACK of ours.
    Prack,
    /// A BYE of ours.
    Bye,
}

/// Whose a transaction is.
#[derive(Debug, Clone)]
pub(super) struct Owner {
    pub(super) call: String,
    pub(super) purpose: Purpose,
}

/// See the head of this file.
pub(super) struct Post {
    pub(super) layer: Layer,
    pub(super) owners: HashMap<Key, Owner>,
    pub(super) out: VecDeque<Out>,
    pub(super) carriers: Carriers,
    pub(super) large: Large,
    addresses: Addresses,
    user_agent: String,
    random: Box<dyn FnMut() -> u64 + Send>,
}

/// So many times 16 random hexadecimal digits.
pub(super) fn token(random: &mut impl FnMut() -> u64, words: usize) -> String {
    let mut token = String::with_capacity(16 * words);
    for _ in 0..words {
        let _ = write!(token, "{:016x}", random());
    }
    token
}

impl Post {
    pub(super) fn new(addresses: Addresses, user_agent: String, random: Box<dyn FnMut() -> u64 + Send>) -> Self {
        Self {
            layer: Layer::default(),
            owners: HashMap::new(),
            out: VecDeque::new(),
            carriers: Carriers::default(),
            large: Large::default(),
            addresses,
            user_agent,
            random,
        }
    }

    /// The address of ours that somebody at the other end of this flow is told.
    pub(super) fn local(&self, to: &Flow) -> SocketAddr {
        self.addresses.sent_by(to)
    }

    /// How we name ourselves in a Warning.
    pub(super) fn host(&self) -> String {
        self.addresses.main().to_string()
    }

    pub(super) fn random(&mut self) -> u64 {
        (self.random)()
    }

    /// A word of random hexadecimal digits.
    pub(super) fn token(&mut self, words: usize) -> String {
        token(&mut self.random, words)
    }

    pub(super) fn contact(&self, to: &Flow) -> String {
        self.addresses.contact(to)
    }

    /// Adds what every request of ours has: Via, Contact, User-Agent.
    pub(super) fn finish(&mut self, request: Request, to: &Flow) -> Request {
        let branch = self.token(2);
        self.finish_as(request, to, &branch)
    }

    pub(super) fn finish_as(&self, mut request: Request, to: &Flow, branch: &str) -> Request {
        let headers = &mut request.headers;
        headers.remove("Via");
        headers.remove("User-Agent");
        headers.push_front("Via", self.addresses.via(to, branch));
        if headers.get("Contact").is_none() {
            headers.push("Contact", self.contact(to));
        }
        headers.push("User-Agent", &self.user_agent);
        request
    }

    /// Sends a request of a call in a new transaction. None when the branch is in use.
    pub(super) fn send(
        &mut self,
        now: Instant,
        call: &str,
        purpose: Purpose,
        request: Request,
        hop: Flow,
    ) -> Option<Key> {
        let key = self.layer.send(now, request, hop)?;
        self.owners.insert(key.clone(), Owner { call: call.to_owned(), purpose });
        Some(key)
    }

    /// As [`Post::send`]; what is too large for a datagram goes over TCP (18.1.1).
    pub(super) fn send_by_size(
        &mut self,
        now: Instant,
        call: &str,
        purpose: Purpose,
        request: Request,
        hop: Flow,
    ) -> Option<Key> {
        let Some((over_tcp, tcp)) = self.large.over_tcp(now, &request, &hop, &self.addresses) else {
            return self.send(now, call, purpose, request, hop);
        };
        let key = self.layer.send_or(now, over_tcp, tcp, (request, hop))?;
        self.owners.insert(key.clone(), Owner { call: call.to_owned(), purpose });
        Some(key)
    }

    /// Prints and sends what has no transaction: an ACK. What was sent, for its repeats.
    pub(super) fn send_ack(&mut self, ack: &Request, hop: Flow) -> Bytes {
        let bytes = Bytes::from(print_request(ack));
        self.out.push_back(Out::Send(hop, bytes.clone()));
        bytes
    }

    /// Answers a request.
    pub(super) fn respond(&mut self, now: Instant, key: &Key, response: &Response) {
        self.layer.respond(now, key, response);
    }

    /// Answers a request with a bare status.
    pub(super) fn refuse(&mut self, now: Instant, key: &Key, request: &Request, status: u16) {
        let tag = self.token(1);
        self.respond(now, key, &Response::to(request, status, &tag));
    }

    /// Answers with 500, and when to come again (RFC 3261, 14.2; RFC 3311, 5.2).
    pub(super) fn later(&mut self, now: Instant, key: &Key, request: &Request) {
        let tag = self.token(1);
        let mut response = Response::to(request, 500, &tag);
        response.headers.push("Retry-After", (self.random() % 11).to_string());
        self.respond(now, key, &response);
    }

    /// News of a call.
    pub(super) fn tell(&mut self, call: &str, event: LegEvent) {
        self.out.push_back(Out::Event(call.to_owned(), event));
    }
}
