//! A sender that begins anew under its old source, at numbers that were heard before (RFC 3550,
//! appendix A.1): an announcement that starts again from number 0. One such packet is a late one or
//! comes twice; several that follow each other, while nothing else comes, are a new run.

/// So many must follow each other: a network that gives everything twice mixes both.
const ENOUGH: u8 = 4;

/// How many packets in a row came under numbers that are over.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Probation {
    next: u16,
    count: u8,
}

impl Probation {
    /// A packet whose number is over. True when it begins a new run.
    pub(crate) fn is_passed(&mut self, seq: u16) -> bool {
        self.count = if self.count > 0 && seq == self.next { self.count + 1 } else { 1 };
        self.next = seq.wrapping_add(1);
        let passed = self.count >= ENOUGH;
        if passed {
            self.end();
        }
        passed
    }

    /// A packet that is none of those.
    pub(crate) fn end(&mut self) {
        self.count = 0;
    }
}
