//! When there is too much to do: measured by how long messages wait, not by a guess of how
//! many calls a machine can carry (RFC 6357, 5.1; RFC 7339, 5).

use std::time::Duration;

/// How far the work is behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Messages that wait.
    pub queued: usize,
    /// How long the oldest of them waits, or has the one that was just taken.
    pub oldest: Duration,
}

/// From where on new calls are turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Messages that wait.
    pub queued: usize,
    /// How long the oldest waits. Below T1 (500 ms), or every client begins to send again.
    pub oldest: Duration,
}

impl Default for Mark {
    fn default() -> Self {
        Self { queued: 4096, oldest: Duration::from_millis(150) }
    }
}

/// On above the mark, off again below half of it: the answer does not flicker.
#[derive(Debug)]
pub(super) struct Overload {
    mark: Mark,
    on: bool,
}

impl Overload {
    pub(super) fn new(mark: Mark) -> Self {
        Self { mark, on: false }
    }

    pub(super) fn measure(&mut self, load: Load) {
        let Mark { queued, oldest } = self.mark;
        self.on = if self.on {
            load.queued > queued / 2 || load.oldest > oldest / 2
        } else {
            load.queued > queued || load.oldest > oldest
        };
    }

    pub(super) fn is_on(&self) -> bool {
        self.on
    }
}
