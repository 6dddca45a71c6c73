//! The carrier as registrar, and its other manners.

use std::time::Duration;

use serde_json::{Value, json};
use songda_sim::{Forms, Manners, NumberForm};

use crate::{
    caller::{CALLER, Identity},
    court::Court,
    world::{World, world},
};

async fn tell(world: &World, path: &str, body: Value) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}/_sim/{path}", world.sim.http_addr);
    let response = client.post(url).json(&body).send().await.unwrap();
    assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
}

#[tokio::test]
async fn a_registration_is_challenged_and_granted_for_less() {
    let world = world(|config| config.registering.grant_s = 60).await;
    let mut court = Court::new(world.sim.sip_addr).await;
    let headers = format!("{}Expires: 600\r\n", court.contact());
    let response = court.register(&headers).await;
    assert_eq!(response.status(), 200);
    assert!(response.header("Contact").ends_with(";expires=60") || response.header("Contact").ends_with(";expires=59"));
    let registers = world.sim.journal().registers;
    assert_eq!(registers.iter().map(|r| r.status).collect::<Vec<_>>(), [401, 200]);
    assert_eq!((registers[1].asked_s, registers[1].granted_s), (600, 60));
    let gone = court.register("Contact: *\r\nExpires: 0\r\n").await;
    assert_eq!((gone.status(), gone.header("Contact")), (200, ""));
    assert!(world.sim.journal().complaints.is_empty());
}

#[tokio::test]
async fn a_registration_is_refused_as_it_was_asked_for() {
    let world = world(|config| config.registering.least_s = 300).await;
    let mut court = Court::new(world.sim.sip_addr).await;
    let contact = court.contact();
    let brief = court.register(&format!("{contact}Expires: 60\r\n")).await;
    assert_eq!((brief.status(), brief.header("Min-Expires")), (423, "300"));
    tell(&world, "carrier", json!({"refuse_register": 503, "refuse_times": 2})).await;
    for status in [503, 503, 200] {
        assert_eq!(court.register(&contact).await.status(), status);
    }
    tell(&world, "carrier", json!({"refuse_register": 403})).await;
    assert_eq!(court.register(&contact).await.status(), 403);
}

#[tokio::test]
async fn calls_are_taken_only_from_who_is_registered_when_that_is_required() {
    let world = world(|config| config.registering.required = true).await;
    let mut caller = world.caller("13800003001").await;
    caller.dial().await;
    let (_, response) = caller.final_response().await;
    assert_eq!(response.status(), 403);
    assert!(response.header("Warning").contains("nobody is registered there"));
    caller.send("ACK").await;

    let mut court = Court::new(world.sim.sip_addr).await;
    let contact = court.contact();
    court.register(&contact).await;
    assert!(world.sim.call_in(songda_sim::CallIn { from: "13800007001".into(), ..Default::default() }).await.is_ok());
    court.receive_only("INVITE").await;
    world.sim.behave(Manners { forget: Some(true), ..Manners::default() }).await.unwrap();
    assert!(world.sim.call_in(songda_sim::CallIn { from: "13800007001".into(), ..Default::default() }).await.is_err());
}

#[tokio::test]
async fn options_are_counted_and_answered_or_not() {
    let world = world(|_| {}).await;
    for (answer, status) in [(200, Some(200)), (503, Some(503)), (0, None)] {
        world.sim.behave(Manners { options: Some(answer), ..Manners::default() }).await.unwrap();
        let mut caller = world.caller("13800000001").await;
        caller.send("OPTIONS").await;
        let response = caller.receive_within(Duration::from_millis(300)).await;
        assert_eq!(response.map(|r| r.status()), status);
    }
    assert_eq!(world.sim.journal().options, 3);
}

#[tokio::test]
async fn e39_a_number_in_another_form_than_the_trunks_is_refused_and_complained_of() {
    let world = world(|config| {
        config.forms =
            Forms { called: Some(NumberForm::ZeroMobiles(vec!["139".into()])), calling: Some(NumberForm::Plus86) };
    })
    .await;
    let plus = "+862988009000";
    let identity = |from: &'static str| Identity { from, asserted: Some(from), ..Identity::default() };
    let cases = [
        ("013800003001", plus, 486, None),
        ("13800003001", plus, 484, Some("a called number in another form than the trunk's")),
        ("013800003001", CALLER, 403, Some("a calling number in another form than the trunk's")),
        ("110", plus, 403, Some("an emergency number was dialled")),
        ("029120", plus, 403, Some("an emergency number was dialled")),
        ("16812345", plus, 403, Some("a premium number was dialled")),
    ];
    for (called, from, status, complaint) in cases {
        let before = world.sim.journal().complaints.len();
        let mut caller = crate::caller::Caller::new(world.sim.sip_addr, called, identity(from)).await;
        caller.dial().await;
        assert_eq!(caller.final_response().await.1.status(), status, "{called}");
        caller.send("ACK").await;
        let complaints = world.sim.journal().complaints;
        assert_eq!(complaints.get(before).map(|c| c.what.as_str()), complaint, "{called}");
    }
    tell(&world, "carrier", json!({"called_form": "any", "calling_form": "national"})).await;
    let mut caller = world.caller("13800003001").await;
    caller.dial().await;
    assert_eq!(caller.final_response().await.1.status(), 486);
}

#[tokio::test]
async fn a_fault_may_be_silence_a_hanging_call_or_another_place_and_of_one_number() {
    let world = world(|_| {}).await;
    tell(&world, "fault", json!({"sip": "302", "contact": "sip:1@192.0.2.1", "number": "13800003001"})).await;
    let mut other = world.caller("13800003002").await;
    other.dial().await;
    assert_eq!(other.final_response().await.1.status(), 486, "another number is not meant");
    let mut moved = world.caller("13800003001").await;
    moved.dial().await;
    let (_, response) = moved.final_response().await;
    assert_eq!((response.status(), response.header("Contact")), (302, "<sip:1@192.0.2.1>"));
    moved.send("ACK").await;

    tell(&world, "fault", json!({"sip": "stuck"})).await;
    let mut stuck = world.caller("13800003001").await;
    stuck.dial().await;
    assert_eq!(stuck.receive().await.status(), 100);
    assert!(stuck.receive_within(Duration::from_millis(300)).await.is_none());

    tell(&world, "fault", json!({"sip": "silence"})).await;
    let mut silent = world.caller("13800003001").await;
    silent.send("INVITE").await;
    assert!(silent.receive_within(Duration::from_millis(300)).await.is_none());
    silent.send_again("INVITE").await;
    assert!(silent.receive_within(Duration::from_millis(300)).await.is_none(), "nor is its repeat heard");
}

#[tokio::test]
async fn a_refer_to_the_carrier_is_a_breach() {
    let world = world(|_| {}).await;
    let mut caller = world.caller("13800000001").await;
    caller.send("REFER").await;
    assert_eq!(caller.final_response().await.1.status(), 405);
    assert_eq!(world.sim.journal().complaints[0].what, "a REFER to the carrier");
}
