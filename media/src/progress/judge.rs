//! From tones, voices and their lengths to what it is.
//!
//! Whoever answers as a person says little and waits: the first utterance is short, and nothing
//! follows it. A machine says what it has to say at once, and a mailbox beeps after it. Between the
//! two lies a region where the sound alone does not tell, and the confidence says so.

use super::{
    Place, SoundClass,
    cadence::Rhythm,
    spectrum::Pitch,
    voice::{Change, Utterance},
};

/// A first utterance up to so long is a person's greeting, milliseconds, with its confidence.
const GREETINGS: [(u64, u8); 4] = [(1_300, 80), (1_800, 70), (2_400, 50), (3_200, 40)];
/// Who waits so long after it waits for an answer, milliseconds.
const WAITS: u64 = 1_500;
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
        if let Some(Change::Ended(said)) = seen.change {
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
            Some(told) if told.class == found.class => found.confidence >= told.confidence + 5,
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
            return Some(Found { class: rhythm.class, confidence: rhythm.confidence, from, to: seen.at + 1 });
        }
        if let Some((Pitch::Answer, from, to, turns)) = seen.holds
            && (to - from) * 20 >= 1_000
        {
            let (class, confidence) = match turns {
                0 | 1 => (SoundClass::Fax, if (to - from) * 20 >= 2_400 { 90 } else { 75 }),
                _ => (SoundClass::Modem, 90),
            };
            return Some(Found { class, confidence, from, to });
        }
        let (pitch, from, to) = seen.ended?;
        let Pitch::Beep(hertz) = pitch else { return None };
        let ms = (to - from) * 20;
        let found = |class, confidence| Some(Found { class, confidence, from, to });
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
        let told =
            |said: &Utterance, class, confidence| Some(Found { class, confidence, from: said.from, to: said.to });
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
        let span = |class, confidence, to| Some(Found { class, confidence, from: first.from, to });
        let present = now.map_or(0, |(said, _)| said.to - said.from);
        let within = seen.at < first.from + FIRST;
        if within && (self.spoken + present) * 20 > TALKATIVE && self.first.is_some() {
            return span(SoundClass::Machine, 65, seen.at + 1);
        }
        if self.first.is_none() {
            let (said, over) = now?;
            if said.ms() > MONOLOGUE {
                let confidence = if said.ms() > 4_500 { 80 } else { 65 };
                return span(SoundClass::Machine, confidence, said.to);
            }
            let (_, confidence) = GREETINGS.into_iter().find(|(ms, _)| over && said.ms() <= *ms)?;
            return span(SoundClass::Person, confidence, said.to);
        }
        // Who said little and waits.
        let waited = (seen.at + 1).saturating_sub(self.last_word) * 20;
        let (_, confidence) = GREETINGS.into_iter().find(|(ms, _)| first.ms() <= *ms)?;
        if now.is_none() && waited >= WAITS && self.spoken * 20 <= first.ms() + 200 {
            return span(SoundClass::Person, confidence + 10, first.to);
        }
        None
    }

    fn silence(&self, seen: &Seen) -> Option<Found> {
        let nothing = !self.heard && seen.at >= SILENT;
        nothing.then_some(Found { class: SoundClass::Silence, confidence: 80, from: 0, to: seen.at + 1 })
    }
}
