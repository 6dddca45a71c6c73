//! Work orders at a seat: the next one, opened, given back, gone.

use std::time::Duration;

use serde_json::json;
use songda_service::timeline::By;

use super::seat::{AgentState, Seat};
use crate::{DeskError, outcomes::owed::Why, settings::WrapUp, telephony, work_orders};

/// A work order stays so long with an agent whose browser is gone.
const HELD_MS: i64 = 60_000;

impl Seat {
    /// The house gave this work order back to the queue: it is nobody's here any more.
    pub(super) fn expired(&mut self, work_order: &str) {
        if self.call.is_some() || self.order.as_ref().is_none_or(|order| order.id != work_order) {
            return;
        }
        self.order = None;
        self.tell("work_order_closed", json!({ "work_order": work_order, "reason": "expired" }));
        self.go(if self.browser.is_some() { AgentState::Paused } else { AgentState::Offline });
    }

    /// How long a work order without a call stays with an agent who is gone.
    pub(super) fn order_held_for(&self) -> Option<Duration> {
        let alone = self.alone_since_ms.filter(|_| self.order.is_some() && self.call.is_none())?;
        Some(Duration::from_millis((alone + HELD_MS - self.ground.clock.now_ms()).max(0) as u64))
    }

    /// A page that went to sleep keeps no party from being called by somebody else.
    pub(super) async fn give_up_order(&mut self) -> Result<(), DeskError> {
        // Whatever comes of it, it is not tried again at once.
        self.alone_since_ms = None;
        self.give_back("agent_gone").await
    }

    pub(super) async fn ready(&mut self) -> Result<(), DeskError> {
        // Where the outcome may wait, asking for the next task leaves it for later.
        let call = self.call.as_ref().filter(|call| !call.is_live());
        let waits = call.filter(|call| call.wrap_up.is_some_and(|time| time.policy == WrapUp::Optional));
        if let Some(call) = waits.map(|call| call.id.clone()) {
            return self.leave(&call, Why::Asked).await;
        }
        self.next_task().await
    }

    /// Looks for the next task, where nothing else is at hand.
    pub(super) async fn next_task(&mut self) -> Result<(), DeskError> {
        // Who is asked to take a call is given no other work.
        let busy = self.order.is_some() || self.call.is_some() || self.rings();
        if self.browser.is_none() || busy {
            return Ok(());
        }
        // Nobody waits before a telephone that cannot call: the queue waits for the lines, and
        // for the next run where this one closes.
        if self.house.closing.is_cancelled() || telephony::watch::all_down(&self.ground, &self.actor.court_id).await? {
            if self.state != AgentState::Ready {
                self.go(AgentState::Ready);
            }
            return self.tell_queue().await;
        }
        let kid = self.kid();
        let offered = work_orders::offer(&self.ground.db, &self.ground.clock, &self.actor, &kid).await?;
        if let Some(order) = offered {
            self.order = Some(order);
            self.go(AgentState::Reserved);
            let envelope = self.envelope().await?;
            self.tell("work_order", json!({ "envelope": envelope }));
        } else {
            if self.state != AgentState::Ready {
                self.go(AgentState::Ready);
            }
            self.tell_queue().await?;
        }
        Ok(())
    }

    pub(super) async fn pause(&mut self) -> Result<(), DeskError> {
        if self.call.is_some() || self.state == AgentState::Calling {
            return Ok(());
        }
        self.give_back("paused").await?;
        self.go(AgentState::Paused);
        Ok(())
    }

    pub(super) async fn give_back(&mut self, reason: &str) -> Result<(), DeskError> {
        if let Some(order) = self.order.take() {
            let mut tx = self.ground.db.begin().await?;
            let by = By { actor: &self.actor.user_id, name: &self.actor.name };
            work_orders::close(&mut tx, &self.ground.clock, &order.id, &order.task_id, &by, true).await?;
            self.audit(&mut tx, "work_order.give_back", "work_order", &order.id, "ok", json!({})).await?;
            tx.commit().await?;
            self.tell("work_order_closed", json!({ "work_order": order.id, "reason": reason }));
        }
        Ok(())
    }

    pub(super) async fn opened(&mut self, id: &str) -> Result<(), DeskError> {
        let mine = self.order.as_ref().is_some_and(|order| order.id == id);
        if mine && work_orders::opened(&self.ground.db, &self.ground.clock, &self.actor, id).await? {
            if let Some(order) = &mut self.order {
                order.state = "opened".into();
            }
        } else {
            self.tell_error("work_order.foreign", "this work order is not yours to open");
        }
        Ok(())
    }
}
