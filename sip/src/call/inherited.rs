//! Legs of an earlier run, which this one only ends.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    CallCore, EndCause, Out, OutboundCall, Reason, SavedLeg, Trunk,
    dialog::Dialog,
    leg::{Call, FORGET, State, Way},
    outgoing::MAX_INVITES,
    post::{Owner, Post, Purpose},
    request::invite,
};
use crate::{
    number::Number,
    transport::Addresses,
    tx::{Key, T1, T2},
};

/// When the CANCEL of one INVITE led to nothing by now, the next is cancelled too.
const NEXT_CANCEL: Duration = T1;

/// An answer that nobody acknowledged comes again at least this often (RFC 3261, 13.3.1.4).
const REPEATED_ANSWER: Duration = Duration::from_millis(T2.as_millis() as u64 + T1.as_millis() as u64);

/// How the leg of an earlier run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finished {
    /// It was answered, and the other end took our BYE.
    HungUp,
    /// It was not answered yet, and the other end gave it up.
    Cancelled,
    /// The other end knew of no such call: it was over, or never began.
    Gone,
}

/// The other end may think that the leg of an earlier run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FinishError {
    /// No answer came within 32 seconds.
    #[error("the carrier gave no final answer: the call may go on at its side")]
    Silent,
    /// The carrier did not take our BYE, or our credentials for it.
    #[error("the carrier did not take our BYE, it answered {status}")]
    Refused {
        /// SIP status.
        status: u16,
    },
    /// The leg belongs to this run, or is being ended already.
    #[error("the call is one of this run, or is being ended already")]
    InUse,
    /// The endpoint ended before the leg did.
    #[error("the telephone line was closed before the call was ended")]
    Closed,
}

/// How far the CANCEL of an inherited INVITE is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cancel {
    Due,
    Sent,
    /// The other end knows the INVITE, and has nothing more to say of it so far.
    Taken,
}

/// An INVITE of the earlier run that may be pending.
#[derive(Debug)]
struct Pending {
    key: Key,
    cancel: Cancel,
    /// The first of a trunk with a password: it was challenged, if it arrived at all.
    challenged: bool,
}

/// What is left to be ended of a leg of an earlier run.
#[derive(Debug, Default)]
pub(super) struct Inheritance {
    /// The likeliest first.
    invites: Vec<Pending>,
    next_cancel: Option<Instant>,
    /// The carrier knows of no INVITE; one that forgot it with its answer still repeats that.
    quiet_until: Option<Instant>,
    how: Option<Result<Finished, FinishError>>,
    told: bool,
}

impl Inheritance {
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        [self.next_cancel, self.quiet_until].into_iter().flatten().min()
    }
}

impl CallCore {
    /// What must be kept of a call for another run to end it.
    pub fn saved(&self, id: &str) -> Option<SavedLeg> {
        self.calls.get(id).map(|call| call.save(&self.post))
    }

    /// Ends the leg of an earlier run; [`Out::Finished`] tells under its Call-ID how it went.
    /// No INVITE is sent.
    ///
    /// An answered leg gets its ACK again, and BYE. Before the answer a CANCEL goes out for
    /// each INVITE that may be pending, under its branch (RFC 3261, 9.1), one after another
    /// until one is known. An answer that comes then is acknowledged and hung up (13.2.2.4).
    /// A call that came in and was not answered is over by itself: its caller gives up.
    pub fn finish_leg(&mut self, now: Instant, saved: &SavedLeg, trunk: &Trunk) -> Result<String, FinishError> {
        let id = saved.ids.call_id.clone();
        if let Some(call) = self.calls.get(&id) {
            // One more try after a carrier that was silent is welcome.
            if !matches!(&call.way, Way::Out(leg) if leg.inheritance.as_ref().is_some_and(|leg| leg.told)) {
                return Err(FinishError::InUse);
            }
            self.forget(&id);
        }
        let order = OutboundCall {
            // The leg keeps the name under which it was dialled.
            trunk: Arc::new(Trunk { domain: saved.domain.clone(), uri: saved.uri.clone(), ..trunk.clone() }),
            callee: Number::new(&saved.callee),
            caller: Number::new(&saved.caller),
            offer: String::new(),
            ring_limit: Duration::ZERO,
        };
        let mut call = Call::place(now, order, saved.target.into(), saved.ids.clone());
        // Q.850, 2.2.7: normal, unspecified. Nobody wanted this end.
        call.reason = Reason { q850: Some(31), sip: None };
        if let Some(outgoing) = call.outgoing() {
            outgoing.inheritance = Some(Inheritance::default());
        }
        if let Some(dialog) = &saved.dialog {
            call.hang_up_inherited(&mut self.post, now, Dialog::take_up(dialog, &id));
        } else if saved.incoming {
            call.state = State::Over;
            call.learn(&mut self.post, now, Ok(Finished::Gone));
        } else {
            call.cancel_inherited(&mut self.post, now, saved, trunk);
        }
        self.calls.insert(id.clone(), call);
        self.settle(&id);
        self.drain(now);
        Ok(id)
    }
}

