//! The torture test of RFC 4475: all 49 messages, and for each what the RFC says must happen.
//!
//! The messages stand in `messages/` in the notation of the RFC (section 2): a line is ended by
//! CRLF on the wire, `<hex>` stands for bytes that cannot be printed, `<repeat>` for what would
//! be long.

mod application;
mod invalid;
mod real;
mod valid;

use std::{net::SocketAddr, time::Instant};

use songda_sip::Rejection;
use songda_sip::machine::{CallCore, Defect, Message, Method, Out, Request, Response, Serves, parse, refuse};

/// What a telephone serves.
const SERVES: Serves<'static> = Serves {
    methods: &[Method::INVITE, Method::ACK, Method::BYE, Method::CANCEL, Method::OPTIONS, Method::REGISTER],
    extensions: &["100rel", "timer"],
    bodies: &["application/sdp"],
};

/// Every kind, by its name in the RFC; what must come back from a whole endpoint that meets
/// it: a status, or nothing; or whatever it says to a message that is well formed.
const KINDS: [(&str, Fate); 49] = [
    ("wsinv", Fate::Served),
    ("intmeth", Fate::Refused(501)),
    ("esc01", Fate::Served),
    ("escnull", Fate::Served),
    ("esc02", Fate::Refused(501)),
    ("lwsdisp", Fate::Served),
    ("longreq", Fate::Served),
    ("dblreq", Fate::Served),
    ("semiuri", Fate::Served),
    ("transports", Fate::Served),
    ("mpart01", Fate::Served),
    ("unreason", Fate::Silence),
    ("noreason", Fate::Silence),
    ("badinv01", Fate::Refused(400)),
    ("clerr", Fate::Refused(400)),
    ("ncl", Fate::Refused(400)),
    ("scalar02", Fate::Refused(400)),
    ("scalarlg", Fate::Silence),
    ("quotbal", Fate::Refused(400)),
    ("ltgtruri", Fate::Refused(400)),
    ("lwsruri", Fate::Refused(400)),
    ("lwsstart", Fate::Refused(400)),
    ("trws", Fate::Refused(400)),
    ("escruri", Fate::Refused(400)),
    ("baddate", Fate::Served),
    ("regbadct", Fate::Refused(400)),
    ("badaspec", Fate::Served),
    ("baddn", Fate::Served),
    ("badvers", Fate::Refused(505)),
    ("mismatch01", Fate::Refused(400)),
    ("mismatch02", Fate::Refused(501)),
    ("bigcode", Fate::Silence),
    ("badbranch", Fate::Served),
    ("insuf", Fate::Refused(400)),
    ("unkscm", Fate::Refused(416)),
    ("novelsc", Fate::Refused(416)),
    ("unksm2", Fate::Served),
    ("bext01", Fate::Refused(420)),
    ("invut", Fate::Refused(415)),
    ("regaut01", Fate::Served),
    ("multi01", Fate::Refused(400)),
    ("mcl01", Fate::Refused(400)),
    ("bcast", Fate::Silence),
    ("zeromf", Fate::Served),
    ("cparam01", Fate::Served),
    ("cparam02", Fate::Served),
    ("regescrt", Fate::Served),
    ("sdp01", Fate::Refused(406)),
    ("inv2543", Fate::Served),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Well formed: not refused for its form.
    Served,
    /// Answered with this status.
    Refused(u16),
    /// Not answered.
    Silence,
}

/// A message as it is on the wire.
fn message(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/it/torture/messages/{name}.sip", env!("CARGO_MANIFEST_DIR"));
    expand(&std::fs::read_to_string(path).unwrap())
}

/// The notation of the RFC, taken out.
fn expand(text: &str) -> Vec<u8> {
    let text = text.replace('\n', "\r\n");
    let mut out = Vec::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find("<hex>").into_iter().chain(rest.find("<repeat count=")).min() {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let (mark, after) = rest[at..].split_once('>').unwrap();
        let count = mark.strip_prefix("<repeat count=");
        let (inner, after) = after.split_once(if count.is_some() { "</repeat>" } else { "</hex>" }).unwrap();
        match count {
            Some(count) => out.extend(inner.repeat(count.parse().unwrap()).bytes()),
            None => out.extend(hex(inner)),
        }
        rest = after;
    }
    out.extend_from_slice(rest.as_bytes());
    out
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()).collect()
}

