//! The carrier: every decision about every call, with time and bytes passed in.
//!
//! A call is opened by `requests`, after digest and caller were checked there; here it
//! rings, speaks, answers and ends as its party does.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::call::{Call, Origin, Phase, Repeat, Repeating};
use super::digest::{Algorithm, Guard};
use super::faults::Fault;
use super::forms::Forms;
use super::message::{Message, Response, parse};
use super::registrar::{Bindings, Registering};
use super::reply::reply;
use super::transactions::{GIVE_UP, Transactions};
use crate::journal::RegisterRecord;
use crate::numbers::Number;
use crate::party::{Behaviour, Errand, Then};
use crate::rtp::sdp::{self, Offer};

/// How long 180 may stay unrepeated (RFC 3261, section 13.3.1.1).
const RENEW: Duration = Duration::from_mins(1);

/// Something the driver has to carry out.
pub(crate) enum Output {
    /// Send a datagram.
    Send(SocketAddr, Vec<u8>),
    /// Open a port for the media of a call and say so with [`Carrier::media_ready`].
    OpenMedia { call_id: String, offer: Offer },
    /// Start the party's script.
    Play { call_id: String, number: String, behaviour: Behaviour, errand: Errand },
    /// Open a second port for the media of a call and say so with [`Carrier::media_moves`].
    MoveMedia { call_id: String },
    /// The media of a call is at its second port from now on.
    MediaMoved { call_id: String },
    /// The party listens, or holds the call.
    Listen { call_id: String, on: bool },
    /// The caller moved its media.
    Retarget { call_id: String, offer: Offer },
    /// Close the media of a call.
    CloseMedia { call_id: String },
    /// Write down something about a call.
    Note { call_id: String, note: Note },
    /// Write down what became of a REGISTER.
    Registered(RegisterRecord),
    /// An OPTIONS came.
    Probed,
    /// Write down a breach of protocol.
    Complain(&'static str),
}

/// An entry of the journal about one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Note {
    Invite {
        number: String,
        caller: String,
        asserted: Vec<String>,
    },
    /// A party calls the court.
    Inward {
        number: String,
        caller: String,
    },
    Challenged {
        stale: bool,
    },
    Credentials(Option<Algorithm>),
    /// Payload types of the court's offer.
    Offered(Vec<u8>),
    Party(&'static str),
    Refused(&'static str),
    Status(u16),
    Acked,
    /// The court ended or refused a call: its Reason and Retry-After.
    Turned {
        reason: Option<String>,
        retry_after_s: Option<u64>,
    },
    /// A re-INVITE of ours was answered.
    Changed {
        what: &'static str,
        status: u16,
    },
    Ended(&'static str),
}

/// What the carrier is told at its start.
pub(crate) struct Rules {
    pub(crate) local: SocketAddr,
    pub(crate) callers: Vec<Number>,
    pub(crate) answer_after: Duration,
    pub(crate) registering: Registering,
    pub(crate) forms: Forms,
    /// Where the court listens, when it does not register.
    pub(crate) court: Option<SocketAddr>,
}

/// The carrier with all its calls.
pub(crate) struct Carrier {
    pub(super) rules: Rules,
    pub(super) guard: Guard,
    pub(super) tokens: Box<dyn FnMut() -> String + Send>,
    pub(super) transactions: Transactions,
    pub(super) calls: HashMap<String, Call>,
    pub(super) out: Vec<Output>,
    /// How the next calls fail.
    pub(super) faults: Vec<Fault>,
    pub(super) bindings: Bindings,
    /// What an OPTIONS is answered with; `None` is silence.
    pub(super) options: Option<u16>,
}

impl Carrier {
    /// `tokens` makes tags, branches and nonces: unguessable text of letters and digits.
    pub(crate) fn new(rules: Rules, guard: Guard, tokens: Box<dyn FnMut() -> String + Send>) -> Self {
        let (transactions, calls) = (Transactions::default(), HashMap::new());
        let bindings = Bindings::default();
        let (out, faults) = (Vec::new(), Vec::new());
        Self { rules, guard, tokens, transactions, calls, out, faults, bindings, options: Some(200) }
    }

    /// A datagram arrived.
    pub(crate) fn datagram(&mut self, bytes: &[u8], from: SocketAddr, now: Instant) -> Vec<Output> {
        // Keep-alives (RFC 5626) are no messages.
        if bytes.iter().all(|b| matches!(b, b'\r' | b'\n' | 0)) {
            return Vec::new();
        }
        match parse(bytes) {
            Ok(Message::Request(request)) => self.request(&request, from, now),
            Ok(Message::Response(response)) => self.response(&response, now),
            Err(_) => self.complain("a datagram that is no SIP message"),
        }
        std::mem::take(&mut self.out)
    }

    /// The media port of a call is open at `local`, or could not be opened.
    pub(crate) fn media_ready(&mut self, call_id: &str, local: Option<SocketAddr>, now: Instant) -> Vec<Output> {
        let Some(call) = self.calls.get_mut(call_id).filter(|c| c.phase == Phase::Opening) else {
            return Vec::new();
        };
        call.media = local;
        let behaviour = call.behaviour;
        match (local, behaviour) {
            (None, _) => self.finish(call_id, 500, None, "carrier", now),
            (Some(_), _) if call.key().is_none() => self.ask(call_id, now),
            (Some(_), Behaviour::Announce { .. } | Behaviour::Engaged { .. }) => {
                call.phase = Phase::Announcing;
                self.answer_with_sdp(call_id, 183, now);
                self.play(call_id);
            }
            (Some(_), _) => self.ring(call_id, Some(self.rules.answer_after), now),
        }
        std::mem::take(&mut self.out)
    }

    /// The party's script is over.
    pub(crate) fn script_over(&mut self, call_id: &str, now: Instant) -> Vec<Output> {
        let Some(call) = self.calls.get(call_id).filter(|c| c.is_live()) else {
            return Vec::new();
        };
        match (call.phase, call.behaviour) {
            (Phase::Announcing, Behaviour::Announce { status, q850, .. }) => {
                self.finish(call_id, status, Some(q850), "party", now);
            }
            (Phase::Announcing, Behaviour::Engaged { status, q850 }) => {
                self.finish(call_id, status, q850, "party", now);
            }
            (
                Phase::Answered,
                Behaviour::Talk { then: Then::HangUp, .. } | Behaviour::CutOff | Behaviour::Voicemail,
            ) => {
                self.hang_up(call_id, "party", now);
            }
            _ => {}
        }
        std::mem::take(&mut self.out)
    }

    /// Ends an answered call from the party's side.
    pub(crate) fn party_hangs_up(&mut self, call_id: &str, now: Instant) -> Vec<Output> {
        self.hang_up(call_id, "party", now);
        std::mem::take(&mut self.out)
    }

    /// Ends every call, because the carrier stops.
    pub(crate) fn stop(&mut self, now: Instant) -> Vec<Output> {
        let ids: Vec<String> = self.calls.values().filter(|c| c.is_live()).map(|c| c.id.clone()).collect();
        for id in ids {
            let answered = self.calls.get(&id).is_some_and(|c| c.phase == Phase::Answered);
            if answered {
                self.hang_up(&id, "carrier", now);
            } else if self.calls.get_mut(&id).is_some_and(|c| c.asking().is_some()) {
                self.stop_asking(&id, now);
                self.over(&id, "carrier", now);
            } else {
                self.finish(&id, 503, None, "carrier", now);
            }
        }
        std::mem::take(&mut self.out)
    }

    /// Does what is due by now.
    pub(crate) fn tick(&mut self, now: Instant) -> Vec<Output> {
        for (to, bytes) in self.transactions.tick(now) {
            self.out.push(Output::Send(to, bytes));
        }
        let ids: Vec<String> = self.calls.keys().cloned().collect();
        for id in ids {
            self.tick_phase(&id, now);
            self.tick_asking(&id, now);
            self.tick_changing(&id, now);
            self.tick_repeats(&id, now);
        }
        self.calls.retain(|_, c| !matches!(c.phase, Phase::Over { until } if until <= now));
        std::mem::take(&mut self.out)
    }

    /// When `tick` has work next.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let calls = self.calls.values().filter_map(Call::deadline);
        calls.chain(self.transactions.deadline()).min()
    }

    fn tick_phase(&mut self, id: &str, now: Instant) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        let Phase::Ringing { next, renew } = &mut call.phase else {
            return;
        };
        if next.is_some_and(|n| n <= now) {
            match call.behaviour {
                Behaviour::Reject { status, q850, .. } => {
                    self.finish(id, status, q850, "party", now);
                }
                _ => self.answer(id, now),
            }
        } else if *renew <= now {
            *renew = now + RENEW;
            self.provisional(id, 180, now);
        }
    }

    fn tick_repeats(&mut self, id: &str, now: Instant) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        let mut lost_ack = false;
        if let Some((_, repeating)) = &mut call.accepted {
            match repeating.tick(now) {
                Repeat::NotYet => {}
                Repeat::Again => self.out.push(Output::Send(repeating.to, repeating.bytes.clone())),
                Repeat::GiveUp => lost_ack = true,
            }
        }
        if let Some((_, repeating)) = &mut call.bye {
            match repeating.tick(now) {
                Repeat::NotYet => {}
                Repeat::Again => self.out.push(Output::Send(repeating.to, repeating.bytes.clone())),
                Repeat::GiveUp => {
                    call.bye = None;
                    self.complain("a BYE was never answered");
                }
            }
        }
        if lost_ack {
            if let Some(call) = self.calls.get_mut(id) {
                call.accepted = None;
            }
            self.complain("a 200 to INVITE was never acknowledged");
            // RFC 3261, section 13.3.1.4.
            self.hang_up(id, "carrier", now);
        }
    }

