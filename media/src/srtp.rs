//! Secured RTP whose keys stand in the session description (SDES: RFC 4568, RFC 3711).
//!
//! One context for each direction, the sender's with the key that we announced, the receiver's
//! with theirs. A description with another key of theirs is a new receiver; one of ours never
//! changes within a leg. What is not authentic, or was heard before, is refused and counted.
//! Keys are printed nowhere but in the description itself.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rtc::{
    crypto::{RTCCryptoProvider as _, providers::RingProvider},
    srtp::{
        context::Context,
        option::{srtcp_replay_protection, srtp_replay_protection},
        protection_profile::ProtectionProfile,
    },
};

/// Packets that may come after a later one and are not taken for replayed ones.
const WINDOW: usize = 128;
/// Octets of a master key and a master salt (RFC 4568, section 6.2).
const KEY: usize = 16;
const SALT: usize = 14;
/// Lines that are looked at.
pub(crate) const LINES: usize = 16;

/// How a leg is secured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Security {
    /// It is not; an offer of secured sound alone is refused.
    #[default]
    Off,
    /// It is offered beside the clear, in one stream: who knows it answers with a key.
    Optional,
    /// Nothing else is spoken.
    Required,
}

/// A suite (RFC 4568, section 6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Suite {
    /// `AES_CM_128_HMAC_SHA1_80`.
    Long,
    /// `AES_CM_128_HMAC_SHA1_32`.
    Short,
}

impl Suite {
    pub(crate) const ALL: [Self; 2] = [Self::Long, Self::Short];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Long => "AES_CM_128_HMAC_SHA1_80",
            Self::Short => "AES_CM_128_HMAC_SHA1_32",
        }
    }

    fn profile(self) -> ProtectionProfile {
        match self {
            Self::Long => ProtectionProfile::Aes128CmHmacSha1_80,
            Self::Short => ProtectionProfile::Aes128CmHmacSha1_32,
        }
    }
}

/// One `a=crypto` line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Crypto {
    pub(crate) tag: u32,
    pub(crate) suite: Suite,
    secret: [u8; KEY + SALT],
}

impl fmt::Debug for Crypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crypto").field("tag", &self.tag).field("suite", &self.suite).finish_non_exhaustive()
    }
}

impl Crypto {
    /// A new key of ours.
    pub(crate) fn random(tag: u32, suite: Suite) -> Option<Self> {
        let mut secret = [0; KEY + SALT];
        getrandom::fill(&mut secret).ok()?;
        Some(Self { tag, suite, secret })
    }

    /// The same key under another number: that of the line that it answers.
    pub(crate) fn tagged(self, tag: u32) -> Self {
        Self { tag, ..self }
    }

    /// The value of a line: `1 AES_CM_128_HMAC_SHA1_80 inline:…|2^31`. None for a suite that is
    /// not known, a key that has an identifier (section 6.1: each packet would carry it), several
    /// keys, and parameters that change the suite.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let tag = words.next().filter(|tag| tag.len() <= 9)?.parse().ok()?;
        let name = words.next()?;
        let suite = Suite::ALL.into_iter().find(|suite| suite.name().eq_ignore_ascii_case(name))?;
        let inline = words.next()?.strip_prefix("inline:")?;
        let mut parts = inline.split('|');
        let key = STANDARD.decode(parts.next()?).ok()?;
        // A lifetime may stand there, an identifier may not.
        if inline.contains(';') || parts.any(|part| part.contains(':')) {
            return None;
        }
        // What is not agreed with must not be ignored (section 6.3.7), but for hints.
        if words.any(|parameter| !parameter.starts_with("WSH=") && !parameter.starts_with('-')) {
            return None;
        }
        Some(Self { tag, suite, secret: key.try_into().ok()? })
    }

    /// The value of the line.
    pub(crate) fn line(&self) -> String {
        format!("{} {} inline:{}", self.tag, self.suite.name(), STANDARD.encode(self.secret))
    }

    fn context(&self) -> Option<Context> {
        let (key, salt) = self.secret.split_at(KEY);
        let replay = Some(srtp_replay_protection(WINDOW));
        let control = Some(srtcp_replay_protection(WINDOW));
        Context::new(key, salt, self.suite.profile(), replay, control, RingProvider::new().crypto()).ok()
    }
}

