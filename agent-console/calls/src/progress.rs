//! Call progress: what the sound of a call and the words in it say together, about the number
//! before the answer and about who answered after it.
//!
//! It is a suggestion with its evidence. Words that name a state of the number, or a machine, say
//! more than how long somebody spoke; a beep says more than words; and what neither tells stays
//! untold. What it means for the call is decided elsewhere, by a person.

use songda_asr::{
    Reading,
    words::{Leaning, Match, Said, Table},
};
use songda_media::{
    RATE,
    progress::{Ear, Finding, Heard as News, Place, SoundClass},
};

/// What is at the other end, as it is stored and shown.
pub type LineClass = &'static str;

/// A person answered.
pub const PERSON: LineClass = "person";
/// A machine answered: a mailbox, an assistant, a menu.
pub const MACHINE: LineClass = "machine";
/// A notice of the network which says nothing that the table knows.
pub const ANNOUNCEMENT: LineClass = "announcement";

/// What the line says, with the evidence for it.
#[derive(Debug, Clone, PartialEq)]
pub struct LineStatus {
    /// What: of [`SoundClass::as_str`] or [`Said::as_str`].
    pub class: LineClass,
    /// How surely, per cent.
    pub confidence: u8,
    /// Where the evidence begins, milliseconds of the recording.
    pub from_ms: u64,
    /// Where it ends.
    pub to_ms: u64,
    /// Before the answer, or after it.
    pub place: Place,
    /// The words, where words are the evidence.
    pub words: Option<Words>,
}

impl LineStatus {
    /// Where in the call it was heard, as it is stored and shown.
    pub fn place_word(&self) -> &'static str {
        match self.place {
            Place::Early => "early",
            Place::Answered => "answered",
        }
    }
}

/// Words that were read.
#[derive(Debug, Clone, PartialEq)]
pub struct Words {
    /// As the machine wrote them.
    pub text: String,
    /// The table by which they were understood, with its version.
    pub rule: String,
    /// SHA-256 of the model that wrote them.
    pub model: String,
    /// It was the test model.
    pub test_model: bool,
}

/// What was read of a piece of sound, and where.
#[derive(Debug, Clone)]
pub struct Read {
    /// Before the answer, or after it.
    pub place: Place,
    /// First frame of the piece.
    pub from_frame: u64,
    /// First frame after it.
    pub to_frame: u64,
    /// The words.
    pub reading: Reading,
}

#[derive(Debug, Clone)]
struct Told {
    read: Read,
    found: Option<Match>,
    rule: String,
}

/// All that was heard at one place.
#[derive(Debug, Default)]
struct Heard {
    sound: Option<Finding>,
    words: Option<Told>,
    /// Of all that was read.
    leaning: Option<Leaning>,
}

/// Puts together what is heard in one call.
#[derive(Debug, Default)]
pub struct Progress {
    early: Heard,
    answered: Heard,
    told: Option<LineStatus>,
    read: u32,
    /// What was said after the answer and before this frame is past.
    since: u64,
}

/// A beep after speech, a fax or a modem: no words change that.
const CERTAIN: u8 = 90;
/// Below this a sound alone is not told.
const LEAST: u8 = 40;
/// Below this the length of what was said does not tell a person from a short notice: words must.
const DOUBTFUL: u8 = 65;
/// Words that fit the phrases of recordings no better than this are none of a recording, even where
/// they were read badly: on the building set no machine lies below that greets as shortly as a person
/// and then waits.
const NOTHING_LIKE: f32 = -0.25;
/// The same of words with which persons introduce themselves or ask. Half of the sounds of a phrase of
/// seven syllables are right by chance, which is -0.24.
const SPEAKING: f32 = -0.20;
/// The same of words that begin with 喂.
const HAILING: f32 = -0.12;
/// So many syllables must have been read for that to mean something.
const SYLLABLES: usize = 4;

