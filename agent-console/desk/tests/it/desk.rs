//! A desk over a court with orders: agents, work orders, and calls that have ended.

use std::{path::Path, sync::Arc, time::Duration};

use serde_json::{Value, json};
use songda_calls::{Switchboard, SwitchboardConfig};
use songda_desk::{
    Ground,
    calls::{self, CallRow, Ending, Leg, NewCall},
    checklist::{self, Tick},
    outcomes::draft::{Form, Typed},
    work_orders::{self, WorkOrder},
};
use songda_media::{Engine, EngineConfig};
use songda_people::{Actor, sessions};
use songda_recordings::{keys::KeyFile, vault::Vault};
use songda_service::{
    cases,
    outcomes::{LineFacts, Saved},
    tasks::{self, TaskRow},
    timeline::{self, By},
};
use songda_sip::{Endpoint, EndpointConfig, Srtp};
use songda_store::new_id;
use tokio_util::sync::CancellationToken;

use crate::house::{House, ID_NUMBER, houses, party};

pub(crate) struct Desk {
    pub(crate) house: House,
    pub(crate) ground: Ground,
    pub(crate) liu: Actor,
    pub(crate) wang: Actor,
}

/// How an answered call ended.
#[derive(Default)]
pub(crate) struct Ended {
    pub(crate) ticks: &'static [&'static str],
    pub(crate) parting: &'static str,
    pub(crate) broken_consent: bool,
    pub(crate) wrap_until_ms: Option<i64>,
}

/// Every step that must be said of the script of general papers.
pub(crate) const ALL: &[&str] = &["identify", "verify", "documents", "consent", "rights", "facts", "heard"];

/// A desk on each engine, with one order of one party who has this number.
pub(crate) async fn desks() -> Vec<Desk> {
    let mut desks = Vec::new();
    for house in houses().await {
        house.order("SD1", "（2026）陕0102民初1号", vec![party("p", Some(ID_NUMBER), &["13800001234"])], "D1").await;
        let ground = ground(&house);
        let (liu, wang) = (actor(&house, "liu").await, actor(&house, "wang").await);
        desks.push(Desk { house, ground, liu, wang });
    }
    desks
}

pub(crate) async fn actor(house: &House, login: &str) -> Actor {
    sessions::login(&house.on.db, &house.on.clock, login, "Right-horse-9", "127.0.0.1").await.unwrap().0
}

fn ground(house: &House) -> Ground {
    let on = &house.on;
    let here = "127.0.0.1:0".parse().unwrap();
    let keys = Arc::new(KeyFile::open(&on.folder.join("test.key")).unwrap());
    let vault = Arc::new(Vault::open(&on.folder.join("recordings"), keys, 0).unwrap());
    let sip = EndpointConfig::udp(here, "Songda");
    let endpoint = Endpoint::start(sip, CancellationToken::new()).unwrap();
    let (now, engine_now) = (on.clock.clone(), on.clock.clone());
    let engine = Engine::start(EngineConfig::at(here.ip(), Arc::new(move || engine_now.now_ms())));
    let switchboard = Switchboard::new(SwitchboardConfig {
        endpoint,
        engine: engine.unwrap(),
        vault: vault.clone(),
        prompts: Path::new(env!("CARGO_MANIFEST_DIR")).join("../calls/prompts"),
        ring_limit: Duration::from_mins(1),
        phone_srtp: Srtp::Off,
        reader: None,
        now_ms: Arc::new(move || now.now_ms()),
    });
    Ground {
        db: on.db.clone(),
        clock: on.clock.clone(),
        sealer: on.sealer.clone(),
        vault,
        switchboard,
        demo: true,
        jobs: Arc::default(),
        build: "/assets/index-test.js".into(),
    }
}

pub(crate) fn form(contact: &str, business: &str, fields: &[(&str, &str)]) -> Form {
    Form {
        contact: contact.into(),
        business: business.into(),
        heard_all: business == "B05",
        note: String::new(),
        fields: fields.iter().map(|(id, text)| ((*id).to_owned(), Typed::Text((*text).to_owned()))).collect(),
    }
}

