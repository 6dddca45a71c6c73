//! What arrives as a request: inside our dialogs, and outside of any.

use std::time::Instant;

use super::{
    LegEvent,
    core::CallCore,
    outbound::{ALLOW, State, Unacknowledged, sdp},
};
use crate::{
    msg::{Method, Request, Response},
    tx::{Key, T1},
    uri::NameAddr,
};

/// Answers a request.
pub(super) fn request(core: &mut CallCore, now: Instant, key: &Key, request: &Request) {
    let tag = core.token(1);
    if let Some(response) = refused(request, &tag) {
        core.layer.respond(now, key, &response);
        return;
    }
    let id = request.headers.get("Call-ID").unwrap_or_default().to_owned();
    let tag_of = |name: &str| {
        request.headers.get(name).and_then(NameAddr::parse).and_then(|address| address.tag().map(str::to_owned))
    };
    let Some(to_tag) = tag_of("To") else {
        outside(core, now, key, request, &tag);
        return;
    };
    let from_tag = tag_of("From").unwrap_or_default();
    let Some(call) = core.calls.get_mut(&id).filter(|call| call.ids.from_tag == to_tag) else {
        core.layer.respond(now, key, &Response::to(request, 481, &tag));
        return;
    };
    let state = call.state;
    let known = call.dialog.as_mut().or_else(|| call.early.iter_mut().find(|dialog| dialog.remote_tag == from_tag));
    let Some(dialog) = known.filter(|dialog| dialog.remote_tag == from_tag && state != State::Over) else {
        core.layer.respond(now, key, &Response::to(request, 481, &tag));
        return;
    };
    // Out of order: 500 (RFC 3261, 12.2.2).
    let number = request.headers.cseq().map_or(0, |(number, _)| number);
    if dialog.remote_cseq.is_some_and(|last| number <= last) {
        core.layer.respond(now, key, &Response::to(request, 500, &tag));
        return;
    }
    dialog.remote_cseq = Some(number);
    if request.method == Method::BYE {
        call.end_by_peer(now, &request.headers);
        core.kept(&id);
        core.layer.respond(now, key, &Response::to(request, 200, &tag));
        core.collect(&id);
    } else if request.method == Method::INVITE || request.method == Method::UPDATE {
        dialog.refresh_target(&request.headers);
        renegotiate(core, now, key, request, &id);
    } else {
        // OPTIONS, INFO and whatever else `refused` let through.
        let mut response = Response::to(request, 200, &tag);
        response.headers.push("Allow", ALLOW);
        core.layer.respond(now, key, &response);
    }
}

/// What no state could make right: 483, 420, 501, 405.
fn refused(request: &Request, tag: &str) -> Option<Response> {
    let unsupported: Vec<&str> =
        request.headers.list("Require").filter(|tag| !tag.eq_ignore_ascii_case("100rel")).collect();
    if !unsupported.is_empty() {
        let mut response = Response::to(request, 420, tag);
        response.headers.push("Unsupported", unsupported.join(", "));
        return Some(response);
    }
    let served = [Method::INVITE, Method::BYE, Method::UPDATE, Method::OPTIONS, Method::INFO];
    if served.contains(&request.method) {
        return None;
    }
    let status = if request.method.is_known() { 405 } else { 501 };
    let mut response = Response::to(request, status, tag);
    response.headers.push("Allow", ALLOW);
    Some(response)
}

/// Outside a dialog: calls that come in are not served yet and say nothing.
fn outside(core: &mut CallCore, now: Instant, key: &Key, request: &Request, tag: &str) {
    let status = if request.method == Method::INVITE {
        480
    } else if request.method == Method::OPTIONS {
        200
    } else {
        481
    };
    let mut response = Response::to(request, status, tag);
    if status == 200 {
        response.headers.push("Allow", ALLOW);
        response.headers.push("Accept", "application/sdp");
    }
    core.layer.respond(now, key, &response);
}

/// A re-INVITE or UPDATE: the carrier may move its media; ours stays as it is. Fax, video
/// and what is no G.711 are refused, the call lives on (RFC 3261, 14.2; RFC 3264; RFC 3311).
fn renegotiate(core: &mut CallCore, now: Instant, key: &Key, request: &Request, id: &str) {
    let invite = request.method == Method::INVITE;
    let offer = sdp(&request.headers, &request.body);
    let contact = core.contact();
    let tag = core.token(1);
    let Some(call) = core.calls.get_mut(id) else { return };
    if call.unacknowledged.is_some() && invite {
        let mut response = Response::to(request, 500, &tag);
        response.headers.push("Retry-After", "2");
        core.layer.respond(now, key, &response);
        return;
    }
    if offer.as_deref().is_some_and(|offer| !telephone_audio(offer)) {
        core.layer.respond(now, key, &Response::to(request, 488, &tag));
        return;
    }
    let mut response = Response::to(request, 200, &tag);
    response.headers.push("Contact", contact);
    if invite || offer.is_some() {
        response.headers.push("Content-Type", "application/sdp");
        response.body = call.order.offer.clone().into_bytes();
    }
    if invite {
        call.unacknowledged = Some(Unacknowledged {
            key: key.clone(),
            response: response.clone(),
            next: now + T1,
            interval: T1,
            until: now + CallCore::REPEAT,
            answer_in_ack: offer.is_none(),
        });
    }
    if let Some(sdp) = offer {
        call.remote_sdp.clone_from(&sdp);
        call.events.push(LegEvent::Reoffered { sdp });
    }
    core.layer.respond(now, key, &response);
    core.collect(id);
}

/// An ACK to a 2xx of ours.
pub(super) fn ack(core: &mut CallCore, request: &Request) {
    let id = request.headers.get("Call-ID").unwrap_or_default().to_owned();
    let Some(call) = core.calls.get_mut(&id) else { return };
    if let Some(waiting) = call.unacknowledged.take()
        && let Some(sdp) = sdp(&request.headers, &request.body).filter(|_| waiting.answer_in_ack)
    {
        call.remote_sdp.clone_from(&sdp);
        call.events.push(LegEvent::Reoffered { sdp });
    }
    core.collect(&id);
}

/// One live audio stream with PCMU or PCMA in clear RTP, and nothing else that is live.
fn telephone_audio(offer: &str) -> bool {
    let mut audio = 0;
    for line in offer.lines().filter_map(|line| line.strip_prefix("m=")) {
        let mut words = line.split_whitespace();
        let (kind, port) = (words.next().unwrap_or_default(), words.next().unwrap_or("0"));
        match kind {
            "audio" => {
                // Payload types 0 and 8 are G.711 by themselves (RFC 3551, table 4).
                let clear = words.next().is_some_and(|profile| profile.starts_with("RTP/AVP"));
                if port == "0" || !clear || !words.any(|payload| matches!(payload, "0" | "8")) {
                    return false;
                }
                audio += 1;
            }
            _ if port == "0" => {}
            _ => return false,
        }
    }
    audio == 1
}
