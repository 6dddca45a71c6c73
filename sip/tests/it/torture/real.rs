//! What carriers, exchanges and telephones send in real life: 28 kinds, each of which some
//! stack was seen to stumble over.

use songda_sip::machine::{
    Contact, Defect, Headers, Message, Method, NameAddr, Reason, Request, SessionExpires, Uri, Via, asserted, parse,
    print_request, q850, reasons, retry_after,
};

const HEAD: &str = "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n\
    Call-ID: x\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n";

/// An INVITE to this URI with these lines, read without a defect.
fn invite(uri: &str, lines: &str) -> Request {
    read(format!("INVITE {uri} SIP/2.0\r\n{HEAD}{lines}\r\n").as_bytes())
}

/// An INVITE where one line of the head is another.
fn with(line: &str, other: &str) -> Request {
    let text = format!("INVITE sip:c@d SIP/2.0\r\n{HEAD}\r\n").replace(line, other);
    assert!(text.contains(other), "{line}");
    read(text.as_bytes())
}

fn read(bytes: &[u8]) -> Request {
    match parse(bytes) {
        Some((Message::Request(request), defects)) => {
            assert_eq!(defects, [], "{}", String::from_utf8_lossy(bytes));
            let Some((Message::Request(again), _)) = parse(&print_request(&request)) else { panic!("not read again") };
            assert_eq!(again, request);
            request
        }
        other => panic!("{other:?}: {}", String::from_utf8_lossy(bytes)),
    }
}

fn address(headers: &Headers, name: &str) -> NameAddr {
    NameAddr::parse(headers.get(name).unwrap()).unwrap()
}

#[test]
fn numbers_of_telephones_are_read_however_they_are_written() {
    // 1: a tel URI is called.
    let uri = Uri::parse(&invite("tel:+8613800000001", "").uri).unwrap();
    assert_eq!((uri.scheme.as_str(), uri.name().as_str()), ("tel", "+8613800000001"));
    // 2: a short number with its context.
    let uri = Uri::parse(&invite("tel:12368;phone-context=+86", "").uri).unwrap();
    assert_eq!((uri.name().as_str(), uri.param("phone-context")), ("12368", Some("+86")));
    // 3: the context inside the user part, as IMS writes it.
    let uri = Uri::parse(&invite("sip:+8613800000001;phone-context=x.mnc000.cn@ims.cn;user=phone", "").uri).unwrap();
    assert_eq!((uri.name().as_str(), uri.host.as_str()), ("+8613800000001", "ims.cn"));
    assert_eq!(uri.param("user"), Some("phone"));
    // 4: a tel URI is the caller.
    let from = address(&with("<sip:a@b>;tag=1", "<tel:+862988009000>;tag=1").headers, "From");
    assert_eq!((from.uri.scheme.as_str(), from.tag()), ("tel", Some("1")));
    // 5: separators in a tel URI.
    assert_eq!(Uri::parse("tel:+86-29-8800.9000").unwrap().name(), "+86-29-8800.9000");
    // 6: an escaped plus.
    let uri = Uri::parse(&invite("sip:%2B8613800000001@carrier.cn", "").uri).unwrap();
    assert_eq!((uri.name().as_str(), uri.to_string().as_str()), ("+8613800000001", "sip:%2B8613800000001@carrier.cn"));
    // 7: a dial string with signs of the keypad.
    assert_eq!(Uri::parse("sip:*72%2313800000001@pbx").unwrap().name(), "*72#13800000001");
    // 8: a password where one should not be.
    assert_eq!(Uri::parse("sip:1001:secret@pbx").unwrap().name(), "1001");
}