impl Progress {
    /// What the ear found; the status, when it is a new one.
    pub fn sound(&mut self, finding: Finding) -> Option<LineStatus> {
        self.heard(finding.place).sound = Some(finding);
        self.news(finding.place)
    }

    /// What was read; the status, when it is a new one. Of two pieces the one that says more stands.
    pub fn words(&mut self, read: Read, table: &Table) -> Option<LineStatus> {
        self.read += 1;
        let place = read.place;
        if place == Place::Answered && read.from_frame < self.since {
            return None;
        }
        let found = table.find(&read.reading.text);
        let leaning = table.leaning(&read.reading.text);
        let told = Told { read, found, rule: table.rule() };
        let heard = self.heard(place);
        heard.leaning = Some(heard.leaning.map_or(leaning, |before| together(before, leaning)));
        let weight = |told: &Told| {
            told.found.as_ref().map_or(0.0, |found| found.score + f32::from(u8::from(telling(found.said))))
        };
        if heard.words.as_ref().is_none_or(|before| weight(before) < weight(&told)) {
            heard.words = Some(told);
        }
        self.news(place)
    }

    /// Keys went out at this frame: a menu that was heard before says nothing of who answers them.
    /// What was told stands until something else is heard.
    pub fn anew(&mut self, frame: u64) {
        self.answered = Heard::default();
        self.since = frame;
    }

    /// What was told last.
    pub fn status(&self) -> Option<&LineStatus> {
        self.told.as_ref()
    }

    /// Whether something was read at all.
    pub fn was_read(&self) -> bool {
        self.read > 0
    }

    fn heard(&mut self, place: Place) -> &mut Heard {
        match place {
            Place::Early => &mut self.early,
            Place::Answered => &mut self.answered,
        }
    }

    fn news(&mut self, place: Place) -> Option<LineStatus> {
        // What was said before the answer is past once it is answered.
        if place == Place::Early && self.told.as_ref().is_some_and(|told| told.place == Place::Answered) {
            return None;
        }
        let status = judge(self.heard(place), place)?;
        if self.told.as_ref() == Some(&status) {
            return None;
        }
        self.told = Some(status.clone());
        Some(status)
    }
}

/// Listens to the party's side of a recording as if the call went on, up to half a minute behind the
/// answer. `read` reads a piece.
pub fn listen(
    samples: &[i16],
    answered_ms: Option<u64>,
    table: &Table,
    mut read: impl FnMut(Vec<i16>) -> Option<Reading>,
) -> Option<LineStatus> {
    let answered = answered_ms.map_or(samples.len(), |ms| (ms as usize * RATE as usize / 1000).min(samples.len()));
    let mut progress = Progress::default();
    for (place, from, to) in [(Place::Early, 0, answered), (Place::Answered, answered, samples.len())] {
        let mut ear = Ear::new(place, from as u64);
        let mut last = samples[from..to].chunks(PACKET).enumerate().peekable();
        while let Some((at, packet)) = last.next() {
            let frame = from + at * PACKET;
            ear.packet((frame + packet.len()) as u64, 0, (at * PACKET) as u32, packet.iter().copied());
            if last.peek().is_none() {
                ear.finish();
            }
            while let Some(news) = ear.news() {
                match news {
                    News::Class(finding) => drop(progress.sound(finding)),
                    News::Speech { samples, from_frame, place } => {
                        let to_frame = from_frame + samples.len() as u64;
                        if let Some(reading) = read(samples) {
                            progress.words(Read { place, from_frame, to_frame, reading }, table);
                        }
                    }
                    News::Anew { .. } | News::Tone { .. } | News::Voice { .. } => {}
                }
            }
            if ear.is_done() {
                break;
            }
        }
    }
    progress.told
}

/// Frames of 20 ms.
const PACKET: usize = 160;

fn telling(said: Said) -> bool {
    !matches!(said, Said::Network | Said::Person)
}

fn is_machine(said: Said) -> bool {
    matches!(said, Said::Voicemail | Said::Assistant | Said::Menu)
}

