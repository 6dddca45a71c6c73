//! The house: what every handler stands on, opened once.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use songda_link::{
    deliver::{CaseSystem, Deliverer},
    push::Push,
};
use songda_recordings::{keys::KeyFile, vault::Vault};
use songda_store::{Clock, Db, Objects, Sealer, http};

use crate::config::Config;

/// What every handler stands on.
#[derive(Clone, Debug)]
pub struct House {
    /// Database.
    pub db: Db,
    /// Clock.
    pub clock: Clock,
    /// Sealed columns.
    pub sealer: Sealer,
    /// Files.
    pub objects: Objects,
    /// Recordings.
    pub vault: Arc<Vault>,
    /// Demo mode.
    pub demo: bool,
    /// The address is TLS: cookies are `Secure` then.
    pub secure: bool,
}

impl House {
    /// Opens everything. The key file arises only with an empty database: sealed data
    /// without its key is told, never replaced (R4.3d).
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        let folder = &config.data.folder;
        std::fs::create_dir_all(folder).with_context(|| format!("making the data folder {}", folder.display()))?;
        let db = Db::open(&config.database_url()).await.context("opening the database")?;
        let path = config.key_file();
        let keys = if path.exists() {
            KeyFile::open(&path)?
        } else if db.is_empty().await? {
            KeyFile::create(&path)?
        } else {
            bail!(
                "the key file {} is missing, and the database holds sealed data: restore the file from the backup of the keys",
                path.display()
            );
        };
        let keys = Arc::new(keys);
        let clock = Clock::system();
        let sealer = Sealer::open(&db, keys.clone()).await.context("opening the sealed columns")?;
        let objects = Objects::open(&folder.join("objects"), sealer.clone(), clock.clone())?;
        let vault = Arc::new(Vault::open(&folder.join("recordings"), keys, config.data.free_floor)?);
        Ok(Self { db, clock, sealer, objects, vault, demo: config.demo, secure: config.server.tls.is_some() })
    }

    /// Takes pushes in.
    pub(crate) fn push(&self) -> Push {
        Push {
            db: self.db.clone(),
            clock: self.clock.clone(),
            sealer: self.sealer.clone(),
            objects: self.objects.clone(),
            demo_numbers_only: self.demo,
        }
    }

    /// Sends what waits for the case system, when there is one.
    pub(crate) fn deliverer(&self, config: &Config) -> anyhow::Result<Option<Deliverer>> {
        let Some(system) = &config.case_system else { return Ok(None) };
        let key = std::fs::read_to_string(&system.key_file)
            .with_context(|| format!("reading the key of the case system from {}", system.key_file.display()))?;
        Ok(Some(Deliverer {
            db: self.db.clone(),
            clock: self.clock.clone(),
            sealer: self.sealer.clone(),
            objects: self.objects.clone(),
            http: http::client()?,
            target: CaseSystem { url: system.url.clone(), key: key.trim().to_owned() },
        }))
    }
}
