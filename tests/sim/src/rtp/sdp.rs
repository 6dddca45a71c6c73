//! As much SDP as one G.711 audio stream needs (RFC 4566, RFC 3264).

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use super::g711::Law;

/// What the caller offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offer {
    /// Where it wants its audio.
    pub(crate) target: SocketAddr,
    pub(crate) law: Law,
    /// Payload types it lists, in order.
    pub(crate) formats: Vec<u8>,
    /// Payload type of telephone-event/8000.
    pub(crate) events: Option<u8>,
    /// Direction attribute from the caller's point of view.
    pub(crate) direction: &'static str,
}

/// Why an offer cannot be taken.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Unusable {
    #[error("no usable audio line with an IP address")]
    NoAudio,
    #[error("neither PCMA nor PCMU is offered")]
    NoG711,
}

/// Reads an offer: the first audio line counts.
pub(crate) fn read(body: &[u8]) -> Result<Offer, Unusable> {
    let text = String::from_utf8_lossy(body);
    let (mut address, mut media_address, mut in_audio, mut after) = (None, None, false, false);
    let (mut port, mut formats, mut direction) = (0_u16, Vec::new(), "sendrecv");
    let mut names: Vec<(u8, String)> = Vec::new();
    for line in text.lines().map(str::trim_end) {
        let Some((kind, value)) = line.split_once('=') else {
            continue;
        };
        match kind {
            "c" if !after => {
                let parsed = value.split_whitespace().nth(2).and_then(|a| a.split('/').next()?.parse::<IpAddr>().ok());
                if in_audio {
                    media_address = parsed;
                } else {
                    address = parsed;
                }
            }
            "m" => {
                after = in_audio || after;
                in_audio = !after && value.starts_with("audio ");
                if in_audio {
                    let mut words = value.split_whitespace().skip(1);
                    port = words.next().and_then(|p| p.split('/').next()?.parse().ok()).unwrap_or(0);
                    if words.next() != Some("RTP/AVP") {
                        return Err(Unusable::NoAudio);
                    }
                    formats = words.filter_map(|f| f.parse::<u8>().ok()).take(64).collect();
                }
            }
            "a" if !after => match value {
                "sendonly" => direction = "sendonly",
                "recvonly" => direction = "recvonly",
                "inactive" => direction = "inactive",
                "sendrecv" => direction = "sendrecv",
                _ => names.extend(value.strip_prefix("rtpmap:").and_then(rtpmap)),
            },
            _ => {}
        }
    }
    let ip = media_address.or(address).ok_or(Unusable::NoAudio)?;
    if port == 0 {
        return Err(Unusable::NoAudio);
    }
    let law = formats.iter().find_map(|f| match f {
        8 => Some(Law::A),
        0 => Some(Law::Mu),
        _ => None,
    });
    let events = names.iter().find(|(_, n)| n.eq_ignore_ascii_case("telephone-event/8000")).map(|(t, _)| *t);
    let law = law.ok_or(Unusable::NoG711)?;
    Ok(Offer { target: SocketAddr::new(ip, port), law, formats, events, direction })
}

fn rtpmap(value: &str) -> Option<(u8, String)> {
    let (format, name) = value.split_once(' ')?;
    Some((format.parse().ok()?, name.trim().trim_end_matches("/1").to_owned()))
}

impl Offer {
    /// What is taken of it by who may not want to be told of keys.
    pub(crate) fn taken(self, events: bool) -> Self {
        Self { events: self.events.filter(|_| events), ..self }
    }

    /// What stands in for the other side's media until it says where that is.
    pub(crate) fn unknown(ip: IpAddr) -> Self {
        Self {
            target: SocketAddr::new(ip, 0),
            law: Law::A,
            formats: Vec::new(),
            events: Some(101),
            direction: "inactive",
        }
    }
}

/// What we speak where nothing else is wanted, in order.
pub(crate) const BOTH: [Law; 2] = [Law::A, Law::Mu];

/// Writes our own offer for media at `local`: these laws and keys; `version` rises with each.
pub(crate) fn offer(local: SocketAddr, session: u64, version: u32, laws: &[Law], direction: &str) -> Vec<u8> {
    let family = if local.is_ipv4() { "IP4" } else { "IP6" };
    let (ip, port) = (local.ip(), local.port());
    let (mut formats, mut names) = (String::new(), String::new());
    for law in laws {
        // Writing into a String cannot fail.
        let _ = write!(formats, " {}", law.payload_type());
        let _ = write!(names, "a=rtpmap:{} {}/8000\r\n", law.payload_type(), law.encoding_name());
    }
    format!(
        "v=0\r\no=- {session} {version} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP{formats} 101\r\n{names}\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na={direction}\r\n"
    )
    .into_bytes()
}

/// Writes an offer of fax over UDPTL in place of the sound (T.38, annex D).
pub(crate) fn fax_offer(local: SocketAddr, session: u64, version: u32) -> Vec<u8> {
    let family = if local.is_ipv4() { "IP4" } else { "IP6" };
    let (ip, port) = (local.ip(), local.port());
    format!(
        "v=0\r\no=- {session} {version} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n\
         m=audio 0 RTP/AVP 8\r\nm=image {port} udptl t38\r\na=T38FaxVersion:0\r\n\
         a=T38FaxRateManagement:transferredTCF\r\n"
    )
    .into_bytes()
}

/// Writes the answer to `offer` for media at `local`; `version` rises with each answer.
pub(crate) fn answer(offer: &Offer, local: SocketAddr, session: u64, version: u32) -> Vec<u8> {
    let family = if local.is_ipv4() { "IP4" } else { "IP6" };
    let (ip, port, format) = (local.ip(), local.port(), offer.law.payload_type());
    let mut text = format!("v=0\r\no=- {session} {version} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n");
    let events = offer.events.map(|t| format!(" {t}")).unwrap_or_default();
    // Writing into a String cannot fail.
    let _ = write!(text, "m=audio {port} RTP/AVP {format}{events}\r\n");
    let _ = write!(text, "a=rtpmap:{format} {}/8000\r\n", offer.law.encoding_name());
    if let Some(t) = offer.events {
        let _ = write!(text, "a=rtpmap:{t} telephone-event/8000\r\na=fmtp:{t} 0-15\r\n");
    }
    let direction = match offer.direction {
        "sendonly" => "recvonly",
        "recvonly" => "sendonly",
        other => other,
    };
    let _ = write!(text, "a=ptime:20\r\na={direction}\r\n");
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendonly\r\n";

    #[test]
    fn an_offer_is_answered_in_its_first_law_with_its_events() {
        let offer = read(OFFER.as_bytes()).unwrap();
        assert_eq!((offer.law, offer.events, offer.target.port()), (Law::Mu, Some(101), 4000));
        assert_eq!(offer.formats, [0, 8, 101]);
        let text = String::from_utf8(answer(&offer, "127.0.0.1:5000".parse().unwrap(), 1, 1)).unwrap();
        assert!(text.contains("m=audio 5000 RTP/AVP 0 101\r\n") && text.ends_with("a=recvonly\r\n"));
    }

    #[test]
    fn an_offer_without_g711_or_address_is_unusable() {
        assert_eq!(read(OFFER.replace("0 8 101", "111").as_bytes()), Err(Unusable::NoG711));
        assert_eq!(read(OFFER.replace("c=IN IP4 127.0.0.1", "c=IN IP4 host").as_bytes()), Err(Unusable::NoAudio));
        assert_eq!(read(b"\xff\xfe"), Err(Unusable::NoAudio));
    }
}
