//! One click: what must be in order before a call is placed, and how it is placed.

use serde_json::json;
use songda_calls::{Dial, DialError, numbering::Callee};
use songda_recordings::said::Said;
use songda_service::{cases, outcomes, tasks, timeline::By};
use songda_store::{masked, new_id};
use zeroize::Zeroizing;

use super::{
    call::LiveCall,
    seat::{AgentState, Seat},
};
use crate::{
    DeskError,
    calls::{self, Ending, Leg, NewCall},
    checklist, inbound,
    telephony::{self, NoRoute, Routes, choose},
    work_orders,
};

/// The language that every prompt has.
const HOME: &str = "zh";

/// A number that was opened to be dialled.
struct Opened {
    text: Zeroizing<String>,
    /// Invented, and known to songda-sim only (X5).
    demo: bool,
}

impl Seat {
    pub(super) async fn dial(
        &mut self,
        work_order: &str,
        phone_id: &str,
        sdp: String,
        language: Option<String>,
    ) -> Result<(), DeskError> {
        let now = self.ground.clock.now_ms();
        let refusal = match &self.order {
            _ if self.house.closing.is_cancelled() => Some(("dial.closing", "the server is closing: no call goes out")),
            _ if self.call.as_ref().is_some_and(LiveCall::is_live) => {
                Some(("dial.already_live", "a call is already being placed"))
            }
            _ if self.rings() => Some(("dial.incoming", "a call rings here: take it or leave it first")),
            _ if self.call.is_some() => Some(("dial.outcome_pending", "save the outcome of the last call first")),
            None => Some(("work_order.foreign", "no work order is open here")),
            Some(order) if order.id != work_order => Some(("work_order.foreign", "this is not the open work order")),
            Some(order) if order.expires_ms <= now => {
                Some(("work_order.expired", "the work order has expired: reload to renew it"))
            }
            Some(order) if order.state != "opened" => {
                Some(("work_order.foreign", "the work order was not opened in this browser"))
            }
            Some(_) => None,
        };
        if let Some((code, detail)) = refusal {
            self.tell_error(code, detail);
            return Ok(());
        }
        if let Some((code, detail)) = self.unready().await {
            tracing::warn!(code, %detail, "a call did not go out");
            self.tell_error(code, &detail);
            return Ok(());
        }
        let Some(order) = self.order.clone() else { return Ok(()) };
        let task = tasks::find(&self.ground.db, &self.actor.court_id, &order.task_id).await?;
        let phone = cases::phone(&self.ground.db, phone_id).await.ok().filter(|phone| phone.party_id == task.party_id);
        let Some(phone) = phone.filter(|phone| phone.state == "有效") else {
            self.tell_error("dial.phone_dead", "this number cannot be dialled");
            return Ok(());
        };
        let (court_id, demo) = (self.actor.court_id.clone(), self.ground.demo);
        let lines = telephony::lines_of(&self.ground.db, &self.ground.clock, &court_id, demo).await?;
        let opened = self.open_number(&phone)?;
        let callee = match Callee::parse(&opened.text) {
            Ok(callee) => callee,
            // Neither the code nor the text holds the number.
            Err(refusal) => {
                self.no_route(&refusal.into()).await;
                return Ok(());
            }
        };
        let language = language.unwrap_or_else(|| HOME.into());
        if language != HOME && !self.ground.switchboard.languages(&self.court.code).contains(&language) {
            self.tell_error("dial.language", "the court has no recording notice in this language");
            return Ok(());
        }
        let court_order = cases::order(&self.ground.db, &task.order_id).await?;
        let script = checklist::script_for(&court_order.order_kind).id;
        if demo && !(lines.iter().all(|line| line.trunk.leads_nowhere_else()) && opened.demo) {
            self.tell_error("dial.demo_only", "demo mode calls invented numbers on this machine only");
            return Ok(());
        }
        let (id, recording) = (new_id(), new_id());
        let mut tx = self.ground.db.begin().await?;
        if !work_orders::still_held(&mut tx, &self.ground.clock, &self.actor, &order.id).await? {
            self.tell_error("work_order.expired", "the work order is not in your hands any more: reload");
            return Ok(());
        }
        if inbound::party_calls(&mut tx, &task.party_id).await? {
            self.tell_error("dial.party_calls", "the party is calling the court at this moment: it rings here next");
            return Ok(());
        }
        let ground = &self.ground;
        let silent = telephony::watch::down(&ground.switchboard);
        let is_down = |trunk: &str| silent.contains(trunk);
        let ways = match choose(&mut tx, &ground.clock, &ground.sealer, lines, &callee, is_down).await {
            Ok(ways) => ways,
            Err(DeskError::NoRoute(why)) => {
                // The alarm is written beside it.
                drop(tx);
                self.no_route(&why).await;
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let Routes { routes, lines, extension } = ways;
        let by = By { actor: &self.actor.user_id, name: &self.actor.name };
        let new = NewCall {
            id: &id,
            court: &self.actor.court_id,
            task: &order.task_id,
            work_order: &order.id,
            phone: &phone.id,
            masked: &phone.masked,
            caller: &lines[0].number,
            recording: &recording,
            trunk: &lines[0].trunk.id,
            language: &language,
            script,
        };
        calls::begin(&mut tx, &self.ground.clock, &by, &new).await?;
        self.audit(&mut tx, "call.dial", "call", &id, "ok", json!({ "phone": phone.id, "task": order.task_id }))
            .await?;
        tx.commit().await?;
        if let Some(order) = &mut self.order {
            order.expires_ms = now + work_orders::LIFETIME_MS;
        }
        self.call = Some(LiveCall::new(&id, &order.id, &phone, script, now, lines));
        self.go(AgentState::Calling);
        self.tell_call();
        let dialled = self
            .ground
            .switchboard
            .dial(Dial {
                call: id.clone(),
                recording,
                routes,
                extension,
                browser_offer: sdp,
                court: self.court.code.clone(),
                language,
            })
            .await;
        match dialled {
            Ok((handle, events)) => {
                if let Some(call) = &mut self.call {
                    call.handle = Some(handle);
                }
                self.events = Some(events);
                Ok(())
            }
            Err(error) => self.not_dialled(&id, &error).await,
        }
    }

    /// The one place where the number on file is opened to be dialled.
    fn open_number(&self, phone: &cases::PhoneRow) -> Result<Opened, DeskError> {
        let open = self.ground.sealer.open_sealed("phones", "number_sealed", &phone.id, &phone.sealed)?;
        let text = Zeroizing::new(String::from_utf8_lossy(&open).into_owned());
        let demo = masked::Phone::parse(&text).is_ok_and(|phone| phone.is_demo());
        Ok(Opened { text, demo })
    }

    /// No call goes out, and none is written down. Whatever keeps every call of the court from
    /// going out is somebody's to look at.
    async fn no_route(&mut self, why: &NoRoute) {
        if matches!(why, NoRoute::Down | NoRoute::Ceiling | NoRoute::NoNumber) {
            let said = Said::new("trunk.none", "no call can go out: {why}");
            let said = said.with("why", Said::new(why.code(), &why.to_string()));
            self.alarm("trunk.none", &self.actor.court_id, &said).await;
        }
        self.tell_error(why.code(), &why.to_string());
    }

    /// The call could not go out: it is closed as our own failure, no attempt.
    async fn not_dialled(&mut self, id: &str, error: &DialError) -> Result<(), DeskError> {
        let code = match error {
            DialError::RecordingUnavailable(_) => "dial.recording_unavailable",
            DialError::NoticeMissing(_) => "dial.notice_missing",
            DialError::BrowserOffer(_) => "dial.browser_media",
            DialError::AlreadyLive => "dial.already_live",
            _ => "dial.trunk_down",
        };
        tracing::warn!(call = %id, %error, "call did not go out");
        let facts = outcomes::LineFacts { our_fault: true, cause: error.to_string(), ..Default::default() };
        self.finish(
            id,
            &Ending {
                ended_ms: self.ground.clock.now_ms(),
                by: "system",
                talk_ms: 0,
                facts: &facts,
                technical: "C11",
                rule: outcomes::HOUSE,
                is_attempt: false,
                answered_ms: None,
                recording: None,
                incomplete: false,
                prompt_spans: json!([]),
                quality: json!({}),
                marks: json!([]),
                parting: "",
                broken_consent: false,
                unread: false,
                wrap_until_ms: None,
                leg: Leg::Down,
            },
        )
        .await?;
        let court = self.actor.court_id.clone();
        match error {
            DialError::RecordingUnavailable(fault) => {
                let said =
                    Said::new("recording.unavailable", "no recording could begin, and the call did not go out: {why}");
                self.alarm("recording.unavailable", &court, &said.with("why", fault.said())).await;
            }
            DialError::NoticeMissing(fault) => {
                let said = Said::new(
                    "notice.missing",
                    "the recording notice could not be played, and the call did not go out: {why}",
                );
                self.alarm("notice.missing", &court, &said.with("why", fault.said())).await;
            }
            _ => {}
        }
        self.tell_error(code, &error.to_string());
        Ok(())
    }
}
