//! The handles of the media threads: what others may order, and what they are told.
//!
//! A call belongs to the thread that had the fewest calls when it was opened, for life; orders go
//! straight to it. All threads share one UDP and one TCP port for browsers: each has a socket of
//! its own on it (`SO_REUSEPORT`), so that receiving is spread as calls are, and the system keeps
//! each browser's address on one of them. What comes to a thread that has not the call is handed
//! over by a bounded queue; every thread knows every leg's user name, because each tells the
//! others, and nothing is shared or locked. With one thread, as is the default, nothing is handed
//! over at all.

mod floor;
mod inner;
mod legs;
mod measure;
mod poll;
mod slot;
mod start;
mod told;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
};

use tokio::sync::{mpsc as events, oneshot};

pub use self::measure::ThreadFigures;
use self::{
    floor::SWEEP,
    measure::{Drops, Measure},
    poll::Bell,
};
use crate::{
    Law, MediaSource, Prompt, Rest, Security,
    bridge::{Bridge, MediaEvent, Summary, Supervision, Tap},
    egress::Egress,
    sdp::SdpError,
};

/// The house's clock: Unix milliseconds.
pub type UnixMs = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Where the engine listens, and by which clock it tells when a recording began.
#[derive(Clone)]
pub struct EngineConfig {
    /// The house's clock.
    pub unix_ms: UnixMs,
    /// Media threads, at least one.
    pub threads: usize,
    /// The one UDP port of all browsers.
    pub web_listen: SocketAddr,
    /// The TCP port of browsers whose network lets no UDP through; none: there is none.
    pub web_tcp_listen: Option<SocketAddr>,
    /// The addresses under which browsers reach both, when they are not those it listens on.
    pub web_advertise: Vec<IpAddr>,
    /// The interface towards the carrier.
    pub trunk_bind: IpAddr,
    /// The address under which the carrier reaches it, when it is not that one.
    pub trunk_advertise: Option<IpAddr>,
    /// Ports towards the carrier; 0 to 0 leaves it to the system.
    pub trunk_ports: RangeInclusive<u16>,
}

impl EngineConfig {
    /// One thread that listens on ports of the system's choice at this address only.
    pub fn at(ip: IpAddr, unix_ms: UnixMs) -> Self {
        Self {
            unix_ms,
            threads: 1,
            web_listen: SocketAddr::new(ip, 0),
            web_tcp_listen: None,
            web_advertise: Vec::new(),
            trunk_bind: ip,
            trunk_advertise: None,
            trunk_ports: 0..=0,
        }
    }
}

impl std::fmt::Debug for EngineConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineConfig").field("web_listen", &self.web_listen).finish_non_exhaustive()
    }
}

/// Why the engine cannot do something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The port for browsers cannot be opened.
    #[error(
        "the media port {address} cannot be opened: {source}; free it or change telephony.web_listen or media.web_tcp_listen"
    )]
    Listen {
        /// Address.
        address: SocketAddr,
        /// Cause.
        source: io::Error,
    },
    /// The ports towards carriers cannot be used, or a thread cannot be started.
    #[error("the media threads cannot start: {0}; look at telephony.trunk_ports")]
    Start(io::Error),
    /// Listening on every address, browsers cannot be told which one to use.
    #[error("{0} is no address that a browser or carrier can be told; set the matching advertise address")]
    Unspecified(IpAddr),
    /// No port towards the carrier is free.
    #[error("no port towards the carrier: {0}")]
    Port(io::Error),
    /// A session description cannot be used.
    #[error(transparent)]
    Sdp(#[from] SdpError),
    /// Keys came before the answer, one of them is none, or too many wait.
    #[error("keys can be sent once the party has answered: 0 to 9, *, # and A to D, and 64 may wait at most")]
    NoKeys,
    /// There is no desk phone whose description this could be.
    #[error("no desk phone is in this call")]
    NoPhone,
    /// More orders wait than the engine takes.
    #[error("the media engine has too much to do to take this request")]
    Overloaded,
    /// The engine has stopped, or the sound of this call has ended.
    #[error("the media engine does not take this request: it or the sound of this call has ended")]
    Gone,
}