/// A request that must be read without a defect.
fn request(name: &str) -> Request {
    match parse(&message(name)) {
        Some((Message::Request(request), defects)) => {
            assert_eq!(defects, [], "{name}");
            request
        }
        other => panic!("{name}: {other:?}"),
    }
}

/// A response that must be read without a defect.
fn response(name: &str) -> Response {
    match parse(&message(name)) {
        Some((Message::Response(response), defects)) => {
            assert_eq!(defects, [], "{name}");
            response
        }
        other => panic!("{name}: {other:?}"),
    }
}

/// The answer that a request must get for its form or for what it asks of a telephone; it goes
/// back where it came from, and names the transaction.
fn refused(name: &str) -> Response {
    let Some((Message::Request(request), mut defects)) = parse(&message(name)) else { panic!("{name} is not read") };
    defects.extend(SERVES.inspect(&request));
    let answer = refuse(&request, &defects, SERVES, "ours").unwrap_or_else(|| panic!("{name} is not refused"));
    for copied in ["Via", "From", "Call-ID", "CSeq"] {
        let (theirs, ours): (Vec<_>, Vec<_>) =
            (request.headers.all(copied).collect(), answer.headers.all(copied).collect());
        assert_eq!(theirs, ours, "{name}: {copied}");
    }
    answer
}

/// A response that must be thrown away: it cannot be read, or has defects.
fn is_thrown_away(name: &str) -> bool {
    match parse(&message(name)) {
        None => true,
        Some((Message::Response(_), defects)) => !defects.is_empty(),
        Some((Message::Request(_), _)) => false,
    }
}

#[test]
fn a_whole_endpoint_does_with_each_of_the_49_what_the_rfc_says_and_forgets_it() {
    let far: SocketAddr = "192.0.2.77:5060".parse().unwrap();
    for (name, fate) in KINDS {
        let mut number = 0;
        let random = Box::new(move || {
            number += 1;
            number
        });
        let mut core =
            CallCore::new("127.0.0.1:5060".parse::<std::net::SocketAddr>().unwrap(), "songda-test".into(), random);
        let mut now = Instant::now();
        core.receive(now, &message(name), far);
        let mut statuses = Vec::new();
        let mut steps = 0;
        loop {
            while let Some(out) = core.poll() {
                match out {
                    Out::Send(_, bytes) => {
                        if let Some((Message::Response(response), _)) = parse(&bytes) {
                            statuses.push(response.status);
                        }
                    }
                    // As the driver does where nobody serves it.
                    Out::Outside(key, request, _) => core.decline(now, &key, &request),
                    Out::Incoming(id, _) => core.reject(now, &id, &Rejection::status(480)),
                    _ => {}
                }
            }
            let Some(next) = core.next_deadline() else { break };
            now = now.max(next);
            core.tick(now);
            steps += 1;
            assert!(steps < 1000, "{name} is never forgotten");
        }
        let last = statuses.iter().copied().find(|status| *status >= 200);
        match fate {
            Fate::Refused(status) => assert_eq!(last, Some(status), "{name}"),
            Fate::Silence => assert!(statuses.is_empty(), "{name}: {statuses:?}"),
            Fate::Served => assert_ne!(last, Some(400), "{name}"),
        }
        assert_eq!(core.load(), (0, 0), "{name} leaves something behind");
    }
}

#[test]
fn no_cut_and_no_changed_byte_of_any_of_the_49_makes_the_parser_panic() {
    for (name, _) in KINDS {
        let whole = message(name);
        // The longest is long by repeats: not every byte of it is another case.
        for end in (0..whole.len()).step_by(1 + whole.len() / 1000) {
            let _ = parse(&whole[..end]);
            for mask in [0x01, 0x80] {
                let mut changed = whole.clone();
                changed[end] ^= mask;
                if let Some((Message::Request(request), defects)) = parse(&changed) {
                    let _ = refuse(&request, &defects, SERVES, "t").map(|answer| answer.status);
                }
            }
        }
    }
}

#[test]
fn the_table_has_every_message_of_the_folder_once() {
    let folder = format!("{}/tests/it/torture/messages", env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap().trim_end_matches(".sip").to_owned())
        .collect();
    let mut kinds: Vec<&str> = KINDS.iter().map(|(name, _)| *name).collect();
    files.sort();
    kinds.sort_unstable();
    assert_eq!(files, kinds);
}

/// The defects of a message.
fn defects(name: &str) -> Vec<Defect> {
    parse(&message(name)).map(|(_, defects)| defects).unwrap_or_default()
}
