//! One source of packets: where its clock stands beside ours, piece by piece.

use super::past::Past;
use crate::{PACKET, RATE};

/// Over this long the least delayed packet is looked for.
const WINDOW: u64 = 4 * RATE as u64;
/// A clock that ran away by this much is followed at the next quiet packet: 10 ms.
pub(super) const APART: i64 = PACKET as i64 / 2;
/// By this much it is followed at once: 20 ms.
const FAR: i64 = PACKET as i64;
/// A packet that came so much before its time shows that the clock was read wrong: 30 ms.
pub(super) const EARLY: i64 = PACKET as i64 * 3 / 2;
/// A packet that is later than this and was not overtaken lies where it arrived: 40 ms.
const DOUBT: i64 = 2 * PACKET as i64;
/// What is caught up where nothing is quiet is caught up by 10 ms in this time: 0.2 s.
const PATIENCE: u64 = RATE as u64 / 5;
/// A packet whose number belongs to another run, and which was sent so much before or behind the
/// moment at which it came, is the first of a sender that begins anew: 2 s.
const ANEW: i64 = 2 * RATE as i64;
/// Frames of the longest packet.
pub(super) const LONGEST: i64 = 6 * PACKET as i64;
/// Pieces of a clock that are remembered.
const PIECES: usize = 8;

/// How the channel is to be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slip {
    No,
    /// By 10 ms, this way, where it is quiet.
    Quiet(i64),
    /// By 10 ms, this way, now.
    Now(i64),
}

/// Whether a packet is of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    No,
    /// Its number says so, or its timestamp, and the other does not.
    Half,
    Wholly,
}

/// A piece of the source's clock: from this offset on, offset 0 is frame `base`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub(super) offset: i64,
    pub(super) base: i64,
    /// By so much it may turn out to have been begun too late.
    pub(super) room: i64,
    /// The edge when it was begun.
    pub(super) edge: u64,
    /// What was sent before it and comes after it lies by this one too: the way became shorter.
    pub(super) shorter: bool,
}

impl Piece {
    /// Where it begins.
    pub(super) fn start(&self) -> i64 {
        self.base + self.offset
    }
}

#[derive(Debug)]
pub(super) struct Source {
    pub(super) id: u64,
    /// Packets of the other end, and none of our own making.
    pub(super) heard: bool,
    /// Behind its last sample.
    pub(super) end: i64,
    pub(super) heard_at: u64,
    /// The oldest first; never empty.
    pieces: [Piece; PIECES],
    count: usize,
    last_timestamp: u32,
    last_offset: i64,
    /// Of the newest packet.
    pub(super) high: i64,
    window_from: u64,
    least: Option<i64>,
    slip: Slip,
    /// By how much it is known to lie too late: it came before its time, and there was no room.
    pub(super) surplus: i64,
    forced_at: u64,
    /// No sample before is cut again.
    pub(super) cut_to: u64,
    pub(super) past: Past,
}

impl Source {
    /// Its first packet begins at frame `base`.
    pub(super) fn new(now: u64, id: u64, timestamp: u32, base: i64, edge: u64, heard: bool) -> Self {
        let first = Piece { offset: 0, base, room: i64::MAX / 4, edge, shorter: false };
        Self {
            id,
            heard,
            end: base,
            heard_at: now,
            pieces: [first; PIECES],
            count: 1,
            last_timestamp: timestamp,
            last_offset: 0,
            high: 0,
            window_from: now,
            least: None,
            slip: Slip::No,
            surplus: 0,
            forced_at: now,
            cut_to: 0,
            past: Past::default(),
        }
    }

    /// Frames from its first packet on, over any number of wraps of the timestamp.
    pub(super) fn offset(&mut self, timestamp: u32) -> i64 {
        self.last_offset = self.offset_of(timestamp);
        self.last_timestamp = timestamp;
        self.last_offset
    }

    pub(super) fn offset_of(&self, timestamp: u32) -> i64 {
        self.last_offset + i64::from(timestamp.wrapping_sub(self.last_timestamp) as i32)
    }

    /// Whether this packet is one of its own, and not of a sender that goes by the same SSRC and has
    /// begun anew, with other numbers and another clock.
    pub(super) fn fits(&self, seq: u16, timestamp: u32, arrival: i64) -> Fit {
        let offset = self.offset_of(timestamp);
        let near = self.frame(offset).abs_diff(arrival) <= ANEW as u64;
        match (self.past.is_another_run(seq), near) {
            (false, true) => Fit::Wholly,
            (true, false) if !self.is_overtaken(seq, offset) => Fit::No,
            _ => Fit::Half,
        }
    }

    /// Whether others that were sent after it came before it: its number and its timestamp both
    /// say so.
    pub(super) fn is_overtaken(&self, seq: u16, offset: i64) -> bool {
        let behind = self.past.behind(seq).map_or(0, i64::from);
        (1..=behind * LONGEST).contains(&(self.high - offset))
    }

