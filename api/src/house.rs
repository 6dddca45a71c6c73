//! The house: what every handler stands on, opened once.

use std::{path::PathBuf, sync::Arc};

use anyhow::Context as _;
use songda_link::{
    deliver::{CaseSystem, Deliverer},
    push::Push,
};
use songda_recordings::{
    keys::{KeyError, KeyFile, KeyProvider, PublicKey, Signature},
    said::Said,
    vault::{Vault, s3::Remote},
};
use songda_service::{
    evidence::{Examiner, Roots},
    retention::{Certified, Deleter},
};
use songda_store::{Clock, Db, Objects, Sealer, StoreError, alarms, copies::Copies, http, newest, outlook::Outlook};
use zeroize::Zeroizing;

use crate::{claim, config::Config, notary::Known};

/// What every handler stands on.
#[derive(Clone)]
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
    /// Who signs and unwraps.
    pub keys: Arc<dyn KeyProvider>,
    /// Where the second copies of the day roots lie.
    pub roots_folder: PathBuf,
    /// How the copies of recordings stand.
    pub copies: Copies,
    /// The notary of the day roots, where there is one.
    pub(crate) notary: Option<Known>,
    /// How long the room on the disk lasts.
    pub outlook: Arc<Outlook>,
    /// Why nothing sealed can be read or written, when that is so (R4.3d).
    pub read_only: Option<Said>,
    /// How many time servers are named.
    pub time_servers: usize,
    /// Realm of the desk phones' passwords; none: no phone may register.
    pub phone_realm: Option<Arc<str>>,
    /// Demo mode.
    pub demo: bool,
    /// The address is TLS: cookies are `Secure` then.
    pub secure: bool,
}

impl std::fmt::Debug for House {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("House").field("db", &self.db).field("demo", &self.demo).finish_non_exhaustive()
    }
}

enum Keys {
    There(KeyFile),
    /// Why it cannot be used.
    Unusable(Said),
}

async fn open_keys(config: &Config, db: &Db) -> anyhow::Result<Keys> {
    let path = config.key_file();
    if db.is_empty().await? && !path.exists() {
        return Ok(Keys::There(KeyFile::create(&path)?));
    }
    if !path.exists() {
        let text = "the key file {path} is missing, and the database holds sealed data: restore it from the backup of the keys";
        return Ok(Keys::Unusable(Said::new("keys.missing", text).with("path", path.display().to_string())));
    }
    Ok(match KeyFile::open(&path) {
        Ok(keys) => Keys::There(keys),
        Err(error) => {
            let said = Said::new("keys.unusable", "the key file {path} cannot be used: {why}");
            Keys::Unusable(said.with("path", path.display().to_string()).with("why", error.to_string()))
        }
    })
}

/// A provider without a key: whatever is sealed stays shut.
struct NoKeys;

impl KeyProvider for NoKeys {
    fn wrap(&self, _: &[u8; 32], _: &[u8]) -> Result<Vec<u8>, KeyError> {
        Err(KeyError::DoesNotOpen)
    }

    fn unwrap(&self, _: &[u8], _: &[u8]) -> Result<Zeroizing<[u8; 32]>, KeyError> {
        Err(KeyError::DoesNotOpen)
    }

    fn mac(&self, _: &str, _: &[u8]) -> Result<[u8; 32], KeyError> {
        Err(KeyError::DoesNotOpen)
    }

    fn sign(&self, _: &[u8]) -> Result<Signature, KeyError> {
        Err(KeyError::DoesNotOpen)
    }

    fn public_keys(&self) -> Result<Vec<PublicKey>, KeyError> {
        Err(KeyError::DoesNotOpen)
    }
}

fn without_keys(why: Said) -> (Arc<dyn KeyProvider>, Sealer, Option<Said>) {
    tracing::error!(%why, "the house starts read-only");
    let keys: Arc<dyn KeyProvider> = Arc::new(NoKeys);
    (keys.clone(), Sealer::shut(keys), Some(why))
}

/// The keys of this start are the newest there are. That it cannot be noted stops no start.
async fn note_newest(db: &Db, clock: &Clock, keys: &dyn KeyProvider) {
    let noted = async {
        let mut tx = db.begin().await?;
        newest::note(tx.conn(), clock, keys).await?;
        tx.commit().await
    };
    if let Err(error) = noted.await {
        tracing::error!(%error, "the newest keys could not be noted: an older key file would not be told");
    }
}