#[test]
fn hosts_of_every_kind_are_read() {
    // 9: IPv6 with a port.
    let uri = Uri::parse(&invite("sip:c@[2001:db8::1]:5070;transport=udp", "").uri).unwrap();
    assert_eq!((uri.host.as_str(), uri.port, uri.param("transport")), ("2001:db8::1", Some(5070), Some("udp")));
    // 10: IPv6 in Via, and behind a translator.
    let request = with("SIP/2.0/UDP 192.0.2.1", "SIP/2.0/TLS [2001:db8::9]:5061;received=2001:db8::7;rport=40000");
    let via = Via::top(&request.headers).unwrap();
    assert_eq!((via.host, via.port, via.transport), ("2001:db8::9", Some(5061), "TLS"));
    assert_eq!((via.received(), via.rport()), (Some("2001:db8::7"), Some(Some(40000))));
    // 11: names with underscores, which no name server would take.
    assert_eq!(Uri::parse("sip:c@sbc_01.ims_core:5060").unwrap().host, "sbc_01.ims_core");
    // 12: a WebSocket client that has no address.
    let request = with("SIP/2.0/UDP 192.0.2.1", "SIP/2.0/WSS df7jal23ls0d.invalid;rport");
    assert_eq!(Via::top(&request.headers).unwrap().rport(), Some(None));
    // 13: no user at all.
    assert_eq!(Uri::parse("sip:198.51.100.7:5080;lr").unwrap().user, "");
}

