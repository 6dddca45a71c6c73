//! Calls that come in over trunks: whose trunk it is, and what is spoken there.

use songda_sip::{IncomingCall, Source, TrunkSettings};
use tokio::sync::mpsc::Receiver;

use super::*;

/// A carrier, and a house that has these trunks to it.
struct Line {
    carrier: Endpoint,
    house: Endpoint,
    calls: Receiver<IncomingCall>,
}

impl Line {
    async fn open(trunks: &[(&str, &str, &[&str])]) -> Self {
        let carrier = start(plain(&[Protocol::Udp]));
        let house = start(EndpointConfig::new(vec![Listen::new(Protocol::Udp, loopback())], "songda-test"));
        let settings = trunks.iter().map(|(id, username, codecs)| TrunkSettings {
            register: false,
            username: (*username).into(),
            codecs: codecs.iter().map(|codec| (*codec).to_owned()).collect(),
            ..TrunkSettings::new(*id, carrier.local_addr().to_string(), "carrier.test")
        });
        house.set_trunks(settings.collect()).await;
        let mut states = house.trunk_states();
        let up = states.wait_for(|states| states.len() == trunks.len() && states.iter().all(|state| state.up));
        tokio::time::timeout(LIMIT, up).await.expect("the carrier answers OPTIONS").unwrap();
        let calls = house.incoming().unwrap();
        Self { carrier, house, calls }
    }

    async fn calls(&self, called: &str, formats: &str) -> Leg {
        let mut order = order(self.house.local_addr().to_string(), "court.test");
        Arc::make_mut(&mut order.trunk).uri = Some(format!("sip:{called}@court.test"));
        order.offer = sdp(formats);
        self.carrier.call(order).await.unwrap()
    }

    async fn comes(&mut self) -> IncomingCall {
        tokio::time::timeout(LIMIT, self.calls.recv()).await.expect("no call comes").unwrap()
    }
}

fn sdp(formats: &str) -> String {
    SDP.replace("RTP/AVP 8", &format!("RTP/AVP {formats}"))
}

fn formats(sdp: &str) -> &str {
    sdp.lines().find_map(|line| line.strip_prefix("m=audio ")?.split_once(" RTP/AVP ")).unwrap().1
}

#[tokio::test]
async fn r4_4a_two_accounts_at_one_carrier_are_told_apart_by_whom_they_call() {
    let none: &[&str] = &[];
    let mut line = Line::open(&[("a", "+862988001000@ims.test", none), ("b", "line-b", none), ("c", "", none)]).await;
    for (called, trunk) in
        [("line-b", "b"), ("+862988001000", "a"), ("02988009000", "a"), ("ims.test", "a"), ("line-b", "b")]
    {
        let mut leg = line.calls(called, "8").await;
        let call = line.comes().await;
        assert_eq!(call.source, Source::Trunk(trunk.into()), "{called}");
        let states = line.house.trunk_states();
        let busy = |id: &str| states.borrow().iter().any(|state| state.id == id && state.calls == 1);
        assert!(busy(trunk), "{called}: it takes a place there");
        drop(call);
        until(&mut leg, |event| matches!(event, LegEvent::Down { .. })).await;
        let mut states = states.clone();
        let free = states.wait_for(|states| states.iter().all(|state| state.calls == 0));
        tokio::time::timeout(LIMIT, free).await.expect("its place is free again").unwrap();
    }
}

#[tokio::test]
async fn r12_1_a_carrier_that_offers_nothing_of_its_trunk_is_refused_before_anybody_is_asked() {
    let mut line = Line::open(&[("a", "court", &["PCMU"])]).await;
    let mut leg = line.calls("02988009000", "8").await;
    let ended = until(&mut leg, |event| matches!(event, LegEvent::Ended(_))).await;
    assert!(matches!(&ended, LegEvent::Ended(ended) if ended.status == Some(488)), "{ended:?}");
    let mut leg = line.calls("02988009000", "8 0").await;
    let mut call = line.comes().await;
    assert_eq!(call.codecs, ["PCMU"]);
    call.leg.handle().answer(sdp("0")).await;
    answered(&mut leg).await;
    until(&mut call.leg, |event| *event == LegEvent::Acknowledged).await;
    // Inside the call it may not be changed either.
    leg.handle().reoffer(sdp("8")).await;
    let refused = until(&mut leg, |event| matches!(event, LegEvent::ReofferRefused { .. })).await;
    assert_eq!(refused, LegEvent::ReofferRefused { status: 488 });
    leg.handle().reoffer(sdp("8 0")).await;
    let taken = until(&mut leg, |event| matches!(event, LegEvent::ReofferAnswered { .. })).await;
    assert!(matches!(&taken, LegEvent::ReofferAnswered { sdp } if formats(sdp) == "0"), "{taken:?}");
}
