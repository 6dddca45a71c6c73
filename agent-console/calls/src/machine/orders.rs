//! What goes into the machine and what comes out.

use songda_media::Supervision;
use songda_sip::{LegEvent, Reason};

use super::{presence::Away, transfer::Target};
use crate::{
    events::PartySilence,
    facts::{Fault, Parting, SupervisionEnd, TransferFault, TransferMode},
};

/// What is said to the party.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cue {
    /// The recording notice.
    Notice,
    /// Please hold.
    Hold,
    /// The call ends.
    Parting(Parting),
    /// Everybody is busy: a caller waits.
    Waiting,
    /// He waits on.
    StillWaiting,
    /// The court is closed.
    Closed,
    /// Nobody took the call.
    Nobody,
    /// Leave a message after the tone.
    LeaveMessage,
    /// The tone.
    Beep,
}

/// What the party hears when nothing is said to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// The agent.
    Talk,
    /// Music.
    Hold,
    /// Nothing more: the call ends.
    Silence,
}

/// What the actor is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Do {
    /// Place the call at the carrier.
    Dial,
    /// Give this answer of the carrier to the sound.
    TrunkAnswer(String),
    /// Give this offer of the carrier, which signalling answered, to the sound.
    TrunkMoved(String),
    /// Give this new offer of the browser to the sound.
    TakeOffer(String),
    /// Let the agent hear that it rings.
    RingBack,
    /// Let the agent hear the carrier.
    OpenEarly,
    /// Say this to the party, after what is being said.
    Announce(Cue),
    /// Cut short what is being said.
    Hush,
    /// What the party hears otherwise.
    Rest(Rest),
    /// Mute or unmute the agent.
    Mute(bool),
    /// Press these keys.
    Press(String),
    /// Press these keys, which nobody may read.
    Extension(String),
    /// Answer the call that came in.
    Answer,
    /// CANCEL the call that is being placed: its party calls us, and that call takes its place.
    GiveWay,
    /// Let the agent hear that the target rings, instead of the party.
    RingAgent,
    /// Ring the desk phone.
    RingPhone,
    /// Give this offer of the target's browser to the sound.
    TakeTarget(String),
    /// Give this session description of the desk phone to the sound.
    PhoneAnswer(String),
    /// Let agent and target hear each other, and nobody else.
    Consult,
    /// Let agent, target and party all hear each other.
    Join,
    /// A desk phone beside the agent holds: nobody hears what it plays meanwhile; or it does not
    /// any more.
    HoldTarget(bool),
    /// Give this offer of a supervisor's browser to the sound.
    Supervise(Supervision, String),
    /// What the supervisor does from here on.
    Supervision(Supervision),
    /// Let the supervisor go.
    DropSupervisor,
    /// The target takes the place of the agent, who is let go.
    HandOver,
    /// Let the target go, and a desk phone that has the call.
    DropTarget,
    /// CANCEL, BYE or a refusal, whatever leg there is, and why.
    HangUp(Reason),
    /// Say this to whoever placed the call.
    Tell(Told),
    /// Everything is over: close the sound and the recording.
    Finish,
}