#[test]
fn display_names_of_every_kind_hide_nothing_behind_them() {
    // 14: GB18030.
    let mut bytes =
        format!("INVITE sip:c@d SIP/2.0\r\n{}\r\n", HEAD.replace("<sip:a@b>", "\"X\" <sip:a@b>")).into_bytes();
    let at = bytes.iter().position(|b| *b == b'X').unwrap();
    bytes.splice(at..=at, [0xb7, 0xa8, 0xd4, 0xba]);
    assert_eq!(address(&read(&bytes).headers, "From").display, "法院");
    // 15: GB18030 in one line, UTF-8 in another.
    let both = [&bytes[..bytes.len() - 2], "Subject: 送达\r\n\r\n".as_bytes()].concat();
    let request = read(&both);
    assert_eq!(
        (address(&request.headers, "From").display.as_str(), request.headers.get("Subject")),
        ("法院", Some("送达"))
    );
    // 16: GB18030 whose second byte is a backslash or an @ (乗 is 0x81 0x5C).
    bytes.splice(at..at + 4, [0x81, 0x5c, 0x81, 0x40]);
    assert_eq!(address(&read(&bytes).headers, "From").display, "乗丂");
    // 17: Latin-1 before the closing quote.
    bytes.splice(at..at + 4, [0xe9]);
    assert_eq!(address(&read(&bytes).headers, "From").tag(), Some("1"));
    // 18: brackets, commas, semicolons and quotes inside of quotes.
    let from = address(&with("<sip:a@b>", r#""a, \"b\" <sip:x@y;tag=9>" <sip:a@b;lr>"#).headers, "From");
    assert_eq!(
        (from.display.as_str(), from.uri.user.as_str(), from.tag()),
        ("a, \"b\" <sip:x@y;tag=9>", "a", Some("1"))
    );
    // 19: Chinese without quotes.
    assert_eq!(address(&with("<sip:a@b>", "西安中院 <sip:a@b>").headers, "From").display, "西安中院");
    // 20: nobody.
    let from = address(&with("<sip:a@b>", "\"Anonymous\" <sip:anonymous@anonymous.invalid>").headers, "From");
    assert_eq!(from.uri.host, "anonymous.invalid");
}

#[test]
fn contacts_of_devices_are_read() {
    // 21: an instance, with brackets in a parameter behind brackets, and without them.
    let urn = "urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF";
    for value in [
        format!("<sip:a@192.0.2.9;ob>;+sip.instance=\"<{urn}>\";reg-id=1;expires=3600"),
        format!("sip:a@192.0.2.9;+sip.instance=\"<{urn}>\";reg-id=1;expires=3600"),
    ] {
        let contact =
            Contact::parse(invite("sip:c@d", &format!("Contact: {value}\r\n")).headers.get("Contact").unwrap());
        let contact = contact.unwrap();
        assert_eq!((contact.instance(), contact.reg_id(), contact.expires()), (Some(urn), Some(1), Some(3600)));
    }
    // 22: feature tags of IMS with commas inside quotes, two contacts in one line.
    let lines =
        "Contact: <sip:a@b>;+g.3gpp.icsi-ref=\"urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel,x\";audio, <sip:e@f>\r\n";
    assert_eq!(invite("sip:c@d", lines).headers.list("Contact").count(), 2);
    // 23: a transfer with the dialog it replaces, escaped.
    let lines = "Refer-To: <sip:b@h?Replaces=12345%40192.168.118.3%3Bto-tag%3D12345%3Bfrom-tag%3D5FFE-3994>\r\n";
    let refer = invite("sip:c@d", lines).headers.get("Refer-To").and_then(NameAddr::parse).unwrap();
    assert_eq!(refer.uri.header("Replaces"), Some("12345%40192.168.118.3%3Bto-tag%3D12345%3Bfrom-tag%3D5FFE-3994"));
}

#[test]
fn headers_are_read_however_they_are_laid_out() {
    // 24: compact forms, folding, space before the colon, and odd capitals.
    let request = read(
        b"OPTIONS sip:c@d SIP/2.0\r\nv:SIP/2.0/UDP h;branch=z9hG4bK1\r\nF :<sip:a@b>\r\n\t;tag=1\r\nT:<sip:c@d>\r\n\
          i:x\r\ncSEQ:1\t OPTIONS\r\nk:timer,100rel\r\nX:1800;refresher=UAC\r\nl:0\r\n\r\n",
    );
    assert_eq!((request.headers.tag("From"), request.headers.cseq()), (Some("1"), Some((1, Method::OPTIONS))));
    assert!(request.headers.lists("Supported", "100REL"));
    assert_eq!(SessionExpires::of(&request.headers).unwrap().to_string(), "1800;refresher=uac");
    // 25: line breaks before a message, and an empty body without a length.
    assert_eq!(read(format!("\r\n\r\nINVITE sip:c@d SIP/2.0\r\n{HEAD}\r\n").as_bytes()).body, b"");
    // 26: reasons of both kinds in one line, and in two.
    for lines in [
        "Reason: SIP;cause=480;text=\"gone, \\\"really\\\"\", Q.850 ;cause=19;text=\"no answer\"\r\n",
        "Reason: SIP;cause=480;text=\"gone, \\\"really\\\"\"\r\nReason: q.850;cause=19\r\n",
    ] {
        let request = invite("sip:c@d", lines);
        assert_eq!(q850(&request.headers), Some(19), "{lines}");
        let first = reasons(&request.headers).next().unwrap();
        let expected = Reason { protocol: "SIP".into(), cause: Some(480), text: Some("gone, \"really\"".into()) };
        assert_eq!(first, expected);
    }
    assert_eq!(q850(&invite("sip:c@d", "Reason: Q.850;cause=0\r\n").headers), None);
    // 27: an identity of each kind, and a wait with a comment.
    let lines = "P-Asserted-Identity: \"法院\" <sip:+862988009000@ims.cn;user=phone>, <tel:+862988009000>\r\n\
                 Retry-After: 18000;duration=3600 (in a meeting)\r\n";
    let request = invite("sip:c@d", lines);
    let numbers: Vec<String> = asserted(&request.headers).map(|who| who.uri.name()).collect();
    assert_eq!((numbers, retry_after(&request.headers)), (vec!["+862988009000".to_owned(); 2], Some(18000)));
    // 28: what a scanner sends gets an answer, if it tells where to.
    let scan =
        format!("OPTIONS sip:100@192.0.2.1 SIP/2.0\r\n{}\r\n", HEAD.replace("CSeq: 1 INVITE", "CSeq: 1 OPTIONS, "));
    let Some((_, defects)) = parse(scan.as_bytes()) else { panic!("dropped") };
    assert_eq!(defects, [Defect::CSeq]);
}
