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
    browser.sign_in(login, "/desk").await;
    browser.wait(&format!("{}:enabled", id("device-continue"))).await;
    browser.click(&id("device-continue")).await;
    browser.wait(&format!("{}:enabled", id("ready"))).await;
    browser.click(&id("ready")).await;
    browser
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
