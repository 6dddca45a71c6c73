//! Secured RTP whose keys stand in the session description (SDES: RFC 4568, RFC 3711).
//!
//! One context for each direction, the sender's with the key that we announced, the receiver's
//! with theirs. A description with another key of theirs is a new receiver. Each key of ours has
//! one sender for as long as the leg lives, also while it goes in the clear or by another suite:
//! a packet index is used once with a key (RFC 3711, section 9.1). What is not authentic, or was
//! heard before, is refused and counted. Keys are printed nowhere but in the description itself.

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

use crate::rtcp::is_sealed_control;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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

/// What we send by one key of ours: which packet indexes were used.
struct Sender {
    key: Crypto,
    context: Context,
    /// The stream that the indexes are of; none before its first packet.
    ssrc: Option<u32>,
    /// The highest index, and which of those before it were used: bit n is for the nth before.
    newest: u64,
    used: u128,
    /// Where the context believes to be.
    walked: u64,
}

/// The context follows a stream that does not pass it in steps of this: it would mistake one of
/// half the sequence numbers for a step back (RFC 3711, section 3.3.1).
const STEP: u64 = 1 << 14;

impl Sender {
    fn new(key: Crypto) -> Option<Self> {
        Some(Self { context: key.context()?, key, ssrc: None, newest: 0, used: 0, walked: 0 })
    }

    /// The index of a packet of ours, which is used from here on. None when it was before, or is
    /// older than what is known.
    fn take(&mut self, packet: &[u8]) -> Option<u64> {
        let word = |from: usize| Some(u32::from_be_bytes(packet.get(from..from + 4)?.try_into().ok()?));
        let (seq, ssrc) = (word(0)? as u16, word(8)?);
        if self.ssrc != Some(ssrc) {
            (self.ssrc, self.newest, self.used, self.walked) = (Some(ssrc), seq.into(), 1, seq.into());
            return Some(seq.into());
        }
        let step = i64::from(seq.wrapping_sub(self.newest as u16) as i16);
        let index = self.newest.checked_add_signed(step)?;
        if step > 0 {
            self.used = self.used.checked_shl(step as u32).unwrap_or(0) | 1;
            self.newest = index;
            return Some(index);
        }
        let bit = 1u128.checked_shl(step.unsigned_abs() as u32).filter(|bit| self.used & bit == 0)?;
        self.used |= bit;
        Some(index)
    }

    fn seal(&mut self, packet: &[u8]) -> Option<bytes::BytesMut> {
        let index = self.take(packet)?;
        let sealed = self.context.encrypt_rtp(packet).ok();
        self.walked = self.walked.max(index);
        sealed
    }

    /// A packet that goes without this key: its index is over all the same.
    fn pass(&mut self, packet: &[u8]) {
        if let Some(index) = self.take(packet)
            && index.saturating_sub(self.walked) >= STEP
        {
            self.walked = index;
            // Of nothing but its number, and thrown away.
            let mut head = [0x80; 12];
            head[2..4].copy_from_slice(&packet[2..4]);
            head[8..].copy_from_slice(&packet[8..12]);
            let _ = self.context.encrypt_rtp(&head);
        }
    }
}

/// Both directions of a leg that is secured, or was.
pub(crate) struct Shield {
    /// One for each key of ours that was agreed on.
    senders: Vec<Sender>,
    /// Which of them is in use; none while the leg goes in the clear.
    at: Option<usize>,
    theirs: Crypto,
    hears: Context,
}

impl fmt::Debug for Shield {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shield").field("suite", &self.suite()).finish_non_exhaustive()
    }
}

impl Shield {
    pub(crate) fn new(ours: Crypto, theirs: Crypto) -> Option<Self> {
        Some(Self { senders: vec![Sender::new(ours)?], at: Some(0), hears: theirs.context()?, theirs })
    }

