//! One media thread: all sockets of its calls, of which those that have something are swept
//! every millisecond.
//!
//! While a call is up the thread never waits for a socket: waking up for each packet is what
//! relaying costs. Without a call it sleeps until an order comes.

use std::{
    collections::HashMap,
    net::SocketAddr,
    os::fd::AsFd,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use rtc::shared::TransportProtocol;

use super::{
    Command, EngineError, UnixMs,
    measure::Measure,
    poll::{Bell, Look, Poll},
    slot::Slot,
    told::Told,
};
use crate::{
    bridge::Summary,
    rtp::{Line, Ports},
    web::{Door, Mux, Passage, Places, Shore},
};

pub(super) struct Floor {
    /// Which thread this is.
    pub(super) number: usize,
    unix_ms: UnixMs,
    pub(super) shore: Shore,
    /// What browsers are told.
    pub(super) places: Places,
    /// What carriers and desk phones are told.
    pub(super) told: Told,
    pub(super) ports: Ports,
    pub(super) mux: Mux,
    pub(super) calls: HashMap<u64, Slot>,
    /// Browsers' legs so far, and legs of plain RTP.
    pub(super) legs: u64,
    plain_legs: u32,
    neighbours: Vec<Neighbour>,
    noted: mpsc::Receiver<Note>,
    gossip: mpsc::Receiver<Gossip>,
    poll: Option<(Poll, Bell, Arc<Measure>)>,
    datagrams: u64,
}

/// Another thread.
#[derive(Debug, Clone)]
pub(super) struct Neighbour {
    pub(super) notes: mpsc::SyncSender<Note>,
    /// Bounded by the legs that there are.
    pub(super) gossip: mpsc::Sender<Gossip>,
}

/// A browser's datagram for the thread that has its call.
#[derive(Debug)]
pub(super) struct Note {
    door: Door,
    from: SocketAddr,
    len: usize,
    octets: [u8; LONGEST_NOTE],
}

/// What threads tell each other.
#[derive(Debug)]
pub(super) enum Gossip {
    /// A browser's leg has this user name.
    Door(String, Door),
    /// It is gone.
    Leg(u64),
    /// Every leg of this call is gone.
    Call(u64),
    /// A browser's connection, and whose it is.
    Passage(Passage),
}

/// Time between two sweeps.
pub(super) const SWEEP: Duration = Duration::from_millis(1);
/// Packets taken from one socket in one sweep, so that none starves the others.
pub(super) const FAIR: usize = 64;
/// A datagram of a browser is no longer.
const LONGEST_NOTE: usize = 1_500;

/// What the poll tells of: the first two bits say what it is.
const BELL: u64 = 0;
const UDP: u64 = 1;
const LISTENER: u64 = 2;
const CONNECTION: u64 = 1 << 62;
const PLAIN: u64 = 2 << 62;
/// Legs of plain RTP of one thread have numbers below this.
const NUMBERS: u32 = 1 << 20;

/// Of a leg of plain RTP: the call, the leg, and whether it is the port of its control.
fn plain(call: u64, leg: u32, control: bool) -> u64 {
    PLAIN | (call & ((1 << 41) - 1)) << 21 | u64::from(leg % NUMBERS) << 1 | u64::from(control)
}

impl Floor {
    pub(super) fn new(number: usize, unix_ms: UnixMs, shore: Shore, places: Places, told: Told, ports: Ports) -> Self {
        Self {
            number,
            unix_ms,
            shore,
            places,
            told,
            ports,
            mux: Mux::default(),
            calls: HashMap::new(),
            legs: (number as u64) << 48,
            plain_legs: 0,
            neighbours: Vec::new(),
            noted: mpsc::sync_channel(0).1,
            gossip: mpsc::channel().1,
            poll: None,
            datagrams: 0,
        }
    }

    /// With these other threads, itself among them.
    pub(super) fn beside(
        self,
        neighbours: Vec<Neighbour>,
        noted: mpsc::Receiver<Note>,
        gossip: mpsc::Receiver<Gossip>,
    ) -> Self {
        Self { neighbours, noted, gossip, ..self }
    }

    pub(super) fn watched(mut self, poll: Poll, bell: Bell, measure: Arc<Measure>) -> std::io::Result<Self> {
        poll.add(bell.watched(), BELL)?;
        poll.add(self.shore.udp.as_fd(), UDP)?;
        if let Some(lines) = &self.shore.tcp {
            poll.add(lines.listener().as_fd(), LISTENER)?;
        }
        self.poll = Some((poll, bell, measure));
        Ok(self)
    }

    /// Sweeps until the last handle and the last call are gone.
    pub(super) fn run(mut self, inbox: &mpsc::Receiver<Command>) {
        let Some((poll, bell, measure)) = self.poll.take() else { return };
        let mut buffer = [0u8; 2048];
        let mut look = Look::new();
        let mut wanted = true;
        loop {
            let asleep = self.calls.is_empty();
            if asleep {
                measure.asleep();
            }
            poll.look(asleep, &mut look);
            let begun = Instant::now();
            if look.ready.contains(&BELL) {
                bell.hush();
                wanted = self.orders(inbox, &poll);
            }
            self.listen_to_neighbours(begun, &poll, &measure);
            for token in &look.ready {
                self.read(*token, begun, &poll, &measure, &mut buffer);
            }
            self.turns(begun);
            // The bell rings no more: who sleeps now sleeps for ever.
            if !wanted && self.calls.is_empty() {
                return;
            }
            if let Some(lines) = &mut self.shore.tcp {
                lines.tick(begun);
            }
            let took = begun.elapsed();
            if !self.calls.is_empty() {
                measure.swept(took, std::mem::take(&mut self.datagrams), self.calls.len());
            }
            // Asleep too: who floods the port must not keep it awake.
            thread::sleep(SWEEP.saturating_sub(took));
        }
    }

    /// Takes what was ordered; false when nobody is left to order anything.
    fn orders(&mut self, inbox: &mpsc::Receiver<Command>, poll: &Poll) -> bool {
        loop {
            match inbox.try_recv() {
                Ok(command) => self.take(command, poll),
                Err(mpsc::TryRecvError::Disconnected) => return false,
                Err(mpsc::TryRecvError::Empty) => return true,
            }
        }
    }

    fn read(&mut self, token: u64, now: Instant, poll: &Poll, measure: &Measure, buffer: &mut [u8]) {
        match token {
            BELL => {}
            UDP => self.browsers(now, measure, buffer),
            LISTENER => {
                if let Some(lines) = &mut self.shore.tcp {
                    lines.accept(now, |stream, id| poll.add(stream.as_fd(), CONNECTION | u64::from(id)));
                }
            }
            token if token & PLAIN == 0 => self.connection(now, (token & u64::from(u32::MAX)) as u32),
            token => {
                let (call, leg) = (token >> 21 & ((1 << 41) - 1), (token >> 1) as u32 % NUMBERS);
                let unix_ms = (self.unix_ms)();
                let Some(slot) = self.calls.get_mut(&call) else { return };
                let turn = || slot.plain(leg, token & 1 == 1, now, unix_ms, buffer);
                match guarded(call, turn) {
                    Some(datagrams) => self.datagrams += datagrams,
                    None => drop(self.end(call)),
                }
            }
        }
    }

    /// Every call's turn that is due. Who dropped his call, or broke, is gone after it.
    fn turns(&mut self, now: Instant) {
        let mut over: Option<u64> = None;
        for (call, slot) in &mut self.calls {
            if !slot.is_due(now) {
                continue;
            }
            let owned = slot.owner.strong_count() > 0;
            if !owned || guarded(*call, || slot.turn(now, &mut self.shore)).is_none() {
                over = Some(*call);
            }
        }
        // One in a sweep: each has many turns.
        if let Some(call) = over {
            self.end(call);
        }
    }

    fn take(&mut self, command: Command, poll: &Poll) {
        let call = command.call();
        if guarded(call, || self.command(command, poll)).is_none() {
            self.end(call);
        } else if let Some(slot) = self.calls.get_mut(&call) {
            slot.ordered();
        }
    }

    /// Takes a call from the floor; its events end with it.
    fn end(&mut self, call: u64) -> Option<Summary> {
        self.mux.remove_call(call);
        self.tell(|| Gossip::Call(call));
        let mut slot = self.calls.remove(&call)?;
        let (ports, shore) = (&mut self.ports, &mut self.shore);
        guarded(call, || {
            let now = Instant::now();
            slot.close(now, ports, shore);
            slot.summary(now)
        })
    }

    /// Tells every other thread.
    pub(super) fn tell(&self, gossip: impl Fn() -> Gossip) {
        for (number, neighbour) in self.neighbours.iter().enumerate() {
            if number != self.number {
                let _ = neighbour.gossip.send(gossip());
            }
        }
    }

    fn listen_to_neighbours(&mut self, now: Instant, poll: &Poll, measure: &Measure) {
        if self.neighbours.is_empty() {
            return;
        }
        while let Ok(gossip) = self.gossip.try_recv() {
            match gossip {
                Gossip::Door(ufrag, door) => self.mux.add(ufrag, door),
                Gossip::Leg(leg) => self.mux.remove(leg),
                Gossip::Call(call) => self.mux.remove_call(call),
                Gossip::Passage(passage) => {
                    let Some(lines) = &mut self.shore.tcp else { continue };
                    let watch =
                        |stream: &std::net::TcpStream, id: u32| poll.add(stream.as_fd(), CONNECTION | u64::from(id));
                    if let Some(id) = lines.take_over(now, passage, watch) {
                        measure.handed_over(true);
                        self.connection(now, id);
                    }
                }
            }
        }
        for _ in 0..FAIR * self.calls.len().max(1) {
            let Ok(Note { door, from, len, octets }) = self.noted.try_recv() else { return };
            self.hand_in(now, door, TransportProtocol::UDP, from, &octets[..len]);
        }
    }

    /// Reads the shared port.
    fn browsers(&mut self, now: Instant, measure: &Measure, buffer: &mut [u8]) {
        for _ in 0..FAIR * self.calls.len().max(1) {
            let Ok((len, from)) = self.shore.udp.recv_from(buffer) else { return };
            self.datagrams += 1;
            let Some(door) = self.mux.find(from, &buffer[..len]) else { continue };
            if door.thread == self.number {
                self.hand_in(now, door, TransportProtocol::UDP, from, &buffer[..len]);
            } else if let (Some(neighbour), true) = (self.neighbours.get(door.thread), len <= LONGEST_NOTE) {
                let mut octets = [0; LONGEST_NOTE];
                octets[..len].copy_from_slice(&buffer[..len]);
                measure.handed_over(neighbour.notes.try_send(Note { door, from, len, octets }).is_ok());
            }
        }
    }

    /// Reads a browser's connection.
    fn connection(&mut self, now: Instant, id: u32) {
        let Some(lines) = &mut self.shore.tcp else { return };
        let (calls, datagrams) = (&mut self.calls, &mut self.datagrams);
        let mut broken = None;
        let passage = lines.read(now, id, &self.mux, self.number, |door, from, datagram| {
            *datagrams += 1;
            let Some(slot) = calls.get_mut(&door.call) else { return };
            if guarded(door.call, || slot.datagram(now, door.leg, TransportProtocol::TCP, from, datagram)).is_none() {
                broken = Some(door.call);
            }
        });
        if let Some(passage) = passage
            && let Some(neighbour) = self.neighbours.get(passage.door.thread)
        {
            let _ = neighbour.gossip.send(Gossip::Passage(passage));
        }
        if let Some(call) = broken {
            self.end(call);
        }
    }

    fn hand_in(&mut self, now: Instant, door: Door, by: TransportProtocol, from: SocketAddr, datagram: &[u8]) {
        let Some(slot) = self.calls.get_mut(&door.call) else { return };
        if guarded(door.call, || slot.datagram(now, door.leg, by, from, datagram)).is_none() {
            self.end(door.call);
        }
    }

    /// A pair of ports for a leg of this call, watched.
    pub(super) fn port(&mut self, call: u64, poll: &Poll) -> Result<Line, EngineError> {
        self.plain_legs = (self.plain_legs + 1) % NUMBERS;
        let number = self.plain_legs;
        let unix_ms = (self.unix_ms)();
        let leg = Line::open(&mut self.ports, Instant::now(), unix_ms, number).map_err(EngineError::Port)?;
        let (sound, control) = leg.sockets();
        poll.add(sound, plain(call, number, false)).map_err(EngineError::Port)?;
        poll.add(control, plain(call, number, true)).map_err(EngineError::Port)?;
        Ok(leg)
    }

    /// A leg of plain RTP is over, and its port rests.
    pub(super) fn port_gone(&mut self, now: Instant, mut leg: Line) {
        leg.close(now);
        self.ports.give_back(now, leg.port());
    }

    fn command(&mut self, command: Command, poll: &Poll) {
        let now = Instant::now();
        match command {
            Command::Open { call, bridge, ssrc, events, owner } => {
                self.calls.insert(call, Slot::new(bridge, ssrc, events, owner));
            }
            Command::BrowserOffer { call, sdp, reply } => {
                let _ = reply.send(self.browser_offer(now, call, &sdp));
            }
            Command::TrunkSpeaks { call, laws } => {
                if let Some(slot) = self.calls.get_mut(&call) {
                    slot.allowed = laws;
                }
            }
            Command::Carrier { call, sound } => {
                if let Some(slot) = self.calls.get_mut(&call) {
                    slot.carrier = sound;
                }
            }
            Command::TrunkOffer { call, reply } => {
                let _ = reply.send(self.trunk_offer(call, poll));
            }
            Command::TrunkOffered { call, sdp, reply } => {
                let _ = reply.send(self.trunk_offered(call, &sdp, poll));
            }
            Command::TrunkAnswer { call, sdp, reply } => {
                let _ = reply.send(self.trunk_answer(call, &sdp));
            }
            Command::TrunkMoved { call, sdp, reply } => {
                let _ = reply.send(self.trunk_moved(call, &sdp));
            }
            Command::ComesIn { call } => {
                if let Some(slot) = self.calls.get_mut(&call) {
                    slot.bridge.comes_in();
                }
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
                let unix_ms = (self.unix_ms)();
                if let Some(slot) = self.calls.get_mut(&call) {
                    slot.bridge.announce(now, unix_ms, cue, prompt);
                }
            }
            Command::Rest { call, rest } => {
                let unix_ms = (self.unix_ms)();
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
            Command::TargetBrowser { call, to, sdp, reply } => {
                let _ = reply.send(self.target_browser(now, call, to, &sdp));
            }
            Command::PhoneOffer { call, to, security, devices, reply } => {
                let _ = reply.send(self.phone_offer(now, call, to, (security, &devices), poll));
            }
            Command::PhoneAnswer { call, sdp, reply } => {
                let _ = reply.send(self.phone_answer(call, &sdp));
            }
            Command::RingAgent { call, tone } => {
                if let Some(slot) = self.calls.get_mut(&call) {
                    slot.bridge.ring_agent(now, tone);
                }
            }
            Command::Consult { call } => {
                if let Some(slot) = self.calls.get_mut(&call) {
                    slot.bridge.consult();
                }
            }
            Command::Join { call } => {
                if let Some(slot) = self.calls.get_mut(&call) {
                    slot.bridge.join();
                }
            }
            Command::HoldTarget { call, on } => {
                if let Some(slot) = self.calls.get_mut(&call) {
                    slot.bridge.hold_target(on);
                }
            }
            Command::HandOver { call } => self.hand_over(now, call),
            Command::DropTarget { call } => self.drop_target(now, call),
            Command::Supervise { call, to, sdp, what, reply } => {
                let _ = reply.send(self.supervise(now, call, to, &sdp, what));
            }
            Command::Supervision { call, what } => {
                if let Some(slot) = self.calls.get_mut(&call) {
                    slot.bridge.supervision(what);
                }
            }
            Command::DropSupervisor { call } => self.drop_supervisor(now, call),
            Command::Close { call, reply } => {
                let _ = reply.send(self.end(call).ok_or(EngineError::Gone));
            }
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
