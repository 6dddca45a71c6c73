//! One call on the floor: its legs, and its turn in each sweep.

use std::{
    net::SocketAddr,
    sync::Weak,
    time::{Duration, Instant},
};

use rtc::shared::TransportProtocol;
use tokio::sync::mpsc as events;

use super::{
    CarrierSound, EVENTS, EngineError,
    floor::FAIR,
    inner::{Heard, Inner},
};
use crate::{
    Law,
    bridge::{Bridge, MediaEvent, Summary, TICK, View, Wires},
    egress::Head,
    quality::{Legs, Moments, Quality},
    rtp::{Line, Ports, Received},
    web::{Shore, WebLeg, WebNews},
};

/// A call with a browser has a turn this long after the last one at the latest: its stack has
/// timers of its own.
const TURN: Duration = Duration::from_millis(4);
/// Who had no turn for this long was kept from it by a machine that stood still.
const STOOD_STILL: Duration = Duration::from_millis(100);
/// Most datagrams that are taken from one socket then, before any of the call's sound leaves.
const KEPT: u64 = 1_024;
/// The quality of a call is told this often.
const MOMENT: Duration = Duration::from_secs(5);
/// What was measured from the beginning on is told with every second of these.
const WHOLE: u32 = 2;

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
    pub(super) trunk: Option<Line>,
    /// The agent's.
    pub(super) law: Law,
    /// What may be spoken with the carrier, in order; empty: both, the agent's first.
    pub(super) allowed: Vec<Law>,
    /// How sound goes to the carrier.
    pub(super) carrier: CarrierSound,
    events: events::Sender<MediaEvent>,
    pub(super) owner: Weak<()>,
    /// Its next turn; none: something came for a browser, or is to be told, and it has one in this
    /// sweep.
    due: Option<Instant>,
    turned: Option<Instant>,
    /// When its quality is told next, and what is to be told.
    moment_due: Option<Instant>,
    moments: Option<Moments>,
    /// What was measured up to the last look, and how many there were.
    measured: Option<Box<Legs>>,
    looks: u32,
    /// Of the legs that had each place before the present one.
    agent_before: Quality,
    agents_before: Vec<Quality>,
    trunk_before: Quality,
    target_before: Option<Quality>,
    supervisor_before: Option<Quality>,
}

/// The ends of a call, for the bridge.
struct Ends<'a> {
    now: Instant,
    agent: Option<&'a mut Inner>,
    target: Option<&'a mut Target>,
    supervisor: Option<&'a mut Inner>,
    trunk: Option<&'a mut Line>,
}

