//! A call that we place, from its INVITE to its answer or refusal.

use std::time::{Duration, Instant};

use super::{
    EndCause, Ended, LegEvent, LegIds, OutboundCall, Reason, Side,
    dialog::Dialog,
    inherited::Inheritance,
    leg::{Call, State, Way},
    post::{Post, Purpose},
    request,
    session::sdp_of,
};
use crate::{
    flow::{Flow, Targets},
    msg::{Request, Response, min_se, q850, retry_after, rseq},
    tx::Key,
};

/// To one target: the first, one each for a 401 of the carrier, a 407 of its proxy and a session
/// timer that was too short (422). One of a single realm has room for a nonce that was too old.
pub(super) const MAX_INVITES: u32 = 4;

/// A carrier forks to a handful of places, not to hundreds.
pub(super) const FORKS: usize = 16;

/// After the last 18x it may ring for so long (timer C, RFC 3261, 16.6 and 16.7).
const TIMER_C: Duration = Duration::from_mins(3);

/// So long the ACK of an answer waits for the leg to be kept.
pub(super) const KEEP: Duration = Duration::from_secs(2);

/// What only the caller of a call has.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) order: OutboundCall,
    /// The hosts of the trunk, and which of them is asked.
    pub(super) ways: Targets,
    pub(super) way: usize,
    pub(super) target: Flow,
    /// Until then the host may say nothing.
    pub(super) patience: Option<Instant>,
    /// As it went out last.
    pub(super) invite: Request,
    pub(super) key: Option<Key>,
    /// It has no final answer yet.
    pub(super) open: bool,
    /// How many INVITEs went out; the number of the last one.
    pub(super) invites: u32,
    /// Number of the first INVITE to this target.
    pub(super) first: u32,
    pub(super) hops: u32,
    ring_deadline: Instant,
    last_ring: Option<Instant>,
    trying_told: bool,
    /// The description that was told last.
    told_sdp: String,
    pub(super) early: Vec<Dialog>,
    /// Other forks that answered: acknowledged and hung up at once.
    pub(super) forks: Vec<Dialog>,
    /// The ACK of the answer waits until the leg is kept, at most until then.
    pub(super) ack_by: Option<Instant>,
    /// It is the leg of an earlier run, which this one only ends.
    pub(super) inheritance: Option<Inheritance>,
}

impl Outgoing {
    pub(super) fn new(now: Instant, order: OutboundCall, ways: Targets, ids: &LegIds) -> Self {
        Self {
            invite: request::invite(&order, ids, 1, None),
            ring_deadline: now + order.ring_limit,
            order,
            target: ways.first(),
            ways,
            way: 0,
            patience: None,
            key: None,
            open: false,
            invites: 1,
            first: 1,
            hops: 0,
            last_ring: None,
            trying_told: false,
            told_sdp: String::new(),
            early: Vec::new(),
            forks: Vec::new(),
            ack_by: None,
            inheritance: None,
        }
    }

    pub(super) fn deadline(&self, inviting: bool) -> Option<Instant> {
        let inherited = self.inheritance.as_ref().and_then(Inheritance::next_deadline);
        let ring = [Some(self.ring_until()), self.patience].into_iter().flatten().min().filter(|_| inviting);
        [ring, self.ack_by, inherited].into_iter().flatten().min()
    }

    fn ring_until(&self) -> Instant {
        self.last_ring.map_or(self.ring_deadline, |last| self.ring_deadline.min(last + TIMER_C))
    }

    /// The early dialog of this response, begun when it is new.
    fn early_dialog(&mut self, response: &Response, flow: Flow) -> Option<&mut Dialog> {
        let new = Dialog::of_response(&self.invite, response, flow)?;
        let at = match self.early.iter().position(|dialog| dialog.remote_tag == new.remote_tag) {
            Some(at) => at,
            None if self.early.len() >= FORKS => return None,
            None => {
                self.early.push(new);
                self.early.len() - 1
            }
        };
        let dialog = self.early.get_mut(at)?;
        dialog.refresh_target(&response.headers);
        Some(dialog)
    }
}

impl Call {
    pub(super) fn place(now: Instant, order: OutboundCall, ways: Targets, ids: LegIds) -> Self {
        let target = ways.first();
        let offer = order.offer.clone();
        let outgoing = Outgoing::new(now, order, ways, &ids);
        let mut call = Self::new(ids.call_id.clone(), ids, Way::Out(Box::new(outgoing)), target);
        (call.offered, call.local_sdp) = (offer.clone(), offer);
        call
    }

