//! A party dials the court: the client side of an INVITE (RFC 3261, sections 9.1, 13.2 and 17.1.1).
//!
//! What comes back is judged as strictly as what is sent to the carrier. The party is no
//! subscriber of the court's: a challenge is a breach.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::call::{Call, Origin, Phase, Repeat, Repeating};
use super::carrier::{Carrier, Note, Output};
use super::message::{Headers, Request, Response, name_addr, tag};
use super::reply::{reason, route_set};
use super::transactions::GIVE_UP;
use crate::party::{Behaviour, Errand};
use crate::rtp::sdp::{self, Offer};

/// How long a party waits for an answer by itself (timer C of RFC 3261, section 16.6).
const PATIENCE: Duration = Duration::from_mins(3);
const MAX_CALLS: usize = 1_000;

/// What a party's call into the court is made of.
pub(crate) struct Inward {
    /// The caller as the carrier shows it; `None` when it is withheld.
    pub(crate) from: Option<String>,
    pub(crate) display: Option<String>,
    /// The court's number, as the carrier sends it.
    pub(crate) called: String,
    /// Call-ID; a random one without it.
    pub(crate) call_id: Option<String>,
    /// Request-URI and where it goes.
    pub(crate) uri: String,
    pub(crate) to: SocketAddr,
    /// The number whose voice is heard, also when it is withheld.
    pub(crate) voice: String,
    pub(crate) behaviour: Behaviour,
    pub(crate) errand: Errand,
    /// How long it lets the court ring.
    pub(crate) give_up_after: Option<Duration>,
}

/// An INVITE of a party that waits for what the court says.
pub(crate) struct Asking {
    pub(crate) branch: String,
    to: SocketAddr,
    /// The INVITE while nothing came back.
    invite: Option<Repeating>,
    cancel: Option<Repeating>,
    /// Something came back, so that a CANCEL may be sent.
    proceeding: bool,
    /// The party no longer wants the call.
    cancelled: bool,
    /// The ACK of the final answer, for its repeats.
    ack: Option<(SocketAddr, Vec<u8>)>,
    /// When it cancels, and once it did, when it hopes for no more answer.
    give_up: Instant,
}

impl Asking {
    /// When this has work next.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if self.ack.is_some() {
            return None;
        }
        let repeats = [self.invite.as_ref(), self.cancel.as_ref()];
        repeats.into_iter().flatten().map(Repeating::deadline).chain([self.give_up]).min()
    }
}