impl Call {
    fn hang_up_inherited(&mut self, post: &mut Post, now: Instant, dialog: Dialog) {
        let tag = dialog.remote_tag.clone();
        self.state = State::Over;
        self.forget_at = Some(now + FORGET);
        // The ACK, if the run was killed before it: a BYE may not be understood without.
        if let Some(ack) = &dialog.ack {
            post.out.push_back(Out::Send(dialog.next_hop(), ack.bytes.clone()));
        }
        self.dialog = Some(dialog);
        self.bye(post, now, &tag);
    }

    fn cancel_inherited(&mut self, post: &mut Post, now: Instant, saved: &SavedLeg, trunk: &Trunk) {
        self.state = State::Cancelling(EndCause::Cancelled);
        let known = !trunk.username.is_empty();
        let mut numbers: Vec<u32> = (0..MAX_INVITES).map(|step| saved.first.saturating_add(step)).collect();
        // A trunk with a password has challenged the first.
        if known {
            numbers.swap(0, 1);
        }
        for number in numbers {
            self.inherit_invite(post, now, saved, number, known && number == saved.first);
        }
        self.cancel_next(post, now);
    }

    /// As if this run had sent that INVITE and it rang: its answers find their way.
    fn inherit_invite(&mut self, post: &mut Post, now: Instant, saved: &SavedLeg, number: u32, challenged: bool) {
        let Way::Out(outgoing) = &mut self.way else { return };
        let mut request = invite(&outgoing.order, &self.ids, number, None);
        let branch = self.ids.branch_of(number);
        request.headers.set("Via", Addresses::from(saved.local).via(&saved.target, &branch));
        outgoing.invite = request.clone();
        if let Some(key) = post.layer.inherit(now, request, saved.target) {
            post.owners.insert(key.clone(), Owner { call: self.id.clone(), purpose: Purpose::Invite });
            if let Some(inheritance) = &mut outgoing.inheritance {
                inheritance.invites.push(Pending { key, cancel: Cancel::Due, challenged });
            }
        }
    }

    fn inheritance(&mut self) -> Option<&mut Inheritance> {
        self.outgoing()?.inheritance.as_mut()
    }

    /// Cancels the next INVITE that may be pending.
    fn cancel_next(&mut self, post: &mut Post, now: Instant) {
        let reason = self.reason.print();
        let Some(inheritance) = self.inheritance() else { return };
        inheritance.next_cancel = None;
        let mut due = inheritance.invites.iter_mut().filter(|pending| pending.cancel == Cancel::Due);
        let Some(next) = due.next() else { return };
        next.cancel = Cancel::Sent;
        match reason {
            Some(reason) => post.layer.cancel_because(now, &next.key, reason),
            None => post.layer.cancel(now, &next.key),
        }
        let more = due.next().is_some();
        inheritance.next_cancel = more.then_some(now + NEXT_CANCEL);
    }

    pub(super) fn inherited_timers(&mut self, post: &mut Post, now: Instant) {
        let Some(inheritance) = self.inheritance() else { return };
        if inheritance.next_cancel.is_some_and(|at| at <= now) {
            self.cancel_next(post, now);
        } else if inheritance.quiet_until.is_some_and(|at| at <= now) {
            self.conclude(post, now);
        }
    }

