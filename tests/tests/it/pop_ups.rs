//! What rings at a desk, in Chromium: a party who calls, and a call that a colleague hands over
//! (R4.1a, R4.4a).

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use crate::{
    browser::{Browser, Microphone, id},
    desk::expected,
    inbound,
    world::World,
};

/// A person at the desk who passed the device check.
async fn at_the_desk(world: &World, login: &str) -> Browser {
    let mut browser = Browser::open(&world.server.url, Microphone::default()).await;
    passes_the_check(&mut browser, login, "/desk").await;
    browser
}

/// Signs in, passes the device check and asks for work.
async fn passes_the_check(browser: &mut Browser, login: &str, path: &str) {
    browser.sign_in(login, path).await;
    browser.wait(&format!("{}:enabled", id("device-continue"))).await;
    browser.click(&id("device-continue")).await;
    browser.wait(&format!("{}:enabled", id("ready"))).await;
    browser.click(&id("ready")).await;
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

/// Nothing that reached the page holds this number, and its console is quiet.
async fn saw_no(browser: &mut Browser, number: &str) {
    let (texts, mut errors) = browser.seen().await;
    errors.retain(|error| !expected(error));
    assert!(texts.iter().all(|text| !text.contains(number)), "the number reached the page");
    assert!(errors.is_empty(), "{errors:?}");
}

async fn hangs_up(browser: &mut Browser) {
    browser.press("Alt+e").await;
    browser.press("Alt+e").await;
    browser.phase("ended").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1a_in_two_browsers_a_call_is_handed_over_by_keyboard_after_asking() {
    const NUMBER: &str = "13800008016";
    let world = World::start().await;
    world.push(NUMBER).await;
    let mut first = at_the_desk(&world, "agent").await;
    first.wait(&format!("{}:enabled", id("dial-0"))).await;
    first.press("Alt+d").await;
    first.phase("talking").await;
    let mut second = at_the_desk(&world, "agent2").await;
    second.wait(&id("empty-queue")).await;
    first.press("Alt+t").await;
    first.wait(&format!("{}:checked", id("tick-identify"))).await;

    first.press("Alt+z").await;
    first.wait(&format!("{}.chosen", id("target-1027"))).await;
    first.shot("desk-transfer").await;
    first.press("Enter").await;
    second.wait(&format!("{} {}", id("handed"), id("incoming-case"))).await;
    second.shot("desk-handed").await;
    second.press("Alt+a").await;
    second.wait(&format!("{}[data-phase=consulting]", id("handed"))).await;
    let asked = now_ms();
    second.act(json!({ "do": "sound", "from": asked })).await;
    first.act(json!({ "do": "sound", "from": asked })).await;
    first.wait(&format!("{}:focus", id("transfer-complete"))).await;
    first.shot("desk-transfer-consulting").await;
    first.press("Enter").await;
    first.wait(&id("empty-queue")).await;
    second.phase("talking").await;
    second.wait(&format!("{}:checked", id("tick-identify"))).await;
    second.act(json!({ "do": "sound", "from": now_ms() })).await;
    hangs_up(&mut second).await;
    second.wait(&id("business-B07")).await;
    for browser in [&mut first, &mut second] {
        saw_no(browser, NUMBER).await;
    }
    first.close().await;
    second.close().await;
}

/// Opens the list of who may get the call, chooses one, and clicks what is to be done.
async fn hands_over(browser: &mut Browser, to: &str, button: &str) {
    browser.press("Alt+z").await;
    browser.click(&format!("{}:enabled", id(to))).await;
    browser.wait(&format!("{}.chosen", id(to))).await;
    browser.click(&format!("{}:enabled", id(button))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1a_in_two_browsers_a_colleague_comes_in_by_one_click_and_a_call_is_handed_back_unasked_by_another() {
    const NUMBER: &str = "13800008018";
    let voices = [('a', 1_523.0), ('p', 1_000.0), ('t', 1_919.0)];
    let world = World::start().await;
    world.push(NUMBER).await;
    let mut first = Browser::saying(&world.server.url, 1_523.0).await;
    passes_the_check(&mut first, "agent", "/desk?raw=1").await;
    first.wait(&format!("{}:enabled", id("dial-0"))).await;
    first.press("Alt+d").await;
    first.phase("talking").await;
    let mut second = Browser::saying(&world.server.url, 1_919.0).await;
    passes_the_check(&mut second, "agent2", "/desk?raw=1").await;
    second.wait(&id("empty-queue")).await;

    hands_over(&mut first, "target-1027", "transfer-three-way").await;
    second.click(&id("handed-accept")).await;
    // Nobody is asked aside first: the three hear each other at once.
    first.wait(&format!("{}[data-phase=joined]", id("transfer-bar"))).await;
    second.wait(&format!("{}[data-phase=joined]", id("handed"))).await;
    assert_eq!(first.hears_only(&voices, "pt").await, "pt");
    assert_eq!(second.hears_only(&voices, "ap").await, "ap");
    first.click(&id("transfer-leave")).await;
    first.wait(&id("empty-queue")).await;
    second.phase("talking").await;
    assert_eq!(second.hears_only(&voices, "p").await, "p");

    hands_over(&mut second, "target-1026", "transfer-blind").await;
    first.wait(&format!("{} {}", id("handed"), id("incoming-case"))).await;
    first.click(&id("handed-accept")).await;
    // He has the party as soon as he takes it, and who gave it away is out.
    first.phase("talking").await;
    assert_eq!(first.hears_only(&voices, "p").await, "p");
    second.wait(&id("empty-queue")).await;
    hangs_up(&mut first).await;
    for browser in [&mut first, &mut second] {
        saw_no(browser, NUMBER).await;
    }
    first.close().await;
    second.close().await;

    let judge = world.server.cookie("J0001").await;
    let task = world.only_task(&judge).await;
    let seen = world.task_until(&judge, &task, |task| task["calls"][0]["recording"].is_object()).await;
    let transfers = seen["calls"][0]["transfers"].as_array().unwrap();
    let told: Vec<[&str; 2]> =
        transfers.iter().map(|row| ["mode", "state"].map(|key| row[key].as_str().unwrap())).collect();
    assert_eq!(told, [["three_way", "done"], ["blind", "done"]], "{transfers:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_4a_in_a_browser_a_party_who_calls_is_shown_with_his_case_and_taken_by_one_key() {
    const NUMBER: &str = "13800008017";
    let (world, at) = inbound::open().await;
    world.push(NUMBER).await;
    let mut agent = at_the_desk(&world, "agent").await;
    agent.wait(&format!("{}:enabled", id("dial-0"))).await;
    world.sim.call_in(inbound::from(NUMBER, at)).await.unwrap();
    let shown = agent.wait(&id("incoming-case")).await;
    assert!(shown.contains("王8017") && shown.contains("买卖合同纠纷"), "{shown}");
    agent.shot("desk-incoming").await;
    agent.press("Alt+a").await;
    agent.phase("talking").await;
    agent.act(json!({ "do": "sound", "from": now_ms() })).await;
    hangs_up(&mut agent).await;
    saw_no(&mut agent, NUMBER).await;
    agent.close().await;
}
