//! What is known of a call once it is over, for the rules to judge and for the record.

use serde::Serialize;
use songda_recordings::vault::Manifest;
use songda_sip::{Leg, LegEvent};
use tokio::sync::watch;

/// Who ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndedBy {
    /// The agent.
    Agent,
    /// The party or the carrier.
    Party,
    /// Songda: ring limit, lost browser, failed recording.
    System,
}

/// Which part of our own side failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The carrier does not take our credentials.
    Credentials,
    /// The carrier cannot be reached, does not answer, or its answer cannot be used.
    Carrier,
    /// Every line that may take the call has as many as it may have: nothing is broken.
    LinesBusy,
    /// The agent's browser.
    Browser,
    /// The recording.
    Recording,
    /// The desk went away.
    Desk,
}

/// What the party is told when we end a call that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parting {
    /// The agent was lost and did not come back in time.
    Apology,
    /// The agent ends the call politely.
    Farewell,
    /// The recording cannot be kept.
    RecordingFailed,
    /// The court is closed and takes no message.
    Closed,
    /// Nobody took the call, and the court takes no message.
    Nobody,
    /// The caller's message is as long as it may be.
    MessageKept,
}

impl Parting {
    /// As it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Apology => "apology",
            Self::Farewell => "farewell",
            Self::RecordingFailed => "recording_failed",
            Self::Closed => "closed",
            Self::Nobody => "nobody",
            Self::MessageKept => "message_kept",
        }
    }
}

/// How a call is passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferMode {
    /// The target gets the party as soon as he answers.
    Blind,
    /// The agent speaks to the target first; the party hears music meanwhile.
    Attended,
    /// The target comes in as a third as soon as he answers.
    ThreeWay,
}

impl TransferMode {
    /// As it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blind => "blind",
            Self::Attended => "attended",
            Self::ThreeWay => "three_way",
        }
    }
}

/// Why a call was not passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferFault {
    /// The target does not want it.
    Declined,
    /// The target talks to somebody else.
    Busy,
    /// The target did not answer in time.
    NoAnswer,
    /// The target cannot be reached, or its sound cannot be used.
    Unreachable,
    /// The target answered and was lost before it had the party.
    Lost,
    /// The agent took it back.
    Cancelled,
    /// This call cannot be passed on now.
    NotNow,
}

impl TransferFault {
    /// As it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Declined => "declined",
            Self::Busy => "busy",
            Self::NoAnswer => "no_answer",
            Self::Unreachable => "unreachable",
            Self::Lost => "lost",
            Self::Cancelled => "cancelled",
            Self::NotNow => "not_now",
        }
    }
}

/// Why a supervisor is not in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SupervisionEnd {
    /// He left.
    Left,
    /// His page is gone, or its sound never came up.
    Lost,
    /// His browser's sound cannot be used.
    Unusable,
    /// The call is over.
    CallOver,
    /// He came in again by another page of his.
    Elsewhere,
    /// Somebody else supervises this call.
    Busy,
    /// The call is not answered yet, or is ending.
    NotNow,
}

impl SupervisionEnd {
    /// As it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Lost => "lost",
            Self::Unusable => "unusable",
            Self::CallOver => "call_over",
            Self::Elsewhere => "elsewhere",
            Self::Busy => "busy",
            Self::NotNow => "not_now",
        }
    }
}

/// What the line did, for the rules to judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// A 200 OK arrived.
    pub answered: bool,
    /// The agent gave up before the answer.
    pub cancelled_by_agent: bool,
    /// Nobody answered within the ring limit.
    pub ring_limit: bool,
    /// Our own side failed before anybody could talk.
    pub fault: Option<Fault>,
    /// Final SIP status.
    pub sip_status: Option<u16>,
    /// Q.850 cause.
    pub q850: Option<u8>,
    /// It rang.
    pub provisional: bool,
    /// For how long, milliseconds.
    pub rang_ms: i64,
    /// What ended it, for people; never a number.
    pub cause: String,
    /// Who ended it.
    pub by: EndedBy,
    /// The agent was lost and did not come back in time.
    pub abandoned: bool,
    /// What the party was told at the end, when it was us who ended an answered call.
    pub parting: Option<Parting>,
}

