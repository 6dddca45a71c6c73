//! What the parser takes, refuses and survives.

use songda_sip::machine::{Defect, Frame, Framer, Message, Method, NameAddr, Uri, parse, print_request};

const INVITE: &str = "INVITE sip:13800000001@carrier SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKa\r\n\
From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n";

fn request(text: &str) -> (songda_sip::machine::Request, Vec<Defect>) {
    match parse(text.as_bytes()).unwrap() {
        (Message::Request(request), defects) => (request, defects),
        (Message::Response(_), _) => panic!("a response"),
    }
}

#[test]
fn a_message_survives_printing_and_reading() {
    let (first, defects) =
        request(&format!("{INVITE}Content-Type: application/sdp\r\nContent-Length: 3\r\n\r\nv=0trailing"));
    assert!(defects.is_empty(), "{defects:?}");
    assert_eq!(first.body, b"v=0");
    let printed = print_request(&first);
    let (second, _) = request(std::str::from_utf8(&printed).unwrap());
    assert_eq!(first, second);
}

#[test]
fn compact_and_folded_headers_are_read() {
    let text = "OPTIONS sip:a@b SIP/2.0\r\nv: SIP/2.0/UDP h;branch=z9hG4bKa\r\nf: <sip:a@b>\r\n ;tag=1\r\nt : <sip:c@d>\r\n\
                i: x\r\nCSeq: 1\r\n  OPTIONS\r\nm: <sip:q@h>\r\nl: 0\r\n\r\n";
    let (request, defects) = request(text);
    assert!(defects.is_empty(), "{defects:?}");
    assert_eq!(request.headers.get("From"), Some("<sip:a@b> ;tag=1"));
    assert_eq!(request.headers.get("contact"), Some("<sip:q@h>"));
}

#[test]
fn defects_are_told_with_the_status_that_answers_them() {
    let cases = [
        (INVITE.replace("SIP/2.0\r\nVia", "SIP/3.0\r\nVia"), 505),
        (INVITE.replace("sip:13800000001@carrier", "mailto:a@b"), 416),
        (INVITE.replace("CSeq: 1 INVITE", "CSeq: 1 BYE"), 400),
        (INVITE.replace("CSeq: 1 INVITE", "CSeq: 4294967296 INVITE"), 400),
        (INVITE.replace("To: <sip:c@d>", "To: <sip:c@d>\r\nTo: <sip:e@f>"), 400),
        (INVITE.replace("Max-Forwards: 70", "Max-Forwards: 300"), 400),
        (format!("{INVITE}Content-Length: 99\r\n"), 400),
        (format!("{INVITE}Content-Length: 0\r\nContent-Length: 1\r\n"), 400),
        (format!("{INVITE}no colon here\r\n"), 400),
    ];
    for (text, status) in cases {
        let (_, defects) = request(&format!("{text}\r\n"));
        assert_eq!(defects.first().map(Defect::status), Some(status), "{text}");
    }
}

