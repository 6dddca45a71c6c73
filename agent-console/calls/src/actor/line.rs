//! The way to the carrier: its address is looked for, what ends the leg is kept by the desk,
//! then the call is placed and its leg speaks. A way that fails before it rings is followed by
//! the next one: one leg at a time, and the machine hears of the last one only.

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use songda_media::CallMedia;
use songda_sip::{EndCause, Ended, Leg, LegEvent, NoTrunk, PreparedLeg, Reason, SavedLeg, Seat, may_fail_over};
use tokio::{
    sync::{mpsc, oneshot},
    time::{sleep_until, timeout},
};

use super::ways::{self, Try};
use crate::{
    causes,
    events::CallEvent,
    facts::{Farewell, Fault},
    machine::Input,
    switchboard::SwitchboardConfig,
};

/// Why a call cannot be placed, and whose fault that is.
type Refusal = (Fault, String);
/// A trunk that takes so many calls in a second is waited for so long.
const PATIENCE: Duration = Duration::from_secs(2);
type Preparing = Pin<Box<dyn Future<Output = Result<Prepared, Refusal>> + Send>>;

/// A call that may be placed, with its place on the trunk.
pub(super) struct Prepared {
    leg: Box<PreparedLeg>,
    seat: Option<Seat>,
}

/// What the line stands on.
pub(super) struct Ground<'a> {
    pub(super) board: &'a Arc<SwitchboardConfig>,
    pub(super) media: &'a CallMedia,
    pub(super) events: &'a mpsc::Sender<CallEvent>,
}

/// The line of one call.
pub(super) struct Line {
    state: State,
    /// Ways that were not tried yet.
    ways: VecDeque<Try>,
    /// Which way is tried, from 0.
    way: usize,
    /// The place on its trunk, kept as long as the leg.
    seat: Option<Seat>,
}

enum State {
    /// Nothing was asked for, or it is over.
    Idle,
    /// Everything that comes before the INVITE. Dropped, nothing goes out.
    Preparing(Preparing),
    /// The call was placed; when it has ended, its last word may still come.
    Up(Box<Leg>, Progress),
    /// Signalling stopped, and took the leg with it.
    Lost,
}

/// How far the leg is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Progress {
    /// Nothing rings yet; after this moment the next way is taken, when there is one.
    Waiting { until: Instant },
    /// It took too long: it is given up for the next way.
    GivenUp,
    /// It was answered after all, while it was given up.
    TooLate,
    /// It failed: the next way is taken once nothing of it is left.
    Failed(Ended),
    /// It rang, or we hang up: no other way is taken any more.
    Settled,
}

/// A step of the line.
pub(super) enum Step {
    /// It may be placed, or not.
    Prepared(Result<Prepared, Refusal>),
    /// The leg spoke; nothing when signalling is gone.
    Spoke(Option<LegEvent>),
    /// Nothing rang in time.
    Overdue,
}

impl Line {
    pub(super) fn idle() -> Self {
        Self { state: State::Idle, ways: VecDeque::new(), way: 0, seat: None }
    }

    /// Tries these ways, one after the other.
    pub(super) async fn dial(&mut self, ground: &Ground<'_>, ways: VecDeque<Try>) {
        self.ways = ways;
        if !self.next_way(ground).await {
            self.state = State::Preparing(Box::pin(async { Err((Fault::Desk, "there is no way to try".into())) }));
        }
    }

    /// Begins with the next way; false when there is none.
    async fn next_way(&mut self, ground: &Ground<'_>) -> bool {
        let Some(next) = self.ways.pop_front() else { return false };
        self.way = next.way;
        // Each trunk is offered its own codecs.
        self.state = State::Preparing(match next.offer(ground.media).await {
            Ok(offer) => Box::pin(prepare(ground.board.clone(), next, offer, ground.events.clone())),
            Err(error) => Box::pin(async move { Err((Fault::Desk, error.to_string())) }),
        });
        true
    }

    /// A call that came in is this call's leg from here on; there is no other way.
    pub(super) fn take_up(&mut self, leg: Leg) {
        self.ways.clear();
        self.state = State::Up(Box::new(leg), Progress::Settled);
    }

    /// Waits for the next step. May be dropped at any time; [`Line::take`] may not.
    pub(super) async fn step(&mut self) -> Step {
        match &mut self.state {
            State::Idle | State::Lost => std::future::pending().await,
            State::Preparing(preparing) => Step::Prepared(preparing.await),
            State::Up(leg, Progress::Waiting { until }) if !self.ways.is_empty() => tokio::select! {
                event = leg.next() => Step::Spoke(event),
                () = tokio::time::sleep_until((*until).into()) => Step::Overdue,
            },
            State::Up(leg, _) => Step::Spoke(leg.next().await),
        }
    }

