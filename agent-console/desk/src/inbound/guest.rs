//! A caller who was answered, until an agent takes him or he is gone.
//!
//! It rings at one agent at a time: who has the caller's work order or spoke to him last, then
//! whoever is free longest, then whoever has a work order open and did not call yet. The seat
//! that takes the call is handed its events; from then on it is a call like any other.

use std::time::Duration;

use serde_json::json;
use songda_calls::{CallEnd, CallEvent, CallHandle};
use songda_store::alarms;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Inbound,
    caller::Match,
    hours::Hours,
    reception::{AGAIN, Handover, Offer, Word, refused, settle},
    store,
};
use crate::{
    DeskError,
    calls::{self, legs},
    seats::{Bell, Command, Free, Seats, bell},
    work_orders,
};

/// It rings so long at one agent.
const RING: Duration = Duration::from_secs(15);
/// A seat answers within this time.
const SEAT: Duration = Duration::from_secs(2);

/// A caller who was answered and waits.
pub(super) struct Guest {
    seats: Seats,
    hours: Hours,
    call: Inbound,
    found: Option<Match>,
    handle: CallHandle,
    word: mpsc::Sender<Word>,
    words: mpsc::Receiver<Word>,
    /// He may be taken by an agent.
    waits: bool,
    message: bool,
    recording_from: Option<(i64, std::time::Instant)>,
    ringing: Option<Ringing>,
    taking: Option<Taking>,
    /// Who was asked already.
    tried: Vec<String>,
    /// When everybody who is free was asked: from then on they are asked again.
    ask_again_at: Option<Instant>,
}

/// An agent who said that he takes the call: it is his once his browser was answered.
struct Taking {
    agent: String,
    reply: oneshot::Sender<Handover>,
}

struct Ringing {
    agent: String,
    bell: Bell,
    until: Instant,
}

impl Guest {
    pub(super) fn new(seats: Seats, hours: Hours, call: Inbound, found: Option<Match>, handle: CallHandle) -> Self {
        let (word, words) = mpsc::channel(8);
        Self {
            seats,
            hours,
            call,
            found,
            handle,
            word,
            words,
            waits: false,
            message: false,
            recording_from: None,
            ringing: None,
            taking: None,
            tried: Vec::new(),
            ask_again_at: None,
        }
    }

    pub(super) async fn wait(mut self, mut events: mpsc::Receiver<CallEvent>, open: bool, cancel: &CancellationToken) {
        let mut changes = self.seats.changes();
        let mut closing = false;
        loop {
            if self.waits && open && self.ringing.is_none() && self.taking.is_none() {
                self.ring().await;
            }
            tokio::select! {
                () = cancel.cancelled(), if !closing => {
                    closing = true;
                    self.handle.close();
                }
                event = events.recv() => match event {
                    Some(CallEvent::BrowserAnswer { sdp }) => match self.hand_over(sdp, events) {
                        Ok(()) => return,
                        Err(back) => events = back,
                    },
                    Some(CallEvent::Ended(end)) => return self.ended(&end).await,
                    Some(event) => {
                        if let Err(error) = self.event(event).await {
                            tracing::error!(call = %self.call.id, %error, "news of a call that came in was not written");
                        }
                    }
                    None => {
                        self.stop("hung_up");
                        let ground = self.seats.ground();
                        return settle(ground, &self.hours, &self.call, &refused(ground)).await;
                    }
                },
                Some(word) = self.words.recv() => match word {
                    Word::Decline { agent } => self.declined(&agent),
                    // He has given it up since.
                    Word::Take { agent, reply, .. } if reply.is_closed() => self.declined(&agent),
                    Word::Take { agent, offer, reply } => {
                        if self.waits && self.ringing.as_ref().is_some_and(|ringing| ringing.agent == agent) {
                            self.taking = Some(Taking { agent, reply });
                            self.handle.join(offer);
                        }
                    }
                },
                () = until(self.ringing.as_ref().map(|ringing| ringing.until)), if self.taking.is_none() => {
                    self.stop("missed");
                }
                () = until(self.ask_again_at) => {
                    self.ask_again_at = None;
                    self.tried.clear();
                }
                _ = changes.changed(), if self.waits && self.ringing.is_none() => {}
            }
        }
    }

    /// The call takes the agent: it is his from here on. Gives the events back when nobody
    /// waits for them any more.
    fn hand_over(
        &mut self,
        answer: String,
        events: mpsc::Receiver<CallEvent>,
    ) -> Result<(), mpsc::Receiver<CallEvent>> {
        let Some(Taking { agent, reply }) = self.taking.take() else {
            self.handle.nobody_took();
            return Err(events);
        };
        let handover = Handover {
            call: self.call.clone(),
            handle: self.handle.clone(),
            events,
            recording_from: self.recording_from,
            answer,
        };
        reply.send(handover).map_err(|back| {
            self.declined(&agent);
            // Nobody sits there any more: the caller waits for the next one.
            self.handle.nobody_took();
            back.events
        })
    }

