//! The place of one call on a trunk.

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;

use super::command::{Command, Said, say};
use crate::call::Trunk;

/// What the driver answers.
#[derive(Debug)]
pub(super) struct Seated {
    pub(super) id: String,
    pub(super) trunk: Arc<Trunk>,
}

/// The place of one call on the trunk that was chosen for it. The call counts against the limits
/// of the trunk until this is dropped: keep it as long as the call lives.
#[derive(Debug)]
pub struct Seat {
    seated: Seated,
    commands: mpsc::Sender<Command>,
}

impl Seat {
    pub(super) fn new(seated: Seated, commands: mpsc::Sender<Command>) -> Self {
        Self { seated, commands }
    }

    /// Id of the trunk.
    pub fn id(&self) -> &str {
        &self.seated.id
    }

    /// What the call needs to know.
    pub fn trunk(&self) -> Arc<Trunk> {
        self.seated.trunk.clone()
    }

    /// The call met silence: the carrier is asked whether it is there before the next one finds
    /// out.
    pub fn suspect(&self) {
        self.say(Said::Suspect);
    }

    /// The carrier asked for a rest (503 with Retry-After): no new calls for so long.
    pub fn rest(&self, retry_after: Duration) {
        self.say(Said::Rest(retry_after));
    }

    fn say(&self, said: Said) {
        let _ = self.commands.try_send(Command::OfTrunk { id: self.seated.id.clone(), said });
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let said = Command::OfTrunk { id: self.seated.id.clone(), said: Said::Ended };
        say(&self.commands, said);
    }
}
