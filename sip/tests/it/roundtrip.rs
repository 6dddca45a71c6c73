//! What is printed is read as the same again.

use proptest::prelude::*;
use songda_sip::machine::{
    Headers, Message, Method, NameAddr, Reason, Request, Response, Uri, parse, print_request, print_response, reasons,
};

fn text() -> impl Strategy<Value = String> {
    // Everything but what ends a line; white space around a value is not part of it.
    "[^\r\n]{0,30}".prop_map(|text| text.trim_matches([' ', '\t']).to_owned())
}

fn token() -> impl Strategy<Value = String> {
    "[A-Za-z0-9.!%*_+`'~-]{1,12}"
}

fn uri() -> impl Strategy<Value = Uri> {
    let host = prop_oneof!["[a-z0-9]{1,8}(\\.[a-z]{2,5}){0,2}", Just("2001:db8::1".to_owned())];
    let tail = "(;[a-z]{1,5}(=[A-Za-z0-9]{1,5})?){0,3}(\\?[A-Z][a-z]{1,5}=[a-z0-9%]{0,6})?";
    let sip = ("(sip|sips)", "([A-Za-z0-9+*;=.!?/%~-]{1,16})?", host, prop::option::of(1_u16..), tail)
        .prop_map(|(scheme, user, host, port, tail)| Uri { scheme, user, host, port, tail });
    let tel = ("\\+?[0-9.-]{1,15}", "(;[a-z-]{1,8}=[0-9+]{1,6}){0,2}").prop_map(|(user, tail)| Uri {
        scheme: "tel".into(),
        user,
        host: String::new(),
        port: None,
        tail,
    });
    prop_oneof![3 => sip, 1 => tel]
}

fn headers(method: Method) -> impl Strategy<Value = Headers> {
    let others = prop::collection::vec(("X-[A-Za-z0-9-]{1,10}", text()), 0..8);
    (others, 0_u32..1 << 31, token(), uri(), uri(), text()).prop_map(move |(others, number, tag, from, to, subject)| {
        let mut headers = Headers::default();
        headers.push("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1");
        headers.push("From", format!("<{from}>;tag={tag}"));
        headers.push("To", format!("<{to}>"));
        headers.push("Call-ID", tag);
        headers.push("CSeq", format!("{number} {method}"));
        headers.push("Subject", subject);
        for (name, value) in others {
            headers.push(&name, value);
        }
        headers
    })
}

proptest! {
    #[test]
    fn a_request_is_read_as_it_was_printed(
        headers in headers(Method::MESSAGE),
        uri in uri(),
        body in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let mut uri = uri;
        uri.drop_headers();
        let request = Request { method: Method::MESSAGE, uri: uri.to_string(), headers, body };
        let Some((Message::Request(again), defects)) = parse(&print_request(&request)) else { panic!("{request:?}") };
        prop_assert_eq!(&defects, &[]);
        prop_assert_eq!(again, request);
    }

    #[test]
    fn a_response_is_read_as_it_was_printed(
        headers in headers(Method::BYE),
        status in 100_u16..700,
        reason in text(),
        body in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let response = Response { status, reason, headers, body };
        let Some((Message::Response(again), defects)) = parse(&print_response(&response)) else { panic!("{response:?}") };
        prop_assert_eq!(&defects, &[]);
        prop_assert_eq!(again, response);
    }

    #[test]
    fn a_uri_is_read_as_it_was_printed_and_is_the_same_as_itself(uri in uri()) {
        let again = Uri::parse(&uri.to_string());
        prop_assert_eq!(again.as_ref(), Some(&uri));
        prop_assert!(uri.matches(&uri));
    }

    #[test]
    fn a_name_address_is_read_as_it_was_printed(display in "[^\r\n]{0,20}", uri in uri(), tag in token()) {
        let address = NameAddr { display, uri, tail: format!(";tag={tag}") };
        prop_assert_eq!(NameAddr::parse(&address.to_string()), Some(address));
    }

    #[test]
    fn a_reason_is_read_as_it_was_printed(
        protocol in token(),
        cause in prop::option::of(any::<u16>()),
        words in prop::option::of("[^\r\n]{0,20}"),
    ) {
        let reason = Reason { protocol, cause, text: words };
        let mut headers = Headers::default();
        headers.push("Reason", reason.to_string());
        prop_assert_eq!(reasons(&headers).collect::<Vec<_>>(), vec![reason]);
    }

    #[test]
    fn a_value_that_holds_a_line_break_makes_no_header_of_its_own(value in "[a-z\r\n: ]{0,40}") {
        let mut headers = Headers::default();
        headers.push("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1");
        headers.push("Subject", &value);
        let request = Request { method: Method::OPTIONS, uri: format!("sip:a@b{value}"), headers, body: Vec::new() };
        let printed = print_request(&request);
        prop_assert_eq!(printed.windows(2).filter(|pair| pair == b"\r\n").count(), 5);
    }
}
