//! Session descriptions of every leg of a call, and who has which place in it.

use std::{net::SocketAddr, time::Instant};

use super::{
    EngineError,
    floor::Floor,
    slot::{Inner, Slot},
};
use crate::{
    Law, Supervision,
    egress::Egress,
    rtp::RtpLeg,
    sdp::{self, Remote, SdpError},
    web::{Door, WebLeg},
};

impl Floor {
    pub(super) fn browser_offer(&mut self, now: Instant, call: u64, sdp: &str) -> Result<String, EngineError> {
        let ssrc = self.slot(call)?.ssrc;
        let (inner, answer, law) = self.browser(now, call, sdp, ssrc)?;
        let slot = self.slot(call)?;
        let old = slot.agent.replace(inner);
        slot.law = law;
        slot.bridge.agent_speaks(law);
        self.gone(now, old);
        Ok(answer)
    }

    /// A browser's leg, our answer to it, and the law it will speak.
    fn browser(&mut self, now: Instant, call: u64, sdp: &str, ssrc: u32) -> Result<(Inner, String, Law), EngineError> {
        let (leg, answer, ufrag, law) = WebLeg::accept(now, sdp, self.web, ssrc)?;
        self.legs += 1;
        self.mux.add(ufrag, Door { call, leg: self.legs });
        Ok((Inner::Browser(Box::new(leg), self.legs), answer, law))
    }

    /// A leg is no part of the call any more.
    fn gone(&mut self, now: Instant, inner: Option<Inner>) {
        if let Some(mut inner) = inner {
            if let Inner::Browser(_, leg) = &inner {
                self.mux.remove(*leg);
            }
            inner.close(now, &self.socket);
        }
    }

    fn slot(&mut self, call: u64) -> Result<&mut Slot, EngineError> {
        self.calls.get_mut(&call).ok_or(EngineError::Gone)
    }

    fn port(&self) -> Result<RtpLeg, EngineError> {
        RtpLeg::bind(self.config.trunk_bind, &self.config.trunk_ports).map_err(EngineError::Port)
    }

    pub(super) fn trunk_offer(&mut self, call: u64) -> Result<String, EngineError> {
        let trunk = self.port()?;
        let address = SocketAddr::new(self.trunk_ip, trunk.port());
        let slot = self.slot(call)?;
        slot.trunk = Some(trunk);
        Ok(sdp::offer(call, address, &slot.trunk_laws()))
    }

    pub(super) fn trunk_offered(&mut self, call: u64, offer: &str) -> Result<String, EngineError> {
        let trunk = match self.slot(call)?.trunk.take() {
            Some(trunk) => trunk,
            None => self.port()?,
        };
        let address = SocketAddr::new(self.trunk_ip, trunk.port());
        let slot = self.slot(call)?;
        slot.trunk = Some(trunk);
        let (_, answer) = sdp::answer(call, address, offer, &slot.trunk_laws())?;
        self.trunk_moved(call, offer)?;
        Ok(answer)
    }

    pub(super) fn trunk_answer(&mut self, call: u64, sdp: &str) -> Result<(), EngineError> {
        let laws = self.slot(call)?.trunk_laws();
        self.trunk_at(call, Remote::answered(sdp, &laws)?)
    }

    pub(super) fn trunk_moved(&mut self, call: u64, sdp: &str) -> Result<(), EngineError> {
        let laws = self.slot(call)?.trunk_laws();
        self.trunk_at(call, Remote::offered(sdp, &laws)?)
    }

    fn trunk_at(&mut self, call: u64, remote: Remote) -> Result<(), EngineError> {
        let slot = self.slot(call)?;
        if let Some(trunk) = &mut slot.trunk {
            connect(trunk, remote)?;
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
        let old = slot.seat(inner, ssrc, law);
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
        let old = slot.supervisor.replace(inner);
        self.gone(now, old);
        Ok(answer)
    }

    pub(super) fn drop_supervisor(&mut self, now: Instant, call: u64) {
        let Ok(slot) = self.slot(call) else { return };
        slot.bridge.drop_supervisor();
        let old = slot.supervisor.take();
        self.gone(now, old);
    }

    pub(super) fn phone_offer(&mut self, now: Instant, call: u64, to: Egress) -> Result<String, EngineError> {
        let leg = self.port()?;
        let address = SocketAddr::new(self.trunk_ip, leg.port());
        let slot = self.slot(call)?;
        // The party's law first, so that nothing has to be converted when the phone knows it.
        let (law, ssrc) = (slot.bridge.party_law(), to.ssrc());
        slot.bridge.target(to, law, true);
        let old = slot.seat(Inner::Phone(leg), ssrc, law);
        self.gone(now, old);
        Ok(sdp::offer(call, address, &law.first()))
    }

    /// Of the phone that is rung, or of the one that has the call. True when it listens.
    pub(super) fn phone_answer(&mut self, call: u64, sdp: &str) -> Result<bool, EngineError> {
        let slot = self.slot(call)?;
        let remote = Remote::answered(sdp, &Law::BOTH)?;
        if let Some(target) = &mut slot.target {
            let Inner::Phone(leg) = &mut target.inner else { return Err(EngineError::NoPhone) };
            connect(leg, remote)?;
            target.law = remote.law;
            slot.bridge.target_speaks(remote.law);
        } else {
            let Some(Inner::Phone(leg)) = &mut slot.agent else { return Err(EngineError::NoPhone) };
            connect(leg, remote)?;
            slot.law = remote.law;
            slot.bridge.agent_speaks(remote.law);
        }
        Ok(remote.listens)
    }

    pub(super) fn hand_over(&mut self, now: Instant, call: u64) {
        let Ok(slot) = self.slot(call) else { return };
        let Some(target) = slot.target.take() else { return };
        let old = slot.agent.replace(target.inner);
        (slot.ssrc, slot.law) = (target.ssrc, target.law);
        slot.bridge.hand_over(now);
        self.gone(now, old);
    }

    pub(super) fn drop_target(&mut self, now: Instant, call: u64) {
        let Ok(slot) = self.slot(call) else { return };
        slot.bridge.drop_target();
        let old = slot.target.take().map(|target| target.inner);
        self.gone(now, old);
    }
}

fn connect(leg: &mut RtpLeg, remote: Remote) -> Result<(), SdpError> {
    if !leg.reaches(remote.address) {
        return Err(SdpError::NoAddress);
    }
    leg.set_remote(remote);
    Ok(())
}
