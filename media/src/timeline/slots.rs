//! What is known of each frame, two bits a frame: thousands of calls keep more than a second.

/// What is known of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// Nothing.
    Empty,
    /// Its packet is missing.
    Lost,
    /// No packet was sent for it.
    Unsent,
    /// It was heard.
    Sound,
}

/// Frames in an octet.
const EACH: usize = 4;

/// One slot for each frame from the edge on.
#[derive(Debug, Default)]
pub(super) struct Slots {
    octets: Vec<u8>,
}

/// The octet whose four frames are all this.
fn all(slot: Slot) -> u8 {
    (slot as u8) * 0b0101_0101
}

impl Slots {
    /// Room for so many frames; new ones are empty.
    pub(super) fn reach(&mut self, frames: usize) {
        let octets = frames.div_ceil(EACH);
        if octets > self.octets.len() {
            self.octets.reserve_exact(octets - self.octets.len());
            self.octets.resize(octets, all(Slot::Empty));
        }
    }

    /// Of a frame.
    pub(super) fn get(&self, at: usize) -> Slot {
        match self.octets.get(at / EACH).map_or(0, |octet| octet >> (at % EACH * 2) & 3) {
            0 => Slot::Empty,
            1 => Slot::Lost,
            2 => Slot::Unsent,
            _ => Slot::Sound,
        }
    }

    pub(super) fn is_sound(&self, at: usize) -> bool {
        self.get(at) == Slot::Sound
    }

    /// These frames are all this.
    pub(super) fn fill(&mut self, from: usize, to: usize, slot: Slot) {
        let mut at = from;
        while at < to && !at.is_multiple_of(EACH) {
            self.set(at, slot);
            at += 1;
        }
        let whole = to / EACH * EACH;
        if at < whole {
            self.octets[at / EACH..whole / EACH].fill(all(slot));
            at = whole;
        }
        while at < to {
            self.set(at, slot);
            at += 1;
        }
    }

    pub(super) fn set(&mut self, at: usize, slot: Slot) {
        let (octet, shift) = (&mut self.octets[at / EACH], at % EACH * 2);
        *octet = *octet & !(3 << shift) | (slot as u8) << shift;
    }

    /// Behind the run of equal frames that begins here, and no further than there.
    pub(super) fn run(&self, from: usize, to: usize) -> usize {
        let slot = self.get(from);
        let mut at = from;
        while at < to {
            if at.is_multiple_of(EACH) && at + EACH <= to && self.octets.get(at / EACH) == Some(&all(slot)) {
                at += EACH;
            } else if self.get(at) == slot {
                at += 1;
            } else {
                break;
            }
        }
        at
    }

    /// These frames lie there now, in their order.
    pub(super) fn copy(&mut self, from: std::ops::Range<usize>, to: usize) {
        let len = from.len();
        for step in 0..len {
            // What lies ahead is not written before it was read.
            let step = if to > from.start { len - 1 - step } else { step };
            self.set(to + step, self.get(from.start + step));
        }
    }

    /// The first frames have left; a whole number of octets.
    pub(super) fn leave(&mut self, frames: usize) {
        debug_assert!(frames.is_multiple_of(EACH));
        let octets = (frames / EACH).min(self.octets.len());
        self.octets.drain(..octets);
    }

    pub(super) fn shrink_to(&mut self, frames: usize) {
        self.octets.shrink_to(frames.div_ceil(EACH));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Slot; 4] = [Slot::Empty, Slot::Lost, Slot::Unsent, Slot::Sound];

    proptest! {
        #[test]
        fn two_bits_a_frame_say_what_a_list_of_them_says(
            orders in prop::collection::vec((0usize..200, 0usize..60, 0usize..200, 0usize..4, 0u8..3), 1..40),
        ) {
            let (mut slots, mut list) = (Slots::default(), vec![Slot::Empty; 400]);
            slots.reach(400);
            for (from, len, to, slot, what) in orders {
                match what {
                    0 => {
                        slots.fill(from, from + len, ALL[slot]);
                        list[from..from + len].fill(ALL[slot]);
                    }
                    1 => {
                        slots.copy(from..from + len, to);
                        list.copy_within(from..from + len, to);
                    }
                    _ => {
                        let gone = len / 4 * 4;
                        slots.leave(gone);
                        slots.reach(400);
                        list.drain(..gone);
                        list.resize(400, Slot::Empty);
                    }
                }
                prop_assert!((0..400).all(|at| slots.get(at) == list[at]));
                let end = (from..from + len).find(|at| list[*at] != list[from]).unwrap_or(from + len);
                prop_assert_eq!(slots.run(from, from + len), end);
            }
        }
    }
}
