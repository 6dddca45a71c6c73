//! Session descriptions of every leg of a call, and who has which place in it.

use std::{net::IpAddr, time::Instant};

use super::{
    EngineError,
    floor::{Floor, Gossip},
    inner::Inner,
    poll::Poll,
    slot::{Slot, Target},
};
use crate::{
    Law, Supervision,
    egress::Egress,
    rtp::Line,
    sdp::{Own, Remote},
    srtp::Security,
    web::{Door, WebLeg},
};

impl Floor {
    pub(super) fn browser_offer(&mut self, now: Instant, call: u64, sdp: &str) -> Result<String, EngineError> {
        let ssrc = self.slot(call)?.ssrc;
        let (inner, answer, law) = self.browser(now, call, sdp, ssrc)?;
        let slot = self.slot(call)?;
        let old = slot.replace_agent(inner);
        slot.law = law;
        if let Some(trunk) = &mut slot.trunk {
            trunk.is_concealed();
        }
        slot.bridge.agent_speaks(law);
        self.gone(now, old);
        Ok(answer)
    }

    /// A browser's leg, our answer to it, and the law it will speak.
    fn browser(&mut self, now: Instant, call: u64, sdp: &str, ssrc: u32) -> Result<(Inner, String, Law), EngineError> {
        let (leg, answer, ufrag, law) = WebLeg::accept(now, sdp, &self.places, ssrc, self.ports.refusals())?;
        self.legs += 1;
        let door = Door { thread: self.number, call, leg: self.legs };
        self.tell(|| Gossip::Door(ufrag.clone(), door));
        self.mux.add(ufrag, door);
        Ok((Inner::Browser(Box::new(leg), self.legs), answer, law))
    }

    /// A leg is no part of the call any more.
    fn gone(&mut self, now: Instant, inner: Option<Inner>) {
        match inner {
            None => {}
            Some(Inner::Phone(leg)) => self.port_gone(now, *leg),
            Some(Inner::Browser(mut web, leg)) => {
                self.mux.remove(leg);
                self.tell(|| Gossip::Leg(leg));
                web.close(now, &mut self.shore);
                if let Some(lines) = &mut self.shore.tcp {
                    lines.leg_gone(leg);
                }
            }
        }
    }

    fn slot(&mut self, call: u64) -> Result<&mut Slot, EngineError> {
        self.calls.get_mut(&call).ok_or(EngineError::Gone)
    }

    /// A port towards the carrier, in the place of one before.
    fn trunk_port(&mut self, call: u64, poll: &Poll) -> Result<(), EngineError> {
        self.slot(call)?;
        let trunk = self.port(call, poll)?;
        let old = self.slot(call)?.replace_trunk(trunk);
        if let Some(old) = old {
            self.port_gone(Instant::now(), old);
        }
        Ok(())
    }

    pub(super) fn trunk_offer(&mut self, call: u64, poll: &Poll) -> Result<String, EngineError> {
        self.trunk_port(call, poll)?;
        let ip = self.told.carriers;
        let slot = self.slot(call)?;
        let laws = slot.trunk_laws();
        let trunk = slot.secured_trunk()?;
        Ok(trunk.own(call, ip, &laws).offer())
    }

    pub(super) fn trunk_offered(&mut self, call: u64, offer: &str, poll: &Poll) -> Result<String, EngineError> {
        if self.slot(call)?.trunk.is_none() {
            self.trunk_port(call, poll)?;
        }
        let ip = self.told.carriers;
        let slot = self.slot(call)?;
        let laws = slot.trunk_laws();
        let trunk = slot.secured_trunk()?;
        let (remote, answer) = trunk.own(call, ip, &laws).answer(offer)?;
        trunk.has_said(&remote);
        self.trunk_at(call, remote)?;
        Ok(answer)
    }

    pub(super) fn trunk_answer(&mut self, call: u64, sdp: &str) -> Result<(), EngineError> {
        let ip = self.told.carriers;
        let slot = self.slot(call)?;
        let laws = slot.trunk_laws();
        let remote = match &slot.trunk {
            Some(trunk) => trunk.own(call, ip, &laws).answered(sdp)?,
            None => Remote::answered(sdp, &laws)?,
        };
        self.trunk_at(call, remote)
    }

    pub(super) fn trunk_moved(&mut self, call: u64, sdp: &str) -> Result<(), EngineError> {
        let ip = self.told.carriers;
        let slot = self.slot(call)?;
        let laws = slot.trunk_laws();
        let remote = match &slot.trunk {
            Some(trunk) => trunk.own(call, ip, &laws).offered(sdp)?,
            None => Remote::offered(sdp, &laws)?,
        };
        // The answer, which signalling wrote, names no rtcp-mux: it is not agreed (RFC 5761,
        // section 5.1.1).
        self.trunk_at(call, Remote { mux: false, ..remote })
    }

