//! What happens next in a call, without I/O. Inputs and the time go in, orders come out.

use std::time::{Duration, Instant};

use songda_sip::{EndCause, Ended, LegEvent, Side};

use crate::facts::{EndedBy, Facts, Fault};

/// The browser's sound must be up within this time after the click, or nothing is dialled.
const BROWSER_LIMIT: Duration = Duration::from_secs(10);
/// A browser that was lost may come back within this time; then the call ends.
const BROWSER_GRACE: Duration = Duration::from_secs(10);
/// A leg that was hung up answers within this time (RFC 3261, timer F is 32 s).
const HANG_UP_LIMIT: Duration = Duration::from_secs(40);

/// What the actor is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Do {
    /// Place the call at the carrier.
    Dial,
    /// Give this session description to the sound.
    TrunkAnswer(String),
    /// Let the agent hear the carrier.
    OpenEarly,
    /// Play the notice, then talk.
    PlayNotice,
    /// Mute or unmute the agent.
    Mute(bool),
    /// CANCEL or BYE.
    HangUp,
    /// Say this to whoever placed the call.
    Tell(Told),
    /// Everything is over: close the sound and the recording.
    Finish,
}

/// News without their data, which the actor adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// See [`crate::CallEvent::BrowserConnected`].
    BrowserConnected,
    /// See [`crate::CallEvent::Dialling`].
    Dialling,
    /// See [`crate::CallEvent::Ringing`].
    Ringing,
    /// See [`crate::CallEvent::EarlyMedia`].
    EarlyMedia,
    /// See [`crate::CallEvent::Answered`].
    Answered,
    /// See [`crate::CallEvent::NoticeStarted`].
    NoticeStarted,
    /// See [`crate::CallEvent::Talking`].
    Talking,
    /// See [`crate::CallEvent::Muted`].
    Muted(bool),
    /// The browser's sound is gone.
    BrowserLost,
    /// See [`crate::CallEvent::RecordingFailed`].
    RecordingFailed,
}

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// The browser's sound is up.
    BrowserConnected,
    /// The browser's sound is gone.
    BrowserLost,
    /// The carrier's leg says something.
    Leg(LegEvent),
    /// The call could not be placed at all.
    NotPlaced(String),
    /// It was hung up before anything went out.
    NeverDialled,
    /// The carrier's session description cannot be used.
    BadAnswer(String),
    /// The first packet of the carrier came.
    PartyHeard,
    /// The notice was played to its end.
    NoticeFinished,
    /// The recording cannot be kept.
    RecordingFailed,
    /// The agent hangs up.
    HangUp,
    /// Whoever placed the call is gone.
    Abandoned,
    /// The agent mutes himself or not.
    Mute(bool),
    /// The deadline passed.
    Deadline,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Preparing,
    Dialling,
    Answered,
    HangingUp,
    Over,
}

/// One call.
#[derive(Debug)]
pub struct Machine {
    phase: Phase,
    answered: bool,
    early: bool,
    rang: bool,
    talking: bool,
    heard: bool,
    deadline: Option<Instant>,
    ending: Option<(EndedBy, &'static str, Option<Fault>)>,
    ended: Option<Ended>,
    failed: Option<String>,
    out: Vec<Do>,
}

impl Machine {
    /// A call whose browser has been answered.
    pub fn new(now: Instant) -> Self {
        Self {
            phase: Phase::Preparing,
            answered: false,
            early: false,
            rang: false,
            talking: false,
            heard: false,
            deadline: Some(now + BROWSER_LIMIT),
            ending: None,
            ended: None,
            failed: None,
            out: Vec::new(),
        }
    }

