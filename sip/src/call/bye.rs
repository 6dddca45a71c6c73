//! BYE: RFC 3261, 15.

use std::time::Instant;

use super::{
    EndCause, Ended, FinishError, Finished, Side,
    leg::{Call, FORGET, State},
    post::{Post, Purpose},
};
use crate::{
    msg::{Method, Request, Response},
    tx::Key,
};

/// The first, one with credentials, one for a nonce that was too old.
const MAX_BYES: u32 = 3;

/// A BYE that waits for its answer.
#[derive(Debug)]
pub(super) struct Bye {
    key: Key,
    remote_tag: String,
    tries: u32,
    sent: Request,
}

impl Call {
    /// Hangs up an answered call.
    pub(super) fn hang_up(&mut self, post: &mut Post, now: Instant, by: Side, cause: EndCause) {
        let ended = Ended { ..self.ended(now, by, cause) };
        self.end(post, now, ended);
        self.bye_due = true;
        self.bye_when_acknowledged(post, now);
    }

    /// The called side hangs up only after the ACK of its answer (15).
    pub(super) fn bye_when_acknowledged(&mut self, post: &mut Post, now: Instant) {
        let waits = self.unacknowledged.as_ref().is_some_and(|waiting| waiting.first);
        if !self.bye_due || waits {
            return;
        }
        self.bye_due = false;
        if let Some(tag) = self.dialog.as_ref().map(|dialog| dialog.remote_tag.clone()) {
            self.bye(post, now, &tag);
        }
    }

    /// Hangs up the dialog with this tag of the other end.
    pub(super) fn bye(&mut self, post: &mut Post, now: Instant, remote_tag: &str) {
        self.send_bye(post, now, remote_tag, 1);
    }

    fn send_bye(&mut self, post: &mut Post, now: Instant, remote_tag: &str, tries: u32) {
        // Its answer is waited for.
        self.forget_at = self.forget_at.map(|_| now + FORGET);
        let Some(dialog) = self.dialog_of(remote_tag) else { return };
        let (mut request, hop) = (dialog.next(Method::BYE), dialog.next_hop());
        if let Some(reason) = self.reason.print() {
            request.headers.push("Reason", reason);
        }
        if tries > 1 {
            self.authorise(post, &mut request);
        }
        let sent = post.finish(request, &hop);
        if let Some(key) = post.send(now, &self.id, Purpose::Bye, sent.clone(), hop) {
            self.byes.push(Bye { key, remote_tag: remote_tag.to_owned(), tries, sent });
        }
    }

    /// A final answer. A carrier that challenges gets it again with our credentials.
    pub(super) fn bye_answer(&mut self, post: &mut Post, now: Instant, key: &Key, response: &Response) {
        let Some(bye) = self.take_bye(key) else { return };
        let challenged = matches!(response.status, 401 | 407) && self.challenged_for(post, &bye.sent, response);
        if challenged && bye.tries < MAX_BYES {
            self.send_bye(post, now, &bye.remote_tag, bye.tries + 1);
            return;
        }
        let how = match response.status {
            200..=299 => Ok(Finished::HungUp),
            // Each of them ends the dialog (RFC 3261, 12.2.1.2; RFC 5057, 5.1).
            404 | 408 | 410 | 481 | 604 => Ok(Finished::Gone),
            status => Err(FinishError::Refused { status }),
        };
        self.silent |= how.is_err();
        self.learn(post, now, how);
    }

    /// No answer came (timer F), or the BYE could not be sent.
    pub(super) fn bye_timeout(&mut self, post: &mut Post, now: Instant, key: &Key) {
        if self.take_bye(key).is_some() {
            self.silent = true;
            self.learn(post, now, Err(FinishError::Silent));
        }
    }

    fn take_bye(&mut self, key: &Key) -> Option<Bye> {
        let at = self.byes.iter().position(|bye| bye.key == *key)?;
        Some(self.byes.swap_remove(at))
    }

    /// A BYE of the other end, in its dialog with this tag.
    pub(super) fn hung_up(&mut self, post: &mut Post, now: Instant, key: &Key, request: &Request, remote_tag: &str) {
        let tag = self.ids.local_tag.clone();
        post.respond(now, key, &Response::to(request, 200, &tag));
        // A fork that lost hangs up as well, and crosses our BYE: that ends its dialog alone.
        if self.dialog.as_ref().is_some_and(|dialog| dialog.remote_tag != remote_tag) {
            if let Some(outgoing) = self.outgoing() {
                outgoing.forks.retain(|dialog| dialog.remote_tag != remote_tag);
                outgoing.early.retain(|dialog| dialog.remote_tag != remote_tag);
            }
            return;
        }
        let unanswered = self.state == State::Inviting;
        if unanswered && self.incoming().is_some() {
            // The INVITE gets its answer too (15.1.2).
            self.cancelled(post, now, &request.headers);
            return;
        }
        self.kept(post);
        self.unacknowledged = None;
        self.end_by_peer(post, now, EndCause::HungUp, (None, &request.headers));
        // Ours, if it waits for an ACK, is not needed any more.
        self.bye_due = false;
        if unanswered {
            self.drop_invite(post, now);
        }
    }
}
