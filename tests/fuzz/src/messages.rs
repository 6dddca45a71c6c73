//! Whole messages and streams.

use std::{hint::black_box, net::SocketAddr, time::Instant};

use songda_sip::machine::{
    CallCore, Contacts, Defect, Frame, Framer, Headers, Message, Method, NameAddr, Out, RAck, Serves, SessionExpires,
    Uri, Via, asserted, min_se, parse, print_request, print_response, privacy, q850, reasons, refuse, retry_after,
    rseq,
};

const SERVES: Serves<'static> = Serves {
    methods: &[Method::INVITE, Method::ACK, Method::BYE, Method::CANCEL, Method::OPTIONS],
    extensions: &["100rel", "timer"],
    bodies: &["application/sdp"],
};

/// A message that is read is printed as one that is read as the same again; one that is broken
/// has an answer that can be read, unless it is none to be answered; a stream is cut into the
/// same messages in whatever pieces it comes; and a telephone line takes it, whatever it is.
pub fn sip(bytes: &[u8]) {
    stream(bytes);
    line(bytes);
    let Some((message, defects)) = parse(bytes) else { return };
    readers(message.headers());
    match &message {
        Message::Request(request) => {
            black_box(Uri::parse(&request.uri));
            let inspected = SERVES.inspect(request);
            let all: Vec<Defect> = defects.iter().cloned().chain(inspected).collect();
            match refuse(request, &all, SERVES, "tag") {
                Some(answer) => {
                    assert_ne!(request.method, Method::ACK);
                    let read = parse(&print_response(&answer));
                    let Some((Message::Response(read), _)) = read else { panic!("an answer that nobody reads") };
                    assert_eq!(read.status, all[0].status());
                }
                None => assert!(all.is_empty() || request.method == Method::ACK),
            }
            if defects.is_empty() {
                again(&message, &print_request(request));
            }
        }
        Message::Response(response) if defects.is_empty() => again(&message, &print_response(response)),
        Message::Response(_) => {}
    }
}

/// The same datagram twice, to a line that takes every call: what goes out can be read.
fn line(bytes: &[u8]) {
    let ours = SocketAddr::from(([192, 0, 2, 1], 5060));
    let mut counter = 0;
    let random = move || {
        counter += 1;
        counter
    };
    let (mut core, now) = (CallCore::new(ours, "fuzz".into(), Box::new(random)), Instant::now());
    for port in [5060, 5071] {
        core.receive(now, bytes, SocketAddr::from(([198, 51, 100, 7], port)));
        while let Some(out) = core.poll() {
            match out {
                Out::Send(_, bytes) if bytes.len() > 2 => {
                    assert!(parse(&bytes).is_some(), "an answer that nobody reads");
                }
                Out::Incoming(id, _) => core.answer(now, &id, crate::sessions::OURS.into()),
                Out::Outside(key, request, _) => core.decline(now, &key, &request),
                other => drop(black_box(other)),
            }
        }
    }
}

fn again(message: &Message, printed: &[u8]) {
    let Some((read, defects)) = parse(printed) else { panic!("what was printed is not read") };
    assert_eq!(defects, []);
    assert_eq!(&read, message);
}

fn readers(headers: &Headers) {
    for via in headers.list("Via").filter_map(Via::parse) {
        black_box((via.branch(), via.received(), via.rport()));
    }
    for name in ["From", "To", "Contact", "Route", "Record-Route", "Refer-To"] {
        black_box(headers.tag(name));
        for address in headers.list(name).filter_map(NameAddr::parse) {
            black_box((address.tag(), address.uri.name()));
        }
    }
    if let Ok(Contacts::List(contacts)) = Contacts::of(headers) {
        for contact in contacts {
            black_box((contact.expires(), contact.instance(), contact.reg_id()));
            assert!(contact.q().is_none_or(|q| q <= 1000));
        }
    }
    black_box((RAck::of(headers), rseq(headers), retry_after(headers), headers.seconds("Expires")));
    black_box((SessionExpires::of(headers), min_se(headers)));
    black_box((reasons(headers).count(), privacy(headers), asserted(headers).count()));
    assert!(q850(headers).is_none_or(|cause| (1..=127).contains(&cause)));
}

fn stream(bytes: &[u8]) {
    let step = bytes.first().map_or(1, |first| usize::from(*first) + 1);
    let whole = cut(bytes, bytes.len().max(1));
    let pieces = cut(bytes, step);
    assert_eq!(whole, pieces, "in pieces of {step}");
    for message in whole {
        black_box(parse(&message));
    }
}

/// The messages of a stream; signs of life may come in halves.
fn cut(bytes: &[u8], step: usize) -> Vec<Vec<u8>> {
    let mut framer = Framer::default();
    let mut messages = Vec::new();
    for piece in bytes.chunks(step) {
        framer.push(piece);
        loop {
            match framer.take() {
                Ok(Some(Frame::Message(message))) => messages.push(message),
                Ok(Some(Frame::Ping | Frame::Pong)) => {}
                Ok(None) => break,
                Err(error) => {
                    black_box(error.answer("tag"));
                    return messages;
                }
            }
        }
        assert!(framer.waiting() <= 256 * 1024);
    }
    messages
}
