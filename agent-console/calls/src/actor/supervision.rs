//! The supervisor of a call (R4.4b): his browser's sound, and what he is told.

use songda_media::{EngineError, Supervision};

use super::{Actor, diary::Diary};
use crate::{
    facts::SupervisionEnd,
    machine::{Input, Told},
    switchboard::{Overseer, OverseerNews},
};

/// What a supervisor wants, with the number of his entry.
pub(crate) enum Wish {
    /// To come in, with this offer of his browser.
    Come(u64, Box<Overseer>, Supervision, String),
    /// To do something else.
    Change(u64, Supervision),
}

/// Who supervises, and who is about to.
#[derive(Default)]
pub(crate) struct Gallery {
    present: Option<Present>,
    coming: Option<(u64, Box<Overseer>)>,
}

struct Present {
    entry: u64,
    overseer: Box<Overseer>,
    /// His browser's leg, once there is one.
    leg: Option<u32>,
}

impl Gallery {
    /// What a wish is to the machine, which takes supervisors or not, and has one or not. Who is
    /// refused is told so at once.
    fn wished(&mut self, takes: bool, supervised: bool, wish: Wish) -> Option<Input> {
        let present = self.present.as_ref().filter(|_| supervised);
        match wish {
            Wish::Come(_, overseer, ..) if !takes => {
                overseer.tell(OverseerNews::Over(SupervisionEnd::NotNow));
                None
            }
            Wish::Come(_, overseer, ..) if present.is_some_and(|present| present.overseer.id != overseer.id) => {
                overseer.tell(OverseerNews::Over(SupervisionEnd::Busy));
                None
            }
            Wish::Come(entry, overseer, what, sdp) => {
                self.coming = Some((entry, overseer));
                Some(Input::Supervise(what, sdp))
            }
            // Of an entry that is over nothing is changed in the one after it.
            Wish::Change(entry, what) => {
                present.is_some_and(|present| present.entry == entry).then_some(Input::Supervision(what))
            }
        }
    }

    /// Waits until the one who is present listens to his news no more: he left, or is gone.
    pub(super) async fn left(&mut self) -> Input {
        match &self.present {
            Some(present) => present.overseer.news.closed().await,
            None => std::future::pending().await,
        }
        Input::SupervisorGone(SupervisionEnd::Left)
    }

    /// Whoever comes is present from here on; his name.
    fn enters(&mut self) -> Option<String> {
        let (entry, overseer) = self.coming.take()?;
        let name = overseer.name.clone();
        self.present = Some(Present { entry, overseer, leg: None });
        Some(name)
    }

    /// Whether this is the leg of the one who is present: news of a leg before may come late.
    pub(super) fn is_at(&self, leg: u32) -> bool {
        self.present.as_ref().is_some_and(|present| present.leg == Some(leg))
    }

    fn tell(&self, news: OverseerNews) {
        if let Some(present) = &self.present {
            present.overseer.tell(news);
        }
    }

    /// What concerns him is told to him.
    pub(super) fn told(&mut self, told: Told) {
        match told {
            Told::Supervised(what) => self.tell(OverseerNews::On(what)),
            Told::SupervisionOver(why) => {
                self.tell(OverseerNews::Over(why));
                self.present = None;
            }
            _ => {}
        }
    }
}

impl Actor {
    /// What a supervisor's wish is to the machine.
    pub(super) fn wished(&mut self, takes: bool, supervised: bool, wish: Wish) -> Option<Input> {
        self.gallery.wished(takes, supervised, wish)
    }

    /// Gives his offer to the sound; what came of it, when that is bad.
    pub(super) async fn supervise(&mut self, what: Supervision, sdp: String, diary: &mut Diary) -> Option<Input> {
        if let Some(name) = self.gallery.enters() {
            diary.supervised_by(&name);
        }
        match self.media.supervise(sdp, what).await {
            Ok(leg) => {
                if let Some(present) = &mut self.gallery.present {
                    present.leg = Some(leg.number);
                }
                self.gallery.tell(OverseerNews::Answer(leg.answer));
                None
            }
            Err(error) => {
                tracing::warn!(call = %self.call, %error, "a supervisor's browser cannot be used");
                let is_his = !matches!(error, EngineError::Overloaded | EngineError::Gone);
                let why = if is_his { SupervisionEnd::Unusable } else { SupervisionEnd::Lost };
                Some(Input::SupervisorGone(why))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    fn comes(entry: u64, id: &str) -> (Wish, mpsc::Receiver<OverseerNews>) {
        let (news, told) = mpsc::channel(4);
        let overseer = Overseer { id: id.into(), name: format!("name of {id}"), news };
        (Wish::Come(entry, Box::new(overseer), Supervision::Listen, "offer".into()), told)
    }

    fn over(told: &mut mpsc::Receiver<OverseerNews>) -> Option<SupervisionEnd> {
        match told.try_recv() {
            Ok(OverseerNews::Over(why)) => Some(why),
            _ => None,
        }
    }

    /// He is in it, and his news are heard here.
    fn entered(gallery: &mut Gallery, entry: u64, id: &str) -> mpsc::Receiver<OverseerNews> {
        let (wish, told) = comes(entry, id);
        assert!(matches!(gallery.wished(true, gallery.present.is_some(), wish), Some(Input::Supervise(..))));
        gallery.told(Told::SupervisionOver(SupervisionEnd::Elsewhere));
        assert!(gallery.enters().is_some());
        told
    }

    #[test]
    fn r4_4b_who_is_refused_hears_why_and_then_nothing_more() {
        let mut gallery = Gallery::default();
        let (wish, mut told) = comes(1, "zhao");
        assert!(gallery.wished(false, false, wish).is_none());
        assert_eq!(over(&mut told), Some(SupervisionEnd::NotNow));
        assert!(told.is_closed(), "nobody can tell him anything any more");
        let _first = entered(&mut gallery, 2, "zhao");
        let (wish, mut told) = comes(3, "qian");
        assert!(gallery.wished(true, true, wish).is_none(), "one at a time");
        assert_eq!(over(&mut told), Some(SupervisionEnd::Busy));
        assert!(told.is_closed());
    }

    #[test]
    fn r4_4b_an_entry_that_is_over_changes_nothing_in_the_one_after_it() {
        let mut gallery = Gallery::default();
        let mut first = entered(&mut gallery, 1, "zhao");
        let mut second = entered(&mut gallery, 2, "zhao");
        assert_eq!(over(&mut first), Some(SupervisionEnd::Elsewhere), "the page before is told");
        assert!(gallery.wished(true, true, Wish::Change(1, Supervision::Barge)).is_none());
        let change = gallery.wished(true, true, Wish::Change(2, Supervision::Whisper));
        assert!(matches!(change, Some(Input::Supervision(Supervision::Whisper))));
        assert!(over(&mut second).is_none());
        // And news of the leg before are none of this one's.
        gallery.present.as_mut().unwrap().leg = Some(22);
        assert!(gallery.is_at(22) && !gallery.is_at(21));
        gallery.told(Told::SupervisionOver(SupervisionEnd::Lost));
        assert!(!gallery.is_at(22));
    }

    #[tokio::test]
    async fn r4_4b_who_hears_his_news_no_more_has_left() {
        let mut gallery = Gallery::default();
        let told = entered(&mut gallery, 1, "zhao");
        {
            let mut left = std::pin::pin!(gallery.left());
            tokio::select! {
                biased;
                _ = &mut left => panic!("he is there"),
                () = std::future::ready(()) => {}
            }
            drop(told);
            assert!(matches!(left.await, Input::SupervisorGone(SupervisionEnd::Left)));
        }
    }
}
