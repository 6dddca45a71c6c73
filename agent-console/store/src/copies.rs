//! Copies of closed recordings on the S3 server, made one after another, and told when they
//! stay away.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use songda_recordings::{
    said::Said,
    vault::{RecordingId, Vault, VaultError, s3::S3Error},
};
use tokio::{
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use crate::{Clock, Db, StoreError, alarms};

/// How often it is looked whether a recording waits.
const LOOK: Duration = Duration::from_secs(5);
/// After a failure: the first wait, doubled up to the longest.
const FIRST_WAIT_MS: i64 = 10_000;
const LONGEST_WAIT_MS: i64 = 600_000;
/// Failing for so long, people are told.
const PATIENCE_MS: i64 = 900_000;
/// How often what was thrown out of the folder is looked at without a new copy.
const EVICTION_MS: i64 = 3_600_000;
/// How often the server is asked for copies that were made, and for how many at once.
const ASKING_MS: i64 = 600_000;
const ASKED: usize = 200;
/// What the alarm is about.
const OBJECT: &str = "house";
/// Alarms about one recording.
const DIFFERS: &str = "recording.copy_differs";
const DAMAGED: &str = "recording.copy_damaged";
/// So many recordings in a row that could not be copied, and the server is left alone for a while.
const IN_A_ROW: usize = 20;

/// How the copies stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Recordings without a checked copy.
    pub waiting: usize,
    /// Since when none could be made, or one of them could not, Unix milliseconds, and why.
    pub failing: Option<(i64, Said)>,
    /// Recordings in whose place the server holds something else.
    pub differing: usize,
}

impl Standing {
    /// Whether people are told by now.
    pub fn is_late(&self, now_ms: i64) -> bool {
        self.failing.as_ref().is_some_and(|(since, _)| now_ms - since >= PATIENCE_MS)
    }
}

/// Where others look how the copies stand.
#[derive(Debug, Clone, Default)]
pub struct Copies(Arc<Mutex<Standing>>);