#[test]
fn what_cannot_be_answered_is_dropped_and_nothing_panics() {
    for text in
        ["", "\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "SIP/2.0 99 x\r\n\r\n", "SIP/2.0 abc\r\n\r\n", "\u{0}\u{0}\u{0}"]
    {
        if let Some((Message::Request(_), defects)) = parse(text.as_bytes()) {
            assert!(!defects.is_empty(), "{text:?}");
        }
    }
    let whole = format!("{INVITE}Content-Length: 0\r\n\r\n").into_bytes();
    for end in 0..whole.len() {
        let _ = parse(&whole[..end]);
        let mut flipped = whole.clone();
        flipped[end] ^= 0xff;
        let _ = parse(&flipped);
    }
    assert!(parse(&vec![b'a'; 70_000]).is_none());
}

#[test]
fn uris_of_carriers_are_read() {
    let tel = Uri::parse("tel:+8613800000001;phone-context=+86").unwrap();
    assert_eq!((tel.scheme.as_str(), tel.user.as_str()), ("tel", "+8613800000001"));
    let ims = Uri::parse("sip:+8613800000001;phone-context=ims.mnc@ims.example;user=phone").unwrap();
    assert_eq!((ims.host.as_str(), ims.param("user")), ("ims.example", Some("phone")));
    let v6 = Uri::parse("sip:c@[2001:db8::1]:5070").unwrap();
    assert_eq!((v6.host.as_str(), v6.port), ("2001:db8::1", Some(5070)));
    assert_eq!(v6.to_string(), "sip:c@[2001:db8::1]:5070");
    let named = NameAddr::parse(r#""a, \"b\" <x;tag=9>" <sip:u@h;lr>;tag=7"#).unwrap();
    assert_eq!((named.uri.user.as_str(), named.tag()), ("u", Some("7")));
    for bad in ["", "sip:", "sip:u@", "sip:u@h:99999", "sip:[::1", "nothing"] {
        assert_eq!(Uri::parse(bad), None, "{bad}");
    }
}

#[test]
fn gb18030_display_names_do_not_hide_the_headers_behind_them() {
    let mut bytes = INVITE.replace("From: <sip:a@b>;tag=1", "From: \"X\" <sip:a@b>;tag=1").into_bytes();
    let at = bytes.iter().position(|b| *b == b'X').unwrap();
    bytes.splice(at..=at, [0xb7, 0xa8, 0xd4, 0xba]); // 法院
    bytes.extend_from_slice(b"\r\n");
    let Some((Message::Request(request), defects)) = parse(&bytes) else { panic!("not read") };
    assert!(defects.is_empty(), "{defects:?}");
    assert_eq!(request.headers.get("From"), Some("\"法院\" <sip:a@b>;tag=1"));
    assert_eq!(request.method, Method::INVITE);
}

#[test]
fn a_stream_is_cut_into_messages_wherever_it_is_torn() {
    let message = format!("{INVITE}Content-Length: 3\r\n\r\nv=0");
    let stream = format!("\r\n\r\n{message}\r\n{message}{message}\r\n\r\n");
    for step in [1, 2, 3, 7, 64, stream.len()] {
        let (mut framer, mut messages, mut pings) = (Framer::default(), 0, 0);
        for piece in stream.as_bytes().chunks(step) {
            framer.push(piece);
            while let Some(frame) = framer.take().unwrap() {
                match frame {
                    Frame::Message(bytes) => {
                        assert_eq!(bytes, message.as_bytes());
                        messages += 1;
                    }
                    Frame::Ping => pings += 1,
                    Frame::Pong => {}
                }
            }
        }
        assert_eq!((messages, pings, framer.waiting()), (3, 2, 0), "in pieces of {step}");
    }
}

#[test]
fn a_message_on_a_stream_that_does_not_say_where_it_ends_is_answered_400_and_the_last() {
    for lengths in ["", "Content-Length: -1\r\n", "l: 1\r\nContent-Length: 2\r\n", "Content-Length: 3 4\r\n"] {
        let mut framer = Framer::default();
        framer.push(format!("{INVITE}{lengths}\r\nabc").as_bytes());
        let error = framer.take().unwrap_err();
        let answer = String::from_utf8(error.answer("t").unwrap()).unwrap();
        assert!(answer.starts_with("SIP/2.0 400 Missing or Bad Content-Length\r\nVia: "), "{lengths:?}: {answer}");
        assert!(framer.take().is_err());
    }
    let mut framer = Framer::default();
    framer.push(format!("{INVITE}l: 999999\r\n\r\n").as_bytes());
    let answer = framer.take().unwrap_err().answer("t").unwrap();
    assert!(answer.starts_with(b"SIP/2.0 513 "));
    framer = Framer::default();
    framer.push(&vec![b'a'; 70_000]);
    assert_eq!(framer.take().unwrap_err().answer("t"), None);
}

#[test]
fn a_line_feed_alone_ends_no_line_and_is_no_part_of_a_reason() {
    let response = format!("SIP/2.0 200 O\nK\r\n{}\r\n", INVITE.split_once("\r\n").unwrap().1);
    let Some((Message::Response(_), defects)) = parse(response.as_bytes()) else { panic!("not read") };
    assert_eq!(defects, [Defect::StartLine]);
    let (_, defects) = request(&format!("{}\r\n", INVITE.replace("@carrier", "@car\nrier")));
    assert_eq!(defects.first().map(Defect::status), Some(400));
}
