//! The wire: bytes to messages and back (RFC 3261, 7 and 18.3).
//!
//! A message that must be answered is never thrown away by the parser: it is read as far
//! as it goes, and what is wrong stands beside it as defects.

use std::{borrow::Cow, fmt::Write as _};

use crate::msg::{Headers, Message, Method, Request, Response};

/// Largest datagram.
const MESSAGE_LIMIT: usize = 65_535;
/// Most headers.
const HEADER_LIMIT: usize = 256;
/// Longest header line.
const LINE_LIMIT: usize = 16 * 1024;
/// Most hops.
const VIA_LIMIT: usize = 70;

/// What is wrong with a message that could still be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Defect {
    /// The version is not SIP/2.0: 505.
    Version,
    /// A header that must be there once is missing or stands twice: 400.
    Header(&'static str),
    /// Content-Length does not fit the datagram: 400.
    ContentLength,
    /// `CSeq` cannot be, or names another method: 400.
    CSeq,
    /// The Request-URI cannot be read: 400.
    Uri,
    /// The Request-URI has a scheme we do not serve: 416.
    Scheme,
    /// Malformed header line: 400.
    Line,
    /// Max-Forwards cannot be: 400.
    MaxForwards,
}

impl Defect {
    /// The status that answers it.
    pub fn status(&self) -> u16 {
        match self {
            Self::Version => 505,
            Self::Scheme => 416,
            _ => 400,
        }
    }
}

/// Reads a datagram. None when nothing in it can be answered.
pub fn parse(datagram: &[u8]) -> Option<(Message, Vec<Defect>)> {
    if datagram.len() > MESSAGE_LIMIT {
        return None;
    }
    let start = datagram.iter().position(|b| !matches!(b, b'\r' | b'\n'))?;
    let datagram = &datagram[start..];
    let (head, body) = match find(datagram, b"\r\n\r\n") {
        Some(end) => (&datagram[..end], &datagram[end + 4..]),
        None => (datagram, &[][..]),
    };
    let head = text(head);
    let mut lines = unfold(&head);
    let first = lines.next()?;
    let mut defects = Vec::new();
    let headers = read_headers(lines, &mut defects)?;
    let body = cut_body(&headers, body, &mut defects);
    let mut kept = Headers::default();
    for (name, value) in headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("Content-Length")) {
        kept.push(name, value);
    }
    required(&kept, &mut defects);
    let message = if let Some(rest) = first.strip_prefix("SIP/2.0 ") {
        let (status, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        let status: u16 = status.parse().ok().filter(|status| (100..700).contains(status))?;
        Message::Response(Response { status, reason: reason.to_owned(), headers: kept, body })
    } else {
        let request = read_request(&first, kept, body, &mut defects)?;
        Message::Request(request)
    };
    Some((message, defects))
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|window| window == pattern)
}

/// Header text is UTF-8; some exchanges write display names in GB18030.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => encoding_rs::GB18030.decode_without_bom_handling(bytes).0,
    }
}

/// Lines with their continuations joined (RFC 3261, 7.3.1).
fn unfold(head: &str) -> impl Iterator<Item = String> + '_ {
    let mut lines = head.split("\r\n").peekable();
    std::iter::from_fn(move || {
        let mut line = lines.next()?.to_owned();
        while let Some(next) = lines.peek().filter(|next| next.starts_with([' ', '\t'])) {
            if line.len() + next.len() > LINE_LIMIT {
                break;
            }
            line.push(' ');
            line.push_str(next.trim());
            lines.next();
        }
        Some(line)
    })
}

fn read_headers(lines: impl Iterator<Item = String>, defects: &mut Vec<Defect>) -> Option<Headers> {
    let mut headers = Headers::default();
    for line in lines {
        if headers.len() >= HEADER_LIMIT || line.len() > LINE_LIMIT {
            return None;
        }
        let Some((name, value)) = line.split_once(':') else {
            if !line.trim().is_empty() {
                defects.push(Defect::Line);
            }
            continue;
        };
        let name = name.trim_end();
        if name.is_empty() || !name.bytes().all(is_token) || value.contains(['\r', '\n', '\0']) {
            defects.push(Defect::Line);
            continue;
        }
        headers.push(long_name(name), value.trim());
    }
    Some(headers)
}

