//! Where a packet lies.
//!
//! It is put down at once. What turns out to lie too late, because the next ones show that the
//! network only kept it, is pulled back into the room before it as long as that has not left.

use super::{
    BLOCK, EDGE, Timeline,
    gaps::GapKind,
    slots::Slot,
    source::{APART, EARLY, Fit, LONGEST, Slip, Source},
    track::{Over, QUIET, RING},
};
use crate::{PACKET, RATE};

/// Nothing lies later than it arrived by more: 0.4 s. What cannot be caught up within is cut.
const BEHIND: i64 = RATE as i64 * 2 / 5;
/// A hole that is longer is no few packets that are missing.
const LONG: i64 = 10 * PACKET as i64;
/// Who was away for longer has lost count: 1 s.
const AWAY: u64 = RATE as u64;

impl Timeline {
    /// Puts a packet of the other end down.
    pub(super) fn sound(
        &mut self,
        channel: usize,
        now: u64,
        (ssrc, seq, timestamp): (u32, u16, u32),
        samples: impl ExactSizeIterator<Item = i16>,
    ) {
        let len = samples.len() as i64;
        let arrival = now as i64 - len;
        let stamp = (seq, timestamp);
        let fits = |source: &Source| {
            let is = source.id == u64::from(ssrc) && source.heard;
            if is { source.fits(seq, timestamp, arrival) } else { Fit::No }
        };
        self.turn(channel, now, fits, (ssrc.into(), timestamp), arrival, true);
        if self.is_over(channel, now, ssrc, stamp, arrival) {
            return;
        }
        let Some(source) = &mut self.lanes[channel].source else { return };
        source.heard_at = now;
        let offset = source.offset(timestamp);
        if source.is_overtaken(seq, offset) {
            source.reach_back(offset);
        } else {
            source.high = offset;
            let missing = i64::from(source.past.missing(seq));
            self.read(channel, now, (offset, len, missing), arrival);
        }
        self.put(channel, now, offset, Some(stamp), samples);
    }

    /// Whether this very packet came before. Where several in a row did, or come too late by far, the
    /// sender has begun anew at its old numbers: what came of it so far is missing.
    fn is_over(&mut self, channel: usize, now: u64, ssrc: u32, (seq, timestamp): (u16, u32), arrival: i64) -> bool {
        let lane = &mut self.lanes[channel];
        let Some(source) = &mut lane.source else { return true };
        let is_known = source.past.knows(seq, timestamp);
        let is_old = is_known || {
            let offset = source.offset_of(timestamp);
            source.is_overtaken(seq, offset) && arrival - source.frame(offset) > EDGE as i64
        };
        if !is_old {
            lane.probation.end();
            return false;
        }
        if !lane.probation.is_passed(seq) {
            return is_known;
        }
        lane.before = lane.source.replace(Source::new(now, ssrc.into(), timestamp, arrival, self.flushed, true));
        lane.track.mark(u64::try_from(arrival).unwrap_or(0).max(self.flushed));
        false
    }

    /// Puts samples of our own making down, which end at `now`.
    pub(super) fn own(&mut self, channel: usize, now: u64, id: u64, samples: impl ExactSizeIterator<Item = i16>) {
        let at = now as i64 - samples.len() as i64;
        let fits = |source: &Source| if source.id == id && !source.heard { Fit::Wholly } else { Fit::No };
        self.turn(channel, now, fits, (id, 0), at, false);
        let Some(source) = &mut self.lanes[channel].source else { return };
        let offset = at - source.newest().base;
        self.put(channel, now, offset, None, samples);
    }

    /// Another source has the channel now; one that was there just before has kept its clock.
    fn turn(
        &mut self,
        channel: usize,
        now: u64,
        fits: impl Fn(&Source) -> Fit,
        (id, timestamp): (u64, u32),
        at: i64,
        heard: bool,
    ) {
        let flushed = self.flushed;
        let lane = &mut self.lanes[channel];
        let fit = |source: &Option<Source>| source.as_ref().map_or(Fit::No, &fits);
        let (present, before) = (fit(&lane.source), fit(&lane.before));
        if present != Fit::No && present >= before {
            return;
        }
        let back = lane.before.take().filter(|_| before != Fit::No);
        lane.before = lane.source.take();
        if let Some(before) = &mut lane.before {
            // What comes behind it now is not moved with it.
            before.pieces().iter_mut().for_each(|piece| piece.room = 0);
        }
        lane.source = Some(match back {
            Some(mut back) => {
                if now > back.heard_at + AWAY {
                    back.return_at(now, at);
                }
                back
            }
            None => Source::new(now, id, timestamp, at, flushed, heard),
        });
    }

