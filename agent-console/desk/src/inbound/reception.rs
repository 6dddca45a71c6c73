//! The reception: one task for each call that comes in, until an agent takes it or it ends.
//!
//! It rings at one agent at a time: who has the caller's work order or spoke to him last, then
//! whoever is free longest, then whoever has a work order open and did not call yet. The seat
//! that takes the call is handed its events; from then on it is a call like any other.

use std::time::Duration;

use serde_json::json;
use songda_calls::{Answer, CallEnd, CallEvent, CallHandle, IncomingCall, Rejection, Source, Welcome};
use songda_people::courts::{self, Court};
use songda_store::{StoreError, alarms, new_id};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    End, Inbound, New,
    caller::{self, Match},
    hours::{self, Hours},
    store,
};
use crate::{
    DeskError, Ground,
    calls::{self, Leg, legs},
    seats::{Command, Free, Seats},
    work_orders,
};

/// It rings so long at one agent.
const RING: Duration = Duration::from_secs(15);
/// A seat answers within this time.
const SEAT: Duration = Duration::from_secs(2);
/// What a desk phone shows that wants to call: a call without its task, its recording and its
/// notice would be no service.
const PHONES_ONLY_ANSWER: &str = "desk phones of this house take transferred calls and place none";
/// Calls that may wait at once; the next one is told that we are busy.
const WAITING: usize = 200;
/// What could not be written down is tried again after this time.
const AGAIN: Duration = Duration::from_secs(5);

/// A call that rings at a seat.
#[derive(Debug, Clone)]
pub struct Offer {
    /// Id of the call.
    pub call: String,
    /// Masked number.
    pub masked: String,
    /// Whose it is, if that is known.
    pub found: Option<Match>,
    /// Until when it rings here, unix milliseconds.
    pub until_ms: i64,
    /// Where the seat's word goes.
    pub word: mpsc::Sender<Word>,
}

/// What a seat says of a call that rings there.
#[derive(Debug)]
pub enum Word {
    /// Its agent takes it.
    Take {
        /// Agent.
        agent: String,
        /// His browser's session description.
        offer: String,
        /// Where the call goes; nothing comes when it is over.
        reply: oneshot::Sender<Handover>,
    },
    /// He does not.
    Decline {
        /// Agent.
        agent: String,
    },
}

/// A call in the hands of the seat that took it.
#[derive(Debug)]
pub struct Handover {
    /// Its row.
    pub call: Inbound,
    /// Its actor.
    pub handle: CallHandle,
    /// Its events from here on.
    pub events: mpsc::Receiver<CallEvent>,
    /// First frame of its recording, unix milliseconds, and the same moment.
    pub recording_from: Option<(i64, std::time::Instant)>,
    /// Our session description for the agent's browser.
    pub answer: String,
}

/// Takes the calls that come in until the house closes, and waits for the last of them.
pub async fn receive(seats: Seats, mut calls: mpsc::Receiver<IncomingCall>, cancel: CancellationToken) {
    let tasks = TaskTracker::new();
    loop {
        let call = tokio::select! {
            () = cancel.cancelled() => break,
            call = calls.recv() => match call {
                Some(call) => call,
                None => break,
            },
        };
        if tasks.len() >= WAITING {
            call.leg.handle().reject(Rejection::status(486)).await;
            continue;
        }
        let (seats, cancel) = (seats.clone(), cancel.clone());
        tasks.spawn(async move {
            if let Err(error) = meet(&seats, call, &cancel).await {
                tracing::error!(%error, "a call that came in could not be taken");
            }
        });
    }
    tasks.close();
    tasks.wait().await;
}

