//! Sound that is secured by keys in the session description (SDES-SRTP) between the built server and
//! baresip, over TLS, as a trunk is set on the page: who hears whom is told by tones.

use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
};

use serde_json::{Value, json};
use songda_media::Law;
use songda_tests::agent::{Agent, http, until};

use crate::{
    certificates::certificates,
    inbound::{accept, set_hours},
    peers::FarEnd,
    road::tone,
    server::Machine,
    sound::{AGENT_HZ, HALF, PARTY_HZ, agent_hears, is_tone},
    world::World,
};

pub(crate) const NUMBER: &str = "13800008009";

/// baresip as the party behind the carrier, whose voice is a tone.
pub(crate) struct Party {
    pub(crate) far: FarEnd,
}

impl Party {
    /// `menc` is how it secures sound: `srtp`, which takes what comes, `srtp-mand`, or nothing.
    pub(crate) fn start(keys: &Path, menc: &str) -> Self {
        Self::saying(PARTY_HZ, keys, menc)
    }

    /// The same with another voice.
    pub(crate) fn saying(hertz: f64, keys: &Path, menc: &str) -> Self {
        let menc = if menc.is_empty() { String::new() } else { format!(";mediaenc={menc}") };
        let account = |port| {
            format!(
                "<sip:{NUMBER}@127.0.0.1:{port};transport=tls>;regint=0;answermode=auto;audio_codecs=PCMA/8000/1{menc}\n"
            )
        };
        Self { far: FarEnd::baresip_with(Some(hertz), Some(keys), account) }
    }

    /// Where it speaks TLS.
    pub(crate) fn tls(&self) -> SocketAddr {
        SocketAddr::new(self.far.address.ip(), self.far.address.port() + 1)
    }

    fn log(&self) -> String {
        self.far.log()
    }

    /// Hangs up; whether half a second of what it heard was the agent.
    fn heard_the_agent(&mut self) -> bool {
        self.far.leave();
        let Some(file) = self.far.heard_in() else { return false };
        let samples: Vec<i16> = hound::WavReader::open(file).unwrap().samples().map(Result::unwrap).collect();
        samples.chunks(4_000).any(|half| half.len() == 4_000 && is_tone(half, AGENT_HZ))
    }
}

/// A world whose carriers are trusted by this root, and that listens for TLS.
pub(crate) struct Secured {
    pub(crate) world: World,
    pub(crate) keys: tempfile::TempDir,
    pub(crate) tls: SocketAddr,
}

impl Secured {
    pub(crate) async fn open() -> Self {
        Self::open_with("").await
    }

    /// With these lines of the configuration's `telephony` besides.
    pub(crate) async fn open_with(more: &str) -> Self {
        let keys = tempfile::tempdir().unwrap();
        certificates(keys.path());
        let tls = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let lines = format!(
            "sip_listen = \"127.0.0.1:0\"\nlisten = [\"tls:{tls}\"]\n\
             tls = {{ certificate = \"{0}/own.pem\", key = \"{0}/key.pem\" }}\n\
             carrier_tls = {{ roots = \"{0}/root.pem\" }}\n{more}",
            keys.path().display()
        );
        let configure = move |text: String| text.replace("sip_listen = \"127.0.0.1:0\"", &lines);
        let machine = Machine { configure: Some(Box::new(configure)), ..Machine::default() };
        Self { world: World::start_on(|_| machine).await, keys, tls }
    }

