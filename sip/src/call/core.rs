//! All calls of one endpoint over its transactions.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    EndCause, FinishError, Finished, Invite, LegEvent, LegIds, OutboundCall, Reason, Rejection, Side, Trunk,
    leg::{Call, State, Way},
    post::{Post, Purpose},
    serves::SERVES,
    timers::Timers,
};
use crate::{
    flow::{Flow, Targets},
    msg::{Headers, Message, Request, Response},
    transport::{Addresses, unreadable, via},
    tx::{Event, Key, Layer, Output},
    uri::NameAddr,
    wire::{self, Defect},
};

/// What comes out of the core.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Out {
    /// Bytes to send.
    Send(Flow, Bytes),
    /// News of the call with this id.
    Event(String, LegEvent),
    /// A call comes in under this id: ring, progress, answer or reject it.
    Incoming(String, Box<Invite>),
    /// A request outside of any dialog that is no call: answer it by [`CallCore::respond`], or
    /// [`CallCore::decline`] it.
    Outside(Key, Request, Flow),
    /// The final answer to [`CallCore::request`].
    Answered(Key, Response),
    /// None came within 32 seconds, or the request could not be sent.
    Unanswered(Key),
    /// This host of a trunk failed: it is asked last for so long.
    Last(Flow, Duration),
    /// The leg of an earlier run, by its Call-ID, is ended; or nobody answered.
    Finished(String, Result<Finished, FinishError>),
}

/// All calls of one endpoint, without I/O.
pub struct CallCore {
    pub(super) calls: HashMap<String, Call>,
    pub(super) post: Post,
    timers: Timers,
    /// Requests outside of any dialog that were sent for others.
    pub(super) asked: HashSet<Key>,
}

impl std::fmt::Debug for CallCore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallCore")
            .field("calls", &self.calls.len())
            .field("transactions", &self.post.layer.len())
            .finish_non_exhaustive()
    }
}

impl CallCore {
    /// A core that names `addresses` as its own. `random` gives tags and branches.
    pub fn new(addresses: impl Into<Addresses>, user_agent: String, random: Box<dyn FnMut() -> u64 + Send>) -> Self {
        Self {
            calls: HashMap::new(),
            post: Post::new(addresses.into(), user_agent, random),
            timers: Timers::default(),
            asked: HashSet::new(),
        }
    }

    /// Calls and transactions alive.
    pub fn load(&self) -> (usize, usize) {
        (self.calls.len(), self.post.layer.len())
    }

    /// Whether nothing is left of any call, transaction or timer.
    pub fn is_empty(&self) -> bool {
        let nothing_asked = self.asked.is_empty() && self.post.owners.is_empty();
        self.calls.is_empty() && self.post.layer.is_empty() && self.timers.next().is_none() && nothing_asked
    }

    /// Requests of ours that wait for a final answer, probes aside.
    pub fn unanswered(&self) -> usize {
        self.post.layer.unanswered()
    }

    /// Messages that were sent again since the start.
    pub fn retransmissions(&self) -> u64 {
        self.post.layer.retransmissions()
    }

    /// Places a call to the carrier at the first of `targets` that answers; answers its id,
    /// which is its Call-ID.
    pub fn dial(&mut self, now: Instant, call: OutboundCall, targets: impl Into<Targets>) -> String {
        let targets = targets.into();
        let local = self.post.local(&targets.first());
        let ids = LegIds::new(local, || self.post.random());
        self.place(now, call, targets, ids)
    }

    /// Places a call whose names on the wire are chosen already.
    pub(crate) fn place(&mut self, now: Instant, call: OutboundCall, targets: Targets, ids: LegIds) -> String {
        let id = ids.call_id.clone();
        let mut call = Call::place(now, call, targets, ids);
        call.send_invite(&mut self.post, now);
        self.calls.insert(id.clone(), call);
        self.settle(&id);
        self.drain(now);
        id
    }

    /// Does something to a call, and what follows from it.
    fn with(&mut self, now: Instant, id: &str, act: impl FnOnce(&mut Call, &mut Post)) {
        if let Some(call) = self.calls.get_mut(id) {
            act(call, &mut self.post);
            self.settle(id);
            self.drain(now);
        }
    }

    /// It rings here: 180 to the caller.
    pub fn ring(&mut self, now: Instant, id: &str) {
        self.with(now, id, |call, post| call.progress_to_caller(post, now, 180, None));
    }

    /// The caller hears something before the answer: 183 with our description, reliable where
    /// the caller knows how (RFC 3262).
    pub fn progress(&mut self, now: Instant, id: &str, sdp: String) {
        self.with(now, id, |call, post| call.progress_to_caller(post, now, 183, Some(sdp)));
    }

    /// Answers a call that comes in with our description: the answer to the caller's offer, or
    /// an offer when he made none.
    pub fn answer(&mut self, now: Instant, id: &str, sdp: String) {
        self.with(now, id, |call, post| call.answer(post, now, sdp));
    }

