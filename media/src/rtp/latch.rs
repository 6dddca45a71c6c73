//! Whose packets a port of ours hears, and where it answers.
//!
//! The session description names an address. Behind an address translator packets come from
//! another port, and through some carriers from another address; a port that hears whoever
//! speaks first, though, lets a stranger into the call ("RTP bleed"). So:
//! - the described address is always heard;
//! - within three seconds of a description the first valid packet from another port of it is
//!   heard too, and from another address only where the trunk is set to that ([`MediaSource`]),
//!   or where the other end is known to be there by its signalling (a desk phone behind a
//!   translator describes an address of its own network, and registered from the public one);
//! - from then on nobody else is, until another description comes; and we answer there
//!   (symmetric RTP, RFC 4961);
//! - who was heard before another description still has packets under way: they are heard as long as
//!   nobody new is, and decide nothing for a third of that time;
//! - nobody is heard above three times the agreed rate; what waited while the machine, or the way
//!   to it, stood still is not above it.

use std::{
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use crate::rate::Allowance;

/// So long after a description the first packet decides.
pub(crate) const WINDOW: Duration = Duration::from_secs(3);
/// Largest payload of sound that is taken: 120 ms.
const LARGEST: usize = 960;

/// Whose packets are heard at a carrier's port beside those of the described address, and where we
/// then answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MediaSource {
    /// Nobody's; we send to the described address.
    Strict,
    /// Those from another port of the described address.
    #[default]
    Port,
    /// Those from anywhere: the carrier's sound comes through an address translator.
    Any,
}

/// What a session description says of the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Described {
    pub(crate) address: SocketAddr,
    /// Its packets may come from another address.
    pub(crate) nat: bool,
    /// A port that another call had a moment ago hears no other port.
    pub(crate) strict: bool,
    /// Packets in a second.
    pub(crate) rate: u32,
    /// So long the first packet may decide.
    pub(crate) within: Duration,
}

/// The rules for one port.
#[derive(Debug, Default)]
pub(crate) struct Latch {
    described: Option<Described>,
    /// Addresses from which its signalling came.
    known: Vec<IpAddr>,
    open_until: Option<Instant>,
    heard: Option<SocketAddr>,
    /// Who had its place before the present description, and until when that decides nothing.
    over: Option<(SocketAddr, Instant)>,
    allowance: Allowance,
    foreign: u64,
}

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Heard,
    /// It is somebody else's, or none that could begin.
    Foreign,
    /// There are too many.
    Excess,
}

impl Latch {
    /// What the last description says. Another address begins anew; the same one again gives a
    /// silent end another three seconds.
    pub(crate) fn describe(&mut self, now: Instant, described: Described) {
        if self.described.is_none_or(|old| old.address != described.address) {
            self.over = self.answers_to().map(|old| (old, now + described.within / 3));
            self.heard = None;
        }
        if self.described.is_none() {
            self.allowance = Allowance::of(described.rate);
        }
        self.described = Some(described);
        self.open_until = Some(now + described.within);
    }

    /// Its signalling comes from one of these addresses, and so may its packets.
    pub(crate) fn know(&mut self, addresses: &[IpAddr]) {
        self.known = addresses.iter().map(IpAddr::to_canonical).collect();
    }

    /// Where we send to.
    pub(crate) fn answers_to(&self) -> Option<SocketAddr> {
        self.heard.or(self.described.map(|described| described.address))
    }

    /// Whether a packet of this source could be heard at all.
    pub(crate) fn may(&self, now: Instant, from: SocketAddr) -> bool {
        let Some(described) = self.described else { return false };
        if from == described.address || self.heard == Some(from) {
            return true;
        }
        let open = self.heard.is_none() && self.open_until.is_some_and(|until| now < until);
        let ip = from.ip();
        let its = || ip == described.address.ip() || self.known.contains(&ip.to_canonical());
        open && !described.strict && (described.nat || its())
    }

    /// Whether RTCP from here is the other end's: its own port is another one.
    pub(crate) fn is_its_machine(&self, from: SocketAddr) -> bool {
        self.answers_to().is_some_and(|address| address.ip() == from.ip())
    }

    /// Decides on a packet; `agreed` when its payload type was.
    pub(crate) fn admit(&mut self, now: Instant, from: SocketAddr, packet: &[u8], agreed: bool) -> Verdict {
        let known = self.heard == Some(from);
        if !self.may(now, from) || !(known || (agreed && is_plausible(packet))) {
            self.foreign += 1;
            return Verdict::Foreign;
        }
        self.settle(now, from);
        if !self.affords(now) {
            return Verdict::Excess;
        }
        Verdict::Heard
    }

