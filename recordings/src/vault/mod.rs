//! The vault: one append-only file of sealed blocks per recording.
//!
//! A block is one second of both channels, sealed with AES-256-GCM under the recording's
//! own key and bound to recording and place, and it is on the disk before the next one is
//! taken. So a kill leaves a valid prefix, and the disk never holds clear audio. A closing
//! block ends a finished file, so that a cut shows. What is read is WAV, PCM16, 8 kHz,
//! two channels, and the hashes are those of the WAV.

mod files;
mod flaw;
mod format;
mod layout;
mod lost;
mod manifest;
mod reader;
mod reserve;
pub mod s3;
mod shelf;
mod source;
mod syncs;
mod writer;

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

pub use files::BlockFile;
pub use flaw::Flaw;
use lost::Lost;
pub use lost::{LostPiece, SetAside};
pub use manifest::{Finished, Gap, GapKind, Manifest, Peaks, Recovered, Removed, Stayed, Verdict};
pub use reader::WavReader;
use reserve::Reserve;
pub use reserve::Room;
pub use shelf::Looked;
use shelf::{Shelf, shelf_of};
use syncs::Syncs;
use writer::Resumed;
pub use writer::Writer;

use crate::{
    keys::{KeyError, KeyProvider},
    said::Said,
};

/// Frames per second.
pub const RATE: u32 = 8_000;
/// Channels: left is what the party heard from us, right is what came from the party.
pub const CHANNELS: u16 = 2;
/// Frames of a full block.
pub const BLOCK_FRAMES: usize = 8_000;

/// Why the vault could not do something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The file system refused.
    #[error("the vault cannot {action} {path}: {error}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// To what.
        path: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// No such recording.
    #[error("the recording {0} is missing from the vault")]
    Missing(String),
    /// A block does not open.
    #[error("the recording {id} is altered at block {block}: {flaw}")]
    Altered {
        /// Recording.
        id: String,
        /// Block, from 0.
        block: u64,
        /// Why.
        flaw: Flaw,
    },
    /// The disk does not give its file.
    #[error("the file of the recording {id} cannot be read: {error}")]
    Unreadable {
        /// Recording.
        id: String,
        /// What the disk said.
        error: Box<VaultError>,
    },
    /// It is closed already.
    #[error("the recording {0} is closed already: it is not written over")]
    Shelved(String),
    /// The disk stands still.
    #[error(
        "the disk has not taken the recording {id} for {seconds} s: what was written of it stays, and is closed when the disk answers"
    )]
    Stalled {
        /// Recording.
        id: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// Its copy was checked, and the server that has it is not named any more.
    #[error(
        "the recording {id} has a copy on an S3 server, and none is named: name it in [vault.s3] again; where it is gone for good, remove the note {note} after the copy"
    )]
    CopyElsewhere {
        /// Recording.
        id: String,
        /// The note that says so, beside the sealed file.
        note: String,
    },
    /// It is not closed yet.
    #[error("the recording {0} is not closed: it cannot be removed")]
    Live(String),
    /// Less room than the floor.
    #[error("the vault has less than {floor} bytes left: make room before the next call")]
    Full {
        /// Bytes that must stay free.
        floor: u64,
    },
    /// The text is no recording id.
    #[error("not a recording id")]
    BadId,
    /// The S3 server, or the copy on it.
    #[error(transparent)]
    S3(#[from] s3::S3Error),
    /// A key operation failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Id of a recording: letters and digits only, because it names a file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RecordingId(String);

impl RecordingId {
    /// Takes an id of 1 to 64 ASCII letters and digits.
    pub fn new(text: &str) -> Result<Self, VaultError> {
        if (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(VaultError::BadId)
        }
    }

    /// The text of the id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for RecordingId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for RecordingId {
    type Error = VaultError;
    fn try_from(text: String) -> Result<Self, VaultError> {
        Self::new(&text)
    }
}

impl From<RecordingId> for String {
    fn from(id: RecordingId) -> Self {
        id.0
    }
}

/// The vault.
pub struct Vault {
    root: PathBuf,
    keys: Arc<dyn KeyProvider>,
    floor: u64,
    reserve: Arc<Reserve>,
    writing: Writing,
    syncs: Arc<Syncs>,
    files: files::Wrap,
    shelf: Arc<Shelf>,
    lost: Lost,
    patience: Duration,
}

/// So long the disk may stand still while somebody waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Recordings that this process is writing.
type Writing = Arc<Mutex<HashSet<RecordingId>>>;

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").field("root", &self.root).finish_non_exhaustive()
    }
}

