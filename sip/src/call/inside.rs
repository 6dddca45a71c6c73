//! What arrives as a request: inside our dialogs, and outside of any.

use std::time::Instant;

use super::{
    CallCore, Out,
    leg::{Call, State},
    serves::{allow, refused},
};
use crate::{
    flow::Flow,
    msg::{Method, Request, Response},
    tx::Key,
    uri::NameAddr,
};

fn tag_of(request: &Request, name: &str) -> Option<String> {
    request.headers.get(name).and_then(NameAddr::parse)?.tag().map(str::to_owned)
}

impl CallCore {
    /// A new request of the other end.
    pub(super) fn requested(&mut self, now: Instant, key: &Key, request: Request, flow: Flow) {
        let Some(to_tag) = tag_of(&request, "To") else {
            self.outside(now, key, request, flow);
            return;
        };
        let id =
            request.headers.get("Call-ID").and_then(|call_id| self.find(call_id, &to_tag)).map(|call| call.id.clone());
        let Some(id) = id else {
            let status = if request.method == Method::NOTIFY { None } else { Some(481) };
            match status {
                Some(status) => self.post.refuse(now, key, &request, status),
                None => self.post.out.push_back(Out::Outside(key.clone(), request, flow)),
            }
            return;
        };
        self.inside(now, key, &request, &flow, &id);
        self.settle(&id);
    }

    fn inside(&mut self, now: Instant, key: &Key, request: &Request, from: &Flow, id: &str) {
        let Some(call) = self.calls.get_mut(id) else { return };
        let post = &mut self.post;
        let from_tag = tag_of(request, "From").unwrap_or_default();
        let state = call.state;
        let bye = request.method == Method::BYE;
        let Some(dialog) = call.dialog_of(&from_tag).filter(|_| state != State::Over || bye) else {
            post.refuse(now, key, request, 481);
            return;
        };
        // A call that is secured is changed by nobody in the clear; that it ends is believed.
        if !dialog.admits(from) && !bye {
            let tag = post.token(1);
            let mut response = Response::to(request, 403, &tag);
            response.headers.push_fmt("Warning", format_args!("399 {} \"This call is under TLS\"", post.host()));
            post.respond(now, key, &response);
            return;
        }
        // Out of order: 500 (RFC 3261, 12.2.2).
        let number = request.headers.cseq().map_or(0, |(number, _)| number);
        if dialog.remote_cseq.is_some_and(|last| number <= last) {
            post.refuse(now, key, request, 500);
            return;
        }
        dialog.remote_cseq = Some(number);
        if let Some(response) = refused(request, "") {
            post.respond(now, key, &response);
            return;
        }
        match &request.method {
            // Both hung up at once, or one of them twice.
            _ if bye => call.hung_up(post, now, key, request, &from_tag),
            method if *method == Method::INVITE || *method == Method::UPDATE => {
                call.modify(post, now, key, request, &from_tag);
            }
            method if *method == Method::PRACK => call.prack(post, now, key, request),
            method if *method == Method::INFO => call.info(post, now, key, request),
            method if *method == Method::OPTIONS => {
                let mut response = Response::to(request, 200, "");
                response.headers.push("Allow", allow());
                response.headers.push("Accept", "application/sdp");
                post.respond(now, key, &response);
            }
            method => {
                let mut response = Response::to(request, if method.is_known() { 405 } else { 501 }, "");
                response.headers.push("Allow", allow());
                post.respond(now, key, &response);
            }
        }
    }

    /// Outside of a dialog: calls are kept here, the rest is for others.
    fn outside(&mut self, now: Instant, key: &Key, request: Request, flow: Flow) {
        let invite = request.method == Method::INVITE;
        let tag = self.post.token(1);
        if let Some(response) = refused(&request, &tag).filter(|_| invite) {
            self.post.respond(now, key, &response);
        } else if invite {
            self.invited(now, key, request, flow);
            let id = self.post.owners.get(key).map(|owner| owner.call.clone());
            if let Some(id) = id {
                self.settle(&id);
            }
        } else {
            self.post.out.push_back(Out::Outside(key.clone(), request, flow));
        }
    }

    /// Answers a request of [`Out::Outside`] that nobody serves: OPTIONS with what we can do
    /// (RFC 3261, 11.2), the rest with 405, 481 or 501; 420 where it requires what we do not know.
    pub fn decline(&mut self, now: Instant, key: &Key, request: &Request) {
        let tag = self.post.token(1);
        let inside = [Method::BYE, Method::PRACK, Method::UPDATE, Method::INFO, Method::NOTIFY];
        let defect = refused(request, &tag).filter(|_| request.method != Method::NOTIFY);
        let response = defect.unwrap_or_else(|| {
            let status = match &request.method {
                method if *method == Method::OPTIONS => 200,
                method if inside.contains(method) => 481,
                _ => 405,
            };
            let mut response = Response::to(request, status, &tag);
            if status != 481 {
                response.headers.push("Allow", allow());
            }
            if status == 200 {
                response.headers.push("Accept", "application/sdp");
                response.headers.push("Supported", "100rel, timer");
            }
            response
        });
        self.post.respond(now, key, &response);
        self.drain(now);
    }

    /// An ACK to a 2xx of ours.
    pub(super) fn acknowledged(&mut self, now: Instant, request: &Request, from: &Flow) {
        let to_tag = tag_of(request, "To").unwrap_or_default();
        let id =
            request.headers.get("Call-ID").and_then(|call_id| self.find(call_id, &to_tag)).map(|call| call.id.clone());
        let Some(id) = id else { return };
        // A description may stand in it.
        let admitted = |call: &&mut Call| from.is_secure() || !call.flow.is_secure();
        if let Some(call) = self.calls.get_mut(&id).filter(admitted) {
            call.acknowledged(&mut self.post, now, request);
        }
        self.settle(&id);
    }
}