/// Both directions of a secured leg.
pub(crate) struct Shield {
    ours: Crypto,
    theirs: Crypto,
    sends: Context,
    hears: Context,
}

impl fmt::Debug for Shield {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shield").field("suite", &self.ours.suite).finish_non_exhaustive()
    }
}

impl Shield {
    pub(crate) fn new(ours: Crypto, theirs: Crypto) -> Option<Self> {
        Some(Self { sends: ours.context()?, hears: theirs.context()?, ours, theirs })
    }

    /// What a later description says: their new key begins a new receiver, ours a new sender; a
    /// key that stays keeps its counters.
    pub(crate) fn rekey(&mut self, ours: Crypto, theirs: Crypto) -> bool {
        if (self.ours.suite, self.ours.secret) != (ours.suite, ours.secret) {
            let Some(sends) = ours.context() else { return false };
            (self.sends, self.ours) = (sends, ours);
        }
        if (self.theirs.suite, self.theirs.secret) != (theirs.suite, theirs.secret) {
            let Some(hears) = theirs.context() else { return false };
            (self.hears, self.theirs) = (hears, theirs);
        }
        true
    }

    /// A packet in the clear, in the place of the one that came; its length. None when it is not
    /// authentic, or was heard before.
    pub(crate) fn open(&mut self, buffer: &mut [u8], len: usize) -> Option<usize> {
        let clear = self.hears.decrypt_rtp(buffer.get(..len)?).ok()?;
        Self::put(buffer, &clear)
    }

    pub(crate) fn open_control(&mut self, buffer: &mut [u8], len: usize) -> Option<usize> {
        let clear = self.hears.decrypt_rtcp(buffer.get(..len)?).ok()?;
        Self::put(buffer, &clear)
    }

    fn put(buffer: &mut [u8], clear: &[u8]) -> Option<usize> {
        buffer.get_mut(..clear.len())?.copy_from_slice(clear);
        Some(clear.len())
    }

    /// Its suite.
    pub(crate) fn suite(&self) -> Suite {
        self.ours.suite
    }

    pub(crate) fn seal(&mut self, packet: &[u8]) -> Option<bytes::BytesMut> {
        self.sends.encrypt_rtp(packet).ok()
    }

