//! Requests outside of any dialog: those that others send through us, and theirs that we answer
//! for others (REGISTER, OPTIONS, MESSAGE).

use std::time::Instant;

use super::{CallCore, Out};
use crate::{
    flow::Flow,
    msg::{Headers, Method, Request, Response},
    tx::Key,
};

impl CallCore {
    /// Sends a request outside of any dialog; Via, and Contact where it has none, are added.
    /// [`Out::Answered`] tells the final answer, [`Out::Unanswered`] that none came. None when it
    /// could not be begun.
    pub fn request(&mut self, now: Instant, request: Request, target: impl Into<Flow>) -> Option<Key> {
        let target = target.into();
        let request = self.post.finish(request, &target);
        let key = self.post.layer.send(now, request, target)?;
        self.asked.insert(key.clone());
        self.drain(now);
        Some(key)
    }

    /// Answers a request of [`Out::Outside`].
    pub fn respond(&mut self, now: Instant, key: &Key, response: &Response) {
        self.post.respond(now, key, response);
        self.drain(now);
    }

    /// Asks the carrier at `target` whether it is there (RFC 3261, 11): any answer will do.
    pub fn probe(&mut self, now: Instant, domain: &str, target: impl Into<Flow>) -> Option<Key> {
        let target = target.into();
        let local = self.post.local(&target);
        let mut headers = Headers::default();
        headers.push("Max-Forwards", "70");
        headers.push("From", format!("<sip:{local}>;tag={}", self.post.token(1)));
        headers.push("To", format!("<sip:{domain}>"));
        headers.push("Call-ID", format!("{}@{}", self.post.token(2), local.ip()));
        headers.push("CSeq", "1 OPTIONS");
        headers.push("Accept", "application/sdp");
        let request = Request { method: Method::OPTIONS, uri: format!("sip:{domain}"), headers, body: Vec::new() };
        self.request(now, request, target)
    }

    /// A final answer to a request of others. False when it is none of theirs.
    pub(super) fn answered_outside(&mut self, key: &Key, response: &Response) -> bool {
        if !self.asked.contains(key) {
            return false;
        }
        if response.status >= 200 {
            self.asked.remove(key);
            self.post.out.push_back(Out::Answered(key.clone(), response.clone()));
        }
        true
    }

    /// No answer came to a request of others. False when it is none of theirs.
    pub(super) fn unanswered_outside(&mut self, key: &Key) -> bool {
        let theirs = self.asked.remove(key);
        if theirs {
            self.post.out.push_back(Out::Unanswered(key.clone()));
        }
        theirs
    }
}
