//! From tones, voices and their lengths to what it is.
//!
//! Whoever answers as a person says little and waits: the first utterance is short, and nothing
//! follows it. A machine says what it has to say at once, and a mailbox beeps after it. Between the
//! two lies a region where the sound alone does not tell, and the confidence says so; the longer
//! the greeting, the longer must be the wait behind it before a person is told at all.

use super::{
    Place, SoundClass,
    cadence::Rhythm,
    spectrum::Pitch,
    voice::{Change, Utterance},
};

/// A first utterance up to so long, and so long a wait behind it, both in milliseconds, are a
/// person's greeting, with its confidence. A mailbox beeps within the shortest of the waits.
const GREETINGS: [(u64, u64, u8); 4] = [(1_300, 1_000, 80), (1_800, 1_000, 70), (2_400, 2_000, 50), (3_200, 2_200, 40)];
/// Who waits so much longer surely waits for an answer, milliseconds.
const LONGER: u64 = 500;
/// What holds less sound than this is a click, a door or a breath, and nobody's greeting, blocks.
const SAYS: u32 = 8;
/// Who spoke for longer than a greeting and waits so long behind it, milliseconds, may be somebody
/// who speaks for a firm: words must tell.
const WAITS: u64 = 2_200;
/// Longer than this nobody greets, milliseconds.
const LONGEST: u64 = 5_000;
/// An utterance that is longer than this is no greeting of a person, milliseconds.
const MONOLOGUE: u64 = 3_200;
/// What is said in the first six seconds, more than this is a machine's, milliseconds.
const TALKATIVE: u64 = 3_600;
const FIRST: u64 = 300;
/// A notice must last so long to be called one, milliseconds.
const NOTICE: u64 = 1_200;
/// A beep, milliseconds.
const BEEP: std::ops::RangeInclusive<u64> = 160..=1_600;
/// A tone of a fax that calls: 0.5 s ± 15 % (ITU-T T.30, 4.2).
const CALLING: std::ops::RangeInclusive<u64> = 400..=600;
/// So sure is who beeped after he spoke.
const CERTAIN: u8 = 90;
/// Without any sound for so many blocks it is silent: 5 s (E50).
const SILENT: u64 = 250;

/// What the block brought.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) at: u64,
    pub(super) rhythm: Option<Rhythm>,
    pub(super) change: Option<Change>,
    /// What is being said.
    pub(super) utterance: Option<Utterance>,
    /// A tone that is over, from and to.
    pub(super) ended: Option<(Pitch, u64, u64)>,
    /// A tone that goes on, from, to and how often it turned over.
    pub(super) holds: Option<(Pitch, u64, u64, u32)>,
    /// The block holds a sound.
    pub(super) sound: bool,
}

/// What it seems to be, in blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) class: SoundClass,
    pub(super) confidence: u8,
    pub(super) from: u64,
    pub(super) to: u64,
    /// Nothing was said behind it, for as long as one waits who wants an answer.
    pub(super) waits: bool,
}

/// Judges block by block.
#[derive(Debug)]
pub(super) struct Judge {
    place: Place,
    told: Option<Found>,
    /// The first utterance.
    first: Option<Utterance>,
    /// Blocks of speech in utterances that are over.
    spoken: u64,
    /// The last of them ended here.
    last_word: u64,
    heard: bool,
    calls: u32,
    steps: u32,
}

impl Judge {
    pub(super) fn new(place: Place) -> Self {
        Self { place, told: None, first: None, spoken: 0, last_word: 0, heard: false, calls: 0, steps: 0 }
    }

    /// What is new about it.
    pub(super) fn block(&mut self, seen: &Seen) -> Option<Found> {
        self.heard |= seen.sound;
        let found = self.tone(seen).or_else(|| self.voice(seen)).or_else(|| self.silence(seen));
        if let Some(Change::Ended(said)) = seen.change
            && said.sounds >= SAYS
        {
            self.first.get_or_insert(said);
            self.spoken += said.to - said.from;
            self.last_word = said.to;
        }
        self.news(found?)
    }

    /// Tells only what is another class, or clearly more sure, or the same class much further on.
    fn news(&mut self, found: Found) -> Option<Found> {
        let new = match self.told {
            None => true,
            Some(told) if told.class == found.class => {
                // Who beeped waits for a message, and not for an answer.
                let waits = found.waits && !told.waits && told.confidence < CERTAIN;
                found.confidence >= told.confidence + 5 || waits
            }
            // A beep, or what was said after it, is stronger than how long somebody spoke before.
            Some(told) => self.outranks(told.class, found),
        };
        new.then(|| {
            // Evidence of the same kind is all of it.
            let from = self.told.filter(|told| told.class == found.class).map_or(found.from, |told| told.from);
            let found = Found { from: from.min(found.from), ..found };
            self.told = Some(found);
            found
        })
    }

