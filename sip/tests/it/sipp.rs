//! Against SIPp as the carrier, over real sockets.

use std::{net::SocketAddr, path::Path, process::Stdio, sync::Arc, time::Duration};

use songda_sip::{
    EndCause, Endpoint, EndpointConfig, FinishError, Finished, Leg, LegEvent, Number, OutboundCall, SavedLeg, Side,
    Trunk,
};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

const OFFER: &str =
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 20000 RTP/AVP 8\r\n";

/// SIPp as the called side for one call, on a free port.
struct Sipp {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Sipp {
    fn start(scenario: &[&str]) -> Self {
        let port = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
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

fn trunk(port: u16, password: &str) -> Arc<Trunk> {
    Arc::new(Trunk {
        name: "sipp".into(),
        proxy: format!("127.0.0.1:{port}"),
        domain: "127.0.0.1".into(),
        username: "court".into(),
        password: password.to_owned().into(),
    })
}

async fn dial(port: u16, password: &str) -> (Endpoint, Leg) {
    let config =
        EndpointConfig { listen: "127.0.0.1:0".parse().unwrap(), advertise: None, user_agent: "songda-test".into() };
    let endpoint = Endpoint::start(config, CancellationToken::new()).await.unwrap();
    let call = OutboundCall {
        trunk: trunk(port, password),
        callee: Number::new("13800000001"),
        caller: Number::new("02988009000"),
        offer: OFFER.into(),
        ring_limit: Duration::from_secs(30),
    };
    let leg = endpoint.call(call).await.unwrap();
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

/// How far a call is when its run is killed.
#[derive(Clone, Copy, PartialEq)]
enum Killed {
    Ringing,
    /// The answer is there, what ends it is not kept yet.
    Unkept,
    Answered,
}

/// A run that is killed: its tasks vanish and say nothing to anybody.
fn killed(port: u16, when: Killed) -> (SavedLeg, SocketAddr) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (saved, local) = runtime.block_on(async {
        let (endpoint, mut leg) = dial(port, "secret").await;
        let seen = until(&mut leg, |event| match event {
            LegEvent::Saved(_) => when == Killed::Unkept,
            LegEvent::Ringing => when == Killed::Ringing,
            LegEvent::Answered { .. } => when == Killed::Answered,
            _ => false,
        })
        .await;
        let kept = seen.into_iter().find_map(|event| match event {
            LegEvent::Saved(saved) if when == Killed::Answered => Some(*saved),
            _ => None,
        });
        let saved = kept.unwrap_or_else(|| leg.saved().clone());
        let local = endpoint.local_addr();
        // Neither says goodbye.
        std::mem::forget((endpoint, leg));
        (saved, local)
    });
    runtime.shutdown_timeout(Duration::from_secs(5));
    (SavedLeg::from_bytes(&saved.to_bytes()).unwrap(), local)
}

/// The next run, on the port of the one before: SIPp answers to where the INVITE came from.
async fn finish((saved, listen): (SavedLeg, SocketAddr), trunk: &Trunk) -> Result<Finished, FinishError> {
    let config = EndpointConfig { listen, advertise: None, user_agent: "songda-test".into() };
    let endpoint = Endpoint::start(config, CancellationToken::new()).await.unwrap();
    endpoint.finish(&saved, trunk).await
}

fn restarted(scenario: &[&str], when: Killed, trunk: &Trunk, how: Finished) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sipp = runtime.block_on(async { Sipp::start(scenario) });
    let saved = killed(sipp.port, when);
    assert_eq!(saved.0.is_answered(), when == Killed::Answered);
    assert_eq!(runtime.block_on(finish(saved, trunk)), Ok(how));
    assert!(runtime.block_on(sipp.succeeded()), "SIPp saw every step of its scenario");
}

#[test]
fn r4_2a_sipp_gets_the_bye_of_a_call_whose_run_was_killed() {
    restarted(&["-sn", "uas"], Killed::Answered, &trunk(1, "secret"), Finished::HungUp);
}

#[test]
fn r4_2a_sipp_challenges_the_bye_of_a_call_whose_run_was_killed() {
    restarted(&["-sf", &scenario("farewell.xml")], Killed::Answered, &trunk(1, "secret"), Finished::HungUp);
}

#[test]
fn r4_2a_sipp_gets_the_cancel_of_a_call_that_rang_when_its_run_was_killed() {
    restarted(&["-sf", &scenario("ringing.xml")], Killed::Ringing, &trunk(1, "secret"), Finished::Cancelled);
}

#[test]
fn r4_2a_sipp_repeats_an_answer_that_was_not_kept_and_gets_its_ack_and_bye() {
    // Without a user nobody challenges: the first INVITE is the likeliest.
    let open = Trunk { username: String::new(), ..(*trunk(1, "")).clone() };
    restarted(&["-sf", &scenario("repeated.xml")], Killed::Unkept, &open, Finished::HungUp);
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
    let config =
        EndpointConfig { listen: "127.0.0.1:0".parse().unwrap(), advertise: None, user_agent: "songda-test".into() };
    let endpoint = Endpoint::start(config, CancellationToken::new()).await.unwrap();
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
