//! The answer to an offer (RFC 3264, 6 and 8; RFC 6337).

use std::{fmt::Write as _, net::IpAddr};

use super::{
    Direction, Media, Refusal, Session,
    crypto::{self, Key},
};

/// The answer to an offer inside a call. One live stream of sound is taken, and no other kind
/// of stream may be live: a call does not become a fax or a video call, it stays what it is.
///
/// `ours` is what our media side offers in this call: its address, port, codecs in their order, keys
/// and direction. What it does not name is not taken. Origin and version are those of `ours`; see [`super::following`].
///
/// # Errors
/// Why the offer is refused; the session stays as it was (RFC 3261, 14.2).
pub fn answer_to(offer: &str, ours: &str) -> Result<String, Refusal> {
    let offer = Session::parse(offer)?;
    if offer.media.iter().any(|media| media.is_live() && !is_audio(media)) {
        return Err(Refusal::MediaType);
    }
    compose(&offer, &Session::parse(ours)?)
}

/// The answer to the offer of a new call. Streams that are no sound are declined with port 0,
/// and the call is taken without them: a telephone that could do video can also be spoken with.
///
/// # Errors
/// Why the offer is refused.
pub fn first_answer_to(offer: &str, ours: &str) -> Result<String, Refusal> {
    compose(&Session::parse(offer)?, &Session::parse(ours)?)
}

/// Which way sound flows by an answer to an offer of ours, from the side of the answerer.
///
/// # Errors
/// Why the answer cannot be used: the streams are not those of the offer (RFC 3264, 6), or
/// there is no sound that we understand.
pub fn agreed(offer: &str, answer: &str) -> Result<Direction, Refusal> {
    let (offer, answer) = (Session::parse(offer)?, Session::parse(answer)?);
    if answer.media.len() != offer.media.len() {
        return Err(Refusal::Malformed);
    }
    let live = |(ours, theirs): &(&Media<'_>, &Media<'_>)| is_audio(ours) && ours.is_live() && theirs.is_live();
    let (ours, theirs) = offer.media.iter().zip(&answer.media).find(live).ok_or(Refusal::MediaType)?;
    reachable(theirs, ours.address)?;
    crypto::answered(ours, theirs)?;
    let common = |law: &&str| formats(ours).any(|one| one == *law);
    let spoken = formats(theirs).any(|law| common(&law));
    if spoken { Ok(theirs.flow()) } else { Err(Refusal::Codec) }
}

fn is_audio(media: &Media<'_>) -> bool {
    media.kind.eq_ignore_ascii_case("audio")
}

/// The laws of G.711 that a stream lists under their own payload types.
fn formats<'a>(media: &'a Media<'a>) -> impl Iterator<Item = &'a str> {
    media.formats.iter().copied().filter(|format| is_law(media, format))
}

fn is_law(media: &Media<'_>, format: &str) -> bool {
    let wanted = match format {
        "0" => "PCMU/8000",
        "8" => "PCMA/8000",
        _ => return false,
    };
    media.encoding(format).is_some_and(|encoding| same_encoding(encoding, wanted))
}

/// One channel may be said or not (RFC 8866, 6.6).
fn same_encoding(encoding: &str, wanted: &str) -> bool {
    encoding.strip_suffix("/1").unwrap_or(encoding).eq_ignore_ascii_case(wanted)
}

fn is_events(media: &Media<'_>, format: &str) -> bool {
    media.encoding(format).is_some_and(|encoding| same_encoding(encoding, "telephone-event/8000"))
}

/// Whether sound can be sent there from `local`.
fn reachable(media: &Media<'_>, local: Option<IpAddr>) -> Result<(), Refusal> {
    let address = media.address.ok_or(Refusal::Address)?;
    // Who holds by zeros may name them in any family.
    let zeros = |address: IpAddr| address.is_unspecified();
    let same = local.is_none_or(|local| local.is_ipv4() == address.is_ipv4() || zeros(local));
    if same || zeros(address) { Ok(()) } else { Err(Refusal::Address) }
}

fn compose(offer: &Session<'_>, ours: &Session<'_>) -> Result<String, Refusal> {
    let mine = ours.audio().ok_or(Refusal::MediaType)?;
    let (taken, keys) = take(offer, mine)?;
    let mut out = String::with_capacity(512);
    let _ = write!(out, "v=0\r\no={}\r\ns=-\r\n", ours.origin);
    if let Some(address) = mine.address {
        let family = if address.is_ipv4() { "IP4" } else { "IP6" };
        let _ = write!(out, "c=IN {family} {address}\r\n");
    }
    // The times are those of the offer (RFC 3264, 6).
    match offer.times.as_slice() {
        [] => out.push_str("t=0 0\r\n"),
        times => times.iter().for_each(|time| {
            let _ = write!(out, "t={time}\r\n");
        }),
    }
    for (at, media) in offer.media.iter().enumerate() {
        if at == taken {
            accept(&mut out, media, mine, keys.as_ref());
        } else {
            let format = media.formats.first().copied().unwrap_or("0");
            let _ = write!(out, "m={} 0 {} {format}\r\n", media.kind, media.protocol);
        }
    }
    Ok(out)
}

/// A key of theirs, and ours that answers it.
type Keys<'a> = (Key<'a>, Key<'a>);

/// Place of the stream that is taken, and its keys: the first of sound that can be; else why the
/// first that is live cannot be.
fn take<'a>(offer: &Session<'a>, mine: &Media<'a>) -> Result<(usize, Option<Keys<'a>>), Refusal> {
    let mut why = Refusal::MediaType;
    let live = offer.media.iter().enumerate().filter(|(_, media)| media.is_live() && is_audio(media));
    for (first, (at, media)) in live.enumerate() {
        let keys = crypto::taken(media, mine).and_then(|keys| {
            reachable(media, mine.address)?;
            let common = formats(media).any(|law| mine.formats.contains(&law));
            if common { Ok(keys) } else { Err(Refusal::Codec) }
        });
        match keys {
            Ok(keys) => return Ok((at, keys)),
            Err(refusal) if first == 0 => why = refusal,
            Err(_) => {}
        }
    }
    Err(why)
}

fn accept(out: &mut String, media: &Media<'_>, mine: &Media<'_>, keys: Option<&Keys<'_>>) {
    let events_too = mine.formats.iter().any(|format| is_events(mine, format));
    // The laws in our order: the first is the one that both will speak (RFC 3264, 6.1).
    let laws = mine.formats.iter().copied().filter(|law| formats(media).any(|theirs| theirs == *law));
    let events = media.formats.iter().copied().filter(|format| events_too && is_events(media, format));
    let kept: Vec<&str> = laws.chain(events).collect();
    let _ = write!(out, "m={} {} {}", media.kind, mine.port, media.protocol);
    for format in &kept {
        let _ = write!(out, " {format}");
    }
    out.push_str("\r\n");
    for format in &kept {
        let encoding = media.encoding(format).unwrap_or_default();
        let _ = write!(out, "a=rtpmap:{format} {encoding}\r\n");
        if is_events(media, format) {
            let _ = write!(out, "a=fmtp:{format} 0-15\r\n");
        }
    }
    if let Some((theirs, ours)) = keys {
        out.push_str(&ours.answer(theirs));
    }
    if let Some(ptime) = mine.attribute("ptime") {
        let _ = write!(out, "a=ptime:{ptime}\r\n");
    }
    let theirs = media.flow();
    let direction =
        Direction::of(mine.direction.sends() && theirs.receives(), mine.direction.receives() && theirs.sends());
    let _ = write!(out, "a={}\r\n", direction.as_str());
}
