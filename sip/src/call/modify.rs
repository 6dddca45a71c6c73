//! Re-INVITE and UPDATE of the other end (RFC 3261, 14.2; RFC 3311, 5.2): it may move its media,
//! hold, or refresh the session; ours stays as it is. Fax, video and what is no G.711 are
//! refused, and the call lives on.

use std::time::Instant;

use super::{
    LegEvent,
    change::Change,
    dialog::Offer,
    leg::{Call, State, Unacknowledged},
    post::Post,
    refresh::{self, Asked},
    serves::allow,
    session::{describe, refusal, sdp_of},
};
use crate::{
    msg::{Method, Request, Response},
    sdp,
    tx::Key,
};

impl Call {
    /// Answers one. `remote_tag` names the dialog.
    pub(super) fn modify(&mut self, post: &mut Post, now: Instant, key: &Key, request: &Request, remote_tag: &str) {
        let invite = request.method == Method::INVITE;
        let offer = sdp_of(&request.headers, &request.body);
        if invite && self.state != State::Up {
            // The first is not over yet.
            post.later(now, key, request);
            return;
        }
        // A fork that lost is over, though its BYE may not be answered yet.
        if self.dialog.as_ref().is_some_and(|dialog| dialog.remote_tag != remote_tag) {
            post.refuse(now, key, request, 481);
            return;
        }
        let ours_waits = self.change.as_ref().is_some_and(Change::is_under_way);
        let Some(dialog) = self.dialog_of(remote_tag) else { return };
        let described = invite || offer.is_some();
        // One offer at a time: ours is out (14.2; RFC 3311, 5.2), or in a 2xx that was not
        // acknowledged yet.
        if described && (dialog.offer == Offer::Ours || (invite && ours_waits)) {
            post.refuse(now, key, request, 491);
            return;
        }
        if described && dialog.offer == Offer::Theirs {
            post.later(now, key, request);
            return;
        }
        let answer = match &offer {
            Some(offer) => match sdp::answer_to(offer, &self.offered) {
                Ok(answer) => Some(sdp::following(&self.local_sdp, &answer)),
                Err(refused) => {
                    let tag = post.token(1);
                    post.respond(now, key, &refusal(request, refused, &post.host(), &tag));
                    return;
                }
            },
            // The offer is ours: all that our sound can do.
            None => invite.then(|| sdp::following(&self.local_sdp, &self.offered)),
        };
        let Some(dialog) = self.dialog_of(remote_tag) else { return };
        let asked = refresh::asked(request);
        if asked == Asked::TooSmall {
            let tag = post.token(1);
            let mut short = Response::to(request, 422, &tag);
            short.headers.push("Min-SE", refresh::MIN_SE.to_string());
            post.respond(now, key, &short);
            return;
        }
        dialog.refresh_target(&request.headers);
        // A new INVITE says that the 2xx of the one before came: only its ACK was lost.
        if invite && self.unacknowledged.take().is_some_and(|waiting| waiting.first) {
            post.tell(&self.id, LegEvent::Acknowledged);
        }
        self.agree(post, now, (key, request), (offer, answer), remote_tag);
    }

    fn agree(
        &mut self,
        post: &mut Post,
        now: Instant,
        (key, request): (&Key, &Request),
        (offer, answer): (Option<String>, Option<String>),
        remote_tag: &str,
    ) {
        let invite = request.method == Method::INVITE;
        let (tag, flow) = (self.ids.local_tag.clone(), self.flow);
        let mut response = Response::to(request, 200, &tag);
        response.headers.push("Contact", post.contact(&flow));
        response.headers.push("Allow", allow());
        response.headers.push("Supported", "100rel, timer");
        let refresh = refresh::agree(now, refresh::asked(request), &mut response);
        if let Some(answer) = answer {
            describe(&mut response, &answer);
            self.local_sdp = answer;
        }
        let Some(dialog) = self.dialog_of(remote_tag) else { return };
        dialog.refresh = refresh;
        match &offer {
            Some(sdp) => dialog.remote_sdp.clone_from(sdp),
            None if invite => dialog.offer = Offer::Ours,
            None => {}
        }
        post.respond(now, key, &response);
        if invite {
            let cseq = request.headers.cseq().map_or(1, |(number, _)| number);
            self.unacknowledged = Some(Unacknowledged::new(now, key.clone(), cseq, response, false));
        }
        if let Some(sdp) = offer {
            post.tell(&self.id, LegEvent::Reoffered { sdp });
        }
    }
}