    /// Makes the step; what the machine must know of it.
    pub(super) async fn take(&mut self, step: Step, ground: &Ground<'_>) -> Option<Input> {
        match step {
            Step::Prepared(prepared) => self.prepared(prepared, ground).await,
            Step::Overdue => {
                if let State::Up(leg, progress) = &mut self.state {
                    tracing::warn!(sip_call_id = %leg.call_id(), "nothing rings on this trunk: the next one is tried");
                    *progress = Progress::GivenUp;
                    if let Some(seat) = &self.seat {
                        seat.suspect();
                    }
                    leg.handle().hang_up_with(causes::NOTHING_RINGS).await;
                }
                None
            }
            Step::Spoke(Some(LegEvent::Saved(saved))) => {
                // The answer is acknowledged when the leg is asked for more: killed before it
                // is kept, a later run hears the answer again and hangs up. What cannot be
                // kept then is no reason to stop talking.
                let (event, kept) = leg_saved(*saved, self.way);
                let _ = ground.events.send(event).await;
                let _ = timeout(ways::KEEP_ANSWERED, kept).await;
                None
            }
            Step::Spoke(Some(LegEvent::Ended(ended))) => self.ended(ended),
            Step::Spoke(Some(LegEvent::Down { answered })) => self.down(answered, ground).await,
            Step::Spoke(Some(event)) => self.spoke(event),
            Step::Spoke(None) => {
                if let State::Up(_, Progress::Failed(_)) = self.state {
                    return self.down(false, ground).await;
                }
                *self = Self { state: State::Lost, ..Self::idle() };
                Some(Input::NotPlaced(Fault::Carrier, "signalling stopped".into()))
            }
        }
    }

    async fn prepared(&mut self, prepared: Result<Prepared, Refusal>, ground: &Ground<'_>) -> Option<Input> {
        self.state = State::Idle;
        let placed = match prepared {
            Ok(Prepared { leg, seat }) => {
                self.seat = seat;
                let placed = ground.board.endpoint.place(*leg).await;
                placed.map_err(|error| (Fault::Carrier, error.to_string()))
            }
            Err(refusal) => Err(refusal),
        };
        match placed {
            Ok(leg) => {
                tracing::info!(sip_call_id = %leg.call_id(), way = self.way, "INVITE sent");
                let until = Instant::now() + ways::set_up_limit(ground.board.ring_limit);
                self.state = State::Up(Box::new(leg), Progress::Waiting { until });
                None
            }
            Err((Fault::Carrier, reason)) if !self.ways.is_empty() => {
                tracing::warn!(way = self.way, reason, "a trunk takes no call: the next one is tried");
                let failed =
                    CallEvent::TryFailed { way: self.way, status: None, q850: None, cause: reason, down: true };
                let _ = ground.events.send(failed).await;
                self.next_way(ground).await;
                None
            }
            Err((Fault::LinesBusy, reason)) if !self.ways.is_empty() => {
                tracing::info!(way = self.way, reason, "a trunk has no place for a call: the next one is asked");
                self.next_way(ground).await;
                None
            }
            Err((fault, reason)) => Some(Input::NotPlaced(fault, reason)),
        }
    }

    fn spoke(&mut self, event: LegEvent) -> Option<Input> {
        let State::Up(_, progress) = &mut self.state else { return Some(Input::Leg(event)) };
        match (&event, &*progress) {
            // What is given up says nothing to anybody any more.
            (LegEvent::Answered { .. }, Progress::GivenUp | Progress::TooLate) => {
                *progress = Progress::TooLate;
                return None;
            }
            (_, Progress::GivenUp | Progress::TooLate | Progress::Failed(_)) => return None,
            (LegEvent::Trying, _) => {}
            _ => *progress = Progress::Settled,
        }
        Some(Input::Leg(event))
    }

    /// A leg that failed before it rang is waited for until nothing of it is left.
    fn ended(&mut self, ended: Ended) -> Option<Input> {
        self.say_of_trunk(&ended);
        if let State::Up(_, progress) = &mut self.state {
            let again = match progress {
                Progress::Waiting { .. } => may_fail_over(&ended),
                Progress::GivenUp => true,
                Progress::Failed(_) | Progress::TooLate | Progress::Settled => false,
            };
            if again && !self.ways.is_empty() {
                *progress = Progress::Failed(ended);
                return None;
            }
        }
        Some(Input::Leg(LegEvent::Ended(ended)))
    }

