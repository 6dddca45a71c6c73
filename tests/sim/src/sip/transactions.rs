//! Server transactions (RFC 3261, section 17.2; RFC 6026 for accepted invitations).
//!
//! Time is passed in. A final answer other than 2xx to an INVITE is sent again until its
//! ACK arrives; every other repeat of a request gets the last response once more.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::message::{Request, Response, parameter};
use super::reply::destination;

/// RFC 3261's T1: the estimate of the round trip.
pub(crate) const T1: Duration = Duration::from_millis(500);
/// RFC 3261's T2: the longest interval between two repeats.
pub(crate) const T2: Duration = Duration::from_secs(4);
/// 64 times T1: when one stops hoping for the other side.
pub(crate) const GIVE_UP: Duration = Duration::from_secs(32);
/// RFC 3261's T4: how long the network keeps a message.
const T4: Duration = Duration::from_secs(5);
const MAX_OPEN: usize = 10_000;

/// What names a transaction: branch, sent-by and the method that opened it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TxKey {
    branch: String,
    sent_by: String,
    method: String,
}

impl TxKey {
    /// The transaction `request` belongs to; an ACK or CANCEL names the INVITE's when
    /// `method` says so. `None` without a Via branch with the magic cookie.
    pub(crate) fn of(request: &Request, method: &str) -> Option<Self> {
        let vias = request.headers.list("Via");
        let via = vias.first()?;
        let branch = parameter(via, "branch").filter(|b| b.starts_with("z9hG4bK") && b.len() > 7)?;
        let sent_by = via.split_whitespace().nth(1)?.split(';').next()?.to_ascii_lowercase();
        Some(Self { branch: branch.to_owned(), sent_by, method: method.to_owned() })
    }
}

/// What an arriving request is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The first of its kind.
    New,
    /// Seen before; the bytes, if any, are to be sent again.
    Repeat(Option<(SocketAddr, Vec<u8>)>),
    /// There is no room for one more.
    Full,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Proceeding,
    Completed { next: Instant, interval: Duration, until: Instant },
    Confirmed { until: Instant },
}

struct Transaction {
    destination: SocketAddr,
    last: Option<Vec<u8>>,
    state: State,
    invite: bool,
}

/// All open server transactions.
#[derive(Default)]
pub(crate) struct Transactions(HashMap<TxKey, Transaction>);

impl Transactions {
    /// Takes note of a request other than ACK.
    pub(crate) fn arrive(&mut self, key: &TxKey, request: &Request, from: SocketAddr) -> Arrival {
        if let Some(known) = self.0.get(key) {
            return Arrival::Repeat(known.last.clone().map(|bytes| (known.destination, bytes)));
        }
        if self.0.len() >= MAX_OPEN {
            return Arrival::Full;
        }
        let invite = request.method == "INVITE";
        let destination = destination(request, from);
        self.0.insert(key.clone(), Transaction { destination, last: None, state: State::Proceeding, invite });
        Arrival::New
    }

    /// Takes an ACK; true when it belongs to a refused invitation.
    pub(crate) fn acknowledge(&mut self, key: &TxKey, now: Instant) -> bool {
        let Some(known) = self.0.get_mut(key).filter(|t| !matches!(t.state, State::Proceeding)) else {
            return false;
        };
        if matches!(known.state, State::Completed { .. }) {
            known.state = State::Confirmed { until: now + T4 };
        }
        true
    }

    /// Whether the transaction still waits for its final answer.
    pub(crate) fn is_open(&self, key: &TxKey) -> bool {
        self.0.get(key).is_some_and(|t| t.state == State::Proceeding)
    }

    /// Keeps `response` as the last of its transaction; returns what to send.
    pub(crate) fn respond(&mut self, key: &TxKey, response: &Response, now: Instant) -> Option<(SocketAddr, Vec<u8>)> {
        let known = self.0.get_mut(key).filter(|t| t.state == State::Proceeding)?;
        let bytes = response.bytes();
        known.last = Some(bytes.clone());
        known.state = match response.status {
            ..200 => State::Proceeding,
            // The dialog repeats the 200 by itself; repeats of the INVITE are absorbed.
            200..300 if known.invite => {
                known.last = None;
                State::Confirmed { until: now + GIVE_UP }
            }
            _ if known.invite => State::Completed { next: now + T1, interval: T1, until: now + GIVE_UP },
            _ => State::Confirmed { until: now + GIVE_UP },
        };
        Some((known.destination, bytes))
    }

    /// What must be sent again by now; forgets what is over.
    pub(crate) fn tick(&mut self, now: Instant) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut due = Vec::new();
        for transaction in self.0.values_mut() {
            if let State::Completed { next, interval, .. } = &mut transaction.state
                && *next <= now
            {
                *interval = (*interval * 2).min(T2);
                *next = now + *interval;
                let last = transaction.last.clone();
                due.extend(last.map(|bytes| (transaction.destination, bytes)));
            }
        }
        self.0.retain(|_, t| match t.state {
            State::Proceeding => true,
            State::Completed { until, .. } | State::Confirmed { until } => until > now,
        });
        due
    }

    /// When `tick` has work next.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let each = self.0.values().filter_map(|t| match t.state {
            State::Proceeding => None,
            State::Completed { next, until, .. } => Some(next.min(until)),
            State::Confirmed { until } => Some(until),
        });
        each.min()
    }
}
