//! The closed recordings: a folder, and an S3 server behind it where one is named.

use std::{
    collections::{BTreeSet, HashSet},
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{
    Flaw, RecordingId, Vault, VaultError, WavReader, io,
    s3::{Copied, Far, Note, Remote, S3Error, is_noted, remove_note, remove_notes},
    source::{OnDisk, Source},
    sync_folder,
};

/// Where the closed recordings are.
pub(super) struct Shelf {
    folder: PathBuf,
    /// On which disk the folder lay at the start.
    disk: Option<u64>,
    remote: OnceLock<Arc<Remote>>,
    /// Those without a checked copy, once the folder was looked through.
    waiting: Mutex<BTreeSet<RecordingId>>,
    /// One throws out at a time.
    evicting: Mutex<()>,
    /// Those that are being copied, thrown out or removed at this moment.
    busy: Mutex<HashSet<RecordingId>>,
    free: Condvar,
    looked: AtomicBool,
}

/// Closed recordings lie in folders by the first characters of their id, which for an ULID is
/// its time.
pub(super) fn shelf_of(id: &RecordingId) -> &str {
    let text = id.as_str();
    &text[..text.len().min(5)]
}

/// Nobody else copies, throws out or removes this recording.
struct Alone<'a> {
    shelf: &'a Shelf,
    id: RecordingId,
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.shelf.busy.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
        self.shelf.free.notify_all();
    }
}

/// What a look for copies found.
#[derive(Debug, Default)]
pub struct Looked {
    /// How many the server did not have any more: they are made again.
    pub lost: usize,
    /// Those that are another on the server than the one that was checked, and what differs. Nobody writes
    /// over them.
    pub other: Vec<(RecordingId, S3Error)>,
}

/// A sealed file in the local folder.
struct Lying {
    id: RecordingId,
    path: PathBuf,
    bytes: u64,
}

