//! One call that we place, from INVITE to its end.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use super::{
    EndCause, Ended, LegEvent, LegIds, OutboundCall, SavedLeg, Side, bye::Bye, core::FORGET, dialog::Dialog,
    inherited::Inheritance,
};
use crate::{
    auth::Challenge,
    flow::Flow,
    msg::{Headers, Method, Request, Response},
    tx::Key,
    uri::Uri,
};

/// The first, one with credentials, one for a nonce that was too old.
pub(super) const MAX_INVITES: u32 = 3;

/// A carrier forks to a handful of places, not to hundreds.
pub(super) const FORKS: usize = 16;

/// How far a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// The INVITE is out.
    Inviting,
    /// We gave up and wait for the final answer.
    Cancelling(EndCause),
    /// Answered.
    Up,
    /// Over; kept a while to acknowledge late repeats.
    Over,
}

/// A 2xx of ours to a re-INVITE, repeated until its ACK (13.3.1.4).
#[derive(Debug)]
pub(super) struct Unacknowledged {
    pub(super) key: Key,
    pub(super) response: Response,
    pub(super) next: Instant,
    pub(super) interval: Duration,
    pub(super) until: Instant,
    /// The offer was ours: the answer comes with the ACK.
    pub(super) answer_in_ack: bool,
}

/// One call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) order: OutboundCall,
    pub(super) target: Flow,
    pub(super) state: State,
    pub(super) invite: Request,
    pub(super) invite_key: Option<Key>,
    pub(super) ids: LegIds,
    /// How many INVITEs went out; the number of the last one.
    pub(super) invites: u32,
    pub(super) challenge: Option<Challenge>,
    pub(super) ring_deadline: Instant,
    pub(super) rang_from: Option<Instant>,
    pub(super) answered_at: Option<Instant>,
    pub(super) trying_told: bool,
    pub(super) early: Vec<Dialog>,
    pub(super) dialog: Option<Dialog>,
    /// Other forks that answered: acknowledged and hung up at once.
    pub(super) forks: Vec<Dialog>,
    /// The ACK of the answer waits until the leg is kept, at most until then.
    pub(super) ack_by: Option<Instant>,
    /// BYEs that were not answered yet.
    pub(super) byes: Vec<Bye>,
    pub(super) remote_sdp: String,
    pub(super) unacknowledged: Option<Unacknowledged>,
    pub(super) forget_at: Option<Instant>,
    /// It is the leg of an earlier run, which this one only ends.
    pub(super) inheritance: Option<Inheritance>,
    pub(super) events: Vec<LegEvent>,
}

impl Call {
    pub(super) fn new(now: Instant, order: OutboundCall, target: Flow, ids: LegIds) -> Self {
        Self {
            invite: invite(&order, &ids.call_id, &ids.from_tag, 1),
            ring_deadline: now + order.ring_limit,
            order,
            target,
            state: State::Inviting,
            invite_key: None,
            ids,
            invites: 1,
            challenge: None,
            rang_from: None,
            answered_at: None,
            trying_told: false,
            early: Vec::new(),
            dialog: None,
            forks: Vec::new(),
            ack_by: None,
            byes: Vec::new(),
            remote_sdp: String::new(),
            unacknowledged: None,
            forget_at: None,
            inheritance: None,
            events: Vec::new(),
        }
    }

    pub(super) fn save(&self, local: SocketAddr) -> SavedLeg {
        let mut saved = SavedLeg::new(local, &self.order, self.target, self.ids.clone());
        saved.dialog = self.dialog.as_ref().map(Dialog::save);
        saved
    }

    /// The confirmed dialog with this tag of the other end.
    pub(super) fn dialog_of(&mut self, remote_tag: &str) -> Option<&mut Dialog> {
        self.dialog.iter_mut().chain(&mut self.forks).find(|dialog| dialog.remote_tag == remote_tag)
    }

