//! Calls that fail because a test wants them to.

use std::net::SocketAddr;
use std::time::Instant;

use super::carrier::{Carrier, Note};
use super::message::Request;
use super::reply::reply;
use super::transactions::TxKey;
use crate::numbers::Number;

/// More kinds of failure than any test asks for at once.
const MAX_FAULTS: usize = 64;

/// How a call fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// A final status, with the `Contact` of a 3xx.
    Status { status: u16, contact: Option<String> },
    /// The INVITE is not answered at all.
    Silence,
    /// 100, then nothing more.
    Stuck,
}

/// The next `times` calls, to one number or to all, fail.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) number: Option<Number>,
    pub(crate) failure: Failure,
    pub(crate) times: u32,
}

impl Carrier {
    /// Adds a fault, or takes back those of its number when it has no times.
    pub(crate) fn set_fault(&mut self, fault: Fault) {
        self.faults.retain(|known| known.number != fault.number);
        if fault.times > 0 && self.faults.len() < MAX_FAULTS {
            self.faults.push(fault);
        }
    }

    /// Whether nobody hears this INVITE, which was not challenged yet.
    pub(super) fn swallowed(&mut self, number: Option<&Number>) -> bool {
        self.take_fault(number, |failure| *failure == Failure::Silence).is_some()
    }

    /// Lets a call with right credentials fail, if one is to.
    pub(super) fn fails(
        &mut self,
        key: &TxKey,
        request: &Request,
        from: SocketAddr,
        number: Option<&Number>,
        now: Instant,
    ) -> bool {
        match self.take_fault(number, |failure| *failure != Failure::Silence) {
            None => return false,
            Some(Failure::Status { status, contact: Some(contact) }) => {
                let local_tag = (self.tokens)();
                let mut response = reply(request, from, status, &local_tag);
                response.headers.push("Contact", format!("<{contact}>"));
                self.respond(key, &response, now);
                let id = request.headers.get("Call-ID").unwrap_or_default();
                for note in [Note::Refused("a fault was asked for"), Note::Status(status), Note::Ended("carrier")] {
                    self.note(id, note);
                }
            }
            Some(Failure::Status { status, contact: None }) => {
                self.refuse(key, request, from, status, "a fault was asked for", now);
            }
            Some(_) => {
                let trying = reply(request, from, 100, "");
                self.respond(key, &trying, now);
            }
        }
        true
    }

    fn take_fault(&mut self, number: Option<&Number>, kind: impl Fn(&Failure) -> bool) -> Option<Failure> {
        let meant = |fault: &Fault| kind(&fault.failure) && fault.number.as_ref().is_none_or(|n| Some(n) == number);
        let at = self.faults.iter().position(meant)?;
        let fault = self.faults.get_mut(at)?;
        fault.times -= 1;
        let failure = fault.failure.clone();
        if fault.times == 0 {
            self.faults.remove(at);
        }
        Some(failure)
    }
}