impl Wires for Ends<'_> {
    fn to_party(&mut self, packet: &[u8]) {
        if let Some(trunk) = &mut self.trunk {
            trunk.send(self.now, packet);
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
            carrier: CarrierSound::default(),
            events,
            owner,
            due: None,
            turned: None,
            moment_due: None,
            moments: None,
            measured: None,
            looks: 0,
            agents_before: Vec::new(),
            agent_before: Quality::default(),
            trunk_before: Quality::default(),
            target_before: None,
            supervisor_before: None,
        }
    }

    /// What may be spoken with the carrier, in order.
    pub(super) fn trunk_laws(&self) -> Vec<Law> {
        if self.allowed.is_empty() { self.law.first().to_vec() } else { self.allowed.clone() }
    }

    /// The carrier's leg, secured as its next description is to say.
    pub(super) fn secured_trunk(&mut self) -> Result<&mut Line, EngineError> {
        let trunk = self.trunk.as_mut().ok_or(EngineError::Gone)?;
        trunk.secure(self.carrier.security).map_err(EngineError::Port)?;
        trunk.set_source(self.carrier.source);
        if matches!(self.agent, Some(Inner::Browser(..))) {
            trunk.is_concealed();
        }
        Ok(trunk)
    }

    /// Somebody is the target from here on, or nobody; who was it before.
    pub(super) fn seat(&mut self, target: Option<Target>) -> Option<Inner> {
        let old = std::mem::replace(&mut self.target, target).map(|old| old.inner);
        counted(old, &mut self.target_before)
    }

    /// Somebody supervises from here on, or nobody; who did before.
    pub(super) fn watch(&mut self, supervisor: Option<Inner>) -> Option<Inner> {
        let old = std::mem::replace(&mut self.supervisor, supervisor);
        counted(old, &mut self.supervisor_before)
    }

    /// The browser's leg of this number.
    pub(super) fn browser(&mut self, leg: u64) -> Option<&mut WebLeg> {
        let target = self.target.as_mut().map(|target| &mut target.inner);
        self.agent.as_mut().into_iter().chain(target).chain(&mut self.supervisor).find_map(|inner| match inner {
            Inner::Browser(web, number) if *number == leg => Some(&mut **web),
            _ => None,
        })
    }

    /// Whom the call is passed on to has the agent's place; who had it before is somebody else.
    pub(super) fn pass_on(&mut self, inner: Inner) -> Option<Inner> {
        let old = self.agent.replace(inner);
        if let Some(old) = &old {
            let had = old.quality().after(std::mem::take(&mut self.agent_before));
            Legs::handed_over(&mut self.agents_before, had);
        }
        old
    }

    /// Another leg of the same agent has his place.
    pub(super) fn replace_agent(&mut self, inner: Inner) -> Option<Inner> {
        let old = self.agent.replace(inner);
        if let Some(old) = &old {
            self.agent_before = old.quality().after(self.agent_before);
        }
        old
    }

    /// Another leg is the carrier's.
    pub(super) fn replace_trunk(&mut self, leg: Line) -> Option<Line> {
        let old = self.trunk.replace(leg);
        if let Some(old) = &old {
            self.trunk_before = old.quality().after(self.trunk_before);
        }
        old
    }

    /// Says goodbye to every end.
    pub(super) fn close(&mut self, now: Instant, ports: &mut Ports, shore: &mut Shore) {
        let target = self.target.as_mut().map(|target| &mut target.inner);
        let mut plain = Vec::new();
        for inner in self.agent.as_mut().into_iter().chain(target).chain(&mut self.supervisor) {
            match inner {
                Inner::Browser(web, leg) => {
                    web.close(now, shore);
                    if let Some(lines) = &mut shore.tcp {
                        lines.leg_gone(*leg);
                    }
                }
                Inner::Phone(leg) => plain.push(&mut **leg),
            }
        }
        for leg in plain.into_iter().chain(&mut self.trunk) {
            leg.close(now);
            ports.give_back(now, leg.port());
        }
    }

    /// Ends the sound; what is left of it.
    pub(super) fn summary(self, now: Instant) -> Summary {
        let legs = self.measured();
        Summary { legs, ..self.bridge.close(now) }
    }

    /// How well each leg was heard until now.
    fn measured(&self) -> Legs {
        let whole = |now: Option<&Inner>, before: Option<Quality>| match now {
            Some(inner) => Some(inner.quality().after(before.unwrap_or_default())),
            None => before,
        };
        Legs {
            agent: whole(self.agent.as_ref(), Some(self.agent_before)).unwrap_or_default(),
            agents_before: self.agents_before.clone(),
            party: self.trunk.as_ref().map(|line| line.quality()).unwrap_or_default().after(self.trunk_before),
            target: whole(self.target.as_ref().map(|target| &target.inner), self.target_before),
            supervisor: whole(self.supervisor.as_ref(), self.supervisor_before).map(Quality::of_listener),
        }
    }

    /// Whether it has a turn in this sweep.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due.is_none_or(|due| due <= now)
    }

    /// A browser's datagram.
    pub(super) fn datagram(&mut self, now: Instant, leg: u64, by: TransportProtocol, from: SocketAddr, octets: &[u8]) {
        if let Some(web) = self.browser(leg) {
            web.datagram(now, by, from, octets);
            self.due = None;
        }
    }

    /// It was ordered something: a turn in this sweep.
    pub(super) fn ordered(&mut self) {
        self.due = None;
    }

    /// Something is to be told, or goes out by a browser's leg: a turn in this sweep.
    fn stir(&mut self) {
        if self.has_browser() || self.bridge.has_news() {
            self.due = None;
        }
    }

    fn has_browser(&self) -> bool {
        let target = self.target.as_ref().map(|target| &target.inner);
        let mut inner = self.agent.iter().chain(target).chain(&self.supervisor);
        inner.any(|inner| matches!(inner, Inner::Browser(..)))
    }

    /// A port of plain RTP has something; how many datagrams.
    pub(super) fn plain(&mut self, number: u32, control: bool, now: Instant, unix_ms: i64, buffer: &mut [u8]) -> u64 {
        let datagrams = self.take_plain(number, control, now, unix_ms, buffer);
        self.stir();
        datagrams
    }

    fn take_plain(&mut self, number: u32, control: bool, now: Instant, unix_ms: i64, buffer: &mut [u8]) -> u64 {
        let stood_still = self.turned.is_some_and(|turned| now.saturating_duration_since(turned) > STOOD_STILL);
        let most = if stood_still { KEPT } else { 1 };
        let Self { bridge, agent, target, supervisor, trunk, .. } = self;
        let beside = target.as_mut().and_then(|target| target.inner.plain(number));
        let house = agent.as_mut().and_then(|agent| agent.plain(number));
        let carrier = trunk.as_mut().filter(|leg| leg.number == number);
        if control {
            let leg = carrier.or(house).or(beside);
            return leg.map_or(0, |leg| (0..FAIR).take_while(|_| leg.receive_control(now, buffer)).count() as u64);
        }
        if let Some(leg) = carrier {
            receive(leg, now, most, buffer, |view, _| {
                let (agent, target, supervisor) = (agent.as_mut(), target.as_mut(), supervisor.as_mut());
                let mut ends = Ends { now, agent, target, supervisor, trunk: None };
                bridge.from_party(now, unix_ms, &view, &mut ends);
            })
        } else if let Some(leg) = house {
            receive(leg, now, most, buffer, |view, expected| {
                let (target, supervisor, trunk) = (target.as_mut(), supervisor.as_mut(), trunk.as_mut());
                let mut ends = Ends { now, agent: None, target, supervisor, trunk };
                if expected {
                    bridge.from_agent(now, &view, &mut ends);
                }
            })
        } else if let Some(leg) = beside {
            receive(leg, now, most, buffer, |view, expected| {
                let (agent, supervisor, trunk) = (agent.as_mut(), supervisor.as_mut(), trunk.as_mut());
                let mut ends = Ends { now, agent, target: None, supervisor, trunk };
                if expected {
                    bridge.from_target(now, &view, &mut ends);
                }
            })
        } else {
            0
        }
    }

    /// Its turn: what browsers said, what is to be made, what is to be told.
    pub(super) fn turn(&mut self, now: Instant, shore: &mut Shore) {
        self.turned = Some(now);
        let Self { bridge, agent, target, supervisor, trunk, .. } = self;
        let mut stirred = false;
        if let Some(inner) = agent {
            stirred |= inner.turn(now, |heard| match heard {
                Heard::News(WebNews::Connected) => bridge.agent_connected(now),
                Heard::News(WebNews::Lost) => bridge.agent_lost(),
                Heard::Packet(view) => {
                    let (target, supervisor, trunk) = (target.as_mut(), supervisor.as_mut(), trunk.as_mut());
                    let mut ends = Ends { now, agent: None, target, supervisor, trunk };
                    bridge.from_agent(now, &view, &mut ends);
                }
            });
        }
        if let Some(Target { inner, .. }) = target {
            stirred |= inner.turn(now, |heard| match heard {
                Heard::News(WebNews::Connected) => bridge.target_connected(now),
                Heard::News(WebNews::Lost) => bridge.target_lost(),
                Heard::Packet(view) => {
                    let (agent, supervisor, trunk) = (agent.as_mut(), supervisor.as_mut(), trunk.as_mut());
                    let mut ends = Ends { now, agent, target: None, supervisor, trunk };
                    bridge.from_target(now, &view, &mut ends);
                }
            });
        }
        if let Some(inner) = supervisor {
            stirred |= inner.turn(now, |heard| match heard {
                Heard::News(WebNews::Connected) => bridge.supervisor_connected(),
                Heard::News(WebNews::Lost) => bridge.supervisor_lost(),
                Heard::Packet(view) => {
                    let (agent, target, trunk) = (agent.as_mut(), target.as_mut(), trunk.as_mut());
                    let mut ends = Ends { now, agent, target, supervisor: None, trunk };
                    bridge.from_supervisor(now, &view, &mut ends);
                }
            });
        }
        let (house, beside, above) = (agent.as_mut(), target.as_mut(), supervisor.as_mut());
        let mut ends = Ends { now, agent: house, target: beside, supervisor: above, trunk: trunk.as_mut() };
        bridge.tick(now, &mut ends);
        let target = target.as_mut().map(|target| &mut target.inner);
        for inner in agent.as_mut().into_iter().chain(target).chain(supervisor) {
            inner.flush(now, shore, stirred);
        }
        if let Some(leg) = trunk {
            leg.tick(now);
        }
        self.look(now);
        self.news();
        let latest = now + if self.has_browser() { TURN } else { TICK };
        self.due = Some(self.bridge.next_tick().map_or(latest, |tick| tick.min(latest)));
    }

    /// Looks at the quality, every few seconds.
    fn look(&mut self, now: Instant) {
        if *self.moment_due.get_or_insert(now) > now {
            return;
        }
        self.moment_due = Some(now + MOMENT);
        let listens = self.bridge.supervisor_only_listens();
        let moments = Moments {
            agent: self.agent.as_mut().and_then(Inner::moment),
            party: self.trunk.as_mut().and_then(|line| line.moment()),
            target: self.target.as_mut().and_then(|target| target.inner.moment()),
            supervisor: self.supervisor.as_mut().and_then(|inner| {
                let heard = inner.moment();
                if listens { inner.hears() } else { heard }
            }),
        };
        if moments != Moments::default() {
            self.moments = Some(moments);
        }
        self.looks = self.looks.wrapping_add(1);
        if self.looks.is_multiple_of(WHOLE) {
            self.measured = Some(Box::new(self.measured()));
        }
    }

    /// What the owner has no room for waits: the end of an announcement is never lost. A quality
    /// that finds half of the room taken gives way, and the next one comes in five seconds.
    fn news(&mut self) {
        while self.bridge.has_news() {
            let Ok(room) = self.events.try_reserve() else { return };
            if let Some(event) = self.bridge.news() {
                room.send(event);
            }
        }
        if let Some(moments) = self.moments.take()
            && self.events.capacity() > EVENTS / 2
        {
            let _ = self.events.try_send(MediaEvent::Quality(moments));
        }
        if let Some(measured) = self.measured.take()
            && self.events.capacity() > EVENTS / 2
        {
            let _ = self.events.try_send(MediaEvent::Measured(measured));
        }
    }
}

