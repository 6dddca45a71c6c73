//! One call on the floor: its legs, and its turn in each sweep.

use std::{net::UdpSocket, sync::Weak, time::Instant};

use rtp_rs::RtpReader;
use tokio::sync::mpsc as events;

use super::floor::FAIR;
use crate::{
    Law,
    bridge::{Bridge, LARGEST, MediaEvent, View, Wires, packed},
    egress::Head,
    rtp::{Received, RtpLeg},
    web::{WebLeg, WebNews},
};

/// A leg within the house: the agent's, or that of whom the call is passed on to.
pub(super) enum Inner {
    /// A browser, and its number among all browsers' legs.
    Browser(Box<WebLeg>, u64),
    /// A desk phone.
    Phone(RtpLeg),
}

/// What a leg within the house brings.
enum Heard<'a> {
    News(WebNews),
    Packet(View<'a>),
}

impl Inner {
    /// Its turn in a sweep; true when something came.
    fn turn(&mut self, now: Instant, buffer: &mut [u8], mut heard: impl FnMut(Heard<'_>)) -> bool {
        match self {
            Self::Browser(web, _) => {
                if !web.turn(now) {
                    return false;
                }
                while let Some(news) = web.news() {
                    heard(Heard::News(news));
                }
                while let Some(packet) = web.packet() {
                    heard(Heard::Packet(View {
                        ssrc: packet.header.ssrc,
                        seq: packet.header.sequence_number,
                        timestamp: packet.header.timestamp,
                        payload_type: packet.header.payload_type,
                        marker: packet.header.marker,
                        payload: &packet.payload,
                    }));
                }
                true
            }
            Self::Phone(leg) => receive(leg, now, buffer, |view, expected| {
                if expected {
                    heard(Heard::Packet(view));
                }
            }),
        }
    }

    fn send(&mut self, now: Instant, head: Head, payload_type: u8, payload: &[u8]) {
        match self {
            Self::Browser(web, _) => web.send(now, head, payload_type, payload),
            Self::Phone(leg) => {
                let mut packet = [0u8; LARGEST + 12];
                if let Some(len) = packed(head, payload_type, payload, &mut packet) {
                    leg.send(&packet[..len]);
                }
            }
        }
    }

    fn flush(&mut self, now: Instant, socket: &UdpSocket, stirred: bool) {
        if let Self::Browser(web, _) = self
            && (stirred || web.has_unsent())
        {
            web.flush(now, socket);
        }
    }

    /// Says goodbye to a browser.
    pub(super) fn close(&mut self, now: Instant, socket: &UdpSocket) {
        if let Self::Browser(web, _) = self {
            web.close(now, socket);
        }
    }
}

/// Whom the call is passed on to.
pub(super) struct Target {
    pub(super) inner: Inner,
    /// The stream that he gets.
    pub(super) ssrc: u32,
    pub(super) law: Law,
}

/// One call on the floor.
pub(super) struct Slot {
    pub(super) bridge: Box<Bridge>,
    /// The stream that the agent gets.
    pub(super) ssrc: u32,
    pub(super) agent: Option<Inner>,
    pub(super) target: Option<Target>,
    pub(super) supervisor: Option<Inner>,
    pub(super) trunk: Option<RtpLeg>,
    /// The agent's.
    pub(super) law: Law,
    /// What may be spoken with the carrier, in order; empty: both, the agent's first.
    pub(super) allowed: Vec<Law>,
    events: events::Sender<MediaEvent>,
    pub(super) owner: Weak<()>,
}

/// The ends of a call, for the bridge.
struct Ends<'a> {
    now: Instant,
    agent: Option<&'a mut Inner>,
    target: Option<&'a mut Target>,
    supervisor: Option<&'a mut Inner>,
    trunk: Option<&'a RtpLeg>,
}

impl Wires for Ends<'_> {
    fn to_party(&mut self, packet: &[u8]) {
        if let Some(trunk) = self.trunk {
            trunk.send(packet);
        }
    }

    fn to_agent(&mut self, head: Head, payload_type: u8, payload: &[u8]) {
        if let Some(agent) = &mut self.agent {
            agent.send(self.now, head, payload_type, payload);
        }
    }

    fn to_target(&mut self, head: Head, payload_type: u8, payload: &[u8]) {
        if let Some(target) = &mut self.target {
            target.inner.send(self.now, head, payload_type, payload);
        }
    }

    fn to_supervisor(&mut self, head: Head, payload_type: u8, payload: &[u8]) {
        if let Some(supervisor) = &mut self.supervisor {
            supervisor.send(self.now, head, payload_type, payload);
        }
    }
}

impl Slot {
    pub(super) fn new(bridge: Box<Bridge>, ssrc: u32, events: events::Sender<MediaEvent>, owner: Weak<()>) -> Self {
        Self {
            bridge,
            ssrc,
            agent: None,
            target: None,
            supervisor: None,
            trunk: None,
            law: Law::Pcma,
            allowed: Vec::new(),
            events,
            owner,
        }
    }