    /// What a later description says: their new key begins a new receiver, a key of ours that was
    /// not used before a new sender; a key that was keeps its counters. False when it cannot be.
    pub(crate) fn rekey(&mut self, ours: Crypto, theirs: Crypto) -> bool {
        let is_it = |sender: &Sender| (sender.key.suite, sender.key.secret) == (ours.suite, ours.secret);
        let at = self.senders.iter().position(is_it).unwrap_or(self.senders.len());
        if at == self.senders.len() {
            let Some(sender) = Sender::new(ours) else { return false };
            self.senders.push(sender);
        }
        if (self.theirs.suite, self.theirs.secret) != (theirs.suite, theirs.secret) {
            let Some(hears) = theirs.context() else { return false };
            (self.hears, self.theirs) = (hears, theirs);
        }
        self.at = Some(at);
        true
    }

    /// From here on it goes in the clear. What the keys were used for is remembered.
    pub(crate) fn rest(&mut self) {
        self.at = None;
    }

    /// Whether sound is secured by it now.
    pub(crate) fn is_up(&self) -> bool {
        self.at.is_some()
    }

    /// A packet in the clear, in the place of the one that came; its length. None when it is not
    /// authentic, or was heard before.
    pub(crate) fn open(&mut self, buffer: &mut [u8], len: usize) -> Option<usize> {
        let clear = self.hears.decrypt_rtp(buffer.get(..len)?).ok()?;
        Self::put(buffer, &clear)
    }

    /// The same for its control. What says of itself that it is not encrypted is refused: it would be
    /// believed without a look at its tag, which must be authentic all the same (RFC 3711, section 3.4).
    pub(crate) fn open_control(&mut self, buffer: &mut [u8], len: usize) -> Option<usize> {
        if !is_sealed_control(buffer.get(..len)?) {
            return None;
        }
        let clear = self.hears.decrypt_rtcp(buffer.get(..len)?).ok()?;
        Self::put(buffer, &clear)
    }

    fn put(buffer: &mut [u8], clear: &[u8]) -> Option<usize> {
        buffer.get_mut(..clear.len())?.copy_from_slice(clear);
        Some(clear.len())
    }

    /// The suite that is spoken; none in the clear.
    pub(crate) fn suite(&self) -> Option<Suite> {
        Some(self.senders.get(self.at?)?.key.suite)
    }

    /// A packet of ours, sealed. None when its number was used before: it is not to be sent.
    pub(crate) fn seal(&mut self, packet: &[u8]) -> Option<bytes::BytesMut> {
        let mut sealed = None;
        for (at, sender) in self.senders.iter_mut().enumerate() {
            if self.at == Some(at) {
                sealed = sender.seal(packet);
            } else {
                sender.pass(packet);
            }
        }
        sealed
    }

    /// A packet of ours that goes in the clear.
    pub(crate) fn pass(&mut self, packet: &[u8]) {
        self.senders.iter_mut().for_each(|sender| sender.pass(packet));
    }

    pub(crate) fn seal_control(&mut self, packet: &[u8]) -> Option<bytes::BytesMut> {
        self.senders.get_mut(self.at?)?.context.encrypt_rtcp(packet).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

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
        let (ours, theirs) = (here.senders[0].key, here.theirs);
        assert!(here.rekey(fresh, theirs));
        let sealed = here.seal(&packet(4, 4)).unwrap();
        buffer[..sealed.len()].copy_from_slice(&sealed);
        assert_eq!(there.open(&mut buffer.clone(), sealed.len()), None, "by the old key");
        assert!(there.rekey(theirs, fresh));
        assert_eq!(there.open(&mut buffer, sealed.len()), Some(172));
        assert!(ours != fresh);
    }

