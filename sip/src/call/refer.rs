//! Transfers that a telephone of the house asks for (RFC 3515, RFC 3891). We make them by
//! bridging anew; a carrier never sees a REFER of ours and may not send one.

use std::time::Instant;

use super::{
    CallCore, LegEvent, RefOutcome, ReferTo,
    leg::{Call, State},
    post::{Post, Purpose},
};
use crate::{
    msg::{self, Method, Request, Response},
    tx::Key,
};

/// The other end waits for news of its REFER (RFC 3515, 2.4.4).
#[derive(Debug)]
pub(super) struct Subscription {
    /// `CSeq` number of the REFER, which tells two of them apart (2.4.6).
    id: u32,
    /// It wants no news (RFC 4488).
    quiet: bool,
}

impl CallCore {
    /// A REFER inside a dialog with a telephone.
    pub(super) fn refer(&mut self, now: Instant, key: &Key, request: &Request, id: &str) {
        let target = self.refer_to(request);
        let Some(call) = self.calls.get_mut(id) else { return };
        let post = &mut self.post;
        let Some(to) = target else {
            post.refuse(now, key, request, 400);
            return;
        };
        // One at a time, and only while there is something to transfer.
        if call.subscription.is_some() || call.state != State::Up {
            post.refuse(now, key, request, 491);
            return;
        }
        let quiet = request.headers.get("Refer-Sub").is_some_and(|value| value.trim().eq_ignore_ascii_case("false"));
        let mut response = Response::to(request, 202, "");
        response.headers.push("Contact", post.contact(&call.flow));
        if quiet {
            response.headers.push("Refer-Sub", "false");
        }
        post.respond(now, key, &response);
        call.subscription = Some(Subscription { id: request.headers.cseq().map_or(0, |(number, _)| number), quiet });
        call.notify(post, now, RefOutcome::Trying);
        post.tell(id, LegEvent::Referred { to });
    }

    /// To whom a REFER leads; none when that cannot be read, or names a call of which we know
    /// nothing.
    fn refer_to(&self, request: &Request) -> Option<ReferTo> {
        let to = msg::ReferTo::of(&request.headers)?;
        if !matches!(to.uri.scheme.as_str(), "sip" | "sips" | "tel") {
            return None;
        }
        let replaces = match &to.replaces {
            Some(replaces) => Some(self.named(replaces)?),
            None => None,
        };
        let user = to.uri.user.split(';').next().unwrap_or_default().to_owned();
        Some(ReferTo { user, host: to.uri.host, replaces })
    }
}

impl Call {
    /// Tells the telephone how far its transfer is.
    pub(super) fn notify(&mut self, post: &mut Post, now: Instant, outcome: RefOutcome) {
        let Some(Subscription { id, quiet }) = &self.subscription else { return };
        let (id, quiet, status) = (*id, *quiet, outcome.status());
        let over = status >= 200;
        if over {
            self.subscription = None;
        }
        let Some(dialog) = self.dialog.as_mut().filter(|_| !quiet) else { return };
        let (mut request, hop) = (dialog.next(Method::NOTIFY), dialog.next_hop());
        request.headers.push("Event", format!("refer;id={id}"));
        let state = if over { "terminated;reason=noresource" } else { "active;expires=60" };
        request.headers.push("Subscription-State", state);
        request.headers.push("Content-Type", "message/sipfrag;version=2.0");
        request.body = format!("SIP/2.0 {status} {}\r\n", msg::reason(status)).into_bytes();
        let request = post.finish(request, &hop);
        post.send(now, &self.id, Purpose::Notify, request, hop);
    }

    /// A NOTIFY was not wanted: no more of them.
    pub(super) fn notify_answer(&mut self, status: u16) {
        if status >= 300 {
            self.subscription = None;
        }
    }
}
