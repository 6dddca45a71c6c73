//! Just enough reading of SIP for a generator. It shares no code with the product: a mistake
//! of its parser would hide itself.

use std::{fmt::Write as _, net::SocketAddr};

/// What the generator needs of a message.
#[derive(Debug, Default)]
pub(super) struct Text<'a> {
    pub(super) start: &'a str,
    pub(super) vias: Vec<&'a str>,
    pub(super) record_routes: Vec<&'a str>,
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    pub(super) call_id: &'a str,
    pub(super) cseq: &'a str,
    pub(super) contact: &'a str,
}

impl<'a> Text<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let head = text.split("\r\n\r\n").next()?;
        let mut lines = head.split("\r\n");
        let mut message = Self { start: lines.next()?, ..Self::default() };
        for line in lines {
            let (name, value) = line.split_once(':')?;
            let value = value.trim();
            match name.trim().to_ascii_lowercase().as_str() {
                "via" | "v" => message.vias.push(value),
                "record-route" => message.record_routes.push(value),
                "from" | "f" => message.from = value,
                "to" | "t" => message.to = value,
                "call-id" | "i" => message.call_id = value,
                "cseq" => message.cseq = value,
                "contact" | "m" => message.contact = value,
                _ => {}
            }
        }
        (!message.call_id.is_empty()).then_some(message)
    }

    /// Status, where it is a response.
    pub(super) fn status(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    pub(super) fn method(&self) -> &'a str {
        self.start.split(' ').next().unwrap_or_default()
    }

    /// Method that a response answers.
    pub(super) fn answers(&self) -> &'a str {
        self.cseq.rsplit(' ').next().unwrap_or_default()
    }

    /// The address in Contact.
    pub(super) fn target(&self) -> Option<&'a str> {
        match self.contact.split_once('<') {
            Some((_, rest)) => rest.split('>').next(),
            None => self.contact.split(';').next().filter(|uri| !uri.is_empty()),
        }
    }
}

/// The SDP of both sides.
pub(super) const SDP: &str = "v=0\r\no=- 53655765 2353687637 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\n\
    t=0 0\r\nm=audio 6000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
    a=ptime:20\r\na=sendrecv\r\n";

/// T1 of RFC 3261.
pub(super) const T1: std::time::Duration = std::time::Duration::from_millis(500);
/// T2.
pub(super) const T2: std::time::Duration = std::time::Duration::from_secs(4);
/// 64 × T1.
pub(super) const T64: std::time::Duration = std::time::Duration::from_secs(32);
/// So long a call is remembered after its end.
pub(super) const KEPT: std::time::Duration = std::time::Duration::from_secs(40);

/// A response; with a dialog it has our Contact, the route and perhaps a body.
pub(super) fn response(request: &Text<'_>, status: &str, dialog: Option<(SocketAddr, &str)>) -> Vec<u8> {
    let mut out = format!("SIP/2.0 {status}\r\n");
    for via in &request.vias {
        let _ = write!(out, "Via: {via}\r\n");
    }
    let _ = write!(out, "From: {}\r\nTo: {}", request.from, request.to);
    if !request.to.contains(";tag=") {
        let _ = write!(out, ";tag=callee");
    }
    let _ = write!(out, "\r\nCall-ID: {}\r\nCSeq: {}\r\n", request.call_id, request.cseq);
    let mut body = "";
    if let Some((local, sdp)) = dialog {
        for route in &request.record_routes {
            let _ = write!(out, "Record-Route: {route}\r\n");
        }
        let _ = write!(out, "Contact: <sip:{local}>\r\n");
        if !sdp.is_empty() {
            let _ = write!(out, "Content-Type: application/sdp\r\n");
        }
        body = sdp;
    }
    let _ = write!(out, "Content-Length: {}\r\n\r\n{body}", body.len());
    out.into_bytes()
}

/// A request of `local`; `names` are From, To and Call-ID, `branch` tells it from the others of
/// its call.
pub(super) fn request(
    local: SocketAddr,
    line: &str,
    uri: &str,
    names: (&str, &str, &str),
    branch: &str,
    routes: &[&str],
) -> Vec<u8> {
    let (from, to, call_id) = names;
    // `line` is the method, or the method and the number where that is not plain.
    let (method, cseq) = line.split_once(' ').unwrap_or((line, "1"));
    let token: String = call_id.chars().filter(char::is_ascii_alphanumeric).collect();
    let mut out = format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{token}{branch}\r\nMax-Forwards: 70\r\n\
         From: {from}\r\nTo: {to}\r\n"
    );
    for route in routes {
        let _ = write!(out, "Route: {route}\r\n");
    }
    let _ = write!(out, "Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n");
    let body = if method == "INVITE" { SDP } else { "" };
    if method == "INVITE" {
        let _ = write!(
            out,
            "Contact: <sip:01012345@{local}>\r\nAllow: INVITE, ACK, BYE, CANCEL, OPTIONS\r\nUser-Agent: bench\r\n\
             Content-Type: application/sdp\r\n"
        );
    }
    let _ = write!(out, "Content-Length: {}\r\n\r\n{body}", body.len());
    out.into_bytes()
}
