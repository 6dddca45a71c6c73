//! Client transactions: RFC 3261, 17.1, figures 5 and 6; RFC 6026, 7.2.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{
    Event, Key, Layer, T1, T2, T4, T64, Timer,
    timers::{Armed, TIMER_C},
};
use crate::{
    flow::Flow,
    msg::{Headers, Method, Request, Response},
    wire::print_request,
};

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
    invite: bool,
    /// What ACK and CANCEL of an INVITE are made of, until its final answer.
    request: Option<Box<Request>>,
    /// The request; from a non-2xx to an INVITE on, its ACK.
    bytes: Bytes,
    interval: Duration,
    /// A CANCEL is to go out at the first provisional response.
    cancel_wanted: bool,
    /// Reason header of the CANCEL (RFC 3326).
    cancel_reason: Option<String>,
    /// The CANCEL is out, and the final answer is waited for.
    cancelled: bool,
    /// Nobody misses its answer.
    probe: bool,
    /// The same request by another way, when this one leads nowhere (RFC 3261, 18.1.1).
    instead: Option<Box<(Request, Flow)>>,
    armed: Armed,
}

impl Layer {
    /// Requests of ours that wait for a final answer; probes aside, for nobody misses them.
    pub fn unanswered(&self) -> usize {
        let waits = |client: &&Client| matches!(client.state, State::Calling | State::Proceeding) && !client.probe;
        self.clients.values().filter(waits).count()
    }

    /// Sends a request in a new transaction. None when its Via has no branch of ours, or when
    /// it is in use.
    pub fn send(&mut self, now: Instant, request: Request, to: impl Into<Flow>) -> Option<Key> {
        let to = to.into();
        let key = self.begin(request, to, State::Calling)?;
        let client = self.clients.get_mut(&key)?;
        let bytes = client.bytes.clone();
        if !to.is_reliable() {
            self.timers.arm(&mut client.armed, now + T1, &key, Timer::Repeat);
        }
        self.timers.arm(&mut client.armed, now + T64, &key, Timer::Timeout);
        self.send_bytes(to, bytes);
        Some(key)
    }

    /// As [`Layer::send`]; where that way leads nowhere the same request, with the same branch,
    /// goes by the other one, and [`Event::Instead`] tells.
    pub fn send_or(
        &mut self,
        now: Instant,
        request: Request,
        to: impl Into<Flow>,
        instead: (Request, Flow),
    ) -> Option<Key> {
        let key = self.send(now, request, to)?;
        self.clients.get_mut(&key)?.instead = Some(Box::new(instead));
        Some(key)
    }

    /// Whether the request goes by another way where this one leads nowhere.
    pub fn has_other_way(&self, key: &Key) -> bool {
        self.clients.get(key).is_some_and(|client| client.instead.is_some())
    }

    /// An INVITE that an earlier run sent, as if its provisional response had come: what is
    /// answered to it finds its transaction, and nothing is sent.
    pub fn inherit(&mut self, now: Instant, request: Request, to: impl Into<Flow>) -> Option<Key> {
        let key = self.begin(request, to.into(), State::Proceeding)?;
        let client = self.clients.get_mut(&key)?;
        self.timers.arm(&mut client.armed, now + T64, &key, Timer::Timeout);
        Some(key)
    }

    fn begin(&mut self, request: Request, to: Flow, state: State) -> Option<Key> {
        let key = Key::client(&request.headers, &request.method)?;
        if self.clients.contains_key(&key) {
            return None;
        }
        let bytes = print_request(&request).into();
        let client = Client {
            state,
            to,
            bytes,
            interval: T1,
            cancel_wanted: false,
            cancel_reason: None,
            cancelled: false,
            probe: request.method == Method::OPTIONS,
            instead: None,
            invite: request.method == Method::INVITE,
            request: (request.method == Method::INVITE).then(|| Box::new(request)),
            armed: Armed::default(),
        };
        self.clients.insert(key.clone(), client);
        Some(key)
    }

    /// Drops a transaction of which the other end knows nothing.
    pub fn forget(&mut self, key: &Key) {
        if let Some(mut client) = self.clients.remove(key) {
            self.timers.disarm(&mut client.armed);
        }
    }

    /// The request could not be sent. Does nothing when it was answered after all.
    pub fn unreachable(&mut self, now: Instant, key: &Key) {
        let waits = |client: &&mut Client| matches!(client.state, State::Calling | State::Proceeding);
        let Some(client) = self.clients.get_mut(key).filter(waits) else { return };
        let failed = client.to;
        let instead = client.instead.take().map(|instead| *instead);
        let known = instead.is_some();
        // What is not wanted any more reached nobody, and shall not (9.1).
        let Some((request, to)) = instead.filter(|_| !client.cancel_wanted) else {
            self.forget(key);
            if known {
                self.tell(Event::Instead(key.clone(), failed));
            }
            self.tell(Event::Unreachable(key.clone()));
            return;
        };
        client.to = to;
        client.bytes = print_request(&request).into();
        client.request = client.invite.then(|| Box::new(request));
        let bytes = client.bytes.clone();
        self.timers.disarm(&mut client.armed);
        if !to.is_reliable() {
            self.timers.arm(&mut client.armed, now + T1, key, Timer::Repeat);
        }
        self.timers.arm(&mut client.armed, now + T64, key, Timer::Timeout);
        self.tell(Event::Instead(key.clone(), failed));
        self.send_bytes(to, bytes);
    }

