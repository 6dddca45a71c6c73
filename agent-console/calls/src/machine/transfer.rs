//! A call that is passed on within the house (R4.1a): to a colleague's browser or to a desk
//! phone. The carrier never hears of it: the bridge changes its inner side. The party hears
//! music meanwhile, and what agent and target say to each other is heard by nobody else.
//!
//! Or the target comes in as a third. Then the party waits for nobody: it is put on hold only
//! by the agent's wish, the two of the house go on hearing each other, and whoever of the two
//! goes leaves the other one with the party. An agent who leaves has handed the call over; one
//! who hangs up ends it for all three.

use std::time::{Duration, Instant};

use songda_sip::{EndCause, Ended, LegEvent, Side};

use super::{BROWSER_LIMIT, Do, Machine, Phase, Told, presence::Presence};
use crate::facts::{EndedBy, Fault, Parting, TransferFault, TransferMode};

/// A target that has not answered by then does not answer.
pub(crate) const RING_LIMIT: Duration = Duration::from_secs(25);

/// What rings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A colleague's browser.
    Desk,
    /// A desk phone.
    Phone,
}

impl Target {
    /// As it stands in the marks.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Desk => "desk",
            Self::Phone => "phone",
        }
    }
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It rings until then.
    Ringing { until: Instant },
    /// The colleague took it; his sound must be up by then.
    Taken { until: Instant },
    /// The target talks to the agent.
    Consulting,
    /// Agent, target and party talk to each other.
    Joined,
    /// The sound was told to change sides, and has not said so yet: what it says until then is
    /// about the agent before. The target may be lost by then.
    Changing { lost: bool },
}

/// A call on its way to somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Transfer {
    mode: TransferMode,
    target: Target,
    stage: Stage,
    /// The desk phone was picked up. What it describes before that is no answer (RFC 3311).
    picked_up: bool,
    /// The desk phone holds us (RFC 3264, section 8.4).
    holds: bool,
}

impl Machine {
    /// Whether the party waits for the end of a transfer.
    pub(super) fn is_passing_on(&self) -> bool {
        self.transfer.is_some_and(|transfer| !matches!(transfer.stage, Stage::Changing { .. } | Stage::Joined))
    }

    /// Whether a third is in the call.
    pub(super) fn is_joined(&self) -> bool {
        self.transfer.is_some_and(|transfer| transfer.stage == Stage::Joined)
    }

    /// Whether what is seen of a browser is nothing of the agent who has the call.
    pub(super) fn has_no_browser(&self) -> bool {
        self.phone || self.transfer.is_some_and(|transfer| matches!(transfer.stage, Stage::Changing { .. }))
    }

    pub(super) fn transfer_deadline(&self) -> Option<Instant> {
        match self.transfer?.stage {
            Stage::Ringing { until } | Stage::Taken { until } => Some(until),
            Stage::Consulting | Stage::Joined | Stage::Changing { .. } => None,
        }
    }

    pub(super) fn transfer(&mut self, now: Instant, mode: TransferMode, target: Target) {
        let can = self.phase == Phase::Answered && self.talked && !self.phone && self.presence.away().is_none();
        if !can || self.transfer.is_some() {
            self.tell(Told::TransferFailed(TransferFault::NotNow));
            return;
        }
        self.transfer = Some(Transfer {
            mode,
            target,
            stage: Stage::Ringing { until: now + RING_LIMIT },
            picked_up: false,
            holds: false,
        });
        self.settle();
        self.out.push(Do::RingAgent);
        self.tell(Told::TransferRinging(mode));
        if target == Target::Phone {
            self.out.push(Do::RingPhone);
        }
    }

    /// The colleague's browser offers its sound.
    pub(super) fn transfer_taken(&mut self, now: Instant, sdp: String) {
        if let Some(Transfer { target: Target::Desk, stage, .. }) = &mut self.transfer
            && matches!(stage, Stage::Ringing { .. } | Stage::Taken { .. })
        {
            *stage = Stage::Taken { until: now + BROWSER_LIMIT };
            self.out.push(Do::TakeTarget(sdp));
        }
    }

    /// The target's sound is up.
    pub(super) fn target_up(&mut self) {
        let Some(transfer) = &mut self.transfer else { return };
        match (transfer.target, transfer.stage) {
            (Target::Desk, Stage::Taken { .. }) => {}
            (Target::Phone, Stage::Ringing { .. }) if transfer.picked_up => {}
            _ => return,
        }
        // Who is away speaks to nobody first.
        if transfer.mode == TransferMode::Blind || self.presence.away().is_some() {
            self.hand_over();
        } else if transfer.mode == TransferMode::ThreeWay {
            self.meet();
        } else {
            transfer.stage = Stage::Consulting;
            self.out.push(Do::Consult);
            self.tell(Told::TransferConsulting);
        }
    }

    /// Whom the agent consults comes in to the party.
    pub(super) fn join_all(&mut self) {
        if self.is_consulting() {
            self.meet();
        }
    }

    fn meet(&mut self) {
        let Some(transfer) = &mut self.transfer else { return };
        transfer.stage = Stage::Joined;
        self.out.push(Do::Join);
        self.tell(Told::ThreeWay);
        self.settle();
    }

    pub(super) fn target_lost(&mut self) {
        match self.transfer.as_mut().map(|transfer| &mut transfer.stage) {
            Some(Stage::Changing { lost }) => *lost = true,
            Some(Stage::Taken { .. } | Stage::Consulting | Stage::Joined) => self.transfer_failed(TransferFault::Lost),
            Some(Stage::Ringing { .. }) | None => {}
        }
    }

    /// The agent has spoken to the target, or leaves the three of them.
    pub(super) fn complete_transfer(&mut self) {
        if self.is_consulting() || self.is_joined() {
            self.hand_over();
        }
    }

