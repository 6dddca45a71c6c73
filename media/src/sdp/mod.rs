//! The little of SDP (RFC 8866, RFC 3264) that a G.711 call needs.

use std::{
    fmt::Write as _,
    net::{IpAddr, SocketAddr},
};

use crate::{
    Law,
    srtp::{self, Crypto, Security, Suite},
};

/// Payload type under which we offer telephone-event (RFC 4733) to the carrier.
const OUR_EVENTS: u8 = 101;
/// Longest session description that is read.
const LONGEST: usize = 16 * 1024;
/// Streams of an offer that are answered, at most, and formats of each that are looked at.
const STREAMS: usize = 16;
const FORMATS: usize = 64;
/// Packets in a second where nothing else is said, and at most.
const RATE: u32 = 50;
const FASTEST: u32 = 100;

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
    /// Secured sound is required there, and it has no key that can be used (RFC 4568).
    #[error("the session description has no key for secured sound, which this trunk requires")]
    NotSecured,
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
    /// Where its RTCP goes when that has a port of its own (RFC 3605).
    pub control: SocketAddr,
    /// RTCP comes and goes with RTP (RFC 5761).
    pub mux: bool,
    /// Law to send.
    pub law: Law,
    /// Payload type of telephone-event/8000, when it takes it.
    pub events: Option<u8>,
    /// Packets that it sends in a second.
    pub rate: u32,
    /// It wants to hear us (`sendrecv` or `recvonly` from our side's view).
    pub listens: bool,
    /// It may send us sound.
    pub talks: bool,
    /// The key by which it secures what it sends.
    pub crypto: Option<Crypto>,
}

/// Our end of a leg, as it is described.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Own<'a> {
    /// Of the session.
    pub(crate) id: u64,
    pub(crate) address: SocketAddr,
    /// Port of our RTCP, where it does not come with RTP.
    pub(crate) control: u16,
    /// What may be spoken, in order.
    pub(crate) laws: &'a [Law],
    pub(crate) security: Security,
    /// Our keys, one of each suite, in order.
    pub(crate) keys: &'a [Crypto],
}

/// Our offer: these laws in this order, and no other, in the clear.
pub fn offer(id: u64, address: SocketAddr, laws: &[Law]) -> String {
    let control = address.port().saturating_add(1);
    Own { id, address, control, laws, security: Security::Off, keys: &[] }.offer()
}

impl Own<'_> {
    fn head(&self) -> String {
        let (family, ip, id) = (if self.address.is_ipv4() { "IP4" } else { "IP6" }, self.address.ip(), self.id);
        format!("v=0\r\no=- {id} 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n")
    }

    fn control_line(&self, text: &mut String) {
        if self.control != self.address.port().wrapping_add(1) {
            let _ = write!(text, "a=rtcp:{}\r\n", self.control);
        }
    }

    /// Our offer: these laws in this order, and no other; with keys where it may be secured
    /// (RFC 4568), in one stream, because many carriers refuse a second one.
    pub(crate) fn offer(&self) -> String {
        let mut text = self.head();
        let profile = if self.security == Security::Required { "RTP/SAVP" } else { "RTP/AVP" };
        let _ = write!(text, "m=audio {} {profile}", self.address.port());
        for law in self.laws {
            let _ = write!(text, " {}", law.payload_type());
        }
        let _ = write!(text, " {OUR_EVENTS}\r\n");
        for law in self.laws {
            let _ = write!(text, "a=rtpmap:{} {}/8000\r\n", law.payload_type(), law.name());
        }
        let _ = write!(text, "a=rtpmap:{OUR_EVENTS} telephone-event/8000\r\na=fmtp:{OUR_EVENTS} 0-15\r\n");
        if self.security != Security::Off {
            for key in self.keys {
                let _ = write!(text, "a=crypto:{}\r\n", key.line());
            }
        }
        self.control_line(&mut text);
        text.push_str("a=rtcp-mux\r\na=ptime:20\r\na=sendrecv\r\n");
        text
    }

    /// Our answer to an offer of the carrier: its first stream of sound that we can take, with the
    /// first of our laws that it offers, its payload type for keys, its first key of a suite that
    /// we know, and the direction that follows from its own. Every other stream is refused
    /// (RFC 3264, section 6).
    pub(crate) fn answer(&self, offer: &str) -> Result<(Remote, String), SdpError> {
        let streams = Stream::all(offer)?;
        let (taken, remote) =
            take(&streams, Some(self.address.ip()), Chooser::Us(self.laws), self.security, self.keys)?;
        let mut text = self.head();
        for (at, Stream { kind, profile, formats, .. }) in streams.iter().enumerate() {
            if at != taken {
                let _ = write!(text, "m={kind} 0 {profile} {}\r\n", formats.first().copied().unwrap_or("0"));
                continue;
            }
            let (law, name) = (remote.law.payload_type(), remote.law.name());
            let _ = write!(text, "m={kind} {} {profile} {law}", self.address.port());
            if let Some(events) = remote.events {
                let _ = write!(text, " {events}");
            }
            let _ = write!(text, "\r\na=rtpmap:{law} {name}/8000\r\n");
            if let Some(events) = remote.events {
                let _ = write!(text, "a=rtpmap:{events} telephone-event/8000\r\na=fmtp:{events} 0-15\r\n");
            }
            if let Some(theirs) = remote.crypto {
                let ours = key_of(self.keys, theirs.suite).ok_or(SdpError::NotSecured)?;
                let _ = write!(text, "a=crypto:{}\r\n", ours.tagged(theirs.tag).line());
            }
            if remote.mux {
                text.push_str("a=rtcp-mux\r\n");
            } else {
                self.control_line(&mut text);
            }
            let _ = write!(text, "a=ptime:20\r\na={}\r\n", remote.direction());
        }
        Ok((remote, text))
    }

    /// Reads the other end's answer to our offer.
    pub(crate) fn answered(&self, sdp: &str) -> Result<Remote, SdpError> {
        let streams = Stream::all(sdp)?;
        take(&streams, None, Chooser::Them(self.laws), self.security, self.keys).map(|(_, remote)| remote)
    }

    /// Reads an offer of the other end, which is answered as by [`Own::answer`].
    pub(crate) fn offered(&self, sdp: &str) -> Result<Remote, SdpError> {
        take(&Stream::all(sdp)?, None, Chooser::Us(self.laws), self.security, self.keys).map(|(_, remote)| remote)
    }
}