    pub(crate) fn seal_control(&mut self, packet: &[u8]) -> Option<bytes::BytesMut> {
        self.sends.encrypt_rtcp(packet).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4568, section 4.1, and the vectors of RFC 3711 need the same 30 octets.
    const LINE: &str = "1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4";

    fn packet(seq: u16, says: u8) -> Vec<u8> {
        let mut packet = vec![0x80, 8];
        packet.extend(seq.to_be_bytes());
        packet.extend([0, 0, 0, 160, 0, 0, 0, 7]);
        packet.resize(172, says);
        packet
    }

    fn both(suite: Suite) -> (Shield, Shield) {
        let (one, two) = (Crypto::random(1, suite).unwrap(), Crypto::random(1, suite).unwrap());
        (Shield::new(one, two).unwrap(), Shield::new(two, one).unwrap())
    }

    #[test]
    fn a_line_is_read_as_it_is_written_and_its_key_is_in_no_other_words() {
        assert_eq!(Crypto::parse(LINE), None, "an identifier would stand in each packet");
        let line = LINE.replace("|1:4", "");
        let crypto = Crypto::parse(&line).unwrap();
        assert_eq!((crypto.tag, crypto.suite), (1, Suite::Long));
        assert_eq!(Crypto::parse(&crypto.line()), Some(crypto));
        assert!(line.starts_with(&crypto.line()));
        let printed = format!("{crypto:?} {:?}", Shield::new(crypto, crypto).unwrap());
        assert!(!printed.contains("WVNf") && !printed.contains("89, 83"), "{printed}");
        for bad in [
            "",
            "1",
            "x AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz",
            "1 AES_256_CM_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz",
            "1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19z",
            "1 AES_CM_128_HMAC_SHA1_80 WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz",
            "1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz UNENCRYPTED_SRTP",
        ] {
            assert_eq!(Crypto::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_one_end_seals_the_other_opens_and_nobody_else() {
        for suite in Suite::ALL {
            let (mut here, mut there) = both(suite);
            let (_, mut stranger) = both(suite);
            let sealed = here.seal(&packet(9, 0xd5)).unwrap();
            assert_eq!(sealed.len(), 172 + if suite == Suite::Long { 10 } else { 4 });
            assert!(!sealed[12..].windows(8).any(|octets| octets == [0xd5; 8]), "it is hidden");
            let mut buffer = [0u8; 300];
            buffer[..sealed.len()].copy_from_slice(&sealed);
            assert_eq!(stranger.open(&mut buffer.clone(), sealed.len()), None);
            assert_eq!(there.open(&mut buffer, sealed.len()), Some(172));
            assert_eq!(&buffer[..172], packet(9, 0xd5));
        }
    }

    #[test]
    fn a_replayed_packet_a_changed_one_and_a_cut_one_are_refused() {
        let (mut here, mut there) = both(Suite::Long);
        let mut hand = |octets: &[u8]| {
            let mut buffer = [0u8; 300];
            buffer[..octets.len()].copy_from_slice(octets);
            there.open(&mut buffer, octets.len()).is_some()
        };
        let sealed = here.seal(&packet(1, 1)).unwrap();
        for cut in 0..sealed.len() {
            assert!(!hand(&sealed[..cut]), "cut at {cut}");
        }
        let mut changed = sealed.clone();
        changed[20] ^= 1;
        assert!(!hand(&changed) && hand(&sealed) && !hand(&sealed));
        let third = here.seal(&packet(3, 1)).unwrap();
        let second = here.seal(&packet(2, 1)).unwrap();
        assert!(hand(&third) && hand(&second) && !hand(&second) && !hand(&third));
    }

    #[test]
    fn numbers_wrap_and_the_stream_goes_on() {
        let (mut here, mut there) = both(Suite::Short);
        for step in 0..400u16 {
            let seq = 65_300u16.wrapping_add(step);
            let sealed = here.seal(&packet(seq, 3)).unwrap();
            let mut buffer = [0u8; 300];
            buffer[..sealed.len()].copy_from_slice(&sealed);
            assert_eq!(there.open(&mut buffer, sealed.len()), Some(172), "{seq}");
        }
    }

    #[test]
    fn control_is_sealed_too_and_a_new_key_is_a_new_receiver() {
        let (mut here, mut there) = both(Suite::Long);
        let report = [0x80, 201, 0, 1, 0, 0, 0, 7];
        let sealed = here.seal_control(&report).unwrap();
        let mut buffer = [0u8; 300];
        buffer[..sealed.len()].copy_from_slice(&sealed);
        assert_eq!(there.open_control(&mut buffer.clone(), sealed.len()), Some(8));
        assert_eq!(there.open_control(&mut buffer, sealed.len()), None, "replayed");
        let fresh = Crypto::random(1, Suite::Short).unwrap();
        let (ours, theirs) = (here.ours, here.theirs);
        assert!(here.rekey(fresh, theirs));
        let sealed = here.seal(&packet(4, 4)).unwrap();
        buffer[..sealed.len()].copy_from_slice(&sealed);
        assert_eq!(there.open(&mut buffer.clone(), sealed.len()), None, "by the old key");
        assert!(there.rekey(theirs, fresh));
        assert_eq!(there.open(&mut buffer, sealed.len()), Some(172));
        assert!(ours != fresh);
    }
}
