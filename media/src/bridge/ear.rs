//! One ear: the stream that it gets, and the seam wherever what it hears changes.

use super::{
    LARGEST, View,
    fade::{FADE, Fade},
    play::Desk,
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
/// How long words take from a mouth to here at most, as a rule: 150 ms of samples.
const ON_THE_WAY: u32 = crate::RATE * 3 / 20;

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
    /// Whom it was to hear last, and of whoever it is to hear anew what he said before, up to
    /// which timestamp: that was for others.
    asked: Mouths,
    barred: [Option<u32>; COUNT],
    /// What is still on its way from him was for others, too.
    in_flight: Mouths,
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
            asked: NOBODY,
            barred: [None; COUNT],
            in_flight: NOBODY,
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
        self.asked = mouth;
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
        self.asked = NOBODY;
        for octet in &mut out.octets[..len] {
            let busy = self.fade.is_busy();
            let sample = self.fade.next(0);
            *octet = if busy { self.law.encode(sample) } else { self.law.silence() };
        }
    }

    /// Something else than sound has its place.
    pub(super) fn interrupted(&mut self) {
        self.turn(Heard::Nothing, Fade::end);
        self.asked = NOBODY;
        self.fade = Fade::default();
    }

    /// Twenty milliseconds of a prompt. One that begins does so as it is.
    pub(super) fn play(&mut self, mouth: Mouths, begins: bool, said: (&[i16], &[u8]), out: &mut Parcel) {
        let again = begins && self.heard == Heard::One(mouth);
        self.turn(Heard::One(mouth), Fade::end);
        self.asked = mouth;
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

    /// Two people changed places; the ear goes on with each where it heard him last.
    pub(super) fn swap(&mut self, one: Mouths, other: Mouths) {
        for mouths in [&mut self.mixed, &mut self.asked] {
            *mouths = mouths.swapped(one, other);
        }
        self.last.swap(one.place(), other.place());
        self.barred.swap(one.place(), other.place());
        self.passed = self.passed.map(|(mouth, to)| (mouth.swapped(one, other), to));
    }

    /// What this mouth says next was said to others until now, also what is on its way.
    pub(super) fn heard_by_others(&mut self, mouth: Mouths) {
        self.in_flight = mouth;
    }

    /// Of whom is heard anew nothing is heard that he said before, while others heard him.
    fn bar(&mut self, mouths: Mouths, desk: &Desk) -> Mouths {
        for (at, mouth) in mouths.without(self.asked).each() {
            let on_the_way = if self.in_flight.has(mouth) { ON_THE_WAY } else { 0 };
            self.in_flight = self.in_flight.without(mouth);
            self.barred[at] = desk.until[at].map(|until| until.wrapping_add(on_the_way));
        }
        self.asked = mouths;
        let mut wanted = mouths;
        for (at, mouth) in mouths.each() {
            let Some(until) = self.barred[at] else { continue };
            // A source that began anew counts from elsewhere.
            if desk.from[at].is_none_or(|from| (1..=LAG).contains(&until.wrapping_sub(from))) {
                wanted = wanted.without(mouth);
            } else {
                self.barred[at] = None;
            }
        }
        wanted
    }

    /// Twenty milliseconds of all of them together.
    pub(super) fn mix(&mut self, mouths: Mouths, desk: &Desk, out: &mut Parcel) {
        self.turn(Heard::Mix, Fade::end);
        let (frames, from) = (&desk.frames, &desk.from);
        let mut wanted = self.bar(mouths, desk);
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
            let last = i32::from(self.last[at]);
            for (place, (sum, sample)) in (1..).zip(sums.iter_mut().zip(&frames[at])) {
                let vanishes = last * (FADE - place).max(0) / FADE;
                *sum += match (was, is) {
                    (true, true) if desk.anew.has(mouth) => i32::from(*sample) + vanishes,
                    (true, true) => i32::from(*sample),
                    (false, _) => i32::from(*sample) * place.min(FADE) / FADE,
                    (true, false) => vanishes,
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
