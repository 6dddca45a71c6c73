//! The media thread: all sockets of all calls, swept every millisecond.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    ops::RangeInclusive,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Weak, mpsc},
    thread,
    time::{Duration, Instant},
};

use rtp_rs::RtpReader;
use tokio::sync::{mpsc as events, oneshot};

use crate::{
    Law, Prompt, Rest,
    bridge::{Bridge, MediaEvent, Summary, Tap, View, Wires},
    egress::{Egress, Head},
    sdp::{self, Remote, SdpError},
    trunk::{Received, TrunkLeg},
    web::{Mux, WebLeg, WebNews},
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
    TrunkOffer { call: u64, reply: Reply<String> },
    TrunkAnswer { call: u64, sdp: String, reply: Reply<()> },
    Early { call: u64 },
    RingBack { call: u64, tone: Arc<Prompt> },
    Announce { call: u64, cue: u32, prompt: Arc<Prompt> },
    Rest { call: u64, rest: Rest },
    Hush { call: u64 },
    Digits { call: u64, digits: String, reply: Reply<()> },
    Mute { call: u64, on: bool },
    Close { call: u64, reply: Reply<Summary> },
}

impl Command {
    fn call(&self) -> u64 {
        match self {
            Self::Open { call, .. }
            | Self::BrowserOffer { call, .. }
            | Self::TrunkOffer { call, .. }
            | Self::TrunkAnswer { call, .. }
            | Self::Early { call }
            | Self::RingBack { call, .. }
            | Self::Announce { call, .. }
            | Self::Rest { call, .. }
            | Self::Hush { call }
            | Self::Digits { call, .. }
            | Self::Mute { call, .. }
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
        let floor = Floor { socket, web, trunk_ip, config, mux: Mux::default(), calls: HashMap::new() };
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
        let mut random = [0u8; 20];
        getrandom::fill(&mut random).map_err(|_| EngineError::Gone)?;
        let word = |at: usize| u32::from_be_bytes([random[at], random[at + 1], random[at + 2], random[at + 3]]);
        let ssrc = word(0);
        let to_agent = Egress::new(ssrc, word(4) as u16, word(8));
        let to_party = Egress::new(word(12), (word(4) >> 16) as u16, word(16));
        let (sender, receiver) = events::channel(EVENTS);
        let bridge = Box::new(Bridge::new(tap, to_party, to_agent));
        let media = CallMedia { call, commands: self.commands.clone(), alive: Arc::default() };
        let owner = Arc::downgrade(&media.alive);
        media.tell(Command::Open { call, bridge, ssrc, events: sender, owner })?;
        Ok((media, receiver))
    }
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

    /// Opens a port towards the carrier and gives our offer.
    pub async fn trunk_offer(&self) -> Result<String, EngineError> {
        self.ask(|reply| Command::TrunkOffer { call: self.call, reply }).await
    }

    /// Takes the carrier's answer, early or final, or its new offer.
    pub async fn trunk_answer(&self, sdp: String) -> Result<(), EngineError> {
        self.ask(|reply| Command::TrunkAnswer { call: self.call, sdp, reply }).await
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

/// One call on the floor.
struct Slot {
    bridge: Box<Bridge>,
    ssrc: u32,
    web: Option<WebLeg>,
    trunk: Option<TrunkLeg>,
    law: Law,
    events: events::Sender<MediaEvent>,
    owner: Weak<()>,
}

/// The two ends of a call, for the bridge.
struct Ends<'a> {
    now: Instant,
    web: Option<&'a mut WebLeg>,
    trunk: Option<&'a TrunkLeg>,
}

impl Wires for Ends<'_> {
    fn to_party(&mut self, packet: &[u8]) {
        if let Some(trunk) = self.trunk {
            trunk.send(packet);
        }
    }

    fn to_agent(&mut self, head: Head, payload_type: u8, payload: &[u8]) {
        if let Some(web) = &mut self.web {
            web.send(self.now, head, payload_type, payload);
        }
    }
}

struct Floor {
    socket: UdpSocket,
    web: SocketAddr,
    trunk_ip: IpAddr,
    config: EngineConfig,
    mux: Mux,
    calls: HashMap<u64, Slot>,
}

/// Time between two sweeps.
const SWEEP: Duration = Duration::from_millis(1);
/// Packets taken from one socket in one sweep, so that none starves the others.
const FAIR: usize = 64;

impl Floor {
    fn run(mut self, inbox: &mpsc::Receiver<Command>) {
        let mut buffer = [0u8; 2048];
        loop {
            if self.calls.is_empty() {
                match inbox.recv() {
                    Ok(command) => self.take(command),
                    Err(_) => return,
                }
            }
            let begun = Instant::now();
            loop {
                match inbox.try_recv() {
                    Ok(command) => self.take(command),
                    Err(mpsc::TryRecvError::Disconnected) if self.calls.is_empty() => return,
                    Err(_) => break,
                }
            }
            self.browsers(&mut buffer);
            self.sweep(&mut buffer);
            thread::sleep(SWEEP.saturating_sub(begun.elapsed()));
        }
    }