impl House {
    /// Opens everything. The key file arises only with an empty database: sealed data
    /// without its key is told, never replaced, and the house starts read-only (R4.3d).
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        let folder = &config.data.folder;
        claim::private(folder)?;
        let db = Db::open(&config.database_url()).await.context("opening the database")?;
        let clock = Clock::system();
        let (keys, sealer, read_only) = match open_keys(config, &db).await? {
            Keys::There(keys) => {
                let keys: Arc<dyn KeyProvider> = Arc::new(keys);
                let sealer = Sealer::open(&db, keys.clone()).await;
                match sealer {
                    Ok(sealer) => {
                        note_newest(&db, &clock, keys.as_ref()).await;
                        (keys, sealer, None)
                    }
                    Err(StoreError::OlderKey) => without_keys(Said::new(
                        "keys.older",
                        "the key file is a copy from before the keys were made anew: restore the newest one from the backup of the keys",
                    )),
                    Err(StoreError::WrongKey) => without_keys(Said::new(
                        "keys.other",
                        "the key file does not open the sealed data: restore the right one from the backup of the keys",
                    )),
                    Err(error) => return Err(error).context("opening the sealed columns"),
                }
            }
            Keys::Unusable(why) => without_keys(why),
        };
        let objects = Objects::open(&folder.join("objects"), sealer.clone(), clock.clone())?;
        let vault = Vault::open(&folder.join("recordings"), keys.clone(), config.data.free_floor)?;
        let mut vault = vault.with_reserve(config.data.reserve);
        if let Some(s3) = &config.vault.s3 {
            vault = vault.with_s3(Arc::new(Remote::new(s3)?));
        }
        let vault = Arc::new(vault);
        let secure = config.server.tls.is_some();
        let time_servers = config.clock.ntp.len();
        let phone_realm = config.telephony.phone_realm.as_deref().map(Arc::from);
        let demo = config.demo;
        let roots_folder = folder.join("roots");
        let notary = config.evidence.notary.as_ref().map(Known::read).transpose()?;
        let outlook = Arc::new(Outlook::new(config.data.warn_hours));
        Ok(Self {
            db,
            clock,
            sealer,
            objects,
            vault,
            keys,
            roots_folder,
            copies: Copies::default(),
            notary,
            outlook,
            read_only,
            time_servers,
            phone_realm,
            demo,
            secure,
        })
    }

    /// Rings while the house cannot seal, so that people need not look at the health page, and is
    /// silent again once it can. What cannot be told stands in the log, and stops no start.
    pub(crate) async fn tell_read_only(&self) {
        let told = match &self.read_only {
            Some(why) => {
                let text = "the house is read-only: nothing is taken in and no call goes out, until it is started with the right key file. {why}";
                let said = Said::new("house.read_only", text).with("why", why.clone());
                alarms::raise(&self.db, &self.clock, "house.read_only", "house", &said).await
            }
            None => alarms::clear(&self.db, &self.clock, "house.read_only", "house").await,
        };
        if let Err(error) = told {
            tracing::error!(%error, "that the house is read-only, or no more, could not be told");
        }
    }

    /// Looks at evidence files.
    pub(crate) fn examiner(&self) -> Examiner {
        Examiner {
            db: self.db.clone(),
            clock: self.clock.clone(),
            sealer: self.sealer.clone(),
            objects: self.objects.clone(),
            vault: self.vault.clone(),
            keys: self.keys.clone(),
            certified: Certified::default(),
        }
    }

    /// Makes and reads day roots.
    pub(crate) fn roots(&self) -> Roots {
        Roots {
            db: self.db.clone(),
            clock: self.clock.clone(),
            keys: self.keys.clone(),
            vault: self.vault.clone(),
            folder: self.roots_folder.clone(),
        }
    }

    /// Carries out approved deletions.
    pub(crate) fn deleter(&self) -> Deleter {
        Deleter {
            db: self.db.clone(),
            clock: self.clock.clone(),
            objects: self.objects.clone(),
            vault: self.vault.clone(),
            keys: self.keys.clone(),
        }
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
