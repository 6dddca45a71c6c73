//! Client transactions: RFC 3261, 17.1, figures 5 and 6; RFC 6026, 7.2.

use std::time::{Duration, Instant};

use super::{Event, Key, Layer, T1, T2, T4, T64, Timer};
use crate::{
    flow::Flow,
    msg::{Headers, Method, Request, Response},
    wire::print_request,
};

/// How long an INVITE may ring after a provisional response (timer C, 16.6).
const TIMER_C: Duration = Duration::from_mins(3);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Calling,
    Proceeding,
    Accepted,
    Completed,
}

#[derive(Debug)]
pub(super) struct Client {
    state: State,
    to: Flow,
    request: Request,
    bytes: Vec<u8>,
    interval: Duration,
    ack: Vec<u8>,
    cancel_wanted: bool,
}

impl Layer {
    /// Requests of ours that wait for a final answer; probes aside, for nobody misses them.
    pub fn unanswered(&self) -> usize {
        let waits = |client: &&Client| matches!(client.state, State::Calling | State::Proceeding);
        self.clients.values().filter(waits).filter(|client| client.request.method != Method::OPTIONS).count()
    }

    /// Sends a request in a new transaction. None when its Via has no branch of ours.
    pub fn send(&mut self, now: Instant, request: Request, to: impl Into<Flow>) -> Option<Key> {
        let to = to.into();
        let key = Key::read(&request.headers, &request.method, false)?;
        let bytes = print_request(&request);
        self.send_bytes(to, bytes.clone());
        let client =
            Client { state: State::Calling, to, request, bytes, interval: T1, ack: Vec::new(), cancel_wanted: false };
        self.clients.insert(key.clone(), client);
        if !to.is_reliable() {
            self.arm(now + T1, &key, Timer::Retransmit);
        }
        self.arm(now + T64, &key, Timer::Timeout);
        Some(key)
    }

    /// An INVITE that an earlier run sent, as if its provisional response had come: what is
    /// answered to it finds its transaction, and nothing is sent.
    pub fn inherit(&mut self, now: Instant, request: Request, to: impl Into<Flow>) -> Option<Key> {
        let to = to.into();
        let key = Key::read(&request.headers, &request.method, false)?;
        let bytes = print_request(&request);
        let client = Client {
            state: State::Proceeding,
            to,
            request,
            bytes,
            interval: T1,
            ack: Vec::new(),
            cancel_wanted: false,
        };
        self.clients.insert(key.clone(), client);
        self.arm(now + T64, &key, Timer::Timeout);
        Some(key)
    }

    /// Drops a transaction of which the other end knows nothing.
    pub fn forget(&mut self, key: &Key) {
        self.clients.remove(key);
        self.disarm(key);
    }

    /// Cancels an INVITE. Before a provisional response the wish is remembered, for a
    /// CANCEL may not overtake its INVITE (RFC 3261, 9.1).
    pub fn cancel(&mut self, now: Instant, key: &Key) {
        let Some(client) = self.clients.get_mut(key) else { return };
        match client.state {
            State::Calling => client.cancel_wanted = true,
            State::Proceeding => {
                client.cancel_wanted = false;
                let cancel = follow(&client.request, Method::CANCEL, None);
                let to = client.to;
                self.send(now, cancel, to);
                self.disarm(key);
                self.arm(now + T64, key, Timer::Timeout);
            }
            State::Accepted | State::Completed => {}
        }
    }

    /// A response arrived.
    pub fn response(&mut self, now: Instant, response: Response, from: impl Into<Flow>) {
        let from = from.into();
        let Some(key) = response.headers.cseq().and_then(|(_, method)| Key::read(&response.headers, &method, false))
        else {
            return;
        };
        let Some(client) = self.clients.get_mut(&key) else {
            // A 2xx to an INVITE whose transaction is gone must still be acknowledged.
            if (200..300).contains(&response.status) && key.method == "INVITE" {
                self.tell(Event::Response(key, response, from));
            }
            return;
        };
        let invite = client.request.method == Method::INVITE;
        match (client.state, response.status) {
            (State::Calling | State::Proceeding, 100..=199) => {
                let first = client.state == State::Calling;
                client.state = State::Proceeding;
                let wanted = client.cancel_wanted;
                if first && invite {
                    self.disarm(&key);
                    self.arm(now + TIMER_C, &key, Timer::Timeout);
                }
                if wanted {
                    self.cancel(now, &key);
                }
                self.tell(Event::Response(key, response, from));
            }
            (State::Calling | State::Proceeding, 200..=299) if invite => {
                client.state = State::Accepted;
                self.disarm(&key);
                self.arm(now + T64, &key, Timer::Gone);
                self.tell(Event::Response(key, response, from));
            }
            // Each repeat and each fork needs its ACK (RFC 6026).
            (State::Accepted, 200..=299) => self.tell(Event::Response(key, response, from)),
            (State::Calling | State::Proceeding, _) => {
                client.state = State::Completed;
                if invite {
                    let ack = follow(&client.request, Method::ACK, response.headers.get("To"));
                    client.ack = print_request(&ack);
                    let (to, ack) = (client.to, client.ack.clone());
                    self.send_bytes(to, ack);
                }
                self.disarm(&key);
                self.arm(now + if invite { T64 } else { T4 }, &key, Timer::Gone);
                self.tell(Event::Response(key, response, from));
            }
            (State::Completed, 300..=699) if invite => {
                let (to, ack) = (client.to, client.ack.clone());
                self.send_again(to, ack);
            }
            _ => {}
        }
    }

    pub(super) fn client_timer(&mut self, now: Instant, key: &Key, timer: Timer) {
        let Some(client) = self.clients.get_mut(key) else { return };
        match timer {
            Timer::Retransmit => {
                let invite = client.request.method == Method::INVITE;
                client.interval = match (client.state, invite) {
                    (State::Calling, true) => client.interval * 2,
                    (State::Calling, false) => (client.interval * 2).min(T2),
                    (State::Proceeding, false) => T2,
                    _ => return,
                };
                let (to, bytes, next) = (client.to, client.bytes.clone(), client.interval);
                self.send_again(to, bytes);
                self.arm(now + next, key, Timer::Retransmit);
            }
            Timer::Timeout => {
                self.clients.remove(key);
                self.disarm(key);
                self.tell(Event::Timeout(key.clone()));
            }
            Timer::Gone => {
                self.clients.remove(key);
                self.disarm(key);
            }
        }
    }
}

/// ACK to a non-2xx and CANCEL: same Request-URI, top Via, Route, From, Call-ID and `CSeq`
/// number as the INVITE (RFC 3261, 9.1 and 17.1.1.3).
fn follow(invite: &Request, method: Method, to: Option<&str>) -> Request {
    let mut headers = Headers::default();
    for (name, value) in invite.headers.iter() {
        match name.to_ascii_lowercase().as_str() {
            "via" if headers.get("Via").is_none() => headers.push(name, value),
            "from" | "call-id" | "route" | "max-forwards" => headers.push(name, value),
            "to" => headers.push(name, to.unwrap_or(value)),
            "cseq" => {
                let number = invite.headers.cseq().map_or(1, |(number, _)| number);
                headers.push(name, format!("{number} {method}"));
            }
            _ => {}
        }
    }
    Request { method, uri: invite.uri.clone(), headers, body: Vec::new() }
}