    pub(super) fn send_invite(&mut self, post: &mut Post, now: Instant) {
        let Way::Out(outgoing) = &self.way else { return };
        let (target, branch) = (outgoing.target, self.ids.branch_of(outgoing.invites));
        let mut request = outgoing.invite.clone();
        self.authorise(post, &mut request);
        let request = post.finish_as(request, &target, &branch);
        let key = if outgoing.order.trunk.large_over_tcp {
            post.send_by_size(now, &self.id, Purpose::Invite, request.clone(), target)
        } else {
            post.send(now, &self.id, Purpose::Invite, request.clone(), target)
        };
        if let Some(outgoing) = self.outgoing() {
            outgoing.invite = request;
            outgoing.open = key.is_some();
            outgoing.key = key;
            outgoing.patience = outgoing.patience(now, &post.layer);
        }
    }

    pub(super) fn next_invite(&mut self, post: &mut Post, now: Instant) {
        let min_se = self.min_se;
        let Way::Out(outgoing) = &mut self.way else { return };
        outgoing.invites += 1;
        outgoing.invite = request::invite(&outgoing.order, &self.ids, outgoing.invites, min_se);
        self.send_invite(post, now);
    }

    /// Gives up before the answer.
    pub(super) fn give_up(&mut self, post: &mut Post, now: Instant, cause: EndCause) {
        self.state = State::Cancelling(cause);
        self.drop_invite(post, now);
    }

    /// CANCEL, as soon as there may be one.
    pub(super) fn drop_invite(&mut self, post: &mut Post, now: Instant) {
        let Way::Out(outgoing) = &self.way else { return };
        let Some(key) = outgoing.key.as_ref().filter(|_| outgoing.open) else { return };
        match self.reason.print() {
            Some(reason) => post.layer.cancel_because(now, key, reason),
            None => post.layer.cancel(now, key),
        }
    }

    pub(super) fn outgoing_timers(&mut self, post: &mut Post, now: Instant) {
        let Way::Out(outgoing) = &self.way else { return };
        if outgoing.ack_by.is_some_and(|at| at <= now) {
            self.kept(post);
            self.go_on(post, now);
        }
        self.inherited_timers(post, now);
        let Way::Out(outgoing) = &self.way else { return };
        if self.state == State::Inviting && outgoing.ring_until() <= now {
            // Q.850, 2.2.7: no answer from user (user alerted).
            self.reason = Reason { q850: Some(19), sip: None };
            self.give_up(post, now, EndCause::RingLimit);
        } else if self.state == State::Inviting {
            self.out_of_patience(post, now);
        }
    }

    /// What [`LegEvent::Saved`] told is kept: the answer is acknowledged.
    pub(super) fn kept(&mut self, post: &mut Post) {
        let Way::Out(outgoing) = &mut self.way else { return };
        if outgoing.ack_by.take().is_some()
            && let Some(dialog) = &self.dialog
            && let Some(ack) = &dialog.ack
        {
            post.out.push_back(super::Out::Send(dialog.next_hop(), ack.bytes.clone()));
        }
    }

    /// A response to our INVITE.
    pub(super) fn invite_answer(&mut self, post: &mut Post, now: Instant, key: &Key, response: &Response, from: Flow) {
        let current = self.outgoing().filter(|outgoing| outgoing.key.as_ref() == Some(key));
        if let Some(outgoing) = current {
            outgoing.patience = None;
            outgoing.open &= response.status < 200;
        } else if !self.is_inherited() && !(200..300).contains(&response.status) {
            // A host that was left; it is cancelled.
            return;
        }
        if response.status < 200 {
            self.provisional(post, now, response, from);
            return;
        }
        match response.status {
            200..=299 => self.accepted(post, now, response, from),
            _ if self.is_inherited() => self.inherited_refused(post, now, key, response.status),
            // Whoever was asked meanwhile, and let go.
            _ if self.state == State::Up => {}
            401 | 407 if self.state == State::Inviting => self.challenged(post, now, response),
            422 if self.state == State::Inviting => self.too_short(post, now, response),
            300..=399 if self.state == State::Inviting => self.moved(post, now, response),
            500..=599 => self.host_failed(post, now, response),
            _ => self.refused(post, now, response),
        }
    }

