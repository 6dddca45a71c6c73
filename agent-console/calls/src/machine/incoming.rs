//! A call that comes in (R4.4a): answered at once, recorded and with the notice first; then its
//! caller waits with music until an agent takes it, or leaves a message. One who calls while he
//! is being called takes the place of that call (E46).

use std::time::{Duration, Instant};

use super::{
    BROWSER_LIMIT, Cue, Do, Machine, Phase, Rest, Told,
    presence::{Presence, Sign},
};
use crate::facts::{EndedBy, Fault, Parting};

/// An answer is acknowledged within this time, or the caller is gone (RFC 3261, 13.3.1.4).
const ACKNOWLEDGED: Duration = Duration::from_secs(40);
/// Who waits is told so again after this time.
const REMINDER: Duration = Duration::from_secs(30);
/// What is said before the tone takes no longer than this.
const BEFORE_TONE: Duration = Duration::from_mins(1);

/// How a court meets a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Welcome {
    /// Calls are taken at this time.
    pub open: bool,
    /// How long he waits for an agent.
    pub wait: Duration,
    /// The longest message that he may leave; none where no message is taken.
    pub message: Option<Duration>,
}

/// What is known of a call that came in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller {
    welcome: Welcome,
    taker: Taker,
    /// When he is told again that he waits.
    remind_at: Option<Instant>,
    /// Until when he waits for an agent.
    wait_until: Instant,
    /// Nobody takes the call; he is told as soon as the notice is over.
    nobody: Option<Cue>,
}

/// How far the agent is who takes the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taker {
    Nobody,
    /// The sound has not said yet whether it takes the offer of his browser.
    Asked,
    /// His browser was answered, and nothing was heard of it so far.
    Answered,
    /// He is in the call, or was when it came.
    There,
}

/// How far a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Message {
    /// He is told to speak after the tone.
    Asked,
    /// He speaks.
    Speaking,
}

impl Machine {
    /// A call that comes in and is to be answered.
    pub fn incoming(now: Instant, welcome: Welcome) -> Self {
        let mut machine = Self::new(now);
        machine.caller = Some(Caller {
            welcome,
            taker: Taker::Nobody,
            remind_at: None,
            wait_until: now + welcome.wait,
            nobody: (!welcome.open).then_some(Cue::Closed),
        });
        machine.answer(now);
        machine
    }

    /// What is to be done before anything has happened.
    pub fn begin(&mut self) -> Vec<Do> {
        std::mem::take(&mut self.out)
    }

    pub(super) fn has_caller(&self) -> bool {
        self.caller.is_some()
    }

    pub(super) fn has_agent(&self) -> bool {
        self.caller.is_some_and(|caller| caller.taker != Taker::Nobody)
    }

    /// Whether somebody may be heard on the carrier's leg.
    pub(super) fn has_party(&self) -> bool {
        matches!(self.phase, Phase::Answered | Phase::Parting(_) | Phase::Waiting | Phase::Joining | Phase::Message(_))
    }

    /// Whether sound may come of a call that is on its way to its answer.
    pub(super) fn is_before_answer(&self) -> bool {
        matches!(self.phase, Phase::Dialling | Phase::Answering)
    }

    pub(super) fn answer(&mut self, now: Instant) {
        self.phase = Phase::Answering;
        self.limit = Some(now + ACKNOWLEDGED);
        self.out.push(Do::Answer);
    }

    /// Whether a call of the party would take the place of this one: it was not answered yet,
    /// and is not on its way to its end.
    pub fn gives_way(&self) -> bool {
        matches!(self.phase, Phase::Preparing | Phase::Dialling)
    }

    /// The party calls us while we call him. Nothing that rings at his end may be up beside it.
    pub(super) fn called_back(&mut self, now: Instant) {
        let welcome = Welcome { open: true, wait: Duration::ZERO, message: None };
        let caller = Caller { welcome, taker: Taker::There, remind_at: None, wait_until: now, nobody: None };
        match self.phase {
            Phase::Dialling => {
                self.caller = Some(caller);
                self.phase = Phase::Crossing;
                self.limit = Some(now + ACKNOWLEDGED);
                self.out.push(Do::GiveWay);
                self.tell(Told::CalledBack);
            }
            // The answer waits for the agent's sound as the dialling would.
            Phase::Preparing => {
                self.caller = Some(caller);
                self.tell(Told::CalledBack);
            }
            _ => {}
        }
    }

    /// The call that was being placed is gone.
    pub(super) fn gave_way(&mut self, now: Instant) {
        self.answer(now);
    }

    pub(super) fn acknowledged(&mut self, now: Instant) {
        let Some(caller) = &mut self.caller else { return };
        caller.wait_until = now + caller.welcome.wait;
        self.answered = true;
        self.heard = false;
        self.limit = None;
        self.tell(Told::Answered);
        self.out.push(Do::Announce(Cue::Notice));
        self.tell(Told::NoticeStarted);
        if self.has_agent() {
            self.phase = Phase::Answered;
            self.settle();
        } else {
            self.phase = Phase::Waiting;
            self.rest = Rest::Hold;
            self.out.push(Do::Rest(Rest::Hold));
        }
    }

    pub(super) fn waiting_deadline(&self) -> Option<Instant> {
        let caller = self.caller.filter(|caller| caller.nobody.is_none())?;
        Some(caller.remind_at.map_or(caller.wait_until, |at| at.min(caller.wait_until)))
    }

