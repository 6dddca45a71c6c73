//! What each request does: the checks of a strict carrier, in their order.
//!
//! An INVITE passes these gates: well formed, hops left, no unknown Require, credentials,
//! allow-listed and asserted caller, a number that exists, a usable offer.

use std::net::SocketAddr;
use std::time::Instant;

use super::call::{Call, Phase, Repeating};
use super::carrier::{Carrier, Note, Output};
use super::digest::Verdict;
use super::message::{Request, name_addr, tag, user};
use super::reply::{reason, reply};
use super::transactions::{Arrival, TxKey};
use crate::party::{self, Behaviour};
use crate::rtp::sdp;

/// Live calls and calls just ended that the carrier keeps in mind.
const MAX_CALLS: usize = 1_000;
const MAX_CALL_ID: usize = 256;

impl Carrier {
    pub(super) fn request(&mut self, request: &Request, from: SocketAddr, now: Instant) {
        if request.method == "ACK" {
            self.ack(request, now);
            return;
        }
        let key = TxKey::of(request, &request.method);
        let whole = ["From", "To", "Call-ID", "CSeq"].iter().all(|name| request.headers.get(name).is_some());
        let (Some(key), true) = (key, whole) else {
            // Without these there is nothing that a response could be matched with.
            self.complain("a request without Via branch, From, To, Call-ID or CSeq");
            return;
        };
        match self.transactions.arrive(&key, request, from) {
            Arrival::New => {}
            Arrival::Repeat(again) => {
                self.out.extend(again.map(|(to, bytes)| Output::Send(to, bytes)));
                return;
            }
            Arrival::Full => {
                self.complain("too many transactions at once");
                return;
            }
        }
        if let Some((status, what)) = malformed(request) {
            self.complain(what);
            self.answer_plainly(&key, request, from, status, now);
            return;
        }
        match request.method.as_str() {
            "INVITE" if request.headers.get("To").and_then(tag).is_some() => {
                self.reinvite(&key, request, from, now);
            }
            "INVITE" => self.invite(&key, request, from, now),
            "CANCEL" => self.cancel(&key, request, from, now),
            "BYE" => self.bye(&key, request, from, now),
            "OPTIONS" => self.options(&key, request, from, now),
            "REGISTER" => self.register(&key, request, from, now),
            "REFER" => {
                self.complain("a REFER to the carrier");
                self.answer_plainly(&key, request, from, 405, now);
            }
            _ => self.answer_plainly(&key, request, from, 405, now),
        }
    }

    fn options(&mut self, key: &TxKey, request: &Request, from: SocketAddr, now: Instant) {
        self.out.push(Output::Probed);
        if let Some(status) = self.options {
            self.answer_plainly(key, request, from, status, now);
        }
    }

    pub(super) fn answer_plainly(
        &mut self,
        key: &TxKey,
        request: &Request,
        from: SocketAddr,
        status: u16,
        now: Instant,
    ) {
        let local_tag = (self.tokens)();
        let response = reply(request, from, status, &local_tag);
        self.respond(key, &response, now);
    }

    /// Refuses an INVITE before there is a call.
    pub(super) fn refuse(
        &mut self,
        key: &TxKey,
        request: &Request,
        from: SocketAddr,
        status: u16,
        why: &'static str,
        now: Instant,
    ) {
        let local_tag = (self.tokens)();
        let mut response = reply(request, from, status, &local_tag);
        response.headers.push("Warning", format!("399 songda-sim \"{why}\""));
        self.respond(key, &response, now);
        let id = request.headers.get("Call-ID").unwrap_or_default().to_owned();
        for note in [Note::Refused(why), Note::Status(status), Note::Ended("carrier")] {
            self.note(&id, note);
        }
    }

