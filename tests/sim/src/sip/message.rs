//! SIP messages as bytes: a small reader and writer of RFC 3261, section 7.
//!
//! Written for this carrier alone, so that it can judge the product's signalling
//! independently. It knows compact names and folded lines, keeps unknown headers and
//! bounds everything it reads.

use std::fmt::Write as _;
use std::net::SocketAddr;

const MAX_MESSAGE: usize = 65_535;
const MAX_HEADERS: usize = 256;

/// What is wrong with a datagram.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Malformed {
    #[error("the message is larger than {MAX_MESSAGE} bytes or empty")]
    Size,
    #[error("the start line is neither a request nor a status line")]
    StartLine,
    #[error("a header line has no colon, or there are more than {MAX_HEADERS}")]
    Header,
    #[error("Content-Length does not fit the datagram")]
    ContentLength,
}

/// Header fields in the order of the message, names as in RFC 3261 (compact forms expanded).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Headers(Vec<(String, String)>);

impl Headers {
    pub(crate) fn push(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.to_owned(), value.into()));
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// All values of a header that may be joined by commas, one by one.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        self.all(name).flat_map(split_list).collect()
    }
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) uri: String,
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
}

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) reason: String,
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
}

/// Either of the two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Message {
    Request(Request),
    Response(Response),
}

impl Request {
    /// Number and method of `CSeq`.
    pub(crate) fn cseq(&self) -> Option<(u32, &str)> {
        let (number, method) = self.headers.get("CSeq")?.split_once(char::is_whitespace)?;
        let number: u32 = number.parse().ok().filter(|n| *n < 1 << 31)?;
        Some((number, method.trim()))
    }

    /// Writes the request with a right Content-Length.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        print(&format!("{} {} SIP/2.0", self.method, self.uri), &self.headers, &self.body)
    }
}

impl Response {
    /// The response with our Contact and an SDP body.
    pub(crate) fn with_sdp(mut self, local: SocketAddr, body: Vec<u8>) -> Self {
        self.headers.push("Contact", format!("<sip:{local}>"));
        self.headers.push("Content-Type", "application/sdp");
        self.body = body;
        self
    }

    /// Writes the response with a right Content-Length.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        print(&format!("SIP/2.0 {} {}", self.status, self.reason), &self.headers, &self.body)
    }
}

fn print(start: &str, headers: &Headers, body: &[u8]) -> Vec<u8> {
    let mut head = format!("{start}\r\n");
    for (name, value) in &headers.0 {
        // Writing into a String cannot fail.
        let _ = write!(head, "{name}: {value}\r\n");
    }
    let _ = write!(head, "Content-Length: {}\r\n\r\n", body.len());
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// Reads one datagram.
pub(crate) fn parse(bytes: &[u8]) -> Result<Message, Malformed> {
    if bytes.is_empty() || bytes.len() > MAX_MESSAGE {
        return Err(Malformed::Size);
    }
    let (head, body) = match bytes.windows(4).position(|w| w == b"\r\n\r\n") {
        Some(at) => (&bytes[..at], &bytes[at + 4..]),
        None => (bytes, &[][..]),
    };
    let head = String::from_utf8_lossy(head);
    let mut lines = head.split("\r\n");
    let start = lines.next().unwrap_or_default();
    let mut headers = Headers::default();
    for line in lines {
        if line.starts_with([' ', '\t']) {
            let (_, value) = headers.0.last_mut().ok_or(Malformed::Header)?;
            value.push(' ');
            value.push_str(line.trim());
            continue;
        }
        if line.is_empty() {
            continue;
        }
        let (name, value) = line.split_once(':').ok_or(Malformed::Header)?;
        if headers.0.len() == MAX_HEADERS {
            return Err(Malformed::Header);
        }
        headers.push(long_name(name.trim()), value.trim());
    }
    let body = match headers.get("Content-Length") {
        None => body,
        Some(text) => {
            let length: usize = text.parse().map_err(|_| Malformed::ContentLength)?;
            body.get(..length).ok_or(Malformed::ContentLength)?
        }
    };
    headers.0.retain(|(name, _)| !name.eq_ignore_ascii_case("Content-Length"));
    start_line(start, headers, body.to_vec())
}

fn start_line(start: &str, headers: Headers, body: Vec<u8>) -> Result<Message, Malformed> {
    let mut words = start.splitn(3, ' ');
    let (Some(first), Some(second), third) = (words.next(), words.next(), words.next()) else {
        return Err(Malformed::StartLine);
    };
    if first == "SIP/2.0" {
        let status = second.parse().ok().filter(|s| (100..700).contains(s)).ok_or(Malformed::StartLine)?;
        let reason = third.unwrap_or_default().to_owned();
        return Ok(Message::Response(Response { status, reason, headers, body }));
    }
    let token = !first.is_empty() && first.bytes().all(|b| b.is_ascii_graphic());
    if !token || second.is_empty() || third != Some("SIP/2.0") {
        return Err(Malformed::StartLine);
    }
    Ok(Message::Request(Request { method: first.to_owned(), uri: second.to_owned(), headers, body }))
}

fn long_name(name: &str) -> &str {
    match name.to_ascii_lowercase().as_str() {
        "v" => "Via",
        "f" => "From",
        "t" => "To",
        "i" => "Call-ID",
        "m" => "Contact",
        "l" => "Content-Length",
        "c" => "Content-Type",
        "k" => "Supported",
        "s" => "Subject",
        "e" => "Content-Encoding",
        _ => name,
    }
}

/// Splits at commas that stand outside quotes and angle brackets.
pub(crate) fn split_list(value: &str) -> Vec<String> {
    let (mut parts, mut current) = (Vec::new(), String::new());
    let (mut quoted, mut escaped, mut depth) = (false, false, 0_u32);
    for c in value.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' if !quoted => depth += 1,
            '>' if !quoted => depth = depth.saturating_sub(1),
            ',' if !quoted && depth == 0 => {
                parts.push(current.trim().to_owned());
                current.clear();
                continue;
            }
            _ => {}
        }
        current.push(c);
    }
    parts.push(current.trim().to_owned());
    parts.retain(|part| !part.is_empty());
    parts
}

