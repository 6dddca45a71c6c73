//! TLS between two endpoints: who shows which certificate, and whom it must name.

use songda_sip::{ClientTls, EndCause, LegEvent, OwnCertificate, ServerTls};

use super::{certificates::Authority, *};

/// An endpoint that takes calls over TLS.
fn carrier(authority: &Authority, names: &[&str], client_roots: bool) -> Endpoint {
    let tls =
        ServerTls { identity: authority.sign("carrier", names), client_roots: client_roots.then(|| authority.roots()) };
    start(config(vec![Listen { tls: Some(tls), ..Listen::new(Protocol::Tls, loopback()) }]))
}

fn court(authority: &Authority, certificate: bool) -> Endpoint {
    let identity = certificate.then(|| authority.sign("court", &["court.test"]));
    let client_tls = ClientTls { roots: Some(authority.roots()), identity };
    start(EndpointConfig { client_tls, ..plain(&[Protocol::Udp]) })
}

async fn call(court: &Endpoint, carrier: &Endpoint) -> Leg {
    let place = carrier.local_addr_on(Protocol::Tls).unwrap();
    court.call(order(format!("{place};transport=tls"), "carrier.test")).await.unwrap()
}

async fn refused(mut leg: Leg) {
    let LegEvent::Ended(ended) = until(&mut leg, |event| matches!(event, LegEvent::Ended(_))).await else {
        unreachable!()
    };
    assert_eq!(ended.cause, EndCause::Transport);
}

async fn goes_through(authority: &Authority, names: &[&str], certificates: bool) {
    let (carrier, court) = (carrier(authority, names, certificates), court(authority, certificates));
    let mut calls = carrier.incoming().unwrap();
    let mut ours = call(&court, &carrier).await;
    let call = tokio::time::timeout(LIMIT, calls.recv()).await.expect("no call comes").unwrap();
    assert_eq!(call.invite.flow.protocol, Protocol::Tls);
    let mut theirs = call.leg;
    theirs.handle().answer(SDP.into()).await;
    answered(&mut ours).await;
    let events = tokio::spawn(async move { while ours.next().await.is_some() {} });
    until(&mut theirs, |event| matches!(event, LegEvent::Acknowledged)).await;
    // The BYE of the other end takes the connection that we opened.
    theirs.handle().hang_up().await;
    until(&mut theirs, |event| matches!(event, LegEvent::Down { answered: true })).await;
    tokio::time::timeout(LIMIT, events).await.expect("our leg goes on").unwrap();
}

#[test]
fn a_key_of_another_certificate_is_told_before_anything_listens() {
    let authority = Authority::new();
    let (own, other) = (authority.sign("own", &["court.test"]), authority.sign("other", &["court.test"]));
    let mixed = OwnCertificate { key: other.key.clone(), ..own.clone() };
    let server = |identity| ServerTls { identity, client_roots: Some(authority.roots()) }.check();
    let client = |identity| ClientTls { roots: Some(authority.roots()), identity: Some(identity) }.check();
    server(own.clone()).unwrap();
    client(own.clone()).unwrap();
    for told in [server(mixed.clone()), client(mixed)] {
        let told = told.unwrap_err().to_string();
        assert!(told.contains("own.pem"), "{told}");
    }
    std::fs::write(&own.certificate, "nothing").unwrap();
    assert!(server(own).unwrap_err().to_string().contains("own.pem"));
}

#[test]
fn a_chain_holds_as_long_as_every_certificate_in_it() {
    let authority = Authority::new();
    let (own, between) = (authority.sign_for("own", (2020, 2030)), authority.sign_for("between", (2026, 2027)));
    assert_eq!(own.validity().unwrap(), (1_577_836_800, 1_893_456_000));
    // The one that leads to the root begins later, and ends sooner.
    let chain = [&own, &between].map(|one| std::fs::read_to_string(&one.certificate).unwrap()).concat();
    std::fs::write(&own.certificate, chain).unwrap();
    assert_eq!(own.validity().unwrap(), (1_767_225_600, 1_798_761_600));
    std::fs::write(&own.certificate, "nothing").unwrap();
    assert!(own.validity().unwrap_err().to_string().contains("own.pem"));
}

#[tokio::test]
async fn a_call_over_tls_goes_through_when_the_certificate_names_the_domain() {
    goes_through(&Authority::new(), &["carrier.test"], false).await;
}

#[tokio::test]
async fn a_certificate_may_name_the_domain_as_a_sip_uri() {
    goes_through(&Authority::new(), &["proxy7.elsewhere.test", "sip:carrier.test"], false).await;
}

#[tokio::test]
async fn a_call_over_tls_goes_through_when_both_ends_show_certificates() {
    goes_through(&Authority::new(), &["carrier.test"], true).await;
}

#[tokio::test]
async fn a_certificate_of_another_domain_takes_no_call() {
    let authority = Authority::new();
    for names in [&["other.test"][..], &["other.test", "sip:someone@carrier.test"]] {
        let (carrier, court) = (carrier(&authority, names, false), court(&authority, false));
        refused(call(&court, &carrier).await).await;
    }
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_takes_no_call() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let (carrier, court) = (carrier(&theirs, &["carrier.test"], false), court(&ours, false));
    refused(call(&court, &carrier).await).await;
}

#[tokio::test]
async fn whoever_shows_no_certificate_where_one_is_asked_for_places_no_call() {
    let authority = Authority::new();
    let (carrier, court) = (carrier(&authority, &["carrier.test"], true), court(&authority, false));
    let mut calls = carrier.incoming().unwrap();
    // TLS 1.3 tells the client only after its first message: the call ends when the connection
    // does, or when nobody answers.
    let leg = call(&court, &carrier).await;
    let nothing = tokio::time::timeout(Duration::from_secs(1), calls.recv()).await;
    assert!(nothing.is_err(), "a call came in");
    drop(leg);
}

#[tokio::test]
async fn a_listener_for_tls_without_a_usable_certificate_does_not_start() {
    let listen = Listen::new(Protocol::Tls, loopback());
    let refused = Endpoint::start(config(vec![listen.clone()]), CancellationToken::new()).unwrap_err();
    assert_eq!(refused.to_string(), "SIP over TLS needs a certificate");
    let authority = Authority::new();
    let mut identity = authority.sign("a", &["a.test"]);
    identity.key = authority.sign("b", &["b.test"]).key;
    let tls = Some(ServerTls { identity, client_roots: None });
    let refused = Endpoint::start(config(vec![Listen { tls, ..listen }]), CancellationToken::new()).unwrap_err();
    assert!(refused.to_string().contains("a.pem cannot be used"), "{refused}");
}