    async fn ended(&mut self, end: &CallEnd) {
        self.stop("hung_up");
        self.call.message = self.message;
        let ground = self.seats.ground();
        settle(ground, &self.hours, &self.call, end).await;
        // What ends the leg is kept until the carrier has answered.
        if !end.farewell.is_down()
            && end.farewell.clone().heard().await
            && let Err(error) = legs::down(&ground.db, &self.call.id).await
        {
            tracing::error!(call = %self.call.id, %error, "a leg is down, and that could not be written");
        }
    }

    /// Lets it ring at the next agent. When everybody who is free was asked, they are asked
    /// again after a while.
    async fn ring(&mut self) {
        // The one who had his work order may have given it back meanwhile.
        if let Some(found) = &mut self.found {
            match work_orders::holder(&self.seats.ground().db, &found.task).await {
                Ok(holder) => found.holder = holder,
                Err(error) => tracing::error!(%error, "the holder of a work order could not be read"),
            }
        }
        let holder = self.found.as_ref().and_then(|found| found.holder.as_ref());
        let mut free = self.seats.free(&self.call.court_id).await;
        // Who still owes an outcome takes the caller whom he spoke to, and nobody else.
        free.retain(|seat| !seat.owes || Some(&seat.agent) == holder);
        let own = holder.or_else(|| self.found.as_ref().and_then(|found| found.last_agent.as_ref()));
        let fresh = |seat: &&Free| !self.tried.contains(&seat.agent);
        let first = free.iter().filter(fresh).find(|seat| Some(&seat.agent) == own);
        // Whose work order is in somebody's hands is nobody else's to speak to.
        let others = || free.iter().find(fresh).filter(|_| holder.is_none());
        let Some(seat) = first.or_else(others) else {
            if !self.tried.is_empty() {
                self.ask_again_at.get_or_insert_with(|| Instant::now() + AGAIN);
            }
            return;
        };
        let (agent, seat) = (seat.agent.clone(), seat.seat.clone());
        self.tried.push(agent.clone());
        let ground = self.seats.ground();
        let (bell, ring) = bell();
        let offer = Offer {
            call: self.call.id.clone(),
            masked: self.call.masked.clone(),
            found: self.found.clone(),
            until_ms: ground.clock.now_ms() + RING.as_millis() as i64,
            word: self.word.clone(),
            ring,
        };
        if timeout(SEAT, seat.send(Command::Incoming(Box::new(offer)))).await.is_ok_and(|sent| sent.is_ok()) {
            self.ringing = Some(Ringing { agent, bell, until: Instant::now() + RING });
        }
    }

    fn declined(&mut self, agent: &str) {
        self.ringing.take_if(|ringing| ringing.agent == agent);
    }

    /// It rings nowhere any more.
    fn stop(&mut self, reason: &'static str) {
        self.taking = None;
        if let Some(ringing) = self.ringing.take() {
            ringing.bell.stop(reason);
        }
    }

    async fn event(&mut self, event: CallEvent) -> Result<(), DeskError> {
        let ground = self.seats.ground().clone();
        let (db, id) = (&ground.db, self.call.id.clone());
        match event {
            CallEvent::LegSaved { saved, kept, .. } => {
                let court = &self.call.court_id;
                if store::keep_leg(db, &ground.sealer, court, &id, &saved).await? {
                    let _ = kept.send(());
                }
            }
            CallEvent::Answered { at_ms } => {
                self.call.answered_ms = Some(at_ms);
                self.waits = true;
                store::answered(db, &id, at_ms, None).await?;
            }
            CallEvent::RecordingStarted { at_ms, at } => {
                self.recording_from = Some((at_ms, at));
                store::recording_began(db, &id, at_ms).await?;
            }
            CallEvent::NoticeFinished { span } => store::said(db, &id, &json!([span])).await?,
            CallEvent::Marked(marks) => store::marked(db, &id, &calls::marks_to_store(&marks)).await?,
            CallEvent::Measured { at_ms, quality } => {
                store::measured(db, &id, &calls::measured_until(&quality, at_ms)).await?;
            }
            CallEvent::MessageBegan { .. } => {
                self.message = true;
                self.waits = false;
                self.stop("missed");
                store::message_begins(db, &id).await?;
            }
            CallEvent::Parting { .. } => {
                self.waits = false;
                self.stop("missed");
            }
            // The call cannot be taken any more, or not by this browser.
            CallEvent::OfferRefused { .. } => {
                if let Some(taking) = self.taking.take() {
                    self.declined(&taking.agent);
                }
            }
            CallEvent::RecordingFailed => {
                alarms::raise(db, &ground.clock, "recording.failed", &id, &calls::unwritten()).await?;
            }
            _ => {}
        }
        Ok(())
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
