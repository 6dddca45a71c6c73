//! Whom a call is passed on to (R4.1a). While the agent speaks to him, the party hears what
//! stands on the stage, and nothing of it reaches the party or the recording. Then he takes
//! the agent's place: the party's stream and the recording go on as they are.

use std::{sync::Arc, time::Instant};

use super::{Bridge, LARGEST, MediaEvent, Mode, RingBack, View, Wires, flow::convert};
use crate::{Law, Prompt, egress::Egress, timeline::LEFT, watch::AWAY};

/// Whom the call is passed on to.
pub(super) struct Target {
    law: Law,
    to: Egress,
    phone: bool,
    /// His browser's leg is up: it was heard last then.
    heard_at: Option<Instant>,
}

/// What the agent hears, and who hears him, instead of the party.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aside {
    /// The party, as ever.
    None,
    /// He hears that the target rings, and nobody hears him.
    Ringing,
    /// He and the target hear each other.
    Talking,
}

impl Bridge {
    /// Somebody stands beside the call: a browser that speaks this law, or a desk phone that
    /// has not said so yet. Nobody hears him.
    pub fn target(&mut self, to: Egress, law: Law, phone: bool) {
        self.target = Some(Target { law, to, phone, heard_at: None });
    }

    /// What was negotiated with his desk phone.
    pub fn target_speaks(&mut self, law: Law) {
        if let Some(target) = &mut self.target {
            target.law = law;
        }
    }

    /// His browser's leg is up; from here on its packets are missed when they stop.
    pub fn target_connected(&mut self, now: Instant) {
        if let Some(target) = &mut self.target {
            target.heard_at = Some(now);
        }
        self.news.push_back(MediaEvent::TargetConnected);
    }

    /// His browser's leg is gone.
    pub fn target_lost(&mut self) {
        self.news.push_back(MediaEvent::TargetLost);
    }

    /// A page that is closed says no goodbye that comes at once.
    pub(super) fn miss_target(&mut self, now: Instant) {
        if let Some(target) = &mut self.target
            && target.heard_at.is_some_and(|at| now.saturating_duration_since(at) >= AWAY)
        {
            target.heard_at = None;
            self.target_lost();
        }
    }

    /// The agent hears this over and over instead of the party, and nobody hears him.
    pub fn ring_agent(&mut self, now: Instant, tone: Arc<Prompt>) {
        if self.mode == Mode::Open {
            self.aside = Aside::Ringing;
            self.ring_back = Some(RingBack { tone, at: 0 });
            self.next_tick.get_or_insert(now);
        }
    }

    /// The agent and the target hear each other, and nobody else hears them.
    pub fn consult(&mut self) {
        if self.target.is_some() {
            self.aside = Aside::Talking;
            self.ring_back = None;
        }
    }

    /// The target takes the agent's place, and hears and is heard as the agent would be.
    pub fn hand_over(&mut self, now: Instant) {
        let Some(Target { law, to, phone, .. }) = self.target.take() else { return };
        (self.agent_law, self.to_agent) = (law, to);
        self.agent_at = None;
        self.timeline.another_source(LEFT);
        self.keys_out.cut();
        self.mix.clear();
        self.watch.agent_replaced(now, phone);
        self.end_aside();
        self.news.push_back(MediaEvent::HandedOver { frame: self.frame(now) });
    }

    /// The target is gone, and the agent hears the party again.
    pub fn drop_target(&mut self) {
        self.target = None;
        self.end_aside();
    }

    fn end_aside(&mut self) {
        if std::mem::replace(&mut self.aside, Aside::None) != Aside::None {
            self.ring_back = None;
            // What the party said before is not heard now.
            self.mix.clear();
        }
    }

    /// A packet of the target.
    pub fn from_target(&mut self, now: Instant, packet: &View<'_>, wires: &mut impl Wires) {
        if let Some(heard_at) = self.target.as_mut().and_then(|target| target.heard_at.as_mut()) {
            *heard_at = now;
        }
        let Some(law) = self.spoken_aside(packet) else { return };
        let head = self.to_agent.relay(now, packet.ssrc, packet.seq, packet.timestamp);
        let mut octets = [0u8; LARGEST];
        let octets = &mut octets[..packet.payload.len()];
        convert(law, self.agent_law, packet.payload, octets);
        wires.to_agent(head, self.agent_law.payload_type(), octets);
    }

    /// A packet of the agent while he does not speak to the party.
    pub(super) fn speak_aside(&mut self, now: Instant, packet: &View<'_>, wires: &mut impl Wires) {
        let Some(law) = self.spoken_aside(packet) else { return };
        let Some(target) = &mut self.target else { return };
        let head = target.to.relay(now, packet.ssrc, packet.seq, packet.timestamp);
        let mut octets = [0u8; LARGEST];
        let octets = &mut octets[..packet.payload.len()];
        if self.muted {
            octets.fill(target.law.silence());
        } else {
            convert(law, target.law, packet.payload, octets);
        }
        wires.to_target(head, target.law.payload_type(), octets);
    }

    /// The law of a packet that is heard aside; keys are none.
    fn spoken_aside(&self, packet: &View<'_>) -> Option<Law> {
        let sound = self.aside == Aside::Talking && !packet.payload.is_empty() && packet.payload.len() <= LARGEST;
        sound.then(|| Law::of(packet.payload_type)).flatten()
    }
}
