//! Whether the agent is there: his browser comes, goes, is lost, or meets another one (E51).
//!
//! A browser that goes ends no call: call control lets the party wait, and gives the call up
//! when nobody came back in time. One browser at a time works for an agent; a second one is
//! told so and may take over.

use serde_json::{Value, json};
use songda_people::Actor;
use songda_store::clock::rfc3339;
use tokio::sync::mpsc;

use super::{
    call::LiveCall,
    frames::Line,
    seat::{AgentState, Seat},
};
use crate::{
    DeskError, calls, settings,
    work_orders::{self, WorkOrder},
};

/// An attached browser, or one that asks for the seat.
pub(super) struct Browser {
    pub(super) number: u64,
    pub(super) actor: Actor,
    pub(super) line: Line,
    pub(super) kid: String,
    pub(super) public_key: Vec<u8>,
    pub(super) tab: String,
    pub(super) sound: Option<bool>,
}

impl Browser {
    pub(super) fn new(
        number: u64,
        actor: Actor,
        sink: mpsc::Sender<Value>,
        kid: String,
        public_key: Vec<u8>,
        tab: String,
        sound: Option<bool>,
    ) -> Self {
        Self { number, actor, line: Line::new(sink), kid, public_key, tab, sound }
    }
}

/// Browsers that may wait for an answer at a time; the one that waits longest is let go.
const MOST_WAITING: usize = 4;

impl Seat {
    /// A browser is there. Another one at work is not put out without being asked, unless it
    /// is the same tab, or nobody reads its line any more.
    pub(super) async fn attach(&mut self, mut browser: Browser, take_over: bool) -> Result<(), DeskError> {
        let other = self.browser.as_ref().is_some_and(|here| here.tab != browser.tab && here.line.is_open());
        if other && !take_over {
            let in_call = self.call.as_ref().is_some_and(LiveCall::is_live);
            let body = json!({ "in_call": in_call, "since_at": rfc3339(self.since_ms) });
            browser.line.send(self.ground.clock.now_ms(), "occupied", body);
            if self.waiting.len() == MOST_WAITING {
                self.waiting.remove(0);
            }
            self.waiting.push(browser);
            return Ok(());
        }
        if let Some(old) = &mut self.browser {
            old.line.send(self.ground.clock.now_ms(), "bye", json!({ "reason": "replaced" }));
        }
        self.meet_sound(&browser);
        self.handed_meets_page();
        self.actor = browser.actor.clone();
        self.browser = Some(browser);
        self.alone_since_ms = None;
        // What the database says counts: the house may have given an order back meanwhile.
        self.order = work_orders::active(&self.ground.db, &self.actor.user_id).await?;
        if let Some(mut order) = self.order.take() {
            let kid = self.kid();
            let renewed =
                work_orders::renew(&self.ground.db, &self.ground.clock, &self.actor, &kid, &mut order).await?;
            if renewed {
                if self.call.is_none() {
                    self.call = self.unsaved(&order).await?;
                }
                self.order = Some(order);
            }
        }
        let state = match (&self.call, &self.order) {
            (Some(call), _) if call.is_live() => AgentState::Calling,
            (Some(_), _) => AgentState::WrapUp,
            (None, Some(_)) => AgentState::Reserved,
            (None, None) => AgentState::Paused,
        };
        self.go(state);
        self.snapshot().await
    }

    /// A line that was lost by the network may belong to a page whose sound still flows; a
    /// page that was loaded anew has none.
    fn meet_sound(&mut self, browser: &Browser) {
        let same_page = self.lost_tab.take().is_some_and(|tab| tab == browser.tab);
        let flows = browser.sound.unwrap_or(same_page);
        if let Some(call) = self.call.as_mut().filter(|call| call.is_live()) {
            call.sound = flows;
            if let Some(handle) = call.handle.as_ref().filter(|_| flows) {
                handle.here();
            }
        }
    }

    pub(super) async fn take_over(&mut self, number: u64) -> Result<(), DeskError> {
        let Some(at) = self.waiting.iter().position(|browser| browser.number == number) else { return Ok(()) };
        let browser = self.waiting.remove(at);
        self.attach(browser, true).await
    }

    /// A line is gone. An old one that ends after another took over takes nobody away.
    pub(super) fn detach(&mut self, number: u64, left: bool) {
        self.waiting.retain(|browser| browser.number != number);
        if self.browser.as_ref().is_some_and(|browser| browser.number == number) {
            self.lose_browser(left);
        }
    }

    /// The browser is gone. A live call goes on without it for a while.
    pub(super) fn lose_browser(&mut self, left: bool) {
        let Some(browser) = self.browser.take() else { return };
        self.lost_tab = (!left).then_some(browser.tab);
        self.alone_since_ms = Some(self.ground.clock.now_ms());
        let joined = self.state == AgentState::Calling && self.call.is_none();
        self.stop_ringing();
        self.lose_sound();
        if joined || matches!(self.state, AgentState::Ready | AgentState::Paused | AgentState::Reserved) {
            self.go(AgentState::Offline);
        }
        self.view();
    }

    /// The party of a live call waits until the agent's sound is there again.
    pub(super) fn lose_sound(&mut self) {
        if let Some(call) = self.call.as_mut().filter(|call| call.is_live()) {
            call.sound = false;
            if let Some(handle) = &call.handle {
                handle.away();
            }
        }
    }

    /// The session of this line is over. A call goes on; the page asks to sign in again.
    pub(super) fn session_expired(&mut self, number: u64) {
        if self.browser.as_ref().is_some_and(|browser| browser.number == number) {
            self.tell("session_expired", json!({}));
        }
    }

    /// Signing out is meant: it hangs up.
    pub(super) fn signed_out(&mut self, session: &str) {
        self.waiting.retain(|browser| browser.actor.session != session);
        if self.actor.session == session {
            self.tell("bye", json!({ "reason": "logged_out" }));
            self.hang_up();
            self.lose_browser(true);
        }
    }

    /// A call that ended and still waits for its outcome, after a restart or a reload.
    async fn unsaved(&self, order: &WorkOrder) -> Result<Option<LiveCall>, DeskError> {
        let row = calls::unsaved_of_agent(&self.ground.db, &self.actor.user_id, &order.id).await?;
        let Some(row) = row else { return Ok(None) };
        let recorded = calls::recorded::find(&self.ground.db, calls::recorded::Owner::Call(&row.id)).await?.is_some();
        let settings = settings::of(&self.ground.db, &self.actor.court_id).await?;
        let mut call = LiveCall::ended(&row, recorded, &settings);
        call.ticks = crate::checklist::ticks(&self.ground.db, &row.id).await?;
        Ok(Some(call))
    }

    pub(super) fn kid(&self) -> String {
        self.browser.as_ref().map(|browser| browser.kid.clone()).unwrap_or_default()
    }
}
