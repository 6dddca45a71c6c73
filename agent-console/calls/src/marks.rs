//! Marks of a call: what a listener of the recording must know, in its own time.

use crate::facts::{Mark, MarkKind};

/// The marks of a call under way.
#[derive(Debug, Default)]
pub struct Marks {
    open: Vec<Mark>,
    closed: Vec<Mark>,
    /// Keys among them.
    keys: usize,
    /// Something changed since [`Marks::news`] was asked.
    changed: bool,
}

/// Most keys among the marks of one call; who presses more than that has made his point. What
/// somebody did is never left out.
const MOST: usize = 1_000;

impl Marks {
    /// Something begins; a second time it goes on.
    pub fn open(&mut self, kind: MarkKind, at_ms: u64, text: &str) {
        if !self.open.iter().any(|mark| mark.kind == kind) {
            self.open.push(Mark { kind, from_ms: at_ms, to_ms: at_ms, text: text.to_owned() });
            self.changed = true;
        }
    }

    /// It ends.
    pub fn close(&mut self, kind: MarkKind, at_ms: u64) {
        if let Some(at) = self.open.iter().position(|mark| mark.kind == kind) {
            let mark = self.open.swap_remove(at);
            self.keep(Mark { to_ms: at_ms.max(mark.from_ms), ..mark });
        }
    }

    /// Something happened once.
    pub fn point(&mut self, kind: MarkKind, at_ms: u64, text: &str) {
        self.keep(Mark { kind, from_ms: at_ms, to_ms: at_ms, text: text.to_owned() });
    }

    fn keep(&mut self, mark: Mark) {
        let is_key = matches!(mark.kind, MarkKind::DigitIn | MarkKind::DigitOut);
        if !is_key || self.keys < MOST {
            self.keys += usize::from(is_key);
            self.closed.push(mark);
            self.changed = true;
        }
    }

    /// All of them so far, when there is news: what is open ends where it begins.
    pub fn news(&mut self) -> Option<Vec<Mark>> {
        std::mem::take(&mut self.changed).then(|| self.closed.iter().chain(&self.open).cloned().collect())
    }

    /// All of them in order of time, none behind the end of the recording.
    pub fn finish(mut self, end_ms: u64) -> Vec<Mark> {
        for mark in self.open {
            self.closed.push(Mark { to_ms: end_ms.max(mark.from_ms), ..mark });
        }
        for mark in &mut self.closed {
            mark.from_ms = mark.from_ms.min(end_ms);
            mark.to_ms = mark.to_ms.min(end_ms);
        }
        self.closed.sort_by_key(|mark| (mark.from_ms, mark.to_ms));
        self.closed
    }
}
