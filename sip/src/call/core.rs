//! All calls of one endpoint over its transactions.

use std::{
    collections::{HashMap, VecDeque},
    fmt::Write as _,
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    EndCause, FinishError, Finished, LegEvent, LegIds, OutboundCall, Side,
    dialog::Dialog,
    inherited::Inheritance,
    inside,
    outbound::{Call, FORKS, MAX_INVITES, State, invite, reliable, sdp},
};
use crate::{
    auth::{self, Challenge, Credentials},
    flow::{Flow, Protocol},
    msg::{Headers, Message, Method, Request, Response},
    transport::via,
    tx::{Event, Key, Layer, Output},
    wire::{self, print_request},
};

/// An ended call is kept for so long, for what comes late.
pub(super) const FORGET: Duration = Duration::from_secs(33);

/// So long the ACK of an answer waits for the leg to be kept.
const KEEP: Duration = Duration::from_secs(2);

pub(super) fn via_line(protocol: Protocol, local: SocketAddr, branch: &str) -> String {
    format!("SIP/2.0/{protocol} {local};rport;branch=z9hG4bK{branch}")
}

/// So many times 16 random hexadecimal digits.
pub(super) fn token(random: &mut impl FnMut() -> u64, words: usize) -> String {
    let mut token = String::with_capacity(16 * words);
    for _ in 0..words {
        let _ = write!(token, "{:016x}", random());
    }
    token
}

/// What comes out of the core.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Out {
    /// Bytes to send.
    Send(Flow, Bytes),
    /// News of the call with this Call-ID.
    Event(String, LegEvent),
    /// A probe was answered, or not.
    Probed(Key, bool),
    /// The leg of an earlier run, by its Call-ID, is ended; or nobody answered.
    Finished(String, Result<Finished, FinishError>),
}

/// All calls of one endpoint, without I/O.
pub struct CallCore {
    pub(super) layer: Layer,
    pub(super) calls: HashMap<String, Call>,
    pub(super) owners: HashMap<Key, String>,
    probes: Vec<Key>,
    pub(super) out: VecDeque<Out>,
    pub(super) local: SocketAddr,
    user_agent: String,
    random: Box<dyn FnMut() -> u64 + Send>,
}

impl std::fmt::Debug for CallCore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallCore")
            .field("calls", &self.calls.len())
            .field("transactions", &self.layer.len())
            .finish_non_exhaustive()
    }
}

impl CallCore {
    /// A core that names `local` as its address. `random` gives tags and branches.
    pub fn new(local: SocketAddr, user_agent: String, random: Box<dyn FnMut() -> u64 + Send>) -> Self {
        Self {
            layer: Layer::default(),
            calls: HashMap::new(),
            owners: HashMap::new(),
            probes: Vec::new(),
            out: VecDeque::new(),
            local,
            user_agent,
            random,
        }
    }

    /// Calls and transactions alive.
    pub fn load(&self) -> (usize, usize) {
        (self.calls.len(), self.layer.len())
    }

    /// Messages that were sent again since the start.
    pub fn retransmissions(&self) -> u64 {
        self.layer.retransmissions()
    }

    /// Places a call to the carrier at `target`; answers its Call-ID.
    pub fn dial(&mut self, now: Instant, call: OutboundCall, target: impl Into<Flow>) -> String {
        let ids = LegIds::new(self.local, &mut self.random);
        self.place(now, call, target.into(), ids)
    }

    /// Places a call whose names on the wire are chosen already.
    pub(crate) fn place(&mut self, now: Instant, call: OutboundCall, target: Flow, ids: LegIds) -> String {
        let call_id = ids.call_id.clone();
        self.calls.insert(call_id.clone(), Call::new(now, call, target, ids));
        self.send_invite(now, &call_id);
        call_id
    }

    /// Hangs up: CANCEL before the answer, BYE after it.
    pub fn hang_up(&mut self, now: Instant, call_id: &str) {
        let Some(call) = self.calls.get_mut(call_id) else { return };
        match call.state {
            State::Inviting => self.give_up(now, call_id, EndCause::Cancelled),
            State::Up => {
                call.end(now, Side::Us, EndCause::HungUp, None);
                let tag = call.dialog.as_ref().map(|dialog| dialog.remote_tag.clone());
                self.kept(call_id);
                if let Some(tag) = tag {
                    self.bye(now, call_id, &tag);
                }
            }
            State::Cancelling(_) | State::Over => {}
        }
        self.collect(call_id);
    }

