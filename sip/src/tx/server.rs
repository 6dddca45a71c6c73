//! Server transactions: RFC 3261, 17.2, figures 7 and 8; RFC 6026, 7.1.

use std::time::{Duration, Instant};

use super::{Event, Key, Layer, T1, T2, T4, T64, Timer};
use crate::{
    flow::Flow,
    msg::{Method, Request, Response},
    wire::print_response,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
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
    last: Vec<u8>,
    interval: Duration,
}

impl Layer {
    /// A request arrived. Responses go back to where it came from (RFC 3581).
    pub fn request(&mut self, now: Instant, request: Request, from: impl Into<Flow>) {
        let from = from.into();
        let Some(key) = Key::read(&request.headers, &request.method, true) else { return };
        if let Some(server) = self.servers.get_mut(&key) {
            match (server.state, request.method == Method::ACK) {
                (State::Completed, true) if server.invite => {
                    server.state = State::Confirmed;
                    self.disarm(&key);
                    self.arm(now + T4, &key, Timer::Gone);
                }
                (State::Accepted, true) => self.tell(Event::Ack(request)),
                (State::Proceeding | State::Completed, false) if !server.last.is_empty() => {
                    let (to, last) = (server.to, server.last.clone());
                    self.send_again(to, last);
                }
                _ => {}
            }
            return;
        }
        if request.method == Method::ACK {
            self.tell(Event::Ack(request));
            return;
        }
        let invite = request.method == Method::INVITE;
        let state = if invite { State::Proceeding } else { State::Trying };
        self.servers.insert(key.clone(), Server { state, invite, to: from, last: Vec::new(), interval: T1 });
        // Whoever forgets to answer must not fill the table.
        self.arm(now + T64 * 8, &key, Timer::Gone);
        if request.method == Method::CANCEL {
            self.cancelled(now, &key, &request);
        } else {
            self.tell(Event::Request(key, request, from));
        }
    }

    fn cancelled(&mut self, now: Instant, key: &Key, request: &Request) {
        let invite = Key { method: Method::INVITE.to_string(), ..key.clone() };
        let hit = self.servers.get(&invite).map(|server| server.state);
        let status = if hit.is_some() { 200 } else { 481 };
        self.respond(now, key, &Response::to(request, status, "c"));
        if hit == Some(State::Proceeding) {
            self.tell(Event::Cancelled(invite));
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
        let bytes = print_response(response);
        let (to, invite) = (server.to, server.invite);
        match response.status {
            100..=199 => {
                server.state = State::Proceeding;
                server.last.clone_from(&bytes);
            }
            200..=299 if invite => {
                // Repeats of a 2xx are the dialog's business (13.3.1.4).
                if !repeat {
                    server.state = State::Accepted;
                    server.last.clear();
                    self.disarm(key);
                    self.arm(now + T64, key, Timer::Gone);
                }
            }
            _ => {
                server.state = State::Completed;
                server.last.clone_from(&bytes);
                self.disarm(key);
                if invite && !to.is_reliable() {
                    self.arm(now + T1, key, Timer::Retransmit);
                }
                self.arm(now + T64, key, Timer::Gone);
            }
        }
        self.send_bytes(to, bytes);
        true
    }

    pub(super) fn server_timer(&mut self, now: Instant, key: &Key, timer: Timer) {
        let Some(server) = self.servers.get_mut(key) else { return };
        if timer == Timer::Retransmit {
            if server.state == State::Completed {
                server.interval = (server.interval * 2).min(T2);
                let (to, last, next) = (server.to, server.last.clone(), server.interval);
                self.send_again(to, last);
                self.arm(now + next, key, Timer::Retransmit);
            }
        } else {
            self.servers.remove(key);
            self.disarm(key);
        }
    }
}
