//! Transactions (RFC 3261, 17, with RFC 6026), without I/O.
//!
//! The caller passes in messages and the time; bytes to send and events come out of
//! [`Layer::poll`]. Every transaction has a terminal timer, so the tables always empty.
//! Over a reliable flow nothing is sent again (17.1.1.2).

mod client;
mod server;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::{Duration, Instant},
};

use client::Client;
use server::Server;

use crate::{
    flow::Flow,
    msg::{Method, Request, Response},
    uri::param,
};

/// Round-trip estimate.
pub const T1: Duration = Duration::from_millis(500);
/// Longest retransmission interval.
pub const T2: Duration = Duration::from_secs(4);
/// How long a message may live in the network.
pub const T4: Duration = Duration::from_secs(5);
/// 64 × T1: timers B, F, H, J, L, M.
pub(crate) const T64: Duration = Duration::from_secs(32);

/// What names a transaction: branch, sent-by and method, where ACK goes with its INVITE.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Branch of the top Via.
    pub branch: String,
    sent_by: String,
    method: String,
    server: bool,
}

impl Key {
    fn read(headers: &crate::msg::Headers, method: &Method, server: bool) -> Option<Self> {
        let via = headers.list("Via").next()?;
        let branch = param(via, "branch").filter(|branch| branch.starts_with("z9hG4bK") && branch.len() > 7)?;
        let sent_by = via.split_whitespace().nth(1)?.split(';').next()?.to_ascii_lowercase();
        let method = if *method == Method::ACK { Method::INVITE } else { method.clone() };
        Some(Self { branch: branch.to_owned(), sent_by, method: method.to_string(), server })
    }
}

/// What the layer tells the user of the transactions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A new request. Answer it with [`Layer::respond`].
    Request(Key, Request, Flow),
    /// An ACK that belongs to a 2xx.
    Ack(Request),
    /// The INVITE of this server transaction was cancelled.
    Cancelled(Key),
    /// A response to one of ours, or a stray 2xx to an INVITE.
    Response(Key, Response, Flow),
    /// No final response came in time (timers B, F).
    Timeout(Key),
}

/// What comes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Bytes to send.
    Send(Flow, Vec<u8>),
    /// News for the user.
    Event(Event),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Timer {
    /// A, E or G.
    Retransmit,
    /// B, F, H or Timer C.
    Timeout,
    /// D, I, J, K, L or M.
    Gone,
}

/// All transactions of one endpoint.
#[derive(Debug, Default)]
pub struct Layer {
    clients: HashMap<Key, Client>,
    servers: HashMap<Key, Server>,
    timers: BTreeMap<(Instant, u64), (Key, Timer)>,
    counter: u64,
    out: VecDeque<Output>,
    retransmissions: u64,
}

impl Layer {
    /// Transactions alive.
    pub fn len(&self) -> usize {
        self.clients.len() + self.servers.len()
    }

    /// Whether no transaction is alive.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Messages that were sent again since the start.
    pub fn retransmissions(&self) -> u64 {
        self.retransmissions
    }

    /// When [`Layer::tick`] wants to be called.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.timers.keys().next().map(|(at, _)| *at)
    }

    /// What has to be done next.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// Time went on.
    pub fn tick(&mut self, now: Instant) {
        while let Some((&id, _)) = self.timers.first_key_value().filter(|((at, _), _)| *at <= now) {
            if let Some((key, timer)) = self.timers.remove(&id) {
                if key.server { self.server_timer(now, &key, timer) } else { self.client_timer(now, &key, timer) }
            }
        }
    }

    fn arm(&mut self, at: Instant, key: &Key, timer: Timer) {
        self.counter += 1;
        self.timers.insert((at, self.counter), (key.clone(), timer));
    }

    fn disarm(&mut self, key: &Key) {
        self.timers.retain(|_, (owner, _)| owner != key);
    }

    fn send_bytes(&mut self, to: Flow, bytes: Vec<u8>) {
        self.out.push_back(Output::Send(to, bytes));
    }

    fn send_again(&mut self, to: Flow, bytes: Vec<u8>) {
        self.retransmissions += 1;
        self.send_bytes(to, bytes);
    }

    fn tell(&mut self, event: Event) {
        self.out.push_back(Output::Event(event));
    }
}