/// Whether a packet of this type is a telephone-event where these were agreed on. An answer may name
/// another number than our offer, for what we send: what comes then still has ours (RFC 3264, section 6.1).
pub(crate) fn is_event(agreed: Option<u8>, payload_type: u8) -> bool {
    agreed.is_some_and(|agreed| payload_type == agreed || payload_type == OUR_EVENTS)
}

/// Our key of a suite.
pub(crate) fn key_of(keys: &[Crypto], suite: Suite) -> Option<Crypto> {
    keys.iter().find(|key| key.suite == suite).copied()
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
    control: Option<(u16, Option<IpAddr>)>,
    mux: bool,
    rate: u32,
    crypto: Vec<Crypto>,
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
                ("c", Some(stream)) => stream.ip = connection(value, 2),
                ("c", None) => session_ip = connection(value, 2),
                ("a", Some(stream)) if directs => stream.direction = value,
                ("a", None) if directs => session_direction = value,
                ("a", Some(stream)) => stream.attribute(value),
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
        Self {
            kind,
            port,
            profile,
            formats: words.take(FORMATS).collect(),
            ip,
            direction,
            maps: Vec::new(),
            control: None,
            mux: false,
            rate: RATE,
            crypto: Vec::new(),
        }
    }

    fn attribute(&mut self, value: &'a str) {
        match value.split_once(':') {
            Some(("rtpmap", _)) => self.maps.extend(rtpmap(value)),
            Some(("crypto", line)) if self.crypto.len() < srtp::LINES => self.crypto.extend(Crypto::parse(line)),
            Some(("rtcp", control)) => {
                let port = control.split_ascii_whitespace().next().and_then(|port| port.parse().ok());
                self.control = port.filter(|port| *port != 0).map(|port| (port, connection(control, 3)));
            }
            Some(("ptime", ms)) => {
                let ms = ms.trim().parse().unwrap_or(0u32);
                self.rate = 1_000u32.checked_div(ms).unwrap_or(RATE).clamp(RATE, FASTEST);
            }
            None if value == "rtcp-mux" => self.mux = true,
            _ => {}
        }
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
    fn remote(
        &self,
        local: Option<IpAddr>,
        chooser: Chooser<'_>,
        security: Security,
        keys: &[Crypto],
    ) -> Result<Remote, SdpError> {
        let crypto = self.secured(chooser, security, keys)?;
        let ip = self.ip.ok_or(SdpError::NoAddress)?;
        // Who holds by zeros may name them in any family.
        if local.is_some_and(|local| local.is_ipv4() != ip.is_ipv4()) && !ip.is_unspecified() {
            return Err(SdpError::NoAddress);
        }
        let (control, control_ip) = self.control.unwrap_or((self.port.saturating_add(1), None));
        Ok(Remote {
            address: SocketAddr::new(ip, self.port),
            control: SocketAddr::new(control_ip.unwrap_or(ip), control),
            mux: self.mux,
            rate: self.rate,
            crypto,
            law: chooser.choose(&self.laws()).ok_or(SdpError::NoCommonCodec)?,
            events: self.payloads().find(|payload| self.name(*payload).is_some_and(|name| wanted(name) == Some(2))),
            listens: !ip.is_unspecified() && matches!(self.direction, "sendrecv" | "recvonly"),
            talks: matches!(self.direction, "sendrecv" | "sendonly"),
        })
    }
}

