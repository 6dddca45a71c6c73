//! The little of SDP (RFC 8866, RFC 3264) that a G.711 call needs.

use std::{
    fmt::Write as _,
    net::{IpAddr, SocketAddr},
};

use crate::Law;

/// Payload type under which we offer telephone-event (RFC 4733) to the carrier.
const OUR_EVENTS: u8 = 101;
/// Longest session description that is read.
const LONGEST: usize = 16 * 1024;
/// Streams of an offer that are answered, at most, and formats of each that are looked at.
const STREAMS: usize = 16;
const FORMATS: usize = 64;

/// Why a session description cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SdpError {
    /// No audio stream, or it was refused.
    #[error("the session description has no audio stream")]
    NoAudio,
    /// No address to send to.
    #[error("the session description has no usable address")]
    NoAddress,
    /// Neither PCMA nor PCMU.
    #[error("the session description offers neither PCMA nor PCMU")]
    NoCommonCodec,
    /// Longer than anything honest.
    #[error("the session description is longer than {LONGEST} bytes")]
    TooLong,
    /// The WebRTC stack refused it.
    #[error("the browser's session description was refused: {0}")]
    Refused(String),
}

/// Where and how the carrier wants to be sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remote {
    /// RTP address.
    pub address: SocketAddr,
    /// Law to send.
    pub law: Law,
    /// Payload type of telephone-event/8000, when it takes it.
    pub events: Option<u8>,
    /// It wants to hear us (`sendrecv` or `recvonly` from our side's view).
    pub listens: bool,
    /// It may send us sound.
    pub talks: bool,
}

/// Our offer to the carrier.
pub fn offer(id: u64, address: SocketAddr, first: Law) -> String {
    let (family, ip, port) = (if address.is_ipv4() { "IP4" } else { "IP6" }, address.ip(), address.port());
    let order = match first {
        Law::Pcma => "8 0",
        Law::Pcmu => "0 8",
    };
    let mut text = format!("v=0\r\no=- {id} 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n");
    let _ = write!(
        text,
        "m=audio {port} RTP/AVP {order} {OUR_EVENTS}\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
         a=rtpmap:{OUR_EVENTS} telephone-event/8000\r\na=fmtp:{OUR_EVENTS} 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    );
    text
}

/// Our answer to an offer of the carrier: its first stream of sound that we can take, with its
/// first law that we speak, its payload type for keys, and the direction that follows from its
/// own. Every other stream is refused (RFC 3264, section 6).
pub fn answer(id: u64, address: SocketAddr, offer: &str) -> Result<(Remote, String), SdpError> {
    let streams = Stream::all(offer)?;
    let (taken, remote) = take(&streams, Some(address.ip()))?;
    let (family, ip, port) = (if address.is_ipv4() { "IP4" } else { "IP6" }, address.ip(), address.port());
    let mut text = format!("v=0\r\no=- {id} 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n");
    for (at, Stream { kind, profile, formats, .. }) in streams.iter().enumerate() {
        if at != taken {
            let _ = write!(text, "m={kind} 0 {profile} {}\r\n", formats.first().copied().unwrap_or("0"));
            continue;
        }
        let law = remote.law.payload_type();
        let name = if remote.law == Law::Pcma { "PCMA" } else { "PCMU" };
        let _ = write!(text, "m={kind} {port} {profile} {law}");
        if let Some(events) = remote.events {
            let _ = write!(text, " {events}");
        }
        let _ = write!(text, "\r\na=rtpmap:{law} {name}/8000\r\n");
        if let Some(events) = remote.events {
            let _ = write!(text, "a=rtpmap:{events} telephone-event/8000\r\na=fmtp:{events} 0-15\r\n");
        }
        let _ = write!(text, "a=ptime:20\r\na={}\r\n", remote.answered());
    }
    Ok((remote, text))
}

/// One `m=` line and what belongs to it.
struct Stream<'a> {
    kind: &'a str,
    /// 0: it was refused, or the line cannot be read.
    port: u16,
    profile: &'a str,
    formats: Vec<&'a str>,
    ip: Option<IpAddr>,
    direction: &'a str,
    maps: Vec<(u8, &'a str)>,
}

