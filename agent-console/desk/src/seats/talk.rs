//! What an agent does with a live call: comes back to it, holds it, presses keys, ends it
//! politely.

use serde_json::json;
use songda_calls::CallHandle;
use songda_service::{outcomes, timeline::By};

use super::{call::LiveCall, seat::Seat};
use crate::{
    DeskError, calls,
    escalations::{self, Reason},
    outcomes::draft,
};

impl Seat {
    pub(super) fn handle(&self) -> Option<&CallHandle> {
        self.call.as_ref().filter(|call| call.is_live())?.handle.as_ref()
    }

    pub(super) fn with_call(&self, order: impl FnOnce(&CallHandle)) {
        if let Some(handle) = self.handle() {
            order(handle);
        }
    }

    /// A new offer of the browser replaces the sound that was lost.
    pub(super) async fn resume(&mut self, call: &str, sdp: String) -> Result<(), DeskError> {
        let live = self.call.as_ref().is_some_and(|live| live.id == call);
        // It ended, or was handed over, while the page missed its sound: the page is told of that.
        let Some(handle) = self.handle().filter(|_| live).cloned() else { return Ok(()) };
        handle.resume(sdp);
        let mut tx = self.ground.db.begin().await?;
        self.audit(&mut tx, "call.resume", "call", call, "ok", json!({})).await?;
        Ok(tx.commit().await?)
    }

    pub(super) fn keypad(&mut self, digits: String) {
        match self.handle() {
            Some(handle) => handle.digits(digits),
            None => self.tell_error("call.keypad_refused", "there is no call on the line"),
        }
    }

    /// The party is told that the call ends, and it ends; only then is it written down why. On
    /// a line that is down already only the reason is written down.
    pub(super) async fn end_politely(&mut self, reason: &str) -> Result<(), DeskError> {
        let Some(reason) = Reason::parse(reason) else {
            self.tell_error("call.reason_unknown", "the reason is none of those that are known");
            return Ok(());
        };
        self.with_call(CallHandle::end_politely);
        // Nobody was spoken to yet: this is a call that was given up, and no more. Who threatens
        // often hangs up first: until the outcome is saved the reason is still taken.
        let answered = self.call.as_ref().filter(|call| !call.saved && call.answered_ms.is_some());
        let Some(id) = answered.map(|call| call.id.clone()) else { return Ok(()) };
        let Some(row) = calls::find(&self.ground.db, &self.actor.court_id, &id).await? else { return Ok(()) };
        let kept = draft::find(&self.ground.db, &self.ground.sealer, &id).await?;
        let mut tx = self.ground.db.begin().await?;
        let by = By { actor: &self.actor.user_id, name: &self.actor.name };
        if !escalations::note(&mut tx, &self.ground.clock, &by, &row, reason).await? {
            return Ok(());
        }
        if reason.escalates() {
            let mut filled = kept.unwrap_or_default();
            filled.business = ESCALATED.into();
            filled.heard_all = false;
            filled.fields.insert("reason".into(), reason.word().into());
            draft::put(&mut tx, &self.ground, &row.court_id, &id, &filled).await?;
        }
        let detail = json!({ "reason": reason.word(), "escalated": reason.escalates() });
        self.audit(&mut tx, "call.end_politely", "call", &id, "ok", detail).await?;
        tx.commit().await?;
        self.refresh_draft().await?;
        if let Some(call) = &mut self.call {
            call.end_reason = reason.word().into();
        }
        self.tell_call();
        Ok(())
    }

    /// Reads again what is filled in.
    pub(super) async fn refresh_draft(&mut self) -> Result<(), DeskError> {
        let Some(id) = self.call.as_ref().filter(|call| !call.saved).map(|call: &LiveCall| call.id.clone()) else {
            return Ok(());
        };
        let catalogue = outcomes::catalogue().map_err(DeskError::Rules)?;
        let kept = draft::find(&self.ground.db, &self.ground.sealer, &id).await?;
        if let Some(call) = &mut self.call {
            call.draft = kept.map_or(serde_json::Value::Null, |kept| json!(draft::shown(&kept, catalogue)));
        }
        Ok(())
    }
}

/// Business code of a call that a judge must look at.
const ESCALATED: &str = "B17";