/// A prompt in the recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PromptSpan {
    /// From, milliseconds of the recording.
    pub from_ms: u64,
    /// To, milliseconds of the recording.
    pub to_ms: u64,
    /// What it says; `♪` is hold music.
    pub text: String,
}

/// What a [`Mark`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkKind {
    /// The agent's sound was gone.
    AgentAway,
    /// The agent held the call.
    Hold,
    /// The party pressed a key.
    DigitIn,
    /// The agent pressed keys.
    DigitOut,
    /// No sound came from the party.
    PartySilent,
    /// From here on the recording could not be kept.
    RecordingFailed,
    /// The agent passed the call on, or tried to; the party heard music meanwhile.
    Transfer,
    /// From here on somebody else of the house talks.
    Transferred,
    /// A third of the house was in the call, heard by the party.
    ThreeWay,
    /// A supervisor listened; nobody heard him (R4.4b).
    Listened,
    /// A supervisor was heard by the agent alone.
    Whispered,
    /// A supervisor was in the call, heard by all.
    Barged,
}

/// Something that a listener of the recording must know, for its side record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mark {
    /// What.
    pub kind: MarkKind,
    /// From, milliseconds of the recording.
    pub from_ms: u64,
    /// To, milliseconds of the recording; equal to `from_ms` for a point.
    pub to_ms: u64,
    /// Keys that were pressed (a long run of ours masked), which silence it was, how a call is
    /// passed on (`blind`, `attended`, `three_way`), or to what (`desk`, `phone`); the name of
    /// the supervisor.
    pub text: String,
}

/// Whether the carrier's leg of a call that ended is down at its side too. A call is over for
/// us when we hang up; the carrier's answer may take its time, or never come.
#[derive(Debug, Clone)]
pub struct Farewell(watch::Receiver<Option<bool>>);

impl Farewell {
    /// Nothing is up, and nothing was left up.
    pub fn over() -> Self {
        Self(watch::channel(Some(true)).1)
    }

    /// Nobody knows.
    pub fn unknown() -> Self {
        Self(watch::channel(Some(false)).1)
    }

    /// Waits for the last word of a leg that has ended for us.
    pub(crate) fn of(mut leg: Box<Leg>) -> Self {
        let (told, heard) = watch::channel(None);
        tokio::spawn(async move {
            let mut answered = false;
            while let Some(event) = leg.next().await {
                if let LegEvent::Down { answered: said } = event {
                    answered = said;
                }
            }
            told.send_replace(Some(answered));
        });
        Self(heard)
    }

    /// It is known to be down.
    pub fn is_down(&self) -> bool {
        *self.0.borrow() == Some(true)
    }

    /// Waits until the carrier answered, 32 seconds for each of our requests at most. False when
    /// it did not: it may think that the call goes on.
    pub async fn heard(mut self) -> bool {
        self.0.wait_for(Option::is_some).await.is_ok_and(|heard| *heard == Some(true))
    }
}

/// A call is over.
#[derive(Debug, Clone)]
pub struct CallEnd {
    /// What the line did.
    pub facts: Facts,
    /// Unix milliseconds.
    pub ended_ms: i64,
    /// From the first moment of talk to the end, milliseconds.
    pub talk_ms: i64,
    /// The recording, when there was any sound.
    pub recording: Option<Manifest>,
    /// A part of the recording was lost: it proves nothing whole (录音缺失).
    pub recording_incomplete: bool,
    /// Everything we played to the party, as far as it was sent.
    pub prompt_spans: Vec<PromptSpan>,
    /// What happened meanwhile, in order of time; whatever became of the recording.
    pub marks: Vec<Mark>,
    /// Nobody is left who knew prompts and marks: what was told of them meanwhile stands.
    pub lost: bool,
    /// Losses, jitter and slips of both legs.
    pub quality: serde_json::Value,
    /// Something was said before the talk, and nobody had time to read it.
    pub unread: bool,
    /// Whether the carrier's leg is down.
    pub farewell: Farewell,
}