    /// What this end says of the trunk, before the next call finds out.
    fn say_of_trunk(&self, ended: &Ended) {
        let Some(seat) = &self.seat else { return };
        match (ended.retry_after, ended.cause) {
            (Some(rest), _) => seat.rest(rest),
            (None, EndCause::Timeout | EndCause::Transport) => seat.suspect(),
            (None, _) => {}
        }
    }

    async fn down(&mut self, answered: bool, ground: &Ground<'_>) -> Option<Input> {
        let State::Up(_, Progress::Failed(ended)) = &self.state else { return None };
        let ended = ended.clone();
        tracing::warn!(way = self.way, status = ended.status, "a trunk failed before it rang: the next one is tried");
        self.seat = None;
        let failed = CallEvent::TryFailed {
            way: self.way,
            status: ended.status,
            q850: ended.q850,
            cause: ways::words(ended.cause).into(),
            // Whoever said nothing may still ring somewhere.
            down: answered || ended.status.is_some() || ended.cause == EndCause::Transport,
        };
        let _ = ground.events.send(failed).await;
        if self.next_way(ground).await {
            return None;
        }
        self.state = State::Idle;
        Some(Input::Leg(LegEvent::Ended(ended)))
    }

    /// What is left of it when the call is over.
    pub(super) fn farewell(self) -> Farewell {
        match self.state {
            State::Idle | State::Preparing(_) => Farewell::over(),
            State::Up(leg, _) => Farewell::of(leg),
            State::Lost => Farewell::unknown(),
        }
    }

    /// CANCEL or BYE, and why; when nothing went out yet, nothing will. No other way is taken.
    pub(super) async fn hang_up(&mut self, why: Reason) -> Option<Input> {
        self.ways.clear();
        match &mut self.state {
            // It is over already; its end was kept from the machine until now.
            State::Up(_, Progress::Failed(ended)) => {
                return Some(Input::Leg(LegEvent::Ended(ended.clone())));
            }
            State::Up(leg, progress) => {
                *progress = Progress::Settled;
                leg.handle().hang_up_with(why).await;
                return None;
            }
            State::Idle | State::Preparing(_) | State::Lost => {}
        }
        self.state = State::Idle;
        Some(Input::NeverDialled)
    }
}

async fn prepare(
    ground: Arc<SwitchboardConfig>,
    tried: Try,
    offer: String,
    events: mpsc::Sender<CallEvent>,
) -> Result<Prepared, Refusal> {
    let (way, trunk) = (tried.way, tried.trunk().to_owned());
    let mut call = tried.call(offer, ground.ring_limit);
    let offered = call.trunk.sound;
    let seat = seat(&ground, &trunk).await?;
    if let Some(seat) = &seat {
        call.trunk = seat.trunk();
    }
    let target = ground.endpoint.resolve(&call.trunk).await.map_err(|error| (Fault::Carrier, error.to_string()))?;
    // Signalling may not know yet what was changed a moment ago: no key goes the old way.
    if call.trunk.sound != offered || offered.srtp.over(target.first().protocol) != Some(offered.srtp) {
        return Err((Fault::Carrier, "the trunk is being changed".into()));
    }
    let prepared = ground.endpoint.prepare(call, target);
    let (event, kept) = leg_saved(prepared.saved().clone(), way);
    let _ = events.send(event).await;
    match timeout(ways::KEEP_LIMIT, kept).await {
        Ok(Ok(())) => Ok(Prepared { leg: Box::new(prepared), seat }),
        Ok(Err(_)) => Err((Fault::Desk, "what ends its leg could not be kept".into())),
        Err(_) => Err((Fault::Desk, "what ends its leg was not kept in time".into())),
    }
}

/// A place on the trunk; none on one that was entered a moment ago.
async fn seat(ground: &SwitchboardConfig, trunk: &str) -> Result<Option<Seat>, Refusal> {
    let until = Instant::now() + PATIENCE;
    loop {
        return match ground.endpoint.choose(vec![trunk.to_owned()]).await {
            Ok(seat) => Ok(Some(seat)),
            Err(NoTrunk::Unknown) => Ok(None),
            // Its turn comes within the second.
            Err(NoTrunk::TooFast { again }) if again <= until => {
                sleep_until(again.into()).await;
                continue;
            }
            Err(why @ (NoTrunk::Full | NoTrunk::TooFast { .. })) => Err((Fault::LinesBusy, why.to_string())),
            Err(why) => Err((Fault::Carrier, why.to_string())),
        };
    }
}

fn leg_saved(saved: SavedLeg, way: usize) -> (CallEvent, oneshot::Receiver<()>) {
    let (kept, answer) = oneshot::channel();
    (CallEvent::LegSaved { saved: Box::new(saved), way, kept }, answer)
}
