//! The carrier's legs that a kill left up are taken down, at once and beside everything else.

use std::time::Duration;

use serde_json::json;
use songda_calls::{FinishError, SavedLeg, Trunk};
use songda_recordings::said::Said;
use songda_store::{alarms, audit};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    DeskError, Ground,
    calls::legs::{self, OpenLeg},
    telephony::trunks,
};

/// A carrier that cannot be reached yet is asked again so often,
const TRIES: u32 = 10;
/// and after this pause.
const PAUSE: Duration = Duration::from_secs(15);
/// Signalling of this run keeps a call that it has ended for so long, and ends it no other way.
const OURS_MS: i64 = 40_000;
/// A leg that was left is asked for during this time.
const ASKED_MS: i64 = 600_000;

/// What people are told of a leg of the run before.
fn of_last_run() -> Said {
    Said::new("leg.stayed", "a call that the last run left could not be ended at the carrier: ask the carrier")
}

/// What they are told of one that was left in this run.
fn left() -> Said {
    let text = "a call that was left when its line fell silent could not be ended at the carrier: ask the carrier";
    Said::new("leg.left", text)
}

/// Begins to end every leg that may still be up; answers how many there are. Nothing waits
/// for the carriers' answers.
pub async fn end_legs(ground: &Ground, tasks: &TaskTracker, cancel: &CancellationToken) -> Result<usize, DeskError> {
    let open = legs::open_legs(&ground.db).await?;
    let found = open.len();
    for leg in open {
        let (ground, cancel) = (ground.clone(), cancel.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = cancel.cancelled() => {}
                ended = end(&ground, &leg) => {
                    if let Err(error) = ended {
                        tracing::error!(call = %leg.call, %error, "a leg of the last run could not be ended");
                    }
                }
            }
        });
    }
    Ok(found)
}

/// The trunk over which a leg went, and what ends it; none when either cannot be read any more.
/// A caller's leg may have come over the trunk of another court than the one he called.
async fn way_of(ground: &Ground, leg: &OpenLeg) -> Result<Option<(Trunk, SavedLeg)>, DeskError> {
    let trunk = trunks::by_id(&ground.db, &leg.trunk, ground.demo).await?;
    let trunk = trunk.filter(|trunk| !ground.demo || trunk.leads_nowhere_else());
    let read =
        || Ok::<_, DeskError>((trunk.map(|trunk| trunk.sip(&ground.sealer)).transpose()?, leg.open(&ground.sealer)?));
    let (trunk, saved) = read().unwrap_or_else(|error| {
        tracing::error!(call = %leg.call, %error, "what ends a leg cannot be read");
        (None, None)
    });
    Ok(trunk.zip(saved))
}

async fn end(ground: &Ground, leg: &OpenLeg) -> Result<(), DeskError> {
    let Some((trunk, saved)) = way_of(ground, leg).await? else {
        stayed(ground, leg, &of_last_run()).await?;
        return note(ground, leg, "unknown").await;
    };
    for attempt in 1..=TRIES {
        match ground.switchboard.endpoint().finish(&saved, &trunk).await {
            Ok(how) => {
                let sip_call_id = (!saved.is_incoming()).then(|| saved.call_id());
                tracing::info!(call = %leg.call, sip_call_id, attempt, ?how, "a leg of the last run is down");
                return note(ground, leg, "ok").await;
            }
            Err(error) => {
                tracing::warn!(call = %leg.call, attempt, %error, "a leg of the last run could not be ended yet");
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    stayed(ground, leg, &of_last_run()).await?;
    note(ground, leg, "failed").await
}

/// Ends the legs that trunks left when they fell silent while a call was tried over them. Most
/// of them never were, and nothing rang on them that we know of. What does not answer is asked
/// again at the next tick, for a while.
pub async fn end_left(ground: &Ground) -> Result<(), DeskError> {
    for leg in legs::left(&ground.db, ground.clock.now_ms() - OURS_MS).await? {
        let Some((trunk, saved)) = way_of(ground, &leg).await? else {
            stayed(ground, &leg, &left()).await?;
            note(ground, &leg, "unknown").await?;
            continue;
        };
        let Err(error) = ground.switchboard.endpoint().finish(&saved, &trunk).await else {
            note(ground, &leg, "ok").await?;
            continue;
        };
        tracing::warn!(call = %leg.call, %error, "a trunk that fell silent did not say what became of a call");
        let ended = error == FinishError::Closed;
        if !ended && leg.since_ms + ASKED_MS <= ground.clock.now_ms() {
            stayed(ground, &leg, &left()).await?;
            note(ground, &leg, "failed").await?;
        }
    }
    Ok(())
}

/// People must ask the carrier.
async fn stayed(ground: &Ground, leg: &OpenLeg, said: &Said) -> Result<(), DeskError> {
    Ok(alarms::raise(&ground.db, &ground.clock, "leg.stayed", &leg.call, said).await?)
}

/// Writes down what became of it. A leg that could not be ended is not tried for ever: the
/// alarm is with people now.
async fn note(ground: &Ground, leg: &OpenLeg, result: &str) -> Result<(), DeskError> {
    let mut tx = ground.db.begin().await?;
    legs::forget(&mut tx, leg).await?;
    let entry = audit::Entry {
        court: &leg.court,
        actor: "system",
        actor_role: "system",
        action: "call.leg_end",
        object_kind: "call",
        object_id: &leg.call,
        case_id: None,
        ip: "",
        result,
        detail: json!({ "trunk": leg.trunk }),
    };
    audit::append(&mut tx, &ground.clock, entry).await?;
    Ok(tx.commit().await?)
}
