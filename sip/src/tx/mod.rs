//! Transactions (RFC 3261, 17, with RFC 6026), without I/O.
//!
//! The caller passes in messages and the time; bytes to send and events come out of
//! [`Layer::poll`]. Every transaction has a terminal timer, so the tables always empty.
//! Over a reliable flow nothing is sent again, and where the RFC says so nothing is waited
//! for after the end (17.1.1.2 and following: D, I, J, K are zero).

mod client;
mod key;
mod server;
mod timers;

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Instant,
};

use bytes::Bytes;

pub(crate) use self::timers::T64;
use self::{
    client::Client,
    server::Server,
    timers::{Timer, Timers},
};
pub use self::{
    key::Key,
    timers::{T1, T2, T4},
};
use crate::{
    flow::Flow,
    msg::{Request, Response},
};

/// What the layer tells the user of the transactions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A new request. Answer it with [`Layer::respond`].
    Request(Key, Request, Flow),
    /// An ACK that belongs to a 2xx.
    Ack(Request, Flow),
    /// The INVITE of this server transaction was cancelled, by this CANCEL.
    Cancelled(Key, Request),
    /// A response to one of ours, or a stray 2xx to an INVITE.
    Response(Key, Response, Flow),
    /// No final response came in time (timers B, C, F).
    Timeout(Key),
    /// The request could not be sent: as if 503 had been the answer (17.1.4, 8.1.3.1).
    Unreachable(Key),
    /// This way leads nowhere: the request takes the other one that was given for it, unless
    /// [`Event::Unreachable`] follows.
    Instead(Key, Flow),
}

/// What comes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Bytes to send.
    Send(Flow, Bytes),
    /// News for the user.
    Event(Event),
}

/// More transactions of others than this are refused with 503: a flood costs no more memory.
const SERVERS: usize = 100_000;

/// All transactions of one endpoint.
#[derive(Debug, Default)]
pub struct Layer {
    clients: HashMap<Key, Client>,
    servers: HashMap<Key, Server>,
    /// Requests outside of a dialog that are being served, to know a second copy by.
    merged: HashMap<Arc<str>, Key>,
    timers: Timers,
    out: VecDeque<Output>,
    retransmissions: u64,
}

impl Layer {
    /// Transactions alive.
    pub fn len(&self) -> usize {
        self.clients.len() + self.servers.len()
    }

    /// Whether no transaction is alive, and nothing is left of one.
    pub fn is_empty(&self) -> bool {
        self.len() == 0 && self.merged.is_empty() && self.timers.len() == 0
    }

    /// Messages that were sent again since the start.
    pub fn retransmissions(&self) -> u64 {
        self.retransmissions
    }

    /// When [`Layer::tick`] wants to be called.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// What has to be done next.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// Time went on.
    pub fn tick(&mut self, now: Instant) {
        while let Some((key, timer)) = self.timers.due(now) {
            if key.server { self.server_timer(now, &key, timer) } else { self.client_timer(now, &key, timer) }
        }
    }

    fn send_bytes(&mut self, to: Flow, bytes: Bytes) {
        self.out.push_back(Output::Send(to, bytes));
    }

    fn send_again(&mut self, to: Flow, bytes: Bytes) {
        self.retransmissions += 1;
        self.send_bytes(to, bytes);
    }

    fn tell(&mut self, event: Event) {
        self.out.push_back(Output::Event(event));
    }
}
