//! What a kill left open.

use std::{
    fs::{self, OpenOptions},
    os::unix::fs::MetadataExt,
    path::Path,
};

use super::{
    super::Flaw,
    super::{
        BLOCK_FRAMES, RecordingId, SetAside, Vault, VaultError, WavReader,
        format::{HEAD, key_aad},
        io,
    },
    Writer, Written,
};

/// A live file that was found.
pub(in crate::vault) enum Resumed {
    /// It goes on, without what was cut off its end.
    Open(Box<Writer>, Option<SetAside>),
    /// There is nothing but a header, or a piece of one.
    Empty,
    /// It could not go on, and lies elsewhere now.
    Aside(SetAside),
    /// The very same file is on its shelf.
    Shelved,
    /// It is being written, or was closed a moment ago.
    Busy,
}

impl Writer {
    /// Opens a live file again after a kill, cut to its last whole block; one that has its
    /// closing block already stays whole. `far` says whether the server is asked for a closed one,
    /// too, and is set back when it does not answer.
    pub(in crate::vault) fn resume(vault: &Vault, id: &RecordingId, far: &mut bool) -> Result<Resumed, VaultError> {
        let Some(written) = Written::enter(vault, id) else { return Ok(Resumed::Busy) };
        let live = vault.live_path(id);
        if !live.try_exists().map_err(io("look for", &live))? {
            // It was closed between the listing of the folder and this moment.
            return Ok(Resumed::Busy);
        }
        if is_same(&live, &vault.shelf.path(id)) {
            return Ok(Resumed::Shelved);
        }
        let closed = vault.shelf.holds(id)
            || *far
                && vault.shelf.holds_far(id).unwrap_or_else(|error| {
                    // Its copy will not be written over either.
                    tracing::warn!(%error, "whether unfinished recordings have a copy could not be asked");
                    *far = false;
                    false
                });
        let aside = |why| vault.lost.whole(&live, id, why).map(Resumed::Aside);
        if closed {
            return aside(Flaw::ClosedAlready);
        }
        let length = fs::metadata(&live).map_err(io("measure", &live))?.len();
        let reader = match WavReader::unfinished(&live, id, vault.keys.as_ref()) {
            Ok(reader) => reader,
            Err(VaultError::Altered { block: 0, flaw: Flaw::HeaderCut, .. }) => {
                // Killed while the header was being written, when there is no more than that.
                let whole = HEAD + vault.keys.wrap(&[0; 32], key_aad(id).as_bytes())?.len() as u64;
                return if length <= whole { Ok(Resumed::Empty) } else { aside(Flaw::HeaderUnreadable) };
            }
            Err(error) => return Err(error),
        };
        let manifest = reader.manifest();
        if reader.frames() == 0 && manifest.is_none() {
            return if length <= reader.head() { Ok(Resumed::Empty) } else { aside(Flaw::NothingOpens) };
        }
        let file = OpenOptions::new().write(true).open(&live).map_err(io("open", &live))?;
        let mut cut = None;
        if manifest.is_none() && length > reader.end() {
            cut = vault.lost.end(&live, reader.end(), id)?;
            file.set_len(reader.end()).map_err(io("cut", &live))?;
        }
        // A kill may have come before the last sync.
        file.sync_data().map_err(io("sync", &live))?;
        let writer = Self {
            id: id.clone(),
            version: reader.version(),
            key: reader.key(),
            tail: vault.syncs.tail((vault.files)(file), reader.end()),
            syncs: vault.syncs.clone(),
            head: reader.head(),
            end: reader.end(),
            shelf: vault.shelf.clone(),
            live,
            keys: vault.keys.clone(),
            started_ms: reader.started_ms(),
            place: reader.blocks(),
            frames: reader.frames(),
            short: !reader.frames().is_multiple_of(BLOCK_FRAMES as u64),
            manifest,
            reserve: vault.reserve.clone(),
            patience: vault.patience,
            _written: written,
        };
        Ok(Resumed::Open(Box::new(writer), cut))
    }
}

/// Whether both names are of one file.
fn is_same(one: &Path, other: &Path) -> bool {
    let place = |path| fs::metadata(path).ok().map(|about| (about.dev(), about.ino()));
    place(one).is_some_and(|one| place(other) == Some(one))
}
