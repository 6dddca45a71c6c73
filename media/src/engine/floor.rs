//! The media thread: all sockets of all calls, swept every millisecond.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr, UdpSocket},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Weak, mpsc},
    thread,
    time::{Duration, Instant},
};

use rtp_rs::RtpReader;
use tokio::sync::mpsc as events;

use super::{Command, EngineConfig, EngineError};
use crate::{
    Law,
    bridge::{Bridge, MediaEvent, Summary, View, Wires},
    egress::Head,
    sdp::{self, Remote, SdpError},
    trunk::{Received, TrunkLeg},
    web::{Mux, WebLeg, WebNews},
};

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

pub(super) struct Floor {
    socket: UdpSocket,
    web: SocketAddr,
    trunk_ip: IpAddr,
    config: EngineConfig,
    mux: Mux,
    calls: HashMap<u64, Slot>,
}

/// Time between two sweeps.
pub(super) const SWEEP: Duration = Duration::from_millis(1);
/// Packets taken from one socket in one sweep, so that none starves the others.
const FAIR: usize = 64;

impl Floor {
    /// The thread's own; `web` and `trunk_ip` are what browsers and carrier are told.
    pub(super) fn new(config: EngineConfig, socket: UdpSocket, web: SocketAddr, trunk_ip: IpAddr) -> Self {
        Self { socket, web, trunk_ip, config, mux: Mux::default(), calls: HashMap::new() }
    }

    /// Sweeps until the last handle and the last call are gone.
    pub(super) fn run(mut self, inbox: &mpsc::Receiver<Command>) {
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
            Command::TrunkOffered { call, sdp, reply } => {
                let _ = reply.send(self.trunk_offered(call, &sdp));
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

    fn trunk_offered(&mut self, call: u64, offer: &str) -> Result<String, EngineError> {
        let slot = self.calls.get_mut(&call).ok_or(EngineError::Gone)?;
        let trunk = match slot.trunk.take() {
            Some(trunk) => trunk,
            None => TrunkLeg::bind(self.config.trunk_bind, &self.config.trunk_ports).map_err(EngineError::Port)?,
        };
        let port = trunk.port();
        slot.trunk = Some(trunk);
        let (_, answer) = sdp::answer(call, SocketAddr::new(self.trunk_ip, port), offer)?;
        self.trunk_answer(call, offer)?;
        Ok(answer)
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
                match news {
                    WebNews::Connected => self.bridge.agent_connected(now),
                    WebNews::Lost => self.bridge.agent_lost(),
                }
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
        // What the owner has no room for waits: the end of an announcement is never lost.
        while self.bridge.has_news() {
            let Ok(room) = self.events.try_reserve() else { break };
            if let Some(event) = self.bridge.news() {
                room.send(event);
            }
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