impl<'a> Stream<'a> {
    fn all(sdp: &'a str) -> Result<Vec<Self>, SdpError> {
        if sdp.len() > LONGEST {
            return Err(SdpError::TooLong);
        }
        let mut streams: Vec<Self> = Vec::new();
        let (mut session_ip, mut session_direction) = (None, "sendrecv");
        for line in sdp.lines() {
            let Some((kind, value)) = line.trim_end().split_once('=') else { continue };
            if kind == "m" {
                // One stream of the answer for each of the offer, or it is none.
                if streams.len() >= STREAMS {
                    return Err(SdpError::NoAudio);
                }
                streams.push(Self::new(value, session_ip, session_direction));
                continue;
            }
            let directs = matches!(value, "sendrecv" | "sendonly" | "recvonly" | "inactive");
            match (kind, streams.last_mut()) {
                ("c", Some(stream)) => stream.ip = connection(value),
                ("c", None) => session_ip = connection(value),
                ("a", Some(stream)) if directs => stream.direction = value,
                ("a", None) if directs => session_direction = value,
                ("a", Some(stream)) => stream.maps.extend(rtpmap(value)),
                _ => {}
            }
        }
        Ok(streams)
    }

    fn new(line: &'a str, ip: Option<IpAddr>, direction: &'a str) -> Self {
        let mut words = line.split_ascii_whitespace();
        let kind = words.next().unwrap_or("audio");
        let port = words.next().and_then(|port| port.split('/').next()?.parse().ok()).unwrap_or(0);
        let profile = words.next().unwrap_or("RTP/AVP");
        Self { kind, port, profile, formats: words.take(FORMATS).collect(), ip, direction, maps: Vec::new() }
    }

    fn payloads(&self) -> impl Iterator<Item = u8> {
        self.formats.iter().filter_map(|format| format.parse().ok())
    }

    /// What a payload type stands for, where that is said.
    fn name(&self, payload: u8) -> Option<&'a str> {
        self.maps.iter().find(|(mapped, _)| *mapped == payload).map(|(_, name)| *name)
    }

    /// What can be sent there from `local`.
    fn remote(&self, local: Option<IpAddr>) -> Result<Remote, SdpError> {
        if !["RTP/AVP", "RTP/AVPF"].iter().any(|profile| self.profile.eq_ignore_ascii_case(profile)) {
            return Err(SdpError::NoAudio);
        }
        let ip = self.ip.ok_or(SdpError::NoAddress)?;
        // Who holds by zeros may name them in any family.
        if local.is_some_and(|local| local.is_ipv4() != ip.is_ipv4()) && !ip.is_unspecified() {
            return Err(SdpError::NoAddress);
        }
        let law = self.payloads().find_map(|payload| {
            let law = Law::of(payload)?;
            let number = match law {
                Law::Pcma => 0,
                Law::Pcmu => 1,
            };
            self.name(payload).is_none_or(|name| wanted(name) == Some(number)).then_some(law)
        });
        Ok(Remote {
            address: SocketAddr::new(ip, self.port),
            law: law.ok_or(SdpError::NoCommonCodec)?,
            events: self.payloads().find(|payload| self.name(*payload).is_some_and(|name| wanted(name) == Some(2))),
            listens: !ip.is_unspecified() && matches!(self.direction, "sendrecv" | "recvonly"),
            talks: matches!(self.direction, "sendrecv" | "sendonly"),
        })
    }
}

/// The first stream of sound that can be taken, and its place; else why the first that is live
/// cannot be. The signalling chooses in the same way (`tests/offers/table.txt`).
fn take(streams: &[Stream<'_>], local: Option<IpAddr>) -> Result<(usize, Remote), SdpError> {
    let mut why = None;
    for (at, stream) in streams.iter().enumerate() {
        if stream.port == 0 || !stream.kind.eq_ignore_ascii_case("audio") {
            continue;
        }
        match stream.remote(local) {
            Ok(remote) => return Ok((at, remote)),
            Err(error) => why = why.or(Some(error)),
        }
    }
    Err(why.unwrap_or(SdpError::NoAudio))
}

impl Remote {
    /// The direction of our answer.
    fn answered(&self) -> &'static str {
        match (self.listens, self.talks) {
            (true, true) => "sendrecv",
            (true, false) => "sendonly",
            (false, true) => "recvonly",
            (false, false) => "inactive",
        }
    }

    /// Reads the carrier's answer.
    pub fn parse(sdp: &str) -> Result<Self, SdpError> {
        take(&Stream::all(sdp)?, None).map(|(_, remote)| remote)
    }
}

