//! What happens next in a call, without I/O. Inputs and the time go in, orders come out.

mod ending;
mod extension;
mod incoming;
mod orders;
mod presence;
mod supervision;
mod transfer;
mod verdict;

use std::time::{Duration, Instant};

use songda_sip::{Ended, LegEvent};

pub(crate) use self::transfer::RING_LIMIT;
use self::{
    extension::Extension,
    incoming::{Caller, Message},
    presence::{Change, Presence, Sign},
    supervision::Supervisor,
    transfer::Transfer,
};
pub use self::{
    incoming::Welcome,
    orders::{Cue, Do, Input, Rest, Told},
    presence::Away,
    transfer::Target,
};
use crate::{
    events::PartySilence,
    facts::{EndedBy, Fault, Parting},
};

/// The browser's sound must be up within this time after the click, or nothing is dialled.
const BROWSER_LIMIT: Duration = Duration::from_secs(10);
/// Keys that are pressed at once, at most.
const KEYS: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Preparing,
    Dialling,
    /// The party calls us meanwhile: what was being placed is taken back.
    Crossing,
    /// A call that came in is answered; its caller has not acknowledged it yet.
    Answering,
    /// A caller waits for an agent.
    Waiting,
    /// An agent took it; his browser's sound is not up yet.
    Joining,
    /// A caller is told to leave a message, or leaves one.
    Message(Message),
    Answered,
    Parting(Parting),
    HangingUp,
    Over,
}

/// One call.
#[derive(Debug)]
pub struct Machine {
    phase: Phase,
    /// What is known of a call that came in.
    caller: Option<Caller>,
    answered: bool,
    early: bool,
    rang: bool,
    noticed: bool,
    talked: bool,
    heard: bool,
    held: bool,
    /// The agent's own wish.
    muted: bool,
    abandoned: bool,
    silent: Option<PartySilence>,
    rest: Rest,
    presence: Presence,
    extension: Extension,
    transfer: Option<Transfer>,
    supervisor: Option<Supervisor>,
    /// A desk phone has the agent's place.
    phone: bool,
    /// When the phase must be over.
    limit: Option<Instant>,
    ending: Option<(EndedBy, &'static str, Option<Fault>)>,
    parting: Option<Parting>,
    ended: Option<Ended>,
    failed: Option<String>,
    out: Vec<Do>,
}

impl Machine {
    /// A call whose browser has been answered.
    pub fn new(now: Instant) -> Self {
        Self {
            phase: Phase::Preparing,
            caller: None,
            answered: false,
            early: false,
            rang: false,
            noticed: false,
            talked: false,
            heard: false,
            held: false,
            muted: false,
            abandoned: false,
            silent: None,
            rest: Rest::Talk,
            presence: Presence::default(),
            extension: Extension::None,
            transfer: None,
            supervisor: None,
            phone: false,
            limit: Some(now + BROWSER_LIMIT),
            ending: None,
            parting: None,
            ended: None,
            failed: None,
            out: Vec::new(),
        }
    }

    /// A call whose number has an extension: its keys are pressed after the answer (E39).
    #[must_use]
    pub fn with_extension(mut self, keys: Option<String>) -> Self {
        self.extension = Extension::of(keys);
        self
    }

    /// When [`Input::Deadline`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        [self.phase_deadline(), self.supervision_due()].into_iter().flatten().min()
    }