impl Shelf {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            disk: fs::metadata(&folder).ok().map(|about| about.dev()),
            folder,
            remote: OnceLock::new(),
            waiting: Mutex::default(),
            evicting: Mutex::default(),
            busy: Mutex::default(),
            free: Condvar::new(),
            looked: AtomicBool::new(false),
        }
    }

    pub(super) fn path(&self, id: &RecordingId) -> PathBuf {
        self.folder.join(shelf_of(id)).join(format!("{id}.sdv"))
    }

    /// Whether a recording was closed under this id: its file is here, or was until its copy was
    /// checked. Nobody is asked over the network.
    pub(super) fn holds(&self, id: &RecordingId) -> bool {
        let path = self.path(id);
        path.exists() || is_noted(&path)
    }

    /// The same for the server, where there is one.
    pub(super) fn holds_far(&self, id: &RecordingId) -> Result<bool, VaultError> {
        Ok(match self.remote.get() {
            Some(remote) => remote.head(id)?.is_some(),
            None => false,
        })
    }

    /// Whether the sealed file or its copy is there. A disk or a server that does not answer is an
    /// error: it says neither.
    pub(super) fn is_there(&self, id: &RecordingId) -> Result<bool, VaultError> {
        let path = self.path(id);
        if path.try_exists().map_err(io("look for", &path))? {
            return Ok(true);
        }
        self.stands()?;
        match self.remote.get() {
            Some(remote) => Ok(remote.find(id)?.is_some()),
            None => self.no_copy_elsewhere(id).map(|()| false),
        }
    }

    /// That the folder is there, on the disk of the start. A disk that fell away has no file of any
    /// name: neither has the empty folder that it was mounted on.
    pub(super) fn stands(&self) -> Result<(), VaultError> {
        let about = fs::metadata(&self.folder).map_err(io("look for", &self.folder))?;
        if self.disk.is_none_or(|disk| disk == about.dev()) {
            return Ok(());
        }
        let other = "another disk is there than at the start: mount the right one, or start again if it is";
        Err(io("look into", &self.folder)(std::io::Error::other(other)))
    }

    /// That no checked copy lies on a server which nobody names any more: such a one is neither
    /// gone nor reached.
    fn no_copy_elsewhere(&self, id: &RecordingId) -> Result<(), VaultError> {
        let path = self.path(id);
        if !is_noted(&path) {
            return Ok(());
        }
        let note = Note::path(&path).display().to_string();
        Err(VaultError::CopyElsewhere { id: id.to_string(), note })
    }

    /// The server with a copy that was checked, when there is one.
    pub(super) fn spare(&self, id: &RecordingId) -> Option<Arc<Remote>> {
        self.remote.get().filter(|_| is_noted(&self.path(id))).cloned()
    }

    /// The server does not have this copy any more: it is made again.
    fn lost_copy(&self, lying: &Lying) -> Result<(), VaultError> {
        tracing::error!(recording = %lying.id, "the copy that was checked is not on the server any more: it is made again");
        remove_note(&lying.path)?;
        self.took(&lying.id);
        Ok(())
    }

    /// A recording was put on the shelf.
    pub(super) fn took(&self, id: &RecordingId) {
        if self.remote.get().is_some() {
            self.waiting().insert(id.clone());
        }
    }

    /// Opens the sealed file, wherever it is.
    pub(super) fn open(&self, id: &RecordingId) -> Result<Box<dyn Source>, VaultError> {
        match (OnDisk::open(&self.path(id), id), self.remote.get()) {
            (Ok(file), _) => Ok(Box::new(file)),
            (Err(error @ VaultError::Missing(_)), Some(remote)) => match Far::open(remote, id)? {
                Some(copy) => Ok(Box::new(copy)),
                None => self.stands().and(Err(error)),
            },
            (Err(error @ VaultError::Missing(_)), None) => {
                self.stands().and_then(|()| self.no_copy_elsewhere(id)).and(Err(error))
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Waits until nobody else is at this recording.
    fn alone(&self, id: &RecordingId) -> Alone<'_> {
        let busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let mut busy = self.free.wait_while(busy, |busy| busy.contains(id)).unwrap_or_else(PoisonError::into_inner);
        busy.insert(id.clone());
        Alone { shelf: self, id: id.clone() }
    }

    /// Removes file, copy and notes, and between them what `aside` removes. The copy first: a server
    /// that is away or refuses leaves all of it there. The file last: while that is there, all of it
    /// is found and asked for again.
    pub(super) fn remove(
        &self,
        id: &RecordingId,
        aside: impl FnOnce() -> Result<(), VaultError>,
    ) -> Result<(Option<u64>, Option<u64>), VaultError> {
        let _alone = self.alone(id);
        let remote_bytes = self.drop_copy(id)?;
        aside()?;
        Ok((self.drop_file(id)?, remote_bytes))
    }

    /// Removes the copy, whole or begun. While the file lies here it waits for a copy again, as it
    /// does after a removal that failed.
    fn drop_copy(&self, id: &RecordingId) -> Result<Option<u64>, VaultError> {
        let Some(remote) = self.remote.get() else { return self.no_copy_elsewhere(id).map(|()| None) };
        let path = self.path(id);
        remote.give_up(id, &path)?;
        let bytes = remote.delete(id)?;
        remove_note(&path)?;
        if path.exists() {
            self.waiting().insert(id.clone());
        } else {
            self.waiting().remove(id);
        }
        Ok(bytes)
    }

    /// Removes the file and the note of its copy. How far a copy got stays noted, for the server
    /// must still be told.
    fn drop_file(&self, id: &RecordingId) -> Result<Option<u64>, VaultError> {
        let path = self.path(id);
        let local_bytes = match fs::metadata(&path) {
            Ok(about) => Some(about.len()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => self.stands().map(|()| None)?,
            Err(error) => return Err(io("measure", &path)(error)),
        };
        if local_bytes.is_some() {
            fs::remove_file(&path).map_err(io("remove", &path))?;
        }
        self.waiting().remove(id);
        if self.remote.get().is_some() {
            remove_note(&path)?;
        } else {
            remove_notes(&path)?;
        }
        // Also where it was gone: the try that took it away may have failed at this.
        if path.parent().is_some_and(Path::exists) {
            sync_folder(&path)?;
        }
        Ok(local_bytes)
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeSet<RecordingId>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every sealed file that lies here, shelf by shelf, the oldest first.
    fn each(&self, mut take: impl FnMut(Lying) -> Result<bool, VaultError>) -> Result<(), VaultError> {
        for shelf in sorted(&self.folder)? {
            if !shelf.is_dir() {
                continue;
            }
            for path in sorted(&shelf)? {
                let name = path.extension().filter(|kind| *kind == "sdv").and_then(|_| path.file_stem());
                let Some(Ok(id)) = name.and_then(|name| name.to_str()).map(RecordingId::new) else { continue };
                let Ok(about) = fs::metadata(&path) else { continue };
                if !take(Lying { id, path, bytes: about.len() })? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn look_through(&self) -> Result<(), VaultError> {
        if self.looked.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut found = Vec::new();
        self.each(|lying| {
            if !is_noted(&lying.path) {
                found.push(lying.id);
            }
            Ok(true)
        })?;
        self.waiting().extend(found);
        self.looked.store(true, Ordering::Release);
        Ok(())
    }
}

fn sorted(folder: &Path) -> Result<Vec<PathBuf>, VaultError> {
    let entries = fs::read_dir(folder).map_err(io("list", folder))?;
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>();
    if let Ok(paths) = &mut paths {
        paths.sort();
    }
    paths.map_err(io("list", folder))
}

/// Copies on the S3 server. Each of these waits for server and disk.
impl Vault {
    /// The same, with copies of closed recordings on this server. Once for a vault.
    #[must_use]
    pub fn with_s3(self, remote: Arc<Remote>) -> Self {
        let _ = self.shelf.remote.set(remote);
        self
    }

    /// Where the copies go, when there is such a place.
    pub fn s3(&self) -> Option<&Remote> {
        self.shelf.remote.get().map(|remote| &**remote)
    }

    /// The closed recordings without a checked copy, the oldest first; none where there is no
    /// server. The first time, the folder is looked through.
    pub fn uncopied(&self) -> Result<Vec<RecordingId>, VaultError> {
        if self.s3().is_none() {
            return Ok(Vec::new());
        }
        self.shelf.look_through()?;
        Ok(self.shelf.waiting().iter().cloned().collect())
    }

    /// Copies a closed recording to the server and reads the copy back. It goes on where the
    /// last try ended, and does no harm when it is done already. One whose file is damaged
    /// ([`VaultError::Altered`], [`VaultError::Key`]) or not given by the disk
    /// ([`VaultError::Unreadable`]) is not sent.
    pub fn copy(&self, id: &RecordingId) -> Result<Copied, VaultError> {
        let remote = self.shelf.remote.get().ok_or_else(|| VaultError::Missing(id.to_string()))?;
        let _alone = self.shelf.alone(id);
        let done = self.fit_to_copy(id).and_then(|()| remote.copy(id, &self.shelf.path(id)));
        if matches!(done, Err(VaultError::Missing(_))) {
            self.shelf.stands()?;
        }
        // One that was removed meanwhile need not wait.
        if matches!(done, Ok(_) | Err(VaultError::Missing(_))) {
            self.shelf.waiting().remove(id);
        }
        done
    }

    /// Every block opens, and the sound is what the closing block says: what was damaged on the disk
    /// is not copied as if it were well.
    fn fit_to_copy(&self, id: &RecordingId) -> Result<(), VaultError> {
        let unreadable = |error| match error {
            VaultError::Io { .. } => VaultError::Unreadable { id: id.to_string(), error: Box::new(error) },
            other => other,
        };
        let file = OnDisk::open(&self.shelf.path(id), id).map_err(unreadable)?;
        let mut reader = WavReader::finished(Box::new(file), id, self.keys.as_ref()).map_err(unreadable)?;
        let (sha256, sm3) = reader.hashes().map_err(unreadable)?;
        match reader.manifest() {
            Some(closing) if closing.sha256 == sha256 && closing.sm3 == sm3 => Ok(()),
            _ => Err(VaultError::Altered { id: id.to_string(), block: reader.blocks(), flaw: Flaw::Sound }),
        }
    }

    /// Asks the server for the copies of up to so many recordings that lie here, going round by the
    /// order of their ids: one that the server lost waits to be copied again, and one that is another
    /// there is told. `after` is where the last call ended; it is moved on, and emptied at the end of a
    /// round.
    pub fn look_for_copies(&self, after: &mut Option<RecordingId>, most: usize) -> Result<Looked, VaultError> {
        let mut done = Looked::default();
        let Some(remote) = self.shelf.remote.get() else { return Ok(done) };
        let from = after.take();
        let mut looked = 0;
        self.shelf.each(|lying| {
            if from.as_ref().is_some_and(|from| lying.id <= *from) || !is_noted(&lying.path) {
                return Ok(true);
            }
            if looked == most {
                return Ok(false);
            }
            looked += 1;
            let _alone = self.shelf.alone(&lying.id);
            if is_noted(&lying.path) && lying.path.exists() {
                let compared = |about| remote.other_copy(&lying.id, &lying.path, &about);
                let found = remote.find(&lying.id).map_err(VaultError::from);
                match found.and_then(|about| about.map(compared).transpose()) {
                    Ok(Some(other)) => done.other.extend(other.map(|error| (lying.id.clone(), error))),
                    Ok(None) => {
                        self.shelf.lost_copy(&lying)?;
                        done.lost += 1;
                    }
                    // One that the server does not give keeps no other from being looked at.
                    Err(VaultError::S3(error)) if !error.is_away() => {
                        tracing::warn!(recording = %lying.id, %error, "a copy could not be compared");
                    }
                    Err(error) => return Err(error),
                }
            }
            *after = Some(lying.id);
            Ok(true)
        })?;
        if looked < most {
            *after = None;
        }
        Ok(done)
    }

    /// Whether the server has another copy of a recording that lies here than the one that was checked.
    pub fn has_other_copy(&self, id: &RecordingId) -> Result<bool, VaultError> {
        let (Some(remote), path) = (self.shelf.remote.get(), self.shelf.path(id)) else { return Ok(false) };
        let _alone = self.shelf.alone(id);
        if !is_noted(&path) || !path.exists() {
            return Ok(false);
        }
        let Some(about) = remote.find(id)? else { return Ok(false) };
        Ok(remote.other_copy(id, &path, &about)?.is_some())
    }

    /// Throws the oldest recordings out of the local folder while more lie there than are to
    /// stay; only those whose checked copy is still on the server. Answers the bytes that were
    /// freed.
    pub fn evict(&self) -> Result<u64, VaultError> {
        let Some(remote) = self.shelf.remote.get() else { return Ok(0) };
        let Some(keep) = remote.keep_local() else { return Ok(0) };
        let _alone = self.shelf.evicting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut total = 0;
        self.shelf.each(|lying| {
            total += lying.bytes;
            Ok(true)
        })?;
        let mut freed = 0;
        self.shelf.each(|lying| {
            if total - freed <= keep {
                return Ok(false);
            }
            let _alone = self.shelf.alone(&lying.id);
            let Some(note) = Note::read(&lying.path) else { return Ok(true) };
            if remote.find(&lying.id)?.is_none() {
                self.shelf.lost_copy(&lying)?;
                return Ok(true);
            }
            if note.bytes != lying.bytes || !remote.still_holds(&lying.id, &note)? {
                tracing::error!(recording = %lying.id, "the server has another copy than the one that was checked");
                return Ok(true);
            }
            fs::remove_file(&lying.path).map_err(io("remove", &lying.path))?;
            freed += lying.bytes;
            Ok(true)
        })?;
        Ok(freed)
    }
}
