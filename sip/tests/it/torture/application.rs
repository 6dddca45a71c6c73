//! What the transactions and the user of a message make of it (RFC 4475, 3.2, 3.3 and 3.4).

use std::time::Instant;

use songda_sip::{
    Flow,
    machine::{Contact, Defect, Event, Layer, Method, NameAddr, Output, Uri, Via},
    sdp::Session,
};

use super::{SERVES, defects, is_thrown_away, message, refused, request};

#[test]
fn badbranch_a_branch_that_is_only_the_cookie_names_no_transaction_and_breaks_nothing() {
    let request = request("badbranch");
    assert_eq!(Via::top(&request.headers).unwrap().branch(), Some("z9hG4bK"));
    let mut layer = Layer::default();
    layer.request(Instant::now(), request, Flow::udp("192.0.2.9:5060".parse().unwrap()));
    let Some(Output::Event(Event::Request(key, ..))) = layer.poll() else { panic!("it is for nobody") };
    assert_eq!(key.branch(), "", "it is named as a peer of RFC 2543 is");
}

#[test]
fn insuf_a_request_without_call_id_from_and_to_is_answered_400() {
    assert_eq!(refused("insuf").status, 400);
    for name in ["Call-ID", "From", "To"] {
        assert!(defects("insuf").contains(&Defect::Header(name)), "{name}");
    }
}

#[test]
fn unkscm_a_scheme_that_nobody_knows_is_answered_416() {
    assert_eq!(refused("unkscm").status, 416);
}

#[test]
fn novelsc_a_scheme_that_is_known_but_not_served_is_answered_416() {
    assert_eq!(refused("novelsc").status, 416);
}

#[test]
fn unksm2_other_schemes_in_to_from_and_contact_are_read() {
    let request = request("unksm2");
    let scheme = |name| NameAddr::parse(request.headers.get(name).unwrap()).unwrap().uri.scheme;
    assert_eq!((scheme("To"), scheme("From"), scheme("Contact")), ("isbn".into(), "http".into(), "name".into()));
}

#[test]
fn bext01_extensions_that_we_do_not_have_are_answered_420_and_named_but_not_those_of_proxies() {
    let answer = refused("bext01");
    assert_eq!(answer.status, 420);
    assert_eq!(answer.headers.get("Unsupported"), Some("nothingSupportsThis, nothingSupportsThisEither"));
}

#[test]
fn invut_a_body_of_an_unknown_kind_is_answered_415_with_the_kinds_we_read() {
    let answer = refused("invut");
    assert_eq!((answer.status, answer.headers.get("Accept")), (415, Some("application/sdp")));
}

#[test]
fn regaut01_an_unknown_way_to_authorise_is_no_error_of_form() {
    let request = request("regaut01");
    assert_eq!(request.headers.get("Authorization"), Some("NoOneKnowsThisScheme opaque-data=here"));
    assert_eq!(SERVES.inspect(&request), None);
}

#[test]
fn multi01_headers_that_may_stand_once_but_stand_twice_are_answered_400() {
    assert_eq!(refused("multi01").status, 400);
    for name in ["CSeq", "Call-ID", "From", "To", "Max-Forwards"] {
        assert!(defects("multi01").contains(&Defect::Header(name)), "{name}");
    }
}

#[test]
fn mcl01_two_lengths_that_differ_are_answered_400() {
    assert_eq!(refused("mcl01").status, 400);
    assert!(message("mcl01").len() > 300);
}

#[test]
fn bcast_an_answer_with_a_second_hop_is_not_ours_and_thrown_away() {
    assert!(is_thrown_away("bcast"));
}

#[test]
fn zeromf_no_hops_left_are_enough_for_whom_it_has_reached() {
    let request = request("zeromf");
    assert_eq!((request.headers.get("Max-Forwards"), SERVES.inspect(&request)), (Some("0"), None));
}

#[test]
fn cparam01_without_brackets_a_parameter_belongs_to_the_contact() {
    let contact = Contact::parse(request("cparam01").headers.get("Contact").unwrap()).unwrap();
    assert_eq!((contact.0.param("unknownparam"), contact.0.uri.param("unknownparam")), (Some(""), None));
}

#[test]
fn cparam02_inside_brackets_a_parameter_belongs_to_the_uri() {
    let contact = Contact::parse(request("cparam02").headers.get("Contact").unwrap()).unwrap();
    assert_eq!((contact.0.param("unknownparam"), contact.0.uri.param("unknownparam")), (None, Some("")));
}

#[test]
fn regescrt_the_headers_of_a_contact_are_kept_with_it() {
    let contact = Contact::parse(request("regescrt").headers.get("Contact").unwrap()).unwrap();
    assert_eq!(contact.0.uri.header("Route"), Some("%3Csip:sip.example.com%3E"));
    assert!(!contact.0.uri.matches(&Uri::parse("sip:user@example.com").unwrap()));
}

#[test]
fn sdp01_an_invite_whose_answer_may_not_be_sdp_is_answered_406() {
    let answer = refused("sdp01");
    assert_eq!((answer.status, answer.headers.get("Accept")), (406, Some("application/sdp")));
}

#[test]
fn inv2543_an_invite_of_the_old_standard_is_a_call() {
    let request = request("inv2543");
    assert_eq!((request.method.clone(), SERVES.inspect(&request)), (Method::INVITE, None));
    assert_eq!(Via::top(&request.headers).unwrap().branch(), None);
    let body = String::from_utf8(request.body).unwrap();
    assert_eq!(Session::parse(&body).unwrap().audio().unwrap().port, 49217);
}
