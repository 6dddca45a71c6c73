//! URIs and name-addresses as they stand in headers (RFC 3261, 19.1 and 20.10; RFC 3966).
//!
//! Our own parser: carriers send `tel:` URIs, `;phone-context` inside the user part, IPv6
//! with port and display names in any encoding. Parameters are kept in order and raw.

mod compare;

use std::{fmt, net::Ipv6Addr};

pub(crate) use self::compare::decoded;
use crate::msg::text;

/// A SIP or tel URI; others are kept as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uri {
    /// `sip`, `sips`, `tel` or another scheme, lower case.
    pub scheme: String,
    /// User part, with its own parameters; empty when there is none.
    pub user: String,
    /// Host without brackets; for `tel` empty.
    pub host: String,
    /// Port.
    pub port: Option<u16>,
    /// Parameters and headers as they came, from the first `;` or `?` on.
    pub tail: String,
}

/// A URI that still stands in its header.
pub(crate) struct Parts<'a> {
    pub(crate) scheme: &'a str,
    pub(crate) user: &'a str,
    pub(crate) host: &'a str,
    pub(crate) port: Option<u16>,
    pub(crate) tail: &'a str,
}

impl<'a> Parts<'a> {
    pub(crate) fn read(uri: &'a str) -> Option<Self> {
        let (scheme, rest) = uri.trim().split_once(':')?;
        let named = scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
        if scheme.is_empty() || !named || rest.bytes().any(|b| b <= b' ' || b"<>\"\x7f".contains(&b)) {
            return None;
        }
        if !scheme.eq_ignore_ascii_case("sip") && !scheme.eq_ignore_ascii_case("sips") {
            let (user, tail) = rest.split_at(rest.find(';').unwrap_or(rest.len()));
            let speaks = !user.is_empty();
            return speaks.then_some(Self { scheme, user, host: "", port: None, tail });
        }
        // The user part may hold `;` and `?`, but no second @ (RFC 3261, 25.1).
        let (user, place) = rest.split_once('@').unwrap_or(("", rest));
        let (place, tail) = place.split_at(place.find([';', '?']).unwrap_or(place.len()));
        let (host, port) = host_and_port(place)?;
        let whole = rest.len() > place.len() + tail.len();
        if (whole && user.is_empty()) || tail.split_once('?').map_or(tail, |(params, _)| params).contains('@') {
            return None;
        }
        Some(Self { scheme, user, host, port, tail })
    }
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`, with white space around the colon.
pub(crate) fn host_and_port(place: &str) -> Option<(&str, Option<u16>)> {
    let (host, rest) = if let Some(v6) = place.strip_prefix('[') {
        let (host, rest) = v6.split_once(']')?;
        host.split('%').next()?.parse::<Ipv6Addr>().ok()?;
        (host, rest)
    } else {
        let (host, rest) = place.split_at(place.find(':').unwrap_or(place.len()));
        let host = host.trim_end();
        if host.is_empty() || !host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b)) {
            return None;
        }
        (host, rest)
    };
    match rest.trim() {
        "" => Some((host, None)),
        port => Some((host, Some(text::digits(port.strip_prefix(':')?.trim())?))),
    }
}

impl Uri {
    /// A `sip:` URI.
    pub fn sip(user: &str, host: &str, port: Option<u16>) -> Self {
        Self { scheme: "sip".into(), user: user.into(), host: host.into(), port, tail: String::new() }
    }

    /// Reads a URI; none when it has no scheme or an impossible host.
    pub fn parse(text: &str) -> Option<Self> {
        let parts = Parts::read(text)?;
        Some(Self {
            scheme: parts.scheme.to_ascii_lowercase(),
            user: parts.user.to_owned(),
            host: parts.host.to_owned(),
            port: parts.port,
            tail: parts.tail.to_owned(),
        })
    }

    /// Value of a parameter; an empty text when it has none.
    pub fn param(&self, name: &str) -> Option<&str> {
        text::param(self.params(), name)
    }

    /// Value of a header of the URI, as escaped as it came (RFC 3261, 19.1.1).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(key, _)| decoded(key).eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Takes the headers off: they are for the request that is made of the URI, and do not
    /// stand in its Request-URI (RFC 3261, 19.1.5).
    pub fn drop_headers(&mut self) {
        self.tail.truncate(self.params().len());
    }

    /// The name in the user part, escapes taken out, without password and without the
    /// parameters that telephone numbers bring along (RFC 3261, 19.1.6).
    pub fn name(&self) -> String {
        decoded(self.user.split([';', ':']).next().unwrap_or_default())
    }

    fn params(&self) -> &str {
        self.tail.split('?').next().unwrap_or_default()
    }

    fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let headers = self.tail.split_once('?').map_or("", |(_, headers)| headers);
        headers.split('&').filter(|part| !part.is_empty()).map(|part| part.split_once('=').unwrap_or((part, "")))
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.scheme, self.user)?;
        if self.host.is_empty() {
            return f.write_str(&self.tail);
        }
        if !self.user.is_empty() {
            f.write_str("@")?;
        }
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(&self.tail)
    }
}

/// A name-address: From, To, Contact, Route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameAddr {
    /// Display name without quotes and escapes; empty where there is none.
    pub display: String,
    /// The URI.
    pub uri: Uri,
    /// Header parameters from the first `;` on.
    pub tail: String,
}

/// Display name as written, URI, and header parameters.
fn name_addr(value: &str) -> Option<(&str, &str, &str)> {
    let value = value.trim();
    // A quoted display name may hold anything, also `<` and `;`.
    let name_end = if value.starts_with('"') { text::quoted_end(value)? } else { 0 };
    let (quoted, rest) = value.split_at(name_end);
    let open = rest.find('<').filter(|open| !rest[..*open].contains([';', ':', '"']));
    if let Some(open) = open {
        let close = open + rest[open..].find('>')?;
        let name = if quoted.is_empty() { rest[..open].trim() } else { quoted };
        let tail = rest[close + 1..].trim();
        // After a quoted name come the brackets, and behind them parameters, if anything.
        let fits = quoted.is_empty() || rest[..open].trim().is_empty();
        return (fits && (tail.is_empty() || tail.starts_with(';'))).then_some((name, &rest[open + 1..close], tail));
    }
    // Without brackets every parameter belongs to the header, and the URI can hold neither
    // comma nor question mark (RFC 3261, 20.10).
    let (uri, tail) = rest.split_at(rest.find(';').unwrap_or(rest.len()));
    (quoted.is_empty() && !uri.contains([',', '?'])).then_some(("", uri.trim(), tail))
}

/// Whether a name-address can be read.
pub(crate) fn is_name_addr(value: &str) -> bool {
    name_addr(value).is_some_and(|(_, uri, _)| Parts::read(uri).is_some())
}

/// The same, and each of its parameters has a name.
pub(crate) fn is_strict_name_addr(value: &str) -> bool {
    is_name_addr(value) && name_addr(value).is_some_and(|(_, _, tail)| text::params_are_named(tail))
}

/// The tag of a From or To.
pub(crate) fn tag_of(value: &str) -> Option<&str> {
    text::param(name_addr(value)?.2, "tag").filter(|tag| !tag.is_empty())
}

impl NameAddr {
    /// Reads one name-address.
    pub fn parse(value: &str) -> Option<Self> {
        let (display, uri, tail) = name_addr(value)?;
        Some(Self { display: text::unquoted(display), uri: Uri::parse(uri)?, tail: tail.to_owned() })
    }

    /// Value of a header parameter; an empty text when it has none.
    pub fn param(&self, name: &str) -> Option<&str> {
        text::param(&self.tail, name)
    }

    /// The tag.
    pub fn tag(&self) -> Option<&str> {
        self.param("tag").filter(|tag| !tag.is_empty())
    }
}

impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.display.is_empty() {
            write!(f, "\"{}\" ", self.display.replace('\\', "\\\\").replace('"', "\\\""))?;
        }
        write!(f, "<{}>{}", self.uri, self.tail)
    }
}

/// Value of a `;name=value` parameter, quotes removed.
pub(crate) fn param<'a>(tail: &'a str, name: &str) -> Option<&'a str> {
    text::param(tail, name)
}
