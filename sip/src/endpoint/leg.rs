//! One call as its owner holds it.

use tokio::sync::mpsc;

use super::command::Command;
use crate::{
    call::{LegEvent, LegIds, OutboundCall, SavedLeg},
    flow::Flow,
};

/// A call that was placed. Dropping it hangs up.
#[derive(Debug)]
pub struct Leg {
    pub(super) events: mpsc::Receiver<LegEvent>,
    pub(super) handle: LegHandle,
    pub(super) saved: SavedLeg,
    /// [`LegEvent::Saved`] was handed out, and nobody asked for more yet.
    pub(super) keeping: bool,
}

/// A call that is ready to go out: its names on the wire are chosen, nothing was sent.
#[derive(Debug)]
pub struct PreparedLeg {
    pub(super) call: OutboundCall,
    pub(super) target: Flow,
    pub(super) ids: LegIds,
    pub(super) saved: SavedLeg,
}

impl PreparedLeg {
    /// What must be kept before it goes out, so that a later run can end it.
    pub fn saved(&self) -> &SavedLeg {
        &self.saved
    }
}

/// Hangs up a call; may be cloned.
#[derive(Debug, Clone)]
pub struct LegHandle {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) id: String,
}

impl Leg {
    /// The next event; none after [`LegEvent::Ended`]. Whoever asks has seen to the one before:
    /// what [`LegEvent::Saved`] told is kept.
    pub async fn next(&mut self) -> Option<LegEvent> {
        if self.keeping {
            let kept = Command::Kept { id: self.handle.id.clone() };
            self.keeping = self.handle.commands.try_send(kept).is_err();
        }
        let event = self.events.recv().await;
        self.keeping |= matches!(event, Some(LegEvent::Saved(_)));
        event
    }

    /// A handle that hangs up.
    pub fn handle(&self) -> LegHandle {
        self.handle.clone()
    }

    /// What must be kept of it until it is answered; from then on [`LegEvent::Saved`] counts.
    pub fn saved(&self) -> &SavedLeg {
        &self.saved
    }

    /// Call-ID, which may stand in logs.
    pub fn call_id(&self) -> &str {
        &self.handle.id
    }
}

impl Drop for Leg {
    fn drop(&mut self) {
        let _ = self.handle.commands.try_send(Command::HangUp { id: self.handle.id.clone() });
    }
}

impl LegHandle {
    /// CANCEL or BYE, whichever fits; nothing when the call is over.
    pub async fn hang_up(&self) {
        let _ = self.commands.send(Command::HangUp { id: self.id.clone() }).await;
    }
}