impl Copies {
    /// How they stand.
    pub fn standing(&self) -> Standing {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, change: impl FnOnce(&mut Standing)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// One that could not be copied while others were.
#[derive(Debug)]
struct PutOff {
    since_ms: i64,
    wait_ms: i64,
    next_ms: i64,
    why: Said,
}

/// Makes the copies.
#[derive(Debug)]
pub struct Copier {
    db: Db,
    clock: Clock,
    vault: Arc<Vault>,
    copies: Copies,
    /// Left alone, because people must look: the kind of their alarm, and when they are tried again,
    /// Unix milliseconds.
    differing: HashMap<RecordingId, (&'static str, i64)>,
    /// Tried again when their time has come.
    put_off: HashMap<RecordingId, PutOff>,
    wait_ms: i64,
    next_ms: i64,
    eviction_ms: i64,
    asked_ms: i64,
    /// Where the last asking ended.
    asked_to: Option<RecordingId>,
    /// Checked copies that are others by now.
    others: usize,
    alarmed: bool,
}

impl Copier {
    /// A copier of this vault, which says in `copies` how they stand.
    pub fn new(db: Db, clock: Clock, vault: Arc<Vault>, copies: Copies) -> Self {
        let (differing, put_off) = (HashMap::new(), HashMap::new());
        // What an earlier run told is cleared by the first round in which nothing fails.
        let alarmed = true;
        let (wait_ms, next_ms, eviction_ms, asked_ms, asked_to) = (0, 0, 0, 0, None);
        Self {
            db,
            clock,
            vault,
            copies,
            differing,
            put_off,
            wait_ms,
            next_ms,
            eviction_ms,
            asked_ms,
            asked_to,
            others: 0,
            alarmed,
        }
    }

    /// Copies until cancelled; ends at once where there is no server.
    pub async fn run(mut self, cancel: CancellationToken) {
        if self.vault.s3().is_none() {
            return;
        }
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                _ = looks.tick() => {}
            }
            if let Err(error) = self.round(&cancel).await {
                tracing::error!(%error, "how the copies of recordings stand could not be told");
            }
        }
    }

    /// Copies what waits, once, unless the last failure is too near.
    pub async fn round(&mut self, cancel: &CancellationToken) -> Result<(), StoreError> {
        let waiting = self.ask(Vault::uncopied).await?;
        self.count(waiting.as_ref().map_or(0, Vec::len));
        if self.clock.now_ms() < self.next_ms {
            return Ok(());
        }
        let waiting = match waiting {
            Ok(waiting) => waiting,
            Err(error) => return self.failed(&error).await,
        };
        self.forget_removed(&waiting).await?;
        let mut left = waiting.len();
        let (mut copied, mut in_vain, mut in_a_row) = (false, false, 0);
        for id in waiting {
            if cancel.is_cancelled() {
                return Ok(());
            }
            if self.differing.get(&id).is_some_and(|(_, again_ms)| self.clock.now_ms() < *again_ms) || self.rests(&id) {
                continue;
            }
            let own = id.clone();
            match self.ask(move |vault| vault.copy(&own)).await? {
                Ok(done) => {
                    copied = true;
                    left -= 1;
                    in_a_row = 0;
                    self.count(left);
                    metrics::counter!("songda_vault_copied_bytes_total").increment(done.bytes);
                    self.succeeded(&id).await?;
                }
                // Removed meanwhile.
                Err(VaultError::Missing(_)) => {
                    left -= 1;
                    self.count(left);
                }
                Err(error @ VaultError::S3(S3Error::Differs { .. })) => self.differs(&id, &error).await?,
                Err(error @ (VaultError::Altered { .. } | VaultError::Key(_) | VaultError::Unreadable { .. })) => {
                    self.damaged(&id, &error).await?;
                }
                Err(error @ VaultError::S3(_)) if is_of_all(&error) => return self.failed(&error).await,
                // One of which the disk or the server does not take the copy keeps no other back.
                Err(error) => {
                    self.put_off(&id, &error);
                    in_vain = true;
                    in_a_row += 1;
                    if in_a_row == IN_A_ROW {
                        return self.failed(&error).await;
                    }
                }
            }
        }
        let now = self.clock.now_ms();
        if now - self.asked_ms >= ASKING_MS {
            let mut after = self.asked_to.clone();
            let asked = self.ask(move |vault| {
                let looked = vault.look_for_copies(&mut after, ASKED)?;
                Ok((looked, after))
            });
            match asked.await? {
                Ok((looked, after)) => {
                    (self.asked_ms, self.asked_to) = (now, after);
                    metrics::counter!("songda_vault_copies_lost_total").increment(looked.lost as u64);
                    for (id, error) in looked.other {
                        self.tell_other(&id, &error.into()).await?;
                    }
                }
                Err(error) => return self.failed(&error).await,
            }
            match self.look_at_others().await? {
                Ok(others) => self.others = others,
                Err(error) => return self.failed(&error).await,
            }
            self.tell_differing();
        }
        if copied || now - self.eviction_ms >= EVICTION_MS {
            match self.ask(Vault::evict).await? {
                Ok(0) => {}
                Ok(bytes) => tracing::info!(bytes, "recordings with a checked copy were taken out of the folder"),
                Err(error) => return self.failed(&error).await,
            }
            self.eviction_ms = now;
        }
        self.well().await?;
        // Told when it was tried in vain, not each time that it is looked.
        if in_vain && self.copies.standing().is_late(now) { self.late().await } else { Ok(()) }
    }

    /// The server takes copies: what waited was copied, or was removed and waits no more, but for what
    /// is put off.
    async fn well(&mut self) -> Result<(), StoreError> {
        self.wait_ms = 0;
        let first = self.put_off.values().min_by_key(|one| one.since_ms).map(|one| (one.since_ms, one.why.clone()));
        self.copies.set(|standing| standing.failing = first);
        if self.alarmed && self.put_off.is_empty() {
            alarms::clear(&self.db, &self.clock, "vault.copies_late", OBJECT).await?;
            self.alarmed = false;
        }
        Ok(())
    }

    /// Of what was removed nobody need look at the copy any more.
    async fn forget_removed(&mut self, waiting: &[RecordingId]) -> Result<(), StoreError> {
        self.put_off.retain(|id, _| waiting.contains(id));
        let removed: Vec<RecordingId> = self.differing.keys().filter(|id| !waiting.contains(id)).cloned().collect();
        for id in removed {
            let Some((kind, _)) = self.differing.get(&id).copied() else { continue };
            alarms::clear(&self.db, &self.clock, kind, id.as_str()).await?;
            self.differing.remove(&id);
        }
        self.tell_differing();
        Ok(())
    }

    fn tell_differing(&self) {
        let differing = self.differing.values().filter(|(kind, _)| *kind == DIFFERS).count() + self.others;
        self.copies.set(|standing| standing.differing = differing);
    }

    /// Looks again at the copies that were told to be others, also by an earlier run: which of them is the
    /// right one again, or is needed no more, is told no longer. Answers how many are left.
    async fn look_at_others(&self) -> Result<Result<usize, VaultError>, StoreError> {
        let mut left = 0;
        for alarm in alarms::open(&self.db).await?.into_iter().filter(|alarm| alarm.kind == DIFFERS) {
            let Ok(id) = RecordingId::new(&alarm.object_id) else { continue };
            // One that waits for its copy is tried, and told, by itself.
            if self.differing.contains_key(&id) {
                continue;
            }
            match self.ask(move |vault| vault.has_other_copy(&id)).await? {
                Ok(true) => left += 1,
                Ok(false) => alarms::clear(&self.db, &self.clock, DIFFERS, &alarm.object_id).await?,
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(left))
    }

    /// Waits for vault and server on a thread that may wait.
    async fn ask<T: Send + 'static>(
        &self,
        asked: impl FnOnce(&Vault) -> Result<T, VaultError> + Send + 'static,
    ) -> Result<Result<T, VaultError>, StoreError> {
        let vault = self.vault.clone();
        spawn_blocking(move || asked(&vault)).await.map_err(|error| StoreError::internal("copying recordings", error))
    }

    fn count(&self, waiting: usize) {
        metrics::gauge!("songda_vault_copies_waiting").set(waiting as f64);
        self.copies.set(|standing| standing.waiting = waiting);
    }

    async fn succeeded(&mut self, id: &RecordingId) -> Result<(), StoreError> {
        self.put_off.remove(id);
        for kind in [DIFFERS, DAMAGED] {
            alarms::clear(&self.db, &self.clock, kind, id.as_str()).await?;
        }
        self.differing.remove(id);
        // The server takes copies again, whatever comes of the others.
        self.well().await
    }

    async fn differs(&mut self, id: &RecordingId, error: &VaultError) -> Result<(), StoreError> {
        tracing::error!(recording = %id, %error, "a recording has another copy than itself");
        // Nobody writes over it: only after the next start.
        self.put_off.remove(id);
        self.differing.insert(id.clone(), (DIFFERS, i64::MAX));
        self.tell_differing();
        self.tell_other(id, error).await
    }

    async fn tell_other(&self, id: &RecordingId, error: &VaultError) -> Result<(), StoreError> {
        let text = "the storage server has something else under the name of the recording {recording}, which was not written over: find out who wrote it ({why})";
        let said = Said::new("recording.copy_differs", text).with("recording", id.as_str()).with("why", error.said());
        alarms::raise(&self.db, &self.clock, DIFFERS, id.as_str(), &said).await
    }

    /// One that is damaged on the disk, or that the disk does not give, keeps no other from being
    /// copied, and is tried again when it may have been put back.
    async fn damaged(&mut self, id: &RecordingId, error: &VaultError) -> Result<(), StoreError> {
        tracing::error!(recording = %id, %error, "a damaged recording was not copied");
        self.put_off.remove(id);
        self.differing.insert(id.clone(), (DAMAGED, self.clock.now_ms() + LONGEST_WAIT_MS));
        let text = "the file of the recording {recording} is damaged and was not copied to the storage server: restore it from the backup ({why})";
        let said = Said::new("recording.copy_damaged", text).with("recording", id.as_str()).with("why", error.said());
        alarms::raise(&self.db, &self.clock, DAMAGED, id.as_str(), &said).await
    }

    async fn failed(&mut self, error: &VaultError) -> Result<(), StoreError> {
        let now = self.clock.now_ms();
        self.wait_ms = (self.wait_ms * 2).clamp(FIRST_WAIT_MS, LONGEST_WAIT_MS);
        self.next_ms = now + self.wait_ms;
        tracing::warn!(%error, wait_ms = self.wait_ms, "recordings could not be copied");
        self.copies.set(|standing| {
            let since = standing.failing.as_ref().map_or(now, |(since, _)| *since);
            standing.failing = Some((since, error.said()));
        });
        if self.copies.standing().is_late(now) { self.late().await } else { Ok(()) }
    }

    /// Whether one that was put off is not to be tried yet.
    fn rests(&self, id: &RecordingId) -> bool {
        self.put_off.get(id).is_some_and(|one| self.clock.now_ms() < one.next_ms)
    }

    /// This one is tried again later, by itself.
    fn put_off(&mut self, id: &RecordingId, error: &VaultError) {
        let now = self.clock.now_ms();
        let (since_ms, before_ms) = self.put_off.get(id).map_or((now, 0), |one| (one.since_ms, one.wait_ms));
        let wait_ms = (before_ms * 2).clamp(FIRST_WAIT_MS, LONGEST_WAIT_MS);
        tracing::warn!(recording = %id, %error, wait_ms, "a recording could not be copied");
        let one = PutOff { since_ms, wait_ms, next_ms: now + wait_ms, why: error.said() };
        self.put_off.insert(id.clone(), one);
    }

    /// People are told.
    async fn late(&mut self) -> Result<(), StoreError> {
        let standing = self.copies.standing();
        let Some((_, why)) = standing.failing else { return Ok(()) };
        self.alarmed = true;
        let text = "recordings could not be copied to the storage server for a while, {waiting} wait: {why}";
        let said = Said::new("vault.copies_late", text).with("waiting", standing.waiting).with("why", why);
        alarms::raise(&self.db, &self.clock, "vault.copies_late", OBJECT, &said).await
    }
}

/// Whether what the server met, or said, is of every recording: it is away, or takes nothing from this
/// house.
fn is_of_all(error: &VaultError) -> bool {
    match error {
        VaultError::S3(S3Error::Refused { code, .. }) => code != "AccessDenied",
        VaultError::S3(error) => error.is_away(),
        _ => false,
    }
}