/// How sound goes to a carrier.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CarrierSound {
    /// Whether it is secured.
    pub security: Security,
    /// Where its packets may come from.
    pub source: MediaSource,
}

type Reply<T> = oneshot::Sender<Result<T, EngineError>>;

enum Command {
    Open { call: u64, bridge: Box<Bridge>, ssrc: u32, events: events::Sender<MediaEvent>, owner: Weak<()> },
    BrowserOffer { call: u64, sdp: String, reply: Reply<String> },
    TrunkSpeaks { call: u64, laws: Vec<Law> },
    Carrier { call: u64, sound: CarrierSound },
    TrunkOffer { call: u64, reply: Reply<String> },
    TrunkOffered { call: u64, sdp: String, reply: Reply<String> },
    TrunkAnswer { call: u64, sdp: String, reply: Reply<()> },
    TrunkMoved { call: u64, sdp: String, reply: Reply<()> },
    ComesIn { call: u64 },
    Early { call: u64 },
    RingBack { call: u64, tone: Arc<Prompt> },
    Announce { call: u64, cue: u32, prompt: Arc<Prompt> },
    Rest { call: u64, rest: Rest },
    Hush { call: u64 },
    Digits { call: u64, digits: String, reply: Reply<()> },
    Mute { call: u64, on: bool },
    TargetBrowser { call: u64, to: Egress, sdp: String, reply: Reply<String> },
    PhoneOffer { call: u64, to: Egress, security: Security, devices: Vec<IpAddr>, reply: Reply<String> },
    PhoneAnswer { call: u64, sdp: String, reply: Reply<bool> },
    RingAgent { call: u64, tone: Arc<Prompt> },
    Consult { call: u64 },
    Join { call: u64 },
    HoldTarget { call: u64, on: bool },
    HandOver { call: u64 },
    DropTarget { call: u64 },
    Supervise { call: u64, to: Egress, sdp: String, what: Supervision, reply: Reply<String> },
    Supervision { call: u64, what: Supervision },
    DropSupervisor { call: u64 },
    Close { call: u64, reply: Reply<Summary> },
}

impl Command {
    fn call(&self) -> u64 {
        match self {
            Self::Open { call, .. }
            | Self::BrowserOffer { call, .. }
            | Self::TrunkSpeaks { call, .. }
            | Self::Carrier { call, .. }
            | Self::TrunkOffer { call, .. }
            | Self::TrunkOffered { call, .. }
            | Self::TrunkAnswer { call, .. }
            | Self::TrunkMoved { call, .. }
            | Self::ComesIn { call }
            | Self::Early { call }
            | Self::RingBack { call, .. }
            | Self::Announce { call, .. }
            | Self::Rest { call, .. }
            | Self::Hush { call }
            | Self::Digits { call, .. }
            | Self::Mute { call, .. }
            | Self::TargetBrowser { call, .. }
            | Self::PhoneOffer { call, .. }
            | Self::PhoneAnswer { call, .. }
            | Self::RingAgent { call, .. }
            | Self::Consult { call }
            | Self::Join { call }
            | Self::HoldTarget { call, .. }
            | Self::HandOver { call }
            | Self::DropTarget { call }
            | Self::Supervise { call, .. }
            | Self::Supervision { call, .. }
            | Self::DropSupervisor { call }
            | Self::Close { call, .. } => *call,
        }
    }
}

/// Commands that may wait for the thread.
const COMMANDS: usize = 4096;
/// Events of a call that may wait for its owner.
const EVENTS: usize = 64;