    /// What [`LegEvent::Saved`] told is kept: the answer is acknowledged.
    pub fn kept(&mut self, call_id: &str) {
        let Some(call) = self.calls.get_mut(call_id) else { return };
        if call.ack_by.take().is_some()
            && let Some((hop, ack)) =
                call.dialog.as_ref().and_then(|dialog| Some((dialog.next_hop(), dialog.ack.clone()?)))
        {
            self.out.push_back(Out::Send(hop, ack));
        }
    }

    /// Asks the carrier at `target` whether it is there (RFC 3261, 11).
    pub fn probe(&mut self, now: Instant, domain: &str, target: impl Into<Flow>) -> Option<Key> {
        let target = target.into();
        let mut headers = Headers::default();
        let tag = self.token(1);
        headers.push("Max-Forwards", "70");
        headers.push("From", format!("<sip:{}>;tag={tag}", self.local));
        headers.push("To", format!("<sip:{domain}>"));
        headers.push("Call-ID", format!("{}@{}", self.token(2), self.local.ip()));
        headers.push("CSeq", "1 OPTIONS");
        let request = Request { method: Method::OPTIONS, uri: format!("sip:{domain}"), headers, body: Vec::new() };
        let request = self.finish(request, target.protocol);
        let key = self.layer.send(now, request, target)?;
        self.probes.push(key.clone());
        Some(key)
    }

    /// A datagram arrived.
    pub fn receive(&mut self, now: Instant, datagram: &[u8], from: impl Into<Flow>) {
        let from = from.into();
        if datagram == b"\r\n\r\n" {
            self.out.push_back(Out::Send(from, Bytes::from_static(b"\r\n")));
            return;
        }
        match wire::parse(datagram) {
            Some((Message::Response(response), defects)) if defects.is_empty() => {
                self.layer.response(now, response, from);
            }
            Some((Message::Request(mut request), defects)) => {
                via::stamp(&mut request, &from);
                if defects.is_empty() {
                    self.layer.request(now, request, from);
                } else if request.method != Method::ACK {
                    // Answered without state: what is broken must not fill a table.
                    let status = defects[0].status();
                    let answer = Response::to(&request, status, &self.token(1));
                    self.out.push_back(Out::Send(from, wire::print_response(&answer).into()));
                }
            }
            _ => metrics::counter!("songda_sip_unreadable_total").increment(1),
        }
        self.drain(now);
    }

    /// These bytes of ours could not be sent: what they began is over (RFC 3261, 8.1.3.1, 18.4).
    pub fn undelivered(&mut self, now: Instant, bytes: &[u8]) {
        if let Some((Message::Request(request), _)) = wire::parse(bytes)
            && let Some(key) = Layer::owner(&request)
        {
            self.layer.unreachable(&key);
            self.drain(now);
        }
    }

    /// Time went on.
    pub fn tick(&mut self, now: Instant) {
        self.layer.tick(now);
        self.drain(now);
        let ids: Vec<String> = self.calls.keys().cloned().collect();
        for id in ids {
            self.call_timers(now, &id);
            self.collect(&id);
        }
        self.drain(now);
    }

    pub(super) fn forget(&mut self, id: &str) {
        self.calls.remove(id);
        self.owners.retain(|_, owner| owner != id);
    }

