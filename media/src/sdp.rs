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
    /// None of the laws of G.711 that may be spoken there.
    #[error("the session description has no law of G.711 that may be spoken there")]
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

/// Our offer: these laws in this order, and no other.
pub fn offer(id: u64, address: SocketAddr, laws: &[Law]) -> String {
    let (family, ip, port) = (if address.is_ipv4() { "IP4" } else { "IP6" }, address.ip(), address.port());
    let mut text = format!("v=0\r\no=- {id} 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n");
    let _ = write!(text, "m=audio {port} RTP/AVP");
    for law in laws {
        let _ = write!(text, " {}", law.payload_type());
    }
    let _ = write!(text, " {OUR_EVENTS}\r\n");
    for law in laws {
        let _ = write!(text, "a=rtpmap:{} {}/8000\r\n", law.payload_type(), law.name());
    }
    let _ = write!(
        text,
        "a=rtpmap:{OUR_EVENTS} telephone-event/8000\r\na=fmtp:{OUR_EVENTS} 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    );
    text
}

/// Our answer to an offer of the carrier: its first stream of sound that we can take, with the
/// first of these laws that it offers, its payload type for keys, and the direction that follows
/// from its own. Every other stream is refused (RFC 3264, section 6).
pub fn answer(id: u64, address: SocketAddr, offer: &str, laws: &[Law]) -> Result<(Remote, String), SdpError> {
    let streams = Stream::all(offer)?;
    let (taken, remote) = take(&streams, Some(address.ip()), Chooser::Us(laws))?;
    let (family, ip, port) = (if address.is_ipv4() { "IP4" } else { "IP6" }, address.ip(), address.port());
    let mut text = format!("v=0\r\no=- {id} 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n");
    for (at, Stream { kind, profile, formats, .. }) in streams.iter().enumerate() {
        if at != taken {
            let _ = write!(text, "m={kind} 0 {profile} {}\r\n", formats.first().copied().unwrap_or("0"));
            continue;
        }
        let (law, name) = (remote.law.payload_type(), remote.law.name());
        let _ = write!(text, "m={kind} {port} {profile} {law}");
        if let Some(events) = remote.events {
            let _ = write!(text, " {events}");
        }
        let _ = write!(text, "\r\na=rtpmap:{law} {name}/8000\r\n");
        if let Some(events) = remote.events {
            let _ = write!(text, "a=rtpmap:{events} telephone-event/8000\r\na=fmtp:{events} 0-15\r\n");
        }
        let _ = write!(text, "a=ptime:20\r\na={}\r\n", remote.direction());
    }
    Ok((remote, text))
}

/// Who chooses the law of a stream among those that may be spoken there.
#[derive(Clone, Copy)]
enum Chooser<'a> {
    /// We, of an offer: the first of ours that is in it.
    Us(&'a [Law]),
    /// The other end, by its answer: the first of its own that is among ours (RFC 3264,
    /// section 7).
    Them(&'a [Law]),
}

impl Chooser<'_> {
    fn choose(self, theirs: &[Law]) -> Option<Law> {
        match self {
            Self::Us(ours) => ours.iter().find(|law| theirs.contains(law)).copied(),
            Self::Them(ours) => theirs.iter().find(|law| ours.contains(law)).copied(),
        }
    }
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

    /// The laws under their own payload types, as they are listed.
    fn laws(&self) -> Vec<Law> {
        let law = |payload: u8| {
            let law = Law::of(payload)?;
            let number = match law {
                Law::Pcma => 0,
                Law::Pcmu => 1,
            };
            self.name(payload).is_none_or(|name| wanted(name) == Some(number)).then_some(law)
        };
        self.payloads().filter_map(law).collect()
    }

    /// What can be sent there from `local`.
    fn remote(&self, local: Option<IpAddr>, chooser: Chooser<'_>) -> Result<Remote, SdpError> {
        if !["RTP/AVP", "RTP/AVPF"].iter().any(|profile| self.profile.eq_ignore_ascii_case(profile)) {
            return Err(SdpError::NoAudio);
        }
        let ip = self.ip.ok_or(SdpError::NoAddress)?;
        // Who holds by zeros may name them in any family.
        if local.is_some_and(|local| local.is_ipv4() != ip.is_ipv4()) && !ip.is_unspecified() {
            return Err(SdpError::NoAddress);
        }
        Ok(Remote {
            address: SocketAddr::new(ip, self.port),
            law: chooser.choose(&self.laws()).ok_or(SdpError::NoCommonCodec)?,
            events: self.payloads().find(|payload| self.name(*payload).is_some_and(|name| wanted(name) == Some(2))),
            listens: !ip.is_unspecified() && matches!(self.direction, "sendrecv" | "recvonly"),
            talks: matches!(self.direction, "sendrecv" | "sendonly"),
        })
    }
}

/// The first stream of sound that can be taken, and its place; else why the first that is live
/// cannot be. The signalling chooses in the same way (`tests/offers/table.txt`).
fn take(streams: &[Stream<'_>], local: Option<IpAddr>, chooser: Chooser<'_>) -> Result<(usize, Remote), SdpError> {
    let mut why = None;
    for (at, stream) in streams.iter().enumerate() {
        if stream.port == 0 || !stream.kind.eq_ignore_ascii_case("audio") {
            continue;
        }
        match stream.remote(local, chooser) {
            Ok(remote) => return Ok((at, remote)),
            Err(error) => why = why.or(Some(error)),
        }
    }
    Err(why.unwrap_or(SdpError::NoAudio))
}

impl Remote {
    /// The direction of our answer.
    fn direction(&self) -> &'static str {
        match (self.listens, self.talks) {
            (true, true) => "sendrecv",
            (true, false) => "sendonly",
            (false, true) => "recvonly",
            (false, false) => "inactive",
        }
    }

    /// Reads the other end's answer to an offer of these laws.
    pub fn answered(sdp: &str, laws: &[Law]) -> Result<Self, SdpError> {
        take(&Stream::all(sdp)?, None, Chooser::Them(laws)).map(|(_, remote)| remote)
    }

    /// Reads an offer of the other end that is answered with the first of these laws in it.
    pub fn offered(sdp: &str, laws: &[Law]) -> Result<Self, SdpError> {
        take(&Stream::all(sdp)?, None, Chooser::Us(laws)).map(|(_, remote)| remote)
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
        let remote = Remote::answered(sdp, &Law::BOTH).unwrap();
        assert_eq!(remote.address.to_string(), "10.0.0.2:4000");
        assert_eq!((remote.law, remote.events, remote.listens), (Law::Pcmu, Some(97), true));
    }

    #[test]
    fn answers_that_cannot_be_used_say_why() {
        let head = "v=0\r\nc=IN IP4 10.0.0.1\r\n";
        let case = |media: &str| Remote::answered(&format!("{head}{media}"), &Law::BOTH).unwrap_err();
        assert_eq!(case(""), SdpError::NoAudio);
        assert_eq!(case("m=audio 0 RTP/AVP 8\r\n"), SdpError::NoAudio);
        assert_eq!(case("m=audio 4000 RTP/AVP 18\r\n"), SdpError::NoCommonCodec);
        assert_eq!(case("m=audio banana RTP/AVP 8\r\n"), SdpError::NoAudio);
        let read = |sdp: &str| Remote::answered(sdp, &Law::BOTH);
        assert_eq!(read("m=audio 4000 RTP/AVP 8\r\n").unwrap_err(), SdpError::NoAddress);
        assert_eq!(read(&"a=x\r\n".repeat(9000)).unwrap_err(), SdpError::TooLong);
        assert!(!read(&format!("{head}m=audio 4000 RTP/AVP 8\r\na=inactive\r\n")).unwrap().listens);
    }

    #[test]
    fn r12_1_of_an_offer_we_choose_of_an_answer_they_and_never_what_the_line_does_not_allow() {
        let sdp = "c=IN IP4 10.0.0.1\r\nm=audio 4000 RTP/AVP 0 8\r\n";
        let laws = |laws: &[Law]| {
            [Remote::answered(sdp, laws), Remote::offered(sdp, laws)].map(|remote| remote.map(|remote| remote.law))
        };
        assert_eq!(laws(&Law::BOTH), [Ok(Law::Pcmu), Ok(Law::Pcma)]);
        assert_eq!(laws(&[Law::Pcma]), [Ok(Law::Pcma), Ok(Law::Pcma)]);
        let none = Remote::offered(&sdp.replace(" 0 8", " 0"), &[Law::Pcma]);
        assert_eq!(none, Err(SdpError::NoCommonCodec));
    }

    #[test]
    fn our_offer_can_be_read_by_ourselves() {
        let address = "192.0.2.7:20000".parse().unwrap();
        let remote = Remote::answered(&offer(1, address, &[Law::Pcmu, Law::Pcma]), &Law::BOTH).unwrap();
        assert_eq!(remote, Remote { address, law: Law::Pcmu, events: Some(OUR_EVENTS), listens: true, talks: true });
    }

    #[test]
    fn r12_1_an_offer_holds_the_laws_of_its_line_in_their_order_and_no_other() {
        let address = "192.0.2.7:20000".parse().unwrap();
        for (laws, stream) in [
            (
                &[Law::Pcma, Law::Pcmu][..],
                "m=audio 20000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000",
            ),
            (&[Law::Pcmu, Law::Pcma], "m=audio 20000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000"),
            (&[Law::Pcmu], "m=audio 20000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101"),
        ] {
            let offer = offer(1, address, laws);
            assert!(offer.contains(stream), "{offer}");
        }
        let names = ["pcmu", "G729", "PCMA"].map(str::to_owned);
        assert_eq!(Law::named(&names), [Law::Pcmu, Law::Pcma]);
    }

    #[test]
    fn an_offer_is_answered_with_the_first_law_of_the_line_and_every_other_stream_is_refused() {
        let address = "192.0.2.7:20000".parse().unwrap();
        let offer = "v=0\r\no=x 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n\
                     m=audio 4000 RTP/AVP 18 0 8 97\r\na=rtpmap:97 telephone-event/8000\r\na=sendonly\r\n\
                     m=video 4002 RTP/AVP 31\r\nm=image 4004 udptl t38\r\n";
        let (remote, answer) = answer(7, address, offer, &[Law::Pcmu, Law::Pcma]).unwrap();
        assert_eq!(
            (remote.address.to_string().as_str(), remote.law, remote.listens),
            ("10.0.0.1:4000", Law::Pcmu, false)
        );
        let streams: Vec<&str> = answer.lines().filter(|line| line.starts_with("m=")).collect();
        assert_eq!(streams, ["m=audio 20000 RTP/AVP 0 97", "m=video 0 RTP/AVP 31", "m=image 0 udptl t38"]);
        assert!(answer.contains("a=recvonly\r\n") && answer.contains("a=rtpmap:97 telephone-event/8000"), "{answer}");
        let ours = Remote::answered(&answer, &Law::BOTH).unwrap();
        assert_eq!((ours.law, ours.events, ours.address), (Law::Pcmu, Some(97), address));
        let held = offer.replace("sendonly", "inactive");
        let answer = |offer: &str, laws: &[Law]| super::answer(7, address, offer, laws);
        assert!(answer(&held, &Law::BOTH).unwrap().1.contains("a=inactive\r\n"));
        assert_eq!(answer("v=0\r\n", &Law::BOTH), Err(SdpError::NoAudio));
        assert!(answer(offer, &Law::BOTH).unwrap().1.contains("m=audio 20000 RTP/AVP 8 97\r\n"));
        let other = offer.replace(" 18 0 8 ", " 18 0 ");
        assert_eq!(answer(&other, &[Law::Pcma]), Err(SdpError::NoCommonCodec));
        let many = format!("{offer}{}", "m=video 1 RTP/AVP 31\r\n".repeat(STREAMS));
        assert_eq!(answer(&many, &Law::BOTH), Err(SdpError::NoAudio), "bounded");
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
            let got = answer(7, address, &offer, &Law::BOTH).map_or_else(
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