/// The media engine of this process. Its threads end when the last handle is gone.
#[derive(Debug, Clone)]
pub struct Engine {
    threads: Arc<[Thread]>,
    web: SocketAddr,
    web_tcp: Option<SocketAddr>,
    next: Arc<AtomicU64>,
    drops: Arc<Drops>,
}

/// One media thread, as its owners see it.
#[derive(Debug)]
struct Thread {
    line: Line,
    measure: Arc<Measure>,
    /// Calls that it was given and that their owners have not dropped.
    load: Arc<()>,
}

/// The way of orders to a thread. The last one that is dropped wakes it, so that it ends.
#[derive(Debug, Clone)]
struct Line {
    commands: mpsc::SyncSender<Command>,
    bell: Bell,
}

impl Line {
    fn give(&self, command: Command) -> Result<(), mpsc::TrySendError<Command>> {
        self.commands.try_send(command)?;
        self.bell.ring();
        Ok(())
    }
}

impl Engine {
    /// Opens the ports for browsers and starts the threads.
    #[expect(clippy::needless_pass_by_value, reason = "whoever starts an engine has no further use for it")]
    pub fn start(config: EngineConfig) -> Result<Self, EngineError> {
        start::start(&config)
    }

    /// The address that browsers are told.
    pub fn web_address(&self) -> SocketAddr {
        self.web
    }

    /// The TCP address that browsers are told, when there is one.
    pub fn web_tcp_address(&self) -> Option<SocketAddr> {
        self.web_tcp
    }

    /// What each thread has done.
    pub fn figures(&self) -> Vec<ThreadFigures> {
        self.threads.iter().map(|thread| thread.measure.figures()).collect()
    }

    /// Datagrams that the system dropped since the start because a socket of ours was full. Reads
    /// the system's tables.
    pub fn dropped_by_system(&self) -> u64 {
        self.drops.total()
    }

    /// A new call. Its recording goes to `tap` from the first sound on. The events end when
    /// the sound of the call has ended, and be it by a failure of ours.
    pub fn open(&self, tap: Box<dyn Tap>) -> Result<(CallMedia, events::Receiver<MediaEvent>), EngineError> {
        let call = self.next.fetch_add(1, Ordering::Relaxed);
        let thread =
            self.threads.iter().min_by_key(|thread| Arc::strong_count(&thread.load)).ok_or(EngineError::Gone)?;
        let (to_agent, to_party) = (start::stream()?, start::stream()?);
        let ssrc = to_agent.ssrc();
        let (sender, receiver) = events::channel(EVENTS);
        let bridge = Box::new(Bridge::new(tap, to_party, to_agent));
        let media = CallMedia { call, alive: Arc::default(), _load: thread.load.clone(), line: thread.line.clone() };
        let owner = Arc::downgrade(&media.alive);
        media.tell(Command::Open { call, bridge, ssrc, events: sender, owner })?;
        Ok((media, receiver))
    }
}

/// A browser's leg beside the agent's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestLeg {
    /// Its number, which stands in the news of it: the source of the stream that it gets
    /// (RFC 3550, section 5.1).
    pub number: u32,
    /// Our answer to its offer: a session description.
    pub answer: String,
}

/// The sound of one call. Dropped, it ends.
#[derive(Debug)]
pub struct CallMedia {
    call: u64,
    /// The engine sees when it is gone; no order has to find room in a full queue for that.
    alive: Arc<()>,
    _load: Arc<()>,
    line: Line,
}

