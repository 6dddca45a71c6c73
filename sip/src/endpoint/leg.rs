//! One call as its owner holds it.

use tokio::sync::mpsc;

use super::command::{Command, Order, say};
use crate::{
    call::{Invite, LegEvent, LegIds, OutboundCall, Reason, Rejection, SavedLeg, TrunkSound},
    edge::Source,
    flow::Targets,
};

/// Room for every event of a call: the driver never waits for a slow reader.
pub(super) const EVENTS: usize = 256;

/// Of these so many are kept from what the other end may send as often as it likes.
const FOR_OURS: usize = 64;

/// And so many from all that is not told once in a call.
const FOR_ONCE: usize = 4;

/// The owner of a call takes no news any more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Gone;

/// Tells the owner of a call. A reader that is slow misses keys and changes that come in a flood,
/// which is counted; never that somebody answered, or that the call is over.
pub(super) fn tell(owner: &mpsc::Sender<LegEvent>, event: LegEvent) -> Result<(), Gone> {
    let kept = match event {
        LegEvent::Digit { .. } | LegEvent::EarlyMedia { .. } | LegEvent::Reoffered { .. } => FOR_OURS,
        LegEvent::Answered { .. } | LegEvent::Ended(_) | LegEvent::Down { .. } => 0,
        _ => FOR_ONCE,
    };
    // Nobody else sends: what is free now stays so.
    if owner.capacity() <= kept && !owner.is_closed() {
        metrics::counter!("songda_sip_events_missed_total").increment(1);
        return Ok(());
    }
    owner.try_send(event).map_err(|_| Gone)
}

/// A call that comes in. Dropped, it is refused with 480.
#[derive(Debug)]
pub struct IncomingCall {
    /// What its INVITE says.
    pub invite: Invite,
    /// Who sent it.
    pub source: Source,
    /// What may be spoken with him, as [`Trunk::codecs`](crate::Trunk::codecs).
    pub codecs: Vec<String>,
    /// How sound goes to him; secured only where his signalling is.
    pub sound: TrunkSound,
    /// The call itself: ring, progress, answer or reject it by its handle.
    pub leg: Leg,
}

/// A call of either direction. Dropping it hangs up.
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
    pub(super) targets: Targets,
    pub(super) ids: LegIds,
    pub(super) saved: SavedLeg,
}

impl PreparedLeg {
    /// What must be kept before it goes out, so that a later run can end it.
    pub fn saved(&self) -> &SavedLeg {
        &self.saved
    }
}

/// Speaks to a call; may be cloned.
#[derive(Debug, Clone)]
pub struct LegHandle {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) id: String,
}

impl Leg {
    /// The next event; none after [`LegEvent::Down`]. Whoever asks has seen to the one before:
    /// what [`LegEvent::Saved`] told is kept.
    pub async fn next(&mut self) -> Option<LegEvent> {
        if self.keeping {
            let kept = Command::Leg { id: self.handle.id.clone(), order: Order::Kept };
            self.keeping = self.handle.commands.try_send(kept).is_err();
        }
        let event = self.events.recv().await;
        self.keeping |= matches!(event, Some(LegEvent::Saved(_)));
        event
    }

    /// A handle that speaks to it.
    pub fn handle(&self) -> LegHandle {
        self.handle.clone()
    }

    /// What must be kept of it until it is answered; from then on [`LegEvent::Saved`] counts.
    pub fn saved(&self) -> &SavedLeg {
        &self.saved
    }

    /// Its id, which may stand in logs: the Call-ID, or what begins with it.
    pub fn call_id(&self) -> &str {
        &self.handle.id
    }
}

impl Drop for Leg {
    fn drop(&mut self) {
        let order = Order::HangUp(Reason::default());
        say(&self.handle.commands, Command::Leg { id: self.handle.id.clone(), order });
    }
}

/// Each of these does nothing when the leg is not where it fits.
impl LegHandle {
    pub(super) async fn order(&self, order: Order) {
        let _ = self.commands.send(Command::Leg { id: self.id.clone(), order }).await;
    }

    /// It rings here: 180 to the caller.
    pub async fn ring(&self) {
        self.order(Order::Ring).await;
    }

    /// The caller hears something before the answer: 183 with our description, reliable where
    /// the caller knows how (RFC 3262).
    pub async fn progress(&self, sdp: String) {
        self.order(Order::Progress(sdp)).await;
    }

    /// Answers a call that came in with our description: the answer to the caller's offer, or an
    /// offer when he made none. [`LegEvent::Acknowledged`] follows.
    pub async fn answer(&self, sdp: String) {
        self.order(Order::Answer(sdp)).await;
    }

    /// Refuses a call that came in.
    pub async fn reject(&self, rejection: Rejection) {
        self.order(Order::Reject(rejection)).await;
    }

    /// CANCEL, BYE or 480, whichever fits.
    pub async fn hang_up(&self) {
        self.hang_up_with(Reason::default()).await;
    }

    /// As [`LegHandle::hang_up`], and says why (RFC 3326).
    pub async fn hang_up_with(&self, reason: Reason) {
        self.order(Order::HangUp(reason)).await;
    }

    /// Offers a new description, as soon as no other change is open.
    /// [`LegEvent::ReofferAnswered`] or [`LegEvent::ReofferRefused`] follows.
    pub async fn reoffer(&self, sdp: String) {
        self.order(Order::Reoffer(sdp)).await;
    }
}
