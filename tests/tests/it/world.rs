//! The whole world of a test: songda-sim outside, the built server inside.

use std::net::SocketAddr;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use songda_tests::{
    agent::{http, until},
    proxy::Proxy,
};

use crate::server::{Machine, Server};

const PDF: &[u8] = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\n%%EOF";

/// An identity number that is valid (GB 11643) and differs by `no`.
pub(crate) fn id_no(no: u32) -> String {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let body = format!("11010519491231{no:03}");
    let sum: u32 = body.bytes().zip(WEIGHTS).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    format!("{body}{}", ["1", "0", "X", "9", "8", "7", "6", "5", "4", "3", "2"][(sum % 11) as usize])
}

fn usual(_: &songda_sim::Running) -> Machine {
    Machine::default()
}

pub(crate) struct World {
    pub(crate) sim: songda_sim::Running,
    pub(crate) server: Server,
    _out: tempfile::TempDir,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut songda_sim::Config)) -> Self {
        Self::build(usual, None, None, change).await
    }

    /// The server runs on an unusual machine.
    pub(crate) async fn start_on(machine: impl FnOnce(&songda_sim::Running) -> Machine) -> Self {
        Self::build(machine, None, None, |_| {}).await
    }

    /// Both.
    pub(crate) async fn start_on_with(
        machine: impl FnOnce(&songda_sim::Running) -> Machine,
        change: impl FnOnce(&mut songda_sim::Config),
    ) -> Self {
        Self::build(machine, None, None, change).await
    }

    /// Calls leave through another carrier than that of songda-sim.
    pub(crate) async fn start_at(carrier: SocketAddr) -> Self {
        Self::build(usual, Some(carrier), None, |_| {}).await
    }

    /// The same, on an unusual machine.
    pub(crate) async fn start_on_at(machine: Machine, carrier: SocketAddr) -> Self {
        Self::build(|_| machine, Some(carrier), None, |_| {}).await
    }

    pub(crate) async fn start_on_postgres() -> Self {
        let url = songda_store::testing::empty_postgres().await.unwrap();
        Self::build(usual, None, Some(&url), |_| {}).await
    }

    /// Browsers that come to the address of the proxy reach the house through it, and so
    /// does their sound.
    pub(crate) async fn behind_proxy() -> (Self, Proxy) {
        let mut proxy = Proxy::open().await;
        let (listen, advertise) = proxy.media();
        let lines = format!("web_listen = \"{listen}\"\nweb_advertise = \"{advertise}\"");
        let configure = move |text: String| text.replace("web_listen = \"127.0.0.1:0\"", &lines);
        let machine = Machine { configure: Some(Box::new(configure)), ..Machine::default() };
        let world = Self::start_on(|_| machine).await;
        proxy.lead_to(&world.server.url);
        (world, proxy)
    }

    async fn build(
        machine: impl FnOnce(&songda_sim::Running) -> Machine,
        carrier: Option<SocketAddr>,
        database: Option<&str>,
        change: impl FnOnce(&mut songda_sim::Config),
    ) -> Self {
        songda_store::http::install_crypto();
        let out = tempfile::tempdir().unwrap();
        let mut config = songda_sim::Config::for_tests(out.path().to_path_buf());
        change(&mut config);
        let sim = songda_sim::start(config).await.unwrap();
        let carrier = carrier.unwrap_or(sim.sip_addr);
        let server = Server::start(machine(&sim), carrier, Some(sim.http_addr), database);
        Self { sim, server, _out: out }
    }

    /// Pushes the samples of the case system.
    pub(crate) async fn push_samples(&self) -> String {
        let url = format!("http://{}/_sim/push?samples=20", self.sim.http_addr);
        let body = json!({ "to": self.server.url, "key": self.server.machine_key });
        http().post(url).json(&body).send().await.unwrap().text().await.unwrap()
    }

    /// Pushes one order with one party who has this number.
    pub(crate) async fn push(&self, number: &str) {
        let (status, body) = self.try_push(number).await;
        assert_eq!(status, 201, "{body}");
    }

    /// The same, however it goes.
    pub(crate) async fn try_push(&self, number: &str) -> (u16, String) {
        let tail = &number[number.len() - 4..];
        let order = json!({
            "msg_id": format!("m{tail}"), "source": "ajxt", "order_no": format!("SD2026{tail}"), "revision": 1,
            "court": "陕0102", "dept": "民一庭",
            "case": { "no": format!("(2026)陕0102民初{}号", 1000 + tail.parse::<u32>().unwrap()), "cause": "买卖合同纠纷",
                      "kind": "民商事", "procedure": "简易", "judge": { "id": "J0001", "name": "周明远" },
                      "clerk": { "id": "C0001" },
                      "hearing": { "at": "2026-12-10T09:30:00+08:00", "room": "第三法庭" },
                      "evidence_until": "2026-12-05" },
            "link": "庭前送达", "order_kind": "一般诉讼文书", "finish_by": "2026-12-02", "urgency": "normal", "remark": "",
            "parties": [{ "ref": "p1", "position": "被告", "kind": "自然人", "name": format!("王{tail}"),
                          "id_type": "居民身份证", "id_no": id_no(tail.parse::<u32>().unwrap() % 1000),
                          "phones": [{ "no": number, "source": "起诉状", "label": "明确送达联系方式" }],
                          "addresses": [{ "text": "西安市新城区尚德路116号", "source": "送达地址确认书", "confirmed": true }] }],
            "documents": [{ "ref": "d1", "name": "传票", "class": "D1", "sha256": hex::encode(Sha256::digest(PDF)),
                            "pages": 1, "sealed": true, "for": ["p1"], "copies": 1, "file": "f1" }]
        });
        let form = reqwest::multipart::Form::new()
            .text("order", order.to_string())
            .part("f1", reqwest::multipart::Part::bytes(PDF));
        let answer = http()
            .post(format!("{}/api/v1/orders", self.server.url))
            .bearer_auth(&self.server.machine_key)
            .multipart(form)
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// What the judge sees of a task.
    pub(crate) async fn task(&self, judge: &str, task: &str) -> Value {
        let (status, body) = self.server.get(&format!("/api/v1/tasks/{task}"), judge).await;
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    /// The task of the one order that was pushed.
    pub(crate) async fn only_task(&self, judge: &str) -> String {
        let (_, body) = self.server.get("/api/v1/tasks", judge).await;
        let tasks: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(tasks["items"].as_array().unwrap().len(), 1, "{tasks}");
        tasks["items"][0]["id"].as_str().unwrap().to_owned()
    }

    /// Looks at the task until it is as wanted.
    pub(crate) async fn task_until(&self, judge: &str, task: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let seen = until(|| self.task(judge, task), wanted).await;
        seen.unwrap_or_else(|last| panic!("not in three minutes: {last:#}\n{}", self.server.log_tail()))
    }
}
