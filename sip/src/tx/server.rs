//! Server transactions: RFC 3261, 17.2, figures 7 and 8; RFC 6026, 7.1.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    Event, Key, Layer, SERVERS, T1, T2, T4, T64, Timer,
    key::merged,
    timers::{Armed, FORGOTTEN, TRYING},
};
use crate::{
    flow::Flow,
    msg::{Method, Request, Response},
    transport::via,
    uri::NameAddr,
    wire::print_response,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was answered yet.
    Trying,
    Proceeding,
    Accepted,
    Completed,
    Confirmed,
}

#[derive(Debug)]
pub(super) struct Server {
    state: State,
    invite: bool,
    to: Flow,
    last: Bytes,
    interval: Duration,
    /// The 100 that is due when nobody answers the INVITE at once.
    trying: Option<Box<Response>>,
    /// Tag of To in our answers, for CANCEL.
    tag: Option<String>,
    merged: Option<Arc<str>>,
    armed: Armed,
}

impl Layer {
    /// A request arrived. Responses go back to where it came from (18.2.2, RFC 3581).
    pub fn request(&mut self, now: Instant, request: Request, from: impl Into<Flow>) {
        let from = from.into();
        let Some(key) = Key::server(&request) else { return };
        if self.servers.contains_key(&key) {
            self.again(now, &key, request, from);
            return;
        }
        if request.method == Method::ACK {
            self.tell(Event::Ack(request, from));
            return;
        }
        let to = via::reply_flow(&request.headers, from);
        if self.servers.len() >= SERVERS {
            let mut refusal = Response::to(&request, 503, &key.tag());
            refusal.headers.push("Retry-After", "10");
            self.send_bytes(to, print_response(&refusal).into());
            return;
        }
        let cancel = request.method == Method::CANCEL;
        let merged = if cancel { None } else { merged(&request) };
        let copy = merged.as_ref().is_some_and(|merged| self.merged.contains_key(merged));
        let invite = request.method == Method::INVITE;
        let mut server = Server {
            state: State::Trying,
            invite,
            to,
            last: Bytes::new(),
            interval: T1,
            trying: invite.then(|| Box::new(Response::to(&request, 100, ""))),
            tag: None,
            merged: merged.filter(|_| !copy),
            armed: Armed::default(),
        };
        if invite {
            self.timers.arm(&mut server.armed, now + TRYING, &key, Timer::Repeat);
        }
        self.timers.arm(&mut server.armed, now + FORGOTTEN, &key, Timer::Gone);
        if let Some(merged) = &server.merged {
            self.merged.insert(merged.clone(), key.clone());
        }
        self.servers.insert(key.clone(), server);
        if copy {
            // The same request by another way (8.2.2.2).
            self.respond(now, &key, &Response::to(&request, 482, &key.tag()));
        } else if cancel {
            self.cancelled(now, &key, request);
        } else {
            self.tell(Event::Request(key, request, from));
        }
    }

    /// A request of a transaction that is known: a repeat, or an ACK.
    fn again(&mut self, now: Instant, key: &Key, request: Request, from: Flow) {
        let Some(server) = self.servers.get_mut(key) else { return };
        match (server.state, request.method == Method::ACK) {
            (State::Completed, true) if server.invite => {
                server.state = State::Confirmed;
                server.last = Bytes::new();
                if server.to.is_reliable() {
                    self.end(key);
                } else {
                    self.timers.disarm(&mut server.armed);
                    self.timers.arm(&mut server.armed, now + T4, key, Timer::Gone);
                }
            }
            (State::Accepted, true) => self.tell(Event::Ack(request, from)),
            (State::Trying, false) if server.invite => self.trying(key),
            (State::Proceeding | State::Completed, false) => {
                let (to, last) = (server.to, server.last.clone());
                self.send_again(to, last);
            }
            _ => {}
        }
    }

