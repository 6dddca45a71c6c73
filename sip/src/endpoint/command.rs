//! What the clones of an endpoint ask its task to do.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::{
    leg::PreparedLeg,
    seat::Seated,
    trunks::{Found, Known},
};
use crate::{
    call::{FinishError, Finished, LegEvent, Reason, Rejection, SavedLeg, Trunk},
    edge::LadderLine,
    flow::Flow,
    registrar::{Device, PhoneAccount, Target},
    trunk::{NoTrunk, TrunkSettings},
};

pub(super) enum Command {
    Place {
        leg: Box<PreparedLeg>,
        events: mpsc::Sender<LegEvent>,
        id: oneshot::Sender<String>,
    },
    Leg {
        id: String,
        order: Order,
    },
    Finish {
        saved: Box<SavedLeg>,
        trunk: Box<Trunk>,
        done: oneshot::Sender<Result<Finished, FinishError>>,
    },
    Probe {
        domain: String,
        target: Flow,
        done: oneshot::Sender<bool>,
    },
    /// These are the trunks now.
    Trunks(Vec<TrunkSettings>),
    /// A request of the board can go.
    Found(Found),
    /// Who may send for a trunk.
    Known(Known),
    Choose {
        among: Vec<String>,
        done: oneshot::Sender<Result<Seated, NoTrunk>>,
    },
    OfTrunk {
        id: String,
        said: Said,
    },
    /// These are the desk phones now.
    Phones(Vec<PhoneAccount>),
    Phone {
        user: String,
        done: oneshot::Sender<Vec<Target>>,
    },
    Devices {
        done: oneshot::Sender<Vec<(String, Vec<Device>)>>,
    },
    Ladder {
        call_id: String,
        done: oneshot::Sender<Vec<LadderLine>>,
    },
    Drain,
    Close {
        limit: Duration,
        done: oneshot::Sender<bool>,
    },
}

/// What is said of a trunk.
pub(super) enum Said {
    /// A call over it is over.
    Ended,
    /// A call met silence.
    Suspect,
    /// It asked for a rest.
    Rest(Duration),
    /// An operator wants it tried at once.
    Again,
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
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Command")
    }
}

/// Says what may not be lost where the task is behind for a moment: it waits for its turn.
pub(super) fn say(commands: &mpsc::Sender<Command>, command: Command) {
    if let Err(mpsc::error::TrySendError::Full(command)) = commands.try_send(command)
        && let Ok(runtime) = tokio::runtime::Handle::try_current()
    {
        let commands = commands.clone();
        runtime.spawn(async move { commands.send(command).await });
    }
}