impl Vault {
    /// Opens a vault in a folder, which is made when it is not there. `floor` is the
    /// number of bytes below which no new recording begins.
    pub fn open(root: &Path, keys: Arc<dyn KeyProvider>, floor: u64) -> Result<Self, VaultError> {
        for folder in [root.to_owned(), root.join("live"), root.join("closed")] {
            fs::create_dir_all(&folder).map_err(io("make", &folder))?;
            // A folder whose name is lost takes every recording in it with it.
            sync_folder(&folder)?;
        }
        let reserve = Arc::new(Reserve::new(root.join("reserve"), 0));
        Ok(Self {
            root: root.to_owned(),
            keys,
            floor,
            reserve,
            writing: Arc::default(),
            syncs: Arc::default(),
            files: files::plain(),
            shelf: Arc::new(Shelf::new(root.join("closed"))),
            lost: Lost::new(root.join("live/lost")),
            patience: PATIENCE,
        })
    }

    /// The same, writing to what `wrap` makes of each file: a test's slow disk for one.
    #[must_use]
    pub fn with_files(self, wrap: impl Fn(fs::File) -> Arc<dyn BlockFile> + Send + Sync + 'static) -> Self {
        Self { files: Arc::new(wrap), ..self }
    }

    /// The same, in which a writer waits so long for a disk that stands still, and not half a minute.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Has each sync of a recording told, with the time that it took.
    pub fn observe_syncs(&self, observer: impl Fn(Duration) + Send + Sync + 'static) {
        self.syncs.observe(Box::new(observer));
    }

    /// The slowest sync since this was asked last, those under way counted in as far as they
    /// have come at this moment. Over a second
    /// the disk does not keep up with the calls.
    pub fn slowest_sync(&self, now: Instant) -> Duration {
        self.syncs.slowest(now)
    }

    /// The same with so many bytes kept for the books, once [`Vault::tend`] is called.
    #[must_use]
    pub fn with_reserve(self, bytes: u64) -> Self {
        Self { reserve: Arc::new(Reserve::new(self.root.join("reserve"), bytes)), ..self }
    }

    /// Looks at the room that is left: keeps the reserve while there is enough, and gives it
    /// up to the books when there is none. For the one process that serves, every second.
    pub fn tend(&self) -> Result<Room, VaultError> {
        self.reserve.tend(self.free_bytes()?, self.floor).map_err(io("keep room in", &self.root))?;
        self.room()
    }

    /// The room that is left.
    pub fn room(&self) -> Result<Room, VaultError> {
        Ok(Room { free: self.free_bytes()?, needed: self.floor.saturating_add(self.reserve.missing()) })
    }

    /// Begins a recording: its file is there and on the disk when this returns. When it
    /// fails, the call must not go out (R4.2a). An id under which a recording was closed is refused
    /// ([`VaultError::Shelved`]).
    pub fn begin(&self, id: &RecordingId, started_ms: i64) -> Result<Writer, VaultError> {
        self.check_room()?;
        Writer::begin(self, id, started_ms)
    }

    /// Whether a recording could begin now: before anything is written down about its call.
    pub fn check_room(&self) -> Result<(), VaultError> {
        let room = self.room()?;
        if room.is_enough() { Ok(()) } else { Err(VaultError::Full { floor: room.needed }) }
    }

    /// Reads a recording, closed or live. A live one reads up to its last whole block. Where both
    /// are there, as after half a backup was put back, the closed one counts.
    pub fn read(&self, id: &RecordingId) -> Result<WavReader, VaultError> {
        if self.shelf.holds(id) {
            return self.read_closed(id);
        }
        // A live one first: nobody is asked over the network for it.
        match WavReader::unfinished(&self.live_path(id), id, self.keys.as_ref()) {
            Err(VaultError::Missing(_)) => self.read_closed(id),
            done => done,
        }
    }

    fn read_closed(&self, id: &RecordingId) -> Result<WavReader, VaultError> {
        WavReader::finished(self.shelf.open(id)?, id, self.keys.as_ref())
    }

