//! What a seat shows: frames to its browser, and its state to supervisors.

use serde_json::{Value, json};
use songda_service::tasks;
use songda_store::clock::rfc3339;

use super::{
    call::LiveCall,
    seat::{AgentState, Seat},
    technical_words,
};
use crate::{
    DeskError, checklist,
    outcomes::owed,
    settings,
    work_orders::{self, Binding, WorkOrder},
};

impl Seat {
    pub(super) async fn envelope(&self) -> Result<Value, DeskError> {
        match &self.order {
            Some(order) => self.sealed(order).await,
            None => Ok(Value::Null),
        }
    }

    /// A work order for the browser that is here; null where none is.
    pub(super) async fn sealed(&self, order: &WorkOrder) -> Result<Value, DeskError> {
        let Some(browser) = &self.browser else { return Ok(Value::Null) };
        let plain = work_orders::content(&self.ground.db, &self.actor, &self.court.name, order).await?;
        let binding = Binding {
            agent: &self.actor.user_id,
            exp: order.expires_ms / 1000,
            iat: self.ground.clock.now_ms() / 1000,
            sid: &self.actor.session_tag(),
            v: 1,
            wo: &order.id,
        };
        let envelope = work_orders::seal(&browser.kid, &browser.public_key, &binding, plain.to_string().as_bytes())?;
        Ok(json!(envelope))
    }

    pub(super) async fn snapshot(&mut self) -> Result<(), DeskError> {
        self.refresh_draft().await?;
        self.refresh_heard().await?;
        let envelope = self.envelope().await?;
        let queue = tasks::queue(&self.ground.db, &self.ground.clock, &self.actor.court_id).await?;
        let (answered, closed) = self.today().await?;
        let settings = settings::of(&self.ground.db, &self.actor.court_id).await?;
        let body = json!({
            "agent": { "state": self.state.word(), "since_at": rfc3339(self.since_ms) },
            "work_order": envelope,
            "call": self.call.as_ref().map(LiveCall::frame),
            "incoming": self.incoming_frame().await?,
            "transfer_offer": self.handed_frame().await?,
            "today": { "answered": answered, "closed": closed },
            "queue": { "ready": queue.ready, "later": queue.later, "next_at": queue.next_ms.map(rfc3339) },
            "owed": self.owed().await?,
            "settings": {
                "wrap_up": { "policy": settings.wrap_up.word(), "seconds": settings.wrap_up_s },
                "languages": self.ground.switchboard.languages(&self.court.code),
                "keypad": true,
            },
            "build": &*self.ground.build,
            "clock": self.clock_frame(),
            "closing": self.house.closing.is_cancelled(),
        });
        self.tell("snapshot", body);
        Ok(())
    }

    fn clock_frame(&self) -> Value {
        json!({ "trusted": self.ground.clock.trusted(), "offset_ms": self.ground.clock.offset_ms() })
    }

    async fn owed(&self) -> Result<Vec<Value>, DeskError> {
        let mut items = Vec::new();
        for call in owed::list(&self.ground.db, &self.actor.user_id).await? {
            let ticks: Vec<Value> = checklist::ticks(&self.ground.db, &call.call_id)
                .await?
                .iter()
                .map(|tick| json!({ "step": tick.step, "at": rfc3339(tick.at_ms), "offset_ms": tick.offset_ms }))
                .collect();
            items.push(json!({
                "call_id": call.call_id, "task_number": call.task_number, "case_number": call.case_number,
                "recipient": call.recipient, "phone_masked": call.phone_masked, "ended_at": rfc3339(call.ended_ms),
                "technical": technical_words(&call.technical), "talk_ms": call.talk_ms,
                "end_reason": call.end_reason, "ticks": ticks,
            }));
        }
        Ok(items)
    }

    pub(super) async fn tell_owed(&mut self) -> Result<(), DeskError> {
        let items = self.owed().await?;
        self.tell("owed", json!({ "items": items }));
        Ok(())
    }

    async fn today(&self) -> Result<(i64, i64), DeskError> {
        crate::outcomes::today(&self.ground.db, &self.actor.user_id, self.ground.clock.now_ms()).await
    }

    pub(super) async fn tell_today(&mut self) -> Result<(), DeskError> {
        let (answered, closed) = self.today().await?;
        self.tell("today", json!({ "answered": answered, "closed": closed }));
        Ok(())
    }

    pub(super) async fn tell_queue(&mut self) -> Result<(), DeskError> {
        let queue = tasks::queue(&self.ground.db, &self.ground.clock, &self.actor.court_id).await?;
        self.tell(
            "queue",
            json!({ "ready": queue.ready, "later": queue.later, "next_at": queue.next_ms.map(rfc3339) }),
        );
        Ok(())
    }

    pub(super) fn tell_call(&mut self) {
        if let Some(frame) = self.call.as_ref().map(LiveCall::frame) {
            self.tell("call", frame);
        }
    }

    pub(super) fn tell_error(&mut self, code: &str, detail: &str) {
        let call = self.call.as_ref().map(|call| call.id.clone());
        self.tell("error", json!({ "code": code, "detail": detail, "call_id": call }));
    }

    /// Something to know that is no error.
    pub(super) fn tell_notice(&mut self, code: &str, mut more: Value) {
        more["code"] = json!(code);
        more["call_id"] = json!(self.call.as_ref().map(|call| &call.id));
        self.tell("notice", more);
    }

    pub(super) fn tell(&mut self, kind: &str, body: Value) {
        let now = self.ground.clock.now_ms();
        if let Some(browser) = &mut self.browser
            && !browser.line.send(now, kind, body)
        {
            self.lose_browser(false);
        }
    }

    pub(super) fn go(&mut self, state: AgentState) {
        self.state = state;
        self.since_ms = self.ground.clock.now_ms();
        self.view();
        self.tell("agent", json!({ "state": state.word(), "since_at": rfc3339(self.since_ms) }));
    }

    /// Shows supervisors how it stands here.
    pub(super) fn view(&self) {
        let call = self.call.as_ref();
        let due_ms = call.filter(|call| !call.is_live()).and_then(|call| call.wrap_up).map(|time| time.due_ms);
        let away_until_ms = call.and_then(|call| call.away_until_ms);
        let live = call.filter(|call| call.is_live()).map(LiveCall::view);
        let quality = call.filter(|call| call.is_live()).and_then(|call| call.quality);
        self.show.send_modify(|view| {
            view.state = self.state;
            view.since_ms = self.since_ms;
            view.due_ms = due_ms;
            view.away_until_ms = away_until_ms;
            view.quality = quality;
            view.rings = self.rings();
            view.attended = self.browser.is_some();
            view.call = live;
        });
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }
}
