//! Who of the house is in a call beside the agent (R4.1a, R4.4b): whom it is passed on to, or
//! who is taken in as a third, and a supervisor. Who hears whom meanwhile stands in the table.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Bridge, MediaEvent, Mode, RingBack, View, Wires,
    ear::Ear,
    table::{AGENT, Company, SUPERVISOR, Supervision, TARGET},
};
use crate::{Law, Prompt, digits, egress::Egress, timeline::LEFT, watch::AWAY};

/// A third whose packets stop is waited for so long, because nobody waits for him meanwhile: the
/// others go on talking.
const THIRD_AWAY: Duration = Duration::from_secs(15);

/// Somebody beside the agent.
pub(super) struct Guest {
    pub(super) ear: Ear,
    phone: bool,
    /// His browser's leg is up: it was heard last then.
    heard_at: Option<Instant>,
    /// His desk phone holds us: what it plays is for nobody.
    pub(super) holds: bool,
}

impl Guest {
    fn new(to: Egress, law: Law, phone: bool) -> Self {
        Self { ear: Ear::new(to, law), phone, heard_at: None, holds: false }
    }

    /// The number of his leg: the source of the stream that he gets.
    fn leg(&self) -> u32 {
        self.ear.to.ssrc()
    }

    fn was_heard(&mut self, now: Instant) {
        if let Some(heard_at) = &mut self.heard_at {
            *heard_at = now;
        }
    }

    /// From here on he speaks, or he is silent and that is nothing to miss.
    fn speaks(&mut self, speaks_from: Option<Instant>) {
        self.heard_at = speaks_from;
    }

    /// A page that is closed says no goodbye that comes at once. True once.
    fn is_missed(&mut self, now: Instant, limit: Duration) -> bool {
        let missed = self.heard_at.is_some_and(|at| now.saturating_duration_since(at) >= limit);
        if missed {
            self.heard_at = None;
        }
        missed
    }
}

impl Bridge {
    /// Somebody stands beside the call: a browser that speaks this law, or a desk phone that
    /// has not said so yet. Nobody hears him.
    pub fn target(&mut self, to: Egress, law: Law, phone: bool) {
        self.target = Some(Guest::new(to, law, phone));
    }

    /// What was negotiated with his desk phone.
    pub fn target_speaks(&mut self, law: Law) {
        if let Some(target) = &mut self.target {
            target.ear.law = law;
        }
    }

    /// His browser's leg is up; from here on its packets are missed when they stop.
    pub fn target_connected(&mut self, now: Instant) {
        if let Some(target) = &mut self.target {
            target.heard_at = Some(now);
            self.news.push_back(MediaEvent::TargetConnected { leg: target.leg() });
        }
    }

    /// His browser's leg is gone.
    pub fn target_lost(&mut self) {
        self.news.extend(self.target.as_ref().map(|target| MediaEvent::TargetLost { leg: target.leg() }));
    }

    /// Who is missed is told.
    pub(super) fn miss_guests(&mut self, now: Instant) {
        let limit = if self.company == Company::Joined { THIRD_AWAY } else { AWAY };
        if self.target.as_mut().is_some_and(|target| target.is_missed(now, limit)) {
            self.target_lost();
        }
        if self.supervisor.as_mut().is_some_and(|(guest, _)| guest.is_missed(now, AWAY)) {
            self.supervisor_lost();
        }
    }

    /// The agent hears this over and over instead of the party, and nobody hears him.
    pub fn ring_agent(&mut self, now: Instant, tone: Arc<Prompt>) {
        if self.mode == Mode::Open {
            self.company = Company::Ringing;
            self.ring_back = Some(RingBack::of(tone));
            self.next_tick.get_or_insert(now);
        }
    }

    /// The agent and the target hear each other, and nobody else hears them.
    pub fn consult(&mut self) {
        self.meet(Company::Aside);
    }

    /// The agent, the target and the party all hear each other.
    pub fn join(&mut self) {
        self.meet(Company::Joined);
    }

