//! One source of packets: where its clock stands beside ours, and what its numbers tell.

use super::track::Slot;
use crate::{PACKET, RATE};

/// Over this long the least delayed packet is looked for.
const WINDOW: u64 = 4 * RATE as u64;
/// A clock that ran away by this much is followed at the next quiet packet: 10 ms.
pub(super) const APART: i64 = PACKET as i64 / 2;
/// By this much it is followed at once: 20 ms.
const FAR: i64 = PACKET as i64;
/// A packet that came so much before its time shows that the clock was read wrong: 30 ms.
const EARLY: i64 = PACKET as i64 * 3 / 2;
/// A packet that is later than this is held until it is known why: 40 ms.
const DOUBT: i64 = 2 * PACKET as i64;
/// Who is as late for so long, and with so many packets, will be later from now on. Less than
/// the edge, so that what was held still finds its place.
const CERTAIN: u64 = RATE as u64 * 3 / 10;
const PACKETS: u32 = 5;
/// Numbers that are remembered: more than a second.
const PAST: usize = 64;
/// Numbers that jump further are another run (RFC 3550, appendix A.1).
const DROPOUT: u16 = 3_000;

/// What came: who sent it, its number if it has one, its timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) source: u64,
    pub(super) seq: Option<u16>,
    pub(super) timestamp: u32,
}

/// What is to become of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It belongs where its timestamp says.
    Usual,
    /// It came before its time, which cannot be: the clock was read wrong by so much.
    Early(i64),
    /// It is late: either the network kept it, and what follows will be on time again, or the
    /// sender stood still, and what follows will be as late.
    Held,
}

/// How the channel is to be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slip {
    No,
    /// By 10 ms, this way, where it is quiet.
    Quiet(i64),
    /// By 10 ms, this way, now.
    Now(i64),
}

#[derive(Debug)]
struct Doubt {
    since: u64,
    /// How late the packets were when that began.
    reference: i64,
    least: i64,
    packets: u32,
}

#[derive(Debug)]
pub(super) struct Source {
    pub(super) id: u64,
    /// Frame of offset 0.
    pub(super) base: i64,
    /// Where it took the channel over.
    pub(super) from: i64,
    /// Behind its last sample.
    pub(super) end: i64,
    last_timestamp: u32,
    last_offset: i64,
    window_from: u64,
    least: Option<i64>,
    slip: Slip,
    doubt: Option<Doubt>,
    pub(super) past: Past,
}

impl Source {
    /// Its first packet begins at frame `base`.
    pub(super) fn new(now: u64, stamp: Stamp, base: i64) -> Self {
        Self {
            id: stamp.source,
            base,
            from: base,
            end: base,
            last_timestamp: stamp.timestamp,
            last_offset: 0,
            window_from: now,
            least: None,
            slip: Slip::No,
            doubt: None,
            past: Past::default(),
        }
    }

    /// Frames from its first packet on, over any number of wraps of the timestamp.
    pub(super) fn offset(&mut self, timestamp: u32) -> i64 {
        self.last_offset += i64::from(timestamp.wrapping_sub(self.last_timestamp) as i32);
        self.last_timestamp = timestamp;
        self.last_offset
    }

    /// What a packet that is so late tells.
    pub(super) fn judge(&mut self, now: u64, late: i64) -> Verdict {
        if late > DOUBT {
            let doubt = self.doubt.get_or_insert(Doubt { since: now, reference: late, least: late, packets: 0 });
            // What the network kept comes faster than it was sent.
            if late < doubt.reference - FAR {
                *doubt = Doubt { since: now, reference: late, least: late, packets: 0 };
            }
            doubt.least = doubt.least.min(late);
            doubt.packets += 1;
            return Verdict::Held;
        }
        self.doubt = None;
        if late < -EARLY {
            return Verdict::Early(late);
        }
        self.least = Some(self.least.map_or(late, |least| least.min(late)));
        if now >= self.window_from + WINDOW {
            let least = self.least.take().unwrap_or(0);
            self.window_from = now;
            self.slip = match least.abs() {
                ..APART => Slip::No,
                APART..FAR => Slip::Quiet(least.signum()),
                FAR.. => Slip::Now(least.signum()),
            };
        }
        Verdict::Usual
    }