    fn invite(&mut self, key: &TxKey, request: &Request, from: SocketAddr, now: Instant) {
        let id = request.headers.get("Call-ID").unwrap_or_default().to_owned();
        if self.calls.contains_key(&id) {
            self.complain("an INVITE outside a dialog with the Call-ID of a known call");
            self.answer_plainly(key, request, from, 482, now);
            return;
        }
        let (dialled, caller, asserted) = identities(request);
        let number = self.rules.forms.dialled(&dialled);
        self.note(
            &id,
            Note::Invite {
                number: number.as_ref().map_or_else(|| dialled.chars().take(64).collect(), |n| n.reveal().to_owned()),
                caller: caller.clone(),
                asserted: asserted.clone(),
            },
        );
        let offer = sdp::read(&request.body).ok();
        if let Some(offer) = &offer {
            self.note(&id, Note::Offered(offer.formats.clone()));
        }
        if self.swallowed(number.as_ref()) {
            return;
        }

        match self.guard.judge(request.headers.get("Authorization"), "INVITE", &request.uri, now) {
            Verdict::Good(algorithm) => self.note(&id, Note::Credentials(Some(algorithm))),
            Verdict::Bad(why) => {
                self.note(&id, Note::Credentials(None));
                self.refuse(key, request, from, 403, why, now);
                return;
            }
            verdict => {
                self.challenge(key, request, from, verdict == Verdict::Stale, now);
                return;
            }
        }
        if let Some((status, why)) = self.rules.forms.judge(&dialled, &caller) {
            self.complain(why);
            self.refuse(key, request, from, status, why, now);
            return;
        }
        if self.rules.registering.required && !self.bindings.knows(from, now) {
            self.refuse(key, request, from, 403, "nobody is registered there", now);
            return;
        }
        if !self.may_call(&caller, &asserted) {
            self.refuse(key, request, from, 403, "caller not on the allow-list or not asserted", now);
            return;
        }
        if self.fails(key, request, from, number.as_ref(), now) {
            return;
        }
        let Some((number, ending)) = number.and_then(|n| Some((n.reveal().to_owned(), n.demo_ending()?))) else {
            self.refuse(key, request, from, 404, "no such number", now);
            return;
        };
        let (behaviour, name) = party::behaviour(ending);
        self.note(&id, Note::Party(name));
        let offer = offer.map(|offer| offer.taken(behaviour.takes_events()));
        let needs_media = !matches!(behaviour, Behaviour::NoAnswer | Behaviour::Reject { .. });
        if offer.is_none() {
            self.refuse(key, request, from, 488, "no usable offer of G.711 over RTP/AVP", now);
            return;
        }
        if self.calls.len() >= MAX_CALLS {
            self.refuse(key, request, from, 503, "too many calls", now);
            return;
        }
        let local_tag = (self.tokens)();
        let session = self.session();
        let call = Call {
            number,
            behaviour,
            offer: offer.clone(),
            session,
            ..Call::of_court(key.clone(), request.clone(), from, local_tag)
        };
        let trying = reply(request, from, 100, "");
        self.respond(key, &trying, now);
        self.calls.insert(id.clone(), call);
        match (behaviour, offer) {
            (Behaviour::Reject { ring_ms: 0, status, q850 }, _) => self.finish(&id, status, q850, "party", now),
            (Behaviour::Reject { ring_ms, .. }, _) => {
                self.ring(&id, Some(std::time::Duration::from_millis(ring_ms)), now);
            }
            (Behaviour::NoAnswer, _) => self.ring(&id, None, now),
            (_, Some(offer)) if needs_media => {
                self.out.push(Output::OpenMedia { call_id: id, offer });
            }
            _ => {}
        }
    }

    /// A number for the o= line of a session description.
    pub(super) fn session(&mut self) -> u64 {
        u64::from_str_radix(&(self.tokens)().chars().take(12).collect::<String>(), 16).unwrap_or(1)
    }

    fn challenge(&mut self, key: &TxKey, request: &Request, from: SocketAddr, stale: bool, now: Instant) {
        let local_tag = (self.tokens)();
        let mut response = reply(request, from, 401, &local_tag);
        for value in self.guard.challenge(stale, &mut self.tokens, now) {
            response.headers.push("WWW-Authenticate", value);
        }
        self.respond(key, &response, now);
        let id = request.headers.get("Call-ID").unwrap_or_default().to_owned();
        self.note(&id, Note::Challenged { stale });
    }

    /// From and every P-Asserted-Identity must be one and the same allow-listed number.
    fn may_call(&self, caller: &str, asserted: &[String]) -> bool {
        let Some(caller) = self.rules.forms.calling(caller) else {
            return false;
        };
        let same = asserted.iter().all(|a| self.rules.forms.calling(a).is_some_and(|n| n == caller));
        (1..=2).contains(&asserted.len()) && same && self.rules.callers.contains(&caller)
    }

    /// An INVITE inside a dialog: the same call with a new offer.
    fn reinvite(&mut self, key: &TxKey, request: &Request, from: SocketAddr, now: Instant) {
        let id = request.headers.get("Call-ID").unwrap_or_default().to_owned();
        let known = self.calls.get_mut(&id).filter(|c| c.owns(request) && c.phase == Phase::Answered);
        let Some(call) = known else {
            self.complain("an INVITE inside a dialog that does not exist");
            self.answer_plainly(key, request, from, 481, now);
            return;
        };
        let cseq = request.cseq().map_or(0, |(n, _)| n);
        if call.changing.is_some() {
            // Two changes at once (RFC 3261, section 14.2).
            self.answer_plainly(key, request, from, 491, now);
            return;
        }
        if cseq <= call.remote_cseq || call.accepted.is_some() {
            self.complain("an INVITE inside a dialog out of order");
            self.answer_plainly(key, request, from, 500, now);
            return;
        }
        let takes_events = call.behaviour.takes_events();
        let offer = sdp::read(&request.body).map(|offer| offer.taken(takes_events));
        let (Ok(offer), Some(media)) = (offer, call.media) else {
            self.answer_plainly(key, request, from, 488, now);
            return;
        };
        call.remote_cseq = cseq;
        call.sdp_version += 1;
        if let Some((uri, _)) = request.headers.get("Contact").and_then(name_addr) {
            uri.clone_into(&mut call.remote_target);
        }
        let body = sdp::answer(&offer, media, call.session, call.sdp_version);
        let response = reply(request, from, 200, &call.local_tag).with_sdp(self.rules.local, body);
        if let Some((to, bytes)) = self.respond(key, &response, now)
            && let Some(call) = self.calls.get_mut(&id)
        {
            call.accepted = Some((cseq, Repeating::new(to, bytes, now)));
        }
        self.out.push(Output::Retarget { call_id: id, offer });
    }

