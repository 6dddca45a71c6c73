//! The time between the end of a call and its outcome, by the policy of the court.
//!
//! When it is up nothing is invented: the call stands in 待补录 and the agent is free.

use std::time::Duration;

use serde_json::json;

use super::{
    call::LiveCall,
    seat::{AgentState, Seat},
};
use crate::{
    DeskError, calls,
    outcomes::owed::{self, Why},
    settings::WrapUp,
};

/// What one more minute is.
const EXTENSION_MS: i64 = 60_000;

impl Seat {
    /// How long until the time after the call is up; none where no clock runs.
    pub(super) fn wrap_up_left(&self) -> Option<Duration> {
        let until = self.call.as_ref().filter(|call| !call.is_live())?.wrap_up?.until_ms?;
        Some(Duration::from_millis((until - self.ground.clock.now_ms()).max(0) as u64))
    }

    pub(super) async fn time_is_up(&mut self) -> Result<(), DeskError> {
        let Some(call) = &self.call else { return Ok(()) };
        let (id, saved) = (call.id.clone(), call.saved);
        // Whatever comes of it, the clock has run: it is not asked again at once.
        self.stop_clock();
        if saved { self.go_on("saved").await } else { self.leave(&id, Why::TimeIsUp).await }
    }

    fn stop_clock(&mut self) {
        if let Some(time) = self.call.as_mut().and_then(|call| call.wrap_up.as_mut()) {
            time.until_ms = None;
        }
    }

    /// The agent leaves the outcome for later.
    pub(super) async fn later(&mut self, call: &str) -> Result<(), DeskError> {
        let ended = self.call.as_ref().filter(|live| live.id == call && !live.is_live() && !live.saved);
        let Some(live) = ended else {
            self.tell_error("wrap_up.nothing", "no outcome of this call waits here");
            return Ok(());
        };
        if live.wrap_up.is_some_and(|time| time.policy == WrapUp::TimeBoxedNoEarlyExit) {
            self.tell_error("wrap_up.no_early_exit", "the court wants the whole time to be used");
            return Ok(());
        }
        self.leave(call, Why::Asked).await
    }

    pub(super) async fn leave(&mut self, call: &str, why: Why) -> Result<(), DeskError> {
        let Some(row) = calls::find(&self.ground.db, &self.actor.court_id, call).await? else { return Ok(()) };
        owed::leave(&self.ground, Some(&self.actor), &row, why).await?;
        self.go_on("owed").await
    }

    /// The house left the outcome for later, for nobody looked after it.
    pub(super) async fn left_for_later(&mut self, call: &str) -> Result<(), DeskError> {
        if self.call.as_ref().is_some_and(|live| live.id == call) {
            return self.go_on("owed").await;
        }
        self.tell_owed().await
    }

    /// One more minute, once per call.
    pub(super) async fn extend(&mut self, call: &str) -> Result<(), DeskError> {
        let mut tx = self.ground.db.begin().await?;
        let until = calls::extend_wrap_up(&mut tx, &self.actor.user_id, call, EXTENSION_MS).await?;
        let live = self.call.as_mut().filter(|live| live.id == call && !live.saved);
        let (Some(until_ms), Some(time)) = (until, live.and_then(|live| live.wrap_up.as_mut())) else {
            self.tell_error("wrap_up.no_more", "the time of this call cannot be extended, or was before");
            return Ok(());
        };
        (time.until_ms, time.extended, time.due_ms) = (Some(until_ms), true, until_ms);
        self.audit(&mut tx, "wrap_up.extend", "call", call, "ok", json!({})).await?;
        tx.commit().await?;
        self.tell_call();
        self.view();
        Ok(())
    }

    pub(super) async fn outcome_saved(&mut self, call: &str) -> Result<(), DeskError> {
        let now = self.ground.clock.now_ms();
        let Some(live) = self.call.as_mut().filter(|live| live.id == call) else {
            self.tell_today().await?;
            return self.tell_owed().await;
        };
        live.saved = true;
        live.draft = serde_json::Value::Null;
        if stays(live, now) {
            self.tell_call();
            return self.tell_today().await;
        }
        self.go_on("saved").await
    }

    /// The call is done with: the agent goes on.
    async fn go_on(&mut self, reason: &str) -> Result<(), DeskError> {
        let Some(call) = self.call.take() else { return Ok(()) };
        self.order = None;
        self.free_again(&call.work_order, reason).await
    }

    /// Nothing is at hand any more: the agent takes what comes next.
    pub(super) async fn free_again(&mut self, work_order: &str, reason: &str) -> Result<(), DeskError> {
        self.tell("work_order_closed", json!({ "work_order": work_order, "reason": reason }));
        self.tell_today().await?;
        self.tell_owed().await?;
        if self.browser.is_some() {
            self.go(AgentState::Ready);
            self.next_task().await
        } else {
            self.go(AgentState::Offline);
            Ok(())
        }
    }
}

/// Whether who is done early waits for the end of the time.
fn stays(call: &LiveCall, now_ms: i64) -> bool {
    call.wrap_up.is_some_and(|time| {
        time.policy == WrapUp::TimeBoxedNoEarlyExit && time.until_ms.is_some_and(|until| until > now_ms)
    })
}
