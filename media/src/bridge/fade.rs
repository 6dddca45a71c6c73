//! What appears fades in and what vanishes fades out, each within four milliseconds: a switch
//! is no click.

/// Samples of a fade: 4 ms.
pub(super) const FADE: i32 = 32;
/// Levels up to this are as good as silence: nothing has to fade out from there.
const NOTHING: i16 = 16;

/// The seam between what was heard last and what is heard next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fade {
    /// The last sample that was heard.
    last: i16,
    /// From where what vanished fades out, and how much is left of that.
    from: i16,
    left: i32,
    /// How far what appears has faded in.
    up: i32,
}

impl Default for Fade {
    /// Nothing was heard before.
    fn default() -> Self {
        Self { last: 0, from: 0, left: 0, up: FADE }
    }
}

impl Fade {
    /// Another source follows, from anywhere in its wave.
    pub(super) fn cut(&mut self) {
        self.end();
        self.up = 0;
    }

    /// What was heard ends; what follows begins as it is.
    pub(super) fn end(&mut self) {
        (self.from, self.left) = (self.last, if self.last.unsigned_abs() > NOTHING as u16 { FADE } else { 0 });
        self.up = FADE;
    }

    /// A fade is under way.
    pub(super) fn is_busy(&self) -> bool {
        self.left > 0 || self.up < FADE
    }

    /// The next sample as it is heard.
    pub(super) fn next(&mut self, sample: i16) -> i16 {
        let mut sum = i32::from(sample);
        if self.up < FADE {
            self.up += 1;
            sum = sum * self.up / FADE;
        }
        if self.left > 0 {
            self.left -= 1;
            sum += i32::from(self.from) * self.left / FADE;
        }
        self.last = sum.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
        self.last
    }

    /// This was heard without a fade.
    pub(super) fn heard(&mut self, last: i16) {
        self.last = last;
    }
}
