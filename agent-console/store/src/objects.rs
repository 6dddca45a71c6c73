//! Files: sealed on the disk, known by a row with their hashes.

use std::{
    io::Write,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use sha2::{Digest, Sha256};
use songda_recordings::keys::KeyError;
use sqlx::Row;

use crate::{Clock, Db, Sealer, StoreError, Tx, evidence, new_id};

/// A stored file.
#[derive(Debug, Clone)]
pub struct Object {
    /// Id.
    pub id: String,
    /// SHA-256 of the clear content, hex.
    pub sha256: String,
    /// SM3 of the clear content, hex.
    pub sm3: String,
    /// Bytes of the clear content.
    pub size: i64,
}

/// The folder of files.
#[derive(Debug, Clone)]
pub struct Objects {
    root: Arc<PathBuf>,
    /// On which disk the folder lay at the start.
    disk: u64,
    sealer: Sealer,
    clock: Clock,
}

impl Objects {
    /// Files lie under `root`, which is made when it is not there.
    pub fn open(root: &Path, sealer: Sealer, clock: Clock) -> Result<Self, StoreError> {
        std::fs::create_dir_all(root).map_err(io("make", root))?;
        sync(root.parent().unwrap_or(root))?;
        let disk = std::fs::metadata(root).map_err(io("look for", root))?.dev();
        Ok(Self { root: Arc::new(root.to_owned()), disk, sealer, clock })
    }

    /// Stores a file: it lies on the disk before its row can commit. A row that does not
    /// commit leaves a file nobody knows, which harms nobody.
    pub async fn put(
        &self,
        tx: &mut Tx,
        court: &str,
        kind: &str,
        media_type: &str,
        content: &[u8],
    ) -> Result<Object, StoreError> {
        let object = Object {
            id: new_id(),
            sha256: hex::encode(Sha256::digest(content)),
            sm3: hex::encode(sm3::Sm3::digest(content)),
            size: content.len() as i64,
        };
        let sealed = self.sealer.seal(court, "document", "objects", "file", &object.id, content)?;
        let path = self.path(&object.id);
        tokio::task::spawn_blocking(move || write(&path, &sealed))
            .await
            .map_err(|error| StoreError::internal("storing a file", error))??;
        sqlx::query(
            "INSERT INTO objects (id, court_id, kind, suite, sha256, sm3, size, media_type, created_ms)
             VALUES ($1, $2, $3, 'aes-256-gcm', $4, $5, $6, $7, $8)",
        )
        .bind(&object.id)
        .bind(court)
        .bind(kind)
        .bind(&object.sha256)
        .bind(&object.sm3)
        .bind(object.size)
        .bind(media_type)
        .bind(self.clock.now_ms())
        .execute(&mut *tx.conn())
        .await?;
        let (sha256, sm3) = (&object.sha256, &object.sm3);
        let entry = evidence::Entry { id: &object.id, court, kind, owner: "", sha256, sm3, size: object.size };
        evidence::book(tx, &self.clock, entry).await?;
        Ok(object)
    }

    /// Reads a file and checks it against its row.
    pub async fn get(&self, db: &Db, id: &str) -> Result<Vec<u8>, StoreError> {
        let row = sqlx::query("SELECT sha256 FROM objects WHERE id = $1").bind(id).fetch_optional(db.read()).await?;
        let sha256: String = row.ok_or_else(|| StoreError::FileMissing(id.to_owned()))?.get(0);
        self.load(id, sha256).await
    }

    /// Like [`Self::get`], within a transaction.
    pub async fn get_in(&self, tx: &mut Tx, id: &str) -> Result<Vec<u8>, StoreError> {
        let row =
            sqlx::query("SELECT sha256 FROM objects WHERE id = $1").bind(id).fetch_optional(&mut *tx.conn()).await?;
        let sha256: String = row.ok_or_else(|| StoreError::FileMissing(id.to_owned()))?.get(0);
        self.load(id, sha256).await
    }

    /// What seals the files, and with them the sealed columns of the house.
    pub fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    /// Takes a file off the disk, for good; its row and its hashes stay. Answers whether it
    /// was there. A disk that fell away is an error: nothing was taken off it.
    pub async fn remove(&self, id: &str) -> Result<bool, StoreError> {
        self.stands().await?;
        let path = self.path(id);
        tokio::task::spawn_blocking(move || match std::fs::remove_file(&path) {
            Ok(()) => sync(path.parent().unwrap_or(&path)).map(|()| true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                // The try that took it away may have failed at this.
                let folder = path.parent().unwrap_or(&path);
                if folder.exists() { sync(folder).map(|()| false) } else { Ok(false) }
            }
            Err(error) => Err(io("remove", &path)(error)),
        })
        .await
        .map_err(|error| StoreError::internal("removing a file", error))?
    }

    /// Whether the file lies on the disk. A disk that does not answer, or that fell away, is an
    /// error, which says neither.
    pub async fn is_there(&self, id: &str) -> Result<bool, StoreError> {
        let path = self.path(id);
        let there = tokio::fs::try_exists(&path).await.map_err(io("look for", &path))?;
        if !there {
            self.stands().await?;
        }
        Ok(there)
    }

    /// That the folder is there, on the disk of the start. A disk that fell away has no file of any
    /// name: neither has the empty folder that it was mounted on.
    async fn stands(&self) -> Result<(), StoreError> {
        let about = tokio::fs::metadata(&*self.root).await.map_err(io("look for", &self.root))?;
        if about.dev() == self.disk {
            return Ok(());
        }
        let other = "another disk is there than at the start: mount the right one, or start again if it is";
        Err(io("look into", &self.root)(std::io::Error::other(other)))
    }

    /// The content of a file whose seal opens, whatever its hashes.
    pub async fn unsealed(&self, id: &str) -> Result<Vec<u8>, StoreError> {
        let path = self.path(id);
        let sealed = match tokio::fs::read(&path).await {
            Ok(sealed) => sealed,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.stands().await?;
                return Err(StoreError::FileMissing(id.to_owned()));
            }
            Err(error) => return Err(io("read", &path)(error)),
        };
        let content = self.sealer.open_sealed("objects", "file", id, &sealed).map_err(|error| match error {
            // Under a key that is known it was sealed otherwise; without that key nothing is
            // said about it.
            StoreError::Key(KeyError::DoesNotOpen) => StoreError::FileAltered(id.to_owned()),
            other => other,
        })?;
        Ok(content.to_vec())
    }

    async fn load(&self, id: &str, sha256: String) -> Result<Vec<u8>, StoreError> {
        let content = self.unsealed(id).await?;
        if hex::encode(Sha256::digest(&content)) != sha256 {
            return Err(StoreError::FileAltered(id.to_owned()));
        }
        Ok(content)
    }

    /// Where the sealed file of an object lies, whether it is there or not.
    pub fn path(&self, id: &str) -> PathBuf {
        let shelf: String = id.chars().take(5).collect();
        self.root.join(shelf).join(format!("{id}.sealed"))
    }
}

fn write(path: &Path, sealed: &[u8]) -> Result<(), StoreError> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder).map_err(io("make", folder))?;
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(io("create", path))?;
    if let Err(error) = file.write_all(sealed).and_then(|()| file.sync_all()) {
        // Half a file is no use to anybody, and on a full disk it takes room.
        let _ = std::fs::remove_file(path);
        return Err(io("write", path)(error));
    }
    // The file's name stands in its shelf, and the shelf's, which may be a new one, in the root.
    sync(folder)?;
    sync(folder.parent().unwrap_or(folder))
}

/// What was done to the names in a folder is on the disk.
fn sync(folder: &Path) -> Result<(), StoreError> {
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("sync", folder))
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.display().to_string();
    move |error| match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => StoreError::Full,
        _ => StoreError::Io { action, path, error },
    }
}