/// A leg that has its place no more, after those before it.
fn counted(old: Option<Inner>, before: &mut Option<Quality>) -> Option<Inner> {
    if let Some(old) = &old {
        *before = Some(old.quality().after(before.unwrap_or_default()));
    }
    old
}

/// Takes what came on a leg of plain RTP, and whether its type was agreed: so many packets of its other
/// end, and what others sent before them. How many datagrams.
fn receive(leg: &mut Line, now: Instant, most: u64, buffer: &mut [u8], mut heard: impl FnMut(View<'_>, bool)) -> u64 {
    let (looks, mut packets) = (most.max(FAIR as u64), 0);
    for count in 1..=looks {
        let len = match leg.receive(now, buffer) {
            Received::Packet(len) => len,
            Received::Dropped => continue,
            Received::Nothing => return count - 1,
        };
        packets += 1;
        if let Some(view) = View::read(&buffer[..len]) {
            heard(view, leg.expects(view.payload_type));
        }
        // One is enough where nothing else waits: what is left is told of in the next sweep.
        if packets == most {
            return count;
        }
    }
    looks
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, UdpSocket};

    use super::*;
    use crate::sdp::Remote;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn r4_1a_what_strangers_send_to_a_port_keeps_its_other_end_from_no_sweep() {
        let now = Instant::now();
        let mut leg = Line::open(&mut Ports::new(HERE, &(0..=0), 0, 1).unwrap(), now, 0, 1).unwrap();
        let (carrier, stranger) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.2:0").unwrap());
        let port = carrier.local_addr().unwrap().port();
        let sdp = format!("c=IN IP4 127.0.0.1\r\nm=audio {port} RTP/AVP 8\r\n");
        leg.set_remote(now, Remote::answered(&sdp, &Law::BOTH).unwrap()).unwrap();
        let mut packet = [0xd5; 172];
        (packet[0], packet[1]) = (0x80, 8);
        let (mut buffer, mut heard) = ([0; 2048], 0);
        for round in 0..50u8 {
            for _ in 0..40 {
                stranger.send_to(&packet, (HERE, leg.port())).unwrap();
            }
            for no in 0..2 {
                packet[3] = round * 2 + no;
                carrier.send_to(&packet, (HERE, leg.port())).unwrap();
            }
            // Its first packet comes in the first sweep, and nothing of the next one before the second.
            assert_eq!(receive(&mut leg, now, 1, &mut buffer, |_, _| heard += 1), 41);
            assert_eq!(receive(&mut leg, now, 1, &mut buffer, |_, _| heard += 1), 1);
        }
        let quality = leg.quality();
        assert_eq!((heard, quality.received, quality.lost, quality.foreign), (100, 100, 0, 2_000));
    }
}