impl Desk {
    pub(crate) fn engine(&self) -> &'static str {
        self.house.on.engine
    }

    /// The agent takes the next work order and opens it.
    pub(crate) async fn take(&self, agent: &Actor) -> Option<WorkOrder> {
        let order = work_orders::offer(&self.ground.db, &self.ground.clock, agent, "k").await.unwrap()?;
        assert!(work_orders::opened(&self.ground.db, &self.ground.clock, agent, &order.id).await.unwrap());
        Some(order)
    }

    /// A call of this order that is being placed.
    pub(crate) async fn begun(&self, agent: &Actor, order: &WorkOrder) -> CallRow {
        let task = self.task(&order.task_id).await;
        let phone = cases::phones(&self.ground.db, &task.party_id).await.unwrap().remove(0);
        let (call, recording) = (new_id(), new_id());
        let new = NewCall {
            id: &call,
            court: &self.house.court,
            task: &order.task_id,
            work_order: &order.id,
            phone: &phone.id,
            masked: &phone.masked,
            caller: "02988009000",
            recording: &recording,
            trunk: "trunk",
            language: "zh",
            script: "general-v1",
        };
        let mut tx = self.ground.db.begin().await.unwrap();
        let by = By { actor: &agent.user_id, name: &agent.name };
        calls::begin(&mut tx, &self.ground.clock, &by, &new).await.unwrap();
        tx.commit().await.unwrap();
        self.call(&call).await
    }

    /// A call of this order that was answered and is over after half a minute.
    pub(crate) async fn ended(&self, agent: &Actor, order: &WorkOrder, how: &Ended) -> CallRow {
        let call = self.begun(agent, order).await;
        let now = self.ground.clock.now_ms();
        calls::answered(&self.ground.db, &call.id, now, Some(now)).await.unwrap();
        self.ends(&call, how).await
    }

    /// This call, which was answered, is over after half a minute.
    pub(crate) async fn ends(&self, call: &CallRow, how: &Ended) -> CallRow {
        let now = self.ground.clock.now_ms();
        let mut tx = self.ground.db.begin().await.unwrap();
        for (at, step) in how.ticks.iter().enumerate() {
            let tick = Tick { step: (*step).into(), at_ms: now, offset_ms: Some(at as i64 * 1_000) };
            checklist::tick(&mut tx, &call.id, &tick, true).await.unwrap();
        }
        self.ground.clock.advance(30_000);
        let facts = LineFacts { answered: true, ..Default::default() };
        let ending = Ending {
            ended_ms: self.ground.clock.now_ms(),
            by: "party",
            talk_ms: 30_000,
            facts: &facts,
            technical: "C01",
            rule: "house v1",
            is_attempt: true,
            answered_ms: Some(now),
            recording: None,
            incomplete: false,
            prompt_spans: json!([]),
            quality: json!({}),
            marks: json!([]),
            parting: how.parting,
            broken_consent: how.broken_consent,
            unread: false,
            wrap_until_ms: how.wrap_until_ms,
            leg: Leg::Down,
        };
        assert!(calls::end(&mut tx, &self.ground.clock, call, &ending).await.unwrap());
        tx.commit().await.unwrap();
        self.call(&call.id).await
    }

    pub(crate) async fn call(&self, id: &str) -> CallRow {
        calls::find(&self.ground.db, &self.house.court, id).await.unwrap().unwrap()
    }

    pub(crate) async fn task(&self, id: &str) -> TaskRow {
        tasks::find(&self.ground.db, &self.house.court, id).await.unwrap()
    }

    pub(crate) async fn save(&self, agent: &Actor, call: &str, form: Form) -> Result<Saved, String> {
        songda_desk::outcomes::save(&self.ground, agent, call, form).await.map_err(|error| error.to_string())
    }

    /// Kinds of the task's events, oldest first.
    pub(crate) async fn events(&self, task: &str) -> Vec<String> {
        timeline::list(&self.ground.db, task).await.unwrap().into_iter().map(|event| event.kind).collect()
    }

    /// Actions in the log, newest first.
    pub(crate) async fn log(&self) -> Vec<(String, String)> {
        let rows = songda_store::audit::list(&self.ground.db, &self.house.court, None, 500).await.unwrap();
        rows.into_iter().map(|row| (row.action, row.result)).collect()
    }
}

/// The first frame of this kind, past all others.
pub(crate) async fn frame(frames: &mut tokio::sync::mpsc::Receiver<Value>, kind: &str) -> Value {
    loop {
        let next = tokio::time::timeout(Duration::from_secs(20), frames.recv()).await;
        let frame = next.unwrap_or_else(|_| panic!("no {kind} came")).unwrap_or_else(|| panic!("no {kind}: released"));
        if frame["type"] == kind {
            return frame;
        }
    }
}
