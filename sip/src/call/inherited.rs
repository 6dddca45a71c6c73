//! Legs of an earlier run, which this one only ends.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    CallCore, EndCause, Out, OutboundCall, SavedLeg, Trunk,
    core::{FORGET, via},
    dialog::Dialog,
    outbound::{Call, State, invite},
};
use crate::{
    msg::{Method, Response},
    number::Number,
    tx::Key,
};

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
    /// Nothing came back within 32 seconds.
    #[error("the carrier does not answer: the call may go on at its side")]
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

impl CallCore {
    /// What must be kept of a call for another run to end it.
    pub fn saved(&self, id: &str) -> Option<SavedLeg> {
        self.calls.get(id).map(|call| call.save(self.local))
    }

    /// Ends the leg of an earlier run: BYE when it was answered, else CANCEL. Up to three
    /// INVITEs may have gone out (the first, one with credentials, one for an old nonce); a
    /// CANCEL goes to one after another until the other end knows it. [`Out::Finished`] tells
    /// how it went; no INVITE is sent.
    pub fn finish_leg(&mut self, now: Instant, saved: &SavedLeg, trunk: &Arc<Trunk>) -> String {
        let order = OutboundCall {
            trunk: trunk.clone(),
            callee: Number::new(&saved.callee),
            caller: Number::new(&saved.caller),
            offer: String::new(),
            ring_limit: Duration::ZERO,
        };
        let id = saved.ids.call_id.clone();
        let mut call = Call::new(now, order, saved.target, saved.ids.clone());
        if let Some(dialog) = &saved.dialog {
            let dialog = Dialog::take_up(dialog, &id);
            call.state = State::Over;
            call.forget_at = Some(now + FORGET);
            call.dialog = Some(dialog.clone());
            self.calls.insert(id.clone(), call);
            self.bye(now, &id, &dialog);
            return id;
        }
        call.state = State::Cancelling(EndCause::Cancelled);
        self.calls.insert(id.clone(), call);
        // The one that is likely pending comes first: a trunk with a password is challenged.
        let order: &[u32] = if trunk.username.is_empty() { &[1, 2, 3] } else { &[2, 1, 3] };
        for cseq in order {
            let Some(call) = self.calls.get_mut(&id) else { break };
            let mut request = invite(&call.order, &id, &call.ids.from_tag, *cseq);
            request.headers.set("Via", via(saved.local, &call.ids.branch_of(*cseq)));
            call.invite = request.clone();
            if let Some(key) = self.layer.inherit(now, request, saved.target) {
                call.inherited.push(key.clone());
                self.owners.insert(key, id.clone());
            }
        }
        self.cancel_inherited(now, &id);
        self.drain(now);
        id
    }

    /// A final answer to a BYE or a CANCEL.
    pub(super) fn ended_by(&mut self, now: Instant, id: &str, key: &Key, response: &Response) {
        let method = response.headers.cseq().map(|(_, method)| method);
        let Some(call) = self.calls.get_mut(id) else { return };
        match method {
            Some(Method::BYE) => self.finished(now, id, true),
            // There is no such INVITE at the other end (9.2).
            Some(Method::CANCEL) if response.status == 481 => {
                let at = call.inherited.iter().position(|invite| invite.branch == key.branch);
                let Some(at) = at else { return };
                let unknown = call.inherited.remove(at);
                self.layer.forget(&unknown);
                self.cancel_inherited(now, id);
            }
            _ => {}
        }
    }

    /// Cancels the next INVITE of an earlier run; when there is none the leg is over.
    fn cancel_inherited(&mut self, now: Instant, id: &str) {
        match self.calls.get(id).map(|call| call.inherited.first().cloned()) {
            Some(Some(key)) => self.layer.cancel(now, &key),
            Some(None) => self.finished(now, id, true),
            None => {}
        }
    }

    /// Tells once that the leg of an earlier run is over.
    pub(super) fn finished(&mut self, now: Instant, id: &str, answered: bool) {
        let Some(call) = self.calls.get_mut(id).filter(|call| !call.ending_told && call.offers_nothing()) else {
            return;
        };
        call.ending_told = true;
        call.state = State::Over;
        call.forget_at = Some(now + FORGET);
        let how = match (answered, call.dialog.is_some()) {
            (true, true) => Ok(Finished::HungUp),
            (true, false) => Ok(Finished::Cancelled),
            (false, _) => Err(FinishError::Silent),
        };
        self.out.push_back(Out::Finished(id.to_owned(), how));
    }
}