/// News without their data, which the actor adds; see [`crate::CallEvent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// The browser's sound is up.
    BrowserConnected,
    /// A new offer of the browser is not taken.
    OfferRefused(&'static str),
    /// The carrier is asked.
    Dialling,
    /// It rings.
    Ringing,
    /// The carrier sends sound before the answer.
    EarlyMedia,
    /// The party answered.
    Answered,
    /// The recording notice plays.
    NoticeStarted,
    /// The notice was played to its end.
    NoticeFinished,
    /// Both talk.
    Talking,
    /// The agent is muted or not.
    Muted(bool),
    /// The agent holds the call or not.
    Held(bool),
    /// The agent is gone.
    AgentAway(Away),
    /// The agent is there again.
    AgentBack,
    /// Keys of the agent are not sent.
    KeysRefused(&'static str),
    /// The party is silent.
    PartySilent(PartySilence),
    /// The party is heard again.
    PartyHeard,
    /// The party is told that the call ends.
    Parting(Parting),
    /// The recording cannot be kept.
    RecordingFailed,
    /// The party calls us, and that call takes the place of the one that is being placed.
    CalledBack,
    /// A caller leaves a message from here on.
    MessageBegan,
    /// The call is being passed on.
    TransferRinging(TransferMode),
    /// Agent and target talk.
    TransferConsulting,
    /// Agent, target and party talk.
    ThreeWay,
    /// A supervisor listens, whispers or barges in.
    Supervised(Supervision),
    /// He does not, or not any more.
    SupervisionOver(SupervisionEnd),
    /// The call was not passed on, or the third is in it no more.
    TransferFailed(TransferFault),
    /// The target has the party.
    Transferred(Target),
}

/// What happened.
#[derive(Debug, Clone)]
pub enum Input {
    /// The browser's sound is up.
    BrowserConnected,
    /// The browser's sound is gone.
    BrowserLost,
    /// Packets of the agent are missed.
    AgentGone,
    /// Packets of the agent come again.
    AgentBack,
    /// The desk saw the page go.
    PageGone,
    /// The desk sees the same page again.
    PageHere,
    /// The browser makes a new offer.
    Offer(String),
    /// The new offer was taken.
    OfferTaken,
    /// The sound refused it.
    OfferNotTaken,
    /// The carrier's leg says something.
    Leg(LegEvent),
    /// The call could not be placed at all.
    NotPlaced(Fault, String),
    /// It was hung up before anything went out.
    NeverDialled,
    /// The carrier's session description cannot be used.
    BadAnswer(String),
    /// The party calls us while he is being called (E46).
    CalledBack,
    /// An agent takes the call of a caller who waits, with this offer of his browser.
    Join(String),
    /// Nobody waits for the answer to that offer any more, and nobody else has the call.
    NobodyTook,
    /// The first packet of the carrier came.
    PartyHeard,
    /// The party is silent.
    PartySilent(PartySilence),
    /// The party is heard after it was silent.
    PartyHeardAgain,
    /// The tone of the line was heard: it rings, or is busy.
    Tone,
    /// A voice of the party's side began or ended.
    Voice(bool),
    /// This was said to its end.
    Said(Cue),
    /// The recording cannot be kept.
    RecordingFailed,
    /// The agent hangs up.
    HangUp,
    /// The agent ends the call politely.
    EndPolitely,
    /// Whoever placed the call is gone.
    Abandoned,
    /// The house closes, and waits no longer for the end of the call.
    HouseCloses,
    /// Nobody of the house is left with the party.
    Forsaken,
    /// The agent mutes himself or not.
    Mute(bool),
    /// The agent holds the call or not.
    Hold(bool),
    /// The agent presses keys.
    Press(String),
    /// The agent passes the call on.
    Transfer(TransferMode, Target),
    /// The colleague takes it, with this offer of his browser.
    TransferTaken(String),
    /// The target does not take it, cannot be used or is gone; or the agent wants the party back.
    TransferRefused(TransferFault),
    /// The agent has spoken to the target, who gets the party now.
    CompleteTransfer,
    /// All three talk from now on.
    JoinAll,
    /// A supervisor comes in, with this offer of his browser.
    Supervise(Supervision, String),
    /// He does something else.
    Supervision(Supervision),
    /// His sound is up.
    SupervisorUp,
    /// He leaves, cannot be used or is gone.
    SupervisorGone(SupervisionEnd),
    /// The sound of the target's browser is up.
    TargetUp,
    /// The sound of the target's browser is gone.
    TargetLost,
    /// The target has taken the agent's place in the sound.
    HandedOver,
    /// The desk phone says something.
    Phone(LegEvent),
    /// The sound took the desk phone's description, by which it listens or not.
    PhoneListens(bool),
    /// Signalling to the desk phone is gone.
    PhoneGone,
    /// The deadline passed.
    Deadline,
}
