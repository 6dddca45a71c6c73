//! Our signalling against the strict carrier of songda-sim, which shares no line with it.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use songda_sip::{EndCause, Endpoint, EndpointConfig, Finished, Leg, LegEvent, Number, OutboundCall, Side, Trunk};
use tokio_util::sync::CancellationToken;

const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 29000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n";

struct Line {
    sim: songda_sim::Running,
    endpoint: Endpoint,
    _out: tempfile::TempDir,
}

async fn line() -> Line {
    let out = tempfile::tempdir().unwrap();
    let sim = songda_sim::start(songda_sim::Config::for_tests(out.path().to_path_buf())).await.unwrap();
    let endpoint = endpoint("127.0.0.1:0".parse().unwrap()).await;
    Line { sim, endpoint, _out: out }
}

/// A process that a test beside this one is just starting has copies of our sockets until it
/// runs its own program, so the port of a killed run may stay taken a moment.
async fn endpoint(listen: SocketAddr) -> Endpoint {
    let begun = Instant::now();
    loop {
        let config = EndpointConfig::udp(listen, "songda");
        match Endpoint::start(config, CancellationToken::new()) {
            Ok(endpoint) => return endpoint,
            Err(error) if begun.elapsed() > Duration::from_secs(5) => panic!("{error}"),
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

impl Line {
    fn trunk(&self, password: &str) -> Trunk {
        Trunk {
            name: "sim".into(),
            proxy: self.sim.sip_addr.to_string(),
            domain: "127.0.0.1".into(),
            username: "songda".into(),
            password: password.to_owned().into(),
            ..Trunk::default()
        }
    }

    async fn dial(&self, callee: &str, caller: &str, password: &str, ring_limit: Duration) -> Leg {
        let call = OutboundCall {
            trunk: Arc::new(self.trunk(password)),
            callee: Number::new(callee),
            caller: Number::new(caller),
            offer: OFFER.into(),
            ring_limit,
        };
        self.endpoint.call(call).await.unwrap()
    }
}

async fn events(leg: &mut Leg, hang_up_when_answered: bool) -> Vec<LegEvent> {
    let mut seen = Vec::new();
    let all = async {
        while let Some(event) = leg.next().await {
            if matches!(event, LegEvent::Answered { .. }) && hang_up_when_answered {
                leg.handle().hang_up().await;
            }
            seen.push(event);
        }
    };
    tokio::time::timeout(Duration::from_secs(30), all).await.unwrap();
    seen
}

fn ended(seen: &[LegEvent]) -> &songda_sip::Ended {
    let found = seen.iter().find_map(|event| match event {
        LegEvent::Ended(ended) => Some(ended),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("not ended: {seen:?}"))
}

const COURT: &str = "02988009000";
const LONG: Duration = Duration::from_secs(40);

#[tokio::test]
async fn r4_3c_the_carrier_takes_the_courts_number_and_the_stronger_digest_and_no_other_number() {
    let line = line().await;
    let mut leg = line.dial("13800000001", COURT, "secret", LONG).await;
    let seen = events(&mut leg, true).await;
    assert!(seen.iter().any(|event| matches!(event, LegEvent::Answered { .. })), "{seen:?}");
    assert_eq!((ended(&seen).by, ended(&seen).cause), (Side::Us, EndCause::HungUp));
    let mut foreign = line.dial("13800000001", "02988009999", "secret", LONG).await;
    let seen = events(&mut foreign, true).await;
    assert_eq!((ended(&seen).cause, ended(&seen).status), (EndCause::Refused, Some(403)));
    let journal = serde_json::to_value(line.sim.journal()).unwrap();
    assert_eq!(journal["complaints"].as_array().map(Vec::len), Some(0), "{journal}");
    assert_eq!(journal["calls"][0]["digest_algorithm"], "SHA-256", "{journal}");
}

#[tokio::test]
async fn a_wrong_password_ends_the_call_and_is_told_as_such() {
    let line = line().await;
    let mut leg = line.dial("13800000001", COURT, "wrong", LONG).await;
    let seen = events(&mut leg, true).await;
    let ended = ended(&seen);
    assert!(matches!(ended.status, Some(401 | 403 | 407)) && !ended.provisional, "{ended:?}");
}

#[tokio::test]
async fn each_party_of_the_carrier_ends_as_it_behaves() {
    let line = line().await;
    let cases = [
        ("13800003000", Some(486), Some(17), false),
        ("13800004000", Some(404), Some(1), true),
        ("13800006500", Some(503), Some(34), false),
        ("13800009500", Some(404), None, false),
    ];
    for (number, status, q850, early) in cases {
        let mut leg = line.dial(number, COURT, "secret", LONG).await;
        let seen = events(&mut leg, true).await;
        let ended = ended(&seen);
        assert_eq!((ended.status, ended.q850), (status, q850), "{ended:?}");
        assert_eq!(seen.iter().any(|event| matches!(event, LegEvent::EarlyMedia { .. })), early, "{seen:?}");
    }
}

#[tokio::test]
async fn who_does_not_answer_is_given_up_at_the_ring_limit() {
    let line = line().await;
    let mut leg = line.dial("13800002000", COURT, "secret", Duration::from_secs(2)).await;
    let seen = events(&mut leg, true).await;
    assert_eq!((ended(&seen).by, ended(&seen).cause), (Side::Timer, EndCause::RingLimit));
    assert!(ended(&seen).provisional);
    assert_eq!(line.sim.journal().calls[0].reason.as_deref(), Some("Q.850;cause=19"), "no answer from user");
}

#[tokio::test]
async fn a_trunk_that_answers_is_alive() {
    let line = line().await;
    line.endpoint.probe(&line.trunk("secret")).await.unwrap();
}

#[test]
fn r4_2a_the_strict_carrier_has_nothing_to_complain_of_when_a_later_run_ends_the_legs() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut line = runtime.block_on(line());
    for (callee, how) in [("13800000001", Finished::HungUp), ("13800002000", Finished::Cancelled)] {
        let run = tokio::runtime::Runtime::new().unwrap();
        let (saved, listen) = run.block_on(async {
            line.endpoint = endpoint("127.0.0.1:0".parse().unwrap()).await;
            let mut leg = line.dial(callee, COURT, "secret", LONG).await;
            let mut saved = leg.saved().clone();
            loop {
                match leg.next().await.expect("it ended") {
                    LegEvent::Saved(confirmed) => saved = *confirmed,
                    LegEvent::Ringing if how == Finished::Cancelled => break,
                    LegEvent::Answered { .. } => break,
                    _ => {}
                }
            }
            std::mem::forget(leg);
            (saved, line.endpoint.local_addr())
        });
        // Killed: its tasks vanish and say nothing to anybody.
        std::mem::forget(line.endpoint.clone());
        run.shutdown_timeout(Duration::from_secs(5));
        let finished = runtime.block_on(async {
            line.endpoint = endpoint(listen).await;
            line.endpoint.finish(&saved, &line.trunk("secret")).await
        });
        assert_eq!(finished, Ok(how));
    }
    let told: Vec<_> = line.sim.journal().calls.into_iter().map(|call| call.reason).collect();
    assert_eq!(told, [Some("Q.850;cause=31".to_owned()), Some("Q.850;cause=31".to_owned())], "nobody wanted that");
    let journal = serde_json::to_value(line.sim.journal()).unwrap();
    assert_eq!(journal["complaints"].as_array().map(Vec::len), Some(0), "{journal}");
}