    /// Every call's turn. Who dropped his call, or broke, is gone after it.
    fn sweep(&mut self, buffer: &mut [u8]) {
        let unix_ms = (self.config.unix_ms)();
        let mut over = Vec::new();
        for (call, slot) in &mut self.calls {
            let owned = slot.owner.strong_count() > 0;
            if !owned || guarded(*call, || slot.sweep(&self.socket, unix_ms, buffer)).is_none() {
                over.push(*call);
            }
        }
        for call in over {
            self.end(call);
        }
    }

    fn take(&mut self, command: Command) {
        let call = command.call();
        if guarded(call, || self.command(command)).is_none() {
            self.end(call);
        }
    }

    /// Takes a call from the floor; its events end with it.
    fn end(&mut self, call: u64) -> Option<Summary> {
        self.mux.remove(call);
        let mut slot = self.calls.remove(&call)?;
        guarded(call, || {
            let now = Instant::now();
            if let Some(web) = &mut slot.web {
                web.close(now, &self.socket);
            }
            slot.bridge.close(now)
        })
    }

    fn browsers(&mut self, buffer: &mut [u8]) {
        for _ in 0..FAIR * self.calls.len().max(1) {
            let Ok((len, from)) = self.socket.recv_from(buffer) else { return };
            let Some(call) = self.mux.find(from, &buffer[..len]) else { continue };
            if let Some(web) = self.calls.get_mut(&call).and_then(|slot| slot.web.as_mut())
                && guarded(call, || web.datagram(Instant::now(), from, &buffer[..len])).is_none()
            {
                self.end(call);
            }
        }
    }

    fn command(&mut self, command: Command) {
        let now = Instant::now();
        match command {
            Command::Open { call, bridge, ssrc, events, owner } => {
                let slot = Slot { bridge, ssrc, web: None, trunk: None, law: Law::Pcma, events, owner };
                self.calls.insert(call, slot);
            }
            Command::BrowserOffer { call, sdp, reply } => {
                let _ = reply.send(self.browser_offer(now, call, &sdp));
            }
            Command::TrunkOffer { call, reply } => {
                let _ = reply.send(self.trunk_offer(call));
            }
            Command::TrunkAnswer { call, sdp, reply } => {
                let _ = reply.send(self.trunk_answer(call, &sdp));
            }
            Command::Early { call } => {
                if let Some(slot) = self.calls.get_mut(&call) {
                    slot.bridge.early(now);
                }
            }
            Command::RingBack { call, tone } => {
                if let Some(slot) = self.calls.get_mut(&call) {
                    slot.bridge.ring_back(now, tone);
                }
            }
            Command::Announce { call, cue, prompt } => {
                let unix_ms = (self.config.unix_ms)();
                if let Some(slot) = self.calls.get_mut(&call) {
                    slot.bridge.announce(now, unix_ms, cue, prompt);
                }
            }
            Command::Rest { call, rest } => {
                let unix_ms = (self.config.unix_ms)();
                if let Some(slot) = self.calls.get_mut(&call) {
                    slot.bridge.rest(now, unix_ms, rest);
                }
            }
            Command::Hush { call } => {
                if let Some(slot) = self.calls.get_mut(&call) {
                    slot.bridge.hush();
                }
            }
            Command::Digits { call, digits, reply } => {
                let sent = self.calls.get_mut(&call).ok_or(EngineError::Gone);
                let _ = reply
                    .send(sent.and_then(|slot| slot.bridge.digits(&digits).then_some(()).ok_or(EngineError::NoKeys)));
            }
            Command::Mute { call, on } => {
                if let Some(slot) = self.calls.get_mut(&call) {
                    slot.bridge.mute(on);
                }
            }
            Command::Close { call, reply } => {
                let _ = reply.send(self.end(call).ok_or(EngineError::Gone));
            }
        }
    }

