//! How long the disk takes to take a second of sound; over a second people are told.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use songda_recordings::{said::Said, vault::Vault};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::{Clock, Db, StoreError, alarms};

/// A sync that takes longer is told.
const SLOW: Duration = Duration::from_secs(1);
/// After so long without a slow one the disk counts as well again.
const WELL_MS: i64 = 60_000;
const LOOK: Duration = Duration::from_secs(1);
/// What the alarm is about.
const OBJECT: &str = "house";

/// Watches the syncs of the recordings.
#[derive(Debug)]
pub struct Watch {
    db: Db,
    clock: Clock,
    vault: Arc<Vault>,
    /// When the last slow one was seen, while people know of it.
    slow_ms: Option<i64>,
}

impl Watch {
    /// A watch over this vault; each sync goes into `songda_vault_sync_seconds`.
    pub fn new(db: Db, clock: Clock, vault: Arc<Vault>) -> Self {
        vault.observe_syncs(|took| metrics::histogram!("songda_vault_sync_seconds").record(took.as_secs_f64()));
        // What an earlier run told is cleared in a minute.
        let slow_ms = Some(clock.now_ms());
        Self { db, clock, vault, slow_ms }
    }

    /// Watches until cancelled.
    pub async fn run(mut self, cancel: CancellationToken) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                _ = looks.tick() => {}
            }
            if let Err(error) = self.look(Instant::now()).await {
                tracing::error!(%error, "how fast the disk is could not be told");
            }
        }
    }

    /// Looks once, at this moment. A sync that has not returned yet is seen, too.
    pub async fn look(&mut self, at: Instant) -> Result<(), StoreError> {
        let (slowest, now) = (self.vault.slowest_sync(at), self.clock.now_ms());
        metrics::gauge!("songda_vault_sync_slowest_seconds").set(slowest.as_secs_f64());
        if slowest > SLOW {
            let said = Said::new(
                "vault.slow_disk",
                "the disk of the recordings is slow: one write took {seconds} s. Calls go on, and a power cut may lose more of them: look at the disk",
            );
            let said = said.with("seconds", (slowest.as_secs_f64() * 10.0).round() / 10.0);
            self.slow_ms = Some(now);
            return alarms::raise(&self.db, &self.clock, "vault.slow_disk", OBJECT, &said).await;
        }
        if self.slow_ms.is_some_and(|slow| now - slow >= WELL_MS) {
            alarms::clear(&self.db, &self.clock, "vault.slow_disk", OBJECT).await?;
            self.slow_ms = None;
        }
        Ok(())
    }
}
