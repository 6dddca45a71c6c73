//! How a call is ended by us: whoever was answered is told so first, wherever there is time for it.

use std::time::{Duration, Instant};

use super::{Cue, Do, Machine, Message, Phase, Rest, Told};
use crate::{
    causes,
    facts::{EndedBy, Fault, Parting, SupervisionEnd, TransferFault},
};

/// What the party is told at the end takes no longer than this.
const PARTING_LIMIT: Duration = Duration::from_secs(30);
/// A leg that was hung up answers within this time (RFC 3261, timer F is 32 s).
const HANG_UP_LIMIT: Duration = Duration::from_secs(40);

impl Machine {
    pub(super) fn recording_failed(&mut self, now: Instant) {
        self.tell(Told::RecordingFailed);
        let (why, fault) = ("the recording could not be kept", Some(Fault::Recording));
        match self.phase {
            Phase::Answered | Phase::Waiting | Phase::Joining | Phase::Message(_) => {
                self.part(now, Parting::RecordingFailed, EndedBy::System, why, fault);
            }
            Phase::Parting(_) => {}
            _ => self.end(now, EndedBy::System, why, fault),
        }
    }

    /// Nobody who was answered is cut off without a word.
    pub(super) fn house_closes(&mut self, now: Instant) {
        let (why, fault) = ("the house closes", Some(Fault::Desk));
        match self.phase {
            Phase::Message(Message::Speaking) => self.part(now, Parting::MessageKept, EndedBy::System, why, None),
            Phase::Answered | Phase::Waiting | Phase::Joining | Phase::Message(Message::Asked) => {
                self.part(now, Parting::Apology, EndedBy::System, why, fault);
            }
            Phase::Parting(_) => {}
            _ => self.end(now, EndedBy::System, why, fault),
        }
    }

    /// Agent and colleague left the party at the same moment.
    pub(super) fn forsaken(&mut self, now: Instant) {
        if self.phase == Phase::Answered {
            self.abandoned = true;
            let why = "nobody of the house was left in the call";
            self.part(now, Parting::Apology, EndedBy::System, why, Some(Fault::Desk));
        } else {
            self.end(now, EndedBy::System, "nobody of the house was left in the call", Some(Fault::Desk));
        }
    }

    /// Tells the party that the call ends, then ends it.
    pub(super) fn part(&mut self, now: Instant, why: Parting, by: EndedBy, cause: &'static str, fault: Option<Fault>) {
        self.ending = Some((by, cause, fault));
        self.parting = Some(why);
        self.phase = Phase::Parting(why);
        self.limit = Some(now + PARTING_LIMIT);
        self.let_target_go(TransferFault::Cancelled);
        // Until the carrier has the BYE, neither music nor the agent follows the last word.
        self.rest = Rest::Silence;
        self.out.push(Do::Rest(Rest::Silence));
        self.out.push(Do::Hush);
        self.out.push(Do::Announce(Cue::Parting(why)));
        self.tell(Told::Parting(why));
    }

    pub(super) fn end(&mut self, now: Instant, by: EndedBy, why: &'static str, fault: Option<Fault>) {
        match self.phase {
            Phase::Preparing => {
                self.ending = Some((by, why, fault));
                self.over();
            }
            Phase::Dialling
            | Phase::Answered
            | Phase::Crossing
            | Phase::Answering
            | Phase::Waiting
            | Phase::Joining
            | Phase::Message(_) => {
                self.ending = Some((by, why, fault));
                self.hang_up(now);
            }
            Phase::Parting(_) => self.hang_up(now),
            Phase::HangingUp | Phase::Over => {}
        }
    }

    pub(super) fn hang_up(&mut self, now: Instant) {
        self.phase = Phase::HangingUp;
        self.limit = Some(now + HANG_UP_LIMIT);
        self.let_everybody_go();
        self.supervision_over(SupervisionEnd::CallOver);
        self.out.push(Do::HangUp(causes::of_end(self.ending.and_then(|(_, _, fault)| fault))));
    }

    pub(super) fn over(&mut self) {
        if self.phase != Phase::Over {
            self.phase = Phase::Over;
            self.limit = None;
            self.let_everybody_go();
            self.supervision_over(SupervisionEnd::CallOver);
            self.out.push(Do::Finish);
        }
    }
}