    fn browser_offer(&mut self, now: Instant, call: u64, sdp: &str) -> Result<String, EngineError> {
        let slot = self.calls.get_mut(&call).ok_or(EngineError::Gone)?;
        let (leg, answer, ufrag, law) = WebLeg::accept(now, sdp, self.web, slot.ssrc)?;
        self.mux.remove(call);
        self.mux.add(ufrag, call);
        if let Some(mut old) = slot.web.replace(leg) {
            old.close(now, &self.socket);
        }
        slot.law = law;
        slot.bridge.agent_speaks(law);
        Ok(answer)
    }

    fn trunk_offer(&mut self, call: u64) -> Result<String, EngineError> {
        let slot = self.calls.get_mut(&call).ok_or(EngineError::Gone)?;
        let trunk = TrunkLeg::bind(self.config.trunk_bind, &self.config.trunk_ports).map_err(EngineError::Port)?;
        let sdp = sdp::offer(call, SocketAddr::new(self.trunk_ip, trunk.port()), slot.law);
        slot.trunk = Some(trunk);
        Ok(sdp)
    }

    fn trunk_answer(&mut self, call: u64, sdp: &str) -> Result<(), EngineError> {
        let slot = self.calls.get_mut(&call).ok_or(EngineError::Gone)?;
        let remote = Remote::parse(sdp)?;
        if let Some(trunk) = &mut slot.trunk {
            if !trunk.reaches(remote.address) {
                return Err(SdpError::NoAddress.into());
            }
            trunk.set_remote(remote);
        }
        slot.bridge.party_speaks(remote.law, remote.events);
        slot.bridge.party_listens(remote.listens);
        Ok(())
    }
}

impl Slot {
    fn sweep(&mut self, socket: &UdpSocket, unix_ms: i64, buffer: &mut [u8]) {
        let now = Instant::now();
        let mut stirred = false;
        if let Some(web) = &mut self.web
            && web.turn(now)
        {
            stirred = true;
            while let Some(news) = web.news() {
                let event = match news {
                    WebNews::Connected => {
                        self.bridge.agent_connected(now);
                        MediaEvent::BrowserConnected
                    }
                    WebNews::Lost => MediaEvent::BrowserLost,
                };
                let _ = self.events.try_send(event);
            }
            while let Some(packet) = web.packet() {
                let view = View {
                    ssrc: packet.header.ssrc,
                    seq: packet.header.sequence_number,
                    timestamp: packet.header.timestamp,
                    payload_type: packet.header.payload_type,
                    marker: packet.header.marker,
                    payload: &packet.payload,
                };
                let mut ends = Ends { now, web: None, trunk: self.trunk.as_ref() };
                self.bridge.from_agent(now, &view, &mut ends);
            }
        }
        for _ in 0..FAIR {
            let Some(trunk) = self.trunk.as_mut() else { break };
            let len = match trunk.receive(now, buffer) {
                Received::Packet(len) => len,
                Received::Foreign => continue,
                Received::Nothing => break,
            };
            let Ok(reader) = RtpReader::new(&buffer[..len]) else { continue };
            let view = View {
                ssrc: reader.ssrc(),
                seq: reader.sequence_number().into(),
                timestamp: reader.timestamp(),
                payload_type: reader.payload_type(),
                marker: reader.mark(),
                payload: reader.payload(),
            };
            let mut ends = Ends { now, web: self.web.as_mut(), trunk: self.trunk.as_ref() };
            self.bridge.from_party(now, unix_ms, &view, &mut ends);
            stirred = true;
        }
        let mut ends = Ends { now, web: self.web.as_mut(), trunk: self.trunk.as_ref() };
        self.bridge.tick(now, &mut ends);
        while let Some(event) = self.bridge.news() {
            let _ = self.events.try_send(event);
            stirred = true;
        }
        if let Some(web) = &mut self.web
            && (stirred || web.has_unsent())
        {
            web.flush(now, socket);
        }
    }
}

/// One call's turn. What panics in it must end this call and no other.
fn guarded<T>(call: u64, turn: impl FnOnce() -> T) -> Option<T> {
    let done = catch_unwind(AssertUnwindSafe(turn));
    if done.is_err() {
        tracing::error!(media = call, "the sound of a call broke and ends");
    }
    done.ok()
}