    fn trying(&mut self, key: &Key) {
        let Some(server) = self.servers.get_mut(key) else { return };
        self.timers.quiet(&mut server.armed);
        let Some(trying) = server.trying.take() else { return };
        server.state = State::Proceeding;
        server.last = print_response(&trying).into();
        let (to, last) = (server.to, server.last.clone());
        self.send_bytes(to, last);
    }

    fn cancelled(&mut self, now: Instant, key: &Key, request: Request) {
        let invite = key.of_invite();
        let hit = self.servers.get(&invite).map(|server| (server.state, server.tag.clone()));
        let status = if hit.is_some() { 200 } else { 481 };
        let tag = hit.as_ref().and_then(|(_, tag)| tag.clone()).unwrap_or_else(|| invite.tag());
        self.respond(now, key, &Response::to(&request, status, &tag));
        if let Some((State::Trying | State::Proceeding, _)) = hit {
            self.tell(Event::Cancelled(invite, request));
        }
    }

    /// Answers a request. False when the transaction is over, or had its final answer.
    pub fn respond(&mut self, now: Instant, key: &Key, response: &Response) -> bool {
        let Some(server) = self.servers.get_mut(key) else { return false };
        let open = matches!(server.state, State::Trying | State::Proceeding);
        let repeat = server.state == State::Accepted && (200..300).contains(&response.status);
        if !open && !repeat {
            return false;
        }
        let bytes: Bytes = print_response(response).into();
        let (to, invite) = (server.to, server.invite);
        if repeat {
            // Repeats of a 2xx are the dialog's business (13.3.1.4).
            self.send_again(to, bytes);
            return true;
        }
        server.trying = None;
        if server.tag.is_none() && invite && response.status > 100 {
            let to = response.headers.get("To").and_then(NameAddr::parse);
            server.tag = to.and_then(|to| to.tag().map(str::to_owned));
        }
        match response.status {
            100..=199 => {
                self.timers.quiet(&mut server.armed);
                self.timers.arm(&mut server.armed, now + FORGOTTEN, key, Timer::Gone);
                server.state = State::Proceeding;
                server.last = bytes.clone();
            }
            200..=299 if invite => {
                server.state = State::Accepted;
                server.last = Bytes::new();
                self.timers.disarm(&mut server.armed);
                self.timers.arm(&mut server.armed, now + T64, key, Timer::Gone);
            }
            status => {
                server.state = State::Completed;
                server.last = bytes.clone();
                self.timers.disarm(&mut server.armed);
                // Asked for credentials: the next try may have the same number.
                if matches!(status, 401 | 407)
                    && let Some(merged) = server.merged.take()
                {
                    self.merged.remove(&merged);
                }
                if invite && !to.is_reliable() {
                    self.timers.arm(&mut server.armed, now + T1, key, Timer::Repeat);
                }
                if invite || !to.is_reliable() {
                    self.timers.arm(&mut server.armed, now + T64, key, Timer::Gone);
                } else {
                    self.end(key);
                }
            }
        }
        self.send_bytes(to, bytes);
        true
    }

    fn end(&mut self, key: &Key) {
        let Some(mut server) = self.servers.remove(key) else { return };
        self.timers.disarm(&mut server.armed);
        if let Some(merged) = server.merged {
            self.merged.remove(&merged);
        }
    }

    pub(super) fn server_timer(&mut self, now: Instant, key: &Key, timer: Timer) {
        let Some(server) = self.servers.get_mut(key) else { return };
        match (timer, server.state) {
            (Timer::Repeat, State::Trying) => self.trying(key),
            (Timer::Repeat, State::Completed) => {
                server.interval = (server.interval * 2).min(T2);
                let (to, last, next) = (server.to, server.last.clone(), server.interval);
                self.timers.arm(&mut server.armed, now + next, key, Timer::Repeat);
                self.send_again(to, last);
            }
            (Timer::Repeat, _) => {}
            _ => self.end(key),
        }
    }
}