    /// Reads a recording to be heard or written down: where its file here is damaged or the disk does
    /// not give it, and its checked copy is on the server, that copy is read. A check ([`Vault::verify`]) takes no copy for it.
    pub fn hear(&self, id: &RecordingId) -> Result<WavReader, VaultError> {
        let spare = self.shelf.spare(id);
        match (self.read(id), spare) {
            (Ok(reader), spare) => Ok(reader.with_spare(spare)),
            (Err(error), Some(remote)) if error.is_of_the_file() => {
                let Some(copy) = s3::Far::open(&remote, id)? else { return Err(error) };
                tracing::error!(recording = %id, %error, "the local file is damaged: its checked copy is read");
                WavReader::finished(Box::new(copy), id, self.keys.as_ref())
            }
            (Err(error), _) => Err(error),
        }
    }

    /// The manifest of a closed recording, from its closing block. For a recording whose
    /// process died between the shelf and the books.
    pub fn manifest(&self, id: &RecordingId) -> Result<Manifest, VaultError> {
        let reader = self.read_closed(id)?;
        reader.manifest().ok_or_else(|| VaultError::Altered {
            id: id.to_string(),
            block: reader.blocks(),
            flaw: Flaw::EndCut,
        })
    }

    /// Closes what a kill or a full disk left open, each at its last whole block; what is being
    /// written is left alone. Files that hold nothing but a header are removed. What does not open
    /// goes to `live/lost`: the end behind the last whole block, a file in which no block opens, and
    /// one whose name a closed recording has, which is kept.
    /// One that cannot be closed stays where it is and keeps no other from being closed.
    pub fn finish_unclosed(&self) -> Result<Finished, VaultError> {
        let folder = self.root.join("live");
        let mut done = Finished::default();
        // A server that is away is asked once, not for each of them.
        let mut far = true;
        for entry in fs::read_dir(&folder).map_err(io("list", &folder))? {
            let path = entry.map_err(io("list", &folder))?.path();
            let name = path.extension().filter(|kind| *kind == "sdv").and_then(|_| path.file_stem());
            let id = name.and_then(|stem| stem.to_str()).unwrap_or_default();
            let Ok(id) = RecordingId::new(id) else { continue };
            let closed = match Writer::resume(self, &id, &mut far) {
                Ok(Resumed::Busy) => continue,
                Ok(Resumed::Open(writer, aside)) => {
                    done.aside.extend(aside);
                    writer.finish_recovered().map(Some)
                }
                Ok(Resumed::Empty) => {
                    done.empty.push(id.clone());
                    fs::remove_file(&path).map_err(io("remove", &path)).map(|()| None)
                }
                Ok(Resumed::Aside(aside)) => {
                    done.aside.push(aside);
                    continue;
                }
                // Killed on its way to the shelf.
                Ok(Resumed::Shelved) => {
                    fs::remove_file(&path).map_err(io("remove", &path)).and_then(|()| self.manifest(&id).map(Some))
                }
                Err(error) => Err(error),
            };
            match closed {
                Ok(manifest) => done.closed.extend(manifest.map(|manifest| Recovered { manifest })),
                Err(error) => {
                    tracing::error!(recording = %id, %error, "an unfinished recording cannot be closed and stays");
                    done.stayed.push(Stayed { id, error });
                }
            }
        }
        Ok(done)
    }

    /// Checks a recording against its manifest, every block of it: length, hashes, time of the
    /// first frame and holes. Whether it was recovered is not looked at, for the books may have
    /// another word in that place. A disk that does not answer is an error and says nothing about
    /// the recording.
    pub fn verify(&self, id: &RecordingId, manifest: &Manifest) -> Result<Verdict, VaultError> {
        let found = self.read(id).and_then(|mut reader| Ok((reader.hashes()?, reader)));
        let altered = |reason: Said| Ok(Verdict::Altered { reason });
        match found {
            Ok((_, reader)) if reader.frames() != manifest.frames => {
                let said = Said::new("recording.frames", "{there} frames instead of {here}");
                altered(said.with("there", reader.frames()).with("here", manifest.frames))
            }
            Ok(((sha256, sm3), _)) if sha256 != manifest.sha256 || sm3 != manifest.sm3 => {
                altered(Said::new("recording.hash", "the hash differs from the manifest"))
            }
            Ok((_, reader)) if reader.started_ms() != manifest.started_ms => {
                let said = Said::new(
                    "recording.start",
                    "its first frame is of {there_at_ms} and not of {here_at_ms}, as the manifest has it",
                );
                altered(said.with("there_at_ms", reader.started_ms()).with("here_at_ms", manifest.started_ms))
            }
            Ok((_, reader)) => match reader.manifest() {
                Some(closing) if closing.gaps == manifest.gaps => Ok(Verdict::Intact),
                Some(_) => altered(Said::new("recording.gaps", "its gaps are others than in the manifest")),
                None => altered(Flaw::EndCut.said()),
            },
            Err(VaultError::Missing(_)) => Ok(Verdict::Missing),
            // A key in the file that the house's key does not open is not the one written there.
            Err(error @ (VaultError::Altered { .. } | VaultError::Key(_))) => altered(error.said()),
            Err(error) => Err(error),
        }
    }

