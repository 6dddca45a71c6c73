//! Bytes to messages.

use memchr::{memchr, memmem};

use super::{
    HEADER_LIMIT, LINE_LIMIT, STREAM_LIMIT, VIA_LIMIT,
    defect::Defect,
    names::{self, ONCE},
};
use crate::{
    msg::{Headers, Message, Method, Request, Response, Via, text},
    uri,
};

/// Reads one whole message: a datagram, a message that a [`super::Framer`] cut out, a message
/// of a WebSocket. None when nothing in it can be answered: it is too long, no SIP, or without
/// a Via that leads back. A response with defects is to be dropped, and so is an ACK; any
/// other request is answered with [`super::refuse`].
pub fn parse(bytes: &[u8]) -> Option<(Message, Vec<Defect>)> {
    if bytes.len() > STREAM_LIMIT {
        return None;
    }
    let start = bytes.iter().position(|b| !matches!(b, b'\r' | b'\n'))?;
    let bytes = &bytes[start..];
    let mut defects = Vec::new();
    let (head, body) = match memmem::find(bytes, b"\r\n\r\n") {
        Some(end) => (&bytes[..end], &bytes[end + 4..]),
        None => (bytes, &[][..]),
    };
    let head = text::readable(head);
    let (first, lines) = head.split_once("\r\n").unwrap_or((&head, ""));
    if first.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("SIP/")) {
        let (status, reason) = status_line(first)?;
        if reason.contains(['\r', '\n']) {
            defects.push(Defect::StartLine);
        }
        let (headers, body) = rest(lines, body, &mut defects)?;
        // We are no proxy: an answer that goes on from here was never for us (RFC 3261, 8.1.3.3).
        if headers.list("Via").count() > 1 {
            defects.push(Defect::Header("Via"));
        }
        return Some((Message::Response(Response { status, reason: reason.to_owned(), headers, body }), defects));
    }
    let (method, uri) = request_line(first, &mut defects);
    if head.len() + 4 > bytes.len() && body.is_empty() && !bytes.ends_with(b"\r\n\r\n") {
        // The empty line never came: something was cut off.
        defects.push(Defect::Line);
    }
    let (headers, body) = rest(lines, body, &mut defects)?;
    let request = Request { method: Method::parse(method), uri: uri.to_owned(), headers, body };
    inspect(&request, &mut defects);
    Some((Message::Request(request), defects))
}

/// `SIP/2.0 200 OK`; the phrase may be empty (RFC 4475, 3.1.1.13).
fn status_line(line: &str) -> Option<(u16, &str)> {
    let (version, rest) = line.split_once(' ')?;
    let (status, reason) = rest.split_once(' ').unwrap_or((rest, ""));
    let status = text::digits::<u16>(status).filter(|status| status_is_possible(*status))?;
    version.eq_ignore_ascii_case("SIP/2.0").then_some((status, reason))
}

fn status_is_possible(status: u16) -> bool {
    (100..700).contains(&status)
}

/// Method and Request-URI, as far as they stand there.
fn request_line<'a>(line: &'a str, defects: &mut Vec<Defect>) -> (&'a str, &'a str) {
    let (method, rest) = line.split_once(' ').unwrap_or((line, ""));
    let (uri, version) = rest.rsplit_once(' ').unwrap_or((rest, ""));
    let sip = version.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("SIP/"));
    if sip && !version.eq_ignore_ascii_case("SIP/2.0") {
        defects.push(Defect::Version);
    } else if !sip || method.is_empty() || !method.bytes().all(text::is_token) {
        defects.push(Defect::StartLine);
    }
    match uri::Parts::read(uri).filter(|_| !uri.contains([' ', '\t'])) {
        Some(uri) if ["sip", "sips", "tel"].iter().any(|ours| uri.scheme.eq_ignore_ascii_case(ours)) => {
            // Headers of a URI have no place here (RFC 3261, 19.1.1, table 1).
            if !uri.host.is_empty() && uri.tail.contains('?') {
                defects.push(Defect::Uri);
            }
        }
        Some(_) => defects.push(Defect::Scheme),
        None => defects.push(Defect::Uri),
    }
    (method, uri)
}

/// Headers and body; none without a way back.
fn rest(lines: &str, body: &[u8], defects: &mut Vec<Defect>) -> Option<(Headers, Vec<u8>)> {
    let mut reader = Reader::new(lines);
    reader.read(defects);
    let Reader { headers, lengths, seen, .. } = reader;
    Via::top(&headers)?;
    if headers.list("Via").count() > VIA_LIMIT {
        defects.push(Defect::Header("Via"));
    }
    for (at, name) in ONCE.iter().take(4).enumerate() {
        if seen & (1 << at) == 0 || headers.get(name).is_some_and(str::is_empty) {
            defects.push(Defect::Header(name));
        }
    }
    for name in ["From", "To"] {
        if headers.get(name).is_some_and(|value| !value.is_empty() && !uri::is_name_addr(value)) {
            defects.push(Defect::Header(name));
        }
    }
    match headers.cseq() {
        Some((number, _)) if number < 1 << 31 => {}
        _ => defects.push(Defect::CSeq),
    }
    let body = cut_body(lengths, body, defects);
    Some((headers, body))
}

