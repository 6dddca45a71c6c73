//! The other side of a call that is passed on: the colleague's browser, or the desk phone with
//! its leg beside the carrier's. Dropped, the leg is hung up.

use songda_sip::{Leg, LegEvent, PhoneCall, Srtp, Target};

use super::{Actor, ways::security};
use crate::{
    causes,
    events::CallEvent,
    facts::TransferFault,
    machine::{Input, RING_LIMIT},
    switchboard::DeskPhone,
};

/// Whom one call is passed on to: mostly his desk phone.
#[derive(Default)]
pub(crate) struct Phone {
    /// To be rung.
    wanted: Option<DeskPhone>,
    leg: Option<Box<Leg>>,
    /// Or the browser's leg.
    browser: Option<u32>,
}

impl Phone {
    pub(super) fn want(&mut self, phone: DeskPhone) {
        self.wanted = Some(phone);
    }

    /// Whether this is the leg of whom the call is passed on to: news of one before may come late.
    pub(super) fn browser_is(&self, leg: u32) -> bool {
        self.browser == Some(leg)
    }

    /// Hangs up, whatever it is.
    pub(super) async fn drop_leg(&mut self) {
        self.browser = None;
        if let Some(leg) = self.leg.take() {
            leg.handle().hang_up_with(causes::of_end(None)).await;
        }
    }

    /// What it says next; nothing when signalling is gone. May be dropped at any time.
    pub(super) async fn next(&mut self) -> Option<LegEvent> {
        match &mut self.leg {
            Some(leg) => leg.next().await,
            None => std::future::pending().await,
        }
    }

    /// What that is to the machine.
    pub(super) fn said(&mut self, event: Option<LegEvent>) -> Input {
        if matches!(event, None | Some(LegEvent::Ended(_))) {
            self.leg = None;
        }
        event.map_or(Input::PhoneGone, Input::Phone)
    }
}

/// The devices that can be rung where sound to phones is secured like this, and how it is for them:
/// keys are given to nobody in the clear, and all devices of a phone are made one offer.
fn secured(srtp: Srtp, targets: Vec<Target>) -> (Vec<Target>, Srtp) {
    let over = |target: &Target| srtp.over(target.flow.protocol);
    let rung: Vec<Target> = targets.into_iter().filter(|target| over(target).is_some()).collect();
    let all = rung.iter().all(|target| over(target) == Some(srtp));
    (rung, if all { srtp } else { Srtp::Off })
}

impl Actor {
    /// Rings the desk phone; what came of it, when that is bad.
    pub(super) async fn ring_phone(&mut self) -> Option<Input> {
        let unreachable = Some(Input::TransferRefused(TransferFault::Unreachable));
        let Some(DeskPhone { user, targets, caller_name }) = self.phone.wanted.take() else { return unreachable };
        let (targets, srtp) = secured(self.ground.phone_srtp, targets);
        if targets.is_empty() {
            tracing::warn!(call = %self.call, user, "no device of the desk phone has registered by TLS, as telephony.phone_srtp wants it");
            return unreachable;
        }
        let devices = targets.iter().map(|target| target.flow.ip()).collect();
        let offer = match self.media.phone_offer(security(srtp), devices).await {
            Ok(offer) => offer,
            Err(error) => {
                tracing::error!(call = %self.call, %error, "no sound for a desk phone");
                return unreachable;
            }
        };
        let call = PhoneCall { user, targets, caller_name, offer, ring_limit: RING_LIMIT };
        match self.ground.endpoint.call_phone(call).await {
            Ok(leg) => {
                tracing::info!(call = %self.call, sip_call_id = %leg.call_id(), "a desk phone is rung");
                self.phone.leg = Some(Box::new(leg));
                None
            }
            Err(error) => {
                tracing::warn!(call = %self.call, %error, "a desk phone cannot be rung");
                unreachable
            }
        }
    }

    pub(super) async fn phone_answer(&mut self, sdp: String) -> Option<Input> {
        Some(match self.media.phone_answer(sdp).await {
            Ok(listens) => Input::PhoneListens(listens),
            Err(error) => {
                tracing::warn!(call = %self.call, %error, "a desk phone's description cannot be used");
                Input::TransferRefused(TransferFault::Unreachable)
            }
        })
    }

    pub(super) async fn take_target(&mut self, sdp: String) -> Option<Input> {
        match self.media.target_browser(sdp).await {
            Ok(leg) => {
                self.phone.browser = Some(leg.number);
                self.tell(CallEvent::TransferAnswer { sdp: leg.answer }).await;
                None
            }
            Err(error) => {
                tracing::warn!(call = %self.call, %error, "a colleague's browser cannot be used");
                Some(Input::TransferRefused(TransferFault::Unreachable))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use songda_sip::{Flow, Protocol};

    use super::*;

    fn device(protocol: Protocol) -> Target {
        let flow = Flow::to(protocol, ([127, 0, 0, 1], 5060).into());
        Target { uri: "sip:8003@127.0.0.1".into(), flow, route: Vec::new() }
    }

    #[test]
    fn r4_1a_a_desk_phone_is_given_keys_where_all_its_devices_registered_under_tls() {
        use Protocol::{Tcp, Tls, Udp, Ws, Wss};
        for (set, devices, rung, srtp) in [
            (Srtp::Optional, &[Tls, Wss][..], 2, Srtp::Optional),
            (Srtp::Optional, &[Tls, Udp], 2, Srtp::Off),
            (Srtp::Optional, &[Tcp], 1, Srtp::Off),
            (Srtp::Optional, &[Ws], 1, Srtp::Off),
            (Srtp::Required, &[Tls], 1, Srtp::Required),
            (Srtp::Required, &[Udp, Tls], 1, Srtp::Required),
            (Srtp::Required, &[Udp], 0, Srtp::Required),
            (Srtp::Off, &[Tls, Udp], 2, Srtp::Off),
        ] {
            let (targets, found) = secured(set, devices.iter().copied().map(device).collect());
            assert_eq!((targets.len(), found), (rung, srtp), "{set:?} {devices:?}");
        }
    }
}