impl Stream<'_> {
    /// Whether a stream is secured as it may be there, and by which key: of an offer its first of a
    /// suite that one of these keys of ours is for; of an answer that under whose number we offered its
    /// suite.
    fn secured(&self, chooser: Chooser<'_>, security: Security, keys: &[Crypto]) -> Result<Option<Crypto>, SdpError> {
        let is = |profiles: [&str; 2]| profiles.iter().any(|profile| self.profile.eq_ignore_ascii_case(profile));
        let agreed = |theirs: &&Crypto| {
            let numbered = matches!(chooser, Chooser::Them(_));
            keys.iter().any(|ours| ours.suite == theirs.suite && (!numbered || ours.tag == theirs.tag))
        };
        let crypto = self.crypto.iter().find(agreed).copied().filter(|_| security != Security::Off);
        match (is(["RTP/AVP", "RTP/AVPF"]), is(["RTP/SAVP", "RTP/SAVPF"]), crypto) {
            (false, false, _) => Err(SdpError::NoAudio),
            (_, _, None) if security == Security::Required => Err(SdpError::NotSecured),
            (_, true, None) => Err(SdpError::NoAudio),
            (_, _, crypto) => Ok(crypto),
        }
    }
}

/// The first stream of sound that can be taken, and its place; else why the first that is live
/// cannot be. The signalling chooses in the same way (`tests/offers/table.txt`).
fn take(
    streams: &[Stream<'_>],
    local: Option<IpAddr>,
    chooser: Chooser<'_>,
    security: Security,
    keys: &[Crypto],
) -> Result<(usize, Remote), SdpError> {
    let mut why = None;
    for (at, stream) in streams.iter().enumerate() {
        if stream.port == 0 || !stream.kind.eq_ignore_ascii_case("audio") {
            continue;
        }
        match stream.remote(local, chooser, security, keys) {
            Ok(remote) => return Ok((at, remote)),
            Err(error) => why = why.or(Some(error)),
        }
    }
    Err(why.unwrap_or(SdpError::NoAudio))
}

/// Packets in a second that the first stream of sound of this description speaks of; 50 where it says
/// nothing, or nothing that can be read.
pub(crate) fn packet_rate(sdp: &str) -> u32 {
    let streams = Stream::all(sdp).unwrap_or_default();
    let sound = streams.iter().find(|stream| stream.kind.eq_ignore_ascii_case("audio"));
    sound.map_or(RATE, |stream| stream.rate)
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

    /// Reads the other end's answer to an offer of these laws in the clear.
    pub fn answered(sdp: &str, laws: &[Law]) -> Result<Self, SdpError> {
        take(&Stream::all(sdp)?, None, Chooser::Them(laws), Security::Off, &[]).map(|(_, remote)| remote)
    }

    /// Reads an offer of the other end that is answered with the first of these laws in it.
    pub fn offered(sdp: &str, laws: &[Law]) -> Result<Self, SdpError> {
        take(&Stream::all(sdp)?, None, Chooser::Us(laws), Security::Off, &[]).map(|(_, remote)| remote)
    }
}

/// The address behind so many words: `IN IP4 192.0.2.1/127`.
fn connection(value: &str, behind: usize) -> Option<IpAddr> {
    let mut words = value.split_ascii_whitespace().skip(behind);
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
        // A number that is kept may be given to something else, too.
        let is_other = line.strip_prefix("a=").is_some_and(|line| line.starts_with("rtpmap:") && other(line));
        if !dropped && !is_other {
            out.push_str(line);
            out.push_str("\r\n");
        }
    }
    Ok(out)
}

fn other(map: &str) -> bool {
    rtpmap(map).is_none_or(|(_, name)| wanted(name).is_none())
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
mod tests;
