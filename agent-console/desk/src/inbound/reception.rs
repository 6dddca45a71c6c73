//! The reception: one task for each call that comes in, which enters it in the books, answers
//! it and waits with the caller.

use std::time::Duration;

use serde_json::json;
use songda_calls::{Answer, CallEnd, CallEvent, CallHandle, IncomingCall, Rejection, Source, Welcome, refusal};
use songda_people::courts::{self, Court};
use songda_recordings::said::Said;
use songda_store::{StoreError, alarms, new_id};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Came, End, Inbound, New,
    caller::{self, Match},
    guest::Guest,
    hours::{self, Hours},
    store,
};
use crate::{
    DeskError, Ground,
    calls::{self, Leg},
    seats::{Command, Ring, Seats},
};

/// What a desk phone shows that wants to call: a call without its task, its recording and its
/// notice would be no service.
const PHONES_ONLY_ANSWER: &str = "desk phones of this house take transferred calls and place none";
/// Calls that may wait at once; the next one is told that we are busy.
const WAITING: usize = 200;
/// What could not be written down is tried again after this time.
pub(super) const AGAIN: Duration = Duration::from_secs(5);

/// That a call was lost is told in so many tries.
const TELL: u32 = 12;

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
    /// How long it rings.
    pub ring: Ring,
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
            call.leg.handle().reject(refusal(486)).await;
            continue;
        }
        let (seats, cancel) = (seats.clone(), cancel.clone());
        tasks.spawn(async move {
            if let Err(error) = meet(&seats, call, &cancel).await {
                tracing::error!(%error, "a call that came in could not be taken");
                lost(seats.ground(), &error, &cancel).await;
            }
        });
    }
    tasks.close();
    tasks.wait().await;
}

/// A call that no book knows of was refused: people are told, as soon as that can be written.
async fn lost(ground: &Ground, error: &DeskError, cancel: &CancellationToken) {
    let said = Said::new("inbound.unbooked", "a call that came in could not be entered and was refused: {why}");
    let said = said.with("why", error.to_string());
    for _ in 0..TELL {
        let told = alarms::raise(&ground.db, &ground.clock, "inbound.refused", "house", &said).await;
        let Err(error) = told else { return };
        tracing::error!(%error, "that a call was lost could not be told yet");
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(AGAIN) => {}
        }
    }
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
        incoming.leg.handle().reject(Rejection { words: Some(PHONES_ONLY_ANSWER), ..refusal(403) }).await;
        return Ok(());
    }
    let Some((court, number, trunk)) = called(ground, &incoming).await? else {
        tracing::info!(source = ?incoming.source, "a call for a number that is none of ours was refused");
        incoming.leg.handle().reject(refusal(404)).await;
        return Ok(());
    };
    incoming.leg.handle().ring().await;
    let caller = incoming.invite.caller.as_ref().and_then(|caller| caller::caller_number(caller.reveal()));
    let mut incoming = Box::new(incoming);
    if let Some(caller) = &caller {
        let came = Came { called: number.clone(), trunk: trunk.clone() };
        incoming = match called_back(seats, &court, caller, came, incoming).await? {
            Some(incoming) => incoming,
            None => return Ok(()),
        };
    }
    let hours = hours::of(&ground.db, &court.id).await.unwrap_or_else(|error| {
        tracing::error!(%error, "the hours of a court could not be read: those of every court hold");
        Hours::default()
    });
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
            let said = Said::new("inbound.refused", "a call that came in could not be answered: {why}");
            let said = said.with("why", error.to_string());
            settle(ground, &hours, &call, &refused(ground)).await;
            return Ok(alarms::raise(&ground.db, &ground.clock, "inbound.refused", &court.id, &said).await?);
        }
    };
    let guest = Guest::new(seats.clone(), hours, call, found, handle);
    guest.wait(events, open, cancel).await;
    Ok(())
}

/// Who calls while he is being called gets that call, in place of the one that is being placed
/// (E46). Gives the call back when nobody calls him.
async fn called_back(
    seats: &Seats,
    court: &Court,
    number: &songda_store::masked::Phone,
    came: Came,
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
    if let Err(refused) = seat.send(Command::CalledBack { task, came, incoming, reply }).await {
        return Ok(match refused.0 {
            Command::CalledBack { incoming, .. } => Some(incoming),
            _ => None,
        });
    }
    // A seat that died with the call dropped it, and so refused it.
    Ok(answer.await.unwrap_or(None))
}

pub(super) fn refused(ground: &Ground) -> CallEnd {
    crate::seats::lost_end(None, ground.clock.now_ms())
}

/// Writes the end of a call that is no task's down, however long that takes.
pub(super) async fn settle(ground: &Ground, hours: &Hours, call: &Inbound, end: &CallEnd) {
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
        prompt_spans: calls::prompts_of(end),
        quality: json!(end.quality),
        marks: calls::marks_of(end),
        message: call.message,
        leg: if end.farewell.is_down() { Leg::Down } else { Leg::MayBeUp },
    };
    let mut tx = ground.db.begin().await?;
    store::end(&mut tx, &ground.clock, hours, call, &ending).await?;
    tx.commit().await?;
    ground.jobs.notify_waiters();
    Ok(())
}

/// Something at some seat changed.
pub(crate) type Changes = watch::Receiver<u64>;