/// The URI of a name-addr or addr-spec and the header parameters behind it.
pub(crate) fn name_addr(value: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    let mut escaped = false;
    for (at, c) in value.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' if !quoted => {
                let rest = &value[at + 1..];
                let end = rest.find('>')?;
                return Some((&rest[..end], &rest[end + 1..]));
            }
            _ => {}
        }
    }
    // Without brackets everything behind the first semicolon belongs to the header.
    let end = value.find(';').unwrap_or(value.len());
    Some((value[..end].trim(), &value[end..]))
}

/// A parameter of `;a=b;c` text; a parameter without value is the empty string.
pub(crate) fn parameter<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split(';').skip(1).find_map(|part| {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// The tag of a From or To value.
pub(crate) fn tag(value: &str) -> Option<&str> {
    let (_, parameters) = name_addr(value)?;
    parameter(parameters, "tag").filter(|t| !t.is_empty())
}

/// The user part of a `sip:`, `sips:` or `tel:` URI, without its parameters.
pub(crate) fn user(uri: &str) -> Option<&str> {
    let (scheme, rest) = uri.split_once(':')?;
    let user = match scheme.to_ascii_lowercase().as_str() {
        "tel" => rest,
        "sip" | "sips" => rest.split_once('@')?.0,
        _ => return None,
    };
    user.split([';', ':']).next().filter(|u| !u.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_names_and_folded_lines_are_read() {
        let text = "OPTIONS sip:a@b SIP/2.0\r\nv: SIP/2.0/UDP h;branch=z9\r\nf: <sip:x@y>;tag=1\r\nSubject: one\r\n two\r\nl: 2\r\n\r\nokrest";
        let Message::Request(request) = parse(text.as_bytes()).unwrap() else { panic!() };
        assert_eq!(request.headers.get("Via"), Some("SIP/2.0/UDP h;branch=z9"));
        assert_eq!(request.headers.get("Subject"), Some("one two"));
        assert_eq!(request.body, b"ok");
        assert_eq!(tag(request.headers.get("From").unwrap()), Some("1"));
    }

    #[test]
    fn nonsense_is_refused_and_never_panics() {
        let cases: [&[u8]; 6] = [
            b"",
            b"\r\n\r\n",
            b"INVITE",
            b"INVITE sip:a SIP/2.0\r\n folded first\r\n\r\n",
            b"SIP/2.0 abc\r\n\r\n",
            b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 9\r\n\r\nx",
        ];
        for bytes in cases {
            assert!(parse(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn lists_and_addresses_mind_quotes() {
        assert_eq!(split_list("\"a, b\" <sip:x,y@h>;q=1, <sip:z@h>").len(), 2);
        let (uri, rest) = name_addr("\"<no>\" <sip:u@h;transport=udp>;tag=7").unwrap();
        assert_eq!((uri, parameter(rest, "tag")), ("sip:u@h;transport=udp", Some("7")));
        assert_eq!(user("tel:+8613800000001;phone-context=x"), Some("+8613800000001"));
        assert_eq!(user("sip:029@h"), Some("029"));
    }
}
