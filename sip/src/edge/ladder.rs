//! The last calls as they were on the wire, one line per message, fit to be shown: without
//! bodies, without names, with numbers hidden.
//!
//! Messages are kept as they are, and made fit when somebody looks: hardly any call is looked
//! at, and this runs for every message. Keys of secured sound alone are not even kept.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde::Serialize;

use super::mask::mask;
use crate::flow::{Flow, Protocol};

/// The first lines of a call tell how it was set up; they stay.
const BEGINNING: usize = 16;
/// Lines of one call.
const LINES: usize = 64;
/// Bytes of one message; of a longer one the rest is not shown.
const MESSAGE: usize = 4096;
/// Bytes of all of them.
const MOST: usize = 16 << 20;
/// Headers of one line.
const HEADERS: usize = 16;
/// Characters of one value.
const VALUE: usize = 160;
/// Streams of one SDP.
const STREAMS: usize = 4;

/// Which way a message went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// To us.
    In,
    /// From us.
    Out,
}

/// One message of a call. Everything in it is masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LadderLine {
    /// Milliseconds since the first message of the call.
    pub after_ms: u64,
    /// Which way.
    pub direction: Direction,
    /// Transport.
    pub protocol: Protocol,
    /// Address of the other end.
    pub remote: SocketAddr,
    /// Method and Request-URI, or status and reason phrase.
    pub what: String,
    /// `CSeq`.
    pub cseq: String,
    /// Reason (RFC 3326).
    pub reason: Option<String>,
    /// Where sound is wanted and in which formats, from the SDP.
    pub sdp: Option<String>,
    /// Headers that explain it, on requests that begin something and on refusals.
    pub headers: Vec<(String, String)>,
}

impl fmt::Display for LadderLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arrow = if self.direction == Direction::In { "<-" } else { "->" };
        let (seconds, rest) = (self.after_ms / 1000, self.after_ms % 1000);
        let Self { protocol, remote, what, cseq, .. } = self;
        write!(f, "{seconds:4}.{rest:03} {arrow} {protocol} {remote} {what} | CSeq: {cseq}")?;
        if let Some(reason) = &self.reason {
            write!(f, " | Reason: {reason}")?;
        }
        if let Some(sdp) = &self.sdp {
            write!(f, " | SDP: {sdp}")?;
        }
        self.headers.iter().try_for_each(|(name, value)| write!(f, " | {name}: {value}"))
    }
}

/// A message as it was on the wire.
struct Kept {
    after: Duration,
    direction: Direction,
    flow: Flow,
    bytes: Bytes,
}

struct Call {
    began: Instant,
    messages: VecDeque<Kept>,
}

/// The ladders of the last calls, oldest given up first.
pub struct Ladder {
    calls: HashMap<Vec<u8>, Call>,
    order: VecDeque<Vec<u8>>,
    most: usize,
    bytes: usize,
}

impl fmt::Debug for Ladder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ladder").field("calls", &self.calls.len()).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl Ladder {
    /// Room for so many calls.
    pub fn new(most: usize) -> Self {
        Self { calls: HashMap::new(), order: VecDeque::new(), most, bytes: 0 }
    }

    /// Notes a message that came or went. A call begins with its first INVITE; what belongs to
    /// none is not noted.
    pub fn record(&mut self, now: Instant, direction: Direction, flow: Flow, bytes: Bytes) {
        let Some(call_id) = call_id(&bytes) else { return };
        if !self.calls.contains_key(call_id) {
            if self.most == 0 || !bytes.starts_with(b"INVITE ") {
                return;
            }
            while self.order.len() >= self.most {
                self.forget_oldest();
            }
            self.order.push_back(call_id.to_vec());
            self.calls.insert(call_id.to_vec(), Call { began: now, messages: VecDeque::new() });
        }
        let Some(call) = self.calls.get_mut(call_id) else { return };
        if call.messages.len() >= LINES
            && let Some(gone) = call.messages.remove(BEGINNING)
        {
            self.bytes -= gone.bytes.len();
        }
        let after = now.saturating_duration_since(call.began);
        let bytes = if bytes.len() > MESSAGE { Bytes::copy_from_slice(&bytes[..MESSAGE]) } else { bytes };
        let bytes = without_keys(bytes);
        self.bytes += bytes.len();
        call.messages.push_back(Kept { after, direction, flow, bytes });
        while self.bytes > MOST && self.order.len() > 1 {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let gone = self.order.pop_front().and_then(|oldest| self.calls.remove(&oldest));
        self.bytes -= gone.iter().flat_map(|call| &call.messages).map(|kept| kept.bytes.len()).sum::<usize>();
    }

    /// The call with this Call-ID.
    pub fn lines(&self, call_id: &str) -> Vec<LadderLine> {
        let messages = self.calls.get(call_id.as_bytes()).into_iter().flat_map(|call| &call.messages);
        messages.filter_map(|kept| Some(Seen::read(&kept.bytes)?.line(kept))).collect()
    }
}

