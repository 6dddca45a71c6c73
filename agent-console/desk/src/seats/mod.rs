//! Seats: one actor per agent at work.
//!
//! A seat takes the browser's commands and the call's events in one queue, so nothing
//! about an agent's work is shared or locked. It outlives a reload: the browser attaches
//! again and gets a snapshot. Without a browser it is off line and is offered nothing.

mod bell;
mod call;
mod command;
mod dial;
mod events;
mod follow;
mod frames;
mod handed;
mod heard;
mod incoming;
mod presence;
mod seat;
mod show;
mod supervision;
mod talk;
mod targets;
mod ticks;
mod transfer;
mod unready;
mod ways;
mod work;
mod wrap_up;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::Value;
pub use songda_calls::{Moment, Moments, OverseerNews, Supervision, SupervisionEnd, TransferMode};
use songda_people::{Actor, courts::Court};
use songda_recordings::said::Said;
use songda_service::{
    outcomes::{self, Saved},
    tasks,
};
use songda_store::alarms;
use tokio::sync::{Mutex, broadcast, mpsc, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use bell::{Bell, Ring, bell};
pub(crate) use call::{ended_by, line_facts, lost_end};
pub use command::Command;
pub use handed::{HandedCall, TransferOffer};
pub use seat::AgentState;
pub use supervision::Watch;
use targets::House;
pub use targets::{Colleague, DeskPhone, takes_calls};

use crate::{
    DeskError, Ground,
    inbound::Changes,
    outcomes::{draft::Form, owed},
    recovery, work_orders,
};

/// A seat at which a call may ring.
#[derive(Debug, Clone)]
pub(crate) struct Free {
    /// Agent.
    pub(crate) agent: String,
    /// His seat.
    pub(crate) seat: mpsc::Sender<Command>,
    /// He still owes the outcome of a call.
    pub(crate) owes: bool,
}

/// A seat as supervisors see it.
#[derive(Debug, Clone)]
pub struct SeatView {
    /// User.
    pub user_id: String,
    /// Name.
    pub name: String,
    /// 工号.
    pub staff_no: String,
    /// Court.
    pub court_id: String,
    /// State.
    pub state: AgentState,
    /// Since when, unix milliseconds.
    pub since_ms: i64,
    /// When the time after the call should be over, unix milliseconds.
    pub due_ms: Option<i64>,
    /// The agent's sound is gone from a live call; until when he must be back.
    pub away_until_ms: Option<i64>,
    /// How well both ends of a live call were heard in the last seconds.
    pub quality: Option<Moments>,
    /// A call rings there.
    pub rings: bool,
    /// A browser is there.
    pub attended: bool,
    /// The call on the line.
    pub call: Option<CallView>,
}

/// A live call as supervisors see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallView {
    /// Call.
    pub call_id: String,
    /// Its clock runs from here, Unix milliseconds: the same for everybody who sees it.
    pub since_ms: i64,
    /// The party answered, and the call is not ending: it may be supervised.
    pub answered: bool,
    /// What a supervisor does in it, `listen`, `whisper` or `barge`, and his name.
    pub supervised: Option<(&'static str, String)>,
}

/// Whether agents are at what may not be cut short.
enum Busy {
    Nobody,
    /// Somebody has a call.
    Calling,
    /// The time after somebody's call is over by then.
    After(Duration),
}

/// A seat ends the time after its calls by itself; after this the house does.
const UNATTENDED_MS: i64 = 10_000;

struct Chair {
    commands: mpsc::Sender<Command>,
    view: watch::Receiver<SeatView>,
}

/// All seats of the house.
#[derive(Clone)]
pub struct Seats {
    ground: Ground,
    chairs: Arc<Mutex<HashMap<String, Chair>>>,
    lines: Arc<AtomicU64>,
    /// Counts what changes at any seat.
    changes: Arc<watch::Sender<u64>>,
    /// Counts what changes in the queue.
    queue: Arc<watch::Sender<u64>>,
    tasks: TaskTracker,
    cancel: CancellationToken,
    /// The house closes: no seat gets new work, and what is at hand is finished.
    closing: CancellationToken,
    /// Held while legs of silent trunks are being ended.
    ending: Arc<Mutex<()>>,
    /// Sessions that were signed out of.
    over: broadcast::Sender<String>,
}

/// Sessions that are over and that a line may not have heard of yet.
const OVER: usize = 64;

impl Seats {
    /// An empty house.
    pub fn new(ground: Ground, cancel: CancellationToken) -> Self {
        Self {
            ground,
            chairs: Arc::default(),
            lines: Arc::default(),
            changes: Arc::new(watch::Sender::new(0)),
            queue: Arc::new(watch::Sender::new(0)),
            tasks: TaskTracker::new(),
            cancel,
            closing: CancellationToken::new(),
            ending: Arc::default(),
            over: broadcast::Sender::new(OVER),
        }
    }

    /// The seat of this agent; it is set up on first use.
    pub async fn seat(&self, actor: &Actor, court: &Court) -> mpsc::Sender<Command> {
        let mut chairs = self.chairs.lock().await;
        if let Some(chair) = chairs.get(&actor.user_id).filter(|chair| !chair.commands.is_closed()) {
            return chair.commands.clone();
        }
        let (commands, inbox) = mpsc::channel(64);
        let (show, view) = watch::channel(SeatView {
            user_id: actor.user_id.clone(),
            name: actor.name.clone(),
            staff_no: actor.staff_no.clone(),
            court_id: actor.court_id.clone(),
            state: AgentState::Offline,
            since_ms: self.ground.clock.now_ms(),
            due_ms: None,
            away_until_ms: None,
            quality: None,
            rings: false,
            attended: false,
            call: None,
        });
        let (ground, changes, house) = (self.ground.clone(), self.changes.clone(), House::of(self));
        let seat = seat::Seat::new(ground, actor.clone(), court.clone(), show, changes, house);
        let cancel = self.cancel.clone();
        self.tasks.spawn(seat.run(inbox, cancel));
        chairs.insert(actor.user_id.clone(), Chair { commands: commands.clone(), view });
        commands
    }

    /// The seat of an agent, if he has one.
    pub(crate) async fn chair(&self, agent: &str) -> Option<mpsc::Sender<Command>> {
        self.chairs.lock().await.get(agent).map(|chair| chair.commands.clone())
    }

    /// Told whenever something changes at some seat.
    pub(crate) fn changes(&self) -> Changes {
        self.changes.subscribe()
    }

    /// Seats at which a call may ring, in this order: ready ones, idle for longest first; then
    /// those with a work order that was not dialled yet, the newest first; then those that still
    /// owe an outcome, which take only a caller of their own. None at which one rings.
    pub(crate) async fn free(&self, court: &str) -> Vec<Free> {
        let chairs = self.chairs.lock().await;
        let mut found: Vec<(u8, i64, Free)> = chairs
            .values()
            .filter_map(|chair| {
                let view = chair.view.borrow();
                let place = match view.state {
                    AgentState::Ready => (0, view.since_ms),
                    AgentState::Reserved => (1, -view.since_ms),
                    AgentState::WrapUp => (2, view.since_ms),
                    _ => return None,
                };
                let owes = view.state == AgentState::WrapUp;
                let free = Free { agent: view.user_id.clone(), seat: chair.commands.clone(), owes };
                (view.court_id == court && !view.rings).then_some((place.0, place.1, free))
            })
            .collect();
        found.sort_by_key(|(kind, since, _)| (*kind, *since));
        found.into_iter().map(|(_, _, free)| free).collect()
    }

    /// A number for a browser's line, never given twice.
    pub fn next_line(&self) -> u64 {
        self.lines.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Gives work orders back whose time is over, tells who held them, and lets every ready
    /// seat look at the queue, where something may have become due.
    pub async fn tick(&self) -> Result<usize, DeskError> {
        let expired = work_orders::expire_all(&self.ground.db, &self.ground.clock).await?;
        for order in &expired {
            let seat = self.chairs.lock().await.get(&order.agent).map(|chair| chair.commands.clone());
            if let Some(seat) = seat {
                let _ = seat.send(Command::Expired { work_order: order.id.clone() }).await;
            }
        }
        self.leave_overdue().await?;
        self.end_left();
        for call in owed::unsettled(&self.ground.db, self.ground.clock.now_ms()).await? {
            let text = "the outcome of a call is owed for more than thirty minutes: its agent has to save it";
            let said = Said::new("desk.owed", text);
            alarms::raise(&self.ground.db, &self.ground.clock, "desk.owed", &call, &said).await?;
        }
        self.queue_changed();
        Ok(expired.len())
    }

    /// Legs of trunks that fell silent are ended, one after the other, beside everything else.
    fn end_left(&self) {
        let Ok(turn) = self.ending.clone().try_lock_owned() else { return };
        let (ground, cancel) = (self.ground.clone(), self.cancel.clone());
        self.tasks.spawn(async move {
            tokio::select! {
                () = cancel.cancelled() => {}
                ended = recovery::end_left(&ground) => if let Err(error) = ended {
                    tracing::error!(%error, "a leg of a trunk that fell silent could not be ended");
                }
            }
            drop(turn);
        });
    }

    /// Outcomes whose time is long up and that no seat looks after are owed from now on.
    async fn leave_overdue(&self) -> Result<(), DeskError> {
        for call in owed::overdue(&self.ground.db, self.ground.clock.now_ms() - UNATTENDED_MS).await? {
            if !owed::leave(&self.ground, None, &call, owed::Why::AgentGone).await? {
                continue;
            }
            let seat = self.chairs.lock().await.get(&call.agent_id).map(|chair| chair.commands.clone());
            if let Some(seat) = seat {
                let _ = seat.send(Command::LeftForLater { call: call.id }).await;
            }
        }
        Ok(())
    }

    /// Every seat that was used since the start.
    pub async fn views(&self, court: &str) -> Vec<SeatView> {
        let chairs = self.chairs.lock().await;
        chairs.values().map(|chair| chair.view.borrow().clone()).filter(|view| view.court_id == court).collect()
    }

    /// Tells every seat that the queue changed, without a place in its inbox: however often,
    /// it looks once.
    pub fn queue_changed(&self) {
        self.queue.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// What the seats stand on.
    pub fn ground(&self) -> &Ground {
        &self.ground
    }

    /// Saves the outcome of a call (R4.1d) and lets the seat go on.
    pub async fn save_outcome(&self, actor: &Actor, call: &str, form: Form) -> Result<Saved, DeskError> {
        let saved = crate::outcomes::save(&self.ground, actor, call, form).await?;
        let seat = self.chairs.lock().await.get(&actor.user_id).map(|chair| chair.commands.clone());
        if let Some(seat) = seat {
            let _ = seat.send(Command::OutcomeSaved { call: call.to_owned() }).await;
        }
        self.queue_changed();
        Ok(saved)
    }

    /// Sessions that are signed out of from here on.
    pub fn sessions_over(&self) -> broadcast::Receiver<String> {
        self.over.subscribe()
    }

    /// Somebody signed out: his browser is told and let go, and he supervises nobody.
    pub async fn signed_out(&self, actor: &Actor) {
        // Mostly nobody listens.
        let _ = self.over.send(actor.session.clone());
        let seat = self.chairs.lock().await.get(&actor.user_id).map(|chair| chair.commands.clone());
        if let Some(seat) = seat {
            let _ = seat.send(Command::SignedOut { session: actor.session.clone() }).await;
        }
    }

    /// How the queue of a court stands.
    pub async fn queue(&self, court: &str) -> Result<tasks::Queue, DeskError> {
        Ok(tasks::queue(&self.ground.db, &self.ground.clock, court).await?)
    }

    /// No seat gets new work or places a call from now on; agents are told so. Calls that are
    /// under way go on, and so does the time after them.
    pub fn drain(&self) {
        self.closing.cancel();
    }

    /// Whether the house closes.
    pub fn is_closing(&self) -> bool {
        self.closing.is_cancelled()
    }

    /// Waits until no agent has a call, and none who is there is within the time after one.
    pub async fn quiet(&self) {
        let mut changes = self.changes();
        loop {
            let left = match self.busy().await {
                Busy::Nobody => return,
                Busy::Calling => None,
                Busy::After(left) => Some(left),
            };
            tokio::select! {
                // The sender is ours: the channel does not close.
                _ = changes.changed() => {}
                () = seat::after(left) => {}
            }
        }
    }

    async fn busy(&self) -> Busy {
        let now_ms = self.ground.clock.now_ms();
        let chairs = self.chairs.lock().await;
        let mut busy = Busy::Nobody;
        for chair in chairs.values() {
            let view = chair.view.borrow();
            match (view.state, view.due_ms) {
                (AgentState::Calling, _) => return Busy::Calling,
                (AgentState::WrapUp, Some(due_ms)) if view.attended && due_ms > now_ms => {
                    busy = Busy::After(Duration::from_millis((due_ms - now_ms).unsigned_abs()));
                }
                _ => {}
            }
        }
        busy
    }

    /// Ends every call and waits for the seats.
    pub async fn close(&self) {
        self.cancel.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Catalogue entry of a technical code as frames and pages show it.
pub fn technical_words(code: &str) -> Value {
    match outcomes::catalogue().ok().and_then(|catalogue| catalogue.technical(code)) {
        Some(item) => serde_json::json!({ "code": item.code, "zh": item.zh, "en": item.en }),
        None => serde_json::json!({ "code": code, "zh": code, "en": code }),
    }
}
