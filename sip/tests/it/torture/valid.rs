//! Valid messages (RFC 4475, 3.1.1): each is read whole.

use songda_sip::machine::{Contact, Contacts, Message, Method, NameAddr, Uri, Via, parse, print_request};

use super::{message, refused, request, response};

#[test]
fn wsinv_white_space_and_folding_wherever_they_may_be_change_nothing() {
    let request = request("wsinv");
    let headers = &request.headers;
    assert_eq!(request.method, Method::INVITE);
    assert_eq!(Uri::parse(&request.uri).unwrap().param("unknownparam"), Some(""));
    let to = NameAddr::parse(headers.get("To").unwrap()).unwrap();
    assert_eq!((to.uri.to_string().as_str(), to.tag()), ("sip:vivekg@chair-dnrc.example.com", Some("1918181833n")));
    let from = NameAddr::parse(headers.get("From").unwrap()).unwrap();
    assert_eq!((from.display.as_str(), from.tag()), (r#"J Rosenberg \""#, Some("98asjd8")));
    assert_eq!((headers.get("Max-Forwards"), headers.get("Subject")), (Some("0068"), Some("")));
    assert_eq!(headers.cseq(), Some((9, Method::INVITE)));
    let hops: Vec<_> = headers.list("Via").map(|via| Via::parse(via).unwrap()).collect();
    let seen: Vec<_> = hops.iter().map(|via| (via.transport, via.host, via.branch())).collect();
    assert_eq!(
        seen,
        [
            ("UDP", "192.0.2.2", Some("390skdjuw")),
            ("TCP", "spindle.example.com", Some("z9hG4bK9ikj8")),
            ("UDP", "192.168.255.111", Some("z9hG4bK30239")),
        ]
    );
    assert_eq!(headers.get("UnknownHeaderWithUnusualValue"), Some(";;,,;;,;"));
    assert_eq!(headers.get("NewFangledHeader"), Some("newfangled value continued newfangled value"));
    let contact = Contact::parse(headers.get("Contact").unwrap()).unwrap();
    assert_eq!((contact.0.display.as_str(), contact.q()), ("Quoted string \"\"", Some(330)));
    assert_eq!((contact.0.param("newparam"), contact.0.param("secondparam")), (Some("newvalue"), Some("")));
    assert_eq!(request.body.len(), 150);
}

#[test]
fn intmeth_every_character_that_may_be_is_read_and_the_method_answered_501() {
    let request = request("intmeth");
    let method = "!interesting-Method0123456789_*+`.%indeed'~";
    assert_eq!(request.method.as_str(), method);
    assert_eq!(request.headers.cseq().unwrap(), (139_122_385, Method::parse(method)));
    let uri = Uri::parse(&request.uri).unwrap();
    assert_eq!(uri.user, "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)");
    assert_eq!(uri.host, "example.com");
    let to = NameAddr::parse(request.headers.get("To").unwrap()).unwrap();
    assert_eq!(to.display, "BEL:\u{7} NUL:\u{0} DEL:\u{7f}");
    let from = NameAddr::parse(request.headers.get("From").unwrap()).unwrap();
    assert_eq!((from.display.as_str(), from.tag()), ("token1~` token2'+_ token3*%!.-", Some("_token~1'+`*%!-.")));
    assert_eq!(from.param("fromParam''~+*_!.-%"), Some("работающий"));
    assert_eq!(request.headers.get("Call-ID"), Some(r#"intmeth.word%ZK-!.*_+'@word`~)(><:\/"][?}{"#));
    assert_eq!(request.headers.get("extensionHeader-!.%*+_`'~"), Some("\u{feff}大停電"));
    let answer = refused("intmeth");
    assert_eq!(answer.status, 501);
    assert!(answer.headers.lists("Allow", "INVITE"));
}

#[test]
fn esc01_escapes_are_equal_to_what_they_stand_for_and_taken_out_once() {
    let request = request("esc01");
    let uri = Uri::parse(&request.uri).unwrap();
    assert_eq!((uri.name().as_str(), uri.host.as_str()), ("sips:user@example.com", "example.net"));
    let to = NameAddr::parse(request.headers.get("To").unwrap()).unwrap();
    assert!(to.uri.matches(&Uri::parse("sip:user@example.com").unwrap()));
    let from = NameAddr::parse(request.headers.get("From").unwrap()).unwrap();
    assert_eq!(from.uri.name(), "I have spaces");
    let contact = NameAddr::parse(request.headers.get("Contact").unwrap()).unwrap();
    let same = Uri::parse("sip:caller@host5.example.net;lr;name=value%2541").unwrap();
    assert!(contact.uri.matches(&same), "{}", contact.uri);
    assert!(!contact.uri.matches(&Uri::parse("sip:caller@host5.example.net;lr;name=valueA").unwrap()));
}

#[test]
fn escnull_an_escaped_null_shortens_no_name() {
    let request = request("escnull");
    let to = NameAddr::parse(request.headers.get("To").unwrap()).unwrap();
    assert_eq!(to.uri.name(), "null-\0-null");
    let Ok(Contacts::List(contacts)) = Contacts::of(&request.headers) else { panic!("no contacts") };
    assert_eq!(contacts.len(), 2);
    assert!(!contacts[0].0.uri.matches(&contacts[1].0.uri), "two bindings");
}

#[test]
fn esc02_a_percent_sign_outside_of_uris_escapes_nothing() {
    let request = request("esc02");
    assert_eq!(request.method.as_str(), "RE%47IST%45R");
    let from = NameAddr::parse(request.headers.get("From").unwrap()).unwrap();
    assert_eq!(from.display, "%Z%45");
    assert_eq!(request.headers.all("Contact").count(), 2);
    assert_eq!(request.headers.get("C%6Fntact"), Some("<sip:alias2@host2.example.com>"));
    assert_eq!(refused("esc02").status, 501);
}

#[test]
fn lwsdisp_no_space_is_needed_between_name_and_bracket() {
    let request = request("lwsdisp");
    let from = NameAddr::parse(request.headers.get("From").unwrap()).unwrap();
    assert_eq!((from.display.as_str(), from.uri.user.as_str(), from.tag()), ("caller", "caller", Some("323")));
}

#[test]
fn longreq_long_values_and_34_hops_are_read() {
    let request = request("longreq");
    assert_eq!(request.headers.list("Via").count(), 34);
    assert!(request.headers.list("Via").all(|via| Via::parse(via).is_some()));
    assert_eq!(request.headers.tag("From").unwrap().len(), 155);
    let to = NameAddr::parse(request.headers.get("To").unwrap()).unwrap();
    assert_eq!((to.uri.port, to.display.len()), (Some(6000), 103));
    assert_eq!(request.body.len(), 150);
}

#[test]
fn dblreq_what_follows_the_body_in_a_datagram_is_noise() {
    let request = request("dblreq");
    assert_eq!((request.method.clone(), request.body.len()), (Method::REGISTER, 0));
    assert!(!String::from_utf8(print_request(&request)).unwrap().contains("INVITE"));
}

#[test]
fn semiuri_a_semicolon_in_the_user_part_begins_no_parameter() {
    let uri = Uri::parse(&request("semiuri").uri).unwrap();
    assert_eq!((uri.user.as_str(), uri.host.as_str()), ("user;par=u%40example.net", "example.com"));
    assert_eq!(uri.tail, "");
}

#[test]
fn transports_any_word_may_stand_for_a_transport() {
    let request = request("transports");
    let words: Vec<_> = request.headers.list("Via").map(|via| Via::parse(via).unwrap().transport).collect();
    assert_eq!(words, ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]);
}

#[test]
fn mpart01_a_binary_body_with_nulls_is_kept_byte_for_byte() {
    let wire = message("mpart01");
    let request = request("mpart01");
    assert_eq!(request.body, wire[wire.len() - 553..]);
    assert!(request.body.contains(&0));
    let Some((Message::Request(again), _)) = parse(&print_request(&request)) else { panic!("lost") };
    assert_eq!(again, request);
}

#[test]
fn unreason_any_words_may_be_the_reason() {
    let response = response("unreason");
    assert_eq!((response.status, response.reason.as_str()), (200, "= 2**3 * 5**2 но сто девяносто девять - простое"));
}

#[test]
fn noreason_there_need_be_no_reason() {
    let response = response("noreason");
    assert_eq!((response.status, response.reason.as_str()), (100, ""));
}
