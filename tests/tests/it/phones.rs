//! Desk phones of the built server: baresip registers with the account that an administrator
//! made, and with no other.

use std::net::{SocketAddr, UdpSocket};

use serde_json::{Value, json};
use songda_tests::agent::{http, until};

use crate::{peers::FarEnd, server::Machine, world::World};

const REALM: &str = "phones.court.test";

/// The world, with a server at which desk phones register.
pub(crate) async fn open() -> (World, SocketAddr) {
    let (machine, at) = machine();
    (World::start_on(|_| machine).await, at)
}

/// A machine whose server is there for desk phones at this address.
pub(crate) fn machine() -> (Machine, SocketAddr) {
    machine_with("")
}

/// The same, with this line of the configuration's `telephony` besides.
pub(crate) fn machine_with(line: &str) -> (Machine, SocketAddr) {
    let at = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    // This baresip knows MD5 only.
    let lines = format!("sip_listen = \"{at}\"\nphone_realm = \"{REALM}\"\nphone_digest = \"md5\"\n{line}");
    let configure = move |text: String| text.replace("sip_listen = \"127.0.0.1:0\"", &lines);
    (Machine { configure: Some(Box::new(configure)), ..Machine::default() }, at)
}

/// Enters a desk phone, and waits until the server knows of it; answers its password.
pub(crate) async fn enter(world: &World, extension: &str, name: &str) -> String {
    let (done, said) = world.server.run(&["phone", "add", extension, "--name", name]);
    assert!(done, "{said}");
    // A telephone that is refused comes again only after a while.
    until(|| async { world.server.log() }, |log| log.contains("\"phones\":1")).await.unwrap();
    said.split_whitespace().nth(5).unwrap().to_owned()
}

/// baresip on a desk, with nobody before it.
fn telephone(house: SocketAddr, user: &str, password: &str) -> FarEnd {
    FarEnd::baresip_with(None, None, |_| {
        format!(
            "<sip:{user}@{house}>;auth_user={user};auth_pass={password};regint=600;answermode=manual;\
             audio_codecs=PCMA/8000/1\n"
        )
    })
}

async fn ask(world: &World, cookie: &str, method: reqwest::Method, path: &str, body: Option<Value>) -> Value {
    let url = format!("{}/api/v1/telephony/phones{path}", world.server.url);
    let mut request = http().request(method, url).header("cookie", cookie);
    if let Some(body) = body {
        request = request.json(&body);
    }
    let answer = request.send().await.unwrap();
    assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
    answer.json().await.unwrap_or_default()
}

/// Waits until the phone is registered on so many devices; answers it.
async fn registered(world: &World, cookie: &str, devices: usize) -> Value {
    let look = || async { ask(world, cookie, reqwest::Method::GET, "", None).await["items"][0].clone() };
    let there = |phone: &Value| phone["devices"].as_array().is_some_and(|all| all.len() == devices);
    until(look, there).await.unwrap_or_else(|phone| panic!("{phone:#}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_desk_phone_registers_with_the_account_that_was_made_for_it_and_is_gone_when_it_is_switched_off() {
    let (world, at) = open().await;
    let admin = world.server.cookie("admin").await;
    let form = json!({ "extension": "8001", "name": "立案庭 302" });
    let made = ask(&world, &admin, reqwest::Method::POST, "", Some(form)).await;
    let (id, password) = (made["phone"]["id"].as_str().unwrap(), made["password"].as_str().unwrap());

    let stranger = telephone(at, "8001", "guess");
    stranger.says("401 Unauthorized", 1).await;
    registered(&world, &admin, 0).await;
    drop(stranger);

    let phone = telephone(at, "8001", password);
    let shown = registered(&world, &admin, 1).await;
    let device = &shown["devices"][0];
    assert_eq!(device["protocol"], "UDP");
    assert!(device["agent"].as_str().unwrap().starts_with("baresip"), "{device}");
    assert!(device["since"].as_str() <= device["until"].as_str(), "{device}");

    // It takes calls that are handed on and places none: neither to a person nor to the court.
    for (before, number) in ["13800008001", "02988009000"].into_iter().enumerate() {
        let _control = phone.tell("dial", &format!("sip:{number}@{at}")).await;
        phone.says("session closed: 403 Forbidden", before + 1).await;
    }
    assert_eq!(world.server.sqlite("SELECT COUNT(*) FROM inbound_calls"), "[(0,)]");
    assert!(world.sim.journal().calls.is_empty());

    let state = format!("/{id}/state");
    ask(&world, &admin, reqwest::Method::PUT, &state, Some(json!({ "active": false }))).await;
    registered(&world, &admin, 0).await;
    ask(&world, &admin, reqwest::Method::PUT, &state, Some(json!({ "active": true }))).await;
    let again = telephone(at, "8001", password);
    registered(&world, &admin, 1).await;
    // A new password throws out whoever has the old one.
    ask(&world, &admin, reqwest::Method::POST, &format!("/{id}/password"), None).await;
    registered(&world, &admin, 0).await;
    drop(again);
    assert!(!world.server.log().contains(password), "the password stands in no log");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_enters_lists_and_removes_a_desk_phone_while_the_server_runs() {
    let (world, at) = open().await;
    let (done, said) = world.server.run(&["phone", "add", "8003", "--name", "值班室"]);
    assert!(done && said.starts_with(&format!("user 8003 domain {REALM} password ")), "{said}");
    let password = said.split_whitespace().nth(5).unwrap();
    // A telephone that is refused comes again only after a while.
    let log = || async { world.server.log() };
    until(log, |log| log.contains("\"phones\":1")).await.unwrap();
    let _telephone = telephone(at, "8003", password);
    let admin = world.server.cookie("admin").await;
    registered(&world, &admin, 1).await;
    assert_eq!(world.server.run(&["phone", "list"]), (true, "8003 值班室: on\n".to_owned()));
    assert_eq!(world.server.run(&["phone", "remove", "8003"]), (true, "desk phone 8003 removed\n".to_owned()));
    let look = || async { ask(&world, &admin, reqwest::Method::GET, "", None).await["items"].clone() };
    until(look, |items| *items == json!([])).await.unwrap();
    assert!(!world.server.run(&["phone", "remove", "8003"]).0);
}