    /// Sends 180 and waits for the party's decision, if it takes one.
    pub(super) fn ring(&mut self, id: &str, decide_after: Option<Duration>, now: Instant) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        call.phase = Phase::Ringing { next: decide_after.map(|d| now + d), renew: now + RENEW };
        self.provisional(id, 180, now);
    }

    pub(super) fn provisional(&mut self, id: &str, status: u16, now: Instant) {
        let Some(call) = self.calls.get(id) else {
            return;
        };
        let Some(key) = call.key().cloned() else {
            return;
        };
        let mut response = reply(&call.invite, call.source, status, &call.local_tag);
        response.headers.push("Contact", format!("<sip:{}>", self.rules.local));
        self.respond(&key, &response, now);
        self.note(id, Note::Status(status));
    }

    fn answer(&mut self, id: &str, now: Instant) {
        self.answer_with_sdp(id, 200, now);
        self.play(id);
    }

    /// 183 or 200 to the INVITE of a call, with our answer in it.
    fn answer_with_sdp(&mut self, id: &str, status: u16, now: Instant) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        let (Some(offer), Some(media), Some(key)) = (call.offer.as_ref(), call.media, call.key().cloned()) else {
            return;
        };
        let body = sdp::answer(offer, media, call.session, call.sdp_version);
        let response = reply(&call.invite, call.source, status, &call.local_tag);
        let response = response.with_sdp(self.rules.local, body);
        let cseq = call.remote_cseq;
        let sent = self.respond(&key, &response, now);
        if let (Some((to, bytes)), true, Some(call)) = (sent, status == 200, self.calls.get_mut(id)) {
            call.phase = Phase::Answered;
            call.accepted = Some((cseq, Repeating::new(to, bytes, now)));
        }
        self.note(id, Note::Status(status));
    }

    pub(super) fn play(&mut self, id: &str) {
        if let Some(call) = self.calls.get(id) {
            let (number, behaviour, errand) = (call.number.clone(), call.behaviour, call.errand.clone());
            self.out.push(Output::Play { call_id: id.to_owned(), number, behaviour, errand });
        }
    }

    /// Refuses or ends a call that was not answered.
    pub(super) fn finish(&mut self, id: &str, status: u16, q850: Option<u8>, by: &'static str, now: Instant) {
        let Some(call) = self.calls.get(id) else {
            return;
        };
        let mut response = reply(&call.invite, call.source, status, &call.local_tag);
        if let Some(cause) = q850 {
            response.headers.push("Reason", format!("Q.850;cause={cause}"));
        }
        if let Some(key) = call.key().cloned() {
            self.respond(&key, &response, now);
            self.note(id, Note::Status(status));
        }
        self.over(id, by, now);
    }

    pub(super) fn hang_up(&mut self, id: &str, by: &'static str, now: Instant) {
        let branch = format!("z9hG4bK{}", (self.tokens)());
        let local = self.rules.local;
        let Some(call) = self.calls.get_mut(id).filter(|c| c.phase == Phase::Answered) else {
            return;
        };
        let (to, bytes) = call.bye(local, &branch);
        call.bye = Some((branch, Repeating::new(to, bytes.clone(), now)));
        self.out.push(Output::Send(to, bytes));
        self.over(id, by, now);
    }

    /// Closes the books on a call; it stays known for a while.
    pub(super) fn over(&mut self, id: &str, by: &'static str, now: Instant) {
        let Some(call) = self.calls.get_mut(id).filter(|c| c.is_live()) else {
            return;
        };
        call.phase = Phase::Over { until: now + GIVE_UP + Duration::from_secs(1) };
        self.note(id, Note::Ended(by));
        self.out.push(Output::CloseMedia { call_id: id.to_owned() });
    }

    fn response(&mut self, response: &Response, now: Instant) {
        let Some(via) = response.headers.get("Via") else {
            return;
        };
        let branch = super::message::parameter(via, "branch").unwrap_or_default();
        let bye = self.calls.values_mut().find(|c| c.bye.as_ref().is_some_and(|(b, _)| b == branch));
        if let Some(call) = bye {
            if response.status >= 200 {
                call.bye = None;
            }
            return;
        }
        if self.change_answered(branch, response) {
            return;
        }
        let asked = self.calls.values().find(|c| matches!(&c.origin, Origin::Party(asking) if asking.branch == branch));
        match asked.map(|c| c.id.clone()) {
            Some(id) => self.answered_by_court(&id, response, now),
            None => self.complain("a response to nothing that was asked"),
        }
    }

    pub(super) fn respond(
        &mut self,
        key: &super::transactions::TxKey,
        response: &Response,
        now: Instant,
    ) -> Option<(SocketAddr, Vec<u8>)> {
        let (to, bytes) = self.transactions.respond(key, response, now)?;
        self.out.push(Output::Send(to, bytes.clone()));
        Some((to, bytes))
    }

    pub(super) fn note(&mut self, call_id: &str, note: Note) {
        self.out.push(Output::Note { call_id: call_id.to_owned(), note });
    }

    pub(super) fn complain(&mut self, what: &'static str) {
        self.out.push(Output::Complain(what));
    }
}