    /// What may be spoken with the carrier, in order.
    pub(super) fn trunk_laws(&self) -> Vec<Law> {
        if self.allowed.is_empty() { self.law.first().to_vec() } else { self.allowed.clone() }
    }

    /// Somebody is the target from here on; who was it before.
    pub(super) fn seat(&mut self, inner: Inner, ssrc: u32, law: Law) -> Option<Inner> {
        self.target.replace(Target { inner, ssrc, law }).map(|old| old.inner)
    }

    /// The browser's leg of this number.
    pub(super) fn browser(&mut self, leg: u64) -> Option<&mut WebLeg> {
        let target = self.target.as_mut().map(|target| &mut target.inner);
        self.agent.as_mut().into_iter().chain(target).chain(&mut self.supervisor).find_map(|inner| match inner {
            Inner::Browser(web, number) if *number == leg => Some(&mut **web),
            _ => None,
        })
    }

    /// Says goodbye to every browser.
    pub(super) fn close(&mut self, now: Instant, socket: &UdpSocket) {
        let target = self.target.as_mut().map(|target| &mut target.inner);
        for inner in self.agent.as_mut().into_iter().chain(target).chain(&mut self.supervisor) {
            inner.close(now, socket);
        }
    }

    pub(super) fn sweep(&mut self, socket: &UdpSocket, unix_ms: i64, buffer: &mut [u8]) {
        let now = Instant::now();
        let Self { bridge, agent, target, supervisor, trunk, .. } = self;
        let mut stirred = false;
        if let Some(inner) = agent {
            stirred |= inner.turn(now, buffer, |heard| match heard {
                Heard::News(WebNews::Connected) => bridge.agent_connected(now),
                Heard::News(WebNews::Lost) => bridge.agent_lost(),
                Heard::Packet(view) => {
                    let (target, supervisor) = (target.as_mut(), supervisor.as_mut());
                    let mut ends = Ends { now, agent: None, target, supervisor, trunk: trunk.as_ref() };
                    bridge.from_agent(now, &view, &mut ends);
                }
            });
        }
        if let Some(Target { inner, .. }) = target {
            stirred |= inner.turn(now, buffer, |heard| match heard {
                Heard::News(WebNews::Connected) => bridge.target_connected(now),
                Heard::News(WebNews::Lost) => bridge.target_lost(),
                Heard::Packet(view) => {
                    let (agent, supervisor) = (agent.as_mut(), supervisor.as_mut());
                    let mut ends = Ends { now, agent, target: None, supervisor, trunk: trunk.as_ref() };
                    bridge.from_target(now, &view, &mut ends);
                }
            });
        }
        if let Some(inner) = supervisor {
            stirred |= inner.turn(now, buffer, |heard| match heard {
                Heard::News(WebNews::Connected) => bridge.supervisor_connected(),
                Heard::News(WebNews::Lost) => bridge.supervisor_lost(),
                Heard::Packet(view) => {
                    let (agent, target) = (agent.as_mut(), target.as_mut());
                    let mut ends = Ends { now, agent, target, supervisor: None, trunk: trunk.as_ref() };
                    bridge.from_supervisor(now, &view, &mut ends);
                }
            });
        }
        if let Some(leg) = trunk {
            stirred |= receive(leg, now, buffer, |view, _| {
                let (agent, target, supervisor) = (agent.as_mut(), target.as_mut(), supervisor.as_mut());
                let mut ends = Ends { now, agent, target, supervisor, trunk: None };
                bridge.from_party(now, unix_ms, &view, &mut ends);
            });
        }
        let (house, beside) = (agent.as_mut(), target.as_mut());
        let mut ends =
            Ends { now, agent: house, target: beside, supervisor: supervisor.as_mut(), trunk: trunk.as_ref() };
        bridge.tick(now, &mut ends);
        // What the owner has no room for waits: the end of an announcement is never lost.
        while bridge.has_news() {
            let Ok(room) = self.events.try_reserve() else { break };
            if let Some(event) = bridge.news() {
                room.send(event);
            }
        }
        let target = target.as_mut().map(|target| &mut target.inner);
        for inner in agent.as_mut().into_iter().chain(target).chain(supervisor) {
            inner.flush(now, socket, stirred);
        }
    }
}

/// Takes what came on a leg of plain RTP, and whether its type was agreed; true when something
/// did.
fn receive(leg: &mut RtpLeg, now: Instant, buffer: &mut [u8], mut heard: impl FnMut(View<'_>, bool)) -> bool {
    let mut stirred = false;
    for _ in 0..FAIR {
        let len = match leg.receive(now, buffer) {
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
        heard(view, leg.expects(view.payload_type));
        stirred = true;
    }
    stirred
}