    fn trunk_at(&mut self, call: u64, remote: Remote) -> Result<(), EngineError> {
        let slot = self.slot(call)?;
        if let Some(trunk) = &mut slot.trunk {
            trunk.set_remote(Instant::now(), remote)?;
        }
        slot.bridge.party_speaks(remote.law, remote.events);
        slot.bridge.party_listens(remote.listens);
        Ok(())
    }

    pub(super) fn target_browser(
        &mut self,
        now: Instant,
        call: u64,
        to: Egress,
        sdp: &str,
    ) -> Result<String, EngineError> {
        self.slot(call)?;
        let ssrc = to.ssrc();
        let (inner, answer, law) = self.browser(now, call, sdp, ssrc)?;
        let slot = self.slot(call)?;
        slot.bridge.target(to, law, false);
        let old = slot.seat(Some(Target { inner, ssrc, law }));
        self.gone(now, old);
        Ok(answer)
    }

    pub(super) fn supervise(
        &mut self,
        now: Instant,
        call: u64,
        to: Egress,
        sdp: &str,
        what: Supervision,
    ) -> Result<String, EngineError> {
        self.slot(call)?;
        let (inner, answer, law) = self.browser(now, call, sdp, to.ssrc())?;
        let slot = self.slot(call)?;
        slot.bridge.supervise(to, law, what);
        let old = slot.watch(Some(inner));
        self.gone(now, old);
        Ok(answer)
    }

    pub(super) fn drop_supervisor(&mut self, now: Instant, call: u64) {
        let Ok(slot) = self.slot(call) else { return };
        slot.bridge.drop_supervisor();
        let old = slot.watch(None);
        self.gone(now, old);
    }

    pub(super) fn phone_offer(
        &mut self,
        now: Instant,
        call: u64,
        to: Egress,
        (security, devices): (Security, &[IpAddr]),
        poll: &Poll,
    ) -> Result<String, EngineError> {
        self.slot(call)?;
        let mut leg = self.port(call, poll)?;
        leg.secure(security).map_err(EngineError::Port)?;
        // Behind a translator it describes the address of its own network.
        leg.is_known_at(devices);
        let ip = self.told.phone(devices);
        let slot = self.slot(call)?;
        // The party's law first, so that nothing has to be converted when the phone knows it.
        let (law, ssrc) = (slot.bridge.party_law(), to.ssrc());
        slot.bridge.target(to, law, true);
        let offer = leg.own(call, ip, &law.first()).offer();
        let inner = Inner::Phone(Box::new(leg));
        let old = slot.seat(Some(Target { inner, ssrc, law }));
        self.gone(now, old);
        Ok(offer)
    }

    /// Of the phone that is rung, or of the one that has the call. True when it listens.
    pub(super) fn phone_answer(&mut self, call: u64, sdp: &str) -> Result<bool, EngineError> {
        let ip = self.told.carriers;
        let slot = self.slot(call)?;
        let laws = slot.bridge.party_law().first();
        // Its answer to our offer names our keys by their numbers; later it offers itself.
        let read = |leg: &Line| {
            let own = leg.own(call, ip, &Law::BOTH);
            if leg.is_described() { Own { laws: &laws, ..own }.offered(sdp) } else { own.answered(sdp) }
        };
        if let Some(target) = &mut slot.target {
            let Inner::Phone(leg) = &mut target.inner else { return Err(EngineError::NoPhone) };
            let remote = read(leg)?;
            leg.set_remote(Instant::now(), remote)?;
            target.law = remote.law;
            slot.bridge.target_speaks(remote.law);
            Ok(remote.listens)
        } else {
            let Some(Inner::Phone(leg)) = &mut slot.agent else { return Err(EngineError::NoPhone) };
            let remote = read(leg)?;
            leg.set_remote(Instant::now(), remote)?;
            slot.law = remote.law;
            slot.bridge.agent_speaks(remote.law);
            Ok(remote.listens)
        }
    }

    pub(super) fn hand_over(&mut self, now: Instant, call: u64) {
        let Ok(slot) = self.slot(call) else { return };
        let Some(target) = slot.target.take() else { return };
        let old = slot.pass_on(target.inner);
        (slot.ssrc, slot.law) = (target.ssrc, target.law);
        slot.bridge.hand_over(now);
        self.gone(now, old);
    }

    pub(super) fn drop_target(&mut self, now: Instant, call: u64) {
        let Ok(slot) = self.slot(call) else { return };
        slot.bridge.drop_target();
        let old = slot.seat(None);
        self.gone(now, old);
    }
}
