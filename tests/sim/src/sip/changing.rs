//! The carrier changes a live call: a re-INVITE of its own (RFC 3261, section 14.1; RFC 3264, section 8).
//!
//! What the court answers is judged: a hold must be followed, a fax refused (488), and the sound
//! that was agreed before goes on where a change was refused.

use std::net::SocketAddr;
use std::time::Instant;

use super::call::{Call, Phase, Repeat, Repeating};
use super::carrier::{Carrier, Note, Output};
use super::message::{Response, name_addr};
use crate::rtp::{g711::Law, sdp};

/// What a re-INVITE changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The media moves to another port.
    NewPort,
    /// The court is not heard any more.
    Hold,
    /// It is heard again.
    Resume,
    /// Sound in PCMU from here on, and in no other law.
    MuLaw,
    /// In PCMA, and in no other law.
    ALaw,
    /// Fax instead of sound (T.38), which a court's bridge refuses.
    Fax,
}

impl Change {
    /// Its name in the journal.
    fn name(self) -> &'static str {
        match self {
            Self::NewPort => "new-port",
            Self::Hold => "hold",
            Self::Resume => "resume",
            Self::MuLaw => "mu-law",
            Self::ALaw => "a-law",
            Self::Fax => "fax",
        }
    }

    /// What is spoken then, in order.
    fn laws(self) -> &'static [Law] {
        match self {
            Self::MuLaw => &[Law::Mu],
            Self::ALaw => &[Law::A],
            _ => &sdp::BOTH,
        }
    }
}

/// A re-INVITE that waits for its answer.
pub(crate) struct Changing {
    branch: String,
    cseq: u32,
    what: Change,
    /// Where our media will be.
    media: SocketAddr,
    invite: Repeating,
}

impl Changing {
    /// When this has work next.
    pub(crate) fn deadline(&self) -> Instant {
        self.invite.deadline()
    }
}

/// The ACK of the last re-INVITE, for repeats of its answer.
pub(crate) struct Changed {
    branch: String,
    to: SocketAddr,
    ack: Vec<u8>,
}

impl Carrier {
    /// Begins to change a call; why not, when it cannot be.
    pub(crate) fn change(&mut self, id: &str, what: Change, now: Instant) -> Result<Vec<Output>, &'static str> {
        let call = self.calls.get(id).filter(|c| c.phase == Phase::Answered).ok_or("no such call is up")?;
        if call.changing.is_some() || call.accepted.is_some() {
            return Err("another change is open");
        }
        match (what, call.media) {
            (Change::NewPort, _) => self.out.push(Output::MoveMedia { call_id: id.to_owned() }),
            (_, Some(media)) => self.offer_change(id, what, media, now),
            (_, None) => return Err("the call has no media"),
        }
        Ok(std::mem::take(&mut self.out))
    }

    /// A second port for the media of a call is open at `local`.
    pub(crate) fn media_moves(&mut self, id: &str, local: SocketAddr, now: Instant) -> Vec<Output> {
        self.offer_change(id, Change::NewPort, local, now);
        std::mem::take(&mut self.out)
    }

    fn offer_change(&mut self, id: &str, what: Change, media: SocketAddr, now: Instant) {
        let (branch, local) = (format!("z9hG4bK{}", (self.tokens)()), self.rules.local);
        let Some(call) = self.calls.get_mut(id).filter(|c| c.phase == Phase::Answered) else {
            return;
        };
        call.local_cseq += 1;
        call.sdp_version += 1;
        let cseq = call.local_cseq;
        let (to, mut request) = call.request("INVITE", cseq, local, &branch);
        request.headers.push("Contact", format!("<sip:{local}>"));
        request.headers.push("Allow", super::reply::ALLOW);
        request.headers.push("Content-Type", "application/sdp");
        request.body = match what {
            Change::Fax => sdp::fax_offer(media, call.session, call.sdp_version),
            Change::Hold => sdp::offer(media, call.session, call.sdp_version, what.laws(), "sendonly"),
            _ => sdp::offer(media, call.session, call.sdp_version, what.laws(), "sendrecv"),
        };
        let bytes = request.bytes();
        call.changing = Some(Changing { branch, cseq, what, media, invite: Repeating::invite(to, bytes.clone(), now) });
        if what == Change::Resume {
            // Who offers to listen is ready for what may come before the answer (RFC 3264, section 5.1).
            self.out.push(Output::Listen { call_id: id.to_owned(), on: true });
        }
        self.out.push(Output::Send(to, bytes));
    }

    pub(super) fn tick_changing(&mut self, id: &str, now: Instant) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        let Some(changing) = &mut call.changing else {
            return;
        };
        match changing.invite.tick(now) {
            Repeat::NotYet => {}
            Repeat::Again => self.out.push(Output::Send(changing.invite.to, changing.invite.bytes.clone())),
            Repeat::GiveUp => {
                call.changing = None;
                self.complain("a re-INVITE was never answered");
            }
        }
    }

    /// Whether a response belongs to a re-INVITE of ours; it was seen to then.
    pub(super) fn change_answered(&mut self, branch: &str, response: &Response) -> bool {
        let local = self.rules.local;
        let again = self.calls.values().find_map(|c| c.changed.as_ref().filter(|changed| changed.branch == branch));
        if let Some(changed) = again {
            self.out.push(Output::Send(changed.to, changed.ack.clone()));
            return true;
        }
        let asked = |c: &&mut Call| c.changing.as_ref().is_some_and(|changing| changing.branch == branch);
        let Some(call) = self.calls.values_mut().find(asked) else {
            return false;
        };
        if response.status < 200 {
            return true;
        }
        let Some(Changing { cseq, what, media, .. }) = call.changing.take() else {
            return true;
        };
        let id = call.id.clone();
        let taken = response.status < 300;
        if let Some((uri, _)) = response.headers.get("Contact").and_then(name_addr).filter(|_| taken) {
            uri.clone_into(&mut call.remote_target);
        }
        // The ACK of a refusal belongs to the transaction, that of a 2xx is one of its own.
        let ack_branch = if taken { format!("z9hG4bK{}", (self.tokens)()) } else { branch.to_owned() };
        let (to, ack) = call.inside("ACK", cseq, local, &ack_branch);
        call.changed = Some(Changed { branch: branch.to_owned(), to, ack: ack.clone() });
        self.out.push(Output::Send(to, ack));
        self.note(&id, Note::Changed { what: what.name(), status: response.status });
        if !taken {
            if what != Change::Fax || response.status != 488 {
                self.complain("a change of the session was refused");
            }
            return true;
        }
        let answer = sdp::read(&response.body).ok();
        let held = what == Change::Hold;
        let fits = answer.as_ref().is_some_and(|answer| match answer.direction {
            "sendrecv" => !held,
            "recvonly" => held,
            _ => false,
        } && what.laws().contains(&answer.law));
        if what == Change::Fax {
            self.complain("a fax was taken for a call of sound");
        } else if !fits {
            self.complain("an answer to a re-INVITE that does not fit its offer");
        }
        if let Some(offer) = answer.filter(|_| fits) {
            if let Some(call) = self.calls.get_mut(&id) {
                call.media = Some(media);
            }
            if what == Change::NewPort {
                self.out.push(Output::MediaMoved { call_id: id.clone() });
            }
            self.out.push(Output::Retarget { call_id: id.clone(), offer });
            if held {
                self.out.push(Output::Listen { call_id: id, on: false });
            }
        }
        true
    }
}