fn connection(value: &str) -> Option<IpAddr> {
    let mut words = value.split_ascii_whitespace().skip(2);
    words.next()?.split('/').next()?.parse().ok()
}

fn rtpmap(value: &str) -> Option<(u8, &str)> {
    let (payload, name) = value.strip_prefix("rtpmap:")?.split_once([' ', '\t'])?;
    Some((payload.parse().ok()?, name.trim()))
}

/// The browser's offer with nothing but G.711 and telephone-event/8000 left in it, in this
/// order. A browser also offers telephone-event/48000, which the WebRTC stack would take
/// for the same.
pub fn only_telephone(sdp: &str) -> Result<String, SdpError> {
    if sdp.len() > LONGEST {
        return Err(SdpError::TooLong);
    }
    let mut kept: Vec<(u8, &str)> = sdp
        .lines()
        .filter_map(|line| rtpmap(line.trim_end().strip_prefix("a=")?))
        .filter(|(_, name)| wanted(name).is_some())
        .collect();
    kept.sort_by_key(|(_, name)| wanted(name));
    if !kept.iter().any(|(payload, _)| Law::of(*payload).is_some()) {
        return Err(SdpError::NoCommonCodec);
    }
    let mut out = String::with_capacity(sdp.len());
    for line in sdp.lines() {
        let line = line.trim_end();
        if let Some(rest) = line.strip_prefix("m=audio ") {
            let mut words = rest.split_ascii_whitespace();
            let (port, profile) = (words.next().unwrap_or("9"), words.next().unwrap_or("UDP/TLS/RTP/SAVPF"));
            let _ = write!(out, "m=audio {port} {profile}");
            for (payload, _) in &kept {
                let _ = write!(out, " {payload}");
            }
            out.push_str("\r\n");
            continue;
        }
        let about = ["a=rtpmap:", "a=fmtp:", "a=rtcp-fb:"].iter().find_map(|prefix| line.strip_prefix(prefix));
        let dropped = about
            .and_then(|rest| rest.split(' ').next()?.parse::<u8>().ok())
            .is_some_and(|payload| !kept.iter().any(|(kept, _)| *kept == payload));
        if !dropped {
            out.push_str(line);
            out.push_str("\r\n");
        }
    }
    Ok(out)
}

