//! The ways of one call over several trunks, and when the next one is taken (domain 2.4, C11:
//! a fault of a line is no attempt, and another trunk is tried at once).

use std::{collections::VecDeque, time::Duration};

use songda_media::{CallMedia, CarrierSound, EngineError, Law, Security};
use songda_sip::{EndCause, MediaSource, OutboundCall, Srtp, TrunkSound};

use crate::switchboard::{Dial, Route};

/// The desk has this long to keep what ends the leg after a crash, or nothing goes out.
pub(super) const KEEP_LIMIT: Duration = Duration::from_secs(3);

/// At the answer it has this long: the party already listens.
pub(super) const KEEP_ANSWERED: Duration = Duration::from_secs(1);

/// A trunk on which nothing rings after this time is given up for the next one. Networks need
/// ten seconds and more to find a mobile.
const SET_UP_LIMIT: Duration = Duration::from_secs(20);

/// The same, where calls are given up early anyway.
pub(super) fn set_up_limit(ring_limit: Duration) -> Duration {
    SET_UP_LIMIT.min(ring_limit * 3 / 4)
}

/// One way, ready to be prepared.
pub(super) struct Try {
    /// Which it is, from 0.
    pub(super) way: usize,
    route: Route,
}

impl Try {
    /// Its trunk.
    pub(super) fn trunk(&self) -> &str {
        &self.route.id
    }

    /// Our offer to its carrier: what is spoken on this trunk, in its order, and nothing else.
    pub(super) async fn offer(&self, media: &CallMedia) -> Result<String, EngineError> {
        media.trunk_speaks(Law::named(&self.route.trunk.codecs))?;
        media.carrier(carrier_sound(self.route.trunk.sound))?;
        media.trunk_offer().await
    }

    /// The call that goes this way.
    pub(super) fn call(self, offer: String, ring_limit: Duration) -> OutboundCall {
        let Route { trunk, callee, caller, .. } = self.route;
        OutboundCall { trunk, callee, caller, offer, ring_limit }
    }
}

/// The ways of a call, in the order in which they are tried.
pub(super) fn of(dial: &Dial) -> VecDeque<Try> {
    dial.routes.iter().cloned().enumerate().map(|(way, route)| Try { way, route }).collect()
}

/// How sound goes over a trunk, for the media side.
pub fn carrier_sound(sound: TrunkSound) -> CarrierSound {
    CarrierSound {
        security: security(sound.srtp),
        source: match sound.source {
            MediaSource::Strict => songda_media::MediaSource::Strict,
            MediaSource::Port => songda_media::MediaSource::Port,
            MediaSource::Any => songda_media::MediaSource::Any,
        },
    }
}

/// Whether sound is secured, for the media side.
pub(super) fn security(srtp: Srtp) -> Security {
    match srtp {
        Srtp::Off => Security::Off,
        Srtp::Optional => Security::Optional,
        Srtp::Required => Security::Required,
    }
}

/// For people and the books.
pub(super) fn words(cause: EndCause) -> &'static str {
    match cause {
        EndCause::Timeout => "the carrier did not answer",
        EndCause::Transport => "the carrier cannot be reached",
        EndCause::AuthenticationFailed => "authentication failed at the carrier",
        EndCause::Cancelled => "nothing rang in time",
        _ => "refused by the carrier",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_of_a_trunk_reaches_the_sound_as_it_stands() {
        use songda_media::MediaSource::{Any, Port, Strict};
        for (set, source) in [(MediaSource::Strict, Strict), (MediaSource::Port, Port), (MediaSource::Any, Any)] {
            for (srtp, security) in
                [(Srtp::Off, Security::Off), (Srtp::Optional, Security::Optional), (Srtp::Required, Security::Required)]
            {
                let sound = TrunkSound { srtp, source: set };
                assert_eq!(carrier_sound(sound), CarrierSound { security, source }, "{sound:?}");
            }
        }
    }
}