    fn phase_deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Dialling | Phase::Answered => {
                let away = self.presence.away().map(|away| away.until);
                [away, self.extension.due(), self.transfer_deadline()].into_iter().flatten().min()
            }
            Phase::Waiting => self.waiting_deadline(),
            _ => self.limit,
        }
    }

    /// Takes what happened and answers what to do, in order.
    pub fn handle(&mut self, now: Instant, input: Input) -> Vec<Do> {
        if self.phase != Phase::Over {
            self.take(now, input);
        }
        std::mem::take(&mut self.out)
    }

    fn take(&mut self, now: Instant, input: Input) {
        match input {
            Input::BrowserConnected => self.browser_connected(now),
            Input::BrowserLost => self.saw(now, Sign::LegDown),
            Input::AgentGone => self.saw(now, Sign::Missed),
            Input::AgentBack => self.saw(now, Sign::Packets),
            Input::PageGone => self.saw(now, Sign::PageGone),
            Input::PageHere => self.saw(now, Sign::PageHere),
            Input::Offer(sdp) => self.offer(sdp),
            Input::OfferTaken => {
                self.taker_answered();
                let change = self.presence.offered(now);
                self.changed(change);
            }
            Input::OfferNotTaken => self.taker_refused(now),
            Input::Leg(event) => self.leg(now, event),
            Input::NotPlaced(fault, reason) => {
                self.failed = Some(reason);
                self.end(now, EndedBy::System, "the call could not be placed", Some(fault));
                self.over();
            }
            Input::NeverDialled if self.phase == Phase::HangingUp => self.over(),
            Input::NeverDialled if self.phase == Phase::Crossing => self.gave_way(now),
            Input::NeverDialled => {}
            Input::BadAnswer(reason) => {
                self.failed = Some(reason);
                let why = "the carrier's session description cannot be used";
                self.end(now, EndedBy::System, why, Some(Fault::Carrier));
            }
            Input::CalledBack => self.called_back(now),
            Input::Join(sdp) => self.join(now, sdp),
            Input::NobodyTook => self.nobody_took(now),
            Input::PartyHeard => self.heard = true,
            Input::PartySilent(kind) => {
                self.silent = Some(kind);
                self.tell(Told::PartySilent(kind));
            }
            Input::PartyHeardAgain => {
                self.silent = None;
                self.tell(Told::PartyHeard);
            }
            Input::Tone => self.extension.rings(now),
            Input::Voice(on) => self.extension.voice(now, on),
            Input::Said(cue) => self.said(now, cue),
            Input::RecordingFailed => self.recording_failed(now),
            Input::EndPolitely if self.phase == Phase::Answered => {
                self.part(now, Parting::Farewell, EndedBy::Agent, "ended politely by the agent", None);
            }
            Input::EndPolitely if matches!(self.phase, Phase::Parting(_)) => {}
            Input::HangUp | Input::EndPolitely => self.end(now, EndedBy::Agent, "hung up by the agent", None),
            Input::Abandoned => self.end(now, EndedBy::System, "the desk is gone", Some(Fault::Desk)),
            Input::HouseCloses => self.house_closes(now),
            Input::Forsaken => self.forsaken(now),
            Input::Mute(on) => self.mute(on),
            Input::Hold(on) => self.hold(on),
            Input::Press(keys) => self.press(keys),
            Input::Transfer(mode, target) => self.transfer(now, mode, target),
            Input::TransferTaken(sdp) => self.transfer_taken(now, sdp),
            Input::TransferRefused(why) => self.transfer_failed(why),
            Input::CompleteTransfer => self.complete_transfer(),
            Input::JoinAll => self.join_all(),
            Input::Supervise(what, sdp) => self.supervise(now, what, sdp),
            Input::Supervision(what) => self.supervision(what),
            Input::SupervisorUp => self.supervisor_up(),
            Input::SupervisorGone(why) => self.supervision_over(why),
            Input::TargetUp => self.target_up(),
            Input::TargetLost => self.target_lost(),
            Input::HandedOver => self.handed_over(now),
            Input::Phone(event) => self.phone(now, event),
            Input::PhoneListens(listens) => self.phone_listens(listens),
            Input::PhoneGone => self.phone_gone(now),
            Input::Deadline => self.deadline_passed(now),
        }
    }

    fn tell(&mut self, what: Told) {
        self.out.push(Do::Tell(what));
    }

    fn is_under_way(&self) -> bool {
        matches!(self.phase, Phase::Dialling | Phase::Answered)
            || (matches!(self.phase, Phase::Crossing | Phase::Answering) && self.has_agent())
    }

    fn browser_connected(&mut self, now: Instant) {
        if self.phase == Phase::Joining {
            self.joined();
        } else if self.phase == Phase::Preparing && self.has_agent() {
            self.tell(Told::BrowserConnected);
            self.answer(now);
        } else if self.phase == Phase::Preparing {
            self.phase = Phase::Dialling;
            self.tell(Told::BrowserConnected);
            self.out.push(Do::Dial);
            self.tell(Told::Dialling);
        } else if self.is_under_way() && !self.has_no_browser() {
            self.taker_is_there();
            self.tell(Told::BrowserConnected);
            self.saw(now, Sign::LegUp);
        }
    }

    /// Before anything is dialled only the limit counts.
    fn saw(&mut self, now: Instant, sign: Sign) {
        if self.is_under_way() && !self.has_no_browser() {
            let change = self.presence.saw(now, sign);
            self.changed(change);
        }
    }

    fn changed(&mut self, change: Option<Change>) {
        match change {
            Some(Change::Left(away)) => self.tell(Told::AgentAway(away)),
            Some(Change::Returned) => self.tell(Told::AgentBack),
            None => return,
        }
        self.settle();
    }

    /// What the party hears follows from who is there.
    fn settle(&mut self) {
        if self.phase != Phase::Answered {
            return;
        }
        // Whoever is in the call as a third is there for the party while the agent is not.
        let alone = self.presence.away().is_some() && !self.is_joined();
        let waits = self.held || alone || self.is_passing_on();
        let wanted = if waits { Rest::Hold } else { Rest::Talk };
        if wanted != self.rest {
            self.rest = wanted;
            self.out.push(Do::Rest(wanted));
            // The notice is never cut short: what follows it is said when it is over.
            match wanted {
                Rest::Hold if self.noticed => self.out.push(Do::Announce(Cue::Hold)),
                Rest::Talk if self.noticed => self.out.push(Do::Hush),
                _ => {}
            }
        }
        if self.noticed && wanted == Rest::Talk && !self.talked {
            self.talked = true;
            self.tell(Told::Talking);
        }
    }

    fn offer(&mut self, sdp: String) {
        match self.phase {
            _ if self.has_no_browser() => self.tell(Told::OfferRefused("the call was passed on")),
            Phase::Preparing | Phase::Joining | Phase::Answered => self.out.push(Do::TakeOffer(sdp)),
            _ if self.is_under_way() => self.out.push(Do::TakeOffer(sdp)),
            _ => self.tell(Told::OfferRefused("the call is ending")),
        }
    }

    fn leg(&mut self, now: Instant, event: LegEvent) {
        match event {
            LegEvent::Acknowledged if self.phase == Phase::Answering => self.acknowledged(now),
            LegEvent::ReofferAnswered { sdp } if self.has_caller() => self.out.push(Do::TrunkAnswer(sdp)),
            LegEvent::Ringing if self.phase == Phase::Dialling && !self.rang => {
                self.rang = true;
                self.out.push(Do::RingBack);
                self.tell(Told::Ringing);
            }
            LegEvent::EarlyMedia { sdp } if self.phase == Phase::Dialling => {
                self.out.push(Do::TrunkAnswer(sdp));
                if !self.early {
                    self.early = true;
                    self.out.push(Do::OpenEarly);
                    self.tell(Told::EarlyMedia);
                }
            }
            // The one that was taken back; signalling hangs it up.
            LegEvent::Answered { .. } if self.phase == Phase::Crossing => {}
            LegEvent::Answered { sdp, .. } => {
                self.answered = true;
                // Ring-back is no sign of the party (E50).
                self.heard = false;
                // A 200 OK that crosses our CANCEL is answered and hung up by signalling.
                if self.phase == Phase::Dialling {
                    self.phase = Phase::Answered;
                    self.out.push(Do::TrunkAnswer(sdp));
                    self.tell(Told::Answered);
                    if self.extension.answered(now) {
                        // The way is open for keys; nobody hears the agent before the notice.
                        self.out.push(Do::Mute(true));
                        self.out.push(Do::Rest(Rest::Talk));
                    } else {
                        self.notice();
                    }
                    self.settle();
                }
            }
            // By UPDATE a carrier moves its early sound, too (RFC 3311, section 5.1).
            LegEvent::Reoffered { sdp } if self.has_party() || self.is_before_answer() => {
                self.out.push(Do::TrunkMoved(sdp));
            }
            // The call that was being placed is gone: the one that came in takes its place.
            LegEvent::Ended(_) if self.phase == Phase::Crossing => self.gave_way(now),
            LegEvent::Ended(ended) => {
                self.ended = Some(ended);
                self.over();
            }
            _ => {}
        }
    }

    fn notice(&mut self) {
        self.out.push(Do::Announce(Cue::Notice));
        self.tell(Told::NoticeStarted);
    }

    fn said(&mut self, now: Instant, cue: Cue) {
        match (cue, self.phase) {
            (Cue::Notice, Phase::Answered) if !self.noticed => {
                self.noticed = true;
                self.tell(Told::NoticeFinished);
                if self.rest == Rest::Hold {
                    self.out.push(Do::Announce(Cue::Hold));
                }
                self.settle();
            }
            (Cue::Parting(said), Phase::Parting(why)) if said == why => self.hang_up(now),
            (_, Phase::Waiting | Phase::Joining | Phase::Message(_)) => self.said_to_caller(now, cue),
            _ => {}
        }
    }

    /// A wish of the time before the talk counts from its first word on.
    fn mute(&mut self, on: bool) {
        if self.is_under_way() && !self.has_no_browser() {
            self.muted = on;
            if self.extension.due().is_none() {
                self.out.push(Do::Mute(on));
            }
            self.tell(Told::Muted(on));
        }
    }

    fn hold(&mut self, on: bool) {
        let free = self.transfer.is_none() || self.is_joined();
        let can = self.phase == Phase::Answered && free && !self.phone;
        if can && self.held != on {
            self.held = on;
            self.tell(Told::Held(on));
            self.settle();
        }
    }

    fn press(&mut self, keys: String) {
        let known = |key: char| matches!(key, '0'..='9' | '*' | '#' | 'A'..='D');
        if keys.is_empty() || keys.len() > KEYS || !keys.chars().all(known) {
            self.tell(Told::KeysRefused("keys are 0 to 9, *, # and A to D, at most 32 at once"));
        } else if self.phase != Phase::Answered || !self.noticed || self.rest == Rest::Hold || self.has_no_browser() {
            self.tell(Told::KeysRefused("keys can be pressed while both sides talk"));
        } else {
            self.out.push(Do::Press(keys));
        }
    }

    fn deadline_passed(&mut self, now: Instant) {
        self.supervision_overdue(now);
        if self.phase_deadline().is_none_or(|due| now < due) {
            return;
        }
        if self.phase == Phase::Answered
            && let Some(due) = self.extension.take_due(now)
        {
            match due {
                extension::Due::Press(keys) => self.out.push(Do::Extension(keys)),
                extension::Due::Notice => {
                    self.out.push(Do::Mute(self.muted));
                    self.notice();
                }
            }
            return;
        }
        if self.phase == Phase::Answered && (self.transfer_overdue(now) || self.consulted_stays()) {
            return;
        }
        let lost = "the agent's sound was lost and did not come back";
        match self.phase {
            Phase::Preparing => {
                self.end(now, EndedBy::System, "the browser's sound did not come up", Some(Fault::Browser));
            }
            Phase::Dialling => {
                self.abandoned = true;
                self.end(now, EndedBy::System, lost, Some(Fault::Browser));
            }
            Phase::Answered => {
                self.abandoned = true;
                self.part(now, Parting::Apology, EndedBy::System, lost, Some(Fault::Browser));
            }
            Phase::Parting(_) => self.hang_up(now),
            Phase::HangingUp => self.over(),
            Phase::Crossing | Phase::Answering | Phase::Waiting | Phase::Joining | Phase::Message(_) => {
                self.caller_deadline(now);
            }
            Phase::Over => {}
        }
    }
}