    /// Refuses a call that comes in.
    pub fn reject(&mut self, now: Instant, id: &str, rejection: &Rejection) {
        self.with(now, id, |call, post| call.reject(post, now, rejection));
    }

    /// Hangs up: CANCEL before the answer, BYE after it; 480 to a call that comes in.
    pub fn hang_up(&mut self, now: Instant, id: &str) {
        self.hang_up_with(now, id, Reason::default());
    }

    /// As [`CallCore::hang_up`], and says why (RFC 3326).
    pub fn hang_up_with(&mut self, now: Instant, id: &str, reason: Reason) {
        self.with(now, id, |call, post| {
            // What is over keeps the reason that it has.
            if matches!(call.state, State::Inviting | State::Up) {
                call.reason = reason;
            }
            match (call.state, &call.way) {
                (State::Inviting, Way::Out(_)) => call.give_up(post, now, EndCause::Cancelled),
                (State::Inviting, Way::In(_)) => {
                    call.reject(post, now, &Rejection { q850: reason.q850, ..Rejection::status(480) });
                }
                (State::Up, _) => {
                    call.kept(post);
                    call.hang_up(post, now, Side::Us, EndCause::HungUp);
                }
                (State::Cancelling(_) | State::Over, _) => {}
            }
        });
    }

    /// Offers a new description: a re-INVITE, or UPDATE before the answer, as soon as none other
    /// is open. [`LegEvent::ReofferAnswered`] or [`LegEvent::ReofferRefused`] follows.
    pub fn reoffer(&mut self, now: Instant, id: &str, sdp: &str) {
        self.with(now, id, |call, post| call.reoffer(post, now, sdp));
    }

    /// A call that comes in came over this trunk: our requests in it are answered for with its
    /// account.
    pub fn carried(&mut self, id: &str, trunk: Arc<Trunk>) {
        if let Some(incoming) = self.calls.get_mut(id).and_then(Call::incoming) {
            incoming.trunk = Some(trunk);
        }
    }

    /// What [`LegEvent::Saved`] told is kept: the answer is acknowledged.
    pub fn kept(&mut self, now: Instant, id: &str) {
        self.with(now, id, |call, post| {
            call.kept(post);
            call.go_on(post, now);
        });
    }

    /// Bytes arrived.
    pub fn receive(&mut self, now: Instant, datagram: &[u8], from: impl Into<Flow>) {
        let from = from.into();
        if datagram == b"\r\n\r\n" {
            self.post.out.push_back(Out::Send(from, Bytes::from_static(b"\r\n")));
            return;
        }
        match wire::parse(datagram) {
            Some((message, defects)) => self.message(now, message, &defects, from),
            None => unreadable(from.protocol),
        }
    }

    /// A message arrived.
    pub fn message(&mut self, now: Instant, message: Message, defects: &[Defect], from: Flow) {
        match message {
            Message::Response(response) if defects.is_empty() => self.post.layer.response(now, response, from),
            Message::Response(_) => unreadable(from.protocol),
            Message::Request(mut request) => {
                via::stamp(&mut request, &from);
                if defects.is_empty() {
                    self.post.layer.request(now, request, from);
                } else if let Some(answer) = wire::refuse(&request, defects, SERVES, &self.post.token(1)) {
                    // Answered without state: what is broken must not fill a table.
                    let to = via::reply_flow(&request.headers, from);
                    self.post.out.push_back(Out::Send(to, wire::print_response(&answer).into()));
                }
            }
        }
        self.drain(now);
    }

    /// A connection that others had opened is no more: calls whose requests took it look for
    /// another way.
    pub fn lost(&mut self, flow: &Flow) {
        self.calls.values_mut().for_each(|call| call.lost(flow));
    }

    /// These bytes of ours could not be sent: what they began is over (RFC 3261, 8.1.3.1, 18.4).
    pub fn undelivered(&mut self, now: Instant, bytes: &[u8]) {
        if let Some((Message::Request(request), _)) = wire::parse(bytes)
            && let Some(key) = Layer::owner(&request)
        {
            self.post.layer.unreachable(now, &key);
            self.drain(now);
        }
    }

    /// Time went on.
    pub fn tick(&mut self, now: Instant) {
        self.post.layer.tick(now);
        self.drain(now);
        while let Some(id) = self.timers.due(now) {
            let Some(call) = self.calls.get_mut(&id) else { continue };
            call.armed = None;
            if call.forget_at.is_some_and(|at| at <= now) {
                self.forget(&id);
                continue;
            }
            let post = &mut self.post;
            match &call.way {
                Way::Out(_) => call.outgoing_timers(post, now),
                Way::In(_) => call.incoming_timers(post, now),
            }
            call.repeat(post, now);
            call.change_timers(post, now);
            self.settle(&id);
            self.drain(now);
        }
    }

