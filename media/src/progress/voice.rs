//! Where somebody speaks or something plays, and what of both it is.

use super::{Place, spectrum::Spectrum};

/// Blocks of which the last must hold sound for an utterance to begin, and how many of them.
const ONSET: (u32, u32) = (5, 3);
/// Blocks of silence that end an utterance: 0.6 s.
const END: u32 = 30;
/// Sound lies so much above the line's noise, dB.
const ABOVE: f32 = 8.0;
/// Whatever is louder than this is sound, however steady the line, dBFS.
const LOUD: f32 = -37.0;
/// Whatever is fainter is none, dBFS.
const FAINT: f32 = -50.0;
/// Over so many blocks the least level is the line's noise: 2 s.
const NOISE: usize = 100;
/// So many of them must be no tone for a loud noise to be known as one: 0.2 s.
const KNOWN: usize = 10;
/// Noise is never taken to be louder than this, dBFS: whoever speaks on and on has his pauses, too.
const NOISIEST: f32 = -24.0;
/// Above such a noise a voice lies by so much, dB.
const OVER_NOISE: f32 = 7.0;
/// A sound that is as like the one before as this is a tone or a note, and none of a noise.
const TONAL: f32 = 0.93;
/// Blocks after which music is told from speech: 2 s.
const TELLS: u32 = 100;

/// An utterance, or a piece of music.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Utterance {
    /// Block in which it began.
    pub(super) from: u64,
    /// Block after its last sound so far.
    pub(super) to: u64,
    /// It sounds like music.
    pub(super) music: bool,
    /// It was told whether it is.
    pub(super) told: bool,
    /// Blocks of it that held sound.
    pub(super) sounds: u32,
}

impl Utterance {
    /// Its length, milliseconds.
    pub(super) fn ms(&self) -> u64 {
        (self.to - self.from) * 20
    }
}

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Began,
    Ended(Utterance),
}

/// Listens for voices.
#[derive(Debug)]
pub(super) struct Voice {
    /// Somebody may stand in a noise: behind the answer. Before it the network plays its sounds, and a
    /// tune that goes on must not be taken for a noise.
    noises: bool,
    levels: [f32; NOISE],
    /// Which of them were no tone.
    noisy: [bool; NOISE],
    /// Of the last blocks, which held sound; the newest in bit 0.
    recent: u32,
    now: Option<Utterance>,
    quiet: u32,
    manner: Manner,
}

impl Voice {
    pub(super) fn new(place: Place) -> Self {
        Self {
            noises: place == Place::Answered,
            levels: [-96.0; NOISE],
            noisy: [false; NOISE],
            recent: 0,
            now: None,
            quiet: 0,
            manner: Manner::default(),
        }
    }

    /// What is being said.
    pub(super) fn utterance(&self) -> Option<Utterance> {
        self.now
    }

    /// Whether a level is that of a sound on this line.
    pub(super) fn is_sound(&self, level: f32) -> bool {
        let noise = self.levels.iter().copied().filter(|level| *level > -75.0).fold(-45.0, f32::min);
        level > LOUD || (level > FAINT && level > noise + ABOVE)
    }

    /// Whether a level is that of a voice: a street, a machine shop or a fan behind it is none, however
    /// loud. Tones are no noise, so that music is not taken for it.
    fn is_voice(&self, level: f32) -> bool {
        let noises = self.levels.iter().zip(&self.noisy).filter(|(level, noisy)| **noisy && **level > -75.0);
        let (least, count) = noises.fold((0.0f32, 0), |(least, count), (level, _)| (least.min(*level), count + 1));
        match least.min(NOISIEST) {
            noise if self.noises && count >= KNOWN && noise > LOUD - ABOVE => level > noise + OVER_NOISE,
            _ => self.is_sound(level),
        }
    }

    /// One block, with its number; `tone` is none of a voice.
    pub(super) fn block(&mut self, at: u64, spectrum: &Spectrum, before: &Spectrum, tone: bool) -> Option<Change> {
        self.levels[at as usize % NOISE] = spectrum.level;
        self.noisy[at as usize % NOISE] = !tone && spectrum.likeness(before) < TONAL;
        let known = !self.noises || at >= KNOWN as u64;
        let sound = !tone && known && self.is_voice(spectrum.level);
        self.recent = (self.recent << 1) | u32::from(sound);
        let Some(now) = &mut self.now else {
            let held = (self.recent & ((1 << ONSET.0) - 1)).count_ones();
            if held < ONSET.1 {
                return None;
            }
            let from = (at + 1).saturating_sub(u64::from(ONSET.0));
            self.now = Some(Utterance { from, to: at + 1, music: false, told: false, sounds: held });
            (self.quiet, self.manner) = (0, Manner::default());
            return Some(Change::Began);
        };
        self.manner.block(spectrum, before);
        if sound {
            (self.quiet, now.to) = (0, at + 1);
            now.sounds += 1;
        } else {
            self.quiet += 1;
        }
        if self.manner.blocks >= TELLS && self.manner.blocks.is_multiple_of(25) {
            (now.music, now.told) = (self.manner.is_music(), true);
        }
        if self.quiet < END {
            return None;
        }
        self.now.take().map(Change::Ended)
    }
}

/// How a sound goes on: speech changes from block to block, notes stand.
///
/// Measured on the building set: of speech at most an eighth of the blocks stand for 160 ms and
/// longer, of music more than a fifth; a block of speech is like the one before by 0.78 to 0.89, of
/// music by 0.91 and more; speech moves by more than 1.1 dB a block, music by less than 1.
#[derive(Debug, Default)]
struct Manner {
    blocks: u32,
    standing: u32,
    run: u32,
    alike: f32,
    loud: u32,
    moved: u32,
}

/// As alike as that the sound stands.
const STANDS: f32 = 0.95;
/// Blocks after which it stands long.
const LONG: u32 = 8;

impl Manner {
    fn block(&mut self, spectrum: &Spectrum, before: &Spectrum) {
        self.blocks += 1;
        let alike = spectrum.likeness(before);
        if alike > STANDS {
            self.run += 1;
            if self.run == LONG {
                self.standing += LONG;
            } else if self.run > LONG {
                self.standing += 1;
            }
        } else {
            self.run = 0;
        }
        if spectrum.level > FAINT && before.level > FAINT {
            self.loud += 1;
            self.alike += alike;
            // More than half of the blocks above it is a median above it.
            self.moved += u32::from((spectrum.level - before.level).abs() > 1.05);
        }
    }

    fn is_music(&self) -> bool {
        let loud = self.loud.max(1) as f32;
        let stands = self.standing as f32 > 0.17 * self.blocks as f32;
        let alike = self.alike > 0.905 * loud;
        let still = (self.moved as f32) < 0.5 * loud;
        u8::from(stands) + u8::from(alike) + u8::from(still) >= 2
    }
}