    /// Reads the source's clock by a packet that comes in its turn.
    fn read(&mut self, channel: usize, now: u64, (offset, len, missing): (i64, i64, i64), arrival: i64) {
        let flushed = self.flushed;
        let Some(source) = &mut self.lanes[channel].source else { return };
        let place = source.frame(offset);
        // It lies in a piece that is over, and far from it: the timestamps went back.
        let far = Source::is_late(arrival - place) || place - arrival > EARLY;
        if far && offset < source.newest().offset {
            source.begin_anew(offset, arrival, flushed);
            source.forget(now);
            return;
        }
        // No further than the ring reaches: while the machine stood still, nothing left it.
        let late = (arrival - place).min((flushed + RING) as i64 - len - place);
        if Source::is_late(late) {
            source.begin(offset, late, late, flushed);
            source.forget(now);
            return;
        }
        let mut late = arrival - place;
        if late < 0 {
            // No network brings what was sent so much later next: the clock was set, and what was
            // heard lies right.
            let set = -late > LONG && place - source.end > missing * LONGEST + LONG;
            let wanted = if set { 0 } else { source.wanted(-late) };
            late += self.pull(channel, wanted);
            late = self.catch_up(channel, (offset, missing == 0, set), arrival, late);
        }
        if let Some(source) = &mut self.lanes[channel].source {
            source.follow(now, late);
        }
    }

    /// A packet came before its time: what lies before it lies too late, and is pulled back into
    /// the room before it, by as much as is known and there is. Answers by how much.
    fn pull(&mut self, channel: usize, wanted: i64) -> i64 {
        let (flushed, edge) = (self.flushed as i64, self.flushed);
        let mut left = wanted;
        let mut gone = 0;
        let mut hole: Option<(i64, i64)> = None;
        let lane = &mut self.lanes[channel];
        let Some(source) = &mut lane.source else { return 0 };
        for no in (0..source.pieces().len()).rev() {
            let piece = source.pieces()[no];
            let start = piece.start();
            let shared = lane.before.as_ref().is_some_and(|before| before.heard && before.end > start);
            // All of it is still here: what was kept for too long is lost in the hole before it.
            let whole = no > 0 && (start >= flushed || piece.edge == edge);
            if left == 0 || shared || (start <= flushed && !whole) {
                break;
            }
            let most = left.min(piece.room);
            let Ok(most_frames) = u64::try_from(most) else { continue };
            let by = if start > flushed {
                let room = lane.track.room(edge, start as u64, most_frames) as i64;
                if whole && room == start - flushed { most } else { room }
            } else {
                most
            };
            if by <= 0 {
                continue;
            }
            let dropped = (flushed + by).min(source.end) - start.max(flushed);
            lane.track.pull(edge, start.max(0) as u64, by as u64);
            source.moved(start, -by);
            for piece in &mut source.pieces()[no..] {
                piece.base -= by;
            }
            source.pieces()[no].room -= by;
            if dropped > 0 {
                gone += dropped as u64;
                let piece = source.pieces()[no];
                hole = Some((piece.start(), piece.room));
            }
            left -= by;
        }
        source.join();
        self.late += gone;
        if let Some((start, room)) = hole {
            self.explain(channel, start - room, flushed, Slot::Lost);
            self.left_out(channel, start, flushed);
        }
        wanted - left
    }

    /// What came too early for any room lies behind what was heard, and is caught up where it is
    /// quiet. Answers how late it is where it lies.
    fn catch_up(&mut self, channel: usize, (offset, next, set): (i64, bool, bool), arrival: i64, late: i64) -> i64 {
        let edge = self.flushed;
        let lane = &mut self.lanes[channel];
        let Some(source) = &mut lane.source else { return late };
        if late >= -(source.surplus + EARLY) {
            return late;
        }
        // It was no stall of the sender's: the network was slower for a while.
        let newest = source.newest();
        let refuted =
            (newest.room > 0 && source.pieces().len() > 1).then(|| (newest.start() - newest.room, newest.start()));
        source.pieces().iter_mut().for_each(|piece| piece.room = 0);
        let (place, end) = (arrival - late, source.end);
        // Those that it overtook may still come, and need their room.
        let free = set || (next && (arrival >= end || place - end > LONG));
        let to = if free || late < -BEHIND { arrival.max(end) } else { place };
        if set {
            // Whatever lies well behind what was heard is told by the new clock, also if it comes later.
            source.begin(offset - (place - end) + LONG, to - place, 0, edge);
            source.cut_to = source.cut_to.max(u64::try_from(to).unwrap_or(0));
        } else if to < place {
            source.shorten(offset, place - to, edge);
        }
        source.surplus = to - arrival;
        if source.surplus > BEHIND {
            source.shorten(offset, source.surplus, edge);
            source.surplus = 0;
            source.end = source.end.min(arrival);
            let gone = lane.track.drop_from(edge, u64::try_from(arrival).unwrap_or(0));
            self.late += gone;
            self.slips += 1;
        }
        let late = -source.surplus;
        if let Some((from, to)) = refuted
            && let (Ok(from), Ok(to)) = (u64::try_from(from), u64::try_from(to))
        {
            self.gaps.explain(channel, from, to.min(edge), GapKind::Unknown);
        }
        late
    }