    async fn ask(&self, login: &str, method: reqwest::Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let cookie = self.world.server.cookie(login).await;
        let url = format!("{}/api/v1/telephony/{path}", self.world.server.url);
        let mut request = http().request(method, url).header("cookie", cookie);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    /// The court's trunk leads to this party over TLS, with sound like this; as two people set it.
    pub(crate) async fn leads_to(&self, party: &Party, srtp: &str) {
        let (_, found) = self.ask("admin", reqwest::Method::GET, "trunks", None).await;
        let row = &found["items"][0];
        let path = format!("trunks/{}", row["id"].as_str().unwrap());
        let mut form = json!({ "name": row["name"], "state": "active", "domain": "127.0.0.1", "username": "",
                               "password": "", "profile": row["profile"] });
        form["profile"]["hosts"] = json!([party.tls().to_string()]);
        form["profile"]["srtp"] = json!(srtp);
        let change = |form: &Value| Some(json!({ "version": row["version"], "form": form }));
        let (status, refused) = self.ask("admin", reqwest::Method::PUT, &path, change(&form)).await;
        if srtp != "off" {
            assert_eq!((status, refused["field"].as_str()), (422, Some("profile.srtp")), "{refused}");
        }
        form["profile"]["transport"] = json!("tls");
        let (status, asked) = self.ask("admin", reqwest::Method::PUT, &path, change(&form)).await;
        assert!((200..300).contains(&status), "{asked}");
        let decision = format!("changes/{}/decision", asked["id"].as_str().unwrap());
        let approve = Some(json!({ "approve": true }));
        assert_eq!(self.ask("admin2", reqwest::Method::POST, &decision, approve).await.0, 200);
        let up = || async {
            let (_, found) = self.ask("admin", reqwest::Method::GET, "trunks", None).await;
            found["items"][0].clone()
        };
        // It answered over TLS.
        let at = party.tls().to_string();
        let there = |row: &Value| {
            let line = &row["signalling"];
            line["up"] == true && line["host"] == at.as_str() && line["last_status"].is_u64()
        };
        until(up, there).await.unwrap_or_else(|row| panic!("{row:#}\n{}", party.log()));
    }

    async fn dials(&self) -> Agent {
        self.world.push(NUMBER).await;
        let mut agent = Agent::sign_in(&self.world.server.url).await;
        agent.take().await;
        agent.dial().await;
        agent
    }

    /// Both talk, each by his tone; then the agent hangs up.
    async fn both_are_heard(&self, agent: &mut Agent, party: &mut Party) {
        agent.peer.as_ref().unwrap().say(&tone(AGENT_HZ, 60.0));
        agent.phase("talking").await;
        agent_hears(agent, PARTY_HZ).await;
        agent.stay(std::time::Duration::from_secs(3)).await;
        agent.hang_up().await;
        agent.phase("ended").await;
        assert!(party.heard_the_agent(), "{}", party.log());
    }

    /// How the only call's sound went.
    pub(crate) async fn quality(&self) -> Value {
        let row = || async { self.world.server.sqlite("SELECT quality FROM calls") };
        let row = until(row, |row| row.contains("received")).await.unwrap();
        let inner = row.trim_start_matches("[('").trim_end_matches("',)]");
        serde_json::from_str(inner).unwrap_or_else(|error| panic!("{error}: {row}"))
    }

    /// Neither log nor ladder, nor the books hold a key; the ladder tells how it was secured.
    async fn no_key_stands_anywhere(&self, told: &str) {
        let call = self.world.server.sqlite("SELECT id FROM calls");
        let call = call.trim_start_matches("[('").trim_end_matches("',)]");
        let admin = self.world.server.cookie("admin").await;
        let (status, ladder) = self.world.server.get(&format!("/api/v1/telephony/calls/{call}/ladder"), &admin).await;
        assert!(status == 200 && ladder.contains(told), "{ladder}");
        for text in [&ladder, &self.world.server.log()] {
            assert!(!text.contains("inline:"), "{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1a_sound_to_a_carrier_that_requires_keys_is_secured_both_ways_and_no_key_is_told() {
    let secured = Secured::open().await;
    let mut party = Party::start(secured.keys.path(), "srtp-mand");
    secured.leads_to(&party, "required").await;
    let mut agent = secured.dials().await;
    secured.both_are_heard(&mut agent, &mut party).await;
    let quality = secured.quality().await;
    assert_eq!(quality["party"]["srtp"], "AES_CM_128_HMAC_SHA1_80", "{quality}");
    assert_eq!(quality["party"]["unauthentic"], 0, "{quality}");
    secured.no_key_stands_anywhere("RTP/SAVP crypto").await;
    let told = || async { secured.world.server.metrics().await };
    let all = [
        "songda_media_refused_total{why=\"unauthentic\"} 0",
        "songda_media_datagrams_total{thread=\"0\"}",
        "songda_media_dropped_by_system_total",
        "# HELP songda_media_sweep_p99_seconds ",
    ];
    until(told, |metrics| all.iter().all(|one| metrics.contains(one))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1a_optional_keys_are_taken_by_who_knows_them_and_left_by_who_does_not() {
    for (menc, suite) in [("srtp", json!("AES_CM_128_HMAC_SHA1_80")), ("", Value::Null)] {
        let secured = Secured::open().await;
        let mut party = Party::start(secured.keys.path(), menc);
        secured.leads_to(&party, "optional").await;
        let mut agent = secured.dials().await;
        secured.both_are_heard(&mut agent, &mut party).await;
        let quality = secured.quality().await;
        assert_eq!(quality["party"]["srtp"], suite, "{menc}: {quality}");
        secured.no_key_stands_anywhere("crypto").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1a_a_carrier_without_keys_gets_no_sound_where_they_are_required() {
    let secured = Secured::open().await;
    let mut party = Party::start(secured.keys.path(), "");
    secured.leads_to(&party, "required").await;
    let mut agent = secured.dials().await;
    let peer = agent.peer.as_ref().unwrap();
    peer.say(&tone(AGENT_HZ, 60.0));
    let hears = peer.hears();
    let end = agent.phase("ended").await["end"].clone();
    assert_ne!(end["technical"]["code"], "C01", "nobody was spoken with: {end}");
    let heard: Vec<i16> = hears.borrow().iter().map(|octet| Law::Pcma.decode(*octet)).collect();
    assert!(!heard.chunks(HALF / 5).any(|piece| is_tone(piece, PARTY_HZ)), "the agent hears nothing of the party");
    // Not even for a moment: that would be a file of it.
    let heard = party.heard_the_agent();
    assert!(!heard && party.far.heard().is_empty(), "the party hears nothing of the agent: {}", party.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_4a_a_caller_is_answered_by_a_key_and_one_in_the_clear_with_488_where_keys_are_required() {
    for menc in ["srtp-mand", ""] {
        let secured = Secured::open().await;
        let mut party = Party::start(secured.keys.path(), menc);
        secured.leads_to(&party, "required").await;
        let hours = json!({ "days": [1, 2, 3, 4, 5, 6, 7], "opens": "00:00", "closes": "24:00", "wait_s": 60, "message_s": 30 });
        set_hours(&secured.world, hours).await;
        secured.world.push(NUMBER).await;
        let mut agent = Agent::sign_in(&secured.world.server.url).await;
        agent.take().await;
        let _control = party.far.tell("dial", &format!("sip:02988009000@{};transport=tls", secured.tls)).await;
        if menc.is_empty() {
            party.far.says("session closed: 488 Not Acceptable Here", 1).await;
            assert_eq!(secured.world.server.sqlite("SELECT COUNT(*) FROM calls"), "[(0,)]", "nobody was rung");
            continue;
        }
        let rings = agent.frame("incoming").await;
        accept(&mut agent, &rings).await;
        secured.both_are_heard(&mut agent, &mut party).await;
        let quality = secured.quality().await;
        assert_eq!(quality["party"]["srtp"], "AES_CM_128_HMAC_SHA1_80", "{quality}");
    }
}
