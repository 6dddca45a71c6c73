//! URIs and name-addresses as they stand in headers (RFC 3261, 19.1 and 20.10; RFC 3966).
//!
//! Our own parser: carriers send `tel:` URIs, `;phone-context` inside the user part, IPv6
//! with port and display names in any encoding. Parameters are kept in order and raw.

use std::fmt;

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

impl Uri {
    /// A `sip:` URI.
    pub fn sip(user: &str, host: &str, port: Option<u16>) -> Self {
        Self { scheme: "sip".into(), user: user.into(), host: host.into(), port, tail: String::new() }
    }

    /// Reads a URI; none when it has no scheme or an impossible host.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.trim().split_once(':')?;
        if scheme.is_empty() || !scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)) {
            return None;
        }
        let scheme = scheme.to_ascii_lowercase();
        if scheme != "sip" && scheme != "sips" {
            let (user, tail) = rest.split_at(rest.find(';').unwrap_or(rest.len()));
            return Some(Self { scheme, user: user.into(), host: String::new(), port: None, tail: tail.into() });
        }
        // The user part may hold `;` and `?`: the last @ before the host decides.
        let (user, place) = match rest.rfind('@') {
            Some(at) => (&rest[..at], &rest[at + 1..]),
            None => ("", rest),
        };
        let (host, after) = if let Some(v6) = place.strip_prefix('[') {
            let end = v6.find(']')?;
            (&v6[..end], &v6[end + 1..])
        } else {
            let end = place.find([':', ';', '?']).unwrap_or(place.len());
            (&place[..end], &place[end..])
        };
        if host.is_empty() || !host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_:%".contains(&b)) {
            return None;
        }
        let (port, tail) = match after.strip_prefix(':') {
            Some(text) => {
                let end = text.find([';', '?']).unwrap_or(text.len());
                (Some(text[..end].parse().ok()?), &text[end..])
            }
            None => (None, after),
        };
        Some(Self { scheme, user: user.into(), host: host.into(), port, tail: tail.into() })
    }

    /// Value of a parameter; an empty text when it has none.
    pub fn param(&self, name: &str) -> Option<&str> {
        param(self.tail.split('?').next().unwrap_or_default(), name)
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
    /// The URI.
    pub uri: Uri,
    /// Header parameters from the first `;` on.
    pub tail: String,
}

impl NameAddr {
    /// Reads one name-address.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        // A quoted display name may hold anything, also `<` and `;`.
        let after_name = match text.strip_prefix('"') {
            Some(quoted) => {
                let mut escaped = false;
                let end = quoted.char_indices().find_map(|(at, c)| match c {
                    _ if escaped => {
                        escaped = false;
                        None
                    }
                    '\\' => {
                        escaped = true;
                        None
                    }
                    '"' => Some(at + 1),
                    _ => None,
                })?;
                &quoted[end..]
            }
            None => text,
        };
        if let Some(open) = after_name.find('<') {
            let close = open + after_name[open..].find('>')?;
            let uri = Uri::parse(&after_name[open + 1..close])?;
            return Some(Self { uri, tail: after_name[close + 1..].trim().to_owned() });
        }
        // Without brackets every parameter belongs to the header (RFC 3261, 20.10).
        let (uri, tail) = after_name.split_at(after_name.find(';').unwrap_or(after_name.len()));
        Some(Self { uri: Uri::parse(uri)?, tail: tail.to_owned() })
    }

    /// The tag.
    pub fn tag(&self) -> Option<&str> {
        param(&self.tail, "tag").filter(|tag| !tag.is_empty())
    }
}

/// Value of a `;name=value` parameter, quotes removed.
pub(crate) fn param<'a>(tail: &'a str, name: &str) -> Option<&'a str> {
    tail.split(';').skip(1).find_map(|part| {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
    })
}