    pub(super) fn refused(&mut self, post: &mut Post, now: Instant, response: &Response) {
        // Some say so of a nonce that is over.
        if let Some(outgoing) = self.outgoing().filter(|_| response.status == 403) {
            post.carriers.forget(&outgoing.order.trunk);
        }
        let (by, cause) = self.given_up().unwrap_or((Side::Peer, EndCause::Refused));
        let rest = (response.status == 503).then(|| retry_after(&response.headers)).flatten();
        let ended = Ended {
            status: Some(response.status),
            q850: q850(&response.headers),
            retry_after: rest.map(|seconds| Duration::from_secs(seconds.into())),
            ..self.ended(now, by, cause)
        };
        self.end(post, now, ended);
    }

    /// Who gave it up, and why.
    pub(super) fn given_up(&self) -> Option<(Side, EndCause)> {
        match self.state {
            State::Cancelling(EndCause::RingLimit) => Some((Side::Timer, EndCause::RingLimit)),
            State::Cancelling(cause) => Some((Side::Us, cause)),
            _ => None,
        }
    }

    fn provisional(&mut self, post: &mut Post, now: Instant, response: &Response, from: Flow) {
        if self.state == State::Over {
            return;
        }
        let description = sdp_of(&response.headers, &response.body);
        let reliable = rseq(&response.headers).filter(|_| response.status > 100);
        let Some(outgoing) = self.outgoing() else { return };
        if response.status > 100 {
            outgoing.last_ring = Some(now);
        }
        if let Some(dialog) = outgoing.early_dialog(response, from)
            && (reliable.is_none() || dialog.wants(reliable))
        {
            dialog.described(description.as_deref(), reliable.is_some());
        }
        if let Some(rseq) = reliable {
            self.acknowledge(post, now, response, rseq);
        }
        if self.state == State::Inviting {
            self.progress(post, now, response.status, description);
            self.go_on(post, now);
        }
    }

    /// Tells of the sound before the answer, or of ringing.
    fn progress(&mut self, post: &mut Post, now: Instant, status: u16, description: Option<String>) {
        let first = self.rang_from.is_none();
        let Way::Out(outgoing) = &mut self.way else { return };
        if status == 100 {
            if !outgoing.trying_told {
                outgoing.trying_told = true;
                post.tell(&self.id, LegEvent::Trying);
            }
            return;
        }
        self.rang_from.get_or_insert(now);
        match description {
            Some(sdp) if sdp != outgoing.told_sdp => {
                outgoing.told_sdp.clone_from(&sdp);
                post.tell(&self.id, LegEvent::EarlyMedia { sdp });
            }
            None if first => post.tell(&self.id, LegEvent::Ringing),
            Some(_) | None => {}
        }
    }

    fn challenged(&mut self, post: &mut Post, now: Instant, response: &Response) {
        let Way::Out(outgoing) = &self.way else { return };
        let again = self.challenged_for(post, &outgoing.invite, response);
        if again && self.may_invite() {
            self.next_invite(post, now);
            return;
        }
        let ended = Ended {
            status: Some(response.status),
            q850: q850(&response.headers),
            ..self.ended(now, Side::Peer, EndCause::AuthenticationFailed)
        };
        self.end(post, now, ended);
    }

    fn may_invite(&self) -> bool {
        matches!(&self.way, Way::Out(outgoing) if outgoing.invites - outgoing.first + 1 < MAX_INVITES)
    }

    /// 422: the session timer is too short for somebody on the way (RFC 4028, 7.3).
    fn too_short(&mut self, post: &mut Post, now: Instant, response: &Response) {
        let longer = min_se(&response.headers).filter(|least| self.min_se.is_none_or(|min| min < *least));
        if let Some(least) = longer.filter(|_| self.may_invite()) {
            self.min_se = Some(least);
            self.next_invite(post, now);
        } else {
            self.refused(post, now, response);
        }
    }

    /// No final answer came in time, or the INVITE could not be sent.
    pub(super) fn invite_timeout(&mut self, post: &mut Post, now: Instant, key: &Key, cause: EndCause) {
        let Some(outgoing) = self.outgoing() else { return };
        if outgoing.inheritance.is_some() {
            self.inherited_timeout(post, now, key);
            return;
        }
        if outgoing.key.as_ref() != Some(key) {
            return;
        }
        outgoing.open = false;
        if self.next_host(post, now, None) {
            return;
        }
        // What could not be sent is nowhere up.
        self.silent |= cause == EndCause::Timeout;
        let (by, cause) = self.given_up().unwrap_or((Side::Timer, cause));
        let ended = self.ended(now, by, cause);
        self.end(post, now, ended);
    }
}
