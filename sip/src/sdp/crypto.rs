//! Keys that stand in session descriptions (SDES, RFC 4568), as far as signalling answers them:
//! which line of an offer is taken. The media side makes the keys and reads the other end's; both
//! choose alike (`tests/offers/secured.txt`).

use super::{Media, Refusal};
use crate::flow::Protocol;

/// Lines of a stream that are looked at.
const LINES: usize = 16;
/// A master key and a master salt in base64: 30 octets (RFC 4568, 6.2).
const INLINE: usize = 40;

/// Whether sound is secured over a trunk (SDES-SRTP; RFC 4568, RFC 3711).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Srtp {
    /// It is not. What is offered as `RTP/SAVP` alone is refused.
    #[default]
    Off,
    /// It is where the other end knows it: our offers are `RTP/AVP` with keys.
    Optional,
    /// Nothing else is spoken: `RTP/SAVP`.
    Required,
}

impl Srtp {
    /// What holds for a call whose signalling came this way: keys are given to nobody in the clear.
    /// None where such a call cannot be taken.
    pub fn over(self, protocol: Protocol) -> Option<Self> {
        match self {
            srtp if protocol.is_secure() => Some(srtp),
            Self::Required => None,
            Self::Off | Self::Optional => Some(Self::Off),
        }
    }
}

/// A suite (RFC 4568, 6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Suite {
    Long,
    Short,
}

impl Suite {
    fn named(name: &str) -> Option<Self> {
        [Self::Long, Self::Short].into_iter().find(|suite| suite.name().eq_ignore_ascii_case(name))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Long => "AES_CM_128_HMAC_SHA1_80",
            Self::Short => "AES_CM_128_HMAC_SHA1_32",
        }
    }
}

/// One `a=crypto` line that can be used. It is printed by nothing but [`Key::answer`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Key<'a> {
    tag: u32,
    suite: Suite,
    inline: &'a str,
}

impl<'a> Key<'a> {
    /// The lines of a stream that can be used.
    pub(super) fn all(media: &Media<'a>) -> impl Iterator<Item = Self> {
        media.attributes.iter().filter_map(|line| Self::parse(line.strip_prefix("crypto:")?)).take(LINES)
    }

    /// `1 AES_CM_128_HMAC_SHA1_80 inline:…|2^31`. None for another suite, a key with an identifier
    /// (6.1), several keys, and parameters that change the suite (6.3.7).
    fn parse(value: &'a str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let tag = words.next().filter(|tag| tag.len() <= 9)?.parse().ok()?;
        let suite = Suite::named(words.next()?)?;
        let inline = words.next()?.strip_prefix("inline:")?;
        let mut parts = inline.split('|');
        let key = parts.next()?;
        let whole = key.len() == INLINE && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'));
        let alone = !inline.contains(';') && !parts.any(|part| part.contains(':'));
        let plain = words.all(|parameter| parameter.starts_with("WSH=") || parameter.starts_with('-'));
        (whole && alone && plain).then_some(Self { tag, suite, inline: key })
    }

    /// The line of an answer: our key under the number of theirs.
    pub(super) fn answer(&self, theirs: &Self) -> String {
        format!("a=crypto:{} {} inline:{}\r\n", theirs.tag, self.suite.name(), self.inline)
    }
}

/// Whether sound is secured by a description of ours.
fn of(ours: &Media<'_>) -> Srtp {
    if is_secured(ours) {
        Srtp::Required
    } else if Key::all(ours).next().is_some() {
        Srtp::Optional
    } else {
        Srtp::Off
    }
}

fn is(media: &Media<'_>, profiles: [&str; 2]) -> bool {
    profiles.iter().any(|profile| media.protocol.eq_ignore_ascii_case(profile))
}

fn is_secured(media: &Media<'_>) -> bool {
    is(media, ["RTP/SAVP", "RTP/SAVPF"])
}

/// The line of an offered stream that is taken, and ours of the same suite; none where it is
/// answered in the clear.
pub(super) fn taken<'a>(offered: &Media<'a>, ours: &Media<'a>) -> Result<Option<(Key<'a>, Key<'a>)>, Refusal> {
    let common = Key::all(offered).find_map(|theirs| {
        let same = |ours: &Key<'_>| ours.suite == theirs.suite;
        Some((theirs, Key::all(ours).find(same)?))
    });
    allowed(offered, of(ours), common.is_some())?;
    Ok(common)
}

/// Whether the answer to a stream of ours may stand.
pub(super) fn answered(ours: &Media<'_>, theirs: &Media<'_>) -> Result<(), Refusal> {
    let agreed = Key::all(theirs).any(|theirs| {
        let mut ours = Key::all(ours);
        ours.any(|ours| (ours.tag, ours.suite) == (theirs.tag, theirs.suite))
    });
    allowed(theirs, of(ours), agreed)
}

fn allowed(theirs: &Media<'_>, ours: Srtp, has_key: bool) -> Result<(), Refusal> {
    let (clear, secured) = (is(theirs, ["RTP/AVP", "RTP/AVPF"]), is_secured(theirs));
    match (ours, has_key) {
        _ if !clear && !secured => Err(Refusal::Transport),
        (Srtp::Required, false) => Err(Refusal::Secured),
        (_, false) if secured => Err(Refusal::Transport),
        _ => Ok(()),
    }
}
