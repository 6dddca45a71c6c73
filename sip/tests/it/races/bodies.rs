//! Descriptions as exchanges send them: in GB18030, and beside a message of ISUP (SIP-I).

use songda_sip::{
    LegEvent,
    machine::{Response, print_response},
};

use super::{Bench, SDP, far};

/// `s=` in GB18030: 呼叫. The second byte of 呼 is no ASCII, that of 丂 (0x81 0x40) is an `@`.
const NAMED: &[u8] =
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=\xba\xf4\xbd\xd0\x81\x40\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
    m=audio 4000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=sendrecv\r\n";

const MIXED: &str = "multipart/mixed; boundary=\"--part 1\"";

/// An initial address message with bytes of every kind, the delimiter within a line among them.
const ISUP: &[u8] = b"\x01\x00\x60\x01\x0a\x00\xff\r\n----part 1x\x00----part 1\r\x80";

/// Parts, each with its headers.
fn parts(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = b"for readers without MIME\r\n".to_vec();
    for (headers, content) in parts {
        body.extend(b"----part 1 \r\n");
        body.extend(headers.as_bytes());
        body.extend(b"\r\n");
        body.extend(*content);
        body.extend(b"\r\n");
    }
    body.extend(b"----part 1--\r\n");
    body
}

const SDP_PART: &str = "Content-Type: application/sdp\r\n";
const ISUP_PART: &str =
    "Content-Type: application/ISUP;version=itu-t92+;\r\n base=itu-t92+\r\nContent-Disposition: signal\r\n";

impl Bench {
    /// Answers the newest INVITE of ours with a body of this type.
    fn answer_body(&mut self, status: u16, kind: &str, body: &[u8]) {
        let mut response = Response::to(&self.invite(), status, "a");
        response.headers.push("Contact", "<sip:party@127.0.0.1:5070>");
        response.headers.push("Content-Type", kind);
        response.body = body.to_vec();
        self.core.receive(self.now, &print_response(&response), far());
        self.drain();
    }