    /// The target gets the party. What was the agent's own wish ends with him.
    fn hand_over(&mut self) {
        let Some(transfer) = &mut self.transfer else { return };
        transfer.stage = Stage::Changing { lost: false };
        self.phone = transfer.target == Target::Phone;
        let holds = transfer.holds;
        self.end_whisper();
        self.out.push(Do::HandOver);
        if self.muted {
            self.muted = false;
            self.out.push(Do::Mute(false));
            self.tell(Told::Muted(false));
        }
        // A phone that held us beside the agent holds the party now.
        if self.held != holds {
            self.held = holds;
            self.tell(Told::Held(holds));
        }
        if self.presence.away().is_some() {
            self.tell(Told::AgentBack);
        }
        self.presence = Presence::default();
        self.settle();
    }

    /// The sound has changed sides.
    pub(super) fn handed_over(&mut self, now: Instant) {
        let Some(Transfer { stage: Stage::Changing { lost }, target, .. }) = self.transfer else { return };
        self.transfer = None;
        self.tell(Told::Transferred(target));
        if lost {
            self.saw(now, super::Sign::LegDown);
        }
    }

    /// The agent has the party again.
    pub(super) fn transfer_failed(&mut self, why: TransferFault) {
        if self.let_target_go(why) {
            self.settle();
        }
    }

    /// The target is let go, if there is one that has not got the party yet.
    pub(super) fn let_target_go(&mut self, why: TransferFault) -> bool {
        if !self.is_passing_on() && !self.is_joined() {
            return false;
        }
        self.transfer = None;
        self.out.push(Do::DropTarget);
        self.tell(Told::TransferFailed(why));
        true
    }

    /// The call is over: nobody of the house stays in it.
    pub(super) fn let_everybody_go(&mut self) {
        self.let_target_go(TransferFault::Cancelled);
        if std::mem::take(&mut self.phone) {
            self.out.push(Do::DropTarget);
        }
    }

    /// Whether the deadline that passed was that of a transfer.
    pub(super) fn transfer_overdue(&mut self, now: Instant) -> bool {
        let Some(transfer) = self.transfer.filter(|_| self.transfer_deadline().is_some_and(|due| now >= due)) else {
            return false;
        };
        let taken = matches!(transfer.stage, Stage::Taken { .. });
        self.transfer_failed(if taken { TransferFault::Lost } else { TransferFault::NoAnswer });
        true
    }

    /// The agent did not come back in time. Whom he spoke to gets the party instead of an
    /// apology; who was a third goes on with it.
    pub(super) fn consulted_stays(&mut self) -> bool {
        let somebody = self.is_consulting() || self.is_joined();
        if somebody {
            self.hand_over();
        }
        somebody
    }

    fn is_consulting(&self) -> bool {
        self.transfer.is_some_and(|transfer| transfer.stage == Stage::Consulting)
    }

    /// The desk phone says something.
    pub(super) fn phone(&mut self, now: Instant, event: LegEvent) {
        match event {
            LegEvent::Answered { sdp } => {
                if let Some(transfer) = &mut self.transfer {
                    transfer.picked_up = true;
                }
                self.out.push(Do::PhoneAnswer(sdp));
            }
            LegEvent::Reoffered { sdp } | LegEvent::ReofferAnswered { sdp } => self.out.push(Do::PhoneAnswer(sdp)),
            LegEvent::Ended(ended) if self.phone => self.phone_hung_up(now, &ended),
            LegEvent::Ended(ended) => {
                let lost = self.is_consulting() || self.is_joined();
                self.transfer_failed(if lost { TransferFault::Lost } else { refusal(&ended) });
            }
            _ => {}
        }
    }

    fn phone_hung_up(&mut self, now: Instant, ended: &Ended) {
        if self.phase != Phase::Answered {
            // The party is told that the call ends, or it has ended.
        } else if ended.by == Side::Peer {
            self.end(now, EndedBy::Agent, "hung up at the desk phone", None);
        } else {
            self.phone_gone(now);
        }
    }

    /// The desk phone does not answer any more, or signalling is gone.
    pub(super) fn phone_gone(&mut self, now: Instant) {
        if !self.phone {
            let lost = self.is_consulting() || self.is_joined();
            self.transfer_failed(if lost { TransferFault::Lost } else { TransferFault::Unreachable });
        } else if self.phase == Phase::Answered {
            self.abandoned = true;
            let why = "the desk phone was lost";
            self.part(now, Parting::Apology, EndedBy::System, why, Some(Fault::Browser));
        }
    }

    /// The sound took the desk phone's description; one that does not listen holds the call.
    pub(super) fn phone_listens(&mut self, listens: bool) {
        if !self.phone {
            if let Some(transfer) = self.transfer.as_mut().filter(|transfer| transfer.holds == listens) {
                transfer.holds = !listens;
                self.out.push(Do::HoldTarget(!listens));
            }
            self.target_up();
        } else if self.phase == Phase::Answered && self.held == listens {
            self.held = !listens;
            self.tell(Told::Held(self.held));
            self.settle();
        }
    }
}

/// Why a desk phone did not answer.
fn refusal(ended: &Ended) -> TransferFault {
    match (ended.cause, ended.status) {
        (EndCause::RingLimit, _) => TransferFault::NoAnswer,
        (EndCause::Timeout | EndCause::Transport, _) => TransferFault::Unreachable,
        (_, Some(486 | 600)) => TransferFault::Busy,
        (_, Some(408 | 480 | 487)) => TransferFault::NoAnswer,
        (_, Some(403 | 603 | 607)) => TransferFault::Declined,
        _ => TransferFault::Unreachable,
    }
}
