//! The other end answered: a 2xx to our INVITE (RFC 3261, 13.2.2.4).

use std::time::Instant;

use super::{
    LegEvent,
    dialog::{Ack, Dialog, Offer},
    leg::{Call, State, Way},
    outgoing::{FORKS, KEEP},
    post::Post,
    refresh,
    session::sdp_of,
};
use crate::{
    flow::Flow,
    msg::{Method, Request, Response},
    uri::NameAddr,
};

impl Call {
    /// A 2xx: acknowledged always; kept when it is the first and we did not give up.
    pub(super) fn accepted(&mut self, post: &mut Post, now: Instant, response: &Response, from: Flow) {
        if self.acknowledge_again(post, response) {
            return;
        }
        let inherited = self.is_inherited();
        let Way::Out(outgoing) = &mut self.way else { return };
        post.carriers.answered(&outgoing.order.trunk, response);
        let Some(mut dialog) = Dialog::of_response(&outgoing.invite, response, from) else { return };
        let cseq = response.headers.cseq().map_or(1, |(number, _)| number);
        let early = outgoing.early.iter().position(|early| early.remote_tag == dialog.remote_tag);
        let early = early.map(|at| outgoing.early.swap_remove(at));
        dialog.local_cseq = cseq;
        if let Some(early) = early {
            dialog.local_cseq = early.local_cseq.max(cseq);
            (dialog.remote_cseq, dialog.updates) = (early.remote_cseq, early.updates);
            (dialog.agreed, dialog.remote_sdp) = (early.agreed, early.remote_sdp);
        }
        dialog.refresh_target(&response.headers);
        if inherited {
            dialog.skip_numbers();
        }
        // After a reliable answer what stands here is a copy of it (RFC 6337, 3.1.1).
        if let Some(sdp) = sdp_of(&response.headers, &response.body).filter(|_| !dialog.agreed) {
            dialog.remote_sdp = sdp;
        }
        (dialog.agreed, dialog.offer) = (true, Offer::None);
        let (hop, ack) = (dialog.next_hop(), acknowledgement(&dialog, cseq, &outgoing.invite));
        let ack = post.finish(ack, &hop);
        if self.state != State::Inviting || self.dialog.is_some() {
            let bytes = post.send_ack(&ack, hop);
            dialog.ack = Some(Ack { cseq, bytes });
            self.unwanted(post, now, dialog);
            return;
        }
        dialog.ack = Some(Ack { cseq, bytes: crate::wire::print_request(&ack).into() });
        dialog.refresh = refresh::answered(now, response, outgoing.order.trunk.refreshed_alone());
        outgoing.ack_by = Some(now + KEEP);
        outgoing.early.clear();
        let sdp = dialog.remote_sdp.clone();
        if outgoing.open {
            // One that was left answered after all: whoever is asked meanwhile is let go.
            self.drop_invite(post, now);
        }
        self.state = State::Up;
        self.answered_at = Some(now);
        self.dialog = Some(dialog);
        let saved = self.save(post);
        post.tell(&self.id, LegEvent::Saved(Box::new(saved)));
        post.tell(&self.id, LegEvent::Answered { sdp });
    }

    /// The 200 crossed our CANCEL, or is one fork too many: the call is up there, hang it up.
    fn unwanted(&mut self, post: &mut Post, now: Instant, dialog: Dialog) {
        if let Some((by, cause)) = self.given_up() {
            let ended = self.ended(now, by, cause);
            self.end(post, now, ended);
        }
        let tag = dialog.remote_tag.clone();
        if self.dialog.is_none() {
            self.dialog = Some(dialog);
        } else if let Some(outgoing) = self.outgoing() {
            // The BYE of the oldest went out long ago.
            if outgoing.forks.len() >= FORKS {
                outgoing.forks.remove(0);
            }
            outgoing.forks.push(dialog);
        }
        self.inherited_answered(post);
        self.bye(post, now, &tag);
    }

    /// A 2xx that comes again gets the same ACK again. False when this one is new.
    pub(super) fn acknowledge_again(&mut self, post: &mut Post, response: &Response) -> bool {
        let held = matches!(&self.way, Way::Out(outgoing) if outgoing.ack_by.is_some());
        let Some(to) = response.headers.get("To").and_then(NameAddr::parse) else { return false };
        let (tag, number) = (to.tag().unwrap_or_default(), response.headers.cseq().map_or(0, |(number, _)| number));
        let counts = self.dialog.as_ref().is_some_and(|dialog| dialog.remote_tag == tag);
        let Some(dialog) = self.dialog_of(tag) else { return false };
        let acks = [dialog.ack.as_ref(), dialog.later_ack.as_ref()];
        let Some(ack) = acks.into_iter().flatten().find(|ack| ack.cseq == number) else {
            // To an INVITE before the last of ours in a dialog that is up: nobody waits for it.
            return dialog.ack.is_some();
        };
        if !(held && counts) {
            post.out.push_back(super::Out::Send(dialog.next_hop(), ack.bytes.clone()));
        }
        true
    }
}

/// The ACK of a 2xx: numbered as its INVITE, with the same credentials (13.2.2.4).
pub(super) fn acknowledgement(dialog: &Dialog, cseq: u32, invite: &Request) -> Request {
    let mut ack = dialog.request(Method::ACK, cseq);
    for name in ["Authorization", "Proxy-Authorization"] {
        for value in invite.headers.all(name) {
            ack.headers.push(name, value);
        }
    }
    ack
}
