//! Legs of an earlier run, which this one only ends.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    CallCore, EndCause, Out, OutboundCall, SavedLeg, Trunk,
    core::{FORGET, via_line},
    dialog::Dialog,
    outbound::{Call, MAX_INVITES, State, invite},
};
use crate::{
    number::Number,
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
}

/// What is left to be ended of a leg of an earlier run.
#[derive(Debug, Default)]
pub(super) struct Inheritance {
    /// INVITEs of which one may be pending, the likeliest first.
    invites: Vec<(Key, Cancel)>,
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
        self.calls.get(id).map(|call| call.save(self.local))
    }

    /// Ends the leg of an earlier run; [`Out::Finished`] tells under its Call-ID how it went.
    /// No INVITE is sent.
    ///
    /// An answered leg gets its ACK again, and BYE. Before the answer a CANCEL goes out for
    /// each INVITE that may be pending, under its branch (RFC 3261, 9.1), one after another
    /// until one is known. An answer that comes then is acknowledged and hung up (13.2.2.4).
    pub fn finish_leg(&mut self, now: Instant, saved: &SavedLeg, trunk: &Trunk) -> Result<String, FinishError> {
        let id = saved.ids.call_id.clone();
        if let Some(call) = self.calls.get(&id) {
            // One more try after a carrier that was silent is welcome.
            if !call.inheritance.as_ref().is_some_and(|inheritance| inheritance.told) {
                return Err(FinishError::InUse);
            }
            self.forget(&id);
        }
        let order = OutboundCall {
            // The leg keeps the name under which it was dialled.
            trunk: Arc::new(Trunk { domain: saved.domain.clone(), ..trunk.clone() }),
            callee: Number::new(&saved.callee),
            caller: Number::new(&saved.caller),
            offer: String::new(),
            ring_limit: Duration::ZERO,
        };
        let mut call = Call::new(now, order, saved.target, saved.ids.clone());
        call.inheritance = Some(Inheritance::default());
        if let Some(dialog) = &saved.dialog {
            let dialog = Dialog::take_up(dialog, &id);
            let tag = dialog.remote_tag.clone();
            call.state = State::Over;
            call.forget_at = Some(now + FORGET);
            // The ACK, if the run was killed before it: a BYE may not be understood without.
            if let Some(ack) = dialog.ack.clone() {
                self.out.push_back(Out::Send(dialog.next_hop(), ack));
            }
            call.dialog = Some(dialog);
            self.calls.insert(id.clone(), call);
            self.bye(now, &id, &tag);
            return Ok(id);
        }
        call.state = State::Cancelling(EndCause::Cancelled);
        self.calls.insert(id.clone(), call);
        // A trunk with a password has challenged the first.
        let mut numbers: Vec<u32> = (1..=MAX_INVITES).collect();
        if !trunk.username.is_empty() {
            numbers.swap(0, 1);
        }
        for number in numbers {
            self.inherit_invite(now, &id, saved, number);
        }
        self.cancel_next(now, &id);
        Ok(id)
    }

    /// As if this run had sent that INVITE and it rang: its answers find their way.
    fn inherit_invite(&mut self, now: Instant, id: &str, saved: &SavedLeg, number: u32) {
        let Some(call) = self.calls.get_mut(id) else { return };
        let mut request = invite(&call.order, id, &call.ids.from_tag, number);
        request.headers.set("Via", via_line(saved.target.protocol, saved.local, &call.ids.branch_of(number)));
        call.invite = request.clone();
        if let Some(key) = self.layer.inherit(now, request, saved.target) {
            self.owners.insert(key.clone(), id.to_owned());
            if let Some(inheritance) = &mut call.inheritance {
                inheritance.invites.push((key, Cancel::Due));
            }
        }
    }

    fn inheritance(&mut self, id: &str) -> Option<&mut Inheritance> {
        self.calls.get_mut(id)?.inheritance.as_mut()
    }

    /// Cancels the next INVITE that may be pending.
    fn cancel_next(&mut self, now: Instant, id: &str) {
        let Some(inheritance) = self.inheritance(id) else { return };
        inheritance.next_cancel = None;
        let mut due = inheritance.invites.iter_mut().filter(|(_, cancel)| *cancel == Cancel::Due);
        let Some((key, cancel)) = due.next() else { return };
        *cancel = Cancel::Sent;
        let (key, more) = (key.clone(), due.next().is_some());
        inheritance.next_cancel = more.then_some(now + NEXT_CANCEL);
        self.layer.cancel(now, &key);
        self.drain(now);
    }

    pub(super) fn inherited_timers(&mut self, now: Instant, id: &str) {
        let Some(inheritance) = self.inheritance(id) else { return };
        if inheritance.next_cancel.is_some_and(|at| at <= now) {
            self.cancel_next(now, id);
        } else if inheritance.quiet_until.is_some_and(|at| at <= now) {
            self.settle(now, id);
        }
    }

    /// A final answer to a CANCEL.
    pub(super) fn cancel_answer(&mut self, now: Instant, id: &str, key: &Key, status: u16) {
        let Some(inheritance) = self.inheritance(id) else { return };
        let Some(at) = inheritance.invites.iter().position(|(invite, _)| invite.branch() == key.branch()) else {
            return;
        };
        // There is no such INVITE at the other end (9.2).
        if status == 481 {
            let (unknown, _) = inheritance.invites.remove(at);
            self.layer.forget(&unknown);
            self.cancel_next(now, id);
            self.learn(now, id, Ok(Finished::Gone));
        }
    }

    /// An INVITE was refused: 487 after our CANCEL, or whatever crossed it.
    pub(super) fn inherited_refused(&mut self, now: Instant, id: &str, key: &Key, status: u16) {
        let Some(inheritance) = self.inheritance(id) else { return };
        let Some(at) = inheritance.invites.iter().position(|(invite, _)| invite == key) else { return };
        inheritance.invites.remove(at);
        if matches!(status, 401 | 407) {
            // That one was over, and says nothing of the next.
            self.learn(now, id, Ok(Finished::Gone));
        } else {
            self.drop_invites(id);
            self.learn(now, id, Ok(Finished::Cancelled));
        }
    }

    /// One of them was answered: no other is pending.
    pub(super) fn inherited_answered(&mut self, id: &str) {
        self.drop_invites(id);
    }

    fn drop_invites(&mut self, id: &str) {
        let Some(inheritance) = self.inheritance(id) else { return };
        (inheritance.next_cancel, inheritance.quiet_until) = (None, None);
        for (key, _) in std::mem::take(&mut inheritance.invites) {
            self.layer.forget(&key);
        }
    }

    /// An INVITE had no final answer within 32 seconds. Also when its CANCEL was taken it is not
    /// known to be over, whatever 9.1 allows to assume: it may have been answered and
    /// acknowledged before that was kept.
    pub(super) fn inherited_timeout(&mut self, now: Instant, id: &str, key: &Key) {
        let Some(inheritance) = self.inheritance(id) else { return };
        let Some(at) = inheritance.invites.iter().position(|(invite, _)| invite == key) else { return };
        inheritance.invites.remove(at);
        self.learn(now, id, Err(FinishError::Silent));
    }

    /// A part of a leg of an earlier run is over.
    pub(super) fn learn(&mut self, now: Instant, id: &str, how: Result<Finished, FinishError>) {
        let Some(inheritance) = self.inheritance(id) else { return };
        inheritance.how = Some(inheritance.how.map_or(how, |before| worse(before, how)));
        self.settle(now, id);
    }

    /// Tells once that nothing is left to be ended.
    fn settle(&mut self, now: Instant, id: &str) {
        let Some(call) = self.calls.get_mut(id) else { return };
        let (answered, hanging_up) = (call.dialog.is_some(), !call.byes.is_empty());
        let Some(inheritance) = call.inheritance.as_mut() else { return };
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
        call.state = State::Over;
        call.forget_at = Some(now + FORGET);
        self.out.push_back(Out::Finished(id.to_owned(), how));
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
