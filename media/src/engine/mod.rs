//! The handles of the media thread: what others may order, and what they are told.

mod floor;
mod legs;
mod slot;

use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    ops::RangeInclusive,
    sync::{Arc, Weak, mpsc},
    thread,
};

use tokio::sync::{mpsc as events, oneshot};

use self::floor::{Floor, SWEEP};
use crate::{
    Law, Prompt, Rest,
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
    /// The one UDP port of all browsers.
    pub web_listen: SocketAddr,
    /// The address under which browsers reach it, when it is not the one it listens on.
    pub web_advertise: Option<IpAddr>,
    /// The interface towards the carrier.
    pub trunk_bind: IpAddr,
    /// The address under which the carrier reaches it, when it is not that one.
    pub trunk_advertise: Option<IpAddr>,
    /// Ports towards the carrier; 0 to 0 leaves it to the system.
    pub trunk_ports: RangeInclusive<u16>,
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
    #[error("the media port {address} cannot be opened: {source}; free it or change media.web_listen")]
    Listen {
        /// Address.
        address: SocketAddr,
        /// Cause.
        source: io::Error,
    },
    /// Listening on every address, browsers cannot be told which one to use.
    #[error("{0} is no address that a browser or carrier can be told; set the matching advertise address")]
    Unspecified(IpAddr),
    /// No port towards the carrier is free.
    #[error("no port towards the carrier: {0}")]
    Port(io::Error),
    /// A session description cannot be used.
    #[error(transparent)]
    Sdp(#[from] SdpError),
    /// The carrier takes no keys, or one of them is none.
    #[error("the carrier of this call takes no such keys")]
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

type Reply<T> = oneshot::Sender<Result<T, EngineError>>;

enum Command {
    Open { call: u64, bridge: Box<Bridge>, ssrc: u32, events: events::Sender<MediaEvent>, owner: Weak<()> },
    BrowserOffer { call: u64, sdp: String, reply: Reply<String> },
    TrunkSpeaks { call: u64, laws: Vec<Law> },
    TrunkOffer { call: u64, reply: Reply<String> },
    TrunkOffered { call: u64, sdp: String, reply: Reply<String> },
    TrunkAnswer { call: u64, sdp: String, reply: Reply<()> },
    TrunkMoved { call: u64, sdp: String, reply: Reply<()> },
    Early { call: u64 },
    RingBack { call: u64, tone: Arc<Prompt> },
    Announce { call: u64, cue: u32, prompt: Arc<Prompt> },
    Rest { call: u64, rest: Rest },
    Hush { call: u64 },
    Digits { call: u64, digits: String, reply: Reply<()> },
    Mute { call: u64, on: bool },
    TargetBrowser { call: u64, to: Egress, sdp: String, reply: Reply<String> },
    PhoneOffer { call: u64, to: Egress, reply: Reply<String> },
    PhoneAnswer { call: u64, sdp: String, reply: Reply<bool> },
    RingAgent { call: u64, tone: Arc<Prompt> },
    Consult { call: u64 },
    Join { call: u64 },
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
            | Self::TrunkOffer { call, .. }
            | Self::TrunkOffered { call, .. }
            | Self::TrunkAnswer { call, .. }
            | Self::TrunkMoved { call, .. }
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

/// The media engine of this process. The thread ends when the last handle is gone.
#[derive(Debug, Clone)]
pub struct Engine {
    commands: mpsc::SyncSender<Command>,
    web: SocketAddr,
    next: Arc<std::sync::atomic::AtomicU64>,
}

impl Engine {
    /// Opens the port for browsers and starts the thread.
    pub fn start(config: EngineConfig) -> Result<Self, EngineError> {
        let address = config.web_listen;
        let listen = |source| EngineError::Listen { address, source };
        let socket = bind(config.web_listen).map_err(listen)?;
        let port = socket.local_addr().map_err(listen)?.port();
        let advertised = |own: IpAddr, told: Option<IpAddr>| match told.unwrap_or(own) {
            ip if ip.is_unspecified() => Err(EngineError::Unspecified(ip)),
            ip => Ok(ip),
        };
        let web = SocketAddr::new(advertised(config.web_listen.ip(), config.web_advertise)?, port);
        let trunk_ip = advertised(config.trunk_bind, config.trunk_advertise)?;
        let (commands, inbox) = mpsc::sync_channel(COMMANDS);
        let floor = Floor::new(config, socket, web, trunk_ip);
        thread::Builder::new().name("media".into()).spawn(move || floor.run(&inbox)).map_err(listen)?;
        Ok(Self { commands, web, next: Arc::default() })
    }

    /// The address that browsers are told.
    pub fn web_address(&self) -> SocketAddr {
        self.web
    }

    /// A new call. Its recording goes to `tap` from the first sound on. The events end when
    /// the sound of the call has ended, and be it by a failure of ours.
    pub fn open(&self, tap: Box<dyn Tap>) -> Result<(CallMedia, events::Receiver<MediaEvent>), EngineError> {
        let call = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (to_agent, to_party) = (stream()?, stream()?);
        let ssrc = to_agent.ssrc();
        let (sender, receiver) = events::channel(EVENTS);
        let bridge = Box::new(Bridge::new(tap, to_party, to_agent));
        let media = CallMedia { call, commands: self.commands.clone(), alive: Arc::default() };
        let owner = Arc::downgrade(&media.alive);
        media.tell(Command::Open { call, bridge, ssrc, events: sender, owner })?;
        Ok((media, receiver))
    }
}

/// A stream that starts at random points (RFC 3550, section 5.1).
fn stream() -> Result<Egress, EngineError> {
    let mut random = [0u8; 12];
    getrandom::fill(&mut random).map_err(|_| EngineError::Gone)?;
    let word = |at: usize| u32::from_be_bytes([random[at], random[at + 1], random[at + 2], random[at + 3]]);
    Ok(Egress::new(word(0), word(4) as u16, word(8)))
}

fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::DGRAM, None)?;
    // Best effort: the system may allow less.
    let _ = socket.set_recv_buffer_size(4 << 20);
    socket.bind(&address.into())?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// The sound of one call. Dropped, it ends.
#[derive(Debug)]
pub struct CallMedia {
    call: u64,
    commands: mpsc::SyncSender<Command>,
    /// The engine sees when it is gone; no order has to find room in a full queue for that.
    alive: Arc<()>,
}

impl CallMedia {
    fn tell(&self, command: Command) -> Result<(), EngineError> {
        self.commands.try_send(command).map_err(|refused| match refused {
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

    /// Takes the offer of the browser of whom the call is passed on to, and gives our answer.
    /// Nobody hears him yet; [`MediaEvent::TargetConnected`] tells that his sound is up.
    pub async fn target_browser(&self, sdp: String) -> Result<String, EngineError> {
        let to = stream()?;
        self.ask(|reply| Command::TargetBrowser { call: self.call, to, sdp, reply }).await
    }

    /// Opens a port towards a desk phone that the call is passed on to, and gives our offer.
    pub async fn phone_offer(&self) -> Result<String, EngineError> {
        let to = stream()?;
        self.ask(|reply| Command::PhoneOffer { call: self.call, to, reply }).await
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

    /// The target takes the agent's place, whose leg is closed. Told by
    /// [`MediaEvent::HandedOver`]; who hears whom is then as it is for an agent.
    pub fn hand_over(&self) -> Result<(), EngineError> {
        self.tell(Command::HandOver { call: self.call })
    }

    /// The target's leg is closed, and the agent hears the party again.
    pub fn drop_target(&self) -> Result<(), EngineError> {
        self.tell(Command::DropTarget { call: self.call })
    }

    /// Takes the offer of a supervisor's browser, and gives our answer; the leg of one before is
    /// closed. [`MediaEvent::SupervisorConnected`] tells that his sound is up.
    pub async fn supervise(&self, sdp: String, what: Supervision) -> Result<String, EngineError> {
        let to = stream()?;
        self.ask(|reply| Command::Supervise { call: self.call, to, sdp, what, reply }).await
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
        while let Err(refused) = self.commands.try_send(command) {
            let mpsc::TrySendError::Full(again) = refused else { return Err(EngineError::Gone) };
            command = again;
            tokio::time::sleep(5 * SWEEP).await;
        }
        answer.await.map_err(|_| EngineError::Gone)?
    }
}
