//! One ear: the stream that it gets, and the seam wherever what it hears changes.

use super::{
    LARGEST, View,
    fade::{FADE, Fade},
    table::{COUNT, Mouths, NOBODY},
};
use crate::{Law, PACKET, egress::Egress};

/// What an ear heard last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    /// Nothing, or silence of ours.
    Nothing,
    /// One mouth, as it speaks.
    One(Mouths),
    /// Several at once.
    Mix,
}

/// A packet for an ear.
pub(super) struct Parcel {
    pub(super) octets: [u8; LARGEST],
    /// Of a mix.
    pub(super) samples: [i16; PACKET],
}

impl Default for Parcel {
    fn default() -> Self {
        Self { octets: [0; LARGEST], samples: [0; PACKET] }
    }
}

/// No mix lags further behind, samples.
const LAG: u32 = 4_096;

/// One ear.
pub(super) struct Ear {
    pub(super) to: Egress,
    pub(super) law: Law,
    heard: Heard,
    fade: Fade,
    /// Who is in the mix, and the last sample of each: who vanishes fades out from there.
    mixed: Mouths,
    last: [i16; COUNT],
    /// What this mouth said, up to this timestamp, was heard as it came: a mix, in which it
    /// lags behind, must not let it be heard again.
    passed: Option<(Mouths, u32)>,
    sent: bool,
}

impl Ear {
    pub(super) fn new(to: Egress, law: Law) -> Self {
        Self {
            to,
            law,
            heard: Heard::Nothing,
            fade: Fade::default(),
            mixed: NOBODY,
            last: [0; COUNT],
            passed: None,
            sent: false,
        }
    }

    /// Something is sent of this from here on; the very first sound is heard as it is.
    fn turn(&mut self, to: Heard, fade: fn(&mut Fade)) {
        if self.heard != to {
            self.heard = to;
            self.mixed = NOBODY;
            if self.sent {
                fade(&mut self.fade);
            }
        }
        self.sent = true;
    }

    /// A packet goes through, as it is but for the seam.
    pub(super) fn pass(&mut self, mouth: Mouths, law: Law, packet: &View<'_>, out: &mut Parcel) {
        self.turn(Heard::One(mouth), Fade::cut);
        self.passed = Some((mouth, packet.timestamp.wrapping_add(packet.payload.len() as u32)));
        let octets = &mut out.octets[..packet.payload.len()];
        if self.fade.is_busy() {
            for (octet, said) in octets.iter_mut().zip(packet.payload) {
                *octet = self.law.encode(self.fade.next(law.decode(*said)));
            }
            return;
        }
        if law == self.law {
            octets.copy_from_slice(packet.payload);
        } else {
            for (octet, said) in octets.iter_mut().zip(packet.payload) {
                *octet = self.law.encode(law.decode(*said));
            }
        }
        self.fade.heard(packet.payload.last().map_or(0, |said| law.decode(*said)));
    }

    /// Silence of so many samples.
    pub(super) fn silence(&mut self, len: usize, out: &mut Parcel) {
        self.turn(Heard::Nothing, Fade::end);
        for octet in &mut out.octets[..len] {
            let busy = self.fade.is_busy();
            let sample = self.fade.next(0);
            *octet = if busy { self.law.encode(sample) } else { self.law.silence() };
        }
    }

    /// Something else than sound has its place.
    pub(super) fn interrupted(&mut self) {
        self.turn(Heard::Nothing, Fade::end);
        self.fade = Fade::default();
    }

    /// Twenty milliseconds of a prompt. One that begins does so as it is.
    pub(super) fn play(&mut self, mouth: Mouths, begins: bool, said: (&[i16], &[u8]), out: &mut Parcel) {
        let again = begins && self.heard == Heard::One(mouth);
        self.turn(Heard::One(mouth), Fade::end);
        if again {
            self.fade.end();
        }
        let (samples, octets) = said;
        out.octets[..PACKET].copy_from_slice(octets);
        if self.fade.is_busy() {
            for (octet, sample) in out.octets.iter_mut().zip(samples) {
                *octet = self.law.encode(self.fade.next(*sample));
            }
        }
        self.fade.heard(samples.last().copied().unwrap_or(0));
    }

    /// Twenty milliseconds of all of them together; each comes with the timestamp at which it
    /// begins, where it has one.
    pub(super) fn mix(
        &mut self,
        mouths: Mouths,
        frames: &[[i16; PACKET]; COUNT],
        from: &[Option<u32>; COUNT],
        out: &mut Parcel,
    ) {
        self.turn(Heard::Mix, Fade::end);
        let mut wanted = mouths;
        if let Some((mouth, to)) = self.passed {
            // A source that began anew counts from elsewhere.
            let again = from[mouth.place()].is_none_or(|from| (1..=LAG).contains(&to.wrapping_sub(from)));
            if mouths.has(mouth) && again {
                wanted = wanted.without(mouth);
            } else {
                self.passed = None;
            }
        }
        let mut sums = [0i32; PACKET];
        for (at, mouth) in wanted.and(self.mixed).each() {
            let (was, is) = (self.mixed.has(mouth), wanted.has(mouth));
            for (place, (sum, sample)) in (1..).zip(sums.iter_mut().zip(&frames[at])) {
                *sum += match (was, is) {
                    (true, true) => i32::from(*sample),
                    (false, _) => i32::from(*sample) * place.min(FADE) / FADE,
                    (true, false) => i32::from(self.last[at]) * (FADE - place).max(0) / FADE,
                };
            }
            self.last[at] = frames[at][PACKET - 1];
        }
        self.mixed = wanted;
        for ((octet, sample), sum) in out.octets.iter_mut().zip(&mut out.samples).zip(sums) {
            *sample = sum.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
            *octet = self.law.encode(self.fade.next(*sample));
        }
    }
}