    /// Ends the call and says so, once.
    pub(super) fn end(&mut self, now: Instant, by: Side, cause: EndCause, answer: Option<&Response>) {
        if self.state == State::Over {
            return;
        }
        self.state = State::Over;
        self.forget_at = Some(now + FORGET);
        let until = self.answered_at.unwrap_or(now);
        self.events.push(LegEvent::Ended(Ended {
            by,
            cause,
            status: answer.map(|answer| answer.status),
            q850: answer.and_then(|answer| q850(&answer.headers)),
            rang: self.rang_from.map(|from| until.saturating_duration_since(from)),
            provisional: self.rang_from.is_some(),
        }));
    }

    /// Ends the call by a BYE of the other end.
    pub(super) fn end_by_peer(&mut self, now: Instant, headers: &Headers) {
        if self.state == State::Over {
            return;
        }
        self.end(now, Side::Peer, EndCause::HungUp, None);
        if let Some(LegEvent::Ended(ended)) = self.events.last_mut() {
            ended.q850 = q850(headers);
        }
    }

    /// The early dialog of this response, begun when it is new.
    pub(super) fn early_dialog(&mut self, response: &Response, flow: Flow) -> Option<&mut Dialog> {
        let new = Dialog::begin(&self.invite, response, flow)?;
        let at = match self.early.iter().position(|dialog| dialog.remote_tag == new.remote_tag) {
            Some(at) => at,
            None if self.early.len() >= FORKS => return None,
            None => {
                self.early.push(new);
                self.early.len() - 1
            }
        };
        let dialog = self.early.get_mut(at)?;
        dialog.refresh_target(&response.headers);
        Some(dialog)
    }

    /// Tells of the sound before the answer, or of ringing.
    pub(super) fn progress(&mut self, now: Instant, response: &Response) {
        if response.status == 100 {
            if !self.trying_told {
                self.trying_told = true;
                self.events.push(LegEvent::Trying);
            }
            return;
        }
        let first = self.rang_from.is_none();
        self.rang_from.get_or_insert(now);
        match sdp(&response.headers, &response.body) {
            Some(sdp) if sdp != self.remote_sdp => {
                self.remote_sdp.clone_from(&sdp);
                self.events.push(LegEvent::EarlyMedia { sdp });
            }
            None if first => self.events.push(LegEvent::Ringing),
            Some(_) | None => {}
        }
    }
}

/// The INVITE of a call, without Via and Contact.
pub(super) fn invite(call: &OutboundCall, call_id: &str, from_tag: &str, cseq: u32) -> Request {
    let callee = Uri::sip(call.callee.reveal(), &call.trunk.domain, None).to_string();
    let caller = Uri::sip(call.caller.reveal(), &call.trunk.domain, None).to_string();
    let mut headers = Headers::default();
    headers.push("Max-Forwards", "70");
    headers.push("From", format!("<{caller}>;tag={from_tag}"));
    headers.push("To", format!("<{callee}>"));
    headers.push("Call-ID", call_id);
    headers.push("CSeq", format!("{cseq} INVITE"));
    headers.push("P-Asserted-Identity", format!("<{caller}>"));
    headers.push("Allow", ALLOW);
    headers.push("Supported", "100rel");
    headers.push("Content-Type", "application/sdp");
    Request { method: Method::INVITE, uri: callee, headers, body: call.offer.clone().into_bytes() }
}

/// What we answer inside a dialog.
pub(super) const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, INFO";

/// The SDP of a message.
pub(super) fn sdp(headers: &Headers, body: &[u8]) -> Option<String> {
    let kind = headers.get("Content-Type").unwrap_or("application/sdp");
    let is_sdp = kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/sdp"));
    if body.is_empty() || !is_sdp {
        return None;
    }
    String::from_utf8(body.to_vec()).ok()
}

/// Cause of the Q.850 value of Reason (RFC 3326).
fn q850(headers: &Headers) -> Option<u8> {
    headers.list("Reason").find_map(|reason| {
        let protocol = reason.split(';').next()?.trim();
        if !protocol.eq_ignore_ascii_case("Q.850") {
            return None;
        }
        crate::uri::param(reason, "cause")?.parse().ok()
    })
}

/// The `RSeq` of a provisional response that wants a PRACK (RFC 3262).
pub(super) fn reliable(response: &Response) -> Option<u32> {
    let required = response.headers.list("Require").any(|tag| tag.eq_ignore_ascii_case("100rel"));
    if required { response.headers.get("RSeq")?.parse().ok() } else { None }
}
