//! A whole call by keyboard alone, with an input method in between.

use serde_json::{Value, json};

use crate::{
    browser::{Browser, Microphone, id},
    world::World,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r2_1a_a_whole_call_goes_by_keyboard_alone_with_an_input_method_in_between() {
    let world = World::start().await;
    world.push("13800008011").await;
    let mut browser = Browser::open(&world.server.url, Microphone::default()).await;
    browser.act(json!({ "do": "visit", "url": format!("{}/desk", world.server.url) })).await;

    // Where a page begins the hands need not look for it.
    browser.wait(&id("login-user")).await;
    browser.type_text("agent").await;
    browser.press("Tab").await;
    browser.type_text("Songda-demo-2026").await;
    browser.press("Enter").await;
    browser.wait(&format!("{}:enabled:focus", id("device-continue"))).await;
    browser.press("Enter").await;
    browser.wait(&format!("{}:enabled:focus", id("ready"))).await;
    browser.act(json!({ "do": "hands" })).await;

    browser.press("Enter").await;
    browser.wait(&format!("{}:enabled", id("dial-0"))).await;
    browser.press("Alt+d").await;
    browser.phase("talking").await;
    for step in ["identify", "verify", "documents", "consent", "address", "rights", "facts", "heard"] {
        browser.press("Alt+t").await;
        browser.wait(&format!("{}:checked", id(&format!("tick-{step}")))).await;
    }
    // Digits choose who spoke, then what was agreed; the fields follow by tabulator.
    browser.press("1").await;
    browser.press("1").await;
    browser.press("Alt+f").await;
    browser.tab_to(&id("field-email")).await;
    browser.type_text("wang@example.cn").await;
    browser.tab_to(&id("note")).await;
    for (text, key) in [("本人", "Digit5"), ("接听", "KeyE"), ("，语速慢", "Enter")] {
        browser.compose(text, key).await;
    }
    let note = browser.evaluate("document.activeElement.value").await;
    assert_eq!(note, json!("本人接听，语速慢"));
    browser.phase("talking").await;
    let chosen = browser
        .evaluate("document.querySelector('[data-testid=business-B01] input, input[data-testid=business-B01]').checked")
        .await;
    assert_eq!(chosen, json!(true), "no digit of the input method chose another outcome");
    browser.wait(&format!("{}[data-draft=kept]", id("draft"))).await;
    browser.press("Alt+e").await;
    browser.press("Alt+e").await;
    browser.phase("ended").await;
    browser.press("Control+Enter").await;
    browser.wait(&id("outcome-saved")).await;
    let hands = browser.act(json!({ "do": "hands" })).await;
    println!("from ready to saved: {} keys, {} letters, {} clicks", hands["keys"], hands["letters"], hands["clicks"]);
    assert_eq!(hands["clicks"], json!(0));

    let judge = world.server.cookie("J0001").await;
    let task = world.only_task(&judge).await;
    let seen = world.task(&judge, &task).await;
    let attempt = &seen["attempts"][0];
    assert_eq!((&attempt["business"], &attempt["note"]), (&json!("B01"), &json!("本人接听，语速慢")), "{attempt}");
    let ticks: &Vec<Value> = seen["calls"][0]["ticks"].as_array().unwrap();
    assert!(ticks.len() == 8 && ticks.iter().all(|tick| tick["offset_ms"].as_i64() > Some(0)), "{ticks:?}");
    browser.close().await;
}
