//! The guard of the disk: keeps room for the books, and tells people when it is full (R4.2a).

use std::{sync::Arc, time::Duration};

use songda_recordings::vault::{Room, Vault};
use tokio::{
    sync::Notify,
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use crate::{Clock, Db, StoreError, alarms};

/// How often the room is looked at. A hundred calls take three megabytes in that time.
const LOOK: Duration = Duration::from_secs(1);
/// What the alarm is about.
const OBJECT: &str = "house";
const MIB: u64 = 1 << 20;

/// The guard of the disk on which the recordings lie.
#[derive(Debug)]
pub struct Guard {
    db: Db,
    clock: Clock,
    vault: Arc<Vault>,
    /// Whether people were told last that there is room; none before the first time.
    told: Option<bool>,
    room_again: Arc<Notify>,
}

impl Guard {
    /// A guard of this vault's disk. `room_again` is told each time when there is room after
    /// there was none: what could not be put away then can be now.
    pub fn new(db: Db, clock: Clock, vault: Arc<Vault>, room_again: Arc<Notify>) -> Self {
        Self { db, clock, vault, told: None, room_again }
    }

    /// Guards until cancelled.
    pub async fn run(mut self, cancel: CancellationToken) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                _ = looks.tick() => self.look().await,
            }
        }
    }

    /// Looks once; tells what has changed, and tries to tell again what could not be told.
    pub async fn look(&mut self) {
        let vault = self.vault.clone();
        let room = match spawn_blocking(move || vault.tend()).await {
            Ok(Ok(room)) => room,
            Ok(Err(error)) => return tracing::error!(%error, "the room on the disk cannot be measured"),
            Err(error) => return tracing::error!(%error, "the room on the disk was not measured"),
        };
        metrics::gauge!("songda_disk_free_bytes").set(room.free as f64);
        let enough = room.is_enough();
        if self.told == Some(enough) {
            return;
        }
        match self.tell(room).await {
            Ok(()) => {
                if enough && self.told == Some(false) {
                    self.room_again.notify_one();
                }
                self.told = Some(enough);
            }
            // With the books themselves full the log and the health page are all there is.
            Err(error) => tracing::error!(%error, free = room.free, "the room on the disk could not be told"),
        }
    }

    async fn tell(&self, room: Room) -> Result<(), StoreError> {
        if room.is_enough() {
            return alarms::clear(&self.db, &self.clock, "disk.full", OBJECT).await;
        }
        let text = format!(
            "录音所在磁盘空间不足：剩余 {} MiB，需要 {} MiB。不再拨出新电话，请清理磁盘",
            room.free / MIB,
            room.needed.div_ceil(MIB)
        );
        alarms::raise(&self.db, &self.clock, "disk.full", OBJECT, &text).await
    }
}
