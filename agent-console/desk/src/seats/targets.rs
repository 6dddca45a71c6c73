//! To whom a call may be handed: colleagues of the court at the desk, and its desk phones.

use std::{collections::HashMap, sync::Weak};

use songda_calls::TransferTo;
use tokio::sync::{Mutex, mpsc, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Chair, Command, Seats,
    seat::{AgentState, Seat},
};
use crate::{DeskError, calls::transfers::TargetKind, telephony::phones};

/// What a seat knows of the house around it.
#[derive(Clone)]
pub(super) struct House {
    chairs: Weak<Mutex<HashMap<String, Chair>>>,
    pub(super) tasks: TaskTracker,
    pub(super) cancel: CancellationToken,
    /// Counts what changes in the queue.
    pub(super) queue: watch::Receiver<u64>,
    /// Cancelled once the house closes.
    pub(super) closing: CancellationToken,
}

impl House {
    pub(super) fn of(seats: &Seats) -> Self {
        Self {
            chairs: std::sync::Arc::downgrade(&seats.chairs),
            tasks: seats.tasks.clone(),
            cancel: seats.cancel.clone(),
            queue: seats.queue.subscribe(),
            closing: seats.closing.clone(),
        }
    }

    /// The seat of an agent, if he has one.
    pub(super) async fn chair(&self, agent: &str) -> Option<mpsc::Sender<Command>> {
        let chairs = self.chairs.upgrade()?;
        let chairs = chairs.lock().await;
        chairs.get(agent).map(|chair| chair.commands.clone())
    }

    /// A colleague's seat with his name and state.
    async fn colleague(&self, court: &str, agent: &str) -> Option<(mpsc::Sender<Command>, String, AgentState)> {
        let chairs = self.chairs.upgrade()?;
        let chairs = chairs.lock().await;
        let chair = chairs.get(agent)?;
        let view = chair.view.borrow();
        (view.court_id == court).then(|| (chair.commands.clone(), view.name.clone(), view.state))
    }
}

/// Whoever rings.
pub(super) struct Target {
    pub(super) name: String,
    /// A colleague's.
    pub(super) seat: Option<mpsc::Sender<Command>>,
    pub(super) to: TransferTo,
}

/// Why nobody rings: code and words.
type Refusal = (&'static str, &'static str);

/// A colleague who may be handed a call.
#[derive(Debug, Clone)]
pub struct Colleague {
    /// User.
    pub user_id: String,
    /// Name.
    pub name: String,
    /// 工号.
    pub staff_no: String,
    /// What he is doing.
    pub state: AgentState,
}

/// A desk phone of the court.
#[derive(Debug, Clone)]
pub struct DeskPhone {
    /// Id.
    pub id: String,
    /// What is shown.
    pub name: String,
    /// Its number in the house.
    pub extension: String,
    /// A device is registered.
    pub registered: bool,
}

/// Whether a call may ring at a seat in this state.
pub fn takes_calls(state: AgentState) -> bool {
    matches!(state, AgentState::Ready | AgentState::Reserved)
}

impl Seat {
    pub(super) async fn target(&self, kind: TargetKind, to: &str) -> Result<Result<Target, Refusal>, DeskError> {
        if to == self.actor.user_id {
            return Ok(Err(("transfer.unknown", "a call is not handed to oneself")));
        }
        match kind {
            TargetKind::Seat => Ok(self.colleague(to).await),
            TargetKind::Phone => self.desk_phone(to).await,
        }
    }

    async fn colleague(&self, agent: &str) -> Result<Target, Refusal> {
        match self.house.colleague(&self.actor.court_id, agent).await {
            None => Err(("transfer.unknown", "there is no such colleague at the desk")),
            Some((_, _, state)) if !takes_calls(state) => Err(("transfer.busy", "the colleague is not free")),
            Some((seat, name, _)) => Ok(Target { name, seat: Some(seat), to: TransferTo::Desk }),
        }
    }
}

impl Seat {
    async fn desk_phone(&self, id: &str) -> Result<Result<Target, Refusal>, DeskError> {
        let phones = phones::active(&self.ground.db, &self.actor.court_id).await?;
        let Some(phone) = phones.into_iter().find(|phone| phone.id == id) else {
            return Ok(Err(("transfer.unknown", "there is no such desk phone")));
        };
        let targets = self.ground.switchboard.endpoint().phone(&phone.extension).await;
        if targets.is_empty() {
            return Ok(Err(("transfer.unreachable", "no device of this desk phone is registered")));
        }
        // What the phone shows: who hands the call over, and no number.
        let rung = songda_calls::DeskPhone {
            user: phone.extension,
            targets,
            caller_name: format!("{} 转接", self.actor.name),
        };
        Ok(Ok(Target { name: phone.name, seat: None, to: TransferTo::Phone(rung) }))
    }
}

impl Seats {
    /// Desk phones of a court.
    pub async fn desk_phones(&self, court: &str) -> Result<Vec<DeskPhone>, DeskError> {
        let mut found = Vec::new();
        for phone in phones::active(&self.ground.db, court).await? {
            let registered = !self.ground.switchboard.endpoint().phone(&phone.extension).await.is_empty();
            found.push(DeskPhone { id: phone.id, name: phone.name, extension: phone.extension, registered });
        }
        Ok(found)
    }

    /// Colleagues of an agent who were at the desk since the start, the free ones first.
    pub async fn colleagues(&self, court: &str, agent: &str) -> Vec<Colleague> {
        let views = self.views(court).await;
        let mut found: Vec<Colleague> = views
            .into_iter()
            .filter(|view| view.user_id != agent)
            .map(|view| Colleague {
                user_id: view.user_id,
                name: view.name,
                staff_no: view.staff_no,
                state: view.state,
            })
            .collect();
        found.sort_by(|a, b| {
            let place = |it: &Colleague| (!takes_calls(it.state), it.state == AgentState::Offline);
            place(a).cmp(&place(b)).then_with(|| a.staff_no.cmp(&b.staff_no))
        });
        found
    }
}