    /// When [`CallCore::tick`] wants to be called.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.timers.next().into_iter().chain(self.post.layer.next_deadline()).min()
    }

    /// What has to be done next.
    pub fn poll(&mut self) -> Option<Out> {
        self.post.out.pop_front()
    }

    pub(super) fn forget(&mut self, id: &str) {
        if let Some(mut call) = self.calls.remove(id) {
            self.timers.set(&mut call.armed, None, id);
        }
    }

    /// What follows from whatever was done to a call: its end is told when nothing of it is
    /// waited for, and its timer is set.
    pub(super) fn settle(&mut self, id: &str) {
        let Some(call) = self.calls.get_mut(id) else { return };
        if !call.down_told && call.is_quiet() {
            call.down_told = true;
            if !call.is_inherited() {
                self.post.tell(id, LegEvent::Down { answered: !call.silent });
            }
        }
        let wanted = call.deadline();
        self.timers.set(&mut call.armed, wanted, id);
    }

    pub(super) fn drain(&mut self, now: Instant) {
        while let Some(output) = self.post.layer.poll() {
            match output {
                Output::Send(to, bytes) => self.post.out.push_back(Out::Send(to, bytes)),
                Output::Event(event) => self.event(now, event),
            }
        }
    }

    fn event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Response(key, response, from) => self.answered(now, &key, &response, from),
            Event::Timeout(key) => self.timeout(now, &key, EndCause::Timeout),
            Event::Unreachable(key) => self.timeout(now, &key, EndCause::Transport),
            Event::Instead(key, failed) => {
                self.post.large.refused(now, failed.remote);
                let Some(id) = self.post.owners.get(&key).map(|owner| owner.call.clone()) else { return };
                if let Some(call) = self.calls.get_mut(&id) {
                    call.went_instead(now, &self.post.layer, &key);
                }
                self.settle(&id);
            }
            Event::Request(key, request, from) => self.requested(now, &key, request, from),
            Event::Ack(request, from) => self.acknowledged(now, &request, &from),
            Event::Cancelled(key, cancel) => {
                let id = self.post.owners.get(&key).map(|owner| owner.call.clone());
                // A re-INVITE is answered at once, and cannot be cancelled any more.
                let Some(id) = id else { return };
                if let Some(call) = self.calls.get_mut(&id) {
                    call.cancelled(&mut self.post, now, &cancel.headers);
                }
                self.settle(&id);
            }
        }
    }

    /// The call with this Call-ID and this tag of ours.
    pub(super) fn find(&self, call_id: &str, tag: &str) -> Option<&Call> {
        let is_it = |call: &&Call| call.ids.local_tag == tag;
        self.calls.get(call_id).filter(is_it).or_else(|| self.calls.get(&format!("{call_id};{tag}")).filter(is_it))
    }

    /// The call of ours that a response without a transaction belongs to.
    fn of_response(&self, headers: &Headers) -> Option<String> {
        let from = NameAddr::parse(headers.get("From")?)?;
        self.find(headers.get("Call-ID")?, from.tag()?).map(|call| call.id.clone())
    }

    fn answered(&mut self, now: Instant, key: &Key, response: &Response, from: Flow) {
        if self.answered_outside(key, response) {
            return;
        }
        let last = response.status >= 200;
        let owner = if last { self.post.owners.remove(key) } else { self.post.owners.get(key).cloned() };
        let Some(id) = owner.as_ref().map(|owner| owner.call.clone()).or_else(|| self.of_response(&response.headers))
        else {
            return;
        };
        let Some(call) = self.calls.get_mut(&id) else { return };
        // An answer that comes late, to a transaction that is over, was not looked at there.
        if call.flow.is_secure() && !from.is_secure() {
            return;
        }
        let post = &mut self.post;
        match (owner.map(|owner| owner.purpose), key.method()) {
            (Some(Purpose::Invite), _) => call.invite_answer(post, now, key, response, from),
            (Some(Purpose::Bye), _) if last => call.bye_answer(post, now, key, response),
            (Some(Purpose::Prack), _) if last => call.prack_answer(post, now, key, response),
            (Some(Purpose::Change), _) if last => call.change_answer(post, now, key, response),
            // A repeat, or the answer of another fork.
            (None, "INVITE") if (200..300).contains(&response.status) => call.accepted(post, now, response, from),
            (None, "CANCEL") if last => call.cancel_answer(post, now, key, response.status),
            _ => {}
        }
        self.settle(&id);
    }

    fn timeout(&mut self, now: Instant, key: &Key, cause: EndCause) {
        if self.unanswered_outside(key) {
            return;
        }
        let Some(owner) = self.post.owners.remove(key) else { return };
        let Some(call) = self.calls.get_mut(&owner.call) else { return };
        let post = &mut self.post;
        match owner.purpose {
            Purpose::Invite => call.invite_timeout(post, now, key, cause),
            Purpose::Bye => call.bye_timeout(post, now, key),
            Purpose::Change => call.change_timeout(post, now, key),
            Purpose::Prack => drop(call.take_prack(key)),
            Purpose::Incoming => {}
        }
        self.settle(&owner.call);
    }
}
