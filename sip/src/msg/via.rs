//! Via (RFC 3261, 20.42; RFC 3581).

use super::{Headers, text};

/// One Via, as it stands in the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Via<'a> {
    /// `UDP`, `TCP`, `TLS`, `WS`, `WSS` or another word, as written.
    pub transport: &'a str,
    /// Host of sent-by, IPv6 without brackets.
    pub host: &'a str,
    /// Port of sent-by.
    pub port: Option<u16>,
    /// Parameters from the first `;` on.
    pub tail: &'a str,
}

impl<'a> Via<'a> {
    /// Reads one Via; white space may stand around each of its signs.
    pub fn parse(value: &'a str) -> Option<Self> {
        let (protocol, rest) = value.split_once('/')?;
        let (version, rest) = rest.split_once('/')?;
        let version = version.trim();
        if !protocol.trim().eq_ignore_ascii_case("SIP") || version.is_empty() || version.contains([' ', ';', ',']) {
            return None;
        }
        let rest = rest.trim_start();
        let (transport, rest) = rest.split_at(rest.find([' ', '\t'])?);
        if transport.is_empty() || !transport.bytes().all(text::is_token) {
            return None;
        }
        let rest = rest.trim_start();
        let (place, tail) = rest.split_at(rest.find(';').unwrap_or(rest.len()));
        let (host, port) = crate::uri::host_and_port(place.trim())?;
        Some(Self { transport, host, port, tail })
    }

    /// The first of a message.
    pub fn top(headers: &'a Headers) -> Option<Self> {
        headers.list("Via").next().and_then(Self::parse)
    }

    /// Value of a parameter; an empty text where it has none.
    pub fn param(&self, name: &str) -> Option<&'a str> {
        text::param(self.tail, name)
    }

    /// The branch; none where it is missing or empty.
    pub fn branch(&self) -> Option<&'a str> {
        self.param("branch").filter(|branch| !branch.is_empty())
    }

    /// The address that the next hop saw.
    pub fn received(&self) -> Option<&'a str> {
        self.param("received").filter(|address| !address.is_empty())
    }

    /// `rport`: asked for is `Some(None)`, filled in is `Some(Some(port))` (RFC 3581).
    pub fn rport(&self) -> Option<Option<u16>> {
        self.param("rport").map(text::digits)
    }
}