    fn call_timers(&mut self, now: Instant, id: &str) {
        let Some(call) = self.calls.get_mut(id) else { return };
        if call.forget_at.is_some_and(|at| at <= now) {
            self.forget(id);
            return;
        }
        if call.ack_by.is_some_and(|at| at <= now) {
            self.kept(id);
        }
        self.inherited_timers(now, id);
        let Some(call) = self.calls.get_mut(id) else { return };
        if let Some(waiting) = call.unacknowledged.as_mut().filter(|waiting| waiting.next <= now) {
            if now >= waiting.until {
                call.unacknowledged = None;
            } else {
                waiting.interval = (waiting.interval * 2).min(crate::tx::T2);
                waiting.next = now + waiting.interval;
                let (key, response) = (waiting.key.clone(), waiting.response.clone());
                self.layer.respond(now, &key, &response);
            }
        }
        if self.calls.get(id).is_some_and(|call| call.state == State::Inviting && call.ring_deadline <= now) {
            self.give_up(now, id, EndCause::RingLimit);
        }
    }

    /// When [`CallCore::tick`] wants to be called.
    pub fn next_deadline(&self) -> Option<Instant> {
        let calls = self.calls.values().flat_map(|call| {
            let ring = (call.state == State::Inviting).then_some(call.ring_deadline);
            let inherited = call.inheritance.as_ref().and_then(Inheritance::next_deadline);
            [ring, call.forget_at, call.ack_by, inherited, call.unacknowledged.as_ref().map(|waiting| waiting.next)]
        });
        calls.flatten().chain(self.layer.next_deadline()).min()
    }

    /// What has to be done next.
    pub fn poll(&mut self) -> Option<Out> {
        self.out.pop_front()
    }

    pub(super) fn drain(&mut self, now: Instant) {
        while let Some(output) = self.layer.poll() {
            match output {
                Output::Send(to, bytes) => self.out.push_back(Out::Send(to, bytes)),
                Output::Event(event) => self.event(now, event),
            }
        }
    }

