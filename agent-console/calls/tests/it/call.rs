//! A machine in virtual time.

use std::time::{Duration, Instant};

use songda_calls::inside::{Cue, Do, Input, Machine, Rest, Told};
use songda_sip::{EndCause, Ended, LegEvent, Reason, Side};

pub(crate) struct Call {
    pub(crate) machine: Machine,
    t0: Instant,
}

impl Call {
    pub(crate) fn new() -> Self {
        let t0 = Instant::now();
        Self { machine: Machine::new(t0), t0 }
    }

    pub(crate) fn at(&mut self, seconds: u64, input: Input) -> Vec<Do> {
        self.machine.handle(self.moment(seconds), input)
    }

    pub(crate) fn moment(&self, seconds: u64) -> Instant {
        self.t0 + Duration::from_secs(seconds)
    }

    /// Dialled at 0.
    pub(crate) fn dialled() -> Self {
        let mut call = Self::new();
        call.at(0, Input::BrowserConnected);
        call
    }

    /// Answered at 5, and the party is heard.
    pub(crate) fn answered() -> Self {
        let mut call = Self::dialled();
        call.at(1, Input::Leg(LegEvent::Ringing));
        call.at(5, answer());
        call.at(5, Input::PartyHeard);
        call
    }

    /// The notice is over at 10.
    pub(crate) fn talking() -> Self {
        let mut call = Self::answered();
        assert_eq!(call.at(10, Input::Said(Cue::Notice)), [Do::Tell(Told::NoticeFinished), Do::Tell(Told::Talking)]);
        call
    }
}

pub(crate) fn answer() -> Input {
    Input::Leg(LegEvent::Answered { sdp: "200".into() })
}

pub(crate) fn ended(by: Side, cause: EndCause, status: Option<u16>, q850: Option<u8>) -> Input {
    let rang = Some(Duration::from_secs(4));
    Input::Leg(LegEvent::Ended(Ended { by, cause, status, q850, rang, provisional: true, retry_after: None }))
}

/// The party hears the hold prompt, then music.
pub(crate) fn holds(orders: &[Do]) -> bool {
    orders.ends_with(&[Do::Rest(Rest::Hold), Do::Announce(Cue::Hold)])
}

/// Both talk again, at once.
pub(crate) fn talks(orders: &[Do]) -> bool {
    orders.ends_with(&[Do::Rest(Rest::Talk), Do::Hush])
}

/// Hung up because somebody wanted that.
pub(crate) const CLEARED: Do = Do::HangUp(Reason { q850: Some(16), sip: None });
/// Hung up because something failed on our side.
pub(crate) const BROKEN_OFF: Do = Do::HangUp(Reason { q850: Some(31), sip: None });