    fn ack(&mut self, request: &Request, now: Instant) {
        let refused = TxKey::of(request, "INVITE").is_some_and(|key| self.transactions.acknowledge(&key, now));
        let id = request.headers.get("Call-ID").unwrap_or_default().to_owned();
        let Some(call) = self.calls.get_mut(&id).filter(|c| c.owns(request)) else {
            if !refused {
                self.complain("an ACK that belongs to nothing");
            }
            return;
        };
        let cseq = request.cseq().map(|(n, _)| n);
        let (waiting, same_transaction) = (
            call.accepted.as_ref().map(|(n, _)| *n),
            call.key().is_some_and(|key| TxKey::of(request, "INVITE").as_ref() == Some(key)),
        );
        if waiting.is_some() && waiting == cseq {
            call.accepted = None;
            self.note(&id, Note::Acked);
            if same_transaction {
                self.complain("the ACK of a 200 has the branch of its INVITE");
            }
        } else if waiting.is_some() {
            self.complain("an ACK with another CSeq than its INVITE");
        }
    }

    fn cancel(&mut self, key: &TxKey, request: &Request, from: SocketAddr, now: Instant) {
        let invite = TxKey::of(request, "INVITE");
        let id = request.headers.get("Call-ID").unwrap_or_default().to_owned();
        let known = self.calls.get(&id).zip(invite).filter(|(c, invite)| c.key() == Some(invite));
        let Some((call, invite_key)) = known else {
            self.complain("a CANCEL that belongs to nothing");
            self.answer_plainly(key, request, from, 481, now);
            return;
        };
        let response = reply(request, from, 200, &call.local_tag);
        let open = call.is_live() && call.phase != Phase::Answered;
        self.respond(key, &response, now);
        if open && self.transactions.is_open(&invite_key) {
            self.note(&id, Note::Turned { reason: reason(&request.headers), retry_after_s: None });
            self.finish(&id, 487, None, "caller", now);
        }
    }

    fn bye(&mut self, key: &TxKey, request: &Request, from: SocketAddr, now: Instant) {
        let id = request.headers.get("Call-ID").unwrap_or_default().to_owned();
        let known = self.calls.get_mut(&id).filter(|c| c.owns(request));
        let Some(call) = known.filter(|c| c.phase == Phase::Answered || c.bye.is_some()) else {
            self.complain("a BYE that belongs to nothing");
            self.answer_plainly(key, request, from, 481, now);
            return;
        };
        let cseq = request.cseq().map_or(0, |(n, _)| n);
        if cseq <= call.remote_cseq {
            self.complain("a BYE out of order");
            self.answer_plainly(key, request, from, 500, now);
            return;
        }
        call.remote_cseq = cseq;
        call.accepted = None;
        let by = call.other_end();
        self.answer_plainly(key, request, from, 200, now);
        self.note(&id, Note::Turned { reason: reason(&request.headers), retry_after_s: None });
        self.over(&id, by, now);
    }
}

/// What makes a request unacceptable by its form.
fn malformed(request: &Request) -> Option<(u16, &'static str)> {
    let get = |name: &str| request.headers.get(name);
    if get("From").and_then(tag).is_none() {
        return Some((400, "a request whose From has no tag"));
    }
    if request.cseq().is_none_or(|(_, method)| method != request.method) {
        return Some((400, "a request whose CSeq does not name its method"));
    }
    if get("Call-ID").is_none_or(|id| id.is_empty() || id.len() > MAX_CALL_ID) {
        return Some((400, "a request whose Call-ID is empty or too long"));
    }
    match get("Max-Forwards").map(str::parse::<u8>) {
        Some(Ok(0)) => return Some((483, "a request without hops left")),
        Some(Ok(_)) => {}
        _ => return Some((400, "a request without Max-Forwards")),
    }
    if request.method == "INVITE" {
        if get("Contact").and_then(name_addr).is_none_or(|(uri, _)| !uri.starts_with("sip:")) {
            return Some((400, "an INVITE without a sip: Contact"));
        }
        if get("Require").is_some() {
            return Some((420, "an INVITE that requires an extension"));
        }
        if !["sip:", "tel:"].iter().any(|scheme| request.uri.starts_with(scheme)) {
            return Some((416, "an INVITE to neither sip: nor tel:"));
        }
    }
    None
}

/// What was dialled, the user of From and the users of P-Asserted-Identity, as they were written.
fn identities(request: &Request) -> (String, String, Vec<String>) {
    let of = |value: &str| name_addr(value).and_then(|(uri, _)| user(uri)).unwrap_or_default().to_owned();
    let dialled = user(&request.uri).unwrap_or(&request.uri).to_owned();
    let caller = request.headers.get("From").map(of).unwrap_or_default();
    let asserted = request.headers.list("P-Asserted-Identity").iter().map(|v| of(v)).collect();
    (dialled, caller, asserted)
}
