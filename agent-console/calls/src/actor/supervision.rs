//! The supervisor of a call (R4.4b): his browser's sound, and what he is told.

use songda_media::Supervision;

use super::{Actor, diary::Diary};
use crate::{
    facts::SupervisionEnd,
    machine::{Input, Machine, Told},
    switchboard::{Overseer, OverseerNews},
};

/// What a supervisor wants.
pub(crate) enum Wish {
    /// To come in, with this offer of his browser.
    Come(Box<Overseer>, Supervision, String),
    /// To do something else.
    Change(Supervision),
    /// To leave.
    Leave,
}

/// Who supervises, and who is about to.
#[derive(Default)]
pub(crate) struct Gallery {
    present: Option<Box<Overseer>>,
    coming: Option<Box<Overseer>>,
}

impl Gallery {
    fn tell(&self, news: OverseerNews) {
        if let Some(overseer) = &self.present {
            overseer.tell(news);
        }
    }
}

impl Actor {
    /// What a supervisor's wish is to the machine; who is refused is told so at once.
    pub(super) fn wished(&mut self, machine: &Machine, id: &str, wish: Wish) -> Option<Input> {
        let present = self.gallery.present.as_ref().filter(|_| machine.is_supervised());
        let is_he = present.is_some_and(|overseer| overseer.id == id);
        match wish {
            Wish::Come(overseer, _, _) if !machine.takes_supervisor() => {
                overseer.tell(OverseerNews::Over(SupervisionEnd::NotNow));
                None
            }
            Wish::Come(overseer, _, _) if present.is_some() && !is_he => {
                overseer.tell(OverseerNews::Over(SupervisionEnd::Busy));
                None
            }
            Wish::Come(overseer, what, sdp) => {
                self.gallery.coming = Some(overseer);
                Some(Input::Supervise(what, sdp))
            }
            Wish::Change(what) => is_he.then_some(Input::Supervision(what)),
            Wish::Leave => is_he.then_some(Input::SupervisorGone(SupervisionEnd::Left)),
        }
    }

    /// Gives his offer to the sound; what came of it, when that is bad.
    pub(super) async fn supervise(&mut self, what: Supervision, sdp: String, diary: &mut Diary) -> Option<Input> {
        self.gallery.present = self.gallery.coming.take();
        if let Some(overseer) = &self.gallery.present {
            diary.supervised_by(&overseer.name);
        }
        match self.media.supervise(sdp, what).await {
            Ok(sdp) => {
                self.gallery.tell(OverseerNews::Answer(sdp));
                None
            }
            Err(error) => {
                tracing::warn!(call = %self.call, %error, "a supervisor's browser cannot be used");
                Some(Input::SupervisorGone(SupervisionEnd::Unusable))
            }
        }
    }

    /// What concerns him is told to him, before anybody else.
    pub(super) fn tell_overseer(&mut self, told: Told) {
        match told {
            Told::Supervised(what) => self.gallery.tell(OverseerNews::On(what)),
            Told::SupervisionOver(why) => {
                self.gallery.tell(OverseerNews::Over(why));
                self.gallery.present = None;
            }
            _ => {}
        }
    }
}
