//! What the owner of a call that comes in says to its caller.

use std::time::Instant;

use super::{
    EndCause, Ended, LegEvent, Rejection, Side,
    dialog::Offer,
    incoming::SIGN_OF_LIFE,
    leg::{Call, State, Unacknowledged},
    post::Post,
    refresh,
    serves::allow,
    session::describe,
};
use crate::{msg::Response, sdp};

impl Call {
    /// A response to the INVITE of a call that comes in, with what makes the dialog (12.1.1).
    pub(super) fn response(&mut self, post: &mut Post, status: u16, body: Option<&str>) -> Option<Response> {
        let (tag, flow) = (self.ids.local_tag.clone(), self.flow);
        let incoming = self.incoming()?;
        let mut response = Response::to(&incoming.invite, status, &tag);
        response.headers.push("Contact", post.contact(&flow));
        response.headers.push("Allow", allow());
        if status >= 200 {
            response.headers.push("Supported", "100rel, timer");
        }
        if let Some(body) = body {
            describe(&mut response, body);
        }
        Some(response)
    }

    /// Sends a 18x, and keeps it for the caller who waits long.
    pub(super) fn send_progress(&mut self, post: &mut Post, now: Instant, response: Response) {
        self.rang_from.get_or_insert(now);
        let Some(incoming) = self.incoming() else { return };
        post.respond(now, &incoming.key, &response);
        // A reliable one may not be sent again after its PRACK: 100 keeps the proxies patient.
        let again =
            if response.headers.get("RSeq").is_some() { Response::to(&incoming.invite, 100, "") } else { response };
        incoming.ringing = Some((again, now + SIGN_OF_LIFE));
    }

    /// It rings here, or sound comes before the answer.
    pub(super) fn progress_to_caller(&mut self, post: &mut Post, now: Instant, status: u16, sdp: Option<String>) {
        if self.state != State::Inviting || self.incoming().is_none() {
            return;
        }
        if let Some(sdp) = &sdp {
            self.offered = self.able(sdp);
            self.local_sdp.clone_from(sdp);
        }
        self.give_progress(post, now, status, sdp);
    }

    /// What our sound can do by this description of it: an answer says less than that.
    fn able(&self, sdp: &str) -> String {
        let answer = self.dialog.as_ref().is_some_and(|dialog| dialog.offer == Offer::Theirs);
        let codecs = self.trunk().map(|trunk| trunk.codecs.as_slice()).unwrap_or_default();
        if answer { sdp::unnarrowed(sdp, codecs) } else { sdp.to_owned() }
    }

    /// Answers the call with our description: the answer to the caller's offer, or our offer
    /// when he made none.
    pub(super) fn answer(&mut self, post: &mut Post, now: Instant, sdp: String) {
        if self.state != State::Inviting {
            return;
        }
        let Some(incoming) = self.incoming() else { return };
        if incoming.progress.holds_answer() {
            incoming.progress.answer = Some(sdp);
            return;
        }
        incoming.progress.stop();
        incoming.ringing = None;
        let (key, asked) = (incoming.key.clone(), incoming.asked);
        let cseq = incoming.invite.headers.cseq().map_or(1, |(number, _)| number);
        // After a reliable answer there is none here (RFC 6337, 3.1.1).
        let agreed = self.dialog.as_ref().is_some_and(|dialog| dialog.agreed);
        let Some(mut response) = self.response(post, 200, (!agreed).then_some(sdp.as_str())) else { return };
        let refresh = refresh::agree(now, asked, &mut response);
        let able = self.able(&sdp);
        self.state = State::Up;
        self.answered_at = Some(now);
        if let Some(dialog) = &mut self.dialog {
            if !agreed {
                dialog.offer = if dialog.offer == Offer::Theirs { Offer::None } else { Offer::Ours };
                dialog.agreed = true;
                (self.offered, self.local_sdp) = (able, sdp);
            }
            dialog.refresh = refresh;
        }
        let saved = self.save(post);
        post.tell(&self.id, LegEvent::Saved(Box::new(saved)));
        post.respond(now, &key, &response);
        post.owners.remove(&key);
        self.unacknowledged = Some(Unacknowledged::new(now, key, cseq, response, true));
    }

    /// Refuses the call.
    pub(super) fn reject(&mut self, post: &mut Post, now: Instant, rejection: &Rejection) {
        self.refuse(post, now, rejection, (Side::Us, EndCause::Refused));
    }

    pub(super) fn refuse(
        &mut self,
        post: &mut Post,
        now: Instant,
        rejection: &Rejection,
        (by, cause): (Side, EndCause),
    ) {
        if self.state != State::Inviting || self.incoming().is_none() {
            return;
        }
        let status = if (300..700).contains(&rejection.status) { rejection.status } else { 480 };
        let tag = self.ids.local_tag.clone();
        let Some(incoming) = self.incoming() else { return };
        incoming.progress.stop();
        let mut response = Response::to(&incoming.invite, status, &tag);
        if let Some(cause) = rejection.q850 {
            response.headers.push("Reason", format!("Q.850;cause={cause}"));
        }
        if let Some(after) = rejection.retry_after {
            response.headers.push("Retry-After", after.as_secs().max(1).to_string());
        }
        if let Some(contact) = &rejection.contact {
            response.headers.push("Contact", format!("<{contact}>"));
        }
        if let Some(words) = rejection.words {
            response.headers.push("Warning", format!("399 {} \"{words}\"", post.host()));
        }
        let key = incoming.key.clone();
        post.respond(now, &key, &response);
        post.owners.remove(&key);
        let ended = Ended { status: Some(status), q850: rejection.q850, ..self.ended(now, by, cause) };
        self.end(post, now, ended);
    }
}