    /// A final answer to a CANCEL.
    pub(super) fn cancel_answer(&mut self, post: &mut Post, now: Instant, key: &Key, status: u16) {
        let Some(inheritance) = self.inheritance() else { return };
        let Some(at) = inheritance.invites.iter().position(|pending| pending.key.branch() == key.branch()) else {
            return;
        };
        if status != 481 {
            inheritance.invites[at].cancel = Cancel::Taken;
            return;
        }
        // There is no such INVITE at the other end (9.2).
        let unknown = inheritance.invites.remove(at);
        post.layer.forget(&unknown.key);
        post.owners.remove(&unknown.key);
        self.cancel_next(post, now);
        self.learn(post, now, Ok(Finished::Gone));
    }

    /// An INVITE was refused: 487 after our CANCEL, or whatever crossed it.
    pub(super) fn inherited_refused(&mut self, post: &mut Post, now: Instant, key: &Key, status: u16) {
        let Some(inheritance) = self.inheritance() else { return };
        let Some(at) = inheritance.invites.iter().position(|pending| pending.key == *key) else { return };
        inheritance.invites.remove(at);
        if matches!(status, 401 | 407) {
            // That one was over, and says nothing of the next.
            self.learn(post, now, Ok(Finished::Gone));
        } else {
            self.inherited_answered(post);
            self.learn(post, now, Ok(Finished::Cancelled));
        }
    }

    /// One of them was answered: no other is pending.
    pub(super) fn inherited_answered(&mut self, post: &mut Post) {
        let Some(inheritance) = self.inheritance() else { return };
        (inheritance.next_cancel, inheritance.quiet_until) = (None, None);
        for pending in std::mem::take(&mut inheritance.invites) {
            post.layer.forget(&pending.key);
            post.owners.remove(&pending.key);
        }
    }

    /// An INVITE had no final answer within 32 seconds. Also when its CANCEL was taken it is not
    /// known to be over, whatever 9.1 allows to assume: it may have been answered and
    /// acknowledged before that was kept. Only the first of a trunk that challenges is: the run
    /// died after it acknowledged the challenge and before the next INVITE arrived.
    pub(super) fn inherited_timeout(&mut self, post: &mut Post, now: Instant, key: &Key) {
        let Some(inheritance) = self.inheritance() else { return };
        let Some(at) = inheritance.invites.iter().position(|pending| pending.key == *key) else { return };
        let pending = inheritance.invites.remove(at);
        let over = pending.challenged && pending.cancel == Cancel::Taken;
        self.learn(post, now, if over { Ok(Finished::Gone) } else { Err(FinishError::Silent) });
    }

    /// A part of a leg of an earlier run is over.
    pub(super) fn learn(&mut self, post: &mut Post, now: Instant, how: Result<Finished, FinishError>) {
        let Some(inheritance) = self.inheritance() else { return };
        inheritance.how = Some(inheritance.how.map_or(how, |before| worse(before, how)));
        self.conclude(post, now);
    }

    /// Tells once that nothing is left to be ended.
    fn conclude(&mut self, post: &mut Post, now: Instant) {
        let (answered, hanging_up) = (self.dialog.is_some(), !self.byes.is_empty());
        let Some(inheritance) = self.inheritance() else { return };
        let Some(how) = inheritance.how.filter(|_| !inheritance.told && !hanging_up && inheritance.invites.is_empty())
        else {
            return;
        };
        if how == Ok(Finished::Gone) && !answered && inheritance.quiet_until.is_none_or(|at| now < at) {
            inheritance.quiet_until.get_or_insert(now + REPEATED_ANSWER);
            return;
        }
        inheritance.quiet_until = None;
        inheritance.told = true;
        self.state = State::Over;
        self.forget_at = Some(now + FORGET);
        post.out.push_back(Out::Finished(self.id.clone(), how));
    }
}

/// What must be told of the two.
fn worse(one: Result<Finished, FinishError>, other: Result<Finished, FinishError>) -> Result<Finished, FinishError> {
    match (one?, other?) {
        (Finished::HungUp, _) | (_, Finished::HungUp) => Ok(Finished::HungUp),
        (Finished::Cancelled, _) | (_, Finished::Cancelled) => Ok(Finished::Cancelled),
        (Finished::Gone, Finished::Gone) => Ok(Finished::Gone),
    }
}
