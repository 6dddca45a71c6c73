//! Trunks as signalling keeps them: told whenever a row changes, watched for whoever must know
//! that a carrier is gone.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use songda_calls::{
    Switchboard,
    sip::{TrunkSettings, TrunkState, Why},
};
use songda_recordings::said::Said;
use songda_store::alarms;
use tokio_util::sync::CancellationToken;

use super::{lines_of, trunks};
use crate::{DeskError, Ground};

/// Rows are looked at so often: a change reaches registrations within this time. Calls look
/// at them by themselves.
const LOOK: Duration = Duration::from_secs(3);

/// Trunks that take no call at the moment, by id.
pub fn down(switchboard: &Switchboard) -> HashSet<String> {
    let states = switchboard.endpoint().trunk_states();
    let states = states.borrow();
    states.iter().filter(|state| !state.up).map(|state| state.id.clone()).collect()
}

/// Whether a court has lines and every one of them is down: its queue waits then.
pub async fn all_down(ground: &Ground, court: &str) -> Result<bool, DeskError> {
    let lines = lines_of(&ground.db, &ground.clock, court, ground.demo).await?;
    let down = down(&ground.switchboard);
    Ok(!lines.is_empty() && lines.iter().all(|line| down.contains(&line.trunk.id)))
}

/// Keeps signalling at what the rows say, and alarms at what signalling says, until `cancel`.
pub async fn run(ground: Ground, cancel: CancellationToken) {
    let endpoint = ground.switchboard.endpoint();
    let mut states = endpoint.trunk_states();
    let mut told: Option<Vec<TrunkSettings>> = None;
    let mut known = HashMap::new();
    if let Err(error) = trunks::tell_all_places(&ground.db, &ground.clock, ground.demo).await {
        tracing::error!(%error, "which places the trunks are opened for could not be told");
    }
    loop {
        match wanted(&ground).await {
            Ok(wanted) if told.as_ref() != Some(&wanted) => {
                tracing::info!(trunks = wanted.len(), "the trunks are told to signalling");
                endpoint.set_trunks(wanted.clone()).await;
                told = Some(wanted);
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "the trunks could not be read"),
        }
        tokio::select! {
            () = cancel.cancelled() => return,
            changed = states.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(LOOK) => {}
        }
        let seen = states.borrow_and_update().clone();
        if let Err(error) = ring(&ground, &seen, &mut known).await {
            tracing::error!(%error, "an alarm of a trunk could not be raised");
        }
    }
}

/// The trunks of every court as signalling takes them. One whose password cannot be opened is
/// left out and said.
async fn wanted(ground: &Ground) -> Result<Vec<TrunkSettings>, DeskError> {
    let rows = trunks::list(&ground.db, None, ground.demo).await?;
    let usable = rows.into_iter().filter(|row| !ground.demo || row.leads_nowhere_else());
    let settings = usable.filter_map(|row| match row.settings(&ground.sealer) {
        Ok(settings) => Some(settings),
        Err(error) => {
            tracing::error!(trunk = %row.id, %error, "a trunk cannot be told to signalling");
            None
        }
    });
    Ok(settings.collect())
}

/// Alarms for trunks that went down, and their end. A pause is nobody's alarm.
async fn ring(
    ground: &Ground,
    states: &[TrunkState],
    known: &mut HashMap<String, Why>,
) -> Result<(), songda_store::StoreError> {
    for state in states {
        metrics::gauge!("songda_trunk_up", "trunk" => state.name.clone()).set(f64::from(u8::from(state.up)));
        if known.insert(state.id.clone(), state.why) == Some(state.why) {
            continue;
        }
        let (db, clock) = (&ground.db, &ground.clock);
        match said(state.why) {
            Some(said) => {
                let said = said.with("trunk", state.name.as_str()).with("host", state.host.as_str());
                alarms::raise(db, clock, "trunk.down", &state.id, &said).await?;
            }
            None => alarms::clear(db, clock, "trunk.down", &state.id).await?,
        }
    }
    known.retain(|id, _| states.iter().any(|state| state.id == *id));
    Ok(())
}

fn said(why: Why) -> Option<Said> {
    Some(match why {
        Why::Fine | Why::Paused | Why::Registering => return None,
        Why::Silent => Said::new(
            "trunk.silent",
            "the carrier of {trunk} ({host}) does not answer: calls take other lines, where there are any",
        ),
        Why::NotRegistered => {
            Said::new("trunk.not_registered", "{trunk} ({host}) could not register, and it is tried again")
        }
        Why::Refused => Said::new(
            "trunk.refused",
            "the registration of {trunk} ({host}) is refused: look at its account and its password",
        ),
        Why::Resting => Said::new("trunk.resting", "the carrier of {trunk} ({host}) asked for a pause of the calls"),
    })
}