    /// How the channel is to be moved.
    pub(super) fn slip(&self) -> Slip {
        self.slip
    }

    /// It was moved, so much is left to do.
    pub(super) fn slipped(&mut self, by: i64) {
        self.base += by;
        self.least = self.least.map(|least| least - by);
        self.slip = Slip::No;
    }

    /// How late its packets are from now on, once it is certain.
    pub(super) fn later(&self, now: u64) -> Option<i64> {
        let doubt = self.doubt.as_ref()?;
        (doubt.packets >= PACKETS && now >= doubt.since + CERTAIN).then_some(doubt.least)
    }

    /// The same when nothing more comes that would tell: what the few packets say.
    pub(super) fn lateness(&self, now: u64) -> Option<i64> {
        let few = |doubt: &&Doubt| doubt.packets < PACKETS && now >= doubt.since + CERTAIN;
        self.doubt.as_ref().filter(few).map(|doubt| doubt.least)
    }

    /// Its clock is read anew.
    pub(super) fn anchor(&mut self, now: u64, by: i64) {
        self.base += by;
        self.forget(now);
    }

    /// From which frame on its samples may still be moved.
    pub(super) fn reach(&self, flushed: u64) -> u64 {
        flushed.max(u64::try_from(self.from).unwrap_or(0))
    }

    /// It has the channel again from this frame on; its clock goes on, its numbers do not.
    pub(super) fn return_at(&mut self, now: u64, at: i64) {
        (self.from, self.end) = (at, at);
        self.past = Past::default();
        self.forget(now);
    }

    /// Frames from there on were moved.
    pub(super) fn moved(&mut self, from: i64, by: i64) {
        self.end += by;
        self.past.moved(from, by);
    }

    /// What was thought of its clock.
    fn forget(&mut self, now: u64) {
        (self.least, self.window_from) = (None, now);
        (self.slip, self.doubt) = (Slip::No, None);
    }
}

/// A packet that was placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Placed {
    seq: u16,
    timestamp: u32,
    from: i64,
    to: i64,
}

/// The numbers of the last packets, and where they lie.
#[derive(Debug)]
pub(super) struct Past {
    placed: [Option<Placed>; PAST],
    highest: Option<u16>,
}

impl Default for Past {
    fn default() -> Self {
        Self { placed: [None; PAST], highest: None }
    }
}

impl Past {
    fn get(&self, seq: u16) -> Option<Placed> {
        self.placed[usize::from(seq) % PAST].filter(|placed| placed.seq == seq)
    }

    /// Whether this very packet came before.
    pub(super) fn knows(&self, seq: u16, timestamp: u32) -> bool {
        self.get(seq).is_some_and(|placed| placed.timestamp == timestamp)
    }

    /// A packet lies there now: what that tells of the frames before and behind it.
    pub(super) fn note(&mut self, seq: u16, timestamp: u32, from: i64, to: i64) -> [Option<(i64, i64, Slot)>; 2] {
        let step = self.highest.map_or(0, |highest| seq.wrapping_sub(highest));
        if (DROPOUT..DROPOUT.wrapping_neg()).contains(&step) {
            *self = Self::default();
        }
        let newest = self.highest.filter(|_| step < DROPOUT);
        let before = match self.get(seq.wrapping_sub(1)) {
            Some(before) => Some((before.to, from, Slot::Unsent)),
            None => newest.and_then(|newest| self.get(newest)).map(|before| (before.to, from, Slot::Lost)),
        };
        let behind = self.get(seq.wrapping_add(1)).map(|next| (to, next.from, Slot::Unsent));
        if self.highest.is_none() || (1..DROPOUT).contains(&step) {
            self.highest = Some(seq);
        }
        self.placed[usize::from(seq) % PAST] = Some(Placed { seq, timestamp, from, to });
        [before, behind]
    }

    fn moved(&mut self, from: i64, by: i64) {
        for placed in self.placed.iter_mut().flatten() {
            if placed.from >= from {
                placed.from += by;
            }
            if placed.to > from {
                placed.to += by;
            }
        }
    }
}