    /// When [`Input::Deadline`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Takes what happened and answers what to do, in order.
    pub fn handle(&mut self, now: Instant, input: Input) -> Vec<Do> {
        match input {
            Input::BrowserConnected => self.browser_connected(),
            Input::BrowserLost if self.phase != Phase::Over => {
                self.tell(Told::BrowserLost);
                if self.phase != Phase::HangingUp {
                    self.deadline = Some(now + BROWSER_GRACE);
                }
            }
            Input::Leg(event) => self.leg(event),
            Input::NotPlaced(reason) => {
                self.failed = Some(reason);
                self.end(now, EndedBy::System, "the call could not be placed", Some(Fault::Carrier));
                self.over();
            }
            Input::NeverDialled if self.phase == Phase::HangingUp => self.over(),
            Input::BadAnswer(reason) => {
                self.failed = Some(reason);
                self.end(
                    now,
                    EndedBy::System,
                    "the carrier's session description cannot be used",
                    Some(Fault::Carrier),
                );
            }
            Input::NoticeFinished if self.phase == Phase::Answered && !self.talking => {
                self.talking = true;
                self.tell(Told::Talking);
            }
            Input::RecordingFailed => {
                self.tell(Told::RecordingFailed);
                self.end(now, EndedBy::System, "the recording could not be kept", Some(Fault::Recording));
            }
            Input::HangUp => self.end(now, EndedBy::Agent, "hung up by the agent", None),
            Input::Abandoned => self.end(now, EndedBy::System, "the desk is gone", Some(Fault::Desk)),
            Input::PartyHeard => self.heard = true,
            // A wish of the time before the talk counts from its first word on.
            Input::Mute(on) if matches!(self.phase, Phase::Dialling | Phase::Answered) => {
                self.out.push(Do::Mute(on));
                self.tell(Told::Muted(on));
            }
            Input::Deadline => self.deadline_passed(now),
            _ => {}
        }
        std::mem::take(&mut self.out)
    }

    fn tell(&mut self, what: Told) {
        self.out.push(Do::Tell(what));
    }

    fn browser_connected(&mut self) {
        match self.phase {
            Phase::Preparing => {
                self.phase = Phase::Dialling;
                self.deadline = None;
                self.tell(Told::BrowserConnected);
                self.out.push(Do::Dial);
                self.tell(Told::Dialling);
            }
            Phase::Dialling | Phase::Answered => {
                self.deadline = None;
                self.tell(Told::BrowserConnected);
            }
            _ => {}
        }
    }

    fn leg(&mut self, event: LegEvent) {
        match event {
            LegEvent::Ringing if self.phase == Phase::Dialling && !self.rang => {
                self.rang = true;
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
            LegEvent::Answered { sdp } => {
                self.answered = true;
                // A 200 OK that crosses our CANCEL is answered and hung up by signalling.
                if self.phase == Phase::Dialling {
                    self.phase = Phase::Answered;
                    self.out.push(Do::TrunkAnswer(sdp));
                    self.tell(Told::Answered);
                    self.out.push(Do::PlayNotice);
                    self.tell(Told::NoticeStarted);
                }
            }
            LegEvent::Reoffered { sdp } if self.phase == Phase::Answered => self.out.push(Do::TrunkAnswer(sdp)),
            LegEvent::Ended(ended) if self.phase != Phase::Over => {
                self.ended = Some(ended);
                self.over();
            }
            _ => {}
        }
    }

    fn end(&mut self, now: Instant, by: EndedBy, why: &'static str, fault: Option<Fault>) {
        match self.phase {
            Phase::Preparing => {
                self.ending = Some((by, why, fault));
                self.over();
            }
            Phase::Dialling | Phase::Answered => {
                self.ending = Some((by, why, fault));
                self.phase = Phase::HangingUp;
                self.deadline = Some(now + HANG_UP_LIMIT);
                self.out.push(Do::HangUp);
            }
            Phase::HangingUp | Phase::Over => {}
        }
    }

    fn deadline_passed(&mut self, now: Instant) {
        if self.deadline.is_none_or(|deadline| deadline > now) {
            return;
        }
        match self.phase {
            Phase::Preparing => {
                self.end(now, EndedBy::System, "the browser's sound did not come up", Some(Fault::Browser));
            }
            Phase::Dialling | Phase::Answered => {
                self.end(now, EndedBy::System, "the browser's sound was lost", Some(Fault::Browser));
            }
            Phase::HangingUp => self.over(),
            Phase::Over => {}
        }
    }

    fn over(&mut self) {
        self.phase = Phase::Over;
        self.deadline = None;
        self.out.push(Do::Finish);
    }

    /// The facts of the line, once it is over.
    pub fn facts(&self) -> Facts {
        let ended = self.ended.as_ref();
        let (by, why, fault) = self.ending.unwrap_or_else(|| match ended.map(|ended| (ended.by, ended.cause)) {
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
        });
        // Once both talked, whatever ends the call ends a call that took place. Before that,
        // and on a line that never carried a sound of the party (E50), it is ours.
        let (why, fault) = match (self.answered, self.talking, self.heard) {
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
            abandoned: false,
            parting: None,
        }
    }
}
