//! Reading (RFC 8866).

use std::net::IpAddr;

use super::{Direction, Refusal};
use crate::msg::text::digits;

/// Longest description, in bytes.
const LONGEST: usize = 16 * 1024;
/// Most media streams.
const STREAMS: usize = 16;
/// Most formats of one stream.
const FORMATS: usize = 64;
/// Most attributes of one stream.
const ATTRIBUTES: usize = 256;
/// Most times.
const TIMES: usize = 8;

/// A description, still standing in its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session<'a> {
    /// The origin without `o=`; empty where there is none.
    pub origin: &'a str,
    /// The times without `t=`.
    pub times: Vec<&'a str>,
    /// The streams, in order.
    pub media: Vec<Media<'a>>,
}

/// One stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media<'a> {
    /// `audio`, `video`, `image` …
    pub kind: &'a str,
    /// Port; 0 where the stream is declined.
    pub port: u16,
    /// `RTP/AVP`, `udptl` …
    pub protocol: &'a str,
    /// Formats as written, at least one.
    pub formats: Vec<&'a str>,
    /// Its address, or that of the session; none where it is missing or a name.
    pub address: Option<IpAddr>,
    /// Its direction, or that of the session.
    pub direction: Direction,
    /// Attributes without `a=`.
    pub attributes: Vec<&'a str>,
}

impl<'a> Session<'a> {
    /// Reads a description.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn parse(text: &'a str) -> Result<Self, Refusal> {
        if text.len() > LONGEST || !text.starts_with("v=0") {
            return Err(Refusal::Malformed);
        }
        let mut session = Self { origin: "", times: Vec::new(), media: Vec::new() };
        let (mut address, mut direction) = (None, Direction::SendRecv);
        for line in text.lines() {
            let Some((kind, value)) = line.trim_ascii_end().split_once('=') else { continue };
            let stream = session.media.last_mut();
            match (kind, stream) {
                ("m", _) => {
                    if session.media.len() >= STREAMS {
                        return Err(Refusal::Malformed);
                    }
                    session.media.push(Media::parse(value, address, direction).ok_or(Refusal::Malformed)?);
                }
                ("o", None) => session.origin = value,
                ("t", None) if session.times.len() < TIMES => session.times.push(value),
                ("c", Some(media)) => media.address = connection(value),
                ("c", None) => address = connection(value),
                ("a", Some(media)) => match Direction::parse(value) {
                    Some(direction) => media.direction = direction,
                    None if media.attributes.len() < ATTRIBUTES => media.attributes.push(value),
                    None => return Err(Refusal::Malformed),
                },
                ("a", None) => direction = Direction::parse(value).unwrap_or(direction),
                _ => {}
            }
        }
        Ok(session)
    }

    /// The first stream of sound that is live.
    pub fn audio(&self) -> Option<&Media<'a>> {
        self.media.iter().find(|media| media.is_live() && media.kind.eq_ignore_ascii_case("audio"))
    }
}

impl<'a> Media<'a> {
    fn parse(line: &'a str, address: Option<IpAddr>, direction: Direction) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let kind = words.next()?;
        let port = digits(words.next()?.split('/').next()?)?;
        let protocol = words.next()?;
        let formats: Vec<&str> = words.take(FORMATS).collect();
        let whole = !formats.is_empty();
        whole.then_some(Self { kind, port, protocol, formats, address, direction, attributes: Vec::new() })
    }

    /// Whether the stream is neither declined nor given up.
    pub fn is_live(&self) -> bool {
        self.port != 0
    }

    /// Which way sound flows. An address of zeros is the hold of RFC 2543: its writer cannot
    /// receive (RFC 3264, 8.4; RFC 6337, 5.3).
    pub fn flow(&self) -> Direction {
        let nowhere = self.address.is_some_and(|address| address.is_unspecified());
        Direction::of(self.direction.sends(), self.direction.receives() && !nowhere)
    }

    /// Value of the first attribute of this name.
    pub fn attribute(&self, name: &str) -> Option<&'a str> {
        self.attributes.iter().find_map(|one| one.strip_prefix(name)?.strip_prefix(':'))
    }

    /// Encoding of a payload type, `PCMA/8000`; that of table 4 of RFC 3551 where nothing is
    /// said.
    pub fn encoding(&self, format: &str) -> Option<&'a str> {
        let said = self.attributes.iter().filter_map(|one| one.strip_prefix("rtpmap:")).find_map(|map| {
            let (payload, encoding) = map.split_once([' ', '\t'])?;
            (payload == format).then(|| encoding.trim())
        });
        said.or(match format {
            "0" => Some("PCMU/8000"),
            "8" => Some("PCMA/8000"),
            _ => None,
        })
    }
}

/// `IN IP4 192.0.2.1/127`.
fn connection(value: &str) -> Option<IpAddr> {
    let mut words = value.split_ascii_whitespace().skip(2);
    words.next()?.split('/').next()?.parse().ok()
}