fn judge(heard: &Heard, place: Place) -> Option<LineStatus> {
    let sound = heard.sound;
    let certain = sound.filter(|sound| {
        sound.confidence >= CERTAIN && matches!(sound.class, SoundClass::Machine | SoundClass::Fax | SoundClass::Modem)
    });
    let words = heard.words.as_ref().and_then(|told| told.found.as_ref().map(|found| (told, found)));
    if let Some((told, found)) = words {
        let confidence = confidence(told, found);
        let by_words = |class, confidence| Some(status_by_words(class, confidence, told));
        match found.said {
            // A mailbox may say that nobody answers, and then it beeps.
            said if certain.is_some() && !is_machine(said) => {}
            said if telling(said) => return by_words(said.as_str(), confidence),
            Said::Network => return by_words(ANNOUNCEMENT, confidence.min(85)),
            _ => {}
        }
    }
    if let Some(told) = heard.words.as_ref().filter(|_| place == Place::Answered)
        && let Some(confidence) = answers(sound, heard.leaning, words.is_some())
    {
        return Some(status_by_words(PERSON, confidence, told));
    }
    let least = |class| if class == SoundClass::Person { DOUBTFUL } else { LEAST };
    let sound = sound.filter(|sound| sound.confidence >= least(sound.class))?;
    Some(LineStatus {
        class: sound.class.as_str(),
        confidence: sound.confidence,
        from_ms: ms(sound.from_frame),
        to_ms: ms(sound.to_frame),
        place,
        words: None,
    })
}

/// How surely somebody answers who waits for words of ours, by what he said. A greeting alone is no
/// sign of a person: machines greet, too.
fn answers(sound: Option<Finding>, leaning: Option<Leaning>, greets: bool) -> Option<u8> {
    let sound = sound.filter(|sound| sound.waits)?;
    let leaning = leaning?;
    let speaks = leaning.person >= 0.0;
    let limit = match () {
        () if leaning.hails => HAILING,
        () if speaks => SPEAKING,
        () => NOTHING_LIKE,
    };
    let unlike = leaning.recorded < limit && leaning.syllables >= SYLLABLES;
    let surely = leaning.hails || speaks;
    match sound.class {
        SoundClass::Person if sound.confidence >= DOUBTFUL => greets.then_some((sound.confidence + 15).min(95)),
        SoundClass::Person if unlike => Some(if surely { 75 } else { 65 }),
        // Who speaks for a firm greets as long as a machine. The longer it was, the more the words must tell.
        SoundClass::Machine if unlike && sound.confidence < 80 => Some(if surely { 60 } else { 50 }),
        SoundClass::Machine if unlike && leaning.hails && speaks => Some(50),
        _ => None,
    }
}

fn together(one: Leaning, other: Leaning) -> Leaning {
    Leaning {
        recorded: one.recorded.max(other.recorded),
        person: one.person.max(other.person),
        hails: one.hails || other.hails,
        syllables: one.syllables + other.syllables,
    }
}

/// How well the phrase fits, and how sure the model was of what it wrote.
fn confidence(told: &Told, found: &Match) -> u8 {
    let sure = 0.75 + 0.25 * told.read.reading.confidence.clamp(0.0, 1.0);
    (found.score * sure * 100.0).round().clamp(0.0, 99.0) as u8
}

fn status_by_words(class: LineClass, confidence: u8, told: &Told) -> LineStatus {
    let Told { read, rule, .. } = told;
    LineStatus {
        class,
        confidence,
        from_ms: ms(read.from_frame),
        to_ms: ms(read.to_frame),
        place: read.place,
        words: Some(Words {
            text: read.reading.text.clone(),
            rule: rule.clone(),
            model: read.reading.model.sha256.clone(),
            test_model: read.reading.model.test_only,
        }),
    }
}

fn ms(frame: u64) -> u64 {
    frame * 1000 / u64::from(RATE)
}
