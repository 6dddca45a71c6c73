//! What the clones of an endpoint ask its task to do.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::leg::PreparedLeg;
use crate::{
    call::{FinishError, Finished, LegEvent, Reason, RefOutcome, Rejection, SavedLeg, Trunk},
    flow::Flow,
};

pub(super) enum Command {
    Place { leg: Box<PreparedLeg>, events: mpsc::Sender<LegEvent>, id: oneshot::Sender<String> },
    Leg { id: String, order: Order },
    Finish { saved: Box<SavedLeg>, trunk: Box<Trunk>, done: oneshot::Sender<Result<Finished, FinishError>> },
    Probe { domain: String, target: Flow, done: oneshot::Sender<bool> },
    Close { limit: Duration, done: oneshot::Sender<bool> },
}

/// What the owner of one leg wants.
pub(super) enum Order {
    Kept,
    Ring,
    Progress(String),
    Answer(String),
    Reject(Rejection),
    HangUp(Reason),
    Reoffer(String),
    Referred(RefOutcome),
    Trust,
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Command")
    }
}
