//! A court with two carriers: one that fails is followed by the other, and what two
//! administrators change holds from the next call on, without a restart.

use std::time::Duration;

use serde_json::{Value, json};
use songda_sim::Number;
use songda_tests::agent::{Agent, http, until};

use crate::world::World;

/// The number that the second carrier knows.
const SECOND: &str = "02988009001";

/// A world with a second carrier that no trunk leads to yet.
struct Carriers {
    world: World,
    second: songda_sim::Running,
    one: String,
    two: String,
    _out: tempfile::TempDir,
}

impl Carriers {
    async fn start() -> Self {
        let world = World::start().await;
        let out = tempfile::tempdir().unwrap();
        let mut config = songda_sim::Config::for_tests(out.path().to_path_buf());
        // Each carrier knows its own number of the court and no other.
        config.callers = vec![Number::parse(SECOND).unwrap()];
        let second = songda_sim::start(config).await.unwrap();
        let (one, two) = (world.server.cookie("admin").await, world.server.cookie("admin2").await);
        Self { world, second, one, two, _out: out }
    }

    async fn ask(&self, cookie: &str, method: reqwest::Method, path: &str, body: Option<Value>) -> Value {
        let url = format!("{}/api/v1/telephony/{path}", self.world.server.url);
        let mut request = http().request(method, url).header("cookie", cookie);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// One administrator asks, the other approves; answers the id of the trunk or number.
    async fn enter(&self, path: &str, form: Value) -> String {
        let change = self.ask(&self.one, reqwest::Method::POST, path, Some(form)).await;
        let decision = format!("changes/{}/decision", change["id"].as_str().unwrap());
        self.ask(&self.two, reqwest::Method::POST, &decision, Some(json!({ "approve": true }))).await;
        change["object_id"].as_str().unwrap().to_owned()
    }

    /// The second carrier gets its trunk and its number, while the server runs.
    async fn connect_second(&self) -> String {
        self.connect_speaking(&["pcma", "pcmu"]).await
    }

    /// The same, over a trunk with these codecs.
    async fn connect_speaking(&self, codecs: &[&str]) -> String {
        let trunk = json!({
            "name": "second", "state": "active", "domain": "songda-sim", "username": "songda", "password": "secret",
            "profile": { "hosts": [self.second.sip_addr.to_string()], "transport": "udp", "register": false,
                         "weight": 10, "max_calls": 0, "max_calls_per_second": 0, "calls_per_day": 0,
                         "headers": { "from": "number", "identity": "asserted", "identity_uri": "sip",
                                      "privacy_none": false },
                         "codecs": codecs,
                         "called": { "style": "national", "access_prefix": "", "home": { "area": "", "mobiles": [] },
                                     "zero_before_distant_mobiles": false, "own_area_without_code": false,
                                     "abroad": [] },
                         "calling": { "style": "national", "without_area": false }, "session_expires_s": 0 }
        });
        let trunk = self.enter("trunks", trunk).await;
        let url = format!("{}/api/v1/telephony/proofs", self.world.server.url);
        let proof = http().post(url).header("cookie", &self.one).body(&b"%PDF-1.7\n%%EOF\n"[..]).send().await.unwrap();
        let proof: Value = serde_json::from_str(&proof.text().await.unwrap()).unwrap();
        let number = json!({
            "number": SECOND, "carrier": "中国联通", "trunks": [trunk], "proof": proof["id"], "valid_from": "",
            "valid_until": "", "registration": "registered", "label": "新城区人民法院", "active": true
        });
        self.enter("numbers", number).await;
        trunk
    }

    async fn pause(&self, kind: &str, name: &str) {
        let found = self.ask(&self.one, reqwest::Method::GET, kind, None).await;
        let key = if kind == "trunks" { "name" } else { "number" };
        let item = found["items"].as_array().unwrap().iter().find(|item| item[key] == name).unwrap().clone();
        let path = format!("{kind}/{}/pause", item["id"].as_str().unwrap());
        assert_eq!(self.ask(&self.one, reqwest::Method::POST, &path, None).await, json!({ "changed": true }));
    }

    async fn first_fails(&self, how: &Value) {
        let url = format!("http://{}/_sim/fault", self.world.sim.http_addr);
        http().post(url).json(&json!({ "sip": how, "times": 1 })).send().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c11_a_trunk_that_fails_before_it_rings_is_no_attempt_and_the_next_one_carries_the_call() {
    let carriers = Carriers::start().await;
    let second = carriers.connect_second().await;
    carriers.first_fails(&json!(503)).await;
    carriers.world.push("13800008006").await;
    let mut agent = Agent::sign_in(&carriers.world.server.url).await;
    let order = agent.take().await;
    agent.dial().await;
    agent.phase("talking").await;
    agent.stay(Duration::from_secs(2)).await;
    agent.hang_up().await;
    agent.phase("ended").await;

    let server = &carriers.world.server;
    assert_eq!(
        server.sqlite("SELECT c.trunk_id, c.caller, c.technical_code, c.is_attempt FROM calls c"),
        format!("[('{second}', '{SECOND}', 'C01', 1)]"),
        "one call, one attempt, over the second trunk and under its number"
    );
    assert_eq!(
        server.sqlite("SELECT no, status, leg_sealed IS NULL, ended_ms > 0 FROM call_tries ORDER BY no"),
        "[(0, 503, 1, 1), (1, None, 1, 1)]",
        "each try is in the books, and nothing of a leg is left"
    );
    let at_second = carriers.second.journal().calls;
    assert_eq!((at_second.len(), at_second[0].caller.as_str()), (1, SECOND));
    let judge = server.cookie("J0001").await;
    let task = order["task_id"].as_str().unwrap();
    let seen = carriers.world.task_until(&judge, task, |task| task["calls"][0]["recording"].is_object()).await;
    assert_eq!(seen["calls"].as_array().unwrap().len(), 1, "{seen:#}");
    let supervisor = server.cookie("supervisor").await;
    let (_, alarms) = server.get("/api/v1/alarms", &supervisor).await;
    assert!(alarms.contains("trunk.failed") && alarms.contains("songda-sim"), "{alarms}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c11_a_408_before_it_rings_is_followed_by_the_next_trunk() {
    let carriers = Carriers::start().await;
    let second = carriers.connect_second().await;
    carriers.first_fails(&json!(408)).await;
    carriers.world.push("13800008006").await;
    let mut agent = Agent::sign_in(&carriers.world.server.url).await;
    agent.take().await;
    agent.dial().await;
    agent.phase("talking").await;
    agent.hang_up().await;
    agent.phase("ended").await;
    let server = &carriers.world.server;
    assert_eq!(
        server.sqlite("SELECT trunk_id, technical_code, is_attempt FROM calls"),
        format!("[('{second}', 'C01', 1)]")
    );
    assert_eq!(server.sqlite("SELECT no, status FROM call_tries ORDER BY no"), "[(0, 408), (1, None)]");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r12_1_each_carrier_is_offered_the_codecs_of_its_trunk_and_no_other() {
    let carriers = Carriers::start().await;
    carriers.connect_speaking(&["pcmu"]).await;
    carriers.first_fails(&json!(503)).await;
    carriers.world.push("13800008006").await;
    let mut agent = Agent::sign_in(&carriers.world.server.url).await;
    agent.take().await;
    agent.dial().await;
    agent.phase("talking").await;
    agent.stay(Duration::from_secs(2)).await;
    agent.hang_up().await;
    agent.phase("ended").await;
    let (first, second) = (carriers.world.sim.journal().calls, carriers.second.journal().calls);
    assert_eq!((first[0].status, first[0].offered.as_slice()), (Some(503), &[8, 0, 101][..]), "both laws, and keys");
    assert_eq!(second[0].offered, [0, 101], "the same call, over a trunk of µ-law alone");
    assert_eq!(second[0].rtp.codec, Some("PCMU"));
    assert!(second[0].rtp.heard_ms > 1_000, "the notice was heard in it: {:?}", second[0].rtp);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c11_a_silent_trunk_is_left_for_the_next_one_and_both_are_never_up_at_once() {
    let carriers = Carriers::start().await;
    carriers.connect_second().await;
    carriers.first_fails(&json!("stuck")).await;
    carriers.world.push("13800008006").await;
    let mut agent = Agent::sign_in(&carriers.world.server.url).await;
    agent.take().await;
    agent.dial().await;
    agent.phase("talking").await;
    let rows = carriers.world.server.sqlite(
        "SELECT a.ended_ms <= b.started_ms, b.started_ms - a.started_ms >= 9000
         FROM call_tries a JOIN call_tries b ON b.call_id = a.call_id AND a.no = 0 AND b.no = 1",
    );
    assert_eq!(rows, "[(1, 1)]", "the second leg begins after the first one has ended");
    agent.hang_up().await;
    agent.phase("ended").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r12_1_what_is_paused_or_entered_holds_from_the_next_call_on_without_a_restart() {
    let carriers = Carriers::start().await;
    carriers.connect_second().await;
    carriers.pause("trunks", "songda-sim").await;
    carriers.world.push("13800008006").await;
    let mut agent = Agent::sign_in(&carriers.world.server.url).await;
    agent.take().await;
    agent.dial().await;
    agent.phase("talking").await;
    agent.hang_up().await;
    agent.phase("ended").await;
    assert!(carriers.world.sim.journal().calls.is_empty(), "the paused trunk is not asked");
    assert_eq!(carriers.second.journal().calls.len(), 1);
    carriers.pause("numbers", SECOND).await;
    let found = carriers.ask(&carriers.one, reqwest::Method::GET, "trunks", None).await;
    assert!(found["items"].as_array().unwrap().iter().all(|item| item["numbers"] == json!([])), "{found}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e39_an_extension_is_pressed_after_the_answer_and_stands_nowhere_in_clear() {
    let world = World::start().await;
    world.push("02988007701,8012").await;
    let mut agent = Agent::sign_in(&world.server.url).await;
    agent.take().await;
    agent.dial().await;
    agent.phase("talking").await;
    let keys = || async { world.sim.journal().calls.first().map(|call| call.rtp.dtmf.clone()).unwrap_or_default() };
    until(keys, |keys| keys == "8012").await.unwrap();
    assert_eq!(agent.notice("call.keypad_sent").await["keys"], 4);
    agent.hang_up().await;
    agent.phase("ended").await;
    assert!(!world.server.sqlite("SELECT marks FROM calls").contains("8012"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1a_while_every_trunk_is_down_the_queue_waits_an_alarm_stands_and_work_comes_back_with_the_line() {
    const NUMBER: &str = "13800008006";
    let world = World::start().await;
    let admin = world.server.cookie("admin").await;
    let trunks = || async { json_of(&world, "telephony/trunks", &admin).await["items"][0].clone() };
    let retry = || async {
        let id = trunks().await["id"].as_str().unwrap().to_owned();
        let url = format!("{}/api/v1/telephony/trunks/{id}/retry", world.server.url);
        assert_eq!(http().post(url).header("cookie", &admin).send().await.unwrap().status(), 204);
    };
    let answers = |status: u16| songda_sim::Manners { options: Some(status), ..songda_sim::Manners::default() };
    // A carrier that says that it serves nobody.
    world.sim.behave(answers(503)).await.unwrap();
    retry().await;
    let up = |wanted: bool| move |trunk: &Value| trunk["signalling"]["up"] == wanted;
    until(trunks, up(false)).await.unwrap();
    let supervisor = world.server.cookie("supervisor").await;
    let alarms = || async { json_of(&world, "alarms", &supervisor).await };
    until(alarms, |alarms| alarms.to_string().contains("trunk.down")).await.unwrap();
    world.push(NUMBER).await;
    let mut agent = Agent::sign_in(&world.server.url).await;
    agent.send(json!({ "type": "ready" })).await;
    agent.frame("queue").await;
    assert!(agent.work_order.is_null(), "nobody sits before a telephone that cannot call: {}", agent.work_order);
    world.sim.behave(answers(200)).await.unwrap();
    retry().await;
    until(trunks, up(true)).await.unwrap();
    agent.frame("work_order").await;
    assert!(world.sim.journal().calls.is_empty(), "nothing was dialled meanwhile");
    until(alarms, |alarms| !alarms.to_string().contains("trunk.down")).await.unwrap();
}

async fn json_of(world: &World, path: &str, cookie: &str) -> Value {
    let (status, body) = world.server.get(&format!("/api/v1/{path}"), cookie).await;
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}
