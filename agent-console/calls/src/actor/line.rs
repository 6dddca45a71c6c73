//! The way to the carrier: its address is looked for, what ends the leg is kept by the desk,
//! then the call is placed and its leg speaks.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use songda_sip::{Leg, LegEvent, OutboundCall, PreparedLeg, SavedLeg};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::{events::CallEvent, facts::Fault, machine::Input, switchboard::SwitchboardConfig};

/// The desk has this long to keep what ends the leg after a crash, or nothing goes out.
const KEEP_LIMIT: Duration = Duration::from_secs(3);

/// At the answer it has this long: the party already listens.
const KEEP_ANSWERED: Duration = Duration::from_secs(1);

/// Why a call cannot be placed, and whose fault that is.
type Refusal = (Fault, String);
type Preparing = Pin<Box<dyn Future<Output = Result<Box<PreparedLeg>, Refusal>> + Send>>;

pub(super) enum Line {
    /// Nothing was asked for, or it is over.
    Idle,
    /// Everything that comes before the INVITE. Dropped, nothing goes out.
    Preparing(Preparing),
    /// The call was placed.
    Up(Box<Leg>),
}

/// A step of the line.
pub(super) enum Step {
    /// It may be placed, or not.
    Prepared(Result<Box<PreparedLeg>, Refusal>),
    /// The leg spoke; nothing when signalling is gone.
    Spoke(Option<LegEvent>),
}

impl Line {
    pub(super) fn dial(&mut self, ground: Arc<SwitchboardConfig>, call: OutboundCall, events: mpsc::Sender<CallEvent>) {
        *self = Self::Preparing(Box::pin(prepare(ground, call, events)));
    }

    /// Waits for the next step. May be dropped at any time; [`Line::take`] may not.
    pub(super) async fn step(&mut self) -> Step {
        match self {
            Self::Idle => std::future::pending().await,
            Self::Preparing(preparing) => Step::Prepared(preparing.await),
            Self::Up(leg) => Step::Spoke(leg.next().await),
        }
    }

    /// Makes the step; what the machine must know of it.
    pub(super) async fn take(
        &mut self,
        step: Step,
        ground: &SwitchboardConfig,
        events: &mpsc::Sender<CallEvent>,
    ) -> Option<Input> {
        let prepared = match step {
            Step::Prepared(prepared) => prepared,
            Step::Spoke(Some(LegEvent::Saved(saved))) => {
                // The answer is acknowledged when the leg is asked for more: killed before it
                // is kept, a later run hears the answer again and hangs up. What cannot be
                // kept then is no reason to stop talking.
                let (event, kept) = leg_saved(*saved);
                let _ = events.send(event).await;
                let _ = timeout(KEEP_ANSWERED, kept).await;
                return None;
            }
            Step::Spoke(Some(event)) => return Some(Input::Leg(event)),
            Step::Spoke(None) => {
                *self = Self::Idle;
                return Some(Input::NotPlaced(Fault::Carrier, "signalling stopped".into()));
            }
        };
        *self = Self::Idle;
        let placed = match prepared {
            Ok(prepared) => ground.endpoint.place(*prepared).await.map_err(|error| (Fault::Carrier, error.to_string())),
            Err(refusal) => Err(refusal),
        };
        match placed {
            Ok(leg) => {
                tracing::info!(sip_call_id = %leg.call_id(), "INVITE sent");
                *self = Self::Up(Box::new(leg));
                None
            }
            Err((fault, reason)) => Some(Input::NotPlaced(fault, reason)),
        }
    }

    /// CANCEL or BYE; when nothing went out yet, nothing will.
    pub(super) async fn hang_up(&mut self) -> Option<Input> {
        if let Self::Up(leg) = self {
            leg.handle().hang_up().await;
            return None;
        }
        *self = Self::Idle;
        Some(Input::NeverDialled)
    }
}

async fn prepare(
    ground: Arc<SwitchboardConfig>,
    call: OutboundCall,
    events: mpsc::Sender<CallEvent>,
) -> Result<Box<PreparedLeg>, Refusal> {
    let target = ground.endpoint.resolve(&call.trunk).await.map_err(|error| (Fault::Carrier, error.to_string()))?;
    let prepared = ground.endpoint.prepare(call, target);
    let (event, kept) = leg_saved(prepared.saved().clone());
    let _ = events.send(event).await;
    match timeout(KEEP_LIMIT, kept).await {
        Ok(Ok(())) => Ok(Box::new(prepared)),
        Ok(Err(_)) => Err((Fault::Desk, "what ends its leg could not be kept".into())),
        Err(_) => Err((Fault::Desk, "what ends its leg was not kept in time".into())),
    }
}

fn leg_saved(saved: SavedLeg) -> (CallEvent, oneshot::Receiver<()>) {
    let (kept, answer) = oneshot::channel();
    (CallEvent::LegSaved { saved: Box::new(saved), kept }, answer)
}
