//! A bad network between a sender and the recording: what the recording says was lost is what was
//! dropped, and its length is that of what was sent.
//!
//! The network is the same everywhere, a proxy in user space (`tests/sim/src/impair.rs`): in virtual
//! time before the timeline, over real sockets before a carrier's leg and before a browser's.

mod browser;
mod carrier;
mod virtually;

use std::time::Duration;

use songda_media::{Gap, GapKind, Law};

use crate::impair::Fate;

/// Packets whose place is looked at.
const PACKETS: u16 = 300;
/// Others behind them: they show where the last of those belong.
const BEHIND: u16 = 20;
/// What is later than this may have missed its block; the machine is to blame then.
const LATE: Duration = Duration::from_millis(300);
/// Packets before the first block leaves: by the fastest of them the clock is read.
const EARLY: usize = 40;

/// So many in a row of which none is fast leave a block before they are told from a longer way.
const SLOW: usize = 20;

/// Each packet has an octet of A-law of its own among its neighbours, and none of them is quiet.
fn octet(no: u16) -> u8 {
    (0x20 + no % LEVELS) as u8 ^ 0xd5
}

/// So many of them.
const LEVELS: u16 = 96;

/// What became of each packet of the sender, in its order.
struct Sent {
    fates: Vec<Fate>,
    /// The number of the first one, by which its level goes.
    first: u16,
    /// Those that never reached the listener.
    dropped: Vec<u16>,
}

impl Sent {
    /// The network dropped what it says.
    fn new(fates: Vec<Fate>) -> Self {
        let dropped = (0..).zip(&fates).filter(|(_, fate)| fate.left.is_empty()).map(|(no, _)| no).collect();
        Self { fates, first: 0, dropped }
    }

    /// What is tested does not hold: the machine kept the sender or the network from its work; none of
    /// the first packets, by which the clock is read, was as fast as later ones; or by chance so many
    /// packets in a row were slow that a block left before it was known that they were.
    fn is_void(&self) -> bool {
        let begun = self.fates[0].entered;
        let late = |(no, fate): (u32, &Fate)| {
            let left = fate.left.iter().min()?;
            Some(left.saturating_duration_since(begun).as_secs_f64() - f64::from(no) * 0.02)
        };
        let lates: Vec<Option<f64>> = (0..).zip(&self.fates).map(late).collect();
        let least = |lates: &[Option<f64>]| lates.iter().flatten().copied().fold(f64::MAX, f64::min);
        let most = lates.iter().flatten().copied().fold(0.0, f64::max);
        let fastest = least(&lates);
        let slow = lates.windows(SLOW).any(|lates| least(lates) - fastest > 0.03);
        least(&lates[..EARLY]) - fastest > 0.009 || most > LATE.as_secs_f64() || slow
    }

    /// Each packet lies at its place, nothing lies where one was dropped, and the list says exactly
    /// that. The first of them begins at frame `begun`.
    fn agrees(&self, what: &str, channel: &[i16], begun: usize, gaps: &[Gap], which: u8) {
        assert!(!self.dropped.contains(&0), "{what}: another seed, the beginning is no hole");
        let end = usize::from(PACKETS) * 160;
        let there = &channel[begun..];
        for no in 0..PACKETS {
            let there = &there[usize::from(no) * 160..usize::from(no + 1) * 160];
            let wanted = if self.dropped.contains(&no) { 0 } else { Law::Pcma.decode(octet(self.first + no)) };
            assert!(there.iter().all(|sample| *sample == wanted), "{what}: packet {no}: {:?}", &there[..4]);
        }
        let mut holes: Vec<(u64, u64, GapKind)> = Vec::new();
        for from in self.dropped.iter().filter(|no| **no < PACKETS).map(|no| u64::from(*no) * 160) {
            match holes.last_mut() {
                Some((_, to, _)) if *to == from => *to += 160,
                _ => holes.push((from, from + 160, GapKind::Lost)),
            }
        }
        let begun = begun as u64;
        let here = gaps.iter().filter(|gap| gap.channel == which && gap.from_frame >= begun);
        let listed = here.map(|gap| (gap.from_frame - begun, (gap.to_frame - begun).min(end as u64), gap.kind));
        let listed: Vec<_> = listed.filter(|(from, ..)| *from < end as u64).collect();
        assert_eq!(listed, holes, "{what}");
        // Of the last ones it may not be known yet that they were only kept.
        let arrived = (0..self.fates.len()).rev().find(|no| !self.dropped.contains(&(*no as u16)));
        let length = (arrived.unwrap() + 1) * 160;
        assert!((length..length + 8 * 150).contains(&there.len()), "{what}: {} of {length}", there.len());
    }
}
