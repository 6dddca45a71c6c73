//! A call that no browser has: a desk phone took it, and the house follows it to its end.
//!
//! It is a seat that holds this call and nothing else, so that its end, its recording, its
//! transcript and its audit rows are those of any call. Nobody can fill in an outcome at a
//! phone: it is owed (待补录) by the agent who handed the call over.

use songda_people::Actor;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    Command, SeatView,
    handed::HandedCall,
    seat::{AgentState, Seat, next_event, until},
};

impl Seat {
    /// Follows a call beside this seat; its outcome will be owed by this agent.
    pub(super) fn follow(&self, handed: Box<HandedCall>, agent: Actor) {
        let HandedCall { call, events, order, .. } = *handed;
        let (show, _) = watch::channel(SeatView {
            user_id: agent.user_id.clone(),
            name: agent.name.clone(),
            staff_no: agent.staff_no.clone(),
            court_id: agent.court_id.clone(),
            state: AgentState::Calling,
            since_ms: self.ground.clock.now_ms(),
            due_ms: None,
            away_until_ms: None,
            quality: None,
            rings: false,
            attended: false,
            call: None,
        });
        let house = self.house.clone();
        let mut seat = Self::new(self.ground.clone(), agent, self.court.clone(), show, self.changes.clone(), house);
        seat.follows = true;
        seat.call = Some(call);
        seat.events = Some(events);
        seat.order = order;
        let cancel = self.house.cancel.clone();
        self.house.tasks.spawn(seat.follow_to_its_end(cancel));
    }

    async fn follow_to_its_end(mut self, cancel: CancellationToken) {
        let call = self.call.as_ref().map(|call| call.id.clone()).unwrap_or_default();
        let mut closing = false;
        while self.events.is_some() || (self.unwritten.is_some() && !closing) {
            let write_again = self.unwritten.as_ref().map(|unwritten| unwritten.again_at);
            tokio::select! {
                () = cancel.cancelled(), if !closing => {
                    closing = true;
                    self.with_call(songda_calls::CallHandle::close);
                }
                event = next_event(&mut self.events) => self.event(event).await,
                () = until(write_again) => self.write_end().await,
            }
        }
        // His list of what he owes has grown.
        if let Some(seat) = self.house.chair(&self.actor.user_id).await {
            let _ = seat.try_send(Command::LeftForLater { call });
        }
        // What ends the leg is kept until the carrier has answered.
        while !closing && self.leaving.join_next().await.is_some() {}
    }
}
