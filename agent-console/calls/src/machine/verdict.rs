//! What a call was, once it is over.

use songda_sip::{EndCause, Ended, Side};

use super::Machine;
use crate::{
    events::PartySilence,
    facts::{EndedBy, Facts, Fault},
};

impl Machine {
    /// The facts of the line, once it is over.
    pub fn facts(&self) -> Facts {
        let ended = self.ended.as_ref();
        let (by, why, fault) = self.ending.unwrap_or_else(|| by_the_line(ended));
        // Once both talked, whatever ends the call ends a call that took place. Before that,
        // and on a line that never carried a sound of the party (E50), it is ours.
        let heard = self.heard && self.silent != Some(PartySilence::Mute);
        let (why, fault) = match (self.answered, self.talked, heard) {
            (true, _, false) if fault.is_none() => {
                ("answered, but no sound came from the carrier", Some(Fault::Carrier))
            }
            (true, true, _) => (why, None),
            _ => (why, fault),
        };
        let cause = match &self.failed {
            Some(reason) => format!("{why}: {reason}"),
            None => why.to_owned(),
        };
        Facts {
            answered: self.answered,
            cancelled_by_agent: !self.answered && by == EndedBy::Agent,
            ring_limit: ended.is_some_and(|ended| ended.cause == EndCause::RingLimit),
            fault,
            sip_status: ended.and_then(|ended| ended.status),
            q850: ended.and_then(|ended| ended.q850),
            provisional: self.rang || ended.is_some_and(|ended| ended.provisional),
            rang_ms: ended.and_then(|ended| ended.rang).map_or(0, |rang| rang.as_millis() as i64),
            cause,
            by,
            abandoned: self.abandoned,
            parting: self.parting,
        }
    }
}

fn by_the_line(ended: Option<&Ended>) -> (EndedBy, &'static str, Option<Fault>) {
    match ended.map(|ended| (ended.by, ended.cause)) {
        Some((_, EndCause::AuthenticationFailed)) => {
            (EndedBy::System, "authentication failed at the carrier", Some(Fault::Credentials))
        }
        Some((_, EndCause::Transport)) => (EndedBy::System, "the carrier cannot be reached", Some(Fault::Carrier)),
        Some((_, EndCause::Timeout)) => (EndedBy::System, "the carrier did not answer", Some(Fault::Carrier)),
        Some((_, EndCause::RingLimit)) => (EndedBy::System, "nobody answered within the ring limit", None),
        Some((Side::Peer, EndCause::HungUp)) => (EndedBy::Party, "hung up by the other side", None),
        Some((Side::Peer, _)) => (EndedBy::Party, "refused by the other side", None),
        Some((Side::Us, _)) => (EndedBy::System, "ended by us", Some(Fault::Carrier)),
        Some((Side::Timer, _)) | None => (EndedBy::System, "ended by a timer", Some(Fault::Carrier)),
    }
}