fn wanted(name: &str) -> Option<u8> {
    // One channel may be said or not (RFC 8866, section 6.6).
    let name = name.to_ascii_uppercase();
    match name.strip_suffix("/1").unwrap_or(&name) {
        "PCMA/8000" => Some(0),
        "PCMU/8000" => Some(1),
        "TELEPHONE-EVENT/8000" => Some(2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_gives_address_law_and_events() {
        let sdp = "v=0\r\no=x 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 97\r\n\
                   c=IN IP4 10.0.0.2\r\na=rtpmap:97 telephone-event/8000\r\na=sendrecv\r\n";
        let remote = Remote::parse(sdp).unwrap();
        assert_eq!(remote.address.to_string(), "10.0.0.2:4000");
        assert_eq!((remote.law, remote.events, remote.listens), (Law::Pcmu, Some(97), true));
    }

    #[test]
    fn answers_that_cannot_be_used_say_why() {
        let head = "v=0\r\nc=IN IP4 10.0.0.1\r\n";
        let case = |media: &str| Remote::parse(&format!("{head}{media}")).unwrap_err();
        assert_eq!(case(""), SdpError::NoAudio);
        assert_eq!(case("m=audio 0 RTP/AVP 8\r\n"), SdpError::NoAudio);
        assert_eq!(case("m=audio 4000 RTP/AVP 18\r\n"), SdpError::NoCommonCodec);
        assert_eq!(case("m=audio banana RTP/AVP 8\r\n"), SdpError::NoAudio);
        assert_eq!(Remote::parse("m=audio 4000 RTP/AVP 8\r\n").unwrap_err(), SdpError::NoAddress);
        assert_eq!(Remote::parse(&"a=x\r\n".repeat(9000)).unwrap_err(), SdpError::TooLong);
        assert!(!Remote::parse(&format!("{head}m=audio 4000 RTP/AVP 8\r\na=inactive\r\n")).unwrap().listens);
    }

    #[test]
    fn our_offer_can_be_read_by_ourselves() {
        let address = "192.0.2.7:20000".parse().unwrap();
        let remote = Remote::parse(&offer(1, address, Law::Pcmu)).unwrap();
        assert_eq!(remote, Remote { address, law: Law::Pcmu, events: Some(OUR_EVENTS), listens: true, talks: true });
    }

    #[test]
    fn an_offer_is_answered_with_its_own_first_law_and_every_other_stream_is_refused() {
        let address = "192.0.2.7:20000".parse().unwrap();
        let offer = "v=0\r\no=x 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n\
                     m=audio 4000 RTP/AVP 18 0 8 97\r\na=rtpmap:97 telephone-event/8000\r\na=sendonly\r\n\
                     m=video 4002 RTP/AVP 31\r\nm=image 4004 udptl t38\r\n";
        let (remote, answer) = answer(7, address, offer).unwrap();
        assert_eq!(
            (remote.address.to_string().as_str(), remote.law, remote.listens),
            ("10.0.0.1:4000", Law::Pcmu, false)
        );
        let streams: Vec<&str> = answer.lines().filter(|line| line.starts_with("m=")).collect();
        assert_eq!(streams, ["m=audio 20000 RTP/AVP 0 97", "m=video 0 RTP/AVP 31", "m=image 0 udptl t38"]);
        assert!(answer.contains("a=recvonly\r\n") && answer.contains("a=rtpmap:97 telephone-event/8000"), "{answer}");
        let ours = Remote::parse(&answer).unwrap();
        assert_eq!((ours.law, ours.events, ours.address), (Law::Pcmu, Some(97), address));
        let held = offer.replace("sendonly", "inactive");
        assert!(super::answer(7, address, &held).unwrap().1.contains("a=inactive\r\n"));
        assert_eq!(super::answer(7, address, "v=0\r\n"), Err(SdpError::NoAudio));
        let many = format!("{offer}{}", "m=video 1 RTP/AVP 31\r\n".repeat(STREAMS));
        assert_eq!(super::answer(7, address, &many), Err(SdpError::NoAudio), "bounded");
    }

    #[test]
    fn the_sound_takes_the_stream_that_the_signalling_takes() {
        let address = "192.0.2.7:20000".parse().unwrap();
        let table = include_str!("../../tests/offers/table.txt");
        let mut seen = 0;
        for case in table.split("\n== ").skip(1) {
            let (name, rest) = case.split_once('\n').unwrap();
            let (wanted, media) = rest.split_once('\n').unwrap();
            let head = "v=0\r\no=x 1 1 IN IP4 198.51.100.9\r\ns=-\r\nc=IN IP4 198.51.100.9\r\nt=0 0\r\n";
            let offer = format!("{head}{}\r\n", media.trim_end().replace('\n', "\r\n"));
            let got = answer(7, address, &offer).map_or_else(
                |_| "refused".to_owned(),
                |(remote, answer)| {
                    let streams: Vec<&str> = answer.lines().filter(|line| line.starts_with("m=")).collect();
                    assert_eq!(streams.len(), media.lines().filter(|line| line.starts_with("m=")).count(), "{name}");
                    let live: Vec<usize> =
                        (0..streams.len()).filter(|at| streams[*at].split(' ').nth(1) != Some("0")).collect();
                    assert_eq!(live.len(), 1, "{name}: {answer}");
                    let keys = remote.events.map_or_else(|| "-".to_owned(), |events| events.to_string());
                    format!("takes {} law {} keys {keys}", live[0], remote.law.payload_type())
                },
            );
            assert_eq!(got, wanted, "{name}");
            seen += 1;
        }
        assert!(seen > 15);
    }

    #[test]
    fn the_browsers_offer_keeps_only_what_a_telephone_speaks() {
        let sdp = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 0 8 110 126\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 nack\r\n\
                   a=fmtp:111 minptime=10\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000/1\r\n\
                   a=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\na=mid:0\r\n";
        let out = only_telephone(sdp).unwrap();
        assert!(out.contains("m=audio 9 UDP/TLS/RTP/SAVPF 8 0 126\r\n"), "{out}");
        assert!(!out.contains("111") && !out.contains("110") && out.contains("a=mid:0"), "{out}");
        assert_eq!(only_telephone("m=audio 9 X 111\r\na=rtpmap:111 opus/48000/2\r\n"), Err(SdpError::NoCommonCodec));
    }
}