/// Whose number was called: court, number and trunk; none where the call is nobody's.
async fn called(ground: &Ground, call: &IncomingCall) -> Result<Option<(Court, String, String)>, DeskError> {
    // Demo mode hears nobody but songda-sim on this machine (X5).
    let foreign = ground.demo && !call.invite.flow.remote.ip().is_loopback();
    let trunk = match &call.source {
        Source::Phone(_) => return Ok(None),
        Source::Trunk(trunk) => Some(trunk.as_str()),
        Source::Open => None,
    };
    if foreign {
        return Ok(None);
    }
    let Some((court, number, own)) = caller::called(&ground.db, &call.invite.called, trunk, ground.demo).await? else {
        return Ok(None);
    };
    let court = courts::by_id(&ground.db, &court).await;
    let court = court.map_err(|error| StoreError::internal("reading a court", error))?;
    Ok(court.map(|court| (court, number, own)))
}

async fn meet(seats: &Seats, incoming: IncomingCall, cancel: &CancellationToken) -> Result<(), DeskError> {
    let ground = seats.ground();
    if let Source::Phone(extension) = &incoming.source {
        tracing::info!(%extension, "a desk phone wanted to call somebody and was refused");
        incoming.leg.handle().reject(Rejection { words: Some(PHONES_ONLY_ANSWER), ..Rejection::status(403) }).await;
        return Ok(());
    }
    let Some((court, number, trunk)) = called(ground, &incoming).await? else {
        tracing::info!(source = ?incoming.source, "a call for a number that is none of ours was refused");
        incoming.leg.handle().reject(Rejection::status(404)).await;
        return Ok(());
    };
    incoming.leg.handle().ring().await;
    let caller = incoming.invite.caller.as_ref().and_then(|caller| caller::caller_number(caller.reveal()));
    let mut incoming = Box::new(incoming);
    if let Some(caller) = &caller {
        incoming = match called_back(seats, &court, caller, incoming).await? {
            Some(incoming) => incoming,
            None => return Ok(()),
        };
    }
    let hours = hours::of(&ground.db, &court.id).await?;
    let now_ms = ground.clock.now_ms();
    let (id, recording) = (new_id(), new_id());
    let new = New {
        id: &id,
        court: &court.id,
        called: &number,
        trunk: &trunk,
        number: caller.as_ref(),
        recording: &recording,
        language: "zh",
    };
    let mut tx = ground.db.begin().await?;
    let found = store::begin(&mut tx, &ground.clock, &ground.sealer, &new).await?;
    tx.commit().await?;
    // From here on it stands in the books, and its end will: whatever fails.
    let call = Inbound::arrived(&new, found.as_ref().map(|found| found.task.as_str()), now_ms);
    let open = hours.is_open(now_ms);
    let welcome = Welcome {
        open,
        wait: Duration::from_secs(hours.wait_s.unsigned_abs()),
        message: (hours.message_s > 0).then(|| Duration::from_secs(hours.message_s.unsigned_abs())),
    };
    let answer =
        Answer { call: id.clone(), recording, incoming, court: court.code.clone(), language: "zh".into(), welcome };
    let (handle, events) = match ground.switchboard.answer(answer).await {
        Ok(answered) => answered,
        Err(error) => {
            tracing::error!(call = %id, %error, "a call that came in could not be answered");
            let text = format!("来电无法接听：{error}");
            settle(ground, &hours, &call, &refused(ground)).await;
            return Ok(alarms::raise(&ground.db, &ground.clock, "inbound.refused", &court.id, &text).await?);
        }
    };
    let (word, words) = mpsc::channel(8);
    let guest = Guest {
        seats: seats.clone(),
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
    };
    guest.wait(events, open, cancel).await;
    Ok(())
}

