//! What a call plays: prompts with their words, hold music, ring-back.
//!
//! A folder holds them for the house, and a folder in it, named by a court's code, holds
//! what this court has of its own. A call that could not say one of them does not go out
//! (R4.2f): files are looked for at each call, and read again only when they changed.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use songda_media::{Prompt, PromptError};
use songda_recordings::said::Said;

use crate::{facts::Parting, machine::Cue};

/// The language that every prompt has.
const HOME: &str = "zh";
/// Kinds of sound files, the first one found counts.
const KINDS: [&str; 4] = ["wav", "flac", "mp3", "ogg"];
/// How music stands among the prompts of a recording.
const MUSIC: &str = "♪";
/// How the tone before a message stands there.
const TONE: &str = "♩";

/// Why a sound cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SoundError {
    /// No file.
    #[error("there is no {name} (wav, flac, mp3 or ogg) in {folder}; put it there or correct telephony.prompts")]
    Missing {
        /// Its name.
        name: String,
        /// The folder of the house.
        folder: PathBuf,
    },
    /// The file is no sound.
    #[error(transparent)]
    Sound(#[from] PromptError),
    /// Its words.
    #[error("the words of a prompt cannot be read from {path}: {source}; the text file stands beside the sound")]
    Words {
        /// File.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
}

impl SoundError {
    /// In words.
    pub fn said(&self) -> Said {
        match self {
            Self::Missing { name, folder } => Said::new(
                "sound.missing",
                "there is no {name} (wav, flac, mp3 or ogg) in {folder}; put it there or correct telephony.prompts",
            )
            .with("name", name.as_str())
            .with("folder", folder.display().to_string()),
            Self::Sound(error) => {
                Said::new("sound.unfit", "a prompt cannot be used: {why}").with("why", error.to_string())
            }
            Self::Words { path, source } => Said::new(
                "sound.words",
                "the words of a prompt cannot be read from {path}: {why}; the text file stands beside the sound",
            )
            .with("path", path.display().to_string())
            .with("why", source.to_string()),
        }
    }
}

/// Something to play, and what it says.
#[derive(Debug, Clone)]
pub struct Sound {
    /// What is played.
    pub prompt: Arc<Prompt>,
    /// What it says.
    pub text: String,
}

/// Everything that one call plays.
#[derive(Debug, Clone)]
pub struct Sounds {
    /// The recording notice, in the language of the party and then in Chinese.
    pub notice: Vec<Sound>,
    /// Please hold.
    pub hold: Sound,
    /// Said when the agent was lost.
    pub apology: Sound,
    /// Said when the agent ends the call politely.
    pub farewell: Sound,
    /// Said when the recording cannot be kept.
    pub recording_failed: Sound,
    /// Played while the party waits.
    pub music: Sound,
    /// Played to the agent while it rings.
    pub ring_back: Arc<Prompt>,
    /// What only a call that comes in plays.
    pub caller: Option<CallerSounds>,
}

/// What only a call that comes in plays.
#[derive(Debug, Clone)]
pub struct CallerSounds {
    waiting: Sound,
    still_waiting: Sound,
    closed: [Sound; 2],
    nobody: [Sound; 2],
    leave_message: Sound,
    message_kept: Sound,
    beep: Sound,
}

impl CallerSounds {
    fn of(&self, cue: Cue) -> &[Sound] {
        use std::slice::from_ref;
        match cue {
            Cue::Waiting => from_ref(&self.waiting),
            Cue::StillWaiting => from_ref(&self.still_waiting),
            Cue::Closed => &self.closed[..1],
            Cue::Nobody => &self.nobody[..1],
            Cue::LeaveMessage => from_ref(&self.leave_message),
            Cue::Beep => from_ref(&self.beep),
            Cue::Parting(Parting::Closed) => &self.closed,
            Cue::Parting(Parting::Nobody) => &self.nobody,
            Cue::Parting(Parting::MessageKept) => from_ref(&self.message_kept),
            _ => &[],
        }
    }
}

impl Sounds {
    fn of(&self, cue: Cue) -> &[Sound] {
        use std::slice::from_ref;
        match cue {
            Cue::Notice => &self.notice,
            Cue::Hold => from_ref(&self.hold),
            Cue::Parting(Parting::Apology) => from_ref(&self.apology),
            Cue::Parting(Parting::Farewell) => from_ref(&self.farewell),
            Cue::Parting(Parting::RecordingFailed) => from_ref(&self.recording_failed),
            _ => self.caller.as_ref().map_or(&[], |caller| caller.of(cue)),
        }
    }

    /// What is played for a cue, each part with its number.
    pub(crate) fn parts(&self, cue: Cue) -> impl Iterator<Item = (u32, &Sound)> {
        (number(cue)..).zip(self.of(cue))
    }

    /// The cue that is over with this number, when it is the last of its parts.
    pub(crate) fn over(&self, part: u32) -> Option<Cue> {
        CUES.into_iter().find(|cue| self.parts(*cue).last().is_some_and(|(number, _)| number == part))
    }

    /// The words of a number.
    pub(crate) fn words(&self, part: u32) -> &str {
        CUES.into_iter()
            .flat_map(|cue| self.parts(cue))
            .find(|(number, _)| *number == part)
            .map_or(MUSIC, |(_, sound)| &sound.text)
    }
}

const CUES: [Cue; 14] = [
    Cue::Notice,
    Cue::Hold,
    Cue::Parting(Parting::Apology),
    Cue::Parting(Parting::Farewell),
    Cue::Parting(Parting::RecordingFailed),
    Cue::Waiting,
    Cue::StillWaiting,
    Cue::Closed,
    Cue::Nobody,
    Cue::LeaveMessage,
    Cue::Beep,
    Cue::Parting(Parting::Closed),
    Cue::Parting(Parting::Nobody),
    Cue::Parting(Parting::MessageKept),
];

/// The number of hold music.
pub(crate) const MUSIC_CUE: u32 = 0;

/// The number of the first part of a cue.
fn number(cue: Cue) -> u32 {
    match cue {
        Cue::Notice => 100,
        Cue::Hold => 200,
        Cue::Parting(Parting::Apology) => 300,
        Cue::Parting(Parting::Farewell) => 400,
        Cue::Parting(Parting::RecordingFailed) => 500,
        Cue::Waiting => 600,
        Cue::StillWaiting => 700,
        Cue::Closed => 800,
        Cue::Nobody => 900,
        Cue::LeaveMessage => 1_000,
        Cue::Beep => 1_100,
        Cue::Parting(Parting::Closed) => 1_200,
        Cue::Parting(Parting::Nobody) => 1_300,
        Cue::Parting(Parting::MessageKept) => 1_400,
    }
}

/// A file as it was read.
#[derive(Debug)]
struct Kept {
    changed: Option<SystemTime>,
    len: u64,
    prompt: Arc<Prompt>,
}

/// The folder with the sounds of the house.
#[derive(Debug)]
pub struct Library {
    folder: PathBuf,
    kept: Mutex<HashMap<PathBuf, Kept>>,
    ring_back: Arc<Prompt>,
    beep: Arc<Prompt>,
}

impl Library {
    /// The sounds in this folder; nothing is read yet.
    pub fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            kept: Mutex::default(),
            ring_back: Arc::new(Prompt::ring_back()),
            beep: Arc::new(Prompt::beep()),
        }
    }

    /// Everything for a call of this court in this language. A court without a folder has
    /// the sounds of the house, a prompt without this language is spoken in Chinese.
    pub fn sounds(&self, court: &str, language: &str) -> Result<Sounds, SoundError> {
        let first = self.spoken(court, "notice", language)?;
        let mut notice = vec![first.1];
        if language != HOME {
            let (path, sound) = self.spoken(court, "notice", HOME)?;
            if path != first.0 {
                notice.push(sound);
            }
        }
        let music = self.find(court, "music").ok_or_else(|| self.missing("music"))?;
        let ring_back = match self.find(court, "ring-back") {
            Some(path) => self.read(&path)?,
            None => self.ring_back.clone(),
        };
        Ok(Sounds {
            notice,
            hold: self.spoken(court, "hold", language)?.1,
            apology: self.spoken(court, "apology", language)?.1,
            farewell: self.spoken(court, "farewell", language)?.1,
            recording_failed: self.spoken(court, "recording-failed", language)?.1,
            music: Sound { prompt: self.read(&music)?, text: MUSIC.into() },
            ring_back,
            caller: None,
        })
    }

    /// Everything for a call that comes in to this court.
    pub fn caller_sounds(&self, court: &str, language: &str) -> Result<Sounds, SoundError> {
        let said = |name: &str| Ok::<Sound, SoundError>(self.spoken(court, name, language)?.1);
        let again = said("call-again")?;
        let caller = CallerSounds {
            waiting: said("waiting")?,
            still_waiting: said("still-waiting")?,
            closed: [said("closed")?, again.clone()],
            nobody: [said("nobody")?, again],
            leave_message: said("leave-message")?,
            message_kept: said("message-kept")?,
            beep: Sound { prompt: self.beep.clone(), text: TONE.into() },
        };
        Ok(Sounds { caller: Some(caller), ..self.sounds(court, language)? })
    }

    /// Languages in which the notice can be played, Chinese first.
    pub fn languages(&self, court: &str) -> Vec<String> {
        let mut found: Vec<String> = self
            .folders(court)
            .filter_map(|folder| std::fs::read_dir(folder).ok())
            .flatten()
            .filter_map(|entry| language_of(&entry.ok()?.path()))
            .collect();
        found.sort_by_key(|language| (language != HOME, language.clone()));
        found.dedup();
        found
    }

    /// The court's own folder, when its code can be a name, and the house's.
    fn folders(&self, court: &str) -> impl Iterator<Item = PathBuf> {
        let plain = |code: &&str| {
            !code.is_empty() && code.chars().all(|sign| sign.is_alphanumeric() || matches!(sign, '-' | '_'))
        };
        let own = Some(court).filter(plain).map(|code| self.folder.join(code));
        own.into_iter().chain([self.folder.clone()])
    }

    fn find(&self, court: &str, name: &str) -> Option<PathBuf> {
        self.folders(court)
            .flat_map(|folder| KINDS.map(|kind| folder.join(format!("{name}.{kind}"))))
            .find(|path| path.is_file())
    }

    fn missing(&self, name: &str) -> SoundError {
        SoundError::Missing { name: name.to_owned(), folder: self.folder.clone() }
    }

    fn spoken(&self, court: &str, name: &str, language: &str) -> Result<(PathBuf, Sound), SoundError> {
        let path = [language, HOME].iter().find_map(|language| self.find(court, &format!("{name}-{language}")));
        let path = path.ok_or_else(|| self.missing(&format!("{name}-{HOME}")))?;
        let prompt = self.read(&path)?;
        let words = path.with_extension("txt");
        let text = std::fs::read_to_string(&words).map_err(|source| SoundError::Words { path: words, source })?;
        Ok((path, Sound { prompt, text: text.trim().to_owned() }))
    }

    /// Reads a file, unless it is the one that was read before.
    fn read(&self, path: &Path) -> Result<Arc<Prompt>, SoundError> {
        let seen = std::fs::metadata(path).ok();
        let changed = seen.as_ref().and_then(|seen| seen.modified().ok());
        let len = seen.map_or(0, |seen| seen.len());
        let same = |kept: &&Kept| kept.changed == changed && kept.len == len && changed.is_some();
        if let Some(kept) = self.kept().get(path).filter(same) {
            return Ok(kept.prompt.clone());
        }
        let prompt = Arc::new(Prompt::load(path)?);
        self.kept().insert(path.to_owned(), Kept { changed, len, prompt: prompt.clone() });
        Ok(prompt)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, HashMap<PathBuf, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn language_of(path: &Path) -> Option<String> {
    let kind = path.extension()?.to_str()?;
    let language = path.file_stem()?.to_str()?.strip_prefix("notice-")?;
    KINDS.contains(&kind).then(|| language.to_owned())
}
