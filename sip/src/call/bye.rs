//! BYE of ours: RFC 3261, 15.1.1.

use std::time::Instant;

use super::{CallCore, FinishError, Finished, core::FORGET};
use crate::{
    auth::Challenge,
    msg::{Method, Response},
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
}

impl CallCore {
    /// Hangs up the dialog with this tag of the other end.
    pub(super) fn bye(&mut self, now: Instant, id: &str, remote_tag: &str) {
        self.send_bye(now, id, remote_tag, 1);
    }

    fn send_bye(&mut self, now: Instant, id: &str, remote_tag: &str, tries: u32) {
        let Some(call) = self.calls.get_mut(id) else { return };
        // Its answer is waited for.
        call.forget_at = call.forget_at.map(|_| now + FORGET);
        let Some(dialog) = call.dialog_of(remote_tag) else { return };
        dialog.local_cseq += 1;
        let (mut request, hop) = (dialog.request(Method::BYE, dialog.local_cseq), dialog.next_hop());
        if tries > 1 {
            request = self.authorise(id, request);
        }
        let request = self.finish(request, hop.protocol);
        if let Some(key) = self.layer.send(now, request, hop) {
            self.owners.insert(key.clone(), id.to_owned());
            if let Some(call) = self.calls.get_mut(id) {
                call.byes.push(Bye { key, remote_tag: remote_tag.to_owned(), tries });
            }
        }
        self.drain(now);
    }

    /// A final answer. A carrier that challenges gets it again with our credentials.
    pub(super) fn bye_answer(&mut self, now: Instant, id: &str, key: &Key, response: &Response) {
        let Some(bye) = self.take_bye(id, key) else { return };
        let challenge = match response.status {
            401 | 407 => Challenge::strongest(response.status, &response.headers),
            _ => None,
        };
        // Asked again for the same: the password is wrong. Only an old nonce is another try.
        let challenge = challenge.filter(|new| bye.tries == 1 || (new.stale && bye.tries < MAX_BYES));
        if let Some(challenge) = challenge {
            if let Some(call) = self.calls.get_mut(id) {
                call.challenge = Some(challenge);
            }
            self.send_bye(now, id, &bye.remote_tag, bye.tries + 1);
            return;
        }
        let how = match response.status {
            200..=299 => Ok(Finished::HungUp),
            // Each of them ends the dialog (RFC 3261, 12.2.1.2; RFC 5057, 5.1).
            404 | 408 | 410 | 481 | 604 => Ok(Finished::Gone),
            status => Err(FinishError::Refused { status }),
        };
        self.learn(now, id, how);
    }

    /// No answer came (timer F).
    pub(super) fn bye_timeout(&mut self, now: Instant, id: &str, key: &Key) {
        if self.take_bye(id, key).is_some() {
            self.learn(now, id, Err(FinishError::Silent));
        }
    }

    fn take_bye(&mut self, id: &str, key: &Key) -> Option<Bye> {
        self.owners.remove(key);
        let call = self.calls.get_mut(id)?;
        let at = call.byes.iter().position(|bye| bye.key == *key)?;
        Some(call.byes.swap_remove(at))
    }
}