    /// His desk phone holds us or not: meanwhile nobody hears what it plays, music mostly.
    pub fn hold_target(&mut self, on: bool) {
        if let Some(target) = &mut self.target {
            target.holds = on;
        }
    }

    fn meet(&mut self, company: Company) {
        if self.target.is_some() {
            self.company = company;
            self.ring_back = None;
        }
    }

    /// The target takes the agent's place, and hears and is heard as the agent would be.
    pub fn hand_over(&mut self, now: Instant) {
        let Some(Guest { ear, phone, .. }) = self.target.take() else { return };
        self.agent = ear;
        self.queues.swap(AGENT.place(), TARGET.place());
        let supervisor = self.supervisor.as_mut().map(|(guest, _)| &mut guest.ear);
        for ear in [&mut self.party].into_iter().chain(supervisor) {
            ear.swap(AGENT, TARGET);
        }
        self.heard_at[AGENT.place()] = None;
        self.timeline.another_source(LEFT);
        self.keys_out.cut();
        (self.keys_of_agent, self.passes_key) = (digits::Reader::default(), false);
        self.watch.agent_replaced(now, phone);
        self.alone();
        self.news.push_back(MediaEvent::HandedOver { frame: self.frame(now) });
    }

    /// The target is gone, and the agent hears the party again.
    pub fn drop_target(&mut self) {
        self.target = None;
        self.alone();
    }

    fn alone(&mut self) {
        if std::mem::replace(&mut self.company, Company::Alone) != Company::Alone {
            self.ring_back = None;
        }
    }

    /// A packet of the target.
    pub fn from_target(&mut self, now: Instant, packet: &View<'_>, wires: &mut impl Wires) {
        if let Some(target) = &mut self.target {
            target.was_heard(now);
            self.spoken(now, TARGET, packet, wires);
        }
    }

    /// A supervisor's browser, which speaks this law, comes in; the one before is gone.
    pub fn supervise(&mut self, to: Egress, law: Law, what: Supervision) {
        self.supervisor = Some((Guest::new(to, law, false), what));
    }

    /// What the supervisor does from here on. Who only listens sends nothing.
    pub fn supervision(&mut self, what: Supervision) {
        let Some((guest, before)) = &mut self.supervisor else { return };
        guest.speaks(None);
        if std::mem::replace(before, what) == Supervision::Whisper && what == Supervision::Barge {
            let target = self.target.as_mut().map(|target| &mut target.ear);
            for ear in [&mut self.party].into_iter().chain(target) {
                ear.heard_by_others(SUPERVISOR);
            }
        }
    }

    /// Whether there is a supervisor and he only listens: nothing is expected of him.
    pub(crate) fn supervisor_only_listens(&self) -> bool {
        matches!(self.supervisor, Some((_, Supervision::Listen)))
    }

    /// His browser's leg is up. What he says is missed when it stops, and not before it began.
    pub fn supervisor_connected(&mut self) {
        let leg = self.supervisor.as_ref().map(|(guest, _)| guest.leg());
        self.news.extend(leg.map(|leg| MediaEvent::SupervisorConnected { leg }));
    }

    /// His browser's leg is gone.
    pub fn supervisor_lost(&mut self) {
        let leg = self.supervisor.as_ref().map(|(guest, _)| guest.leg());
        self.news.extend(leg.map(|leg| MediaEvent::SupervisorLost { leg }));
    }

    /// He is in the call no more.
    pub fn drop_supervisor(&mut self) {
        self.supervisor = None;
    }

    /// A packet of the supervisor.
    pub fn from_supervisor(&mut self, now: Instant, packet: &View<'_>, wires: &mut impl Wires) {
        if let Some((guest, what)) = &mut self.supervisor {
            guest.speaks((*what != Supervision::Listen).then_some(now));
            self.spoken(now, SUPERVISOR, packet, wires);
        }
    }
}
