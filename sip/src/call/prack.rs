//! PRACKs of ours (RFC 3262, 4).

use std::time::Instant;

use super::{
    leg::Call,
    post::{Post, Purpose},
};
use crate::{
    msg::{Method, Request, Response},
    tx::Key,
};

/// The first, and one with credentials.
const MAX_PRACKS: u32 = 2;

/// A PRACK that waits for its answer.
#[derive(Debug)]
pub(super) struct Prack {
    key: Key,
    remote_tag: String,
    /// What it acknowledges.
    rack: String,
    tries: u32,
    sent: Request,
}

impl Call {
    /// PRACK for a reliable provisional of the other end.
    pub(super) fn acknowledge(&mut self, post: &mut Post, now: Instant, response: &Response, number: u32) {
        let cseq = response.headers.cseq().map_or(1, |(cseq, _)| cseq);
        let Some(tag) = response.headers.tag("To") else { return };
        let Some(outgoing) = self.outgoing() else { return };
        let Some(dialog) = outgoing.early.iter_mut().find(|dialog| dialog.remote_tag == tag) else { return };
        if !dialog.wants(Some(number)) {
            return;
        }
        dialog.rseq = Some(number);
        self.send_prack(post, now, tag.to_owned(), format!("{number} {cseq} INVITE"), 1);
    }

    /// The credentials are its own: those of the INVITE prove another method, and only an ACK may
    /// copy them (RFC 3261, 22.1).
    fn send_prack(&mut self, post: &mut Post, now: Instant, remote_tag: String, rack: String, tries: u32) {
        let Some(dialog) = self.dialog_of(&remote_tag) else { return };
        let (mut request, hop) = (dialog.next(Method::PRACK), dialog.next_hop());
        request.headers.push("RAck", &rack);
        self.authorise(post, &mut request);
        let sent = post.finish(request, &hop);
        if let Some(key) = post.send(now, &self.id, Purpose::Prack, sent.clone(), hop) {
            self.pracks.push(Prack { key, remote_tag, rack, tries, sent });
        }
    }

    /// A final answer. A carrier that challenges gets it again with our credentials.
    pub(super) fn prack_answer(&mut self, post: &mut Post, now: Instant, key: &Key, response: &Response) {
        let Some(prack) = self.take_prack(key) else { return };
        let challenged = matches!(response.status, 401 | 407) && self.challenged_for(post, &prack.sent, response);
        if challenged && prack.tries < MAX_PRACKS {
            self.send_prack(post, now, prack.remote_tag, prack.rack, prack.tries + 1);
        }
    }

    /// It is answered, or never will be.
    pub(super) fn take_prack(&mut self, key: &Key) -> Option<Prack> {
        let at = self.pracks.iter().position(|prack| prack.key == *key)?;
        Some(self.pracks.swap_remove(at))
    }
}