impl CallMedia {
    fn tell(&self, command: Command) -> Result<(), EngineError> {
        self.line.give(command).map_err(|refused| match refused {
            mpsc::TrySendError::Full(_) => EngineError::Overloaded,
            mpsc::TrySendError::Disconnected(_) => EngineError::Gone,
        })
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, EngineError> {
        let (reply, answer) = oneshot::channel();
        self.tell(command(reply))?;
        answer.await.map_err(|_| EngineError::Gone)?
    }

    /// Takes a browser's offer and gives our answer. The leg of an offer before it is closed.
    pub async fn browser_offer(&self, sdp: String) -> Result<String, EngineError> {
        self.ask(|reply| Command::BrowserOffer { call: self.call, sdp, reply }).await
    }

    /// What may be spoken with the carrier from its next description on, in order: our offers
    /// hold it and nothing else, and of its offers we take the first of ours. None, and until
    /// this is said: both laws, the agent's first.
    pub fn trunk_speaks(&self, laws: Vec<Law>) -> Result<(), EngineError> {
        self.tell(Command::TrunkSpeaks { call: self.call, laws })
    }

    /// How sound goes to the carrier from its next description on. Until this is said: in the clear.
    pub fn carrier(&self, sound: CarrierSound) -> Result<(), EngineError> {
        self.tell(Command::Carrier { call: self.call, sound })
    }

    /// Opens a port towards the carrier and gives our offer.
    pub async fn trunk_offer(&self) -> Result<String, EngineError> {
        self.ask(|reply| Command::TrunkOffer { call: self.call, reply }).await
    }

    /// Takes the carrier's offer of a call that comes in and gives our answer. A port that is
    /// open towards it already is used again.
    pub async fn trunk_offered(&self, sdp: String) -> Result<String, EngineError> {
        self.ask(|reply| Command::TrunkOffered { call: self.call, sdp, reply }).await
    }

    /// Takes the carrier's answer, early or final.
    pub async fn trunk_answer(&self, sdp: String) -> Result<(), EngineError> {
        self.ask(|reply| Command::TrunkAnswer { call: self.call, sdp, reply }).await
    }

    /// Takes an offer of the carrier inside the call, which signalling answered.
    pub async fn trunk_moved(&self, sdp: String) -> Result<(), EngineError> {
        self.ask(|reply| Command::TrunkMoved { call: self.call, sdp, reply }).await
    }

    /// The party has called us: what is at its end needs no finding out.
    pub fn comes_in(&self) -> Result<(), EngineError> {
        self.tell(Command::ComesIn { call: self.call })
    }

    /// Lets the agent hear what the carrier sends before the answer.
    pub fn early(&self) -> Result<(), EngineError> {
        self.tell(Command::Early { call: self.call })
    }

    /// Plays this to the agent over and over, until the carrier sends sound or answers.
    pub fn ring_back(&self, tone: Arc<Prompt>) -> Result<(), EngineError> {
        self.tell(Command::RingBack { call: self.call, tone })
    }

    /// Plays a prompt to the party once, after those before it; the agent hears both and is
    /// not heard. Its end is told as [`MediaEvent::PromptFinished`] with this cue.
    pub fn announce(&self, cue: u32, prompt: Arc<Prompt>) -> Result<(), EngineError> {
        self.tell(Command::Announce { call: self.call, cue, prompt })
    }

    /// What the party hears when no announcement plays.
    pub fn rest(&self, rest: Rest) -> Result<(), EngineError> {
        self.tell(Command::Rest { call: self.call, rest })
    }

    /// Cuts announcements short.
    pub fn hush(&self) -> Result<(), EngineError> {
        self.tell(Command::Hush { call: self.call })
    }

    /// Sends digits to the party (RFC 4733): `0` to `9`, `*`, `#`, `A` to `D`.
    pub async fn digits(&self, digits: String) -> Result<(), EngineError> {
        self.ask(|reply| Command::Digits { call: self.call, digits, reply }).await
    }

    /// The party hears silence instead of the agent.
    pub fn mute(&self, on: bool) -> Result<(), EngineError> {
        self.tell(Command::Mute { call: self.call, on })
    }

    /// Takes the offer of the browser of whom the call is passed on to, and gives his leg.
    /// Nobody hears him yet; [`MediaEvent::TargetConnected`] tells that his sound is up.
    pub async fn target_browser(&self, sdp: String) -> Result<GuestLeg, EngineError> {
        let to = start::stream()?;
        let number = to.ssrc();
        let answer = self.ask(|reply| Command::TargetBrowser { call: self.call, to, sdp, reply }).await?;
        Ok(GuestLeg { number, answer })
    }

    /// Opens a port towards a desk phone that the call is passed on to, secured like this, and gives
    /// our offer for all its devices, which have registered from these addresses: inside the house it
    /// names our inside address. Its sound may come from them, whatever it describes.
    pub async fn phone_offer(&self, security: Security, devices: Vec<IpAddr>) -> Result<String, EngineError> {
        let to = start::stream()?;
        self.ask(|reply| Command::PhoneOffer { call: self.call, to, security, devices, reply }).await
    }

    /// Takes the desk phone's answer or its new offer. True when it listens to us: one that does
    /// not has put us on hold.
    pub async fn phone_answer(&self, sdp: String) -> Result<bool, EngineError> {
        self.ask(|reply| Command::PhoneAnswer { call: self.call, sdp, reply }).await
    }

    /// The agent hears this over and over instead of the party, and nobody hears him. The call
    /// must be answered.
    pub fn ring_agent(&self, tone: Arc<Prompt>) -> Result<(), EngineError> {
        self.tell(Command::RingAgent { call: self.call, tone })
    }

    /// The agent and the target hear each other; neither the party nor the recording does.
    pub fn consult(&self) -> Result<(), EngineError> {
        self.tell(Command::Consult { call: self.call })
    }

    /// The agent, the target and the party all hear each other, and the recording hears what
    /// the party does.
    pub fn join(&self) -> Result<(), EngineError> {
        self.tell(Command::Join { call: self.call })
    }

    /// The target's desk phone holds us or not: meanwhile nobody hears what it plays.
    pub fn hold_target(&self, on: bool) -> Result<(), EngineError> {
        self.tell(Command::HoldTarget { call: self.call, on })
    }

    /// The target takes the agent's place, whose leg is closed. Told by
    /// [`MediaEvent::HandedOver`]; who hears whom is then as it is for an agent.
    pub fn hand_over(&self) -> Result<(), EngineError> {
        self.tell(Command::HandOver { call: self.call })
    }

    /// The target's leg is closed, and the agent hears the party again.
    pub fn drop_target(&self) -> Result<(), EngineError> {
        self.tell(Command::DropTarget { call: self.call })
    }

    /// Takes the offer of a supervisor's browser, and gives his leg; that of one before is
    /// closed. [`MediaEvent::SupervisorConnected`] tells that his sound is up.
    pub async fn supervise(&self, sdp: String, what: Supervision) -> Result<GuestLeg, EngineError> {
        let to = start::stream()?;
        let number = to.ssrc();
        let answer = self.ask(|reply| Command::Supervise { call: self.call, to, sdp, what, reply }).await?;
        Ok(GuestLeg { number, answer })
    }

    /// What the supervisor does from here on.
    pub fn supervision(&self, what: Supervision) -> Result<(), EngineError> {
        self.tell(Command::Supervision { call: self.call, what })
    }

    /// The supervisor's leg is closed; everybody else goes on as before.
    pub fn drop_supervisor(&self) -> Result<(), EngineError> {
        self.tell(Command::DropSupervisor { call: self.call })
    }

    /// Ends the sound, however much the engine has to do. What was heard last has then been
    /// handed to the tap.
    pub async fn close(self) -> Result<Summary, EngineError> {
        let (reply, answer) = oneshot::channel();
        let mut command = Command::Close { call: self.call, reply };
        while let Err(refused) = self.line.give(command) {
            let mpsc::TrySendError::Full(again) = refused else { return Err(EngineError::Gone) };
            command = again;
            tokio::time::sleep(5 * SWEEP).await;
        }
        answer.await.map_err(|_| EngineError::Gone)?
    }
}