fn read_request(first: &str, headers: Headers, body: Vec<u8>, defects: &mut Vec<Defect>) -> Option<Request> {
    let mut parts = first.split(' ');
    let (method, uri, version) = (parts.next()?, parts.next()?, parts.next());
    if method.is_empty() || !method.bytes().all(is_token) {
        return None;
    }
    if parts.next().is_some() {
        defects.push(Defect::Uri);
    } else if version.is_none_or(|version| !version.eq_ignore_ascii_case("SIP/2.0")) {
        defects.push(Defect::Version);
    }
    match crate::uri::Uri::parse(uri) {
        Some(uri) if matches!(uri.scheme.as_str(), "sip" | "sips" | "tel") => {}
        Some(_) => defects.push(Defect::Scheme),
        None => defects.push(Defect::Uri),
    }
    let method = Method::parse(method);
    match headers.cseq() {
        Some((number, named)) if number < 1 << 31 && named == method => {}
        _ => defects.push(Defect::CSeq),
    }
    if headers.get("Max-Forwards").is_some_and(|hops| hops.parse::<u8>().is_err()) {
        defects.push(Defect::MaxForwards);
    }
    Some(Request { method, uri: uri.to_owned(), headers, body })
}

/// Over UDP the body ends with the datagram where no length is given (RFC 3261, 18.3).
fn cut_body(headers: &Headers, body: &[u8], defects: &mut Vec<Defect>) -> Vec<u8> {
    let mut lengths = headers.all("Content-Length");
    let Some(length) = lengths.next() else { return body.to_vec() };
    if lengths.any(|other| other != length) {
        defects.push(Defect::ContentLength);
    }
    match length.parse::<usize>() {
        Ok(length) if length <= body.len() => body[..length].to_vec(),
        _ => {
            defects.push(Defect::ContentLength);
            Vec::new()
        }
    }
}

fn required(headers: &Headers, defects: &mut Vec<Defect>) {
    for name in ["From", "To", "Call-ID", "CSeq"] {
        if headers.all(name).count() != 1 {
            defects.push(Defect::Header(name));
        }
    }
    if headers.all("Max-Forwards").count() > 1 {
        defects.push(Defect::Header("Max-Forwards"));
    }
    let hops = headers.list("Via").count();
    if hops == 0 || hops > VIA_LIMIT {
        defects.push(Defect::Header("Via"));
    }
    for name in ["From", "To"] {
        if headers.get(name).is_some_and(|value| crate::uri::NameAddr::parse(value).is_none()) {
            defects.push(Defect::Header(name));
        }
    }
}

fn is_token(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b)
}

/// Compact forms (RFC 3261, 7.3.3, and the registry of header names).
fn long_name(name: &str) -> &str {
    let [letter] = name.as_bytes() else { return name };
    match letter.to_ascii_lowercase() {
        b'c' => "Content-Type",
        b'e' => "Content-Encoding",
        b'f' => "From",
        b'i' => "Call-ID",
        b'k' => "Supported",
        b'l' => "Content-Length",
        b'm' => "Contact",
        b'o' => "Event",
        b'r' => "Refer-To",
        b's' => "Subject",
        b't' => "To",
        b'u' => "Allow-Events",
        b'v' => "Via",
        b'x' => "Session-Expires",
        _ => name,
    }
}

/// A request as it goes out.
pub fn print_request(request: &Request) -> Vec<u8> {
    print(&format!("{} {} SIP/2.0", request.method, request.uri), &request.headers, &request.body)
}

/// A response as it goes out.
pub fn print_response(response: &Response) -> Vec<u8> {
    print(&format!("SIP/2.0 {} {}", response.status, response.reason), &response.headers, &response.body)
}

fn print(first: &str, headers: &Headers, body: &[u8]) -> Vec<u8> {
    let mut out = String::with_capacity(1024);
    out.push_str(first);
    out.push_str("\r\n");
    for (name, value) in headers.iter() {
        out.push_str(name);
        out.push_str(": ");
        out.push_str(value);
        out.push_str("\r\n");
    }
    let _ = write!(out, "Content-Length: {}\r\n\r\n", body.len());
    let mut out = out.into_bytes();
    out.extend_from_slice(body);
    out
}
