//! One server per house: what a second one would take for the leavings of a dead run is a call
//! that somebody is in.

use std::{
    fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
    time::Duration,
};

use anyhow::Context as _;
use songda_store::{Claim, Db};

/// The file in the data folder that the server holds locked.
const LOCK: &str = "serving.lock";
/// How long a server before, that is dead, may go unmissed by the database.
const PATIENCE: Duration = Duration::from_secs(40);
/// Everybody who is neither the owner nor of his group.
const OTHERS: u32 = 0o007;

/// Held while the house serves; the system lets go of it when the process ends, however it does.
#[derive(Debug)]
pub struct Held {
    _folder: File,
    _database: Option<Claim>,
}

/// Takes the data folder for this process.
pub fn folder(folder: &Path) -> anyhow::Result<File> {
    private(folder)?;
    let path = folder.join(LOCK);
    let opened = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
    let file = opened
        .with_context(|| format!("opening {}: does the data folder belong to the user who serves?", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => anyhow::bail!(
            "another server works in the data folder {}: end it first, or give this one a folder and a database of its own",
            folder.display()
        ),
        // A network's folder may have no locks; the house served there before it asked for one.
        Err(TryLockError::Error(error)) => {
            tracing::warn!(lock = %path.display(), %error, "this folder cannot be locked: see to it that one server works in it");
            Ok(file)
        }
    }
}

/// Takes the database, too, where other machines reach it.
pub async fn database(folder: File, db: &Db) -> anyhow::Result<Held> {
    let claim = db.claim(PATIENCE).await.context("taking the database for this server")?;
    Ok(Held { _folder: folder, _database: claim })
}

/// Makes the data folder, and keeps other users of the machine out of it: names and case numbers
/// stand in the database in clear.
pub fn private(folder: &Path) -> anyhow::Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.with_context(|| format!("making the data folder {}", folder.display()))?;
    let looked = std::fs::metadata(folder);
    let mode = looked.with_context(|| format!("looking at {}", folder.display()))?.permissions().mode();
    if mode & OTHERS != 0 {
        let kept = Permissions::from_mode(mode & !OTHERS);
        if let Err(error) = std::fs::set_permissions(folder, kept) {
            let folder = folder.display();
            tracing::warn!(%folder, %error, "other users of this machine may look into the data folder: close it to them (chmod o=)");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r4_3d_a_second_server_in_one_data_folder_is_refused_until_the_first_is_gone() {
        let house = tempfile::tempdir().unwrap();
        let first = folder(house.path()).unwrap();
        let refused = folder(house.path()).unwrap_err().to_string();
        assert!(refused.contains("another server works in the data folder"), "{refused}");
        drop(first);
        folder(house.path()).unwrap();
    }

    #[test]
    fn other_users_of_the_machine_are_kept_out_of_the_data_folder() {
        let place = tempfile::tempdir().unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let new = place.path().join("data");
        private(&new).unwrap();
        assert_eq!(mode(&new), 0o700);
        // A group that makes the backups stays.
        std::fs::set_permissions(&new, Permissions::from_mode(0o755)).unwrap();
        private(&new).unwrap();
        assert_eq!(mode(&new), 0o750);
    }
}