    /// A call that comes in with a body of this type: its offer, or the status that refuses it.
    fn called_with(kind: &str, extra: &str, body: &[u8]) -> Result<Option<String>, u16> {
        let mut bench = Self::empty();
        bench.refuses = false;
        let mut text = format!(
            "INVITE sip:02988009000@127.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bKb\r\n\
             Max-Forwards: 70\r\nFrom: <sip:13900000002@carrier.test>;tag=a\r\nTo: <sip:02988009000@127.0.0.1>\r\n\
             Call-ID: b@carrier.test\r\nCSeq: 1 INVITE\r\nContact: <sip:party@127.0.0.1:5070>\r\n{extra}\
             Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        text.extend(body);
        bench.core.receive(bench.now, &text, far());
        bench.drain();
        bench.invites.pop().map(|invite| invite.offer).ok_or_else(|| bench.status())
    }
}

#[test]
fn a_description_in_gb18030_is_read() {
    let named = String::from_utf8_lossy(NAMED).into_owned();
    assert_ne!(named.as_bytes(), NAMED, "it is no UTF-8");
    let is_it = |sdp: &str| sdp.contains("s=呼叫丂\r\n") && sdp.contains("m=audio 4000 RTP/AVP 8\r\n");
    let mut bench = Bench::new();
    bench.answer_body(183, "application/sdp", NAMED);
    assert!(matches!(bench.events.last(), Some(LegEvent::EarlyMedia { sdp }) if is_it(sdp)), "{:?}", bench.events);
    bench.answer_body(200, "application/sdp", NAMED);
    assert!(matches!(bench.events.last(), Some(LegEvent::Answered { sdp }) if is_it(sdp)), "{:?}", bench.events);
    bench.hang_up();
    bench.settle();
    let offer = Bench::called_with("application/sdp", "", NAMED).unwrap().unwrap();
    assert!(is_it(&offer), "{offer}");
}

#[test]
fn the_description_is_found_in_a_body_of_several_parts() {
    for body in [
        parts(&[(SDP_PART, SDP.as_bytes()), (ISUP_PART, ISUP)]),
        parts(&[(ISUP_PART, ISUP), (SDP_PART, SDP.as_bytes())]),
        parts(&[("", b"a word"), ("c: Application/SDP\r\nContent-Transfer-Encoding: binary\r\n", SDP.as_bytes())]),
        // Within a part, and not the one that is of an early session (RFC 3959).
        parts(&[(
            "Content-Type: multipart/alternative;boundary=in\r\n",
            format!("--in\r\nContent-Type: text/plain\r\n\r\nx\r\n--in\r\n{SDP_PART}\r\n{SDP}\r\n--in--").as_bytes(),
        )]),
        parts(&[
            ("Content-Type: application/sdp\r\nContent-Disposition: early-session\r\n", NAMED),
            ("Content-Type: application/sdp\r\nContent-Disposition: session;handling=required\r\n", SDP.as_bytes()),
        ]),
    ] {
        assert_eq!(Bench::called_with(MIXED, "", &body).as_ref().map(Option::as_deref), Ok(Some(SDP)));
        let mut bench = Bench::new();
        bench.answer_body(183, MIXED, &body);
        assert_eq!(bench.events.last(), Some(&LegEvent::EarlyMedia { sdp: SDP.into() }));
        bench.answer_body(200, MIXED, &body);
        assert_eq!(bench.events.last(), Some(&LegEvent::Answered { sdp: SDP.into() }));
        bench.hang_up();
        bench.settle();
    }
    // The end may be missing: the length of the whole is known.
    let cut = format!("----part 1\r\n{SDP_PART}\r\n{SDP}");
    assert_eq!(Bench::called_with(MIXED, "", cut.as_bytes()).as_ref().map(Option::as_deref), Ok(Some(SDP)));
}

#[test]
fn a_body_of_several_parts_that_cannot_be_taken_is_answered_415() {
    let required = ISUP_PART.replace("signal", "signal;handling=REQUIRED");
    let coded = "Content-Type: application/sdp\r\nContent-Transfer-Encoding: base64\r\n";
    let deep = |levels: usize| {
        (0..levels).fold((SDP_PART.to_owned(), SDP.to_owned()), |(headers, content), level| {
            let content = format!("--b{level}\r\n{headers}\r\n{content}\r\n--b{level}--\r\n");
            (format!("Content-Type: multipart/mixed;boundary=b{level}\r\n"), content)
        })
    };
    let many: Vec<(&str, &[u8])> =
        std::iter::repeat_n((ISUP_PART, ISUP), 16).chain([(SDP_PART, SDP.as_bytes())]).collect();
    let (deep_headers, deep_content) = deep(3);
    for (kind, body) in [
        (MIXED, parts(&[(ISUP_PART, ISUP)])),
        // Whoever says that it must be read (RFC 3261, 20.11).
        (MIXED, parts(&[(SDP_PART, SDP.as_bytes()), (&required, ISUP)])),
        (MIXED, parts(&[(coded, b"dj0wDQo=")])),
        (MIXED, parts(&many)),
        (MIXED, parts(&[(&deep_headers, deep_content.as_bytes())])),
        ("multipart/mixed", parts(&[(SDP_PART, SDP.as_bytes())])),
        ("multipart/mixed;boundary=other", parts(&[(SDP_PART, SDP.as_bytes())])),
        (MIXED, b"----part 1".to_vec()),
    ] {
        assert_eq!(Bench::called_with(kind, "", &body), Err(415), "{}", String::from_utf8_lossy(&body));
    }
    let optional = "Content-Disposition: session;handling=optional\r\n";
    assert_eq!(Bench::called_with(MIXED, optional, &parts(&[(ISUP_PART, ISUP)])), Ok(None));
    let (headers, content) = deep(2);
    assert_eq!(
        Bench::called_with(MIXED, "", &parts(&[(&headers, content.as_bytes())])).as_ref().map(Option::as_deref),
        Ok(Some(SDP))
    );
}