/// What only a request can have wrong.
fn inspect(request: &Request, defects: &mut Vec<Defect>) {
    let headers = &request.headers;
    // Where the method is unknown, 501 is the better answer (RFC 4475, 3.1.2.18).
    if request.method.is_known() && headers.cseq().is_some_and(|(_, method)| method != request.method) {
        defects.push(Defect::CSeq);
    }
    let readable = |via| Via::parse(via).is_some_and(|via| text::params_are_named(via.tail));
    if !headers.all("Via").flat_map(|value| text::split(value, b',')).map(str::trim).all(readable) {
        defects.push(Defect::Header("Via"));
    }
    if headers.get("Max-Forwards").is_some_and(|hops| text::digits::<u8>(hops).is_none()) {
        defects.push(Defect::MaxForwards);
    }
    let targets = [Method::INVITE, Method::REGISTER, Method::SUBSCRIBE, Method::UPDATE, Method::REFER];
    if targets.contains(&request.method)
        && !headers.list("Contact").all(|contact| contact == "*" || uri::is_strict_name_addr(contact))
    {
        defects.push(Defect::Header("Contact"));
    }
}

/// What Content-Length says.
#[derive(Clone, Copy)]
enum Length {
    /// Nothing: over UDP the body ends with the datagram (RFC 3261, 18.3).
    Open,
    Bytes(usize),
    Broken,
}

fn cut_body(length: Length, body: &[u8], defects: &mut Vec<Defect>) -> Vec<u8> {
    match length {
        Length::Open => body.to_vec(),
        Length::Bytes(length) if length <= body.len() => body[..length].to_vec(),
        Length::Bytes(_) | Length::Broken => {
            defects.push(Defect::ContentLength);
            Vec::new()
        }
    }
}

/// Reads header lines, their continuations joined (RFC 3261, 7.3.1).
struct Reader<'a> {
    rest: &'a str,
    headers: Headers,
    lengths: Length,
    /// Which of [`ONCE`] came.
    seen: u16,
    /// A header is open: its continuation may follow.
    open: bool,
    /// The line cannot be read; so cannot what continues it.
    skipping: bool,
}

impl<'a> Reader<'a> {
    fn new(lines: &'a str) -> Self {
        let headers = Headers::with_capacity(lines.len() + 64, 24);
        Self { rest: lines, headers, lengths: Length::Open, seen: 0, open: false, skipping: false }
    }

    fn read(&mut self, defects: &mut Vec<Defect>) {
        while let Some(line) = self.line() {
            if line.starts_with([' ', '\t']) {
                self.continued(line, defects);
                continue;
            }
            self.close(defects);
            if self.headers.len() >= HEADER_LIMIT {
                defects.push(Defect::TooLarge);
                return;
            }
            self.header(line, defects);
        }
        self.close(defects);
    }

    fn line(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let mut from = 0;
        while let Some(at) = memchr(b'\n', &self.rest.as_bytes()[from..]).map(|at| from + at) {
            if at > 0 && self.rest.as_bytes()[at - 1] == b'\r' {
                let line = &self.rest[..at - 1];
                self.rest = &self.rest[at + 1..];
                return Some(line);
            }
            from = at + 1;
        }
        Some(std::mem::take(&mut self.rest))
    }

    fn header(&mut self, line: &str, defects: &mut Vec<Defect>) {
        self.skipping = true;
        let Some((name, value)) = memchr(b':', line.as_bytes()).map(|at| (&line[..at], &line[at + 1..])) else {
            defects.push(Defect::Line);
            return;
        };
        let name = name.trim_end_matches([' ', '\t']);
        if name.is_empty() || !name.bytes().all(text::is_token) {
            defects.push(Defect::Line);
        } else {
            self.headers.open(names::long(name), trim(value));
            (self.open, self.skipping) = (true, false);
            self.bound(defects);
        }
    }

    fn continued(&mut self, line: &str, defects: &mut Vec<Defect>) {
        if self.skipping {
            return;
        }
        if self.open {
            self.headers.fold(trim(line));
            self.bound(defects);
        } else {
            // A continuation of nothing.
            defects.push(Defect::Line);
            self.skipping = true;
        }
    }

    /// What has grown too long is not kept.
    fn bound(&mut self, defects: &mut Vec<Defect>) {
        let (name, value) = self.headers.last_line();
        if name.len() + value.len() > LINE_LIMIT {
            defects.push(Defect::TooLarge);
            self.headers.abandon();
            (self.open, self.skipping) = (false, true);
        }
    }

    /// The header that is open is complete.
    fn close(&mut self, defects: &mut Vec<Defect>) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        let (name, value) = self.headers.last_line();
        if value.contains(['\r', '\n']) {
            defects.push(Defect::Line);
            self.headers.abandon();
            return;
        }
        if name.eq_ignore_ascii_case("Content-Length") {
            self.lengths = match (self.lengths, text::digits(value)) {
                (Length::Open, Some(length)) => Length::Bytes(length),
                (Length::Bytes(before), Some(length)) if before == length => Length::Bytes(length),
                _ => Length::Broken,
            };
            self.headers.abandon();
            return;
        }
        if let Some(at) = names::once(name) {
            if self.seen & (1 << at) != 0 {
                defects.push(Defect::Header(ONCE[at]));
            }
            self.seen |= 1 << at;
        }
        self.headers.close();
    }
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}