    fn put(
        &mut self,
        channel: usize,
        now: u64,
        offset: i64,
        number: Option<(u16, u32)>,
        samples: impl ExactSizeIterator<Item = i16>,
    ) {
        let Some(source) = &self.lanes[channel].source else { return };
        let (at, len) = (source.frame(offset), samples.len() as i64);
        while at + len > (self.flushed + RING) as i64 {
            let block = self.take(BLOCK);
            self.ahead.push_back(block);
        }
        let lane = &mut self.lanes[channel];
        let Some(source) = &mut lane.source else { return };
        let seam = lane.seam.take();
        let mut hides = 0;
        if let (Some(_), Some(before)) = (seam, &mut lane.before) {
            // Who was heard and lies behind loses his last words.
            hides = if before.heard { before.end - at } else { 0 };
            before.end = before.end.min(at);
        }
        let meets = |heard| lane.before.as_ref().is_some_and(|before| before.heard == heard && before.end > at);
        let over = match source.heard {
            true if meets(true) => Over::Both,
            // Another one begins where we want it to; what we made ahead of him is heard by nobody.
            true if seam.is_none() && !meets(false) => Over::Marked,
            _ => Over::Ends,
        };
        if seam.is_some() && hides > PACKET as i64 {
            lane.track.mark(u64::try_from(at).unwrap_or(0).max(self.flushed));
        }
        let (late, loudest) = lane.track.write(self.flushed, at, over, samples);
        self.late += late;
        if let Some(fades_in) = seam {
            lane.track.seam(self.flushed, at, fades_in);
        }
        source.end = source.end.max(at + len);
        if late > 0 {
            self.left_out(channel, at, at + len);
        }
        let Some((seq, timestamp)) = number else { return };
        let Some(source) = &mut self.lanes[channel].source else { return };
        for (from, to, why) in source.past.note(seq, timestamp, at, at + len).into_iter().flatten() {
            self.explain(channel, from, to, why);
        }
        if over != Over::Both {
            self.slip(channel, now, (offset, len), loudest);
        }
    }

    /// It was sent, came, and is not there: a hole says so, or else a mark.
    fn left_out(&mut self, channel: usize, from: i64, to: i64) {
        self.explain(channel, from, to, Slot::Lost);
        let frame = |frame: i64| u64::try_from(frame).unwrap_or(0).min(self.flushed);
        if from < 0 || !self.gaps.covers(channel, frame(from), frame(to)) {
            self.gaps.mark(channel, frame(from));
        }
    }

    /// Says why there is no sound between two frames, wherever there is none.
    pub(super) fn explain(&mut self, channel: usize, from: i64, to: i64, why: Slot) {
        let Ok(to) = u64::try_from(to) else { return };
        let from = u64::try_from(from).unwrap_or(0);
        if from >= to {
            return;
        }
        self.lanes[channel].track.explain(self.flushed, from, to, why);
        if from < self.flushed {
            let kind = if why == Slot::Unsent { GapKind::Unsent } else { GapKind::Lost };
            self.gaps.explain(channel, from, to, kind);
        }
    }

    /// Follows a clock that ran apart. A packet that is quiet is the place for it: the next one
    /// begins 10 ms later, or lies upon its end.
    fn slip(&mut self, channel: usize, now: u64, (offset, len): (i64, i64), loudest: u16) {
        let (edge, step) = (self.flushed, len.min(APART));
        let lane = &mut self.lanes[channel];
        let (track, Some(source)) = (&mut lane.track, &mut lane.source) else { return };
        let end = source.frame(offset) + len;
        let newest = track.end as i64 == end && track.end > edge;
        let by = match source.slip() {
            Slip::Quiet(way) | Slip::Now(way) if newest && loudest <= QUIET => {
                if way > 0 {
                    track.rest(step as u64);
                    source.end += step;
                }
                source.begin(offset + len, step * way, 0, edge);
                step * way
            }
            Slip::Now(way) => {
                let reach = source.reach(edge);
                let moved = if way > 0 { track.stretch(reach, step as u64) } else { track.cut(reach, step as u64) };
                match moved {
                    Some(from) => {
                        let from = from as i64 + if way > 0 { 0 } else { step };
                        let offset = from - source.newest().base;
                        source.moved(from, step * way);
                        source.begin(offset, step * way, 0, edge);
                        source.cut_to = from as u64;
                    }
                    None => source.begin(offset + len, step * way, 0, edge),
                }
                step * way
            }
            Slip::Quiet(_) | Slip::No => return,
        };
        source.slipped(now, by);
        self.slips += 1;
    }
}