    /// The transaction of ours that this message, as it was to be sent, belongs to.
    pub fn owner(request: &Request) -> Option<Key> {
        if request.method == Method::ACK { None } else { Key::client(&request.headers, &request.method) }
    }

    /// As [`Layer::cancel`], and says why in a Reason header (RFC 3326).
    pub fn cancel_because(&mut self, now: Instant, key: &Key, reason: String) {
        if let Some(client) = self.clients.get_mut(key) {
            client.cancel_reason = Some(reason);
        }
        self.cancel(now, key);
    }

    /// Cancels an INVITE. Before a provisional response the wish is remembered, for a
    /// CANCEL may not overtake its INVITE; after a final one it is too late (RFC 3261, 9.1).
    pub fn cancel(&mut self, now: Instant, key: &Key) {
        let Some(client) = self.clients.get_mut(key) else { return };
        match client.state {
            State::Calling => client.cancel_wanted = true,
            State::Proceeding if !client.cancelled => {
                let Some(invite) = &client.request else { return };
                client.cancelled = true;
                let (mut cancel, to) = (follow(invite, Method::CANCEL, None), client.to);
                if let Some(reason) = client.cancel_reason.take() {
                    cancel.headers.push("Reason", reason);
                }
                self.timers.arm(&mut client.armed, now + T64, key, Timer::Timeout);
                self.send(now, cancel, to);
            }
            State::Proceeding | State::Accepted | State::Completed => {}
        }
    }

    /// A response arrived.
    pub fn response(&mut self, now: Instant, response: Response, from: impl Into<Flow>) {
        let from = from.into();
        let Some(key) = response.headers.cseq().and_then(|(_, method)| Key::client(&response.headers, &method)) else {
            return;
        };
        let Some(client) = self.clients.get_mut(&key) else {
            // A 2xx to an INVITE whose transaction is gone must still be acknowledged.
            if (200..300).contains(&response.status) && key.method() == "INVITE" {
                self.tell(Event::Response(key, response, from));
            }
            return;
        };
        // What we said under TLS is answered there: who answers in the clear would have us go on there.
        if client.to.is_secure() && !from.is_secure() {
            return;
        }
        match (client.state, response.status) {
            (State::Calling | State::Proceeding, 100..=199) => {
                let first = client.state == State::Calling;
                client.state = State::Proceeding;
                if client.invite {
                    self.timers.quiet(&mut client.armed);
                    // A 100 alone does not prolong the ringing (16.7, step 2).
                    if !client.cancelled && (first || response.status > 100) {
                        self.timers.arm(&mut client.armed, now + TIMER_C, &key, Timer::Ring);
                    }
                }
                let wanted = client.cancel_wanted;
                self.tell(Event::Response(key.clone(), response, from));
                if wanted {
                    self.cancel(now, &key);
                }
            }
            (State::Calling | State::Proceeding, 200..=299) if client.invite => {
                client.state = State::Accepted;
                client.request = None;
                client.bytes = Bytes::new();
                self.timers.disarm(&mut client.armed);
                self.timers.arm(&mut client.armed, now + T64, &key, Timer::Gone);
                self.tell(Event::Response(key, response, from));
            }
            // Each repeat and each fork needs its ACK (RFC 6026).
            (State::Accepted, 200..=299) => self.tell(Event::Response(key, response, from)),
            (State::Calling | State::Proceeding, _) => self.complete(now, key, response, from),
            // The ACK was lost; the answer of a non-INVITE is just absorbed.
            (State::Completed, 300..=699) if client.invite => {
                let (to, ack) = (client.to, client.bytes.clone());
                self.send_again(to, ack);
            }
            _ => {}
        }
    }

    /// The final answer; of an INVITE one that is no 2xx.
    fn complete(&mut self, now: Instant, key: Key, response: Response, from: Flow) {
        let Some(client) = self.clients.get_mut(&key) else { return };
        client.state = State::Completed;
        client.bytes = match client.request.take() {
            Some(invite) => print_request(&follow(&invite, Method::ACK, response.headers.get("To"))).into(),
            None => Bytes::new(),
        };
        let (to, ack) = (client.to, client.bytes.clone());
        let wait = if client.invite { T64 } else { T4 };
        if to.is_reliable() {
            self.forget(&key);
        } else {
            self.timers.disarm(&mut client.armed);
            self.timers.arm(&mut client.armed, now + wait, &key, Timer::Gone);
        }
        if !ack.is_empty() {
            self.send_bytes(to, ack);
        }
        self.tell(Event::Response(key, response, from));
    }

    pub(super) fn client_timer(&mut self, now: Instant, key: &Key, timer: Timer) {
        let Some(client) = self.clients.get_mut(key) else { return };
        match timer {
            Timer::Repeat => {
                client.interval = match (client.state, client.invite) {
                    (State::Calling, true) => client.interval * 2,
                    (State::Calling, false) => (client.interval * 2).min(T2),
                    (State::Proceeding, false) => T2,
                    _ => return,
                };
                let (to, bytes, next) = (client.to, client.bytes.clone(), client.interval);
                self.timers.arm(&mut client.armed, now + next, key, Timer::Repeat);
                self.send_again(to, bytes);
            }
            // It rang long enough: the final answer to the CANCEL tells how it ended (16.8).
            Timer::Ring => self.cancel(now, key),
            Timer::Timeout => {
                self.forget(key);
                self.tell(Event::Timeout(key.clone()));
            }
            Timer::Gone => self.forget(key),
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
