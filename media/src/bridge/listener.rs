//! The ear for call progress, as long as there is something to find out: before the answer, half a
//! minute after it, and anew when keys went out. Of who has called us nothing has to be found out.

use super::{MediaEvent, View};
use crate::progress::{Ear, Heard, Place};

/// Who listens to the party's side, when somebody does.
#[derive(Debug, Default)]
pub(super) struct Listener {
    ear: Option<Box<Ear>>,
    /// Nobody wants to know.
    unasked: bool,
    /// Keys go out: what follows them is listened to anew.
    anew: bool,
    /// It was begun anew at this frame, which was not told yet.
    begun: Option<u64>,
}

impl Listener {
    /// Begins at this frame of the recording.
    pub(super) fn begin(&mut self, place: Place, frame: u64) {
        if !self.unasked {
            self.ear = Some(Box::new(Ear::new(place, frame)));
        }
    }

    /// Listens no more, and never again in this call.
    pub(super) fn leave(&mut self) {
        *self = Self { unasked: true, ..Self::default() };
    }

    /// Keys were taken.
    pub(super) fn keys(&mut self) {
        self.anew = !self.unasked;
    }

    /// A packet of the party.
    pub(super) fn packet(&mut self, frame: u64, packet: &View<'_>, samples: impl ExactSizeIterator<Item = i16>) {
        if let Some(ear) = &mut self.ear {
            ear.packet(frame, packet.ssrc, packet.timestamp, samples);
        }
    }

    /// What time alone tells; `sending` while keys go out.
    pub(super) fn tick(&mut self, frame: u64, sending: bool) {
        if self.anew && !sending {
            self.anew = false;
            self.begin(Place::Answered, frame);
            self.begun = Some(frame);
        }
        if let Some(ear) = &mut self.ear {
            ear.tick(frame);
        }
    }

    /// The next thing that was heard; nobody listens any more once all is found out.
    pub(super) fn news(&mut self) -> Option<MediaEvent> {
        if let Some(frame) = self.begun.take() {
            return Some(MediaEvent::Heard(Heard::Anew { frame }));
        }
        let ear = self.ear.as_mut()?;
        let heard = ear.news().map(MediaEvent::Heard);
        if heard.is_none() && ear.is_done() {
            self.ear = None;
        }
        heard
    }
}