/// The Call-ID of a message.
fn call_id(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes;
    next_line(&mut rest)?;
    while let Some(line) = next_line(&mut rest).filter(|line| !line.is_empty()) {
        if matches!(line[0], b'C' | b'c' | b'i' | b'I')
            && let Some(colon) = line.iter().position(|b| *b == b':')
            && is_call_id(line[..colon].trim_ascii())
        {
            return Some(line[colon + 1..].trim_ascii()).filter(|call_id| !call_id.is_empty());
        }
    }
    None
}

fn is_call_id(name: &[u8]) -> bool {
    eq(name, "Call-ID") || eq(name, "i")
}

/// What of a message is of interest, as it stands in it.
struct Seen<'a> {
    start: &'a [u8],
    cseq: &'a [u8],
    reason: Option<&'a [u8]>,
    others: Vec<(&'static str, &'a [u8])>,
    body: &'a [u8],
}

impl<'a> Seen<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes;
        let mut seen = Seen { start: next_line(&mut rest)?, cseq: b"", reason: None, others: Vec::new(), body: b"" };
        let explain = seen.wants_headers();
        while let Some(line) = next_line(&mut rest) {
            if line.is_empty() {
                seen.body = rest;
                break;
            }
            let Some(colon) = line.iter().position(|b| *b == b':') else { continue };
            let name = line[..colon].trim_ascii();
            let value = || line[colon + 1..].trim_ascii();
            if eq(name, "CSeq") {
                seen.cseq = value();
            } else if eq(name, "Reason") {
                seen.reason = seen.reason.or_else(|| Some(value()));
            } else if explain
                && seen.others.len() < HEADERS
                && let Some(name) = explains(name)
            {
                seen.others.push((name, value()));
            }
        }
        Some(seen)
    }

    /// What begins something, what refuses it, and what must be acknowledged.
    fn wants_headers(&self) -> bool {
        let status = self.start.strip_prefix(b"SIP/2.0 ").and_then(|rest| rest.first());
        match status {
            Some(class) => *class >= b'3',
            None => [&b"INVITE "[..], b"REFER ", b"PRACK ", b"UPDATE "].iter().any(|m| self.start.starts_with(m)),
        }
    }

    fn line(&self, kept: &Kept) -> LadderLine {
        LadderLine {
            after_ms: u64::try_from(kept.after.as_millis()).unwrap_or(u64::MAX),
            direction: kept.direction,
            protocol: kept.flow.protocol,
            remote: kept.flow.remote,
            what: shown(without_version(self.start)),
            cseq: shown(self.cseq),
            reason: self.reason.map(shown),
            sdp: sdp(self.body),
            headers: self.others.iter().map(|(name, value)| ((*name).to_owned(), shown(unnamed(value)))).collect(),
        }
    }
}

/// The headers that explain a message, under their long names (RFC 3261, 7.3.3).
fn explains(name: &[u8]) -> Option<&'static str> {
    const NAMES: [(&str, &str); 22] = [
        ("From", "f"),
        ("To", "t"),
        ("Contact", "m"),
        ("P-Asserted-Identity", ""),
        ("P-Preferred-Identity", ""),
        ("Privacy", ""),
        ("Diversion", ""),
        ("History-Info", ""),
        ("Refer-To", "r"),
        ("Referred-By", "b"),
        ("Replaces", ""),
        ("Require", ""),
        ("Supported", "k"),
        ("Unsupported", ""),
        ("Session-Expires", "x"),
        ("Min-SE", ""),
        ("RAck", ""),
        ("Retry-After", ""),
        ("Warning", ""),
        ("User-Agent", ""),
        ("Server", ""),
        ("Route", ""),
    ];
    NAMES.iter().find(|(long, short)| eq(name, long) || (!short.is_empty() && eq(name, short))).map(|(long, _)| *long)
}

fn eq(name: &[u8], known: &str) -> bool {
    name.len() == known.len() && name.eq_ignore_ascii_case(known.as_bytes())
}

/// Keys of secured sound (RFC 4568, 9.2: `inline:` and what follows) made unreadable.
fn without_keys(bytes: Bytes) -> Bytes {
    const INLINE: &[u8] = b"inline:";
    let Some(mut at) = memchr::memmem::find(&bytes, INLINE) else { return bytes };
    let mut hidden = bytes.to_vec();
    loop {
        at += INLINE.len();
        // The next method of the same line is a key too.
        let end = memchr::memchr2(b'\n', b' ', &hidden[at..]).map_or(hidden.len(), |end| at + end);
        hidden[at..end].iter_mut().filter(|octet| **octet != b'\r').for_each(|octet| *octet = b'*');
        match memchr::memmem::find(&hidden[end..], INLINE) {
            Some(next) => at = end + next,
            None => return hidden.into(),
        }
    }
}

