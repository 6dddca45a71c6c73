//! Against SIPp as the carrier, over real sockets.

use std::{path::Path, process::Stdio, time::Duration};

use songda_sip::{EndCause, Endpoint, Finished, Leg, LegEvent, Side, Trunk};
use tokio::process::{Child, Command};

use crate::restart::{Killed, any_endpoint, endpoint, free_port, killed, order, trunk};

/// SIPp as the called side for one call, on a free port.
struct Sipp {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Sipp {
    fn start(scenario: &[&str]) -> Self {
        let port = free_port();
        let folder = tempfile::tempdir().unwrap();
        let child = Command::new("sipp")
            .args(scenario)
            .args(["-i", "127.0.0.1", "-p", &port.to_string(), "-m", "1", "-nostdin", "-timeout", "40"])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("SIPp is needed: apt-get install sip-tester");
        Self { child, port, _folder: folder }
    }

    async fn succeeded(mut self) -> bool {
        let status = tokio::time::timeout(Duration::from_secs(45), self.child.wait()).await;
        status.is_ok_and(|status| status.is_ok_and(|status| status.success()))
    }
}

fn scenario(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/sipp").join(name).display().to_string()
}

async fn dial(port: u16, password: &str) -> (Endpoint, Leg) {
    let endpoint = any_endpoint().await;
    let leg = endpoint.call(order(trunk(port, password))).await.unwrap();
    (endpoint, leg)
}

/// Waits for the first event that `wanted` knows; everything before it is returned too.
async fn until(leg: &mut Leg, wanted: impl Fn(&LegEvent) -> bool) -> Vec<LegEvent> {
    let mut seen = Vec::new();
    tokio::time::timeout(Duration::from_secs(40), async {
        while let Some(event) = leg.next().await {
            let found = wanted(&event);
            seen.push(event);
            if found {
                return;
            }
        }
        panic!("the call ended without it: {seen:?}");
    })
    .await
    .expect("in time");
    seen
}

#[tokio::test]
async fn sipp_answers_and_we_hang_up() {
    let sipp = Sipp::start(&["-sn", "uas"]);
    let (_endpoint, mut leg) = dial(sipp.port, "secret").await;
    let seen = until(&mut leg, |event| matches!(event, LegEvent::Answered { .. })).await;
    assert!(seen.contains(&LegEvent::Ringing), "{seen:?}");
    leg.handle().hang_up().await;
    let seen = until(&mut leg, |event| matches!(event, LegEvent::Ended(_))).await;
    assert!(
        matches!(seen.last(), Some(LegEvent::Ended(ended)) if ended.by == Side::Us && ended.cause == EndCause::HungUp)
    );
    assert!(sipp.succeeded().await);
}

/// The next run is on the port of the one before: SIPp answers to where the INVITE came from.
/// Without a user nobody challenges: then the first INVITE is the likeliest to be pending.
fn restarted(scenario: &[&str], when: Killed, user: &str, how: Finished) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sipp = runtime.block_on(async { Sipp::start(scenario) });
    let (saved, listen) = killed(trunk(sipp.port, "secret"), when);
    let trunk = Trunk { username: user.into(), ..trunk(sipp.port, "secret") };
    assert_eq!(saved.is_answered(), when == Killed::Answered);
    let finished = runtime.block_on(async { endpoint(listen).await.finish(&saved, &trunk).await });
    assert_eq!(finished, Ok(how));
    assert!(runtime.block_on(sipp.succeeded()), "SIPp saw every step of its scenario");
}

#[test]
fn r4_2a_sipp_gets_the_bye_of_a_call_whose_run_was_killed() {
    restarted(&["-sn", "uas"], Killed::Answered, "court", Finished::HungUp);
}

#[test]
fn r4_2a_sipp_challenges_the_bye_of_a_call_whose_run_was_killed() {
    restarted(&["-sf", &scenario("farewell.xml")], Killed::Answered, "court", Finished::HungUp);
}

#[test]
fn r4_2a_sipp_gets_the_cancel_of_a_call_that_rang_when_its_run_was_killed() {
    restarted(&["-sf", &scenario("ringing.xml")], Killed::Ringing, "court", Finished::Cancelled);
}

#[test]
fn r4_2a_sipp_repeats_an_answer_that_was_not_kept_and_gets_its_ack_and_bye() {
    restarted(&["-sf", &scenario("repeated.xml")], Killed::Unkept, "", Finished::HungUp);
}

#[tokio::test]
async fn sipp_is_busy_and_the_cause_of_the_exchange_arrives() {
    let sipp = Sipp::start(&["-sf", &scenario("busy.xml")]);
    let (_endpoint, mut leg) = dial(sipp.port, "secret").await;
    let seen = until(&mut leg, |event| matches!(event, LegEvent::Ended(_))).await;
    let Some(LegEvent::Ended(ended)) = seen.last() else { panic!("{seen:?}") };
    assert_eq!((ended.cause, ended.status, ended.q850), (EndCause::Refused, Some(486), Some(17)));
    assert!(ended.provisional && ended.rang.is_some());
    assert!(sipp.succeeded().await);
}

#[tokio::test]
async fn sipp_challenges_announces_answers_and_hangs_up_itself() {
    let sipp = Sipp::start(&["-sf", &scenario("challenge.xml")]);
    let (_endpoint, mut leg) = dial(sipp.port, "secret").await;
    let seen = until(&mut leg, |event| matches!(event, LegEvent::Ended(_))).await;
    assert!(seen.iter().any(|event| matches!(event, LegEvent::EarlyMedia { sdp } if sdp.contains("6000"))), "{seen:?}");
    assert!(seen.iter().any(|event| matches!(event, LegEvent::Answered { .. })), "{seen:?}");
    assert!(matches!(seen.last(), Some(LegEvent::Ended(ended)) if ended.by == Side::Peer && ended.q850 == Some(16)));
    assert!(sipp.succeeded().await);
}

#[tokio::test]
async fn a_carrier_that_is_not_there_is_not_alive() {
    let endpoint = any_endpoint().await;
    let trunk = Trunk {
        name: "nowhere".into(),
        proxy: "no.such.host.invalid:5060".into(),
        domain: "x".into(),
        username: String::new(),
        password: String::new().into(),
    };
    let error = endpoint.probe(&trunk).await.unwrap_err();
    assert!(error.to_string().contains("nowhere"), "{error}");
}