    fn event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Response(key, response, from) => self.answer(now, &key, &response, from),
            Event::Timeout(key) => self.timeout(now, &key, EndCause::Timeout),
            Event::Unreachable(key) => self.timeout(now, &key, EndCause::Transport),
            Event::Request(key, request, _) => inside::request(self, now, &key, &request),
            Event::Ack(request) => inside::ack(self, &request),
            Event::Cancelled(key, _) => {
                // Only a re-INVITE can be meant, and ours are answered at once.
                tracing::debug!(branch = %key.branch(), "a cancelled re-INVITE had its answer already");
            }
        }
    }

    fn answer(&mut self, now: Instant, key: &Key, response: &Response, from: Flow) {
        if let Some(at) = self.probes.iter().position(|probe| probe == key) {
            if response.status >= 200 {
                self.probes.swap_remove(at);
                self.out.push_back(Out::Probed(key.clone(), true));
            }
            return;
        }
        let id = match self.owners.get(key) {
            Some(id) => id.clone(),
            None => response.headers.get("Call-ID").unwrap_or_default().to_owned(),
        };
        match response.headers.cseq() {
            Some((_, Method::INVITE)) => self.invite_answer(now, &id, key, response, from),
            Some((_, Method::BYE)) if response.status >= 200 => self.bye_answer(now, &id, key, response),
            Some((_, Method::CANCEL)) if response.status >= 200 => {
                self.cancel_answer(now, &id, key, response.status);
            }
            _ => {}
        }
        self.collect(&id);
    }

    fn invite_answer(&mut self, now: Instant, id: &str, key: &Key, response: &Response, from: Flow) {
        let Some(call) = self.calls.get_mut(id) else { return };
        match response.status {
            100..=199 => {
                if call.state == State::Over {
                    return;
                }
                let prack = reliable(response);
                let cseq = response.headers.cseq().map_or(1, |(number, _)| number);
                if let Some((dialog, rseq)) = call.early_dialog(response, from).zip(prack) {
                    // It grows by one and never wraps (RFC 3262, section 3).
                    let next = dialog.rseq.is_none_or(|last| last.checked_add(1) == Some(rseq));
                    if next {
                        dialog.rseq = Some(rseq);
                        dialog.local_cseq += 1;
                        let mut request = dialog.request(Method::PRACK, dialog.local_cseq);
                        request.headers.push("RAck", format!("{rseq} {cseq} INVITE"));
                        let hop = dialog.next_hop();
                        let request = self.finish(request, hop.protocol);
                        self.layer.send(now, request, hop);
                    }
                }
                if let Some(call) = self.calls.get_mut(id).filter(|call| call.state == State::Inviting) {
                    call.progress(now, response);
                }
            }
            200..=299 => self.accepted(now, id, response, from),
            _ if call.inheritance.is_some() => self.inherited_refused(now, id, key, response.status),
            401 | 407 if call.state == State::Inviting => self.authenticate(now, id, response),
            _ => {
                let (by, cause) = match call.state {
                    State::Cancelling(EndCause::RingLimit) => (Side::Timer, EndCause::RingLimit),
                    State::Cancelling(cause) => (Side::Us, cause),
                    _ => (Side::Peer, EndCause::Refused),
                };
                call.end(now, by, cause, Some(response));
            }
        }
    }

    /// A 2xx: acknowledged always; kept when it is the first and we did not give up.
    fn accepted(&mut self, now: Instant, id: &str, response: &Response, from: Flow) {
        let Some(call) = self.calls.get_mut(id) else { return };
        let Some(mut dialog) = Dialog::begin(&call.invite, response, from) else { return };
        let cseq = response.headers.cseq().map_or(1, |(number, _)| number);
        let tag = dialog.remote_tag.clone();
        let held = call.ack_by.is_some() && call.dialog.as_ref().is_some_and(|dialog| dialog.remote_tag == tag);
        if let Some(known) = call.dialog_of(&tag) {
            let (hop, ack) = (known.next_hop(), known.ack.clone());
            self.out.extend(ack.filter(|_| !held).map(|ack| Out::Send(hop, ack)));
            return;
        }
        let mut ack = dialog.request(Method::ACK, cseq);
        for name in ["Authorization", "Proxy-Authorization"] {
            if let Some(value) = call.invite.headers.get(name) {
                ack.headers.push(name, value);
            }
        }
        let early = call.early.iter().find(|early| early.remote_tag == tag);
        dialog.local_cseq = early.map_or(cseq, |early| early.local_cseq);
        if call.inheritance.is_some() {
            dialog.skip_numbers();
        }
        let wanted = call.state == State::Inviting && call.dialog.is_none();
        let hop = dialog.next_hop();
        let ack = Bytes::from(print_request(&self.finish(ack, hop.protocol)));
        dialog.ack = Some(ack.clone());
        let Some(call) = self.calls.get_mut(id) else { return };
        if wanted {
            call.state = State::Up;
            call.answered_at = Some(now);
            call.dialog = Some(dialog);
            call.ack_by = Some(now + KEEP);
            let sdp = sdp(&response.headers, &response.body).unwrap_or_else(|| call.remote_sdp.clone());
            call.remote_sdp.clone_from(&sdp);
            call.events.push(LegEvent::Saved(Box::new(call.save(self.local))));
            call.events.push(LegEvent::Answered { sdp });
            return;
        }
        self.out.push_back(Out::Send(hop, ack));
        // The 200 crossed our CANCEL, or is one fork too many: the call is up there, hang it up.
        if let State::Cancelling(cause) = call.state {
            let by = if cause == EndCause::RingLimit { Side::Timer } else { Side::Us };
            call.end(now, by, cause, None);
        }
        if call.dialog.is_none() {
            call.dialog = Some(dialog);
        } else {
            // The BYE of the oldest went out long ago.
            if call.forks.len() >= FORKS {
                call.forks.remove(0);
            }
            call.forks.push(dialog);
        }
        self.inherited_answered(id);
        self.bye(now, id, &tag);
    }

    fn authenticate(&mut self, now: Instant, id: &str, response: &Response) {
        let Some(challenge) = Challenge::strongest(response.status, &response.headers) else {
            if let Some(call) = self.calls.get_mut(id) {
                call.end(now, Side::Peer, EndCause::AuthenticationFailed, Some(response));
            }
            return;
        };
        let Some(call) = self.calls.get_mut(id) else { return };
        // Asked again for the same: the password is wrong. Only an old nonce is another try.
        if call.challenge.is_some() && (!challenge.stale || call.invites >= MAX_INVITES) {
            call.end(now, Side::Peer, EndCause::AuthenticationFailed, Some(response));
            return;
        }
        call.challenge = Some(challenge);
        call.invites += 1;
        call.invite = invite(&call.order, &call.ids.call_id, &call.ids.from_tag, call.invites);
        self.send_invite(now, id);
    }

    fn send_invite(&mut self, now: Instant, id: &str) {
        let Some(request) = self.calls.get(id).map(|call| call.invite.clone()) else { return };
        let request = self.authorise(id, request);
        let Some((branch, target)) = self.calls.get(id).map(|call| (call.ids.branch_of(call.invites), call.target))
        else {
            return;
        };
        let request = self.finish_with(request, target.protocol, &branch);
        let Some(call) = self.calls.get_mut(id) else { return };
        call.invite = request.clone();
        if let Some(key) = self.layer.send(now, request, target) {
            self.owners.insert(key.clone(), id.to_owned());
            if let Some(call) = self.calls.get_mut(id) {
                call.invite_key = Some(key);
            }
        }
        self.drain(now);
    }

    pub(super) fn authorise(&mut self, id: &str, mut request: Request) -> Request {
        let cnonce = self.token(1);
        if let Some(call) = self.calls.get_mut(id)
            && let Some(challenge) = &call.challenge
        {
            let who =
                Credentials { username: &call.order.trunk.username, password: call.order.trunk.password.reveal() };
            let value =
                auth::answer(challenge, &who, (&request.method.to_string(), &request.uri, &request.body), 1, &cnonce);
            request.headers.set(if challenge.proxy { "Proxy-Authorization" } else { "Authorization" }, value);
        }
        request
    }

    fn give_up(&mut self, now: Instant, id: &str, cause: EndCause) {
        let Some(call) = self.calls.get_mut(id) else { return };
        call.state = State::Cancelling(cause);
        if let Some(key) = call.invite_key.clone() {
            self.layer.cancel(now, &key);
        }
        self.drain(now);
    }

    fn timeout(&mut self, now: Instant, key: &Key, cause: EndCause) {
        if let Some(at) = self.probes.iter().position(|probe| probe == key) {
            self.probes.swap_remove(at);
            self.out.push_back(Out::Probed(key.clone(), false));
            return;
        }
        let Some(id) = self.owners.remove(key) else { return };
        if let Some(call) = self.calls.get_mut(&id).filter(|call| call.invite_key.as_ref() == Some(key)) {
            match call.state {
                State::Cancelling(EndCause::RingLimit) => call.end(now, Side::Timer, EndCause::RingLimit, None),
                State::Cancelling(cause) => call.end(now, Side::Us, cause, None),
                _ => call.end(now, Side::Timer, cause, None),
            }
        }
        self.bye_timeout(now, &id, key);
        self.inherited_timeout(now, &id, key);
        self.collect(&id);
    }

    /// Adds Via, Contact and User-Agent to a request of ours.
    pub(super) fn finish(&mut self, request: Request, protocol: Protocol) -> Request {
        let branch = self.token(2);
        self.finish_with(request, protocol, &branch)
    }

    fn finish_with(&self, mut request: Request, protocol: Protocol, branch: &str) -> Request {
        let mut headers = Headers::default();
        headers.push("Via", via_line(protocol, self.local, branch));
        for (name, value) in request.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("Via")) {
            if !name.eq_ignore_ascii_case("Contact") && !name.eq_ignore_ascii_case("User-Agent") {
                headers.push(name, value);
            }
        }
        headers.push("Contact", self.contact());
        headers.push("User-Agent", &self.user_agent);
        request.headers = headers;
        request
    }

    pub(super) fn contact(&self) -> String {
        format!("<sip:songda@{}>", self.local)
    }

    /// A word of random hexadecimal digits.
    pub(super) fn token(&mut self, words: usize) -> String {
        token(&mut self.random, words)
    }

    /// Moves the events of a call to the outside.
    pub(super) fn collect(&mut self, id: &str) {
        if let Some(call) = self.calls.get_mut(id) {
            for event in call.events.drain(..) {
                self.out.push_back(Out::Event(id.to_owned(), event));
            }
        }
    }

    /// How long a 2xx of ours is repeated.
    pub(super) const REPEAT: Duration = crate::tx::T64;
}