impl Carrier {
    /// A party calls the court; says the Call-ID, or why not.
    pub(crate) fn call_in(&mut self, inward: Inward, now: Instant) -> Result<(String, Vec<Output>), &'static str> {
        if self.calls.len() >= MAX_CALLS {
            return Err("too many calls");
        }
        let id = inward.call_id.clone().unwrap_or_else(|| (self.tokens)());
        if self.calls.contains_key(&id) {
            return Err("a call with this call_id goes on");
        }
        let local_tag = (self.tokens)();
        let (branch, session) = (format!("z9hG4bK{}", (self.tokens)()), self.session());
        let local = self.rules.local;
        let invite = invitation(&inward, &id, &local_tag, &branch, local);
        let asking = Asking {
            branch,
            to: inward.to,
            invite: None,
            cancel: None,
            proceeding: false,
            cancelled: false,
            ack: None,
            give_up: now + inward.give_up_after.unwrap_or(PATIENCE),
        };
        self.note(
            &id,
            Note::Inward { number: inward.called, caller: inward.from.unwrap_or_else(|| "anonymous".to_owned()) },
        );
        let call = Call {
            id: id.clone(),
            origin: Origin::Party(Box::new(asking)),
            source: inward.to,
            local_tag,
            remote_tag: String::new(),
            local_cseq: 1,
            routes: Vec::new(),
            number: inward.voice,
            behaviour: inward.behaviour,
            errand: inward.errand,
            offer: None,
            media: None,
            session,
            sdp_version: 1,
            remote_cseq: 0,
            remote_target: invite.uri.clone(),
            phase: Phase::Opening,
            accepted: None,
            bye: None,
            changing: None,
            changed: None,
            invite,
        };
        self.calls.insert(id.clone(), call);
        self.out.push(Output::OpenMedia { call_id: id.clone(), offer: Offer::unknown(inward.to.ip()) });
        Ok((id, std::mem::take(&mut self.out)))
    }

    /// The media port is open: the INVITE goes out.
    pub(super) fn ask(&mut self, id: &str, now: Instant) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        let Some(media) = call.media else {
            return;
        };
        call.phase = Phase::Calling;
        call.invite.body = sdp::offer(media, call.session, call.sdp_version, &sdp::BOTH, "sendrecv");
        let bytes = call.invite.bytes();
        if let Some(asking) = call.asking() {
            let to = asking.to;
            asking.invite = Some(Repeating::invite(to, bytes.clone(), now));
            self.out.push(Output::Send(to, bytes));
        }
    }

    pub(super) fn tick_asking(&mut self, id: &str, now: Instant) {
        let Some(call) = self.calls.get_mut(id).filter(|c| c.phase == Phase::Calling) else {
            return;
        };
        let Some(asking) = call.asking() else {
            return;
        };
        let mut silent = asking.cancelled && asking.give_up <= now;
        let impatient = !asking.cancelled && asking.give_up <= now;
        for repeating in [asking.invite.as_mut(), asking.cancel.as_mut()].into_iter().flatten() {
            match repeating.tick(now) {
                Repeat::NotYet => {}
                Repeat::Again => self.out.push(Output::Send(repeating.to, repeating.bytes.clone())),
                Repeat::GiveUp => silent = true,
            }
        }
        if silent {
            self.complain("a call into the court was never answered");
            self.over(id, "carrier", now);
        } else if impatient {
            self.stop_asking(id, now);
        }
    }

    /// RFC 3261, section 9.1: no CANCEL before something came back.
    pub(super) fn stop_asking(&mut self, id: &str, now: Instant) {
        let Some(call) = self.calls.get_mut(id).filter(|c| c.phase == Phase::Calling) else {
            return;
        };
        let cancel = bare(&call.invite, "CANCEL", call.invite.headers.get("To").unwrap_or_default());
        let Some(asking) = call.asking() else {
            return;
        };
        if !std::mem::replace(&mut asking.cancelled, true) {
            asking.give_up = now + GIVE_UP;
        }
        if asking.proceeding && asking.cancel.is_none() {
            asking.cancel = Some(Repeating::new(asking.to, cancel.clone(), now));
            let to = asking.to;
            self.out.push(Output::Send(to, cancel));
        }
    }

    /// A response with the branch of a party's INVITE, or of its CANCEL.
    pub(super) fn answered_by_court(&mut self, id: &str, response: &Response, now: Instant) {
        let cancel = response.headers.get("CSeq").is_some_and(|cseq| cseq.ends_with("CANCEL"));
        if cancel {
            if response.status >= 200
                && let Some(asking) = self.calls.get_mut(id).and_then(Call::asking)
            {
                asking.cancel = None;
            }
            return;
        }
        match response.status {
            ..200 => self.court_proceeds(id, response, now),
            200..300 => self.court_answers(id, response, now),
            _ => self.court_refuses(id, response, now),
        }
    }

    fn court_proceeds(&mut self, id: &str, response: &Response, now: Instant) {
        let Some(call) = self.calls.get_mut(id).filter(|c| c.phase == Phase::Calling) else {
            return;
        };
        let Some(asking) = call.asking() else {
            return;
        };
        asking.invite = None;
        asking.proceeding = true;
        let cancelled = asking.cancelled;
        if response.status > 100 {
            if response.headers.get("To").and_then(tag).is_none() {
                self.complain("a provisional answer whose To has no tag");
            }
            self.note(id, Note::Status(response.status));
            if let Ok(offer) = sdp::read(&response.body) {
                self.out.push(Output::Retarget { call_id: id.to_owned(), offer });
            }
        }
        if cancelled {
            self.stop_asking(id, now);
        }
    }

    fn court_answers(&mut self, id: &str, response: &Response, now: Instant) {
        let (branch, local) = (format!("z9hG4bK{}", (self.tokens)()), self.rules.local);
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        let to_tag = response.headers.get("To").and_then(tag).unwrap_or_default().to_owned();
        if let Some((to, ack)) = call.asking().and_then(|a| a.ack.clone()) {
            if to_tag == call.remote_tag {
                self.out.push(Output::Send(to, ack));
            } else {
                self.complain("the court answered a call twice");
            }
            return;
        }
        let contact = response.headers.get("Contact").and_then(name_addr).map(|(uri, _)| uri.to_owned());
        let (has_contact, offer) = (contact.is_some(), sdp::read(&response.body).ok());
        call.remote_tag = to_tag;
        call.remote_target = contact.unwrap_or_default();
        call.routes = route_set(&response.headers);
        call.routes.reverse();
        let (live, tagged) = (call.is_live(), !call.remote_tag.is_empty());
        let (to, ack) = call.inside("ACK", 1, local, &branch);
        let mut cancelled = false;
        if let Some(asking) = call.asking() {
            asking.ack = Some((to, ack.clone()));
            (asking.invite, asking.cancel) = (None, None);
            cancelled = asking.cancelled;
        }
        call.offer.clone_from(&offer);
        call.phase = Phase::Answered;
        self.out.push(Output::Send(to, ack));
        if !live {
            // The carrier stopped meanwhile; whoever answered must not talk to nobody.
            self.hang_up(id, "carrier", now);
            return;
        }
        self.note(id, Note::Status(response.status));
        self.note(id, Note::Acked);
        if !tagged || !has_contact {
            self.complain("a 200 of the court without To tag or Contact");
        }
        match offer {
            _ if cancelled => self.hang_up(id, "party", now),
            Some(offer) => {
                self.out.push(Output::Retarget { call_id: id.to_owned(), offer });
                self.play(id);
            }
            None => {
                self.complain("a 200 of the court without a usable answer of G.711");
                self.hang_up(id, "carrier", now);
            }
        }
    }

    fn court_refuses(&mut self, id: &str, response: &Response, now: Instant) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        let bytes = bare(&call.invite, "ACK", response.headers.get("To").unwrap_or_default());
        let Some(asking) = call.asking() else {
            return;
        };
        let (to, by) = (asking.to, if asking.cancelled { "party" } else { "court" });
        asking.ack = Some((to, bytes.clone()));
        (asking.invite, asking.cancel) = (None, None);
        self.out.push(Output::Send(to, bytes));
        if !call.is_live() {
            return;
        }
        self.note(id, Note::Status(response.status));
        let seconds = response.headers.get("Retry-After").and_then(|value| value.parse().ok());
        self.note(id, Note::Turned { reason: reason(&response.headers), retry_after_s: seconds });
        if matches!(response.status, 401 | 407) {
            self.complain("the court asks a carrier for credentials");
        }
        self.over(id, by, now);
    }
}