    fn outranks(&self, told: SoundClass, found: Found) -> bool {
        use SoundClass as C;
        match (told, found.class) {
            // Silence is said only where nothing else was; a machine, a fax or a modem stays one.
            (_, C::Silence)
            | (C::Machine, C::Person)
            | (C::Fax | C::Modem, C::Person | C::Machine | C::Announcement) => false,
            // The longer it goes on the better music is told from speech.
            (C::Announcement, C::Music) => self.told.is_some_and(|told| told.from == found.from),
            (C::Announcement, C::RingBack) => found.confidence >= 90,
            _ => self.place == Place::Early || found.confidence >= 40,
        }
    }

    fn tone(&mut self, seen: &Seen) -> Option<Found> {
        if let Some(rhythm) = seen.rhythm {
            let from = (seen.at + 1).saturating_sub(u64::from(rhythm.blocks));
            let (class, confidence) = (rhythm.class, rhythm.confidence);
            return Some(Found { class, confidence, from, to: seen.at + 1, waits: false });
        }
        if let Some((Pitch::Answer, from, to, turns)) = seen.holds
            && (to - from) * 20 >= 1_000
        {
            let (class, confidence) = match turns {
                0 | 1 => (SoundClass::Fax, if (to - from) * 20 >= 2_400 { 90 } else { 75 }),
                _ => (SoundClass::Modem, 90),
            };
            return Some(Found { class, confidence, from, to, waits: false });
        }
        let (pitch, from, to) = seen.ended?;
        let Pitch::Beep(hertz) = pitch else { return None };
        let ms = (to - from) * 20;
        let found = |class, confidence| Some(Found { class, confidence, from, to, waits: false });
        self.steps = match (self.steps, hertz, ms) {
            (_, 900..=1_000, 240..=420) => 1,
            (1, 1_350..=1_450, 240..=420) => 2,
            (2, 1_800, 240..=420) => return found(SoundClass::Information, 90),
            _ => 0,
        };
        if self.place == Place::Early || !BEEP.contains(&ms) {
            return None;
        }
        let spoke = self.first.is_some() || seen.utterance.is_some_and(|said| said.ms() >= 300);
        if !spoke && (1_050..=1_150).contains(&hertz) && CALLING.contains(&ms) {
            self.calls += 1;
            return found(SoundClass::Fax, if self.calls > 1 { 95 } else { 60 });
        }
        found(SoundClass::Machine, if spoke { 95 } else { 60 })
    }

    fn voice(&self, seen: &Seen) -> Option<Found> {
        let told = |said: &Utterance, class, confidence| {
            Some(Found { class, confidence, from: said.from, to: said.to, waits: false })
        };
        let now = match seen.change {
            Some(Change::Ended(said)) => Some((said, true)),
            _ => seen.utterance.map(|said| (said, false)),
        };
        if let Some((said, _)) = now.filter(|(said, _)| said.music && said.ms() >= 2_000) {
            return told(&said, SoundClass::Music, if said.ms() >= 4_000 { 80 } else { 65 });
        }
        if self.place == Place::Early {
            let (said, over) = now?;
            let confidence = match (said.told, over) {
                // It may still turn out to be music.
                (false, false) => return None,
                (false, true) => 65,
                (true, _) => 70,
            };
            return if said.ms() >= NOTICE { told(&said, SoundClass::Announcement, confidence) } else { None };
        }
        self.answer(seen, now)
    }

    /// Who answers.
    fn answer(&self, seen: &Seen, now: Option<(Utterance, bool)>) -> Option<Found> {
        let first = self.first.or(now.map(|(said, _)| said))?;
        let span = |class, confidence, to, waits| Some(Found { class, confidence, from: first.from, to, waits });
        let present = now.map_or(0, |(said, _)| said.to - said.from);
        let within = seen.at < first.from + FIRST;
        if within && (self.spoken + present) * 20 > TALKATIVE && self.first.is_some() {
            return span(SoundClass::Machine, 65, seen.at + 1, false);
        }
        if self.first.is_none() {
            let (said, _) = now?;
            if said.ms() > MONOLOGUE {
                return span(SoundClass::Machine, monologue(said.ms()), said.to, false);
            }
            return None;
        }
        // Who said little and waits. A tone that is still under way is no waiting.
        if now.is_some() || seen.holds.is_some() || self.spoken * 20 > first.ms() + 200 {
            return None;
        }
        let waited = (seen.at + 1).saturating_sub(self.last_word) * 20;
        if first.ms() > MONOLOGUE {
            let firm = first.ms() <= LONGEST && waited >= WAITS;
            return if firm { span(SoundClass::Machine, monologue(first.ms()), first.to, true) } else { None };
        }
        let (_, waits, confidence) = GREETINGS.into_iter().find(|(ms, ..)| first.ms() <= *ms)?;
        match waited {
            waited if waited >= waits + LONGER => span(SoundClass::Person, confidence + 10, first.to, true),
            waited if waited >= waits => span(SoundClass::Person, confidence, first.to, true),
            _ => None,
        }
    }

    fn silence(&self, seen: &Seen) -> Option<Found> {
        let nothing = !self.heard && seen.at >= SILENT;
        nothing.then_some(Found { class: SoundClass::Silence, confidence: 80, from: 0, to: seen.at + 1, waits: false })
    }
}

/// How surely who spoke so long without a pause is a machine.
fn monologue(ms: u64) -> u8 {
    if ms > 4_500 { 80 } else { 65 }
}
