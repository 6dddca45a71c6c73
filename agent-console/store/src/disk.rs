//! The guard of the disk: keeps room for the books, tells people long before it is full, and
//! when it is (R4.2a, E52).

use std::{sync::Arc, time::Duration};

use songda_recordings::{
    said::Said,
    vault::{Room, Vault},
};
use tokio::{
    sync::Notify,
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use crate::{Clock, Db, StoreError, alarms, outlook::Outlook};

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
    /// Whether people were told last that it fills up.
    warned: Option<bool>,
    outlook: Arc<Outlook>,
    room_again: Arc<Notify>,
}

impl Guard {
    /// A guard of this vault's disk. `room_again` is told each time when there is room after
    /// there was none: what could not be put away then can be now.
    pub fn new(db: Db, clock: Clock, vault: Arc<Vault>, outlook: Arc<Outlook>, room_again: Arc<Notify>) -> Self {
        Self { db, clock, vault, told: None, warned: None, outlook, room_again }
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
        self.look_ahead(room).await;
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

    /// Tells when the room will be gone soon, at the rate of the last hour.
    async fn look_ahead(&mut self, room: Room) {
        self.outlook.observe(self.clock.now_ms(), room);
        let hours = self.outlook.lasts(room).and_then(|lasts| lasts.hours);
        metrics::gauge!("songda_disk_hours_left").set(hours.unwrap_or(f64::INFINITY));
        let warns = self.outlook.warns(room, self.warned == Some(true));
        if self.warned == Some(warns) {
            return;
        }
        let done = if let Some(hours) = hours.filter(|_| warns) {
            let said = Said::new(
                "disk.filling",
                "the disk of the recordings is full in about {hours} h at the rate of the last hour ({free_mib} MiB left): add room, or delete what is over its time",
            );
            let said = said.with("hours", hours.round() as i64).with("free_mib", room.free / MIB);
            alarms::raise(&self.db, &self.clock, "disk.filling", OBJECT, &said).await
        } else {
            alarms::clear(&self.db, &self.clock, "disk.filling", OBJECT).await
        };
        match done {
            Ok(()) => self.warned = Some(warns),
            Err(error) => tracing::error!(%error, "how long the disk will last could not be told"),
        }
    }

    async fn tell(&self, room: Room) -> Result<(), StoreError> {
        if room.is_enough() {
            return alarms::clear(&self.db, &self.clock, "disk.full", OBJECT).await;
        }
        let said = Said::new(
            "disk.full",
            "the disk of the recordings is short of room: {free_mib} MiB left, {needed_mib} MiB needed. No new call goes out: make room",
        );
        let said = said.with("free_mib", room.free / MIB).with("needed_mib", room.needed.div_ceil(MIB));
        alarms::raise(&self.db, &self.clock, "disk.full", OBJECT, &said).await
    }
}