fn without_version(start: &[u8]) -> &[u8] {
    let start = start.strip_prefix(b"SIP/2.0 ").unwrap_or(start);
    start.strip_suffix(b" SIP/2.0").unwrap_or(start)
}

/// The next line without its end.
fn next_line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    if rest.is_empty() {
        return None;
    }
    let end = memchr::memchr(b'\n', rest);
    let (line, after) = match end {
        Some(end) => (&rest[..end], &rest[end + 1..]),
        None => (*rest, &rest[rest.len()..]),
    };
    *rest = after;
    Some(line.strip_suffix(b"\r").unwrap_or(line))
}

/// A display name is somebody's name: what stands before the address is left out.
fn unnamed(value: &[u8]) -> &[u8] {
    match value.iter().rposition(|b| *b == b'<') {
        Some(open) => &value[open..],
        None => value,
    }
}

/// Masked, cut, and without what could move a cursor.
fn shown(value: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(&value[..value.len().min(4 * VALUE)]);
    if text.contains(char::is_control) {
        text = text.replace(char::is_control, " ").into();
    }
    let masked = mask(&text);
    match masked.char_indices().nth(VALUE).filter(|_| masked.len() > VALUE) {
        Some((end, _)) => format!("{}…", &masked[..end]),
        None => masked,
    }
}

/// `audio 192.0.2.1:4000 8,101 sendrecv`, per stream; behind it `RTP/SAVP` where it is that, and
/// `crypto` where there is a key, but never the key.
fn sdp(body: &[u8]) -> Option<String> {
    if !body.starts_with(b"v=") {
        return None;
    }
    let mut rest = body;
    let mut session: Option<IpAddr> = None;
    let mut streams: Vec<Stream> = Vec::new();
    while let Some(line) = next_line(&mut rest) {
        let Ok(line) = std::str::from_utf8(line) else { continue };
        if let Some(address) = line.strip_prefix("c=") {
            let address = address.rsplit(' ').next().and_then(|text| text.split('/').next()?.parse().ok());
            match streams.last_mut() {
                Some(stream) => stream.address = address,
                None => session = address,
            }
        } else if let Some(stream) = line.strip_prefix("m=") {
            if streams.len() >= STREAMS {
                break;
            }
            streams.push(Stream { line: stream.to_owned(), address: None, way: "", has_key: false });
        } else if let Some(attribute) = line.strip_prefix("a=")
            && let Some(stream) = streams.last_mut()
        {
            let ways = ["sendrecv", "sendonly", "recvonly", "inactive"];
            stream.way = ways.into_iter().find(|way| *way == attribute).unwrap_or(stream.way);
            stream.has_key |= attribute.starts_with("crypto:");
        }
    }
    Some(streams.iter().map(|stream| stream.summary(session)).collect::<Vec<_>>().join("; "))
}

/// Profiles of secured sound (RFC 3711; RFC 5124; RFC 5764).
const SECURED: [&str; 3] = ["RTP/SAVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVPF"];
const KINDS: [&str; 6] = ["audio", "video", "image", "text", "application", "message"];

/// One stream of an SDP.
struct Stream {
    line: String,
    address: Option<IpAddr>,
    way: &'static str,
    has_key: bool,
}

impl Stream {
    fn summary(&self, session: Option<IpAddr>) -> String {
        let mut parts = self.line.split(' ');
        let named = parts.next().unwrap_or_default();
        let kind = KINDS.iter().find(|kind| **kind == named).unwrap_or(&"other");
        let port: Option<u16> = parts.next().and_then(|port| port.split('/').next()?.parse().ok());
        let profile = parts.next().unwrap_or_default();
        let formats: Vec<String> =
            parts.take(HEADERS).filter_map(|format| Some(format.parse::<u8>().ok()?.to_string())).collect();
        let address = match (self.address.or(session), port) {
            (Some(ip), Some(port)) => SocketAddr::new(ip, port).to_string(),
            _ => "?".to_owned(),
        };
        let secured = SECURED.into_iter().find(|secured| profile.eq_ignore_ascii_case(secured));
        let key = self.has_key.then_some("crypto");
        let mut text = format!("{kind} {address} {} {}", formats.join(","), self.way).trim_end().to_owned();
        for word in secured.into_iter().chain(key) {
            text.push(' ');
            text.push_str(word);
        }
        text
    }
}
