//! The media thread: all sockets of all calls, swept every millisecond.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr, UdpSocket},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use super::{Command, EngineConfig, EngineError, slot::Slot};
use crate::{bridge::Summary, web::Mux};

pub(super) struct Floor {
    pub(super) socket: UdpSocket,
    pub(super) web: SocketAddr,
    pub(super) trunk_ip: IpAddr,
    pub(super) config: EngineConfig,
    pub(super) mux: Mux,
    pub(super) calls: HashMap<u64, Slot>,
    /// Browsers' legs so far.
    pub(super) legs: u64,
}

/// Time between two sweeps.
pub(super) const SWEEP: Duration = Duration::from_millis(1);
/// Packets taken from one socket in one sweep, so that none starves the others.
pub(super) const FAIR: usize = 64;

impl Floor {
    /// The thread's own; `web` and `trunk_ip` are what browsers and carrier are told.
    pub(super) fn new(config: EngineConfig, socket: UdpSocket, web: SocketAddr, trunk_ip: IpAddr) -> Self {
        Self { socket, web, trunk_ip, config, mux: Mux::default(), calls: HashMap::new(), legs: 0 }
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
        self.mux.remove_call(call);
        let mut slot = self.calls.remove(&call)?;
        guarded(call, || {
            let now = Instant::now();
            slot.close(now, &self.socket);
            slot.bridge.close(now)
        })
    }

    fn browsers(&mut self, buffer: &mut [u8]) {
        for _ in 0..FAIR * self.calls.len().max(1) {
            let Ok((len, from)) = self.socket.recv_from(buffer) else { return };
            let Some(door) = self.mux.find(from, &buffer[..len]) else { continue };
            if let Some(web) = self.calls.get_mut(&door.call).and_then(|slot| slot.browser(door.leg))
                && guarded(door.call, || web.datagram(Instant::now(), from, &buffer[..len])).is_none()
            {
                self.end(door.call);
            }
        }
    }

    fn command(&mut self, command: Command) {
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
            Command::TrunkOffer { call, reply } => {
                let _ = reply.send(self.trunk_offer(call));
            }
            Command::TrunkOffered { call, sdp, reply } => {
                let _ = reply.send(self.trunk_offered(call, &sdp));
            }
            Command::TrunkAnswer { call, sdp, reply } => {
                let _ = reply.send(self.trunk_answer(call, &sdp));
            }
            Command::TrunkMoved { call, sdp, reply } => {
                let _ = reply.send(self.trunk_moved(call, &sdp));
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
            Command::TargetBrowser { call, to, sdp, reply } => {
                let _ = reply.send(self.target_browser(now, call, to, &sdp));
            }
            Command::PhoneOffer { call, to, reply } => {
                let _ = reply.send(self.phone_offer(now, call, to));
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
