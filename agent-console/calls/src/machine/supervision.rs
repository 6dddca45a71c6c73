//! A supervisor in a call (R4.4b). He is beside it: who hears whom is the bridge's, and
//! whatever becomes of him, the call goes on as it was.

use std::time::Instant;

use songda_media::Supervision;

use super::{BROWSER_LIMIT, Do, Machine, Phase, Told};
use crate::facts::SupervisionEnd;

/// The supervisor of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Supervisor {
    what: Supervision,
    /// His sound must be up by then; none when it is.
    until: Option<Instant>,
}

impl Machine {
    /// Whether a supervisor may come in: the party answered, and the call is not ending. While an
    /// extension is reached he may not: he could speak to somebody who has not heard the notice.
    pub fn takes_supervisor(&self) -> bool {
        self.phase == Phase::Answered && self.extension.due().is_none()
    }

    /// Whether one is in it, or on his way.
    pub fn is_supervised(&self) -> bool {
        self.supervisor.is_some()
    }

    /// A supervisor offers his sound. Whoever was it before is let go: one at a time, and whom
    /// to refuse is known to the actor.
    pub(super) fn supervise(&mut self, now: Instant, what: Supervision, sdp: String) {
        if !self.takes_supervisor() {
            return;
        }
        // The same one comes by another page: his time begins anew.
        self.supervision_over(SupervisionEnd::Elsewhere);
        self.supervisor = Some(Supervisor { what, until: Some(now + BROWSER_LIMIT) });
        self.out.push(Do::Supervise(what, sdp));
    }

    /// He listens, whispers or barges in from here on.
    pub(super) fn supervision(&mut self, what: Supervision) {
        let Some(supervisor) = self.supervisor.as_mut().filter(|supervisor| supervisor.what != what) else { return };
        supervisor.what = what;
        let is_up = supervisor.until.is_none();
        self.out.push(Do::Supervision(what));
        if is_up {
            self.tell(Told::Supervised(what));
        }
    }

    /// Somebody else takes the agent's place: what is whispered was meant for the agent before.
    pub(super) fn end_whisper(&mut self) {
        if self.supervisor.is_some_and(|supervisor| supervisor.what == Supervision::Whisper) {
            self.supervision(Supervision::Listen);
        }
    }

    /// His sound is up: from here on he hears.
    pub(super) fn supervisor_up(&mut self) {
        if let Some(supervisor) = self.supervisor.as_mut().filter(|supervisor| supervisor.until.is_some()) {
            supervisor.until = None;
            let what = supervisor.what;
            self.tell(Told::Supervised(what));
        }
    }

    /// He is in the call no more.
    pub(super) fn supervision_over(&mut self, why: SupervisionEnd) {
        if self.supervisor.take().is_some() {
            self.out.push(Do::DropSupervisor);
            self.tell(Told::SupervisionOver(why));
        }
    }

    pub(super) fn supervision_due(&self) -> Option<Instant> {
        self.supervisor?.until
    }

    /// His sound did not come up in time.
    pub(super) fn supervision_overdue(&mut self, now: Instant) {
        if self.supervision_due().is_some_and(|due| now >= due) {
            self.supervision_over(SupervisionEnd::Lost);
        }
    }
}
