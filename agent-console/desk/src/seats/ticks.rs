//! Steps of the script that were said, and what the browser measured of its line.

use serde_json::json;

use super::seat::Seat;
use crate::{
    DeskError,
    calls::{self, Sample},
    checklist::{self, Tick},
};

impl Seat {
    /// Ticks a step of the call at hand, or of one whose outcome is owed. Behind the end of
    /// the call a tick has no place in the recording, and says so.
    pub(super) async fn tick(&mut self, step: &str, on: bool, call: Option<String>) -> Result<(), DeskError> {
        let here = self.call.as_ref().filter(|live| !live.saved && call.as_ref().is_none_or(|call| *call == live.id));
        if let Some(live) = here {
            if live.stray.is_some() {
                self.tell_error("tick.no_call", "this call belongs to no task");
                return Ok(());
            }
            if live.is_live() && (live.phase != "talking" || live.held) {
                self.tell_error("tick.not_heard", "the party does not hear the agent at this moment");
                return Ok(());
            }
            let (id, script) = (live.id.clone(), live.script.clone());
            let now = self.ground.clock.now_ms();
            let offset_ms = live.offset();
            let known = live.ticks.iter().any(|tick| tick.step == step);
            let tick = Tick { step: step.to_owned(), at_ms: now, offset_ms };
            if known == on || !self.write_tick(&id, &script, &tick, on).await? {
                return Ok(());
            }
            if let Some(live) = &mut self.call {
                live.ticks.retain(|known| known.step != step);
                if on {
                    live.ticks.push(tick);
                }
            }
            self.tell_call();
            return Ok(());
        }
        let row = match &call {
            Some(call) => calls::find(&self.ground.db, &self.actor.court_id, call).await?,
            None => None,
        };
        let owed = row.filter(|row| row.agent_id == self.actor.user_id && row.outcome_state == "owed");
        let Some(row) = owed else {
            self.tell_error("tick.no_call", "there is no call whose script could be ticked");
            return Ok(());
        };
        let known = checklist::ticks(&self.ground.db, &row.id).await?.iter().any(|tick| tick.step == step);
        if known == on {
            return Ok(());
        }
        let tick = Tick { step: step.to_owned(), at_ms: self.ground.clock.now_ms(), offset_ms: None };
        if self.write_tick(&row.id, &row.script, &tick, on).await? {
            self.tell_owed().await?;
        }
        Ok(())
    }

    async fn write_tick(&mut self, call: &str, script: &str, tick: &Tick, on: bool) -> Result<bool, DeskError> {
        if !checklist::script(script).has(&tick.step) {
            self.tell_error("tick.unknown", "the script of this call has no such step");
            return Ok(false);
        }
        let mut tx = self.ground.db.begin().await?;
        checklist::tick(&mut tx, call, tick, on).await?;
        let detail = json!({ "step": tick.step, "on": on, "offset_ms": tick.offset_ms });
        self.audit(&mut tx, "call.tick", "call", call, "ok", detail).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Marks of the machinery: they stand with the call and in no log.
    pub(super) async fn samples(&self, call: &str, items: &[Sample]) -> Result<(), DeskError> {
        let mut tx = self.ground.db.begin().await?;
        calls::keep_samples(&mut tx, &self.actor.user_id, call, items).await?;
        Ok(tx.commit().await?)
    }
}