    /// Whether anything of a recording is there: its file, closed or live, its copy on the server,
    /// or what a recovery set aside of it. A disk or a server that does not answer is an error,
    /// which says neither.
    pub fn is_there(&self, id: &RecordingId) -> Result<bool, VaultError> {
        let live = self.live_path(id);
        Ok(live.try_exists().map_err(io("look for", &live))? || self.lost.holds(id)? || self.shelf.is_there(id)?)
    }

    /// What a recovery set aside of a recording, by name.
    pub fn set_aside(&self, id: &RecordingId) -> Result<Vec<LostPiece>, VaultError> {
        self.lost.of(id)
    }

    /// Names of what was set aside of recordings of which nothing else is here: no closed file, nor
    /// one that is being written. No [`Vault::remove`] of a recording takes these along.
    pub fn only_set_aside(&self) -> Result<Vec<(RecordingId, String)>, VaultError> {
        let mut found = self.lost.all()?;
        found.retain(|(id, _)| !self.shelf.holds(id) && !self.live_path(id).exists());
        Ok(found)
    }

    /// One piece that was set aside, by its name, as it lies there; none when it is gone.
    pub fn piece(&self, name: &str) -> Result<Option<LostPiece>, VaultError> {
        let piece = self.lost.piece(name)?;
        if piece.is_none() {
            self.shelf.stands()?;
        }
        Ok(piece)
    }

    /// Opens such a piece.
    pub fn open_piece(&self, name: &str) -> Result<fs::File, VaultError> {
        self.lost.open(name)?.ok_or_else(|| VaultError::Missing(name.to_owned()))
    }

    /// Removes such a piece, when its time is over. One that is gone already is no error. Answers
    /// whether it was there.
    pub fn remove_piece(&self, name: &str) -> Result<bool, VaultError> {
        self.lost.remove_piece(name)
    }

    /// Whether a recording was closed under this id: its file is here, or was until its copy was
    /// checked. Nobody is asked over the network.
    pub fn was_closed(&self, id: &RecordingId) -> bool {
        self.shelf.holds(id)
    }

    /// Removes a closed recording, when its time is over, with what a recovery set aside of it. What
    /// is gone already is no error, so that it can be asked for again after a kill. One that is not
    /// closed is refused.
    pub fn remove(&self, id: &RecordingId) -> Result<Removed, VaultError> {
        if self.live_path(id).exists() {
            return Err(VaultError::Live(id.to_string()));
        }
        // Pieces before the file: while that is there, all of it is found and asked for again.
        let (local_bytes, remote_bytes) = self.shelf.remove(id, || self.lost.remove(id))?;
        Ok(Removed { local_bytes, remote_bytes })
    }

    /// Bytes free on the vault's file system.
    pub fn free_bytes(&self) -> Result<u64, VaultError> {
        let stat = rustix::fs::statvfs(&self.root).map_err(|error| VaultError::Io {
            action: "measure",
            path: self.root.display().to_string(),
            error: error.into(),
        })?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Where the sealed file of a closed recording lies, whether it is there or not.
    pub fn path(&self, id: &RecordingId) -> PathBuf {
        self.shelf.path(id)
    }

    /// Where a piece that was set aside lies, whether it is there or not.
    pub fn piece_path(&self, name: &str) -> PathBuf {
        self.lost.path(name)
    }

    fn live_path(&self, id: &RecordingId) -> PathBuf {
        self.root.join("live").join(format!("{id}.sdv"))
    }
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> VaultError {
    let path = path.display().to_string();
    move |error| VaultError::Io { action, path, error }
}

fn sync_folder(path: &Path) -> Result<(), VaultError> {
    let Some(folder) = path.parent() else { return Ok(()) };
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("sync", folder))
}
