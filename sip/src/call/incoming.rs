//! A call that comes in, from its INVITE to our answer or refusal (RFC 3261, 13.3).

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    CallCore, EndCause, Ended, Invite, LegEvent, LegIds, Out, Rejection, Side, Trunk,
    dialog::{Dialog, Offer},
    leg::{Call, State, Way},
    post::{Owner, Post, Purpose},
    refresh::{self, Asked},
    reliable::Progress,
    session::{judge, refusal, sdp_of},
};
use crate::{
    flow::Flow,
    msg::{Headers, Request, Response, asserted, privacy, q850},
    number::Number,
    sdp::{self, Srtp},
    tx::Key,
    uri::{NameAddr, Uri, param},
};

/// A caller hears of us at least this often, or a proxy gives up (13.3.1.1).
pub(super) const SIGN_OF_LIFE: Duration = Duration::from_mins(1);

/// A call that nobody answers is refused after so long.
const RING_LIMIT: Duration = Duration::from_mins(10);

/// More calls than this are not kept at once.
const CALLS: usize = 20_000;

/// What only the called side of a call has.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) key: Key,
    pub(super) invite: Request,
    /// Whose carrier sent it.
    pub(super) trunk: Option<Arc<Trunk>>,
    pub(super) progress: Progress,
    /// The last 18x, when it is to be repeated.
    pub(super) ringing: Option<(Response, Instant)>,
    /// The session timer that was asked for.
    pub(super) asked: Asked,
    /// Refused when nobody answered until then.
    pub(super) limit: Instant,
}

impl Incoming {
    pub(super) fn deadline(&self, inviting: bool) -> Option<Instant> {
        let sign = self.ringing.as_ref().map(|(_, at)| *at);
        [self.progress.deadline(), sign, Some(self.limit)].into_iter().flatten().min().filter(|_| inviting)
    }
}

impl CallCore {
    /// An INVITE outside of any dialog.
    pub(super) fn invited(&mut self, now: Instant, key: &Key, request: Request, flow: Flow) {
        if request.headers.get("Replaces").is_some() {
            // No call of ours may be taken over (RFC 3891, 3).
            return self.post.refuse(now, key, &request, 481);
        }
        if let Some(refusal) = self.unacceptable(&request) {
            self.post.respond(now, key, &refusal);
            return;
        }
        let tag = self.post.token(1);
        let Some(mut dialog) = Dialog::of_request(&request, &tag, flow) else {
            self.post.refuse(now, key, &request, 400);
            return;
        };
        let call_id = request.headers.get("Call-ID").unwrap_or_default().to_owned();
        let id = if self.calls.contains_key(&call_id) { format!("{call_id};{tag}") } else { call_id.clone() };
        dialog.refresh_target(&request.headers);
        let offer = sdp_of(&request.headers, &request.body);
        if let Some(offer) = &offer {
            dialog.offer = Offer::Theirs;
            dialog.remote_sdp.clone_from(offer);
        }
        let invite = read(&request, offer, flow);
        let ids = LegIds { call_id, local_tag: tag, branch: self.post.token(1) };
        let incoming = Incoming {
            key: key.clone(),
            progress: Progress::of(&request),
            asked: refresh::asked(&request),
            invite: request,
            trunk: None,
            ringing: None,
            limit: now + RING_LIMIT,
        };
        let mut call = Call::new(id.clone(), ids, Way::In(Box::new(incoming)), flow);
        call.dialog = Some(dialog);
        self.calls.insert(id.clone(), call);
        self.post.owners.insert(key.clone(), Owner { call: id.clone(), purpose: Purpose::Incoming });
        self.post.out.push_back(Out::Incoming(id, Box::new(invite)));
    }

    /// What is refused before anybody is asked.
    fn unacceptable(&mut self, request: &Request) -> Option<Response> {
        let tag = self.post.token(1);
        if self.calls.len() >= CALLS {
            let mut busy = Response::to(request, 503, &tag);
            busy.headers.push("Retry-After", "10");
            return Some(busy);
        }
        if refresh::asked(request) == Asked::TooSmall {
            let mut short = Response::to(request, 422, &tag);
            short.headers.push("Min-SE", refresh::MIN_SE.to_string());
            return Some(short);
        }
        let unreadable = !request.body.is_empty() && sdp_of(&request.headers, &request.body).is_none();
        if unreadable && !lists_optional(&request.headers) {
            let mut unknown = Response::to(request, 415, &tag);
            unknown.headers.push("Accept", super::session::SDP);
            return Some(unknown);
        }
        let refused =
            sdp_of(&request.headers, &request.body).and_then(|offer| judge(&offer, &[], Srtp::Optional).err())?;
        Some(refusal(request, refused, &self.post.host(), &tag))
    }
}