/// The INVITE of a party, without its body.
fn invitation(inward: &Inward, id: &str, local_tag: &str, branch: &str, local: SocketAddr) -> Request {
    let display = inward.display.as_ref().map(|name| format!("\"{name}\" ")).unwrap_or_default();
    let mut headers = Headers::default();
    headers.push("Via", format!("SIP/2.0/UDP {local};branch={branch};rport"));
    headers.push("Max-Forwards", "70");
    headers.push(
        "From",
        match &inward.from {
            Some(from) => format!("{display}<sip:{from}@{}>;tag={local_tag}", local.ip()),
            None => format!("\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag={local_tag}"),
        },
    );
    headers.push("To", format!("<sip:{}@{}>", inward.called, inward.to.ip()));
    headers.push("Call-ID", id);
    headers.push("CSeq", "1 INVITE");
    headers.push("Contact", format!("<sip:{local}>"));
    match &inward.from {
        Some(from) => headers.push("P-Asserted-Identity", format!("<sip:{from}@{}>", local.ip())),
        None => headers.push("Privacy", "id"),
    }
    headers.push("P-Called-Party-ID", format!("<sip:{}@{}>", inward.called, local.ip()));
    headers.push("Allow", super::reply::ALLOW);
    headers.push("User-Agent", "songda-sim");
    headers.push("Content-Type", "application/sdp");
    Request { method: "INVITE".to_owned(), uri: inward.uri.clone(), headers, body: Vec::new() }
}

/// CANCEL, or the ACK of a refusal: the top Via, From, Call-ID and number of the INVITE.
fn bare(invite: &Request, method: &str, to: &str) -> Vec<u8> {
    let mut headers = Headers::default();
    for name in ["Via", "Max-Forwards", "From"] {
        headers.push(name, invite.headers.get(name).unwrap_or_default());
    }
    headers.push("To", to);
    headers.push("Call-ID", invite.headers.get("Call-ID").unwrap_or_default());
    headers.push("CSeq", format!("1 {method}"));
    Request { method: method.to_owned(), uri: invite.uri.clone(), headers, body: Vec::new() }.bytes()
}