    #[test]
    fn control_that_nobody_sealed_is_refused_also_where_it_says_that_it_is_in_the_clear() {
        for suite in Suite::ALL {
            let (mut here, mut there) = both(suite);
            let report = [0x80, 201, 0, 1, 0, 0, 0, 7];
            let mut hand = |octets: &[u8]| {
                let mut buffer = [0u8; 300];
                buffer[..octets.len()].copy_from_slice(octets);
                there.open_control(&mut buffer, octets.len())
            };
            let forged = [&report[..], &[0, 0, 0, 9], &[0; 10]].concat();
            assert_eq!(hand(&forged), None, "no key is needed to say that there is none");
            let sealed = here.seal_control(&report).unwrap();
            for cut in 0..sealed.len() {
                assert_eq!(hand(&sealed[..cut]), None, "cut at {cut}");
            }
            assert_eq!(hand(&sealed), Some(8));
        }
    }

    /// Everything that left, by the key that it left under: the same sound under the same number
    /// would look the same again.
    #[derive(Default)]
    struct Air(HashSet<(Suite, Vec<u8>)>, HashSet<(Suite, u32)>);

    impl Air {
        fn sound(&mut self, shield: &mut Shield, seq: u16) -> Vec<u8> {
            let (suite, sealed) = (shield.suite().unwrap(), shield.seal(&packet(seq, 0xd5)).unwrap());
            assert!(self.0.insert((suite, sealed[12..172].to_vec())), "{suite:?} {seq} was used before");
            sealed.to_vec()
        }

        fn report(&mut self, shield: &mut Shield) {
            let (suite, sealed) =
                (shield.suite().unwrap(), shield.seal_control(&[0x80, 201, 0, 1, 0, 0, 0, 7]).unwrap());
            let at = sealed.len() - 14;
            let index = u32::from_be_bytes(sealed[at..at + 4].try_into().unwrap());
            assert!(self.1.insert((suite, index)), "{suite:?} {index} was used before");
        }
    }

    #[test]
    fn r4_1a_no_key_meets_a_packet_index_twice_however_often_the_leg_goes_clear_and_changes_its_suite() {
        let [long, short, theirs] =
            [Suite::Long, Suite::Short, Suite::Long].map(|suite| Crypto::random(1, suite).unwrap());
        let (mut here, mut air) = (Shield::new(long, theirs).unwrap(), Air::default());
        let mut seq = 65_000u16;
        // As many in the clear that the numbers of the stretch before come again; and others.
        for (key, clear) in [(long, 64_836), (short, 64_836), (long, 0), (short, 33_000), (long, 5), (long, 0)] {
            assert!(here.rekey(key, theirs) && here.is_up());
            for _ in 0..700 {
                air.sound(&mut here, seq);
                seq = seq.wrapping_add(1);
            }
            air.report(&mut here);
            air.report(&mut here);
            here.rest();
            let told =
                here.seal(&packet(seq, 1)).is_some() || here.seal_control(&[0x80, 201, 0, 1, 0, 0, 0, 7]).is_some();
            assert!(!told && !here.is_up());
            for _ in 0..clear {
                seq = seq.wrapping_add(1);
                here.pass(&packet(seq, 1));
            }
            seq = seq.wrapping_add(1);
        }
    }

    #[test]
    fn a_number_that_was_used_is_not_sealed_again_and_one_that_comes_late_is() {
        let (mut here, mut there) = both(Suite::Long);
        let sealed = here.seal(&packet(100, 1)).unwrap();
        assert!(here.seal(&packet(100, 2)).is_none(), "other sound under the same number");
        let later = here.seal(&packet(103, 1)).unwrap();
        let between = here.seal(&packet(102, 1)).unwrap();
        assert!(here.seal(&packet(102, 9)).is_none() && here.seal(&packet(103, 9)).is_none());
        let far = here.seal(&packet(400, 1)).unwrap();
        assert!(here.seal(&packet(271, 1)).is_none(), "nobody knows any more");
        assert!(here.seal(&packet(273, 1)).is_some() && here.seal(&packet(300, 1)).is_some());
        for one in [sealed, later, between, far] {
            let mut buffer = [0u8; 300];
            buffer[..one.len()].copy_from_slice(&one);
            assert_eq!(there.open(&mut buffer, one.len()), Some(172));
        }
        assert!(here.seal(&[0x80, 8, 0]).is_none(), "no packet");
    }
}
