//! Where in a track sound that came was left out, as long as it can still be moved.

/// Most places that are kept apart.
const MOST: usize = 32;
/// Those that lie nearer to each other are one: 10 ms.
const APART: u64 = 80;

/// Frames before which something is missing, in order.
#[derive(Debug, Default)]
pub(super) struct Marks {
    at: [u64; MOST],
    count: usize,
}

impl Marks {
    /// Sound was left out before this frame. Where there are too many, the two that are nearest
    /// to each other become one.
    pub(super) fn add(&mut self, frame: u64) {
        if self.at[..self.count].iter().any(|at| at.abs_diff(frame) < APART) {
            return;
        }
        if self.count == MOST {
            let nearest = (1..MOST).min_by_key(|no| self.at[*no] - self.at[no - 1]).unwrap_or(1);
            self.at.copy_within(nearest + 1.., nearest);
            self.count -= 1;
        }
        let no = self.at[..self.count].partition_point(|at| *at < frame);
        self.at.copy_within(no..self.count, no + 1);
        self.at[no] = frame;
        self.count += 1;
    }

    /// What lies behind this frame comes so much nearer, and no nearer than there.
    pub(super) fn nearer(&mut self, from: u64, by: u64, least: u64) {
        for at in self.at[..self.count].iter_mut().filter(|at| **at > from) {
            *at = at.saturating_sub(by).max(least);
        }
        self.at[..self.count].sort_unstable();
    }

    /// What lies behind this frame goes so much farther.
    pub(super) fn farther(&mut self, from: u64, by: u64) {
        self.at[..self.count].iter_mut().filter(|at| **at > from).for_each(|at| *at += by);
    }

    /// The first one, if it lies before this frame, is told.
    pub(super) fn take(&mut self, before: u64) -> Option<u64> {
        let first = self.at[..self.count].first().copied().filter(|at| *at < before)?;
        self.at.copy_within(1..self.count, 0);
        self.count -= 1;
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut marks: Marks) -> Vec<u64> {
        std::iter::from_fn(|| marks.take(u64::MAX)).collect()
    }

    #[test]
    fn marks_move_with_the_sound_and_stay_in_order() {
        let mut marks = Marks::default();
        for frame in [900, 300, 600, 310] {
            marks.add(frame);
        }
        marks.nearer(500, 400, 250);
        marks.farther(300, 50);
        assert_eq!(marks.take(250), None);
        assert_eq!(all(marks), [250, 300, 550]);
    }

    #[test]
    fn of_too_many_the_nearest_become_one() {
        let mut marks = Marks::default();
        for no in 0..300 {
            marks.add(no * 80);
        }
        let all = all(marks);
        assert_eq!(all.len(), MOST);
        for no in 0..300 {
            assert!(all.iter().any(|at| at.abs_diff(no * 80) <= 3_200), "{no}: {all:?}");
        }
    }
}
