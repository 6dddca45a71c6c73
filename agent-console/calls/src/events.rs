//! News of a call, for whoever placed it.

use std::time::Instant;

use songda_media::{Moments, Silence, Supervision};
use songda_sip::SavedLeg;
use tokio::sync::oneshot;

use crate::facts::{CallEnd, Mark, Parting, PromptSpan, TransferFault};
use crate::progress::LineStatus;

/// How the party is silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartySilence {
    /// No packet comes from the carrier.
    NoPackets,
    /// Packets come, and none ever held more than digital silence.
    Mute,
}

impl PartySilence {
    /// As it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoPackets => "no_packets",
            Self::Mute => "mute",
        }
    }
}

impl From<Silence> for PartySilence {
    fn from(silence: Silence) -> Self {
        match silence {
            Silence::NoPackets => Self::NoPackets,
            Silence::Mute => Self::Mute,
        }
    }
}

/// News of a call.
#[derive(Debug)]
pub enum CallEvent {
    /// Our answer to the browser's offer, the first one or a later one.
    BrowserAnswer {
        /// Session description.
        sdp: String,
    },
    /// A later offer of the browser cannot be used; the call goes on as it was.
    OfferRefused {
        /// Why, for people.
        reason: String,
    },
    /// What a listener of the recording must know, so far. What has not ended yet ends where
    /// it begins; to be kept, because a kill leaves nothing else of it.
    Marked(Vec<Mark>),
    /// The browser's sound is up.
    BrowserConnected,
    /// The carrier is asked.
    Dialling,
    /// What a later run of the server needs to end the carrier's leg: told before the INVITE
    /// and again at the answer. It holds the number; it is to be stored sealed.
    LegSaved {
        /// The leg.
        saved: Box<SavedLeg>,
        /// Which of the ways it is, from 0.
        way: usize,
        /// To be told when it is stored. Before the INVITE the call waits for it, three
        /// seconds at most; dropped or late, nothing goes out. The answer is acknowledged to
        /// the carrier when it is stored, one second later at most.
        kept: oneshot::Sender<()>,
    },
    /// A trunk failed before anything rang: the next way is tried.
    TryFailed {
        /// Which of the ways it was, from 0.
        way: usize,
        /// Final SIP status.
        status: Option<u16>,
        /// Q.850 cause.
        q850: Option<u8>,
        /// For people; never a number.
        cause: String,
        /// Nothing of it can be up any more.
        down: bool,
    },
    /// It rings.
    Ringing {
        /// Unix milliseconds.
        at_ms: i64,
    },
    /// The carrier sends sound before the answer; it is recorded.
    EarlyMedia {
        /// Unix milliseconds.
        at_ms: i64,
    },
    /// The recording has begun.
    RecordingStarted {
        /// Of its first frame, Unix milliseconds.
        at_ms: i64,
        /// The same moment: places in the recording count from here, whatever becomes of any
        /// clock.
        at: Instant,
    },
    /// The party answered.
    Answered {
        /// Unix milliseconds.
        at_ms: i64,
    },
    /// The recording notice plays; the agent is not heard.
    NoticeStarted,
    /// The notice was played to its end.
    NoticeFinished {
        /// Where it stands in the recording.
        span: PromptSpan,
    },
    /// Both talk.
    Talking {
        /// Unix milliseconds.
        at_ms: i64,
    },
    /// The agent is muted or not.
    Muted(bool),
    /// The agent holds the call or not.
    Held(bool),
    /// The agent's sound is gone; whoever answered hears the hold prompt.
    AgentAway {
        /// Unix milliseconds.
        since_ms: i64,
        /// When the call is given up, Unix milliseconds.
        until_ms: i64,
    },
    /// The agent's sound is there again.
    AgentBack,
    /// The party pressed a key.
    Digit {
        /// `0`-`9`, `*`, `#`, `A`-`D`.
        digit: char,
        /// In the recording, milliseconds.
        offset_ms: u64,
    },
    /// Keys of the agent are on their way to the party.
    DigitsSent {
        /// What was pressed.
        digits: String,
        /// In the recording, milliseconds.
        offset_ms: u64,
    },
    /// Keys of the agent were not sent.
    DigitsRefused {
        /// Why, for people.
        reason: String,
    },
    /// No sound has come from the party for five seconds.
    PartySilent {
        /// How it is silent.
        kind: PartySilence,
    },
    /// Sound comes from the party again.
    PartyHeard,
    /// What the line seems to say of the number, or of who answered.
    Progress(Box<LineStatus>),
    /// The party is told that the call ends; then it ends.
    Parting {
        /// What it is told.
        why: Parting,
    },
    /// The party calls us, and that call takes the place of the one that was being placed.
    CalledBack,
    /// A caller leaves a message from here on.
    MessageBegan {
        /// Unix milliseconds.
        at_ms: i64,
    },
    /// The call is being passed on: the party hears music, and the agent that it rings.
    TransferRinging,
    /// Our answer to the offer of the colleague's browser.
    TransferAnswer {
        /// Session description.
        sdp: String,
    },
    /// The agent and the target talk, and nobody else hears them.
    TransferConsulting,
    /// Agent, target and party all talk.
    ThreeWay,
    /// A supervisor listens, whispers or barges in from here on.
    Supervised {
        /// Which of them.
        what: Supervision,
        /// His name.
        by: String,
    },
    /// No supervisor is in the call any more.
    Unsupervised,
    /// The agent has the party again; it is held on only when he had held it before.
    TransferFailed {
        /// Why.
        why: TransferFault,
    },
    /// The target has the party, and the browser of the agent before is closed. To a browser,
    /// every order from here on is one of its agent. To a phone, there is no browser any more:
    /// the call ends when either side hangs up.
    Transferred {
        /// Unix milliseconds.
        at_ms: i64,
        /// It is a desk phone.
        phone: bool,
    },
    /// A block of the recording could not be kept; the call ends.
    RecordingFailed,
    /// How well both ends were heard in the last five seconds. Loses nothing when it is lost: the
    /// next one comes.
    Quality(Moments),
    /// How well each leg was heard from the beginning to then, every ten seconds: to be kept, because a
    /// kill leaves nothing else of it.
    Measured {
        /// Until when, Unix milliseconds.
        at_ms: i64,
        /// As it stands in [`CallEnd::quality`].
        quality: serde_json::Value,
    },
    /// Always the last.
    Ended(Box<CallEnd>),
}