    /// A packet lies before its first one: what is known of that one holds for it, too.
    pub(super) fn reach_back(&mut self, offset: i64) {
        let first = &mut self.pieces[0];
        if offset < first.offset {
            first.offset = offset;
        }
    }

    pub(super) fn pieces(&mut self) -> &mut [Piece] {
        &mut self.pieces[..self.count]
    }

    pub(super) fn newest(&self) -> Piece {
        self.pieces[self.count - 1]
    }

    /// The frame of a sample.
    pub(super) fn frame(&self, offset: i64) -> i64 {
        let pieces = &self.pieces[..self.count];
        let no = pieces.iter().rposition(|piece| piece.offset <= offset).unwrap_or(0);
        let shorter = pieces[no + 1..].iter().filter(|piece| piece.shorter).map(|piece| piece.base);
        shorter.fold(pieces[no].base, i64::min) + offset
    }

    /// By how much it is to be pulled back when a packet came too early by so much: who is nearly
    /// as he was before is as he was.
    pub(super) fn wanted(&self, early: i64) -> i64 {
        let rooms = self.pieces[1..self.count].iter().rev().map(|piece| piece.room);
        let mut before = rooms.scan(0, |sum, room| {
            *sum += room;
            Some(*sum)
        });
        before.find(|sum| *sum >= early).filter(|sum| sum - early <= EARLY).unwrap_or(early)
    }

    /// From this sample on the clock stands elsewhere.
    pub(super) fn begin(&mut self, offset: i64, by: i64, room: i64, edge: u64) {
        let newest = self.newest();
        let piece = Piece { offset, base: newest.base + by, room, edge, shorter: false };
        if newest.offset >= offset && room == 0 {
            self.pieces[self.count - 1].base += by;
            return;
        }
        if self.count == PIECES {
            self.pieces.copy_within(1.., 0);
            self.count -= 1;
        }
        self.pieces[self.count] = piece;
        self.count += 1;
    }

    /// From this sample on it comes so much earlier.
    pub(super) fn shorten(&mut self, offset: i64, by: i64, edge: u64) {
        self.begin(offset, -by, 0, edge);
        self.pieces[self.count - 1].shorter = true;
    }

    /// Its timestamps begin anew: this sample lies there, and nothing is known of those before.
    pub(super) fn begin_anew(&mut self, offset: i64, at: i64, edge: u64) {
        self.pieces[0] = Piece { offset, base: at - offset, room: 0, edge, shorter: false };
        self.count = 1;
        self.past = Past::default();
    }

    /// A piece that was wholly taken back is none.
    pub(super) fn join(&mut self) {
        while self.count > 1 && self.newest().base == self.pieces[self.count - 2].base {
            self.count -= 1;
        }
    }

    /// Whether a packet that comes in its turn lies where it arrived, and not where its
    /// timestamp says.
    pub(super) fn is_late(late: i64) -> bool {
        late > DOUBT
    }

    /// A packet that is placed now was so late: its clock is followed.
    pub(super) fn follow(&mut self, now: u64, late: i64) {
        self.least = Some(self.least.map_or(late, |least| least.min(late)));
        if now >= self.window_from + WINDOW {
            let least = self.least.take().unwrap_or(0);
            self.window_from = now;
            self.surplus = self.surplus.min(-least).max(0);
            self.slip = match least.abs() {
                ..APART => Slip::No,
                APART..FAR => Slip::Quiet(least.signum()),
                FAR.. => Slip::Now(least.signum()),
            };
        }
        if self.surplus >= FAR && late <= -APART {
            let waited = now >= self.forced_at + PATIENCE;
            self.slip = if waited { Slip::Now(-1) } else { Slip::Quiet(-1) };
        }
    }

    /// How the channel is to be moved.
    pub(super) fn slip(&self) -> Slip {
        self.slip
    }

    /// It was moved, so much is left to do.
    pub(super) fn slipped(&mut self, now: u64, by: i64) {
        self.least = self.least.map(|least| least - by);
        self.surplus = (self.surplus + by).max(0);
        (self.slip, self.forced_at) = (Slip::No, now);
    }

    /// From which frame on its samples may still be moved.
    pub(super) fn reach(&self, flushed: u64) -> u64 {
        let newest = u64::try_from(self.newest().start()).unwrap_or(0);
        flushed.max(newest).max(self.cut_to)
    }

    /// It has the channel again after a while: its clock goes on, its numbers do not.
    pub(super) fn return_at(&mut self, now: u64, at: i64) {
        self.end = at;
        self.past = Past::default();
        self.forget(now);
    }

    /// Frames from there on were moved.
    pub(super) fn moved(&mut self, from: i64, by: i64) {
        self.end += by;
        self.past.moved(from, by);
    }

    /// What was thought of its clock.
    pub(super) fn forget(&mut self, now: u64) {
        (self.least, self.window_from) = (None, now);
        (self.slip, self.surplus) = (Slip::No, 0);
    }
}
