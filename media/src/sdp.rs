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
/// Streams of an offer that are answered, at most.
const STREAMS: usize = 8;

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

/// Our answer to an offer of the carrier: its first law that we speak, its payload type for
/// keys, and the direction that follows from its own. Every other stream is refused
/// (RFC 3264, section 6).
pub fn answer(id: u64, address: SocketAddr, offer: &str) -> Result<(Remote, String), SdpError> {
    let remote = Remote::parse(offer)?;
    let (family, ip, port) = (if address.is_ipv4() { "IP4" } else { "IP6" }, address.ip(), address.port());
    let mut text = format!("v=0\r\no=- {id} 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n");
    let (mut taken, mut streams) = (false, 0);
    for media in offer.lines().filter_map(|line| line.trim_end().strip_prefix("m=")).take(STREAMS) {
        streams += 1;
        let mut words = media.split_ascii_whitespace();
        let (kind, _, profile) = (words.next().unwrap_or("audio"), words.next(), words.next().unwrap_or("RTP/AVP"));
        if taken || kind != "audio" {
            let _ = write!(text, "m={kind} 0 {profile} {}\r\n", words.next().unwrap_or("0"));
            continue;
        }
        taken = true;
        let law = remote.law.payload_type();
        let name = if remote.law == Law::Pcma { "PCMA" } else { "PCMU" };
        let _ = write!(text, "m=audio {port} {profile} {law}");
        if let Some(events) = remote.events {
            let _ = write!(text, " {events}");
        }
        let _ = write!(text, "\r\na=rtpmap:{law} {name}/8000\r\n");
        if let Some(events) = remote.events {
            let _ = write!(text, "a=rtpmap:{events} telephone-event/8000\r\na=fmtp:{events} 0-15\r\n");
        }
        let _ = write!(text, "a=ptime:20\r\na={}\r\n", remote.answered());
    }
    // One stream of the answer for each of the offer, or it is none.
    if streams == 0 || offer.lines().filter(|line| line.starts_with("m=")).count() > STREAMS {
        return Err(SdpError::NoAudio);
    }
    Ok((remote, text))
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
        if sdp.len() > LONGEST {
            return Err(SdpError::TooLong);
        }
        let mut session_ip: Option<IpAddr> = None;
        let mut media: Option<(u16, Vec<u8>)> = None;
        let (mut media_ip, mut direction, mut in_audio) = (None, "sendrecv", false);
        let mut events = None;
        for line in sdp.lines() {
            let line = line.trim_end();
            let Some((kind, value)) = line.split_once('=') else { continue };
            match kind {
                "m" => {
                    in_audio = value.starts_with("audio ") && media.is_none();
                    if in_audio {
                        media = Some(audio_line(value).ok_or(SdpError::NoAudio)?);
                    }
                }
                "c" if in_audio => media_ip = connection(value),
                "c" if media.is_none() => session_ip = connection(value),
                "a" if in_audio || media.is_none() => match value {
                    "sendrecv" | "sendonly" | "recvonly" | "inactive" => direction = value,
                    _ => {
                        if let Some((payload, name)) = rtpmap(value)
                            && name.eq_ignore_ascii_case("telephone-event/8000")
                        {
                            events = Some(payload);
                        }
                    }
                },
                _ => {}
            }
        }
        let (port, payloads) = media.ok_or(SdpError::NoAudio)?;
        if port == 0 {
            return Err(SdpError::NoAudio);
        }
        let ip = media_ip.or(session_ip).ok_or(SdpError::NoAddress)?;
        let law = payloads.iter().find_map(|payload| Law::of(*payload)).ok_or(SdpError::NoCommonCodec)?;
        Ok(Self {
            address: SocketAddr::new(ip, port),
            law,
            events: events.filter(|payload| payloads.contains(payload)),
            listens: !ip.is_unspecified() && matches!(direction, "sendrecv" | "recvonly"),
            talks: matches!(direction, "sendrecv" | "sendonly"),
        })
    }
}

fn audio_line(value: &str) -> Option<(u16, Vec<u8>)> {
    let mut words = value.split_ascii_whitespace();
    words.next()?;
    let port = words.next()?.split('/').next()?.parse().ok()?;
    let profile = words.next()?;
    if !profile.starts_with("RTP/AVP") {
        return None;
    }
    Some((port, words.filter_map(|word| word.parse().ok()).take(64).collect()))
}

fn connection(value: &str) -> Option<IpAddr> {
    let mut words = value.split_ascii_whitespace().skip(2);
    words.next()?.split('/').next()?.parse().ok()
}

fn rtpmap(value: &str) -> Option<(u8, &str)> {
    let (payload, name) = value.strip_prefix("rtpmap:")?.split_once(' ')?;
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