impl Call {
    /// The caller gave up: by CANCEL, or by BYE.
    pub(super) fn cancelled(&mut self, post: &mut Post, now: Instant, headers: &Headers) {
        let Some(incoming) = self.incoming() else { return };
        incoming.progress.stop();
        let (key, tag) = (incoming.key.clone(), self.ids.local_tag.clone());
        let Some(incoming) = self.incoming() else { return };
        let gone = Response::to(&incoming.invite, 487, &tag);
        post.respond(now, &key, &gone);
        post.owners.remove(&key);
        let ended =
            Ended { status: Some(487), q850: q850(headers), ..self.ended(now, Side::Peer, EndCause::Cancelled) };
        self.end(post, now, ended);
    }

    pub(super) fn incoming_timers(&mut self, post: &mut Post, now: Instant) {
        if self.state != State::Inviting {
            return;
        }
        self.repeat_progress(post, now);
        let Some(incoming) = self.incoming() else { return };
        if incoming.limit <= now {
            self.refuse(post, now, &Rejection::status(480), (Side::Timer, EndCause::RingLimit));
            return;
        }
        if let Some((response, at)) = incoming.ringing.as_mut().filter(|(_, at)| *at <= now) {
            *at = now + SIGN_OF_LIFE;
            let (key, response) = (incoming.key.clone(), response.clone());
            post.respond(now, &key, &response);
        }
    }

    /// An ACK to a 2xx of ours.
    pub(super) fn acknowledged(&mut self, post: &mut Post, now: Instant, ack: &Request) {
        let number = ack.headers.cseq().map_or(0, |(number, _)| number);
        let Some(waiting) = self.unacknowledged.take_if(|waiting| waiting.cseq == number) else { return };
        let over = self.state == State::Over;
        if let Some(dialog) = &mut self.dialog {
            let ours = dialog.offer == Offer::Ours;
            dialog.offer = Offer::None;
            // An answer that no telephone can take changes nothing: the call goes on as it was.
            let answer = sdp_of(&ack.headers, &ack.body).filter(|_| ours);
            if let Some(sdp) = answer.filter(|sdp| !over && sdp::agreed(&self.local_sdp, sdp).is_ok()) {
                dialog.remote_sdp.clone_from(&sdp);
                let event = if waiting.first { LegEvent::ReofferAnswered { sdp } } else { LegEvent::Reoffered { sdp } };
                post.tell(&self.id, event);
            }
        }
        if waiting.first && !over {
            post.tell(&self.id, LegEvent::Acknowledged);
        }
        self.bye_when_acknowledged(post, now);
        self.go_on(post, now);
    }
}

/// A body that the caller says may be left unread (20.11).
fn lists_optional(headers: &Headers) -> bool {
    headers.get("Content-Disposition").is_some_and(|value| param(value, "handling") == Some("optional"))
}

fn read(request: &Request, offer: Option<String>, flow: Flow) -> Invite {
    let headers = &request.headers;
    let user = |uri: &Uri| uri.user.split(';').next().unwrap_or_default().to_owned();
    let from = headers.get("From").and_then(NameAddr::parse);
    let asserted = asserted(headers).next();
    let privacy = privacy(headers);
    let hidden = privacy.id || privacy.user || privacy.header;
    let caller = asserted.as_ref().or(from.as_ref()).map(|address| user(&address.uri));
    let is_number = |user: &String| {
        let digits = user.bytes().filter(u8::is_ascii_digit).count();
        digits > 0 && user.bytes().all(|b| b.is_ascii_digit() || b"+-.()".contains(&b))
    };
    Invite {
        called: Uri::parse(&request.uri).map(|uri| user(&uri)).unwrap_or_default(),
        caller: caller.filter(|user| !hidden && is_number(user)).map(|user| Number::new(&user)),
        offer,
        flow,
    }
}