/// Who calls while he is being called gets that call, in place of the one that is being placed
/// (E46). Gives the call back when nobody calls him.
async fn called_back(
    seats: &Seats,
    court: &Court,
    number: &songda_store::masked::Phone,
    incoming: Box<IncomingCall>,
) -> Result<Option<Box<IncomingCall>>, DeskError> {
    let ground = seats.ground();
    let index = caller::index(&ground.sealer, &court.id, number)?;
    let mut tx = ground.db.begin().await?;
    let found = caller::find(&mut tx, &court.id, &index).await?;
    drop(tx);
    let holder = found.and_then(|found| Some((found.holder?, found.task)));
    let Some((holder, task)) = holder else { return Ok(Some(incoming)) };
    let Some(seat) = seats.chair(&holder).await else { return Ok(Some(incoming)) };
    let (reply, answer) = oneshot::channel();
    if let Err(refused) = seat.send(Command::CalledBack { task, incoming, reply }).await {
        return Ok(match refused.0 {
            Command::CalledBack { incoming, .. } => Some(incoming),
            _ => None,
        });
    }
    // A seat that died with the call dropped it, and so refused it.
    Ok(answer.await.unwrap_or(None))
}

fn refused(ground: &Ground) -> CallEnd {
    crate::seats::lost_end(None, ground.clock.now_ms())
}

/// A caller who was answered and waits.
struct Guest {
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
    seat: mpsc::Sender<Command>,
    until: Instant,
}

impl Guest {
    async fn wait(mut self, mut events: mpsc::Receiver<CallEvent>, open: bool, cancel: &CancellationToken) {
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
        let Some(Taking { agent, reply }) = self.taking.take() else { return Err(events) };
        let handover = Handover {
            call: self.call.clone(),
            handle: self.handle.clone(),
            events,
            recording_from: self.recording_from,
            answer,
        };
        reply.send(handover).map_err(|back| {
            self.declined(&agent);
            // Nobody sits there: the caller is not left in silence.
            self.handle.away();
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
        let offer = Offer {
            call: self.call.id.clone(),
            masked: self.call.masked.clone(),
            found: self.found.clone(),
            until_ms: ground.clock.now_ms() + RING.as_millis() as i64,
            word: self.word.clone(),
        };
        if timeout(SEAT, seat.send(Command::Incoming(Box::new(offer)))).await.is_ok_and(|sent| sent.is_ok()) {
            self.ringing = Some(Ringing { agent, seat, until: Instant::now() + RING });
        }
    }

    fn declined(&mut self, agent: &str) {
        self.ringing.take_if(|ringing| ringing.agent == agent);
    }

    /// It rings nowhere any more.
    fn stop(&mut self, reason: &'static str) {
        self.taking = None;
        if let Some(ringing) = self.ringing.take() {
            let call = self.call.id.clone();
            // A seat whose inbox is full sees by the time that it is over.
            let _ = ringing.seat.try_send(Command::Withdrawn { call, reason });
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
                alarms::raise(db, &ground.clock, "recording.failed", &id, "录音写入失败，通话已结束").await?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// Writes the end of a call that is no task's down, however long that takes.
async fn settle(ground: &Ground, hours: &Hours, call: &Inbound, end: &CallEnd) {
    while let Err(error) = write(ground, hours, call, end).await {
        tracing::error!(call = %call.id, %error, "the end of a call could not be written down yet");
        tokio::time::sleep(AGAIN).await;
    }
}

/// Writes the end of a call that is no task's down.
pub(crate) async fn write(ground: &Ground, hours: &Hours, call: &Inbound, end: &CallEnd) -> Result<(), DeskError> {
    let known = crate::seats::line_facts(end);
    let ending = End {
        ended_ms: end.ended_ms,
        by: crate::seats::ended_by(end),
        talk_ms: end.talk_ms,
        answered_ms: call.answered_ms,
        facts: json!(known),
        recording: end.recording.as_ref(),
        incomplete: end.recording_incomplete,
        prompt_spans: json!(end.prompt_spans),
        quality: json!(end.quality),
        marks: calls::marks_to_store(&end.marks),
        message: call.message,
        leg: if end.farewell.is_down() { Leg::Down } else { Leg::MayBeUp },
    };
    let mut tx = ground.db.begin().await?;
    store::end(&mut tx, &ground.clock, hours, call, &ending).await?;
    tx.commit().await?;
    ground.jobs.notify_waiters();
    Ok(())
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Something at some seat changed.
pub(crate) type Changes = watch::Receiver<u64>;
