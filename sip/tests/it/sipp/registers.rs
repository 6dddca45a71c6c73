//! SIPp as registrar of a carrier, and as a desk phone that registers.

use std::time::Duration;

use songda_sip::{
    Endpoint, EndpointConfig, Listen, PhoneAccount, Protocol, RegistrarSettings, TrunkSettings,
    machine::{Algorithm, Ha1s},
};
use tokio_util::sync::CancellationToken;

use super::{LIMIT, Sipp};
use crate::restart::any_endpoint;

#[tokio::test]
async fn sipp_grants_a_short_time_and_our_registration_is_refreshed_within_it() {
    // 65 to 75 % of it, and never before 5 s.
    let mut sipp = Sipp::called("registrar", &["-key", "grant", "8"]);
    let endpoint = any_endpoint().await;
    let trunk = TrunkSettings {
        register: true,
        username: "court".into(),
        password: "secret".to_owned().into(),
        health: None,
        ..TrunkSettings::new("carrier", format!("127.0.0.1:{}", sipp.port), "127.0.0.1")
    };
    endpoint.set_trunks(vec![trunk]).await;
    let mut states = endpoint.trunk_states();
    let up = states.wait_for(|states| states.iter().any(|state| state.up));
    tokio::time::timeout(LIMIT, up).await.unwrap().unwrap();
    let refreshed = sipp.wrote("CSeq: 3 REGISTER", 1);
    tokio::time::timeout(Duration::from_secs(8), refreshed).await.expect("before the eight seconds are over");
    endpoint.set_trunks(Vec::new()).await;
    sipp.succeeded().await;
    let messages = sipp.traced("messages");
    assert!(messages.contains("Expires: 0") || messages.contains("expires=0"), "{messages}");
}

#[tokio::test]
async fn sipp_registers_refreshes_and_leaves_and_a_wrong_password_never_registers() {
    let listen = Listen::new(Protocol::Udp, ([127, 0, 0, 1], 0).into());
    let mut config = EndpointConfig::new(vec![listen], "songda-test");
    // SIPp knows no other.
    let mut phones = RegistrarSettings::new("court.test");
    phones.challenge.algorithms = vec![Algorithm::Md5];
    config.phones = Some(phones);
    let endpoint = Endpoint::start(config, CancellationToken::new()).unwrap();
    let ha1s = Ha1s::derive("8001", "court.test", "phone-secret");
    endpoint.set_phones(vec![PhoneAccount { user: "8001".into(), ha1s }]).await;
    for name in ["register", "register-wrong"] {
        Sipp::calling(name, endpoint.local_addr()).succeeded().await;
        assert_eq!(endpoint.phone("8001").await, [], "{name}");
    }
}