    /// An agent takes the call.
    pub(super) fn join(&mut self, now: Instant, sdp: String) {
        if self.phase != Phase::Waiting {
            self.tell(Told::OfferRefused("the call cannot be taken any more"));
            return;
        }
        if let Some(caller) = &mut self.caller {
            caller.taker = Taker::Asked;
        }
        self.phase = Phase::Joining;
        self.limit = Some(now + BROWSER_LIMIT);
        self.out.push(Do::TakeOffer(sdp));
    }

    /// An offer of the agent's browser was answered.
    pub(super) fn taker_answered(&mut self) {
        if let Some(caller) = self.caller.as_mut().filter(|caller| caller.taker == Taker::Asked) {
            caller.taker = Taker::Answered;
        }
    }

    /// An offer of the agent's browser was refused: with the one by which he takes the call, it
    /// is not his.
    pub(super) fn taker_refused(&mut self, now: Instant) {
        if self.phase == Phase::Joining && self.caller.is_some_and(|caller| caller.taker == Taker::Asked) {
            self.waits_again(now);
        }
    }

    /// The agent who was to take the call does not have it, and neither has anybody else.
    pub(super) fn nobody_took(&mut self, now: Instant) {
        let unheard = self.caller.is_some_and(|caller| matches!(caller.taker, Taker::Asked | Taker::Answered));
        if unheard && matches!(self.phase, Phase::Joining | Phase::Answered) {
            self.waits_again(now);
        }
    }

    /// The caller waits on, as long as he would have: the next agent may take him.
    fn waits_again(&mut self, now: Instant) {
        let Some(caller) = &mut self.caller else { return };
        caller.taker = Taker::Nobody;
        let (nobody, was_asked) = (caller.nobody, caller.remind_at.is_some());
        self.phase = Phase::Waiting;
        self.limit = None;
        if self.presence.away().is_some() {
            self.tell(Told::AgentBack);
        }
        self.presence = Presence::default();
        // What the notice would have led to, had it not ended meanwhile.
        match nobody.filter(|_| self.noticed) {
            Some(cue) => self.nobody(now, cue),
            None if self.noticed && !was_asked => self.ask_to_wait(now, Cue::Waiting),
            None => {}
        }
    }

    /// Sound came from the agent's browser: the call is his.
    pub(super) fn taker_is_there(&mut self) {
        if let Some(caller) = self.caller.as_mut().filter(|caller| caller.taker != Taker::Nobody) {
            caller.taker = Taker::There;
        }
    }

    /// The agent's sound is up: he is heard as soon as the notice is over.
    pub(super) fn joined(&mut self) {
        self.taker_is_there();
        self.tell(Told::BrowserConnected);
        self.phase = Phase::Answered;
        self.limit = None;
        self.settle();
    }

    /// Nobody takes the call.
    pub(super) fn nobody(&mut self, now: Instant, cue: Cue) {
        if self.phase != Phase::Waiting {
            return;
        }
        if !self.noticed {
            // The notice is never cut short.
            if let Some(caller) = &mut self.caller {
                caller.nobody.get_or_insert(cue);
            }
            return;
        }
        let Some(caller) = self.caller else { return };
        if caller.welcome.message.is_none() {
            let why = if cue == Cue::Closed { Parting::Closed } else { Parting::Nobody };
            self.part(now, why, EndedBy::System, "nobody took the call", None);
            return;
        }
        self.phase = Phase::Message(Message::Asked);
        self.limit = Some(now + BEFORE_TONE);
        self.rest = Rest::Talk;
        self.out.push(Do::Hush);
        self.out.push(Do::Rest(Rest::Talk));
        for cue in [cue, Cue::LeaveMessage, Cue::Beep] {
            self.out.push(Do::Announce(cue));
        }
    }

    pub(super) fn said_to_caller(&mut self, now: Instant, cue: Cue) {
        match (cue, self.phase) {
            (Cue::Notice, _) if !self.noticed => {
                self.noticed = true;
                self.tell(Told::NoticeFinished);
                if self.phase != Phase::Waiting {
                    return;
                }
                match self.caller.and_then(|caller| caller.nobody) {
                    Some(cue) => self.nobody(now, cue),
                    None => self.ask_to_wait(now, Cue::Waiting),
                }
            }
            (Cue::Beep, Phase::Message(Message::Asked)) => {
                let message = self.caller.and_then(|caller| caller.welcome.message).unwrap_or_default();
                self.phase = Phase::Message(Message::Speaking);
                self.limit = Some(now + message);
                self.tell(Told::MessageBegan);
            }
            _ => {}
        }
    }

    fn ask_to_wait(&mut self, now: Instant, cue: Cue) {
        self.out.push(Do::Announce(cue));
        if let Some(caller) = &mut self.caller {
            caller.remind_at = Some(now + REMINDER);
        }
    }

    pub(super) fn caller_deadline(&mut self, now: Instant) {
        match self.phase {
            // Neither leg says anything any more.
            Phase::Crossing | Phase::Answering => {
                self.end(now, EndedBy::System, "the answer was never acknowledged", Some(Fault::Carrier));
            }
            Phase::Waiting if self.caller.is_some_and(|caller| now >= caller.wait_until) => {
                self.nobody(now, Cue::Nobody);
            }
            Phase::Waiting => self.ask_to_wait(now, Cue::StillWaiting),
            // The agent who took it is as good as lost: he may come back in time (E51).
            Phase::Joining => {
                self.phase = Phase::Answered;
                self.limit = None;
                self.saw(now, Sign::LegDown);
            }
            Phase::Message(_) => {
                self.part(now, Parting::MessageKept, EndedBy::System, "the message is as long as it may be", None);
            }
            _ => {}
        }
    }
}
