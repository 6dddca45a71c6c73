//! The product's own signalling against this carrier: neither finds anything to complain of.

use std::time::Duration;

use songda_sim::CallIn;
use songda_sip::{
    EndCause, Endpoint, EndpointConfig, IncomingCall, Leg, LegEvent, Listen, Protocol, Side, Source, TrunkSettings,
};
use tokio_util::sync::CancellationToken;

use crate::world::{World, world};

const ANSWER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 20000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n";

/// An endpoint whose only trunk leads to this world.
async fn court(world: &World, register: bool) -> Endpoint {
    let listen = Listen::new(Protocol::Udp, ([127, 0, 0, 1], 0).into());
    let endpoint = Endpoint::start(EndpointConfig::new(vec![listen], "songda-test"), CancellationToken::new()).unwrap();
    let trunk = TrunkSettings {
        register,
        username: "songda".into(),
        password: "secret".to_owned().into(),
        ..TrunkSettings::new("carrier", world.sim.sip_addr.to_string(), "127.0.0.1")
    };
    endpoint.set_trunks(vec![trunk]).await;
    let mut states = endpoint.trunk_states();
    let up = states.wait_for(|states| states.iter().any(|state| state.up));
    tokio::time::timeout(Duration::from_secs(20), up).await.unwrap().unwrap();
    endpoint
}

async fn until(leg: &mut Leg, wanted: impl Fn(&LegEvent) -> bool) -> LegEvent {
    let found = async {
        while let Some(event) = leg.next().await {
            if wanted(&event) {
                return event;
            }
        }
        panic!("it never came");
    };
    tokio::time::timeout(Duration::from_secs(20), found).await.unwrap()
}

async fn answered(endpoint: &Endpoint, world: &World, call: CallIn) -> (IncomingCall, String) {
    let mut calls = endpoint.incoming().unwrap();
    let id = world.sim.call_in(call).await.unwrap();
    let mut call = tokio::time::timeout(Duration::from_secs(20), calls.recv()).await.unwrap().unwrap();
    assert_eq!(call.source, Source::Trunk("carrier".into()));
    call.leg.handle().ring().await;
    call.leg.handle().answer(ANSWER.into()).await;
    until(&mut call.leg, |event| *event == LegEvent::Acknowledged).await;
    (call, id)
}

fn record(world: &World, id: &str) -> songda_sim::journal::CallRecord {
    let journal = world.sim.journal();
    assert!(journal.complaints.is_empty(), "{:?}", journal.complaints);
    journal.calls.into_iter().find(|call| call.call_id == id).unwrap()
}

#[tokio::test]
async fn r4_4a_a_party_calls_back_to_the_registered_trunk_and_hangs_up() {
    let world = world(|config| config.registering.grant_s = 60).await;
    let endpoint = court(&world, true).await;
    let party = CallIn { from: "+8613800007001".into(), hang_up_ms: Some(200), ..CallIn::default() };
    let (mut call, id) = answered(&endpoint, &world, party).await;
    assert!(call.invite.caller.is_some_and(|caller| caller.reveal().ends_with("13800007001")));
    let ended = until(&mut call.leg, |event| matches!(event, LegEvent::Ended(_))).await;
    assert!(matches!(ended, LegEvent::Ended(ended) if (ended.by, ended.cause) == (Side::Peer, EndCause::HungUp)));
    let record = record(&world, &id);
    assert_eq!((record.ended_by, record.status, record.into_court), (Some("party"), Some(200), true));
    assert_eq!(world.sim.journal().registers.last().map(|r| (r.status, r.granted_s)), Some((200, 60)));
}

#[tokio::test]
async fn r4_4a_a_party_who_hides_his_number_calls_a_static_peer_and_is_hung_up_on() {
    let world = world(|_| {}).await;
    let endpoint = court(&world, false).await;
    let at = Some(endpoint.local_addr());
    let party = CallIn { from: "13800007001".into(), withheld: true, at, ..CallIn::default() };
    let (mut call, id) = answered(&endpoint, &world, party).await;
    assert!(call.invite.caller.is_none());
    assert_eq!(call.invite.called, "02988009000");
    call.leg.handle().hang_up().await;
    until(&mut call.leg, |event| *event == LegEvent::Down { answered: true }).await;
    assert_eq!(record(&world, &id).ended_by, Some("court"));
}