    /// A valid packet came from there: it alone, or the described address, is heard from here on, and
    /// answered. What is still under way from where the other end was before decides nothing.
    pub(crate) fn settle(&mut self, now: Instant, from: SocketAddr) {
        let described = self.described.is_some_and(|described| described.address == from);
        let over = self.over.is_some_and(|(old, until)| old == from && now < until);
        if self.may(now, from) && (described || !over) {
            self.heard = Some(from);
        }
    }

    /// A packet that nobody could be heard with.
    pub(crate) fn refuse(&mut self) {
        self.foreign += 1;
    }

    /// Whether it may send one more packet.
    pub(crate) fn affords(&mut self, now: Instant) -> bool {
        self.described.is_some_and(|described| self.allowance.affords(now, described.rate))
    }

    pub(crate) fn foreign(&self) -> u64 {
        self.foreign
    }

    pub(crate) fn excess(&self) -> u64 {
        self.allowance.excess()
    }
}

/// Version 2, a header that fits, and a payload that is neither empty nor larger than sound is.
fn is_plausible(packet: &[u8]) -> bool {
    let Some(first) = packet.first() else { return false };
    let mut header = 12 + usize::from(first & 0x0f) * 4;
    if first & 0x10 != 0 {
        let Some([high, low]) = packet.get(header + 2..header + 4) else { return false };
        header += 4 + usize::from(u16::from_be_bytes([*high, *low])) * 4;
    }
    first >> 6 == 2 && packet.len() > header && packet.len() - header <= LARGEST
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const SOUND: [u8; 172] = {
        let mut packet = [0xd5; 172];
        packet[0] = 0x80;
        packet[1] = 8;
        packet
    };

    fn at(ip: [u8; 4], port: u16) -> SocketAddr {
        SocketAddr::from((ip, port))
    }

    fn described(nat: bool) -> Described {
        Described { address: at([192, 0, 2, 1], 4_000), nat, strict: false, rate: 50, within: WINDOW }
    }

    fn latch(t0: Instant, nat: bool) -> Latch {
        let mut latch = Latch::default();
        latch.describe(t0, described(nat));
        latch
    }

    #[test]
    fn the_first_valid_packet_of_the_described_machine_decides_within_three_seconds() {
        let t0 = Instant::now();
        let other_port = at([192, 0, 2, 1], 5_000);
        let mut open = latch(t0, false);
        assert_eq!(open.admit(t0 + MS * 2_999, other_port, &SOUND, true), Verdict::Heard);
        assert_eq!(open.answers_to(), Some(other_port), "symmetric");
        let mut shut = latch(t0, false);
        assert_eq!(shut.admit(t0 + WINDOW, other_port, &SOUND, true), Verdict::Foreign);
        assert_eq!(shut.answers_to(), Some(described(false).address));
        assert_eq!(shut.admit(t0 + WINDOW, described(false).address, &SOUND, true), Verdict::Heard);
    }

    #[test]
    fn what_is_no_sound_of_the_agreed_kind_decides_nothing() {
        let t0 = Instant::now();
        let other_port = at([192, 0, 2, 1], 5_000);
        let mut latch = latch(t0, false);
        let mut version = SOUND;
        version[0] = 0x40;
        let mut extended = SOUND;
        (extended[0], extended[14], extended[15]) = (0x90, 0xff, 0xff);
        for packet in [&version[..], &extended, &SOUND[..12], &SOUND[..4], &[], &[0x80; 1_400]] {
            assert_eq!(latch.admit(t0, other_port, packet, true), Verdict::Foreign, "{} octets", packet.len());
        }
        assert_eq!(latch.admit(t0, other_port, &SOUND, false), Verdict::Foreign, "another payload type");
        assert_eq!((latch.heard, latch.foreign()), (None, 7));
    }

    #[test]
    fn another_machine_is_heard_only_where_the_trunk_is_set_to_it() {
        let t0 = Instant::now();
        let elsewhere = at([198, 51, 100, 7], 4_000);
        assert_eq!(latch(t0, false).admit(t0, elsewhere, &SOUND, true), Verdict::Foreign);
        let mut open = latch(t0, true);
        assert_eq!(open.admit(t0, elsewhere, &SOUND, true), Verdict::Heard);
        assert_eq!(open.answers_to(), Some(elsewhere));
        assert_eq!(latch(t0, true).admit(t0 + WINDOW, elsewhere, &SOUND, true), Verdict::Foreign);
    }

    #[test]
    fn another_machine_is_heard_where_the_signalling_of_this_end_came_from_there() {
        let t0 = Instant::now();
        let public = at([198, 51, 100, 7], 40_000);
        let behind = || {
            let mut latch = Latch::default();
            latch.know(&["203.0.113.9".parse().unwrap(), "::ffff:198.51.100.7".parse().unwrap()]);
            latch.describe(t0, Described { address: at([10, 1, 2, 3], 4_000), ..described(false) });
            latch
        };
        let mut latch = behind();
        assert_eq!(latch.admit(t0, at([198, 51, 100, 8], 40_000), &SOUND, true), Verdict::Foreign, "a third party");
        assert_eq!(latch.admit(t0, public, &SOUND, false), Verdict::Foreign, "another payload type");
        assert_eq!(latch.answers_to(), Some(at([10, 1, 2, 3], 4_000)));
        assert_eq!(latch.admit(t0, public, &SOUND, true), Verdict::Heard);
        assert_eq!(latch.answers_to(), Some(public));
        // From then on as ever: nobody else, not even from there.
        for stranger in [at([198, 51, 100, 7], 40_002), at([203, 0, 113, 9], 4_000)] {
            assert_eq!(latch.admit(t0, stranger, &SOUND, true), Verdict::Foreign);
        }
        assert_eq!(behind().admit(t0 + WINDOW, public, &SOUND, true), Verdict::Foreign, "too late");
        let mut strict = behind();
        strict.describe(t0, Described { strict: true, ..described(false) });
        assert_eq!(strict.admit(t0, public, &SOUND, true), Verdict::Foreign, "a port that was another call's");
    }

    #[test]
    fn once_somebody_is_heard_nobody_else_is_but_the_described_address() {
        let t0 = Instant::now();
        let (first, second) = (at([192, 0, 2, 1], 5_000), at([192, 0, 2, 1], 6_000));
        let mut latch = latch(t0, true);
        assert_eq!(latch.admit(t0, first, &SOUND, true), Verdict::Heard);
        for stranger in [second, at([198, 51, 100, 7], 5_000)] {
            assert_eq!(latch.admit(t0 + MS, stranger, &SOUND, true), Verdict::Foreign);
        }
        assert_eq!(latch.foreign(), 2);
        // An SSRC of its own helps a stranger as little, and the known source may change its own.
        let mut changed = SOUND;
        changed[8..12].copy_from_slice(&[9; 4]);
        assert_eq!(latch.admit(t0 + MS, second, &changed, true), Verdict::Foreign);
        assert_eq!(latch.admit(t0 + MS, first, &changed, true), Verdict::Heard);
        assert_eq!(latch.admit(t0 + MS, described(true).address, &SOUND, true), Verdict::Heard, "the right one counts");
        assert_eq!(latch.admit(t0 + MS, first, &SOUND, true), Verdict::Foreign, "and then it alone");
        // Comfort noise and the like may come from who is known.
        assert_eq!(latch.admit(t0 + MS, described(true).address, &SOUND, false), Verdict::Heard);
    }

    #[test]
    fn another_description_begins_anew_and_the_same_one_keeps_who_is_heard() {
        let t0 = Instant::now();
        let (old, new) = (at([192, 0, 2, 1], 5_000), at([192, 0, 2, 9], 7_000));
        let mut latch = latch(t0, false);
        assert_eq!(latch.admit(t0, old, &SOUND, true), Verdict::Heard);
        latch.describe(t0 + 5_000 * MS, described(false));
        assert_eq!(latch.answers_to(), Some(old));
        latch.describe(t0 + 6_000 * MS, Described { address: new, ..described(false) });
        assert_eq!(latch.admit(t0 + 6_001 * MS, old, &SOUND, true), Verdict::Foreign, "the old machine is over");
        assert_eq!(latch.admit(t0 + 6_002 * MS, at([192, 0, 2, 9], 7_002), &SOUND, true), Verdict::Heard);
    }

    #[test]
    fn r4_1a_what_is_under_way_from_the_old_end_does_not_keep_the_new_one_out() {
        let t0 = Instant::now();
        let moved = t0 + 6_000 * MS;
        // Another machine behind a translator; one machine with other ports, translated; and one that
        // speaks from where it says.
        let cases = [
            (true, at([192, 0, 2, 1], 4_000), at([192, 0, 2, 9], 7_000), at([198, 51, 100, 7], 9_000)),
            (false, at([192, 0, 2, 1], 5_000), at([192, 0, 2, 1], 4_002), at([192, 0, 2, 1], 5_002)),
            (false, at([192, 0, 2, 1], 4_000), at([192, 0, 2, 1], 4_002), at([192, 0, 2, 1], 4_002)),
        ];
        for (nat, old, address, new) in cases {
            let begun = || {
                let mut latch = latch(t0, nat);
                assert_eq!(latch.admit(t0, old, &SOUND, true), Verdict::Heard);
                latch.describe(moved, Described { address, ..described(nat) });
                assert_eq!(latch.admit(moved + 5 * MS, old, &SOUND, true), Verdict::Heard, "it is still the party");
                latch.settle(moved + 6 * MS, old);
                assert_eq!(latch.answers_to(), Some(address), "who goes decides nothing");
                latch
            };
            let mut latch = begun();
            assert_eq!(latch.admit(moved + 40 * MS, new, &SOUND, true), Verdict::Heard, "{new}");
            assert_eq!(latch.answers_to(), Some(new));
            assert_eq!(latch.admit(moved + 41 * MS, old, &SOUND, true), Verdict::Foreign, "the old end is over");
            // Who says another address and goes on from the same one is it after all.
            let mut latch = begun();
            assert_eq!(latch.admit(moved + WINDOW / 3, old, &SOUND, true), Verdict::Heard);
            assert_eq!(latch.answers_to(), Some(old));
        }
        // Back to the first address: it is the described one, and nobody before it.
        let mut latch = latch(t0, false);
        let (first, music) = (described(false).address, at([192, 0, 2, 1], 6_000));
        assert_eq!(latch.admit(t0, first, &SOUND, true), Verdict::Heard);
        latch.describe(moved, Described { address: music, ..described(false) });
        latch.describe(moved + MS, described(false));
        assert_eq!(latch.admit(moved + 2 * MS, first, &SOUND, true), Verdict::Heard);
        assert_eq!((latch.heard, latch.answers_to()), (Some(first), Some(first)));
    }

    #[test]
    fn nobody_is_heard_above_three_times_the_agreed_rate() {
        let t0 = Instant::now();
        let mut latch = latch(t0, false);
        let from = described(false).address;
        // Ten times the rate for ten seconds: one second's allowance and what is earned.
        let heard = (0..5_000u32).filter(|no| latch.admit(t0 + *no * 2 * MS, from, &SOUND, true) == Verdict::Heard);
        let heard = heard.count();
        assert!((1_640..=1_660).contains(&heard), "{heard}");
        assert_eq!(latch.excess(), 5_000 - heard as u64);
        let mut calm = super::Latch::default();
        calm.describe(t0, described(false));
        let heard = (0..5_000u32).filter(|no| calm.admit(t0 + *no * 20 * MS, from, &SOUND, true) == Verdict::Heard);
        assert_eq!(heard.count(), 5_000, "an honest sender is never checked");
    }

    #[test]
    fn what_waited_while_nothing_was_read_is_heard_and_no_more() {
        let t0 = Instant::now();
        let from = described(false).address;
        for seconds in [1, 5, 20] {
            let mut latch = latch(t0, false);
            for no in 0..100 {
                assert_eq!(latch.admit(t0 + no * 20 * MS, from, &SOUND, true), Verdict::Heard);
            }
            // All that was sent meanwhile, and what an allowance is for.
            let then = t0 + 2_000 * MS + seconds * 1_000 * MS;
            let heard = (0..2_000).filter(|_| latch.admit(then, from, &SOUND, true) == Verdict::Heard).count() as u32;
            assert!((50 * seconds + 150..=50 * seconds + 155).contains(&heard), "{seconds} s: {heard}");
            // From then on as ever.
            let later = (1..5_000).filter(|no| latch.admit(then + *no * 2 * MS, from, &SOUND, true) == Verdict::Heard);
            let later = later.count();
            assert!((1_490..=1_510).contains(&later), "{seconds} s: {later}");
        }
    }

    #[test]
    fn a_port_that_was_another_calls_a_moment_ago_hears_the_described_address_alone() {
        let t0 = Instant::now();
        let mut latch = Latch::default();
        latch.describe(t0, Described { strict: true, ..described(false) });
        assert_eq!(latch.admit(t0, at([192, 0, 2, 1], 5_000), &SOUND, true), Verdict::Foreign);
        assert_eq!(latch.admit(t0, described(false).address, &SOUND, true), Verdict::Heard);
    }
}
